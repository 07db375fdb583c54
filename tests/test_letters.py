"""The letters of typefaces: what is in the set, that no relative crosses a split, and pairs of letters."""

import csv
from collections import Counter

import numpy as np
import pytest
import torch

from recipes.letter_pairs import LetterPairs
from recipes.letters_data import ALLOWED, LEAST_INK, SAME_FACE, SIBLINGS, distances, near_duplicates, sides
from vae_course import load, load_classifier
from vae_course.data.images import DataError
from vae_course.data.letters import CSV, NPZ, warp

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def file():
    with np.load(NPZ) as content:
        return dict(content)


@pytest.fixture(scope="module")
def table():
    with CSV.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def test_part():
    return load("letters", "test")


def test_every_face_has_its_26_letters_in_every_split():
    seen = 0
    for split in SPLITS:
        data = load("letters", split)
        assert data.shape == (1, 32, 32) and data.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert data.labels.tolist() == list(range(26)) * (len(data) // 26)
        assert (data.faces.view(-1, 26) == data.faces[::26, None]).all()
        x = data.floats()
        assert x.dtype == torch.float32 and x.min() == 0 and x.max() == 1
        border = torch.cat([x[..., 0], x[..., -1], x[..., 0, :], x[..., -1, :]], dim=-1)
        assert border.mean() < 0.01 < x.mean() < 0.5  # white ink on black
        assert torch.equal(data.alphabets().flatten(0, 1), x)
        seen += len(data)
    both = load("letters", "train+validation")
    assert seen == 457 * 26 and len(both) == seen - len(load("letters", "test"))


def test_no_family_nor_a_relative_crosses_a_split(file):
    names, split = file["names"].tolist(), file["split"]
    assert sides(names, file["images"]) == split.tolist()  # by the rule, recomputed
    sides_of_word = {}
    for name, side in zip(names, split, strict=True):
        sides_of_word.setdefault(name.lower().split()[0], set()).add(side)
    assert all(len(found) == 1 for found in sides_of_word.values())
    other = split[:, None] != split[None]
    assert distances(file["images"])[other].min() >= SIBLINGS
    share = {side: count / len(split) for side, count in Counter(split.tolist()).items()}
    assert 0.72 < share["train"] < 0.86 and 0.05 < share["validation"] < 0.12 < share["test"] + 0.04


def test_no_two_faces_are_nearly_the_same_and_no_letter_is_blank(file):
    images = file["images"]
    assert near_duplicates(images) == {}
    apart = distances(images) + np.eye(len(images))
    assert apart.min() >= SAME_FACE
    assert (images.reshape(len(images), 26, -1) / 255).sum(-1).min() >= LEAST_INK
    assert near_duplicates(np.concatenate([images[:3], images[1:2]])) == {3: 1}


def test_the_table_agrees_with_the_pictures_and_every_license_is_open(file, table):
    kept = [row for row in table if not row["dropped"]]
    assert [row["family"] for row in kept] == file["names"].tolist()
    assert [row["split"] for row in kept] == file["split"].tolist()
    assert [row["category"] for row in kept] == file["category"].tolist()
    assert {row["license"] for row in kept} <= set(ALLOWED)
    assert all(row["split"] == "" for row in table if row["dropped"])
    assert all(row["package"].startswith("@fontsource/") and row["version"] for row in table)
    assert len({row["package"] for row in table}) == len(table)
    assert sum(bool(row["copyright"]) for row in kept) > 0.9 * len(kept)


def test_the_files_are_small():
    assert NPZ.stat().st_size <= 2_500_000 and CSV.stat().st_size < 150_000


def test_a_classifier_reads_the_letters_of_faces_it_never_saw(test_part):
    judge = load_classifier("letters")  # trained on the training part alone; 97.7 % when it was made
    right = judge.probabilities(test_part.floats()).argmax(1) == test_part.labels
    assert right.float().mean() > 0.96
    assert right.view(-1, 26).float().mean(0).min() > 0.85  # no letter is lost


def test_it_needs_no_checkout(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_COURSE_DATA", str(tmp_path))
    assert len(load("letters", "validation", download=False)) == 40 * 26


# Pairs


def batch(pairs, index, seed=0):
    return pairs.batch(index, torch.Generator().manual_seed(seed))


def test_a_pair_is_two_letters_of_one_face(test_part):
    pairs, index = LetterPairs(test_part), torch.arange(0, 1456, 5)
    x, letter, y, target = batch(pairs, index)
    assert torch.equal(x, test_part.batch(index)) and torch.equal(letter, test_part.labels[index])
    face = index // 26
    assert torch.equal(y, test_part.alphabets()[face, target])
    assert 0.0 < (letter == target).float().mean() < 0.15 and len(target.unique()) == 26
    assert torch.equal(target, batch(pairs, index)[3]) and not torch.equal(target, batch(pairs, index, 1)[3])


def test_both_of_a_pair_are_warped_alike_and_a_little(test_part):
    index = torch.arange(520)
    plain, warped = LetterPairs(test_part), LetterPairs(test_part, warped=True)
    x, letter, y, target = batch(warped, index)
    same = letter == target
    assert torch.equal(x[same], y[same]) and same.any()
    assert x.min() >= 0 and x.max() <= 1
    moved = (x - batch(plain, index)[0]).square().mean()
    assert 0.001 < moved < 0.05
    center = torch.zeros(1, 1, 32, 32)
    center[..., 14:18, 14:18] = 1
    assert warp(center.expand(50, -1, -1, -1))[..., 15:17, 15:17].min() > 0.5


def test_other_pictures_can_be_what_is_written(test_part):
    inverse = test_part.select(torch.arange(52))
    inverse = type(inverse)(**{**vars(inverse), "images": 255 - inverse.images})
    pairs = LetterPairs(test_part.select(torch.arange(52)), written=inverse).to("cpu")
    _, _, y, target = batch(pairs, torch.arange(52))
    torch.testing.assert_close(1 - y, test_part.alphabets()[torch.arange(52) // 26, target])


def test_a_subset_has_no_alphabets():
    part = load("letters", "test", subset=260)
    with pytest.raises(DataError, match="whole alphabets"):
        LetterPairs(part)
    with pytest.raises(DataError, match="whole alphabets"):
        part.alphabets()

"""One base seed moves every draw; base seed 0 is frozen; names do not meet."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vae_course
from vae_course import VAE, CurveModel, evaluate, load, ring_mixture
from vae_course.data.images import stratified_index
from vae_course.randomness import base_seed, base_seeded, seed_everything, seed_of, seeded, seeded_numpy


@pytest.fixture(autouse=True)
def no_base_seed(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_SEED", raising=False)


def test_under_base_seed_0_a_whole_number_is_its_own_seed():
    assert [seed_of(n) for n in (0, 3, 1000, 2**40, np.int64(5))] == [0, 3, 1000, 2**40, 5]
    expected = torch.randn(4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.randn(4, generator=seeded(3)), expected)
    assert seeded_numpy(3).randint(2**31) == np.random.RandomState(3).randint(2**31)
    seed_everything(3)
    assert torch.initial_seed() == 3


def test_known_seeds_never_change():
    """printf "0/'noise'" | sha256sum, first eight digits; the others alike."""
    assert (seed_of("noise"), seed_of("split")) == (103541255, 314799285)
    with base_seeded(1):
        assert (seed_of(0), seed_of(3), seed_of("noise")) == (416735690, 226430515, 4211770431)


def test_another_process_finds_the_same_seeds():
    code = (
        "from vae_course.randomness import *; print(seed_of(3), seed_of('noise'), seeded('a').initial_seed())"
    )
    variables = {**os.environ, "VAE_COURSE_SEED": "7", "PYTHONHASHSEED": "11", "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    with base_seeded(7):
        here = [seed_of(3), seed_of("noise"), seeded("a").initial_seed()]
    assert [int(number) for number in told.stdout.split()] == here


def test_names_and_base_seeds_do_not_meet():
    names = [*range(200), *map(str, range(200)), "noise", "noise ", "Noise"]
    seeds = set()
    for base in range(1, 6):
        with base_seeded(base):
            seeds |= {seed_of(name) for name in names}
    # 2,015 draws of 32 bits meet with probability 2015² / 2³³ ≈ 0.0005, and these are fixed.
    assert len(seeds) == 5 * len(names)


def test_streams_of_neighboring_names_are_uncorrelated():
    n = 20_000
    with base_seeded(4):
        streams = torch.stack([torch.randn(n, generator=seeded(name)) for name in (0, 1, 2, "0", "a", "b")])
    off = torch.corrcoef(streams) - torch.eye(6)
    assert off.abs().max() < 5 / n**0.5  # each correlation has standard deviation 1/√n; 15 pairs


def test_the_base_seed_moves_torch_numpy_and_python_and_comes_back():
    def draws():
        seed_everything(0)
        return torch.rand(()).item(), np.random.rand(), random.random(), seeded_numpy("x").rand()

    before = draws()
    with base_seeded(1):
        assert base_seed() == 1
        assert all(a != b for a, b in zip(draws(), before, strict=True))
        with base_seeded(2):
            assert base_seed() == 2
        assert base_seed() == 1
    assert base_seed() == 0 and "VAE_COURSE_SEED" not in os.environ
    assert draws() == before


@pytest.mark.parametrize("text", ["-1", "1.5", "seed"])
def test_a_base_seed_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("VAE_COURSE_SEED", text)
    with pytest.raises(ValueError, match=r"VAE_COURSE_SEED is .* whole number from 0 on"):
        seed_of(0)
    monkeypatch.setenv("VAE_COURSE_SEED", " ")
    assert base_seed() == 0


def test_a_refused_base_seed_leaves_the_old_one():
    with pytest.raises(ValueError), base_seeded(-3):
        pass
    assert base_seed() == 0


@pytest.mark.parametrize("name", [1.5, None, (1, 2)])
def test_a_name_is_a_whole_number_or_a_text(name):
    with pytest.raises(TypeError, match="as an integer"):
        seed_of(name)


OWN_SEEDS = re.compile(
    r"manual_seed\(|RandomState\(|default_rng\(|random\.seed\(|random\.Random\(|random_state=\d"
)
# What may seed by itself, how often at most, and why.
ALLOWED = {
    "data/faces.py": (1, "data: the drawn faces are a data set"),
    "data/images.py": (1, "data: which own pictures are held out"),
    "data/loading.py": (1, "data: the fixed binary version of a set"),
    "data/mnist.py": (1, "data: the digits' parts"),
    "data/sound.py": (2, "data: the synthetic speakers; the first phases of an inversion"),
    "data/tables.py": (1, "data: the biopsies' parts"),
    "data/text.py": (2, "data: the invented names and sentences, and their parts"),
    "models/text.py": (1, "dropout: a counter that began with a draw"),
    "plots/latent.py": (3, "numpy's generator, seeded by seed_of"),
    "teaching/grading.py": (3, "answers are graded with seeds of their own"),
    "training/loop.py": (1, "a generator that exists, seeded by seed_of"),
}


def test_no_draw_of_the_package_or_a_chapter_escapes_the_base_seed():
    package = Path(vae_course.__file__).parent
    found = {
        str(path.relative_to(package)): len(OWN_SEEDS.findall(path.read_text(encoding="utf-8")))
        for path in package.rglob("*.py")
        if path.name != "randomness.py" and "exercises" not in path.parts  # graded with seeds of their own
    }
    escaped = {name: count for name, count in found.items() if count > ALLOWED.get(name, (0, ""))[0]}
    assert escaped == {}, "draw with vae_course.randomness, or say here why not"
    assert sum(found.values()) > 10  # the pattern still finds what is allowed
    for path in sorted((package.parent / "notebooks" / "source").glob("*.py")):
        assert OWN_SEEDS.findall(path.read_text(encoding="utf-8")) == [], path.name


def test_the_package_moves_with_the_base_seed_and_base_seed_0_is_what_it_was():
    model = VAE.for_data(load("digits"), latent_dim=2, hidden_dims=(8,))
    x = load("digits", "validation").subset(50)

    def subset_sum() -> float:
        return load("digits").subset(20, seed=2).floats().sum().item()

    def drawn() -> list:
        return [
            evaluate(model, x, seed=0).negative_elbo.value,
            CurveModel().sample(5, seed=1)[0].sum().item(),
            ring_mixture().sample(5, seed=3)[0].sum().item(),
            subset_sum(),
        ]

    before = drawn()
    frozen = np.random.RandomState(2)  # what `subset` drew in the first edition
    labels = load("digits").labels.numpy()
    assert before[3] == load("digits").floats()[stratified_index(labels, 20, frozen)].sum().item()
    with base_seeded(1):
        assert all(a != b for a, b in zip(drawn(), before, strict=True))
    assert drawn() == before

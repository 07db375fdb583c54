"""Own pictures on the command line: train, resume, measure, interpolate, and ways to give a wrong file."""

import json

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

import vae_course.cli
from vae_course import load_model, load_pictures
from vae_course.__main__ import main
from vae_course.data.images import DataError

SMALL = ["--hidden-dims", "16", "--latent-dim", "2", "--epochs", "2", "--device", "cpu", "--quiet"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with mine.npy, other.npy of the same shape, large.npy and few.npy, and a finished run."""
    place = tmp_path_factory.mktemp("own")
    images = tiny_images(60, (1, 8, 8)).images.numpy()
    np.save(place / "mine.npy", images)
    np.save(place / "other.npy", 255 - images)
    np.save(place / "large.npy", np.zeros((60, 3, 12, 12), np.uint8))
    np.save(place / "few.npy", images[:49])
    for name, channels in {"two": 2, "four": 4, "seven": 7}.items():
        np.save(place / f"{name}.npy", np.zeros((60, channels, 16, 16), np.uint8))
    assert main(["train", "--images", str(place / "mine.npy"), *SMALL, "--output", str(place / "run")]) == 0
    return place


def stop(*arguments, **more):
    raise KeyboardInterrupt


def test_the_three_parts_share_nothing_and_a_sweep_never_sees_the_test_part(place, monkeypatch):
    parts = {part.split: part for part in load_pictures(place / "mine.npy").parts()}
    assert {split: len(data) for split, data in parts.items()} == {"train": 48, "validation": 6, "test": 6}
    everything = torch.cat([data.images for data in parts.values()]).flatten(1)
    assert sorted(everything.tolist()) == sorted(np.load(place / "mine.npy").reshape(60, -1).tolist())
    seen = []
    monkeypatch.setattr(vae_course, "run_sweep", lambda cells, *data, **more: seen.extend(data) or stop())
    assert main(["sweep", "--images", str(place / "mine.npy"), "--output", str(place / "sweep")]) == 130
    for used, split in zip(seen, ("train", "validation"), strict=True):
        assert torch.equal(used.images, parts[split].images)
    with pytest.raises(DataError, match="holds 49 pictures; at least 50 are needed"):
        load_pictures(place / "few.npy").parts()


def test_a_run_remembers_the_content_and_not_the_place(place):
    name = load_pictures(place / "mine.npy").name
    assert json.loads((place / "run" / "metrics.json").read_text())["dataset"] == name
    settings = json.loads((place / "run" / "config.json").read_text())["settings"]
    assert settings["dataset"] == name and "images" not in settings
    content = b"".join(path.read_bytes() for path in (place / "run").iterdir())
    assert str(place).encode() not in content


def test_its_commands_take_the_file_again(place, capsys):
    run, mine = str(place / "run"), str(place / "mine.npy")
    assert main(["evaluate", "--model", run, "--images", mine]) == 0
    measured = json.loads((place / "run" / "metrics.json").read_text())["negative_elbo"]["value"]
    out = capsys.readouterr().out
    assert "mine-" in out and f"{measured:.2f}" in out and "6 images" in out
    assert main(["evaluate", "--model", run, "--images", str(place / "other.npy")]) == 0
    assert "other-" in capsys.readouterr().out
    picture = place / "path.png"
    ends = ["--from", "index:1", "--to", "index:4", "--output", str(picture)]
    assert main(["interpolate", "--model", run, "--images", mine, *ends]) == 0
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["evaluate", "--model", "run"], "--images is missing: the model learns from own images (mine-"),
        (["interpolate", "--model", "run", "--from", "1", "--to", "2"], "--images is missing"),
        (
            ["evaluate", "--model", "run", "--images", "large.npy"],
            "has images of 3x12x12, and the model takes",
        ),
        (["evaluate", "--model", "run", "--images", "mine.npy", "--dataset", "digits"], "exclude each other"),
        (["train", "--images", "mine.npy", "--dataset", "digits", "--output", "new"], "exclude each other"),
        (["sweep", "--images", "mine.npy", "--dataset", "digits", "--output", "new"], "exclude each other"),
        (["train", "--images", "few.npy", "--output", "new"], "at least 50 are needed"),
        (["train", "--images", "nowhere.npy", "--output", "new"], "there is no file nowhere.npy"),
        (["train", "--resume", "--output", "run", "--dataset", "digits"], "was started with mine-"),
        (
            ["interpolate", "--model", "run", "--images", "mine.npy", "--from", "cat", "--to", "1"],
            "--from: cat is neither a class (there are none) nor index:0 to index:5",
        ),
        (["train", "--images", "two.npy", "--output", "new"], "1 or 3 channels is expected"),
        (["train", "--images", "four.npy", "--output", "new"], "1 or 3 channels is expected"),
        (["train", "--images", "seven.npy", "--output", "new"], "1 or 3 channels is expected"),
        (["sweep", "--images", "four.npy", "--output", "new"], "1 or 3 channels is expected"),
    ],
)
def test_the_wrong_source_is_told_in_a_sentence(place, monkeypatch, capsys, command, words):
    monkeypatch.chdir(place)
    # The data cannot be had, which is no matter of usage.
    of_data = {"few.npy", "nowhere.npy", "two.npy", "four.npy", "seven.npy"} & set(command)
    assert main(command) == (1 if of_data else 2)
    assert words in capsys.readouterr().err and not (place / "new").exists()


def test_an_interrupted_run_goes_on_with_its_file_alone(place, monkeypatch, capsys):
    folder, mine = str(place / "parts"), str(place / "mine.npy")

    with monkeypatch.context() as patch:
        patch.setattr(vae_course.cli, "report", stop)
        assert main(["train", "--images", mine, *SMALL, "--output", folder]) == 130
    assert f"train --resume --output {folder} --images {mine}" in capsys.readouterr().err
    assert main(["train", "--resume", "--output", folder]) == 2
    assert "--images is missing" in capsys.readouterr().err
    assert main(["train", "--resume", "--output", folder, "--images", str(place / "other.npy")]) == 2
    assert "give what it learned from" in capsys.readouterr().err
    (place / "moved.npy").write_bytes((place / "mine.npy").read_bytes())  # another name is another data set
    assert main(["train", "--resume", "--output", folder, "--images", str(place / "moved.npy")]) == 2
    capsys.readouterr()
    assert main(["train", "--resume", "--output", folder, "--images", mine, "--quiet"]) == 0
    one, other = (load_model(place / name / "model.pt").state_dict() for name in ("run", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)

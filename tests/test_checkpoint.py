"""Checkpoints: complete or not there, free of code, and rebuilt into the same model."""

import os
import pickle
import random
import subprocess
import sys
import zipfile
from datetime import datetime

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from recipes.shipping import ship
from vae_course.models.vae import VAE, Autoencoder
from vae_course.weights import CheckpointError, load_checkpoint, load_model, save_checkpoint

MODELS = {
    "vae": lambda: VAE((1, 8, 8), 2, [6]),
    "centered": lambda: VAE.for_data(tiny_images(), latent_dim=3, hidden_dims=[5, 4], activation="silu"),
    "conv": lambda: VAE((3, 28, 28), 2, [4, 3], architecture="conv", likelihood="gaussian"),
    "learned sigma": lambda: VAE((1, 4, 4), 1, [3], likelihood="gaussian_learned"),
    "autoencoder": lambda: Autoencoder.for_data(tiny_images(), latent_dim=2, hidden_dims=[6]),
}


def seed():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "model.pt"


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_as_it_was(path, name):
    torch.manual_seed(1)
    model = MODELS[name]()
    save_checkpoint(path, model)
    torch.manual_seed(2)
    again = load_model(path)
    assert type(again) is type(model) and again.config == model.config and not again.training
    x = torch.rand(3, *model.image_shape)
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))
    saved = model.state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in again.state_dict().items())


def test_extra_content_comes_back(path):
    extra = {"numbers": [1, 2.5, None], "state": {"step": 3, "tensor": torch.arange(4)}, "text": "a – b"}
    save_checkpoint(path, MODELS["vae"](), **extra)
    content = load_checkpoint(path)
    assert content["numbers"] == extra["numbers"] and content["text"] == extra["text"]
    assert torch.equal(content["state"]["tensor"], torch.arange(4))


def test_numbers_of_numpy_are_saved_as_pythons_and_what_could_not_be_read_again_is_refused(path):
    model = VAE.for_data(tiny_images(), latent_dim=np.array([2, 4])[1], hidden_dims=np.array([6]))
    save_checkpoint(path, model, score=np.mean([1.0, 2.5]), sizes=[np.int64(3), np.arange(2)], on=np.True_)
    content = load_checkpoint(path)
    assert content["score"] == 1.75 and content["sizes"] == [3, [0, 1]] and content["on"] is True
    assert load_model(path).config == model.config
    before = path.read_bytes()
    for extra, named in (
        ({"when": datetime(2026, 1, 1)}, "when"),
        ({"a": {"b": [{1, 2}]}}, r"a\['b'\]\[0\]"),
    ):
        with pytest.raises(TypeError, match=f"{named} is a .*, which could not be read again"):
            save_checkpoint(path, model, **extra)
    assert path.read_bytes() == before


@pytest.mark.parametrize("how, relative", [({}, 1e-3), ({"int8": True}, 1 / 127)])
def test_smaller_files_give_nearly_the_same_weights(path, how, relative):
    torch.manual_seed(0)
    model = VAE((1, 28, 28), 4, [64])
    save_checkpoint(path, model)
    whole = path.stat().st_size
    ship(path, model, **how)
    assert path.stat().st_size < (0.3 if how else 0.52) * whole and "stored" in load_checkpoint(path)
    for name, weight in load_model(path).state_dict().items():
        saved = model.state_dict()[name]
        assert weight.dtype == torch.float32
        assert (weight - saved).abs().max() <= relative * saved.abs().max(), name


def test_a_part_that_was_left_out_says_so_and_the_rest_works(path):
    model = VAE((1, 8, 8), 2, [6])
    ship(path, model, without=("encoder",))
    again = load_model(path)
    assert torch.allclose(again.sample(3, seed()), model.sample(3, seed()), atol=2e-3)  # half precision
    with pytest.raises(ValueError, match="this part of the model was left out"):
        again.reconstruct(torch.rand(2, 1, 8, 8))


def test_another_kind_than_expected_is_named(path):
    save_checkpoint(path, MODELS["vae"]())
    with pytest.raises(CheckpointError, match="holds a VAE; expected OneModel"):
        load_model(path, "OneModel")


def test_reading_a_vae_imports_no_other_model(path):
    save_checkpoint(path, MODELS["vae"]())
    look = (
        "import sys; from vae_course.weights import load_model; load_model(sys.argv[1]);"
        "print(*sorted(n.split('.')[-1] for n in sys.modules if n.startswith('vae_course.models.')))"
    )
    found = subprocess.run(
        [sys.executable, "-c", look, str(path)], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["networks", "vae"]


def test_loading_does_not_touch_the_random_weights_of_others(path):
    save_checkpoint(path, MODELS["vae"]())
    first, second = load_model(path), load_model(path)
    with torch.no_grad():
        first.encoder.layers[1].weight.zero_()
    assert second.encoder.layers[1].weight.abs().sum() > 0


@pytest.mark.parametrize("moment", ["serializing", "writing", "renaming"])
def test_a_crash_while_saving_leaves_the_old_checkpoint(path, monkeypatch, moment):
    model = MODELS["vae"]()
    save_checkpoint(path, model, note="old")
    before = path.read_bytes()

    def crash(*_, **__):
        raise OSError("no space left on device")

    target = {"serializing": (torch, "save"), "writing": (os, "fdopen"), "renaming": (os, "replace")}[moment]
    monkeypatch.setattr(*target, crash)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(path, model, note="new")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]
    assert load_checkpoint(path)["note"] == "old"


class _Malicious:
    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return os.mkdir, (self.trap,)


@pytest.mark.parametrize("legacy", [False, True, None], ids=["zip", "legacy", "plain pickle"])
def test_code_in_a_checkpoint_is_refused_and_never_run(tmp_path, legacy):
    path, trap = tmp_path / "model.pt", tmp_path / "trap"
    model = MODELS["vae"]()
    content = {"format": 1, "kind": "VAE", "config": model.config, "model": _Malicious(str(trap))}
    if legacy is None:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    refused = "holds more than plain weights, numbers and text" if legacy is False else "no checkpoint at all"
    with pytest.raises(CheckpointError, match=refused):
        load_model(path)
    assert not trap.exists()
    if legacy is False:  # the trap does work where it is allowed to
        torch.load(path, weights_only=False)
        assert trap.exists()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_a_sentence(path, share):
    save_checkpoint(path, MODELS["vae"]())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match=r"model\.pt cannot be read: .*; take an intact copy"):
        load_model(path)


def test_changed_bytes_never_give_other_weights(path):
    model = MODELS["vae"]()
    save_checkpoint(path, model)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
    rng, saved, refused = random.Random(0), model.state_dict(), 0
    for trial in range(60):
        damaged = bytearray(content)
        where = rng.randrange(len(content)) if trial else largest.header_offset + 200
        damaged[where] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            again = load_model(path).state_dict()
        except CheckpointError:
            refused += 1
        else:  # a byte that means nothing, such as padding
            assert all(torch.equal(value, saved[key]) for key, value in again.items())
    assert refused > 20


def test_weights_marked_as_a_folder_are_refused(path):
    """Torch 2.6 would leave them as whatever lies in memory."""
    save_checkpoint(path, MODELS["vae"]())
    content = path.read_bytes()
    start = content.rindex(b"PK\x01\x02", 0, content.index(b"archive/data/3", content.index(b"PK\x01\x02")))
    damaged = bytearray(content)
    damaged[start + 38] |= 0x10
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize(
    "content",
    [
        {"weights": 1},
        [1, 2],
        {"format": 2, "kind": "VAE", "config": {}, "model": {}},
        {"format": 1, "config": {}},
    ],
    ids=["other", "list", "future", "incomplete"],
)
def test_other_files_of_torch_are_refused(path, content):
    path.parent.mkdir()
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="is not a checkpoint of this course"):
        load_checkpoint(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*; train a model first"):
        load_model(tmp_path / "missing.pt")
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*model\.pt"):
        load_model(tmp_path)


def test_a_folder_is_read_by_its_model(path):
    save_checkpoint(path, MODELS["vae"]())
    assert torch.equal(load_model(path.parent).sample(2, seed()), load_model(path).sample(2, seed()))


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"kind": "Transformer"}, "holds a Transformer; expected VAE or Autoencoder"),
        ({"config": {"image_shape": [1, 8, 8], "latent_dim": 5, "hidden_dims": [6]}}, "do not fit"),
        ({"config": {"image_shape": [1, 8, 8], "color": "blue"}}, "do not fit"),
        ({"config": None}, "do not fit"),
        ({"model": {}}, "do not fit"),
    ],
    ids=["kind", "size", "unknown argument", "none", "no weights"],
)
def test_weights_and_configuration_that_do_not_fit_are_refused(path, change, sentence):
    save_checkpoint(path, MODELS["vae"]())
    content = {**load_checkpoint(path), **change}
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=sentence):
        load_model(path)


def test_extra_content_cannot_replace_the_models(path):
    with pytest.raises(ValueError, match="config is written by save_checkpoint itself"):
        save_checkpoint(path, MODELS["vae"](), config={})
    assert not path.exists()

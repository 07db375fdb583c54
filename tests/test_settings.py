"""Settings and devices are checked before training starts."""

import re
from dataclasses import fields

import numpy as np
import pytest
import torch
from tiny_data import tiny_images

from recipes.vae_gan import VAEGANSettings
from vae_course.machine import pick_device
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.training.settings import FitSettings
from vae_course.weights import load_checkpoint


def call_fit(**arguments):
    torch.manual_seed(0)
    train = arguments.pop("train", tiny_images(10))
    model = VAE((1, 8, 8), 2, [4])
    return fit(model, train, **{"progress": False, "device": "cpu", "epochs": 1, **arguments})


@pytest.mark.parametrize(
    "name, values, expected",
    [
        ("epochs", [-1, 2.5, "3", True, None], "a whole number of at least 0."),
        ("batch_size", [0, -4, 12.0], "None (256, fewer for small data) or a whole number of at least 1."),
        ("learning_rate", [0, -1e-3, float("nan"), float("inf"), "1e-3", None], "a number above 0."),
        ("schedule", ["exponential", None], "one of constant, linear, cosine."),
        ("warmup", [-0.1, 1.0, 5, float("nan")], "a number of at least 0 and below 1."),
        ("gradient_clip", [0, -1.0, "1"], "None (no limit) or a number above 0."),
        ("beta", [-1, float("inf"), None], "a number of at least 0."),
        ("kl_warmup", [-0.1, 1.1, 10, None], "a number of at least 0 and at most 1."),
        ("free_bits", [-0.1, float("nan"), None], "a number of at least 0."),
        ("precision", ["half", None], "one of auto, highest, medium, bfloat16."),
        ("patience", [0, 1.5, -1], "None (never) or a whole number of at least 1."),
        ("seed", [-1, 0.5, None], "a whole number of at least 0."),
        ("eval_examples", [0, 10.0], "None (all) or a whole number of at least 1."),
    ],
)
def test_values_out_of_range_are_refused_in_a_sentence(name, values, expected):
    for value in values:
        with pytest.raises(ValueError, match=f"^{name} is .*; expected {re.escape(expected)}$"):
            call_fit(**{name: value})


def test_every_setting_of_fit_and_of_fit_vae_gan_has_a_rule_that_its_default_keeps():
    for kind in (FitSettings, VAEGANSettings):
        for own in fields(kind):
            about = own.metadata
            allowed = own.default is None and about["none"]
            assert allowed or about["rule"].accepts(own.default), own.name


def test_values_at_the_edges_are_accepted():
    FitSettings(epochs=0, batch_size=1, learning_rate=1, warmup=0, beta=0, kl_warmup=1)
    FitSettings(warmup=0.99, gradient_clip=1e-9, patience=1, seed=0, eval_examples=1)


def test_an_unknown_setting_names_the_nearest():
    with pytest.raises(TypeError, match=r"fit\(\) has no setting 'epoch'; did you mean epochs\?"):
        call_fit(epoch=3)
    with pytest.raises(TypeError, match=r"known are epochs, batch_size, .*eval_examples"):
        call_fit(zzz=3)


def test_numbers_from_numpy_are_taken_and_can_be_resumed(tmp_path):
    path = tmp_path / "run.pt"
    settings = {
        "seed": np.int64(3),
        "learning_rate": np.float32(0.01),
        "beta": np.float64(2),
        "checkpoint": path,
    }
    call_fit(**settings)
    assert load_checkpoint(path)["training"]["settings"]["seed"] == 3
    assert call_fit(**settings, resume=True).last["epoch"] == 1


def test_empty_data_are_refused():
    data = tiny_images(4)
    nothing = type(data)("nothing", "train", data.images[:0], None, ())
    with pytest.raises(ValueError, match="the training set is empty"):
        call_fit(train=nothing)
    with pytest.raises(ValueError, match="the held-out set is empty"):
        call_fit(validation=nothing)


def test_held_out_pictures_of_another_shape_are_refused_before_training():
    with pytest.raises(ValueError, match="was given a batch of shape"):
        call_fit(validation=tiny_images(5, (1, 9, 9)))


def test_auto_takes_what_there_is(monkeypatch):
    for cuda, mps, expected in [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda found=cuda: found)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda found=mps: found)
        assert pick_device("auto").type == expected


def test_devices_that_are_not_there_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="'cuda' was asked for, but torch sees no CUDA device here; use"):
        call_fit(device="cuda")
    with pytest.raises(ValueError, match="'mps' was asked for, but torch sees no MPS device here; use"):
        call_fit(device="mps")
    with pytest.raises(ValueError, match="unknown device 'gpu'; choose 'auto', 'cpu', 'cuda' or 'mps'"):
        call_fit(device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device("cuda:1").index == 1
    with pytest.raises(ValueError, match=r"'cuda:2' was asked for, .* sees 2 here"):
        pick_device("cuda:2")


def test_a_seed_fixes_torch_and_numpy():
    draws = []
    for seed in (7, 7, 8):
        seed_everything(seed)
        draws.append((torch.rand(1).item(), np.random.rand()))
    assert draws[0] == draws[1]
    assert draws[0][0] != draws[2][0] and draws[0][1] != draws[2][1]


@pytest.mark.parametrize("examples, batch_size", [(50, 32), (1_197, 149), (2_048, 256), (60_000, 256)])
def test_the_batch_suits_the_number_of_examples_unless_it_is_given(examples, batch_size):
    assert FitSettings().for_examples(examples).batch_size == batch_size
    assert FitSettings(batch_size=7).for_examples(examples).batch_size == 7

"""The VAE of typefaces: shapes, its bound by hand, gradients, and the shipped model's worth on new faces."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from recipes.letter_pairs import LetterPairs
from recipes.letters import (
    RESULTS,
    SHEET,
    center_on,
    error,
    flatness,
    from_distance,
    read_share,
    to_distance,
)
from vae_course import elbo_terms, load, load_letters, load_model, save_checkpoint
from vae_course.models.letters import LetterVAE, alphabet_terms
from vae_course.plots.letters import ink_preserving_cut
from vae_course.training.loop import History, fit
from vae_course.weights import shipped_file


@pytest.fixture(scope="module")
def data():
    return load("letters", "validation").select(torch.arange(4 * 26))


@pytest.fixture(scope="module")
def test_part():
    return load("letters", "test")


def make(data, **sizes):
    torch.manual_seed(0)
    return center_on(LetterVAE(**{"latent_dim": 5, "width": 4, **sizes}), data.alphabets())


def batch_of(data, seed=0):
    return LetterPairs(data).batch(torch.arange(0, 104, 3), torch.Generator().manual_seed(seed))


def test_shapes(data):
    model, batch = make(data), batch_of(data)
    posterior = model.encode(batch)
    assert posterior.mean.shape == posterior.log_var.shape == (35, 5)
    z = posterior.sample(3)
    assert model.decode(z, batch[3]).shape == (3, 35, 1, 32, 32)
    assert model.log_likelihood(batch, z).shape == (3, 35)
    assert model.alphabet(z[0]).shape == (35, 26, 1, 32, 32)
    one = model.write_alphabet(batch[0][1], batch[1][1])
    several = model.write_alphabet(batch[0], batch[1])
    assert one.shape == (26, 1, 32, 32) and several.shape == (35, 26, 1, 32, 32)
    torch.testing.assert_close(several[1], one)
    assert one.min() >= 0 and one.max() <= 1


def test_the_terms_are_those_computed_by_hand(data):
    model, (x, letter, y, target) = make(data), batch_of(data)
    terms = alphabet_terms(model, (x, letter, y, target), torch.Generator().manual_seed(7))
    q = model.encode((x, letter))
    noise = torch.randn(35, 5, generator=torch.Generator().manual_seed(7))
    logits = model.decode(q.mean + (0.5 * q.log_var).exp() * noise, target)
    crossed = F.binary_cross_entropy_with_logits(logits, y, reduction="none").sum((1, 2, 3))
    kl = 0.5 * (q.mean**2 + q.log_var.exp() - 1 - q.log_var).sum(1)
    torch.testing.assert_close(terms.reconstruction, crossed)
    torch.testing.assert_close(terms.kl, kl / 26)
    torch.testing.assert_close(terms.loss(), (crossed + kl / 26).mean())
    whole = elbo_terms(model, (x, letter, y, target), torch.Generator().manual_seed(7))
    torch.testing.assert_close(whole.negative_elbo, crossed + kl)


def test_the_decoder_sees_the_style_and_the_target_and_not_the_letter_seen(data):
    model, (x, letter, y, target) = make(data), batch_of(data)
    z = model.encode((x, letter)).mean
    params = model.decode(z, target)
    assert not torch.equal(model.encode((x, (letter + 1) % 26)).mean, z)
    assert not torch.equal(model.decode(z, (target + 1) % 26), params)
    with_another_y = model.log_likelihood((x * 0, letter * 0, y, target), z)
    assert torch.equal(with_another_y, model.log_likelihood((x, letter, y, target), z))


def test_an_untrained_model_writes_the_mean_letters(data):
    model = make(data)
    for module in (*model.decoder.up[-1:],):
        torch.nn.init.zeros_(module.weight), torch.nn.init.zeros_(module.bias)
    mean = (data.alphabets().sum(0) + 1) / 6
    torch.testing.assert_close(model.write_alphabet(data.floats()[0], 0), mean, atol=1e-5, rtol=0)


def test_the_gradient_reaches_every_part(data):
    model = make(data, likelihood="gaussian_learned")
    index = torch.arange(104).repeat(8)
    batch = LetterPairs(data).batch(index, torch.Generator().manual_seed(0))
    alphabet_terms(model, batch).loss().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        if name.endswith("letter.weight"):
            assert (parameter.grad.abs().sum(1) > 0).all(), name  # every letter


def test_training_helps_and_the_model_comes_back_from_its_file(data, tmp_path):
    model, pairs = make(data, width=6), LetterPairs(data, warped=True)
    settings = {"epochs": 25, "batch_size": 26, "learning_rate": 4e-3, "objective": alphabet_terms}
    history = fit(model, pairs, LetterPairs(data), device="cpu", progress=False, **settings)
    _, values = history.curve()
    assert values[-1] < 0.97 * values[0]
    save_checkpoint(tmp_path / "model.pt", model)
    again = load_model(tmp_path / "model.pt")
    x = data.floats()[:3]
    assert torch.equal(again.write_alphabet(x, torch.arange(3)), model.write_alphabet(x, torch.arange(3)))


# The tools of the recipe


def test_a_distance_gives_the_ink_back_but_for_thin_strokes(test_part):
    part = test_part.select(torch.arange(26 * 6))
    again = from_distance(to_distance(part).floats())
    assert error(again, part.floats()) < 0.004
    hairline = part.select(torch.arange(1))
    pixels = torch.zeros_like(hairline.images)
    pixels[..., 5:27, 16] = 100  # a stroke that covers two fifths of its pixels
    hairline = type(hairline)(**{**vars(hairline), "images": pixels})
    assert from_distance(to_distance(hairline).floats()).max() == 0


def test_a_cut_keeps_the_ink(test_part):
    pictures = test_part.floats()[:26]
    cut = ink_preserving_cut(pictures)
    assert cut.shape == (26, 1, 128, 128)
    torch.testing.assert_close(cut.mean((1, 2, 3)), pictures.mean((1, 2, 3)), atol=0.01, rtol=0)
    assert ((cut < 0.05) | (cut > 0.95)).float().mean() > 0.85


def test_flatness_is_the_change_over_the_last_fifth():
    def entry(epoch, value):
        return {"epoch": epoch, "validation": {"negative_elbo": value}}

    values = [*[200.0 - i for i in range(9)], 100.0, 99.0]
    history = History([entry(i, value) for i, value in enumerate(values)])
    assert flatness(history) == pytest.approx((192.0 - 99.0) / 99.0)


# What is shipped


def test_the_shipped_model_beats_the_mean_and_the_nearest_face_as_its_record_says(test_part):
    path = shipped_file("model of letters", "letters")
    assert path.stat().st_size <= 1_500_000
    record = json.loads(RESULTS.read_text(encoding="utf-8"))["shipped"]
    said, truth = record["stored"], test_part.alphabets()
    given = said["given"]["A"]
    ours = load_letters().write_alphabet(truth[:, 0], 0)
    assert error(ours, truth) == pytest.approx(given["error"], rel=0.02)
    assert read_share(ours) == pytest.approx(given["read"], abs=0.01)
    assert said["error"] < 0.75 * min(said["error_of_nearest_face"], said["error_of_mean_face"])
    assert said["error"] == pytest.approx(record["before_8_bits"]["error"], rel=0.02)
    assert record["held_out_change_over_the_last_fifth"] < 0.005
    assert record["curve"][0]["step"] == 0 and len(record["curve"]) == record["epochs"] + 1


def test_the_sheet_is_there_and_not_heavy():
    assert Path(SHEET).stat().st_size < 1_500_000

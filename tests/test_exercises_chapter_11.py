"""Chapter 11's exercises 1 to 3: independently written wrong answers are named, unusual right ones pass."""

import pytest
import torch
from exercise_answers import reference_of, stub_of, verdict_of
from torch.func import functional_call
from torch.nn import functional as F

from vae_course.models.gan import VAEGAN
from vae_course.teaching.engine import exercises, find
from vae_course.teaching.grading import grade

MINE = [entry for entry in exercises("11") if entry.id in ("11.1", "11.2", "11.3")]
RIGHT = {"kl": "E", "feature": "EG", "fool": "G", "catch": "D", "pixel": "EG"}


def bce(score, label):
    return F.binary_cross_entropy_with_logits(score, torch.full_like(score, label))


def game(
    encoder,
    decoder,
    discriminator,
    x,
    z_prior,
    *,
    cut_z=True,
    cut_fakes=True,
    freeze=True,
    real=1.0,
    fake=0.0,
    want=1.0,
):
    """Written anew, with the discriminator frozen by a call on detached weights."""
    z = encoder(x)
    z = z.detach() if cut_z else z
    fakes = decoder(torch.cat([z, z_prior]))
    seen = discriminator(fakes.detach() if cut_fakes else fakes)
    catch = bce(discriminator(x), real) + bce(seen, fake)
    weights = {n: p.detach() if freeze else p for n, p in discriminator.named_parameters()}
    return catch, bce(functional_call(discriminator, weights, (fakes,)), want)


def with_change(**change):
    return lambda *parts: game(*parts, **change)


def detached_trick(encoder, decoder, discriminator, x, z_prior):
    catch, _ = game(encoder, decoder, discriminator, x, z_prior)
    with torch.no_grad():
        fakes = decoder(torch.cat([encoder(x), z_prior]))
    return catch, bce(discriminator(fakes), 1.0)


def only(which):
    def answer(encoder, decoder, discriminator, x, z_prior):
        fakes = decoder(z_prior) if which == "prior" else decoder(encoder(x).detach())
        weights = {n: p.detach() for n, p in discriminator.named_parameters()}
        catch = bce(discriminator(x), 1.0) + bce(discriminator(fakes.detach()), 0.0)
        return catch, bce(functional_call(discriminator, weights, (fakes,)), 1.0)

    return answer


def saturating(*parts):
    catch, _ = game(*parts)
    return catch, -game(*parts, want=0.0)[1]


def summed(encoder, decoder, discriminator, x, z_prior):
    catch, fool = game(encoder, decoder, discriminator, x, z_prior)
    n = len(x)
    fakes = decoder(torch.cat([encoder(x).detach(), z_prior]))
    catch = n * bce(discriminator(x), 1.0) + 2 * n * bce(discriminator(fakes.detach()), 0.0)
    return catch, 2 * n * fool


def left_frozen(encoder, decoder, discriminator, x, z_prior):
    answer = game(encoder, decoder, discriminator, x, z_prior)
    for weight in discriminator.parameters():
        weight.requires_grad = False
    return answer


def units(v):
    return v.reshape(1, -1, 1, 1)


BROKEN = {
    "11.1": {
        "the game reaches the encoder": [{**RIGHT, "fool": "EG"}],
        "the decoder's loss trains the discriminator": [{**RIGHT, "fool": "gd"}],
        "the game reaches everybody": [{**RIGHT, "fool": "EGD", "feature": "EGD"}],
        "the ruler learns to shrink": [{**RIGHT, "feature": "EGD"}],
        "the discriminator's loss reaches the decoder": [{**RIGHT, "catch": "GD"}],
        "the KL reaches the decoder": [{**RIGHT, "kl": "EG"}],
        "reconstruction without the encoder": [{**RIGHT, "feature": "G", "pixel": "G"}],
    },
    "11.2": {
        "divided by the variance twice": [
            lambda rebuilt, real, v: (
                0.5 * ((rebuilt - real.detach()) / v[:, None, None]).square().sum((1, 2, 3))
            )
        ],
        "detach forgotten": [lambda a, b, v: ((a - b) ** 2 / (2 * units(v))).flatten(1).sum(1)],
        "reconstruction detached": [
            lambda a, b, v: ((a.detach() - b) ** 2 / (2 * units(v))).flatten(1).sum(1),
            lambda a, b, v: ((a.data - b.data) ** 2 / (2 * units(v))).flatten(1).sum(1),
        ],
        "one half forgotten": [lambda a, b, v: ((a - b.detach()) ** 2 / units(v)).flatten(1).sum(1)],
        "averaged over the features": [
            lambda a, b, v: ((a - b.detach()) ** 2 / (2 * units(v))).flatten(1).mean(1)
        ],
        "summed or averaged over the batch": [
            lambda a, b, v: ((a - b.detach()) ** 2 / (2 * units(v))).sum(),
            lambda a, b, v: 0.5 * ((a - b.detach()) ** 2 / units(v)).mean(),
        ],
        "variance ignored": [lambda a, b, v: 0.5 * ((a - b.detach()) ** 2).flatten(1).sum(1)],
        "standard deviation in place of the variance": [
            lambda a, b, v: 0.5 * ((a - b.detach()) ** 2 / units(v) ** 0.5).flatten(1).sum(1)
        ],
        "variance multiplied": [lambda a, b, v: 0.5 * ((a - b.detach()) ** 2 * units(v)).flatten(1).sum(1)],
        "error not squared": [lambda a, b, v: 0.5 * ((a - b.detach()).abs() / units(v)).flatten(1).sum(1)],
    },
    "11.3": {
        "detach forgotten at the fakes": [
            with_change(cut_fakes=False),
            with_change(cut_fakes=False, freeze=False),
            with_change(cut_fakes=False, freeze=False, cut_z=False),
        ],
        "discriminator updated by the decoder's loss": [
            with_change(freeze=False),
            with_change(freeze=False, cut_z=False),
        ],
        "encoder plays along": [with_change(cut_z=False)],
        "decoder cut off": [detached_trick],
        "samples forgotten": [only("codes of x")],
        "reconstructions forgotten": [only("prior")],
        "labels swapped": [
            with_change(real=0.0, fake=1.0),
            with_change(real=0.0, fake=1.0, want=0.0, freeze=False),
        ],
        "decoder wants to be caught": [with_change(want=0.0)],
        "saturating game": [saturating],
        "summed over the batch": [summed],
        "discriminator left frozen": [left_frozen],
    },
}


@pytest.mark.parametrize("exercise", MINE, ids=lambda exercise: exercise.id)
def test_every_mistake_is_named_from_an_independent_answer(exercise):
    answers = BROKEN[exercise.id]
    assert {mistake.name for mistake in exercise.mistakes} == set(answers)
    for name, given in answers.items():
        for answer in given:
            verdict = grade(exercise, answer)
            assert verdict.mistake == name, f"{name}: {verdict}"


@pytest.mark.parametrize("exercise", MINE, ids=lambda exercise: exercise.id)
def test_solutions_pass_and_stubs_do_not(exercise):
    assert grade(exercise, reference_of(exercise)).correct
    assert grade(exercise, stub_of(exercise)).status == "not answered"


@pytest.mark.parametrize(
    ("identifier", "answer"),
    [
        ("11.1", {name: letters.lower() for name, letters in RIGHT.items()}),
        (
            "11.2",
            lambda a, b, v: (
                0.5
                * F.mse_loss(a / units(v) ** 0.5, b.detach() / units(v) ** 0.5, reduction="none").sum(
                    (1, 2, 3)
                )
            ),
        ),
        ("11.3", game),
    ],
)
def test_unusual_right_answers_pass(identifier, answer):
    assert verdict_of(identifier, answer).correct


def test_the_package_measures_features_as_the_exercise_does():
    a, b = torch.randn(2, 5, 4, 3, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    model = VAEGAN((1, 8, 8), 2, (3, 4))
    model.feature_variance.copy_(torch.tensor([0.5, 1.0, 2.0, 4.0]))
    wanted = find("11.2").reference(a, b, model.feature_variance)
    assert torch.allclose(model.feature_distance(a, b), wanted, rtol=1e-5)

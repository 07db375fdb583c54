"""Chapter 06's exercises: independently written wrong answers are named, unusual right ones pass."""

import math

import pytest
import torch
from exercise_answers import assert_recognized, verdict_of
from torch.nn import functional as F

from vae_course.data.toys import GaussianMixture
from vae_course.evaluation.samples import mode_coverage, point_coverage
from vae_course.exercises.chapter_06 import _clouds, count_apart
from vae_course.training.adversarial import discriminator_loss, generator_loss, gradient_penalty

BCE = F.binary_cross_entropy_with_logits


def by_rule(
    good=lambda d, s: d <= 3 * s,
    hit=lambda c, counts, n: c >= max(1, sum(counts) / len(counts) / 10),
    all_counted=False,
    power=math.exp,
):
    """A loop over points, with one part of the rule given."""

    def answer(points, centers, std):
        counts, kept = [0] * len(centers), 0
        for point in points:
            distances = (centers - point).pow(2).sum(1).sqrt()
            fine = bool(good(distances.min(), std))
            kept += fine
            counts[int(distances.argmin())] += fine or all_counted
        shares = [c / sum(counts) for c in counts if c]
        effective = power(-sum(p * math.log(p) for p in shares)) if shares else 0.0
        return sum(bool(hit(c, counts, len(points))) for c in counts), effective, kept / len(points)

    return answer


def square_box(points, centers, std):
    nearest = torch.cdist(points, centers).argmin(1)
    inside = (points - centers[nearest]).abs().max(1).values <= 3 * std
    counts = torch.bincount(nearest[inside], minlength=len(centers)).double()
    p = counts[counts > 0] / counts.sum()
    effective = (-(p * p.log()).sum()).exp().item() if len(p) else 0.0
    return int((counts >= counts.mean().div(10).clamp(min=1)).sum()), effective, inside.double().mean().item()


def game(discriminator_loss, generator_loss, detached=True, generator_detached=False):
    def answer(generator, discriminator, real, z):
        fake = generator(z)
        d = discriminator_loss(discriminator(real), discriminator(fake.detach() if detached else fake))
        return d, generator_loss(discriminator(fake.detach() if generator_detached else fake))

    return answer


def usual(real, fake):
    return BCE(real, torch.ones_like(real)) + BCE(fake, torch.zeros_like(fake))


def swapped(real, fake):
    return BCE(real, torch.zeros_like(real)) + BCE(fake, torch.ones_like(fake))


def fools(fake):
    return BCE(fake, torch.ones_like(fake))


def caught(fake):
    return BCE(fake, torch.zeros_like(fake))


def slopes(discriminator, real, **kwargs):
    x = real.clone().requires_grad_(True)
    return torch.autograd.grad(discriminator(x), x, torch.ones(len(x)), **kwargs)[0]


def graph(discriminator, real):
    return slopes(discriminator, real, create_graph=True)


def of_probability(discriminator, real):
    x = real.clone().requires_grad_(True)
    return (
        torch.autograd.grad(torch.sigmoid(discriminator(x)).sum(), x, create_graph=True)[0]
        .pow(2)
        .sum(1)
        .mean()
    )


def of_mean(discriminator, real):
    x = real.clone().requires_grad_(True)
    return torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)[0].pow(2).sum(1).mean()


def of_weights(discriminator, real):
    grads = torch.autograd.grad(
        discriminator(real).sum(), tuple(discriminator.parameters()), create_graph=True
    )
    return torch.cat([g.reshape(-1) for g in grads]).pow(2).sum()


FORWARD, DROPPED, JS = 0.18199, 0.13353, 0.04537
BROKEN = {
    "06.1": {
        "fair share of all points": [by_rule(hit=lambda c, counts, n: c >= max(1, n / len(counts) / 10))],
        "every mode that is nearest to something": [by_rule(all_counted=True)],
        "one standard deviation instead of three": [by_rule(lambda d, s: d <= s)],
        "squared distance compared with 3 std": [
            by_rule(lambda d, s: d * d <= 3 * s),
            by_rule(lambda d, s: d * d <= 3 * s * s),
        ],
        "each coordinate by itself": [square_box],
        "one point is enough": [by_rule(hit=lambda c, counts, n: c >= 1)],
        "more than a tenth, instead of at least": [
            by_rule(hit=lambda c, counts, n: c > sum(counts) / len(counts) / 10)
        ],
        "entropy, not its exponential": [by_rule(power=float)],
    },
    "06.3": {
        "bits instead of nats": [{"forward": FORWARD / math.log(2), "dropped": 0.19265, "js": JS}],
        "only the dropped mode counted": [{"forward": math.log(10) / 8, "dropped": DROPPED, "js": JS}],
        "the divergence of a mode that is missing altogether": [
            {"forward": math.inf, "dropped": DROPPED, "js": JS}
        ],
        "the two directions swapped": [{"forward": 0.09137, "dropped": DROPPED, "js": JS}],
        "infinite instead of finite": [{"forward": FORWARD, "dropped": float("inf"), "js": JS}],
        "halves forgotten": [{"forward": FORWARD, "dropped": DROPPED, "js": 2 * JS}],
    },
    "06.2": {
        "detach forgotten": [game(usual, fools, detached=False)],
        "generator's points detached in its own loss": [
            game(usual, fools, generator_detached=True),
            game(usual, fools, detached=False, generator_detached=True),
        ],
        "labels swapped": [game(swapped, fools), game(swapped, caught), game(swapped, fools, detached=False)],
        "generator helps the discriminator": [game(usual, caught)],
        "saturating loss": [game(usual, lambda fake: -caught(fake))],
        "sigmoid taken twice": [
            game(lambda r, f: usual(torch.sigmoid(r), torch.sigmoid(f)), lambda f: fools(torch.sigmoid(f)))
        ],
        "summed over the batch": [
            game(lambda r, f: F.softplus(-r).sum() + F.softplus(f).sum(), lambda f: F.softplus(-f).sum())
        ],
    },
    "06.4": {
        "create_graph forgotten": [
            lambda d, x: slopes(d, x).pow(2).sum(1).mean(),
            lambda d, x: slopes(d, x, retain_graph=True).norm(dim=1).pow(2).mean(),
        ],
        "norm not squared": [lambda d, x: graph(d, x).pow(2).sum(1).sqrt().mean()],
        "norm pulled to 1": [lambda d, x: (graph(d, x).pow(2).sum(1).sqrt() - 1).pow(2).mean()],
        "averaged over the coordinates": [lambda d, x: graph(d, x).pow(2).mean()],
        "summed over the points": [lambda d, x: graph(d, x).pow(2).sum()],
        "slope of the mean score": [of_mean],
        "slope of the probability": [of_probability],
        "slope with respect to the weights": [of_weights],
    },
}


def one_by_one(discriminator, real):
    total = 0.0
    for point in real:
        x = point[None].clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(x).squeeze(), x, create_graph=True)
        total = total + (slope**2).sum()
    return total / len(real)


def package_losses(generator, discriminator, real, z):
    d, g = discriminator_loss, generator_loss
    fake = generator(z)
    return d(discriminator(real), discriminator(fake.detach())), g(discriminator(fake))


def package_penalty(discriminator, real):
    x = real.clone().requires_grad_()
    return gradient_penalty(discriminator(x), x)


UNUSUAL = {
    "06.1": {
        "the package": lambda points, centers, std: (
            (found := point_coverage(points, GaussianMixture(centers.double(), std))).hit,
            found.effective,
            found.high_quality,
        ),
        "a loop": by_rule(),
    },
    "06.3": {
        "tensors": {"forward": torch.tensor(FORWARD), "dropped": DROPPED, "js": JS},
        "two digits": {"forward": 0.18, "dropped": 0.13, "js": 0.045},
    },
    "06.2": {
        "logistic loss of torch": game(usual, fools),
        "the package": package_losses,
        "a second pass through the generator": lambda g, d, x, z: (
            usual(d(x), d(g(z).detach())),
            fools(d(g(z))),
        ),
    },
    "06.4": {"one by one": one_by_one, "the package": package_penalty},
}


def test_each_classic_mistake_is_recognized_by_name(capsys):
    with capsys.disabled():
        assert_recognized("06", BROKEN)


@pytest.mark.parametrize(
    ("identifier", "name"), [(identifier, name) for identifier, named in UNUSUAL.items() for name in named]
)
def test_a_correct_but_unusual_answer_passes(identifier, name):
    verdict = verdict_of(identifier, UNUSUAL[identifier][name])
    assert verdict.correct, verdict


def test_the_price_is_the_package_s():
    """The divergences of a dropped mode agree with mode_coverage and with a direct sum."""
    seven = mode_coverage(torch.arange(7), torch.ones(7, dtype=torch.bool), 8)
    assert seven.kl_to_data == pytest.approx(DROPPED, abs=1e-4)
    data, model = torch.full((8,), 1 / 8), torch.tensor([79 / 560] * 7 + [1 / 80])
    assert (data * (data / model).log()).sum().item() == pytest.approx(FORWARD, abs=1e-4)


def test_the_cases_cover_even_uneven_few_and_no_good_points():
    found = [count_apart(*case) for case in _clouds(0)]
    assert [hit for hit, _, _ in found] == [4, 2, 3, 5, 0, 2]
    assert found[3][2] < 0.1 and found[4][1:] == (0.0, 0.0)

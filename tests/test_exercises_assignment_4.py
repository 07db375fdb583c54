"""Assignment A4: what draws letters is measured again; noise, copies and one good picture earn nothing."""

import math
import re

import numpy as np
import pytest
import torch
from exercise_answers import assert_graded_fairly
from torch import nn
from torch.distributions import Normal

from tools.classroom.graded import A4
from tools.project import Project
from vae_course import fit
from vae_course.evaluation.samples import relative_sharpness
from vae_course.exercises import assignment_4 as given
from vae_course.exercises.handed_in import Bad
from vae_course.models import VAE

PROJECT = Project.here()

BROKEN = {
    "A4.1": {
        "noise of each code left out": [
            lambda m, v: (m.mean(0), torch.from_numpy(np.cov(m.numpy().T, bias=True)).view(2 * m.shape[1:]))
        ],
        "spread of the means left out": [lambda m, v: (m.mean(0), torch.diag(v.exp().mean(0)))],
        "σ instead of σ²": [lambda m, v: (m.mean(0), spread(m) + torch.diag((v / 2).exp().mean(0)))],
        "exp(2 log_var)": [lambda m, v: (m.mean(0), spread(m) + torch.diag((v * 2).exp().mean(0)))],
        "no correlations": [lambda m, v: (m.mean(0), torch.diag(m.var(0, correction=0) + v.exp().mean(0)))],
        "divided by n − 1": [
            lambda m, v: (m.mean(0), spread(m) * len(m) / (len(m) - 1) + torch.diag(v.exp().mean(0)))
        ],
        "mean of log_var exponentiated": [lambda m, v: (m.mean(0), spread(m) + torch.diag(v.mean(0).exp()))],
        "second moment": [
            lambda m, v: (m.mean(0), (m[:, :, None] * m[:, None]).mean(0) + torch.diag(v.exp().mean(0)))
        ],
    }
}


def spread(m):
    away = m - m.mean(0)
    return (away[:, :, None] * away[:, None]).mean(0)


def in_arrays(m, v):
    m, v = m.numpy(), v.numpy()
    return m.mean(0), np.atleast_2d(np.cov(m, rowvar=False, ddof=0)) + np.diag(np.exp(v).mean(0))


def by_moments(m, v):
    q = Normal(m.double(), (v.double() / 2).exp())
    second = (q.mean[:, :, None] * q.mean[:, None]).mean(0) + torch.diag(q.variance.mean(0))
    return [q.mean.mean(0).tolist(), (second - torch.outer(q.mean.mean(0), q.mean.mean(0))).tolist()]


def test_the_fitted_gaussian_gets_what_it_deserves():
    assert_graded_fairly("A4", BROKEN, {"A4.1": [in_arrays, by_moments]})


def test_a_code_drawn_as_the_contract_says_has_these_moments():
    g = torch.Generator().manual_seed(2)
    m, v = (torch.randn(50, 3, generator=g) @ torch.randn(3, 3, generator=g) for _ in range(2))
    v = v / 2
    rows = torch.randint(50, (400_000,), generator=torch.Generator().manual_seed(0))
    z = m[rows] + (v[rows] / 2).exp() * torch.randn(len(rows), 3, generator=torch.Generator().manual_seed(1))
    mean, covariance = A4.matched_gaussian(m, v)
    assert torch.allclose(z.mean(0), mean, atol=0.05)
    assert torch.allclose(torch.cov(z.T), covariance, rtol=0.05, atol=0.1)


def test_every_student_has_letters_and_bends_of_their_own():
    one, other = given.task(1), given.task(2)
    assert len(one.train) == 2888 and len(one.held_out) == 320 and one.train.shape == (1, 16, 16)
    assert one.letters != other.letters and len(set(one.letters)) == 8
    assert torch.equal(given.task(1).train.images, one.train.images)


def linear(n_in, n_out, weight=None, bias=None):
    weight = torch.zeros(n_out, n_in) if weight is None else weight
    return {"0.weight": weight, "0.bias": torch.zeros(n_out) if bias is None else bias}


def always(picture):
    """A sampler that knows one picture."""
    bias = picture.flatten().clamp(0.01, 0.99).logit()
    decoder = linear(2, 256, bias=bias)
    return {"path": "gan", "decoder": decoder, "mean": torch.zeros(2), "factor": torch.eye(2)}


def one_of(pictures):
    """A sampler whose codebook holds pictures, each as likely as any other."""
    codebook, n = pictures.flatten(1).clamp(0.01, 0.99).logit(), len(pictures)
    decoder, prior = linear(256, 256, torch.eye(256)), linear(n + 1, n)
    return {"path": "vq", "codebook": codebook, "decoder": decoder, "prior": prior}


class HandedIn:
    """What the grader knows of a student."""

    number, seed = 3, 5

    def __init__(self, sampler, report=None):
        self.files = {A4.SAMPLER: sampler, A4.REPORT: report}

    def weights(self, name):
        return self.files[name]


@pytest.fixture(scope="module")
def mine():
    return given.task(HandedIn.number)


@pytest.fixture(scope="module")
def opponent(mine):
    """Less trained than the assignment's, so easier to beat."""
    torch.manual_seed(0)
    model = VAE.for_data(mine.train, latent_dim=16, hidden_dims=(256, 128))
    fit(
        model, mine.train, epochs=6, batch_size=64, learning_rate=3e-3, schedule="linear", warmup=0.0,
        kl_warmup=0.2, eval_examples=1, progress=False, device="cpu",
    )  # fmt: skip
    return A4.opponent(model, mine), model


@pytest.fixture(scope="module")
def judge(mine):
    return given.new_judge(mine)


@pytest.fixture
def in_place(mine, opponent, judge, monkeypatch):
    monkeypatch.setattr(A4, "plain", lambda number: (mine, opponent[0]))
    monkeypatch.setattr(given, "new_judge", lambda task, seed=0: judge)
    monkeypatch.setattr(given, "CRITICS", 1)
    monkeypatch.setattr(given, "CRITIC_PASSES", 1)
    return opponent


class Draws:
    """A sampler by its function alone, for what no file could hold."""

    def __init__(self, draw):
        self.draw = draw


@pytest.fixture
def in_hand(in_place, monkeypatch):
    """Points of a draw function, 0 to 7, and the sentence."""
    monkeypatch.setattr(given, "read_sampler", lambda content: content)

    def points(draw):
        share, said = A4.beyond(HandedIn(Draws(draw)))
        return round(7 * share), said

    return points


def attacks(mine):
    x, labels = mine.train.floats(), mine.train.labels
    some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:500]
    noise = torch.rand(500, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    return {
        "noise": one_of(noise),
        "one picture": always(mine.held_out.floats()[0]),
        "the mean of each letter": one_of(torch.stack([x[labels == i].mean(0) for i in range(8)])),
        "training pictures": one_of(x[some]),
        "training pictures, a little spoiled": one_of((x[some] + 0.05 * noise[: len(some)]).clamp(0, 1)),
        "training pictures, moved": one_of(x[some].roll((1, -1), (2, 3))),
        "training pictures, darker and noisy": one_of(0.7 * x[some] + 0.05 * noise[: len(some)]),
        "held-out pictures": one_of(mine.held_out.floats()),
        "held-out pictures, moved": one_of(mine.held_out.floats().roll(1, 3)),
    }


@pytest.mark.parametrize("name", list(attacks(given.task(HandedIn.number))))
def test_what_is_no_generator_earns_nothing(name, mine, in_place):
    share, said = A4.beyond(HandedIn(attacks(mine)[name]))
    assert share == 0 and "copies of pictures that you had or of each other" in said, said


def anew(pictures, spoil=0.0):
    """Any of these pictures, and noise that no two draws share."""

    def draw(n, generator):
        x = pictures[torch.randint(len(pictures), (n,), generator=generator)]
        return (x + spoil * torch.rand(x.shape, generator=generator)).clamp(0, 1)

    return draw


def lazy(mine):
    x, labels = mine.train.floats(), mine.train.labels
    means = torch.stack([x[labels == i].mean(0) for i in range(8)])
    return {
        "noise": lambda n, g: torch.rand(n, 1, 16, 16, generator=g),
        "the Gaussian of the pixels": A4.pixel_gaussian(mine),
        "the mean of each letter, with a little noise": anew(means, 0.03),
        "one letter, with a little noise": anew(x[:1], 0.03),
        "blurred training pictures": anew(nn.functional.avg_pool2d(x, 5, 1, 2), 0.03),
        "training pictures, a little spoiled": anew(x, 0.05),
    }


@pytest.mark.parametrize("name", list(lazy(given.task(HandedIn.number))))
def test_what_never_draws_the_same_twice_may_still_earn_nothing(name, mine, in_hand):
    points, said = in_hand(lazy(mine)[name])
    assert points == 0, said


def test_a_bank_of_good_pictures_is_known_by_its_repeats(mine, in_place):
    good = in_place[0].draw(400, torch.Generator().manual_seed(3))
    assert given.repeats(given.read_sampler(one_of(good)).draw(2560, torch.Generator().manual_seed(0))) > 0.9
    assert given.repeats(in_place[0].draw(2560, torch.Generator().manual_seed(0))) < 0.01


def test_hardness_is_no_merit(mine, judge, opponent):
    batches = given.batches_of(opponent[0].draw, 320)
    harder = [(3 * x.clamp(1e-6, 1 - 1e-6).logit()).sigmoid() for x in batches]
    once, again = (given.measure(x, judge, mine.held_out) for x in (batches, harder))
    assert once.score == pytest.approx(again.score, abs=0.01)
    hard = torch.cat(given.as_hard(batches, mine.held_out))
    assert relative_sharpness(hard, mine.held_out.floats()) == pytest.approx(1, abs=0.02)


def test_critics_are_never_fooled_by_noise_and_often_by_letters(mine, opponent, monkeypatch):
    monkeypatch.setattr(given, "CRITICS", 1)
    wrong = {
        "noise": given.mistakes(lazy(mine)["noise"], mine, mine.held_out),
        "plain": given.mistakes(opponent[0].draw, mine, mine.held_out),
        "letters": given.mistakes(fresh(mine), mine, mine.held_out),
    }
    assert wrong["noise"] < 0.01 < wrong["plain"] < wrong["letters"] <= 0.6, wrong


def seen(score=0.7, mistakes=0.2, copied=0.0):
    """Pixels 0.4, the plain VAE 0.7, letters 0.9; critics err on a fifth of the plain VAE."""
    one = {
        name: given.Measured(0.0, 0.0, value, 0.005)
        for name, value in {"own": score, "pixels": 0.4, "plain": 0.7, "fresh": 0.9}.items()
    }
    return A4.Seen(**one, mistakes=mistakes, plain_mistakes=0.2, copied=copied)


@pytest.mark.parametrize(
    ("found", "points"),
    [
        (seen(0.95, 0.5, copied=0.11), 0),
        (seen(0.41, 0.5), 0),
        (seen(), 1),
        (seen(0.65, 0.27), 1),
        (seen(0.65, 0.28), 4),
        (seen(0.71, 0.28), 4),
        (seen(0.72, 0.0), 5),
        (seen(0.73), 6),
        (seen(0.751), 7),
    ],
)
def test_the_points_are_those_of_the_highest_rung(found, points):
    assert found.rung()[0] == points


def test_the_notebook_tells_the_ladder_as_it_is():
    text = (PROJECT.notebooks / "assignments/source/A4_Beyond_the_Plain_VAE.py").read_text(encoding="utf-8")
    rows = re.findall(r"^# \| (\d) \| (.*) \|$", text, re.M)
    assert [int(points) for points, _ in rows] == [0, 1, 4, 5, 6, 7] and rows[-1][0] == str(A4.FULL)
    assert f"more than {A4.MOST_COPIES:.0%}".replace("%", " %") in rows[0][1]
    assert A4.WIDTHS == (0.85, 1.0, 1.15) and "0.85, 1 or 1.15 times as wide" in text
    assert (
        (A4.EIGHTH, A4.QUARTER) == (1 / 8, 1 / 4) and "an eighth" in rows[4][1] and "a quarter" in rows[5][1]
    )


def test_fresh_letters_are_hardly_ever_taken_for_copies(mine):
    g = torch.Generator().manual_seed(8)
    fresh = [given.pictures(mine.letters, "test", g).floats() for _ in range(4)]
    assert given.copies(fresh, mine) < 0.03


def test_the_plain_vae_stays_on_its_rung(mine, in_place):
    other, model = in_place
    parts = {"path": "gan", "decoder": given.decoder_of(model), "activation": "gelu", "mean": other.mean}
    share, said = A4.beyond(HandedIn({**parts, "factor": other.factor}))
    assert share == pytest.approx(1 / 7) and "no sure lead over the plain VAE" in said, said
    for width in (0.5, 1.15):
        share, said = A4.beyond(HandedIn({**parts, "factor": width * other.factor}))
        assert share <= 1 / 7 + 1e-9, f"another width is no way beyond: {said}"


def fresh(mine):
    def draw(n, generator):
        parts = [given.pictures(mine.letters, "validation", generator).floats() for _ in range(-(-n // 320))]
        return torch.cat(parts)[:n]

    return draw


def test_fresh_letters_earn_everything(mine, in_hand):
    points, said = in_hand(fresh(mine))
    assert points == 7, said


def test_reported_numbers_are_compared_with_the_file(mine, judge, in_place):
    sampler = always(mine.train.floats()[0])
    plain = given.measure(given.batches_of(in_place[0].draw, 320), judge, mine.held_out).score
    yours = given.measure(given.batches_of(given.read_sampler(sampler).draw, 320), judge, mine.held_out)
    told = {"plain": plain, "yours": yours.score, "copies": 1.0}
    assert A4.what_you_built(HandedIn(sampler, told))[0] == 1
    assert A4.what_you_built(HandedIn(sampler, {**told, "yours": 0.9}))[0] == pytest.approx(2 / 3)
    with pytest.raises(Bad, match="still open"):
        A4.what_you_built(HandedIn(sampler, {**told, "plain": ...}))


def test_the_decoder_that_is_handed_out_is_the_vaes(opponent):
    _, model = opponent
    z = torch.randn(4, 16)
    parts = {"decoder": given.decoder_of(model), "activation": "gelu"}
    sampler = given.read_sampler({"path": "gan", **parts, "mean": torch.zeros(16), "factor": torch.eye(16)})
    assert torch.allclose(sampler.decoder(z).view(4, 1, 16, 16), model.decode(z), atol=1e-5)


def a_flow(k=4, steps=2):
    couplings = [nn.Sequential(nn.Linear(k // 2, 8), nn.ReLU(), nn.Linear(8, k)) for _ in range(steps)]
    parts = {"path": "flow", "decoder": linear(k, 256, torch.randn(256, k)), "mean": torch.ones(k)}
    return {**parts, "scale": torch.full((k,), 2.0), "couplings": [dict(c.state_dict()) for c in couplings]}


def test_a_coupling_does_what_the_notebook_says():
    content = a_flow(steps=1)
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(7))
    a, b = z.chunk(2, dim=1)
    log_scale, shift = given.read_sampler(content).couplings[0](a).chunk(2, dim=1)
    code = 1 + 2 * torch.cat([b * (2 * log_scale.tanh()).exp() + shift, a], dim=1)
    drawn = given.read_sampler(content).draw(3, torch.Generator().manual_seed(7))
    wanted = (code @ content["decoder"]["0.weight"].T).sigmoid()
    assert torch.allclose(drawn.flatten(1), wanted, atol=1e-5)


def test_a_prior_reads_the_places_before_its_own():
    places, size = 3, 4  # the first code is free, each next one is the one before plus 1
    weight = torch.zeros(size, places * size + places)
    for place in range(places - 1):
        for code in range(size):
            weight[(code + 1) % size, place * size + code] += 50.0 * (4.0**place)
    codebook, decoder = torch.eye(size), torch.zeros(256, places * size)
    decoder[: places * size] = torch.eye(places * size)
    parts = {"codebook": codebook, "decoder": linear(places * size, 256, 9 * decoder)}
    sampler = given.read_sampler({"path": "vq", **parts, "prior": linear(0, size, weight)})
    drawn = sampler.draw(50, torch.Generator().manual_seed(0)).flatten(1)[:, : places * size]
    codes = drawn.view(50, places, size).argmax(2)
    assert (codes[:, 1:] == (codes[:, :-1] + 1) % size).all() and len(codes[:, 0].unique()) > 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"path": "diffusion"}, "one of flow, vq, gan"),
        ({**a_flow(), "mean": torch.ones(3)}, "even for a flow"),
        ({**a_flow(), "scale": torch.ones(4, 4)}, "'scale' must be a float tensor with 1"),
        ({**a_flow(), "couplings": []}, "1 to 16 state dicts"),
        ({**a_flow(), "couplings": [linear(2, 3)]}, "puts out 3 numbers; expected 4"),
        ({**always(torch.zeros(256)), "factor": torch.full((2, 2), math.nan)}, "NaN"),
        ({**always(torch.zeros(256)), "decoder": linear(2, 100)}, "puts out 100 numbers; expected 256"),
        ({**one_of(torch.rand(9, 256)), "codebook": torch.rand(9, 100)}, "whole number of vectors"),
        ({**one_of(torch.rand(9, 256)), "prior": linear(5, 9)}, "and 10 come in"),
        (one_of(torch.rand(600, 256)), "at most 500,000"),
    ],
)
def test_a_file_that_cannot_be_marked_is_refused_with_a_sentence(content, words):
    with pytest.raises(Bad, match=words):
        given.read_sampler(content)


def test_what_is_no_picture_is_refused(mine):
    with pytest.raises(Bad, match=r"in \[0, 1\]"):
        given.batches_of(lambda n, g: torch.full((n, 1, 16, 16), math.nan), 5)
    with pytest.raises(Bad, match=r"\(5, 1, 16, 16\)"):
        given.batches_of(lambda n, g: torch.zeros(n, 256), 5)

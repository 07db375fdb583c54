"""Assignment A1: the open checks see wrong answers without knowing right ones, and weights are measured."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from tools.classroom.graded import A1
from vae_course.exercises.assignment_1 import EXERCISES, Task, read_model, read_report, task
from vae_course.exercises.handed_in import Bad
from vae_course.teaching.grading import grade

OPEN = {exercise.id: exercise for exercise in EXERCISES}
RIGHT = {question: exercise.reference for question, exercise in A1.FUNCTIONS.items()}


def by_distributions(z, centers, log_std):
    each = Independent(Normal(centers, log_std.exp().expand_as(centers)), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(centers))), each).log_prob(z)


def by_loop(z, centers, log_std):
    each = [Normal(center, log_std.exp()).log_prob(z).sum(-1) for center in centers]
    return torch.stack(each).logsumexp(0) - np.log(len(each))


def by_bernoulli(x, logits, z, mean, log_var, log_p_z):
    p = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(2)
    return p + log_p_z - Normal(mean, log_var.exp().sqrt()).log_prob(z).sum(2)


def by_softplus(x, logits, z, mean, log_var, log_p_z):
    p = (x * logits - nn.functional.softplus(logits)).sum(-1)
    noise = (z - mean) * torch.exp(-0.5 * log_var)
    return log_p_z + p + 0.5 * (noise**2 + log_var + math.log(2 * math.pi)).sum(-1)


UNUSUAL = {"A1.1": (by_distributions, by_loop), "A1.2": (by_bernoulli, by_softplus)}
WRONG = {
    "A1.1": (
        lambda z, c, s: by_distributions(z.detach(), c, s),
        lambda z, c, s: by_distributions(z, c.detach(), s),
        lambda z, c, s: by_distributions(z, c, s / 2),
        lambda z, c, s: by_distributions(z, c, s).exp().clamp_min(1e-30).log(),
        lambda z, c, s: Independent(Normal(c, s.exp()), 1).log_prob(z[..., None, :]).exp().mean(-1).log(),
        lambda z, c, s: by_distributions(z, c, s).mean(0),
        lambda z, c, s: by_distributions(z, c[:1], s),
        lambda z, c, s: Independent(Normal(c.mean(0), s.exp()), 1).log_prob(z),
        lambda z, c, s: by_distributions(z, c, s).detach(),
    ),
    "A1.2": (
        lambda x, o, z, m, v, p: by_softplus(x, o, z, m, 2 * v, p),
        lambda x, o, z, m, v, p: by_softplus(x, o.sigmoid(), z, m, v, p),
        lambda x, o, z, m, v, p: by_softplus(1 - x, o, z, m, v, p),
        lambda x, o, z, m, v, p: by_softplus(x, o, z, m, v, p).mean(0),
        lambda x, o, z, m, v, p: by_softplus(x, o, z, m, v, p) / o.shape[-1],
        lambda x, o, z, m, v, p: (x * o.sigmoid().log() + (1 - x) * (1 - o.sigmoid()).log()).sum(-1)
        + p - Normal(m, (v / 2).exp()).log_prob(z).sum(-1),
        lambda x, o, z, m, v, p: by_softplus(x, o, z.detach(), m, v, p),
        lambda x, o, z, m, v, p: by_softplus(x, o, z, m, v, p.detach()),
        lambda x, o, z, m, v, p: by_softplus(x, o, z, m, v, 0 * p),
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", RIGHT)
def test_right_answers_pass_the_open_check_and_the_marking(question):
    for answer in (RIGHT[question], *UNUSUAL[question]):
        assert grade(OPEN[question], answer).correct
        assert grade(A1.QUESTIONS[question], answer).correct


@pytest.mark.parametrize("question", RIGHT)
def test_wrong_answers_fail_the_open_check(question):
    for answer in WRONG[question]:
        assert not grade(OPEN[question], answer).correct
    for mistake in A1.FUNCTIONS[question].mistakes:
        assert not grade(OPEN[question], mistake.broken).correct, mistake.name
        assert grade(A1.QUESTIONS[question], mistake.broken).mistake == mistake.name


def test_every_student_gets_letters_of_their_own():
    tasks = [task(student) for student in (0, 1, 2)]
    assert len({one.letters for one in tasks}) == 3
    for one in tasks:
        assert isinstance(one, Task) and len(one.letters) == 8
        assert one.train.shape == (2888, 256) and one.held_out.shape == (320, 256)
        assert set(one.train.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(task(1).train, tasks[1].train)
    with pytest.raises(ValueError, match="STUDENT"):
        task("Ada")


def content(k=4, centers=3, activation="relu"):
    encoder = nn.Sequential(nn.Linear(256, 16), nn.ReLU(), nn.Linear(16, 2 * k))
    decoder = nn.Sequential(nn.Linear(k, 16), nn.ReLU(), nn.Linear(16, 256))
    parts = {"encoder": dict(encoder.state_dict()), "decoder": dict(decoder.state_dict())}
    return {**parts, "activation": activation, "centers": torch.randn(centers, k), "log_std": torch.zeros(())}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"centers": torch.zeros(3, 5)}, "puts out 8 numbers; expected 10"),
        ({"log_std": 0.0}, "'log_std' must be a float tensor"),
        ({"activation": "swish"}, "'activation' among"),
        ({"centers": torch.full((3, 4), float("nan"))}, "NaN"),
        ({"encoder": {"0.weight": torch.zeros(8, 256)}}, "linear layers"),
        ({"decoder": {"0.weight": torch.zeros(256, 9), "0.bias": torch.zeros(256)}}, "and 4 come in"),
        ({"encoder": 3}, "state dict 'encoder'"),
    ],
)
def test_a_file_that_cannot_be_marked_is_refused_with_a_sentence(change, words):
    with pytest.raises(Bad, match=words.replace("(", r"\(")):
        read_model({**content(), **change})


def test_the_open_check_of_a_file(tmp_path):
    path = tmp_path / "A1_weights.pt"
    assert grade(OPEN["A1.3"], str(path)).status == "not answered"
    torch.save(content(), path)
    assert grade(OPEN["A1.3"], str(path)).correct
    torch.save(nn.Linear(2, 2), path)
    assert "weights_only" in grade(OPEN["A1.3"], str(path)).message
    assert grade(OPEN["A1.3"], 7).status == "contract"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"elbo": 50.0, "iwae": ..., "centers": 8}, "'iwae' is still open"),
        ({"elbo": 50.0, "iwae": "low", "centers": 8}, "'iwae': expected a number"),
        ({"elbo": 50.0, "iwae": 49.0, "centers": 7.5}, "expected a whole number"),
        ([50, 49, 8], "Expected a dict"),
    ],
)
def test_numbers_are_only_looked_at_for_their_form(answer, words):
    with pytest.raises(Bad, match=words):
        read_report(answer)
    assert read_report({"elbo": torch.tensor(50.0), "iwae": np.float32(49), "centers": 8})["elbo"] == 50


class HandedIn:
    """What the grader knows of a student."""

    number, seed = 3, 5

    def __init__(self, weights, report=None):
        self.files = {A1.WEIGHTS: weights, A1.REPORT: report}

    def weights(self, name):
        return self.files[name]


def the_mean_of_each_pixel(k=2):
    """A model that says the mean of each pixel and spends nothing: the first row of the table, exactly."""
    x = task(HandedIn.number).train
    p = (x.sum(0) + 0.5) / (len(x) + 1)
    decoder = {"0.weight": torch.zeros(256, k), "0.bias": p.logit()}
    encoder = {"0.weight": torch.zeros(2 * k, 256), "0.bias": torch.zeros(2 * k)}
    return {"encoder": encoder, "decoder": decoder, "centers": torch.zeros(1, k), "log_std": torch.zeros(())}


def test_weights_are_measured_again_on_fresh_letters():
    model = the_mean_of_each_pixel()
    one = task(HandedIn.number)
    fresh = A1.hidden_pictures(HandedIn.seed, one)
    alone, mixture = A1.floors(one.train, fresh)
    assert mixture < alone - 5
    assert A1.measure(read_model(model), fresh, 5, 0) == pytest.approx((alone, alone), abs=1e-2)
    untrained = A1.train_it(HandedIn(content()))
    assert untrained[0] == 0 and "−ELBO on fresh pictures" in untrained[1]


def test_reported_numbers_are_compared_with_the_file():
    model = the_mean_of_each_pixel()
    x = task(HandedIn.number).held_out
    nats = A1.measure(read_model(model), x, 5, 0)[0]
    told = {"elbo": nats + 0.1, "iwae": nats - 0.1, "centers": 1}
    assert A1.what_you_built(HandedIn(model, told))[0] == 1
    assert A1.what_you_built(HandedIn(model, {**told, "iwae": nats - 3}))[0] == pytest.approx(2 / 3)
    with pytest.raises(Bad, match="still open"):
        A1.what_you_built(HandedIn(model, {**told, "elbo": ...}))


def test_a_bound_is_not_had_from_rounding():
    """All codes lie on the one center, in Gaussians so narrow that floats do not tell noise from nothing."""
    model, k = the_mean_of_each_pixel(), 2
    honest = A1.measure(read_model(model), task(HandedIn.number).held_out, 5, 0)[0]
    narrow = torch.cat([torch.ones(k), torch.full((k,), -80.0)])
    model["encoder"]["0.bias"], model["centers"] = narrow, torch.ones(1, k)
    for log_std in (-43.0, -60.0, -100.0):
        model["log_std"] = torch.tensor(log_std)
        for size in (1.0, 1e5, 1e20):
            model["centers"] = torch.full((1, k), size)
            model["encoder"]["0.bias"] = torch.cat([torch.full((k,), size), narrow[k:]])
            found = A1.measure(read_model(model), task(HandedIn.number).held_out, 5, 0)[0]
            assert found > honest - 0.1, (log_std, size, found)

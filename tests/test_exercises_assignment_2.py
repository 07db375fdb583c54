"""Assignment A2: a sweep over β is measured again, and the chosen model has to fit a budget of bits."""

import math
from dataclasses import replace

import pytest
import torch

from tools.classroom.graded import A2
from vae_course.exercises.assignment_2 import (
    EXERCISES,
    model_of,
    new_model,
    read_choice,
    read_sweep,
    task,
)
from vae_course.exercises.handed_in import Bad
from vae_course.teaching.grading import grade

BETAS = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.fixture(scope="module")
def mine():
    whole = task(3)
    return replace(whole, train=whole.train.subset(200), held_out=whole.held_out.subset(60))


@pytest.fixture(scope="module")
def states(mine):
    """Models whose rate is set by hand: an untrained network with codes stretched more and more."""
    torch.manual_seed(0)
    model = new_model(mine)
    last = [m for m in model.encoder.modules() if isinstance(m, torch.nn.Linear)][-1]
    first, found = last.weight.detach().clone(), []
    for stretch in (60.0, 50.0, 40.0, 30.0, 20.0, 10.0):
        last.weight.data = torch.cat([stretch * first[:10], 0 * first[10:]])
        found.append({name: weight.clone() for name, weight in model.state_dict().items()})
    return found


@pytest.fixture
def handed_in(mine, states, monkeypatch):
    monkeypatch.setattr(A2.given, "task", lambda student: mine)
    monkeypatch.setattr(A2, "fresh_pictures", lambda seed, task: mine.held_out)
    monkeypatch.setattr(A2, "LEAST_GAIN", -1000.0)  # nothing here is trained
    measured = [A2.measure(state, mine, mine.held_out) for state in states]

    class HandedIn:
        number, seed = 3, 1

        def __init__(self):
            self.answers, self.measured = {}, measured
            self.files = {
                A2.SWEEP: {
                    "betas": BETAS,
                    "rates": [one.rate for one in measured],
                    "distortions": [one.distortion for one in measured],
                    "states": states,
                }
            }

        def weights(self, name):
            return self.files[name]

        def answer(self, name):
            return self.answers[name]

    return HandedIn()


def test_students_have_digits_and_budgets_of_their_own():
    tasks = [task(student) for student in range(4)]
    assert len({(one.classes, one.budget) for one in tasks}) == 4
    assert all(len(one.classes) == 6 and one.train.shape == (1, 14, 14) for one in tasks)
    assert torch.equal(task(2).train.images, tasks[2].train.images)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"betas": BETAS[:5]}, "one length"),
        ({"betas": BETAS[::-1]}, "must rise"),
        ({"betas": [0.6, 0.7, 0.8, 1.0, 2.0, 8.0]}, "at most 0.25"),
        ({"rates": ["a"] * 6}, "must hold numbers"),
        ({"rates": [math.nan] * 6}, "finite"),
        ({"states": [1] * 6}, "state dicts"),
    ],
)
def test_a_file_that_is_no_sweep_is_refused_with_a_sentence(handed_in, change, words):
    with pytest.raises(Bad, match=words):
        read_sweep({**handed_in.files[A2.SWEEP], **change})


def test_weights_must_fit_the_network(mine, states):
    assert model_of(states[0], mine).latent_dim == 10
    name = next(iter(states[0]))
    with pytest.raises(Bad, match="must have shape"):
        model_of({**states[0], name: torch.zeros([1] * states[0][name].dim())}, mine)
    with pytest.raises(Bad, match="all its names"):
        model_of({}, mine)
    with pytest.raises(Bad, match="state dict"):
        read_choice({"beta": 1.0})
    assert grade(EXERCISES[1], {"best beta": 1.0, "silent": ..., "slope": 2.0}).status == "not answered"


def test_a_sweep_earns_points_for_numbers_that_are_measured_again(handed_in, monkeypatch):
    assert A2.the_sweep(handed_in)[0] == 1
    handed_in.files[A2.SWEEP] = {
        **handed_in.files[A2.SWEEP],
        "rates": [one.rate for one in handed_in.measured],
    }
    handed_in.files[A2.SWEEP]["rates"][2] += 2
    share, said = A2.the_sweep(handed_in)
    assert share == pytest.approx(5 / 6) and "β = 1:" in said
    monkeypatch.setattr(A2, "LEAST_GAIN", 3.0)
    assert "None of the models learned much" in A2.the_sweep(handed_in)[1]
    handed_in.files[A2.SWEEP]["states"] = [handed_in.files[A2.SWEEP]["states"][0]] * 6
    assert A2.the_sweep(handed_in)[0] == 0


def test_numbers_read_and_a_budget_met(handed_in, mine, monkeypatch):
    high, low = handed_in.measured[2:4]
    budget = 0.5 * (high.rate + low.rate) / math.log(2)
    monkeypatch.setattr(A2.given, "task", lambda student: replace(mine, budget=budget))
    totals = [one.rate + one.distortion for one in handed_in.measured]
    right = {
        "best beta": BETAS[totals.index(min(totals))],
        "silent": int((handed_in.measured[-1].kl < 0.1).sum()),
        "slope": (low.distortion - high.distortion) / (high.rate - low.rate),
    }
    handed_in.answers["answer_A2_2"] = right
    assert A2.read_it(handed_in)[0] == 1
    handed_in.answers["answer_A2_2"] = {**right, "slope": right["slope"] * 1.3 + 0.1}
    assert A2.read_it(handed_in)[0] == pytest.approx(2 / 3)
    states = handed_in.files[A2.SWEEP]["states"]
    handed_in.files[A2.CHOICE] = {"beta": 1.0, "state": states[2]}  # too dear
    assert A2.meet_the_budget(handed_in)[0] == 0
    monkeypatch.setattr(
        A2.given, "task", lambda student: replace(mine, budget=1.02 * high.rate / math.log(2))
    )
    assert A2.meet_the_budget(handed_in)[0] == 1
    monkeypatch.setattr(A2.given, "task", lambda student: replace(mine, budget=1.3 * high.rate / math.log(2)))
    assert A2.meet_the_budget(handed_in)[0] == pytest.approx(4 / 6)

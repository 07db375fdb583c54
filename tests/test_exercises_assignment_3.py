"""Assignment A3: a sweep over the latent size is measured again, and the smallest good model is judged."""

from dataclasses import replace

import pytest
import torch

from tools.classroom.graded import A3
from vae_course.exercises.assignment_3 import KINDS, model_of, new_model, read_choice, read_sweep, task
from vae_course.exercises.handed_in import Bad

SIZES = [1, 2, 3, 5, 8, 24]


@pytest.fixture(scope="module")
def mine():
    whole = task(0)
    return replace(whole, train=whole.train.subset(200), held_out=whole.held_out.subset(60))


@pytest.fixture(scope="module")
def states(mine):
    torch.manual_seed(0)
    return [new_model(mine, size).state_dict() for size in SIZES]


@pytest.fixture
def handed_in(mine, states, monkeypatch):
    monkeypatch.setattr(A3.given, "task", lambda student: mine)
    monkeypatch.setattr(A3, "fresh_pictures", lambda seed, task: mine.held_out)
    monkeypatch.setattr(A3, "LEAST_GAIN", -1000.0)  # nothing here is trained
    pairs = zip(states, SIZES, strict=True)
    nats = [A3.measure(state, size, mine, mine.held_out)[0] for state, size in pairs]

    class HandedIn:
        number, seed = 0, 1

        def __init__(self):
            self.answers = {}
            self.files = {A3.SWEEP: {"sizes": SIZES, "negative_elbos": nats, "states": states}}

        def weights(self, name):
            return self.files[name]

        def answer(self, name):
            return self.answers[name]

    return HandedIn()


def test_all_kinds_of_pictures_are_given_to_somebody():
    tasks = [task(student) for student in range(4)]
    assert {one.name for one in tasks} == set(KINDS)
    for one in tasks:
        assert len(one.train) == 2000 and len(one.held_out) == 400 and one.train.shape[0] == 1
        assert len(one.classes) == (0 if one.name == "faces_synthetic" else 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sizes": SIZES[:5]}, "one length"),
        ({"sizes": [*SIZES[:5], 8.5]}, "whole numbers"),
        ({"sizes": [3, 4, 5, 6, 7, 24]}, "at most 2"),
        ({"sizes": [1, 2, 5, 3, 8, 24]}, "must rise"),
        ({"negative_elbos": ["low"] * 6}, "finite numbers"),
    ],
)
def test_a_file_that_is_no_sweep_is_refused_with_a_sentence(handed_in, change, words):
    with pytest.raises(Bad, match=words):
        read_sweep({**handed_in.files[A3.SWEEP], **change})


def test_a_choice_has_three_seeds_of_one_size(mine, states):
    with pytest.raises(Bad, match="3 state dicts"):
        read_choice({"size": 3, "states": states[:2]})
    with pytest.raises(Bad, match="between 1 and"):
        read_choice({"size": 99, "states": states[:3]})
    assert read_choice({"size": 3, "states": states[:3]})[0] == 3
    with pytest.raises(Bad, match="must have shape"):
        model_of(states[0], mine, 2)


def test_a_sweep_is_measured_again(handed_in, monkeypatch):
    assert A3.the_sweep(handed_in)[0] == 1
    sweep = handed_in.files[A3.SWEEP]
    handed_in.files[A3.SWEEP] = {
        **sweep,
        "negative_elbos": [sweep["negative_elbos"][0] - 3, *sweep["negative_elbos"][1:]],
    }
    share, said = A3.the_sweep(handed_in)
    assert share == pytest.approx(5 / 6) and "1 dimensions:" in said
    monkeypatch.setattr(A3, "LEAST_GAIN", 1.0)
    assert A3.the_sweep(handed_in)[0] == 0


def test_numbers_that_are_read_are_compared_with_the_models(handed_in, mine, states):
    kl = A3.measure(states[-1], 24, mine, mine.held_out)[1]
    x = mine.held_out.floats()
    rebuilt = model_of(states[-1], mine, 24).reconstruct(x)
    count = A3.components(mine, (x - rebuilt).square().flatten(1).sum(1).mean().item())
    nats = handed_in.files[A3.SWEEP]["negative_elbos"]
    right = {
        "best size": SIZES[nats.index(min(nats))],
        "carrying": int((kl > 0.1).sum()),
        "components": count,
    }
    handed_in.answers["answer_A3_2"] = right
    assert A3.read_it(handed_in)[0] == 1
    handed_in.answers["answer_A3_2"] = {**right, "components": count + 5}
    assert A3.read_it(handed_in)[0] == pytest.approx(2 / 3)
    assert A3.components(mine, 1e9) == 1


def test_the_smallest_good_size_earns_all_and_larger_ones_half(handed_in, mine, states, monkeypatch):
    nats = dict(zip(SIZES, [50.0, 45.0, 42.0, 40.3, 40.0, 40.0], strict=True))
    monkeypatch.setattr(A3, "measure", lambda state, size, task, data, seed=0: (nats[size], None))
    monkeypatch.setattr(A3.given, "task", lambda student: replace(mine, tolerance=2.1))
    for size, share in ((3, 1.0), (8, 0.5), (2, 0.0)):
        handed_in.files[A3.CHOICE] = {"size": size, "states": [states[SIZES.index(size)]] * 3}
        assert A3.smallest(handed_in)[0] == pytest.approx(share), size

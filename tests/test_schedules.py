"""Learning-rate schedules, the weight of the KL term, and free bits: by themselves, in the loss, in a run."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import tiny_images

from vae_course.elbo import ElboTerms
from vae_course.evaluation.code_use import kl_per_dimension
from vae_course.models.vae import VAE
from vae_course.training.loop import fit
from vae_course.training.settings import kl_settled, kl_weight, learning_rate_factor


def test_constant_without_warmup_is_one_throughout():
    assert {learning_rate_factor("constant", step, 50) for step in range(50)} == {1.0}


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_decays_start_at_one_pass_one_half_and_end_at_zero(schedule):
    factor = [learning_rate_factor(schedule, step, 100) for step in range(101)]
    assert factor[0] == 1
    assert factor[50] == pytest.approx(0.5)
    assert factor[100] == pytest.approx(0, abs=1e-12)
    assert factor[99] > 0, "the last update must still move"
    assert factor == sorted(factor, reverse=True)


def test_cosine_and_linear_differ_between():
    assert learning_rate_factor("linear", 25, 100) == pytest.approx(0.75)
    assert learning_rate_factor("cosine", 25, 100) == pytest.approx(0.853553, abs=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_warmup_rises_linearly_to_the_full_rate(schedule):
    factor = [learning_rate_factor(schedule, step, 100, warmup=0.1) for step in range(100)]
    assert factor[0] > 0, "the first update must move"
    steps = [after - before for before, after in itertools.pairwise(factor[:10])]
    assert steps == pytest.approx([factor[0]] * 9)
    assert max(factor) == factor[10] == 1


@settings(max_examples=60, deadline=None)
@given(
    schedule=st.sampled_from(["constant", "linear", "cosine"]),
    total=st.integers(1, 500),
    share=st.floats(0, 0.99),
    where=st.floats(0, 1),
)
def test_the_factor_is_always_between_zero_and_one(schedule, total, share, where):
    assert 0 <= learning_rate_factor(schedule, int(where * (total - 1)), total, share) <= 1


def test_unknown_schedule():
    with pytest.raises(
        ValueError, match="unknown schedule 'exponential'; choose one of constant, linear, cosine"
    ):
        learning_rate_factor("exponential", 5, 10)


def test_kl_weight_rises_linearly_from_zero_to_beta_and_stays():
    weights = [kl_weight(4.0, step, 100, kl_warmup=0.5) for step in range(101)]
    assert weights[0] == 0
    assert weights[25] == pytest.approx(2)
    assert weights[50:] == [4.0] * 51
    assert weights == sorted(weights)


def test_kl_weight_without_warmup_is_beta():
    assert {kl_weight(0.5, step, 100) for step in range(100)} == {0.5}
    assert kl_weight(2.0, 0, 0, kl_warmup=0.5) == 2.0  # a run without updates


def test_kl_weight_over_the_whole_run_reaches_beta_at_its_end():
    assert kl_weight(3.0, 100, 100, kl_warmup=1.0) == 3.0
    assert kl_weight(3.0, 99, 100, kl_warmup=1.0) == pytest.approx(2.97)


def test_cycles_repeat_the_rise_and_the_last_one_ends_at_beta():
    weights = [kl_weight(2.0, step, 100, 0.5, "cyclical", 4) for step in range(101)]
    one = [kl_weight(2.0, step, 25, 0.5) for step in range(25)]
    assert weights[:100] == pytest.approx(one * 4)
    assert weights[100] == 2
    assert [weights[step] for step in (0, 25, 50, 75)] == [0] * 4
    assert weights.count(2.0) == 4 * 12 + 1  # steps 13 to 24 of each cycle, and the end


def test_one_cycle_is_the_linear_schedule_and_constant_never_rises():
    for step in range(51):
        assert kl_weight(3, step, 50, 0.4, "cyclical", 1) == kl_weight(3, step, 50, 0.4, "linear")
        assert kl_weight(3, step, 50, 0.4, "constant") == 3
        assert kl_weight(3, step, 50, 0.0, "cyclical") == 3


@settings(max_examples=60, deadline=None)
@given(
    schedule=st.sampled_from(["constant", "linear", "cyclical"]),
    total=st.integers(1, 300),
    share=st.floats(0, 1),
    cycles=st.integers(1, 9),
    beta=st.floats(0, 10),
)
def test_once_settled_the_kl_weight_is_beta_and_stays(schedule, total, share, cycles, beta):
    course = (share, schedule, cycles)
    settled = [kl_settled(step, total, *course) for step in range(total + 1)]
    assert settled[-1] and settled == sorted(settled)
    for step in range(total + 1):
        weight = kl_weight(beta, step, total, *course)
        assert 0 <= weight <= beta
        # A float step % length may fall just short of the full length of the rise.
        assert not settled[step] or weight == pytest.approx(beta, rel=1e-6)


def test_unknown_kl_schedule():
    with pytest.raises(ValueError, match="unknown KL schedule 'cosine'; choose one of constant, linear, cyc"):
        kl_weight(1.0, 0, 10, 0.5, "cosine")


def terms(kl_rows, reconstruction=(3.0, 5.0)) -> ElboTerms:
    per_dimension = torch.tensor(kl_rows, requires_grad=True)
    return ElboTerms(torch.tensor(reconstruction), per_dimension.sum(-1), per_dimension)


def test_free_bits_floor_the_batch_mean_of_each_dimension():
    found = terms([[0.0, 2.0, 0.4], [0.2, 4.0, 0.0]])  # means 0.1, 3.0, 0.2
    assert found.loss(1.0, 0.5).item() == pytest.approx(4 + 0.5 + 3.0 + 0.5)
    assert found.loss(2.0, 0.15).item() == pytest.approx(4 + 2 * (0.15 + 3.0 + 0.2))
    assert found.loss(2.0, 0.0).item() == found.loss(2.0).item() == pytest.approx(4 + 2 * 3.3)


def test_a_dimension_below_its_free_bits_is_not_pushed():
    found = terms([[0.0, 2.0], [0.2, 4.0]])
    found.loss(1.0, 0.5).backward()
    assert found.kl_per_dimension.grad[:, 0].tolist() == [0, 0]
    assert found.kl_per_dimension.grad[:, 1].tolist() == [0.5, 0.5]


def run(**settings):
    torch.manual_seed(0)
    data = tiny_images(96)
    model = VAE((1, 8, 8), 4, [16])
    settings = {"epochs": 6, "batch_size": 16, "progress": False, "device": "cpu", **settings}
    return model, fit(model, data, data, **settings)


def test_free_bits_keep_every_dimension_near_its_allowance():
    model, _ = run(epochs=40, beta=50.0, learning_rate=1e-2)
    assert kl_per_dimension(model, tiny_images(96)).max() < 0.02, "β = 50 must collapse the code"
    model, _ = run(epochs=40, beta=50.0, learning_rate=1e-2, free_bits=0.3)
    kept = kl_per_dimension(model, tiny_images(96))
    assert (kept > 0.2).all() and (kept < 0.5).all()


def test_the_cyclical_weight_is_recorded_and_used():
    model, history = run(kl_schedule="cyclical", kl_cycles=3, kl_warmup=0.5, beta=2.0)
    steps = [record["step"] for record in history.records]
    expected = [kl_weight(2.0, step, 36, 0.5, "cyclical", 3) for step in steps]
    assert [record["beta"] for record in history.records] == pytest.approx(expected)
    assert len({round(value, 6) for value in expected}) > 1
    other, _ = run(kl_warmup=0.5, beta=2.0)
    assert not torch.equal(
        model.state_dict()["encoder.layers.1.weight"], other.state_dict()["encoder.layers.1.weight"]
    )


def test_the_best_epoch_is_looked_for_after_the_last_rise():
    _, history = run(kl_schedule="cyclical", kl_cycles=2, kl_warmup=1.0, epochs=6)
    assert history.best_epoch == 6


def test_a_schedule_is_part_of_what_a_resumed_run_must_repeat(tmp_path):
    path = tmp_path / "run.pt"
    run(epochs=2, checkpoint=path)
    with pytest.raises(RuntimeError, match=r"free_bits 0.0 → 0.1"):
        run(epochs=2, checkpoint=path, resume=True, free_bits=0.1)

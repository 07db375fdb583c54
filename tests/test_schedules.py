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
from vae_course.training.settings import kl_weight, learning_rate_factor


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


def test_the_best_epoch_is_looked_for_after_the_last_rise():
    _, history = run(kl_warmup=1.0, epochs=6)
    assert history.best_epoch == 6


def test_a_schedule_is_part_of_what_a_resumed_run_must_repeat(tmp_path):
    path = tmp_path / "run.pt"
    run(epochs=2, checkpoint=path)
    with pytest.raises(RuntimeError, match=r"free_bits 0.0 → 0.1"):
        run(epochs=2, checkpoint=path, resume=True, free_bits=0.1)

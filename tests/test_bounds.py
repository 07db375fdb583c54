"""Sampled ELBO and importance-weighted bound against the exact log p(x) of the linear-Gaussian model."""

import math

import pytest
import torch
from linear_vae import LinearVAE
from tiny_data import Rows, tiny_images

from vae_course.elbo import GaussianPosterior
from vae_course.evaluation.bounds import (
    Estimate,
    evaluate,
    importance_weighted_bound,
    importance_weighted_log_prob,
)
from vae_course.models.vae import VAE


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def repeated(model: LinearVAE, k: int, n: int, seed: int = 0) -> torch.Tensor:
    """n independent values of log p̂_K at one x."""
    return importance_weighted_log_prob(model, model.data(1).expand(n, -1), k, generator(seed), chunk=10)


@pytest.mark.parametrize("k, chunk", [(1, 50), (7, 3), (20, 50)])
def test_with_the_exact_posterior_every_draw_gives_log_px(k, chunk):
    model = LinearVAE()
    x = model.data(15)
    values = importance_weighted_log_prob(model, x, k, generator(), chunk)
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, model.toy.log_prob(x), rtol=1e-9, atol=1e-9)


def test_the_bound_rises_with_k_from_the_elbo_and_stays_below_log_px():
    model = LinearVAE(shift=0.5, factor=0.7)
    x = model.data(1)
    exact = model.toy.log_prob(x).item()
    means, errors = [], []
    for k in (1, 5, 50):
        values = repeated(model, k, 4_000, seed=k)
        means.append(values.mean().item())
        errors.append(values.std().item() / math.sqrt(len(values)))
    assert abs(means[0] - model.exact_elbo(x).item()) < 4 * errors[0]
    for i in (0, 1):
        assert means[i + 1] - means[i] > 4 * math.hypot(errors[i], errors[i + 1])
    assert means[-1] < exact + 4 * errors[-1]


def test_the_bound_approaches_log_px():
    model = LinearVAE(shift=0.3, factor=1.3)
    values = repeated(model, 5_000, 60)
    exact = model.toy.log_prob(model.data(1)).item()
    error = values.std().item() / math.sqrt(len(values))
    assert abs(values.mean().item() - exact) < 4 * error + 1e-3
    assert error < 0.01 < model.gap(model.data(1)).item() / 5


def test_the_mean_weight_is_unbiased_for_px():
    model = LinearVAE(shift=0.2, factor=1.2)  # wider than the posterior, so that weights are bounded
    ratio = (repeated(model, 2, 20_000) - model.toy.log_prob(model.data(1))).exp()
    assert abs(ratio.mean().item() - 1) < 4 * ratio.std().item() / math.sqrt(len(ratio))


class _GivenDraws(GaussianPosterior):
    """Hands out draws from a fixed list, however many are asked for at a time."""

    def sample(self, n=None, generator=None):
        noise, _GivenDraws.left = _GivenDraws.left[:n], _GivenDraws.left[n:]
        return self.mean + self.std * noise


def test_chunks_change_memory_and_not_the_result(monkeypatch):
    model = LinearVAE(0.4, 0.8)
    x = model.data(6)
    plain_encode = LinearVAE.encode
    monkeypatch.setattr(
        LinearVAE, "encode", lambda self, x: _GivenDraws(*vars(plain_encode(self, x)).values())
    )
    noise = torch.randn(103, 6, 2, generator=generator(1), dtype=torch.float64)
    results = {}
    for chunk in (1, 10, 50, 1000):
        _GivenDraws.left, model.seen = noise, []
        results[chunk] = importance_weighted_log_prob(model, x, 103, chunk=chunk)
        assert len(_GivenDraws.left) == 0, "all the draws must be used"
        assert max(shape[0] for shape in model.seen) == min(chunk, 103)
    for chunk in (1, 10, 50):
        torch.testing.assert_close(results[chunk], results[1000], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("k", [60, 2_000])
def test_the_decoder_never_sees_more_than_a_chunk_of_a_batch(k):
    model = LinearVAE()
    importance_weighted_log_prob(model, model.data(25), k, chunk=20)
    assert max(math.prod(shape[:2]) for shape in model.seen) == 500
    assert sum(math.prod(shape[:2]) for shape in model.seen) == 25 * k


def test_weights_far_apart_neither_overflow_nor_vanish():
    class Distant(LinearVAE):
        def log_likelihood(self, x, z):
            return super().log_likelihood(x, z) - 5_000

    plain, distant = (
        importance_weighted_log_prob(kind(0.3), kind().data(3), 40, generator())
        for kind in (LinearVAE, Distant)
    )
    torch.testing.assert_close(distant + 5_000, plain, rtol=0, atol=1e-8)


def test_the_bound_of_a_data_set_is_the_mean_over_examples_with_its_error():
    model = LinearVAE()
    data = Rows(model.data(45))
    exact = model.toy.log_prob(data.rows)
    estimate = importance_weighted_bound(model, data, k=5)
    assert estimate.n == 45
    assert estimate.value == pytest.approx(exact.mean().item(), abs=1e-9)
    assert estimate.standard_error == pytest.approx(exact.std().item() / math.sqrt(45), abs=1e-9)


def test_evaluate_gives_the_exact_elbo_within_its_noise():
    model = LinearVAE(0.5, 1.4)
    data = Rows(model.data(50))
    result = evaluate(model, data, n_samples=400, batch_size=7)
    with torch.no_grad():
        exact, kl = model.exact_elbo(data.rows), model.encode(data.rows).kl()
    assert result.kl.value == pytest.approx(kl.mean().item(), abs=1e-9)
    assert result.kl.standard_error == pytest.approx(kl.std().item() / math.sqrt(50), abs=1e-9)
    assert result.negative_elbo.value == pytest.approx(result.reconstruction.value + result.kl.value)
    assert result.negative_elbo.n == result.reconstruction.n == 50
    noise = _noise_of_the_mean(model, data.rows, n_samples=400)
    assert result.negative_elbo.value == pytest.approx(-exact.mean().item(), abs=4 * noise)
    assert noise < model.gap(data.rows).mean() / 20


def _noise_of_the_mean(model, rows, n_samples) -> float:
    """Standard deviation of the data set's mean ELBO over the draws of z, measured anew."""
    with torch.no_grad():
        z = model.encode(rows).sample(500, generator=generator(9))
        return (model.log_likelihood(rows, z).var(0) / n_samples).sum().sqrt().item() / len(rows)


def test_z_is_drawn_and_not_replaced_by_its_mean():
    model = LinearVAE(0.0, 2.0)
    data = Rows(model.data(200))
    with torch.no_grad():
        at_mean = -model.log_likelihood(data.rows, model.encode(data.rows).mean).mean().item()
    assert evaluate(model, data).reconstruction.value > at_mean + 1


def test_measures_repeat_with_the_seed_and_leave_the_mode_alone():
    torch.manual_seed(0)
    data = tiny_images(40, binarize="dynamic")
    model = VAE.for_data(data, latent_dim=2, hidden_dims=[8])
    for training in (True, False):
        model.train(training)
        first = evaluate(model, data, batch_size=15), importance_weighted_bound(model, data, k=3)
        state = torch.get_rng_state()
        assert (evaluate(model, data, batch_size=15), importance_weighted_bound(model, data, k=3)) == first
        assert torch.equal(state, torch.get_rng_state()), "the global random state must stay as it was"
        assert evaluate(model, data, seed=1) != first[0]
        assert model.training is training


def test_measures_are_taken_in_evaluation_mode():
    model = LinearVAE()
    modes = []
    model.register_buffer("unused", torch.zeros(()))
    original = model.encode
    model.encode = lambda x: modes.append(model.training) or original(x)
    data = Rows(model.data(4))
    evaluate(model, data)
    importance_weighted_bound(model, data, k=2)
    assert modes == [False, False] and model.training


def test_an_estimate_states_its_error():
    estimate = Estimate.of(torch.tensor([1.0, 3.0]))
    assert estimate == Estimate(2.0, 1.0, 2)
    assert str(estimate) == "2.00 ± 1.00"
    assert math.isnan(Estimate.of(torch.tensor([1.0])).standard_error)


def test_bad_input_is_refused_in_a_sentence():
    model = LinearVAE()
    data = Rows(model.data(3))
    with pytest.raises(ValueError, match="k is 0"):
        importance_weighted_bound(model, data, k=0)
    for measure in (evaluate, importance_weighted_bound):
        with pytest.raises(ValueError, match="data set is empty"):
            measure(model, Rows(data.rows[:0]))
    assert model.training, "a refused call must leave the mode as it was"


def test_pictures_without_a_data_set_are_measured_as_such():
    data, model = tiny_images(4), VAE((1, 8, 8), 2, [6])
    expected = evaluate(model, data)
    for pictures in (data.floats(), data.images, data.images.numpy()):
        assert evaluate(model, pictures) == expected


@pytest.mark.parametrize("data", [5, [1.0, 2.0], "digits"])
def test_what_is_no_data_set_is_told(data):
    model = VAE((1, 8, 8), 2, [6])
    for measure in (evaluate, importance_weighted_bound):
        with pytest.raises(
            TypeError,
            match=f"the data set is of type {type(data).__name__}, which holds no pictures; expected",
        ):
            measure(model, data)


def test_a_number_of_draws_that_is_not_whole_is_told():
    with pytest.raises(ValueError, match=r"k is 1\.5; it must be a whole number"):
        importance_weighted_bound(VAE((1, 8, 8), 2, [6]), tiny_images(4), k=1.5)

"""KL schedules and free bits, in the loss and inside a run."""

import pytest
import torch
from tiny_data import tiny_images

from vae_course.elbo import ElboTerms
from vae_course.evaluation.code_use import kl_per_dimension
from vae_course.models.vae import VAE
from vae_course.training.loop import fit
from vae_course.training.settings import kl_weight


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

"""The same code on an accelerator: CUDA, or Apple's MPS, which has no float64."""

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images

from vae_course.evaluation.bounds import evaluate, importance_weighted_bound
from vae_course.evaluation.code_use import active_units, kl_per_dimension, posterior_means
from vae_course.evaluation.frechet import frechet_distance
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

TRAIN, HELD_OUT = tiny_images(96, binarize="dynamic"), tiny_images(40, seed=1)


def trained(device: str, path=None, resume=False, data=TRAIN, epochs=3):
    seed_everything(0)
    model = VAE.for_data(TRAIN, latent_dim=2, hidden_dims=[16])
    settings = {"epochs": epochs, "batch_size": 20, "patience": 5, "checkpoint": path, "resume": resume}
    return model, fit(model, data, HELD_OUT, device=device, progress=False, **settings)


def measures(model) -> list[float]:
    result = evaluate(model, HELD_OUT, n_samples=20)
    return [
        result.negative_elbo.value,
        result.kl.value,
        importance_weighted_bound(model, HELD_OUT, k=200).value,
        *kl_per_dimension(model, HELD_OUT).tolist(),
        float(active_units(model, HELD_OUT)),
        *posterior_means(model, HELD_OUT).std(0).tolist(),
    ]


@pytest.fixture(params=["cuda", "mps"])
def accelerator(request) -> str:
    found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}[request.param]
    if not found():
        pytest.skip(f"needs a {request.param.upper()} device")
    return request.param


def test_training_and_measures_on_an_accelerator(accelerator):
    model, history = trained(accelerator, epochs=10)
    assert next(model.parameters()).device.type == accelerator
    _, values = history.curve("validation", "negative_elbo")
    assert min(values) < values[0]
    there = measures(model)
    here = measures(model.to("cpu"))
    assert there == pytest.approx(here, rel=0.05, abs=0.05)
    frechet_distance(torch.rand(9, 3, device=accelerator), torch.rand(9, 3, device=accelerator))


def test_resuming_on_an_accelerator(accelerator, tmp_path):
    straight, history = trained(accelerator)
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        trained(accelerator, path, data=InterruptedAt(TRAIN, 9))
    model, resumed = trained(accelerator, path, resume=True)
    assert resumed.curve()[1] == pytest.approx(history.curve()[1], rel=1e-4)
    for name, value in straight.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_double_precision_is_only_used_after_the_move_to_the_cpu(monkeypatch):
    """Stands in for MPS, where ``double()`` is an error: the core must write ``cpu().double()``."""
    plain_cpu, plain_double = torch.Tensor.cpu, torch.Tensor.double
    moved: list[torch.Tensor] = []  # kept alive, so that identities stay unique

    def cpu(tensor):
        moved.append(plain_cpu(tensor))
        return moved[-1]

    def double(tensor):
        assert any(tensor is other for other in moved), "double() before cpu() fails on MPS"
        return plain_double(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    monkeypatch.setattr(torch.Tensor, "double", double)
    model, _ = trained("cpu", epochs=1)
    measures(model)
    frechet_distance(torch.rand(9, 3), torch.rand(9, 3))
    assert len(moved) > 5

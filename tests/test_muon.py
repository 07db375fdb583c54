"""Muon: updates that are orthogonal matrices, joined with Adam, in the training loop and across a stop."""

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images
from torch import nn

from benchmarks.ladder import LadderVAE
from benchmarks.muon import Muon, MuonAndAdam, fit_with_muon, orthogonal
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything

pytestmark = pytest.mark.bench

DATA = tiny_images(64, (1, 8, 8), binarize="dynamic")
SETTINGS = {"epochs": 15, "batch_size": 16, "learning_rate": 1e-2, "schedule": "linear"}


def model():
    seed_everything(0)
    return LadderVAE.for_data(
        DATA, top_dim=2, widths=(32, 32), layers=(1, 1), latent_channels=(1, 1), hidden=8
    )


@pytest.mark.parametrize("shape", [(3, 8, 40), (2, 40, 8), (1, 16, 32)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonal(matrices)
    assert result.shape == shape and result.dtype == torch.float32
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ result @ vh.mT
    values = inside.diagonal(dim1=1, dim2=2)
    assert ((values > 0.5) & (values < 1.35)).all()
    assert (inside - torch.diag_embed(values)).abs().max() < 0.1


def test_an_update_has_the_stated_size_and_goes_down():
    weight = nn.Parameter(torch.zeros(32, 48, 3, 3))
    other = nn.Parameter(torch.zeros(32, 48, 3, 3))
    generator = torch.Generator().manual_seed(0)
    for parameter in (weight, other):
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    Muon([weight, other], lr=0.01, scale=2.0).step()
    for parameter in (weight, other):
        assert parameter.pow(2).mean().sqrt().item() == pytest.approx(0.2 * 0.02, rel=0.2)
        assert (parameter * parameter.grad).sum() < 0


def test_momentum_is_kept_of_each_kernel():
    weight = nn.Parameter(torch.zeros(32, 32, 1, 1))
    optimizer = Muon([weight], lr=0.1, momentum=0.9)
    gradients = torch.randn(2, 32, 32, 1, 1, generator=torch.Generator().manual_seed(0))
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    torch.testing.assert_close(optimizer.state[weight]["momentum"], 0.9 * gradients[0] + gradients[1])


def test_kernels_go_to_muon_and_the_rest_to_adam():
    network = model()
    optimizer = MuonAndAdam(network.parameters(), 1e-3)
    kernels, others = (group["params"] for group in optimizer.param_groups)
    assert all(p.dim() == 4 and min(p.shape[:2]) >= 32 for p in kernels) and len(kernels) > 5
    assert {id(p) for p in kernels} | {id(p) for p in others} == {id(p) for p in network.parameters()}
    assert not {id(p) for p in kernels} & {id(p) for p in others}
    with pytest.raises(ValueError, match="the model has none; use adam"):
        MuonAndAdam(VAE(hidden_dims=(64, 64)).parameters(), 1e-3)


def test_a_run_takes_it_and_resumes_as_if_never_stopped(tmp_path):
    whole = model()
    history = fit_with_muon(whole, DATA, device="cpu", progress=False, **SETTINGS)
    values = history.curve("train", "negative_elbo")[1]
    assert values[-1] < values[0] - 0.5
    stopped, path = model(), tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        fit_with_muon(
            stopped, InterruptedAt(DATA, 9), device="cpu", progress=False, checkpoint=path, **SETTINGS
        )
    again = model()
    fit_with_muon(again, DATA, device="cpu", progress=False, checkpoint=path, resume=True, **SETTINGS)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name

"""Adam is torch's, without the import of torch._dynamo."""

import subprocess
import sys

import pytest
import torch

from vae_course.machine import Adam


def trained(kind, steps=7, state=None, fused=True):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    optimizer = kind(model.parameters(), lr=0.03, weight_decay=0.1, fused=fused)
    draw = torch.Generator().manual_seed(1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.03 / (1 + step)
        loss = model(torch.randn(8, 5, generator=draw)).square().sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return list(model.parameters()), optimizer


@pytest.mark.parametrize("fused", [True, False])
def test_the_numbers_are_those_of_torch(fused):
    (ours, optimizer), (torchs, other) = (
        trained(Adam, fused=fused),
        trained(torch.optim.Adam, fused=fused),
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True))
    assert all(weight.requires_grad for weight in ours) and torch.is_grad_enabled()
    mine, theirs = optimizer.state_dict(), other.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    for number, state in theirs["state"].items():
        assert all(torch.equal(value, mine["state"][number][key]) for key, value in state.items())


def test_a_saved_state_of_torch_is_read():
    _, optimizer = trained(Adam, steps=0)
    optimizer.load_state_dict(trained(torch.optim.Adam)[1].state_dict())
    assert optimizer.state_dict()["state"][0]["step"] == 7


def test_a_training_run_does_not_import_the_compiler():
    program = (
        "import sys; from vae_course import VAE, fit, load; data = load('digits', subset=64);"
        "fit(VAE.for_data(data), data, epochs=1, progress=False, device='cpu');"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

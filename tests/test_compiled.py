"""Compiled networks give the same training: which calls are compiled, and what comes out."""

from functools import partial

import pytest
import torch
from tiny_data import tiny_images

from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training import loop as fit
from vae_course.training.compiled import CompilationFailed

COMPILE = torch.compile


@pytest.fixture
def compiled_sizes(monkeypatch):
    """Compile without the C++ compiler, which takes half a minute, and note the batches that are compiled."""
    sizes = []

    def note(graph, inputs):
        sizes.append(max(tensor.shape[0] for tensor in inputs if tensor.ndim == 4 and tensor.shape[0] > 1))
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(COMPILE, backend=note))
    yield sizes
    torch._dynamo.reset()


def train(**more):
    data = tiny_images(53, binarize="dynamic")
    seed_everything(0)
    model = VAE.for_data(data, latent_dim=2, hidden_dims=[8])
    settings = {"epochs": 2, "batch_size": 10, "precision": "highest", "device": "cpu", "progress": False}
    history = fit(model, data, tiny_images(30, seed=1), **settings, **more)
    return model.state_dict(), history.last["validation"]


def test_a_compiled_run_is_the_same_and_compiles_whole_batches_only(compiled_sizes):
    (weights, measured), (others, other_measured) = train(), train(compile=True)
    assert weights.keys() == others.keys()  # the model itself is left as it was
    assert max((weights[name] - others[name]).abs().max() for name in weights) < 1e-5
    assert measured == pytest.approx(other_measured, abs=1e-3)
    assert compiled_sizes == [10, 10]  # encode and log_likelihood, once each


def test_a_machine_that_cannot_compile_is_told(monkeypatch):
    def fails(graph, inputs):
        raise OSError("there is no compiler")

    monkeypatch.setattr(torch, "compile", partial(COMPILE, backend=fails))
    with pytest.raises(CompilationFailed, match="cannot compile VAE here"):
        train(compile=True)
    torch._dynamo.reset()

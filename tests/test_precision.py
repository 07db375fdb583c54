"""The arithmetic of training is measured, chosen by rule, and put back."""

import pytest
import torch
from tiny_data import tiny_images

from vae_course import machine as precision
from vae_course.machine import Arithmetic, choose, matrix_products, measure
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.vae import VAE, Autoencoder
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

CPU = torch.device("cpu")
QUIET = {"device": "cpu", "progress": False}


def machine(monkeypatch, medium=(1.0, 1e-7), bfloat16=(1.0, 3e-3)):
    """A made-up machine: (seconds, error) of each arithmetic; the plain product takes 1 second."""
    found = {"highest": (1.0, 1e-7), "medium": medium, "bfloat16": bfloat16}
    table = {name: Arithmetic(name, *values) for name, values in found.items()}
    monkeypatch.setattr(precision, "measure", lambda device, threads: table)


def model(likelihood="bernoulli", kind=VAE):
    seed_everything(0)
    return kind((1, 8, 8), 3, [16], likelihood)


def test_this_machine_is_measured_once_and_torch_is_left_as_it_was():
    before = torch.get_float32_matmul_precision()
    found = measure("cpu", torch.get_num_threads())
    assert torch.get_float32_matmul_precision() == before
    assert list(found) == ["highest", "medium", "bfloat16"]
    assert all(entry.seconds > 0 for entry in found.values())
    assert found["highest"].error < 1e-5 < found["bfloat16"].error < 0.05
    assert measure("cpu", torch.get_num_threads()) is found


@pytest.mark.parametrize(
    "medium, bfloat16, chosen",
    [
        ((1.0, 1e-7), (9.0, 3e-3), "highest"),  # nothing is gained
        ((0.9, 1e-7), (0.9, 3e-3), "highest"),  # too little is gained
        ((0.5, 1e-7), (9.0, 3e-3), "medium"),
        ((0.5, 1e-7), (0.45, 3e-3), "medium"),
        ((0.5, 1e-7), (0.2, 3e-3), "bfloat16"),
        ((0.2, 2e-3), (9.0, 3e-3), "highest"),  # fast, but no longer float32: AMX computes in bfloat16
    ],
)
def test_auto_takes_the_fastest_that_is_exact_and_worth_it(monkeypatch, medium, bfloat16, chosen):
    machine(monkeypatch, medium, bfloat16)
    assert choose("auto", CPU, model()) == chosen


@pytest.mark.parametrize("other", [model("gaussian"), model(kind=HierarchicalVAE), torch.nn.Linear(1, 1)])
def test_only_bernoulli_image_models_train_in_bfloat16(monkeypatch, other):
    machine(monkeypatch, medium=(0.5, 1e-7), bfloat16=(0.1, 3e-3))
    assert choose("auto", CPU, other) == "medium"
    with pytest.raises(ValueError, match="trained in float32"):
        choose("bfloat16", CPU, other)
    assert choose("auto", CPU, model(kind=Autoencoder)) == "bfloat16"


def test_a_subclass_does_not_inherit_the_answer():
    class Own(VAE):
        pass

    assert VAE().trains_in_bfloat16 and not Own().trains_in_bfloat16


def test_what_is_asked_for_is_taken_unmeasured(monkeypatch):
    monkeypatch.setattr(precision, "measure", None)
    assert choose("highest", CPU, model()) == "highest"
    assert choose("medium", CPU, model()) == "medium"
    assert choose("auto", torch.device("mps"), model()) == torch.get_float32_matmul_precision()


def test_the_products_are_put_back_after_an_error():
    before = torch.get_float32_matmul_precision()
    with pytest.raises(KeyboardInterrupt), matrix_products("medium"):
        assert torch.get_float32_matmul_precision() == "medium"
        raise KeyboardInterrupt
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("name", ["highest", "medium", "bfloat16"])
def test_every_arithmetic_learns_the_same(name):
    train = tiny_images(192)

    def last(name):
        trained = model()
        history = fit(trained, train, epochs=8, batch_size=32, precision=name, eval_examples=None, **QUIET)
        assert all(weight.dtype == torch.float32 for weight in trained.parameters())
        return history

    exact, found = last("highest"), last(name)
    start, end = (exact.records[i]["train"]["negative_elbo"] for i in (0, -1))
    assert end < start - 2
    assert found.last["train"]["negative_elbo"] == pytest.approx(end, abs=0.05 * (start - end))


def test_bfloat16_is_used_and_the_terms_stay_float32():
    seen = set()

    def objective(model, x, generator):
        from vae_course.elbo import elbo_terms

        seen.add(torch.is_autocast_enabled("cpu") and model.training)
        terms = elbo_terms(model, x, generator)
        assert terms.reconstruction.dtype == terms.kl.dtype == torch.float32
        return terms

    fit(model(), tiny_images(32), epochs=1, precision="bfloat16", objective=objective, **QUIET)
    assert seen == {True, False}  # measured without it


def test_a_resumed_run_keeps_the_arithmetic_it_was_begun_with(monkeypatch, tmp_path):
    """The measurement could turn out otherwise in another process."""
    from tiny_data import InterruptedAt

    def run(path, call=None, resume=False):
        trained, data = model(), tiny_images(50)
        data = data if call is None else InterruptedAt(data, call)
        fit(trained, data, epochs=4, batch_size=10, checkpoint=path, resume=resume, **QUIET)
        return trained.state_dict()

    machine(monkeypatch, medium=(0.5, 1e-7), bfloat16=(0.1, 3e-3))
    straight, path = run(tmp_path / "straight.pt"), tmp_path / "cut.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, call=20)
    machine(monkeypatch)  # "highest" from here on
    for name, value in run(path, resume=True).items():
        assert torch.equal(value, straight[name]), name

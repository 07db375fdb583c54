"""The arithmetic of training is chosen by what the processor is, and put back."""

import os
import subprocess
import sys
import threading

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images

from benchmarks.arithmetic import measure
from vae_course.elbo import elbo_terms
from vae_course.machine import choose, matrix_products
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.vae import VAE, Autoencoder
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

CPU = torch.device("cpu")
QUIET = {"device": "cpu", "progress": False}


def processor(monkeypatch, capability, *instructions):
    """A made-up processor."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for name in ("avx512", "avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda has=name in instructions: has)


def model(likelihood="bernoulli", kind=VAE):
    seed_everything(0)
    return kind(image_shape=(1, 8, 8), latent_dim=3, hidden_dims=[16], likelihood=likelihood)


@pytest.mark.parametrize(
    "capability, instructions, float32, bernoulli",
    [
        ("DEFAULT", (), "highest", "highest"),
        ("AVX2", (), "highest", "highest"),
        ("AVX512", ("avx512",), "medium", "medium"),
        ("AVX512", ("avx512", "avx512_bf16"), "medium", "bfloat16"),
        ("AVX512", ("avx512", "avx512_bf16", "amx_tile"), "highest", "bfloat16"),
        ("AVX2", ("avx512", "avx512_bf16"), "highest", "highest"),  # ATEN_CPU_CAPABILITY says so
        ("SVE256", (), "highest", "highest"),
    ],
)
def test_the_processor_decides(monkeypatch, capability, instructions, float32, bernoulli):
    processor(monkeypatch, capability, *instructions)
    assert choose("auto", CPU, model()) == choose("auto", CPU, model(kind=Autoencoder)) == bernoulli
    for other in (None, model("gaussian"), model(kind=HierarchicalVAE), torch.nn.Linear(1, 1)):
        assert choose("auto", CPU, other) == float32
    with matrix_products("bfloat16"):  # what is left to float32
        assert torch.get_float32_matmul_precision() == float32


def test_bfloat16_is_refused_where_8_bits_are_too_few():
    for other in (model("gaussian"), model(kind=HierarchicalVAE), torch.nn.Linear(1, 1)):
        with pytest.raises(ValueError, match="trains in float32"):
            choose("bfloat16", CPU, other)


def test_a_subclass_does_not_inherit_the_answer():
    class Own(VAE):
        pass

    assert VAE().trains_in_bfloat16 and not Own().trains_in_bfloat16


def test_what_is_asked_for_is_taken_and_an_accelerator_is_left_alone(monkeypatch):
    processor(monkeypatch, "AVX512", "avx512", "avx512_bf16")
    assert [choose(name, CPU, model()) for name in ("highest", "medium", "bfloat16")] == [
        "highest",
        "medium",
        "bfloat16",
    ]
    for device in ("cuda", "mps"):
        assert choose("auto", torch.device(device), model()) == torch.get_float32_matmul_precision()


@pytest.mark.parametrize("capability", ["default", "avx2"])
def test_what_the_environment_forbids_is_not_used(capability):
    program = (
        "import torch; from vae_course.models.vae import VAE; from vae_course.machine import choose;"
        "print(choose('auto', torch.device('cpu'), VAE()))"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": capability}
    found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert found.stdout == "highest\n", found.stderr


def test_what_is_chosen_here_for_float32_is_float32():
    """A sum of n products of normal numbers is off by about ε √n by rounding; this is the largest of many."""
    found = {row.name: row for row in measure(repeats=1)}
    exact = 16 * torch.finfo(torch.float32).eps
    assert found[choose("auto", CPU)].error < exact < found["bfloat16"].error


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
        seen.add(torch.is_autocast_enabled("cpu") and model.training)
        terms = elbo_terms(model, x, generator)
        assert terms.reconstruction.dtype == terms.kl.dtype == torch.float32
        return terms

    fit(model(), tiny_images(32), epochs=1, precision="bfloat16", objective=objective, **QUIET)
    assert seen == {True, False}  # measured without it


def test_a_resumed_run_keeps_the_arithmetic_it_was_begun_with(monkeypatch, tmp_path):
    """It may go on on another processor."""

    def run(path, call=None, resume=False):
        trained, data = model(), tiny_images(50)
        data = data if call is None else InterruptedAt(data, call)
        fit(trained, data, epochs=4, batch_size=10, checkpoint=path, resume=resume, **QUIET)
        return trained.state_dict()

    processor(monkeypatch, "AVX512", "avx512", "avx512_bf16")
    straight, path = run(tmp_path / "straight.pt"), tmp_path / "cut.pt"
    with pytest.raises(KeyboardInterrupt):
        run(path, call=20)
    processor(monkeypatch, "AVX2")  # "highest" from here on
    for name, value in run(path, resume=True).items():
        assert torch.equal(value, straight[name]), name


def test_blocks_of_two_threads_that_overlap_put_back_what_was_there_before_both():
    before = torch.get_float32_matmul_precision()
    other = "highest" if before == "medium" else "medium"
    entered, leave = threading.Event(), threading.Event()

    def second():
        with matrix_products(other):
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=second)
    with matrix_products(other):
        thread.start()
        assert entered.wait(20)
    assert torch.get_float32_matmul_precision() == other, "the second thread is still inside"
    leave.set()
    thread.join()
    assert torch.get_float32_matmul_precision() == before
    with matrix_products(other), matrix_products(before):
        pass
    assert torch.get_float32_matmul_precision() == before

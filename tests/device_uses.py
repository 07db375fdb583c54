"""The course's rule on a machine with an accelerator: training uses it, and nothing else leaves the CPU.

``test_devices.py`` runs this file with the stand-in accelerator, and on a real one if there is one. What
is trained and measured is written as in a chapter: no line moves anything to a device.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images

from recipes.arena_measures import image_coverage
from recipes.gan import fit_gan
from recipes.judges import train_classifier, train_reader
from recipes.one_model import train_one_model
from recipes.vae_gan import fit_vae_gan
from recipes.vq_vae import evaluate_codes, fit_prior, vq_terms
from vae_course import VAE, elbo_terms, evaluate, fit, importance_weighted_bound, load, seed_everything
from vae_course.evaluation import read
from vae_course.evaluation.bounds import elbo_scores
from vae_course.evaluation.code_use import (
    active_units,
    collapse_report,
    kl_per_dimension,
    posterior_means,
    probe_accuracy,
    size_report,
    view_setting,
)
from vae_course.evaluation.paths import path_cost
from vae_course.evaluation.samples import frechet_distance, sample_quality
from vae_course.machine import pick_device
from vae_course.models.gan import VAEGAN, Discriminator, Generator
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.one_model import OneModel
from vae_course.models.text import TextVAE
from vae_course.models.vq_vae import VQVAE, CodePrior
from vae_course.plots.images import manifold, reconstructions, samples, traversal_grid
from vae_course.training.loop import TrainingDiverged
from vae_course.training.sweep import plan, run_sweep
from vae_course.weights import load_model
from vae_course.widgets import (
    explore_corrupted_digit,
    explore_latent_pad,
)

DIGITS = load("digits", subset=160, binarize="dynamic")
HELD_OUT = load("digits", "validation", subset=80)
SETTINGS = {"epochs": 2, "batch_size": 40, "progress": False, "precision": "highest"}
THERE = pick_device("auto")
EXACT = THERE.type == "cuda" and torch.cuda.get_device_name() == "stand-in"


def test_there_is_an_accelerator():
    assert THERE.type != "cpu"


class Places:
    """An objective that notes where it is asked to work."""

    def __init__(self, objective=elbo_terms):
        self.objective, self.seen = objective, set()

    def __call__(self, model, x, generator=None):
        first = x[0] if isinstance(x, tuple) else x
        self.seen |= {first.device.type, next(model.parameters()).device.type, generator.device.type}
        return self.objective(model, x, generator)


def small(data=DIGITS, seed=0, **arguments):
    seed_everything(seed)
    return VAE.for_data(data, **{"latent_dim": 2, "hidden_dims": [16], **arguments})


def on_cpu(model) -> bool:
    return all(t.device.type == "cpu" for t in [*model.state_dict().values(), *model.parameters()])


def agree(there, here) -> None:
    """The stand-in computes what the CPU does; a real device nearly."""
    assert on_cpu(there)
    for name, value in here.state_dict().items():
        got = there.state_dict()[name]
        assert torch.equal(got, value) or not EXACT, name


def test_fit_trains_there_and_hands_the_model_back():
    places, model, reference = Places(), small(), small()
    settings = {**SETTINGS, "patience": 1, "gradient_clip": 1.0}
    history = fit(model, DIGITS, HELD_OUT, objective=places, **settings)
    assert places.seen == {THERE.type}
    fit(reference, DIGITS, HELD_OUT, device="cpu", **settings)
    agree(model, reference)
    assert all(isinstance(value, float) for value in history.last["train"].values())


def test_a_model_that_was_there_stays_there():
    model = small().to(THERE)
    fit(model, DIGITS, **SETTINGS)
    assert next(model.parameters()).device.type == THERE.type
    assert torch.is_tensor(posterior_means(model, HELD_OUT)) and not posterior_means(model, HELD_OUT).is_cuda


def test_a_run_that_fails_hands_the_model_back():
    model = small()
    with pytest.raises(TrainingDiverged):
        fit(model, DIGITS, objective=lambda m, x, g: _infinite(elbo_terms(m, x, g)), **SETTINGS)
    assert on_cpu(model)
    with pytest.raises(KeyboardInterrupt):
        fit(model, InterruptedAt(DIGITS, 3), **SETTINGS)
    assert on_cpu(model)


def _infinite(terms):
    terms.reconstruction.data.fill_(float("inf"))
    return terms


@pytest.mark.parametrize("where", ["auto", "cpu"])
def test_an_interrupted_run_goes_on_there_and_on_the_cpu(tmp_path, where):
    path, settings = tmp_path / "run.pt", {**SETTINGS, "epochs": 3}
    straight = small()
    fit(straight, DIGITS, HELD_OUT, patience=5, **settings)
    with pytest.raises(KeyboardInterrupt):
        stopped = {"checkpoint": path, **settings}
        fit(small(), InterruptedAt(DIGITS, 9), HELD_OUT, patience=5, **stopped)
    model = small(seed=5)
    history = fit(model, DIGITS, HELD_OUT, patience=5, checkpoint=path, resume=True, device=where, **settings)
    assert history.last["epoch"] == 3 and on_cpu(model) and on_cpu(load_model(path))
    if where == "auto":
        agree(model, straight)


def measures(model) -> list:
    """What chapters measure of a VAE; numbers and CPU tensors."""
    report = collapse_report(model, HELD_OUT)
    bound = importance_weighted_bound(model, HELD_OUT, k=30)
    judge = train_classifier(HELD_OUT, epochs=1)
    pictures = HELD_OUT.floats()
    cost = path_cost(model, pictures[:6].reshape(3, 2, *pictures.shape[1:]))
    sizes = size_report(model, DIGITS, HELD_OUT, judge)
    return [
        evaluate(model, HELD_OUT, n_samples=3).negative_elbo.value,
        bound.value,
        active_units(model, HELD_OUT),
        report.mutual_information.value,
        probe_accuracy(model, DIGITS, HELD_OUT),
        elbo_scores(model, HELD_OUT),
        kl_per_dimension(model, HELD_OUT),
        posterior_means(model, HELD_OUT),
        report.rate.value,
        cost.excess,
        torch.tensor([sizes[name] for name in ("distortion", "rate", "frechet", "precision")]),
    ]


@pytest.mark.parametrize("binarize", [None, "dynamic"])
def test_measures_are_the_same_for_a_model_here_and_there(binarize):
    model = small()
    fit(model, DIGITS, **SETTINGS)
    here = measures(model)
    there = measures(model.to(THERE))
    for a, b in zip(here, there, strict=True):
        assert not torch.is_tensor(b) or b.device.type == "cpu"
        # A bound's products are float32 in the device's usual arithmetic, which need not be the CPU's.
        within = 1e-4 if EXACT else 0.2
        torch.testing.assert_close(torch.as_tensor(b), torch.as_tensor(a), rtol=within, atol=within)


def test_judges_are_trained_there_and_judge_here():
    judge = train_classifier(HELD_OUT, epochs=1)
    reader = train_reader(HELD_OUT, torch.rand(len(HELD_OUT), 3), epochs=1)
    assert on_cpu(judge) and on_cpu(reader)
    pictures = small().sample(30, torch.Generator().manual_seed(0))
    assert read(reader, pictures).device.type == "cpu"
    assert sample_quality(pictures, HELD_OUT.floats(), judge).n == 30
    assert 0 < image_coverage(pictures, judge).high_quality <= 1
    assert 0 <= judge.accuracy(HELD_OUT) <= 1
    assert frechet_distance(torch.rand(9, 3, device=THERE), torch.rand(9, 3)) >= 0


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_gan_of_pictures_and_what_watches_it(penalty):
    seen = []

    def watch(step, generator):
        seen.append((step, generator.sample(2, torch.Generator().manual_seed(0)).device.type))

    def players():
        seed_everything(0)
        return (
            Generator.for_data(DIGITS, latent_dim=2, hidden_dims=(8,), architecture="mlp"),
            Discriminator(DIGITS.shape, hidden_dims=(8,)),
        )

    usual = {"batch_size": 40, "penalty": penalty, "progress": False}
    generator, discriminator = players()
    fit_gan(generator, discriminator, DIGITS, steps=6, record_every=2, watch=watch, **usual)
    assert on_cpu(generator) and on_cpu(discriminator)
    assert seen == [(step, "cpu") for step in (0, 2, 4, 6)]
    reference = players()
    fit_gan(*reference, DIGITS, steps=6, record_every=2, device="cpu", **usual)
    agree(generator, reference[0])
    with pytest.raises(KeyboardInterrupt):
        fit_gan(*reference, InterruptedAt(DIGITS, 5), steps=6, **usual)
    assert on_cpu(reference[0]) and on_cpu(reference[1])


@pytest.mark.parametrize("margin", [None, 0.35])
def test_a_vae_gan(margin):
    def train(**more):
        seed_everything(0)
        model = VAEGAN.for_data(tiny_images(), architecture="conv", latent_dim=3, hidden_dims=(4, 6))
        usual = {"epochs": 2, "batch_size": 32, "progress": False, "margin": margin}
        history = fit_vae_gan(model, tiny_images(), tiny_images(32, seed=1), **usual, **more)
        assert 0 <= history.last["players"]["right"] <= 1
        return model

    agree(train(), train(device="cpu"))


def test_one_model_for_every_setting():
    model = train_one_model(
        DIGITS, HELD_OUT, latent_dim=8, hidden_dims=(16,), epochs=1, batch_size=40, progress=False
    )
    assert isinstance(model, OneModel) and on_cpu(model)
    view = view_setting(model, HELD_OUT.floats(), beta=1.0, k=3)
    assert view.samples.device.type == "cpu" and view.kl_per_dimension.shape == (3,)
    assert evaluate(model.at(2.0, 4), HELD_OUT).kl.value >= 0


def test_letters_and_their_prior():
    data = tiny_images(64)
    seed_everything(0)
    model = VQVAE.for_data(data, n_codes=12, code_dim=5, hidden_dims=(8, 16))
    places = Places(vq_terms)
    fit(model, data, objective=places, **SETTINGS)
    assert places.seen == {THERE.type} and on_cpu(model)
    prior = CodePrior(12, 2, hidden=16, embedding=8)
    fit_prior(prior, model, data, data, epochs=1, batch_size=32, progress=False)
    assert on_cpu(prior)
    assert evaluate_codes(model, prior, data).kl.value > 0
    assert evaluate_codes(model.to(THERE), prior, data).kl.value > 0
    assert prior.sample(3, torch.Generator().manual_seed(0)).device.type == "cpu"


def bounds(model, data) -> list[float]:
    return [evaluate(model, data).negative_elbo.value, importance_weighted_bound(model, data, k=5).value]


def test_two_layers():
    data = tiny_images(64)
    seed_everything(0)
    layers = HierarchicalVAE.for_data(data, latent_dim=3, top_dim=2, hidden_dims=(16,), top_hidden=8)
    fit(layers, data, **SETTINGS)
    assert on_cpu(layers)
    here = bounds(layers, data)
    assert bounds(layers.to(THERE), data) == pytest.approx(here, rel=1e-4 if EXACT else 0.2)


def test_texts():
    data = load("invented_names", subset=60)

    def train(**more):
        seed_everything(0)
        model = TextVAE.for_data(data, latent_dim=3, hidden_dim=12, embedding_dim=6, word_dropout=0.3)
        fit(model, data, data, **SETTINGS, **more)
        return model

    model = train()
    agree(model, train(device="cpu"))
    drawn = model.sample(5, torch.Generator().manual_seed(0))
    assert len(data.tokenizer.decode(drawn)) == 5
    assert evaluate(model, data).kl.value == evaluate(model.to(THERE), data).kl.value or not EXACT
    assert importance_weighted_bound(model, data, k=5).n == 60


def test_a_sweep():
    cells = plan("digits", [2, 3], [1.0], 1, examples=len(DIGITS), hidden_dims=(16,), epochs=1, batch_size=40)
    records = run_sweep(cells, DIGITS, HELD_OUT, measure=size_report, jobs=2, progress=False)
    assert [record["latent_dim"] for record in records] == [2, 3]


@pytest.mark.parametrize("where", ["cpu", "there"])
def test_pictures_of_a_model(where):
    model = small()
    fit(model, DIGITS, **SETTINGS)
    model.to(THERE if where == "there" else "cpu")
    reconstructions(model, HELD_OUT)
    samples(model, 4)
    samples(model, 4, noise=True)
    manifold(model, 5)
    start, end = posterior_means(model, HELD_OUT)[:2]
    assert (start != end).any()
    traversal_grid(model, start, [0, 1])
    one = HELD_OUT.floats()[0]
    for explorer in (
        explore_corrupted_digit(model, one),
        explore_latent_pad(model, HELD_OUT),
    ):
        first = explorer.picture.value
        *_, control = explorer.controls.values()
        control.value = control.max
        assert explorer.picture.value != first


def command(*words: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "vae_course", *words], capture_output=True, text=True, cwd=folder, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line(tmp_path):
    def run(*words):
        return command(*words, folder=tmp_path)

    small_run = ["--dataset", "digits", "--subset", "200", "--hidden-dims", "32", "--latent-dim", "2"]
    run("train", *small_run, "--epochs", "1", "--output", "run")
    assert (tmp_path / "run" / "model.pt").is_file()
    assert "ELBO" in run("evaluate", "--model", "run")
    assert "ELBO" in run("evaluate", "--model", "run", "--device", "cpu")
    run("sample", "--model", "run", "--output", "samples.png")
    run("interpolate", "--model", "run", "--from", "3", "--to", "8", "--output", "path.png")
    assert (tmp_path / "samples.png").is_file() and (tmp_path / "path.png").is_file()

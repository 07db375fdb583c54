"""From settings to a finished run: data, model, training, and the report on the test part."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import asdict, fields

import torch

import vae_course
from vae_course.cli.interpolate import paths_figure
from vae_course.cli.models import binarization, reading
from vae_course.cli.options import UsageError
from vae_course.cli.output import save_figure, save_json
from vae_course.cli.run_folder import RunFolder
from vae_course.data.images import ImageData
from vae_course.data.loading import finish, load
from vae_course.data.own_images import load_own_parts
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import posterior_means
from vae_course.models.vae import VAE
from vae_course.plots.curves import training_curves
from vae_course.plots.images import manifold, reconstructions, samples
from vae_course.plots.latent import latent_scatter
from vae_course.randomness import seed_everything, seeded
from vae_course.training import distributed as processes
from vae_course.training.loop import History, fit
from vae_course.training.settings import FitSettings
from vae_course.weights import CheckpointError, load_checkpoint, load_model, save_checkpoint

MOST_CLASSES = 20  # more would fill the picture of the codes with their names
MODEL_OPTIONS = ("latent_dim", "hidden_dims", "likelihood", "architecture", "activation")


def train(folder: RunFolder, settings: dict, arguments: argparse.Namespace) -> None:
    """Train in ``folder``, anew or from its checkpoint, and report.

    Args:
        folder: checked; a run that is not resumed clears it.
        settings: everything that decides the result.
        arguments: where and how to run.

    Raises:
        UsageError: the settings do not go together. DataError, TrainingDiverged: as they say.
        KeyboardInterrupt: with a sentence that says how to go on.
    """
    main = processes.rank() == 0
    say = print if main and not arguments.quiet else (lambda *text: None)
    try:
        fitting = asdict(
            FitSettings(**{f.name: settings[f.name] for f in fields(FitSettings) if f.name in settings})
        )
        seed_everything(settings["seed"])
        with processes.first_on_each_machine():
            parts = _parts(settings, arguments)
        processes.check_batch_size(FitSettings(**fitting).for_examples(len(parts["train"])).batch_size)
        if settings["augment"]:
            parts["train"] = parts["train"].augmented()
        options = {name: settings[name] for name in MODEL_OPTIONS}
        model = VAE(image_shape=parts["train"].shape, **options)
        if settings["center"]:
            model.center_on(parts["train"])
    except ValueError as error:
        raise UsageError(str(error)) from error
    if main and not arguments.resume:
        folder.start({"vae_course": vae_course.__version__, "settings": settings, "model": model.config})
    _introduce(model, parts, settings, say)
    try:
        history = fit(
            model,
            parts["train"],
            parts["validation"],
            device=arguments.device,
            checkpoint=folder.checkpoint,
            resume=arguments.resume,
            progress=not arguments.quiet,
            compile=arguments.compile,
            **fitting,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    except CheckpointError as error:
        raise UsageError(f"--resume: {error}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_where_it_stopped(folder, settings, arguments.images)) from None
    if not main:
        return
    try:
        report(folder, model, history, parts["test"], settings, say)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_where_it_stopped(folder, settings, arguments.images)) from None


def report(
    folder: RunFolder, model: VAE, history: History, test: ImageData, settings: dict, say: Callable[..., None]
) -> None:
    """Write everything that ``train`` leaves behind, the test losses last, and say what it is."""
    seed = settings["seed"]
    save_checkpoint(folder / "model.pt", model, half=settings["half"], settings=settings)
    model.load_state_dict(
        load_model(folder / "model.pt").state_dict()
    )  # what is measured is what was written
    history.to_json(folder / "history.json")
    measured = evaluate(model, test, seed=seed)

    shown = test.subset(min(2000, len(test)), seed)
    codes = posterior_means(model, shown, seed=seed)
    named = shown.labels is not None and len(shown.class_names) <= MOST_CLASSES
    figures = {
        "training_history.png": training_curves(history),
        "reconstructions.png": reconstructions(model, test, n=min(8, len(test)), seed=seed),
        "latent_space.png": latent_scatter(
            codes, shown.labels if named else None, shown.class_names if named else None
        ),
        "samples.png": samples(model, seed=seed),
        "interpolation.png": paths_figure(model, test, _pairs(test, 5, seed), steps=10),
    }
    if model.latent_dim == 2:
        figures["manifold.png"] = manifold(model)
    for name, figure in figures.items():
        save_figure(figure, folder / name)

    about = {"dataset": test.name, "split": test.split, "images": len(test)}
    about |= {"pixels": reading(test, settings["binarize"]), "unit": "nats per example", "seed": seed}
    save_json({**about, **asdict(measured)}, folder / "metrics.json")
    folder.checkpoint.unlink(missing_ok=True)
    say(f"\nTest part ({len(test):,} images, {about['pixels']}), nats per example:")
    say(f"  −ELBO {measured.negative_elbo} = reconstruction {measured.reconstruction} + KL {measured.kl}")
    say(f"\nWrote to {folder.path}:\n{folder.listing()}")


def _parts(settings: dict, arguments: argparse.Namespace) -> dict[str, ImageData]:
    """The training, validation and test part of a data set, or of own images."""
    seed, binarize = settings["seed"], binarization(settings["binarize"])
    subsets = {"train": settings["subset"], "validation": None, "test": None}
    if arguments.images:
        own = load_own_parts(arguments.images)
        return {split: finish(own[split], subset, seed, binarize) for split, subset in subsets.items()}
    where = {"root": arguments.data_root, "download": not arguments.no_download}
    return {
        split: load(settings["dataset"], split, subset=subset, seed=seed, binarize=binarize, **where)
        for split, subset in subsets.items()
    }


def _introduce(model: VAE, parts: dict[str, ImageData], settings: dict, say: Callable[..., None]) -> None:
    counts = ", ".join(f"{len(data):,} {split}" for split, data in parts.items())
    layers = "-".join(map(str, model.config["hidden_dims"]))
    weights = sum(parameter.numel() for parameter in model.parameters())
    say(f"{settings['dataset']}: {counts} images; {reading(parts['train'], settings['binarize'])}")
    say(
        f"VAE: {settings['architecture']} {layers}, {model.latent_dim} latent dimensions, {weights:,} weights"
    )


def _pairs(data: ImageData, n: int, seed: int) -> list[tuple[int, int]]:
    """``n`` pairs of images, of different classes where there are classes."""
    order = torch.randperm(len(data), generator=seeded(seed)).tolist()
    pairs = []
    for first, last in zip(order[::2], order[1::2], strict=False):
        if data.labels is None or data.labels[first] != data.labels[last]:
            pairs.append((first, last))
    return pairs[:n] or [(0, len(data) - 1)]


def _where_it_stopped(folder: RunFolder, settings: dict, images: str | None) -> str:
    done = load_checkpoint(folder.checkpoint)["training"]["epoch"] if folder.checkpoint.is_file() else 0
    command = folder.resume_command + (f" --images {shlex.quote(images)}" if images else "")
    if processes.count() > 1:
        command = command.replace("python", f"torchrun --nproc-per-node {processes.count()}", 1)
    return f"interrupted; {done} of {settings['epochs']} epochs are saved. Go on with\n  {command}"

"""``train``: from settings to a finished run in a folder, which an interruption costs nothing."""

import argparse
import json
import shlex
from dataclasses import asdict, fields
from pathlib import Path

import torch

import vae_course
from vae_course import cli_runs as runs
from vae_course.cli import DATASETS, PROGRAM, UsageError
from vae_course.data.images import ImageData
from vae_course.data.own_images import load_own_parts
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import posterior_means
from vae_course.files import say
from vae_course.models.vae import VAE
from vae_course.plots.curves import training_curves
from vae_course.plots.images import manifold, reconstructions, samples
from vae_course.plots.latent import latent_scatter
from vae_course.plots.style import write_figure
from vae_course.randomness import base_seed, seed_everything, seeded
from vae_course.training import distributed as processes
from vae_course.training.loop import History, fit
from vae_course.training.settings import FitSettings
from vae_course.weights import CheckpointError, load_checkpoint, save_checkpoint

MODEL_OPTIONS = ("latent_dim", "hidden_dims", "likelihood", "architecture", "activation")
MOST_CLASSES = 20  # more would fill the picture of the codes with their names

# What a resumed run may choose anew: where it runs and what it prints, nothing that changes the result.
# (The file of own images may have moved; its content stands in the name of the data set.)
FREE = ("command", "output", "resume", "overwrite", "device", "quiet", "data_root", "no_download", "images")

# What a run leaves, in the order in which it is written; the last file says that the run is finished.
FILES = {
    "config.json": "the settings of the run",
    "model.pt": "weights and configuration, for load_model",
    "history.json": "losses by epoch, for History.from_json",
    "training_history.png": "the same as curves",
    "reconstructions.png": "test images and what the model makes of them",
    "latent_space.png": "codes of test images",
    "manifold.png": "the decoder over the latent plane",
    "samples.png": "pictures from the prior",
    "interpolation.png": "paths between test images",
    "metrics.json": "test losses with standard errors",
}


class RunFolder:
    """The folder ``path`` as the home of one training run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def finished(self) -> bool:
        """Whether everything has been written."""
        return (self / "metrics.json").is_file() and not self.checkpoint.exists()

    def check_new(self, overwrite: bool) -> None:
        """Raise UsageError unless a new run may be written here."""
        runs.check_output(self.path)
        taken = [name for name in (*FILES, self.checkpoint.name) if (self / name).exists()]
        if taken and not overwrite:
            found = f"--output: {self.path} holds a run already ({taken[0]}); give --resume to go on with it,"
            raise UsageError(f"{found} --overwrite to replace it, or another folder.")

    def settings(self) -> dict:
        """The settings that the run in this folder was started with. Raises UsageError when there is none."""
        path = self / "config.json"
        if not path.is_file():
            raise UsageError(f"--resume: there is no run in {self.path} ({path.name} is missing).")
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"--resume: {path} is not readable as the settings of a run.") from error

    def start(self, config: dict) -> None:
        """Clear what an earlier run left under our names (other files stay) and write the configuration."""
        for name in (*FILES, self.checkpoint.name):
            (self / name).unlink(missing_ok=True)
        runs.save_json(config, self / "config.json")

    def listing(self) -> str:
        """One line for each file of the run: name, size, what it is."""
        lines = []
        for name, text in FILES.items():
            if (self / name).is_file():
                size = (self / name).stat().st_size
                shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
                lines.append(f"  {name:<22}{shown:>8}   {text}")
        return "\n".join(lines)


def run_train(arguments: argparse.Namespace, reparse: runs.Reparse) -> None:
    """Train in a folder, anew or from its checkpoint, and report."""
    try:
        device = processes.own_device(arguments.device)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    folder = RunFolder(Path(arguments.output))
    with processes.process_group(device):
        arguments = processes.agreed(lambda: _checked(folder, arguments, reparse))
        if arguments is not None:
            settings = {name: value for name, value in vars(arguments).items() if name not in FREE}
            train(folder, settings, arguments)


def _checked(folder: RunFolder, arguments, reparse: runs.Reparse) -> argparse.Namespace | None:
    """Settings of the run, which the folder has a say in; None when it is finished. Raises UsageError."""
    if processes.restarts() and (folder / "config.json").is_file():  # torchrun repeats the command as it was
        arguments.resume, arguments.overwrite = True, False
    if not arguments.resume:
        folder.check_new(arguments.overwrite)
        own = runs.own_images(arguments)
        arguments.dataset = own["train"].name if own else arguments.dataset or "digits"
        return arguments
    arguments = _recorded(folder, arguments, reparse)
    arguments.resume = True
    if not folder.finished:
        return arguments
    if not arguments.quiet:
        say(f"The run in {folder.path} is finished; there is nothing left to do.")
    return None


def _recorded(folder: RunFolder, arguments: argparse.Namespace, reparse: runs.Reparse) -> argparse.Namespace:
    """The command line again, with the settings of the run in ``folder`` as defaults. UsageError."""
    if arguments.overwrite:
        raise UsageError("--resume and --overwrite exclude each other; give one of them.")
    own = runs.own_images(arguments)
    saved = folder.settings()
    # The name of own images is none that --dataset would take, so it is not offered as a default.
    again = reparse({name: value for name, value in saved.items() if name != "dataset" or value in DATASETS})
    again.dataset = again.dataset or saved["dataset"]
    for name, value in saved.items():
        asked, option = getattr(again, name, None), f"--{name.replace('_', '-')}"
        if asked != value:
            raise UsageError(
                f"{option}: the run in {folder.path} was started with {_shown(value)}, not {_shown(asked)}; "
                f"leave {option} out to resume it, or choose another --output for a new run."
            )
    if folder.finished:
        return again
    if not again.images:
        runs.check_named(saved["dataset"])
    elif (given := own["train"].name) != saved["dataset"]:
        found = f"the run in {folder.path} learned from {saved['dataset']}, and {again.images} is {given}"
        raise UsageError(f"--images: {found}; give what it learned from, or another --output for a new run.")
    return again


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else "none" if value is None else str(value)


def train(folder: RunFolder, settings: dict, arguments: argparse.Namespace) -> None:
    """Train in ``folder``, anew (then it is cleared) or from its checkpoint, and report.

    ``settings`` are all that decides the result, ``arguments`` where and how to run. UsageError: the settings
    do not go together. KeyboardInterrupt: with a sentence that says how to go on.
    """
    main = processes.rank() == 0
    tell = say if main and not arguments.quiet else (lambda *text: None)
    try:
        names = [own.name for own in fields(FitSettings) if own.name in settings]
        config = FitSettings(**{name: settings[name] for name in names})
        seed_everything(settings["seed"])
        with processes.first_on_each_machine():
            parts = _parts(settings, arguments)
        processes.check_batch_size(config.for_examples(len(parts["train"])).batch_size)
        if settings["augment"]:
            parts["train"] = parts["train"].augmented()
        model = VAE(image_shape=parts["train"].shape, **{name: settings[name] for name in MODEL_OPTIONS})
        model.center_on(parts["train"])
    except ValueError as error:
        raise UsageError(str(error)) from error
    if main and not arguments.resume:
        about = {"vae_course": vae_course.__version__, "base_seed": base_seed()}
        folder.start({**about, "settings": settings, "model": model.config})
    counts = ", ".join(f"{len(data):,} {split}" for split, data in parts.items())
    tell(f"{settings['dataset']}: {counts} images; {runs.reading(parts['train'], settings['binarize'])}")
    layers = "-".join(map(str, model.config["hidden_dims"]))
    weights = sum(parameter.numel() for parameter in model.parameters())
    kind = f"{settings['architecture']} {layers}"
    tell(f"VAE: {kind}, {model.latent_dim} latent dimensions, {weights:,} weights")
    how = {"device": arguments.device, "checkpoint": folder.checkpoint, "resume": arguments.resume}
    try:
        data, quiet = (parts["train"], parts["validation"]), arguments.quiet
        history = fit(model, *data, progress=not quiet, **how, **asdict(config))
        if main:
            report(folder, model, history, parts["test"], settings, tell)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except CheckpointError as error:
        raise UsageError(f"--resume: {error}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_where_it_stopped(folder, settings, arguments.images)) from None


def _parts(settings: dict, arguments: argparse.Namespace) -> dict[str, ImageData]:
    """The training, validation and test part of a data set, or of own images."""
    own = load_own_parts(arguments.images) if arguments.images else None  # here dataset is their name
    parts = {}
    for split in ("train", "validation", "test"):
        how = {"subset": settings["subset"] if split == "train" else None, "seed": settings["seed"]}
        how["binarize"] = runs.BINARIZE[settings["binarize"]]
        parts[split] = runs.part_of(arguments, own, settings["dataset"], split, **how)
    return parts


def report(folder: RunFolder, model: VAE, history: History, test: ImageData, settings: dict, tell) -> None:
    """Write everything that ``train`` leaves behind, the test losses last, and say what it is."""
    seed = settings["seed"]
    save_checkpoint(folder / "model.pt", model, settings=settings)
    history.to_json(folder / "history.json")
    measured = evaluate(model, test, seed=seed)

    shown = test.subset(min(2000, len(test)), seed)
    codes = posterior_means(model, shown, seed=seed)
    named = shown.labels is not None and len(shown.class_names) <= MOST_CLASSES
    labels = (shown.labels, shown.class_names) if named else (None, None)
    figures = {
        "training_history.png": training_curves(history),
        "reconstructions.png": reconstructions(model, test, n=min(8, len(test)), seed=seed),
        "latent_space.png": latent_scatter(codes, *labels),
        "samples.png": samples(model, seed=seed),
        "interpolation.png": runs.paths_figure(model, test, _pairs(test, 5, seed), steps=10),
    }
    if model.latent_dim == 2:
        figures["manifold.png"] = manifold(model)
    for name, figure in figures.items():
        write_figure(figure, folder / name, 150)

    how = runs.reading(test, settings["binarize"])
    about = {"dataset": test.name, "split": test.split, "images": len(test), "pixels": how}
    about |= {"unit": "nats per example", "seed": seed}
    runs.save_json({**about, **asdict(measured)}, folder / "metrics.json")
    folder.checkpoint.unlink(missing_ok=True)
    tell(f"\nTest part ({len(test):,} images, {how}), nats per example:")
    tell(f"  −ELBO {measured.negative_elbo} = reconstruction {measured.reconstruction} + KL {measured.kl}")
    if settings["likelihood"] in runs.DENSITIES:
        tell(runs.caveat(settings["likelihood"], how))
    tell(f"\nWrote to {folder.path}:\n{folder.listing()}")


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
    command = f"{PROGRAM} train --resume --output {shlex.quote(str(folder.path))}"
    command += f" --images {shlex.quote(images)}" if images else ""
    if processes.count() > 1:
        command = command.replace("python", f"torchrun --nproc-per-node {processes.count()}", 1)
    return f"interrupted; {done} of {settings['epochs']} epochs are saved. Go on with\n  {command}"

"""What the commands do: measure, draw, interpolate, sweep; ``train`` is in :mod:`vae_course.cli_train`.

Everything is checked before the work starts: :class:`UsageError` says what the caller can put right.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from vae_course.cli import DATASETS, UsageError
from vae_course.data.images import ImageData
from vae_course.data.loading import finish, load
from vae_course.data.own_images import load_own_parts
from vae_course.evaluation.bounds import Estimate, batches, evaluate, importance_weighted_log_prob, noise_like
from vae_course.evaluation.code_use import active_units
from vae_course.evaluation.sizes import choose_size, size_report
from vae_course.files import say, write_atomically
from vae_course.machine import pick_device
from vae_course.models.vae import VAE
from vae_course.plots.chapter_08 import rate_distortion_panel, size_panel
from vae_course.plots.images import interpolation_strip, looking_at, mean_code, pictures, samples
from vae_course.plots.style import write_figure
from vae_course.randomness import seeded
from vae_course.training.settings import SWEEP_RECIPE, nearest
from vae_course.training.sweep import plan, run_sweep, write_csv
from vae_course.weights import SHIPPED, CheckpointError, load_checkpoint, load_classifier, load_model

# Reads the same command line again, with other defaults (option name → value); raises UsageError.
Reparse = Callable[[dict], argparse.Namespace]

PICTURES = (".png", ".pdf", ".svg")
BINARIZE = {"none": None, "dynamic": "dynamic", "fixed": "fixed"}  # the data layer's words
# Their log p(x|z) is a density's, which can be above 0; the others give a pixel a probability.
DENSITIES = ("gaussian", "gaussian_learned", "continuous_bernoulli", "laplace", "laplace_learned")


def check_output(path: Path, option: str = "--output", endings: Sequence[str] | None = None) -> None:
    """Raise UsageError unless ``path``, a file with ``endings`` (() for any) or a folder, can be written."""
    if endings is not None and path.is_dir():
        raise UsageError(f"{option}: {path} is a folder; give the name of a file in it.")
    if endings and path.suffix.lower() not in endings:
        raise UsageError(f"{option}: {path} must end in {', '.join(endings[:-1])} or {endings[-1]}.")
    existing = path if endings is None else path.parent
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise UsageError(f"{option}: {existing} is a file, not a folder; choose another place.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"{option}: {existing} is not writable; choose another place.")


def save_json(content: Any, path: Path) -> None:
    """Write numbers, texts, lists and dicts as JSON; NaN, which JSON does not have, becomes null."""

    def finite(part):
        if isinstance(part, dict):
            return {key: finite(value) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            return [finite(value) for value in part]
        return None if isinstance(part, float) and not math.isfinite(part) else part

    text = json.dumps(finite(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text.encode() + b"\n")


def where(arguments: argparse.Namespace) -> dict:
    """Where ``load`` looks for data, from the options."""
    return {"root": arguments.data_root, "download": not arguments.no_download}


def own_images(arguments: argparse.Namespace) -> dict[str, ImageData] | None:
    """The parts of the images that --images names; None without it. Raises UsageError, DataError."""
    if arguments.images and arguments.dataset:
        raise UsageError("--images and --dataset exclude each other; give one of them.")
    return load_own_parts(arguments.images) if arguments.images else None


def part_of(arguments: argparse.Namespace, own: dict | None, name: str, split: str, **how) -> ImageData:
    """One part of own images, or of the data set of that name; ``how`` as for ``load``."""
    return finish(own[split], **how) if own else load(name, split, **how, **where(arguments))


def check_named(name: str) -> None:
    """Raise UsageError where ``name`` is that of own images, which only their file can bring back."""
    if name not in DATASETS:
        raise UsageError(f"--images is missing: the model learns from own images ({name}); give them again.")


def reading(data: ImageData, binarize: str) -> str:
    """How pixels are read, in words: losses of different readings cannot be compared."""
    if data.name == "binarized_mnist":
        return "fixed binarization"
    if binarize == "none":
        return "gray values" if data.shape[0] == 1 else "color values"
    return f"{binarize} binarization"


def caveat(likelihood: str | None, how: str) -> str:
    """What a reader of the losses must know, as lines of its own, or nothing; ``how`` by `reading`."""
    if likelihood in DENSITIES:
        rule = "the values may be negative; compare only with the same likelihood and scaling"
        return f"\np(x|z) is {likelihood}, a density: {rule}."
    if likelihood == "bernoulli" and how == "gray values":
        return "\nGray values count as probabilities of white here; binarized images give other numbers."
    return ""


def open_model(path: str, device: str) -> tuple[VAE, dict]:
    """The VAE at ``path`` (folder or file), and the settings it was trained with ({} if unknown)."""
    try:
        target = pick_device(device)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    file = Path(path) / "model.pt" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        if file.name == "model.pt" and (file.parent / "checkpoint.pt").is_file():
            raise UsageError(f"--model: the run in {path} is not finished; go on with train --resume first.")
        raise UsageError(f"--model: there is no model at {file}; give the output folder of train.")
    try:
        model, content = load_model(file), load_checkpoint(file)
    except CheckpointError as error:
        raise UsageError(f"--model: {file} is damaged, or not a model that train wrote.") from error
    if not isinstance(model, VAE):
        raise UsageError(f"--model: {file} holds an {type(model).__name__}, and this command needs a VAE.")
    return model.to(target), content.get("settings", {})


def open_data(arguments: argparse.Namespace, settings: dict, model: VAE, seed: int) -> ImageData:
    """The data that the options name, by default the training run's; ``seed`` as for ``load``."""
    own = own_images(arguments)
    name = own[arguments.split].name if own else arguments.dataset or settings.get("dataset")
    if name is None:
        raise UsageError("--dataset is missing, and the model file does not say what it was trained on.")
    # Another data set's pixels are read as they are, unless asked otherwise.
    usual = settings.get("binarize", "none") if name == settings.get("dataset") else "none"
    how = {"subset": arguments.subset, "seed": seed, "binarize": BINARIZE[arguments.binarize or usual]}
    if not own:
        check_named(name)
    data = part_of(arguments, own, name, arguments.split, **how)
    if data.shape != tuple(model.image_shape):
        size, taken = ("x".join(map(str, shape)) for shape in (data.shape, model.image_shape))
        option = "--images" if own else "--dataset"
        raise UsageError(f"{option}: {name} has images of {size}, and the model takes {taken}.")
    return data


def run_evaluate(arguments: argparse.Namespace, reparse: Reparse) -> None:
    """Print −ELBO, its terms and, if asked, a tighter bound, with standard errors."""
    path = Path(arguments.json) if arguments.json else None
    if path:
        check_output(path, "--json", ())
    model, settings = open_model(arguments.model, arguments.device)
    seed = settings.get("seed", 0) if arguments.seed is None else arguments.seed
    data = open_data(arguments, settings, model, seed)
    how = reading(data, arguments.binarize or settings.get("binarize", "none"))

    measured = evaluate(model, data, seed=seed)
    rows = [
        ("−ELBO", measured.negative_elbo, "upper bound of −log p(x); the sum of the next two"),
        ("reconstruction", measured.reconstruction, "−E[log p(x|z)] with z from q(z|x)"),
        ("KL", measured.kl, "KL(q(z|x) ‖ p(z))"),
    ]
    numbers = asdict(measured)
    if k := arguments.importance_samples:
        bound = _negative_bound(model, data, k, seed)
        numbers["importance_weighted"] = {"k": k, "negative_bound": asdict(bound)}
        rows.append((f"−log p̂, K = {k:,}", bound, "upper bound of −log p(x), tighter"))
    active = active_units(model, data, seed=seed) if len(data) > 1 else None

    say(f"{data.name}, {data.split} part, {len(data):,} images, {how}; nats per example ± standard error\n")
    for label, estimate, note in rows:
        say(f"  {label:<18}{estimate!s:>16}   {note}")
    if active is not None:
        say(f"  {'active units':<18}{active:>9} of {model.latent_dim:<3}   latent dimensions in use")
    if note := caveat(model.config["likelihood"], how):
        say(note)
    if path:
        about = {"model": arguments.model, "dataset": data.name, "split": data.split, "images": len(data)}
        about |= {"pixels": how, "unit": "nats per example", "seed": seed}
        save_json({**about, **numbers, "active_units": active, "latent_dim": model.latent_dim}, path)
        say(f"\nWrote {path}")


def _negative_bound(model: VAE, data: ImageData, k: int, seed: int) -> Estimate:
    """−log p̂_K(x) as ``importance_weighted_bound`` measures it, with a line of progress now and then."""
    generator, values, said = noise_like(model, seed), [], time.monotonic()
    with torch.no_grad():
        for x in batches(model, data, 100, generator):
            values.append(-importance_weighted_log_prob(model, x, k, generator))
            if time.monotonic() - said > 3:
                say(f"importance sampling: {100 * len(values):,} of {len(data):,} images")
                said = time.monotonic()
    return Estimate.of(torch.cat(values))


def run_sample(arguments: argparse.Namespace, reparse: Reparse) -> None:
    """Write pictures of codes from the prior."""
    path = Path(arguments.output)
    check_output(path, endings=PICTURES)
    model, _ = open_model(arguments.model, arguments.device)
    write_figure(samples(model, arguments.n, arguments.seed, noise=arguments.noise), path, 150)
    say(f"Wrote {path}: {arguments.n} pictures")


def run_interpolate(arguments: argparse.Namespace, reparse: Reparse) -> None:
    """Write the path between two images."""
    path = Path(arguments.output)
    check_output(path, endings=PICTURES)
    model, settings = open_model(arguments.model, arguments.device)
    data = open_data(arguments, settings, model, settings.get("seed", 0))
    first = find_image(data, arguments.first, "--from", arguments.seed)
    last = find_image(data, arguments.last, "--to", arguments.seed + 1)
    write_figure(paths_figure(model, data, [(first, last)], arguments.steps), path, 150)
    names = [f"image {index}" for index in (first, last)]
    if data.labels is not None:
        names = [f"{data.class_names[data.labels[i]]} (image {i})" for i in (first, last)]
    say(f"Wrote {path}: {' to '.join(names)}")


def find_image(data: ImageData, text: str, option: str, seed: int) -> int:
    """The index of the image that ``text`` names: index:17, a class, from which one is drawn, or a number."""
    classes = data.class_names if data.labels is not None else ()
    names = {_plain(name): value for value, name in enumerate(classes)}
    number = text.removeprefix("index:")
    if _plain(text) in names and not text.startswith("-"):
        members = (data.labels == names[_plain(text)]).nonzero().flatten()
        if len(members) == 0:
            raise UsageError(f"{option}: the {len(data)} images taken include none of class {text}.")
        return int(members[torch.randint(len(members), (), generator=seeded(seed))])
    if not number.isdecimal():
        known = f"nor a class ({', '.join(classes)})" if classes else f"and {data.name} has no classes"
        guess = nearest(_plain(text), tuple(names)) or "."
        raise UsageError(f"{option}: {text} is no image's number (index:17), {known}{guess}")
    if int(number) >= len(data):
        last = len(data) - 1
        raise UsageError(f"{option}: there is no image {number}; the {data.split} part has 0 to {last}.")
    return int(number)


def _plain(name: str) -> str:
    """Class names without what is hard to type: "Ankle boot" and ankle-boot are the same."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def paths_figure(model: VAE, data: ImageData, pairs: Sequence[tuple[int, int]], steps: int) -> Figure:
    """Decoded straight lines between the mean codes of pairs of images (indices into ``data``), a row each,
    with the originals at the ends; ``steps`` pictures on each path, at least 2.
    """
    weight = torch.linspace(0, 1, steps)[:, None]
    rows = []
    with looking_at(model) as device:
        for pair in pairs:
            x = data.batch(torch.tensor(pair), seeded(0, data.images.device)).cpu()
            start, end = mean_code(model, x.to(device)).cpu()
            path = pictures(model, torch.lerp(start, end, weight).to(device))
            rows.append(torch.cat([x[:1], path, x[1:]]))
    labels = ["original", *(f"{step:.2g}" for step in weight.flatten().tolist()), "original"]
    names = None
    if data.labels is not None:
        names = [" to ".join(data.class_names[data.labels[index]] for index in pair) for pair in pairs]
    return interpolation_strip(torch.stack(rows), labels, row_labels=names)


def run_sweep_command(arguments: argparse.Namespace, reparse: Reparse) -> None:
    """Train and measure a model for every setting, and say which latent size is enough."""
    folder = Path(arguments.output)
    check_output(folder)
    if own := own_images(arguments):
        name, train, held_out, classifier = own["train"].name, own["train"], own["validation"], None
    else:
        name = arguments.dataset or "digits"
        train, held_out = (load(name, split, **where(arguments)) for split in ("train", "validation"))
        judged = {*SHIPPED["classifier"][1], "binarized_mnist"}
        classifier = load_classifier(name) if name in judged else None
    train = train if len(train) <= arguments.examples else train.subset(arguments.examples)
    held_out = held_out if len(held_out) <= 2000 else held_out.subset(2000)
    settings = {key: getattr(arguments, key) for key in SWEEP_RECIPE}
    settings["hidden_dims"] = tuple(arguments.hidden_dims or (128, 128))
    grid = (arguments.latent_dims or (2, 4, 8, 16, 32, 64), arguments.betas or (1.0,), arguments.seeds)
    cells = plan(name, *grid, len(train), **settings)
    say(f"{name}: {len(train):,} images to learn from, {len(held_out):,} held out; {len(cells)} models")
    measure, kept = partial(size_report, classifier=classifier), folder / "cells"
    try:
        records = run_sweep(cells, train, held_out, measure=measure, folder=kept, jobs=arguments.jobs)
    except KeyboardInterrupt:
        found = f"interrupted; the numbers of finished models are in {kept}"
        raise KeyboardInterrupt(f"{found}, the same command goes on from there.") from None
    write_csv(records, folder / "sweep.csv")
    save_json(records, folder / "sweep.json")
    say(f"\nWrote {folder / 'sweep.csv'} and {folder / 'sweep.json'}")
    betas = sorted({record["beta"] for record in records})
    panels = {f"sizes_beta{b:g}": size_panel({f"{name}, β = {b:g}": records}, beta=b) for b in betas}
    for what, figure in (panels | {"rate_distortion": rate_distortion_panel(records)}).items():
        write_figure(figure, folder / f"{name}_{what}.png", 150)
        say(f"Wrote {folder / f'{name}_{what}.png'}")
    for beta in betas:
        say(f"{name}, β = {beta:g}: {choose_size(records, beta, arguments.tolerance)}")


RUN: dict[str, Callable[[argparse.Namespace, Reparse], None]] = {
    "evaluate": run_evaluate,
    "sample": run_sample,
    "interpolate": run_interpolate,
    "sweep": run_sweep_command,
}

"""The command line: train a VAE, measure it, draw from it, sweep over sizes; docs/command_line.md shows how.

Everything is checked before the work starts. What the caller can put right ends with exit code 2, what went
wrong on the way with 1, Ctrl-C with 130, each in one sentence on standard error.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch
from matplotlib.figure import Figure

import vae_course as course
from vae_course import VAE, evaluation, plots
from vae_course.data.images import ImageData
from vae_course.data.loading import HOMES, finish
from vae_course.files import Told, say, write_atomically
from vae_course.likelihoods import LIKELIHOODS
from vae_course.plots.curves import rate_distortion_panel, size_panel
from vae_course.plots.images import looking_at, mean_code
from vae_course.training import distributed as processes
from vae_course.training.settings import AT_LEAST_0, SWEEP_RECIPE, FitSettings, Rule, one_of, whole
from vae_course.weights import SHIPPED, CheckpointError, load_checkpoint, load_model

PROGRAM = "python -m vae_course"
PICTURES = (".png", ".pdf", ".svg")
DATASETS = [name for name, home in HOMES.items() if not home.startswith(("sound", "tables", "text"))]
SPLITS = ("train", "validation", "test")
BINARIZE = {"none": None, "dynamic": "dynamic", "fixed": "fixed"}  # the data layer's words
# Their log p(x|z) is a density's, which can be above 0; the others give a pixel a probability.
DENSITIES = ("gaussian", "gaussian_learned", "continuous_bernoulli", "laplace", "laplace_learned")
MODEL_OPTIONS = ("latent_dim", "hidden_dims", "likelihood", "architecture", "activation")
MOST_CLASSES = 20  # more would fill the picture of the codes with their names

# What a resumed run may choose anew: nothing that changes the result. (The file of own images may have moved;
# its content stands in the name of the data set.)
FREE = ("command", "output", "resume", "device", "quiet", "images")
# What a run leaves, in the order in which it is written; the last file says that the run is finished.
FILES = (
    *("config.json", "model.pt", "history.json", "training_history.png", "reconstructions.png"),
    *("latent_space.png", "samples.png", "interpolation.png", "manifold.png", "metrics.json"),
)


class UsageError(Told):
    """Something the caller can put right: one sentence; the command ends with exit code 2."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        raise UsageError(message if message[-1] in ".?" else f"{message}.")


def add(parser: Parser, option: str, text: str, rule: Rule | type = str, default: Any = None, **more) -> None:
    """Add an option that ``rule`` checks; its help ends in the names that it may be and in its default."""
    if isinstance(rule, Rule):
        text, rule = f"{text}, {rule.words}" if rule.choices else text, rule.read
    if default is not None:
        text += f" (default: {default})"
    parser.add_argument(option, help=text, type=rule, default=default, **more)


def flag(parser: Parser, option: str, text: str) -> None:
    parser.add_argument(option, help=text, action="store_true")


def add_settings(parser: Parser, defaults: dict) -> None:
    """Fields of ``FitSettings`` as options."""
    for own in fields(FitSettings):
        if own.name in defaults:
            about = own.metadata
            text = about["text"] + (f" (default: {about['none']})" if defaults[own.name] is None else "")
            add(parser, f"--{own.name.replace('_', '-')}", text, about["rule"], defaults[own.name])


def add_learned_from(parser: Parser) -> None:
    add(parser, "--dataset", "images to learn from (default: digits)", one_of(DATASETS))
    add(parser, "--images", "own images instead: a folder or .zip of pictures of one size, or a .npy file")


def add_measured_on(parser: Parser) -> None:
    add(parser, "--model", "output folder of train, or a model file", required=True)
    add(parser, "--dataset", "images to take (default: those of training)", one_of(DATASETS))
    add(parser, "--images", "own images instead, as for train")
    add(parser, "--split", "part of the data set", one_of(SPLITS), "test")
    add(parser, "--subset", "take N images, classes balanced (default: all)", whole(1))
    add(parser, "--binarize", "black and white (default: as in training)", one_of(BINARIZE))


def add_train(parser: Parser) -> None:
    add_learned_from(parser)
    add(parser, "--subset", "train on N images, classes balanced (default: all)", whole(1))
    add(parser, "--binarize", "black and white, drawn anew at each read or once", one_of(BINARIZE), "none")
    flag(parser, "--augment", "mirror the training images at random and vary their colors")
    add(parser, "--architecture", "fully connected or convolutional", one_of(("mlp", "conv")), "mlp")
    add(parser, "--latent-dim", "size of the code z", whole(1), 20)
    text = "encoder layers, which the decoder mirrors: widths or channels (default: 512 256; conv: by size)"
    add(parser, "--hidden-dims", text, whole(1), nargs="+")
    add(parser, "--activation", "between layers", one_of(("relu", "gelu", "silu", "tanh")), "gelu")
    add(parser, "--likelihood", "p(x|z) of a pixel", one_of(LIKELIHOODS), "bernoulli")
    add_settings(parser, {own.name: own.default for own in fields(FitSettings)})
    add(parser, "--output", "folder to write", default="results")
    flag(parser, "--resume", "go on with the interrupted run in the folder, as it was planned")
    flag(parser, "--quiet", "print nothing but errors")


def add_evaluate(parser: Parser) -> None:
    add_measured_on(parser)
    add(parser, "--importance-samples", "draws of z for a bound of log p(x); 1000 is usual", whole(0), 0)
    add(parser, "--seed", "seed of z, subset and binarization (default: as in training)", whole(0))


def add_sample(parser: Parser) -> None:
    add(parser, "--model", "output folder of train, or a model file", required=True)
    add(parser, "--n", "number of pictures", whole(1), 64)
    flag(parser, "--noise", "draw from p(x|z) instead of showing its mean")
    add(parser, "--seed", "seed of the codes", whole(0), 0)
    add(parser, "--output", ".png, .pdf or .svg file to write", default="samples.png")


def add_interpolate(parser: Parser) -> None:
    add_measured_on(parser)
    for option, end in (("--from", "first"), ("--to", "last")):
        text = f"{end} image: a class (3, sneaker), from which one is drawn, or index:17"
        add(parser, option, text, dest=end, required=True)
    add(parser, "--steps", "pictures on the path, both ends included", whole(2), 10)
    add(parser, "--seed", "seed of the choice of an image from its class", whole(0), 0)
    add(parser, "--output", ".png, .pdf or .svg file to write", default="interpolation.png")


def add_sweep(parser: Parser) -> None:
    add_learned_from(parser)
    add(parser, "--examples", "train on at most N images, classes balanced", whole(1), 10_000)
    add(parser, "--latent-dims", "sizes of z", whole(1), (2, 4, 8, 16, 32, 64), nargs="+")
    add(parser, "--betas", "weights of the KL term", AT_LEAST_0, (1.0,), nargs="+")
    add(parser, "--seeds", "repetitions of every model", whole(1), 3)
    add(parser, "--hidden-dims", "encoder layers; the decoder mirrors them", whole(1), (128, 128), nargs="+")
    add_settings(parser, SWEEP_RECIPE)
    add(parser, "--tolerance", "nats per example that a smaller code may cost", AT_LEAST_0, 1.0)
    add(parser, "--output", "folder to write; finished models in it are not trained again", default="sweep")
    add(parser, "--jobs", "models trained at the same time, each in a process of its own", whole(1), 1)


def add_explore(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", help="the one to begin with, as beta-k (default: the first)")
    add(parser, "--port", "of the page's address (default: a free one)", whole(0))
    flag(parser, "--no-browser", "only print the page's address")


def parse(words: Sequence[str], **defaults) -> argparse.Namespace:
    """Read a command line; ``defaults`` replace those of its command. Raises UsageError."""
    parser = Parser(prog=PROGRAM, description="Losses are in nats per example.")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, (summary, describe, _) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        describe(command)
        if name not in ("sweep", "explore"):
            add(command, "--device", "auto, cpu, cuda or mps", default="auto")
        command.set_defaults(**defaults)
    # --latent_dim is --latent-dim.
    return parser.parse_args([re.sub("^--[^=]+", lambda m: m[0].replace("_", "-"), word) for word in words])


def main(words: Sequence[str] | None = None) -> int:
    """Run one command, the words after ``python -m vae_course``; gives the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    program = f"{PROGRAM} {words[0]}" if words and words[0] in COMMANDS else PROGRAM
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows "?" and nothing fails
    try:
        arguments = parse(words or ["--help"])
        if processes.started() > 1 and arguments.command != "train":
            raise UsageError(f"torchrun shares one training run; run {arguments.command} without it.")
        COMMANDS[arguments.command][2](arguments, words)
        return 0
    except SystemExit as end:  # argparse, after --help
        return int(end.code or 0)
    except KeyboardInterrupt as interruption:
        code, sentence = 130, str(interruption) or "interrupted; nothing was written."
    except OSError as error:
        code, sentence = 1, f"{error.filename or 'a file'} cannot be written or read: {error.strerror}."
    except Told as error:
        code, sentence = 2 if isinstance(error, UsageError) else 1, str(error)
    # What is wrong with the command is wrong in every process that torchrun started: one of them says so.
    if code == 1 or os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"{program}: {sentence}", file=sys.stderr)
    return code


def check_output(path: Path, endings: Sequence[str] = ()) -> None:
    """Raise UsageError unless ``path``, a folder, or a file with one of the endings, can be written."""
    if endings and (path.is_dir() or path.suffix.lower() not in endings):
        raise UsageError(f"--output: {path} is no name of a file that ends in {' or '.join(endings)}.")
    existing = path.parent if endings else path
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise UsageError(f"--output: {existing} is no folder that can be written in; choose another place.")


def save_json(content: dict | list, path: Path) -> None:
    """Write numbers, texts, lists and dicts as JSON."""
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")


def own_parts(arguments: argparse.Namespace) -> dict[str, ImageData]:
    """The three parts of the images that --images names; empty without it. Raises UsageError, DataError."""
    if arguments.images and arguments.dataset:
        raise UsageError("--images and --dataset exclude each other; give one of them.")
    whole = course.load_pictures(arguments.images, tell=False).parts() if arguments.images else ()
    return {part.split: part for part in whole}


def part_of(own: dict, name: str, split: str, subset: int | None, seed: int, binarize: str) -> ImageData:
    """One part of own images, or else of the data set of that name."""
    if own:
        return finish(own[split], subset, seed, BINARIZE[binarize])
    if name not in DATASETS:
        raise UsageError(f"--images is missing: the model learns from own images ({name}); give them again.")
    return course.load(name, split, subset=subset, seed=seed, binarize=BINARIZE[binarize])


def reading(data: ImageData, binarize: str) -> str:
    """How pixels are read, in words: losses of different readings cannot be compared."""
    if data.name == "binarized_mnist":
        return "fixed binarization"
    if binarize == "none":
        return "gray values" if data.shape[0] == 1 else "color values"
    return f"{binarize} binarization"


def caveat(likelihood: str) -> str:
    """What a reader of the losses must know, or nothing."""
    rule = "the values may be negative; compare only with the same likelihood and scaling"
    return f"\np(x|z) is {likelihood}, a density: {rule}." if likelihood in DENSITIES else ""


def open_model(path: str, device: str) -> tuple[VAE, dict]:
    """The VAE at ``path`` (folder or file), and the settings it was trained with ({} if unknown)."""
    try:
        target = course.pick_device(device)
        model, content = load_model(path), load_checkpoint(path)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    except FileNotFoundError as error:
        if (Path(path) / "checkpoint.pt").is_file():
            found = f"the run in {path} is not finished; go on with train --resume first"
            raise UsageError(f"--model: {found}.") from None
        raise UsageError(f"--model: {error}") from None
    except CheckpointError as error:
        raise UsageError(f"--model: {path} is damaged, or not a model that train wrote.") from error
    if not isinstance(model, VAE):
        raise UsageError(f"--model: {path} holds an {type(model).__name__}, and this command needs a VAE.")
    return model.to(target), content.get("settings", {})


def open_data(arguments: argparse.Namespace, settings: dict, model: VAE, seed: int) -> tuple[ImageData, str]:
    """The data that the options name, by default the training run's, and how their pixels are read."""
    own = own_parts(arguments)
    name = own[arguments.split].name if own else arguments.dataset or settings.get("dataset")
    if name is None:
        raise UsageError("--dataset is missing, and the model file does not say what it was trained on.")
    # Another data set's pixels are read as they are, unless asked otherwise.
    usual = settings.get("binarize", "none") if name == settings.get("dataset") else "none"
    binarize = arguments.binarize or usual
    data = part_of(own, name, arguments.split, arguments.subset, seed, binarize)
    if data.shape != tuple(model.image_shape):
        size, taken = ("x".join(map(str, shape)) for shape in (data.shape, model.image_shape))
        raise UsageError(f"{name} has images of {size}, and the model takes {taken}.")
    return data, reading(data, binarize)


def run_evaluate(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Print −ELBO, its terms and, if asked, a tighter bound, with standard errors."""
    model, settings = open_model(arguments.model, arguments.device)
    seed = settings.get("seed", 0) if arguments.seed is None else arguments.seed
    data, how = open_data(arguments, settings, model, seed)
    measured = evaluation.evaluate(model, data, seed=seed)
    rows = [
        ("−ELBO", measured.negative_elbo, "upper bound of −log p(x); the sum of the next two"),
        ("reconstruction", measured.reconstruction, "−E[log p(x|z)] with z from q(z|x)"),
        ("KL", measured.kl, "KL(q(z|x) ‖ p(z))"),
    ]
    if k := arguments.importance_samples:
        bound = evaluation.Estimate.of(evaluation.importance_weighted_scores(model, data, k=k, seed=seed))
        rows.append((f"−log p̂, K = {k:,}", bound, "upper bound of −log p(x), tighter"))
    active = evaluation.active_units(model, data, seed=seed) if len(data) > 1 else None

    say(f"{data.name}, {data.split} part, {len(data):,} images, {how}; nats per example ± standard error\n")
    for label, estimate, note in rows:
        say(f"  {label:<18}{estimate!s:>16}   {note}")
    if active is not None:
        say(f"  {'active units':<18}{active:>9} of {model.latent_dim:<3}   latent dimensions in use")
    say(caveat(model.config["likelihood"]))


def run_sample(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Write pictures of codes from the prior."""
    path = Path(arguments.output)
    check_output(path, PICTURES)
    model, _ = open_model(arguments.model, arguments.device)
    plots.write_figure(plots.samples(model, arguments.n, arguments.seed, noise=arguments.noise), path, 150)
    say(f"Wrote {path}: {arguments.n} pictures")


def run_interpolate(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Write the path between two images."""
    path = Path(arguments.output)
    check_output(path, PICTURES)
    model, settings = open_model(arguments.model, arguments.device)
    data, _ = open_data(arguments, settings, model, settings.get("seed", 0))
    first = find_image(data, arguments.first, "--from", arguments.seed)
    last = find_image(data, arguments.last, "--to", arguments.seed + 1)
    plots.write_figure(paths_figure(model, data, [(first, last)], arguments.steps), path, 150)
    say(f"Wrote {path}: image {first} to image {last}")


def find_image(data: ImageData, text: str, option: str, seed: int) -> int:
    """The index of the image that ``text`` names: index:17, or a class, from which one is drawn."""
    number = text.removeprefix("index:")
    if number != text and number.isdecimal() and int(number) < len(data):
        return int(number)
    names = [name.lower() for name in data.class_names]
    if data.labels is None or text.lower() not in names:
        known = ", ".join(data.class_names) if data.labels is not None else "there are none"
        found = f"{option}: {text} is neither a class ({known}) nor index:0 to index:{len(data) - 1}"
        raise UsageError(f"{found}, one of the {len(data)} images taken.")
    members = (data.labels == names.index(text.lower())).nonzero().flatten()
    if len(members) == 0:
        raise UsageError(f"{option}: the {len(data)} images taken include none of class {text}.")
    return int(members[torch.randint(len(members), (), generator=course.seeded(seed))])


def paths_figure(model: VAE, data: ImageData, pairs: Sequence[tuple[int, int]], steps: int) -> Figure:
    """Decoded straight lines between the mean codes of pairs of images (indices), originals at the ends."""
    weight = torch.linspace(0, 1, steps)[:, None]
    rows = []
    with looking_at(model) as device:
        for pair in pairs:
            x = data.batch(torch.tensor(pair), course.seeded(0, data.images.device)).cpu()
            start, end = mean_code(model, x.to(device)).cpu()
            path = plots.pictures(model, torch.lerp(start, end, weight).to(device))
            rows.append(torch.cat([x[:1], path, x[1:]]))
    labels = ["original", *(f"{step:.2g}" for step in weight.flatten().tolist()), "original"]
    names = None
    if data.labels is not None:
        names = [" to ".join(data.class_names[data.labels[index]] for index in pair) for pair in pairs]
    return plots.interpolation_strip(torch.stack(rows), labels, row_labels=names)


def run_sweep_command(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Train and measure a model for every setting, and say which latent size is enough."""
    folder = Path(arguments.output)
    check_output(folder)
    own = own_parts(arguments)
    name = own["train"].name if own else arguments.dataset or "digits"
    train, held_out = (own[part] if own else course.load(name, part) for part in ("train", "validation"))
    judged = not own and name in {*SHIPPED["classifier"][1], "binarized_mnist"}
    measure = partial(evaluation.size_report, classifier=course.load_classifier(name) if judged else None)
    train = train if len(train) <= arguments.examples else train.subset(arguments.examples)
    held_out = held_out if len(held_out) <= 2000 else held_out.subset(2000)
    settings = {key: getattr(arguments, key) for key in SWEEP_RECIPE}
    settings["hidden_dims"] = tuple(arguments.hidden_dims)
    cells = course.plan(name, arguments.latent_dims, arguments.betas, arguments.seeds, len(train), **settings)
    say(f"{name}: {len(train):,} images to learn from, {len(held_out):,} held out; {len(cells)} models")
    kept = folder / "cells"
    try:
        records = course.run_sweep(cells, train, held_out, measure=measure, folder=kept, jobs=arguments.jobs)
    except KeyboardInterrupt:
        found = f"interrupted; the numbers of finished models are in {kept}"
        raise KeyboardInterrupt(f"{found}, the same command goes on from there.") from None
    save_json(records, folder / "sweep.json")
    betas = sorted({record["beta"] for record in records})
    figures = {f"sizes_beta{b:g}": size_panel({f"{name}, β = {b:g}": records}, beta=b) for b in betas}
    for what, figure in (figures | {"rate_distortion": rate_distortion_panel(records)}).items():
        plots.write_figure(figure, folder / f"{name}_{what}.png", 150)
    say(f"\nWrote sweep.json and {len(figures) + 1} figures to {folder}")
    for beta in betas:
        say(f"{name}, β = {beta:g}: {evaluation.choose_size(records, beta, arguments.tolerance)}")


def run_train(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Train in a folder, anew or from its checkpoint, and report."""
    folder = Path(arguments.output)
    try:
        device = processes.own_device(arguments.device)
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error
    with processes.process_group(device):
        arguments = processes.agreed(lambda: checked(folder, arguments, words))
        if arguments is None:
            return
        try:
            train(folder, arguments)
        except CheckpointError as error:
            raise UsageError(f"--resume: {error}") from error
        except ValueError as error:
            raise UsageError(str(error)) from error
        except KeyboardInterrupt:
            started = (folder / "config.json").is_file()
            raise KeyboardInterrupt(_where_it_stopped(folder, arguments) if started else "") from None


def checked(folder: Path, arguments, words: Sequence[str]) -> argparse.Namespace | None:
    """The options of the run, which the folder has a say in; None when it is finished. Raises UsageError."""
    if processes.restarts() and (folder / "config.json").is_file():  # torchrun repeats the command as it was
        arguments.resume = True
    own = own_parts(arguments)
    given = own["train"].name if own else arguments.dataset
    if not arguments.resume:
        check_output(folder)
        if taken := [name for name in (*FILES, "checkpoint.pt") if (folder / name).exists()]:
            found = f"--output: {folder} holds a run already ({taken[0]}); give --resume to go on with it"
            raise UsageError(f"{found}, delete it, or choose another folder.")
        arguments.dataset = given or "digits"
        return arguments
    if not (folder / "config.json").is_file():
        raise UsageError(f"--resume: there is no run in {folder} (config.json is missing).")
    try:
        saved = dict(json.loads((folder / "config.json").read_text(encoding="utf-8"))["settings"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--resume: {folder / 'config.json'} is not readable.") from error
    again = parse(words, **{name: value for name, value in saved.items() if name != "dataset"})
    again.dataset, again.resume = given or saved["dataset"], True
    for name, value in saved.items():
        if (asked := getattr(again, name, None)) != value:
            option = f"--{name.replace('_', '-')}"
            cure = "give what it learned from" if own and name == "dataset" else f"leave {option} out"
            found = f"{option}: the run in {folder} was started with {value}, not {asked}; {cure} to go on,"
            raise UsageError(f"{found} or choose another --output for a new run.")
    if (folder / "metrics.json").is_file() and not (folder / "checkpoint.pt").exists():
        if not again.quiet:
            say(f"The run in {folder} is finished; there is nothing left to do.")
        return None
    return again


def train(folder: Path, arguments: argparse.Namespace) -> None:
    """Train in ``folder``, anew or from its checkpoint, and report; ValueError: misfit of options."""
    settings = {name: value for name, value in vars(arguments).items() if name not in FREE}
    main = processes.rank() == 0
    tell = say if main and not arguments.quiet else (lambda *text: None)
    config = FitSettings(**{own.name: settings[own.name] for own in fields(FitSettings)})
    course.seed_everything(config.seed)
    if processes.count() > 1:
        processes.agreed(lambda: len(_parts(arguments)))  # one of them downloads what all then read
    parts = _parts(arguments)
    if arguments.augment:
        parts["train"] = parts["train"].augmented()
    model = VAE(image_shape=parts["train"].shape, **{name: settings[name] for name in MODEL_OPTIONS})
    model.center_on(parts["train"])
    if main and not arguments.resume:
        about = {"vae_course": course.__version__, "base_seed": course.base_seed()}
        save_json({**about, "settings": settings, "model": model.config}, folder / "config.json")
    counts = ", ".join(f"{len(data):,} {split}" for split, data in parts.items())
    tell(f"{arguments.dataset}: {counts} images; {reading(parts['train'], arguments.binarize)}")
    weights = sum(parameter.numel() for parameter in model.parameters())
    layers = "-".join(map(str, model.config["hidden_dims"]))
    tell(f"VAE: {arguments.architecture} {layers}, {model.latent_dim} latent dimensions, {weights:,} weights")
    how = {"device": arguments.device, "checkpoint": folder / "checkpoint.pt", "resume": arguments.resume}
    how |= {"progress": not arguments.quiet, **asdict(config)}
    history = course.fit(model, parts["train"], parts["validation"], **how)
    if main:
        report(folder, model, history, parts["test"], settings, tell)


def _parts(arguments: argparse.Namespace) -> dict[str, ImageData]:
    """The training, validation and test part of a data set, or of own images."""
    own = own_parts(argparse.Namespace(images=arguments.images, dataset=None))  # here dataset is their name
    subset = {"train": arguments.subset}
    how = (arguments.seed, arguments.binarize)
    return {part: part_of(own, arguments.dataset, part, subset.get(part), *how) for part in SPLITS}


def report(folder: Path, model: VAE, history, test: ImageData, settings: dict, tell) -> None:
    """Write everything that ``train`` leaves behind, the test losses last, and say what it is."""
    seed = settings["seed"]
    course.save_checkpoint(folder / "model.pt", model, settings=settings)
    history.to_json(folder / "history.json")
    measured = evaluation.evaluate(model, test, seed=seed)

    shown = test.subset(min(2000, len(test)), seed)
    codes = evaluation.posterior_means(model, shown, seed=seed)
    named = shown.labels is not None and len(shown.class_names) <= MOST_CLASSES
    pairs = torch.randperm(len(test), generator=course.seeded(seed))[: 2 * min(5, len(test) // 2)]
    figures = {
        "training_history.png": plots.training_curves(history),
        "reconstructions.png": plots.reconstructions(model, test, n=min(8, len(test)), seed=seed),
        "latent_space.png": plots.latent_scatter(
            codes, *((shown.labels, shown.class_names) if named else ())
        ),
        "samples.png": plots.samples(model, seed=seed),
        "interpolation.png": paths_figure(model, test, pairs.view(-1, 2).tolist(), steps=10),
    }
    if model.latent_dim == 2:
        figures["manifold.png"] = plots.manifold(model)
    for name, figure in figures.items():
        plots.write_figure(figure, folder / name, 150)

    how = reading(test, settings["binarize"])
    about = {"dataset": test.name, "split": test.split, "images": len(test), "pixels": how}
    about |= {"unit": "nats per example", "seed": seed}
    save_json({**about, **asdict(measured)}, folder / "metrics.json")
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    tell(f"\nTest part ({len(test):,} images, {how}), nats per example:")
    tell(f"  −ELBO {measured.negative_elbo} = reconstruction {measured.reconstruction} + KL {measured.kl}")
    tell(caveat(settings["likelihood"]))
    tell(f"Wrote to {folder}: {', '.join(name for name in FILES if (folder / name).is_file())}")


def _where_it_stopped(folder: Path, arguments: argparse.Namespace) -> str:
    checkpoint = folder / "checkpoint.pt"
    done = load_checkpoint(checkpoint)["training"]["epoch"] if checkpoint.is_file() else 0
    command = f"{PROGRAM} train --resume --output {shlex.quote(str(folder))}"
    command += f" --images {shlex.quote(arguments.images)}" if arguments.images else ""
    return f"interrupted; {done} of {arguments.epochs} epochs are saved. Go on with\n  {command}"


Run = Callable[[argparse.Namespace, Sequence[str]], None]


def run_explore(arguments: argparse.Namespace, words: Sequence[str]) -> None:
    """Let the checkout around the package serve its explorers, which are no part of what is installed."""
    root = Path(course.__file__).parents[1]
    if not (root / "tools" / "explore.py").is_file():
        raise UsageError(
            "the explorers come with a checkout of the course; install it from one: pip install -e ."
        )
    finished = subprocess.run([sys.executable, "-m", "tools", *words], cwd=root)
    if finished.returncode:
        raise SystemExit(finished.returncode)  # it has said why


COMMANDS: dict[str, tuple[str, Callable[[Parser], None], Run]] = {
    "train": ("train a VAE and leave weights, numbers and pictures in a folder", add_train, run_train),
    "evaluate": ("measure a model: -ELBO, its terms, a bound of log p(x)", add_evaluate, run_evaluate),
    "sample": ("draw new pictures from a trained model", add_sample, run_sample),
    "interpolate": ("draw the path between two images", add_interpolate, run_interpolate),
    "sweep": ("train small models, and say which latent size is enough", add_sweep, run_sweep_command),
    "explore": ("open the explorers in the browser, without a kernel", add_explore, run_explore),
}

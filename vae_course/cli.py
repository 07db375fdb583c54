"""The command line as a language: commands, options, and one sentence for every mistake.

Light: no torch, so that --help answers at once. A test keeps the names here equal to those of the modules.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, NoReturn

from vae_course.files import Told
from vae_course.training.settings import SWEEP_RECIPE, FitSettings, Rule, nearest, number, one_of, whole

PROGRAM = "python -m vae_course"
DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130

DATASETS = ("digits", "letters", "mnist", "fashion_mnist", "binarized_mnist", "faces_synthetic", "celeba")
DATASETS += ("stanford_dogs",)
SPLITS = ("train", "validation", "test")
BINARIZE = ("none", "dynamic", "fixed")
ARCHITECTURES = ("mlp", "conv")
LIKELIHOODS = (
    *("bernoulli", "gaussian", "gaussian_learned", "continuous_bernoulli"),
    *("laplace", "laplace_learned", "discretized_logistic"),
)
ACTIVATIONS = ("relu", "gelu", "silu", "tanh")


class UsageError(Exception):
    """Something the caller can put right: one sentence; the command ends with exit code 2."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence; it takes ``--latent_dim`` and ``--beta -1e-3``."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **{"formatter_class": _Help, "allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ").replace("expected one argument", "its value is missing")
        raise UsageError(message if message.endswith(".") or "?" in message else f"{message}.")

    def read(self, words: Sequence[str] | None, known: Callable[[argparse.Namespace], Parser] | None = None):
        """The settings that words (None: this process's) stand for; UsageError where one is wrong.

        ``known`` gives the parser whose options a misspelled one may have meant; this one without it.
        """
        arguments, unknown = self.parse_known_args(_tidy(sys.argv[1:] if words is None else words))
        if unknown:
            word, options = unknown[0], (known(arguments) if known else self)._option_string_actions
            names = [name.lstrip("-").replace("-", "_") for name in options] if word[:1] == "-" else []
            guess = nearest(word.lstrip("-"), names).replace("mean ", "mean --").replace("_", "-")
            raise UsageError(f"{word} is not understood{guess or '; --help lists the options.'}")
        return arguments


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and gives the names of options room."""

    def __init__(self, prog: str, **more: object) -> None:
        width = min(100, shutil.get_terminal_size().columns - 2)
        super().__init__(prog, **{**more, "max_help_position": 30, "width": width})
        self._action_max_length = 22  # argparse forgets to count the indent of commands


def add(
    group: argparse._ActionsContainer,
    option: str,
    text: str,
    rule: Rule | Callable[[str], Any] = str,
    default: Any = None,
    *,
    shown: str | None = None,
    metavar: str = "N",
    **more: Any,
) -> None:
    """Add an option whose help ends in its default, or in ``shown`` where the value says nothing."""
    if isinstance(rule, Rule):
        if rule.choices:
            metavar = "{" + ",".join(rule.choices) + "}"
            if len(metavar) > 60:  # too long for the column of option names
                text, metavar = f"{text}: {', '.join(rule.choices)}", "NAME"
        rule = rule.read
    if not more.get("required"):
        default_text = f"{default:g}" if isinstance(default, float) else default
        text = f"{text} (default: {shown or default_text})"
    group.add_argument(option, type=rule, default=default, help=text, metavar=metavar, **more)


# Here a seed decides more than in ``fit``, which gets model and data ready-made.
MORE_WORDS = {"seed": "seed of weights, order of images, noise, subset"}


def add_setting(group: argparse._ActionsContainer, name: str, default: Any, text: str | None = None) -> None:
    """The option of a field of ``FitSettings``, with another default or in other words."""
    about = FitSettings.__dataclass_fields__[name].metadata
    shown = about["none"] if default is None else None
    option, text = f"--{name.replace('_', '-')}", text or about["text"]
    add(group, option, text, about["rule"], default, shown=shown, metavar=about["metavar"])


def add_learned_from(group: argparse._ActionsContainer) -> None:
    add(group, "--dataset", "images to learn from; digits need no network", one_of(DATASETS), shown="digits")
    text = "own images instead: a .npy file, uint8 (N, H, W) or (N, C, H, W), or a folder or .zip of one size"
    add(group, "--images", text, shown="none", metavar="PATH")


def add_measured_on(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    add(group, "--dataset", "images to take", one_of(DATASETS), shown="what the model was trained on")
    text = "own images instead, as for `train`: needed again where the model was trained on them"
    add(group, "--images", text, shown="none", metavar="PATH")
    add(group, "--split", "part of the data set", one_of(SPLITS), "test")
    add(group, "--subset", "take N images, classes balanced", whole(1), shown="all")
    add(group, "--binarize", "black and white", one_of(BINARIZE), shown="as in training")
    add_data_location(group)


def add_data_location(group: argparse._ActionsContainer) -> None:
    shown = "$VAE_COURSE_DATA, else ./data"
    add(group, "--data-root", "where data sets lie", shown=shown, metavar="FOLDER")
    group.add_argument("--no-download", action="store_true", help="use only files that are already there")


def add_model(parser: argparse.ArgumentParser) -> None:
    text = "output folder of `train`, or a model file"
    add(parser.add_argument_group("model"), "--model", text, metavar="PATH", required=True)


def add_device(group: argparse._ActionsContainer, picture: str | None = None) -> None:
    if picture:
        add(group, "--output", ".png, .pdf or .svg file to write", default=picture, metavar="FILE")
    add(group, "--device", "auto, cpu, cuda or mps", default="auto", metavar="DEVICE")


def _train(parser: Parser) -> None:
    parser.description = """\
Train a VAE on the training part of a data set, watch the validation part, and measure the
test part once, at the end."""
    parser.epilog = f"""\
example:
  {PROGRAM} train --dataset mnist --epochs 50 --latent-dim 20 --beta 1.0 \\
      --hidden-dims 512 256 --batch-size 128 --learning-rate 1e-3 --output results/
  {PROGRAM} train --images my_pictures.npy --epochs 100 --output mine/

Ctrl-C leaves a checkpoint; `train --resume --output results/` goes on from it.
torchrun --nproc-per-node 8 -m vae_course train ... shares every batch among 8 processes
(each with a GPU, if there are any) and gives the result of one."""
    names = ("data", "model", "objective", "optimization", "run")
    groups = {name: parser.add_argument_group(name) for name in names}
    data, model, run = groups["data"], groups["model"], groups["run"]
    add_learned_from(data)
    add(data, "--subset", "train on N images, classes balanced", whole(1), shown="all")
    text = "black and white: drawn anew at each read, or once"
    add(data, "--binarize", text, one_of(BINARIZE), "none")
    text = "mirror the training images at random and vary their colors, anew at each read"
    data.add_argument("--augment", action="store_true", help=text)
    add_data_location(data)

    add(model, "--architecture", "fully connected or convolutional", one_of(ARCHITECTURES), "mlp")
    add(model, "--latent-dim", "size of the code z", whole(1), 20, metavar="K")
    text = "encoder layers: widths (mlp) or channels (conv); the decoder mirrors them"
    add(model, "--hidden-dims", text, whole(1), shown="512 256; conv: by picture size", nargs="+")
    add(model, "--activation", "between layers", one_of(ACTIVATIONS), "gelu")
    add(model, "--likelihood", "p(x|z) of a pixel", one_of(LIKELIHOODS), "bernoulli")

    add(run, "--output", "where everything is written", default="results", metavar="FOLDER")
    text = "go on with the interrupted run in FOLDER, as it was planned: schedules span it, so it cannot grow"
    run.add_argument("--resume", action="store_true", help=text)
    run.add_argument("--overwrite", action="store_true", help="replace the run that FOLDER holds")
    add_device(run)
    run.add_argument("--quiet", action="store_true", help="print nothing but errors")
    for own in fields(FitSettings):
        add_setting(groups[own.metadata["group"]], own.name, own.default, MORE_WORDS.get(own.name))


def _evaluate(parser: Parser) -> None:
    parser.description = (
        "Measure a trained model on a data set: -ELBO, reconstruction and KL in nats per example,\n"
        "with standard errors over the images."
    )
    words = "--model results/ --importance-samples 1000 --json numbers.json"
    parser.epilog = f"example:\n  {PROGRAM} evaluate {words}"
    add_model(parser)
    add_measured_on(parser)
    group = parser.add_argument_group("measurement")
    text = "draws of z per image for the importance-weighted bound of log p(x); 1000 or more is usual"
    add(group, "--importance-samples", text, whole(0), 0, shown="0, not measured", metavar="K")
    add(group, "--json", "write the numbers to this file as well", shown="print only", metavar="FILE")
    add(group, "--seed", "seed of z, subset and binarization", whole(0), shown="as in training")
    add_device(group)


def _sample(parser: Parser) -> None:
    parser.description = "Draw codes from the prior N(0, I) and write the decoded pictures to a file."
    parser.epilog = f"example:\n  {PROGRAM} sample --model results/ --n 64 --output samples.png"
    add_model(parser)
    group = parser.add_argument_group("pictures")
    add(group, "--n", "number of pictures, drawn on a square grid", whole(1), 64)
    group.add_argument("--noise", action="store_true", help="draw from p(x|z) instead of showing its mean")
    add(group, "--seed", "seed of the codes", whole(0), 0)
    add_device(group, "samples.png")


def _interpolate(parser: Parser) -> None:
    parser.description = (
        "Encode two images, walk in a straight line between their mean codes, and write the decoded\n"
        "pictures to a file, with the two originals at the ends."
    )
    parser.epilog = (
        "examples:\n"
        f"  {PROGRAM} interpolate --model results/ --from 3 --to 8 --steps 10\n"
        f"  {PROGRAM} interpolate --model results/ --from index:17 --to index:42"
    )
    add_model(parser)
    group = parser.add_argument_group("path")
    text = "a class (3, sneaker), from which one is drawn, or the number of an image (index:17, or 17"
    for option, end in (("--from", "first"), ("--to", "last")):
        words = f"{end} image: {text} where that is no class)"
        add(group, option, words, dest=end, metavar="IMAGE", required=True)
    add(group, "--steps", "pictures on the path, both ends included", whole(2), 10)
    add(group, "--seed", "seed of the choice of an image from its class", whole(0), 0)
    add_device(group, "interpolation.png")
    add_measured_on(parser)


def _sweep(parser: Parser) -> None:
    parser.description = (
        "Train a small model for every latent size, beta and seed, measure each on the validation part, and\n"
        "write a CSV file, the same as JSON with the KL of every dimension, and figures. The last line\n"
        "recommends a latent size. The numbers of every finished model (not its weights) are kept in\n"
        "FOLDER/cells: the same command goes on where it was interrupted."
    )
    parser.epilog = (
        "examples:\n"
        f"  {PROGRAM} sweep --dataset mnist --latent-dims 2 4 8 16 32 64 --betas 1 4 --seeds 3\n"
        f"  {PROGRAM} sweep --images my_pictures.npy --latent-dims 4 8 16 32\n"
        f"  {PROGRAM} sweep --dataset mnist --jobs 8"
    )
    data = parser.add_argument_group("data")
    add_learned_from(data)
    add(data, "--examples", "train on at most N images, classes balanced", whole(1), 10_000)
    add_data_location(data)
    grid = parser.add_argument_group("grid")
    add(grid, "--latent-dims", "sizes of z", whole(1), shown="2 4 8 16 32 64", metavar="K", nargs="+")
    add(grid, "--betas", "weights of the KL term", number(0), shown="1", metavar="B", nargs="+")
    add(grid, "--seeds", "repetitions of every model", whole(1), 3)
    training = parser.add_argument_group("training of each model")
    text = "encoder layers; the decoder mirrors them"
    add(training, "--hidden-dims", text, whole(1), shown="128 128", nargs="+")
    for name, default in SWEEP_RECIPE.items():
        add_setting(training, name, default)
    result = parser.add_argument_group("result")
    text = "nats per example that a smaller code may cost"
    add(result, "--tolerance", text, number(0), 1.0, metavar="NATS")
    add(result, "--output", "where everything is written", default="sweep", metavar="FOLDER")
    add(result, "--jobs", "models trained at the same time, each in a process of its own", whole(1), 1)


# What each command does, and what describes its options.
COMMANDS: dict[str, tuple[str, Callable[[Parser], None]]] = {
    "train": ("train a VAE and leave weights, numbers and pictures in a folder", _train),
    "evaluate": ("measure a trained model: -ELBO, its two terms, a bound of log p(x)", _evaluate),
    "sample": ("draw new pictures from a trained model", _sample),
    "interpolate": ("draw the path between two images through the latent space", _interpolate),
    "sweep": ("train small models over latent sizes, and say which size is enough", _sweep),
}


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """The parser and, by name, that of each command."""
    parser = Parser(
        prog=PROGRAM,
        description="Train and examine variational autoencoders without a notebook.",
        epilog="`train --help` explains a command and all of its options, with an example.\n"
        "Losses are in nats per example. Options may be spelled with - or with _.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    by_name = {}
    for name, (summary, describe) in COMMANDS.items():
        by_name[name] = commands.add_parser(name, help=summary, usage=f"{PROGRAM} {name} [options]")
        describe(by_name[name])
    return parser, by_name


def parse(words: Sequence[str], defaults: dict | None = None) -> argparse.Namespace:
    """Read a command line; ``defaults`` replace those of the command. Raises UsageError."""
    parser, by_name = build_parser()
    name = words[0] if words and not words[0].startswith("-") else None
    if name is not None and name not in by_name:
        guess = nearest(name, tuple(by_name)) or f"; the commands are {', '.join(by_name)}."
        raise UsageError(f"there is no command {name}{guess}")
    if defaults and name:
        by_name[name].set_defaults(**defaults)
    return parser.read(words, lambda arguments: by_name.get(arguments.command, parser))


def finish(program: str, work: Callable[[], None]) -> int:
    """Do the work of a command, and say in one sentence on standard error why it ended before its time.

    ``work`` raises UsageError, KeyboardInterrupt (with a sentence or without), or what the package raises.
    Exit codes: 0 done; 1 no data, diverged, or a file not written; 2 a wrong command line; 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows "?" and nothing fails
    try:
        work()
        return DONE
    except UsageError as error:
        code, sentence = MISUSED, str(error)
    except SystemExit as end:  # argparse, after --help
        return int(end.code or 0)
    except KeyboardInterrupt as interruption:
        code, sentence = INTERRUPTED, str(interruption) or "interrupted; nothing was written."
    except OSError as error:
        code, sentence = FAILED, f"{error.filename or 'a file'} cannot be written or read: {error.strerror}."
    except Told as error:
        code, sentence = FAILED, str(error)
    # What is wrong with the command is wrong in every process that torchrun started: one of them says so.
    if code == FAILED or os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"{program}: {sentence}", file=sys.stderr)
    return code


_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def _tidy(words: Sequence[str]) -> list[str]:
    """--latent_dim 2 becomes --latent-dim 2, and --beta -1e-3 one word."""
    tidy: list[str] = []
    for word in words:
        previous = tidy[-1] if tidy else ""
        if previous.startswith("--") and "=" not in previous and _NEGATIVE.fullmatch(word):
            tidy[-1] += f"={word}"
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            tidy.append(name.replace("_", "-") + equals + value)
        else:
            tidy.append(word)
    return tidy

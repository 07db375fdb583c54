"""``sample``: new pictures from a trained model."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_course.cli.options import add, whole
from vae_course.cli.shared import PROGRAM, Reparse, add_device, add_model, add_picture, add_seed

SUMMARY = "draw new pictures from a trained model"


def describe(parser: argparse.ArgumentParser) -> None:
    parser.description = "Draw codes from the prior N(0, I) and write the decoded pictures to a file."
    parser.epilog = f"example:\n  {PROGRAM} sample --model results/ --n 64 --output samples.png"
    add_model(parser)
    group = parser.add_argument_group("pictures")
    add(group, "--n", "number of pictures, drawn on a square grid", whole(1), 64, metavar="N")
    group.add_argument("--noise", action="store_true", help="draw from p(x|z) instead of showing its mean")
    add_picture(group, "samples.png")
    add_seed(group, "codes")
    add_device(group)


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli.models import open_model
    from vae_course.cli.output import PICTURES, check_file, save_figure
    from vae_course.plots.images import samples

    path = Path(arguments.output)
    check_file(path, "--output", PICTURES)
    model, _ = open_model(arguments.model, arguments.device)
    save_figure(samples(model, arguments.n, arguments.seed, noise=arguments.noise), path)
    print(f"Wrote {path}: {arguments.n} pictures")

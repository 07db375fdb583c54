"""``interpolate``: the path between two images through the latent space."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vae_course.cli.options import UsageError, add, suggestion, whole
from vae_course.cli.shared import PROGRAM, Reparse, add_data, add_device, add_model, add_picture, add_seed
from vae_course.randomness import seeded

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from vae_course.data.images import ImageData

SUMMARY = "draw the path between two images through the latent space"


def describe(parser: argparse.ArgumentParser) -> None:
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
    text = (
        "image: a class (3, sneaker), from which one is drawn, or the number of an image (index:17, or 17 "
        "where that is no class)"
    )
    for option, end in (("--from", "first"), ("--to", "last")):
        add(group, option, f"{end} {text}", dest=end, metavar="IMAGE", required=True)
    add(group, "--steps", "pictures on the path, both ends included", whole(2), 10, metavar="N")
    add_picture(group, "interpolation.png")
    add_seed(group, "choice of an image from its class")
    add_device(group)
    add_data(parser)


def run(arguments: argparse.Namespace, reparse: Reparse) -> None:
    from vae_course.cli.models import open_data, open_model
    from vae_course.cli.output import PICTURES, check_file, save_figure

    path = Path(arguments.output)
    check_file(path, "--output", PICTURES)
    model, settings = open_model(arguments.model, arguments.device)
    data = open_data(arguments, settings, model, settings.get("seed", 0))
    first = find_image(data, arguments.first, "--from", arguments.seed)
    last = find_image(data, arguments.last, "--to", arguments.seed + 1)
    save_figure(paths_figure(model, data, [(first, last)], arguments.steps), path)
    print(f"Wrote {path}: {describe_image(data, first)} to {describe_image(data, last)}")


def find_image(data: ImageData, text: str, option: str, seed: int) -> int:
    """The index of the image that ``text`` names: index:17, or a class, from which one image is drawn.

    A number that is not a class is an index. Raises UsageError.
    """
    import torch

    classes = data.class_names if data.labels is not None else ()
    names = {_plain(name): value for value, name in enumerate(classes)}
    number = text.removeprefix("index:")
    if _plain(text) in names and not text.startswith("-"):
        members = (data.labels == names[_plain(text)]).nonzero().flatten()
        if len(members) == 0:
            raise UsageError(f"{option}: the {len(data)} images taken include none of class {text}.")
        return int(members[torch.randint(len(members), (), generator=seeded(seed))])
    if not number.isdecimal():
        known = f" nor a class ({', '.join(classes)})" if classes else ""
        guess = suggestion(_plain(text), tuple(names)) or "."
        raise UsageError(f"{option}: {text} is neither an image's number (index:17){known}{guess}")
    if int(number) >= len(data):
        raise UsageError(
            f"{option}: there is no image {number}; the {data.split} part has 0 to {len(data) - 1}."
        )
    return int(number)


def describe_image(data: ImageData, index: int) -> str:
    """The class and number of an image, or the number alone where there are no classes."""
    if data.labels is None:
        return f"image {index}"
    return f"{data.class_names[data.labels[index]]} (image {index})"


def paths_figure(model: nn.Module, data: ImageData, pairs: Sequence[tuple[int, int]], steps: int) -> Figure:
    """Decoded straight lines between the mean codes of pairs of images, with the originals at the ends.

    pairs: indices into ``data``, a row of the figure each; steps: pictures on each path, at least 2.
    """
    import torch

    from vae_course.plots.images import interpolation_strip, looking_at, mean_code, pictures

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


def _plain(name: str) -> str:
    """Class names without what is hard to type: "Ankle boot" and ankle-boot are the same."""
    return "".join(letter for letter in name.lower() if letter.isalnum())

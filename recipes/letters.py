"""Train the VAE of typefaces, write its weights, measure it on faces it never saw, and draw its sheet.

    python -m recipes.letters [--device cuda] [--width W] [--seed S] [--variant NAME]

An interrupted run goes on where its last epoch ended (results/letters/). Variants, to be measured beside the
shipped model: "gaussian" (learned σ in place of Bernoulli) and "distance" (the decoder writes the distance to
the outline, which is cut at zero afterwards).
"""

from __future__ import annotations

import argparse
import io
import json
import platform
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional as F

from recipes.letter_pairs import LetterPairs
from recipes.shipping import ship
from vae_course.data.images import ImageData
from vae_course.data.letters import LetterData
from vae_course.data.loading import load
from vae_course.evaluation.bounds import in_parts
from vae_course.files import write_atomically
from vae_course.machine import pick_device
from vae_course.models.letters import LetterVAE, alphabet_terms
from vae_course.plots.letters import ink_preserving_cut
from vae_course.randomness import seed_everything, seeded
from vae_course.training.loop import History, fit
from vae_course.weights import load_classifier, load_model, shipped_file

ROOT = Path(__file__).parents[1]
RESULTS, SHEET = (
    ROOT / "assets" / "results" / "letters.json",
    ROOT / "assets" / "figures" / "letters_sheet.png",
)
CURVE = SHEET.with_name("letters_curve.png")
RUNS = ROOT / "results" / "letters"
VARIANTS = ("shipped", "gaussian", "distance")
STAGES, BATCH_SIZE = ((36, 3e-3), (8, 3e-4)), 64  # epochs and highest learning rate of each stage
RUNNING = ("epoch", "step", "seconds")  # what a history counts from its start
REACH = 3.0  # pixels from the outline at which a distance is clipped
FINER = 4  # times as many places in which the outline is looked for
SHOWN, INVENTED = 10, 8  # faces on the sheet


def to_distance(data: ImageData) -> ImageData:
    """The distance of each pixel to the outline, positive in the ink, from ∓3 pixels to 0 and 255."""
    distances = []
    for picture in F.interpolate(data.floats(), scale_factor=FINER, mode="bicubic").numpy()[:, 0]:
        ink = picture > 0.5
        inside = distance_transform_edt(ink) if ink.any() else np.zeros_like(picture)
        distances.append((inside - distance_transform_edt(~ink)) / FINER)
    share = torch.from_numpy(np.stack(distances))[:, None] / (2 * REACH) + 0.5
    pixels = F.avg_pool2d(255 * share.clamp(0, 1), FINER).round().to(torch.uint8)
    return ImageData("distances", data.split, pixels, None, ())


def from_distance(share: Tensor) -> Tensor:
    """Ink in [0, 1] of distances: all half a pixel inside the outline, none half a pixel outside."""
    return (2 * REACH * (share - 0.5) + 0.5).clamp(0, 1)


def pairs(data: LetterData, variant: str, warped: bool = False) -> LetterPairs:
    """What a variant learns from."""
    return LetterPairs(data, warped, to_distance(data) if variant == "distance" else None)


def center_on(model: LetterVAE, alphabets: Tensor) -> LetterVAE:
    """Start at the mean picture of every letter, of alphabets (faces, 26, 1, 32, 32); before training."""
    mean = (alphabets.double().sum(0) + 1) / (len(alphabets) + 2)  # Laplace's rule
    model.input_mean.copy_(mean)
    model.output_offset.copy_(model.likelihood.params_for_mean(mean))
    return model


def train(options: argparse.Namespace, folder: Path) -> tuple[LetterVAE, History]:
    """A trained model and its history, in nats a letter (:func:`alphabet_terms`)."""
    seed_everything(options.seed)
    parts = {split: load("letters", split) for split in ("train", "validation")}
    learned = {split: pairs(data, options.variant) for split, data in parts.items()}
    likelihood = "bernoulli" if options.variant == "shipped" else "gaussian_learned"
    model = LetterVAE(width=options.width, likelihood=likelihood)
    start = learned["train"].written or parts["train"]
    center_on(model, start.floats().view(-1, 26, *model.image_shape))
    if options.variant == "distance":
        model.input_mean.copy_(parts["train"].alphabets().mean(0))
    model.to(memory_format=torch.channels_last)  # a fifth faster on a CPU
    history = History()
    for stage, (epochs, rate) in enumerate(STAGES):
        more = fit(
            model,
            pairs(parts["train"], options.variant, warped=True),
            learned["validation"],
            epochs=epochs,
            batch_size=BATCH_SIZE,
            learning_rate=rate,
            schedule="cosine",
            warmup=0.02,
            kl_warmup=0.0 if stage else 0.2,
            gradient_clip=100.0 if likelihood == "bernoulli" else 1000.0,
            seed=options.seed,  # one, so that both stages are measured on the same pairs
            eval_examples=len(parts["validation"]),
            objective=alphabet_terms,
            device=options.device,
            checkpoint=folder / f"stage_{stage}.pt",
            resume=True,
        )
        append(history, more)
    return model.to(memory_format=torch.contiguous_format), history


def append(history: History, more: History) -> None:
    """Let a history go on with that of the next stage, whose first record is the last one's state."""
    before = history.last if history.records else dict.fromkeys(RUNNING, 0)
    for record in more.records[bool(history.records) :]:
        history.records.append(record | {key: record[key] + before[key] for key in RUNNING})


@torch.no_grad()
def written(model: LetterVAE, alphabets: Tensor, letter: int, variant: str) -> Tensor:
    """Alphabets (n, 26, 1, 32, 32) that the model writes when it sees one letter of each."""
    result = in_parts(model, lambda x: model.write_alphabet(x, letter), alphabets[:, letter], 50)
    return from_distance(result) if variant == "distance" else result


def error(ours: Tensor, truth: Tensor) -> float:
    """Mean squared difference of a pixel."""
    return (ours - truth).square().mean().item()


def read_share(pictures: Tensor) -> float:
    """Share of the letters of alphabets (n, 26, 1, 32, 32) that the shipped classifier reads as meant."""
    found = load_classifier("letters").probabilities(pictures.flatten(0, 1)).argmax(1).view(-1, 26)
    return (found == torch.arange(26)).float().mean().item()


def measure(model: LetterVAE, variant: str) -> dict:
    """What the model is worth on the faces of the test part."""
    known, data = load("letters", "train").alphabets(), load("letters", "test")
    truth = data.alphabets()
    mean, rows = known.mean(0), {}
    for letter in range(26):
        ours = written(model, truth, letter, variant)
        nearest = known[torch.cdist(truth[:, letter].flatten(1), known[:, letter].flatten(1)).argmin(1)]
        rows[data.class_names[letter]] = {
            "error": error(ours, truth),
            "nearest": error(nearest, truth),
            "read": read_share(ours),
        }
    test, generator = pairs(data, variant), seeded("letters test")
    repeats = 8  # targets for each letter
    with torch.no_grad():
        batches = [test.batch(torch.arange(len(test)), generator) for _ in range(repeats)]
        terms = [alphabet_terms(model, batch, generator) for batch in batches]
    invented = model.alphabet(torch.randn(200, model.latent_dim, generator=seeded("invented letters")))
    invented = from_distance(invented) if variant == "distance" else invented

    def averaged(key: str) -> float:
        return float(np.mean([row[key] for row in rows.values()]))

    return {
        "negative_elbo": float(np.mean([t.negative_elbo.mean().item() for t in terms])),
        "kl_of_a_face": float(np.mean([26 * t.kl.mean().item() for t in terms])),
        "error": averaged("error"),
        "error_by_category": by_category(model, variant, data, truth),
        "error_of_nearest_face": averaged("nearest"),
        "error_of_mean_face": error(mean.expand_as(truth), truth),
        "read": averaged("read"),
        "read_of_the_true_letters": read_share(truth),
        "read_of_invented_letters": read_share(invented),
        "given": rows,
    }


def by_category(model: LetterVAE, variant: str, data: LetterData, truth: Tensor) -> dict:
    """Error of the alphabets written from A, and number of faces, for each category of typefaces."""
    ours, found = written(model, truth, 0, variant), {}
    kinds = [data.categories[face] for face in data.faces[::26].tolist()]
    for kind in sorted(set(kinds)):
        rows = torch.tensor([kind == other for other in kinds])
        found[kind] = {"faces": int(rows.sum()), "error": error(ours[rows], truth[rows])}
    return found


def sheet(model: LetterVAE, variant: str, path: Path) -> None:
    """The first test faces in order: true, written from A, the same cut; then alphabets invented."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = load("letters", "test")
    truth = data.alphabets()[:SHOWN]
    ours = written(model, truth, 0, variant)
    names = [data.families[face] for face in data.faces[::26][:SHOWN].tolist()]
    z = torch.randn(INVENTED, model.latent_dim, generator=seeded("invented letters"))
    new = model.alphabet(z)
    new = from_distance(new) if variant == "distance" else new

    def strip(alphabet: Tensor) -> np.ndarray:
        large = F.interpolate(alphabet, size=128, mode="bicubic").clamp(0, 1)
        return torch.cat(list(large[:, 0, 8:120, 8:120]), dim=1).numpy()

    rows = []
    for name, true, seen in zip(names, truth, ours, strict=True):
        rows += [
            (name, strip(true)),
            ("written from A", strip(seen)),
            ("cut", strip(ink_preserving_cut(seen))),
        ]
    rows += [(f"invented {i + 1}", strip(ink_preserving_cut(picture))) for i, picture in enumerate(new)]
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(13, 0.5 * len(rows)), gridspec_kw={"hspace": 0.04}, layout=None
    )
    for place, (axis, (name, picture)) in enumerate(zip(axes, rows, strict=True)):
        axis.imshow(picture, cmap="gray_r", vmin=0, vmax=1, aspect="equal", interpolation="antialiased")
        first = place % 3 == 0 and place < 3 * SHOWN
        color, weight = ("black", "bold") if first else ("#555555", "normal")
        axis.text(-30, 56, name, ha="right", va="center", fontsize=9, color=color, weight=weight)
        if first:
            axis.add_patch(plt.Rectangle((0, 0), 111, 111, fill=False, color="#1f6fb4", linewidth=2))
        axis.axis("off")
    figure.subplots_adjust(left=0.16, right=0.995, top=0.995, bottom=0.005)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, facecolor="white")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(48).save(path, optimize=True)


def draw_curve(curve: list[dict], change: float, path: Path) -> None:
    """−ELBO of training and held-out faces over the epochs, from before the first update."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
    epochs = [point["epoch"] for point in curve]
    for part, name, color in (
        ("train", "training faces", "#777777"),
        ("validation", "unseen faces", "#1f6fb4"),
    ):
        values = [point[part] for point in curve]
        axis.plot(epochs, values, color=color, linewidth=2)
        axis.annotate(
            f"{name} {values[-1]:.0f}",
            (epochs[-1], values[-1]),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=color,
        )
    axis.set(
        xlabel="epoch",
        ylabel="−ELBO, nats a letter",
        title=f"Letters: in the last fifth, unseen faces change by {100 * change:.2g} %",
        xlim=(0, 1.28 * epochs[-1]),
    )
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def flatness(history: History) -> float:
    """Change of the held-out −ELBO over the last fifth of the run, as a share of it."""
    epochs, values = history.curve("validation")
    start = values[round(0.8 * (len(epochs) - 1))]
    return abs(values[-1] - start) / abs(values[-1])


def record(name: str, entry: dict) -> None:
    """Put the measures of one variant into the shipped JSON."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    known[name] = entry
    ordered = {key: known[key] for key in VARIANTS if key in known}
    write_atomically(RESULTS, (json.dumps(ordered, indent=1) + "\n").encode())


def rounded(value):
    """Numbers with five significant digits."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main() -> None:
    own = argparse.ArgumentParser(prog="python -m recipes.letters", description=__doc__.split("\n")[0])
    own.add_argument("--device", default="auto")
    own.add_argument("--width", type=int, default=24)
    own.add_argument("--seed", type=int, default=0)
    own.add_argument("--variant", choices=VARIANTS, default="shipped")
    options = own.parse_args()
    kind = pick_device(options.device).type
    folder = RUNS / f"{options.variant}_{options.width}_{options.seed}"
    model, history = train(options, folder)
    about = {
        "epochs": history.last["epoch"],
        "width": options.width,
        "seed": options.seed,
        "variant": options.variant,
    }
    shipped = options.variant == "shipped"
    path = shipped_file("model of letters", "letters") if shipped else folder / "letters.pt"
    ship(path, model, int8=True, about=about)
    full, stored = measure(model, options.variant), measure(load_model(path), options.variant)
    curve = [
        {key: step[key] for key in ("epoch", "step", "seconds")}
        | {part: step[part]["negative_elbo"] for part in ("train", "validation")}
        for step in history.records
    ]
    machine = torch.cuda.get_device_name() if kind == "cuda" else f"{platform.machine()}, one thread"
    entry = {
        **about,
        "weights": sum(p.numel() for p in model.parameters()),
        "bytes": path.stat().st_size,
        "machine": machine,
        "minutes": history.last["seconds"] / 60,
        "held_out_change_over_the_last_fifth": flatness(history),
        "stored": stored,
        "before_8_bits": {key: full[key] for key in ("negative_elbo", "error", "read")},
        "curve": curve,
    }
    record(options.variant, rounded(entry))
    draw_curve(curve, flatness(history), CURVE if shipped else folder / "curve.png")
    sheet(load_model(path), options.variant, SHEET if shipped else folder / "sheet.png")
    print(json.dumps(rounded({**entry, "curve": curve[-1:], "stored": {**stored, "given": {}}}), indent=1))


if __name__ == "__main__":
    main()

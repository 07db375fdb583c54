"""Train chapter 10's photographs: a VAE of independent pixels, and decoders that see more and more neighbors.

    python -m recipes.neighbors [--data stanford_dogs] [--seed 0]

One thread. First the VAE (its likelihood: logistics in 256 bins, independent). Then decoders that are given
the VAE's decoded mean as a context and may read nothing else, the earlier colors, two neighbors, or all that
came before; and the last two without a code. An interrupted run goes on where its last pass ended
(results/neighbors/). Seed 0 is shipped; further seeds leave their numbers in the record.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import platform
import time
from functools import cache
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from recipes.letters import rounded
from recipes.shipping import ship
from recipes.trio import flatness
from vae_course.data.images import ImageData
from vae_course.data.loading import data_root, load
from vae_course.data.own_images import picture_files
from vae_course.data.photographs import find_dogs
from vae_course.evaluation.bounds import evaluate
from vae_course.files import write_atomically
from vae_course.models.neighbors import NeighborDecoder
from vae_course.models.vae import VAE
from vae_course.plots.images import image_grid
from vae_course.plots.style import styled
from vae_course.randomness import seed_everything, seeded
from vae_course.training.loop import fit
from vae_course.weights import load_neighbors, load_photograph_model, shipped_file

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "neighbors"
RESULTS = ROOT / "assets" / "results" / "neighbors.json"
FIGURES = ROOT / "assets" / "figures"
VAE_FIT = {"learning_rate": 1.5e-3, "schedule": "cosine", "warmup": 0.02, "kl_warmup": 0.1}
SIZES = {"latent_dim": 64, "hidden_dims": [24, 48, 96, 96], "architecture": "conv", "activation": "silu"}
# Pictures, passes of the VAE and its batch, passes of the dear decoders ("all") and of the cheap ones.
PLAN = {
    "stanford_dogs": (None, 40, 32, 14, 5),
    "faces_synthetic": (300, 0, 32, 6, 4),  # its VAE is there: eight thousand faces, five passes
}
KINDS = (("all", True), ("nothing", True), ("colors", True), ("two", True), ("two", False), ("all", False))
BATCH_SIZE, RATE = 4, 2e-3
SHOWN = 8  # pictures of a row of the sheet


class Mirrored(ImageData):
    """Pictures of which every read mirrors a random half."""

    def batch(self, index, generator=None) -> Tensor:
        x = super().batch(index, generator)
        draws = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device)
        return torch.where(draws < 0.5, x.flip(-1), x)


def label_of(sees: str, code: bool) -> str:
    """The name of a decoder in files and tables."""
    return f"{sees}_{'code' if code else 'no_code'}"


def pictures(name: str, split: str, kind: type = ImageData) -> ImageData:
    """A part of the data, in memory; the training part is cut to the number of the plan."""
    data = load(name, split)
    n = PLAN[name][0] if split == "train" else 200
    return kind(name, split, data.images[:n].clone(), None, ())


def bits(nats: float, data: ImageData) -> float:
    """Nats of a picture as bits for each of its numbers."""
    return nats / math.prod(data.shape) / math.log(2)


def train_vae(name: str, seed: int) -> tuple[VAE, list[dict]]:
    """The VAE of independent pixels, and its curve in bits a number from before the first update."""
    _, passes, batch_size, *_ = PLAN[name]
    train, held_out = pictures(name, "train", Mirrored), pictures(name, "validation")
    seed_everything(seed)
    model = VAE.for_data(train, likelihood="discretized_logistic", normalized=True, **SIZES)
    path = RUNS / f"{name}_vae_{seed}.pt"
    more = {"checkpoint": path, "resume": True, "eval_examples": 300, "gradient_clip": 300.0, "seed": seed}
    history = fit(
        model, train, held_out, epochs=passes, batch_size=batch_size, device="cpu", **more, **VAE_FIT
    )
    curve = [
        {"epoch": r["epoch"], "seconds": r["seconds"], "kl": r["validation"]["kl"]}
        | {part: bits(r[part]["negative_elbo"], train) for part in ("train", "validation")}
        for r in history.records
    ]
    return model.eval(), curve


@torch.no_grad()
def told(vae: VAE, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """What a code tells: the VAE's decoded mean at a draw of z ~ q(z|x), a picture in [0, 1]."""
    return vae.likelihood.mean(vae.decode(vae.encode(x).sample(generator=generator)))


@torch.no_grad()
def cost(model: NeighborDecoder, vae: VAE, data: ImageData, swapped: bool = False) -> float:
    """−log P(x | context) in bits a number, without what the code costs; ``swapped``: a code of another x."""
    total, noise = 0.0, seeded("neighbors cost")
    for part in torch.arange(len(data)).split(20):
        x = data.batch(part)
        context = told(vae, x, noise) if model.context_channels else None
        total -= model.log_prob(x, context.roll(1, 0) if swapped else context).sum().item()
    return bits(total / len(data), data)


def train_decoder(
    name: str, vae: VAE, sees: str, code: bool, seed: int
) -> tuple[NeighborDecoder, list[dict]]:
    """A decoder of the given sight, and its curve in bits a number (without what the code costs)."""
    train, held_out = pictures(name, "train", Mirrored), pictures(name, "validation")
    label = label_of(sees, code)
    path, passes = RUNS / f"{name}_{label}_{seed}.pt", PLAN[name][3 if sees == "all" else 4]
    seed_everything(seed)
    model = NeighborDecoder(sees=sees, context_channels=3 if code else 0)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    updates, step, curve, spent = passes * math.ceil(len(train) / BATCH_SIZE), 0, [], 0.0
    if path.is_file():
        found = torch.load(path, weights_only=True)
        model.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        curve = found["curve"]
        step, spent = curve[-1]["step"], curve[-1]["seconds"]
    else:
        curve.append({"epoch": 0, "step": 0, "seconds": 0.0, "validation": cost(model, vae, held_out)})
    for epoch in range(len(curve), passes + 1):
        start, noise, seen = time.process_time(), seeded(f"neighbors {seed} {epoch}"), 0.0
        for index in torch.randperm(len(train), generator=noise).split(BATCH_SIZE):
            share = min(1.0, step / 50) * 0.5 * (1 + math.cos(math.pi * step / updates))
            optimizer.param_groups[0]["lr"] = RATE * share
            x = train.batch(index, noise)
            nats = -model.log_prob(x, told(vae, x, noise) if code else None)
            loss = bits(nats.mean(), train)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step, seen = step + 1, seen + loss.item() * len(x) / len(train)
        spent += time.process_time() - start
        curve.append({"epoch": epoch, "step": step, "seconds": spent, "train": seen})
        curve[-1]["validation"] = cost(model, vae, held_out)
        print(name, label, seed, {k: round(v, 4) for k, v in curve[-1].items()}, flush=True)
        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "curve": curve}
        torch.save(states, path)
    return model.to(memory_format=torch.contiguous_format).eval(), curve


@cache
def files(name: str) -> dict[str, float]:
    """Bits a number of the test pictures, each in a file of its own, lossless, at its best effort."""
    formats = {"PNG": {"optimize": True}, "WebP": {"lossless": True, "quality": 100, "method": 6}}
    total, data = dict.fromkeys(formats, 0), pictures(name, "test")
    for picture in data.images:
        image = Image.fromarray(picture.permute(1, 2, 0).numpy())
        for form, how in formats.items():
            buffer = io.BytesIO()
            image.save(buffer, form, **how)
            total[form] += buffer.tell()
    return {form: 8 * size / data.images.numel() for form, size in total.items()}


def stored_as(name: str) -> float | None:
    """Bits a number that the picture files themselves take, where they are 64×64 already (else None)."""
    if name != "stanford_dogs":
        return None
    path, breeds = find_dogs(data_root())
    found = picture_files(path)
    if Image.open(io.BytesIO(found[next(iter(breeds))][1]())).size != (64, 64):
        return None
    return 8 * sum(len(found[key][1]()) for key in breeds) / len(breeds) / (3 * 64 * 64)


def measure(name: str, vae: VAE, models: dict[str, NeighborDecoder]) -> dict:
    """Bits a number on the test part: of files, of the VAE, of each decoder with what its code costs."""
    test = pictures(name, "test")
    terms = evaluate(vae, test, batch_size=100)
    rate = bits(terms.kl.value, test)
    found = {
        "n": len(test),
        "raw": 8.0,
        **files(name),
        "picture files": stored_as(name),
        "VAE": bits(terms.negative_elbo.value, test),
        "VAE error": bits(terms.negative_elbo.standard_error, test),
        "rate": rate,
        "rate_nats": terms.kl.value,
    }
    for label, model in models.items():
        own = cost(model, vae, test)
        found[label] = {"pixels": own, "bits": own + (rate if model.context_channels else 0.0)}
        if model.context_channels:
            found[label]["bits with the code of another picture"] = cost(model, vae, test, True) + rate
    return found


@torch.no_grad()
def draw(name: str, vae: VAE, models: dict[str, NeighborDecoder]) -> dict[str, Tensor]:
    """The rows of the sheet, (SHOWN, 3, 64, 64) each; the first SHOWN test pictures, nothing chosen."""
    x = pictures(name, "test").batch(slice(0, SHOWN))
    z = vae.encode(x).sample(generator=seeded("neighbors codes"))
    prior = torch.randn(SHOWN, vae.latent_dim, generator=seeded("neighbors prior"))
    mean, new = (vae.likelihood.mean(vae.decode(codes)) for codes in (z, prior))
    noise = {label: seeded(f"neighbors draws {label}") for label in ("vae", "new", *models)}
    return {
        "test": x,
        "VAE, mean": mean,
        "VAE, drawn": vae.likelihood.sample(vae.decode(z), noise["vae"]),
        "two neighbors, drawn": models["two_code"].sample(mean, noise["two_code"]),
        "all before, drawn": models["all_code"].sample(mean, noise["all_code"]),
        "VAE, new": new,
        "all before, new": models["all_code"].sample(new, noise["new"]),
        "all before, no code": models["all_no_code"].sample(
            generator=noise["all_no_code"], shape=(SHOWN, 64, 64)
        ),
    }


def sheet(rows: dict[str, Tensor], path: Path) -> None:
    """The rows as they come, each picture 96 px wide."""
    figure = image_grid(torch.cat(list(rows.values())), columns=SHOWN, cell=0.96, row_titles=list(rows))
    figure.savefig(path, dpi=100, pil_kwargs={"quality": 88})


@styled
def draw_curves(curves: dict[str, list[dict]], path: Path) -> None:
    """Held-out bits a number against passes, without what a code costs, from the first pass on."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = [step for step in curves.get("vae", []) if step["epoch"] > 0]
    for part, style in (("train", ":"), ("validation", "-")):
        left.plot([s["epoch"] for s in shown], [s[part] for s in shown], style, label=part)
    for label, curve in curves.items():
        if label != "vae":
            right.plot([s["epoch"] for s in curve[1:]], [s["validation"] for s in curve[1:]], label=label)
    left.set(xlabel="pass", ylabel="−ELBO, bits a number", title="VAE of independent pixels")
    right.set(xlabel="pass", ylabel="−log P(x | code), bits a number", title="decoders, held out")
    left.legend()
    right.legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})


def main() -> None:
    own = argparse.ArgumentParser(prog="python -m recipes.neighbors", description=__doc__.split("\n")[0])
    own.add_argument("--data", choices=PLAN, default="stanford_dogs")
    own.add_argument("--seed", type=int, default=0)
    options = own.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    name, seed = options.data, options.seed
    curves, models = {}, {}
    if PLAN[name][1]:
        vae, curves["vae"] = train_vae(name, 0)
    if PLAN[name][1] and seed == 0:
        ship(
            shipped_file("model of photographs", name),
            vae,
            int8=True,
            about={"curve": rounded(curves["vae"])},
        )
    vae = load_photograph_model(name)  # in 8 bits: what the decoders are trained on is what is shipped
    for kind in KINDS:
        models[label_of(*kind)], curves[label_of(*kind)] = train_decoder(name, vae, *kind, seed)
    entry = {"measured": measure(name, vae, models)}
    if seed == 0:
        rows = draw(name, vae, models)
        kept = {"all_code": ("all before, drawn", "all before, new"), "all_no_code": ("all before, no code",)}
        for label, model in models.items():
            samples = {row: (255 * rows[row]).round().byte() for row in kept.get(label, ())}
            about = {"curve": rounded(curves[label]), "samples": samples}
            ship(shipped_file("neighbors", f"{name}_{label}"), model, int8=True, about=about)
        shipped = {label_of(*kind): load_neighbors(name, *kind) for kind in KINDS}
        entry["measured in 8 bits"] = measure(name, vae, shipped)
        sheet(rows, FIGURES / f"neighbors_{name}.jpg")
        draw_curves(curves, FIGURES / f"neighbors_{name}_curves.png")
    entry |= {
        "machine": f"{platform.machine()}, one thread",
        "passes": {label: curve[-1]["epoch"] for label, curve in curves.items()},
        "minutes": {label: curve[-1]["seconds"] / 60 for label, curve in curves.items()},
        "change_over_the_last_fifth": {
            label: flatness([step["validation"] for step in curve]) for label, curve in curves.items()
        },
        "curves": curves,
    }
    record = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    record.setdefault(name, {})[str(seed)] = entry
    write_atomically(RESULTS, (json.dumps(rounded(record), indent=1) + "\n").encode())
    print(json.dumps(rounded(entry["measured"]), indent=1))


if __name__ == "__main__":
    main()

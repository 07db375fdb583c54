"""Train chapter 10's spoken digits: a VAE of spectrograms with a σ for each frequency, beside PCA.

    python -m recipes.sound [--data spoken_digits] [--seeds 0]

One thread. Every pass leaves a checkpoint in results/sound/, so an interrupted run goes on. Seed 0 is shipped
in 8 bits; the other seeds leave their numbers. Opponents: PCA of the levels with as many numbers as the code,
and linear Gaussians with a σ for each frequency, of which the validation part chooses the size.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from recipes.judges import train_classifier
from recipes.letters import rounded
from recipes.shipping import ship
from recipes.trio import flatness
from vae_course.data.loading import load
from vae_course.data.sound import SoundData, fold_bins
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import collapse_report
from vae_course.files import write_atomically
from vae_course.models.vae import GaussianVAE
from vae_course.plots import spectrograms
from vae_course.plots.style import styled
from vae_course.randomness import seed_everything, seeded
from vae_course.training.loop import fit
from vae_course.weights import load_checkpoint, load_sound_model, shipped_file

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "sound"
RESULTS = ROOT / "assets" / "results" / "sound.json"
FIGURES = ROOT / "assets" / "figures"
PASSES = {"spoken_digits": 60, "spoken_digits_synthetic": 16}
LATENT_DIM, LARGER = 32, 128
SIZES = {"hidden_dims": [16, 32, 64, 128], "architecture": "conv", "activation": "silu"}
FIT = {"batch_size": 32, "learning_rate": 2e-3, "schedule": "cosine", "warmup": 0.02, "kl_warmup": 0.2}
SHIFT = 3  # frames, 10 ms each, by which a training clip is moved at most
SIZES_LINEAR = (16, 32, 64, 128, 256)
SURE = 0.8
DRAWN = 1000


class Shifted(SoundData):
    """Clips of which every read is moved in time by up to SHIFT frames, silence in what becomes free."""

    def batch(self, index, generator=None) -> Tensor:
        x = super().batch(index, generator)
        silence = fold_bins(((self.settings.floor - self.mean) / self.std)[None].expand(1, -1, x.shape[-1]))
        moves = torch.randint(-SHIFT, SHIFT + 1, (len(x),), generator=generator)
        padded = torch.cat([silence[..., :SHIFT].expand(len(x), -1, -1, -1), x,
                            silence[..., :SHIFT].expand(len(x), -1, -1, -1)], -1)  # fmt: skip
        return torch.stack(
            [clip[..., m : m + x.shape[-1]] for clip, m in zip(padded, (moves + SHIFT).tolist(), strict=True)]
        )


def trained(name: str, seed: int, latent_dim: int = LATENT_DIM) -> tuple[GaussianVAE, list[dict]]:
    """One model, and its curve in nats a clip (of scaled levels) from before the first update."""
    data, held_out = load(name), load(name, "validation")
    seed_everything(seed)
    model = GaussianVAE.for_data(data, latent_dim=latent_dim, normalized=True, **SIZES)
    path = RUNS / f"{name}_{seed}{f'_{latent_dim}' if latent_dim != LATENT_DIM else ''}.pt"
    more = {"checkpoint": path, "resume": True, "eval_examples": 300, "gradient_clip": 300.0, "seed": seed}
    history = fit(model, Shifted(**vars(data)), held_out, epochs=PASSES[name], device="cpu", **more, **FIT)
    curve = [
        {"epoch": r["epoch"], "seconds": r["seconds"], "kl": r["validation"]["kl"]}
        | {part: r[part]["negative_elbo"] for part in ("train", "validation")}
        for r in history.records
    ]
    return model.eval(), curve


def error_db(values: Tensor, data: SoundData) -> float:
    """Root mean square error of the levels in dB, over frames that hold sound."""
    off = (data.decibels(values) - data.decibels(data.values)).square()
    return off[data.filled()[:, None].expand_as(off)].mean().sqrt().item()


def principal(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, eigenvalues of the covariance, its first axes (columns), largest first: rows (n, D), n < D."""
    mean = rows.mean(0)
    off = rows - mean
    values, vectors = torch.linalg.eigh(off @ off.T / len(rows))
    values, vectors = values.flip(0).clamp_min(1e-12), vectors.flip(1)[:, : SIZES_LINEAR[-1]]
    return mean, values, off.T @ vectors / (values[: SIZES_LINEAR[-1]] * len(rows)).sqrt()


def pca_errors(train: SoundData, test: SoundData) -> dict[str, float]:
    """Errors in dB of PCA of the levels themselves, by number of components: what is best in dB."""
    rows, asked = (data.decibels(data.values).flatten(1) for data in (train, test))
    mean, _, axes = principal(rows)
    shape, found = (-1, *train.decibels(train.values[:1]).shape[1:]), {}
    for k in SIZES_LINEAR:
        near = ((asked - mean) @ axes[:, :k] @ axes[:, :k].T + mean).reshape(shape)
        off = (near - test.decibels(test.values)).square()
        found[str(k)] = off[test.filled()[:, None].expand_as(off)].mean().sqrt().item()
    return found


def linear_gaussians(train: SoundData, parts: dict[str, SoundData]) -> dict[str, dict[str, float]]:
    """−log p in nats a clip of x = W z + mean + σ_frequency · noise, by size of z: exact, no bound.

    Probabilistic PCA (Tipping & Bishop 1999) of levels that are divided by the σ of their frequency; the σ
    are those of what the components leave, found in two rounds, starting from 1.
    """
    found = {}
    for k in SIZES_LINEAR:
        sigma = torch.ones(train.sigma_shape)
        for _ in range(2):
            mean, values, axes = principal((train.values / sigma).flatten(1))
            rest = (train.values / sigma).flatten(1) - mean
            rest = (rest - rest @ axes[:, :k] @ axes[:, :k].T).reshape(train.values.shape) * sigma
            degrees = len(rest) / (len(rest) - 1 - k)  # fitted components flatter their own remainder
            sigma = (rest.square().mean((0, 3), keepdim=True)[0] * degrees).sqrt()
        mean, values, axes = principal((train.values / sigma).flatten(1))
        noise = (values[k:].sum() / (len(mean) - k)).item()
        found[str(k)] = {}
        for part, data in parts.items():
            off = (data.values / sigma).flatten(1) - mean
            codes = off @ axes[:, :k]
            inside = (codes.square() / values[:k] + values[:k].log()).sum(1)
            outside = (off.square().sum(1) - codes.square().sum(1)) / noise + (len(mean) - k) * math.log(
                noise
            )
            scaling = sigma.expand(train.values.shape[1:]).log().sum()
            nats = 0.5 * (inside + outside + len(mean) * math.log(2 * math.pi)) + scaling
            found[str(k)][part] = nats.mean().item()
    return found


@torch.no_grad()
def codes_of(model: GaussianVAE, train: SoundData) -> tuple[Tensor, Tensor]:
    """The Gaussian of the training codes, a draw from each posterior: mean, factor of the covariance."""
    noise = seeded("sound codes")
    z = torch.cat([model.encode(part).sample(generator=noise) for part in train.values.split(200)]).double()
    return z.mean(0).float(), torch.linalg.cholesky(torch.cov(z.T)).float()


@torch.no_grad()
def measure(model: GaussianVAE, judge, train: SoundData, parts: dict[str, SoundData]) -> dict:
    """What one model is worth: nats, dB, and what a classifier of digits hears."""
    found = {}

    def heard(x: Tensor, labels: Tensor | None = None) -> dict[str, float]:
        p = judge.probabilities(x, 100)
        more = {} if labels is None else {"as meant": (p.argmax(1) == labels).float().mean().item()}
        return more | {"sure": (p.amax(1) >= SURE).float().mean().item()}

    for part, data in parts.items():
        terms, rebuilt = evaluate(model, data), model.reconstruct(data.values)
        found[part] = {
            "negative_elbo": terms.negative_elbo.value,
            "kl": terms.kl.value,
            "error_db": error_db(rebuilt, data),
            "active_units": collapse_report(model, data).active_units,
            "recordings": heard(data.values, data.labels),
            "rebuilt": heard(rebuilt, data.labels),
        }
    mean, factor = codes_of(model, train)
    z = torch.randn(DRAWN, model.latent_dim, generator=seeded("sound samples"))
    for name, codes in {"N(0, I)": z, "fitted": mean + z @ factor.T}.items():
        made = model.decode(codes)
        spread = made.std(dim=0).mean() / train.values.std(dim=0).mean()
        found[name] = heard(made) | {"spread beside recordings": spread.item()}
    data = parts["test"]
    other = torch.randperm(len(data), generator=seeded("sound blends"))
    blends = ((data.values + data.values[other]) / 2)[data.labels != data.labels[other]]
    found["mean levels of two digits"] = heard(blends)  # a control: no digit, and no model
    again = data.settings.decibels(data.settings.griffin_lim(data.decibels(data.values), 60))
    off = (again - data.decibels(data.values)).square()
    found["griffin_lim_db"] = off[data.filled()[:, None].expand_as(off)].mean().sqrt().item()
    return found


@torch.no_grad()
def sheet(name: str, path: Path) -> None:
    """Six test clips of the list, rebuilt, and draws, nothing chosen."""
    model, test, about = (
        load_sound_model(name),
        load(name, "test"),
        load_checkpoint(shipped_file("model of sound", name))["about"],
    )
    few = torch.linspace(0, len(test) - 1, 6).long()
    z = torch.randn(12, model.latent_dim, generator=seeded("sound sheet"))
    rows = [test.values[few], model.reconstruct(test.values[few]), model.decode(z[:6])]
    rows.append(model.decode(about["mean"] + z[6:] @ about["factor"].T))
    titles = [f"{test.labels[i]}" for i in few.tolist()]
    titles += 6 * ["rebuilt"] + 6 * ["N(0, I)"] + 6 * ["fitted Gaussian"]
    figure = spectrograms(test.decibels(torch.cat(rows)), test.settings, titles, columns=6)
    figure.savefig(path, dpi=70, metadata={"Software": None})


@styled
def draw_curves(curves: dict[str, list[dict]], path: Path) -> None:
    """−ELBO in nats a clip against passes, training and held out, one line for each seed."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    for number, (seed, curve) in enumerate(curves.items()):
        for part, style in (("train", ":"), ("validation", "-")):
            shown = [step for step in curve if step["epoch"] > 1]
            label = f"seed {seed}, {'held out' if style == '-' else part}"
            axis.plot(
                [s["epoch"] for s in shown], [s[part] for s in shown], style, color=f"C{number}", label=label
            )
    axis.set(xlabel="pass", ylabel="−ELBO (nats a clip)")
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def main() -> None:
    own = argparse.ArgumentParser(prog="python -m recipes.sound", description=__doc__.split("\n")[0])
    own.add_argument("--data", choices=PASSES, default="spoken_digits")
    own.add_argument("--seeds", type=int, nargs="+", default=[0])
    own.add_argument(
        "--larger", action="store_true", help="also a code of 128 numbers, for its numbers alone"
    )
    options = own.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    name = options.data
    train, parts = load(name), {part: load(name, part) for part in ("validation", "test")}
    judge = train_classifier(Shifted(**vars(train)), seed=0, epochs=8, batch_size=32)
    entry, curves = {"seeds": {}, "pca_db": pca_errors(train, parts["test"])}, {}
    entry["linear_gaussian"] = linear_gaussians(train, parts)
    runs = [(seed, LATENT_DIM) for seed in options.seeds] + options.larger * [(0, LARGER)]
    for seed, size in runs:
        label = str(seed) if size == LATENT_DIM else f"{seed}, code of {size}"
        model, curve = trained(name, seed, size)
        if label == "0":
            mean, factor = codes_of(model, train)
            about = {"curve": rounded(curve), "mean": mean, "factor": factor}
            ship(shipped_file("model of sound", name), model, int8=True, about=about)
            model = load_sound_model(name)
        curves[label] = curve
        entry["seeds"][label] = measure(model, judge, train, parts) | {
            "passes": curve[-1]["epoch"],
            "minutes": curve[-1]["seconds"] / 60,
            "change_over_the_last_fifth": flatness([step["validation"] for step in curve]),
            "curve": curve,
        }
        entry["machine"] = f"{platform.machine()}, one thread"
        record = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
        record[name] = entry
        write_atomically(RESULTS, (json.dumps(rounded(record), indent=1) + "\n").encode())
    sheet(name, FIGURES / f"sound_{name}.png")
    draw_curves(curves, FIGURES / f"sound_{name}_curve.png")
    shown = {seed: {k: v for k, v in of.items() if k != "curve"} for seed, of in entry["seeds"].items()}
    print(json.dumps(rounded(entry | {"seeds": shown}), indent=1))


if __name__ == "__main__":
    main()

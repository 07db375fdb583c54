"""Train the same VAE with codes of 2 to 64 numbers, and measure what each size buys: chapter 08's sweep.

    python -m recipes.size_sweep

One thread. Every model leaves a file in results/size_sweep/, so an interrupted run goes on; one seed of
everything comes first. Writes weights/size_sweep.json and the figure of docs/models.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vae_course.data.loading import load
from vae_course.evaluation.code_use import probe_accuracy
from vae_course.files import write_atomically
from vae_course.likelihoods import Gaussian
from vae_course.models.vae import VAE
from vae_course.plots.curves import side_by_side
from vae_course.randomness import seed_everything, seeded

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "size_sweep"
RESULTS = ROOT / "vae_course" / "weights" / "size_sweep.json"
FIGURE = ROOT / "assets" / "figures" / "size_sweep_curves.png"
SIZES, SEEDS = (2, 4, 8, 16, 32, 64), (0, 1, 2)
PLAN = {  # passes and pictures of an update: some 800 to 1,600 updates
    "mnist": (8, 256),
    "fashion_mnist": (8, 256),
    "letters": (16, 128),
    "digits": (40, 64),
}
HIDDEN, WIDE, RATE = (128, 128), (256, 128), 4e-3
SIGMAS = (1.0, 0.5, 0.25)  # of the Gaussians with a fixed width
EARLY = (0, 25, 50, 100)  # updates after which a young model is looked at, besides every tenth of the run
LOOKED_AT = 2000  # pictures of the curve; 500 for switching units off
KEPT_SIZE = 32  # of which the KL of each unit is kept over time


@dataclass(frozen=True)
class Run:
    """One model: all that decides its numbers."""

    dataset: str
    k: int
    likelihood: str
    seed: int
    sigma: float | None = None  # a Gaussian's fixed width
    wide: bool = False  # a network with nearly twice the weights
    warmup: float = 0.3  # share of the updates in which the KL's weight rises from 0

    @property
    def name(self) -> str:
        return "_".join(str(value) for value in asdict(self).values() if value is not None)


def plan() -> list[Run]:
    """The models in the order in which they are trained: what matters most comes first."""
    large, coin, width = ("fashion_mnist", "mnist"), "bernoulli", "gaussian_learned"
    plain = [Run(d, 32, coin, 0) for d in large]
    runs = [Run(d, k, name, 0) for k in (32, 8, 64) for d in large for name in (coin, width)]
    runs += [Run(d, 16, coin, 0) for d in large] + [replace(run, warmup=0.0) for run in plain]
    fixed = [Run("fashion_mnist", 32, "gaussian", 0, sigma) for sigma in SIGMAS]
    runs += [fixed[0], *(Run("digits", k, coin, seed) for seed in SEEDS for k in SIZES)]
    runs += [fixed[1], *(Run(d, k, coin, 0) for d in large for k in (4, 2)), fixed[2]]
    runs += [replace(plain[0], wide=True)]
    sizes = (8, 32, 16, 64, 4, 2)
    runs += [Run(d, k, coin, seed) for seed in SEEDS[1:] for k in sizes for d in large]
    runs += [replace(run, warmup=0.0, seed=seed) for seed in SEEDS[1:] for run in plain]
    runs += [Run(d, k, width, 0) for k in (16, 4, 2) for d in large]
    runs += [Run("letters", k, coin, seed) for seed in SEEDS for k in SIZES]
    return runs + [Run(d, k, width, seed) for seed in SEEDS[1:] for k in sizes for d in large]


def switched_off(model: VAE, x: Tensor, units: list[list[int]]) -> list[float]:
    """Nats of distortion that each list of units is worth: what it costs to fill them with noise instead.

    The noise comes from the prior and knows nothing of the picture; all other units keep their draw.
    """
    q, noise = model.encode(x), torch.randn(len(x), model.latent_dim, generator=seeded("switched off"))
    z = q.sample(generator=seeded("kept on"))
    before, worth = model.log_likelihood(x, z).mean(), []
    for off in units:
        changed = z.clone()
        changed[:, off] = noise[:, off]
        worth.append((before - model.log_likelihood(x, changed).mean()).item())
    return worth


@torch.no_grad()
def look(model: VAE, x: Tensor) -> dict:
    """−ELBO and its terms on the pictures x, and the KL of each unit, largest first."""
    q = model.encode(x)
    kl = q.kl_per_dimension().mean(0).sort(descending=True).values
    distortion = -model.log_likelihood(x, q.sample(generator=seeded(0))).mean().item()
    rate = kl.sum().item()
    return {"elbo": -distortion - rate, "distortion": distortion, "rate": rate, "kl": kl.tolist()}


@torch.no_grad()
def measure(model: VAE, parts: dict) -> dict:
    """The trained model on held-out and test pictures."""
    found = {}
    for part in ("validation", "test"):
        found[part] = look(model, parts[part].floats())
    kl = found["validation"].pop("kl")
    del found["test"]["kl"]
    x = parts["test"].floats()
    error = (model.reconstruct(x).clamp(0, 1) - x).square().mean().item()
    few = parts["validation"].floats()[:500]
    means = model.encode(parts["validation"].floats()).mean
    order = (
        model.encode(parts["validation"].floats())
        .kl_per_dimension()
        .mean(0)
        .argsort(descending=True)
        .tolist()
    )
    rest = [order[i:] for i in range(len(order))]
    return found | {
        "kl": kl,
        "worth": switched_off(model, few, [[unit] for unit in order]),
        "worth_from": switched_off(model, few, rest),  # of this unit and all after it
        "variance": means.var(0)[order].tolist(),  # of the posterior mean over pictures (Burda et al. 2016)
        "squared_error": error,
        "probe": probe_accuracy(model, parts["train"], parts["validation"]),
        "sigma_found": getattr(model.likelihood, "sigma", torch.tensor(math.nan)).item(),
    }


def train(run: Run, parts: dict) -> tuple[VAE, dict]:
    """One model with its curve from before the first update."""
    seed_everything(run.seed)
    likelihood, hidden = run.likelihood, WIDE if run.wide else HIDDEN
    model = VAE.for_data(parts["train"], latent_dim=run.k, hidden_dims=hidden, likelihood=likelihood)
    if run.sigma is not None:
        model.likelihood = Gaussian(run.sigma)
    passes, batch = PLAN[run.dataset]
    updates = passes * math.ceil(len(parts["train"]) / batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    share = lambda t: min(20 * t / updates, 1) * 0.5 * (1 + math.cos(math.pi * t / updates))  # noqa: E731
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    moments = {*EARLY, *(round(i * updates / 10) for i in range(11))}
    unseen, curve, step, started = parts["validation"].floats()[:LOOKED_AT], [], 0, time.process_time()
    curve.append({"step": 0, **look(model, unseen)})
    while step < updates:
        for index in torch.randperm(len(parts["train"])).split(batch):
            x = parts["train"].batch(index)
            q = model.encode(x)
            beta = min(1.0, step / (run.warmup * updates)) if run.warmup else 1.0
            loss = (beta * q.kl() - model.log_likelihood(x, q.sample())).mean()
            if not torch.isfinite(loss):
                raise RuntimeError(f"{run.name}: the loss is not finite at update {step}.")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step in moments:
                curve.append({"step": step, **look(model, unseen)})
    return model.eval(), {"updates": updates, "seconds": time.process_time() - started, "curve": curve}


def finished(run: Run, datasets: dict) -> dict:
    """The record of a run, from its file or trained now."""
    path = RUNS / f"{run.name}.json"
    if path.is_file():
        return json.loads(path.read_text())
    if run.dataset not in datasets:
        datasets[run.dataset] = {p: load(run.dataset, p) for p in ("train", "validation", "test")}
    model, record = train(run, datasets[run.dataset])
    record = asdict(run) | record | measure(model, datasets[run.dataset])
    if run.seed == 0:
        torch.save(model.state_dict(), path.with_suffix(".pt"))
    write_atomically(path, json.dumps(record).encode())
    nats, used = -record["validation"]["elbo"], sum(worth > 0.1 for worth in record["worth"])
    print(f"{run.name}: −ELBO {nats:.1f}, {used} units in use, {record['seconds']:.0f} s", flush=True)
    return record


def digits_of(values, digits: int = 3):
    """Numbers with few significant digits, and those near 0 as 0."""
    if isinstance(values, list):
        return [digits_of(value, digits) for value in values]
    return 0 if abs(values) < 5e-4 else float(f"{values:.{digits}g}")


def shortened(record: dict) -> dict:
    """What is shipped of a run: −ELBO, distortion and rate in nats, on the validation part where not said."""
    names = ("dataset", "k", "likelihood", "seed", "sigma", "wide", "warmup", "updates")
    validation, test, curve = record["validation"], record["test"], record["curve"]
    short = {name: record[name] for name in names} | {
        "negative_elbo": round(-validation["elbo"], 2),
        "distortion": round(validation["distortion"], 2),
        "rate": round(validation["rate"], 2),
        "test_negative_elbo": round(-test["elbo"], 2),
        "kl": digits_of(record["kl"], 2),
        "worth": digits_of(record["worth"], 2),
        "active": sum(value > 0.01 for value in record["variance"]),
        "squared_error": digits_of(record["squared_error"]),
        "probe": record["probe"],
        "steps": [point["step"] for point in curve],
        "curve": [round(-point["elbo"], 1) for point in curve],
        "units": [sum(nats >= 0.05 for nats in point["kl"]) for point in curve],
    }
    if record["sigma"] is None and record["likelihood"] != "bernoulli":
        short["sigma_found"] = digits_of(record["sigma_found"])
    if record["k"] == KEPT_SIZE and record["seed"] == 0 and record["likelihood"] != "gaussian":
        short["kl_over_time"] = [digits_of(point["kl"], 2) for point in curve]
    return short


def components(dataset: str) -> dict:
    """PCA of the training pictures: error of a pixel on the test part against k, and the eigenvalues."""
    train, test = (load(dataset, part).floats().flatten(1).double() for part in ("train", "test"))
    center = train.mean(0)
    values, vectors = torch.linalg.eigh((train - center).T @ (train - center) / len(train))
    codes = (test - center) @ vectors.flip(1)
    saved = codes.square().mean(0).cumsum(0)
    left = ((test - center).square().sum(1).mean() - saved) / test.shape[1]
    kept = [0, *range(1, 65), 96, 128, 192, 256]
    error = [((test - center).square().mean().item() if k == 0 else left[k - 1].item()) for k in kept]
    return {
        "k": kept,
        "squared_error": digits_of(error),
        "eigenvalues": digits_of(values.flip(0)[:256].tolist()),
    }


def write(records: list[dict]) -> None:
    """The file that is shipped, a line for each run."""
    lines = ",\n".join(json.dumps(shortened(record), separators=(",", ":")) for record in records)
    pca = json.dumps({name: components(name) for name in PLAN}, separators=(",", ":"))
    write_atomically(RESULTS, f'{{"pca":{pca},\n"runs":[\n{lines}\n]}}\n'.encode())
    panels = {}
    for dataset, likelihood in (("fashion_mnist", "bernoulli"), ("fashion_mnist", "gaussian_learned"),
                                ("mnist", "bernoulli"), ("digits", "bernoulli")):  # fmt: skip
        of = [
            run
            for run in map(shortened, records)
            if (run["dataset"], run["likelihood"]) == (dataset, likelihood)
        ]
        panels[f"{dataset}, {likelihood}"] = {
            f"k = {run['k']}": dict(zip(run["steps"][4:], run["curve"][4:], strict=True))
            for run in sorted(of, key=lambda run: run["k"])
            if run["seed"] == 0 and run["warmup"] == 0.3 and not run["wide"]
        }
    figure = side_by_side(panels, "update", "held-out −ELBO (nats)")
    figure.savefig(FIGURE, dpi=100, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.size_sweep", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="train nothing, write what there is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    datasets: dict = {}
    runs = [run for run in plan() if not arguments.write or (RUNS / f"{run.name}.json").is_file()]
    write([finished(run, datasets) for run in runs])


if __name__ == "__main__":
    main()

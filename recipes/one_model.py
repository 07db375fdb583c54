"""Train one VAE for all β from 0.2 to 10 and all latent sizes up to 32, so that a slider answers at once.

Takes some minutes on two cores; with --checkpoint, the same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from recipes.shipping import ship
from vae_course.data.loading import load
from vae_course.elbo import ElboTerms, GaussianPosterior, bound_log_var
from vae_course.models.networks import as_images
from vae_course.models.one_model import SMALLEST_SIZE, Modulated, OneModel
from vae_course.randomness import seed_everything
from vae_course.training.loop import History, fit
from vae_course.training.settings import whole

# Share of the examples that get one of the sizes at which the model has weights of its own (first, those
# between, last), instead of a size drawn log-uniformly: small sizes need the most practice, and the last
# dimensions, which only the large sizes have, would get too little of it.
KNOT_SHARES = (0.10, 0.12, 0.10)
# At the start the largest size comes more often by this much, falling to nothing at a third of the run:
# dimensions that have learned nothing when the KL term arrives are given up for good.
EARLY_LARGEST_SHARE = 0.6


def draw_settings(
    model: OneModel, n: int, generator: torch.Generator | None = None, progress: float = 1.0
) -> tuple[Tensor, Tensor]:
    """A setting for each of n examples: β log-uniform over the model's range, k mostly log-uniform.

    Args:
        model: gives the ranges and the device.
        n: number of examples.
        generator: source of randomness, on the model's device.
        progress: share of the training run that is over, 0 to 1.

    Returns:
        β (n,) and k (n,), both float.
    """
    device = model.input_mean.device
    u = torch.rand(3, n, generator=generator, device=device)
    low, high = map(math.log, model.beta_range)
    beta = torch.exp(low + (high - low) * u[0])
    sizes = SMALLEST_SIZE * torch.exp(u[1] * math.log((model.latent_dim + 1) / SMALLEST_SIZE))
    k = sizes.floor().clamp(max=model.latent_dim)
    first, between, last = KNOT_SHARES
    below = 0.0
    for knot, share in zip(
        model.size_knots, [first, *[between] * (len(model.size_knots) - 2), last], strict=True
    ):
        k[(u[2] >= below) & (u[2] < below + share)] = knot
        below += share
    k[u[2] > 1 - EARLY_LARGEST_SHARE * max(0.0, 1 - 3 * progress)] = model.latent_dim
    return beta, k


def modulated(layer: Modulated, x: Tensor, c: Tensor, banks: Tensor) -> Tensor:
    """x (batch, n_in), c (batch, n_features), banks (batch, n_banks) → (batch, n_out)."""
    y = layer.linear(x)
    if layer.n_banks > 1:
        y = torch.einsum("bno,bn->bo", y.unflatten(-1, (layer.n_banks, layer.n_out)), banks)
    y = layer.activation(y + layer.shift(c))
    return y if layer.gate is None else y * layer.scale(c)


def mask(model: OneModel, k: Tensor) -> Tensor:
    """1 for the first k dimensions, 0 for the rest: (batch,) → (batch, latent)."""
    return (torch.arange(model.latent_dim, device=k.device) < k[:, None]).to(model.input_mean.dtype)


def encode(model: OneModel, x: Tensor, beta: Tensor, k: Tensor) -> GaussianPosterior:
    """q(z|x; β, k) of images (batch, C, H, W), β and k (batch,): mean and log σ² of shape (batch, latent);
    N(0, 1) from dimension k on.
    """
    x = as_images(x, model)
    setting, out = model.features(beta, k), (x - model.input_mean).flatten(1)
    for layer in model.encoder:
        out = modulated(layer, out, *setting)
    mean, raw_log_var = out.chunk(2, dim=-1)
    kept = mask(model, k)
    return GaussianPosterior(mean * kept, bound_log_var(raw_log_var) * kept)


def decode(model: OneModel, z: Tensor, beta: Tensor, k: Tensor) -> Tensor:
    """Codes (batch, latent) → likelihood parameters (batch, C, H, W); what lies beyond k is ignored."""
    c, banks = model.features(beta, k)
    out = z * mask(model, k) * model.code_scale(c)
    for layer in model.decoder:
        out = modulated(layer, out, c, banks)
    return out.unflatten(-1, model.image_shape) + model.output_offset


class AllSettings:
    """The objective: reconstruction + β·KL of each example at a setting of its own, weighted by 1/√(1 + β).

    Without a weight the losses of large β, which are the largest, would drown those of small β.

    Args:
        total_updates: length of the run, for the course of the settings.
    """

    def __init__(self, total_updates: int):
        self.total_updates = total_updates

    def __call__(self, model: OneModel, x: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
        """Terms in weighted nats for images x (batch, C, H, W); ``kl`` holds weight · β · KL."""
        progress = 1.0
        if model.training:
            progress = model.updates.item() / self.total_updates
            model.updates += 1
        beta, k = draw_settings(model, len(x), generator, progress)
        posterior = encode(model, x, beta, k)
        params = decode(model, posterior.sample(generator=generator), beta, k)
        weight = (1 + beta).rsqrt()
        kl = posterior.kl_per_dimension() * (weight * beta)[:, None]
        return ElboTerms(-model.likelihood.log_prob(x, params) * weight, kl.sum(-1), kl)


def fit_one_model(
    model: OneModel, train, validation=None, *, epochs: int = 72, batch_size: int = 256, **settings
) -> History:
    """Train a OneModel; the history is in weighted nats, averaged over settings.

    Args:
        model: trained in place.
        train, validation: ImageData.
        epochs: passes through ``train``; a model for one setting gets by with about a tenth.
        settings: of :func:`vae_course.training.loop.fit`; the defaults here are learning_rate 6e-3 and a KL
            term that rises over 55 % of the run.
    """
    chosen = {"learning_rate": 6e-3, "kl_warmup": 0.55, **settings}
    objective = AllSettings(epochs * -(-len(train) // batch_size))
    return fit(model, train, validation, epochs=epochs, batch_size=batch_size, objective=objective, **chosen)


def train_one_model(
    train,
    validation=None,
    path: str | Path | None = None,
    *,
    latent_dim: int = 32,
    hidden_dims=(384, 256),
    seed: int = 0,
    **settings,
) -> OneModel:
    """A trained OneModel, and if ``path`` is given its file as it comes with the course.

    Args:
        train, validation: ImageData.
        path: file for the weights, the large ones in 8 bits, and how they were made.
        latent_dim, hidden_dims: of the model.
        seed: of weights, order, settings and noise.
        settings: of :func:`fit_one_model`.
    """
    seed_everything(seed)
    model = OneModel.for_data(train, latent_dim=latent_dim, hidden_dims=tuple(hidden_dims))
    fit_one_model(model, train, validation, seed=seed, **settings)
    if path is not None:
        names = {"epochs", "batch_size", "learning_rate"} & settings.keys()
        about = {"dataset": train.name, "examples": len(train), "seed": seed}
        ship(path, model, int8=True, about=about | {name: settings[name] for name in names})
    return model


def recipe(dataset: str) -> dict[str, float]:
    """Settings of :func:`fit_one_model` that the shipped weights of a data set were made with."""
    if dataset == "digits":
        return {"epochs": 200, "batch_size": 64, "learning_rate": 3e-3}
    return {"epochs": 40 if dataset == "fashion_mnist" else 72, "batch_size": 256, "learning_rate": 6e-3}


def parser() -> argparse.ArgumentParser:
    own = argparse.ArgumentParser(prog="python -m recipes.one_model", description=__doc__)
    own.add_argument("--dataset", help="images to learn from", default="digits")
    own.add_argument("--subset", help="train on N images, classes balanced", type=int)
    own.add_argument("--latent-dim", help="largest latent size, at least 3", type=whole(3).read, default=32)
    own.add_argument("--hidden-dims", help="encoder layers", type=int, default=[384, 256], nargs="+")
    own.add_argument("--epochs", help="passes through the training part (default: by data set)", type=int)
    own.add_argument("--batch-size", help="images per update (default: by data set)", type=int)
    own.add_argument("--learning-rate", help="highest step size (default: by data set)", type=float)
    own.add_argument("--seed", help="seed of weights, order, settings and noise", type=int, default=0)
    own.add_argument("--output", help="file to write (default: one_model_<dataset>.pt)", type=Path)
    own.add_argument("--checkpoint", help="file from which an interrupted run goes on")
    own.add_argument("--device", help="auto, cpu, cuda or mps", default="auto")
    return own


def main(words: Sequence[str] | None = None) -> int:
    """Train and write."""
    options = parser().parse_args(words)
    path = options.output or Path(f"one_model_{options.dataset}.pt")
    train = load(options.dataset, "train", subset=options.subset, seed=options.seed)
    chosen = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate")}
    settings = recipe(options.dataset) | {name: value for name, value in chosen.items() if value is not None}
    settings |= {name: getattr(options, name) for name in ("latent_dim", "hidden_dims", "seed", "device")}
    if options.checkpoint:
        settings |= {"checkpoint": options.checkpoint, "resume": True}
    train_one_model(train, load(options.dataset, "validation"), path, **settings)
    print(f"Wrote {path}, {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

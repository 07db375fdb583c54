"""The arena: eight generative models, trained on the same pictures to be judged by the same measures.

``python -m vae_course.course.arena`` makes the weights and the table; here they are read.
"""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_course.models import Autoencoder, CodePrior, Generator
from vae_course.training.checkpoint import KINDS, load_checkpoint, save_checkpoint

FOLDER = Path(__file__).parent.parent / "weights" / "arena"
TABLE = FOLDER / "realism.json"
ARENA_MODELS = {
    "ae": "Autoencoder, Gaussian fitted to its codes",
    "vae_bernoulli": "VAE, Bernoulli",
    "vae_gaussian": "VAE, Gaussian with learned σ",
    "vae_logistic": "VAE, discretized logistic",
    "gan": "GAN",
    "vae_gan": "VAE-GAN",
    "vq_vae": "VQ-VAE with a prior over its letters",
    "hierarchical": "VAE with two layers of z",
}


class NoEncoder(nn.Module):
    """Stands where weights were not shipped, and says so."""

    def forward(self, *_):
        raise ValueError("these weights hold the decoder alone; load seed 0, which comes with its encoder.")


@dataclass(frozen=True)
class ArenaModel:
    """One trained contestant.

    Attributes:
        name, seed: which one; see ``ARENA_MODELS``.
        model: the network: Autoencoder, VAE, HierarchicalVAE, VQVAE, or a GAN's Generator.
        whole: whether its encoder is there.
        prior: the CodePrior of a VQ-VAE, else None.
        codes: mean (latent,) and Cholesky factor (latent, latent) of an autoencoder's codes, else None.
    """

    name: str
    seed: int
    model: nn.Module
    whole: bool = True
    prior: CodePrior | None = None
    codes: tuple[Tensor, Tensor] | None = None

    @property
    def label(self) -> str:
        return ARENA_MODELS[self.name]

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """New pictures (n, C, H, W) in [0, 1]: the decoder's means, never noisy draws of p(x|z)."""
        if self.prior is not None:
            pictures = self.model.sample(n, self.prior, generator)
        elif self.codes is not None:
            mean, factor = self.codes
            z = mean + torch.randn(n, len(mean), generator=generator) @ factor.T
            pictures = self.model.likelihood.mean(self.model.decode(z))
        else:
            pictures = self.model.sample(n, generator)
        return pictures.clamp(0, 1)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The decoder's mean at the mean of q(z|x), or at the picture's own letters: (n, C, H, W) in [0, 1].

        Raises:
            ValueError: a GAN has no encoder, or the file holds the decoder alone.
        """
        if isinstance(self.model, Generator):
            raise ValueError("a GAN has no encoder, so there is no reconstruction.")
        return self.model.reconstruct(x).clamp(0, 1)


def fit_codes(model: Autoencoder, data, batch_size: int = 1000) -> tuple[Tensor, Tensor]:
    """Mean and Cholesky factor of the covariance of an autoencoder's codes: a Gaussian to draw from."""
    with torch.no_grad():
        parts = [model.encode(data.batch(part)) for part in torch.arange(len(data)).split(batch_size)]
    codes = torch.cat(parts).double()
    jitter = 1e-6 * torch.eye(codes.shape[1], dtype=torch.float64)
    factor = torch.linalg.cholesky(torch.cov(codes.T) + jitter)
    return codes.mean(0).float(), factor.float()


def save_arena(path: str | Path, entry: ArenaModel, *, whole: bool = True, **about) -> None:
    """Write a contestant in half precision; with ``whole=False`` without its encoder.

    Args:
        path: file to write.
        entry: the contestant; not changed.
        about: numbers, strings, lists and dicts that say how it was made.
    """
    model = copy.deepcopy(entry.model)
    if not whole:
        _drop_encoder(model)
    extra = {}
    if entry.prior is not None:
        state = {name: value.half() for name, value in entry.prior.state_dict().items()}
        extra["prior"] = {"config": entry.prior.config, "model": state}
    if entry.codes is not None:
        extra["codes"] = list(entry.codes)
    header = {"name": entry.name, "seed": entry.seed, "whole": whole, **about}
    save_checkpoint(path, model, half=True, arena=header, **extra)


def read_arena(path: str | Path) -> ArenaModel:
    """A contestant that :func:`save_arena` wrote: float32, on the CPU, in evaluation mode, frozen."""
    content = load_checkpoint(path)
    if "arena" not in content:
        raise ValueError(f"{path} holds no contestant of the arena; make it again.")
    model = KINDS[content["kind"]](**content["config"])
    header, prior = content["arena"], None
    if not header["whole"]:
        _drop_encoder(model)
    model.load_state_dict(content["model"])
    if "prior" in content:
        prior = CodePrior(**content["prior"]["config"])
        prior.load_state_dict(content["prior"]["model"])
        prior.eval().requires_grad_(False)
    codes = tuple(content["codes"]) if "codes" in content else None
    model.eval().requires_grad_(False)
    return ArenaModel(header["name"], header["seed"], model, header["whole"], prior, codes)


def load_arena(name: str, seed: int = 0) -> ArenaModel:
    """A shipped contestant, trained on 20,000 pictures of Fashion-MNIST.

    Args:
        name: one of ``ARENA_MODELS``.
        seed: 0 (with its encoder), 1 or 2 (what sampling needs).

    Raises:
        ValueError: there is no such contestant.
    """
    path = FOLDER / f"{name}_{seed}.pt"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.pt"))) or "none"
        raise ValueError(f"the arena has no {name!r} with seed {seed}; shipped are: {known}.")
    return read_arena(path)


def arena_results() -> dict:
    """The table of the arena: settings, measures of every seed, means and intervals, failed seeds.

    ``rows`` has an entry for each model; its ``["measures"]["frechet"]`` is a dict of ``values``, ``mean``,
    ``low`` and ``high`` (95 %, Student's t over the seeds), or None where a measure does not exist.
    """
    if not TABLE.is_file():
        raise ValueError(f"there is no table {TABLE}; make it: python -m vae_course.course.arena")
    return json.loads(TABLE.read_text(encoding="utf-8"))


def arena_rows(
    results: dict, measures: Sequence[str] | Mapping[str, str], names: Sequence[str] | None = None
) -> list[dict]:
    """Some columns of the table as text, "mean ± half width", one row for each model.

    Args:
        results: of :func:`arena_results`.
        measures: names of measures, or a dict from these to the headings of their columns.
        names: of models, in the order wanted; default: all.
    """
    found = {row["name"]: row for row in results["rows"]}
    headings, rows = measures if isinstance(measures, Mapping) else {name: name for name in measures}, []
    for name in names or found:
        row = found[name]
        cells = {head: _text(row["measures"].get(measure)) for measure, head in headings.items()}
        failed = f" ({len(row['failed'])} failed)" if row["failed"] else ""
        rows.append({"model": row["label"] + failed, **cells})
    return rows


def _text(measure: dict | None) -> str:
    if measure is None:
        return "–"
    digits = 1 if abs(measure["mean"]) >= 10 else 3 if abs(measure["mean"]) >= 0.1 else 4
    text = f"{measure['mean']:.{digits}f}"
    return text if measure["low"] is None else f"{text} ± {measure['high'] - measure['mean']:.{digits}f}"


def _drop_encoder(model: nn.Module) -> None:
    for part in ("encoder", "top_encoder"):
        if hasattr(model, part):
            setattr(model, part, NoEncoder())

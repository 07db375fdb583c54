"""Checkpoints, and the weights that come with the package: where they lie, and how they are read."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.ladder import LadderVAE
from vae_course.data.text import Tokenizer
from vae_course.files import write_atomically
from vae_course.models.classifier import Classifier
from vae_course.models.conditional import ConditionalVAE
from vae_course.models.gan import Generator
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.one_model import OneModel
from vae_course.models.text import TextVAE
from vae_course.models.vae import VAE, Autoencoder
from vae_course.models.vae_gan import VAEGAN
from vae_course.models.vq_vae import VQVAE, CodePrior

# -------- Checkpoints: state dicts with the configuration that rebuilds the model.

FORMAT = 1
KINDS = {
    kind.__name__: kind
    for kind in (
        VAE,
        Autoencoder,
        ConditionalVAE,
        Generator,
        VAEGAN,
        VQVAE,
        CodePrior,
        HierarchicalVAE,
        LadderVAE,
        TextVAE,
        OneModel,
    )
}


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or belongs to something else."""


def save_checkpoint(path: str | Path, model: nn.Module, *, half: bool = False, **extra) -> None:
    """Save weights and configuration; the file is complete or not there.

    Args:
        path: file to write; folders on the way are made.
        model: a VAE or Autoencoder: its class name and ``config`` are saved with the state dict. Any other
            module can be saved too, but :func:`load_model` cannot rebuild it.
        half: store the weights in half precision: half the size, and about three decimal digits.
        extra: more content: tensors, numbers, strings, lists and dicts of these (nothing that would need
            unpickling code).

    Raises:
        ValueError: a name in ``extra`` is one of the checkpoint's own.
    """
    content = {
        "format": FORMAT,
        "kind": type(model).__name__,
        "config": getattr(model, "config", None),
        "model": model.state_dict(),
    }
    for name in extra.keys() & content.keys():
        raise ValueError(
            f"{name} is written by save_checkpoint itself; choose another name for the extra content."
        )
    if half:
        weights = content["model"].items()
        content["model"] = {k: w.half() if w.is_floating_point() else w for k, w in weights}
    buffer = io.BytesIO()
    torch.save({**content, **extra}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU, without running any code from it (``weights_only``).

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged or was not written by :func:`save_checkpoint`.
    """
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder; give a file in it, such as {path / 'model.pt'}.")
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train a model first or check the path.")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            damaged = archive.testzip()
        if damaged:
            raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise nearly anything
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint (damaged, or not a file of plain weights); "
            f"delete it and train again."
        ) from error
    if (
        not isinstance(content, dict)
        or content.get("format") != FORMAT
        or not {"kind", "config", "model"} <= content.keys()
    ):
        raise CheckpointError(
            f"{path} is not a checkpoint of this course (format {FORMAT}); use one that fit or "
            f"save_checkpoint wrote."
        )
    return content


def load_model(path: str | Path) -> nn.Module:
    """Rebuild the model of a checkpoint with its weights, on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError, CheckpointError: as :func:`load_checkpoint`, or the weights do not fit.
    """
    content = load_checkpoint(path)
    if content["kind"] not in KINDS:
        raise CheckpointError(f"{path} holds a {content['kind']}; expected one of {', '.join(KINDS)}.")
    try:
        model = KINDS[content["kind"]](**content["config"])
        model.load_state_dict(content["model"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the weights in {path} do not fit the configuration saved with them."
        ) from error
    return model.eval()


# -------- The classifiers that come with the package: one judge for everybody, so that numbers can be
# compared.

WEIGHTS = Path(__file__).parent / "weights"


def classifier_path(name: str) -> Path:
    """Where the shipped classifier of a data set lies."""
    return WEIGHTS / f"classifier_{name}.pt"


def shipped_classifiers() -> list[str]:
    """Names of the data sets that have a shipped classifier."""
    return sorted(path.stem.removeprefix("classifier_") for path in WEIGHTS.glob("classifier_*.pt"))


def save_classifier(path: str | Path, model: Classifier, **about) -> None:
    """Write a classifier with half-precision weights; the file is complete or not there.

    Args:
        path: file to write.
        model: the classifier.
        about: numbers and strings that say how it was made.
    """
    state = {name: value.detach().cpu().half() for name, value in model.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "config": model.config, "about": about, "model": state}, buffer)
    write_atomically(path, buffer.getvalue())


def read_classifier(path: str | Path) -> Classifier:
    """A classifier that :func:`save_classifier` wrote: float32, on the CPU, in evaluation mode, frozen.

    Raises:
        ValueError: there is no such file, or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no classifier {path}; make one with python -m recipes.classifier.")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT or "config" not in content:
        raise ValueError(f"{path} does not hold a classifier of this course; make it again.")
    model = Classifier(**content["config"])
    model.load_state_dict({name: value.float() for name, value in content["model"].items()})
    return model.eval().requires_grad_(False)


def load_classifier(name: str) -> Classifier:
    """The shipped classifier of a data set, a judge of its pictures; it was trained on the training part.

    Args:
        name: "digits", "mnist" or "fashion_mnist"; "binarized_mnist" is judged by that of "mnist".

    Raises:
        ValueError: no classifier of that name comes with the package.
    """
    path = classifier_path("mnist" if name == "binarized_mnist" else name)
    if not path.is_file():
        known = ", ".join(shipped_classifiers()) or "none"
        raise ValueError(
            f"there is no shipped classifier for {name!r}; there are: {known}. "
            f"Train one with evaluation.train_classifier(data)."
        )
    return read_classifier(path)


# -------- The arena: eight generative models, trained on the same pictures to be judged by the same measures.
#
# ``python -m recipes.arena`` makes the weights and the table; here they are read.

FOLDER = Path(__file__).parent / "weights" / "arena"
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
        raise ValueError(f"there is no table {TABLE}; make it: python -m recipes.arena")
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


# -------- The models of chapter 11's ablation, as they come with the package.
#
# ``python -m recipes.ablation`` makes them; here they are read.

ABLATION_FOLDER = Path(__file__).parent / "weights" / "ablation"
ABLATION_TABLE = ABLATION_FOLDER / "ablation.json"
STAGES = ("pixel", "feature", "adversary")
SHIPPED_SEEDS = (0, 1, 2)


def load_ablation(stage: str, seed: int = 0) -> VAE:
    """The VAE of one stage: trained by its pixels, by learned features, or by these and an adversary.

    Args:
        stage: one of ``STAGES``.
        seed: one of ``SHIPPED_SEEDS``.

    Raises:
        ValueError: there is no such model.
    """
    path = ABLATION_FOLDER / f"{stage}_{seed}.pt"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in ABLATION_FOLDER.glob("*.pt"))) or "none"
        raise ValueError(f"the ablation has no {stage!r} with seed {seed}; shipped are: {known}.")
    return read_arena(path).model


def ablation_results() -> dict:
    """Settings of the stages and what was measured of every run, those that failed included."""
    if not ABLATION_TABLE.is_file():
        raise ValueError(f"there is no table {ABLATION_TABLE}; make it: python -m recipes.ablation")
    return json.loads(ABLATION_TABLE.read_text(encoding="utf-8"))


# -------- The text models that come with the package.


def text_model_path(name: str, seed: int = 0) -> Path:
    """Where the shipped text model of a data set and a seed lies."""
    return WEIGHTS / f"text_{name}_{seed}.pt"


def save_text_model(path: str | Path, model: TextVAE, tokenizer: Tokenizer, **about) -> None:
    """Write a text model in half precision with its vocabulary; the file is complete or not there."""
    vocabulary = {"kind": tokenizer.kind, "tokens": list(tokenizer.vocabulary)}
    save_checkpoint(path, model, half=True, vocabulary=vocabulary, about=about)


def load_text_model(name: str, seed: int = 0) -> tuple[TextVAE, Tokenizer]:
    """A shipped text VAE and the tokenizer whose numbers it understands.

    Read data for it with ``load(name, part).with_tokenizer(tokenizer)``: a list that was downloaded later may
    give another vocabulary.

    Args:
        name: "names", "sentences", "invented_names" or "invented_sentences".
        seed: which of the runs.

    Raises:
        ValueError: there is no such model.
    """
    path = text_model_path(name, seed)
    if not path.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("text_") for file in WEIGHTS.glob("text_*.pt")))
        raise ValueError(
            f"there is no shipped text model {name}_{seed}; there are: {known or 'none'}. Train one with "
            f"python -m recipes.text_models {name}."
        )
    vocabulary = load_checkpoint(path)["vocabulary"]
    return load_model(path), Tokenizer(vocabulary["kind"], tuple(vocabulary["tokens"]))


# -------- The shipped convolutional VAEs of 64×64 photographs; see weights/README.md for the commands.


def photograph_models() -> list[str]:
    """Names of the data sets that have a shipped VAE of photographs."""
    return sorted(path.stem.removeprefix("photographs_") for path in WEIGHTS.glob("photographs_*.pt"))


def load_photograph_model(name: str) -> VAE:
    """The shipped VAE of a data set of 64×64 color pictures, in evaluation mode, on the CPU.

    Its likelihood is the discretized logistic, so −ELBO / (12,288 log 2) is bits per dimension.

    Args:
        name: "stanford_dogs", "celeba" or "faces_synthetic".

    Raises:
        FileNotFoundError: there is none for that name.
    """
    path = WEIGHTS / f"photographs_{name}.pt"
    if not path.is_file():
        known = ", ".join(photograph_models()) or "none"
        raise FileNotFoundError(f"there is no shipped model of photographs named {name}; there are: {known}.")
    return load_model(path)


# -------- The shipped VAEs of the synthetic faces; see weights/README.md for the command.

SEEDS = (0, 1, 2)


def load_face_model(seed: int = 0) -> VAE:
    """A convolutional VAE of ``load("faces_synthetic")``, 16 latent dimensions, learned σ, on the CPU.

    Args:
        seed: 0, 1 or 2: three runs of the same command; 0 and 1 were cut short (22 and 12 of 24 epochs).

    Raises:
        ValueError: another seed.
    """
    if seed not in SEEDS:
        raise ValueError(f"there is no shipped model of synthetic faces with seed {seed}; there are {SEEDS}.")
    return load_model(WEIGHTS / f"faces_synthetic_{seed}.pt")


# -------- The models of stacked digits (1,000 modes) in chapter 06.

STACKED = Path(__file__).parent / "weights" / "stacked"


def stacked_path(name: str, seed: int) -> Path:
    """Where the shipped weights of a model lie."""
    return STACKED / f"{name}_{seed}.pt"


def load_stacked(name: str, seed: int) -> Generator:
    """A shipped generator of stacked digits, float32, on the CPU.

    Args:
        name: "vae" (its decoder), "gan" or "gan_r1" (with the gradient penalty).
        seed: 0, 1 or 2.

    Raises:
        FileNotFoundError: there are no such weights.
    """
    return load_model(stacked_path(name, seed)).float()


# -------- The sweeps over latent sizes of chapter 08.


def shipped_sweep(name: str) -> list[dict]:
    """The records of the sweep that comes with the course, as ``training.sweep.run_sweep`` gives them.

    Args:
        name: "mnist" or "fashion_mnist".

    Raises:
        ValueError: there is none of that name.
    """
    path = WEIGHTS / f"sweep_{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("sweep_") for file in WEIGHTS.glob("sweep_*.json")))
        raise ValueError(f"no sweep of {name!r} comes with the course; there are: {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


# -------- One model for every β and latent size.


def load_one_model(name: str | Path) -> OneModel:
    """A OneModel from a file, or the one that comes with the course for a data set, in evaluation mode.

    Args:
        name: "mnist", "fashion_mnist" or "digits", or the path of a file that ``recipes.one_model`` wrote.

    Raises:
        FileNotFoundError: there is neither such a data set nor such a file.
        CheckpointError: the file holds something else.
    """
    path = WEIGHTS / f"one_model_{name}.pt"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        known = sorted(part.stem.removeprefix("one_model_") for part in WEIGHTS.glob("one_model_*.pt"))
        raise FileNotFoundError(
            f"there is no model for all settings named {name}; give one of {', '.join(known)}, or the path "
            f"of a file that python -m recipes.one_model wrote."
        )
    model = load_model(path)
    if not isinstance(model, OneModel):
        raise CheckpointError(f"{path} holds a {type(model).__name__}; expected a OneModel.")
    return model

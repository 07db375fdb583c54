"""Files of weights: how they are written, read and checked, and all that come with the package.

``load_model`` reads a file of one's own; the other loaders read the shipped ones, which the table ``SHIPPED``
names. weights/README.md says how each was made. Models come back in float32, on the CPU, in evaluation mode.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vae_course import models
from vae_course.files import write_atomically
from vae_course.models.networks import plain

if TYPE_CHECKING:
    from vae_course.data.text import Tokenizer

FORMAT = 1
# Models that a file may hold; each is imported when a file holds one.
KINDS = tuple(
    "VAE Autoencoder GaussianVAE HierarchicalVAE VAEGAN VQVAE CodePrior Generator Discriminator "
    "TextVAE OneModel Classifier LetterVAE NeighborDecoder".split()
)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or belongs to something else."""


def save_checkpoint(path: str | Path, model: nn.Module, **extra) -> None:
    """Save weights and configuration; the file is complete or not there, and folders on the way are made.

    The class name and ``config`` of any module are saved with its state dict; :func:`load_model` rebuilds the
    ``KINDS``. ``extra`` is more content: tensors, numbers, strings, lists and dicts; else TypeError.
    """
    content = {"format": FORMAT, "kind": type(model).__name__, "model": dict(model.state_dict())}
    for name in extra.keys() & {*content, "config", "stored", "without"}:
        raise ValueError(f"{name} is written by save_checkpoint itself; choose another name.")
    extra["config"] = getattr(model, "config", None)
    content |= {name: _storable(value, name) for name, value in extra.items()}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def _as_float(stored: Tensor | Mapping[str, Tensor]) -> Tensor:
    if torch.is_tensor(stored):
        return stored
    return (stored["int8"].flatten(1) * stored["scale"]).reshape(stored["int8"].shape)


def _storable(value: Any, name: str) -> Any:
    value = plain(value) if not isinstance(value, (list, tuple)) else value
    if value is None or isinstance(value, (bool, int, float, str, Tensor)):
        return value
    if isinstance(value, Mapping):
        return {plain(key): _storable(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_storable(part, f"{name}[{i}]") for i, part in enumerate(value))
    kind = f"{type(value).__name__}, which could not be read again"
    raise TypeError(f"{name} is a {kind}; a checkpoint holds tensors, numbers, text, and lists and dicts.")


def load_checkpoint(path: str | Path) -> dict:
    """The content of a file, or of ``model.pt`` in a folder, on the CPU; no code from it runs.

    Raises FileNotFoundError, or CheckpointError when it is damaged or not of :func:`save_checkpoint`.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.pt"
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train a model first or check the path.")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            damaged = archive.testzip() is not None
            # ... and torch 2.6 fills weights that are marked as a folder with whatever lies in memory.
            damaged |= any(entry.external_attr & 0x10 for entry in archive.infolist())
    except Exception:  # a damaged file can raise nearly anything
        damaged = True
    if damaged:
        why = "it is cut short, damaged, or no checkpoint at all; take an intact copy"
        raise CheckpointError(f"{path} cannot be read: {why}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        more = "holds more than plain weights, numbers and text"
        raise CheckpointError(f"{path} is whole, but {more}: write it with save_checkpoint.") from error
    needed = {"kind", "config", "model"}
    if not isinstance(content, dict) or content.get("format") != FORMAT or not needed <= content.keys():
        raise CheckpointError(f"{path} is not a checkpoint of this course (format {FORMAT}).")
    content["model"] = {name: _as_float(stored) for name, stored in content["model"].items()}
    return content


class LeftOut(nn.Module):
    """Stands where a part of a model was not saved."""

    def forward(self, *_):
        raise ValueError("this part of the model was left out of the shipped file; seed 0 may have it.")


def load_model(path: str | Path, kind: str | None = None) -> nn.Module:
    """Rebuild the model of a file, or of ``model.pt`` in a folder, with its weights. CheckpointError as
    :func:`load_checkpoint`, or another class than ``kind`` (any of ``KINDS``), or weights that do not fit.
    """
    return _rebuilt(load_checkpoint(path), path, KINDS if kind is None else (kind,))


def _rebuilt(content: dict, path: str | Path, kinds: Sequence[str] = KINDS) -> nn.Module:
    if content["kind"] not in kinds:
        raise CheckpointError(f"{path} holds a {content['kind']}; expected {' or '.join(kinds)}.")
    try:
        model = getattr(models, content["kind"])(**content["config"])
        for part in content.get("without", ()):
            setattr(model, part, LeftOut())
        model.load_state_dict(content["model"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"the weights in {path} do not fit the configuration beside them.") from error
    return model.eval()


# What comes with the package: the files of each family, and the seeds of each name. README.md there has the
# commands that made them.

WEIGHTS = Path(__file__).parent / "weights"
ONE, THREE = (0,), (0, 1, 2)
PICTURES = dict.fromkeys(("digits", "mnist", "fashion_mnist"), ONE)
PHOTOGRAPHS = dict.fromkeys(("stanford_dogs", "faces_synthetic"), ONE)
SIGHTS = ("all_code", "all_no_code", "nothing_code", "colors_code", "two_code", "two_no_code")
NEIGHBORS = {f"{name}_{sight}": ONE for name in PHOTOGRAPHS for sight in SIGHTS}
SOUNDS = dict.fromkeys(("spoken_digits", "spoken_digits_synthetic"), ONE)
TEXTS = dict.fromkeys(("names", "invented_names", "sentences", "invented_sentences"), ONE)
TEXTS |= dict.fromkeys(("names_no_code", "invented_names_no_code"), ONE)
ARENA = {
    **dict.fromkeys(("vae_bernoulli", "vae_gaussian", "vae_logistic", "gan"), THREE),
    **dict.fromkeys(("ae", "vae_gan", "vq_vae", "hierarchical"), ONE),
}
SHIPPED = {
    "classifier": ("classifier_{name}.pt", {**PICTURES, "letters": ONE}),
    "model of letters": ("{name}.pt", {"letters": ONE}),
    "reader": ("reader_{name}.pt", {"faces_synthetic": ONE, "celeba": ONE}),
    "model for all settings": ("one_model_{name}.pt", PICTURES),
    "model of photographs": ("photographs_{name}.pt", PHOTOGRAPHS),
    "neighbors": ("neighbors/{name}.pt", NEIGHBORS),
    "model of sound": ("sound/{name}.pt", SOUNDS),
    "model of faces": ("faces_{name}_{seed}.pt", {"synthetic": THREE}),
    "model of CelebA": ("celeba/{name}.pt", dict.fromkeys(("vae", "vae_gan"), ONE)),
    "text model": ("text_{name}_{seed}.pt", TEXTS),
    "arena model": ("arena/{name}_{seed}.pt", ARENA),
    "digit model": ("trio/{name}.pt", dict.fromkeys(("autoencoder", "vae", "gan"), ONE)),
    "sweep": ("size_sweep.json", {**PICTURES, "letters": ONE}),
}


def shipped_file(family: str, name: str, seed: int = 0) -> Path:
    """The file of one of the ``SHIPPED``. Raises ValueError for a name or a seed that does not come along."""
    pattern, known = SHIPPED[family]
    if seed not in known.get(name, ()):
        listed = ", ".join(f"{known_name} ({', '.join(map(str, s))})" for known_name, s in known.items())
        missing = f"there is no shipped {family} {name!r} with seed {seed}"
        raise ValueError(f"{missing}; there are, with their seeds: {listed}.")
    return WEIGHTS / pattern.format(name=name, seed=seed)


def _shipped(family: str, name: str) -> nn.Module:
    return load_model(shipped_file(family, name)).requires_grad_(False)


def _about(family: str, name: str) -> dict:
    return load_checkpoint(shipped_file(family, name))["about"]


def load_classifier(name: str) -> nn.Module:
    """The shipped judge of "digits", "letters", "fashion_mnist", (binarized) "mnist": frozen."""
    return _shipped("classifier", "mnist" if name == "binarized_mnist" else name)


def load_letters() -> nn.Module:
    """The shipped LetterVAE: ``write_alphabet`` from one letter, ``alphabet`` from a style."""
    return load_model(shipped_file("model of letters", "letters"))


def load_trio() -> dict[str, nn.Module]:
    """Three shipped models of MNIST around one decoder: an "autoencoder", a "vae" and a "gan" (Generator)."""
    return {name: _shipped("digit model", name) for name in SHIPPED["digit model"][1]}


def trio_curves() -> dict[str, list[dict]]:
    """What was recorded of each of the three while it was trained, from before its first update."""
    return {name: _about("digit model", name)["curve"] for name in SHIPPED["digit model"][1]}


def load_reader(name: str = "faces_synthetic") -> nn.Module:
    """A shipped reader, frozen: of the factors of drawn faces, or of "celeba", its ``attribute_names``."""
    return _shipped("reader", name)


def load_one_model(name: str | Path) -> nn.Module:
    """The shipped OneModel of "digits", "mnist" or "fashion_mnist", or that of a file or folder."""
    own = name not in PICTURES and Path(name).exists()
    return load_model(name if own else shipped_file("model for all settings", name), "OneModel")


def load_text_model(name: str, seed: int = 0, code: bool = True) -> tuple[nn.Module, Tokenizer]:
    """A shipped TextVAE (without ``code``, the names' twin) and its tokenizer, for ``with_tokenizer``."""
    from vae_course.data.text import Tokenizer

    path = shipped_file("text model", name if code else f"{name}_no_code", seed)
    content = load_checkpoint(path)
    vocabulary = content["vocabulary"]
    return _rebuilt(content, path), Tokenizer(vocabulary["kind"], tuple(vocabulary["tokens"]))


def load_photograph_model(name: str) -> nn.Module:
    """The shipped VAE of 64×64 pictures, discretized logistics: −ELBO / (12,288 log 2) is bits a number."""
    return load_model(shipped_file("model of photographs", name))


def load_neighbors(name: str = "stanford_dogs", sees: str = "all", code: bool = True) -> nn.Module:
    """The shipped NeighborDecoder of these pictures; ``sees`` "all" or "two", with a ``code`` also less: its
    context is the decoded mean of :func:`load_photograph_model` at one code.
    """
    return load_model(shipped_file("neighbors", f"{name}_{sees}_{'code' if code else 'no_code'}"))


def neighbors_record(name: str = "stanford_dogs", sees: str = "all", code: bool = True) -> dict:
    """What was recorded of it: ``curve`` (held-out bits a number, a dict for each pass, from before the first
    update) and, where it sees all, ``samples``: uint8 (8, 3, 64, 64) by the names of the sheet's rows.
    """
    return _about("neighbors", f"{name}_{sees}_{'code' if code else 'no_code'}")


def load_sound_model(name: str = "spoken_digits") -> nn.Module:
    """The shipped GaussianVAE of "spoken_digits" or "spoken_digits_synthetic": spectrograms (2, 64, 64)."""
    return load_model(shipped_file("model of sound", name))


def load_face_model(seed: int = 0) -> nn.Module:
    """A convolutional VAE of ``load("faces_synthetic")``, 16 latent dimensions, learned σ, of three seeds."""
    return load_model(shipped_file("model of faces", "synthetic", seed))


def load_celeba(stage: str = "vae") -> nn.Module:
    """A VAE of 64×64 faces, frozen: "vae", or the same after its game, "vae_gan", with the σ of the first."""
    return _shipped("model of CelebA", stage)


def celeba_record(stage: str = "vae") -> dict:
    """What was recorded of it: ``curve`` (a dict for each pass, from before the first update), and of its
    training codes ``mean`` (64,), ``factor`` (64, 64, a Cholesky factor of their covariance), ``names`` and
    ``directions`` (40, 64): for each attribute the mean code with it minus the mean code without.
    """
    return _about("model of CelebA", stage)


@dataclass(frozen=True)
class ArenaModel:
    """One of eight generative models, trained on the same pictures to be judged by the same measures."""

    name: str
    seed: int
    model: nn.Module  # Autoencoder, VAE, HierarchicalVAE, VQVAE, or a GAN's Generator
    prior: nn.Module | None = None  # the CodePrior of a VQ-VAE
    codes: Sequence[Tensor] | None = None  # of an autoencoder: mean (latent,) and Cholesky factor

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """New pictures (n, C, H, W) in [0, 1]: the decoder's means, never noisy draws of p(x|z)."""
        if self.prior is not None:
            pictures = self.model.sample(n, self.prior, generator)
        elif self.codes is not None:
            mean, factor = self.codes
            z = mean + torch.randn(n, len(mean), generator=generator, device=mean.device) @ factor.T
            pictures = self.model.likelihood.mean(self.model.decode(z))
        else:
            pictures = self.model.sample(n, generator)
        return pictures.clamp(0, 1)


def read_arena(path: str | Path) -> ArenaModel:
    """A contestant of the arena from its file, frozen."""
    content = load_checkpoint(path)
    model, prior, header = _rebuilt(content, path), content.get("prior"), content["arena"]
    if prior is not None:
        prior = _rebuilt({"kind": "CodePrior", **prior}, path).requires_grad_(False)
    return ArenaModel(
        header["name"], header["seed"], model.requires_grad_(False), prior, content.get("codes")
    )


def load_arena(name: str, seed: int = 0) -> ArenaModel:
    """A shipped contestant of ``ARENA``, of Fashion-MNIST: what sampling needs, and "hierarchical" whole."""
    return read_arena(shipped_file("arena model", name, seed))


# Numbers that come with the package.


def shipped_sweep(name: str) -> tuple[list[dict], dict]:
    """Chapter 08's models of "mnist", "fashion_mnist", "digits" or "letters", a record each, and their PCA.

    A record: what was trained (``k``, ``likelihood``, ``seed``, ``sigma`` if fixed, ``longer``, ``warmup``),
    and what was measured; recipes/size_sweep.py says how. PCA: ``k``, ``squared_error``, ``eigenvalues``.
    """
    content = json.loads(shipped_file("sweep", name).read_text(encoding="utf-8"))
    return [run for run in content["runs"] if run["dataset"] == name], content["pca"][name]


def arena_results() -> dict:
    """The table of the arena: settings, and measures of every seed; ``rows`` has an entry for each model,
    whose ``["measures"]["frechet"]`` is a dict of ``values``, ``mean``, ``low`` and ``high`` (95 %), or None.
    """
    return json.loads((WEIGHTS / "arena" / "realism.json").read_text(encoding="utf-8"))

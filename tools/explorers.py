"""What the site's explorers read: files written from the shipped weights when the site is built."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tools.drawing_numbers import drawing, small_digits
from tools.explorer_files import Content, numbers, unpacked, write
from vae_course.evaluation.loss_translator import FAMOUS, effective_beta
from vae_course.weights import celeba_record, load_one_model, shipped_file

PICTURES = ("mnist", "fashion_mnist", "digits")
SHARED = re.compile(r"decoder\.[1-9]\.linear\.weight")
ACTIVATIONS = {nn.GELU: "gelu", nn.SiLU: "silu", nn.ReLU: "relu", nn.Tanh: "tanh"}


def stored(path: Path) -> dict[str, Any]:
    """The weights of a shipped file as they are stored: 8 bits and a scale, or half precision."""
    return torch.load(path, map_location="cpu", weights_only=True)["model"]


def layers(name: str, network: nn.Sequential, side: int) -> list[list]:
    """The list from which layers.js builds a network; ``side`` is that of an encoder's pictures."""
    found, parts, channels = [], list(network), 0
    for number, (layer, following) in enumerate(zip(parts, [*parts[1:], None], strict=True)):
        place = f"{name}.{number}"
        if isinstance(layer, nn.Linear) and channels:  # after a flattened map
            found.append(["flat", place, layer.in_features // channels])
        elif isinstance(layer, nn.Linear):
            # A map to be grown is turned; a picture that is put out at once has one channel, or stays.
            grows = isinstance(following, nn.Unflatten) and following is not parts[-1]
            shape = following.unflattened_size if grows else (1, 1, 1)
            found.append(["linear", place, shape[1] * shape[2]])
        elif isinstance(layer, nn.Conv2d):
            found.append(["halve", place, side])
            channels = layer.out_channels
        elif isinstance(layer, nn.ConvTranspose2d):
            found.append(["double", place])
        elif isinstance(layer, nn.GroupNorm):
            found.append(["norm", place, layer.num_groups])
        elif type(layer) in ACTIVATIONS:
            found.append([ACTIVATIONS[type(layer)]])
    return found


def decoder(model: nn.Module, weights: Mapping[str, Any], **config) -> Content:
    """The decoder of a VAE; ``weights`` are all of it, as they are to be stored."""
    listed = layers("decoder.layers", model.decoder.layers, model.image_shape[-1])
    kept = {name: weights[name] for name in weights if name.startswith("decoder.") or name == "output_offset"}
    shape = {"latent": model.latent_dim, "side": model.image_shape[-1], "channels": model.image_shape[0]}
    return {"decoder": listed, **shape, **config}, kept


def one_model(name: str) -> Content:
    """The model of all β and sizes, eight test pictures, and rate and distortion on a grid of settings."""
    model, seen = load_one_model(name), numbers()[name]
    arrays = stored(shipped_file("model for all settings", name))
    arrays.pop("updates")
    arrays = {key: value for key, value in arrays.items() if not SHARED.match(key)}
    arrays["pictures"] = unpacked(seen["pictures"], 28, 28)
    knots = {part: getattr(model, part) for part in ("size_knots", "beta_knots", "beta_range")}
    grid = {part: seen[part] for part in ("betas", "rate", "distortion", "examples")}
    sizes = {"latent": model.latent_dim, "hidden": model.config["hidden_dims"]}
    return {"beside": f"layers_{name}", **sizes, **knots, **grid}, arrays


def shared_layers(name: str) -> Content:
    """The decoder's large weights, which that model and the pad have in common."""
    kept = stored(shipped_file("model for all settings", name))
    return {}, {key: value for key, value in kept.items() if SHARED.match(key)}


@torch.no_grad()
def pad(name: str) -> Content:
    """The decoder of that model at β = 1 and k = 2 alone, and where the encoder puts test pictures.

    What depends on the setting is constant here: banks are mixed, shifts are in the biases, and gates are
    gains. The large weights lie beside it.
    """
    model, seen = load_one_model(name), numbers()[name]
    kept = stored(shipped_file("model for all settings", name))
    c, banks = (part[0] for part in model.features(torch.tensor([1.0]), torch.tensor([2.0])))
    arrays, listed = {"output_offset": kept["output_offset"]}, []
    for number, layer in enumerate(model.decoder):
        weight, arrays[f"decoder.{number}.linear.bias"] = layer.plain(c, banks)
        if number == 0:
            arrays["decoder.0.linear.weight"] = (weight * model.code_scale(c))[:, :2].contiguous()
        listed.append(["linear", f"decoder.{number}.linear"])
        if layer.gate is not None:
            arrays[f"{number}.gain"] = layer.scale(c)
            listed += [["gelu"], ["gain", f"{number}.gain"]]
    arrays |= {"codes": torch.tensor(seen["codes"]).half(), "labels": torch.tensor(seen["labels"]).byte()}
    return {"beside": f"layers_{name}", "decoder": listed, "side": model.image_shape[-1]}, arrays


def typeface() -> Content:
    """The decoder of letters, the middle of the training styles, and their largest principal directions."""
    seen = numbers()["letters"]
    arrays = stored(shipped_file("model of letters", "letters"))
    arrays = {k: v for k, v in arrays.items() if k.startswith("decoder.") or k == "output_offset"}
    arrays |= {name: torch.tensor(seen[name]) for name in ("center", "directions")}
    return {"latent": len(seen["center"]), "width": 24, "ways": seen["ways"]}, arrays


def drawn_faces() -> Content:
    """The decoder of drawn faces, and how its codes follow the nine factors (least squares)."""
    from vae_course.data.faces import FACTORS
    from vae_course.weights import load_face_model

    seen = numbers()["faces"]
    weights = stored(shipped_file("model of faces", "synthetic", seen["seed"]))
    config, arrays = decoder(load_face_model(seen["seed"]), weights, names=FACTORS)
    arrays |= {"mean": torch.tensor(seen["center"]), "directions": torch.tensor(seen["directions"])}
    arrays["people"] = torch.tensor(seen["people"])
    return config, arrays


def celeba(stage: str) -> Content:
    """A decoder of photographs of faces, the Gaussian fitted to its codes, and its attribute directions."""
    from vae_course.weights import load_celeba

    about = celeba_record(stage)
    config, arrays = decoder(load_celeba(stage), stored(shipped_file("model of CelebA", stage)))
    arrays |= {name: torch.as_tensor(about[name]).half() for name in ("mean", "factor", "directions")}
    return config | {"names": list(about["names"])}, arrays


def loss_translator() -> Content:
    """The famous losses, with their effective β."""
    return {"famous": [asdict(loss) | {"beta": effective_beta(loss)} for loss in FAMOUS]}, {}


FILES: dict[str, Callable[[], Content]] = {
    **{f"one_model_{name}": partial(one_model, name) for name in PICTURES},
    **{f"pad_{name}": partial(pad, name) for name in PICTURES},
    **{f"layers_{name}": partial(shared_layers, name) for name in PICTURES},
    "typeface": typeface,
    "drawn_faces": drawn_faces,
    "celeba_vae": partial(celeba, "vae"),
    "celeba_vae_gan": partial(celeba, "vae_gan"),
    "loss_translator": loss_translator,
    "small_digits": small_digits,
    "drawing": drawing,
}


def write_all(folder: Path) -> None:
    """Write every file of ``FILES`` into ``folder``."""
    for name, content in FILES.items():
        write(folder / f"{name}.bin", *content())

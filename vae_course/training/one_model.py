"""Train one model for every β and latent size, and find those that come with the course."""

import io
import math
from pathlib import Path

import torch
from torch import Tensor

from vae_course.elbo import ElboTerms
from vae_course.files import write_atomically
from vae_course.models.one_model import SMALLEST_SIZE, OneModel
from vae_course.randomness import seed_everything
from vae_course.training.loop import History, fit
from vae_course.weights import FORMAT, CheckpointError, load_checkpoint

WEIGHTS = Path(__file__).parents[1] / "weights"
# Share of the examples that get one of the sizes at which the model has weights of its own (first, those
# between, last), instead of a size drawn log-uniformly: small sizes need the most practice, and the last
# dimensions, which only the large sizes have, would get too little of it.
KNOT_SHARES = (0.10, 0.12, 0.10)
# At the start the largest size comes more often by this much, falling to nothing at a third of the run:
# dimensions that have learned nothing when the KL term arrives are given up for good.
EARLY_LARGEST_SHARE = 0.6


def recipe(dataset: str) -> dict[str, float]:
    """Settings of :func:`fit_one_model` that the shipped weights of a data set were made with."""
    if dataset == "digits":
        return {"epochs": 200, "batch_size": 64, "learning_rate": 3e-3}
    return {"epochs": 40 if dataset == "fashion_mnist" else 72, "batch_size": 256, "learning_rate": 6e-3}


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
        posterior = model.encode(x, beta, k)
        params = model.decode(posterior.sample(generator=generator), beta, k)
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
        settings: of :func:`vae_course.training.loop`; the defaults here are learning_rate 6e-3 with warm-up
            and linear decay, and a KL term that rises over the first half.
    """
    chosen = {"learning_rate": 6e-3, "schedule": "linear", "warmup": 0.05, "kl_warmup": 0.55, **settings}
    total = epochs * -(-len(train) // batch_size)
    return fit(
        model, train, validation, epochs=epochs, batch_size=batch_size, objective=AllSettings(total), **chosen
    )


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
        path: file for the weights in half precision.
        latent_dim, hidden_dims: of the model.
        seed: of weights, order, settings and noise.
        settings: of :func:`fit_one_model`.
    """
    seed_everything(seed)
    model = OneModel.for_data(train, latent_dim=latent_dim, hidden_dims=tuple(hidden_dims))
    fit_one_model(model, train, validation, seed=seed, **settings)
    if path is not None:
        about = {
            name: settings[name] for name in ("epochs", "batch_size", "learning_rate") if name in settings
        }
        save_one_model(path, model, dataset=train.name, examples=len(train), seed=seed, **about)
    return model


def save_one_model(path: str | Path, model: OneModel, **about) -> None:
    """Write weights in half precision and the configuration; the file is complete or not there.

    Args:
        path: file to write.
        model: its weights are not changed.
        about: how it was made: numbers and strings.
    """
    state = {
        name: part.half() if part.is_floating_point() else part for name, part in model.state_dict().items()
    }
    state = {name: part.cpu() for name, part in state.items()}
    content = {"format": FORMAT, "kind": "OneModel", "config": model.config, "model": state, "about": about}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def load_one_model(name: str | Path) -> OneModel:
    """A OneModel from a file, or the one that comes with the course for a data set.

    Args:
        name: "mnist", "fashion_mnist" or "digits", or the path of a file that ``recipes.one_model`` wrote.

    Returns:
        The model in float32, on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError: there is neither such a data set nor such a file.
        CheckpointError: the file holds something else.
    """
    path = WEIGHTS / f"one_model_{name}.pt"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        known = ", ".join(
            sorted(part.stem.removeprefix("one_model_") for part in WEIGHTS.glob("one_model_*.pt"))
        )
        raise FileNotFoundError(
            f"there is no model for all settings named {name}; give one of {known}, or the path of a file "
            f"that python -m recipes.one_model wrote."
        )
    content = load_checkpoint(path)
    if content["kind"] != "OneModel":
        raise CheckpointError(f"{path} holds a {content['kind']}; expected a OneModel.")
    try:
        model = OneModel(**content["config"])
        model.load_state_dict(content["model"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"the weights in {path} do not fit the configuration saved with them."
        ) from error
    return model.eval()

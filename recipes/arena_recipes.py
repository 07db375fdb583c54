"""How each contestant of the arena is trained.

No setting was chosen on test pictures. On validation pictures were chosen: the learning rate of the VAEs
(0.002, 0.004 and 0.008 tried with the Bernoulli likelihood, then used for all and the autoencoder) and the
weights of the VAE-GAN. GAN and VQ-VAE run with their first settings.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from recipes.gan import fit_gan
from recipes.shipping import ship
from recipes.vae_gan import fit_vae_gan, plain
from recipes.vq_vae import fit_prior, vq_terms
from vae_course.models.gan import VAEGAN, Discriminator, Generator
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.vae import VAE, Autoencoder
from vae_course.models.vq_vae import VQVAE, CodePrior
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.weights import ArenaModel

LATENT_DIM = 32
DECODER = {"architecture": "conv", "latent_dim": LATENT_DIM, "hidden_dims": (32, 64), "activation": "gelu"}
SCHEDULE = {"schedule": "linear", "warmup": 0.05, "kl_warmup": 0.0}  # a recipe's own setting comes first
RECIPES = {
    "ae": {"batch_size": 128, "learning_rate": 8e-3},
    "vae_bernoulli": {"batch_size": 128, "learning_rate": 8e-3, "kl_warmup": 0.3},
    "vae_gaussian": {"batch_size": 128, "learning_rate": 8e-3, "kl_warmup": 0.3},
    "vae_logistic": {"batch_size": 128, "learning_rate": 8e-3, "kl_warmup": 0.3},
    "gan": {"batch_size": 64, "learning_rate": 1e-3, "penalty": 0.2},
    "vae_gan": {
        "batch_size": 64,
        "learning_rate": 1e-3,
        "pixel_weight": 0.0,
        "feature_weight": 0.1,
        "adversary_weight": 300.0,
        "penalty": 0.2,
    },
    "vq_vae": {
        "batch_size": 128,
        "learning_rate": 4e-3,
        "n_codes": 128,
        "code_dim": 16,
        "decay": 0.97,
        "commitment": 0.25,
        "prior_learning_rate": 4e-3,
        "prior_hidden": 128,
    },
    "hierarchical": {"batch_size": 128, "learning_rate": 8e-3, "kl_warmup": 0.5, "top_dim": 16},
}
LIKELIHOODS = {
    "vae_bernoulli": "bernoulli",
    "vae_gaussian": "gaussian_learned",
    "vae_logistic": "discretized_logistic",
    "vq_vae": "bernoulli",
    "hierarchical": "bernoulli",
}
QUIET = {"device": "cpu", "progress": False}
LABELS = {
    "ae": "Autoencoder, Gaussian fitted to its codes",
    "vae_bernoulli": "VAE, Bernoulli",
    "vae_gaussian": "VAE, Gaussian with learned σ",
    "vae_logistic": "VAE, discretized logistic",
    "gan": "GAN",
    "vae_gan": "VAE-GAN",
    "vq_vae": "VQ-VAE with a prior over its letters",
    "hierarchical": "VAE with two layers of z",
}


def train(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    """Train one contestant on ``epochs`` passes through ``data``.

    Args:
        name: one of ``RECIPES``.
        seed: of weights, order and noise.
        data: ImageData.
        epochs: passes; every network of the contestant sees epochs · len(data) pictures.
        settings: as in ``RECIPES``.

    Raises:
        TrainingDiverged: a loss became NaN or infinite.
    """
    seed_everything(seed)
    return TRAINERS[name](name, seed, data, epochs, dict(settings))


def save_arena(path: str | Path, entry: ArenaModel, *, int8: bool = False, without=(), **about) -> None:
    """Write a contestant in half precision, or smaller still (see ``ship``).

    Args:
        path: file to write.
        entry: the contestant; not changed.
        int8, without: as for ``ship``.
        about: numbers, strings, lists and dicts that say how it was made.
    """
    extra = {}
    if entry.prior is not None:
        state = {name: value.half() for name, value in entry.prior.state_dict().items()}
        extra["prior"] = {"config": entry.prior.config, "model": state}
    if entry.codes is not None:
        extra["codes"] = list(entry.codes)
    header = {"name": entry.name, "seed": entry.seed, **about}
    ship(path, entry.model, int8=int8, without=without, arena=header, **extra)


def fit_codes(model: Autoencoder, data, batch_size: int = 1000) -> tuple[Tensor, Tensor]:
    """Mean and Cholesky factor of the covariance of an autoencoder's codes: a Gaussian to draw from."""
    with torch.no_grad():
        parts = [model.encode(data.batch(part)) for part in torch.arange(len(data)).split(batch_size)]
    codes = torch.cat(parts).double()
    jitter = 1e-6 * torch.eye(codes.shape[1], dtype=torch.float64)
    factor = torch.linalg.cholesky(torch.cov(codes.T) + jitter)
    return codes.mean(0).float(), factor.float()


def _autoencoder(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    model = Autoencoder.for_data(data, **DECODER)
    fit(model, data, epochs=epochs, seed=seed, eval_examples=1, **SCHEDULE | QUIET | settings)
    return ArenaModel(name, seed, model, codes=fit_codes(model, data))


def _vae(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    model = VAE.for_data(data, likelihood=LIKELIHOODS[name], **DECODER)
    fit(model, data, epochs=epochs, seed=seed, eval_examples=1, **SCHEDULE | QUIET | settings)
    return ArenaModel(name, seed, model)


def _hierarchical(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    top_dim = settings.pop("top_dim")
    model = HierarchicalVAE.for_data(data, likelihood=LIKELIHOODS[name], top_dim=top_dim, **DECODER)
    fit(model, data, epochs=epochs, seed=seed, eval_examples=1, **SCHEDULE | QUIET | settings)
    return ArenaModel(name, seed, model)


def _gan(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    generator = Generator.for_data(data, **DECODER)
    discriminator = Discriminator(data.shape, DECODER["hidden_dims"])
    steps = epochs * -(-len(data) // settings["batch_size"])
    fit_gan(generator, discriminator, data, steps=steps, seed=seed, **QUIET, **settings)
    return ArenaModel(name, seed, generator)


def _vae_gan(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    model = VAEGAN.for_data(data, **DECODER)
    fit_vae_gan(model, data, epochs=epochs, seed=seed, eval_examples=1, **QUIET, **settings)
    return ArenaModel(name, seed, plain(model))


def _vq_vae(name: str, seed: int, data, epochs: int, settings: dict) -> ArenaModel:
    prior_rate, width = settings.pop("prior_learning_rate"), settings.pop("prior_hidden")
    built = {key: settings.pop(key) for key in ("n_codes", "code_dim", "decay", "commitment")}
    shape = {key: DECODER[key] for key in ("hidden_dims", "activation")}
    model = VQVAE.for_data(data, likelihood=LIKELIHOODS[name], **shape, **built)
    chosen = {**SCHEDULE, **QUIET, "epochs": epochs, "seed": seed, "eval_examples": 1}
    fit(model, data, objective=vq_terms, **chosen | settings)
    prior = CodePrior(model.n_codes, model.side, hidden=width, embedding=16)
    fit_prior(prior, model, data, batch_size=settings["batch_size"], learning_rate=prior_rate, **chosen)
    return ArenaModel(name, seed, model, prior=prior)


TRAINERS: dict[str, Callable[..., ArenaModel]] = {
    "ae": _autoencoder,
    "vae_bernoulli": _vae,
    "vae_gaussian": _vae,
    "vae_logistic": _vae,
    "gan": _gan,
    "vae_gan": _vae_gan,
    "vq_vae": _vq_vae,
    "hierarchical": _hierarchical,
}


def decoder_parameters() -> int:
    """Learnable numbers of the decoder that all contestants but the VQ-VAE share."""
    with torch.device("meta"):
        return sum(p.numel() for p in VAE(**DECODER).decoder.parameters())

"""Shared code of the VAE course: models, training, measures, plots and widgets.

One convention holds everywhere: values are in **nats per example**, summed over features and latent
dimensions and averaged over the batch; ``log_var`` is log σ²; images are float32 in [0, 1] of shape
``(batch, channel, height, width)``.

Names are loaded when they are first used, so that ``import vae_course`` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "load": "vae_course.data",
    "ImageData": "vae_course.data",
    "DataError": "vae_course.data",
    "GaussianPosterior": "vae_course.posterior",
    "Bernoulli": "vae_course.likelihoods",
    "Gaussian": "vae_course.likelihoods",
    "ElboTerms": "vae_course.elbo",
    "elbo_terms": "vae_course.elbo",
    "VAE": "vae_course.models",
    "Autoencoder": "vae_course.models",
    "fit": "vae_course.training",
    "History": "vae_course.training",
    "TrainingDiverged": "vae_course.training",
    "load_model": "vae_course.training",
    "load_one_model": "vae_course.training",
    "save_checkpoint": "vae_course.training",
    "seed_everything": "vae_course.training",
    "evaluate": "vae_course.evaluation",
    "importance_weighted_bound": "vae_course.evaluation",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'vae_course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

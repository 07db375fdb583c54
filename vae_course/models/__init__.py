"""Autoencoder and variational autoencoder, fully connected or convolutional."""

from vae_course.models.autoencoder import Autoencoder
from vae_course.models.conv import ConvDecoder, ConvEncoder
from vae_course.models.linear_gaussian import LinearGaussianVAE, principal_component_model
from vae_course.models.mlp import MLPDecoder, MLPEncoder
from vae_course.models.multirate import OneModel
from vae_course.models.vae import VAE

__all__ = [
    "VAE",
    "Autoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "LinearGaussianVAE",
    "MLPDecoder",
    "MLPEncoder",
    "OneModel",
    "principal_component_model",
]

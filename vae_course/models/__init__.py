"""Autoencoder, variational autoencoder and GAN, fully connected or convolutional."""

from vae_course.models.autoencoder import Autoencoder
from vae_course.models.code_prior import CodePrior
from vae_course.models.codebook import Codebook
from vae_course.models.conditional import ConditionalVAE
from vae_course.models.conv import ConvDecoder, ConvEncoder
from vae_course.models.gan import Discriminator, Generator
from vae_course.models.gaussian_vae import GaussianVAE
from vae_course.models.hierarchical import HierarchicalVAE
from vae_course.models.ladder import LadderVAE
from vae_course.models.linear_gaussian import LinearGaussianVAE, principal_component_model
from vae_course.models.mlp import MLPDecoder, MLPEncoder
from vae_course.models.multirate import OneModel
from vae_course.models.text_vae import TextVAE
from vae_course.models.vae import VAE
from vae_course.models.vae_gan import VAEGAN
from vae_course.models.vq_vae import VQVAE, perplexity, vq_terms

__all__ = [
    "VAE",
    "VAEGAN",
    "VQVAE",
    "Autoencoder",
    "CodePrior",
    "Codebook",
    "ConditionalVAE",
    "ConvDecoder",
    "ConvEncoder",
    "Discriminator",
    "GaussianVAE",
    "Generator",
    "HierarchicalVAE",
    "LadderVAE",
    "LinearGaussianVAE",
    "MLPDecoder",
    "MLPEncoder",
    "OneModel",
    "TextVAE",
    "perplexity",
    "principal_component_model",
    "vq_terms",
]

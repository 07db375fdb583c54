"""Networks: autoencoder, VAE and their relatives, fully connected or convolutional."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "classifier": "Classifier",
        "gan": "Discriminator Generator",
        "hierarchical": "HierarchicalVAE",
        "letters": "alphabet_terms LetterVAE",
        "linear_gaussian": "covariance_spectrum LinearGaussianVAE principal_component_model subspace_angle "
        "water_filling",
        "neighbors": "NeighborDecoder",
        "one_model": "OneModel",
        "points": "PointVAE SideBySide",
        "text": "TextVAE",
        "vae": "Autoencoder GaussianVAE VAE",
        "vae_gan": "VAEGAN",
        "vq_vae": "Codebook CodePrior perplexity VQVAE",
    },
)

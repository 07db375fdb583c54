"""Networks: autoencoder, VAE and their relatives, fully connected or convolutional."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "gan": "Discriminator Generator VAEGAN",
        "hierarchical": "HierarchicalVAE",
        "letters": "alphabet_terms LetterVAE",
        "neighbors": "NeighborDecoder",
        "networks": "Classifier",
        "one_model": "OneModel",
        "text": "TextVAE",
        "toys": "covariance_spectrum LinearGaussianVAE PointVAE principal_component_model SideBySide "
        "subspace_angle water_filling",
        "vae": "Autoencoder GaussianVAE VAE",
        "vq_vae": "Codebook CodePrior perplexity VQVAE",
    },
)

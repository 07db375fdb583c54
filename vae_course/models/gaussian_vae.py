"""A VAE for real numbers instead of pixels: spectrograms and table rows."""

from collections.abc import Sequence

from vae_course.likelihoods import GaussianPerFeature
from vae_course.models.vae import VAE


class GaussianVAE(VAE):
    """The course's VAE with a learned σ for each frequency or column instead of one for all.

    For features that were scaled to mean 0 and standard deviation 1 (``FeatureData``). The networks are those
    of :class:`VAE`: a spectrogram is a picture with 2 channels, a row of D columns a picture of (1, 1, D).

    Args:
        image_shape: (C, H, W) of one example.
        sigma_shape: shape of σ, to be broadcast against ``image_shape``.
        latent_dim, hidden_dims, architecture, activation: as for :class:`VAE`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        sigma_shape: Sequence[int] = (1, 1, 1),
        latent_dim: int = 20,
        hidden_dims: Sequence[int] | None = None,
        architecture: str = "mlp",
        activation: str = "gelu",
    ):
        super().__init__(image_shape, latent_dim, hidden_dims, "gaussian", architecture, activation)
        self.likelihood = GaussianPerFeature(sigma_shape)
        del self.config["likelihood"]
        self.config["sigma_shape"] = list(sigma_shape)

    def center_on(self, data):
        """Nothing to do: the features have mean 0 already. Returns the model itself."""
        return self

    @classmethod
    def for_data(cls, data, **arguments):
        """A new model for a data set: shape and σ's shape come from it.

        Args:
            data: FeatureData (SoundData, TableData), the training part.
            arguments: everything but ``image_shape`` and ``sigma_shape``.
        """
        return cls(image_shape=data.shape, sigma_shape=data.sigma_shape, **arguments)

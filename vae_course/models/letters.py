"""A VAE of typefaces: it sees one letter and writes the whole alphabet in the same style."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course import likelihoods
from vae_course.elbo import ElboTerms, GaussianPosterior, elbo_terms
from vae_course.models.networks import as_codes, as_images, keeps_config

N_LETTERS, SIDE = 26, 32


class Encoder(nn.Module):
    """A picture and its letter → mean and log σ² of its style, (batch, 2 · latent)."""

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        sizes = ((1, width), (width, 2 * width), (2 * width, 4 * width))
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in sizes)
        self.letter = nn.Embedding(N_LETTERS, 64 * width)  # added to what is seen of the picture
        self.head = nn.Sequential(nn.Linear(64 * width, 256), nn.GELU(), nn.Linear(256, 2 * latent_dim))

    def forward(self, x: Tensor, letter: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.gelu(layer(x))
        return self.head(x.flatten(1) + self.letter(letter))


class Block(nn.Module):
    """A convolution of features that style and letter scale and shift; they can also pass around it."""

    def __init__(self, size: int, channels: int):
        super().__init__()
        self.modulate = nn.Linear(size, 2 * channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.modulate(style)[:, :, None, None].chunk(2, dim=1)
        return x + self.conv(F.gelu(x * (1 + scale) + shift))


class Decoder(nn.Module):
    """A style and a letter → what is added to the letter's mean picture, (batch, 1, 32, 32)."""

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.letter = nn.Embedding(N_LETTERS, latent_dim)
        self.first = nn.Sequential(nn.Linear(2 * latent_dim, 256), nn.GELU())
        self.start = nn.Linear(256, 64 * width)
        self.blocks = nn.ModuleList(Block(256, channels) for channels in (4 * width, 2 * width, width))
        sizes = ((4 * width, 2 * width), (2 * width, width), (width, 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in sizes)

    def forward(self, z: Tensor, letter: Tensor) -> Tensor:
        style = self.first(torch.cat([z, self.letter(letter)], dim=1))
        x = self.start(style).view(len(z), -1, 4, 4)
        for block, up in zip(self.blocks, self.up, strict=True):
            x = up(F.gelu(block(x, style)))
        return x


class LetterVAE(nn.Module):
    """p(y|z, target) through p(z) = N(0, I) and q(z|x, letter): z is the style of a face.

    The picture that is judged, y, need not be the one that was seen, x: a bound of log p(y) holds for every q
    that z is drawn from. With another letter of the same face as y, only what the letters share can help. A
    batch is (x, letter, y, target): pictures (batch, 1, 32, 32) in [0, 1] and letters 0 to 25, int64
    (batch,). Layers nearest to the pictures have ``width`` channels, others twice and four times as many.
    """

    image_shape = (1, SIDE, SIDE)

    @keeps_config
    def __init__(self, latent_dim: int = 32, width: int = 24, likelihood: str = "bernoulli"):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder, self.decoder = Encoder(latent_dim, width), Decoder(latent_dim, width)
        self.likelihood = likelihoods.make(likelihood)
        self.register_buffer("input_mean", torch.zeros(N_LETTERS, *self.image_shape))
        self.register_buffer("output_offset", torch.zeros(N_LETTERS, *self.image_shape))

    def encode(self, batch: tuple[Tensor, ...]) -> GaussianPosterior:
        """q(z|x, letter) of the first two parts of a batch."""
        x, letter = as_images(batch[0], self), batch[1]
        return GaussianPosterior.from_network(self.encoder(x - self.input_mean[letter], letter))

    def decode(self, z: Tensor, target: Tensor) -> Tensor:
        """Parameters of p(y|z, target): z (..., batch, latent), target (batch,) → (..., batch, 1, 32, 32)."""
        z = as_codes(z, self.latent_dim, self.input_mean)
        target = target.expand(z.shape[:-1])
        flat = self.decoder(z.reshape(-1, self.latent_dim), target.reshape(-1))
        return flat.view(*z.shape[:-1], *self.image_shape) + self.output_offset[target]

    def log_likelihood(self, batch: tuple[Tensor, ...], z: Tensor) -> Tensor:
        """log p(y|z, target) in nats, summed over pixels: the last two parts of a batch → (..., batch)."""
        return self.likelihood.log_prob(as_images(batch[2], self), self.decode(z, batch[3]))

    @torch.no_grad()
    def alphabet(self, z: Tensor) -> Tensor:
        """The decoder's mean for every letter: styles (n, latent) → (n, 26, 1, 32, 32), in [0, 1]."""
        letters = torch.arange(N_LETTERS, device=z.device).repeat(len(z))
        pictures = self.likelihood.mean(self.decode(z.repeat_interleave(N_LETTERS, 0), letters))
        return pictures.clamp(0, 1).view(len(z), N_LETTERS, *self.image_shape)

    @torch.no_grad()
    def write_alphabet(self, letter: Tensor, label: int | Tensor) -> Tensor:
        """The alphabet of the face of one letter, picture (1, 32, 32) in [0, 1], at the posterior's mean:
        (26, 1, 32, 32), or (n, 26, 1, 32, 32) of several; ``label``: which it is, 0 to 25.
        """
        several = letter if letter.ndim == 4 else letter[None]
        labels = torch.as_tensor(label, device=letter.device).expand(len(several))
        written = self.alphabet(self.encode((several, labels)).mean)
        return written if letter.ndim == 4 else written[0]


def alphabet_terms(model: LetterVAE, batch, generator: torch.Generator | None = None) -> ElboTerms:
    """−ELBO of a face's 26 letters given one of them, for each letter: the objective for ``fit``.

    log p(y_1, …, y_26) ≥ Σ_c E_q[log p(y_c|z, c)] − KL(q(z|x) ‖ p(z)), divided by 26; the mean over letters
    is estimated by the one target of each example.
    """
    terms = elbo_terms(model, batch, generator)
    return ElboTerms(terms.reconstruction, terms.kl / N_LETTERS, terms.kl_per_dimension / N_LETTERS)

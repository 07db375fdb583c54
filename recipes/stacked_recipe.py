"""Recipe and shipped weights of the models of stacked digits (1,000 modes) in chapter 06."""

from __future__ import annotations

from pathlib import Path

from vae_course.models.gan import Discriminator, Generator
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.adversarial import fit_gan
from vae_course.training.loop import fit
from vae_course.weights import save_checkpoint

LATENT_DIM, CHANNELS = 32, (32, 64)
EXAMPLES, PASSES, BATCH_SIZE = 20_000, 3, 64
# What differs between the models; the rest of the recipe is shared.
GANS = {
    "gan": {},
    "gan_r1": {"penalty": 1.0, "penalty_every": 4},
}
MODELS = ("vae", *GANS)
VAE_RATE, GAN_RATE = 2e-3, 1e-3
SEEDS = (0, 1, 2)


def train_stacked(
    name: str, seed: int, data, checkpoint: Path | None = None, passes: int = PASSES
) -> Generator:
    """Train one model and return what it samples with: the generator, or the VAE's decoder as one.

    Args:
        name: one of ``MODELS``.
        seed: of weights, order and noise.
        data: ImageData of three channels.
        checkpoint: file from which an interrupted run goes on.
        passes: through ``data``.

    Raises:
        TrainingDiverged: a loss is no longer finite.
    """
    arguments = {"latent_dim": LATENT_DIM, "hidden_dims": CHANNELS, "architecture": "conv"}
    shared = {"batch_size": BATCH_SIZE, "seed": seed, "device": "cpu", "checkpoint": checkpoint}
    shared["resume"] = checkpoint is not None
    seed_everything(seed)
    generator = Generator.for_data(data, **arguments)
    if name == "vae":
        vae = VAE.for_data(data, **arguments)
        fit(
            vae,
            data,
            epochs=passes,
            learning_rate=VAE_RATE,
            schedule="linear",
            warmup=0.0,
            kl_warmup=0.0,
            eval_examples=500,
            **shared,
        )
        generator.decoder.load_state_dict(vae.decoder.state_dict())
        return generator.eval()
    discriminator = Discriminator.for_data(data, hidden_dims=CHANNELS, architecture="conv")
    steps = passes * -(-len(data) // BATCH_SIZE)
    fit_gan(generator, discriminator, data, steps=steps, learning_rate=GAN_RATE, **GANS[name], **shared)
    return generator


def save_half(path: Path, generator: Generator, **about) -> None:
    """Write a generator with half-precision weights."""
    small = Generator(**generator.config).half()
    small.load_state_dict(generator.state_dict())
    save_checkpoint(path, small, about=about)

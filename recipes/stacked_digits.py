"""Train a VAE and GANs on stacked digits (1,000 modes), and keep what sampling needs as shipped weights.

    python -m recipes.stacked_digits            # all models and seeds; goes on where it stopped
    python -m recipes.stacked_digits --models vae --seeds 0

Every model has the same decoder, sees the same pictures and sees as many of them. The weights go into
``vae_course/weights/stacked`` in 8 bits, with the CPU seconds of each in ``made.json`` beside them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from vae_course.files import write_atomically
from vae_course.models.gan import Discriminator, Generator
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.adversarial import fit_gan
from vae_course.training.loop import fit
from vae_course.weights import WEIGHTS, load_checkpoint, save_checkpoint, shipped_file

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
        checkpoint: file from which an interrupted run of the VAE goes on.
        passes: through ``data``.

    Raises:
        TrainingDiverged: a loss is no longer finite.
    """
    arguments = {"latent_dim": LATENT_DIM, "hidden_dims": CHANNELS, "architecture": "conv"}
    shared = {"batch_size": BATCH_SIZE, "seed": seed, "device": "cpu"}
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
            checkpoint=checkpoint,
            resume=checkpoint is not None,
            **shared,
        )
        generator.decoder.load_state_dict(vae.decoder.state_dict())
        return generator.eval()
    discriminator = Discriminator.for_data(data, hidden_dims=CHANNELS, architecture="conv")
    steps = passes * -(-len(data) // BATCH_SIZE)
    fit_gan(generator, discriminator, data, steps=steps, learning_rate=GAN_RATE, **GANS[name], **shared)
    return generator


def main(arguments: list[str] | None = None) -> None:
    """See the module's first lines."""
    from vae_course.data.images import stack_digits
    from vae_course.data.loading import load

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument(
        "--work", type=Path, default=Path("runs/stacked"), help="checkpoints of unfinished runs"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    data = stack_digits(load("mnist", "train"), EXAMPLES, seed=0)
    for seed in options.seeds:
        for name in options.models:
            path = shipped_file("model of stacked digits", name, seed)
            if path.is_file():
                print(f"{path.name} is there.")
                continue
            options.work.mkdir(parents=True, exist_ok=True)
            started = time.process_time()
            generator = train_stacked(name, seed, data, options.work / f"{name}_{seed}.pt")
            seconds = round(time.process_time() - started, 1)
            about = {"seconds": seconds, "pictures": PASSES * len(data)}
            save_checkpoint(path, generator, int8=True, about=about)
            print(f"{path.name}: {seconds} s of CPU time")
    folder = WEIGHTS / "stacked"
    made = {p.stem: load_checkpoint(p)["about"] for p in sorted(folder.glob("*.pt"))}
    write_atomically(folder / "made.json", (json.dumps(made, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()

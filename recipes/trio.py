"""Train the three digit models of chapter 01, an autoencoder, a VAE and a GAN around one decoder; measure them.

    python -m recipes.trio [--only autoencoder vae gan]

One thread. An interrupted run goes on where its last pass ended (results/trio/). Writes the weights, the
record trio.json, the learning curves and an uncurated sheet of samples.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import matplotlib
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.data.loading import load
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.frechet import frechet_distance
from vae_course.files import write_atomically
from vae_course.models.gan import Discriminator, Generator
from vae_course.models.vae import VAE, Autoencoder
from vae_course.plots import image_grid
from vae_course.randomness import seed_everything, seeded
from vae_course.training.adversarial import discriminator_loss, generator_loss, gradient_penalty
from vae_course.training.loop import fit
from vae_course.weights import load_checkpoint, save_checkpoint, shipped_file

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "assets" / "results" / "trio.json"
FIGURES = ROOT / "assets" / "figures"
RUNS = ROOT / "results" / "trio"
MODELS = ("autoencoder", "vae", "gan")
DECODER = {"architecture": "conv", "latent_dim": 10, "hidden_dims": (24, 48), "activation": "gelu"}
PASSES = {"autoencoder": 8, "vae": 12, "gan": 12}
FIT = {"batch_size": 128, "learning_rate": 4e-3, "schedule": "cosine", "warmup": 0.02}
BATCH_SIZE, RATE, PENALTY, EVERY = 64, 1e-3, 0.5, 8  # of the GAN: R1 at every eighth update
KEEP = 0.999  # share of the shown generator, a moving average, that outlives an update
JUDGED, SURE, SHOWN = 5000, 0.8, 40  # samples that the classifier reads, its bar, and samples on the sheet


def train_by_likelihood(name: str) -> tuple[nn.Module, list[dict]]:
    """The autoencoder or the VAE, and its curve in nats per digit from before the first update."""
    seed_everything(0)
    train, validation = (load("mnist", part) for part in ("train", "validation"))
    model = (VAE if name == "vae" else Autoencoder).for_data(train, **DECODER)
    history = fit(
        model.to(memory_format=torch.channels_last),
        train,
        validation,
        epochs=PASSES[name],
        kl_warmup=0.1 if name == "vae" else 0.0,
        eval_examples=2000,
        device="cpu",
        checkpoint=RUNS / f"{name}.pt",
        resume=True,
        **FIT,
    )
    parts = ("train", "validation")
    curve = [
        {"epoch": r["epoch"], "seconds": r["seconds"]} | {part: r[part]["negative_elbo"] for part in parts}
        for r in history.records
    ]
    return model, curve


def train_gan() -> tuple[nn.Module, list[dict]]:
    """The moving average of the generator, and what was measured of it before and after every second pass."""
    seed_everything(0)
    train = load("mnist", "train")
    players = {
        "generator": Generator.for_data(train, **DECODER),
        "shown": Generator.for_data(train, **DECODER),
        "discriminator": Discriminator.for_data(train, architecture="conv", hidden_dims=(24, 48)),
    }
    for player in players.values():
        player.to(memory_format=torch.channels_last)
    generator, shown, discriminator = players.values()
    shown.load_state_dict(generator.state_dict())
    adam = {"lr": RATE, "betas": (0.0, 0.99), "fused": True}
    optimizers = [torch.optim.Adam(player.parameters(), **adam) for player in (generator, discriminator)]
    passes, path = PASSES["gan"], RUNS / "gan.pt"
    updates = passes * -(-len(train) // BATCH_SIZE)
    halves = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda t: min(1.0, 2 * (1 - t / updates))) for o in optimizers
    ]
    judge, curve, first, spent = Judge("test"), [], 0, 0.0
    if path.is_file():
        found = torch.load(path, weights_only=True)
        for part, state in zip((*players.values(), *optimizers, *halves), found["states"], strict=True):
            part.load_state_dict(state)
        curve, first, spent = found["curve"], found["epoch"], found["seconds"]
    curve = curve or [{"epoch": 0, "seconds": 0.0, **judge(shown)}]
    for epoch in range(first + 1, passes + 1):
        start, noise, sums = time.perf_counter(), seeded(f"trio {epoch}"), torch.zeros(2)
        batches = torch.randperm(len(train), generator=noise).split(BATCH_SIZE)
        for step, index in enumerate(batches):
            real = train.batch(index).requires_grad_(step % EVERY == 0)
            fake = generator(torch.randn(len(index), generator.latent_dim, generator=noise))
            both = discriminator(torch.cat([real, fake.detach()]))
            loss = total = discriminator_loss(*both.split(len(real)))
            if step % EVERY == 0:
                total = loss + 0.5 * PENALTY * EVERY * gradient_penalty(both, real)
            optimizers[1].zero_grad()
            total.backward()
            optimizers[1].step()
            loss_g = generator_loss(discriminator(fake))
            optimizers[0].zero_grad()
            loss_g.backward(inputs=list(generator.parameters()))
            optimizers[0].step()
            sums += torch.stack([loss.detach(), loss_g.detach()]) / len(batches)
            for half in halves:
                half.step()
            with torch.no_grad():
                for kept, new in zip(shown.parameters(), generator.parameters(), strict=True):
                    kept.lerp_(new, 1 - KEEP)
        spent += time.perf_counter() - start
        record = {
            "epoch": epoch,
            "seconds": spent,
            "discriminator": sums[0].item(),
            "generator": sums[1].item(),
        }
        if True:
            curve.append(record | judge(shown))
            print(curve[-1], flush=True)
        states = [part.state_dict() for part in (*players.values(), *optimizers, *halves)]
        torch.save({"states": states, "curve": curve, "epoch": epoch, "seconds": spent}, path)
    return shown.eval(), curve


class Judge:
    """Share of samples of which the classifier is sure, and their Fréchet distance to real digits."""

    def __init__(self, part: str):
        from vae_course.weights import load_classifier

        self.classifier = load_classifier("mnist")
        self.real = self.classifier.features(load("mnist", part).subset(JUDGED, seed=0).floats())

    def __call__(self, model: nn.Module, n: int = JUDGED) -> dict:
        return self.of(
            torch.cat([model.sample(500, noise) for noise in [seeded("trio")] for _ in range(n // 500)])
        )

    def of(self, pictures: Tensor) -> dict:
        sure = self.classifier.probabilities(pictures).amax(1) >= SURE
        distance = frechet_distance(self.classifier.features(pictures), self.real)
        return {"sure": sure.float().mean().item(), "frechet": distance}


if __name__ == "__main__":
    torch.set_num_threads(1)
    import sys

    RUNS.mkdir(parents=True, exist_ok=True)
    train_gan() if sys.argv[1] == "gan" else train_by_likelihood(sys.argv[1])

"""Train the three digit models of chapter 01, autoencoder, VAE and GAN around one decoder, and measure them.

    python -m recipes.trio

One thread. An interrupted run goes on where its last pass ended (results/trio/). Writes the weights, the
record trio.json, the learning curves and an uncurated sheet of samples.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from recipes.letters import rounded
from recipes.shipping import ship
from vae_course.data.loading import load
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.samples import frechet_distance
from vae_course.files import write_atomically
from vae_course.models.gan import Discriminator, Generator
from vae_course.models.vae import VAE, Autoencoder
from vae_course.plots import image_grid
from vae_course.plots.chapter_01 import trio_panel
from vae_course.randomness import seed_everything, seeded
from vae_course.training.adversarial import discriminator_loss, generator_loss, gradient_penalty
from vae_course.training.loop import fit
from vae_course.weights import load_classifier, load_trio, shipped_file, trio_curves

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "assets" / "results" / "trio.json"
FIGURES = ROOT / "assets" / "figures"
RUNS = ROOT / "results" / "trio"
MODELS = ("autoencoder", "vae", "gan")
DECODER = {"architecture": "conv", "latent_dim": 10, "hidden_dims": (24, 48), "activation": "gelu"}
PASSES = {"autoencoder": 8, "vae": 12, "gan": 12}
FIT = {"batch_size": 128, "learning_rate": 4e-3, "schedule": "cosine", "warmup": 0.02}
BATCH_SIZE, RATE, EVERY = 64, 1e-3, 8  # of the GAN: R1 at every eighth update, 8 times as strong
PENALTY = (0.5, 0.05)  # its weight in the first four passes, and after them: first stable, then sharp
KEEP = 0.999  # share of the shown generator, a moving average, that outlives an update
JUDGED, SURE = 5000, 0.8  # pictures that the classifier reads, and from which probability it is sure


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
    """The moving average of the generator, and what was measured of it after every pass."""
    seed_everything(0)
    train = load("mnist", "train")
    players = {
        "generator": Generator.for_data(train, **DECODER),
        "shown": Generator.for_data(train, **DECODER),
        "discriminator": Discriminator(train.shape, (24, 48)),
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
    judge, curve, first, spent = Judge(), [], 0, 0.0
    if path.is_file():
        found = torch.load(path, weights_only=True)
        for part, state in zip((*players.values(), *optimizers, *halves), found["states"], strict=True):
            part.load_state_dict(state)
        curve, first, spent = found["curve"], found["epoch"], found["seconds"]
    curve = curve or [{"epoch": 0, "seconds": 0.0, **judge(shown.sample(JUDGED, seeded("trio")))}]
    for epoch in range(first + 1, passes + 1):
        weight = PENALTY[epoch > 4] * EVERY
        start, noise, sums = time.perf_counter(), seeded(f"trio {epoch}"), torch.zeros(2)
        batches = torch.randperm(len(train), generator=noise).split(BATCH_SIZE)
        for step, index in enumerate(batches):
            real = train.batch(index).requires_grad_(step % EVERY == 0)
            fake = generator(torch.randn(len(index), generator.latent_dim, generator=noise))
            both = discriminator(torch.cat([real, fake.detach()]))
            loss = total = discriminator_loss(*both.split(len(real)))
            if step % EVERY == 0:
                total = loss + 0.5 * weight * gradient_penalty(both, real)
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
        curve.append(record | judge(shown.sample(JUDGED, seeded("trio"))))
        print(curve[-1], flush=True)
        states = [part.state_dict() for part in (*players.values(), *optimizers, *halves)]
        torch.save({"states": states, "curve": curve, "epoch": epoch, "seconds": spent}, path)
    return shown.eval(), curve


class Judge:
    """Share of pictures of which the classifier is sure, and their Fréchet distance to real test digits."""

    def __init__(self):
        self.classifier = load_classifier("mnist")
        self.real = load("mnist", "test").subset(JUDGED, seed=0).floats()
        self.features = self.classifier.features(self.real)

    def __call__(self, pictures: Tensor) -> dict:
        sure = self.classifier.probabilities(pictures).amax(1) >= SURE
        distance = frechet_distance(self.classifier.features(pictures), self.features)
        return {"sure": sure.float().mean().item(), "frechet": distance}


@torch.no_grad()
def ways_to_draw(models: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Pictures of each model from z ~ N(0, I), and of two from a Gaussian fitted to training codes."""
    noise = torch.randn(JUDGED, DECODER["latent_dim"], generator=seeded("trio"))
    x, made = load("mnist", "train").subset(10_000, seed=0).floats(), {}
    for name in ("autoencoder", "vae"):
        model, codes = models[name], models[name].encode(x)
        codes = codes if torch.is_tensor(codes) else codes.sample(generator=seeded("trio codes"))
        fitted = codes.mean(0) + noise @ torch.linalg.cholesky(torch.cov(codes.T)).T
        made[f"{name}, N(0, I)"] = torch.sigmoid(model.decode(noise))
        made[f"{name}, fitted"] = torch.sigmoid(model.decode(fitted))
    return made | {"gan": models["gan"](noise)}


def measure(models: dict[str, nn.Module]) -> dict:
    """What the record holds of the three models."""
    judge, test = Judge(), load("mnist", "test")
    x = test.floats()
    halves = x[torch.randperm(len(x), generator=seeded("blends"))].split(len(x) // 2)
    readings = {name: judge(made) for name, made in ways_to_draw(models).items()}
    readings["written"] = judge(x[:JUDGED])
    readings["mean of two digits"] = judge((halves[0] + halves[1]) / 2)
    with torch.no_grad():
        codes = models["autoencoder"].encode(x)
        rebuilt = -models["autoencoder"].log_likelihood(x, codes).mean().item()
    return {
        "read": readings,
        "vae_negative_elbo": evaluate(models["vae"], test).negative_elbo.value,
        "autoencoder_reconstruction": rebuilt,
    }


def flatness(values: list[float]) -> float:
    """Change over the last fifth of a run, as a share of the last value."""
    return abs(values[-1] - values[round(0.8 * (len(values) - 1))]) / abs(values[-1])


def main() -> None:
    torch.set_num_threads(1)
    RUNS.mkdir(parents=True, exist_ok=True)
    trained = {"gan": train_gan(), "vae": train_by_likelihood("vae")}
    trained["autoencoder"] = train_by_likelihood("autoencoder")
    entry = {"passes": PASSES, "minutes": {}, "bytes": {}, "change_over_the_last_fifth": {}}
    for name in MODELS:
        model, curve = trained[name]
        path = shipped_file("digit model", name)
        about = {"passes": PASSES[name], "curve": rounded(curve)}
        ship(path, model.to(memory_format=torch.contiguous_format), int8=True, about=about)
        values = [step["sure" if name == "gan" else "validation"] for step in curve]
        entry["change_over_the_last_fifth"][name] = flatness(values)
        entry["minutes"][name], entry["bytes"][name] = curve[-1]["seconds"] / 60, path.stat().st_size
    before = measure({name: model.eval() for name, (model, _) in trained.items()})
    models = load_trio()
    entry |= {"stored": measure(models), "before_8_bits": before, "curves": trio_curves()}
    write_atomically(RESULTS, (json.dumps(rounded(entry), indent=1) + "\n").encode())
    trio_panel(trio_curves()).savefig(FIGURES / "trio_curves.png", dpi=100, metadata={"Software": None})
    made = ways_to_draw(models)
    rows = [(name, part) for name, all_of in made.items() for part in all_of[:20].split(10)]
    titles = [name if i % 2 == 0 else "" for i, (name, _) in enumerate(rows)]
    sheet = image_grid(torch.cat([part for _, part in rows]), len(rows), 10, row_titles=titles)
    sheet.savefig(FIGURES / "trio_sheet.png", dpi=100, metadata={"Software": None})
    print(json.dumps(rounded({**entry, "curves": None}), indent=1))


if __name__ == "__main__":
    main()

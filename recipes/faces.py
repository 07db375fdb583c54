"""Train the faces of chapters 09 and 11: a VAE of 64×64 color pictures, and the same network as a VAE-GAN.

    python -m recipes.faces [--device cuda] [--width W] [--seed S]

The first is a VAE whose Gaussian has one learned σ. The second goes on from it with a discriminator: its
features judge reconstructions, and it plays against reconstructions and samples. An interrupted run goes on
where its last pass ended (results/faces/). CelebA is read as ``load("celeba")`` finds it; nothing that is
written shows one of its pictures.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from recipes.letters import rounded
from recipes.shipping import ship
from recipes.trio import flatness
from vae_course.data.images import ImageData
from vae_course.data.loading import load
from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.samples import frechet_distance, sample_quality
from vae_course.files import write_atomically
from vae_course.machine import pick_device
from vae_course.models.vae import VAE
from vae_course.plots.style import GREY, PURPLE, VAE_GAN, styled
from vae_course.plots.style import VAE as VAE_COLOR
from vae_course.randomness import seed_everything, seeded
from vae_course.training.adversarial import gradient_penalty
from vae_course.training.loop import fit
from vae_course.weights import celeba_record, load_celeba, load_reader, shipped_file

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "results" / "faces"
RESULTS = ROOT / "assets" / "results" / "faces.json"
FIGURES = ROOT / "assets" / "figures"
STAGES = ("vae", "vae_gan")
LATENT_DIM, WIDTHS = 64, (1, 2, 4, 4)  # the widths of the layers are multiples of --width
FIT = {"batch_size": 64, "learning_rate": 1.5e-3, "schedule": "cosine", "warmup": 0.02, "kl_warmup": 0.05}
VAE_PASSES, GAN_PASSES = 40, 16
BATCH_SIZE, RATES, BETAS = 32, (2e-4, 4e-4), (0.0, 0.99)  # of the game: the VAE's rate, the discriminator's
PENALTY, EVERY = 0.25, 8  # R1 at every eighth update, 8 times as strong
FEATURE, PIXEL, KL = 1.0, 16.0, 1 / 2000  # weights beside that of the adversary, which is 1
SMOOTH, SMOOTH_FROM = 20.0, 8  # weight of the checkerboard, and from which pass on: first sharp, then even
KEEP = 0.998  # share of the shown decoder, a moving average, that outlives an update
SHIFT = 4  # pixels by which a picture is moved at most
HELD_OUT = 500  # pictures of the validation part on which the game is watched


class Mirrored(ImageData):
    """Pictures of which every read mirrors a random half."""

    def batch(self, index, generator=None) -> Tensor:
        x = super().batch(index, generator)
        draws = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device)
        return torch.where(draws < 0.5, x.flip(-1), x)


def pictures(split: str, kind: type = ImageData) -> ImageData:
    """A part of CelebA, in memory."""
    data = load("celeba", split)
    return kind(data.name, split, data.images.clone(), None, ())


class Discriminator(nn.Module):
    """A face → a score, positive for real; ``features`` are its three later layers.

    Without normalization, and with the spread of the batch as one more feature, so that a batch of equal
    pictures is caught (Karras et al. 2018, section 3).
    """

    def __init__(self, width: int):
        super().__init__()
        sizes = [3, *(factor * width for factor in WIDTHS)]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
            for a, b in pairwise(sizes)
        )
        self.head = nn.Linear(16 * sizes[-1] + 1, 1)

    def features(self, x: Tensor) -> list[Tensor]:
        found = [2 * x - 1]
        for layer in self.layers:
            found.append(layer(found[-1]))
        return found[2:]

    def forward(self, x: Tensor) -> Tensor:
        last = self.features(x)[-1].flatten(1)
        spread = last.std(0).mean().expand(len(last), 1)
        return self.head(torch.cat([last, spread], 1)).squeeze(1)


def jitter(x: Tensor, noise: torch.Generator) -> Tensor:
    """Brightness and place, drawn anew: real and generated pictures alike, so that a small data set is not
    learned by heart (Zhao et al. 2020). Differentiable.

    Places move by whole pixels: between pixels a picture would be smoothed, and the discriminator would not
    see the finest pattern that a decoder can make.
    """
    n, device = len(x), x.device
    x = x + 0.2 * (torch.rand(n, 1, 1, 1, generator=noise, device=device) - 0.5)
    affine = torch.eye(2, 3, device=device).repeat(n, 1, 1)
    shift = torch.randint(-SHIFT, SHIFT + 1, (n, 2), generator=noise, device=device)
    affine[:, :, 2] = shift * 2 / x.shape[-1]
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def train_vae(options: argparse.Namespace, folder: Path) -> tuple[VAE, list[dict]]:
    """The VAE, and its curve in nats per face from before the first update."""
    seed_everything(options.seed)
    train = pictures("train", Mirrored)
    sizes = [factor * options.width for factor in WIDTHS]
    model = VAE.for_data(
        train,
        latent_dim=LATENT_DIM,
        hidden_dims=sizes,
        likelihood="gaussian_learned",
        architecture="conv",
        activation="silu",
        normalized=True,
    )
    history = fit(
        model.to(memory_format=torch.channels_last),
        train,
        pictures("validation"),
        epochs=VAE_PASSES,
        gradient_clip=300.0,
        eval_examples=1000,
        device=options.device,
        seed=options.seed,
        checkpoint=folder / "vae.pt",
        resume=True,
        **FIT,
    )
    parts = ("train", "validation")
    curve = [
        {"epoch": r["epoch"], "seconds": r["seconds"]}
        | {part: r[part]["negative_elbo"] for part in parts}
        | {"kl": r["validation"]["kl"]}
        for r in history.records
    ]
    return model, curve


@torch.no_grad()
def watch(
    model: VAE, decoder: nn.Module, discriminator: Discriminator, x: Tensor, reader: nn.Module | None = None
) -> dict:
    """What is recorded of the game after a pass, on held-out faces x; with a reader of attributes also the
    Fréchet distance of rebuilt faces in its features."""
    shown = copy.copy(model)
    shown._modules = {**model._modules, "decoder": decoder}
    posterior, noise = model.encode(x), seeded("faces", x.device)
    z = posterior.sample(generator=noise)
    rebuilt = shown.decode(z)
    samples = shown.decode(torch.randn(z.shape, generator=noise, device=x.device))
    terms, more = elbo_terms(shown, x, generator=noise), {}
    if reader is not None:
        features = [reader.features(part.clamp(0, 1)) for part in (rebuilt, x)]
        more["frechet"] = frechet_distance(*features)
    return {
        "squared_error": (rebuilt - x).square().mean().item(),
        "kl": posterior.kl().mean().item(),
        "negative_elbo": terms.loss().item(),
        "feature": feature_distance(discriminator, rebuilt, x).item(),
        "score_real": discriminator(x).mean().item(),
        "score_rebuilt": discriminator(rebuilt).mean().item(),
        "score_sample": discriminator(samples).mean().item(),
        **more,
    }


def feature_distance(discriminator: Discriminator, ours: Tensor, theirs: Tensor) -> Tensor:
    """Squared distance in the discriminator's layers, each in units of its variance over the pictures."""
    with torch.no_grad():
        wanted = discriminator.features(theirs)
    pairs = zip(discriminator.features(ours), wanted, strict=True)
    return sum((a - b).square().mean() / (b.var() + 1e-3) for a, b in pairs)


def checkerboard(x: Tensor) -> Tensor:
    """Mean square of the finest diagonal pattern, which transposed convolutions leave (Odena et al. 2016)."""
    return (x[..., 1:, 1:] - x[..., 1:, :-1] - x[..., :-1, 1:] + x[..., :-1, :-1]).square().mean()


def train_gan(options: argparse.Namespace, model: VAE, folder: Path) -> tuple[VAE, list[dict]]:
    """The VAE after its game, with the moving average of its decoder, and what was recorded on the way."""
    seed_everything(options.seed)
    device = pick_device(options.device)
    train, held_out = pictures("train", Mirrored), pictures("validation").subset(HELD_OUT, seed=0).floats()
    held_out = held_out.to(device).contiguous(memory_format=torch.channels_last)
    model = copy.deepcopy(model).to(device, memory_format=torch.channels_last).train()
    model.likelihood.requires_grad_(False)  # the density stays the VAE's, so nats can be compared
    discriminator = Discriminator(options.width).to(device, memory_format=torch.channels_last)
    shown, reader = copy.deepcopy(model.decoder), load_reader("celeba")
    players = ([p for p in model.parameters() if p.requires_grad], list(discriminator.parameters()))
    optimizers = [
        torch.optim.Adam(player, rate, BETAS, fused=device.type in ("cpu", "cuda"))
        for player, rate in zip(players, RATES, strict=True)
    ]
    parts = (model, discriminator, shown, *optimizers)
    path, curve, first, spent = folder / "vae_gan.pt", [], 0, 0.0
    if path.is_file():
        found = torch.load(path, weights_only=True, map_location=device)
        for part, state in zip(parts, found["states"], strict=True):
            part.load_state_dict(state)
        curve, first, spent = found["curve"], found["epoch"], found["seconds"]
    else:
        curve = [{"epoch": 0, "seconds": 0.0, **watch(model, shown, discriminator, held_out, reader)}]
    updates = GAN_PASSES * (len(train) // BATCH_SIZE)
    for epoch in range(first + 1, GAN_PASSES + 1):
        start, noise = time.perf_counter(), seeded(f"faces {options.seed} {epoch}", device)
        batches = torch.randperm(len(train), generator=noise, device=device).split(BATCH_SIZE)
        for step, index in enumerate(batches):
            if len(index) < BATCH_SIZE:
                continue
            done = ((epoch - 1) * (len(train) // BATCH_SIZE) + step) / updates
            for optimizer, rate in zip(optimizers, RATES, strict=True):
                optimizer.param_groups[0]["lr"] = rate * min(1.0, 2.5 * (1 - done))
            x = train.batch(index.cpu()).to(device).contiguous(memory_format=torch.channels_last)
            smooth = SMOOTH if epoch >= SMOOTH_FROM else 0.0
            update(model, discriminator, optimizers, x, noise, step % EVERY == 0, smooth)
            with torch.no_grad():
                for kept, new in zip(shown.parameters(), model.decoder.parameters(), strict=True):
                    kept.lerp_(new, 1 - KEEP)
        spent += time.perf_counter() - start
        curve.append(
            {"epoch": epoch, "seconds": spent, **watch(model, shown, discriminator, held_out, reader)}
        )
        print({key: float(f"{value:.4g}") for key, value in curve[-1].items()}, flush=True)
        states = [part.state_dict() for part in parts]
        torch.save({"states": states, "curve": curve, "epoch": epoch, "seconds": spent}, path)
    model.decoder = shown
    return model.cpu().eval(), curve


def update(
    model: VAE,
    discriminator: Discriminator,
    optimizers: list[torch.optim.Optimizer],
    x: Tensor,
    noise: torch.Generator,
    penalize: bool,
    smooth: float = 0.0,
) -> None:
    """One step of both players: reconstructions and samples are drawn once and serve both."""
    posterior = model.encode(x)
    z = posterior.sample(generator=noise)
    both = model.decode(torch.cat([z, torch.randn(z.shape, generator=noise, device=z.device)]))
    rebuilt, samples = both.chunk(2)

    optimizer, opponent = optimizers
    opponent.zero_grad()
    real = discriminator(jitter(x, noise))
    fake = torch.cat([discriminator(jitter(part.detach(), noise)) for part in (rebuilt, samples)])
    loss = F.softplus(-real).mean() + F.softplus(fake).mean()
    if penalize:
        slope = x.detach().requires_grad_()
        loss = loss + 0.5 * PENALTY * EVERY * gradient_penalty(discriminator(slope), slope)
    loss.backward()
    opponent.step()

    optimizer.zero_grad()
    discriminator.requires_grad_(False)
    fake = torch.cat([discriminator(jitter(part, noise)) for part in (rebuilt, samples)])
    loss = F.softplus(-fake).mean() + FEATURE * feature_distance(discriminator, rebuilt, x)
    loss = loss + PIXEL * (rebuilt - x).square().mean() + KL * posterior.kl().mean()
    loss = loss + smooth * checkerboard(both)
    loss.backward()
    discriminator.requires_grad_(True)
    optimizer.step()


@torch.no_grad()
def about_codes(model: VAE) -> dict:
    """Of the training codes, a draw from each posterior: mean, factor of the covariance, directions."""
    train = load("celeba", "train")
    noise, parts = seeded("faces codes"), torch.arange(len(train)).split(500)
    codes = torch.cat([model.encode(train.batch(part)).sample(generator=noise) for part in parts]).double()
    has = train.attributes.double()
    with_it, without = (
        (has.T @ codes) / has.sum(0)[:, None],
        ((1 - has).T @ codes) / (1 - has).sum(0)[:, None],
    )
    return {
        "mean": codes.mean(0).float(),
        "factor": torch.linalg.cholesky(torch.cov(codes.T)).float(),
        "names": list(train.attribute_names),
        "directions": (with_it - without).float(),
    }


@torch.no_grad()
def drawn(model: VAE, record: dict, n: int) -> dict[str, Tensor]:
    """n faces from N(0, I) and n from the Gaussian fitted to training codes: the decoder's means."""
    noise = torch.randn(n, model.latent_dim, generator=seeded("faces samples"))
    codes = {"N(0, I)": noise, "fitted": record["mean"] + noise @ record["factor"].T}
    return {
        name: torch.cat([model.decode(part) for part in z.split(100)]).clamp(0, 1)
        for name, z in codes.items()
    }


@torch.no_grad()
def measure() -> dict:
    """Both stages on the test part: nats, and distances in the features of the reader of attributes."""
    test, train, reader = load("celeba", "test"), load("celeba", "train"), load_reader("celeba")
    x = test.floats()

    def judged(faces: Tensor) -> dict:
        return asdict(sample_quality(faces, x, reader))

    found = {"n": len(x), "photographs": judged(train.subset(len(x), seed=0).floats())}
    for name in STAGES:
        model, record = load_celeba(name), celeba_record(name)
        terms = evaluate(model, test)
        found[name] = {
            "negative_elbo": terms.negative_elbo.value,
            "kl": terms.kl.value,
            "squared_error": (model.reconstruct(x).clamp(0, 1) - x).square().mean().item(),
            "rebuilt": judged(model.reconstruct(x).clamp(0, 1)),
        }
        found[name] |= {source: judged(made) for source, made in drawn(model, record, len(x)).items()}
    return found


def sheet(path: Path) -> None:
    """Twelve faces a row as they come: rebuilt test faces, and samples; no photograph is shown."""
    x, rows = load("celeba", "test").floats()[:12], []
    for name in STAGES:
        model = load_celeba(name)
        made = drawn(model, celeba_record(name), 24)
        parts = (model.reconstruct(x), *(part for all_of in made.values() for part in all_of.split(12)))
        rows += [torch.cat(list(part.clamp(0, 1)), dim=2) for part in parts]
    picture = (torch.cat(rows, dim=1) * 255).round().byte().permute(1, 2, 0).numpy()
    size = (96 * 12, 96 * len(rows))
    Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC).save(path, quality=88)


@styled
def draw_curves(path: Path) -> None:
    """−ELBO of the VAE over its passes, and what the game did."""
    curves = {name: celeba_record(name)["curve"] for name in STAGES}
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for part, name, color in (("train", "training faces", GREY), ("validation", "held out", VAE_COLOR)):
        left.plot(*_curve(curves["vae"][1:], part), color=color, label=name)
    left.set(xlabel="pass", ylabel="nats a face", title="VAE: −ELBO")
    middle.plot(*_curve(curves["vae_gan"], "frechet"), color=VAE_GAN)
    middle.set(xlabel="pass", ylabel="Fréchet distance", title="VAE-GAN: rebuilt held-out faces")
    for key, name, color in (
        ("score_real", "photographs", GREY),
        ("score_rebuilt", "rebuilt", VAE_GAN),
        ("score_sample", "samples", PURPLE),
    ):
        right.plot(*_curve(curves["vae_gan"], key), color=color, label=name)
    right.set(xlabel="pass", ylabel="score, positive for real", title="VAE-GAN: scores")
    for axis in (left, right):
        axis.legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _curve(records: list[dict], key: str) -> tuple[list, list]:
    return [record["epoch"] for record in records], [record[key] for record in records]


def ship_stage(name: str, model: VAE, curve: list[dict], options: argparse.Namespace) -> None:
    """Write the weights in 8 bits, with the curve and what was found in the training codes."""
    model = model.to("cpu", memory_format=torch.contiguous_format).eval()
    about = {"width": options.width, "seed": options.seed, "curve": rounded(curve), **about_codes(model)}
    ship(shipped_file("model of CelebA", name), model, int8=True, about=about)


def main() -> None:
    own = argparse.ArgumentParser(prog="python -m recipes.faces", description=__doc__.split("\n")[0])
    own.add_argument("--device", default="auto")
    own.add_argument("--width", type=int, default=24)
    own.add_argument("--seed", type=int, default=0)
    options = own.parse_args()
    torch.set_num_threads(1)
    folder = RUNS / f"{options.width}_{options.seed}"
    folder.mkdir(parents=True, exist_ok=True)
    vae, curve = train_vae(options, folder)
    ship_stage("vae", vae, curve, options)
    gan, game = train_gan(options, vae, folder)
    ship_stage("vae_gan", gan, game, options)
    change = {"vae": flatness([step["validation"] for step in curve])}
    change["vae_gan"] = flatness([step["frechet"] for step in game])
    entry = {
        "passes": {"vae": VAE_PASSES, "vae_gan": GAN_PASSES},
        "minutes": {"vae": curve[-1]["seconds"] / 60, "vae_gan": game[-1]["seconds"] / 60},
        "machine": "GPU"
        if pick_device(options.device).type == "cuda"
        else f"{platform.machine()}, one thread",
        "bytes": {name: shipped_file("model of CelebA", name).stat().st_size for name in STAGES},
        "change_over_the_last_fifth": change,
        **measure(),
    }
    write_atomically(RESULTS, (json.dumps(rounded(entry), indent=1) + "\n").encode())
    draw_curves(FIGURES / "faces_curves.png")
    sheet(FIGURES / "faces_sheet.jpg")
    print(json.dumps(rounded(entry), indent=1))


if __name__ == "__main__":
    main()

"""Pictures per second of ``fit`` against a bare loop over the same network: what everything else costs.

The bare loop knows no data set, history, schedule or check: float batches of random numbers lie ready in
memory, and each update is the two networks, the sampled code, binary cross-entropy with logits and the KL
term written out, backward, and torch's fused Adam, in the arithmetic that ``fit`` chose for this machine. It
leaves out even the model's own centering and its limit on log σ².
``fit`` is timed whole: gathering of the batches, both schedules, the check of every loss, and the history on
fixed examples of both parts, measured before the run and after every epoch.
"""

import statistics
import time
from dataclasses import asdict, dataclass

import torch
from torch.nn import functional as F

from vae_course.data.images import ImageData
from vae_course.machine import Adam, choose, matrix_products, mixed
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

WANTED = 0.9
BATCH = 256
EPOCHS = 2


@dataclass(frozen=True)
class Case:
    """A model and the size of its run; history is measured on a share of the examples as for MNIST."""

    name: str
    architecture: str
    examples: int

    @property
    def eval_examples(self) -> int:
        """2,000 for the 50,000 training digits, in proportion for fewer."""
        return self.examples // 25


CASES = (Case("MLP", "mlp", 50_000), Case("convolutional", "conv", 10_000))


@dataclass(frozen=True)
class Throughput:
    """Pictures per second, medians over alternating rounds; share is the median of each round's ratio."""

    name: str
    fit: float
    bare: float
    share: float
    rounds: int


def random_pictures(n: int, shape: tuple[int, int, int] = (1, 28, 28), seed: int = 0) -> ImageData:
    """Pictures of noise: what training costs does not depend on what is in them."""
    draw = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (n, *shape), generator=draw, dtype=torch.uint8)
    return ImageData("noise", "train", images, None, ())


def fit_seconds(case: Case) -> float:
    """Of one whole call of ``fit``."""
    seed_everything(0)
    train = random_pictures(case.examples)
    held_out = random_pictures(case.examples // 5, seed=1)
    model = VAE.for_data(train, architecture=case.architecture)
    start = time.perf_counter()
    fit(
        model,
        train,
        held_out,
        epochs=EPOCHS,
        batch_size=BATCH,
        eval_examples=case.eval_examples,
        device="cpu",
        progress=False,
    )
    return time.perf_counter() - start


def bare_seconds(case: Case) -> float:
    """Of as many updates of the same network on batches that lie ready."""
    seed_everything(0)
    model = VAE(architecture=case.architecture)
    batches = [torch.rand(BATCH, 1, 28, 28) for _ in range(8)]
    device = torch.device("cpu")
    arithmetic = choose("auto", device, model)
    start = time.perf_counter()
    optimizer = Adam(model.parameters(), lr=1e-3, fused=True)
    with matrix_products(arithmetic):
        for step in range(EPOCHS * -(-case.examples // BATCH)):
            x = batches[step % len(batches)]
            with mixed(arithmetic, device):
                mean, log_var = model.encoder(x).float().chunk(2, dim=-1)
                logits = model.decoder(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
            cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), x, reduction="sum")
            kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum()
            loss = (cross_entropy + kl) / BATCH
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return time.perf_counter() - start


def throughput(case: Case, rounds: int = 5) -> Throughput:
    """Time both loops in turns, each round in the other order.

    Args:
        case: model and size of the run.
        rounds: of both; one more goes before them, untimed.
    """
    pictures = EPOCHS * case.examples
    fit_seconds(case), bare_seconds(case)
    times = []
    for turn in range(rounds):
        if turn % 2:
            bare, ours = bare_seconds(case), fit_seconds(case)
        else:
            ours, bare = fit_seconds(case), bare_seconds(case)
        times.append((ours, bare))
    return Throughput(
        case.name,
        statistics.median(pictures / ours for ours, _ in times),
        statistics.median(pictures / bare for _, bare in times),
        statistics.median(bare / ours for ours, bare in times),
        rounds,
    )


def main() -> dict:
    print(f"{'model':14} {'fit, pictures/s':>16} {'bare, pictures/s':>17} {'share':>6}")
    found = []
    for case in CASES:
        result = throughput(case)
        found.append(asdict(result))
        print(f"{result.name:14} {result.fit:16,.0f} {result.bare:17,.0f} {result.share:6.1%}", flush=True)
    print(f"wanted: at least {WANTED:.0%}")
    arithmetic = choose("auto", torch.device("cpu"), VAE())
    return {"batch": BATCH, "precision": arithmetic, "wanted_share": WANTED, "models": found}


if __name__ == "__main__":
    main()

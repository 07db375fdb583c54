"""How the time of an epoch grows with the examples, the code, the minibatch and the picture.

On log-log axes a power law is a straight line and its slope the exponent. What to expect: time is
proportional to the examples (slope 1) and, for convolutions, to the pixels (slope 1 in pixels); a larger
code adds arithmetic only in the two layers beside it, so its slope is that of the network's multiplications;
a larger minibatch has fewer updates to pay for (slope −1) until arithmetic is all that is left (slope 0).
"""

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.throughput import random_pictures
from tools.project import Project
from vae_course.files import write_atomically
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

EXAMPLES = (4_000, 8_000, 16_000, 32_000, 64_000)
LATENT = (2, 8, 32, 128, 512)
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
SIDES = (16, 32, 64, 128)
FEW, PHOTOGRAPHS = 10_000, 256
REPEATS = 3
ALT = (
    "Four log-log panels of the seconds of an epoch, measured points on expected dashed lines: straight up "
    "with the examples and with the pixels, nearly flat with the latent size, and falling, then flat, with "
    "the minibatch."
)


@dataclass(frozen=True)
class Growth:
    """One curve.

    Attributes:
        name: what is varied, with its unit.
        x: its values; seconds: of an epoch, medians.
        slope: least squares on log-log axes; expected: lowest and highest slope that theory allows.
    """

    name: str
    x: tuple[float, ...]
    seconds: tuple[float, ...]
    slope: float
    expected: tuple[float, float]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the least-squares line through (log x, log y)."""
    return statistics.linear_regression([math.log(v) for v in x], [math.log(v) for v in y]).slope


def epoch_seconds(shape=(1, 28, 28), examples: int = FEW, batch_size: int = 256, **model) -> float:
    """Of one epoch of ``fit`` on pictures of noise, with next to no history."""
    seed_everything(0)
    data, network = random_pictures(examples, shape), VAE(shape, **model)
    start = time.perf_counter()
    fit(
        network, data, epochs=1, batch_size=batch_size, eval_examples=1, device="cpu", progress=False
    )  # a batch of one before and after is the history
    return time.perf_counter() - start


def multiplications(latent_dim: int) -> int:
    """Of one picture in the default network, forward: the entries of all its matrices."""
    return sum(p.nelement() for p in VAE(latent_dim=latent_dim).parameters() if p.dim() == 2)


def curve(name: str, x: Sequence[float], settings: Sequence[dict], expected: tuple[float, float]) -> Growth:
    """Time every setting ``REPEATS`` times, in turns, after an untimed first one."""
    epoch_seconds(**settings[0])
    rounds = [[epoch_seconds(**one) for one in settings] for _ in range(REPEATS)]
    seconds = tuple(statistics.median(column) for column in zip(*rounds, strict=True))
    return Growth(name, tuple(x), seconds, slope(x, seconds), expected)


def curves():
    """The four curves, one after another."""
    yield curve("examples", EXAMPLES, [{"examples": n} for n in EXAMPLES], (1.0, 1.0))
    by_arithmetic = slope(LATENT, [multiplications(k) for k in LATENT])
    yield curve("latent size", LATENT, [{"latent_dim": k} for k in LATENT], (0.0, by_arithmetic))
    yield curve("minibatch", BATCHES, [{"batch_size": n} for n in BATCHES], (-1.0, 0.0))
    photographs = {"examples": PHOTOGRAPHS, "batch_size": 64, "latent_dim": 32}
    photographs |= {"architecture": "conv", "hidden_dims": (32, 64, 128)}
    settings = [{"shape": (3, side, side), **photographs} for side in SIDES]
    yield curve("pixels", [side**2 for side in SIDES], settings, (1.0, 1.0))


def draw(found: Sequence[Growth]):
    """A figure with a panel for each curve: points, the fitted line, and lines of the expected slopes."""
    from matplotlib.figure import Figure

    from vae_course.plots.style import COLORS, styled

    @styled
    def panels() -> Figure:
        figure = Figure(figsize=(8.6, 5.6), layout="constrained")
        for axes, growth in zip(figure.subplots(2, 2).flat, found, strict=True):
            x, seconds = growth.x, growth.seconds
            for expected in sorted(set(growth.expected)):
                label = f"slope {expected:.2f} expected"
                line = [seconds[-1] * (value / x[-1]) ** expected for value in x]
                axes.plot(x, line, color=COLORS[1], linestyle="--", label=label)
            label = f"measured, slope {growth.slope:.2f}"
            axes.plot(x, seconds, color=COLORS[0], marker="o", linestyle="none", label=label)
            axes.set(xscale="log", yscale="log", xlabel=growth.name, ylabel="seconds per epoch")
            axes.set_xticks(x, [f"{value:,}" for value in x], fontsize="small")
            axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            axes.legend(fontsize="small")
        return figure

    return panels()


def main() -> dict:
    from vae_course.teaching.display import png_bytes

    found = []
    for growth in curves():
        found.append(growth)
        print(f"{growth.name:12} " + " ".join(f"{x:>8,.0f}" for x in growth.x))
        low, high = growth.expected
        wanted = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
        times = " ".join(f"{seconds:8.3f}" for seconds in growth.seconds)
        print(f"{'  seconds':12} {times}   slope {growth.slope:.2f}, expected {wanted}", flush=True)
    path = Project.here().root / "assets" / "figures" / "growth.png"
    write_atomically(path, png_bytes(draw(found)))
    return {"figure": f"assets/figures/{path.name}", "alt": ALT, "curves": [asdict(one) for one in found]}


if __name__ == "__main__":
    main()

"""How long every explorer of the course takes from a move of a control to the new picture."""

from __future__ import annotations

import io
import random
import statistics
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from vae_course import widgets
from vae_course.data.images import ImageData
from vae_course.data.loading import load
from vae_course.data.toys import CurveModel, ring_mixture
from vae_course.models.networks import Classifier
from vae_course.models.text import TextVAE
from vae_course.models.vae import VAE, GaussianVAE
from vae_course.randomness import seed_everything, seeded
from vae_course.weights import load_letters, load_one_model

LIMIT = 50.0  # milliseconds of one core: what still feels like moving the thing itself
ALT = "Still pictures of the same thing, of which the benchmark takes no notice."


@dataclass(frozen=True)
class Latency:
    """Milliseconds of processor time of the moves, each from the new value to the new picture in the widget.

    The clock of the processor, because the other one counts what else the machine does. The browser's part
    is not in it. Menus are left out: the first time that one of their entries is chosen, its axes are drawn.
    """

    median: float
    percentile_95: float
    slowest: float
    moves: int


def _pictures(n: int, shape=(1, 28, 28)) -> ImageData:
    pixels = torch.randint(0, 256, (n, *shape), generator=seeded(0), dtype=torch.uint8)
    return ImageData("noise", "test", pixels, torch.arange(n) % 10, tuple("0123456789"))


def _vae(latent_dim: int, shape=(1, 28, 28), **settings) -> VAE:
    return VAE(image_shape=shape, latent_dim=latent_dim, hidden_dims=(400, 200), **settings).eval()


def _watched() -> dict[str, widgets.Watched]:
    points = 4 * torch.randn(20, 2500, 5, 2, generator=seeded(0))
    return {name: widgets.Watched(tuple(range(0, 2000, 100)), points) for name in ("plain GAN", "R1")}


def _domains() -> dict[str, widgets.Domain]:
    sound = load("spoken_digits_synthetic", "test", subset=2)
    texts = load("invented_names", "test", subset=2)
    models = {
        "picture": _vae(16),
        "sound": GaussianVAE.for_data(sound, latent_dim=8, hidden_dims=(8, 16, 32, 32), architecture="conv"),
        "text": TextVAE.for_data(texts, latent_dim=8, hidden_dim=64, embedding_dim=16),
    }
    data = {"picture": _pictures(2), "sound": sound, "text": texts}
    draw = {"picture": widgets.draw_picture, "sound": widgets.draw_sound(sound)}
    draw["text"] = widgets.draw_text(texts.tokenizer)
    return {k: widgets.Domain(m.eval(), data[k].batch(slice(0, 2)), draw[k]) for k, m in models.items()}


def _named(pictures: Tensor) -> dict[str, Tensor]:
    return dict(zip("abcdefgh", pictures, strict=False))


# As large as in their chapters. Nothing is trained: a move takes as long with weights that were just drawn.
EXPLORERS: dict[str, Callable] = {
    "01 toy posterior": lambda: widgets.explore_toy_posterior(
        CurveModel(), _named(torch.tensor([[0.0, 1.127], [0.0, -1.0], [3.0, 0.5]], dtype=torch.float64))
    ),
    "02 corrupted digit": lambda: widgets.explore_corrupted_digit(_vae(20), _pictures(1).floats()[0]),
    "03 latent pad": lambda: widgets.explore_latent_pad(_vae(2), _pictures(300)),
    "04 and 08 β and latent size": lambda: widgets.explore_beta_latent(
        load_one_model("digits"), load("digits", "test")
    ),
    "05 loss translator": widgets.explore_loss_translator,
    "06 training": lambda: widgets.explore_training(_watched(), ring_mixture(), ALT),
    "07 judge": lambda: widgets.explore_the_judge(
        {"VAE": _pictures(128).floats()}, _pictures(256).floats()[128:], Classifier((1, 28, 28), 10).eval()
    ),
    "09 alphabet": lambda: widgets.explore_alphabet(
        load_letters(), torch.zeros(32), _named(torch.randn(4, 32, generator=seeded(0))), "my_work", alt=ALT
    ),
    "10 domains": lambda: widgets.explore_domains(_domains(), ALT),
}


def slider_latency(name: str, moves: int = 40) -> Latency:
    """Move the sliders of an explorer to random places, in turns, and time the redraws.

    Args:
        name: one of ``EXPLORERS``.
        moves: number of moves.
    """
    seed_everything(0)
    with redirect_stdout(io.StringIO()):
        shell = EXPLORERS[name]()
    controls = shell.controls
    menus = [control for control in controls.values() if hasattr(control, "options")]
    sliders = [control for control in controls.values() if hasattr(control, "step")]
    draw, times = random.Random(0), []
    for move in range(moves):
        if menus and move % 10 == 0:  # ten moves with each entry, not counted itself
            menus[-1].index = move // 10 % len(menus[-1].options)
        control = sliders[move % len(sliders)]
        value = control.value
        while value == control.value:  # a move that changes nothing draws nothing
            place = draw.uniform(control.min, control.max)
            value = 10**place if hasattr(control, "base") else type(value)(place)
        before = shell.picture.value
        times.append(_milliseconds(lambda c=control, v=value: setattr(c, "value", v)))
        if shell.picture.value == before:
            raise RuntimeError(f"{name}: the slider moved and the picture stayed the same; it is broken.")
    times.sort()
    return Latency(statistics.median(times), times[round(0.95 * (moves - 1))], times[-1], moves)


def _milliseconds(move: Callable[[], object]) -> float:
    start = time.process_time()
    move()
    return 1000 * (time.process_time() - start)


def main() -> dict:
    slider_latency("11 stages", 5)  # first uses load code and fonts
    found = {}
    print(f"milliseconds of one core; wanted: median ≤ {LIMIT:.0f}")
    print(f"{'chapter and explorer':28}  median  95th percentile  slowest")
    for name in EXPLORERS:
        latency = slider_latency(name)
        found[name] = asdict(latency)
        row = f"{name:28} {latency.median:7.0f} {latency.percentile_95:16.0f} {latency.slowest:8.0f}"
        print(row, flush=True)
    return {"milliseconds": found, "wanted": LIMIT}


if __name__ == "__main__":
    main()

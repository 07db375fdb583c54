"""How long a slider of the β and latent-size explorer takes from a move to the new picture."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass

LIMIT = 100.0  # milliseconds: what still feels like moving the thing itself


@dataclass(frozen=True)
class Latency:
    """Times of slider moves in milliseconds, each from the new value to the new picture in the widget."""

    median: float
    percentile_95: float
    slowest: float
    moves: int
    threads: int

    def __str__(self) -> str:
        return (
            f"slider to picture: median {self.median:.0f} ms, 95th percentile {self.percentile_95:.0f} ms, "
            f"slowest {self.slowest:.0f} ms ({self.moves} moves, {self.threads} threads); "
            f"wanted: below {LIMIT:.0f} ms"
        )


def slider_latency(dataset: str = "digits", moves: int = 200, seed: int = 0) -> Latency:
    """Move the sliders of a real explorer to random places and time the redraws.

    The time runs from the assignment of the value, as the front end makes it, to the widget's new picture:
    the fold of the model, the measures on 200 pictures, drawing and PNG. The browser's part is not in it.

    Args:
        dataset: whose shipped model and test pictures to take; digits need no files.
        moves: number of moves, β and k in turns.
        seed: of the places.
    """
    import torch

    from vae_course.data.loading import load
    from vae_course.weights import load_one_model
    from vae_course.widgets.beta_latent import BetaLatentExplorer, BetaLatentView

    explorer = BetaLatentExplorer(BetaLatentView(load_one_model(dataset), load(dataset, "test")))
    draw, times = random.Random(seed), []
    for move in range(moves):
        control = explorer.k if move % 2 else explorer.beta
        old, before = control.value, explorer.picture.value
        while control.value == old:  # a move that changes nothing draws nothing
            place = draw.uniform(control.min, control.max)
            start = time.perf_counter()
            control.value = round(place) if move % 2 else 10**place
            seconds = time.perf_counter() - start
        if explorer.picture.value == before:
            raise RuntimeError("the slider moved and the picture stayed the same; the explorer is broken.")
        times.append(1000 * seconds)
    measured = torch.tensor(times)
    return Latency(
        measured.median().item(),
        measured.quantile(0.95).item(),
        measured.max().item(),
        moves,
        torch.get_num_threads(),
    )


def main() -> dict:
    slider_latency(moves=10)  # first uses load code and fonts
    latency = slider_latency()
    print(latency)
    return {"milliseconds": asdict(latency), "wanted": LIMIT}


if __name__ == "__main__":
    main()

"""The models of chapter 11's ablation, as they come with the package.

``python -m vae_course.course.ablation`` makes them; here they are read.
"""

import json
from pathlib import Path

from vae_course.models import VAE
from vae_course.training.arena_weights import read_arena

FOLDER = Path(__file__).parent.parent / "weights" / "ablation"
TABLE = FOLDER / "ablation.json"
STAGES = ("pixel", "feature", "adversary")
SHIPPED_SEEDS = (0, 1, 2)


def load_ablation(stage: str, seed: int = 0) -> VAE:
    """The VAE of one stage: trained by its pixels, by learned features, or by these and an adversary.

    Args:
        stage: one of ``STAGES``.
        seed: one of ``SHIPPED_SEEDS``.

    Raises:
        ValueError: there is no such model.
    """
    path = FOLDER / f"{stage}_{seed}.pt"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.pt"))) or "none"
        raise ValueError(f"the ablation has no {stage!r} with seed {seed}; shipped are: {known}.")
    return read_arena(path).model


def ablation_results() -> dict:
    """Settings of the stages and what was measured of every run, those that failed included."""
    if not TABLE.is_file():
        raise ValueError(f"there is no table {TABLE}; make it: python -m vae_course.course.ablation")
    return json.loads(TABLE.read_text(encoding="utf-8"))

"""A map of gaps over β and latent size: where a shortcut holds, and where it does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vae_course.plots.style import styled


@styled
def gap_map(records: Sequence[dict], title: str = "", limit: float = 5.0) -> Figure:
    """One square for each (β, k) with the gap in nats; blue is better than separate training, orange worse.

    Args:
        records: dicts with "beta", "k", "gap" and, where there are several seeds, "low" and "high".
        title: what was compared, and how long each was trained.
        limit: gap at which the color is full.

    Raises:
        ValueError: no records.
    """
    if not records:
        raise ValueError("gap_map got no records; run the comparison first.")
    betas, sizes = (sorted({record[name] for record in records}) for name in ("beta", "k"))
    values = np.full((len(betas), len(sizes)), np.nan)
    figure = Figure(figsize=(1.6 + 1.25 * len(sizes), 1.3 + 0.62 * len(betas)), layout="constrained")
    axes = figure.subplots()
    for record in records:
        row, column = betas.index(record["beta"]), sizes.index(record["k"])
        values[row, column] = record["gap"]
        text = f"{record['gap']:+.1f}".replace("-", "\N{MINUS SIGN}")
        if record.get("low") is not None:
            text += f"\n± {(record['high'] - record['low']) / 2:.1f}"
        strong = abs(record["gap"]) > 0.7 * limit
        axes.text(
            column, row, text, ha="center", va="center", fontsize=10, color="white" if strong else "black"
        )
    picture = axes.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto")
    figure.colorbar(picture, ax=axes, label="gap (nats)", extend="both")
    axes.set_xticks(range(len(sizes)), [f"{k}" for k in sizes])
    axes.set_yticks(range(len(betas)), [f"{beta:g}" for beta in betas])
    axes.set(xlabel="latent size k", ylabel="β")
    axes.set_title(title, fontsize=11)
    axes.grid(False)
    return figure

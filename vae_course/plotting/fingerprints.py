"""What a bug does to the curves: a broken run beside a healthy one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, SymmetricalLogLocator

from vae_course.plotting.style import BLUE, GREEN, VERMILION, styled

Log = Mapping[str, Sequence[float]]
HEALTHY = {"color": BLUE, "linestyle": "-", "marker": "o"}
BROKEN = {"color": VERMILION, "linestyle": "--", "marker": "s"}
TRUTH = {"color": GREEN, "linestyle": "-.", "marker": "^"}
TRAINING = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}


@styled
def fingerprint(healthy: Log, broken: Log) -> Figure:
    """The training log of a broken run beside that of a healthy one, and what is true on held-out pictures.

    Args:
        healthy, broken: name → value at each epoch from 0, in nats per example: "loss", "reconstruction" and
            "kl" as the code logs them in training; "reported" (−ELBO that its evaluation prints) and "true"
            (−ELBO of the same weights, correctly measured), both on held-out pictures. Values that are not
            finite are marked in the title.

    Raises:
        ValueError: a name is missing.
    """
    for name, log in (("healthy", healthy), ("broken", broken)):
        missing = {*TRAINING, "reported", "true"} - log.keys()
        if missing:
            raise ValueError(f"the {name} log has no {sorted(missing)[0]!r}; it has {', '.join(log)}.")
    figure = Figure(figsize=(11.2, 3.0), layout="constrained")
    panels = figure.subplots(1, 4)
    for axes, (name, title) in zip(panels, TRAINING.items(), strict=False):
        _panel(axes, f"training log: {title}", {"healthy": healthy[name], "broken": broken[name]})
    curves = {
        "healthy": healthy["true"],
        "broken, as it reports": broken["reported"],
        "broken, in truth": broken["true"],
    }
    _panel(panels[3], "held out: −ELBO", curves)
    panels[0].set_ylabel("nats per example")
    lines = {line.get_label(): line for axes in panels for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    return figure


def _panel(axes: Axes, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    looks = {"healthy": HEALTHY, "broken, in truth": TRUTH}
    finite = [value for values in curves.values() for value in values if math.isfinite(value)]
    for name, values in curves.items():
        shown = [value if math.isfinite(value) else math.nan for value in values]
        axes.plot(range(len(values)), shown, label=name, **looks.get(name, BROKEN))
    if not all(map(math.isfinite, curves["healthy"])) or len(finite) < sum(map(len, curves.values())):
        title += " (not finite)"
    # Only a very wide range needs a logarithm, and a negative loss needs one with a straight middle.
    if finite and max(map(abs, finite)) > 2000:
        axes.set_yscale("symlog", linthresh=100)
        few = SymmetricalLogLocator(base=10, linthresh=100)
        few.set_params(numticks=6)
        axes.yaxis.set_major_locator(few)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))

"""What a bug does to the curves: a broken run beside a healthy one."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_course.plots.style import BLUE, GREEN, VERMILION, styled

Log = Mapping[str, Sequence[float]]
HEALTHY = {"color": BLUE, "linestyle": "-", "marker": "o"}
BROKEN = {"color": VERMILION, "linestyle": "--", "marker": "s"}
TRUTH = {"color": GREEN, "linestyle": "-.", "marker": "^"}
LINEAR = 100  # where a wide range is drawn straight: between minus and plus this
TRAINING = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL"}


@styled
def fingerprint(healthy: Log, broken: Log, names: tuple[str, str] = ("healthy", "broken")) -> Figure:
    """The training log of a broken run beside that of a healthy one, and what is true on held-out pictures.

    Logs are name → value at each epoch from 0, in nats per example: "loss", "reconstruction" and "kl" as the
    code logs them in training; "reported" (−ELBO that its evaluation prints) and "true" (−ELBO, correctly
    measured), both held out.
    """
    figure = Figure(figsize=(11.2, 3.0), layout="constrained")
    panels = figure.subplots(1, 4)
    good, reported, true = names[0], f"{names[1]}, as it reports", f"{names[1]}, in truth"
    for axes, (name, title) in zip(panels, TRAINING.items(), strict=False):
        _panel(axes, f"training log: {title}", {good: healthy[name], reported: broken[name]})
    curves = {good: healthy["true"], reported: broken["reported"], true: broken["true"]}
    _panel(panels[3], "held out: −ELBO", curves)
    panels[0].set_ylabel("nats per example")
    lines = {line.get_label(): line for axes in panels for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    return figure


def _panel(axes: Axes, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    finite = [value for values in curves.values() for value in values if math.isfinite(value)]
    for (name, values), look in zip(curves.items(), (HEALTHY, BROKEN, TRUTH), strict=False):
        shown = [value if math.isfinite(value) else math.nan for value in values]
        axes.plot(range(len(values)), shown, label=name, **look)
    if len(finite) < sum(map(len, curves.values())):
        title += " (not finite)"
    # Only a very wide range needs a logarithm, and a negative loss needs one with a straight middle.
    if finite and max(map(abs, finite)) > 2000:
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_yticks(_spread_ticks(*axes.get_ylim()))
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _spread_ticks(low: float, high: float) -> list[float]:
    """0 and powers of ten, equally far apart, for a symlog axis from low to high: about seven of them."""

    def place(value: float) -> float:
        """In decades from 0; the straight part is one decade long."""
        size = abs(value) / LINEAR
        return math.copysign(1 + math.log10(size) if size > 1 else size, value)

    ends = place(low), place(high)
    step = max(1, math.ceil((ends[1] - ends[0]) / 6))
    powers = [LINEAR * 10.0 ** (n - 1) for n in range(step, math.ceil(max(map(abs, ends))) + 1, step)]
    return [tick for tick in (*(-power for power in reversed(powers)), 0.0, *powers) if low <= tick <= high]

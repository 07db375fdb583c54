"""Lines and bars: curves of measured numbers, intervals, training curves, sweeps over latent sizes."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from vae_course.evaluation.code_use import size_curve
from vae_course.evaluation.intervals import Runs
from vae_course.plots.style import BLUE, DATA, GREEN, GREY, HELD_OUT, TRAIN, looks, styled, subplots
from vae_course.training.loop import History


@styled
def line_plot(
    curves: Mapping[str, tuple[Sequence[float], ...]],
    x_label: str,
    y_label: str,
    *,
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[float] | None = None,
    legend_outside: bool = False,
    bands: bool = False,
    direct: bool = False,
) -> Figure:
    """One axes with a line for each name; lines differ in color, dash and marker.

    Args:
        curves: name → (x, y) or (x, y, low, high); low and high are drawn as error bars, or with ``bands``
            as bands. y may be `Runs`, which bring their own. With ``points``, curves have no markers.
        points: name → (x, y), drawn as markers without a line: measurements beside exact curves.
        x_label, y_label, log_x, log_y, x_ticks: labels have units; ticks are where to write numbers.
        legend_outside: put the legend to the right of the axes, where it hides nothing.
        direct: write the name of each curve at its end instead of a legend.
    """
    figure, axes = subplots(figsize=(8.6 if legend_outside else 6.4, 3.6))
    for (name, (x, y, *interval)), look in zip(curves.items(), looks(curves), strict=True):
        if points:
            del look["marker"]
        if len(y) and isinstance(y[0], Runs):
            y, interval = [runs.mean for runs in y], zip(*[runs.interval() for runs in y], strict=True)
        if bands:
            axes.fill_between(x, *interval, color=look["color"], alpha=0.15, linewidth=0)
            interval = ()
        axes.errorbar(x, y, yerr=error_bars(y, *interval), label=name, capsize=3, **look)
        if direct:
            axes.annotate(name, (x[-1], y[-1]), (7, 0), textcoords="offset points", va="center")
    for (name, (x, y)), look in zip((points or {}).items(), looks(points or ()), strict=True):
        axes.plot(x, y, label=name, **look | {"linestyle": "none"})
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if x_ticks is not None:
        axes.set_xticks(list(x_ticks), [f"{tick:,g}" for tick in x_ticks])
        axes.minorticks_off()
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(curves) + len(points or {}) > 1 and not direct:
        axes.legend(**({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if legend_outside else {}))
    return figure


def error_bars(y: Sequence[float], *interval: Sequence[float]) -> np.ndarray | None:
    """What ``errorbar`` calls ``yerr``: how far low and high lie from y; None without an interval."""
    if not interval:
        return None
    low, high = interval
    return np.array([np.subtract(y, low), np.subtract(high, y)])


@styled
def interval_dots(
    panels: Mapping[str, Mapping[str, Runs | tuple[float, float, float]]],
    references: Mapping[str, float] | None = None,
    *,
    log: Collection[str] = (),
    colors: Sequence[str] = (),
) -> Figure:
    """Means with intervals: each measure in a panel of its own, with the same sources in rows.

    ``panels``: measure (the axis label, with unit) → source → `Runs` or (mean, low, high), the same sources
    in each. ``references``: values of real digits, dotted; ``log``: measures drawn so; ``colors`` of sources.
    """
    sources = list(next(iter(panels.values())))
    # Inches: more than four panels need more than a text column.
    size = (max(8.5, 2 * len(panels)), 0.42 * len(sources) + 1.3)
    figure, grid = subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axes, (measure, rows) in zip(grid[0], panels.items(), strict=True):
        for i, (runs, look) in enumerate(zip(rows.values(), looks(sources), strict=True)):
            look |= {"color": colors[i]} if colors else {}
            mean, low, high = (runs.mean, *runs.interval()) if isinstance(runs, Runs) else runs
            axes.plot([low, high], [i, i], color=look["color"], linestyle="-", linewidth=3, alpha=0.5)
            axes.plot(mean, i, **look | {"linestyle": ""}, markersize=7)
        if references and measure in references:
            axes.axvline(references[measure], color=DATA, linestyle=":", linewidth=1.4)
            look = {"transform": axes.get_xaxis_transform(), "ha": "center", "fontsize": 9, "color": DATA}
            axes.text(references[measure], 1.01, "real digits", **look)
        axes.set(xlabel=measure, xscale="log" if measure in log else "linear")
    grid[0, 0].set_yticks(range(len(sources)), sources)
    grid[0, 0].invert_yaxis()
    return figure


@styled
def bars(values: Mapping[str, float], label: str, highlighted: Collection[str] = ()) -> Figure:
    """A bar with its number for each name; those ``highlighted`` are blue, the others gray."""
    figure, axes = subplots(figsize=(8.5, 0.36 * len(values) + 0.9))
    colors = [BLUE if name in highlighted else GREY for name in values]
    drawn = axes.barh(list(values), list(values.values()), color=colors)
    axes.bar_label(drawn, [f"{value:.2f}" for value in values.values()], padding=3)
    axes.invert_yaxis()
    axes.grid(False)
    axes.set(xlabel=label, xlim=(0, 1.1 * max(values.values())))
    return figure


# Training curves.

TERMS = {"negative_elbo": "−ELBO", "reconstruction": "reconstruction", "kl": "KL"}
PARTS = {"train": {**TRAIN, "label": "training"}, "validation": {**HELD_OUT, "label": "held out"}}


def count_along(axes: Axes, label: str) -> None:
    """An x axis of whole numbers."""
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


@styled
def training_curves(history: History) -> Figure:
    """−ELBO, reconstruction and KL on training and held-out data, with a dotted line at the best epoch of a
    run that stopped early. Where the loss before training would press the rest flat, a note gives it instead.
    """
    figure, panels = subplots(1, len(TERMS), figsize=(2.9 * len(TERMS) + 0.4, 3.0))
    for axes, (name, title) in zip(panels, TERMS.items(), strict=True):
        curves = []
        for part, look in PARTS.items():
            records = [record for record in history.records if record.get(part)]  # without unwatched epochs
            if records:
                epochs = np.array([record["epoch"] for record in records])
                values = np.array([record[part][name] for record in records], dtype=float)
                axes.plot(epochs, values, **look, markevery=max(1, len(epochs) // 12))
                curves.append((epochs, values))
        if history.stopped_early and history.best_epoch is not None:
            label = f"best: epoch {history.best_epoch}"
            axes.axvline(history.best_epoch, color=GREY, linestyle=":", linewidth=1.3, label=label)
        axes.set_title(title, loc="left")
        count_along(axes, "epoch")
        _limit(axes, curves)
    panels[0].set_ylabel("nats per example")
    panels[0].legend(loc="best")
    return figure


def _limit(axes: Axes, curves: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Keep the value before training from pressing the rest flat; say in the panel where it lies."""
    start = np.concatenate([values[epochs == 0] for epochs, values in curves])
    later = np.concatenate([values[epochs > 0] for epochs, values in curves])
    start, later = start[np.isfinite(start)], later[np.isfinite(later)]
    if not len(start) or not len(later):
        return
    low, high = later.min(), later.max()
    span = max(high - low, 0.02 * abs(high), 1e-3)
    if start.max() > high + 2 * span:
        axes.set_ylim(low - 0.08 * span, high + 0.08 * span)
        axes.set_title(f"epoch 0: {start.max():,.0f} ↑", loc="right", color=GREY, fontsize=9.5)


# What a bug does to the curves: a broken run beside a healthy one.

Log = Mapping[str, Sequence[float]]
TRUTH = {"color": GREEN, "linestyle": "-.", "marker": "^"}
LINEAR = 100  # where a wide range is drawn straight: between minus and plus this


@styled
def fingerprint(healthy: Log, broken: Log, names: tuple[str, str] = ("healthy", "broken")) -> Figure:
    """The training log of a broken run beside that of a healthy one, and what is true on held-out pictures.

    Logs are name → value at each epoch from 0, in nats per example: "loss", "reconstruction" and "kl" as the
    code logs them; "reported" (its held-out −ELBO) and "true" (the same, correctly measured).
    """
    figure, panels = subplots(1, 4, figsize=(11.2, 3.0))
    good, reported, true = names[0], f"{names[1]}, as it reports", f"{names[1]}, in truth"
    for axes, name in zip(panels, ("loss", "reconstruction", "kl"), strict=False):
        title = f"training log: {'KL' if name == 'kl' else name}"
        _panel(axes, title, {good: healthy[name], reported: broken[name]})
    curves = {good: healthy["true"], reported: broken["reported"], true: broken["true"]}
    _panel(panels[3], "held out: −ELBO", curves)
    panels[0].set_ylabel("nats per example")
    lines = {line.get_label(): line for axes in panels for line in axes.lines}
    figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=len(lines))
    return figure


def _panel(axes: Axes, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    finite = [value for values in curves.values() for value in values if math.isfinite(value)]
    for (name, values), look in zip(curves.items(), (TRAIN, HELD_OUT, TRUTH), strict=False):
        shown = [value if math.isfinite(value) else math.nan for value in values]
        axes.plot(range(len(values)), shown, label=name, **look)
    if len(finite) < sum(map(len, curves.values())):
        title += " (not finite)"
    # Only a very wide range needs a logarithm, and a negative loss needs one with a straight middle.
    if finite and max(map(abs, finite)) > 2000:
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_yticks(_spread_ticks(*axes.get_ylim()))
    axes.set_title(title, fontsize=10)
    count_along(axes, "epoch")


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


# Curves of a sweep over latent sizes.

PANELS = {
    "distortion": "distortion (nats per example)",
    "rate": "rate: KL (nats per example)",
    "used_units": "used units (KL ≥ 0.05 nats)",
    "negative_elbo": "−ELBO (nats per example)",
    "frechet": "Fréchet distance of samples",
    "probe_accuracy": "linear-probe accuracy",
}


@styled
def size_panel(sweeps: Mapping[str, Sequence[dict]], *, beta: float = 1.0) -> Figure:
    """Measures against latent size, a small axes each, with 95 % intervals over seeds as error bars.

    ``sweeps``: name of a line → records of a sweep, of which the models of this ``beta`` are taken.
    """
    figure, grid = subplots(2, 3, figsize=(9.9, 5.75))
    for axes, (measure, label) in zip(grid.flat, PANELS.items(), strict=True):
        for (name, records), look in zip(sweeps.items(), looks(sweeps), strict=True):
            if all(record.get(measure) is None for record in records):
                continue  # this sweep left the measure out: own pictures have no labels, for example
            sizes, mean, *interval = size_curve(records, measure, beta)
            axes.errorbar(sizes, mean, yerr=error_bars(mean, *interval), label=name, capsize=2.5, **look)
            _logarithmic(axes, 2, sizes)
        if measure == "used_units":  # the line on which every dimension that is offered is used
            top = axes.get_ylim()[1]
            sizes = np.geomspace(2, top, 51)  # straight in k, so bent on a logarithmic axis
            axes.plot(sizes, sizes, color=GREY, linewidth=1, linestyle=":")
            text = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 9}
            axes.annotate("all of them", (top, top), (-4, -4), **text)
        axes.set(xlabel="latent size", ylabel=label)
    _common_legend(figure, "outside upper center")
    return figure


def _logarithmic(axes: Axes, base: int, ticks: Sequence[float] | None) -> None:
    axes.set_xscale("log", base=base)
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _common_legend(figure: Figure, place: str) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc=place, ncols=min(len(labels), 4))


@styled
def rate_distortion_panel(records: Sequence[dict]) -> Figure:
    """Rate against distortion of every model of a sweep: a line for each β along which latent size grows."""
    betas = sorted({record["beta"] for record in records})
    figure, axes = subplots(figsize=(6.4, 3.8))
    for beta, look in zip(betas, looks(betas), strict=True):
        sizes, rates, *_ = size_curve(records, "rate", beta)
        distortions = size_curve(records, "distortion", beta).mean
        axes.plot(rates, distortions, label=f"β = {beta:g}", **look)
        for k, rate, distortion in zip(sizes, rates, distortions, strict=True):
            axes.annotate(f"{k}", (rate, distortion), (4, 3), textcoords="offset points", fontsize=9)
    axes.set(xlabel="rate: KL (nats per example)", ylabel="distortion (nats per example)")
    axes.legend(title="numbers: latent size")
    return figure


@styled
def side_by_side(
    panels: Mapping[str, Mapping[str, Mapping[float, Runs | float]]],
    x_label: str,
    y_label: str,
    *,
    log_x: int = 0,
    log_y: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """A panel with an axis of its own for each title, a line for each name: x → `Runs` or a number.

    ``log_x`` is the base of a logarithmic x axis, 0 for none; ``levels`` are names of horizontal lines.
    """
    columns, rows = min(2, len(panels)), -(-len(panels) // 2)
    figure = Figure(figsize=(4.25 * max(columns, 1.5), 2.6 * rows + 1), layout="constrained")
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    look_of = dict(zip(names, looks(names), strict=True))
    row = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in row[len(panels) :]:
        axes.remove()
    for axes, (title, lines) in zip(row, panels.items(), strict=False):
        for name, line in lines.items():
            runs = [value if isinstance(value, Runs) else Runs([value]) for value in line.values()]
            mean = [value.mean for value in runs]
            ends = [value.interval() if value.n > 1 else (value.mean, value.mean) for value in runs]
            bars = error_bars(mean, *zip(*ends, strict=True)) if any(value.n > 1 for value in runs) else None
            axes.errorbar(list(line), mean, yerr=bars, label=name, capsize=2.5, **look_of[name])
        if log_x:
            ticks = sorted({x for line in lines.values() for x in line if len(line) < 13})
            _logarithmic(axes, log_x, ticks or None)
        if log_y:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_locator(NullLocator())
        for text, level in (levels or {}).items():
            axes.axhline(level, color=GREY, linestyle=":", linewidth=1.3)
            axes.annotate(text, (1, level), (0, 3), xycoords=("axes fraction", "data"),
                          textcoords="offset points", ha="right", fontsize=9, color=GREY)  # fmt: skip
        axes.set_title(title, loc="left")
        axes.set_xlabel(x_label)
    for axes in row[: len(panels) : columns]:
        axes.set_ylabel(y_label)
    _common_legend(figure, "outside lower center")
    return figure

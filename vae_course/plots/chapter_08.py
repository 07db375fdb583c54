"""The curves of a sweep over latent sizes."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from vae_course.evaluation.intervals import Runs
from vae_course.evaluation.sizes import size_curve
from vae_course.plots.curves import error_bars
from vae_course.plots.style import GREY, looks, styled

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
    figure = Figure(figsize=(9.9, 5.75), layout="constrained")
    for axes, (measure, label) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        for (name, records), look in zip(sweeps.items(), looks(sweeps), strict=True):
            if all(record.get(measure) is None for record in records):
                continue  # this sweep left the measure out: own pictures have no labels, for example
            sizes, mean, *interval = size_curve(records, measure, beta)
            axes.errorbar(sizes, mean, yerr=error_bars(mean, *interval), label=name, capsize=2.5, **look)
            _logarithmic(axes, 2, sizes)
        if measure == "used_units":
            _all_of_them(axes)
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


def _all_of_them(axes: Axes) -> None:
    """The curve on which every dimension that is offered is used, as far as the measured counts reach."""
    top = axes.get_ylim()[1]
    sizes = [2 * (top / 2) ** (i / 50) for i in range(51)]  # straight in k, so bent on a logarithmic axis
    axes.plot(sizes, sizes, color=GREY, linewidth=1, linestyle=":")
    text = {"textcoords": "offset points", "ha": "right", "va": "top", "fontsize": 9}
    axes.annotate("all of them", (top, top), (-4, -4), **text)


@styled
def rate_distortion_panel(records: Sequence[dict]) -> Figure:
    """Rate against distortion of every model of a sweep: a line for each β along which latent size grows."""
    betas = sorted({record["beta"] for record in records})
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
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

"""The picture of a bug: which curves it holds, and what it says about numbers that are not finite."""

import math
from itertools import pairwise

import pytest

from vae_course.plots.curves import fingerprint

NAMES = ("loss", "reconstruction", "kl", "reported", "true")


def log(scale: float = 1.0) -> dict[str, list[float]]:
    return {name: [scale * (place + 1), scale * place] for place, name in enumerate(NAMES)}


def test_every_curve_is_drawn_with_its_own_numbers():
    healthy, broken = log(), log(10)
    figure = fingerprint(healthy, broken)
    for axes, name in zip(figure.axes, NAMES[:3], strict=False):
        drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
        assert drawn == {"healthy": healthy[name], "broken, as it reports": broken[name]}
    drawn = {line.get_label(): list(line.get_ydata()) for line in figure.axes[3].lines}
    assert drawn["broken, as it reports"] == broken["reported"]
    assert drawn["broken, in truth"] == broken["true"] and drawn["healthy"] == healthy["true"]


def test_wide_and_broken_ranges_are_drawn_and_named():
    broken = log() | {"loss": [1.0, -1e6], "kl": [1.0, math.inf]}
    loss, reconstruction, kl, _ = fingerprint(log(), broken).axes
    assert loss.get_yscale() == "symlog" and reconstruction.get_yscale() == "linear"
    assert kl.get_title().endswith("(not finite)") and not loss.get_title().endswith("(not finite)")


def test_every_name_in_the_legend_has_a_look_of_its_own():
    (legend,) = fingerprint(log(), log(10), names=("bounded", "unbounded")).legends
    assert [text.get_text() for text in legend.texts] == [
        "bounded",
        "unbounded, as it reports",
        "unbounded, in truth",
    ]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in legend.legend_handles}
    assert len(looks) == 3


@pytest.mark.parametrize("end", [3e4, 1e10, 1e15])
def test_ticks_of_a_wide_range_do_not_crowd(end):
    axes = fingerprint(log(), log() | {"reported": [-end, 0.0], "true": [0.0, end]}).axes[3]
    low, high = axes.get_ylim()
    ticks = [tick for tick in axes.yaxis.get_majorticklocs() if low <= tick <= high]
    shown = axes.transData.transform([(0.0, tick) for tick in ticks])
    heights = axes.transAxes.inverted().transform(shown)[:, 1]
    assert 0 in ticks and 3 <= len(ticks) <= 8
    assert min(b - a for a, b in pairwise(heights)) > 0.12

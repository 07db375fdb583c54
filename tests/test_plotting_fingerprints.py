"""The picture of a bug: which curves it holds, and what it says about numbers that are not finite."""

import math

import pytest

from vae_course.plotting import fingerprint

NAMES = ("loss", "reconstruction", "kl", "reported", "true")


def log(scale: float = 1.0) -> dict[str, list[float]]:
    return {name: [scale * (place + 1), scale * place] for place, name in enumerate(NAMES)}


def test_every_curve_is_drawn_with_its_own_numbers():
    healthy, broken = log(), log(10)
    figure = fingerprint(healthy, broken)
    for axes, name in zip(figure.axes, NAMES[:3], strict=False):
        drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
        assert drawn == {"healthy": healthy[name], "broken": broken[name]}
    drawn = {line.get_label(): list(line.get_ydata()) for line in figure.axes[3].lines}
    assert drawn["broken, as it reports"] == broken["reported"]
    assert drawn["broken, in truth"] == broken["true"] and drawn["healthy"] == healthy["true"]


def test_wide_and_broken_ranges_are_drawn_and_named():
    broken = log() | {"loss": [1.0, -1e6], "kl": [1.0, math.inf]}
    loss, reconstruction, kl, _ = fingerprint(log(), broken).axes
    assert loss.get_yscale() == "symlog" and reconstruction.get_yscale() == "linear"
    assert kl.get_title().endswith("(not finite)") and not loss.get_title().endswith("(not finite)")


def test_a_missing_log_is_named():
    with pytest.raises(ValueError, match="the broken log has no 'kl'"):
        fingerprint(log(), {name: [1.0] for name in NAMES if name != "kl"})

"""The collapse panel shows what the report holds."""

import pytest
from test_latent_measures import HandMade, unit_variance_rows
from tiny_data import Rows

from vae_course.evaluation.code_use import collapse_report
from vae_course.plots.curves import collapse_panel


def report(scale, log_var):
    return collapse_report(HandMade(scale, log_var), Rows(unit_variance_rows(200, len(scale))))


def test_bars_are_the_kl_and_crosses_the_inactive_units():
    found = report([0.0, 1.0, 0.6], [0.0, -2.0, -0.5])
    left, right = collapse_panel({"mine": found}).axes
    told, rest = left.containers
    heights = [a.get_height() + b.get_height() for a, b in zip(told, rest, strict=True)]
    assert heights == pytest.approx(found.kl_per_dimension.sort(descending=True).values.tolist())
    (crosses,) = [line for line in left.lines if line.get_marker() == "x"]
    assert crosses.get_xdata().tolist() == [3]
    assert left.get_title(loc="left") == "mine: 2 of 3 units active"
    assert [bar[0].get_width() for bar in right.containers] == pytest.approx(
        [found.rate.value, found.mutual_information.value, found.aggregate_kl]
    )


def test_rows_share_their_axes_and_have_names():
    figure = collapse_panel(
        {"collapsed": report([0.0, 0.0], [0.0, 0.0]), "cured": report([1.0, 1.0], [-2.0, -2.0])}
    )
    lefts = figure.axes[::2]
    assert [axes.get_title(loc="left").split(":")[0] for axes in lefts] == ["collapsed", "cured"]
    assert lefts[0].get_ylim() == lefts[1].get_ylim()

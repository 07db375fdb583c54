"""The explorer shell: driven by moving its controls, watched through its picture."""

import base64
import io
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.sliders import EXPLORERS, slider_latency
from vae_course.randomness import seed_everything
from vae_course.teaching.display import png_bytes
from vae_course.widgets.controls import Scene, dropdown, explorer, one_thread, reach, setting, slider

ALT = "A line whose slope and style can be chosen."


def draw(slope: float, style: str) -> Figure:
    if slope == 13:
        raise ValueError("thirteen cannot be drawn <here>")
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, slope], style)
    return figure


def controls():
    return {"slope": slider("slope", 0, 20, 1), "style": dropdown("style", {"solid": "-", "dashed": "--"})}


def picture_in(widget: ipywidgets.HTML) -> bytes:
    return base64.b64decode(re.search(r"base64,([^\"]+)", widget.value).group(1))


def test_the_first_picture_and_every_later_one_are_those_of_the_plain_function(capsys):
    shell = explorer(draw, controls(), alt=ALT)
    assert picture_in(shell.picture) == png_bytes(draw(1, "-"), live=True)
    shell.controls["slope"].value = 7
    assert picture_in(shell.picture) == png_bytes(draw(7, "-"), live=True)
    shell.controls["style"].value = "--"
    assert picture_in(shell.picture) == png_bytes(draw(7, "--"), live=True)
    assert shell.values == {"slope": 7, "style": "--"}


def test_the_live_picture_says_its_setting_and_keeps_its_size(capsys):
    shell = explorer(draw, controls(), alt=ALT)
    assert 'alt="Live picture at slope = 1, style = solid."' in shell.picture.value
    shell.controls["slope"].value = 2
    assert 'alt="Live picture at slope = 2, style = solid."' in shell.picture.value
    assert re.search(r'width="\d+" height="\d+" decoding="sync"', shell.picture.value)


def test_an_error_is_seen_by_the_reader_and_by_ci_and_the_next_setting_works(capsys):
    shell = explorer(draw, controls(), alt=ALT)
    with pytest.raises(ValueError, match="thirteen"):
        shell.controls["slope"].value = 13
    assert "thirteen cannot be drawn &lt;here&gt;" in shell.picture.value
    assert "Traceback" in shell.picture.value and "slope = 13" in shell.picture.value
    assert "<img" not in shell.picture.value
    shell.controls["slope"].value = 3
    assert picture_in(shell.picture) == png_bytes(draw(3, "-"), live=True)


def test_an_error_in_the_first_picture_stops_the_cell_and_displays_nothing(capsys):
    with pytest.raises(ValueError, match="thirteen"):
        explorer(draw, {**controls(), "slope": slider("slope", 0, 20, 13)}, alt=ALT)
    assert capsys.readouterr().out == ""


def test_controls_have_a_text_twin_and_the_still_figure_its_sentence(capsys):
    explorer(draw, controls(), alt=ALT)
    assert capsys.readouterr().out.splitlines() == [
        "Interactive controls: slope, 0 to 20; style (solid, dashed). Run the notebook to move them; "
        "the figure below stands still.",
        ALT,
    ]


def test_the_still_figure_is_made_by_static_if_given(capsys):
    made = []

    def static():
        made.append(draw(5, ":"))
        return made[0]

    explorer(draw, controls(), static, alt=ALT)
    assert len(made) == 1


def test_sliders_wait_until_they_are_let_go_unless_the_drawing_is_fast(capsys):
    slow, fast = controls(), controls()
    explorer(draw, slow, alt=ALT)
    explorer(draw, fast, alt=ALT, fast=True)
    assert (slow["slope"].continuous_update, fast["slope"].continuous_update) == (False, True)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_scene_draws_what_the_whole_figure_would_and_forgets_the_former_setting():
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 5), title="height 0")
    (line,) = axes.plot([0, 1], [0, 0])

    def update(height: float) -> bool:
        line.set_ydata([0, height])
        axes.title.set_text(f"height {height}")
        changed = height > axes.get_ylim()[1]
        axes.set_ylim(0, max(5, height))
        return changed

    scene = Scene(figure, [line, axes.title], update)
    low, high, again = scene(height=2), scene(height=4), scene(height=2)
    assert low == again != high
    slow = png_bytes(figure, live=True)  # grid lines are drawn below the line in one and above it in neither
    assert (abs(pixels(slow) - pixels(again)).max(-1) > 40).mean() < 0.01
    wide = scene(height=9)  # the axis has changed, and with it what stands still
    assert (abs(pixels(png_bytes(figure, live=True)) - pixels(wide)).max(-1) > 40).mean() < 0.01


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_explorer_of_the_course_follows_its_sliders_and_comes_back(name, capsys):
    seed_everything(0)
    shell = EXPLORERS[name]()
    sliders = [c for c in shell.controls.values() if hasattr(c, "step")]
    for control in sliders:
        first, value = shell.picture.value, control.value
        control.value = control.base**control.max if hasattr(control, "base") else control.max
        assert shell.picture.value != first and "<img" in shell.picture.value
        control.value = value
        assert (shell.picture.value == first) is True  # nothing of the other setting is left


def test_the_benchmark_times_moves_of_real_sliders():
    latency = slider_latency("03 latent pad", moves=6)
    assert 0 < latency.median <= latency.percentile_95 <= latency.slowest and latency.moves == 6


def test_tracks_begin_below_one_another_and_labels_have_room():
    shell = explorer(draw, {**controls(), "style": dropdown("a much longer label", ["-", "--"])}, alt=ALT)
    widths = {control.style.description_width for control in shell.controls.values()}
    assert len(widths) == 1
    assert float(widths.pop().removesuffix("em")) > 0.5 * len("a much longer label")


def test_drawing_uses_one_thread_and_leaves_their_number_as_it_was(capsys):
    before, seen = torch.get_num_threads(), []
    try:
        torch.set_num_threads(2)
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        shell = explorer(lambda **s: seen.append(torch.get_num_threads()) or draw(**s), controls(), alt=ALT)
        shell.controls["slope"].value = 5
        assert torch.get_num_threads() == 2 and seen[0] == seen[-1] == 1
    finally:
        torch.set_num_threads(before)


def test_no_pyplot_figure_is_left_open(capsys):
    def with_pyplot(slope):
        figure, axes = plt.subplots()
        axes.plot([0, slope])
        return figure

    before = plt.get_fignums()
    shell = explorer(with_pyplot, {"slope": slider("slope", 0, 5, 1)}, alt=ALT)
    shell.controls["slope"].value = 4
    assert plt.get_fignums() == before


def test_bad_input_is_refused_before_anything_is_shown(capsys):
    with pytest.raises(ValueError, match="ends with a period"):
        explorer(draw, controls(), alt="a line")
    assert capsys.readouterr().out == ""


def test_sliders_have_labels_units_and_a_kind():
    assert isinstance(slider("size", 2, 64, 8), ipywidgets.IntSlider)
    real = slider("β", 0.0, 10.0, 1.0)
    assert isinstance(real, ipywidgets.FloatSlider)
    assert real.description == "β" and real.step == 0.1
    assert real.style.description_width == "initial"
    log = slider("β", 0.1, 10.0, 1.0, log=True)
    assert isinstance(log, ipywidgets.FloatLogSlider) and (log.min, log.max) == (-1.0, 1.0)
    assert reach(log) == "β, 0.1 to 10" and setting(log) == "β = 1"
    menu = dropdown("digit", [3, 7], 7)
    assert setting(menu) == "digit = 7" and reach(menu) == "digit (3, 7)"


def test_only_what_ipywidgets_7_has_is_used():
    # ipywidgets 8 added these; Colab still ships 7.7.
    shell_controls = controls()
    for control in shell_controls.values():
        assert type(control).__name__ in {"IntSlider", "FloatSlider", "FloatLogSlider", "Dropdown"}
        assert control.style.has_trait("description_width")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((5, 5, 5), "low <= value <= high"), ((0, 5, 6), "low <= value <= high")],
)
def test_an_impossible_slider_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        slider("β", *arguments)

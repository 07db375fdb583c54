"""Figures carry a sentence of alternative text into the saved notebook, and re-runs give the same bytes."""

import base64

import matplotlib.pyplot as plt
import nbformat
import pytest
from matplotlib.figure import Figure
from nbclient import NotebookClient

from vae_course.teaching import display as figures_module
from vae_course.teaching.display import png_bytes, show, show_html

ALT = "A straight line that rises from left to right."


def a_figure() -> Figure:
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [0, 1])
    return figure


@pytest.fixture
def published(monkeypatch):
    """The MIME bundles and metadata that were displayed."""
    seen = []
    monkeypatch.setattr(
        figures_module, "publish", lambda data, metadata=None: seen.append((data, metadata or {}))
    )
    return seen


def test_the_picture_carries_its_text_in_metadata_and_as_plain_text(published):
    show(a_figure(), ALT)
    ((data, metadata),) = published
    assert metadata == {"image/png": {"alt": ALT}}
    assert data["text/plain"] == ALT
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG\r\n")


def test_html_is_labeled_with_its_text(published):
    show_html("<video></video>", 'A ring that says "loop" and turns.')
    ((data, metadata),) = published
    assert 'aria-label="A ring that says &quot;loop&quot; and turns."' in data["text/html"]
    assert "<video></video>" in data["text/html"]
    assert data["text/plain"] == metadata["text/html"]["alt"] == 'A ring that says "loop" and turns.'


def test_two_runs_give_the_same_bytes_without_name_or_date():
    first = png_bytes(a_figure())
    assert first == png_bytes(a_figure())
    assert png_bytes(a_figure(), live=True) == png_bytes(a_figure(), live=True)
    assert b"Software" not in first and b"matplotlib" not in first and b"tIME" not in first


def test_a_pyplot_figure_is_closed_so_that_it_is_not_drawn_twice(published):
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    show(figure, ALT)
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize(
    "alt", ["", "A line.", "a line that rises from left to right", None, "   " * 20 + "."]
)
@pytest.mark.parametrize(
    "display", [lambda alt: show(a_figure(), alt), lambda alt: show_html("<p>x</p>", alt)]
)
def test_text_that_is_no_sentence_is_refused_in_one_sentence(published, display, alt):
    with pytest.raises(ValueError, match="at least 20 characters that ends with a period"):
        display(alt)
    assert not published


def test_outside_a_notebook_the_text_is_printed(capsys):
    show(a_figure(), ALT)
    assert capsys.readouterr().out == ALT + "\n"


def test_a_real_kernel_saves_texts_widgets_and_one_first_frame():
    """Everything a chapter displays, executed by a real kernel and saved as a notebook."""
    cells = [
        f"from matplotlib.figure import Figure\nfrom vae_course.teaching import predict, show\n"
        f"figure = Figure(figsize=(3, 2))\n_ = figure.subplots().plot([0, 1])\nshow(figure, {ALT!r})",
        "guess = predict('Does it rise?', ['it rises', 'it falls'])",
        "from vae_course.widgets import explorer, slider\n"
        "def draw(slope):\n"
        "    figure = Figure(figsize=(3, 2))\n"
        "    figure.subplots().plot([0, slope])\n"
        "    return figure\n"
        f"explorer(draw, {{'slope': slider('slope', 0.0, 2.0, 1.0)}}, alt={ALT!r})",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    NotebookClient(notebook, timeout=120).execute()
    nbformat.validate(notebook)
    shown, question, live = (cell.outputs for cell in notebook.cells)
    assert [output.metadata for output in shown] == [{"image/png": {"alt": ALT}}]
    assert question[0].data["text/plain"] == "Predict. Does it rise?\n  (a) it rises\n  (b) it falls"
    widget_view = "application/vnd.jupyter.widget-view+json"
    assert widget_view in question[1].data, "buttons, which carry letters alone"
    # The explorer: controls with a text twin, then the still figure; no Out[...] on top of them.
    assert [output.output_type for output in live] == ["display_data", "display_data"]
    assert live[0].data["text/plain"].startswith("Interactive controls: slope, 0 to 2.")
    assert live[1].metadata == {"image/png": {"alt": ALT}}
    saved = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    frames = [model["state"]["value"] for model in saved.values() if model["model_name"] == "HTMLModel"]
    assert len(frames) == 1 and frames[0].count("data:image/png;base64,") == 1


def test_a_title_stands_above_all_that_the_figure_holds_and_inside_the_picture(published):
    def height(**title) -> int:
        figure = a_figure()
        figure.axes[0].set_title("of the axes")
        show(figure, ALT, **title)
        if title:
            text = figure.texts[0]
            box = text.get_window_extent()
            assert box.y0 > figure.axes[0].title.get_window_extent().y1
        return int.from_bytes(base64.b64decode(published[-1][0]["image/png"])[20:24], "big")

    assert height(title="It rises") > height() + 15

"""Executed notebooks in a form that does not change from run to run."""

import json
import uuid
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.normalize import machine_traces, merged_streams, normalize, to_bytes
from tools.project import CourseError
from tools.widget_state import STATE, VIEW, widget_problems

STAMP = {"source_sha256": "0", "package_version": "0", "parameters": {}}
ROOT = Path("/somewhere/checkout")


def model(kind: str, **state) -> dict:
    return {"model_name": kind, "model_module": "m", "model_module_version": "2.0.0", "state": state}


def widget_notebook(order: int = 0) -> nbformat.NotebookNode:
    """A box of two alike sliders with a link between them, under random ids in one of many orders."""
    box, one, two, layout, link = (uuid.uuid4().hex for _ in range(5))
    state = {
        box: model("BoxModel", children=[f"IPY_MODEL_{one}", f"IPY_MODEL_{two}"]),
        one: model("SliderModel", value=3, layout=f"IPY_MODEL_{layout}"),
        two: model("SliderModel", value=3, layout=f"IPY_MODEL_{layout}"),
        layout: model("LayoutModel"),
        link: model("LinkModel", source=[f"IPY_MODEL_{one}", "value"], target=[f"IPY_MODEL_{two}", "value"]),
    }
    items = list(state.items())
    state = dict(items[order % 5 :] + items[: order % 5])
    output = new_output("display_data", {VIEW: {"model_id": box, "version_major": 2}, "text/plain": "a box"})
    notebook = new_notebook(cells=[new_code_cell("box", outputs=[output], execution_count=1)])
    notebook.metadata["widgets"] = {STATE: {"state": state, "version_major": 2, "version_minor": 0}}
    return nbformat.from_dict(json.loads(json.dumps(notebook)))


def normalized(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return normalize(notebook, name="01_Whole", root=ROOT, stamp=STAMP)


@given(order=st.integers(0, 4))
@settings(deadline=None, max_examples=10)
def test_widget_ids_do_not_depend_on_chance(order):
    assert to_bytes(normalized(widget_notebook(order))) == to_bytes(normalized(widget_notebook()))


def test_normalizing_twice_changes_nothing():
    once = normalized(widget_notebook())
    first = to_bytes(once)
    assert to_bytes(normalized(nbformat.reads(first.decode(), as_version=4))) == first


def test_renumbered_state_still_hangs_together():
    notebook = normalized(widget_notebook())
    assert widget_problems(notebook) == []
    state = notebook.metadata.widgets[STATE].state
    shown = notebook.cells[0].outputs[0].data[VIEW]["model_id"]
    assert [state[child.removeprefix("IPY_MODEL_")].model_name for child in state[shown].state.children] == [
        "SliderModel",
        "SliderModel",
    ]


def test_broken_widget_state_is_told():
    notebook = normalized(widget_notebook())
    state = notebook.metadata.widgets[STATE].state
    layout = next(name for name, saved in state.items() if saved.model_name == "LayoutModel")
    del state[layout]
    assert widget_problems(notebook) == [f"a saved widget refers to a model that is not saved ({layout})"]
    del notebook.metadata.widgets[STATE]["state"]
    assert "Invalid Notebook" in widget_problems(notebook)[0]
    del notebook.metadata["widgets"]
    assert widget_problems(notebook) == ["widgets are shown but their state is not saved"]


def test_what_execution_adds_is_taken_out():
    injected = new_code_cell("A = 1", metadata={"tags": ["injected-parameters"]}, execution_count=2)
    cell = new_code_cell(
        "A", execution_count=1, metadata={"papermill": {"duration": 1.5}, "tags": [], "execution": {"x": "y"}}
    )
    kept = new_code_cell("B", execution_count=2, metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[cell, injected, kept, new_markdown_cell("text")])
    notebook.metadata.update({"papermill": {"duration": 2.5}, "language_info": {"version": "3.11.7"}})
    result = normalized(notebook)
    assert [cell.source for cell in result.cells] == ["A", "B", "text"]
    assert [cell.metadata for cell in result.cells] == [{}, {"tags": ["parameters"]}, {}]
    assert set(result.metadata) == {"kernelspec", "language_info", "vae_course"}
    assert "version" not in result.metadata.language_info
    assert result.metadata.vae_course == STAMP


def test_pieces_of_one_stream_are_joined():
    def stream(name: str, text: str):
        return new_output("stream", name=name, text=text)

    pieces = [stream("stdout", "a"), stream("stdout", "b"), stream("stderr", "c"), stream("stdout", "d")]
    assert [(piece.name, piece.text) for piece in merged_streams(pieces)] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


def test_animations_get_ids_of_their_own():
    def page() -> nbformat.NotebookNode:
        name = uuid.uuid4().hex
        html = f'<img id="_anim_img{name}"><script>var anim{name} = "_anim_slider{name}";</script>'
        output = new_output("display_data", {"text/html": html})
        return new_notebook(cells=[new_code_cell("animate()", outputs=[output], execution_count=1)])

    one, two = normalized(page()), normalized(page())
    assert one == two
    assert len(set(one.cells[0].outputs[0].data["text/html"].split('"')[1::2])) == 2


TRACES = [
    "saved to /home/someone/course/model.pt",
    "/Users/someone/course",
    "C:\\Users\\someone\\course",
    "/tmp/abc123/model.pt",
    "venv/lib/python3.12/site-packages/torch/nn.py:3: UserWarning",
    "<torch.utils.data.DataLoader object at 0x7f5a4f492490>",
    str(ROOT / "model.pt"),
]


@pytest.mark.parametrize("text", TRACES)
def test_traces_of_the_machine_are_refused(text):
    outputs = [new_output("stream", text=f"first line\n{text}\n")]
    assert machine_traces(outputs, (ROOT,))
    notebook = new_notebook(cells=[new_code_cell("show()", outputs=outputs, execution_count=7)])
    with pytest.raises(CourseError, match=r"In \[7\] of chapter 01_Whole shows"):
        normalized(notebook)


def test_traces_inside_widgets_are_refused():
    notebook = widget_notebook()
    state = next(iter(notebook.metadata.widgets[STATE].state.values())).state
    state["outputs"] = [new_output("stream", text="/home/someone/model.pt")]
    with pytest.raises(CourseError, match="A widget of chapter 01_Whole"):
        normalized(notebook)


@pytest.mark.parametrize("text", ["and/or", "nats/example", "https://host/home/page", "x at 0.5", "a/tmp/b"])
def test_ordinary_text_is_no_trace(text):
    assert machine_traces([new_output("stream", text=text)], (ROOT,)) == []

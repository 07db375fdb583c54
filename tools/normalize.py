"""Bring an executed notebook to a form in which the same run gives the same bytes."""

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.project import CourseError
from tools.sources import NOTEBOOK_METADATA
from tools.widget_state import renumber_models, widget_outputs

KEPT_CELL_METADATA = ("tags", "jupyter", "nbgrader", "slideshow")
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:home|root|Users|tmp|var/folders|content)/\w[^\s'\"]*|[A-Z]:\\+Users\\+\w+|site-packages\S*"
)
OBJECT_ADDRESS = re.compile(r"<[^<>\n]* at 0x[0-9a-f]{6,}>")
ANIMATION_ID = re.compile(r"_anim_img([0-9a-f]{32})")


def output_texts(outputs: list) -> Iterator[str]:
    """Every piece of ``outputs`` that a reader can see as text."""
    for output in outputs:
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join(output.traceback)
        else:
            for kind, data in output.data.items():
                if kind.startswith("text/") or kind == "image/svg+xml":
                    yield data if isinstance(data, str) else "".join(data)


def machine_traces(outputs: list, folders: tuple[Path, ...] = ()) -> list[str]:
    """Paths of this machine, ``folders`` among them, and addresses of objects in the text of ``outputs``."""
    found = []
    for text in output_texts(outputs):
        found += [
            match.group() for pattern in (MACHINE_PATH, OBJECT_ADDRESS) for match in pattern.finditer(text)
        ]
        found += [str(folder) for folder in folders if re.search(rf"(?<!\w){re.escape(str(folder))}\b", text)]
    return found


def local_folders(root: Path) -> tuple[Path, ...]:
    """Folders whose names would show on which machine a notebook was executed."""
    candidates = {root, root.parent, Path.home(), Path(tempfile.gettempdir()), Path(sys.prefix)}
    return tuple(sorted(folder for folder in candidates if len(folder.parts) > 1))


def source_hash(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def normalize(notebook: NotebookNode, *, name: str, root: Path, stamp: dict) -> NotebookNode:
    """The executed ``notebook`` without anything that differs from run to run; changed in place and returned.

    ``stamp`` becomes ``metadata.vae_course``. Raises CourseError when an output holds a path of this machine
    or the address of an object, and names the cell.
    """
    cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    notebook.cells = cells
    folders = local_folders(root)
    for index, cell in enumerate(cells):
        cell.id = f"{name[:2]}-{index:03d}"
        cell.metadata = nbformat.from_dict(
            {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA and v}
        )
        if cell.cell_type != "code":
            continue
        cell.outputs = merged_streams(cell.outputs)
        traces = machine_traces(cell.outputs, folders)
        if traces:
            raise CourseError(
                f"In [{cell.execution_count}] of chapter {name} shows {traces[0]!r}, which "
                "differs from machine to machine; print a name instead, or let the cell show nothing."
            )
        for output in cell.outputs:
            output.pop("transient", None)
            if "data" in output and "text/html" in output.data:
                output.data["text/html"] = numbered_animations(output.data["text/html"], cell.id)

    traces = machine_traces(widget_outputs(notebook), folders)
    if traces:
        raise CourseError(
            f"A widget of chapter {name} prints {traces[0]!r}, which differs from machine to machine."
        )
    widgets = notebook.metadata.get("widgets")
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.metadata["vae_course"] = nbformat.from_dict(stamp)
    if widgets:
        notebook.metadata["widgets"] = widgets
        renumber_models(notebook)
    nbformat.validate(notebook)
    return notebook


def merged_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """``outputs`` with neighboring pieces of one stream joined: how they are cut depends on the clock."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def numbered_animations(html: str, cell_id: str) -> str:
    """matplotlib's HTML animations carry a random id; give them one that is the cell's."""
    for number, random_id in enumerate(dict.fromkeys(ANIMATION_ID.findall(html))):
        html = html.replace(random_id, hashlib.md5(f"{cell_id}/{number}".encode()).hexdigest())
    return html


def to_bytes(notebook: NotebookNode) -> bytes:
    """The content of the notebook's file: nbformat's own form (sorted keys), which ends in one newline."""
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()

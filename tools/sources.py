"""Notebooks are built from ``notebooks/source/*.py`` (jupytext's py:percent form); here is how.

Four things are filled in: the badge (``<!-- badge -->``) and the times (``<!-- minutes -->``) in the first
Markdown cell, the code cell tagged ``setup``, and the numbers (``{{id}}``) of the full run in sentences.
Cells tagged ``hide-input`` open folded. Everything else is taken as it stands.
"""

import jupytext
import nbformat
from nbformat import NotebookNode

from tools.numbers import fill, record_of
from tools.project import CourseError, Project, short
from tools.timing import RunTimes, reading_minutes

BADGE = "<!-- badge -->"
MINUTES = "<!-- minutes -->"
FOLDED = "hide-input"  # tag of cells that only draw or tabulate: JupyterLab and the HTML page fold them
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",  # so that a script made of the notebook is valid Python
        "pygments_lexer": "ipython3",
    },
}
SETUP = """\
# In Colab this installs the course's package where it is missing; anywhere else it only imports it.
import sys
from importlib.util import find_spec

if find_spec("vae_course") is None:
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError(
            "The course's package is not installed here. Run: "
            'pip install "vae-course @ git+{repository}@{branch}"'
        )
    %pip install -q "vae-course @ git+{repository}@{branch}"

import vae_course

print("vae_course", vae_course.__version__)"""


def tagged(notebook: NotebookNode, tag: str) -> list[int]:
    """Indices of the code cells that carry ``tag``."""
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and tag in cell.metadata.get("tags", [])
    ]


def one_tagged(notebook: NotebookNode, tag: str, name: str) -> int:
    """Index of the one code cell tagged ``tag``. Raises CourseError when there are none or several."""
    found = tagged(notebook, tag)
    if len(found) != 1:
        raise CourseError(
            f"Chapter {name} has {len(found)} code cells tagged {tag!r}; it needs exactly one "
            f'(a cell that begins with: # %% tags=["{tag}"]).'
        )
    return found[0]


def times_line(notebook: NotebookNode, times: RunTimes) -> str:
    return f"Reading: about {reading_minutes(notebook.cells)} minutes. {times.sentence()}".rstrip()


def build(project: Project, name: str, *, numbers: dict | None = None) -> NotebookNode:
    """The unexecuted notebook of chapter ``name``. Raises CourseError when its source breaks the form.

    ``numbers`` is the record whose numbers the sentences get, by default that of the committed full run. A
    name that it does not know stays as it is: before the first full run there are none.
    """
    source = project.source(name)
    if not source.is_file():
        raise CourseError(f"Chapter {name} has no source: {source.relative_to(project.root)} does not exist.")
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)

    first = next((cell for cell in notebook.cells if cell.cell_type == "markdown"), None)
    for marker in (BADGE, MINUTES):
        if first is None or first.source.count(marker) != 1:
            raise CourseError(
                f"The first Markdown cell of chapter {name} needs the line {marker} exactly once."
            )
    first.source = first.source.replace(BADGE, project.badge(name))
    one_tagged(notebook, "parameters", name)
    setup = one_tagged(notebook, "setup", name)
    notebook.cells[setup].source = SETUP.format(repository=project.repository, branch=project.branch)

    times = RunTimes.read(project.results / f"{name}.json")
    first.source = first.source.replace(MINUTES, times_line(notebook, times))

    for index, cell in enumerate(notebook.cells):
        cell.id = f"{name[:2]}-{index:03d}"
        cell.metadata.pop("lines_to_next_cell", None)
        if FOLDED in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}
        if cell.cell_type == "code":
            cell.source = cell.source.strip("\n")
            cell.execution_count, cell.outputs = None, []
    fill(notebook, record_of(project, name) if numbers is None else numbers)
    nbformat.validate(notebook)
    return notebook


def differences(notebook: NotebookNode, built: NotebookNode) -> list[int]:
    """Indices of the cells in which ``notebook`` is not what ``built`` says (kind, text, tags, id)."""

    def essence(cell: NotebookNode) -> tuple:
        return cell.cell_type, cell.source, cell.get("id"), cell.metadata.get("tags", [])

    ours, theirs = notebook.cells, built.cells
    changed = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if essence(a) != essence(b)]
    return changed + list(range(min(len(ours), len(theirs)), max(len(ours), len(theirs))))


def with_new_text(notebook: NotebookNode, built: NotebookNode, name: str) -> NotebookNode:
    """``built`` with the outputs of ``notebook``, whose code must be the same cell for cell.

    So a mended sentence needs no new execution. Raises CourseError when any code differs.
    """
    old = [cell for cell in notebook.cells if cell.cell_type == "code"]
    new = [cell for cell in built.cells if cell.cell_type == "code"]
    if [cell.source for cell in old] != [cell.source for cell in new]:
        raise CourseError(
            f"Code of chapter {name} has changed since it was executed, not only its text; "
            f"run it again: make notebooks ONLY={short(name)}"
        )
    for before, after in zip(old, new, strict=True):
        after.outputs, after.execution_count = before.outputs, before.execution_count
    for key in ("widgets", "vae_course"):
        if key in notebook.metadata:
            built.metadata[key] = notebook.metadata[key]
    return built

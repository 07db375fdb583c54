"""What makes a committed chapter whole; each check gives sentences, none when all is well."""

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

import nbformat
from nbformat import NotebookNode

from tools import numbers
from tools.html import alternative_text
from tools.normalize import local_folders, machine_traces
from tools.parameters import assigned, quick_parameters, uncommented
from tools.project import DEEPER, CourseError, Project, is_chapter, short
from tools.sources import build, differences, one_tagged
from tools.widget_state import widget_outputs, widget_problems

SECTIONS = ("Objectives", "Play", "What we measured", "Exercises", "Summary", "References")
# Chapters of the second edition: shorter, with their exercises where the reader needs them.
SECOND_EDITION = (
    "01_Introduction_to_VAE_Fundamentals",
    "02_Encoder_and_Decoder_in_VAEs",
    "03_Latent_Space_and_Smooth_Interpolation_in_VAEs",
    "04_KL_Divergence_and_Gaussian_Latent_Space",
    "05_Reconstruction_Loss_and_Image_Quality",
    "06_Handling_Mode_Collapse_in_VAEs",
    "07_Limitations_of_VAEs_in_Realism",
    "08_Optimizing_Latent_Space_Size",
    "09_Creative_Applications_of_VAEs",
    "10_VAEs_Performance_on_Different_Datasets",
    "11_Extending_VAEs_to_Improve_Realism",
)
DEEPER_SECTIONS = ("Objectives", "What you can say now", "References")
SECOND_SECTIONS = ("Objectives", "Play", "Break it", "What you can say now", "References")
MOST_CELLS, MOST_WORDS, MOST_CODE, LONGEST_CELL = 45, 2200, 350, 25
MOST_PARAMETERS, MOST_PICTURES, MOST_PREDICTIONS, MOST_CLAIMS = 8, 10, 5, 15
CLAIM = {"id", "text", "value", "low", "high", "unit", "bound", "exact", "holds"}
LARGEST_BYTES = 3_000_000
SHORTEST_ALT = 20
MARKDOWN_IMAGE = re.compile(r"!\[([^\]]*)\]\(")
HEADING = re.compile(r"^#{1,4}\s+(.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Place and text of the Markdown cells, without their code blocks."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield index, FENCE.sub("", cell.source)


def all_outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs] + widget_outputs(notebook)


def executed_in_order(notebook: NotebookNode) -> list[str]:
    counts = [cell.execution_count for cell in code_cells(notebook) if cell.source.strip()]
    problems = [] if counts == list(range(1, len(counts) + 1)) else ["its execution counts are not 1..n"]
    if any(output.output_type == "error" for output in all_outputs(notebook)):
        problems.append("an error output is saved in it")
    if any("injected-parameters" in cell.metadata.get("tags", []) for cell in notebook.cells):
        problems.append("it holds injected parameters")
    return problems


def parameters_cell(notebook: NotebookNode, name: str) -> list[str]:
    try:
        setup, parameters = one_tagged(notebook, "setup", name), one_tagged(notebook, "parameters", name)
        assigned(notebook, name)
    except CourseError as error:
        return [str(error)]
    problems = [f"its parameter {missing} has no comment" for missing in uncommented(notebook, name)]
    return problems + (["its parameters cell comes before its setup cell"] if parameters < setup else [])


def described_images(notebook: NotebookNode) -> list[str]:
    problems = []
    for output in all_outputs(notebook):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                text = alternative_text(output, kind)
                if len(text) < SHORTEST_ALT or not text.endswith("."):
                    problems.append(
                        f"an image has the alternative text {text!r}; it needs a sentence of at least "
                        f"{SHORTEST_ALT} characters that ends with a period"
                    )
    for _, text in prose(notebook):
        if any(not alt.strip() for alt in MARKDOWN_IMAGE.findall(text)):
            problems.append("a Markdown image has no alternative text")
    return problems


def sections(notebook: NotebookNode, names: tuple[str, ...], exercises: int = 3) -> list[str]:
    """The anatomy's headings, all there and in order; three to five objectives; enough checked exercises."""
    headings = [(index, title) for index, text in prose(notebook) for title in HEADING.findall(text)]
    places = []
    for section in names:
        found = [place for place, (_, title) in enumerate(headings) if re.match(rf"{section}\b", title)]
        if not found:
            return [f"it has no heading {section!r}"]
        places.append(found[0])
    if places != sorted(places):
        return [f"its sections are not in the order {', '.join(names)}"]

    problems = []
    objectives = headings[places[0]][0]
    text = notebook.cells[objectives].source.split("Objectives", 1)[1].split("\n#")[0]
    if not re.search(r"^\s*(?:[-*]|\d+\.)\s", text, re.MULTILINE):
        following = notebook.cells[objectives + 1 : objectives + 2]
        text = following[0].source if following and following[0].cell_type == "markdown" else ""
    count = len(re.findall(r"^(?:[-*]|\d+\.)\s", text, re.MULTILINE))
    if not 3 <= count <= 5:
        problems.append(f"it lists {count} objectives; three to five are asked for")
    where = notebook.cells
    if "Exercises" in names:
        place = names.index("Exercises")
        where = notebook.cells[headings[places[place]][0] : headings[places[place + 1]][0]]
    checks = {name for cell in where if cell.cell_type == "code" for name in checked_exercises(cell.source)}
    if len(checks) < exercises:
        problems.append(
            f"its exercises call check for {len(checks)} of them; at least {exercises} are asked for"
        )
    return problems


def calls(source: str, *names: str) -> list[ast.Call]:
    """The calls of ``name(...)`` or ``something.name(...)`` in a code cell, for each of ``names``."""
    found = [node for node in ast.walk(ast.parse(as_python(source))) if isinstance(node, ast.Call)]
    return [call for call in found if getattr(call.func, "attr", getattr(call.func, "id", None)) in names]


def checked_exercises(source: str) -> set[str]:
    """The exercises for which ``check("name", ...)`` or ``complete("name", ...)`` is called."""
    return {ast.unparse(call.args[0]) for call in calls(source, "check", "complete") if call.args}


def code_lines(source: str) -> int:
    """Lines of a code cell that say something: imports, comments alone and empty lines apart."""
    source = as_python(source)
    imports = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") for n, line in lines if n not in imports
    )


def budgets(notebook: NotebookNode, name: str) -> list[str]:
    """What a chapter of the second edition has too much of; setup and parameters are not counted."""
    cells = [
        cell
        for cell in code_cells(notebook)
        if not {"setup", "parameters"} & set(cell.metadata.get("tags", []))
    ]
    lines = [code_lines(cell.source) for cell in cells]
    everything = "\n".join(as_python(cell.source) for cell in cells)
    counts = {
        "cells": (len(notebook.cells), MOST_CELLS),
        "words of text": (sum(len(text.split()) for _, text in prose(notebook)), MOST_WORDS),
        "lines of code": (sum(lines), MOST_CODE),
        "lines in its longest cell": (max(lines), LONGEST_CELL),
        "parameters": (len(assigned(notebook, name)), MOST_PARAMETERS),
        "pictures": (len(calls(everything, "show", "show_html")), MOST_PICTURES),
        "predictions": (len(calls(everything, "predict")), MOST_PREDICTIONS),
        "claims": (len(calls(everything, "add")), MOST_CLAIMS),
    }
    return [
        f"it has {count:,} {what}; at most {most:,} are allowed"
        for what, (count, most) in counts.items()
        if count > most
    ]


def repeated_ids(notebook: NotebookNode) -> list[str]:
    """Two calls of ``claims.add`` or ``claims.note`` with one id: the later would replace the earlier."""
    calls = [
        node
        for cell in code_cells(notebook)
        for node in ast.walk(ast.parse(as_python(cell.source)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("add", "note")
        and getattr(node.func.value, "id", None) == "claims"
    ]
    ids = Counter(
        call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant)
    )
    return [f"two of its claims have the id {id!r}" for id, count in ids.items() if count > 1]


def as_python(source: str) -> str:
    """A code cell without the lines that only IPython understands."""
    lines = source.splitlines()
    return "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in lines)


def source_problems(project: Project, name: str) -> list[str]:
    """What is wrong with a chapter before it is ever executed."""
    try:
        notebook = build(project, name)
    except CourseError as error:
        return [str(error)]
    quick = quick_parameters(project).get(name)
    found = parameters_cell(notebook, name) + repeated_ids(notebook)
    if not is_chapter(name):
        found += sections(notebook, DEEPER_SECTIONS, exercises=0)
    elif name in SECOND_EDITION:
        found += sections(notebook, SECOND_SECTIONS) + budgets(notebook, name)
    else:
        found += sections(notebook, SECTIONS)
    if quick is None:
        found.append("it has no quick parameters in notebooks/quick.yaml")
    else:
        known = assigned(notebook, name) if not found else quick
        found += [
            f"notebooks/quick.yaml gives it {key}, which it does not have"
            for key in quick
            if key not in known
        ]
    return [f"{name}: {problem}" for problem in found]


def notebook_problems(project: Project, name: str) -> list[str]:
    """What is wrong with the committed notebook of chapter ``name``."""
    path = project.notebook(name)
    notebook = nbformat.read(path, as_version=4)
    try:
        changed = differences(notebook, build(project, name))
    except CourseError:
        return []  # told by source_problems
    checks: tuple[Callable[[NotebookNode], list[str]], ...] = (
        executed_in_order,
        described_images,
        widget_problems,
    )
    found = [problem for check in checks for problem in check(notebook)]
    if changed:
        found.append(
            f"its cells {', '.join(map(str, changed[:8]))} are not those of its source; "
            f"run: make notebooks ONLY={short(name)}"
        )
    found += numbers.unknown(build(project, name, numbers={}), numbers.record_of(project, name), name)
    if numbers.renew_table(notebook, project, name):
        found.append("its table of claims is stale; run: python -m tools text")
    if project.colab(name) not in notebook.cells[0].source:
        found.append("its badge does not open it")
    traces = machine_traces(all_outputs(notebook), local_folders(project.root))
    found += [f"an output holds {trace!r}, which differs from machine to machine" for trace in traces]
    if path.stat().st_size >= LARGEST_BYTES:
        found.append(
            f"it has {path.stat().st_size / 1e6:.1f} MB; at most {LARGEST_BYTES / 1e6:.0f} MB are allowed"
        )
    if set(notebook.metadata.get("vae_course", {})) != {"source_sha256", "package_version", "parameters"}:
        found.append("it carries no stamp of the run that made it")
    return [f"{name}: {problem}" for problem in found]


def results_problems(project: Project, name: str) -> list[str]:
    """What is wrong with the results file of chapter ``name``."""
    path = project.results / f"{name}.json"
    if not path.is_file():
        return [f"{name}: it has a notebook but no {path.relative_to(project.root)}"]
    record = json.loads(path.read_text(encoding="utf-8"))
    found = []
    for key, kind in {"parameters": dict, "seconds": float, "quick_seconds": float, "claims": list}.items():
        if not isinstance(record.get(key), (kind, int) if kind is float else kind):
            found.append(f"its results have no {key}")
    for claim in record.get("claims", []):
        if set(claim) != CLAIM:
            found.append(f"a claim has the entries {', '.join(sorted(claim))}")
        elif not claim["holds"]:
            found.append(f"a claim does not hold: {claim['text']}")
    return [
        f"{name}: {problem}" for problem in found + ([] if record.get("claims") else ["it makes no claim"])
    ]


def problems(project: Project) -> list[str]:
    """Everything that is wrong with the chapters, sources and committed notebooks alike."""
    found = []
    for name in project.written():
        found += source_problems(project, name)
        if project.notebook(name).is_file():
            found += notebook_problems(project, name) + results_problems(project, name)
    orphans = [
        path.stem
        for folder in (project.notebooks, project.notebooks / DEEPER)
        for path in folder.glob("*.ipynb")
        if not project.source(path.stem).is_file()
    ]
    return found + [f"{name}: it has a notebook but no source" for name in orphans]

"""The parameters cell of a chapter, and the quick run's values for it."""

import ast
import re

import papermill
import yaml
from nbformat import NotebookNode

from tools.project import CourseError, Project
from tools.sources import one_tagged


def assigned(notebook: NotebookNode, name: str) -> dict[str, object]:
    """Names and values of the parameters cell. Raises CourseError unless each is a plain literal."""
    source = notebook.cells[one_tagged(notebook, "parameters", name)].source
    values = {}
    for statement in ast.parse(source).body:
        annotated = isinstance(statement, ast.AnnAssign)
        try:
            [target] = [statement.target] if annotated else statement.targets
            values[target.id] = ast.literal_eval(statement.value)
        except (ValueError, AttributeError):  # not an assignment, several names, or not a literal
            raise CourseError(
                f"The parameters cell of chapter {name} holds {ast.unparse(statement)!r}: only "
                "NAME = literal may stand there; derive anything else in a later cell."
            ) from None
    return values


def uncommented(notebook: NotebookNode, name: str) -> list[str]:
    """Names in the parameters cell that have no comment beside or right above them."""
    lines = notebook.cells[one_tagged(notebook, "parameters", name)].source.splitlines()
    missing = []
    for statement in ast.parse("\n".join(lines)).body:
        above = lines[statement.lineno - 2].lstrip() if statement.lineno > 1 else ""
        beside = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()
        if not (above.startswith("#") or re.search(r"#.*\w", beside)):
            missing.append(ast.unparse(statement).split(" =")[0])
    return missing


def quick_parameters(project: Project) -> dict[str, dict]:
    """The whole of notebooks/quick.yaml: chapter name → parameter → value."""
    path = project.quick_parameters
    table = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: values or {} for name, values in (table or {}).items()}


def quick_values(project: Project, notebook: NotebookNode, name: str) -> dict:
    """The quick run's values for chapter ``name``. Raises CourseError when there are none or unknown ones."""
    table = quick_parameters(project)
    if name not in table:
        raise CourseError(
            f"Chapter {name} has no quick parameters; add it to notebooks/quick.yaml, so that it runs "
            "in a minute on bundled data."
        )
    return checked(notebook, name, table[name])


def checked(notebook: NotebookNode, name: str, parameters: dict) -> dict:
    """``parameters`` if the notebook knows every one of them (papermill only warns), else CourseError."""
    known = list(papermill.inspect_notebook(notebook))
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise CourseError(
            f"Chapter {name} has no parameter {', '.join(unknown)}; its parameters cell has: "
            f"{', '.join(known)}. Mend notebooks/quick.yaml or the chapter."
        )
    return parameters

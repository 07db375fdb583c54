"""Execute one notebook in a process of its own.

Reports through a pipe, one dict at a time: ``{"cell": 7, "cells": 31}`` when a cell starts and
``{"result": {...}}`` at the end. A process of its own lets the kernel's peak memory be read, and a crash in
one chapter leaves the others alone.
"""

import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from tools.html import to_html
from vae_course.files import write_atomically

ERROR_LENGTH = 500


def work(job: dict, variables: dict[str, str], errors: str, reports: Connection) -> None:
    """What the process does: :func:`run`, in the environment ``variables``; prints go to ``errors``."""
    with open(errors, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(variables)
    reports.send({"result": run(job, reports.send)})


def peak_memory_mb() -> float | None:
    """Peak resident memory of the largest ended child, which is the kernel, in MB; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= ERROR_LENGTH else text[: ERROR_LENGTH - 1] + "…"


def failure_of(error: Exception, notebook: nbformat.NotebookNode, index: int | None, number: int) -> dict:
    """Number, first source line and error of the cell that stopped the run, the ``index``-th of all cells."""
    if isinstance(error, PapermillExecutionError):
        source, text = error.source, f"{error.ename}: {error.evalue}"
    else:  # the kernel died, or the cell took too long
        source = notebook.cells[index].source if index is not None else ""
        text = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    lines = [
        line.strip() for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return {"cell": number, "line": lines[0] if lines else "", "error": shortened(text)}


def run(job: dict, report: Callable[[dict], None]) -> dict:
    """Execute notebook ``job["input"]`` with ``job["parameters"]``; write it and its page, failed or not.

    Returns seconds, peak memory in MB, and ``failure`` (None, or cell, line and error).
    """
    notebook = nbformat.read(job["input"], as_version=4)
    code_cells = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
    total = code_cells + bool(job["parameters"])  # papermill adds one cell that sets them
    index, number = None, 0
    reached: dict[int, nbformat.NotebookNode] = {}

    def cell_starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
        nonlocal index, number
        index, number = cell_index, number + 1
        reached[index] = cell
        report({"cell": number, "cells": total})

    failure, executed = None, notebook
    unfinished = Path(job["folder"]) / "unfinished.ipynb"
    start = time.perf_counter()
    try:
        executed = papermill.execute_notebook(
            notebook,
            unfinished,
            parameters=job["parameters"],
            kernel_name="python3",
            progress_bar=False,
            cwd=job["folder"],
            execution_timeout=job["cell_seconds"],
            on_cell_execute=cell_starts,
            request_save_on_cell_execute=False,  # it would write the whole file twice for every cell
        )
    except Exception as error:
        if unfinished.is_file():
            executed = papermill.iorw.load_notebook_node(str(unfinished))
        else:  # the kernel died, or the cell took too long: what it got to is in the cells
            executed = papermill.execute_notebook(
                notebook,
                None,
                job["parameters"],
                kernel_name="python3",
                prepare_only=True,
                progress_bar=False,
            )
            for place, cell in reached.items():
                executed.cells[place] = cell
        failure = failure_of(error, executed, index, number)
    seconds = time.perf_counter() - start
    write_atomically(job["output"], nbformat.writes(executed).encode())
    if job["html"]:
        write_atomically(job["html"], to_html(executed, job["title"]).encode())
    return {"seconds": seconds, "peak_memory_mb": peak_memory_mb(), "failure": failure}

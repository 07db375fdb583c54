"""Five students of assignment A1 who never lived: perfect, idle, two with a classic mistake, one tampered."""

from __future__ import annotations

import copy

from nbformat import NotebookNode

AVERAGED_KL = """\
def kl_to_prior(mean, log_var, prior_std):
    ratio = log_var.exp() / prior_std**2
    return 0.5 * (mean**2 / prior_std**2 + ratio - 1 - ratio.log()).mean(-1)
"""
AT_THE_MEAN = """\
def negative_elbo(x, encode, decode, log_var_x, beta=1.0, generator=None):
    mean, log_var = encode(x)
    rec, kl = reconstruction(x, decode(mean), log_var_x), kl_to_prior(mean, log_var, 1.0)
    return {"reconstruction": rec, "kl": kl, "loss": (rec + beta * kl).mean()}
"""


def perfect(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Every answer is the lecturer's."""
    solutions = {cell.id: cell.source for cell in lecturer.cells}
    for cell in released.cells:
        mark = cell.metadata.get("nbgrader", {})
        if mark.get("solution"):
            cell.source = solutions[cell.id] if not mark["grade"] else "It describes the widest column."
    return released


def idle(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Hands in what was handed out."""
    return released


def averages(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Averages the KL term over the latent dimensions, and builds the rest on it."""
    return _with_answer(perfect(released, lecturer), "A1-3-answer", AVERAGED_KL)


def skips_the_draw(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Decodes at the posterior's mean."""
    return _with_answer(perfect(released, lecturer), "A1-5-answer", AT_THE_MEAN)


def tampered(released: NotebookNode, lecturer: NotebookNode) -> NotebookNode:
    """Worked in an editor that lost all metadata and ids, and replaced a test by a wish."""
    notebook = copy.deepcopy(perfect(released, lecturer))
    for number, cell in enumerate(notebook.cells):
        if 'check("A1.2"' in cell.source:
            cell.source = "print('Correct.')"
        cell.metadata, cell.id = type(cell.metadata)(), f"new-{number}"
    return notebook


CLASS = {
    "ada": perfect,
    "ben": idle,
    "cleo": averages,
    "dan": skips_the_draw,
    "eve": tampered,
}


def _with_answer(notebook: NotebookNode, mark: str, source: str) -> NotebookNode:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == mark:
            cell.source = source
    return notebook

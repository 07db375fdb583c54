"""The widgets saved in a notebook: fixed names for their models, and what makes their state valid."""

import json
import re

from nbformat import NotebookNode

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
REFERENCE = re.compile(r"IPY_MODEL_([0-9A-Za-z-]+)")


def shown_models(notebook: NotebookNode) -> list[str]:
    """Ids of the models that the outputs show, in reading order."""
    return [
        output.data[VIEW]["model_id"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if VIEW in output.get("data", {})
    ]


def widget_outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """What the saved Output widgets hold: the first frame of every ``interactive_output``."""
    saved = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return [output for model in saved.values() for output in model.get("state", {}).get("outputs", [])]


def renumber_models(notebook: NotebookNode) -> None:
    """Replace the random model ids by numbers, in the outputs and in the saved state, in place.

    Numbers follow from what is shown first and what it refers to; models that nothing shown refers to (links)
    come last, in the order of their content. So the same run gets the same ids.
    """
    state = notebook.metadata.widgets[STATE]["state"]
    names: dict[str, str] = {}

    def visit(model: str) -> None:
        if model in state and model not in names:
            names[model] = f"{len(names):032x}"
            for reference in REFERENCE.findall(json.dumps(state[model], sort_keys=True)):
                visit(reference)

    def content(model: str) -> str:
        text = json.dumps(state[model], sort_keys=True)
        return REFERENCE.sub(lambda match: names.get(match.group(1), ""), text)

    for model in shown_models(notebook):
        visit(model)
    while rest := [model for model in state if model not in names]:
        visit(min(rest, key=content))

    def renamed(value: object) -> object:
        if isinstance(value, dict):
            return NotebookNode({key: renamed(item) for key, item in value.items()})
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, str) and "IPY_MODEL_" in value:
            return REFERENCE.sub(
                lambda match: f"IPY_MODEL_{names.get(match.group(1), match.group(1))}", value
            )
        return value

    ordered = sorted(state, key=names.__getitem__)
    notebook.metadata.widgets[STATE]["state"] = NotebookNode({names[m]: renamed(state[m]) for m in ordered})
    for model in notebook.metadata.widgets[STATE]["state"].values():
        if "msg_id" in model.get("state", {}):
            model["state"]["msg_id"] = ""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if VIEW in output.get("data", {}):
                view = output.data[VIEW]
                view["model_id"] = names.get(view["model_id"], view["model_id"])


def widget_problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with the saved widgets, as sentences; GitHub refuses widgets without their state."""
    shown = shown_models(notebook)
    widgets = notebook.metadata.get("widgets")
    if widgets is None:
        return ["widgets are shown but their state is not saved"] if shown else []
    saved = widgets.get(STATE, {})
    if "state" not in saved:
        return ["the saved widgets have no 'state', so GitHub shows 'Invalid Notebook'"]
    state = saved["state"]
    referred = {ref for model in state.values() for ref in REFERENCE.findall(json.dumps(model))}
    problems = [f"a shown widget ({model}) has no saved model" for model in shown if model not in state]
    problems += [
        f"a saved widget refers to a model that is not saved ({ref})" for ref in sorted(referred - set(state))
    ]
    if saved.get("version_major") != 2:
        problems.append("the saved widget state has no version_major 2")
    return problems

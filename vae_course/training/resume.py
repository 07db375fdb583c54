"""Save a run after an epoch, and continue it later as if it had never been interrupted."""

from dataclasses import asdict
from pathlib import Path

from vae_course.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from vae_course.training.history import History


def save_run(run, path: str | Path) -> None:
    """Write the run's weights, optimizer, random state and history; the file is complete or not there."""
    save_checkpoint(
        path,
        run.model,
        training={
            "settings": asdict(run.config),
            "examples": len(run.train),
            "epoch": run.epoch,
            "step": run.step,
            "optimizer": run.optimizer.state_dict(),
            "order": run.order.get_state(),
            "noise": run.noise.get_state(),
            "history": run.history.to_dict(),
            "best": run.best,
            "arithmetic": run.arithmetic,
        },
    )


def restore_run(run, path: str | Path) -> None:
    """Put a run into the state that :func:`save_run` wrote.

    Raises:
        CheckpointError: the file is damaged, or belongs to another model or to other settings.
    """
    content = load_checkpoint(path)
    state = content.get("training")
    if state is None:
        raise CheckpointError(
            f"{path} holds a model without the state of its training; only a file that fit wrote as its "
            f"checkpoint can be resumed: start afresh in another file."
        )
    model = run.model
    if (content["kind"], content["config"]) != (type(model).__name__, getattr(model, "config", None)):
        raise CheckpointError(
            f"{path} belongs to another model; resume with the same model, or start afresh in another file."
        )
    asked = {**asdict(run.config), "examples": len(run.train)}
    saved = {**state["settings"], "examples": state["examples"]}
    changed = [
        f"{name} {saved.get(name)!r} → {asked[name]!r}" for name in asked if asked[name] != saved.get(name)
    ]
    if changed:
        raise CheckpointError(
            f"{path} is a run with other settings ({'; '.join(changed)}); resume with the same ones, "
            f"because schedules depend on them, or start afresh in another file."
        )
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit this model; start afresh.") from error
    run.optimizer.load_state_dict(state["optimizer"])
    run.order.set_state(state["order"])
    run.noise.set_state(state["noise"])
    run.epoch, run.step = state["epoch"], state["step"]
    run.history = History.from_dict(state["history"])
    run.best = state["best"]
    run.arithmetic = state.get("arithmetic", run.arithmetic)

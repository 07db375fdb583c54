"""Plain-text progress: readable with and without a front end."""

from vae_course.training.history import History


def report(history: History, epochs: int, progress: bool) -> None:
    """About ten lines in a run, without seconds, so that a repeated run prints the same text."""
    record = history.last
    every = max(1, -(-epochs // 10))
    last = record["epoch"] == epochs or history.stopped_early
    if not progress or not (record["epoch"] % every == 0 or last):
        return
    parts = [f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}"]
    for name, values in (("train", record["train"]), ("held-out", record["validation"])):
        if values is not None:
            parts.append(f"{name} {_terms(values)}")
    text = "   ".join(parts) + "   nats"
    if history.stopped_early:
        text += f"   stopped: no better since epoch {history.best_epoch}"
    print(text, flush=True)


def _terms(values: dict[str, float]) -> str:
    # A plain autoencoder has no KL term, and its reconstruction alone is no bound: do not call it −ELBO.
    if values["kl"] == 0:
        return f"reconstruction {values['reconstruction']:7.2f}"
    return f"−ELBO {values['negative_elbo']:7.2f} = {values['reconstruction']:7.2f} + KL {values['kl']:5.2f}"

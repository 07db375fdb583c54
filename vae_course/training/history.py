"""What happened during training."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from vae_course.files import write_atomically

TERMS = ("negative_elbo", "reconstruction", "kl")


@dataclass
class History:
    """One record for each epoch, the first of them (epoch 0) taken before any update.

    Attributes:
        records: dicts with ``epoch``, ``step`` (updates so far), ``learning_rate``, ``beta`` (weight of the
            KL term at that moment), ``seconds`` since the start, and ``train`` and ``validation``: dicts of
            ``negative_elbo``, ``reconstruction``, ``kl``, mean nats per example with a sample from q(z|x),
            always at KL weight 1 (validation is None when none was given).
        stopped_early: training ended before its last epoch because the held-out −ELBO no longer fell.
        best_epoch: epoch with the lowest held-out −ELBO, or None without held-out data.
    """

    records: list[dict] = field(default_factory=list)
    stopped_early: bool = False
    best_epoch: int | None = None

    def curve(self, part: str = "validation", term: str = "negative_elbo") -> tuple[list[int], list[float]]:
        """Epochs and values of one term.

        Args:
            part: "train" or "validation".
            term: "negative_elbo", "reconstruction" or "kl".
        """
        if part not in ("train", "validation"):
            raise ValueError(f"unknown part {part!r}; choose 'train' or 'validation'.")
        if term not in TERMS:
            raise ValueError(f"unknown term {term!r}; choose one of {', '.join(TERMS)}.")
        if any(record[part] is None for record in self.records):
            raise ValueError("this run had no held-out data: give validation=... to fit.")
        return [r["epoch"] for r in self.records], [r[part][term] for r in self.records]

    @property
    def last(self) -> dict:
        """The record of the last epoch."""
        return self.records[-1]

    def to_dict(self) -> dict:
        return {
            "records": self.records,
            "stopped_early": self.stopped_early,
            "best_epoch": self.best_epoch,
        }

    def to_json(self, path: str | Path) -> None:
        """Write the history as JSON; the file is complete or not there."""
        write_atomically(path, json.dumps(self.to_dict(), indent=1).encode() + b"\n")

    @classmethod
    def from_dict(cls, content: dict) -> "History":
        return cls(**content)

    @classmethod
    def from_json(cls, path: str | Path) -> "History":
        """Read what :meth:`to_json` wrote."""
        return cls.from_dict(json.loads(Path(path).read_text()))

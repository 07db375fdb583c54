"""What happened between a generator and its discriminator."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from vae_course.files import write_atomically

TERMS = ("discriminator", "generator", "penalty", "real_score", "fake_score", "accuracy")


@dataclass
class AdversarialHistory:
    """One record now and then, each the mean over the updates since the record before it.

    Attributes:
        records: dicts with ``step`` (updates of each player so far), ``seconds``, and the players' terms:
            ``discriminator`` and ``generator`` (their losses, without the penalty), ``penalty`` (mean squared
            norm of the score's slope at real data, before its weight; 0 when not used), ``real_score`` and
            ``fake_score`` (mean logits), ``accuracy`` (share of scores with the right sign; 0.5 is a blind
            discriminator).
    """

    records: list[dict] = field(default_factory=list)

    def curve(self, term: str) -> tuple[list[int], list[float]]:
        """Steps and values of one term: one of ``discriminator``, ``generator``, ``penalty``, ..."""
        if term not in TERMS:
            raise ValueError(f"unknown term {term!r}; choose one of {', '.join(TERMS)}.")
        return [record["step"] for record in self.records], [record[term] for record in self.records]

    @property
    def last(self) -> dict:
        """The latest record."""
        return self.records[-1]

    def to_json(self, path: str | Path) -> None:
        """Write the history as JSON; the file is complete or not there."""
        write_atomically(path, json.dumps({"records": self.records}, indent=1).encode() + b"\n")

    @classmethod
    def from_json(cls, path: str | Path) -> "AdversarialHistory":
        """Read what :meth:`to_json` wrote."""
        return cls(**json.loads(Path(path).read_text()))

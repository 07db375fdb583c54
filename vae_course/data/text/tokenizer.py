"""Text to whole numbers and back: characters, or words with an unknown one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from vae_course.data.errors import DataError

PAD, START, END, UNKNOWN = 0, 1, 2, 3  # the first four tokens of every vocabulary
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
KINDS = ("characters", "words")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_OPENING, _CLOSING = '("$', ".,!?;:)%"


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary, and how text is cut into its tokens.

    "characters": every character is a token, as it is. "words": lower-case words and punctuation marks, so
    that decoding gives lower-case text with spaces where they usually stand.

    Attributes:
        kind: "characters" or "words".
        vocabulary: all tokens in the order of their numbers; the first four are padding, start, end and
            unknown.
    """

    kind: str
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f'tokens are {self.kind!r}; expected "characters" or "words".')
        if self.vocabulary[:4] != SPECIAL:
            raise DataError(f"a vocabulary begins with {', '.join(SPECIAL)}; build one with Tokenizer.of.")
        object.__setattr__(self, "_number", {token: i for i, token in enumerate(self.vocabulary)})

    @classmethod
    def of(cls, texts: Iterable[str], kind: str = "characters", least: int = 1) -> Tokenizer:
        """The vocabulary of some texts (training texts only: held-out text must be able to surprise).

        Args:
            texts: what to read.
            kind: "characters" or "words".
            least: how often a token must occur; rarer ones become unknown. The most frequent come first.
        """
        counts = Counter(token for text in texts for token in split(text, kind))
        known = sorted((token for token, n in counts.items() if n >= least), key=lambda t: (-counts[t], t))
        return cls(kind, (*SPECIAL, *known))

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer({len(self):,} {self.kind}, 4 of them special)"

    def encode(self, texts: Sequence[str], length: int | None = None) -> torch.Tensor:
        """Numbers of the tokens of each text, then END, then PAD: int64 (n, longest + 1).

        Args:
            texts: one or more texts.
            length: number of columns instead of the longest text's.

        Raises:
            DataError: a text does not fit into ``length`` columns, or there is none.
        """
        if isinstance(texts, str) or len(texts) == 0:
            raise DataError("encode takes a list with at least one text; put a single text into a list.")
        rows = [[self._number.get(t, UNKNOWN) for t in split(text, self.kind)] + [END] for text in texts]
        longest = max(map(len, rows))
        if length is not None and longest > length:
            raise DataError(
                f"a text has {longest} tokens with its end, but {length} columns were asked for: "
                f"give length={longest}, or leave the text out."
            )
        padded = torch.full((len(rows), length or longest), PAD, dtype=torch.int64)
        for place, row in enumerate(rows):
            padded[place, : len(row)] = torch.tensor(row)
        return padded

    def decode(self, tokens: torch.Tensor) -> list[str]:
        """The text of each row (n, length) up to its first END; padding and START are left out."""
        texts = []
        for row in tokens.tolist():
            row = row[: row.index(END)] if END in row else row
            words = [self.vocabulary[number] for number in row if number not in (PAD, START)]
            texts.append("".join(words) if self.kind == "characters" else _joined(words))
        return texts


def split(text: str, kind: str) -> list[str]:
    """The tokens of one text, as strings."""
    return list(text) if kind == "characters" else _WORD.findall(text.lower())


def padding_mask(tokens: torch.Tensor) -> torch.Tensor:
    """Which tokens count: bool, the shape of ``tokens``, True up to and with END, False on padding."""
    return tokens != PAD


def _joined(words: list[str]) -> str:
    text = ""
    for word in words:
        tight = not text or word in _CLOSING or text[-1] in _OPENING or "-" in (word, text[-1])
        text += word if tight else f" {word}"
    return text

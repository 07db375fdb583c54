"""Text: tokens, files, and lists that are made up."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import obtain
from vae_course.data.images import DataError, Examples
from vae_course.files import write_atomically

PAD, START, END, UNKNOWN = 0, 1, 2, 3  # the first four tokens of every vocabulary
SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_OPENING, _CLOSING = '("$', ".,!?;:)%"


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary (in the order of the tokens' numbers, the four special ones first), and how text is cut.

    "characters": every character is a token. "words": lower-case words and punctuation marks, so that
    decoding gives lower-case text with spaces where they usually stand.
    """

    kind: str
    vocabulary: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number", {token: i for i, token in enumerate(self.vocabulary)})

    @classmethod
    def of(cls, texts: Iterable[str], kind: str = "characters", least: int = 1) -> Tokenizer:
        """The vocabulary of some texts, the most frequent first; rarer than ``least`` is unknown."""
        counts = Counter(token for text in texts for token in tokens_of(text, kind))
        known = sorted((token for token, n in counts.items() if n >= least), key=lambda t: (-counts[t], t))
        return cls(kind, (*SPECIAL, *known))

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        return f"Tokenizer({len(self):,} {self.kind}, 4 of them special)"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Numbers of the tokens of each text of a list, then END, then PAD: int64 (n, longest + 1)."""
        if isinstance(texts, str) or len(texts) == 0:
            raise DataError("encode takes a list with at least one text; put a single text into a list.")
        rows = [[self._number.get(t, UNKNOWN) for t in tokens_of(text, self.kind)] + [END] for text in texts]
        padded = torch.full((len(rows), max(map(len, rows))), PAD, dtype=torch.int64)
        for place, row in zip(padded, rows, strict=True):
            place[: len(row)] = torch.tensor(row)
        return padded

    def decode(self, tokens: Tensor) -> list[str]:
        """The text of each row (n, length) up to its first END; padding and START are left out."""
        texts = []
        for row in tokens.tolist():
            row = row[: row.index(END)] if END in row else row
            words = [self.vocabulary[number] for number in row if number not in (PAD, START)]
            texts.append("".join(words) if self.kind == "characters" else _joined(words))
        return texts


def tokens_of(text: str, kind: str) -> list[str]:
    """The tokens of one text, as strings."""
    return list(text) if kind == "characters" else _WORD.findall(text.lower())


def padding_mask(tokens: Tensor) -> Tensor:
    """Which tokens count: bool, the shape of ``tokens``, True up to and with END, False on padding."""
    return tokens != PAD


def _joined(words: list[str]) -> str:
    text = ""
    for word in words:
        tight = not text or word in _CLOSING or text[-1] in _OPENING or "-" in (word, text[-1])
        text += word if tight else f" {word}"
    return text


@dataclass(frozen=True, eq=False, repr=False)
class TextData(Examples):
    """Texts and their tokens, with the interface of ImageData that ``fit`` and ``evaluate`` use."""

    name: str
    split: str  # "train", "validation", "test" or "train+validation"
    texts: tuple[str, ...]  # as they were read, N of them
    tokens: Tensor  # int64 (N, longest + 1), END after the last token of a text, PAD after that
    tokenizer: Tokenizer  # turns tokens back into text; its vocabulary is that of the training part
    labels: Tensor | None = None  # int64 (N,), an index into ``class_names``
    class_names: tuple[str, ...] = ()

    main = "tokens"

    def __repr__(self) -> str:
        text = f"TextData({self.name}, {self.split}: {len(self):,} texts of up to {self.tokens.shape[1] - 1} "
        return text + f"{self.tokenizer.kind}, {len(self.tokenizer):,} different tokens)"

    @property
    def lengths(self) -> Tensor:
        """Tokens of each text, its END counted, int64 (N,)."""
        return padding_mask(self.tokens).sum(1)

    def batch(self, index: Tensor | slice, generator: torch.Generator | None = None) -> Tensor:
        """Read a minibatch: int64 (n, longest of these + 1), without columns that hold padding alone."""
        rows = super().batch(index)
        return rows[:, : max(int(padding_mask(rows).sum(1).max()), 1)] if len(rows) else rows

    def select(self, index: Tensor) -> TextData:
        """The texts at `index` (int64 (n,), or a mask of N booleans), in this order."""
        index = torch.arange(len(self))[index.cpu()]
        tokens, labels = (None if rows is None else rows[index] for rows in (self.tokens, self.labels))
        return replace(self, texts=tuple(self.texts[i] for i in index.tolist()), tokens=tokens, labels=labels)

    def with_tokenizer(self, tokenizer: Tokenizer) -> TextData:
        """The same texts as the numbers of another vocabulary, for a model that was trained with it."""
        return replace(self, tokenizer=tokenizer, tokens=tokenizer.encode(self.texts).to(self.tokens.device))


HERE = Path(__file__).parent
NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"  # no checksum is published
SENTENCES_URL = "http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip"
SENTENCES_SHA1 = "94646ad1522d915e7b0f9296181140edcf86a4f5"


def read_names(folder: Path, download: bool) -> list[str]:
    """Given names in lower-case letters, each once, in the order of the file (roughly by popularity)."""
    more = {"download": download, "stand_in": "invented_names"}
    path = obtain(folder / "names.txt", NAMES_URL, None, "the list of names", **more)
    names = list(dict.fromkeys(_lines(path)))
    if not all(name.isalpha() and name.islower() for name in names):
        raise DataError(f"{path} is not the list of names, in lower-case letters; delete it and load again.")
    return names


def read_sentences(folder: Path, download: bool) -> list[str]:
    """English sentences of Tatoeba, each once, in the order of the file (shortest first)."""
    path = folder / "tatoeba_en.tsv"
    if not path.is_file():
        more = {"download": download, "stand_in": "invented_sentences"}
        more["remedy"] = f"save sentences, one a line, as {path.absolute()}"
        packed = obtain(folder / "fra-eng.zip", SENTENCES_URL, SENTENCES_SHA1, "Tatoeba's sentences", **more)
        with zipfile.ZipFile(packed) as archive:  # pairs, of which the English side is kept
            lines = archive.read("fra-eng/fra.txt").decode().splitlines()
        write_atomically(path, "\n".join(dict.fromkeys(line.partition("\t")[0] for line in lines)).encode())
        packed.unlink()
    return list(dict.fromkeys(line.partition("\t")[0] for line in _lines(path)))


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        lines = []
    if not lines:
        raise DataError(f"{path} holds no lines of text; delete it and call load again.")
    return lines


LONGEST, LEAST = 9, 3  # words and marks of a sentence; how often a word must occur in training to be known


def load_text(name: str, split: str, root: Path, download: bool) -> TextData:
    """One part of a text data set: of about 29,000 "names" or 23,400 "sentences" of up to 9 words from
    `<root>/text`, or of invented ones, which `recipes/invented_texts.py` drew from small grammars.

    Every text occurs once. Names are cut into characters, sentences into words. Train, validation and test
    are 80, 10 and 10 % of a fixed random order; the vocabulary is training's.
    """
    labels, class_names, folder = None, (), root / "text"
    if name == "names":
        texts = read_names(folder, download)
    elif name == "sentences":
        texts = read_sentences(folder, download)
    else:
        drawn, texts = zip(*(line.split("\t") for line in _lines(HERE / f"{name}.txt")), strict=True)
        class_names = tuple(dict.fromkeys(drawn))
        labels = [class_names.index(kind) for kind in drawn]
    kind, real = "characters" if name.endswith("names") else "words", name == "sentences"
    kept = [i for i, text in enumerate(texts) if not real or len(tokens_of(text, kind)) <= LONGEST]
    order = np.random.RandomState(0).permutation(np.array(kept))
    first, last = int(0.8 * len(order)), int(0.9 * len(order))
    rows = {"train": order[:first], "validation": order[first:last], "test": order[last:]}
    rows["train+validation"] = order[:last]
    chosen = rows[split]
    tokenizer = Tokenizer.of((texts[i] for i in rows["train"]), kind, LEAST if real else 1)
    labels = None if labels is None else torch.tensor(labels)[torch.from_numpy(chosen)]
    texts = tuple(texts[i] for i in chosen)
    return TextData(name, split, texts, tokenizer.encode(texts), tokenizer, labels, class_names)

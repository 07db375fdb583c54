"""Texts in memory, read as padded minibatches by index."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from vae_course.data.dataset import check_subset_size, stratified_index
from vae_course.data.errors import DataError
from vae_course.data.text.tokenizer import END, Tokenizer, padding_mask


@dataclass(frozen=True, eq=False, repr=False)
class TextData:
    """Texts and their tokens, with the interface of ImageData that ``fit`` and ``evaluate`` use.

    Attributes:
        name: the data set, e.g. "names".
        split: "train", "validation", "test" or "train+validation".
        texts: the texts as they were read, N of them.
        tokens: int64 (N, longest + 1), END after the last token of a text, PAD after that.
        tokenizer: turns tokens back into text; its vocabulary is that of the training part.
        labels: int64 (N,), or None where the source has none.
        class_names: one name per label value.

    Raises:
        DataError: the parts do not fit together.
    """

    name: str
    split: str
    texts: tuple[str, ...]
    tokens: torch.Tensor
    tokenizer: Tokenizer
    labels: torch.Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tokens.dtype != torch.int64 or self.tokens.ndim != 2 or len(self.tokens) != len(self.texts):
            raise DataError(
                f"tokens are {self.tokens.dtype} of shape {tuple(self.tokens.shape)}, but int64 of shape "
                f"({len(self.texts)}, length) is expected: make them with tokenizer.encode(texts)."
            )
        if not (self.tokens == END).any(1).all():
            raise DataError("a row of tokens has no END: make the rows with tokenizer.encode(texts).")
        if self.labels is not None and self.labels.shape != self.tokens.shape[:1]:
            raise DataError(f"{len(self.labels)} labels for {len(self)} texts: give one for each, or None.")

    @classmethod
    def of(cls, name: str, split: str, texts, tokenizer: Tokenizer, labels=None, class_names=()) -> TextData:
        """Data from texts; see the attributes."""
        return cls(name, split, tuple(texts), tokenizer.encode(texts), tokenizer, labels, tuple(class_names))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return (
            f"TextData({self.name}, {self.split}: {len(self):,} texts of up to {self.tokens.shape[1] - 1} "
            f"{self.tokenizer.kind}, {len(self.tokenizer):,} different tokens)"
        )

    @property
    def lengths(self) -> torch.Tensor:
        """Tokens of each text, its END counted, int64 (N,)."""
        return padding_mask(self.tokens).sum(1)

    def batch(self, index: torch.Tensor | slice, generator: torch.Generator | None = None) -> torch.Tensor:
        """Read a minibatch: int64 (n, longest of these + 1), without columns that hold padding alone.

        Args:
            index: int64 (n,) on any device, or a slice.
            generator: not used; nothing is drawn here.
        """
        if isinstance(index, torch.Tensor):
            index = index.to(self.tokens.device)
        rows = self.tokens[index]
        return rows[:, : max(int(padding_mask(rows).sum(1).max()), 1)] if len(rows) else rows

    def subset(self, n: int, seed: int = 0) -> TextData:
        """Draw `n` texts without replacement, in random order, keeping class proportions where there are any.

        Raises:
            DataError: `n` is not a whole number from 1 to the number of texts.
        """
        check_subset_size(n, len(self), f"{self.name} {self.split}")
        rng = np.random.RandomState(seed)
        if self.labels is None:
            index = rng.permutation(len(self))[:n]
        else:
            index = stratified_index(self.labels.cpu().numpy(), n, rng)
        return self.take(torch.from_numpy(index))

    def take(self, index: torch.Tensor) -> TextData:
        """The texts with these numbers, in this order."""
        index = index.to(self.tokens.device)
        return replace(
            self,
            texts=tuple(self.texts[i] for i in index.tolist()),
            tokens=self.tokens[index],
            labels=None if self.labels is None else self.labels[index],
        )

    def with_tokenizer(self, tokenizer: Tokenizer) -> TextData:
        """The same texts as the numbers of another vocabulary, for a model that was trained with it."""
        return replace(self, tokenizer=tokenizer, tokens=tokenizer.encode(self.texts).to(self.tokens.device))

    def to(self, device: torch.device | str) -> TextData:
        """The same data with its tensors on `device`."""
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, tokens=self.tokens.to(device), labels=labels)

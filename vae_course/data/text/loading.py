"""`load_text`: every text of the course, cut into fixed parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from vae_course.data.errors import DataError
from vae_course.data.text.dataset import TextData
from vae_course.data.text.files import NEWS_CLASSES, read_names, read_news, read_sentences
from vae_course.data.text.invented import NAME_STYLES, SENTENCE_KINDS, invented_names, invented_sentences
from vae_course.data.text.tokenizer import Tokenizer, split

TEXT_DATASETS = ("names", "sentences", "news", "invented_names", "invented_sentences")
TOKENS = {"names": "characters", "invented_names": "characters"}  # the others: words
LEAST = {"sentences": 3, "news": 3}  # how often a word must occur in the training part to be known
LONGEST = {"sentences": 9, "news": 12}  # words and marks; longer texts are left out


def load_text(
    name: str,
    part: str,
    root: Path,
    download: bool = True,
    *,
    tokens: str | None = None,
    least: int | None = None,
    longest: int | None = None,
) -> TextData:
    """One part of a text data set; `load(name, part)` calls this with the usual settings.

    | name | texts | tokens | file in `<root>/text` |
    | --- | --- | --- | --- |
    | "names" | about 29,000 given names | characters | names.txt (makemore) |
    | "sentences" | 23,400 everyday sentences of up to 9 words | words | tatoeba_en.tsv (D2L's copy) |
    | "news" | headlines of up to 12 words, 4 classes | words | ag_news.csv |
    | "invented_names" | 4,000 names in 3 styles | characters | none: drawn from a small grammar |
    | "invented_sentences" | 6,000 sentences of 4 kinds | words | none: likewise |

    Every text occurs once. Train, validation and test are 80, 10 and 10 % of a fixed random order; the
    vocabulary is that of the training part. A downloaded list may differ from a local one in length.

    Args:
        name: one of `TEXT_DATASETS`.
        part: "train", "validation", "test" or "train+validation".
        root: the data folder, which holds a folder `text`.
        download: whether a missing file may be fetched.
        tokens: "characters" or "words"; None for the table's.
        least: how often a token must occur in the training part to be known; None: 3 for real words, else 1.
        longest: tokens of the longest text that is kept (its end not counted); None: 9 for sentences, 12 for
            news, and no limit for the others.
    """
    labels, class_names = None, ()
    folder = Path(root) / "text"
    if name == "names":
        texts = read_names(folder, download)
    elif name == "sentences":
        texts = read_sentences(folder, download)
    elif name == "news":
        texts, labels = read_news(folder, download)
        class_names = NEWS_CLASSES
    elif name == "invented_names":
        texts, labels = invented_names()
        class_names = tuple(NAME_STYLES)
    elif name == "invented_sentences":
        texts, labels = invented_sentences()
        class_names = SENTENCE_KINDS
    else:
        raise DataError(f"unknown text {name!r}: expected one of {', '.join(TEXT_DATASETS)}.")
    kind = tokens or TOKENS.get(name, "words")
    least = least or (LEAST.get(name, 1) if kind == "words" else 1)
    longest = longest or (LONGEST.get(name) if kind == "words" else None)
    kept = np.array(
        [i for i, text in enumerate(texts) if longest is None or len(split(text, kind)) <= longest]
    )
    if len(kept) < 10:
        raise DataError(
            f"{len(kept)} of {len(texts):,} texts have {longest} tokens or fewer; allow longer ones."
        )
    order = np.random.RandomState(0).permutation(kept)
    train, validation, test = np.split(order, [int(0.8 * len(order)), int(0.9 * len(order))])
    parts = {
        "train": train,
        "validation": validation,
        "test": test,
        "train+validation": np.concatenate((train, validation)),
    }
    tokenizer = Tokenizer.of((texts[i] for i in train), kind, least)
    chosen = parts[part]
    labels = None if labels is None else torch.tensor(labels)[torch.from_numpy(chosen)]
    return TextData.of(name, part, [texts[i] for i in chosen], tokenizer, labels, class_names)

"""Text: tokens, files, and lists that are made up."""

from __future__ import annotations

import csv
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from vae_course.data.download import fetch, temporary_folder
from vae_course.data.images import DataError, check_subset_size, stratified_index
from vae_course.files import write_atomically
from vae_course.randomness import seeded_numpy

# -------- Text to whole numbers and back: characters, or words with an unknown one.

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


# -------- Texts in memory, read as padded minibatches by index.


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
        rng = seeded_numpy(seed)
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


# -------- The files that text comes from: reading them, and fetching the ones that are missing.

NAMES_URL = "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt"
NAMES_LEAST = 30_000  # names that the file must hold at least; its publisher gives no checksum
SENTENCES_URL = "http://d2l-data.s3-accelerate.amazonaws.com/fra-eng.zip"
SENTENCES_SHA1 = "94646ad1522d915e7b0f9296181140edcf86a4f5"
NEWS_URL = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv"
NEWS_MD5 = "d52ea96a97a2d943681189a97654912d"

NEWS_CLASSES = ("World", "Sports", "Business", "Sci/Tech")
OFFLINE = 'load("invented_names") and load("invented_sentences") need no files and no network'


def read_names(folder: Path, download: bool) -> list[str]:
    """Given names in lower-case letters, each once, in the order of the file (roughly by popularity)."""
    path = _present(folder / "names.txt", download, _fetch_names)
    return list(dict.fromkeys(_lines(path)))


def read_sentences(folder: Path, download: bool) -> list[str]:
    """English sentences of Tatoeba, each once, in the order of the file (shortest first)."""
    path = _present(folder / "tatoeba_en.tsv", download, _fetch_sentences)
    return list(dict.fromkeys(line.partition("\t")[0] for line in _lines(path)))


def read_news(folder: Path, download: bool) -> tuple[list[str], list[int]]:
    """Headlines of AG News, each once, and the number of each one's class."""
    path = find_news(folder, download)
    found: dict[str, int] = {}
    for row in csv.reader(io.StringIO("\n".join(_lines(path)))):
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            raise DataError(
                f"{path} is not AG News: a row is {str(row)[:60]}, but class (1 to 4), headline and "
                f"description are expected; delete the file and call load again."
            )
        found.setdefault(row[1].replace("\\", " ").strip(), int(row[0]) - 1)
    return list(found), list(found.values())


def find_news(folder: Path, download: bool) -> Path:
    """AG News as one .csv: class 1 to 4, headline, description; fetched where missing and allowed."""
    return _present(folder / "ag_news.csv", download, _fetch_news)


def _present(path: Path, download: bool, get) -> Path:
    if path.is_file():
        return path
    if not download:
        raise DataError(
            f"{path.name} is not in {path.parent} and download=False forbids fetching it: put it there, or "
            f"allow the download; {OFFLINE}."
        )
    try:
        get(path)
    except DataError as error:
        text = str(error)
        raise DataError(text if OFFLINE in text else f"{text.rstrip('.')} ({OFFLINE}).") from None
    return path


def _remedy(path: Path, what: str) -> str:
    return f"save {what} as {path} yourself; {OFFLINE}"


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}); delete it and call load again.") from None
    lines = [line.strip() for line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; delete it and call load again.")
    return lines


def _fetch_names(path: Path) -> None:
    with temporary_folder(path.parent) as folder:
        part = folder / path.name
        fetch(NAMES_URL, part, None, remedy=_remedy(path, "the list of names"))
        names = part.read_bytes().split()
        good = sum(name.isalpha() and name.islower() for name in names)
        if good < NAMES_LEAST or good < len(names):
            raise DataError(
                f"what {NAMES_URL} sent is not the list of names ({good:,} of {len(names):,} lines are "
                f"names, {NAMES_LEAST:,} or more are expected) and was thrown away; try again later."
            )
        os.replace(part, path)


def _fetch_sentences(path: Path) -> None:
    """The English side of the pairs, without the translations."""
    with temporary_folder(path.parent) as folder:
        part = folder / "fra-eng.zip"
        fetch(SENTENCES_URL, part, SENTENCES_SHA1, "sha1", remedy=_remedy(path, "sentences, one a line,"))
        with zipfile.ZipFile(part) as archive:
            content = archive.read("fra-eng/fra.txt").decode("utf-8")
        sentences = dict.fromkeys(line.partition("\t")[0] for line in content.splitlines())
        write_atomically(path, "\n".join([*sentences, ""]).encode())


def _fetch_news(path: Path) -> None:
    fetch(NEWS_URL, path, NEWS_MD5, "md5", remedy=_remedy(path, "AG News's test.csv"))


# -------- Texts that need no file and no network: names and sentences put together by small grammars of our
# own.
#
# They are drawn, not collected: no name here was taken from a list of people. The grammar is known, so a
# reader can say which regularities a model found.

# For each style: beginnings, middles, ends, and how likely a middle is.
NAME_STYLES = {
    "soft": (
        "ae al be ce da ela fi gia ila ja ka li ma na o ri sa ta u vi ya ze mi lo".split(),
        "la li lo ra ri ro na ni no mi ma se sa ve lia ria".split(),
        "a ia elle ine ena is as ora ette ya lin nah".split(),
        0.6,
    ),
    "hard": (
        "bar bor dag dur gar gor hag har kar kor mag mor rag rog tar thor ulf var brun grim ork".split(),
        "da do ga go ka ko ma mo ra ro ba".split(),
        "ak ar dur gar ik mund nar ok rik orn und ald".split(),
        0.35,
    ),
    "short": (
        "b c d f g h j k l m n p r s t v w z ch sh fl br".split(),
        "a e i o u ai ee oo ay".split(),
        "m n l r t s ck d x nn sh m n".split(),
        1.0,
    ),
}

_SUBJECTS = (
    "i you we they tom mary he she the_cat the_dog the_boy the_girl my_father my_mother our_teacher".split()
)
_PLURAL = ("i", "you", "we", "they")
_VERBS = {  # base form: third person, past, what may follow
    "like": ("likes", "liked", "thing"),
    "see": ("sees", "saw", "thing"),
    "want": ("wants", "wanted", "thing"),
    "buy": ("buys", "bought", "goods"),
    "eat": ("eats", "ate", "food"),
    "read": ("reads", "read", "paper"),
    "go to": ("goes to", "went to", "place"),
    "live in": ("lives in", "lived in", "place"),
    "wait for": ("waits for", "waited for", "person"),
    "help": ("helps", "helped", "person"),
    "sleep": ("sleeps", "slept", ""),
    "sing": ("sings", "sang", ""),
}
_OBJECTS = {
    "food": "an apple,some bread,the soup,a cake,an egg".split(","),
    "paper": "a book,the letter,a newspaper,this story".split(","),
    "place": "the city,a small house,the school,the park,boston,the garden".split(","),
    "person": "tom,mary,my friend,the children,her brother,us".split(","),
    "goods": "a car,a red hat,an apple,a book,two tickets,a house".split(","),
    "thing": "the music,a car,this picture,my friend,the garden,a cake,that song".split(","),
}
_WHEN = {
    "now": ",,,every day,on sunday,at home,with her,at night".split(","),
    "then": ",,yesterday,last week,in the morning,a year ago".split(","),
}
SENTENCE_KINDS = ("statement", "negation", "question", "past")


def invented_names(n: int = 4000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different invented names in lower-case letters a to z, and the number of each one's style.

    The styles are the keys of `NAME_STYLES`, drawn in turn.
    """
    rng = np.random.RandomState(seed)
    styles = list(NAME_STYLES.values())

    def name(number: int) -> str:
        start, middle, end, chance = styles[number]
        parts = [_one(start, rng), *([_one(middle, rng)] if rng.rand() < chance else []), _one(end, rng)]
        return "".join(parts)

    return _different(n, len(styles), name)


def invented_sentences(n: int = 6000, seed: int = 0) -> tuple[list[str], list[int]]:
    """`n` different short English sentences of a small grammar, and the number of each one's kind.

    The kinds are `SENTENCE_KINDS`, drawn in turn: "she sings at home.", "she does not sing at home.",
    "does she sing at home?", "she sang yesterday."
    """
    rng = np.random.RandomState(seed)

    def sentence(number: int) -> str:
        kind, subject = SENTENCE_KINDS[number], _one(_SUBJECTS, rng)
        verb = _one(list(_VERBS), rng)
        third, past, follows = _VERBS[verb]
        plural = subject in _PLURAL
        rest = [_one(_OBJECTS[follows], rng)] if follows else []
        rest.append(_one(_WHEN["then" if kind == "past" else "now"], rng))
        do = "do" if plural else "does"
        head = {
            "statement": [subject, verb if plural else third],
            "negation": [subject, do, "not", verb],
            "question": [do, subject, verb],
            "past": [subject, past],
        }[kind]
        words = " ".join(part.replace("_", " ") for part in (*head, *rest) if part)
        return words + ("?" if kind == "question" else ".")

    return _different(n, len(SENTENCE_KINDS), sentence)


def _different(n: int, classes: int, make) -> tuple[list[str], list[int]]:
    """Draw until `n` texts differ, taking the classes in turn."""
    found: dict[str, int] = {}
    number = 0
    while len(found) < n:
        found.setdefault(make(number % classes), number % classes)
        number += 1
    return list(found), list(found.values())


def _one(choices: list[str], rng: np.random.RandomState) -> str:
    return choices[rng.randint(len(choices))]


# -------- `load_text`: every text of the course, cut into fixed parts.

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

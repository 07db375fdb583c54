"""Tokens, padding, the parts of the text data sets, and their files."""

import hashlib
import io
import zipfile

import pytest
import torch
from failing_server import files_below, refused
from hypothesis import given
from hypothesis import strategies as st

from recipes.invented_texts import (
    FOLDER,
    NAME_STYLES,
    SENTENCE_KINDS,
    invented_names,
    invented_sentences,
    lines,
)
from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.text import (
    END,
    PAD,
    UNKNOWN,
    Tokenizer,
    padding_mask,
)

TEXTS = st.lists(st.text("abcdé '", max_size=12), min_size=1, max_size=6)


@given(TEXTS)
def test_characters_come_back_as_they_were(texts):
    tokenizer = Tokenizer.of(["abcdé '"])
    assert tokenizer.decode(tokenizer.encode(texts)) == texts


@given(TEXTS)
def test_every_row_is_its_text_then_end_then_padding(texts):
    tokens = Tokenizer.of(["abcdé '"]).encode(texts)
    assert tokens.dtype == torch.int64 and tokens.shape == (len(texts), max(map(len, texts)) + 1)
    for row, text in zip(tokens, texts, strict=True):
        assert row[len(text)] == END and (row[len(text) + 1 :] == PAD).all()
        assert not (row[: len(text)] <= UNKNOWN).any()
    assert padding_mask(tokens).sum(1).tolist() == [len(text) + 1 for text in texts]


def test_words_are_lower_case_with_marks_apart_and_rare_ones_unknown():
    tokenizer = Tokenizer.of(["I don't know, do I?", "I know."], "words", least=2)
    assert tokenizer.vocabulary[4:] == ("i", "know")
    assert tokenizer.encode(["i KNOW you"]).tolist() == [[4, 5, UNKNOWN, END]]
    text = "he said: it's (ten or four) 5-fold, oh no, $5!"
    everything = Tokenizer.of([text], "words")
    assert everything.decode(everything.encode([text.upper()])) == [text]


def test_encode_refuses_what_does_not_fit():
    tokenizer = Tokenizer.of(["abc"])
    for bad in ("abc", []):
        with pytest.raises(DataError, match="a list with at least one text"):
            tokenizer.encode(bad)


def test_a_batch_has_no_column_of_padding_alone():
    data = load("invented_names")
    short = data.lengths.argsort()[:5]
    batch = data.batch(short)
    assert batch.shape[1] == data.lengths[short].max() < data.tokens.shape[1]
    assert data.tokenizer.decode(batch) == [data.texts[i] for i in short]
    assert torch.equal(data.batch(slice(0, len(data))), data.tokens)
    assert torch.equal(data.batch(short), data.to("cpu").batch(short))


@pytest.mark.parametrize("name", ["invented_names", "invented_sentences"])
def test_the_invented_parts_are_apart_complete_and_repeatable(name):
    parts = {part: load(name, part) for part in ("train", "validation", "test", "train+validation")}
    texts = {part: set(data.texts) for part, data in parts.items()}
    assert all(len(texts[part]) == len(parts[part]) for part in parts)
    assert not texts["train"] & texts["validation"] | texts["train+validation"] & texts["test"]
    assert texts["train"] | texts["validation"] == texts["train+validation"]
    assert load(name).texts == parts["train"].texts
    assert all(data.tokenizer == parts["train"].tokenizer for data in parts.values())
    assert not (parts["train"].tokens == UNKNOWN).any()
    for data in parts.values():
        assert data.tokenizer.decode(data.tokens) == list(data.texts)
        assert set(data.labels.tolist()) == set(range(len(data.class_names)))


def test_invented_texts_follow_their_grammar():
    names, styles = invented_names(300, seed=3)
    assert all(name.isascii() and name.isalpha() and name.islower() for name in names)
    short = list(NAME_STYLES).index("short")
    assert max(len(name) for name, style in zip(names, styles, strict=True) if style == short) <= 6
    sentences, kinds = invented_sentences(400, seed=3)
    for sentence, kind in zip(sentences, kinds, strict=True):
        assert (SENTENCE_KINDS[kind] == "question") == sentence.endswith("?")
        assert (SENTENCE_KINDS[kind] == "negation") == (" not " in sentence)
    assert invented_names(300, seed=3) == (names, styles) != invented_names(300, seed=4)


@pytest.mark.parametrize("name", ["invented_names", "invented_sentences"])
def test_the_shipped_texts_are_what_the_grammars_give(name):
    assert (FOLDER / f"{name}.txt").read_text() == lines(name)
    assert load(name).class_names == (tuple(NAME_STYLES) if name == "invented_names" else SENTENCE_KINDS)


def test_a_subset_keeps_classes_and_belongs_together():
    data = load("invented_sentences")
    part = data.subset(200, seed=1)
    assert part.tokenizer.decode(part.tokens) == list(part.texts)
    counts = torch.bincount(data.labels) * 200 / len(data)
    assert (torch.bincount(part.labels) - counts).abs().max() <= 1
    with pytest.raises(DataError, match="4,800"):
        data.subset(5000)


def test_texts_cannot_be_binarized():
    with pytest.raises(DataError, match="binarize"):
        load("invented_names", binarize="dynamic")


@pytest.fixture
def published(server, monkeypatch):
    """Small files of the three publishers' forms on a local server."""
    names = [a + b + c for a in "abcdefghij" for b in "aeiou" for c in "lmnrst"]
    pairs = "".join(f"He {verb} {thing}.\tCeci\tx\n" for verb in ("sees", "has") for thing in names[:20])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("fra-eng/fra.txt", pairs + pairs)
    server.files.update({"names.txt": "\n".join(names).encode(), "fra-eng.zip": buffer.getvalue()})
    module = "vae_course.data.text."
    monkeypatch.setattr(module + "NAMES_URL", f"{server.url}names.txt")
    monkeypatch.setattr(module + "SENTENCES_URL", f"{server.url}fra-eng.zip")
    monkeypatch.setattr(module + "SENTENCES_SHA1", hashlib.sha1(buffer.getvalue()).hexdigest())
    return server


FILES = {"names": "names.txt", "sentences": "tatoeba_en.tsv"}
SIZES = {"names": 300, "sentences": 40}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_fetched_once(published, tmp_path, name):
    with pytest.raises(DataError, match="download=False"):
        load(name, root=tmp_path, download=False)
    for _ in range(2):
        assert len(load(name, "train+validation", root=tmp_path)) == int(0.9 * SIZES[name])
    assert len(published.asked) == 1
    assert files_below(tmp_path) == [f"text/{FILES[name]}"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("mode", "word"), [("refuse", "403"), ("page", "web page")])
def test_a_failed_download_says_why_and_leaves_nothing(published, tmp_path, name, mode, word):
    published.mode = mode
    assert word in refused(name, tmp_path) and files_below(tmp_path) == []


def test_another_list_is_not_taken_for_names(tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "names.txt").write_text("anna\n404: Not Found\n")
    with pytest.raises(DataError, match=r"names\.txt is not the list of names, .*; delete it and load again"):
        load("names", root=tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xff"])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "tatoeba_en.tsv").write_bytes(content)
    with pytest.raises(DataError, match=r"tatoeba_en\.tsv .*delete"):
        load("sentences", root=tmp_path, download=False)


@pytest.mark.parametrize(("name", "n", "shown"), [("names", 28_994, 15), ("sentences", 23_400, 9)])
def test_real_texts_have_their_known_counts(data_root, name, n, shown):
    train, rest = (load(name, part, root=data_root, download=False) for part in ("train+validation", "test"))
    assert len(train) + len(rest) == n
    assert len(set(train.texts) | set(rest.texts)) == n
    assert train.tokens.shape[1] == shown + 1
    unknown = (rest.tokens == UNKNOWN).sum() / padding_mask(rest.tokens).sum()
    assert unknown < 0.05

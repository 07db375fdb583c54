"""Texts and sounds refused by their servers, word for word."""

import pytest

from vae_course.data.images import DataError
from vae_course.data.loading import load

TEXT_WAY_OUT = 'load("invented_names") and load("invented_sentences") need no files and no network.'
CASES = {  # name -> module and name of the address, file asked for, where the reader can put what
    "names": ("text.files.NAMES_URL", "names.txt", "the list of names", "text/names.txt", TEXT_WAY_OUT),
    "sentences": (
        "text.files.SENTENCES_URL", "fra-eng.zip", "sentences, one a line,", "text/tatoeba_en.tsv",
        TEXT_WAY_OUT,
    ),
    "news": ("text.files.NEWS_URL", "test.csv", "AG News's test.csv", "text/ag_news.csv", TEXT_WAY_OUT),
    "spoken_digits": (
        "spoken_digits.URL", "v1.0.9.tar.gz", "the release's .tar.gz", "audio/fsdd-v1.0.9.tar.gz",
        'load("spoken_digits_synthetic") needs no files and no network.',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_says_what_to_put_where(server, monkeypatch, tmp_path, name):
    address, file, what, place, way_out = CASES[name]
    monkeypatch.setattr(f"vae_course.data.{address}", server.url + file)
    server.files[file], server.mode = b"never sent", "refuse"
    with pytest.raises(DataError) as caught:
        load(name, root=tmp_path)
    assert str(caught.value) == (
        f"cannot download {server.url}{file}: the server refused with 403 Forbidden; try again later, or "
        f"save {what} as {tmp_path / place} yourself; {way_out}"
    )
    assert list(tmp_path.iterdir()) == []

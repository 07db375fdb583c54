"""The guide on paper: the whole site printed by Chromium, and read back."""

import re

import pytest

from tools import site_pdf
from tools.chapters import CHAPTERS
from tools.chromium import find_chromium, print_page
from tools.project import CourseError, Project

PROJECT = Project.here()


@pytest.fixture(scope="module")
def book(whole_site):
    places = [f"notebooks/{chapter.name}.html" for chapter in CHAPTERS]
    return site_pdf.Book(PROJECT, whole_site, places)


@pytest.fixture(scope="module")
def guide(book, tmp_path_factory):
    """The edition without code, of the chapters alone."""
    pypdf = pytest.importorskip("pypdf", reason="needs pypdf: pip install -e '.[site]'")
    try:
        program = site_pdf.require()
    except CourseError as missing:
        pytest.skip(str(missing))
    path = tmp_path_factory.mktemp("pdf") / "guide.pdf"
    book.print(program, "without code", path)
    return pypdf.PdfReader(path)


@pytest.fixture(scope="module")
def texts(guide) -> list[str]:
    return [page.extract_text() for page in guide.pages]


def test_bookmarks_are_chapters_and_their_sections(guide, book):
    titles = [mark.title for mark in guide.outline if not isinstance(mark, list)]
    assert titles == ["Contents", "How to read this book", *(title for title, _ in book.parts.values())]
    assert [title[:2] for title in titles[2:]] == [chapter.number for chapter in CHAPTERS]
    sections = [mark for mark in guide.outline if isinstance(mark, list)]
    assert len(sections) == len(CHAPTERS) and all(len(section) > 5 for section in sections)


def test_contents_name_the_pages_on_which_chapters_begin(guide, texts):
    marks = [mark for mark in guide.outline if not isinstance(mark, list)]
    begins = {mark.title: 1 + guide.get_destination_page_number(mark) for mark in marks}
    for title, number in begins.items():
        assert title[:20] in texts[number - 1][:40]
    printed = [word for word in texts[1].split() if word.isdigit()]
    numbers = [str(number) for title, number in begins.items() if title != "Contents"]
    assert printed[-len(numbers) :] == numbers


def test_formulas_are_drawn_and_pages_are_full(guide, texts):
    assert [
        number for number, text in enumerate(texts, 1) if re.search(r"\\[(\[]|\\(?:log|frac|mathrm)", text)
    ] == []
    assert 60 < len(texts) < 250
    empty = [
        n
        for n, (page, text) in enumerate(zip(guide.pages, texts, strict=True), 1)
        if len(text) < 20 and not page.images
    ]
    assert empty == []


def test_links_lead_somewhere(guide, book):
    places, addresses = guide.named_destinations, []
    for page in guide.pages:
        for link in page.get("/Annots", ()):
            link = link.get_object()
            if "/Dest" in link:
                assert str(link["/Dest"]).lstrip("/") in {name.lstrip("/") for name in places}
            elif "/A" in link and "/URI" in link["/A"]:
                addresses.append(link["/A"]["/URI"])
    assert len(places) > len(CHAPTERS)
    assert all(address.startswith("https://") for address in addresses)
    ours = [address for address in addresses if address.startswith(PROJECT.site)]
    pages = {address.removeprefix(PROJECT.site + "/").split("#")[0] for address in ours} - {""}
    assert pages and [page for page in pages if not (book.site / page).is_file()] == []


def test_every_link_inside_has_its_place(book):
    for edition in site_pdf.BOOKS.values():
        page = site_pdf.parsed(book.html(edition))
        names = {node["id"] for node in page.select("[id]")}
        assert {link["href"] for link in page.select('a[href^="#"]')} <= {f"#{name}" for name in names}
        assert not page.select("details, audio, [data-explorer], img[loading]")


def test_code_is_only_in_the_edition_with_code(book, texts):
    page = site_pdf.parsed(book.html("with code"))
    assert len(page.select(".cell_input")) > 100 and "Solution of exercise 04.1" in page.get_text()
    said = "".join(texts)
    assert "import torch" not in said and "Solution of exercise" not in said
    assert "play/#pad" in re.sub(r"\s", "", said)  # in place of an explorer


def test_what_is_missing_is_told_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(site_pdf, "find_chromium", lambda: None)
    monkeypatch.setattr(site_pdf, "find_spec", lambda name: name)
    with pytest.raises(CourseError, match=r"printed by Chromium, which is not here: install it"):
        site_pdf.require()
    monkeypatch.setattr(site_pdf, "find_spec", lambda name: None)
    with pytest.raises(CourseError, match=r"needs pypdf, which is not installed here: pip install"):
        site_pdf.require()
    monkeypatch.setattr(site_pdf, "require", lambda: "chromium")
    with pytest.raises(CourseError, match=r"There is no site in .*; build it first: make site"):
        site_pdf.build(PROJECT, tmp_path)


def test_a_browser_that_prints_nothing_is_told(tmp_path):
    with pytest.raises(CourseError, match=r"Chromium printed no book\.pdf"):
        print_page("true", "<p>", tmp_path / "book.pdf")
    assert find_chromium() != "true"

"""``python -m tools pdf``: the built site as a book, printed by Chromium: once without code, once with it.

The articles of the pages stand one after another in one page, which docs/site/print.css lays out. Once it is
printed one knows where each chapter begins; then those numbers are printed over the table of contents.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from posixpath import normpath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tools.chapters import CHAPTERS
from tools.chromium import INSTALL, find_chromium, print_page
from tools.project import CourseError, Project
from vae_course import __version__

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag
    from pypdf import PdfWriter

TITLE = "Variational autoencoders: the guide"
BOOKS = {"guide.pdf": "without code", "guide_with_code.pdf": "with code"}
# Names, signs and numbers of code stay black: four fifths of the spans, and of the objects in the PDF.
BLACK = re.compile(r'<span class="(?:n|nn|p|o|w|mi|mf)">([^<]*)</span>')
MATHJAX = {"options": {"enableMenu": False, "enableAssistiveMml": False, "processHtmlClass": "math"}}
PREFACE = """<section class="preface"><h1 id="how-to-read">How to read this book</h1>
<p>It is the course's site on paper: {chapters} chapters, each a notebook that was executed, with its figures
and what it measured. Losses are in nats per example: summed over features and latent dimensions, averaged
over examples. The numbers in the text are those of the full run on real data; the table that ends a chapter
holds its claims.</p>
<p>What moves or answers cannot be printed. <a href="{site}/play/index.html">Models to play with</a> run in
the browser, with nothing to install. Predictions are made, and exercises checked, in the notebooks; each
chapter begins with its addresses. {edition}</p></section>"""
EDITIONS = {
    "without code": "This edition leaves out code and solutions; another has them.",
    "with code": "This edition shows all code, and the solutions of the exercises; another leaves them out.",
}


def require() -> str:
    """The browser that prints; raises CourseError where it, or pypdf, is missing."""
    if find_spec("pypdf") is None:
        raise CourseError('The PDF needs pypdf, which is not installed here: pip install -e ".[site]"')
    program = find_chromium()
    if program is None:
        raise CourseError(f"The PDF is printed by Chromium, which is not here: {INSTALL}")
    return program


@dataclass
class Book:
    """The guide. ``site``: folder of the built site; ``places``: its notebooks, as "notebooks/01_….html"."""

    project: Project
    site: Path
    places: list[str]

    def __post_init__(self) -> None:
        self.top = self.site.resolve().as_uri()
        self.headings: list[str] = []
        self.parts = {place: self.part(place) for place in self.places}  # title and text

    @property
    def chapters(self) -> int:
        return sum(PurePosixPath(place).parent.name == "notebooks" for place in self.places)

    def part(self, place: str) -> tuple[str, str]:
        """Title and text of a page for print: nothing folded, nothing that only a screen can show."""
        page = parsed(BLACK.sub(r"\1", (self.site / place).read_text(encoding="utf-8")))
        article, here = page.select_one("article.bd-article"), f"{self.project.site}/{place}"
        colab = article.select_one(".buttons a")["href"]
        links = f'<a href="{here}">{bare(here)}</a> · <a href="{colab}">run it in Colab</a>'
        article.select_one(".buttons").replace_with(parsed(f'<p class="on-screen">{links}</p>'))
        for node in article.select(".headerlink, .needs-kernel, .buttons, script, .admonition-title"):
            node.decompose()
        for node in article.select("section.explorer"):
            node.replace_with(parsed(self.explorer(node)))
        for node in article.select("audio"):
            node.replace_with(parsed(f'<a href="{here}">listen on the site</a>'))
        for node in article.select('img[src$=".gif"]'):
            node.insert_after(parsed(f'<p class="on-screen"><a href="{here}">On the site it moves.</a></p>'))
        for node in article.select("details"):
            node.name = "div"
            node["class"] = "code" if node.select_one("pre") else "claims"
            said = node.summary.extract().get_text().replace("(click to open)", "").strip()
            node.insert(0, parsed(f"<p>{escape(said)}</p>" if said else ""))
        for node in article.select("p"):
            if re.match(r"Exercise \d\d\.\d+\. Not answered yet", node.get_text()):
                node.decompose()
        for node in article.select("[id]"):
            node["id"] = f"{anchor(place)}-{node['id']}"
        for node in article.select("a[href]"):
            node["href"] = self.address(node["href"], place)
        for node in article.select("img[src]"):
            node["src"] = f"{self.top}/{normpath(place + '/../' + node['src'])}"
            node.attrs.pop("loading", None)  # what is far down would not be there in time
        self.headings += [node.get_text() for node in article.select("h1, h2, h3")]
        return article.h1.get_text(), article.decode_contents()

    def explorer(self, node: "Tag") -> str:
        name = node.select_one("[data-explorer]")["data-explorer"].replace("_", "-")
        address = f"{self.project.site}/play/index.html#{name}"
        question = node.select_one(".explorer-try").decode_contents()
        return (
            f'<p class="on-screen"><strong>{escape(node["aria-label"])}.</strong> {question} '
            f'<a href="{address}">{bare(address)}</a></p>'
        )

    def address(self, href: str, place: str) -> str:
        """Where a link of the page ``place`` leads from the book: into it, else to the site."""
        url = urlsplit(href)
        if url.scheme:
            return href
        target = normpath(f"{place}/../{url.path}") if url.path else place
        place_there = f"#{url.fragment}" if url.fragment else ""
        if target in self.places:
            return f"#{anchor(target)}{place_there.replace('#', '-')}"
        return f"{self.project.site}/{target}{place_there}"

    def cover(self, edition: str) -> str:
        page = parsed((self.site / "index.html").read_text(encoding="utf-8"))
        picture, address = page.select_one(".hero .cover img"), self.project.site
        return (
            f'<section class="cover"><p class="title">{page.h1.contents[0]}</p>'
            f"<p>{page.select_one('.hero .words p').decode_contents()}</p>"
            f'<img src="{self.top}/{picture["src"]}" alt="{escape(picture["alt"])}">'
            f'<p class="edition">The guide, {edition}<br>version {__version__}<br>'
            f'<a href="{address}/">{bare(address)}</a></p>'
            "<p>The vae-course authors. Text and figures CC BY 4.0, code MIT.</p></section>"
        )

    def contents(self, pages: dict[str, int]) -> str:
        """The table of contents; ``pages``: on which the parts begin, by anchor, as far as known."""
        topics = {f"notebooks/{chapter.name}.html": chapter.topic for chapter in CHAPTERS}
        rows = [("how-to-read", "How to read this book", "")]
        rows += [(anchor(place), title, topics.get(place, "")) for place, (title, _) in self.parts.items()]
        lines = [
            f'<li><a href="#{name}">{title} <b>{pages.get(name, "")}</b></a> <small>{topic}</small>'
            for name, title, topic in rows
        ]
        return f"<nav><h1>Contents</h1><ol>{''.join(lines)}</ol></nav>"

    def front(self, edition: str, pages: dict[str, int]) -> str:
        said = {"chapters": self.chapters, "site": self.project.site, "edition": EDITIONS[edition]}
        return f"{self.cover(edition)}{self.contents(pages)}{PREFACE.format(**said)}"

    def html(self, edition: str) -> str:
        """The whole book, its contents still without page numbers."""
        articles = "".join(
            f'<article id="{anchor(place)}">{text}</article>' for place, (_, text) in self.parts.items()
        )
        script = f"{self.top}/_static/mathjax/tex-chtml.js"
        mathjax = f'<script>MathJax = {json.dumps(MATHJAX)}</script><script src="{script}"></script>'
        return self.page(edition.replace(" ", "-"), f"{mathjax}{self.front(edition, {})}{articles}")

    def page(self, kind: str, body: str) -> str:
        looks = (self.project.root / "docs" / "site" / "print.css").as_uri()
        links = [
            f'<link rel="stylesheet" href="{css}">' for css in (f"{self.top}/_static/pygments.css", looks)
        ]
        return (
            '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
            f'<title>{TITLE}</title>{"".join(links)}<body class="{kind}">{body}'
        )

    def print(self, program: str, edition: str, target: Path) -> None:
        """Write one edition to ``target``: first all of it, then the page numbers over its contents."""
        from pypdf import PdfReader, PdfWriter

        logging.getLogger("pypdf").setLevel(logging.ERROR)  # Chromium counts its objects otherwise
        with TemporaryDirectory() as scratch:
            whole = print_page(program, self.html(edition), Path(scratch, "whole.pdf"))
            writer = PdfWriter(clone_from=whole)
            pages = dict(first_pages(writer))
            numbers = self.page("numbers", self.front(edition, pages))
            overlay = PdfReader(print_page(program, numbers, Path(scratch, "numbers.pdf")))
            for number in range(2, pages["how-to-read"]):
                writer.pages[number - 1].merge_page(overlay.pages[number - 1])
            mend_bookmarks(writer, self.headings)
            writer.add_metadata({"/Title": f"{TITLE}, {edition}", "/Author": "the vae-course authors"})
            writer.write(target)


def parsed(markup: str) -> "BeautifulSoup":
    from bs4 import BeautifulSoup

    return BeautifulSoup(markup, "html.parser")


def anchor(place: str) -> str:
    """The name of a part of the book, from the place of its page in the site."""
    return re.sub(r"\W", "-", PurePosixPath(place).stem).lower()


def bare(address: str) -> str:
    """An address as one reads it out."""
    return escape(address.split("//", 1)[-1].replace("/index.html", "/"))


def first_pages(book: "PdfWriter") -> Iterator[tuple[str, int]]:
    """Names of all places that links lead to, and the numbers of their pages, from 1."""
    pages = {page.indirect_reference.idnum: number for number, page in enumerate(book.pages, 1)}
    for name, place in book.named_destinations.items():
        yield name.removeprefix("/"), pages[place.raw_get("/Page").idnum]


def mend_bookmarks(writer: "PdfWriter", headings: list[str]) -> None:
    """Give bookmarks the spaces back that Chromium drops where a heading goes on in the next line."""
    from pypdf.generic import NameObject, TextStringObject

    whole = {re.sub(r"\s", "", heading): heading for heading in headings}
    to_see = [writer.root_object["/Outlines"]]
    while to_see:
        mark = to_see.pop().get_object()
        to_see += [mark[key] for key in ("/First", "/Next") if key in mark]
        said = re.sub(r"\s", "", mark.get("/Title", ""))
        if said in whole:
            mark[NameObject("/Title")] = TextStringObject(whole[said])


def build(project: Project, site: Path | None = None, folder: Path | None = None) -> list[Path]:
    """Print both editions of the built site (build/site) into ``folder`` (build/pdf)."""
    program = require()
    site, folder = site or project.build / "site", folder or project.build / "pdf"
    if not (site / "index.html").is_file():
        raise CourseError(f"There is no site in {site}; build it first: make site")
    known = [f"notebooks/{chapter.name}.html" for chapter in CHAPTERS]
    known += sorted(path.relative_to(site).as_posix() for path in (site / "notebooks/deeper").glob("*.html"))
    book = Book(project, site, [place for place in known if (site / place).is_file()])
    folder.mkdir(parents=True, exist_ok=True)
    for name, edition in BOOKS.items():
        book.print(program, edition, folder / name)
    return [folder / name for name in BOOKS]

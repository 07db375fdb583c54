"""The site, built from all notebooks in a temporary folder, looked at as files."""

import json
import re
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from tools import chapters, site
from tools.explorers import FILES
from tools.project import CourseError, Project
from tools.site_pdf import BOOKS
from tools.site_play import explorers

PROJECT = Project.here()
CHAPTERS = ("03_Latent_Space_and_Smooth_Interpolation_in_VAEs", "04_KL_Divergence_and_Gaussian_Latent_Space")
# Attributes whose address a browser asks for without being told to.
ASKED = {"src", "srcset", "poster", "data"}


class Elements(HTMLParser):
    """All elements of a page: name, attributes, and the text of scripts and styles."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found, self.inline, self.inside = [], "", ""
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.inline += data if self.inside in ("script", "style") else ""


@pytest.fixture(scope="module")
def built(whole_site) -> Path:
    return whole_site


@pytest.fixture(scope="module")
def pages(built) -> dict[Path, Elements]:
    return {path: Elements(path) for path in sorted(built.rglob("*.html")) if "_static" not in path.parts}


def test_links_inside_lead_somewhere(built, pages):
    places = {path: {value.get("id") for _, value in page.found} for path, page in pages.items()}
    dead = []
    for path, page in pages.items():
        for _, value in page.found:
            for address in filter(None, (value.get("href"), value.get("src"))):
                url = urlsplit(address)
                if url.scheme or url.netloc or address == "#":
                    continue
                target = (path.parent / unquote(url.path)).resolve() if url.path else path
                known = target.is_file() and (not url.fragment or url.fragment in places.get(target, ()))
                if not known and path.name not in ("genindex.html", "search.html"):
                    dead.append(f"{path.relative_to(built)}: {address}")
    assert dead == []


def test_every_picture_has_its_alternative_text(built, pages):
    texts = [value.get("alt") for page in pages.values() for tag, value in page.found if tag == "img"]
    assert len(texts) > 15 and all(texts)
    for name in CHAPTERS:
        notebook = nbformat.read(PROJECT.notebook(name), as_version=4)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        written = [o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})]
        shown = [
            value["alt"]
            for tag, value in pages[built / "notebooks" / f"{name}.html"].found
            if value.get("class") == "figure"
        ]
        assert shown == written


def test_nothing_asks_another_server(built, pages):
    asked = []
    for path, page in pages.items():
        for tag, value in page.found:
            names = ASKED | ({"href"} if tag == "link" and value.get("rel") != "canonical" else set())
            asked += [f"{path.name}: {value[name]}" for name in names & value.keys() if "//" in value[name]]
        asked += re.findall(r"(?:url\(|@import|fetch\(|import\()\s*[\"']?(?:https?:)?//[^\s)]*", page.inline)
    for path in built.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        asked += re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^\s)]*", text)
    for path in built.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        asked += re.findall(r"(?:fetch\(|import\(|\.src\s*=)\s*[\"'`](?:https?:)?//[^\s)]*", text)
    assert asked == []


def test_code_is_folded_widgets_are_words_and_claims_stay(built):
    page = (built / "notebooks" / f"{CHAPTERS[1]}.html").read_text(encoding="utf-8")
    assert "Show the setup" in page and "Show the parameters" in page and "Show the code" in page
    assert "<summary>Claims of this run" in page
    assert "widget-view" not in page and "the figure below stands still" in page
    assert "colab-badge" not in page and PROJECT.colab(CHAPTERS[1]) in page
    assert "data:image/png" not in page


def test_explorers_stand_on_the_first_page_on_their_own_and_in_the_sections_play(built, pages):
    def alive(page: str) -> list[str]:
        return [v["data-explorer"] for _, v in pages[built / page].found if "data-explorer" in v]

    assert alive("index.html") == ["pad"]
    assert alive("play/index.html") == [explorer.name for explorer in explorers(PROJECT)]
    assert [alive(f"notebooks/{name}.html") for name in CHAPTERS] == [["pad"], ["beta_k", "train_vae"]]
    for name in CHAPTERS:
        text = (built / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        assert text.index('id="play"') < text.index("data-explorer") < text.index('id="break-it"')
    weights = [path.stem for path in (built / "_static" / "play" / "weights").iterdir()]
    assert sorted(weights) == sorted(FILES)


def test_the_notebook_to_download_is_the_committed_one(built):
    for name in CHAPTERS:
        given = built / "_sources" / "notebooks" / f"{name}.ipynb"
        assert given.read_bytes() == PROJECT.notebook(name).read_bytes()


def test_first_page_tells_what_and_for_whom(built, pages):
    text = (built / "index.html").read_text(encoding="utf-8")
    assert "You need Python" in text and text.count('class="card-link"') == len(chapters.CHAPTERS)
    assert "mathjax/tex" not in text
    assert [f"{PROJECT.site}/{name}" in text for name in BOOKS] == [True, True]


def test_search_knows_the_chapters(built):
    index = (built / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {f"notebooks/{name}" for name in CHAPTERS} <= set(found["docnames"])
    assert "posterior" in found["terms"]


def test_a_missing_package_is_told_in_one_sentence(monkeypatch):
    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(site, "distribution", nothing)
    with pytest.raises(CourseError, match=r"needs sphinx, which is not installed here: pip install"):
        site.build(PROJECT)


def test_a_folder_with_something_else_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "require", lambda: None)
    (tmp_path / "precious").touch()
    with pytest.raises(CourseError, match="something else than a site"):
        site.build(PROJECT, tmp_path)
    assert (tmp_path / "precious").is_file()

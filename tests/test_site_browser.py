"""The site in a real browser: formulas, requests, bytes sent, phones, and what axe-core says of each."""

import gzip
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from browser import Page, chromium, needed_chromium

from tools.chapters import CHAPTERS
from tools.explore import served

FIRST, PLAY = "index.html", "play/index.html"
CHAPTER_PAGES = [f"notebooks/{chapter.name}.html" for chapter in CHAPTERS]
DESK, PHONE = 1280, 390
# Bytes sent until all of a page has been seen, explorers with their first choice. The first page's count
# without what it shows: pictures, and the model (0.36 MB) that comes in the place of one.
FIRST_PAGE, ANY_PAGE = 500_000, 3_000_000
SHOWN = (".png", ".gif", ".webp", ".jpg", ".svg", ".bin")
PACKED = (".html", ".js", ".css", ".svg", ".json")  # by every server, on the way
# Elements that reach out of the window, or out of a box that cuts them off, and cannot be scrolled to.
CUT = """
(() => {
  const UNSEEN = "mjx-assistive-mml, .visually-hidden, .bd-sidebar-secondary";
  const found = document.documentElement.scrollWidth > innerWidth ? ["the page"] : [];
  for (const element of document.querySelectorAll(".bd-main *")) {
    const { left, right, width, height } = element.getBoundingClientRect();
    if (width * height <= 1 || element.closest(UNSEEN)) continue;
    let box = element.parentElement;
    while (box !== document.body && getComputedStyle(box).overflowX === "visible") box = box.parentElement;
    if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) continue;
    const edge = box === document.body ? innerWidth : box.getBoundingClientRect().right;
    if (right > edge + 2 || left < -2) {
      found.push(`${element.tagName} ${element.className}: ${left} to ${right}`);
    }
  }
  return found.slice(0, 5);
})()
"""


@pytest.fixture(scope="module")
def address(whole_site) -> Iterator[str]:
    with served(whole_site) as address:
        yield address


@pytest.fixture(scope="module")
def page(address, tmp_path_factory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    with chromium(needed_chromium(), folder / "profile", f"{address}genindex.html") as page:
        page.call("Page.enable")
        yield page


def show(page: Page, address: str, place: str, width: int = DESK, scheme: str = "light") -> None:
    """Open a page of the site, and wait until its formulas are set."""
    phone = width < 600
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=phone
    )
    scheme = {"name": "prefers-color-scheme", "value": scheme}
    page.call("Emulation.setEmulatedMedia", features=[scheme])
    page.call("Page.navigate", url="about:blank")
    page.call("Page.navigate", url=address + place)
    arrived = f"location.pathname === '/{place}' && document.readyState === 'complete'"
    page.until(arrived, 120, place)
    later = "new Promise((done) => setTimeout(done, 50, true))"  # site.js waits for the formulas, too
    page.value(f"Promise.resolve(window.MathJax?.startup?.promise).then(() => {later})")


def start_explorers(page: Page) -> None:
    """Scroll to all explorers of the page, until each is alive."""
    for number in range(page.value("document.querySelectorAll('[data-explorer]').length")):
        place = f"document.querySelectorAll('[data-explorer]')[{number}]"
        page.value(f"{place}.scrollIntoView()")
        page.until(f"{place}.dataset.state === 'ready'", 60, "an explorer")


def sent(page: Page, site: Path) -> dict[str, int]:
    """Bytes of all that the page has asked for, as a server sends it, by its place in the site."""
    names = "[location, ...performance.getEntriesByType('resource').map((one) => new URL(one.name))]"
    places = page.value(f"{names}.filter((url) => url.origin === location.origin).map((url) => url.pathname)")
    files = {place: (site / place.lstrip("/")).read_bytes() for place in places}
    return {
        place: len(gzip.compress(content)) if place.endswith(PACKED) else len(content)
        for place, content in files.items()
    }


def test_formulas_are_drawn_and_no_other_server_is_asked(page, address):
    show(page, address, CHAPTER_PAGES[3])
    assert page.value("MathJax.version") == "3.2.2"
    assert page.value("document.querySelectorAll('mjx-container').length") > 20
    start_explorers(page)
    others = "performance.getEntriesByType('resource').map((one) => one.name)"
    assert page.value(f"{others}.filter((name) => !name.startsWith(location.origin))") == []


@pytest.mark.parametrize("place", [PLAY, *CHAPTER_PAGES], ids=lambda place: place[:12])
def test_a_page_is_light(page, address, whole_site, place):
    show(page, address, place)
    page.value("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    start_explorers(page)
    page.until("[...document.images].every((one) => one.complete)", 60, "the pictures")
    total = sum(sent(page, whole_site).values())
    assert total <= ANY_PAGE


def test_the_first_page_is_lighter(page, address, whole_site):
    show(page, address, FIRST)
    start_explorers(page)
    files = sent(page, whole_site)
    assert "/_static/play/weights/pad_mnist.bin" in files
    assert sum(size for place, size in files.items() if not place.endswith(SHOWN)) <= FIRST_PAGE


def test_nothing_is_cut_off_on_a_phone(page, address, whole_site):
    places = [path.relative_to(whole_site).as_posix() for path in sorted(whole_site.rglob("*.html"))]
    places = [
        place for place in places if not place.startswith(("_static", "assets"))
    ]  # assets: made for paper
    assert {PLAY, *CHAPTER_PAGES} < set(places)
    found = {}
    for place in places:
        show(page, address, place, PHONE)
        page.value("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        start_explorers(page)
        found[place] = page.value(CUT)
    assert {place: cut for place, cut in found.items() if cut} == {}


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core, from an installed package."""
    for package in ("axe_playwright_python", "axe_core_python"):
        if spec := find_spec(package):
            return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")
    pytest.skip('needs axe-core: pip install -e ".[dev]"')


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("place", [FIRST, PLAY, CHAPTER_PAGES[3]], ids=["first", "play", "chapter"])
def test_axe_finds_nothing_serious(page, address, axe, place, width, scheme):
    show(page, address, place, width, scheme)
    start_explorers(page)
    page.value(axe + "; true")
    violations = page.value("axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)")
    serious = [one for one in violations if one["impact"] in ("serious", "critical")]
    told = {one["id"]: [node["html"][:200] for node in one["nodes"][:3]] for one in serious}
    assert page.value("document.documentElement.dataset.theme") == scheme
    assert told == {}

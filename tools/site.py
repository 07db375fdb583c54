"""``python -m tools site``: the course as a static site, from the committed notebooks; nothing is executed.

Pages are laid out as in the repository, so that their links hold, and given to Sphinx. Its settings and the
looks are in docs/site.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.chapters import CHAPTERS, Chapter
from tools.explorers import write_all
from tools.project import CourseError, Project
from tools.results import deeper
from tools.site_pages import BADGE, PICTURE, Card, Pages, buttons, image
from tools.site_pdf import BOOKS
from tools.site_play import explorers, page

NEEDED = ("sphinx", "myst-nb", "sphinx-book-theme", "sphinx-mathjax-offline")
MATHJAX = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")
WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---"


def require() -> None:
    """Raises CourseError where a package that builds the site is not installed."""
    for name in NEEDED:
        try:
            distribution(name)
        except PackageNotFoundError:
            raise CourseError(
                f'The site needs {name}, which is not installed here: pip install -e ".[site]"'
            ) from None


@dataclass
class Site:
    """Which notebooks the site shows: places below notebooks/, as "01_…", "deeper/…", "assignments/…"."""

    project: Project
    notebooks: list[str]

    @classmethod
    def of(cls, project: Project, only: list[str] | None) -> "Site":
        graded = sorted((project.notebooks / "assignments").glob("*.ipynb"))
        places = [project.place(name) for name in [*(c.name for c in CHAPTERS), *deeper(project)]]
        places = [place for place in places if (project.notebooks / f"{place}.ipynb").is_file()]
        places += [f"assignments/{path.stem}" for path in graded]
        return cls(project, [place for place in places if only is None or place in only])

    @property
    def chapters(self) -> list[Chapter]:
        return [chapter for chapter in CHAPTERS if chapter.name in self.notebooks]

    @property
    def docs(self) -> list[Path]:
        return sorted((self.project.root / "docs").glob("*.md"))

    def build(self, source: Path, output: Path) -> None:
        """Lay the pages out in ``source`` and let Sphinx render them to ``output``."""
        texts = [*self.docs, self.project.notebooks / "assignments" / "README.md"]
        paths = [self.project.notebooks / f"{name}.ipynb" for name in self.notebooks]
        pages = Pages(self.project, source, output, {*texts, *paths})
        cards = [pages.notebook(path) for path in paths]
        for path in texts:
            pages.write(path, pages.linked(path.read_text(encoding="utf-8"), path))
        pages.write(self.project.root / "play" / "index.md", f"{WIDE}\n\n{page(self.project)}")
        pages.write(self.project.root / "index.md", self.landing(pages, cards))
        self.sphinx(source, output)
        write_all(output / "_static" / "play" / "weights")
        for path in paths:  # to download: as committed, not as shown
            pages.copy(path, output / "_sources")
        for path in output.rglob("*.html"):
            path.write_text(named_by_their_words(path.read_text(encoding="utf-8")), encoding="utf-8")
        add_mathjax(output / "_static" / "mathjax")
        for path in output.rglob("*.map"):  # what only the theme's authors need
            path.unlink()

    def landing(self, pages: Pages, cards: list[Card]) -> str:
        """The README as the first page: what, for whom, buttons, and a card for each chapter."""
        readme = self.project.root / "README.md"
        intro, found, rest = readme.read_text(encoding="utf-8").partition("\n## ")
        blocks = intro.strip().split("\n\n")
        if not found or len(blocks) < 6 or not blocks[2].startswith("<img ") or not BADGE.match(blocks[4]):
            raise CourseError("README.md must begin: title, what it is, picture, caption, badge, for whom.")
        title, lead, picture, _, _, needs, *more = blocks
        first = self.chapters[0]
        row = buttons(
            (f"Read chapter {first.number}", f"notebooks/{first.name}.html", 'class="first"'),
            ("Play", "play/index.html", ""),
            ("Run it in Colab", self.project.colab(first.name), ""),
        )
        book = [f"[{edition}]({self.project.site}/{name})" for name, edition in BOOKS.items()]
        needs += f"\n\nAs a book (PDF): {', '.join(book)}."
        place = PICTURE.search(picture)[1]
        stored = pages.store((self.project.root / place).read_bytes(), "image/png")
        picture = picture.replace(f'src="{place}"', f'class="figure" src="{stored}"')
        alive = explorers(self.project)[0].html(picture)  # the picture stands there until it is
        hero = ["::::{container} hero", ":::{container} words", lead, row, needs, ":::"]
        hero += [":::{container} cover", alive, ":::", "::::"]
        table = re.compile(r"(?<=<!-- chapters:start -->\n)\|.*?(?=\n\n)", re.DOTALL)
        rest = table.sub(lambda _: self.cards(pages, cards), f"## {rest}")
        text = pages.linked("\n\n".join([title, *hero, *more, rest]), readme)
        return f"{WIDE}\n\n{text}\n\n{self.contents()}\n"

    def cards(self, pages: Pages, cards: list[Card]) -> str:
        from PIL import Image

        lines = ['<div class="cards">']
        for chapter, card in zip(self.chapters, cards, strict=False):  # the chapters come first
            picture, small = Image.open(BytesIO(card.picture)), BytesIO()
            picture.thumbnail((640, 480))
            picture.convert("RGB").save(small, "WEBP", quality=80)
            lines.append(
                f'<a class="card-link" href="{card.address}">'
                + image(pages.store(small.getvalue(), "image/webp"), card.alt, picture.size, "card-picture")
                + f"<strong>{chapter.number} · {chapter.title}</strong> <span>{chapter.topic}</span> "
                + f"<small>{card.minutes}</small></a>"
            )
        return "\n".join([*lines, "</div>"])

    def contents(self) -> str:
        """The table of contents, from which Sphinx makes the sidebar, previous and next."""

        def below(folder: str) -> list[str]:
            return [f"notebooks/{name}" for name in self.notebooks if name.startswith(folder)]

        parts = {
            "Play": ["play/index"],
            "Chapters": [f"notebooks/{chapter.name}" for chapter in self.chapters],
            "Deeper": below("deeper/"),
            "Assignments": ["notebooks/assignments/README", *below("assignments/")],
            "Results and reference": [f"docs/{path.stem}" for path in self.docs],
        }
        return "\n\n".join(
            "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *names, "```"])
            for caption, names in parts.items()
            if names
        )

    def sphinx(self, source: Path, output: Path) -> None:
        """Raises CourseError with Sphinx's warnings, of which there must be none."""
        options = "html_theme_options.repository_"
        command = [sys.executable, "-m", "sphinx", "-qW", "--keep-going", "-c", "docs/site"]
        command += [f"-D{options}url={self.project.repository}", f"-D{options}branch={self.project.branch}"]
        command += ["-d", str(source.parent / "doctrees"), str(source), str(output)]
        run = subprocess.run(command, cwd=self.project.root, capture_output=True, text=True)
        if run.returncode:
            said = re.sub(r"\x1b\[[\d;]*m", "", run.stderr).strip()
            raise CourseError(f"Sphinx complained about the site:\n{said}")


def named_by_their_words(page: str) -> str:
    """``page`` without the labels that hide from screen readers what folds and the search field say."""
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    return re.sub(r'(<button[^>]*search-button-field[^>]*?) aria-label="Search"', r"\1", page)


def add_mathjax(folder: Path) -> None:
    """Copy from the installed package what formulas need, so that no page asks another server for it."""
    package = distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")
    for name in MATHJAX:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (package / name).is_dir() else shutil.copyfile)(package / name, target)


def build(project: Project, folder: Path | None = None, only: list[str] | None = None) -> Path:
    """Build the site into ``folder`` (build/site), which it replaces. ``only``: notebooks, by place."""
    require()
    folder = folder or project.build / "site"
    if folder.exists() and any(folder.iterdir()) and not (folder / ".buildinfo").is_file():
        raise CourseError(f"{folder} holds something else than a site; name another folder.")
    with TemporaryDirectory() as scratch:
        source, output = Path(scratch, "source"), Path(scratch, "site")
        Site.of(project, only).build(source, output)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(output, folder)
    return folder

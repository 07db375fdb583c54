"""The pages of the site: notebooks and texts as Sphinx reads them, pictures and sounds in files."""

import base64
import os
import re
import shutil
import struct
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from io import BytesIO
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.html import alternative_text
from tools.project import Project
from tools.site_play import embedded
from vae_course.teaching.display import WIDGET_VIEW

FIGURES = "figures"  # folder of the site with all that the notebooks show and play
HEAVY = 100_000  # bytes of a picture, from which on it is worth to store it otherwise
KINDS = {f"image/{kind}": kind for kind in ("png", "jpeg", "gif", "webp")} | {"audio/wav": "wav"}
DATA = re.compile(r"data:(\w+/\w+);base64,([A-Za-z0-9+/=]+)")
LINK = re.compile(r"(?<!!)\[([^\][]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")
PICTURE = re.compile(r'(?:!\[[^\]]*\]\(|<img src=")([^)":]+\.(?:png|gif|jpg))')
BADGE = re.compile(r"^\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)$", re.MULTILINE)
PLAY = re.compile(r"^## Play$", re.MULTILINE)
MINUTES = re.compile(r"^Reading: about (.*?)\.", re.MULTILINE)
FOLDED = {"setup": "the setup", "parameters": "the parameters", "hide-input": "the code"}


@dataclass
class Card:
    """What the first page shows of a notebook: its first picture, and how long it takes to read."""

    address: str
    picture: bytes = b""
    alt: str = ""
    minutes: str = ""


@dataclass
class Pages:
    """Writes pages from ``project`` to ``source``, for Sphinx, and their files to ``output``, the site.

    ``held``: the files of the repository that become pages; links to all others lead to the repository.
    """

    project: Project
    source: Path
    output: Path
    held: set[Path]

    def write(self, path: Path, text: str) -> None:
        """Put the page of the repository's file ``path`` where Sphinx reads it."""
        target = self.source / path.relative_to(self.project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def linked(self, text: str, page: Path) -> str:
        """``text`` of ``page`` with its pictures beside it and its links leading somewhere."""

        def renewed(link: re.Match) -> str:
            words, target, place = link[1], link[2], link[3] or ""
            path = Path(os.path.normpath(page.parent / target))
            if path in self.held or not path.exists():
                return link[0]
            relative = path.relative_to(self.project.root).as_posix()
            if path.suffix == ".html":
                self.copy(path, self.output)
                return f'<a href="{target}">{words}</a>'
            return f"[{words}]({self.project.repository}/blob/{self.project.branch}/{relative}{place})"

        for target in PICTURE.findall(text):
            self.copy(Path(os.path.normpath(page.parent / target)), self.source)
        return LINK.sub(renewed, text)

    def copy(self, path: Path, folder: Path) -> None:
        target = folder / path.relative_to(self.project.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def store(self, content: bytes, kind: str) -> str:
        """Keep ``content`` as a file of the site; gives its address from the top."""
        path = self.output / FIGURES / f"{sha256(content).hexdigest()[:16]}.{KINDS[kind]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"{FIGURES}/{path.name}"

    def notebook(self, path: Path) -> Card:
        """Write the page of the notebook at ``path``; gives its card."""
        notebook = nbformat.read(path, as_version=4)
        place = path.relative_to(self.project.root).with_suffix("").as_posix()
        top = "../" * place.count("/")
        colab = self.project.colab(place.removeprefix("notebooks/"))
        download = f"{top}_sources/{place}.ipynb"
        head = buttons(("Open in Colab", colab, ""), ("Download notebook", download, "download"))
        card = Card(f"{place}.html")
        own = path.parent == self.project.notebooks
        play = embedded(self.project, path.stem[:2]) if own else ""
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.linked(BADGE.sub(lambda _: head, cell.source), path)
                card.minutes = card.minutes or "".join(MINUTES.findall(cell.source)[:1])
                if play and PLAY.search(cell.source):
                    cell.source += f"\n\n{play}"
            folded = [FOLDED[tag] for tag in cell.metadata.get("tags", []) if tag in FOLDED]
            if folded:
                cell.outputs = [] if "setup" in cell.metadata.tags else cell.outputs  # the version, for Colab
                cell.metadata.tags = ["hide-input"]
                prompts = {f"code_prompt_{verb.lower()}": f"{verb} {folded[0]}" for verb in ("Show", "Hide")}
                cell.metadata.mystnb = prompts
            for output in cell.get("outputs", []):
                self.show(output, top, colab, card)
        notebook.metadata.pop("widgets", None)
        self.write(path, nbformat.writes(notebook))
        return card

    def show(self, output: NotebookNode, top: str, colab: str, card: Card) -> None:
        """Turn one output into HTML that needs no kernel: words for widgets, files for pictures."""
        data = output.get("data", {})
        if WIDGET_VIEW in data:
            live = f'<a href="{escape(colab)}">Open it in Colab</a>'
            html = f'<p class="needs-kernel">{escape(data["text/plain"])} {live}.</p>'
        elif "image/png" in data:
            picture, alt = base64.b64decode(data["image/png"]), alternative_text(output, "image/png")
            if not card.picture:
                card.picture, card.alt = picture, alt
            size = struct.unpack(">II", picture[16:24])
            html = image(top + self.store(*smaller(picture)), alt, size, "figure")
        elif "text/html" in data:

            def stored(found: re.Match) -> str:
                return top + self.store(base64.b64decode(found[2]), found[1])

            html = DATA.sub(stored, data["text/html"])
        else:
            return
        output.data = NotebookNode({"text/html": html})


def smaller(picture: bytes) -> tuple[bytes, str]:
    """A PNG and its kind; a heavy one as WebP, pixel for pixel the same."""
    if len(picture) < HEAVY:
        return picture, "image/png"
    from PIL import Image

    written = BytesIO()
    Image.open(BytesIO(picture)).save(written, "WEBP", lossless=True, exact=True, quality=20, method=1)
    return written.getvalue(), "image/webp"


def image(address: str, alt: str, size: tuple[int, int], kind: str) -> str:
    return (
        f'<img class="{kind}" src="{address}" alt="{escape(alt)}" width="{size[0]}" height="{size[1]}" '
        'loading="lazy">'
    )


def buttons(*links: tuple[str, str, str]) -> str:
    """A row of links; the third of each is an attribute of the link, such as download."""
    row = " ".join(f'<a href="{escape(address)}" {more}>{text}</a>' for text, address, more in links)
    return f'<p class="buttons">{row}</p>'

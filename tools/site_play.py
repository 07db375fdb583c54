"""What the site says around its explorers, from docs/site/play.yaml, and where each of them stands.

The explorers themselves are modules of docs/site/static/play, which start.js brings to life.
"""

from dataclasses import dataclass
from html import escape

import yaml

from tools.project import Project

UNSERVED = (
    "This explorer needs JavaScript, and a page that comes from a server: "
    "<code>python -m http.server -d build/site</code>."
)
LEAD = (
    "Models that run in this page: no kernel, nothing to install, nothing is sent anywhere. Each asks one "
    "question; the chapters say what the answers mean."
)


@dataclass(frozen=True)
class Explorer:
    """``name``: its module, docs/site/static/play/NAME.js. ``embedded``: numbers of chapters whose section
    Play shows it; ``linked``: of those that lead to it on the page of all explorers.
    """

    name: str
    title: str
    question: str
    caption: str
    embedded: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its anchor on the page of all explorers."""
        return self.name.replace("_", "-")

    def html(self, meanwhile: str = f"<p>{UNSERVED}</p>") -> str:
        """The explorer for a page; ``meanwhile`` stands there until it is alive."""
        body = f'<div class="explorer-body" data-explorer="{self.name}">{meanwhile}</div>'
        return (
            f'<section class="explorer" aria-label="{escape(self.title)}">'
            f'<p class="explorer-try">{escape(self.question)}</p>{body}'
            f'<p class="explorer-caption">{escape(self.caption)}</p></section>'
        )


def explorers(project: Project) -> list[Explorer]:
    """All of them, in the order of their page."""
    text = (project.root / "docs" / "site" / "play.yaml").read_text(encoding="utf-8")
    return [Explorer(name, **said) for name, said in yaml.safe_load(text).items()]


def page(project: Project) -> str:
    """The page of all explorers."""
    parts = ["# Play", LEAD]
    for explorer in explorers(project):
        parts += [f"({explorer.place})=\n## {explorer.title}", explorer.html()]
    return "\n\n".join(parts) + "\n"


def embedded(project: Project, number: str) -> str:
    """What the section Play of a chapter shows beside a widget: explorers, and links to others."""
    known = explorers(project)
    shown = [explorer.html() for explorer in known if number in explorer.embedded]
    links = [
        f'<a href="../play/index.html#{explorer.place}">{escape(explorer.title)}</a>'
        for explorer in known
        if number in explorer.linked
    ]
    if links:
        also = "Also alive in this site" if shown else "Alive in this site"
        shown.append(f'<p class="explorer-link">{also}: {" · ".join(links)}</p>')
    return "".join(shown)

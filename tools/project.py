"""Where the checkout keeps its things, and the address it is published at."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEEPER = "deeper"  # folder of the notebooks beside the chapters


def is_chapter(name: str) -> bool:
    """Whether this is the name of a numbered chapter, and not of a deeper notebook."""
    return name[:2].isdigit()


def short(name: str) -> str:
    """What ONLY= takes to choose this notebook alone: the number of a chapter, else the whole name."""
    return name[:2] if is_chapter(name) else name


class CourseError(RuntimeError):
    """Something the author of a chapter has to mend; the message is one clear sentence."""


@dataclass(frozen=True)
class Project:
    """A checkout of the course. ``repository``, ``branch`` and ``site`` come from its pyproject.toml."""

    root: Path
    repository: str
    branch: str
    site: str

    @classmethod
    def at(cls, root: Path) -> "Project":
        """Read the project in folder ``root``. Raises CourseError where there is none."""
        root = Path(root).resolve()
        settings = root / "pyproject.toml"
        if not settings.is_file():
            raise CourseError(
                f"There is no pyproject.toml in {root}: the course's tooling works in a checkout of the "
                "repository, not from an installed package; clone the repository and run it there."
            )
        table = tomllib.loads(settings.read_text(encoding="utf-8")).get("tool", {}).get("vae-course", {})
        missing = [key for key in ("repository", "branch", "site") if key not in table]
        if missing:
            raise CourseError(
                f"{settings} has no {' and no '.join(missing)} in its [tool.vae-course] table; add it."
            )
        return cls(root, table["repository"].rstrip("/"), table["branch"], table["site"].rstrip("/"))

    @classmethod
    def here(cls) -> "Project":
        """The checkout that this very file lies in."""
        return cls.at(Path(__file__).parents[1])

    @property
    def sources(self) -> Path:
        return self.root / "notebooks" / "source"

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def quick_parameters(self) -> Path:
        return self.root / "notebooks" / "quick.yaml"

    @property
    def results(self) -> Path:
        return self.root / "assets" / "results"

    @property
    def replication(self) -> Path:
        return self.results / "replication.json"

    @property
    def build(self) -> Path:
        return self.root / "build"

    def written(self, only: str | None = None) -> list[str]:
        """Names that have a source: chapters in order, then deeper notebooks.

        ``only`` keeps those whose name begins so, and "deeper" keeps the deeper ones.
        """
        chapters = sorted(path.stem for path in self.sources.glob("[0-9][0-9]_*.py"))
        deeper = sorted(path.stem for path in (self.sources / DEEPER).glob("*.py"))
        names = chapters + deeper
        if only is None:
            return names
        if only == DEEPER and deeper:
            return deeper
        wanted = only.zfill(2) if only.isdigit() else only
        chosen = [name for name in names if name.startswith(wanted)]
        if not chosen:
            raise CourseError(
                f"No chapter begins with {wanted!r}; there are: {', '.join(names) or 'none yet'}."
            )
        return chosen

    def source(self, name: str) -> Path:
        return self.sources / f"{self.place(name)}.py"

    def notebook(self, name: str) -> Path:
        return self.notebooks / f"{self.place(name)}.ipynb"

    @staticmethod
    def place(name: str) -> str:
        """Where a notebook lies below notebooks/: the deeper ones, which have no number, in a folder."""
        return name if is_chapter(name) or "/" in name else f"{DEEPER}/{name}"

    def colab(self, name: str) -> str:
        """Address that opens the committed notebook of chapter ``name`` in Colab."""
        owner_and_name = urlsplit(self.repository).path.strip("/")
        return (
            "https://colab.research.google.com/github/"
            f"{owner_and_name}/blob/{self.branch}/notebooks/{self.place(name)}.ipynb"
        )

    def badge(self, name: str) -> str:
        """Markdown of the Open-in-Colab badge of chapter ``name``."""
        image = "https://colab.research.google.com/assets/colab-badge.svg"
        return f"[![Open in Colab]({image})]({self.colab(name)})"

"""Where the checkout keeps its things, and the address it is published at."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class CourseError(RuntimeError):
    """Something the author of a chapter has to mend; the message is one clear sentence."""


@dataclass(frozen=True)
class Project:
    """A checkout of the course. ``repository`` and ``branch`` come from its pyproject.toml."""

    root: Path
    repository: str
    branch: str

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
        missing = [key for key in ("repository", "branch") if key not in table]
        if missing:
            raise CourseError(
                f"{settings} has no {' and no '.join(missing)} in its [tool.vae-course] table; add it."
            )
        return cls(root, table["repository"].rstrip("/"), table["branch"])

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
        """Names of the chapters that have a source, in order; ``only`` keeps those whose name begins so."""
        names = sorted(path.stem for path in self.sources.glob("[0-9][0-9]_*.py"))
        if only is None:
            return names
        wanted = only.zfill(2) if only.isdigit() else only
        chosen = [name for name in names if name.startswith(wanted)]
        if not chosen:
            raise CourseError(
                f"No chapter begins with {wanted!r}; there are: {', '.join(names) or 'none yet'}."
            )
        return chosen

    def source(self, name: str) -> Path:
        return self.sources / f"{name}.py"

    def notebook(self, name: str) -> Path:
        return self.notebooks / f"{name}.ipynb"

    def colab(self, name: str) -> str:
        """Address that opens the committed notebook of chapter ``name`` in Colab."""
        owner_and_name = urlsplit(self.repository).path.strip("/")
        return (
            "https://colab.research.google.com/github/"
            f"{owner_and_name}/blob/{self.branch}/notebooks/{name}.ipynb"
        )

    def badge(self, name: str) -> str:
        """Markdown of the Open-in-Colab badge of chapter ``name``."""
        image = "https://colab.research.google.com/assets/colab-badge.svg"
        return f"[![Open in Colab]({image})]({self.colab(name)})"

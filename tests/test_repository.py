"""The repository as a whole: layers, file sizes, requirements, workflows, nothing of anybody's machine."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vae_course"
LIBRARY = ROOT / "vae_course"
# Without the exercises' content. What stands there today, and goes down: the aim is 10,000 lines.
MOST_LINES, MOST_FILES = 12_340, 70
LONGEST_FILE, LONGEST_EXERCISES = 600, 900
SHORTEST_FILE = 40
MOST_WEIGHTS = 20_000_000  # bytes
MOST_PLACES = 6  # from which a chapter imports

# Files under 40 lines, each with its reason.
SHORT = {
    "__main__": "python -m vae_course",
    "_lazy": "below every other file: the front door and each folder use it",
    "files": "below every other file: whatever writes uses it",
    "training.adversarial": "the terms of a game, which chapters take by this name",
}

# Lowest first; a module imports from its own layer and from those before it.
LAYERS = (
    {"_lazy", "files", "machine", "randomness"},
    {"data"},
    {"elbo", "likelihoods"},
    {"models"},
    {"weights"},
    {"training", "evaluation"},
    {"plots"},
    {"teaching", "widgets"},
    {"exercises"},
    {"cli", "__main__"},
)
STRANGERS = {("training", "evaluation"), ("evaluation", "training")}  # of one layer, and not to meet


def tracked_files() -> list[Path]:
    """Files under version control, or what an unpacked archive holds apart from builds."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0 and listing.stdout:
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not {".venv", "build", ".git", "data"} & set(path.parts)]
    return [path for path in paths if path.is_file()]


TRACKED = tracked_files()
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def imported_modules(name: str, path: Path) -> set[str]:
    """Modules of the package that ``path`` imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            found |= {
                f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names
            }
    return {module for module in found if module in MODULES and module != name}


IMPORTS = {name: imported_modules(name, path) for name, path in MODULES.items() if name != "vae_course"}


def part(name: str) -> str:
    return name.split(".")[1]


def layer(name: str) -> int:
    for place, parts in enumerate(LAYERS):
        if part(name) in parts:
            return place
    raise AssertionError(f"{name} has no layer; give it one in LAYERS of {Path(__file__).name}")


@pytest.mark.parametrize("name", sorted(IMPORTS))
def test_imports_go_down(name):
    # The front door may be asked by the topmost alone: a run notes the package's version.
    top = {"vae_course"} if layer(name) == len(LAYERS) - 1 else set()
    below = {other for other in IMPORTS[name] - {"vae_course"} if layer(other) <= layer(name)}
    assert IMPORTS[name] - below - top == set()
    assert not {(part(name), part(other)) for other in below} & STRANGERS


def test_the_package_imports_nothing_of_the_rooms_around_it():
    around = {"tools", "benchmarks", "recipes", "tests"}
    for path in MODULES.values():
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        named = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not {name.split(".")[0] for name in named} & around, path


def test_imports_have_no_cycle():
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in sorted(IMPORTS.get(name, ())):
                visit(other, (*trail, name))
            done.add(name)

    for name in IMPORTS:
        visit(name, ())


def test_importing_the_package_is_light():
    heavy = ("torch", "torchvision", "sklearn", "matplotlib.pyplot", "ipywidgets", "tensorflow_datasets")
    code = f"import sys, vae_course; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


LINES = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
COUNTED = {name: lines for name, lines in LINES.items() if not name.startswith("vae_course.exercises")}


def test_the_package_stays_small():
    assert sum(COUNTED.values()) <= MOST_LINES
    assert len(COUNTED) <= MOST_FILES


def test_a_file_is_as_long_as_its_idea():
    longest = {name: LONGEST_FILE if name in COUNTED else LONGEST_EXERCISES for name in LINES}
    assert {name: lines for name, lines in LINES.items() if lines > longest[name]} == {}
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    short = {name.removeprefix("vae_course.") for name, n in LINES.items() if n < SHORTEST_FILE} - {
        name.removeprefix("vae_course.") for name in packages
    }
    assert short <= SHORT.keys()


def test_weights_are_light():
    assert sum(path.stat().st_size for path in (LIBRARY / "weights").rglob("*.*")) <= MOST_WEIGHTS


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").rglob("source/*.py")), ids=lambda path: path.stem
)
def test_a_chapter_imports_from_few_places(path):
    found = re.findall(
        r"^ *(?:from|import) (vae_course[\w.]*)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    places = set(found)
    assert len(places) <= MOST_PLACES, sorted(places)
    assert max(place.count(".") for place in places) <= 1, (
        "a reader imports from the front door or one level down"
    )


def test_no_path_of_a_machine_is_in_the_repository():
    homes = r"(?<![\w.:/])/(?:home|root|Users)/\w"
    here = [re.escape(str(folder)) + r"(?!\w)" for folder in (ROOT, ROOT.parent) if len(folder.parts) > 2]
    pattern = re.compile("|".join([homes, *(rf"(?<![\w.:/]){folder}" for folder in here)]))
    examples = {"test_course_normalize.py", "test_course_structure.py"}  # they hold such paths to refuse them
    found = {}
    for path in TRACKED:
        if path.suffix not in {".png", ".gif", ".pt", ".npz"} and path.name not in examples:
            hits = pattern.findall(path.read_text(encoding="utf-8", errors="replace"))
            if hits:
                found[str(path.relative_to(ROOT))] = hits[:3]
    assert found == {}


def requirement_lines() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.split("#")[0].strip() for line in lines} - {"", "-e ."}


def test_requirements_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    readers = set(extras) - {"instructor"}  # nbgrader puts menus into every reader's JupyterLab
    asked = {*project["dependencies"], *(line for name in readers for line in extras[name])}
    asked -= {"vae-course[tfds,site]"}
    assert requirement_lines() == asked


def test_torch_and_numpy_are_never_capped():
    names = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "scikit-learn")
    for line in requirement_lines():
        if re.split(r"[<>=!~]", line)[0] in names:
            assert re.fullmatch(r"[\w-]+>=[\d.]+", line), (
                f"{line}: only a lower bound, so that Colab keeps its own"
            )


@pytest.mark.parametrize(
    "path",
    sorted(str(path.relative_to(ROOT)) for path in TRACKED if path.suffix in {".yml", ".yaml", ".cff"}),
)
def test_yaml_can_be_read(path):
    assert yaml.safe_load((ROOT / path).read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name
)
def test_workflows_are_bounded_and_use_what_exists(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"]["contents"] == "read"
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            local = step.get("uses", "")
            assert not local.startswith("./") or (ROOT / local / "action.yml").is_file()
            for script in re.findall(r"\.github/scripts/\w+\.py", step.get("run", "")):
                assert (ROOT / script).is_file()


def test_citation_and_package_have_the_same_version():
    import vae_course

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == vae_course.__version__

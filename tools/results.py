"""The README's generated tables: the chapters, the arena, and the numbers that the full runs measured."""

import json
import re

from benchmarks.pages import speed_table
from tools import numbers
from tools.chapters import CHAPTERS, Chapter
from tools.project import CourseError, Project
from tools.sources import build
from tools.timing import RunTimes, reading_minutes, rough
from vae_course.files import write_atomically
from vae_course.teaching.claims import measured_claim, replicated_text
from vae_course.teaching.tables import format_number


def cell(text: str) -> str:
    """``text`` inside a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def chapter_row(project: Project, chapter: Chapter) -> str:
    if not project.notebook(chapter.name).is_file():
        return f"| {chapter.number} | {chapter.title}: {chapter.topic} | in preparation | | |"
    link = f"[{chapter.title}](notebooks/{chapter.name}.ipynb): {chapter.topic}"
    times = RunTimes.read(project.results / f"{chapter.name}.json")
    run = " / ".join(rough(seconds) if seconds is not None else "?" for seconds in (times.quick, times.full))
    read = reading_minutes(build(project, chapter.name).cells)
    return f"| {chapter.number} | {link} | {project.badge(chapter.name)} | {read} min | {run} |"


def chapter_table(project: Project) -> str:
    """All eleven chapters; those not written yet by title, without a link."""
    head = "| | Chapter | Open | Read | Run, quick / full |\n|---|---|---|---|---|"
    return "\n".join([head, *(chapter_row(project, chapter) for chapter in CHAPTERS)])


def claim_row(claim: dict, replicated: dict) -> str:
    verdict = "yes" if claim["holds"] else "**no**"
    again = "exact" if claim["exact"] else replicated_text(claim, replicated)
    return (
        f"| {cell(claim['text'])} | {measured_claim(claim)} | {cell(claim['bound'])} | {verdict} | {again} |"
    )


def results_table(project: Project) -> str:
    """Every claim of every full run in assets/results, with what was measured, a table for each chapter."""
    head = "| Claim | Measured (95 % interval) | Must be | Holds | Replicated |\n|---|---|---|---|---|"
    parts = []
    for chapter in CHAPTERS:
        claims = numbers.record_of(project, chapter.name).get("claims")
        if claims is None:
            continue
        held = sum(claim["holds"] for claim in claims)
        summary = f"{chapter.number} · {chapter.title}: {held} of {len(claims)} claims hold"
        again = numbers.replicated(project, chapter.name)
        rows = "\n".join([head, *(claim_row(claim, again) for claim in claims)])
        parts.append(f"<details><summary>{summary}</summary>\n\n{rows}\n\n</details>")
    return "\n".join(parts)


ARENA_COLUMNS = {
    "frechet": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "sharpness": "sharpness",
    "negative_elbo": "−ELBO, nats",
    "cpu_seconds": "CPU seconds",
}


def arena_table(project: Project) -> str:
    """All generative models before one judge, from assets/results/realism.json; empty before it exists."""
    path = project.results / "realism.json"
    if not path.is_file():
        return ""
    from vae_course.weights import arena_rows

    results = json.loads(path.read_text(encoding="utf-8"))
    rows = arena_rows(results, list(ARENA_COLUMNS))
    floor = {name: format_number(results["reference"].get(name, "–")) for name in ARENA_COLUMNS}
    rows.append({"model": "other real pictures", **floor})
    lines = [f"| Model | {' | '.join(ARENA_COLUMNS.values())} |", "|---" * (len(ARENA_COLUMNS) + 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row.values())) + " |" for row in rows)])


def with_tables(project: Project, readme: str) -> str:
    """``readme`` with its tables renewed between their markers; those of arena and speed may be missing."""
    tables = [("chapters", chapter_table(project)), ("results", results_table(project))]
    if "<!-- arena:start -->" in readme:
        tables.append(("arena", arena_table(project)))
    if "<!-- speed:start -->" in readme:
        tables.append(("speed", speed_table(project.results)))
    for name, table in tables:
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        if readme.count(start) != 1 or readme.count(end) != 1 or readme.index(start) > readme.index(end):
            raise CourseError(f"README.md needs the line {start} and, below it, the line {end}, once each.")
        between = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        readme = between.sub(lambda _, a=start, t=table, b=end: f"{a}\n{t}\n{b}", readme)
    return readme


def read_readme(project: Project) -> str:
    path = project.root / "README.md"
    if not path.is_file():
        raise CourseError("There is no README.md to put the tables into.")
    return path.read_text(encoding="utf-8")


def update(project: Project) -> bool:
    """Write the tables into README.md; whether anything changed."""
    before = read_readme(project)
    after = with_tables(project, before)
    if after != before:
        write_atomically(project.root / "README.md", after.encode())
    return after != before


def problems(project: Project) -> list[str]:
    """One sentence when the README's tables are not what the notebooks and results say."""
    try:
        readme = read_readme(project)
        stale = with_tables(project, readme) != readme
    except CourseError as error:
        return [str(error)]
    return ["The tables of README.md are stale; run: python -m tools results"] if stale else []

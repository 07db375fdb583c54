"""The generated tables of README and docs: the chapters, the arena, and what the full runs measured."""

import json
import re
from pathlib import Path

from benchmarks.pages import speed_table
from tools import numbers
from tools.chapters import CHAPTERS, Chapter
from tools.project import CourseError, Project, is_chapter
from tools.sources import build
from tools.timing import RunTimes, reading_minutes, rough
from vae_course.files import write_atomically
from vae_course.teaching.claims import measured_claim, replicated_text
from vae_course.teaching.display import format_number


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
    table = "\n".join([head, *(chapter_row(project, chapter) for chapter in CHAPTERS)])
    links = [f"[{name.replace('_', ' ')}](notebooks/{project.place(name)}.ipynb)" for name in deeper(project)]
    return table + (f"\n\nDeeper, beside the chapters: {' · '.join(links)}." if links else "")


def deeper(project: Project) -> list[str]:
    """The executed notebooks beside the chapters."""
    return [name for name in project.written() if not is_chapter(name) and project.notebook(name).is_file()]


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
    titles = {chapter.name: f"{chapter.number} · {chapter.title}" for chapter in CHAPTERS}
    titles |= {name: f"Deeper · {name.replace('_', ' ')}" for name in deeper(project)}
    for name, title in titles.items():
        claims = numbers.record_of(project, name).get("claims")
        if claims is None:
            continue
        held = sum(claim["holds"] for claim in claims)
        summary = f"{title}: {held} of {len(claims)} claims hold"
        again = numbers.replicated(project, name)
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
    from recipes.arena_measures import arena_rows

    results = json.loads(path.read_text(encoding="utf-8"))
    rows = arena_rows(results, list(ARENA_COLUMNS))
    floor = {name: format_number(results["reference"].get(name, "–")) for name in ARENA_COLUMNS}
    rows.append({"model": "other real pictures", **floor})
    lines = [f"| Model | {' | '.join(ARENA_COLUMNS.values())} |", "|---" * (len(ARENA_COLUMNS) + 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row.values())) + " |" for row in rows)])


TABLES = {
    "chapters": chapter_table,
    "results": results_table,
    "arena": arena_table,
    "speed": lambda project: speed_table(project.results),
}
# The page of each table; only the README has to be there.
PAGES = {
    "README.md": "chapters",
    "docs/results.md": "results",
    "docs/arena.md": "arena",
    "docs/speed.md": "speed",
}


def renewed(project: Project) -> dict[Path, tuple[str, str]]:
    """Each page as it is, and with its table renewed between the markers."""
    pages = {}
    for page, name in PAGES.items():
        path = project.root / page
        if not path.is_file():
            if page == "README.md":
                raise CourseError("There is no README.md to put the table of chapters into.")
            continue
        text = path.read_text(encoding="utf-8")
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
            raise CourseError(f"{page} needs the line {start} and, below it, the line {end}, once each.")
        table = f"{start}\n{TABLES[name](project)}\n{end}"
        between = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        pages[path] = text, between.sub(lambda _, table=table: table, text)
    return pages


def update(project: Project) -> list[str]:
    """Write the tables into their pages; the names of those that changed."""
    changed = {path: new for path, (old, new) in renewed(project).items() if new != old}
    for path, text in changed.items():
        write_atomically(path, text.encode())
    return [str(path.relative_to(project.root)) for path in changed]


def problems(project: Project) -> list[str]:
    """One sentence for each page whose table is not what the notebooks and results say."""
    try:
        stale = [path.name for path, (old, new) in renewed(project).items() if new != old]
    except CourseError as error:
        return [str(error)]
    return [f"The table of {name} is stale; run: python -m tools results" for name in stale]

"""What the commands of ``python -m vae_course.course`` do."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import papermill

import vae_course
from tools.execute import Failure, Job, Outcome, execute
from tools.normalize import normalize, source_hash, to_bytes
from tools.parameters import assigned, quick_values
from tools.project import CourseError, Project
from tools.sources import build, with_new_text
from tools.timing import RunTimes, settled
from vae_course.files import write_atomically


def failed(name: str, error: Exception) -> Outcome:
    """The outcome of a chapter that could not even be started."""
    return Outcome(name, 0.0, None, {}, Failure(0, "", str(error)))


def prepared(names: list[str], make: Callable[[str], Job]) -> tuple[list[Job], list[Outcome]]:
    """A job for each chapter whose source is in order, and a failure for each whose is not."""
    jobs, failures = [], []
    for name in names:
        try:
            jobs.append(make(name))
        except (CourseError, SyntaxError) as error:
            failures.append(failed(name, error))
    return jobs, failures


def quick(project: Project, names: list[str]) -> list[Outcome]:
    """Execute chapters with the quick parameters, on bundled data; notebooks and pages go to build/quick."""
    folder = project.build / "quick"

    def job(name: str) -> Job:
        notebook = build(project, name)
        parameters = quick_values(project, notebook, name)
        return Job(name, notebook, folder / f"{name}.ipynb", parameters, folder / f"{name}.html")

    jobs, failures = prepared(longest_first(project, names), job)
    return sorted(execute(jobs) + failures, key=lambda outcome: outcome.name)


def longest_first(project: Project, names: list[str]) -> list[str]:
    """``names`` by the seconds of their last quick run, so that no long chapter is left for the end."""
    seconds = {name: RunTimes.read(project.results / f"{name}.json").quick or math.inf for name in names}
    return sorted(names, key=seconds.__getitem__, reverse=True)


def data_folder(project: Project) -> Path:
    """Where full runs look for data: VAE_COURSE_DATA if set (relative to where we are), else data/."""
    return Path(os.environ.get("VAE_COURSE_DATA") or project.root / "data").resolve()


def full(project: Project, names: list[str]) -> list[Outcome]:
    """Execute chapters as they stand, on real data; renew notebooks/ and assets/results/ where that succeeds.

    The quick run comes first, for its seconds. A chapter that fails leaves its committed notebook and results
    as they were; what it got to is in build/full.
    """
    quick_seconds = {
        outcome.name: outcome.seconds for outcome in quick(project, names) if not outcome.failure
    }
    folder = project.build / "full"

    def job(name: str) -> Job:
        path = folder / f"{name}.ipynb"
        return Job(
            name, build(project, name), path, html=path.with_suffix(".html"), data=data_folder(project)
        )

    jobs, failures = prepared(names, job)
    outcomes = []
    for outcome in execute(jobs):
        if not outcome.failure:
            try:
                keep(project, outcome, quick_seconds.get(outcome.name))
            except CourseError as error:
                outcome = replace(outcome, failure=Failure(0, "", str(error)))
        outcomes.append(outcome)
    return sorted(outcomes + failures, key=lambda outcome: outcome.name)


def keep(project: Project, outcome: Outcome, quick_seconds: float | None) -> None:
    """Write the results file and the committed notebook of a full run that succeeded."""
    name = outcome.name
    results = project.results / f"{name}.json"
    before = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    executed = nbformat.read(project.build / "full" / f"{name}.ipynb", as_version=4)
    stamp = {
        "source_sha256": source_hash(project.source(name)),
        "package_version": vae_course.__version__,
        "parameters": assigned(executed, name),
    }
    notebook = normalize(executed, name=name, root=project.root, stamp=stamp)
    measured = {
        "seconds": round(outcome.seconds, 1),
        "quick_seconds": round(quick_seconds, 1) if quick_seconds is not None else None,
        "peak_memory_mb": round(outcome.peak_memory_mb) if outcome.peak_memory_mb is not None else None,
    }
    record = {
        "parameters": outcome.claims.get("parameters", stamp["parameters"]),
        **{key: settled(before.get(key), value) for key, value in measured.items()},
        "claims": outcome.claims.get("claims", []),
    }
    write_atomically(results, to_json(record))
    # The times in the notebook's head are those of this very run, so the text is built once more.
    write_atomically(project.notebook(name), to_bytes(with_new_text(notebook, build(project, name), name)))


def record_quick_times(project: Project, outcomes: list[Outcome]) -> None:
    """Put the seconds of a quick run into the results files and the heads of the committed notebooks."""
    for outcome in outcomes:
        path = project.results / f"{outcome.name}.json"
        if outcome.failure or not path.is_file():
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        record["quick_seconds"] = settled(record.get("quick_seconds"), round(outcome.seconds, 1))
        write_atomically(path, to_json(record))
        refresh_text(project, [outcome.name])


def to_json(record: dict) -> bytes:
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def refresh_text(project: Project, names: list[str]) -> None:
    """Bring changed sentences into committed notebooks, unexecuted; refused when code has changed."""
    for name in names:
        if project.notebook(name).is_file():
            notebook = nbformat.read(project.notebook(name), as_version=4)
            renewed = with_new_text(notebook, build(project, name), name)
            renewed.metadata.vae_course["source_sha256"] = source_hash(project.source(name))
            write_atomically(project.notebook(name), to_bytes(renewed))
            print(f"{name}: text is up to date")


def build_notebooks(project: Project, names: list[str], folder: Path, with_quick_parameters: bool) -> None:
    """Write unexecuted notebooks to ``folder``, with the quick run's parameters injected if asked."""
    for stale in folder.glob("*.ipynb"):
        stale.unlink()
    for name in names:
        notebook = build(project, name)
        parameters = quick_values(project, notebook, name) if with_quick_parameters else {}
        ready = papermill.execute_notebook(
            notebook,
            None,
            parameters=parameters,
            kernel_name="python3",
            prepare_only=True,
            progress_bar=False,
        )
        write_atomically(folder / f"{name}.ipynb", nbformat.writes(ready).encode())
        print(folder / f"{name}.ipynb")


def table(outcomes: list[Outcome]) -> str:
    """Chapter, seconds, peak memory and claims held, one line each; what failed is told below."""
    width = max([len("chapter"), *(len(outcome.name) for outcome in outcomes)])
    lines = [f"{'chapter':<{width}}  {'seconds':>7}  {'peak memory':>11}  claims held"]
    for outcome in outcomes:
        memory = f"{outcome.peak_memory_mb:.0f} MB" if outcome.peak_memory_mb is not None else "-"
        held = "FAILED" if outcome.failure else outcome.claims_held
        lines.append(f"{outcome.name:<{width}}  {outcome.seconds:7.1f}  {memory:>11}  {held}")
    lines += [f"\n{outcome.name} failed: {outcome.failure}" for outcome in outcomes if outcome.failure]
    return "\n".join(lines)

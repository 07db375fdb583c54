"""What the commands of ``python -m tools`` do."""

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import nbformat
import papermill

import vae_course
from tools import numbers
from tools.execute import Failure, Job, Outcome, execute
from tools.normalize import normalize, source_hash, to_bytes
from tools.parameters import assigned, quick_values
from tools.project import CourseError, Project, short
from tools.sources import build, with_new_text
from tools.timing import RunTimes, settled
from vae_course.files import write_atomically
from vae_course.teaching.claims import measured_claim, verdict_of


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


def quick(
    project: Project,
    names: list[str],
    folder: Path | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> list[Outcome]:
    """Execute chapters with the quick parameters, on bundled data; notebooks and pages go to build/quick.

    ``folder`` is another place for them, and ``more`` more variables of the kernels' environment.
    """
    folder = folder or project.build / "quick"

    def job(name: str) -> Job:
        notebook = build(project, name)
        parameters = quick_values(project, notebook, name)
        return Job(
            name,
            notebook,
            folder / f"{name}.ipynb",
            parameters,
            folder / f"{name}.html",
            variables={**variables(project, "quick"), **more},
            expected=RunTimes.read(project.results / f"{name}.json").quick,
        )

    jobs, failures = prepared(longest_first(project, names), job)
    return sorted(execute(jobs) + failures, key=lambda outcome: outcome.name)


def with_stand_in(project: Project, names: list[str], assignments: list[str]) -> list[Outcome]:
    """Execute chapters as :func:`quick` does, and assignments with their solutions, where torch finds a CUDA
    device: the stand-in of ``tools.stand_in_device``. Everything goes to build/stand-in."""
    from tools.classroom.source import lecturer_notebook
    from tools.stand_in_device import environment

    folder = project.build / "stand-in"
    folder.mkdir(parents=True, exist_ok=True)
    more = environment(folder)

    def job(name: str) -> Job:
        chosen = {**variables(project, "quick"), **more}
        return Job(name, lecturer_notebook(project, name), folder / f"{name}.ipynb", variables=chosen)

    outcomes = quick(project, names, folder, more)
    jobs, failures = prepared(assignments, job)
    return outcomes + execute(jobs) + failures


def variables(project: Project, run: str, base_seed: int | None = None) -> dict[str, str]:
    """What a chapter is told about its run: "quick" or "full", its base seed if it is not the caller's, and
    where it finds the replications."""
    seed = {} if base_seed is None else {"VAE_COURSE_SEED": str(base_seed)}
    return {"VAE_COURSE_RUN": run, "VAE_COURSE_REPLICATION": str(project.replication), **seed}


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
            name,
            build(project, name),
            path,
            html=path.with_suffix(".html"),
            data=data_folder(project),
            variables=variables(project, "full", base_seed=0),
            expected=RunTimes.read(project.results / f"{name}.json").full,
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
        "parameters": outcome.claims.get("parameters") or stamp["parameters"],
        **{key: settled(before.get(key), value) for key, value in measured.items()},
        "claims": outcome.claims.get("claims", []),
        "notes": outcome.claims.get("notes", []),
    }
    refuse_unknown_numbers(project, name, record)
    write_atomically(results, to_json(record))
    # The times and numbers in the text are those of this very run, so the text is built once more.
    write_atomically(project.notebook(name), to_bytes(with_new_text(notebook, build(project, name), name)))


def refuse_unknown_numbers(project: Project, name: str, record: dict) -> None:
    """Raises CourseError when a sentence of chapter ``name`` names a number that ``record`` does not have."""
    problems = numbers.unknown(build(project, name, numbers={}), record, name)
    if problems:
        raise CourseError(f"Chapter {name}: {'; '.join(problems)}.")


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
    """Bring changed sentences, numbers and replications into committed notebooks, unexecuted.

    Refused when code has changed.
    """
    for name in names:
        if project.notebook(name).is_file():
            refuse_unknown_numbers(project, name, numbers.record_of(project, name))
            notebook = nbformat.read(project.notebook(name), as_version=4)
            renewed = with_new_text(notebook, build(project, name), name)
            numbers.renew_table(renewed, project, name)
            renewed.metadata.vae_course["source_sha256"] = source_hash(project.source(name))
            write_atomically(project.notebook(name), to_bytes(renewed))
            print(f"{name}: text is up to date")


def renew_tables(project: Project, names: list[str]) -> None:
    """Show in the committed notebooks' tables of claims what record and replications say now."""
    for name in names:
        path = project.notebook(name)
        if path.is_file():
            notebook = nbformat.read(path, as_version=4)
            if numbers.renew_table(notebook, project, name):
                write_atomically(path, to_bytes(notebook))


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
    """Chapter, seconds, peak memory and claims held, one line each; what missed or failed is told below."""
    width = max([len("chapter"), *(len(outcome.name) for outcome in outcomes)])
    lines = [f"{'chapter':<{width}}  {'seconds':>7}  {'peak memory':>11}  claims held"]
    for outcome in outcomes:
        memory = f"{outcome.peak_memory_mb:.0f} MB" if outcome.peak_memory_mb is not None else "-"
        held = "FAILED" if outcome.failure else outcome.claims_held
        lines.append(f"{outcome.name:<{width}}  {outcome.seconds:7.1f}  {memory:>11}  {held}")
    missed = [
        f"{short(outcome.name)} {claim['id']}: measured {measured_claim(claim)}, must be {claim['bound']}: "
        f"{verdict_of(claim, outcome.claims.get('run', ''))}"
        for outcome in outcomes
        for claim in outcome.missed
    ]
    if missed:
        lines += ["", "Claims that do not hold:", *missed]
    lines += [f"\n{outcome.name} failed: {outcome.failure}" for outcome in outcomes if outcome.failure]
    return "\n".join(lines)

"""Run chapters again under other base seeds, and count how often each claim holds.

One file for each chapter and seed lies in ``build/replication``, so that an interrupted replication goes on
where it stopped. A run is made again when the chapter's source, the package or the parameters have changed
since, and when it stopped with an error.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import vae_course
from tools.commands import data_folder, longest_first, renew_tables, to_json, variables
from tools.execute import Job, Outcome, execute
from tools.parameters import quick_values
from tools.project import Project, short
from tools.sources import build
from vae_course.files import write_atomically
from vae_course.teaching.display import format_number

SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Report:
    """What became of the claims.

    Attributes:
        seeds: the base seeds.
        chapters: chapter → claim id → ``{"held", "of", "values", "bound"}``; a value is None where the run
            stopped before the claim, or where it is not finite.
        stopped: chapter → base seed → why that run stopped.
    """

    seeds: Sequence[int]
    chapters: dict[str, dict[str, dict]]
    stopped: dict[str, dict[int, str]]

    def __str__(self) -> str:
        lines = [
            f"{short(name)} stopped under base seed {seed}: {why}"
            for name, failures in self.stopped.items()
            for seed, why in failures.items()
        ]
        total = held = 0
        for name, claims in self.chapters.items():
            for id, claim in claims.items():
                total, held = total + 1, held + (claim["held"] == claim["of"])
                if claim["held"] < claim["of"]:
                    values = ", ".join(
                        "-" if value is None else format_number(value) for value in claim["values"]
                    )
                    often = f"{claim['held']} of {claim['of']}"
                    lines.append(f"{short(name)} {id}: held {often}, must be {claim['bound']}; got {values}")
        return "\n".join(
            [*lines, f"{held} of {total} claims held under each of {len(self.seeds)} base seeds."]
        )


def replicate(
    project: Project, names: list[str], seeds: Sequence[int] = SEEDS, *, quick: bool = False
) -> Report:
    """Run chapters ``names`` under every base seed of ``seeds``, two at a time, and count.

    Full runs renew ``assets/results/replication.json`` and the tables of the committed notebooks; quick ones
    write ``build/replication/quick.json``. Chapters that are not run keep what the file said about them.
    """
    folder = project.build / "replication" / ("quick" if quick else "full")
    jobs, stamps = [], {}
    for name in longest_first(project, names):
        notebook = build(project, name)
        parameters = quick_values(project, notebook, name) if quick else {}
        stamps[name] = stamp(project, name, parameters)
        for seed in seeds:
            if valid(run_file(folder, name, seed), stamps[name]):
                continue
            jobs.append(
                Job(
                    name,
                    notebook,
                    run_file(folder, name, seed).with_suffix(".ipynb"),
                    parameters,
                    data=None if quick else data_folder(project),
                    variables=variables(project, "quick" if quick else "full", seed),
                    label=f"seed {seed}",
                )
            )
    jobs.sort(
        key=lambda job: int(job.variables["VAE_COURSE_SEED"])
    )  # whole seeds first, if it is interrupted
    print(f"{len(jobs)} runs to make, {len(names) * len(seeds) - len(jobs)} there already", flush=True)

    def keep(job: Job, outcome: Outcome) -> None:
        failure = str(outcome.failure) if outcome.failure else None
        run = {"stamp": stamps[job.name], "failure": failure, **outcome.claims}
        write_atomically(job.output.with_suffix(".json"), to_json(run))

    for job, outcome in zip(jobs, execute(jobs, keep), strict=True):
        keep(job, outcome)  # once more: what `execute` took over from an interrupted run was not kept by it
    report = counted(folder, names, seeds)
    target = project.build / "replication" / "quick.json" if quick else project.replication
    before = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    merged = {
        key: dict(sorted({**before.get(key, {}), **getattr(report, key)}.items()))
        for key in ("chapters", "stopped")
    }
    write_atomically(target, to_json({"seeds": list(seeds), **merged}))
    if not quick:
        renew_tables(project, names)
    return report


def valid(path: Path, mark: str) -> bool:
    """Whether a run lies in ``path`` that came to its end and is still what it would be today."""
    run = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return run.get("stamp") == mark and run["failure"] is None


def run_file(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name}_seed_{seed}.json"


def stamp(project: Project, name: str, parameters: dict) -> str:
    """A hash of what a run depends on, its seed apart: parameters, chapter, and the package's modules."""
    package = Path(vae_course.__file__).parent
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    digest.update(project.source(name).read_bytes())
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return digest.hexdigest()


def counted(folder: Path, names: list[str], seeds: Sequence[int]) -> Report:
    """Count over the runs that lie in ``folder``, one for each name and seed."""
    chapters, stopped = {}, {}
    for name in names:
        runs = [json.loads(run_file(folder, name, seed).read_text(encoding="utf-8")) for seed in seeds]
        found = [{claim["id"]: claim for claim in run.get("claims", [])} for run in runs]
        chapters[name] = {
            id: {
                "held": sum(claims[id]["holds"] for claims in found if id in claims),
                "of": len(runs),
                "values": [claims[id]["value"] if id in claims else None for claims in found],
                "bound": next(claims[id]["bound"] for claims in found if id in claims),
            }
            for id in dict.fromkeys(id for claims in found for id in claims)
        }
        stopped[name] = {
            seed: run["failure"] for seed, run in zip(seeds, runs, strict=True) if run["failure"] is not None
        }
    return Report(seeds, chapters, stopped)

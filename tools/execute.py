"""Execute chapters, two at a time, each in its own process and folder, with progress in plain text."""

import hashlib
import json
import multiprocessing
import os
import platform
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import nbformat

import vae_course
from tools.project import short
from tools.worker import work
from vae_course.files import write_atomically

AT_ONCE = 2
UNFINISHED = ".unfinished"  # folder beside the outputs: what an interrupted run has done already
DECIDING = ("ATEN_CPU_CAPABILITY", "VAE_COURSE_SEED", "VAE_COURSE_STAND_IN")
CELL_SECONDS = 3600  # against a cell that hangs; far above any cell on a machine that others use as well
HEARTBEAT_SECONDS = 10


@dataclass(frozen=True)
class Job:
    """One notebook to execute. ``output`` and ``html`` are where the executed notebook and its page go.

    ``data`` becomes VAE_COURSE_DATA; with None the kernel does not see that variable at all. ``variables``
    are set in the kernel's environment. ``label`` tells two jobs of one chapter apart.
    """

    name: str
    notebook: nbformat.NotebookNode
    output: Path
    parameters: dict = field(default_factory=dict)
    html: Path | None = None
    data: Path | None = None
    cell_seconds: int = CELL_SECONDS
    expected: float | None = None  # seconds of an earlier run, for the estimate

    variables: dict[str, str] = field(default_factory=dict)
    label: str = ""

    @property
    def shown(self) -> str:
        """How the lines of progress call it."""
        return f"{self.name} {self.label}".rstrip()

    def key(self) -> str:
        """Changes with whatever decides the outcome: notebook, parameters, package, versions, variables."""
        variables = {name: os.environ.get(name) for name in DECIDING} | self.variables
        content = [nbformat.writes(self.notebook), self.parameters, str(self.data), variables, _versions()]
        return hashlib.sha256(json.dumps([*content, _package_hash()], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Where a run stopped: ``cell`` counts as In [n] does in the executed notebook; 0 is before the first."""

    cell: int
    line: str
    error: str

    def __str__(self) -> str:
        place = f"In [{self.cell}] `{self.line}`: " if self.cell else ""
        return f"{place}{self.error}"


@dataclass(frozen=True)
class Outcome:
    """What one run gave: wall seconds, the kernel's peak memory in MB, and the notebook's own claims file."""

    name: str
    seconds: float
    peak_memory_mb: float | None
    claims: dict
    failure: Failure | None

    @property
    def claims_held(self) -> str:
        claims = self.claims.get("claims", [])
        return f"{sum(bool(claim['holds']) for claim in claims)} of {len(claims)}" if claims else "none"

    @property
    def missed(self) -> list[dict]:
        """The claims that do not hold."""
        return [claim for claim in self.claims.get("claims", []) if not claim["holds"]]


class Progress:
    """Lines of progress: for every running chapter the cell it is in, and how long the rest may take."""

    def __init__(self, jobs: list[Job]) -> None:
        self.start = time.monotonic()
        self.lock = threading.Lock()
        self.running: dict[str, str] = {}
        self.expected = {job.shown: job.expected or 60.0 for job in jobs}
        self.took: dict[str, float] = {}
        self.reached: dict[str, tuple[float, float]] = {}  # start and share of cells of those that run

    def say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        with self.lock:
            print(f"{minutes:02d}:{seconds:02d}  {text}", flush=True)

    def left(self) -> str:
        """How long the rest may take, by the pace of what is done: chapters, and cells of those that run."""
        now = time.monotonic()
        done = sum(self.expected[name] for name in self.took)
        took = sum(self.took.values())
        for name, (started, share) in dict(self.reached).items():
            done += share * self.expected[name]
            took += now - started
        whole = sum(self.expected.values())
        pace = took / done if done > 0.05 * whole else 1.0
        return f"about {max(1, round((whole * pace - took) / AT_ONCE / 60))} min left"

    def heartbeat(self) -> None:
        places = [f"{short(name)} {place}" for name, place in sorted(self.running.items())]
        if places:
            self.say(f"running: {', '.join(places)}; {self.left()}")


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {n: version(n) for n in ("torch", "numpy", "scikit-learn")}


@lru_cache
def _package_hash() -> str:
    """Of every file of the package, weights included."""
    files = sorted(path for path in Path(vae_course.__file__).parent.rglob("*") if path.is_file())
    found = hashlib.sha256()
    for path in files:
        if path.suffix != ".pyc":
            found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def environment(results: Path, folder: Path, data: Path | None, bytecode: Path) -> dict[str, str]:
    """The kernel's environment: one thread (two chapters, two cores), no start-up files, this package.

    ``bytecode`` is where compiled modules go if they may not lie beside their sources.
    """
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    for name in ("MPLBACKEND", "VAE_COURSE_DATA"):
        variables.pop(name, None)
    if variables.pop("PYTHONDONTWRITEBYTECODE", None):
        # Otherwise every kernel would compile torch and all the rest anew, which takes seconds.
        variables["PYTHONPYCACHEPREFIX"] = str(bytecode)
    if data is not None:
        variables["VAE_COURSE_DATA"] = str(data)
    variables["VAE_COURSE_RESULTS"] = str(results)
    variables["IPYTHONDIR"] = str(folder / "ipython")
    package = str(Path(vae_course.__file__).parents[1])
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [package, variables.get("PYTHONPATH")]))
    return variables


def context() -> BaseContext:
    """Where the system can fork, workers come from one process that has done their imports already."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tools.worker"])
    return forking


def execute(jobs: list[Job], finished: Callable[[Job, Outcome], None] | None = None) -> list[Outcome]:
    """Execute ``jobs``, two at a time; one that fails leaves the others alone. Outcomes in order.

    A run that was interrupted goes on: what it finished, and nothing has changed since, is not done again.
    ``finished`` is called with each job and its outcome as soon as it is there.
    """
    earlier = {job.shown: outcome for job in jobs if (outcome := _earlier(job))}
    todo = [job for job in jobs if job.shown not in earlier]
    progress, processes = Progress(todo), context()
    for name in earlier:
        progress.say(f"done   {name} (kept from the run that was interrupted)")
    if todo:
        chapters = f"{len(todo)} chapter{'s' if len(todo) > 1 else ''}"
        progress.say(f"{chapters}, two at a time: {progress.left()} by the recorded times")
    workers: dict[str, BaseProcess] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {
            job.shown: pool.submit(execute_one, job, progress, workers, processes, finished) for job in todo
        }
        try:
            while wait(futures.values(), timeout=HEARTBEAT_SECONDS).not_done:
                progress.heartbeat()
        except BaseException:
            for future in futures.values():
                future.cancel()
            stop(list(workers.values()))
            raise
    for folder in {job.output.parent / UNFINISHED for job in jobs}:
        shutil.rmtree(folder, ignore_errors=True)
    return [earlier.get(job.shown) or futures[job.shown].result() for job in jobs]


def _note(job: Job) -> Path:
    return job.output.parent / UNFINISHED / f"{job.output.stem} {job.label}".rstrip()


def _earlier(job: Job) -> Outcome | None:
    """What an interrupted run found for this very job, or None."""
    try:
        note = json.loads(_note(job).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if note["key"] != job.key() or not job.output.is_file():
        return None
    return Outcome(job.name, **note["outcome"], failure=None)


def stop(workers: list[BaseProcess]) -> None:
    """Ask every worker to end, which ends its kernel as well; kill those that do not within ten seconds."""
    for worker in workers:
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    for worker in workers:
        worker.join(timeout=10)
        if worker.is_alive():
            worker.kill()


def execute_one(
    job: Job,
    progress: Progress,
    workers: dict[str, BaseProcess],
    processes: BaseContext,
    finished: Callable[[Job, Outcome], None] | None = None,
) -> Outcome:
    """Execute one job in an empty folder of its own, so that it can lean on nothing but the package."""
    progress.say(f"start  {job.shown}")
    progress.running[job.shown] = "starting"
    progress.reached[job.shown] = time.monotonic(), 0.0
    scratch = Path(tempfile.mkdtemp(prefix="vae_course_"))
    try:
        folder, results, errors = scratch / "folder", scratch / "results", scratch / "errors.txt"
        folder.mkdir()
        results.mkdir()
        write_atomically(scratch / "input.ipynb", nbformat.writes(job.notebook).encode())
        order = {
            "input": str(scratch / "input.ipynb"),
            "output": str(job.output),
            "html": str(job.html) if job.html else None,
            "title": job.name.replace("_", " "),
            "parameters": job.parameters,
            "folder": str(folder),
            "cell_seconds": job.cell_seconds,
        }
        reports, sender = processes.Pipe(duplex=False)
        variables = environment(results, folder, job.data, job.output.resolve().parent / ".bytecode")
        variables |= job.variables
        worker = processes.Process(target=work, args=(order, variables, str(errors), sender))
        worker.start()
        sender.close()  # only the worker holds it now, so that its death ends what we read
        workers[job.shown] = worker
        result = follow(reports, job.shown, progress)
        worker.join()
        if result is None:
            said = errors.read_text(errors="replace").strip() if errors.is_file() else ""
            last = "".join(said.splitlines()[-1:])
            text = f"the executing process ended with status {worker.exitcode}; {last}"
            result = {
                "seconds": 0.0,
                "peak_memory_mb": None,
                "failure": {"cell": 0, "line": "", "error": text},
            }
        claims_file = next(iter(sorted(results.glob("*.json"))), None)
        claims = json.loads(claims_file.read_text(encoding="utf-8")) if claims_file else {}
    finally:
        progress.running.pop(job.shown, None)
        progress.reached.pop(job.shown, None)
        shutil.rmtree(scratch, ignore_errors=True)
    failure = Failure(**result["failure"]) if result["failure"] else None
    outcome = Outcome(job.name, result["seconds"], result["peak_memory_mb"], claims, failure)
    word = f"FAILED {job.shown}: {failure}" if failure else f"done   {job.shown} in {outcome.seconds:.1f} s"
    progress.say(word)
    if finished is not None:
        finished(job, outcome)
    return outcome


def follow(reports: Connection, name: str, progress: Progress) -> dict | None:
    """Read the worker's reports until it ends; its result, or None when it died without one."""
    result = None
    while True:
        try:
            event = reports.recv()
        except (EOFError, OSError):
            return result
        if "cell" in event:
            progress.running[name] = f"cell {event['cell']} of {event['cells']}"
            progress.reached[name] = progress.reached[name][0], (event["cell"] - 1) / event["cells"]
        result = event.get("result", result)

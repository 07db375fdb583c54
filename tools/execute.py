"""Execute chapters, two at a time, each in its own process and folder, with progress in plain text."""

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import nbformat

import vae_course
from tools.worker import work
from vae_course.files import write_atomically

AT_ONCE = 2
CELL_SECONDS = 600
HEARTBEAT_SECONDS = 10


@dataclass(frozen=True)
class Job:
    """One notebook to execute. ``output`` and ``html`` are where the executed notebook and its page go.

    ``data`` becomes VAE_COURSE_DATA; with None the kernel does not see that variable at all.
    """

    name: str
    notebook: nbformat.NotebookNode
    output: Path
    parameters: dict = field(default_factory=dict)
    html: Path | None = None
    data: Path | None = None
    cell_seconds: int = CELL_SECONDS


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


class Progress:
    """Lines of progress, and for every running chapter the cell it is in."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.lock = threading.Lock()
        self.running: dict[str, str] = {}

    def say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
        with self.lock:
            print(f"{minutes:02d}:{seconds:02d}  {text}", flush=True)

    def heartbeat(self) -> None:
        places = [f"{name[:2]} {place}" for name, place in sorted(self.running.items())]
        if places:
            self.say(f"running: {', '.join(places)}")


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


def execute(jobs: list[Job]) -> list[Outcome]:
    """Execute ``jobs``, two at a time; one that fails leaves the others alone. Outcomes in order."""
    progress, processes = Progress(), context()
    workers: dict[str, BaseProcess] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(execute_one, job, progress, workers, processes) for job in jobs]
        try:
            while wait(futures, timeout=HEARTBEAT_SECONDS).not_done:
                progress.heartbeat()
        except BaseException:
            for future in futures:
                future.cancel()
            stop(list(workers.values()))
            raise
    return [future.result() for future in futures]


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
    job: Job, progress: Progress, workers: dict[str, BaseProcess], processes: BaseContext
) -> Outcome:
    """Execute one job in an empty folder of its own, so that it can lean on nothing but the package."""
    progress.say(f"start  {job.name}")
    progress.running[job.name] = "starting"
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
        worker = processes.Process(target=work, args=(order, variables, str(errors), sender))
        worker.start()
        sender.close()  # only the worker holds it now, so that its death ends what we read
        workers[job.name] = worker
        result = follow(reports, job.name, progress)
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
        progress.running.pop(job.name, None)
        shutil.rmtree(scratch, ignore_errors=True)
    failure = Failure(**result["failure"]) if result["failure"] else None
    outcome = Outcome(job.name, result["seconds"], result["peak_memory_mb"], claims, failure)
    word = f"FAILED {job.name}: {failure}" if failure else f"done   {job.name} in {outcome.seconds:.1f} s"
    progress.say(word)
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
        result = event.get("result", result)

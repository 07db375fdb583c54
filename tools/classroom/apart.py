"""A student's program in a process of its own: limits, no network, a folder that vanishes, plain data only.

The work is bubblewrap's where it is installed (Linux; the sandbox of Flatpak, no rights needed): the program
then sees Python, the course's package and its own submission, and no network, no process, no file besides.
Run by the administrator, as in a container, it also gets the rights of an unused account.
"""

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import vae_course
from tools.classroom import plain

HERE = Path(__file__).resolve().parent
LIMITS = {
    "AS": 6_000_000_000,  # bytes of address space; PyTorch alone reserves three
    "FSIZE": 64_000_000,  # bytes of a file
    "NPROC": 64,  # processes and threads, beside those that the account has
    "NOFILE": 256,
    "CPU": 600,  # seconds
    "CORE": 0,
}
SCRATCH = 256_000_000  # bytes of all files together, in bubblewrap
START, ALL_CELLS, ONE_CALL = 120, 180, 20  # seconds
INTERRUPTED, LONGEST_CELL = 25, 60  # seconds of a cell: it is interrupted; if that is of no use, all is ended
ACCOUNTS = range(61_200, 61_900)  # numbers that no distribution gives to anybody


class Gone(BaseException):
    """The program ended, hung or talked nonsense; one sentence. No `except Exception` on the way holds it."""


class NotStarted(RuntimeError):
    """The program could not be started, before any of the student's code ran: the machine's fault."""


@cache
def protection() -> str:
    """ "bubblewrap", "account" (no other files than everybody's, but the network), or "" (limits alone)."""
    found = shutil.which("bwrap")
    if found:
        probe = [found, "--unshare-net", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return "bubblewrap"
    return "account" if _administrator() else ""


def _administrator() -> bool:
    return os.geteuid() == 0


class Process:
    """One student's program, to be closed; each question to it has its seconds.

    Gone: the submission is too large. NotStarted: the program cannot be started.
    """

    def __init__(self, handed_in: Path) -> None:
        size = sum(path.stat().st_size for path in handed_in.rglob("*") if path.is_file())
        if size > SCRATCH // 2:
            raise Gone(f"The submission has {size / 1e6:.0f} MB; at most {SCRATCH // 2e6:.0f} are taken.")
        self.folder, self.asked = Path(tempfile.mkdtemp(prefix="grading-")), 0
        self.user = _unused_account() if _administrator() else None
        running = _processes(os.getuid() if self.user is None else self.user)
        limits = {**LIMITS, "NPROC": LIMITS["NPROC"] + running}
        package, work, mine = self.folder / "package", self.folder / "handed-in", self.folder / "mine"
        shutil.copytree(
            Path(vae_course.__file__).parent,
            package / "vae_course",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for name in ("plain.py", "worker.py"):
            shutil.copy(HERE / name, package)
        shutil.copytree(handed_in, work, ignore=_no_links)
        mine.mkdir()
        for path in (self.folder, work, *work.rglob("*")):  # the account must read what a mail program locked
            path.chmod(0o755 if path.is_dir() else 0o644)
        if self.user is not None:
            os.chown(mine, self.user, self.user)
        boxed = protection() == "bubblewrap"
        places = {"package": package, "handed_in": work, "scratch": mine / "work"}
        if boxed:
            places = {"package": "/course", "handed_in": "/handed-in", "scratch": "/scratch/work"}
        more = {"limits": limits, "user": self.user, "alone": boxed or self.user is not None}
        settings = json.dumps({k: str(v) for k, v in places.items()} | more)
        home = str(places["scratch"])
        log = (self.folder / "start.log").open("w+b")
        self.process = subprocess.Popen(
            [*(_box(package, work) if boxed else []), sys.executable, "-I", "-B",
             f"{places['package']}/worker.py", settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,  # the program leaves it before a student's cell runs
            cwd=self.folder,
            start_new_session=True,
            env={
                "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "USER": "student", "HOME": home,
                "MPLCONFIGDIR": home, "IPYTHONDIR": home, "TMPDIR": os.path.dirname(home),
                "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip
        for stream in (self.process.stdin, self.process.stdout):
            os.set_blocking(stream.fileno(), False)
        try:
            self.ask({"do": "run", "cell": ""}, START)
        except Gone as gone:
            log.seek(0)
            told = log.read().decode(errors="replace").strip()[-500:] or str(gone)
            self.close()
            raise NotStarted(f"The student's program could not be started: {told}") from None
        finally:
            log.close()

    def ask(self, request: dict, seconds: float) -> dict:
        """The reply to a request. Gone: there is none within the time; the program is ended then."""
        end = time.monotonic() + seconds
        self.asked += 1
        try:
            data = plain.pack({**request, "number": self.asked})
            while data:
                self._wait(self.process.stdin, selectors.EVENT_WRITE, end)
                data = data[os.write(self.process.stdin.fileno(), data[: 1 << 16]) :]
            reply = plain.read(lambda length: self._receive(length, end))
            if reply.get("number") != self.asked:
                raise plain.NotPlain("an answer to another question.")
            return reply
        except (OSError, ValueError) as error:
            self.close()
            if isinstance(error, plain.NotPlain):
                raise Gone(f"Your code handed over what it should not: {error}") from None
            raise Gone("Your code ended the program.") from None

    def _receive(self, length: int, end: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._wait(self.process.stdout, selectors.EVENT_READ, end)
            piece = os.read(self.process.stdout.fileno(), min(length - len(data), 1 << 20))
            if not piece:
                raise OSError
            data += piece
        return bytes(data)

    def _wait(self, stream, event: int, end: float) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(stream, event)
            if not ready.select(max(0, end - time.monotonic())):
                self.close()
                raise Gone("Your code did not end within its time.")

    def close(self) -> None:
        """End the program with all that it started, and take its folder away."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)  # bubblewrap takes every process inside with it
        self.process.wait()
        while self.user is not None and _processes(self.user):
            child = os.fork()
            if not child:  # from the account itself one call ends all its processes, however fast they fork
                os.setuid(self.user)
                os.kill(-1, 9)
                os._exit(0)
            os.waitpid(child, 0)
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


def _box(package: Path, work: Path) -> list[str]:
    """bubblewrap with Python, the package and the submission to read, and a small /scratch to write to."""
    words = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc",
             "--unshare-uts"]  # fmt: skip
    for name in ("/bin", "/lib", "/lib64", "/sbin"):
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    words += ["--perms", "0755", "--dir", "/etc"]
    seen = set()
    for place in dict.fromkeys(("/usr", sys.prefix, sys.base_prefix, sys.exec_prefix)):
        for parent in reversed(Path(place).parents):
            if str(parent) not in seen | {"/"}:
                words += ["--perms", "0755", "--dir", str(parent)]
                seen.add(str(parent))
        words += ["--ro-bind", place, place]
    for place in ("/etc/ld.so.cache", "/etc/alternatives"):
        words += ["--ro-bind-try", place, place]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    words += ["--ro-bind", str(package), "/course", "--ro-bind", str(work), "/handed-in"]
    return [*words, "--perms", "1777", "--size", str(SCRATCH), "--tmpfs", "/scratch",
            "--remount-ro", "/", "--chdir", "/scratch"]  # fmt: skip


def _unused_account() -> int:
    """Begins where another grader of this machine is not likely to."""
    first = os.getpid() % len(ACCOUNTS)
    return next(n for n in (*ACCOUNTS[first:], *ACCOUNTS[:first]) if not _processes(n))


def _no_links(folder: str, names: list[str]) -> list[str]:
    """Links and whatever is no file stay behind: they could lead to the lecturer's files."""
    paths = [Path(folder, name) for name in names]
    return [path.name for path in paths if path.is_symlink() or not (path.is_file() or path.is_dir())]


def _processes(user: int) -> int:
    """Processes and threads of an account (Linux; elsewhere 0)."""
    count = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if place.stat().st_uid == user:
                count += len(os.listdir(place / "task"))
        except OSError:  # it has ended meanwhile
            continue
    return count

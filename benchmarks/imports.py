"""What importing the package costs beyond torch, each time in a fresh interpreter."""

import json
import statistics
import subprocess
import sys

from tools.project import CourseError

WANTED = 0.3  # seconds of `import vae_course` and `load("digits")`
REPEATS = 5
DEAREST = 8
STEPS = {  # one after another in one process
    "import torch": "import torch",
    "import vae_course": "import vae_course",
    "load the digits": "vae_course.load('digits')",
    "load, VAE, fit, evaluate": "from vae_course import VAE, evaluate, fit, load",
    "first optimizer of fit": "from vae_course.machine import Adam; Adam(VAE().parameters())",
    "first optimizer of torch": "torch.optim.Adam(VAE().parameters())",
}
TIMED = f"""
import json, time
found = {{}}
for name, line in {STEPS!r}.items():
    start = time.perf_counter()
    exec(line, globals())
    found[name] = time.perf_counter() - start
print(json.dumps(found))
"""


def fresh(*arguments: str) -> subprocess.CompletedProcess:
    """Run a fresh interpreter to its end."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"a fresh interpreter failed:\n{done.stderr[-2000:]}")
    return done


def dearest(log: str, after: str = "torch", count: int = DEAREST) -> list[tuple[str, float]]:
    """Modules that take the longest themselves, from ``-X importtime``.

    Args:
        log: what Python wrote to its error stream; a package's line follows those of what it imports.
        after: only what was imported after this module.
        count: of modules.

    Returns:
        (name, milliseconds), dearest first.
    """
    rows = [line.removeprefix("import time:").split("|") for line in log.splitlines() if "|" in line]
    names = [row[2].strip() for row in rows]
    own = rows[names.index(after) + 1 :] if after in names else rows
    times = [(row[2].strip(), int(row[0]) / 1000) for row in own if row[0].strip().isdigit()]
    return sorted(times, key=lambda pair: -pair[1])[:count]


def main() -> dict:
    runs = [json.loads(fresh("-c", TIMED).stdout) for _ in range(REPEATS)]
    medians = {name: statistics.median(run[name] for run in runs) for name in STEPS}
    for name, seconds in medians.items():
        print(f"{name:26} {seconds:7.3f} s")
    first = medians["import vae_course"] + medians["load the digits"]
    print(f"wanted: the package and the digits beyond torch within {WANTED} s, found {first:.3f} s")
    code = f"import torch; {STEPS['load, VAE, fit, evaluate']}"
    modules = dearest(fresh("-X", "importtime", "-c", code).stderr)
    print("dearest beyond torch: " + ", ".join(f"{name} {time:.1f} ms" for name, time in modules))
    return {
        "seconds": {name: round(seconds, 4) for name, seconds in medians.items()},
        "dearest_ms": {name: round(time, 1) for name, time in modules},
        "repeats": REPEATS,
        "wanted": WANTED,
    }


if __name__ == "__main__":
    main()

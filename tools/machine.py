"""The machine that a measurement was taken on, as far as it can be told without naming it."""

import datetime
import os
import platform
from pathlib import Path


def machine() -> dict:
    """Processor, cores, torch's threads, versions and the date."""
    import torch  # here, because the command line reads this file and most commands need no torch

    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.system(),
        "date": datetime.date.today().isoformat(),
    }


def processor() -> str:
    """Its name; "unknown" where the system does not tell."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def sentence(found: dict) -> str:
    """The machine in one line."""
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    gpu = found["gpu"] or "no GPU"
    return (
        f"{found['processor']}, {found['cores']} cores, {threads}, {gpu}; Python {found['python']}, "
        f"torch {found['torch']}, {found['system']}; {found['date']}"
    )

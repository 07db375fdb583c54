"""The machine that a measurement was taken on, as far as it can be told without naming it."""

import datetime
import os
import platform
from pathlib import Path


def machine() -> dict:
    """Processor, its family and instructions, cores, torch's threads, versions and the date."""
    import torch  # here, because the command line reads this file and most commands need no torch

    return {
        "processor": processor(),
        "family": family(),
        "instructions": instructions(torch),
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
    return _told("model name") or platform.processor() or "unknown"


def family() -> str | None:
    """What tells processors of one name apart: "family 25, model 1"; None where the system does not say."""
    family, model = _told("cpu family"), _told("model")
    return f"family {family}, model {model}" if family and model else None


def instructions(torch) -> str:
    """The widest vector instructions that this process may use: of torch's kernels, and for bfloat16."""
    widest = torch.backends.cpu.get_cpu_capability().replace("AVX512", "AVX-512")
    able = widest == "AVX-512" and torch.cpu._is_avx512_bf16_supported()
    return f"{widest} and bfloat16" if able else widest


def _told(name: str) -> str | None:
    """What Linux says of the first processor under that name."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None


def sentence(found: dict) -> str:
    """The machine in one line."""
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    gpu = found["gpu"] or "no GPU"
    # Records from before these were noted lack both.
    noted = "; ".join(found[key] for key in ("family", "instructions") if found.get(key))
    kind = f" ({noted})" if noted else ""
    return (
        f"{found['processor']}{kind}, {found['cores']} cores, {threads}, {gpu}; Python {found['python']}, "
        f"torch {found['torch']}, {found['system']}; {found['date']}"
    )

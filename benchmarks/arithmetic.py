"""What one matrix product takes and loses here in each arithmetic of training.

    python -m benchmarks arithmetic

``vae_course.machine.choose`` goes by the processor; its docstring holds this table for those measured.
"""

import time
from dataclasses import asdict, dataclass

import torch

from vae_course.machine import matrix_products

SHAPE = (256, 512, 512)  # batch, inputs, outputs


@dataclass(frozen=True)
class Row:
    """One arithmetic.

    Attributes:
        name: "highest", "medium" or "bfloat16".
        rate: GFLOP/s, of the fastest of several tries.
        error: largest error, relative to the largest entry of the float64 result.
    """

    name: str
    rate: float
    error: float


def measure(repeats: int = 20) -> list[Row]:
    """Time and check one product on the CPU, with torch's number of threads."""
    draw = torch.Generator().manual_seed(0)
    batch, inputs, outputs = SHAPE
    left, right = torch.randn(batch, inputs, generator=draw), torch.randn(inputs, outputs, generator=draw)
    exact = left.double() @ right.double()
    rows = []
    for name in ("highest", "medium", "bfloat16"):
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        a, b = left.to(dtype), right.to(dtype)
        with matrix_products("medium" if name == "medium" else "highest"):
            product = a @ b
            seconds = min(_seconds(a, b) for _ in range(repeats))
        error = ((product.double() - exact).abs().max() / exact.abs().max()).item()
        rows.append(Row(name, 2 * batch * inputs * outputs / seconds / 1e9, error))
    return rows


def _seconds(a: torch.Tensor, b: torch.Tensor) -> float:
    start = time.perf_counter()
    a @ b
    return time.perf_counter() - start


def main() -> dict:
    capability, threads = torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    rows = measure()
    print(f"{capability}, {threads} threads")
    for row in rows:
        print(f"  {row.name:>8}: {row.rate:5.0f} GFLOP/s, largest error {row.error:.1e}")
    return {"capability": capability, "threads": threads, "rows": [asdict(row) for row in rows]}

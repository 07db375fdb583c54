"""Peak memory of a training run against the sum of what it cannot do without.

Two fresh processes train the same model on pictures of noise, by :func:`python -m
python -m benchmarks.memory`'s two arguments: one on 256 pictures, which loads all code and libraries (the
base), one on as many pictures as MNIST has. The sum is computed from shapes, in bytes:

- data: one byte for each pixel of each picture
- model: all parameters and buffers; gradients: one number for each parameter; Adam: two for each
- activations: what every layer puts out for one minibatch, counted once for the pass forward and once for
  the gradient that comes back
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

from tools.project import CourseError

WANTED = 1.3
EXAMPLES = 60_000
BASE_EXAMPLES = 256
BATCH = 256
MIB = 2**20


def peak_bytes() -> int:
    """Most physical memory that this process has had.

    Linux tells a child the peak of its parent as its own in ``ru_maxrss``; VmHWM starts anew.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def activation_bytes(model, x) -> int:
    """Bytes that every layer of a model puts out for the batch ``x``, float32, forward and backward."""
    import torch

    from vae_course.elbo import elbo_terms

    sizes = []
    layers = [module for module in model.modules() if not list(module.children())]
    hooks = [
        layer.register_forward_hook(lambda layer, given, out: sizes.append(out.nelement() * 4))
        for layer in layers
    ]
    with torch.no_grad():
        elbo_terms(model, x)
    for hook in hooks:
        hook.remove()
    return 2 * (x.nelement() * 4 + sum(sizes))


def needed(model, data, batch_size: int = BATCH) -> dict[str, int]:
    """Bytes of each part that training needs, from shapes (see the head of this file)."""
    parameters = sum(p.nelement() * 4 for p in model.parameters())
    buffers = sum(b.nelement() * b.element_size() for b in model.buffers())
    return {
        "data": data.images.nelement(),
        "model": parameters + buffers,
        "gradients": parameters,
        "optimizer": 2 * parameters,
        "activations": activation_bytes(model, data.batch(slice(0, batch_size))),
    }


def run(examples: int) -> dict:
    """Train for one epoch in this process and say what it took, in bytes."""
    from benchmarks.throughput import random_pictures
    from vae_course.models.vae import VAE
    from vae_course.training.loop import fit

    data = random_pictures(examples)
    model = VAE()
    parts = needed(model, data)
    fit(model, data, epochs=1, batch_size=BATCH, device="cpu", progress=False)
    return {"peak": peak_bytes(), "parts": parts}


def in_own_process(examples: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.memory", str(examples)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CourseError(f"the run for its memory failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> dict:
    base = in_own_process(BASE_EXAMPLES)["peak"]
    measured = in_own_process(EXAMPLES)
    parts = {"base": base, **measured["parts"]}
    total, peak = sum(parts.values()), measured["peak"]
    for name, size in parts.items():
        print(f"{name:12} {size / MIB:8.1f} MiB")
    print(f"{'sum':12} {total / MIB:8.1f} MiB")
    print(f"{'measured':12} {peak / MIB:8.1f} MiB = {peak / total:.2f} × the sum; wanted: at most {WANTED}")
    return {
        "examples": EXAMPLES,
        "batch": BATCH,
        "mib": {name: round(size / MIB, 2) for name, size in parts.items()},
        "peak_mib": round(peak / MIB, 1),
        "peak_per_sum": round(peak / total, 3),
        "above_base": round((peak - base) / (total - base), 3),
        "wanted": WANTED,
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(run(int(sys.argv[1]))))
    else:
        main()

"""The importance-weighted bound at K = 5,000 on all 10,000 test digits: seconds, nats and memory."""

import time

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from tools.commands import data_folder
from tools.project import Project
from vae_course.data.loading import load
from vae_course.evaluation.bounds import importance_weighted_bound
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit

K, FEW_K = 5_000, 50
EPOCHS = 5
CHECKED = 100  # digits whose tensors are counted


class PeakMemory(TorchDispatchMode):
    """Counts the bytes of all tensors made inside the block that live at the same time: ``peak`` is the most.

    What an operation allocates for itself and frees again is not seen.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """False, or torch imports its compiler at the first operation: a second and 140 MB for nothing."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._alive = {key: pair for key, pair in self._alive.items() if not pair[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return result


def peak_tensor_mib(model, data, k: int) -> float:
    """Most memory that the tensors of one bound take at the same time, MiB."""
    with PeakMemory() as memory:
        importance_weighted_bound(model, data, k=k)
    return memory.peak / 2**20


def main() -> dict:
    root = data_folder(Project.here())
    seed_everything(0)
    train = load("mnist", "train+validation", root=root, binarize="dynamic", download=False)
    test = load("mnist", "test", root=root, binarize="dynamic", download=False)
    model = VAE.for_data(train)
    fit(model, train, epochs=EPOCHS, device="cpu", progress=False)
    few = test.subset(CHECKED)
    memory = {k: peak_tensor_mib(model, few, k) for k in (FEW_K, K)}
    for k, size in memory.items():
        print(f"K = {k:5,}: tensors take {size:.1f} MiB at most")
    start = time.perf_counter()
    bound = importance_weighted_bound(model, test, k=K)
    seconds = time.perf_counter() - start
    rate = K * len(test) / seconds
    print(
        f"K = {K:,} on {len(test):,} dynamically binarized test digits, default MLP after {EPOCHS} epochs: "
        f"{seconds:.0f} s ({rate:,.0f} codes/s, {torch.get_num_threads()} threads), "
        f"NLL ≤ {-bound.value:.2f} ± {bound.standard_error:.2f} nats"
    )
    return {
        "k": K,
        "digits": len(test),
        "bound_seconds": round(seconds, 1),
        "codes_per_second": round(rate),
        "nll": round(-bound.value, 2),
        "standard_error": round(bound.standard_error, 2),
        "tensor_mib": {str(k): round(size, 2) for k, size in memory.items()},
        "epochs": EPOCHS,
    }


if __name__ == "__main__":
    main()

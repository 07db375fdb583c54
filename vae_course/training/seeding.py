"""Seeds and devices."""

import torch


def seed_everything(seed: int) -> None:
    """Seed torch's global generators (weights are drawn from them) and numpy's.

    A CPU run with the same seed, number of threads and package versions repeats bit for bit.
    """
    import numpy as np

    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: the name is unknown, or this machine has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"unknown device {name!r}; choose 'auto', 'cpu', 'cuda' or 'mps'.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device 'cuda' was asked for, but torch sees no CUDA device here; use 'auto' or 'cpu'."
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device {name!r} was asked for, but torch counts CUDA devices from 0 and sees "
            f"{torch.cuda.device_count()} here."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            "device 'mps' was asked for, but torch sees no MPS device here; use 'auto' or 'cpu'."
        )
    return device

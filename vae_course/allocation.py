"""Keep freed memory for the next tensor instead of giving it back to the system after every operation."""

from functools import lru_cache

import torch

KEPT = 31 << 20  # bytes, just below the largest block that glibc learns from (32 MiB)


@lru_cache
def keep_freed_memory() -> None:
    """Let the C library keep up to about 60 MiB of freed memory; once in a process, in a microsecond.

    glibc gives large blocks back to the system as soon as they are free, and the system hands them out again
    as pages of zeros, one fault for each 4 KiB: for tensors of a few MB dearer than the arithmetic on them.
    Freeing one large block teaches it better (mallopt(3), M_MMAP_THRESHOLD: "dynamic"; twice that size is
    kept). The block is never written to, so it costs no memory. Other C libraries take no notice.
    """
    torch.empty(KEPT, dtype=torch.uint8)

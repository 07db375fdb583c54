"""MNIST and binarized MNIST of a few pictures, as the bytes of their files."""

import numpy as np


def idx_bytes(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def small_mnist_sizes():
    """What `vae_course.data.mnist` must expect of them."""
    return {"COUNTS": {"train": 60, "t10k": 20}, "HELD_OUT": 10}


def small_mnist_files():
    """The four files of a set of 60 + 20 images."""
    rng = np.random.RandomState(0)
    files = {}
    for part, n in small_mnist_sizes()["COUNTS"].items():
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(rng.randint(0, 256, (n, 28, 28)).astype(np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes((np.arange(n) % 10).astype(np.uint8))
    return files


def small_binarized():
    """The three text files of 30 + 10 + 20 images, and these numbers."""
    rng, sizes = np.random.RandomState(1), {"train": 30, "valid": 10, "test": 20}
    rows = {part: rng.randint(0, 2, (n, 784)) for part, n in sizes.items()}
    texts = {part: "".join(" ".join(map(str, row)) + "\n" for row in array) for part, array in rows.items()}
    return {f"binarized_mnist_{part}.amat": text.encode() for part, text in texts.items()}, sizes

"""MNIST, Fashion-MNIST, binarized MNIST, and the digits of scikit-learn."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from vae_course.data import download
from vae_course.data.download import fetch
from vae_course.data.images import OFFLINE_ALTERNATIVE, DataError, stratified_index
from vae_course.files import write_atomically

# -------- Reading IDX, the file format of MNIST: magic number, one big-endian size per dimension, then the
# bytes.

_UINT8 = 0x08


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or (name ending in .gz) compressed, checking all of it.

    Format: two zero bytes, type code 0x08, number of dimensions, sizes as big-endian uint32, data
    (LeCun, Cortes & Burges, "The MNIST database of handwritten digits").

    Args:
        path: the file.
        ndim: the number of dimensions it must have (images 3, labels 1).

    Returns:
        uint8 array, writable, of the shape that the header gives.

    Raises:
        DataError: not IDX, another type or dimension, or fewer or more bytes than the header promises.
    """
    content = _read_bytes(path)
    header = 4 + 4 * ndim
    expected = bytes([0, 0, _UINT8, ndim])
    if content[:4] != expected:
        raise DataError(
            f"{path} is damaged: it starts with the bytes {content[:4].hex(' ') or '(none)'}, but an IDX "
            f"file of {ndim}-dimensional bytes starts with {expected.hex(' ')}"
        )
    if len(content) < header:
        raise DataError(
            f"{path} is damaged: it ends after {len(content)} bytes, inside its {header}-byte header"
        )
    shape = struct.unpack(f">{ndim}I", content[4:header])
    promised = header + int(np.prod([int(side) for side in shape], dtype=object))
    if len(content) != promised:
        raise DataError(
            f"{path} is damaged: it has {len(content):,} bytes, but its header promises {promised:,}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _read_bytes(path: Path) -> bytearray:
    try:
        raw = path.read_bytes()
        return bytearray(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged: it is not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None


# -------- The offline data set: scikit-learn's 1,797 handwritten digits, brought to MNIST's 28x28 format.
#
# The digits (Alpaydin & Kaynak 1998, UCI "Optical Recognition of Handwritten Digits", test part) come as 8x8
# counts from 0 to 16: the number of ink pixels in each 4x4 block of a 32x32 bitmap. Plain interpolation of
# these counts looks washed out beside MNIST, so we look for a crisp bitmap with these counts, and shrink it.

DIGIT_NAMES = tuple("0123456789")
_VALIDATION, _TEST = 300, 300
_SPLIT_SEED = 1797
CHUNK = 100  # digits brought to size at once: few enough for the processor's cache


def load_digits_split(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """One split of the digits: train 1,197, validation 300, test 300; fixed and stratified.

    Args:
        split: "train", "validation", "test" or "train+validation" (1,497).

    Returns:
        images uint8 (n, 1, 28, 28) and labels int64 (n,).
    """
    images, labels = _all_digits()
    chosen = torch.from_numpy(_split_indices(labels.numpy())[split])
    return images[chosen], labels[chosen]


@lru_cache(maxsize=1)
def _all_digits() -> tuple[torch.Tensor, torch.Tensor]:
    from sklearn.datasets import load_digits

    source = load_digits()
    counts = torch.from_numpy(source.images).float()[:, None]
    return upsample(counts), torch.from_numpy(source.target.astype(np.int64))


def _split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.RandomState(_SPLIT_SEED)
    held_out = stratified_index(labels, _VALIDATION + _TEST, rng)
    test = held_out[stratified_index(labels[held_out], _TEST, rng)]
    rest = np.setdiff1d(np.arange(len(labels)), test)
    validation, train = np.intersect1d(rest, held_out), np.setdiff1d(rest, held_out)
    return {"train": train, "validation": validation, "test": np.sort(test), "train+validation": rest}


def upsample(counts: torch.Tensor, steps: int = 10) -> torch.Tensor:
    """Turn 8x8 block counts into 28x28 grey images with the digit in the middle 20x20, as in MNIST.

    Iterative back-projection (Irani & Peleg 1991): interpolate, sharpen to near black and white, compare the
    block means with the given ones, add the interpolated difference, and repeat.

    Args:
        counts: float (n, 1, 8, 8), 0 to 16.
        steps: rounds of correction; the block means are then within 0.06 of the given ones.

    Returns:
        uint8 (n, 1, 28, 28), 0 (background) to 255.
    """
    return torch.cat([_upsample(part, steps) for part in counts.split(CHUNK)])


def _upsample(counts: torch.Tensor, steps: int) -> torch.Tensor:
    target = F.pad(counts / 16, (2, 2, 2, 2))
    level = _enlarge(target)
    for _ in range(steps):
        level = level + _enlarge(target - F.avg_pool2d(_ink(level), 4))
    # 12 blocks of padded image become 30 pixels, so 8 blocks of digit become 20; cut one pixel on each side.
    small = F.interpolate(_ink(level), size=(30, 30), mode="bilinear", align_corners=False, antialias=True)
    return (255 * small[:, :, 1:29, 1:29]).round().to(torch.uint8)


def _enlarge(blocks: torch.Tensor) -> torch.Tensor:
    return F.interpolate(blocks, scale_factor=4, mode="bicubic", align_corners=False)


def _ink(level: torch.Tensor) -> torch.Tensor:
    return (2 * level - 0.5).clamp(0, 1)


# -------- Fetching MNIST and Fashion-MNIST with torchvision, without its habit of leaving half files behind.


def download_mnist_like(folder: str, root: Path, files: tuple[str, ...]) -> None:
    """Download the data set of torchvision's class `folder`; unpacked `files` go to `<root>/<folder>/raw`.

    torchvision supplies mirrors, checksums and the download itself. It works in a temporary folder, from
    which the files are moved only when all are there and checked.

    Raises:
        DataError: no mirror gave the files, the reason for each named; or the folder cannot be written.
    """
    kind = _torchvision_class(folder, root)
    target = root / folder / "raw"
    with download.temporary_folder(target) as temporary, download.default_timeout(download.TIMEOUT):
        failures = []
        for mirror in kind.mirrors:
            # One mirror at a time: torchvision itself gives up at the first connection that breaks midway.
            # The subclass keeps the name, because torchvision makes the folder's name of it.
            single = type(folder, (kind,), {"mirrors": [mirror]})
            try:
                single(root=temporary, train=True, download=True)
                break
            except (RuntimeError, EOFError, zlib.error, *download.NETWORK_ERRORS) as error:
                failures.append(f"{mirror} ({_reason(error, temporary / folder / 'raw', kind.resources)})")
        else:
            raise DataError(
                f"cannot download {folder} from {' or '.join(failures)}; try again later, or put its IDX "
                f"files in {target} yourself; {OFFLINE_ALTERNATIVE}."
            )
        for name in files:
            os.replace(temporary / folder / "raw" / name, target / name)


def _torchvision_class(folder: str, root: Path) -> type:
    try:
        import torchvision.datasets
    except (ImportError, RuntimeError) as error:  # RuntimeError: torch and torchvision do not fit together
        raise DataError(
            f"downloading {folder} needs torchvision, which cannot be imported ({error}): install it with "
            f"pip install torchvision, or put the IDX files in {root / folder / 'raw'}; "
            f"{OFFLINE_ALTERNATIVE}."
        ) from error
    return getattr(torchvision.datasets, folder)


def _reason(error: Exception, raw: Path, resources: list[tuple[str, str]]) -> str:
    """The half sentence for one mirror. torchvision keeps a cause only as text inside its RuntimeError."""
    if not isinstance(error, RuntimeError):
        return download.reason(error)
    text = " ".join(str(error).partition("got:")[2].split()) or str(error)
    if "corrupted" in text:
        damaged = (_damage(raw / name, md5) for name, md5 in resources if (raw / name).exists())
        return next((found for found in damaged if found), text)
    if text.startswith("HTTP Error "):
        return "the server refused with " + text.removeprefix("HTTP Error ").replace(":", "", 1)
    if "timed out" in text:
        return f"the server sent nothing for {download.TIMEOUT:g} seconds"
    if text.startswith("<urlopen error "):
        return (
            "no connection to the server (" + re.sub(r"^<urlopen error (\[\w+ -?\d+\] )?|>$", "", text) + ")"
        )
    return text


def _damage(path: Path, md5: str) -> str | None:
    """What is wrong with a downloaded .gz file: cut, or another checksum; None when it is as expected."""
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found == md5:
        return None
    try:
        gzip.decompress(content)
    except EOFError:
        return f"the connection was cut after {len(content):,} bytes of {path.name}"
    except (OSError, zlib.error):
        pass  # not gzip at all, an error page for instance: the checksum says enough
    return f"{path.name} has the wrong checksum, MD5 {found} where {md5} was expected"


# -------- MNIST and Fashion-MNIST from their four IDX files, in the folders that torchvision uses.

_ROLES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class MnistLike:
    """What to expect in the files, and which part of the training files is held out for validation."""

    name: str
    folder: str  # also the name of torchvision's class
    class_names: tuple[str, ...]
    train: int = 60_000
    test: int = 10_000
    validation: int = 10_000  # the last so many of the training files


MNIST = MnistLike("mnist", "MNIST", DIGIT_NAMES)
FASHION_MNIST = MnistLike(
    "fashion_mnist",
    "FashionMNIST",
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
)


def load_mnist_like(
    spec: MnistLike, split: str, root: Path, download: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """One split of MNIST or Fashion-MNIST from `<root>/<folder>/raw`, downloaded first where allowed.

    Returns:
        images uint8 (n, 1, 28, 28) and labels int64 (n,), in the order of the files.

    Raises:
        DataError: files are missing and may not or cannot be downloaded, or they are damaged.
    """
    folder = root / spec.folder / "raw"
    missing = [role for role in _ROLES if find_file(folder, role) is None]
    if missing and not download:
        raise DataError(
            f"{missing[0]} is not in {folder} and download=False forbids fetching it: put the IDX files of "
            f"{spec.folder} there, or allow the download; {OFFLINE_ALTERNATIVE}."
        )
    if missing:
        download_mnist_like(spec.folder, root, _ROLES)
    try:
        images, labels = read_pair(folder, spec, "t10k" if split == "test" else "train")
    except DataError as error:
        raise DataError(
            f'{error}; delete it and call load("{spec.name}") again to download it anew; '
            f"{OFFLINE_ALTERNATIVE}."
        ) from None
    kept = {
        "train": slice(0, spec.train - spec.validation),
        "validation": slice(spec.train - spec.validation, None),
    }
    part = kept.get(split, slice(None))
    return torch.from_numpy(images[part, None]), torch.from_numpy(labels[part].astype(np.int64))


def read_pair(folder: Path, spec: MnistLike, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,), uint8, of `part` "train" or "t10k", checked against `spec`."""
    images_path = find_file(folder, f"{part}-images-idx3-ubyte")
    labels_path = find_file(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
    count = spec.train if part == "train" else spec.test
    for path, array, shape in ((images_path, images, (count, 28, 28)), (labels_path, labels, (count,))):
        if array.shape != shape:
            raise DataError(
                f"{path} is not the file of {spec.folder}: it has shape {array.shape}, not {shape}"
            )
    if labels.max() >= len(spec.class_names):
        raise DataError(f"{labels_path} is damaged: it has label {labels.max()}, but classes end at 9")
    return images, labels


def find_file(folder: Path, role: str) -> Path | None:
    """The unpacked file if there is one, else the compressed one, else None."""
    return next((path for path in (folder / role, folder / f"{role}.gz") if path.is_file()), None)


# -------- Binarized MNIST: the fixed binarization that published log-likelihoods refer to.
#
# Each pixel was drawn once from Bernoulli(value / 255) (Salakhutdinov & Murray 2008); H. Larochelle publishes
# the draws as three text files. They are fetched once and kept as one .npz with `train`, `valid`, `test`,
# uint8 (n, 784) of 0 and 1, and, where somebody added them, `train_labels` and so on. The original has no
# labels.

BASE_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
SHA256 = {
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}
_PIXELS = 28 * 28
# what numpy raises for garbage, half a file, a changed byte, objects, and a single array in place of several
_NOT_AN_NPZ = (ValueError, EOFError, OSError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
_PARTS = {
    "train": ("train",),
    "validation": ("valid",),
    "test": ("test",),
    "train+validation": ("train", "valid"),
}


def load_binarized_mnist(split: str, root: Path, download: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """One split from `<root>/binarized_mnist/binarized_mnist.npz`, made from the three text files if missing.

    Returns:
        images uint8 (n, 1, 28, 28), 0 or 255; labels int64 (n,), or None where the file has none.

    Raises:
        DataError: the file is missing and may not or cannot be downloaded, or a file is damaged.
    """
    path = root / "binarized_mnist" / "binarized_mnist.npz"
    if not path.is_file():
        make_npz(path, download)
    try:
        images, labels = zip(*(_read_part(path, part) for part in _PARTS[split]), strict=True)
    except DataError as error:
        raise DataError(
            f'{error}; delete it and call load("binarized_mnist") again to download it anew; '
            f"{OFFLINE_ALTERNATIVE}."
        ) from None
    pixels = torch.from_numpy(np.concatenate(images) * np.uint8(255)).reshape(-1, 1, 28, 28)
    if any(part is None for part in labels):
        return pixels, None
    return pixels, torch.from_numpy(np.concatenate(labels).astype(np.int64))


def make_npz(path: Path, download: bool) -> None:
    """Write the .npz at `path` from the three .amat files beside it, fetching those that are missing.

    Fetched files wait in a folder `download`, so that a broken download goes on where it stopped; it is
    removed at the end. Files that somebody put beside the .npz stay.
    """
    waiting = path.parent / "download"
    files = {}
    for part in COUNTS:
        beside = path.parent / f"binarized_mnist_{part}.amat"
        files[part] = beside if beside.is_file() else waiting / beside.name
    missing = {part: file for part, file in files.items() if not file.is_file()}
    if missing and not download:
        raise DataError(
            f"{path.name} is not in {path.parent} and download=False forbids fetching it: put it (or "
            f"Larochelle's three .amat files) there, or allow the download; {OFFLINE_ALTERNATIVE}."
        )
    for part, file in missing.items():
        fetch(BASE_URL + file.name, file, SHA256[part])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{part: parse_amat(file, SHA256[part]) for part, file in files.items()})
    write_atomically(path, buffer.getvalue())
    shutil.rmtree(waiting, ignore_errors=True)


def parse_amat(path: Path, sha256: str) -> np.ndarray:
    """Read one text file, a row of space-separated 0s and 1s per image: uint8 (n, 784).

    The checksum fixes every byte, so digits stand at the even positions and need no parsing.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{path} is damaged: its SHA-256 is {digest} where {sha256} was expected; delete it and call "
            f'load("binarized_mnist") again to download it anew; {OFFLINE_ALTERNATIVE}.'
        )
    return np.frombuffer(content, np.uint8)[::2].reshape(-1, _PIXELS) - np.uint8(ord("0"))


def _read_part(path: Path, part: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive[part]
            labels = archive[f"{part}_labels"] if f"{part}_labels" in archive else None
    except KeyError:
        raise DataError(f'{path} is damaged: it has no array "{part}"') from None
    except _NOT_AN_NPZ:
        raise DataError(f"{path} is damaged: it is not a whole .npz file of numbers") from None
    expected = (COUNTS[part], _PIXELS)
    if images.shape != expected or images.dtype != np.uint8:
        raise DataError(
            f'{path} is damaged: its "{part}" is {images.dtype} {images.shape}, not uint8 {expected}'
        )
    if images.max() > 1:
        raise DataError(f'{path} is damaged: its "{part}" has values up to {images.max()}, not 0 and 1')
    if labels is not None and (labels.shape != expected[:1] or not np.isin(labels, range(10)).all()):
        raise DataError(f'{path} is damaged: its "{part}_labels" are not {expected[0]:,} numbers from 0 to 9')
    return images, labels

"""Pictures of your own: from files, numpy arrays, torchvision data sets and loaders to ImageData."""

import io
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import files_in
from vae_course.data.images import DataError, ImageData
from vae_course.files import say

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def picture_files(path: Path) -> dict[str, tuple[int, Callable[[], bytes]]]:
    """As `files_in`, the pictures alone (by the endings of their names), sorted."""
    return {name: file for name, file in sorted(files_in(path).items()) if name.lower().endswith(SUFFIXES)}


def decoded(path: Path, files: dict, names: Sequence[str], size, **how) -> Iterator[np.ndarray]:
    """The named pictures as uint8 (C, H, W), see `decode`; a damaged one is a DataError that names it."""
    for name in names:
        try:
            yield decode(files[name][1](), size, **how)
        except (OSError, ValueError, SyntaxError, zipfile.BadZipFile) as error:
            found = f"{name} in {path} is not a whole picture ({error})"
            raise DataError(f"{found}: delete it or fetch it anew.") from None


def decode(
    content: bytes,
    size: int | tuple[int, int] | None = None,
    *,
    share: float = 1.0,
    gray: bool | None = False,
    done: Counter | None = None,
) -> np.ndarray:
    """Decode a picture as one sees it, uint8 (C, H, W), and bring it to size; ``done`` counts what was done.

    ``content`` is a file in any format of Pillow (of an animation the first frame), ``share`` how much of the
    largest possible middle part is cut out; ``gray`` as in `load_pictures`. OSError, ValueError: not whole.
    """
    from PIL import Image, ImageOps

    done = Counter() if done is None else done
    height, width = (size, size) if isinstance(size, int) else size or (None, None)
    with Image.open(io.BytesIO(content)) as image:
        done["only the first frame read"] += getattr(image, "n_frames", 1) > 1
        if size:
            image.draft("RGB", (4 * width, 4 * height))  # large JPEGs are decoded at a fraction of their size
        done["turned as the camera was held"] += image.getexif().get(274, 1) > 1
        image = ImageOps.exif_transpose(image)
        if image.mode[0] in "IF":
            done["scaled to 8 bits"] += 1
            image = _eight_bits(image)
        was_gray = image.mode in ("1", "L", "LA")
        if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
            image = image.convert("RGBA")
            done["with transparency laid on white"] += image.getextrema()[3][0] < 255
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if gray or (was_gray and gray is None) else "RGB")
        if size:
            full = image.size
            unit = share * min(full[0] / width, full[1] / height)
            w, h = round(unit * width), round(unit * height)
            left, top = (full[0] - w) // 2, (full[1] - h) // 2
            image = image.crop((left, top, left + w, top + h))
            done["cut to the shape asked for"] += (w, h) != full
            if (w, h) != (width, height):
                image = image.resize((width, height), Image.Resampling.BICUBIC)
            done[f"brought to {height}x{width}"] += full != (width, height)
        pixels = np.asarray(image)
        done["of one single color"] += pixels.min() == pixels.max()
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _eight_bits(image):
    """A gray picture of 16 or 32 bits or of floats in [0, 1] as one of 8 bits; Pillow would clip it."""
    from PIL import Image

    values, top = np.asarray(image, np.float64), 1 if image.mode == "F" else 65_535
    if not 0 <= values.min() <= values.max() <= top:
        raise ValueError(f"it holds numbers from {values.min():g} to {values.max():g}, not from 0 to {top}")
    return Image.fromarray((values * (255 / top)).round().astype(np.uint8))


def load_pictures(
    source: str | os.PathLike,
    size: int | tuple[int, int] | None = None,
    *,
    gray: bool | None = None,
    tell: bool = True,
) -> ImageData:
    """Your own pictures as one ImageData; its ``parts()`` are the training, validation and test part.

    Any mode is read as one sees it: 16 bits are scaled to 8, transparent places are white, the camera's
    orientation is followed, and a line says how many pictures that concerned. Pictures are sorted by name.
    Where all lie in two or more folders, these are the classes. The data's name is made of source and pixels.

    Args:
        source: a folder (pictures anywhere below it), a .zip or .tar of pictures, or a .npy file of an array
            that :func:`as_image_data` takes.
        size: side in pixels, or (height, width), cut out of the middle; None where all have one size already.
        gray: True for one channel, False for three; None: one if every picture is gray.
        tell: whether to print that line.

    DataError: there are no pictures, one is damaged, or they differ in size; one sentence.
    """
    path, labels, classes = Path(source).expanduser(), None, []
    if not path.exists():
        raise DataError(f"there is no file {source}; give a folder, .zip or .npy file of pictures.")
    if path.suffix == ".npy":
        if size is not None:
            raise DataError(f"size is for picture files: bring the array to size before {path} is written.")
        try:
            images = as_image_data(np.load(path, allow_pickle=False), str(path)).images
        except (OSError, ValueError, AttributeError, TypeError):
            found = f"{path} cannot be read as a .npy file of pictures"
            raise DataError(f"{found}; write one with numpy.save(name, images).") from None
    else:
        path = path.absolute()
        files, names, done = files_in(path), list(picture_files(path)), Counter()
        images = _stacked(list(decoded(path, files, names, size, gray=gray, done=done)), names, path)
        done["left out: they are no pictures"] += len(files) - len(names)
        if tell:
            what = ", ".join(f"{count:,} {what}" for what, count in done.items() if count) or "as they were"
            say(f"{path.name}: {len(images):,} pictures of {'x'.join(map(str, images.shape[1:]))}; {what}.")
        folders = [name.rpartition("/")[0] for name in names]
        if all(folders) and len(set(folders)) > 1:
            classes = sorted(set(folders))
            labels = torch.tensor([classes.index(folder) for folder in folders])
    digest = sha256(str(tuple(images.shape)).encode())
    digest.update(images.numpy())
    return ImageData(f"{path.stem}-{digest.hexdigest()[:8]}", "all", images, labels, tuple(classes))


def _stacked(pictures: list[np.ndarray], names: Sequence[str], path: Path) -> Tensor:
    """Pictures (C, H, W) as one tensor; gray ones among colored ones get three equal channels."""
    if not pictures:
        raise DataError(f"there are no pictures in {path} ({', '.join(SUFFIXES)}).")
    sizes = {picture.shape[1:]: name for picture, name in zip(pictures, names, strict=True)}
    if len(sizes) > 1:
        (one, a), (other, b), *_ = sizes.items()
        raise DataError(
            f"the pictures in {path} differ in size ({a} is {one[0]}x{one[1]}, {b} {other[0]}x{other[1]}): "
            "give size=, the side that all are brought to."
        )
    shape = (max(len(picture) for picture in pictures), *pictures[0].shape[1:])
    images = np.empty((len(pictures), *shape), np.uint8)
    for place, picture in zip(images, pictures, strict=True):
        place[:] = picture
    return torch.from_numpy(images)


def as_image_data(data, name: str = "mine"):
    """Pictures that others hold, as an ImageData; data that can be read in minibatches already is returned.

    ``data`` is a numpy array or tensor of pictures, (N, H, W), (N, C, H, W) or (N, H, W, C); or a torchvision
    data set, a list or a DataLoader of pictures or pairs (picture, label, …). It is read once, as one pass
    gives it, random transforms included. Pixels are bytes, or floats in [0, 1], which become the nearest of
    256 values. DataError: another range, different shapes, or 2, 4 or more channels. TypeError: no pictures.
    """
    if all(hasattr(data, method) for method in ("__len__", "batch", "to")):
        return data
    labels, class_names = None, ()
    if isinstance(data, np.ndarray | Tensor):
        images = _bytes(torch.as_tensor(data), name)
    else:
        images, labels = _read_through(data, name)
        while hasattr(data, "dataset"):  # of a loader, of a Subset
            data = data.dataset
        if labels is not None:
            class_names = tuple(map(str, getattr(data, "classes", None) or range(int(labels.max()) + 1)))
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[-1] in (1, 3):
        images = images.permute(0, 3, 1, 2).contiguous()
    return ImageData(name, "train", images, labels, class_names)


def _read_through(data, name: str) -> tuple[Tensor, Tensor | None]:
    """Pictures and labels of one pass; labels are None unless each is one whole number."""
    batched = isinstance(data, torch.utils.data.DataLoader)
    pictures, labels = [], []
    try:
        for item in data if batched else (data[i] for i in range(len(data))):
            picture, label, *_ = (*item, None) if isinstance(item, tuple | list) else (item, None)
            picture = picture if isinstance(picture, Tensor) else torch.from_numpy(np.array(picture))
            if picture.ndim < 2 + batched:
                raise TypeError("an item has no height and width")
            pictures.append(_bytes(picture if batched else picture[None], name))
            labels.append(label)
    except (TypeError, KeyError):
        raise TypeError(
            f"{name} is of type {type(data).__name__}, which holds no pictures; expected an ImageData, "
            'from load(...), or ImageData("mine", "train", images, None, ()) with images uint8 (N, C, H, W).'
        ) from None
    shapes = sorted({tuple(picture.shape[1:]) for picture in pictures})
    if len(shapes) != 1:
        found = f"pictures of shapes {shapes[0]} and {shapes[1]}: bring them to one size" if shapes else ""
        raise DataError(f"{name} has {found or 'none'}.")
    images = torch.cat(pictures)
    try:
        labels = torch.cat([torch.as_tensor(label).reshape(-1) for label in labels])
    except (TypeError, ValueError, RuntimeError):  # None, texts, boxes
        return images, None
    whole = labels.shape == images.shape[:1] and not labels.is_floating_point()
    return images, labels.long() if whole else None


def _bytes(pixels: Tensor, name: str) -> Tensor:
    if pixels.dtype == torch.uint8:
        return pixels
    if pixels.dtype == torch.bool:
        return pixels.to(torch.uint8) * 255
    top = 1 if pixels.is_floating_point() else 255
    low, high = (pixels.min().item(), pixels.max().item()) if pixels.numel() else (0, 0)
    if not 0 <= low <= high <= top:
        raise DataError(
            f"{name} has pixels from {low:g} to {high:g}; expected bytes, or numbers from 0 to 1: leave out "
            "Normalize, or divide by 255."
        )
    return (pixels * (255 if top == 1 else 1)).round().to(torch.uint8)


def check_data(data, part: str):
    """What :func:`as_image_data` makes of data, ``part`` in messages; ValueError: they are empty."""
    data = as_image_data(data, part)
    if len(data) == 0:
        raise ValueError(f"{part} is empty; load at least one example.")
    return data

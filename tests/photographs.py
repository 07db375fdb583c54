"""Small folders of pictures like those of CelebA and Stanford Dogs, made by the tests."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ATTRIBUTES = ("Eyeglasses", "Smiling", "Young")


def picture(number: int, width: int = 178, height: int = 218, kind: str = "PNG") -> bytes:
    """A picture of one color, which tells its number: red 10 + number; a green frame outside the center."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 10 + number, 200 - number
    for axis in pixels, pixels.swapaxes(0, 1):  # rows, then columns
        outside = (len(axis) - min(width, height)) // 2
        axis[:outside] = axis[len(axis) - outside :] = (0, 255, 0)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def number_of(images) -> list[int]:
    """The numbers of decoded pictures (n, 3, 64, 64)."""
    assert (images[:, 1] == 0).all() and (images.flatten(2).amin(2) == images.flatten(2).amax(2)).all()
    return (images[:, 0, 0, 0].long() - 10).tolist()


def write_celeba(root: Path, n: int = 60, *, form: str = "official", archive: bool = True) -> Path:
    """CelebA with n pictures of n / 3 people; attributes are the bits of its number. Returns the folder.

    form: "official" (tables as text), "kaggle" (with commas) or "own" (one attributes.csv).
    """
    folder = root / "celeba"
    folder.mkdir(parents=True)
    names = [f"{i + 1:06d}.png" for i in range(n)]
    bits = [[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(n)]
    people = [str(3 * (i // 3)) for i in range(n)]
    if archive:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as z:
            for i, name in enumerate(names):
                z.writestr(f"img_align_celeba/{name}", picture(i))
    else:
        (folder / "img_align_celeba").mkdir()
        for i, name in enumerate(names):
            (folder / "img_align_celeba" / name).write_bytes(picture(i))
    if form == "own":
        lines = [",".join(["filename", "identity", *ATTRIBUTES])]
        lines += [",".join([m, p, *map(str, b)]) for m, p, b in zip(names, people, bits, strict=True)]
        (folder / "attributes.csv").write_text("\n".join(lines) + "\n")
        return folder
    signed = [[str(2 * bit - 1) for bit in row] for row in bits]
    comma, ending = (",", "csv") if form == "kaggle" else (" ", "txt")
    rows = [comma.join([name, *row]) for name, row in zip(names, signed, strict=True)]
    first = [str(n), "  ".join(ATTRIBUTES)] if form == "official" else [",".join(["image_id", *ATTRIBUTES])]
    (folder / f"list_attr_celeba.{ending}").write_text("\n".join([*first, *rows]) + "\n")
    pairs = "\n".join(comma.join(pair) for pair in zip(names, people, strict=True))
    (folder / f"identity_CelebA.{ending}").write_text(pairs + "\n")
    return folder


def write_partition(folder: Path, parts: list[int]) -> None:
    """The official division, one part for each picture."""
    lines = [f"{i + 1:06d}.png {part}" for i, part in enumerate(parts)]
    (folder / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")


def dog_files(n: int = 60) -> dict[str, bytes]:
    """n wide pictures of three breeds, by their names in the original archive."""
    breeds = ("n02085620-Chihuahua", "n02085936-Maltese_dog", "n02116738-African_hunting_dog")
    return {f"Images/{breeds[i % 3]}/n{i:05d}.png": picture(i, 160, 120) for i in range(n)}


def write_dogs(root: Path, form: str, n: int = 60) -> Path:
    """Stanford Dogs with n pictures as form "tar", "folder", "zip", "kaggle" or "own"; returns the folder."""
    folder = root / "stanford_dogs"
    folder.mkdir(parents=True)
    files = dog_files(n)
    if form == "tar":
        (folder / "images.tar").write_bytes(dog_tar(files))
    elif form in ("folder", "kaggle"):
        for name, content in files.items():
            own = name if form == "folder" else f"train/{name.rpartition('/')[2]}"
            (folder / own).parent.mkdir(parents=True, exist_ok=True)
            (folder / own).write_bytes(content)
    else:
        with zipfile.ZipFile(
            folder / ("archive.zip" if form == "zip" else "stanford_dogs_small.zip"), "w"
        ) as z:
            for name, content in files.items():
                z.writestr(
                    f"images/{name}" if form == "zip" else f"labelled/{name.rpartition('/')[2]}", content
                )
    breeds = {name.rpartition("/")[2]: name.split("-")[1].split("/")[0].lower() for name in files}
    if form == "kaggle":
        rows = [f"{name.removesuffix('.png')},{breed}" for name, breed in breeds.items()]
        (folder / "labels.csv").write_text("\n".join(["id,breed", *rows]) + "\n")
    if form == "own":  # every fifth without a breed
        rows = [f"labelled/{name},{b if i % 5 else ''}" for i, (name, b) in enumerate(breeds.items())]
        (folder / "stanford_dogs_small.csv").write_text("\n".join(["filename,breed", *rows]) + "\n")
    return folder


def dog_tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()

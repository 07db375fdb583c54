"""The letters of `load("letters")`: capitals A to Z of typefaces, drawn from the packages of Fontsource.

    python -m recipes.letters_data [--cache FOLDER]

letters.csv names the packages and their versions, chosen once by name (no icons, symbols, bar codes or emoji,
no family made for another script); it is read here before it is written again. Each package is fetched from
the npm registry with `npm pack`, at most four at a time; of each the description and one font stay in the
cache, so that an interrupted run goes on. Fonts are never committed, their pictures are.

A face is dropped, for the first of these reasons that holds, and the table says which:

- its license is not one of OFL-1.1, Apache-2.0, UFL-1.0, or it has no upright Latin font
  that FreeType reads;
- a letter is missing, nearly blank, or the same picture as another letter of the face;
- it is no alphabet: for fewer than 13 of its 26 letters the nearest picture in all other faces (mean squared
  pixel difference) is the same letter;
- it is nearly a face that stands before it in the table, which is sorted by package.

Families are divided by a hash, relatives together: see :func:`sides`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from vae_course.data.letters import CSV, LETTERS, NPZ
from vae_course.files import write_atomically

AT_ONCE = 4  # packages
REGULAR = 400
ALLOWED = ("OFL-1.1", "Apache-2.0", "UFL-1.0")
SIDE, OVERSAMPLED = 32, 8  # pixels of a picture, and how many times finer the letter is drawn
CAP_HEIGHT, MARGIN = 22, 1  # pixels: the median height of a face's letters, and what stays free around each
LEAST_INK = 8  # pixels' worth
LEAST_READ = 13  # of the 26 letters
SAME_LETTER = 0.01  # squared difference of two letters, as a share of the sum of their squares
SAME_FACE = 0.004  # mean squared pixel difference
SHARES = (("train", 0.80), ("validation", 0.88), ("test", 1.0))  # up to which share of the hash
SIBLINGS = 0.008  # mean squared pixel difference of two faces below which they are of one group
COLUMNS = ("family", "package", "version", "weight", "category", "license", "split", "dropped", "copyright")


def fetch(cache: Path, packages: list[tuple[str, str]]) -> None:
    """Fetch packages (name, version) that the cache lacks; one that cannot be had is an error."""
    missing = [p for p in packages if not (cache / "-".join(p) / "metadata.json").is_file()]
    for start in range(0, len(missing), AT_ONCE):
        part = missing[start : start + AT_ONCE]
        names = [f"@fontsource/{name}@{version}" for name, version in part]
        subprocess.run(["npm", "pack", "--silent", *names], cwd=cache, check=True, stdout=subprocess.DEVNULL)
        for name, version in part:
            archive = cache / f"fontsource-{name}-{version}.tgz"
            unpack(archive, name, cache / f"{name}-{version}")
            archive.unlink()
        print(f"{start + len(part)} of {len(missing)} packages", flush=True)


def unpack(archive: Path, package: str, folder: Path) -> None:
    """Keep the upright Latin font whose weight is nearest to regular, and what is said about it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        about = json.load(tar.extractfile("package/metadata.json"))
        found = {member.name: member for member in tar.getmembers()}
        for weight in sorted(map(int, about["weights"]), key=lambda w: (abs(w - REGULAR), w)):
            name = f"package/files/{package}-latin-{weight}-normal.woff"
            if name in found:
                (folder / "face.woff").write_bytes(tar.extractfile(found[name]).read())
                about["weight"] = weight
                break
    (folder / "metadata.json").write_text(json.dumps(about), encoding="utf-8")


def draw(font: Path) -> np.ndarray:
    """The 26 capitals of a font, uint8 (26, 32, 32), white on black; no rows where one is missing.

    One scale for the whole face: the median height of its letters is 22 pixels, or less where its widest
    letter would not fit. Every letter is centered from side to side; all stand on one base line, with the
    middle of a letter of median height in the middle of the picture.
    """
    content = font.read_bytes()
    known = TTFont(io.BytesIO(content), lazy=True).getBestCmap() or {}
    if not all(ord(letter) in known for letter in LETTERS):
        return np.zeros((0, SIDE, SIDE), np.uint8)

    def sized(size: float) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(io.BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)

    unit = 500
    boxes = np.array([sized(unit).getbbox(letter, anchor="ls") for letter in LETTERS]) / unit  # y goes down
    left, top, right, bottom = boxes.T
    height, middle = np.median(bottom - top), np.median(bottom + top) / 2
    reach = 2 * max((bottom - middle).max(), (middle - top).max())  # of a box around the middle
    room = SIDE - 2 * MARGIN
    scale = min(
        CAP_HEIGHT / max(height, 1e-3), room / max((right - left).max(), 1e-3), room / max(reach, 1e-3)
    )
    scale *= OVERSAMPLED
    large, pen, pictures = SIDE * OVERSAMPLED, sized(scale), []
    for x0, x1 in zip(left, right, strict=True):
        canvas = Image.new("L", (large, large))
        place = (large / 2 - scale * (x0 + x1) / 2, large / 2 - scale * middle)
        ImageDraw.Draw(canvas).text(place, LETTERS[len(pictures)], fill=255, font=pen, anchor="ls")
        pictures.append(np.asarray(canvas.reduce(OVERSAMPLED)))
    return np.stack(pictures)


def fault(about: dict, pictures: np.ndarray | None) -> str:
    """Why a face is dropped before it is compared with others; "" when it is not."""
    if about["license"] not in ALLOWED:
        return "license" if about["license"] else "license not stated"
    if pictures is None:
        return "no upright Latin font to be read"
    if not len(pictures):
        return "missing letter"
    x = pictures.reshape(26, -1) / 255
    if x.sum(1).min() < LEAST_INK:
        return "nearly blank"
    size = (x**2).sum(1)
    apart = ((x[:, None] - x[None]) ** 2).sum(-1) / (size[:, None] + size[None]) + np.eye(26)
    return "two letters are one picture" if apart.min() < SAME_LETTER else ""


def readable(faces: np.ndarray) -> np.ndarray:
    """For uint8 (n, 26, 32, 32): of how many letters the nearest picture of another face is that letter."""
    x = torch.from_numpy(faces).view(-1, SIDE * SIDE).float() / 255
    right = []
    for i, face in enumerate(x.view(-1, 26, SIDE * SIDE)):
        apart = torch.cdist(face, x)
        apart[:, 26 * i : 26 * (i + 1)] = torch.inf
        right.append(int((apart.argmin(1) % 26 == torch.arange(26)).sum()))
    return np.array(right)


def distances(faces: np.ndarray) -> np.ndarray:
    """Mean squared pixel difference of every two faces, uint8 (n, 26, 32, 32) → (n, n)."""
    x = torch.from_numpy(faces).view(len(faces), -1).double() / 255
    return (torch.cdist(x, x) ** 2 / x.shape[1]).numpy()


def near_duplicates(faces: np.ndarray) -> dict[int, int]:
    """For each face that is nearly an earlier one that stays: which."""
    apart, kept, twins = distances(faces), [], {}
    for i in range(len(faces)):
        close = [j for j in kept if apart[i, j] < SAME_FACE]
        if close:
            twins[i] = min(close, key=lambda j: apart[i, j])
        else:
            kept.append(i)
    return twins


def sides(families: list[str], faces: np.ndarray) -> list[str]:
    """The split of every face: by a hash, and relatives together.

    Relatives are families whose names begin with the same word ("Noto Sans", "Noto Serif"; "Exo", "Exo 2"),
    faces that look alike (``SIBLINGS``), and the relatives of these. The group is called after its first
    family in the alphabet; sha256 of that name, as a share of 1, says on which side it lies.
    """
    close = distances(faces) < SIBLINGS
    first = [family.lower().split()[0] for family in families]
    group = list(range(len(families)))
    changed = True
    while changed:  # every member takes the smallest number among its relatives
        changed = False
        for i in range(len(group)):
            related = [group[j] for j in range(len(group)) if close[i, j] or first[i] == first[j]]
            if min(related) < group[i]:
                group[i], changed = min(related), True
    names = [min(families[j] for j in range(len(group)) if group[j] == own) for own in group]
    shares = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 16**8 for name in names]
    return [next(side for side, end in SHARES if share < end) for share in shares]


def described(cache: Path, package: str, version: str) -> dict:
    """The row of a package, without its split."""
    about = json.loads((cache / f"{package}-{version}" / "metadata.json").read_text(encoding="utf-8"))
    license_ = about.get("license")
    license_ = license_ if isinstance(license_, dict) else {}  # packages of version 4 state none
    return {
        "family": about.get("family") or about.get("fontName"),
        "package": f"@fontsource/{package}",
        "version": version,
        "weight": about.get("weight", ""),
        "category": about.get("category", ""),
        "license": license_.get("type", ""),
        "copyright": once(license_.get("attribution") or ""),
    }


def once(attribution: str) -> str:
    """The copyright lines of a package, which repeats them for each of its fonts, each once."""
    lines = re.split(r"\S+\.ttf:", " ".join(attribution.split()))
    return "; ".join(dict.fromkeys(line.strip() for line in lines if line.strip()))


def build(cache: Path, packages: list[tuple[str, str]]) -> tuple[list[dict], np.ndarray]:
    """Rows of all packages, in the order of their names, and the pictures of those that stay."""
    rows, faces = [], []
    for package, version in sorted(packages):
        row, font = described(cache, package, version), cache / f"{package}-{version}" / "face.woff"
        try:
            pictures = draw(font)
        except OSError:  # there is none, or FreeType refuses it
            pictures = None
        row["dropped"] = fault(row, pictures)
        rows.append(row)
        if not row["dropped"]:
            faces.append(pictures)
    faces, stay = np.stack(faces), [row for row in rows if not row["dropped"]]
    for row, good in zip(stay, alphabets := readable(faces) >= LEAST_READ, strict=True):
        row["dropped"] = "" if good else "no alphabet"
    faces, stay = faces[alphabets], [row for row in stay if not row["dropped"]]
    twins = near_duplicates(faces)
    for i, j in twins.items():
        stay[i]["dropped"] = f"nearly {stay[j]['family']}"
    faces = np.delete(faces, list(twins), axis=0)
    stay = [row for row in stay if not row["dropped"]]
    for row, split in zip(stay, sides([row["family"] for row in stay], faces), strict=True):
        row["split"] = split
    return rows, faces


def write(rows: list[dict], faces: np.ndarray) -> None:
    """Write both files."""
    stay, packed, table = [row for row in rows if not row["dropped"]], io.BytesIO(), io.StringIO()
    names, split, category = ([row[key] for row in stay] for key in ("family", "split", "category"))
    np.savez_compressed(packed, images=faces, names=names, split=split, category=category)
    write_atomically(NPZ, packed.getvalue())
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(CSV, table.getvalue().encode())


def main() -> None:
    own = argparse.ArgumentParser(prog="python -m recipes.letters_data", description=__doc__.split("\n")[0])
    own.add_argument("--cache", default=Path(tempfile.gettempdir()) / "vae_course_fonts", type=Path)
    cache = own.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    with CSV.open(encoding="utf-8", newline="") as file:
        packages = [(row["package"].rpartition("/")[2], row["version"]) for row in csv.DictReader(file)]
    fetch(cache, packages)
    rows, faces = build(cache, packages)
    write(rows, faces)
    print(f"{len(faces)} of {len(rows)} faces, {NPZ.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

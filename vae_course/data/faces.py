"""Drawn faces: every picture comes from known, independent factors, so an edit has a right answer.

Every shape is a signed distance (in pixels, negative inside) turned into a soft mask one pixel wide, and
painted over what is there. So the picture is a smooth function of the factors.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vae_course.data.images import ImageData

FACTORS = ("smile", "glasses", "hair_length", "hair_color", "skin", "pose", "width", "eyes", "background")
SIDE = 64
CHUNK = 64  # faces at a time: what is touched together stays in the cache

_PALETTE = {
    "hair": ((0.16, 0.10, 0.07), (0.93, 0.78, 0.42)),
    "skin": ((0.96, 0.80, 0.68), (0.45, 0.28, 0.18)),
    "background": ((0.55, 0.72, 0.90), (0.93, 0.86, 0.62)),
}
_LIPS, _DARK, _WHITE = (0.72, 0.22, 0.24), (0.10, 0.10, 0.12), (0.97, 0.97, 0.97)
_EDGE = 0.6  # pixels over which a mask falls from 0.73 to 0.27


def draw_faces(factors: Tensor) -> Tensor:
    """The face of each row of factors, uint8 (n, 3, 64, 64).

    ``factors`` are float (n, 9), one column for each of ``FACTORS``, all in [0, 1], or a ValueError: smile
    from a frown to a smile; glasses from none to black frames; hair length and color (dark to blond); skin
    from light to dark; pose from left to right; width of the face; narrow to wide eyes; blue to yellow
    background.
    """
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        raise ValueError(f"factors have the shape {tuple(factors.shape)}; expected (n, {len(FACTORS)}).")
    if len(factors) and not (factors.min() >= 0 and factors.max() <= 1):  # also refuses NaN
        raise ValueError("a factor lies outside [0, 1]; every factor is a share of its range.")
    faces = torch.empty(len(factors), 3, SIDE, SIDE, dtype=torch.uint8)
    for part, place in zip(factors.split(CHUNK), faces.split(CHUNK), strict=True):
        place.copy_(_draw(part.float()))
    return faces


def _draw(factors: Tensor) -> Tensor:
    column = dict(zip(FACTORS, factors.T.reshape(len(FACTORS), -1, 1, 1), strict=True))
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    x, y = x - SIDE / 2, y - SIDE / 2
    turn = 2 * column["pose"] - 1
    half_width = 13.5 + 5.0 * column["width"]
    face = _ellipse(x, y - 4, half_width, 20.0)
    middle = 5.5 * turn  # where the nose is: features slide across the face, the head itself stays
    squeeze = 1 - 0.12 * turn.abs()  # and come closer together

    canvas = _color("background", column["background"]).expand(len(factors), 3, SIDE, SIDE).clone()
    hair = _color("hair", column["hair_color"])
    skin = _color("skin", column["skin"])
    # Hair behind the face: down to the ears, or to the shoulders.
    bottom = -4 + 34 * column["hair_length"]
    behind = torch.maximum(_ellipse(x, y + 4, half_width + 5, 23.0), y - bottom)
    curtain = torch.maximum(torch.maximum(x.abs() - half_width - 4.5, y - bottom), -4 - y)
    canvas = _paint(canvas, torch.minimum(behind, curtain), hair)
    canvas = _paint(canvas, _box(x, y - 26, 6.5, 8.0), skin * 0.9)  # neck
    canvas = _paint(canvas, _box(x, y - 32, 20.0, 4.0) - 2, _fixed((0.35, 0.38, 0.45)))  # shirt
    canvas = _paint(canvas, face, skin)
    # Fringe: the part of the hair in front, a cap cut by a line above the eyes.
    fringe = torch.maximum(_ellipse(x, y + 1, half_width + 3, 21.0), y + 9 - 0.012 * (x - middle) ** 2)
    canvas = _paint(canvas, fringe, hair)

    gap, opened = 7.5 * squeeze, 1.2 + 2.3 * column["eyes"]
    for side in (-1, 1):
        center = middle + side * gap
        canvas = _paint(canvas, _ellipse(x - center, y, 3.6, opened), _fixed(_WHITE))
        iris, eye = _ellipse(x - center - 0.8 * turn, y, 1.8, 1.8), _ellipse(x - center, y, 3.6, opened)
        canvas = _paint(canvas, torch.maximum(iris, eye), _fixed(_DARK))
    nose = torch.maximum((x - middle * 1.15).abs() - 0.9, (y - 6).abs() - 3.0)
    canvas = _paint(canvas, nose, skin * 0.78)
    canvas = _paint(canvas, _mouth(x - middle, y - 15, 2 * column["smile"] - 1, squeeze), _fixed(_LIPS))
    frames = _glasses(x - middle, y, gap, half_width - middle * torch.sign(x))
    canvas = _paint(canvas, frames, _fixed(_DARK), column["glasses"])
    return (255 * canvas).round().clamp(0, 255).to(torch.uint8)


def _mouth(x: Tensor, y: Tensor, smile: Tensor, squeeze: Tensor) -> Tensor:
    """A parabola of constant thickness; its corners go up with the smile (y points down)."""
    half = 7.0 * squeeze
    curve = 4.6 * smile * (0.5 - (x / half) ** 2)
    return torch.maximum((y - curve).abs() - 1.5, x.abs() - half)


def _glasses(x: Tensor, y: Tensor, gap: Tensor, to_ear: Tensor) -> Tensor:
    """Two rings, a bridge and two temples."""
    rings = torch.minimum(_ellipse(x - gap, y, 6.0, 5.4).abs(), _ellipse(x + gap, y, 6.0, 5.4).abs()) - 0.9
    bridge = torch.maximum((y + 1).abs() - 0.8, x.abs() - (gap - 5.5))
    temples = torch.maximum((y + 1).abs() - 0.8, torch.maximum(gap + 5.5 - x.abs(), x.abs() - to_ear))
    return torch.minimum(rings, torch.minimum(bridge, temples))


def _ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Approximate signed distance to an axis-parallel ellipse: exact on its edge, and near it."""
    level = (x / a) ** 2 + (y / b) ** 2
    slope = 2 * torch.sqrt((x / a**2) ** 2 + (y / b**2) ** 2)
    return (level - 1) / slope.clamp_min(1e-3)


def _box(x: Tensor, y: Tensor, a: float, b: float) -> Tensor:
    return torch.maximum(x.abs() - a, y.abs() - b)


def _paint(canvas: Tensor, distance: Tensor, color: Tensor, opacity: Tensor | float = 1.0) -> Tensor:
    """Lay a color over the canvas where the distance is negative."""
    mask = opacity * torch.sigmoid(-distance / _EDGE)
    mask = mask.reshape(-1, 1, SIDE, SIDE)
    return torch.lerp(canvas, color, mask)


def _color(name: str, share: Tensor) -> Tensor:
    """The color at a share of the way between two, (n, 3, 1, 1)."""
    first, last = (_fixed(color) for color in _PALETTE[name])
    return torch.lerp(first, last, share.reshape(-1, 1, 1, 1))


def _fixed(color: tuple[float, float, float]) -> Tensor:
    return torch.tensor(color).reshape(1, 3, 1, 1)


ATTRIBUTES = (
    *"Smiling Eyeglasses Long_Hair Blond_Hair Dark_Skin Turned_Right".split(),
    *"Wide_Face Open_Eyes Yellow_Background".split(),
)
SIZES = {"train": 8000, "validation": 1000, "test": 1000}
_SEEDS = {"train": 64, "validation": 65, "test": 66}


@dataclass(frozen=True, eq=False, repr=False)
class FaceData(ImageData):
    """Images with what they were drawn from. An attribute is 1 where its factor is above one half."""

    factors: Tensor | None = None  # float32 (N, 9), the columns of ``FACTORS``, in [0, 1]


def draw_factors(n: int, seed: int = 0) -> Tensor:
    """Factors of ``n`` faces, float32 (n, 9): independent and uniform on [0, 1], glasses in half of them."""
    rng = np.random.RandomState(seed)  # frozen by numpy's compatibility promise
    factors = torch.from_numpy(rng.random_sample((n, len(FACTORS))).astype(np.float32))
    glasses = FACTORS.index("glasses")
    factors[:, glasses] = (factors[:, glasses] > 0.5).float()
    return factors


def faces_from(factors: Tensor, split: str = "train") -> FaceData:
    """The faces of given factors (n, 9) as a data set; see :func:`draw_faces` for what they mean."""
    attributes = (factors > 0.5).to(torch.uint8)
    more = {"attributes": attributes, "attribute_names": ATTRIBUTES, "factors": factors}
    return FaceData("faces_synthetic", split, draw_faces(factors), None, (), **more)


def load_faces(name: str, split: str, *_) -> FaceData:
    """One split: train 8,000, validation 1,000, test 1,000 faces; drawn anew at each call, in a second."""
    factors = torch.cat([draw_factors(SIZES[part], _SEEDS[part]) for part in split.split("+")])
    return faces_from(factors, split)

"""``python -m tools.explorer_numbers``: measure on data what the site's explorers show beside the models.

Writes docs/site/explorers.json, which is committed, so that building the site needs no data. MNIST and
Fashion-MNIST are looked for as everywhere in the course.
What "draw a digit" needs is measured by ``python -m tools.drawing_numbers``.
"""

import json
from typing import Any

import torch

from tools.explorer_files import NUMBERS, numbers, packed
from tools.explorers import PICTURES
from vae_course.data import load
from vae_course.data.faces import FACTORS
from vae_course.evaluation.code_use import posterior_means, rate_distortion
from vae_course.weights import load_face_model, load_letters, load_one_model

SHOWN = 8  # held-out pictures in the page
MEASURED = 300  # held-out pictures behind each rate and distortion: all that the small digits have
CODES = 500
BETAS = [2 ** (i / 2) for i in range(-4, 7)]  # 0.25 to 8
FACES = 2000
SEED = 2  # of the model of drawn faces: the run that was not cut short


def rounded(values: torch.Tensor, digits: int) -> list:
    return torch.round(values.double(), decimals=digits).tolist()


def of_pictures(name: str) -> dict[str, Any]:
    """Held-out pictures, rate and distortion at each β and size, and codes at β = 1 and k = 2."""
    model, data = load_one_model(name), load(name, "test")
    few = data.subset(min(MEASURED, len(data)), seed=0)
    first = [int((data.labels == label).nonzero()[0]) for label in (range(SHOWN))]
    table = [rate_distortion(model, few.floats(), BETAS, k) for k in range(2, model.latent_dim + 1)]
    some = data.subset(min(CODES, len(data)), seed=1)
    return {
        "pictures": packed(data.images[first]),
        "examples": len(few),
        "betas": BETAS,
        "rate": [[round(value, 2) for value in rate] for rate, _ in table],  # a row for each size from 2 up
        "distortion": [[round(value, 2) for value in distortion] for _, distortion in table],
        "codes": rounded(posterior_means(model.at(1.0, 2), some), 2),
        "labels": some.labels.tolist(),
    }


@torch.no_grad()
def of_letters(n: int = 6) -> dict[str, Any]:
    """The middle of the training styles (the mean code of a face's letters), and their principal directions,
    one standard deviation long; with each, how two steps of it change ink and width of the alphabet.
    """
    model, known = load_letters(), load("letters", "train").alphabets()
    letters = [torch.full((len(known),), c) for c in range(26)]
    codes = torch.stack([model.encode((known[:, c], letters[c])).mean for c in range(26)]).mean(0)
    center = codes.mean(0)
    _, size, axes = torch.linalg.svd(codes - center, full_matrices=False)
    ways = axes[:n] * size[:n, None] / (len(codes) - 1) ** 0.5
    # The sign of a principal direction means nothing: let every slider add ink to its right.
    ink = torch.stack([model.alphabet(torch.stack([center - 2 * way, center + 2 * way])) for way in ways])
    signs = (ink[:, 1] - ink[:, 0]).mean((1, 2, 3, 4)).sign()
    lean, bold = model.alphabet(center[None])[0], []
    for way, sign in zip(ways, signs, strict=True):
        thin, fat = model.alphabet(torch.stack([center - 2 * sign * way, center + 2 * sign * way]))
        bold.append([((fat - thin).mean() / lean.mean()).item(), (_wide(fat) - _wide(thin)).item()])
    return {
        "center": rounded(center, 4),
        "directions": rounded(ways * signs[:, None], 4),
        "share": rounded(size[:n].square() / size.square().sum(), 3),
        "ways": [[round(value, 3) for value in pair] for pair in bold],
    }


def _wide(alphabet: torch.Tensor) -> torch.Tensor:
    """Mean number of columns with ink."""
    return (alphabet.amax(-2) > 0.5).float().sum(-1).mean()


@torch.no_grad()
def of_faces() -> dict[str, Any]:
    """Codes of drawn faces by least squares, center + (factors − ½) · directions, and what is left over for a
    few people.
    """
    data = load("faces_synthetic", "train").subset(FACES, seed=0)
    codes = posterior_means(load_face_model(SEED), data)
    known = torch.cat([torch.ones(len(data), 1), data.factors - 0.5], 1)
    found = torch.linalg.lstsq(known.double(), codes.double()).solution
    rest = codes - known @ found.float()
    explained = 1 - rest.var(0).sum() / codes.var(0).sum()
    return {
        "seed": SEED,
        "factors": list(FACTORS),
        "examples": len(data),
        "explained": round(explained.item(), 3),
        "center": rounded(found[0], 4),
        "directions": rounded(found[1:], 4),
        "people": rounded(rest[:12], 3),
    }


def main() -> None:
    torch.manual_seed(0)
    found = numbers() | {name: of_pictures(name) for name in PICTURES}  # with what other tools measured
    found |= {"letters": of_letters(), "faces": of_faces()}
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in found.items()
    ]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{NUMBERS}: {NUMBERS.stat().st_size / 1000:.0f} kB; faces explained {found['faces']['explained']}")
    print("letters, ink and width of two steps:", found["letters"]["ways"], found["letters"]["share"])


if __name__ == "__main__":
    main()

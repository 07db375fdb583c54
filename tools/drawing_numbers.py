"""What the explorer "draw a digit" tells beside a drawing: prices of test digits, and what passes for one.

``python -m tools.drawing_numbers`` renews this part of docs/site/explorers.json, which is committed, from
MNIST and Fashion-MNIST, looked for as everywhere in the course.
"""

import json
from typing import Any

import torch

from tools.explorer_files import NUMBERS, Content, numbers
from vae_course.data import load
from vae_course.data.mnist import _all_digits
from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import over_data
from vae_course.weights import load_one_model

SIZES = (2, 16)  # of the code, at β = 1
DRAWS = 16  # of z for each picture, as in the page
LIMIT = 0.99  # share of the test digits above whose price the page says: no digit to this model
OTHERS = {
    "validation digits": ("mnist", "validation"),
    "digits of other writers": ("digits", "train"),  # scikit-learn's, in the format of MNIST
    "garments": ("fashion_mnist", "test"),
}


def prices(model, data, seed: int = 0) -> torch.Tensor:
    """Rate and distortion of each picture in nats, (n, 2)."""

    def both(x, generator):
        terms = elbo_terms(model, x, generator, DRAWS)
        return torch.stack([terms.kl, terms.reconstruction], 1)

    return over_data(model, data, both, 500, seed).double()


def measure() -> dict[str, Any]:
    """For each size: percentiles of the −ELBO of test digits, medians, shares of pictures beyond LIMIT."""
    whole, found = load_one_model("mnist"), {}
    test = load("mnist", "test")
    for k in SIZES:
        model = whole.at(1.0, k)
        digits = prices(model, test)
        totals = digits.sum(1)
        limit, steps = totals.quantile(LIMIT), torch.linspace(0, 1, 101).double()
        shares = {"test digits": 1 - LIMIT}
        for name, (dataset, part) in OTHERS.items():
            data = load(dataset, part)
            shares[name] = round((prices(model, data).sum(1) > limit).double().mean().item(), 4)
        found[str(k)] = {
            "percentiles": [round(v, 2) for v in totals.quantile(steps).tolist()],
            "rate": round(digits[:, 0].median().item(), 2),
            "distortion": round(digits[:, 1].median().item(), 2),
            "total": round(totals.median().item(), 2),
            "limit": round(limit.item(), 2),
            "beyond": shares,
        }
        print(k, found[str(k)] | {"percentiles": None})
    ink = test.floats().sum((1, 2, 3))
    return {"examples": len(test), "ink": round(ink.median().item(), 1), "sizes": found}


def drawing() -> Content:
    """What was measured, and where the encoder of the two-number model puts test digits."""
    seen = numbers()
    codes, labels = (torch.tensor(seen["mnist"][name]) for name in ("codes", "labels"))
    return seen["drawing"], {"codes": codes.half(), "labels": labels.byte()}


def small_digits() -> Content:
    """Scikit-learn's 8×8 digits as counts of ink from 0 to 16: training part, then validation part."""
    from sklearn.datasets import load_digits

    source, parts = load_digits(), [load("digits", part) for part in ("train", "validation")]
    place = {image.numpy().tobytes(): row for row, image in enumerate(_all_digits()[0])}
    rows = [place[image.numpy().tobytes()] for part in parts for image in part.images]
    counts = torch.from_numpy(source.images[rows]).byte().flatten(1)
    labels = torch.from_numpy(source.target[rows]).byte()
    return {"train": len(parts[0])}, {"counts": counts, "labels": labels}


def main() -> None:
    torch.manual_seed(0)
    found = numbers() | {"drawing": measure()}
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in found.items()
    ]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

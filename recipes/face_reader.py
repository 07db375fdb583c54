"""Train the shipped readers of faces: ``python -m recipes.face_reader [faces_synthetic | celeba]``.

The reader of drawn faces tells their nine factors, that of CelebA the 40 attributes; its 64 features are
also where distances between sets of faces are measured.
"""

from __future__ import annotations

import sys

import torch
from sklearn.metrics import roc_auc_score

from recipes.judges import train_reader
from recipes.shipping import ship
from vae_course.data.faces import FACTORS
from vae_course.data.loading import load
from vae_course.evaluation import read
from vae_course.weights import shipped_file

EPOCHS, BATCH_SIZE = 16, 32


def main(name: str = "faces_synthetic") -> None:
    """Train on the training part, print how well each number is read on the validation part, and save."""
    torch.set_num_threads(1)
    train, held_out = load(name, "train"), load(name, "validation")
    about = {"data": name, "epochs": EPOCHS}
    if name == "celeba":
        about["names"] = list(train.attribute_names)
        train, targets = train.augmented(), train.attributes.float()
    else:
        about["names"] = list(FACTORS)
        targets = train.factors
    reader = train_reader(train, targets, epochs=EPOCHS, batch_size=BATCH_SIZE)
    found = read(reader, held_out.floats())
    if name == "celeba":
        told = about["auroc"] = roc_auc_score(held_out.attributes, found, average=None).tolist()
    else:
        told = (found - held_out.factors).abs().mean(0).tolist()
    print(", ".join(f"{word} {value:.3f}" for word, value in zip(about["names"], told, strict=True)))
    ship(shipped_file("reader", name), reader, int8=True, about=about)


if __name__ == "__main__":
    main(*sys.argv[1:])

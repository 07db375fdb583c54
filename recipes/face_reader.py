"""Train the shipped reader of the synthetic faces' factors: ``python -m recipes.face_reader``."""

from __future__ import annotations

from vae_course.data.faces import FACTORS
from vae_course.data.loading import load
from vae_course.evaluation.classifier import read, train_reader
from vae_course.weights import save_checkpoint, shipped_file

EPOCHS, BATCH_SIZE = 16, 32


def main() -> None:
    """Train on the training part, print the mean error of each factor on the validation part, and save."""
    train, held_out = load("faces_synthetic", "train"), load("faces_synthetic", "validation")
    reader = train_reader(train, train.factors, epochs=EPOCHS, batch_size=BATCH_SIZE)
    error = (read(reader, held_out.floats()) - held_out.factors).abs().mean(0).tolist()
    print(", ".join(f"{name} {value:.3f}" for name, value in zip(FACTORS, error, strict=True)))
    about = {"data": "faces_synthetic", "epochs": EPOCHS}
    save_checkpoint(shipped_file("reader", "faces_synthetic"), reader, half=True, about=about)


if __name__ == "__main__":
    main()

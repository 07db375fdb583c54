"""The classifiers that come with the package: one judge for everybody, so that numbers can be compared."""

import io
from pathlib import Path

import torch

from vae_course.evaluation.classifier import Classifier
from vae_course.files import write_atomically

WEIGHTS = Path(__file__).parent.parent / "weights"
FORMAT = 1


def classifier_path(name: str) -> Path:
    """Where the shipped classifier of a data set lies."""
    return WEIGHTS / f"classifier_{name}.pt"


def shipped_classifiers() -> list[str]:
    """Names of the data sets that have a shipped classifier."""
    return sorted(path.stem.removeprefix("classifier_") for path in WEIGHTS.glob("classifier_*.pt"))


def save_classifier(path: str | Path, model: Classifier, **about) -> None:
    """Write a classifier with half-precision weights; the file is complete or not there.

    Args:
        path: file to write.
        model: the classifier.
        about: numbers and strings that say how it was made.
    """
    state = {name: value.detach().cpu().half() for name, value in model.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "config": model.config, "about": about, "model": state}, buffer)
    write_atomically(path, buffer.getvalue())


def read_classifier(path: str | Path) -> Classifier:
    """A classifier that :func:`save_classifier` wrote: float32, on the CPU, in evaluation mode, frozen.

    Raises:
        ValueError: there is no such file, or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no classifier {path}; make one with the train-classifier command.")
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT or "config" not in content:
        raise ValueError(f"{path} does not hold a classifier of this course; make it again.")
    model = Classifier(**content["config"])
    model.load_state_dict({name: value.float() for name, value in content["model"].items()})
    return model.eval().requires_grad_(False)


def load_classifier(name: str) -> Classifier:
    """The shipped classifier of a data set, a judge of its pictures; it was trained on the training part.

    Args:
        name: "digits", "mnist" or "fashion_mnist"; "binarized_mnist" is judged by that of "mnist".

    Raises:
        ValueError: no classifier of that name comes with the package.
    """
    path = classifier_path("mnist" if name == "binarized_mnist" else name)
    if not path.is_file():
        known = ", ".join(shipped_classifiers()) or "none"
        raise ValueError(
            f"there is no shipped classifier for {name!r}; there are: {known}. "
            f"Train one with evaluation.train_classifier(data)."
        )
    return read_classifier(path)

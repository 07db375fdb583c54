"""The text models that come with the package."""

from pathlib import Path

from vae_course.data.text.tokenizer import Tokenizer
from vae_course.models import TextVAE
from vae_course.training.checkpoint import load_checkpoint, load_model, save_checkpoint

WEIGHTS = Path(__file__).parent.parent / "weights"


def text_model_path(name: str, seed: int = 0) -> Path:
    """Where the shipped text model of a data set and a seed lies."""
    return WEIGHTS / f"text_{name}_{seed}.pt"


def save_text_model(path: str | Path, model: TextVAE, tokenizer: Tokenizer, **about) -> None:
    """Write a text model in half precision with its vocabulary; the file is complete or not there."""
    vocabulary = {"kind": tokenizer.kind, "tokens": list(tokenizer.vocabulary)}
    save_checkpoint(path, model, half=True, vocabulary=vocabulary, about=about)


def load_text_model(name: str, seed: int = 0) -> tuple[TextVAE, Tokenizer]:
    """A shipped text VAE and the tokenizer whose numbers it understands.

    Read data for it with ``load(name, part).with_tokenizer(tokenizer)``: a list that was downloaded later may
    give another vocabulary.

    Args:
        name: "names", "sentences", "invented_names" or "invented_sentences".
        seed: which of the runs.

    Raises:
        ValueError: there is no such model.
    """
    path = text_model_path(name, seed)
    if not path.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("text_") for file in WEIGHTS.glob("text_*.pt")))
        raise ValueError(
            f"there is no shipped text model {name}_{seed}; there are: {known or 'none'}. Train one with "
            f"python -m vae_course.course.text_models {name}."
        )
    vocabulary = load_checkpoint(path)["vocabulary"]
    return load_model(path), Tokenizer(vocabulary["kind"], tuple(vocabulary["tokens"]))

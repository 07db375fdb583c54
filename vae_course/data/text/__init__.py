"""Names, sentences and headlines as padded rows of whole numbers."""

from vae_course.data.text.dataset import TextData
from vae_course.data.text.loading import TEXT_DATASETS, load_text
from vae_course.data.text.tokenizer import END, PAD, START, UNKNOWN, Tokenizer, padding_mask

__all__ = [
    "END",
    "PAD",
    "START",
    "TEXT_DATASETS",
    "UNKNOWN",
    "TextData",
    "Tokenizer",
    "load_text",
    "padding_mask",
]

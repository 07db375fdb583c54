"""What the notebooks use to speak to a reader: figures with alternative text, predictions, claims, tables."""

from vae_course.notebook.claims import ClaimFailed, Claims
from vae_course.notebook.figures import show, show_html
from vae_course.notebook.predictions import Prediction, predict
from vae_course.notebook.sound import play
from vae_course.notebook.tables import format_number, results_table

__all__ = [
    "ClaimFailed",
    "Claims",
    "Prediction",
    "format_number",
    "play",
    "predict",
    "results_table",
    "show",
    "show_html",
]

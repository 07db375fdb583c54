"""What the notebooks use to speak to their reader: claims, predictions, figures, tables, exercises."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "display": "format_number play results_table show show_html",
        "engine": "check check_parameters complete hint ParameterError predict Prediction solution",
        "claims": "ClaimFailed Claims",
    },
)

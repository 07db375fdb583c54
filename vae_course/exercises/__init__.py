"""The exercises' content: one file for each chapter and assignment."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {"loss_doctor": "diagnose_loss"})

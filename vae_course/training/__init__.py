"""Training: one loop for every model, seeded, checkpointed and resumable."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "loop": "fit History TrainingDiverged",
        "settings": "FitSettings kl_weight learning_rate_factor",
        "sweep": "plan run_sweep",
        "vae_gan": "vae_gan_losses",
    },
)

"""Interactive explorers: thin shells over plain, tested drawing functions."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "alphabet": "explore_alphabet",
        "beta_latent": "explore_beta_latent",
        "codes": "explore_latent_pad",
        "controls": "dropdown explorer Explorer Scene slider",
        "corrupted_digit": "corrupt explore_corrupted_digit",
        "domains": "Domain draw_picture draw_sound draw_text explore_domains",
        "fool_the_judge": "explore_the_judge retouch",
        "loss_translator": "explore_loss_translator",
        "toy_posterior": "explore_toy_posterior",
        "training_watch": "explore_training Watched",
    },
)

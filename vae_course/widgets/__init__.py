"""Interactive explorers: thin shells over plain, tested drawing functions."""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "beta_latent": "explore_beta_latent",
        "codes": "corrupt Domain draw_picture draw_sound draw_text explore_alphabet explore_corrupted_digit "
        "explore_domains explore_latent_pad",
        "controls": "dropdown explorer Explorer Scene slider",
        "measures": "explore_loss_translator explore_the_judge retouch",
        "toys": "explore_toy_posterior explore_training Watched",
    },
)

"""Exercise of chapter 01 about what autoencoder, VAE and GAN optimize."""

from __future__ import annotations

from vae_course.exercises.exercise import Exercise, Mistake

_OBJECTIVES = {
    "A": "a reconstruction error and nothing else",
    "B": "a lower bound of log p(x)",
    "C": "log p(x) itself, exactly",
    "D": "being mistaken for data by a second network that is trained at the same time",
}
_HELD_OUT = {
    "none": "it has none: it draws samples, and no density of a given x can be read off",
    "discriminator": "the discriminator's output is that density",
    "reconstruction": "from how well it reconstructs x",
}

OBJECTIVES = Exercise(
    id="01.4",
    title="What each model optimizes",
    contract="For 'autoencoder', 'vae' and 'gan' give the code of what training optimizes: "
    + "; ".join(f"{code}: {text}" for code, text in _OBJECTIVES.items())
    + ". For 'held_out' give the code of how a GAN's log-likelihood of a held-out x is found: "
    + "; ".join(f"{code}: {text}" for code, text in _HELD_OUT.items())
    + ".",
    stub='answer_01_4 = {"autoencoder": ..., "vae": ..., "gan": ..., "held_out": ...}',
    hints=(
        "For each model ask: which number goes down while it trains, and does it contain a density of x?",
        "Two of the three models have an encoder; only one of these two has a prior for its code.",
        "A density of x needs an integral over z. Who has a way to bound it?",
    ),
    mistakes=(
        Mistake(
            "bound taken for the likelihood",
            "What is the gap between the ELBO and log p(x), and is it zero during training?",
            value={"vae": "C"},
        ),
        Mistake(
            "KL term forgotten",
            "The VAE's loss has two terms; which model is left when the second one is dropped?",
            value={"vae": "A"},
        ),
        Mistake(
            "autoencoder taken for a density model",
            "An autoencoder has no prior over its code: from where would p(x) come?",
            value={"autoencoder": "B"},
        ),
        Mistake(
            "likelihood given to the GAN",
            "Look at the GAN's loss: does it contain a density of x anywhere?",
            value={"gan": "B"},
        ),
        Mistake(
            "discriminator taken for a density",
            "The discriminator compares two distributions. Does its output integrate to 1 over x?",
            value={"held_out": "discriminator"},
        ),
        Mistake(
            "encoder given to the GAN",
            "To reconstruct x a model must first encode it. Which part of a GAN does that?",
            value={"held_out": "reconstruction"},
        ),
    ),
    value={"autoencoder": "A", "vae": "B", "gan": "D", "held_out": "none"},
    codes={"autoencoder": _OBJECTIVES, "vae": _OBJECTIVES, "gan": _OBJECTIVES, "held_out": _HELD_OUT},
    explanation="The autoencoder only reconstructs. The VAE raises the ELBO, which is below log p(x) by\n"
    "KL(q(z|x) || p(z|x)). The GAN's generator defines p(x) through its samples alone; nothing in it\n"
    "evaluates p(x), so a held-out log-likelihood is a number it has no way to give.",
)

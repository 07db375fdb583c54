"""Exercises of chapter 11: who learns from which loss, a learned ruler, the game, and codes from a list."""

from vae_course.exercises.chapter_11_codes import CODES_EXERCISES
from vae_course.exercises.chapter_11_features import FEATURE_NATS
from vae_course.exercises.chapter_11_game import GAME_LOSSES
from vae_course.exercises.exercise import Exercise, Mistake

_CODES = {
    "E": "encoder only",
    "G": "decoder (generator) only",
    "D": "discriminator only",
    "EG": "encoder and decoder",
    "GD": "decoder and discriminator",
    "EGD": "all three",
}

ROUTES = Exercise(
    id="11.1",
    title="Who learns from what?",
    contract='A dict with five entries: "kl", "feature", "fool", "catch" and "pixel" (the loss of a plain '
    'VAE), each with the networks that its gradient may reach: "E" (encoder), "G" (decoder), "D" '
    '(discriminator), or several of these letters, in this order: "EG", "GD", "EGD".',
    stub='answer_11_1 = {"kl": ..., "feature": ..., "fool": ..., "catch": ..., "pixel": ...}',
    hints=(
        "Ask of each network: what is it for? Then: would this loss teach it the opposite?",
        "A ruler must not shrink what it measures, and an opponent must not help.",
        "Which networks does the KL term contain at all?",
    ),
    mistakes=(
        Mistake(
            "the game reaches the encoder",
            "The encoder would learn codes whose pictures fool somebody, instead of codes that tell about x.",
            value={"fool": "EG"},
        ),
        Mistake(
            "the decoder's loss trains the discriminator",
            "An opponent that learns to be fooled is none.",
            value={"fool": "GD"},
        ),
        Mistake(
            "the game reaches everybody",
            "One of three learns to win here, and no other.",
            value={"fool": "EGD"},
        ),
        Mistake(
            "the ruler learns to shrink",
            "If the discriminator receives the feature loss, its easiest answer is to see nothing at all.",
            value={"feature": "EGD"},
        ),
        Mistake(
            "the discriminator's loss reaches the decoder",
            "The decoder would learn to be caught.",
            value={"catch": "GD"},
        ),
        Mistake(
            "the KL reaches the decoder",
            "Is the decoder anywhere in KL(q(z|x) ‖ p(z))?",
            value={"kl": "EG"},
        ),
        Mistake(
            "reconstruction without the encoder",
            "z = μ + σ·ε lets the gradient of a reconstruction pass into the encoder.",
            value={"feature": "G"},
        ),
    ),
    value={"kl": "E", "feature": "EG", "fool": "G", "catch": "D", "pixel": "EG"},
    codes={name: _CODES for name in ("kl", "feature", "fool", "catch", "pixel")},
    explanation="The KL term contains the encoder alone. Both reconstructions pass from the picture through "
    "the decoder into z, and so into the encoder;\nthe discriminator is only the ruler. The game has two "
    "players: the decoder fools, the discriminator catches, and the encoder looks on.",
)

EXERCISES = (ROUTES, FEATURE_NATS, GAME_LOSSES, *CODES_EXERCISES)

"""Assignment A4: cover or choose, with sliders; and what a report of four generators says."""

from __future__ import annotations

import math

from vae_course.exercises.exercise import Exercise, Mistake

FORWARD_STD = math.sqrt(32 / 3 + 0.64)
TWO_DIRECTIONS = Exercise(
    id="A4.5",
    title="Cover or choose",
    contract="Target: three equal humps at −4, 0 and 4, each with standard deviation 0.8. Model: one "
    "Gaussian. Give 'forward std', the standard deviation that minimizes KL(target || model); 'reverse "
    "std', the one that minimizes KL(model || target); and 'reverse kl', the least KL(model || target), in "
    "nats. To within 0.02.",
    stub='answer_A4_5 = {"forward std": ..., "reverse std": ..., "reverse kl": ...}',
    hints=(
        "Forward: the best Gaussian has the target's mean and variance. What is the variance of three humps?",
        "Reverse: put the model on one hump. Which share of the target is left out, and what does it cost?",
    ),
    mistakes=(
        Mistake(
            "the variance instead of the standard deviation",
            "Take the root.",
            value={"forward std": 32 / 3 + 0.64},
        ),
        Mistake(
            "width of the humps forgotten",
            "The target's variance is that of the three centers *plus* that within a hump.",
            value={"forward std": math.sqrt(32 / 3)},
        ),
        Mistake(
            "the two directions exchanged",
            "Forward averages over the target, and pays without limit for what the model leaves out.",
            value={"forward std": 0.8, "reverse std": FORWARD_STD},
        ),
        Mistake(
            "covering in both directions",
            "Set the model's mean to 0 and make it narrow: the reverse divergence falls.",
            value={"reverse std": FORWARD_STD},
        ),
        Mistake(
            "log 2 instead of log 3",
            "Which share of the target is left out when one of three humps is kept?",
            value={"reverse kl": math.log(2)},
        ),
        Mistake("bits instead of nats", "log base e.", value={"reverse kl": math.log2(3)}),
    ),
    value={"forward std": FORWARD_STD, "reverse std": 0.8, "reverse kl": math.log(3)},
    tolerance=0.012,
    explanation="Forward: variance (16 + 0 + 16) / 3 + 0.64, root 3.36. Reverse: the model sits on one "
    "hump, width\n"
    "0.8, and gives up two thirds of the target: log 3 = 1.10 nats. A GAN's loss tends to the second kind.",
)

_NAMES = {
    "A": "mode collapse",
    "B": "posterior collapse",
    "C": "it repeats training pictures",
    "D": "blurry means",
}
REPORTS = Exercise(
    id="A4.6",
    title="Four reports, four names",
    contract="For 'model 1' to 'model 4' of the table give the code of what is wrong. A: mode collapse. B: "
    "posterior collapse. C: it repeats training pictures. D: it draws blurry means.",
    stub='answer_A4_6 = {"model 1": ..., "model 2": ..., "model 3": ..., "model 4": ...}',
    hints=(
        "Which of the four needs an encoder to be seen at all?",
        "Precision asks of samples, recall asks of data. And compare the nearest training picture with a "
        "fresh one's.",
    ),
    mistakes=(
        Mistake(
            "mode and posterior collapse exchanged",
            "One is about what is drawn, the other about what the code says. Which model covers all classes?",
            value={"model 1": "B", "model 3": "A"},
        ),
        Mistake(
            "memory taken for quality",
            "A perfect Fréchet distance, and pictures closer to the training set than fresh ones are.",
            value={"model 2": "D"},
        ),
        Mistake(
            "blur taken for posterior collapse",
            "Its code says 14 nats about each picture.",
            value={"model 4": "B"},
        ),
    ),
    value={"model 1": "A", "model 2": "C", "model 3": "B", "model 4": "D"},
    codes={f"model {i}": _NAMES for i in (1, 2, 3, 4)},
    explanation="1: precise, and three classes are missing. 2: all its samples lie nearer to the training "
    "pictures\n"
    "than fresh pictures do. 3: every class is drawn, but the rate is 0: the code says nothing. 4: rate 14 "
    "nats,\n"
    "all classes, and a third of the sharpness.",
)

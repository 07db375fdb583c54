"""Exercise of chapter 05: name the bug from its fingerprint."""

from __future__ import annotations

from vae_course.exercises.exercise import Exercise, Mistake

BUGS = {
    "sign": "the KL is subtracted",
    "pixels": "the reconstruction is averaged over the pixels",
    "no sampling": "z is the mean of q during training",
    "bytes": "pixels of 0 to 255",
    "at the mean": "only the evaluation uses the mean of q",
    "log_var": "log σ² is not bounded",
}

FINGERPRINTS = Exercise(
    id="05.5",
    title="Name the bug",
    contract="Four logs of four broken VAEs. A: the loss falls below zero in the first epoch and keeps "
    "falling; the reconstruction term alone is negative. B: the KL is 0.00 from the second epoch on, and "
    "every sample looks like the same gray cloud. C: the training reconstruction is excellent, σ is 1 in "
    "nearly every dimension, and the −ELBO with a draw of z is hundreds of nats worse than the training "
    "log. D: all is well, but the reported −ELBO is several nats lower than in a friend's run of the same "
    "weights. Answer each with one of: "
    f"{', '.join(BUGS)}.",
    stub='answer_05_5 = {"A": ..., "B": ..., "C": ..., "D": ...}',
    hints=(
        "Which terms can be negative at all? A cross-entropy of pixels in [0, 1] cannot, and a KL cannot.",
        "A KL of 0 is the optimum when nothing else matters. What could make the pictures matter too little?",
        "σ = 1 costs no KL. When does a decoder not mind that σ is large?",
    ),
    mistakes=(
        Mistake(
            "a negative loss blamed on the KL alone",
            "With a subtracted KL the loss falls below zero too, but the reconstruction term does not.",
            value={"A": "sign"},
        ),
        Mistake(
            "collapse blamed on missing noise",
            "Without noise the decoder would get a perfect code: would the KL be 0?",
            value={"B": "no sampling"},
        ),
        Mistake(
            "training and evaluation mixed up",
            "In C the weights themselves are bad; in D only the number is.",
            value={"C": "at the mean", "D": "no sampling"},
        ),
        Mistake(
            "a good run blamed on log σ²",
            "An unbounded log σ² gives jumps and NaN, not an excellent reconstruction.",
            value={"C": "log_var"},
        ),
    ),
    value={"A": "bytes", "B": "pixels", "C": "no sampling", "D": "at the mean"},
    codes=dict.fromkeys("ABCD", BUGS),
    explanation="A: −[x log p + (1 − x) log(1 − p)] with x = 255 has no lower end.\n"
    "B: divided by 784 the pictures weigh too little; β is 784.\n"
    "C: σ does not touch the training loss, so the KL sets it to 1; the decoder has never seen noise.\n"
    "D: one evaluates at the mean of q; Jensen's gap is what differs.",
)

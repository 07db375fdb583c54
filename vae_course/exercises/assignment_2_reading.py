"""Assignment A2: read collapse panels, and say why a code is silent."""

from __future__ import annotations

from vae_course.exercises.exercise import Exercise, Mistake

PANELS = Exercise(
    id="A2.5",
    title="Whose panel is it?",
    contract="Three models of the same data, trained with β = 1, 64 and 1024. For 'panel A', 'panel B' and "
    "'panel C' of the figure give the β: 1, 64 or 1024.",
    stub='answer_A2_5 = {"panel A": ..., "panel B": ..., "panel C": ...}',
    hints=(
        "A larger β makes every nat of rate dearer: which panel spends least?",
        "Use the slider: it shows the bars of every β that was trained.",
    ),
    mistakes=(
        Mistake(
            "order reversed",
            "The panel with the largest rate paid least for a nat.",
            value={"panel A": 1, "panel C": 1024},
        ),
    ),
    value={"panel A": 64, "panel B": 1024, "panel C": 1},
    tolerance=1e-6,
    explanation="Bars shrink, and vanish one after the other, as β grows: C (1), A (64), B (1024).",
)

_CAUSES = {
    "A": "β is larger than the data's variances allow",
    "B": "the decoder explains the data without the code",
    "C": "training got stuck early: a warm-up helps",
    "D": "nothing is wrong",
}
DIAGNOSES = Exercise(
    id="A2.6",
    title="Why is the code silent?",
    contract="For 'run 1' to 'run 4' of the table give the code of the likeliest cause. A: β is larger "
    "than the data's variances allow, and the optimum itself is silent. B: the decoder explains the data "
    "without the code. C: training got stuck early, and a warm-up helps. D: nothing is wrong.",
    stub='answer_A2_6 = {"run 1": ..., "run 2": ..., "run 3": ..., "run 4": ...}',
    hints=(
        "Compare with what the same model reaches with a warm-up, and with the model that has no code at "
        "all.",
        "A silent code is a fault only if the optimum wants it to speak.",
    ),
    mistakes=(
        Mistake(
            "A and C exchanged",
            "Which of the two runs gains something when the KL weight is warmed up?",
            value={"run 1": "C", "run 2": "A"},
        ),
        Mistake(
            "a strong decoder taken for a bad start",
            "With a warm-up run 3 uses its code for a while, and drops it again; its −ELBO is the best of "
            "all.",
            value={"run 3": "C"},
        ),
        Mistake(
            "few active units taken for collapse",
            "Two units that carry all there is to say are enough. How large is the rate?",
            value={"run 4": "A"},
        ),
    ),
    value={"run 1": "A", "run 2": "C", "run 3": "B", "run 4": "D"},
    codes={f"run {i}": _CAUSES for i in (1, 2, 3, 4)},
    explanation="Run 1: a warm-up changes nothing, and every direction is under water. Run 2: with a "
    "warm-up the\n"
    "same model speaks and has a lower −ELBO. Run 3: the autoregressive decoder alone is as good. Run 4: "
    "two\n"
    "units, 9 nats: the data have two factors.",
)

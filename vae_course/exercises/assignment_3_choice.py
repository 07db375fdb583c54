"""Assignment A3: choose latent size and β together, from a table and with two sliders."""

from __future__ import annotations

from collections.abc import Callable

from vae_course.exercises.exercise import Exercise, Mistake

Table = dict[tuple[int, float], list[float]]


def choose_setting(table: Table, tolerance: float) -> tuple[int, float]:
    mean = {setting: sum(losses) / len(losses) for setting, losses in table.items()}
    limit = min(mean.values()) + tolerance
    good = [setting for setting, loss in mean.items() if loss <= limit]
    return min(good, key=lambda setting: (setting[0], -setting[1]))


def _chooser(pick: Callable) -> Callable:
    """An answer from a choice among the settings within the tolerance, all settings, and the means."""

    def answer(table: Table, tolerance: float) -> tuple[int, float]:
        mean = {setting: sum(losses) / len(losses) for setting, losses in table.items()}
        good = [setting for setting, loss in mean.items() if loss <= min(mean.values()) + tolerance]
        return pick(good, mean, table, tolerance)

    return answer


def _tables(seed: int) -> list[tuple]:
    """Settings where the best, the smallest good one, and the one with the largest β are all different."""
    jitter = (-0.2, 0.0, 0.2)
    rows = {
        (4, 1.0): 112.0, (4, 2.0): 115.0, (8, 0.5): 104.3, (8, 1.0): 103.9, (8, 2.0): 104.2, (8, 4.0): 109.0,
        (16, 0.5): 103.4, (16, 1.0): 103.0, (16, 4.0): 104.4, (32, 1.0): 103.2,
    }  # fmt: skip
    table = {setting: [value + seed % 7 + j for j in jitter] for setting, value in rows.items()}
    turned = dict(reversed(list(table.items())))
    lucky = {
        (2, 1.0): [99.0, 120.0, 120.0],
        (8, 1.0): [104.0, 104.2, 104.1],
        (16, 2.0): [103.8, 103.9, 104.0],
    }
    return [(table, 1.5), (turned, 1.0), (turned, 0.1), (lucky, 0.5)]


CHOOSE = Exercise(
    id="A3.4",
    title="The smallest model that is good enough",
    contract="choose_setting(table, tolerance): table is a dict, (latent size, β) → list of held-out −ELBO "
    "in nats, one for each seed. Of the settings whose mean is at most tolerance above the lowest mean, "
    "returns the one with the smallest latent size, and among those of that size the one with the largest "
    "β: (size, β).",
    stub='''def choose_setting(table: dict, tolerance: float) -> tuple[int, float]:
    """table: (latent size, β) → −ELBO of each seed, nats. Returns one of the keys."""
    ...''',
    hints=(
        "Average over the seeds first. Then: which settings are good enough?",
        "Among tuples, min compares the first entry, then the second. For the largest β, change a sign.",
    ),
    mistakes=(
        Mistake(
            "the best setting",
            "Good enough is asked for: the tolerance says how much.",
            _chooser(lambda good, mean, table, tolerance: min(mean, key=mean.get)),
        ),
        Mistake(
            "the smallest setting of all",
            "Only settings within the tolerance may compete.",
            _chooser(
                lambda good, mean, table, tolerance: min(mean, key=lambda setting: (setting[0], -setting[1]))
            ),
        ),
        Mistake(
            "the smallest β of that size",
            "Among equal sizes the larger β is asked for.",
            _chooser(lambda good, mean, table, tolerance: min(good)),
        ),
        Mistake(
            "the best of the smallest size",
            "Among the good ones of that size β decides, not the −ELBO.",
            _chooser(lambda good, mean, table, tolerance: min(good, key=lambda s: (s[0], mean[s]))),
        ),
        Mistake(
            "the largest β first",
            "Size comes first; β decides among equals.",
            _chooser(lambda good, mean, table, tolerance: min(good, key=lambda s: (-s[1], s[0]))),
        ),
        Mistake(
            "one lucky seed",
            "Average over the seeds before you compare.",
            lambda table, tolerance: _chooser(lambda good, *rest: min(good, key=lambda s: (s[0], -s[1])))(
                {setting: [min(losses)] for setting, losses in table.items()}, tolerance
            ),
        ),
        Mistake(
            "the largest size",
            "The smallest size that is good enough is asked for.",
            _chooser(lambda good, mean, table, tolerance: max(good)),
        ),
    ),
    reference=choose_setting,
    cases=_tables,
)

_YES_NO = {"yes": "true of the model", "no": "not true of it"}
SLIDERS = Exercise(
    id="A3.5",
    title="Two sliders",
    contract="With the two sliders, 'yes' or 'no' for each. 'a': at β = 8, going from 8 to 32 dimensions "
    "changes the rate by less than 1 nat. 'b': at β = 0.25, going from 8 to 32 dimensions changes the rate "
    "by less than 1 nat. 'c': at 2 dimensions, the distortion at β = 0.25 is within 10 nats of that at β = "
    "1. 'd': the −ELBO (distortion + rate) at 32 dimensions is lower for β = 8 than for β = 1.",
    stub='answer_A3_5 = {"a": ..., "b": ..., "c": ..., "d": ...}',
    hints=(
        "Set both sliders to the first setting, note the numbers under the pictures, then move one slider.",
        "Extra dimensions are used only where a nat of rate is cheap enough.",
    ),
    mistakes=(
        Mistake(
            "extra dimensions taken for free at any β",
            "Compare the rates at β = 0.25 once more.",
            value={"a": "yes", "b": "yes"},
        ),
        Mistake(
            "a larger size taken for a larger rate at any β",
            "Compare the rates at β = 8 once more.",
            value={"a": "no", "b": "no"},
        ),
        Mistake(
            "a smaller rate taken for a better bound",
            "The −ELBO has both terms with weight 1.",
            value={"d": "yes"},
        ),
    ),
    value={"a": "yes", "b": "no", "c": "yes", "d": "no"},
    codes={part: _YES_NO for part in "abcd"},
    explanation="With a dear rate the extra dimensions stay silent (a); with a cheap one they are used "
    "(b). Two\n"
    "dimensions are too few to use what a smaller β offers (c). β = 8 saves rate and loses more distortion "
    "(d).",
)

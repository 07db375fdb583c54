"""Questions of assignment A2, choose β, with checks of form; no answer is here."""

import torch

from vae_course.exercises.handed_in import chosen, formed, later

VARIANCES = torch.tensor([3.0, 1.0, 0.2])
CURVE = {1.0: [(19.0, 90.0), (20.0, 91.0)], 4.0: [(8.0, 99.0), (8.2, 98.0)]}

EXERCISES = (
    later(
        "A2.1",
        "β in disguise",
        "same_optimum(sigma, beta): a VAE with a Gaussian decoder of fixed σ was trained with KL "
        "weight β, both numbers > 0. Returns the σ' of a VAE trained with KL weight 1 (a plain ELBO) "
        "that has the same best encoder and decoder mean: one number > 0.",
        '''def same_optimum(sigma: float, beta: float) -> float:
    """The fixed σ' at which a plain ELBO has the same optimum as the β-ELBO with σ."""
    ...''',
        formed((0.7, 3.0), 0.0, low=0.0),
        "Write the loss: squared error over 2σ², plus β · KL. Multiplying a loss by a number moves no"
        " optimum.",
        "Divide the whole loss by β. What does the first term look like now?",
    ),
    later(
        "A2.2",
        "What the best linear code spends and leaves",
        "optimum(variances, beta, sigma): float tensor (D,) of the data's variances along its "
        "principal directions, numbers β > 0 and σ > 0. For a linear VAE with fixed decoder noise σ "
        "at the optimum of the β-ELBO, returns a dict: 'rate', nats of each direction, and "
        "'squared_error', the mean squared error that is left in each direction when z is drawn from "
        "q; both (D,).",
        '''def optimum(variances: torch.Tensor, beta: float, sigma: float) -> dict[str, torch.Tensor]:
    """variances (D,), > 0. Returns {"rate": (D,) nats, "squared_error": (D,) in the data's squared unit}."""
    ...''',
        formed((VARIANCES, 1.5, 0.6), {"rate": VARIANCES, "squared_error": VARIANCES}, low=0.0),
        "Chapter 04, section 4: a water level made of β and σ.",
        "A direction under water gets no rate: the decoder then puts out its mean. What error is that?",
        "A direction above water is coded until the error left is the level itself.",
    ),
    later(
        "A2.3",
        "Warm up to β",
        "weight_at(step, total_steps, warmup, beta): step is 0 ... total_steps − 1, warmup a share of"
        " the run in (0, 1]. The KL weight rises linearly from 0 at step 0 to beta at step warmup · "
        "total_steps, and stays there. Returns it: a number from 0 to beta.",
        '''def weight_at(step: int, total_steps: int, warmup: float, beta: float) -> float:
    """KL weight at a step: from 0 up to beta during the first share ``warmup`` of the run, then beta."""
    ...''',
        formed((3, 40, 0.3, 2.0), 0.0, low=0.0, high=2.0),
        "How long is the rise, in steps?",
        "After it, nothing rises any more: which function caps a number?",
    ),
    later(
        "A2.4",
        "The best β for a budget",
        "choose_beta(curve, budget_bits): curve is a dict, β → list of (rate, distortion) in nats, "
        "one pair for each seed; budget_bits is a number. Returns the β with the lowest mean "
        "distortion among those whose mean rate is at most the budget, which is in *bits*: one of the"
        " keys. At least one β is within it.",
        '''def choose_beta(curve: dict[float, list[tuple[float, float]]], budget_bits: float) -> float:
    """curve: β → [(rate, distortion), ...] in nats, one for each seed. Returns one of the keys."""
    ...''',
        formed((CURVE, 20.0), 0.0, low=1.0, high=4.0),
        "One bit is log 2 nats.",
        "Average over the seeds first, then ask which β may compete, then which of them is best.",
    ),
    later(
        "A2.5",
        "Whose panel is it?",
        "Three models of the same data, trained with β = 1, 64 and 1024. For 'panel A', 'panel B' and"
        " 'panel C' of the figure give the β: 1, 64 or 1024.",
        'answer_A2_5 = {"panel A": ..., "panel B": ..., "panel C": ...}',
        chosen((1, 64, 1024), "panel A", "panel B", "panel C"),
        "A larger β makes every nat of rate dearer: which panel spends least?",
        "Use the slider: it shows the bars of every β that was trained.",
    ),
    later(
        "A2.6",
        "Why is the code silent?",
        "For 'run 1' to 'run 4' of the table give the code of the likeliest cause. A: β is larger "
        "than the data's variances allow, and the optimum itself is silent. B: the decoder explains "
        "the data without the code. C: training got stuck early, and a warm-up helps. D: nothing is "
        "wrong.",
        'answer_A2_6 = {"run 1": ..., "run 2": ..., "run 3": ..., "run 4": ...}',
        chosen("ABCD", "run 1", "run 2", "run 3", "run 4"),
        "Compare with what the same model reaches with a warm-up, and with the model that has no code"
        " at all.",
        "A silent code is a fault only if the optimum wants it to speak.",
    ),
)

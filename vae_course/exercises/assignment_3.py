"""Questions of assignment A3, choose the latent size, with checks of form; no answer is here."""

import torch

from vae_course.exercises.handed_in import chosen, formed, later

TABLE = {(2, 1.0): [100.0, 101.0], (4, 1.0): [96.0, 97.0]}
CODES = torch.arange(12.0).reshape(4, 3).sin()
FACTOR = CODES[:, 0] + torch.tensor([0.1, -0.1, 0.2, 0.0])

EXERCISES = (
    later(
        "A3.1",
        "Dimensions that carry something",
        "carrying(mean, log_var, threshold): mean and log_var are (n, latent) float tensors, q(z|x) "
        "of n pictures; threshold is a number of nats. Returns the number of latent dimensions whose "
        "KL to the prior N(0, 1), averaged over the pictures, is above the threshold: a whole number.",
        '''def carrying(mean: torch.Tensor, log_var: torch.Tensor, threshold: float) -> int:
    """mean, log_var: (n, latent). Returns how many dimensions carry more than threshold nats on average."""
    ...''',
        formed((CODES, -CODES, 0.1), 0, low=0.0, high=3.0),
        "First the KL of every picture and every dimension, (n, latent).",
        "One number for each dimension: over what do you average?",
    ),
    later(
        "A3.2",
        "Silence all but k dimensions",
        "truncate(mean, log_var, k): mean and log_var are (n, latent). The k dimensions with the "
        "largest mean KL stay as they are; every other dimension becomes the prior, for all pictures."
        " Returns a dict with 'mean' and 'log_var', both (n, latent), dimensions in their old order.",
        '''def truncate(mean: torch.Tensor, log_var: torch.Tensor, k: int) -> dict[str, torch.Tensor]:
    """mean, log_var: (n, latent). Returns {"mean", "log_var"} with all but k dimensions set to the prior."""
    ...''',
        formed((CODES, -CODES, 2), {"mean": CODES, "log_var": CODES}),
        "What are the mean and the log σ² of N(0, 1)?",
        "topk gives the indices of the largest values; build a mask of (latent,) from them.",
    ),
    later(
        "A3.3",
        "Can the factor be read off the code?",
        "readable(train_codes, train_factor, codes, factor): float tensors (n, latent), (n,), (m, "
        "latent), (m,). Fit a linear regression *with an intercept* from codes to the factor by least"
        " squares on the training rows. Returns its R² on the other rows: 1 − mean squared error / "
        "variance of their factor. One number, at most 1, and negative when the mean would have been "
        "a better guess.",
        '''def readable(
    train_codes: torch.Tensor, train_factor: torch.Tensor, codes: torch.Tensor, factor: torch.Tensor
) -> float:
    """(n, latent), (n,), (m, latent), (m,). R² on the second set of a regression fitted to the first."""
    ...''',
        formed((CODES, FACTOR, CODES, FACTOR), 0.0, high=1.0),
        "An intercept is one more column, of ones.",
        "torch.linalg.lstsq(A, b).solution solves it; b wants a second dimension.",
        "Which rows may the fit see, and on which is R² measured?",
    ),
    later(
        "A3.4",
        "The smallest model that is good enough",
        "choose_setting(table, tolerance): table is a dict, (latent size, β) → list of held-out −ELBO"
        " in nats, one for each seed. Of the settings whose mean is at most tolerance above the "
        "lowest mean, returns the one with the smallest latent size, and among those of that size the"
        " one with the largest β: (size, β).",
        '''def choose_setting(table: dict, tolerance: float) -> tuple[int, float]:
    """table: (latent size, β) → −ELBO of each seed, nats. Returns one of the keys."""
    ...''',
        formed((TABLE, 1.0), (0.0, 0.0)),
        "Average over the seeds first. Then: which settings are good enough?",
        "Among tuples, min compares the first entry, then the second. For the largest β, change a sign.",
    ),
    later(
        "A3.5",
        "Two sliders",
        "With the two sliders, 'yes' or 'no' for each. 'a': at β = 8, going from 8 to 32 dimensions "
        "changes the rate by less than 1 nat. 'b': at β = 0.25, going from 8 to 32 dimensions changes"
        " the rate by less than 1 nat. 'c': at 2 dimensions, the distortion at β = 0.25 is within 10 "
        "nats of that at β = 1. 'd': the −ELBO (distortion + rate) at 32 dimensions is lower for β = "
        "8 than for β = 1.",
        'answer_A3_5 = {"a": ..., "b": ..., "c": ..., "d": ...}',
        chosen(("yes", "no"), "a", "b", "c", "d"),
        "Set both sliders to the first setting, note the numbers under the pictures, then move one slider.",
        "Extra dimensions are used only where a nat of rate is cheap enough.",
    ),
)

"""Questions of assignment A4, beyond the plain VAE, with checks of form; no answer is here."""

import torch

from vae_course.exercises.handed_in import chosen, formed, later, numbers

SCORES = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([0.5, 3.0])
FEATURES = torch.arange(12.0).reshape(6, 2).sin(), torch.arange(8.0).reshape(4, 2).cos()
JUDGED = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])

EXERCISES = (
    later(
        "A4.1",
        "What does the generator leave out?",
        "coverage(probabilities, confidence, least): probabilities is (n, classes), a judge's answers"
        " for n samples. A sample is sure when its largest probability is at least confidence, and "
        "then counts for that class. Returns a dict: 'classes', the number of classes with at least "
        "`least` sure samples; 'sure', the share of sure samples; 'kl', KL(histogram of the sure "
        "samples || uniform), in nats.",
        '''def coverage(probabilities: torch.Tensor, confidence: float, least: int) -> dict[str, float]:
    """probabilities (n, classes). Returns {"classes": a count, "sure": a share, "kl": nats}."""
    ...''',
        formed((JUDGED, 0.7, 1), {"classes": 0.0, "sure": 0.0, "kl": 0.0}, low=0.0),
        "max(1) gives the largest probability and its class; bincount counts classes.",
        "A class that was never drawn adds 0 · log 0 = 0 to the KL; torch.special.xlogy knows that.",
    ),
    later(
        "A4.2",
        "Two losses with a hinge",
        "hinge_losses(real, fake): the discriminator's outputs (no sigmoid) for real and generated "
        "samples, (n,) and (m,), high for real. The discriminator wants real above 1 and fake below "
        "−1 and is content beyond; the generator wants fake high without limit. Returns a dict of two"
        " numbers to *minimize*: 'catch' (the discriminator's; mean over the real ones plus mean over"
        " the fake ones) and 'fool' (the generator's).",
        '''def hinge_losses(real: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """real (n,), fake (m,): outputs of the discriminator. Returns {"catch": a number, "fool": a number}."""
    ...''',
        formed(SCORES, {"catch": 0.0, "fool": 0.0}),
        "relu(1 − a) is 0 as soon as a is above 1.",
        "Both are losses: which sign makes the generator raise its outputs?",
    ),
    later(
        "A4.3",
        "A Fréchet distance without matrix roots",
        "frechet_diagonal(a, b): features (n, d) and (m, d), float tensors. Returns the squared "
        "Fréchet distance of two Gaussians with the features' means and standard deviations and "
        "*independent* dimensions: one number ≥ 0.",
        '''def frechet_diagonal(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a (n, d), b (m, d). Squared Fréchet distance of two Gaussians with independent dimensions."""
    ...''',
        formed(FEATURES, 0.0, low=0.0),
        "With a diagonal covariance the trace term of the formula is a sum over dimensions: σa² + σb²"
        " − 2 σa σb.",
        "That is a square.",
    ),
    later(
        "A4.4",
        "How well do scores tell the odd ones?",
        "auroc(normal, odd): anomaly scores (−ELBO, nats) of n normal and m odd examples, float "
        "tensors (n,) and (m,); higher should mean odder. Returns the area under the ROC curve: the "
        "probability that a random odd example scores higher than a random normal one, where a tie "
        "counts one half. A number from 0 to 1.",
        '''def auroc(normal: torch.Tensor, odd: torch.Tensor) -> float:
    """normal (n,), odd (m,): scores. Probability that an odd example scores higher; ties count one half."""
    ...''',
        formed(SCORES, 0.0, low=0.0, high=1.0),
        "Compare every odd score with every normal one: a table of (m, n).",
        "How many entries are above, how many are equal?",
    ),
    later(
        "A4.5",
        "Cover or choose",
        "Target: three equal humps at −6, 0 and 6, each with standard deviation 0.8. Model: one "
        "Gaussian. Give 'forward std', the standard deviation that minimizes KL(target || model); "
        "'reverse std', the one that minimizes KL(model || target); and 'reverse kl', the least "
        "KL(model || target), in nats. To within 0.015.",
        'answer_A4_5 = {"forward std": ..., "reverse std": ..., "reverse kl": ...}',
        numbers("forward std", "reverse std", "reverse kl"),
        "Forward: the best Gaussian has the target's mean and variance. What is the variance of three humps?",
        "Reverse: put the model on one hump. Which share of the target is left out, and what does it cost?",
    ),
    later(
        "A4.6",
        "Four reports, four names",
        "For 'model 1' to 'model 4' of the table give the code of what is wrong. A: mode collapse. B:"
        " posterior collapse. C: it repeats training pictures. D: it draws blurry means.",
        'answer_A4_6 = {"model 1": ..., "model 2": ..., "model 3": ..., "model 4": ...}',
        chosen("ABCD", "model 1", "model 2", "model 3", "model 4"),
        "Which of the four needs an encoder to be seen at all?",
        "Precision asks of samples, recall asks of data. And compare the nearest training picture "
        "with a fresh one's.",
    ),
)

"""The formulas of the cheat sheet: words, formula, the same in PyTorch, and where the package has it.

The tests run the PyTorch column against the package, so the sheet cannot say anything else than the code.
"""

from __future__ import annotations

from typing import NamedTuple

CONVENTION = (
    "nats per example; sum over features and latent dimensions, mean over the batch; log_var is log σ²; "
    "images are float in [0, 1], (batch, channel, height, width)"
)


class Formula(NamedTuple):
    """One row: what it is, how it is written, how it is computed, and its name in the package."""

    name: str
    formula: str
    code: str
    package: str
    chapter: str


class Part(NamedTuple):
    """A headed group of rows; ``note`` is the sentence under the heading."""

    title: str
    note: str
    rows: tuple[Formula, ...]


PARTS = (
    Part(
        "The bound",
        "q(z|x) = N(μ, σ²) from the encoder, p(x|z) from the decoder, prior p(z) = N(0, I). The ELBO is "
        "evaluated with a sample from q; a reconstruction at the mean is called that.",
        (
            Formula(
                "ELBO", "log p(x) ≥ E_q log p(x|z) − KL(q(z|x) ‖ p(z)); the gap is KL(q(z|x) ‖ p(z|x))",
                "-(reconstruction + kl)", "vae_course.elbo.ElboTerms.elbo", "01",
            ),
            Formula(
                "sample (reparameterized)", "z = μ + σ ε,  ε ~ N(0, I)",
                "mean + exp(0.5 * log_var) * noise", "vae_course.elbo.GaussianPosterior.sample", "02",
            ),
            Formula(
                "KL to the prior", "½ Σ (μ² + σ² − 1 − log σ²)",
                "0.5 * (mean**2 + exp(log_var) - 1 - log_var).sum(-1)",
                "vae_course.elbo.GaussianPosterior.kl", "02",
            ),
            Formula(
                "β-ELBO (a loss)", "distortion + β · rate", "(reconstruction + beta * kl).mean()",
                "vae_course.elbo.ElboTerms.loss", "04",
            ),
            Formula(
                "free bits", "Σ max(mean KL of a dimension, λ)",
                "reconstruction.mean() + kl_per_dimension.mean(0).clamp_min(free).sum()",
                "vae_course.elbo.ElboTerms.loss", "04",
            ),
            Formula(
                "importance-weighted bound", "log p(x) ≥ E log (1/K) Σ p(x, zₖ) / q(zₖ|x)",
                "logsumexp(log_joint - log_q, 0) - log(K)",
                "vae_course.evaluation.bounds.importance_weighted_log_prob", "01",
            ),
        ),
    ),
    Part(
        "Reconstruction terms",
        "−log p(x|z), summed over features: constants are part of it, or two models cannot be compared.",
        (
            Formula(
                "Bernoulli", "−Σ x log π + (1 − x) log(1 − π);  logits a",
                "(softplus(a) - x * a).sum(-1)", "vae_course.likelihoods.Bernoulli.log_prob", "02",
            ),
            Formula(
                "Gaussian", "½ Σ (log 2π + log σ² + (x − μ)²/σ²)",
                "0.5 * (log(2 * pi) + 2 * log(sigma) + (x - a)**2 / sigma**2).sum(-1)",
                "vae_course.likelihoods.Gaussian.log_prob", "05",
            ),
            Formula(
                "Laplace", "Σ (log 2b + |x − μ|/b)", "(log(2 * b) + (x - a).abs() / b).sum(-1)",
                "vae_course.likelihoods.Laplace.log_prob", "05",
            ),
            Formula(
                "continuous Bernoulli", "Bernoulli − Σ log C(π),  C = logit π / (2π − 1)",
                "(softplus(a) - x * a - log(a / (2 * sigmoid(a) - 1))).sum(-1)",
                "vae_course.likelihoods.ContinuousBernoulli.log_prob", "05",
            ),
            Formula(
                "effective β of “mean squared error + w · KL”", "β = w D / 2 for a decoder of σ = 1",
                "weight * features / 2", "vae_course.evaluation.loss_translator.effective_beta", "05",
            ),
        ),
    ),
    Part(
        "What the code does",
        "Measured on held-out data. A dead unit is no bug by itself: first ask whether the optimum wants it.",
        (
            Formula(
                "active units", "variance over x of the posterior mean > 0.01",
                "(means.var(0) > 0.01).sum()", "vae_course.evaluation.code_use.active_units", "08",
            ),
            Formula(
                "rate, split", "E KL(q(z|x) ‖ p) = I(x; z) + KL(q(z) ‖ p)", "information + off_prior",
                "vae_course.evaluation.code_use.CollapseReport", "04",
            ),
            Formula(
                "water-filling (linear VAE)", "rate ½ log(λ/θ) where λ > θ = βσ², else 0",
                "0.5 * log((variances / level).clamp_min(1))",
                "vae_course.models.toys.water_filling", "04",
            ),
            Formula(
                "straight line", "(1 − t) a + t b", "(1 - t) * start + t * end",
                "vae_course.evaluation.paths.lerp", "03",
            ),
            Formula(
                "great circle", "(sin (1 − t)ω a + sin tω b) / sin ω,  ω the angle between a and b",
                "(sin((1 - t) * omega) * start + sin(t * omega) * end) / sin(omega)",
                "vae_course.evaluation.paths.slerp", "03",
            ),
        ),
    ),
    Part(
        "Judging samples",
        "Every number depends on the judge and on n: say both. None of them is a likelihood.",
        (
            Formula(
                "Fréchet distance", "‖m − m′‖² + tr(S + S′ − 2 (S S′)^½)",
                "((mean_a - mean_b)**2 + (std_a - std_b)**2).sum()  # independent dimensions",
                "vae_course.evaluation.samples.frechet_distance", "07",
            ),
            Formula(
                "precision; recall: exchanged", "share of samples inside the data's k-NN balls",
                "(distances <= radii).any(1).double().mean()", "vae_course.evaluation.precision_recall", "07",
            ),
            Formula(
                "AUROC of a score", "P(odd > normal) + ½ P(odd = normal)",
                "((odd[:, None] > normal) + 0.5 * (odd[:, None] == normal)).mean()",
                "vae_course.evaluation.baselines.auroc", "09",
            ),
            Formula(
                "bits per dimension", "−ELBO / (D log 2); scaling changes a density", "nats / (D * log(2))",
                "vae_course.evaluation.bounds.bits_per_dimension", "10",
            ),
            Formula(
                "perplexity of a codebook", "exp(entropy of how often each letter is used)",
                "exp(-(p * log(p)).sum())", "vae_course.models.vq_vae.perplexity", "11",
            ),
        ),
    ),
)  # fmt: skip

MISTAKES = (
    ("KL averaged over latent dimensions, or summed over the batch", "β is wrong by that number, silently"),
    ("mean over pixels in one term, sum in the other", "β is wrong by the number of pixels"),
    ("log_var read as log σ, or as σ", "the posterior has the wrong width; KL and samples disagree"),
    ("½ left out of the KL", "β = 2"),
    ("no sampling in training", "an autoencoder with a penalty; the bound means nothing"),
    ("−ELBO evaluated at the mean", "too low by tenths to tens of nats"),
    (
        "BCE on gray pixels called a likelihood",
        "on MNIST nearly half of it is the entropy of the pixels themselves",
    ),
    ("scaled with held-out or batch statistics", "held-out numbers leak; a single example cannot be scored"),
    ("padding counted in a text's loss", "short texts look cheap, and the model learns to pad"),
    ("generated samples not detached for the discriminator", "its loss trains the generator, against it"),
    ("settings chosen on the test set", "the quoted number is no estimate any more"),
)

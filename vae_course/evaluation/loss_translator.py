"""From somebody else's loss weights to the β of this course: everybody writes a·reconstruction + b·KL, with
sums or means over pixels, latent dimensions and the batch.
"""

from dataclasses import dataclass

NATS_PER_ERROR = {
    # −log p(x|z) = factor · (error summed over the features) + constant
    "mse": 0.5,  # Gaussian with σ = 1: ½ (x − x̂)²
    "bce": 1.0,  # Bernoulli: the cross-entropy itself
    "l1": 1.0,  # Laplace with b = 1: |x − x̂|
}
# An error of pixels with another distance from black to white grows by this power of it.
POWER_OF_RANGE = {"mse": 2, "bce": 0, "l1": 1}
REDUCTIONS = ("sum", "batch mean", "mean")


@dataclass(frozen=True)
class LossWeights:
    """A VAE loss as somebody wrote it: error_weight · error + kl_weight · KL. Reductions are "sum" over
    everything, "batch mean" (sum over pixels or dimensions, mean over the batch) or "mean" over everything.
    """

    error: str  # "mse" (squared error, without ½), "bce" or "l1"
    features: int  # pixels times channels of one picture
    error_weight: float = 1.0
    kl_weight: float = 1.0
    error_reduction: str = "mean"
    kl_reduction: str = "batch mean"
    latent_dim: int | None = None  # needed for the mean of the KL over everything
    batch_size: int | None = None  # needed when one term is averaged over the batch and the other is not
    pixel_range: float = 1.0  # from black to white: 1 for pixels in [0, 1], 2 for [−1, 1], 255 for bytes
    name: str = ""
    source: str = ""  # where that line stands: file, line or call, commit

    def __post_init__(self):
        known = {"error": NATS_PER_ERROR, "error_reduction": REDUCTIONS, "kl_reduction": REDUCTIONS}
        for field, choices in known.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"{field} is {getattr(self, field)!r}; choose one of {', '.join(choices)}.")
        if self.error == "bce" and self.pixel_range != 1:
            raise ValueError(f"pixel_range is {self.pixel_range}; expected 1 for cross-entropy.")
        if self.kl_reduction == "mean" and not self.latent_dim:
            raise ValueError("a KL averaged over everything needs latent_dim: give the size of the code.")
        if (self.error_reduction == "sum") != (self.kl_reduction == "sum") and not self.batch_size:
            raise ValueError("one term is summed over the batch, the other averaged: β needs batch_size.")


def effective_beta(loss: LossWeights) -> float:
    """The β for which reconstruction + β·KL, in nats per example, has the same minimum as that loss, with the
    likelihood of unit scale on pixels in [0, 1]: σ = 1 for "mse", b = 1 for "l1". See :func:`implied_scale`.
    """

    def per_example(weight: float, reduction: str, elements: int | None) -> float:
        """What stands before one example's sum, up to the factor 1/batch that both terms share."""
        return weight / {"sum": 1 / (loss.batch_size or 1), "batch mean": 1, "mean": elements}[reduction]

    error = per_example(loss.error_weight, loss.error_reduction, loss.features)
    kl = per_example(loss.kl_weight, loss.kl_reduction, loss.latent_dim)
    return kl * NATS_PER_ERROR[loss.error] / (error * loss.pixel_range ** POWER_OF_RANGE[loss.error])


def implied_scale(loss: LossWeights) -> float | None:
    """The scale at which that loss is a true ELBO (β = 1): σ = √β for "mse", b = β for "l1", None for "bce".

    ½ (x − x̂)² + β·KL is β times (x − x̂)² / 2σ² + KL with σ² = β (Rybkin et al. 2021, section 3), in pixels.
    """
    beta = effective_beta(loss)
    return {"mse": beta**0.5, "l1": beta, "bce": None}[loss.error]


# As they stand in the named files (lines or a quoted one; commits in brackets), each as "the VAE loss".
FAMOUS = (
    LossWeights(
        *("bce", 784, 1, 1, "sum", "sum"),
        name="pytorch/examples, keras-io: sum BCE + sum KL",
        source="pytorch/examples, vae/main.py, 74–82 (cd01f93); keras-io, examples/generative/vae.py, 92–99",
    ),
    LossWeights(
        *("mse", 3 * 64 * 64, 1, 0.00025),
        name="PyTorch-VAE: mean MSE + 0.00025 KL",
        source="AntixK/PyTorch-VAE, configs/vae.yaml, 19 (a6896b9), models/vanilla_vae.py, F.mse_loss",
    ),
    LossWeights(
        *("mse", 3 * 32 * 32, 2000, 1),
        name="Generative Deep Learning, faces: 2000 mean MSE + KL",
        source="davidADSP/Generative_Deep_Learning_2nd_Edition, 03_vae/03_vae_faces, BETA = 2000 (5951133)",
    ),
    LossWeights(
        *("bce", 32 * 32, 500, 1),
        name="Generative Deep Learning, Fashion: 500 mean BCE + KL",
        source="the same, 03_vae/02_vae_fashion, BETA = 500 (3d28172)",
    ),
    LossWeights(
        *("mse", 784, 1, 1 / 784),
        name="handson-ml3: mean MSE + KL / 784",
        source="ageron/handson-ml3, 17_autoencoders_gans_and_diffusion_models, add_loss(… / 784.)",
    ),
    LossWeights(
        *("l1", 3 * 64 * 64, 1, 0.0005),
        name="introtodeeplearning: mean L1 + 0.0005 KL",
        source="aamini/introtodeeplearning, lab2/…/Part2_Debiasing_Solution, kl_weight=0.0005 (0428dfe)",
    ),
)

"""Everything that a sweep over latent sizes measures of one trained model."""

import torch

from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.classifier import Classifier
from vae_course.evaluation.frechet import frechet_distance
from vae_course.evaluation.latent import active_units, kl_per_dimension
from vae_course.evaluation.precision_recall import precision_recall
from vae_course.evaluation.probe import probe_accuracy

USED = 0.05  # nats: what a latent dimension must carry to count as used
NEIGHBORS = 1000  # pictures for precision and recall, whose cost grows with the square


def size_report(
    model, train, held_out, classifier: Classifier | None = None, *, samples: int = 2000, seed: int = 0
) -> dict:
    """Distortion, rate, use of the code, quality of samples and cost of one model.

    Args:
        model: a trained VAE.
        train: ImageData it was trained on, for the probe alone.
        held_out: ImageData to measure on; never the test part, because sizes are chosen by it.
        classifier: judge of the samples; None leaves Fréchet distance, precision and recall out (None).
        samples: decoder means from N(0, I), and held-out pictures, on each side of the Fréchet distance.
        seed: of z.

    Returns:
        A dict of plain numbers: ``negative_elbo``, ``distortion``, ``rate`` (nats per example),
        ``active_units`` (Burda et al. 2016: Var_x[μ_j(x)] > 0.01, which is met by a KL of 0.005 nats),
        ``used_units`` (KL of at least 0.05 nats), ``kl_per_dimension`` (nats, largest first),
        ``probe_accuracy`` (in [0, 1], None without labels), ``frechet``, ``precision``, ``recall``,
        ``parameters``, and ``operations``: floating-point operations to encode and decode one picture.
    """
    bound = evaluate(model, held_out, seed=seed)
    kl = kl_per_dimension(model, held_out, seed=seed).sort(descending=True).values
    labeled = train.labels is not None and held_out.labels is not None
    return {
        "negative_elbo": bound.negative_elbo.value,
        "distortion": bound.reconstruction.value,
        "rate": bound.kl.value,
        "active_units": active_units(model, held_out, seed=seed),
        "used_units": int((kl >= USED).sum()),
        "kl_per_dimension": [round(value, 5) for value in kl.tolist()],
        "probe_accuracy": probe_accuracy(model, train, held_out) if labeled else None,
        **_sample_report(model, held_out, classifier, samples, seed),
        **cost(model),
    }


def cost(model) -> dict[str, int]:
    """Learnable numbers, and floating-point operations to encode and decode one picture."""
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.zeros(1, *model.image_shape, device=next(model.parameters()).device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(x).mean)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "operations": counter.get_total_flops()}


def _sample_report(model, held_out, classifier, samples: int, seed: int) -> dict[str, float | None]:
    if classifier is None:
        return dict.fromkeys(("frechet", "precision", "recall"))
    n = min(samples, len(held_out))
    pictures = model.sample(n, torch.Generator(model.input_mean.device).manual_seed(seed)).cpu().clamp(0, 1)
    real = classifier.features((held_out if len(held_out) == n else held_out.subset(n)).floats())
    ours = classifier.features(pictures)
    precision, recall = precision_recall(real[:NEIGHBORS], ours[:NEIGHBORS])
    return {"frechet": frechet_distance(ours, real), "precision": precision, "recall": recall}

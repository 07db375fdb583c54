"""Linear probe: how much of a label can be read off a code with straight cuts."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vae_course.evaluation.latent import posterior_means
from vae_course.training.optimizers import LBFGS


def linear_probe(
    codes: Tensor,
    labels: Tensor,
    held_out_codes: Tensor,
    held_out_labels: Tensor,
    *,
    weight_decay: float = 1e-3,
    iterations: int = 60,
) -> float:
    """Accuracy on held-out codes of multinomial logistic regression (Alain & Bengio 2017, "linear probes").

    Every code dimension is first brought to mean 0 and standard deviation 1, so that the penalty means the
    same for all; the fit is full-batch L-BFGS from zero weights and gives the same answer on every call.

    Args:
        codes, labels: (n, d) float and (n,) int64, the examples to fit on.
        held_out_codes, held_out_labels: (m, d) and (m,), the examples to be right about.
        weight_decay: weight of ½·|W|² beside the mean cross-entropy (nats).
        iterations: of L-BFGS, at most.

    Returns:
        Share of the held-out examples whose class is found, in [0, 1].

    Raises:
        ValueError: shapes do not fit together.
    """
    for x, y in ((codes, labels), (held_out_codes, held_out_labels)):
        if x.dim() != 2 or y.shape != x.shape[:1] or len(x) == 0 or x.shape[1] != codes.shape[1]:
            raise ValueError(
                f"codes have shape {tuple(x.shape)} and labels {tuple(y.shape)}; expected (n, d) with the "
                f"same d on both sides, and (n,)."
            )
    mean, std = codes.mean(0), codes.std(0, correction=0).clamp_min(1e-6)
    x, held_out = (codes - mean) / std, (held_out_codes - mean) / std
    n_classes = int(torch.cat([labels, held_out_labels]).max()) + 1
    weight = torch.zeros(n_classes, x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(n_classes, dtype=x.dtype, requires_grad=True)
    optimizer = LBFGS([weight, bias], max_iter=iterations, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(x @ weight.T + bias, labels) + weight_decay / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    with torch.no_grad():
        found = (held_out @ weight.T + bias).argmax(-1)
    return (found == held_out_labels).double().mean().item()


def probe_accuracy(model, train, held_out, *, examples: int = 2000, weight_decay: float = 1e-3) -> float:
    """Accuracy of a linear probe on posterior means: fitted on training examples, measured on held-out ones.

    Args:
        model: a VAE or an Autoencoder.
        train, held_out: ImageData with labels.
        examples: at most so many of each, class proportions kept.
        weight_decay: see :func:`linear_probe`.

    Raises:
        ValueError: the data have no labels.
    """
    if train.labels is None or held_out.labels is None:
        raise ValueError(f"{train.name} has no labels; a probe needs them.")
    parts = []
    for data in (train, held_out):
        data = data if len(data) <= examples else data.subset(examples)
        parts += [posterior_means(model, data), data.labels.cpu()]
    return linear_probe(*parts, weight_decay=weight_decay)

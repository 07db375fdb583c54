"""A perceptual loss: distance between what a small classifier sees in two pictures."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

ACTIVATIONS = (1, 3, 6)


def feature_layers(classifier: nn.Module, x: Tensor, layers: Sequence[int] = ACTIVATIONS) -> list[Tensor]:
    """What the classifier computes on the way, with gradients: one (n, units) tensor for each layer.

    Args:
        classifier: has ``body``, a Sequential (evaluation.Classifier).
        x: (n, C, H, W), in [0, 1].
        layers: places in ``body``; the default are the three activations.
    """
    found = []
    for place, layer in enumerate(classifier.body[: max(layers) + 1]):
        x = layer(x)
        if place in layers:
            found.append(x.flatten(1))
    return found


class FeatureLoss(nn.Module):
    """A pixel likelihood plus a term that compares features (Hou et al. 2017; Larsen et al. 2016, eq. 7).

    log_prob = log p_pixel(x|z) − weight · ½ Σ |φ(x) − φ(x̂)|², with x̂ the mean picture. The second term is
    a unit Gaussian over *features*; φ is not invertible, so this is no density of x and its "ELBO" is not a
    bound of log p(x): compare it with nothing but itself.

    Args:
        classifier: sees the pictures; a frozen copy of it is kept, and saved with the model.
        pixel: the likelihood of the pixels, which also turns ``params`` into a picture.
        weight: nats per squared unit of the features, ≥ 0.
        layers: places in ``classifier.body`` whose outputs are compared.
    """

    def __init__(
        self,
        classifier: nn.Module,
        pixel: nn.Module,
        weight: float = 1.0,
        layers: Sequence[int] = ACTIVATIONS,
    ):
        super().__init__()
        if weight < 0:
            raise ValueError(f"weight is {weight}; a distance can only be punished: give 0 or more.")
        self.classifier = copy.deepcopy(classifier).eval().requires_grad_(False)
        self.pixel = pixel
        self.weight = weight
        self.layers = tuple(layers)

    def distance(self, x: Tensor, picture: Tensor) -> Tensor:
        """½ Σ |φ(x) − φ(picture)|²: (batch, C, H, W) and (..., batch, C, H, W) → (..., batch)."""
        leading = picture.shape[: picture.dim() - 3]
        seen = feature_layers(self.classifier, picture.reshape(-1, *picture.shape[-3:]), self.layers)
        wanted = feature_layers(self.classifier, x, self.layers)
        total = torch.zeros(leading, dtype=picture.dtype, device=picture.device)
        for ours, theirs in zip(seen, wanted, strict=True):
            total = total + 0.5 * (ours.reshape(*leading, -1) - theirs).square().sum(-1)
        return total

    def log_prob(self, x: Tensor, params: Tensor) -> Tensor:
        """The pixel likelihood minus the weighted feature distance, (..., batch), nats-like."""
        return self.pixel.log_prob(x, params) - self.weight * self.distance(x, self.pixel.mean(params))

    def mean(self, params: Tensor) -> Tensor:
        """The picture, as the pixel likelihood has it."""
        return self.pixel.mean(params)

    def sample(self, params: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from the pixel likelihood; the feature term has no distribution of pictures."""
        return self.pixel.sample(params, generator)

    def params_for_mean(self, mean: Tensor) -> Tensor:
        """As the pixel likelihood has it."""
        return self.pixel.params_for_mean(mean)

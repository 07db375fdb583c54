"""A small classifier of the data set itself, as a judge of pictures."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vae_course.models.networks import keeps_config


class Classifier(nn.Module):
    """Two convolutions and 64 features, for pictures (C, H, W) whose sides are divisible by 4."""

    @keeps_config
    def __init__(self, image_shape: Sequence[int] = (1, 28, 28), n_classes: int = 10):
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"pictures of {height}×{width} do not fit; the sides must be divisible by 4.")
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (height // 4) * (width // 4), 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes: (batch, C, H, W) in [0, 1] → (batch, n_classes)."""
        return self.head(self.body(x))

    def features(self, x: Tensor, batch_size: int = 1000) -> Tensor:
        """The 64 numbers before the last layer, ≥ 0: (n, C, H, W) → (n, 64), on the CPU."""
        return self._in_parts(self.body, x, batch_size)

    def probabilities(self, x: Tensor, batch_size: int = 1000) -> Tensor:
        """Class probabilities: (n, C, H, W) → (n, n_classes), on the CPU."""
        return self._in_parts(self, x, batch_size).softmax(-1)

    @torch.no_grad()
    def _in_parts(self, network: nn.Module, x: Tensor, batch_size: int) -> Tensor:
        device = self.head.weight.device
        return torch.cat([network(part.to(device)).cpu() for part in x.split(batch_size)])

    def accuracy(self, data) -> float:
        """Share of a labeled data set that is classified correctly, in [0, 1]."""
        return (self.probabilities(data.floats()).argmax(-1) == data.labels.cpu()).float().mean().item()

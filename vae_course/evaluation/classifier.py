"""Training of the judge of pictures."""

import torch
from torch.nn import functional as F

from vae_course.machine import Adam
from vae_course.models.classifier import Classifier, require_labels


def train_classifier(
    data, *, seed: int = 0, epochs: int = 3, batch_size: int = 128, learning_rate: float = 2e-3
) -> Classifier:
    """Train a :class:`Classifier` on labeled data, on the CPU; about 4 s an epoch of 60,000 digits.

    Args:
        data: ImageData with labels.
        seed: of the weights and the order of the examples; torch's global state is left as it was.
    """
    require_labels(data)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(data.shape, len(data.class_names))
    order = torch.Generator().manual_seed(seed)
    optimizer = Adam(model.parameters(), lr=learning_rate)
    total = epochs * -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(1 - step / max(total, 1), 0.0))
    for _ in range(epochs):
        for index in torch.randperm(len(data), generator=order).split(batch_size):
            loss = F.cross_entropy(model(data.batch(index, order)), data.labels[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()

"""The usual recipe of VAE tutorials, as a program of its own: what the course's ``fit`` is compared with.

784-400-20, ReLU, Adam at 1e-3, batches of 128, a DataLoader that turns each picture into a tensor as it is
read, the sum of the binary cross-entropy: the recipe of pytorch/examples (vae/main.py), written anew.

    python -m benchmarks.speed_usual '{"seed": 0, "epochs": 10, "root": "data"}'

Prints one line of JSON when training has ended, and another with the level it reached.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor


class UsualVAE(nn.Module):
    """One hidden layer of 400 units on either side, 20 latent dimensions."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 400)
        self.mean = nn.Linear(400, 20)
        self.log_var = nn.Linear(400, 20)
        self.widen = nn.Linear(20, 400)
        self.pixels = nn.Linear(400, 784)

    def forward(self, x):
        h = F.relu(self.hidden(x.view(-1, 784)))
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return torch.sigmoid(self.pixels(F.relu(self.widen(z)))), mean, log_var


def negative_elbo(x, reconstruction, mean, log_var):
    """Sum over the batch, nats."""
    cross_entropy = F.binary_cross_entropy(reconstruction, x.view(-1, 784), reduction="sum")
    return cross_entropy - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


def train(job: dict) -> nn.Module:
    """The model after ``job["epochs"]`` passes through the 60,000 training digits of MNIST."""
    torch.manual_seed(job["seed"])
    digits = MNIST(job["root"], train=True, transform=ToTensor())
    loader = DataLoader(digits, batch_size=128, shuffle=True)
    model = UsualVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    total = 0.0
    for _ in range(job["epochs"]):
        for x, _ in loader:
            optimizer.zero_grad()
            loss = negative_elbo(x, *model(x))
            loss.backward()
            total += loss.item()
            optimizer.step()
    return model


@torch.no_grad()
def level(model: nn.Module, x: torch.Tensor) -> float:
    """Mean −ELBO on gray pictures (n, 1, 28, 28) in [0, 1], one draw of z each, nats."""
    torch.manual_seed(0)
    return sum(negative_elbo(part, *model(part)).item() for part in x.split(1000)) / len(x)


def main(job: dict) -> None:
    start = time.perf_counter()
    model = train(job)
    print(json.dumps({"training_seconds": time.perf_counter() - start}), flush=True)
    from vae_course import load

    print(json.dumps({"gray": level(model, load("mnist", "test", root=job["root"]).floats())}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

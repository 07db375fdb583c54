"""Attribute edits without a known truth, where codes and reader are linear: the rows can be worked out."""

import pytest
import torch
from torch import nn

from vae_course.data.images import ImageData
from vae_course.elbo import GaussianPosterior
from vae_course.evaluation.attributes import edit_rows


class Shown:
    def mean(self, params):
        return params[:, None, None, :].clamp(0, 1)


class Pixels(nn.Module):
    """The code is the three first pixels; the picture is the code."""

    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.likelihood = Shown()

    def encode(self, x):
        return GaussianPosterior(x[:, :, 0, :3].flatten(1), torch.zeros(len(x), 3))

    def decode(self, z):
        return z


def pixels(n, seed):
    """Attribute 0 raises pixel 0, attribute 1 pixel 1, and three of four times they come together."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(n, generator=generator) < 0.5
    second = torch.where(torch.rand(n, generator=generator) < 0.75, first, ~first)
    attributes = torch.stack([first, second], dim=1)
    values = 0.3 + 0.2 * torch.cat([attributes.float(), torch.zeros(n, 1)], dim=1)
    values = values + 0.02 * torch.randn(n, 3, generator=generator)
    images = (255 * values).round().clamp(0, 255).to(torch.uint8)[:, None, None, :]
    return ImageData(
        "pixels", "train", images, None, (), attributes=attributes.to(torch.uint8), attribute_names=("a", "b")
    )


class Reader(nn.Module):
    def forward(self, x):
        return torch.logit(x[:, 0, 0, :2].clamp(0.01, 0.99))


def test_rows_say_what_was_gained_and_what_came_along():
    rows = edit_rows(Pixels(), pixels(3000, 0), pixels(400, 1), Reader(), ["a"], gain=0.19, n=200)
    by = {row["vector"]: row for row in rows}
    assert [row["vector"] for row in rows] == ["mean difference", "probe", "adjusted"]
    assert by["adjusted"]["dose"] == pytest.approx(1.0) and by["adjusted"]["gain"] == pytest.approx(
        0.2, abs=0.01
    )
    assert by["adjusted"]["collateral"] < 0.01
    assert by["mean difference"]["its change"] == pytest.approx(0.1, abs=0.01)  # half of 0.2 came along
    assert by["mean difference"]["most changed bystander"] == "b"


def test_a_gain_out_of_reach_is_said():
    rows = edit_rows(Pixels(), pixels(500, 0), pixels(100, 1), Reader(), ["b"], gain=0.99)
    assert all(row["dose"] is None for row in rows)

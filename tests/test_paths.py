"""Paths through codes and pictures, and what a judge says about them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.elbo import elbo_terms
from vae_course.evaluation.paths import (
    coin_entropy,
    lerp,
    path_cost,
    slerp,
    with_contrast,
)
from vae_course.models.vae import VAE

T = torch.linspace(0, 1, 9, dtype=torch.float64)


def codes(n: int, latent: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, latent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_paths_start_and_end_where_they_should(seed, latent):
    a, b = codes(4, latent, seed), codes(4, latent, seed + 1)
    for path in (lerp, slerp):
        z = path(a, b, T)
        assert z.shape == (9, 4, latent)
        assert torch.allclose(z[0], a) and torch.allclose(z[-1], b)
        assert torch.allclose(path(b, a, T), z.flip(0))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_a_great_circle_keeps_the_norm_and_turns_at_a_steady_angle(seed, latent):
    a, b = codes(4, latent, seed), codes(4, latent, seed + 1)
    b = b / b.norm(dim=-1, keepdim=True) * a.norm(dim=-1, keepdim=True)
    z = slerp(a, b, T)
    assert torch.allclose(z.norm(dim=-1), a.norm(dim=-1).expand(9, 4))
    directions = z / z.norm(dim=-1, keepdim=True)
    turned = torch.arccos((directions[1:] * directions[:-1]).sum(-1).clamp(-1, 1))
    assert torch.allclose(turned, turned[:1].expand_as(turned), atol=1e-6)
    assert torch.allclose(turned.sum(0), torch.arccos((directions[0] * directions[-1]).sum(-1)), atol=1e-6)


def test_a_quarter_turn_in_the_plane():
    z = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    assert torch.allclose(z, torch.full((1, 2), math.sqrt(0.5)))


def test_nearly_parallel_codes_are_joined_by_the_straight_line():
    a = torch.tensor([[3.0, 4.0], [1e-3, 1.0]])
    b = torch.tensor([[6.0, 8.0], [1e-3 + 1e-9, 1.0]])
    assert torch.allclose(slerp(a, b, T.float()), lerp(a, b, T.float()), atol=1e-6)


@pytest.mark.parametrize("latent", [2, 3, 32])
@pytest.mark.parametrize("off", [0.0, 3e-5])
def test_opposite_codes_are_joined_by_half_a_circle_that_both_directions_share(latent, off):
    a = codes(6, latent)
    b = -1.5 * a + off * codes(6, latent, 1)  # opposite, and nearly so: less than 1e-4 radians
    z = slerp(a, b, T)
    assert torch.allclose(z[0], a, atol=1e-12) and torch.allclose(z[-1], b, atol=1e-12)
    assert torch.allclose(slerp(b, a, T), z.flip(0))
    assert torch.allclose(z.norm(dim=-1), lerp(a.norm(dim=-1), b.norm(dim=-1), T))
    turned = torch.arccos(torch.cosine_similarity(z[1:], z[:-1], dim=-1))
    assert torch.allclose(turned, torch.full_like(turned, math.pi / 8), atol=1e-4)
    assert torch.equal(slerp(a[0], b[0], T), z[:, 0]), "one pair without a batch"


def test_the_half_circle_goes_by_way_of_the_most_perpendicular_axis():
    z = slerp(torch.tensor([2.0, 0.0]), torch.tensor([-2.0, 0.0]), torch.tensor([0.5]))
    assert torch.allclose(z, torch.tensor([[0.0, 2.0]]))


@pytest.mark.parametrize("seed", range(5))
def test_an_opposite_pair_leaves_the_rest_of_a_batch_as_it_is(seed):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 20_000, 2, generator=generator)
    without = slerp(a, b, T.float())
    b[:10] = -2 * a[:10]
    z = slerp(a, b, T.float())
    assert torch.isfinite(z).all() and torch.equal(z[:, 10:], without[:, 10:])
    assert torch.allclose(z[0], a) and torch.allclose(z[-1], b)
    angle = torch.arccos(torch.cosine_similarity(a.double(), b.double(), dim=-1).clamp(-1, 1))[:, None]
    steps = T[:, None, None]
    exact = (torch.sin((1 - steps) * angle) * a + torch.sin(steps * angle) * b) / torch.sin(angle)
    ordinary = ((angle > 0.01) & (angle < math.pi - 0.01))[:, 0]
    assert ordinary.sum() > 19_500
    torch.testing.assert_close(z[:, ordinary], exact[:, ordinary].float(), rtol=1e-4, atol=1e-3)


def test_paths_that_are_not_defined_are_refused():
    a = torch.tensor([[1.0, 0.0]])
    with pytest.raises(ValueError, match="a line has no circle"):
        slerp(torch.ones(1, 1), -torch.ones(1, 1), T)
    with pytest.raises(ValueError, match="is 0"):
        slerp(a, 0 * a, T)
    with pytest.raises(ValueError, match="two of a kind"):
        lerp(a, torch.zeros(1, 3), T)
    with pytest.raises(ValueError, match="steps"):
        lerp(a, a, torch.tensor(0.5))


def test_a_straight_line_between_pictures_is_a_cross_fade():
    black, white = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    assert torch.allclose(lerp(black, white, torch.tensor([0.25])), torch.full((1, 1, 4, 4), 0.25))


def test_the_entropy_of_coins_has_its_known_values():
    pictures = torch.tensor([0.0, 1.0, 0.5]).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)
    assert coin_entropy(pictures).tolist() == pytest.approx([0, 0, 4 * math.log(2)])


def test_path_cost_is_the_elbo_of_each_picture():
    torch.manual_seed(0)
    judge = VAE(image_shape=(1, 4, 4), latent_dim=2, hidden_dims=(8,))
    pictures = torch.rand(3, 5, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    cost = path_cost(judge, pictures, seed=3)
    flat = pictures.flatten(0, 1)
    expected = elbo_terms(judge, flat, torch.Generator().manual_seed(3)).negative_elbo
    assert torch.allclose(cost.negative_elbo.flatten(), expected)
    assert torch.allclose(cost.excess.flatten(), expected - coin_entropy(flat))
    assert not cost.negative_elbo.requires_grad


def test_contrast_is_brought_to_that_of_other_pictures():
    logits = torch.randn(20, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    for factor in (0.5, 3.0):
        like = (factor * logits).sigmoid()
        assert torch.allclose(with_contrast(logits, like), like, atol=1e-4)

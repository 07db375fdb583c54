"""A decoder that sees its neighbors is a distribution, sees nothing later, and draws what it says."""

import itertools

import pytest
import torch

from vae_course import seed_everything, seeded
from vae_course.models import NeighborDecoder
from vae_course.models.neighbors import SEES


def small(**arguments) -> NeighborDecoder:
    seed_everything(0)
    sizes = {"channels": 2, "width": 8, "depth": 2, "components": 2, "levels": 3} | arguments
    model = NeighborDecoder(**sizes)
    with torch.no_grad():
        model.head.weight.mul_(20)  # an untrained one would hardly look at its neighbors
    return model


@pytest.mark.parametrize("sees", SEES)
def test_the_probabilities_of_all_pictures_sum_to_one(sees):
    model, levels = small(sees=sees), [0, 0.5, 1]
    every = torch.tensor(list(itertools.product(levels, repeat=4))).reshape(-1, 2, 1, 2)
    assert model.log_prob(every).double().exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_the_probabilities_of_all_256_values_sum_to_one():
    model = small(channels=1, levels=256)
    values = torch.linspace(0, 1, 256).reshape(-1, 1, 1, 1)
    assert model.log_prob(values).double().exp().sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("sees", SEES)
def test_a_pixel_sees_what_it_may_and_nothing_that_comes_later(sees):
    model = small(sees=sees, context_channels=3).double()
    x = torch.rand(1, 2, 7, 7, generator=seeded(1)).double().requires_grad_()
    found = model.log_prob_map(x, torch.rand(1, 3, 7, 7, generator=seeded(2)).double())
    for place in range(49):
        slope = torch.autograd.grad(found[0].flatten()[place], x, retain_graph=True)[0].abs().sum((0, 1))
        seen = set(slope.flatten().nonzero()[:, 0].tolist())
        row, column = divmod(place, 7)
        two = {place - 1 if column else place, place - 7 if row else place}
        may = set(range(place + 1)) if sees == "all" else {place} | (two if sees == "two" else set())
        assert place in seen and seen <= may
        assert sees == "all" or seen == may


def test_the_colors_come_in_order():
    model = small(channels=3, levels=256)
    x = torch.rand(2, 3, 1, 1, generator=seeded(0))
    weight, center, _, shift = model.pixel(x)
    moved = model.shifted(center, shift, x)
    changed = x.clone()
    changed[:, 2] = 0.9
    assert torch.equal(model.shifted(center, shift, changed), moved)  # no color is told of the last
    changed[:, 0] = 0.1
    later = (model.shifted(center, shift, changed) != moved).any(dim=1)[:, :, 0, 0]
    assert later.tolist() == 2 * [[False, True, True]]
    assert weight.exp().sum(1).allclose(torch.ones(2, 1, 1))


@pytest.mark.parametrize("sees", SEES)
def test_draws_follow_the_probabilities_and_repeat(sees):
    model = small(sees=sees)
    drawn = model.sample(shape=(4000, 1, 2), generator=seeded(0))
    assert torch.equal(drawn, model.sample(shape=(4000, 1, 2), generator=seeded(0)))
    pictures, counts = drawn.unique(dim=0, return_counts=True)
    expected = model.log_prob(pictures).exp() * 4000
    error = (counts - expected).abs() / (expected + 4).sqrt()
    assert error.max() < 4.5


def test_without_sight_all_numbers_are_independent():
    model = small(sees="nothing", levels=256)
    x = torch.rand(1, 2, 1, 1, generator=seeded(0)).double().requires_grad_()
    log_prob = lambda x: model.double().log_prob(x).sum()  # noqa: E731
    curvature = torch.autograd.functional.hessian(log_prob, x.detach()).reshape(2, 2)
    assert curvature[0, 1].abs() < 1e-9 < curvature[0, 0].abs()


def test_a_window_tells_a_pixel_as_much_as_the_whole_picture():
    model = small(context_channels=1, levels=256)
    context = torch.rand(2, 1, 12, 11, generator=seeded(3))
    x = model.sample(context, seeded(4))
    told, r, (i, j) = model.features(context, x), model.reach, (9, 6)
    window = (..., slice(i - r, i + 1), slice(j - r, j + r + 1))
    for whole, part in zip(model.pixel(x, told), model.pixel(x[window], told[window]), strict=True):
        assert whole[..., i, j].allclose(part[..., -1, r], atol=1e-5)


@pytest.mark.parametrize("code", [0, 3])
def test_a_context_is_asked_for_where_it_is_needed(code):
    model = small(context_channels=code)
    x, context = torch.rand(2, 2, 4, 4, generator=seeded(0)), None if code else torch.rand(2, 3, 4, 4)
    with pytest.raises(ValueError, match="was given"):
        model.log_prob(x, context)
    with pytest.raises(ValueError, match="choose one of nothing, colors, two, all"):
        NeighborDecoder(sees="some")

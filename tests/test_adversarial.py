"""fit_gan: gradient routing, losses by hand, penalty, repetition."""

import math

import pytest
import torch
from torch import nn

from recipes.gan import fit_gan
from vae_course.data.tables import PointData
from vae_course.data.toys import ring_mixture
from vae_course.randomness import seed_everything
from vae_course.training.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from vae_course.training.loop import TrainingDiverged

QUIET = {"device": "cpu", "progress": False}
RING = PointData(ring_mixture().sample(200)[0])


class Generator(nn.Sequential):
    """Noise (batch, 2) → points (batch, features)."""

    latent_dim = 2

    def __init__(self, features: int):
        super().__init__(nn.Linear(2, 16), nn.GELU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, features))

    @torch.no_grad()
    def sample(self, n: int, generator=None) -> torch.Tensor:
        return self(torch.randn(n, self.latent_dim, generator=generator))


class Discriminator(nn.Sequential):
    """Points (batch, features) → scores (batch,)."""

    def __init__(self, features: int):
        layers = nn.Linear(features, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.LeakyReLU(0.2)
        super().__init__(*layers, nn.Linear(16, 1), nn.Flatten(0))


def players(data=RING, seed=0):
    seed_everything(seed)
    features = data.points.shape[1]
    return Generator(features), Discriminator(features)


def run(data=RING, seed=0, build_seed=0, **settings):
    generator, discriminator = players(data, build_seed)
    history = fit_gan(
        generator, discriminator, data, **{"steps": 20, "batch_size": 32, "seed": seed, **settings}, **QUIET
    )
    return generator.state_dict(), discriminator.state_dict(), history


def test_losses_by_hand():
    real, fake = torch.tensor([2.0, -0.5]), torch.tensor([0.3, -4.0])
    d, g = discriminator_loss, generator_loss
    sigmoid = lambda v: 1 / (1 + math.exp(-v))  # noqa: E731
    expected = -(math.log(sigmoid(2)) + math.log(sigmoid(-0.5))) / 2
    expected -= (math.log(1 - sigmoid(0.3)) + math.log(1 - sigmoid(-4.0))) / 2
    assert d(real, fake).item() == pytest.approx(expected, rel=1e-5)
    assert g(fake).item() == pytest.approx(-(math.log(sigmoid(0.3)) + math.log(sigmoid(-4.0))) / 2, rel=1e-5)


def test_the_penalty_is_the_squared_slope():
    weight = torch.tensor([3.0, 4.0])
    x = torch.randn(7, 2, requires_grad=True)
    assert gradient_penalty(x @ weight, x).item() == pytest.approx(25.0, rel=1e-5)
    assert gradient_penalty((x**2).sum(1), x).item() == pytest.approx(
        4 * x.square().sum(1).mean().item(), rel=1e-5
    )


def test_the_penalty_is_halved_times_its_weight_in_the_update():
    """One step from the same weights: the gradients of the two runs differ by γ/2 times the penalty's."""
    _, discriminator = players()
    x = RING.points.clone().requires_grad_()
    gradient_penalty(discriminator(x), x).backward()
    expected = discriminator[0].weight.grad.clone()
    updates = []
    for penalty in (0.0, 3.0):
        _, d = players()
        first_moment = _first_gradient(d, penalty)
        updates.append(first_moment)
    torch.testing.assert_close(updates[1] - updates[0], 1.5 * expected, rtol=1e-4, atol=1e-6)


def _first_gradient(discriminator, penalty):
    """What Adam saw of the first layer in the first update."""
    generator, _ = players()
    seen = []
    weight = discriminator[0].weight
    handle = weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))
    fit_gan(generator, discriminator, RING, steps=1, batch_size=200, penalty=penalty, **QUIET)
    handle.remove()
    return seen[0]


def test_each_loss_reaches_its_own_player_alone():
    """A frozen opponent does not move; the player itself does."""
    for frozen in (0, 1):
        generator, discriminator = players()
        pair = (generator, discriminator)
        before = [{k: v.clone() for k, v in p.state_dict().items()} for p in pair]
        # A learning rate this small leaves every weight as it was, in float32.
        rates = {"learning_rate": 1e-30 if frozen == 0 else 1e-2}
        rates["discriminator_learning_rate"] = 1e-30 if frozen == 1 else 1e-2
        fit_gan(generator, discriminator, RING, steps=3, **rates, **QUIET)
        for i, player in enumerate(pair):
            same = all(torch.equal(v, before[i][k]) for k, v in player.state_dict().items())
            assert same == (i == frozen)


def test_the_discriminators_backward_pass_does_not_enter_the_generator():
    generator, discriminator = players()
    counts = {"backward": 0}
    for parameter in generator.parameters():
        parameter.register_post_accumulate_grad_hook(lambda _: counts.update(backward=counts["backward"] + 1))
    fit_gan(generator, discriminator, RING, steps=4, **QUIET)
    assert counts["backward"] == 4 * len(list(generator.parameters()))  # once in each step: its own loss


def test_the_players_move_in_the_right_directions():
    """The discriminator alone learns to tell; the generator alone learns to be taken for real."""
    generator, discriminator = players()
    tell = fit_gan(
        generator,
        discriminator,
        RING,
        steps=300,
        learning_rate=1e-30,
        discriminator_learning_rate=1e-2,
        **QUIET,
    )
    assert tell.last["accuracy"] > 0.95 and tell.last["real_score"] > tell.last["fake_score"] + 2
    fool = fit_gan(
        generator,
        discriminator,
        RING,
        steps=300,
        learning_rate=1e-2,
        discriminator_learning_rate=1e-30,
        **QUIET,
    )
    assert fool.last["fake_score"] > tell.last["fake_score"] + 2


def test_it_learns_one_gaussian():
    data = PointData(torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + 2)
    generator, discriminator = players(data)
    fit_gan(generator, discriminator, data, steps=1000, penalty=2.0, learning_rate=1e-3, **QUIET)
    points = generator.sample(2000, torch.Generator().manual_seed(1))
    assert (points.mean(0) - 2).abs().max() < 0.3 and (points.std(0) - 0.5).abs().max() < 0.25


def test_every_example_is_read_once_in_each_pass():
    rows = PointData(torch.arange(10.0)[:, None])
    seen = []

    class Watched(PointData):
        def to(self, device):
            return self

        def batch(self, index, generator=None):
            seen.append(index)
            return super().batch(index)

    run(Watched(rows.points), steps=8, batch_size=3)
    first, second = torch.cat(seen[:4]), torch.cat(seen[4:])
    assert first.sort().values.tolist() == second.sort().values.tolist() == list(range(10))
    assert first.tolist() != second.tolist()


def test_a_run_repeats_and_seeds_differ():
    g, d, _ = run()
    g2, d2, _ = run()
    assert all(torch.equal(g[k], g2[k]) for k in g) and all(torch.equal(d[k], d2[k]) for k in d)
    other, _, _ = run(seed=1)
    assert not all(torch.equal(g[k], other[k]) for k in g)


def test_divergence_is_reported():
    with pytest.raises(TrainingDiverged, match="not finite at step"):
        run(PointData(torch.full((50, 2), float("nan"))))


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"penalty": -1.0}, "penalty is -1.0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"penalty": float("nan")}, "penalty is nan"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(**settings)
    with pytest.raises(ValueError, match="training set is empty"):
        fit_gan(*players(), PointData(torch.zeros(0, 2)), **QUIET)


def test_the_watcher_sees_the_start_and_every_record():
    seen = []
    run(
        steps=20, record_every=8, watch=lambda step, generator: seen.append((step, generator.sample(2).shape))
    )
    assert seen == [(step, (2, 2)) for step in (0, 8, 16, 20)]


def test_history_curves():
    _, _, history = run(steps=20, record_every=10, penalty=1.0, penalty_every=4)
    assert history.curve("generator")[0] == [10, 20] and all(v > 0 for v in history.curve("penalty")[1])

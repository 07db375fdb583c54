"""The VAE-GAN: which loss reaches which network, the ablation by weights, resuming, the equilibrium trick."""

from types import SimpleNamespace

import pytest
import torch
from tiny_data import InterruptedAt, tiny_images

from recipes.vae_gan import fit_vae_gan, plain, who_plays
from vae_course import elbo_terms, seed_everything
from vae_course.models.gan import VAEGAN
from vae_course.models.vae import VAE
from vae_course.training.loop import TrainingDiverged
from vae_course.training.vae_gan import frozen, vae_gan_losses
from vae_course.weights import CheckpointError, load_model

# Larsen et al. 2016, algorithm 1: each loss and the networks that it may touch, and must.
ROUTES = {
    "kl": {"encoder"},
    "pixel": {"encoder", "decoder"},
    "feature": {"encoder", "decoder"},
    "fool": {"decoder"},
    "catch_real": {"discriminator"},
    "catch_fake": {"discriminator"},
    "slope": {"discriminator"},
}
SMALL = {"latent_dim": 3, "hidden_dims": (4, 6)}


def model_of(architecture="conv", likelihood="bernoulli", seed=0, **arguments) -> VAEGAN:
    seed_everything(seed)
    data = tiny_images()
    return VAEGAN.for_data(data, architecture=architecture, likelihood=likelihood, **(SMALL | arguments))


def reached(model, loss) -> dict[str, bool]:
    """For each single parameter, whether the loss has a gradient there that is not zero."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return {n: g is not None and bool(g.abs().sum() > 0) for n, g in zip(names, gradients, strict=True)}


@pytest.mark.parametrize("architecture", ["conv"])
@pytest.mark.parametrize("loss", ROUTES)
def test_each_loss_reaches_every_parameter_of_its_networks_and_no_other(loss, architecture):
    model = model_of(architecture)
    losses = vae_gan_losses(model, tiny_images().floats(), torch.Generator().manual_seed(0), with_slope=True)
    found = reached(model, getattr(losses, loss))
    # Constants shift both scores alike and leave no trace in a slope.
    free = {"discriminator.head.bias"} if loss == "slope" else set()
    last_bias = [n for n in found if n.startswith("discriminator") and n.endswith("bias")]
    for name, hit in found.items():
        wanted = name.partition(".")[0] in ROUTES[loss]
        if loss == "slope" and name in last_bias:
            assert name not in free or not hit  # a bias moves a slope only through the kinks
        else:
            assert hit == wanted, f"{loss} → {name}: reached {hit}, expected {wanted}"


def test_a_learned_scale_is_the_decoders():
    model = model_of(likelihood="gaussian_learned")
    losses = vae_gan_losses(model, tiny_images().floats(), torch.Generator().manual_seed(0))
    assert reached(model, losses.pixel)["likelihood.log_sigma"]
    assert not reached(model, losses.feature)["likelihood.log_sigma"]


def test_kl_and_pixel_are_the_elbo_terms():
    model, x = model_of(), tiny_images().floats()
    losses = vae_gan_losses(model, x, torch.Generator().manual_seed(3))
    terms = elbo_terms(model, x, torch.Generator().manual_seed(3))
    assert losses.kl.item() == pytest.approx(terms.kl.mean().item(), rel=1e-6)
    assert losses.pixel.item() == pytest.approx(terms.reconstruction.mean().item(), rel=1e-6)


def test_feature_distance_by_hand_and_blind_to_the_scale_of_the_discriminator():
    model, x = model_of(), tiny_images().floats()
    other = tiny_images(seed=5).floats()

    def distance():
        ours, theirs = (model.discriminator.hidden(pictures)[-1] for pictures in (x, other))
        model.batches_seen.zero_()
        model.update_feature_variance(ours)
        return model.feature_distance(theirs, ours), ours, theirs

    with torch.no_grad():
        first, ours, theirs = distance()
        variance = ours.var((0, 2, 3), correction=0)
        by_hand = sum(0.5 * ((ours - theirs)[:, c] ** 2).sum((1, 2)) / variance[c] for c in range(6))
        assert torch.allclose(first, by_hand, rtol=1e-4)
        layer = model.discriminator.layers[-1][0]
        layer.weight.mul_(10)
        layer.bias.mul_(10)
        assert torch.allclose(distance()[0], first, rtol=1e-3)


def test_feature_variance_starts_at_the_first_batch_and_then_follows():
    model = model_of()
    features = torch.randn(50, 6, 2, 2, generator=torch.Generator().manual_seed(0))
    model.update_feature_variance(features)
    first = features.var((0, 2, 3), correction=0)
    assert torch.allclose(model.feature_variance, first)
    model.update_feature_variance(3 * features)
    assert torch.allclose(model.feature_variance, 0.99 * first + 0.01 * 9 * first)


def test_measuring_does_not_move_the_unit_of_the_features():
    model = model_of().eval()
    before = model.feature_variance.clone()
    vae_gan_losses(model, tiny_images().floats())
    assert torch.equal(model.feature_variance, before)


def test_frozen_lets_gradients_through_and_restores_the_flags():
    model, x = model_of(), tiny_images().floats().requires_grad_()
    model.discriminator.head.bias.requires_grad_(False)
    with frozen(model.discriminator):
        score = model.discriminator(x).sum()
    score.backward()
    assert x.grad.abs().sum() > 0 and model.discriminator.head.weight.grad is None
    assert model.discriminator.head.weight.requires_grad
    assert not model.discriminator.head.bias.requires_grad


def after(epochs=1, **settings):
    model = model_of()
    fit_vae_gan(
        model, tiny_images(), epochs=epochs, batch_size=32, progress=False, eval_examples=20, **settings
    )
    return model.state_dict()


def moved(before, now) -> set[str]:
    names = ("encoder", "decoder", "discriminator")
    return {
        part
        for part in names
        if any(not torch.equal(before[n], now[n]) for n in before if n.startswith(part + "."))
    }


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"pixel_weight": 1.0, "feature_weight": 0.0, "adversary_weight": 0.0}, {"encoder", "decoder"}),
        ({"adversary_weight": 0.0}, {"encoder", "decoder", "discriminator"}),
        ({}, {"encoder", "decoder", "discriminator"}),
    ],
)
def test_a_run_moves_the_networks_of_its_stage(settings, parts):
    assert moved(model_of().state_dict(), after(**settings)) == parts


def test_the_discriminator_of_the_feature_stage_does_not_push_the_decoder():
    x, states = tiny_images().floats(), []
    for sign in (1, -1):  # turning the head around reverses every wish to fool it, and nothing else
        model = model_of()
        with torch.no_grad():
            model.discriminator.head.weight.mul_(sign)
        losses = vae_gan_losses(model, x, torch.Generator().manual_seed(0), with_game=False)
        (losses.feature + losses.fool + losses.kl).backward()
        states.append([p.grad.clone() for p in list(model.decoder.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_a_game_pushes_the_decoder_towards_a_higher_score():
    model = model_of()
    generator = torch.Generator().manual_seed(0)
    losses = vae_gan_losses(model, tiny_images().floats(), generator)
    z = torch.randn(64, 3, generator=generator)
    before = model.discriminator(model.picture(z)).mean().item()
    gradients = torch.autograd.grad(losses.fool, list(model.decoder.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(list(model.decoder.parameters()), gradients, strict=True):
            parameter -= 0.1 * gradient
        assert model.discriminator(model.picture(z)).mean().item() > before


def test_the_discriminator_learns_to_score_real_pictures_higher():
    model = model_of()
    x = tiny_images().floats()
    gradient_steps = torch.optim.Adam(model.discriminator.parameters(), lr=0.01)
    for seed in range(60):
        losses = vae_gan_losses(model, x, torch.Generator().manual_seed(seed))
        gradient_steps.zero_grad()
        (losses.catch_real + losses.catch_fake).backward()
        gradient_steps.step()
    assert losses.right.item() > 0.9


def test_training_repeats_and_resumes_bit_for_bit(tmp_path):
    settings = {"epochs": 3, "penalty": 0.1, "margin": 0.35, "schedule": "cosine"}
    whole = after(**settings)
    assert all(torch.equal(whole[n], v) for n, v in after(**settings).items())
    path, model = tmp_path / "run.pt", model_of()
    common = {**settings, "batch_size": 32, "progress": False, "eval_examples": 20, "checkpoint": path}
    # Each epoch reads 3 batches and each record one more: this stops in the second epoch.
    with pytest.raises(KeyboardInterrupt):
        fit_vae_gan(model, InterruptedAt(tiny_images(), 7), **common)
    resumed = model_of(seed=9)
    history = fit_vae_gan(resumed, tiny_images(), resume=True, **common)
    assert len(history.records) == 4
    assert all(torch.equal(whole[n], v) for n, v in resumed.state_dict().items())
    assert set(history.last["players"]) >= {"right", "feature", "discriminator_skipped"}
    loaded = load_model(path)
    assert isinstance(loaded, VAEGAN)
    assert all(torch.equal(whole[n], v) for n, v in loaded.state_dict().items())
    with pytest.raises(CheckpointError, match="adversary_weight"):
        fit_vae_gan(model_of(), tiny_images(), resume=True, **common, adversary_weight=1.0)


def test_plain_is_the_same_vae_without_the_discriminator():
    model, x = model_of(likelihood="gaussian_learned"), tiny_images().floats()
    alone = plain(model)
    assert type(alone) is VAE and not any("discriminator" in name for name in alone.state_dict())
    assert torch.equal(alone.reconstruct(x), model.reconstruct(x))
    rebuilt = VAE(**alone.config)
    rebuilt.load_state_dict(alone.state_dict())
    draws = [m.sample(4, torch.Generator().manual_seed(0)) for m in (rebuilt, model)]
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    ("real", "fake", "expected"),
    [
        (0.68, 0.68, (True, True)),
        (0.20, 0.68, (True, False)),  # the discriminator is winning: it waits
        (0.68, 0.20, (True, False)),
        (1.20, 0.68, (False, True)),  # it is losing: the decoder waits
        (0.20, 1.20, (True, True)),  # both would wait: nobody does
    ],
)
def test_the_equilibrium_trick_lets_the_winner_wait(real, fake, expected):
    losses = SimpleNamespace(catch_real=torch.tensor(real), catch_fake=torch.tensor(fake))
    assert who_plays(losses, 0.68, 0.35) == expected
    assert who_plays(losses, 0.68, None) == (True, True)


def test_a_waiting_discriminator_keeps_its_weights():
    # No loss is above 0 + 100, and every one is below 100: the discriminator always waits.
    state = after(equilibrium=100.0, margin=0.0, epochs=2)
    before = model_of().state_dict()
    assert "discriminator" not in moved(before, state) and "decoder" in moved(before, state)


def test_broken_weights_and_settings_are_named():
    model = model_of()
    with torch.no_grad():
        model.discriminator.head.weight.fill_(torch.nan)
    with pytest.raises(TrainingDiverged, match="step 0"):
        fit_vae_gan(model, tiny_images(), epochs=1, progress=False)
    for settings, word in (
        ({"feature_weight": 0.0}, "nothing ties"),
        ({"adversary_weight": -1.0}, "adversary_weight"),
        ({"margin": -0.1}, "margin"),
        ({"patience": 2}, "patience"),
    ):
        with pytest.raises(ValueError, match=word):
            fit_vae_gan(model_of(), tiny_images(), epochs=1, progress=False, **settings)
    with pytest.raises(TypeError, match="adversary_weight"):
        fit_vae_gan(model_of(), tiny_images(), adversary_wieght=1.0)


def test_history_is_the_elbo_under_the_pixels_whatever_was_trained():
    model, data = model_of(), tiny_images()
    history = fit_vae_gan(model, data, data, epochs=2, batch_size=32, progress=False, eval_examples=None)
    noise = torch.Generator().manual_seed(2)
    chooser = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    terms = elbo_terms(model, data.batch(chooser), noise)
    assert history.last["validation"]["negative_elbo"] == pytest.approx(
        terms.negative_elbo.mean().item(), rel=1e-5
    )
    assert "players" not in history.records[0]

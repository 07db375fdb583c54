"""The models of CelebA: the shipped pair, and the game of the recipe on drawn faces."""

import copy

import pytest
import torch

from recipes import faces
from vae_course import VAE, celeba_record, elbo_terms, load, load_celeba, load_reader
from vae_course.data.images import ImageData


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def drawn_faces():
    data = load("faces_synthetic", "train", subset=64)
    return ImageData("drawn", "train", data.images, None, ())


def small_vae(data):
    torch.manual_seed(0)
    sizes = {"latent_dim": 4, "hidden_dims": (8, 8, 8, 8), "architecture": "conv", "normalized": True}
    return VAE.for_data(data, likelihood="gaussian_learned", activation="silu", **sizes)


@pytest.mark.parametrize("stage", faces.STAGES)
def test_the_shipped_pair_draws_faces_and_knows_its_codes(stage):
    model, record = load_celeba(stage), celeba_record(stage)
    made = faces.drawn(model, record, 20)
    assert all(part.shape == (20, 3, 64, 64) and part.isfinite().all() for part in made.values())
    k = model.latent_dim
    assert record["mean"].shape == (k,) and record["factor"].shape == (k, k)
    assert record["directions"].shape == (40, k) == (len(record["names"]), k)
    assert record["curve"][0]["epoch"] == 0 and len(record["curve"]) > 10
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_code_of_a_smiling_face_is_read_as_smiling():
    model, record, reader = load_celeba("vae"), celeba_record("vae"), load_reader("celeba")
    z = record["mean"] + torch.randn(200, model.latent_dim, generator=seeded()) @ record["factor"].T
    smile, column = record["directions"][record["names"].index("Smiling")], record["names"].index("Smiling")
    with torch.no_grad():
        read = [
            reader(model.decode(z + step * smile).clamp(0, 1)).sigmoid()[:, column].mean()
            for step in (-1, 0, 1)
        ]
    assert read[0] < read[1] < read[2]


def test_half_of_the_pictures_are_mirrored_at_every_read(drawn_faces):
    data = faces.Mirrored("drawn", "train", drawn_faces.images, None, ())
    x, index = drawn_faces.floats(), torch.arange(64)
    first, second = (data.batch(index, seeded(seed)) for seed in (0, 1))
    for read in (first, second):
        turned = (read == x.flip(-1)).flatten(1).all(1)
        assert torch.equal(torch.where(turned[:, None, None, None], x.flip(-1), x), read)
        assert 15 < turned.sum() < 49
    assert not torch.equal(first, second)


def test_jitter_moves_pictures_and_lets_gradients_through():
    x = torch.rand(16, 3, 64, 64, generator=seeded()).requires_grad_()
    moved = faces.jitter(x, seeded(1))
    assert moved.shape == x.shape and not torch.allclose(moved, x)
    moved.sum().backward()
    assert x.grad.isfinite().all() and (x.grad != 0).any()


def test_the_discriminator_sees_that_a_batch_repeats_itself():
    torch.manual_seed(0)
    player, x = faces.Discriminator(8), torch.rand(8, 3, 64, 64, generator=seeded())
    assert player(x).shape == (8,)
    assert not torch.allclose(player(x)[:1], player(x[:1].expand(8, -1, -1, -1))[:1])


def test_one_update_moves_both_players_each_by_its_own_loss_and_keeps_the_density(drawn_faces):
    model = small_vae(drawn_faces)
    model.likelihood.requires_grad_(False)
    player = faces.Discriminator(8)
    before = copy.deepcopy([*model.parameters()]), copy.deepcopy([*player.parameters()])
    sigma = model.likelihood.sigma.item()
    optimizers = [
        torch.optim.Adam([p for p in part.parameters() if p.requires_grad], 1e-3) for part in (model, player)
    ]
    faces.update(model, player, optimizers, drawn_faces.floats()[:16], seeded(), penalize=True)
    for part, old in zip((model, player), before, strict=True):
        moved = [not torch.equal(a, b) for a, b in zip(part.parameters(), old, strict=True)]
        assert sum(moved) > 0.8 * len(moved)
    assert model.likelihood.sigma.item() == sigma
    assert all(parameter.requires_grad for parameter in player.parameters())


def test_what_is_watched_is_the_shown_decoder_with_the_same_noise_every_time(drawn_faces):
    model, player = small_vae(drawn_faces).eval(), faces.Discriminator(8)
    shown, x = copy.deepcopy(model.decoder), drawn_faces.floats()[:16]
    found = faces.watch(model, shown, player, x)
    assert found == faces.watch(model, shown, player, x)
    for parameter in shown.parameters():
        parameter.data.zero_()
    other = faces.watch(model, shown, player, x)
    assert other["squared_error"] != found["squared_error"] and other["kl"] == found["kl"]
    assert elbo_terms(model, x, generator=seeded()).loss().isfinite()


def test_group_normalization_needs_channels_that_it_can_divide():
    with pytest.raises(ValueError, match="8 divides"):
        VAE((3, 16, 16), 2, [12], architecture="conv", normalized=True)
    with pytest.raises(ValueError, match="conv"):
        VAE((3, 16, 16), 2, [16], normalized=True)
    model = VAE((3, 16, 16), 2, [8, 16], architecture="conv", normalized=True)
    assert sum(isinstance(part, torch.nn.GroupNorm) for part in model.modules()) == 4


def test_a_plain_models_configuration_stays_as_it_was():
    assert "normalized" not in VAE((1, 8, 8), 2, [4]).config

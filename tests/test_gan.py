"""The two players: shapes, the decoder that is a VAE's, spectral norm, refusals."""

import pytest
import torch
from tiny_data import tiny_images

from vae_course.data.tables import PointData
from vae_course.models.gan import Discriminator, Generator
from vae_course.models.vae import VAE
from vae_course.weights import load_model, save_checkpoint


@pytest.mark.parametrize("architecture, sizes", [("mlp", (16, 8)), ("conv", (4, 6))])
def test_the_generator_is_a_vaes_decoder(architecture, sizes):
    data = tiny_images(40)
    arguments = {"latent_dim": 3, "hidden_dims": sizes, "architecture": architecture}
    vae, generator = VAE.for_data(data, **arguments), Generator.for_data(data, **arguments)
    generator.decoder.load_state_dict(vae.decoder.state_dict())  # strict: same layers, same shapes
    z = torch.randn(5, 3)
    torch.testing.assert_close(generator(z), vae.likelihood.mean(vae.decode(z)))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 32, 32)])
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_shapes_and_range(shape, architecture):
    small = (8,) if architecture == "mlp" else None
    generator = Generator(shape, latent_dim=4, hidden_dims=small, architecture=architecture)
    pictures = generator.sample(3, torch.Generator().manual_seed(0))
    assert pictures.shape == (3, *shape) and 0 <= pictures.min() <= pictures.max() <= 1
    assert torch.equal(pictures, generator.sample(3, torch.Generator().manual_seed(0)))
    discriminator = Discriminator(shape, hidden_dims=small, architecture=architecture)
    assert discriminator(pictures).shape == (3,)
    hidden = discriminator.hidden(pictures)
    assert len(hidden) == len(discriminator.config["hidden_dims"])
    if architecture == "conv":
        assert [h.shape[1] for h in hidden] == discriminator.config["hidden_dims"]


def test_points_are_not_squeezed_into_the_unit_interval():
    data = PointData(torch.zeros(10, 2))
    generator = Generator.for_data(data, latent_dim=2, hidden_dims=(8,))
    torch.nn.init.constant_(generator.decoder.layers[-2].bias, 7.0)
    points = generator.sample(6)
    assert points.shape == (6, 2) and (points > 2).all()
    assert Discriminator.for_data(data, hidden_dims=(8,))(points).shape == (6,)


def test_configs_rebuild_and_checkpoints_load(tmp_path):
    torch.manual_seed(0)
    generator = Generator.for_data(tiny_images(20), latent_dim=3, hidden_dims=(8,))
    save_checkpoint(tmp_path / "g.pt", generator)
    loaded, z = load_model(tmp_path / "g.pt"), torch.randn(4, 3)
    assert isinstance(loaded, Generator) and torch.equal(loaded(z), generator(z))
    discriminator = Discriminator((1, 8, 8), hidden_dims=(4, 4), architecture="conv")
    rebuilt = Discriminator(**discriminator.config)
    rebuilt.load_state_dict(discriminator.state_dict())


@pytest.mark.parametrize(
    "build, sentence",
    [
        (lambda: Generator((28, 28)), r"shape is \(28, 28\), architecture 'mlp'; expected \(C, H, W\)"),
        (lambda: Generator((2,), architecture="conv"), "for 'mlp' also"),
        (lambda: Discriminator((1, 28, 28), architecture="resnet"), "architecture 'resnet'"),
        (lambda: Generator((2,), latent_dim=3, hidden_dims=(4,))(torch.zeros(5, 2)), r"z of shape \(5, 2\)"),
        (lambda: Discriminator((2,), hidden_dims=(4,))(torch.zeros(5, 3)), r"rows of shape \(2,\)"),
    ],
)
def test_refusals(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()

"""The two players: shapes, the decoder that is a VAE's, spectral norm, refusals."""

import pytest
import torch
from tiny_data import tiny_images

from vae_course.models.gan import Discriminator, Generator
from vae_course.models.networks import default_channels
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
    discriminator = Discriminator(shape, (4, 8))
    assert discriminator(pictures).shape == (3,)
    assert (
        [h.shape[1] for h in discriminator.hidden(pictures)] == discriminator.config["hidden_dims"] == [4, 8]
    )
    assert len(Discriminator(shape).layers) == len(default_channels(shape))


def test_configs_rebuild_and_checkpoints_load(tmp_path):
    torch.manual_seed(0)
    generator = Generator.for_data(tiny_images(20), latent_dim=3, hidden_dims=(8,))
    save_checkpoint(tmp_path / "g.pt", generator)
    loaded, z = load_model(tmp_path / "g.pt"), torch.randn(4, 3)
    assert isinstance(loaded, Generator) and torch.equal(loaded(z), generator(z))
    discriminator = Discriminator((1, 8, 8), hidden_dims=(4, 4))
    rebuilt = Discriminator(**discriminator.config)
    rebuilt.load_state_dict(discriminator.state_dict())


def test_refusals():
    with pytest.raises(ValueError, match=r"z of shape \(5, 2\)"):
        Generator((1, 8, 8), latent_dim=3, hidden_dims=(4,))(torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"rows of shape \(1, 8, 8\)"):
        Discriminator((1, 8, 8), hidden_dims=(4,))(torch.zeros(5, 3, 8, 8))

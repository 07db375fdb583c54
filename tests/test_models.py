"""VAE and autoencoder: any shape, their configuration, centering, and sentences for bad input."""

import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import tiny_images

from vae_course.data.images import ImageData
from vae_course.elbo import elbo_terms
from vae_course.models import vae
from vae_course.models.vae import VAE, Autoencoder
from vae_course.randomness import seed_everything


def images(batch: int, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    return torch.rand(batch, *shape, generator=torch.Generator().manual_seed(seed))


@st.composite
def arguments(draw):
    """Arguments of a small model of either architecture."""
    architecture = draw(st.sampled_from(["mlp", "conv"]))
    channels = draw(st.sampled_from([1, 3]))
    if architecture == "conv":
        shape = (channels, draw(st.integers(4, 40)), draw(st.integers(4, 40)))
        hidden = draw(st.lists(st.integers(1, 6), min_size=1, max_size=2))
    else:
        shape = (channels, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
        hidden = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    return {
        "image_shape": shape,
        "latent_dim": draw(st.integers(1, 7)),
        "hidden_dims": hidden,
        "likelihood": draw(st.sampled_from(["bernoulli", "gaussian", "gaussian_learned"])),
        "architecture": architecture,
        "activation": draw(st.sampled_from(["relu", "gelu", "silu", "tanh"])),
    }


@settings(max_examples=40, deadline=None)
@given(arguments=arguments(), batch=st.integers(1, 3), leading=st.sampled_from([(), (2,), (2, 3)]))
def test_any_model_has_the_promised_shapes(arguments, batch, leading):
    shape, latent = arguments["image_shape"], arguments["latent_dim"]
    x = images(batch, shape)
    model = VAE(**arguments)
    q = model.encode(x)
    assert q.mean.shape == q.log_var.shape == (batch, latent)
    z = torch.randn(*leading, batch, latent)
    assert model.decode(z).shape == (*leading, batch, *shape)
    log_likelihood = model.log_likelihood(x, z)
    assert log_likelihood.shape == (*leading, batch)
    assert torch.isfinite(log_likelihood).all()
    assert model.reconstruct(x).shape == (batch, *shape)
    assert model.sample(4).shape == (4, *shape)

    point = Autoencoder(**arguments)
    assert point.encode(x).shape == (batch, latent)
    assert point.decode(z).shape == (*leading, batch, *shape)
    assert point.reconstruct(x).shape == (batch, *shape)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 32, 64])
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_default_sizes_work_and_learn_at_every_picture_size(architecture, side, channels):
    model = VAE((channels, side, side), 2, architecture=architecture)
    x = images(2, (channels, side, side))
    q = model.encode(x)
    (model.log_likelihood(x, q.sample()).sum() - q.kl().sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_extra_axes_of_z_are_decoded_like_single_codes():
    torch.manual_seed(0)
    for architecture in ("mlp", "conv"):
        model = VAE((1, 28, 28), 3, [6, 4], architecture=architecture).center_on(tiny_images(20, (1, 28, 28)))
        z = torch.randn(2, 5, 3)
        together = model.decode(z)
        for i, j in [(0, 0), (1, 3)]:
            torch.testing.assert_close(together[i, j], model.decode(z[i, j]), rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(arguments=arguments())
def test_the_configuration_rebuilds_the_model(arguments):
    for kind in (VAE, Autoencoder):
        model = kind(**arguments)
        again = kind(**json.loads(json.dumps(model.config)))
        again.load_state_dict(model.state_dict())
        x = images(2, arguments["image_shape"])
        assert again.config == model.config
        assert torch.equal(again.reconstruct(x), model.reconstruct(x))


def test_defaults_are_written_into_the_configuration():
    assert VAE().config["hidden_dims"] == [512, 256]
    assert VAE((3, 64, 64), architecture="conv").config["hidden_dims"] == [32, 64, 128, 256]


DEFAULT_CHANNELS = {  # those of 28, 32 and 64 pixels are the ones that the shipped weights were trained with
    (1, 28, 28): [32, 64],
    (1, 32, 32): [32, 64, 128],
    (3, 64, 64): [32, 64, 128, 256],
    (1, 64, 28): [32, 64, 128, 256],
    (3, 48, 48): [32, 64, 128],
    (1, 45, 31): [32, 64, 128],
    (3, 128, 128): [32, 64, 128, 256, 256],
    (3, 256, 256): [32, 64, 128, 256, 256, 256],
    (1, 3, 200): [32],
}


@pytest.mark.parametrize("shape", DEFAULT_CHANNELS)
def test_a_convolutional_network_takes_any_size_of_picture_with_a_sane_number_of_weights(shape):
    model = VAE(shape, 8, architecture="conv")
    assert model.config["hidden_dims"] == DEFAULT_CHANNELS[shape]
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    assert n_weights < 7_000_000
    x = images(2, shape)
    assert model.reconstruct(x).shape == x.shape == model.sample(2).shape
    elbo_terms(model, x).loss().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_model_of_very_many_weights_is_announced(monkeypatch):
    data = tiny_images(4, (1, 8, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VAE.for_data(data, latent_dim=2)
    monkeypatch.setattr(vae, "MANY_WEIGHTS", 100_000)
    sentence = r"VAE for pictures of \(1, 8, 8\) has 0 million weights: .* in training; .*architecture='conv'"
    with pytest.warns(UserWarning, match=sentence):
        VAE.for_data(data, latent_dim=2)
    assert vae.MANY_WEIGHTS == 100_000


def test_numbers_of_numpy_are_plain_in_the_configuration_and_work():
    sizes = np.array([[1, 12, 12], [2, 4, 8]])
    model = VAE(sizes[0], latent_dim=sizes[1, 1], hidden_dims=sizes[1], decoder_dims=(sizes[1, 2],))
    plain = VAE((1, 12, 12), latent_dim=4, hidden_dims=[2, 4, 8], decoder_dims=[8])
    assert model.config == plain.config and json.dumps(model.config) == json.dumps(plain.config)
    assert type(model.latent_dim) is int and model.sample(2).shape == (2, 1, 12, 12)


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
def test_pictures_and_codes_of_any_float_type_are_taken(kind):
    torch.manual_seed(0)
    model, x, z = kind((1, 5, 5), 2, [4]), images(3, (1, 5, 5)), torch.randn(2, 3, 2)
    for change in (torch.Tensor.double, torch.Tensor.numpy, lambda t: t.double().numpy()):
        for found, wanted in (
            (model.decode(change(z)), model.decode(z)),
            (model.reconstruct(change(x)), model.reconstruct(x)),
            (model.log_likelihood(change(x), change(z)), model.log_likelihood(x, z)),
        ):
            assert found.dtype == torch.float32 and torch.equal(found, wanted)


def test_calling_a_model_gives_a_reconstruction_with_gradients_and_the_posterior():
    torch.manual_seed(0)
    model, x = VAE((1, 5, 5), 2, [4]), images(3, (1, 5, 5))
    picture, posterior = model(x, torch.Generator().manual_seed(1))
    z = posterior.sample(generator=torch.Generator().manual_seed(1))
    assert torch.equal(posterior.mean, model.encode(x).mean)
    assert torch.equal(picture, torch.sigmoid(model.decode(z)))
    picture.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    point = Autoencoder((1, 5, 5), 2, [4])
    assert torch.equal(point(x), point.reconstruct(x)) and point(x).requires_grad


def test_encoder_and_decoder_use_the_sizes_asked_for():
    model = VAE((1, 4, 5), latent_dim=3, hidden_dims=[7, 6])
    widths = [layer.weight.shape for layer in model.encoder.layers if hasattr(layer, "weight")]
    assert widths == [(7, 20), (6, 7), (6, 6)]  # the last: mean and log σ² of 3 latents
    widths = [layer.weight.shape for layer in model.decoder.layers if hasattr(layer, "weight")]
    assert widths == [(6, 3), (7, 6), (20, 7)]


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_decoder_outputs_are_unbounded_on_both_sides(architecture):
    torch.manual_seed(0)
    params = VAE((1, 28, 28), 2, [8, 8], architecture=architecture).decode(30 * torch.randn(20, 2))
    assert params.min() < -0.1 and params.max() > 0.1


def test_log_var_is_bounded_whatever_the_encoder_says():
    model = VAE((1, 4, 4), 2, [4])
    with torch.no_grad():
        model.encoder.layers[-1].bias[2:] = torch.tensor([1e6, -1e6])
    q = model.encode(images(3, (1, 4, 4)))
    torch.testing.assert_close(q.log_var, torch.tensor([15.0, -15.0]).expand(3, 2))
    assert torch.isfinite(q.kl()).all()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_untrained_decoder_of_a_centered_model_puts_out_the_mean_image(likelihood):
    data = tiny_images(500, (1, 6, 6))
    model = VAE.for_data(data, latent_dim=2, hidden_dims=[8], likelihood=likelihood)
    assert model.config["image_shape"] == [1, 6, 6]
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()
    mean = data.floats().mean(0)
    picture = model.sample(3)
    torch.testing.assert_close(picture, mean.expand(3, 1, 6, 6), rtol=0, atol=2e-3)


def test_the_encoder_of_a_centered_model_sees_the_difference_to_the_mean_image():
    data = tiny_images(500, (1, 6, 6))
    plain = VAE((1, 6, 6), 2, [8])
    centered = VAE((1, 6, 6), 2, [8])
    centered.load_state_dict(plain.state_dict())
    centered.center_on(data)
    x = images(3, (1, 6, 6))
    shifted = x - centered.input_mean
    torch.testing.assert_close(centered.encode(x).mean, plain.encode(shifted).mean)
    torch.testing.assert_close(centered.input_mean, data.floats().mean(0), rtol=0, atol=2e-3)


def test_pixels_that_never_change_get_a_finite_logit():
    black_and_white = torch.zeros(50, 1, 2, 2, dtype=torch.uint8)
    black_and_white[:, :, 0] = 255
    data = ImageData("flat", "train", black_and_white, None, ())
    model = VAE.for_data(data, latent_dim=1, hidden_dims=[3])
    torch.testing.assert_close(
        torch.sigmoid(model.output_offset)[0], torch.tensor([[51 / 52] * 2, [1 / 52] * 2])
    )


def test_centering_is_saved_with_the_weights_and_is_not_trained():
    data = tiny_images()
    model = VAE.for_data(data, latent_dim=2, hidden_dims=[8])
    assert {"input_mean", "output_offset"} <= model.state_dict().keys()
    assert not {"input_mean", "output_offset"} & dict(model.named_parameters()).keys()
    again = VAE(**model.config)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.reconstruct(data.floats()), model.reconstruct(data.floats()))


def test_reconstructions_and_samples_are_pictures_and_repeat():
    torch.manual_seed(0)
    model = VAE((1, 5, 5), 2, [8])
    x = images(4, (1, 5, 5))
    expected = torch.sigmoid(model.decode(model.encode(x).mean))
    assert torch.equal(model.reconstruct(x), expected)
    means, draws = (
        model.sample(6, generator=torch.Generator().manual_seed(1), noise=noise) for noise in (False, True)
    )
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    assert torch.equal(means, torch.sigmoid(model.decode(z)))
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(draws, model.sample(6, generator=torch.Generator().manual_seed(1), noise=True))
    point = Autoencoder((1, 5, 5), 2, [8]).reconstruct(x)
    assert 0 < point.min() and point.max() < 1


def test_the_same_seed_builds_the_same_weights():
    def weights(seed):
        seed_everything(seed)
        return torch.cat([p.flatten() for p in VAE((1, 4, 4), 2, [4]).parameters()])

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_half_precision_images_and_double_models_work():
    x = images(2, (1, 5, 5))
    model = VAE((1, 5, 5), 2, [4])
    torch.testing.assert_close(model.encode(x.half()).mean, model.encode(x).mean, rtol=0, atol=1e-2)
    assert model.double().encode(x.double()).mean.dtype == torch.float64


def test_a_decoder_may_have_sizes_of_its_own():
    model = VAE((1, 8, 8), 3, [6, 5], decoder_dims=[7, 9])
    sizes = [layer.out_features for layer in model.decoder.layers if isinstance(layer, torch.nn.Linear)]
    assert sizes == [7, 9, 64]
    again = VAE(**model.config)
    again.load_state_dict(model.state_dict())
    assert "decoder_dims" not in VAE((1, 8, 8), 3, [6, 5]).config  # files of the time before stay the same
    with pytest.raises(ValueError, match="decoder_dims"):
        VAE((1, 8, 8), 3, [6], decoder_dims=[])


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"image_shape": (28, 28)}, r"image_shape is \(28, 28\); expected \(channels, height, width\)"),
        ({"image_shape": (1, 0, 28)}, "all > 0"),
        ({"latent_dim": 0}, "latent_dim is 0; it must be a whole number of at least 1"),
        ({"latent_dim": 1.5}, "latent_dim is 1.5; it must be a whole number of at least 1"),
        ({"latent_dim": "8"}, "latent_dim is '8'; it must be a whole number"),
        ({"hidden_dims": 64}, "hidden_dims is 64; give a list of at least one size"),
        ({"hidden_dims": []}, "give a list of at least one size"),
        ({"hidden_dims": [8, 0]}, r"hidden_dims is \[8, 0\]"),
        ({"architecture": "transformer"}, "unknown architecture 'transformer'; choose 'mlp' or 'conv'"),
        ({"activation": "sigmod"}, "unknown activation 'sigmod'; choose one of relu, gelu"),
        ({"likelihood": "poisson"}, "unknown likelihood 'poisson'"),
        (
            {"architecture": "conv", "hidden_dims": [4, 4, 4], "image_shape": (1, 7, 28)},
            "a picture of 7×28 cannot be halved 3 times; give fewer hidden_dims, or architecture='mlp'",
        ),
        ({"architecture": "conv", "image_shape": (1, 1, 30)}, "1×30 cannot be halved 1 times"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(arguments, sentence):
    for kind in (VAE, Autoencoder):
        with pytest.raises(ValueError, match=sentence):
            kind(**arguments)


@pytest.mark.parametrize(
    "x, sentence",
    [
        (
            torch.rand(2, 1, 5, 6),
            r"built for images of shape \(1, 5, 5\) .* \(2, 1, 5, 6\); expected \(batch, 1",
        ),
        (torch.rand(1, 5, 5), r"expected \(batch, 1, 5, 5\)"),
        (torch.rand(2, 3, 5, 5), r"expected \(batch, 1, 5, 5\)"),
        (torch.rand(2, 25), r"expected \(batch, 1, 5, 5\)"),
        (torch.zeros(2, 1, 5, 5, dtype=torch.uint8), "given torch.uint8 .* expected a float .* bytes / 255"),
        (torch.zeros(2, 1, 5, 5, dtype=torch.uint8).numpy(), "given a ndarray .* expected a float tensor"),
        ([[0.5] * 25] * 2, "given a list .* expected a float tensor"),
    ],
)
def test_bad_images_are_refused_in_a_sentence(x, sentence):
    for kind in (VAE, Autoencoder):
        with pytest.raises(ValueError, match=sentence):
            kind((1, 5, 5), 2, [4]).encode(x)


def test_a_code_of_the_wrong_size_is_refused_in_a_sentence():
    with pytest.raises(
        ValueError, match=r"code of size 2 and was given z of shape \(4, 3\); expected \(..., 2\)"
    ):
        VAE((1, 5, 5), 2, [4]).decode(torch.zeros(4, 3))

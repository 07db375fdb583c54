"""Bad arguments and bad input of the models are refused in a sentence."""

import pytest
import torch

from vae_course.models.vae import VAE, Autoencoder


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"image_shape": (28, 28)}, r"image_shape is \(28, 28\); expected \(channels, height, width\)"),
        ({"image_shape": (1, 0, 28)}, "all > 0"),
        ({"latent_dim": 0}, "latent_dim is 0; it must be at least 1"),
        ({"latent_dim": 1.5}, "latent_dim is 1.5; it must be a whole number of at least 1"),
        ({"latent_dim": "8"}, "latent_dim is '8'; it must be a whole number"),
        ({"hidden_dims": 64}, r"hidden_dims is 64; give a list of sizes, such as \[64\]"),
        ({"hidden_dims": []}, "give at least one size"),
        ({"hidden_dims": [8, 0]}, r"hidden_dims is \[8, 0\]"),
        ({"architecture": "transformer"}, "unknown architecture 'transformer'; choose 'mlp' or 'conv'"),
        ({"activation": "sigmod"}, "unknown activation 'sigmod'; choose one of relu, gelu"),
        ({"likelihood": "poisson"}, "unknown likelihood 'poisson'"),
        (
            {"architecture": "conv", "image_shape": (1, 30, 30)},
            "no default convolutional network for 30-pixel",
        ),
        (
            {"architecture": "conv", "hidden_dims": [4, 4, 4]},
            "28×28 cannot be halved 3 times; give fewer hidden_dims or square pictures .* divisible by 8",
        ),
        ({"architecture": "conv", "image_shape": (1, 32, 28)}, "32×28 cannot be halved"),
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
        (torch.zeros(2, 1, 5, 5, dtype=torch.uint8), "torch.uint8 images; expected floats .* divide by 255"),
        (torch.rand(2, 1, 5, 5, dtype=torch.float64), r"convert with x.float\(\)"),
        (torch.rand(2, 1, 5, 5).numpy(), "given a ndarray; expected a float tensor"),
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

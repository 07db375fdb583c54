"""The losses of a VAE-GAN; `recipes/vae_gan.py` trains one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.models.gan import VAEGAN
from vae_course.training import adversarial as game


@dataclass(frozen=True)
class VAEGANLosses:
    """The five terms of one batch. Each is a mean over the batch, and each reaches only its own networks."""

    kl: Tensor  # KL(q(z|x) ‖ N(0, I)), nats: the encoder
    pixel: Tensor  # −log p(x|z), nats: encoder and decoder
    feature: Tensor  # distance of x and its reconstruction in the hidden layer: encoder and decoder
    fool: Tensor  # the decoder's loss in the game, on reconstructions and samples: the decoder alone
    catch_real: Tensor  # with the next the discriminator's two losses: the discriminator alone
    catch_fake: Tensor
    slope: Tensor | None  # R1 at real pictures, if asked for: the discriminator alone
    right: Tensor  # share of the discriminator's scores with the right sign


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """What is computed inside treats the module's weights as constants; gradients still pass through it."""
    before = [parameter.requires_grad for parameter in module.parameters()]
    module.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, value in zip(module.parameters(), before, strict=True):
            parameter.requires_grad_(value)


def vae_gan_losses(
    model: VAEGAN,
    x: Tensor,
    generator: torch.Generator | None = None,
    *,
    with_features: bool = True,
    with_game: bool = True,
    with_slope: bool = False,
) -> VAEGANLosses:
    """All losses of a batch x (batch, C, H, W) in [0, 1], each attached to its networks only: algorithm 1 of
    Larsen et al. 2016 in one graph with three cuts, so that one backward pass through the weighted sum gives
    every network its own gradient.

    Two usual departures from the paper: the decoder's loss in the game is the non-saturating one, and the
    features are in units of their variance. In print the algorithm lets the discriminator *descend* its
    log-likelihood; it has to climb it.

    Without ``with_features`` the discriminator is left out altogether: a plain VAE; without ``with_game`` it
    is trained, but its judgment does not reach the decoder; ``with_slope`` computes R1 as well.
    """
    posterior = model.encode(x)
    z = posterior.sample(generator=generator)
    parameters = model.decode(z)
    kl, pixel = posterior.kl().mean(), -model.likelihood.log_prob(x, parameters).mean()
    zero = torch.zeros((), device=x.device)
    if not with_features:
        return VAEGANLosses(kl, pixel, zero, zero, zero, zero, None, zero)

    # Cut 1: z is a number here, so the game does not reach the encoder.
    z_game = torch.cat([z.detach(), torch.randn(z.shape, generator=generator, device=z.device)])
    with torch.set_grad_enabled(with_game and torch.is_grad_enabled()):
        fakes = model.picture(z_game)

    real = x.clone().requires_grad_(with_slope)
    hidden = model.discriminator.hidden(real)[-1]
    real_score = model.discriminator.head(hidden.flatten(1)).squeeze(-1)
    # Cut 2: the pictures are numbers here, so the discriminator's loss does not reach the decoder.
    fake_score = model.discriminator(fakes.detach())
    if model.training:
        model.update_feature_variance(hidden.detach())

    # Cut 3: the discriminator is a constant here, a ruler for the one and an opponent for the other.
    with frozen(model.discriminator):
        rebuilt = model.discriminator.hidden(model.likelihood.mean(parameters))[-1]
        feature = model.feature_distance(rebuilt, hidden.detach()).mean()
        fool = game.generator_loss(model.discriminator(fakes)) if with_game else zero

    return VAEGANLosses(
        kl=kl,
        pixel=pixel,
        feature=feature,
        fool=fool,
        catch_real=game.mean_over_batch(F.softplus(-real_score)),
        catch_fake=game.mean_over_batch(F.softplus(fake_score)),
        slope=game.gradient_penalty(real_score, real) if with_slope else None,
        right=game.share_right(real_score, fake_score),
    )

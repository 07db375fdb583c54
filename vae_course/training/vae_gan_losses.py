"""The losses of a VAE-GAN, cut so that each reaches only the networks it is meant for.

Algorithm 1 of Larsen et al. 2016 in one graph with three cuts: the game's z and its pictures are detached,
and the discriminator is frozen wherever it serves as a ruler or as an opponent. So one backward pass through
the weighted sum gives every network its own gradient.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.models.vae_gan import VAEGAN
from vae_course.training.adversarial_losses import LOSSES, gradient_penalty, mean_over_batch


@dataclass(frozen=True)
class VAEGANLosses:
    """The five terms of one batch. Each is a mean over the batch, and each reaches only its own networks.

    Attributes:
        kl: KL(q(z|x) ‖ N(0, I)), nats: the encoder.
        pixel: −log p(x|z), nats: encoder and decoder.
        feature: distance of x and its reconstruction in the hidden layer: encoder and decoder.
        fool: the decoder's loss in the game, on reconstructions and samples: the decoder alone.
        catch_real, catch_fake: the discriminator's two losses: the discriminator alone.
        slope: mean squared norm of the score's gradient at real pictures (R1): the discriminator alone; None
            when not asked for.
        right: share of the discriminator's scores with the right sign.
    """

    kl: Tensor
    pixel: Tensor
    feature: Tensor
    fool: Tensor
    catch_real: Tensor
    catch_fake: Tensor
    slope: Tensor | None
    right: Tensor


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
    """All losses of one batch from one pass, each attached to its own networks only.

    Two departures from the paper's algorithm, both usual: the decoder's loss in the game is the
    non-saturating one, and the features are in units of their variance (``VAEGAN.feature_variance``). In
    print the algorithm lets the discriminator *descend* its log-likelihood; it has to climb it.

    Args:
        x: (batch, C, H, W), in [0, 1].
        generator: source of randomness for both draws of z, on the device of x.
        with_features: False leaves out the discriminator altogether: a plain VAE.
        with_game: False trains the discriminator, but its judgment does not reach the decoder.
        with_slope: compute R1 as well.
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
        fool = LOSSES["non_saturating"][1](model.discriminator(fakes)) if with_game else zero

    with torch.no_grad():
        right = ((real_score > 0).float().mean() + (fake_score < 0).float().mean()) / 2
    return VAEGANLosses(
        kl=kl,
        pixel=pixel,
        feature=feature,
        fool=fool,
        catch_real=mean_over_batch(F.softplus(-real_score)),
        catch_fake=mean_over_batch(F.softplus(fake_score)),
        slope=gradient_penalty(real_score, real) if with_slope else None,
        right=right,
    )

"""Training a VAE-GAN."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.data.own_images import check_data
from vae_course.elbo import elbo_terms
from vae_course.machine import Adam, pick_device, working_on
from vae_course.models.vae_gan import VAEGAN
from vae_course.training import adversarial as game
from vae_course.training.loop import History, Run, complete
from vae_course.training.settings import FitSettings, lists_settings, number, other_default, setting

# The losses of a VAE-GAN, cut so that each reaches only the networks it is meant for.
#
# Algorithm 1 of Larsen et al. 2016 in one graph with three cuts: the game's z and its pictures are detached,
# and the discriminator is frozen wherever it serves as a ruler or as an opponent. So one backward pass
# through the weighted sum gives every network its own gradient.


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
    """All losses of one batch x (batch, C, H, W) in [0, 1] from one pass, each attached to its own networks
    only.

    Two departures from the paper's algorithm, both usual: the decoder's loss in the game is the
    non-saturating one, and the features are in units of their variance (``VAEGAN.feature_variance``). In
    print the algorithm lets the discriminator *descend* its log-likelihood; it has to climb it.

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


PLAYERS = ("feature", "fool", "catch_real", "catch_fake", "right", "decoder_skipped", "discriminator_skipped")


@dataclass(frozen=True)
class VAEGANSettings(FitSettings):
    """Everything that decides what :func:`fit_vae_gan` does."""

    caller = "fit_vae_gan"

    # The fast recipe of a VAE is not one for a game: the pace of two players is set by hand.
    batch_size: int | None = other_default(FitSettings, "batch_size", 128)
    learning_rate: float = other_default(FitSettings, "learning_rate", 1e-3)
    schedule: str = other_default(FitSettings, "schedule", "constant")
    warmup: float = other_default(FitSettings, "warmup", 0.0)
    kl_warmup: float | None = other_default(FitSettings, "kl_warmup", 0.0)
    precision: str = other_default(FitSettings, "precision", "highest")

    pixel_weight: float = setting(0.0, number(0), "of -log p(x|z), nats")
    feature_weight: float = setting(
        0.1, number(0), "of the distance in the discriminator's hidden layer, nats"
    )
    adversary_weight: float = setting(300.0, number(0), "of the decoder's wish to fool the discriminator")
    penalty: float = setting(0.2, number(0), "weight g of R1, g/2 times the mean squared slope at real data")
    margin: float | None = setting(
        None,
        number(0),
        "the equilibrium trick of the authors' code (not in the paper; they used 0.35). The discriminator "
        "skips an update when one of its losses is below equilibrium - margin (it is winning), the game does "
        "not reach the decoder when one is above equilibrium + margin, and if both had to wait, neither does",
        none="no such trick",
    )
    equilibrium: float = setting(0.68, number(0), "about log 2, the loss of a discriminator that cannot tell")

    def __post_init__(self):
        super().__post_init__()
        if self.pixel_weight == self.feature_weight == 0:
            raise ValueError(
                "pixel_weight and feature_weight are both 0: nothing ties a code to its picture."
            )
        if self.patience is not None or self.free_bits > 0:
            raise ValueError("patience and free_bits are settings of fit; a VAE-GAN has no bound to watch.")


@lists_settings(VAEGANSettings)
def fit_vae_gan(
    model: VAEGAN,
    train,
    validation=None,
    *,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **settings,
) -> History:
    """Train encoder, decoder and discriminator in place and return what happened.

    The sum that is minimized: β · kl + pixel_weight · pixel + feature_weight · feature + adversary_weight ·
    fool + catch, where every term reaches its own networks only (``vae_gan_losses``). The paper multiplies
    the decoder's reconstruction by γ; Adam does not see a common factor, so γ is feature_weight /
    adversary_weight here. The weights switch the ablation:

        pixel_weight=1, feature_weight=0, adversary_weight=0: a plain VAE; the discriminator is not trained.
        feature_weight=0.1, adversary_weight=0: learned features; the discriminator only measures.
        feature_weight=0.1, adversary_weight=300: the VAE-GAN.

    Args:
        model: trained in place. train, validation, device, checkpoint, resume, progress: as for :func:`fit`.
        settings: fields of :class:`VAEGANSettings`, by name, without patience and free_bits:

    The history's ``train`` and ``validation`` entries are ELBO terms under the pixel likelihood, whatever was
    trained, so that they can be compared. Each record after the first has ``players``: means over the epoch
    of feature, fool, catch_real, catch_fake (losses), right (share of the discriminator's answers),
    decoder_skipped and discriminator_skipped (shares of the updates). Raises as :func:`fit`.
    """
    config = VAEGANSettings.from_arguments(settings)
    train = check_data(train, "the training set")
    target = pick_device(device)
    with working_on(target, model):
        run = VAEGANRun(model, train.to(target), config, elbo_terms, target)
        return complete(run, validation, checkpoint, resume, progress)


class VAEGANRun(Run):
    """A run of ``fit`` with a second player and another loss."""

    def make_optimizer(self) -> Adam:
        # One for all: Adam works parameter by parameter, and the losses are cut already.
        return Adam(
            self.model.parameters(),
            lr=self.config.learning_rate,
            betas=game.BETAS,
            weight_decay=self.config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )

    def train_epoch(self) -> None:
        self.players, before = torch.zeros(len(PLAYERS), device=self.device), self.step
        super().train_epoch()
        self.players /= self.step - before

    def terms(self, data, index: Tensor, noise: torch.Generator):
        if not torch.is_grad_enabled():  # the history is that of a VAE
            return super().terms(data, index, noise)
        x, config = data.batch(index, noise), self.config
        losses = vae_gan_losses(
            self.model,
            x,
            noise,
            with_features=config.feature_weight > 0 or config.adversary_weight > 0,
            with_game=config.adversary_weight > 0,
            with_slope=config.penalty > 0,
        )
        return x, losses

    def loss(self, losses: VAEGANLosses, beta: float, examples: int) -> Tensor:
        config = self.config
        decoder_plays, discriminator_plays = who_plays(losses, config.equilibrium, config.margin)
        values = [getattr(losses, name).detach() for name in PLAYERS[:5]]
        skipped = torch.tensor([not decoder_plays, not discriminator_plays], device=self.device)
        self.players += torch.stack([*values, *skipped.float()])
        total = beta * losses.kl
        # A term of weight 0 is left out, so that its networks get no gradient at all and Adam lets them be.
        if config.pixel_weight > 0:
            total = total + config.pixel_weight * losses.pixel
        if config.feature_weight > 0:
            total = total + config.feature_weight * losses.feature
        if config.adversary_weight > 0 and decoder_plays:
            total = total + config.adversary_weight * losses.fool
        if losses.catch_real.requires_grad and discriminator_plays:
            total = total + losses.catch_real + losses.catch_fake
            if losses.slope is not None:
                total = total + 0.5 * config.penalty * losses.slope
        return total

    def diagnosis(self, x, losses: VAEGANLosses) -> str:
        names = ("kl", "pixel", "feature", "fool", "catch_real", "catch_fake")
        values = ", ".join(f"{name} {getattr(losses, name).item():.3g}" for name in names)
        return (
            f"a loss of the VAE-GAN is not finite at step {self.step} (epoch {self.epoch + 1}): {values}; "
            f"lower learning_rate, or give penalty=... to hold the discriminator's slope."
        )

    def record(self, held_out, seconds: float) -> None:
        super().record(held_out, seconds)
        if self.epoch > 0:
            self.history.last["players"] = dict(zip(PLAYERS, self.players.tolist(), strict=True))


def who_plays(losses: VAEGANLosses, equilibrium: float, margin: float | None) -> tuple[bool, bool]:
    """The equilibrium trick: whether the game reaches the decoder and the discriminator in this update."""
    if margin is None:
        return True, True
    pair = (losses.catch_real.item(), losses.catch_fake.item())
    decoder, discriminator = max(pair) <= equilibrium + margin, min(pair) >= equilibrium - margin
    return (decoder, discriminator) if decoder or discriminator else (True, True)

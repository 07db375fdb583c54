"""How the VAE-GAN of the arena is trained: ``fit`` with a second player and another loss."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from recipes.gan import BETAS
from vae_course.data.own_images import check_data
from vae_course.elbo import elbo_terms
from vae_course.machine import Adam, pick_device, working_on
from vae_course.models.gan import VAEGAN
from vae_course.models.vae import VAE
from vae_course.training.loop import History, Run, complete
from vae_course.training.settings import AT_LEAST_0, FitSettings, setting
from vae_course.training.vae_gan import VAEGANLosses, vae_gan_losses


def other_default(kind: type, name: str, default):
    """The field ``name`` of the settings ``kind`` with another default, for a class derived from it."""
    return field(default=default, metadata=kind.__dataclass_fields__[name].metadata)


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
    kl_warmup: float = other_default(FitSettings, "kl_warmup", 0.0)
    precision: str = other_default(FitSettings, "precision", "highest")

    pixel_weight: float = setting(0.0, AT_LEAST_0, "of -log p(x|z), nats")
    feature_weight: float = setting(
        0.1, AT_LEAST_0, "of the distance in the discriminator's hidden layer, nats"
    )
    adversary_weight: float = setting(300.0, AT_LEAST_0, "of the decoder's wish to fool the discriminator")
    penalty: float = setting(0.2, AT_LEAST_0, "weight g of R1, g/2 times the mean squared slope at real data")
    margin: float | None = setting(
        None,
        AT_LEAST_0,
        "the equilibrium trick of the authors' code (not in the paper; they used 0.35). The discriminator "
        "skips an update when one of its losses is below equilibrium - margin (it is winning), the game does "
        "not reach the decoder when one is above equilibrium + margin, and if both had to wait, neither does",
        none="no such trick",
    )
    equilibrium: float = setting(0.68, AT_LEAST_0, "about log 2, the loss of who cannot tell")

    def __post_init__(self):
        super().__post_init__()
        if self.pixel_weight == self.feature_weight == 0:
            raise ValueError(
                "pixel_weight and feature_weight are both 0: nothing ties a code to its picture."
            )
        if self.patience is not None or self.free_bits > 0:
            raise ValueError("patience and free_bits are settings of fit; a VAE-GAN has no bound to watch.")


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
        settings: fields of :class:`VAEGANSettings`, without patience and free_bits.

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
            betas=BETAS,
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

    def diagnosis(self, x, losses: VAEGANLosses, epoch: int) -> str:
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


def plain(model: VAEGAN) -> VAE:
    """The VAE alone, sharing the weights: what is left to use, save or ship after training."""
    config = {name: value for name, value in model.config.items() if name != "discriminator_dims"}
    with torch.device("meta"):
        alone = VAE(**config)
    state = {name: value for name, value in model.state_dict().items() if name in alone.state_dict()}
    alone.load_state_dict(state, assign=True)
    return alone.train(model.training)

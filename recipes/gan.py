"""How a GAN is trained: both players in place, one update each in turn."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vae_course.data.own_images import check_data
from vae_course.files import say
from vae_course.machine import Adam, pick_device, working_on
from vae_course.randomness import seeded
from vae_course.training.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    share_right,
)
from vae_course.training.loop import TrainingDiverged
from vae_course.training.settings import ABOVE_0, AT_LEAST_0, Settings, setting, whole

BETAS = (0.5, 0.999)  # of Adam, for every player: in a game the gradients' past tells little


@dataclass(frozen=True)
class GanSettings(Settings):
    """Everything that decides what :func:`fit_gan` does."""

    caller = "fit_gan"

    steps: int = setting(5000, whole(0), "updates of each player")
    batch_size: int = setting(128, whole(1), "examples in each, read in passes through the training set")
    learning_rate: float = setting(1e-3, ABOVE_0, "step size of Adam")
    discriminator_learning_rate: float | None = setting(
        None, ABOVE_0, "that of the discriminator", none="the same"
    )
    penalty: float = setting(0.0, AT_LEAST_0, "weight g of R1, g/2 times the mean squared slope at real data")
    penalty_every: int = setting(
        1, whole(1), "updates from one R1 to the next, that many times as strong (Karras et al. 2020)"
    )
    record_every: int | None = setting(
        None, whole(1), "updates from one record to the next", none="50 records in a run"
    )
    seed: int = setting(0, whole(0), "seed of the order of the examples and of z")


TERMS = ("discriminator", "generator", "penalty", "real_score", "fake_score", "accuracy")


@dataclass
class AdversarialHistory:
    """One record now and then, each the mean over the updates since the record before it.

    ``records`` are dicts with ``step`` (updates of each player so far), ``seconds``, and the players' terms:
    ``discriminator`` and ``generator`` (their losses, without the penalty), ``penalty`` (mean squared norm of
    the score's slope at real data; 0 when not used), ``real_score`` and ``fake_score`` (mean logits),
    ``accuracy`` (share of scores with the right sign; 0.5 is a blind discriminator).
    """

    records: list[dict] = field(default_factory=list)

    last = property(lambda self: self.records[-1], doc="The latest record.")

    def curve(self, term: str) -> tuple[list[int], list[float]]:
        """Steps and values of one term: one of ``discriminator``, ``generator``, ``penalty``, ..."""
        return [record["step"] for record in self.records], [record[term] for record in self.records]


@torch.inference_mode(False)
@torch.enable_grad()
def fit_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    train,
    *,
    device: str = "auto",
    progress: bool = True,
    watch: Callable[[int, nn.Module], None] | None = None,
    **settings,
) -> AdversarialHistory:
    """Train both players in place, one update each in turn, and return what happened.

    Args:
        generator: (batch, latent) → data; has ``latent_dim``. discriminator: data → logits (batch,).
        train: ImageData, PointData, or anything with ``len``, ``to(device)`` and ``batch(index, generator)``.
        device, progress: as for :func:`vae_course.training.loop.fit`, which also says what is raised.
        watch: called as ``watch(step, generator)`` before the first update and at every record, with the
            generator where it was before the run.
        settings: fields of :class:`GanSettings`.
    """
    config = GanSettings.from_arguments(settings)
    train = check_data(train, "the training set")
    record_every = config.record_every or max(1, config.steps // 50)
    target, home = pick_device(device), next(generator.parameters()).device

    def look() -> None:
        if watch is not None:
            with working_on(home, generator):
                watch(game.step, generator)

    with working_on(target, generator, discriminator):
        game = Game(generator, discriminator, train.to(target), config, target)
        start = time.perf_counter()
        generator.train(), discriminator.train()
        look()
        while game.step < config.steps:
            game.update()
            if game.step % record_every == 0 or game.step == config.steps:
                game.record(time.perf_counter() - start)
                look()
                if progress:
                    report(game.history, config.steps)
        generator.eval(), discriminator.eval()
    return game.history


class Game:
    """State of one call of ``fit_gan``."""

    def __init__(self, generator, discriminator, train, config: GanSettings, device):
        self.model, self.discriminator, self.train = generator, discriminator, train
        self.config, self.device, self.step = config, device, 0
        rates = (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
        self.optimizers = [
            Adam(player.parameters(), rate, BETAS, fused=device.type in ("cpu", "cuda"))
            for player, rate in zip((generator, discriminator), rates, strict=True)
        ]
        self.noise = seeded(config.seed + 1, device)
        self.history, self.sums, self.counts = AdversarialHistory(), {}, {}

    def next_batch(self) -> Tensor:
        """The examples of this step; the order of each pass has a seed of its own."""
        size = self.config.batch_size
        turn, position = divmod(self.step, -(-len(self.train) // size))
        if position == 0:
            chooser = seeded(self.config.seed * 1_000_003 + turn)
            self.order = torch.randperm(len(self.train), generator=chooser).to(self.device)
        return self.train.batch(self.order[position * size : (position + 1) * size], self.noise)

    def update(self) -> None:
        """One step of each player."""
        config, generator, discriminator = self.config, self.model, self.discriminator
        optimizer_g, optimizer_d = self.optimizers
        real = self.next_batch()
        z = torch.randn(len(real), generator.latent_dim, generator=self.noise, device=self.device)
        fake = generator(z)

        penalize = config.penalty > 0 and self.step % config.penalty_every == 0
        # detach: the discriminator's loss must not reach the generator, which would make it easy to catch.
        real_score = discriminator(real.requires_grad_(penalize))
        fake_score = discriminator(fake.detach())
        loss_d = total = discriminator_loss(real_score, fake_score)
        slope = None
        if penalize:
            slope = gradient_penalty(real_score, real)
            total = loss_d + 0.5 * config.penalty * config.penalty_every * slope
        optimizer_d.zero_grad(set_to_none=True)
        total.backward()
        optimizer_d.step()

        # Gradients of the generator alone: the discriminator's would be thrown away before its next update.
        loss_g = generator_loss(discriminator(fake))
        optimizer_g.zero_grad(set_to_none=True)
        loss_g.backward(inputs=list(generator.parameters()))
        optimizer_g.step()
        # Reading a loss waits for an accelerator, so look there only now and then.
        if (self.device.type == "cpu" or self.step % 50 == 0) and not torch.isfinite(total + loss_g):
            raise TrainingDiverged(
                f"a loss of the game is not finite at step {self.step} (discriminator {total.item():.3g}, "
                f"generator {loss_g.item():.3g}); lower learning_rate, or give penalty=..."
            )
        self.step += 1
        with torch.no_grad():
            right = share_right(real_score, fake_score)
            terms = (loss_d, loss_g, slope, real_score.mean(), fake_score.mean(), right)
            for name, value in zip(TERMS, terms, strict=True):
                if value is not None:  # stays on the device until a record
                    self.sums[name] = self.sums.get(name, 0.0) + value
                    self.counts[name] = self.counts.get(name, 0) + 1

    def record(self, seconds: float) -> None:
        """Add the means since the last record to the history."""
        means = {
            name: float(self.sums[name]) / self.counts[name] if name in self.sums else 0.0 for name in TERMS
        }
        if not all(map(math.isfinite, means.values())):
            raise TrainingDiverged(f"a loss of the game was not finite before step {self.step}.")
        self.history.records.append({"step": self.step, "seconds": seconds, **means})
        self.sums, self.counts = {}, {}


def report(history: AdversarialHistory, steps: int) -> None:
    """About ten lines in a run, without seconds, so that a repeated run prints the same text."""
    last, before = history.records[-1], history.records[-2]["step"] if len(history.records) > 1 else 0
    done = last["step"]
    if done * 10 // steps == before * 10 // steps:
        return
    say(
        f"step {done:>{len(str(steps))},}/{steps:,}   discriminator {last['discriminator']:.3f}   "
        f"generator {last['generator']:.3f}   right {last['accuracy']:.0%}"
    )

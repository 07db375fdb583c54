"""Training a GAN."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.files import say, write_atomically
from vae_course.machine import Adam, pick_device, working_on
from vae_course.randomness import seeded
from vae_course.training.loop import TrainingDiverged, take_up_noise
from vae_course.training.settings import number, one_of, whole
from vae_course.weights import CheckpointError, load_checkpoint, save_checkpoint

# -------- The terms of a GAN's game: losses of both players, the gradient penalty, instance noise.

# Each loss: (discriminator's on real scores and fake scores, generator's on fake scores). Scores are
# (batch, ...): the batch is averaged and further axes, networks that are trained side by side, are summed.
LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    # Goodfellow et al. 2014, section 3: the generator maximizes log D instead of minimizing log(1 − D).
    "non_saturating": (
        lambda real, fake: mean_over_batch(F.softplus(-real) + F.softplus(fake)),
        lambda fake: mean_over_batch(F.softplus(-fake)),
    ),
    # Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": (
        lambda real, fake: mean_over_batch(F.relu(1 - real) + F.relu(1 + fake)),
        lambda fake: mean_over_batch(-fake),
    ),
}


def mean_over_batch(values: Tensor) -> Tensor:
    """(batch, ...) → scalar: mean over the first axis, sum over the others."""
    return values.mean(0).sum()


def gradient_penalty(scores: Tensor, x: Tensor) -> Tensor:
    """R1: mean over the batch of ‖∇ₓ D(x)‖², differentiable (Mescheder et al. 2018, equation 9).

    Args:
        scores: D(x), (batch, ...), computed from ``x`` with ``x.requires_grad_()`` set before.
        x: real data, (batch, ...).
    """
    (slope,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return mean_over_batch(slope.square())


def add_noise(x: Tensor, std: float, generator: torch.Generator | None = None) -> Tensor:
    """x + std · ε with ε ~ N(0, I): instance noise, on real and generated alike (Sønderby et al. 2017)."""
    if std == 0:
        return x
    return x + std * torch.randn(x.shape, generator=generator, device=x.device)


# -------- Settings of a GAN's training, checked before it starts.


@dataclass(frozen=True)
class GanSettings:
    """Everything that decides what :func:`fit_gan` does; see there for the meanings."""

    steps: int
    batch_size: int
    learning_rate: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    loss: str
    penalty: float
    penalty_every: int
    instance_noise: float
    anneal_noise: bool
    record_every: int
    seed: int

    def __post_init__(self):
        positive, not_negative = number(0, ends="(]"), number(0)
        rules = {
            "steps": whole(0),
            "batch_size": whole(1),
            "learning_rate": positive,
            "discriminator_learning_rate": positive,
            "loss": one_of(tuple(LOSSES)),
            "penalty": not_negative,
            "penalty_every": whole(1),
            "instance_noise": not_negative,
            "record_every": whole(1),
            "seed": whole(0),
        }
        for name, rule in rules.items():
            if not rule.accepts(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {rule}.")
        if len(self.betas) != 2 or not all(number(0, 1, "[)").accepts(beta) for beta in self.betas):
            raise ValueError(f"betas is {self.betas!r}; expected two numbers in [0, 1).")


# -------- What happened between a generator and its discriminator.

TERMS = ("discriminator", "generator", "penalty", "real_score", "fake_score", "accuracy")


@dataclass
class AdversarialHistory:
    """One record now and then, each the mean over the updates since the record before it.

    Attributes:
        records: dicts with ``step`` (updates of each player so far), ``seconds``, and the players' terms:
            ``discriminator`` and ``generator`` (their losses, without the penalty), ``penalty`` (mean squared
            norm of the score's slope at real data, before its weight; 0 when not used), ``real_score`` and
            ``fake_score`` (mean logits), ``accuracy`` (share of scores with the right sign; 0.5 is a blind
            discriminator).
    """

    records: list[dict] = field(default_factory=list)

    def curve(self, term: str) -> tuple[list[int], list[float]]:
        """Steps and values of one term: one of ``discriminator``, ``generator``, ``penalty``, ..."""
        if term not in TERMS:
            raise ValueError(f"unknown term {term!r}; choose one of {', '.join(TERMS)}.")
        return [record["step"] for record in self.records], [record[term] for record in self.records]

    @property
    def last(self) -> dict:
        """The latest record."""
        return self.records[-1]

    def to_json(self, path: str | Path) -> None:
        """Write the history as JSON; the file is complete or not there."""
        write_atomically(path, json.dumps({"records": self.records}, indent=1).encode() + b"\n")

    @classmethod
    def from_json(cls, path: str | Path) -> "AdversarialHistory":
        """Read what :meth:`to_json` wrote."""
        return cls(**json.loads(Path(path).read_text()))


# -------- Train a generator against a discriminator.


def fit_gan(
    generator: nn.Module,
    discriminator: nn.Module,
    train,
    *,
    steps: int = 5000,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    discriminator_learning_rate: float | None = None,
    betas: tuple[float, float] = (0.5, 0.999),
    loss: str = "non_saturating",
    penalty: float = 0.0,
    penalty_every: int = 1,
    instance_noise: float = 0.0,
    anneal_noise: bool = True,
    record_every: int | None = None,
    seed: int = 0,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[int, nn.Module], None] | None = None,
) -> AdversarialHistory:
    """Train both players in place, one update each in turn, and return what happened.

    Args:
        generator: (batch, latent) → data; has ``latent_dim``. discriminator: data → logits (batch,).
        train: ImageData, PointData, or anything with ``len``, ``to(device)`` and ``batch(index, generator)``.
        steps: updates of each player; batch_size: examples in each, read in passes through ``train``.
        learning_rate: of Adam, for both; discriminator_learning_rate: another one for the discriminator.
        betas: of Adam. 0.5 instead of 0.9, because the gradients' past tells little in a game.
        loss: "non_saturating" or "hinge".
        penalty: weight γ of R1: γ/2 · E‖∇ₓ D(x)‖² at real data joins the discriminator's loss.
        penalty_every: apply it at every so-manieth update, that many times as strong (Karras et al. 2020).
        instance_noise: std of Gaussian noise on all that the discriminator sees, in units of the data.
        anneal_noise: let that noise fall linearly to 0 over the run.
        record_every: updates between two records; default: 50 records in a run.
        seed: order of the examples, z and noise. Weights are drawn when the networks are built.
        device: where to train: "auto" (CUDA, MPS, CPU), or a torch device name; both networks are afterwards
            back where they were.
        checkpoint: file to write at every record; load_model reads the generator from it.
        resume: continue from ``checkpoint`` if it exists; on the same kind of device the result equals an
            uninterrupted run's.
        progress: print about ten lines of plain text during the run.
        watch: called as ``watch(step, generator)`` before the first update and at every record, with the
            generator where it was before the run.

    Raises:
        ValueError: a setting is out of its range, or there are no examples.
        TrainingDiverged: a loss became NaN or infinite.
        CheckpointError: ``resume`` found a checkpoint of another run.
    """
    settings = GanSettings(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        discriminator_learning_rate=discriminator_learning_rate or learning_rate,
        betas=tuple(betas),
        loss=loss,
        penalty=penalty,
        penalty_every=penalty_every,
        instance_noise=instance_noise,
        anneal_noise=anneal_noise,
        record_every=record_every or max(1, steps // 50),
        seed=seed,
    )
    if len(train) == 0:
        raise ValueError("the training set is empty; load at least one example.")
    if resume and checkpoint is None:
        raise ValueError("resume needs a file to continue from: give checkpoint=... as well.")
    target, home = pick_device(device), next(generator.parameters()).device
    with working_on(target, generator, discriminator):
        game = _Game(generator, discriminator, train.to(target), settings, target)
        if resume and Path(checkpoint).exists():
            game.restore(checkpoint)

        def look() -> None:
            if watch is not None:
                with working_on(home, generator):
                    watch(game.step, generator)

        _play(game, checkpoint, progress, look)
    return game.history


def _play(game: "_Game", checkpoint: str | Path | None, progress: bool, look: Callable[[], None]) -> None:
    """Make the updates that are left, with a record, a checkpoint and a look now and then."""
    settings, generator, discriminator = game.settings, game.generator, game.discriminator
    start = time.perf_counter() - (game.history.last["seconds"] if game.history.records else 0.0)
    generator.train(), discriminator.train()
    if game.step == 0:
        look()
    while game.step < settings.steps:
        game.update()
        if game.step % settings.record_every == 0 or game.step == settings.steps:
            game.record(time.perf_counter() - start)
            if checkpoint is not None:
                game.save(checkpoint)
            look()
            if progress:
                _report(game.history, settings.steps)
    generator.eval(), discriminator.eval()


class _Game:
    """State of one call of ``fit_gan``."""

    def __init__(self, generator, discriminator, train, settings: GanSettings, device):
        self.generator, self.discriminator, self.train = generator, discriminator, train
        self.settings, self.device = settings, device
        rates = (settings.learning_rate, settings.discriminator_learning_rate)
        self.optimizers = [
            Adam(player.parameters(), lr=rate, betas=settings.betas, fused=device.type in ("cpu", "cuda"))
            for player, rate in zip((generator, discriminator), rates, strict=True)
        ]
        self.noise = seeded(settings.seed + 1, device)
        self.losses = LOSSES[settings.loss]
        self.steps_per_pass = -(-len(train) // settings.batch_size)
        self.step = 0
        self.order: tuple[int, torch.Tensor] | None = None
        self.history = AdversarialHistory()
        self.sums = dict.fromkeys(TERMS, 0.0)
        self.counts = dict.fromkeys(TERMS, 0)

    def next_batch(self) -> torch.Tensor:
        """The examples of this step; each pass has its own seed, so that no order needs storing."""
        turn, position = divmod(self.step, self.steps_per_pass)
        if self.order is None or self.order[0] != turn:
            chooser = seeded(self.settings.seed * 1_000_003 + turn)
            self.order = turn, torch.randperm(len(self.train), generator=chooser).to(self.device)
        size = self.settings.batch_size
        return self.train.batch(self.order[1][position * size : (position + 1) * size], self.noise)

    def update(self) -> None:
        settings = self.settings
        discriminator_loss, generator_loss = self.losses
        optimizer_g, optimizer_d = self.optimizers
        left = 1 - self.step / settings.steps if settings.anneal_noise else 1.0
        std = settings.instance_noise * left
        real = add_noise(self.next_batch(), std, self.noise)
        z = torch.randn(len(real), self.generator.latent_dim, generator=self.noise, device=self.device)
        fake = self.generator(z)

        penalize = settings.penalty > 0 and self.step % settings.penalty_every == 0
        # detach: the discriminator's loss must not reach the generator, which would make it easy to catch.
        real_score = self.discriminator(real.requires_grad_(penalize))
        fake_score = self.discriminator(add_noise(fake.detach(), std, self.noise))
        loss_d = discriminator_loss(real_score, fake_score)
        total, slope = loss_d, None
        if penalize:
            slope = gradient_penalty(real_score, real)
            total = loss_d + 0.5 * settings.penalty * settings.penalty_every * slope
        optimizer_d.zero_grad(set_to_none=True)
        total.backward()
        optimizer_d.step()

        # Gradients of the generator alone: the discriminator's would be thrown away before its next update.
        loss_g = generator_loss(self.discriminator(add_noise(fake, std, self.noise)))
        optimizer_g.zero_grad(set_to_none=True)
        loss_g.backward(inputs=list(self.generator.parameters()))
        optimizer_g.step()
        self._note(total, loss_d, loss_g, slope, real_score, fake_score)
        self.step += 1

    @torch.no_grad()
    def _note(self, total, loss_d, loss_g, slope, real_score, fake_score) -> None:
        right = ((real_score > 0).float().mean() + (fake_score < 0).float().mean()) / 2
        terms = (loss_d, loss_g, slope, real_score.mean(), fake_score.mean(), right)
        for name, value in zip(TERMS, terms, strict=True):
            if value is not None:
                self.sums[name] += value  # stays on the device until a record
                self.counts[name] += 1
        # Reading a loss waits for an accelerator, so look there only now and then.
        if (self.device.type == "cpu" or self.step % 50 == 0) and not torch.isfinite(total + loss_g):
            raise TrainingDiverged(
                f"a loss of the game is not finite at step {self.step} (discriminator {float(total):.3g}, "
                f"generator {float(loss_g):.3g}); lower learning_rate, or give penalty=... to hold the "
                f"discriminator's slope."
            )

    def record(self, seconds: float) -> None:
        means = {name: float(self.sums[name]) / max(1, self.counts[name]) for name in TERMS}
        if not all(map(math.isfinite, means.values())):
            raise TrainingDiverged(f"a loss of the game was not finite before step {self.step}.")
        self.history.records.append({"step": self.step, "seconds": seconds, **means})
        self.sums, self.counts = dict.fromkeys(TERMS, 0.0), dict.fromkeys(TERMS, 0)

    def save(self, path) -> None:
        save_checkpoint(
            path,
            self.generator,
            discriminator=self.discriminator.state_dict(),
            game={
                "settings": self._identity(),
                "step": self.step,
                "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
                "noise": self.noise.get_state(),
                "device": self.device.type,
                "records": self.history.records,
            },
        )

    def _identity(self) -> dict:
        """What must agree for a run to be continued."""
        configs = {
            "generator": getattr(self.generator, "config", None),
            "discriminator": getattr(self.discriminator, "config", None),
        }
        return {**asdict(self.settings), "examples": len(self.train), **configs}

    def restore(self, path) -> None:
        content = load_checkpoint(path)
        state = content.get("game")
        if state is None:
            raise CheckpointError(f"{path} is not a checkpoint of fit_gan; start afresh in another file.")
        asked = self._identity()
        changed = [name for name in asked if asked[name] != state["settings"].get(name)]
        if changed:
            raise CheckpointError(
                f"{path} is a run with another {', '.join(changed)}; resume with the same settings and "
                f"networks, or start afresh in another file."
            )
        self.generator.load_state_dict(content["model"])
        self.discriminator.load_state_dict(content["discriminator"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        take_up_noise(self.noise, state, self.settings.seed + 1)
        self.step = state["step"]
        self.history = AdversarialHistory(state["records"])


def _report(history: AdversarialHistory, steps: int) -> None:
    """About ten lines in a run, without seconds, so that a repeated run prints the same text."""
    done, before = history.last["step"], history.records[-2]["step"] if len(history.records) > 1 else 0
    if done * 10 // steps == before * 10 // steps:
        return
    last = history.last
    say(
        f"step {done:>{len(str(steps))},}/{steps:,}   discriminator {last['discriminator']:.3f}   "
        f"generator {last['generator']:.3f}   right {last['accuracy']:.0%}"
    )

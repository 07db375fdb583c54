"""The training loop, its history, and how a run is saved and taken up again."""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_course.data.images import check_data
from vae_course.elbo import ElboTerms, elbo_terms, reconstruction_terms
from vae_course.files import say, write_atomically
from vae_course.machine import (
    OPTIMIZERS,
    choose,
    keep_freed_memory,
    matrix_products,
    mixed,
    pick_device,
    working_on,
)
from vae_course.models.vae import Autoencoder
from vae_course.randomness import seed_of, seeded
from vae_course.training import distributed as processes
from vae_course.training.settings import (
    FitSettings,
    kl_settled,
    kl_weight,
    learning_rate_factor,
    lists_settings,
)
from vae_course.weights import CheckpointError, load_checkpoint, save_checkpoint

# -------- A loss that is no longer a number, and what probably made it so.


class TrainingDiverged(RuntimeError):
    """The loss became NaN or infinite."""


def diagnose(step: int, epoch: int, model: nn.Module, x: Tensor, terms: ElboTerms) -> str:
    """One sentence for :class:`TrainingDiverged`: where, and the likely cause.

    Args:
        step: updates made so far; epoch: the one under way, counted from 1.
        model: as it is now.
        x: the batch whose loss is not finite, and ``terms`` what the objective made of it.
    """
    if torch.is_tensor(x) and not torch.isfinite(x).all():
        cause = "the data hold NaN or infinite values: remove these examples or mend them"
    elif not all(torch.isfinite(parameter).all() for parameter in model.parameters()):
        cause = "the weights are no longer finite: lower learning_rate or set gradient_clip"
        if step == 0:
            cause = "the weights were not finite before the first update: build the model anew"
    elif not torch.isfinite(terms.kl).all():
        cause = "the KL term overflowed: bound log σ² (bound_log_var) or lower learning_rate"
    else:
        cause = "the reconstruction term overflowed: check that images lie in [0, 1], or lower learning_rate"
    return f"the loss is not finite at step {step} (epoch {epoch}); {cause}."


# -------- What happened during training.

TERMS = ("negative_elbo", "reconstruction", "kl")


@dataclass
class History:
    """One record for each epoch, the first of them (epoch 0) taken before any update.

    Attributes:
        records: dicts with ``epoch``, ``step`` (updates so far), ``learning_rate``, ``beta`` (weight of the
            KL term at that moment), ``seconds`` since the start, and ``train`` and ``validation``: dicts of
            ``negative_elbo``, ``reconstruction``, ``kl``, mean nats per example with a sample from q(z|x),
            always at KL weight 1 (validation is None when none was given).
        stopped_early: training ended before its last epoch because the held-out −ELBO no longer fell.
        best_epoch: epoch with the lowest held-out −ELBO, or None without held-out data.
    """

    records: list[dict] = field(default_factory=list)
    stopped_early: bool = False
    best_epoch: int | None = None

    def curve(self, part: str = "validation", term: str = "negative_elbo") -> tuple[list[int], list[float]]:
        """Epochs and values of one term.

        Args:
            part: "train" or "validation".
            term: "negative_elbo", "reconstruction" or "kl".
        """
        if part not in ("train", "validation"):
            raise ValueError(f"unknown part {part!r}; choose 'train' or 'validation'.")
        if term not in TERMS:
            raise ValueError(f"unknown term {term!r}; choose one of {', '.join(TERMS)}.")
        if any(record[part] is None for record in self.records):
            raise ValueError("this run had no held-out data: give validation=... to fit.")
        return [r["epoch"] for r in self.records], [r[part][term] for r in self.records]

    @property
    def last(self) -> dict:
        """The record of the last epoch."""
        return self.records[-1]

    def to_dict(self) -> dict:
        return {
            "records": self.records,
            "stopped_early": self.stopped_early,
            "best_epoch": self.best_epoch,
        }

    def to_json(self, path: str | Path) -> None:
        """Write the history as JSON; the file is complete or not there."""
        write_atomically(path, json.dumps(self.to_dict(), indent=1).encode() + b"\n")

    @classmethod
    def from_dict(cls, content: dict) -> "History":
        return cls(**content)

    @classmethod
    def from_json(cls, path: str | Path) -> "History":
        """Read what :meth:`to_json` wrote."""
        return cls.from_dict(json.loads(Path(path).read_text()))


# -------- Plain-text progress: readable with and without a front end.


def report(history: History, epochs: int, progress: bool) -> None:
    """About ten lines in a run, without seconds, so that a repeated run prints the same text."""
    record = history.last
    every = max(1, -(-epochs // 10))
    last = record["epoch"] == epochs or history.stopped_early
    if not progress or not (record["epoch"] % every == 0 or last):
        return
    parts = [f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}"]
    for name, values in (("train", record["train"]), ("held-out", record["validation"])):
        if values is not None:
            parts.append(f"{name} {_terms(values)}")
    text = "   ".join(parts) + "   nats"
    if history.stopped_early:
        text += f"   stopped: no better since epoch {history.best_epoch}"
    say(text)


def _terms(values: dict[str, float]) -> str:
    # A plain autoencoder has no KL term, and its reconstruction alone is no bound: do not call it −ELBO.
    if values["kl"] == 0:
        return f"reconstruction {values['reconstruction']:7.2f}"
    return f"−ELBO {values['negative_elbo']:7.2f} = {values['reconstruction']:7.2f} + KL {values['kl']:5.2f}"


# -------- Save a run after an epoch, and continue it later as if it had never been interrupted.


def save_run(run, path: str | Path) -> None:
    """Write the run's weights, optimizer, random state and history; the file is complete or not there."""
    save_checkpoint(
        path,
        run.model,
        training={
            "settings": asdict(run.config),
            "examples": len(run.train),
            "epoch": run.epoch,
            "step": run.step,
            "optimizer": run.optimizer.state_dict(),
            "order": run.order.get_state(),
            "noise": run.noise.get_state(),
            "device": run.device.type,
            "history": run.history.to_dict(),
            "best": run.best,
            "arithmetic": run.arithmetic,
        },
    )


def restore_run(run, path: str | Path) -> None:
    """Put a run into the state that :func:`save_run` wrote.

    Raises:
        CheckpointError: the file is damaged, or belongs to another model or to other settings.
    """
    content = load_checkpoint(path)
    state = content.get("training")
    if state is None:
        raise CheckpointError(
            f"{path} holds a model without the state of its training; only a file that fit wrote as its "
            f"checkpoint can be resumed: start afresh in another file."
        )
    model = run.model
    if (content["kind"], content["config"]) != (type(model).__name__, getattr(model, "config", None)):
        raise CheckpointError(
            f"{path} belongs to another model; resume with the same model, or start afresh in another file."
        )
    asked = {**asdict(run.config), "examples": len(run.train)}
    saved = {**state["settings"], "examples": state["examples"]}
    changed = [
        f"{name} {saved.get(name)!r} → {asked[name]!r}" for name in asked if asked[name] != saved.get(name)
    ]
    if changed:
        raise CheckpointError(
            f"{path} is a run with other settings ({'; '.join(changed)}); resume with the same ones, "
            f"because schedules depend on them, or start afresh in another file."
        )
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit this model; start afresh.") from error
    run.optimizer.load_state_dict(state["optimizer"])
    run.order.set_state(state["order"])
    take_up_noise(run.noise, state, run.config.seed + 1)
    run.epoch, run.step = state["epoch"], state["step"]
    run.history = History.from_dict(state["history"])
    run.best = state["best"]
    run.arithmetic = state.get("arithmetic", run.arithmetic)


def take_up_noise(noise: torch.Generator, state: dict, seed: int) -> None:
    """Continue the noise of a saved run; on another kind of device, with numbers not drawn before."""
    if state.get("device", noise.device.type) == noise.device.type:
        noise.set_state(state["noise"])
    else:  # its generator has a state of another form
        noise.manual_seed(seed_of(seed + 1_000_003 * state["step"]))


# -------- The training loop.


@lists_settings(FitSettings)
def fit(
    model: nn.Module,
    train,
    validation=None,
    *,
    device: str = "auto",
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    objective=None,
    **settings,
) -> History:
    """Train a model on data in memory and return what happened.

    The defaults are the fast recipe of assets/results/speed.md, where each part's gain is measured; for the
    recipe of most tutorials give ``**training.settings.USUAL_RECIPE``.

    Args:
        model: a VAE, an Autoencoder, or anything that ``objective`` understands; trained in place.
        train: ImageData (anything with ``len``, ``to(device)`` and ``batch(index, generator)``).
        validation: held-out data for the history and early stopping; never the test set.
        device: where to train: "auto" (CUDA, MPS, CPU), or a torch device name; the model is afterwards back
            where it was.
        checkpoint: file to write after each epoch, and with the best weights at the end of a run with
            ``patience``; None writes nothing.
        resume: continue from ``checkpoint`` if it exists; on the same kind of device the result equals an
            uninterrupted run's.
        progress: print about ten lines of plain text during the run.
        objective: ``objective(model, x, generator) -> ElboTerms``; default: the ELBO, and for an
            Autoencoder its reconstruction term.
        settings: fields of :class:`vae_course.training.settings.FitSettings`, by name:

    The weights are drawn when the model is built: call ``seed_everything`` before that.

    Returns:
        The history, from epoch 0 (before training).

    Inside :func:`vae_course.training.distributed.process_group`, as in ``train`` under torchrun, all
    processes train the model together, with the result of one; ``batch_size`` is that of all of them.

    Raises:
        ValueError, TypeError: a setting is out of its range or unknown.
        TrainingDiverged: the loss became NaN or infinite; says at which step and the likely cause.
        CheckpointError: ``resume`` found a checkpoint of a run with other settings.
    """
    config = FitSettings.from_arguments(settings)
    check_data(train, "the training set")
    target = pick_device(device)
    objective = objective or (reconstruction_terms if isinstance(model, Autoencoder) else elbo_terms)
    kind = SharedRun if processes.count() > 1 else Run
    with working_on(target, model):
        run = kind(model, train.to(target), config, objective, target)
        return complete(run, validation, checkpoint, resume, progress)


def complete(run: "Run", validation, checkpoint: str | Path | None, resume: bool, progress: bool) -> History:
    """Train a run to its end, from the beginning or from its checkpoint; arguments as for :func:`fit`."""
    check_data(run.train, "the training set")
    if validation is not None:
        check_data(validation, "the held-out set", ", or give validation=None")
    if resume and checkpoint is None:
        raise ValueError("resume needs a file to continue from: give checkpoint=... as well.")
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint {checkpoint} is a folder; give the name of a file in it.")
    if run.config.patience is not None and validation is None:
        raise ValueError('patience needs held-out data: give validation=load(..., "validation").')
    held_out = validation.to(run.device) if validation is not None else None
    if resume and Path(checkpoint).exists():
        restore_run(run, checkpoint)
    keep_freed_memory()
    epochs = run.config.epochs
    start = time.perf_counter() - (run.history.last["seconds"] if run.history.records else 0.0)
    if not run.history.records:
        with matrix_products(run.arithmetic):
            run.record(held_out, 0.0)
        report(run.history, epochs, progress and run.writes)
    run.model.train()
    while run.epoch < epochs and not run.history.stopped_early:
        with matrix_products(run.arithmetic):
            run.train_epoch()
            run.record(held_out, time.perf_counter() - start)
        if checkpoint is not None and run.writes:
            save_run(run, checkpoint)
        report(run.history, epochs, progress and run.writes)
    if run.return_to_best() and checkpoint is not None and run.writes:
        save_run(run, checkpoint)
    run.model.eval()
    return run.history


class Run:
    """State of one training run: what must be saved for the run to continue as if never interrupted."""

    writes = True  # checkpoints and progress; several processes of one run leave that to one of them

    def __init__(self, model, train, config: FitSettings, objective, device):
        config = config.for_examples(len(train))
        self.model, self.train, self.config, self.objective = model, train, config, objective
        self.device, self.epoch, self.step = device, 0, 0
        self.steps_per_epoch = -(-len(train) // config.batch_size)
        self.total_steps = self.steps_per_epoch * config.epochs
        self.arithmetic = choose(config.precision, device, model)
        self.kl_course = (config.kl_warmup, config.kl_schedule, config.kl_cycles)
        self.optimizer = self.make_optimizer()
        # The order lives on the CPU so that it is the same on every device.
        self.order = seeded(config.seed)
        self.noise = seeded(config.seed + 1, device)
        self.history, self.best = History(), None

    def make_optimizer(self):
        """What steps: an optimizer of torch, or anything with its methods that a derived class prefers."""
        return OPTIMIZERS[self.config.optimizer](
            self.model.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )

    def train_epoch(self) -> None:
        config = self.config
        order = torch.randperm(len(self.train), generator=self.order).to(self.device)
        for index in order.split(config.batch_size):
            rate = config.learning_rate * learning_rate_factor(
                config.schedule, self.step, self.total_steps, config.warmup
            )
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            beta = kl_weight(config.beta, self.step, self.total_steps, *self.kl_course)
            with mixed(self.arithmetic, self.device):
                x, terms = self.terms(self.train, index, self.noise)
            loss = self.loss(terms, beta, len(index))
            # Reading the loss waits for an accelerator, so look there only now and then.
            if (self.device.type == "cpu" or self.step % 50 == 0) and not torch.isfinite(loss):
                raise TrainingDiverged(diagnose(self.step, self.epoch + 1, self.model, x, terms))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if config.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
            self.optimizer.step()
            self.step += 1
        self.epoch += 1

    def terms(self, data, index, noise: torch.Generator):
        """The batch of the examples at ``index``, and what the objective makes of it."""
        x = data.batch(index, noise)
        return x, self.objective(self.model, x, noise)

    def loss(self, terms, beta: float, examples: int) -> torch.Tensor:
        """The loss of a batch of ``examples``."""
        free_bits = self.config.free_bits
        return terms.loss(beta, free_bits) if free_bits else terms.loss(beta)

    def sums(self, terms, examples: int) -> torch.Tensor:
        """Sums of the terms over a batch of ``examples``, (3,), in float64 on the CPU: MPS has none."""
        return torch.stack([getattr(terms, name).sum() for name in TERMS]).cpu().double()

    def record(self, held_out, seconds: float) -> None:
        config = self.config
        entry = {
            "epoch": self.epoch,
            "step": self.step,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "beta": kl_weight(config.beta, self.step, self.total_steps, *self.kl_course),
            "seconds": seconds,
            "train": self._measure(self.train),
            "validation": self._measure(held_out) if held_out is not None else None,
        }
        self.history.records.append(entry)
        if held_out is not None and kl_settled(self.step, self.total_steps, *self.kl_course):
            self._keep_best(entry["validation"]["negative_elbo"])

    def _keep_best(self, value: float) -> None:
        patience, history = self.config.patience, self.history
        if self.best is None or value < self.best["value"]:
            history.best_epoch = self.epoch
            state = {k: v.detach().clone() for k, v in self.model.state_dict().items()} if patience else {}
            self.best = {"value": value, "model": state}
        elif patience and self.epoch - history.best_epoch >= patience:
            history.stopped_early = True

    @torch.no_grad()
    def _measure(self, data) -> dict[str, float]:
        """Mean ELBO terms on fixed examples with fixed noise, so that records differ by the weights alone.

        Raises:
            TrainingDiverged: a term is NaN or infinite.
        """
        chooser = seeded(self.config.seed)
        index = torch.randperm(len(data), generator=chooser)[: self.config.eval_examples].to(self.device)
        noise = seeded(self.config.seed + 2, self.device)
        self.model.eval()
        sums = torch.zeros(3, dtype=torch.float64)
        for part in index.split(1000):
            x, terms = self.terms(data, part, noise)
            sums += self.sums(terms, len(part))
            if not all(map(math.isfinite, sums)):
                raise TrainingDiverged(diagnose(self.step, self.epoch, self.model, x, terms))
        self.model.train()
        return dict(zip(TERMS, (sums / len(index)).tolist(), strict=True))

    def return_to_best(self) -> bool:
        """Load the best weights, if the run kept them; whether it did."""
        if not self.best or not self.best["model"]:
            return False
        self.model.load_state_dict(self.best["model"])
        return True


class SharedRun(processes.Shared, Run):
    """A run of which each of several processes does its share."""

"""The training loop."""

import math
import time
from pathlib import Path

import torch
from torch import nn

from vae_course.allocation import keep_freed_memory
from vae_course.elbo import elbo_terms, reconstruction_terms
from vae_course.models import Autoencoder
from vae_course.training import processes
from vae_course.training.compiled import CompiledObjective
from vae_course.training.divergence import TrainingDiverged, diagnose
from vae_course.training.history import TERMS, History
from vae_course.training.muon import MuonAndAdam
from vae_course.training.optimizers import OPTIMIZERS
from vae_course.training.precision import choose, matrix_products, mixed
from vae_course.training.progress import report
from vae_course.training.resume import restore_run, save_run
from vae_course.training.schedules import kl_settled, kl_weight, learning_rate_factor
from vae_course.training.seeding import pick_device
from vae_course.training.settings import FitSettings, check_data


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
    compile: bool = False,
    **settings,
) -> History:
    """Train a model on data in memory and return what happened.

    The defaults are the fast recipe of assets/results/speed.md, where each part's gain is measured; for the
    recipe of most tutorials give ``**training.settings.USUAL_RECIPE``.

    Args:
        model: a VAE, an Autoencoder, or anything that ``objective`` understands; trained in place.
        train: ImageData (anything with ``len``, ``to(device)`` and ``batch(index, generator)``).
        validation: held-out data for the history and early stopping; never the test set.
        device: "auto" (CUDA, MPS, CPU), or a torch device name; the model stays on it afterwards.
        checkpoint: file to write after each epoch, and with the best weights at the end of a run with
            ``patience``; None writes nothing.
        resume: continue from ``checkpoint`` if it exists; the result equals an uninterrupted run's.
        progress: print about ten lines of plain text during the run.
        objective: ``objective(model, x, generator) -> ElboTerms``; default: the ELBO, and for an
            Autoencoder its reconstruction term.
        compile: run the networks through ``torch.compile``: up to a minute of preparation, then faster
            updates for some models; see :class:`vae_course.training.compiled.CompiledObjective`.
        epochs (int, 10): passes through ``train``.
        batch_size (int or None): examples in each update; None takes 256, fewer for less than 2,048 examples.
        learning_rate (float, 8e-3): of the optimizer, at its highest.
        optimizer (str, "adam"): "adam", "adamw" or, for convolutions, "muon"; weight_decay (float, 0).
        schedule (str, "linear"): "constant", "linear" or "cosine" decay to 0.
        warmup (float, 0.05): share of the run over which the learning rate first rises.
        gradient_clip (float or None): largest norm of the gradient.
        beta (float, 1): full weight of the KL term; kl_warmup (share of each cycle, ½ unless constant) over
            which it rises.
        kl_schedule (str, "linear"): "constant", "linear" (one cycle) or "cyclical"; kl_cycles (int, 4).
        free_bits (float, 0): nats for each latent dimension below which its KL costs nothing more.
        precision (str, "auto"): arithmetic of the matrix products: "highest" (torch's own), "medium",
            "bfloat16", or the fastest here that loses nothing that matters (see :func:`precision.choose`).
        patience (int or None): stop when the held-out −ELBO has not fallen for that many epochs (counted
            after the KL warm-up), and return to the best weights.
        seed (int, 0): order of the examples and noise. The weights are drawn when the model is built: call
            ``seed_everything`` before that.
        eval_examples (int or None, 2000): random but fixed examples of each part on which the history is
            measured; None takes all.

    Returns:
        The history, from epoch 0 (before training).

    Inside :func:`vae_course.training.processes.process_group`, as in ``train`` under torchrun, all processes
    train the model together, with the result of one; ``batch_size`` is that of all of them.

    Raises:
        ValueError, TypeError: a setting is out of its range or unknown.
        TrainingDiverged: the loss became NaN or infinite; says at which step and the likely cause.
        CheckpointError: ``resume`` found a checkpoint of a run with other settings.
    """
    config = FitSettings.from_arguments(settings)
    check_data(train, "the training set")
    target = pick_device(device)
    objective = objective or (reconstruction_terms if isinstance(model, Autoencoder) else elbo_terms)
    objective = CompiledObjective(objective) if compile else objective
    kind = Run
    if processes.count() > 1:
        from vae_course.training.distributed import Shared

        kind = type("SharedRun", (Shared, Run), {})
    run = kind(model.to(target), train.to(target), config, objective, target)
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
        self.optimizer = {**OPTIMIZERS, "muon": MuonAndAdam}[config.optimizer](
            model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )
        # The order lives on the CPU so that it is the same on every device.
        self.order = torch.Generator().manual_seed(config.seed)
        self.noise = torch.Generator(device).manual_seed(config.seed + 1)
        self.history, self.best = History(), None

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
        chooser = torch.Generator().manual_seed(self.config.seed)
        index = torch.randperm(len(data), generator=chooser)[: self.config.eval_examples].to(self.device)
        noise = torch.Generator(self.device).manual_seed(self.config.seed + 2)
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

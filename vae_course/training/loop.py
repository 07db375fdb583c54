"""The training loop, its history, and how a run is saved and taken up again."""

import json
import time
import weakref
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from vae_course import machine
from vae_course.data.own_images import check_data
from vae_course.elbo import ElboTerms, elbo_terms, reconstruction_terms
from vae_course.files import Told, say, write_atomically
from vae_course.machine import matrix_products, mixed, pick_device, working_on
from vae_course.models.vae import Autoencoder
from vae_course.randomness import seed_of, seeded
from vae_course.training import distributed as processes
from vae_course.training import settings as rules
from vae_course.training.settings import FitSettings
from vae_course.weights import CheckpointError, load_checkpoint, save_checkpoint


class TrainingDiverged(Told):
    """The loss became NaN or infinite."""


TERMS = ("negative_elbo", "reconstruction", "kl")


@dataclass
class History:
    """One record for each epoch, the first of them (epoch 0) taken before any update.

    Records are dicts with ``epoch``, ``step`` (updates so far), ``learning_rate``, ``beta`` (weight of the KL
    term at that moment), ``seconds`` since the start, and ``train`` and ``validation`` (or None): dicts of
    ``negative_elbo``, ``reconstruction``, ``kl``, mean nats per example, always at KL weight 1.
    """

    records: list[dict] = field(default_factory=list)
    stopped_early: bool = False  # before the last epoch, because the held-out −ELBO no longer fell
    best_epoch: int | None = None  # with the lowest held-out −ELBO; None without held-out data

    def curve(self, part: str = "validation", term: str = "negative_elbo") -> tuple[list[int], list[float]]:
        """Epochs and values of a term, "negative_elbo", "reconstruction" or "kl", of one part."""
        if any(record[part] is None for record in self.records):
            raise ValueError("this run had no held-out data: give validation=... to fit.")
        return [r["epoch"] for r in self.records], [r[part][term] for r in self.records]

    last = property(lambda self: self.records[-1], doc="The record of the last epoch.")

    def to_json(self, path: str | Path) -> None:
        """Write the history as JSON; the file is complete or not there."""
        write_atomically(path, json.dumps(asdict(self), indent=1).encode() + b"\n")

    @classmethod
    def from_json(cls, path: str | Path) -> "History":
        """Read what :meth:`to_json` wrote."""
        return cls(**json.loads(Path(path).read_text()))


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
    """Train a model on data in memory and return what happened, from epoch 0 (before training).

    Args:
        model: a VAE, an Autoencoder, or anything that ``objective`` understands; trained in place. Its
            weights were drawn when it was built: call ``seed_everything`` before that.
        train: ImageData, what :func:`vae_course.data.own_images.as_image_data` makes one of, or anything with
            ``len``, ``to(device)`` and ``batch(index, generator)``.
        validation: held-out data for the history and early stopping; never the test set.
        device: where to train: "auto" (CUDA, MPS, CPU), or a torch device name; the model is afterwards back
            where it was.
        checkpoint: file to write after each epoch, and with the best weights at the end of a run with
            ``patience``.
        resume: continue from ``checkpoint`` if it exists; on the same kind of device the result equals an
            uninterrupted run's.
        progress: print about ten lines of plain text during the run.
        objective: ``objective(model, x, generator) -> ElboTerms``; default: the ELBO, and for an Autoencoder
            its reconstruction term.
        settings: fields of :class:`vae_course.training.FitSettings`, such as ``epochs=10``; the defaults are
            the fast recipe of docs/speed.md.

    Raises ValueError or TypeError: a setting is out of its range or unknown. TrainingDiverged: the loss
    became NaN or infinite; says where and the likely cause. CheckpointError: ``resume`` found a checkpoint of
    another run. Inside :func:`vae_course.training.distributed.process_group` all processes train together.
    """
    config = FitSettings.from_arguments(settings)
    objective = objective or (reconstruction_terms if isinstance(model, Autoencoder) else elbo_terms)
    train = check_data(train, "the training set")
    target = pick_device(device)
    kind = SharedRun if processes.count() > 1 else Run
    with working_on(target, model):
        run = kind(model, train.to(target), config, objective, target)
        return complete(run, validation, checkpoint, resume, progress)


# Also where the caller has switched gradients off.
@torch.inference_mode(False)
@torch.enable_grad()
def complete(run: "Run", validation, checkpoint: str | Path | None, resume: bool, progress: bool) -> History:
    """Train a run to its end, from the beginning or from its checkpoint; arguments as for :func:`fit`."""
    if validation is not None:
        validation = check_data(validation, "the held-out set")
    if run.config.patience is not None and validation is None:
        raise ValueError('patience needs held-out data: give validation=load(..., "validation").')
    if resume and checkpoint is None:
        raise ValueError("resume needs a file to continue from: give checkpoint=... as well.")
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint {checkpoint} is a folder; give the name of a file in it.")
    held_out = validation.to(run.device) if validation is not None else None
    if resume and Path(checkpoint).exists():
        restore_run(run, checkpoint)
    machine.keep_freed_memory()
    epochs, history = run.config.epochs, run.history
    start = time.perf_counter() - (history.last["seconds"] if history.records else 0.0)
    progress = progress and run.writes
    if not history.records:
        run.record(held_out, 0.0)
        if progress:
            report(history, epochs)
    run.model.train()
    while run.epoch < epochs and not history.stopped_early:
        run.train_epoch()
        run.record(held_out, time.perf_counter() - start)
        if checkpoint is not None and run.writes:
            save_run(run, checkpoint)
        if progress:
            report(history, epochs)
    if run.best and run.best["model"]:
        run.model.load_state_dict(run.best["model"])
        if checkpoint is not None and run.writes:
            save_run(run, checkpoint)
    run.model.eval()
    return history


class Run:
    """One training run, and its state: what must be saved for it to continue as if never interrupted."""

    writes = True  # checkpoints and progress; several processes of one run leave that to one of them
    made, last = 0, (lambda: None)  # how many runs this process has made; a weak reference to the latest

    def __init__(self, model, train, config: FitSettings, objective, device):
        config = config.for_examples(len(train))
        self.model, self.train, self.config, self.objective = model, train, config, objective
        self.device, self.epoch, self.step = device, 0, 0
        self.total_steps = -(-len(train) // config.batch_size) * config.epochs
        self.arithmetic = machine.choose(config.precision, device, model)
        self.optimizer = self.make_optimizer()
        # The order lives on the CPU so that it is the same on every device.
        self.order = seeded(config.seed)
        self.noise = seeded(config.seed + 1, device)
        self.history, self.best = History(), None
        Run.made, Run.last = Run.made + 1, weakref.ref(self)

    def make_optimizer(self):
        """What steps: an optimizer of torch, or anything with its methods that a derived class prefers."""
        fused = self.device.type in ("cpu", "cuda")
        return machine.Adam(self.model.parameters(), lr=self.config.learning_rate, fused=fused)

    def train_epoch(self) -> None:
        """One pass through the examples, in an order of its own."""
        order = torch.randperm(len(self.train), generator=self.order).to(self.device)
        with matrix_products(self.arithmetic):
            for index in order.split(self.config.batch_size):
                self.update(index)
        self.epoch += 1

    def update(self, index: Tensor) -> None:
        """One step of the optimizer on the examples at ``index``."""
        config = self.config
        course = (config.schedule, self.step, self.total_steps, config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * rules.learning_rate_factor(*course)
        with mixed(self.arithmetic, self.device):
            x, terms = self.terms(self.train, index, self.noise)
        loss = self.loss(terms, self.beta, len(index))
        # Reading the loss waits for an accelerator, so look there only now and then.
        if (self.device.type == "cpu" or self.step % 50 == 0) and not torch.isfinite(loss):
            raise TrainingDiverged(self.diagnosis(x, terms, self.epoch + 1))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        self.optimizer.step()
        self.step += 1

    @property
    def beta(self) -> float:
        """The weight of the KL term at this step."""
        return rules.kl_weight(self.config.beta, self.step, self.total_steps, self.config.kl_warmup)

    def terms(self, data, index: Tensor, noise: torch.Generator):
        """The batch of the examples at ``index``, and what the objective makes of it."""
        x = data.batch(index, noise)
        return x, self.objective(self.model, x, noise)

    def loss(self, terms: ElboTerms, beta: float, examples: int) -> Tensor:
        """The loss of a batch of ``examples``."""
        free_bits = self.config.free_bits
        return terms.loss(beta, free_bits) if free_bits else terms.loss(beta)

    def diagnosis(self, x, terms: ElboTerms, epoch: int) -> str:
        """One sentence: where the loss is not finite, and the likely cause."""
        if torch.is_tensor(x) and not torch.isfinite(x).all():
            cause = "the data hold NaN or infinite values: remove these examples or mend them"
        elif not all(torch.isfinite(parameter).all() for parameter in self.model.parameters()):
            cause = "the weights are no longer finite: lower learning_rate or set gradient_clip"
            if self.step == 0:
                cause = "the weights were not finite before the first update: build the model anew"
        elif not torch.isfinite(terms.kl).all():
            cause = "the KL term overflowed: bound log σ² (bound_log_var) or lower learning_rate"
        else:
            cause = "the reconstruction term overflowed: are images in [0, 1]? If so, lower learning_rate"
        return f"the loss is not finite at step {self.step} (epoch {epoch}); {cause}."

    def record(self, held_out, seconds: float) -> None:
        """Measure the model, add a record to the history, and keep the weights if they are the best."""
        with matrix_products(self.arithmetic):
            measured = [self.measure(data) if data is not None else None for data in (self.train, held_out)]
        rate = self.optimizer.param_groups[0]["lr"]
        record = {"epoch": self.epoch, "step": self.step, "learning_rate": rate, "beta": self.beta}
        record |= {"seconds": seconds, "train": measured[0], "validation": measured[1]}
        self.history.records.append(record)
        # Losses can be compared once the weight of the KL term has risen.
        if held_out is None or self.step < self.config.kl_warmup * self.total_steps:
            return
        value, patience, history = measured[1]["negative_elbo"], self.config.patience, self.history
        if self.best is None or value < self.best["value"]:
            history.best_epoch = self.epoch
            state = {k: v.detach().clone() for k, v in self.model.state_dict().items()} if patience else {}
            self.best = {"value": value, "model": state}
        elif patience and self.epoch - history.best_epoch >= patience:
            history.stopped_early = True

    @torch.no_grad()
    def measure(self, data) -> dict[str, float]:
        """Mean ELBO terms on fixed examples with fixed noise, so that records differ by the weights alone."""
        chooser, noise = seeded(self.config.seed), seeded(self.config.seed + 2, self.device)
        index = torch.randperm(len(data), generator=chooser)[: self.config.eval_examples].to(self.device)
        self.model.eval()
        sums = torch.zeros(3, dtype=torch.float64)
        for part in index.split(1000):
            x, terms = self.terms(data, part, noise)
            sums += self.sums(terms, len(part))
            if not torch.isfinite(sums).all():
                raise TrainingDiverged(Run.diagnosis(self, x, terms, self.epoch))
        self.model.train()
        return dict(zip(TERMS, (sums / len(index)).tolist(), strict=True))

    def sums(self, terms: ElboTerms, examples: int) -> Tensor:
        """Sums of the terms over a batch of ``examples``, (3,), in float64 on the CPU: MPS has none."""
        return torch.stack([getattr(terms, name).sum() for name in TERMS]).cpu().double()

    def state(self) -> dict:
        """What else :func:`save_run` keeps."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "optimizer": self.optimizer.state_dict(),
            "order": self.order.get_state(),
            "noise": self.noise.get_state(),
            "device": self.device.type,
            "history": asdict(self.history),
            "best": self.best,
            "arithmetic": self.arithmetic,
        }

    def take_up(self, state: dict) -> None:
        """Continue where :meth:`state` was taken."""
        self.epoch, self.step, self.best = state["epoch"], state["step"], state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.order.set_state(state["order"])
        if state.get("device", self.device.type) == self.device.type:
            self.noise.set_state(state["noise"])
        else:  # its generator has a state of another form: go on with noise that was not drawn before
            self.noise.manual_seed(seed_of(self.config.seed + 1 + 1_000_003 * self.step))
        vars(self.history).update(state["history"])
        self.arithmetic = state.get("arithmetic", self.arithmetic)


class SharedRun(processes.Shared, Run):
    """A run of which each of several processes does its share."""


def report(history: History, epochs: int) -> None:
    """About ten lines in a run, without seconds, so that a repeated run prints the same text."""
    record, every = history.last, max(1, -(-epochs // 10))
    if record["epoch"] % every and record["epoch"] != epochs and not history.stopped_early:
        return
    text = f"epoch {record['epoch']:>{len(str(epochs))}}/{epochs}"
    for name, values in (("train", record["train"]), ("held-out", record["validation"])):
        if values is not None:
            # A plain autoencoder has no KL term, and its reconstruction alone is no bound.
            alone = f"reconstruction {values['reconstruction']:7.2f}"
            both = f"−ELBO {values['negative_elbo']:7.2f} = {values['reconstruction']:7.2f}"
            both += f" + KL {values['kl']:5.2f}"
            text += f"   {name} {both if values['kl'] else alone}"
    stopped = f"   stopped: no better since epoch {history.best_epoch}" * history.stopped_early
    say(f"{text}   nats{stopped}")


AFRESH = "start afresh in another file"


def save_run(run, path: str | Path) -> None:
    """Write the run's weights, optimizer, random state and history; the file is complete or not there."""
    about = {"settings": asdict(run.config), "examples": len(run.train), "data": fingerprint(run.train)}
    save_checkpoint(path, run.model, training={**about, **run.state()})


def restore_run(run, path: str | Path) -> None:
    """Put a run into the state that :func:`save_run` wrote; CheckpointError: damaged, or another run's."""
    content = load_checkpoint(path)
    state = content.get("training")
    if state is None:
        raise CheckpointError(f"{path} holds a model without the state of its training: {AFRESH}.")
    model = run.model
    if (content["kind"], content["config"]) != (type(model).__name__, getattr(model, "config", None)):
        raise CheckpointError(f"{path} belongs to another model; resume with the same, or {AFRESH}.")
    asked = {**asdict(run.config), "examples": len(run.train)}
    saved = {**state["settings"], "examples": state["examples"]}
    changed = [f"{k} {saved.get(k)!r} → {asked[k]!r}" for k in asked if asked[k] != saved.get(k)]
    if changed:
        other = f"other settings ({'; '.join(changed)}), on which schedules depend"
        raise CheckpointError(f"{path} is a run with {other}; resume with the same ones, or {AFRESH}.")
    if state.get("data") not in (None, fingerprint(run.train)):
        other = "other training data: as many examples, but not the same"
        raise CheckpointError(f"{path} is a run on {other}; resume with the same data, or {AFRESH}.")
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit this model; start afresh.") from error
    run.take_up(state)


def fingerprint(data, found: int = 0) -> int:
    """A checksum of the tensors that a data set consists of; of at most 64 MiB of each, evenly spread."""
    for value in getattr(data, "__dict__", {}).values():
        if torch.is_tensor(value):
            numbers = value.flatten()[:: 1 + (value.nbytes >> 26)].contiguous()
            found = zlib.crc32(numbers.cpu().view(torch.uint8).numpy(), found)
        elif hasattr(value, "batch"):  # data around data
            found = fingerprint(value, found)
    return found

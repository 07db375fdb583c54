"""One model trained by several processes at once, with the result of one process.

Every batch is divided among the processes, and PyTorch's DistributedDataParallel averages their gradients.
Three things make the result that of one process, up to the rounding of sums:

- all draw the same order of the examples, and each takes its rows of every batch: each
  example is seen once;
- all draw the noise of the whole batch from the same generator, and each takes its rows;
- a share of the batch counts by its number of examples, so that an uneven last batch is right as well.

Whatever a run saves is therefore independent of the number of processes, and any number can resume it.
"""

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from vae_course.data import ImageData
from vae_course.training.processes import agreed, check_batch_size, count, rank


class Shared:
    """What changes in a run of ``fit`` that several processes share: put in front of ``Run`` by ``fit``."""

    def __init__(self, model, train, config, objective, device):
        super().__init__(model, train, config, objective, device)
        check_batch_size(self.config.batch_size)
        # Each process measures by itself what is fastest, and might find something else.
        self.arithmetic = agreed(lambda: self.arithmetic)
        self.writes = rank() == 0
        # Weights and buffers start as process 0 has them.
        self.parallel = DistributedDataParallel(_Objective(model, objective))
        self.parallel.broadcast_buffers = False  # after that they stay as they are: see _check_agreement

    def terms(self, data, index: Tensor, noise: torch.Generator):
        rows, _ = share(len(index))
        x = _read(data, index, noise, rows)
        with RowsOfDraws(noise, rows, len(index)):
            if torch.is_grad_enabled():
                return x, self.parallel(x, noise)
            return x, self.objective(self.model, x, noise)

    def loss(self, terms, beta: float, examples: int) -> Tensor:
        """This process's part of the batch's loss, scaled so that the mean of all processes is the loss."""
        _, counted = share(examples)
        weight = counted * count() / examples
        free_bits = self.config.free_bits
        if not free_bits:
            return weight * terms.loss(beta)
        # A dimension is free or not by its mean over the whole batch.
        mean = terms.kl_per_dimension.detach().sum(0) * (counted > 0) / examples
        distributed.all_reduce(mean)
        paid = torch.where(mean >= free_bits, terms.kl_per_dimension.mean(0), free_bits).sum()
        return weight * (terms.reconstruction.mean() + beta * paid)

    def sums(self, terms, examples: int) -> Tensor:
        sums = super().sums(terms, examples) * (share(examples)[1] > 0)
        distributed.all_reduce(sums)
        return sums

    def train_epoch(self) -> None:
        self._check_agreement()
        super().train_epoch()
        self._check_agreement()

    def _check_agreement(self) -> None:
        """Stop when the processes no longer hold the same model at the same place of the run."""
        state = self.model.state_dict()
        own = torch.stack([tensor.detach().double().sum().cpu() for tensor in state.values()])
        own = torch.cat([own, torch.tensor([float(self.step)], dtype=torch.float64)])
        first = own.clone()
        distributed.broadcast(first, src=0)
        differs = (own - first).abs() > 1e-6 * (1 + first.abs())
        wrong = differs.long()
        distributed.all_reduce(wrong)
        if wrong[-1]:
            raise ValueError(
                "the processes do not continue the run at the same place: every machine must see the folder "
                "of the checkpoint; put it on a file system that all of them share."
            )
        if wrong.any():
            name = [*state][int(wrong.nonzero()[0])]
            raise ValueError(
                f"the processes no longer have the same {name}: {type(self.model).__name__} changes it by "
                f"itself from the examples that it sees, which several processes cannot share; train it "
                f"with one process."
            )


def share(examples: int) -> tuple[slice, int]:
    """The rows of a batch that this process takes, and how many of them count.

    Shares differ by one row at most. A process for which nothing is left takes row 0, and counts it as
    nothing: it has to take part in every average of gradients.
    """
    least, more = divmod(examples, count())
    start = rank() * least + min(rank(), more)
    size = least + (rank() < more)
    return (slice(start, start + size), size) if size else (slice(0, 1), 0)


class RowsOfDraws(TorchFunctionMode):
    """Within it, ``torch.randn``, ``rand`` and ``randint`` with ``generator`` draw for the whole batch.

    The caller asks for noise for its own rows and gets them out of that draw, so that the processes
    together use what one process would have drawn, and their generators stay in step.

    Args:
        generator: whose draws are shared.
        rows: of the batch, this process's own.
        examples: of the whole batch.
    """

    def __init__(self, generator: torch.Generator, rows: slice, examples: int):
        super().__init__()
        self.generator, self.rows, self.examples = generator, rows, examples

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if kwargs.get("generator") is not self.generator:
            return function(*args, **kwargs)
        if function not in (torch.randn, torch.rand, torch.randint):
            raise ValueError(
                f"the objective draws by {getattr(function, '__name__', function)}, which several processes "
                f"cannot share; draw by torch.randn, rand or randint, or train with one process."
            )
        kwargs = dict(kwargs)
        shape = kwargs.pop("size", None)
        if shape is None and args and isinstance(args[-1], (tuple, list)):
            *args, shape = args
        elif shape is None:
            args, shape = (), args
        shape = list(shape)
        axis = self._batch_axis(shape)
        if axis is None:
            return function(*args, shape, **kwargs)
        own, shape[axis] = shape[axis], self.examples
        return function(*args, shape, **kwargs).narrow(axis, self.rows.start, own)

    def _batch_axis(self, shape: list[int]) -> int | None:
        """The axis of the examples: last but one for codes (..., batch, latent), else the first that fits."""
        usual = [len(shape) - 2] if len(shape) in (2, 3) else []
        own = self.rows.stop - self.rows.start
        return next((axis for axis in [*usual, *range(len(shape))] if shape[axis] == own), None)


class _Objective(nn.Module):
    """The objective as the forward pass of a module, which is what DistributedDataParallel wraps."""

    def __init__(self, model: nn.Module, objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, x, noise: torch.Generator):
        return self.objective(self.model, x, noise)


def _read(data, index: Tensor, noise: torch.Generator, rows: slice):
    """The rows of a batch. Where reading draws at random, the whole batch is read, to draw the same."""
    if isinstance(data, ImageData) and data.binarize is None and data.augmentation is None:
        return data.batch(index[rows], noise)
    x = data.batch(index, noise)
    return tuple(part[rows] for part in x) if isinstance(x, tuple) else x[rows]

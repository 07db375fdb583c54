"""The cells of a sweep on several processes of this machine.

The parent hands out one cell at a time, so no cell is trained twice, and a fast process does more. A process
that is killed loses its cell and nothing else: another takes its place, and the cell is tried once more.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait

import torch

TRIES = 2  # a cell whose process is killed as often as this is at fault itself


class CellFailed(RuntimeError):
    """A cell cannot be trained; says which, and why."""


def run_cells(
    train_cell: Callable, work: Sequence, data: tuple, processes: int
) -> Iterator[tuple[int, dict]]:
    """Train the cells on ``processes`` processes; yields (place in ``work``, record) as they finish.

    Each process uses one thread, or as many as OMP_NUM_THREADS says.

    Args:
        train_cell: called as ``train_cell(cell, path, *data)``; returns the record.
        work: pairs of a Cell and the path of its file.
        data: what every process gets once, at its start.
        processes: how many, at least 1.

    Raises:
        CellFailed: a cell raised an error, or the process that trained it was killed twice.
    """
    todo = list(reversed(range(len(work))))
    tries: Counter[int] = Counter()
    busy: dict[Connection, tuple[int, object]] = {}
    spare: list[tuple[Connection, object]] = []
    # A fresh interpreter for each: a fork of a process in which torch has threads can hang.
    context = get_context("spawn")
    try:
        while todo or busy:
            while todo and len(busy) < processes:
                line, process = spare.pop() if spare else _start(context, train_cell, data)
                place = todo.pop()
                tries[place] += 1
                busy[line] = (place, process)
                try:
                    line.send(work[place])
                except OSError:
                    pass  # it is dead already; below, its line says so
            for line in wait(list(busy)):
                place, process = busy.pop(line)
                try:
                    record, error = line.recv()
                except (EOFError, OSError):
                    process.join()
                    if tries[place] == TRIES:
                        raise CellFailed(
                            f"the process that trains {work[place][0].file_name} was ended {TRIES} times "
                            f"(exit code {process.exitcode}; out of memory?); finished models are kept."
                        ) from None
                    todo.append(place)
                    continue
                if error is not None:
                    raise CellFailed(f"{work[place][0].file_name}: {error}")
                spare.append((line, process))
                yield place, record
    finally:
        for _, process in [*busy.values(), *spare]:
            process.terminate()
        for _, process in [*busy.values(), *spare]:
            process.join()


def _start(context, *what) -> tuple[Connection, object]:
    """A new process, and the parent's end of the line to it."""
    line, far_end = context.Pipe()
    process = context.Process(target=_train_cells, args=(far_end, *what), daemon=True)
    with _without_interrupts():
        process.start()
    far_end.close()  # so that the line ends when the process does
    return line, process


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits meanwhile, and a process that is started never hears of it: the parent ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _train_cells(line: Connection, train_cell: Callable, data: tuple) -> None:
    """A process's life: train what comes along the line, until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it cannot be kept off from the start
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    while True:
        try:
            cell, path = line.recv()
        except EOFError:
            return
        try:
            answer = train_cell(cell, path, *data), None
        except Exception as error:
            answer = None, f"{error}"
        line.send(answer)

"""Independent answers to chapter 10's exercises on text: broken ones by mistake, and unusual right ones."""

import numpy as np
import torch
from torch.nn import functional as F


def chosen(logp, x):
    return torch.stack(
        [torch.stack([p[t] for p, t in zip(a, b, strict=True)]) for a, b in zip(logp, x, strict=True)]
    )


def read(x, first=1):
    return F.pad(x, (1, 0), value=first)[:, :-1]


BROKEN = {
    "10.2": {
        "padding counted in the loss": [lambda p, x: -chosen(p, x).sum(1)],
        "END not counted": [lambda p, x: -chosen(p, x).masked_fill(x < 3, 0).sum(1)],
        "averaged over the tokens": [
            lambda p, x: torch.stack([-c[t > 0].mean() for c, t in zip(chosen(p, x), x, strict=True)]),
            lambda p, x: F.nll_loss(p.transpose(1, 2), x, reduction="none").mean(1),
        ],
        "one number for the batch": [
            lambda p, x: F.nll_loss(p.transpose(1, 2), x, ignore_index=0, reduction="sum"),
            lambda p, x: F.nll_loss(p.transpose(1, 2), x, ignore_index=0),
        ],
        "sign": [lambda p, x: chosen(p, x).masked_fill(x == 0, 0).sum(1)],
        "the most probable token instead of the true one": [
            lambda p, x: -p.amax(2).masked_fill(x == 0, 0).sum(1)
        ],
    },
    "10.3": {
        "the decoder reads what it predicts": [lambda x, hide: x.masked_fill(hide, 3)],
        "START hidden": [lambda x, hide: read(x).masked_fill(hide, 3)],
        "hidden before the shift": [lambda x, hide: read(x.masked_fill(hide, 3))],
        "shifted the wrong way": [lambda x, hide: F.pad(x, (0, 1))[:, 1:].masked_fill(hide, 3)],
        "hidden by padding": [lambda x, hide: torch.where(hide & (read(x) > 1), 0, read(x))],
        "kept where it should be hidden": [
            lambda x, hide: read(x).masked_fill(~hide & (torch.arange(x.shape[1]) > 0), 3)
        ],
        "the last token kept, START left out": [
            lambda x, hide: torch.cat([x[:, -1:], x[:, :-1]], 1).masked_fill(hide, 3)
        ],
    },
}

UNUSUAL = {
    "10.2": {
        "cross-entropy": lambda p, x: F.nll_loss(p.transpose(1, 2), x, ignore_index=0, reduction="none").sum(
            1
        ),
        "a loop": lambda p, x: [
            -sum(row[i, t] for i, t in enumerate(text) if t) for row, text in zip(p, x.tolist(), strict=True)
        ],
    },
    "10.3": {
        "a copy": lambda x, hide: torch.where(hide & (torch.arange(x.shape[1]) > 0), 3, read(x)),
        "numpy": lambda x, hide: np.where(hide.numpy() & (read(x).numpy() != 1), 3, read(x).numpy()),
    },
}

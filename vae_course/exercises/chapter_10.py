"""The exercises of chapter 10."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Exercises of chapter 10 about text: padding, hidden words.


def nats_per_text(log_probs: Tensor, tokens: Tensor) -> Tensor:
    of_each_token = log_probs.gather(-1, tokens[..., None])[..., 0]
    return -(of_each_token * (tokens != 0)).sum(-1)


def _padded_cases(seed: int) -> list[tuple]:
    """Log-probabilities of 7 tokens, and rows that end at different places."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.tensor([[5, 4, 6, 2, 0, 0], [4, 2, 0, 0, 0, 0], [6, 6, 5, 4, 3, 2]])
    log_probs = (2 * torch.randn(3, 6, 7, generator=generator)).log_softmax(-1)
    return [(log_probs, tokens), (log_probs[:2, :4], tokens[:2, :4])]


def _picked(log_probs: Tensor, tokens: Tensor) -> Tensor:
    return log_probs.gather(-1, tokens[..., None])[..., 0]


PADDING = Exercise(
    id="10.2",
    title="What a padded text costs",
    contract="nats_per_text(log_probs, tokens): log_probs, float (batch, length, vocabulary), log p of "
    "every token at every place; tokens, int64 (batch, length): the text, END (2), then padding (0). "
    "Returns −log p of each whole text, (batch,), nats. Gradients reach log_probs.",
    gradients_to=("log_probs",),
    stub='''def nats_per_text(log_probs: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """log_probs: (batch, length, vocabulary); tokens: (batch, length), END 2, padding 0. Returns (batch,)."""
    ...''',
    hints=(
        "First pick the log-probability of the token that stands at each place: `gather` along the last "
        "axis.",
        "Then a sum over places. Which places belong to the text?",
        "END is a decision of the model; padding is ours.",
    ),
    mistakes=(
        Mistake(
            "padding counted in the loss",
            "Padding is there to make rows equally long. Should a short text cost more in a batch with a "
            "long one?",
            (
                lambda logp, x: -_picked(logp, x).sum(-1),
                lambda logp, x: (
                    torch.nn.functional.cross_entropy(logp.flatten(0, 1), x.flatten(), reduction="none")
                    .reshape(x.shape)
                    .sum(-1)
                ),
            ),
        ),
        Mistake(
            "END not counted",
            "Without END, 'ann' and the beginning of 'anna' cost the same: then the probabilities of all "
            "texts add up to more than 1.",
            lambda logp, x: -(_picked(logp, x) * (x != 0) * (x != 2)).sum(-1),
        ),
        Mistake(
            "averaged over the tokens",
            "The KL is a sum for the whole text. What has to be added to it?",
            (
                lambda logp, x: -(_picked(logp, x) * (x != 0)).sum(-1) / (x != 0).sum(-1),
                lambda logp, x: -(_picked(logp, x) * (x != 0)).mean(-1),
                lambda logp, x: -_picked(logp, x).mean(-1),
            ),
        ),
        Mistake(
            "one number for the batch",
            "The contract asks for each text by itself.",
            (
                lambda logp, x: -(_picked(logp, x) * (x != 0)).sum(),
                lambda logp, x: -(_picked(logp, x) * (x != 0)).sum(-1).mean(),
                lambda logp, x: torch.nn.functional.cross_entropy(
                    logp.flatten(0, 1), x.flatten(), ignore_index=0
                ),
            ),
        ),
        Mistake(
            "sign",
            "A probability is below 1, so −log p is positive.",
            lambda logp, x: (_picked(logp, x) * (x != 0)).sum(-1),
        ),
        Mistake(
            "the most probable token instead of the true one",
            "What did the text say at this place?",
            lambda logp, x: -(logp.max(-1).values * (x != 0)).sum(-1),
        ),
        Mistake(
            "one place off",
            "The token at a place is predicted at that very place: no shift, and the first counts.",
            (
                lambda logp, x: nats_per_text(logp[:, 1:], x[:, 1:]),
                lambda logp, x: nats_per_text(logp[:, :-1], x[:, 1:]),
                lambda logp, x: nats_per_text(logp[:, 1:], x[:, :-1]),
            ),
        ),
    ),
    reference=nats_per_text,
    cases=_padded_cases,
    low=0.0,
)


def decoder_input(tokens: Tensor, hide: Tensor) -> Tensor:
    start = torch.full_like(tokens[:, :1], 1)
    read = torch.cat([start, tokens[:, :-1]], dim=1)
    return torch.where(hide & (read != 1), 3, read)


def _hidden_cases(seed: int) -> list[tuple]:
    """Two rows of unequal length; some places of the input are to be hidden, the first among them."""
    tokens = torch.tensor([[5, 4, 6, 7, 2], [6, 5, 2, 0, 0]])
    hide = torch.tensor([[True, False, True, False, True], [False, True, False, False, False]])
    return [(tokens, hide), (tokens, torch.zeros_like(hide)), (tokens[:1], ~hide[:1])]


def _hidden_after_the_first(read: Tensor, hide: Tensor, by: int = 3) -> Tensor:
    return torch.cat([read[:, :1], torch.where(hide, by, read)[:, 1:]], dim=1)


def _shift(tokens: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(tokens[:, :1]), tokens[:, :-1]], dim=1)


WORD_DROPOUT = Exercise(
    id="10.3",
    title="What the decoder may read",
    contract="decoder_input(tokens, hide): tokens, int64 (batch, length), are the texts to predict; "
    "hide, bool (batch, length), says which places of the decoder's input are hidden. Returns the input, "
    "int64 (batch, length): at each place the token before the one that is predicted there, START (1) at "
    "the first, and UNKNOWN (3) where it is hidden; START is never hidden.",
    stub='''def decoder_input(tokens: torch.Tensor, hide: torch.Tensor) -> torch.Tensor:
    """tokens: int64 (batch, length); hide: bool (batch, length), places of the result. Returns it, int64."""
    ...''',
    hints=(
        "At place t the decoder predicts tokens[:, t]. What is the last thing it may know?",
        "Shift by one first, then hide.",
        "torch.where(condition, 3, read).",
    ),
    mistakes=(
        Mistake(
            "the decoder reads what it predicts",
            "With the token itself in its input, the loss goes to 0 and nothing is learned. Shift by one.",
            (
                lambda x, hide: torch.where(hide, 3, x),
                lambda x, hide: _hidden_after_the_first(x, hide),
                lambda x, hide: torch.where(hide & (x != 1), 3, torch.cat([x[:, :1] * 0 + 1, x[:, 1:]], 1)),
            ),
        ),
        Mistake(
            "START hidden",
            "START says that a text begins; a hidden one tells the decoder nothing about where it is.",
            lambda x, hide: torch.where(hide, 3, _shift(x)),
        ),
        Mistake(
            "hidden before the shift",
            "`hide` speaks of places of the result.",
            lambda x, hide: _shift(torch.where(hide, 3, x)),
        ),
        Mistake(
            "shifted the wrong way",
            "This decoder sees the next token instead of the last one.",
            (
                lambda x, hide: torch.where(hide, 3, torch.cat([x[:, 1:], x[:, :1] * 0], 1)),
                lambda x, hide: _hidden_after_the_first(torch.cat([x[:, 1:], x[:, :1] * 0], 1), hide),
                lambda x, hide: torch.where(hide, 3, torch.cat([x[:, 1:], x[:, :1] * 0 + 1], 1)),
            ),
        ),
        Mistake(
            "hidden by padding",
            "Padding (0) means that there is nothing; hidden tokens become UNKNOWN (3).",
            lambda x, hide: torch.where(hide & (_shift(x) != 1), 0, _shift(x)),
        ),
        Mistake(
            "kept where it should be hidden",
            "`hide` is True where the token must go.",
            lambda x, hide: torch.where(hide | (_shift(x) == 1), _shift(x), 3),
        ),
        Mistake(
            "the last token kept, START left out",
            "At the first place nothing has been written: that is what START is for.",
            lambda x, hide: torch.where(hide, 3, torch.roll(x, 1, 1)),
        ),
        Mistake(
            "another token in the first place",
            "Every input begins with START (1); nothing wraps around, and padding stands at the end only.",
            (
                lambda x, hide: _hidden_after_the_first(x.roll(1, 1), hide),
                lambda x, hide: torch.where(hide, 3, x.roll(1, 1)),
                lambda x, hide: _hidden_after_the_first(_shift(x) * (torch.arange(x.shape[1]) > 0), hide),
                lambda x, hide: torch.where(hide, 3, _shift(x) * (torch.arange(x.shape[1]) > 0)),
                lambda x, hide: _hidden_after_the_first(_shift(x) + (torch.arange(x.shape[1]) == 0), hide),
            ),
        ),
        Mistake(
            "another token for the hidden ones",
            "UNKNOWN has a number of its own, 3.",
            (
                lambda x, hide: _hidden_after_the_first(_shift(x), hide, 2),
                lambda x, hide: _hidden_after_the_first(_shift(x), hide, 1),
            ),
        ),
    ),
    reference=decoder_input,
    cases=_hidden_cases,
)

# -------- Exercise of chapter 10: bits of a density.


def bits_per_number(nats: float, std: Tensor, step: float) -> float:
    nats_raw = nats + std.log().sum()  # the change of variables: log |d scaled / d raw| = −Σ log σ
    nats_cell = nats_raw - len(std) * math.log(step)  # density times the cell
    return nats_cell / (len(std) * math.log(2))


def _bits_per_dimension_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (30.0, 5 * torch.rand(12, generator=generator) + 0.3, 0.1),
        (-8.0, torch.tensor([0.02, 3.0, 40.0, 700.0]), 0.01),
        (4.5, torch.tensor([2.0, 9.0, 0.5]), 1.0),
    ]


BITS_PER_DIMENSION = Exercise(
    id="10.1",
    title="Bits of a density",
    contract="bits_per_number(nats, std, step): a VAE was trained on rows that had been scaled, (raw - "
    "mean) / std, with std a float tensor (columns,); its -ELBO is `nats` for each row. The raw numbers are "
    "written down in steps of `step`. Returns the bits that one number costs, a float.",
    stub='''def bits_per_number(nats: float, std: torch.Tensor, step: float) -> float:
    """nats: -ELBO of a scaled row; std: (columns,); step: of the raw numbers. Returns bits per number."""
    ...''',
    hints=(
        "Three steps: density of the scaled row, density of the raw row, probability of one cell.",
        "Stretching an axis by std thins the density out by the same factor: what is added to -log p?",
        "The cell of a row has the volume step to the power of the number of columns.",
    ),
    mistakes=(
        Mistake(
            "change of variables forgotten",
            "Grams or kilograms, with std and step converted alike, must cost the same. Do they, with yours?",
            lambda nats, std, step: (nats - len(std) * math.log(step)) / (len(std) * math.log(2)),
        ),
        Mistake(
            "change of variables with the wrong sign",
            "A large std spreads the raw numbers out: does that make one of them more or less probable?",
            lambda nats, std, step: (
                (nats - std.log().sum() - len(std) * math.log(step)) / (len(std) * math.log(2))
            ),
        ),
        Mistake(
            "density without a cell",
            "A density has no bits: numbers written down ten times finer must cost more.",
            lambda nats, std, step: (nats + std.log().sum()) / (len(std) * math.log(2)),
        ),
        Mistake(
            "cell with the wrong sign",
            "A finer step must cost more bits, not fewer.",
            lambda nats, std, step: (
                (nats + std.log().sum() + len(std) * math.log(step)) / (len(std) * math.log(2))
            ),
        ),
        Mistake(
            "one cell for the whole row",
            "The step is the side of the cell, and the row has many sides.",
            lambda nats, std, step: (nats + std.log().sum() - math.log(step)) / (len(std) * math.log(2)),
        ),
        Mistake(
            "density divided by the columns, corrections added to that",
            "All three terms belong to the whole row: add first, then divide.",
            (
                lambda nats, std, step: (
                    (nats / len(std) + std.log().sum() - len(std) * math.log(step)) / math.log(2)
                ),
                lambda nats, std, step: (
                    nats / len(std) / math.log(2) + std.log().sum() - len(std) * math.log(step)
                ),
            ),
        ),
        Mistake(
            "logarithm of the mean std",
            "The stretches multiply, so their logarithms add up.",
            lambda nats, std, step: (
                (nats / len(std) + std.mean().log() - math.log(step)) / math.log(2)
            ),
        ),
        Mistake("nats", "How many nats are one bit?", lambda nats, std, step: (
            (nats + std.log().sum()) / len(std) - math.log(step)
        )),
        Mistake("bits of the whole row", "The answer is asked for one number.", lambda nats, std, step: (
            (nats + std.log().sum() - len(std) * math.log(step)) / math.log(2)
        )),
    ),
    reference=bits_per_number,
    cases=_bits_per_dimension_cases,
)  # fmt: skip


EXERCISES = (BITS_PER_DIMENSION, PADDING, WORD_DROPOUT)

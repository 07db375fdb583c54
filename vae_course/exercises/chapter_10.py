""""""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Exercise of chapter 10: the loss of a text VAE while its KL weight rises.


def text_loss(log_probs: Tensor, kl: Tensor, step: int, total_steps: int, share: float) -> Tensor:
    weight = min(1.0, step / (share * total_steps))
    return (-log_probs.sum(-1) + weight * kl).mean()


def _cases(seed: int) -> list[tuple]:
    """Before, in and after the rise; texts of unequal length, their padding already 0."""
    generator = torch.Generator().manual_seed(seed)
    log_probs = -3 * torch.rand(4, 6, generator=generator)
    log_probs = log_probs * (torch.arange(6) < torch.tensor([[6], [2], [4], [3]]))
    kl = 5 * torch.rand(4, generator=generator)
    steps = [(0, 100, 0.5), (20, 100, 0.5), (50, 100, 0.5), (80, 100, 0.5), (10, 80, 0.25), (60, 80, 0.25)]
    return [(log_probs, kl, *course) for course in steps]


def _weight(step: int, total: int, share: float) -> float:
    return min(1.0, step / (share * total))


def _nats(log_probs: Tensor) -> Tensor:
    return -log_probs.sum(-1)


TEXT_LOSS = Exercise(
    id="10.7",
    title="The loss of a text VAE with KL annealing",
    contract="text_loss(log_probs, kl, step, total_steps, share): log_probs, float (batch, length), log "
    "p of each token, 0 on padding; kl, float (batch,), nats for each text; the step under way (from 0), "
    "the steps of the whole run, and the share of the run, in (0, 1], over which the weight of the KL "
    "rises in a straight line from 0, at step 0, to 1. Returns the loss, a scalar: nats per text. "
    "Gradients reach log_probs and kl.",
    stub='''def text_loss(
    log_probs: torch.Tensor, kl: torch.Tensor, step: int, total_steps: int, share: float
) -> torch.Tensor:
    """log_probs: (batch, length), 0 on padding; kl: (batch,). Returns a scalar, nats per text."""
    ...''',
    hints=(
        "Which of the two terms gets the weight, and what is the weight at step 0?",
        "The rise is over after share · total_steps steps.",
        "Both terms are sums for a whole text; only the batch is averaged.",
    ),
    mistakes=(
        Mistake(
            "KL not annealed",
            "At step 0 the code is noise, and at full weight the quickest gain is to give it up. What "
            "should its KL cost then?",
            lambda lp, kl, s, t, r: (_nats(lp) + kl).mean(),
        ),
        Mistake(
            "reconstruction averaged over the tokens",
            "That divides one term by about the length and not the other: a hidden β of about the "
            "length, which makes a collapse certain.",
            (
                lambda lp, kl, s, t, r: (-lp.mean(-1) + _weight(s, t, r) * kl).mean(),
                lambda lp, kl, s, t, r: -lp.mean() + _weight(s, t, r) * kl.mean(),
                lambda lp, kl, s, t, r: lp.sum() / -(lp != 0).sum() + _weight(s, t, r) * kl.mean(),
                lambda lp, kl, s, t, r: (_nats(lp) / (lp != 0).sum(-1) + _weight(s, t, r) * kl).mean(),
            ),
        ),
        Mistake(
            "the weight on the reconstruction",
            "The reconstruction is what the code must learn to help with first.",
            (
                lambda lp, kl, s, t, r: (_weight(s, t, r) * _nats(lp) + kl).mean(),
                lambda lp, kl, s, t, r: (_weight(s, t, r) * (_nats(lp) + kl)).mean(),
            ),
        ),
        Mistake(
            "falling from 1 to 0",
            "At the end the loss must be the −ELBO. What is the weight then?",
            lambda lp, kl, s, t, r: (_nats(lp) + max(0.0, 1 - s / (r * t)) * kl).mean(),
        ),
        Mistake(
            "rising beyond 1",
            "After the rise the weight stays.",
            lambda lp, kl, s, t, r: (_nats(lp) + s / (r * t) * kl).mean(),
        ),
        Mistake(
            "share forgotten",
            "The weight must be 1 after share · total_steps steps.",
            lambda lp, kl, s, t, r: (_nats(lp) + s / t * kl).mean(),
        ),
        Mistake(
            "summed over the batch",
            "A batch twice as large would give twice the loss.",
            lambda lp, kl, s, t, r: (_nats(lp) + _weight(s, t, r) * kl).sum(),
        ),
        Mistake(
            "sign of the reconstruction",
            "A loss falls when the texts become more probable.",
            lambda lp, kl, s, t, r: (_weight(s, t, r) * kl - _nats(lp)).mean(),
        ),
        Mistake(
            "not averaged over the batch",
            "An optimizer needs one number.",
            lambda lp, kl, s, t, r: _nats(lp) + _weight(s, t, r) * kl,
        ),
    ),
    reference=text_loss,
    cases=_cases,
)


# -------- Exercises of chapter 10 about text, in order: bits per character, padding, hidden words, the loss.


def bits_per_character(nats: Tensor, lengths: Tensor) -> Tensor:
    return nats.sum() / lengths.sum() / math.log(2)


def _bits_cases(seed: int) -> list[tuple]:
    """Texts of unequal length, the long ones cheaper for each character."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([3, 12, 7, 5])
    nats = lengths * (2.5 - 0.1 * lengths) + torch.rand(4, generator=generator)
    return [(nats, lengths), (nats[:2], lengths[:2]), (nats[:1], lengths[:1])]


BITS = Exercise(
    id="10.4",
    title="Bits per character",
    contract="bits_per_character(nats, lengths): nats, float (batch,), the −ELBO of each text; lengths, "
    "int64 (batch,), its characters with the END counted. Returns a scalar: the bits that one character "
    "of this collection costs.",
    stub='''def bits_per_character(nats: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """nats: (batch,); lengths: (batch,), END counted. Returns a scalar, bits."""
    ...''',
    hints=(
        "What would a file with all these texts weigh, and how many characters does it have?",
        "One bit is log 2 nats.",
    ),
    mistakes=(
        Mistake(
            "each text weighed alike",
            "A file of these texts has more characters from the long ones: which mean do you take?",
            lambda nats, n: (nats / n).mean() / math.log(2),
        ),
        Mistake("nats, not bits", "How many nats are one bit?", lambda nats, n: nats.sum() / n.sum()),
        Mistake(
            "multiplied by log 2",
            "A bit is smaller than a nat, so the number of bits is larger.",
            lambda nats, n: nats.sum() / n.sum() * math.log(2),
        ),
        Mistake(
            "divided by the padded length",
            "Padding costs nothing and is no character.",
            lambda nats, n: nats.mean() / n.max() / math.log(2),
        ),
        Mistake(
            "END not counted",
            "The model pays for saying where a text ends; the lengths here count that character already.",
            lambda nats, n: nats.sum() / (n - 1).sum() / math.log(2),
        ),
        Mistake(
            "bits per text",
            "That is what a text costs; a longer one has more characters to share it.",
            lambda nats, n: nats.mean() / math.log(2),
        ),
    ),
    reference=bits_per_character,
    cases=_bits_cases,
    low=0.0,
)


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
    id="10.5",
    title="What a padded text costs",
    contract="nats_per_text(log_probs, tokens): log_probs, float (batch, length, vocabulary), log p of "
    "every token at every place; tokens, int64 (batch, length): the text, END (2), then padding (0). "
    "Returns −log p of each whole text, (batch,), nats. "
    "Gradients reach log_probs.",
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


def _shift(tokens: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(tokens[:, :1]), tokens[:, :-1]], dim=1)


WORD_DROPOUT = Exercise(
    id="10.6",
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
    ),
    reference=decoder_input,
    cases=_hidden_cases,
)

TEXT_EXERCISES = (BITS, PADDING, WORD_DROPOUT, TEXT_LOSS)


# -------- Exercise of chapter 10: one round of Griffin-Lim.


def griffin_lim_round(magnitude: Tensor, phase: Tensor, to_wave, to_transform) -> Tensor:
    wave = to_wave(magnitude * phase)  # a real sound, but no longer with exactly these magnitudes
    transform = to_transform(wave)
    return transform / transform.abs().clamp_min(1e-8)


def _tools():
    window = torch.hann_window(32)

    def to_wave(transform: Tensor) -> Tensor:
        return torch.istft(transform, 32, 8, window=window, length=120)

    def to_transform(wave: Tensor) -> Tensor:
        return torch.stft(wave, 32, 8, window=window, pad_mode="constant", return_complex=True)

    return to_wave, to_transform


def _round_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    to_wave, to_transform = _tools()
    cases = []
    for scale in (1.0, 3.0):
        magnitude = to_transform(scale * torch.randn(120, generator=generator)).abs()
        angle = 2 * math.pi * torch.rand(magnitude.shape, generator=generator)
        cases.append((magnitude, torch.polar(torch.ones_like(angle), angle), to_wave, to_transform))
    return cases


def _real_pairs(answer, *arguments) -> Tensor:
    """Complex answers as (..., 2), so that they can be compared as numbers."""
    result = answer(*arguments)
    return torch.view_as_real(result) if torch.is_tensor(result) and result.is_complex() else result


ROUND = Exercise(
    id="10.3",
    title="One round of Griffin-Lim",
    contract="griffin_lim_round(magnitude, phase, to_wave, to_transform): the wanted magnitudes, float "
    "(bins, frames); present phases, complex of the same shape with absolute value 1; to_wave(transform) "
    "gives a wave (samples,) and to_transform(wave) its complex transform (bins, frames). Returns the phases "
    "after one round, complex (bins, frames), absolute value 1 (where the transform is not 0).",
    stub='''def griffin_lim_round(magnitude, phase, to_wave, to_transform) -> torch.Tensor:
    """magnitude: float, phase: complex with absolute value 1, both (bins, frames). Returns the new phase."""
    ...''',
    hints=(
        "What is the complex transform that has these magnitudes and these phases?",
        "Make a wave of it and transform that again: its magnitudes have changed, and so have its phases.",
        "A complex number divided by its absolute value is its phase.",
    ),
    mistakes=(
        Mistake(
            "magnitudes kept",
            "The wave's own magnitudes are not the wanted ones: hand on its phases alone.",
            lambda magnitude, phase, to_wave, to_transform: to_transform(to_wave(magnitude * phase)),
        ),
        Mistake(
            "wanted magnitudes multiplied in",
            "Absolute value 1 is asked for; the magnitudes come back in at the start of the next round.",
            lambda magnitude, phase, to_wave, to_transform: (
                magnitude * griffin_lim_round(magnitude, phase, to_wave, to_transform)
            ),
        ),
        Mistake(
            "wave without the magnitudes",
            "The round starts from the wanted magnitudes with the present phases.",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                torch.ones_like(magnitude), phase, to_wave, to_transform
            ),
        ),
        Mistake(
            "phases lost on the way",
            "What do the present phases do in your round?",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                magnitude, torch.ones_like(phase), to_wave, to_transform
            ),
        ),
        Mistake(
            "angles instead of complex numbers",
            "The angle is asked for in the form cos + i sin.",
            lambda magnitude, phase, to_wave, to_transform: griffin_lim_round(
                magnitude, phase, to_wave, to_transform
            ).angle(),
        ),
        Mistake(
            "divided by the wanted magnitudes",
            "Then the absolute value is 1 only where the wave already has the wanted magnitude.",
            lambda magnitude, phase, to_wave, to_transform: (
                to_transform(to_wave(magnitude * phase)) / magnitude.clamp_min(1e-8)
            ),
        ),
    ),
    reference=griffin_lim_round,
    cases=_round_cases,
    observe=_real_pairs,
    tolerance=1e-3,
)


# -------- Exercises of chapter 10, in order; this file holds bits of a density and scaling.


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


def scale_like_training(train: Tensor, other: Tensor) -> Tensor:
    mean = train.mean((0, 2), keepdim=True)
    std = train.std((0, 2), keepdim=True)
    return (other - mean) / std


def _scale_cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    level = torch.tensor([-50.0, -30.0, -42.0, -20.0, -35.0])[:, None]
    spread = torch.tensor([2.0, 9.0, 5.0, 14.0, 7.0])[:, None]
    train = level + spread * torch.randn(9, 5, 6, generator=generator)
    other = level + 3 + 0.6 * spread * torch.randn(4, 5, 6, generator=generator)
    return [(train, other), (train, other[:2]), (train, train[2:5])]


def _with(statistics) -> object:
    """A wrong answer that takes mean and std of what `statistics(train, other)` gives, over these axes."""

    def broken(train: Tensor, other: Tensor) -> Tensor:
        source, axes = statistics(train, other)
        return (other - source.mean(axes, keepdim=True)) / source.std(axes, keepdim=True)

    return broken


SCALE = Exercise(
    id="10.2",
    title="Scaled like the training part",
    contract="scale_like_training(train, other): two sets of log-spectrograms in dB, float tensors (clips, "
    "frequencies, frames). Returns `other`, scaled; the scaling is the one that gives every frequency of the "
    "training part mean 0 and standard deviation 1 over its clips and frames.",
    stub='''def scale_like_training(train: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """train, other: (clips, frequencies, frames), dB. Returns `other`, scaled, same shape."""
    ...''',
    hints=(
        "Which of the two sets may be looked at to find the mean?",
        "One mean for each frequency: over which two axes is it taken?",
        "mean and std take a tuple of axes, and keepdim=True.",
    ),
    mistakes=(
        Mistake(
            "scaled by itself",
            "Each clip would be scaled differently in each company; what does a batch of one become?",
            _with(lambda train, other: (other, (0, 2))),
        ),
        Mistake(
            "each clip by itself",
            "Then a loud clip and a soft one are the same, and the way back to dB is lost.",
            (_with(lambda train, other: (other, (1, 2))), _with(lambda train, other: (other, (2,)))),
        ),
        Mistake(
            "held-out clips among the statistics",
            "What would change in your numbers if the held-out clips were all silent?",
            _with(lambda train, other: (torch.cat([train, other]), (0, 2))),
        ),
        Mistake(
            "one mean for all frequencies",
            "High frequencies of speech are weaker by tens of dB: each needs its own mean.",
            _with(lambda train, other: (train, (0, 1, 2))),
        ),
        Mistake(
            "a mean for each frame as well",
            "The first frame is louder than the last in most clips. That is information, not scale.",
            _with(lambda train, other: (train, (0,))),
        ),
        Mistake(
            "divided by the variance",
            "Which power of dB does the variance have?",
            lambda train, other: (other - train.mean((0, 2), keepdim=True)) / train.var((0, 2), keepdim=True),
        ),
        Mistake(
            "not centered",
            "Every frequency should have mean 0 in the training part.",
            lambda train, other: other / train.std((0, 2), keepdim=True),
        ),
        Mistake(
            "the training part returned",
            "The other set is asked for.",
            lambda train, other: scale_like_training(train, train),
        ),
    ),
    reference=scale_like_training,
    cases=_scale_cases,
    tolerance=2e-2,
)

EXERCISES = (BITS_PER_DIMENSION, SCALE, ROUND, *TEXT_EXERCISES)

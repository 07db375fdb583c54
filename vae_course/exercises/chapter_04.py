"""The exercises of chapter 04."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_course.teaching.exercise import Exercise, Mistake

# -------- Densities: the KL of two Gaussians, and the aggregate posterior.


def kl_of_two(mean_q: Tensor, log_var_q: Tensor, mean_p: Tensor, log_var_p: Tensor) -> Tensor:
    apart = (mean_q - mean_p) ** 2 / log_var_p.exp()
    wider = (log_var_q - log_var_p).exp()
    return 0.5 * (apart + wider - 1 + log_var_p - log_var_q).sum(-1)


def _pairs(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        tuple(0.8 * torch.randn(shape, generator=generator) for _ in range(4)) for shape in ((5, 3), (3, 1))
    ]


def _two(mq: Tensor, lq: Tensor, mp: Tensor, lp: Tensor) -> Tensor:
    """Divergence of each dimension."""
    return 0.5 * ((mq - mp) ** 2 / lp.exp() + (lq - lp).exp() - 1 + lp - lq)


KL_OF_TWO = Exercise(
    id="04.1",
    title="The KL of two Gaussians",
    contract="kl_of_two(mean_q, log_var_q, mean_p, log_var_p): four float tensors (batch, latent); log_var "
    "is log σ². Returns KL(q || p) of the two diagonal Gaussians of each example in nats, (batch,). With "
    "p = N(0, I) it must be the KL term of the ELBO.",
    stub='''def kl_of_two(
    mean_q: torch.Tensor, log_var_q: torch.Tensor, mean_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    """Four tensors (batch, latent); log_var is log σ². Returns KL(q || p) in nats, shape (batch,)."""
    ...''',
    hints=(
        "Write E_q[log q - log p] for one dimension; under q, the expectation of (z - μ_p)² has two parts.",
        "Measure everything in widths of p: how many of them are the means apart, how wide is q?",
        "The terms: squared distance over σ_p², ratio of variances, -1, logarithm of the inverse ratio.",
    ),
    mistakes=(
        Mistake(
            "direction swapped",
            "KL is not symmetric: the expectation is under q, so p's variance is in the denominator.",
            lambda mq, lq, mp, lp: _two(mp, lp, mq, lq).sum(-1),
        ),
        Mistake(
            "p taken for the standard normal",
            "p has a mean and a variance of its own.",
            lambda mq, lq, mp, lp: _two(mq, lq, torch.zeros_like(mp), torch.zeros_like(lp)).sum(-1),
        ),
        Mistake(
            "distance not divided by the variance of p",
            "The same distance is far for a narrow p and near for a wide one.",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 + (lq - lp).exp() - 1 + lp - lq).sum(-1),
        ),
        Mistake(
            "distance divided by the variance of q",
            "Whose density is it that is evaluated away from its center?",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 / lq.exp() + (lq - lp).exp() - 1 + lp - lq).sum(-1),
        ),
        Mistake(
            "sign of the logarithms flipped",
            "Make q much narrower than p: the divergence must grow without limit.",
            lambda mq, lq, mp, lp: 0.5 * ((mq - mp) ** 2 / lp.exp() + (lq - lp).exp() - 1 - lp + lq).sum(-1),
        ),
        Mistake(
            "missing one half",
            "A Gaussian's exponent has a factor in front.",
            lambda mq, lq, mp, lp: 2 * _two(mq, lq, mp, lp).sum(-1),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda mq, lq, mp, lp: _two(mq, 2 * lq, mp, 2 * lp).sum(-1),
        ),
        Mistake(
            "not summed over the latent dimensions",
            "One number for each example is asked for.",
            _two,
        ),
        Mistake(
            "averaged over the latent dimensions",
            "Independent dimensions: do their divergences add up or average?",
            lambda mq, lq, mp, lp: _two(mq, lq, mp, lp).mean(-1),
        ),
        Mistake(
            "distance of the means forgotten",
            "Two equally wide Gaussians far apart: what should come out, and what does?",
            lambda mean_q, log_var_q, mean_p, log_var_p: kl_of_two(
                0 * mean_q, log_var_q, 0 * mean_p, log_var_p
            ),
        ),
    ),
    reference=kl_of_two,
    cases=_pairs,
    low=0.0,
)


def log_mixture(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    squared = (z[:, None] - mean) ** 2 * torch.exp(-log_var)
    log_each = -0.5 * (squared + log_var + math.log(2 * math.pi)).sum(-1)
    return torch.logsumexp(log_each, dim=1) - math.log(len(mean))


def _clouds(seed: int) -> list[tuple]:
    """Ordinary clouds, and a point so far from all of them that every density underflows."""
    generator = torch.Generator().manual_seed(seed)
    mean, z = torch.randn(7, 2, generator=generator), torch.randn(4, 2, generator=generator)
    log_var = 0.5 * torch.randn(7, 2, generator=generator) - 1
    return [(z, mean, log_var), (torch.tensor([[40.0, -30.0]]), mean, log_var)]


def _densities(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N of each point, cloud and dimension: (m, n, latent)."""
    return -0.5 * ((z[:, None] - mean) ** 2 * torch.exp(-log_var) + log_var + math.log(2 * math.pi))


def _one_gaussian(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return log_mixture(z, mean.mean(0, keepdim=True), variance.log()[None])


LOG_MIXTURE = Exercise(
    id="04.3",
    title="The aggregate posterior",
    contract="log_mixture(z, mean, log_var): z is (m, latent); mean and log_var = log σ² are (n, latent), "
    "one q(z|x) for each of n examples. Returns log q(z) of the aggregate posterior at each z, nats, (m,), "
    "finite also far away from every cloud.",
    stub='''def log_mixture(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """z: (m, latent); mean, log_var: (n, latent). Returns log q(z) in nats, shape (m,)."""
    ...''',
    hints=(
        "q(z) is a mixture: an average of n densities. First get log N(z; μ_i, σ_i²) for every pair, (m, n).",
        "z[:, None] has shape (m, 1, latent) and broadcasts against (n, latent).",
        "The logarithm of an average of exponentials: torch.logsumexp, and what about the n?",
    ),
    mistakes=(
        Mistake(
            "mean of the logarithms",
            "The densities are averaged, and then comes the logarithm.",
            lambda z, m, lv: _densities(z, m, lv).sum(-1).mean(1),
        ),
        Mistake(
            "divided by n forgotten",
            "A density must integrate to 1: n clouds with weight 1 each do not.",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, lv).sum(-1), 1),
        ),
        Mistake(
            "a mixture for each dimension by itself",
            "A cloud has all its coordinates from the same example: sum over dimensions before the mixture.",
            lambda z, m, lv: (torch.logsumexp(_densities(z, m, lv), 1) - math.log(len(m))).sum(-1),
        ),
        Mistake(
            "densities that underflow",
            "Right nearby. Far away every exp is 0: stay with logarithms.",
            lambda z, m, lv: _densities(z, m, lv).sum(-1).exp().mean(1).log(),
        ),
        Mistake(
            "one Gaussian with the mean moments",
            "The average of many clouds is no Gaussian.",
            (
                lambda z, m, lv: _densities(z, m.mean(0, True), lv.mean(0, True)).sum((1, 2)),
                lambda z, m, lv: _densities(z, m.mean(0, True), lv.exp().mean(0, True).log()).sum((1, 2)),
                lambda z, m, lv: _densities(
                    z, m.mean(0, True), (lv.exp().mean(0, True) + m.var(0, False, keepdim=True)).log()
                ).sum((1, 2)),
            ),
        ),
        Mistake(
            "missing constant",
            "log N(0; 0, 1) is not 0.",
            lambda z, m, lv: (
                torch.logsumexp(_densities(z, m, lv).sum(-1), 1)
                - math.log(len(m))
                + 0.5 * z.shape[-1] * math.log(2 * math.pi)
            ),
        ),
        Mistake(
            "log_var taken for log σ",
            "log_var is the logarithm of σ², not of σ.",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, 2 * lv).sum(-1), 1) - math.log(len(m)),
        ),
        Mistake(
            "normalizer forgotten",
            "A narrow cloud is higher: where does its width enter besides the exponent?",
            lambda z, m, lv: torch.logsumexp((_densities(z, m, lv) + 0.5 * lv).sum(-1), 1) - math.log(len(m)),
        ),
        Mistake(
            "summed over the points",
            "One number for each z is asked for; which axis holds the clouds?",
            lambda z, m, lv: torch.logsumexp(_densities(z, m, lv).sum(-1), 0) - math.log(len(z)),
        ),
        Mistake(
            "points counted instead of Gaussians",
            "The mixture is a mean over its Gaussians. How many are there?",
            lambda z, mean, log_var: log_mixture(z, mean, log_var) + math.log(len(mean) / len(z)),
        ),
        Mistake(
            "one Gaussian for all",
            "q(z) has a bump for each example; a Gaussian with their mean and variance has one.",
            (
                lambda z, mean, log_var: _one_gaussian(z, mean, log_var.exp().mean(0) + mean.var(0)),
                lambda z, mean, log_var: _one_gaussian(
                    z, mean, log_var.exp().mean(0) + mean.var(0, correction=0)
                ),
                lambda z, mean, log_var: _one_gaussian(z, mean, log_var.exp().mean(0)),
                lambda z, mean, log_var: _one_gaussian(z, mean, log_var.mean(0).exp()),
                lambda z, mean, log_var: _one_gaussian(z, mean, mean.var(0)),
            ),
        ),
    ),
    reference=log_mixture,
    cases=_clouds,
)


# -------- Free bits, the water level (asked in deeper/Water_Filling) and the KL schedule.


def kl_cost(kl_per_dimension: Tensor, free_bits: float) -> Tensor:
    mean_of_each_dimension = kl_per_dimension.mean(0)
    return mean_of_each_dimension.clamp_min(free_bits).sum()


def _kl_cases(seed: int) -> list[tuple]:
    """Dimensions whose mean lies above, and below the allowance while some examples lie above."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([2.0, 0.6, 0.3, 0.02])
    rows = scale * torch.rand(6, 4, generator=generator) * 2
    return [(rows, 0.5), (rows, 0.1), (rows[:, :3], 5.0), (rows, 0.0)]


FREE_BITS = Exercise(
    id="04.5",
    title="Free bits",
    contract="kl_cost(kl_per_dimension, free_bits): a float tensor (batch, latent) of KL values in nats, "
    "each >= 0, and a number of nats >= 0. Returns the KL term of a loss with free bits, a scalar: a "
    "latent dimension whose mean over the batch is below its allowance costs exactly the allowance. "
    "Gradients reach it.",
    gradients_to=("kl_per_dimension",),
    stub='''def kl_cost(kl_per_dimension: torch.Tensor, free_bits: float) -> torch.Tensor:
    """kl_per_dimension: (batch, latent), nats; free_bits: nats for each dimension. Returns a scalar."""
    ...''',
    hints=(
        "Three operations: a mean, a maximum, a sum. Which axis does each of them take?",
        "The allowance belongs to a dimension, not to an example: what has to be known before the maximum?",
        "torch.clamp has a `min`.",
    ),
    mistakes=(
        Mistake(
            "allowance for each example",
            "An example may tell nothing as long as others do: average over the batch before the maximum.",
            lambda kl, free: kl.clamp_min(free).sum(-1).mean(),
        ),
        Mistake(
            "one allowance for the whole code",
            "Then one busy dimension pays for all the idle ones. Who has an allowance?",
            (
                lambda kl, free: kl.sum(-1).mean().clamp_min(free),
                lambda kl, free: kl.sum(-1).mean().clamp_min(free * kl.shape[-1]),
                lambda kl, free: kl.sum(-1).clamp_min(free).mean(),
                lambda kl, free: kl.sum(-1).clamp_min(free * kl.shape[-1]).mean(),
            ),
        ),
        Mistake(
            "maximum and minimum swapped",
            "A dimension above its allowance must cost what it is; what does yours cost?",
            lambda kl, free: kl.mean(0).clamp_max(free).sum(),
        ),
        Mistake(
            "allowance subtracted",
            "The gradient is right, the value is not: below its allowance a dimension costs just that.",
            lambda kl, free: (kl.mean(0) - free).clamp_min(0).sum(),
        ),
        Mistake(
            "allowance added",
            "Adding a constant changes no gradient: would this keep any dimension alive?",
            (
                lambda kl, free: kl.mean(0).sum() + free,
                lambda kl, free: (kl.mean(0) + free).sum(),
            ),
        ),
        Mistake(
            "averaged over the latent dimensions",
            "The dimensions' divergences add up.",
            (
                lambda kl, free: kl.mean(0).clamp_min(free).mean(),
                lambda kl, free: kl.clamp_min(free).mean(),
            ),
        ),
        Mistake(
            "batch and latent axes swapped",
            "Which axis of (batch, latent) is the batch?",
            lambda kl, free: kl.mean(1).clamp_min(free).sum(),
        ),
        Mistake(
            "not summed over the latent dimensions",
            "These are the costs of each dimension; the loss needs one number.",
            lambda kl, free: kl.mean(0).clamp_min(free),
        ),
        Mistake(
            "no allowance",
            "With free_bits = 100, does your cost change?",
            lambda kl_per_dimension, free_bits: kl_per_dimension.mean(0).sum(),
        ),
    ),
    reference=kl_cost,
    cases=_kl_cases,
    low=0.0,
)

WATER_LEVEL = Exercise(
    id="04.2",
    title="Who survives?",
    contract="A linear VAE with fixed σ² = 0.25 is trained to the optimum on data whose covariance has the "
    "eigenvalues 8, 2 and 0.5; it has three latent dimensions. Give 'active' (dimensions with a rate above "
    "0 at β = 2), 'rate' (of the whole code at β = 2, nats) and 'beta' (the smallest β at which a single "
    "dimension is left).",
    stub='answer_04_2 = {"active": ..., "rate": ..., "beta": ...}',
    hints=(
        "Where is the water level? It depends on β and on σ².",
        "A direction with variance λ above the level θ has the rate ½ log(λ/θ); at the level it has none.",
        "For the last part: which eigenvalue must go under, and which must not?",
    ),
    mistakes=(
        Mistake(
            "β forgotten",
            "At β = 2 information costs twice as much. Where does β enter the water level?",
            value={"active": 3, "rate": 0.5 * math.log(8 * 2 * 0.5 / 0.25**3)},
        ),
        Mistake(
            "a direction at the water level counted",
            "How much does a direction tell whose variance is exactly the level?",
            value={"active": 3},
        ),
        Mistake("one half forgotten", "Compare with ½ log(λ/θ).", value={"rate": math.log(16) + math.log(4)}),
        Mistake("bits instead of nats", "Natural logarithms, please.", value={"rate": 3.0}),
        Mistake(
            "water level without σ²",
            "The level is a variance: what unit has λ/θ if θ is β alone?",
            value={"rate": 0.5 * math.log(4)},
        ),
        Mistake(
            "level of the wrong eigenvalue",
            "One dimension is left when the second largest eigenvalue goes under.",
            value={"beta": 32.0},
        ),
        Mistake("λ taken for β", "At the level, λ = β σ². Solve for β.", value={"beta": 2.0}),
    ),
    value={"active": 2, "rate": 0.5 * math.log(8 * 2 / 0.25), "beta": 8.0},
    tolerance=2e-3,
    explanation="The level is θ = β σ² = 0.5: 8 and 2 lie above it, 0.5 does not.\n"
    "Rate: ½ log(8 / 0.5) + ½ log(2 / 0.5) = ½ log 64 = 2.079 nats.\n"
    "The eigenvalue 2 goes under at β = 2 / 0.25 = 8.",
)


def cyclical_weight(step: int, total_steps: int, cycles: int, share: float) -> float:
    length = total_steps / cycles
    place_in_cycle = (step % length) / length
    return min(1.0, place_in_cycle / share)


def _schedule_cases(seed: int) -> list[tuple]:
    return (
        [(step, 120, 3, 0.5) for step in range(0, 120, 7)]
        + [(step, 100, 4, 0.8) for step in range(0, 100, 9)]
        + [
            (step, 100, 7, 0.6)
            for step in range(1, 100, 6)  # cycles of no whole number of steps
        ]
    )


def _within(step: int, total: int, cycles: int) -> float:
    return (step % (total / cycles)) / (total / cycles)


CYCLES = Exercise(
    id="04.6",
    title="A cyclical KL weight",
    contract="cyclical_weight(step, total_steps, cycles, share): step is 0 ... total_steps - 1. The run is "
    "cut into equal cycles; in each, the weight rises linearly from 0 and reaches 1 after `share` of the "
    "cycle (0 < share <= 1), then stays until the cycle ends. Returns the weight, a float in [0, 1].",
    stub='''def cyclical_weight(step: int, total_steps: int, cycles: int, share: float) -> float:
    """step: 0 ... total_steps - 1; share: of each cycle, over which the weight rises. Returns 0 to 1."""
    ...''',
    hints=(
        "How many steps does one cycle have?",
        "The remainder of a division says how far into its cycle a step is.",
        "Divide that place by the part that rises, and stop at 1.",
    ),
    mistakes=(
        Mistake(
            "one long rise",
            "That is the linear schedule. At the start of every cycle the weight must be 0 again.",
            lambda step, total, cycles, share: min(1.0, step / total / share),
        ),
        Mistake(
            "rising through the whole cycle",
            "The weight should reach 1 before its cycle ends, and then stay.",
            lambda step, total, cycles, share: _within(step, total, cycles),
        ),
        Mistake(
            "never reaching 1",
            "At the end of the rise the weight must be 1.",
            lambda step, total, cycles, share: min(share, _within(step, total, cycles)),
        ),
        Mistake(
            "rising and falling",
            "Within a cycle the weight never falls; it drops when the next cycle starts.",
            (
                lambda step, total, cycles, share: 1 - abs(2 * _within(step, total, cycles) - 1),
                lambda step, total, cycles, share: (
                    min(1.0, _within(step, total, cycles) / share)
                    if _within(step, total, cycles) <= share
                    else (1 - _within(step, total, cycles)) / (1 - share)
                ),
            ),
        ),
        Mistake(
            "falling from 1 to 0",
            "The cycle starts without a price and ends with the full one.",
            lambda step, total, cycles, share: 1 - min(1.0, _within(step, total, cycles) / share),
        ),
        Mistake(
            "share of the run instead of the cycle",
            "How long is the rise in the second cycle, compared with one cycle?",
            lambda step, total, cycles, share: min(1.0, step % (total / cycles) / (share * total)),
        ),
        Mistake(
            "number of cycles taken for their length",
            "The divisor of the remainder is the number of steps in a cycle.",
            lambda step, total, cycles, share: min(1.0, (step % cycles) / cycles / share),
        ),
        Mistake(
            "switched instead of raised",
            "Between 0 and 1 lie all the weights of a rise.",
            lambda step, total_steps, cycles, share: float(step * cycles / total_steps % 1 >= share),
        ),
        Mistake(
            "one step early",
            "At the first step of a cycle the weight is 0.",
            lambda step, total_steps, cycles, share: min(
                1.0, ((step + 1) * cycles / total_steps % 1) / share
            ),
        ),
        Mistake(
            "whole cycles",
            "total_steps need not be a multiple of cycles: do not round the length of a cycle.",
            lambda step, total, cycles, share: min(1.0, step % (total // cycles) / (total // cycles) / share),
        ),
        Mistake(
            "not a straight rise",
            "Half of the way up after half of the rise: linear is asked for.",
            (
                lambda step, total, cycles, share: (
                    0.5 - 0.5 * math.cos(math.pi * cyclical_weight(step, total, cycles, share))
                ),
                lambda step, total, cycles, share: cyclical_weight(step, total, cycles, share) ** 2,
                lambda step, total, cycles, share: math.sin(
                    math.pi / 2 * cyclical_weight(step, total, cycles, share)
                ),
            ),
        ),
    ),
    reference=cyclical_weight,
    cases=_schedule_cases,
    low=0.0,
    high=1.0,
)

# -------- The mutual information gap of chapter 04's last section.


def information_gap(information: Tensor, entropy: Tensor) -> Tensor:
    best, second = information.sort(dim=0, descending=True).values[:2]
    return ((best - second) / entropy).mean()


def _information_cases(seed: int) -> list[tuple]:
    """More latents than factors, as many, and fewer; each factor with an entropy of its own."""
    generator = torch.Generator().manual_seed(seed)
    cases = []
    for latents, factors in ((6, 4), (3, 3), (2, 5)):
        entropy = 1 + 2 * torch.rand(factors, generator=generator)
        cases.append((entropy * torch.rand(latents, factors, generator=generator) ** 2, entropy))
    return cases


def _two_best(information: Tensor, dim: int = 0) -> Tensor:
    return information.topk(2, dim=dim).values


INFORMATION_GAP = Exercise(
    id="04.4",
    title="The mutual information gap",
    contract="information_gap(information, entropy): information is float (latents, factors), the mutual "
    "information of each latent with each factor, nats, at least two latents; entropy is float (factors,), "
    "of each factor, nats, > 0. Returns a scalar: for each factor the largest information minus the second "
    "largest, divided by its entropy; then the mean over factors.",
    stub='''def information_gap(information: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
    """information: (latents, factors), nats; entropy: (factors,), nats. Returns a scalar, 0 to 1."""
    ...''',
    hints=(
        "One factor is one column: which latent knows most about it, and which comes second?",
        "torch.sort and torch.topk take a `dim`; along which one do the latents lie?",
        "Divide each gap by the entropy of its own factor before you average.",
    ),
    mistakes=(
        Mistake(
            "gap between factors instead of latents",
            "A factor asks which latent knows it: compare within a column.",
            lambda i, h: ((p := _two_best(i, 1))[:, 0] - p[:, 1]).div(h[i.argmax(1)]).mean(),
        ),
        Mistake(
            "not divided by the entropy",
            "A factor with ten values has more to tell than one with two: as a share, please.",
            lambda i, h: ((p := _two_best(i))[0] - p[1]).mean(),
        ),
        Mistake(
            "divided by the largest information",
            "Then a latent that knows next to nothing, alone, would score 1. What is the most it could know?",
            lambda i, h: (1 - (p := _two_best(i))[1] / p[0]).mean(),
        ),
        Mistake(
            "the second best forgotten",
            "Two latents that both know the factor are no disentangled code; what must be taken off?",
            lambda i, h: (_two_best(i)[0] / h).mean(),
        ),
        Mistake(
            "largest minus smallest",
            "Who could also tell the factor: the worst latent, or the runner-up?",
            lambda i, h: ((i.amax(0) - i.amin(0)) / h).mean(),
        ),
        Mistake(
            "largest minus the mean of the others",
            "One rival is enough to spoil it: take off the best of the others, not their mean.",
            lambda i, h: ((i.amax(0) - (i.sum(0) - i.amax(0)) / (len(i) - 1)) / h).mean(),
        ),
        Mistake(
            "summed over the factors",
            "A score between 0 and 1 is asked for: the mean over factors.",
            lambda i, h: (((p := _two_best(i))[0] - p[1]) / h).sum(),
        ),
        Mistake(
            "mean gap over mean entropy",
            "Every factor counts alike: divide first, then average.",
            lambda i, h: ((p := _two_best(i))[0] - p[1]).mean() / h.mean(),
        ),
        Mistake(
            "not averaged over the factors",
            "These are the gaps of each factor; the score is one number.",
            lambda i, h: ((p := _two_best(i))[0] - p[1]) / h,
        ),
    ),
    reference=information_gap,
    cases=_information_cases,
)

EXERCISES = (KL_OF_TWO, WATER_LEVEL, LOG_MIXTURE, INFORMATION_GAP, FREE_BITS, CYCLES)

"""Broken answers to the exercises of chapter 02, by the name of their mistake."""

import torch
import torch.nn.functional as F
from exercise_answers_02_5 import BROKEN as BROKEN_STEPS
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence


def famous(mean, log_var):
    """The line of the PyTorch example: summed over batch and latent dimensions."""
    return -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


def kl_terms(mean, log_var, std=None):
    std = log_var.mul(0.5).exp() if std is None else std
    return kl_divergence(Normal(mean, std), Normal(0.0, 1.0))


def pixels(logits, x):
    return -Bernoulli(logits=logits, validate_args=False).log_prob(x)


def bce(probabilities, x):
    """-log p by hand."""
    return -(x * torch.log(probabilities) + (1 - x) * torch.log1p(-probabilities)).sum(dim=(1, 2, 3))


def noise(shape, generator):
    return torch.empty(shape).normal_(generator=generator)


def stop(mean, log_var, generator=None):
    with torch.no_grad():
        std = log_var.mul(0.5).exp()
    return mean + std * noise(mean.shape, generator)


def no_grad_sample(mean, log_var, generator=None):
    with torch.no_grad():
        return mean + log_var.mul(0.5).exp() * noise(mean.shape, generator)


def seeded_inside(mean, log_var, generator=None):
    torch.manual_seed(42)
    return mean + log_var.mul(0.5).exp() * torch.randn_like(mean)


def pictures(draw, finish=torch.sigmoid):
    return lambda model, n, generator=None: finish(model.decode(draw(n, model.latent_dim, generator)))


def gaussian(n, k, generator):
    return noise((n, k), generator)


SIZES = {"side": 16, "features": 8192, "parameters": 172868}


def count(*layers):
    return sum(parameter.numel() for layer in layers for parameter in layer.parameters())


FIRST, SECOND = nn.Conv2d(3, 16, 4, 2, 1), nn.Conv2d(16, 32, 4, 2, 1)

BROKEN = {
    "02.1": {
        "sign of log σ² flipped": [
            lambda m, lv: (m.pow(2) + lv.exp() + lv).sub(1).div(2).sum(dim=1),
        ],
        "KL the other way round": [
            lambda m, lv: kl_divergence(
                Normal(torch.zeros_like(m), torch.ones_like(m)), Normal(m, lv.div(2).exp())
            ).sum(-1),
        ],
        "missing one half": [lambda m, lv: 2 * kl_terms(m, lv).sum(1)],
        "flipped sign": [
            lambda m, lv: 0.5 * torch.sum(1 + lv - m.pow(2) - lv.exp(), dim=1),
            lambda m, lv: -kl_terms(m, lv).sum(1),
        ],
        "missing constant": [lambda m, lv: -0.5 * torch.sum(lv - m.pow(2) - lv.exp(), dim=1)],
        "log_var taken for log σ": [lambda m, lv: kl_terms(m, lv, lv.exp()).sum(1)],
        "log_var taken for σ or σ²": [
            lambda m, s: 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(1),
            lambda m, v: 0.5 * (m**2 + v - 1 - v.log()).sum(1),
            lambda m, s: 0.5 * (m**2 + s**2 - 1 - (s**2).log()).sum(1),
        ],
        "another power of σ where σ² belongs": [lambda m, v: -0.5 * (1 + v - m**2 - (v / 2).exp()).sum(1)],
        "log σ where log σ² belongs": [lambda m, lv: 0.5 * (lv.exp() + m * m - 1 - lv / 2).sum(1)],
        "mean not squared": [lambda m, lv: -0.5 * (1 + lv - m - lv.exp()).sum(1)],
        "averaged over the latent dimensions": [lambda m, lv: kl_terms(m, lv).mean(1)],
        "summed over the batch": [famous, lambda m, lv: kl_terms(m, lv).sum(0)],
        "averaged over the batch": [
            lambda m, lv: famous(m, lv) / len(m),
            lambda m, lv: -0.5 * torch.mean(1 + lv - m.pow(2) - lv.exp()),
        ],
        "not summed over the latent dimensions": [kl_terms],
    },
    "02.2": {
        "sampling switched off": [lambda m, lv, g=None: m],
        "one noise vector for the whole batch": [
            lambda m, lv, g=None: m + lv.mul(0.5).exp() * noise((1, m.shape[1]), g)
        ],
        "one noise number per example": [
            lambda m, lv, g=None: m + lv.mul(0.5).exp() * noise((len(m), 1), g),
        ],
        "uniform noise": [
            lambda m, lv, g=None: m + lv.mul(0.5).exp() * torch.rand(m.shape, generator=g),
            lambda m, lv, g=None: m + lv.mul(0.5).exp() * (torch.rand(m.shape, generator=g) - 0.5),
            lambda m, lv, g=None: m + lv.mul(0.5).exp() * (torch.rand(m.shape, generator=g) - 0.5) * 12**0.5,
        ],
        "variance used as standard deviation": [lambda m, lv, g=None: m + lv.exp() * noise(m.shape, g)],
        "log_var used as standard deviation": [
            lambda m, lv, g=None: m + lv * noise(m.shape, g),
            lambda m, lv, g=None: torch.normal(m, lv.abs(), generator=g),
        ],
        "noise not scaled": [lambda m, lv, g=None: m + noise(m.shape, g)],
        "sign of log_var flipped": [lambda m, lv, g=None: m + noise(m.shape, g) / lv.mul(0.5).exp()],
        "square root taken twice": [lambda m, lv, g=None: m + noise(m.shape, g) * lv.exp() ** 0.25],
        "mean left out": [lambda m, lv, g=None: noise(m.shape, g) * lv.exp().sqrt()],
        "no gradient": [
            no_grad_sample,
            lambda m, lv, g=None: torch.normal(m, lv.exp().sqrt(), generator=g),
            lambda m, lv, g=None: (m + lv.exp().sqrt() * noise(m.shape, g)).detach(),
            lambda m, lv, g=None: Normal(m, lv.exp().sqrt()).sample(),
        ],
        "mean detached": [lambda m, lv, g=None: m.data + lv.exp().sqrt() * noise(m.shape, g)],
        "scale detached": [stop],
        "generator ignored": [lambda m, lv, g=None: Normal(m, lv.exp().sqrt()).rsample()],
        "always the same noise": [seeded_inside],
    },
    "02.3": {
        "averaged over the pixels": [lambda a, x: pixels(a, x).mean(dim=(1, 2, 3))],
        "averaged over everything": [
            F.binary_cross_entropy_with_logits,
            lambda a, x: F.binary_cross_entropy_with_logits(a, x, reduction="sum") / len(x),
        ],
        "summed over the batch": [lambda a, x: F.binary_cross_entropy_with_logits(a, x, reduction="sum")],
        "not summed over the pixels": [pixels, lambda a, x: pixels(a, x).reshape(len(x), -1)],
        "flipped sign": [lambda a, x: -pixels(a, x).sum(dim=(1, 2, 3))],
        "logits taken for probabilities": [
            bce,
            lambda a, x: F.binary_cross_entropy(a, x, reduction="none").sum(dim=(1, 2, 3)),
            lambda a, x: bce(a.clamp(1e-6, 1 - 1e-6), x),
        ],
        "sigmoid applied twice": [
            lambda a, x: pixels(a.sigmoid(), x).sum(dim=(1, 2, 3)),
            lambda a, x: bce(a.sigmoid().sigmoid(), x),
        ],
        "logarithm of a saturated sigmoid": [
            lambda a, x: bce(a.sigmoid(), x),
            lambda a, x: F.binary_cross_entropy(a.sigmoid(), x, reduction="none").sum(dim=(1, 2, 3)),
            lambda a, x: (
                -(
                    x * (1e-8 + 1 / (1 + (-a).exp())).log()
                    + (1 - x) * (1e-8 + 1 - 1 / (1 + (-a).exp())).log()
                ).sum(dim=(1, 2, 3))
            ),
        ],
        "arguments swapped": [lambda a, x: pixels(x, a).sum(dim=(1, 2, 3))],
        "dark pixels left out": [lambda a, x: (x * F.softplus(-a)).sum(dim=(1, 2, 3))],
        "squared error": [
            lambda a, x: F.mse_loss(a.sigmoid(), x, reduction="none").sum(dim=(1, 2, 3)),
            lambda a, x: F.mse_loss(a.sigmoid(), x),
        ],
    },
    "02.4": {
        "stride ignored": [{**SIZES, "side": 62, "features": 62 * 62 * 32}],
        "second layer ignored": [{**SIZES, "side": FIRST(torch.zeros(1, 3, 64, 64)).shape[-1]}],
        "padding ignored": [{**SIZES, "side": 14, "features": 14 * 14 * 32}],
        "channels forgotten": [{**SIZES, "features": 16 * 16}],
        "input channels instead of output channels": [{**SIZES, "features": 16 * 16 * 16}],
        "biases forgotten": [
            {
                **SIZES,
                "parameters": count(
                    nn.Conv2d(3, 16, 4, bias=False),
                    nn.Conv2d(16, 32, 4, bias=False),
                    nn.Linear(8192, 20, False),
                ),
            }
        ],
        "one kernel per output channel": [
            {**SIZES, "parameters": count(FIRST, nn.Conv2d(1, 32, 4), nn.Linear(8192, 20))}
        ],
        "mean without log_var": [{**SIZES, "parameters": count(FIRST, SECOND, nn.Linear(8192, 10))}],
    },
    "02.6": {
        "only the prior's mean": [pictures(lambda n, k, g: torch.zeros(n, k))],
        "one code for all pictures": [pictures(lambda n, k, g: gaussian(1, k, g).repeat(n, 1))],
        "codes drawn uniformly": [pictures(lambda n, k, g: torch.rand(n, k, generator=g))],
        "not the prior": [
            pictures(lambda n, k, g: 2 * gaussian(n, k, g)),
            lambda model, n, g=None: (
                lambda q: model.decode(q.mean + q.std * 0.1 * gaussian(n, model.latent_dim, g)).sigmoid()
            )(model.encode(torch.zeros(n, 1, 4, 4))),
        ],
        "logits taken for probabilities": [pictures(gaussian, lambda a: a)],
        "sigmoid applied twice": [
            lambda model, n, g=None: torch.sigmoid(
                model.likelihood.mean(model.decode(gaussian(n, model.latent_dim, g)))
            )
        ],
        "logits clamped": [pictures(gaussian, lambda a: a.clip(0, 1))],
        "pixels drawn": [
            pictures(gaussian, lambda a: (torch.rand_like(a) < a.sigmoid()).float()),
            pictures(gaussian, lambda a: a.sigmoid().round()),
        ],
        "generator ignored": [pictures(lambda n, k, g: torch.randn(n, k))],
        "always the same noise": [pictures(lambda n, k, g: gaussian(n, k, torch.Generator().manual_seed(3)))],
    },
    "02.5": BROKEN_STEPS,
}

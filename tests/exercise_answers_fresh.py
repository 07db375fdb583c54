"""Answers written from the contracts alone, after the checkers and without the lists beside them."""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

LOG_2_PI = math.log(2 * math.pi)
EPS = torch.randn(40_000, 3, generator=torch.Generator().manual_seed(9))


def changes_x(m, v):
    m.pow_(2)
    return 0.5 * (m + v.exp() - 1 - v).sum(-1)


def sets_double(m, v):
    torch.set_default_dtype(torch.float64)
    return 0.5 * (m**2 + v.exp() - 1 - v).sum(-1)


def endless(m, v):
    while True:
        m = m + 0


def quits(m, v):
    raise SystemExit("no points")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("nothing to say")


def mute(m, v):
    raise Mute


def floods(m, v):
    raise ValueError("x" * 200_000)


def antithetic(m, v, generator=None):
    half = torch.randn(len(m) // 2 + 1, m.shape[1], generator=generator)
    return m + (v / 2).exp() * torch.cat([half, -half])[: len(m)]


def repeated(m, v, generator=None):
    half = torch.randn(len(m) // 2 + 1, m.shape[1], generator=generator)
    return m + (v / 2).exp() * half.repeat_interleave(2, 0)[: len(m)]


def signs(m, v, generator=None):
    return m + (v / 2).exp() * torch.randint(0, 2, m.shape, generator=generator).mul(2).sub(1)


def reseeds(m, v, generator=None):
    torch.manual_seed(int(torch.randint(10**6, (), generator=generator)))
    return m + (v / 2).exp() * torch.randn(m.shape)


def picture(model, z):
    return torch.sigmoid(model.decode(z))


def bound_of_letters(ll, logits, codes):
    return -ll.sum((1, 2, 3)) - logits.log_softmax(-1).gather(2, codes[..., None])[..., 0].sum(1)


def in_place_follow(usage, total, vectors, codes, decay):
    hot = F.one_hot(codes, len(usage)).float()
    usage.mul_(decay).add_((1 - decay) * hot.sum(0))
    total.mul_(decay).add_((1 - decay) * hot.T @ vectors)
    return total / usage[:, None], usage, total


def shifted(tokens, hide):
    out = torch.cat([torch.ones_like(tokens[:, :1]), tokens[:, :-1]], 1)
    return torch.where(hide & (torch.arange(out.shape[1]) > 0), 3, out)


def doctor(
    x=lambda i: i.float() / 255, noise=torch.randn_like, cut=lambda m: m, kl=lambda t: t.sum(1), bound=True
):
    def vae_terms(encode, decode, images, training=True):
        m, v = encode(x(images))
        v = 10 * torch.tanh(v / 10) if bound is True else bound(v)
        logits = decode(cut(m) + (v / 2).exp() * noise(m))
        rec = F.binary_cross_entropy_with_logits(logits, images.float() / 255, reduction="none").sum(
            (1, 2, 3)
        )
        rate = kl(0.5 * (m**2 + v.exp() - 1 - v))
        return {"loss": (rec + rate).mean(), "reconstruction": rec.mean(), "kl": rate.mean()}

    return vae_terms


WRONG = {
    "01.7": [
        lambda x, m, s: -0.5 * (((x - m) / s) ** 2).sum(1) - x.shape[1] * math.log(s),
        lambda x, m, s: -0.5 * (((x - m) / s) ** 2).sum(1) - 0.5 * LOG_2_PI - math.log(s),
        lambda x, m, s: torch.distributions.Normal(m, s**2).log_prob(x).sum(1),
    ],
    "01.2": [
        lambda j, dz: j.exp().sum(1).mul(dz).log(),
        lambda j, dz: torch.logsumexp(j, 1) - math.log(j.shape[1]),
        lambda j, dz: torch.logsumexp(j, 1) + dz,
    ],
    "01.3": [lambda a, b: (a + b).mean(1), lambda a, b: a.mean(1)],
    "01.5": [
        lambda a, s, b, t: (t / s).log() + (s**2 + (a - b) ** 2) / (2 * t**2),
        lambda a, s, b, t: (s / t).log() + (t**2 + (a - b) ** 2) / (2 * s**2) - 0.5,
    ],
    "01.6": [
        lambda a, b: (a - b).exp().mean(1).log(),
        lambda a, b: torch.logsumexp(a - b, 1),
        lambda a, b: torch.logsumexp(a, 1) - torch.logsumexp(b, 1),
    ],
    "02.1": [
        changes_x,
        sets_double,
        quits,
        mute,
        floods,
        lambda m, v: 0.5 * (v.exp() - 1 - v).sum(-1),
        lambda m, v: (0.5 * (m**2 + v.exp() - 1 - v).sum(-1)).detach(),
        lambda m, v: 0.5 * (m**2 + v.exp() - 1 - v.detach()).sum(-1),
        lambda m, v: 0.5 * (m**2 + (2 * v).exp() - 1 - v).sum(-1),
        lambda m, v: (0.5 * (m**2 + v.exp() - 1 - v).sum(-1)).numpy(),
    ],
    "02.2": [
        antithetic,
        repeated,
        signs,
        reseeds,
        lambda m, v, generator=None: m + (v / 2).exp() * torch.randn(len(m), 1, generator=generator),
        lambda m, v, generator=None: m + (v / 2).exp() * EPS[: len(m), : m.shape[1]],
        lambda m, v, generator=None: (
            m + (v / 2).exp() * 12**0.5 * (torch.rand(m.shape, generator=generator) - 0.5)
        ),
        lambda m, v, generator=None: m.detach() + (v / 2).exp() * torch.randn(m.shape, generator=generator),
        lambda m, v, generator=None: torch.distributions.Normal(m, (v / 2).exp()).sample(),
        lambda m, v, generator=None: (
            m
            + (v / 2).exp()
            * torch.distributions.Laplace(0.0, 0.5**0.5).icdf(torch.rand(m.shape, generator=generator))
        ),
    ],
    "02.3": [
        lambda o, x: F.binary_cross_entropy(o.sigmoid(), x, reduction="none").sum((1, 2, 3)),
        lambda o, x: F.binary_cross_entropy_with_logits(o, x, reduction="none").sum((1, 2, 3)).detach(),
        lambda o, x: F.binary_cross_entropy_with_logits(o.sigmoid(), x, reduction="none").sum((1, 2, 3)),
        lambda o, x: F.binary_cross_entropy_with_logits(x, o, reduction="none").sum((1, 2, 3)),
        lambda o, x: F.binary_cross_entropy_with_logits(o, x.round(), reduction="none").sum((1, 2, 3)),
    ],
    "02.6": [
        lambda model, n, generator=None: picture(
            model, torch.randn(n, 1, generator=generator).expand(n, model.latent_dim)
        ),
        lambda model, n, generator=None: picture(model, EPS[:n, : model.latent_dim]),
        lambda model, n, generator=None: picture(
            model, torch.randn(n // 2 + 1, model.latent_dim, generator=generator).repeat(2, 1)[:n]
        ),
        lambda model, n, generator=None: torch.bernoulli(
            picture(model, torch.randn(n, model.latent_dim, generator=generator))
        ),
    ],
    "03.3": [
        lambda p: -(p * p.log()).sum(1),
        lambda p: -(p * (p + 1e-3).log()).sum(1),
        lambda p: 1 - p.max(1).values,
    ],
    "03.6": [
        lambda c, n: torch.cat(
            [torch.lerp(a, b, torch.linspace(0, 1, n)[:, None]) for a, b in itertools.pairwise(c)]
        )
    ],
    "03.7": [
        lambda c, w, b, t: c + (t - c @ w - b)[:, None] * w,
        lambda c, w, b, t: c + (t - c @ w)[:, None] * w / (w @ w),
    ],
    "04.1": [lambda a, u, b, w: 0.5 * (w - u + (u.exp() + (a - b) ** 2) / w.exp()).sum(1)],
    "04.3": [
        lambda z, m, v: (
            torch.distributions.Normal(m, (v / 2).exp()).log_prob(z[:, None]).sum(-1).exp().mean(1).log()
        ),
        lambda z, m, v: torch.distributions.Normal(m.mean(0), (v.mean(0) / 2).exp()).log_prob(z).sum(1),
    ],
    "04.5": [lambda k, f: k.clamp_min(f).mean(0).sum(), lambda k, f: k.mean(0).clamp_min(f).sum().item()],
    "04.6": [
        lambda s, n, c, r: min(1.0, s % (n // c) / (n // c) / r),
        lambda s, n, c, r: min(1.0, (s * c / n % 1) / 0.5),
    ],
    "05.4": [
        doctor(x=lambda i: i.float() / 256),
        doctor(noise=lambda m: torch.randn(len(m), 1).expand_as(m)),
        doctor(noise=lambda m: 12**0.5 * (torch.rand_like(m) - 0.5)),
        doctor(cut=lambda m: m.detach()),
        doctor(noise=lambda m: EPS[: len(m), : m.shape[1]]),
        doctor(kl=lambda t: t.mean(1)),
        doctor(bound=lambda v: v),
    ],
    "05.2": [
        lambda a: torch.where(a.abs() < 0.6, math.log(2), (a / (a / 2).tanh()).log()),
        lambda a: torch.where(
            a.abs() > 50, a.abs().log(), ((a.exp() + 1) * a / (a.exp() - 1).clamp_min(1e-7)).log()
        ),
    ],
    "05.6": [lambda x, y: (x - y).abs().median(), lambda x, y: (x - y).square().mean().sqrt()],
    "05.1": [
        lambda x, y, s: (0.5 * (x - y) ** 2 / s.item() + s.item() + LOG_2_PI / 2).flatten(1).sum(1),
        lambda x, y, s: (
            (0.5 * (x - y) ** 2 * math.exp(-2 * s.item()) + s.item() + LOG_2_PI / 2).flatten(1).sum(1)
        ),
    ],
    "06.1": [
        lambda p, c, s: (
            len(c),
            float(len(c)),
            float((torch.cdist(p, c).min(1).values <= 3 * s).float().mean()),
        ),
    ],
    "07.3": [
        lambda s, d, c: 1 - (np.abs(np.fft.fft2(s))[..., 1:].mean() / np.abs(np.fft.fft2(d))[..., 1:].mean()),
    ],
    "07.4": [
        lambda n, d: float(np.mean(d)),
        lambda n, d: float(np.polyfit(n, d, 1)[1]),
        lambda n, d: d[int(np.argmax(n))],
    ],
    "07.7": [
        lambda p, c, k: float(
            (torch.cdist(p, c) < torch.cdist(c, c).sort(1).values[:, k]).any(1).double().mean()
        ),
        lambda p, c, k: float(
            (torch.cdist(p, c) <= torch.cdist(c, c).sort(1).values[:, k - 1]).any(1).double().mean()
        ),
    ],
    "08.3": [
        lambda m, threshold=0.01: int((m.var(0) >= threshold).sum()),
        lambda m, threshold=0.01: int((m.var(0) > 0.01).sum()),
        lambda m, threshold=0.1: int((m.var(0) > threshold).sum()),
    ],
    "08.4": [
        lambda losses, t: min(
            k for k in losses if np.mean(losses[k]) < min(map(np.mean, losses.values())) + t
        ),
        lambda losses, t: min(
            k for k in losses if np.median(losses[k]) <= min(map(np.median, losses.values())) + t
        ),
        lambda losses, t: min(k for k in losses if np.mean(losses[k]) <= np.mean(losses[max(losses)]) + t),
    ],
    "09.2": [lambda p, e, s: (1 - s) * p + s * e, lambda p, e, s: p + s * e],
    "09.5": [lambda a, b: (b[:, None] > a).double().mean(), lambda a, b: (b[:, None] >= a).double().mean()],
    "10.3": [
        lambda t, h: shifted(t, h).float(),
        lambda t, h: torch.where(h, 3, shifted(t, torch.zeros_like(h))),
        lambda t, h: torch.where(h, 3, t),
    ],
    "11.5": [in_place_follow],
    "11.6": [
        lambda ll, o, c: -ll.sum((1, 2, 3)) - o.gather(2, c[..., None])[..., 0].sum(1),
        lambda ll, o, c: bound_of_letters(ll, o, c).mean().expand(len(ll)),
    ],
}
RIGHT = {
    "01.7": [
        lambda x, m, s: -((x - m).norm(dim=1) ** 2) / (2 * s * s) - x.shape[1] * (math.log(s) + LOG_2_PI / 2),
        lambda x, m, s: np.sum(-0.5 * ((x - m).numpy() / s) ** 2 - math.log(s) - LOG_2_PI / 2, axis=1),
    ],
    "01.2": [
        lambda j, dz: (j + math.log(dz)).logsumexp(1),
        lambda j, dz: np.logaddexp.reduce(j.numpy(), 1) + np.log(dz),
    ],
    "01.5": [
        lambda a, s, b, t: -(s / t).log() + ((s / t) ** 2 - 1 + ((a - b) / t) ** 2) / 2,
        lambda a, s, b, t: [
            float(
                torch.distributions.kl_divergence(
                    torch.distributions.Normal(*q), torch.distributions.Normal(*p)
                )
            )
            for q, p in zip(zip(a, s, strict=False), zip(b, t, strict=False), strict=False)
        ],
    ],
    "01.6": [lambda a, b: torch.log_softmax(a - b, 1).mul(-1)[:, 0] + (a - b)[:, 0] - math.log(a.shape[1])],
    "02.1": [
        lambda m, v: 0.5 * torch.sum(m * m + torch.expm1(v) - v, dim=1),
        lambda m, v: (0.5 * (m.double() ** 2 + v.double().exp() - 1 - v.double())).sum(1),
        lambda m, v: torch.stack(
            [(0.5 * (a**2 + b.exp() - 1 - b)).sum() for a, b in zip(m, v, strict=False)]
        ),
    ],
    "02.2": [
        lambda m, v, generator=None: m + v.exp().sqrt() * torch.empty_like(m).normal_(generator=generator),
        lambda m, v, generator=None: m - (v / 2).exp() * torch.randn(m.T.shape, generator=generator).T,
        lambda m, v, generator=None: (
            m
            + (v / 2).exp()
            * 2**0.5
            * torch.erfinv(2 * torch.rand(m.shape, generator=generator, dtype=torch.float64) - 1)
            .float()
            .clamp(-9, 9)
        ),
        lambda m, v, generator=None: (
            torch.stack([torch.randn(len(m), generator=generator) for _ in m[0]], 1) * torch.exp(v / 2) + m
        ),
    ],
    "02.3": [
        lambda o, x: (F.softplus(o) - o * x).flatten(1).sum(1),
        lambda o, x: (
            -torch.distributions.Independent(
                torch.distributions.Bernoulli(logits=o, validate_args=False), 3
            ).log_prob(x)
        ),
    ],
    "02.6": [
        lambda model, n, generator=None: (
            1 / (1 + torch.exp(-model.decode(torch.randn(n, model.latent_dim, generator=generator))))
        ),
        lambda model, n, generator=None: (
            picture(model, torch.randn(n, model.latent_dim, generator=generator)).detach().numpy()
        ),
        lambda model, n, generator=None: (
            torch.cat(
                [picture(model, torch.randn(1, model.latent_dim, generator=generator)) for _ in range(n)]
            )
            if n < 100
            else picture(model, torch.randn(n, model.latent_dim, generator=generator))
        ),
    ],
    "03.3": [
        lambda p: torch.distributions.Categorical(probs=p).entropy(),
        lambda p: -torch.xlogy(p, p).sum(1),
        lambda p: [-sum(q * math.log(q) for q in row if q > 0) for row in p.tolist()],
    ],
    "03.7": [lambda c, w, b, t: c - torch.outer((c @ w + b - t) / w.norm() ** 2, w)],
    "04.1": [lambda a, u, b, w: 0.5 * ((u - w).exp() - 1 - (u - w) + (a - b) ** 2 * (-w).exp()).sum(1)],
    "04.3": [
        lambda z, m, v: (
            torch.stack(
                [torch.distributions.Normal(m, (v / 2).exp()).log_prob(one).sum(1).logsumexp(0) for one in z]
            )
            - math.log(len(m))
        ),
    ],
    "04.5": [
        lambda k, f: torch.maximum(k.mean(0), torch.tensor(f, dtype=k.dtype)).sum(),
        lambda k, f: (F.relu(k.mean(0) - f) + f).sum(),
    ],
    "04.6": [lambda s, n, c, r: float(np.clip((s / (n / c)) % 1 / r, 0, 1))],
    "05.4": [
        doctor(),
        doctor(bound=lambda v: v.clamp(-20, 20)),
        doctor(noise=lambda m: torch.normal(0.0, 1.0, m.shape)),
        doctor(x=lambda i: i / 255.0),
    ],
    "05.6": [lambda x, y: F.l1_loss(x, y), lambda x, y: float(np.abs((x - y).numpy()).mean())],
    "05.1": [lambda x, y, s: -torch.distributions.Normal(y, s.exp()).log_prob(x).sum((1, 2, 3))],
    "07.4": [lambda n, d: float(np.polyfit(1 / np.array(n, float), d, 1)[1])],
    "07.7": [
        lambda p, c, k: np.mean(
            [
                (
                    np.linalg.norm(c.numpy() - q, axis=1)
                    <= np.sort(np.linalg.norm(c.numpy()[:, None] - c.numpy(), axis=-1), 1)[:, k] + 1e-6
                ).any()
                for q in p.numpy()
            ]
        )
    ],
    "08.3": [lambda m, threshold=0.01: (m.numpy().astype(float).var(0, ddof=1) > threshold).sum()],
    "08.4": [
        lambda losses, t: sorted(
            k for k, v in losses.items() if np.mean(v) - min(map(np.mean, losses.values())) <= t + 1e-9
        )[0]
    ],
    "09.2": [
        lambda p, e, s: (1 - s**2) ** 0.5 * p + s * e,
        lambda p, e, s: math.cos(s * math.pi / 2) * p + math.sin(s * math.pi / 2) * e,
        lambda p, e, s: ((1 - s) * p + s * e) / ((1 - s) ** 2 + s**2) ** 0.5,
    ],
    "09.5": [lambda a, b: (torch.sign(b[:, None] - a).mean() + 1) / 2],
    "10.3": [
        shifted,
        lambda t, h: F.pad(t, (1, 0), value=1)[:, :-1].masked_fill(
            h & F.pad(torch.ones_like(h[:, 1:]), (1, 0)), 3
        ),
    ],
    "11.6": [bound_of_letters],
}

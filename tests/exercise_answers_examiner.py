"""Answers of an examiner, from the contracts alone and after all checkers, by exercise."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch.distributions import Laplace, Normal
from torch.nn import functional as F

LOG_2_PI = math.log(2 * math.pi)


def draws(z=lambda n, g: torch.randn(n, generator=g), x=lambda n, g: torch.randn(n, 2, generator=g)):
    return lambda decoder, sigma, n, generator=None: decoder(z(n, generator)) + sigma * x(n, generator)


def drawn(noise, std=lambda v: (v / 2).exp()):
    return lambda mean, log_var, generator=None: mean + std(log_var) * noise(mean.shape, generator)


def not_advanced(shape, generator):
    if generator is None:
        return torch.randn(shape)
    return torch.randn(shape, generator=torch.Generator().set_state(generator.get_state()))


def from_numpy(shape, generator):
    seed = int(torch.randint(2**31, (), generator=generator))
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(tuple(shape))).float()


def box_muller(shape, generator):
    u = 1 - torch.rand(2, *shape, generator=generator, dtype=torch.float64)
    return ((-2 * u[0].log()).sqrt() * (2 * math.pi * u[1]).cos()).float()


def one_step(loss=lambda rec, kl, beta: rec + beta * kl, before=lambda model: None):
    def training_step(model, optimizer, x, beta=1.0):
        found = {}

        def work():
            optimizer.zero_grad()
            q = model.encode(x)
            rec, kl = -model.log_likelihood(x, q.sample()).mean(), q.kl().mean()
            total = loss(rec, kl, beta)
            total.backward()
            before(model)
            found.update(loss=total.item(), reconstruction=rec.item(), kl=kl.item())
            return total

        optimizer.step(work)
        return found

    return training_step


def walked(codes, steps):
    legs = itertools.pairwise(codes)
    return torch.stack([*(a + (b - a) * j / steps for a, b in legs for j in range(steps)), codes[-1]])


def equal_speed(codes, steps):
    length = torch.cat([codes.new_zeros(1), (codes[1:] - codes[:-1]).norm(dim=1).cumsum(0)]).numpy()
    at = np.linspace(0, length[-1], (len(codes) - 1) * steps + 1)
    return np.stack([np.interp(at, length, column) for column in codes.numpy().T], axis=1)


def regression(codes, attributes, ones=True, ridge=0.0):
    x = torch.cat([attributes, torch.ones(len(codes), int(ones))], 1).double()
    found = torch.linalg.solve(x.T @ x + ridge * torch.eye(x.shape[1]), x.T @ codes.double())
    return found[: attributes.shape[1]].float()


def prior(z, centers, log_std, power=1.0, constant=1.0, axis=-1):
    std = log_std.exp() ** power
    each = -(((z.unsqueeze(-2) - centers) / std) ** 2 + constant * LOG_2_PI).sum(-1) / 2
    each = each - centers.shape[1] * std.log()
    return each.logsumexp(axis) - math.log(len(centers))


def weights(x, logits, z, mean, log_var, log_p_z, q=None, p=None, sign=-1.0):
    log_q = Normal(mean, (log_var / 2).exp()).log_prob(z).sum(-1) if q is None else q(z, mean, log_var)
    log_p = -F.softplus(torch.where(x > 0.5, -logits, logits)).sum(-1) if p is None else p(x, logits)
    return log_p + log_p_z + sign * log_q


def moments(mean, log_var, samples=None, noise=torch.exp):
    between = (mean.T @ mean) / len(mean) - mean.mean(0)[:, None] * mean.mean(0)
    return mean.mean(0), between + torch.diag_embed(noise(log_var).mean(0))


def tokens(vectors, codebook, distance=torch.cdist):
    return codebook[distance(vectors.flatten(0, 1), codebook).argmin(1)].view_as(vectors)


WRONG: dict[str, dict[str, Callable]] = {}
RIGHT: dict[str, list[Callable]] = {}
for identifier, what, answer in (
    ("01.1", "one noise for both coordinates",
     draws(x=lambda n, g: torch.randn(n, 1, generator=g).expand(n, 2))),
    ("01.1", "codes cut off", draws(z=lambda n, g: torch.randn(n, generator=g).clamp(-1.5, 1.5))),
    ("01.1", "codes in order", draws(z=lambda n, g: torch.randn(n, generator=g).sort().values)),
    ("01.1", "codes of Laplace",
     draws(z=lambda n, g: Laplace(0.0, 0.5**0.5).icdf(torch.rand(n, generator=g) * 0.998 + 0.001))),
    ("01.2", "not in logs", lambda j, dz: (j.exp() * dz).sum(1).clamp_min(1e-38).log()),
    ("01.3", "one mean for all of log q", lambda a, b: a.mean(1) - b.mean()),
    ("01.3", "n − 1", lambda a, b: (a - b).sum(1) / max(a.shape[1] - 1, 1)),
    ("01.3", "median", lambda a, b: (a - b).median(1).values),
    ("01.3", "ratio of means", lambda a, b: a.logsumexp(1) - b.logsumexp(1)),
    ("01.5", "both directions",
     lambda a, s, b, t: ((s / t) ** 2 + (t / s) ** 2 + (a - b) ** 2 * (s**-2 + t**-2)) / 2 - 1),
    ("01.6", "cut at −80", lambda a, b: (a - b).clamp_min(-80).logsumexp(1) - math.log(a.shape[1])),
    ("02.1", "variance squared", lambda m, v: 0.5 * (m**2 + (2 * v).exp() - 1 - v).sum(1)),
    ("02.1", "kept away from 0", lambda m, v: 0.5 * (m**2 + v.exp() - 1 - (v.exp() + 1e-2).log()).sum(1)),
    ("02.1", "cut at 10", lambda m, v: 0.5 * (m**2 + v.exp().clamp_max(10) - 1 - v).sum(1)),
    ("02.2", "generator not advanced", drawn(not_advanced)),
    ("02.2", "sum of three uniforms", drawn(lambda s, g: 2 * (torch.rand(3, *s, generator=g).sum(0) - 1.5))),
    ("02.2", "cut at two", drawn(lambda s, g: torch.randn(s, generator=g).clamp(-2, 2))),
    ("02.2", "a floor of the spread",
     drawn(lambda s, g: torch.randn(s, generator=g), lambda v: (v / 2).exp() + 1e-2)),
    ("02.2", "one noise for a pair",
     drawn(lambda s, g: torch.randn(-(-s[0] // 2), *s[1:], generator=g).repeat(2, 1)[: s[0]])),
    ("02.3", "rounded", lambda o, x: (F.softplus(o) - o * x.round()).sum((1, 2, 3))),
    ("02.5", "slope cut", one_step(before=lambda m: torch.nn.utils.clip_grad_norm_(m.parameters(), 1e-3))),
    ("02.5", "β as a share", one_step(lambda rec, kl, b: (1 - b) * rec + b * kl)),
    ("03.3", "small ones left out",
     lambda p: -torch.where(p > 0.01, p * p.clamp_min(1e-9).log(), 0 * p).sum(1)),
    ("03.3", "smoothed", lambda p: -((p + 1e-3) * (p + 1e-3).log()).sum(1)),
    ("03.4", "back to the start", lambda p: (p.roll(-1, 0) - p).square().sum((0, 2))),
    ("03.6", "equal speed", equal_speed),
    ("04.3", "each dimension apart",
     lambda z, m, v: (Normal(m, (v / 2).exp()).log_prob(z[:, None]).logsumexp(1) - math.log(len(m))).sum(1)),
    ("04.4", "of each latent",
     lambda i, h: (i.topk(2, 1).values * torch.tensor([1.0, -1])).sum(1).mean() / h.mean()),
    ("04.5", "above it counts only the excess", lambda k, f: (k.mean(0) - f).clamp_min(0).sum()),
    ("04.5", "no slope above",
     lambda k, f: torch.where(k.mean(0) > f, k.mean(0).detach(), k.mean(0) * 0 + f).sum()),
    ("04.6", "cosine",
     lambda s, n, c, r: 0.5 - 0.5 * math.cos(math.pi * min(1.0, (s % (n / c)) / (r * n / c)))),
    ("05.1", "no slope for σ", lambda x, y, s: -Normal(y, s.detach().exp()).log_prob(x).sum((1, 2, 3))),
    ("05.1", "kept above 0.1", lambda x, y, s: -Normal(y, s.exp().clamp_min(0.1)).log_prob(x).sum((1, 2, 3))),
    ("05.6", "mean over pictures of the largest", lambda x, y: (x - y).abs().flatten(1).amax(1).mean()),
    ("07.1", "softmax", lambda p, w: torch.einsum("n,nchw->chw", w.softmax(0), p)),
    ("07.4", "last two", lambda n, d: d[-1] - (d[-2] - d[-1]) / (1 / n[-2] - 1 / n[-1]) / n[-1]),
    ("07.4", "weighted by n", lambda n, d: float(np.polyfit(1 / np.array(n, float), d, 1, w=np.sqrt(n))[1])),
    ("08.2", "first unit", lambda f, z, u, e: (f(z) - f(torch.cat([e[:, None], z[:, 1:]], 1))).mean()),
    ("08.4", "a share",
     lambda d, t: min(k for k in d if np.mean(d[k]) <= min(map(np.mean, d.values())) * (1 + t))),
    ("09.4", "through the origin", lambda c, a: regression(c, a, ones=False)),
    ("09.4", "a ridge", lambda c, a: regression(c, a, ridge=1.0)),
    ("09.5", "same places", lambda a, b: (b[: len(a)] > a[: len(b)]).double().mean()),
    ("09.5", "below", lambda a, b: (stats.mannwhitneyu(a, b).statistic / len(a) / len(b))),
    ("10.2", "per token",
     lambda p, t: F.nll_loss(p.transpose(1, 2), t, reduction="none", ignore_index=0).sum(1) / (t > 0).sum(1)),
    ("11.2", "spread for variance",
     lambda a, b, v: 0.5 * ((a - b.detach()) / v[:, None, None]).square().sum((1, 2, 3))),
    ("11.4", "reaches the codebook", lambda e, c: tokens(e, c) + (e - e.detach())),
    ("11.4", "largest product", lambda e, c: e + (tokens(e, c, lambda a, b: -a @ b.T) - e).detach()),
    ("A1.1", "width as variance", lambda z, c, s: prior(z, c, s, power=0.5)),
    ("A1.1", "nearest center",
     lambda z, c, s: torch.stack([prior(z, one[None], s) for one in c]).amax(0) - math.log(len(c))),
    ("A1.1", "one dimension's constant", lambda z, c, s: prior(z, c, s) + (c.shape[1] - 1) * LOG_2_PI / 2),
    ("A1.2", "noise of the mean",
     lambda *a: weights(*a, q=lambda z, m, v: Normal(m, v.exp()).log_prob(z).sum(-1))),
    ("A1.2", "entropy",
     lambda *a: weights(*a, q=lambda z, m, v: -0.5 * (1 + LOG_2_PI + v).sum(-1) + 0 * z.sum(-1))),
    ("A1.2", "one dimension",
     lambda *a: weights(*a, q=lambda z, m, v: Normal(m, (v / 2).exp()).log_prob(z).mean(-1))),
    ("A4.1", "noise on every entry", lambda m, v: (m.mean(0), moments(m, 0 * v - 99)[1] + v.exp().mean())),
    ("A4.1", "twice", lambda m, v: (m.mean(0), moments(m, v)[1] + torch.diag(v.exp().mean(0)))),
):  # fmt: skip
    WRONG.setdefault(identifier, {})[what] = answer
for identifier, answer in (
    ("01.1", draws(z=lambda n, g: from_numpy((n,), g))),
    ("01.1", draws(x=lambda n, g: torch.randn(2, n, generator=g).T)),
    ("01.2", lambda j, dz: j.double().logsumexp(1) + np.log(dz)),
    ("01.6", lambda a, b: np.logaddexp.reduce((a - b).numpy(), axis=1) - np.log(a.shape[1])),
    ("01.6", lambda a, b: torch.logcumsumexp(a - b, 1)[:, -1] - math.log(a.shape[1])),
    ("02.1", lambda m, v: 0.5 * (m.square().sum(1) + v.exp().sum(1) - v.sum(1) - m.shape[1])),
    ("02.2", drawn(from_numpy)),
    ("02.2", drawn(box_muller)),
    ("02.2", drawn(lambda s, g: torch.normal(0.0, 1.0, s, generator=g))),
    ("02.3", lambda o, x: -(x * F.logsigmoid(o) + (1 - x) * F.logsigmoid(-o)).flatten(1).sum(1)),
    ("02.3", lambda o, x: (torch.logaddexp(o, torch.zeros_like(o)) - o * x).sum(dim=(-1, -2, -3))),
    ("02.5", one_step()),
    ("02.5", one_step(lambda rec, kl, b: torch.stack([rec, b * kl]).sum())),
    ("03.3", lambda p: stats.entropy(p.numpy(), axis=1)),
    ("03.4", lambda p: torch.einsum("spd,spd->p", p[1:] - p[:-1], p[1:] - p[:-1])),
    ("03.6", walked),
    ("03.7", lambda c, w, b, t: c + (t - (c @ w + b))[:, None] * torch.linalg.pinv(w[None]).T),
    ("03.7", lambda c, w, b, t: c - c @ torch.outer(w, w) / (w @ w) + (t - b) / (w @ w) * w),
    ("04.4", lambda i, h: np.mean(np.diff(np.sort(i.numpy(), 0)[-2:], axis=0)[0] / h.numpy())),
    ("04.6", lambda s, n, c, r: min(1.0, math.modf(s * c / n)[0] / r)),
    ("05.6", lambda x, y: np.linalg.norm((x - y).numpy().ravel(), 1) / x.numel()),
    ("07.1", lambda p, w: torch.tensordot(w / w.sum(), p, dims=1)),
    ("07.4", lambda n, d: stats.linregress([1 / one for one in n], d).intercept),
    ("08.2", lambda f, z, u, e: (f(z) - f(torch.where(torch.arange(z.shape[1]) == u, e[:, None], z))).mean()),
    ("08.2", lambda f, z, u, e: f(z).mean() - f(z.index_copy(1, torch.tensor([u]), e[:, None])).mean()),
    ("09.4", lambda c, a: torch.linalg.lstsq(a - a.mean(0), c - c.mean(0)).solution),
    ("09.4", lambda c, a: np.linalg.pinv(np.c_[a.numpy(), np.ones(len(a))])[:-1] @ c.numpy()),
    ("09.5", lambda a, b: stats.mannwhitneyu(b, a).statistic / len(a) / len(b)),
    ("11.2", lambda a, b, v: ((a - b.detach()).square().sum((2, 3)) @ v.reciprocal()) / 2),
    ("11.4", lambda e, c: e + (tokens(e, c) - e).detach()),
    ("11.4", lambda e, c: tokens(e, c.detach()) + e - e.detach()),
    ("A1.1", prior),
    ("A1.2", lambda *a: weights(*(one.double() for one in a))),
    ("A4.1", lambda m, v: (m.mean(0).tolist(), moments(m.double(), v.double())[1].numpy())),
):  # fmt: skip
    RIGHT.setdefault(identifier, []).append(answer)

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---
# %% [markdown]
# # 01 · Introduction to VAE fundamentals
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Two networks of one architecture learned to squeeze handwritten digits into ten numbers and to draw them again. Now give both ten *random* numbers. One draws pictures of which most read as
# digits, the other fainter ones. What makes the difference? First a toy where everything can be computed, then digits.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 70,000)
ENCODER_STEPS = 3000  # updates of each encoder of the toy, 20 or more
N_SEEDS = 3  # encoders trained, 2 or more: intervals are 95 % t-intervals over them
SEARCHED = 100  # points for which the best q is looked for one by one
N_CODES = 10_000  # training digits whose codes are looked at, 100 or more
N_SAMPLES = 5000  # pictures of each model that the classifier reads, 100 or more
# %% tags=["hide-input"]
import math

import torch
from torch import nn

from vae_course import CurveModel, Runs, load, load_trio, seed_everything, seeded, teaching
from vae_course.plots import chapter_01, image_grid, line_plot
from vae_course.teaching import Claims, complete, hint, predict, show, solution

least = dict(ENCODER_STEPS=20, N_SEEDS=2, SEARCHED=10, N_CODES=100, N_SAMPLES=100)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("01_Introduction_to_VAE_Fundamentals", parameters)

trio = load_trio()  # an autoencoder, a VAE and a GAN of MNIST; their decoders are one and the same network
autoencoder, vae, gan = trio.values()
z = torch.randn(10, vae.latent_dim, generator=seeded(4))
show(
    image_grid(
        torch.sigmoid(torch.cat([autoencoder.decode(z), vae.decode(z)])),
        2,
        10,
        row_titles=["autoencoder", "VAE"],
    ),
    alt="Two rows of ten pictures from the same random numbers. Above, from the autoencoder, faint and blurred ones, some like a digit; "
    "below, from the VAE, bright smooth ones of which most read as a digit.",
    title="One architecture, the same random numbers: only one of the two was trained for them",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **say** what an autoencoder lacks to be a generative model, and add it;
# 2. **write** the sampler and the marginal $p(x)$ of a latent-variable model, and compute a posterior;
# 3. **derive** the ELBO in two ways, and **predict** how far it lies below $\log p(x)$;
# 4. **tell** how an autoencoder, a VAE and a GAN train one and the same decoder, and what each can and cannot give.
#
# You need Python, a little PyTorch, density, expectation and logarithm. A nat is 1.44 bits. Three functions and a choice are left
# to you; if yours is not right yet, the chapter goes on with the reference. Brackets hold 95 % t-intervals over seeds.
#
# ## 1 What does an autoencoder lack?
#
# An **autoencoder** squeezes a picture $x$ into a code $z = e(x)$, and a **decoder** draws it again; training brings the drawing close to $x$. A **variational autoencoder**
# makes two changes. Its encoder gives a *distribution* of codes $q(z|x)$, a cloud from which one code is drawn. And each cloud pays, in nats, for being unlike one fixed distribution, the **prior** $p(z) = \mathcal N(0, I)$; section 4 says how many.
#
# The decoder puts out a probability of white for each pixel; counted is the surprise at the picture, $-\log p(x|z)$, in nats. The digits are gray: even a perfect decoder would pay {{gray}} of them (chapter 02).
# %%
guess = predict(
    "Which of the two draws held-out digits more accurately?", ["the autoencoder", "the VAE", "no difference"]
)
# %%
train, test = (load("digits" if OFFLINE else "mnist", part) for part in ("train", "test"))
x = test.floats()[:2000]


def surprise(model, z):
    """−log p(x|z) of each x when its code is z, nats: (2000,)."""
    return -model.log_likelihood(x, z)


cloud = vae.encode(x)  # has .mean and .log_var, each (2000, 10)
extra = surprise(vae, cloud.mean) - surprise(autoencoder, autoencoder.encode(x))
at_mean, at_draw = surprise(vae, cloud.mean).mean(), surprise(vae, cloud.sample(generator=seeded(0))).mean()
by_autoencoder, rate = at_mean - extra.mean(), cloud.kl().mean()  # the KL term: for section 4
guess.compare(
    0 if extra.mean() > 0 else 1,
    f"{by_autoencoder:.1f} nats for the autoencoder, {at_mean:.1f} for the VAE at the mean of its cloud, {at_draw:.1f} at a draw.",
)
nats, exactly = {"unit": "nats"}, {"unit": "nats", "exact": True}
claims.add("behind", extra.mean(), above=0, text="Drawn again, VAE at the mean − autoencoder", **nats)
claims.add("draw_costs", at_draw - at_mean, above=0, text="VAE, at a draw − at the mean", **nats)
claims.note("behind_error", extra.std() / math.sqrt(len(extra)))
claims.note("gray", (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2, 3)).mean(), **nats)
for id, value in {"by_autoencoder": by_autoencoder, "at_draw": at_draw, "rate": rate}.items():
    claims.note(id, value, **nats)
claims.note("minus_elbo", at_draw + rate, **nats)
# %% tags=["hide-input"]
digits = torch.stack([test.floats()[test.labels == label][3] for label in range(10)])
rows = [digits, autoencoder.reconstruct(digits), vae.reconstruct(digits)]
show(
    image_grid(torch.cat(rows), 3, 10, row_titles=["written", "autoencoder", "VAE, at the mean"]),
    alt="Three rows of ten digits from 0 to 9: test digits, and below them the same digits drawn again by autoencoder and VAE. Both are smoother than the "
    "originals and alike.",
    title="From ten numbers both draw the digit again",
)
# %% [markdown]
# The autoencoder is ahead: it pays {{by_autoencoder.value}}, the VAE at the mean of its cloud {{behind}} more (paired standard error {{behind_error.number}}; one training each, of 8 and 12 passes). A code *drawn* from the cloud costs another {{draw_costs}}: that part is noise.
#
# A **generative model** is a distribution $p(x)$ over pictures. You may want to **sample** it, to **score** a given $x$, and
# to **encode** $x$ by something short. The autoencoder encodes. To sample, somebody must say where codes come from. Say it, and you have a **latent-variable model**:
#
# $$
# z \sim p(z), \qquad x \sim p(x|z), \qquad p(x) = \int p(x|z)\, p(z)\, dz .
# $$
#
# In words: draw a hidden cause $z$, then a picture given $z$. The probability of $x$, the **marginal**, adds up all causes that could have made it.
#
# ## 2 A model that you can see whole
#
# One hidden number, two visible ones. The decoder is a looping curve $f$, and noise of width $\sigma = 0.25$ is added:
#
# $$
# z \sim \mathcal N(0, 1), \qquad x \mid z \sim \mathcal N\bigl(f(z),\ \sigma^2 I\bigr), \qquad f(z) = (0.9\,z - 1.5 \sin 2.2 z,\ -1.5 \cos 2.2 z).
# $$
#
# **Your turn (01.1).** Draw `n` points from $p(x)$, from the top down. `decoder` maps codes `(n,)` to means `(n, 2)`. All randomness comes from `generator` (None: torch's own).


# %%
def sample_model(decoder, sigma: float, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """decoder: codes (n,) → means (n, 2). Returns n draws x ~ p(x), each from its own z ~ N(0, 1): (n, 2)."""
    ...


# hint("01.1")  # remove the first # for a hint, again for the next one
sample_model = complete("01.1", sample_model)
solution("01.1")
# %% [markdown]
# To score a point, add up, on a grid of $z$ values $dz$ apart:
#
# $$
# \log p(x) \approx \log \sum_g p(x, z_g)\, dz, \qquad p(x, z) = p(x|z)\, p(z).
# $$
#
# **Your turn (01.2).** From $\log p(x_i, z_g)$, `(n, grid)`, to $\log p(x_i)$, `(n,)`. Far from the curve every density underflows to 0; your result must stay finite.


# %%
def log_marginal(log_joint: torch.Tensor, dz: float) -> torch.Tensor:
    """log_joint: (n, G), log p(x_i, z_g); dz: the grid's spacing. Returns log p(x_i) in nats, shape (n,)."""
    ...


# hint("01.2")  # remove the first # for a hint, again for the next one
log_marginal = complete("01.2", log_marginal)
solution("01.2")


# %%
def curve(z):
    return torch.stack([0.9 * z - 1.5 * torch.sin(2.2 * z), -1.5 * torch.cos(2.2 * z)], dim=-1)


def log_normal(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - math.log(2 * math.pi) / 2 - torch.as_tensor(std).log()


def log_joint(x, z, sigma=0.25):
    """log p(x|z) + log p(z) of points (n, 2) and codes (n, m) or (m,): (n, m)."""
    return log_normal(x[:, None], curve(z), sigma).sum(-1) + log_normal(z, 0.0, 1.0)


grid, dz = torch.linspace(-10, 10, 2001, dtype=torch.float64), 0.01
x1, x2 = torch.linspace(-4.5, 4.5, 121).double(), torch.linspace(-3, 3, 81).double()
plane = torch.stack(torch.meshgrid(x1, x2, indexing="xy"), dim=-1)  # (81, 121, 2)
log_p_plane = torch.stack([log_marginal(log_joint(row, grid), dz) for row in plane])
# the package's version, as a check
toy, total = CurveModel(sigma=0.25), log_p_plane.exp().sum().item() * 0.075 * 0.075
off = (log_p_plane[::8, ::8] - toy.log_marginal(plane[::8, ::8])).abs().max()
claims.add(
    "total", total, near=(1.0, 5e-3), exact=True, text="Test of the code: p(x) added up over the plane"
)
claims.add(
    "log_p", off, below=1e-6, unit="nats", exact=True, text="Test of the code: log p(x) off the package's"
)
# %% tags=["hide-input"]
left = torch.linspace(0.5, 2.0, 150_001).double()
crossed = left[curve(left)[:, 0].abs().argmin()]  # where the curve meets itself, on the line x1 = 0
points = {
    "crossing": torch.stack([torch.zeros(()).double(), curve(crossed)[1]]),
    "bottom": curve(torch.zeros(()).double()),
    "stray": torch.tensor([3.0, 0.0]).double(),
}
show(
    chapter_01.toy_plane(
        toy, sample_model(curve, 0.25, 1500, seeded(0)), log_p_plane, (-4.5, 4.5, -3, 3), points
    ),
    alt="Left: a looping curve that crosses itself above the origin, with samples scattered closely around it. Right: the density p(x), "
    "a bright looping band, brightest at the bottom, with three marked points: the crossing, the bottom, and one to the right.",
    title="The sampler draws on the left what the marginal adds up on the right",
)
# %% [markdown]
# Added up over the plane, $p(x)$ gives {{total.number}}. So this model samples and scores. To *encode*, go backward. By Bayes' rule the codes that explain $x$ are spread as the **posterior**
#
# $$
# p(z|x) = \frac{p(x|z)\, p(z)}{p(x)} .
# $$
#
# In words: how well $z$ explains $x$, times how common $z$ is, scaled to add up to one.
# %%
guess = predict(
    "At the crossing, x lies on two branches of the curve. How many peaks has p(z|x) there?",
    ["one, halfway between the two codes", "two, of equal height", "two, one of them much higher"],
)
# %%
chosen = torch.stack(list(points.values()))
log_p = log_marginal(log_joint(chosen, grid), dz)
posterior = (log_joint(chosen, grid) - log_p[:, None]).exp()  # (3, 2001)
show(
    chapter_01.toy_posteriors(grid, dict(zip(points, posterior, strict=True))),
    alt="Three panels with the broad prior and a narrow posterior: two equal peaks left and right of 0 for the crossing, one peak at 0 for the bottom, "
    "one peak on the right for the stray point.",
    title="The crossing has two causes, the others one",
)
halves = [posterior[0, grid < 0].max().item(), posterior[0, grid > 0].max().item()]
claims.note("stray_cause", grid[posterior[2].argmax()])
guess.compare(1, f"two peaks, of heights {halves[0]:.2f} and {halves[1]:.2f}.")
# %% [markdown]
# The stray point's cause is near $z =$ {{stray_cause.number}}, where the prior is low: nothing else explains it. This took 2,001 values of one hidden number. With only 100 for each of a digit's ten, the sum would have $10^{20}$ terms.
#
# ## 3 A bound that you can compute
#
# Guess the posterior: take a simple distribution $q(z)$, here a Gaussian, in its place. However bad the guess, it gives a **lower** bound of $\log p(x)$, the *evidence lower bound*
# or **ELBO**.
#
# **Jensen.** Multiply and divide by $q$; the integral becomes a mean:
#
# $$
# \log p(x) = \log \mathbb E_{q}\!\left[\frac{p(x, z)}{q(z)}\right] \ \ge\ \mathbb E_{q}\bigl[\log p(x, z) - \log q(z)\bigr] = \mathrm{ELBO}(q).
# $$
#
# In words: the logarithm of a mean is at least the mean of the logarithms. To estimate the right side, draws from $q$ are enough.
#
# **The gap.** Write $p(x, z) = p(z|x)\,p(x)$ inside the ELBO. Now $\log p(x)$ does not depend on $z$ and comes out:
#
# $$
# \mathrm{ELBO}(q) = \log p(x) - \mathbb E_q\!\left[\log \frac{q(z)}{p(z|x)}\right] = \log p(x) - \mathrm{KL}\bigl(q \,\|\, p(z|x)\bigr).
# $$
#
# In words: what the bound misses **is** the Kullback–Leibler divergence from your guess to the true posterior. It is zero only for a perfect guess.
#
# **Your turn (01.3).** From $\log p(x_i, z_{is})$ and $\log q(z_{is})$ at draws $z_{is} \sim q$, both `(n, draws)`, to the estimate of the ELBO of each $x_i$, `(n,)`. This line trains every VAE.


# %%
def elbo_from_samples(log_joint: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """log_joint, log_q: (n, S), at S samples from q for each of n points. Returns the ELBO in nats, (n,)."""
    ...


# hint("01.3")  # remove the first # for a hint, again for the next one
elbo_from_samples = complete("01.3", elbo_from_samples)
solution("01.3")
# %%
guess = predict(
    "At the crossing the posterior has two peaks, and q is one Gaussian. How small can the best q make the gap?",
    ["0 nats: a wide q covers both", "about 0.7 nats", "more than 5 nats"],
)


# %%
def both_sides(x, log_p):
    """ELBO, KL(q ‖ p(z|x)) and the gap of every q, means × log variances; the first two computed apart."""
    joint = log_joint(x[None], fine)[0]
    log_posterior = joint - log_marginal(joint[None], step)
    elbo, rows = toy.elbo(x, means[:, None], log_vars), []  # a sum around each q
    for mean in means:  # a sum over the fine grid, from the posterior
        log_q = log_normal(fine, mean, (0.5 * log_vars).exp()[:, None])
        rows.append((log_q.exp() * (log_q - log_posterior)).sum(1) * step)
    return elbo, torch.stack(rows), log_p - elbo


fine, step = torch.linspace(-12, 12, 6001, dtype=torch.float64), 0.004
means, log_vars = torch.linspace(-2.5, 2.5, 101).double(), torch.linspace(-6.5, 0.5, 36).double()
elbo, kl, gap = both_sides(chosen[0], log_p[0])  # the crossing
_, kl_bottom, gap_bottom = both_sides(chosen[1], log_p[1])
largest = torch.stack([gap - kl, gap_bottom - kl_bottom]).abs().max()
highest = -torch.cat([gap, gap_bottom]).min()
# %%
finer = torch.linspace(0.3, 1.3, 401).double()[:, None], torch.linspace(-6, -2, 101).double()
centered = int(gap[len(means) // 2].argmin())  # of the q with mean 0
claims.note("finer_gap", (log_p[0] - toy.elbo(chosen[0], *finer)).min(), **nats)
claims.note("between", gap[len(means) // 2, centered], **nats)
claims.note("between_std", (0.5 * log_vars[centered]).exp())
claims.add("bound", highest, below=0, text="Test of the code: largest ELBO − log p(x)", **exactly)
claims.add("gap_is_kl", largest, below=1e-3, text="Test of the code: largest |gap − KL|", **exactly)
claims.add(
    "crossing_gap",
    gap.min(),
    near=(math.log(2), 0.05),
    text="Smallest gap on the grid of q, crossing",
    **exactly,
)
claims.note("bottom_gap", gap_bottom.min(), **nats)
claims.note("n_q", gap.numel())
guess.compare(1, f"{gap.min():.3f} nats; ln 2 is {math.log(2):.3f}. At the bottom {gap_bottom.min():.4f}.")
# %%
a, b = divmod(int(elbo.argmax()), len(log_vars))
best = (means[a].item(), log_vars[b].item())
show(
    chapter_01.bound_slice(grid, posterior[0], best, means, elbo[:, b], log_p[0] - kl[:, b], log_p[0].item()),
    alt="Left: the posterior at the crossing has two equal peaks, and the best q, dashed, sits on one of them and is twice as high. Right: against the mean of q "
    "the ELBO has two humps that end below the line log p(x), and dots of log p(x) minus KL lie on the ELBO's curve.",
    title=f"The best q picks one peak, and its bound misses log p(x) by {gap.min():.2f} nats",
)
# %% [markdown]
# For each of {{n_q.number}} Gaussians and both points, gap and KL, computed apart, agree to rounding: as the algebra says. At
# the bottom a Gaussian fits: the gap is {{bottom_gap}}. At the crossing the best on this grid misses {{crossing_gap}}, on a finer one {{finer_gap.number}}. It does not straddle the peaks but picks one. There it is twice
# as high as the posterior: $\log q/p \approx \ln 2$ wherever $q$ has mass, so the mean of that logarithm, the KL, is $\ln 2$. A $q$ centered between the peaks has mass where the posterior has none: the best misses {{between}} (standard deviation {{between_std.number}}).
#
# So the ELBO can rise in two ways. Move $q$: the gap closes, **inference** gets better. Move the decoder: $\log p(x)$ itself may rise, the **model** gets better. A VAE does both.
#
# ## 4 One encoder for every x
#
# Searching $q$ for each $x$ is slow. An **encoder** reads $x$ and gives mean and log variance at once; all $x$ share it. Train one on your ELBO, with one
# draw $z = \mu + \sigma_q\varepsilon$ for each $x$, so that gradients reach both (chapter 02). The decoder stays the true one; its noise starts eight times as wide and narrows to the true width, so that the branches begin as one.
# %%
held_out = sample_model(curve, 0.25, 1000, seeded(2)).double()
exact = log_marginal(log_joint(held_out, grid), dz)


@torch.no_grad()
def gaps(encoder):
    """log p(x) − ELBO of each held-out point, exact: (1000,)."""
    return exact - toy.elbo(held_out, *encoder(held_out.float()).double().T)


# %%
def train_encoder(seed):
    """An encoder for the true decoder, and the mean gap along the way."""
    seed_everything(seed)
    encoder = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 2))
    optimizer, record = torch.optim.Adam(encoder.parameters()), [gaps(encoder).mean().item()]
    for step in range(1, ENCODER_STEPS + 1):
        left = 1 - step / ENCODER_STEPS
        optimizer.param_groups[0]["lr"] = 3e-3 * left
        sigma = 0.25 * max(1.0, 16 * left - 8)  # wide at first; from 7/16 of the way on the toy's own
        x = sample_model(curve, 0.25, 128)
        mean, log_var = encoder(x).T[..., None]  # (128, 1) each
        std = (0.5 * log_var).exp()
        z = mean + std * torch.randn(128, 1)
        loss = -elbo_from_samples(log_joint(x, z, sigma), log_normal(z, mean, std)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (ENCODER_STEPS // 10) == 0:
            record.append(gaps(encoder).mean().item())
    return encoder, record


# %%
encoders, records = zip(*[train_encoder(seed) for seed in range(N_SEEDS)], strict=True)
found = [gaps(encoder) for encoder in encoders]
worst = [g.argsort()[-len(g) // 10 :] for g in found]
paid = Runs((g[w].sum() / g.sum() for g, w in zip(found, worst, strict=True)), least=0, most=1)
whole = {"unit": "nats", "whole_interval": True}
claims.add("median_gap", Runs(g.median() for g in found), below=0.5, text="Encoder: median gap", **whole)
whole["unit"] = "%"
claims.add("worst_tenth", paid, above=0.5, text="Share of the gap paid by the worst tenth", **whole)
mean_gap = Runs(g.mean() for g in found)
start = sum(record[0] for record in records) / N_SEEDS
claims.note("mean_gap", mean_gap, unit="nats")
steps = [ENCODER_STEPS // 10 * i for i in range(len(records[0]))]
lines = {f"seed {i}": (steps, record) for i, record in enumerate(records)}
figure = line_plot(lines, "updates", "mean gap (nats)", log_y=True)
figure.axes[0].set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
figure.axes[0].minorticks_off()
show(
    figure,
    alt="Mean gap of held-out points against the updates, on a logarithmic axis, one line for each seed. The lines fall by more than a factor of ten and then "
    "flatten, without quite standing still.",
    title=f"The encoder narrows the gap from {start:.0f} to {mean_gap.mean:.1f} nats on average",
)
# %% tags=["hide-input"]
where = "" if OFFLINE else ", above all on the upper left arc and on the right side of the inner loop"
show(
    chapter_01.gap_map(toy, held_out, found[0]),
    alt=f"Held-out points along the looping curve: light in most places, dark in patches{where}.",
    title=f"Seed 0: a tenth of the points pays {found[0][worst[0]].sum() / found[0].sum():.0%} of the gap",
)
# %%
few = torch.randperm(len(held_out), generator=seeded("search"))[:SEARCHED]
candidates = torch.linspace(-3.2, 3.2, 129).double()[:, None], torch.linspace(-7, -3, 9).double()
best_elbo = [toy.elbo(x, *candidates).max() for x in held_out[few]]  # 1,161 Gaussians for each point
left_over = (exact[few] - torch.stack(best_elbo)).mean() / Runs(g[few].mean() for g in found)
text = "Gap of the best q, of the encoder's"
claims.note("searched", len(few))
claims.add("found_by_search", left_over.within(0, 1), below=0.25, text=text)
# at the crossing an encoder must choose one branch: who lies on the other, within 0.6 of the crossing's |z|?
cause = (log_joint(held_out, grid) - exact[:, None]).exp() @ grid * dz  # mean of the posterior
choice = [encoder(points["crossing"].float()[None])[0, 0].sign() for encoder in encoders]
other = [((cause.abs() - crossed).abs() < 0.6) & (cause.sign() != sign) for sign in choice]
rest = [g.argsort()[: -len(g) // 10] for g in found]
on_other = [
    Runs((o[p].double().mean() for o, p in zip(other, part, strict=True)), least=0, most=1)
    for part in (worst, rest)
]
text = "On the other branch: the worst tenth − the rest"
claims.add("other_branch", on_other[0] - on_other[1], above=0, unit="%", text=text)
claims.note("other_worst", on_other[0], unit="%")
claims.note("other_rest", on_other[1], unit="%")
# %% [markdown]
# Most points lose little: a median of {{median_gap}}. But a tenth of them pays {{worst_tenth}} of the whole gap, and the mean is {{mean_gap.value}}. Is the Gaussian to blame, or the network? On {{searched.number}} of the points a search for the best Gaussian leaves {{found_by_search}} of the gap. The rest is the encoder's: too small, too briefly trained, or shared by all $x$. The **amortization gap** (Cremer et al. 2018) counts all three.
#
# At the crossing an encoder must choose one branch. On the other, near the crossing, lie {{other_worst}} of the worst tenth and {{other_rest}} of the rest: there a continuous map has to get from the codes of one branch to those of the other.
#
# **A VAE is this, with a learned decoder.** Split $p(x, z)$ the other way, as $p(x|z)\,p(z)$, and let decoder $\theta$ and encoder $\phi$ climb the same bound:
#
# $$
# \max_{\theta, \phi}\ \sum_x\ \underbrace{\mathbb E_{q_\phi(z|x)}[\log p_\theta(x|z)]}_{\text{draw it again}} - \underbrace{\mathrm{KL}\bigl(q_\phi(z|x)\,\|\,p(z)\bigr)}_{\text{stay near the prior}}.
# $$
#
# In words: section 1's two changes. Without noise and KL term it is the autoencoder. For our VAE and section 1's 2,000 digits: {{at_draw}} to draw again + {{rate}} for the KL term = a −ELBO of {{minus_elbo}} per digit.
#
# ## 5 Three ways to train one decoder
#
# A **generative adversarial network** keeps the decoder, calls it generator $G$, and drops the rest. A second network, the discriminator $D$, learns to tell real pictures from generated ones, and $G$ to fool it (Goodfellow et al. 2014):
#
# $$
# \max_D\ \mathbb E_{x}[\log D(x)] + \mathbb E_{z}[\log(1 - D(G(z)))], \qquad \max_G\ \mathbb E_{z}[\log D(G(z))].
# $$
#
# In words: two players, and nowhere a probability of $x$.
#
# **Your turn (01.4).** What does training optimize? `autoencoder`, `vae`, `gan`: **A** a reconstruction error and nothing else; **B** a lower bound of $\log p(x)$; **C** $\log p(x)$ itself; **D** being mistaken for data.
# `held_out`: where does a GAN, as trained, find the density of a held-out $x$? `"none"`: it has no way to; `"discriminator"`: $D(x)$ is that density; `"reconstruction"`: from how well it reconstructs $x$.
# %%
answer_01_4 = {"autoencoder": ..., "vae": ..., "gan": ..., "held_out": ...}

# hint("01.4")  # remove the first # for a hint, again for the next one
teaching.check("01.4", answer_01_4)
solution("01.4")
# %% [markdown]
# Codes come from $\mathcal N(0, I)$, as above, or from a Gaussian fitted to the codes of training digits (mean and covariance). For autoencoder and VAE we show each pixel's probability, not a draw of it (chapter 02).
# %%
guess = predict(
    "A classifier of digits reads thousands of pictures. Whose pictures is it sure of (above 80 %) most often?",
    ["autoencoder, N(0, I)", "autoencoder, Gaussian fitted to its codes", "VAE, N(0, I)", "GAN"],
)


# %%
@torch.no_grad()
def training_codes(model):
    codes = model.encode(train.subset(min(N_CODES, len(train)), seed=0).floats())
    return codes if torch.is_tensor(codes) else codes.sample(generator=seeded("codes"))


def fitted_codes(model, n, generator):
    """n codes from the Gaussian with mean and covariance of the codes of training digits."""
    codes = training_codes(model)
    root = torch.linalg.cholesky(torch.cov(codes.T))
    return codes.mean(0) + torch.randn(n, codes.shape[1], generator=generator) @ root.T


def normal_codes(model, n, generator):
    return torch.randn(n, model.latent_dim, generator=generator)


def draw(model, codes, n=N_SAMPLES):
    z = codes(model, n, seeded("pictures"))
    return model(z) if model is gan else torch.sigmoid(model.decode(z))


pictures = {
    "autoencoder, N(0, I)": draw(autoencoder, normal_codes),
    "autoencoder, fitted": draw(autoencoder, fitted_codes),
    "VAE, N(0, I)": draw(vae, normal_codes),
    "VAE, fitted": draw(vae, fitted_codes),
    "GAN": draw(gan, normal_codes),
}
# %% tags=["hide-input"]
from vae_course import load_classifier

judge = load_classifier("mnist")
mixed = test.floats()[torch.randperm(len(test), generator=seeded("halves"))]
half, other = mixed[: len(test) // 2], mixed[-(len(test) // 2) :]
a, b = half.chunk(2)
real = {"written": half, "mean of two": (a[: len(b)] + b) / 2}
read = {name: judge.probabilities(made) for name, made in {**pictures, **real}.items()}
sure = {name: (p.amax(1) >= 0.8).float().mean().item() for name, p in read.items()}
shown = ["autoencoder, N(0, I)", "autoencoder, fitted", "VAE, N(0, I)", "GAN"]
show(
    image_grid(
        torch.cat([digits, *[pictures[name][:10] for name in shown]]), 5, 10, row_titles=["written", *shown]
    ),
    alt="Five rows of ten pictures: test digits; the autoencoder's from N(0, I), faint and blurred; its pictures from the fitted Gaussian, many of which read as digits; the VAE's, smooth, "
    "most of which do; and the GAN's, with hard edges, of which some are no digit.",
    title="One architecture, three trainings, four ways to draw: the first ten of each, as they came",
)
options = [sure[name] for name in shown]
guess.compare(
    options.index(max(options)), "; ".join(f"{name} {share:.0%}" for name, share in sure.items()) + "."
)
# %%
from vae_course.evaluation import frechet_distance

ids = ["ae_normal", "ae_fitted", "vae_normal", "vae_fitted", "gan_sure", "written_sure", "blends"]
shares = dict(zip(ids, sure.values(), strict=True))
gain = shares["ae_fitted"] - shares["ae_normal"]
claims.add("fitting", gain, above=0.1, unit="%", text="Sure, autoencoder: fitted Gaussian − N(0, I)")
lead = shares["vae_normal"] - shares["ae_normal"]
claims.add("lead", lead, above=0.1, unit="%", text="Sure, N(0, I): VAE − autoencoder")
ahead = shares["gan_sure"] - shares["vae_normal"]
claims.add("ahead", ahead, above=0, unit="%", text="Sure: GAN − VAE, N(0, I)")
for id in ids:
    claims.note(id, shares[id], unit="%")
codes = training_codes(autoencoder)
spread, center = codes.std(0), codes.mean(0)
claims.note("spread", spread.mean())
controls = {
    "ae_wide": draw(autoencoder, lambda *of: spread.mean() * normal_codes(*of)),
    "ae_axes": draw(autoencoder, lambda *of: center + spread * normal_codes(*of)),
}
for id, name in {"ae_bright": shown[0], "vae_bright": shown[2]}.items():
    controls[id] = pictures[name] / pictures[name].amax((1, 2, 3), keepdim=True)  # brightest pixel: 1
for id, made in controls.items():
    claims.note(id, (judge.probabilities(made).amax(1) >= 0.8).float().mean(), unit="%")
reference = judge.features(other)
for id, made in zip(ids, {**pictures, **real}.values(), strict=True):
    claims.note(f"d_{id}", round(frechet_distance(judge.features(made), reference)))
# %% tags=["hide-input"]
from vae_course import trio_curves

show(
    chapter_01.trio_panel(trio_curves()),
    alt="Three panels. Reconstruction of the autoencoder and −ELBO of the VAE, in nats, against passes through the training digits fall steeply and then "
    "slowly; the share of the GAN's pictures of which the classifier is sure rises steeply and then slowly. All end as the learning rate reaches zero, which flattens any curve.",
    title="All three had nearly stopped improving as their learning rates reached zero",
)
# %% [markdown]
# From $\mathcal N(0, I)$ the classifier is sure of {{ae_normal}} of the autoencoder's pictures, {{vae_normal}} of the VAE's and {{gan_sure}} of the GAN's (written digits: {{written_sure}}). Nobody told the autoencoder where to put codes. Their standard deviation is {{spread.number}}. $\mathcal N(0, I)$ widened to it gives {{ae_wide}};
# with the codes' own mean and standard deviation in each dimension {{ae_axes}}; with their covariance {{ae_fitted}}: "an autoencoder cannot generate" is not true as it stands. Fitted in the same way, the VAE gets {{vae_fitted}}. What sets it apart is that training put its codes where you will look.
#
# Being sure is not being right. Part of what the classifier punishes is faintness: with every picture's brightest pixel set to 1, the shares from $\mathcal N(0, I)$ are {{ae_bright}} and {{vae_bright}}. And it is sure of {{blends}} of the *means of two* written digits. It does not see variety.
# The Fréchet distance does (lower is closer to written digits; chapter 07): autoencoder {{d_ae_normal}}, fitted {{d_ae_fitted}}; VAE {{d_vae_normal}}; GAN {{d_gan_sure}}; other written digits {{d_written_sure}}; means of two {{d_blends}}. Each model was trained once: replications redraw the codes, not the models.
#
# What the GAN lacks is a density. Its generator adds no noise: all that it can draw is a thin sheet among 784 dimensions. So are the means that we show of the VAE; its $p(x|z)$ is not.
#
# ## 6 Where you are going
#
# | | VAE | GAN | normalizing flow | diffusion model |
# |---|---|---|---|---|
# | optimizes | a bound of $\log p(x)$ | a game | $\log p(x)$ itself | a weighted bound, by denoising |
# | density of a given $x$ | a bound | none | exact | a bound, or an estimate |
# | encoder | to a short code | none | to a code as long as $x$ | none to a short code |
# | **gives up** | often sharpness (07) | density, encoder, often coverage | short code, free choice of network | speed, short code |
#
# **Where VAEs work today.** *Images*: latent diffusion draws in the code of an autoencoder with a small KL term or a quantizer (Rombach et al. 2022). *Compression*: the loss of a learned
# codec has the form of a −ELBO (Ballé et al. 2018). *Anomalies*: what costs many nats is unusual, with traps (chapter 09).
# %% tags=["hide-input"]
show(
    chapter_01.course_map(here=1),
    alt="A map of the eleven chapters in five columns: foundations (01, 02), the two terms (04, 05), the code (03, 08), what goes wrong (06, 07), "
    "what it is good for (09, 10, 11). Chapter 01 is framed in bold; under each title stands which chapters it builds on.",
    title="Read 01 and 02 first; then follow what you need",
)
# %% [markdown]
# ## Play
#
# Move $q$ yourself. At the crossing find both best $q$. At the stray point: what costs more, a $q$ that is too wide or one too narrow?
# %%
from vae_course.widgets import explore_toy_posterior

explorer = explore_toy_posterior(toy, points)
# %% [markdown]
# ## Break it
#
# Let the decoder learn, too: in the loss of `train_encoder` put a network in place of `curve`, and skip the wide start. Train once with $\sigma = 0.25$, once with $\log\sigma$ as a parameter that starts at $\log 0.25$. **Before** you run it, write down: does the network find the loops?
# What happens to the gap, to the true $\log p(x)$ of held-out points (`log_marginal` still computes it), and to $\sigma$?
#
# A good answer predicts all three; shows ELBO and $\log p(x)$ against the updates; and says why a VAE can prefer a worse model with a smaller gap. Two is a start.
#
# ## What you can say now
#
# - An autoencoder rebuilds; to generate, it lacks a distribution of codes. A VAE is trained for one, $\mathcal N(0, I)$.
# - $\log p(x)$ adds up all causes. The ELBO needs only draws, and what it misses is exactly the KL divergence from $q$ to the true posterior.
# - One decoder can be trained to rebuild, to bound a likelihood, or to fool a judge. Of the three only the VAE is trained to sample and to bound the score.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014.
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation …*, ICML 2014.
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NeurIPS 2014.
# - C. Cremer, X. Li, D. Duvenaud: *Inference Suboptimality in Variational Autoencoders*, ICML 2018.
# - R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022.
# - J. Ballé et al.: *Variational Image Compression with a Scale Hyperprior*, ICLR 2018.
#
# Next: [02 · Encoder and decoder](02_Encoder_and_Decoder_in_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

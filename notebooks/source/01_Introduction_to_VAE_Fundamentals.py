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
# Two networks of one architecture learned to squeeze a handwritten digit into a code of ten numbers, and to draw it again. For a
# *new* digit, give one of them ten random numbers. Why does that suit one and not the other? A VAE has its codes
# where such numbers fall; an autoencoder has put them elsewhere. What in training makes the difference?
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

from vae_course import CurveModel, Runs, load, load_classifier, load_trio, seed_everything, seeded, teaching
from vae_course.plots import chapter_01, image_grid, line_plot
from vae_course.teaching import Claims, complete, hint, predict, show, solution

least = dict(ENCODER_STEPS=20, N_SEEDS=2, SEARCHED=10, N_CODES=100, N_SAMPLES=100)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("01_Introduction_to_VAE_Fundamentals", parameters)

train, test = (load("digits" if OFFLINE else "mnist", part) for part in ("train", "test"))
trio = load_trio()  # an autoencoder, a VAE and a GAN of MNIST; their decoders have the same layers
autoencoder, vae, gan = trio.values()
with torch.no_grad():
    codes = {
        "autoencoder": autoencoder.encode(test.floats()),
        "VAE": vae.encode(test.floats()).sample(generator=seeded("cover")),
        "random numbers": torch.randn(len(test), vae.latent_dim, generator=seeded(4)),
    }
lines, places = {}, torch.arange(0.25, 15, 0.5).tolist()  # 30 bins from 0 to 15
for name, z in codes.items():
    distance = z.norm(dim=1)
    lines[name] = (places, (100 * distance.histc(30, 0, 15) / len(z)).tolist())
    claims.note(f"near_{name.split()[0].lower()}", (distance < 4).float().mean(), unit="%")
show(
    line_plot(lines, "distance of a code from the origin", "codes within steps of ½ (%)"),
    alt="Three lines: how many codes lie how far from the origin, of the autoencoder's codes of test digits, of the VAE's, and of "
    "random numbers. The last two have their peak near 3, the VAE's a little higher and narrower. The autoencoder's has its peak "
    "near 8, is lower and broader, and hardly meets the others.",
    title="Only the VAE's codes lie as far out as random numbers do",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **say** what an autoencoder lacks to be a generative model;
# 2. **write** the sampler and the marginal $p(x)$ of a latent-variable model, and compute a posterior;
# 3. **derive** the ELBO in two ways, and **predict** how far it lies below $\log p(x)$;
# 4. **tell** how an autoencoder, a VAE and a GAN train the same decoder.
#
# You need Python, a little PyTorch, density, expectation, logarithm. A nat is 1.44 bits. Three functions and a choice are left to
# you; if yours is not right yet, the chapter goes on with the reference. Brackets hold 95 % t-intervals over seeds.
#
# ## 1 What does an autoencoder lack?
#
# An **autoencoder** has two parts. The encoder squeezes a picture $x$ into a code $z = e(x)$; the **decoder** draws the picture
# again from the code. Training brings the drawing close to $x$. A **variational autoencoder** (VAE) makes two changes:
#
# - Its encoder gives a *distribution* of codes $q(z|x)$, a cloud, and one code is drawn from the cloud.
# - Each cloud pays for being unlike one fixed distribution, the **prior** $p(z) = \mathcal N(0, I)$.
#
# How well is a digit drawn again? Both decoders give each pixel a probability of being white. We measure the surprise at the
# picture, $-\log p(x|z)$, in nats: the smaller, the better.
# %%
guess = predict(
    "Which of the two draws held-out digits more accurately?", ["the autoencoder", "the VAE", "no difference"]
)
# %%
x = test.floats()[:2000]


def surprise(model, z):
    """−log p(x|z) of each x when its code is z, nats: (2000,)."""
    return -model.log_likelihood(x, z)


cloud = vae.encode(x)  # has .mean and .log_var, each (2000, 10)
by_autoencoder = surprise(autoencoder, autoencoder.encode(x))
at_mean = surprise(vae, cloud.mean)
at_draw = surprise(vae, cloud.sample(generator=seeded(0)))
behind = at_mean - by_autoencoder
guess.compare(
    0 if behind.mean() > 0 else 1,
    f"{by_autoencoder.mean():.2f} nats for the autoencoder, {at_mean.mean():.2f} for the VAE at the mean of its cloud, "
    f"{at_draw.mean():.2f} at a draw.",
)
draw_costs, rate = at_draw.mean() - at_mean.mean(), cloud.kl().mean()  # the rate is for section 4
claims.add("draw_costs", draw_costs, above=0, unit="nats", text="VAE, at a draw − at the mean")
claims.note("by_autoencoder", by_autoencoder.mean(), unit="nats")
claims.note("behind", behind.mean(), unit="nats")
claims.note("behind_error", behind.std() / math.sqrt(len(behind)))
claims.note("at_draw", at_draw.mean(), unit="nats")
claims.note("rate", rate, unit="nats")
claims.note("minus_elbo", at_draw.mean() + rate, unit="nats")
# %% tags=["hide-input"]
digits = torch.stack([test.floats()[test.labels == label][3] for label in range(10)])
rows = [digits, autoencoder.reconstruct(digits), vae.reconstruct(digits)]
show(
    image_grid(torch.cat(rows), 3, 10, row_titles=["written", "autoencoder", "VAE, at the mean"]),
    alt="Three rows of ten digits from 0 to 9: test digits, and below them the same digits drawn again by autoencoder and VAE. Both are smoother than the "
    "originals and much alike: a gap in a stroke is closed, some strokes fade.",
    title="From ten numbers both draw the digit again",
)
# %% [markdown]
# The autoencoder is more accurate. Its surprise is {{by_autoencoder.value}}; that of the VAE, at the mean of its cloud, is
# {{behind}} larger (standard error over the pictures {{behind_error.number}}; each model was trained once, for 8 and 12 passes).
# A code *drawn* from the cloud costs another {{draw_costs}}.
#
# Then why a VAE? A **generative model** is a distribution $p(x)$ over pictures. You may want to **sample** from it, to **score**
# a given $x$, and to **encode** $x$ as something short. The autoencoder only encodes. To sample, somebody must say where codes
# come from. Say it, and you have a **latent-variable model**:
#
# $$
# z \sim p(z), \qquad x \sim p(x|z), \qquad p(x) = \int p(x|z)\, p(z)\, dz .
# $$
#
# In words: draw a hidden cause $z$, then a picture given $z$. The probability of $x$, the **marginal**, adds up all causes
# that could have made it.
#
# ## 2 A model that you can see whole
#
# One hidden number, two visible ones. The decoder is a looping curve $f$, and noise of width $\sigma = 0.25$ is added:
#
# $$
# z \sim \mathcal N(0, 1), \qquad x \mid z \sim \mathcal N\bigl(f(z),\ \sigma^2 I\bigr), \qquad f(z) = (0.9\,z - 1.5 \sin 2.2 z,\ -1.5 \cos 2.2 z).
# $$
#
# **Your turn (01.1).** Draw `n` points from $p(x)$: first the codes, then the points. `decoder` maps codes `(n,)` to means
# `(n, 2)`. All randomness comes from `generator` (None: torch's own).


# %%
def sample_model(decoder, sigma: float, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """decoder: codes (n,) → means (n, 2). Returns n draws x ~ p(x), each from its own z ~ N(0, 1): (n, 2)."""
    ...


# hint("01.1")  # remove the first # for a hint, again for the next one
sample_model = complete("01.1", sample_model)
solution("01.1")
# %% [markdown]
# To score a point, add up all causes on a grid of $z$ values that are $dz$ apart:
#
# $$
# \log p(x) \approx \log \sum_g p(x, z_g)\, dz, \qquad p(x, z) = p(x|z)\, p(z).
# $$
#
# **Your turn (01.2).** You get $\log p(x_i, z_g)$, `(n, grid)`. Return $\log p(x_i)$, `(n,)`. Far from the curve every density
# underflows to 0; your result must stay finite.


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


# %%
grid, dz = torch.linspace(-10, 10, 2001, dtype=torch.float64), 0.01
x1, x2 = torch.linspace(-4.5, 4.5, 121).double(), torch.linspace(-3, 3, 81).double()
plane = torch.stack(torch.meshgrid(x1, x2, indexing="xy"), dim=-1)  # (81, 121, 2)
log_p_plane = torch.stack([log_marginal(log_joint(row, grid), dz) for row in plane])
total = log_p_plane.exp().sum().item() * 0.075 * 0.075  # each grid point stands for a square of this area
text = "Test of the code: p(x) added up over the plane"
claims.add("total", total, near=(1.0, 5e-3), exact=True, text=text)
toy = CurveModel(sigma=0.25)  # the package's version of the same model
off = (log_p_plane[::8, ::8] - toy.log_marginal(plane[::8, ::8])).abs().max()
text = "Test of the code: log p(x) off the package's"
claims.add("log_p", off, below=1e-6, unit="nats", exact=True, text=text)
# %% tags=["hide-input"]
z = torch.linspace(0.5, 2.0, 150_001).double()
# The curve meets its mirror image where it is on the line x1 = 0.
z_crossing = z[curve(z)[:, 0].abs().argmin()]
points = {
    "crossing": torch.tensor([0.0, curve(z_crossing)[1]], dtype=torch.float64),
    "bottom": torch.tensor([0.0, -1.5], dtype=torch.float64),
    "stray": torch.tensor([3.0, 0.0], dtype=torch.float64),
}
show(
    chapter_01.toy_plane(
        toy, sample_model(curve, 0.25, 1500, seeded(0)), log_p_plane, (-4.5, 4.5, -3, 3), points
    ),
    alt="Left: a looping curve that crosses itself above the origin, five of its codes marked, with samples scattered around it. Right: the density p(x), "
    "a bright looping band, brightest at the bottom, with three marked points: the crossing, the bottom, and one to the right.",
    title="The sampler draws on the left what the marginal adds up on the right",
)
# %% [markdown]
# Added up over the plane, $p(x)$ gives {{total.number}}, as a density must. So this model samples and scores. To *encode* a
# point, go backward: which codes may have made it? By Bayes' rule they are distributed as the **posterior**
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
equal = min(halves) > 0.99 * max(halves)
guess.compare(1 if equal else 2, f"two peaks, of heights {halves[0]:.2f} and {halves[1]:.2f}.")
# %% [markdown]
# The stray point comes from near $z =$ {{stray_cause.number}}. There the prior is low, but no other code explains the point.
#
# Each posterior took a sum over 2,001 values of one hidden number. A digit's code has ten. With only 100 values for each, the
# sum would have $10^{20}$ terms.
#
# ## 3 A bound that you can compute
#
# Guess the posterior: put a simple distribution $q(z)$ in its place, here a Gaussian. However bad the guess, it gives a
# **lower** bound of $\log p(x)$, the *evidence lower bound* or **ELBO**.
#
# **Jensen.** Multiply and divide by $q$; the integral becomes a mean:
#
# $$
# \log p(x) = \log \mathbb E_{q}\!\left[\frac{p(x, z)}{q(z)}\right] \ \ge\ \mathbb E_{q}\bigl[\log p(x, z) - \log q(z)\bigr] = \mathrm{ELBO}(q).
# $$
#
# In words: the logarithm of a mean is at least the mean of the logarithms. The right side is a mean under $q$, so a few draws
# from $q$ estimate it.
#
# **The gap.** Write $p(x, z) = p(z|x)\,p(x)$ inside the ELBO. Now $\log p(x)$ does not depend on $z$ and comes out:
#
# $$
# \mathrm{ELBO}(q) = \log p(x) - \mathbb E_q\!\left[\log \frac{q(z)}{p(z|x)}\right] = \log p(x) - \mathrm{KL}\bigl(q \,\|\, p(z|x)\bigr).
# $$
#
# In words: what the bound misses, the gap, **is** the Kullback–Leibler divergence (KL) from your guess to the true posterior.
# It is zero only for a perfect guess.
#
# **Your turn (01.3).** You get $\log p(x_i, z_{is})$ and $\log q(z_{is})$ at draws $z_{is} \sim q$, both `(n, draws)`. Return the
# estimate of the ELBO of each $x_i$, `(n,)`. This line trains every VAE.


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
means, log_vars = torch.linspace(-2.5, 2.5, 101).double(), torch.linspace(-6.5, 0.5, 36).double()
stds = (0.5 * log_vars).exp()[:, None]  # (36, 1)


def kl_to_posterior(log_posterior):
    """KL(q ‖ p(z|x)) of every Gaussian q, added up on the grid of z: (means, log variances)."""
    rows = []
    for mean in means:
        log_q = log_normal(grid, mean, stds)  # (36, 2001)
        rows.append((log_q.exp() * (log_q - log_posterior)).sum(1) * dz)
    return torch.stack(rows)


crossing, bottom, _ = chosen
log_posterior = log_joint(chosen, grid) - log_p[:, None]  # (3, 2001)
kl, kl_bottom = kl_to_posterior(log_posterior[0]), kl_to_posterior(log_posterior[1])
elbo = toy.elbo(crossing, means[:, None], log_vars)  # the package's, computed apart: a sum around each q
gap = log_p[0] - elbo
gap_bottom = log_p[1] - toy.elbo(bottom, means[:, None], log_vars)
# %%
smallest = torch.cat([gap, gap_bottom]).min()
apart = torch.stack([gap - kl, gap_bottom - kl_bottom]).abs().max()
exactly = {"unit": "nats", "exact": True}
claims.add("bound", -smallest, below=0, text="Test of the code: largest ELBO − log p(x)", **exactly)
claims.add("gap_is_kl", apart, below=1e-3, text="Test of the code: largest |gap − KL|", **exactly)
text = "Smallest gap on the grid of q, crossing"
claims.add("crossing_gap", gap.min(), near=(math.log(2), 0.05), text=text, **exactly)
claims.note("bottom_gap", gap_bottom.min(), unit="nats")
claims.note("between", gap[len(means) // 2].min(), unit="nats")  # of the q with mean 0
claims.note("n_q", gap.numel())
told = f"{gap.min():.3f} nats; ln 2 is {math.log(2):.3f}. At the bottom {gap_bottom.min():.4f}."
guess.compare(0 if gap.min() < 0.1 else 1 if gap.min() < 5 else 2, told)
# %%
a, b = divmod(int(elbo.argmax()), len(log_vars))
best = (means[a].item(), log_vars[b].item())
show(
    chapter_01.bound_slice(grid, posterior[0], best, means, elbo[:, b], log_p[0] - kl[:, b], log_p[0].item()),
    alt="Left: the posterior at the crossing has two equal peaks, and the best q, dashed, sits on one of them and is twice as high. Right: against the mean of q "
    "the ELBO has two narrow humps whose tops stay below the line log p(x), and dots of log p(x) minus KL lie on the ELBO's curve.",
    title=f"The best q picks one peak, and its bound misses log p(x) by {gap.min():.2f} nats",
)
# %% [markdown]
# At both points and for each of {{n_q.number}} Gaussians $q$, the gap and the KL, computed apart, differ by at most
# {{gap_is_kl}}.
#
# At the bottom the posterior is nearly a Gaussian, and the best $q$ leaves a gap of {{bottom_gap}}. At the crossing the best
# $q$ leaves {{crossing_gap}}. It does not straddle the peaks; it picks one. There it is twice as high as the posterior, so
# $\log q/p \approx \ln 2$ wherever $q$ has mass. The KL is the mean of that logarithm, $\ln 2 = 0.693$. A $q$ centered between the peaks has its mass where the posterior has none: the best of these leaves {{between}}.
#
# So the ELBO can rise in two ways. Move $q$: the gap closes, **inference** gets better. Move the decoder: $\log p(x)$ itself
# may rise, the **model** gets better. A VAE does both.
#
# ## 4 One encoder for every x
#
# Searching $q$ for each $x$ is slow. An **encoder** reads $x$ and gives mean and log variance of $q$ at once; all $x$ share it.
# Train one on your ELBO. For each $x$ draw one code as $z = \mu + \sigma_q\varepsilon$, so that gradients reach $\mu$ and
# $\sigma_q$ (chapter 02). The decoder stays the true curve. Its noise starts eight times as wide, so that at first every branch
# explains every point a little, and narrows to the true width.
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
    optimizer = torch.optim.Adam(encoder.parameters())
    record = [gaps(encoder).mean().item()]
    for step in range(1, ENCODER_STEPS + 1):
        left = 1 - step / ENCODER_STEPS
        optimizer.param_groups[0]["lr"] = 3e-3 * left
        sigma = 0.25 * max(1.0, 16 * left - 8)  # 2 at first; 0.25 in the second half
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
trained = [train_encoder(seed) for seed in range(N_SEEDS)]
encoders, records = [encoder for encoder, _ in trained], [record for _, record in trained]
found = [gaps(encoder) for encoder in encoders]  # (1000,) for each seed


def paid_by_worst(gap):
    """Share of the whole gap that the worst tenth of the points pays."""
    return gap.sort().values[-len(gap) // 10 :].sum() / gap.sum()


median = Runs(gap.median() for gap in found)
claims.add("median_gap", median, below=0.5, unit="nats", whole_interval=True, text="Encoder: median gap")
paid = Runs((paid_by_worst(gap) for gap in found), least=0, most=1)
text = "Share of the gap paid by the worst tenth"
claims.add("worst_tenth", paid, above=0.5, unit="%", whole_interval=True, text=text)
mean_gap = Runs(gap.mean() for gap in found)
claims.note("mean_gap", mean_gap, unit="nats")
# %% tags=["hide-input"]
steps = [ENCODER_STEPS // 10 * i for i in range(len(records[0]))]
lines = {f"seed {i}": (steps, record) for i, record in enumerate(records)}
figure = line_plot(lines, "updates", "mean gap (nats)", log_y=True)
figure.axes[0].set_yticks([2, 5, 10, 20, 40], ["2", "5", "10", "20", "40"])
figure.axes[0].minorticks_off()
start = sum(record[0] for record in records) / N_SEEDS
show(
    figure,
    alt="Mean gap of held-out points against the updates, on a logarithmic axis, one line for each seed. They fall by more than a factor of ten, nearly all "
    "of it in the first half, while the noise narrows, and slowly in the second.",
    title=f"The encoder narrows the gap from {start:.0f} to {mean_gap.mean:.1f} nats on average",
)
# %%
few = torch.randperm(len(held_out), generator=seeded("search"))[:SEARCHED]
candidates = torch.linspace(-3.2, 3.2, 129).double()[:, None], torch.linspace(-7, -3, 9).double()
best_elbo = torch.stack([toy.elbo(x, *candidates).max() for x in held_out[few]])  # of 1,161 Gaussians
left_over = (exact[few] - best_elbo).mean() / Runs(gap[few].mean() for gap in found)
text = "Gap of the best q, of the encoder's"
claims.add("found_by_search", left_over.within(0, 1), below=0.25, text=text)
claims.note("searched", len(few))
# %%
cause = (log_joint(held_out, grid) - exact[:, None]).exp() @ grid * dz  # the mean of each point's posterior


def other_side(encoder):
    """Which points come from a z of the other sign than this encoder's code of the crossing: (1000,)."""
    return cause.sign() != encoder(crossing.float()[None])[0, 0].sign()


shares = [gap[other_side(encoder)].sum() / gap.sum() for encoder, gap in zip(encoders, found, strict=True)]
text = "Share of the gap paid by the branch not chosen"
claims.add("other_side", Runs(shares, least=0, most=1), above=0.5, unit="%", text=text)
branch = "z < 0" if encoders[0](crossing.float()[None])[0, 0] > 0 else "z > 0"  # the one not chosen
show(
    chapter_01.gap_map(toy, held_out, found[0]),
    alt="The looping curve, its branch z < 0 solid and its branch z > 0 dashed, and held-out points along it, the darker the "
    "larger their gap: light at the bottom of the loop, darkest in patches on both sides of the crossing, and here and there at the ends. "
    f"The branch {branch} pays {shares[0]:.0%} of the gap.",
    title=f"Seed 0 pays {shares[0]:.0%} of its gap on one branch of the curve: {branch}",
)
# %% [markdown]
# Most points lose little: the median gap is {{median_gap}}. But the mean is {{mean_gap.value}}, and a tenth of the points pays
# {{worst_tenth}} of the whole gap. Is the Gaussian to blame, or the encoder? For {{searched.number}} of the points we searched
# the best Gaussian one by one: it leaves a share of {{found_by_search}} of the encoder's gap. So it is the encoder, which is
# small, briefly trained (two of the three curves still fall), and shared by all $x$. What it loses against the best $q$ is the **amortization gap** (Cremer et al. 2018).
#
# Where is it lost? At the crossing an encoder must choose one of two codes, of opposite signs. Points nearby on the other branch
# need the other sign, but a network is continuous and cannot jump. The branch that was not chosen holds about half of the points
# and pays {{other_side}} of the gap.
#
# **A VAE is this, with a learned decoder.** So far the decoder was given. Split $p(x, z)$ into $p(x|z)\,p(z)$ inside the ELBO,
# and let decoder $\theta$ and encoder $\phi$ climb it together:
#
# $$
# \max_{\theta, \phi}\ \sum_x\ \underbrace{\mathbb E_{q_\phi(z|x)}[\log p_\theta(x|z)]}_{\text{draw it again}} - \underbrace{\mathrm{KL}\bigl(q_\phi(z|x)\,\|\,p(z)\bigr)}_{\text{stay near the prior}}.
# $$
#
# In words: draw the picture again from a drawn code, and keep each cloud near the prior: section 1's two changes. Without noise
# and KL it is the autoencoder. Section 1's digits cost our VAE {{at_draw}} to draw again and {{rate}} for the KL: a −ELBO of
# {{minus_elbo}} per digit.
#
# ## 5 Three ways to train one decoder
#
# A **generative adversarial network** (GAN) keeps the decoder, calls it generator $G$, and drops the encoder. A second network,
# the discriminator $D$, learns to tell real pictures from generated ones, and $G$ learns to fool it (Goodfellow et al. 2014):
#
# $$
# \max_D\ \mathbb E_{x}[\log D(x)] + \mathbb E_{z}[\log(1 - D(G(z)))], \qquad \max_G\ \mathbb E_{z}[\log D(G(z))].
# $$
#
# In words: two players, and nowhere a probability of $x$.
#
# **Your turn (01.4).** What does training optimize? For `autoencoder`, `vae` and `gan` choose **A**: a reconstruction error and
# nothing else; **B**: a lower bound of $\log p(x)$; **C**: $\log p(x)$ itself; or **D**: being mistaken for data.
#
# For `held_out`: where does a GAN, as trained, find the density of a held-out $x$? `"none"`: it has no way to;
# `"discriminator"`: $D(x)$ is that density; `"reconstruction"`: from how well it reconstructs $x$.
# %%
answer_01_4 = {"autoencoder": ..., "vae": ..., "gan": ..., "held_out": ...}

# hint("01.4")  # remove the first # for a hint, again for the next one
teaching.check("01.4", answer_01_4)
solution("01.4")
# %% [markdown]
# Now all three draw from the same codes, of $\mathcal N(0, I)$; the autoencoder also from a Gaussian fitted, by mean and covariance,
# to its codes of training digits. The pictures show each pixel's probability of white, not a draw of it (chapter 02).
# %%
guess = predict(
    "A classifier of digits reads thousands of pictures. Whose pictures is it sure of (at least 80 %) most often?",
    ["autoencoder, N(0, I)", "autoencoder, Gaussian fitted to its codes", "VAE, N(0, I)", "GAN"],
)


# %%
noise = torch.randn(N_SAMPLES, vae.latent_dim, generator=seeded("pictures"))  # codes from N(0, I)
with torch.no_grad():
    codes = autoencoder.encode(train.subset(min(N_CODES, len(train)), seed=0).floats())
    fitted = codes.mean(0) + noise @ torch.linalg.cholesky(torch.cov(codes.T)).T
    pictures = {
        "autoencoder, N(0, I)": torch.sigmoid(autoencoder.decode(noise)),
        "autoencoder, fitted": torch.sigmoid(autoencoder.decode(fitted)),
        "VAE, N(0, I)": torch.sigmoid(vae.decode(noise)),
        "GAN": gan(noise),
    }
# %%
judge = load_classifier("mnist")


def sure(pictures):
    """Share of the pictures whose digit the classifier gives a probability of at least 80 %."""
    return (judge.probabilities(pictures).amax(1) >= 0.8).float().mean().item()


share = {name: sure(made) for name, made in pictures.items()}
told = [f"{name}: {part:.0%}" for name, part in share.items()]
guess.compare(list(share).index(max(share, key=share.get)), "; ".join(told) + ".")
first = [made[:10] for made in pictures.values()]
show(
    image_grid(torch.cat([digits, *first]), 5, 10, row_titles=["written", *told]),
    alt="Five rows of ten pictures: test digits; the autoencoder's from N(0, I), faint and blurred; its pictures from the fitted "
    "Gaussian, about half of which read as a digit; the VAE's, of which more than half do, all with soft edges; and the GAN's, with hard "
    "edges, most of which do. Left of each row the share of its pictures of which the classifier is sure.",
    title="Random numbers fitted to its codes help the autoencoder (%: classifier sure)",
)
# %%
of_autoencoder, of_fitted, of_vae, of_gan = share.values()
gain = of_fitted - of_autoencoder
claims.add("fitting", gain, above=0.1, unit="%", text="Sure, autoencoder: fitted Gaussian − N(0, I)")
claims.add("lead", of_vae - of_autoencoder, above=0.1, unit="%", text="Sure, N(0, I): VAE − autoencoder")
claims.add("ahead", of_gan - of_vae, above=0, unit="%", text="Sure: GAN − VAE, N(0, I)")
for id, name in zip(("ae_normal", "ae_fitted", "vae_normal", "gan_sure"), share, strict=True):
    claims.note(id, share[name], unit="%")
claims.note("spread", codes.std(0).mean())
faint = pictures["autoencoder, N(0, I)"]
claims.note("ae_bright", sure(faint / faint.amax((1, 2, 3), keepdim=True)), unit="%")
one, other = test.floats()[torch.randperm(len(test), generator=seeded("halves"))].chunk(2)
claims.note("blends", sure((one[: len(other)] + other) / 2), unit="%")
# %% tags=["hide-input"]
from vae_course import trio_curves

show(
    chapter_01.trio_panel(trio_curves()),
    alt="Three panels. Reconstruction of the autoencoder and −ELBO of the VAE, in nats, against passes through the training digits fall steeply and then "
    "slowly; the share of the GAN's pictures of which the classifier is sure rises steeply and then slowly. Held out, the autoencoder ends a little above training; the VAE's two curves all but coincide. All end as the learning rate reaches zero, which flattens any curve.",
    title="All three had nearly stopped improving as their learning rates reached zero",
)
# %% [markdown]
# From $\mathcal N(0, I)$ the classifier is sure of {{ae_normal}} of the autoencoder's pictures and of {{vae_normal}} of the VAE's.
# Nobody told the autoencoder where to put its codes: their standard deviation is {{spread.number}}, not 1. Within 4 of the origin lie
# {{near_random}} of the random codes and {{near_vae}} of the VAE's, but {{near_autoencoder}} of the autoencoder's (first picture). Draw its codes
# from the fitted Gaussian, and the share is {{ae_fitted}}. So "an autoencoder cannot generate" is not true. What sets the VAE
# apart is that training put its codes where you will look.
#
# The GAN leads with {{gan_sure}}. But being sure is not being right: the classifier is sure of {{blends}} of the *means of two*
# written digits. It also punishes faintness: brightened (largest pixel 1), the autoencoder's pictures from
# $\mathcal N(0, I)$ reach {{ae_bright}}. And it does not see variety (chapter 07).
#
# What the GAN lacks is a density. Its generator adds no noise: its pictures are a thin sheet among 784 dimensions, and a given
# $x$ is almost never on it. A VAE's $p(x|z)$ gives every $x$ some probability.
#
# ## 6 Where you are going
#
# | | VAE | GAN | normalizing flow | diffusion model |
# |---|---|---|---|---|
# | optimizes | a bound of $\log p(x)$ | a game | $\log p(x)$ itself | a weighted bound, by denoising |
# | encoder | to a short code | none | to a code as long as $x$ | fixed: to noise as long as $x$ |
# | **gives up** | often sharpness (07) | density, encoder, often coverage | short code, free choice of network | speed, short code |
#
# **Where VAEs work today.** Latent diffusion draws in the code of an autoencoder with a small KL term or a quantizer (Rombach et
# al. 2022). The loss of a learned codec has the form of a −ELBO (Ballé et al. 2018).
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
# At the crossing find both best $q$. At the stray point: what costs more, a $q$ that is too wide or one too narrow?
# %%
from vae_course.widgets import explore_toy_posterior

explorer = explore_toy_posterior(toy, points)
# %% [markdown]
# ## Break it
#
# Let the decoder learn, too: in the loss of `train_encoder` put a network in place of `curve`, and skip the wide start. Train once
# with $\sigma = 0.25$, once with $\log\sigma$ as a parameter that starts at $\log 0.25$. **Before** you run it, write down: Does
# the network find the loops? What happens to the gap and to $\sigma$? What to the true $\log p(x)$ of held-out points, which
# `log_marginal` still computes?
#
# A good answer shows ELBO and $\log p(x)$ against the updates, and says why a VAE can prefer a worse model with a smaller gap.
#
# ## What you can say now
#
# - An autoencoder rebuilds; to generate, it lacks a distribution of codes. A VAE is trained for one, $\mathcal N(0, I)$.
# - $\log p(x)$ adds up all causes. The ELBO needs only draws, and what it misses is exactly the KL divergence from $q$ to the true posterior.
# - One decoder can be trained to rebuild, to bound a likelihood, or to fool a judge.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014.
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NeurIPS 2014.
# - C. Cremer, X. Li, D. Duvenaud: *Inference Suboptimality in Variational Autoencoders*, ICML 2018.
# - R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022.
# - J. Ballé et al.: *Variational Image Compression with a Scale Hyperprior*, ICLR 2018.
#
# Next: [02 · Encoder and decoder](02_Encoder_and_Decoder_in_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

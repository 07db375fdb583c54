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
# # 04 · KL divergence and the Gaussian latent space
#
# <!-- badge -->
#
# <!-- minutes -->
#
# The KL term is half of the ELBO, and the half that people argue about: it "regularizes", it "makes the latent space smooth", it "collapses".
# Here you compute it in three ways, meet the one VAE whose every quantity has a closed form, and then turn the weight of the term from small to large
# on digits and measure what it buys and what it costs. At the end you make a VAE that leaves much of its code unused, and try the usual cures on it.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** a KL divergence in closed form and by Monte Carlo, with a standard error, and tell the two directions apart;
# 2. **verify** that a linear VAE trained by gradient is probabilistic PCA, and compute which dimensions β switches off;
# 3. **read** a rate–distortion curve and say what its slope is;
# 4. **measure** where the aggregate posterior misses the prior, and show what is decoded there;
# 5. **diagnose** posterior collapse with the collapse panel, and judge a cure by more than the number of active units.
#
# You need chapter 02's VAE and its ELBO.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% [markdown]
# ## Parameters
#
# Change a value, then run all cells. The quick run of this course differs from the full one by this cell alone. The numbers in the text and the
# claims at the end are those of the full run, with these values; with others the table of claims says what your run did not show.
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
DATASET = "mnist"  # "mnist" (60,000 digits, downloaded) or "digits" (1,797 digits, offline)
LATENT_DIM = 16  # size of the code z in the β sweep, 8 to 64
BETAS = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]  # weights of the KL term, rising; must hold 1
EXAMPLES = 8000  # training digits for the sweep and for the 2-D codes, 1,000 or more
EPOCHS = 4  # passes through them, 3 or more
BATCH_SIZE = 200  # digits in one update, 32 to 500
LEARNING_RATE = 5e-3  # highest learning rate of Adam, falls linearly to 0
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
HELD_OUT = 2000  # validation digits on which everything is measured, 300 or more
HOLE_BETA = 0.03  # small KL weight of the 2-D code with holes, 0.01 to 0.05
HOLE_DRAWS = 1500  # draws from the prior that are decoded and judged, 500 or more
COLLAPSE_EXAMPLES = 3000  # training digits of the collapse experiment, 1,000 or more
COLLAPSE_EPOCHS = 5  # passes through them, 4 or more
COLLAPSE_SEEDS = 5  # repetitions of that experiment, which scatters more, 3 or more
FREE_NATS = 0.3  # allowance for each latent dimension in the free-bits cure, nats, 0.05 to 1
# %%
import math
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from vae_course import (
    VAE,
    GaussianPosterior,
    LinearGaussian,
    Runs,
    evaluate,
    fit,
    kl_weight,
    load,
    load_classifier,
    over_seeds,
    seed_everything,
    seeded,
    standard_normal_log_prob,
)
from vae_course.evaluation import active_units, collapse_report, log_aggregate
from vae_course.models import (
    LinearGaussianVAE,
    covariance_spectrum,
    principal_component_model,
    subspace_angle,
    water_filling,
)
from vae_course.plots import collapse_panel, image_grid, line_plot, style
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("mnist", "digits"),
    LATENT_DIM=8,
    BETAS=[0.0],
    EXAMPLES=1000,
    EPOCHS=3,
    BATCH_SIZE=32,
    LEARNING_RATE=0.0,
    N_SEEDS=3,
    HELD_OUT=300,
    HOLE_BETA=0.0,
    HOLE_DRAWS=500,
    COLLAPSE_EXAMPLES=1000,
    COLLAPSE_EPOCHS=4,
    COLLAPSE_SEEDS=3,
    FREE_NATS=0.0,
)
claims = Claims("04_KL_Divergence_and_Gaussian_Latent_Space", parameters)
if OFFLINE:
    DATASET = "digits"
BETAS = sorted(BETAS)
train = load(DATASET, "train")
train = train.subset(min(EXAMPLES, len(train)), seed=0)
held_out = load(DATASET, "validation")
held_out = held_out.subset(min(HELD_OUT, len(held_out)), seed=0)
print(
    f"{len(train):,} training digits, {len(held_out):,} held-out digits (from the validation part) of shape {train.shape}"
)
# %% [markdown]
# Settings of this chapter were tried out on validation digits, and everything below is measured on validation digits. The test digits are not used.
#
# ## 1 How do you know that a KL divergence is right?
#
# $$
# \mathrm{KL}(q\,\|\,p) = \mathbb E_{z\sim q}\bigl[\log q(z) - \log p(z)\bigr]
# $$
#
# In words: draw from $q$, and ask by how many nats $q$ finds the draw more likely than $p$ does. The average is the price, in nats, of coding draws
# from $q$ with a code made for $p$. It is never negative, and it is 0 only if the two are the same.
#
# The formula is a recipe: draw, subtract, average. That is the **Monte Carlo** estimate, and it works for any two densities you can evaluate. For two
# Gaussians the expectation can be solved, and with $p = \mathcal N(0, I)$ you get chapter 02's closed form. And `torch.distributions` has a table
# of solved pairs. Three ways, so they can check each other.
#
# How many draws does Monte Carlo need? It depends on how much one draw's difference scatters.
# %%
guess = predict(
    f"q is a {LATENT_DIM}-dimensional Gaussian of the kind an encoder gives. How many draws bring the standard error of its KL to 1 %?",
    ["about 10", "about 1,000", "about 100,000"],
    default=2,
)


# %%
def kl_closed_form(mean, log_var):
    """KL(N(μ, σ²) ‖ N(0, I)) of each row, nats."""
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)


def kl_monte_carlo(mean, log_var, n, generator):
    """The same from n draws of each row: mean and standard error, nats."""
    q, p = torch.distributions.Normal(mean, (log_var / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    z = mean + q.scale * torch.randn(n, *mean.shape, generator=generator, dtype=mean.dtype)
    difference = (q.log_prob(z) - p.log_prob(z)).sum(-1)
    return difference.mean(0), difference.std(0) / math.sqrt(n)


generator = seeded(0)  # one source of randomness for this whole section
mean = torch.randn(40, LATENT_DIM, generator=generator, dtype=torch.float64)
log_var = -3 + torch.randn(40, LATENT_DIM, generator=generator, dtype=torch.float64)
exact = kl_closed_form(mean, log_var)
library = torch.distributions.kl_divergence(
    torch.distributions.Normal(mean, (log_var / 2).exp()), torch.distributions.Normal(0.0, 1.0)
).sum(-1)
rows, misses = [], []
for n in (10, 100, 1000, 10_000):
    estimate, error = kl_monte_carlo(mean, log_var, n, generator)
    misses.append(((estimate - exact) / error).abs() if n >= 1000 else torch.zeros(1))
    rows.append(
        {
            "draws": n,
            "first q, Monte Carlo": f"{estimate[0]:.2f} ± {error[0]:.2f}",
            "first q, closed form": f"{exact[0]:.2f}",
            "relative standard error, mean of 40": (error / exact).mean().item(),
        }
    )
results_table(
    rows, caption="KL of one Gaussian in nats, ± one standard error over draws; last column over 40 Gaussians"
)
needed = 10_000 * (rows[-1]["relative standard error, mean of 40"] / 0.01) ** 2
guess.compare(
    0 if needed < 100 else 1 if needed < 10_000 else 2, f"about {needed:,.0f} draws bring it to 1 %."
)
off, z = (exact - library).abs().max(), torch.cat(misses).max()
claims.add("closed_form", off, below=1e-9, exact=True, unit="nats", text="Closed form off the library")
claims.add("monte_carlo_z", z, below=4, text="Monte Carlo off it, largest of 80, standard errors")
# %% [markdown]
# The standard error falls with $1/\sqrt n$, so each further digit costs a hundred times the draws. A training loop takes one draw for the reconstruction term;
# the KL term in closed form
# adds no noise of its own. That usually calms the sum, but not always: if $q$ is the exact posterior, $\log p(x|z) + \log p(z) - \log q(z)$ is $\log p(x)$ for
# every $z$, so the noise of the two
# Monte Carlo terms cancels (Roeder, Wu & Duvenaud 2017). When $q$ or $p$ is no Gaussian (chapter 11), the Monte Carlo recipe is what remains.
#
# ## 2 Does it matter which way round?
#
# KL is not symmetric. Take a target $p$ with two humps, and the best single Gaussian $q$ under each direction:
#
# - **forward**, $\mathrm{KL}(p\|q)$: draws from the target, coded with $q$. This is what maximum likelihood minimizes when $p$ is the data;
# - **reverse**, $\mathrm{KL}(q\|p)$: draws from $q$, judged by the target. This is what the encoder minimizes, with the exact posterior $p(z|x)$ as the target.
# %%
guess = predict(
    "Under the reverse direction, where will the best single Gaussian sit?",
    ["between the humps, wide", "on one hump, narrow"],
    default=0,
)
# %%
grid = torch.linspace(-12, 12, 2401, dtype=torch.float64)
step = (grid[1] - grid[0]).item()
hump = torch.distributions.Normal(torch.tensor([-3.0, 3.0], dtype=torch.float64), 0.7)
log_target = torch.logsumexp(hump.log_prob(grid[:, None]), dim=1) - math.log(2)


def best_gaussian(direction, start):
    """μ, σ and the divergence of the single Gaussian that descent on a grid finds from a start μ, σ = 0.6."""
    parameters = torch.tensor([start, -0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=100, line_search_fn="strong_wolfe")

    def divergence():
        log_q = torch.distributions.Normal(parameters[0], parameters[1].exp()).log_prob(grid)
        first, second = (log_target, log_q) if direction == "forward" else (log_q, log_target)
        return (first.exp() * (first - second)).sum() * step

    def closure():
        optimizer.zero_grad()
        value = divergence()
        value.backward()
        return value

    optimizer.step(closure)
    return parameters[0].item(), parameters[1].exp().item(), divergence().item()


fits = {
    "forward": best_gaussian("forward", 1.0),
    "reverse": best_gaussian("reverse", 1.0),
    "reverse, started at -1": best_gaussian("reverse", -1.0),
    "reverse, started at 0": best_gaussian("reverse", 0.0),
}
for name, (mu, sigma, value) in fits.items():
    print(f"{name:>22}: μ = {mu:+.3f}, σ = {sigma:.3f}, divergence {value:.3f} nats")
reverse_mean = fits["reverse"][0]
guess.compare(
    1 if abs(reverse_mean) > 1.5 else 0,
    f"the best one sits at {reverse_mean:+.2f} with σ = {fits['reverse'][1]:.2f}; descent from -1 ends at "
    f"{fits['reverse, started at -1'][0]:+.2f}, which is as good, and from 0 at {fits['reverse, started at 0'][0]:+.2f}, which is worse.",
)
near = slice(400, 2001)  # z from -8 to 8
show(
    line_plot(
        {
            "target p": (grid[near].tolist(), log_target[near].exp().tolist()),
            **{
                f"best q, {name}": (
                    grid[near].tolist(),
                    torch.distributions.Normal(mu, sigma).log_prob(grid[near]).exp().tolist(),
                )
                for name, (mu, sigma, _) in list(fits.items())[:2]
            },
        },
        x_label="z",
        y_label="density",
        points={"": ([], [])},  # an exact curve needs no markers
    ),
    alt="A target density with two humps and two Gaussians fitted to it: the forward fit is wide and centered between "
    "the humps, the reverse fit is narrow and lies on the right hump.",
)
(center, width, _), missed = fits["forward"], fits["reverse"][2]
to_hump = abs(abs(reverse_mean) - 3)
claims.add("forward_mean", center, near=(0, 1e-3), exact=True, text="Forward fit: mean (target: 0)")
claims.add("forward_variance", width**2, near=(9.49, 1e-2), exact=True, text="Forward fit: variance")
claims.add("reverse_mean", to_hump, below=0.05, exact=True, text="Reverse fit: mean off its hump")
claims.add("reverse", missed, near=(math.log(2), 0.02), unit="nats", exact=True, text="Reverse divergence")
# %% [markdown]
# The forward fit has the target's mean and variance, and its highest density lies where the target has almost none. The reverse fit ignores one hump and pays
# $\log 2$ for it: half of the target's mass is missing, and no more is lost. Which hump it takes depends on where it starts, and a start exactly in the middle finds a worse optimum, wide and over both.
#
# A VAE uses both. As a model of **data** it does maximum likelihood (through a bound): forward, so it must put some probability on every picture. Its **encoder** is fitted to the
# posterior in reverse: when two different codes explain a picture (chapter 01's crossing), a Gaussian encoder tends to keep one of them. So "KL covers modes" and "KL drops
# modes" are both said of VAEs, and they are about different divergences.
#
# ## 3 Is there a VAE where the gap can be computed?
#
# There is one. Make everything linear: $z \sim \mathcal N(0, I)$, $x|z \sim \mathcal N(Wz + b, \sigma^2 I)$. Then $x$ is Gaussian, and
#
# $$
# \log p(x) = \log \mathcal N(x;\, b,\, WW^\top + \sigma^2 I), \qquad
# p(z|x) = \mathcal N\bigl(z;\, \Sigma W^\top (x-b)/\sigma^2,\, \Sigma\bigr), \quad \Sigma = (I + W^\top W/\sigma^2)^{-1}.
# $$
#
# In words: the marginal adds the spread of the code to the noise; the posterior is Gaussian with the same width for every $x$. This model is **probabilistic PCA** (Tipping & Bishop 1999), and its
# best weights are known: with eigenvalues $\lambda_j$ and eigenvectors of the data's covariance, $W$ has the $k$ leading eigenvectors as columns, stretched by $\sqrt{\lambda_j - \sigma^2}$,
# and $\sigma^2$ is the mean of the eigenvalues that are left over.
#
# Now train it as a VAE: a linear encoder with a diagonal covariance, the ELBO, Adam. It never sees an eigenvector.
# %%
guess = predict(
    "After training by gradient, the gap log p(x) − ELBO of this VAE will be ...",
    ["about 1 nat: an encoder is never exact", "0.1 to 0.001 nats", "below 0.001 nats"],
    default=0,
)
# %%
basis = torch.linalg.qr(torch.randn(8, 8, generator=seeded(1), dtype=torch.float64)).Q
source = LinearGaussian(basis[:, :3] * torch.tensor([3.0, 2.0, 1.2]), torch.linspace(-1, 1, 8), sigma=0.5)
rows_x = source.sample(500, seed=0)[0]
best = principal_component_model(rows_x, 3)


def train_linear(x, latent_dim, seed, steps=1000, beta=1.0, watch=(), **arguments):
    """A linear VAE after `steps` of Adam on the exact β-ELBO of all rows, and what was seen on the way."""
    seed_everything(seed)
    model = LinearGaussianVAE(x.shape[1], latent_dim, **arguments)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    seen = []
    for number in range(steps):
        loss = model.exact_terms(x).loss(beta)
        if number in watch:
            seen.append((number, -loss.item(), model.truth().log_prob(x).mean().item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    return model, seen


watch = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 999]
linear, seen = zip(*(train_linear(rows_x, 3, seed, watch=watch) for seed in range(N_SEEDS)), strict=True)
gap = max(model.gap(rows_x).max().item() for model in linear)
short_of_best = max(
    (best.log_prob(rows_x).mean() - model.truth().log_prob(rows_x).mean()).item() for model in linear
)
angle = max(subspace_angle(model.weight.detach(), best.weight) for model in linear)
guess.compare(
    2 if gap < 1e-3 else 1 if gap < 0.1 else 0,
    f"the largest gap of {len(rows_x)} rows and {N_SEEDS} starts is {gap:.1e} nats.",
)
# %% [markdown]
# Is the exact loss that was trained on the ELBO you know? Compare it with the sampled one of `elbo_terms`, then look at the path that the first of the starts took.
# %%
from vae_course import elbo_terms

with torch.no_grad():
    sampled = elbo_terms(linear[0], rows_x, seeded(0), n_samples=200).negative_elbo
    solved = linear[0].exact_terms(rows_x).negative_elbo
    away = (sampled - solved).mean() / ((sampled - solved).std() / math.sqrt(len(rows_x)))
    optimum = best.log_prob(rows_x).mean().item()
print(
    f"−ELBO {solved.mean():.4f} solved, {sampled.mean():.4f} with 200 draws of z; optimum {-optimum:.4f} nats"
)
steps = [number for number, *_ in seen[0]]
show(
    line_plot(
        {
            "log p(x) of the optimum − ELBO": (steps, [optimum - elbo for _, elbo, _ in seen[0]]),
            "log p(x) of the model − ELBO (the gap)": (
                steps,
                [level - elbo for _, elbo, level in seen[0]],
            ),
        },
        x_label="training step",
        y_label="nats per example",
        log_x=True,
        log_y=True,
    ),
    alt="Two curves against the training step, both axes logarithmic: the distance of the ELBO from the best possible "
    "log-likelihood and the gap of the encoder. Both fall by many orders of magnitude.",
)
gram = linear[0].weight.detach().T @ linear[0].weight.detach()
lengths = sorted(gram.diagonal().sqrt().tolist(), reverse=True)
print(f"angle to the principal subspace {angle:.1e} degrees")
print("lengths of W's columns: trained " + ", ".join(f"{length:.3f}" for length in lengths), end="; ")
print("closed form " + ", ".join(f"{length:.3f}" for length in best.weight.norm(dim=0).tolist()))
print(f"σ: trained {linear[0].log_sigma.exp():.4f}, closed form {best.sigma:.4f}")
off_axis = (gram - torch.diag(gram.diagonal())).abs().max().item() / gram.diagonal().min().item()
claims.add("gap", gap, below=1e-3, unit="nats", text=f"Linear VAE: largest log p(x) − ELBO, {N_SEEDS} starts")
claims.add("short", short_of_best, below=1e-3, unit="nats", text="Linear VAE: log p(x) short of the optimum")
claims.add("angle", angle, below=0.5, unit="degrees", text="Linear VAE: angle to the principal subspace")
claims.add("off_axis", off_axis, below=0.02, text="Linear VAE: columns' largest product over smallest square")
claims.add("sampled_z", abs(away), below=4, text="Sampled −ELBO off the solved one, standard errors")
# %% [markdown]
# The trained model is PCA's: the same plane, the same lengths, the same noise. And more than the plane. In probabilistic PCA any rotation of the code gives the same $p(x)$. But a **diagonal**
# encoder closes its gap only if the columns of $W$ are orthogonal, so of all rotations the ELBO picks the principal axes themselves.
#
# ## 4 Which dimensions does β switch off?
#
# Keep $\sigma$ fixed and weigh the KL term with β. For the linear VAE the answer is exact. Direction $j$ with variance $\lambda_j$ gets the rate
#
# $$
# R_j = \tfrac12 \log\frac{\lambda_j}{\theta}\ \text{ if } \lambda_j > \theta, \text{ else } 0, \qquad \theta = \beta\sigma^2 .
# $$
#
# In words: β times the noise is a **water level**. Directions that stick out are coded, by half a logarithm of how far; directions under water cost nothing and say nothing. Information theory knows this picture
# as reverse water-filling: it is the best any code can do for a Gaussian source.
# %%
guess = predict(
    "Six latent dimensions, β rising from 1.5 to 64. The dimensions that carry information will ...",
    [
        "all shrink together and never quite vanish",
        "go to exactly zero one after the other",
        "all vanish at one β",
    ],
    default=0,
)
# %%
SIGMA = 0.5
spectrum = covariance_spectrum(rows_x)[0]
levels = [1.5, 4.0, 12.0, 30.0, 64.0]
trained = {
    beta: train_linear(rows_x, 6, seed=0, steps=1000, beta=beta, sigma=SIGMA, learn_sigma=False)[0]
    for beta in levels
}
table, worst, counts_agree = [], 0.0, True
for beta, model in trained.items():
    rates = model.exact_terms(rows_x).kl_per_dimension.detach().mean(0).sort(descending=True).values
    theory = water_filling(spectrum[:6], beta * SIGMA**2)
    worst = max(worst, (rates - theory).abs().max().item())
    counts_agree &= int((rates > 1e-2).sum()) == int((theory > 1e-2).sum())
    table.append(
        {
            "β": beta,
            "water level θ": beta * SIGMA**2,
            "rates, trained (nats)": ", ".join(f"{rate:.2f}" for rate in rates.tolist()),
            "rates, theory (nats)": ", ".join(f"{rate:.2f}" for rate in theory.tolist()),
        }
    )
results_table(table, caption="Six latent dimensions of a linear VAE, rates sorted")
active = [int((water_filling(spectrum[:6], beta * SIGMA**2) > 0).sum()) for beta in levels]
guess.compare(
    1 if len(set(active)) > 2 else 2 if set(active) == {0, 6} else 0,
    "dimensions above the water: "
    + ", ".join(f"{n} at β = {beta:g}" for n, beta in zip(active, levels, strict=True))
    + ".",
)
fine = torch.logspace(0, 2, 200).tolist()
show(
    line_plot(
        {
            f"direction {j + 1}, λ = {spectrum[j]:.2f}": (
                fine,
                [water_filling(spectrum[j], beta * SIGMA**2).item() for beta in fine],
            )
            for j in range(3)
        },
        x_label="β (weight of the KL term)",
        y_label="rate (nats)",
        log_x=True,
        points={
            f"trained, {word}": (
                levels,
                [
                    m.exact_terms(rows_x)
                    .kl_per_dimension.detach()
                    .mean(0)
                    .sort(descending=True)
                    .values[j]
                    .item()
                    for m in trained.values()
                ],
            )
            for j, word in enumerate(("largest", "second", "third"))
        },
    ),
    alt="Rate of the three leading directions against beta, logarithmic: three lines of the theory fall in parallel and each "
    "stays at zero from its own beta on; markers of trained models lie on them.",
)
claims.add("rates", worst, below=0.02, unit="nats", text="Linear VAE: trained rates off water-filling")
claims.add("same_counts", counts_agree, near=(1, 0), text="Linear VAE: as many dimensions as in theory")
# %% [markdown]
# **Posterior collapse** means that $q(z_j|x) = p(z_j)$ for every $x$: the dimension costs nothing and says nothing. Here it happens although nothing went
# wrong. A dimension whose variance in the data is below the water level costs more than it brings, and the optimum itself switches it off. So a dead unit is no
# bug by itself: first ask whether the optimum wants it alive. And β does to the code what a larger $\sigma^2$ would do: both raise the same level.
#
# ## 5 What does the KL weight buy on digits?
#
# Now real digits, a non-linear VAE, and the same question. Train one model for each β and seed, and measure two numbers on held-out digits: the **distortion** (reconstruction term) and the
# **rate** (KL term). Each model is a point in the plane; the models of one recipe form its **rate–distortion curve**.
# %%
guess = predict(
    "Which β will have the best −ELBO (distortion + rate, both with weight 1) on held-out digits?",
    [
        f"β = {BETAS[0]:g}, the smallest",
        "β = 1, because it is trained on just that",
        f"β = {BETAS[-1]:g}, the largest",
        "another one, or the seeds cannot tell",
    ],
    default=1,
)


# %%
def train_vae(beta, seed, latent_dim=LATENT_DIM):
    """The recipe of chapter 02, smaller, with a KL weight."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=(256, 128))
    fit(
        model,
        train,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="linear",
        warmup=0.05,
        beta=beta,
        kl_warmup=0.5,
        seed=seed,
        eval_examples=200,
        progress=False,
    )
    return model


sweep, measured = {}, {}
for beta in BETAS:
    sweep[beta] = [train_vae(beta, seed) for seed in range(N_SEEDS)]
    measured[beta] = [evaluate(model, held_out, seed=seed) for seed, model in enumerate(sweep[beta])]
    first = measured[beta][0]
    print(f"β = {beta:<5g} seed 0: distortion {first.reconstruction}, rate {first.kl} nats", flush=True)
gray = held_out.floats()
coins = (torch.special.entr(gray) + torch.special.entr(1 - gray)).sum((1, 2, 3)).mean().item()
print("± is one standard error over the held-out pictures of one model; intervals over seeds follow.")
print(f"Of every distortion, {coins:.1f} nats are the entropy of the gray pixels, which no code can remove.")
# %%
rate = {beta: Runs(e.kl for e in runs) for beta, runs in measured.items()}
distortion = {beta: Runs(e.reconstruction for e in runs) for beta, runs in measured.items()}
elbo = {beta: Runs(e.negative_elbo for e in runs) for beta, runs in measured.items()}
units = {
    beta: Runs((active_units(model, held_out) for model in models), least=0, most=LATENT_DIM)
    for beta, models in sweep.items()
}
against_one = {beta: elbo[beta] - elbo[1.0] for beta in BETAS}
results_table(
    [
        {
            "β": beta,
            **{
                name: f"{values[beta]:.1f}"
                for name, values in (
                    ("rate", rate),
                    ("distortion", distortion),
                    ("−ELBO", elbo),
                    ("−ELBO minus that of β = 1", against_one),
                    ("active units", units),
                )
            },
        }
        for beta in BETAS
    ],
    caption=f"Held-out digits, nats per example: mean of {N_SEEDS} seeds and its 95 % interval; differences are taken seed by seed",
)
winner = min(BETAS, key=lambda beta: elbo[beta].mean)
others = [elbo[beta] - elbo[winner] for beta in BETAS if beta != winner]
next_one = min(others, key=lambda i: i.mean)
place = {BETAS[0]: 0, 1.0: 1, BETAS[-1]: 2}.get(winner, 3)
guess.compare(
    place if min(i.low for i in others) > 0 else 3,
    f"the lowest mean −ELBO is that of β = {winner:g}, {elbo[winner].mean:.1f} nats; the next one is higher by "
    f"{next_one:.1f}, seed by seed.",
)
# %% tags=["hide-input"]
from matplotlib.figure import Figure

with style.use():
    figure = Figure(figsize=(6.8, 4.0), layout="constrained")
    axes = figure.subplots()
    for seed in range(N_SEEDS):
        axes.plot(
            [measured[beta][seed].kl.value for beta in BETAS],
            [measured[beta][seed].reconstruction.value for beta in BETAS],
            color=style.COLORS[seed % 8],
            linestyle=style.LINE_STYLES[seed % 8],
            marker=style.MARKERS[seed % 10],
            label=f"seed {seed}",
        )
    for beta in BETAS:
        axes.annotate(
            f"β = {beta:g}",
            (rate[beta].high, distortion[beta].high),
            xytext=(7, 5),
            textcoords="offset points",
        )
    axes.set_xlabel("rate (nats per example)")
    axes.set_ylabel("distortion (nats per example)")
    axes.margins(x=0.12)
    axes.legend()
show(
    figure,
    alt="Rate-distortion curve: distortion falls as the rate grows, steeply at small rates and flatter at large ones. "
    "Points are labeled with beta, from the largest beta at the upper left to the smallest at the lower right.",
)


# %%
neighbors = list(pairwise(BETAS))
falls = [rate[low] - rate[high] for low, high in neighbors]  # paired by seed
rises = [distortion[high] - distortion[low] for low, high in neighbors]
exchange = [rise / fall for rise, fall in zip(rises, falls, strict=True)]
for (low, high), runs in zip(neighbors, exchange, strict=True):
    print(f"from β = {low:g} to {high:g}: {runs:.2f} nats of distortion for one of rate")
least_fall, least_rise = (min(steps, key=lambda runs: runs.low) for steps in (falls, rises))
inside = [low <= runs.mean <= high for (low, high), runs in zip(neighbors, exchange, strict=True)]
between = sum(inside) / len(inside)
steeper, spent = exchange[-1] / exchange[0], against_one[BETAS[-1]]
text = "{}, least"
claims.add("fall", least_fall, above=0, unit="nats", whole_interval=True, text=text.format("Rate falls"))
claims.add("rise", least_rise, above=0, unit="nats", whole_interval=True, text=text.format("Error rises"))
claims.add("exchange", between, near=(1, 0), unit="%", text="Exchange rates between the two β")
claims.add("steeper", steeper, above=3, text="Exchange rate, at the largest β over the smallest")
text = f"−ELBO at β = {BETAS[-1]:g} minus that at β = 1"
claims.add("large_beta", spent, above=5, unit="nats", whole_interval=True, text=text)
# %% [markdown]
# Read the curve as a market. **β is the exchange rate**: at the optimum of distortion + β · rate, giving up one nat of rate costs β nats of distortion, so the curve has the slope −β at the point of β. The printed exchange rates
# between neighbors should lie between the two β, and models that are not trained to their optimum are free to miss that. (The entropy of the gray pixels is part of every distortion alike, so it changes no difference and no slope.)
#
# −ELBO is distortion + rate, the loss at β = 1. Whether β = 1 is also the best on held-out digits is an empirical question: a model that overfits may profit
# from a larger β, one that is trained too briefly from a smaller one. The column of differences has
# the answer for this recipe: models of the same seed share their start and the order of the digits, so their difference scatters less than the two levels do. Where its
# interval holds 0, the seeds do not decide. Do not carry the answer over to another recipe.
#
# ## 6 Who pays, dimension by dimension?
#
# The KL of a diagonal Gaussian is a sum over dimensions, so you can ask each one what it costs. And what it *tells* is another number. Averaged over the data, the KL term splits exactly
# (Hoffman & Johnson 2016):
#
# $$
# \underbrace{\mathbb E_x\,\mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr)}_{\text{rate}} \;=\; \underbrace{I(x; z)}_{\text{what the code tells about } x} \;+\;
# \underbrace{\mathrm{KL}\bigl(q(z)\,\|\,p(z)\bigr)}_{\text{where the codes lie}}, \qquad q(z) = \frac1n\sum_i q(z|x_i).
# $$
#
# $q(z)$ is the **aggregate posterior**: encode every picture, draw from each cloud, forget which is which. The first part is useful. The second is pure waste: nats that are paid because the clouds together do not look like the prior.
# `collapse_report` measures all three, and `collapse_panel` draws them: this is the **collapse panel**. You will meet it again in chapter 10, and the report in
# chapter 11.
# %%
guess = predict(
    f"At β = {BETAS[-1]:g}, the {LATENT_DIM} dimensions will ...",
    [
        "share the smaller rate about equally",
        "split: some keep half a nat or more, others fall to almost nothing",
        "neither, as far as the seeds can tell",
    ],
    default=0,
)
# %%
reports = {f"β = {beta:g}": collapse_report(sweep[beta][0], held_out) for beta in (BETAS[0], 1.0, BETAS[-1])}
show(
    collapse_panel(reports),
    alt="Collapse panel of three models: bars of KL per latent dimension, sorted. With growing beta the bars shrink, and those on the right nearly vanish. "
    "Beside them the rate of each model, split into what the code tells and what is off the prior.",
)
for name, report in reports.items():
    print(f"{name}: {report}")
high_beta = [
    collapse_report(model, held_out).kl_per_dimension.sort(descending=True).values
    for model in sweep[BETAS[-1]]
]
idle, busy = (
    Runs((count(kl).sum() for kl in high_beta), least=0, most=LATENT_DIM)
    for count in (lambda kl: kl < 0.05, lambda kl: kl > 0.5)
)
guess.compare(
    1 if idle.low >= 1 and busy.low >= 1 else 0 if idle.mean == 0 else 2,
    f"{busy:.1f} dimensions have more than 0.5 nats ({N_SEEDS} seeds, 95 % interval) and {idle:.1f} less than 0.05.",
)


def quiet(beta):
    """Dimensions with less than 0.05 nats, of the models of one β."""
    made = (collapse_report(model, held_out, examples=100, queries=2) for model in sweep[beta])
    return Runs(((report.kl_per_dimension < 0.05).sum() for report in made), least=0, most=LATENT_DIM)


gone = quiet(BETAS[-1]) - quiet(BETAS[0])
text = f"Dimensions with less than 0.05 nats: at β = {BETAS[-1]:g} minus at β = {BETAS[0]:g}"
claims.add("gone", gone, above=0, whole_interval=True, text=text)
split = max(
    abs(float(r.kl_per_dimension.sum()) - r.rate.value) / max(r.rate.value, 0.01) for r in reports.values()
)
claims.add("adds_up", split, below=1e-4, exact=True, text="KL per dimension off the rate, relative")
# %% [markdown]
# The water-filling picture carries over in kind: a larger β shortens the bars, and takes the shortest nearly out. Note how generous the usual count is. A unit
# is called **active** when the variance of its posterior mean over the data exceeds
# 0.01 (Burda et al. 2016), and a dimension can pass that test with a few hundredths of a nat.
#
# One warning about the right-hand side. Measured on $n$ examples, the information can never exceed $\log n$ (the dotted line): $n$ pictures cannot be told apart by more than that. A good code tells more than $\log n$ nats, so there the
# information is cut off at the ceiling, and "off the prior" is too large by what was cut. For one dimension at a time (the bars), the ceiling is far away.
#
# ## 7 What leaks when the codes do not match the prior?
#
# You draw new pictures from $p(z)$, but the decoder was trained on $q(z)$. Where the prior has mass and the aggregate posterior has little, the decoder was hardly ever trained: a **hole**. Two-dimensional codes can be mapped whole, so use
# those: one with a small KL weight, one with weight 1.
# %%
guess = predict(
    "Draw z from the prior. For which KL weight will more draws fall into holes, where q(z) is less than a tenth of p(z)?",
    [f"β = {HOLE_BETA:g}", "β = 1", "too close to tell"],
    default=0,
)
# %%
judge = load_classifier(DATASET)
prior_z = torch.randn(HOLE_DRAWS, 2, generator=seeded(5))


def look_for_holes(model):
    """For each prior draw: log q(z)/p(z), the decoded mean, and the classifier's entropy on it (nats)."""
    with torch.no_grad():
        q = model.encode(train.floats()[:4000])
        ratio = log_aggregate(prior_z, q) - standard_normal_log_prob(prior_z.double())
        decoded = model.likelihood.mean(model.decode(prior_z))
        p = judge.probabilities(decoded).clamp_min(1e-12)
    return {"q": q, "ratio": ratio, "decoded": decoded, "entropy": -(p * p.log()).sum(-1)}


flat = {
    beta: [look_for_holes(train_vae(beta, seed, latent_dim=2)) for seed in range(N_SEEDS)]
    for beta in (HOLE_BETA, 1.0)
}
hole = {beta: [found["ratio"] < math.log(0.1) for found in runs] for beta, runs in flat.items()}
share = {beta: Runs((h.double().mean() for h in runs), least=0, most=1) for beta, runs in hole.items()}
more = share[HOLE_BETA] - share[1.0]
for beta, runs in share.items():
    print(
        f"β = {beta:g}: share of prior draws in holes, by seed: "
        + ", ".join(f"{value:.1%}" for value in runs.values)
    )
guess.compare(
    0 if more.low > 0 else 1 if more.high < 0 else 2,
    f"β = {HOLE_BETA:g} has {more:+.1%} more of the prior's mass in holes (95 % interval over seeds).",
)
# %% tags=["hide-input"]
with style.use():
    figure = Figure(figsize=(9.2, 4.4), layout="constrained")
    for axes, (beta, runs) in zip(figure.subplots(1, 2, sharex=True, sharey=True), flat.items(), strict=True):
        found, h = runs[0], hole[beta][0]
        codes = found["q"].sample(generator=seeded(0))
        axes.plot(*codes[:2500].T.numpy(), ".", color=style.SKY, markersize=2, label="codes, drawn from q(z)")
        axes.plot(
            *prior_z[~h][:400].T.numpy(), "o", color=style.BLUE, markersize=3, label="prior draw, covered"
        )
        axes.plot(
            *prior_z[h][:400].T.numpy(),
            "x",
            color=style.VERMILION,
            markersize=5,
            label="prior draw, in a hole",
        )
        axes.set_title(f"β = {beta:g}", loc="left")
        axes.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="z₁")
    figure.axes[0].set_ylabel("z₂")
    figure.axes[1].legend(loc="upper right", fontsize=8.5, frameon=True)
show(
    figure,
    alt="Two maps of the two-dimensional code between -4 and 4: codes of training digits as small dots, draws from the prior as circles where "
    "codes are dense and as crosses in holes. The left map, with the small KL weight, has many more crosses.",
)
# %% [markdown]
# Codes beyond ±4 are not drawn; a hole is a place where the codes are sparse for what the prior puts there, not an empty one. And what is decoded in a hole?
# First look: draws from the deepest holes of the map, and draws from covered places.
# %%
found, h = flat[HOLE_BETA][0], hole[HOLE_BETA][0]
deepest = found["ratio"].argsort()[: max(12, len(prior_z) // 10)]
spaced = deepest[:: len(deepest) // 12][:12]
show(
    image_grid(
        torch.cat([found["decoded"][spaced], found["decoded"][~h][:12]]),
        columns=12,
        row_titles=["from the deepest holes", "from covered places"],
    ),
    alt="Two rows of twelve pictures decoded from prior draws at the small KL weight: the upper row from the tenth of the draws that the codes "
    "cover least, the lower row from covered places.",
)
extra = Runs(
    f["entropy"][m].mean() - f["entropy"][~m].mean()
    for f, m in zip(flat[HOLE_BETA], hole[HOLE_BETA], strict=True)
)
print(f"entropy of the judge, holes minus covered places: {extra:+.2f} nats (95 % interval over seeds)")
text = f"Prior's mass in holes, β = {HOLE_BETA:g} minus β = 1"
claims.add("holes", more, above=0, unit="%", whole_interval=True, text=text)


# %% [markdown]
# The judge is a classifier that was trained on real digits; its entropy is 0 when it is sure of a class and $\log 10 = 2.3$ nats when it has no idea. In two dimensions a hole is small and has decoded neighbors on all sides, so what comes out
# of it may still look like a digit. "Holes decode to garbage" is folklore; the interval above says whether the judge finds them any worse here. In many dimensions there is far more room between the clouds. There, compare two kinds of draws through the **same** decoder: codes from the prior, and codes from the aggregate
# posterior (encode a held-out digit, draw from its cloud). The difference in entropy is what leaks because the prior does not know where the codes are.
# %%
def entropy_of(pictures):
    """How unsure the judge is, mean over pictures, nats."""
    p = judge.probabilities(pictures).clamp_min(1e-12)
    return -(p * p.log()).sum(-1).mean().item()


def both_draws(model):
    """The judge's entropy on pictures decoded from the prior, and from the aggregate posterior."""
    noise = seeded(0)
    with torch.no_grad():
        codes = model.encode(held_out.floats()[:1000]).sample(generator=noise)
        prior = torch.randn(codes.shape, generator=noise)
        draws = {"prior": prior, "codes": codes}
        return {name: entropy_of(model.likelihood.mean(model.decode(z))) for name, z in draws.items()}


def over_models(models):
    return over_seeds(N_SEEDS, lambda seed: both_draws(models[seed]))


drawn = {beta: over_models(models) for beta, models in sweep.items()}
leak = {beta: by["prior"] - by["codes"] for beta, by in drawn.items()}
results_table(
    [
        {
            "β": beta,
            "drawn from the prior": by["prior"].mean,
            "drawn from the codes": by["codes"].mean,
            "leak": f"{leak[beta]:.2f}",
        }
        for beta, by in drawn.items()
    ],
    caption=f"Entropy of the judge in nats, {LATENT_DIM}-dimensional codes, mean of {N_SEEDS} seeds; the leak with its 95 % interval",
)
first, closed = leak[BETAS[0]], leak[BETAS[0]] - leak[BETAS[-1]]
text = f"Judge's entropy at β = {BETAS[0]:g}, prior draws minus drawn codes"
claims.add("leak", first, above=0, unit="nats", whole_interval=True, text=text)
text = f"Leak at β = {BETAS[0]:g} minus leak at β = {BETAS[-1]:g}"
claims.add("leak_closed", closed, above=0, unit="nats", text=text)
# %% [markdown]
# A weak KL term lets the clouds move apart and shrink, and the prior no longer knows where they are. The smaller β, the better the reconstruction and the less
# the prior can be trusted as a source of new pictures. (A large β is no free remedy. Look which of the two columns moves: a leak also closes when the pictures
# of the *codes* get worse. The judge is
# unsure of blurred digits too, and those are nobody's hole.) One can also keep a small β and learn the prior afterwards, so that it fits $q(z)$ (chapter 11).
#
# ## 8 How does a VAE come to ignore its code?
#
# In section 4 a dimension died because the optimum wanted it dead. It can also die by accident. At the start the code is noise, and the quickest gain is to set $q(z|x) = p(z)$ and pay no KL. If the decoder can improve *without* the code, it does, and the code may
# never be asked again. The usual culprit is a decoder that reads the picture itself, pixel by pixel, in front of the one it predicts. (Text decoders do just that; chapter 10.)
#
# Three cures are in every textbook, and all three are settings of `fit`:
#
# - **KL annealing** (Bowman et al. 2016): `kl_warmup=0.5`, the weight rises from 0 over half of the run;
# - **cyclical annealing** (Fu et al. 2019): `kl_schedule="cyclical"`, the same several times over (the mean weight over the run is that of linear annealing, so the two are matched);
# - **free bits** (Kingma et al. 2016): `free_bits=λ`, the KL term becomes $\sum_j \max(\lambda, \mathrm{KL}_j)$, where $\mathrm{KL}_j$ is the mean of dimension $j$ over the batch. A dimension below its allowance gains nothing by telling less.
# %%
STEPS = 400
courses = {
    "constant": (0.0, "constant"),
    "linear, kl_warmup=0.5": (0.5, "linear"),
    "cyclical, kl_warmup=0.5": (0.5, "cyclical"),
}
figure = line_plot(
    {
        name: (list(range(STEPS + 1)), [kl_weight(1.0, step, STEPS, *course) for step in range(STEPS + 1)])
        for name, course in courses.items()
    },
    x_label="training step",
    y_label="weight of the KL term",
    points={"": ([], [])},  # an exact curve needs no markers
)
figure.axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=3)
show(
    figure,
    alt="Weight of the KL term against the training step: constant at 1; a line that rises from 0 to 1 over the first half and stays; a saw that rises "
    "from 0 to 1 four times, staying at 1 for the second half of each cycle.",
)


# %% [markdown]
# Now make the accident. The digits are halved in size and binarized: this decoder reads pixels that the model must be able to draw itself, and a Bernoulli
# decoder draws only black and white. The decoder sees the code, and through a masked convolution all pixels in a window that come *before* the one it predicts.
# %%
class ReadingVAE(VAE):
    """A VAE whose decoder also reads the pixels before each pixel, in reading order."""

    def __init__(self, *args, channels=16, size=7, **kwargs):
        super().__init__(*args, **kwargs)
        self.look = nn.Conv2d(1, channels, size, padding=size // 2)
        self.think = nn.Sequential(
            nn.GELU(), nn.Conv2d(channels, channels, 1), nn.GELU(), nn.Conv2d(channels, 1, 1)
        )
        before = torch.ones(size * size)
        before[size * size // 2 :] = 0  # the pixel itself and everything after it
        self.register_buffer("before", before.view(size, size))

    def log_likelihood(self, x, z):
        seen = nn.functional.conv2d(
            x, self.look.weight * self.before, self.look.bias, padding=self.look.padding
        )
        return self.likelihood.log_prob(x, self.decode(z) + self.think(seen))


def halved(data):
    """Every 2×2 block of pixels averaged: (N, 1, 14, 14)."""
    return replace(data, images=nn.functional.avg_pool2d(data.images.float(), 2).round().to(torch.uint8))


small = load(DATASET, "train", binarize="dynamic")
small = halved(small.subset(min(COLLAPSE_EXAMPLES, len(small)), seed=0))
small_held_out = halved(load(DATASET, "validation", binarize="dynamic"))
small_held_out = small_held_out.subset(min(HELD_OUT, 1000, len(small_held_out)), seed=0)
show(
    image_grid(small_held_out.batch(slice(0, 12), seeded(0)), columns=12),
    alt="Twelve digits of 14 by 14 pixels, black and white, with frayed edges.",
)


# %%
def train_reader(kind, seed, **settings):
    """A small deep VAE on the halved digits, with the given KL settings."""
    seed_everything(seed)
    model = kind.for_data(small, latent_dim=10, hidden_dims=(128, 128, 128, 128))
    fit(
        model,
        small,
        epochs=COLLAPSE_EPOCHS,
        batch_size=64,
        learning_rate=3e-3,
        schedule="linear",
        warmup=0.05,
        seed=seed,
        eval_examples=100,
        progress=False,
        **{"kl_warmup": 0.0} | settings,
    )
    return model


# The future must not leak: changing the pixels from one on may change no earlier log-probability.
with torch.no_grad():
    probe = ReadingVAE.for_data(small, latent_dim=10, hidden_dims=(128,))
    a = small_held_out.batch(slice(0, 4), seeded(0))
    b = a.clone()
    b.flatten(1)[:, 100:] = 1 - b.flatten(1)[:, 100:]
    read = [
        probe.think(
            nn.functional.conv2d(x, probe.look.weight * probe.before, probe.look.bias, padding=3)
        ).flatten(1)
        for x in (a, b)
    ]
leak = (read[0] - read[1])[:, :101].abs().max().item()
text = "Reading decoder: change of earlier predictions by a later pixel"
claims.add("no_peeking", leak, below=1e-6, exact=True, text=text)
guess = predict(
    "Full KL weight from the first step, a decoder that can read. Of the rate that KL annealing ends up with, this model will use ...",
    ["about all", "less", "nothing", "the seeds cannot tell"],
    default=2,
)
# %%
recipes = {
    "plain decoder, full weight": (VAE, {}),
    "reading, full weight": (ReadingVAE, {}),
    "reading, linear annealing": (ReadingVAE, {"kl_warmup": 0.5}),
    "reading, cyclical annealing": (ReadingVAE, {"kl_schedule": "cyclical", "kl_warmup": 0.5}),
    "reading, free bits": (ReadingVAE, {"free_bits": FREE_NATS}),
}
collapse = {}
for name, (kind, settings) in recipes.items():
    collapse[name] = []
    for seed in range(COLLAPSE_SEEDS):
        model = train_reader(kind, seed, **settings)
        collapse[name].append((collapse_report(model, small_held_out), evaluate(model, small_held_out)))
    print(f"{name:>28}, seed 0: {collapse[name][0][0]}", flush=True)


made = {
    name: {
        "active units": Runs((report.active_units for report, _ in runs), least=0, most=10),
        "rate": Runs(report.rate for report, _ in runs),
        "tells about x": Runs(report.mutual_information for report, _ in runs),
        "−ELBO": Runs(result.negative_elbo for _, result in runs),
    }
    for name, runs in collapse.items()
}
results_table(
    [
        {"recipe": name, **{label: f"{runs:.2f}" for label, runs in measures.items()}}
        for name, measures in made.items()
    ],
    caption=f"Held-out halved digits, nats per example: mean of {COLLAPSE_SEEDS} seeds and its 95 % interval",
)
show(
    collapse_panel({name.removeprefix("reading, "): runs[0][0] for name, runs in list(collapse.items())[1:]}),
    alt="Collapse panel of the reading decoder with four KL settings, one row each. Without free bits only a few bars are visible; with free bits all "
    "ten bars are of similar height, the rate is the largest of the four, and so is the part of it that is off the prior.",
)


full, linear_rise, free = (made[f"reading, {k}"] for k in ("full weight", "linear annealing", "free bits"))
plain = made["plain decoder, full weight"]
used = full["rate"] / linear_rise["rate"]
guess.compare(
    2 if used.high < 0.05 else 1 if used.high < 1 else 0 if used.low > 0.9 else 3,
    f"it uses {used:.0%} of the rate that linear annealing ends up with.",
)
for name in made:
    if name.startswith("reading") and "full" not in name:
        parts = {label: runs - full[label] for label, runs in made[name].items()}
        print(f"{name} against full weight: " + ", ".join(f"{k} {runs:+.2f}" for k, runs in parts.items()))
# %%
deeper, better = plain["rate"] - full["rate"], plain["−ELBO"] - full["−ELBO"]
units_back = free["active units"] - full["active units"]
told_linear, told_free = (cure["tells about x"] - full["tells about x"] for cure in (linear_rise, free))
unsaid = free["rate"] - free["tells about x"]
stopped_short, price = linear_rise["−ELBO"] - full["−ELBO"], free["−ELBO"] - linear_rise["−ELBO"]
claims.add("plain_rate", deeper, above=0, unit="nats", whole_interval=True, text="Rate, plain minus reading")
claims.add("units_back", units_back, above=0, text="Active units, free bits minus full weight, of 10")
claims.add("told_linear", told_linear, above=0, unit="nats", text="Information gained by linear annealing")
claims.add("told_free", told_free, above=0, unit="nats", text="Information gained by free bits")
claims.add("plain_elbo", better, above=0, unit="nats", whole_interval=True, text="−ELBO, plain minus reading")
claims.add("unsaid", unsaid, above=0.3, unit="nats", whole_interval=True, text="Free bits: rate that is mute")
claims.add("stopped_short", stopped_short, below=0, unit="nats", text="−ELBO, linear minus full weight")
claims.add("price", price, above=0, unit="nats", text="−ELBO, free bits minus linear annealing")
# %% [markdown]
# Read the table from the top. The *same* deep network with a plain decoder puts more into its code than the reading decoder does, trained in the same way. So depth and the optimizer alone are not to blame: it is what the decoder can do without the code.
#
# And note which of the two is the better model of digits. By −ELBO it is the one that reads, by far, *although* its code is poorer. A collapse is a disaster only if it is the code you wanted.
#
# Was it an accident, or is the collapse the optimum, as in section 4? Compare the −ELBO. A cure that raises the information *and* lowers the −ELBO shows that
# the collapsed run had stopped short of a better model. A cure that raises
# the information and the −ELBO buys a code at the model's expense. Linear annealing is of the first kind here, by its means over the seeds: both of its differences to
# full weight are among the claims, with their intervals. Whether an interval leaves 0 out, read there.
#
# Then the cures, and two warnings.
#
# - **Active units can deceive, both ways.** A few units that tell a lot are better than many that tell next to nothing; compare the counts with the information beside them. Free bits keeps units active by construction: a dimension saves nothing by telling
#   less than its allowance. But a rate can be paid without being used. Look at the panel: each unit by itself tells something, and together they tell much less than the sum, because they tell the *same* thing. The rest of the rate is off the prior, and the −ELBO pays
#   for it.
# - **A few seeds are few.** How far a run escapes the collapse varies from start to start, so the intervals are wide. Where the table of claims
#   does not say "whole interval", only the mean over seeds is claimed to be above 0. For cyclical annealing not even that is claimed: see its line above.
#
# What was not tested: other learning rates, longer runs (a collapsed model may wake up late), stronger decoders, other allowances.
#
# ## Play
#
# A slider for β and one for the size of the code, which answer at once: one model was trained for all settings together (chapter 08 shows how, and how close it comes to models trained one by one). Two things to look for: what a large β
# does to the pictures of a large code, and at which size more dimensions no longer help. In the live panel, watch the bars of the KL go out one after the other as β grows. The still figure has a block for each of nine settings, with distortion + β · rate below it.
# %%
from vae_course import load_one_model
from vae_course.widgets import explore_beta_latent

explorer = explore_beta_latent(load_one_model(DATASET), held_out, train)


# %% [markdown]
# ## What we measured
# %%
results_table(
    [
        {"measure": "gap log p(x) − ELBO of the linear VAE", "value": f"{gap:.1e} nats", "on": "toy, all rows and starts"},
        {"measure": "angle to the principal subspace", "value": f"{angle:.1e} degrees", "on": "toy"},
        *(
            {"measure": f"rate and distortion at β = {beta:g}", "value": f"{rate[beta]:.1f} and {distortion[beta]:.1f} nats", "on": "held-out digits"}
            for beta in (BETAS[0], 1.0, BETAS[-1])
        ),
        {"measure": f"prior mass in holes, β = {HOLE_BETA:g}", "value": f"{share[HOLE_BETA]:.2f}", "on": "2-D code"},
        {"measure": "prior mass in holes, β = 1", "value": f"{share[1.0]:.2f}", "on": "2-D code"},
        *(
            {"measure": f"active units and information, {name}", "value": f"{made[name]['active units']:.1f}; {made[name]['tells about x']:.2f} nats", "on": "halved digits"}
            for name in recipes
        ),
    ]
)  # fmt: skip
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `solution` is folded.
#
# ### Exercise 04.1: free bits (easy)
#
# **Contract**: `kl_cost(kl_per_dimension, free_bits)`: a float tensor `(batch, latent)` of KL values in nats, each ≥ 0, and a number of nats ≥ 0. Returns the KL term of a loss with free bits, a scalar: a latent dimension whose mean over the batch is
# below its allowance costs exactly the allowance.
# %%
def kl_cost(kl_per_dimension: torch.Tensor, free_bits: float) -> torch.Tensor:
    """kl_per_dimension: (batch, latent), nats; free_bits: nats for each dimension. Returns a scalar."""
    ...


check("04.1", kl_cost)
# hint("04.1")  # remove the first # for a hint, again for the next one
# %%
solution("04.1")
# %% [markdown]
# ### Exercise 04.2: who survives? (easy)
#
# A linear VAE with fixed $\sigma^2 = 0.25$ is trained to the optimum on data whose covariance has the eigenvalues 8, 2 and 0.5; it has three latent dimensions. **Contract**: a dict of three numbers: `active` (dimensions with a rate above 0 at β = 2),
# `rate` (of the whole code at β = 2, nats) and `beta` (the smallest β at which a single dimension is left).
# %%
answer_04_2 = {"active": ..., "rate": ..., "beta": ...}

check("04.2", answer_04_2)
# hint("04.2")  # remove the first # for a hint, again for the next one
# %%
solution("04.2")


# %% [markdown]
# ### Exercise 04.3: a cyclical KL weight (medium)
#
# **Contract**: `cyclical_weight(step, total_steps, cycles, share)`: `step` is 0 … `total_steps` − 1. The run is cut into equal cycles; in each, the weight rises linearly from 0 and reaches 1 after `share` of the cycle (0 < share ≤ 1), then stays until the
# cycle ends. Returns the weight, a float in [0, 1].
# %%
def cyclical_weight(step: int, total_steps: int, cycles: int, share: float) -> float:
    """step: 0 ... total_steps - 1; share: of each cycle, over which the weight rises. Returns 0 to 1."""
    ...


check("04.3", cyclical_weight)
# hint("04.3")  # remove the first # for a hint, again for the next one
# %%
solution("04.3")


# %% [markdown]
# ### Exercise 04.4: the KL of two Gaussians (medium)
#
# A learned prior (chapter 11) or a second layer of codes needs the KL of two Gaussians, neither of them standard. **Contract**: `kl_of_two(mean_q, log_var_q, mean_p, log_var_p)`: four float tensors `(batch, latent)`; `log_var` is log σ². Returns
# $\mathrm{KL}(q\|p)$ of each example in nats, `(batch,)`.
# %%
def kl_of_two(
    mean_q: torch.Tensor, log_var_q: torch.Tensor, mean_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    """Four tensors (batch, latent); log_var is log σ². Returns KL(q || p) in nats, shape (batch,)."""
    ...


check("04.4", kl_of_two)
# hint("04.4")  # remove the first # for a hint, again for the next one
# %%
solution("04.4")


# %% [markdown]
# ### Exercise 04.5: the aggregate posterior (hard)
#
# **Contract**: `log_mixture(z, mean, log_var)`: `z` is `(m, latent)`; `mean` and `log_var` = log σ² are `(n, latent)`, one $q(z|x)$ for each of $n$ examples. Returns $\log q(z)$ of the aggregate posterior at each $z$ in nats, `(m,)`, finite also far away
# from every cloud.
# %%
def log_mixture(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """z: (m, latent); mean, log_var: (n, latent). Returns log q(z) in nats, shape (m,)."""
    ...


check("04.5", log_mixture)
# hint("04.5")  # remove the first # for a hint, again for the next one
# %%
solution("04.5")
# %% [markdown]
# ## Summary
#
# A KL divergence is an average of log-ratios; for Gaussians it is solved, and Monte Carlo with a standard error checks it. Forward KL covers, reverse KL picks, and a VAE has one of each. A linear VAE trained by gradient is probabilistic PCA, down to the axes, with a gap
# of 0. In it β times the noise is a water level, and directions below it are switched off because that is the optimum. On digits a larger β lowers the rate and
# raises the distortion, at an exchange rate that grows with β. A KL term that is too weak leaves holes under the prior, and a judge is less sure of digits
# drawn from that prior than of digits drawn from the codes. A decoder that can do without the code puts less into it, and a cure is judged by the information
# it brings back and by the −ELBO, not by the number of active units.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Appendix B (closed-form KL).
# - M. E. Tipping, C. M. Bishop: *Probabilistic Principal Component Analysis*, Journal of the Royal Statistical Society B 61, 1999. Section 3.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi: *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse*, NeurIPS 2019.
# - T. M. Cover, J. A. Thomas: *Elements of Information Theory*, 2nd edition 2006. Section 10.3.3 (reverse water-filling).
# - G. Roeder, Y. Wu, D. Duvenaud: *Sticking the Landing: Simple, Lower-Variance Gradient Estimators for Variational Inference*, NIPS 2017.
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. (Active units.)
# - I. Higgins et al.: *β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, ICLR 2017.
# - A. A. Alemi et al.: *Fixing a Broken ELBO*, ICML 2018 (rate, distortion and the slope −β).
# - M. D. Hoffman, M. J. Johnson: *ELBO surgery: yet another way to carve up the variational evidence lower bound*, NeurIPS workshop 2016.
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL annealing).
# - H. Fu et al.: *Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing*, NAACL 2019.
# - D. P. Kingma et al.: *Improved Variational Inference with Inverse Autoregressive Flow*, NeurIPS 2016 (free bits).
#
# Next: [05 · Reconstruction loss and image quality](05_Reconstruction_Loss_and_Image_Quality.ipynb)

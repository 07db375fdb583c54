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
# # Assignment A1 · Build the ELBO
#
# <!-- badge -->
#
# You have seen a VAE for digits (chapters 01, 02 and 04). Here you build one for something else: thirty measurements of cell nuclei from breast biopsies. No pixels, no Bernoulli.
# You write every term yourself, and at the end you judge three broken runs.
#
# About 75 minutes, 20 points. Every `check` answers at once and names the mistake it recognizes; it costs nothing, so use it often. Grading runs the same check on other numbers.
# Only what the contract asks for is graded, not how you do it. Leave the cells with `check(...)` as they are.
#
# The convention of the whole course holds: **nats per example; sum over features and latent dimensions, mean over the batch; `log_var` is log σ²**.
# %% tags=["setup"]
# (generated)
# %%
import math

import matplotlib.pyplot as plt
import torch

from vae_course import load
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider

train = load("biopsies", "train")
held_out = load("biopsies", "validation")
raw = train.raw(train.values), held_out.raw(held_out.values)  # in the units of the source
print(f"{len(train)} biopsies to train on, {len(held_out)} held out, {raw[0].shape[1]} columns each")
for name in train.columns[:3]:
    column = raw[0][:, train.columns.index(name)]
    print(f"{name}: mean {column.mean():.1f}, standard deviation {column.std():.1f}")


# %% [markdown]
# ## A1.1 One scale for all columns (2 points)
#
# An area of 650 and a smoothness of 0.1 cannot share one σ. Scale every column, with numbers from the training table alone.
#
# **Contract**: `standardize(train, other)`: float tables `(n, D)` and `(m, D)`. Returns the second one, `(m, D)`, scaled so that each column of the *training* table would get mean 0 and standard deviation 1.
# %% question="A1.1" role="answer"
def standardize(train: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """train (n, D), other (m, D): other in units of train's standard deviations, from train's mean."""
    ### BEGIN SOLUTION
    return (other - train.mean(0)) / train.std(0)
    ### END SOLUTION


# %% question="A1.1" role="test" points=2
# hint("A1.1")  # remove the first # for a hint; each call goes one step further
check("A1.1", standardize)


# %% [markdown]
# ## A1.2 The reconstruction term (3 points)
#
# The decoder says where each column lies and `log_var` how widely it scatters around that: $p(x|z) = \mathcal N(x;\,\mu(z),\,\sigma^2)$, independent columns, one σ for each.
#
# **Contract**: `reconstruction(x, mean, log_var)`: `x` and `mean` are `(batch, D)`, `log_var` is `(D,)`. Returns $-\log p(x|z)$ of each row in nats, summed over columns, with every constant: `(batch,)`.
# %% question="A1.2" role="answer"
def reconstruction(x: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """x, mean: (batch, D); log_var: (D,), log σ² of each column. Returns −log p(x|z), nats, (batch,)."""
    ### BEGIN SOLUTION
    return 0.5 * (math.log(2 * math.pi) + log_var + (x - mean) ** 2 / log_var.exp()).sum(-1)
    ### END SOLUTION


# %% question="A1.2" role="test" points=3
check("A1.2", reconstruction)


# %% [markdown]
# ## A1.3 The KL term for a prior of another width (3 points)
#
# Chapter 02 has the prior $\mathcal N(0, I)$. Somebody prefers $\mathcal N(0, s^2 I)$.
#
# **Contract**: `kl_to_prior(mean, log_var, prior_std)`: `mean` and `log_var` are `(batch, latent)`, `prior_std` is $s > 0$. Returns $\mathrm{KL}(\mathcal N(\mu, \sigma^2)\,\|\,\mathcal N(0, s^2 I))$ of each row in nats, summed over latent dimensions: `(batch,)`, at least 0.
# %% question="A1.3" role="answer"
def kl_to_prior(mean: torch.Tensor, log_var: torch.Tensor, prior_std: float) -> torch.Tensor:
    """mean, log_var: (batch, latent), log_var is log σ²; prior N(0, prior_std² I). Nats, (batch,)."""
    ### BEGIN SOLUTION
    ratio = log_var.exp() / prior_std**2
    return 0.5 * (mean**2 / prior_std**2 + ratio - 1 - ratio.log()).sum(-1)
    ### END SOLUTION


# %% question="A1.3" role="test" points=3
check("A1.3", kl_to_prior)


# %% [markdown]
# ## A1.4 Several draws of the code (2 points)
#
# **Contract**: `draw_codes(mean, log_var, n, generator)`: `mean` and `log_var` are `(batch, latent)`. Returns `n` independent draws from $\mathcal N(\mu, \sigma^2)$ for each row, `(n, batch, latent)`, float32. Gradients reach `mean` and `log_var`, and the noise comes from the generator.
# %% question="A1.4" role="answer"
def draw_codes(
    mean: torch.Tensor, log_var: torch.Tensor, n: int, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent). Returns n draws of each row's code, (n, batch, latent)."""
    ### BEGIN SOLUTION
    noise = torch.randn(n, *mean.shape, generator=generator)
    return mean + torch.exp(0.5 * log_var) * noise
    ### END SOLUTION


# %% question="A1.4" role="test" points=2
check("A1.4", draw_codes)


# %% [markdown]
# ## A1.5 Both terms and the loss (4 points)
#
# **Contract**: `negative_elbo(x, encode, decode, log_var_x, beta, generator)`: `encode(x)` gives mean and log σ² of $q(z|x)$, `(batch, latent)`; `decode(z)` gives the mean of $x$; `log_var_x` is `(D,)`. Draw one $z$ for each row. Returns a dict with `"reconstruction"` and
# `"kl"` (prior $\mathcal N(0, I)$), each `(batch,)` in nats, and `"loss"`, the mean over the batch of reconstruction + β · KL.
# %% question="A1.5" role="answer"
def negative_elbo(x, encode, decode, log_var_x, beta=1.0, generator=None) -> dict:
    """x (batch, D). Returns {"reconstruction": (batch,), "kl": (batch,), "loss": a number}, nats."""
    ### BEGIN SOLUTION
    mean, log_var = encode(x)
    z = draw_codes(mean, log_var, 1, generator)[0]
    rec, kl = reconstruction(x, decode(z), log_var_x), kl_to_prior(mean, log_var, 1.0)
    return {"reconstruction": rec, "kl": kl, "loss": (rec + beta * kl).mean()}
    ### END SOLUTION


# %% question="A1.5" role="test" points=4
check("A1.5", negative_elbo)
# %% [markdown]
# ### Does it train?
#
# Not graded. If A1.1 to A1.5 are right, the next cell trains a small VAE with your functions. The −ELBO of the held-out biopsies should fall well below that of a model with no code at all, which you can compute from your own `reconstruction`: mean 0 and σ = 1 for every column.
# %%
try:
    table, unseen = standardize(raw[0], raw[0]).float(), standardize(raw[0], raw[1]).float()
    torch.manual_seed(0)
    encoder, decoder = torch.nn.Linear(30, 8), torch.nn.Linear(4, 30)
    log_var_x = torch.nn.Parameter(torch.zeros(30))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), log_var_x], lr=0.02)
    encode = lambda x: encoder(x).chunk(2, dim=-1)  # noqa: E731
    for step in range(401):
        terms = negative_elbo(table, encode, decoder, log_var_x)
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        if step % 100 == 0:
            with torch.no_grad():
                now = negative_elbo(unseen, encode, decoder, log_var_x)
            print(
                f"step {step:3d}: held-out −ELBO {now['loss']:.1f}, reconstruction {now['reconstruction'].mean():.1f}, KL {now['kl'].mean():.1f} nats"
            )
    print(f"no code: {reconstruction(unseen, torch.zeros(30), torch.zeros(30)).mean():.1f} nats")
except Exception as problem:
    print(f"It does not run yet ({type(problem).__name__}: {problem}); finish A1.1 to A1.5 first.")


# %% [markdown]
# ## A1.6 The width that the ELBO wants (2 points)
#
# One latent dimension, one measurement: $z \sim \mathcal N(0, 1)$, $x|z \sim \mathcal N(2z, 1)$. The encoder has the right mean; only the variance $\sigma^2$ of $q(z|x)$ is free. Move the sliders: how wide should $q$ be? And how wide when the KL term is four times as dear?
#
# **Contract**: a dict with `"beta 1"` and `"beta 4"`: the *variance* $\sigma^2$ at which reconstruction + β · KL is smallest, to within 0.02.
# %%
def draw_costs(log_var, beta):
    """Reconstruction, KL and their weighted sum against log σ², in nats, with the slider's value marked."""
    widths = torch.linspace(-4, 2, 200)
    cost = {
        "reconstruction (expected)": 2 * widths.exp(),
        "β · KL": beta * 0.5 * (widths.exp() - 1 - widths),
    }
    total = sum(cost.values())
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for (name, values), style in zip(cost.items(), (":", "--"), strict=True):
        axes.plot(widths, values, style, label=name)
    axes.plot(widths, total, "-", label="sum")
    here = 2 * math.exp(log_var) + beta * 0.5 * (math.exp(log_var) - 1 - log_var)
    axes.plot([log_var], [here], "o", color="black", label=f"here: {here:.3f} nats")
    axes.set_xlabel("log σ² of q(z|x)")
    axes.set_ylabel("nats, up to a constant")
    axes.set_ylim(0, 8)
    axes.legend()
    plt.close(figure)
    return figure


costs = explorer(
    draw_costs,
    {"log_var": slider("log σ²", -4.0, 2.0, 0.0, step=0.05), "beta": slider("β", 1.0, 4.0, 1.0, step=1.0)},
    alt="Cost against log sigma squared: the reconstruction term rises, the KL term falls and rises again, and their sum has one lowest point.",
    fast=True,
)
# %% question="A1.6" role="answer"
answer_A1_6 = {"beta 1": ..., "beta 4": ...}
### BEGIN SOLUTION
answer_A1_6 = {"beta 1": 0.2, "beta 4": 0.5}
### END SOLUTION
# %% question="A1.6" role="test" points=2
check("A1.6", answer_A1_6)


# %% [markdown]
# ## A1.7 Three broken runs (2 points)
#
# Three runs on the biopsies, each with one bug: **A** the KL term is summed over the batch instead of averaged; **B** $z$ is set to the mean, without noise; **C** log σ² is left out of the reconstruction term. The figure shows what each run *reported*, and the
# smallest posterior variance and largest learned σ² at its end. Which is which?
#
# **Contract**: a dict with `"run 1"`, `"run 2"` and `"run 3"`, each `"A"`, `"B"` or `"C"`.
# %%
def broken_run(bug, steps=300, batch=64):
    """Report (reconstruction, KL) at each step, the mean posterior σ², and the largest σ² of a column."""
    torch.manual_seed(1)
    x = train.values.flatten(1)
    encoder, decoder = torch.nn.Linear(30, 8), torch.nn.Linear(4, 30)
    log_var_x = torch.nn.Parameter(torch.zeros(30))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), log_var_x], lr=0.02)
    seen = []
    for _ in range(steps):
        rows = x[torch.randint(len(x), (batch,))]
        mean, log_var = encoder(rows).chunk(2, dim=-1)
        z = mean + (0 if "no noise" in bug else (log_var / 2).exp() * torch.randn_like(mean))
        constant = 0 if "no log" in bug else log_var_x
        rec = (
            0.5
            * (math.log(2 * math.pi) + constant + (rows - decoder(z)) ** 2 / log_var_x.exp()).sum(-1).mean()
        )
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
        kl = kl.sum() if "sum" in bug else kl.mean()
        optimizer.zero_grad()
        (rec + kl).backward()
        optimizer.step()
        seen.append((rec.item(), kl.item()))
    return seen, log_var.exp().mean().item(), log_var_x.exp().max().item()


runs = {f"run {i}": broken_run(bug) for i, bug in enumerate(("no log", "no noise", "sum"), start=1)}
figure, panels = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", sharey=True)
for axes, (name, (seen, _, _)) in zip(panels, runs.items(), strict=True):
    for values, label, style in zip(
        zip(*seen, strict=True), ("reconstruction", "KL"), ("-", "--"), strict=True
    ):
        axes.plot(values, style, label=label)
    axes.set_title(name)
    axes.set_xlabel("training step")
panels[0].set_ylabel("reported, nats")
panels[0].legend()
plt.show()
for name, (_, width, sigma) in runs.items():
    print(f"{name}: mean posterior variance {width:.2f}, largest learned σ² of a column {sigma:.2f}")
# %% question="A1.7" role="answer"
answer_A1_7 = {"run 1": ..., "run 2": ..., "run 3": ...}
### BEGIN SOLUTION
answer_A1_7 = {"run 1": "C", "run 2": "B", "run 3": "A"}
### END SOLUTION
# %% question="A1.7" role="test" points=2
check("A1.7", answer_A1_7)
# %% [markdown]
# ## A1.8 In your own words (2 points)
#
# Somebody trains your VAE with a fixed σ = 1 for every column, on a table that was not standardized: one column in square micrometers (standard deviation 350), the others between 0 and 1. In three or four sentences: what will the code be used for, and which
# number of the ELBO shows it?
# %% [markdown] question="A1.8" role="essay" points=2
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: with σ = 1 the reconstruction term is dominated by the column with the large scale, (350)² / 2 nats per row, so the code describes that column (up to millions of nats are at stake, against a
# fraction of a nat for a column between 0 and 1). 1 point: names a number that shows it, such as the reconstruction term by column (the columns between 0 and 1 stay at the cost of their mean), or the KL, of which nearly all goes
# to one dimension with a tiny posterior variance. No points for "training diverges" alone.
# ### END MARK SCHEME

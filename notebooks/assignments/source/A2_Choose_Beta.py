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
# # Assignment A2 · Choose β
#
# <!-- badge -->
#
# One number decides how much a code may say. Here you find out what that number stands for, warm it up, and choose it for somebody who has a budget. The data are sounds: synthetic spoken digits as log-spectrograms (chapters 04 and 05 worked with pictures).
#
# About 75 minutes, 20 points. `check` looks at the form of an answer and knows no more; marks, with the name of the mistake, come after you hand in. Only what the contract asks for is graded, not how you do it. Leave the cells with `check(...)` as they are.
#
# The convention of the whole course holds: **nats per example; sum over features and latent dimensions, mean over the batch; `log_var` is log σ²**.
# %% tags=["setup"]
# (generated)
# %%
import math

import matplotlib.pyplot as plt
import torch

from vae_course import evaluate, fit, load, seed_everything
from vae_course.evaluation import collapse_report
from vae_course.models import GaussianVAE
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider


# %% [markdown]
# ## A2.1 β in disguise (2 points)
#
# A Gaussian decoder with fixed σ has the loss $\frac{1}{2\sigma^2}\lVert x - \hat x\rVert^2 + \beta\,\mathrm{KL}$ (up to a constant). Somebody says "we use no β, only a plain ELBO with another σ". Which σ?
#
# **Contract**: `same_optimum(sigma, beta)`: two numbers > 0. Returns the σ' at which a plain ELBO (KL weight 1) has the same best encoder and decoder mean.
# %% question="A2.1" role="answer"
def same_optimum(sigma: float, beta: float) -> float:
    """The fixed σ' at which a plain ELBO has the same optimum as the β-ELBO with σ."""
    ### BEGIN SOLUTION
    return sigma * math.sqrt(beta)
    ### END SOLUTION


# %% question="A2.1" role="test" points=2
# hint("A2.1")  # remove the first # for a hint; each call goes one step further
check("A2.1", same_optimum)


# %% [markdown]
# ## A2.2 What the best linear code spends and leaves (4 points)
#
# Chapter 04 filled a landscape of variances with water. Now say what each direction costs *and* what is lost.
#
# **Contract**: `optimum(variances, beta, sigma)`: variances of the data along its principal directions, `(D,)`. For a linear VAE with fixed σ at the optimum of the β-ELBO, returns a dict with `"rate"`, nats of each direction, and `"squared_error"`, the mean squared
# error left in each direction when $z$ is drawn from $q$; both `(D,)`.
# %% question="A2.2" role="answer"
def optimum(variances: torch.Tensor, beta: float, sigma: float) -> dict[str, torch.Tensor]:
    """variances (D,), > 0. Returns {"rate": (D,) nats, "squared_error": (D,) in the data's squared unit}."""
    ### BEGIN SOLUTION
    level = beta * sigma**2
    return {
        "rate": 0.5 * torch.log((variances / level).clamp_min(1.0)),
        "squared_error": variances.clamp_max(level),
    }
    ### END SOLUTION


# %% question="A2.2" role="test" points=4
check("A2.2", optimum)


# %% [markdown]
# ## A2.3 Warm up to β (2 points)
#
# **Contract**: `weight_at(step, total_steps, warmup, beta)`: `step` is 0 … `total_steps` − 1, `warmup` a share of the run in (0, 1]. The KL weight rises linearly from 0 at step 0 to β at step `warmup · total_steps`, and stays there.
# %% question="A2.3" role="answer"
def weight_at(step: int, total_steps: int, warmup: float, beta: float) -> float:
    """KL weight at a step: from 0 up to beta during the first share ``warmup`` of the run, then beta."""
    ### BEGIN SOLUTION
    return beta * min(1.0, step / (warmup * total_steps))
    ### END SOLUTION


# %% question="A2.3" role="test" points=2
check("A2.3", weight_at)
# %% [markdown]
# ## A sweep to look at
#
# Six models of the same sounds, one for each β. (A spectrogram has 8,192 numbers, so its nats, and the β that matter, are large.)
# %% tags=["ungraded"]
train = load("spoken_digits_synthetic", "train")
held_out = load("spoken_digits_synthetic", "validation")
BETAS = [4.0**power for power in range(6)]
reports = {}
for beta in BETAS:
    seed_everything(0)
    model = GaussianVAE.for_data(train, latent_dim=8, hidden_dims=(48,))
    fit(
        model, train, epochs=8, batch_size=64, learning_rate=4e-3, schedule="linear", beta=beta,
        warmup=0.0, kl_warmup=0.5, eval_examples=20, progress=False,
    )  # fmt: skip
    reports[beta] = collapse_report(model, held_out, examples=120)
    print(
        f"β = {beta:<5g} rate {evaluate(model, held_out).kl} nats, {reports[beta].active_units} of 8 units active"
    )


def draw_panel(power):
    """KL of each latent dimension, sorted, in nats."""
    beta = BETAS[power]
    figure, axes = plt.subplots(figsize=(5.6, 3.0), layout="constrained")
    bars = reports[beta].kl_per_dimension.sort(descending=True).values.tolist()
    axes.bar(range(1, 9), bars)
    axes.set_xlabel("latent dimension, sorted")
    axes.set_ylabel("KL (nats)")
    axes.set_title(f"β = {beta:g}: rate {sum(bars):.1f} nats")
    plt.close(figure)
    return figure


panel = explorer(
    draw_panel,
    {"power": slider("β is 4 to the power of", 0, 5, 0)},
    alt="Eight bars, the KL of each latent dimension of the model with the smallest β, sorted from large to small.",
)


# %% [markdown]
# ## A2.4 The best β for a budget (4 points)
#
# A hospital sends codes over a slow line: so many *bits* for each recording, and no more. Which β?
#
# **Contract**: `choose_beta(curve, budget_bits)`: `curve` is a dict, β → list of (rate, distortion) in nats, one pair for each seed. Returns the β with the lowest mean distortion among those whose mean rate is within the budget, which is in **bits**: one of the keys.
# %% question="A2.4" role="answer"
def choose_beta(curve: dict[float, list[tuple[float, float]]], budget_bits: float) -> float:
    """curve: β → [(rate, distortion), ...] in nats, one for each seed. Returns one of the keys."""
    ### BEGIN SOLUTION
    budget = budget_bits * math.log(2)
    mean = {beta: [sum(v) / len(v) for v in zip(*runs, strict=True)] for beta, runs in curve.items()}
    return min((d, beta) for beta, (rate, d) in mean.items() if rate <= budget)[1]
    ### END SOLUTION


# %% question="A2.4" role="test" points=4
check("A2.4", choose_beta)
# %% [markdown]
# ## A2.5 Whose panel is it? (2 points)
#
# Three of the models above, with β = 1, 64 and 1024, in another order. Which is which?
#
# **Contract**: a dict with `"panel A"`, `"panel B"` and `"panel C"`, each 1, 64 or 1024.
# %% tags=["ungraded"]
figure, panels = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained", sharey=True)
order = sorted((1.0, 64.0, 1024.0), key=lambda beta: (beta == 1.0, beta))
for axes, name, beta in zip(panels, "ABC", order, strict=True):
    axes.bar(range(1, 9), reports[beta].kl_per_dimension.sort(descending=True).values.tolist())
    axes.set_title(f"panel {name}")
    axes.set_xlabel("latent dimension, sorted")
panels[0].set_ylabel("KL (nats)")
plt.show()
# %% question="A2.5" role="answer"
answer_A2_5 = {"panel A": ..., "panel B": ..., "panel C": ...}
### BEGIN SOLUTION
answer_A2_5 = {"panel A": 64, "panel B": 1024, "panel C": 1}
### END SOLUTION
# %% question="A2.5" role="test" points=2
check("A2.5", answer_A2_5)
# %% [markdown]
# ## A2.6 Why is the code silent? (3 points)
#
# Four reports, all with β = 1 unless it says otherwise; numbers in nats, on held-out data.
#
# | | data and decoder | rate | −ELBO | the same with a warm-up: rate, −ELBO | the same decoder without any code |
# |---|---|---|---|---|---|
# | run 1 | linear, noise σ = 1, largest variance of the data 3, β = 4 | 0.0 | 31.2 | 0.0, 31.2 | 31.2 |
# | run 2 | pictures, convolutions | 0.1 | 205.8 | 18.4, 104.1 | 205.9 |
# | run 3 | sentences, a decoder that reads what it wrote | 0.2 | 33.0 | 0.3, 33.0 | 33.1 |
# | run 4 | faces drawn from two factors, 2 of 32 units active | 9.1 | 410.5 | 9.0, 410.7 | 655.0 |
#
# **Contract**: a dict with `"run 1"` to `"run 4"`, each one code. **A** β is larger than the data's variances allow, and the optimum itself is silent. **B** The decoder explains the data without the code. **C** Training got stuck early, and a warm-up helps. **D** Nothing is wrong.
# %% question="A2.6" role="answer"
answer_A2_6 = {"run 1": ..., "run 2": ..., "run 3": ..., "run 4": ...}
### BEGIN SOLUTION
answer_A2_6 = {"run 1": "A", "run 2": "C", "run 3": "B", "run 4": "D"}
### END SOLUTION
# %% question="A2.6" role="test" points=3
check("A2.6", answer_A2_6)
# %% [markdown]
# ## A2.7 In your own words (3 points)
#
# A colleague reports: "With β = 4 the latent space is smoother, so the model is better." In three or four sentences: which two numbers do you ask for before you agree, what would each have to show, and for which use would you agree even though the −ELBO is worse?
# %% [markdown] question="A2.7" role="essay" points=3
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: asks for the distortion (or −ELBO at β = 1) beside the rate, on held-out data. 1 point: says what they would have to show (the distortion has not risen by more than the use allows; the rate that is left still tells about x, e.g. mutual information or active units). 1 point: names a use,
# such as sampling from the prior (fewer holes), a budget of bits, or editing by single dimensions. "Disentangled" without a measure earns nothing.
# ### END MARK SCHEME

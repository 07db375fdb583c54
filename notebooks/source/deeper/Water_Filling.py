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
# # Deeper · Water-filling, or the VAE that is PCA
#
# <!-- badge -->
#
# <!-- minutes -->
#
# There is one VAE of which every quantity has a closed form. You train it by gradient, find PCA in it, and see why a larger β switches whole dimensions off.
#
# ## Objectives
#
# After this notebook you can
#
# 1. **verify** that a linear VAE trained by gradient is probabilistic PCA, axes included;
# 2. **compute** which dimensions a β switches off, and what the others still say;
# 3. **say** why a dead unit need not be a bug.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # nothing is downloaded either way
STEPS = 1500  # updates of each linear VAE, 500 or more
N_SEEDS = 3  # starts of the first section, 2 or more
# %%
import math

import torch

from vae_course import LinearGaussian, elbo_terms, seed_everything, seeded
from vae_course.models import LinearGaussianVAE, covariance_spectrum, principal_component_model
from vae_course.models import subspace_angle, water_filling
from vae_course.plots import line_plot
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(globals(), OFFLINE=False, STEPS=500, N_SEEDS=2)
claims = Claims("Water_Filling", parameters)
# %% [markdown]
# ## 1 Is there a VAE where the gap can be computed?
#
# Make everything linear: $z \sim \mathcal N(0, I)$, $x|z \sim \mathcal N(Wz + b, \sigma^2 I)$. Then $x$ is Gaussian, and
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
)
# %%
basis = torch.linalg.qr(torch.randn(8, 8, generator=seeded(1), dtype=torch.float64)).Q
source = LinearGaussian(basis[:, :3] * torch.tensor([3.0, 2.0, 1.2]), torch.linspace(-1, 1, 8), sigma=0.5)
x = source.sample(500, seed=0)[0]
best = principal_component_model(x, 3)


def train_linear(latent_dim, seed, beta=1.0, watch=(), **arguments):
    """A linear VAE after STEPS of Adam on the exact β-ELBO of all rows, and what was seen on the way."""
    seed_everything(seed)
    model = LinearGaussianVAE(x.shape[1], latent_dim, **arguments)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.001, STEPS)
    seen = []
    for number in range(STEPS):
        loss = model.exact_terms(x).loss(beta)
        if number in watch:
            seen.append((number, -loss.item(), model.truth().log_prob(x).mean().item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    return model, seen


watch = [2**i for i in range(11) if 2**i < STEPS] + [STEPS - 1]
linear, seen = zip(*(train_linear(3, seed, watch=watch) for seed in range(N_SEEDS)), strict=True)
gap = max(model.gap(x).max().item() for model in linear)
optimum = best.log_prob(x).mean().item()
short = max(optimum - model.truth().log_prob(x).mean().item() for model in linear)
angle = max(subspace_angle(model.weight.detach(), best.weight) for model in linear)
guess.compare(
    2 if gap < 1e-3 else 1 if gap < 0.1 else 0,
    f"the largest gap of {len(x)} rows and {N_SEEDS} starts is {gap:.1e} nats.",
)
claims.add("gap", gap, below=1e-3, unit="nats", text="Linear VAE: largest log p(x) − ELBO of all starts")
claims.add("short", short, below=1e-3, unit="nats", text="Linear VAE: log p(x) short of the optimum")
claims.add("angle", angle, below=0.5, unit="degrees", text="Linear VAE: angle to the principal subspace")
# %%
with torch.no_grad():
    sampled = elbo_terms(linear[0], x, seeded(0), n_samples=200).negative_elbo
    solved = linear[0].exact_terms(x).negative_elbo
away = ((sampled - solved).mean() / ((sampled - solved).std() / math.sqrt(len(x)))).item()
gram = linear[0].weight.detach().T @ linear[0].weight.detach()
off_axis = (gram - torch.diag(gram.diagonal())).abs().max().item() / gram.diagonal().min().item()
claims.add("off_axis", off_axis, below=0.02, text="Columns of W: largest product over smallest square")
claims.add("sampled_z", abs(away), below=4, text="Sampled −ELBO off the solved one, standard errors")
lengths = gram.diagonal().sqrt().sort(descending=True).values
results_table(
    [
        {"": name, "σ": sigma} | {f"length of column {j + 1}": value.item() for j, value in enumerate(column)}
        for name, sigma, column in (
            ("trained", linear[0].log_sigma.exp().item(), lengths),
            ("closed form", best.sigma, best.weight.norm(dim=0)),
        )
    ]
)
seen = [point for point in seen[0] if optimum > point[1] and point[2] > point[1]]  # a log axis has no 0
steps = [number for number, *_ in seen]
show(
    line_plot(
        {
            "log p(x) of the optimum − ELBO": (steps, [optimum - elbo for _, elbo, _ in seen]),
            "log p(x) of the model − ELBO (the gap)": (steps, [level - elbo for _, elbo, level in seen]),
        },
        x_label="training step",
        y_label="nats per example",
        log_x=True,
        log_y=True,
    ),
    alt="Two curves against the training step, both axes logarithmic: the distance of the ELBO from the best possible "
    "log-likelihood and, below it, the gap of the encoder. Both fall slowly at first, then by many orders of magnitude.",
    title="Gradient descent finds PCA: the gap of the encoder falls to rounding error",
)
# %% [markdown]
# The trained model is PCA's: the same plane ({{angle}} apart), the same lengths, the same noise, and a gap of at most {{gap}}. And more than the plane. In probabilistic PCA any rotation of the code gives the same $p(x)$.
# But a **diagonal** encoder closes its gap only if the columns of $W$ are orthogonal, so of all rotations the ELBO picks the principal axes themselves.
#
# ## 2 Which dimensions does β switch off?
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
    ["all shrink together, and none vanishes", "go to zero one after the other", "all vanish at one β"],
)


# %%
def rates_above_water(variances, level):
    """Rate of each direction, nats."""
    return 0.5 * torch.log(variances / level).clamp_min(0)


SIGMA, levels = 0.5, [1.5, 4.0, 12.0, 30.0, 64.0]
spectrum = covariance_spectrum(x)[0]
trained = {beta: train_linear(6, 0, beta=beta, sigma=SIGMA, learn_sigma=False)[0] for beta in levels}
found = {
    beta: model.exact_terms(x).kl_per_dimension.detach().mean(0).sort(descending=True).values
    for beta, model in trained.items()
}
theory = {beta: rates_above_water(spectrum[:6], beta * SIGMA**2) for beta in levels}
worst = max((found[beta] - theory[beta]).abs().max().item() for beta in levels)
same = max(
    (theory[beta] - water_filling(spectrum[:6], beta * SIGMA**2)).abs().max().item() for beta in levels
)
active = [int((found[beta] > 1e-3).sum()) for beta in levels]
guess.compare(
    1 if len(set(active)) > 2 else 2 if set(active) == {0, 6} else 0,
    "more than 0.001 nats: "
    + ", ".join(f"{n} at β = {beta:g}" for n, beta in zip(active, levels, strict=True))
    + ".",
)
claims.add(
    "same", same, below=1e-12, exact=True, unit="nats", text="Rates above water, yours and the package's"
)
claims.add("rates", worst, below=0.02, unit="nats", text="Linear VAE: trained rates off water-filling")
# %% tags=["hide-input"]
fine = torch.logspace(0, 2, 200).tolist()
show(
    line_plot(
        {
            f"direction {j + 1}, λ = {spectrum[j]:.2f}": (
                fine,
                [rates_above_water(spectrum[j], beta * SIGMA**2).item() for beta in fine],
            )
            for j in range(3)
        },
        x_label="β (weight of the KL term)",
        y_label="rate (nats)",
        log_x=True,
        points={
            f"trained, {word}": (levels, [found[beta][j].item() for beta in levels])
            for j, word in enumerate(("largest", "second", "third"))
        },
    ),
    alt="Rate of the three leading directions against beta, logarithmic: three lines of the theory fall in parallel and each "
    "stays at zero from its own beta on; markers of trained models lie on them.",
    title="β raises the water; one direction after the other goes under",
)
# %% [markdown]
# The trained rates miss the theory by at most {{rates}}. **Posterior collapse** means that $q(z_j|x) = p(z_j)$ for every $x$: the dimension costs nothing and says nothing. Here it happens although nothing went
# wrong. A dimension whose variance in the data is below the water level costs more than it brings, and the optimum itself switches it off. So a dead unit is no
# bug by itself: first ask whether the optimum wants it alive. And β does to the code what a larger $\sigma^2$ would do: both raise the same level.
#
# **Your turn (04.2).** Who survives? A linear VAE with three latent dimensions and fixed $\sigma^2 = 0.25$ is trained to the optimum on data whose covariance has the eigenvalues 8, 2 and 0.5. Give three numbers: `active`, the dimensions with a rate above 0 at β = 2; `rate`, of the whole code at β = 2, in nats; and `beta`, the smallest β at which a single dimension is left.
# %%
answer_04_2 = {"active": ..., "rate": ..., "beta": ...}

check("04.2", answer_04_2)
# hint("04.2")  # remove the first # for a hint, again for the next one
solution("04.2")
# %% [markdown]
# ## What you can say now
#
# - A linear VAE trained by gradient is PCA, and the ELBO even picks the axes.
# - β times the noise is a water level. What is below it is switched off because that is the optimum.
#
# ## References
#
# - M. E. Tipping, C. M. Bishop: *Probabilistic Principal Component Analysis*, Journal of the Royal Statistical Society B 61, 1999. Section 3.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi: *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse*, NeurIPS 2019.
# - T. M. Cover, J. A. Thomas: *Elements of Information Theory*, 2nd edition 2006. Section 10.3.3 (reverse water-filling).
#
# Back to [04 · KL divergence and the Gaussian latent space](../04_KL_Divergence_and_Gaussian_Latent_Space.ipynb)
# %%
claims.report()

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
# Show somebody a few thousand handwritten digits, and they can write one that nobody has written before. What does a program have
# to learn to do that, and how would you check that it has? You answer this first on a toy where every quantity of the theory can be
# computed exactly, then on real digits, with three models that share one decoder: an autoencoder, a variational autoencoder and a GAN.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **state** what a generative model is, and **name** which of sampling, scoring and encoding each family of models can do;
# 2. **compute** $p(x)$ and the posterior $p(z|x)$ of a small latent-variable model on a grid;
# 3. **derive** the ELBO in two ways, and **predict** how far it lies below $\log p(x)$;
# 4. **turn** a plain autoencoder into a generative model, and say what it lacked;
# 5. **compare** an autoencoder, a VAE and a GAN by what they draw and by a held-out likelihood, and say what each number leaves out.
#
# You need Python, a little PyTorch, and the words density, expectation and logarithm. A nat is a unit of information: 1 nat = 1.44 bits.
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
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
ENCODER_STEPS = 3000  # updates of the toy's encoder, 4 or more
LATENT_DIM = 16  # size of the code z of every digit model, 1 to 64
HIDDEN_DIMS = [400, 200]  # widths of the two hidden layers of every digit model
EPOCHS = 5  # passes through the digits for autoencoder and VAE, 1 or more
BATCH_SIZE = 256  # digits in one of their updates
LEARNING_RATE = 8e-3  # their highest learning rate, falls linearly to 0
GAN_EPOCHS = 3  # passes through the digits for the GAN, 1 or more
GAN_BATCH_SIZE = 128  # digits in one update of the GAN
GAN_LEARNING_RATE = 2e-3  # learning rate of both its networks
GAN_PENALTY = 1.0  # weight of the penalty on the discriminator's slope, above 0
LATE_ENCODER_EPOCHS = 3  # passes to train an encoder for a finished decoder
JUDGE_EPOCHS = 2  # passes to train the classifier that judges pictures
JUDGE_EXAMPLES = 2000  # pictures of each kind that are judged; fewer where the test set is smaller
BOUND_EXAMPLES = 500  # test digits for the importance-weighted bound
BOUND_K = 1000  # draws of z for each of them
# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_course import (
    VAE,
    Autoencoder,
    CurveModel,
    Runs,
    elbo_terms,
    evaluate,
    fit,
    load,
    seed_everything,
    seeded,
)
from vae_course.evaluation import importance_weighted_log_prob, sample_quality, train_classifier
from vae_course.plots import (
    bound_landscape,
    course_map,
    gap_map,
    image_grid,
    interval_dots,
    line_plot,
    toy_plane,
    toy_posteriors,
    training_curves,
)
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution
from vae_course.widgets import explore_toy_posterior

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("mnist", "digits"),
    N_SEEDS=3,
    ENCODER_STEPS=4,
    LATENT_DIM=1,
    HIDDEN_DIMS=[1],
    EPOCHS=1,
    BATCH_SIZE=1,
    LEARNING_RATE=0.0,
    GAN_EPOCHS=1,
    GAN_BATCH_SIZE=1,
    GAN_LEARNING_RATE=0.0,
    GAN_PENALTY=0.0,
    LATE_ENCODER_EPOCHS=1,
    JUDGE_EPOCHS=1,
    JUDGE_EXAMPLES=100,
    BOUND_EXAMPLES=1,
    BOUND_K=1,
)
claims = Claims("01_Introduction_to_VAE_Fundamentals", parameters)
if OFFLINE:
    DATASET = "digits"
train = load(DATASET, "train")
validation = load(DATASET, "validation")
print(f"train {len(train):,}, validation {len(validation):,} pictures of shape {train.shape}")
# %% [markdown]
# ## 1 What is a generative model?
#
# A **generative model** is a probability distribution $p_\theta(x)$ over data, with parameters $\theta$ that are learned. You may want three things of it:
#
# - **sample**: draw a new $x$;
# - **score**: say how probable a given $x$ is, also one it was not trained on;
# - **encode**: explain a given $x$ by a short description from which it can be made again.
#
# Not every model can do all three. Here is one that does the first two, in three lines. Read a gray value as the probability that the pixel is white, and
# give each pixel its own coin, with the training set's average as its probability:
#
# $$
# p(x) = \prod_{i=1}^{784} m_i^{x_i} (1 - m_i)^{1 - x_i}.
# $$
#
# In words: pixels know nothing of each other. To *score* a digit it must be black and white, so we toss each test pixel's coin once and keep the result.
# %%
guess = predict(
    "You draw from the model with independent pixels, fitted to thousands of digits. What do you see?",
    [
        "rough digits",
        "a speckled blob, of much the same shape every time",
        "uniform noise all over the picture",
    ],
    default=0,
)
# %%
binary_validation = load(DATASET, "validation", binarize="fixed")
real = binary_validation.floats()

mean_image = (train.floats().sum(0) + 1) / (len(train) + 2)  # Laplace's rule: never exactly 0 or 1
draws = torch.bernoulli(mean_image.expand(12, -1, -1, -1), generator=seeded(0))


def independent_log_p(x):
    """log p(x) of the independent pixels in nats: (n, 1, 28, 28) → (n,)."""
    return (x * mean_image.log() + (1 - x) * (1 - mean_image).log()).flatten(1).sum(1)


score = independent_log_p(real).mean().item()
print(
    f"mean log p of a held-out black-and-white digit: {score:.1f} nats, a code of {-score / math.log(2):.0f} bits"
)
show(
    image_grid(torch.cat([real[:12], draws]), 2, 12, row_titles=["real, binary", "independent pixels"]),
    alt="Above twelve real digits in black and white; below twelve draws from independent pixels, all much the same speckled round blob.",
)


# %%
def neighbor_correlation(x):
    """Correlation of horizontal neighbors after each pixel's average is taken away."""
    rest = x - x.mean(0)
    return (rest[..., :-1] * rest[..., 1:]).sum().item() / rest.square().sum().item()


many = torch.bernoulli(mean_image.expand(len(real), -1, -1, -1), generator=seeded(1))
middle = many[..., 4:24, 4:24].sum().item() / many.sum().item()
in_draws, in_data = neighbor_correlation(many), neighbor_correlation(real)
guess.compare(
    0 if in_draws > 0.5 * in_data else 1 if middle > 0.9 else 2,
    f"{middle:.0%} of the white pixels lie in the middle 20 × 20, and neighbors are correlated by {round(in_draws, 2) + 0.0:.2f}; "
    f"in real digits by {in_data:.2f}.",
)
correlated = in_draws / in_data
claims.add("neighbors", correlated, between=(-0.1, 0.1), text="Correlation of neighbors, drawn over real")
# %% [markdown]
# The model is a proper distribution, it can be sampled and scored, and it is useless: what makes a digit is how pixels **depend** on each other. A
# **latent variable** repairs this. Let a hidden cause $z$ (which digit, how slanted, how thick) be drawn first, and let pixels be independent *given* $z$:
#
# $$
# z \sim p(z), \qquad x \sim p_\theta(x|z), \qquad p_\theta(x) = \int p_\theta(x|z)\, p(z)\, dz.
# $$
#
# In words: draw a code from the **prior** $p(z)$, decode it into a distribution over pictures, the **likelihood** $p_\theta(x|z)$, and draw a picture. The
# probability of $x$ adds up every code that could have made it. This **marginal** is where all the difficulty is, so look at it where it can be computed.
#
# ## 2 A toy where everything is known
#
# One latent number $z \sim \mathcal N(0, 1)$, two observed numbers. The decoder $f$ is a looping curve, and noise of width $\sigma$ is added:
#
# $$
# x \mid z \sim \mathcal N\bigl(f(z),\ \sigma^2 I\bigr), \qquad f(z) = (0.9\,z - 1.5 \sin 2.2 z,\ -1.5 \cos 2.2 z).
# $$
# %%
toy = CurveModel()
print(f"noise σ = {toy.sigma}")

z = torch.linspace(
    -6, 6, 1201, dtype=torch.float64
)  # a grid over the latent: beyond ±6 the prior has almost nothing
dz = (z[1] - z[0]).item()


def marginal_and_posterior(x):
    """p(x) and p(z|x) on the grid, for x (..., 2): the sum over z of p(x, z) dz, and p(x, z) / p(x)."""
    joint = toy.log_joint(x[..., None, :], z).exp()  # log_joint = log p(x|z) + log p(z)
    p_x = joint.sum(-1) * dz
    return p_x, joint / p_x[..., None]


# where the curve crosses itself, left and right meet on the line x1 = 0
half = torch.linspace(0.5, 2.0, 150_001, dtype=torch.float64)
z_crossing = half[toy.mean(half)[:, 0].abs().argmin()]
points = {
    "crossing": torch.stack([torch.zeros((), dtype=torch.float64), toy.mean(z_crossing)[1]]),
    "bottom": toy.mean(torch.zeros((), dtype=torch.float64)),
    "stray": torch.tensor([3.0, 0.0], dtype=torch.float64),
}
x1, x2 = torch.linspace(-4.5, 4.5, 121).double(), torch.linspace(-3, 3, 81).double()
plane = torch.stack(torch.meshgrid(x1, x2, indexing="xy"), dim=-1)  # (81, 121, 2)
p_plane = torch.stack([marginal_and_posterior(row)[0] for row in plane])
samples, _ = toy.sample(1500, seed=0)
show(
    toy_plane(toy, samples, p_plane.log(), (-4.5, 4.5, -3, 3), points),
    alt="Left: a looping curve that crosses itself above the origin, with samples scattered closely around it. Right: the density p(x), "
    "a bright looping band, brightest at the bottom, with three marked points: the crossing, the bottom, and one to the right.",
)
# %%
mass = (p_plane.sum() * (x1[1] - x1[0]) * (x2[1] - x2[0])).item()
chosen = torch.stack(list(points.values()))
p_chosen, posteriors = marginal_and_posterior(chosen)
log_p = p_chosen.log()
for name, value in zip(points, log_p.tolist(), strict=True):
    print(f"log p({name}) = {value:.3f} nats")
off = (log_p - toy.log_marginal(chosen)).abs().max()
claims.add("toy_mass", mass, near=(1.0, 5e-3), exact=True, text="Toy: p(x) added up over the plane drawn")
claims.add("toy_log_p", off, below=1e-6, unit="nats", exact=True, text="Toy: log p(x) off the package's")
# %% [markdown]
# ### Which $z$ made this $x$?
#
# Generating goes from $z$ to $x$. **Inference** goes back: by Bayes' rule the **posterior** is
#
# $$
# p(z|x) = \frac{p(x|z)\, p(z)}{p(x)}.
# $$
#
# In words: the codes that explain $x$ well, weighted by how common they are, divided by the marginal so that they add up to one.
# %%
guess = predict(
    "At the crossing, x lies on two branches of the curve. How many peaks has p(z|x) there?",
    [
        "one, halfway between the two codes",
        "two, of equal height",
        "two, the one nearer to z = 0 much higher",
    ],
    default=0,
)
# %%
show(
    toy_posteriors(z, dict(zip(points, posteriors, strict=True))),
    alt="Three panels with the broad prior and a narrow posterior: two equal peaks left and right of 0 for the crossing, one peak at 0 for the bottom, "
    "one peak on the right for the stray point.",
)
at_crossing = posteriors[0]
peaks = (
    (at_crossing[1:-1] > at_crossing[:-2]) & (at_crossing[1:-1] > at_crossing[2:]) & (at_crossing[1:-1] > 0.1)
).nonzero()[:, 0] + 1
heights = at_crossing[peaks]
outcome = 0 if len(peaks) == 1 else 1 if (heights.min() / heights.max()) > 0.9 else 2
guess.compare(
    outcome,
    "peaks at z = "
    + ", ".join(f"{value:.2f}" for value in z[peaks].tolist())
    + f", heights {heights.min():.2f} and {heights.max():.2f}.",
)
# %%
print(f"grid points for one latent dimension: {len(z):,}")
print(f"with only 100 points in each of {LATENT_DIM} dimensions: 1e{2 * LATENT_DIM}")
# %% [markdown]
# That is the end of grids. A digit model needs a dozen or more latent dimensions, and without $p(x)$ we can neither train by maximum likelihood nor compute
# a posterior. The way out is the heart of this course.
#
# ## 3 The ELBO: a bound you can compute
#
# Guess a simple distribution $q(z)$, here a Gaussian, and use it in place of the posterior. However bad the guess is, it gives a **lower** bound of $\log p(x)$,
# the **evidence lower bound**, ELBO. Two derivations follow; each shows one half of why it matters.
#
# **First: Jensen.** Multiply and divide by $q$, and the integral becomes an expectation:
#
# $$
# \log p(x) = \log \int q(z)\, \frac{p(x, z)}{q(z)}\, dz = \log \mathbb E_{q}\!\left[\frac{p(x, z)}{q(z)}\right] \ \ge\ \mathbb E_{q}\!\left[\log \frac{p(x, z)}{q(z)}\right] = \mathrm{ELBO}(q).
# $$
#
# In words: the logarithm is concave, so the log of an average is at least the average of the logs. This says *that* it is a bound, and that samples from $q$
# are all you need to estimate it. It does not say how tight the bound is.
#
# **Second: the KL identity.** Replace $p(x, z)$ by $p(z|x)\, p(x)$ inside the ELBO. $\log p(x)$ does not depend on $z$ and comes out:
#
# $$
# \mathrm{ELBO}(q) = \log p(x) - \mathbb E_q\!\left[\log \frac{q(z)}{p(z|x)}\right] = \log p(x) - \mathrm{KL}\bigl(q \,\|\, p(z|x)\bigr).
# $$
#
# In words: the average of $\log(q/p)$ under $q$ is the **Kullback–Leibler divergence** KL$(q\|p)$, and the gap **is** this divergence from $q$ to the true posterior. It is never negative (the first derivation just showed it), and zero only if $q$ equals the posterior.
#
# **To compute it**, split $p(x,z)$ the other way, as $p(x|z)\,p(z)$:
#
# $$
# \mathrm{ELBO}(q) = \underbrace{\mathbb E_{q}[\log p(x|z)]}_{-\,\text{distortion}} \ -\ \underbrace{\mathrm{KL}\bigl(q \,\|\, p(z)\bigr)}_{\text{rate}}.
# $$
#
# In words: how well codes from $q$ reproduce $x$, minus how far $q$ strays from the prior. The posterior has disappeared: nothing here needs $p(x)$.
# %%
guess = predict(
    "At the crossing the posterior has two peaks, and q is one Gaussian. How small can the best q make the gap?",
    ["0 nats: a wide q covers both", "about 0.7 nats", "more than 5 nats"],
    default=0,
)
# %% [markdown]
# Next, both sides for thousands of $q$ and two $x$. The ELBO comes from the last formula; the KL comes from the normalized posterior on a grid of its own. The
# two routes share the decoder and nothing else.
# %%
means = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64)
log_vars = torch.linspace(-6.5, 0.5, 71, dtype=torch.float64)
unit = torch.linspace(-9, 9, 721, dtype=torch.float64)  # a grid in standard deviations of q
weight = torch.exp(-0.5 * unit**2) / math.sqrt(2 * math.pi) * (unit[1] - unit[0])
fine = torch.linspace(-12, 12, 4801, dtype=torch.float64)  # a grid in z, fine enough for the narrowest q
d_fine = (fine[1] - fine[0]).item()


def elbo_exact(x, mean, log_var):
    """E_q[log p(x|z)] − KL(q ‖ p(z)) for q = N(mean, exp(log_var)), means and log variances (n,): (n,)."""
    at = mean[:, None] + (0.5 * log_var).exp()[:, None] * unit
    return (toy.log_likelihood(x, at) * weight).sum(-1) - 0.5 * (mean**2 + log_var.exp() - 1 - log_var)


def kl_to_posterior(x, mean, log_var):
    """KL(q ‖ p(z|x)) as a sum over z, means and log variances (n,): (n,)."""
    log_joint = toy.log_joint(x, fine)
    log_posterior = torch.log_softmax(log_joint, 0) - math.log(d_fine)
    log_q = torch.distributions.Normal(mean[:, None], (0.5 * log_var).exp()[:, None]).log_prob(fine)
    return (log_q.exp() * (log_q - log_posterior)).sum(-1) * d_fine


elbo, kl = {}, {}
for name in ("crossing", "bottom"):
    elbo[name] = torch.stack([elbo_exact(points[name], m.expand(71), log_vars) for m in means])
    kl[name] = torch.stack([kl_to_posterior(points[name], m.expand(71), log_vars) for m in means])
show(
    bound_landscape(
        z,
        {name: posteriors[i] for i, name in enumerate(elbo)},
        log_p[:2].tolist(),
        means,
        log_vars,
        list(elbo.values()),
        list(kl.values()),
    ),
    alt="Two rows, crossing and bottom. Left: the best q sits on one of the two peaks at the crossing and covers the single peak at the bottom. "
    "Middle: the ELBO stays below the horizontal line log p(x), and dots of log p(x) minus KL lie on the ELBO's curve. Right: maps of the gap over all q, with a star at the best one.",
)
# %%
log_p_of = dict(zip(points, log_p, strict=True))
above = max((elbo[name] - log_p_of[name]).max().item() for name in elbo)
mismatch = max((log_p_of[name] - elbo[name] - kl[name]).abs().max().item() for name in elbo)
best_gap = {name: (log_p_of[name] - elbo[name]).min().item() for name in elbo}
n_q = sum(values.numel() for values in elbo.values())
print(
    f"{n_q:,} pairs of x and q; smallest gaps: "
    + ", ".join(f"{name} {gap:.4f} nats" for name, gap in best_gap.items())
)
crossing = best_gap["crossing"]
claims.add("toy_elbo", above, below=0.0, unit="nats", exact=True, text="Toy: largest ELBO − log p(x)")
claims.add("toy_gap", mismatch, below=1e-3, unit="nats", exact=True, text="Toy: largest |gap − KL|")
claims.add(
    "crossing_gap",
    crossing,
    near=(math.log(2), 0.05),
    unit="nats",
    exact=True,
    text="Toy: smallest gap at the crossing, against ln 2",
)
outcome = 0 if crossing < 0.1 else 1 if crossing < 5 else 2
guess.compare(outcome, f"the smallest gap is {crossing:.3f} nats; ln 2 = {math.log(2):.3f}.")
# %% [markdown]
# Look at the upper left panel: the best $q$ (the star in the right panel) does not straddle the two peaks, it **picks one**. A $q$ on one of two equal peaks is twice as high as the posterior there,
# so $\log q/p \approx \ln 2$ wherever $q$ has mass. To cover both, a Gaussian would have to cover the empty stretch between them, and KL$(q\|p)$ charges heavily for putting mass where $p$ has none.
#
# In practice the expectation is estimated from a few draws of $z$, and an estimate needs a standard error.
# %%
generator = seeded(0)
some = [(m, v) for m in (-1.1, 0.0, 0.6, 1.1) for v in (-5.5, -3.0, -1.0)]
rows, z_scores = [], []
for m, v in some:
    mean, log_var = torch.tensor([m]).double(), torch.tensor([v]).double()
    draw = mean + (0.5 * log_var).exp() * torch.randn(4000, generator=generator, dtype=torch.float64)
    kl_prior = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    terms = toy.log_likelihood(points["crossing"], draw) - kl_prior
    exact, estimate, error = (
        elbo_exact(points["crossing"], mean, log_var).item(),
        terms.mean().item(),
        terms.std().item() / math.sqrt(len(terms)),
    )
    z_scores.append((estimate - exact) / error)
    rows.append(
        {
            "mean of q": m,
            "log variance": v,
            "exact ELBO": f"{exact:.3f}",
            "Monte Carlo ± standard error": f"{estimate:.3f} ± {error:.3f}",
        }
    )
results_table(rows[::3], caption="ELBO at the crossing, nats: exact, and from 4,000 draws")
worst_z = max(map(abs, z_scores))
claims.add("monte_carlo_z", worst_z, below=4.0, text="Worst Monte Carlo ELBO, standard errors")
# %% [markdown]
# So the ELBO has two uses, and a VAE puts it to both at once. Raise it by moving $q$: $\log p(x)$ stays, the gap closes, **inference** gets better. Raise it by moving
# the decoder: $\log p(x)$ itself may rise, the **model** gets better.
#
# ## 4 One encoder for every x
#
# Searching a new $q$ for each $x$ is slow. An **encoder** is a network that reads $x$ and puts out the mean and log variance of $q(z|x)$ in one go: the search is
# paid for once, in training, and shared by all $x$ (*amortized*). It is trained on the ELBO with one draw of $z$ for each $x$. The draw is written $z = \mu + \sigma\varepsilon$ with
# $\varepsilon \sim \mathcal N(0,1)$, so that gradients reach $\mu$ and $\sigma$ (chapter 02 measures what that is worth). The decoder stays the true one, except that its noise starts wide and narrows, so that the encoder first learns the rough shape.
# %%
guess = predict(
    "After training, how is the gap spread over held-out x?",
    [
        "much the same for all",
        "tiny for most, huge for a few: the worst tenth pays more than half of it",
        "large for most",
    ],
    default=0,
)
# %%
seed_everything(0)
encoder = nn.Sequential(nn.Linear(2, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 2))
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
toy_train, _ = toy.sample(20_000, seed=1)
for step in range(ENCODER_STEPS):
    optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / ENCODER_STEPS)
    x = toy_train[torch.randint(len(toy_train), (128,))]
    mean, log_var = encoder(x).T
    draw = mean + (0.5 * log_var).exp() * torch.randn(128)
    sigma = toy.sigma * max(
        1.0, 8 * (1 - 2 * step / ENCODER_STEPS)
    )  # wide noise first; the toy's own from 7/16 on
    distortion = 0.5 * ((x - toy.mean(draw)) ** 2).sum(-1) / sigma**2  # −log p(x|z), without its constant
    rate = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    loss = (distortion + rate).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % (ENCODER_STEPS // 4) == 0:
        print(f"step {step:5d}: noise σ {sigma:.2f}, loss {loss.item():.2f}")
# %% [markdown]
# While the noise narrows, the loss rises: the same miss is divided by a smaller $\sigma^2$. Compare losses only at one σ. This is one training, on a toy.
# %%
toy_test, _ = toy.sample(2000, seed=2)
with torch.no_grad():
    mean, log_var = encoder(toy_test).double().T
    q_points = [tuple(row) for row in encoder(chosen.float()).tolist()]
gap = toy.log_marginal(toy_test.double()) - toy.elbo(toy_test.double(), mean, log_var)
share_worst = (gap.sort().values[-len(gap) // 10 :].sum() / gap.sum()).item()

# for the 20 worst points, search q by brute force: is it the Gaussian that fails, or the network?
worst = gap.argsort()[-20:]
x_worst = toy_test[worst].double()
candidates = toy.elbo(
    x_worst[:, None, None], torch.linspace(-3, 3, 121).double()[:, None], torch.linspace(-6, -4, 5).double()
)
gap_search = toy.log_marginal(x_worst) - candidates.flatten(1).max(1).values
show(
    gap_map(toy, toy_test, gap),
    alt="Held-out points along the looping curve: small and light in most places, large and dark in patches where two branches of the curve come close.",
)
show(
    toy_posteriors(z, dict(zip(points, posteriors, strict=True)), q_points),
    alt="The three posteriors again, with the encoder's Gaussian dashed: close to the single peaks of bottom and stray, and unable to match the two peaks of the crossing.",
)
guess.compare(
    2 if gap.median() > 1 else 1 if share_worst > 0.5 else 0,
    f"the median gap is {gap.median():.3f} nats, the mean {gap.mean():.2f}; the worst tenth of the points pays {share_worst:.0%} of the total. "
    f"At the 20 worst, the encoder's mean gap is {gap[worst].mean():.1f} nats, that of a search {gap_search.mean():.2f}.",
)
searched = gap_search.mean() / gap[worst].mean()
claims.add("smallest_gap", gap.min(), above=-1e-6, unit="nats", exact=True, text="Toy encoder: smallest gap")
claims.add("median_gap", gap.median(), below=0.5, unit="nats", text="Toy encoder: median gap")
claims.add("worst_tenth", share_worst, above=0.5, unit="%", text="Share of the gap paid by the worst tenth")
claims.add("searched_gap", searched, below=0.25, unit="%", text="Searched q's gap, of the encoder's")
# %% [markdown]
# For most points the gap is small. A few pay dearly: the worst tenth has {{worst_tenth}} of it. Most of them lie where two branches come close: neighboring $x$ need very different $q$, and a smooth network must change over somewhere. Others lie near the ends of the two arms, where training points are rare. At the worst points a Gaussian would do; this network does not find it.
# So the gap has two parts: $q$ has the wrong **shape** (the crossing), or the encoder misses the best $q$ (the dark patches): the *amortization gap*.
#
# **A VAE is this, with a learned decoder.** Encoder parameters $\phi$ and decoder parameters $\theta$ climb the same bound:
#
# $$
# \max_{\theta, \phi}\ \sum_x\ \mathbb E_{q_\phi(z|x)}[\log p_\theta(x|z)] - \mathrm{KL}\bigl(q_\phi(z|x)\,\|\,\mathcal N(0, I)\bigr).
# $$
#
# ## 5 From autoencoder to VAE
#
# An **autoencoder** is older and simpler: an encoder squeezes $x$ into a code $z = e(x)$, a decoder rebuilds it. Put it beside the VAE:
#
# | | autoencoder | VAE |
# |---|---|---|
# | the encoder gives | one point $z$ | a distribution $q(z \mid x)$ |
# | minimized, per picture | $-\log p(x \mid z = e(x))$ | $-\mathbb E_q[\log p(x \mid z)] + \mathrm{KL}(q \,\Vert\, p(z))$ |
# | distribution of codes | none | prior $p(z) = \mathcal N(0, I)$ |
# | a bound of $\log p(x)$ | no | yes |
#
# Without noise and without the KL term, the VAE's loss is the autoencoder's. The decoder of every digit model gives each pixel a coin, as in section 1, so $-\log p(x|z)$ is the binary cross-entropy, summed over the
# pixels (chapter 05 says what that means for gray ones). First see that the package computes what the formulas say.
# %%
seed_everything(0)
x = train.batch(torch.arange(64))
model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=HIDDEN_DIMS)
with torch.no_grad():
    q = model.encode(x)  # q.mean and q.log_var, each (64, latent)
    noise = torch.randn(q.mean.shape, generator=seeded(1))
    logits = model.decode(q.mean + (0.5 * q.log_var).exp() * noise)
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    rate = 0.5 * (q.mean**2 + q.log_var.exp() - 1 - q.log_var).sum(1)
    package = elbo_terms(model, x, seeded(1))
difference = (package.negative_elbo - distortion - rate).abs().max().item()
print(
    f"−ELBO of the untrained VAE: {(distortion + rate).mean():.1f} nats, largest difference from the package {difference:.1e}"
)
claims.add("same_elbo", difference, below=1e-3, unit="nats", exact=True, text="−ELBO off the package's")
# %% [markdown]
# Now train both on gray digits: same data, same decoder, same number of updates, several seeds. (An interval in this chapter is a 95 % interval over the seeds.) One thing differs: for the VAE the weight of the KL term rises from 0
# to 1 in the first half of the run (chapter 04 says why); the curves show the full −ELBO all the same. Settings were chosen on validation digits; the test digits
# are only reported on, by the judge and in section 7.
# %%
guess_reconstruction = predict(
    "Which model rebuilds held-out digits better?", ["the autoencoder", "the VAE", "no difference"], default=1
)


# %%
def train_digits(kind, seed, **settings):
    """A new Autoencoder or VAE, trained; and its history."""
    seed_everything(seed)
    model = kind.for_data(train, latent_dim=LATENT_DIM, hidden_dims=HIDDEN_DIMS)
    history = fit(
        model, train, validation, epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE,
        schedule="linear", warmup=0.05, seed=seed, device="cpu", progress=False, **{"kl_warmup": 0.0} | settings,
    )  # fmt: skip
    last = history.last["validation"]
    print(
        f"{kind.__name__}, seed {seed}: held-out reconstruction {last['reconstruction']:.1f}, KL {last['kl']:.1f} nats"
    )
    return model, history


autoencoders, histories_ae = zip(*[train_digits(Autoencoder, seed) for seed in range(N_SEEDS)], strict=True)
# %%
vaes, histories_vae = zip(*[train_digits(VAE, seed, kl_warmup=0.5) for seed in range(N_SEEDS)], strict=True)
show(
    training_curves(histories_vae[0]),
    alt="Three falling or settling curves of the VAE over the epochs, training and held-out nearly together: −ELBO, reconstruction, and the KL term.",
)
# %%


def held_out_reconstruction(histories):
    return Runs(history.last["validation"]["reconstruction"] for history in histories)


extra = held_out_reconstruction(histories_vae) - held_out_reconstruction(histories_ae)  # paired by seed
shown = validation.floats()[:12]
show(
    image_grid(
        torch.cat([shown, autoencoders[0].reconstruct(shown), vaes[0].reconstruct(shown)]),
        3,
        12,
        row_titles=["original", "autoencoder", "VAE, at the mean"],
    ),
    alt="Twelve held-out digits, and below them their reconstructions by autoencoder and VAE: both close to the originals, the VAE's a little softer.",
)
guess_reconstruction.compare(
    0 if extra.low > 0 else 1 if extra.high < 0 else 2,
    f"the VAE's reconstruction term is higher by {extra} nats ({N_SEEDS} seeds, 95 % interval).",
)
claims.add("rebuilt", extra, above=0.0, unit="nats", whole_interval=True, text="Rebuilt: VAE − autoencoder")
# %% [markdown]
# If rebuilding were the goal, you would stop here: the autoencoder wins by {{rebuilt}}. (Part of its lead may be noise: the VAE's term is measured at a draw of $z$, and we did not take the two apart.) But the goal is a *new* digit.
#
# ### Can an autoencoder generate?
#
# The folklore says no. To test it, you need codes to decode. Two ways: draw from $\mathcal N(0, I)$ as for a VAE, or fit a Gaussian (mean and full covariance) to the codes
# of the training digits and draw from that. Both can be done to a VAE too, so there are four cases.
#
# A word on pictures: from here on we show and judge the decoder's **mean**, as nearly everybody does. A draw from $p(x|z)$ would toss every pixel's coin. The GAN's pictures are what it makes. Keep that in mind when
# you compare softness.
#
# **A judge.** The **Fréchet distance** compares two sets of pictures through the features of a classifier: fit a Gaussian to the features of each set, and measure
#
# $$
# d^2 = \lVert \mu_a - \mu_b \rVert^2 + \operatorname{tr}\!\bigl(\Sigma_a + \Sigma_b - 2(\Sigma_a^{1/2} \Sigma_b \Sigma_a^{1/2})^{1/2}\bigr).
# $$
#
# In words: distance between the centers, plus mismatch of the spreads; 0 for equal Gaussians. With features of the Inception network on many pictures this is called FID. **Ours is not FID**: the features come from a
# small classifier of these very digits, trained in the next cell, so the numbers compare models in this notebook and nothing else. Few pictures bias it upwards, so the same number is used on each side, and the distance of real digits to other real digits is
# the floor. (Like FID, the number is the square $d^2$.) We also measure **sharpness** (edge strength over that of real digits) and **recall** (share of real digits that lie among the samples: coverage; even other real digits in place of the samples do not reach 1).
# %%
judge = train_classifier(train, seed=0, epochs=JUDGE_EPOCHS)
test = load(DATASET, "test")
n_judged = min(JUDGE_EXAMPLES, len(test), len(validation))
judged_test = test.subset(n_judged, seed=0).floats()
other_real = validation.subset(n_judged, seed=0).floats()
floor = sample_quality(other_real, judged_test, judge)
DECIDED = (
    n_judged >= 1000
)  # with the few hundred pictures of "digits", intervals of close distances overlap 0
print(
    f"the judge reads {judge.accuracy(validation):.1%} of held-out digits correctly; {n_judged:,} pictures on each side"
)
print(f"real against real: Fréchet distance {floor.frechet:.2f}, recall {floor.recall:.2f}")
# %%
guess = predict(
    "Decode codes drawn from a Gaussian that was fitted to the autoencoder's codes. Against the VAE's samples from N(0, I), the Fréchet distance is",
    [
        "much larger: an autoencoder cannot generate",
        "about the same or smaller",
        "not decided by these seeds",
    ],
    default=0,
)


# %%
@torch.no_grad()
def training_codes(model, seed=0):
    """Codes of the training digits (n, latent): the point of an autoencoder, one draw from q(z|x) of a VAE."""
    code = model.encode(train.floats())
    return code if isinstance(code, torch.Tensor) else code.sample(generator=seeded(seed))


def fitted_gaussian(model):
    """Mean (latent,) and a square root L (latent, latent) of the covariance of the codes."""
    codes = codes_of[model]
    return codes.mean(0), torch.linalg.cholesky(torch.cov(codes.T) + 1e-6 * torch.eye(LATENT_DIM))


codes_of = {model: training_codes(model) for model in (*autoencoders, *vaes)}


@torch.no_grad()
def draw_pictures(model, seed, fitted):
    """n_judged pictures: decoder means at codes from N(0, I), or from the Gaussian fitted to the codes."""
    u = torch.randn(n_judged, LATENT_DIM, generator=seeded(1000 + seed))
    if fitted:
        center, root = fitted_gaussian(model)
        u = center + u @ root.T
    return torch.sigmoid(model.decode(u))


def judged(pictures):
    """Measure → Runs, from pictures of every seed."""
    found = [sample_quality(p, judged_test, judge) for p in pictures]
    return {
        "frechet": Runs((q.frechet for q in found), least=0),
        "sharpness": Runs((q.sharpness for q in found), least=0),
        "recall": Runs((q.recall for q in found), least=0, most=1),
    }


drawn, quality = {}, {}
for kind, models in (("autoencoder", autoencoders), ("VAE", vaes)):
    for way, fitted in (("N(0, I)", False), ("fitted Gaussian", True)):
        name = f"{kind}, {way}"
        pictures = [draw_pictures(model, seed, fitted) for seed, model in enumerate(models)]
        drawn[name] = pictures[0]
        quality[name] = judged(pictures)
quality["VAE, rebuilt digits"] = judged([model.reconstruct(other_real) for model in vaes])
show(
    image_grid(torch.cat([pictures[:12] for pictures in drawn.values()]), 4, 12, row_titles=list(drawn)),
    alt="Four rows of twelve generated digits: autoencoder with N(0, I), blurred and similar; autoencoder with a fitted Gaussian, crisp, many digits; "
    "VAE with either, smooth, many digits.",
)
for name in quality:
    print(f"{name:30s} Fréchet distance {quality[name]['frechet']:.1f}")


# %%
def compare_seeds(better, worse, measure):
    """The differences worse − better, paired by seed."""
    return quality[worse][measure] - quality[better][measure]


naive = compare_seeds("VAE, N(0, I)", "autoencoder, N(0, I)", "frechet")
advantage = compare_seeds("autoencoder, fitted Gaussian", "VAE, N(0, I)", "frechet")
rebuilt = compare_seeds("VAE, rebuilt digits", "VAE, N(0, I)", "frechet")
both_fitted = compare_seeds("autoencoder, fitted Gaussian", "VAE, fitted Gaussian", "frechet")
fit_gains = compare_seeds("VAE, fitted Gaussian", "VAE, N(0, I)", "frechet")
claims.add("frechet_naive", naive, above=0, whole_interval=True, text="Fréchet, N(0, I): autoencoder − VAE")
claims.add(
    "frechet_fitted",
    advantage,
    above=0,
    whole_interval=DECIDED,
    text="Fréchet: VAE with N(0, I) − autoencoder with a fitted Gaussian",
)
claims.add("frechet_rebuilt", rebuilt, above=0, whole_interval=DECIDED, text="Fréchet: drawn − rebuilt")
claims.note("both_fitted", both_fitted)
claims.note("fit_gains", fit_gains)
print(f"VAE, fitted Gaussian − autoencoder, fitted Gaussian: {both_fitted:.1f}")
print(f"VAE, N(0, I) − VAE, fitted Gaussian: {fit_gains:.1f}")
guess.compare(
    2 if advantage.low < 0 < advantage.high else 1 if advantage.mean > 0 else 0,
    f"the autoencoder with a fitted Gaussian is better than the VAE with its prior by {advantage:.1f}.",
)


# %% [markdown]
# By this judge "an autoencoder cannot generate" is **not true as it stands**. Decoded at $\mathcal N(0, I)$ it fails, but nobody told it to put its codes there. Give it a distribution that fits its codes, and its
# pictures are closer to real digits than the VAE's from its prior, by {{frechet_fitted}}. (Ghosh et al. 2020 found much the same on larger pictures.) Now compare like with like: fit a Gaussian to the VAE's codes as well, and what is left between the two is {{both_fitted}}, which these seeds do not decide. Where the codes lie helps to see why:
# %%
def spread(model):
    return codes_of[model].std(0).sort(descending=True).values.tolist()


def correlation(model):
    off_diagonal = torch.corrcoef(codes_of[model].T) - torch.eye(LATENT_DIM)
    return off_diagonal.abs().max().item()


dimensions = list(range(1, LATENT_DIM + 1))
show(
    line_plot(
        {
            "autoencoder": (dimensions, spread(autoencoders[0])),
            "VAE, draws from q(z|x)": (dimensions, spread(vaes[0])),
            "prior N(0, I)": (dimensions, [1.0] * LATENT_DIM),
        },
        "latent dimension, sorted",
        "standard deviation of the codes",
    ),
    alt="Standard deviation of the codes in each latent dimension: the autoencoder's are well above 1 and differ; the VAE's lie near the prior's line at 1.",
)
print(
    f"largest correlation between two dimensions: autoencoder {correlation(autoencoders[0]):.2f}, VAE {correlation(vaes[0]):.2f}"
)
# %% [markdown]
# The VAE's KL term does part of this in training: its codes have standard deviations near 1, though correlations remain, and a Gaussian fitted to its codes changes its pictures too
# (by {{fit_gains}} for the better). What the VAE has is that it can be sampled **without a second fit**. And digits that it rebuilds are closer to real ones than its samples: the decoder can draw; it is the codes from the
# prior that fall short. Chapter 04 asks why.
#
# What then does a VAE have that this repaired autoencoder has not? Section 7 measures it.
#
# ## 6 The GAN: no likelihood at all
#
# A **generative adversarial network** keeps the decoder, here called generator $G$, and throws the rest away. A second network, the discriminator $D$, learns to tell real from
# generated digits; $G$ learns to be mistaken for real:
#
# $$
# \min_D\ \mathbb E_{x}[\operatorname{softplus}(-D(x))] + \mathbb E_{z}[\operatorname{softplus}(D(G(z)))], \qquad \min_G\ \mathbb E_{z}[\operatorname{softplus}(-D(G(z)))].
# $$
#
# In words: $\operatorname{softplus}(-D)$ is $-\log \operatorname{sigmoid}(D)$, the loss of a classifier that reads $D$ as a logit. $D$ gives real digits a high score and generated ones a low score; $G$ raises the score of its own (the *non-saturating* loss). Nothing here is a probability of $x$. We add one term: a penalty on
# the slope of $D$ at real digits (R1, Mescheder et al. 2018), so that $D$ cannot run away. The generator is a VAE's decoder of the same size, with its encoder unused. Set `GAN_PENALTY = 0` to see what becomes of it.
# %%
guess = predict(
    "Same decoder, trained against a discriminator. Compared with the VAE's samples, the GAN's will be",
    [
        "sharper and closer to data (Fréchet)",
        "sharper, but further from data",
        "less sharp",
        "sharper; these seeds do not decide the distance",
    ],
    default=0,
)


# %%
def train_gan(seed):
    seed_everything(seed)
    generator = VAE.for_data(
        train, latent_dim=LATENT_DIM, hidden_dims=HIDDEN_DIMS
    )  # only its decoder is used
    wide, narrow = HIDDEN_DIMS
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, wide),
        nn.LeakyReLU(0.2),
        nn.Linear(wide, narrow),
        nn.LeakyReLU(0.2),
        nn.Linear(narrow, 1),
    )
    settings = {"lr": GAN_LEARNING_RATE, "betas": (0.5, 0.999)}
    optimizer_g = torch.optim.Adam(generator.decoder.parameters(), **settings)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), **settings)
    for epoch in range(GAN_EPOCHS):
        for index in torch.randperm(len(train)).split(GAN_BATCH_SIZE):
            real = train.batch(index).requires_grad_()
            fake = torch.sigmoid(generator.decode(torch.randn(len(index), LATENT_DIM)))

            score = discriminator(real)
            loss_d = F.softplus(-score).mean() + F.softplus(discriminator(fake.detach())).mean()
            slope = torch.autograd.grad(score.sum(), real, create_graph=True)[0]
            penalty = slope.flatten(1).square().sum(1).mean()
            optimizer_d.zero_grad()
            (loss_d + 0.5 * GAN_PENALTY * penalty).backward()
            optimizer_d.step()

            loss_g = F.softplus(-discriminator(fake)).mean()
            optimizer_g.zero_grad()
            loss_g.backward()
            optimizer_g.step()
        if epoch % max(1, GAN_EPOCHS // 3) == 0:
            print(
                f"GAN, seed {seed}, epoch {epoch + 1}: discriminator {loss_d.item():.2f}, generator {loss_g.item():.2f}"
            )
    return generator.eval()


gans = [train_gan(0)]
# %%
gans += [train_gan(seed) for seed in range(1, N_SEEDS)]
# %%
pictures = [draw_pictures(model, seed, fitted=False) for seed, model in enumerate(gans)]
drawn["GAN"] = pictures[0]
quality["GAN"] = judged(pictures)
show(
    image_grid(
        torch.cat([judged_test[:12], drawn["VAE, N(0, I)"][12:24], drawn["GAN"][:12]]),
        3,
        12,
        row_titles=["real", "VAE", "GAN"],
    ),
    alt="Twelve real digits, twelve of the VAE, smooth and soft, and twelve of the GAN, with hard edges and ragged or broken strokes.",
)
updates = {"autoencoder and VAE": (EPOCHS, BATCH_SIZE), "GAN, each network": (GAN_EPOCHS, GAN_BATCH_SIZE)}
print("updates: " + ", ".join(f"{who} {e * math.ceil(len(train) / b):,}" for who, (e, b) in updates.items()))
sources = [name for name in quality if name != "VAE, rebuilt digits"]
measures = {"Fréchet distance (log scale)": "frechet", "sharpness": "sharpness", "recall": "recall"}
show(
    interval_dots(
        {label: {name: quality[name][measure] for name in sources} for label, measure in measures.items()},
        {label: getattr(floor, measure) for label, measure in measures.items()},
        log=("Fréchet distance (log scale)",),
    ),
    alt="Three panels of dots with intervals for five sources. Fréchet distance: highest for the autoencoder with N(0, I). "
    "Sharpness: the VAE's rows lie below real digits, the GAN at or above them. Recall: lowest for the autoencoder with N(0, I).",
)
# %%
closer = compare_seeds("GAN", "VAE, N(0, I)", "frechet")
softer = compare_seeds("VAE, N(0, I)", "GAN", "sharpness")
covers = compare_seeds("GAN", "VAE, N(0, I)", "recall")
if DECIDED:  # with the few hundred offline pictures even the sign is open: printed below, not claimed
    claims.add("frechet_gan", closer, above=0, whole_interval=True, text="Fréchet distance: VAE − GAN")
claims.add("recall_gan", covers, above=0, whole_interval=DECIDED, text="Recall: VAE − GAN")
claims.add("sharpness_gan", softer, above=0, whole_interval=True, text="Sharpness: GAN − VAE")
guess.compare(
    2 if softer.mean < 0 else 3 if closer.low < 0 < closer.high else 0 if closer.mean > 0 else 1,
    f"GAN minus VAE, over {N_SEEDS} seeds: sharpness {softer:+.2f}, Fréchet distance {-closer:+.1f}, recall {-covers:+.2f}.",
)
# %% [markdown]
# On MNIST the GAN's digits are nearer to real ones by this judge (on the small offline digits, three seeds do not decide), and sharper on both. It pays with recall, which is {{recall_gan}} below the VAE's: it leaves out more of the real digits. And sharp is not the same as right: look at the strokes.
# The budgets are small, and we did not test more. A sharpness beyond that of real digits is no merit: noise counts as sharp.
# Note the losses printed above. They do not tell you whether the samples are good, because each is measured against an opponent that keeps changing. A VAE's −ELBO can be read off on held-out digits.
#
# ## 7 What is a held-out digit worth?
#
# Samples show what a model draws. They cannot show what it *never* draws. A held-out likelihood can: a model that has no room for some digit pays when that digit comes.
#
# Why has a GAN none? Its generator has no noise at the end, so all it can make is a thin sheet in pixel space, with at most as many dimensions as the code has, among 784. That is the toy with $\sigma \to 0$:
# %%
toy_points = toy_test.double()[:500]
for sigma in (0.25, 0.1, 0.05, 0.02):
    print(
        f"toy with σ = {sigma:4.2f}: mean log p of held-out points {CurveModel(sigma).log_marginal(toy_points).mean():9.1f} nats"
    )
# %% [markdown]
# The points stay the same, drawn with the toy's own σ; only the model's σ shrinks. A held-out point almost never lies exactly on the curve, so without noise its log density falls without limit. And a GAN has no encoder, so nothing even proposes the $z$ of a given $x$.
#
# The VAE has both. Its ELBO is a bound of $\log p(x)$; the **importance-weighted bound** draws $K$ codes from $q(z|x)$ and is tighter (exercise 01.6; Burda et al. 2016):
#
# $$
# \log p(x)\ \ge\ \mathbb E\,\log \frac1K \sum_{k=1}^{K} \frac{p(x|z_k)\,p(z_k)}{q(z_k|x)}, \qquad z_k \sim q(z|x).
# $$
#
# In words: each code gives a guess of $p(x)$; average $K$ guesses, then take the logarithm.
#
# **And the other two?** In fairness, give them what they lack: the autoencoder a prior (the Gaussian fitted to its codes), both a likelihood (read the decoder's output as pixel probabilities), and both an encoder, trained on
# the ELBO while the decoder stays **frozen**. Then each is a latent-variable model with a bound. It is a statement about the repaired model, and only a bound: a better encoder might raise it. In the table below, parentheses hold the interval over the seeds, on all test digits;
# ± is one standard error over digits, on the fewer digits of the tighter bound. The last row is a ceiling: a model that knew every gray value would still pay for the coins that made the digits black and white.
# %%
guess = predict(
    "Give the autoencoder a prior, a likelihood and a late encoder. Its ELBO on held-out binary digits will be",
    ["within 10 nats of the VAE's", "far below it", "far above it"],
    default=1,
)


# %%
def with_late_encoder(decoder, seed, center=None, root=None):
    """A VAE around a finished decoder. A Gaussian prior N(center, root rootᵀ) is folded into its first layer."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=HIDDEN_DIMS)
    model.decoder.load_state_dict(decoder.state_dict())
    if center is not None:  # z = center + root u with u ~ N(0, I): W z + b = (W root) u + (W center + b)
        first = model.decoder.layers[0]
        with torch.no_grad():
            first.bias += first.weight @ center
            first.weight.copy_(first.weight @ root)
    model.decoder.requires_grad_(False)
    fit(
        model, train, epochs=LATE_ENCODER_EPOCHS, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE,
        schedule="linear", warmup=0.05, kl_warmup=0.0, seed=seed, device="cpu", progress=False,
    )  # fmt: skip
    print(f"late encoder, seed {seed}: done")
    return model


repaired_ae = [
    with_late_encoder(model.decoder, seed, *fitted_gaussian(model)) for seed, model in enumerate(autoencoders)
]
# %%
repaired_gan = [with_late_encoder(model.decoder, seed) for seed, model in enumerate(gans)]
# %%
binary_test = load(DATASET, "test", binarize="fixed")
scored = {"VAE": vaes, "autoencoder, repaired": repaired_ae, "GAN, repaired": repaired_gan}
test_elbo = {
    name: -Runs(evaluate(m, binary_test).negative_elbo for m in models) for name, models in scored.items()
}

bound_digits = binary_test.subset(min(BOUND_EXAMPLES, len(binary_test)), seed=0)
x_bound = bound_digits.floats()


@torch.no_grad()
def tight_bound(model):
    """log p̂_K of each digit, (n,)."""
    noise = seeded(0)
    return torch.cat(
        [importance_weighted_log_prob(model, part, BOUND_K, noise) for part in x_bound.split(100)]
    )


tight = {name: tight_bound(models[0]) for name, models in scored.items()}
independent = independent_log_p(binary_test.floats()).mean().item()
likelihood_rows = [{"model": "independent pixels", "log p(x), exact": f"{independent:.1f}"}]
for name in ("GAN, repaired", "autoencoder, repaired", "VAE"):
    error = tight[name].std().item() / math.sqrt(len(x_bound))
    likelihood_rows.append(
        {
            "model": name,
            f"ELBO, {N_SEEDS} seeds": f"{test_elbo[name]:.1f}",
            f"bound, K = {BOUND_K}, seed 0": f"{tight[name].mean():.1f} ± {error:.1f}",
        }
    )
likelihood_rows.append({"model": "autoencoder or GAN as trained", "log p(x), exact": "not defined"})
gray = load(DATASET, "test").floats()
coins = (torch.special.entr(gray) + torch.special.entr(1 - gray)).flatten(1).sum(1).mean().item()
likelihood_rows.append(
    {
        "model": "ceiling: entropy of the coins themselves",
        "log p(x), exact": f"at most {-coins:.1f} in expectation",
    }
)
results_table(
    likelihood_rows,
    caption=f"Held-out {DATASET} test digits, black and white, nats per digit (higher is better). ELBO: all test digits, "
    f"95 % interval over seeds; bound: {len(x_bound)} of them, ± standard error over digits",
)
# %%
over_ae = test_elbo["VAE"] - test_elbo["autoencoder, repaired"]
over_gan = test_elbo["VAE"] - test_elbo["GAN, repaired"]
over_pixels = test_elbo["VAE"] - independent
same_digits_elbo = -evaluate(vaes[0], bound_digits).negative_elbo.value
rise = tight["VAE"].mean().item() - same_digits_elbo
lead = tight["VAE"] - tight["autoencoder, repaired"]  # paired: the same digits, so their difficulty cancels
lead_mean, lead_error = lead.mean().item(), lead.std().item() / math.sqrt(len(lead))
print(
    f"VAE, the same {len(x_bound)} digits: ELBO {same_digits_elbo:.1f}, bound with K = {BOUND_K} {tight['VAE'].mean():.1f} nats"
)
lead_elbo = same_digits_elbo + evaluate(repaired_ae[0], bound_digits).negative_elbo.value
print(
    f"VAE − repaired autoencoder, seed 0: ELBO {lead_elbo:.1f}, K = {BOUND_K} {lead_mean:.1f} ± {lead_error:.1f} nats"
)
shrinks = lead_elbo - lead_mean
claims.add("lead_shrinks", shrinks, above=0, unit="nats", text="Lead by ELBO − by the tighter bound")
claims.add("tighter", rise, above=0, unit="nats", text="VAE: importance-weighted bound − ELBO, same digits")
claims.add("over_pixels", over_pixels, above=50, unit="nats", whole_interval=True, text="ELBO: VAE − pixels")
claims.add(
    "over_autoencoder",
    over_ae,
    between=(-10, 10),
    unit="nats",
    whole_interval=True,
    text="ELBO: VAE − repaired autoencoder",
)
claims.add("over_gan", over_gan, above=10, unit="nats", whole_interval=True, text="ELBO: VAE − repaired GAN")
guess.compare(
    0 if abs(over_ae.mean) < 10 else 1 if over_ae.mean > 0 else 2,
    f"the VAE is ahead by {over_ae:.1f} nats; over the repaired GAN by {over_gan:.1f}.",
)
# %% [markdown]
# Three lessons. (All models were trained on gray digits and are scored on the same black-and-white ones.)
#
# 1. The autoencoder was never short of a *decoder*. With prior, likelihood and encoder added, its ELBO comes within {{over_autoencoder}} of that of the VAE, which had one objective for all of it from the start. The VAE's lead shrinks under the tighter bound: part of it is gap, not $\log p(x)$.
# 2. The GAN's samples win the Fréchet contest on MNIST, and its bound is {{over_gan}} behind. Its generator seems to leave little room for many real digits (Wu et al. 2017 found the same with a better estimator). Part of that is the reading: its gray values were never trained as probabilities of coins, and a pixel near 0 or 1 is a hard bet. And part may be the late encoder. We did not take these apart.
# 3. The two judges disagree: **good samples and good likelihood are different things** (Theis et al. 2016).
#
# A score for every $x$ has uses. Next, the digits with the lowest and the highest bound under the VAE.
# %%
order = tight["VAE"].argsort()
show(
    image_grid(
        torch.cat([x_bound[order[:12]], x_bound[order[-12:]]]),
        2,
        12,
        row_titles=["lowest bound", "highest bound"],
    ),
    alt="Above, the twelve test digits with the lowest bound; below, the twelve with the highest, best at the right. The last of the lower row are single upright strokes or close to it.",
)
ink = x_bound.flatten(1).sum(1).double()
ink_correlation = torch.corrcoef(torch.stack([ink, tight["VAE"]]))[0, 1].item()
print(
    f"from {tight['VAE'].min():.0f} to {tight['VAE'].max():.0f} nats; correlation with the number of white pixels {ink_correlation:.2f}"
)
if DECIDED:
    claims.add("ink", ink_correlation, below=0, text="Correlation of a digit's white pixels with its bound")
# %% [markdown]
# The warning is in the picture: a high bound does not mean a typical digit. On MNIST, the less ink a digit has, the higher it tends to score. Chapter 09 comes back to what that means for finding anomalies.
#
# ## 8 Four families, and where VAEs are used
#
# | | VAE | GAN | normalizing flow | diffusion model |
# |---|---|---|---|---|
# | optimizes | a lower bound of $\log p(x)$ | a game against a discriminator | $\log p(x)$ itself | a weighted bound of $\log p(x)$, by denoising |
# | density of a given $x$ | a bound | none | exact | a bound, or an estimate from an ODE |
# | encoder | yes, to a small code | none | yes, but the code is as large as $x$ | none to a small code |
# | a sample costs | one decoder pass | one generator pass | one pass (autoregressive flows: one for each dimension) | tens to hundreds of passes |
# | typical strength | code, bound, coverage, stable training | sharp samples | exact likelihood | sharp samples *and* coverage |
# | **gives up** | sharpness | density, encoder, often coverage | a smaller code; free choice of network | fast sampling; a compact code |
#
# **Where VAEs are used.** *Compression in front of other models*: latent diffusion runs in the code of an autoencoder with a small KL term (Rombach et al. 2022). *Science*: gene expression of single cells (Lopez et al. 2018),
# molecules searched in a continuous code (Gómez-Bombarelli et al. 2018). *Recommendation* (Liang et al. 2018). *World models*: an agent learns to drive with the code of a VAE for eyes (Ha & Schmidhuber 2018). *Anomaly detection*, with the caution above.
#
# ## 9 The map of the course
#
# Read 01 and 02 first; after that, follow what you need.
# %%
show(
    course_map(here=1),
    alt="A map of the eleven chapters in five columns: foundations (01, 02), the two terms (04, 05), the code (03, 08), what goes wrong (06, 07), "
    "what it is good for (09, 10, 11). Chapter 01 is framed in bold; under each title stands which chapters it builds on.",
)
# %% [markdown]
# ## Play
#
# Move $q$ yourself. At the crossing: find the $q$ with the smallest gap, then the other one. At the bottom: how small can you make the gap? At the stray point: what costs more, a $q$ that is too wide or one that is too narrow?
# %%
explorer = explore_toy_posterior(toy, points)
# %% [markdown]
# ## What we measured
# %%
rows = [
    {"measure": "toy: largest |gap − KL|", "value": f"{mismatch:.1e} nats"},
    {"measure": "toy: smallest gap at the crossing", "value": f"{crossing:.3f} nats"},
    {"measure": "toy encoder: median and mean gap", "value": f"{gap.median():.3f} and {gap.mean():.2f} nats"},
    {"measure": "reconstruction: VAE behind autoencoder by, nats", "value": extra},
    {"measure": "Fréchet distance, real against real", "value": f"{floor.frechet:.1f}"},
]
rows += [{"measure": f"Fréchet distance, {name}", "value": runs["frechet"]} for name, runs in quality.items()]
rows += [{"measure": f"test ELBO, {name}, nats", "value": runs} for name, runs in test_elbo.items()]
results_table(rows)
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `hint` gives one hint at a time, `solution` is folded.
#
# ### Exercise 01.1: the log density of a Gaussian (easy)
#
# **Contract**: `gaussian_log_density(x, mean, std)`: `x` and `mean` are float tensors `(n, D)`, `std` > 0 is one number, the standard deviation of every dimension. Returns
# $\log \mathcal N(x; \text{mean}, \text{std}^2 I)$ of each row in nats, `(n,)`.
# %%
def gaussian_log_density(x: torch.Tensor, mean: torch.Tensor, std: float) -> torch.Tensor:
    """x, mean: (n, D); std: one number > 0. Returns log N(x; mean, std² I) in nats, shape (n,)."""
    ...


# hint("01.1")  # remove the first # for a hint, again for the next one
check("01.1", gaussian_log_density)
# %%
solution("01.1")


# %% [markdown]
# ### Exercise 01.2: the marginal on a grid, without underflow (easy)
#
# Section 2 added up densities. Far from the curve they all underflow to 0. **Contract**: `log_marginal(log_joint, dz)`: `log_joint` is a float tensor `(n, G)`, $\log p(x_i, z_g)$ on $G$ values of $z$ that are `dz` apart.
# Returns $\log p(x_i)$ in nats, `(n,)`, finite even where every joint density underflows.
# %%
def log_marginal(log_joint: torch.Tensor, dz: float) -> torch.Tensor:
    """log_joint: (n, G), log p(x_i, z_g); dz: the grid's spacing. Returns log p(x_i) in nats, shape (n,)."""
    ...


# hint("01.2")  # remove the first # for a hint, again for the next one
check("01.2", log_marginal)
# %%
solution("01.2")


# %% [markdown]
# ### Exercise 01.3: the ELBO from samples (medium)
#
# **Contract**: `elbo_from_samples(log_joint, log_q)`: float tensors `(n, S)`, $\log p(x_i, z_{is})$ and $\log q(z_{is}|x_i)$ at $S$ samples from $q(z|x_i)$. Returns the estimate of the ELBO of each $x_i$ in nats, `(n,)`.
# %%
def elbo_from_samples(log_joint: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """log_joint, log_q: (n, S), at S samples from q for each of n points. Returns the ELBO in nats, (n,)."""
    ...


# hint("01.3")  # remove the first # for a hint, again for the next one
check("01.3", elbo_from_samples)
# %%
solution("01.3")
# %% [markdown]
# ### Exercise 01.4: what each model optimizes (easy)
#
# **Contract**: a dict with one string for each of four keys. `autoencoder`, `vae`, `gan`: what training optimizes. **A** a reconstruction error and nothing else; **B** a lower bound of $\log p(x)$; **C** $\log p(x)$ itself, exactly; **D** being mistaken for data by a second network
# that is trained at the same time. `held_out`: where a GAN, as trained, finds the density of a held-out $x$. `"none"`: it has no way to; `"discriminator"`: the discriminator's output is that density; `"reconstruction"`: it follows from how well the GAN reconstructs $x$.
# %%
answer_01_4 = {"autoencoder": ..., "vae": ..., "gan": ..., "held_out": ...}

# hint("01.4")  # remove the first # for a hint, again for the next one
check("01.4", answer_01_4)
# %%
solution("01.4")


# %% [markdown]
# ### Exercise 01.5: the KL divergence between two Gaussians (medium)
#
# **Contract**: `kl_gaussians(mean_q, std_q, mean_p, std_p)`: four float tensors `(n,)`, standard deviations > 0. Returns $\mathrm{KL}(\mathcal N(\text{mean}_q, \text{std}_q^2) \,\|\, \mathcal N(\text{mean}_p, \text{std}_p^2))$ in nats, `(n,)`, never negative.
# %%
def kl_gaussians(
    mean_q: torch.Tensor, std_q: torch.Tensor, mean_p: torch.Tensor, std_p: torch.Tensor
) -> torch.Tensor:
    """Four (n,) tensors. Returns KL(N(mean_q, std_q²) || N(mean_p, std_p²)) in nats, shape (n,)."""
    ...


# hint("01.5")  # remove the first # for a hint, again for the next one
check("01.5", kl_gaussians)
# %%
solution("01.5")


# %% [markdown]
# ### Exercise 01.6: a tighter bound from the same samples (hard)
#
# **Contract**: `importance_weighted_bound(log_joint, log_q)`: float tensors `(n, K)` as in 01.3. Returns $\log \frac1K \sum_k p(x_i, z_{ik}) / q(z_{ik}|x_i)$ in nats, `(n,)`, finite even where the densities underflow.
# %%
def importance_weighted_bound(log_joint: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """log_joint, log_q: (n, K), at K samples from q. Returns log mean_k (p / q) in nats, shape (n,)."""
    ...


# hint("01.6")  # remove the first # for a hint, again for the next one
check("01.6", importance_weighted_bound)
# %%
solution("01.6")
# %% [markdown]
# ## Summary
#
# A generative model is a distribution over data; a latent-variable model writes it as a prior, a decoder, and an integral that cannot be computed. The ELBO replaces the integral by an expectation, and its gap to $\log p(x)$ is the KL divergence from $q$ to the true posterior.
# A VAE trains an encoder and a decoder on that one bound. An autoencoder rebuilds better and can be made to generate by fitting a distribution to its codes; a GAN's pictures are sharper than a VAE's decoder means, and it has neither a density nor an encoder. Samples and likelihood judge different things: use both.
#
# ## Glossary
#
# | word | meaning |
# |---|---|
# | encoder | network from $x$ to $q(z \mid x)$ (VAE) or to a point (autoencoder) |
# | code, latent $z$ | the hidden description of $x$ |
# | decoder | network from $z$ to the distribution $p(x \mid z)$ |
# | prior $p(z)$ | distribution of codes before any $x$ is seen, here $\mathcal N(0, I)$ |
# | likelihood $p(x \mid z)$ | how probable $x$ is if its code is $z$ |
# | marginal, evidence $p(x)$ | the likelihood averaged over the prior |
# | posterior $p(z \mid x)$ | the codes that explain $x$, by Bayes' rule |
# | approximate posterior $q(z \mid x)$ | the encoder's stand-in for the posterior |
# | ELBO | lower bound of $\log p(x)$: −distortion − rate |
# | distortion | $-\mathbb E_q[\log p(x \mid z)]$, the reconstruction term |
# | rate | $\mathrm{KL}(q(z \mid x) \,\Vert\, p(z))$, what the code costs |
# | amortization gap | what an encoder loses against a separate search for each $x$ |
# | active units | latent dimensions that carry information about $x$ (chapters 04 and 08) |
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Section 2 (the bound and the estimator).
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014.
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NeurIPS 2014. Section 3 (the game and the non-saturating loss).
# - L. Mescheder, A. Geiger, S. Nowozin: *Which Training Methods for GANs do actually Converge?*, ICML 2018. Section 4.1 (the R1 penalty).
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. Section 3 (the bound).
# - C. Cremer, X. Li, D. Duvenaud: *Inference Suboptimality in Variational Autoencoders*, ICML 2018 (the amortization gap).
# - P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020 (sampling autoencoders by a density fitted to the codes).
# - M. Heusel et al.: *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NeurIPS 2017. Equation 6 (FID).
# - T. Kynkäänniemi et al.: *Improved Precision and Recall Metric for Assessing Generative Models*, NeurIPS 2019 (recall).
# - L. Theis, A. van den Oord, M. Bethge: *A Note on the Evaluation of Generative Models*, ICLR 2016.
# - Y. Wu, Y. Burda, R. Salakhutdinov, R. Grosse: *On the Quantitative Analysis of Decoder-Based Generative Models*, ICLR 2017.
# - R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022.
# - R. Lopez et al.: *Deep Generative Modeling for Single-Cell Transcriptomics*, Nature Methods 2018.
# - R. Gómez-Bombarelli et al.: *Automatic Chemical Design Using a Data-Driven Continuous Representation of Molecules*, ACS Central Science 2018.
# - D. Liang et al.: *Variational Autoencoders for Collaborative Filtering*, WWW 2018.
# - D. Ha, J. Schmidhuber: *Recurrent World Models Facilitate Policy Evolution*, NeurIPS 2018.
#
# Next: [02 · Encoder and decoder](02_Encoder_and_Decoder_in_VAEs.ipynb)

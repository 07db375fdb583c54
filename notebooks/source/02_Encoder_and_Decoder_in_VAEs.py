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
# # 02 · Encoder and decoder: a VAE from nothing
#
# <!-- badge -->
#
# <!-- minutes -->
#
# In chapter 01's toy the code had one dimension, so a grid over $z$ gave every answer. Here it has 20, and a grid with 100 points
# on each side would need $100^{20}$ of them. The encoder takes over from the grid. The decoder, which the toy gave you,
# must be learned as well. You write both, the loss that ties them together, and the loop that trains them.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **write** an encoder, a decoder and the ELBO for images, and state the shape of every tensor on the way;
# 2. **explain** why $z = \mu + \sigma\varepsilon$ is used, and compute the variance it saves;
# 3. **predict** the loss of an untrained VAE before you run it;
# 4. **diagnose** what an encoder makes of a noisy, shifted or half-blank digit;
# 5. **tell** −ELBO from a tighter bound, and the four data sets that are all called MNIST from each other.
#
# You need Python, PyTorch modules and gradients, and chapter 01's ELBO.
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
LATENT_DIM = 20  # size of the code z, 3 to 64
EPOCHS = 8  # passes through the training digits for each seed, 2 or more
BATCH_SIZE = 256  # digits in one update
LEARNING_RATE = 8e-3  # highest learning rate of Adam, falls linearly to 0
N_SEEDS = 3  # repetitions of every trained result, 2 or more, for an interval
USUAL_EPOCHS = 10  # passes of the usual tutorial recipe, for comparison
START_EXAMPLES = 10000  # digits used to compare four ways to start
START_EPOCHS = 2  # passes through them
CONV_EXAMPLES = 5000  # digits used to compare the two architectures
CONV_EPOCHS = 6  # passes through them
CONV_BATCH_SIZE = 32  # digits in one update of that comparison
BOUND_EXAMPLES = 1000  # test digits for the importance-weighted bound
BOUND_K = 1000  # largest number of draws of z for each of them, 20 or more
# %%
import math

import torch
from torch import nn

from vae_course import (
    VAE,
    Runs,
    elbo_terms,
    evaluate,
    fit,
    importance_weighted_bound,
    load,
    load_model,
    over_seeds,
    save_checkpoint,
    seed_everything,
    seeded,
)
from vae_course.plots import (
    image_grid,
    line_plot,
    mean_and_sample,
    posterior_ellipses,
    reconstructions,
    training_curves,
)
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("mnist", "digits"),
    LATENT_DIM=3,
    EPOCHS=2,
    BATCH_SIZE=1,
    LEARNING_RATE=0.0,
    N_SEEDS=2,
    USUAL_EPOCHS=1,
    START_EXAMPLES=100,
    START_EPOCHS=1,
    CONV_EXAMPLES=100,
    CONV_EPOCHS=1,
    CONV_BATCH_SIZE=1,
    BOUND_EXAMPLES=1,
    BOUND_K=20,
)
claims = Claims("02_Encoder_and_Decoder_in_VAEs", parameters)
if OFFLINE:
    DATASET = "digits"

train = load(DATASET, "train")
validation = load(DATASET, "validation")
test = load(DATASET, "test")
print(
    f"train {len(train):,}, validation {len(validation):,}, test {len(test):,} pictures of shape {train.shape}"
)
# %% [markdown]
# Three parts, three jobs: the first trains, the second is watched while settings are chosen, the third decides nothing. The settings
# of this chapter were chosen on the second. A batch is a float tensor `(batch, channel, height, width)` with values in [0, 1].
# %%
x = train.batch(torch.arange(24))
print(f"batch: shape {tuple(x.shape)}, dtype {x.dtype}, values {x.min():.0f} to {x.max():.0f}")
show(
    image_grid(x, columns=12),
    alt="Twenty-four handwritten digits of the training set, white on black, in two rows.",
)
# %% [markdown]
# ## 1 What should an encoder put out?
#
# A plain autoencoder maps a picture to one point $z$. A VAE's encoder maps it to a **distribution** over $z$, the
# approximate posterior
#
# $$
# q(z \mid x) = \mathcal N\bigl(z;\ \mu(x),\ \operatorname{diag} \sigma^2(x)\bigr).
# $$
#
# In words: for each picture, a cloud of plausible codes, with a center $\mu$ and a width $\sigma$ in every
# latent dimension. A network can put out any real number, but a width must be positive. So the network gives
# $\log \sigma^2$, called `log_var` everywhere in this course, and $\sigma = \exp(\tfrac12 \log\sigma^2)$.
# %%
guess = predict(
    f"The code has {LATENT_DIM} dimensions. How many numbers does the encoder put out for one picture?",
    [f"{LATENT_DIM}", f"{2 * LATENT_DIM}", f"{LATENT_DIM + LATENT_DIM * (LATENT_DIM + 1) // 2}"],
    default=0,
)


# %%
class Encoder(nn.Module):
    """Pictures (batch, 1, 28, 28) → mean and log_var, each (batch, latent)."""

    def __init__(self, latent_dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 512),
            nn.GELU(),
            nn.Linear(512, 256),
            nn.GELU(),
            nn.Linear(256, 2 * latent_dim),
        )

    def forward(self, x):
        mean, raw = self.layers(x).chunk(2, dim=-1)
        log_var = 15 * torch.tanh(raw / 15)  # stays between −15 and 15, so exp() can never overflow
        return mean, log_var


def shape_table(layers, x):
    """The shape after each layer of a Sequential, and its number of parameters."""
    rows = [{"layer": "input", "shape": str(tuple(x.shape)), "parameters": 0}]
    for layer in layers:
        x = layer(x)
        count = sum(p.numel() for p in layer.parameters())
        rows.append({"layer": type(layer).__name__, "shape": str(tuple(x.shape)), "parameters": count})
    return rows


seed_everything(0)
encoder = Encoder(LATENT_DIM)
rows = shape_table(encoder.layers, x)
results_table(rows, caption="The encoder, layer by layer")
width = int(rows[-1]["shape"].strip("()").split(", ")[1])
guess.compare(
    f"{width}", f"the last layer is {width} wide: {LATENT_DIM} means and {LATENT_DIM} log variances."
)


# %% [markdown]
# A mean and a full covariance matrix would be the third option. A diagonal one is cheaper, and the decoder can often turn
# the code so that it costs little. Chapter 04 shows that for a linear decoder it costs nothing.
#
# Before any training, look at what this encoder says. It has seen nothing, so its clouds should tell nothing.
# The KL divergence to the prior $p(z) = \mathcal N(0, I)$ counts how many nats the cloud of one picture tells:
#
# $$
# \mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr) = \tfrac12 \sum_j \left(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\right).
# $$
#
# In words: pay for a center away from 0 and for a width away from 1, and add up over the latent dimensions.
# `torch.distributions` knows this divergence. You turn the formula into code yourself in exercise 02.1.
# %%
def kl_to_prior(mean, log_var):
    """KL(q(z|x) ‖ N(0, I)) of each example, nats, (batch,)."""
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var))
    prior = torch.distributions.Normal(0.0, 1.0)
    return torch.distributions.kl_divergence(q, prior).sum(-1)


with torch.no_grad():
    mean, log_var = encoder(x)
print(
    f"untrained: μ between {mean.min():.2f} and {mean.max():.2f}, σ between {(log_var / 2).exp().min():.2f}"
    f" and {(log_var / 2).exp().max():.2f}, KL {kl_to_prior(mean, log_var).mean():.3f} nats per example"
)
# %% [markdown]
# ## 2 How does a gradient pass through a random draw?
#
# The decoder needs one $z$, drawn from the cloud. Drawing is not differentiable as it stands: "sample from
# $q$" has no derivative with respect to $\mu$. Two ways out:
#
# - **score function**: $\nabla_\mu \mathbb E_q[f(z)] = \mathbb E_q\bigl[f(z)\,\nabla_\mu \log q(z)\bigr]$, because $\nabla q = q \nabla\log q$
#   (Williams 1992). Weigh each draw by how good it was, and move towards good draws.
# - **reparameterization** (Kingma & Welling 2014, Rezende et al. 2014): write $z = \mu + \sigma\varepsilon$ with $\varepsilon\sim\mathcal N(0, I)$. The randomness no
#   longer depends on $\mu$, so $\nabla_\mu \mathbb E[f(z)] = \mathbb E\bigl[\nabla f(\mu + \sigma\varepsilon)\bigr]$. Use the slope of $f$ itself.
#
# The score function has a standard improvement: subtract a baseline from $f$. It changes no average, since $\mathbb E[\nabla\log q] = 0$. Here the
# best constant is known to be close to $\mathbb E[f]$, so give it that.
#
# All three are right on average. Take an $f$ whose answer you know: $f(z) = \sum_j z_j^2$ with every $\mu_j = 1$ and $\sigma = \tfrac12$. Then
# $\mathbb E[f] = \sum_j(\mu_j^2 + \sigma^2)$, and the derivative with respect to $\mu_1$ is exactly $2\mu_1 = 2$, whatever the number of dimensions.
# %%
guess = predict(
    "In 20 dimensions, how many times larger is the variance of the score function with baseline than that of the reparameterized one?",
    ["about the same", "about 10 times", "about 100 times", "more than 1,000 times"],
    default=1,
)


# %%
def gradient_draws(dims, n, mu=1.0, sigma=0.5, seed=0):
    """n single-draw estimates of ∂E[Σ z²]/∂μ₁, by three methods."""
    noise = torch.randn(n, dims, generator=seeded(seed), dtype=torch.float64)
    z = mu + sigma * noise
    f = (z**2).sum(1)
    slope_of_log_q = (z[:, 0] - mu) / sigma**2
    return {
        "score function": f * slope_of_log_q,
        "score function, baseline": (f - dims * (mu**2 + sigma**2)) * slope_of_log_q,
        "reparameterized": 2 * z[:, 0],  # ∂f / ∂z₁ · ∂z₁ / ∂μ₁
    }


def exact_variance(dims, mu=1.0, sigma=0.5):
    """The same three variances from the moments of a Gaussian (E ε² = 1, E ε⁴ = 3, E ε⁶ = 15)."""
    rest_mean = (dims - 1) * (mu**2 + sigma**2)  # mean and variance of the other dimensions' z²
    rest_var = (dims - 1) * (4 * mu**2 * sigma**2 + 2 * sigma**4)
    second = mu**2 + 3 * sigma**2  # E[z₁² ε²]
    fourth = mu**4 + 6 * 3 * mu**2 * sigma**2 + 15 * sigma**4  # E[z₁⁴ ε²]

    def variance(shift):
        others = rest_mean - shift
        return (fourth + 2 * second * others + rest_var + others**2) / sigma**2 - (2 * mu) ** 2

    baseline = dims * (mu**2 + sigma**2)
    return {
        "score function": variance(0.0),
        "score function, baseline": variance(baseline),
        "reparameterized": 4 * sigma**2,
    }


N_DRAWS = 200_000
sizes = (1, 2, 5, 10, 20, 50)
rows, measured, exact, worst_z = [], {}, {}, 0.0
for dims in sizes:
    draws = gradient_draws(dims, N_DRAWS)
    for name, values in draws.items():
        worst_z = max(worst_z, abs(values.mean().item() - 2) / (values.std().item() / math.sqrt(N_DRAWS)))
        measured.setdefault(name, []).append(values.var().item())
        exact.setdefault(name, []).append(exact_variance(dims)[name])
    rows.append({"dimensions": dims, **{name: values[-1] for name, values in measured.items()}})
results_table(rows, caption="Variance of one gradient estimate")
at_20 = {name: values[sizes.index(20)] for name, values in measured.items()}
ratio = at_20["score function, baseline"] / at_20["reparameterized"]
guess.compare(
    0 if ratio < 3 else 1 if ratio < 30 else 2 if ratio < 1000 else 3,
    f"in 20 dimensions {ratio:,.0f} times with the baseline, "
    f"{at_20['score function'] / at_20['reparameterized']:,.0f} times without.",
)
# %% tags=["hide-input"]
show(
    line_plot(
        {name: (sizes, exact[name]) for name in exact},
        points={f"{name}, measured": (sizes, measured[name]) for name in measured},
        x_label="latent dimensions",
        y_label="variance of one gradient estimate",
        log_x=True,
        log_y=True,
        x_ticks=sizes,
    ),
    alt="Variance of one gradient estimate against the number of latent dimensions, both axes logarithmic. Both "
    "score-function lines rise, the one with baseline far below the other; the reparameterized line is flat at 1. "
    "Measured points lie on the exact lines.",
)
worst = max(abs(m / e - 1) for name in exact for m, e in zip(measured[name], exact[name], strict=True))
claims.add("gradient_z", worst_z, below=4, text="Gradient estimates off the exact one, in standard errors")
claims.add("variance_ratio", ratio, above=30, unit="times", text="Variance, score function over ours, 20-D")
claims.add("variance_error", worst, below=0.1, text="Measured variance over exact, largest relative error")


# %% [markdown]
# For this $f$, in which no dimension talks to another, the reparameterized variance is $4\sigma^2$ in any number of dimensions. The baseline takes
# most of the score function's variance away, and what remains still grows, to {{variance_ratio}} the reparameterized one in 20 dimensions: all of $f$ multiplies the noise of one coordinate. A
# small variance is what lets a VAE be trained with a **single** draw of $z$ for each picture. (The score function keeps its place where $z$ is
# discrete and $f$ has no slope.)
#
# %% [markdown]
# ## 3 What does a decoder say about a picture?
#
# The decoder does not return a picture. It returns a **distribution over pictures**, $p(x \mid z)$. Here every pixel
# is a coin: the decoder puts out one logit $\ell_i$ for each pixel, and $p_i = \operatorname{sigmoid}(\ell_i)$ is the probability that it
# is white. The log-likelihood adds up over the pixels:
#
# $$
# \log p(x \mid z) = \sum_i x_i \log p_i + (1 - x_i)\log(1 - p_i).
# $$
#
# In words: minus the binary cross-entropy, **summed** over pixels. Summed, not averaged: the pixels are
# independent given $z$, so their probabilities multiply. (The digits here are gray, not black and white; with gray
# $x_i$ this is an expected log-likelihood. Chapter 05 takes it apart.)
# %%
class Decoder(nn.Module):
    """Codes (batch, latent) → logits of the pixels (batch, 1, 28, 28)."""

    def __init__(self, latent_dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, 256),
            nn.GELU(),
            nn.Linear(256, 512),
            nn.GELU(),
            nn.Linear(512, 784),
            nn.Unflatten(-1, (1, 28, 28)),
        )

    def forward(self, z):
        return self.layers(z)


seed_everything(1)
decoder = Decoder(LATENT_DIM)
results_table(shape_table(decoder.layers, torch.zeros(24, LATENT_DIM)), caption="The decoder, layer by layer")
# %% [markdown]
# ## 4 What is the loss before training?
#
# Put the pieces together. The negative ELBO of one picture is
#
# $$
# -\mathrm{ELBO}(x) = \underbrace{-\,\mathbb E_{q(z|x)}[\log p(x\mid z)]}_{\text{reconstruction (distortion)}} \;+\;
# \underbrace{\mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr)}_{\text{KL (rate)}} .
# $$
#
# In words: what it costs to write down the picture when you know the code, plus what it costs to say the code
# (with the prior as the common language). The first term is estimated with one draw of $z$; the second is exact.
# %%
guess = predict(
    "An untrained decoder knows nothing about any of the 784 pixels. Its −ELBO will be about ...",
    ["54 nats per example", "543 nats per example", "5,430 nats per example"],
    default=0,
)


# %%
class NotebookVAE(nn.Module):
    """Encoder, decoder and the two terms of −ELBO. `center` and `offset` are (1, 28, 28); section 5 uses them."""

    def __init__(self, latent_dim, center=0.0, offset=0.0):
        super().__init__()
        self.encoder, self.decoder = Encoder(latent_dim), Decoder(latent_dim)
        self.center, self.offset = center, offset

    def forward(self, x, generator=None):
        """Reconstruction term and KL of each example, nats, (batch,) each."""
        mean, log_var = self.encoder(x - self.center)
        noise = torch.randn(mean.shape, generator=generator)
        z = mean + torch.exp(0.5 * log_var) * noise
        # Gray pixels lie between the two outcomes of a coin, hence no validation of x.
        pixels = torch.distributions.Bernoulli(logits=self.decoder(z) + self.offset, validate_args=False)
        reconstruction = -pixels.log_prob(x).sum((1, 2, 3))
        return reconstruction, kl_to_prior(mean, log_var)


held_out = validation.batch(torch.arange(min(1000, len(validation))))
seed_everything(0)
model = NotebookVAE(LATENT_DIM)
with torch.no_grad():
    reconstruction, kl = model(held_out, seeded(0))
start_loss = (reconstruction + kl).mean().item()
guess.compare(
    0 if start_loss < 170 else 1 if start_loss < 1700 else 2,
    f"−ELBO {start_loss:.1f} = reconstruction {reconstruction.mean():.1f} + KL {kl.mean():.2f} nats per example.",
)
claims.add("untrained", start_loss, near=(784 * math.log(2), 5), unit="nats", text="Untrained −ELBO")


# %% [markdown]
# A coin that knows nothing costs $\ln 2$ nats, and there are 784 of them. Keep this number: a first loss of 0.69
# means that somebody averaged over the pixels; one that is too large by a factor of the batch size means that somebody summed over the batch as well.
#
# %% [markdown]
# ## 5 How do you train it?
#
# Draw a batch, compute the loss, follow the gradient. The loss is the **mean over the batch** of the −ELBO of each
# picture.
# %%
def train_by_hand(model, data, epochs, seed):
    """Plain training loop. Returns the −ELBO on held-out digits before training and after each epoch."""
    order, noise = seeded(seed), seeded(seed + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    curve = [held_out_loss(model)]
    for _ in range(epochs):
        for index in torch.randperm(len(data), generator=order).split(128):
            reconstruction, kl = model(data.batch(index), noise)
            loss = (reconstruction + kl).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        curve.append(held_out_loss(model))
    return curve


@torch.no_grad()
def held_out_loss(model):
    """−ELBO on (up to) 1,000 validation digits, nats per example."""
    reconstruction, kl = model(held_out, seeded(0))
    return (reconstruction + kl).mean().item()


# %% [markdown]
# One thing first. The untrained decoder paints every pixel gray, and the untrained encoder sees mostly the ink that
# all digits share. The mean picture $\bar x$ of the training set is known before any training. You can give it to the encoder, which then
# sees $x - \bar x$; to the decoder, which then starts at $\operatorname{logit}(\bar x)$; or to both. Try all four.
#
# What will the decoder's start cost? Every pixel is then a coin with the mean picture's probability, so the loss before training is the
# cross-entropy between the picture and the mean picture: a number you can compute without any network.
# %%
start_data = train.subset(min(START_EXAMPLES, len(train)), seed=0)
# (Σx + 1) / (n + 2): a pixel that is always black still gets a finite logit.
mean_picture = (start_data.floats().sum(0) + 1) / (len(start_data) + 2)
expected = (
    -(held_out * mean_picture.log() + (1 - held_out) * (1 - mean_picture).log()).sum((1, 2, 3)).mean().item()
)
print(
    f"cost of the mean picture: {expected:.1f} nats per example, against {784 * math.log(2):.1f} for coins that know nothing"
)
# %%
guess = predict(
    f"After {START_EPOCHS} passes through {START_EXAMPLES:,} digits, the VAE that starts with the mean picture in both places is ...",
    [
        "behind or equal within 3 nats: the head start is gone",
        "ahead by 3 to 20 nats",
        "ahead by more than 20 nats",
    ],
    default=0,
)
# %%
black = torch.zeros(1, 28, 28)
starts = {
    "neither": (black, black),
    "encoder": (mean_picture, black),
    "decoder": (black, torch.logit(mean_picture)),
    "both": (mean_picture, torch.logit(mean_picture)),
}
curves = {name: [] for name in starts}
for seed in range(N_SEEDS):
    for name, (center, offset) in starts.items():
        seed_everything(seed)
        curves[name].append(
            train_by_hand(NotebookVAE(LATENT_DIM, center, offset), start_data, START_EPOCHS, seed)
        )
        print(
            f"seed {seed}, {name:>7}: " + " → ".join(f"{value:.1f}" for value in curves[name][-1]), flush=True
        )
before = {name: Runs(run[0] for run in runs) for name, runs in curves.items()}
after = {name: Runs(run[-1] for run in runs) for name, runs in curves.items()}
results_table(
    [
        {"mean picture given to": name, "−ELBO untrained": before[name].mean, "after the run": after[name]}
        for name in starts
    ],
    caption=f"Four ways to start, {N_SEEDS} seeds, held-out nats per example with 95 % interval",
)
head_start = after["neither"] - after["both"]  # paired by seed
guess.compare(
    0 if head_start.mean < 3 else 1 if head_start.mean < 20 else 2,
    f"it is ahead by {head_start} nats ({N_SEEDS} seeds, 95 % interval).",
)
untrained = before["both"] - expected  # nothing but the cost of the mean picture
claims.add("untrained_cost", untrained, near=(0, 2), unit="nats", text="Untrained −ELBO over its forecast")
claims.add("head_start", head_start, above=3, unit="nats", whole_interval=True, text="Mean picture's lead")
# %% [markdown]
# After two passes the start from the mean picture is {{head_start}} ahead. This says nothing about a long run: whether a plain start catches up, you can
# try by raising `START_EPOCHS`.
#
# From here on models are built with `VAE.for_data(train, ...)`, which gives the mean picture to both networks (so **their untrained loss is
# the cost of the mean picture**, not 784 ln 2), and trained with `fit`. That is your loop plus what a longer run needs: a learning rate that
# rises briefly and then falls to 0, a KL weight that rises from 0 to 1 over the first half (Bowman et al. 2016; chapter 04 says why), a history and,
# if you name a file, checkpoints. The first three are its defaults; [speed.md](../assets/results/speed.md) takes the recipe apart and says what each part buys.
# %%
models, histories = [], []
for seed in range(N_SEEDS):
    print(f"seed {seed}")
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=(512, 256))
    history = fit(
        model,
        train,
        validation,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="linear",
        warmup=0.05,
        kl_warmup=0.5,
        seed=seed,
    )
    models.append(model)
    histories.append(history)
# %% [markdown]
# Is the package's model yours? Put its trained weights into your class and compare the two terms, each for itself, on the same noise.
# %%
mine = NotebookVAE(LATENT_DIM, models[0].input_mean, models[0].output_offset)
mine.encoder.load_state_dict(models[0].encoder.state_dict())
mine.decoder.load_state_dict(models[0].decoder.state_dict())
with torch.no_grad():
    reconstruction, kl = mine(held_out, seeded(0))
    terms = elbo_terms(models[0], held_out, seeded(0))
print(f"notebook: {reconstruction.mean():.4f} + {kl.mean():.4f} nats")
print(f"package:  {terms.reconstruction.mean():.4f} + {terms.kl.mean():.4f} nats")
for name, a, b in (("reconstruction", reconstruction, terms.reconstruction), ("kl", kl, terms.kl)):
    claims.add(
        f"same_{name}",
        ((a - b).abs() / b.abs()).max(),
        below=1e-5,
        exact=True,
        text=f"{name} of notebook and package from the same trained weights, largest relative difference",
    )
# %%
show(
    training_curves(histories[0]),
    alt="Three panels for one seed: negative ELBO, reconstruction term and KL against the epoch, for training and "
    "held-out digits. The negative ELBO falls, fast at first, and so does the reconstruction term; KL jumps up, falls again and then settles.",
)
# %% [markdown]
# Read the three panels together. The reconstruction term falls because the code starts to say something, and the KL is
# the price of saying it. The curve is the full −ELBO, while the loss in the first half weighs the KL by less: so KL first overshoots, and
# is then pressed down as its weight rises. Meanwhile the reconstruction term may even go up for a while: the code gives nats back. A falling −ELBO with a KL near 0 would mean that the code is not used at all; you will
# meet that in chapter 04. Memorizing shows as a gap between the training and the held-out curve that opens as training goes on: look for it at the right end.
#
# Is the result any good? Compare it with the recipe of countless tutorials: one hidden layer of 400 ReLU units, Adam at 1e-3, batches of 128, 10 passes.
# %%
guess = predict(
    "On held-out digits, the model of this chapter is ... the usual recipe",
    ["worse than", "within 2 nats of", "2 to 10 nats better than", "more than 10 nats better than"],
    default=1,
)
# %%
seed_everything(0)
usual = VAE(latent_dim=20, hidden_dims=(400,), activation="relu")
fit(
    usual, train, validation, epochs=USUAL_EPOCHS, batch_size=128, learning_rate=1e-3, schedule="constant",
    warmup=0.0, kl_warmup=0.0,
)  # fmt: skip
usual_level = evaluate(usual, validation).negative_elbo
ours = Runs(evaluate(model, validation).negative_elbo for model in models)
better = usual_level.value - ours
guess.compare(
    0 if better.mean < -2 else 1 if better.mean < 2 else 2 if better.mean < 10 else 3,
    f"the usual recipe ends at {usual_level.value:.1f} nats, this chapter's model is {better} nats better "
    f"({N_SEEDS} seeds against one run of the usual recipe, 95 % interval).",
)
claims.add("gain", better, above=2, unit="nats", whole_interval=True, text="Gain over the usual recipe")


# %% [markdown]
# The model of this chapter is {{gain}} better than the usual recipe.
#
# The field quotes "about 100 nats" for gray MNIST. Now the test digits, which decided nothing so far. One more number helps to read the result:
# gray pixels are coins that nobody can predict exactly. Even a model that knew every gray value would pay the entropy of these coins.
# %%
def coin_entropy(x):
    """Least possible −log-likelihood of gray pictures, nats, (batch,): entropy of coins with these very values."""
    return (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2, 3))


results = [evaluate(model, test, seed=0) for model in models]
test_elbo = Runs(result.negative_elbo for result in results)
floor = coin_entropy(test.floats()).mean().item()
for seed, result in enumerate(results):
    print(
        f"seed {seed}: −ELBO {result.negative_elbo} = {result.reconstruction} + KL {result.kl} nats (± over pictures)"
    )
print(f"mean over {N_SEEDS} seeds with 95 % interval {test_elbo:.1f}; least possible {floor:.1f}")
# About 100 on MNIST is the number the field quotes; the small digits are fewer and smoother, so their range is wider.
LEVEL = {"mnist": (95, 102), "digits": (90, 125)}[DATASET]
claims.add("test_elbo", test_elbo, between=LEVEL, unit="nats", text=f"Test −ELBO, {DATASET}, gray values")
claims.add("above_least", test_elbo - floor, above=0, exact=True, unit="nats", text="−ELBO above the least")
# %% [markdown]
# ## 6 Is the decoder's mean a picture from the model?
#
# Twice on the way from picture to picture you may take a mean or a draw:
#
# | | mean of $p(x\mid z)$: gray | draw from $p(x\mid z)$: black and white |
# |---|---|---|
# | **mean of $q(z\mid x)$** | "reconstruction at the mean" | |
# | **draw from $q(z\mid x)$** | "from a drawn code" | |
# | **draw from the prior** | what papers usually call a sample | what the model claims pictures look like |
#
# Start with the last row: eight codes from the prior, and both pictures of each.
# %%
show(
    mean_and_sample(models[0], n=8, seed=0),
    alt="Two rows of eight generated digits from the same codes: the decoder's means, smooth and gray, above draws "
    "from the decoder, black and white with frayed edges.",
)
# %% [markdown]
# The draws are what the model claims pictures look like: strokes with frayed edges, because given $z$ every pixel
# is tossed on its own. The means look nicer, and are not what the model predicts to see. When you compare models by eye, say which
# of the two you show. Next, the upper rows of the table: a test digit, its reconstruction at the mean of $q$, and one from a draw of $z$. The ELBO is about the draw.
# %%
show(
    reconstructions(models[0], test, n=10, seed=0),
    alt="Three rows of ten test digits: originals, reconstructions at the mean of the posterior, and reconstructions "
    "from a drawn code. Both reconstructions keep identity and slant and lose fine detail.",
)


# %%
def gap_at_mean(model):
    """Nats by which the loss at the mean of q(z|x) is better than the one at a draw, mean over the test digits."""
    noise = seeded(0)
    gaps = []
    for index in torch.arange(len(test)).split(1000):
        batch = test.batch(index)
        with torch.no_grad():
            posterior = model.encode(batch)
            at_mean = model.log_likelihood(batch, posterior.mean)
            gaps.append(at_mean - model.log_likelihood(batch, posterior.sample(generator=noise)))
    return torch.cat(gaps).mean().item()


flattery = Runs(gap_at_mean(model) for model in models)
print(
    f"at the mean instead of at a draw, the loss looks {flattery} nats better than the bound ({N_SEEDS} seeds)"
)
claims.add("flattery", flattery, above=1, unit="nats", whole_interval=True, text="Too good at the mean by")
# %% [markdown]
# A test loss at the mean is no bound on $\log p(x)$. You will find it in published code (an early version of PyTorch's own VAE example had it);
# here it flatters by {{flattery}}.
#
# And pictures from nothing: $z \sim \mathcal N(0, I)$, decoder's mean.
# %%
show(
    image_grid(models[0].sample(64, generator=seeded(3))),
    alt="Sixty-four generated pictures, decoder means. Many read as a digit; others hang between two digits or are blurred.",
)
# %% [markdown]
# These look worse than the reconstructions above. A code drawn from the prior can land where no picture's cloud is, and the decoder was never asked about
# such places. Chapter 04 measures that gap.
#
# ## 7 What does the encoder know about a picture?
#
# A code with two dimensions can be drawn whole. Train one, and draw $q(z|x)$ of some test digits as ellipses: the inner
# line at one standard deviation, the outer at two.
# %%
seed_everything(0)
flat = VAE.for_data(train, latent_dim=2, hidden_dims=(512, 256))
fit(
    flat,
    train,
    validation,
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    learning_rate=LEARNING_RATE / 2,
    schedule="linear",
    warmup=0.05,
    kl_warmup=0.5,
)
pool = test.subset(min(500, len(test)), seed=0)
pictures = pool.floats()
with torch.no_grad():
    few = flat.encode(pictures[:30])
show(
    posterior_ellipses(few, pool.labels[:30]),
    alt="Thirty test digits as ellipses in a two-dimensional code, each marked with its digit, over the prior's circles. "
    "Every ellipse is much smaller than the prior. Some classes form groups of their own, others mix near the center.",
)


# %% [markdown]
# Each ellipse is much smaller than the prior: the picture pins down its code. But some ellipses of *different* digits lie on
# top of each other. Measure that with the Bhattacharyya coefficient $\int \sqrt{q(z|x)\,q(z|x')}\,dz$: 1 for the same cloud, 0 for clouds that never meet.
# How many digits have a digit of another class whose cloud overlaps theirs by more than ½? Compare the flat code with the large one.
# %%
def overlap(posterior):
    """Bhattacharyya coefficient of every pair of diagonal Gaussians, (n, n), in [0, 1]."""
    mean, log_var = posterior.mean, posterior.log_var
    middle = 0.5 * (log_var.exp()[:, None] + log_var.exp()[None])
    distance = (mean[:, None] - mean[None]) ** 2 / middle / 8
    width = 0.5 * (middle.log() - 0.5 * (log_var[:, None] + log_var[None]))
    return torch.exp(-(distance + width).sum(-1))


guess = predict(
    f"With 2 latent dimensions, what share of {len(pool)} digits overlaps with a digit of another class?",
    ["less than 5 %", "5 to 50 %", "more than 50 %"],
    default=0,
)
# %%
different = pool.labels[:, None] != pool.labels[None]
shares = {}
for name, model in ((2, flat), (LATENT_DIM, models[0])):
    with torch.no_grad():
        pairs = torch.where(different, overlap(model.encode(pictures)), 0)
    shares[name] = (pairs.max(1).values > 0.5).double().mean().item()
    if model is flat:
        a, b = divmod(pairs.argmax().item(), len(pool))
        closest = pairs[a, b].item()
print(", ".join(f"{name} dimensions: {share:.1%}" for name, share in shares.items()))
guess.compare(0 if shares[2] < 0.05 else 1 if shares[2] <= 0.5 else 2, f"{shares[2]:.0%} of the digits.")
claims.add("overlap", shares[2] - shares[LATENT_DIM], above=0.02, unit="%", text="Overlap, more in 2-D by")
print(
    f"closest pair in 2 dimensions: digits {pool.labels[a]} and {pool.labels[b]}, coefficient {closest:.2f}"
)
with torch.no_grad():
    two = pictures[[a, b]]
    show(
        image_grid(
            torch.cat([two, flat.reconstruct(two)]),
            columns=4,
            column_titles=["A", "B", "A decoded", "B decoded"],
        ),
        alt="Two test digits of different classes whose posteriors overlap, and their two reconstructions, which look "
        "almost alike.",
    )
# %% [markdown]
# When two pictures share a cloud, the decoder gets the same $z$ from both and must answer both. The best it can
# do is to put probability on either: a blurred picture in between. Remember this pair: it is the root of the blur in chapter 07.
#
# Now disturb a picture and watch its code. Three corruptions: noise on every pixel, a shift by three pixels, a blank
# right half. Back to the models with the larger code.
# %%
guess = predict(
    "Which corruption costs the most nats of −ELBO?",
    ["noise (σ = 0.2)", "shift (3 pixels)", "right half blank"],
    default=2,
)
# %%
from vae_course.widgets import corrupt, explore_corrupted_digit

settings = {
    "clean": {},
    "noise (σ = 0.2)": {"noise": 0.2},
    "shift (3 pixels)": {"shift": 3},
    "right half blank": {"blank": 0.5},
}
corrupted = {
    name: torch.stack([corrupt(picture, **setting, seed=i) for i, picture in enumerate(pictures)])
    for name, setting in settings.items()
}


@torch.no_grad()
def anatomy(model, spoiled):
    """What one model makes of spoiled pictures: means over the pictures."""
    home, posterior = model.encode(pictures), model.encode(spoiled)
    terms = elbo_terms(model, spoiled, seeded(0))
    moved = ((posterior.mean - home.mean) / home.std).pow(2).mean(-1).sqrt()
    return {
        "−ELBO (nats)": terms.negative_elbo.mean(),
        "KL (nats)": terms.kl.mean(),
        "code moved (σ of q, RMS)": moved.mean(),
    }


def over_models(spoiled):
    return over_seeds(N_SEEDS, lambda seed: anatomy(models[seed], spoiled))


made = {name: over_models(spoiled) for name, spoiled in corrupted.items()}
cost = {name: made[name]["−ELBO (nats)"] - made["clean"]["−ELBO (nats)"] for name in corrupted}
rows = [
    {
        "picture": name,
        "pixel change (sum of squares)": (spoiled - pictures).pow(2).sum((1, 2, 3)).mean().item(),
        "least possible (nats)": coin_entropy(spoiled).mean().item(),
        **{measure: runs.mean for measure, runs in made[name].items()},
    }
    for name, spoiled in corrupted.items()
]
results_table(rows, caption=f"What a corruption does, mean over {N_SEEDS} models and {len(pool)} pictures")
# %% tags=["hide-input"]
strips, row_names = [], []
for name, spoiled in corrupted.items():
    strips += [spoiled[:8], models[0].reconstruct(spoiled[:8])]
    row_names += [name, "reconstructed"]
show(
    image_grid(torch.cat(strips), columns=8, row_titles=row_names),
    alt="Eight test digits clean, noisy, shifted and half blank, each row followed by its reconstructions at the mean. "
    "Clean digits come back nearly as they are; noisy and shifted ones bent, some as another digit; half ones faint, some of them partly completed.",
)
noise, shift, half = list(cost)[1:]
guess.compare(
    max((noise, shift, half), key=lambda name: cost[name].mean),
    "extra −ELBO " + ", ".join(f"{name} {cost[name].mean:+.0f} nats" for name in (noise, shift, half)) + ".",
)
change = {row["picture"]: row["pixel change (sum of squares)"] for row in rows}
moves = [row["code moved (σ of q, RMS)"] for row in rows[1:]]
claims.add("noise_cost", cost[noise], above=20, unit="nats", whole_interval=True, text="Extra −ELBO: noise")
claims.add("shift_cost", cost[shift], above=20, unit="nats", whole_interval=True, text="Extra −ELBO: shift")
claims.add("noise_change", change[noise] / change[shift], below=0.8, text="Pixel change, noise over shift")
claims.add("noise_over_shift", cost[noise] / cost[shift], above=2, text="Extra −ELBO, noise over shift")
claims.add("half_over_shift", cost[half] / cost[shift], below=0.5, text="Extra −ELBO, half over shift")
claims.add("smallest_move", min(moves), above=2, unit="σ of q", text="Smallest move of the code")
# %% [markdown]
# Each row is worth a pause.
#
# - **Noise** changes the pixels least and costs most: {{noise_cost}}. The decoder is certain that the background is black, and every gray speck
#   contradicts a certainty. Part of the price is honest: gray specks are coins, so the least possible cost rises too.
# - **A shift** leaves the strokes as they were (where they stay inside the frame). To this encoder it is a different picture, and the code moves by several of its own standard deviations.
# - **Half a digit** costs a fraction of the shift: black pixels are cheap, and ink that is
#   not there need not be described. So a low −ELBO does not mean "a good digit". Chapter 09 returns to this when it looks for
#   unusual data. (And look at the last row of pictures: some halves come back partly completed.)
#
# ## 8 Do convolutions help?
#
# A convolutional encoder looks at small windows. With kernel size 4, stride 2 and padding 1 a layer turns a side of $n$ pixels into
# $\lfloor (n + 2\cdot 1 - 4)/2 \rfloor + 1$, which is $n/2$ for even $n$. The decoder is its mirror image: a transposed convolution spreads each number over a
# window and doubles the side.
# %%
seed_everything(0)
conv = VAE.for_data(train, latent_dim=LATENT_DIM, architecture="conv")
results_table(shape_table(conv.encoder.layers, held_out[:24]), caption="The convolutional encoder")
results_table(
    shape_table(conv.decoder.layers, torch.zeros(24, LATENT_DIM)), caption="The convolutional decoder"
)


def count(model):
    return sum(p.numel() for p in model.parameters())


print(f"parameters: fully connected {count(models[0]):,}, convolutional {count(conv):,}")
# %% [markdown]
# The folklore says that convolutions are better for pictures. Give both the same digits, the same number of passes and the same learning
# rate, and measure.
# %%
guess = predict(
    f"{CONV_EXAMPLES:,} digits, {CONV_EPOCHS} passes each. On held-out digits the convolutional VAE is ...",
    ["better by more than 1 nat", "equal within 1 nat", "worse by more than 1 nat"],
    default=0,
)
# %%
small = train.subset(min(CONV_EXAMPLES, len(train)), seed=0)
levels, curves = {"mlp": [], "conv": []}, {"mlp": [], "conv": []}
for seed in range(N_SEEDS):
    for architecture in levels:
        seed_everything(seed)
        model = VAE.for_data(small, latent_dim=LATENT_DIM, architecture=architecture)
        history = fit(
            model,
            small,
            validation,
            epochs=CONV_EPOCHS,
            batch_size=CONV_BATCH_SIZE,
            learning_rate=4e-3,
            schedule="linear",
            warmup=0.05,
            kl_warmup=0.5,
            seed=seed,
            progress=False,
        )
        curves[architecture].append(history.curve("validation")[1])
        levels[architecture].append(evaluate(model, validation).negative_elbo.value)
        print(
            f"seed {seed}, {architecture:>4}: held-out −ELBO {levels[architecture][-1]:.1f} nats", flush=True
        )
gain = Runs(levels["mlp"]) - Runs(levels["conv"])
guess.compare(
    0 if gain.mean > 1 else 1 if gain.mean >= -1 else 2,
    f"the convolutional VAE is {gain:+.1f} nats better ({N_SEEDS} seeds, 95 % interval), "
    f"with {count(conv) / count(models[0]):.0%} of the parameters.",
)
epochs = list(range(1, CONV_EPOCHS + 1))
show(
    line_plot(
        {
            name: (epochs, [Runs(values) for values in zip(*curves[key], strict=True)][1:])
            for name, key in (("fully connected", "mlp"), ("convolutional", "conv"))
        },
        x_label="passes through the digits",
        y_label="held-out −ELBO (nats per example)",
    ),
    alt="Held-out negative ELBO of the fully connected and the convolutional VAE after each pass, with 95 % intervals "
    "over the seeds. The convolutional curve ends lower.",
)
claims.add("conv_gain", gain, above=0, unit="nats", whole_interval=True, text="Gained by convolutions")
claims.add("conv_parameters", count(conv) / count(models[0]), below=0.5, text="Parameters, conv over mlp")
# %% [markdown]
# With these digits and passes convolutions win by {{conv_gain}}, with fewer parameters. But passes are not the only budget. The same small kernel is applied at every
# position, so count the operations for one picture.
# %%
from torch.utils.flop_counter import FlopCounterMode


def arithmetic(model):
    """Floating-point operations of one pass through encoder and decoder, for one picture."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(held_out[:1]).mean)
    return counter.get_total_flops()


work = {"fully connected": arithmetic(models[0]), "convolutional": arithmetic(conv)}
print(", ".join(f"{name}: {count / 1e6:.1f} million operations" for name, count in work.items()))
claims.add("conv_arithmetic", work["convolutional"] / work["fully connected"], above=2, exact=True)
# %% [markdown]
# So two questions stay open: we compared equal passes, not equal arithmetic, and few digits, not many. This course uses the fully
# connected network on MNIST because a pass takes less arithmetic and two CPU cores are all you may have. Now you know what that costs.
#
# ## 9 Keep it, and quote a number that others can compare
#
# A checkpoint holds the weights and the configuration that rebuilds the network. Loading runs no code from the file.
# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    save_checkpoint(Path(folder) / "vae.pt", models[0])
    again = load_model(Path(folder) / "vae.pt")
saved = results[0].negative_elbo.value
loaded = evaluate(again, test, seed=0).negative_elbo.value
print(f"before saving {saved:.4f}, after loading {loaded:.4f} nats per example")
claims.add("saved", abs(saved - loaded), below=1e-6, exact=True, unit="nats", text="Changed by saving")
# %% [markdown]
# The −ELBO is an upper bound of $-\log p(x)$, and how loose it is depends on the encoder. A tighter bound averages $K$ draws
# *inside* the logarithm (the importance-weighted bound that you met in chapter 01, Burda et al. 2016):
#
# $$
# \log \hat p_K(x) = \log \frac1K \sum_{k=1}^K \frac{p(x \mid z_k)\, p(z_k)}{q(z_k \mid x)}, \qquad z_k \sim q(z \mid x).
# $$
#
# In words: each draw is a guess of $p(x)$; average the guesses, then take the logarithm. Its **expectation** is a bound: with $K = 1$ the ELBO, never falling
# with $K$, and tending to $\log p(x)$ if the weights in the sum are bounded (Burda et al., theorem 1). A single noisy estimate may still fall. Papers report it with large $K$ as "NLL".
#
# Papers also report it on **binary** digits. "MNIST" means four different things in the literature: gray values as probabilities, a
# fixed binary version that everybody downloads (Larochelle & Murray 2011), one drawn anew at each pass, and a threshold at ½. Their numbers cannot be compared,
# so say which one you used. Here: the fixed version, with the model you trained on gray digits.
# %%
guess = predict(
    f"From K = 1 to K = {BOUND_K:,} draws, the bound on −log p(x) improves by about ...",
    ["less than 1 nat", "1 to 10 nats", "more than 10 nats"],
    default=0,
)
# %%
if DATASET == "mnist":
    binary = load("binarized_mnist", "test", subset=BOUND_EXAMPLES, seed=0)
else:
    binary = load(DATASET, "test", binarize="fixed").subset(min(BOUND_EXAMPLES, len(test)), seed=0)
ks = [k for k in (1, 10, 100, 1000, 5000) if k < BOUND_K] + [BOUND_K]
bounds = []
for k in ks:
    bounds.append(importance_weighted_bound(models[0], binary, k=k, seed=0))
    print(
        f"K = {k:>5,}: −log p̂ = {-bounds[-1].value:.2f} ± {bounds[-1].standard_error:.2f} nats (± over pictures)",
        flush=True,
    )
improvement = bounds[-1].value - bounds[0].value
guess.compare(
    0 if improvement < 1 else 1 if improvement <= 10 else 2,
    f"{improvement:.1f} nats on {len(binary):,} binary test digits.",
)
show(
    line_plot(
        {"−log p̂ (K draws)": (ks, [-bound.value for bound in bounds])},
        x_label="draws K for each picture",
        y_label="−log p̂ (nats per example)",
        log_x=True,
        x_ticks=ks,
    ),
    alt="The importance-weighted bound on minus log p of binary test digits against the number of draws K, "
    "logarithmic: it falls, fastest at first, and is still falling at the largest K.",
)
steps = [bounds[i + 1].value - bounds[i].value for i in range(len(bounds) - 1)]
claims.add("tighter", improvement, between=(1, 15), unit="nats", text="Importance-weighted bound minus ELBO")
claims.add("smallest_rise", min(steps), above=0, unit="nats", text="Smallest rise of the bound with K")
# %% [markdown]
# The curve is still falling at its end, so the last value is an upper bound of $-\log p(x)$, not $-\log p(x)$. For scale: Burda et al. (2016, table 1) report 86.76 nats
# for a VAE with one stochastic layer. Do not rank this model against that number: theirs was trained and tested on digits binarized anew at each pass, with
# $K = 5{,}000$ and thousands of passes; this one was trained for minutes on gray digits and tested on the fixed version.
# %% [markdown]
# ## Play
#
# Corrupt a digit yourself. Watch what comes back, and what the −ELBO thinks of it. Can you find a
# corruption that makes the −ELBO *fall*? One that turns the digit into another one? One that moves the code without changing the picture that comes back?
# %%
explorer = explore_corrupted_digit(models[0], pool.floats()[0])
# %% [markdown]
# ## What we measured
# %%
results_table(
    [
        {
            "measure": "−ELBO, untrained, plain start",
            "value": f"{start_loss:.1f} nats",
            "on": "held-out, gray",
        },
        {"measure": "cost of the mean picture", "value": f"{expected:.1f} nats", "on": "held-out, gray"},
        {
            "measure": "−ELBO, trained (interval over seeds)",
            "value": f"{test_elbo:.1f} nats",
            "on": f"{DATASET} test, gray",
        },
        {"measure": "least possible", "value": f"{floor:.1f} nats", "on": f"{DATASET} test, gray"},
        {
            "measure": "better than the usual recipe by",
            "value": f"{better.mean:.1f} nats",
            "on": "held-out, gray",
        },
        {
            "measure": "−ELBO, K = 1 (± over pictures)",
            "value": f"{-bounds[0].value:.1f} ± {bounds[0].standard_error:.1f} nats",
            "on": f"{binary.name} test, binary",
        },
        {
            "measure": f"−log p̂, K = {BOUND_K:,} (± over pictures)",
            "value": f"{-bounds[-1].value:.1f} ± {bounds[-1].standard_error:.1f} nats",
            "on": f"{binary.name} test, binary",
        },
        {
            "measure": "evaluation at the mean flatters by",
            "value": f"{flattery.mean:.1f} nats",
            "on": f"{DATASET} test, gray",
        },
        {
            "measure": "mean-picture start leads by",
            "value": f"{head_start.mean:.1f} nats",
            "on": "short run, held-out",
        },
        {
            "measure": "convolutions gain",
            "value": f"{gain.mean:.1f} nats",
            "on": f"{len(small):,} digits, held-out",
        },
    ]
)
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `hint` gives one hint at a time, `solution` is folded. The package has all of
# these functions; write yours without looking.
#
# ### Exercise 02.1: the KL term in closed form (easy)
#
# Above, `torch.distributions` computed the KL. Write the formula of section 1 yourself.
# **Contract**: `kl_closed_form(mean, log_var)`: both float tensors `(batch, latent)`, `log_var` is log σ². Returns the KL of each example in nats,
# `(batch,)`, never negative.
# %%
def kl_closed_form(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns the KL in nats, shape (batch,)."""
    ...


# hint("02.1")  # remove the first # for a hint, again for the next one
check("02.1", kl_closed_form)
# %%
solution("02.1")


# %% [markdown]
# ### Exercise 02.2: a draw that lets gradients through (easy)
#
# **Contract**: `reparameterize(mean, log_var, generator=None)`: both float tensors `(batch, latent)`. Returns one draw $z \sim \mathcal N(\mu, \sigma^2)$ for
# each example, `(batch, latent)`, through which gradients reach `mean` and `log_var`. All randomness comes from `generator`, or from
# torch's global one when it is None. The check looks at thousands of draws, at the gradients and at the seeds.
# %%
def reparameterize(
    mean: torch.Tensor, log_var: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns z ~ N(mean, σ²), shape (batch, latent)."""
    ...


# hint("02.2")  # remove the first # for a hint, again for the next one
check("02.2", reparameterize)
# %%
solution("02.2")


# %% [markdown]
# ### Exercise 02.3: the reconstruction term from logits (medium)
#
# **Contract**: `reconstruction_nats(logits, x)`: both float tensors `(batch, channel, height, width)`, `x` in [0, 1]. Returns $-\log p(x|z)$ of each example
# in nats, `(batch,)`. It must stay exact for logits of ±150.
# %%
def reconstruction_nats(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """logits, x: (batch, channel, height, width). Returns -log p(x|z) in nats, shape (batch,)."""
    ...


# hint("02.3")  # remove the first # for a hint, again for the next one
check("02.3", reconstruction_nats)
# %%
solution("02.3")
# %% [markdown]
# ### Exercise 02.4: the size of a convolutional encoder (medium)
#
# Color pictures `(batch, 3, 64, 64)` go through `Conv2d(3, 16, kernel_size=4, stride=2, padding=1)`, `Conv2d(16, 32, kernel_size=4, stride=2, padding=1)`,
# `Flatten`, and one `Linear` layer that puts out mean and `log_var` of 10 latent dimensions. **Contract**: a dict of three whole numbers: `side` (height of the
# last feature map), `features` (inputs of the Linear layer), `parameters` (all learnable numbers of these layers together).
# %%
answer_02_4 = {"side": ..., "features": ..., "parameters": ...}

# hint("02.4")  # remove the first # for a hint, again for the next one
check("02.4", answer_02_4)
# %%
solution("02.4")


# %% [markdown]
# ### Exercise 02.5: one training step (hard)
#
# **Contract**: `training_step(model, optimizer, x, beta=1.0)`: one update of `model` on the batch `x` with the loss reconstruction + β·KL. As in the package's `VAE`, `model` has
# `encode(x)`, whose result has `.sample()` and `.kl()`, and `log_likelihood(x, z)`. Returns
# `{"loss", "reconstruction", "kl"}`: floats, means over the batch in nats, measured before the update.
# %%
def training_step(model, optimizer, x: torch.Tensor, beta: float = 1.0) -> dict[str, float]:
    """One step on the batch x. Returns {"loss", "reconstruction", "kl"}, means over the batch in nats."""
    ...


# hint("02.5")  # remove the first # for a hint, again for the next one
check("02.5", training_step)
# %%
solution("02.5")


# %% [markdown]
# ### Exercise 02.6: pictures from nothing (medium)
#
# **Contract**: `generate(model, n, generator=None)`: `n` new pictures as pixel probabilities `(n, channel, height, width)`, each from its own
# $z \sim p(z)$. `model` has `latent_dim` and `decode(z)`, which returns logits.
# %%
def generate(model, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """n new pictures as pixel probabilities, each from its own z ~ p(z): (n, channel, height, width)."""
    ...


# hint("02.6")  # remove the first # for a hint, again for the next one
check("02.6", generate)
# %%
solution("02.6")
# %% [markdown]
# ## Summary
#
# The encoder turns a picture into a cloud of codes, the decoder turns a code into a distribution over pictures, and the ELBO prices
# both in nats. Writing a draw as $\mu + \sigma\varepsilon$ lets gradients through with little variance; in our example the score function, even with a baseline, had many times more.
# With a plain start an untrained VAE costs 784 ln 2 nats; from the mean picture, what that picture costs: check one of the two first in anybody's code.
# The decoder's mean is not a draw, the loss at the posterior's mean is not the ELBO, a low −ELBO is not a good digit, and MNIST is four data sets.
#
# ## References
#
# - R. J. Williams: *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*, Machine Learning 8, 1992 (the score function).
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Section 2.3 (the estimator), 2.4 (reparameterization), appendix B (closed-form KL).
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014.
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. Theorem 1, equation 8 (the bound), section 5 (data and protocol).
# - H. Larochelle, I. Murray: *The Neural Autoregressive Distribution Estimator*, AISTATS 2011 (the fixed binary MNIST).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL annealing).
#
# Next: [03 · Latent space and smooth interpolation](03_Latent_Space_and_Smooth_Interpolation_in_VAEs.ipynb)

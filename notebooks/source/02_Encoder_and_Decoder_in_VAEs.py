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
# In chapter 01 the toy was small enough to know every answer. A digit has 784 pixels, and nothing can be
# integrated on a grid any more. Here you build the two networks that stand in for the grid, the loss that ties
# them together, and the loop that trains them. By the end you have a VAE that writes digits, and the number
# by which the field compares them.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **write** an encoder, a decoder and the ELBO for images, and state the shape of every tensor on the way;
# 2. **explain** why $z = \mu + \sigma\varepsilon$ is used, and compute the variance it saves;
# 3. **predict** the loss of an untrained VAE before you run it;
# 4. **diagnose** what an encoder makes of a noisy, shifted or half-blank digit;
# 5. **compare** two trained models by −ELBO and by a tighter bound, without mixing data sets that only share a name.
#
# You need Python, PyTorch modules and gradients, and chapter 01's ELBO.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% [markdown]
# ## Parameters
#
# Change a value, then run all cells. The quick run of this course differs from the full one by this cell alone.
# %% tags=["parameters"]
DATASET = "mnist"  # "mnist" (60,000 digits, downloaded) or "digits" (1,797 digits, offline)
LATENT_DIM = 20  # size of the code z, 1 to 64
EPOCHS = 8  # passes through the training digits for each seed, 1 or more
BATCH_SIZE = 256  # digits in one update
LEARNING_RATE = 8e-3  # highest learning rate of Adam, falls linearly to 0
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
START_EXAMPLES = 10000  # digits used to compare two ways to start
START_EPOCHS = 2  # passes through them
CONV_EXAMPLES = 5000  # digits used to compare the two architectures
CONV_EPOCHS = 6  # passes through them
CONV_BATCH_SIZE = 32  # digits in one update of that comparison
BOUND_EXAMPLES = 1000  # test digits for the importance-weighted bound
BOUND_K = 1000  # largest number of draws of z for each of them
# %%
import math

import torch
from torch import nn

from vae_course import VAE, elbo_terms, evaluate, fit, load, load_model, save_checkpoint, seed_everything
from vae_course.evaluation import importance_weighted_bound
from vae_course.evaluation.intervals import mean_interval
from vae_course.exercises import check, hint, solution
from vae_course.notebook import Claims, predict, results_table, show
from vae_course.plotting import (
    image_grid,
    line_plot,
    mean_and_sample,
    posterior_ellipses,
    reconstructions,
    sample_grid,
    training_curves,
)

claims = Claims(
    "02_Encoder_and_Decoder_in_VAEs",
    parameters={
        "DATASET": DATASET,
        "LATENT_DIM": LATENT_DIM,
        "EPOCHS": EPOCHS,
        "BATCH_SIZE": BATCH_SIZE,
        "LEARNING_RATE": LEARNING_RATE,
        "N_SEEDS": N_SEEDS,
        "CONV_EXAMPLES": CONV_EXAMPLES,
        "CONV_EPOCHS": CONV_EPOCHS,
        "CONV_BATCH_SIZE": CONV_BATCH_SIZE,
        "BOUND_EXAMPLES": BOUND_EXAMPLES,
        "BOUND_K": BOUND_K,
    },
)

train = load(DATASET, "train")
validation = load(DATASET, "validation")
test = load(DATASET, "test")
print(
    f"train {len(train):,}, validation {len(validation):,}, test {len(test):,} pictures of shape {train.shape}"
)
# %% [markdown]
# Three parts, three jobs: the first trains, the second is watched while you choose settings, the third is
# touched once, at the end. A batch is a float tensor `(batch, channel, height, width)` with values in [0, 1].
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
    [f"{LATENT_DIM}", f"{2 * LATENT_DIM}", f"{LATENT_DIM + LATENT_DIM**2}"],
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
# A full covariance matrix would be the third option. A diagonal one is cheaper, and the decoder can often turn
# the code so that it costs little. Chapter 04 measures what it costs.
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
# - **score function**: $\nabla_\mu \mathbb E_q[f(z)] = \mathbb E_q\bigl[f(z)\,\nabla_\mu \log q(z)\bigr]$.
#   Weigh each draw by how good it was, and move towards good draws.
# - **reparameterization**: write $z = \mu + \sigma\varepsilon$ with $\varepsilon\sim\mathcal N(0, I)$. The randomness no
#   longer depends on $\mu$, so $\nabla_\mu \mathbb E[f(z)] = \mathbb E\bigl[\nabla f(\mu + \sigma\varepsilon)\bigr]$. Use the slope of $f$ itself.
#
# Both are right on average. Take an $f$ whose answer you know: $f(z) = \sum_j z_j^2$ with every $\mu_j = 1$ and $\sigma = \tfrac12$. Then
# $\mathbb E[f] = \sum_j(\mu_j^2 + \sigma^2)$, and the derivative with respect to $\mu_1$ is exactly $2\mu_1 = 2$, whatever the number of dimensions.
# %%
guess = predict(
    f"In {LATENT_DIM} dimensions, how many times larger is the variance of the score-function gradient?",
    ["about the same", "about 10 times", "about 100 times", "more than 1,000 times"],
    default=1,
)


# %%
def gradient_draws(dims, n, mu=1.0, sigma=0.5, seed=0):
    """n single-draw estimates of ∂E[Σ z²]/∂μ₁, by both methods."""
    noise = torch.randn(n, dims, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    z = mu + sigma * noise
    score_function = (z**2).sum(1) * (z[:, 0] - mu) / sigma**2  # f(z) · ∂ log q(z) / ∂μ₁
    reparameterized = 2 * z[:, 0]  # ∂f / ∂z₁ · ∂z₁ / ∂μ₁
    return score_function, reparameterized


def exact_score_variance(dims, mu=1.0, sigma=0.5):
    """Variance of the score-function estimate, from the moments of a Gaussian."""
    rest_mean = (dims - 1) * (mu**2 + sigma**2)
    rest_var = (dims - 1) * (4 * mu**2 * sigma**2 + 2 * sigma**4)
    own = mu**4 + 18 * mu**2 * sigma**2 + 15 * sigma**4
    return (own + 2 * (mu**2 + 3 * sigma**2) * rest_mean + rest_var + rest_mean**2) / sigma**2 - (2 * mu) ** 2


N_DRAWS = 200_000
rows, worst_z = [], 0.0
for dims in (1, 2, 5, 10, LATENT_DIM, 50):
    estimates = gradient_draws(dims, N_DRAWS)
    for draws in estimates:
        worst_z = max(worst_z, abs(draws.mean().item() - 2) / (draws.std().item() / math.sqrt(N_DRAWS)))
    score, reparam = (draws.var().item() for draws in estimates)
    rows.append(
        {
            "dimensions": dims,
            "score function": score,
            "exact": exact_score_variance(dims),
            "reparameterized": reparam,
            "ratio": score / reparam,
        }
    )
results_table(rows, caption="Variance of one gradient estimate")
ratio = next(row["ratio"] for row in rows if row["dimensions"] == LATENT_DIM)
guess.compare(
    0 if ratio < 3 else 1 if ratio < 30 else 2 if ratio < 1000 else 3,
    f"the variance ratio in {LATENT_DIM} dimensions is {ratio:,.0f}.",
)
# %%
dims = [row["dimensions"] for row in rows]
show(
    line_plot(
        {
            "score function, measured": (dims, [row["score function"] for row in rows]),
            "score function, exact": (dims, [row["exact"] for row in rows]),
            "reparameterized, measured": (dims, [row["reparameterized"] for row in rows]),
        },
        x_label="latent dimensions",
        y_label="variance of one gradient estimate",
        log_x=True,
        log_y=True,
    ),
    alt="Variance of one gradient estimate against the number of latent dimensions, both axes logarithmic. The "
    "score-function line rises steeply and lies on its exact curve; the reparameterized line stays flat at 1.",
)
claims.add(
    "Both gradient estimates agree with the exact derivative: largest distance in standard errors",
    worst_z,
    below=4,
)
claims.add(
    f"Variance of the score-function gradient over the reparameterized one, {LATENT_DIM} dimensions",
    ratio,
    above=100,
)
claims.add(
    "Score-function variance, measured over exact, largest relative error",
    max(abs(row["score function"] / row["exact"] - 1) for row in rows),
    below=0.1,
)


# %% [markdown]
# The reparameterized variance is $4\sigma^2$, no matter how many dimensions there are. The score function pays for
# every dimension, because all of $f$ multiplies the noise of one coordinate. This is why a VAE trains with a **single**
# draw of $z$ for each picture. (The score function keeps its place where $z$ is discrete and has no slope.)
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
# In words: the nats you need to write down the picture when you know the code, plus the nats you need to send
# the code. The first term is estimated with one draw of $z$; the second is exact.
# %%
guess = predict(
    "An untrained decoder knows nothing about any of the 784 pixels. Its −ELBO will be about ...",
    ["54 nats per example", "543 nats per example", "5,430 nats per example"],
    default=0,
)


# %%
class NotebookVAE(nn.Module):
    """Encoder, decoder and the two terms of −ELBO. `center` is a picture (1, 28, 28), see section 5."""

    def __init__(self, latent_dim, center=None):
        super().__init__()
        self.encoder, self.decoder = Encoder(latent_dim), Decoder(latent_dim)
        self.center = torch.zeros(1, 28, 28) if center is None else center
        self.offset = torch.zeros(1, 28, 28) if center is None else torch.logit(center)

    def forward(self, x, generator=None):
        """Reconstruction term and KL of each example, nats, (batch,) each."""
        mean, log_var = self.encoder(x - self.center)
        noise = torch.randn(mean.shape, generator=generator)
        z = mean + torch.exp(0.5 * log_var) * noise
        # Gray pixels lie between the two outcomes of a coin, hence no validation of x.
        pixels = torch.distributions.Bernoulli(logits=self.decoder(z) + self.offset, validate_args=False)
        reconstruction = -pixels.log_prob(x).sum((1, 2, 3))
        return reconstruction, kl_to_prior(mean, log_var)


seed_everything(0)
model = NotebookVAE(LATENT_DIM)
with torch.no_grad():
    x = validation.batch(torch.arange(len(validation)).split(1000)[0])
    reconstruction, kl = model(x, torch.Generator().manual_seed(0))
start_loss = (reconstruction + kl).mean().item()
guess.compare(
    0 if start_loss < 170 else 1 if start_loss < 1700 else 2,
    f"−ELBO {start_loss:.1f} = reconstruction {reconstruction.mean():.1f} + KL {kl.mean():.2f} nats per example.",
)
claims.add(
    "−ELBO of the untrained VAE against 784 ln 2 = 543.4 nats", start_loss, near=(784 * math.log(2), 5)
)
# %% [markdown]
# A coin that knows nothing costs $\ln 2$ nats, and there are 784 of them. Keep this number: a first loss of 0.69
# means that somebody averaged over pixels, one 256 times too large, that somebody summed over the batch as well.
#
# The package has the same model. It should give the same numbers from the same weights. From here on you use
# the package's, because you know what is inside.
# %%
package = VAE(latent_dim=LATENT_DIM, hidden_dims=(512, 256))
package.encoder.load_state_dict(model.encoder.state_dict())
package.decoder.load_state_dict(model.decoder.state_dict())
with torch.no_grad():
    terms = elbo_terms(package, x, torch.Generator().manual_seed(0))
difference = (terms.negative_elbo - (reconstruction + kl)).abs() / (reconstruction + kl)
print(f"notebook {start_loss:.4f}, package {terms.negative_elbo.mean():.4f} nats per example")
claims.add(
    "Package and notebook −ELBO from the same weights, largest relative difference",
    difference.max(),
    below=1e-5,
)


# %% [markdown]
# ## 5 How do you train it?
#
# Draw a batch, compute the loss, follow the gradient. The loss is the **mean over the batch** of the −ELBO of each
# picture. Eleven lines:
# %%
def train_by_hand(model, data, epochs, seed):
    """Plain training loop. Returns the −ELBO on held-out digits before training and after each epoch."""
    order, noise = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed + 1)
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
    reconstruction, kl = model(x, torch.Generator().manual_seed(0))
    return (reconstruction + kl).mean().item()


# %% [markdown]
# One thing first. The untrained decoder paints every pixel gray, and the untrained encoder sees mostly the ink that
# all digits share. The mean picture of the training set is known before any training, so **give it to both**:
# the encoder sees $x - \bar x$, and the decoder starts at $\operatorname{logit}(\bar x)$. Does that small kindness matter?
# %%
guess = predict(
    f"After {START_EPOCHS} passes through {START_EXAMPLES:,} digits, the VAE that starts from the mean picture is ...",
    [
        "worse: it has less to learn from",
        "equal within a nat: the head start is gone",
        "ahead by several nats",
    ],
    default=1,
)
# %%
start_data = train.subset(min(START_EXAMPLES, len(train)), seed=0)
# (Σx + 1) / (n + 2): a pixel that is always black still gets a finite logit.
center = (start_data.floats().sum(0) + 1) / (len(start_data) + 2)
curves = {"plain start": [], "mean-picture start": []}
for seed in range(N_SEEDS):
    for name, picture in (("plain start", None), ("mean-picture start", center)):
        seed_everything(seed)
        curve = train_by_hand(NotebookVAE(LATENT_DIM, picture), start_data, START_EPOCHS, seed)
        curves[name].append(curve)
        print(f"seed {seed}, {name:>18}: " + " → ".join(f"{value:.1f}" for value in curve), flush=True)
head_start, low, high = mean_interval(
    [plain[-1] - centered[-1] for plain, centered in zip(*curves.values(), strict=True)]
)
guess.compare(
    0 if head_start < -1 else 1 if head_start < 3 else 2,
    f"it is ahead by {head_start:.1f} nats ({N_SEEDS} seeds, 95 % interval {low:.1f} to {high:.1f}).",
)
claims.add(
    "Head start from the mean picture after the short run, nats per example",
    head_start,
    above=3,
    low=low,
    high=high,
    whole_interval=True,
)
# %% [markdown]
# So the rest of the course builds models with `VAE.for_data(train, ...)`, which does just this, and trains them with
# `fit`, which is your loop plus what a longer run needs: a learning rate that rises briefly and then falls to 0, a KL
# weight that rises from 0 to 1 over the first half (chapter 04 says why), a history, checkpoints. Now the full run.
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
# %%
show(
    training_curves(histories[0]),
    alt="Three panels for one seed: negative ELBO, reconstruction term and KL against the epoch, for training and "
    "held-out digits. The negative ELBO falls steeply in the first epoch and then slowly; KL jumps up and settles.",
)
# %% [markdown]
# Read the three panels together. The reconstruction term falls because the code starts to say something, and the KL is
# the price of saying it. While the KL weight is still rising, the reconstruction term may even go up: the code is told to
# be brief. A falling −ELBO with a KL near 0 would mean that the code is not used at all; you will
# meet that in chapter 04. Training and held-out curves that part company would mean memorized digits.
#
# Now, once, the test digits.
# %%
guess = predict(
    "The field quotes “about 100 nats” for a VAE on gray MNIST. Where will the test −ELBO of this one be?",
    ["below 80", "80 to 105", "105 to 130", "above 130"],
    default=2,
)
# %%
results = [evaluate(model, test, seed=0) for model in models]
test_elbo, test_low, test_high = mean_interval([result.negative_elbo.value for result in results])
for seed, result in enumerate(results):
    print(
        f"seed {seed}: test −ELBO {result.negative_elbo} = reconstruction {result.reconstruction} + KL {result.kl} nats"
    )
guess.compare(
    0 if test_elbo < 80 else 1 if test_elbo <= 105 else 2 if test_elbo <= 130 else 3,
    f"{test_elbo:.1f} nats per example on {len(test):,} test pictures of {DATASET} "
    f"(95 % interval over {N_SEEDS} seeds: {test_low:.1f} to {test_high:.1f}).",
)
# The bound on MNIST is the number the field quotes; on the small digits, what an earlier run of this chapter gave.
LEVEL = {"mnist": (95, 102), "digits": (90, 125)}[DATASET]
claims.add(
    f"Test −ELBO on {DATASET}, gray values, nats per example",
    test_elbo,
    between=LEVEL,
    low=test_low,
    high=test_high,
)
# %% [markdown]
# ## 6 Is the decoder's mean a picture from the model?
#
# The decoder is a distribution, so there are two things to look at: its mean (a gray picture of probabilities) and
# a draw from it (a black-and-white picture). Papers almost always show the first and call it a sample.
# %%
show(
    mean_and_sample(models[0], n=8, seed=0),
    alt="Two rows of eight generated digits from the same codes: the decoder's means, smooth and gray, above draws "
    "from the decoder, black and white with frayed edges.",
)
# %% [markdown]
# The draws are what the model claims pictures look like: strokes with frayed edges, because given $z$ every pixel
# is tossed on its own. The means look nicer, and are not what the model predicts to see. When you compare models by eye, say which
# of the two you show. Below: a test digit, its reconstruction **at the mean** of the posterior, and one from a
# draw of $z$. The ELBO is about the draw.
# %%
show(
    reconstructions(models[0], test, n=10, seed=0),
    alt="Three rows of ten test digits: originals, reconstructions at the mean of the posterior, and reconstructions "
    "from a drawn code. Both reconstructions keep identity and slant and lose fine detail.",
)
# %%
draw, at_mean = [], []
with torch.no_grad():
    for index in torch.arange(len(test)).split(1000):
        batch = test.batch(index)
        posterior = models[0].encode(batch)
        at_mean.append(-models[0].log_likelihood(batch, posterior.mean))
        draw.append(
            -models[0].log_likelihood(batch, posterior.sample(generator=torch.Generator().manual_seed(0)))
        )
flattery = (torch.cat(draw) - torch.cat(at_mean)).mean().item()
print(
    f"evaluating at the mean instead of at a draw makes the model look {flattery:.1f} nats better than it is"
)
claims.add("Nats by which evaluation at the posterior mean flatters the model", flattery, above=1)
# %% [markdown]
# Some published code reports the loss at the mean as its test loss. That is no bound on $\log p(x)$, and now you know
# how much it flatters.
#
# And pictures from nothing: $z \sim \mathcal N(0, I)$, decoded.
# %%
show(
    sample_grid(models[0].sample(64, generator=torch.Generator().manual_seed(3))),
    alt="Sixty-four generated digits, decoder means. Most read as a digit; some hang between two digits and are blurred.",
)
# %% [markdown]
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
with torch.no_grad():
    codes = flat.encode(pool.floats())
    few = flat.encode(pool.floats()[:60])
show(
    posterior_ellipses(few, pool.labels[:60]),
    alt="Sixty test digits as ellipses in a two-dimensional code, each marked with its digit. Ellipses of one class "
    "lie together, all are much smaller than the prior's circle, and some of different classes overlap.",
)


# %% [markdown]
# Each ellipse is much smaller than the prior: the picture pins down its code. And some ellipses of *different* digits lie on
# top of each other. Which pair overlaps most? Measure it with the Bhattacharyya coefficient
# $\int \sqrt{q(z|x)\,q(z|x')}\,dz$: 1 for the same cloud, 0 for clouds that never meet.
# %%
def overlap(mean, log_var):
    """Bhattacharyya coefficient of every pair of diagonal Gaussians, (n, n), in [0, 1]."""
    var = log_var.exp()
    middle = 0.5 * (var[:, None] + var[None])
    distance = (mean[:, None] - mean[None]) ** 2 / middle / 8
    width = 0.5 * (middle.log() - 0.5 * (log_var[:, None] + log_var[None]))
    return torch.exp(-(distance + width).sum(-1))


pairs = overlap(codes.mean, codes.log_var)
different = pool.labels[:, None] != pool.labels[None]
best = torch.where(different, pairs, 0).flatten().argmax().item()
a, b = divmod(best, len(pool))
print(f"a {pool.labels[a]} and a {pool.labels[b]} share {pairs[a, b]:.2f} of their clouds")
with torch.no_grad():
    two = pool.floats()[[a, b]]
    show(
        image_grid(
            torch.cat([two, flat.reconstruct(two)]),
            columns=4,
            titles=["A", "B", "A decoded", "B decoded"],
        ),
        alt="Two test digits of different classes whose posteriors overlap, and their two reconstructions, which look "
        "almost alike: somewhere between both.",
    )
claims.add("Largest overlap of q(z|x) between digits of different classes, 2-D code", pairs[a, b], above=0.5)
# %% [markdown]
# When two different pictures share a cloud, the decoder gets the same $z$ from both and must answer both. The best it can
# do is to put probability on either: a blurred picture in between. Remember this pair: it is the root of the blur in chapter 07.
#
# Now disturb a picture and watch its code. Three corruptions: noise on every pixel, a shift by three pixels, and a blanked
# right half. Back to the model with the larger code.
# %%
guess = predict(
    "Which corruption costs the most nats of −ELBO?",
    ["noise (σ = 0.2)", "shift (3 pixels)", "right half blank"],
    default=2,
)
# %%
clean = pool.floats()
noise = 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
blank = clean.clone()
blank[..., 14:] = 0
corrupted = {
    "clean": clean,
    "noise (σ = 0.2)": (clean + noise).clamp(0, 1),
    "shift (3 pixels)": torch.roll(clean, 3, dims=-1),
    "right half blank": blank,
}
vae, rows = models[0], []
with torch.no_grad():
    home = vae.encode(clean)
    for name, pictures in corrupted.items():
        posterior = vae.encode(pictures)
        terms = elbo_terms(vae, pictures, torch.Generator().manual_seed(0))
        moved = ((posterior.mean - home.mean) / home.std).pow(2).mean(-1).sqrt().mean()
        rows.append(
            {
                "picture": name,
                "−ELBO (nats)": terms.negative_elbo.mean().item(),
                "KL (nats)": terms.kl.mean().item(),
                "code moved (σ of q, RMS)": moved.item(),
            }
        )
    results_table(rows, caption="What a corruption costs, and how far it moves the code")
    strips, names = [], []
    for name, pictures in corrupted.items():
        strips += [pictures[:8], vae.reconstruct(pictures[:8])]
        names += [name, "reconstructed"]
    show(
        image_grid(torch.cat(strips), columns=8, row_titles=names),
        alt="Eight test digits clean, noisy, shifted and half blank, each row followed by its reconstructions at the mean. "
        "Clean digits come back as they are, noisy and shifted ones bent, half ones faint and unclear.",
    )
cost = {row["picture"]: row["−ELBO (nats)"] - rows[0]["−ELBO (nats)"] for row in rows[1:]}
worst = max(cost, key=cost.get)
guess.compare(worst, ", ".join(f"{name} {nats:+.0f} nats" for name, nats in cost.items()) + ".")
claims.add("Extra −ELBO of noisy pictures, nats", cost["noise (σ = 0.2)"], above=10)
claims.add("Extra −ELBO of shifted pictures, nats", cost["shift (3 pixels)"], above=5)
claims.add(
    "Extra −ELBO of half-blank pictures over that of shifted ones",
    cost["right half blank"] / cost["shift (3 pixels)"],
    below=0.5,
)
claims.add(
    "Distance that the least of the three corruptions moves the code, posterior standard deviations",
    min(row["code moved (σ of q, RMS)"] for row in rows[1:]),
    above=2,
)
# %% [markdown]
# Each of the three rows is worth a pause.
#
# - **Noise** is by far the dearest. The decoder is certain that the background is black, and every gray speck there
#   contradicts a certainty. The price is paid in the reconstruction term, pixel by pixel.
# - **A shift** of three pixels, which you would hardly notice, costs dozens of nats and moves the code by several of its own
#   standard deviations. A fully connected network has never heard that a shifted digit is the same digit.
# - **Half a digit** is gone, and it costs a fraction of what the shift costs: black pixels are cheap to predict, and ink that is
#   not there need not be described. So a low −ELBO does not mean "a good digit". Chapter 09 returns to this when it looks for
#   unusual data.
#
# ## 8 Do convolutions help?
#
# A convolutional encoder looks at small windows and halves the picture's side at each layer. The decoder is its mirror image.
# %%
seed_everything(0)
conv = VAE.for_data(train, latent_dim=LATENT_DIM, architecture="conv")
results_table(shape_table(conv.encoder.layers, x[:24]), caption="The convolutional encoder")
results_table(
    shape_table(conv.decoder.layers, torch.zeros(24, LATENT_DIM)), caption="The convolutional decoder"
)


def count(model):
    return sum(p.numel() for p in model.parameters())


print(f"parameters: fully connected {count(models[0]):,}, convolutional {count(conv):,}")
# %% [markdown]
# The folklore says that convolutions are better for pictures. Better at what? Give both the same digits and the same number of
# passes, and measure.
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
gain, gain_low, gain_high = mean_interval([a - b for a, b in zip(levels["mlp"], levels["conv"], strict=True)])
guess.compare(
    0 if gain > 1 else 1 if gain >= -1 else 2,
    f"the convolutional VAE is {gain:+.1f} nats better (95 % interval {gain_low:+.1f} to {gain_high:+.1f}), "
    f"with {count(conv) / count(models[0]):.0%} of the parameters.",
)
epochs = list(range(1, CONV_EPOCHS + 1))
show(
    line_plot(
        {
            name: (
                epochs,
                *zip(
                    *[mean_interval(values) for values in list(zip(*curves[key], strict=True))[1:]],
                    strict=True,
                ),
            )
            for name, key in (("fully connected", "mlp"), ("convolutional", "conv"))
        },
        x_label="passes through the digits",
        y_label="held-out −ELBO (nats per example)",
    ),
    alt="Held-out negative ELBO of the fully connected and the convolutional VAE after each pass, with 95 % intervals "
    "over the seeds. The convolutional curve ends lower.",
)
claims.add(
    "Nats gained by convolutions, same digits, same passes",
    gain,
    above=0,
    low=gain_low,
    high=gain_high,
    whole_interval=True,
)
claims.add(
    "Parameters of the convolutional VAE over those of the fully connected one",
    count(conv) / count(models[0]),
    below=0.5,
)
# %% [markdown]
# Fewer parameters, a better bound: here the folklore holds. Better at what, then? At learning from few digits. The price is
# arithmetic: the same small kernel is applied at every position. Count the operations for one picture.
# %%
from torch.utils.flop_counter import FlopCounterMode


def arithmetic(model):
    """Floating-point operations of one pass through encoder and decoder, for one picture."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(x[:1]).mean)
    return counter.get_total_flops()


work = {"fully connected": arithmetic(models[0]), "convolutional": arithmetic(conv)}
print(", ".join(f"{name}: {count / 1e6:.1f} million operations" for name, count in work.items()))
claims.add(
    "Arithmetic of the convolutional VAE over the fully connected one",
    work["convolutional"] / work["fully connected"],
    above=2,
)
# %% [markdown]
# For pictures as small as MNIST's this course therefore mostly uses the fully connected network, and the convolutional one for
# faces and dogs.
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
claims.add("Change of the test −ELBO by saving and loading, nats", abs(saved - loaded), below=1e-6)
# %% [markdown]
# The −ELBO is an upper bound of $-\log p(x)$, and how loose it is depends on the encoder. A tighter bound averages $K$ draws
# *inside* the logarithm (the importance-weighted bound, Burda et al. 2016):
#
# $$
# \log \hat p_K(x) = \log \frac1K \sum_{k=1}^K \frac{p(x \mid z_k)\, p(z_k)}{q(z_k \mid x)}, \qquad z_k \sim q(z \mid x).
# $$
#
# In words: each draw is a guess of $p(x)$; average the guesses, then take the logarithm. With $K = 1$ it is the ELBO. With more draws
# it can only rise, and in the limit it is $\log p(x)$ itself. This is what papers report as NLL.
#
# Papers also report it on **binary** digits. "MNIST" means four different things in the literature: gray values as probabilities, a
# fixed binary version that everybody downloads, one drawn anew at each pass, and a threshold at ½. Their numbers cannot be compared,
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
        f"K = {k:>5,}: −log p̂ = {-bounds[-1].value:.2f} ± {bounds[-1].standard_error:.2f} nats per example",
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
        y_label="nats per example",
        log_x=True,
    ),
    alt="The importance-weighted bound on minus log p of binary test digits against the number of draws K, "
    "logarithmic: it falls steeply at first and then flattens.",
)
claims.add("Importance-weighted bound minus ELBO, binary test digits, nats", improvement, between=(1, 15))
steps = [bounds[i + 1].value - bounds[i].value for i in range(len(bounds) - 1)]
claims.add("The bound rises with every larger K: smallest rise, nats", min(steps), above=0)
# %% [markdown]
# ## Play
#
# Corrupt a digit yourself. Watch three things: where the code goes, what comes back, and what the −ELBO thinks of it. Look for a
# corruption that makes the −ELBO *fall*, and one that turns the digit into another one.
# %%
from vae_course.widgets.corrupted_digit import explore_corrupted_digit

explorer = explore_corrupted_digit(models[0], pool.floats()[0])
# %% [markdown]
# ## What we measured
# %%
results_table(
    [
        {"measure": "−ELBO, untrained", "value": f"{start_loss:.1f} nats", "on": "held-out, gray"},
        {
            "measure": "−ELBO, trained",
            "value": f"{test_elbo:.1f} nats ({test_low:.1f} to {test_high:.1f})",
            "on": f"{DATASET} test, gray",
        },
        {
            "measure": "−ELBO (K = 1)",
            "value": f"{-bounds[0].value:.1f} ± {bounds[0].standard_error:.1f} nats",
            "on": f"{binary.name} test, binary",
        },
        {
            "measure": f"−log p̂ (K = {BOUND_K:,})",
            "value": f"{-bounds[-1].value:.1f} ± {bounds[-1].standard_error:.1f} nats",
            "on": f"{binary.name} test, binary",
        },
        {
            "measure": "evaluation at the mean flatters by",
            "value": f"{flattery:.1f} nats",
            "on": f"{DATASET} test, gray",
        },
        {
            "measure": "start from the mean picture gains",
            "value": f"{head_start:.1f} nats",
            "on": "short run, held-out",
        },
        {
            "measure": "convolutions gain",
            "value": f"{gain:.1f} nats",
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
# **Contract**: `kl_to_prior(mean, log_var)`: both float tensors `(batch, latent)`, `log_var` is log σ². Returns the KL of each example in nats,
# `(batch,)`, never negative.
# %%
def my_kl_to_prior(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns the KL in nats, shape (batch,)."""
    ...


check("02.1", my_kl_to_prior)
# %%
hint("02.1")
solution("02.1")


# %% [markdown]
# ### Exercise 02.2: a draw that lets gradients through (easy)
#
# **Contract**: `reparameterize(mean, log_var, generator=None)`: both float tensors `(batch, latent)`. Returns one draw $z \sim \mathcal N(\mu, \sigma^2)$ for
# each example, `(batch, latent)`, through which gradients reach `mean` and `log_var`. All randomness comes from the `torch.Generator`, or from
# torch's own when it is None. The check looks at thousands of draws, at the gradients and at the seeds.
# %%
def reparameterize(
    mean: torch.Tensor, log_var: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns z ~ N(mean, σ²), shape (batch, latent)."""
    ...


check("02.2", reparameterize)
# %%
hint("02.2")
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


check("02.3", reconstruction_nats)
# %%
hint("02.3")
solution("02.3")
# %% [markdown]
# ### Exercise 02.4: the size of a convolutional encoder (medium)
#
# Color pictures `(batch, 3, 64, 64)` go through `Conv2d(3, 16, kernel_size=4, stride=2, padding=1)`, `Conv2d(16, 32, kernel_size=4, stride=2, padding=1)`,
# `Flatten`, and one `Linear` layer that puts out mean and `log_var` of 10 latent dimensions. **Contract**: a dict of three whole numbers: `side` (height of the
# last feature map), `features` (inputs of the Linear layer), `parameters` (all learnable numbers of the three layers).
# %%
answer_02_4 = {"side": ..., "features": ..., "parameters": ...}

check("02.4", answer_02_4)
# %%
hint("02.4")
solution("02.4")


# %% [markdown]
# ### Exercise 02.5: one training step (hard)
#
# **Contract**: `training_step(model, optimizer, x, beta=1.0)`: one update of `model` on the batch `x` with the loss reconstruction + β·KL. `model` has
# `encode(x)` (with `.sample()` and `.kl()`) and `log_likelihood(x, z)`, as the package's `VAE`. Returns
# `{"loss", "reconstruction", "kl"}`: floats, means over the batch in nats, measured before the update.
# %%
def training_step(model, optimizer, x: torch.Tensor, beta: float = 1.0) -> dict[str, float]:
    """One step on the batch x. Returns {"loss", "reconstruction", "kl"}, means over the batch in nats."""
    ...


check("02.5", training_step)
# %%
hint("02.5")
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


check("02.6", generate)
# %%
hint("02.6")
solution("02.6")
# %% [markdown]
# ## Summary
#
# The encoder turns a picture into a cloud of codes, the decoder turns a code into a distribution over pictures, and the ELBO prices
# both in nats. Writing a draw as $\mu + \sigma\varepsilon$ lets gradients through with a variance that does not grow with the size of the
# code, so one draw is enough. An untrained VAE costs 784 ln 2 nats, which is the first thing to check in anybody's code. Half of good training is the start:
# give both networks the mean picture. The decoder's mean is not a sample, the loss at the mean is not the ELBO, and MNIST is four data sets.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Section 2.3 (the estimator), 2.4 (reparameterization), appendix B (closed-form KL).
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014.
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. Equation 8 (the bound), section 5 (data and protocol).
# - H. Larochelle, I. Murray: *The Neural Autoregressive Distribution Estimator*, AISTATS 2011 (the fixed binary MNIST).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL annealing).
#
# Next: chapter 03, *Latent space and smooth interpolation*.

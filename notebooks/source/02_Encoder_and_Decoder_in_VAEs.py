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
# A handwritten digit has 784 pixels. A VAE writes it down as 20 numbers and draws it again from them. Give the same network 20
# numbers out of thin air, and mostly it draws a digit. The pictures below come from a trained model (chapter
# 08). Here you build and train your own.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 60,000)
LATENT_DIM = 20  # size of the code z, 3 to 64
EPOCHS = 16  # passes through the training digits, 5 or more
BATCH_SIZE = 256  # digits in one update
LEARNING_RATE = 4e-3  # highest learning rate of Adam; it falls along a cosine to 0
N_SEEDS = 3  # models trained, 2 or more: intervals are 95 % t-intervals over them
BOUND_EXAMPLES = 500  # test digits for the importance-weighted bound
BOUND_K = 1000  # largest number of draws of z for each of them, 20 or more
# %% tags=["hide-input"]
import math
from dataclasses import dataclass, replace

import torch
from torch import nn

from vae_course import VAE, History, Runs, evaluate, load, load_classifier, load_one_model, seed_everything
from vae_course import seeded, standard_normal_log_prob
from vae_course.plots import image_grid, line_plot, training_curves
from vae_course.teaching import Claims, check_parameters, complete, hint, predict, results_table, show
from vae_course.teaching import solution
from vae_course.widgets import explore_corrupted_digit

least = dict(LATENT_DIM=3, EPOCHS=5, BATCH_SIZE=1, LEARNING_RATE=0.0, N_SEEDS=2, BOUND_EXAMPLES=1, BOUND_K=20)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("02_Encoder_and_Decoder_in_VAEs", parameters)
DATASET = "digits" if OFFLINE else "mnist"
train, validation, test = (load(DATASET, part) for part in ("train", "validation", "test"))

ready = load_one_model(DATASET).at(beta=1.0, k=20)  # a trained VAE whose code has 20 numbers
digits = torch.stack([test.floats()[test.labels == label][3] for label in range(10)])
rows = [digits, ready.reconstruct(digits), ready.sample(10, seeded(8))]
show(
    image_grid(torch.cat(rows), 3, 10, row_titles=["written by people", "from its 20 numbers", "from noise"]),
    alt="Three rows of ten digits. On top handwritten test digits from 0 to 9; below them the same digits drawn again, "
    "smoother, a fine or odd stroke lost; at the bottom ten invented ones, of which most read as a digit and some do not.",
    title="A digit comes back from 20 numbers, and 20 random numbers mostly give one, too",
)


# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** encoder, decoder, ELBO and training loop, and state the shape of every tensor on the way;
# 2. **derive** the gradient through a random draw, for $\mu$ and for $\sigma$, and say what it saves;
# 3. **predict** the loss of an untrained VAE before you run it;
# 4. **tell** a mean from a draw, a bound from a tighter bound, and four versions of MNIST from each other.
#
# You need Python, PyTorch modules and gradients, and chapter 01's ELBO. Five functions are left for you to write. Each is checked at once; if
# yours is not right yet, the chapter goes on with the reference. Brackets hold 95 % t-intervals over the models.
#
# ## 1 What should an encoder put out?
#
# A plain autoencoder maps a picture to one point. A VAE's encoder maps it to a **cloud** of plausible codes, the approximate posterior
#
# $$
# q(z \mid x) = \mathcal N\bigl(z;\ \mu(x),\ \operatorname{diag} \sigma^2(x)\bigr).
# $$
#
# In words: a center $\mu$ and a width $\sigma$ in every latent dimension. A network can put out any real number, but a width must
# be positive. So the network gives $\log \sigma^2$, called `log_var` everywhere in this course. For a code of 20 dimensions its
# last layer is 40 wide.
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
        return mean, 15 * torch.tanh(raw / 15)  # log_var stays within ±15: its exp() cannot overflow


x = train.batch(torch.arange(24))
print("input".ljust(10), tuple(x.shape))
outputs = x
for layer in Encoder(LATENT_DIM).layers:
    outputs = layer(outputs)
    print(type(layer).__name__.ljust(10), tuple(outputs.shape))
# %% [markdown]
# How much does a cloud tell about its picture? The KL divergence to the prior $p(z) = \mathcal N(0, I)$ counts it in nats:
#
# $$
# \mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr) = \tfrac12 \sum_j \left(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\right).
# $$
#
# In words: pay for a center away from 0 and for a width away from 1, in every dimension. A cloud equal to the prior says nothing and costs nothing.
#
# **Your turn (02.1).** Turn the formula into code. `mean` and `log_var` are float tensors `(batch, latent)`. Return the KL of each
# example, `(batch,)`, with gradients.


# %%
def kl_closed_form(mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns the KL in nats, shape (batch,)."""
    ...


# hint("02.1")  # remove the first # for a hint, again for the next one
kl_closed_form = complete("02.1", kl_closed_form)
solution("02.1")
# %% [markdown]
# ## 2 How does a gradient pass through a random draw?
#
# The decoder needs one $z$, drawn from the cloud. Training needs the derivative of the loss, call it $f(z)$, with respect to $\mu$
# and $\sigma$. There are two ways.
#
# **Score function** (Williams 1992). Since $\nabla q = q\,\nabla \log q$,
#
# $$
# \nabla\, \mathbb E_q[f(z)] = \mathbb E_q\bigl[f(z)\,\nabla \log q(z)\bigr].
# $$
#
# In words: draw, see what the draw costs, and make cheap draws likelier. One may subtract a constant from $f$ first, here its
# mean. This *baseline* changes no average, because $\mathbb E_q[\nabla \log q] = 0$, and removes much of the noise.
#
# **Reparameterization** (Kingma & Welling 2014; Rezende et al. 2014). Write $z = \mu + \sigma\varepsilon$ with $\varepsilon \sim \mathcal N(0, I)$. The
# randomness no longer depends on $\mu$ or $\sigma$, and the chain rule does the rest:
#
# $$
# \frac{\partial f}{\partial \mu_j} = \frac{\partial f}{\partial z_j}, \qquad
# \frac{\partial f}{\partial \log\sigma_j^2} = \frac{\partial f}{\partial z_j}\cdot\tfrac12\,\sigma_j\varepsilon_j .
# $$
#
# In words: shift the center and the draw shifts along; widen the cloud and the draw moves away from the center in proportion to its $\varepsilon$.
#
# **Your turn (02.2).** Draw one $z$ for each example so that gradients reach both inputs. All randomness comes from `generator`, or from torch's own when it
# is None.


# %%
def reparameterize(
    mean: torch.Tensor, log_var: torch.Tensor, generator: torch.Generator | None = None
) -> torch.Tensor:
    """mean, log_var: (batch, latent); log_var is log σ². Returns z ~ N(mean, σ²), shape (batch, latent)."""
    ...


# hint("02.2")  # remove the first # for a hint, again for the next one
reparameterize = complete("02.2", reparameterize)
solution("02.2")
# %% [markdown]
# Take an $f$ whose answer you know: $f(z) = \sum_j z_j^2$, with every $\mu_j = 1$ and $\sigma_j = \tfrac12$. Its mean is
# $\sum_j (\mu_j^2 + \sigma_j^2)$. So the derivative with respect to $\mu_1$ is exactly $2\mu_1 = 2$. With respect to
# $\log\sigma_1^2$ it is $\sigma_1^2 = \tfrac14$, as $\sigma_1^2 = e^{\log\sigma_1^2}$. Both methods are right on average. But training
# sees single draws.
# %%
guess = predict(
    "The derivative for μ₁ from one draw in 20 dimensions: how many times larger is the score function's variance?",
    ["about the same", "about 10 times", "about 100 times", "more than 1,000 times"],
)


# %%
def gradients(dims, n=100_000):
    """The derivatives of E[Σ z²] for μ₁ and log σ₁² by both methods, each estimated n times from a single draw."""
    mean = torch.ones(n, dims, dtype=torch.float64, requires_grad=True)
    log_var = torch.full_like(mean, math.log(0.25), requires_grad=True)
    z = reparameterize(mean, log_var, seeded(dims))
    f = z.square().sum(1)
    f.sum().backward()  # autograd goes through the draw
    away = z[:, 0].detach() - 1
    advantage = f.detach() - 1.25 * dims  # f minus its mean: the baseline
    return {
        "μ, score function": advantage * away / 0.25,
        "log σ², score function": advantage * 0.5 * (away**2 / 0.25 - 1),
        "μ, reparameterized": mean.grad[:, 0],
        "log σ², reparameterized": log_var.grad[:, 0],
    }


sizes = (1, 2, 5, 10, 20, 50)
estimates = [gradients(dims) for dims in sizes]
variance = {name: [each[name].var().item() for each in estimates] for name in estimates[0]}
# %% tags=["hide-input"]
off = []  # of each mean estimate from the exact derivative, in standard errors
for each in estimates:
    for name, draws in each.items():
        error = draws.mean() - (2.0 if name.startswith("μ") else 0.25)
        off.append((error.abs() / draws.std() * math.sqrt(len(draws))).item())
claims.add("gradient_off", max(off), below=5, text="Mean gradients off the exact ones, in standard errors")
in_20 = {name: values[sizes.index(20)] for name, values in variance.items()}
for_mean = in_20["μ, score function"] / in_20["μ, reparameterized"]
for_width = in_20["log σ², score function"] / in_20["log σ², reparameterized"]
claims.add("ratio_mean", for_mean, above=30, unit="times", text="Variance for μ, score over ours, 20-D")
claims.add("ratio_width", for_width, above=30, unit="times", text="The same for log σ²")
guess.compare(
    0 if for_mean < 3 else 1 if for_mean < 30 else 2 if for_mean < 1000 else 3,
    f"{for_mean:,.0f} times for μ₁, {for_width:,.0f} times for log σ₁².",
)
lines = {name: (sizes, values) for name, values in variance.items()}
labels = {"x_label": "latent dimensions", "y_label": "variance of one gradient estimate", "x_ticks": sizes}
show(
    line_plot(lines, **labels, log_x=True, log_y=True, legend_outside=True),
    alt="Variance of one gradient estimate against the number of latent dimensions, both axes logarithmic. The two "
    "score-function lines rise steadily; the two reparameterized lines are flat and lie far below in 20 dimensions.",
    title="Only the score function gets noisier with every dimension",
)
# %% [markdown]
# The score function multiplies the noise of one coordinate by all of $f$, so every added dimension adds noise. In 20 dimensions its
# variance is {{ratio_mean}} that of the reparameterized gradient for $\mu_1$, and {{ratio_width}} for $\log\sigma_1^2$. In
# practice a *single* reparameterized draw for each picture is enough.
#
# ## 3 What does a decoder say about a picture?
#
# It returns not a picture but a **distribution over pictures**, $p(x \mid z)$. Here every pixel is a coin. The decoder puts out one logit $\ell_i$ for each, and
# $p_i = \operatorname{sigmoid}(\ell_i)$ is the probability of white. Given $z$ the coins are independent, so their log-probabilities add up:
#
# $$
# -\log p(x \mid z) = -\sum_i \bigl[x_i \log p_i + (1 - x_i)\log(1 - p_i)\bigr].
# $$
#
# In words: the binary cross-entropy, **summed** over the pixels. The digits are gray. For a gray $x_i$ this is the expected cost
# of a coin that is white with probability $x_i$ (chapter 05).
#
# **Your turn (02.3).** From logits and pictures `(batch, channel, height, width)` to nats `(batch,)`. It must stay exact for logits of ±150, and keep its gradient.


# %%
def reconstruction_nats(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """logits, x: (batch, channel, height, width). Returns -log p(x|z) in nats, shape (batch,)."""
    ...


# hint("02.3")  # remove the first # for a hint, again for the next one
reconstruction_nats = complete("02.3", reconstruction_nats)
solution("02.3")
# %% [markdown]
# Now put your three functions together. The negative ELBO of a picture is
#
# $$
# -\mathrm{ELBO}(x) = \underbrace{\mathbb E_{q(z|x)}\bigl[-\log p(x\mid z)\bigr]}_{\text{reconstruction (distortion)}} +
# \underbrace{\mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr)}_{\text{KL (rate)}} .
# $$
#
# In words: what the picture costs once you know the code, plus what it costs to say the code. One draw of $z$ estimates the first
# term.
#
# Both networks below work on what differs from a fixed picture, `center`.


# %%
@dataclass
class Cloud:
    """q(z|x) of a batch: mean and log_var, (batch, latent) each."""

    mean: torch.Tensor
    log_var: torch.Tensor

    def sample(self, generator=None):
        return reparameterize(self.mean, self.log_var, generator)

    def kl(self):
        return kl_closed_form(self.mean, self.log_var)


class NotebookVAE(nn.Module):
    """Your VAE around a picture ``center`` (1, 28, 28)."""

    def __init__(self, latent_dim, center):
        super().__init__()
        self.latent_dim, self.encoder = latent_dim, Encoder(latent_dim)
        layers = nn.Linear(latent_dim, 256), nn.GELU(), nn.Linear(256, 512), nn.GELU(), nn.Linear(512, 784)
        self.decoder = nn.Sequential(*layers, nn.Unflatten(-1, (1, 28, 28)))
        self.center, self.offset = center, torch.logit(center)

    def encode(self, x):
        return Cloud(*self.encoder(x - self.center))

    def decode(self, z):
        return self.decoder(z) + self.offset  # logits

    def log_likelihood(self, x, z):
        return -reconstruction_nats(self.decode(z), x)


# %%
guess = predict(
    "An untrained decoder knows nothing about any of the 784 pixels. Its −ELBO will be about ...",
    ["about 80 nats per example", "about 540 nats", "about 4,300 nats: 8 bits for each pixel"],
)


# %%
@torch.no_grad()
def held_out(model):
    """−ELBO and its terms on (up to) 2,000 held-out digits, nats per example."""
    x = validation.batch(torch.arange(min(2000, len(validation))))
    q = model.encode(x)
    reconstruction = -model.log_likelihood(x, q.sample(seeded(0))).mean().item()
    kl = q.kl().mean().item()
    return {"negative_elbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


seed_everything(0)
start = held_out(NotebookVAE(LATENT_DIM, torch.full((1, 28, 28), 0.5)))["negative_elbo"]
mean_picture = (train.floats().sum(0) + 1) / (len(train) + 2)  # never exactly 0 or 1: its logit is finite
centered = held_out(NotebookVAE(LATENT_DIM, mean_picture))["negative_elbo"]
guess.compare(
    0 if start < 170 else 1 if start < 1700 else 2,
    f"{start:.1f} nats per example; with the mean picture as a start, {centered:.1f}.",
)
claims.add("untrained", start, near=(784 * math.log(2), 5), unit="nats", text="Untrained −ELBO")
claims.add("centered", centered, below=start / 2, unit="nats", text="Untrained, from the mean picture")
# %% [markdown]
# A coin of probability ½ costs $\ln 2$ nats. There are 784: 543.4 nats; measured, {{untrained.value}}. Check this number first
# in anybody's code. A first loss of 0.69 means that somebody averaged over the pixels; one as many times larger as the batch
# has pictures, that somebody summed over the batch.
#
# That was with a gray `center`, every pixel ½. Take the mean picture of the training set instead,
# and you start at {{centered.value}}. From here on we do.
#
# ## 4 Train it
#
# One step: draw a batch, compute the loss, follow the gradient.
#
# **Your turn (02.5).** `model` has `encode(x)`, whose result has `.sample()` and `.kl()`, and `log_likelihood(x, z)`, as yours above. Make one update on
# the loss reconstruction + β·KL, averaged over the batch, and return `{"loss", "reconstruction", "kl"}`: floats, measured before the update.


# %%
def training_step(model, optimizer, x: torch.Tensor, beta: float = 1.0) -> dict[str, float]:
    """One step on the batch x. Returns {"loss", "reconstruction", "kl"}, means over the batch in nats."""
    ...


# hint("02.5")  # remove the first # for a hint, again for the next one
training_step = complete("02.5", training_step)
solution("02.5")


# %%
def train_vae(seed):
    """A model of its own for each seed, and its learning curve, from before the first update."""
    seed_everything(seed)
    model = NotebookVAE(LATENT_DIM, mean_picture)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    updates = EPOCHS * math.ceil(len(train) / BATCH_SIZE)

    def share(t):  # of the highest learning rate: a short rise, then a cosine down to 0
        return min(20 * t / updates, 1) * 0.5 * (1 + math.cos(math.pi * t / updates))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    records = [{"epoch": 0, "train": None, "validation": held_out(model)}]
    for epoch in range(1, EPOCHS + 1):
        steps = []
        for index in torch.randperm(len(train)).split(BATCH_SIZE):
            step = training_step(model, optimizer, train.batch(index))
            steps.append({name: float(value) for name, value in step.items()})
            schedule.step()
        means = {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
        means["negative_elbo"] = means.pop("loss")
        records.append({"epoch": epoch, "train": means, "validation": held_out(model)})
        if seed == 0 or epoch == EPOCHS:
            print(
                f"seed {seed}, pass {epoch:>2}: held out {records[-1]['validation']['negative_elbo']:.1f} nats"
            )
    return model, History(records)


model, history = train_vae(0)
# %% tags=["hide-input"]
curve = history.curve("validation")[1]
figure = training_curves(History(history.records[1:]))
for axes in figure.axes:
    axes.set_xlabel("passes")
show(
    figure,
    alt="Three panels for one seed: negative ELBO, reconstruction term and KL after each pass, for training and held-out digits. The first two "
    "fall steeply, then slowly, and at the end the training curve lies a little lower; the KL rises, and after a few passes its two curves all but coincide.",
    title=f"Held-out digits cost {curve[1]:.0f} nats after one pass and {curve[-1]:.1f} nats after {EPOCHS}",
)
# %% [markdown]
# The reconstruction gets cheaper because the code says something; the KL is the price of saying it. A KL near 0 would mean clouds
# like the prior, a code that says nothing (chapter 04). Training values are averages *during* a pass, so the first one lies above
# the held-out value taken after it. At the end training digits are {{memorized}} cheaper than held-out ones (three seeds).
# The gap opens late: some of what the model learns holds for the training digits only.
#
# Was it luck? Train other seeds, too.
# %%
runs = [(model, history)] + [train_vae(seed) for seed in range(1, N_SEEDS)]
curves = [history.curve("validation")[1] for _, history in runs]
flat = Runs(values[-1 - EPOCHS // 5] / values[-1] - 1 for values in curves)
claims.add("flat", flat, below=0.005, unit="%", text="Held-out −ELBO, still falling in the last fifth")
ahead = Runs(values[-1] for values in curves) - Runs(h.last["train"]["negative_elbo"] for _, h in runs)
claims.note("memorized", ahead, unit="nats")


# %%
def variance_ratio(model, x, n=500):
    """Section 2 again, for your decoder: variance for μ of the score function over that of the reparameterized."""
    q = model.encode(x[None])
    mean = q.mean.detach().expand(n, -1).clone().requires_grad_()
    std, noise = torch.exp(0.5 * q.log_var).detach(), torch.randn(mean.shape, generator=seeded("gradients"))
    f = model.log_likelihood(x.expand(n, *x.shape), mean + std * noise)
    f.sum().backward()
    score = (f - f.mean()).detach()[:, None] * noise / std
    return (score.var(0).sum() / mean.grad.var(0).sum()).item()


trained = torch.tensor([variance_ratio(model, digit) for digit in digits]).median()
claims.add("ratio_trained", trained, above=2, unit="times", text="Variance for μ, score over ours, trained")
# %% [markdown]
# In the last fifth of the training the held-out value fell by {{flat}}. We had asked for less than 0.5 %: the mean
# keeps that, the interval does not. Nearly flat, then (a learning rate that ends at 0 flattens any curve). For the trained decoder the score function's variance for $\mu$ is {{ratio_trained}} that of the
# reparameterized gradient, less than in section 2's toy (one model, median of ten digits).
#
# Now the test digits, which decided nothing so far. Your weights move into the package's `VAE`.
# %%
mine = [model for model, _ in runs]
models = [VAE(latent_dim=LATENT_DIM, hidden_dims=(512, 256)).center_on(train).eval() for _ in mine]
for package, model in zip(models, mine, strict=True):
    package.encoder.load_state_dict(model.encoder.state_dict())
    package.decoder.layers.load_state_dict(model.decoder.state_dict())

x, z = test.batch(torch.arange(200)), torch.randn(200, LATENT_DIM, generator=seeded(0))
with torch.no_grad():
    yours = torch.stack([mine[0].encode(x).kl(), mine[0].log_likelihood(x, z)])
    theirs = torch.stack([models[0].encode(x).kl(), models[0].log_likelihood(x, z)])
same = ((yours - theirs).abs() / theirs.abs()).max()
claims.add("same", same, below=1e-4, exact=True, text="Your terms and the package's, relative difference")

results = [evaluate(model, test) for model in models]
test_elbo, rate = Runs(result.negative_elbo for result in results), Runs(result.kl for result in results)
gray = test.floats()
coins = (torch.special.entr(gray) + torch.special.entr(1 - gray)).sum((1, 2, 3)).mean().item()
print(f"test −ELBO {test_elbo} nats: {coins:.2f} for gray coins, {rate.mean:.2f} for the code, and the rest")
text = "Gray coins alone: no −ELBO is lower"
claims.add("least", coins, below=min(test_elbo.values), unit="nats", exact=True, text=text)
level = (95, 100) if DATASET == "mnist" else (85, 125)  # small digits: few and smooth
claims.add("test_elbo", test_elbo, between=level, unit="nats", text="Test −ELBO, gray values")
claims.note("rate", rate, unit="nats")
claims.note("rest", test_elbo - rate - coins, unit="nats")
# %% [markdown]
# Your terms and the package's agree to float precision. Your network reaches {{test_elbo}}. Where do these nats go? A gray pixel is a
# coin that nobody can foresee: a decoder that knew every gray value would still pay {{least.value}}, and no model of coins pays less. The code
# costs {{rate.value}}. The remaining {{rest.value}} are what code and decoder together miss of the gray values.
#
# ## 5 Mean or draw?
#
# On the way from picture to picture you can twice take a mean or a draw: of the code, and of the pixels. Pictures of VAEs
# are usually means of the pixels.
#
# **Your turn (02.6).** `n` new pictures as pixel probabilities `(n, channel, height, width)`, each from its own $z \sim p(z)$. `model` has `latent_dim` and `decode(z)`, which
# gives logits.


# %%
def generate(model, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """n new pictures as pixel probabilities, each from its own z ~ p(z): (n, channel, height, width)."""
    ...


# hint("02.6")  # remove the first # for a hint, again for the next one
generate = complete("02.6", generate)
solution("02.6")
# %% tags=["hide-input"]
with torch.no_grad():
    q = mine[0].encode(digits)
    probabilities = generate(mine[0], 10, seeded(3))
    rows = {
        "test digits": digits,
        "test digits, tossed": torch.bernoulli(digits, generator=seeded(2)),
        "z drawn, pixels mean": torch.sigmoid(mine[0].decode(q.sample(seeded(1)))),
        "z from noise, pixels mean": probabilities,
        "the same, tossed": torch.bernoulli(probabilities, generator=seeded(2)),
    }
show(
    image_grid(torch.cat(list(rows.values())), 5, 10, row_titles=list(rows)),
    alt="Five rows of ten digits: test digits; the same with every pixel tossed by its gray value, with frayed edges; their smooth reconstructions "
    "from a drawn code; invented digits as smooth gray means; and those drawn pixel by pixel, with frayed edges and specks.",
    title="Smooth pictures are means: tossed pixel by pixel, they fray, and real digits do, too",
)
# %% [markdown]
# In the second and the last row every pixel was tossed on its own. When you compare models by eye, say which you
# show.
#
# The code has a mean and a draw as well, and the ELBO is about the draw. Some published code reports the test loss at the mean.


# %%
@torch.no_grad()
def flattery(model):
    """Nats by which the reconstruction at the mean looks better than at a draw, on the test digits."""
    q, noise = model.encode(gray), seeded(0)
    at_mean = model.log_likelihood(gray, q.mean)
    return (at_mean - model.log_likelihood(gray, q.sample(generator=noise))).mean().item()


better = Runs(flattery(model) for model in models)
print(f"the reconstruction term at the mean looks {better} nats better ({N_SEEDS} seeds)")
claims.add("flattery", better, above=1, unit="nats", whole_interval=True, text="Too good at the mean by")
# %% [markdown]
# The loss at the mean looks better by {{flattery}}, and it is no bound on $\log p(x)$. PyTorch's own VAE example reported it until
# Kingma himself corrected it in 2018.
#
# How many of your digits would pass? A classifier judges a thousand. The first 48:
# %% tags=["hide-input"]
judge = load_classifier(DATASET)


@torch.no_grad()
def is_sure(pictures):
    """Which pictures the classifier gives a digit with a probability above 80 %: (n,)."""
    return judge(pictures).softmax(1).amax(1) > 0.8


with torch.no_grad():
    many = generate(mine[0], 1000, seeded(5))
sure = is_sure(many)
claims.note("sure_made", sure.float().mean(), unit="%")
claims.note("sure_real", is_sure(gray).float().mean(), unit="%")
claims.note("sure_ready", is_sure(ready.sample(1000, seeded(5))).float().mean(), unit="%")
shown = torch.where(sure[:, None, None, None], many, 0.8 * (1 - many))[:48]  # doubtful ones: negatives
show(
    image_grid(shown, 4, 12),
    alt="Forty-eight invented digits in four rows, in the order in which they were drawn. Most are white on black; many of "
    "these read as a digit at once, some only with good will. Of the others, black on gray, some hang between two digits, and some read well.",
    title=f"The classifier is sure of {sure[:48].sum()} of the first 48, not of those in black on gray",
)


# %% [markdown]
# It is sure (above 80 %) of {{sure_made}} of your thousand (the 48 did better), of {{sure_ready}} from the first picture's model, and of
# {{sure_real}} of the test digits. Sure is not right: look for a doubtful one that you can read, and a sure one that you cannot.
#
# One suspect: a code from the prior can land where no cloud is and the decoder was never trained (chapter 04).
#
# ## 6 Which number, on which MNIST?
#
# The −ELBO is an upper bound of $-\log p(x)$. Averaging $K$ draws *inside* the logarithm gives a tighter one (Burda et al. 2016):
#
# $$
# -\log \hat p_K(x) = -\log \frac1K \sum_{k=1}^K w_k, \qquad w_k = \frac{p(x \mid z_k)\, p(z_k)}{q(z_k \mid x)}, \qquad z_k \sim q(z \mid x).
# $$
#
# In words: each $w_k$ is a guess of $p(x)$ whose mean is right; average the guesses, then take the logarithm. For $K = 1$ this is,
# on average over draws, the −ELBO, and that average never rises with $K$ (their theorem 1). It tends to $-\log p(x)$. Papers call a
# large $K$ "NLL". Coins give a probability to black-and-white pictures only, so we take digits in which every pixel was tossed
# once.
# %%
@torch.no_grad()
def minus_log_p_hat(model, x, k, generator):
    """−log p̂ of each example with k draws at once, nats, (batch,)."""
    q = model.encode(x)
    z = q.sample(k, generator=generator)  # (k, batch, latent)
    log_w = model.log_likelihood(x, z) + standard_normal_log_prob(z) - q.log_prob(z)
    return math.log(k) - torch.logsumexp(log_w, dim=0)


fixed = load("binarized_mnist", "test") if DATASET == "mnist" else load(DATASET, "test", binarize="fixed")
few = fixed.subset(min(BOUND_EXAMPLES, len(fixed)), seed=0)
ks = [k for k in (1, 10, 100, 1000) if k < BOUND_K] + [BOUND_K]
noise = seeded("importance weights")
bounds = []
for k in ks:
    each = [minus_log_p_hat(models[0], x, k, noise) for x in few.floats().split(20)]
    bounds.append(torch.cat(each).mean().item())
claims.add("tighter", bounds[0] - bounds[-1], between=(1, 15), unit="nats", text="The bound falls with K by")
claims.note("nll", bounds[-1], unit="nats")
show(
    line_plot({"−log p̂": (ks, bounds)}, "draws K for each picture", "−log p̂ (nats)", log_x=True, x_ticks=ks),
    alt="The importance-weighted bound of minus log p on binary test digits against the number of draws K, logarithmic: it "
    "falls fastest at first and is still falling at the end.",
    title=f"{ks[-1]:,} draws tighten the bound by {bounds[0] - bounds[-1]:.1f} nats, and it has not stopped",
)
# %% [markdown]
# On {{examples.number}} such digits the bound falls by {{tighter.value}}, to {{nll.value}}, and is still falling: an upper bound of
# $-\log p(x)$, not $-\log p(x)$.
#
# Before you compare it with a paper's: MNIST comes in four versions. Gray values; a fixed black-and-white version, tossed once
# (used by Larochelle & Murray 2011); one tossed anew at each reading; a threshold at ½.
# %%
guess = predict(
    "The same model, the same test digits, four versions of MNIST. Between the largest and the smallest −ELBO lie ...",
    ["less than 1 nat", "1 to 10 nats", "more than 10 nats"],
)
# %%
versions = {
    "gray values": test,
    "fixed, drawn once": fixed,
    "drawn at each reading": load(DATASET, "test", binarize="dynamic"),
    "threshold at ½": replace(test, images=(test.images > 127).byte() * 255),
}
elbo = {name: Runs(evaluate(m, data).negative_elbo for m in models) for name, data in versions.items()}
results_table([{"MNIST": name, "−ELBO (nats)": runs} for name, runs in elbo.items()])
gray_over_threshold = elbo["gray values"] - elbo["threshold at ½"]
gray_over_drawn = elbo["gray values"] - elbo["drawn at each reading"]
apart = gray_over_threshold.mean
guess.compare(0 if apart < 1 else 1 if apart < 10 else 2, f"{gray_over_threshold} nats, gray over threshold.")
claims.add("four_mnists", gray_over_threshold, above=5, unit="nats", text="−ELBO, gray over threshold")
claims.add("own_draw", gray_over_drawn, above=0, unit="nats", text="Gray over drawn")
for id, name in (("gray", "gray values"), ("drawn", "drawn at each reading")):
    terms = evaluate(models[0], versions[name])
    claims.note(f"{id}_reconstruction", terms.reconstruction, unit="nats")
    claims.note(f"{id}_kl", terms.kl, unit="nats")
claims.note("examples", len(few))
# %% [markdown]
# The same models, all trained on gray digits, and {{four_mnists}} between two of their numbers: a number without its version says
# nothing. A threshold leaves no gray coins to pay for, though the edges must still be foreseen. Digits drawn once or anew cost the
# same here.
#
# Drawn digits cost {{own_draw.value}} less than gray ones. Given $z$, the cost of a gray digit *is* the mean cost of its draws. So
# the difference lies in the code: the encoder sees the draw itself and can describe it (seed 0: reconstruction
# {{drawn_reconstruction.number}} instead of {{gray_reconstruction.value}}; the KL stays, {{drawn_kl.number}} and {{gray_kl.value}}).
#
# ## Play
#
# Spoil a digit, and watch what comes back, where its code moves, and what it costs. Below, half a digit is *cheaper*: black
# pixels cost little. Which costs more: gray specks (noise 0.05) that you can hardly see, or a shift by three pixels? And which corruption turns this digit into another?
# %%
explorer = explore_corrupted_digit(models[0], digits[4])
# %% [markdown]
# ## Break it
#
# Take the noise away: let `sample` of `Cloud` return `self.mean`, and train one model again. **Before** you run it, write down what will happen to the
# reconstruction term, to the KL, to the 48 digits from noise, and whether the printed "−ELBO" is still a bound.
#
# A good answer predicts all four with a reason each; shows both learning curves in one figure; explains where $\sigma$ goes and whether the
# KL still says how much the code is used; and measures the −ELBO with real draws.
#
# ## What you can say now
#
# - A VAE's encoder gives each picture a small cloud instead of a point. Because $z = \mu + \sigma\varepsilon$, a gradient passes through the draw; with your decoder the score function's variance for $\mu$ was {{ratio_trained}} as large.
# - The loss counts nats: what the picture costs once you know the code, plus the code. Untrained, from gray, it is 784 ln 2, about 543 nats; yours came down to {{test_elbo.value}}.
# - A mean is not a draw, a bound is not $\log p(x)$, and MNIST comes in four versions.
#
# **Dig deeper**: [What the encoder knows](deeper/What_the_Encoder_Knows.ipynb): which digits share a cloud, what noise and shifts do to a code, what convolutions gain (and exercise 02.4).
#
# ## References
#
# - R. J. Williams: *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*, Machine Learning 8, 1992.
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Sections 2.3 and 2.4, appendix B.
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014.
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. Theorem 1, equation 8.
# - H. Larochelle, I. Murray: *The Neural Autoregressive Distribution Estimator*, AISTATS 2011 (the fixed binary MNIST).
#
# Next: [03 · Latent space and smooth interpolation](03_Latent_Space_and_Smooth_Interpolation_in_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

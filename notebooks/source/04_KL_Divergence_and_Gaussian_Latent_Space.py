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
# Half of a VAE's loss asks: what does it cost to say something in the code? Raise its weight β, and a digit is written down in fewer nats, until it is a blur.
# Here you compute this KL, watch dimensions of the code wake and fall silent, make a code say less for free and at a price, and test whether a
# large β gives each factor of the data its own dimension.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 60,000)
EPOCHS = 6  # passes through the digits in sections 2 and 3, 4 or more
BATCH_SIZE = 256  # digits in one of their updates
SMALL_EPOCHS = 6  # of each small model in section 4, 2 or more
N_SEEDS = 3  # repetitions in sections 4 and 5, 2 or more
BAR_EPOCHS = 16  # of each model of drawn bars in section 6, 2 or more
BAR_SEEDS = 5  # of its repetitions, 2 or more
# %% tags=["hide-input"]
import math

import torch
from torch import distributions, nn

from vae_course import VAE, GaussianPosterior, Runs, elbo_terms, fit, load, load_one_model, over_seeds, plots
from vae_course import seed_everything, seeded, teaching
from vae_course.plots import style
from vae_course.teaching import complete, hint, predict, show, solution

least = dict(EPOCHS=4, BATCH_SIZE=16, SMALL_EPOCHS=2, N_SEEDS=2, BAR_EPOCHS=2, BAR_SEEDS=2)
# %% tags=["hide-input"]
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("04_KL_Divergence_and_Gaussian_Latent_Space", parameters)
DATASET = "digits" if OFFLINE else "mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
x, one_model = held_out.floats()[:2000], load_one_model(DATASET)  # one VAE for all β and code sizes
SIZE = one_model.latent_dim


def note(unit="", **numbers):
    """Keep numbers for the text."""
    for name, number in numbers.items():
        claims.note(name, number, unit=unit)


@torch.no_grad()
def terms_of(model):
    """Reconstruction and KL on (up to) 2,000 held-out digits, nats."""
    return elbo_terms(model, x, seeded(0))


digits = torch.stack([x[held_out.labels[: len(x)] == label][0] for label in range(10)])
rows = {"written by people": digits}
for beta in (0.2, 1.0, 4.0, 10.0):
    model = one_model.at(beta, SIZE)
    rows[f"β = {beta:g}: {terms_of(model).kl.mean():.0f} nats"] = model.reconstruct(digits)
show(
    plots.image_grid(torch.cat(list(rows.values())), 5, 10, row_titles=list(rows)),
    alt="Ten digits from 0 to 9, and below them their reconstructions at four rising weights of the KL term: close to the original at the smallest, smoother from row to row, and at the largest most are blurred.",
    title="The dearer a nat (β), the fewer of them the code spends on a digit",
)
# %% [markdown]
# At β = 4 the 7 has become a 9. The 4 has closed its top already at β = 0.2.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** a KL divergence in closed form and by Monte Carlo, and tell its two directions apart;
# 2. **read** which dimensions of a code speak, and what one nat of KL buys;
# 3. **make** a code say less, and tell whether that costs;
# 4. **split** the KL term into what a code tells, where the codes lie, and holes;
# 5. **judge** whether β disentangles.
#
# You need chapter 02's VAE. (04.2 waits in *Water-filling*.) Numbers in the text are those of the full run, on held-out digits or bars.
#
# ## 1 What does it cost to be wrong?
#
# $$
# \mathrm{KL}(q\,\|\,p) = \mathbb E_{z\sim q}\bigl[\log q(z) - \log p(z)\bigr]
# $$
#
# In words: draw from $q$, ask by how many nats $q$ finds the draw likelier than $p$ does, and average. The KL is never
# negative, and 0 only if the two are the same. For two Gaussians, in one dimension,
#
# $$
# \mathrm{KL} = \tfrac12\left(\frac{(\mu_q-\mu_p)^2}{\sigma_p^2} + \frac{\sigma_q^2}{\sigma_p^2} - 1 - \log\frac{\sigma_q^2}{\sigma_p^2}\right).
# $$
#
# In words: pay for being off center and for having the wrong width, both measured in widths of $p$. Dimensions add up.
#
# **Your turn (04.1).** `log_var` is $\log\sigma^2$. Return the KL of each example.


# %%
def kl_of_two(
    mean_q: torch.Tensor, log_var_q: torch.Tensor, mean_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    """Four tensors (batch, latent); log_var is log σ². Returns KL(q || p) in nats, shape (batch,)."""
    ...


# hint("04.1")  # remove the first # for a hint, again for the next one
kl_of_two = complete("04.1", kl_of_two)
solution("04.1")


# %% [markdown]
# The definition is also a recipe: draw, subtract, average. This **Monte Carlo** estimate works for any two densities that you can evaluate, and comes with a standard error. Try it on the clouds of sixty digits.
# %%
def kl_monte_carlo(q, p, n, generator):
    """KL(q‖p) from n draws of q: mean and standard error of each example, nats."""
    z = q.mean + q.stddev * torch.randn(n, *q.mean.shape, generator=generator).double()
    difference = (q.log_prob(z) - p.log_prob(z)).sum(-1)
    return difference.mean(0), difference.std(0) / math.sqrt(n)


code = one_model.at(1.0, SIZE).encode(x[:60])
mean, log_var = code.mean.detach().double(), code.log_var.detach().double()
q, prior = distributions.Normal(mean, (log_var / 2).exp()), distributions.Normal(0 * mean, 1)
exact = kl_of_two(mean, log_var, 0 * mean, 0 * mean)
estimate, error = kl_monte_carlo(q, prior, 2000, seeded("section 1"))
off = (exact - GaussianPosterior(mean, log_var).kl()).abs().max()
claims.add("closed_form", off, below=1e-9, exact=True, text="KL in closed form, off the package's")
claims.note("within_one", ((estimate - exact).abs() < error).double().mean(), unit="%")
# %% [markdown]
# Of sixty such estimates {{within_one}} lie within one standard error of the exact value; a standard error of the right size promises 68 %. The error falls with $1/\sqrt n$: one more decimal takes 100 times as many draws.
#
# **The direction matters.** Take a target $p$ with two humps, and find the best single Gaussian $q$. The *forward* $\mathrm{KL}(p\|q)$ is what maximum likelihood makes small, with the data as $p$. The *reverse*
# $\mathrm{KL}(q\|p)$ is what an encoder makes small, with the exact posterior $p(z|x)$ as $p$.
# %%
z = torch.linspace(-9, 9, 361, dtype=torch.float64)  # in steps of 0.05
mu, sigma = torch.meshgrid(torch.linspace(0, 4, 21), torch.linspace(0.4, 4, 181), indexing="ij")
mu, sigma = mu.flatten().double(), sigma.flatten().double()
log_q = distributions.Normal(mu[:, None], sigma[:, None]).log_prob(z)

humps = distributions.Normal(torch.tensor([-3.0, 3.0]).double(), 0.7)
log_p = torch.logsumexp(humps.log_prob(z[:, None]), 1) - math.log(2)
forward = (log_p.exp() * (log_p - log_q)).sum(-1) * 0.05  # the step of z
reverse = (log_q.exp() * (log_q - log_p)).sum(-1) * 0.05
covers, picks = forward.argmin(), reverse.argmin()
claims.add("forward", sigma[covers] ** 2, near=(9.49, 0.1), exact=True, text="Forward fit: its variance")
claims.add("reverse", reverse.min(), near=(0.6931, 1e-3), exact=True, unit="nats", text="Reverse fit: KL")
curves = {"target p": log_p, "forward fit": log_q[covers], "reverse fit": log_q[picks]}
curves = {name: (z.tolist(), curve.exp().tolist()) for name, curve in curves.items()}
figure = plots.line_plot(curves, x_label="z", y_label="density", points={"": ([], [])})  # without markers
axes = figure.axes[0]
axes.get_legend().remove()
axes.text(-3, 0.3, "target p", color=style.BLUE, ha="center")
axes.text(0, 0.14, "forward fit", color=style.VERMILION, ha="center")
axes.text(3.8, 0.5, "reverse fit", color=style.GREEN)
show(
    figure,
    alt="A target density with two humps and two Gaussians fitted to it: the forward fit is wide and centered between the humps, the reverse fit is narrow and lies on the right hump.",
    title="Humps far apart: forward KL covers both, reverse KL picks one",
)
# %% [markdown]
# The forward fit takes over the target's mean and variance, and so peaks where the target has next to nothing. The reverse fit gives up one hump. It pays {{reverse.value}}, which is $\log 2$, because half of the target is missing.
# A VAE as a model must cover all data; its encoder may pick one hump.
#
# ## 2 Which dimensions speak?
#
# The KL of a diagonal Gaussian is a sum over dimensions, so each dimension has its own price. Train a VAE of digits with {{size.number}} dimensions, and write down every price at every update. The weight of the KL rises from 0 to 1 during the first half of the training (**warm-up**, Bowman et al. 2016).
# %%
import copy

EARLY = EPOCHS * len(train) // BATCH_SIZE // 20  # a twentieth of all updates
prices, early = [], []


def objective(model, x, generator):
    """The ELBO's terms; keeps each dimension's KL at every update, and the model as it is early on."""
    terms = elbo_terms(model, x, generator)
    if model.training:
        prices.append(terms.kl_per_dimension.detach().mean(0).cpu())
        if len(prices) == EARLY:
            early.append(copy.deepcopy(model).cpu())
    return terms


guess = predict("Of dimensions that end below 0.05 nats, how many ever passed 0.5?", ["none", "some", "all"])
# %%
seed_everything(0)
model = VAE.for_data(train, latent_dim=SIZE, hidden_dims=(384, 256))
settings = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=6e-3, kl_warmup=0.5, progress=False)
curve = fit(model, train, held_out, objective=objective, **settings).curve("validation")[1]
print("−ELBO by pass:", *(f"{nats:.1f}" for nats in curve[1:]))
prices, own = torch.stack(prices), terms_of(model)
sleeps = prices[-20:].mean(0) < 0.05
spoke = prices[:, sleeps].amax(0) > 0.5
guess.compare(0 if not spoke.any() else 2 if spoke.all() else 1, f"{spoke.sum()} of {len(spoke)}.")


# %%
@torch.no_grad()
def cost_and_use(model):
    """KL of each dimension, and how much its codes are worth to the decoder: shuffle them; nats."""
    q, use = model.encode(x), torch.zeros(SIZE)
    z = q.sample(generator=seeded("cost"))
    for j in range(SIZE):
        shuffled = z.clone()
        shuffled[:, j] = z[torch.randperm(len(z), generator=seeded(j)), j]
        use[j] = (model.log_likelihood(x, z) - model.log_likelihood(x, shuffled)).mean()
    return q.kl_per_dimension().mean(0), use


cost, use = cost_and_use(early[0])
dear, worth = ((use[which].sum() / cost[which].sum()).item() for which in (sleeps, ~sleeps))
claims.add("dear", dear, below=1, text="Use over cost early on, later asleep")
claims.add("worth", worth, above=1, text="Use over cost early on, later awake")
note(size=SIZE, awake=(~sleeps).sum(), early=EARLY, weight=2 * EARLY / len(prices), fell_asleep=spoke.sum())
note(out_asleep=(use > cost)[sleeps].sum(), out_awake=(use < cost)[~sleeps].sum())
note("%", flat=curve[-2] / curve[-1] - 1)
# %% tags=["hide-input"]
from matplotlib.figure import Figure

shown = torch.logspace(0, math.log10(len(prices)), 80).long().unique()  # updates, even on the log axis
with style.use():
    figure = Figure(figsize=(8.5, 3.7), layout="constrained")
    axes = figure.subplots()
    axes.plot(shown, prices[shown - 1][:, ~sleeps], color=style.BLUE, linestyle="-", linewidth=1)
    axes.plot(shown, prices[shown - 1][:, sleeps], color=style.VERMILION, linestyle="--", linewidth=1)
    axes.plot(shown, (2 * shown / len(prices)).clamp(max=1), color="black", linestyle=":")
    axes.set(xscale="log", xlabel="update", ylabel="KL of one dimension (nats)")
    place = dict(transform=axes.transAxes)
    axes.text(0.03, 0.90, "solid: awake at the end", color=style.BLUE, **place)
    axes.text(0.03, 0.82, "dashed: asleep at the end", color=style.VERMILION, **place)
    axes.text(0.03, 0.74, "dotted: weight of the KL, 0 to 1", **place)
show(
    figure,
    alt="KL of each latent dimension against the update, and the weight of the KL, which rises to 1 until halfway: while it is small all dimensions rise; then the dashed ones sink to 0, and the solid ones level off.",
    title=f"Nearly free, all dimensions speak; then the price rises and silences {int(spoke.sum())} of {SIZE}",
)
# %% [markdown]
# {{fell_asleep}} dimensions spoke, and then fell silent. At the end {{awake}} of {{size.number}} are *awake*. The others cost less than 0.05 nats each. (In its last pass the −ELBO still fell by {{flat}}.)
#
# Could you have told early which would stay awake? Take the model of update {{early}}, when the weight of the KL was still {{weight}}. A dimension's *cost* is its KL. For its *use*, shuffle its codes among the digits, and see by how many nats the reconstruction gets worse.
# Per nat of cost, the dimensions that fell silent later gave together {{dear}} nats of use, those that stayed awake {{worth}}. The final price of a nat is 1: only the second group was worth it. (As groups:
# {{out_asleep.number}} of the first and {{out_awake.number}} of the second do the opposite.)
#
# ## 3 What does a nat of rate buy?
#
# Averaged over digits, the KL term is called the **rate** $R$ and the reconstruction term the **distortion** $D$. Training at weight β makes $D + \beta R$ small. So at the optimum, the last nat of rate must have saved
# β nats of distortion: had it saved more, the model would buy another. β is an exchange rate (Alemi et al. 2018).
#
# The course ships one model for all β: its networks are told β. Walk along its curve, and put section 2's model beside it.
# %%
from itertools import pairwise

found = {beta: terms_of(one_model.at(beta, SIZE)) for beta in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)}
curve = [(terms.kl.mean().item(), terms.reconstruction.mean().item()) for terms in found.values()]
paid = [(e - d) / (r - s) for (r, d), (s, e) in pairwise(curve)]
kept = sum(low < price < high for price, (low, high) in zip(paid, pairwise(found), strict=True))
claims.add("keeps_price", kept, above=4, text="Of five slopes, how many lie between their two β")
note("nats", cheap=paid[0], expensive=paid[-1], behind=(own.loss() - found[1.0].loss()).item())
# %% tags=["hide-input"]
line = {"one model for all β": tuple(zip(*curve, strict=True))}
figure = plots.line_plot(line, x_label="rate (nats per digit)", y_label="distortion (nats per digit)")
axes = figure.axes[0]
for beta, place in zip(found, curve, strict=True):
    axes.annotate(f"β = {beta:g}", place, (-6, -8), textcoords="offset points", ha="right", va="top")
axes.plot(own.kl.mean(), own.reconstruction.mean(), "s", color=style.VERMILION)
axes.text(own.kl.mean() + 0.8, own.reconstruction.mean() + 1, "trained here, β = 1", color=style.VERMILION)
axes.margins(0.2, 0.12)
show(
    figure,
    alt="Rate-distortion curve on held-out digits: distortion falls steeply at small rates and flatter at large ones, with β written along it from the largest at the upper left to the smallest at the lower right. At its steep end a nat of rate buys several nats, at its flat end a fraction of one. A square for a model trained here lies near it at β = 1.",
    title=f"The more the code says, the less a nat buys: {paid[-1]:.1f}, then {paid[0]:.2f}",
)
# %% [markdown]
# Between β = 0.25 and 0.5 a nat of rate saves {{cheap.value}} of distortion; between β = 4 and 8 it saves {{expensive.value}}. {{keeps_price.number}} of 5 slopes lie between their two β: the model keeps to its price. Section 2's model, after 6 passes instead of 72, is {{behind.value}} worse in $D + R$.
#
# ## 4 Why does a code say less?
#
# If $q(z_j|x) = p(z_j)$ for every $x$, dimension $j$ tells nothing: it has **collapsed**. Why? The usual suspect is a decoder that *reads*: it sees the pixels before the one it predicts, as decoders of text see words, and needs less of a code. But such decoders are often deep as well. Change one at a time:
#
# - **shallow**: a decoder with one hidden layer;
# - **wide**: one with 512 more units in that layer;
# - **deep**: one with four layers;
# - **reads**: one hidden layer for the code, and 512 units that read the pixels before.
#
# Train each with and without warm-up. The encoder is always the same; the data are black-and-white digits of half the width and height.
# %%
from dataclasses import replace


class ReadingVAE(VAE):
    """Its decoder adds to each logit what ``hidden`` units make of the pixels before it, in reading order."""

    def __init__(self, *args, hidden=0, **kwargs):
        super().__init__(*args, **kwargs)
        n = math.prod(self.image_shape)
        last = torch.arange(hidden)[:, None] * n // hidden  # the last pixel that each unit sees
        self.register_buffer("sees", (torch.arange(n) <= last).float())  # (hidden, n): 1 where it sees
        self.into, self.bias = nn.Parameter(0.05 * torch.randn(hidden, n)), nn.Parameter(torch.zeros(hidden))
        self.out = nn.Parameter(torch.zeros(hidden, n))

    def log_likelihood(self, x, z):
        units = nn.functional.gelu(x.flatten(1) @ (self.into * self.sees).T + self.bias)
        read = units @ (self.out * (1 - self.sees))  # a unit speaks only of pixels that it does not see
        return self.likelihood.log_prob(x, self.decode(z) + read.view_as(x))


def halved(data):
    """Up to 10,000 black-and-white digits of 14 by 14 pixels, drawn anew at each reading."""
    data = data.subset(min(10_000, len(data)), seed=0)
    images = nn.functional.avg_pool2d(data.images.float(), 2).round().to(torch.uint8)
    return replace(data, images=images, binarize="dynamic")


# %%
guess = predict(
    "Depth and reading both lower the rate, and warm-up raises it again. Where does that save −ELBO?",
    ["with depth", "with reading", "with both"],
)
small, small_held_out = halved(train), halved(held_out)
pictures = small_held_out.floats(seeded(1))
decoders = {
    "shallow": dict(decoder_dims=(128,)),
    "wide": dict(decoder_dims=(640,)),
    "deep": dict(decoder_dims=(128, 128, 128, 128)),
    "reads": dict(decoder_dims=(128,), kind=ReadingVAE, hidden=512),
}


def train_small(seed, kl_warmup=0.0, passes=SMALL_EPOCHS, kind=VAE, **sizes):
    """A small VAE with one of these decoders."""
    seed_everything(seed)
    model = kind.for_data(small, latent_dim=10, hidden_dims=(128,), **sizes)
    settings = dict(batch_size=64, learning_rate=3e-3, kl_warmup=kl_warmup, progress=False)
    fit(model, small, epochs=passes, seed=seed, **settings)
    return model


# %%
@torch.no_grad()
def measured(models):
    """−ELBO and rate on held-out digits, over the models."""
    terms = [elbo_terms(model, pictures, seeded(1)) for model in models]
    rates = Runs((term.kl.mean() for term in terms), least=0)
    return Runs(term.negative_elbo.mean() for term in terms), rates


seeds, trained, elbo, rate, saved, brought = range(N_SEEDS), {}, {}, {}, {}, {}
for name, decoder in decoders.items():
    trained[name] = [train_small(seed, **decoder) for seed in seeds]
    elbo[name], rate[name] = measured(trained[name])
    with_warmup, brought[name] = measured([train_small(seed, 0.5, **decoder) for seed in seeds])
    saved[name] = elbo[name] - with_warmup
long = dict(passes=4 * SMALL_EPOCHS, **decoders["deep"])
slow = measured([train_small(seed, **long) for seed in seeds])[0]
slow_warm = measured([train_small(seed, 0.5, **long) for seed in seeds])[0]
# %% tags=["hide-input"]
by_depth, by_reading = saved["deep"].mean, saved["reads"].mean
said = f"warm-up saves {by_depth:.2f} nats with depth, {by_reading:.2f} with reading."
guess.compare(0 if by_reading < by_depth / 2 else 1 if by_depth < by_reading / 2 else 2, said)
claims.add("worse", elbo["deep"] - elbo["shallow"], above=0, unit="nats", text="−ELBO, deep minus shallow")
claims.add("mended", saved["deep"], above=0, unit="nats", text="−ELBO saved by warm-up, deep")
claims.add("longer", slow - slow_warm, above=0, unit="nats", text="The same, in four times the passes")
reading = elbo["wide"] - elbo["reads"]
claims.add("reading", reading, above=0, unit="nats", text="−ELBO saved by reading, against as many units")
for id, name in dict(dearer="reads", deep_only="shallow").items():
    more = saved["deep"] - saved[name]
    claims.add(id, more, above=0, unit="nats", text=f"Saved by warm-up, deep minus {name}")
note("nats", units=elbo["shallow"] - elbo["wide"], gained=elbo["shallow"] - elbo["reads"])
for id, runs in dict(rate=rate, brought=brought, saved=saved).items():
    note("nats", **{f"{id}_{name}": runs[name] for name in decoders})
# %% tags=["hide-input"]
apart = {name: nats - elbo["shallow"] for name, nats in elbo.items()}
panels = {"rate (nats)": rate, "−ELBO less shallow's (nats)": apart, "saved by warm-up (nats)": saved}
figure = plots.interval_dots(panels, colors=[style.BLUE, style.SKY, style.VERMILION, style.GREEN])
for axes in figure.axes[1:]:
    axes.axvline(0, color="black", linewidth=0.8)
show(
    figure,
    alt="Three panels with a row for each of four decoders: shallow, wide, deep, reads. Left: the rate of deep and reads is lower than that of shallow and wide. Middle: the negative ELBO minus that of shallow, with intervals over the seeds; deep lies to the right of 0, reads farthest to the left. Right: what warm-up saves of the negative ELBO: about two nats with depth, near 0 with the others.",
    title="Depth and reading lower the rate; only with depth does it cost −ELBO",
)
# %% [markdown]
# **Depth** lowers the rate from {{rate_shallow.value}} to {{rate_deep.value}}, and after 6 passes the −ELBO is {{worse}} *worse*. Warm-up brings the rate up again, to {{brought_deep.value}}, and saves {{mended}} of −ELBO, with equally many updates. It saves the shallow and the wide decoder nothing measurable: {{saved_shallow}} and {{saved_wide}}. So this loss of rate **costs**. (Perhaps because at first the code is noise, and not paying for it is the quickest gain.)
# After four times as many passes warm-up still saves {{longer}}.
#
# **Reading** lowers the rate even further, to {{rate_reads.value}}, and yet the −ELBO is {{gained}} *better* than the shallow one's. Is that its 512 more units? In part: the wide decoder, which has them but cannot read, is {{units}} better. But its rate of {{rate_wide.value}} is no lower, and against it reading still saves {{reading}}. Warm-up brings the reader's rate up, too, to {{brought_reads.value}}, but saves nothing measurable: {{saved_reads}}. What the decoder can read, the code need not tell. This loss of rate was **free**.
#
# ## 5 What does the rate pay for?
#
# A code with a lower rate may tell less, or waste less. What it *tells* is its mutual information with the picture. Let $q(z) = \frac1n\sum_i q(z|x_i)$ be the **aggregate posterior**: all clouds mixed equally. Let $G$ be the Gaussian with its mean and covariance. Then the rate has exactly three parts (after Hoffman & Johnson 2016):
#
# $$
# \underbrace{\mathbb E_x \mathrm{KL}(q(z|x)\,\|\,p)}_{\text{rate}} = \underbrace{\mathbb E\bigl[\log q(z|x) - \log q(z)\bigr]}_{I(x;\,z):\ \text{what the code tells}} + \underbrace{\mathrm{KL}(G\,\|\,p)}_{\text{place and scale}} + \underbrace{\mathrm{KL}(q(z)\,\|\,G)}_{\text{holes and lumps}} .
# $$
#
# In words: you pay for telling pictures apart, for codes that together lie off center or have the wrong width, and for codes that together are not a Gaussian.
#
# **Your turn (04.3).** $\log q(z)$, the mixture of $n$ clouds. It must be finite even far away from all of them.


# %%
def log_mixture(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """z: (m, latent); mean, log_var: (n, latent). Returns log q(z) in nats, shape (m,)."""
    ...


# hint("04.3")  # remove the first # for a hint, again for the next one
log_mixture = complete("04.3", log_mixture)
solution("04.3")


# %%
Gaussian = distributions.MultivariateNormal


def moments_of(q):
    """Mean and covariance of the clouds' mixture: spread of the means plus mean of the spreads."""
    mean, log_var = q.mean.double(), q.log_var.double()
    return mean.mean(0), torch.cov(mean.T, correction=0) + log_var.exp().mean(0).diag()


def place_and_scale(mean, covariance):
    """KL(G ‖ N(0, I)): section 1's formula for a full covariance, nats."""
    return (covariance.trace() + mean @ mean - len(mean) - covariance.logdet()).item() / 2


@torch.no_grad()
def split(model):
    """The three parts of a small model's rate, nats; log q(z) at the first 1,000 pictures' codes."""
    q = model.encode(pictures)
    z, moments = q.sample(generator=seeded("split"))[:1000], moments_of(q)
    log_q = torch.cat([log_mixture(part, q.mean, q.log_var) for part in z.split(20)])
    holes = (log_q - Gaussian(*moments).log_prob(z.double())).mean().item()
    scale = place_and_scale(*moments)
    return {"tells": q.kl().mean().item() - scale - holes, "place and scale": scale, "holes": holes}


# %%
rows = []
for name, models in trained.items():
    parts = [split(model) for model in models]
    row = {part: Runs((max(0, each[part]) for each in parts), least=0) for part in parts[0]}
    note("nats", **{f"tells_{name}": row["tells"]})
    rows.append({"decoder": name, "rate": rate[name]} | row)
teaching.results_table(rows, caption="What the rate pays for (nats; without warm-up)")
# %% [markdown]
# Where the rate is lower, the code mostly tells less: {{tells_shallow.value}} with the shallow decoder, {{tells_deep.value}} with the deep one, {{tells_reads.value}} with the one that reads. It wastes less, too, but that is the smaller part. (Holes are overestimates: the clouds of 10,000 pictures are lumpier than those of more.)
#
# You draw new digits with codes from $p(z)$, but the decoder has learned on codes from $q(z)$. Do its holes matter?
#
# At β = 0.2 the one model's rate is {{rate_small.value}}. The split fails there: with $n$ = 10,000 pictures it lets a code tell at most $\log n$ = 9.2 nats, and books the rest as holes. So find a **lower** bound.
# Fit ten Gaussians to the codes, and ask by how many nats they describe codes of *unseen* digits better than $G$. On average no description beats $q(z)$ itself, so holes and lumps cost at least as much.
# %%
from sklearn.mixture import GaussianMixture

from vae_course import load_classifier, seed_of

some, classifier = train.subset(min(10_000, len(train))), load_classifier(DATASET)
model = one_model.at(0.2, SIZE)
with torch.no_grad():
    q = model.encode(some.floats())
    unseen = model.encode(held_out.floats()).sample(generator=seeded("codes")).double()
em = GaussianMixture(10, random_state=seed_of(0)).fit(q.sample(generator=seeded("em")).numpy())
shares, means, covariances = map(torch.from_numpy, (em.weights_, em.means_, em.covariances_))
ten = Gaussian(means.double(), covariances.double())
laws = {
    "N(0, I)": Gaussian(torch.zeros(SIZE).double(), torch.eye(SIZE).double()),
    "G": Gaussian(*moments_of(q)),
    "ten Gaussians": distributions.MixtureSameFamily(distributions.Categorical(shares.double()), ten),
}
guess = predict(
    "Many samples from N(0, I) are broken. What mends most of them?",
    ["G: the right place and scale", "ten Gaussians: the lumps", "neither"],
)


# %%
@torch.no_grad()
def draw(seed):
    """1,000 pictures from each law of codes, and from codes of unseen digits."""
    seed_everything(seed)
    codes = {name: law.sample((1000,)) for name, law in laws.items()}
    codes["q(z)"] = unseen[torch.randint(len(unseen), (1000,))]
    return {name: model.likelihood.mean(model.decode(z.float())) for name, z in codes.items()}


def is_sure(pictures):
    """Whether a classifier of real digits is more than 90 % sure of a picture's class, (n,)."""
    return classifier.probabilities(pictures).amax(-1) > 0.9


tries = [draw(seed) for seed in range(N_SEEDS)]
sure = {}
for name in tries[0]:
    sure[name] = Runs((is_sure(each[name]).double().mean() for each in tries), least=0, most=1)
prior, by_g, by_ten, by_codes = sure.values()
filled = ((by_ten - prior) / (by_codes - prior)).mean
guess.compare(1 if filled > 0.5 else 0 if by_g.mean > by_ten.mean else 2, f"{filled:.0%} by ten Gaussians.")
# %% tags=["hide-input"]
scale = place_and_scale(*moments_of(q))
lumps = (laws["ten Gaussians"].log_prob(unseen) - laws["G"].log_prob(unseen)).mean()
claims.add("lumps", lumps, above=3 * scale, unit="nats", text="β = 0.2: holes, over 3 × scale")
claims.add("closed", filled, above=0.5, unit="%", text="Share of the gap that ten Gaussians close")
note("%", from_prior=prior, from_g=by_g, from_ten=by_ten, from_codes=by_codes)
note("nats", scale=scale, rate_small=q.kl().mean())
drawn, names = [], []
for name in ("N(0, I)", "ten Gaussians", "q(z)"):
    twenty = tries[0][name][:20]
    drawn.append(torch.where(is_sure(twenty)[:, None, None, None], twenty, 1 - twenty))
    names += [f"{name}:", f"{sure[name].mean:.0%} sure"]
show(
    plots.image_grid(torch.cat(drawn), 6, 10, row_titles=names),
    alt="Twenty decoded digits each from three sources of codes at beta 0.2; those of which a classifier is not sure are black on white. From the prior there are several of these, from ten Gaussians and from the codes of real digits few or none. Beside each stands the share of which the classifier is sure.",
    title=f"β = 0.2, black on white: a classifier is unsure. Ten Gaussians close {filled:.0%} of the gap",
)
# %% [markdown]
# At β = 0.2 place and scale cost {{scale.value}}, holes and lumps at least {{lumps.value}}. A classifier is sure of the class (over 90 %) for {{from_codes.value}} of the pictures decoded from codes of $q(z)$, but only for {{from_prior.value}} from the prior. $G$ hardly helps: {{from_g.value}}, for it is nearly $\mathcal N(0, I)$. Ten Gaussians
# reach {{from_ten.value}}. That closes {{closed}} of the gap.
#
# ## 6 Does β disentangle?
#
# β-VAE was proposed for another purpose (Higgins et al. 2017): under a large β each dimension should come to stand for one **factor** of the data. Test it on bars with four known factors.
# %%
from functools import partial

from sklearn.metrics import mutual_info_score
from sklearn.neighbors import KNeighborsRegressor

from vae_course import draw_bars

FACTORS, LEVELS = ("x", "y", "size", "angle"), 10


def information(codes, factors):
    """I(z_j; v_k) in nats, (latents, factors), counted in 20 × 10 cells (as Locatello et al. 2019)."""
    cells = [torch.bucketize(z, torch.linspace(z.min(), z.max(), 21)[1:-1]) for z in codes.T.contiguous()]
    levels = (LEVELS * factors).long().T
    return torch.tensor([[mutual_info_score(level, cell) for level in levels] for cell in cells])


# %% [markdown]
# The **mutual information gap** (MIG, Chen et al. 2018) asks of each factor: by how much does the dimension that knows it best beat the second best, as a share of all there is to know? 1: one dimension alone knows all of it. 0: it is spread evenly, or forgotten.
#
# **Your turn (04.4).** For each factor take the largest information minus the second largest, and divide by its entropy. Return the mean over factors.


# %%
def information_gap(information: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
    """information: (latents, factors), nats; entropy: (factors,), nats. Returns a scalar, 0 to 1."""
    ...


# hint("04.4")  # remove the first # for a hint, again for the next one
information_gap = complete("04.4", information_gap)
solution("04.4")


# %%
known = torch.rand(4000, len(FACTORS), generator=seeded("bars"))
bars, entropy = draw_bars(known).floats(), torch.full((len(FACTORS),), math.log(LEVELS))
bar_models = {beta: [] for beta in (1.0, 4.0, 16.0)}


def angle_from(codes):
    """R² on unseen bars of their angle, read off as the mean of the 20 nearest codes' angles."""
    reader = KNeighborsRegressor(20).fit(codes[:3000], known[:3000, 3])
    return max(0, reader.score(codes[3000:], known[3000:, 3]))


def disentangle(seed, beta):
    """Train a VAE of bars: its MIG, and the angle read from a draw of its awake dimensions."""
    seed_everything(seed)
    data = draw_bars(torch.rand(8000, len(FACTORS)))
    model = VAE.for_data(data, latent_dim=6, hidden_dims=(64,))
    settings = dict(batch_size=64, learning_rate=1e-2, beta=beta, kl_warmup=0.0, seed=seed)
    fit(model, data, epochs=BAR_EPOCHS, progress=False, **settings)
    with torch.no_grad():
        q = model.encode(bars)
        z = q.sample(generator=seeded("angle")) * (q.kl_per_dimension().mean(0) > 0.05)
    table = information(q.mean, known)
    bar_models[beta].append((model, table))
    return {"MIG": information_gap(table, entropy), "angle": angle_from(z)}


# %%
guess = predict("From β = 1 to 4, how often does the MIG rise?", ["mostly", "in about half", "rarely"])
tried = {beta: over_seeds(BAR_SEEDS, partial(disentangle, beta=beta)) for beta in bar_models}
mig = {beta: made["MIG"].within(0, 1) for beta, made in tried.items()}
moved = mig[4.0] - mig[1.0]
rise = sum(difference > 0 for difference in moved.values)
guess.compare(0 if rise > 0.7 * BAR_SEEDS else 2 if rise < 0.3 * BAR_SEEDS else 1, f"{rise} of {BAR_SEEDS}.")
note(mig_one=mig[1.0], moved=moved, rise=rise)
lost, told = tried[16.0]["angle"], tried[4.0]["angle"]
claims.add("forgotten", told - lost, above=0, text="R² of the angle from awake dimensions, β = 4 minus 16")
note("%", angle_told=told, angle_lost=lost)
# %% tags=["hide-input"]
model, table = bar_models[4.0][0]
order, names = table.amax(1).argsort(descending=True)[:4].tolist(), []
for shares in (table[order] / math.log(LEVELS)).tolist():
    knows = [f"{factor} {share:.0%}" for factor, share in zip(FACTORS, shares, strict=True) if share > 0.1]
    names.append(", ".join(knows))
show(
    plots.traversal_grid(model, torch.zeros(6), order, row_titles=names),
    alt="Four rows of bars, in each of which one dimension of the code runs from -3 to 3 and the others stay at 0. In front of each row stand the factors of whose entropy that dimension knows more than a tenth, each with this share.",
    title=f"β = 4, one model: {sum(',' in name for name in names)} of four dimensions know more than one factor",
)
# %% [markdown]
# From β = 1 to 4 the MIG ({{mig_one.value}} at 1) rises for {{rise.number}} of 5 seeds, on average by {{moved}}: these trainings do not say which β is better. The data make it hard, too: turned by 180° a bar is the same, and the angle covers 160°: nearly a circle. A smooth code of it takes two dimensions (the last two rows).
#
# A factor that is spread over dimensions is not forgotten. Predict the angle from drawn codes, awake dimensions only. At β = 4 this explains {{angle_told.value}} of its variance on unseen bars ($R^2$, all together; the figure's shares are of entropy, one at a time), at β = 16 {{angle_lost.value}}. *There* it is forgotten (after 16 passes).
#
# Without known factors there is no MIG to choose a model by. Locatello et al. (2019) trained more than 12,000 models, and found that good ones seemingly cannot be told without labels.
#
# ## Play
#
# Move β and the code's size. Which bars go out first as β grows? At which β does a digit of the top row turn into another?
# %%
from vae_course.widgets import explore_beta_latent

explorer = explore_beta_latent(one_model, held_out, train)
# %% [markdown]
# ## Break it
#
# Write an objective, as in section 2, whose KL has the two Gaussians swapped: $\mathrm{KL}(p\|q)$, by your `kl_of_two`. Train a small model of section 4 with it, and one with the usual KL. **Before** you run them, write down of the first: What will the widths $\sigma$ of the clouds do? Which dimensions can still fall silent? Is the loss still a bound?
#
# A good answer: predicts all three with a reason from section 1; shows the usual rate of both models during training in one figure; reports the −ELBO with the *right* KL for both; says what kept the clouds from shrinking.
#
# ## What you can say now
#
# - The KL term is what a code costs, in nats, dimension by dimension; at weight β one nat of it is worth β nats of picture.
# - A code can say less at a price or for free. In 6 passes warm-up saved {{mended.value}} of −ELBO with a deep decoder, and nothing measurable with one that reads.
# - At β = 0.2 samples are spoiled by holes between lumps of codes, hardly by scale. Whether β = 4 disentangles better than 1, five trainings cannot tell.
#
# **Dig deeper**: [Water-filling, or the VAE that is PCA](deeper/Water_Filling.ipynb), where all of this has a formula.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Appendix B (closed-form KL).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL warm-up).
# - M. Germain et al.: *MADE: Masked Autoencoder for Distribution Estimation*, ICML 2015 (the reader's masks).
# - M. D. Hoffman, M. J. Johnson: *ELBO surgery*, NIPS workshop, 2016.
# - A. A. Alemi et al.: *Fixing a Broken ELBO*, ICML 2018.
# - I. Higgins et al.: *β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, ICLR 2017.
# - R. T. Q. Chen et al.: *Isolating Sources of Disentanglement in Variational Autoencoders*, NeurIPS 2018 (MIG).
# - F. Locatello et al.: *Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations*, ICML 2019.
#
# Next: [05 · Reconstruction loss and image quality](05_Reconstruction_Loss_and_Image_Quality.ipynb)
# %% tags=["hide-input"]
claims.report()

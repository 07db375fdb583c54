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
# Half of a VAE's loss asks: how much may the code say? Turn its weight β up, and a digit is written down in fewer nats, until it is a blur.
# Here you compute the KL term, watch it wake and silence single units, break it and mend it, and test the best-known promise made about it.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 60,000)
EPOCHS = 6  # passes through the digits in sections 2 and 3, 4 or more
BATCH_SIZE = 256  # digits in one of their updates
UPDATES = 1000  # of each small model in section 4, 200 or more
BAR_UPDATES = 1000  # of each model of drawn bars in section 6, 200 or more
N_SEEDS = 3  # repetitions in sections 4 and 6, 2 or more: their spread is the interval
FREE_NATS = 0.5  # allowance of each latent dimension in one of the cures, nats
# %% tags=["hide-input"]
import math
from dataclasses import replace
from itertools import pairwise

import torch
from matplotlib.figure import Figure
from sklearn.metrics import mutual_info_score
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from vae_course import (
    VAE,
    GaussianPosterior,
    ImageData,
    Runs,
    elbo_terms,
    fit,
    load,
    load_classifier,
    load_one_model,
    seed_everything,
    seeded,
)
from vae_course.plots import image_grid, interval_dots, line_plot, style, traversal_grid
from vae_course.teaching import (
    Claims,
    check_parameters,
    complete,
    hint,
    predict,
    results_table,
    show,
    solution,
)
from vae_course.widgets import explore_beta_latent

least = dict(EPOCHS=4, BATCH_SIZE=16, UPDATES=200, BAR_UPDATES=200, N_SEEDS=2, FREE_NATS=0.0)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("04_KL_Divergence_and_Gaussian_Latent_Space", parameters)
DATASET = "digits" if OFFLINE else "mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
x, one_model = held_out.floats()[:2000], load_one_model(DATASET)  # one VAE for all β and code sizes
SIZE = one_model.latent_dim


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
    image_grid(torch.cat(list(rows.values())), 5, 10, row_titles=list(rows)),
    alt="Ten digits from 0 to 9, and below them their reconstructions at four rising weights of the KL term: nearly exact at the smallest, smoother from row to row, and at the largest so blurred that some change into other digits.",
    title="β sets how many nats the code may say about a digit",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** a KL divergence in closed form and by Monte Carlo, with its error, and tell the two directions apart;
# 2. **read** which dimensions of a code speak, and what one nat of rate buys;
# 3. **make** a posterior collapse, name its cause by a control, and cure it;
# 4. **split** the KL term into what a code tells, where the codes lie, and holes;
# 5. **judge** whether β disentangles.
#
# You need chapter 02's VAE. Four functions are left for you to write; if yours is not right yet, the chapter goes on with the reference. The numbers in the text are those of the full run
# with the parameters above. Everything is measured on validation digits.
#
# ## 1 What does it cost to be wrong?
#
# $$
# \mathrm{KL}(q\,\|\,p) = \mathbb E_{z\sim q}\bigl[\log q(z) - \log p(z)\bigr]
# $$
#
# In words: draw from $q$, ask by how many nats $q$ finds the draw likelier than $p$ does, and average. It is the price of coding draws from $q$ with a code made for $p$: never
# negative, and 0 only if the two are the same. For two Gaussians the average can be solved. In one dimension
#
# $$
# \mathrm{KL} = \tfrac12\left(\frac{(\mu_q-\mu_p)^2}{\sigma_p^2} + \frac{\sigma_q^2}{\sigma_p^2} - 1 - \log\frac{\sigma_q^2}{\sigma_p^2}\right).
# $$
#
# In words: pay for being off center and for having the wrong width, both measured in widths of $p$. Dimensions add up.
#
# **Your turn (04.4).** `log_var` is $\log\sigma^2$. Return the KL of each example.


# %%
def kl_of_two(
    mean_q: torch.Tensor, log_var_q: torch.Tensor, mean_p: torch.Tensor, log_var_p: torch.Tensor
) -> torch.Tensor:
    """Four tensors (batch, latent); log_var is log σ². Returns KL(q || p) in nats, shape (batch,)."""
    ...


# hint("04.4")  # remove the first # for a hint, again for the next one
kl_of_two = complete("04.4", kl_of_two)
solution("04.4")
# %% [markdown]
# The formula is also a recipe: draw, subtract, average. That is the **Monte Carlo** estimate. It works for any two densities that you can evaluate, and it comes with a standard error. Take Gaussians as an encoder gives them, in 16 dimensions.
# %%
guess = predict("How many draws bring the error to 1 %?", ["about 10", "about 100", "about 10,000"])


# %%
def kl_monte_carlo(q, p, n, generator):
    """KL(q‖p) from n draws of q: mean and standard error of each example, nats."""
    z = q.mean + q.stddev * torch.randn(n, *q.mean.shape, generator=generator).double()
    difference = (q.log_prob(z) - p.log_prob(z)).sum(-1)
    return difference.mean(0), difference.std(0) / math.sqrt(n)


generator = seeded("section 1")
mean = torch.randn(20, 16, generator=generator, dtype=torch.float64)
log_var = -3 + torch.randn(20, 16, generator=generator, dtype=torch.float64)
q, prior = Normal(mean, (log_var / 2).exp()), Normal(0 * mean, 1 + 0 * mean)
exact = kl_of_two(mean, log_var, 0 * mean, 0 * mean)
others = torch.stack([kl_divergence(q, prior).sum(-1), GaussianPosterior(mean, log_var).kl()])
estimate, error = kl_monte_carlo(q, prior, 10_000, generator)
needed = 10_000 * ((error / exact).mean() / 0.01).square().item()
guess.compare(0 if needed < 32 else 1 if needed < 1000 else 2, f"about {needed:,.0f} draws.")
off, worst = (others - exact).abs().max(), ((estimate - exact) / error).abs().max()
claims.add("closed_form", off, below=1e-9, exact=True, text="Your KL off PyTorch's and the package's")
claims.add("monte_carlo", worst, below=4, text="Monte Carlo off it, largest of 20, in standard errors")
claims.note("draws", round(needed))
# %% [markdown]
# Of 20 such Gaussians the worst estimate is {{monte_carlo}} standard errors off. About {{draws}} draws give 1 %, a hundred times as many the next digit: the error falls with $1/\sqrt n$.
#
# **The direction matters.** Take a target $p$ with two humps and find the best single Gaussian $q$. *Forward*, $\mathrm{KL}(p\|q)$, is what maximum likelihood makes small when $p$ is the data. *Reverse*,
# $\mathrm{KL}(q\|p)$, is what an encoder makes small, with the exact posterior $p(z|x)$ as target.
# %%
z = torch.linspace(-9, 9, 361, dtype=torch.float64)
humps = Normal(torch.tensor([-3.0, 3.0], dtype=torch.float64), 0.7)
log_p = torch.logsumexp(humps.log_prob(z[:, None]), 1) - math.log(2)
mu, sigma = torch.meshgrid(torch.linspace(0, 4, 81), torch.linspace(0.4, 4, 181), indexing="ij")
log_q = Normal(mu.double()[..., None], sigma.double()[..., None]).log_prob(z)
forward = (log_p.exp() * (log_p - log_q)).mean(-1) * 18  # the axis is 18 long
reverse = (log_q.exp() * (log_q - log_p)).mean(-1) * 18
best = {"forward": forward.argmin(), "reverse": reverse.argmin()}
claims.add(
    "forward",
    sigma.flatten()[best["forward"]] ** 2,
    near=(9.49, 0.1),
    exact=True,
    text="Forward fit: variance of the target",
)
claims.add("reverse", reverse.min(), near=(math.log(2), 0.02), exact=True, unit="nats", text="Its KL")
curves = {"target p": log_p} | {f"{name} fit": log_q.flatten(0, 1)[i] for name, i in best.items()}
curves = {name: (z.tolist(), curve.exp().tolist()) for name, curve in curves.items()}
show(
    line_plot(curves, x_label="z", y_label="density", points={"": ([], [])}),
    alt="A target density with two humps and two Gaussians fitted to it: the forward fit is wide and centered between the humps, the reverse fit is narrow and lies on the right hump.",
    title="Forward KL covers both humps, reverse KL picks one",
)


# %% [markdown]
# The forward fit takes the target's mean and variance, and peaks where the target has next to nothing. The reverse fit gives one hump up and pays {{reverse.value}}, which is $\log 2$: half of the mass is missing.
# A VAE has both: as a model of data it must cover, its encoder may pick.
#
# ## 2 Which dimensions speak?
#
# The KL of a diagonal Gaussian is a sum over dimensions, so each one has a price of its own. Train two VAEs on digits, with {{size.number}} dimensions each, and write every price down at every update. One has the full KL weight
# from the first update. In the other it rises from 0 to 1 over the first half (**KL warm-up**, Bowman et al. 2016).
# %%
def train_vae(beta=1.0, warm_up=0.5):
    """A VAE as wide as the one model, its learning curve, and the KL of each dimension at each update."""
    prices = []

    def objective(model, x, generator):
        terms = elbo_terms(model, x, generator)
        if model.training:
            prices.append(terms.kl_per_dimension.detach().mean(0).cpu())
        return terms

    seed_everything(0)
    model = VAE.for_data(train, latent_dim=SIZE, hidden_dims=(384, 256))
    settings = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=6e-3, beta=beta, kl_warmup=warm_up)
    history = fit(model, train, held_out, objective=objective, progress=False, **settings)
    curve = history.curve("validation")[1]
    print(f"β = {beta:g}, warm-up {warm_up:g}, −ELBO by pass:", *(f"{nats:.1f}" for nats in curve[1:]))
    return model, curve, torch.stack(prices)


guess = predict("Of the dimensions that end asleep, how many spoke before?", ["none", "some", "all"])
ASLEEP = 0.05  # nats
runs = {"full weight at once": train_vae(warm_up=0.0), "warm-up": train_vae()}
# %%
asleep = {name: prices[-20:].mean(0) < ASLEEP for name, (*_, prices) in runs.items()}
awake = {name: int((~sleeps).sum()) for name, sleeps in asleep.items()}
spoke = runs["warm-up"][2][:, asleep["warm-up"]].amax(0) > 0.5
said = f"{int(spoke.sum())} of {len(spoke)} had more than 0.5 nats at some time."
guess.compare(0 if not spoke.any() else 2 if spoke.all() else 1, said)
for name, number in dict(
    size=SIZE, awake=awake["warm-up"], awake_at_once=awake["full weight at once"]
).items():
    claims.note(name, number)
claims.add("fell_asleep", spoke.sum(), above=0, text="Warm-up: dimensions that spoke and fell asleep")
claims.note("flat", runs["warm-up"][1][-2] / runs["warm-up"][1][-1] - 1, unit="%")
# %% tags=["hide-input"]
with style.use():
    figure = Figure(figsize=(9.2, 3.7), layout="constrained")
    for axes, (name, (*_, prices)) in zip(figure.subplots(1, 2, sharey=True), runs.items(), strict=True):
        smooth = nn.functional.avg_pool1d(prices.T[None], 15, 15, ceil_mode=True)[0]
        for values, sleeps in zip(smooth, asleep[name], strict=True):
            color, line = (style.VERMILION, "--") if sleeps else (style.BLUE, "-")
            axes.plot(range(8, 15 * len(values) + 8, 15), values, color=color, linestyle=line, linewidth=1)
        axes.set(xscale="log", xlabel="update")
        axes.set_title(f"{name}: {awake[name]} awake at the end", loc="left")
    figure.axes[0].set_ylabel("KL of one dimension (nats)")
show(
    figure,
    alt="KL of each latent dimension against the update, in two panels. With the full weight at once the lines that end high rise one after another, the dashed ones stay near 0. With warm-up all rise at first, and then the dashed ones sink to 0.",
    title=f"Warm-up lets every dimension speak, then the price silences {int(spoke.sum())} of {SIZE}",
)
# %% [markdown]
# A speaking dimension pays because it saves more reconstruction than it costs. At the end {{awake}} of {{size.number}} are awake with warm-up, {{awake_at_once}} without; the rest equal the prior and tell the decoder nothing.
# With warm-up {{fell_asleep}} dimensions had spoken before the price silenced them. So a count of units in mid-training says little. (In its last pass the held-out
# −ELBO still fell by {{flat}}.)
#
# ## 3 What does a nat of rate buy?
#
# Averaged over digits, the KL term is called **rate** $R$ and the reconstruction term **distortion** $D$. Training at weight β makes $D + \beta R$ small. So at the optimum, one nat of rate more or less must change the
# distortion by β nats: were it worth more, the model would buy. β is an exchange rate, and the curve of best $(R, D)$ has the slope $-\beta$ (Alemi et al. 2018).
#
# The course ships one model for all β (chapter 08 shows how it was made). Walk along its curve, and put two models beside it that were trained here for one β each.
# %%
found = {beta: terms_of(one_model.at(beta, SIZE)) for beta in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)}
curve = {beta: (t.kl.mean().item(), t.reconstruction.mean().item()) for beta, t in found.items()}
paid = [(e - d) / (r - s) for (r, d), (s, e) in pairwise(curve.values())]
inside = sum(low < nats < 2 * low for low, nats in zip(curve, paid, strict=False))
trained = {1.0: terms_of(runs["warm-up"][0]), 4.0: terms_of(train_vae(beta=4.0)[0])}
behind = max(abs(found[beta].loss(beta) - terms.loss(beta)).item() for beta, terms in trained.items())
claims.add("inside", inside, near=(5, 0), text="Exchange rates between their two β, of 5")
claims.add("behind", behind, below=5, unit="nats", text="D + βR, one model and live ones apart")
claims.note("cheap", paid[0], unit="nats")
claims.note("dear", paid[-1], unit="nats")
# %% tags=["hide-input"]
live = [(t.kl.mean().item(), t.reconstruction.mean().item()) for t in trained.values()]
figure = line_plot(
    {"one model for all β": tuple(zip(*curve.values(), strict=True))},
    x_label="rate (nats per digit)",
    y_label="distortion (nats per digit)",
)
for beta, place in curve.items():
    figure.axes[0].annotate(f"β = {beta:g}", place, (8, 5), textcoords="offset points")
look = dict(color=style.VERMILION, linestyle="", marker="s", label="trained here, β = 1 and 4")
figure.axes[0].plot(*zip(*live, strict=True), **look)
figure.axes[0].margins(0.1)
figure.axes[0].legend()
show(
    figure,
    alt="Rate-distortion curve on held-out digits: distortion falls steeply at small rates and flatter at large ones, with β written along it from the largest at the upper left to the smallest at the lower right. Two squares for models trained here lie near the curve.",
    title="The more the code says, the less the next nat buys",
)


# %% [markdown]
# From β = 0.25 to 0.5 a nat of rate is worth {{cheap.value}} of distortion, from 4 to 8 it is worth {{dear.value}}. {{inside}} of the 5 exchange rates lie between the two β. The models that were trained here for one β each come within
# {{behind.value}} of the one model in $D + \beta R$.
#
# ## 4 How does a code fall silent?
#
# When $q(z_j|x) = p(z_j)$ for every $x$, dimension $j$ has **collapsed**. The usual suspect is a decoder so strong that it needs no code: one that *reads* the pixels before the one it predicts, as text decoders do. But such
# decoders are deep as well. So vary the two apart: depth 1 or 4, reading or not. The data are black-and-white digits of half size; the encoder is always the same.
# %%
class ReadingVAE(VAE):
    """A VAE whose decoder adds to each logit a weighted sum of all pixels before it, in reading order."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        pixels = math.prod(self.image_shape)
        self.weight = nn.Parameter(torch.zeros(pixels, pixels))

    def log_likelihood(self, x, z):
        read = x.flatten(1) @ self.weight.tril(-1).T  # below the diagonal: only what came before
        return self.likelihood.log_prob(x, self.decode(z) + read.view_as(x))


def halved(part, n):
    """n binary digits of 14 by 14 pixels, drawn anew at each reading."""
    data = load(DATASET, part, binarize="dynamic")
    data = data.subset(min(n, len(data)), seed=0)
    return replace(data, images=nn.functional.avg_pool2d(data.images.float(), 2).round().to(torch.uint8))


small, small_held_out = halved("train", 10_000), halved("validation", 1000)
probe = small_held_out.batch(slice(0, 1000), seeded(1))
# %% [markdown]
# What does a code *tell*? Its mutual information with the picture. With $q(z) = \frac1n\sum_i q(z|x_i)$, the **aggregate posterior** (all clouds together, which picture is which forgotten), the rate splits exactly (Hoffman & Johnson 2016):
#
# $$
# \underbrace{\mathbb E_x \mathrm{KL}(q(z|x)\,\|\,p)}_{\text{rate}} = \underbrace{\mathbb E\bigl[\log q(z|x) - \log q(z)\bigr]}_{I(x;\,z):\ \text{what the code tells}} + \underbrace{\mathrm{KL}(q(z)\,\|\,p)}_{\text{waste}} .
# $$
#
# In words: you pay for telling pictures apart, and for codes that together do not look like the prior.
#
# **Your turn (04.5).** $\log q(z)$ of the mixture of $n$ clouds, finite also far from all of them.


# %%
def log_mixture(z: torch.Tensor, mean: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    """z: (m, latent); mean, log_var: (n, latent). Returns log q(z) in nats, shape (m,)."""
    ...


# hint("04.5")  # remove the first # for a hint, again for the next one
log_mixture = complete("04.5", log_mixture)
solution("04.5")
# %% [markdown]
# Two cures are tried. One is warm-up. The other is **free bits** (Kingma et al. 2016): each dimension has an allowance of λ nats and pays $\max(\lambda, \mathrm{KL}_j)$, with $\mathrm{KL}_j$ averaged over the batch. Below λ it
# gains nothing by saying less.
#
# **Your turn (04.1).** The KL term with free bits, a scalar. With an allowance of 0 it is the usual one.


# %%
def kl_cost(kl_per_dimension: torch.Tensor, free_bits: float) -> torch.Tensor:
    """kl_per_dimension: (batch, latent), nats; free_bits: nats for each dimension. Returns a scalar."""
    ...


# hint("04.1")  # remove the first # for a hint, again for the next one
kl_cost = complete("04.1", kl_cost)
solution("04.1")


# %%
def train_small(model, data, probe, updates, beta=1.0, warm_up=0.0, free_nats=0.0):
    """Train on batches of 64; returns the held-out terms at eleven moments, by update."""
    optimizer, curve = torch.optim.Adam(model.parameters()), {}
    for update in range(updates + 1):
        share = update / updates
        if update % (updates // 10) == 0:
            with torch.no_grad():
                curve[update] = elbo_terms(model, probe, seeded(1))
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, 20 * share) * (1 + math.cos(math.pi * share)) / 2
        terms = elbo_terms(model, data.batch(torch.randint(len(data), (64,))))
        weight = beta * (min(1, share / warm_up) if warm_up else 1)
        optimizer.zero_grad()
        (terms.reconstruction.mean() + weight * kl_cost(terms.kl_per_dimension, free_nats)).backward()
        optimizer.step()
    return curve


guess = predict("Which silences more of the ten dimensions?", ["reading", "depth", "about the same"])
# %%
hard = dict(kind=ReadingVAE, depth=4)
recipes = {"shallow": {}, "deep": dict(depth=4), "shallow, reads": dict(kind=ReadingVAE), "deep, reads": hard}
recipes |= {"  and warm-up": hard | dict(warm_up=0.5), "  and free bits": hard | dict(free_nats=FREE_NATS)}


def collapse(seed, kind=VAE, depth=1, **cure):
    """Train one recipe: the held-out curve, and I(x; z) on held-out digits at the end, nats."""
    seed_everything(seed)
    model = kind.for_data(small, latent_dim=10, hidden_dims=(128,), decoder_dims=(128,) * depth)
    curve, q = train_small(model, small, probe, UPDATES, **cure), model.encode(probe)
    z = q.sample(generator=seeded(2))
    return curve, (q.log_prob(z) - log_mixture(z, q.mean, q.log_var)).mean().item()


made = {name: [collapse(seed, **recipe) for seed in range(N_SEEDS)] for name, recipe in recipes.items()}
ends = {name: [curve[UPDATES] for curve, _ in tries] for name, tries in made.items()}
speak = {name: [(t.kl_per_dimension.mean(0) > ASLEEP).sum() for t in e] for name, e in ends.items()}
awake = {name: Runs(counts, least=0, most=10) for name, counts in speak.items()}
rate = {name: Runs((t.kl.mean() for t in e), least=0) for name, e in ends.items()}
told = {name: Runs(nats for _, nats in tries) for name, tries in made.items()}
elbo = {name: Runs(t.negative_elbo.mean() for t in e) for name, e in ends.items()}
# %%
plain, deep, reads, both, warm, free = recipes
by_depth, by_reading = awake[plain] - awake[deep], awake[plain] - awake[reads]
more, said = by_depth - by_reading, f"depth silences {by_depth}, reading {by_reading} ({N_SEEDS} seeds)."
guess.compare(1 if more.mean > 1 else 0 if more.mean < -1 else 2, said)
mute = {name: rate[name] - told[name] for name in (warm, free)}
claims.add("more", more, above=0, text="Dimensions silenced, by depth minus by reading")
claims.add("worse", elbo[deep] - elbo[plain], above=0, unit="nats", text="−ELBO, deep minus shallow")
claims.add("woken", awake[warm] - awake[both], above=0, text="Dimensions woken by warm-up, of 10")
claims.add("mended", elbo[both] - elbo[warm], above=0, unit="nats", text="−ELBO saved by warm-up")
claims.add("mute", mute[free] - mute[warm], above=0, unit="nats", text="Waste, free bits minus warm-up")
nats = dict(rate_reading=rate[plain] - rate[reads], rate_depth=rate[plain] - rate[deep])
nats |= dict(mute_free=mute[free], mute_warm=mute[warm], price=elbo[free] - elbo[warm])
for name, number in (nats | dict(by_depth=by_depth, by_reading=by_reading)).items():
    claims.note(name, number, unit="nats" if name in nats else "")
# %% tags=["hide-input"]
t = list(made[plain][0][0])
curves = {n: (t, [Runs(c[u].kl.mean() for c, _ in tries).mean for u in t]) for n, tries in made.items()}
show(
    line_plot(curves, x_label="update", y_label="rate (nats per digit)", legend_outside=True),
    alt="Held-out rate against the update for six recipes, means over the seeds. Shallow ends highest; deep, and shallow with reading, end lower; deep with reading stays lowest throughout. Both cures of it end well above it. All curves level off.",
    title="Depth and reading each lower the rate; both cures bring it back",
)
show(
    interval_dots({"awake, of 10": awake, "rate (nats)": rate, "told (nats)": told, "−ELBO (nats)": elbo}),
    alt="Four panels with a row for each of six recipes, mean and 95 % interval: dimensions awake, rate, information told and negative ELBO. Depth has fewer dimensions awake than reading; both together the fewest. Warm-up and free bits wake them again.",
    title="Depth silences dimensions, reading makes them say less; of the cures, look at all four columns",
)


# %% [markdown]
# Both make the code poorer: reading by {{rate_reading.value}} of rate, depth by {{rate_depth.value}}. But depth silences {{by_depth}} of ten dimensions, and reading, at equal depth, {{by_reading}}. The silence that is blamed on the decoder's reach
# comes here with its depth.
#
# Does the optimum want this silence? Compare the −ELBO. The deep decoder is {{worse}} *worse* than the shallow one, though it could imitate the shallow one. And for the decoder that is deep and reads, with equal start and equally many updates, warm-up wakes {{woken}} dimensions and *lowers* the −ELBO
# by {{mended}}. So part of the silence was an accident: at first the code is noise, the quickest gain is not to pay for it, and a deep decoder takes long to find a use for it.
#
# Free bits keep all dimensions awake by construction. But of their rate {{mute_free.value}} tell nothing (warm-up: {{mute_warm.value}}), and their −ELBO is {{price.value}} above that of warm-up. Judge a cure by what the code tells and by
# the −ELBO, never by a count. (An optimum *can* want silence: [Water-filling](deeper/Water_Filling.ipynb) computes when.)
#
# ## 5 What lies where no code lies?
#
# You draw new digits from $p(z)$, but the decoder learned on $q(z)$. The waste of section 4 has two parts. With $G$, the Gaussian that has the mean and the covariance of $q(z)$,
#
# $$
# \mathrm{KL}(q(z)\,\|\,p) = \underbrace{\mathrm{KL}(q(z)\,\|\,G)}_{\text{holes and lumps}} + \underbrace{\mathrm{KL}(G\,\|\,p)}_{\text{place and scale}} .
# $$
#
# In words: nats are wasted because the codes are shifted or too wide, and because they are no Gaussian at all. (The split is exact: $\log G - \log p$ is a quadratic form, and $q(z)$ and $G$ agree on its mean.)
#
# The second part has a formula. For the first, describe the codes of $n$ digits by ten Gaussians, one for each class, and count by how many nats they beat $G$ on codes of *unseen* digits. No description beats $q(z)$ itself, so this is a **lower** bound of the holes, and unlike a count of empty places it does not
# mistake few codes for holes.
# %%
@torch.no_grad()
def codes_of(model, data):
    """q(z|x) of every picture, and one draw from each."""
    q = model.encode(data.floats())
    return q, q.sample(generator=seeded("codes")).double()


def gaussian_of(q, rows):
    """The Gaussian with the moments of some clouds' mixture: spread of the means plus mean of the spreads."""
    mean, log_var = q.mean[rows].double(), q.log_var[rows].double()
    return MultivariateNormal(mean.mean(0), torch.cov(mean.T, correction=0) + log_var.exp().mean(0).diag())


def holes(q, rows, unseen):
    """Nats by which ten Gaussians, of the codes in ``rows``, beat G on unseen codes."""
    labels = train.labels[rows]
    parts = [gaussian_of(q, rows[labels == c]).log_prob(unseen) for c in range(10)]
    shares = [(labels == c).double().mean().log() for c in range(10)]
    mixture = torch.logsumexp(torch.stack(parts) + torch.stack(shares)[:, None], 0)
    return (mixture - gaussian_of(q, slice(None)).log_prob(unseen)).mean().item()


# %%
order = torch.randperm(len(train), generator=seeded("order"))
sizes = [n for n in (500, 1000, 2000, 4000, 8000, 16_000) if n < len(train)] + [len(train)]
standard = MultivariateNormal(torch.zeros(SIZE).double(), torch.eye(SIZE).double())
growth, scale, codes = {}, {}, {}
for beta in (0.2, 1.0, 4.0):
    model = one_model.at(beta, SIZE)
    codes[beta], (_, unseen) = codes_of(model, train), codes_of(model, held_out)
    growth[beta] = [holes(codes[beta][0], order[:n], unseen) for n in sizes]
    scale[beta] = kl_divergence(gaussian_of(codes[beta][0], slice(None)), standard).item()
claims.add("holes", growth[0.2][-1], above=3 * scale[0.2], unit="nats", text="β = 0.2: holes, over 3 × scale")
nats = dict(scale=scale[0.2], holes_one=growth[1.0][-1], holes_four=growth[4.0][-1])
for name, number in nats.items():
    claims.note(name, number, unit="nats")
lines = {f"holes, at least: β = {beta:g}": (sizes, values) for beta, values in growth.items()}
lines["place and scale: β = 0.2"] = (sizes, [scale[0.2]] * len(sizes))
show(
    line_plot(lines, x_label="codes n", y_label="nats", log_x=True, x_ticks=sizes[::2], legend_outside=True),
    alt="Nats of holes, at least, against the number of codes, logarithmic, for three weights: each curve rises and levels off, highest for the smallest weight. The level line of place and scale lies near 0.",
    title="Scale is cheap, holes are not; and it takes thousands of codes to see them",
)
# %% [markdown]
# At β = 0.2 place and scale cost {{scale.value}}, the holes at least {{holes.value}}; at β = 1 at least {{holes_one.value}}, at β = 4 {{holes_four.value}}. With few codes you would not have seen them. What do holes look like?
# %%
judge, model, (q, z) = load_classifier(DATASET), one_model.at(0.2, SIZE), codes[0.2]
g = gaussian_of(q, slice(None))


@torch.no_grad()
def decoded_from(seed):
    """1,000 pictures from each of three sources of codes."""
    noise = torch.randn(1000, SIZE, generator=seeded(seed)).double()
    picked = z[torch.randint(len(z), (1000,), generator=seeded(seed + 100))]
    sources = {"from N(0, I)": noise, "from G": g.mean + noise @ g.scale_tril.T, "from q(z)": picked}
    return {name: model.likelihood.mean(model.decode(codes.float())) for name, codes in sources.items()}


def passes(pictures):
    """Share of pictures of whose class a classifier of real digits is more than 90 % sure."""
    return (judge.probabilities(pictures).amax(-1) > 0.9).double().mean().item()


guess = predict("Will G draw digits as good as those of the codes?", ["yes", "half way", "hardly better"])
# %%
draws = [decoded_from(seed) for seed in range(3)]
sure = {name: Runs((passes(d[name]) for d in draws), least=0, most=1) for name in draws[0]}
prior, scaled, near = sure.values()
gap, real, closed = near - prior, passes(x), ((scaled - prior) / (near - prior)).mean
said = ", ".join(f"{name} {runs.mean:.0%}" for name, runs in sure.items()) + f", real digits {real:.0%} pass."
guess.compare(2 if closed < 0.3 else 1 if closed < 0.8 else 0, said)
claims.add("closed", closed, below=0.3, unit="%", text="Share of it that the right scale brings")
for name, share in dict(from_prior=prior, from_g=scaled, from_codes=near, real=real, gap=gap).items():
    claims.note(name, share, unit="%")
show(
    image_grid(torch.cat([pictures[:10] for pictures in draws[0].values()]), 3, 10, row_titles=list(sure)),
    alt="Three rows of ten decoded digits at beta 0.2: from the prior and from the Gaussian of equal moments many are broken or between two digits; from the codes themselves nearly all are clear digits.",
    title="A Gaussian of the codes' own mean and covariance draws no better digits than N(0, I)",
)
# %% [markdown]
# A classifier of real digits is sure of {{from_codes.value}} of the pictures decoded from $q(z)$ and of {{real}} of real digits; from the prior it is {{from_prior.value}}, from $G$ {{from_g.value}}. What spoils samples here is holes, not scale. A larger β shrinks them, by
# saying less. A prior fitted to the codes keeps the rate (chapter 06).
#
# ## 6 Does β disentangle?
#
# β-VAE was proposed for another purpose (Higgins et al. 2017): under a large β each dimension should come to stand for one **factor** of the data. Test it on bars with four known factors.
# %%
FACTORS, LEVELS = ("x", "y", "size", "angle"), 10


def draw_bars(factors):
    """(n, 4) in [0, 1]: x, y, size, angle → a data set of pictures (n, 1, 16, 16)."""
    left, top, size, angle = (column.reshape(-1, 1, 1) for column in factors.T)
    place, turn, length = torch.arange(16) - 7.5, 2.8 * (angle - 0.5), 2.5 + 3 * size
    across, down = place - 7 * (left - 0.5), place[:, None] - 7 * (top - 0.5)
    u, v = across * turn.cos() + down * turn.sin(), down * turn.cos() - across * turn.sin()
    ink = torch.sigmoid(-2 * torch.maximum(u.abs() - length, v.abs() - 0.45 * length))
    return ImageData("bars", "train", (255 * ink[:, None]).round().byte(), None, ())


def information(codes, factors):
    """I(z_j; v_k) in nats, (latents, factors), counted in 20 × 10 cells (as Locatello et al. 2019)."""
    cells = [torch.bucketize(z, torch.linspace(z.min(), z.max(), 21)[1:-1]) for z in codes.T.contiguous()]
    levels = (LEVELS * factors).long().T
    return torch.tensor([[mutual_info_score(level, cell) for level in levels] for cell in cells])


# %% [markdown]
# The **mutual information gap** (MIG, Chen et al. 2018) asks of each factor: by how much does the dimension that knows it best beat the second best, as a share of all there is to know? 1: one dimension for each factor. 0: factors that are spread, or forgotten.
#
# **Your turn (04.6).** For each factor the largest information minus the second largest, divided by its entropy; then the mean over factors.


# %%
def information_gap(information: torch.Tensor, entropy: torch.Tensor) -> torch.Tensor:
    """information: (latents, factors), nats; entropy: (factors,), nats. Returns a scalar, 0 to 1."""
    ...


# hint("04.6")  # remove the first # for a hint, again for the next one
information_gap = complete("04.6", information_gap)
solution("04.6")


# %%
known = torch.rand(4000, len(FACTORS), generator=seeded("bars"))
bars, entropy = draw_bars(known).floats(), torch.full((len(FACTORS),), math.log(LEVELS))


def disentangle(beta, seed):
    """A VAE of bars, its MIG, what its dimensions know, and by how much D + βR fell in the last tenth."""
    seed_everything(seed)
    data = draw_bars(torch.rand(8000, len(FACTORS)))
    model = VAE.for_data(data, latent_dim=6, hidden_dims=(128, 64))
    curve = list(train_small(model, data, bars[:1000], BAR_UPDATES, beta).values())
    found = information(model.encode(bars).mean.detach(), known)
    falling = curve[-2].loss(beta) / curve[-1].loss(beta) - 1
    return model, information_gap(found, entropy).item(), found, falling.item()


guess = predict("Which moves the MIG more, β or the seed?", ["β", "the seed", "about the same"])
bar_models = {beta: [disentangle(beta, seed) for seed in range(N_SEEDS)] for beta in (1.0, 4.0, 16.0)}
mig = {beta: Runs((m[1] for m in made), least=0, most=1) for beta, made in bar_models.items()}
# %%
within = max(max(runs.values) - min(runs.values) for runs in mig.values())
between = max(runs.mean for runs in mig.values()) - min(runs.mean for runs in mig.values())
said = f"means over seeds differ by up to {between:.2f} from β to β, seeds by up to {within:.2f} at one β."
guess.compare(0 if between > 1.3 * within else 1 if within > 1.3 * between else 2, said)
claims.add("better", mig[4.0] - mig[1.0], above=0, text="MIG, β = 4 minus β = 1")
angle = Runs((found[:, 3].max() / math.log(LEVELS) for _, _, found, _ in bar_models[4.0]), least=0, most=1)
claims.note("angle", angle, unit="%")
claims.note("bars_flat", max(m[3] for made in bar_models.values() for m in made), unit="%")
notes = dict(mig_one=mig[1.0], mig_four=mig[4.0], mig_sixteen=mig[16.0], between=between, within=within)
for name, value in notes.items():
    claims.note(name, value)
# %% tags=["hide-input"]
lines = {f"seed {seed}": (list(mig), [runs.values[seed] for runs in mig.values()]) for seed in range(N_SEEDS)}
show(
    line_plot(lines, x_label="β", y_label="MIG (0 to 1)", log_x=True, x_ticks=list(mig)),
    alt="Mutual information gap against beta for each seed: all values lie far below 1.",
    title="Every seed disentangles more at β = 4 than at β = 1, none comes near 1",
)
model, _, found, _ = bar_models[4.0][0]
order = found.amax(1).argsort(descending=True)[:4].tolist()
shares = [zip(FACTORS, found[j] / math.log(LEVELS), strict=True) for j in order]
names = [", ".join(f"{factor} {share:.0%}" for factor, share in row) for row in shares]
show(
    traversal_grid(model, torch.zeros(6), order, row_titles=names),
    alt="Four rows of bars, in each of which one dimension of the code runs from -3 to 3 and the others stay at 0. In front of each row stands what share of each factor that dimension knows.",
    title="β = 4: what each dimension does, and what share of each factor it knows",
)
# %% [markdown]
# At β = 1 the MIG is {{mig_one}}, at β = 4 it is {{mig_four}}. The gain is {{better}}: every seed has it, the interval reaches below 0. At β = 16 the MIG is {{mig_sixteen}}. So here β moves it more than seeds do (by up to {{between}} and {{within}}), but mostly downward. At β = 4 the two positions have
# a dimension each, two dimensions share the size, and the one that knows the angle best knows {{angle.value}} of it. That factor was not sorted out but forgotten. (In the last tenth $D + \beta R$ fell by {{bars_flat}} at most.)
#
# Nor would you have known which β to take: the MIG needs the factors. Locatello et al. (2019) trained more than 12,000 models and found that seeds and settings matter more than the method, and that good ones cannot be told without labels. Under a round prior a rotated code explains the data as well.
#
# ## Play
#
# Sliders for β and the size of the code, which answer at once. Which bars go out first as β grows? At which β do two digits of the top row become one?
# %%
explorer = explore_beta_latent(one_model, held_out, train)
# %% [markdown]
# ## Break it
#
# Write `kl_cost` with the two Gaussians swapped: $\mathrm{KL}(p\|q)$ for each dimension, by your `kl_of_two`, and train one small model of section 4 with it. **Before** you run it, write down what the widths $\sigma$ of the clouds will do, which dimensions can still fall silent, and whether
# the loss is still a bound.
#
# A good answer: predicts all three with a reason from section 1 (what does the forward direction charge for a narrow $q$?); shows both curves of the usual rate in one figure; reports the −ELBO with the *right* KL for both; says what kept the clouds from shrinking; and names an experiment that
# would prove it wrong. Two of five is a start.
#
# ## What you can say now
#
# - The KL term is what a code costs, in nats, dimension by dimension; at weight β one nat of it is worth β nats of picture.
# - A collapsed code can be an accident of depth: warm-up saved {{mended.value}} of −ELBO. Counting awake units does not tell you so.
# - At small β samples are spoiled by holes, not by scale; and a large β buys tidy dimensions partly by forgetting.
#
# **Dig deeper**: the one VAE where all of this has a formula is [Water-filling, or the VAE that is PCA](deeper/Water_Filling.ipynb).
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Appendix B (closed-form KL).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL warm-up). H. Fu et al. (NAACL 2019) repeat it in cycles.
# - D. P. Kingma et al.: *Improved Variational Inference with Inverse Autoregressive Flow*, NIPS 2016 (free bits).
# - M. D. Hoffman, M. J. Johnson: *ELBO surgery*, NIPS workshop on advances in approximate Bayesian inference, 2016.
# - A. A. Alemi et al.: *Fixing a Broken ELBO*, ICML 2018.
# - I. Higgins et al.: *β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, ICLR 2017.
# - R. T. Q. Chen et al.: *Isolating Sources of Disentanglement in Variational Autoencoders*, NeurIPS 2018 (MIG).
# - F. Locatello et al.: *Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations*, ICML 2019.
#
# Next: [05 · Reconstruction loss and image quality](05_Reconstruction_Loss_and_Image_Quality.ipynb)
# %% tags=["hide-input"]
claims.report()

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
# # 05 · Reconstruction loss and image quality
#
# <!-- badge -->
#
# <!-- minutes -->
#
# "Mean squared error plus 0.00025 times the KL": that is how a well-known library trains its VAE. A reconstruction loss is a *likelihood*. Read as an ELBO, this line
# therefore says how noisy it expects pictures to be. Rows 3 and 4 add two such expectations to the reconstructions of row 2 (cut off at black and white): the noise that a VAE learned, hardly visible, and the noise that the library's loss assumes.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (small digits, drawn faces)
LATENT_DIM = 16  # size of the code z, 2 to 64
HIDDEN = 128  # width of the one hidden layer of encoder and decoder, 16 or more
EPOCHS = 8  # passes through the training digits, 4 or more
BATCH_SIZE = 128  # digits in one update
N_SEEDS = 3  # models with σ learned, near it and 1, 2 or more: intervals are 95 % t-intervals over them
SIGMAS = [0.1, 0.13, 0.2]  # fixed σ, with one near the learned one
JUDGED = 2000  # test pictures that are looked at, 100 or more
# %% tags=["hide-input"]
import torch

from vae_course import FACTORS, draw_faces, load, load_face_model, seeded
from vae_course.evaluation import FAMOUS, Interval, implied_scale
from vae_course.plots import image_grid, line_plot
from vae_course.teaching import Claims, check_parameters, complete, hint, predict, results_table, show
from vae_course.teaching import solution

least = dict(LATENT_DIM=2, HIDDEN=16, EPOCHS=4, BATCH_SIZE=1, N_SEEDS=2, JUDGED=100)
parameters = check_parameters(globals(), OFFLINE=False, SIGMAS=[0.001], **least)
claims = Claims("05_Reconstruction_Loss_and_Image_Quality", parameters)

faces = draw_faces(torch.rand(8, len(FACTORS), generator=seeded("faces"))) / 255
ready = load_face_model(0)  # a shipped VAE whose σ was learned
shown, noise = ready.reconstruct(faces), torch.randn(faces.shape, generator=seeded("belief"))
learned, assumed = ready.likelihood.sigma.item(), implied_scale(FAMOUS[1])
rows = {
    "drawn faces": faces,
    "what the decoder shows": shown,
    f"with the noise it learned\n(σ = {learned:.3f})": shown + learned * noise,
    f"with the noise of\nMSE + 0.00025 KL (σ = {assumed:.2f})": shown + assumed * noise,
}
show(
    image_grid(torch.cat(list(rows.values())).clamp(0, 1), 4, 8, row_titles=list(rows)),
    alt="Four rows of eight drawn faces in color: the faces; their reconstructions, nearly the same; reconstructions with the "
    "noise of the learned σ, which is barely visible; and with the noise that the library's loss assumes, clipped to [0, 1], in "
    "which at most dark hair is left.",
    title="Read as an ELBO, a library's VAE loss expects faces as noisy as the last row",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** five likelihoods of a pixel;
# 2. **translate** anybody's loss weights into an effective β, or into the noise that they assume;
# 3. **let** training find that noise, and say how much of the blur goes away;
# 4. **measure** what a pixel loss punishes too hard, and what a perceptual loss does not see;
# 5. **name** a bug from its fingerprint.
#
# You need the ELBO (chapter 01), the training loop (02) and rate and distortion (04). Numbers in the text are those of the full run; intervals are 95 %, over models or photographs.
#
# ## 1 What does a decoder say about a gray pixel?
#
# A decoder puts out one number for each pixel. A likelihood turns it into a distribution over the values $x$ that the pixel can take. The squared error belongs to the Gaussian,
#
# $$
# -\log \mathcal N(x;\, \hat x,\, \sigma^2) = \frac{(x - \hat x)^2}{2\sigma^2} + \log\sigma + \tfrac12\log 2\pi .
# $$
#
# In words: pay for the error in units of σ, and pay for claiming a wide σ.
#
# **Your turn (05.1).** Pictures are `(batch, channel, height, width)`, `log_sigma` is one number for all pixels. Return each picture's nats, `(batch,)`, with gradients.


# %%
def gaussian_nats(x: torch.Tensor, x_hat: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns −log N(x; x_hat, σ²) in nats, shape (batch,)."""
    ...


# hint("05.1")  # remove the first # for a hint, again for the next one
gaussian_nats = complete("05.1", gaussian_nats)
solution("05.1")
# %% [markdown]
# Cross-entropy (BCE) is the likelihood of a coin: black or white. But pixels are gray, and over all gray values $e^{-\mathrm{BCE}}$ does not integrate to 1 (Loaiza-Ganem & Cunningham 2019). The **continuous
# Bernoulli** is BCE with the missing constant:
#
# $$
# p(x) = C(\lambda)\,\lambda^x (1-\lambda)^{1-x}, \qquad C(\lambda) = \frac{\operatorname{logit}\lambda}{2\lambda - 1}.
# $$
#
# In words: the density leans towards black or white, and λ says how far. λ is not the mean: a mean of 0.8 needs λ = {{leaning}}. The picture that we show of such a decoder is the mean.
#
# **Your turn (05.2).** $\log C$ from logits $l$ of λ, elementwise, exact to 0.001 from −300 to 300. It helps that $2\lambda - 1 = \tanh(l/2)$. At $l = 0$ the fraction is 0/0; its limit gives log 2.


# %%
def log_normalizer(logits: torch.Tensor) -> torch.Tensor:
    """log C of the continuous Bernoulli, elementwise; same shape as logits, finite from −300 to 300."""
    ...


# hint("05.2")  # remove the first # for a hint, again for the next one
log_normalizer = complete("05.2", log_normalizer)
solution("05.2")
# %% [markdown]
# So far gray was continuous, but a stored pixel has only 256 values. The **discretized logistic** gives each value a bin and the probability in it. The two end bins also hold everything below black and above white.
#
# Here are the other four, each as $\log p(x)$.
# %%
import math

from torch.nn import functional as F


def bernoulli(x, logits):
    return x * logits - F.softplus(logits)


def continuous_bernoulli(x, logits):
    return bernoulli(x, logits) + log_normalizer(logits)


def laplace(x, center, b):
    return -(x - center).abs() / b - math.log(2 * b)


def discretized_logistic(x, center, s):
    upper = torch.where(x > 1 - 1 / 510, math.inf, x + 1 / 510)  # half a bin is 1 / 510
    lower = torch.where(x < 1 / 510, -math.inf, x - 1 / 510)
    return (((upper - center) / s).sigmoid() - ((lower - center) / s).sigmoid()).log()


guess = predict(
    "A decoder with BCE shows a gray of 0.8. Which pixel value costs it the fewest nats?",
    ["0.8", "0.5", "1.0", "all cost the same"],
)
# %%
from vae_course import Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Gaussian, Laplace

x = torch.linspace(0, 1, 256, dtype=torch.float64)  # the values that a pixel can take
gray = torch.full_like(x, 0.8)
leaning = ContinuousBernoulli().params_for_mean(gray)
as_pictures = x.view(-1, 1, 1, 1), gray.view(-1, 1, 1, 1)
log_p = {
    "Bernoulli (BCE)": bernoulli(x, gray.logit()),
    "continuous Bernoulli": continuous_bernoulli(x, leaning),
    "Gaussian, σ = 0.3": -gaussian_nats(*as_pictures, torch.tensor(math.log(0.3))),
    "Laplace, b = 0.2": laplace(x, gray, 0.2),
    "discretized logistic, s = 0.05": discretized_logistic(x, gray, 0.05),
}
package = [Bernoulli(), ContinuousBernoulli(), Gaussian(0.3), Laplace(0.2), DiscretizedLogistic(0.05)]
given = [gray.logit(), leaning, gray, gray, gray]
same = 0
for mine, law, out in zip(log_p.values(), package, given, strict=True):
    same = max(same, (mine - law.log_prob(x[:, None], out[:, None])).abs().max())
claims.add("same", same, below=2e-3, exact=True, unit="nats", text="The five likelihoods and the package's")
claims.note("leaning", leaning[0].sigmoid())

fine = torch.linspace(0, 1, 4001, dtype=torch.float64)
mass = torch.trapezoid(bernoulli(fine, torch.zeros_like(fine)).exp(), fine)
claims.add("mass", mass, near=(0.5, 1e-6), exact=True, text="Integral of exp(−BCE) over gray values, p = ½")
cheapest = x[log_p["Bernoulli (BCE)"].argmax()].item()
guess.compare(2 if cheapest > 0.95 else 0, "It said “white, with probability 0.8”.")
# %% tags=["hide-input"]
log_p["discretized logistic, s = 0.05"] += math.log(255)  # as a density, so that it fits on the axis
curves = {name: (x.tolist(), (-nats).tolist()) for name, nats in log_p.items()}
fig = line_plot(curves, "pixel value x (0 black, 1 white)", "cost (nats)", points={"": ([], [])})
axes = fig.axes[0]
axes.get_legend().remove()
axes.set_ylim(-2.5, 4)  # the logistic goes on to 13
places = [(0.02, 0.98), (0.16, 2.6), (0.02, -0.35), (0.02, -0.98), (0.02, -1.68)]
for (name, nats), place, line in zip(log_p.items(), places, axes.lines, strict=False):
    axes.text(*place, name, fontsize=10, color=line.get_color())
    if place[1] < 0:  # the three with a valley: a thin line from the name to it
        axes.plot([0.42, 0.77], 2 * [-nats.max()], "-", color=line.get_color(), linewidth=0.8)
white = sum(x[nats.argmax()].item() > 0.95 for nats in log_p.values())
show(
    fig,
    alt="Cost of each pixel value, up to 4 nats, under five likelihoods that show 0.8. Gaussian, Laplace and logistic have a "
    "valley at 0.8; the logistic drops again at white. Both Bernoulli curves are straight lines that fall towards white.",
    title=f"All five show 0.8; for {white} of them white is cheapest",
)
# %% [markdown]
# For BCE white is cheapest, although the decoder shows 0.8. For the continuous Bernoulli too: a straight line is lowest at an end. (The logistic, drawn as a density, drops at white: its end bin holds all that is whiter.)
#
# At $p = \tfrac12$, $e^{-\mathrm{BCE}}$ integrates to {{mass.number}}: BCE is no density of gray pixels. It is the *expected* cost of black-and-white pictures drawn with these grays.
#
# ## 2 What do somebody's weights mean?
#
# Everybody writes $a\cdot\text{error} + b\cdot\mathrm{KL}$, but with means or sums, with or without the Gaussian's ½. To compare, write all as reconstruction + β · KL in nats:
#
# 1. Write the loss for **one example**, with sums: $a' \sum_i e_i + b'\,\mathrm{KL}$. A mean over $D$ numbers gives $a' = a/D$.
# 2. Find the $s$ for which $s\sum_i e_i$ is $-\log p(x|z)$ up to a constant. It is ½ for the squared error (σ = 1), 1 for BCE, and 1 for the absolute error (Laplace, $b = 1$).
# 3. So the picture's nats have the weight $a'/s$. Divide the loss by it: $\beta = b' s / a'$.
#
# **Your turn (05.3).** `error` is "mse" (no ½), "bce" or "l1", averaged over batch and pixels; the KL is summed over latent dimensions and averaged over the batch; `features` is pixels times channels.


# %%
guess = predict(
    "PyTorch-VAE: mean squared error + 0.00025 · KL, on 64 × 64 color pictures. Its β is …",
    ["0.00025", "about 0.1", "about 1.5"],
)


def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    """The effective β of error_weight * mean error + kl_weight * KL; error: "mse", "bce" or "l1"."""
    ...


# hint("05.3")  # remove the first # for a hint, again for the next one
beta_of = complete("05.3", beta_of)
solution("05.3")
# %%
from vae_course.evaluation import effective_beta

rows = []
for loss in FAMOUS:
    symbol = {"mse": "σ", "l1": "b", "bce": None}[loss.error]
    noise = f"{symbol} = {implied_scale(loss):.2f}" if symbol else "none: a coin"
    beta = f"{effective_beta(loss):.2g}"
    rows.append({"loss": loss.name, "numbers in x": loss.features, "β": beta, "noise": noise})
results_table(rows, caption="Six losses, each called the VAE loss")

library = beta_of("mse", 3 * 64 * 64, 1, 0.00025)
guess.compare(0 if library < 0.01 else 1 if library < 1 else 2, f"{library:.3f}.")
off = abs(library - effective_beta(FAMOUS[1]))
claims.add("same_beta", off, below=1e-9, exact=True, text="PyTorch-VAE's β, your function and the package's")
claims.note("library_sigma", assumed)
# %% [markdown]
# Compare only losses with the same error, say the three squared ones, ½ to 1.5: step 2 fixes the scale of each error in its own way.
#
# The column *noise* reads the same weight differently: it keeps β = 1 and moves σ. Divide $\tfrac12\mathrm{SSE} + \beta\,\mathrm{KL}$ (SSE: the sum of squared errors) by β. The result is $\mathrm{SSE}/2\sigma^2 + \mathrm{KL}$ with $\sigma^2 = \beta$. So, up to a factor and a constant, PyTorch-VAE's loss *is* an ELBO, of pixels
# with a noise of {{library_sigma.number}}. The distance from black to white is 1: that is row 4 of the first picture.
#
# ## 3 How much noise should a decoder claim?
#
# You need not choose σ: the likelihood can choose it (Rybkin et al. 2021). With $D$ pixels and a fixed network, a picture costs $\mathrm{SSE}/2\sigma^2 + D\log\sigma$. The derivative with respect to σ is 0 at
#
# $$
# \sigma^2 = \mathrm{SSE} / D .
# $$
#
# In words: claim as much noise as you make errors.
#
# We train with σ learned (starting at 0.3), with σ = 1, and with σ = 0.13, near the learned one: three seeds each. Other σ, a larger network and longer training get one seed.
#
# *Lost variance* is the squared error of the reconstructions, as a share of the digits' variance. *Blur* is the share of the digits' sharpness that they lack (sharpness: the variance of a pixel minus the mean of its neighbors).
# %%
from vae_course import VAE, evaluate, fit, over_seeds, seed_everything
from vae_course.evaluation import relative_sharpness

DATASET = "digits" if OFFLINE else "mnist"
train, validation, test = (load(DATASET, part) for part in ("train", "validation", "test"))
test = test.subset(min(JUDGED, len(test)), seed=0)
x_test = test.floats()

HOW = dict(batch_size=BATCH_SIZE, learning_rate=3e-3, schedule="cosine", eval_examples=1000)


def train_vae(sigma, seed=0, epochs=EPOCHS, hidden=(HIDDEN,), latent_dim=LATENT_DIM):
    """A VAE whose Gaussian has this σ, or learns it (None), and its held-out −ELBO after each epoch."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=hidden, likelihood="gaussian_learned")
    if sigma is not None:
        model.likelihood = Gaussian(sigma)
    history = fit(model, train, validation, seed=seed, epochs=epochs, progress=False, **HOW)
    return model, history.curve()[1]


guess = predict(
    "The model with σ = 1 draws blurred digits. How much of that blur goes away when σ is learned?",
    ["less than a third", "a third to two thirds", "nearly all"],
)
# %%
free = [train_vae(None, seed) for seed in range(N_SEEDS)]
unit = [train_vae(1.0, seed) for seed in range(N_SEEDS)]
fixed = {sigma: train_vae(sigma) for sigma in SIGMAS}
near = min(SIGMAS, key=lambda s: abs(s - free[0][0].likelihood.sigma.item()))
rivals = [fixed[near]] + [train_vae(near, seed) for seed in range(1, N_SEEDS)]
large = {"hidden": (4 * HIDDEN, 2 * HIDDEN), "latent_dim": 2 * LATENT_DIM}
larger, larger_unit = train_vae(None, **large), train_vae(1.0, **large)
longer, longer_rival = train_vae(None, epochs=2 * EPOCHS), train_vae(near, epochs=2 * EPOCHS)


def fell(runs, quarter=EPOCHS // 4):
    """By how many nats the held-out −ELBO still fell in the last quarter of training, at most."""
    return max(curve[-1 - quarter] - curve[-1] for _, curve in runs)


claims.note("flat", fell(free + rivals + unit), unit="nats")
claims.note("flat_longer", fell([longer, longer_rival], 2 * EPOCHS // 4), unit="nats")
claims.note("flat_larger", fell([larger]), unit="nats")
# %% [markdown]
# The schedule makes every curve end flat, converged or not. So look at the last quarter: with σ learned, 0.13 or 1 the small models gained {{flat}} at most, the pair trained twice as long {{flat_longer}} (in twice as many passes), the larger network with σ learned {{flat_larger}}. Not all are finished.


# %%
def measured(model):
    """What a model costs, and how its reconstructions of test digits look."""
    result, rebuilt = evaluate(model, test), model.reconstruct(x_test).clamp(0, 1)
    lost = (rebuilt - x_test).square().sum() / (x_test - x_test.mean(0)).square().sum()
    sharp = relative_sharpness(rebuilt, x_test)
    return {
        "nats": float(result.negative_elbo),
        "KL": float(result.kl),
        "lost": lost.item(),
        "blur": 1 - sharp,
    }


def formula(model):
    """What σ must fit, as the ELBO sees it: the RMSE of drawn reconstructions of training digits."""
    x = train.batch(torch.arange(min(2000, len(train))))
    with torch.no_grad():
        x_hat = model.decode(model.encode(x).sample(generator=seeded(0)))
    return (x - x_hat).square().mean().sqrt().item()


# %%
learned = over_seeds(N_SEEDS, lambda seed: measured(free[seed][0]))
wide = over_seeds(N_SEEDS, lambda seed: measured(unit[seed][0]))
asked = over_seeds(N_SEEDS, lambda seed: formula(free[seed][0]))
sigma = over_seeds(N_SEEDS, lambda seed: free[seed][0].likelihood.sigma.item())
rival = over_seeds(N_SEEDS, lambda seed: measured(rivals[seed][0]))
big, big_unit = measured(larger[0]), measured(larger_unit[0])
# %%
off = sigma / asked - 1
claims.add("rule", off, between=(-0.05, 0.05), unit="%", text="Learned σ above the formula's")
lead = rival["nats"] - learned["nats"]
claims.add("lead", lead, above=0, unit="nats", text="Lead of the learned σ over nearly the same σ fixed")
claims.note("sigma", sigma)
claims.note("lead_0", lead.values[0], unit="nats")
lead_long = measured(longer_rival[0])["nats"] - measured(longer[0])["nats"]
claims.note("lead_long", lead_long, unit="nats")
# %% tags=["hide-input"]
grid = {s: measured(model)["nats"] for s, (model, _) in fixed.items()}
grid |= {1.0: wide["nats"].mean, near: rival["nats"].mean}
above = {s: grid[s] - learned["nats"].mean for s in sorted(grid)}
worse = sum(nats > 0 for nats in above.values())
labels = "σ (1 is black to white)", "test −ELBO minus the learned σ's (nats)"
curve = {"σ fixed": (list(above), list(above.values()))}
fig = line_plot(curve, *labels, log_x=True, x_ticks=[0.1, 0.13, 0.2, 0.5, 1])
axes = fig.axes[0]
axes.set_yscale("symlog", linthresh=10)
axes.set_yticks([0, 10, 100, 1000], ["0", "10", "100", "1,000"])
axes.set_ylim(min(-5, 2 * min(above.values())), 2 * max(above.values()))
axes.plot(sigma.mean, 0, "D", color="#009E73", markersize=8)
axes.text(1.05 * sigma.mean, 0, "σ learned", va="center")
axes.text(0.5, above[1.0] / 2, "σ fixed", ha="right")
show(
    fig,
    alt="By how many nats a fixed σ costs more than the learned one. Both axes are logarithmic, the "
    "vertical one only above 10. A valley with the learned σ at zero; the fixed one nearest to it comes closest.",
    title=f"{worse} of {len(grid)} fixed σ cost more nats than learning it",
)
# %% [markdown]
# The learned σ, {{sigma}}, is {{rule.value}} above the formula's. It beats σ = 0.13, fixed, by {{lead}}. Both end with nearly the same σ, so the lead probably comes from the way there. The fixed one is not merely late: in a pair trained twice as long, the lead is {{lead_long}} instead of {{lead_0}}.
# %%
table = {"σ = 1": wide, f"σ = {near:g}": rival, "σ learned": learned}
table |= {"larger network and code, σ = 1": big_unit, "larger network and code, σ learned": big}
lines = []
for name, row in table.items():
    percent = {"blur (%)": f"{100 * row['blur']:.1f}", "lost variance (%)": f"{100 * row['lost']:.1f}"}
    lines.append({"model": name} | percent | {"KL (nats)": f"{row['KL']:.1f}"})
results_table(lines, caption="Reconstructions of test digits (no interval: one model)")
by_learning = 100 * (rival["blur"] - learned["blur"])
by_both = 100 * (learned["blur"].mean - big["blur"])
kept = 1 - rival["lost"] / wide["lost"]
claims.add(
    "by_learning", by_learning, between=(-2, 2), unit="points", text="Blur: σ fixed near it minus learned"
)
claims.add("kept", kept, between=(0.4, 0.6), unit="%", text="Lost variance that this fixed σ brings back")
claims.add("larger", by_both, above=0, unit="points", text="Blur that a larger network, code and σ take")
claims.note("by_sigma", 100 * (wide["blur"] - rival["blur"]), unit="points")
claims.note("by_size", 100 * (wide["blur"].mean - big_unit["blur"]), unit="points")
claims.note("blur", learned["blur"], unit="%")
part = 1 - learned["blur"].mean / wide["blur"].mean
said = f"The blur goes from {wide['blur'].mean:.0%} to {learned['blur'].mean:.0%}."
guess.compare(0 if part < 1 / 3 else 1 if part < 2 / 3 else 2, said)
# %% tags=["hide-input"]
shown = {
    f"σ = 1\n{wide['lost'].mean:.0%} lost": unit[0][0],
    f"σ = {near:g}, fixed\n{rival['lost'].mean:.0%} lost": rivals[0][0],
    f"σ learned\n{learned['lost'].mean:.0%} lost": free[0][0],
    f"larger, σ = 1\n{big_unit['lost']:.0%} lost": larger_unit[0],
    f"larger, σ learned\n{big['lost']:.0%} lost": larger[0],
}
pictures = [x_test[:10], *(model.reconstruct(x_test[:10]).clamp(0, 1) for model in shown.values())]
show(
    image_grid(torch.cat(pictures), 6, 10, row_titles=["test digits", *shown]),
    alt="Ten test digits and their reconstructions by five models: with σ = 1 dim and smooth by the small network, less so "
    "by the larger one; by the small network clearer, and alike, with a small fixed σ and a learned one; closest to the digits "
    "with a learned σ by the larger one.",
    title=f"Same network: σ = {near:g} brings back {kept.mean:.0%} of the variance that σ = 1 loses",
)
# %% [markdown]
# What helps is a *small* σ, learned or not: errors become dear, and the model pays for a fuller code. σ = 0.13 instead of 1 takes away {{by_sigma}} of blur, brings back {{kept.value}} of the lost variance. Learning σ takes away only {{by_learning}} more, but needs no grid. {{blur.value}} of the sharpness is missing.
#
# With σ learned, a larger network with a larger code takes away {{larger}} more. With σ = 1 the same enlargement takes away {{by_size}}: size and a small σ help each other (one model each).
#
# ## 4 What does a pixel loss get wrong?
#
# Tutorial 9 of the University of Amsterdam (UvA) warns of the squared error. Shift a picture by one pixel to the right and bottom, and "we can get a higher loss than predicting a constant pixel value for half of the image". It shows two CIFAR-10 pictures; we count on {{n_photos.number}} (JPEG copies), and on digits.
#
# In the *moved* copy the mean color fills the free edge, in the *half* copy the upper half.


# %%
def uva(x, down=1, right=1):
    """UvA's two copies of pictures (n, C, H, W): moved right and down, and half replaced."""
    mean = x.mean((2, 3), keepdim=True)
    moved, half = x.roll((down, right), (2, 3)), x.clone()
    moved[:, :, :down], moved[..., :right] = mean, mean
    half[:, :, : x.shape[2] // 2] = mean
    return moved, half


def squared_error(x, y):
    return (x - y).square().flatten(1).sum(1)


guess = predict(
    "For how many photographs does the moved copy cost more squared error than the half copy?",
    ["fewer than a tenth", "a tenth to a half", "more than half"],
)
# %%
if OFFLINE:
    photos = draw_faces(torch.rand(100, len(FACTORS), generator=seeded("stand-in"))) / 255
else:
    photos = load("cifar10", "test").floats()
protocols = {"UvA's": {}, "only to the right": {"down": 0}, "by two pixels": {"down": 2, "right": 2}}
kinds, share, lines = {"photographs": photos, "digits": x_test}, {}, []
for name, change in protocols.items():
    for kind, x in kinds.items():
        moved, half = (squared_error(x, copy) for copy in uva(x, **change))
        share[name, kind] = (moved > half).float().mean().item()
    lines.append({"protocol": name} | {kind: f"{share[name, kind]:.1%}" for kind in kinds})
results_table(lines, caption="For how many pictures the moved copy costs more")
part, digits = share["UvA's", "photographs"], share["UvA's", "digits"]
guess.compare(0 if part < 0.1 else 1 if part < 0.5 else 2, f"{part:.0%} of {len(photos):,}.")
# %% tags=["hide-input"]
around = 1.96 * math.sqrt(part * (1 - part) / len(photos))
claims.note("photos", Interval(part, part - around, part + around), unit="%")
claims.note("digits", digits, unit="%")
claims.note("right", share["only to the right", "photographs"], unit="%")
claims.note("two", share["by two pixels", "photographs"], unit="%")
claims.note("n_photos", len(photos))
few = photos[:: len(photos) // 5][:5]
marks = []
for x in (few, x_test[:5]):
    moved, half = (squared_error(x, copy) for copy in uva(x))
    marks += ["moved" if costs_more else "half" for costs_more in moved > half]
framed = F.pad(x_test[:5], [(few.shape[-1] - x_test.shape[-1]) // 2] * 4).expand(-1, 3, -1, -1)
few = torch.cat([few, framed])
rows = {"row_titles": ["original", "moved", "half mean"], "column_titles": marks}
show(
    image_grid(torch.cat([few, *uva(few)]), 3, 10, **rows),
    alt="Five small color pictures and five digits; below, the same moved by one pixel right and down, hard to tell from the "
    "originals; below, with the upper half replaced by their mean color or gray, so that half of "
    "each is gone. Above each column stands which copy costs more: moved, or half.",
    title=f"Which copy costs more? The moved one for {part:.0%} of photographs, {digits:.0%} of digits",
)
# %% [markdown]
# It *can* happen: it does for {{photos}} of the photographs, and for {{digits}} of the digits. But every choice matters: moved only to the right, it is {{right}} of the photographs; by two pixels both ways, {{two}}.
#
# ### Does a perceptual loss see more?
#
# A **perceptual loss** compares what a trained classifier φ computes from two pictures (Hou et al. 2017). Our classifier of digits has two convolutions (the first is *layer 1*) and then 64 numbers (the *last layer*), from which it reads the class. The distance at layer ℓ:
#
# $$
# d_\ell(x, \hat x) = \tfrac12 \left\lVert \varphi_\ell(x) - \varphi_\ell(\hat x) \right\rVert^2 .
# $$
#
# In words: two pictures are near if layer ℓ responds alike. ($d_\ell$ is a *squared* distance.) Ask two things of such a distance:
#
# 1. Does it **forgive** the shift? Then the moved copy is nearer than the half copy. A classifier may just pull classes together: compare also with another digit of the class.
# 2. Does it **hold** the picture? Start from noise and descend on $d_\ell$ alone (as Mahendran & Vedaldi 2015). If the result is near by this distance and still looks wrong, it is an *impostor*.
#
# We ask the same of the untrained network.
# %%
from torch import nn

from vae_course import FeatureLoss, load_classifier

critic = load_classifier(DATASET)
seed_everything(0)
untrained = type(critic)(tuple(x_test.shape[1:]))
last, fresh = "last layer", "last layer, untrained"
PARTS = {
    "pixels": nn.Identity(),
    "layer 1": critic.body[:2],
    last: critic.body[:7],
    fresh: untrained.body[:7],
}


def distance(name, x, y):
    """d by one of PARTS, for each picture."""
    return 0.5 * squared_error(PARTS[name](x), PARTS[name](y))


def impostors(name, x, steps=100):
    """Pictures from noise that are near x by this distance."""
    raw = torch.randn(x.shape, generator=seeded("impostors")).requires_grad_()
    adam = torch.optim.Adam([raw], lr=0.2)
    for _ in range(steps):
        adam.zero_grad()
        distance(name, x, raw.sigmoid()).sum().backward()
        adam.step()
    return raw.sigmoid().detach()


# %%
moved, half = uva(x_test)
over_half, lines = {}, []
for name in PARTS:
    shift = distance(name, x_test, moved).mean().item()
    over_half[name] = shift / distance(name, x_test, half).mean().item()
    lines.append({"distance": name, "moved copy over half copy": f"{over_half[name]:.2g}"})
results_table(lines, caption="Does it forgive? d of the moved copy over d of the half copy")

kin = x_test[test.labels.argsort(stable=True)]  # sorted: but for ten, the one before is of the same class
over_kin = {}
for name in (last, fresh):
    shift = distance(name, x_test, moved).mean().item()
    over_kin[name] = shift / distance(name, kin, kin.roll(1, 0)).mean().item()

ten = x_test[:10]
gray = squared_error(ten, ten.mean((2, 3), keepdim=True)).sum()
made, near_by, wrong_by = {}, {}, {}
for name in ("layer 1", last, fresh):
    made[name] = impostors(name, ten)
    near_by[name] = (distance(name, ten, made[name]).sum() / distance(name, ten, moved[:10]).sum()).item()
    wrong_by[name] = (squared_error(ten, made[name]).sum() / gray).item()
# %% tags=["hide-input"]
theirs = FeatureLoss(critic, Bernoulli(), layers=(6,)).distance(ten, moved[:10])
same = (distance(last, ten, moved[:10]) / theirs - 1).abs().max()
claims.add("same_features", same, below=1e-4, exact=True, text="The feature distance over the package's")
claims.add("forgives", over_half[last], below=1, unit="times", text="Last layer: shift over half")
claims.add("untrained", over_half[fresh], above=1, unit="times", text="Untrained last layer: shift over half")
trained = over_kin[last] / over_kin[fresh]
claims.add("kin", trained, below=1, unit="times", text="Shift over its class: trained over untrained")
claims.add("loose", wrong_by[last], above=1, unit="times", text="Impostors' squared error over plain gray's")
claims.note("kin_trained", over_kin[last], unit="times")
claims.note("kin_untrained", over_kin[fresh], unit="times")
claims.note("impostor", near_by[last], unit="times")
claims.note("loose_untrained", wrong_by[fresh], unit="times")
claims.note("pixels", over_half["pixels"], unit="times")
claims.note("layer_1", over_half["layer 1"], unit="times")
# %% tags=["hide-input"]
rows = {"digit": ten, "moved by one pixel": moved[:10]}
for name in ("layer 1", last):
    rows[f"from noise, by {name}:\n{near_by[name]:.2g} times the shift's d"] = made[name]
show(
    image_grid(torch.cat(list(rows.values())), 4, 10, row_titles=list(rows)),
    alt="Ten digits, the same moved by one pixel, and two rows made from noise: those that agree with the digits in layer 1 "
    "look like them, and those that agree in the last layer are noise with faint digits at best.",
    title=f"Last layer: the squared distance d of the noise in row 4 is {near_by[last]:.2g} times the shift's",
)
# %% [markdown]
# **The last layer forgives.** There $d$ of the moved copy is {{forgives}} that of the half copy (untrained {{untrained}}, pixels {{pixels}}), and {{kin_trained}} that of another digit of the class (untrained {{kin_untrained}}). So training shrank the shift more than it shrank the class.
#
# **It does not hold.** At the last layer $d$ of the bottom row is only {{impostor}} that of the moved copy. Yet its squared error is {{loose}} that of plain gray (each digit's mean). The untrained layer holds no better ({{loose_untrained}}).
#
# UvA suggests *lower* layers. Our layer 1 holds the picture, but it does not forgive: there $d$ of the moved copy is {{layer_1}} that of the half copy.
#
# ## 5 Which bug is it?
#
# **Your turn (05.4).** Write a VAE's whole loss, for pixels in [0, 1] and BCE. The encoder gives the mean and a raw log σ²; bound it with 15·tanh(raw/15). The decoder gives logits. Draw z whatever `training` says.
#
# The checker is a *loss doctor*: it can name thirteen bugs. Below it looks at your loss with one of them.


# %%
from vae_course.exercises import diagnose_loss


def vae_terms(encode, decode, images: torch.Tensor, training: bool = True) -> dict[str, torch.Tensor]:
    """images: uint8 (batch, channel, height, width). Returns {"loss", "reconstruction", "kl"} in nats."""
    ...


# hint("05.4")  # remove the first # for a hint, again for the next one
vae_terms = complete("05.4", vae_terms)
solution("05.4")


def broken(encode, decode, images, training=True):
    terms = vae_terms(encode, decode, images, training)
    return terms | {"loss": terms["reconstruction"] - terms["kl"]}


verdict = diagnose_loss(broken)  # now put another bug into `broken`, and ask again
# %% [markdown]
# Some bugs leave a log that looks *better*: trust tests.
#
# **Your turn (05.5).** Name the bug behind each log, by its code. `"sign"` (the KL is subtracted), `"pixels"` (the reconstruction is averaged over the pixels), `"no sampling"` (z is the mean of q during training), `"bytes"` (pixels of 0 to 255),
# `"at the mean"` (only the evaluation uses the mean of q), `"log_var"` (log σ² is not bounded).
#
# - **A**: the loss falls below zero in the first epoch and keeps falling; the reconstruction term alone is negative.
# - **B**: the KL is 0.00 from the second epoch on, and every sample looks like the same gray cloud.
# - **C**: the training reconstruction is excellent, the encoder's σ is near 1 in most dimensions, and the −ELBO with a draw of z is far worse than the training log.
# - **D**: all is well, but the reported −ELBO is several nats lower than in a friend's run of the same weights.
# %%
from vae_course.teaching import check

answer_05_5 = {"A": ..., "B": ..., "C": ..., "D": ...}
check("05.5", answer_05_5)
# hint("05.5")  # remove the first # for a hint, again for the next one
solution("05.5")
# %% [markdown]
# ## Play
#
# Type in somebody's loss, and watch the diamond. Find the KL weight that gives β = 1 for a mean squared error on 64 × 64 color pictures.
# %%
from vae_course.widgets import explore_loss_translator

explorer = explore_loss_translator()
# %% [markdown]
# ## Break it
#
# Start the learned σ at 1: in `train_vae`, set `model.likelihood = Gaussian(1.0, learned=True)`. Train four epochs on `train.subset(12800, seed=0)` with `learning_rate=1e-3` and `schedule="constant"` (in `HOW`): at 128 digits in a batch, an epoch is 100 updates. Adam moves a parameter by about its learning rate in each update. **Before** you run it, write down where σ will be after one epoch and after four, and what the KL will be.
#
# A good answer predicts σ from the number of updates (the parameter is $\log\sigma$); says why the model then behaves like one with that σ fixed; and mends it in two ways, of which you run one.
#
# ## What you can say now
#
# - A reconstruction loss says how pictures scatter around what the decoder shows. "Mean squared error + 0.00025 KL", on 64 × 64 color pictures, says: by more than from black to white.
# - To compare losses, divide each by the weight of the picture's nats; the KL's weight is then β. A learned σ needs no weight: here it finds a small value, and a small σ brings back half of the variance that σ = 1 loses. Bound it from below, though: a Gaussian that fits pictures exactly gains without end as σ → 0 (Mattei & Frellsen 2018).
# - The squared error punishes a shift of one pixel; a classifier's last layer forgives it, but also takes some noise for a digit.
#
# **Dig deeper**: [Bug gallery](deeper/Bug_Gallery.ipynb).
#
# ## References
#
# - G. Loaiza-Ganem, J. P. Cunningham: *The Continuous Bernoulli: Fixing a Pervasive Error in Variational Autoencoders*, NeurIPS 2019.
# - O. Rybkin, K. Daniilidis, S. Levine: *Simple and Effective VAE Training with Calibrated Decoders*, ICML 2021.
# - P.-A. Mattei, J. Frellsen: *Leveraging the Exact Likelihood of Deep Latent Variable Models*, NeurIPS 2018.
# - T. Salimans et al.: *PixelCNN++*, ICLR 2017 (discretized logistic).
# - P. Lippe: *UvA Deep Learning Tutorials*, tutorial 9, phlippe/uvadlc_notebooks, AE_CIFAR10.ipynb (03903de).
# - X. Hou et al.: *Deep Feature Consistent Variational Autoencoder*, WACV 2017.
# - A. Mahendran, A. Vedaldi: *Understanding Deep Image Representations by Inverting Them*, CVPR 2015.
# - Losses of section 2: pytorch/examples, vae/main.py (cd01f93); keras-io, generative/vae.py; AntixK/PyTorch-VAE, vae.yaml (a6896b9); davidADSP/Generative_Deep_Learning_2nd_Edition, 03_vae (5951133, 3d28172); ageron/handson-ml3, 17_autoencoders…; aamini/introtodeeplearning, lab2 (0428dfe).
#
# Next: [06 · Handling mode collapse in VAEs](06_Handling_Mode_Collapse_in_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

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
# "Mean squared error plus 0.00025 times the KL": that is how a well-known library trains its VAE. A reconstruction loss is a *likelihood*, so as an ELBO that line
# claims something about pictures. Here is what, next to the claim of a decoder that was free to choose. Here you learn to read such claims, and what they do to pictures.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (small digits, drawn faces)
LATENT_DIM = 16  # size of the code z, 2 to 64
HIDDEN = 128  # width of the one hidden layer of encoder and decoder, 16 or more
EPOCHS = 8  # passes through the training digits, 4 or more
BATCH_SIZE = 128  # digits in one update
N_SEEDS = 3  # models with σ learned and with σ 1, 2 or more: intervals are 95 % t-intervals over them
SIGMAS = [0.05, 0.1, 0.12, 0.13, 0.14, 0.2, 0.5]  # fixed σ, the opponents of the learned one
JUDGED = 2000  # test pictures that are looked at, 100 or more
# %% tags=["hide-input"]
import torch

from vae_course import FACTORS, draw_faces, load, load_face_model, seeded
from vae_course.evaluation import FAMOUS, implied_scale
from vae_course.plots import image_grid, line_plot
from vae_course.teaching import Claims, check_parameters, show

least = dict(LATENT_DIM=2, HIDDEN=16, EPOCHS=4, BATCH_SIZE=1, N_SEEDS=2, JUDGED=100)
parameters = check_parameters(globals(), OFFLINE=False, SIGMAS=[0.001], **least)
claims = Claims("05_Reconstruction_Loss_and_Image_Quality", parameters)

faces = draw_faces(torch.rand(8, len(FACTORS), generator=seeded("faces"))) / 255
ready = load_face_model(0)  # a shipped VAE whose σ was learned
shown, noise = ready.reconstruct(faces), torch.randn(faces.shape, generator=seeded("belief"))
learned, assumed = ready.likelihood.sigma.item(), implied_scale(FAMOUS[1])
rows = {"drawn faces": faces, "what the decoder shows": shown}
rows |= {f"what it claims (σ = {learned:.3f})": shown + learned * noise}
rows |= {f"what MSE + 0.00025 KL\nclaims (σ = {assumed:.2f})": shown + assumed * noise}
show(
    image_grid(torch.cat(list(rows.values())).clamp(0, 1), 4, 8, row_titles=list(rows)),
    alt="Four rows of eight drawn faces in color: the faces; their reconstructions, nearly the same; reconstructions with the "
    "noise of the learned σ, which nobody can see; and with the noise that the library's loss assumes, in which no face is left.",
    title="A library's VAE loss claims that faces look like the last row",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** five likelihoods of a pixel, and say what each thinks of gray;
# 2. **translate** anybody's loss weights into an effective β, or into the noise that they assume;
# 3. **let** the data choose that noise, and say how much of the blur it explains;
# 4. **measure** what a pixel loss does not see, and what a perceptual loss gives up;
# 5. **name** a bug from its fingerprint.
#
# You need the ELBO (chapter 01), the training loop (02) and rate and distortion (04). Functions with `...` are yours to write; until one is right, the chapter
# goes on with the reference. Numbers in the text are those of the full run; intervals are 95 % t-intervals over the models.
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
# **Your turn (05.4).** Pictures are `(batch, channel, height, width)`, `log_sigma` is one number for all pixels. Return the nats of each picture, `(batch,)`.


# %%
from vae_course.teaching import complete, hint, predict, solution


def gaussian_nats(x: torch.Tensor, x_hat: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns −log N(x; x_hat, σ²) in nats, shape (batch,)."""
    ...


# hint("05.4")  # remove the first # for a hint, again for the next one
gaussian_nats = complete("05.4", gaussian_nats)
solution("05.4")
# %% [markdown]
# Cross-entropy (BCE) belongs to a coin, but pixels are gray. Over all gray values, $e^{-\mathrm{BCE}}$ does not even integrate to 1 (Loaiza-Ganem & Cunningham 2019). The **continuous
# Bernoulli** is BCE with the constant that is missing:
#
# $$
# p(x) = C(\lambda)\,\lambda^x (1-\lambda)^{1-x}, \qquad C(\lambda) = \frac{\operatorname{logit}\lambda}{2\lambda - 1}.
# $$
#
# In words: λ leans towards black or white, and $C$ makes all gray values together certain.
#
# **Your turn (05.2).** $\log C$ from logits of λ, elementwise, exact to 0.001 from −300 to 300. At λ = ½ the formula is 0/0 and the answer log 2.


# %%
def log_normalizer(logits: torch.Tensor) -> torch.Tensor:
    """log C of the continuous Bernoulli, elementwise; same shape as logits, finite from −300 to 300."""
    ...


# hint("05.2")  # remove the first # for a hint, again for the next one
log_normalizer = complete("05.2", log_normalizer)
solution("05.2")
# %% [markdown]
# Here are all five. The **discretized logistic** is the only one that knows that a stored pixel has 256 values: it gives each a bin, and the end bins hold all that is below black or above white.
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
log_p = {
    "Bernoulli (BCE)": bernoulli(x, gray.logit()),
    "continuous Bernoulli": continuous_bernoulli(x, leaning),
    "Gaussian, σ = 0.3": -gaussian_nats(
        x.view(-1, 1, 1, 1), gray.view(-1, 1, 1, 1), torch.tensor(math.log(0.3))
    ),
    "Laplace, b = 0.2": laplace(x, gray, 0.2),
    "discretized logistic, s = 0.05": discretized_logistic(x, gray, 0.05),
}
package = [Bernoulli(), ContinuousBernoulli(), Gaussian(0.3), Laplace(0.2), DiscretizedLogistic(0.05)]
given = [gray.logit(), leaning, gray, gray, gray]
theirs = [law.log_prob(x[:, None], out[:, None]) for law, out in zip(package, given, strict=True)]
same = max((mine - other).abs().max() for mine, other in zip(log_p.values(), theirs, strict=True))
claims.add("same", same, below=2e-3, exact=True, unit="nats", text="Your five likelihoods and the package's")

fine = torch.linspace(0, 1, 4001, dtype=torch.float64)
mass = torch.trapezoid(bernoulli(fine, torch.zeros_like(fine)).exp(), fine)
claims.add("mass", mass, near=(0.5, 1e-6), exact=True, text="Integral of exp(−BCE) over gray values, p = ½")
cheapest = x[log_p["Bernoulli (BCE)"].argmax()].item()
guess.compare(2 if cheapest > 0.95 else 0, f"{cheapest:.2f}: it said “white, with probability 0.8”.")
# %% tags=["hide-input"]
log_p["discretized logistic, s = 0.05"] += math.log(255)  # as a density, so that it fits on the axis
show(
    line_plot(
        {name: (x.tolist(), (-nats).tolist()) for name, nats in log_p.items()},
        "pixel value x (0 black, 1 white)",
        "cost −log p(x) (nats)",
        points={"": ([], [])},
    ),
    alt="Cost of each pixel value under five likelihoods whose mean is 0.8. Gaussian, Laplace and logistic have a valley at "
    "0.8, and the logistic drops again at its two end values. Both Bernoulli curves are straight lines that fall towards white.",
    title="All five show 0.8. Only three of them believe in it",
)
# %% [markdown]
# A coin cannot believe in gray: its cheapest value is white. Over all gray values $e^{-\mathrm{BCE}}$ integrates to {{mass.number}} at $p = \tfrac12$. BCE on gray values is the *expected* cost of black-and-white pictures drawn
# with these grays, which is a fine thing to minimize if you say so. Your five functions agree with the package's, which the chapter uses from here on.
#
# ## 2 What do somebody's weights mean?
#
# Everybody writes $a\cdot\text{error} + b\cdot\mathrm{KL}$. Somebody averages over pixels, somebody sums, somebody drops the Gaussian's ½. To read any of them:
#
# 1. write it for **one example**, summed: $a' \sum_i e_i + b'\,\mathrm{KL}$ (a mean over $D$ pixels is $a' = a/D$);
# 2. find the $s$ for which $s\sum_i e_i$ is $-\log p(x|z)$ up to a constant: ½ for a squared error (σ = 1), 1 for BCE, 1 for an absolute error (Laplace, $b = 1$);
# 3. then $\beta = b' s / a'$.
#
# In words: divide by whatever stands before the nats of the picture; what then stands before the nats of the code is β.
#
# **Your turn (05.1).** `error` is "mse" (no ½), "bce" or "l1", averaged over batch and pixels; the KL is summed over latent dimensions and averaged over the batch; `features` is pixels times channels.


# %%
guess = predict(
    "PyTorch-VAE: mean squared error + 0.00025 · KL, on 64 × 64 color pictures. Its β is ...",
    ["0.00025", "about 0.1", "about 1.5"],
)


def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    """The effective β of error_weight * mean error + kl_weight * KL; error: "mse", "bce" or "l1"."""
    ...


# hint("05.1")  # remove the first # for a hint, again for the next one
beta_of = complete("05.1", beta_of)
solution("05.1")
# %%
from vae_course.evaluation import effective_beta
from vae_course.teaching import results_table

rows = []
for loss in FAMOUS:
    scale = implied_scale(loss)
    noise = {"mse": "σ = {:.2f}", "l1": "b = {:.1f}", "bce": "(a coin has none)"}[loss.error]
    said = {"loss": loss.name, "numbers in x": loss.features, "β": effective_beta(loss)}
    rows.append(said | {"noise": noise.format(scale), "where it stands": loss.source})
results_table(rows, caption="Six losses, each called the VAE loss")
betas = [effective_beta(loss) for loss in FAMOUS]
library = beta_of("mse", 3 * 64 * 64, 1, 0.00025)
guess.compare(0 if library < 0.01 else 1 if library < 1 else 2, f"{library:.3f}, by your function.")
spread = max(betas) / min(betas)
claims.add("spread", spread, near=(12.288, 1e-6), exact=True, text="Largest over smallest β of six")
claims.note("faces_64", beta_of("mse", 3 * 64 * 64, 2000, 1))
# %% [markdown]
# One name, and β from ½ to 6: {{spread.value}} times. And the weight alone says nothing: the notebook of the third loss has 64 × 64 pictures in another commit (3d28172), with the same 2,000, and there β is {{faces_64}}.
#
# The column *noise* reads the same number in another way. $\tfrac12\mathrm{SSE} + \beta\,\mathrm{KL}$ is β times $\mathrm{SSE}/2\sigma^2 + \mathrm{KL}$ with $\sigma^2 = \beta$. So the second loss *is* an
# honest ELBO, of pixels with a noise of 1.24, where 1 is the distance from black to white: the last row of the first picture.
#
# Is a translated loss the same loss? Then its gradient must point exactly where the original's points, for every network. Here for three of them, on a network with random weights and your digits:
# %%
from dataclasses import replace

from vae_course import VAE, elbo_terms, seed_everything

DATASET = "digits" if OFFLINE else "mnist"
train, validation, test = (load(DATASET, part) for part in ("train", "validation", "test"))
test = test.subset(min(JUDGED, len(test)), seed=0)
x_test = test.floats()
UNIT = {"mse": Gaussian(1.0), "bce": Bernoulli(), "l1": Laplace(1.0)}
ERROR = {"mse": F.mse_loss, "bce": F.binary_cross_entropy, "l1": F.l1_loss}


def as_written(loss, model, x):
    """What the authors' code computes."""
    q = model.encode(x)
    x_hat = model.likelihood.mean(model.decode(q.sample(generator=seeded(0))))
    return loss.error_weight * ERROR[loss.error](x_hat, x) + loss.kl_weight * q.kl().mean()


def direction(value, model):
    parts = torch.autograd.grad(value, [*model.parameters()])
    return F.normalize(torch.cat([part.flatten() for part in parts]), dim=0)


# %%
apart, batch = [], x_test[:50].double()
for loss in [replace(FAMOUS[place], features=784) for place in (1, 3, 5)]:
    seed_everything(0)
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=(HIDDEN,), likelihood="gaussian").double()
    model.likelihood = UNIT[loss.error]
    beta = beta_of(loss.error, 784, loss.error_weight, loss.kl_weight)
    ours = elbo_terms(model, batch, seeded(0)).loss(beta)
    apart.append((direction(as_written(loss, model, batch), model) - direction(ours, model)).norm())
claims.add(
    "gradients",
    max(apart),
    below=1e-6,
    exact=True,
    text="Loss as written, and translated: angle of gradients",
)
print(f"the directions differ by at most {max(apart):.0e}")
# %% [markdown]
# They are the same loss. (Its *size* differs. Adam does not mind; plain gradient descent needs another learning rate.)
#
# ## 3 Which noise do the data ask for?
#
# If σ is a choice, let the likelihood choose (Rybkin et al. 2021). With $D$ pixels and a fixed network, the derivative of $\mathrm{SSE}/2\sigma^2 + D\log\sigma$ is 0 at
#
# $$
# \sigma^2 = \mathrm{SSE} / D .
# $$
#
# In words: claim exactly as much noise as you make errors. Being wrong by a factor $e^\delta$ costs about $D\,\delta^2$ nats: 8 nats for 10 % on 784 pixels. So a coarse grid of σ is a weak opponent.
#
# Now train one network in many ways: σ learned along with the weights (it starts at 0.3), σ = 1 as in "½ SSE + KL", and a grid, fine around what the learned one finds.
# %%
from vae_course import evaluate, fit, over_seeds
from vae_course.evaluation import relative_sharpness

HOW = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=3e-3, schedule="cosine")


def train_vae(sigma, seed=0, hidden=(HIDDEN,), latent_dim=LATENT_DIM):
    """A VAE whose Gaussian has this σ, or learns it (None), and its history."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=hidden, likelihood="gaussian_learned")
    if sigma is not None:
        model.likelihood = Gaussian(sigma)
    history = fit(model, train, validation, seed=seed, eval_examples=1000, progress=False, **HOW)
    end = history.last["validation"]
    print(f"σ = {model.likelihood.sigma:.3f}: {end['negative_elbo']:.1f} nats, KL {end['kl']:.1f}")
    return model, history


guess = predict(
    "The model with σ = 1 draws blurred digits. How much of that blur goes away when σ is learned?",
    ["less than a third", "a third to two thirds", "nearly all"],
)
# %%
free = [train_vae(None, seed) for seed in range(N_SEEDS)]
unit = [train_vae(1.0, seed) for seed in range(N_SEEDS)]
fixed = {sigma: train_vae(sigma) for sigma in SIGMAS} | {1.0: unit[0]}
larger = train_vae(None, hidden=(4 * HIDDEN, 2 * HIDDEN), latent_dim=2 * LATENT_DIM)
# %% tags=["hide-input"]
LAST = -1 - EPOCHS // 4
paths = (
    {"σ learned": free[0][1], "σ = 1": unit[0][1]}
    | {f"σ = {s:g}": fixed[s][1] for s in (SIGMAS[0], SIGMAS[-1])}
    | {"larger, σ learned": larger[1]}
)
curves = {name: history.curve() for name, history in paths.items()}
falls = [h.curve()[1][LAST] - h.curve()[1][-1] for _, h in free + unit]
claims.add("flat", max(falls), below=10, unit="nats", text="Still falling in the last quarter, at most")
show(
    line_plot(
        {
            name: (epochs[1:-1], [max(v - nats[-1], 0.1) for v in nats[1:-1]])
            for name, (epochs, nats) in curves.items()
        },
        "epoch",
        "held-out −ELBO above its last value (nats)",
        log_y=True,
        legend_outside=True,
    ),
    alt="How far the held-out negative ELBO lies above its last value, on a logarithmic axis, against the epoch, for a learned "
    "σ, fixed ones and a larger network: all fall by a factor of ten and more; that of σ = 1 is lowest, of σ = 0.05 highest.",
    title=f"In the last quarter the learned σ still gains {max(falls[:N_SEEDS]):.1f} nats at most",
)


# %% [markdown]
# The curves are nearly flat: in the last quarter the three with σ learned and the three with σ = 1 fell by {{flat}} at most; the larger network is still improving. (They are densities, so a cost may be negative.)
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
    """The root mean squared error of drawn reconstructions, over 2,000 training digits at most."""
    x = train.batch(torch.arange(min(2000, len(train))))
    with torch.no_grad():
        x_hat = model.decode(model.encode(x).sample(generator=seeded(0)))
    return (x - x_hat).square().mean().sqrt().item()


# %%
learned = over_seeds(N_SEEDS, lambda seed: measured(free[seed][0]))
wide = over_seeds(N_SEEDS, lambda seed: measured(unit[seed][0]))
asked = over_seeds(N_SEEDS, lambda seed: formula(free[seed][0]))
sigma = over_seeds(N_SEEDS, lambda seed: free[seed][0].likelihood.sigma.item())
grid = {s: measured(model) for s, (model, _) in fixed.items()}
best, coarse = (
    min(grid[s]["nats"] for s in tried) for tried in (grid, {0.05, 0.1, 0.2, 0.5, 1.0} & grid.keys())
)
# %%
claims.add("rule", sigma / asked - 1, between=(-0.05, 0.05), unit="%", text="Learned σ off the formula's")
lead = best - learned["nats"]
claims.add("lead", lead, above=-10, unit="nats", text="Lead of the learned σ over the best fixed one")
claims.note("coarse", coarse - learned["nats"], unit="nats")
claims.note("sigma", sigma)
claims.note("rate_1", wide["KL"], unit="nats")
claims.note("rate", learned["KL"], unit="nats")
places, costs = sorted(grid), [grid[s]["nats"] for s in sorted(grid)]
show(
    line_plot(
        {"σ fixed": (places, costs), "σ learned": ([sigma.mean], [learned["nats"]])},
        "σ (1 is black to white)",
        "test −ELBO (nats)",
        log_x=True,
        x_ticks=[0.05, 0.1, 0.2, 0.5, 1],
    ),
    alt="Test negative ELBO against a fixed σ on a logarithmic axis: a valley with steep sides whose bottom lies between 0.1 "
    "and 0.2. The learned σ is a point at the bottom.",
    title=f"The learned σ = {sigma.mean:.2f} lies at the bottom of the valley",
)
# %% [markdown]
# The learned σ, {{sigma}}, is {{rule.value}} off the formula's. It leads the best of the fine grid by {{lead}}; on a grid of 0.05, 0.1, 0.2, 0.5 and 1 its lead would have been {{coarse}}. Look at the opponents before you believe a lead.
#
# With σ = 1 the code gets {{rate_1}}, with the learned one {{rate}}. What does that do to pictures? *Blur* is 1 minus the sharpness of reconstructions (variance of the Laplacian) relative to the digits'. Speckle would count as sharp, so look at the squared error beside it: the
# share of the digits' variance that is *lost*.
# %%
explained = 1 - learned["blur"] / wide["blur"]
kept = 1 - learned["lost"] / wide["lost"]
claims.add("explained", explained, between=(0.02, 0.5), unit="%", text="Blur that a learned σ removes")
claims.add("kept", kept, between=(0.2, 0.8), unit="%", text="Lost variance that it brings back")
more = (learned["blur"] - grid[min(SIGMAS)]["blur"]) / wide["blur"]
claims.add("more", more, below=0.05, unit="%", text="Blur that the smallest σ removes beyond that")
more_network = (learned["blur"] - measured(larger[0])["blur"]) / wide["blur"]
claims.add("larger", more_network, above=0.05, unit="%", text="Blur that a larger network and code remove")
guess.compare(
    0 if explained.mean < 1 / 3 else 1 if explained.mean < 2 / 3 else 2, f"{explained:.0%} of the blur."
)
rows = {"test digits": x_test[:10], "σ = 1": unit[0][0], "σ learned": free[0][0]}
rows |= {f"σ = {min(SIGMAS):g}": fixed[min(SIGMAS)][0], "larger, σ learned": larger[0]}
pictures = [x if torch.is_tensor(x) else x.reconstruct(x_test[:10]).clamp(0, 1) for x in rows.values()]
show(
    image_grid(torch.cat(pictures), 5, 10, row_titles=list(rows)),
    alt="Ten test digits and their reconstructions by four models: with σ = 1 dim and smooth; with the learned σ clearer; "
    "with a still smaller σ about the same; by the larger network with a learned σ closer to the digits.",
    title=f"The constant before the squared error: σ learned brings back {kept.mean:.0%} of what σ = 1 loses",
)
# %% [markdown]
# Learning σ removes {{explained.value}} of the blur and brings back {{kept.value}} of the lost variance. A still smaller σ changes the blur by {{more.value}} of it. So the constant matters, but *most* of the blur, by this measure, is not its
# fault. A larger network with twice the code, σ learned as well, removes another {{larger.value}} of it: much of what remains belongs to the network and its code (chapters 07 and 08).
#
# ## 4 What does a pixel loss not see?
#
# UvA's deep learning tutorial 9 warns of the squared error: "suppose the autoencoder reconstructs an image shifted by one pixel to the right and bottom. Although the images are almost identical, we can get a higher loss than predicting a constant pixel value for half of the image". It shows two pictures of
# CIFAR-10. Here is its protocol on {{n_photos.number}} of them (JPEG copies) and on digits: move by one pixel right and down, and fill what comes free with the picture's mean; or replace the upper half by that mean. Then with one choice changed at a time.


# %%
def uva(x, down=1, black=False):
    """UvA's two copies of pictures (n, C, H, W): moved by one pixel right and down, and half replaced."""
    mean = x.mean((2, 3), keepdim=True)
    moved, half = x.roll((down, 1), (2, 3)), x.clone()
    moved[:, :, :down], moved[..., :1] = mean, mean
    half[:, :, : x.shape[2] // 2] = 0 if black else mean
    return moved, half


def squared_error(x, y):
    return (x - y).square().flatten(1).sum(1)


guess = predict(
    "For how many photographs does the shift cost more squared error than the blank half?",
    ["fewer than a tenth", "a tenth to a half", "more than half"],
)
# %%
if OFFLINE:
    photos = draw_faces(torch.rand(100, len(FACTORS), generator=seeded("stand-in"))) / 255
else:
    photos = load("cifar10", "test").floats()
protocols = {"UvA's": {}, "moved only to the right": {"down": 0}, "upper half black": {"black": True}}
kinds, share = {"photographs": photos, "digits": x_test}, {}
for name, change in protocols.items():
    for kind, x in kinds.items():
        moved, half = (squared_error(x, copy) for copy in uva(x, **change))
        share[name, kind] = (moved > half).float().mean().item(), (moved.mean() / half.mean()).item()
names = "protocol", "pictures", "shift costs more for", "mean cost, shift over half"
lines = [(*key, f"{part:.1%}", ratio) for key, (part, ratio) in share.items()]
results_table([dict(zip(names, line, strict=True)) for line in lines])
(part, ratio), (right, _), (black, _) = (share[name, "photographs"] for name in protocols)
guess.compare(0 if part < 0.1 else 1 if part < 0.5 else 2, f"{part:.0%} of {len(photos):,}.")
both = part - max(right, black)
claims.add("choices", both, above=0.1, unit="%", text="Photographs, UvA's minus either change")
digits = share["UvA's", "digits"][0]
for name, value in {"photos": part, "right": right, "black": black, "digits": digits}.items():
    claims.note(name, value, unit="%")
claims.note("photos_ratio", ratio, unit="times")
claims.note("n_photos", len(photos))
# %% tags=["hide-input"]
few = photos[:: len(photos) // 5][:5]
framed = F.pad(x_test[:5], [(few.shape[-1] - x_test.shape[-1]) // 2] * 4).expand(-1, 3, -1, -1)
few = torch.cat([few, framed])
show(
    image_grid(torch.cat([few, *uva(few)]), 3, 10, row_titles=["original", "moved", "half mean"]),
    alt="Five small color pictures and five digits; below, the same moved by one pixel right and down, hard to tell from the "
    "originals; below, with the upper half replaced by their mean color or gray, so that half of each is gone.",
    title=f"The middle row costs more for {part:.0%} of photographs and {digits:.0%} of digits",
)
# %% [markdown]
# The tutorial is right: it *can* happen, for {{photos}} of the photographs (on average the shift costs {{photos_ratio}} as much as the half). But it takes both choices: moved only to the right it happens for {{right}}, with a black half for
# {{black}}. The diagonal is a longer way, and the mean is the constant that a squared error forgives most. Digits, thin and with hard edges, suffer more: {{digits}}.
#
# Can a loss see what you see? A **perceptual loss** compares not pixels but what a trained classifier φ computes on the way (Hou et al. 2017):
#
# $$
# d_\ell(x, \hat x) = \tfrac12 \left\lVert \varphi_\ell(x) - \varphi_\ell(\hat x) \right\rVert^2 .
# $$
#
# In words: two pictures are near if layer ℓ responds alike. It should forgive the shift. At what price? For each layer, start from noise and descend on $d_\ell$ alone, until noise and digit look alike *to that layer*.
# %%
from vae_course import FeatureLoss, load_classifier

critic = load_classifier(DATASET)
LAYERS = {"layer 1": 1, "layer 2": 3, "last layer": 6}


def feature_distance(x, y, layer):
    return 0.5 * squared_error(critic.body[: layer + 1](x), critic.body[: layer + 1](y))


def impostors(x, layer, steps=100):
    """Pictures from noise whose features in this layer are those of x."""
    raw = torch.randn(x.shape, generator=seeded("impostors")).requires_grad_()
    adam, features = torch.optim.Adam([raw], lr=0.2), critic.body[: layer + 1]
    wanted = features(x)
    for _ in range(steps):
        adam.zero_grad()
        squared_error(features(raw.sigmoid()), wanted).sum().backward()
        adam.step()
    return raw.sigmoid().detach()


# %%
moved, half = uva(x_test)
ten, made = x_test[:10], {name: impostors(x_test[:10], at) for name, at in LAYERS.items()}
pixels = (squared_error(x_test, moved).mean() / squared_error(x_test, half).mean()).item()
rows = [{"distance": "pixels", "shift over half": pixels}]
for name, at in LAYERS.items():
    pairs = (x_test, moved), (x_test, half), (ten, made[name])
    near, far, debris = (feature_distance(*pair, at).mean().item() for pair in pairs)
    rows.append({"distance": name, "shift over half": near / far, "impostor over shift": debris / near})
results_table(rows, caption="What each distance forgives, and what it does not hold")
theirs = FeatureLoss(critic, Bernoulli(), layers=(6,)).distance(ten, moved[:10])
same = (feature_distance(ten, moved[:10], 6) / theirs - 1).abs().max()
claims.add("same_features", same, below=1e-4, exact=True, text="Your feature distance over the package's")
claims.add("forgives", near / far, below=1, unit="times", text="Last layer: shift over half")
claims.add("impostor", debris / near, below=1, unit="times", text="Last layer: impostor over shift")
claims.note("pixels", pixels, unit="times")
# %% tags=["hide-input"]
rows = {"digit": ten, "moved by one pixel": moved[:10]} | {
    f"the same to {name}": x for name, x in made.items()
}
show(
    image_grid(torch.cat(list(rows.values())), 5, 10, row_titles=list(rows)),
    alt="Ten digits, the same moved by one pixel, and three rows made from noise: those that agree with the digits in layer 1 "
    "look like them, those of layer 2 have specks, and those of the last layer are gray debris with a trace of a digit at best.",
    title="To the last layer the bottom row is nearer to the digits than the moved ones",
)
# %% [markdown]
# The last layer does forgive: to it the shift is {{forgives}} as far as the half, where pixels say {{pixels}} and the early layers a little less. And it does not hold: to it the debris of the bottom row lies at {{impostor}} the distance of the digits moved by one pixel. The two are one thing. A layer that ignores a shift
# ignores other things as well, and a decoder that is paid by it alone is free to draw them. So real losses add pixels or early layers (LPIPS), or a discriminator: chapter 11.
#
# ## 5 Which bug is it?
#
# **Your turn (05.0).** The whole loss, for an encoder that gives the mean and an unbounded raw log σ², and a decoder that gives logits. The checker is a *loss doctor*: it runs any loss on networks whose outputs it knows, and names thirteen classic bugs.


# %%
from vae_course.exercises import diagnose_loss


def vae_terms(encode, decode, images: torch.Tensor, training: bool = True) -> dict[str, torch.Tensor]:
    """images: uint8 (batch, channel, height, width). Returns {"loss", "reconstruction", "kl"} in nats."""
    ...


# hint("05.0")  # remove the first # for a hint, again for the next one
vae_terms = complete("05.0", vae_terms)
solution("05.0")

# diagnose_loss(vae_terms)  # put a bug into yours, and ask the doctor
# %% [markdown]
# Some bugs leave a training log that looks *better* than a healthy one: the gallery linked below shows the curves of eight. Trust tests, not curves.
#
# **Your turn (05.5).** Four logs of four broken VAEs, trained on pixels in [0, 1] unless the bug says otherwise. Name the bug of each by its code: `"sign"` (the KL is subtracted), `"pixels"` (the reconstruction is averaged over the pixels), `"no sampling"` (z is the mean of q during training), `"bytes"` (pixels of 0 to 255),
# `"at the mean"` (only the evaluation uses the mean of q), `"log_var"` (log σ² is not bounded).
#
# - **A**: the loss falls below zero in the first epoch and keeps falling; the reconstruction term alone is negative.
# - **B**: the KL is 0.00 from the second epoch on, and every sample looks like the same gray cloud.
# - **C**: the training reconstruction is excellent, σ is near 1 in most dimensions, and the −ELBO with a draw of z is far worse than the training log.
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
# Type in somebody's loss, and watch the diamond. What does averaging over pixels do? Another picture size? Pixels from −1 to 1? Find the KL weight that gives β = 1 for a mean squared error on 64 × 64 color pictures.
# %%
from vae_course.widgets import explore_loss_translator

explorer = explore_loss_translator()
# %% [markdown]
# ## Break it
#
# Start the learned σ at 1: `Gaussian(1.0, learned=True)`, a constant learning rate of 1e-3, 400 updates. Adam moves *any* parameter by about its learning rate in each update, however large the gradient. **Before** you run it, write down where σ will be after 100 and after 400 updates, what the KL will be, and which row
# of the ten digits the reconstructions will look like.
#
# A good answer predicts σ from the number of updates ($\log\sigma$ falls by at most 0.001 in each) and draws it in the figure; says why the model then *is* the fixed-σ model of that σ; and mends it in two ways (a start near the error, a learning rate of its own, or the formula in each update) with one of them run.
#
# ## What you can say now
#
# - A reconstruction loss says how pictures scatter around what the decoder shows. "Mean squared error + 0.00025 KL" says: by more than from black to white.
# - Divide by what stands before the nats of the picture: the six famous losses have a β from ½ to 6. A learned σ needs no weight and brings back {{kept.value}} of what σ = 1 loses; most of the blur is not the loss's fault.
# - Every distance is blind to something: the squared error to what stays the same in a shift, a deep feature to whether there is a picture at all.
#
# **Dig deeper**: [Bug gallery](deeper/Bug_Gallery.ipynb): eight broken losses, their curves, and the test that names each.
#
# ## References
#
# - G. Loaiza-Ganem, J. P. Cunningham: *The Continuous Bernoulli: Fixing a Pervasive Error in Variational Autoencoders*, NeurIPS 2019. Equations 6 and 7.
# - O. Rybkin, K. Daniilidis, S. Levine: *Simple and Effective VAE Training with Calibrated Decoders*, ICML 2021. Section 3.
# - T. Salimans et al.: *PixelCNN++*, ICLR 2017. Equation 2 (discretized logistic).
# - P. Lippe: *UvA Deep Learning Tutorials*, tutorial 9, phlippe/uvadlc_notebooks, AE_CIFAR10.ipynb (03903de).
# - X. Hou et al.: *Deep Feature Consistent Variational Autoencoder*, WACV 2017. R. Zhang et al.: *The Unreasonable Effectiveness of Deep Features as a Perceptual Metric* (LPIPS), CVPR 2018.
# - A. Mahendran, A. Vedaldi: *Understanding Deep Image Representations by Inverting Them*, CVPR 2015 (pictures from features).
#
# Next: [06 · Handling mode collapse in VAEs](06_Handling_Mode_Collapse_in_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

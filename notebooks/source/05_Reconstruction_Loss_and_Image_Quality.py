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
# "Use MSE or BCE, times some weight, plus the KL": that is how most recipes begin. But the reconstruction term is a *likelihood*. It says which
# pixel values the decoder finds probable, and together with its weight it decides how many nats the code may spend. This chapter reads
# other people's losses, measures what each one does to pictures, and ends with a gallery of the bugs that hide here.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **say** what a Bernoulli, continuous Bernoulli, Gaussian, Laplace or discretized logistic decoder thinks of a gray pixel;
# 2. **translate** anybody's loss weights into an effective β, or into the noise level that they assume;
# 3. **measure** image quality by sharpness, SSIM and a Fréchet distance, with intervals, and say what each number cannot see;
# 4. **explain** why a loss at the mean of q(z|x) is not the ELBO, and why a learned σ sets the balance by itself;
# 5. **diagnose** eight classic bugs from their fingerprints in the curves.
#
# You need the ELBO (chapter 01), the training loop (chapter 02) and the rate–distortion trade-off (chapter 04).
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
LATENT_DIM = 16  # size of the code z, 2 to 64
HIDDEN = 256  # width of the one hidden layer of encoder and decoder, 16 or more
EXAMPLES = 10000  # training pictures of every model in sections 3 to 7
EPOCHS = 8  # passes through them in section 3
SHORT_EPOCHS = 4  # passes through them in sections 4, 6 and 7, where many settings are compared
BATCH_SIZE = 128  # pictures in one update
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
JUDGED = 2000  # pictures on each side of a Fréchet distance, 100 or more
GALLERY_EXAMPLES = 2000  # training pictures of the bugs gallery
GALLERY_EPOCHS = 8  # passes through them
# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_course import (
    VAE,
    ContinuousBernoulli,
    DiscretizedLogistic,
    FeatureLoss,
    Gaussian,
    Laplace,
    Runs,
    elbo_terms,
    evaluate,
    fit,
    load,
    load_classifier,
    make,
    over_seeds,
    seed_everything,
    seeded,
)
from vae_course.evaluation import (
    FAMOUS,
    LossWeights,
    effective_beta,
    extrapolate,
    frechet_bias_curve,
    frechet_distance,
    frechet_estimate,
    implied_scale,
    relative_sharpness,
    sample_quality,
    ssim,
    train_classifier,
)
from vae_course.plots import fingerprint, image_grid, line_plot
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("mnist", "digits"),
    LATENT_DIM=2,
    HIDDEN=16,
    EXAMPLES=100,
    EPOCHS=1,
    SHORT_EPOCHS=1,
    BATCH_SIZE=1,
    N_SEEDS=3,
    JUDGED=100,
    GALLERY_EXAMPLES=100,
    GALLERY_EPOCHS=1,
)
claims = Claims("05_Reconstruction_Loss_and_Image_Quality", parameters)
if OFFLINE:
    DATASET = "digits"

everything = load(DATASET, "train")
train = everything.subset(min(EXAMPLES, len(everything)), seed=0)
validation = load(DATASET, "validation")
test = load(DATASET, "test")
test = test.subset(min(JUDGED, len(test)), seed=0)
x_test = test.floats()
pixels = math.prod(train.shape)


EXACT = {"": ([], [])}  # as ``points`` of a plot: an exact curve needs no markers


black, white = (x_test == 0).float().mean(), (x_test == 1).float().mean()
print(f"{len(train):,} training and {len(test):,} test pictures of shape {train.shape}")
print(f"pixels: {black:.0%} exactly black, {white:.0%} exactly white, {1 - black - white:.0%} gray")
# %% [markdown]
# ## 1 What does a likelihood say about a gray pixel?
#
# The decoder puts out one number for each pixel, and the likelihood turns it into a distribution over the values that the pixel can take. The five of this course:
#
# | likelihood | −log p of a pixel x, in nats | the loss it is known as |
# |---|---|---|
# | Bernoulli | $-x\log p - (1-x)\log(1-p)$ | cross-entropy, BCE |
# | continuous Bernoulli | $-x\log\lambda - (1-x)\log(1-\lambda) - \log C(\lambda)$ | BCE with its normalizer |
# | Gaussian | $(x-\mu)^2/2\sigma^2 + \log\sigma + \tfrac12\log 2\pi$ | MSE |
# | Laplace | $\lvert x-\mu\rvert/b + \log 2b$ | L1, MAE |
# | discretized logistic | minus the log of a difference of two sigmoids, one bin for each of 256 values | (none) |
#
# In words: how surprised is the decoder by the value $x$? Here $p$, λ and μ are what the decoder puts out for the pixel; σ and $b$ (and a scale $s$ of the
# logistic) say how wide the distribution is. A density may exceed 1, so its cost may be negative; only costs of probabilities start at 0. Suppose the decoder
# shows a light gray pixel: its mean is 0.8. Then a pixel of exactly 0.8 should be the least surprising one.
# %%
guess = predict(
    "A decoder with BCE shows the mean 0.8. Which pixel value costs it the fewest nats?",
    ["0.8", "0.5", "1.0", "all values cost the same"],
    default=0,
)
# %%
values = torch.linspace(0, 1, 256, dtype=torch.float64)[:, None]
SHOWN = torch.tensor([[0.8]], dtype=torch.float64)
five = {
    "Bernoulli (BCE)": make("bernoulli"),
    "continuous Bernoulli": ContinuousBernoulli(),
    "Gaussian, σ = 0.3": Gaussian(0.3),
    "Laplace, b = 0.2": Laplace(0.2),
    # 255 bins of equal width: as a density, so that it fits on the axis
    "discretized logistic, s = 0.05": DiscretizedLogistic(0.05),
}
curves, cheapest = {}, {}
for name, likelihood in five.items():
    cost = -likelihood.log_prob(values, likelihood.params_for_mean(SHOWN).expand(256, 1))
    if "discretized" in name:
        cost = cost - math.log(255)
    curves[name] = (values[:, 0].tolist(), cost.tolist())
    cheapest[name] = values[cost.argmin(), 0].item()
show(
    line_plot(
        curves, x_label="pixel value x (0 black, 1 white)", y_label="cost −log p(x) (nats)", points=EXACT
    ),
    alt="Cost in nats of each pixel value from 0 to 1 under five likelihoods whose mean is 0.8. The Gaussian, the Laplace and the logistic have a "
    "valley at 0.8, and the logistic drops again at its two end values. Both Bernoulli curves are straight lines that fall all the way to 1.",
)
results_table(
    [{"likelihood with mean 0.8": name, "cheapest pixel value": value} for name, value in cheapest.items()]
)
guess.compare(
    2 if cheapest["Bernoulli (BCE)"] > 0.95 else 0,
    f"BCE is cheapest at {cheapest['Bernoulli (BCE)']:.2f}, the Gaussian at {cheapest['Gaussian, σ = 0.3']:.2f}.",
)
bce, gaussian = cheapest["Bernoulli (BCE)"], cheapest["Gaussian, σ = 0.3"]
claims.add("cheapest_bce", bce, near=(1.0, 1e-6), exact=True, text="Cheapest pixel under BCE with mean 0.8")
claims.add("cheapest_gaussian", gaussian, near=(0.8, 1 / 255), exact=True, text="The same under a Gaussian")
# %% [markdown]
# A Bernoulli decoder cannot *believe in gray*. Its 0.8 means "white, with probability 0.8", and its normalized relative leans to white as well. The Gaussian, the Laplace and the
# logistic have a valley at the gray they show. The logistic's two end values are special: their bins hold everything below 0 and above 1, so that a decoder can be sure of exact black.
#
# Turn the question around. If the data say $x$, the best a BCE decoder can do is $p = x$. What does the best one still pay?
# %%
guess = predict(
    "With the best possible p, which pixel value costs a BCE decoder the most?",
    ["black (0)", "middle gray (0.5)", "white (1)", "none: the best p always costs 0"],
    default=3,
)


# %%
def best_bce(x):
    """The BCE of a pixel whose decoder is perfect (p = x), nats: the entropy of a coin with probability x."""
    return F.binary_cross_entropy(x, x, reduction="none")


floor = best_bce(x_test).flatten(1).sum(1).mean().item()
half = best_bce(torch.tensor(0.5)).item()
print(f"cost of a perfectly reconstructed pixel: black 0, middle gray {half:.3f}, white 0 nats")
print(f"cost of a perfectly reconstructed test picture: {floor:.1f} nats on average")
guess.compare(1, f"middle gray costs ln 2 = {half:.3f} nats, and no decoder can do better.")
claims.add("middle_gray", half, near=(math.log(2), 1e-6), unit="nats", exact=True, text="BCE of middle gray")
# %% [markdown]
# So the famous "about 100 nats on MNIST" has a floor that no decoder can get under: the entropy of the gray values read as coins. You will see below how
# much of a trained model's loss is this floor.
#
# ## 2 What does the normalizer change?
#
# A density integrates to 1. Does $\exp(-\mathrm{BCE})$, over all gray values from 0 to 1?
# %%
guess = predict(
    "The decoder says p = 0.5. The integral of exp(−BCE) over x from 0 to 1 is ...",
    ["1, as for every likelihood", "0.5", "2"],
    default=0,
)
# %%
node = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None]
logits = torch.linspace(-8, 8, 81, dtype=torch.float64)
mass, mass_normalized = [], []
for logit in logits:
    params = logit.expand(4001, 1)
    mass.append(torch.trapezoid(make("bernoulli").log_prob(node, params).exp(), node[:, 0]).item())
    mass_normalized.append(
        torch.trapezoid(ContinuousBernoulli().log_prob(node, params).exp(), node[:, 0]).item()
    )
p = torch.sigmoid(logits).tolist()
show(
    line_plot(
        {"exp(−BCE)": (p, mass), "with the normalizer C(λ)": (p, mass_normalized)},
        x_label="what the decoder puts out, p or λ",
        y_label="integral over x from 0 to 1",
        points=EXACT,
    ),
    alt="Integral over all gray values against the decoder's output. Without the normalizer it is a hill, one half in the middle and falling towards "
    "0 at both ends; with the normalizer it is a flat line at 1.",
)
middle = mass[40]
guess.compare(1 if abs(middle - 0.5) < 0.01 else 0, f"the integral at p = 0.5 is {middle:.4f}.")
off = max(abs(value - 1) for value in mass_normalized)
claims.add("integral", middle, near=(0.5, 1e-6), exact=True, text="Integral of exp(−BCE) over grays, p = 0.5")
claims.add("normalized", off, below=1e-4, exact=True, text="Continuous Bernoulli's integral off 1, at most")
# %% [markdown]
# BCE on gray values is not a likelihood of gray values (Loaiza-Ganem & Cunningham 2019). It is the *expected* log-probability of a black-and-white
# picture drawn with those gray values as probabilities, which is a fine thing to minimize as long as you say so. Its normalized relative, the
# continuous Bernoulli, adds $\log C(\lambda) = \log\frac{\operatorname{logit}\lambda}{2\lambda - 1}$ to the log-probability of each pixel. In words: it pays
# the decoder ln 2 for a pixel about which it is undecided (λ = ½), and more the surer it is. That changes two things: the number, by at least ln 2 for every
# pixel, and the optimum.
# %%
shown = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)
best = ContinuousBernoulli().params_for_mean(shown)
show(
    line_plot(
        {
            "BCE": (shown.tolist(), shown.tolist()),
            "continuous Bernoulli": (shown.tolist(), torch.sigmoid(best).tolist()),
        },
        x_label="mean gray value of the data",
        y_label="best output of the decoder, p or λ",
        points=EXACT,
    ),
    alt="The best output of the decoder against the mean gray value. For BCE it is the diagonal. For the continuous Bernoulli it is an S that is steeper "
    "in the middle: light gray is answered with nearly white, dark gray with nearly black.",
)
steep = torch.sigmoid(ContinuousBernoulli().params_for_mean(torch.tensor([0.7], dtype=torch.float64))).item()
print(
    f"for data of mean 0.7 the best λ is {steep:.3f}: whoever shows λ as the picture shows a harder one than the model means"
)
claims.add("best_lambda", steep, above=0.85, exact=True, text="Best λ for data of mean 0.7")
# %% [markdown]
# λ is not the mean. A model trained with the normalizer must show its *mean*; showing λ makes pictures look crisper than the model is. You write the
# normalizer yourself in exercise 05.2, including the place where its formula is 0/0.
#
# ## 3 Which loss gives which pictures?
#
# Now train one VAE for each loss: the same digits, the same network, the same number of updates, three seeds. The seventh is a *perceptual* loss: besides BCE
# it compares what a small classifier computes on the way, in all its layers (a feature loss). That classifier, the **critic**, is trained here. The **judge**
# is another one, which came
# with the package and which no VAE has seen: a model must not be judged by what it was trained on. You will see why.
# %%
judge = load_classifier(DATASET)
critic = train_classifier(train, seed=1, epochs=4, batch_size=64)
print(f"accuracy on test pictures: judge {judge.accuracy(test):.1%}, critic {critic.accuracy(test):.1%}")
x_real = judge.features(x_test)
# %% [markdown]
# How far apart are two sets of pictures? The judge turns each picture into 64 features. Fit a Gaussian to the features of each set; the *Fréchet distance* is
# the distance of the two Gaussians: the squared distance of their means, plus a term for the difference of their covariances (Heusel et al. 2017). With the
# features of a huge network trained on photographs this is the FID. On digits that network is no judge, so this course uses its
# own, and its numbers cannot be compared with anybody's FID. Before you trust it, measure the distance between two sets of **real** pictures.
# %%
guess = predict(
    "Real digits against other real digits. With half as many pictures on each side, the measured distance ...",
    ["stays about the same", "about doubles", "falls by half"],
    default=0,
)
# %%
others = validation.subset(min(len(test), len(validation)), seed=0).floats()
x_other = judge.features(others)
bias = frechet_bias_curve(x_real, x_other, repeats=10)
show(
    line_plot(
        {
            "real against real": (
                [point.n for point in bias],
                [point.mean for point in bias],
                [point.low for point in bias],
                [point.high for point in bias],
            )
        },
        x_label="pictures on each side, n",
        y_label="Fréchet distance (squared features)",
        log_x=True,
        log_y=True,
    ),
    alt="Fréchet distance between two sets of real pictures against the number of pictures, both axes logarithmic, with the range over ten draws: it falls "
    "nearly in a straight line, although both sets are real.",
)
growth = bias[-2].mean / bias[-1].mean
guess.compare(
    1 if growth > 1.5 else 0 if growth > 0.75 else 2,
    f"from n = {bias[-1].n:,} to n = {bias[-2].n:,} the distance grows by a factor of {growth:.2f}; "
    f"the line in 1/n ends at {extrapolate(bias):.1f} for infinitely many pictures.",
)
floor_frechet = bias[-1].mean
text = "Fréchet distance of real pictures, n halved over n"
claims.add("frechet_growth", growth, between=(1.4, 2.6), unit="times", text=text)
# %% [markdown]
# The distance of two perfect sets is not 0: it falls about like a constant over $n$. (The rest that the line leaves at infinitely many pictures is an
# extrapolation, and two parts of a data set need not be exactly alike.) So: never compare distances with different $n$, and always quote this floor. Now train.
# %%
TRAINED_AS = {
    "Bernoulli (BCE)": "bernoulli",
    "continuous Bernoulli": "continuous_bernoulli",
    "Gaussian, σ = 1 (½ SSE)": Gaussian(1.0),
    "Gaussian, σ learned": "gaussian_learned",
    "Laplace, b learned": "laplace_learned",
    "discretized logistic": "discretized_logistic",
    "BCE + features": "features",
}
FEATURE_WEIGHT = 10.0  # of the feature distance
FEATURE_BETA = (
    4.0  # the feature distance adds to the picture's side of the balance, so the code's side gets more, too
)


def train_vae(loss, seed, *, beta=1.0, epochs=EPOCHS, objective=None):
    """A VAE of this chapter's size; ``loss`` is a name that likelihoods.make knows, a likelihood, or "features"."""
    seed_everything(seed)
    name = (
        loss
        if isinstance(loss, str) and loss != "features"
        else "bernoulli"
        if loss == "features"
        else "gaussian"
    )
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=(HIDDEN,), likelihood=name)
    if loss == "features":
        model.likelihood = FeatureLoss(critic, model.likelihood, weight=FEATURE_WEIGHT)
    elif not isinstance(loss, str):
        model.likelihood = loss
    history = fit(
        model,
        train,
        validation,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=3e-3,
        schedule="linear",
        warmup=0.05,
        kl_warmup=0.3,
        beta=beta,
        seed=seed,
        eval_examples=200,
        objective=objective,
        progress=False,
    )
    return model, history


models = {}


def train_all(names):
    for name in names:
        models[name] = []
        for seed in range(N_SEEDS):
            beta = FEATURE_BETA if TRAINED_AS[name] == "features" else 1.0
            loss = TRAINED_AS[name]
            model, history = train_vae(loss, seed, beta=beta)
            models[name].append(model)
        begin, end = history.records[0]["validation"], history.last["validation"]
        print(
            f"{name:26s} held-out reconstruction {begin['reconstruction']:8.0f} → {end['reconstruction']:8.0f}, "
            f"KL {begin['kl']:4.1f} → {end['kl']:5.1f} nats",
            flush=True,
        )


train_all(list(TRAINED_AS)[:4])
# %%
train_all(list(TRAINED_AS)[4:])
# %% [markdown]
# The reconstruction terms cannot be compared with each other: some are probabilities, some are densities in units of their own, one is no likelihood at all. The KL can. And
# the pictures can. For each model, look at two things: **reconstructions** at the mean of $q(z|x)$, and **samples** from the prior. Both as the decoder's mean, both against held-out digits.
#
# - *squared error* and *SSIM* (Wang et al. 2004: local means, contrasts and correlations; 1 is perfect) compare a reconstruction with its own original. They
#   cannot judge a sample, which has none;
# - *sharpness* is the variance of the Laplacian, relative to data: below 1 is blurred. It cannot tell a crisp edge from speckle;
# - the *Fréchet distance* compares the whole set with data. It sees means and covariances of the judge's features, and little of what the judge was not trained to see;
# - *precision* is the share of samples that lie among data in the judge's features, *recall* the share of data that lie among samples. Precision cannot see
#   what is missing, recall cannot see what is bad.
# %%
guess = predict(
    "Which loss gives the reconstructions with the lowest squared error?",
    ["the squared error itself (Gaussian, σ = 1)", "BCE", "a loss with a learned scale"],
    default=0,
)


# %%
def judged(model):
    """Measures of one trained model on held-out pictures."""
    rebuilt = model.reconstruct(x_test).clamp(0, 1)
    samples = model.sample(len(test), generator=seeded(0)).clamp(0, 1)
    quality = sample_quality(samples, x_test, judge)
    return {
        "KL": evaluate(model, test).kl.value,
        "squared error": (rebuilt - x_test).square().flatten(1).sum(1).mean().item(),
        "SSIM": ssim(rebuilt, x_test).mean().item(),
        "sharpness": relative_sharpness(rebuilt, x_test),
        "Fréchet, rebuilt": frechet_distance(judge.features(rebuilt), x_real),
        "Fréchet, sampled": quality.frechet,
        "sharpness, sampled": quality.sharpness,
        "precision": quality.precision,
        "recall": quality.recall,
    }


SHARES = ("precision", "recall")
POSITIVE = ("squared error", "sharpness", "sharpness, sampled", "Fréchet, rebuilt", "Fréchet, sampled")


def over_models(group):
    """Every measure of one loss as `Runs`, with the borders that it cannot leave."""
    runs = over_seeds(N_SEEDS, lambda seed: judged(group[seed]))
    most = {key: 1 for key in SHARES}
    least = {key: 0 for key in SHARES + POSITIVE}
    return {
        key: value.within(least.get(key, -math.inf), most.get(key, math.inf)) for key, value in runs.items()
    }


measured = {name: over_models(group) for name, group in models.items()}


def table_of(decimals, caption):
    rows = [
        {"loss": name} | {key: f"{runs[key]:.{d}f}" for key, d in decimals.items()}
        for name, runs in measured.items()
    ]
    results_table(rows, caption=caption)


table_of(
    {"KL": 1, "squared error": 1, "SSIM": 3, "sharpness": 2, "Fréchet, rebuilt": 0},
    f"Reconstructions at the mean, {len(test):,} test pictures: mean and 95 % interval over {N_SEEDS} seeds",
)
table_of(
    {"Fréchet, sampled": 0, "sharpness, sampled": 2, "precision": 2, "recall": 2},
    f"Samples (decoder means), n = {len(test):,}; Fréchet distance of real pictures: {floor_frechet:.0f}",
)
square, bce, logistic = "Gaussian, σ = 1 (½ SSE)", "Bernoulli (BCE)", "discretized logistic"
error = {name: runs["squared error"].mean for name, runs in measured.items()}
lowest = min(error, key=error.get)
guess.compare(
    0 if "σ = 1" in lowest else 1 if lowest == bce else 2,
    f"lowest: {lowest} with {error[lowest]:.1f}; the Gaussian with σ = 1 has {error[square]:.1f}.",
)
# %%
rows, titles = [x_test[:10]], ["test digits"]
for name, seeds in models.items():
    rows.append(seeds[0].reconstruct(x_test[:10]).clamp(0, 1))
    titles.append(name)
show(
    image_grid(torch.cat(rows), columns=10, row_titles=titles),
    alt="Ten test digits and, below them, their reconstructions by seven models trained with different losses. The rows differ in sharpness; that of the Gaussian with σ = 1 is among the most blurred.",
)
# %%
rows = [seeds[0].sample(10, generator=seeded(2)).clamp(0, 1) for seeds in models.values()]
show(
    image_grid(torch.cat(rows), columns=10, row_titles=list(models)),
    alt="Ten samples from each of the seven models, from the same ten codes. The rows differ in sharpness, and many samples are no clear digit.",
)


# %% [markdown]
# Four things to read off; the next cell checks the first three.
#
# - **The squared error is not the loss with the smallest squared error.** With σ = 1 the Gaussian says "a pixel may be off by the whole distance from black to white", and spends
#   few nats on the code. A loss that assumes less noise buys more code. That is the balance, and sections 4 and 7 take it apart.
# - **The feature loss pleases its own critic.** How good its reconstructions look depends on who judges: the critic that it was trained on, or a network that it has never met. A number that was
#   optimized is no longer a measurement. (Its code also carries more nats than that of BCE, so the comparison is generous to it.)
# - **Reconstructions of the pixel losses are blurred, and samples are worse than reconstructions.** Compare the Fréchet distances in the two tables. Within one
#   loss, a code with more nats reconstructs better and leaves more of the prior's space empty (chapter 04), and samples come from there. Across losses no such
#   order holds: compare the KL column with the errors.
# - **The right normalizer is no guarantee of better pictures.** The continuous Bernoulli is the proper density, and most of these pixels are exactly black,
#   where its density has no upper limit. A likely reason for its large KL: it spends its code on them. With other settings, or on data with more
#   gray, it may do better; not tested here.
#
# Every loss ran with one and the same learning rate, schedule and network, chosen for BCE on validation digits.
# %% tags=["hide-input"]
def gain_by(classifier):
    """Fréchet distance of BCE reconstructions over that of the feature loss, by this classifier."""
    real = classifier.features(x_test)
    plain, features = (
        Runs(
            (
                frechet_distance(classifier.features(m.reconstruct(x_test).clamp(0, 1)), real)
                for m in models[name]
            ),
            least=0,
        )
        for name in (bce, "BCE + features")
    )
    return plain / features


crit, indep = gain_by(critic), gain_by(judge)
results_table(
    [
        {"judged by": who, "Fréchet distance, BCE over feature loss": f"{runs:.2f}"}
        for who, runs in (("its own critic", crit), ("the independent judge", indep))
    ],
    caption="Above 1: the feature loss looks better than BCE",
)
excess = measured[square]["squared error"] / measured[bce]["squared error"]
worse = measured[bce]["Fréchet, sampled"] / measured[bce]["Fréchet, rebuilt"]
similar = measured[logistic]["SSIM"] - measured[square]["SSIM"]
stranger, most = indep.mean / crit.mean, {"mnist": 0.9}.get(DATASET, 1.5)
claims.add("own_critic", crit, above=1, text="Fréchet distance, BCE over feature loss, by its own critic")
claims.add("stranger", stranger, below=most, text="The same ratio by the judge, over that by its own critic")
claims.add("error", excess, above=1.1, whole_interval=True, text="Squared error, σ = 1 over BCE")
for id, name in (("gaussian", square), ("bce", bce), ("logistic", logistic)):
    text = f"Sharpness of reconstructions relative to data, {name}"
    claims.add(f"sharpness_{id}", measured[name]["sharpness"], below=0.8, whole_interval=True, text=text)
claims.add("samples_worse", worse, above=1, text="Fréchet distance of BCE, samples over reconstructions")
claims.add("ssim", similar, above=0, whole_interval=True, text="SSIM, logistic minus Gaussian")
estimate = frechet_estimate(judge.features(models[bce][0].sample(len(test), seeded(0))), x_real)
print(f"Fréchet distance of one BCE model's samples with its bootstrap interval: {estimate}")
claims.add(
    "samples_over_real",
    estimate.value / floor_frechet,
    low=estimate.low / floor_frechet,
    high=estimate.high / floor_frechet,
    above=2,
    whole_interval=True,
    text="Fréchet distance of BCE samples over that of real pictures, same n",
)
paid = Runs(evaluate(m, test).reconstruction for m in models[bce])
print(f"BCE: reconstruction term {paid.mean:.1f} nats, of which no decoder can remove {floor:.1f}")
claims.add("floor", floor / paid, between=(0.3, 1.0), unit="%", text="BCE that no decoder can remove")
# %% [markdown]
# ## 4 What β does somebody's loss have?
#
# Everybody writes $a\cdot\text{reconstruction} + b\cdot\mathrm{KL}$. Somebody averages over pixels, somebody sums; somebody forgets the ½ of the Gaussian. The recipe to read any of them:
#
# 1. write it as $a' \sum_i e_i + b' \,\mathrm{KL}$ for **one example**, with everything summed (a mean over $D$ pixels is $a' = a / D$);
# 2. find the multiple $s$ for which $s\sum_i e_i$ is $-\log p(x|z)$ up to a constant: $s = \tfrac12$ for a squared error (Gaussian, σ = 1), 1 for BCE, 1 for L1
#   (Laplace, $b = 1$);
# 3. then $\beta = b'\, s / a'$.
#
# In words: divide the loss by whatever stands before the nats of the picture; what stands before the nats of the code is β. Six famous losses, all called "the VAE loss":
# %%
guess = predict(
    'PyTorch-VAE writes "mean MSE + 0.00025 · KL" for 64 × 64 color pictures. Its effective β is ...',
    ["0.00025", "about 0.1", "about 1.5"],
    default=0,
)
# %%
D = 3 * 64 * 64
per_squared_error = 1 / D  # what one pixel's squared error is multiplied with
per_nat = per_squared_error / 0.5  # ½ (x − x̂)² is a nat of the Gaussian with σ = 1
print(f"PyTorch-VAE by hand: β = 0.00025 / {per_nat:.6f} = {0.00025 / per_nat:.3f}")
rows = []
for loss in FAMOUS:
    scale = implied_scale(loss)
    rows.append(
        {
            "loss": loss.name,
            "pixels": loss.features,
            "effective β": effective_beta(loss),
            "is the ELBO of": "a Bernoulli only if β = 1"
            if scale is None
            else f"{'σ' if loss.error == 'mse' else 'b'} = {scale:.2f}",
        }
    )
results_table(rows, caption="Six weightings")
betas = [effective_beta(f) for f in FAMOUS]
guess.compare(
    2 if effective_beta(FAMOUS[1]) > 1 else 0,
    f"β = {effective_beta(FAMOUS[1]):.2f}, which is not a small β at all.",
)
spread = max(betas) / min(betas)
claims.add("beta_spread", spread, near=(12.288, 1e-6), exact=True, text="Largest over smallest β of six")


# %% [markdown]
# The last column reads the same number in another way. $\tfrac12\mathrm{SSE} + \beta\,\mathrm{KL}$ is β times $\mathrm{SSE}/2\sigma^2 + \mathrm{KL}$ with $\sigma^2 = \beta$. So "MSE with β = 1.5" *is* an honest ELBO:
# of a decoder whose pixels carry Gaussian noise of σ = 1.24, more than the distance from black to white. Nobody believes that about pictures, and section 7 lets the data choose.
#
# And the same code has another β when the pictures have another size, since it averages over their pixels. Here are three of these losses on *your* pictures.
# Does the translation hold? Train each in three ways: as its authors wrote it, with the translated β, and with the KL weight misread as β.
# %%
def as_written(loss):
    """The objective exactly as its authors' code computes it (numbers and reductions), for this chapter's VAE."""

    def objective(model, x, generator):
        q = model.encode(x)
        x_hat = model.likelihood.mean(model.decode(q.sample(generator=generator)))
        if loss.error == "mse":
            error = F.mse_loss(x_hat, x)
        elif loss.error == "l1":
            error = F.l1_loss(x_hat, x)
        else:
            error = F.binary_cross_entropy(x_hat.clamp(1e-6, 1 - 1e-6), x)
        kl = torch.mean(-0.5 * torch.sum(1 + q.log_var - q.mean**2 - q.log_var.exp(), dim=1))
        return _Total(loss.error_weight * error + loss.kl_weight * kl)

    return objective


class _Total:
    """What ``fit`` needs of an objective that is one number: a loss, and terms for the log."""

    def __init__(self, value):
        self.value = value
        self.reconstruction = self.kl = self.negative_elbo = value.detach().reshape(1)

    def loss(self, beta):
        return self.value


TO_CHECK = {
    "mean MSE + 0.00025 KL": LossWeights("mse", pixels, 1, 0.00025),
    "500 mean BCE + KL": LossWeights("bce", pixels, 500, 1),
    "mean L1 + 0.0005 KL": LossWeights("l1", pixels, 1, 0.0005),
}
UNIT = {"mse": lambda: Gaussian(1.0), "bce": lambda: make("bernoulli"), "l1": lambda: Laplace(1.0)}


def rate_and_distortion(model):
    """KL and squared error of a model's draws on held-out pictures: its point in the rate–distortion plane."""
    x = x_test[:500]
    generator = seeded(0)
    with torch.no_grad():
        q = model.encode(x)
        x_hat = model.likelihood.mean(model.decode(q.sample(generator=generator)))
    return {"rate": q.kl().mean(), "squared error": (x_hat - x).square().flatten(1).sum(1).mean()}


def train_short(error, seed, *, objective=None, beta=1.0):
    seed_everything(seed)
    model = VAE.for_data(
        train,
        latent_dim=LATENT_DIM,
        hidden_dims=(HIDDEN,),
        likelihood="bernoulli" if error == "bce" else "gaussian",
    )
    model.likelihood = UNIT[error]()
    settings = {
        "epochs": SHORT_EPOCHS // 2,
        "batch_size": BATCH_SIZE,
        "learning_rate": 3e-3,
        "schedule": "constant",
        "warmup": 0.0,
        "kl_warmup": 0.0,
        "seed": seed,
        "eval_examples": 1,
    }
    fit(model, train, objective=objective, beta=beta, progress=False, **settings)
    return rate_and_distortion(model)


def over_runs(error, arguments):
    return over_seeds(N_SEEDS, lambda seed: train_short(error, seed, **arguments))


points, rows = {}, []
for name, loss in TO_CHECK.items():
    ways = {
        "as written": {"objective": as_written(loss)},
        "translated β": {"beta": effective_beta(loss)},
        "KL weight misread as β": {"beta": loss.kl_weight},
    }
    for way, arguments in ways.items():
        points[name, way] = over_runs(loss.error, arguments)
        rows.append(
            {
                "loss": name,
                "trained": way,
                "β": effective_beta(loss) if way != "KL weight misread as β" else loss.kl_weight,
                "rate (nats)": f"{points[name, way]['rate']:.1f}",
                "squared error": f"{points[name, way]['squared error']:.1f}",
            }
        )
    print(f"{name}: done", flush=True)
results_table(
    rows, caption=f"Three losses on pictures of {pixels} pixels, mean and 95 % interval over {N_SEEDS} seeds"
)


def apart(name, way):
    """Rate of one way to train minus that as written, nats."""
    return points[name, way]["rate"] - points[name, "as written"]["rate"]


for name, loss in TO_CHECK.items():
    same, text = apart(name, "translated β"), f"{name}: rate with the translated β minus as written"
    claims.add(f"translated_{loss.error}", same, between=(-0.5, 0.5), unit="nats", text=text)
misread = apart("mean MSE + 0.00025 KL", "KL weight misread as β")
text = "mean MSE + 0.00025 KL: rate with the weight misread as β minus as written"
claims.add("misread", misread, above=5, unit="nats", whole_interval=True, text=text)
# %% [markdown]
# The first two ways land on the same point of the rate–distortion plane; the third is another model. That the first two agree so closely has a reason: they
# differ only by a constant factor (for 784 pixels 392, 1.6 and 784), the seeds are the same, and Adam does not care about constant factors. With plain gradient
# descent you would have to translate the learning rate as well. *Play*, below, translates any loss you meet.
#
# ## 5 What does a pixel loss not see?
#
# The folklore: "move a picture by one pixel and the squared error is worse than if you had blanked half of it". Your eye disagrees about which of the two is the better copy. Is it so?
# %%
guess = predict(
    "Squared error to the original: shifting a test digit by one pixel to the side, or blanking its right half. Which costs more, on average?",
    ["the shift", "the blank half", "about the same (within 10 %)"],
    default=0,
)


# %%
def shifted(x, right=1, down=0):
    """Pictures moved by whole pixels; black moves in."""
    return F.pad(x, (right, 0, down, 0))[..., : x.shape[-2], : x.shape[-1]]


def half_blank(x):
    """Pictures whose right half is black."""
    x = x.clone()
    x[..., x.shape[-1] // 2 :] = 0
    return x


distortions = {
    "1 px right": shifted(x_test),
    "1 px right, 1 px down": shifted(x_test, 1, 1),
    "2 px right": shifted(x_test, 2),
    "right half blank": half_blank(x_test),
}
layers = {"features, layer 1": (1,), "features, layer 2": (3,), "features, last layer": (6,)}


def costs(pictures):
    """Distances of spoiled pictures to their originals, each (n,)."""
    found = {
        "squared error": (pictures - x_test).square().flatten(1).sum(1),
        "absolute error": (pictures - x_test).abs().flatten(1).sum(1),
        "1 − SSIM": 1 - ssim(pictures, x_test),
    }
    for name, places in layers.items():
        found[name] = FeatureLoss(critic, make("bernoulli"), layers=places).distance(x_test, pictures)
    return found


cost = {name: costs(pictures) for name, pictures in distortions.items()}
right_answers = {
    name: (judge.probabilities(pictures).argmax(1) == test.labels).float().mean().item()
    for name, pictures in {"original": x_test, **distortions}.items()
}
blank = cost["right half blank"]
results_table(
    [
        {"distance": key}
        | {
            name: f"{(cost[name][key].mean() / blank[key].mean()).item():.2f}"
            for name in list(distortions)[:3]
        }
        for key in blank
    ],
    caption="Mean distance of a shifted picture, relative to the same picture with its right half blank",
)
print(
    "read correctly by the judge:", ", ".join(f"{name} {share:.1%}" for name, share in right_answers.items())
)
show(
    image_grid(
        torch.cat([x_test[:8], *[pictures[:8] for pictures in distortions.values()]]),
        columns=8,
        row_titles=["original", *distortions],
    ),
    alt="Eight test digits, moved by one pixel to the right, by one pixel right and down, by two pixels to the right, and with the right half blank. The moved ones are "
    "hard to tell from the originals; half of each blanked digit is missing.",
)


def ratio_of(name, key):
    """Shift over blank of the mean distances, with a 95 % interval over the pictures."""
    a, b = cost[name][key].double(), blank[key].double()
    ratio = (a.mean() / b.mean()).item()
    error = ((a - ratio * b).std() / math.sqrt(len(a)) / b.mean()).item()
    return ratio, ratio - 1.96 * error, ratio + 1.96 * error


side, side_low, side_high = ratio_of("1 px right", "squared error")
guess.compare(
    0 if side > 1.1 else 1 if side < 0.9 else 2,
    f"one pixel to the side costs {side:.2f} times as much as the blank half (95 % interval {side_low:.2f} to {side_high:.2f}); "
    f"one pixel to the side and one down {ratio_of('1 px right, 1 px down', 'squared error')[0]:.2f}, two to the side {ratio_of('2 px right', 'squared error')[0]:.2f}.",
)
# %% [markdown]
# The folklore comes from photographs, where every pixel has structure. Digits are mostly black, and a blank half costs only its ink. One pixel to the side is
# *cheaper* than half a digit; along the diagonal or by two pixels it costs about as much or more. So the sentence is not a law. What remains is bad enough: a
# copy that everybody reads costs half as much, or just as much, as one that has lost half of its ink.
#
# Now the feature loss. If it sees what you see, the ratio should fall, most of all in the last layer, which was trained to read the digit.
# %% tags=["hide-input"]
bounds = {"mnist": (0.4, 0.8)}.get(DATASET, (0.2, 1.5))  # small digits have thicker strokes for their size
text = "{}: one pixel to the side over half blank"
claims.add("shift", side, between=bounds, low=side_low, high=side_high, text=text.format("Squared error"))
diagonal = ratio_of("1 px right, 1 px down", "squared error")[0] / side
claims.add("diagonal", diagonal, above=1.2, text="Squared error: along the diagonal over to the side")
last, last_low, last_high = ratio_of("1 px right", "features, last layer")
claims.add(
    "shift_features",
    last,
    low=last_low,
    high=last_high,
    below=side,
    whole_interval=True,
    text=text.format("Feature distance, last layer"),
)
legible = right_answers["1 px right"] - right_answers["right half blank"]
claims.add("legible", legible, above=0.05, unit="%", text="Judge: shifted digits read minus half-blank ones")
# %% [markdown]
# It does fall: in *this* respect the feature loss is the better eye. Section 3 showed the price: it sees what its critic was trained to see and no more, and a decoder finds out.
#
# ## 6 Is the loss at the mean the ELBO?
#
# Many scripts switch the noise off when they evaluate: $z = \mu(x)$ "because it is deterministic". For years the best-known example of all did (pull request
# 419 of pytorch/examples, by an author of the VAE paper, corrected it). That number is not the ELBO, and no bound of anything:
#
# $$ -\log p(x \mid z = \mu(x)) + \mathrm{KL} \;\ne\; -\mathbb E_{q(z|x)}[\log p(x\mid z)] + \mathrm{KL}. $$
#
# In words: the bound needs the average over the cloud, not the value at its center. How much does it flatter? And what does the reconstruction term alone, so
# often the one number that is quoted, say about two models?
# %%
guess = predict(
    "Two models, trained with β = 1 and with β = 0.1. A script prints the reconstruction at the mean + KL. For which one is that sum further below its −ELBO?",
    ["β = 1", "β = 0.1", "the same for both, as far as the seeds can tell"],
    default=2,
)


# %%
def at_the_mean(model):
    """−log p(x|z) at the mean of q(z|x), nats per example."""
    with torch.no_grad():
        return -model.log_likelihood(x_test, model.encode(x_test).mean).mean().item()


low_beta = [train_vae("bernoulli", seed, beta=0.1, epochs=SHORT_EPOCHS)[0] for seed in range(N_SEEDS)]
same_length = [train_vae("bernoulli", seed, beta=1.0, epochs=SHORT_EPOCHS)[0] for seed in range(N_SEEDS)]
rows, numbers = [], {}
for name, group in (("β = 1", same_length), ("β = 0.1", low_beta)):
    results = [evaluate(model, test) for model in group]
    centers = Runs(at_the_mean(model) for model in group)
    numbers[name] = {
        "reconstruction at the mean": centers,
        "reconstruction sampled": Runs(result.reconstruction for result in results),
        "−ELBO at the mean": centers + Runs(result.kl for result in results),
        "−ELBO": Runs(result.negative_elbo for result in results),
    }
    rows.append({"model": name} | {key: f"{runs:.1f}" for key, runs in numbers[name].items()})
results_table(
    rows,
    caption=f"Reconstruction term and its sum with the KL, at the mean and sampled, nats per example, {N_SEEDS} seeds; "
    "−ELBO at the mean is what the scripts print",
)
flattery, little = (by["−ELBO"] - by["−ELBO at the mean"] for by in numbers.values())
unequal = flattery - little
mean_gap, printed_gap, elbo_gap = (
    numbers["β = 0.1"][column] - numbers["β = 1"][column]
    for column in ("reconstruction at the mean", "−ELBO at the mean", "−ELBO")
)
guess.compare(
    0 if unequal.low > 0 else 1 if unequal.high < 0 else 2,
    f"the printed number is {flattery.mean:.1f} nats too low for β = 1 and {little.mean:.1f} for β = 0.1. "
    f"By it, β = 0.1 minus β = 1 is {printed_gap.mean:+.1f} nats; by the −ELBO, {elbo_gap.mean:+.1f}.",
)
text = "Evaluation at the mean flatters, β = 1"
claims.add("flattery", flattery, above=1, unit="nats", whole_interval=True, text=text)
claims.add("unequal", unequal, above=0, unit="nats", whole_interval=True, text=text + " minus β = 0.1")
text = "{}, β = 0.1 minus β = 1"
claims.add("mean_gap", mean_gap, below=0, unit="nats", whole_interval=True, text=text.format("At the mean"))
claims.add("elbo_gap", elbo_gap, above=0, unit="nats", whole_interval=True, text=text.format("−ELBO"))
# %% [markdown]
# Two mistakes are at work here; keep them apart. The first is to leave the KL out: by the reconstruction term alone the model that comes closer to a plain
# autoencoder wins, at the mean *and* sampled, although its bound is worse.
# The second is to take the mean. It flatters, and not all models alike: here the model with the larger KL weight gains more. (A weak KL term lets the clouds shrink: chapter 04.)
# So two models whose −ELBO differ by less than their flatteries do can change places. (Do these two?) Reconstruct at the mean for your eyes; measure with a draw, and with the KL.
#
# ## 7 Can the data choose the balance?
#
# In section 4, σ of the Gaussian turned out to be β in disguise: $\sigma^2 = \beta$. So make σ a parameter and let the likelihood choose (Rybkin, Daniilidis & Levine 2021). For a fixed network the best σ has a closed form:
#
# $$ \frac{\partial}{\partial\sigma}\Bigl[\frac{\mathrm{SSE}}{2\sigma^2} + D\log\sigma\Bigr] = 0 \quad\Rightarrow\quad \sigma^2 = \frac{\mathrm{SSE}}{D}. $$
#
# In words: claim exactly as much noise as you make errors. A σ that is too large calls good reconstructions surprising for being too exact; one that is too small pays for each error many times.
# Two ways to follow it. **By gradient**: log σ is one more parameter of Adam, which the package calls `gaussian_learned`. **By the formula**: before each update, set σ to the root mean squared error of the batch.
# %%
guess = predict(
    f"A learned log σ starts at σ = 1 and gets {SHORT_EPOCHS} passes through the pictures. By gradient it ends ...",
    ["where the formula ends, within 15 %", "well above it", "well below it"],
    default=0,
)


# %%
def formula_each_step(model, x, generator):
    """The ELBO, with σ set to the root mean squared error of the batch before each update."""
    if model.training:
        with torch.no_grad():
            x_hat = model.decode(model.encode(x).sample(generator=generator))
            model.likelihood.log_sigma.copy_((x - x_hat).square().mean().sqrt().log())
    return elbo_terms(model, x, generator)


FIXED = (0.05, 0.1, 0.2, 0.5, 1.0)
groups = {
    f"fixed at {sigma:g}": [
        train_vae(Gaussian(sigma), seed, epochs=SHORT_EPOCHS)[0] for seed in range(N_SEEDS)
    ]
    for sigma in FIXED
}
print("fixed σ: done", flush=True)
# %%
for start in (1.0, 0.05):
    groups[f"by gradient, from {start:g}"] = [
        train_vae(Gaussian(start, learned=True), seed, epochs=SHORT_EPOCHS)[0] for seed in range(N_SEEDS)
    ]
    groups[f"by the formula, from {start:g}"] = [
        train_vae(Gaussian(start), seed, epochs=SHORT_EPOCHS, objective=formula_each_step)[0]
        for seed in range(N_SEEDS)
    ]
# %% tags=["hide-input"]
found = {}
for name, group in groups.items():
    results = [evaluate(model, test) for model in group]
    found[name] = {
        "−ELBO": Runs(result.negative_elbo for result in results),
        "KL": Runs(result.kl for result in results),
        "σ": Runs((model.likelihood.sigma.item() for model in group), least=0),
    }
results_table(
    [
        {
            "σ": name,
            "−ELBO (nats, density)": f"{row['−ELBO']:.1f}",
            "KL (nats)": f"{row['KL']:.1f}",
            "final σ": f"{row['σ'].mean:.3f}",
            "that is, β of ½ SSE": f"{(row['σ'] * row['σ']).mean:.4f}",
        }
        for name, row in found.items()
    ],
    caption=f"Fixed and learned σ, test pictures, mean and 95 % interval over {N_SEEDS} seeds",
)
fixed = [found[f"fixed at {sigma:g}"]["−ELBO"] for sigma in FIXED]
curves = {"fixed σ": (list(FIXED), fixed)}
for name in list(groups)[len(FIXED) :]:
    curves[name] = ([found[name]["σ"].mean], [found[name]["−ELBO"]])
show(
    line_plot(
        curves,
        x_label="σ (pixel values; 1 is black to white)",
        y_label="test −ELBO (nats per example)",
        log_x=True,
    ),
    alt="Test negative ELBO against a fixed σ on a logarithmic axis: a valley, steep on the side of small σ. Four single points mark where a learned σ ends: the two that follow the formula coincide low in the valley, the two that follow the gradient lie on either side of it.",
)
by_formula = [found[f"by the formula, from {start:g}"] for start in (1.0, 0.05)]
formula = Runs((sigma for row in by_formula for sigma in row["σ"].values), least=0)  # of both starts
gradient = found["by gradient, from 1"]["σ"]
slow = gradient / by_formula[0]["σ"]
guess.compare(
    0 if abs(slow.mean - 1) < 0.15 else 1 if slow.mean > 1 else 2,
    f"σ = {gradient.mean:.3f} by gradient and {by_formula[0]['σ'].mean:.3f} by the formula.",
)
# %% tags=["hide-input"]
model = groups["by the formula, from 1"][0]
x = train.floats()[:1000]
with torch.no_grad():
    x_hat = model.decode(model.encode(x).sample(generator=seeded(0)))
    root = (x - x_hat).square().mean().sqrt().item()
    tried = [root * 1.01**step for step in range(-30, 31)]
    prices = [-Gaussian(sigma).log_prob(x, x_hat).mean().item() for sigma in tried]
lowest = tried[prices.index(min(prices))] / root
level = Runs(value for row in by_formula for value in row["−ELBO"].values) - min(runs.mean for runs in fixed)
text = "−ELBO with σ by the formula minus the best fixed σ"
claims.add("best_sigma", lowest, near=(1.0, 0.011), exact=True, text="Best σ of a grid over formula's")
claims.add("formula_level", level, below=10, unit="nats", whole_interval=True, text=text)
claims.add("slow", slow, above=1.3, whole_interval=True, text="σ by gradient over formula, both from 1")
claims.add("asked", formula * formula, below=0.1, whole_interval=True, text="σ² by the formula: β of ½ SSE")


# %% [markdown]
# The formula arrives from both starts. The gradient does not in so short a run, and the reason is a trap: Adam moves *any* parameter by about its learning rate
# in each update, however large the gradient is. From σ = 1 to σ = 0.15, log σ has a way of
# 1.9 to go; at a few thousandths per update that takes a thousand updates. A learned σ that starts too far off leaves you with an untuned β after all. Start it near the error that you expect (the package starts at 0.3), give it a learning rate of its own, or use the formula.
#
# What the data ask for is a σ² of a few hundredths. Compare this with the six famous losses: those with a squared error assume a σ² of 0.5 to 1.5, ten to a hundred times as much. And compare the two Gaussians of
# section 3: the same squared error, once with σ = 1 and once with a learned σ, gave pictures of very different sharpness. Much of the blur that is blamed on the squared error comes from the noise level that its unwritten ½ implies. (Not all of it: a decoder
# still averages whatever the code does not say, which is chapter 07.)
# %% [markdown]
# ## 8 The bugs gallery
#
# All of these are easy to write, and most have issue threads of their own in public code. Each gets a broken cell, its fingerprint in the curves, and the test
# that names it. First the healthy loss. It takes bytes, an encoder that puts out the mean and the raw log σ² (`15 * torch.tanh(raw / 15)` keeps it between −15
# and 15; bug 8 says why), and a decoder that puts out logits. It returns three numbers for a training log.
# %%
def healthy_loss(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


class SmallNetworks(nn.Module):
    """One hidden layer each way; the decoder starts at the mean picture, as in chapter 02."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, 2 * LATENT_DIM)
        )
        self.decoder = nn.Sequential(nn.Linear(LATENT_DIM, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, pixels))
        self.offset = torch.logit(gallery.floats().mean(0).clamp(1e-3, 1 - 1e-3))

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=-1)

    def decode(self, z):
        return self.decoder(z).reshape(-1, *train.shape) + self.offset


gallery = everything.subset(min(GALLERY_EXAMPLES, len(everything)), seed=0)
held_out = validation.subset(min(300, len(validation)), seed=0)
watched = gallery.subset(min(300, len(gallery)), seed=0)


def numbers(loss, networks, data, training):
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        seed_everything(0)
        return {
            name: value.item()
            for name, value in loss(networks.encode, networks.decode, data.images, training).items()
        }


def train_with(loss, seed, learning_rate=3e-3):
    """Train with a loss, healthy or not; its own log, what its evaluation reports, and the truth, epoch by epoch."""
    seed_everything(seed)
    networks = SmallNetworks()
    optimizer = torch.optim.Adam(networks.parameters(), lr=learning_rate)
    log = {name: [] for name in ("loss", "reconstruction", "kl", "reported", "true")}
    for epoch in range(GALLERY_EPOCHS + 1):
        for index in torch.randperm(len(gallery)).split(64) if epoch else ():
            value = loss(networks.encode, networks.decode, gallery.images[index], True)["loss"]
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        for name, value in numbers(loss, networks, watched, True).items():
            log[name].append(value)
        log["reported"].append(numbers(loss, networks, held_out, False)["loss"])
        log["true"].append(numbers(healthy_loss, networks, held_out, False)["loss"])
    log["networks"] = networks
    return log


from vae_course.exercises import diagnose_loss


def final(logs, name):
    """The last value of a log, over the seeds."""
    return Runs(log[name][-1] for log in logs)


healthy = [train_with(healthy_loss, seed) for seed in range(N_SEEDS)]
verdict = diagnose_loss(healthy_loss)
print(f"healthy: held-out −ELBO {final(healthy, 'true'):.1f} nats per example")
named = {}


def case(bug, loss, alt):
    """Train the broken loss, draw its fingerprint, and ask the doctor."""
    logs = [train_with(loss, seed) for seed in range(N_SEEDS)]
    show(fingerprint(healthy[0], logs[0]), alt=alt)
    found = diagnose_loss(loss).mistake
    named[bug] = found == bug
    return logs


# %% [markdown]
# The doctor runs a loss on networks whose outputs it knows, and looks at the numbers, at the spread of $z$, and at what happens when log σ² is wild. It compares this with what each classic bug would do. It is the check of an exercise; you can
# send it any loss with this signature.
#
# ### Bug 1: KL with the wrong sign
#
# "The ELBO has a minus before the KL", so somebody subtracts it from the loss, too.
# %%
def wrong_sign(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    loss = (reconstruction - kl).mean()  # BUG: minus
    return {"loss": loss, "reconstruction": reconstruction.mean(), "kl": kl.mean()}


logs = case(
    "KL with the wrong sign",
    wrong_sign,
    "Training log of the loss, reconstruction and KL, and held-out negative ELBO, healthy and with the KL subtracted: the broken loss falls far below zero while its KL "
    "explodes; the true negative ELBO rises.",
)
highest = max(final(logs, "loss").values)  # a −ELBO of pixels cannot be negative
claims.add("bug_1", highest, below=0, unit="nats", text="Bug 1: largest final training loss")


# %% [markdown]
# **Fingerprint**: a loss below zero, falling without end, with a KL that grows without end. **Test**: KL ≥ 0 and loss = reconstruction + KL, asserted at every step.
#
# ### Bug 2: reconstruction averaged over the pixels
#
# `F.binary_cross_entropy_with_logits(logits, x)` averages over everything by default; the KL is summed over the latent dimensions. In section 4's terms: what is β?
# %%
def mean_and_sum(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x)  # BUG: the default reduction is "mean"
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1).mean()
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


logs = case(
    "reconstruction averaged over the pixels",
    mean_and_sum,
    "Healthy and broken run: with the averaged reconstruction the logged loss is below one and the KL is at zero after the first epochs; the true negative ELBO stays "
    "far above the healthy one.",
)
print(f"effective β: {effective_beta(LossWeights('bce', pixels)):.0f}")
highest = max(final(logs, "kl").values)
claims.add("bug_2", highest, below=0.5, unit="nats", text="Bug 2: largest final KL (the code is empty)")


# %% [markdown]
# **Fingerprint**: a tiny loss (under 1), KL at 0, all samples alike. It is posterior collapse made by arithmetic, and no amount of annealing cures it.
# **Test**: a decoder that says $p = \tfrac12$ everywhere must cost $D\ln 2$ nats, not $\ln 2$.
#
# ### Bug 3: KL averaged over the latent dimensions
#
# The same bug on the other term: `kl.mean()`. Now the code is nearly free.
# %%
def cheap_code(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = (
        F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1).mean()
    )
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean()  # BUG: mean over latent dimensions as well
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


logs = case(
    "KL averaged over the latent dimensions",
    cheap_code,
    "Healthy and broken run: with the averaged KL the reconstruction is better than the healthy one and the logged KL is small; the true negative ELBO lies above the "
    "number that the broken code reports.",
)
hidden = final(logs, "true") - final(logs, "reported")
text = "Bug {}: true −ELBO minus reported −ELBO"
claims.add("bug_3", hidden, above=10, unit="nats", whole_interval=True, text=text.format(3))


# %% [markdown]
# **Fingerprint**: reconstructions and a reported "−ELBO" that are better than those of the healthy run, with a KL that is far too small. β is one over the size
# of the code. **Test**: compare the KL with `torch.distributions.kl_divergence(...).sum(-1)`.
#
# ### Bug 4: σ read as log σ²
#
# The encoder's second output is log σ² in the KL, and σ in the draw. Both lines look right when read alone.
# %%
def sigma_or_log_var(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + log_var * torch.randn_like(mean)  # BUG: log σ² used as σ
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


logs = case(
    "σ read as log σ²",
    sigma_or_log_var,
    "Healthy and broken run: the broken log looks like a good training, with a falling loss; measured with the right spread, its held-out negative ELBO ends above what it reports.",
)
hidden = final(logs, "true") - final(logs, "reported")
claims.add("bug_4", hidden, above=10, unit="nats", whole_interval=True, text=text.format(4))


# %% [markdown]
# **Fingerprint**: nothing in the log that alarms, it just looks like a better model with a small KL. That is what makes it dangerous: log σ² = 0 means *no
# noise* in the draw and *no cost* in the KL, so everything can be had for the price of the mean. **Test**: draw 10,000 times, compare the spread with exp(½ log
# σ²).
#
# ### Bug 5: no sampling in training
#
# `z = mean if self.training else sample`: the two branches of an `if` were swapped.
# %%
def no_noise_in_training(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = (
        mean if training else mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    )  # BUG: branches swapped
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


logs = case(
    "no sampling in training",
    no_noise_in_training,
    "Healthy and broken run: the broken training loss ends lower than the healthy one, while its negative ELBO on held-out pictures, with noise, ends higher.",
)
worse = final(logs, "true") - final(healthy, "true")
claims.add("bug_5", worse, above=5, unit="nats", whole_interval=True, text="Bug 5: true −ELBO above healthy")
with torch.no_grad():
    raw = [log["networks"].encode(held_out.floats())[1] for log in logs]
spread = Runs((torch.exp(0.5 * 15 * torch.tanh(r / 15)).median() for r in raw), least=0)
text = "Bug 5: median σ of q(z|x) after training (1 is the prior's)"
claims.add("bug_5_sigma", spread, near=(1.0, 0.15), whole_interval=True, text=text)


# %% [markdown]
# **Fingerprint**: a training loss that is too good, σ at 1 (it costs nothing and is never used), and a test loss that *rises*. **Test**: two calls on the same picture in training mode must give two different numbers.
#
# ### Bug 6: evaluation at the mean
#
# Section 6's mistake, on the other side of the same `if`.
# %%
def mean_in_evaluation(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = (
        mean + torch.exp(0.5 * log_var) * torch.randn_like(mean) if training else mean
    )  # BUG: no draw in evaluation
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


logs = case(
    "evaluation at the mean",
    mean_in_evaluation,
    "Healthy and broken run: the training logs are the same; on held-out pictures the reported negative ELBO ends below the true one.",
)
flat = final(logs, "true") - final(logs, "reported")
text = "Bug 6: true −ELBO minus reported −ELBO"
claims.add("bug_6", flat, above=1, unit="nats", whole_interval=True, text=text)


# %% [markdown]
# **Fingerprint**: the training is fine and the model is fine; only the number is too good, and two evaluations agree to the last digit. **Test**: evaluate twice with two seeds; equal means no draw.
#
# ### Bug 7: pixels of 0 to 255
#
# BCE on gray values is no likelihood (section 2), but it never falls below 0. On bytes it has no lower limit: with $x = 255$ the term
# $-(1 - x)\log(1 - p) = 254\log(1 - p)$ falls forever as $p$ nears 1.
# %%
def bytes_as_pixels(encode, decode, images, training=True):
    x = images.float()  # BUG: not divided by 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


logs = case(
    "pixels of 0 to 255",
    bytes_as_pixels,
    "Healthy and broken run, on a scale that is linear only near zero: with bytes the reconstruction term alone is negative before the first update and keeps falling, by orders of magnitude.",
)
highest = max(final(logs, "reconstruction").values)  # a BCE on [0, 1] cannot be negative
claims.add("bug_7", highest, below=0, unit="nats", text="Bug 7: largest final reconstruction term")


# %% [markdown]
# **Fingerprint**: the reconstruction term itself is negative (in bug 1 only the sum is). **Test**: `assert 0 <= x.min() and x.max() <= 1` where pictures enter; the package's models refuse integers.
#
# ### Bug 8: log σ² not bounded
#
# An encoder may put out anything, and exp overflows beyond 88 in single precision. With a gentle learning rate you may never notice. Here is one that is too high, with a bounded and with an unbounded log σ².
# %%
def unbounded(encode, decode, images, training=True):
    x = images.float() / 255
    mean, log_var = encode(x)  # BUG: log σ² is used as it comes
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    reconstruction = F.binary_cross_entropy_with_logits(decode(z), x, reduction="none").flatten(1).sum(1)
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    return {"loss": (reconstruction + kl).mean(), "reconstruction": reconstruction.mean(), "kl": kl.mean()}


HIGH_RATE = 0.1  # thirty times the rate of the other cells: a stress test, not a setting
tame = [train_with(healthy_loss, seed, HIGH_RATE) for seed in range(N_SEEDS)]
wild = [train_with(unbounded, seed, HIGH_RATE) for seed in range(N_SEEDS)]
show(
    fingerprint(tame[0], wild[0], names=("bounded", "unbounded")),
    alt="Two runs at a learning rate that is far too high: the curves of the bounded loss jump by orders of magnitude and stay finite; those of the unbounded one leap far above them or break off, where their numbers stop being finite.",
)
named["log σ² not bounded"] = diagnose_loss(unbounded).mistake == "log σ² not bounded"


def exploded(logs):
    """How many runs have a KL that is not a number, infinite, or beyond a billion nats, at any epoch."""
    return sum(any(not abs(value) < 1e9 for value in log["kl"]) for log in logs)


print(
    f"runs whose KL exploded: {exploded(tame)} of {N_SEEDS} bounded, {exploded(wild)} of {N_SEEDS} unbounded"
)
text = "Bug 8: runs that exploded with {} log σ²"
claims.add("bug_8_bounded", exploded(tame), below=1, text=text.format("a bounded"))
claims.add("bug_8_unbounded", exploded(wild), above=0, text=text.format("an unbounded"))
claims.add("bugs_named", sum(named.values()), near=(8, 0), text="Bugs named by the loss doctor, of 8")
# %% [markdown]
# **Fingerprint**: a KL that jumps by orders of magnitude within one epoch, then NaN everywhere. **Test**: feed an encoder output of 300 and ask for a finite loss. Bounding log σ² in one place costs nothing, and it does not replace a sane learning rate: the bounded
# run above survives, but look at its curves.
#
# The ninth bug of the gallery needs no curve: **BCE on gray values quoted as a likelihood** (sections 1 and 2). Its test is the integral over [0, 1].
#
# ## Play
#
# Type in somebody's loss. Watch the diamond: what averaging over pixels does, what it does with another picture size, and what happens with pixels in −1 to 1 instead of 0 to 1. Find a KL weight that
# gives β = 1 for a mean squared error on 64 × 64 color pictures. The figure below shows the six famous losses and the first attempt of nearly everybody: mean squared error plus KL.
# %%
from vae_course.widgets import explore_loss_translator

explorer = explore_loss_translator()
# %% [markdown]
# ## What we measured
# %% tags=["hide-input"]
results_table(
    [
        {
            "measure": "cost of a perfectly reconstructed picture under BCE",
            "value": f"{floor:.1f} nats",
            "over": f"{len(test):,} pictures",
        },
        {
            "measure": "squared error, Gaussian with σ = 1 over BCE",
            "value": f"{excess:.2f}",
            "over": f"{N_SEEDS} seeds",
        },
        {
            "measure": "gain of the feature loss, judged by its own critic",
            "value": f"{crit:.2f}",
            "over": f"{N_SEEDS} seeds",
        },
        {
            "measure": "the same, judged by a stranger",
            "value": f"{indep:.2f}",
            "over": f"{N_SEEDS} seeds",
        },
        {
            "measure": "largest over smallest β of six famous losses",
            "value": f"{max(betas) / min(betas):.1f}",
            "over": "exact",
        },
        {
            "measure": "squared error, one pixel to the side over half blank",
            "value": f"{side:.2f} ({side_low:.2f} to {side_high:.2f})",
            "over": f"{len(test):,} pictures",
        },
        {
            "measure": "feature distance, the same",
            "value": f"{last:.2f} ({last_low:.2f} to {last_high:.2f})",
            "over": f"{len(test):,} pictures",
        },
        {
            "measure": "evaluation at the mean flatters by",
            "value": f"{flattery:.1f} nats",
            "over": f"{N_SEEDS} seeds",
        },
        {
            "measure": "σ by the formula",
            "value": f"{formula:.3f}",
            "over": f"{2 * N_SEEDS} runs, two starts",
        },
        {"measure": "bugs named", "value": f"{sum(named.values())} of {len(named)}", "over": "the gallery"},
    ]
)
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `hint` gives one hint at a time, `solution` is folded.
#
# ### Exercise 05.1: read off β (easy)
#
# **Contract**: `beta_of(error, features, error_weight, kl_weight)`: the loss is `error_weight` · (error averaged over batch and pixels) + `kl_weight` · KL (summed over latent dimensions, averaged over the batch). `error` is `"mse"`
# (no ½), `"bce"` or `"l1"`; `features` is pixels times channels. Returns the effective β for the likelihood of unit scale, a number ≥ 0.
# %%
def beta_of(error: str, features: int, error_weight: float, kl_weight: float) -> float:
    """The effective β of error_weight * mean error + kl_weight * KL; error: "mse", "bce" or "l1"."""
    ...


check("05.1", beta_of)
# hint("05.1")  # remove the first # for a hint
# %%
solution("05.1")


# %% [markdown]
# ### Exercise 05.2: what makes cross-entropy a density (medium)
#
# **Contract**: `log_normalizer(logits)`: a float tensor of any shape, logits of λ. Returns $\log C(\lambda) = \log\frac{\operatorname{logit}\lambda}{2\lambda - 1}$ in nats, same shape, exact to 0.001 for every logit from −300 to 300.
# At λ = ½ the formula is 0/0 and the answer log 2.
# %%
def log_normalizer(logits: torch.Tensor) -> torch.Tensor:
    """log C of the continuous Bernoulli, elementwise; same shape as logits, finite from −300 to 300."""
    ...


check("05.2", log_normalizer)
# hint("05.2")  # remove the first # for a hint
# %%
solution("05.2")


# %% [markdown]
# ### Exercise 05.3: the scale that the data ask for (medium)
#
# **Contract**: `best_scale(x, x_hat)`: both `(batch, channel, height, width)` float tensors. Returns the one scale $b$ for all pixels that maximizes the sum of the Laplace log-densities $-|x - \hat x|/b - \log 2b$: a number > 0 in units of pixel values.
# %%
def best_scale(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns the b with the highest Laplace likelihood."""
    ...


check("05.3", best_scale)
# hint("05.3")  # remove the first # for a hint
# %%
solution("05.3")


# %% [markdown]
# ### Exercise 05.4: a reconstruction term that can learn its σ (medium)
#
# **Contract**: `gaussian_nats(x, x_hat, log_sigma)`: `x` and `x_hat` `(batch, channel, height, width)` float tensors, `log_sigma` a tensor with one number, log σ of every pixel. Returns $-\log\mathcal N(x; \hat x, \sigma^2)$ of each example in nats, summed over
# pixels, with all constants, `(batch,)`.
# %%
def gaussian_nats(x: torch.Tensor, x_hat: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns −log N(x; x_hat, σ²) in nats, shape (batch,)."""
    ...


check("05.4", gaussian_nats)
# hint("05.4")  # remove the first # for a hint
# %%
solution("05.4")
# %% [markdown]
# ### Exercise 05.5: name the bug (hard)
#
# Four logs of four broken VAEs, trained on pixels in [0, 1] unless the bug says otherwise.
#
# - **A**: the loss falls below zero in the first epoch and keeps falling; the reconstruction term alone is negative.
# - **B**: the KL is 0.00 from the second epoch on, and every sample looks like the same gray cloud.
# - **C**: the training reconstruction is excellent, σ is near 1 in most dimensions, and the −ELBO with a draw of z is far worse than the training log.
# - **D**: all is well, but the reported −ELBO is several nats lower than in a friend's run of the same weights.
#
# **Contract**: a dict with one code for each: `"sign"` (the KL is subtracted), `"pixels"` (the reconstruction is averaged over the pixels), `"no sampling"` (z is the mean of q during training), `"bytes"` (pixels of 0 to 255),
# `"at the mean"` (only the evaluation uses the mean of q), `"log_var"` (log σ² is not bounded).
# %%
answer_05_5 = {"A": ..., "B": ..., "C": ..., "D": ...}

check("05.5", answer_05_5)
# hint("05.5")  # remove the first # for a hint
# %%
solution("05.5")
# %% [markdown]
# ## Summary
#
# The reconstruction term is a likelihood, and its scale sets the price of the code. BCE on gray values is an expected log-probability of black-and-white
# pictures: it has a floor that no decoder gets under, it does not integrate to 1, and it believes in white when
# it shows light gray. Divide a loss by whatever stands before the nats of the picture, and what stands before the KL is β; for squared errors the same number
# is σ², and the famous ones assume a noise that nobody believes. The formula for σ, the root mean squared error, sets the balance from both starts that were
# tried; Adam's steps on log σ do not arrive in the same number of updates. A feature loss forgives a shift that pixels punish, and is only as good as its
# critic. A loss at the mean is not the ELBO, and it flatters models unequally. And of eight bugs, some leave a log that
# looks better than the healthy one: trust tests, not curves.
#
# ## References
#
# - G. Loaiza-Ganem, J. P. Cunningham: *The continuous Bernoulli: fixing a pervasive error in variational autoencoders*, NeurIPS 2019. Equations 6 and 7.
# - O. Rybkin, K. Daniilidis, S. Levine: *Simple and Effective VAE Training with Calibrated Decoders*, ICML 2021. Section 3 (σ-VAE).
# - T. Salimans et al.: *PixelCNN++*, ICLR 2017. Equation 2 (discretized logistic). D. P. Kingma et al.: *Improving Variational Inference with Inverse Autoregressive Flow*, NIPS 2016.
# - X. Hou et al.: *Deep Feature Consistent Variational Autoencoder*, WACV 2017. A. B. L. Larsen et al.: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016.
# - Z. Wang et al.: *Image Quality Assessment: From Error Visibility to Structural Similarity*, IEEE TIP 2004. Equation 13.
# - M. Heusel et al.: *GANs Trained by a Two Time-Scale Update Rule*, NIPS 2017 (Fréchet distance). M. J. Chong, D. Forsyth: *Effectively Unbiased FID and Inception Score*, CVPR 2020 (its bias).
# - T. Kynkäänniemi et al.: *Improved Precision and Recall Metric for Assessing Generative Models*, NeurIPS 2019.
# - I. Higgins et al.: *β-VAE*, ICLR 2017. The one-pixel shift is taken from P. Lippe's UvA deep learning tutorial 9.
#
# Next: [06 · Handling mode collapse in VAEs](06_Handling_Mode_Collapse_in_VAEs.ipynb)

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
# # Assignment A4 · Beyond the plain VAE
#
# <!-- badge -->
#
# Generators are judged by numbers that are easy to get wrong. Here you write the judges yourself: what is covered, what an adversary minimizes, how far two clouds of features are apart, how well a score tells the odd ones. Then you let them judge (chapters 06, 07, 09 and 11).
#
# About 80 minutes, 20 points. `check` looks at the form of an answer and knows no more; marks, with the name of the mistake, come after you hand in. Only what the contract asks for is graded, not how you do it. Leave the cells with `check(...)` as they are.
#
# The convention of the whole course holds: **nats per example; sum over features and latent dimensions, mean over the batch; `log_var` is log σ²**.
# %% tags=["setup"]
# (generated)
# %%
import math

import matplotlib.pyplot as plt
import torch

from vae_course import VAE, elbo_terms, fit, load, load_classifier, seed_everything
from vae_course.models import GaussianVAE
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider


# %% [markdown]
# ## A4.1 What does the generator leave out? (3 points)
#
# **Contract**: `coverage(probabilities, confidence, least)`: `probabilities` is `(n, classes)`, a judge's answers for n samples. A sample is *sure* when its largest probability is at least `confidence`, and then counts for that class. Returns a dict: `"classes"`, the number of classes with at least
# `least` sure samples; `"sure"`, the share of sure samples; `"kl"`, KL(histogram of the sure samples ‖ uniform), in nats.
# %% question="A4.1" role="answer"
def coverage(probabilities: torch.Tensor, confidence: float, least: int) -> dict[str, float]:
    """probabilities (n, classes). Returns {"classes": a count, "sure": a share, "kl": nats}."""
    ### BEGIN SOLUTION
    best, label = probabilities.max(1)
    sure = best >= confidence
    counts = torch.bincount(label[sure], minlength=probabilities.shape[1]).double()
    share = counts / counts.sum()
    kl = torch.special.xlogy(share, share * len(share)).sum()
    return {"classes": float((counts >= least).sum()), "sure": float(sure.double().mean()), "kl": float(kl)}
    ### END SOLUTION


# %% question="A4.1" role="test" points=3
# hint("A4.1")  # remove the first # for a hint; each call goes one step further
check("A4.1", coverage)


# %% [markdown]
# ## A4.2 Two losses with a hinge (3 points)
#
# Chapter 06 used the cross-entropy of a discriminator. Many GANs use a hinge.
#
# **Contract**: `hinge_losses(real, fake)`: the discriminator's outputs for real and generated samples, `(n,)` and `(m,)`, high for real. The discriminator wants real above 1 and fake below −1 and is content beyond; the generator wants fake high without limit. Returns a dict of two numbers to *minimize*:
# `"catch"` (the discriminator's; mean over the real ones plus mean over the fake ones) and `"fool"` (the generator's).
# %% question="A4.2" role="answer"
def hinge_losses(real: torch.Tensor, fake: torch.Tensor) -> dict[str, torch.Tensor]:
    """real (n,), fake (m,): outputs of the discriminator. Returns {"catch": a number, "fool": a number}."""
    ### BEGIN SOLUTION
    return {"catch": (1 - real).relu().mean() + (1 + fake).relu().mean(), "fool": -fake.mean()}
    ### END SOLUTION


# %% question="A4.2" role="test" points=3
check("A4.2", hinge_losses)


# %% [markdown]
# ## A4.3 A Fréchet distance without matrix roots (3 points)
#
# **Contract**: `frechet_diagonal(a, b)`: features `(n, d)` and `(m, d)`. Returns the squared Fréchet distance of two Gaussians with the features' means and standard deviations and *independent* dimensions: one number, at least 0.
# %% question="A4.3" role="answer"
def frechet_diagonal(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a (n, d), b (m, d). Squared Fréchet distance of two Gaussians with independent dimensions."""
    ### BEGIN SOLUTION
    return ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).sum()
    ### END SOLUTION


# %% question="A4.3" role="test" points=3
check("A4.3", frechet_diagonal)


# %% [markdown]
# ## A4.4 How well do scores tell the odd ones? (3 points)
#
# **Contract**: `auroc(normal, odd)`: anomaly scores of n normal and m odd examples, `(n,)` and `(m,)`; higher should mean odder. Returns the area under the ROC curve: the probability that a random odd example scores higher than a random normal one, where a tie counts one half.
# %% question="A4.4" role="answer"
def auroc(normal: torch.Tensor, odd: torch.Tensor) -> float:
    """normal (n,), odd (m,): scores. Probability that an odd example scores higher; ties count one half."""
    ### BEGIN SOLUTION
    above = (odd[:, None] > normal).double() + 0.5 * (odd[:, None] == normal).double()
    return float(above.mean())
    ### END SOLUTION


# %% question="A4.4" role="test" points=3
check("A4.4", auroc)
# %% [markdown]
# ### Let your judges judge
#
# Not graded. Two quick models and your own functions: a VAE of small digits, and a VAE of clips in which the digits 0 to 4 are spoken. Does the first one cover all classes? Does the −ELBO of the second one tell the digits 5 to 9 from those it knows, and would you have guessed that number?
# %% tags=["ungraded"]
digits, judge = load("digits", "train"), load_classifier("digits")
seed_everything(0)
painter = VAE.for_data(digits, latent_dim=8, hidden_dims=(128, 64))
fit(
    painter,
    digits,
    epochs=15,
    batch_size=50,
    learning_rate=3e-3,
    schedule="linear",
    warmup=0.0,
    kl_warmup=0.0,
    eval_examples=50,
    progress=False,
)
drawn = painter.sample(500, torch.Generator().manual_seed(0))
sounds, unheard = load("spoken_digits_synthetic", "train"), load("spoken_digits_synthetic", "test")
known = sounds.select(sounds.labels < 5)
listener = GaussianVAE.for_data(known, latent_dim=8, hidden_dims=(48,))
fit(
    listener,
    known,
    epochs=8,
    batch_size=64,
    learning_rate=4e-3,
    schedule="linear",
    warmup=0.0,
    kl_warmup=0.0,
    eval_examples=20,
    progress=False,
)
with torch.no_grad():
    cost = elbo_terms(listener, unheard.floats(), torch.Generator().manual_seed(0)).negative_elbo
try:
    print("digits:", coverage(judge.probabilities(drawn), 0.8, 5))
    real = judge.features(load("digits", "test").floats())
    print(
        f"Fréchet distance of the samples (independent dimensions): {float(frechet_diagonal(judge.features(drawn), real)):.1f}"
    )
    print(
        f"sounds: AUROC of −ELBO, digits 5 to 9 against 0 to 4: {auroc(cost[unheard.labels < 5], cost[unheard.labels >= 5]):.2f}"
    )
except Exception as problem:
    print(f"It does not run yet ({type(problem).__name__}: {problem}); finish A4.1 to A4.4 first.")
# %% [markdown]
# ## A4.5 Cover or choose (3 points)
#
# Maximum likelihood minimizes KL(data ‖ model); a GAN's game tends to something closer to KL(model ‖ data). Here both can be computed. Target: three equal humps at −6, 0 and 6, each with standard deviation 0.8. Model: one Gaussian, with two sliders.
#
# **Contract**: a dict with `"forward std"`, the standard deviation that minimizes KL(target ‖ model); `"reverse std"`, the one that minimizes KL(model ‖ target); and `"reverse kl"`, the least KL(model ‖ target), in nats. To within 0.015: the sliders bring you near, a line of algebra the rest of the way.
# %% tags=["ungraded"]
z = torch.linspace(-50, 50, 10001, dtype=torch.float64)
humps = torch.distributions.Normal(torch.tensor([-6.0, 0.0, 6.0], dtype=torch.float64), 0.8)
log_target = torch.logsumexp(humps.log_prob(z[:, None]), dim=1) - math.log(3)


def draw_fit(mean, std):
    """Target and model, with both divergences in the title (nats)."""
    log_model = torch.distributions.Normal(mean, std).log_prob(z)
    forward = (log_target.exp() * (log_target - log_model)).sum() * 0.01
    reverse = (log_model.exp() * (log_model - log_target)).sum() * 0.01
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    axes.plot(z, log_target.exp(), "-", label="target")
    axes.plot(z, log_model.exp(), "--", label="model")
    axes.set_xlim(-12, 12)
    axes.set_ylim(0, 0.55)
    axes.set_xlabel("z")
    axes.set_ylabel("density")
    axes.set_title(f"KL(target ‖ model) {forward:.3f} nats, KL(model ‖ target) {reverse:.3f} nats")
    axes.legend()
    plt.close(figure)
    return figure


divergences = explorer(
    draw_fit,
    {
        "mean": slider("mean", -8.0, 8.0, 0.0, step=0.1),
        "std": slider("standard deviation", 0.3, 8.0, 3.0, step=0.02),
    },
    alt="A target density with three narrow humps far apart, and one wide Gaussian of standard deviation 3 in the middle, which gives little to the outer ones.",
    fast=True,
)
# %% question="A4.5" role="answer"
answer_A4_5 = {"forward std": ..., "reverse std": ..., "reverse kl": ...}
### BEGIN SOLUTION
answer_A4_5 = {"forward std": 4.964, "reverse std": 0.8, "reverse kl": 1.0986}
### END SOLUTION
# %% question="A4.5" role="test" points=3
check("A4.5", answer_A4_5)
# %% [markdown]
# ## A4.6 Four reports, four names (2 points)
#
# Four generators of ten kinds of garments; 2,000 samples each. Fresh pictures have Fréchet distance 3, precision 0.75, recall 0.75 and sharpness 1, and 1 % of them lie nearer to the training set than fresh pictures usually do.
#
# | | Fréchet | precision | recall | classes | sharpness | nearer than fresh | rate of the code (nats) |
# |---|---|---|---|---|---|---|---|
# | model 1 | 61 | 0.88 | 0.21 | 7 | 0.97 | 2 % | no encoder |
# | model 2 | 3 | 0.81 | 0.78 | 10 | 1.00 | 98 % | no encoder |
# | model 3 | 48 | 0.55 | 0.40 | 10 | 0.95 | 1 % | 0.02 |
# | model 4 | 55 | 0.70 | 0.30 | 10 | 0.34 | 0 % | 14 |
#
# **Contract**: a dict with `"model 1"` to `"model 4"`, each one code. **A** mode collapse. **B** posterior collapse. **C** It repeats training pictures. **D** It draws blurry means.
# %% question="A4.6" role="answer"
answer_A4_6 = {"model 1": ..., "model 2": ..., "model 3": ..., "model 4": ...}
### BEGIN SOLUTION
answer_A4_6 = {"model 1": "A", "model 2": "C", "model 3": "B", "model 4": "D"}
### END SOLUTION
# %% question="A4.6" role="test" points=2
check("A4.6", answer_A4_6)
# %% [markdown]
# ## A4.7 In your own words (3 points)
#
# A press release says: "Our VAE-GAN has a Fréchet distance of 12, our old VAE had 55. Therefore it models the data better." In three or four sentences: what does the number show, what does it not show, and which two numbers would you ask for?
# %% [markdown] question="A4.7" role="essay" points=3
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: it compares means and covariances of some classifier's features, of so many samples; a lower value says that samples look more alike to that judge (and depends on n and on the judge). 1 point: it says nothing of the likelihood of held-out data, nor of copies, nor whether a given picture can be
# encoded and rebuilt. 1 point: asks for two fitting numbers, such as held-out −ELBO or reconstruction error, recall or classes covered, distance to the nearest training pictures against fresh ones, an interval over seeds.
# ### END MARK SCHEME

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
# # Assignment A3 · Choose the latent size
#
# <!-- badge -->
#
# How many numbers does a face need? Here somebody knows: the faces of this assignment are drawn from nine independent factors (smile, glasses, hair …). Chapters 03 and 08 chose a latent size for digits, where nobody knows the truth.
#
# About 75 minutes, 20 points. `check` looks at the form of an answer and knows no more; marks, with the name of the mistake, come after you hand in. Only what the contract asks for is graded, not how you do it. Leave the cells with `check(...)` as they are.
#
# The convention of the whole course holds: **nats per example; sum over features and latent dimensions, mean over the batch; `log_var` is log σ²**.
# %% tags=["setup"]
# (generated)
# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

from vae_course import FACTORS, VAE, ImageData, evaluate, fit, load, load_one_model, seed_everything
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider


def small(faces):
    """The same faces at 16 × 16 pixels, so that a model trains in seconds."""
    pixels = F.avg_pool2d(faces.floats(), 4)
    return ImageData("small faces", faces.split, (255 * pixels).round().to(torch.uint8), None, ())


faces = load("faces_synthetic", "train", subset=1500), load("faces_synthetic", "validation", subset=500)
train, held_out = small(faces[0]), small(faces[1])
figure, axes = plt.subplots(1, 6, figsize=(7, 1.4), layout="constrained")
for ax, picture in zip(axes, train.floats()[:6], strict=True):
    ax.imshow(picture.permute(1, 2, 0))
    ax.axis("off")
plt.show()
print("factors:", ", ".join(FACTORS))


# %% [markdown]
# ## A3.1 Dimensions that carry something (3 points)
#
# Chapter 04's count of *active* units lets a dimension pass with a few hundredths of a nat. Count what is paid instead.
#
# **Contract**: `carrying(mean, log_var, threshold)`: `mean` and `log_var` are `(n, latent)`, q(z|x) of n pictures. Returns the number of latent dimensions whose KL to the prior, averaged over the pictures, is above the threshold (nats).
# %% question="A3.1" role="answer"
def carrying(mean: torch.Tensor, log_var: torch.Tensor, threshold: float) -> int:
    """mean, log_var: (n, latent). Returns how many dimensions carry more than threshold nats on average."""
    ### BEGIN SOLUTION
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    return int((kl.mean(0) > threshold).sum())
    ### END SOLUTION


# %% question="A3.1" role="test" points=3
# hint("A3.1")  # remove the first # for a hint; each call goes one step further
check("A3.1", carrying)


# %% [markdown]
# ## A3.2 Silence all but k dimensions (3 points)
#
# **Contract**: `truncate(mean, log_var, k)`: the k dimensions with the largest mean KL stay as they are; every other dimension becomes the prior, for all pictures. Returns a dict with `"mean"` and `"log_var"`, both `(n, latent)`, dimensions in their old order.
# %% question="A3.2" role="answer"
def truncate(mean: torch.Tensor, log_var: torch.Tensor, k: int) -> dict[str, torch.Tensor]:
    """mean, log_var: (n, latent). Returns {"mean", "log_var"} with all but k dimensions set to the prior."""
    ### BEGIN SOLUTION
    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    keep = torch.zeros(mean.shape[1], dtype=torch.bool)
    keep[kl.mean(0).topk(k).indices] = True
    return {"mean": torch.where(keep, mean, 0.0), "log_var": torch.where(keep, log_var, 0.0)}
    ### END SOLUTION


# %% question="A3.2" role="test" points=3
check("A3.2", truncate)


# %% [markdown]
# ## A3.3 Can the factor be read off the code? (4 points)
#
# **Contract**: `readable(train_codes, train_factor, codes, factor)`: float tensors `(n, latent)`, `(n,)`, `(m, latent)`, `(m,)`. Fit a linear regression *with an intercept* from codes to the factor by least squares on the training rows. Returns its R² on the other rows:
# 1 − mean squared error / variance of their factor.
# %% question="A3.3" role="answer"
def readable(
    train_codes: torch.Tensor, train_factor: torch.Tensor, codes: torch.Tensor, factor: torch.Tensor
) -> float:
    """(n, latent), (n,), (m, latent), (m,). R² on the second set of a regression fitted to the first."""
    ### BEGIN SOLUTION
    ones = lambda rows: torch.cat([rows, torch.ones(len(rows), 1)], dim=1)  # noqa: E731
    weights = torch.linalg.lstsq(ones(train_codes), train_factor[:, None]).solution
    guess = (ones(codes) @ weights)[:, 0]
    return 1 - ((factor - guess) ** 2).mean() / factor.var(correction=0)
    ### END SOLUTION


# %% question="A3.3" role="test" points=4
check("A3.3", readable)
# %% [markdown]
# ### How many numbers does a face need?
#
# Not graded. One model with 20 dimensions, and your own functions. How many dimensions carry more than 0.1 nats, and which of the nine factors can be read?
# %% tags=["ungraded"]
seed_everything(0)
model = VAE.for_data(train, latent_dim=20, hidden_dims=(128, 64), likelihood="gaussian_learned")
fit(
    model, train, epochs=25, batch_size=50, learning_rate=3e-3, schedule="linear", warmup=0.0,
    kl_warmup=0.5, eval_examples=50, progress=False,
)  # fmt: skip
with torch.no_grad():
    seen, unseen = model.encode(train.floats()), model.encode(held_out.floats())
print(f"held out: rate {evaluate(model, held_out).kl} nats")
try:
    print(f"dimensions with more than 0.1 nats: {carrying(unseen.mean, unseen.log_var, 0.1)} of 20")
    for name in FACTORS:
        score = readable(seen.mean, faces[0].factor(name), unseen.mean, faces[1].factor(name))
        print(f"{name:>12}: R² {float(score):.2f}")
except Exception as problem:
    print(f"It does not run yet ({type(problem).__name__}: {problem}); finish A3.1 to A3.3 first.")


# %% [markdown]
# ## A3.4 The smallest model that is good enough (4 points)
#
# **Contract**: `choose_setting(table, tolerance)`: `table` is a dict, (latent size, β) → list of held-out −ELBO in nats, one for each seed. Of the settings whose *mean* is at most `tolerance` above the lowest mean, returns the one with the smallest latent size, and among those of that size the one with the largest β: `(size, β)`.
# %% question="A3.4" role="answer"
def choose_setting(table: dict, tolerance: float) -> tuple[int, float]:
    """table: (latent size, β) → −ELBO of each seed, nats. Returns one of the keys."""
    ### BEGIN SOLUTION
    mean = {setting: sum(losses) / len(losses) for setting, losses in table.items()}
    limit = min(mean.values()) + tolerance
    good = [setting for setting, loss in mean.items() if loss <= limit]
    return min(good, key=lambda setting: (setting[0], -setting[1]))
    ### END SOLUTION


# %% question="A3.4" role="test" points=4
check("A3.4", choose_setting)
# %% [markdown]
# ## A3.5 Two sliders (3 points)
#
# One model that was trained for all latent sizes and all β at once (chapters 04 and 08), on small digits. Move both sliders and read the numbers in the title.
#
# **Contract**: a dict with `"a"` to `"d"`, each `"yes"` or `"no"`:
# - **a** At β = 8, going from 8 to 32 dimensions changes the rate by less than 1 nat.
# - **b** At β = 0.25, going from 8 to 32 dimensions changes the rate by less than 1 nat.
# - **c** At 2 dimensions, the distortion at β = 0.25 is within 10 nats of that at β = 1.
# - **d** The −ELBO (distortion + rate) at 32 dimensions is lower for β = 8 than for β = 1.
# %% tags=["ungraded"]
digits = load("digits", "test")
every_setting = load_one_model("digits")


def draw_setting(power, latent_dim):
    """Six digits, their reconstructions, and the two terms, at β = 2 to the given power."""
    beta = 2.0**power
    one = every_setting.at(beta, latent_dim)
    measured = evaluate(one, digits)
    shown = torch.cat([digits.floats()[:6], one.reconstruct(digits.floats()[:6])])
    figure, axes = plt.subplots(2, 6, figsize=(6, 2.4), layout="constrained")
    for ax, picture in zip(axes.flat, shown, strict=True):
        ax.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
        ax.axis("off")
    distortion, rate = measured.reconstruction.value, measured.kl.value
    figure.suptitle(
        f"β = {beta:g}, {latent_dim} dimensions: distortion {distortion:.1f}, rate {rate:.1f} nats"
    )
    plt.close(figure)
    return figure


settings = explorer(
    draw_setting,
    {"power": slider("β is 2 to the power of", -2, 3, 0), "latent_dim": slider("latent size", 2, 32, 8)},
    alt="Six small digits in the upper row, their reconstructions in the lower one, at β = 1 and eight latent dimensions.",
)
# %% question="A3.5" role="answer"
answer_A3_5 = {"a": ..., "b": ..., "c": ..., "d": ...}
### BEGIN SOLUTION
answer_A3_5 = {"a": "yes", "b": "no", "c": "yes", "d": "no"}
### END SOLUTION
# %% question="A3.5" role="test" points=3
check("A3.5", answer_A3_5)
# %% [markdown]
# ## A3.6 In your own words (3 points)
#
# The faces have nine factors, and your model of 20 dimensions may use another number of them. In three or four sentences: give one reason why it could use *fewer* than nine, one reason why it could use *more*, and say what you would measure to tell which reason it is.
# %% [markdown] question="A3.6" role="essay" points=3
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: fewer, because a factor changes few pixels (its variance lies under the water level β σ²), so that coding it costs more than it brings. 1 point: more, because a factor changes the picture in a non-linear way (position, turning), which one Gaussian dimension codes badly. 1 point: a measurement,
# such as R² of each factor, the rate with a larger code or a smaller β, or the error left when one factor is varied alone. Naming "overfitting" without a measurement earns nothing.
# ### END MARK SCHEME

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
# # Deeper · The bug gallery
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Eight bugs that are easy to write, each trained beside a healthy loss: the broken line, the fingerprint that it leaves in the curves (or does not), and the test that names it. Some logs look better than the healthy one.
#
# ## Objectives
#
# After this notebook you can
#
# 1. **recognize** bugs of a VAE's loss by their curves;
# 2. **say** which of them no training log shows;
# 3. **write** the one-line test that catches each.
#
# You need chapter 05 and its exercise 05.4, the loss without a bug.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
LATENT_DIM = 16  # size of the code z, 2 to 64
HIDDEN = 64  # width of the one hidden layer of encoder and decoder, 16 or more
EXAMPLES = 2000  # training digits, 300 or more
EPOCHS = 8  # passes through them, 2 or more
N_SEEDS = 3  # runs of each loss, 2 or more: intervals are 95 % t-intervals over them
# %%
import torch
from torch import nn
from torch.nn import functional as F

from vae_course import Runs, load, seed_everything
from vae_course.exercises import diagnose_loss
from vae_course.plots import fingerprint
from vae_course.teaching import Claims, check, check_parameters, hint, show, solution

least = dict(LATENT_DIM=2, HIDDEN=16, EXAMPLES=300, EPOCHS=2, N_SEEDS=2)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("Bug_Gallery", parameters)
DATASET = "digits" if OFFLINE else "mnist"
gallery = load(DATASET, "train").subset(EXAMPLES, seed=0)
held_out = load(DATASET, "validation").subset(300, seed=0)
watched = gallery.subset(300, seed=0)


# %% [markdown]
# ## The healthy loss
#
# It takes bytes, an encoder that puts out the mean and the raw log σ² (`15 * torch.tanh(raw / 15)` keeps it between −15 and 15; bug 8 says why), and a decoder that puts out logits. It returns three numbers for a training log. Below, only the line with a bug
# differs from it.
# %%
def gaussian_kl(mean, log_var):
    return 0.5 * (mean**2 + log_var.exp() - 1 - log_var)  # of each dimension


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1)  # of each pixel


def log_of(reconstruction, kl):
    reconstruction, kl = reconstruction.mean(), kl.mean()
    return {"loss": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}


def healthy_loss(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


class SmallNetworks(nn.Module):
    """One hidden layer each way; the decoder starts at the mean picture, as in chapter 02."""

    def __init__(self):
        super().__init__()
        into, out = nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, 784)
        self.encoder = nn.Sequential(nn.Flatten(), into, nn.GELU(), nn.Linear(HIDDEN, 2 * LATENT_DIM))
        self.decoder = nn.Sequential(
            nn.Linear(LATENT_DIM, HIDDEN), nn.GELU(), out, nn.Unflatten(1, (1, 28, 28))
        )
        self.offset = torch.logit(gallery.floats().mean(0).clamp(1e-3, 1 - 1e-3))

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=-1)

    def decode(self, z):
        return self.decoder(z) + self.offset


# %%
def numbers(loss, networks, data, training):
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        seed_everything(0)
        found = loss(networks.encode, networks.decode, data.images, training)
    return {name: value.item() for name, value in found.items()}


def train_with(loss, seed, learning_rate=3e-3):
    """Train with a loss, healthy or not: its own log, what its evaluation reports, and the truth."""
    seed_everything(seed)
    networks = SmallNetworks()
    adam = torch.optim.Adam(networks.parameters(), lr=learning_rate)
    log = {name: [] for name in ("loss", "reconstruction", "kl", "reported", "true")}
    for epoch in range(EPOCHS + 1):
        for index in torch.randperm(len(gallery)).split(64) if epoch else ():
            adam.zero_grad()
            loss(networks.encode, networks.decode, gallery.images[index], True)["loss"].backward()
            adam.step()
        for name, value in numbers(loss, networks, watched, True).items():
            log[name].append(value)
        log["reported"].append(numbers(loss, networks, held_out, False)["loss"])
        log["true"].append(numbers(healthy_loss, networks, held_out, False)["loss"])
    return log | {"networks": networks}


# %%
def final(logs, name):
    """The last value of a log, over the seeds."""
    return Runs(log[name][-1] for log in logs)


healthy = [train_with(healthy_loss, seed) for seed in range(N_SEEDS)]
print(f"healthy: held-out −ELBO {final(healthy, 'true'):.1f} nats")
named = {"none": diagnose_loss(healthy_loss).correct}


def case(bug, loss, alt, title):
    """Train the broken loss, draw its fingerprint, and ask the doctor."""
    logs = [train_with(loss, seed) for seed in range(N_SEEDS)]
    show(fingerprint(healthy[0], logs[0]), alt=alt, title=title)
    named[bug] = diagnose_loss(loss).mistake == bug
    return logs


# %% [markdown]
# The doctor runs a loss on networks whose outputs it knows: it looks at the numbers, at the spread of $z$, and at what happens when log σ² is wild. You can send it any loss with this signature. The runs are short, for curves of bugs: nothing here is said about good models.
#
# ## Bug 1: KL with the wrong sign
#
# "The ELBO has a minus before the KL", so somebody subtracts it from the loss, too.
# %%
def wrong_sign(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    log = log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))
    return log | {"loss": log["reconstruction"] - log["kl"]}  # BUG: minus


logs = case(
    "KL with the wrong sign",
    wrong_sign,
    "Training log and held-out negative ELBO, healthy and with the KL subtracted: the broken loss falls far below zero while "
    "its KL explodes; its reconstruction jumps up and ends above the healthy one; the true negative ELBO rises.",
    "The loss falls on and on because the KL, which is subtracted, grows",
)
highest = max(final(logs, "loss").values)  # a −ELBO of pixels cannot be negative
claims.add("sign", highest, below=0, unit="nats", text="Bug 1: largest final training loss")


# %% [markdown]
# **Fingerprint**: a loss below zero, falling on and on. **Test**: KL ≥ 0 and loss = reconstruction + KL, asserted at every step.
#
# ## Bug 2: reconstruction averaged over the pixels
#
# `F.binary_cross_entropy_with_logits(logits, x)` averages over everything by default; the KL is summed over the latent dimensions. In chapter 05's terms, β is 784.
# %%
def mean_and_sum(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return log_of(bce(decode(z), x).mean(1), gaussian_kl(mean, log_var).sum(1))  # BUG: mean over pixels


logs = case(
    "reconstruction averaged over the pixels",
    mean_and_sum,
    "Healthy and broken run: with the averaged reconstruction the logged loss is near zero and the KL stays at zero; the "
    "true negative ELBO hardly falls and ends far above the healthy one.",
    "A tiny loss, and a code that says nothing",
)
highest = max(final(logs, "kl").values)
claims.add("pixels", highest, below=0.5, unit="nats", text="Bug 2: largest final KL")


# %% [markdown]
# **Fingerprint**: a loss under 1, KL at 0, all samples alike: posterior collapse made by arithmetic. **Test**: a decoder that says $p = \tfrac12$ everywhere must cost $D\ln 2$ nats, not $\ln 2$.
#
# ## Bug 3: KL averaged over the latent dimensions
#
# The same bug on the other term: β is one over the size of the code.
# %%
def cheap_code(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).mean(1))  # BUG: mean over dimensions


logs = case(
    "KL averaged over the latent dimensions",
    cheap_code,
    "Healthy and broken run: with the averaged KL the reconstruction is better than the healthy one and the logged KL is "
    "small; the true negative ELBO lies far above the number that the broken code reports, and above the healthy one.",
    "A log that is better than the healthy one, and false",
)
hidden = final(logs, "true") - final(logs, "reported")
claims.add(
    "latent", hidden, above=10, unit="nats", whole_interval=True, text="Bug 3: true minus reported −ELBO"
)


# %% [markdown]
# **Fingerprint**: a reported −ELBO better than healthy ({{latent}} too good), with a KL that is far too small. **Test**: compare the KL with `torch.distributions.kl_divergence(...).sum(-1)`.
#
# ## Bug 4: log σ² read as σ
#
# The encoder's second output is log σ² in the KL, and σ in the draw. Both lines look right when read alone.
# %%
def log_var_as_sigma(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + log_var * torch.randn_like(mean)  # BUG: log σ² used as σ
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


logs = case(
    "log σ² read as σ",
    log_var_as_sigma,
    "Healthy and broken run: the broken log looks like a good training, with a falling loss and a small KL; measured with the "
    "right spread, its held-out negative ELBO soon rises, and ends far above what it reports.",
    "Nothing in the log alarms: log σ² = 0 costs nothing, and here it means no noise",
)
hidden = final(logs, "true") - final(logs, "reported")
claims.add(
    "sigma", hidden, above=10, unit="nats", whole_interval=True, text="Bug 4: true minus reported −ELBO"
)


# %% [markdown]
# **Fingerprint**: none; it looks like a better model with a small KL ({{sigma}} too good). log σ² = 0 means *no noise* in the draw and *no cost* in the KL, so everything can be had for the price of the mean. **Test**: draw 10,000 times, compare the spread with exp(½ log σ²).
#
# ## Bug 5: no sampling in training
#
# `z = mean if training else draw`: the two branches of an `if` were swapped.
# %%
def no_noise_in_training(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    draw = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    z = mean if training else draw  # BUG: branches swapped
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


logs = case(
    "no sampling in training",
    no_noise_in_training,
    "Healthy and broken run: the broken training loss ends lower than the healthy one, while its negative ELBO on held-out "
    "digits, with noise, falls at first, then rises far above the healthy one.",
    "The training loss is too good, and the test loss with a draw is bad",
)
worse = final(logs, "true") - final(healthy, "true")
claims.add("noise", worse, above=5, unit="nats", whole_interval=True, text="Bug 5: true −ELBO above healthy")
with torch.no_grad():
    raw = [log["networks"].encode(held_out.floats())[1] for log in logs]
spread = Runs((torch.exp(0.5 * 15 * torch.tanh(r / 15)).median() for r in raw), least=0)
claims.add("spread", spread, near=(1.0, 0.15), text="Bug 5: median σ of q(z|x) after training")


# %% [markdown]
# **Fingerprint**: a training loss that is too good, σ near 1 (it costs nothing and is never used; median {{spread}}), and a test loss that rises. **Test**: two calls on the same picture in training mode must give two different numbers.
#
# ## Bug 6: evaluation at the mean
#
# Chapter 02 met it: the other side of the same `if`.
# %%
def mean_in_evaluation(encode, decode, images, training=True):
    x = images.float() / 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    draw = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    z = draw if training else mean  # BUG: no draw in evaluation
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


logs = case(
    "evaluation at the mean",
    mean_in_evaluation,
    "Healthy and broken run: the training logs are the same; on held-out digits the reported negative ELBO ends below the "
    "true one.",
    "The model is fine; only the number is too good",
)
flat = final(logs, "true") - final(logs, "reported")
claims.add("mean", flat, above=0, unit="nats", whole_interval=True, text="Bug 6: true minus reported −ELBO")


# %% [markdown]
# **Fingerprint**: a number that is too good by {{mean}}, and two evaluations that agree to the last digit. **Test**: evaluate twice with two seeds; equal means no draw.
#
# ## Bug 7: pixels of 0 to 255
#
# BCE never falls below 0 on [0, 1]. On bytes it has no lower limit: with $x = 255$ the term $-(1 - x)\log(1 - p) = 254\log(1 - p)$ falls forever as $p$ nears 1.
# %%
def bytes_as_pixels(encode, decode, images, training=True):
    x = images.float()  # BUG: not divided by 255
    mean, raw = encode(x)
    log_var = 15 * torch.tanh(raw / 15)
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


logs = case(
    "pixels of 0 to 255",
    bytes_as_pixels,
    "Healthy and broken run, on a scale that is linear only near zero: with bytes the reconstruction term alone is negative "
    "from the first epoch on and keeps falling, by orders of magnitude; the KL and the true negative ELBO grow, too.",
    "The reconstruction term itself is negative (in bug 1 only the sum is)",
)
highest = max(final(logs, "reconstruction").values)
claims.add("bytes", highest, below=0, unit="nats", text="Bug 7: largest final reconstruction term")


# %% [markdown]
# **Fingerprint**: a negative reconstruction term. **Test**: `assert 0 <= x.min() and x.max() <= 1` where pictures enter; the package's models refuse integers.
#
# ## Bug 8: log σ² not bounded
#
# An encoder may put out anything, and exp overflows beyond 88 in single precision. With a gentle learning rate you may never notice. Here is one that is far too high: a stress test, not a setting.
# %%
def unbounded(encode, decode, images, training=True):
    x = images.float() / 255
    mean, log_var = encode(x)  # BUG: log σ² is used as it comes
    z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
    return log_of(bce(decode(z), x).sum(1), gaussian_kl(mean, log_var).sum(1))


tame = [train_with(healthy_loss, seed, 0.1) for seed in range(N_SEEDS)]
wild = [train_with(unbounded, seed, 0.1) for seed in range(N_SEEDS)]
show(
    fingerprint(tame[0], wild[0], names=("bounded", "unbounded")),
    alt="Two runs at a learning rate that is far too high, with a bounded and an unbounded log σ²: the loss and the KL of both "
    "jump up by orders of magnitude; then the bounded run settles, and the unbounded one goes on jumping.",
    title="At a wild learning rate both jump: a jump does not name this bug",
)
named["log σ² not bounded"] = diagnose_loss(unbounded).mistake == "log σ² not bounded"
x, out = held_out.images[:2], torch.zeros(2, 784).view(2, 1, 28, 28)
feed = (lambda x: (torch.zeros(len(x), 2), torch.full((len(x), 2), 300.0))), (lambda z: out)
finite = [bool(torch.isfinite(loss(*feed, x)["loss"])) for loss in (healthy_loss, unbounded)]
claims.add(
    "bounded",
    finite[0] - finite[1],
    near=(1, 0),
    exact=True,
    text="Bug 8: finite at a log σ² of 300, bounded minus not",
)
exploded = sum(any(not abs(value) < 1e9 for value in log["kl"]) for log in wild)
claims.note("exploded", exploded)
claims.add("named", sum(named.values()), near=(9, 0), text="Verdicts of the doctor that are right, of 9")


# %% [markdown]
# **Fingerprint**: none that you can count on. Both runs jump by orders of magnitude; of three unbounded ones, {{exploded}} went beyond a billion nats. One that meets an overflow ends in NaN. **Test**: feed an encoder output of 300 and ask for a finite loss. A bound is cheap, but does not replace a sane learning rate.
#
# ## A ninth bug, which needs no curve
#
# Somebody writes a loss without choosing its noise: mean absolute error + KL, say. It means a Laplace density with *some* scale $b$ (chapter 05). The test is to ask the data which $b$ fits.
#
# **Your turn (05.6).** From pictures and reconstructions, `(batch, channel, height, width)`, to the one scale $b$ for all pixels that maximizes the sum of the Laplace log-densities $-|x - \hat x|/b - \log 2b$.
# %%
def best_scale(x: torch.Tensor, x_hat: torch.Tensor) -> torch.Tensor:
    """x, x_hat: (batch, channel, height, width). Returns the b with the highest Laplace likelihood."""
    ...


check("05.6", best_scale)
# hint("05.6")  # remove the first # for a hint, again for the next one
solution("05.6")
# %% [markdown]
# ## What you can say now
#
# - Four of the eight bugs (3 to 6) log a number that is too good and still looks possible. Trust tests, not curves.
# - Each has a test of one line: a known decoder, a known spread, a known sum, a range.
#
# ## References
#
# - D. P. Kingma, M. Welling: *Auto-Encoding Variational Bayes*, ICLR 2014. Appendix B.
# - pytorch/examples, pull request 419 (evaluation at the mean).
#
# Back to [05 · Reconstruction loss and image quality](../05_Reconstruction_Loss_and_Image_Quality.ipynb)
# %%
claims.report()

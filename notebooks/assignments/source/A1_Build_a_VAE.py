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
# # Assignment A1 · Build a VAE
#
# <!-- badge -->
#
# You build a VAE from nothing but layers: a prior that has no closed-form KL, the bound, the training loop, the measurement. It learns eight letters that are yours alone.
#
# About 110 minutes, 20 points. Nothing is trained for longer than a minute. You hand in this notebook and the two files that it writes.
#
# - `check` looks at form and properties. **It does not know the answers, and gives no marks.** Those come after you hand in, from your functions on other numbers, and from your weights on letters that you do not have.
# - The convention of the course holds: **nats per example; sum over pixels and latent dimensions, mean over the batch; `log_var` is log σ²**.
# - Package code you may use: what this notebook imports. The rest you write.
# %% tags=["setup"]
# (generated)
# %% [markdown]
# Write the number that your lecturer gave you. It decides which letters are yours, and one more number below.
# %% tags=["parameters"]
STUDENT = 0
# %% tags=["imports"]
import math

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from vae_course.exercises import assignment_1
from vae_course.teaching import check, hint

# %%
mine = assignment_1.task(STUDENT)
print(f"your letters: {' '.join(mine.letters)}; your K: {mine.draws}")
print(f"{len(mine.train)} pictures to train on, {len(mine.held_out)} held out, 16 × 16 pixels, each 0 or 1")
figure, axes = plt.subplots(figsize=(7, 1.6), layout="constrained")
axes.imshow(torch.cat(list(mine.train[:16].view(-1, 16, 16)), dim=1), cmap="gray_r")
axes.axis("off")
plt.show()


# %% [markdown]
# ## A1.1 A prior with centers (2 points)
#
# Eight kinds of letters, and a prior with one hump: chapters 01 to 04 left it at that. Yours has $C$ humps, whose centers and common width are **learned** with the rest:
#
# $$p(z) = \frac1C \sum_{c=1}^{C} \mathcal N(z;\, m_c,\, s^2 I)$$
#
# **Contract**: `log_prior(z, centers, log_std)`: `z` is `(n, batch, k)`, `centers` is `(C, k)`, `log_std` a tensor with one number, $\log s$. Returns $\log p(z)$ in nats, `(n, batch)`; finite for every finite `z`. Gradients reach all three.
# %% question="A1.1" role="answer"
def log_prior(z: torch.Tensor, centers: torch.Tensor, log_std: torch.Tensor) -> torch.Tensor:
    """z (n, batch, k), centers (C, k), log_std (): log p(z) of an equal mixture, (n, batch), nats."""
    ### BEGIN SOLUTION
    away = ((z[..., None, :] - centers) / log_std.exp()) ** 2
    each = -0.5 * (away + math.log(2 * math.pi)).sum(-1) - centers.shape[1] * log_std
    return torch.logsumexp(each, -1) - math.log(len(centers))
    ### END SOLUTION


# %% question="A1.1" role="test" points=2
# hint("A1.1")  # remove the first # for a hint; each call goes one step further
check("A1.1", log_prior)


# %% [markdown]
# ## A1.2 One weight for each draw (3 points)
#
# With this prior the KL term has no closed form. Everything can be had from one quantity for each draw $z \sim q(z|x)$:
#
# $$\log w = \log p(x|z) + \log p(z) - \log q(z|x)$$
#
# Its mean over draws is the ELBO; the logarithm of the mean of $K$ weights is the importance-weighted bound.
#
# **Contract**: `log_weights(x, logits, z, mean, log_var, log_p_z)`: `x` is `(batch, D)`, zeros and ones; `logits` is `(n, batch, D)`, of Bernoulli pixels; `z` is `(n, batch, k)`; `mean` and `log_var` are `(batch, k)`, of $q(z|x)$; `log_p_z` is `(n, batch)`. Returns $\log w$ in nats, `(n, batch)`;
# finite for logits up to ±1000. Gradients reach everything but `x`.
# %% question="A1.2" role="answer"
def log_weights(x, logits, z, mean, log_var, log_p_z) -> torch.Tensor:
    """log p(x|z) + log p(z) − log q(z|x) of every draw, (n, batch), nats."""
    ### BEGIN SOLUTION
    target = x.expand(logits.shape)
    log_p_x = -F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)
    log_q = -0.5 * ((z - mean) ** 2 / log_var.exp() + log_var + math.log(2 * math.pi)).sum(-1)
    return log_p_x + log_p_z - log_q
    ### END SOLUTION


# %% question="A1.2" role="test" points=3
check("A1.2", log_weights)


# %% [markdown]
# ## A1.3 Train it (6 points)
#
# Write the networks, the draws, the training loop. Layers are linear, with one activation between them; sizes, latent size `k`, number of centers, optimizer and length are yours to choose. Record the mean −ELBO on the held-out pictures at least ten times while it trains: you need it in A1.5.
#
# Save it as the next cell says. Marked is the −ELBO on fresh pictures of your letters, in typefaces that nobody trained on, measured by the lecturer's code with fresh draws:
#
# | points | on the fresh pictures, your −ELBO lies |
# |---|---|
# | 1 | below that of a model that knows only the mean of each pixel |
# | 3 | below that of a mixture of eight such models, one for each letter |
# | 5 | 5 nats or more below that mixture |
# | 6 | 7 nats or more below it |
#
# The first two you can compute yourself: the letters of one typeface stand together, in order, so row `i` of `mine.train` shows letter number `i % 8`. A file that does better than any VAE of this kind can is read by a person.
#
# **Contract**: a file with a dict: `"encoder"` and `"decoder"`, each the `state_dict()` of an `nn.Sequential` of `nn.Linear` layers with the activation between them (256 → 2k, the mean before log σ²; k → 256); `"activation"`, one of `"relu"`, `"gelu"`, `"silu"`, `"tanh"`; `"centers"`, `(C, k)`; `"log_std"`, one number as a tensor.
# %% question="A1.3" role="answer" tags=["train"]
answer_A1_3 = "A1_weights.pt"
# networks, optimizer, loop; then
# torch.save({"encoder": encoder.state_dict(), ..., "centers": centers.detach(), ...}, answer_A1_3)
### BEGIN SOLUTION
torch.manual_seed(0)
k, width = 8, 128
encoder = nn.Sequential(nn.Linear(256, width), nn.ReLU(), nn.Linear(width, 2 * k))
decoder = nn.Sequential(nn.Linear(k, width), nn.ReLU(), nn.Linear(width, 256))
centers, log_std = nn.Parameter(torch.randn(8, k)), nn.Parameter(torch.zeros(()))
parameters = [*encoder.parameters(), *decoder.parameters(), centers, log_std]
optimizer = torch.optim.Adam(parameters, lr=4e-3)


def weights_of(x, n):
    """log w of n draws for each picture, (n, batch)."""
    mean, log_var = encoder(x).chunk(2, dim=-1)
    z = mean + (log_var / 2).exp() * torch.randn(n, *mean.shape)
    return log_weights(x, decoder(z), z, mean, log_var, log_prior(z, centers, log_std))


curve = []
for epoch in range(24):
    for group in optimizer.param_groups:
        group["lr"] = 4e-3 * (1 - epoch / 24)
    for rows in torch.randperm(len(mine.train)).split(64):
        loss = -weights_of(mine.train[rows], 1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        sizes = len(mine.held_out)
        curve.append([-weights_of(x, 4).mean().item() for x in (mine.train[:sizes], mine.held_out)])
parts = {"encoder": encoder.state_dict(), "decoder": decoder.state_dict(), "activation": "relu"}
torch.save({**parts, "centers": centers.detach(), "log_std": log_std.detach()}, answer_A1_3)
### END SOLUTION
# %% question="A1.3" role="test" points=6
check("A1.3", answer_A1_3)


# %% [markdown]
# ## A1.4 What did you build? (3 points)
#
# Three numbers of the model in your file, on your **held-out** pictures. They are compared with what the lecturer's code finds for the same file, to within 0.4 nats and one center.
#
# **Contract**: a second file, with a dict. `"elbo"`: the mean −ELBO, nats, from at least 20 draws for each picture. `"iwae"`: the mean of $-\log \frac1K \sum_{i=1}^K w_i$, nats, with **your K**. `"centers"`: how many of the centers are the nearest one to the posterior mean of at least 2 % of the pictures.
# %% question="A1.4" role="answer" tags=["train"]
answer_A1_4 = "A1_report.pt"
# measure; then torch.save({"elbo": ..., "iwae": ..., "centers": ...}, answer_A1_4)
### BEGIN SOLUTION
with torch.no_grad():
    w = torch.cat([weights_of(x, mine.draws) for x in mine.held_out.split(50)], dim=1)
    bound = torch.logsumexp(w, 0) - math.log(mine.draws)
    nearest = torch.cdist(encoder(mine.held_out)[:, :k], centers).argmin(1)
share = torch.bincount(nearest, minlength=len(centers)) / len(nearest)
report = {"elbo": -w.mean().item(), "iwae": -bound.mean().item(), "centers": int((share >= 0.02).sum())}
print(report)
torch.save(report, answer_A1_4)
### END SOLUTION
# %% question="A1.4" role="test" points=3
check("A1.4", answer_A1_4)


# %% [markdown]
# ## A1.5 One figure (3 points)
#
# Draw it in the next cell, and write under it, in one or two sentences, what it shows. The figure: held-out −ELBO against the number of updates, the two models of A1.3's table as horizontal lines, and beside it sixteen samples of your model, not chosen by hand. A stranger must be able to read it.
# %% tags=["train"]
# your figure
# %% [markdown] question="A1.5" role="essay" points=3
# *Write your one or two sentences here.*
#
# ### BEGIN MARK SCHEME
# The figure and its sentences, read by you. 1 point: axes with names and units, curves that can be told apart, the curve recorded at least ten times. 1 point: both horizontal lines, and samples that are really the model's (a center first, then the width s; not N(0, I)). 1 point: the sentences say
# what the curve does at its end (flat, still falling, or rising on held-out pictures) and name one fault of the samples. No point for "the loss decreases".
# ### END MARK SCHEME
# %% [markdown]
# ## A1.6 Defend it (3 points)
#
# In four or five sentences, with **your** numbers of A1.4. Somebody says: "The importance-weighted bound is lower by so many nats, so you should report that; and with more centers your model would be better still." What does the difference of your two numbers measure? What would you change to make it smaller, and
# which of the two numbers would move? How many of your centers are in use, and what does that say about the second half of the sentence?
# %% [markdown] question="A1.6" role="essay" points=3
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: the difference measures (a part of) KL(q(z|x) ‖ p(z|x)), how badly the encoder's Gaussian fits the posterior; it is no property of the decoder alone, and both numbers are bounds of the same log p(x). 1 point: names a change (a larger encoder, a richer q, training the
# encoder longer) and says that the −ELBO falls towards the other number, which hardly moves; the numbers quoted are those of A1.4. 1 point: argues from the centers in use (unused ones show that more cost nothing and bring nothing; all in use leaves it open) and would settle it by training with more, same seed and length, on held-out nats.
# ### END MARK SCHEME

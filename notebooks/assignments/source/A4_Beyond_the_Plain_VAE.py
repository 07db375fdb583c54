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
# You build one of three things that draw better letters than a plain VAE does: a **flow** on its codes, a **VQ-VAE** with a prior over its codes, or a **VAE-GAN**. Then you show that it does, and say what it cost.
#
# About 180 minutes, 20 points. Nothing is trained for longer than a minute or two. You hand in this notebook and the two files that it writes.
#
# - `check` looks at the form alone. **It knows no answers and gives no marks.** Those come after you hand in, from samples that the lecturer's code draws from your weights, seen by another judge, beside letters that you do not have.
# - The convention of the course holds: **nats per example; sum over pixels and latent dimensions, mean over the batch; `log_var` is log σ²**.
# - From the package you may use what this notebook imports. Your networks, losses and loops you write.
# %% tags=["setup"]
# (generated)
# %% [markdown]
# Write the number that your lecturer gave you. It decides which letters are yours.
# %% tags=["parameters"]
STUDENT = 0
# %% tags=["imports"]
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

from vae_course.exercises import assignment_4
from vae_course.teaching import check, hint

# %%
mine = assignment_4.task(STUDENT)
print(
    f"your letters: {' '.join(mine.letters)}; {len(mine.train)} pictures to train on, {len(mine.held_out)} held out"
)
figure, axes = plt.subplots(figsize=(7, 1.2), layout="constrained")
axes.imshow(torch.cat(list(mine.train.floats()[:16, 0]), dim=1), cmap="gray")
axes.axis("off")
plt.show()


# %% [markdown]
# ## A4.1 The Gaussian that fits all codes (2 points)
#
# Your opponent is a plain VAE. Samples from $\mathcal N(0, I)$ would make it too easy: the codes of the data lie elsewhere. It gets the Gaussian that fits them. Draw a picture, then a code from its $q(z|x)$: that code has a mean and a covariance.
#
# **Contract**: `matched_gaussian(mean, log_var)`: both `(n, k)`, of $q(z|x)$ for $n$ pictures. Returns two tensors: the mean `(k,)` and the covariance `(k, k)` of a code drawn in this way from all $n$ pictures (divide by $n$).
# %% question="A4.1" role="answer"
def matched_gaussian(mean: torch.Tensor, log_var: torch.Tensor) -> tuple:
    """mean, log_var (n, k) of q(z|x). Mean (k,) and covariance (k, k) of a code drawn as above."""
    ### BEGIN SOLUTION
    away = mean - mean.mean(0)
    return mean.mean(0), away.T @ away / len(mean) + torch.diag(log_var.exp().mean(0))
    ### END SOLUTION


# %% question="A4.1" role="test" points=2
# hint("A4.1")  # remove the first # for a hint; each call goes one step further
check("A4.1", matched_gaussian)


# %% [markdown]
# ### The judge, the measure, the opponent
#
# The judge is a classifier of your letters. Before it looks, all logits of a sampler are multiplied by one number, with which its samples have as much edge energy as letters: a plain VAE whose grays are made black and white has learned nothing. A sampler gets a **score**, the harmonic mean of two shares: samples of which the judge is **sure** (its highest probability is at least 0.9), and held-out pictures that are **covered** (a sample lies as near as their fifth neighbor, in the judge's features). One beautiful letter, drawn
# again and again, is sure and covers nothing; noise that the judge takes for letters covers nothing either.
#
# A second number asks critics: classifiers that learned to tell **these** samples, made as hard as letters, from letters. Their share of **mistakes** on new samples and held-out letters is 0 where a sampler gives itself away, and one half where they can only guess. A flow keeps the plain VAE's decoder, so it moves the score; a new decoder may move the mistakes first.
#
# A third number counts **copies**, the largest of three shares: samples that single out one training picture more than 99 % of held-out pictures do, that single out one held-out picture more than 99 % of training pictures do, or that are drawn again (no pixel more than 0.01 away from another sample's). Moving or dimming a picture hides no copy, and a bank of finished pictures repeats itself.
#
# Not graded. Neither score nor mistakes tell training pictures from new letters: only the copies do.


# %% tags=["train"]
def pixels(n, generator):
    """What a sampler of the measure looks like: n pictures (n, 1, 16, 16) in [0, 1]. This one draws noise."""
    return torch.rand(n, 1, 16, 16, generator=generator)


judge, plain = assignment_4.new_judge(mine), assignment_4.plain_vae(mine)


def measured(draw):
    """Sure, covered, score; and the share of copies."""
    batches = assignment_4.batches_of(draw, len(mine.held_out))
    return assignment_4.measure(batches, judge, mine.held_out), assignment_4.copies(batches, mine)


print("noise", *measured(pixels))
known = mine.train.floats()
print("training pictures", *measured(lambda n, g: known[torch.randperm(len(known), generator=g)[:n]]))
try:
    with torch.no_grad():
        q = plain.encode(known)
    center, covariance = matched_gaussian(q.mean, q.log_var)
    fitted = {
        "path": "gan", "decoder": assignment_4.decoder_of(plain), "activation": "gelu",
        "mean": center, "factor": torch.linalg.cholesky(covariance),
    }  # fmt: skip
    opponent = measured(assignment_4.read_sampler(fitted).draw)
    print("the plain VAE", *opponent)
    caught = assignment_4.mistakes(assignment_4.read_sampler(fitted).draw, mine, mine.held_out)
    print(f"critics' mistakes on the plain VAE: {caught:.1%}")
except Exception as problem:
    print(f"The opponent waits for A4.1 ({type(problem).__name__}).")
# %% [markdown]
# ## A4.2 Beyond (7 points)
#
# Choose **one** of three paths. For each there is the question it answers, the start, and what the file holds. Every network is an `nn.Sequential` of `nn.Linear` layers with one activation between them (`"activation"`: `"relu"`, `"gelu"`, `"silu"` or `"tanh"`, the same in all, only the decoder may name its own: `"decoder activation"`); the decoder
# ends in 256 logits. At most 500,000 numbers in all.
#
# **`"flow"`: the decoder is good enough, its codes are not Gaussian.** Keep the VAE (`plain`, or your own) and learn the density of its codes by maximum likelihood. Standardize the codes: `"mean"` and `"scale"`, `(k,)`. `"couplings"` is a list of state dicts, each k/2 → k. Drawing takes them in order, from $z \sim \mathcal N(0, I)$ on:
#
# ```
# a, b = z.chunk(2, dim=1)
# log_scale, shift = network(a).chunk(2, dim=1)
# z = torch.cat([b * (2 * log_scale.tanh()).exp() + shift, a], dim=1)
# ```
#
# and the code is `mean + scale * z`. To train, go backwards from codes (drawn from q(z|x), not their means) and add up the log determinants. `decoder_of(plain)` is the VAE's decoder, with GELU. Begin with last layers of zeros: then the flow is the identity.
#
# **`"vq"`: a code of letters has no holes.** `"codebook"` is `(K, d)`; the encoder puts out P vectors, each replaced by its nearest one; the decoder reads all P after one another, `P * d → 256`. Gradients pass straight through. Codes that nobody uses are set anew to encoder outputs. Then a `"prior"` over the P codes in order,
# `P * K + P → K` logits: it reads the codes so far, one-hot (zeros from its place on), and its place, one-hot. Begin with few places, P from 4 to 8, and K from 32 to 128. Both halves can fail: a good prior over bad codes, a bad prior over good ones.
# So score them apart: decoded codes of training pictures, then samples of the prior. In our short trials the codes were good and the prior was not: as trained, its samples scored below the plain VAE for one student's letters and above it for another's, and passed the critics more often. To multiply the prior's last layer by a number above 1, chosen on held-out pictures, helped the score.
#
# **`"gan"`: the squared or crossed pixels are the wrong judge.** Beside encoder and decoder a discriminator; the decoder is told to fool it, the encoder is not. Draw from the Gaussian that fits your codes: `"mean"` `(k,)`, `"factor"` `(k, k)`, code = mean + factor ε. Begin as a plain VAE, let the discriminator come in later, and
# hold its slope (R1). Look at coverage in each epoch: what becomes clear may become few. The hardest of the three: in our two trials the score rose in both, the critics' mistakes in one.
#
# The lecturer's judge and critics are others, their pictures are your letters in typefaces that nobody trained on. Your sampler climbs past opponents; its points are those of the highest rung that it reaches. Two opponents: the **Gaussian of the pixels** (mean and covariance of your training pictures, no network), and the **plain VAE** with the Gaussian that fits its codes. A **sure lead** is a score above the opponent's by more than two standard errors. Nobody gets points for drawing narrower or wider: in scores the plain VAE's Gaussian is 0.85, 1 or 1.15 times as wide, whichever scores best.
#
# | points | |
# |---|---|
# | 0 | more than 10 % copies, or no sure lead over the Gaussian of the pixels |
# | 1 | a sure lead over the Gaussian of the pixels; here stands the plain VAE, handed in again |
# | 4 | also: the critics' mistakes are a quarter of the way from those on the plain VAE to one half |
# | 5 | a sure lead over the plain VAE, whatever the critics say |
# | 6 | also: an eighth of the way from the plain VAE's score to that of fresh letters |
# | 7 | also: a quarter of the way |
#
# **Contract**: a file with a dict: `"path"`, `"decoder"`, `"activation"`, and the parts that belong to the path; tensors and state dicts. Hand in a sampler that you chose on the held-out pictures, and keep what you tried: A4.5 asks for it.
# %% question="A4.2" role="answer" tags=["train"]
answer_A4_2 = "A4_sampler.pt"
# networks, losses, loops; then torch.save({"path": ..., "decoder": decoder.state_dict(), ...}, answer_A4_2)
### BEGIN SOLUTION
torch.manual_seed(0)
k, steps = 16, 2500
networks = nn.ModuleList(
    nn.Sequential(nn.Linear(8, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU(), nn.Linear(128, k))
    for _ in range(6)
)
for network in networks:
    nn.init.zeros_(network[-1].weight)
    nn.init.zeros_(network[-1].bias)


def log_prob(z):
    """Of standardized codes (n, k), nats but for the constant, (n,): backwards through the couplings."""
    total = 0.0
    for network in reversed(networks):
        moved, a = z.chunk(2, dim=1)
        log_scale, shift = network(a).chunk(2, dim=1)
        log_scale = 2 * log_scale.tanh()
        z = torch.cat([a, (moved - shift) * (-log_scale).exp()], dim=1)
        total = total - log_scale.sum(1)
    return total - 0.5 * z.square().sum(1)


scale, curve = covariance.diagonal().sqrt(), []
optimizer = torch.optim.Adam(networks.parameters(), lr=3e-3)
for step in range(steps):
    for group in optimizer.param_groups:
        group["lr"] = 3e-3 * (1 - step / steps)
    rows = torch.randint(len(q.mean), (256,))
    codes = q.mean[rows] + (q.log_var[rows] / 2).exp() * torch.randn(256, k)
    loss = -log_prob((codes - center) / scale).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(networks.parameters(), 5.0)
    optimizer.step()
    curve.append(loss.item())
parts = {"decoder": assignment_4.decoder_of(plain), "activation": "gelu", "mean": center, "scale": scale}
torch.save({"path": "flow", "couplings": [one.state_dict() for one in networks], **parts}, answer_A4_2)
### END SOLUTION
# %% question="A4.2" role="test" points=7
check("A4.2", answer_A4_2)


# %% [markdown]
# ## A4.3 What did you build? (3 points)
#
# Three numbers of the sampler in your file, on your **held-out** pictures, by the judge above. They are compared with what the lecturer's code finds for the same file, to within 0.03 (copies: 0.02).
#
# **Contract**: a second file, with a dict. `"plain"`: the score of the plain VAE with your Gaussian. `"yours"`: the score of your sampler. `"copies"`: the share of copies among your samples.
# %% question="A4.3" role="answer" tags=["train"]
answer_A4_3 = "A4_report.pt"
# measure; then torch.save({"plain": ..., "yours": ..., "copies": ...}, answer_A4_3)
### BEGIN SOLUTION
sampler = assignment_4.read_sampler(torch.load(answer_A4_2, weights_only=True))
found, copied = measured(sampler.draw)
print("yours", found, copied)
torch.save({"plain": opponent[0].score, "yours": found.score, "copies": copied}, answer_A4_3)
### END SOLUTION
# %% question="A4.3" role="test" points=3
check("A4.3", answer_A4_3)
# %% [markdown]
# ## A4.4 One figure (3 points)
#
# Draw it in the next cell, and write under it, in two or three sentences, what it shows. The figure: 32 samples of the plain VAE, 32 of yours (not chosen by hand), and under 8 of yours the training picture nearest to each; beside it sure against covered, a point for each model that you tried, the plain VAE and training pictures among them.
# %% tags=["train"]
# your figure
# %% [markdown] question="A4.4" role="essay" points=3
# *Write your two or three sentences here.*
#
# ### BEGIN MARK SCHEME
# The figure and its sentences, read by you. 1 point: both sets of samples drawn without choosing, neighbors really the nearest, axes with names. 1 point: at least three trained models or settings as points beside the plain VAE, intervals or several seeds for the one handed in. 1 point: the sentences name a fault that is still there (a kind of letter, a
# stroke, a typeface that is never drawn) and say whether sure or covered would show it.
# ### END MARK SCHEME
# %% [markdown]
# ## A4.5 The report (5 points)
#
# One page, at most 400 words, with **your** numbers, under four headings. *What was wrong with the plain VAE*: its decoder, or where its codes are drawn? Give the measurement that tells them apart (what do samples score whose codes come from q(z|x) of training pictures?). *What I built, and what moved*: which of sure,
# covered and the critics' mistakes, by how much, against which spread. *What did not work*: one thing that you tried, what you expected, the number that came. *What the score does not see*: one sampler that you would not want and that it would praise, and the measurement that would catch it.
# %% [markdown] question="A4.5" role="essay" points=5
# *Write your report here.*
#
# ### BEGIN MARK SCHEME
# Read against the figure and the file. 1 point: decoder and prior told apart by a measurement (codes from q(z|x) of training pictures, or reconstructions, scored by the same code) with its number; in one run of ours, samples not made as hard as letters, a judge was sure of 53 % of the plain VAE's samples, of 73 % with codes from q(z|x), and of 80 % of held-out letters: most of it was the codes. 1 point: the gain with its spread (batches are not seeds: several trainings, or the sentence that there was
# one) and split into sure, covered and mistakes. 1 point: a failure with expectation, number, and a cause that the number supports. 1 point: names a sampler that the score praises wrongly and a measurement that catches it (slightly bent or merged training pictures: neighbors after alignment; class proportions off: a histogram; samples that fool this
# judge: a second judge). 1 point: says what was paid (time, no bound on log p(x) any more, an encoder that is lost) and for which use the plain VAE would still be taken. No points for adjectives without a number.
# ### END MARK SCHEME

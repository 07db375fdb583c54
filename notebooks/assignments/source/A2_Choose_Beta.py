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
# # Assignment A2 · Choose β
#
# <!-- badge -->
#
# Somebody sends pictures over a slow line: so many *bits* for each, and no more. You train a sweep over β, look at it with a slider, read it, and then train the one model that fits.
#
# About 90 minutes, 20 points. A model trains in seconds. You hand in this notebook and the two files that it writes.
#
# - `check` looks at the form alone. **It knows no answers and gives no marks.** Those come after you hand in: your models are measured again, on your held-out pictures and on fresh ones that you do not have.
# - The convention of the course holds: **nats per example; sum over pixels and latent dimensions, mean over the batch**. One nat is $1/\log 2 = 1.4427$ bits.
# %% tags=["setup"]
# (generated)
# %% [markdown]
# Write the number that your lecturer gave you. It decides which digits are yours, and the budget.
# %% tags=["parameters"]
STUDENT = 0
# %% tags=["imports"]
import math

import matplotlib.pyplot as plt
import torch

from vae_course import evaluate, fit, seed_everything
from vae_course.evaluation import kl_per_dimension
from vae_course.exercises import assignment_2
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider

# %%
mine = assignment_2.task(STUDENT)
print(f"your digits: {mine.classes}; your budget: {mine.budget} bits for each picture")
print(f"{len(mine.train)} pictures to train on, {len(mine.held_out)} held out, 14 × 14 pixels")


def train(beta, seed=0):
    """One model: the network of this assignment, trained with this β."""
    seed_everything(seed)
    model = assignment_2.new_model(mine)
    fit(
        model, mine.train, epochs=20, batch_size=128, learning_rate=5e-3, schedule="linear", warmup=0.0,
        beta=beta, kl_warmup=0.3, eval_examples=1, progress=False,
    )  # fmt: skip
    return model


# %% [markdown]
# ## A2.1 A sweep of your own (4 points)
#
# Train six to twelve models, with β from at most 0.25 to at least 4, and measure rate and distortion of each on your **held-out** pictures (`evaluate` gives both). You may change `train`, but not the network. Think first: over which β will your budget lie, and where do you want your models to be close together?
#
# **Contract**: a file with a dict of four lists of one length, by rising β: `"betas"`; `"rates"` and `"distortions"`, nats for each picture; `"states"`, the state dicts. The numbers are compared with what the lecturer's code measures: rate to within 0.3 nats, distortion to within 1.
# %% question="A2.1" role="answer" tags=["train"]
answer_A2_1 = "A2_sweep.pt"
# train, measure; then torch.save({"betas": [...], "rates": [...], ...}, answer_A2_1)
### BEGIN SOLUTION
betas = [0.25, 0.5, 0.8, 1.2, 2.0, 4.0]
models = [train(beta) for beta in betas]
measured = [evaluate(model, mine.held_out, n_samples=8) for model in models]
rates = [found.kl.value for found in measured]
distortions = [found.reconstruction.value for found in measured]
states = [model.state_dict() for model in models]
torch.save({"betas": betas, "rates": rates, "distortions": distortions, "states": states}, answer_A2_1)
### END SOLUTION
# %% question="A2.1" role="test" points=4
check("A2.1", answer_A2_1)
# %% [markdown]
# ### Look at it
#
# Not graded. Move the slider over your own models: eight held-out digits, the same from the code, and eight samples. At which β can you no longer tell which digit was meant? What happens to the samples?


# %% tags=["train"]
def draw_model(place):
    """Held-out digits, the same from the code, and samples, of one model of the sweep."""
    sweep = assignment_2.read_sweep(torch.load("A2_sweep.pt", weights_only=True))
    model = assignment_2.model_of(sweep.states[min(place, len(sweep.betas) - 1)], mine)
    x = mine.held_out.floats()[:8]
    rows = [x, model.reconstruct(x), model.sample(8, torch.Generator().manual_seed(0))]
    figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
    axes.imshow(torch.cat([torch.cat(list(row[:, 0]), dim=1) for row in rows]), cmap="gray_r")
    axes.axis("off")
    beta, rate = (column[min(place, len(sweep.betas) - 1)] for column in (sweep.betas, sweep.rates))
    axes.set_title(f"β = {beta:g}: {rate / math.log(2):.1f} bits; your budget {mine.budget}")
    plt.close(figure)
    return figure


try:
    sweep_explorer = explorer(
        draw_model,
        {"place": slider("model of the sweep", 0, 5, 2)},
        alt="Three rows of eight digits: held out, from the code, and samples of one model of your sweep.",
    )
except FileNotFoundError:
    print("There is no sweep yet: finish A2.1 first.")
# %% [markdown]
# ## A2.2 Read it (3 points)
#
# **Contract**: a dict, numbers that you read from your sweep and **type in**. `"best beta"`: the β with the lowest −ELBO (at KL weight 1) on the held-out pictures. `"silent"`: how many of the ten units have a mean KL below 0.1 nats there at your largest β (`kl_per_dimension(model, mine.held_out)`). `"slope"`: by how many nats the distortion falls for
# each nat of rate, between the two models of your sweep on both sides of your budget (to within 10 %).
# %% question="A2.2" role="answer"
answer_A2_2 = {"best beta": ..., "silent": ..., "slope": ...}
### BEGIN SOLUTION
sweep = assignment_2.read_sweep(torch.load("A2_sweep.pt", weights_only=True))
total = [rate + distortion for rate, distortion in zip(sweep.rates, sweep.distortions, strict=True)]
above = max(i for i, rate in enumerate(sweep.rates) if rate > mine.budget * math.log(2))
lost = sweep.distortions[above + 1] - sweep.distortions[above]
silent = kl_per_dimension(assignment_2.model_of(sweep.states[-1], mine), mine.held_out) < 0.1
answer_A2_2 = {
    "best beta": sweep.betas[total.index(min(total))],
    "silent": int(silent.sum()),
    "slope": lost / (sweep.rates[above] - sweep.rates[above + 1]),
}
### END SOLUTION
# %% question="A2.2" role="test" points=3
check("A2.2", answer_A2_2)
# %% [markdown]
# ## A2.3 Meet the budget (6 points)
#
# None of your models fits the budget exactly. Choose β, and train the one that does; on fresh pictures it must
#
# | points | |
# |---|---|
# | 3 | cost at most your budget, and at least 90 % of it (1 point: at least 75 %) |
# | 3 | lose at most 1 nat more than your own sweep promises at this rate, read along straight lines between its models (1 point: 3 nats) |
#
# The budget is in **bits**. The rate is a mean over pictures that you do not have: leave a little room, and say in A2.5 how much.
#
# **Contract**: a file with a dict: `"beta"`, a number, and `"state"`, the state dict.
# %% question="A2.3" role="answer" tags=["train"]
answer_A2_3 = "A2_choice.pt"
# torch.save({"beta": ..., "state": model.state_dict()}, answer_A2_3)
### BEGIN SOLUTION
limit = mine.budget * math.log(2)
share = (rates[above] - 0.96 * limit) / (rates[above] - rates[above + 1])
beta = betas[above] * (betas[above + 1] / betas[above]) ** min(share, 1.0)
for _ in range(3):
    chosen = train(beta)
    rate = evaluate(chosen, mine.held_out, n_samples=8).kl.value
    if 0.93 * limit < rate < 0.98 * limit:
        break
    beta *= rate / (0.955 * limit)
torch.save({"beta": beta, "state": chosen.state_dict()}, answer_A2_3)
### END SOLUTION
# %% question="A2.3" role="test" points=6
check("A2.3", answer_A2_3)
# %% [markdown]
# ## A2.4 One figure (3 points)
#
# Draw it in the next cell, and write under it, in one or two sentences, what it shows. The figure: distortion against rate of your sweep, each model with its β, your chosen model among them, and your budget as a line. Axes in nats and, on one of them, bits as well.
# %% tags=["train"]
# your figure
# %% [markdown] question="A2.4" role="essay" points=3
# *Write your one or two sentences here.*
#
# ### BEGIN MARK SCHEME
# The figure and its sentences, read by you. 1 point: both axes with names and units, each point with its β, held-out numbers (not those of training). 1 point: the budget in the right place (budget · log 2 nats), the chosen model on or near the curve. 1 point: the sentences say what the curve
# does (each nat of rate buys less the more one has) with two numbers read from it.
# ### END MARK SCHEME
# %% [markdown]
# ## A2.5 Defend it (4 points)
#
# In five or six sentences, with **your** numbers. Why this β, and how did you find it? How much room did you leave below the budget, and why so much? Theory says that along the best curve the distortion falls by β nats for each nat of rate: how well does your slope of A2.2 agree, and what could the difference come from? Somebody proposes the β with the
# lowest −ELBO instead: what would it cost in bits, and when would you agree?
# %% [markdown] question="A2.5" role="essay" points=4
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: a search that can be followed (between which models, what was tried), with rate and budget in one unit. 1 point: the room is argued from something measured (spread over seeds, held-out against training, standard error), not from taste. 1 point: compares the slope with the β on both sides, and names a cause
# (models not fully trained, a coarse sweep, a network that is not the best at each β, noise). 1 point: the best β by −ELBO costs so many bits (a number of the sweep); agrees where there is no budget, or where the likelihood itself is the aim. No points for "smoother" or "disentangled" without a measure.
# ### END MARK SCHEME

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
# How many numbers does a picture need? Your pictures are letters, digits or faces: your number decides. You train a sweep over the latent size, look at it with a slider, read it, and defend the smallest model that is good enough. (Garments would have to be downloaded, and whoever grades without a network would see other pictures than you; so faces, which the package draws, stand in for them.)
#
# About 90 minutes, 20 points. A model trains in seconds. You hand in this notebook and the two files that it writes.
#
# - `check` looks at the form alone. **It knows no answers and gives no marks.** Those come after you hand in: your models are measured again, on your held-out pictures and on fresh ones that you do not have.
# - The convention of the course holds: **nats per example; sum over pixels and latent dimensions, mean over the batch**.
# %% tags=["setup"]
# (generated)
# %% [markdown]
# Write the number that your lecturer gave you. It decides what your pictures are, and how good is good enough.
# %% tags=["parameters"]
STUDENT = 0
# %% tags=["imports"]
import matplotlib.pyplot as plt
import torch

from vae_course import evaluate, fit, seed_everything
from vae_course.evaluation import kl_per_dimension
from vae_course.exercises import assignment_3
from vae_course.teaching import check, hint
from vae_course.widgets import explorer, slider

# %%
mine = assignment_3.task(STUDENT)
print(
    f"your pictures: {mine.name} {mine.classes or ''}; good enough: within {mine.tolerance} nats of the best"
)
print(f"{len(mine.train)} pictures to train on, {len(mine.held_out)} held out, {mine.train.shape} pixels")


def train(latent_dim, seed=0):
    """One model: the network of this assignment with this latent size."""
    seed_everything(seed)
    model = assignment_3.new_model(mine, latent_dim)
    fit(
        model, mine.train, epochs=20, batch_size=128, learning_rate=5e-3, schedule="linear", warmup=0.0,
        kl_warmup=0.3, eval_examples=1, seed=seed, progress=False,
    )  # fmt: skip
    return model


# %% [markdown]
# ## A3.1 A sweep of your own (4 points)
#
# Train six to twelve models, with latent sizes from at most 2 to at least 24, and measure the −ELBO of each on your **held-out** pictures. You may change `train`, but of the network only the size. Put the sizes close together where you expect the curve to bend: A3.3 needs that.
#
# **Contract**: a file with a dict of three lists of one length, by rising size: `"sizes"`; `"negative_elbos"`, nats for each picture; `"states"`, the state dicts. The numbers are compared with what the lecturer's code measures, to within 0.3 nats.
# %% question="A3.1" role="answer" tags=["train"]
answer_A3_1 = "A3_sweep.pt"
# train, measure; then torch.save({"sizes": [...], "negative_elbos": [...], "states": [...]}, answer_A3_1)
### BEGIN SOLUTION
sizes = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24]
models = [train(size) for size in sizes]
nats = [evaluate(model, mine.held_out, n_samples=8).negative_elbo.value for model in models]
states = [model.state_dict() for model in models]
torch.save({"sizes": sizes, "negative_elbos": nats, "states": states}, answer_A3_1)
### END SOLUTION
# %% question="A3.1" role="test" points=4
check("A3.1", answer_A3_1)
# %% [markdown]
# ### Look at it
#
# Not graded. Move the slider over your own models: eight held-out pictures, the same from the code, and eight samples. From which size on do the pictures look alike? Is it the size from which on the −ELBO does?


# %% tags=["train"]
def draw_model(place):
    """Held-out pictures, the same from the code, and samples, of one model of the sweep."""
    sweep = assignment_3.read_sweep(torch.load("A3_sweep.pt", weights_only=True))
    place = min(place, len(sweep.sizes) - 1)
    model = assignment_3.model_of(sweep.states[place], mine, sweep.sizes[place])
    x = mine.held_out.floats()[:8]
    rows = [x, model.reconstruct(x), model.sample(8, torch.Generator().manual_seed(0))]
    figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
    axes.imshow(torch.cat([torch.cat(list(row[:, 0]), dim=1) for row in rows]), cmap="gray")
    axes.axis("off")
    axes.set_title(f"{sweep.sizes[place]} dimensions: −ELBO {sweep.negative_elbos[place]:.1f} nats")
    plt.close(figure)
    return figure


try:
    sweep_explorer = explorer(
        draw_model,
        {"place": slider("model of the sweep", 0, 11, 3)},
        alt="Three rows of eight pictures: held out, from the code, and samples of one model of your sweep.",
    )
except FileNotFoundError:
    print("There is no sweep yet: finish A3.1 first.")
# %% [markdown]
# ## A3.2 Read it (3 points)
#
# **Contract**: a dict of whole numbers, of held-out pictures, that you find and **type in**. `"best size"`: the size of your sweep with the lowest −ELBO. `"carrying"`: how many units of your largest model have a mean KL above 0.1 nats (`kl_per_dimension(model, mine.held_out)`). `"components"`: the least number of principal components, fitted to the **training** pictures (their mean
# subtracted), whose squared error, summed over pixels and averaged over pictures, is at most that of your largest model's `model.reconstruct(x)`.
# %% question="A3.2" role="answer"
answer_A3_2 = {"best size": ..., "carrying": ..., "components": ...}
### BEGIN SOLUTION
sweep = assignment_3.read_sweep(torch.load("A3_sweep.pt", weights_only=True))
largest = assignment_3.model_of(sweep.states[-1], mine, sweep.sizes[-1])
x, known = mine.held_out.floats(), mine.train.floats().flatten(1)
error = (x - largest.reconstruct(x)).square().flatten(1).sum(1).mean()
centered = x.flatten(1) - known.mean(0)
axes_of = torch.linalg.svd(known - known.mean(0), full_matrices=False).Vh
left = centered.square().sum(1).mean() - (centered @ axes_of.T).square().mean(0).cumsum(0)
answer_A3_2 = {
    "best size": sweep.sizes[sweep.negative_elbos.index(min(sweep.negative_elbos))],
    "carrying": int((kl_per_dimension(largest, mine.held_out) > 0.1).sum()),
    "components": int((left > error).sum()) + 1,
}
### END SOLUTION
# %% question="A3.2" role="test" points=3
check("A3.2", answer_A3_2)
# %% [markdown]
# ## A3.3 The smallest that is good enough (6 points)
#
# One run per size is a lottery. Choose the smallest size whose −ELBO, as a mean over **three seeds**, lies within your tolerance of the best model of your sweep, and hand in the three. On fresh pictures:
#
# | points | |
# |---|---|
# | 3 | the mean of your three is at most your tolerance above the best of your sweep (1 point: twice that) |
# | 3 | it is the smallest: every smaller model of your sweep is further above, and one of them is smaller by 1 (1 point: by 2) |
#
# A difference of 0.2 nats is forgiven on both sides: which one that is, you cannot know.
#
# **Contract**: a file with a dict: `"size"`, a whole number, and `"states"`, three state dicts.
# %% question="A3.3" role="answer" tags=["train"]
answer_A3_3 = "A3_choice.pt"
# torch.save({"size": ..., "states": [...]}, answer_A3_3)
### BEGIN SOLUTION
limit = min(nats) + mine.tolerance
size = min(size for size, value in zip(sizes, nats, strict=True) if value <= limit)
three = [train(size, seed) for seed in range(3)]
torch.save({"size": size, "states": [model.state_dict() for model in three]}, answer_A3_3)
### END SOLUTION
# %% question="A3.3" role="test" points=6
check("A3.3", answer_A3_3)
# %% [markdown]
# ## A3.4 One figure (3 points)
#
# Draw it in the next cell, and write under it, in one or two sentences, what it shows. The figure: −ELBO against latent size, your three seeds of A3.3 as separate points, the limit (best plus tolerance) as a line; beside it the KL of each unit of your largest model, sorted.
# %% tags=["train"]
# your figure
# %% [markdown] question="A3.4" role="essay" points=3
# *Write your one or two sentences here.*
#
# ### BEGIN MARK SCHEME
# The figure and its sentences, read by you. 1 point: axes with names and units, held-out numbers, sizes in their true distances (or a logarithmic axis that says so). 1 point: the limit in the right place and the seeds as points, not as a mean alone. 1 point: the sentences say where the
# curve bends and how that compares with the number of units that carry something.
# ### END MARK SCHEME
# %% [markdown]
# ## A3.5 Defend it (4 points)
#
# In five or six sentences, with **your** numbers. Why this size, and how sure are you: would another seed, or another tolerance, have changed your choice? Your largest model has more dimensions than it uses: what does it lose or gain by them? Compare its carrying units with your number of principal components: what does the difference say about your pictures? And
# for which use of the code would you choose another size?
# %% [markdown] question="A3.5" role="essay" points=4
# *Write your answer here.*
#
# ### BEGIN MARK SCHEME
# 1 point: the choice is argued from the spread of the three seeds against the differences between sizes, with numbers. 1 point: says what the own sweep shows beyond the bend (in our run on eight digits the −ELBO rises by 1.5 nats from 6 to 24 dimensions), and names a cause that could be tested. 1 point: more components than units means that the decoder
# bends (a linear code needs more numbers for the same error), fewer or equal that it hardly does; does not call components and units the same thing. 1 point: names a use (a small code to send, a reader of classes, editing) and the number that would decide it. No points for "overfitting" without a measure.
# ### END MARK SCHEME

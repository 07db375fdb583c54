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
# # Deeper · What the encoder knows
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Chapter 02 builds a VAE and leaves its encoder alone. Here you take it apart: which digits share a cloud, and what noise, a shift and a blank half do to a code. Before that, what a recipe is worth; after it, what convolutions gain.
#
# ## Objectives
#
# After this notebook you can
#
# 1. **measure** how far two clouds of codes overlap, and name what follows for the decoder;
# 2. **diagnose** what an encoder makes of a noisy, shifted or half-blank digit;
# 3. **compare** two recipes and two architectures fairly, and say which budget was equal.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
LATENT_DIM = 20  # size of the code z, 3 to 64
EPOCHS = 8  # passes through the training digits for each seed, 2 or more
BATCH_SIZE = 256  # digits in one update
LEARNING_RATE = 8e-3  # highest learning rate of Adam, falls linearly to 0
N_SEEDS = 3  # repetitions of every trained result, 2 or more, for an interval
USUAL_EPOCHS = 10  # passes of the usual tutorial recipe, for comparison
CONV_EXAMPLES = 5000  # digits used to compare the two architectures
CONV_EPOCHS = 6  # passes through them
CONV_BATCH_SIZE = 32  # digits in one update of that comparison
# %%
import torch

from vae_course import VAE, Runs, elbo_terms, evaluate, fit, load, over_seeds, seed_everything, seeded
from vae_course.plots import image_grid, line_plot, posterior_ellipses
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution
from vae_course.widgets import corrupt, explore_corrupted_digit

least = dict(LATENT_DIM=3, EPOCHS=2, BATCH_SIZE=1, LEARNING_RATE=0.0, N_SEEDS=2, USUAL_EPOCHS=1)
least |= dict(CONV_EXAMPLES=100, CONV_EPOCHS=1, CONV_BATCH_SIZE=1)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("What_the_Encoder_Knows", parameters)
DATASET = "digits" if OFFLINE else "mnist"
train, validation, test = (load(DATASET, part) for part in ("train", "validation", "test"))
held_out = validation.batch(torch.arange(min(1000, len(validation))))


# %%
def coin_entropy(x):
    """Least possible −log-likelihood of gray pictures, nats, (batch,): entropy of coins with these very values."""
    return (torch.special.entr(x) + torch.special.entr(1 - x)).sum((1, 2, 3))


def shape_table(layers, x):
    """The shape after each layer of a Sequential, and its number of parameters."""
    rows = [{"layer": "input", "shape": str(tuple(x.shape)), "parameters": 0}]
    for layer in layers:
        x = layer(x)
        count = sum(p.numel() for p in layer.parameters())
        rows.append({"layer": type(layer).__name__, "shape": str(tuple(x.shape)), "parameters": count})
    return rows


# %% [markdown]
# ## 1 What is a recipe worth?
#
# Models are built with `VAE.for_data(train, ...)`, which gives the mean picture to both networks, and trained with `fit`: chapter 02's loop with a learning rate that rises briefly
# and falls to 0, and a KL weight that rises from 0 to 1 over the first half (Bowman et al. 2016).
# %%
recipe = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, schedule="linear", warmup=0.05, kl_warmup=0.5)
models = []
for seed in range(N_SEEDS):
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=(512, 256))
    fit(model, train, validation, learning_rate=LEARNING_RATE, seed=seed, progress=seed == 0, **recipe)
    models.append(model)
# %% [markdown]
# Compare it with the recipe of countless tutorials: one hidden layer of 400 ReLU units, Adam at 1e-3, batches of 128, 10 passes.
# %%
guess = predict(
    "On held-out digits, the model of this notebook is ... the usual recipe",
    ["worse than", "within 2 nats of", "2 to 10 nats better than", "more than 10 nats better than"],
)
# %%
seed_everything(0)
usual = VAE(latent_dim=20, hidden_dims=(400,), activation="relu")
fit(
    usual, train, validation, epochs=USUAL_EPOCHS, batch_size=128, learning_rate=1e-3, schedule="constant",
    warmup=0.0, kl_warmup=0.0, progress=False,
)  # fmt: skip
usual_level = evaluate(usual, validation).negative_elbo
ours = Runs(evaluate(model, validation).negative_elbo for model in models)
better = usual_level.value - ours
guess.compare(
    0 if better.mean < -2 else 1 if better.mean < 2 else 2 if better.mean < 10 else 3,
    f"the usual recipe ends at {usual_level.value:.1f} nats, this notebook's model is {better} nats better "
    f"({N_SEEDS} seeds against one run of the usual recipe, 95 % interval).",
)
claims.add("gain", better, above=2, unit="nats", whole_interval=True, text="Gain over the usual recipe")


# %% [markdown]
# It is {{gain}} better than one run of the usual recipe. Which of its changes did that, this does not say: the network, its mean picture, the batches, the learning rate and the schedule all differ.
#
# ## 2 What does the encoder know about a picture?
#
# A code with two dimensions can be drawn whole. Train one, and draw $q(z|x)$ of some test digits as ellipses: the inner
# line at one standard deviation, the outer at two.
# %%
seed_everything(0)
flat = VAE.for_data(train, latent_dim=2, hidden_dims=(512, 256))
fit(flat, train, validation, learning_rate=LEARNING_RATE / 2, progress=False, **recipe)
pool = test.subset(min(500, len(test)), seed=0)
pictures = pool.floats()
with torch.no_grad():
    few = flat.encode(pictures[:30])
figure = posterior_ellipses(few, pool.labels[:30])
figure.legends[0].set_loc("outside lower center")  # below, away from the title
show(
    figure,
    alt="Thirty test digits as ellipses in a two-dimensional code, each marked with its digit, over the prior's circles. "
    "Every ellipse is much smaller than the prior. Some classes form groups of their own, others mix near the center.",
    title="Each picture pins down its code; near the center classes mix",
)


# %% [markdown]
# Each ellipse is much smaller than the prior: the picture pins down its code. But some ellipses of *different* digits lie on
# top of each other. Measure that with the Bhattacharyya coefficient $\int \sqrt{q(z|x)\,q(z|x')}\,dz$: 1 for the same cloud, 0 for clouds that never meet.
# How many digits have a digit of another class whose cloud overlaps theirs by more than ½? Compare the flat code with the large one.
# %%
def overlap(posterior):
    """Bhattacharyya coefficient of every pair of diagonal Gaussians, (n, n), in [0, 1]."""
    mean, log_var = posterior.mean, posterior.log_var
    middle = 0.5 * (log_var.exp()[:, None] + log_var.exp()[None])
    distance = (mean[:, None] - mean[None]) ** 2 / middle / 8
    width = 0.5 * (middle.log() - 0.5 * (log_var[:, None] + log_var[None]))
    return torch.exp(-(distance + width).sum(-1))


guess = predict(
    f"With 2 latent dimensions, what share of {len(pool)} digits overlaps with a digit of another class?",
    ["less than 5 %", "5 to 50 %", "more than 50 %"],
)
# %%
different = pool.labels[:, None] != pool.labels[None]
shares = {}
for name, model in ((2, flat), (LATENT_DIM, models[0])):
    with torch.no_grad():
        pairs = torch.where(different, overlap(model.encode(pictures)), 0)
    shares[name] = (pairs.max(1).values > 0.5).double().mean().item()
    if model is flat:
        a, b = divmod(pairs.argmax().item(), len(pool))
        closest = pairs[a, b].item()
print(", ".join(f"{name} dimensions: {share:.1%}" for name, share in shares.items()))
guess.compare(0 if shares[2] < 0.05 else 1 if shares[2] <= 0.5 else 2, f"{shares[2]:.0%} of the digits.")
claims.add("overlap", shares[2] - shares[LATENT_DIM], above=0.02, unit="%", text="Overlap, more in 2-D by")
print(
    f"closest pair in 2 dimensions: digits {pool.labels[a]} and {pool.labels[b]}, coefficient {closest:.2f}"
)
with torch.no_grad():
    two = pictures[[a, b]]
    show(
        image_grid(
            torch.cat([two, flat.reconstruct(two)]),
            columns=4,
            column_titles=["A", "B", "A decoded", "B decoded"],
        ),
        alt="Two test digits of different classes whose posteriors overlap, and their two reconstructions, which look "
        "almost alike.",
        title="Two digits, one cloud, one answer",
    )
# %% [markdown]
# When two pictures share a cloud, the decoder gets the same $z$ from both and must answer both. The best it can
# do, pixel by pixel, is the average of *all* training pictures whose clouds cover that place, the likelier there the heavier: a blurred picture.
# Here it is no mixture of the two, but one soft digit. Remember this pair when chapter 07 asks what blurs.
#
# Now disturb a picture and watch its code. Three corruptions: noise on every pixel, a shift by three pixels, a blank
# right half. Back to the models with the larger code.
# %%
guess = predict(
    "Which corruption costs the most nats of −ELBO?",
    ["noise (σ = 0.2)", "shift (3 pixels)", "right half blank"],
)
# %%
settings = {
    "clean": {},
    "noise (σ = 0.2)": {"noise": 0.2},
    "shift (3 pixels)": {"shift": 3},
    "right half blank": {"blank": 0.5},
}
corrupted = {
    name: torch.stack([corrupt(picture, **setting, seed=i) for i, picture in enumerate(pictures)])
    for name, setting in settings.items()
}


@torch.no_grad()
def anatomy(model, spoiled):
    """What one model makes of spoiled pictures: means over the pictures."""
    home, posterior = model.encode(pictures), model.encode(spoiled)
    terms = elbo_terms(model, spoiled, seeded(0))
    moved = ((posterior.mean - home.mean) / home.std).pow(2).mean(-1).sqrt()
    return {
        "−ELBO (nats)": terms.negative_elbo.mean(),
        "KL (nats)": terms.kl.mean(),
        "code moved (σ of q, RMS)": moved.mean(),
    }


def over_models(spoiled):
    return over_seeds(N_SEEDS, lambda seed: anatomy(models[seed], spoiled))


made = {name: over_models(spoiled) for name, spoiled in corrupted.items()}
cost = {name: made[name]["−ELBO (nats)"] - made["clean"]["−ELBO (nats)"] for name in corrupted}
rows = [
    {
        "picture": name,
        "pixel change (sum of squares)": (spoiled - pictures).pow(2).sum((1, 2, 3)).mean().item(),
        "least possible (nats)": coin_entropy(spoiled).mean().item(),
        **{measure: runs.mean for measure, runs in made[name].items()},
    }
    for name, spoiled in corrupted.items()
]
results_table(rows, caption=f"What a corruption does, mean over {N_SEEDS} models and {len(pool)} pictures")
# %% tags=["hide-input"]
strips, row_names = [], []
for name, spoiled in corrupted.items():
    strips += [spoiled[:8], models[0].reconstruct(spoiled[:8])]
    row_names += [name, "reconstructed"]
show(
    image_grid(torch.cat(strips), columns=8, row_titles=row_names),
    alt="Eight test digits clean, noisy, shifted and half blank, each row followed by its reconstructions at the mean. "
    "Clean digits come back nearly as they are; noisy and shifted ones bent, some as another digit; half ones faint, some of them partly completed.",
    title="Noise and a shift bend the digit; a blank half leaves it faint",
)
noise, shift, half = list(cost)[1:]
guess.compare(
    max((noise, shift, half), key=lambda name: cost[name].mean),
    "extra −ELBO " + ", ".join(f"{name} {cost[name].mean:+.0f} nats" for name in (noise, shift, half)) + ".",
)
change = {row["picture"]: row["pixel change (sum of squares)"] for row in rows}
moves = [row["code moved (σ of q, RMS)"] for row in rows[1:]]
claims.add("noise_cost", cost[noise], above=20, unit="nats", whole_interval=True, text="Extra −ELBO: noise")
claims.add("shift_cost", cost[shift], above=20, unit="nats", whole_interval=True, text="Extra −ELBO: shift")
claims.add("noise_change", change[noise] / change[shift], below=0.8, text="Pixel change, noise over shift")
claims.add("noise_over_shift", cost[noise] / cost[shift], above=2, text="Extra −ELBO, noise over shift")
claims.add("half_over_shift", cost[half] / cost[shift], below=0.5, text="Extra −ELBO, half over shift")
claims.add("smallest_move", min(moves), above=2, unit="σ of q", text="Smallest move of the code")
# %% [markdown]
# Each row is worth a pause.
#
# - **Noise** changes the pixels least and costs most: {{noise_cost}}. The decoder is nearly certain that the background is black, and every gray speck
#   contradicts it. Part of the price is honest: gray specks are coins, so the least possible cost rises too.
# - **A shift** leaves the strokes as they were (where they stay inside the frame). To this encoder it is a different picture, and the code moves by several of its own standard deviations.
# - **Half a digit** costs a fraction of the shift: black pixels are cheap, and ink that is
#   not there need not be described. So a low −ELBO does not mean "a good digit": see [Strange pictures](Strange_Pictures.ipynb). (And look at the last row of pictures: some halves come back partly completed.)
#
#
# ## 3 Do convolutions help?
#
# A convolutional encoder looks at small windows. With kernel size 4, stride 2 and padding 1 a layer turns a side of $n$ pixels into
# $\lfloor (n + 2\cdot 1 - 4)/2 \rfloor + 1$, which is $n/2$ for even $n$. The decoder is its mirror image: a transposed convolution spreads each number over a
# window and doubles the side.
# %%
seed_everything(0)
conv = VAE.for_data(train, latent_dim=LATENT_DIM, architecture="conv")
results_table(shape_table(conv.encoder.layers, held_out[:24]), caption="The convolutional encoder")
results_table(
    shape_table(conv.decoder.layers, torch.zeros(24, LATENT_DIM)), caption="The convolutional decoder"
)


def count(model):
    return sum(p.numel() for p in model.parameters())


print(f"parameters: fully connected {count(models[0]):,}, convolutional {count(conv):,}")
# %% [markdown]
# The folklore says that convolutions are better for pictures. Give both the same digits, the same number of passes and the same learning
# rate, and measure.
# %%
guess = predict(
    f"{CONV_EXAMPLES:,} digits, {CONV_EPOCHS} passes each. On held-out digits the convolutional VAE is ...",
    ["better by more than 1 nat", "equal within 1 nat", "worse by more than 1 nat"],
)
# %%
small = train.subset(min(CONV_EXAMPLES, len(train)), seed=0)
levels, curves = {"mlp": [], "conv": []}, {"mlp": [], "conv": []}
for seed in range(N_SEEDS):
    for architecture in levels:
        seed_everything(seed)
        model = VAE.for_data(small, latent_dim=LATENT_DIM, architecture=architecture)
        history = fit(
            model,
            small,
            validation,
            epochs=CONV_EPOCHS,
            batch_size=CONV_BATCH_SIZE,
            learning_rate=4e-3,
            schedule="linear",
            warmup=0.05,
            kl_warmup=0.5,
            seed=seed,
            progress=False,
        )
        curves[architecture].append(history.curve("validation")[1])
        levels[architecture].append(evaluate(model, validation).negative_elbo.value)
        print(
            f"seed {seed}, {architecture:>4}: held-out −ELBO {levels[architecture][-1]:.1f} nats", flush=True
        )
gain = Runs(levels["mlp"]) - Runs(levels["conv"])
guess.compare(
    0 if gain.mean > 1 else 1 if gain.mean >= -1 else 2,
    f"the convolutional VAE is {gain:+.1f} nats better ({N_SEEDS} seeds, 95 % interval), "
    f"with {count(conv) / count(models[0]):.0%} of the parameters.",
)
epochs = list(range(1, CONV_EPOCHS + 1))
show(
    line_plot(
        {
            name: (epochs, [Runs(values) for values in zip(*curves[key], strict=True)][1:])
            for name, key in (("fully connected", "mlp"), ("convolutional", "conv"))
        },
        x_label="passes through the digits",
        y_label="held-out −ELBO (nats per example)",
    ),
    alt="Held-out negative ELBO of the fully connected and the convolutional VAE after each pass, with 95 % intervals "
    "over the seeds. Both fall; the convolutional curve is lower throughout, and by its end the nearer to flat.",
    title="After equal passes the convolutional VAE is ahead",
)
claims.add("conv_gain", gain, above=0, unit="nats", whole_interval=True, text="Gained by convolutions")
claims.add("conv_parameters", count(conv) / count(models[0]), below=0.5, text="Parameters, conv over mlp")
# %% [markdown]
# With these digits and passes convolutions win by {{conv_gain}}, with fewer parameters. But neither curve is flat, and passes are not the only budget. The same small kernel is applied at every
# position, so count the operations for one picture.
# %%
from torch.utils.flop_counter import FlopCounterMode


def arithmetic(model):
    """Floating-point operations of one pass through encoder and decoder, for one picture."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.decode(model.encode(held_out[:1]).mean)
    return counter.get_total_flops()


work = {"fully connected": arithmetic(models[0]), "convolutional": arithmetic(conv)}
print(", ".join(f"{name}: {count / 1e6:.1f} million operations" for name, count in work.items()))
ratio, text = work["convolutional"] / work["fully connected"], "Operations, conv over mlp"
claims.add("conv_arithmetic", ratio, above=2, exact=True, text=text)
# %% [markdown]
# So two questions stay open: we compared equal passes, not equal arithmetic, and few digits, not many. This course uses the fully
# connected network on MNIST because a pass takes less arithmetic and two CPU cores are all you may have. Now you know what that costs.
#
# **Exercise 02.4: the size of a convolutional encoder.**
#
# Color pictures `(batch, 3, 64, 64)` go through `Conv2d(3, 16, kernel_size=4, stride=2, padding=1)`, `Conv2d(16, 32, kernel_size=4, stride=2, padding=1)`,
# `Flatten`, and one `Linear` layer that puts out mean and `log_var` of 10 latent dimensions. **Contract**: a dict of three whole numbers: `side` (height of the
# last feature map), `features` (inputs of the Linear layer), `parameters` (all learnable numbers of these layers together).
# %%
answer_02_4 = {"side": ..., "features": ..., "parameters": ...}

# hint("02.4")  # remove the first # for a hint, again for the next one
check("02.4", answer_02_4)
# %%
solution("02.4")
# %% [markdown]
# ## Play
#
# Which corruption moves the code most for the fewest changed pixels?
# %%
explorer = explore_corrupted_digit(models[0], pool.floats()[0])
# %% [markdown]
# ## What you can say now
#
# - Two digits whose clouds overlap get nearly the same answer from the decoder: at best, an average of all that share the place.
# - A low −ELBO is not a good digit: half a digit costs less than a whole one that was shifted.
# - "Convolutions are better" needs a budget: equal passes is not equal arithmetic.
#
# ## References
#
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1 (KL annealing).
#
# Back to [02 · Encoder and decoder](../02_Encoder_and_Decoder_in_VAEs.ipynb)
# %%
claims.report()

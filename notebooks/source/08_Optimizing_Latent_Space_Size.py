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
# # 08 · How large should the code be?
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Everybody who builds a VAE writes down the size of its code first. Below, the same pictures are rebuilt from 2, 4, 8, 16 and 32 numbers. What does
# a size buy, and which of the numbers does a model use?
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
SIZE = 32  # code of the model trained here, 8, 16, 32 or 64
EPOCHS = 8  # passes through its training pictures, 4 or more
BATCH_SIZE = 256  # pictures in one of its updates
TOLERANCE = 1.0  # nats that a smaller code may cost, above 0
# %% tags=["hide-input"]
import math
from functools import partial

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_course import VAE, Runs, evaluation, load, load_one_model, plots, seed_everything, seeded
from vae_course import shipped_sweep, teaching
from vae_course.teaching import check, complete, hint, predict, show, solution

least = dict(SIZE=(8, 16, 32, 64), EPOCHS=4, BATCH_SIZE=16, TOLERANCE=0.0)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("08_Optimizing_Latent_Space_Size", parameters)
DATASET = "digits" if OFFLINE else "fashion_mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
unseen = held_out.floats()[:2000]
SIZES = (2, 4, 8, 16, 32, 64)
TITLES = {"mnist": "MNIST", "fashion_mnist": "garments", "letters": "letters", "digits": "small digits"}
# %%
columns = []
chosen = {"digits": range(10), "mnist": (2, 3, 4, 5, 8), "fashion_mnist": (0, 5, 7, 8, 9)}
for name, classes in chosen.items():
    if OFFLINE == (name == "digits"):
        test, one_model = load(name, "test"), load_one_model(name)
        x = torch.stack([test.floats()[test.labels == label][7] for label in classes])
        rebuilt = [one_model.at(1.0, k).reconstruct(x) for k in (2, 4, 8, 16, 32)]
        columns.append(torch.stack([*rebuilt, x]))
shown = torch.cat(columns, dim=1)  # (6 rows, 10 pictures, 1, 28, 28)
show(
    plots.image_grid(
        shown.flatten(0, 1), 6, 10, row_titles=["2 numbers", "4", "8", "16", "32", "the picture"]
    ),
    alt="Ten pictures in columns, digits and garments, each rebuilt from a code of 2, 4, 8, 16 and 32 numbers, one row for each size, and the picture itself at the bottom. With 2 numbers most are blurred, and some show another digit or shoe; from 8 numbers on the rows look much alike, and fine marks of the pictures are in none of them.",
    title="Most shapes are there with 8 numbers; print, straps and fur are in no row but the last",
)
# %% [markdown]
# (Digits and garments have one model each, of all sizes: play with it at the end.)
#
# ## Objectives
#
# After this chapter you can
#
# 1. **read** a whole training loop, and say what a linear probe can tell;
# 2. **find out** which numbers of a code are in use by switching them off;
# 3. **show** that the count of units in use depends on likelihood and training, not on the data alone;
# 4. **choose** a size for your own data, and say what your seeds cannot decide.
#
# You need chapter 02's ELBO, $-\mathrm{ELBO} = D + R$: distortion (what the picture costs once you know the code) plus rate (the KL). Numbers in the text are those of the full run; an interval in brackets
# is a 95 % t-interval over three seeds; a number without one is of one run or of the data, unless noted.
#
# ## 1 Which numbers of a code are in use?
#
# First the bill. **Your turn (08.1).** A fully connected VAE has hidden layers of 256 and 128 units, mirrored in the decoder; every layer has biases. How many
# learnable numbers do encoder and decoder gain when the code grows by one?
# %%
answer_08_1 = {"encoder": ..., "decoder": ...}

# hint("08.1")  # remove the first # for a hint, again for the next one
check("08.1", answer_08_1)
solution("08.1")


# %% [markdown]
# A few hundred of about half a million: no reason for a small code.
#
# Now train a VAE with more numbers than it needs (here with two layers of 128). This is the whole loop: a batch, its ELBO, a step. The KL's weight rises from 0 to 1 over the first 30 % (warm-up, chapter 04); the learning rate rises over the first 5 %, then falls along a cosine. `look` measures held-out pictures.
# %%
@torch.no_grad()
def look(model):
    """−ELBO on (up to) 2,000 held-out pictures, and the KL of each unit, nats."""
    q = model.encode(unseen)
    distortion = -model.log_likelihood(unseen, q.sample(generator=seeded(0))).mean()
    kl = q.kl_per_dimension().mean(0)
    return (distortion + kl.sum()).item(), kl


# %%
def train_vae(k, seed, most=1.0):
    """A VAE with a code of k numbers, and update → (−ELBO, KL of each unit). most: the KL's last weight."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=k, hidden_dims=(128, 128))
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, fused=True)
    updates = EPOCHS * math.ceil(len(train) / BATCH_SIZE)

    def share(t):  # of the highest learning rate: up in the first twentieth, down along a cosine
        return min(20 * t / updates, 1) * 0.5 * (1 + math.cos(math.pi * t / updates))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    step, seen = 0, {0: look(model)}
    while step < updates:
        for index in torch.randperm(len(train)).split(BATCH_SIZE):
            x, beta = train.batch(index), most * min(1.0, step / (0.3 * updates))
            q = model.encode(x)
            loss = (beta * q.kl() - model.log_likelihood(x, q.sample())).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step % (updates // 40) == 0 or step == updates:
                seen[step] = look(model)
    return model.eval(), seen


# %%
question = f"You offer {SIZE} numbers. How many will the trained model use?"
guess = predict(question, ["all of them", "half to all", "fewer than half"])
model, seen = train_vae(SIZE, seed=0)
steps, curve = list(seen), [nats for nats, _ in seen.values()]
flat = curve[-1 - len(curve) // 5] - curve[-1]
kl = torch.stack([kl for _, kl in seen.values()])
later = kl[len(kl) // 3 :]  # after the warm-up
woke = ((later.amin(0) < 0.05) & (later[-1] >= 0.1)).sum()
claims.add("woke", woke, below=1, text="Units that fell silent after the warm-up and spoke at the end")
claims.add("flat", flat, below=1, unit="nats", text="Held-out −ELBO, fall in the last fifth")
# %% tags=["hide-input"]
panels = {
    "held-out −ELBO (nats)": {"−ELBO": dict(zip(steps[2:], curve[2:], strict=True))},
    "KL of each unit (nats)": {f"{j}": dict(zip(steps, kl[:, j].tolist(), strict=True)) for j in range(SIZE)},
}
figure = plots.side_by_side(panels, "update", "")
for legend in figure.legends:
    legend.remove()
for line in figure.axes[1].lines:
    line.set(marker="", color="#0072B2", linestyle="-", linewidth=1)
show(
    figure,
    alt="Left, the held-out negative ELBO against updates falls steeply, then slowly, and ends flat. Right, the KL of each unit: all rise at first, then most fall toward 0 one after another and stay there, while the others level off above them.",
    title="All units wake up; then most fall silent, and in this run none of those speaks again",
)
# %% [markdown]
# Left, the curve ends almost flat: it falls by {{flat}} in the last fifth. (The learning rate ends at 0, which flattens any curve.) Right, each line is one unit. At the end of this run there are two kinds: units that cost something, and units whose KL is near 0.
#
# But a KL is a *price*. A unit that costs nothing might still do something. So ask what a unit is **worth**: put noise from the prior in the place of its codes, and see by how much the pictures get less likely.
#
# **Your turn (08.2).** `log_likelihood(codes)` gives $\log p(x\mid z)$ of `n` pictures for their codes `(n, k)`. Return the mean nats that are lost when column `unit` of `z` becomes `noise`.


# %%
def worth(log_likelihood, z: torch.Tensor, unit: int, noise: torch.Tensor) -> torch.Tensor:
    """log_likelihood: codes (n, k) → log p(x|z) in nats, (n,). z: (n, k); noise: (n,). Returns a scalar."""
    ...


# hint("08.2")  # remove the first # for a hint, again for the next one
worth = complete("08.2", worth)
solution("08.2")


# %%
@torch.no_grad()
def price_and_worth(model, x, name):
    """KL and worth of each unit on the pictures x, nats; and what several units are worth together."""
    q = model.encode(x)
    z = q.sample(generator=seeded(f"codes {name}"))
    noise = torch.randn(z.shape, generator=seeded(f"noise {name}"))
    log_likelihood = partial(model.log_likelihood, x)
    each = [worth(log_likelihood, z, j, noise[:, j]) for j in range(z.shape[1])]

    def together(off):
        return (log_likelihood(z) - log_likelihood(torch.where(off, noise, z))).mean()

    return q.kl_per_dimension().mean(0), torch.stack(each), together


half = len(unseen) // 2
price, value, _ = price_and_worth(model, unseen[:half], "first")
in_use = value >= 0.1
other_price, other_value, together = price_and_worth(model, unseen[half:], "second")
pays = (other_value / other_price)[in_use].min()
n = int(in_use.sum())
guess.compare(0 if n == SIZE else 2 if n < SIZE / 2 else 1, f"{n} of {SIZE} are worth at least 0.1 nats.")
claims.note("in_use", n)
claims.note("offered", SIZE)
claims.add("silent", together(~in_use), below=0.1, unit="nats", text="All silent units at once, new pictures")
claims.note("pays", pays, unit="times")
# %% tags=["hide-input"]
order = price.argsort(descending=True)
lines = {"worth": value, "price (KL)": price}
lines = {text: (range(1, SIZE + 1), nats[order].clamp_min(1e-3).tolist()) for text, nats in lines.items()}
figure = plots.line_plot(lines, "unit, largest KL first", "nats (0.001 or less at the bottom)", log_y=True)
figure.axes[0].axhline(0.1, color="gray", linestyle=":")
figure.axes[0].annotate(
    "in use: worth at least 0.1 nats", (SIZE, 0.1), (0, 4), textcoords="offset points", ha="right"
)
show(
    figure,
    alt="Price and worth of each unit on a logarithmic axis, largest price first. For the units on the left the worth lies well above the price; on the right both lie below a dotted line at 0.1 nats.",
    title=f"{n} units are worth more than they cost; to the decoder the others are worth next to nothing",
)
# %% [markdown]
# Call a unit **in use** if it is worth at least 0.1 nats. Of {{offered}} units {{in_use}} are; the others are *silent*. Two checks, on other pictures:
#
# - The silent units might matter *together*, though none does alone. Replace all of them at once, and {{silent}} are lost.
# - A unit in use should be worth its price or more. If it were not, the encoder could send the prior in its place, save the KL, and lose less than that. Here each unit in use is worth at least {{pays}} its price.
#
# (Noise is a *wrong* number. A model that never had the unit may lose less.)
#
# The usual count needs no decoder: a unit is called **active** when the mean of $q(z_j|x)$ varies over the data with a variance above 0.01 (Burda et al. 2016).
#
# **Your turn (08.3).** Count the active units.


# %%
def count_active(means: torch.Tensor, threshold: float = 0.01) -> int:
    """means: (n, latent). Returns how many dimensions have a variance over the pictures above threshold."""
    ...


# hint("08.3")  # remove the first # for a hint, again for the next one
count_active = complete("08.3", count_active)
solution("08.3")
# %%
with torch.no_grad():
    active = count_active(model.encode(unseen).mean)
sweeps = {name: shipped_sweep(name) for name in TITLES}


USUAL = {"likelihood": "bernoulli", "sigma": None, "wide": False, "warmup": 0.3}


def measured(name, key, likelihood="bernoulli", least=-math.inf, **other):
    """A measure of the sweep: size → Runs over the seeds. ``key`` is a name, or a function of a record."""
    asked = USUAL | {"likelihood": likelihood} | other
    found = [run for run in sweeps[name][0] if all(run[part] == asked[part] for part in asked)]
    value = key if callable(key) else lambda run: run[key]
    by_size = {k: {run["seed"]: value(run) for run in found if run["k"] == k} for k in SIZES}
    return {k: Runs(each.values(), seeds=list(each), least=least) for k, each in by_size.items() if each}


def units(run, least=0.1):
    """Units in use: worth at least 0.1 nats."""
    return sum(nats >= least for nats in run["worth"])


def notes(unit="", **values):
    """Numbers that a sentence names."""
    for id, value in values.items():
        claims.note(id, value, unit=unit)


# %% tags=["hide-input"]
def unused_cost(run):
    """KL of all units that are not in use, nats."""
    return sum(kl for kl, nats in zip(run["kl"], run["worth"], strict=True) if nats < 0.1)


counted = {
    "worth ≥ 0.03 nats": partial(units, least=0.03),
    "worth ≥ 0.1": units,
    "worth ≥ 0.3": partial(units, least=0.3),
    "active": "active",
}
rows = []
for name, title in TITLES.items():
    found = {head: measured(name, key, least=0)[64] for head, key in counted.items()}
    rows.append({"data": title} | {head: f"{runs.mean:.1f}" for head, runs in found.items()})
teaching.results_table(rows, caption="Units of 64 by each count; Bernoulli, means over three seeds")
low, used, high, varied = found.values()  # of the small digits
notes(
    active=active, used_digits=used.mean, active_digits=varied.mean, above_low=low.mean, above_high=high.mean
)
notes("nats", cost_digits=measured("digits", unused_cost, least=0)[64])


# %% [markdown]
# In the model above {{active}} units are active, as many as are in use. Where the two kinds of units lie far apart, as for garments and MNIST, the counts nearly agree. For letters and the 1,197 small digits they do not: of 64 units of the digits {{above_low}}, {{used_digits}} or {{above_high}} are worth 0.03, 0.1 or 0.3 nats (means over three seeds), and {{active_digits}} are active. So name the threshold.
#
# Nor are silent units free: together they cost {{cost_digits}} there.
#
# ## 2 What does a size buy?
#
# To compare sizes, the course ships measurements of many such models (`python -m recipes.size_sweep`, curves in [docs](../docs/models.md)), three seeds of each. A replication
# of this chapter reads the same measurements.
#
# One measure needs code. A **linear probe** asks what can be read off a code with straight cuts: fit a linear classifier to codes of training pictures, test it on others (Alain & Bengio 2017).
# %%
@torch.no_grad()
def probe(model, known, asked, units=slice(None), draw=False):
    """Share of ``asked`` whose class a linear classifier of the mean codes, or of draws, finds; fitted on
    ``known``."""
    posteriors = [model.encode(part.floats()) for part in (known, asked)]
    codes = [q.sample(generator=seeded(i)) if draw else q.mean for i, q in enumerate(posteriors)]
    codes = [code[:, units].double().numpy() for code in codes]
    labels = [part.labels.numpy() for part in (known, asked)]
    classifier = LogisticRegression(C=1 / (1e-3 * len(known)), tol=1e-6, max_iter=10_000)
    return make_pipeline(StandardScaler(), classifier).fit(codes[0], labels[0]).score(codes[1], labels[1])


known, asked = (part.subset(min(1000, len(part)), seed=0) for part in (train, held_out))
own, package = probe(model, known, asked), evaluation.probe_accuracy(model, known, asked)
claims.add("same_probe", abs(own - package), below=2e-3, exact=True, text="The probe and the package's")
many, _ = train_vae(64, seed=0)  # the largest code of the sweep
quiet = price_and_worth(many, unseen[:half], "many")[1] < 0.1  # its silent units
alone, noisy = (probe(many, known, asked, quiet, draw) for draw in (False, True))
blind = asked.labels.bincount().max().item() / len(asked)  # always the most frequent class
claims.add("silent_know", alone - blind, above=0, unit="%", text="Probe of silent units, of 64, minus blind")
notes("%", probe_all=probe(many, known, asked), probe_used=probe(many, known, asked, ~quiet))
notes("%", probe_silent=alone, probe_drawn=noisy)
question = "Rebuilding pictures from 64 numbers, which makes the smaller squared error: PCA or a trained VAE?"
guess = predict(question, ["PCA", "the VAE", "the same"])
# %%
panels = {}
for name in ("mnist", "fashion_mnist"):
    table = sweeps[name][1]
    pca = {k: table["squared_error"][table["k"].index(k)] for k in SIZES}
    vae = measured(name, "squared_error")
    other = measured(name, "squared_error", "gaussian_learned")
    panels[TITLES[name]] = {"VAE, Bernoulli": vae, "VAE, Gaussian with learned σ": other, "PCA": pca}
guess.compare(0 if pca[64] < vae[64].mean else 1, f"PCA {pca[64]:.4f}, VAE {vae[64].mean:.4f}, garments.")
ahead, behind = pca[8] / vae[8], vae[64] / pca[64]
claims.add("ahead_8", ahead, above=1, unit="times", text="Garments, 8 numbers: PCA's error over the VAE's")
claims.add("behind_64", behind, above=1, unit="times", text="Garments, 64 numbers: VAE's error over PCA's")
# %% tags=["hide-input"]
free, _ = train_vae(SIZE, seed=0, most=0.0)  # the same network without the price
tested = load(DATASET, "test").floats()  # PCA's error is of these pictures, too
by_pca = sweeps[DATASET][1]["squared_error"][sweeps[DATASET][1]["k"].index(SIZE)]
for id, net in {"priced": model, "unpriced": free}.items():
    error = (net.reconstruct(tested) - tested).square().mean().item()
    claims.note(id, error / by_pca, unit="times")
found, nats = (measured("fashion_mnist", key) for key in ("probe", "negative_elbo"))
notes("points", probe_garments=(found[64] - found[8]) * 100)
notes("nats", elbo_garments=nats[8] - nats[64])
show(
    plots.side_by_side(panels, "size k of the code", "squared error of a pixel", log_x=2, log_y=True),
    alt="Squared error of a pixel against the size of the code, both axes logarithmic, MNIST left and garments right. PCA falls all the way, on MNIST ever more steeply. Both VAEs start below it, close together; the Bernoulli one becomes level at 16 numbers on MNIST and at 8 for garments, the Gaussian one at 32. At 64 PCA lies below both.",
    title="PCA's error goes on falling where the error of the Bernoulli VAE stays level",
)
# %% [markdown]
# **For the picture.** With 8 numbers PCA's error on garments is {{ahead_8}} the VAE's: a decoder that bends can get more out of a number. With 64 it is the other way round: the VAE's error is {{behind_64}} PCA's.
#
# Is it the price? PCA pays nothing for a number; a VAE pays the KL. So train the same network without the price (β = 0). With {{offered}} numbers the VAE's error is {{priced}} PCA's; without the price, {{unpriced}} (one run each). So here the price costs the VAE its lead. (A Gaussian VAE pays, too, but its σ makes errors dearer, and more numbers are worth their price: section 3. With 64 numbers PCA passes it, too.)
#
# **For the class.** From 8 to 64 numbers garments gain {{probe_garments}} by the probe. In −ELBO they gain {{elbo_garments}}: nothing that three seeds can tell from 0. So neither stands for the other. Where does a probe find its points? A hint from one model of 64: the probe finds the class of {{probe_all}} of the pictures from all units, {{probe_used}} from those in use, and {{probe_silent}} from the silent ones alone.
#
# How can a silent unit know? Its *means* still differ a little from picture to picture, and the probe blows them up to one size. From *draws*, which is what the decoder gets, the probe finds {{probe_drawn}}, as by guessing. Silent to the decoder is not empty to a probe.
#
# ## 3 Whose property is the number in use?
#
# Offer more and more numbers, under two likelihoods. How many are used?
# %%
question = "Garments, 64 numbers offered. Against a Bernoulli decoder, a Gaussian one with learned σ uses ..."
guess = predict(question, ["fewer", "the same, up to a few", "at least twice as many"])
counts = {}
for name in ("mnist", "fashion_mnist"):
    one, other = (measured(name, units, likelihood) for likelihood in ("bernoulli", "gaussian_learned"))
    every = dict(zip(SIZES, SIZES, strict=True))
    counts[TITLES[name]] = {"Bernoulli": one, "Gaussian, learned σ": other, "all of them": every}
bernoulli, gaussian = one[64], other[64]
ratio = gaussian.mean / bernoulli.mean
said = f"{gaussian.mean:.0f} against {bernoulli.mean:.0f} (means over the seeds)."
guess.compare(2 if ratio >= 2 else 0 if ratio < 0.8 else 1, said)
more = gaussian - bernoulli
claims.add("more_units", more, above=5, text="Garments, 64: units in use, Gaussian minus Bernoulli")
notes(units_bernoulli=bernoulli, units_gaussian=gaussian, units_of_32=one[32])
# %% tags=["hide-input"]
show(
    plots.side_by_side(counts, "size k of the code", "units in use", log_x=2, log_y=True),
    alt="Units in use against the size offered, both axes logarithmic, MNIST left and garments right. The Bernoulli line leaves the line of all units at about 8 to 16 and becomes level; the Gaussian line follows it to 16 for garments and to 32 on MNIST, then becomes level, too.",
    title=f"Garments, 64 offered: {gaussian.mean:.0f} units in use under a Gaussian, {bernoulli.mean:.0f} under a Bernoulli",
)


# %% [markdown]
# The same garments, network and training: {{units_bernoulli}} units in use under one likelihood, {{units_gaussian}} under the other. So the count is no property of the data alone.
#
# What differs? Perhaps σ. The Gaussian learned a σ of {{sigma}}: it expects to miss a pixel by about that, and pays dearly for more. A Bernoulli pixel is a coin, whose σ is $\sqrt{p(1-p)}$: up to ½ for a gray pixel.
#
# If σ matters, the count must fall as a σ held fixed grows. Linear theory says how far. In a VAE of linear networks, which does PCA ([Water-filling](deeper/Water_Filling.ipynb)), a unit is used exactly if the data's variance along its axis, an eigenvalue, exceeds $\sigma^2$ (Lucas et al. 2019).


# %%
def one_run(name, **asked):
    """The run of seed 0 that was offered 32 numbers and trained in this way."""
    asked = USUAL | {"k": 32, "seed": 0} | asked
    (run,) = (run for run in sweeps[name][0] if all(run[part] == asked[part] for part in asked))
    return run


# %%
learned = one_run("fashion_mnist", likelihood="gaussian_learned")
by_sigma = {learned["sigma_found"]: units(learned)}
for sigma in (0.25, 0.5, 1.0):
    by_sigma[sigma] = units(one_run("fashion_mnist", likelihood="gaussian", sigma=sigma))
linear = {}  # by the theory, of 32
for sigma in by_sigma:
    above = [value for value in sweeps["fashion_mnist"][1]["eigenvalues"] if value > sigma**2]
    linear[sigma] = min(32, len(above))
variance = unseen * (1 - unseen)  # of each pixel as a coin
notes(coin=variance.mean().sqrt(), sigma=learned["sigma_found"], units_learned=units(learned))
notes(units_at_quarter=by_sigma[0.25], units_at_half=by_sigma[0.5], units_at_1=by_sigma[1.0])
notes(linear_at_half=linear[0.5], linear_at_1=linear[1.0])


# %%
def gained(name, key):
    """With 32 offered: the measure with warm-up minus without, over the seeds."""
    return measured(name, key)[32] - measured(name, key, warmup=0.0)[32]


def at_end(run):
    """Units with a KL of at least 0.05 nats after the last update."""
    return run["units"][-1]


more, better = gained("mnist", at_end), -gained("mnist", "negative_elbo")
claims.add("history", more, above=1, text="MNIST, 32 offered: units, with warm-up minus without")
claims.add("same_loss", better, above=0, unit="nats", text="Their −ELBO, without minus with")
notes(history_garments=gained("fashion_mnist", at_end))
# %% tags=["hide-input"]
over_time = {}
for text, share in {"with warm-up": 0.3, "without": 0.0}.items():
    run = one_run("mnist", warmup=share)
    over_time[text] = dict(zip(run["steps"], run["units"], strict=True))
left = {"units worth ≥ 0.1 nats": by_sigma, "eigenvalues above σ², at most 32": linear}
panels = {"Garments, Gaussian (first σ: learned)": left, "MNIST, Bernoulli: KL ≥ 0.05 nats": over_time}
figure = plots.side_by_side(panels, "σ of a pixel", "units (of 32 offered)")
figure.axes[1].set_xlabel("update")
for axes in figure.axes:
    axes.legend()
    axes.set_yticks(range(0, 33, 8))
figure.legends.clear()
show(
    figure,
    alt="Left, units in use for garments against the sigma of a Gaussian decoder, learned at the leftmost point and held fixed at the others, next to the number of PCA eigenvalues above sigma squared, capped at the 32 units offered: both fall as sigma grows, the eigenvalues from above; at a quarter they are still at the cap. Right, for MNIST, units whose KL is at least 0.05 nats against updates: nearly all 32 wake up, then more than half of them fall silent, and the curves end almost level, the one with warm-up higher; the one without rises once, by one unit.",
    title="Fewer units are in use as σ grows (left), and more if training has a warm-up (right)",
)


# %% [markdown]
# **σ matters** (left). The count falls from {{units_learned}} at the learned σ to {{units_at_quarter}} at ¼, {{units_at_half}} at ½ and {{units_at_1}} at 1 (one seed each). Linear theory has the direction right and the numbers too high: all 32 up to ¼, {{linear_at_half}} at ½, {{linear_at_1}} at 1.
#
# **One σ is not all.** The pixels of the garments, as coins, have a σ of {{coin}} (root mean square). A Gaussian of nearly that σ, ¼, uses {{units_at_quarter}} of 32 units (one seed); the Bernoulli {{units_of_32.value}} (three seeds). (Is it that a coin's σ differs from pixel to pixel? This does not tell.)
#
# **Training matters** (right, one seed; a KL of at least 0.05 nats counts, because worth was measured at the end only). With warm-up MNIST ends with {{history}} units more than without, and a −ELBO that is {{same_loss}} better. Garments end with {{history_garments}} more.
#
# So the number in use says what *this* model found worth its price. Report it; do not read it as the size of the data.
#
# ## 4 A rule that knows what it does not know
#
# What remains is the loss itself, on held-out pictures: the code is large enough when a larger one does not help. **Your turn (08.4).** `losses` maps each size to its losses, one for each seed. Return the smallest size whose mean is at most `tolerance` above the lowest mean.


# %%
def smallest_good_size(losses: dict[int, list[float]], tolerance: float) -> int:
    """losses: latent size -> losses, one for each seed (nats). Returns one of the sizes."""
    ...


# hint("08.4")  # remove the first # for a hint, again for the next one
smallest_good_size = complete("08.4", smallest_good_size)
solution("08.4")


# %% [markdown]
# Three seeds leave room for luck. So judge every size by the 95 % interval of its excess over the best size. A size is **good** if the whole interval is within the tolerance, **worse** if the whole interval is above it, otherwise **open**. *Take the smallest good size; where an open one is smaller still, train more seeds. If the largest is the only good one, double it.*
# %%
def verdicts(losses):
    """Excess of each size over the best (Runs), and what the seeds allow to say: good, worse or open."""
    best = min(losses, key=lambda k: losses[k].mean)
    excess = {k: runs - losses[best] for k, runs in losses.items()}
    said = {}
    for k, runs in excess.items():
        low, high = (0, 0) if k == best else runs.interval()
        said[k] = "good" if high <= TOLERANCE else "worse" if low > TOLERANCE else "open"
    return best, excess, said


panels, rows, lowest, left_out = {}, [], {}, []
for name, title in TITLES.items():
    losses = measured(name, "negative_elbo")
    lowest[title], excess, said = verdicts(losses)
    panels[title] = {"": {k: excess[k] for k in SIZES if k >= 8}}
    left_out += [excess[2].mean, excess[4].mean]
    means = smallest_good_size({k: runs.values for k, runs in losses.items()}, TOLERANCE)
    row = {"data": title, "by means": means, "by the rule": min(k for k in said if said[k] == "good")}
    row["open"] = ", ".join(str(k) for k in said if said[k] == "open") or "none"
    row["in use when 64 are offered"] = f"{measured(name, units)[64].mean:.1f}"
    rows.append(row)
# %% tags=["hide-input"]
notes("nats", digits_64=excess[64], left_out=min(left_out))
notes(updates_digits=measured("digits", "updates")[64].mean)
measure = f"nats above the best (dotted: {TOLERANCE:g})"
show(
    plots.side_by_side(panels, "size k, from 8 on", measure, log_x=2, levels={"": TOLERANCE}),
    alt="Excess of the held-out negative ELBO over the best size against the size of the code from 8 on, a panel with an axis of its own for each data set, with 95 % intervals over three seeds but for the best itself, and the tolerance as a dotted line. MNIST and letters fall from 8 to 16; from there on, and from 8 on for the others, no mean is lower; small digits rise by several nats at 64.",
    title=f"In all four the lowest mean is at {min(lowest.values())} or {max(lowest.values())} numbers; "
    "nothing here speaks for more",
)
teaching.results_table(rows, caption="Sizes chosen on held-out pictures (Bernoulli, three seeds)")
for kind, likelihood in {"bernoulli": "bernoulli", "gaussian": "gaussian_learned"}.items():
    nats = measured("fashion_mnist", "negative_elbo", likelihood)
    claims.note(f"gain_{kind}", nats[8] - nats[32], unit="nats")
# %% [markdown]
# Codes of 2 and 4, left out of the picture, lie {{left_out}} or more above the best. Under a Bernoulli, nothing speaks for more than 16 numbers, though many intervals are wide. What the rule adds to the means is the column *open*. For letters it asks for more seeds: 8 is open, and smaller than the 16 that it takes. With a single seed every size but the best stays open.
#
# For small digits a code of 64 is {{digits_64}} worse than one of 8: overfitted, or unfinished after {{updates_digits}} updates.
#
# Choose with the likelihood that you will use. From 8 to 32 numbers garments gain {{gain_gaussian}} under the Gaussian. Under the Bernoulli they gain {{gain_bernoulli}}: 0 lies inside. (Only the first are nats of a density: do not compare one gain with the other.) For classes, put the probe in the place of −ELBO. For pictures of your own: `python -m vae_course sweep --images my_pictures.npy`.
#
# ## Play
#
# One model has learned all sizes and all β at once. In the running notebook a bar shows each unit's KL: raise the size until new bars stay flat; then raise β and see bars go out.
# %%
from vae_course.widgets import explore_beta_latent

explorer = explore_beta_latent(load_one_model(DATASET), held_out, train)
# %% [markdown]
# ## Break it
#
# In section 1 no unit that fell silent spoke again. Wake them: after half of the training, set all weights of silent units in the encoder's last layer and the decoder's first back to what they were at the start, and train on. **Before** you run it, write down how many units will be in use at the end, whether −ELBO will be better or worse than without, and by how much.
#
# A good answer predicts all three with a reason; shows units over updates for both in one figure; uses at least two seeds; measures the worth, not the KL alone; and says which sentence of section 3 the result supports or refutes.
#
# ## What you can say now
#
# - More numbers need not mean less error: for garments it stays level from 8 on under a Bernoulli, and falls on to 32 under a Gaussian with learned σ.
# - A unit is in use if noise in its place makes the pictures less likely: name the threshold.
# - How many are in use is set by data, likelihood and training together: the same garments take {{units_bernoulli}} or {{units_gaussian}}.
# - Choose by held-out loss, with intervals, and say which sizes your seeds cannot tell apart.
#
# **Dig deeper**: the VAE where the number in use is a theorem, [Water-filling](deeper/Water_Filling.ipynb).
#
# ## References
#
# - Y. Burda, R. Grosse, R. Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016. Section 5.2 (active units).
# - G. Alain, Y. Bengio: *Understanding Intermediate Layers Using Linear Classifier Probes*, ICLR workshop 2017.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi: *Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse*, NeurIPS 2019.
# - O. Rybkin, K. Daniilidis, S. Levine: *Simple and Effective VAE Training with Calibrated Decoders*, ICML 2021 (learned σ).
# - J. Bae et al.: *Multi-Rate VAE*, ICLR 2023; O. Rippel, M. Gelbart, R. Adams: *Learning Ordered Representations with Nested Dropout*, ICML 2014 (the model behind the sliders).
#
# Next: [09 · Creative applications](09_Creative_Applications_of_VAEs.ipynb)
# %% tags=["hide-input"]
claims.report()

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
# # 07 · Why blurry, and how would you know?
#
# <!-- badge -->
#
# <!-- minutes -->
#
# "VAE pictures are blurry." What blurs them: code, decoder, training, or pixels?
# Below, a filter that has learned nothing sharpens the VAE's digits, and another blurs the GAN's. Each improves one famous mark and worsens another (section 5).
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
TOY_BETAS = [1.0, 11.0]  # weights of the KL term in the toy world, rising
SHORT = 500  # updates of a short training, 50 or more
LONG = 4000  # updates of a long training, more than SHORT
AGAIN = 1500  # updates of a decoder that is trained anew on given codes, 50 or more
LETTER_UPDATES = 1200  # updates of each network of letters, 50 or more
N_SEEDS = 3  # repetitions, 2 or more: intervals are 95 % t-intervals over them
JUDGED = 2000  # pictures on each side of every comparison, 200 or more
# %% tags=["hide-input"]
import math

import torch
from torch import nn

from vae_course import VAE, Runs, clock_hands, load, seed_everything, seeded, teaching, weights
from vae_course.plots import image_grid, line_plot
from vae_course.teaching import complete, hint, predict, results_table, show, solution
from vae_course.widgets import retouch

least = dict(TOY_BETAS=[0.0], SHORT=50, LONG=51, AGAIN=50, LETTER_UPDATES=50, N_SEEDS=2, JUDGED=200)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("07_Limitations_of_VAEs_in_Realism", parameters)
# %% tags=["hide-input"]
from vae_course import evaluation


def note(unit="", **numbers):
    for name, number in numbers.items():  # for the text
        claims.note(name, number, unit=unit)


DIGITS = "digits" if OFFLINE else "mnist"
judge, trio = weights.load_classifier(DIGITS), weights.load_trio()
held_out, test = load(DIGITS, "validation"), load(DIGITS, "test")
JUDGED = min(JUDGED, len(held_out), len(test))
real = held_out.subset(JUDGED, seed=0).floats()  # every judge compares with these
vae, gan = (trio[name].sample(JUDGED, seeded(3)).clamp(0, 1) for name in ("vae", "gan"))
rows = {"people": real, "VAE": vae, "sharpened": retouch(vae, 2.0), "× 1.3": (1.3 * vae).clamp(0, 1)}
rows |= {"GAN": gan, "blurred": retouch(gan, -1.0)}
first = {name: evaluation.sample_quality(x, real, judge) for name, x in rows.items()}
far, sure = ([getattr(q, mark) for q in first.values()] for mark in ("frechet", "precision"))
names = ["written by people", *(f"{n}: {far[i]:.0f}, {sure[i]:.2f}" for i, n in enumerate(rows) if i)]
show(
    image_grid(torch.cat([x[:10] for x in rows.values()]), 6, 10, row_titles=names),
    alt="Six rows of ten digits, five with Fréchet distance and precision: written ones; a VAE's, soft, some of them no clear digit; the same sharpened, with hard edges and the same broken shapes; the same, every pixel times 1.3, brighter and still soft; a GAN's, crisp, about half of them no clear digit; and these blurred.",
    title=f"Fréchet distance: VAE {far[1]:.0f}, sharpened {far[2]:.0f}, brighter {far[3]:.0f}. Precision: GAN {sure[4]:.2f}, blurred {sure[5]:.2f}",
)
# %% [markdown]
# These marks are of one draw of 2,000 digits; sections 4 to 6 take three.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** what a decoder draws when its code leaves several pictures possible;
# 2. **separate** what a blurry picture lacks in bits, in its decoder and in its training;
# 3. **show** with a control what makes an edge crisp, and what that costs;
# 4. **define** Fréchet distance, precision and recall, and say what each cannot see;
# 5. **turn** one dial that trades precision for recall.
#
# You need chapter 02's VAE, chapter 04's rate and chapter 06's GAN.
# Numbers in the text are those of the full run.
#
# ## 1 What does a decoder draw when it cannot tell?
#
# A clock has one hand, which points in one of sixteen directions: sixteen pictures are the whole world. Suppose the code only says "hand $a$ or hand $b$", equally likely. The decoder must draw one picture $\mu$, and pays $\lVert x - \mu\rVert^2$.
# %%
options = ["one of the two hands", "both hands in gray", "a hand halfway between them"]
guess = predict("To pay least on average, the decoder draws ...", options)
hands = clock_hands(16).floats()
a, b = hands[2], hands[6]
costs = [((a - mu) ** 2 + (b - mu) ** 2).sum().item() / 2 for mu in (a, (a + b) / 2, hands[4])]
guess.compare(costs.index(min(costs)), f"the three cost {costs[0]:.1f}, {costs[1]:.1f} and {costs[2]:.1f}.")
# %% [markdown]
# Half of the time a committed decoder pays nothing, and half of the time $\lVert a - b\rVert^2$. The average always pays a quarter of that. The rule behind it:
#
# $$
# \arg\min_\mu\ \mathbb E\bigl[\lVert x - \mu\rVert^2 \mid z\bigr] = \mathbb E[x \mid z].
# $$
#
# In words: the best single picture for a code is the average of all that the code leaves possible. Bernoulli and Gaussian likelihoods share it.
#
# **Your turn (07.1).** Return the picture with the smallest expected squared error. The weights say how likely each picture is; they need not add up to 1.


# %%
def best_picture(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pictures: (n, C, H, W); weights: (n,), >= 0, not normalized. Returns (C, H, W)."""
    ...


# hint("07.1")  # remove the first # for a hint, again for the next one
best_picture = complete("07.1", best_picture)
solution("07.1")
# %% [markdown]
# Does a trained VAE do just that? By Bayes' rule, the weight of picture $x_i$ at a code $z$ is $q(z|x_i) / \sum_j q(z|x_j)$: how likely its own cloud is to produce this $z$. With these weights your `best_picture` is the exact
# $\mathbb E[x|z]$, and a decoder that is trained well must draw it.


# %%
# Adam along a cosine to 0: every training of this chapter. Returns the loss of each update.
def descend(parameters, loss, updates):
    optimizer, losses = torch.optim.Adam(parameters, 4e-3, fused=True), []
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        falling.step()
        losses.append(value.item())
    return torch.tensor(losses)


def negative_elbo(model, x, beta, draws):
    q = model.encode(x)
    return (beta * q.kl() - model.log_likelihood(x, q.sample(generator=draws))).mean()


def train_toy(beta, seed):
    seed_everything(seed)
    model, draws = VAE.for_data(clock_hands(16), latent_dim=2, hidden_dims=(64, 64)), seeded(seed)
    many = hands.repeat(4, 1, 1, 1)
    descend(model.parameters(), lambda: negative_elbo(model, many, beta, draws), 2 * SHORT)
    return model


# %%
# What is drawn at 160 codes, the exact average, the likeliest hand; the rate; how far off the two it is.
@torch.no_grad()
def look(model, seed):
    q = model.encode(hands)
    z = q.sample(10, generator=seeded(seed))
    w = q.log_prob(z[:, :, None]).softmax(2).flatten(0, 1)  # (codes, 16): Bayes' rule
    drawn = torch.sigmoid(model.decode(z.flatten(0, 1)))
    seen = drawn, torch.stack([best_picture(hands, one) for one in w]), hands[w.argmax(1)]
    return seen, q.kl().mean(), *((drawn - other).square().mean().sqrt() for other in seen[1:])


toys = {beta: [look(train_toy(beta, seed), seed) for seed in range(N_SEEDS)] for beta in TOY_BETAS}
rate, off, far_off = (
    {b: Runs((t[i].item() for t in found), least=0) for b, found in toys.items()} for i in (1, 2, 3)
)
worst = max(max(runs.values) for runs in off.values())
claims.add("off_average", worst, below=0.06, unit="%", text="Toy: off the exact average, of the range")
torn = min(TOY_BETAS, key=lambda beta: abs(rate[beta].mean - math.log(4)))
claims.add("torn", off[torn] / far_off[torn], below=0.5, text="Toy: off the average over off the likeliest")
note("nats", torn_rate=rate[torn].mean)
# %% tags=["hide-input"]
chosen = torch.randperm(160, generator=seeded(5))[:10]
seen = torch.cat([row[chosen] for row in toys[torn][0][0]])
show(
    image_grid(seen, 3, 10, row_titles=["decoder", "exact average", "likeliest hand"]),
    alt="Ten codes. Top row: what the trained decoder draws, fans of several hands, some narrow, some wide. Middle row: the exact averages, alike. Bottom row: single crisp hands.",
    title=f"With {rate[torn].mean:.1f} nats for 16 hands, a VAE's decoder draws the average of what its code leaves open",
)


# %% [markdown]
# The decoder draws close to the exact average: at both β it is off by at most {{off_average}} of the range from black to white (root mean square). At the larger one the code says {{torn_rate}}, sixteen hands hold 2.8, and its distance to the average is {{torn}} of that to the likeliest hand. In this world, blur is what the code does not say.
#
# ## 2 Whose fault is the blur of real pictures?
#
# On real pictures the code may say too little, the decoder be too small, or the training too short.
#
# First a measure. A picture is a sum of waves; the fine ones are edges and texture. **Fine power** is the power of all waves of 0.25 cycles per pixel or more, as a share of the data's.
#
# **Your turn (07.3).** Which share of that power is missing? Power is the squared size of a Fourier coefficient, averaged over the pictures, summed over all waves with $\sqrt{f_x^2 + f_y^2} \ge$ `cutoff`.
# %%
def missing_power(samples: torch.Tensor, data: torch.Tensor, cutoff: float) -> torch.Tensor:
    """samples, data: (n, 1, side, side); cutoff: cycles per pixel. Returns a number, at most 1."""
    ...


# hint("07.3")  # remove the first # for a hint, again for the next one
missing_power = complete("07.3", missing_power)
solution("07.3")


def fine(pictures, data):
    return 1 - missing_power(pictures, data, 0.25).item()


off = abs(fine(vae, real) - evaluation.relative_power(vae, real, high=1))
claims.add("same_power", off, below=1e-4, exact=True, text="Your fine power off the package's")
# %% [markdown]
# Now garments. A small network (one layer of 32 units in encoder and decoder) and a large one (384 and 256 units); 500 updates or 4,000, of 128 pictures; β = 1, or 0.2, at which bits are cheap. "Large, long" has another recipe: the course's shipped model, one for all β and one seed, saw four times as many pictures in larger batches.
# %%
options = ["as much: the bits decide", "one and a half times as much", "twice as much or more"]
question = "The small network with 500 updates keeps an eighth of the fine power. The large one, trained long, spends as many nats at β = 1. It keeps ..."
guess = predict(question, options)
GARMENTS = "digits" if OFFLINE else "fashion_mnist"
train, x = load(GARMENTS, "train"), load(GARMENTS, "validation").floats()[:2000]
SIZE, SMALL, LARGE, BETAS = 32, (32,), (384, 256), (1.0, 0.2)


def train_vae(hidden, updates, beta, seed):
    seed_everything(seed)
    model, draws = VAE.for_data(train, latent_dim=SIZE, hidden_dims=hidden), seeded(seed)

    def loss():
        index = torch.randint(len(train), (128,), generator=draws)
        return negative_elbo(model, train.batch(index), beta, draws)

    return model.eval(), descend(model.parameters(), loss, updates)


models, ready = {}, weights.load_one_model(GARMENTS)
plans = {"small, short": (SMALL, SHORT), "small, long": (SMALL, LONG), "large, short": (LARGE, SHORT)}
for name, beta in [*((name, 1.0) for name in plans), ("small, short", 0.2)]:
    models[name, beta] = [train_vae(*plans[name], beta, seed) for seed in range(N_SEEDS)]
for beta in BETAS:
    models["large, long", beta] = [(ready.at(beta=beta, k=SIZE), None)]


# %% [markdown]
# A control: **freeze the encoder**, and train a new large decoder on nothing but its codes. What this one cannot draw either, the code does not say (or no decoder finds it). The table says which fine power is drawn, and which is drawn *right*: 1 minus that of the error.
# %%
# A new large decoder for the codes of a model, which stays as it is.
def train_anew(model, seed):
    seed_everything(seed)
    with torch.no_grad():
        parts = [model.encode(train.batch(part)) for part in torch.arange(len(train)).split(5000)]
    mean, std = torch.cat([q.mean for q in parts]), torch.cat([(q.log_var / 2).exp() for q in parts])
    new, draws = VAE.for_data(train, latent_dim=SIZE, hidden_dims=LARGE), seeded(seed)

    def loss():
        index = torch.randint(len(train), (128,), generator=draws)
        z = mean[index] + std[index] * torch.randn(len(index), SIZE, generator=draws)
        return -new.log_likelihood(train.batch(index), z).mean()

    return new.eval(), descend(new.decoder.parameters(), loss, AGAIN)


# Held-out pictures from a draw of their codes.
@torch.no_grad()
def rebuilt(model, decoder=None):
    return torch.sigmoid((decoder or model).decode(model.encode(x).sample(generator=seeded(1))))


# %%
spent = {key: Runs(m.encode(x).kl().mean().item() for m, _ in those) for key, those in models.items()}
pictures = {key: [rebuilt(model) for model, _ in those] for key, those in models.items()}
for name in ("small, short", "large, long"):
    those = [models[name, 1.0][seed % len(models[name, 1.0])][0] for seed in range(N_SEEDS)]
    new = models[name, "anew"] = [train_anew(model, seed) for seed, model in enumerate(those)]
    pictures[name, "anew"] = [rebuilt(model, own) for model, (own, _) in zip(those, new, strict=True)]
kept = {key: Runs((fine(p, x) for p in those), least=0) for key, those in pictures.items()}
right = {key: Runs(missing_power(x - p, x, 0.25) for p in those) for key, those in pictures.items()}
said, table = {1.0: "β = 1", 0.2: "β = 0.2", "anew": "β = 1, new decoder"}, []
for key in pictures:
    row = {"network, training": f"{key[0]}, {said[key[1]]}"}
    row["nats"] = f"{spent.get(key, spent[key[0], 1.0]).mean:.1f}"
    row["fine power drawn"], row["fine power right"] = (f"{of[key].mean:.0%}" for of in (kept, right))
    table.append(row)
results_table(table, caption="Held-out pictures, rebuilt from a draw of their codes; means over seeds")
first, best, cheap = kept["small, short", 1.0], kept["large, long", 1.0].mean, kept["large, long", 0.2].mean
anew, times = kept["small, short", "anew"], best / first
guess.compare(0 if times.mean < 1.25 else 1 if times.mean < 2 else 2, f"{times:.1f} times as much.")
claims.add("same_bits", times, above=1.5, unit="times", text="Fine power: large, long over small, short")
gained = right["small, short", "anew"] - right["small, short", 1.0]
claims.add("anew_right", gained, above=0, unit="%", text="Small, short: right power, new decoder minus own")
found, apart = kept["large, long", "anew"] - best, max(abs((kept[k] - right[k]).mean) for k in kept)
note("%", first=first, anew=anew, best=best, cheap=cheap, anew_large=found, apart=apart)
note("%", trained=kept["small, long", 1.0], grown=kept["large, short", 1.0], bits=kept["small, short", 0.2])
note("nats", best_nats=spent["large, long", 1.0], cheap_nats=spent["large, long", 0.2])
# %% tags=["hide-input"]
keys = [("small, short", 1.0), ("small, short", "anew"), ("small, long", 1.0)]
keys += [("large, long", beta) for beta in BETAS]
labels = ["small, short", "its new decoder", "small, long", "large, long", "large, β = 0.2"]
names = ["real", *(f"{label}: {kept[key].mean:.0%}" for label, key in zip(labels, keys, strict=True))]
show(
    image_grid(torch.cat([p[10:20] for p in (x, *(pictures[k][0] for k in keys))]), 6, 10, row_titles=names),
    alt="Six rows of ten garments, each with its fine power: real; rebuilt by the small network after a short training, most kinds plain, outlines soft, one dress a smear; from the same codes by a new decoder, a little clearer; small network, long training; large network, long training, clear outlines; the same at beta 0.2, a few more details. Prints and folds are missing in all rebuilt rows.",
    title=f"Of the fine power, these networks keep {first.mean:.0%} to {best:.0%} at β = 1, and {cheap:.0%} at β = 0.2",
)


# Updates and losses, averaged over 25 parts of a training.
def smooth(losses):
    parts = losses.tensor_split(25)
    return [(i + 1) * len(losses) // 25 for i in range(25)], [part.mean().item() for part in parts]


def last_fifth(losses):
    return 1 - smooth(losses)[1][-1] / smooth(losses)[1][-6]


fell = max(abs(last_fifth(losses)) for _, losses in models["small, long", 1.0])
curves = {name: smooth(models[name, 1.0][0][1]) for name in plans}
ends = [curves[name][1][-1] for name in ("small, short", "small, long")]
show(
    line_plot(curves, "updates", "−ELBO while training (nats)", log_x=True),
    alt="Training loss of three VAEs at beta 1 against the updates, logarithmic. The large network falls faster than the small one; the small network's long training ends below its short one, nearly flat.",
    title=f"More updates take a small network from {ends[0]:.0f} to {ends[1]:.0f} nats; in the last fifth the long training changes by {fell:.1%} at most",
)
# %% [markdown]
# Network and training gave back about a quarter of the missing fine power; the code's bits explain little of it. At about {{best_nats.value}} each, fine power goes from {{first}} to {{best.value}}: {{same_bits}} as much (the large one is a single seed).
#
# - **Decoder**: from the same codes, the new decoder, larger and longer trained, draws {{anew}}. It gets {{anew_right.number}} points more *right*. That is a lower bound: on the large model's codes the same recipe falls short of their own decoder ({{anew_large.number}} points).
# - **Size or training**: from "small, short", longer training leads to {{trained.value}}, a larger network to {{grown.value}}, cheap bits to {{bits.value}}. The rest of the way to {{best.value}} changes size, length and recipe together.
# - **What stays away**: for an average $\mu = \mathbb E[x|z]$, $\mathbb E|x - \mu|^2 = \mathbb E|x|^2 - \mathbb E|\mu|^2$: it has the power that it gets *right*. In all rows the two agree to {{apart.number}} points, also for "small, short", whose decoder does not draw what its code says. So their agreement does not tell what a code holds.
#
# Even the best keeps {{cheap.value}}, with {{cheap_nats.value}}: in these networks most of the blur stays. (All schedules end at rate 0, which flattens any curve; those of the new decoders are not shown.)
#
# ## 3 Must doubt look like blur?
#
# Is an average of pictures blurred because it is taken *pixel by pixel in ink*? Take capitals of many typefaces and let the decoder write something else: at each pixel the **distance to the outline** (Park et al. 2019), positive inside the letter. To see the letter, cut at zero.
# %%
import numpy as np
from scipy.ndimage import distance_transform_edt
from torch.nn import functional as F

REACH = 3  # pixels from the outline where the distance is clipped


# Ink (n, 1, 32, 32) → signed distance to the outline, −REACH to REACH written as 0 to 1; found on a finer grid.
def to_distance(ink):
    fields = []
    for inside in F.interpolate(ink, scale_factor=2, mode="bicubic").numpy()[:, 0] > 0.5:
        within = distance_transform_edt(inside) if inside.any() else np.zeros(inside.shape)
        fields.append(np.where(inside, within - 0.5, 0.5 - distance_transform_edt(~inside)) / 2)
    distance = torch.from_numpy(np.stack(fields)).float()[:, None]
    return F.avg_pool2d((distance / (2 * REACH) + 0.5).clamp(0, 1), 2)


# Full ink half a pixel inside the outline, none half a pixel outside.
def to_ink(distance):
    return (2 * REACH * (distance - 0.5) + 0.5).clamp(0, 1)


letters, unseen = load("letters", "train"), load("letters", "test")
ink, y = letters.floats()[: 1560 if OFFLINE else None], unseen.floats()
# %%
options = ["a gray ghost, as in ink", "an R of medium weight", "nothing: the distances cancel"]
guess = predict("The average of a light R and a heavy R, taken in distances, is ...", options)
amount = y.mean((1, 2, 3))
r, i, t = (
    [n for n in amount.argsort().tolist() if unseen.class_names[unseen.labels[n]] == name] for name in "RIT"
)
cells = []
for two in (y[[r[3], r[-3]]], y[[i[0], t[0]]]):
    cells += [*two, two.mean(0), to_ink(two.mean(0)), to_ink(to_distance(two).mean(0))]
titles = ["one", "other", "mean of ink", "mean of ink, cut", "mean of distances"]
faint = [((p - 0.5).abs() < 0.3).float().mean() for p in cells[2:5]]  # gray pixels
show(
    image_grid(torch.stack(cells), 2, 5, column_titles=titles, cell=1.6),
    alt="Two rows of five. A light R, a heavy R, their mean in ink, a light R in a gray halo, the same through a steep cut, halo and all, and their mean in distances, a crisp R of medium weight. Below, chosen for it, the lightest I and T, both thin, their mean in ink, gray strokes, the same cut, and their mean in distances, in which the strokes that only one of them has are gone.",
    title=f"Gray pixels in the mean of two R: {faint[0]:.0%} in ink, {faint[1]:.0%} in ink through the cut, {faint[2]:.0%} in distances",
)
guess.compare(int(faint[2] < faint[0] / 2), f"{faint[2]:.0%} gray pixels; in ink {faint[0]:.0%}.")


# %% [markdown]
# Here distances do it: where only one R has ink, the mean is ½, and a steep cut leaves it gray. But thin strokes vanish (by the cut, too).
#
# The same with a model. One VAE of letters, at β = 5 so that its code leaves much open, gives the codes; then two equal decoders learn from them, with a squared error each: one writes ink, the other distances. The bits are the same. The control: ink goes through the same steep cut.
# %%
# A VAE of ink; then, for its codes, a decoder of ink and one of distances.
def train_letters(seed):
    seed_everything(seed)
    vae, draws = VAE.for_data(letters, latent_dim=16, hidden_dims=(256,)), seeded(seed)

    def some():
        return torch.randint(len(ink), (128,), generator=draws)

    curves = [descend(vae.parameters(), lambda: negative_elbo(vae, ink[some()], 5, draws), LETTER_UPDATES)]
    with torch.no_grad():
        q = vae.encode(ink)

    def loss(decoder, target):
        index = some()
        z = q.mean[index] + (q.log_var[index] / 2).exp() * torch.randn(len(index), 16, generator=draws)
        return (decoder(z).view(-1, 1, 32, 32) - target[index]).square().mean()

    decoders = [nn.Sequential(nn.Linear(16, 256), nn.GELU(), nn.Linear(256, 1024)) for _ in range(2)]
    for decoder, target in zip(decoders, (ink, distances), strict=True):
        run = descend(decoder.parameters(), lambda d=decoder, t=target: loss(d, t), LETTER_UPDATES)
        curves.append(run)
    return vae, *decoders, curves


distances = to_distance(ink)
lettering = [train_letters(seed) for seed in range(N_SEEDS)]
# %%
reader, thin = weights.load_classifier("letters"), amount < amount.quantile(0.1)


@torch.no_grad()
def written(vae, *decoders):
    z = vae.encode(y).sample(generator=seeded(2))
    in_ink, in_distances = (decoder(z).view(-1, 1, 32, 32) for decoder in decoders[:2])
    return in_ink.clamp(0, 1), to_ink(in_ink), to_ink(in_distances)


# Share of gray pixels, error of a pixel, letters read as meant, and ink of the lightest tenth of letters.
def marks_of(p):
    read, gray = reader.probabilities(p).argmax(1) == unseen.labels, (p - 0.5).abs() < 0.3
    return gray.float().mean(), (p - y).square().mean(), read.float().mean(), p[thin].sum() / y[thin].sum()


marks = [[[mark.item() for mark in marks_of(p)] for p in written(*some)] for some in lettering]
found = [[Runs((one[w][i] for one in marks), least=0) for w in (0, 1, 2)] for i in range(4)]
for name, runs in zip(("gray", "error", "read", "left"), found, strict=True):
    for way, each in zip(("ink", "cut", "far"), runs, strict=True):
        note("" if name == "error" else "%", **{f"{name}_{way}": each.mean if name != "read" else each})
read, left = found[2:]
claims.add("cut_reads", read[1] - read[2], above=0, unit="%", text="Read as meant: cut ink minus distances")
claims.add("thin", left[1] - left[2], above=0, unit="%", text="Ink of light letters: cut ink minus distances")
fell = max(last_fifth(losses) for *_, curves in lettering for losses in curves)
there = marks_of(to_ink(to_distance(y)))[2].item()  # no model: to distances and back
note("%", gray_true=marks_of(y)[0].item(), letters_fell=fell, there_read=there)
# %% tags=["hide-input"]
ten = torch.cat([torch.randperm(len(y), generator=seeded(4))[:6], thin.nonzero()[:4, 0]])
pages = torch.cat([p[ten] for p in (y, *written(*lettering[0]))])
show(
    image_grid(pages, 4, 10, row_titles=["unseen letters", "ink", "ink, cut", "distances, cut"]),
    alt="Ten letters of unseen typefaces, the last four of the lightest, and three rows rebuilt from the same codes. In ink: soft, with ghosts of other letters behind; in the full run one G came out as a C, one J looks like a 3. The same ink through the steep cut: crisp edges in steps, no faint ghosts, one J broken. In distances: crisp, too, the same G a C; strokes of light letters are thin, broken or missing, another is too heavy.",
    title=f"Same codes, read as meant: {read[0].mean:.0%} in ink, {read[1].mean:.0%} in ink through the cut, {read[2].mean:.0%} in distances",
)
# %% [markdown]
# With the same codes, ink leaves {{gray_ink}} of the pixels gray, distances {{gray_far}} (true letters {{gray_true}}). But in a model the cut alone does it: *ink* through the same cut leaves {{gray_cut}}. A classifier reads {{read_ink}} of the ink as meant, {{read_cut}} of the cut ink, {{read_far}} of the distances: {{cut_reads.number}} points fewer. (True letters, sent to distances and back, are read to {{there_read.value}}.)
#
# The cut hides doubt; it does not end it. A pixel's squared error, which favors averages, is {{error_ink.value}} in ink, {{error_cut.value}} cut, {{error_far.value}} in distances. The lightest letters get {{left_ink.value}} of their ink, {{left_cut.value}} cut, {{left_far.value}} in distances: clipped at 3 pixels, the one reach that was tried, distances lose thin strokes. (The codes were learned for ink; the losses still fell by up to {{letters_fell}} in the last fifth.)
#
# ## 4 A GAN to compare with
#
# Chapter 01's VAE and GAN have the same decoder network, each its own weights. How near are their digits to real ones? Let a classifier of digits turn each picture into 64 features, and compare clouds of features. Fit a Gaussian to each cloud:
#
# $$
# d^2 = \lVert \mu - \mu' \rVert^2 + \operatorname{tr}\bigl(\Sigma + \Sigma' - 2(\Sigma\Sigma')^{1/2}\bigr).
# $$
#
# In words: how far apart the centers are, and how differently the clouds spread. This $d^2$ is reported as the **Fréchet distance**; FID is the same with another network's features (Heusel et al. 2017).
#
# **Your turn (07.6).** The trace of $(\Sigma\Sigma')^{1/2}$ is the sum of the roots of the eigenvalues of $\Sigma\Sigma'$.


# %%
def frechet(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a, b: features, float64 (n, d) and (m, d). Returns the squared Fréchet distance, a scalar."""
    ...


# hint("07.6")  # remove the first # for a hint, again for the next one
frechet = complete("07.6", frechet)
solution("07.6")
# %% [markdown]
# Two more (Kynkäänniemi et al. 2019). A sample counts as good if it lies within the reach of a real picture; the reach is the distance to its third-nearest real neighbor. **Precision** is the share of good samples, **recall** the same with roles exchanged.
#
# **Your turn (07.7).** The share of points within the reach of at least one center.


# %%
def share_inside(points: torch.Tensor, centers: torch.Tensor, k: int) -> torch.Tensor:
    """points: (n, d); centers: (m, d). Returns the share of points within reach of a center, in [0, 1]."""
    ...


# hint("07.7")  # remove the first # for a hint, again for the next one
share_inside = complete("07.7", share_inside)
solution("07.7")
theirs = judge.features(real)


def judged(pictures):
    f = judge.features(pictures.clamp(0, 1))
    found = {"Fréchet": frechet(f.double(), theirs.double()), "precision": share_inside(f, theirs, 3)}
    found |= {"recall": share_inside(theirs, f, 3), "coverage": evaluation.coverage(theirs, f)}
    reach = torch.cdist(f, f).kthvalue(4).values.median()  # to the third-nearest other sample
    found |= {"spread": f.var(0).sum().sqrt(), "reach": reach, "fine power": fine(pictures, real)}
    return {mark: float(value) for mark, value in found.items()}


yours, package = judged(vae), evaluation.sample_quality(vae, real, judge)
off = [yours["Fréchet"] / package.frechet - 1, yours["precision"] - package.precision]
claims.add("same_marks", max(map(abs, off)), below=2e-3, exact=True, text="Your two marks off the package's")
# %% [markdown]
# VAE and GAN both draw from $\mathcal N(0, I)$. Intervals are over draws of 2,000 samples; each model was trained once.
# %%
seen = load(DIGITS, "train").floats()[:10_000]  # training digits


# Samples of a model, from N(0, I) times a temperature.
@torch.no_grad()
def drawn(seed, name, temperature=1.0):
    z = temperature * torch.randn(JUDGED, 10, generator=seeded(seed))
    return trio["gan"](z).clamp(0, 1) if name == "gan" else torch.sigmoid(trio[name].decode(z))


# Marks over N_SEEDS draws.
def several(make):
    found = [judged(make(seed)) for seed in range(N_SEEDS)]
    most = dict.fromkeys(("Fréchet", "spread", "reach", "fine power"), math.inf)  # the others are shares
    return {mark: Runs((one[mark] for one in found), least=0, most=most.get(mark, 1)) for mark in found[0]}


def fresh(seed):
    return test.subset(JUDGED, seed=seed).floats()


def note_changes(id, found, base):
    for mark in found:
        name = mark.split()[0].replace("é", "e").lower()
        note(**{f"{id}_{name}": found[mark] - base[mark], f"{id}_at_{name}": found[mark]})


# %%
people, vae_marks, gan_marks = several(fresh), *(several(lambda s, n=n: drawn(s, n)) for n in ("vae", "gan"))
score = {"written by people": people, "VAE": vae_marks, "GAN": gan_marks}
columns = ("Fréchet", "precision", "recall", "fine power")
table = [{"digits": name} | {mark: found[mark] for mark in columns} for name, found in score.items()]
results_table(table, caption=f"Against {JUDGED:,} held-out digits")
for id, found in zip(("people", "vae", "gan"), score.values(), strict=True):
    note(**{f"{id}_far": found["Fréchet"], f"{id}_sure": found["precision"], f"{id}_reach": found["reach"]})
    note("%", **{f"{id}_fine": found["fine power"]})
surer = vae_marks["precision"] - gan_marks["precision"]
claims.add("surer", surer, above=0, text="Precision: VAE − GAN")
# %% [markdown]
# The GAN is nearer by Fréchet distance ({{gan_far.value}} against {{vae_far.value}}) and has the data's fine power ({{gan_fine.value}}, VAE {{vae_fine.value}}). The VAE has more precision: {{vae_sure.value}} against {{gan_sure.value}}. Written digits get {{people_far.value}} and {{people_sure.value}}. Who is more realistic?
#
# ## 5 Who judges the judges?
# %%
question = "Blur digits that people wrote (each pixel becomes the mean of its 3 × 3). Their precision ..."
guess = predict(question, ["falls", "stays within 0.01", "rises"])


def without_ones(seed):
    others = test.floats()[test.labels != 1]
    return others[torch.randperm(len(others), generator=seeded(seed))[:JUDGED]]


answers = {
    "as they are": people,
    "blurred": several(lambda seed: retouch(fresh(seed), -1.0)),
    "all pixels × 0.8": several(lambda seed: 0.8 * fresh(seed)),
    "noise of 0.1": several(lambda seed: retouch(fresh(seed), 0.0, 0.1)),
    "sharpened": several(lambda seed: retouch(fresh(seed), 2.0)),
    "no digit 1": several(without_ones),
    "training digits": several(lambda seed: seen[torch.randperm(len(seen), generator=seeded(seed))[:JUDGED]]),
}
columns = ("fine power", "Fréchet", "precision", "recall", "coverage")
table = [{"written digits": name} for name in answers]
for row, found in zip(table, answers.values(), strict=True):
    row |= {mark: f"{found[mark].mean:.{0 if mark == 'Fréchet' else 2}f}" for mark in columns}
results_table(table, caption=f"What each judge says of digits that people wrote; means of {N_SEEDS} draws")
for id, found in zip("plain blur dim noise sharp dropped thief".split(), answers.values(), strict=True):
    note_changes(id, found, people)
rise = answers["blurred"]["precision"] - people["precision"]
guess.compare(0 if rise.mean < -0.01 else 1 if rise.mean < 0.01 else 2, f"it changes by {rise:+.2f}.")


# %%
# Controls. The features themselves, pulled toward their mean until as narrow as the blurred pictures'.
def pulled(seed):
    f, narrow = (judge.features(x) for x in (fresh(seed), retouch(fresh(seed), -1.0)))
    return f.mean(0) + (narrow.var(0).sum() / f.var(0).sum()).sqrt() * (f - f.mean(0))


# The VAE's digits, not sharpened, with the gray values of the sharpened ones, by rank.
def regrayed(seed):
    p = drawn(seed, "vae").flatten()
    grays = retouch(p.view(-1, 1, 28, 28), 2.0).flatten().sort().values
    return grays[p.argsort().argsort()].view(-1, 1, 28, 28)


inside = Runs((share_inside(pulled(seed), theirs, 3) for seed in range(N_SEEDS)), least=0, most=1)
soft, dim = several(lambda s: retouch(drawn(s, "gan"), -1.0)), several(lambda s: 0.8 * drawn(s, "gan"))
hard, both = (several(lambda s, d=d: retouch(drawn(s, "vae"), d)) for d in (2.0, -1.0))
bright, gray = several(lambda s: 1.3 * drawn(s, "vae")), several(regrayed)
far, sure, pull = vae_marks["Fréchet"], gan_marks["precision"], inside - people["precision"]
# %%
claims.add("blur_pays", soft["precision"] - sure, above=0, text="Precision, GAN: blurred minus as it is")
claims.add("dim_pays", dim["precision"] - sure, above=0, text="Precision, GAN: × 0.8 minus as it is")
claims.add("pull_pays", pull, above=0, text="Precision, written: features pulled in minus as they are")
claims.add("filter_pays", far - hard["Fréchet"], above=0, text="Fréchet, VAE: as it is minus sharpened")
claims.add("knob_pays", far - bright["Fréchet"], above=0, text="Fréchet, VAE: as it is minus × 1.3")
for id, found in (("hard", hard), ("bright", bright), ("gray", gray), ("soft", soft)):
    note_changes(id, found, gan_marks if id == "soft" else vae_marks)
note(pulled=inside, lead_left=vae_marks["precision"] - soft["precision"])
note(lead_alike=both["precision"] - soft["precision"], lead_sharp=hard["precision"] - sure)
# %% [markdown]
# Most judges can be bought. (Intervals over draws.)
#
# - **Precision rewards what pulls the features inward.** Blurred, written digits go from {{people_sure.value}} to {{blur_at_precision.value}}; dimmed (× 0.8), to {{dim_at_precision.value}}. Their features shrink (spread {{plain_at_spread.value}}, then {{blur_at_spread.value}} and {{dim_at_spread.value}}), and that is enough: pull in the *features* as far as blur does, and precision is {{pulled.value}}. (Noise narrows the cloud, too, to {{noise_at_spread.value}}, but gains only {{noise_precision}}.) The GAN gains {{blur_pays}} by blur, which takes its Fréchet distance to {{soft_at_frechet.value}}, and {{dim_pays.value}} by dimming. The VAE's lead of {{surer.value}} shrinks to {{lead_left.value}}; *both* blurred, it is {{lead_alike}}, the VAE sharpened, {{lead_sharp}}. Part of it is blur or dimness.
# - **Fréchet distance rewards contrast.** The filter takes the VAE from {{vae_far.value}} to {{hard_at_frechet.value}}. Every pixel × 1.3, it is {{bright_at_frechet.value}}, with a fine power of {{bright_at_fine.value}} (filter {{hard_at_fine.value}}); its own soft shapes with the sharpened ones' gray values, {{gray_at_frechet.value}}. Precision pays: {{hard_precision.value}} (filter), {{bright_precision.value}} (× 1.3).
# - **Recall goes with long reaches**: the median distance to a sample's third-nearest sample. Noise takes it from {{plain_at_reach.value}} to {{noise_at_reach.value}} and changes recall by {{noise_recall}}; × 1.3 takes the VAE's from {{vae_reach.value}} to {{bright_at_reach.value}}, recall by {{bright_recall}}.
# - **Precision does not see a missing class** ({{dropped_precision}}); Fréchet distance ({{dropped_frechet.value}}) and coverage ({{dropped_coverage.value}}), the share of real pictures with a sample in *their* reach (Naeem et al. 2020), do. For recall three draws do not say ({{dropped_recall}}). (Only the 1 was tried.)
# - **No mark convicts a thief.** Training digits, handed out as samples, differ from fresh ones by {{thief_frechet}} in Fréchet distance, {{thief_precision}} in precision and {{thief_recall}} in recall, to his harm ([how to catch one](deeper/The_Thief.ipynb)).
#
# All are opinions of one network; a Fréchet distance depends on the number of pictures (Chong & Forsyth 2020).
#
# ## 6 Is there a dial between the two?
#
# Scale the noise: $z \sim \mathcal N(0, T^2 I)$, with a **temperature** $T$. Below 1 the samples come from where the prior is dense.
# %%
options = ["by less than precision rises", "by about as much", "by more"]
guess = predict("From T = 1 to T = 0.6 the VAE's precision rises. Its recall falls ...", options)


def dialed(name):
    return [several(lambda s, T=T: drawn(s, name, T)) for T in (0.4, 0.6, 0.8, 1.0, 1.2, 1.4)]


lines = {"VAE": dialed("vae"), "GAN": dialed("gan"), "data": [people]}
curves = {name: ([f["recall"].mean for f in m], [f["precision"] for f in m]) for name, m in lines.items()}
_, cold, _, usual, hot, _ = lines["VAE"]
gain, loss = cold["precision"] - usual["precision"], usual["recall"] - cold["recall"]
show(
    line_plot(curves, "recall", "precision"),
    alt="Precision against recall at six temperatures from 0.4 to 1.4, a line for the VAE, one for the GAN, and a point for written digits (data). From cold to hot the VAE's line runs from the upper left, with little recall, to the lower right; the written digits lie above both lines.",
    title=f"VAE, T = 1 to 0.6: precision goes from {usual['precision'].mean:.2f} to {cold['precision'].mean:.2f}, recall from {usual['recall'].mean:.2f} to {cold['recall'].mean:.2f}",
)
share = loss.mean / gain.mean
guess.compare(0 if share < 0.8 else 1 if share < 1.25 else 2, f"precision {gain:+.2f}, recall {-loss:+.2f}.")
note_changes("hot", hot, usual)
note(dial=gain, dial_cost=loss, cold_reach=cold["reach"])
# %% [markdown]
# $T = 0.6$ buys {{dial}} of precision and costs {{dial_cost}} of recall. The median reach shrinks, too, from {{vae_reach.value}} to {{cold_reach.value}}: part of the recall is reach. At 1.2 it is the other way round ({{hot_recall.value}} and {{hot_precision.value}}). Compare two models by curves, not points: the VAE's lies above the GAN's (in part by dimness).
#
# ## Play
#
# Sharpen the VAE's digits until their sharpness meets the data's: what does the Fréchet distance say? Blur the GAN's until its precision meets the VAE's. (The explorer judges 128 pictures, so its marks are others than above.)
# %%
from vae_course.widgets import explore_the_judge

explorer = explore_the_judge({"VAE": vae, "GAN": gan, "written": fresh(0)}, real, judge)
# %% [markdown]
# ## Break it
#
# Write a filter (no training, no data but the samples) that lowers the *GAN's* Fréchet distance. **Before** you run it, write down what it will do to precision, recall, coverage and fine power, and why.
#
# A good answer predicts all five marks with a reason each; measures on other held-out digits than those that chose the filter; has intervals over draws; and says what one must report so that this filter is found out.
#
# ## What you can say now
#
# - A well-trained decoder draws the average of all that its code leaves open. At β = 1, network, training and recipe gave back a quarter of the missing fine power; most is in no picture here.
# - Crisp is not right: a steep cut makes letters of the same codes crisp, and no better read; written as distances they are read less often, and light ones lose ink.
# - Precision can be bought by blur or by dimming; recall and Fréchet distance, for these soft digits, by contrast. Show several marks, beside those of real pictures.
#
# **Dig deeper**: [The thief, and how many pictures a distance needs](deeper/The_Thief.ipynb).
#
# ## References
#
# - C. M. Bishop: *Pattern Recognition and Machine Learning*, 2006. Section 1.5.5 (the conditional mean).
# - M. Heusel et al.: *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NIPS 2017 (FID).
# - T. Kynkäänniemi et al.: *Improved Precision and Recall Metric for Assessing Generative Models*, NeurIPS 2019.
# - M. F. Naeem et al.: *Reliable Fidelity and Diversity Metrics for Generative Models*, ICML 2020 (coverage).
# - M. J. Chong, D. Forsyth: *Effectively Unbiased FID and Inception Score and Where to Find Them*, CVPR 2020.
# - J. J. Park et al.: *DeepSDF: Learning Continuous Signed Distance Functions for Shape Representation*, CVPR 2019.
#
# Next: [08 · How large should the code be?](08_Optimizing_Latent_Space_Size.ipynb)
# %% tags=["hide-input"]
claims.report()

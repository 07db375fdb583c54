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
# "VAE pictures are blurry." What blurs them: the code, the decoder, or the training?
#
# Below, a filter that has learned nothing sharpens the VAE's digits; another blurs the GAN's. Each improves one famous mark and worsens the other. Beside each row: Fréchet distance (lower is better), then precision (higher is better); section 4 defines both.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
SHORT = 500  # updates of a short training, 50 or more
LONG = 4000  # updates of a long training, more than SHORT
AGAIN = 1500  # updates of a decoder that is trained anew on given codes, 50 or more
LETTER_UPDATES = 1200  # updates of each network of letters, 50 or more
N_SEEDS = 3  # repetitions, 2 or more: intervals are 95 % t-intervals over them
JUDGED = 2000  # pictures on each side of every comparison, 200 or more
# %% tags=["hide-input"]
import math
from functools import partial

import torch
from torch import nn

from vae_course import VAE, Runs, clock_hands, load, seed_everything, seeded, teaching, weights
from vae_course.plots import image_grid, line_plot, style
from vae_course.teaching import complete, hint, predict, results_table, show, solution
from vae_course.widgets import retouch

least = dict(SHORT=50, LONG=51, AGAIN=50, LETTER_UPDATES=50, N_SEEDS=2, JUDGED=200)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("07_Limitations_of_VAEs_in_Realism", parameters)
# %% tags=["hide-input"]
from vae_course import evaluation


# Numbers for the text; of several runs the mean.
def note(unit="", **numbers):
    for name, number in numbers.items():
        claims.note(name, number.mean if isinstance(number, Runs) else number, unit=unit)


DIGITS = "digits" if OFFLINE else "mnist"
judge, trio = weights.load_classifier(DIGITS), weights.load_trio()
held_out, test = load(DIGITS, "validation"), load(DIGITS, "test")
JUDGED = min(JUDGED, len(held_out), len(test))
real = held_out.subset(JUDGED, seed=0).floats()  # every judge compares with these
vae, gan = (trio[name].sample(JUDGED, seeded(3)).clamp(0, 1) for name in ("vae", "gan"))
rows = {"VAE": vae, "sharpened": retouch(vae, 2.0), "GAN": gan, "blurred": retouch(gan, -1.0)}
marks = {name: evaluation.sample_quality(x, real, judge) for name, x in rows.items()}
names = [f"{name}: {mark.frechet:.0f}, {mark.precision:.2f}" for name, mark in marks.items()]
strips = torch.cat([x[:10] for x in (real, *rows.values())])
show(
    image_grid(strips, 5, 10, row_titles=["written by people", *names]),
    alt="Five rows of ten digits, four with Fréchet distance and precision: written ones; a VAE's, soft, some of them no clear digit; the same sharpened, with hard edges and the same broken shapes; a GAN's, crisp, about half of them no clear digit; and these blurred.",
    title=f"Sharpening takes the VAE's Fréchet distance from {marks['VAE'].frechet:.0f} to {marks['sharpened'].frechet:.0f}; blur takes the GAN's precision from {marks['GAN'].precision:.2f} to {marks['blurred'].precision:.2f}",
)
# %% [markdown]
# (These marks are of one draw of 2,000 digits; sections 4 to 6 take three.)
#
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** what a decoder draws when its code leaves several pictures possible;
# 2. **separate** what a blurry picture lacks in its code and in its decoder;
# 3. **show** with a control what makes an edge crisp, and what that costs;
# 4. **define** Fréchet distance, precision and recall, and mislead the first two;
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
# A decoder that commits itself pays nothing half of the time, and $\lVert a - b\rVert^2$ the other half. The average pays a quarter of that every time: half as much. The rule:
#
# $$
# \arg\min_\mu\ \mathbb E\bigl[\lVert x - \mu\rVert^2 \mid z\bigr] = \mathbb E[x \mid z].
# $$
#
# In words: the best single picture for a code is the average of all that the code leaves possible. Bernoulli and Gaussian likelihoods agree on it.
#
# **Your turn (07.1).** Return the picture with the smallest expected squared error. The weights say how likely each is; they need not add up to 1.


# %%
def best_picture(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pictures: (n, C, H, W); weights: (n,), >= 0, not normalized. Returns (C, H, W)."""
    ...


# hint("07.1")  # remove the first # for a hint, again for the next one
best_picture = complete("07.1", best_picture)
solution("07.1")
# %% [markdown]
# Does a trained VAE do just that? All sixteen hands are equally frequent. So by Bayes' rule the weight of picture $x_i$ at a code $z$ is $q(z|x_i) / \sum_j q(z|x_j)$: the share of its own cloud in the density at $z$. With these weights your `best_picture` is the exact
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


def train_toy(seed):
    seed_everything(seed)
    model, draws = VAE.for_data(clock_hands(16), latent_dim=2, hidden_dims=(64, 64)), seeded(seed)
    many = hands.repeat(4, 1, 1, 1)
    descend(model.parameters(), lambda: negative_elbo(model, many, 11, draws), 2 * SHORT)
    return model


# %%
# What is drawn at 160 codes, the exact average there, the likeliest hand there; and the rate.
@torch.no_grad()
def look(model, seed):
    q = model.encode(hands)
    z = q.sample(10, generator=seeded(seed))
    likely = q.log_prob(z[:, :, None]).softmax(2).flatten(0, 1)  # (160 codes, 16 hands): Bayes' rule
    drawn = torch.sigmoid(model.decode(z.flatten(0, 1)))
    average = torch.stack([best_picture(hands, each) for each in likely])
    return drawn, average, hands[likely.argmax(1)], q.kl().mean().item()


def apart(p, q):  # root mean square over the pixels
    return (p - q).square().mean().sqrt().item()


looks = [look(train_toy(seed), seed) for seed in range(N_SEEDS)]
rate = Runs((nats for _, _, _, nats in looks), least=0)
off = Runs((apart(drawn, average) for drawn, average, _, _ in looks), least=0)
far_off = Runs((apart(drawn, likeliest) for drawn, _, likeliest, _ in looks), least=0)
text = "Toy: off the exact average, of the range, at most"
claims.add("off_average", max(off.values), below=0.06, unit="%", text=text)
claims.add("torn", off / far_off, below=0.5, text="Toy: off the average over off the likeliest")
note("nats", torn_rate=rate)
# %% tags=["hide-input"]
chosen = torch.randperm(160, generator=seeded(5))[:10]
strips = torch.cat([row[chosen] for row in looks[0][:3]])
show(
    image_grid(strips, 3, 10, row_titles=["decoder", "exact average", "likeliest hand"]),
    alt="Ten codes. Top row: what the trained decoder draws, fans of several hands, some narrow, some wide. Middle row: the exact averages, alike. Bottom row: single crisp hands.",
    title=f"With {rate.mean:.1f} nats for 16 hands, a VAE's decoder draws the average of what its code leaves open",
)
# %% [markdown]
# To name one of sixteen hands takes $\ln 16 = 2.8$ nats. At β = 11, which makes nats dear, the rate is only {{torn_rate.value}}: a ceiling on what the code says. The decoder then draws nearly the exact average, off by at most {{off_average}} of the range from black to white (root mean square). It is {{torn}} times as far from the average as from the likeliest hand. In this world, blur is what the code does not say.
#
# ## 2 Whose fault is the blur of real pictures?
#
# Real pictures bring a second suspect: the decoder may be too weak to draw what the code says.
#
# A picture is a sum of waves; the fine ones are edges and texture. **Fine power** is the power of all waves of 0.25 cycles per pixel or more (at most four pixels long), as a share of the data's.
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
# Now garments. A *small* network has one layer of 32 units in encoder and decoder, a *large* one 384 and 256 units; all codes have 32 dimensions. A *short* training has 500 updates of 128 pictures, a *long* one 4,000. All four combinations come from one loop, three times each.
# %%
GARMENTS = "digits" if OFFLINE else "fashion_mnist"
train, x = load(GARMENTS, "train"), load(GARMENTS, "validation").floats()[:2000]
SIZE, SMALL, LARGE = 32, (32,), (384, 256)
plans = {"small, short": (SMALL, SHORT), "small, long": (SMALL, LONG)}
plans |= {"large, short": (LARGE, SHORT), "large, long": (LARGE, LONG)}


def train_vae(hidden, updates, seed):
    seed_everything(seed)
    model, draws = VAE.for_data(train, latent_dim=SIZE, hidden_dims=hidden), seeded(seed)

    def loss():
        index = torch.randint(len(train), (128,), generator=draws)
        return negative_elbo(model, train.batch(index), 1, draws)

    return model.eval(), descend(model.parameters(), loss, updates)


models, losses = {}, {}  # name → a list over seeds
for name, plan in plans.items():
    trained = [train_vae(*plan, seed) for seed in range(N_SEEDS)]
    models[name], losses[name] = zip(*trained, strict=True)


# %% [markdown]
# To tell code and decoder apart, **freeze the encoder** and train a new large decoder on nothing but its codes ("anew" in table and figure). What it draws beyond the old one, the old one missed.
#
# The table will say how much fine power is *drawn*, and how much is *right*: 1 minus that of the error, so that added noise lowers it. For an exact average (section 1) the two agree.
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

    descend(new.decoder.parameters(), loss, AGAIN)
    return new.eval()


# Held-out pictures from a draw of their codes.
@torch.no_grad()
def rebuilt(model, decoder):
    return torch.sigmoid(decoder.decode(model.encode(x).sample(generator=seeded(1))))


options = ["less than a third of it", "a third to two thirds", "more than two thirds"]
question = "“Large, long” draws more fine power than “small, short”. How much of that lead does a new large decoder make up, from the codes of “small, short”?"
guess = predict(question, options)
# %%
pictures = {name: [rebuilt(model, model) for model in those] for name, those in models.items()}
for name in ("small, short", "large, long"):
    anew = [rebuilt(model, train_anew(model, seed)) for seed, model in enumerate(models[name])]
    pictures[f"{name}, anew"] = anew
nats, kept, right, table = {}, {}, {}, []  # rate, fine power drawn and right: name → Runs over seeds
for name, each in pictures.items():
    encoders = models[name.removesuffix(", anew")]  # "anew" has the codes of the old model
    nats[name] = Runs((model.encode(x).kl().mean() for model in encoders), least=0)
    kept[name] = Runs((fine(p, x) for p in each), least=0)
    right[name] = Runs(missing_power(x - p, x, 0.25) for p in each)
    row = {"network, training": name, "nats": f"{nats[name].mean:.1f}"}
    table.append(row | {"drawn": f"{kept[name].mean:.0%}", "right": f"{right[name].mean:.0%}"})
    note("%", **{name.replace(", ", "_"): kept[name]})  # for the text, as small_short, ...
results_table(table, caption="Fine power of held-out pictures, from a draw of their codes; means over seeds")
lead = kept["large, long"] - kept["small, short"]
regained = (kept["small, short, anew"] - kept["small, short"]) / lead
guess.compare(0 if regained.mean < 1 / 3 else 1 if regained.mean < 2 / 3 else 2, f"{regained:.0%} of it.")
# %% tags=["hide-input"]
fewer = nats["small, short"] - nats["large, short"]
said = 100 * (kept["large, long, anew"] - kept["small, short, anew"])
drawn_right = 100 * (right["small, short, anew"] - right["small, short"])
claims.add("fewer_nats", fewer, above=0, unit="nats", text="Rate: small, short minus large, short")
claims.add("said", said, above=0, unit="points", text="Equal new decoders: large, long minus small, short")
claims.add(
    "drawn_right", drawn_right, above=0, unit="points", text="Small, short, right: new minus own decoder"
)
note("%", regained=regained)
note("nats", small_nats=nats["small, short"], quick_nats=nats["large, short"], best_nats=nats["large, long"])
rows = ["small, short", "small, short, anew", "large, long", "large, long, anew"]
names = ["real", *(f"{name}: {kept[name].mean:.0%}" for name in rows)]
strips = torch.cat([x[10:20], *(pictures[name][0][10:20] for name in rows)])
show(
    image_grid(strips, 5, 10, row_titles=names),
    alt="Five rows of ten garments: real ones, and the same rebuilt four times, each time with the fine power. By the small network after a short training: outlines soft, one dress a smear. From the same codes by a new decoder: a little clearer. By the large network after a long training: clear outlines. From its codes by a new decoder: much the same. Prints and most folds are missing in all rebuilt rows.",
    title=f"Equal new decoders draw {kept[rows[1]].mean:.0%} of the fine power from the codes of “small, short”, {kept[rows[3]].mean:.0%} from those of “large, long”",
)


# %% tags=["hide-input"]
# The loss, averaged over each of 25 parts of a training.
def smooth(losses):
    return torch.stack([part.mean() for part in losses.tensor_split(25)])


def last_fifth(losses):
    return 1 - (smooth(losses)[-1] / smooth(losses)[-6]).item()


fell = max(abs(last_fifth(each)) for size in ("small", "large") for each in losses[f"{size}, long"])
middles = (torch.arange(25) + 0.5) / 25  # of the parts
curves = {name: (middles * len(each[0]), smooth(each[0])) for name, each in losses.items()}  # seed 0
figure = line_plot(curves, "updates", "−ELBO while training (nats)", log_x=True, direct=True)
for name, line in zip(curves, figure.axes[0].lines, strict=True):
    line.set_color(style.SKY if "small" in name else style.VAE)
figure.axes[0].texts[2].set_position((7, -16))  # "large, short": below the curve that passes its end
show(
    figure,
    alt="Training loss of four VAEs against the updates, which stand on a logarithmic axis. The large network's curves lie below the small one's. Each network's long training ends below its short one, and both long ones end nearly flat.",
    title=f"Longer training and a larger network both lower the loss; in their last fifth the long trainings change by {fell:.1%} at most",
)
# %% [markdown]
# "Large, long" draws {{large_long.value}} of the fine power, "small, short" {{small_short.value}}. Does it spend *more* nats? No: {{best_nats.value}} against {{small_nats.value}}. And "large, short" draws {{large_short.value}} with only {{quick_nats.value}}. What is it, then?
#
# - **The codes.** Equal new decoders, trained in one way, draw {{small_short_anew.value}} from the codes of "small, short" and {{large_long_anew.value}} from those of "large, long". Only the codes differ, so these {{said.number}} points are theirs: what they say, or how easily a decoder learns to read it.
# - **The decoder.** The small network's own decoder draws only {{small_short.value}}. With the new one {{drawn_right.number}} points more are *right*. Of the lead of "large, long", it makes up {{regained.value}}.
# - **Size or training?** Either helps. From "small, short", longer training leads to {{small_long.value}}, a larger network to {{large_short.value}}, both to {{large_long.value}}.
#
# Most fine detail is in none of these pictures. (All learning rates end at 0, which flattens any curve. The new decoders had fewer updates than "large, long", and draw a little less from its codes: trained longer, they might make up more.)
#
# ## 3 Must doubt look like blur?
#
# Where pictures disagree, their average is gray. Must it be? Let the decoder write something else. For capitals of many typefaces, write at each pixel the **distance to the outline** (Park et al. 2019): positive inside the letter, negative outside. To see the letter, make everything positive white: the steep cut `to_ink`.
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


# %% [markdown]
# A VAE of letters, at β = 5 so that its code leaves much open, provides the codes. Two equal decoders learn from these codes by squared error: one writes ink, the other distances. As a control, ink goes through the cut, too.
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
        curves.append(descend(decoder.parameters(), partial(loss, decoder, target), LETTER_UPDATES))
    return vae, decoders, curves


distances = to_distance(ink)
lettering = [train_letters(seed) for seed in range(N_SEEDS)]
question = "A classifier reads letters that were written as distances ..."
guess = predict(question, ["better than ink", "as well: within 3 points", "worse than ink"])
# %%
reader, amount = weights.load_classifier("letters"), y.mean((1, 2, 3))
thin = amount < amount.quantile(0.1)  # the lightest tenth of the letters


@torch.no_grad()
def written(vae, decoders):
    z = vae.encode(y).sample(generator=seeded(2))
    in_ink, in_distances = (decoder(z).view(-1, 1, 32, 32) for decoder in decoders)
    return {"ink": in_ink.clamp(0, 1), "cut": to_ink(in_ink), "far": to_ink(in_distances)}


def marks_of(p):
    marks = {"gray": ((p - 0.5).abs() < 0.3).float().mean()}  # share of gray pixels
    marks["read"] = (reader.probabilities(p).argmax(1) == unseen.labels).float().mean()  # as meant
    marks["left"] = p[thin].sum() / y[thin].sum()  # of the ink of light letters
    return {mark: value.item() for mark, value in marks.items()}


pages, found = [written(vae, decoders) for vae, decoders, _ in lettering], {}
for way in ("ink", "cut", "far"):
    marks = [marks_of(page[way]) for page in pages]
    found[way] = {mark: Runs((one[mark] for one in marks), least=0) for mark in marks[0]}
    note("%", **{f"{mark}_{way}": runs for mark, runs in found[way].items()})
# %% tags=["hide-input"]
better, more = (100 * (found["cut"][mark] - found["far"][mark]) for mark in ("read", "left"))
claims.add("cut_reads", better, above=0, unit="points", text="Read as meant: cut ink minus distances")
claims.add("thin", more, above=0, unit="points", text="Ink of light letters: cut ink minus distances")
change = found["far"]["read"].mean - found["ink"]["read"].mean
guess.compare(0 if change > 0.03 else 1 if change > -0.03 else 2, f"{100 * change:+.0f} points.")
fell = max(last_fifth(each) for _, _, curves in lettering for each in curves)
there = marks_of(to_ink(to_distance(y)))["read"]  # no model: to distances and back
note("%", gray_true=marks_of(y)["gray"], letters_fell=fell, there_read=there)
ten = torch.cat([torch.randperm(len(y), generator=seeded(4))[:6], thin.nonzero()[:4, 0]])
names = ["unseen letters", "ink", "ink, cut", "distances, cut"]
strips = torch.cat([p[ten] for p in (y, *pages[0].values())])
read = [f"{marks['read'].mean:.0%}" for marks in found.values()]
show(
    image_grid(strips, 4, 10, row_titles=names),
    alt="Ten letters of unseen typefaces, the last four of the lightest, and three rows rebuilt from the same codes. In ink: soft, with ghosts of other letters behind; in the full run one G came out as a C, one J looks like a 3. The same ink through the steep cut: crisp edges in steps, no faint ghosts, one J broken. In distances: crisp, too, the same G a C; strokes of light letters are thin, broken or missing, another is too heavy.",
    title=f"Same codes, read as meant: {read[0]} in ink, {read[1]} in ink through the cut, {read[2]} in distances",
)
# %% [markdown]
# **Crisp?** Ink leaves {{gray_ink.value}} of the pixels gray (0.2 to 0.8), distances {{gray_far.value}} (true letters {{gray_true.value}}). But *ink* through the same cut leaves {{gray_cut.value}}. So the cut is enough to make edges crisp.
#
# **Right?** A classifier reads {{read_ink.value}} of the letters in ink as meant, {{read_cut.value}} in cut ink, and {{read_far.value}} in distances: {{cut_reads.number}} points fewer than in cut ink. (Of true letters, to distances and back: {{there_read.value}}.) The cut hides doubt; it does not end it.
#
# **Thin strokes** get lost: the lightest tenth of letters keeps {{left_cut.value}} of its ink in cut ink, {{left_far.value}} in distances. Section 1 gives a reason. The decoder draws an average over the letters that the code leaves open. In a stroke two pixels wide a letter writes the distance +½; a letter with nothing near writes −3. So the average is positive only if more than six in seven letters have the stroke there. In ink, half are enough. (One clipping was tried, 3 pixels; the codes were learned for ink; the losses still fell by up to {{letters_fell}} in the last fifth.)
#
# ## 4 A GAN to compare with
#
# Chapter 01's VAE and GAN have decoder networks of the same kind. How near are their digits to real ones? Let a classifier turn each picture into 64 features: a set of pictures becomes a cloud of points. Fit a Gaussian to each of two clouds, with means $\mu, \mu'$ and covariances $\Sigma, \Sigma'$:
#
# $$
# d^2 = \lVert \mu - \mu' \rVert^2 + \operatorname{tr}\bigl(\Sigma + \Sigma' - 2(\Sigma\Sigma')^{1/2}\bigr).
# $$
#
# In words: how far apart the centers are, and how differently the clouds spread. This $d^2$ is called the **Fréchet distance**; FID is the same with another network's features (Heusel et al. 2017).
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
# Two more marks need no Gaussian (Kynkäänniemi et al. 2019). The **reach** of a real picture is the distance, in features, to its third-nearest real neighbor. A sample counts as good if it lies within the reach of any real picture. **Precision** is the share of good samples. **Recall** exchanges the roles: the share of real pictures within the reach of any sample.
#
# **Your turn (07.7).** Return the share of points within reach of any center; `k` is the 3 above.


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
    found["fine power"] = fine(pictures, real)
    return {mark: float(value) for mark, value in found.items()}


yours, package = judged(vae), evaluation.sample_quality(vae, real, judge)
off = [yours["Fréchet"] / package.frechet - 1, yours["precision"] - package.precision]
claims.add("same_marks", max(map(abs, off)), below=2e-3, exact=True, text="Your two marks off the package's")


# %% [markdown]
# Both models turn noise from $\mathcal N(0, I)$ into digits. Intervals are over draws of 2,000 samples; each model was trained once.
# %%
# Samples of a model, from N(0, I) times a temperature.
@torch.no_grad()
def drawn(seed, name, temperature=1.0):
    z = temperature * torch.randn(JUDGED, 10, generator=seeded(seed))
    return trio["gan"](z).clamp(0, 1) if name == "gan" else torch.sigmoid(trio[name].decode(z))


# Marks over N_SEEDS draws.
def several(make):
    found = [judged(make(seed)) for seed in range(N_SEEDS)]
    most = {"precision": 1, "recall": 1, "coverage": 1}  # these are shares
    return {mark: Runs([f[mark] for f in found], least=0, most=most.get(mark, math.inf)) for mark in found[0]}


def fresh(seed):
    return test.subset(JUDGED, seed=seed).floats()


# %%
people, vae_marks = several(fresh), several(lambda seed: drawn(seed, "vae"))
gan_marks = several(lambda seed: drawn(seed, "gan"))
score = {"written by people": people, "VAE": vae_marks, "GAN": gan_marks}
columns = ("Fréchet", "precision", "recall", "fine power")
table = [{"digits": name} | {mark: found[mark] for mark in columns} for name, found in score.items()]
results_table(table, caption=f"Against {JUDGED:,} held-out digits")
claims.add("surer", vae_marks["precision"] - gan_marks["precision"], above=0, text="Precision: VAE − GAN")
note(people_far=people["Fréchet"], vae_far=vae_marks["Fréchet"], gan_far=gan_marks["Fréchet"])
note(people_sure=people["precision"], vae_sure=vae_marks["precision"], gan_sure=gan_marks["precision"])
note("%", vae_fine=vae_marks["fine power"], gan_fine=gan_marks["fine power"])
# %% [markdown]
# By Fréchet distance the GAN is nearer ({{gan_far.value}} against {{vae_far.value}}), and it has the fine power of written digits ({{gan_fine.value}}; the VAE {{vae_fine.value}}). By precision the VAE is better: {{vae_sure.value}} against {{gan_sure.value}}. Digits that people wrote get {{people_far.value}} and {{people_sure.value}}. Which is more realistic?
#
# ## 5 Who judges the judges?
#
# Give the judges pictures whose quality you know: real digits, spoiled on purpose.
# %%
question = "Blur digits that people wrote (each pixel becomes the mean of its 3 × 3). Their precision ..."
guess = predict(question, ["falls", "stays within 0.01", "rises"])


def without_ones(seed):
    others = test.floats()[test.labels != 1]
    return others[torch.randperm(len(others), generator=seeded(seed))[:JUDGED]]


answers = {
    "as people wrote them": people,
    "blurred": several(lambda seed: retouch(fresh(seed), -1.0)),
    "all pixels × 0.8": several(lambda seed: 0.8 * fresh(seed)),
    "no digit 1": several(without_ones),
}
columns = ("fine power", "Fréchet", "precision", "recall", "coverage")
table = [{"digits": n} | {mark: f"{f[mark].mean:.3g}" for mark in columns} for n, f in answers.items()]
results_table(table, caption=f"What each judge says of digits that people wrote; means of {N_SEEDS} draws")
_, blur, dim, dropped = answers.values()
note(blur_at_precision=blur["precision"], dim_at_precision=dim["precision"])
note(dropped_frechet=dropped["Fréchet"] - people["Fréchet"])
for mark in ("precision", "recall", "coverage"):
    claims.note(f"dropped_{mark}", dropped[mark] - people[mark])
rise = blur["precision"] - people["precision"]
guess.compare(0 if rise.mean < -0.01 else 1 if rise.mean < 0.01 else 2, f"it changes by {rise:+.2f}.")


# %%
# A control without pictures: features pulled toward their mean, to the spread of the blurred ones.
def pulled(seed):
    f, narrow = judge.features(fresh(seed)), judge.features(retouch(fresh(seed), -1.0))
    return f.mean(0) + (narrow.var(0).sum() / f.var(0).sum()).sqrt() * (f - f.mean(0))


# How much to sharpen (below 0: to blur) until pictures have that fine power, by halving.
def detail_for(pictures, power):
    low, high = -1.0, 4.0
    for _ in range(16):
        middle = (low + high) / 2
        enough = fine(retouch(pictures, middle), real) > power
        low, high = (low, middle) if enough else (middle, high)
    return middle


inside = Runs((share_inside(pulled(seed), theirs, 3) for seed in range(N_SEEDS)), least=0, most=1)
soften, sharpen = detail_for(gan, fine(vae, real)), detail_for(vae, fine(gan, real))
gan_soft = several(lambda seed: retouch(drawn(seed, "gan"), soften))
vae_crisp = several(lambda seed: retouch(drawn(seed, "vae"), sharpen))
vae_bright = several(lambda seed: 1.3 * drawn(seed, "vae"))
# %%
gained = gan_soft["precision"] - gan_marks["precision"]
pull = inside - people["precision"]
nearer, brighter = (vae_marks["Fréchet"] - other["Fréchet"] for other in (vae_crisp, vae_bright))
claims.add("soft_pays", gained, above=0, text="Precision, GAN: as soft as the VAE minus as it is")
claims.add("pull_pays", pull, above=0, text="Precision, written: features pulled in minus as they are")
claims.add("crisp_pays", nearer, above=0, text="Fréchet, VAE: as it is minus as crisp as the GAN")
claims.add("knob_pays", brighter, above=0, text="Fréchet, VAE: as it is minus × 1.3")
claims.note("lead_soft", vae_marks["precision"] - gan_soft["precision"])
claims.note("lead_crisp", vae_crisp["precision"] - gan_marks["precision"])
note(pulled=inside, soft_at_frechet=gan_soft["Fréchet"], bright_at_frechet=vae_bright["Fréchet"])
note(crisp_at_frechet=vae_crisp["Fréchet"], crisp_at_precision=vae_crisp["precision"])
# %% [markdown]
# Precision and Fréchet distance can be misled, and no mark sees everything.
#
# - **Precision can reward blur and dimness.** Blur lifts written digits from {{people_sure}} to {{blur_at_precision}}, dimming (× 0.8) to {{dim_at_precision}}. Blur leaves the features less spread. That alone would do: pull the *features* in to the same spread, touching no picture, and precision is {{pulled}}.
# - **Part of the VAE's lead goes with softness.** It leads the GAN by {{surer}} in precision. Compare at equal fine power: blur the GAN's digits until they are as soft as the VAE's, and the lead is {{lead_soft}}; sharpen the VAE's until they are as crisp as the GAN's, and it is {{lead_crisp}}.
# - **Fréchet distance can reward contrast.** That sharpening takes the VAE from {{vae_far}} to {{crisp_at_frechet}}. Making every pixel 1.3 times brighter draws no new edge, and takes it to {{bright_at_frechet}}. Precision pays: by sharpening it falls from {{vae_sure}} to {{crisp_at_precision}}.
# - **Precision does not see a missing class.** Without any 1, precision changes by {{dropped_precision}}. Fréchet distance sees it, and rises by {{dropped_frechet.value}}. Recall changes by {{dropped_recall}}: three draws cannot tell. **Coverage**, the share of real pictures with a sample within their own reach, here to the fifth neighbor (Naeem et al. 2020), sees it: {{dropped_coverage}}.
# - **No mark looks for copies.** None compares samples with the training pictures: a thief who hands those out [gets through](deeper/The_Thief.ipynb).
#
# All marks but fine power are opinions of one network, and a Fréchet distance depends on the number of pictures (Chong & Forsyth 2020).
#
# ## 6 Is there a dial between the two?
#
# Scale the noise: draw $z \sim \mathcal N(0, T^2 I)$, with a **temperature** $T$. Below 1 the samples come from where the prior is dense.
# %% tags=["hide-input"]
options = ["by less than precision rises", "by about as much", "by more"]
guess = predict("From T = 1 to T = 0.6 the VAE's precision rises. Its recall falls ...", options)
TEMPERATURES = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
lines = {}
for name in ("VAE", "GAN"):
    lines[name] = [several(partial(drawn, name=name.lower(), temperature=T)) for T in TEMPERATURES]
_, cold, _, usual, hot, _ = lines["VAE"]  # T = 0.6, 1.0 and 1.2
gain, loss = cold["precision"] - usual["precision"], usual["recall"] - cold["recall"]
share = loss.mean / gain.mean
guess.compare(0 if share < 0.8 else 1 if share < 1.25 else 2, f"precision {gain:+.2f}, recall {-loss:+.2f}.")
note(dial=gain, dial_cost=loss, hot_at_precision=hot["precision"], hot_at_recall=hot["recall"])
lines["data"] = [people]
curves = {n: ([f["recall"].mean for f in line], [f["precision"] for f in line]) for n, line in lines.items()}
figure = line_plot(curves, "recall", "precision", direct=True)
for name in ("VAE", "GAN"):
    for T, recall, precision in zip(TEMPERATURES, *curves[name], strict=True):
        place, text = (recall, precision.mean), f"T = {T}" if T == TEMPERATURES[0] else f"{T}"
        figure.axes[0].annotate(text, place, (-5, -11), textcoords="offset points", ha="right", fontsize=9)
show(
    figure,
    alt="Precision against recall at six temperatures T from 0.4 to 1.4, with 95 % intervals of precision over draws: a line for the VAE, one for the GAN, and a point for written digits (data). Both lines fall from cold, at the left, to hot, at the right. The VAE's starts with the highest precision of all and almost no recall; where both have the same recall, it lies above the GAN's. The point lies at the far right: as much recall as the VAE's hottest samples have, with far more precision.",
    title=f"Cooled to T = 0.6, the VAE has precision {cold['precision'].mean:.2f} instead of {usual['precision'].mean:.2f}, and recall {cold['recall'].mean:.2f} instead of {usual['recall'].mean:.2f}",
)
# %% [markdown]
# $T = 0.6$ buys {{dial.value}} of precision and costs {{dial_cost.value}} of recall. $T = 1.2$ does the opposite: precision {{hot_at_precision.value}}, recall {{hot_at_recall.value}}. So compare models by their curves, not by one point each. Here the VAE's lies above the GAN's wherever they share a recall; part of that goes with softness (section 5).
#
# ## Play
#
# Sharpen the VAE's digits until their sharpness meets the data's: what does the Fréchet distance say? Then add noise: which marks take it for detail? (*Sharpness* is not fine power, but also rises with edges. The explorer judges only 128 pictures, so its marks differ.)
# %%
from vae_course.widgets import explore_the_judge

explorer = explore_the_judge({"VAE": vae, "GAN": gan, "written": fresh(0)}, real, judge)
# %% [markdown]
# ## Break it
#
# Write a filter (no training, no data but the samples) that lowers the *GAN's* Fréchet distance. **Before** you run it, write down what it will do to precision, recall, coverage and fine power, and why.
#
# A good answer predicts all four, with a reason each; measures on other held-out digits than those that chose the filter; gives intervals over draws; and says what a report must show to expose the filter.
#
# ## What you can say now
#
# - A well-trained decoder draws the average of all that its code leaves open.
# - Of two VAEs of garments the blurrier one lost most by its codes, though they cost no fewer nats; a better decoder made up {{regained.value}} of the difference.
# - Crisp is not right: a steep cut makes letters crisp, but a classifier reads them no better.
# - Precision can be bought by blur, a better Fréchet distance by contrast. Show several marks, beside those of real pictures.
#
# **Dig deeper**: [The thief, and how many pictures a distance needs](deeper/The_Thief.ipynb) (exercises 07.2, 07.4, 07.5).
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

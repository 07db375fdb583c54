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
# # 03 · Latent space and smooth interpolation
#
# <!-- badge -->
#
# <!-- minutes -->
#
# An encoder gives every picture a place, and a decoder draws a picture for every place, also where no picture has ever been. So you can walk from one face to
# another. What lies on the way? Which way is best? And how would you know, apart from liking what you see?
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 20,000)
TRAIN_EXAMPLES = 20000  # digits that each model is trained on (fewer if there are fewer), 1,000 or more
EPOCHS = 10  # passes through them, 5 or more
BATCH_SIZE = 128  # digits in one update
LEARNING_RATE = 4e-3  # highest learning rate of Adam; it falls along a cosine to 0
N_SEEDS = 3  # models of each size, 2 or more: their spread is the interval
N_PAIRS = 400  # pairs of digits between which we walk, 40 or more
N_MAP = 1000  # digits on the maps of section 5, 100 to 1,000
# %% tags=["hide-input"]
import math
from copy import deepcopy

import torch
from torch.distributions import MultivariateNormal, Normal
from torch.func import jacfwd, vmap

from vae_course import (
    VAE,
    Runs,
    draw_faces,
    fit,
    load,
    load_classifier,
    load_face_model,
    load_one_model,
    load_reader,
    over_seeds,
    seed_everything,
    seed_of,
    seeded,
)
from vae_course.evaluation import expected_norm, lerp, path_cost, posterior_means, read
from vae_course.evaluation import slerp as package_slerp
from vae_course.plots import (
    animation_html,
    image_grid,
    interpolation_strip,
    latent_scatter,
    line_plot,
    maps_side_by_side,
    paths_on_map,
)
from vae_course.teaching import (
    Claims,
    check,
    check_parameters,
    complete,
    hint,
    predict,
    results_table,
    show,
    show_html,
    solution,
)
from vae_course.widgets import explore_latent_pad

least = dict(TRAIN_EXAMPLES=1000, EPOCHS=5, BATCH_SIZE=1, LEARNING_RATE=0.0, N_SEEDS=2, N_PAIRS=40, N_MAP=100)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("03_Latent_Space_and_Smooth_Interpolation_in_VAEs", parameters)
DATASET = "digits" if OFFLINE else "mnist"
train, validation = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(TRAIN_EXAMPLES, len(train)), seed=0)


@torch.no_grad()
def decode(model, z):
    """The decoder's mean pictures, (..., C, H, W)."""
    return model.likelihood.mean(model.decode(z)).clamp(0, 1)


painter = load_face_model()  # trained on drawn faces; other pictures and their model fit here as well
columns = dict(smile=[0.9, 0.1], glasses=[0.0, 1.0], hair=[0.9, 0.3], color=[0.8, 0.2], skin=[0.1, 0.3])
columns |= dict(pose=[0.15, 0.85], width=[0.4, 0.6], eyes=[0.6, 0.6], background=[0.2, 0.2])
faces = draw_faces(torch.tensor(list(columns.values())).T.contiguous()) / 255
with torch.no_grad():
    first, last = painter.encode(faces).mean
through_code = decode(painter, lerp(first, last, torch.linspace(0, 1, 9)))
faded = lerp(through_code[0], through_code[-1], torch.linspace(0, 1, 9))
show(
    interpolation_strip(torch.stack([through_code, faded]), row_labels=["code", "fade"]),
    alt="Two rows of nine drawn faces with the same ends: a blond woman who looks to the left, and a dark-haired man with glasses "
    "who looks to the right. Along the code one face changes step by step; in the cross-fade two faces shine through each other.",
    title="Halfway through the code stands one face; halfway through a cross-fade stand two",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **explain** why codes can spread wider than the prior, and take the surplus away for free;
# 2. **write** slerp and a geodesic of the decoder's metric, and say what each of them buys;
# 3. **judge** pictures on a path with two witnesses that drew none of them;
# 4. **say** what a map of many dimensions keeps, by counting, and why an axis has no name.
#
# You need chapter 02: encoder, decoder, −ELBO. Three functions and two small tables are left for you. The numbers in the text are those of the full run with the
# parameters above.
#
# ## 1 How wide are the codes?
#
# Train two sizes of code: 2 dimensions, because you can look at them, and 32, because two are too few.


# %%
def train_vae(latent_dim, seed):
    """A small VAE, trained as in chapter 02, and its held-out −ELBO after each pass."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=(256, 128))
    recipe = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, schedule="cosine")
    recipe |= dict(warmup=0.05, kl_warmup=0.0, eval_examples=1000, progress=False)
    history = fit(model, train, validation, seed=seed, **recipe)
    print(f"{latent_dim:>2} dimensions, seed {seed}: {history.curve()[1][-1]:.1f} nats", flush=True)
    return model.requires_grad_(False), history.curve()


trained = {k: [train_vae(k, seed) for seed in range(N_SEEDS)] for k in (2, 32)}
flat, wide = ([model for model, _ in trained[k]] for k in (2, 32))
curves = {f"{k} dimensions": [curve for _, curve in trained[k]] for k in trained}
fifth = max(1, EPOCHS // 5)
still = Runs(c[1][-1 - fifth] / c[1][-1] - 1 for k in curves for c in curves[k])
claims.add("flat", still, below=0.01, unit="%", text="Held-out −ELBO, still falling in the last fifth")
# %% tags=["hide-input"]
show(
    line_plot(
        {
            name: (each[0][0][1:], [Runs(values) for values in zip(*(c[1][1:] for c in each), strict=True)])
            for name, each in curves.items()
        },
        x_label="passes through the training digits",
        y_label="held-out −ELBO (nats)",
    ),
    alt="Held-out negative ELBO against passes through the data, for codes of 2 and of 32 dimensions, with intervals over the "
    "seeds. Both curves fall steeply at first and level off; 32 dimensions end far below 2.",
    title=f"{EPOCHS} passes: both curves level off; thirty dimensions more are worth "
    f"{curves['2 dimensions'][0][1][-1] - curves['32 dimensions'][0][1][-1]:.0f} nats",
)
guess = predict(
    "The prior is N(0, I): in two dimensions 95 % of it lie in the circle of radius 2.45. What share of the codes of training digits lies outside?",
    ["about 5 %, as the prior demands", "fewer than 4 %", "more than 8 %"],
)


# %%
@torch.no_grad()
def spread(model):
    """Draws from q(z|x) of all training digits, and the second moment E[z²] of each dimension."""
    q = model.encode(train.floats())
    return q.sample(generator=seeded(0)), (q.mean**2 + q.log_var.exp()).mean(0)


def outside(z):
    return (z.norm(dim=1) > math.sqrt(2 * math.log(20))).double().mean()


spreads = [spread(model) for model in flat]
share = Runs((outside(z) for z, _ in spreads), least=0, most=1)
moment = Runs(m.mean() for _, m in spreads)
guess.compare(1 if share.mean < 0.04 else 2 if share.mean > 0.08 else 0, f"{share:.1%} ({N_SEEDS} seeds).")
claims.add("outside", share, above=0.08, unit="%", text="Codes outside the prior's 95 % circle")
claims.add("moment", moment, above=1.1, text="Second moment E[z²] of the codes; the prior's is 1")
some = torch.arange(min(2000, len(train)))
# %% tags=["hide-input"]
show(
    latent_scatter(spreads[0][0][some], train.labels[some], train.class_names),
    alt="Draws from the posterior of training digits in the plane, each as its digit. Classes lie in patches around the center; "
    "many points lie outside the dashed circle that holds 95 percent of the prior.",
    title=f"{share.mean:.0%} of the codes lie where the prior has 5 %",
)
# %% [markdown]
# The codes are wider than the prior: {{outside}} of them lie outside a circle that should leave out 5 %, and $\mathbb E[z_j^2]$ is {{moment}} instead of 1. Does the
# ELBO *want* that, to make room for the digits? No. Divide dimension $j$ of every code by $c_j$, mean and width alike, and let the decoder multiply by $c_j$ first. It draws
# the same pictures. Only the KL changes, and it is smallest at
#
# $$
# c_j^2 = \mathbb E[z_j^2] = m_j, \qquad \text{where it has fallen by exactly} \quad \tfrac12 \textstyle\sum_j (m_j - 1 - \log m_j).
# $$
#
# In words: at an optimum the second moment *is* that of the prior, in every dimension. A surplus is unfinished training. (No warm-up of the KL term is to blame:
# these models had none.) So take it away.
# %%
gained, narrower, off = [], [], []
for model, (z, m) in zip(flat, spreads, strict=True):
    q = model.encode(train.floats())
    before = q.kl()
    q.mean, q.log_var = q.mean / m.sqrt(), q.log_var - m.log()
    gained.append((before - q.kl()).mean())
    off.append(abs(gained[-1] - 0.5 * (m - 1 - m.log()).sum()))
    narrower.append(outside(z / m.sqrt()))
claims.add("free_lunch", max(off), below=1e-3, unit="nats", exact=True, text="KL saved, off the formula")
claims.note("gained", Runs(gained), unit="nats")
claims.note("narrower", Runs(narrower, least=0, most=1), unit="%")
print(f"saved {Runs(gained)} nats; outside the circle now {Runs(narrower):.1%}")
# %% [markdown]
# A free gain of {{gained}}, small beside the −ELBO: that is why training is in no hurry to find it. Outside the circle remain {{narrower}}. That rest is *shape*, not scale: patches with
# gaps between them, and no rescaling mends it. Chapter 04 looks into the gaps.
#
# ## 2 A straight line or a great circle?
#
# The straight line is **lerp**, $z_t = (1-t)\,a + t\,b$. The folklore warns of it: in many dimensions draws from the prior lie in a thin shell, and a straight line cuts
# through the empty inside. First some arithmetic.
#
# **Your turn (03.2).** Codes are drawn from $\mathcal N(0, I)$ in 100 dimensions, so each has a norm of about 10. Give the typical norm, to 2 %, of `lerp` (the midpoint
# of the straight line between two of them), `slerp` (the midpoint of the great circle around the origin), `three` (the mean of three of them).
# %%
answer_03_2 = {"lerp": ..., "slerp": ..., "three": ...}


# hint("03.2")  # remove the first # for a hint, again for the next one
check("03.2", answer_03_2)
solution("03.2")
# %% [markdown]
# The great circle is called **slerp** (Shoemake 1985; White 2016 for codes):
#
# $$
# z_t = \frac{\sin((1-t)\,\omega)}{\sin\omega}\,a + \frac{\sin(t\,\omega)}{\sin\omega}\,b, \qquad \omega = \text{angle between } a \text{ and } b .
# $$
#
# In words: turn from one direction to the other at a steady pace.
#
# **Your turn (03.6).** Where both codes point in the same direction, $\sin\omega = 0$: take the straight line. Exactly opposite codes have no shortest circle; what they get is up to you, but
# one such pair must not spoil the others in the batch.


# %%
def slerp(start: torch.Tensor, end: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """start, end: (pairs, latent); t: (steps,) from 0 to 1. Returns (steps, pairs, latent)."""
    ...


# hint("03.6")  # remove the first # for a hint, again for the next one
slerp = complete("03.6", slerp)
solution("03.6")
# %%
t, middle = torch.linspace(0, 1, 11), torch.tensor([0.5])
other, half = torch.randperm(len(validation), generator=seeded(0)), torch.arange(len(validation))
differ = validation.labels != validation.labels[other]
first, second = (validation.batch(index[differ][:N_PAIRS]) for index in (half, other))
norms, ordinary = {}, {}
for k in (2, 32):
    a, b, fresh = torch.randn(3, 20_000, k, generator=seeded(k))
    shell = fresh.norm(dim=-1).quantile(torch.tensor([0.025, 0.975]))
    for name, path in (("lerp", lerp), ("slerp", slerp)):
        norm = path(a, b, t).norm(dim=-1)
        norms[f"{name}, {k}-D"] = norm.median(1).values / expected_norm(k)
        ordinary[name, k] = ((norm[5] > shell[0]) & (norm[5] < shell[1])).double().mean()
with torch.no_grad():
    ends = [(model.encode(first).mean, model.encode(second).mean) for model in wide]
shells = [torch.cat(pair).norm(dim=-1).quantile(torch.tensor([0.025, 0.5, 0.975])) for pair in ends]
between = [lerp(*pair, middle).norm(dim=-1) for pair in ends]
inside = Runs(((n > s[0]) & (n < s[2])).double().mean() for n, s in zip(between, shells, strict=True))
norms["lerp between means, 32-D"] = lerp(*ends[0], t).norm(dim=-1).median(1).values / expected_norm(32)
same = (slerp(a, b, t) - package_slerp(a, b, t)).abs().max()
claims.add("same_slerp", same, below=1e-3, exact=True, text="Your slerp and the package's, difference")
claims.add("lines_32", ordinary["lerp", 32], below=0.4, unit="%", exact=True, text="Lines in the shell, 32-D")
claims.note("lines_2", ordinary["lerp", 2], unit="%")
claims.add("means_inside", inside, below=0.5, unit="%", text="Lines between means, midpoint in their shell")
claims.note("own_shell", Runs(s[1] for s in shells))
claims.note("own_middle", Runs(n.median() for n in between))
# %% tags=["hide-input"]
show(
    line_plot(
        {name: (t.tolist(), values.tolist()) for name, values in norms.items()},
        x_label="t, from the first code (0) to the second (1)",
        y_label="median norm / mean norm of the prior",
        legend_outside=True,
    ),
    alt="Median norm of the code along the path, divided by the mean norm of the prior. Between draws from the prior the straight line sags "
    "to about 0.7 halfway in 2 and in 32 dimensions, the great circle does not. Between posterior means in 32 dimensions the line "
    "starts lower and sags lower still.",
    title="A straight line sags between any two codes, and posterior means are no exception",
)
# %% [markdown]
# Halfway the norm has shrunk to $1/\sqrt2$, in **every** number of dimensions. In two that is ordinary: {{lines_2}} of the midpoints have a norm within the middle 95 % of
# the prior. In 32 it is {{lines_32}}: the folklore is right about norms. You will mostly walk between *pictures*, from posterior mean to posterior mean. These are shorter
# than draws, but have a shell of their own: their median norm is {{own_shell}}, halfway it is {{own_middle}}, and only {{means_inside}} of the midpoints lie in that shell.
#
# An unusual norm is one thing, a bad picture another. Let two witnesses judge that drew none of the pictures. One is a VAE with other weights: its −ELBO, less the entropy
# that gray pixels cost any model (the **excess**). The other is a classifier: how much in doubt is it?
#
# **Your turn (03.3).** The entropy of each row, in nats. Zeros are possible.


# %%
def doubt(probabilities: torch.Tensor) -> torch.Tensor:
    """probabilities: (n, classes), rows sum to 1. Returns the entropy of each row in nats, (n,)."""
    ...


# hint("03.3")  # remove the first # for a hint, again for the next one
doubt = complete("03.3", doubt)
solution("03.3")
guess = predict(
    "Walk between the posterior means of two digits in 32 dimensions. Whose picture halfway costs the judge less?",
    ["slerp's, by more than 1 nat", "about the same, within 1 nat", "lerp's, by more than 1 nat"],
)
# %%
judge, classifier = load_one_model(DATASET).at(beta=1.0, k=20), load_classifier(DATASET)


def verdict(pictures):
    """Excess −ELBO and the classifier's doubt of pictures (n, C, H, W), means over them, in nats."""
    excess = path_cost(judge, pictures[None]).excess.mean().item()
    return {"excess": excess, "doubt": doubt(classifier.probabilities(pictures)).mean().item()}


@torch.no_grad()
def circle_minus_line(seed):
    """Both verdicts halfway, slerp's minus lerp's, for three kinds of ends and two sizes of code."""
    found = {}
    for k, model in ((2, flat[seed]), (32, wide[seed])):
        q, r, noise = model.encode(first), model.encode(second), seeded(k)
        kinds = {"drawn from the prior": torch.randn(2, len(first), k, generator=noise)}
        kinds["drawn from q(z|x)"] = q.sample(generator=noise), r.sample(generator=noise)
        kinds["posterior means"] = q.mean, r.mean
        for name, pair in kinds.items():
            line, circle = (verdict(decode(model, path(*pair, middle)[0])) for path in (lerp, slerp))
            found |= {(k, name, witness): circle[witness] - line[witness] for witness in line}
    return found


# %%
compared = over_seeds(N_SEEDS, circle_minus_line)
results_table(
    [
        {"ends": name, "dimensions": k, "excess (nats)": value, "doubt (nats)": compared[k, name, "doubt"]}
        for (k, name, witness), value in compared.items()
        if witness == "excess"
    ],
    caption=f"Halfway, slerp's pictures minus lerp's; negative: slerp's are better ({N_SEEDS} seeds)",
)
means = compared[32, "posterior means", "excess"]
guess.compare(0 if means.mean < -1 else 2 if means.mean > 1 else 1, f"slerp minus lerp: {means} nats.")
claims.add("circle_means", means, between=(-8, 8), unit="nats", text="Excess halfway, slerp minus lerp, means")
claims.note("circle_prior", compared[32, "drawn from the prior", "excess"], unit="nats")
claims.note("circle_draws", compared[32, "drawn from q(z|x)", "excess"], unit="nats")
claims.note("circle_doubt", compared[32, "posterior means", "doubt"], unit="nats")
# %% [markdown]
# TEXT2
#
# ## 3 Why not simply fade?
#
# The cheapest morph needs no model: fade one picture out and the other in. To be fair, both paths get the same two end pictures, the decoded ones.
# %%
few = [0, 1, 2]
a, b = (x[few] for x in ends[0])
latent = decode(wide[0], lerp(a, b, t))
faded = lerp(latent[0], latent[-1], t)
strips = torch.stack([latent, faded], 1)[:, :, :].permute(2, 1, 0, 3, 4, 5).flatten(0, 1)
show(
    interpolation_strip(strips, row_labels=["code", "fade"] * len(few)),
    alt="Three pairs of digits, two rows of eleven pictures each. Along the code the strokes bend from one digit into the other; in the "
    "cross-fade one digit fades out while the other fades in, so that both are seen at once in the middle.",
    title="Along the code strokes move; in a cross-fade two digits share the picture",
)
guess = predict(
    "Halfway between two digits, by how many nats does the picture from the code cost the judge less than the cross-fade?",
    ["it does not", "up to 10 nats", "10 to 40 nats", "more than 40 nats"],
)


# %%
def fade_minus_code(seed):
    """Verdicts halfway, the cross-fade's minus the code's; and how often neither end's class is seen."""
    pictures = decode(wide[seed], lerp(*ends[seed], torch.linspace(0, 1, 3)))
    halfway = {"code": pictures[1], "fade": (pictures[0] + pictures[2]) / 2}
    code, fade = (verdict(x) for x in halfway.values())
    seen = {name: classifier.probabilities(x).argmax(-1) for name, x in halfway.items()}
    left, right = (classifier.probabilities(x).argmax(-1) for x in (pictures[0], pictures[2]))
    third = {name: ((c != left) & (c != right)).double().mean() for name, c in seen.items()}
    return {witness: fade[witness] - code[witness] for witness in code} | third


faded = over_seeds(N_SEEDS, fade_minus_code)
saved = faded["excess"]
guess.compare(
    0 if saved.mean <= 0 else 1 if saved.mean <= 10 else 2 if saved.mean <= 40 else 3, f"{saved} nats."
)
claims.add("saved", saved, above=3, unit="nats", text="Excess halfway, cross-fade minus code")
claims.note("fade_doubt", faded["doubt"], unit="nats")
claims.note("third_code", faded["code"], unit="%")
claims.note("third_fade", faded["fade"], unit="%")
# %% [markdown]
# TEXT3
#
# ## 4 How far apart are two codes?
#
# A straight line is straight for the ruler in the code. Is that the right ruler? A step of 0.1 may change the picture much or not at all. So measure steps by what
# the **decoder** does. Two codes are far apart if you could tell their pictures apart: for a small step $\delta$,
#
# $$
# \mathrm{KL}\bigl(p(x|z)\,\|\,p(x|z+\delta)\bigr) \approx \tfrac12\,\delta^\top G(z)\,\delta, \qquad G(z) = J^\top J .
# $$
#
# In words: the metric $G$ prices a step in every direction. $J$ holds the derivatives of the decoder's output, measured so that equal steps can be told apart equally
# well. For a pixel that is a coin with $p = \operatorname{sigmoid}(\ell)$ this is the angle $\varphi = 2\arctan e^{\ell/2}$ (Fisher's metric: Arvanitidis et al. 2022; Gaussian
# decoders: Arvanitidis et al. 2018, Shao et al. 2018). $\sqrt{\det G}$ is the **magnification**: how much change of picture an area of the code holds.


# %%
def angles(model, z):
    """What the decoder draws at codes (..., latent), as one angle for each pixel: (..., pixels)."""
    return 2 * torch.atan(torch.exp(model.decode(z) / 2)).flatten(-3)


def metric(model, z):
    """G = JᵀJ at codes (n, latent): (n, latent, latent)."""
    jacobian = vmap(jacfwd(lambda code: angles(model, code)))(z)
    return jacobian.mT @ jacobian


exact, z = deepcopy(flat[0]).double(), spreads[0][0][:50].double()
step = 1e-3 * torch.randn(50, 2, generator=seeded("steps"), dtype=torch.float64)
here, there = (torch.distributions.Bernoulli(logits=exact.decode(code)) for code in (z, z + step))
kl = torch.distributions.kl_divergence(here, there).sum((1, 2, 3))
half_square = 0.5 * torch.einsum("ni,nij,nj->n", step, metric(exact, z), step)
claims.add("metric", (half_square / kl - 1).abs().max(), below=0.05, exact=True, text="½ δᵀGδ over the KL, less 1")
# %% [markdown]
# A **geodesic** is the shortest path by this ruler. To find it, bend the straight line until its energy stops falling.
#
# **Your turn (03.7).** The energy of a path: the sum of its squared steps. Gradients must reach the path.


# %%
def energy(path: torch.Tensor) -> torch.Tensor:
    """path: (steps, paths, size). Returns the sum of squared steps of each path, (paths,)."""
    ...


# hint("03.7")  # remove the first # for a hint, again for the next one
energy = complete("03.7", energy)
solution("03.7")


# %%
def geodesic(model, start, end, steps=17, descents=200):
    """Codes on shortest paths by the decoder's metric, (steps, pairs, latent), from the straight line on."""
    path = lerp(start, end, torch.linspace(0, 1, steps))
    inner = path[1:-1].clone().requires_grad_()
    optimizer = torch.optim.Adam([inner], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, descents)
    for _ in range(descents):
        optimizer.zero_grad()
        energy(angles(model, torch.cat([path[:1], inner, path[-1:]]))).sum().backward()
        optimizer.step()
        schedule.step()
    return torch.cat([path[:1], inner.detach(), path[-1:]])


codes = posterior_means(flat[0], validation)
towns = torch.stack([codes[validation.labels == c].median(0).values for c in range(10)])
far = torch.cdist(towns, towns).triu().flatten().argsort(descending=True)[:5]
a, b = far // 10, far % 10
line, curve = lerp(towns[a], towns[b], torch.linspace(0, 1, 17)), geodesic(flat[0], towns[a], towns[b])
side = torch.linspace(-3.5, 3.5, 71)
grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).flatten(0, 1)
magnification = metric(flat[0], grid).det().clamp_min(0).sqrt().unflatten(0, (71, 71))
# %% tags=["hide-input"]
texts = [str(c) for pair in zip(a.tolist(), b.tolist(), strict=True) for c in pair]
show(
    paths_on_map(magnification, 3.5, line, curve, texts),
    alt="The plane of the code, darker where a step changes the picture more: darkest around the center. Five dashed straight lines "
    "join the middles of digit classes that lie far apart; the five geodesics between the same ends are bent.",
    title="Geodesics go round the places where pictures change fast",
)
# %%
picked = [0, 2]
rows = [decode(flat[0], path[::2, p]) for p in picked for path in (line, curve)]
show(
    interpolation_strip(torch.stack(rows), row_labels=["straight", "geodesic"] * len(picked)),
    alt="Two pairs of digits, each with a row of nine pictures along the straight line and a row along the geodesic. Both rows "
    "start and end alike; in between they pass through partly different digits.",
    title="The same ends, two ways: the geodesic spreads the change evenly over its steps",
)
guess = predict(
    "Between random pairs of digits: by how much is the geodesic shorter than the straight line, and are its pictures better?",
    ["5 to 20 %, and better", "5 to 20 %, no better", "more than 20 %, and better", "more than 20 %, no better"],
)


# %%
def retimed(model, start, end, steps=17):
    """The straight line, with stops at equal distances by the decoder's ruler."""
    fine = lerp(start, end, torch.linspace(0, 1, 20 * (steps - 1) + 1))
    gone = angles(model, fine).diff(dim=0).norm(dim=-1).cumsum(0)
    asked = torch.linspace(0, 1, steps)[:, None, None] * gone[-1]
    stops = (gone[None] < asked).sum(1).clamp(max=len(gone) - 1)
    return torch.take_along_dim(fine, stops[..., None], 0)


def mirrored(path):
    """The same bends to the other side of the straight line: as long for a ruler in the code."""
    along = torch.nn.functional.normalize(path[-1] - path[0], dim=-1)
    foot = path[0] + ((path - path[0]) * along).sum(-1, keepdim=True) * along
    return 2 * foot - path


@torch.no_grad()
def measure(model, path):
    """Length by the decoder's ruler, largest step over the mean one, and verdicts on the way."""
    steps = angles(model, path).diff(dim=0).norm(dim=-1)
    found = {"length": steps.sum(0).mean().item(), "uneven": (steps.amax(0) / steps.mean(0)).mean().item()}
    return found | verdict(decode(model, path[1:-1]).flatten(0, 1))


# %%
def four_paths(seed):
    """All measures of four paths between the posterior means of random pairs of digits."""
    model, few = flat[seed], max(20, N_PAIRS // 8)
    a, b = (model.encode(x[:few]).mean for x in (first, second))
    shortest = geodesic(model, a, b)
    paths = {"straight line": lerp(a, b, torch.linspace(0, 1, 17)), "its stops re-timed": retimed(model, a, b)}
    paths |= {"geodesic": shortest, "geodesic, mirrored": mirrored(shortest)}
    return {(name, key): v for name, path in paths.items() for key, v in measure(model, path).items()}


ways = over_seeds(N_SEEDS, four_paths)
results_table(
    [
        {"path": name, "length": value, "largest step / mean": ways[name, "uneven"]}
        | {"excess (nats)": ways[name, "excess"], "doubt (nats)": ways[name, "doubt"]}
        for (name, key), value in ways.items()
        if key == "length"
    ],
    caption=f"Four paths between {max(20, N_PAIRS // 8)} pairs in two dimensions ({N_SEEDS} seeds)",
)
shorter = 1 - ways["geodesic", "length"] / ways["straight line", "length"]
better = ways["straight line", "excess"] - ways["geodesic", "excess"]
surer = ways["straight line", "doubt"] - ways["geodesic", "doubt"]
answer = (2 if shorter.mean > 0.2 else 0) + (0 if better.low > 0 and surer.low > 0 else 1)
guess.compare(answer, f"{shorter:.1%} shorter; excess saved {better} nats, doubt saved {surer} nats.")
claims.add("shorter", shorter, above=0.01, unit="%", text="Geodesic shorter than the straight line by")
claims.add("even", ways["geodesic", "uneven"], below=1.2, text="Geodesic, largest step over the mean one")
claims.add("better", better, between=(-10, 10), unit="nats", text="Excess, straight line minus geodesic")
claims.note("surer", surer, unit="nats")
claims.note("jump", ways["straight line", "uneven"])
claims.note("retimed", ways["its stops re-timed", "uneven"])
claims.note("mirror", ways["geodesic, mirrored", "length"] / ways["straight line", "length"] - 1, unit="%")
# %% [markdown]
# TEXT4
#
# ## 5 Can you draw 32 dimensions?
#
# Only squeezed into two. **PCA** looks at the cloud from the side from which it is widest: a shadow. **t-SNE** moves points about in a plane until each has about the
# same neighbors as in the code. Count how many of them it keeps.
# %%
guess = predict(
    "Of a digit's 5 nearest neighbors in the code, how many are among its 5 nearest on the t-SNE map?",
    ["fewer than 1", "2 to 3", "4 to 5"],
)
# %%
from sklearn.manifold import TSNE

pool = validation.subset(min(N_MAP, len(validation)), seed=0)


def nearest(points):
    """Which points are the 5 nearest of each: (n, n), True or False."""
    apart = torch.cdist(points.double(), points.double()).fill_diagonal_(torch.inf)
    return torch.zeros_like(apart, dtype=torch.bool).scatter_(1, apart.topk(5, largest=False).indices, True)


maps = []
for model in wide:
    means = posterior_means(model, pool)
    directions = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:2]
    tsne = TSNE(perplexity=30, init="pca", random_state=seed_of(0), n_jobs=1).fit_transform(means.numpy())
    maps.append({"code": means, "PCA": means @ directions.T, "t-SNE": torch.from_numpy(tsne)})
    maps[-1]["pixels"] = pool.floats().flatten(1)
kept = {
    name: Runs((nearest(m["code"]) & nearest(m[name])).sum() / (5 * len(pool)) for m in maps)
    for name in ("PCA", "t-SNE", "pixels")
}
guess.compare(0 if kept["t-SNE"].mean < 0.3 else 1 if kept["t-SNE"].mean < 0.7 else 2, f"{kept['t-SNE']:.1%}")
claims.add("tsne_keeps", kept["t-SNE"], between=(0.35, 0.85), unit="%", text="Neighbors that t-SNE keeps")
claims.add("pca_keeps", kept["PCA"], below=0.25, unit="%", text="Neighbors that PCA to two dimensions keeps")
claims.note("pixels_keep", kept["pixels"], unit="%")
# %% tags=["hide-input"]
titles = {f"{name}: {kept[name].mean:.0%} of the 5 nearest neighbors": maps[0][name] for name in ("PCA", "t-SNE")}
show(
    maps_side_by_side(titles, pool.labels, pool.class_names),
    alt="Two maps of the same codes, colored by digit. On the PCA map the classes overlap strongly; on the t-SNE map most of them "
    "form patches of their own.",
    title="Neat patches, and still many neighbors are lost on the way to the plane",
)
# %% [markdown]
# TEXT5
#
# **Your turn (03.1).** Give `"yes"` (it follows) or `"no"`: `a`: two groups lie twice as far apart as two others on a t-SNE map, so they do in the code; `b`: two points are close
# neighbors on a t-SNE map, so they are probably neighbors in the code; `c`: two points coincide on a PCA map, so their codes are equal; `d`: two points are a distance of 3 apart on a PCA map, so
# their codes are at least 3 apart.
# %%
answer_03_1 = {"a": ..., "b": ..., "c": ..., "d": ...}


# hint("03.1")  # remove the first # for a hint, again for the next one
check("03.1", answer_03_1)
solution("03.1")
# %% [markdown]
# ## 6 What does an axis mean?
#
# Move one number of a code and watch: the picture changes. It is tempting to give that number a name. But turn all codes by a rotation $R$, and let the decoder turn them back first. The prior
# $\mathcal N(0, I)$ looks the same from every side, so nothing that can be measured on pictures changes.
# %%
model, x = deepcopy(wide[0]).double(), first[:100].double()
turn = torch.linalg.qr(torch.randn(32, 32, generator=seeded("turn"), dtype=torch.float64)).Q
q, prior = model.encode(x), Normal(0.0, 1.0)
z = q.sample(generator=seeded(1)).double()
covariance = turn @ torch.diag_embed(q.log_var.exp()) @ turn.T
turned = z @ turn.T
before = model.log_likelihood(x, z) + prior.log_prob(z).sum(-1) - q.log_prob(z)
posterior = MultivariateNormal(q.mean @ turn.T, covariance)
after = model.log_likelihood(x, turned @ turn) + prior.log_prob(turned).sum(-1) - posterior.log_prob(turned)
claims.add("turned", (after - before).abs().max(), below=1e-5, unit="nats", exact=True, text="ELBO after a turn")
precision = turn @ torch.diag_embed((-q.log_var).exp()) @ turn.T
price = 0.5 * (precision.diagonal(dim1=1, dim2=2).log().sum(-1) - torch.logdet(precision)).mean()
claims.note("diagonal", price, unit="nats")
print(f"a diagonal encoder in the turned basis would pay at least {price:.1f} nats, were q the true posterior")


# %%
@torch.no_grad()
def factors_moved(seed):
    """How many of nine factors of a drawn face move together: along used axes, and random directions."""
    model, reader = load_face_model(seed), load_reader()
    faces = draw_faces(torch.rand(40, 9, generator=seeded("faces"))) / 255
    q = model.encode(faces)
    axes = torch.eye(16)[q.kl_per_dimension().mean(0).argsort(descending=True)[:8]]
    random = torch.nn.functional.normalize(torch.randn(8, 16, generator=seeded("ways")), dim=1)
    found = {}
    for name, ways in (("axis", axes), ("random direction", random)):
        ends = [q.mean[:, None] + sign * ways for sign in (-1, 1)]
        low, high = (read(reader, decode(model, z.flatten(0, 1))) for z in ends)
        change = (high - low).abs().unflatten(0, (40, 8)).mean(0)
        found[name] = (change.sum(1).square() / change.square().sum(1)).mean().item()
    return found


moved = over_seeds(3, factors_moved)
gap = moved["random direction"] - moved["axis"]
claims.add("axis_factors", moved["axis"], above=1.5, text="Factors of a face that one axis moves (effective)")
claims.note("random_factors", moved["random direction"])
# %% tags=["hide-input"]
with torch.no_grad():
    q = painter.encode(faces[:1])
basis = torch.eye(16)[painter.encode(faces).kl_per_dimension().mean(0).argsort(descending=True)[:2]]
random = torch.nn.functional.normalize(torch.randn(2, 16, generator=seeded("ways")), dim=1)
steps = torch.linspace(-2, 2, 9)[:, None]
names = ["an axis", "another axis", "any direction", "another one"]
show(
    image_grid(
        torch.cat([decode(painter, q.mean + steps * way) for way in torch.cat([basis, random])]),
        4,
        9,
        row_titles=names,
        column_titles=[f"{s:+.1f}".replace("-", "−") for s in steps.flatten().tolist()],
    ),
    alt="Four rows of nine drawn faces. In each row the code of one face moves along one direction: two axes of the code, then two "
    "random directions. In every row several features of the face change together.",
    title=f"An axis moves {moved['axis'].mean:.1f} of nine factors at once, a random direction {moved['random direction'].mean:.1f}",
)
# %% [markdown]
# TEXT6
#
# ## Play
#
# First watch a path move.
# %%
frames = decode(painter, lerp(first_face := painter.encode(faces[:1]).mean[0], last, torch.linspace(0, 1, 16)))
# %% [markdown]
# Then walk yourself, through the two-dimensional code. Look for a place where two classes meet, for a gap, and for what lies outside the circle.
# %%
pad = explore_latent_pad(flat[0], validation.subset(min(300, len(validation)), seed=3))
# %% [markdown]
# ## Break it
#
# TEXTB
#
# ## What you can say now
#
# TEXTS
#
# ## References
#
# Next: [04 · KL divergence and the Gaussian latent space](04_KL_Divergence_and_Gaussian_Latent_Space.ipynb)
# %% tags=["hide-input"]
claims.report()

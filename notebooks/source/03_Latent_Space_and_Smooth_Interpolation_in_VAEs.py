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
# An encoder gives every picture a place, and a decoder draws one for every place, also where none has ever been. So you can walk from one face to
# another. What lies on the way? Which way is best? And how would you know, apart from liking what you see?
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 20,000)
TRAIN_EXAMPLES = 20000  # digits that each model is trained on (fewer if there are fewer), 1,000 or more
EPOCHS = 8  # passes through them, 5 or more
BATCH_SIZE = 128  # digits in one update
LEARNING_RATE = 4e-3  # highest learning rate of Adam; it falls along a cosine to 0
N_SEEDS = 3  # models of each size, 2 or more: their spread is the interval
N_PAIRS = 400  # pairs of digits between which we walk, 40 or more
N_MAP = 600  # digits on the maps of section 5, 100 to 1,000
# %% tags=["hide-input"]
import math
from copy import deepcopy
from dataclasses import replace

import torch
from torch.distributions import MultivariateNormal, Normal

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
from vae_course.evaluation import (
    expected_norm,
    factors_moved,
    lerp,
    mirrored,
    path_cost,
    posterior_means,
    retimed,
)
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


painter = load_face_model().requires_grad_(
    False
)  # trained on drawn faces; other pictures and their model fit here as well
# smile, glasses, hair: length and color, skin, pose, width of the face, eyes, background
two = [[0.9, 0.0, 0.9, 0.8, 0.1, 0.15, 0.4, 0.6, 0.2], [0.1, 1.0, 0.3, 0.2, 0.3, 0.85, 0.6, 0.6, 0.2]]
faces = draw_faces(torch.tensor(two)) / 255
she, he = painter.encode(faces).mean
through_code = decode(painter, lerp(she, he, torch.linspace(0, 1, 7)))
faded = lerp(through_code[0], through_code[-1], torch.linspace(0, 1, 7))
show(
    image_grid(torch.cat([through_code, faded]), 2, 7, row_titles=["code", "fade"], cell=1.1),
    alt="Two rows of seven drawn faces with the same ends: a blond woman who looks to the left, and a dark-haired man with glasses who looks to the right. Along the code one face changes step by step; in the cross-fade two faces shine through each other.",
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
    return model.requires_grad_(False), history.curve()[1]


trained = {k: [train_vae(k, seed) for seed in range(N_SEEDS)] for k in (2, 32)}
flat, wide = ([model for model, _ in trained[k]] for k in (2, 32))
curves = {k: [curve for _, curve in trained[k]] for k in trained}
still = Runs(curve[-1 - EPOCHS // 5] / curve[-1] - 1 for curve in curves[2] + curves[32])
claims.add("flat", still, below=0.01, unit="%", text="Held-out −ELBO, still falling in the last fifth")
# %% tags=["hide-input"]
every = {f"{k} dimensions": [*map(Runs, zip(*curves[k], strict=True))][1:] for k in curves}
lines = {name: (range(1, EPOCHS + 1), values) for name, values in every.items()}
show(
    line_plot(lines, x_label="passes through the training digits", y_label="held-out −ELBO (nats)"),
    alt="Held-out negative ELBO against passes through the data, for codes of 2 and of 32 dimensions, with intervals over the seeds. Both curves fall steeply at first and level off; 32 dimensions end far below 2.",
    title=f"Both curves level off; 30 dimensions more are worth {curves[2][0][-1] - curves[32][0][-1]:.0f} nats",
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
show(
    latent_scatter(spreads[0][0][:2000], train.labels[:2000], train.class_names),
    alt="Draws from the posterior of training digits in the plane, each as its digit. Classes lie in patches around the center; many points lie outside the dashed circle that holds 95 percent of the prior.",
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
    scaled = replace(q, mean=q.mean / m.sqrt(), log_var=q.log_var - m.log())
    gained.append((q.kl() - scaled.kl()).mean())
    off.append(abs(gained[-1] - 0.5 * (m - 1 - m.log()).sum()))
    narrower.append(outside(z / m.sqrt()))
claims.add("free_lunch", max(off), below=1e-3, unit="nats", exact=True, text="KL saved, off the formula")
claims.note("gained", Runs(gained), unit="nats")
claims.note("narrower", Runs(narrower, least=0, most=1), unit="%")
# %% [markdown]
# A free gain of {{gained}}: little beside the whole −ELBO, and left lying there by every model. Outside the circle remain {{narrower}}. That rest is *shape*, not scale: patches with
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
other = torch.randperm(len(validation), generator=seeded(0))
pairs = (validation.labels != validation.labels[other]).nonzero()[:N_PAIRS, 0]
first, second = validation.batch(pairs), validation.batch(other[pairs])
norms, ordinary = {}, {}
for k in (2, 32):
    a, b, fresh = torch.randn(3, 20_000, k, generator=seeded(k))
    shell = fresh.norm(dim=-1).quantile(torch.tensor([0.025, 0.975]))
    for name, path in (("lerp", lerp), ("slerp", slerp)):
        norm = path(a, b, t).norm(dim=-1)
        norms[f"{name}, {k}-D"] = norm.median(1).values / expected_norm(k)
        ordinary[name, k] = ((norm[5] > shell[0]) & (norm[5] < shell[1])).double().mean()
ends = [(model.encode(first).mean, model.encode(second).mean) for model in wide]
shells = [torch.cat(pair).norm(dim=-1).quantile(torch.tensor([0.025, 0.5, 0.975])) for pair in ends]
between = [lerp(*pair, middle).norm(dim=-1) for pair in ends]
inside = Runs(((n > s[0]) & (n < s[2])).double().mean() for n, s in zip(between, shells, strict=True))
norms["lerp between means, 32-D"] = lerp(*ends[0], t).norm(dim=-1).median(1).values / expected_norm(32)
same = (slerp(a, b, t) - package_slerp(a, b, t)).abs().max()
claims.add("same_slerp", same, below=1e-3, exact=True, text="Your slerp and the package's, difference")
claims.note("lines_32", ordinary["lerp", 32], unit="%")
claims.note("lines_2", ordinary["lerp", 2], unit="%")
claims.add("means_inside", inside.within(0, 1), below=0.5, unit="%", text="Midpoints in the means' shell")
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
    alt="Median norm of the code along the path, divided by the mean norm of the prior. Between draws from the prior the straight line sags to about 0.7 halfway in 2 and in 32 dimensions, the great circle does not. Between posterior means in 32 dimensions the line starts lower and sags lower still.",
    title="A straight line sags between any two codes, and posterior means are no exception",
)
# %% [markdown]
# Halfway the norm has shrunk to $1/\sqrt2$, in **every** number of dimensions. In two that is ordinary: {{lines_2}} of the midpoints have a norm within the prior's middle 95 %. In 32 it is {{lines_32}}: the folklore is right about norms. You will mostly walk between *pictures*, from posterior mean to posterior mean. These are shorter
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
factors = (1.0, math.sqrt(2), 2.0, 3.0)
judge, classifier = load_one_model(DATASET).at(beta=1.0, k=20), load_classifier(DATASET)


def verdict(pictures):
    """Excess −ELBO and the classifier's doubt of pictures (n, C, H, W), means over them, in nats."""
    excess = path_cost(judge, pictures[None]).excess.mean().item()
    return {"excess": excess, "doubt": doubt(classifier.probabilities(pictures)).mean().item()}


@torch.no_grad()
def line_minus_circle(seed):
    """Both verdicts halfway, lerp's minus slerp's, by kind of ends; and midpoints pushed outwards."""
    found = {}
    for k, model in ((2, flat[seed]), (32, wide[seed])):
        q, r, noise = model.encode(first), model.encode(second), seeded(k)
        kinds = {"drawn from the prior": torch.randn(2, len(first), k, generator=noise)}
        kinds["drawn from q(z|x)"] = q.sample(generator=noise), r.sample(generator=noise)
        kinds["posterior means"] = q.mean, r.mean
        for name, pair in kinds.items():
            line, circle = (verdict(decode(model, path(*pair, middle)[0])) for path in (lerp, slerp))
            found |= {(k, name, witness): line[witness] - circle[witness] for witness in line}
        for factor in factors:
            found[k, factor] = verdict(decode(model, factor * (q.mean + r.mean) / 2))["excess"]
    return found


# %%
compared = over_seeds(N_SEEDS, line_minus_circle)
results_table(
    [
        {"ends": name}
        | {f"{k}-D, {what} (nats)": compared[k, name, what] for k in (2, 32) for what in ("excess", "doubt")}
        for name in ("drawn from the prior", "drawn from q(z|x)", "posterior means")
    ],
    caption=f"What slerp saves halfway: lerp's verdict minus slerp's ({N_SEEDS} seeds)",
)
results_table(
    [{"times": f"{f:.3g}"} | {f"{k} dimensions": compared[k, f] for k in (2, 32)} for f in factors],
    caption="The control: excess (nats) of the line's midpoint between posterior means, times a factor",
)
means = compared[32, "posterior means", "excess"]
guess.compare(0 if means.mean > 1 else 2 if means.mean < -1 else 1, f"slerp saves {means} nats.")
claims.add("circle_saves", means, above=0, unit="nats", text="Excess halfway that slerp saves, means, 32-D")
claims.note("circle_flat", compared[2, "posterior means", "excess"], unit="nats")
claims.note("circle_doubt", compared[32, "posterior means", "doubt"], unit="nats")
worse = compared[32, 3.0] - compared[32, math.sqrt(2)]
claims.add("too_far", worse, above=0, unit="nats", text="Excess, midpoint times 3 minus times √2, 32-D")
claims.note("farther", compared[2, math.sqrt(2)] - compared[2, 3.0], unit="nats")
# %% [markdown]
# The circle's pictures are better, between posterior means as well: they cost the judge {{circle_saves}} less, and the classifier's doubt falls by {{circle_doubt}}. But is the empty shell the reason? In two
# dimensions nothing is empty; there the circle saves {{circle_flat}}, which decides nothing. Between codes of equal length slerp's midpoint is lerp's, divided by $\cos(\omega/2)$: the same direction,
# farther out. So push midpoints outwards (second table). In 32 dimensions $\sqrt2$ is good, which is the factor that leads back to the shell, and 3 is {{too_far}} worse: the folklore has its reason.
# In the plane farther out is better, up to 3 at least ({{farther}} from $\sqrt2$ on): the center is where the classes meet.
#
# ## 3 Why not simply fade?
#
# The cheapest morph needs no model: fade one picture out and the other in. To be fair, both paths get the same two end pictures, the decoded ones.
# %%
latent = decode(wide[0], lerp(*(x[:3] for x in ends[0]), t))
faded = lerp(latent[0], latent[-1], t)
strips = torch.stack([latent, faded], 1).permute(2, 1, 0, 3, 4, 5).flatten(0, 1)
show(
    interpolation_strip(strips, row_labels=["code", "fade"] * 3),
    alt="Three pairs of digits, two rows of eleven pictures each. Along the code the strokes bend from one digit into the other; in the cross-fade one digit fades out while the other fades in, so that both are seen at once in the middle.",
    title="Along the code strokes move; in a cross-fade two digits share the picture",
)
guess = predict(
    "Halfway between two digits, by how many nats does the picture from the code cost the judge less than the cross-fade?",
    ["it does not", "up to 10 nats", "10 to 40 nats", "more than 40 nats"],
)


# %%
def fade_minus_code(seed):
    """Verdicts halfway, the cross-fade's minus the code's; how often the code shows neither end's class."""
    pictures = decode(wide[seed], lerp(*ends[seed], torch.linspace(0, 1, 3)))
    code, fade = pictures[1], (pictures[0] + pictures[2]) / 2
    found = {witness: value - verdict(code)[witness] for witness, value in verdict(fade).items()}
    left, third, right = (classifier.probabilities(x).argmax(-1) for x in pictures)
    return found | {"third": ((third != left) & (third != right)).double().mean()}


faded = over_seeds(N_SEEDS, fade_minus_code)
saved = faded["excess"]
guess.compare(sum(saved.mean > edge for edge in (0, 10, 40)), f"{saved} nats.")
claims.add("saved", saved, above=3, unit="nats", text="Excess halfway, cross-fade minus code")
claims.note("fade_doubt", faded["doubt"], unit="nats")
claims.note("third", faded["third"].within(0, 1), unit="%")
# %% [markdown]
# The cross-fade costs the judge {{saved}} more, many times what the choice of line or circle was worth, and leaves the classifier {{fade_doubt}} more in doubt. No path is safe, though: halfway through
# the code the classifier sees a *third* digit in {{third}} of the pairs. The path is smooth because the decoder is continuous. Nobody asked it to
# pass through digits only.
#
# ## 4 How far apart are two codes?
#
# A straight line is straight for a ruler in the code. A step of 0.1 there may change the picture much or not at all. So measure by what
# the **decoder** does: two codes are far apart if you can tell their pictures apart. For a small step $\delta$,
#
# $$
# \mathrm{KL}\bigl(p(x|z)\,\|\,p(x|z+\delta)\bigr) \approx \tfrac12\,\delta^\top G(z)\,\delta, \qquad G(z) = J^\top J .
# $$
#
# In words: the metric $G$ prices a step in every direction. $J$ holds derivatives of the decoder's output, scaled so that equal steps are equally easy to tell apart. For a pixel that is a coin with $p = \operatorname{sigmoid}(\ell)$ this is the angle $\varphi = 2\arctan e^{\ell/2}$ (Fisher's metric: Arvanitidis et al. 2022; Gaussian
# decoders: Arvanitidis et al. 2018, Shao et al. 2018). $\sqrt{\det G}$ is the **magnification**: how much change of picture an area of the code holds.


# %%
def angles(model, z):
    """What the decoder draws at codes (..., latent), as one angle for each pixel: (..., pixels)."""
    return 2 * torch.atan(torch.exp(model.decode(z) / 2)).flatten(-3)


def metric(model, z, h=0.01):
    """G = JᵀJ at codes (n, latent), by finite differences: (n, latent, latent)."""
    steps = h * torch.eye(z.shape[1], dtype=z.dtype)
    columns = (angles(model, z[:, None] + steps) - angles(model, z[:, None] - steps)) / (2 * h)
    return columns @ columns.mT


exact, z = deepcopy(flat[0]).double(), spreads[0][0][:50].double()
step = 1e-3 * torch.randn(50, 2, generator=seeded("steps"), dtype=torch.float64)
here, there = (torch.distributions.Bernoulli(logits=exact.decode(code)) for code in (z, z + step))
kl = torch.distributions.kl_divergence(here, there).sum((1, 2, 3))
half_square = 0.5 * torch.einsum("ni,nij,nj->n", step, metric(exact, z), step)
claims.add("metric", (half_square / kl - 1).abs().max(), below=0.05, exact=True, text="½δᵀGδ over KL, less 1")
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
def geodesic(model, start, end, steps=17, descents=120):
    """Codes on shortest paths by the decoder's metric, (steps, pairs, latent), from the straight line on."""
    path = lerp(start, end, torch.linspace(0, 1, steps))
    inner = path[1:-1].clone().requires_grad_()
    optimizer = torch.optim.Adam([inner], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, descents)
    for _ in range(descents):
        optimizer.zero_grad()
        energy(angles(model, torch.cat([path[:1], inner, path[-1:]]))).sum().backward()
        optimizer.step()
        schedule.step()
    return torch.cat([path[:1], inner.detach(), path[-1:]])


codes = posterior_means(flat[0], validation)
towns = torch.stack([codes[validation.labels == c].median(0).values for c in range(10)])
a, b = torch.tensor([[0, 1], [1, 2], [0, 9], [1, 3], [0, 7]]).T
line = lerp(towns[a], towns[b], torch.linspace(0, 1, 41))
curve = geodesic(flat[0], towns[a], towns[b], steps=41, descents=300)
# %% tags=["hide-input"]
show(
    paths_on_map(lambda z: metric(flat[0], z), line, curve, torch.stack([a, b], 1).tolist()),
    alt="The plane of the code, darker where a step changes the picture more: darkest around the center. Five dashed straight lines join the middles of digit classes that lie far apart; the five geodesics between the same ends are bent.",
    title="Geodesics go round the places where pictures change fast",
)
rows = [decode(flat[0], path[::5, p]) for p in (0, 2) for path in (line, curve)]
show(
    image_grid(torch.cat(rows), 4, 9, row_titles=["straight", "geodesic"] * 2),
    alt="Two pairs of digits, each with a row of nine pictures along the straight line and a row along the geodesic. Both rows start and end alike; in between they pass through partly different digits.",
    title="The same ends, two ways: the geodesic spreads the change evenly over its steps",
)
guess = predict(
    "Between random pairs of digits: by how much is the geodesic shorter than the straight line, and are its pictures better?",
    ["up to 20 %, and better", "up to 20 %, no better", "more, and better", "more, no better"],
)


# %%
@torch.no_grad()
def measure(model, path):
    """Length by the decoder's ruler, largest step over the mean one, and verdicts on the way."""
    steps = angles(model, path).diff(dim=0).norm(dim=-1)
    uneven = (steps.amax(0) / steps.mean(0)).mean()
    found = {"length": steps.sum(0).mean(), "largest step / mean": uneven}
    return found | verdict(decode(model, path[1:-1]).flatten(0, 1))


def four_paths(seed):
    """All measures of four paths between the posterior means of random pairs of digits."""
    model, few = flat[seed], max(20, N_PAIRS // 8)
    a, b = (model.encode(x[:few]).mean for x in (first, second))
    line, shortest = lerp(a, b, torch.linspace(0, 1, 17)), geodesic(model, a, b)
    even = retimed(lambda z: angles(model, z), a, b, 17)
    paths = dict(zip(PATHS, (line, even, shortest, mirrored(shortest)), strict=True))
    return {(name, key): v for name, path in paths.items() for key, v in measure(model, path).items()}


PATHS = ("straight line", "its stops re-timed", "geodesic", "geodesic, mirrored")
# %%
ways = over_seeds(N_SEEDS, four_paths)
names = ("length", "largest step / mean", "excess", "doubt")
results_table(
    [{"path": path} | {name: ways[path, name] for name in names} for path in PATHS],
    caption=f"Four paths between pairs of digits in two dimensions, excess and doubt in nats ({N_SEEDS} seeds)",
)
shorter = 1 - ways["geodesic", "length"] / ways["straight line", "length"]
better = ways["straight line", "excess"] - ways["geodesic", "excess"]
surer = ways["straight line", "doubt"] - ways["geodesic", "doubt"]
answer = (2 if shorter.mean > 0.2 else 0) + (0 if better.low > 0 and surer.low > 0 else 1)
guess.compare(answer, f"{shorter:.1%} shorter; excess saved {better} nats, doubt saved {surer} nats.")
claims.add("shorter", shorter, above=0.01, unit="%", text="Geodesic shorter than the straight line by")
jump, even = (ways[path, "largest step / mean"] for path in ("straight line", "geodesic"))
claims.add("smoother", jump - even, above=0, text="Largest step over the mean one, line minus geodesic")
claims.note("even", even)
claims.add("better", better, below=3, unit="nats", text="Excess that the geodesic saves on the way")
claims.note("surer", surer, unit="nats")
claims.note("retimed", ways["its stops re-timed", "largest step / mean"])
claims.note("mirror", ways["geodesic, mirrored", "length"] / ways["straight line", "length"] - 1, unit="%")
# %% [markdown]
# A geodesic does what it promises: it is {{shorter}} shorter, and it goes round the dark middle of the map. Bent to the other side, the same curve gains nothing ({{mirror}} longer than the straight line): the side matters. Its
# steps are more even: the largest is {{even}} times the mean one (a perfect geodesic has 1), on the straight line {{smoother}} more than that. But even steps are to be had without bending: stop at other places of the *same* straight line,
# and the factor is {{retimed}}. And the pictures? Excess saved: {{better}}. Doubt saved: {{surer}}. No gain that these seeds could show. Shao et al. (2018) found straight lines close to geodesics, too.
#
# One warning. Where a decoder has never seen a code it may be sure of itself all the same: $G$ is small, and the ruler says "near". Arvanitidis et al. (2018) let its uncertainty grow
# away from the data.
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
kept = {}
for name in ("PCA", "t-SNE", "pixels"):
    kept[name] = Runs((nearest(m["code"]) & nearest(m[name])).sum() / (5 * len(pool)) for m in maps)
guess.compare(0 if kept["t-SNE"].mean < 0.3 else 1 if kept["t-SNE"].mean < 0.7 else 2, f"{kept['t-SNE']:.1%}")
claims.add("tsne_keeps", kept["t-SNE"], between=(0.35, 0.85), unit="%", text="Neighbors that t-SNE keeps")
claims.note("pca_keeps", kept["PCA"], unit="%")
claims.note("pixels_keep", kept["pixels"], unit="%")
# %% tags=["hide-input"]
titles = {f"{n}: {kept[n].mean:.0%} of the 5 nearest neighbors": maps[0][n] for n in ("PCA", "t-SNE")}
show(
    maps_side_by_side(titles, pool.labels, pool.class_names),
    alt="Two maps of the same codes, colored by digit. On the PCA map the classes overlap strongly; on the t-SNE map most of them form patches of their own.",
    title="Neat patches, and still many neighbors are lost on the way to the plane",
)
# %% [markdown]
# The patches look trustworthy. Yet of a digit's 5 nearest neighbors in the code t-SNE keeps {{tsne_keeps}}, PCA {{pca_keeps}} (by chance it would be less than one in a hundred). A neat patch says that neighbors are of
# one class, not that they are *the* neighbors. So compute in the code, and look at the map. Nor is the code the only truth: neighbors in pixels share {{pixels_keep}} with it.
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
# Move one number of a code, and the picture changes. It is tempting to give that number a name. But turn all codes by a rotation $R$, and let the decoder turn them back first. The prior
# $\mathcal N(0, I)$ looks the same from every side, so nothing that can be measured on pictures changes.
# %%
model, x = deepcopy(wide[0]).double(), first[:100].double()
turn = torch.linalg.qr(torch.randn(32, 32, generator=seeded("turn"), dtype=torch.float64)).Q
q, prior = model.encode(x), Normal(0.0, 1.0)
z = q.sample(generator=seeded(1)).double()
turned, covariance = z @ turn.T, turn @ torch.diag_embed(q.log_var.exp()) @ turn.T
before = model.log_likelihood(x, z) + prior.log_prob(z).sum(-1) - q.log_prob(z)
posterior = MultivariateNormal(q.mean @ turn.T, covariance)
after = model.log_likelihood(x, turned @ turn) + prior.log_prob(turned).sum(-1) - posterior.log_prob(turned)
off = (after - before).abs().max()
claims.add("turned", off, below=1e-5, unit="nats", exact=True, text="ELBO of each draw, turned and not")
precision = covariance.inverse().diagonal(dim1=1, dim2=2)
price = 0.5 * (precision.log().sum(-1) + covariance.logdet()).mean()
claims.note("diagonal", price, unit="nats")


# %%
ways = torch.nn.functional.normalize(torch.randn(8, 16, generator=seeded("ways")), dim=1)
crowd = draw_faces(torch.rand(40, 9, generator=seeded("crowd"))) / 255


def moved_together(seed):
    """Of nine factors of a face, how many move together along a used axis, and along any direction."""
    model, reader = load_face_model(seed).requires_grad_(False), load_reader()
    used = model.encode(crowd).kl_per_dimension().mean(0).argsort(descending=True)[:8]
    both = {"axis": torch.eye(16)[used], "any": ways}
    return {name: factors_moved(model, reader, crowd, way) for name, way in both.items()}


moved = over_seeds(3, moved_together)
claims.note("axis_factors", moved["axis"])
claims.note("random_factors", moved["any"])
used = painter.encode(crowd).kl_per_dimension().mean(0).argsort(descending=True)[:2]
steps = torch.linspace(-1.5, 1.5, 7)[:, None]
rows = torch.cat([decode(painter, she + steps * way) for way in (*torch.eye(16)[used], *ways[:2])])
show(
    image_grid(rows, 4, 7, row_titles=["an axis", "another axis", "any direction", "another one"], cell=1.0),
    alt="Four rows of seven drawn faces. In each row the code of one face moves along one direction: two axes of the code, then two random directions. In every row several features of the face change together.",
    title=f"An axis moves {moved['axis'].mean:.1f} of nine factors at once, any direction {moved['any'].mean:.1f}",
)
# %% [markdown]
# The ELBO of no draw moved by more than {{turned.value}}. So no training on pictures alone can tell these two codes apart, and in the second one every axis is a mixture. Locatello et al. (2019, theorem 1) prove it for any factorized prior: for each code whose
# axes carry the factors there are infinitely many, equally good, whose axes mix them all. What breaks the tie is an accident of the *encoder*: its noise is independent along the axes, and in the turned basis that would cost {{diagonal}} (were $q$ exact).
# That favors directions that suit the decoder (Rolínek et al. 2019), not names that suit you. On faces, judged by a network that reads nine factors, one axis moves {{axis_factors}} of them at once (counted by effect), a random direction
# {{random_factors}}. Chapter 04 asks whether a larger weight of the KL helps; chapter 09 looks for directions with labels.
#
# ## Play
#
# Watch a path move. Then walk yourself, through the two-dimensional code: look for a place where two classes meet, for a gap, and for what lies outside the circle.
# %% tags=["hide-input"]
frames = decode(painter, lerp(she, he, torch.linspace(0, 1, 16)))
both = torch.stack([frames, lerp(frames[0], frames[-1], torch.linspace(0, 1, 16))], 1)
text = "Two drawn faces change: on the left a face turns its head, on the right it fades into another."
show_html(animation_html(both, "A morph, two ways", text, names=("code", "cross-fade"), zoom=3), text)
pad = explore_latent_pad(flat[0], validation.subset(min(300, len(validation)), seed=3))
# %% [markdown]
# ## Break it
#
# Teach the ruler to fear the unknown: add to `angles` one more number, $\lambda$ times the distance from $z$ to the nearest code of a training digit, and find the geodesics again. **Before** you run it, write down
# for $\lambda$ = 1, 10 and 100 whether the paths get longer, where they will go on the map, and whether their pictures will cost the judge less.
#
# A good answer: predicts all three, with reasons; draws old and new paths on one map; measures length, steps and both verdicts over seeds; finds the $\lambda$ from which paths hug the data, and its
# price in length; and tells whether fewer pictures fall between classes than on the straight line. Two of five is a start.
#
# ## What you can say now
#
# - Codes wider than the prior are unfinished training: shrink them, tell the decoder, and gain {{gained.value}} for nothing. Gaps remain, and no scale mends those.
# - A path through the code beats a cross-fade by {{saved.value}}; a great circle adds {{circle_saves.value}} to that; a geodesic is {{shorter.value}} shorter, and its pictures are no better.
# - A map of many dimensions loses neighbors (t-SNE kept {{tsne_keeps.value}}), and an axis has no name: turn the whole code, and nothing that you can see changes.
#
# ## References
#
# - K. Shoemake: *Animating Rotation with Quaternion Curves*, SIGGRAPH 1985. T. White: *Sampling Generative Networks*, arXiv:1609.04468, 2016 (slerp, and slerp for codes).
# - G. Arvanitidis, L. K. Hansen, S. Hauberg: *Latent Space Oddity: on the Curvature of Deep Generative Models*, ICLR 2018.
# - H. Shao, A. Kumar, P. T. Fletcher: *The Riemannian Geometry of Deep Generative Models*, CVPR Workshops 2018.
# - G. Arvanitidis, M. González-Duque, A. Pouplin, D. Kalatzis, S. Hauberg: *Pulling Back Information Geometry*, AISTATS 2022.
# - L. van der Maaten, G. Hinton: *Visualizing Data using t-SNE*, JMLR 9, 2008.
# - F. Locatello et al.: *Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations*, ICML 2019. Theorem 1.
# - M. Rolínek, D. Zietlow, G. Martius: *Variational Autoencoders Pursue PCA Directions (by Accident)*, CVPR 2019.
#
# Next: [04 · KL divergence and the Gaussian latent space](04_KL_Divergence_and_Gaussian_Latent_Space.ipynb)
# %% tags=["hide-input"]
claims.report()

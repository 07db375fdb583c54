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
# another. What lies on the way? Which way is best? And how would you know?
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 20,000)
TRAIN_EXAMPLES = 20000  # digits that each model is trained on (fewer if there are fewer), 1,000 or more
EPOCHS = 12  # passes through them, 5 or more
LONG = 24  # passes of the longer training in section 1, more than EPOCHS
BATCH_SIZE = 128  # digits in one update
N_SEEDS = 3  # models of each size, 2 or more: their spread is the interval
N_PAIRS = 400  # pairs of digits between which we walk, 40 or more
N_MAP = 600  # digits on the maps of section 5, 100 to 1,000
# %% tags=["hide-input"]
import torch

from vae_course import draw_faces, load_face_model
from vae_course.evaluation import lerp
from vae_course.plots import image_grid
from vae_course.teaching import Claims, check_parameters, show

least = dict(TRAIN_EXAMPLES=1000, EPOCHS=5, LONG=6, BATCH_SIZE=1, N_SEEDS=2, N_PAIRS=40, N_MAP=100)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("03_Latent_Space_and_Smooth_Interpolation_in_VAEs", parameters)


@torch.no_grad()
def decode(model, z):
    """The decoder's mean pictures, (..., C, H, W)."""
    return model.likelihood.mean(model.decode(z)).clamp(0, 1)


painter = load_face_model().requires_grad_(False)  # a VAE of drawn faces
# smile, glasses, hair: length and color, skin, pose, width of the face, eyes, background
two = [[1.0, 0.0, 0.0, 0.1, 0.1, 0.35, 0.0, 0.6, 0.2], [0.0, 0.0, 1.0, 0.1, 0.1, 0.65, 1.0, 0.6, 0.2]]
narrow, broad = painter.encode(draw_faces(torch.tensor(two)) / 255).mean
through_code = decode(painter, lerp(narrow, broad, torch.linspace(0, 1, 5)))
two_at_once = lerp(through_code[0], through_code[-1], torch.linspace(0, 1, 5))
show(
    image_grid(torch.cat([through_code, two_at_once]), 2, 5, row_titles=["code", "fade"], cell=1.5),
    alt="Two rows of five drawn faces with the same ends: a narrow smiling face with short hair, and a broad frowning one with long hair. Along the code one face grows broader, its hair grows longer and its mouth bends down. In the fade two faces shine through each other, with a double outline, double eyes and a crossed mouth.",
    title="Through the code one face changes; in a fade two faces overlap",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **measure** how wide the codes of a VAE spread, and rescale them;
# 2. **write** slerp and a geodesic of the decoder's metric, and say what each of them buys;
# 3. **judge** pictures on a path with witnesses that drew none of them, after judging the witnesses;
# 4. **say** what a map of many dimensions keeps, by counting, and why an axis has no name.
#
# You need chapter 02: encoder, decoder, −ELBO. The numbers in the text are those of the full run.
#
# ## 1 How wide are the codes?
#
# Train VAEs with codes of 2 dimensions, which you can draw, and of 32. Train those with 2 again, for twice as long.
# %%
from vae_course import VAE, Runs, fit, load, seed_everything, seeded

DATASET = "digits" if OFFLINE else "mnist"
train, validation = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(TRAIN_EXAMPLES, len(train)), seed=0)


def train_several(latent_dim, epochs=EPOCHS):
    """N_SEEDS small VAEs, trained as in chapter 02, and the held-out −ELBO of each after each pass."""
    models, curves = [], []
    for seed in range(N_SEEDS):
        seed_everything(seed)
        model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=(256, 128))
        recipe = dict(epochs=epochs, batch_size=BATCH_SIZE, learning_rate=4e-3, schedule="cosine")
        recipe |= dict(warmup=0.05, kl_warmup=0.0, eval_examples=1000, progress=False)
        history = fit(model, train, validation, seed=seed, **recipe)
        models.append(model.requires_grad_(False))
        curves.append(history.curve()[1][1:])  # without the untrained model
        print(f"{latent_dim:>2} dimensions, seed {seed}: {curves[-1][-1]:.1f} nats", flush=True)
    return models, [Runs(pass_of_each) for pass_of_each in torch.tensor(curves).T]


flat, flat_curve = train_several(2)
wide, wide_curve = train_several(32)
patient, patient_curve = train_several(2, LONG)
# %% tags=["hide-input"]
from vae_course.plots import latent_scatter, line_plot, style
from vae_course.teaching import predict

curves = {"2": flat_curve, "32": wide_curve, "2, longer": patient_curve}
lines = {name: (range(1, len(curve) + 1), curve) for name, curve in curves.items()}
x_label, y_label = "passes through the training digits", "held-out −ELBO (nats)"
figure = line_plot(lines, x_label, y_label, bands=True)
axes = figure.axes[0]
axes.get_legend().remove()
axes.text(EPOCHS, flat_curve[-1].high + 2, f"2 dimensions, {EPOCHS} passes", color=style.BLUE)
axes.text(EPOCHS, wide_curve[-1].high + 2, f"32 dimensions, {EPOCHS} passes", color=style.VERMILION)
low = patient_curve[-1].low - 2
axes.text(LONG, low, f"2 dimensions, {LONG} passes", color=style.GREEN, ha="right", va="top")
show(
    figure,
    alt="Held-out negative ELBO against passes through the data, for codes of 2 and of 32 dimensions and for longer runs in 2 dimensions, with bands for the intervals over the seeds. All curves fall steeply and are nearly flat at their ends; 32 dimensions lie far below 2, and the two bands of 2 dimensions overlap.",
    title=f"2 dimensions: {LONG} passes instead of {EPOCHS} gain {flat_curve[-1] - patient_curve[-1]} nats",
)
guess = predict(
    "The prior is N(0, I): in two dimensions 95 % of it lies in the circle of radius 2.45. What share of the codes of training digits lies outside?",
    ["about 5 %, as the prior demands", "fewer than 4 %", "more than 8 %"],
)


# %%
@torch.no_grad()
def spread(model):
    """Draws from q(z|x) of all training digits, and the second moment E[z²] of each dimension."""
    q = model.encode(train.floats())
    return q.sample(generator=seeded(0)), (q.mean**2 + q.log_var.exp()).mean(0)


def outside(z):
    return (z.norm(dim=1) > 2.4477).double().mean()


spreads = [spread(model) for model in flat]
share = Runs((outside(z) for z, _ in spreads), least=0, most=1)
guess.compare(1 if share.mean < 0.04 else 2 if share.mean > 0.08 else 0, f"{share:.1%} ({N_SEEDS} seeds).")
claims.add("outside", share, above=0.08, unit="%", text="Codes outside the prior's 95 % circle")
for id, models in dict(moment=flat, moment_wide=wide, moment_long=patient).items():
    claims.note(id, Runs(spread(model)[1].mean() for model in models))

z = spreads[0][0][:800]
far = z.norm(dim=1) > 2.4477
figure = latent_scatter(z, train.labels[:800], train.class_names)
figure.axes[0].scatter(*z[far].T, s=90, facecolors="none", edgecolors=style.BLACK, linewidths=0.8)
show(
    figure,
    alt="Draws from the posterior of training digits in the plane, each as its digit; a large digit stands at the median of its class. Classes lie in patches, some in more than one; many points, each in a ring, lie outside the dashed circle that holds 95 percent of the prior.",
    title=f"{far.double().mean():.0%} of these {len(z)} codes lie outside; of the prior 5% do",
)
# %% [markdown]
# Longer training gains nothing sure: the interval in the curves' title holds 0. (Brackets: 95 % intervals over three trainings.)
#
# {{outside}} of the codes lie outside the circle, not 5 %. Their mean square $m_j = \mathbb E[z_j^2]$, averaged over both dimensions, is {{moment}}, not 1.
#
# Does the ELBO *want* such wide codes? No. Divide dimension $j$ of every code by some $c_j$, mean and width alike. The decoder's first layer is linear, so its
# weights can undo that, and the pictures stay the same. Only the KL changes. It is smallest at
#
# $$
# c_j^2 = m_j, \qquad \text{where it has fallen by exactly} \quad \tfrac12 \textstyle\sum_j (m_j - 1 - \log m_j).
# $$
#
# In words: at an optimum every $m_j$ is 1. So training has left something undone. Do it by hand:
# %%
from dataclasses import replace

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
# That gains {{gained}}, for nothing. Longer training does not do it for you: after 24 passes the mean of the two $m_j$ is still
# {{moment_long.value}}. In 32 dimensions the mean is {{moment_wide.value}}.
#
# In two dimensions {{narrower}} of the rescaled codes lie outside: three trainings cannot tell that from 5 %. But patches and gaps remain (chapter 04).
#
# ## 2 A straight line or a great circle?
#
# The straight line is called **lerp**: $z_t = (1-t)\,a + t\,b$. A warning: in many dimensions, draws from the prior lie in
# a thin shell around the origin, and a straight line cuts through the empty inside.
#
# **Your turn (03.1).** Codes are drawn from $\mathcal N(0, I)$ in 100 dimensions, so each has a norm of about 10. What is the typical norm, to 2 %, of
# `lerp` (the midpoint of the straight line between two of them), `slerp` (the midpoint of the great circle around the origin), `three` (the mean of three of them)?
# %%
from vae_course.teaching import check, complete, hint, solution

answer_03_1 = {"lerp": ..., "slerp": ..., "three": ...}


# hint("03.1")  # remove the first # for a hint, again for the next one
check("03.1", answer_03_1)
solution("03.1")
# %% [markdown]
# The great circle is called **slerp** (Shoemake 1985; White 2016 for codes):
#
# $$
# z_t = \frac{\sin((1-t)\,\omega)}{\sin\omega}\,a + \frac{\sin(t\,\omega)}{\sin\omega}\,b, \qquad \omega = \text{angle between } a \text{ and } b .
# $$
#
# In words: turn from one direction to the other. If both codes have the same norm, every code on the way has it, too.
#
# **Your turn (03.2).** Where both codes point in the same direction, $\sin\omega = 0$: return the straight line. Exactly opposite codes may get
# anything, as long as the other pairs stay right.


# %%
def slerp(start: torch.Tensor, end: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """start, end: (pairs, latent); t: (steps,) from 0 to 1. Returns (steps, pairs, latent)."""
    ...


# hint("03.2")  # remove the first # for a hint, again for the next one
slerp = complete("03.2", slerp)
solution("03.2")
# %%
from vae_course import evaluation

middle = torch.tensor([0.5])
other = torch.randperm(len(validation), generator=seeded(0))
pairs = (validation.labels != validation.labels[other]).nonzero()[:N_PAIRS, 0]
first, second = validation.batch(pairs), validation.batch(other[pairs])

a, b = torch.randn(2, 1000, 32, generator=seeded("pairs"))
t = torch.linspace(0, 1, 11)
same = (slerp(a, b, t) - evaluation.slerp(a, b, t)).abs().max()
claims.add("same_slerp", same, below=1e-3, exact=True, text="Your slerp and the package's, difference")

ends = [(model.encode(first).mean, model.encode(second).mean) for model in wide]
shrunk = Runs(((a + b) / 2).norm(dim=-1).mean() / torch.cat([a, b]).norm(dim=-1).mean() for a, b in ends)
claims.note("shrunk", shrunk)
# %% [markdown]
# Halfway between two draws, the norm's mean square is half of theirs, in every number of dimensions. In two that is nothing special; in 32 few draws
# are so short. You will mostly walk between posterior *means*: halfway between two of different digits the norm is {{shrunk.value}} of that of the ends. So the line
# does cut through the inside. Does that harm its pictures?
#
# ## 3 Whose pictures are better, and who says so?
#
# Ask two witnesses that drew none of the pictures:
#
# - the **judge**, a larger VAE than ours, trained for longer and on all training digits;
# - a **classifier**, no VAE at all. Its **doubt** is the entropy of its answer, in nats.
#
# The judge's −ELBO is unfair to gray: a pixel of gray level $x$ costs any judge at least the entropy of a coin that falls white with
# probability $x$. Subtract these entropies (**gray** in the tables). What remains is the **excess**.
#
# **Your turn (03.3).** Compute the doubt for each row of probabilities. Zeros are possible.


# %%
def doubt(probabilities: torch.Tensor) -> torch.Tensor:
    """probabilities: (n, classes), rows sum to 1. Returns the entropy of each row in nats, (n,)."""
    ...


# hint("03.3")  # remove the first # for a hint, again for the next one
doubt = complete("03.3", doubt)
solution("03.3")
guess = predict(
    "First judge the judge. Which pictures cost it least?",
    ["real digits", "the same digits, every pixel made black or white", "pictures that are all black"],
)
# %%
from vae_course import load_classifier, load_one_model, over_seeds
from vae_course.evaluation import coin_entropy, path_cost, with_contrast
from vae_course.teaching import results_table

judge, classifier = load_one_model(DATASET).at(beta=1.0, k=20), load_classifier(DATASET)


def say(pictures):
    """Entropy of gray, the judge's excess, the classifier's doubt: means over pictures, in nats."""
    unsure = doubt(classifier.probabilities(pictures)).mean().item()
    excess = path_cost(judge, pictures[None]).excess.mean().item()
    return {"gray": coin_entropy(pictures).mean().item(), "excess": excess, "doubt": unsure}


known = {
    "real digits": first,
    "black or white": (first > 0.5).float(),
    "all black": torch.zeros_like(first),
    "redrawn by a VAE": decode(wide[0], ends[0][0]),
}
rows = [{"pictures": kind} | say(pictures) for kind, pictures in known.items()]
results_table(rows, caption="What the witnesses say of pictures that you know (nats)")
real, hard, nothing, redrawn = costs = [row["excess"] for row in rows]
guess.compare(costs.index(min(costs[:3])), f"{real:.1f}, {hard:.1f}, {nothing:.1f} nats.")
claims.add("black", real - nothing, above=0, unit="nats", text="Excess of a real digit less a black one")
for id, cost in dict(real=real, hard=hard, nothing=nothing, redrawn=redrawn).items():
    claims.note(id, cost, unit="nats")
# %% [markdown]
# A black picture costs the judge {{nothing.number}} nats, less than a real digit with {{real.number}}. It likes a VAE's smooth strokes ({{redrawn.number}}),
# but not hard edges ({{hard.number}}). So a low excess is not good in itself. Compare it with what the ends of a path cost.
#
# Walk between two digits: straight through the code, by a **fade** of the pictures, by a fade of their logits.
# %% tags=["hide-input"]
start, end, steps = ends[0][0][2], ends[0][1][2], torch.linspace(0, 1, 9)
line = decode(wide[0], lerp(start, end, steps))
fade = lerp(line[0], line[-1], steps)
fade_of_logits = lerp(wide[0].decode(start), wide[0].decode(end), steps).sigmoid()
show(
    image_grid(torch.cat([line, fade, fade_of_logits]), 3, 9, row_titles=["line", "fade", "fade of logits"]),
    alt="Two digits, and three rows of nine pictures between them. Along the line through the code the strokes bend from one digit into the other. In the fade one digit fades out while the other fades in; in that of logits only what both digits share stays bright in the middle.",
    title="Along the code strokes move; in a fade two digits share the picture",
)
# %%
guess = predict(
    "Halfway on the circle pictures are sharper than on the line. Give the line's the same contrast. Which cost the judge less then?",
    ["the circle's, by more than half a nat", "alike", "the line's, by more than half a nat"],
)


@torch.no_grad()
def halfway(seed):
    """What the witnesses say of the pictures halfway between two posterior means, by each way."""
    model, (a, b) = wide[seed], ends[seed]
    start, end, line = model.decode(a), model.decode(b), model.decode((a + b) / 2)  # logits
    circle = model.decode(slerp(a, b, middle)[0]).sigmoid()
    fade = (start.sigmoid() + end.sigmoid()) / 2
    ways = {
        "an end": start.sigmoid(),
        "line": line.sigmoid(),
        "circle": circle,
        "line, circle's contrast": with_contrast(line, circle),
        "fade": fade,
        "fade of logits": ((start + end) / 2).sigmoid(),
    }
    return {way: say(pictures) for way, pictures in ways.items()}


# %%
half = [halfway(seed) for seed in range(N_SEEDS)]


def said(name):
    """One measure of each way, over the trainings."""
    return {way: Runs(each[way][name] for each in half) for way in half[0]}


gray, excess, unsure = said("gray"), said("excess"), said("doubt")
rows = [dict(halfway=way, gray=gray[way], excess=excess[way], doubt=unsure[way]) for way in gray]
results_table(rows, caption=f"Halfway between two digits, 32 dimensions (nats, {N_SEEDS} trainings)")
matched = "line, circle's contrast"
gap = excess[matched] - excess["circle"]
guess.compare(0 if gap.mean > 0.5 else 2 if gap.mean < -0.5 else 1, f"line minus circle {gap} nats.")
circle_doubt = unsure["line"] - unsure["circle"]
claims.add("circle_doubt", circle_doubt, above=0, unit="nats", text="Classifier's doubt that slerp saves")
faded, shared = excess["fade"] - excess["line"], excess["fade of logits"] - excess["line"]
claims.add("saved", faded, above=3, unit="nats", text="Excess halfway, fade minus line")
claims.add("logits", shared, above=0, unit="nats", text="Excess halfway, fade of logits minus line")
notes = dict(end=excess["an end"], sharper=gray["line"] - gray["circle"], matched=gap)
notes |= dict(circle=excess["line"] - excess["circle"], fade_unsure=unsure["fade"] - unsure["line"])
notes |= dict(logits_unsure=unsure["fade of logits"] - unsure["line"])
notes |= dict(matched_unsure=unsure[matched] - unsure["circle"])
for id, difference in notes.items():
    claims.note(id, difference, unit="nats")
# %% [markdown]
# An end costs the judge {{end.value}}, and every other row more. So here less means closer to the ends.
#
# **Code or fade?** A fade costs the judge {{saved.value}} more than the line. Is it only too gray? The fade of logits is less gray than the line, and keeps
# little but the strokes that both digits share. It costs {{logits.value}} more. The classifier agrees: it doubts the fade by {{fade_unsure.value}} more
# than the line, and that of logits by {{logits_unsure.value}}. So the code wins; how clearly depends on how you fade.
#
# **Line or circle?** The circle's pictures are sharper (White 2016): {{sharper}} less gray. The judge charges the line {{circle}} more, and the
# classifier doubts it more, by {{circle_doubt}}. Now give the line's pictures the circle's contrast. Line minus circle is then {{matched}}: the judge
# prefers the *line*. The classifier still prefers the circle, by {{matched_unsure}}. So part of the circle's lead is contrast; on the rest the witnesses disagree.
#
# ## 4 How far apart are two codes?
#
# A step of 0.1 in the code may change the picture much, or not at all. So ask the **decoder**: two codes are far apart if you can
# tell their pictures apart. For a small step $\delta$,
#
# $$
# \mathrm{KL}\bigl(p(x|z)\,\|\,p(x|z+\delta)\bigr) \approx \tfrac12\,\delta^\top G(z)\,\delta, \qquad G(z) = J^\top J .
# $$
#
# In words: the **metric** $G$ says what a small step in any direction costs. $J$ is the derivative of the decoder's output by the code, in a unit that makes equal
# changes equally easy to notice. For a pixel that is a coin with $p = \operatorname{sigmoid}(\ell)$, this unit is the angle $\varphi = 2\arctan e^{\ell/2}$
# (Arvanitidis et al. 2022). $\sqrt{\det G}$ is the **magnification**: how much the picture changes within a small area of the code.


# %%
from copy import deepcopy

from torch.distributions import Bernoulli, kl_divergence


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
here, there = Bernoulli(logits=exact.decode(z)), Bernoulli(logits=exact.decode(z + step))
kl = kl_divergence(here, there).flatten(1).sum(1)
half_square = 0.5 * torch.einsum("ni,nij,nj->n", step, metric(exact, z), step)
claims.add("metric", (half_square / kl - 1).abs().max(), below=0.05, exact=True, text="½δᵀGδ over KL, less 1")
# %% [markdown]
# A **geodesic** is the shortest path by this ruler. To look for one, start from the straight line and bend it by 200 steps of gradient descent on its **energy**:
# the sum of its squared steps. The path of least energy is also the shortest one, walked at an even pace.
#
# **Your turn (03.4).** Write the energy. Gradients must reach the path.


# %%
def energy(path: torch.Tensor) -> torch.Tensor:
    """path: (steps, paths, size). Returns the sum of squared steps of each path, (paths,)."""
    ...


# hint("03.4")  # remove the first # for a hint, again for the next one
energy = complete("03.4", energy)
solution("03.4")


# %%
def geodesic(model, path, descents=200):
    """A path of codes (steps, pairs, latent), bent until it is short by the decoder's metric."""
    inner = path[1:-1].clone().requires_grad_()
    optimizer = torch.optim.Adam([inner], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, descents)
    for _ in range(descents):
        optimizer.zero_grad()
        energy(angles(model, torch.cat([path[:1], inner, path[-1:]]))).sum().backward()
        optimizer.step()
        schedule.step()
    return torch.cat([path[:1], inner.detach(), path[-1:]])


def length(model, path, between=10):
    """Length by the decoder's ruler, (pairs,), measured at ten places between any two stops."""
    t = torch.arange(between) / between
    places = lerp(path[:-1], path[1:], t).transpose(0, 1).flatten(0, 1)
    return angles(model, torch.cat([places, path[-1:]])).diff(dim=0).norm(dim=-1).sum(0)


# %% tags=["hide-input"]
from vae_course.plots import paths_on_map

codes = evaluation.posterior_means(flat[0], validation)  # a town: the middle of a class of digits
towns = torch.stack([codes[validation.labels == c].median(0).values for c in range(10)])
towns_joined = [(0, 1), (1, 2), (0, 7)]
a, b = torch.tensor(towns_joined).T
line = lerp(towns[a], towns[b], torch.linspace(0, 1, 41))
curve = geodesic(flat[0], line)
saves = 1 - length(flat[0], curve) / length(flat[0], line)
figure = paths_on_map(lambda z: metric(flat[0], z), line, curve, towns_joined)
for path, share in zip(curve.unbind(1), saves.tolist(), strict=True):
    figure.axes[0].text(*path[20], f"{share:.0%}", backgroundcolor="white")
show(
    figure,
    alt="The plane of the code, darker where a step changes the picture more: darkest around the center. Three dashed straight lines join the middles of digit classes; of the three geodesics between the same ends one makes a wide detour, the others bend less. On each stands what share of its length bending saves.",
    title=f"Bending these lines saves {saves.min():.0%} to {saves.max():.0%} of their length",
)


# %%
def bend(seed):
    """What bending makes of straight lines between posterior means."""
    model, few = flat[seed], max(10, N_PAIRS // 8)
    start, end = model.encode(first[:few]).mean, model.encode(second[:few]).mean
    straight = lerp(start, end, torch.linspace(0, 1, 33))
    before, after = length(model, straight), length(model, geodesic(model, straight))
    return {"saved": 1 - after.mean() / before.mean(), "shorter": (after < before).double().mean()}


bends = over_seeds(N_SEEDS, bend)
claims.add(
    "bent_shorter", bends["shorter"].mean, above=0.5, unit="%", text="Share of all lines shorter when bent"
)
claims.note("shorter", bends["saved"], unit="%")
claims.note("bent", N_SEEDS * max(10, N_PAIRS // 8))
# %% [markdown]
# On this map, only the detour from 1 to 0 pays. Is that typical? Of {{bent.number}} lines on three maps {{bent_shorter}} got shorter, but on average only
# by {{shorter}}. (The interval holds 0: models differ.) So there is little to gain, or our descent does not find it.
#
# Shao et al. (2018) also found straight lines close to geodesics. Arvanitidis et al. (2018) keep paths near the data by charging for places without any.
#
# ## 5 Can you draw 32 dimensions?
#
# Only squeezed. **PCA** projects the codes onto the plane in which they spread widest. **t-SNE** moves points about in a plane, so that each keeps its
# neighbors from the code as well as it can.
# %%
from sklearn.manifold import TSNE

from vae_course import seed_of
from vae_course.plots import maps_side_by_side

guess = predict(
    "Of a digit's 5 nearest neighbors in the code, how many are among its 5 nearest on the t-SNE map?",
    ["fewer than 1", "2 to 3", "4 to 5"],
)
pool = validation.subset(min(N_MAP, len(validation)), seed=0)
clouds = [evaluation.posterior_means(model, pool) for model in wide]


def nearest(points):
    """For each point, which are its 5 nearest: (n, 5)."""
    apart = torch.cdist(points.double(), points.double()).fill_diagonal_(torch.inf)
    return apart.topk(5, largest=False).indices


def maps_of(seed):
    """The codes of one training on two maps, and the codes of the next training."""
    means = clouds[seed]
    axes = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:2]
    tsne = TSNE(perplexity=30, init="pca", random_state=seed_of(0), n_jobs=1).fit_transform(means.numpy())
    again = clouds[(seed + 1) % N_SEEDS]
    return {"PCA": means @ axes.T, "t-SNE": torch.from_numpy(tsne), "another training": again}


# %%
maps = [maps_of(seed) for seed in range(N_SEEDS)]


def neighbors_kept(seed):
    """Of the 5 nearest in the code, which share each map has among its 5 nearest."""
    near, kept = nearest(clouds[seed])[:, :, None], {}
    for name, points in maps[seed].items():
        kept[name] = (near == nearest(points)[:, None]).any(2).double().mean()
    return kept


kept = over_seeds(N_SEEDS, neighbors_kept)
by_tsne, by_training = kept["t-SNE"], kept["another training"]
guess.compare(0 if by_tsne.mean < 0.3 else 1 if by_tsne.mean < 0.7 else 2, f"{by_tsne:.1%}")
claims.add("tsne_keeps", by_tsne, between=(0.35, 0.85), unit="%", text="Neighbors that t-SNE keeps")
more_kept = by_training - by_tsne
claims.add("retrained", more_kept, above=0, unit="%", text="Kept by another training, less by t-SNE")
claims.note("another_keeps", by_training, unit="%")
claims.note("pca_keeps", kept["PCA"], unit="%")
# %% tags=["hide-input"]
two_maps = {f"{name} keeps {kept[name].mean:.0%}": maps[0][name] for name in ("PCA", "t-SNE")}
show(
    maps_side_by_side(two_maps, pool.labels, pool.class_names),
    alt="Two maps of the same codes, colored by digit. On the PCA map the classes overlap strongly; on the t-SNE map most of them form patches of their own.",
    title=f"t-SNE draws neat patches, and still loses {1 - by_tsne.mean:.0%} of the 5 nearest neighbors",
)
# %% [markdown]
# Of a digit's 5 nearest neighbors in the code, t-SNE keeps {{tsne_keeps}} and PCA {{pca_keeps.value}}. (Chance: less than 1 %.)
#
# Is that little? Train the same VAE from another seed: its *code*, with all 32 dimensions, keeps only {{another_keeps}}. So which five
# are nearest is partly an accident of training.
#
# **Your turn (03.5).** Does it follow? Answer `"yes"` or `"no"`.
#
# - `a`: On a t-SNE map, two groups lie twice as far apart as two others, so they do in the code.
# - `b`: On a t-SNE map, two points are close neighbors, so they are probably neighbors in the code.
# - `c`: On a PCA map, two points coincide, so their codes are equal.
# - `d`: On a PCA map, two points are 3 apart, so their codes are at least 3 apart.
# %%
answer_03_5 = {"a": ..., "b": ..., "c": ..., "d": ...}


# hint("03.5")  # remove the first # for a hint, again for the next one
check("03.5", answer_03_5)
solution("03.5")
# %% [markdown]
# ## 6 What does an axis mean?
#
# It is tempting to name each axis of the code: "number 3 is the smile". But rotate all codes, and let the decoder turn them back. The
# prior $\mathcal N(0, I)$ looks the same from every side, so every picture keeps its likelihood, and yet each new axis is a mixture of the old ones. Pictures alone cannot tell
# which axes are right (Locatello et al. 2019).
#
# The *encoder* may prefer some: ours must keep its noise independent along the axes (Rolínek et al. 2019). Does each then move one factor? Take three VAEs
# of drawn faces with 16 dimensions (two were stopped after 22 and 12 of 24 passes). Move codes by −1 and by 1 along a direction. A network reads nine factors off both
# pictures: smile, glasses and so on. Let $|\Delta_j|$ be the mean size of the change of factor $j$. Then $(\sum_j |\Delta_j|)^2 / \sum_j \Delta_j^2$ counts how many move at once: 1 if one moves
# alone, 9 if all move alike.
# %%
from torch.nn.functional import normalize

from vae_course import FACTORS, load_reader

people = torch.rand(24, 9, generator=seeded("crowd"))  # nine factors of each face
tagged = torch.rand(400, 9, generator=seeded("tagged"))
crowd, reader = draw_faces(people) / 255, load_reader()
chance = normalize(torch.randn(16, 16, generator=seeded("ways")), dim=1)


@torch.no_grad()
def directions(model):
    """Of length 1: fitted to nine labels by least squares; the eight most used axes; random ones."""
    labeled = evaluation.adjusted_vectors(model.encode(draw_faces(tagged) / 255).mean, tagged)
    used = model.encode(crowd).kl_per_dimension().mean(0).argsort(descending=True)[:8]
    return {"labeled": normalize(labeled, dim=1), "axis": torch.eye(16)[used], "random": chance}


def moved_together(seed):
    """How many factors move at once along each kind of direction."""
    model = load_face_model(seed).requires_grad_(False)
    kinds = directions(model)
    return {kind: evaluation.factors_moved(model, reader, crowd, ways) for kind, ways in kinds.items()}


# %%
def one_factor(j):
    """The same count where only factor j changes, from 0.1 to 0.9, and the faces are drawn anew."""
    low, high = people.clone(), people.clone()
    low[:, j], high[:, j] = 0.1, 0.9
    before = evaluation.read(reader, draw_faces(low) / 255)
    after = evaluation.read(reader, draw_faces(high) / 255)
    return evaluation.at_once((after - before).abs().mean(0))


moved = over_seeds(3, moved_together)
claims.add("axis_mixes", moved["axis"] - moved["labeled"], above=0, text="Factors at once, axis minus label")
for kind, value in moved.items():
    claims.note(f"{kind}_factors", value)
claims.note("axis_random", moved["axis"] - moved["random"])
claims.note("single", torch.stack([one_factor(j) for j in range(9)]).mean())
# %% tags=["hide-input"]
kinds = directions(painter)
glasses = kinds["labeled"][FACTORS.index("glasses")]
steps = torch.linspace(-1, 1, 5)[:, None]
rows = [decode(painter, narrow + steps * way) for way in (glasses, kinds["axis"][0], chance[0])]
names, sizes = ["fitted to glasses", "an axis", "a random one"], ["−1", "−½", "0", "½", "1"]
means = [moved[kind].mean for kind in ("labeled", "axis", "random")]
show(
    image_grid(torch.cat(rows), 3, 5, row_titles=names, column_titles=sizes, cell=1.3),
    alt="Three rows of five drawn faces. In each row the code of one face moves by -1 to 1 along one direction: one fitted to the label glasses, an axis, a random direction. Along the first glasses come, and the eyes change a little. Along the axis and the random direction several features of the face change together.",
    title="Factors that move at once, on average: labels {:.1f}, axes {:.1f}, random {:.1f}".format(*means),
)
# %% [markdown]
# Factors that move at once, on average over directions and models:
#
# - One true factor, with the faces drawn anew: {{single.number}} (the reading network errs).
# - Along a direction fitted to labels: {{labeled_factors}}.
# - Along an axis (of the eight most used): {{axis_factors}}.
# - Along a random direction: {{random_factors}}.
#
# An axis moves {{axis_random}} factors more than a random direction (one set of 16): here the axes do not sort the factors. The directions that
# sort them better needed labels.
#
# ## Play
#
# Walk through the plane: what does the decoder draw where classes meet, in a gap, outside the circle?
# %%
from vae_course.widgets import explore_latent_pad

pad = explore_latent_pad(flat[0], validation.subset(min(300, len(validation)), seed=3))
# %% [markdown]
# ## Break it
#
# Teach the ruler to charge for leaving the data. In the energy, multiply each squared step by $1 + \lambda d^2$, where $d$ is the distance from $z$ to the nearest
# code of a training digit. **Before** you run it, write down for $\lambda$ = 1, 10 and 100: Do the paths get longer? Where do they
# go? Do their pictures cost the judge less?
#
# A good answer: predicts all three, with reasons; draws old and new paths on one map; measures lengths and verdicts over seeds; finds from which $\lambda$
# paths hug the data.
#
# ## What you can say now
#
# - In two dimensions our VAEs' codes are wider than the prior. Shrink them, let the decoder undo it, and gain {{gained.value}} for nothing.
# - Judge the judge first: ours finds a black picture cheaper than a real digit. It finds the way through the code cheaper than a fade. The circle is sharper
#   than the line; at equal contrast the witnesses disagree. In 2-D, bending lines saved little.
# - A map of many dimensions loses neighbors (t-SNE kept {{tsne_keeps.value}}), and an axis has no name: turn the code, and every picture keeps its likelihood.
#
# ## References
#
# - K. Shoemake: *Animating Rotation with Quaternion Curves*, SIGGRAPH 1985. T. White: *Sampling Generative Networks*, arXiv:1609.04468, 2016.
# - G. Arvanitidis, L. K. Hansen, S. Hauberg: *Latent Space Oddity: on the Curvature of Deep Generative Models*, ICLR 2018.
# - H. Shao, A. Kumar, P. T. Fletcher: *The Riemannian Geometry of Deep Generative Models*, CVPR Workshops 2018.
# - G. Arvanitidis, M. González-Duque, A. Pouplin, D. Kalatzis, S. Hauberg: *Pulling Back Information Geometry*, AISTATS 2022.
# - L. van der Maaten, G. Hinton: *Visualizing Data using t-SNE*, JMLR 9, 2008.
# - F. Locatello et al.: *Challenging Common Assumptions in the Unsupervised Learning of Disentangled Representations*, ICML 2019.
# - M. Rolínek, D. Zietlow, G. Martius: *Variational Autoencoders Pursue PCA Directions (by Accident)*, CVPR 2019.
#
# Next: [04 · KL divergence and the Gaussian latent space](04_KL_Divergence_and_Gaussian_Latent_Space.ipynb)
# %% tags=["hide-input"]
claims.report()

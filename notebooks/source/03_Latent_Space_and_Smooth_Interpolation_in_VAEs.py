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
LONG = 24  # passes of the control of section 1, more than EPOCHS
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


painter = load_face_model().requires_grad_(False)  # trained on drawn faces; other pictures fit here, too
# smile, glasses, hair: length and color, skin, pose, width of the face, eyes, background
two = [[0.9, 0.0, 0.9, 0.8, 0.1, 0.15, 0.4, 0.6, 0.2], [0.1, 1.0, 0.3, 0.2, 0.3, 0.85, 0.6, 0.6, 0.2]]
she, he = painter.encode(draw_faces(torch.tensor(two)) / 255).mean
through_code = decode(painter, lerp(she, he, torch.linspace(0, 1, 7)))
two_at_once = lerp(through_code[0], through_code[-1], torch.linspace(0, 1, 7))
show(
    image_grid(torch.cat([through_code, two_at_once]), 2, 7, row_titles=["code", "fade"], cell=1.1),
    alt="Two rows of seven drawn faces with the same ends: a smiling blond woman who looks to the left, and a frowning dark-haired man with glasses who looks to the right. Along the code one face changes: its smile turns into a frown, its hair shortens, glasses come up like ghosts. In the cross-fade two faces shine through each other.",
    title="Through the code one face changes; in a cross-fade two overlap",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **measure** how wide the codes of a VAE spread, and rescale them for free;
# 2. **write** slerp and a geodesic of the decoder's metric, and say what each of them buys;
# 3. **judge** pictures on a path with witnesses that drew none of them, after judging the witnesses;
# 4. **say** what a map of many dimensions keeps, by counting, and why an axis has no name.
#
# You need chapter 02: encoder, decoder, −ELBO. Three functions and two small tables are left for you. Numbers are those of the full run.
#
# ## 1 How wide are the codes?
#
# Train two sizes of code: 2 dimensions, to look at, and 32, because two are too few. And 2 dimensions again, for twice as long.
# %%
from vae_course import VAE, Runs, fit, load, seed_everything, seeded

DATASET = "digits" if OFFLINE else "mnist"
train, validation = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(TRAIN_EXAMPLES, len(train)), seed=0)


def train_vae(latent_dim, seed, epochs=EPOCHS):
    """A small VAE, trained as in chapter 02, and its held-out −ELBO after each pass."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=latent_dim, hidden_dims=(256, 128))
    recipe = dict(epochs=epochs, batch_size=BATCH_SIZE, learning_rate=4e-3, schedule="cosine")
    recipe |= dict(warmup=0.05, kl_warmup=0.0, eval_examples=1000, progress=False)
    history = fit(model, train, validation, seed=seed, **recipe)
    print(f"{latent_dim:>2} dimensions, seed {seed}: {history.curve()[1][-1]:.1f} nats", flush=True)
    return model.requires_grad_(False), history.curve()[1]


trained = {k: [train_vae(k, seed) for seed in range(N_SEEDS)] for k in (2, 32)}
flat, wide = ([model for model, _ in trained[k]] for k in (2, 32))
patient = [train_vae(2, seed, LONG) for seed in range(N_SEEDS)]
longer = Runs(few[-1] - many[-1] for (_, few), (_, many) in zip(trained[2], patient, strict=True))
claims.note("longer", longer, unit="nats")
# %% tags=["hide-input"]
from vae_course.plots import latent_scatter, line_plot, style
from vae_course.teaching import predict

groups = {f"{k} dimensions": models for k, models in trained.items()}
groups[f"2 dimensions, {LONG} passes"] = patient
lines = {name: [*map(Runs, zip(*(c for _, c in some), strict=True))] for name, some in groups.items()}
lines = {name: (range(1, len(y)), y[1:]) for name, y in lines.items()}  # y[0]: untrained
show(
    line_plot(lines, x_label="passes through the training digits", y_label="held-out −ELBO (nats)"),
    alt="Held-out negative ELBO against passes through the data, for codes of 2 and of 32 dimensions and for longer runs in 2 dimensions, with intervals over the seeds. All curves are flat at their ends; 32 dimensions lie far below 2.",
    title=f"Each curve ends flat; {LONG} passes end {longer} nats lower than {EPOCHS}",
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
    return (z.norm(dim=1) > 2.4477).double().mean()


spreads = [spread(model) for model in flat]
share = Runs((outside(z) for z, _ in spreads), least=0, most=1)
guess.compare(1 if share.mean < 0.04 else 2 if share.mean > 0.08 else 0, f"{share:.1%} ({N_SEEDS} seeds).")
claims.add("outside", share, above=0.08, unit="%", text="Codes outside the prior's 95 % circle")
claims.note("moment", Runs(m.mean() for _, m in spreads))
claims.note("moment_wide", Runs(spread(model)[1].mean() for model in wide))
more = [spread(model) for model, _ in patient]
claims.note("moment_long", Runs(m.mean() for _, m in more))
claims.note("outside_long", Runs((outside(z) for z, _ in more), least=0, most=1), unit="%")
z = spreads[0][0][:800]
figure, far = latent_scatter(z, train.labels[:800], train.class_names), z.norm(dim=1) > 2.4477
figure.axes[0].scatter(*z[far].T, s=90, facecolors="none", edgecolors=style.VERMILION, linewidths=0.8)
show(
    figure,
    alt="Draws from the posterior of training digits in the plane, each as its digit; a large digit stands at the median of its class. Classes lie in patches around the center; many points, each in a ring, lie outside the dashed circle that holds 95 percent of the prior.",
    title=f"{outside(spreads[0][0]):.0%} of these codes lie outside; of the prior 5% do",
)
# %% [markdown]
# {{outside}} of the codes lie outside a circle that should leave out 5 %, and $\mathbb E[z_j^2]$ is {{moment}} instead of 1. (In brackets: 95 % intervals over three trainings.) Does the
# ELBO *want* that? No. Divide dimension $j$ of every code by $c_j$, mean and width alike. The decoder's first layer is linear, so it can take over $c_j$ and draw
# the same pictures. Only the KL changes, and it is smallest at
#
# $$
# c_j^2 = \mathbb E[z_j^2] = m_j, \qquad \text{where it has fallen by exactly} \quad \tfrac12 \textstyle\sum_j (m_j - 1 - \log m_j).
# $$
#
# In words: at an optimum the second moment *is* that of the prior. A surplus is a bit of training left undone. So take it away.
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
# A free gain of {{gained}}. After 24 passes $\mathbb E[z_j^2]$ is {{moment_long.value}}, and
# {{outside_long.value}} lie outside: perhaps less, by far not gone. The long runs end {{longer}} lower: flat ends may be the schedule's, not the learning's. In 32 dimensions
# $\mathbb E[z_j^2]$ is {{moment_wide.value}}.
#
# After rescaling, {{narrower.value}} remain outside: the *shape* is still no Gaussian's (chapter 04).
#
# ## 2 A straight line or a great circle?
#
# The straight line is **lerp**, $z_t = (1-t)\,a + t\,b$. The folklore warns of it: in many dimensions draws from the prior lie in a thin shell, and a straight line cuts
# through the empty inside.
#
# **Your turn (03.1).** Codes are drawn from $\mathcal N(0, I)$ in 100 dimensions, so each has a norm of about 10. Give the typical norm, to 2 %, of `lerp` (the midpoint
# of the straight line between two of them), `slerp` (the midpoint of the great circle around the origin), `three` (the mean of three of them).
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
# In words: turn from one direction to the other, at a steady pace if both norms are equal (if not, the path may bulge).
#
# **Your turn (03.2).** Where both codes point in the same direction, $\sin\omega = 0$: take the straight line. What exactly opposite codes get is up to you, but
# such a pair must not spoil the others.


# %%
def slerp(start: torch.Tensor, end: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """start, end: (pairs, latent); t: (steps,) from 0 to 1. Returns (steps, pairs, latent)."""
    ...


# hint("03.2")  # remove the first # for a hint, again for the next one
slerp = complete("03.2", slerp)
solution("03.2")
# %%
from vae_course import evaluation

t, middle = torch.linspace(0, 1, 11), torch.tensor([0.5])
other = torch.randperm(len(validation), generator=seeded(0))
pairs = (validation.labels != validation.labels[other]).nonzero()[:N_PAIRS, 0]
first, second = validation.batch(pairs), validation.batch(other[pairs])
for k in (2, 32):
    a, b, fresh = torch.randn(3, 20_000, k, generator=seeded(k))
    shell = fresh.norm(dim=-1).quantile(torch.tensor([0.025, 0.975]))
    norm = lerp(a, b, middle)[0].norm(dim=-1)
    claims.note(f"lines_{k}", ((norm > shell[0]) & (norm < shell[1])).double().mean(), unit="%")
ends = [(model.encode(first).mean, model.encode(second).mean) for model in wide]
shells = [torch.cat(pair).norm(dim=-1).quantile(torch.tensor([0.025, 0.5, 0.975])) for pair in ends]
between = [lerp(*pair, middle).norm(dim=-1) for pair in ends]
inside = Runs(((n > s[0]) & (n < s[2])).double().mean() for n, s in zip(between, shells, strict=True))
same = (slerp(a, b, t) - evaluation.slerp(a, b, t)).abs().max()
claims.add("same_slerp", same, below=1e-3, exact=True, text="Your slerp and the package's, difference")
claims.add("means_inside", inside.within(0, 1), below=0.5, unit="%", text="Midpoints in the means' shell")
claims.note("own_shell", Runs(s[1] for s in shells))
# %% [markdown]
# Between draws the norm has on average shrunk to $1/\sqrt2$ halfway, in **every** number of dimensions. In two that is ordinary: {{lines_2}} of the midpoints have a norm within the prior's middle 95 %. In 32 it is {{lines_32}}: the folklore is right about norms. Posterior means, between which you will mostly walk, are shorter
# than draws, but have a shell of their own (median norm {{own_shell.value}}): only {{means_inside}} of the midpoints lie in it.
#
# ## 3 Whose pictures are better, and who says so?
#
# Ask witnesses that drew none of the pictures (two are of the drawers' family; the classifier is not). The **judge** is a VAE, larger and trained for longer on the same digits. Its **excess** is its −ELBO
# minus the entropy of the picture's own gray levels, which even a decoder that knew every gray value must pay. What is left is the code, and the decoder's misses. A **classifier** tells its doubt.
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
    "First judge the judge. Which pictures cost it least?",
    ["real digits", "the same digits, every pixel made black or white", "pictures that are all black"],
)
# %%
from vae_course import load_classifier, load_one_model, over_seeds
from vae_course.evaluation import coin_entropy, path_cost, with_contrast
from vae_course.teaching import results_table

judge, classifier = load_one_model(DATASET).at(beta=1.0, k=20), load_classifier(DATASET)


def verdict(pictures, second_judge):
    """Entropy of gray, excess by two judges, classifier's doubt: means over pictures, in nats."""
    found = {"gray": coin_entropy(pictures).mean().item()}
    for name, witness in (("judge", judge), ("second judge", second_judge)):
        found[name] = path_cost(witness, pictures[None]).excess.mean().item()
    return found | {"doubt": doubt(classifier.probabilities(pictures)).mean().item()}


kinds = ("real digits", "black or white", "all black", "blurred, 3 × 3", "redrawn by a VAE")
blurred = torch.nn.functional.avg_pool2d(first, 3, stride=1, padding=1)
seen = (first, (first > 0.5).float(), 0 * first, blurred, decode(wide[0], ends[0][0]))
known = [verdict(pictures, wide[1]) for pictures in seen]
results_table(
    [{"pictures": kind} | found for kind, found in zip(kinds, known, strict=True)],
    caption="What the witnesses say of pictures that you know (nats)",
)
costs = [found["judge"] for found in known]
guess.compare(min(range(3), key=costs.__getitem__), f"{costs[0]:.1f}, {costs[1]:.1f}, {costs[2]:.1f} nats.")
claims.add("black", costs[0] - costs[2], above=0, unit="nats", text="Excess of a real digit less a black one")
for id, cost in zip(("real", "hard", "nothing", "soft", "redrawn"), costs, strict=True):
    claims.note(id, cost, unit="nats")
# %% [markdown]
# A black picture costs the judge {{nothing.number}} nats, a real digit {{real.number}}, one with hard edges {{hard.number}}, one redrawn by a VAE {{redrawn.number}}. It lets nothing at all pass cheaply, and a VAE's strokes (not any blur: {{soft.number}}). So less is not better: we ask how far a picture is from what the ends cost.
# Ask a second judge too, another 32-D VAE, and compare these pictures halfway between two digits:
#
# - from the line and from the circle between the posterior means; and the line's with the circle's contrast (all logits times one number);
# - a **cross-fade**: the mean of both end pictures; the same with the line's contrast; and the mean of their logits.
# %%
guess = predict(
    "The circle's pictures are sharper. Give the line's the same contrast. Which cost the judge less then?",
    ["the circle's, by more than half a nat", "alike", "the line's, by more than half a nat"],
)
witnesses = ("gray", "judge", "second judge", "doubt", "third digit")
FADES = ("cross-fade", "cross-fade, line's contrast", "cross-fade of logits")
WAYS = ("an end", "line", "line, circle's contrast", "circle", *FADES)


@torch.no_grad()
def halfway(seed):
    """What the witnesses say of each way, and how often it shows neither end's class."""
    model, second_judge, (a, b) = wide[seed], wide[(seed + 1) % N_SEEDS], ends[seed]
    logits = model.decode(torch.stack((a, b, (a + b) / 2, slerp(a, b, middle)[0])))
    end, _, line, circle = pictures = logits.sigmoid()
    fade = pictures[:2].mean(0)
    fades = fade, with_contrast(fade.logit(1e-6), line), logits[:2].mean(0).sigmoid()
    ways = (end, line, with_contrast(logits[2], circle), circle, *fades)
    one, other = (classifier.probabilities(x).argmax(-1) for x in pictures[:2])
    found = {}
    for way, x in zip(WAYS, ways, strict=True):
        answer = classifier.probabilities(x).argmax(-1)
        third = ((answer != one) & (answer != other)).double().mean().item()
        row = verdict(x, second_judge) | {"third digit": third}
        found |= {(way, key): value for key, value in row.items()}
    return found


# %%
def against(base, way):
    return {name: half[way, name] - half[base, name] for name in witnesses}


half = over_seeds(N_SEEDS, halfway)
results_table(
    [{"halfway": way} | {name: half[way, name] for name in witnesses} for way in WAYS],
    caption=f"Halfway between two digits, 32-D: nats, and the share of third digits ({N_SEEDS} seeds)",
)
plain, matched = against("circle", "line"), against("circle", WAYS[2])
fade, crisp, gray = (against("line", way) for way in FADES)
more = matched["judge"]
guess.compare(0 if more.mean > 0.5 else 2 if more.mean < -0.5 else 1, f"line minus circle {more} nats.")
claims.add("circle_doubt", plain["doubt"], above=0, unit="nats", text="Classifier's doubt that slerp saves")
claims.note("sharper", plain["gray"].mean, unit="nats")
claims.add("saved", fade["judge"], above=3, unit="nats", text="Excess halfway, cross-fade minus line")
claims.add("crisp", crisp["judge"], above=0, unit="nats", text="The same, the fade at the line's contrast")
for id, found in dict(circle=plain, matched=matched, fade=fade, crisp=crisp, logits=gray).items():
    claims.note(f"{id}_first", found["judge"], unit="nats")
    claims.note(f"{id}_second", found["second judge"], unit="nats")
    claims.note(f"{id}_unsure", found["doubt"], unit="nats")
for id, way in dict(third="line", third_fade=FADES[0]).items():
    claims.note(id, half[way, "third digit"].within(0, 1), unit="%")
claims.note("third_less", -fade["third digit"], unit="%")
claims.note("end_first", half["an end", "judge"], unit="nats")
# %% tags=["hide-input"]
shown = torch.tensor([0, 2])  # of the pairs
(a, b), steps = (x[shown] for x in ends[0]), torch.linspace(0, 1, 9)
bent, faded = decode(wide[0], lerp(a, b, steps)), lerp(*(decode(wide[0], x) for x in (a, b)), steps)
by_logits = lerp(*(wide[0].decode(x) for x in (a, b)), steps).sigmoid()
strips = torch.stack([bent, faded, by_logits], 1).permute(2, 1, 0, 3, 4, 5).flatten(0, 2)
show(
    image_grid(strips, 6, 9, row_titles=["line", "fade", "fade of logits"] * 2),
    alt="Two pairs of digits, three rows of nine pictures each. Along the line through the code the strokes bend from one digit into the other. In the cross-fade one digit fades out while the other fades in; in that of logits only what both digits share stays bright in the middle.",
    title="Along the code strokes move; in a fade two digits share the picture",
)
# %% [markdown]
# All these ways cost the judge more than an end ({{end_first.value}}), so here less is nearer to the ends.
#
# **Line or circle?** The circle's pictures have {{sharper}} less gray, and the classifier doubts less, by {{circle_doubt.value}}. The circle costs the first judge {{circle_first}} less, the second {{circle_second}}.
# Against a line of equal contrast it is {{matched_first.value}} and {{matched_second.value}}. White's (2016) "sharper samples" are real; *better* ones the judges do not show, only the classifier, by {{matched_unsure}} of doubt. (Between draws, White's case, we did not look.)
#
# **Code or fade?** The code is nearer to the ends, by {{saved.value}} and {{fade_second.value}}. Is that gray? Give the fade the line's contrast, and {{crisp.value}} and {{crisp_second.value}} remain. Against a fade of logits, another picture, which keeps only what both digits share: {{logits_first.value}} and {{logits_second.value}}.
# The classifier puts the fade only {{fade_unsure.value}} behind. It sees a *third* digit halfway in {{third.value}} of the pairs, in the fade in {{third_fade.value}}: the path crosses other classes in {{third_less}} more of the pairs (a clean 8 between 3 and 6 counts; a fade holds both ends).
#
# ## 4 How far apart are two codes?
#
# A step of 0.1 in the code may change the picture much or not at all. So measure by what
# the **decoder** does: two codes are far apart if you can tell their pictures apart. For a small step $\delta$,
#
# $$
# \mathrm{KL}\bigl(p(x|z)\,\|\,p(x|z+\delta)\bigr) \approx \tfrac12\,\delta^\top G(z)\,\delta, \qquad G(z) = J^\top J .
# $$
#
# In words: the metric $G$ prices a step in every direction. $J$ holds derivatives of the decoder's output, scaled so that equal steps are equally easy to tell apart. For a pixel that is a coin with $p = \operatorname{sigmoid}(\ell)$ this is the angle $\varphi = 2\arctan e^{\ell/2}$ (Fisher's metric: Arvanitidis et al. 2022). $\sqrt{\det G}$ is the **magnification**: how much change an area of the code holds.


# %%
from copy import deepcopy


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
# A **geodesic** is the shortest path by this ruler. To look for one, bend the straight line for 200 steps of descent.
#
# **Your turn (03.4).** The energy of a path: the sum of its squared steps. Gradients must reach the path.


# %%
def energy(path: torch.Tensor) -> torch.Tensor:
    """path: (steps, paths, size). Returns the sum of squared steps of each path, (paths,)."""
    ...


# hint("03.4")  # remove the first # for a hint, again for the next one
energy = complete("03.4", energy)
solution("03.4")


# %%
from itertools import pairwise

from vae_course.plots import paths_on_map


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


codes = evaluation.posterior_means(flat[0], validation)
towns = torch.stack([codes[validation.labels == c].median(0).values for c in range(10)])
a, b = torch.tensor([[0, 1], [1, 2], [0, 7]]).T
line = lerp(towns[a], towns[b], torch.linspace(0, 1, 41))
curve = geodesic(flat[0], line)


# %%
def length(model, path, between=10):
    """Steps by the decoder's ruler, (steps, pairs), measured at more places between any two stops."""
    s = torch.linspace(0, 1, between + 1)[:-1]
    fine = torch.cat([*(lerp(*pair, s) for pair in pairwise(path)), path[-1:]])
    return angles(model, fine).diff(dim=0).norm(dim=-1)


def bend(seed):
    """What 200 and 400 steps of descent make of straight lines between posterior means."""
    model, few = flat[seed], max(10, N_PAIRS // 16)
    straight = lerp(*(model.encode(x[:few]).mean for x in (first, second)), torch.linspace(0, 1, 33))
    before, found = length(model, straight).sum(0), {}
    paths = {0: straight, 200: geodesic(model, straight), 400: geodesic(model, straight, 400)}
    for name, path in paths.items():
        stops, after = length(model, path, 1), length(model, path).sum(0)
        found["shorter", name] = 1 - after.mean() / before.mean()
        found["pairs", name] = (after < before).double().mean()
        found["uneven", name] = (stops.amax(0) / stops.mean(0)).mean()
    return found


# %%
bends = over_seeds(N_SEEDS, bend)
claims.add(
    "shortened",
    bends["pairs", 200].within(0, 1),
    above=0.5,
    unit="%",
    text="Lines shorter when bent, on a finer ruler",
)
claims.note("shorter", bends["shorter", 200], unit="%")
claims.note("shorter_twice", bends["shorter", 400], unit="%")
claims.note("even", bends["uneven", 200])
claims.note("jump", bends["uneven", 0])
# %% tags=["hide-input"]
saves = 1 - length(flat[0], curve).sum(0) / length(flat[0], line).sum(0)
figure = paths_on_map(lambda z: metric(flat[0], z), line, curve, torch.stack([a, b], 1).tolist())
for path, share in zip(curve.unbind(1), saves.tolist(), strict=True):
    figure.axes[0].text(
        *path[20], f"{share:.0%}", fontsize=9, bbox=dict(facecolor="white", edgecolor="none", pad=1)
    )
show(
    figure,
    alt="The plane of the code, darker where a step changes the picture more: darkest around the center. Three dashed straight lines join the middles of digit classes; of the three geodesics between the same ends some make a detour, others hardly bend. On each stands what share of its length bending saves.",
    title=f"Bending these lines saves {saves.min():.0%} to {saves.max():.0%} of their length",
)
# %% [markdown]
# Measured at ten places between any two stops (else the descent could cut corners unseen), {{shortened.value}} of the lines got shorter, on average by {{shorter}}, after 400 steps by {{shorter_twice}} (brackets: how models differ). So little is to be gained, or our descent did not find it. (The map's color is an area; a path pays only along its own direction.)
#
# It buys even steps: the largest is {{even.value}} times the mean one, {{jump.value}} times on the straight line. But stop at other places of the *same* line (`evaluation.retimed`), and its steps are even, too. Shao et al. (2018) found straight lines close to geodesics; Arvanitidis et al. (2018) gain by a metric that holds
# what ours lacks: the decoder's uncertainty away from data.
#
# ## 5 Can you draw 32 dimensions?
#
# Only squeezed. **PCA** shows the cloud's widest shadow. **t-SNE** moves points about in a plane until each has about the
# same neighbors as in the code. How many does it keep?
# %%
from sklearn.manifold import TSNE

from vae_course import seed_of
from vae_course.plots import maps_side_by_side

guess = predict(
    "Of a digit's 5 nearest neighbors in the code, how many are among its 5 nearest on the t-SNE map?",
    ["fewer than 1", "2 to 3", "4 to 5"],
)
pool = validation.subset(min(N_MAP, len(validation)), seed=0)


def nearest(points):
    """Which points are the 5 nearest of each: (n, n), True or False."""
    apart = torch.cdist(points.double(), points.double()).fill_diagonal_(torch.inf)
    return torch.zeros_like(apart, dtype=torch.bool).scatter_(1, apart.topk(5, largest=False).indices, True)


# %%
clouds, maps = [evaluation.posterior_means(model, pool) for model in wide], []
for seed, means in enumerate(clouds):
    directions = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:2]
    tsne = TSNE(perplexity=30, init="pca", random_state=seed_of(0), n_jobs=1).fit_transform(means.numpy())
    maps.append({"code": means, "PCA": means @ directions.T, "t-SNE": torch.from_numpy(tsne)})
    maps[-1]["another training"] = clouds[(seed + 1) % N_SEEDS]
near = [{name: nearest(points) for name, points in m.items()} for m in maps]
kept = {name: Runs((n["code"] & n[name]).sum() / (5 * len(pool)) for n in near) for name in maps[0]}
guess.compare(0 if kept["t-SNE"].mean < 0.3 else 1 if kept["t-SNE"].mean < 0.7 else 2, f"{kept['t-SNE']:.1%}")
claims.add("tsne_keeps", kept["t-SNE"], between=(0.35, 0.85), unit="%", text="Neighbors that t-SNE keeps")
more = kept["another training"] - kept["t-SNE"]
claims.add("retrained", more, above=0, unit="%", text="Kept by another training, less by t-SNE")
for id, name in dict(another_keeps="another training", pca_keeps="PCA").items():
    claims.note(id, kept[name], unit="%")
# %% tags=["hide-input"]
two_maps = {f"{n} keeps {kept[n].mean:.0%}": maps[0][n] for n in ("PCA", "t-SNE")}
show(
    maps_side_by_side(two_maps, pool.labels, pool.class_names),
    alt="Two maps of the same codes, colored by digit. On the PCA map the classes overlap strongly; on the t-SNE map most of them form patches of their own.",
    title=f"t-SNE draws neat patches, and still loses {1 - kept['t-SNE'].mean:.0%} of the 5 nearest neighbors",
)
# %% [markdown]
# Of a digit's 5 nearest neighbors in the code t-SNE keeps {{tsne_keeps}}, PCA {{pca_keeps.value}} (600 digits, perplexity 30; chance: less than one in a hundred). Is that little? Train the same VAE from another seed, and its *code* keeps {{another_keeps}}. So which five are
# nearest is partly an accident of training.
#
# **Your turn (03.5).** Give `"yes"` (it follows) or `"no"`: `a`: two groups lie twice as far apart as two others on a t-SNE map, so they do in the code; `b`: two points are close
# neighbors on a t-SNE map, so they are probably neighbors in the code; `c`: two points coincide on a PCA map, so their codes are equal; `d`: two points are a distance of 3 apart on a PCA map, so
# their codes are at least 3 apart.
# %%
answer_03_5 = {"a": ..., "b": ..., "c": ..., "d": ...}


# hint("03.5")  # remove the first # for a hint, again for the next one
check("03.5", answer_03_5)
solution("03.5")
# %% [markdown]
# ## 6 What does an axis mean?
#
# It is tempting to give each number of a code a name. But turn all codes by a rotation $R$, and let the decoder turn them back first. The prior
# $\mathcal N(0, I)$ looks the same from every side, so every picture keeps its likelihood. No likelihood of pictures can tell the two codes apart, and in the second every axis is a mixture (Locatello et al. 2019).
#
# What breaks the tie is the *encoder*: ours must keep its noise independent along the axes, a reason for training to prefer some (Rolínek et al. 2019). Does such an axis move one factor of a drawn face? Take three VAEs of faces with 16 dimensions, go one step along a direction, let a network read nine factors,
# take the mean change $|\Delta_j|$ of each, and count $(\sum_j |\Delta_j|)^2 / \sum_j \Delta_j^2$: 1 if one moves alone, 9 if all move alike.
# %%
from torch.nn.functional import normalize

from vae_course import FACTORS, load_reader


people, tagged = (torch.rand(n, 9, generator=seeded(name)) for n, name in ((24, "crowd"), (400, "tagged")))
crowd, reader = draw_faces(people) / 255, load_reader()
chance = normalize(torch.randn(16, 16, generator=seeded("ways")), dim=1)
anything = evaluation.at_once(torch.randn(10_000, 9, generator=seeded("anything")))  # nine random changes


# %%
@torch.no_grad()
def directions(model):
    """Of length 1: fitted to nine labels by least squares; the eight most used axes; random ones."""
    labeled = evaluation.adjusted_vectors(model.encode(draw_faces(tagged) / 255).mean, tagged)
    used = model.encode(crowd).kl_per_dimension().mean(0).argsort(descending=True)[:8]
    return {"labeled": normalize(labeled, dim=1), "axis": torch.eye(16)[used], "random": chance}


def moved_together(seed):
    model = load_face_model(seed).requires_grad_(False)
    ways = directions(model).items()
    return {kind: evaluation.factors_moved(model, reader, crowd, some) for kind, some in ways}


def one_factor(j):  # the same count where a true factor changes and the faces are drawn anew
    low, high = (draw_faces(people.index_fill(1, torch.tensor(j), value)) / 255 for value in (0.1, 0.9))
    return evaluation.at_once((evaluation.read(reader, high) - evaluation.read(reader, low)).abs().mean(0))


moved = over_seeds(3, moved_together)
claims.add("axis_mixes", moved["axis"] - moved["labeled"], above=0, text="Factors at once, axis minus label")
for kind, value in moved.items():
    claims.note(f"{kind}_factors", value)
claims.note("axis_random", moved["axis"] - moved["random"])
claims.note("anything", anything.mean())
claims.note("single", torch.stack([one_factor(j) for j in range(9)]).mean())
# %% tags=["hide-input"]
ways = directions(painter)
chosen = {"glasses, by label": ways["labeled"][FACTORS.index("glasses")]}
chosen |= {"an axis": ways["axis"][0], "a random direction": chance[0]}
names = [f"{n}: {evaluation.factors_moved(painter, reader, crowd, w[None]):.1f}" for n, w in chosen.items()]
steps = torch.linspace(-1.5, 1.5, 6)[:, None]
rows = torch.cat([decode(painter, she + steps * way) for way in chosen.values()])
show(
    image_grid(rows, 3, 6, row_titles=names, cell=1.1),
    alt="Three rows of six drawn faces, each with the number of factors that it moves. In each row the code of one face moves along one direction: one fitted to the label glasses, an axis, a random direction. Along the first glasses come, and the other way the eyes grow pale. Along the axis and the random direction several features of the face change together.",
    title="A direction with a label changes mostly glasses; an axis and a random one change the face",
)
# %% [markdown]
# A true factor, changed alone,
# scores {{single.number}}; a direction fitted to labels (by least squares of the code on all nine at once) {{labeled_factors}}; an axis {{axis_factors}}; a random direction {{random_factors}}. Nine random changes would score {{anything}}. An axis scores {{axis_random}} more than a random direction: axes do not sort factors here; directions that do took labels. (Steps are equal in the code, not in the picture. Two of the three models were stopped
# after 22 and 12 of 24 passes.)
#
# ## Play
#
# Watch a path move. Then walk through the plane: find where classes meet, a gap, and what lies outside the circle.
# %% tags=["hide-input"]
from vae_course.plots import animation_html
from vae_course.teaching import show_html
from vae_course.widgets import explore_latent_pad

frames = decode(painter, lerp(she, he, torch.linspace(0, 1, 16)))
both = torch.stack([frames, lerp(frames[0], frames[-1], torch.linspace(0, 1, 16))], 1)
text = "Two drawn faces change: on the left one face changes hair, glasses, mouth and pose, on the right it fades into another."
show_html(animation_html(both, "A morph, two ways", text, names=("code", "cross-fade"), zoom=3), text)
pad = explore_latent_pad(flat[0], validation.subset(min(300, len(validation)), seed=3))
# %% [markdown]
# ## Break it
#
# Teach the ruler to charge for leaving the data: in `energy`'s place, multiply each squared step by $1 + \lambda d^2$, with $d$ the distance from $z$ to the nearest code of a training digit, and find the geodesics again. **Before** you run it, write down
# for $\lambda$ = 1, 10 and 100 whether the paths get longer, where they will go, and whether their pictures will cost the judge less.
#
# A good answer: predicts all three, with reasons; draws old and new paths on one map; measures length and verdicts over seeds; finds the $\lambda$ from which paths hug the data, and its
# price. Two of four is a start.
#
# ## What you can say now
#
# - In two dimensions a young VAE's codes are wider than the prior. Shrink them, tell the decoder, and gain {{gained.value}} for nothing.
# - Judge the judge first: a black picture costs ours less than a real digit. Code beats cross-fade; how much depends on how one fades. The circle is sharper than the line, not proven better; in 2-D bending the line saved {{shorter.value}}.
# - A map of many dimensions loses neighbors (t-SNE kept {{tsne_keeps.value}}), and an axis has no name: no likelihood of pictures changes when you turn the code.
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

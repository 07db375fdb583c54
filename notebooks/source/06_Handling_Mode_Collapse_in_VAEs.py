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
# # 06 · Handling mode collapse: who covers the data, and what it takes
#
# <!-- badge -->
#
# <!-- minutes -->
#
# "GANs collapse, VAEs cover everything, and it is the KL term that keeps them diverse." In this chapter you write the rule that counts, and count: a GAN
# and a VAE with the same decoder, a VAE without its KL term, and three remedies. In pictures of the ring circles are modes, blue dots samples on one, orange crosses all others.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course (1,797 small digits for 60,000)
N_SEEDS = 8  # repetitions of every model of points, 3 or more; they train side by side
STEPS = 4000  # updates of every model of points, 400 or more
EXAMPLES = 20000  # training digits, 1,000 or more
EPOCHS = 10  # passes through them, 4 or more
BATCH_SIZE = 256  # digits in one update
COMPONENTS = 50  # Gaussians in a fitted prior, 1 or more
DIGIT_SEEDS = 3  # repetitions of every model of digits, 2 or more: intervals are 95 % t-intervals over them
# %% tags=["hide-input"]
import math

import torch
from torch import nn

from vae_course import Runs, load, load_classifier, plots, ring_mixture, seed_everything, seeded
from vae_course.teaching import Claims, check, check_parameters, complete, hint, predict, results_table, show
from vae_course.teaching import solution

least = dict(N_SEEDS=3, STEPS=400, EXAMPLES=1000, EPOCHS=4, BATCH_SIZE=1, COMPONENTS=1, DIGIT_SEEDS=2)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("06_Handling_Mode_Collapse_in_VAEs", parameters)
RING = ring_mixture(std=0.05)  # 8 Gaussians on a circle of radius 2
N = 2500  # samples that are counted


# %% tags=["hide-input"]
# N points each: all modes alike, falling shares, three modes gone, and all modes alike but blurred.
def four_samples(seed):
    points, mode = RING.sample(3 * N, seed=seed)
    share = 0.7 ** torch.arange(8)
    kept = torch.rand(3 * N, generator=seeded(seed)) < share[mode]
    blur = 0.37 * torch.randn(N, 2, generator=seeded(seed + 1))
    kinds = points, points[kept], points[mode < 5], points[:N] + blur
    return dict(zip(("even", "uneven", "dropped", "blurred"), (some[:N] for some in kinds), strict=True))


show(
    plots.point_clouds(four_samples(1), RING),
    alt="Four panels of points around eight circles on a ring. Even: dots in all circles. Uneven: dots in all, few in some. Dropped: three circles are empty. Blurred: a wide smear over the ring, mostly crosses, some dots in every circle.",
    title="Dropped has lost modes, blurred has lost focus",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **count** coverage and quality apart;
# 2. **write** a GAN's losses and slope penalty, and read whether the game has come to rest;
# 3. **derive** how hard a likelihood and a GAN pull at a rare mode, and say what that does not explain;
# 4. **decide** by experiment whether the KL term makes a VAE cover;
# 5. **mend** a VAE's samples by a fitted prior, and test packing and R1 on a GAN.
#
# You need chapter 02's VAE and chapter 04's posterior collapse. Where a function of yours is not right yet, the chapter goes on with the reference. Numbers in the text are those of the full run,
# with 95 % t-intervals over seeds (lopsided where bounded).
#
# ## 1 When is a mode covered?
#
# A **mode** is a place where data are dense. In the picture there are eight, round Gaussians with standard deviation 0.05. A sample is **good** when it lies within three standard deviations of the nearest center.
#
# One could say: a mode is hit if enough good samples lie on it, where "enough" is a part of its fair share of *all* samples, say a tenth. (The blur above is chosen so that this rule fails.)
# %%
question = "The blurred sample serves all modes alike, but only 8 % of it is good. How many of 8 modes does that rule count?"
guess = predict(question, ["all 8", "about 4", "0 to 2"])
# %% [markdown]
# The remedy is to ask three questions, one number each. **Quality**: which share of the samples is good? **Hits**: how many modes get a tenth of their fair share *of the good ones*? And, so that uneven shares $p_k$ show as well, the **effective** number of modes
#
# $$
# \exp\Bigl(-\sum_k p_k \log p_k\Bigr).
# $$
#
# In words: as varied as so many modes with equal shares.
#
# **Your turn (06.1).** Return `(hit, effective, quality)` for points `(n, d)`. A hit mode needs at least one good point; without any good point `effective` is 0.


# %%
def count_apart(points: torch.Tensor, centers: torch.Tensor, std: float) -> tuple[int, float, float]:
    """points: (n, d); centers: (k, d). Returns (modes hit, effective modes, share of good points)."""
    ...


# hint("06.1")  # remove the first # for a hint, again for the next one
count_apart = complete("06.1", count_apart)
solution("06.1")
# %% [markdown]
# Both rules on the four samples:
# %%
from vae_course.evaluation import point_coverage

CENTERS = RING.centers.float()


# Modes with a tenth of their fair share of all points.
def first_rule(points):
    distance, mode = torch.cdist(points, CENTERS).min(1)
    return int((torch.bincount(mode[distance <= 3 * RING.std], minlength=8) >= len(points) / 80).sum())


# The three numbers of several samples, as Runs.
def counted(clouds):
    found = zip(*(count_apart(points, CENTERS, RING.std) for points in clouds), strict=True)
    return [Runs(values, least=0, most=most) for values, most in zip(found, (8, 8.01, 1), strict=True)]


draws = [four_samples(seed) for seed in range(10, 20)]
usual = {name: Runs((first_rule(draw[name]) for draw in draws), least=0, most=8) for name in draws[0]}
ours = {name: counted(draw[name] for draw in draws) for name in draws[0]}
heads = "sample", "first rule", "hit", "effective modes", "quality"
rows = [dict(zip(heads, (name, usual[name], *ours[name]), strict=True)) for name in ours]
results_table(rows, caption="The first rule and ours, of 8 modes: mean and interval over ten draws")
# %%
served = usual["blurred"]
guess.compare(2 if served.mean < 2.5 else 0 if served.mean > 6 else 1, f"{served} modes.")
package = point_coverage(draws[0]["blurred"], RING)
mine = count_apart(draws[0]["blurred"], CENTERS, RING.std)
theirs = package.hit, package.effective, package.high_quality
off = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
claims.add("same_count", off, below=1e-4, exact=True, text="Your three numbers off the package's")
claims.note("blurred_usual", served)
claims.note("blurred_hit", ours["blurred"][0])
claims.note("blurred_quality", ours["blurred"][2], unit="%")
claims.note("uneven_effective", ours["uneven"][1])
# %% [markdown]
# A sample that serves all modes alike hits {{blurred_usual}} of 8 modes by the first rule and {{blurred_hit.value}} by yours. Its fault stands where it belongs, in the quality: {{blurred_quality}}. Uneven shares lose no mode, but the
# eight are worth {{uneven_effective.value}} even ones.
#
# ## 2 What does a GAN do?
#
# A generator turns noise $z$ into points. A **discriminator** gives each point a score $s$, the logit of "this one is real". Two losses, two players (Goodfellow et al. 2014):
#
# $$
# L_D = \mathbb E_{x}\bigl[-\log \sigma(s(x))\bigr] + \mathbb E_{z}\bigl[-\log(1 - \sigma(s(G(z))))\bigr],\qquad
# L_G = \mathbb E_{z}\bigl[-\log \sigma(s(G(z)))\bigr].
# $$
#
# In words: the discriminator wants to tell real from generated, the generator to be called real. Its loss is the *non-saturating* one, which keeps its slope while the discriminator wins.
#
# **Your turn (06.2).** Return both losses as scalars. The discriminator's must not reach the generator.


# %%
def player_losses(
    generator: nn.Module, discriminator: nn.Module, real: torch.Tensor, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """real: (n, 2); z: (n, k). Returns the discriminator's and the generator's loss, both scalars."""
    ...


# hint("06.2")  # remove the first # for a hint, again for the next one
player_losses = complete("06.2", player_losses)
solution("06.2")

from vae_course.training import adversarial

game = nn.Identity(), nn.Flatten(0)  # a "discriminator" that hands on the numbers it is given, as scores
scores = torch.randn(2, 500, 1, generator=seeded("scores"))
package = adversarial.discriminator_loss(*scores), adversarial.generator_loss(scores[1])
pairs = zip(player_losses(*game, *scores), package, strict=True)
off = max(abs(a - b).item() for a, b in pairs)
claims.add("same_losses", off, below=1e-5, exact=True, text="Your two losses off the package's")
# %% [markdown]
# Networks and update. All seeds train side by side: `SideBySide` holds a network for each, and a batch has the rows (example, seed).
# `packed` is for section 5.


# %%
from vae_course.models import PointVAE, SideBySide


# Noise (batch · seeds, 2) → points (batch · seeds, 2).
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = SideBySide(N_SEEDS, (2, 64, 64, 2))

    def forward(self, z):
        return self.layers(z.unflatten(0, (-1, N_SEEDS))).flatten(0, 1)


# Points (batch · seeds, 2) → scores (batch · seeds,), positive for real; packed, it sees two at once.
class Discriminator(nn.Module):
    def __init__(self, packed=False):
        super().__init__()
        self.packed, self.layers = packed, SideBySide(N_SEEDS, (4 if packed else 2, 64, 64, 1))

    def forward(self, x):
        x = x.unflatten(0, (-1, N_SEEDS))
        if self.packed:
            x = torch.cat([x, x.roll(1, 0)], -1)  # each point with its neighbor in the batch
        return self.layers(x).flatten()


data = torch.stack([RING.sample(4000, seed=100 + s)[0] for s in range(N_SEEDS)], 1)  # (points, seeds, 2)
PROBE = torch.randn(N * N_SEEDS, 2, generator=seeded(1))  # the same noise for every look


# %%
def train_gan(packed=False, gamma=0.0):
    """GANs of all seeds: N samples of each at 41 moments, and how often the discriminators were right."""
    seed_everything("networks")
    generator, discriminator = Generator(), Discriminator(packed)
    players = discriminator, generator  # in the order of their turns
    optimizers = [torch.optim.Adam(p.parameters(), 1e-3, (0.5, 0.999), fused=True) for p in players]
    draws, moments, right = seeded("game"), {}, []
    for step in range(STEPS + 1):
        real = data[torch.randint(len(data), (128,), generator=draws)].flatten(0, 1)
        z = torch.randn(real.shape, generator=draws)
        for which, (player, optimizer) in enumerate(zip(players, optimizers, strict=True)):
            loss = player_losses(generator, discriminator, real, z)[which]
            if gamma and player is discriminator:
                loss = loss + gamma / 2 * slope_penalty(discriminator, real)
            optimizer.zero_grad()
            loss.backward(inputs=list(player.parameters()))  # gradients for this player only
            optimizer.step()
        if step % (STEPS // 40) == 0:
            with torch.no_grad():
                fake = generator(PROBE)
                guesses = discriminator(real) > 0, discriminator(fake) < 0
                right.append(sum(guess.float().mean() for guess in guesses))
            moments[step] = fake.unflatten(0, (-1, N_SEEDS))
    return moments, torch.stack(right[-8:]).mean() / 2


# %%
question = f"{N_SEEDS} GANs on the ring after {STEPS:,} updates. All eight modes are there in ..."
guess = predict(question, ["every one", "some", "none"])
gans = {"plain GAN": train_gan()}
# %%
from vae_course import PointData, fit

last = STEPS - STEPS // 5  # a game never settles: average over the last fifth
numbers = {}


# Hits, effective modes and quality of each seed at every moment: (moments, seeds, 3).
def over_time(name):
    clouds = [points.unbind(1) for points in gans[name][0].values()]
    numbers[name] = torch.tensor([[count_apart(c, CENTERS, RING.std) for c in row] for row in clouds])


# One of the three numbers, averaged from one step to another, for every seed.
def late(name, which, start=last, end=STEPS):
    some = [start <= step <= end for step in steps]
    return Runs(numbers[name][some, :, which].mean(0), least=0, most=(8, 8.01, 1)[which])


# By how much it differs in the last fifth from the fifth before.
def moved(name, which=0):
    return late(name, which) - late(name, which, 2 * last - STEPS, last)


seed_everything("networks")  # and the VAEs, for comparison
vae = PointVAE(N_SEEDS, latent_dim=2, hidden_dims=(64, 64))
settings = dict(epochs=STEPS * 128 // 4000, batch_size=128, learning_rate=5e-3, kl_warmup=0.2)
fitted = fit(vae, PointData(data), eval_examples=1000, progress=False, **settings).curve("train")[1]
vae_points = vae.sample(N, seeded(2))
vae_found = counted(vae_points.unbind(1))
sharp = counted(vae.sample(N, seeded(2), noise=False).unbind(1))[2]
moments = gans["plain GAN"][0]
steps = list(moments)
over_time("plain GAN")
# %% tags=["hide-input"]
curves = {
    name: (steps, [Runs(row, least=0, most=8.01) for row in numbers["plain GAN"][..., which]])
    for which, name in enumerate(("modes hit", "effective modes"))
}
hits, peak = late("plain GAN", 0), numbers["plain GAN"][..., 0].mean(1).max().item()
fig = plots.line_plot(curves, "update", "modes, of 8", bands=True)
for row in numbers["plain GAN"][..., 0].T:
    fig.axes[0].plot(steps, row, "-", color="#6E6E6E", linewidth=0.6, alpha=0.6)  # hits of each seed
show(
    fig,
    alt=f"Modes hit and effective modes of the GANs against the update, means with bands, the intervals over seeds, and a thin gray line for the hits of each seed. Both rise from zero, the hits to {peak:.1f}; over the last fifth the hits average {hits.mean:.1f} and the effective modes {late('plain GAN', 1).mean:.1f}.",
    title=f"The GANs hit {peak:.1f} of 8 modes at their highest, {hits.mean:.1f} in the last fifth",
)
claims.add(
    "rest", moved("plain GAN", 1), between=(-0.5, 0.5), text="GAN, effective modes: last fifth minus before"
)
claims.add("missing", 8 - hits, above=0.1, text="GAN: modes missing at the end")
claims.add("vae_hits", vae_found[0], above=7.9, unit="of 8", text="VAE: modes hit")
whole = sum(value > 7.9 for value in hits.values)
guess.compare(0 if whole == N_SEEDS else 1 if whole else 2, f"{whole} of {N_SEEDS}, over the last fifth.")
claims.note("fallen", N_SEEDS - whole)
claims.note("peak", peak)
# %% tags=["hide-input"]
claims.note("off", 1 - late("plain GAN", 2).mean, unit="%")
claims.note("vae_off", 1 - vae_found[2].mean, unit="%")
claims.note("right", gans["plain GAN"][1], unit="%")
claims.note("vae_quality", vae_found[2], unit="%")
claims.note("vae_sharp", sharp, unit="%")
claims.note("smear", -math.log(vae_found[2].mean), unit="nats")
claims.note("vae_flat", (fitted[-1 - len(fitted) // 5] - fitted[-1]) / N_SEEDS, unit="nats")
ranked = sorted(range(N_SEEDS), key=lambda s: hits.values[s])
order = ranked[:4]  # the four that miss most
panels = {f"VAE, seed {s}": vae_points[:, s] for s in order}
panels |= {f"GAN, seed {s}": moments[steps[-1]][:, s] for s in order}
fewest = min(vae_found[0].values[s] for s in order)
show(
    plots.point_clouds(panels, RING, columns=len(order)),
    alt=f"Samples on the ring for the four of {N_SEEDS} seeds whose GANs miss most, VAEs above, GANs below. The VAEs' dots lie in all eight circles, with crosses between neighbors. The GANs' dots lie more tightly, and in some panels a circle stays empty.",
    title=f"Below, the {len(order)} of {N_SEEDS} GANs that miss most; above, VAEs of these seeds: {fewest:.0f} of 8 hit, and smeared",
)
# %% [markdown]
# {{plain_full}} of the GANs keep all modes through the last fifth; on average {{missing}} of 8 are missing. At their highest, while about half the samples were still off, the hits were {{peak}}. From the fifth before to the last one the effective modes moved by {{rest}},
# the hits by {{plain_moved}}: they may still fall. {{plain_good.value}} of the samples are good. The discriminators do not run away: they are right in {{right}} of the cases, and half would be guessing.
#
# The VAEs have the same decoder and as many updates, at a learning rate of 5e-3 (the GANs' is 1e-3). They hit {{vae_hits.value}}. But only {{vae_quality.value}} of their samples are good; without the decoder's noise, {{vae_sharp.value}}. One covers and smears, the other is tidy and may leave out. Why?
# (In the last fifth the VAE's −ELBO still fell by {{vae_flat}}.)
#
# ## 3 Who pulls at a missing mode?
#
# This section finds a difference of slopes; it cannot show that this is the cause. Take eight equal modes with shares $p_k$ in the data and $g_k$ in the model, and forget geometry. Three prices for a missing mode:
#
# - a **likelihood** pays $\mathrm{KL}(p\|g)$: it is asked for every data point. A VAE pays an upper bound of it, so infinity stays infinity;
# - the **minimax** game with a perfect discriminator pays the **Jensen–Shannon** divergence, $\tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(g\|m)$ with $m = \tfrac12(p+g)$ (Goodfellow et al. 2014);
# - the **non-saturating** loss, which you wrote and everybody trains, then follows the slope of $\mathrm{KL}(g\|p) - 2\,\mathrm{JS}$ (Arjovsky & Bottou 2017, theorem 2.5).
#
# **Your turn (06.3).** Three numbers in nats. `forward`: $\mathrm{KL}(p\|g)$ when the model gives one of eight modes 1/80 and the others equal shares. `dropped`: $\mathrm{KL}(g\|p)$ when it never visits one. `js`: Jensen–Shannon for the same.
# %%
answer_06_3 = {"forward": ..., "dropped": ..., "js": ...}

check("06.3", answer_06_3)
# hint("06.3")  # remove the first # for a hint, again for the next one
solution("06.3")
# %% [markdown]
# So the price of losing one mode of eight is infinite for the likelihood and {{dropped_price}} for what the trained loss follows: $\log\tfrac87$ less twice `js` (the loss itself rises by {{loss_rise.value}}). A price is not yet a force. Let the shares be $g = \operatorname{softmax}(a)$, and ask how hard each loss pulls up the logit $a_k$ of a rare mode.
# %%
question = "One mode gets 1/800 instead of 1/8. How many times harder does the likelihood pull at it than the trained GAN?"
guess = predict(question, ["about as hard", "about 10 times", "more than 100 times"])


# %%
def pulls(share):
    """How hard each loss pulls up the logit of one of eight modes, of which the model draws ``share``."""
    p = torch.full((8,), 1 / 8, dtype=torch.float64)
    logits = torch.log(torch.tensor([share] + 7 * [(1 - share) / 7], dtype=torch.float64)).requires_grad_()
    g = logits.softmax(0)
    best = p / (p + g.detach())  # the perfect discriminator, fixed while the generator moves
    m = (p + g) / 2
    twice_js = (p * (p / m).log()).sum() + (g * (g / m).log()).sum()
    losses = {
        "likelihood": -(p * g.log()).sum(),
        "GAN, minimax": (g * (1 - best).log()).sum(),
        "GAN, as trained": -(g * best.log()).sum(),
        "KL(g‖p) − 2 JS": (g * (g / p).log()).sum() - twice_js,
    }
    slope = lambda loss: torch.autograd.grad(loss, logits, retain_graph=True)[0][0].item()  # noqa: E731
    return {name: -slope(loss) for name, loss in losses.items()}, losses


# %%
shares = torch.logspace(-6, math.log10(1 / 9), 60).tolist()
found = [pulls(share)[0] for share in shares]
theorem = max(abs(pull["GAN, as trained"] - pull["KL(g‖p) − 2 JS"]) for pull in found)
rare, lost = pulls(1 / 800)[0], pulls(1e-9)[1]
ratio = rare["likelihood"] / rare["GAN, as trained"]
guess.compare(0 if ratio < 3 else 1 if ratio < 50 else 2, f"{ratio:.0f} times.")
claims.add("theorem", theorem, below=1e-9, exact=True, text="Arjovsky & Bottou's theorem, largest difference")
claims.note("ratio", ratio, unit="times")
claims.note("in_batch", 1 - (1 - 1 / 800) ** 128, unit="%")
claims.note("dropped_price", lost["KL(g‖p) − 2 JS"].item(), unit="nats")
claims.note("loss_rise", lost["GAN, as trained"].item() - math.log(2), unit="nats")
# %% tags=["hide-input"]
peaked = shares[max(range(len(found)), key=lambda i: found[i]["GAN, as trained"])]
pulled = {name: (shares, [pull[name] for pull in found]) for name in list(rare)[:3]}
axes = "share of one mode that has 1/8 of the data", "pull at its logit (nats)"
show(
    plots.line_plot(pulled, *axes, log_x=True, log_y=True, points={"": ([], [])}),
    alt="Pull at a rare mode against the share that the model gives it, both logarithmic. Below a share of 0.01 the likelihood's stays near one eighth, the trained loss's falls in proportion to the share and the minimax loss's almost so. Near the fair share all three drop to zero.",
    title=f"Below a share of {peaked:.2f}: the rarer a mode, the less a GAN pulls at it",
)
# %% [markdown]
# The likelihood pulls with $p_k - g_k$: the data points of that mode are there, whatever the model draws. A GAN averages over its *own* samples: the trained loss pulls with $g_k(\log D_k - \sum_j g_j \log D_j)$, where $D = p/(p+g)$. Nobody complains about a sample that was never drawn.
# At a share of 1/800 the likelihood pulls {{ratio}} as hard.
#
# **Is that why section 2 loses modes?** Only half a hypothesis: its GANs had {{peak}} modes and lost some. A weak pull says why a lost mode stays away, not why it left. Nor is a weak slope a slow return: Adam rescales slopes, and in a batch of 128 a mode of 1/800 has a sample in only {{in_batch}} of the updates.
#
# **And the smear?** With {{vae_quality.value}} of the mass on the modes it costs a likelihood at least about {{smear}}; a lost mode costs it everything. Continuity alone is not the reason: the GAN's decoder crosses the gaps too, with {{off}} off against {{vae_off}}.
#
# ## 4 Is it the KL term that makes a VAE cover?
#
# The folklore: the KL term spreads the codes, so it enforces diversity. Then without it, a VAE should collapse. Test it on digits at three weights β.
#
# The rule of section 1 needs modes. Take 100 **kinds** of digits: clusters of the features of the course's classifier on training digits. A sample is good if the classifier is above 90 % sure of its digit. Who judges the judge? On pure noise it is
# sure in {{noise_good.value}} of the cases, but finds only {{noise_kinds.number}} effective kinds. Averages of two pictures pass in {{mean_good.value}} of the cases ({{mean_kinds.number}} kinds), overlays in {{overlay_good.value}} ({{overlay_kinds.number}}). So many kinds do not exclude many non-digits, and a misread one falls into some kind, too.
#
# Hence a second judge: the *Fréchet distance* (chapter 07) of the features of 2,000 pictures from those of held-out digits. It gives test digits {{digits_far}} (these are real: below that it says little), overlays {{overlay_far}}, averages {{mean_far}}.
# %% tags=["hide-input"]
from sklearn.cluster import KMeans

from vae_course import VAE, load_one_model, seed_of
from vae_course.evaluation import frechet_distance, mode_coverage

DATASET = "digits" if OFFLINE else "mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(EXAMPLES, len(train)), seed=0)
x, judge = train.floats(), load_classifier(DATASET)
found = KMeans(100, n_init=1, random_state=seed_of(0)).fit(judge.features(x[:10000]).numpy())
kinds = torch.from_numpy(found.cluster_centers_)


# Share of good pictures, the effective number of kinds among (up to) 1,000 of them, and the Fréchet distance.
def judged(pictures):
    features, good = judge.features(pictures), judge.probabilities(pictures).amax(1) > 0.9
    kind = torch.cdist(features[good][:1000], kinds).argmin(1)
    effective = mode_coverage(kind, kind >= 0, 100).effective if good.any() else 0.0
    return good.float().mean().item(), effective, frechet_distance(features, aim)


aim = judge.features(held_out.floats())
real = *judged(held_out.floats())[:2], judged(load(DATASET, "test").floats()[:2000])[2]
one, two = held_out.floats()[:2000], held_out.floats()[:2000].roll(1, 0)
fakes = {"mean": (one + two) / 2, "overlay": torch.maximum(one, two)}
fakes["noise"] = torch.rand(2000, *train.shape, generator=seeded("noise"))
for name, fake in fakes.items():
    for id, value, unit in zip(("good", "kinds", "far"), judged(fake), ("%", "", ""), strict=True):
        claims.note(f"{name}_{id}", value, unit=unit)
# %% [markdown]
# Without a KL term nothing tied the codes to $\mathcal N(0, I)$, so draws from there are unfair. Draw from where the codes are: fit a mixture of 50 Gaussians to the codes of training digits, a **fitted prior**.
#
# A control: does the mixture cover by itself? Fit the same to the data: to their 20 leading principal components, a linear code of the same size, and to the 100 leading ones, nearly the raw pixels.
# %%
question = f"The real digits make {real[1]:.0f} effective kinds. How many does a VAE without KL term make, from the fitted prior?"
guess = predict(question, ["less than 10", "about half of them", "nearly as many"])
# %%
import warnings

from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

warnings.simplefilter("ignore")  # a fit that stops short of convergence is good enough


# 2,000 draws from a mixture of Gaussians fitted to (up to) 5,000 codes.
def drawn_like(codes, seed, components=COMPONENTS):
    mixture = GaussianMixture(components, tol=0.01, reg_covar=1e-3, random_state=seed_of(seed))
    z = torch.from_numpy(mixture.fit(codes[:5000].double().numpy()).sample(2000)[0]).float()
    return z[torch.randperm(2000, generator=seeded(seed))]  # they come sorted by component


def codes_of(model, seed):
    with torch.no_grad():
        return torch.cat([model.encode(part).sample(generator=seeded(seed)) for part in x.split(1000)])


def train_vae(beta, seed):
    """A VAE of digits, codes of the training digits, its curve of reconstruction + β·KL, and its KL."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=20, hidden_dims=(256,))
    settings = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=4e-3, beta=beta, seed=seed)
    history = fit(model, train, held_out, progress=False, **settings)
    terms = [history.curve("validation", term)[1] for term in ("reconstruction", "kl")]
    return model, codes_of(model, seed), [r + beta * kl for r, kl in zip(*terms, strict=True)], terms[1][-1]


runs = {f"β = {beta}": [train_vae(beta, seed) for seed in range(DIGIT_SEEDS)] for beta in (0, 1, 10)}
fell = [(curve[-2] - curve[-1]) / curve[-1] for models in runs.values() for _, _, curve, _ in models]
claims.note("fell", max(fell), unit="%")
ready = load_one_model(DATASET).at(beta=1.0, k=20)
runs["β = 1, larger and longer"] = [(ready, codes_of(ready, seed)) for seed in range(DIGIT_SEEDS)]
# %%
labels, pictures = {}, {}


def decode(model, z):
    return torch.sigmoid(model.decode(z)).detach()


for id, (name, models) in zip(("free", "usual", "strong", "ready"), runs.items(), strict=True):
    labels |= {f"{id}_fitted": f"fitted prior, {name}", id: f"N(0, I), {name}"}
    pictures[id] = [m.sample(2000, seeded(20 + s)) for s, (m, *_) in enumerate(models)]
    pictures[f"{id}_fitted"] = [decode(m, drawn_like(z, s)) for s, (m, z, *_) in enumerate(models)]
flat = x.flatten(1).numpy()
for id, size in {"linear": 20, "raw": 40 if OFFLINE else 100}.items():
    labels[id] = f"mixture on {size} components"
    pca = PCA(size, random_state=seed_of(0)).fit(flat)
    codes = torch.from_numpy(pca.transform(flat))
    made = [pca.inverse_transform(drawn_like(codes, s).numpy()) for s in range(DIGIT_SEEDS)]
    pictures[id] = [torch.from_numpy(rows).clamp(0, 1).view(-1, *train.shape) for rows in made]
found = {id: list(zip(*map(judged, made), strict=True)) for id, made in pictures.items()}
quality = {id: Runs(values[0], least=0, most=1) for id, values in found.items()}
number = {id: Runs(values[1], least=0, most=100) for id, values in found.items()}
far = {id: Runs(values[2], least=0) for id, values in found.items()}
# %% tags=["hide-input"]
axis = "Fréchet distance to held-out digits"
rows = sorted(labels, key=lambda id: 0 if "_" in id else 1 if id in ("linear", "raw") else 2)
colors = 4 * ["#D55E00"] + 2 * ["#6E6E6E"] + 4 * ["#0072B2"]  # fitted prior, no VAE, N(0, I)
panels = {"effective kinds": number, axis: far}
panels = {name: {labels[id]: those[id] for id in rows} for name, those in panels.items()}
kinds_made = [f"{number[f'{id}_fitted'].mean:.0f}" for id in ("free", "usual", "strong")]
show(
    plots.interval_dots(panels, dict(zip(panels, real[1:], strict=True)), log=(axis,), colors=colors),
    alt="Effective number of kinds and Fréchet distance to real digits, dots with intervals, for four VAEs from the fitted prior in orange, for two mixtures on the data in gray, and for the same VAEs from N(0, I) in blue; a dotted line for real digits. From the fitted prior the VAE makes about as many kinds as real digits with and without KL term, and few with the large weight; from N(0, I) it makes very few without it.",
    title="Kinds from a fitted prior: {} without KL term, {} at β = 1, {} at β = 10".format(*kinds_made),
)
# %%
covered = number["free_fitted"] / real[1]
guess.compare(0 if covered.mean < 0.2 else 1 if covered.mean < 0.75 else 2, f"{number['free_fitted']}.")
without, more = (number[a] - number[b] for a, b in (("free_fitted", "usual_fitted"), ("usual", "free")))
claims.add("no_kl", covered, above=0.75, unit="%", text="No KL, fitted prior: kinds, of real digits'")
claims.add("without", without, above=-8, text="Kinds, fitted prior: no KL minus β = 1")
claims.add("kl_buys", more, above=5, text="Kinds, N(0, I): β = 1 minus no KL")
pairs = ("ready_fitted", "ready"), ("usual_fitted", "raw"), ("raw", "ready")
nearer, ahead, behind = (far[a] / far[b] for a, b in pairs)
claims.add("mended", nearer, below=1, unit="times", text="Fréchet, larger VAE: fitted over N(0, I)")
claims.add("over_raw", ahead, below=1, unit="times", text="Fréchet: short VAE, fitted, over mixture")
claims.add("smears", behind, above=1, unit="times", text="Fréchet: mixture over larger VAE, N(0, I)")
claims.note("digits_far", real[2])
claims.note("mended_kinds", number["usual_fitted"] - number["usual"])
claims.note("ready_more", number["ready_fitted"] - number["ready"])
for id, models in zip(("free", "usual", "strong"), runs.values(), strict=False):
    back = [judged(decode(m, m.encode(one).sample(generator=seeded(1))))[1] for m, *_ in models]
    claims.note(f"{id}_back", Runs(back, least=0, most=100))
    single = [judged(decode(m, drawn_like(z, s, 1)))[1] for s, (m, z, *_) in enumerate(models)]
    claims.note(f"{id}_one", Runs(single, least=0, most=100))
for id in labels:
    claims.note(f"{id}_kinds", number[id])
    claims.note(f"{id}_quality", quality[id], unit="%")
    claims.note(f"{id}_far", far[id])
claims.note("told", Runs(kl for *_, kl in runs["β = 0"]), unit="nats")
# %% tags=["hide-input"]
rows = {"real": held_out.floats(), "larger VAE, N(0, I)": pictures["ready"][0]}
rows |= {"same VAE, fitted prior": pictures["ready_fitted"][0], labels["raw"]: pictures["raw"][0]}
judges = ", ".join(f"{far[id].mean:.0f} ({quality[id].mean:.0%})" for id in ("ready", "ready_fitted", "raw"))
show(
    plots.image_grid(torch.cat([made[:10] for made in rows.values()]), 4, 10, row_titles=list(rows)),
    alt=f"Four rows of ten digits: real ones; a VAE's from N(0, I); the same VAE's from a fitted prior; most in both can be read, and ten are too few to see a difference; and those of a mixture on principal components, gray and smeared, of which the first judge still passes {quality['raw'].mean:.0%}.",
    title=f"Fréchet distance (and share called good) of rows 2 to 4: {judges}",
)
# %% [markdown]
# **Without the KL term coverage stays.** Sampled fairly, that VAE makes {{free_fitted_kinds}} effective kinds, {{no_kl.value}} of held-out digits' (uneven shares, so no ceiling); the difference to β = 1 is {{without}}. The codes of held-out digits make {{free_back.value}}. At β = 10 blur leaves {{strong_fitted_kinds.value}}, and {{strong_back.value}} from codes of held-out digits: its prior is not at fault.
# The KL term alone is best served by a code that says nothing: **posterior collapse** (chapter 04), a fault of the code, not of the samples.
#
# **What the KL term buys** is that $\mathcal N(0, I)$ is nearer to the codes: {{free_kinds.value}} kinds without it (its KL to $\mathcal N(0, I)$ is {{told.value}}), {{usual_kinds.value}} at β = 1. A single Gaussian fitted to the codes buys more: {{free_one.value}}, without KL.
#
# **The VAE's own remedy** is a prior that is fitted, or learned (chapter 11), after training. It adds {{mended_kinds.value}} kinds at β = 1. Is that VAE too small, or trained too little? We cannot tell: a larger one, trained much longer (chapter 04's, at β = 1), makes {{ready_kinds.value}} from $\mathcal N(0, I)$, and the fitted prior adds {{ready_more}}. The Fréchet distance falls
# from {{ready_far.value}} to {{ready_fitted_far}}. (One model; intervals over draws and fits.) The first judge agrees ({{ready_quality.value}} good, then {{ready_fitted_quality.value}}), but passes {{raw_quality.value}} of the smears in the last row.
#
# **The control.** The mixture on 20 principal components makes {{linear_kinds.value}} kinds, on 100 {{raw_kinds.value}}: a mixture covers a good deal by itself. But its pictures lie at {{linear_far.value}} and {{raw_far.value}}; those of the short VAE at β = 1, from its fitted prior, at {{usual_fitted_far.value}}. (In the last pass the held-out losses fell by at most {{fell}}.)
#
# ## 5 What helps a GAN?
#
# Its trouble is that nobody sees what is missing. Two ways out:
#
# - **Packing** (PacGAN, Lin et al. 2018): let the discriminator judge *two* samples at once. Points from too few modes resemble each other too often, and that it can see.
# - **R1**: add $\tfrac\gamma2\,\mathbb E_x \lVert\nabla_x s(x)\rVert^2$, over real points, to the discriminator's loss. In words: a score that is steep where data are costs something. A flat one leaves a generator alone that has arrived there (Mescheder et al. 2018 prove it near the goal).
#
# **Your turn (06.4).** Return the mean squared slope as a scalar that an optimizer can minimize.


# %%
def slope_penalty(discriminator: nn.Module, real: torch.Tensor) -> torch.Tensor:
    """real: (n, 2). Returns the mean squared norm of the score's slope at the points, a scalar."""
    ...


# hint("06.4")  # remove the first # for a hint, again for the next one
slope_penalty = complete("06.4", slope_penalty)
solution("06.4")
# %%
question = "Effective modes, over the last fifth: which remedy gains more over the plain GAN?"
guess = predict(question, ["packing", "R1", "these seeds do not decide between them"])
gans |= {"packed GAN": train_gan(packed=True), "GAN with R1": train_gan(gamma=0.1)}
for name in list(gans)[1:]:
    over_time(name)
hit, modes, good = ({name: late(name, which) for name in gans} for which in range(3))
full = {name: sum(value > 7.9 for value in runs.values) for name, runs in hit.items()}
packed, r1 = (modes[name] - modes["plain GAN"] for name in ("packed GAN", "GAN with R1"))
duel = packed - r1
guess.compare(0 if duel.low > 0 else 1 if duel.high < 0 else 2, f"packing {packed}, R1 {r1}.")
panels = zip(("modes hit, of 8", "effective modes", "quality"), (hit, modes, good), vae_found, strict=True)
panels = {name: those | {"VAE": of_vae} for name, those, of_vae in panels}
show(
    plots.interval_dots(panels),
    alt=f"Dots with intervals for the plain GAN, the packed GAN, the GAN with R1 and the VAE. Modes hit and effective modes: fewest for the plain GAN, most for the VAE and the remedies. Quality: that of the VAE is {vae_found[2].mean:.2f}, that of the GANs {min(runs.mean for runs in good.values()):.2f} or more.",
    title="All modes hit, of {} seeds: {} plain, {} packed, {} with R1".format(N_SEEDS, *full.values()),
)
# %% tags=["hide-input"]
more = [full[name] - full["plain GAN"] for name in ("packed GAN", "GAN with R1")]
claims.add("packed_whole", more[0], above=0, text="Seeds that hit all modes: packed minus plain GAN")
claims.add("r1_whole", more[1], above=0, text="Seeds that hit all modes: R1 minus plain GAN")
claims.note("packed_gain", packed)
claims.note("r1_gain", r1)
for name, key in {"plain": "plain GAN", "packed": "packed GAN", "r1": "GAN with R1"}.items():
    claims.note(f"{name}_full", full[key])
    claims.note(f"{name}_good", good[key], unit="%")
    claims.note(f"{name}_moved", moved(key))
    claims.note(f"{name}_hits", hit[key])
# %% [markdown]
# Packed GANs hit all modes in {{packed_full}} seeds, those with R1 in {{r1_full}}, plain ones in {{plain_full}}. In effective modes packing gains {{packed_gain}}, R1 {{r1_gain}}: both reach down to zero, since some plain GANs lose little. Quality: {{packed_good.value}} and {{r1_good.value}}, against {{plain_good.value}}.
# Penalty weight (γ = 0.1) and pack size were not tuned; both are on from the first update.
#
# ## Play
#
# Walk through the training of the three GANs. Does a mode once lost return? Seeds are sorted: at 0 the plain GAN misses most.
# %%
from vae_course.widgets import Watched, explore_training

explorer = explore_training(
    {
        name: Watched(tuple(seen), torch.stack(list(seen.values()))[:, :, ranked])
        for name, (seen, _) in gans.items()
    },
    RING,
    alt="Three rows of six panels, for the plain GAN, the packed one and the one with R1: samples over the ring, of the seed whose plain GAN misses most, from before the training on the left to its end on the right.",
)
# %% [markdown]
# ## Break it
#
# Make the data uneven: keep only a tenth of the points of one mode, and train the plain GAN, the packed GAN and the VAE again. **Before** you run it, write down what section 3 says about the pull at this mode, and who will still serve it.
#
# A good answer predicts all three with a reason; counts that mode's samples among the good ones, with an interval over seeds; says what `count_apart` must change when the fair shares are no longer equal; and checks that the training was long enough.
#
# ## What you can say now
#
# - Losing modes and losing focus are two faults. Count them apart, or every blur looks like a collapse.
# - GANs collapse: {{fallen}} of our 8, at one learning rate, miss something; with packing {{packed_full}} and with R1 {{r1_full}} hit all. A rare mode's pull is {{ratio}} weaker in a GAN; what Adam and small batches make of it stays open.
# - VAEs cover everything: the ring, yes, with a smear. It is the KL term: no; it brings the codes nearer to $\mathcal N(0, I)$.
# - For the larger VAE, a fitted prior mends the Fréchet distance ({{ready_far.value}} becomes {{ready_fitted_far.value}}) more than coverage.
#
# **Dig deeper**: pack three or four samples, or train with Adam's default β₁ = 0.9 and watch the GAN wander.
#
# ## References
#
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NeurIPS 2014.
# - M. Arjovsky, L. Bottou: *Towards Principled Methods for Training Generative Adversarial Networks*, ICLR 2017. Theorem 2.5.
# - L. Mescheder, A. Geiger, S. Nowozin: *Which Training Methods for GANs do actually Converge?*, ICML 2018 (R1).
# - Z. Lin, A. Khetan, G. Fanti, S. Oh: *PacGAN: The Power of Two Samples in Generative Adversarial Networks*, NeurIPS 2018.
# - E. Richardson, Y. Weiss: *On GANs and GMMs*, NeurIPS 2018 (mixtures cover).
# - P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020 (a prior fitted afterwards).
#
# Next: [07 · Why blurry, and how would you know?](07_Limitations_of_VAEs_in_Realism.ipynb)
# %% tags=["hide-input"]
claims.report()

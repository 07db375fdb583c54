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
# "GANs collapse, VAEs cover everything, and it is the KL term that keeps them diverse." In this chapter you write the rule that counts modes, and then count: those of GANs
# and of VAEs with the same decoder, of a VAE without its KL term, and of three remedies. The picture shows samples: above from VAEs, below from the GANs that miss most. Circles are modes, black dots are samples inside a circle, and orange crosses are all others.
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
from vae_course import PointData, fit
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


# %% tags=["hide-input"]
from vae_course.training import adversarial

data = torch.stack([RING.sample(4000, seed=100 + s)[0] for s in range(N_SEEDS)], 1)  # (points, seeds, 2)
PROBE = torch.randn(N * N_SEEDS, 2, generator=seeded(1))  # the same noise for every look


# The discriminator's and the generator's loss; section 2 asks you for them.
def package_losses(generator, discriminator, real, z):
    fake = generator(z)
    loss_d = adversarial.discriminator_loss(discriminator(real), discriminator(fake.detach()))
    return loss_d, adversarial.generator_loss(discriminator(fake))


# One step of a player; only its own weights get gradients.
def move(optimizer, loss):
    optimizer.zero_grad()
    loss.backward(inputs=optimizer.param_groups[0]["params"])
    optimizer.step()


# %% tags=["hide-input"]
def train_gan(losses, packed=False, penalty=None, gamma=0.1):
    """GANs of all seeds: N samples of each at 41 moments, step → points (N, seeds, 2)."""
    seed_everything("networks")
    generator, discriminator = Generator(), Discriminator(packed)
    adam_d = torch.optim.Adam(discriminator.parameters(), 1e-3, (0.5, 0.999), fused=True)
    adam_g = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999), fused=True)
    draws, moments = seeded("game"), {}
    for step in range(STEPS + 1):
        real = data[torch.randint(len(data), (128,), generator=draws)].flatten(0, 1)
        z = torch.randn(real.shape, generator=draws)
        loss = losses(generator, discriminator, real, z)[0]
        if penalty:
            loss = loss + gamma / 2 * penalty(discriminator, real)
        move(adam_d, loss)
        move(adam_g, losses(generator, discriminator, real, z)[1])
        if step % (STEPS // 40) == 0:
            with torch.no_grad():
                moments[step] = generator(PROBE).unflatten(0, (-1, N_SEEDS))
    return moments


# %% tags=["hide-input"]
from vae_course.evaluation import point_coverage

gans = {"plain GAN": train_gan(package_losses)}
gan_points = list(gans["plain GAN"].values())[-1]
seed_everything("networks")
vae = PointVAE(N_SEEDS, latent_dim=2, hidden_dims=(64, 64))
settings = dict(epochs=STEPS * 128 // 4000, batch_size=128, learning_rate=5e-3, kl_warmup=0.2)
fitted = fit(vae, PointData(data), eval_examples=1000, progress=False, **settings).curve("train")[1]
vae_points = vae.sample(N, seeded(2))

hit = [point_coverage(points, RING).hit for points in gan_points.unbind(1)]
order = sorted(range(N_SEEDS), key=lambda s: hit[s])[:4]  # the four that miss most
panels = {f"VAE, seed {s}": vae_points[:, s] for s in order}
panels |= {f"GAN, seed {s}": gan_points[:, s] for s in order}
fewest = min(point_coverage(vae_points[:, s], RING).hit for s in order)
show(
    plots.point_clouds(panels, RING, columns=len(order)),
    alt=f"Samples around eight circles on a ring, VAEs above, below them the GANs of {N_SEEDS} that miss most. The VAEs' dots lie in all circles, with many crosses between neighbors and within the ring. The GANs' dots and crosses lie more tightly, and in some panels circles are empty or nearly so.",
    title=f"VAEs (above) hit {fewest} of 8 modes, and smear; GANs (below) hit as few as {min(hit)}",
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
# You need chapter 02's VAE and chapter 04's posterior collapse. Where a function of yours is not right yet, the chapter goes on with its own. Numbers in the text are those of the full run,
# with 95 % t-intervals over seeds (lopsided where a number is bounded, as a share is).
#
# ## 1 When is a mode covered?
#
# A **mode** is a place where data are dense. The ring has eight: round Gaussians with standard deviation 0.05. A sample is **good** when it lies within three standard deviations of the nearest center.
#
# To test a rule that counts, take four samples made by hand: from all modes alike (*even*), with falling shares (*uneven*), from five modes (*dropped*), and from all alike, blurred.
#
# A first rule: a mode is hit if its good samples are at least a tenth of its fair share of *all* samples. (Fair is an eighth.)
# %%
question = "The blurred sample serves all modes alike, but only 8 % of it is good. How many of 8 modes does that rule count?"
guess = predict(question, ["all 8", "about 4", "0 to 2"])


# %% tags=["hide-input"]
# N points each: all modes alike, falling shares, three modes gone, and all modes alike but blurred.
def four_samples(seed):
    points, mode = RING.sample(3 * N, seed=seed)
    share = 0.7 ** torch.arange(8)
    kept = torch.rand(3 * N, generator=seeded(seed)) < share[mode]
    blur = 0.37 * torch.randn(N, 2, generator=seeded(seed + 1))
    alike = {"even": points[:N], "uneven": points[kept][:N], "dropped": points[mode < 5][:N]}
    return alike | {"blurred": points[:N] + blur}


show(
    plots.point_clouds(four_samples(1), RING),
    alt="Four panels of points around eight circles on a ring. Even: dots in all circles. Uneven: dots in all, few in some. Dropped: three circles are empty. Blurred: a wide smear over the ring, mostly crosses, some dots in every circle.",
    title="Dropped has lost modes, blurred has lost focus",
)
# %% [markdown]
# Ask three questions instead, with one number each. **Quality**: which share of the samples is good? **Hits**: how many modes get a tenth of their fair share *of the good samples*? **Effective**: how many modes with equal shares would be as varied? With the modes' shares $p_k$ of the good samples it is
#
# $$
# \exp\Bigl(-\sum_k p_k \log p_k\Bigr).
# $$
#
# In words: the exponential of the entropy, 8 for eight equal shares and 1 for a single mode.
#
# **Your turn (06.1).** Return `(hit, effective, quality)` for points `(n, d)`. A hit mode needs at least one good point; without any good point `effective` is 0.


# %%
def count_apart(points: torch.Tensor, centers: torch.Tensor, std: float) -> tuple[int, float, float]:
    """points: (n, d); centers: (k, d). Returns (modes hit, effective modes, share of good points)."""
    ...


# hint("06.1")  # remove the first # for a hint, again for the next one
count_apart = complete("06.1", count_apart)
solution("06.1")
# %%
CENTERS = RING.centers.float()


# Modes with a tenth of their fair share of all points.
def first_rule(points):
    distance, mode = torch.cdist(points, CENTERS).min(1)
    served = torch.bincount(mode[distance <= 3 * RING.std], minlength=8)
    return int((served >= len(points) / 80).sum())


# Modes hit, effective modes and quality of several samples, as Runs.
def counted(clouds):
    found = torch.tensor([count_apart(points, CENTERS, RING.std) for points in clouds])
    hits, effective, quality = found.double().unbind(1)
    return Runs(hits, least=0, most=8), Runs(effective, least=0, most=8.01), Runs(quality, least=0, most=1)


draws = [four_samples(seed) for seed in range(10, 20)]
usual, ours, rows = {}, {}, []
for name in draws[0]:
    usual[name] = Runs((first_rule(draw[name]) for draw in draws), least=0, most=8)
    ours[name] = hits, effective, quality = counted([draw[name] for draw in draws])
    row = {"sample": name, "first rule": f"{usual[name].mean:.1f}", "hit": f"{hits.mean:.1f}"}
    rows.append(row | {"effective modes": f"{effective.mean:.1f}", "quality": f"{quality.mean:.0%}"})
results_table(rows, caption="The first rule and ours, of 8 modes: means over ten draws")
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
# The blurred sample serves all modes alike. The first rule finds {{blurred_usual}} of them, yours {{blurred_hit.value}}. (We chose its blur to show this.) The blur now shows where it belongs, in the quality: {{blurred_quality}}. The uneven sample loses no mode, but its
# eight are worth only {{uneven_effective.value}} even ones.
#
# ## 2 What does a GAN do?
#
# A generator turns noise $z$ into points. A **discriminator** gives each point a score $s$, the logit of "this one is real". Each player has a loss (Goodfellow et al. 2014):
#
# $$
# L_D = \mathbb E_{x}\bigl[-\log \sigma(s(x))\bigr] + \mathbb E_{z}\bigl[-\log(1 - \sigma(s(G(z))))\bigr],\qquad
# L_G = \mathbb E_{z}\bigl[-\log \sigma(s(G(z)))\bigr].
# $$
#
# In words: the discriminator wants to tell real from generated; the generator wants to be called real. Its loss is the *non-saturating* one: it keeps its slope while the discriminator wins.
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

players = Generator(), Discriminator(), data[:64].flatten(0, 1), PROBE[: 64 * N_SEEDS]
off = 0
for mine, theirs in zip(player_losses(*players), package_losses(*players), strict=True):
    off = max(off, abs(mine - theirs).item())
claims.add("same_losses", off, below=1e-5, exact=True, text="Your two losses off the package's")
# %% [markdown]
# The GANs of the first picture were trained with these losses; the loop is in the folded code above it. In each update the discriminator moves, then the generator. All seeds train side by side: `SideBySide` holds a network for each.
# %%
question = "At the end some GANs miss modes. Had each of those hit all eight at some moment before?"
guess = predict(question, ["none of them", "some", "all: found, and lost again"])


# %%
# Hits, effective modes and quality of each GAN at each moment, each (moments, seeds).
def over_time(moments):
    found = []
    for points in moments.values():
        found.append([count_apart(cloud, CENTERS, RING.std) for cloud in points.unbind(1)])
    return torch.tensor(found).unbind(-1)


# Averages over the last fifth of the moments, or over the one before: a game never settles.
def late(values, most, before=False):
    fifth = len(values) // 5
    some = values[-1 - 2 * fifth : -fifth] if before else values[-1 - fifth :]
    return Runs(some.mean(0), least=0, most=most)


each, each_effective, each_quality = over_time(gans["plain GAN"])
hits, effective = late(each, 8), late(each_effective, 8.01)
missing = [s for s in range(N_SEEDS) if hits.values[s] < 7.9]
had = sum(each[:, s].max() == 8 for s in missing)
guess.compare(2 if had == len(missing) else 1 if had else 0, f"{had} of the {len(missing)} that miss some.")
# %% tags=["hide-input"]
steps, peak = list(gans["plain GAN"]), each.mean(1).max().item()
fig = plots.line_plot({"GAN": (steps, each.mean(1).tolist())}, "update", "modes hit, of 8")
fig.axes[0].plot(steps, each, "-", color=plots.style.ORANGE, linewidth=0.6, alpha=0.7, zorder=1)
fig.axes[0].text(0.45 * STEPS, 2.2, f"thick: mean of {N_SEEDS} GANs\nthin: each GAN")
show(
    fig,
    alt=f"Modes hit by the GANs against the update, a thin line for each GAN and a thick one for the mean. The mean rises from zero to {peak:.1f} and averages {hits.mean:.1f} over the last fifth; single GANs go up and down by one mode or more.",
    title=f"The GANs hit {peak:.1f} of 8 modes at their highest, {hits.mean:.1f} in the last fifth",
)
rest = effective - late(each_effective, 8.01, before=True)
vae_found = counted(vae_points.unbind(1))
claims.add("rest", rest, between=(-0.5, 0.5), text="GAN, effective modes: last fifth minus before")
claims.add("missing", 8 - hits, above=0.1, text="GAN: modes missing at the end")
claims.add("vae_hits", vae_found[0], above=7.9, unit="of 8", text="VAE: modes hit")
claims.note("fallen", len(missing))
claims.note("peak", peak)
claims.note("plain_moved", hits - late(each, 8, before=True))
claims.note("vae_quality", vae_found[2], unit="%")
claims.note("vae_flat", (fitted[-1 - len(fitted) // 5] - fitted[-1]) / N_SEEDS, unit="nats")
# %% [markdown]
# Over the last fifth, {{plain_full}} of the 8 GANs keep all modes; on average {{missing}} are missing. At their highest they hit {{peak}} on average: modes had been found, and were lost again. Has the game come to rest? From the fourth fifth to the last the effective modes moved by {{rest}}, the hits by {{plain_moved}}. Both intervals hold 0, but the hits may still fall.
#
# The VAEs have the same decoder and as many updates, but a learning rate of 5e-3 instead of 1e-3. They hit {{vae_hits.value}}. But only {{vae_quality.value}} of their samples are good, against {{plain_good.value}} of the GANs'. Longer training may sharpen them: in the last fifth the −ELBO still fell by {{vae_flat}}.
#
# So the VAE covers and smears; the GAN is tidier and may leave modes out. Why?
#
# ## 3 Who pulls at a missing mode?
#
# This section shows how the two losses pull, not that this is the cause. Take eight equal modes, with shares $p_k$ in the data and $g_k$ in the model, and forget geometry. What does each loss pay for a missing mode?
#
# - A **likelihood** pays $\mathrm{KL}(p\|g)$, since it is asked for every data point. A VAE pays at least as much: its −ELBO is an upper bound of that loss.
# - The **minimax** game with a perfect discriminator pays the **Jensen–Shannon** divergence, $\tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(g\|m)$ with $m = \tfrac12(p+g)$ (Goodfellow et al. 2014).
# - The **non-saturating** loss, which you wrote, then follows the slope of $\mathrm{KL}(g\|p) - 2\,\mathrm{JS}$ (Arjovsky & Bottou 2017, theorem 2.5).
#
# **Your turn (06.3).** Three numbers in nats. `forward`: $\mathrm{KL}(p\|g)$ when the model gives one of eight modes 1/80 and the others equal shares. `dropped`: $\mathrm{KL}(g\|p)$ when it never visits one. `js`: Jensen–Shannon for the same.
# %%
answer_06_3 = {"forward": ..., "dropped": ..., "js": ...}

check("06.3", answer_06_3)
# hint("06.3")  # remove the first # for a hint, again for the next one
solution("06.3")
# %% [markdown]
# So losing one mode of eight costs a likelihood infinitely much. In what the trained loss follows, $\log\tfrac87$ less twice `js`, it costs {{dropped_price}}. But a price is not yet a force. Let the shares be $g = \operatorname{softmax}(a)$, and ask how hard each loss pulls up the logit $a_k$ of a rare mode.
# %%
question = "One mode gets 1/800 instead of 1/8. How many times harder does the likelihood pull at it than the trained GAN?"
guess = predict(question, ["about as hard", "about 10 times", "more than 100 times"])


# Logits that give this share to one of eight modes, and equal shares to the others.
def with_share(share):
    return torch.tensor([share] + 7 * [(1 - share) / 7], dtype=torch.float64).log()


def prices(logits):
    """What each loss pays for the shares softmax(logits), when each mode has 1/8 of the data."""
    p, g = torch.full((8,), 1 / 8, dtype=torch.float64), logits.softmax(0)
    best = p / (p + g.detach())  # the perfect discriminator, fixed while the generator moves
    m = (p + g) / 2
    twice_js = (p * (p / m).log()).sum() + (g * (g / m).log()).sum()
    return {
        "likelihood": -(p * g.log()).sum(),
        "GAN, minimax": (g * (1 - best).log()).sum(),
        "GAN, as trained": -(g * best.log()).sum(),
        "KL(g‖p) − 2 JS": (g * (g / p).log()).sum() - twice_js,
    }


# How hard a loss pulls up the logit of a mode with this share.
def pull(share, name):
    logits = with_share(share).requires_grad_()
    return -torch.autograd.grad(prices(logits)[name], logits)[0][0].item()


# %%
shares = torch.logspace(-6, math.log10(1 / 9), 60).tolist()
found = {name: [pull(share, name) for share in shares] for name in prices(with_share(1 / 8))}
trained, follows = found["GAN, as trained"], found["KL(g‖p) − 2 JS"]
theorem = max(abs(a - b) for a, b in zip(trained, follows, strict=True))
ratio = pull(1 / 800, "likelihood") / pull(1 / 800, "GAN, as trained")
guess.compare(0 if ratio < 3 else 1 if ratio < 50 else 2, f"{ratio:.0f} times.")
claims.add("theorem", theorem, below=1e-9, exact=True, text="Arjovsky & Bottou's theorem, largest difference")
claims.note("ratio", ratio, unit="times")
claims.note("in_batch", 1 - (1 - 1 / 800) ** 128, unit="%")
claims.note("dropped_price", prices(with_share(1e-9))["KL(g‖p) − 2 JS"].item(), unit="nats")
minimax = found["GAN, minimax"]
peaked = min(shares[trained.index(max(trained))], shares[minimax.index(max(minimax))])
pulled = {"VAE": (shares, found["likelihood"]), "GAN": (shares, trained), "minimax": (shares, minimax)}
labels = "share of one mode that has 1/8 of the data", "pull at its logit (nats)"
fig = plots.line_plot(pulled, *labels, log_x=True, log_y=True, points={"": ([], [])})
fig.axes[0].get_legend().remove()
fig.axes[0].text(2e-6, 0.05, "likelihood, as of a VAE")
fig.axes[0].text(4e-4, 5e-5, "GAN, as trained")
fig.axes[0].text(2e-5, 1e-3, "GAN, minimax", ha="center")
show(
    fig,
    alt="Pull at a rare mode against the share that the model gives it, both logarithmic. Below a share of 0.01 the likelihood's stays near one eighth, the trained loss's falls in proportion to the share and the minimax loss's almost so. The minimax loss's lies above the trained one's. Towards the fair share all three drop steeply.",
    title=f"Below a share of {peaked:.2f}: the rarer a mode, the less a GAN pulls at it",
)
# %% [markdown]
# The likelihood pulls with $p_k - g_k$: the data points of that mode are there, whatever the model draws. A GAN averages over its *own* samples: the trained loss pulls with $g_k(\log D_k - \sum_j g_j \log D_j)$, where $D = p/(p+g)$. Nobody complains about a sample that was never drawn.
# At a share of 1/800 the likelihood pulls {{ratio}} as hard.
#
# **Is that why section 2 loses modes?** It is half an explanation. A weak pull says why a lost mode stays away, not why it left. Nor does it prove a slow return: Adam rescales slopes. But there must be a slope, and in a batch of 128 a mode of 1/800 has a sample in only {{in_batch}} of the updates.
#
# **And the smear?** A likelihood pays a finite price for samples between the modes, and an infinite one for a lost mode. A continuous decoder alone is not the reason: the GAN's crosses the gaps too, and {{plain_good.value}} of its samples are good.
#
# ## 4 Is it the KL term that makes a VAE cover?
#
# The folklore: the KL term spreads the codes, so it enforces diversity. Then a VAE without it should collapse. Test this on digits, with the KL's weight β at 0 (no KL term), 1 and 10.
#
# Counting needs modes. We take 100 **kinds** of digits: clusters of the features (last hidden layer) of the course's classifier. A sample is good if the classifier is more than 90 % sure of its digit; *effective kinds* are section 1's effective number, over good samples. A second judge is the *Fréchet distance* (chapter 07) of 2,000 pictures from held-out digits: small when the features of both have like means and covariances.
#
# Who judges the judges? A fake: two digits laid over each other.
# %% tags=["hide-input"]
from sklearn.cluster import KMeans

from vae_course import VAE, load_one_model, seed_of
from vae_course.evaluation import frechet_distance, mode_coverage

DATASET = "digits" if OFFLINE else "mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(EXAMPLES, len(train)), seed=0)
x, real, judge = train.floats(), held_out.floats(), load_classifier(DATASET)
clusters = KMeans(100, n_init=1, random_state=seed_of(0)).fit(judge.features(x[:10000]).numpy())
KINDS, AIM = torch.from_numpy(clusters.cluster_centers_), judge.features(real)


# Share of good pictures, effective kinds among (up to) 1,000 of them, and the Fréchet distance.
def judged(pictures):
    features, good = judge.features(pictures), judge.probabilities(pictures).amax(1) > 0.9
    kind = torch.cdist(features[good][:1000], KINDS).argmin(1)
    effective = mode_coverage(kind, kind >= 0, 100).effective if good.any() else 0.0
    return good.float().mean().item(), effective, frechet_distance(features, AIM)


_, real_kinds, _ = judged(real)
real_far = judged(load(DATASET, "test").floats()[:2000])[2]  # held-out digits are the aim itself
overlays = judged(torch.maximum(real[:2000], real[:2000].roll(1, 0)))
claims.note("real_kinds", real_kinds)
claims.note("digits_far", real_far)
claims.note("overlay_good", overlays[0], unit="%")
claims.note("overlay_far", overlays[2])
# %% [markdown]
# Neither judge is enough alone. The first passes {{overlay_good.value}} of these overlays. The second puts them at {{overlay_far}}, real test digits at {{digits_far}}; near and below that it says little.
#
# Without a KL term nothing ties the codes to $\mathcal N(0, I)$, so it would be unfair to draw from there. Draw from where the codes are: fit a mixture of 50 Gaussians to the codes of training digits, a **fitted prior**.
# As a control, fit the same mixture without any VAE: to the digits' 100 leading principal components, which are nearly the pixels.
# %%
question = f"The real digits make {real_kinds:.0f} effective kinds. How many does a VAE with β = 0 make, from the fitted prior?"
guess = predict(question, ["less than 10", "about half of them", "nearly as many"])
# %%
import warnings

from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

warnings.simplefilter("ignore")  # a fit that stops short of convergence is good enough


# 2,000 draws from a mixture of Gaussians fitted to (up to) 5,000 codes.
def drawn_like(codes, seed):
    mixture = GaussianMixture(COMPONENTS, tol=0.01, reg_covar=1e-3, random_state=seed_of(seed))
    z = torch.from_numpy(mixture.fit(codes[:5000].double().numpy()).sample(2000)[0]).float()
    return z[torch.randperm(2000, generator=seeded(seed))]  # they come sorted by component


# 2,000 pictures from a prior fitted to the model's codes of training digits.
def from_fitted(model, seed):
    with torch.no_grad():
        codes = [model.encode(part).sample(generator=seeded(seed)) for part in x[:5000].split(1000)]
        return model.decode(drawn_like(torch.cat(codes), seed)).sigmoid()


# %%
def train_vae(beta, seed):
    """A VAE of digits, and the share by which its held-out loss fell in the last pass."""
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=20, hidden_dims=(256,))
    settings = dict(epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=4e-3, beta=beta, seed=seed)
    history = fit(model, train, held_out, progress=False, **settings)
    ends = [record["validation"] for record in history.records[-2:]]
    before, end = (terms["reconstruction"] + beta * terms["kl"] for terms in ends)
    return model, (before - end) / end


models, falls = {}, []
for beta in (0, 1, 10):
    runs = [train_vae(beta, seed) for seed in range(DIGIT_SEEDS)]
    models[f"β = {beta}"] = [model for model, _ in runs]
    falls += [fall for _, fall in runs]
models["larger VAE"] = [load_one_model(DATASET).at(beta=1.0, k=20)] * DIGIT_SEEDS
claims.note("fell", max(falls), unit="%")
# %%
quality, number, far, ten = {}, {}, {}, {}


# Judge one set of pictures for each seed, and keep ten pictures of the first.
def judge_all(name, sets):
    found = torch.tensor([judged(pictures) for pictures in sets], dtype=torch.float64)
    good, effective, distances = found.unbind(1)
    quality[name] = Runs(good, least=0, most=1)
    number[name] = Runs(effective, least=0, most=100)
    far[name] = Runs(distances, least=0)
    ten[name] = sets[0][:10]


for name, those in models.items():
    judge_all(f"{name}, N(0, I)", [model.sample(2000, seeded(20 + s)) for s, model in enumerate(those)])
    judge_all(f"{name}, fitted prior", [from_fitted(model, s) for s, model in enumerate(those)])
pca = PCA(40 if OFFLINE else 100, random_state=seed_of(0)).fit(x.flatten(1).numpy())
linear, sets = torch.from_numpy(pca.transform(x.flatten(1).numpy())), []
for seed in range(DIGIT_SEEDS):
    made = torch.from_numpy(pca.inverse_transform(drawn_like(linear, seed).numpy()))
    sets.append(made.clamp(0, 1).view(-1, *train.shape))
judge_all("mixture without VAE", sets)
# %% tags=["hide-input"]
GREY, BLUE = plots.style.GREY, plots.style.BLUE
kinds = {name: runs for name, runs in number.items() if name.startswith("β")}
free, ready = number["β = 0, fitted prior"].mean, number["β = 0, N(0, I)"].mean
fig = plots.interval_dots(
    {"effective kinds": kinds}, {"effective kinds": real_kinds}, colors=3 * [GREY, BLUE]
)
for dot in fig.axes[0].lines[1::2]:
    dot.set_marker("o")
show(
    fig,
    alt="Effective number of kinds, dots with intervals, for VAEs with three weights β of the KL term, each from N(0, I) in gray and from the fitted prior in blue; a dotted line for real digits. From the fitted prior the VAE makes about as many kinds as real digits with β = 0 and β = 1, and few with β = 10; from N(0, I) it makes very few with β = 0.",
    title=f"Without KL term (β = 0) a fitted prior still makes {free:.0f} kinds; N(0, I) makes {ready:.0f}",
)
# %%
no_kl, usual = number["β = 0, fitted prior"], number["β = 1, fitted prior"]
covered, without = no_kl / real_kinds, no_kl - usual
guess.compare(0 if covered.mean < 0.2 else 1 if covered.mean < 0.75 else 2, f"{no_kl}.")
bought = number["β = 1, N(0, I)"] - number["β = 0, N(0, I)"]
claims.add("no_kl", covered, above=0.75, unit="%", text="No KL, fitted prior: kinds, of real digits'")
claims.add("without", without, above=-8, text="Kinds, fitted prior: no KL minus β = 1")
claims.add("kl_buys", bought, above=5, text="Kinds, N(0, I): β = 1 minus no KL")
ready, mended, raw = "larger VAE, N(0, I)", "larger VAE, fitted prior", "mixture without VAE"
nearer, ahead = far[mended] / far[ready], far["β = 1, fitted prior"] / far[raw]
claims.add("mended", nearer, below=1, unit="times", text="Fréchet, larger VAE: fitted over N(0, I)")
claims.add("over_raw", ahead, below=1, unit="times", text="Fréchet: short VAE, fitted, over mixture")
claims.note("free_kinds", number["β = 0, N(0, I)"])
claims.note("usual_kinds", number["β = 1, N(0, I)"])
claims.note("free_fitted_kinds", no_kl)
claims.note("strong_fitted_kinds", number["β = 10, fitted prior"])
claims.note("mended_kinds", usual - number["β = 1, N(0, I)"])
claims.note("free_fitted_far", far["β = 0, fitted prior"])
claims.note("usual_fitted_far", far["β = 1, fitted prior"])
claims.note("ready_far", far[ready])
claims.note("ready_fitted_far", far[mended])
claims.note("raw_kinds", number[raw])
claims.note("raw_far", far[raw])
# %% tags=["hide-input"]
rows = {"real": real[:10]}
for name in ("β = 0, N(0, I)", "β = 0, fitted prior", ready, mended, raw):
    rows[f"{name}:\n{quality[name].mean:.0%} good, Fréchet {far[name].mean:.0f}"] = ten[name]
show(
    plots.image_grid(torch.cat(list(rows.values())), 6, 10, row_titles=list(rows)),
    alt=f"Six rows of ten digits: real ones; a VAE's without KL term from N(0, I), shapes of which few are digits; the same VAE's from the fitted prior, most of them digits; a larger VAE's from N(0, I) and from a fitted prior, most of which can be read; and those of a mixture on principal components, gray and smeared, of which the first judge still passes {quality[raw].mean:.0%}.",
    title=f"The first judge passes {quality[raw].mean:.0%} of the smears in the last row",
)
# %% [markdown]
# **Without the KL term, coverage stays.** From the fitted prior the VAE with β = 0 makes {{free_fitted_kinds}} effective kinds, against β = 1 a difference of {{without}}, not a clear one. The Fréchet distances, {{free_fitted_far.value}} and {{usual_fitted_far.value}}, are near real digits'. (Those make {{real_kinds.number}}; their shares are uneven, so more is possible.) Much KL costs coverage: with β = 10 there are {{strong_fitted_kinds.value}} kinds.
#
# **What the KL term buys** is that $\mathcal N(0, I)$ lies near the codes. From there the VAE makes {{free_kinds.value}} kinds with β = 0, {{usual_kinds.value}} with β = 1.
#
# **The VAE's own remedy** is therefore a prior that is fitted, or learned (chapter 11). With β = 1 it adds {{mended_kinds}} kinds. For a larger VAE, trained much longer (chapter 04's), the Fréchet distance falls from {{ready_far.value}} to {{ready_fitted_far}}, about that of real test digits. (One model; intervals over draws and fits.)
#
# **The control.** Without any VAE the mixture makes {{raw_kinds.value}} kinds, a good deal, but smeared. Its pictures lie at a Fréchet distance of {{raw_far.value}}, the VAE's with β = 1 and fitted prior at {{usual_fitted_far.value}}. (The VAEs' curves are flat: in the last pass their held-out losses fell by at most {{fell}}.)
#
# ## 5 What helps a GAN?
#
# Two troubles, two remedies. Nobody sees what is missing (section 3), and what was found gets lost again (section 2).
#
# - **Packing** (PacGAN, Lin et al. 2018): let the discriminator judge *two* samples at once. If modes are missing, the two resemble each other too often, and that it can see.
# - **R1**: add $\tfrac\gamma2\,\mathbb E_x \lVert\nabla_x s(x)\rVert^2$, over real points, to the discriminator's loss. In words: the discriminator pays for a score that is steep at the data. Where the score is flat, a generator that has arrived is not driven away (Mescheder et al. 2018 prove it near the goal).
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
gans["packed GAN"] = train_gan(player_losses, packed=True)
gans["GAN with R1"] = train_gan(player_losses, penalty=slope_penalty)
hit, modes, good = {}, {}, {}
for name, moments in gans.items():
    found = over_time(moments)
    hit[name], modes[name], good[name] = late(found[0], 8), late(found[1], 8.01), late(found[2], 1)
full = {name: sum(value > 7.9 for value in runs.values) for name, runs in hit.items()}
packed = modes["packed GAN"] - modes["plain GAN"]
r1 = modes["GAN with R1"] - modes["plain GAN"]
apart = packed - r1
guess.compare(0 if apart.low > 0 else 1 if apart.high < 0 else 2, f"packing {packed}, R1 {r1}.")
panels = {"modes hit, of 8": hit | {"VAE": vae_found[0]}, "quality": good | {"VAE": vae_found[2]}}
show(
    plots.interval_dots(panels, colors=3 * [plots.style.ORANGE] + [BLUE]),
    alt=f"Dots with intervals for the plain GAN, the packed GAN, the GAN with R1 and the VAE. Modes hit: fewest for the plain GAN, most for the VAE and the remedies. Quality: that of the VAE is {vae_found[2].mean:.2f}, that of the GANs {min(runs.mean for runs in good.values()):.2f} or more.",
    title="All modes hit, of {} seeds: {} plain, {} packed, {} with R1".format(N_SEEDS, *full.values()),
)
# %% tags=["hide-input"]
packed_more, r1_more = (full[name] - full["plain GAN"] for name in ("packed GAN", "GAN with R1"))
claims.add("packed_whole", packed_more, above=0, text="Seeds that hit all modes: packed minus plain GAN")
claims.add("r1_whole", r1_more, above=0, text="Seeds that hit all modes: R1 minus plain GAN")
claims.note("packed_gain", packed)
claims.note("r1_gain", r1)
for name, key in {"plain": "plain GAN", "packed": "packed GAN", "r1": "GAN with R1"}.items():
    claims.note(f"{name}_full", full[key])
    claims.note(f"{name}_good", good[key], unit="%")
# %% [markdown]
# All modes are hit in {{packed_full}} of 8 packed GANs, in {{r1_full}} with R1, and in {{plain_full}} plain ones. In effective modes packing gains {{packed_gain}}, R1 {{r1_gain}}. Both intervals begin only just above zero: some plain GANs lose little, others much. The quality is {{packed_good.value}} and {{r1_good.value}}, against {{plain_good.value}}.
# We tuned neither γ = 0.1 nor the pack size. Both act from the first update: whether they would mend a loss is not tested.
#
# ## Play
#
# Walk through the training of the three GANs. Does a mode once lost return? Seeds are sorted: at 0 the plain GAN misses most.
# %%
from vae_course.widgets import Watched, explore_training

ranked = sorted(range(N_SEEDS), key=lambda s: hits.values[s])

alt = "Three rows of six panels, for the plain GAN, the packed one and the one with R1: samples over the ring, of the seed whose plain GAN misses most, from before the training on the left to its end on the right."
watched = {}
for name, seen in gans.items():
    watched[name] = Watched(tuple(seen), torch.stack(list(seen.values()))[:, :, ranked])
explorer = explore_training(watched, RING, alt=alt)
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
# - "GANs collapse": {{fallen}} of our 8, at one learning rate, miss something. With packing {{packed_full}} hit all, with R1 {{r1_full}}. A GAN pulls less at a mode, the rarer it is; what Adam and small batches make of that stays open.
# - "VAEs cover everything": on the ring they do, with a smear. "It is the KL term": on our digits it is not; without it, samples from a fitted prior still cover. That term brings the codes to $\mathcal N(0, I)$, where you draw.
# - A prior fitted to the codes mends a VAE's samples: the larger VAE's Fréchet distance falls from {{ready_far.value}} to {{ready_fitted_far.value}}.
#
# **Dig deeper**: pack three or four samples, or train with Adam's default β₁ = 0.9 and see whether the GAN comes to rest.
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

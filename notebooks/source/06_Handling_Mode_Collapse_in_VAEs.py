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
# "GANs collapse, VAEs cover everything, and it is the KL term that keeps them diverse." Three claims in one sentence. In this chapter you write the rule that counts, and count: a GAN
# and a VAE with the same decoder, a VAE without its KL term, and three remedies.
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
from vae_course.teaching import (
    Claims,
    check,
    check_parameters,
    complete,
    hint,
    predict,
    results_table,
    show,
    solution,
)

least = dict(N_SEEDS=3, STEPS=400, EXAMPLES=1000, EPOCHS=4, BATCH_SIZE=1, COMPONENTS=1, DIGIT_SEEDS=2)
parameters = check_parameters(globals(), OFFLINE=False, **least)
claims = Claims("06_Handling_Mode_Collapse_in_VAEs", parameters)
RING = ring_mixture(std=0.05)  # 8 Gaussians on a circle of radius 2
N = 2500  # samples that are counted


# %% tags=["hide-input"]
def four_samples(seed):
    """N points each: all modes alike, falling shares, three modes gone, and all modes alike but blurred."""
    points, mode = RING.sample(3 * N, seed=seed)
    share = 0.7 ** torch.arange(8)
    kept = torch.rand(3 * N, generator=seeded(seed)) < share[mode]
    blur = 0.37 * torch.randn(N, 2, generator=seeded(seed + 1))
    kinds = points, points[kept], points[mode < 5], points[:N] + blur
    return dict(zip(("even", "uneven", "dropped", "blurred"), (some[:N] for some in kinds), strict=True))


show(
    plots.point_clouds(four_samples(1), RING),
    alt="Four panels of points around eight circles on a ring. Even: dots in all circles. Uneven: dots in all, few in some. Dropped: three circles are empty. Blurred: a wide smear over the ring, mostly crosses, some dots in every circle.",
    title="Dropped has lost modes, blurred has lost focus: two faults, two numbers",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **count** coverage and quality apart;
# 2. **write** a GAN's losses, discriminator and update, and read when the game has come to rest;
# 3. **derive** how hard a likelihood and a GAN pull at a missing mode;
# 4. **decide** by experiment whether the KL term makes a VAE cover;
# 5. **mend** a VAE by a fitted prior, and a GAN by packing or R1.
#
# You need chapter 02's VAE and chapter 04's posterior collapse. Three functions and three numbers are left for you; the chapter goes on with the reference where a function is not right yet. Numbers in the text are those of the full run,
# with 95 % t-intervals over seeds.
#
# ## 1 When is a mode covered?
#
# A **mode** is a place where data are dense. In the picture there are eight, round Gaussians with standard deviation 0.05. A sample is **good** when it lies within three standard deviations of the nearest center.
#
# A rule in wide use says: a mode is hit if enough good samples lie on it, where "enough" is a part of its fair share of *all* samples, say a tenth.
# %%
guess = predict(
    "The blurred sample serves all modes alike, but only 8 % of it is good. How many of 8 modes does that rule count?",
    ["all 8", "about 4", "0 to 2"],
)
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
# Test both rules on the four samples.
# %%
from vae_course.evaluation import point_coverage

CENTERS = RING.centers.float()


def usual_rule(points):
    """Modes with a tenth of their fair share of all points."""
    distance, mode = torch.cdist(points, CENTERS).min(1)
    return int((torch.bincount(mode[distance <= 3 * RING.std], minlength=8) >= len(points) / 80).sum())


def counted(clouds):
    """The three numbers of several samples, as Runs."""
    found = zip(*(count_apart(points, CENTERS, RING.std) for points in clouds), strict=True)
    return [Runs(values, least=0, most=most) for values, most in zip(found, (8, 8.01, 1), strict=True)]


draws = [four_samples(seed) for seed in range(10, 20)]
usual = {name: Runs((usual_rule(draw[name]) for draw in draws), least=0, most=8) for name in draws[0]}
ours = {name: counted(draw[name] for draw in draws) for name in draws[0]}
names = ("hit", "effective modes", "quality")
results_table(
    [
        {"sample": name, "usual rule": usual[name], **dict(zip(names, ours[name], strict=True))}
        for name in ours
    ],
    caption="The usual rule and ours, of 8 modes: mean and interval over ten draws",
)
# %%
blurred, hit = usual["blurred"], ours["blurred"][0]
guess.compare(2 if blurred.mean < 2.5 else 0 if blurred.mean > 6 else 1, f"{blurred} modes.")
package = point_coverage(draws[0]["blurred"], RING)
mine = count_apart(draws[0]["blurred"], CENTERS, RING.std)
theirs = package.hit, package.effective, package.high_quality
off = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
claims.add("same_count", off, below=1e-4, exact=True, text="Your three numbers off the package's")
claims.add("rules_apart", hit - blurred, above=4, text="Blurred: modes hit, our rule minus the usual one")
claims.note("blurred_usual", blurred)
claims.note("blurred_hit", hit)
claims.note("blurred_quality", ours["blurred"][2], unit="%")
claims.note("uneven_effective", ours["uneven"][1])
# %% [markdown]
# A sample that serves all modes alike hits {{blurred_usual}} of 8 modes by the usual rule and {{blurred_hit.value}} by yours. Its fault stands where it belongs, in the quality: {{blurred_quality}}. Uneven shares lose no mode, but the
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
# **Your turn (06.3).** Return both losses as scalars. The discriminator's must not reach the generator.


# %%
def player_losses(
    generator: nn.Module, discriminator: nn.Module, real: torch.Tensor, z: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """real: (n, 2); z: (n, k). Returns the discriminator's and the generator's loss, both scalars."""
    ...


# hint("06.3")  # remove the first # for a hint, again for the next one
player_losses = complete("06.3", player_losses)
solution("06.3")

from vae_course.training import adversarial

game = nn.Identity(), nn.Flatten(0)  # a "discriminator" that hands on the numbers it is given, as scores
scores = torch.randn(2, 500, 1, generator=seeded("scores"))
package = adversarial.discriminator_loss(*scores), adversarial.generator_loss(scores[1])
pairs = zip(player_losses(*game, *scores), package, strict=True)
off = max(abs(a - b).item() for a, b in pairs)
claims.add("same_losses", off, below=1e-5, exact=True, text="Your two losses off the package's")
# %% [markdown]
# Section 5 needs a penalty on the discriminator's slope at real points, $\mathbb E_x \lVert\nabla_x s(x)\rVert^2$, called **R1** (Mescheder et al. 2018). In words: a score that is steep where data are costs something.
#
# **Your turn (06.4).** Return it as a scalar that an optimizer can minimize.


# %%
def slope_penalty(discriminator: nn.Module, real: torch.Tensor) -> torch.Tensor:
    """real: (n, 2). Returns the mean squared norm of the score's slope at the points, a scalar."""
    ...


# hint("06.4")  # remove the first # for a hint, again for the next one
slope_penalty = complete("06.4", slope_penalty)
solution("06.4")
# %% [markdown]
# Networks and update: all seeds train side by side: `SideBySide` holds a network for each, and a batch has the rows (example, seed).
# `packed` is for section 5.


# %%
from vae_course.models import PointVAE, SideBySide


class Generator(nn.Module):
    """Noise (batch · seeds, 2) → points (batch · seeds, 2)."""

    def __init__(self):
        super().__init__()
        self.layers = SideBySide(N_SEEDS, (2, 64, 64, 2))

    def forward(self, z):
        return self.layers(z.unflatten(0, (-1, N_SEEDS))).flatten(0, 1)


class Discriminator(nn.Module):
    """Points (batch · seeds, 2) → scores (batch · seeds,), positive for real; packed, it sees two at once."""

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
    generator, discriminator = players = Generator(), Discriminator(packed)
    optimizers = [torch.optim.Adam(p.parameters(), 1e-3, (0.5, 0.999), fused=True) for p in players]
    draws, moments, right = seeded("game"), {}, []
    for step in range(STEPS + 1):
        real = data[torch.randint(len(data), (128,), generator=draws)].flatten(0, 1)
        z = torch.randn(real.shape, generator=draws)
        for turn in (0, 1):  # first the discriminator, then the generator
            loss = player_losses(generator, discriminator, real, z)[turn]
            if gamma and turn == 0:
                loss = loss + gamma / 2 * slope_penalty(discriminator, real)
            optimizers[1 - turn].zero_grad()
            loss.backward(inputs=list(players[1 - turn].parameters()))
            optimizers[1 - turn].step()
        if step % (STEPS // 40) == 0:
            with torch.no_grad():
                fake = generator(PROBE)
                right.append(
                    (discriminator(real) > 0).float().mean() + (discriminator(fake) < 0).float().mean()
                )
            moments[step] = fake.unflatten(0, (-1, N_SEEDS))
    return moments, torch.stack(right[-8:]).mean() / 2


# %%
guess = predict(
    f"{N_SEEDS} GANs on the ring, until their hits stand still. All eight modes are there in ...",
    ["every one", "some", "none"],
)
gans = {"GAN": train_gan()}
# %%
from vae_course import PointData, fit

last = STEPS - STEPS // 5  # a game never settles: average over the last fifth
numbers = {}


def over_time(name):
    """Hits, effective modes and quality of each seed at every moment: (moments, seeds, 3)."""
    clouds = [points.unbind(1) for points in gans[name][0].values()]
    numbers[name] = torch.tensor([[count_apart(c, CENTERS, RING.std) for c in row] for row in clouds])


def late(name, which, start=last, end=STEPS):
    """One of the three numbers, averaged from one step to another, for every seed."""
    some = [start <= step <= end for step in steps]
    return Runs(numbers[name][some, :, which].mean(0), least=0, most=(8, 8.01, 1)[which])


def moved(name, which=0):
    """By how much it differs in the last fifth from the fifth before."""
    return late(name, which) - late(name, which, 2 * last - STEPS, last)


seed_everything("networks")
vae = PointVAE(N_SEEDS, latent_dim=2, hidden_dims=(64, 64))
settings = dict(epochs=STEPS * 128 // 4000, batch_size=128, learning_rate=5e-3, kl_warmup=0.2)
fitted = fit(vae, PointData(data), eval_examples=1000, progress=False, **settings).curve("train")[1]
vae_points = vae.sample(N, seeded(2))
vae_found = counted(vae_points.unbind(1))
moments = gans["GAN"][0]
steps = list(moments)
over_time("GAN")
# %% tags=["hide-input"]
curves = {
    name: (steps[::2], [Runs(row, least=0, most=8.01) for row in numbers["GAN"][::2, :, which]])
    for which, name in enumerate(("modes hit", "effective modes"))
}
hits = late("GAN", 0)
show(
    plots.line_plot(curves, "update", "modes, of 8"),
    alt="Modes hit and effective modes of the GANs against the update, means with wide intervals over seeds. Both rise at first, the hits nearly to eight, then fall somewhat; the effective modes lie below and are level in the later half.",
    title=f"The GANs come to rest at {late('GAN', 1).mean:.1f} effective modes of 8, their hits at {hits.mean:.1f}",
)
claims.add("rest", moved("GAN", 1), between=(-0.5, 0.5), text="GAN, effective modes: last fifth minus before")
claims.add("missing", 8 - hits, above=0.1, text="GAN: modes missing at the end")
claims.add("vae_hits", vae_found[0], above=7.9, unit="of 8", text="VAE: modes hit")
whole = sum(value > 7.9 for value in hits.values)
guess.compare(0 if whole == N_SEEDS else 1 if whole else 2, f"{whole} of {N_SEEDS}, over the last fifth.")
claims.note("whole", whole)
claims.note("peak", numbers["GAN"][..., 0].mean(1).max())
claims.note("gan_quality", late("GAN", 2), unit="%")
claims.note("right", gans["GAN"][1], unit="%")
claims.note("vae_quality", vae_found[2], unit="%")
claims.note("vae_flat", (fitted[-1 - len(fitted) // 5] - fitted[-1]) / N_SEEDS, unit="nats")
# %% tags=["hide-input"]
order = sorted(range(N_SEEDS), key=lambda s: hits.values[s])[:4]  # the four that miss most
panels = {f"VAE, seed {s}": vae_points[:, s] for s in order}
panels |= {f"GAN, seed {s}": moments[steps[-1]][:, s] for s in order}
show(
    plots.point_clouds(panels, RING, columns=len(order)),
    alt="Samples on the ring for four seeds, VAEs above, GANs below. The VAEs' dots lie in all eight circles, with crosses between neighbors. The GANs' dots lie tightly in their circles, and in some panels a circle stays empty.",
    title="One decoder, trained by a likelihood (above) and by a game (below)",
)
# %% [markdown]
# {{whole}} of the GANs end with all modes; on average {{missing}} of 8 are missing (the picture shows the worst four seeds). While the samples were still a smear, the hits had been {{peak}}; they fell as the samples got tidy ({{gan_quality}} are good). In effective modes the game has come to rest: between the
# last fifth and the one before they moved by {{rest}}, the hits by {{plain_moved}}. The discriminators do not run away: they are right in {{right}} of the cases.
#
# The VAEs have the same decoder and as many updates. They hit {{vae_hits}}. But only {{vae_quality}} of their samples are good, as the crosses between the modes show. One covers and smears, the other is tidy and leaves out. Why?
# (In the last fifth of its training the VAE's −ELBO still fell by {{vae_flat}}.)
#
# ## 3 Who pulls at a missing mode?
#
# Take eight equal modes with shares $p_k$ in the data and $g_k$ in the model, and forget geometry. Three prices for a missing mode:
#
# - a **likelihood** pays $\mathrm{KL}(p\|g)$: it is asked for every data point;
# - the **minimax** game with a perfect discriminator pays the **Jensen–Shannon** divergence, $\tfrac12\mathrm{KL}(p\|m) + \tfrac12\mathrm{KL}(g\|m)$ with $m = \tfrac12(p+g)$ (Goodfellow et al. 2014);
# - the **non-saturating** loss, which you wrote and everybody trains, then follows the slope of $\mathrm{KL}(g\|p) - 2\,\mathrm{JS}$ (Arjovsky & Bottou 2017, theorem 2.5).
#
# **Your turn (06.2).** Three numbers in nats. `forward`: $\mathrm{KL}(p\|g)$ when the model gives one of eight modes 1/80 and the others equal shares. `dropped`: $\mathrm{KL}(g\|p)$ when it never visits one. `js`: Jensen–Shannon for the same.
# %%
answer_06_2 = {"forward": ..., "dropped": ..., "js": ...}

check("06.2", answer_06_2)
# hint("06.2")  # remove the first # for a hint, again for the next one
solution("06.2")
# %% [markdown]
# So the price of losing one mode of eight is infinite for the likelihood and {{dropped_price}} for the loss that is trained. A price is not yet a force. Let the shares be $g = \operatorname{softmax}(a)$, and ask how hard each loss pulls up the logit $a_k$ of a rare mode.
# %%
guess = predict(
    "One mode gets 1/800 instead of 1/8. How many times harder does the likelihood pull at it than the trained GAN?",
    ["about as hard", "about 10 times", "more than 100 times"],
)


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
    return {name: -slope(loss) for name, loss in losses.items()}, losses["KL(g‖p) − 2 JS"].item()


# %%
shares = torch.logspace(-6, math.log10(1 / 9), 60).tolist()
found = [pulls(share)[0] for share in shares]
theorem = max(abs(pull["GAN, as trained"] - pull["KL(g‖p) − 2 JS"]) for pull in found)
rare, price = pulls(1 / 800)[0], pulls(1e-9)[1]
ratio = rare["likelihood"] / rare["GAN, as trained"]
guess.compare(0 if ratio < 3 else 1 if ratio < 50 else 2, f"{ratio:.0f} times.")
claims.add("theorem", theorem, below=1e-9, exact=True, text="Arjovsky & Bottou's theorem, largest difference")
claims.note("ratio", ratio, unit="times")
claims.note("dropped_price", price, unit="nats")
claims.note("minimax_ratio", rare["likelihood"] / rare["GAN, minimax"], unit="times")
# %% tags=["hide-input"]
show(
    plots.line_plot(
        {name: (shares, [pull[name] for pull in found]) for name in list(rare)[:3]},
        "share of one mode that has 1/8 of the data",
        "pull at its logit (nats)",
        log_x=True,
        log_y=True,
        points={"": ([], [])},
    ),
    alt="Pull at a rare mode against the share that the model gives it, both logarithmic. The likelihood's is level at one eighth however rare the mode is; those of both GAN losses fall in proportion to the share.",
    title="The rarer a mode, the less a GAN pulls at it; a likelihood does not let go",
)
# %% [markdown]
# The likelihood pulls with $p_k - g_k$: the data points of that mode are there, whatever the model draws. A GAN's loss is an average over its *own* samples, so its pull carries the factor $g_k$, and nobody complains about a sample that was never drawn.
# At a share of 1/800 the likelihood pulls {{ratio}} as hard as the trained loss ({{minimax_ratio.value}} as hard as the minimax one).
#
# This is not the whole story. In the plane the score slopes towards a missing mode, and neighbors can slide over. And the players move in turns, so one chases the other (*unrolled* GANs let the generator look some moves ahead, Metz et al. 2017).
#
# ## 4 Is it the KL term that makes a VAE cover?
#
# The folklore: the KL term spreads the codes, so it enforces diversity. Then without it, a VAE should collapse. Test it on digits (784 pixels, 20 numbers of code) at three weights β.
#
# The rule of section 1 needs modes. Take 100 **kinds** of digits: clusters of the features of the course's classifier on training digits. A sample is good if the classifier is above 90 % sure of its digit. Who judges the judge? On pure noise it is
# sure in {{judge_noise.value}} of the cases, but finds only {{judge_noise_kinds.number}} effective kinds. Read both numbers together.
# %% tags=["hide-input"]
from sklearn.cluster import KMeans

from vae_course import VAE, load_one_model, seed_of
from vae_course.evaluation import mode_coverage

DATASET = "digits" if OFFLINE else "mnist"
train, held_out = load(DATASET, "train"), load(DATASET, "validation")
train = train.subset(min(EXAMPLES, len(train)), seed=0)
x, judge = train.floats(), load_classifier(DATASET)
found = KMeans(100, n_init=1, random_state=seed_of(0)).fit(judge.features(x[:10000]).numpy())
kinds = torch.from_numpy(found.cluster_centers_)


def judged(pictures):
    """Share of good pictures, and the effective number of kinds among (up to) 1,000 of them."""
    good = judge.probabilities(pictures).amax(1) > 0.9
    if not good.any():
        return 0.0, 0.0
    kind = torch.cdist(judge.features(pictures[good][:1000]), kinds).argmin(1)
    return good.float().mean().item(), mode_coverage(kind, kind >= 0, 100).effective


real = judged(held_out.floats())
noise = judged(torch.rand(2000, *train.shape, generator=seeded("noise")))
claims.note("judge_noise", noise[0], unit="%")
claims.note("judge_noise_kinds", noise[1])
# %% [markdown]
# Without a KL term nothing tied the codes to $\mathcal N(0, I)$, so draws from there are unfair. Draw from where the codes are: fit a mixture of 50 Gaussians to the codes of training digits, a **fitted prior**.
#
# A control: does the mixture cover by itself? Fit the same to the data: to their 20 leading principal components, a linear code of the same size, and to the 100 leading ones, nearly the raw pixels.
# %%
guess = predict(
    f"The real digits make {real[1]:.0f} effective kinds. How many does a VAE without KL term make, from the fitted prior?",
    ["less than 10", "about half of them", "nearly as many"],
)
# %%
import warnings

from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

warnings.simplefilter("ignore")  # a fit that stops short of convergence is good enough


def drawn_like(codes, seed, components=COMPONENTS):
    """2,000 draws from a mixture of Gaussians fitted to (up to) 5,000 codes."""
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
curves = {name: (range(1, EPOCHS + 1), models[0][2][1:]) for name, models in runs.items()}
ready = load_one_model(DATASET).at(beta=1.0, k=20)
runs["β = 1, longer"] = [(ready, codes_of(ready, seed)) for seed in range(DIGIT_SEEDS)]
# %%
labels, pictures = {}, {}


def decode(model, z):
    return torch.sigmoid(model.decode(z)).detach()


for id, (name, models) in zip(("free", "usual", "strong", "ready"), runs.items(), strict=True):
    labels |= {id: f"VAE, {name}, z from N(0, I)", f"{id}_fitted": f"VAE, {name}, fitted prior"}
    pictures[id] = [m.sample(2000, seeded(20 + s)) for s, (m, *_) in enumerate(models)]
    pictures[f"{id}_fitted"] = [decode(m, drawn_like(z, s)) for s, (m, z, *_) in enumerate(models)]
flat = x.flatten(1).numpy()
for id, size in {"linear": 20, "raw": 40 if OFFLINE else 100}.items():
    labels[id] = f"mixture on {size} components"
    pca = PCA(size, random_state=0).fit(flat)
    codes = torch.from_numpy(pca.transform(flat))
    made = [pca.inverse_transform(drawn_like(codes, s).numpy()) for s in range(DIGIT_SEEDS)]
    pictures[id] = [torch.from_numpy(rows).clamp(0, 1).view(-1, *train.shape) for rows in made]
found = {id: list(zip(*map(judged, made), strict=True)) for id, made in pictures.items()}
quality = {id: Runs(values[0], least=0, most=1) for id, values in found.items()}
number = {id: Runs(values[1], least=0, most=100) for id, values in found.items()}
# %% tags=["hide-input"]
panels = {"quality": quality, "effective kinds": number}
panels = {name: {labels[id]: runs for id, runs in those.items()} for name, those in panels.items()}
kinds_made = [number[id].mean for id in ("free_fitted", "strong_fitted")]
show(
    plots.interval_dots(panels, dict(zip(panels, real, strict=True))),
    alt="Quality and effective number of kinds, dots with intervals, for four VAEs from two priors and for two mixtures on the data; a dotted line for real digits. Without KL term the VAE makes very few kinds from N(0, I), and about as many as real digits from the fitted prior. With the large weight it makes far fewer from either.",
    title=f"Fitted prior: {kinds_made[0]:.0f} kinds without the KL term, {kinds_made[1]:.0f} with ten times of it; real digits: {real[1]:.0f}",
)
# %%
covered, better = number["free_fitted"] / real[1], quality["ready_fitted"] - quality["ready"]
guess.compare(0 if covered.mean < 0.2 else 1 if covered.mean < 0.75 else 2, f"{number['free_fitted']}.")
less, more = number["free_fitted"] - number["strong_fitted"], number["usual"] - number["free"]
kinds_more, over_raw = number["usual_fitted"] - number["usual"], quality["usual_fitted"] - quality["raw"]
claims.add("no_kl", covered, above=0.75, unit="%", text="No KL, fitted prior: kinds, of real digits'")
claims.add("strong_kl", less, above=5, text="Kinds, fitted prior: no KL minus β = 10")
claims.add("kl_buys", more, above=5, text="Kinds, N(0, I): β = 1 minus no KL")
claims.add("mended", better, above=0.05, unit="%", text="Quality, β = 1, longer: fitted minus N(0, I)")
claims.add("mended_kinds", kinds_more, above=0, text="Kinds, β = 1: fitted prior minus N(0, I)")
claims.add("over_raw", over_raw, above=0, unit="%", text="Quality: VAE minus mixture on 100 components")
single = [judged(decode(ready, drawn_like(z, s, 1)))[0] for s, (_, z) in enumerate(runs["β = 1, longer"])]
claims.note("one_gaussian", Runs(single, least=0, most=1) - quality["ready"], unit="%")
for id in labels:
    claims.note(f"{id}_kinds", number[id])
    claims.note(f"{id}_quality", quality[id], unit="%")
claims.note("told", Runs(kl for *_, kl in runs["β = 0"]), unit="nats")
claims.note("told_strong", Runs(kl for *_, kl in runs["β = 10"]), unit="nats")
# %% tags=["hide-input"]
rows = {"real": held_out.floats(), "VAE, z from N(0, I)": pictures["ready"][0]}
rows |= {"same VAE, fitted prior": pictures["ready_fitted"][0], "mixture, no VAE": pictures["linear"][0]}
show(
    plots.image_grid(torch.cat([made[:10] for made in rows.values()]), 4, 10, row_titles=list(rows)),
    alt="Four rows of ten digits: real ones; a VAE's from N(0, I), of which some are no digit; the same VAE's from a fitted prior, most of them readable; and those of a mixture on principal components, gray and smeared.",
    title=f"Same decoder, other noise: {quality['ready'].mean:.0%} good digits become {quality['ready_fitted'].mean:.0%}",
)
show(
    plots.line_plot(curves, "pass through the digits", "reconstruction + β KL (nats)"),
    alt="Held-out loss of three VAEs of digits against the pass. Each falls steeply at first and is nearly level at the end; the larger the weight of the KL term, the higher the curve.",
    title="Learning curves on held-out digits, seed 0",
)
# %% [markdown]
# **The KL term is not what covers.** Without it, and sampled fairly, the VAE makes {{free_fitted_kinds}} effective kinds, {{no_kl}} of what held-out digits make. Ten times the KL term leaves {{strong_fitted_kinds}}. It is the *reconstruction* that asks for every single picture, as section 3 says of a likelihood; the KL term
# alone is best served by a code that says nothing. At β = 10 the code still says {{told_strong.value}}. A code that falls silent is **posterior collapse**, chapter 04: a fault of the code, where mode collapse is a fault of the samples.
#
# **What the KL term buys** is that $\mathcal N(0, I)$ knows where the codes are. From there the VAE without KL makes only {{free_kinds}} kinds, although its code says {{told.value}}; the usual one makes {{usual_kinds}}.
#
# **The VAE's own remedy** is a prior that is fitted, or learned (chapter 11), after training: no weight of the VAE changes. It adds {{mended_kinds}} kinds at β = 1. Was that VAE only trained too little? A larger one, trained much longer (chapter 04's model for all β, at β = 1), gets from {{usual_quality.value}} to
# {{ready_quality.value}} by that, and by the fitted prior to {{ready_fitted_quality.value}}, {{mended}} of all samples more. (The small one reaches {{usual_fitted_quality.value}} with it.) Does the prior only correct the scale? One single fitted Gaussian does that, and changes the quality by {{one_gaussian}}. What remains is the shape: $\mathcal N(0, I)$ has mass where no code is.
#
# **The control.** The mixture on 20 principal components makes {{linear_kinds}} kinds and reaches a quality of {{linear_quality}}; on nearly raw data, {{raw_kinds}} and {{raw_quality}}. So a mixture, fitted by a likelihood too, covers a good deal by itself. The VAE at β = 1 makes {{usual_fitted_kinds}} kinds, and {{over_raw}} of its samples more are good than even the latter's.
#
# ## 5 What helps a GAN?
#
# Its trouble is that nobody sees what is missing. Two ways out:
#
# - **Packing** (PacGAN, Lin et al. 2018): let the discriminator judge *two* samples at once. Points from too few modes resemble each other too often, and that it can see. Minibatch statistics (Salimans et al. 2016; Karras et al. 2018) follow the same idea.
# - **R1**, your penalty: a discriminator that is flat at data leaves a generator alone that has arrived there, and does not send it around in circles (Mescheder et al. 2018 prove it near the goal). The gradient penalty of WGAN-GP (Gulrajani et al. 2017) also bounds the slope, for a critic that estimates a distance.
#
# One change at a time.
# %%
guess = predict(
    "Effective modes of 8, over the last fifth of the training. Which remedy gains more over the plain GAN?",
    ["packing", "R1", "these seeds do not decide between them"],
)
gans |= {"GAN, packed": train_gan(packed=True), "GAN, R1": train_gan(gamma=0.1)}
for name in list(gans)[1:]:
    over_time(name)
modes, good = ({name: late(name, which) for name in gans} for which in (1, 2))
packed, r1 = (modes[name] - modes["GAN"] for name in ("GAN, packed", "GAN, R1"))
duel = packed - r1
guess.compare(0 if duel.low > 0 else 1 if duel.high < 0 else 2, f"packing {packed}, R1 {r1}.")
panels = {"effective modes, of 8": modes | {"VAE": vae_found[1]}, "quality": good | {"VAE": vae_found[2]}}
show(
    plots.interval_dots(panels),
    alt="Dots with intervals for the plain GAN, the packed GAN, the GAN with R1 and the VAE. Effective modes: fewest for the plain GAN, close to eight for the others. Quality: the VAE's is the lowest or among the lowest.",
    title=f"Both remedies bring modes back: {modes['GAN'].mean:.1f} effective modes become {modes['GAN, packed'].mean:.1f} and {modes['GAN, R1'].mean:.1f}",
)
claims.add("packed", packed, above=0, text="Effective modes: packed minus plain GAN")
claims.add("r1", r1, above=0, text="Effective modes: GAN with R1 minus plain GAN")
for name, key in {"plain": "GAN", "packed": "GAN, packed", "r1": "GAN, R1"}.items():
    claims.note(f"{name}_good", good[key], unit="%")
    claims.note(f"{name}_moved", moved(key))
    claims.note(f"{name}_hits", late(key, 0))
# %% [markdown]
# The packed GANs hit {{packed_hits}} modes, those with R1 {{r1_hits}}, the plain ones {{plain_hits}}. In effective modes packing gains {{packed}}, R1 {{r1}}; the intervals are wide because some plain GANs lose little. Quality is no price: {{packed_good.value}} and {{r1_good.value}} are good, {{plain_good.value}} of the plain GANs'. The hits rest (last fifth minus the one before: {{packed_moved}}, {{r1_moved}}).
# Penalty weight (0.1) and pack size (2) were not tuned.
#
# ## Play
#
# Walk through the training of the three GANs. Does a mode once lost return?
# %%
from vae_course.widgets import Watched, explore_training

explorer = explore_training(
    {name: Watched(tuple(seen), torch.stack(list(seen.values()))) for name, (seen, _) in gans.items()},
    RING,
    alt="Three rows of six panels, for the plain GAN, the packed one and the one with R1: samples of seed 0 over the ring, from before the training on the left to its end on the right.",
)
# %% [markdown]
# ## Break it
#
# Make the data uneven: keep only a tenth of the points of one mode, and train the plain GAN, the packed GAN and the VAE again. **Before** you run it, write down what section 3 says about the pull at this mode, and who will still serve it.
#
# A good answer predicts all three with a reason; counts that mode's samples among the good ones, with an interval over seeds; says what `count_apart` must change when the fair shares are no longer equal; and checks that the training was long enough. Two of four is a start.
#
# ## What you can say now
#
# - Losing modes and losing focus are two faults. Count them apart, or every blur looks like a collapse.
# - A likelihood is asked for every data point, a GAN only for its own samples: at a mode that gets a hundredth of its share the likelihood pulls {{ratio}} as hard.
# - The KL term does not make a VAE cover; it makes $\mathcal N(0, I)$ a usable prior. A fitted prior does that better, and lifts the quality of the same decoder from {{ready_quality.value}} to {{ready_fitted_quality.value}}.
#
# **Dig deeper**: pack three or four samples, or train with Adam's default β₁ = 0.9 and watch the GAN wander.
#
# ## References
#
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NeurIPS 2014. Section 3 (the loss), section 4 (Jensen–Shannon).
# - M. Arjovsky, L. Bottou: *Towards Principled Methods for Training Generative Adversarial Networks*, ICLR 2017. Theorem 2.5.
# - L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein: *Unrolled Generative Adversarial Networks*, ICLR 2017 (also the ring).
# - L. Mescheder, A. Geiger, S. Nowozin: *Which Training Methods for GANs do actually Converge?*, ICML 2018 (R1).
# - Z. Lin, A. Khetan, G. Fanti, S. Oh: *PacGAN: The Power of Two Samples in Generative Adversarial Networks*, NeurIPS 2018.
# - T. Salimans et al.: *Improved Techniques for Training GANs*, NeurIPS 2016 (minibatch features). T. Karras, T. Aila, S. Laine, J. Lehtinen: *Progressive Growing of GANs*, ICLR 2018.
# - I. Gulrajani et al.: *Improved Training of Wasserstein GANs*, NeurIPS 2017 (WGAN-GP).
# - E. Richardson, Y. Weiss: *On GANs and GMMs*, NeurIPS 2018 (mixtures on pixels cover; counting by clusters).
# - P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020 (a prior fitted afterwards).
#
# Next: [07 · Limits of realism](07_Limitations_of_VAEs_in_Realism.ipynb)
# %% tags=["hide-input"]
claims.report()

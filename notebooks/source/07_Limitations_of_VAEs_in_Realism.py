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
# # 07 · Limits of realism
#
# <!-- badge -->
#
# <!-- minutes -->
#
# "VAE pictures are blurry" is the most quoted sentence about VAEs. Here you find out what exactly is blurred, and by what: first in a world of sixteen pictures where everything can be computed, then on real pictures, where the same decoder is trained
# once as a VAE and once as a GAN. And because "looks better" is no measurement, the second half of the chapter judges the judges: what a Fréchet distance sees, what it cannot see, and how a model that invents nothing gets the best mark of all.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **compute** what a decoder draws when its code leaves several pictures possible, and check it on a trained VAE;
# 2. **measure** what is missing in samples, frequency by frequency, and tell it from what a decoder's noise can put back;
# 3. **compare** two training principles on one decoder by five measures with intervals, and say where they contradict each other;
# 4. **correct** a Fréchet distance for its bias, and say why a FID of digits or garments tells little;
# 5. **detect** copies of training pictures, with a baseline from held-out pictures and a planted thief.
#
# You need chapter 02's VAE, the rate from chapter 04, the likelihoods and the blur of chapter 05, and the GAN and its R1 penalty from chapter 06.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% [markdown]
# ## Parameters
#
# Change a value, then run all cells. The quick run of this course differs from the full one by this cell alone. The numbers in the text and the
# claims at the end are those of the full run, with these values; with others the table of claims says what your run did not show.
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
DATASET = "fashion_mnist"  # "fashion_mnist" or "mnist" (60,000 pictures, downloaded), "digits" (offline)
TOY_BETAS = [1.0, 5.0, 8.0, 11.0, 20.0]  # weights of the KL term in the toy world, rising
TOY_STEPS = 1000  # updates of every toy VAE and every toy GAN, 500 or more
LATENT_DIM = 16  # size of the code z, 4 to 64
CHANNELS = [16, 32]  # channels of the two layers of encoder, decoder and discriminator
LARGE_CHANNELS = [32, 64]  # channels of the larger VAE
LOW_BETA = 0.1  # KL weight of the VAE that may spend more bits, 0.05 to 0.5
EXAMPLES = 6000  # training pictures of every model, 1,000 or more
EPOCHS = 5  # passes through them, the same for VAE and GAN, 2 or more
BATCH_SIZE = 60  # pictures in one update, 32 to 200
VAE_LEARNING_RATE = 4e-3  # highest learning rate of the VAEs, falls linearly to 0
GAN_LEARNING_RATE = 2e-3  # learning rate of both players of the GAN, constant
GAN_PENALTY = 1.0  # weight of the R1 penalty on the discriminator's slope, above 0
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
JUDGED = 2000  # pictures on each side of every comparison, 300 or more
JUDGE_EPOCHS = 4  # passes for the second judge, trained here, 1 or more
# %%
import copy
import math

import torch
from torch.func import functional_call, stack_module_state, vmap

from vae_course import (
    VAE,
    GaussianPosterior,
    Runs,
    clock_hands,
    evaluate,
    fit,
    fit_gan,
    load,
    load_classifier,
    seed_everything,
    seeded,
)
from vae_course.evaluation import (
    frechet_bias_curve,
    frechet_debiased,
    frechet_distance,
    memorization,
    nearest_neighbors,
    power_spectrum,
    relative_power,
    sample_quality,
    train_classifier,
)
from vae_course.models import Classifier, Discriminator, Generator
from vae_course.plots import image_grid, interval_dots, line_plot
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("fashion_mnist", "mnist", "digits"),
    TOY_BETAS=[0.0],
    TOY_STEPS=500,
    LATENT_DIM=4,
    CHANNELS=[1],
    LARGE_CHANNELS=[1],
    LOW_BETA=0.0,
    EXAMPLES=1000,
    EPOCHS=2,
    BATCH_SIZE=1,
    VAE_LEARNING_RATE=0.0,
    GAN_LEARNING_RATE=0.0,
    GAN_PENALTY=0.0,
    N_SEEDS=3,
    JUDGED=300,
    JUDGE_EPOCHS=1,
)
claims = Claims("07_Limitations_of_VAEs_in_Realism", parameters)
if OFFLINE:
    DATASET = "digits"
TOY_BETAS = sorted(TOY_BETAS)
train = load(DATASET, "train")
train = train.subset(min(EXAMPLES, len(train)), seed=0)
held_out, fresh = (load(DATASET, part) for part in ("validation", "test"))
n_judged = min(JUDGED, len(held_out), len(fresh))
real = held_out.subset(n_judged, seed=0).floats()  # every judge compares with these
fresh = fresh.subset(n_judged, seed=0).floats()  # more real pictures: the best that any model could do
x_train = train.floats()
judge = load_classifier(DATASET)


def bare_lines(figure):
    """Exact curves are lines without markers."""
    for line in figure.axes[0].lines:
        line.set_marker("")
    figure.axes[0].legend(frameon=False)
    return figure


print(
    f"{len(train):,} training pictures of shape {train.shape}; {n_judged:,} pictures on each side of every comparison"
)
# %% [markdown]
# Settings were chosen on validation pictures, and the judges compare with validation pictures. Test pictures appear as "fresh pictures": the mark that a perfect model would get.
#
# ## 1 What does a decoder draw when it cannot tell?
#
# Let $x$ be one of two pictures, $a$ or $b$, equally likely, and let the code say nothing about which. The decoder must draw one picture $\mu$, and pays $\lVert x - \mu\rVert^2$. What should it draw? Take two pictures of a clock
# with one hand: in $a$ the hand points up to the right, in $b$ up to the left.
# %%
guess = predict(
    "To pay least on average, the decoder draws ...",
    [
        "one of the two hands, at random",
        "both hands at half brightness",
        "a hand halfway between them",
        "nothing",
    ],
    default=2,
)
# %%
clock = clock_hands(16)  # the whole world: sixteen pictures, equally likely
hands = clock.floats()
a, b = hands[2], hands[6]
candidates = {
    "hand a": a,
    "hand b": b,
    "both at half": (a + b) / 2,
    "halfway hand": hands[4],
    "nothing": 0 * a,
}
costs = {name: (((a - mu) ** 2).sum() + ((b - mu) ** 2).sum()).item() / 2 for name, mu in candidates.items()}
show(
    image_grid(
        torch.stack(list(candidates.values())),
        1,
        5,
        column_titles=[f"{name}: {cost:.1f}" for name, cost in costs.items()],
        cell=1.2,
    ),
    alt="Five small pictures of a clock: a hand up to the right, a hand up to the left, both hands in gray, one hand straight up, and an empty clock. Above each "
    "stands its name and its squared error, averaged over hand a and hand b; the two gray hands have the smallest.",
)
cheapest = min(costs, key=costs.get)
guess.compare(
    list(candidates).index(cheapest) - 1 if cheapest != "hand a" else 0,
    f"{cheapest} costs {costs[cheapest]:.2f}; one of the hands costs {costs['hand a']:.2f}, {costs['hand a'] / costs[cheapest]:.2f} times as much.",
)
ratio = costs["hand a"] / costs["both at half"]
claims.add("committing", ratio, near=(2, 1e-4), exact=True, text="One picture's cost over the average's")
# %% [markdown]
# Half the time a committed decoder is right and pays nothing, and half the time it pays $\lVert a - b\rVert^2$. The average pays a quarter of that, always. So it wins, by a factor of exactly 2. With a Bernoulli likelihood the average wins by more: being sure
# and wrong costs infinitely many nats. The rule behind it:
#
# $$
# \arg\min_\mu\ \mathbb E\bigl[\lVert x - \mu\rVert^2 \mid z\bigr] = \mathbb E[x \mid z],
# $$
#
# in words: the best single picture for a code is the **conditional mean**, the average of all pictures that the code leaves possible. Bernoulli and Gaussian likelihoods share it. And in this world an average is no picture at all: nothing here has two hands.
#
# The code decides how many pictures stay possible. With 16 hands, $k$ bits leave $16/2^k$ of them. (In the table, the squared error is summed over the pixels of a picture and averaged over the sixteen pictures.)
# %%
averages = [hands.reshape(2**k, -1, *clock.shape).mean(1) for k in range(5)]  # the first group of each size


def nearest_hand(pictures):
    """Distance of each picture to the nearest picture of this world, in pixel values."""
    return torch.cdist(pictures.flatten(1), hands.flatten(1)).min(1).values


rows = [
    {
        "bits in the code": k,
        "hands left": 16 // 2**k,
        "least squared error, sum over pixels": ((hands - mean.repeat_interleave(16 // 2**k, 0)) ** 2)
        .flatten(1)
        .sum(1)
        .mean()
        .item(),
        "distance to the nearest picture": nearest_hand(mean).mean().item(),
    }
    for k, mean in enumerate(averages)
]
results_table(rows, caption="The best decoder for a code of k bits; distances in pixel values, exact")
show(
    image_grid(
        torch.cat([mean[:1] for mean in averages]),
        1,
        5,
        column_titles=[f"{k} bit{'s' * (k != 1)}" for k in range(5)],
    ),
    alt="What the best decoder draws for one code with zero to four bits: a gray disk of all hands, half of it, a quarter, two neighboring hands, and one crisp hand.",
)
# %% [markdown]
# The fewer bits the code says, the wider the fan: blur is what the code did not say. Note that no picture here is *smeared*: the fan is an exact average of crisp pictures.
#
# ## 2 Does a trained VAE do just that?
#
# A VAE decides by itself how many bits its code carries: β sets the price. And because this world has sixteen pictures, $\mathbb E[x|z]$ of a trained VAE can be computed exactly from its encoder, by Bayes' rule:
#
# $$
# \mathbb E[x|z] = \sum_{i=1}^{16} w_i(z)\, x_i, \qquad w_i(z) = \frac{q(z|x_i)}{\sum_j q(z|x_j)} .
# $$
#
# In words: each picture counts by how likely its own cloud of codes is to produce this $z$. For a given encoder no picture has a smaller reconstruction error than this average. So a decoder that is trained well must draw it.
# %%
guess = predict(
    "A small VAE, two latent dimensions, trained at several β. Its decoder's pictures will differ from the exact averages, as root mean square, by",
    ["less than 0.06 of the range from black to white", "0.06 to 0.2", "more"],
    default=1,
)
toy_settings = [(beta, seed) for beta in TOY_BETAS for seed in range(N_SEEDS)]


def toy_vae(seed):
    seed_everything(seed)
    return VAE.for_data(clock, latent_dim=2, hidden_dims=(64, 64))


# All settings at once: their weights are stacked, and one call computes all losses (torch.func).
toys = [toy_vae(seed) for _, seed in toy_settings]
weights, buffers = stack_module_state(toys)
betas = torch.tensor([beta for beta, _ in toy_settings])


class Terms(torch.nn.Module):
    """Distortion and rate of all sixteen pictures for given noise."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, noise):
        q = self.model.encode(hands)
        z = q.mean + (q.log_var / 2).exp() * noise  # (draws, 16, 2)
        return -self.model.log_likelihood(hands, z).mean(), q.kl().mean()


skeleton = Terms(copy.deepcopy(toys[0]).to("meta"))


def toy_loss(weights, buffers, beta, noise):
    tensors = {f"model.{name}": value for name, value in {**weights, **buffers}.items()}
    distortion, rate = functional_call(skeleton, tensors, (noise,))
    return distortion + beta * rate


optimizer = torch.optim.Adam(weights.values())
generator = seeded(0)
for step in range(TOY_STEPS):
    optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / TOY_STEPS)
    noise = torch.randn(len(toys), 2, 16, 2, generator=generator)
    loss = vmap(toy_loss)(weights, buffers, betas, noise).sum()  # models do not touch: the sum trains each
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
for i, model in enumerate(toys):
    model.load_state_dict({name: value[i].detach() for name, value in {**weights, **buffers}.items()})
print(f"{len(toys)} toy VAEs trained for {TOY_STEPS:,} updates each")


# %%
@torch.no_grad()
def look_at_toy(model):
    """Compare the decoder with the exact averages, at codes of pictures and at draws of the prior."""
    q = model.encode(hands)
    generator = seeded(1)
    z = q.sample(16, generator).flatten(0, 1)
    from_prior = torch.randn(400, 2, generator=generator)
    w = GaussianPosterior(q.mean, q.log_var).log_prob(z[:, None]).softmax(1)  # (draws, 16): Bayes' rule
    average = torch.einsum("ni,ichw->nchw", w, hands)
    drawn = model.likelihood.mean(model.decode(z))
    committed = hands[w.argmax(1)]  # what a decoder would draw that always takes the likeliest picture
    found = {
        "rate": q.kl().mean().clamp_min(0).item(),  # below 0 by rounding where the code is given up
        "to average": (drawn - average).square().mean().sqrt().item(),
        "to likeliest": (drawn - committed).square().mean().sqrt().item(),
        "from codes": nearest_hand(drawn).mean().item(),
        "from prior": nearest_hand(model.likelihood.mean(model.decode(from_prior))).mean().item(),
    }
    return found, model.likelihood.mean(model.decode(from_prior[:10]))


toy, toy_pictures = {}, {}  # β → measure → Runs, and β → pictures of seed 0
for i, beta in enumerate(TOY_BETAS):
    looks, pictures = zip(*map(look_at_toy, toys[i * N_SEEDS : (i + 1) * N_SEEDS]), strict=True)
    toy[beta] = {key: Runs((look[key] for look in looks), least=0) for key in looks[0]}
    toy_pictures[beta] = pictures[0]
show(
    image_grid(
        torch.cat(list(toy_pictures.values())),
        len(toy),
        10,
        row_titles=[f"β = {beta:g}" for beta in toy],
    ),
    alt="Ten samples from the prior for each beta, one row each. At the smallest beta most are single hands; further down more of them are fans of several hands, and in the "
    "last row all are the same gray disk.",
)
results_table(
    [
        {
            "β": beta,
            "rate (nats)": found["rate"],
            "off the exact average": found["to average"],
            "off the likeliest picture": found["to likeliest"],
            "to the nearest picture, from codes": found["from codes"],
            "to the nearest picture, from the prior": found["from prior"],
        }
        for beta, found in toy.items()
    ],
    caption=f"Toy VAEs: mean of {N_SEEDS} seeds and its 95 % interval. The two columns 'off' are root mean squares over pixels, 'nearest' is a Euclidean distance in pixel values",
)
worst = max(max(found["to average"].values) for found in toy.values())
guess.compare(
    0 if worst < 0.06 else 1 if worst < 0.2 else 2,
    f"the largest difference of all {len(toys)} models is {worst:.3f}.",
)
torn = min(TOY_BETAS, key=lambda beta: abs(toy[beta]["rate"].mean - math.log(16) / 2))
sides = toy[torn]["to average"] / toy[torn]["to likeliest"]
sharper, blurred = toy[TOY_BETAS[0]]["from codes"].mean, toy[TOY_BETAS[-1]]["from codes"].mean
claims.add("off_average", worst, below=0.06, text="Toy: off the exact average, largest RMS")
claims.add("torn", sides, below=0.5, text=f"Toy, β = {torn:g}: off average over off likeliest")
claims.add("toy_crisp", sharper / blurred, below=0.3, text="Toy: distance, smallest over largest β")
# %% [markdown]
# The decoder draws the average, at every β. Where the code says nearly everything, the average *is* the likeliest picture; where it does not, the two differ, and the decoder stays with the average. A VAE with a code that says
# enough is crisp; the same network with a dearer code draws fans. So nothing in the *decoder* blurs. It draws, faithfully, what the code leaves open.
#
# (Sixteen pictures hold 4 bits, which is $\log 16 \approx 2.77$ nats. The rate can be larger: it also counts how far the clouds of codes, taken together, are from $\mathcal N(0, I)$; see chapter 04.)
#
# The last column shows a second source of pictures that do not exist in this world: a code space is connected, and this world is not. Between the places of two hands there is a border, and draws from the prior land on it (chapter 06's bridges).
#
# Now give the same decoder to a GAN. No picture has a code, so nobody asks the generator to reconstruct. It may map each $z$ to whatever the discriminator believes.
# %%
guess = predict(
    f"Same decoder, same {TOY_STEPS:,} updates, as a GAN. The distance of its samples to the nearest picture is ...",
    [
        "below that of every VAE's",
        "near that of the VAE with the cheapest code",
        "near that of the VAE that draws only averages",
    ],
    default=0,
)
# %%
from dataclasses import replace

many_hands = replace(clock, images=clock.images.repeat(4, 1, 1, 1), labels=clock.labels.repeat(4))
gan_toys = []
for seed in range(N_SEEDS):
    seed_everything(seed)
    player = Generator.for_data(clock, latent_dim=2, hidden_dims=(64, 64))
    rival = Discriminator.for_data(clock, hidden_dims=(128, 64))
    fit_gan(
        player,
        rival,
        many_hands,
        steps=TOY_STEPS,
        batch_size=64,
        learning_rate=2e-3,
        penalty=0.1,
        seed=seed,
        device="cpu",
        progress=False,
    )
    gan_toys.append(player.sample(400, seeded(1)))
gan_distance = Runs((nearest_hand(pictures).mean() for pictures in gan_toys), least=0)
vae_distance = toy[TOY_BETAS[0]]["from prior"]
show(
    image_grid(
        torch.cat([toy_pictures[TOY_BETAS[0]], gan_toys[0][:10]]),
        2,
        10,
        row_titles=[f"VAE, β = {TOY_BETAS[0]:g}", "GAN"],
    ),
    alt="Ten samples of the VAE with the cheapest code above ten of the GAN with the same decoder: in both rows most pictures are single hands, and some are frayed or between two hands.",
)
guess.compare(
    0
    if gan_distance.high < vae_distance.low
    else 1
    if gan_distance.mean < (vae_distance.mean + blurred) / 2
    else 2,
    f"GAN {gan_distance}, VAE at β = {TOY_BETAS[0]:g} {vae_distance}, VAE at β = {TOY_BETAS[-1]:g} {blurred:.2f}.",
)
toy_gan = gan_distance / blurred
claims.add("toy_gan", toy_gan, below=0.6, whole_interval=True, text="Toy: distance, GAN over largest β")
# %% [markdown]
# Most of the GAN's pictures are single hands, although nothing tells it which hand is meant. But look at the numbers before you conclude that a GAN is crisper: in a world of four bits, a VAE that may spend enough bits is no worse
# off. The question for real pictures is how many bits they need.
#
# ## 3 One decoder, two principles
#
# Now garments. The same training pictures, the same number of pictures seen, and one convolutional decoder: trained by the ELBO as a VAE, and against a discriminator as a GAN. Three seeds each. Of the columns in the table, you know
# the **Fréchet distance** (fit a Gaussian to the features of the samples and one to those of the data: $\lVert\mu-\mu'\rVert^2+\operatorname{tr}(\Sigma+\Sigma'-2(\Sigma\Sigma')^{1/2})$, Heusel et al. 2017),
# **precision** (the share of samples that lie as close to some real picture as its k-th nearest real neighbor does), **recall** (the same with the roles exchanged, Kynkäänniemi et al. 2019) and sharpness (variance of the Laplacian relative to data). "Debiased" is explained in section 6, and "fine power" right after the table.
# %%
guess = predict(
    "The judge counts which share of the samples lies where real pictures lie (precision). Which of the two has more?",
    ["the VAE", "the GAN", "three seeds do not decide"],
    default=1,
)


# %%
def train_vae(seed, beta=1.0, channels=CHANNELS):
    seed_everything(seed)
    model = VAE.for_data(train, latent_dim=LATENT_DIM, hidden_dims=channels, architecture="conv")
    fit(
        model, train, epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=VAE_LEARNING_RATE, schedule="linear", warmup=0.05,
        beta=beta, kl_warmup=0.0, seed=seed, device="cpu", eval_examples=100, progress=False,
    )  # fmt: skip
    print(f"VAE, β = {beta:g}, channels {channels}, seed {seed}: trained", flush=True)
    return model


vaes = [train_vae(seed) for seed in range(N_SEEDS)]


# %%
def train_gan(seed):
    seed_everything(seed)
    player = Generator.for_data(train, latent_dim=LATENT_DIM, hidden_dims=CHANNELS, architecture="conv")
    rival = Discriminator.for_data(train, hidden_dims=CHANNELS, architecture="conv")
    steps = EPOCHS * -(-len(train) // BATCH_SIZE)  # as many pictures as the VAE sees
    history = fit_gan(
        player, rival, train, steps=steps, batch_size=BATCH_SIZE, learning_rate=GAN_LEARNING_RATE, penalty=GAN_PENALTY, penalty_every=4,
        seed=seed, device="cpu", progress=False,
    )  # fmt: skip
    print(
        f"GAN, seed {seed}: the discriminator is right on {history.last['accuracy']:.0%} at the end",
        flush=True,
    )
    return player


gans = [train_gan(seed) for seed in range(N_SEEDS)]
size = {
    name: sum(p.numel() for p in model.decoder.parameters())
    for name, model in (("VAE", vaes[0]), ("GAN", gans[0]))
}
print(f"learnable numbers in the decoder: VAE {size['VAE']:,}, GAN {size['GAN']:,}")
claims.add("same_decoder", size["VAE"] - size["GAN"], near=(0, 0), exact=True, text="Decoder size: VAE − GAN")


# %%
def draw_from(model, seed, **options):
    """As many pictures as the judge compares with."""
    return model.sample(n_judged, seeded(seed), **options).clamp(0, 1)


real_features = judge.features(real)


def measures(pictures):
    """Everything this chapter measures of a set of pictures, against the same real ones."""
    quality = sample_quality(pictures, real, judge)
    return {
        "Fréchet": quality.frechet,
        "debiased": frechet_debiased(judge.features(pictures), real_features).value,
        "precision": quality.precision,
        "recall": quality.recall,
        "sharpness": quality.sharpness,
        "fine power": relative_power(pictures, real),
    }


BORDERS = {"precision": (0, 1), "recall": (0, 1), "debiased": (-math.inf, math.inf)}  # all else: from 0


def scored(seeds):
    """Pictures of every seed → measure → Runs."""
    found = [measures(pictures) for pictures in seeds]
    borders = {key: BORDERS.get(key, (0, math.inf)) for key in found[0]}
    return {key: Runs((one[key] for one in found), least=a, most=b) for key, (a, b) in borders.items()}


drawn = {"fresh pictures": [fresh]}
drawn["VAE"] = [draw_from(model, seed) for seed, model in enumerate(vaes)]
drawn["GAN"] = [draw_from(model, seed) for seed, model in enumerate(gans)]
score = {name: scored(seeds) for name, seeds in drawn.items()}


def difference(name, base, key):
    """A measure of name minus that of base, paired by seed."""
    return score[name][key] - score[base][key]


def score_table(names, caption):
    results_table([{"pictures": name, **score[name]} for name in names], caption=caption)


show(
    image_grid(
        torch.cat([fresh[:12], drawn["VAE"][0][:12], drawn["GAN"][0][:12]]),
        3,
        12,
        row_titles=["real", "VAE", "GAN"],
    ),
    alt="Twelve real pictures, twelve samples of the VAE, smooth and without texture, and twelve of the GAN, with texture, harder edges and more ragged or broken shapes.",
)
score_table(
    list(drawn),
    f"Against {n_judged:,} validation pictures: mean of {N_SEEDS} seeds and its 95 % interval. Fine power: share of the data's power above 0.25 cycles per pixel",
)
trust = difference("VAE", "GAN", "precision")
guess.compare(
    0 if trust.low > 0 else 1 if trust.high < 0 else 2,
    f"precision: VAE {score['VAE']['precision']}, GAN {score['GAN']['precision']}; difference {trust:+.2f}.",
)
# %%
for key in ("Fréchet", "recall", "sharpness", "fine power"):
    print(f"GAN minus VAE, {key}: {difference('GAN', 'VAE', key):+.2f}")
sharp, soft = difference("GAN", "VAE", "sharpness"), score["VAE"]["fine power"]
claims.add("sharpness", sharp, above=0, whole_interval=True, text="Sharpness: GAN − VAE")
claims.add("precision", trust, above=0, whole_interval=True, text="Precision: VAE − GAN")
claims.add("fine_power", soft, below=0.8, unit="%", whole_interval=True, text="Fine power, VAE over data")


# %% [markdown]
# The two measures of "realistic" disagree: by precision the VAE's samples are the more credible ones (by {{precision}}), by sharpness the GAN's (by {{sharpness}}). The VAE makes safe pictures: an average of several sweaters lies in the middle of where sweaters lie.
#
# *What* is missing can be seen in the **power spectrum**. Write a picture as a sum of waves; low frequencies are broad shapes, high ones edges and texture. The power at a frequency is the mean squared size of those waves, here averaged over all directions. A first version
# by hand:
# %%
def spectrum_by_hand(images):
    """Power at frequencies 1/side, 2/side, ..., 1/2 cycles per pixel, averaged over directions."""
    centered = images - images.mean((-2, -1), keepdim=True)  # brightness does not count
    power = torch.fft.fft2(centered).abs().square().mean((0, 1)) / images[0, 0].numel()
    frequency = torch.fft.fftfreq(images.shape[-1])
    radius = (frequency[:, None].square() + frequency.square()).sqrt()
    side = images.shape[-1]
    ring = (radius * side).round().long()
    return torch.stack([power[(ring == k) & (radius <= 0.5 + 1e-6)].mean() for k in range(1, side // 2 + 1)])


frequency, power = power_spectrum(real)
off = (spectrum_by_hand(real.double()) / power - 1).abs().max()
claims.add("same_spectrum", off, below=1e-5, exact=True, text="Power spectrum off the package's")


def spectra(shown):
    """Curves for line_plot: name → pictures."""
    return {
        name: (frequency.tolist(), power_spectrum(pictures).power.tolist())
        for name, pictures in shown.items()
    }


show(
    bare_lines(
        line_plot(
            spectra({"real": real, "VAE": drawn["VAE"][0], "GAN": drawn["GAN"][0]}),
            x_label="frequency (cycles per pixel)", y_label="power (squared pixel value)", log_y=True,
        )
    ),
    alt="Power against frequency on a logarithmic scale. The curve of real pictures falls steadily. The VAE's starts near it and falls ever farther below it. The GAN's lies on it up to the middle, "
    "then below it and above the VAE's, and turns up at the highest frequency, where it ends above that of real pictures.",
)  # fmt: skip
coarse = Runs((relative_power(pictures, real, low=0, high=0.08) for pictures in drawn["VAE"]), least=0)
print(
    f"power of VAE samples relative to data: {coarse.mean:.0%} in the coarse band (up to 0.08 cycles per pixel), {soft.mean:.0%} in the fine band (from 0.25)"
)
claims.add("coarse_power", coarse - soft, above=0.2, unit="%", text="VAE: coarse − fine power, of data")
# %% [markdown]
# That fits the toy. Of the fine power of data, the VAE's samples have {{fine_power}}. Broad shapes are told by the code, so they are there. Where a code does not say how a knit runs, the decoder draws the average of all knits: gray. The GAN's curve stays near the data's for longer. But power is
# not detail: some of it is a chessboard, which you can see in its samples and which upsampling layers leave (Durall et al. 2020).
#
# ## 4 Is it the mean's fault?
#
# The pictures above are the **mean** of $p(x|z)$. But the model is a distribution: what it claims that data look like is a *draw*. Does the draw put back what is missing? Two draws: from the Bernoulli that the model was trained with, and from the Gaussian with the same mean
# whose σ is the root mean squared error on training pictures (chapter 05's best σ).
# %%
guess = predict(
    "Draws of p(x|z) instead of its mean. With the Gaussian draw, the Fréchet distance of the samples will ...",
    [
        "fall",
        "grow, although the pictures are then sharper than data",
        "these seeds do not decide",
    ],
    default=0,
)


# %%
@torch.no_grad()
def residuals(model, x, seed=0):
    """What the decoder's mean leaves of real pictures, with z drawn from q(z|x)."""
    z = model.encode(x).sample(generator=seeded(seed))
    return x - model.likelihood.mean(model.decode(z))


sigma = [residuals(model, x_train[:2000]).square().mean().sqrt().item() for model in vaes]
drawn["VAE, Bernoulli draw"] = [draw_from(model, seed, noise=True) for seed, model in enumerate(vaes)]
drawn["VAE, Gaussian draw"] = [
    (pictures + s * torch.randn(pictures.shape, generator=seeded(seed))).clamp(0, 1)
    for seed, (pictures, s) in enumerate(zip(drawn["VAE"], sigma, strict=True))
]
draws = ["VAE, Bernoulli draw", "VAE, Gaussian draw"]
score |= {name: scored(drawn[name]) for name in draws}
show(
    image_grid(
        torch.cat([drawn[name][0][:12] for name in ("VAE", *draws)]),
        3,
        12,
        row_titles=["mean", "Bernoulli draw", "Gaussian draw"],
    ),
    alt="Twelve samples of the VAE three times: as the mean, smooth; as a Bernoulli draw, black and white speckle; as a Gaussian draw, the smooth picture under gray grain.",
)
score_table(["VAE", *draws, "GAN"], f"Mean and draws of the same VAEs; σ = {Runs(sigma)}")
gain = difference("VAE, Gaussian draw", "VAE", "Fréchet")
grain, speckle = score["VAE, Gaussian draw"]["sharpness"], score["VAE, Bernoulli draw"]["sharpness"]
of_mean = score["VAE"]["Fréchet"].mean
guess.compare(
    0 if gain.high < 0 else 1 if gain.low > 0 else 2,
    f"Gaussian draw minus mean: Fréchet distance {gain:+.1f} of {of_mean:.1f}, sharpness {grain.mean:.1f} times that of data.",
)
speckled = difference("VAE, Bernoulli draw", "VAE", "Fréchet")
print(f"Bernoulli draw minus mean: Fréchet distance {speckled:+.1f}")
moved = abs(speckled.mean) / of_mean
claims.add("bernoulli_frechet", moved, below=0.25, unit="%", text="Fréchet moved by Bernoulli draws")
claims.add("grain", grain, above=1, unit="times", whole_interval=True, text="Sharpness, Gaussian draw")
left = [residuals(model, real) for model in vaes]
flat = torch.full_like(power, sigma[0] ** 2)
show(
    bare_lines(
        line_plot(
            spectra({"real pictures": real, "what the mean leaves": left[0]}) | {"noise of the same size": (frequency.tolist(), flat.tolist())},
            x_label="frequency (cycles per pixel)", y_label="power (squared pixel value)", log_y=True,
        )
    ),
    alt="Power against frequency, logarithmic: real pictures fall steeply; what the decoder's mean leaves of them falls too, from above to below a flat line, which is the noise of the decoder.",
)  # fmt: skip
spectra_left = [power_spectrum(r).power for r in left]
color = Runs((spectrum[1] / spectrum[-1] for spectrum in spectra_left), least=0)
print(
    f"what the mean leaves: power at {frequency[1]:.2f} over power at {frequency[-1]:.2f} cycles per pixel {color:.0f}; for independent noise 1"
)
claims.add("color", color, above=3, unit="times", whole_interval=True, text="Left by the mean: low over high")
claims.add("speckle", speckle, above=2, unit="times", whole_interval=True, text="Sharpness, Bernoulli draw")
less_precise = difference("VAE", "VAE, Bernoulli draw", "precision")
if DATASET == "fashion_mnist":  # on the small digits, three seeds do not decide
    claims.add("less_precise", less_precise, above=0, whole_interval=True, text="Precision: mean − draw")
# %% [markdown]
# A draw has power at all frequencies, and sharpness {{speckle}} that of data (the Bernoulli draw; {{grain.value}} for the Gaussian one). It is grain. (And look at the judge: black-and-white speckle, which nobody would take for a garment, gets about the same Fréchet distance as the smooth mean. Section 6 comes back to that.) The decoder's noise is **independent from pixel to pixel**, so its spectrum is flat; what the mean leaves of real pictures is far from flat: edges in a slightly
# different place, a collar instead of none, a print. All of that is correlated over many pixels, and a likelihood that treats pixels one by one can only answer with a fan and grain on top. Two things together make VAE pictures soft:
# $p(x|z) = \prod_i p(x_i|z)$, and a code that does not say everything. In the toy, where a code could say everything, the same kind of decoder was crisp.
#
# So there are three ways out: say more in the code, use a likelihood whose pixels know of each other, or compare pictures otherwise than pixel by pixel. The next section tries the first, and chapter 11 the third, together with
# priors that can draw such codes. The second is the road of chapter 04's decoder that reads.
#
# ## 5 Do more bits help? A larger decoder?
#
# If the blur is what the code does not say, let it say more: β below 1 makes bits cheap. Or is the decoder too small? The same data and updates again, with a tenth of the KL weight, and with twice the channels.
# %%
guess = predict(
    f"β = {LOW_BETA:g} instead of 1. Compared with those of β = 1 ...",
    [
        "reconstructions and samples both get better",
        "reconstructions get better, samples worse",
        "reconstructions get better; for samples these seeds do not decide",
        "not even reconstructions get better for certain",
    ],
    default=0,
)
# %%
cheap = [train_vae(seed, beta=LOW_BETA) for seed in range(N_SEEDS)]
# %%
large = [train_vae(seed, channels=LARGE_CHANNELS) for seed in range(N_SEEDS)]
# %% tags=["hide-input"]
variants = {"VAE": vaes, "VAE, more bits": cheap, "VAE, larger": large}
for name in ("VAE, more bits", "VAE, larger"):
    drawn[name] = [draw_from(model, seed) for seed, model in enumerate(variants[name])]
    score[name] = scored(drawn[name])
rebuilt = {name: [model.reconstruct(real) for model in models] for name, models in variants.items()}
rebuilt_score = {name: scored(seeds) for name, seeds in rebuilt.items()}
rates = {
    name: Runs(evaluate(model, held_out.subset(n_judged, seed=0)).kl for model in models)
    for name, models in variants.items()
}
results_table(
    [
        {
            "model": name,
            "rate (nats)": rates[name],
            "fine power, rebuilt": rebuilt_score[name]["fine power"],
            "fine power, sampled": score[name]["fine power"],
            "Fréchet, rebuilt": rebuilt_score[name]["Fréchet"],
            "Fréchet, sampled": score[name]["Fréchet"],
            "precision, sampled": score[name]["precision"],
            "recall, sampled": score[name]["recall"],
        }
        for name in variants
    ],
    caption=f"Rebuilt: validation pictures decoded at the mean of q; sampled: from the prior. Mean of {N_SEEDS} seeds and its 95 % interval",
)
finer = rebuilt_score["VAE, more bits"]["fine power"] - rebuilt_score["VAE"]["fine power"]
more_credible = difference("VAE, more bits", "VAE", "precision")
farther = difference("VAE, more bits", "VAE", "Fréchet")
bigger = difference("VAE, larger", "VAE", "fine power")
guess.compare(
    3 if finer.low <= 0 else 0 if farther.high < 0 else 1 if farther.low > 0 else 2,
    f"fine power of reconstructions {finer:+.2f}, precision of samples {more_credible:+.2f}, their Fréchet distance {farther:+.1f}.",
)
print(f"larger decoder: fine power of samples {bigger:+.2f}")
apart = {name: score[name]["Fréchet"] / rebuilt_score[name]["Fréchet"] for name in ("VAE", "VAE, more bits")}
wider = apart["VAE, more bits"] / apart["VAE"]
print(
    f"Fréchet distance of samples over that of reconstructions: β = 1 {apart['VAE']:.1f}, more bits {apart['VAE, more bits']:.1f}"
)
still, large_power = rebuilt_score["VAE, more bits"]["fine power"], score["VAE, larger"]["fine power"].mean
claims.add("finer", finer, above=0, unit="%", whole_interval=True, text="Fine power gained by bits")
claims.add("apart", wider, above=1.2, unit="times", text="Fréchet: sampled over rebuilt, growth")
claims.add("still", still, below=0.9, unit="%", whole_interval=True, text="Fine power rebuilt, more bits")
claims.add("large_power", large_power, below=0.8, unit="%", text="Fine power of the larger VAE's samples")


# %% [markdown]
# More bits do what the toy says: reconstructions get crisper, and still have only {{still}} of the data's fine power. For samples the judge shows no gain that these seeds could tell from chance, and its distances of samples and of reconstructions move apart. Why? A *sample* starts at the prior, and the more a code says, the less of the prior is covered by codes
# of real pictures (chapter 04's holes). Bits that help a reconstruction must be *drawn* in a sample, and $\mathcal N(0, I)$ draws them badly. A larger decoder, on the same data with the same updates, stays soft as well.
#
# What stays blurry, even with more bits? Look at the pictures that lost most fine power, in absolute terms, and at the share that each class keeps.
# %% tags=["hide-input"]
def fine_part(images):
    """The picture without its waves below 0.25 cycles per pixel."""
    radius = (
        torch.fft.fftfreq(images.shape[-1])[:, None].square() + torch.fft.fftfreq(images.shape[-1]).square()
    ).sqrt()
    return torch.fft.ifft2(torch.fft.fft2(images) * (radius >= 0.25)).real


labels = held_out.subset(n_judged, seed=0).labels
lost = fine_part(real).flatten(1).square().sum(1) - fine_part(rebuilt["VAE, more bits"][0]).flatten(
    1
).square().sum(1)
softest = lost.topk(10).indices
show(
    image_grid(
        torch.cat([real[softest], *(rebuilt[name][0][softest] for name in variants)]),
        4,
        10,
        row_titles=["real", "β = 1", f"β = {LOW_BETA:g}", "larger, β = 1"],
    ),
    alt="Ten real pictures that lose most of their fine power, and three rows of their reconstructions. Outlines and gray levels are there in all rows; fine stripes, prints or edges of the first row are smooth in the others.",
)
by_class = {
    name: Runs(
        (relative_power(pictures[labels == c], real[labels == c]) for pictures in rebuilt["VAE, more bits"]),
        least=0,
    )
    for c, name in enumerate(held_out.class_names)
}
ordered = sorted(by_class, key=lambda name: by_class[name].mean)
results_table(
    [{"class": name, "fine power kept": by_class[name]} for name in ordered],
    caption=f"Fine power of reconstructions with β = {LOW_BETA:g}, share of the data's, by class: mean of {N_SEEDS} seeds and its 95 % interval",
)
gap = by_class[ordered[-1]] - by_class[ordered[0]]
print(f"{ordered[0]} keeps least, {ordered[-1]} most; the difference is {gap:.2f}")
# %% [markdown]
# Fine structure goes first, and not in all classes alike. An outline that many pictures share costs few bits and moves many pixels; a strap, a print or a thin stroke costs bits of its own and moves few pixels. A code with a price spends its bits where they save most nats.
#
# ## 6 Can you trust the judge?
#
# So far the word "better" has leaned on a Fréchet distance. It fits a Gaussian to the judge's features of each set and measures how far the two Gaussians are apart. Three questions to any such number: from how many pictures? by whose eyes? and what do these eyes not see?
#
# **From how many pictures?** The distance is biased (Chong and Forsyth 2020): fewer pictures, larger distance. Here is what that does to a *comparison*.
# %%
order = sorted(("VAE", "GAN"), key=lambda name: score[name]["Fréchet"].values[0])
nearer, farther_off = order
guess = predict(
    f"By this judge, the {nearer} of seed 0 is nearer to real pictures than the {farther_off} of seed 0. Somebody measures the {nearer} with n = {max(50, n_judged // 64)} pictures, and the {farther_off} with {n_judged:,}. Then ...",
    [f"the {nearer} still wins", f"the {farther_off} wins"],
    default=0,
)
# %%
features = {name: judge.features(drawn[name][0]) for name in ("fresh pictures", "VAE", "GAN")}
sizes = sorted({max(50, n_judged // 2**power) for power in range(5)} | {50})
bias = {name: frechet_bias_curve(f, real_features, sizes, repeats=5) for name, f in features.items()}
show(
    line_plot(
        {
            {"fresh pictures": "real against real"}.get(name, name): (
                [point.n for point in curve], [point.mean for point in curve], [point.low for point in curve], [point.high for point in curve]
            )
            for name, curve in bias.items()
        },
        x_label="pictures on each side, n", y_label="Fréchet distance (squared features)", log_x=True, x_ticks=sizes,
    ),
    alt="Fréchet distance against the number of pictures, for real pictures against real ones, the VAE and the GAN, with the range over five draws. All three curves fall overall as n grows, "
    "those of the models not at every step, and the curve of real against real is lowest everywhere.",
)  # fmt: skip
few, all_of_them = bias[nearer][0].mean, bias[farther_off][-1].mean
guess.compare(
    0 if few < all_of_them else 1,
    f"{nearer} with {sizes[0]} pictures {few:.1f}, {farther_off} with {sizes[-1]:,} pictures {all_of_them:.1f}; with {sizes[-1]:,} pictures each {bias[nearer][-1].mean:.1f} and {all_of_them:.1f}.",
)
rows = []
for name, f in features.items():
    estimate = frechet_debiased(f, real_features)
    rows.append(
        {"pictures": {"fresh pictures": "real against real"}.get(name, name), **{f"n = {point.n:,}": f"{point.mean:.1f}" for point in bias[name][::-2]},
         "bias taken off": f"{estimate.value:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"}
    )  # fmt: skip
results_table(
    rows,
    caption="One model of each; the last column estimates the distance for infinitely many pictures, with a 95 % interval over pictures",
)
zero = frechet_debiased(features["fresh pictures"], real_features)
biased = bias["fresh pictures"][-1].mean / max(zero.high, 1e-9)
claims.add("biased", biased, above=1, text="Fréchet, real against real, over what is left without bias")
claims.add("few", few - all_of_them, above=0, text="Fréchet: better model, few pictures − worse one, all")
# %% [markdown]
# The winner changes with $n$, though no picture changed. The last column takes the bias off with a **jackknife**: leave out a twentieth of the pictures, another twentieth each time; how much the distance grows tells how much of it
# is bias, and how it scatters gives an interval. (Such an estimate of a distance near 0 may come out below 0.) So: compare at equal $n$, or debiased values, and quote the distance of real pictures beside any other.
#
# **By whose eyes?** Judge the same pictures by five judges: the shipped classifier; the same network, trained here on fewer pictures with another seed; the same network *untrained*; a classifier of a different data set; and no
# network at all, the pixels on their 64 principal axes.
# %%
guess = predict(
    "Five judges, six kinds of samples: four models, and two draws of one of them. Will all judges agree on which kind is nearest to real pictures?",
    [
        "yes",
        "no, but the order is nearly the same",
        "no, and some pairs swap places from one judge to the next",
    ],
    default=1,
)
# %%
second = train_classifier(train, seed=5, epochs=JUDGE_EPOCHS)
seed_everything(0)
untrained = Classifier(train.shape, len(train.class_names)).eval()
foreign_name = {"fashion_mnist": "mnist", "mnist": "fashion_mnist", "digits": "fashion_mnist"}[DATASET]
foreign = load_classifier(foreign_name)
center = x_train.flatten(1).mean(0)
axes = torch.pca_lowrank(x_train[:2000].flatten(1) - center, q=64, center=False, niter=4)[2]
judges = {
    "shipped classifier": judge.features,
    "same, other seed": second.features,
    "untrained network": untrained.features,
    f"classifier of {foreign_name}": foreign.features,
    "64 axes of pixels": lambda images: (images.flatten(1) - center) @ axes,
}
contestants = [name for name in drawn if name != "fresh pictures"]
verdicts = {}
for label, eyes in judges.items():
    reference = eyes(real)
    verdicts[label] = {
        name: Runs((frechet_distance(eyes(pictures), reference) for pictures in drawn[name]), least=0)
        for name in ("fresh pictures", *contestants)
    }
ranks = {label: sorted(contestants, key=lambda name: verdicts[label][name].mean) for label in judges}
results_table(
    [
        {
            "pictures": name,
            **{
                label: f"{verdicts[label][name].mean:.3g}, rank {ranks[label].index(name) + 1}"
                for label in judges
            },
        }
        for name in contestants
    ]
    + [
        {
            "pictures": "fresh pictures",
            **{label: f"{verdicts[label]['fresh pictures'].mean:.3g}" for label in judges},
        }
    ],
    caption=f"Fréchet distance by five judges (mean of {N_SEEDS} seeds), {n_judged:,} pictures on each side, and the rank that each judge gives. The scales of two judges cannot be compared",
)


def swapped(first, second):
    """Pairs of contestants on which two judges disagree for every seed."""
    pairs = []
    for i, one in enumerate(contestants):
        for other in contestants[i + 1 :]:
            lead = [verdicts[label][one] - verdicts[label][other] for label in (first, second)]
            here, there = (runs.values for runs in lead)
            if max(here) < 0 <= min(there) or max(there) < 0 <= min(here):
                pairs.append((one, other))
    return pairs


disputes = {label: swapped("shipped classifier", label) for label in list(judges)[1:]}
total = len(contestants) * (len(contestants) - 1) // 2
for label, pairs in disputes.items():
    example = f", for example {pairs[0][0]} and {pairs[0][1]}" if pairs else ""
    print(
        f"{label}: disagrees with the shipped classifier on {len(pairs)} of {total} pairs, for every seed{example}"
    )
winners = {ranks[label][0] for label in judges}
most = max(len(pairs) for pairs in disputes.values())
guess.compare(
    0 if len(winners) == 1 and most == 0 else 2 if most > 1 else 1,
    f"{len(winners)} different winners; up to {most} of {total} pairs swap places for every seed.",
)
twin, others = len(disputes["same, other seed"]), max(len(disputes[label]) for label in list(judges)[2:])
claims.add("swaps", most, above=0, text="Pairs that swap places for every seed with another judge, at most")
claims.add("twin_swaps", twin, below=1 + others, text="The same for the same network with another seed")
# %% [markdown]
# A Fréchet distance is an opinion. **FID** is this opinion by one pair of eyes: a network trained on a thousand kinds of color photographs of about 300 pixels. For it, a gray garment of 28 pixels is something it has never seen, scaled up tenfold by an interpolation that each library does
# differently. And it looks with 2,048 features. What does the number of features do? The layer before the judge's last has 1,568 of them; take more and more of these.
# %%
n_few = min(500, n_judged)


def wide_features(images):
    """The 1,568 numbers that the judge computes before its 64."""
    return torch.cat([judge.body[:5](part) for part in images[:n_few].split(500)])


wide = {
    name: wide_features(pictures)
    for name, pictures in {"real": real, "fresh": fresh, "VAE": drawn["VAE"][0]}.items()
}
chosen = torch.randperm(wide["real"].shape[1], generator=seeded(0))
rows, floor_share = [], []
for n_features in (16, 64, 256, 784):
    few_real, few_fresh, few_vae = (wide[name][:, chosen[:n_features]] for name in ("real", "fresh", "VAE"))
    between_real, of_vae = frechet_distance(few_fresh, few_real), frechet_distance(few_vae, few_real)
    floor_share.append(between_real / of_vae)
    rows.append(
        {
            "features": n_features,
            "real against real": between_real,
            "VAE": of_vae,
            "real against real, share of the VAE's": f"{floor_share[-1]:.0%}",
        }
    )
results_table(
    rows, caption=f"Fréchet distance with more and more features of one layer, {n_few} pictures on each side"
)
rise = floor_share[-1] - floor_share[0]
claims.add("features_bias", rise, above=0, unit="%", text="Real over VAE: 784 − 16 features")
# %% [markdown]
# The more features, the more of the number is bias, because a covariance of $d$ features has about $d^2/2$ entries to be estimated from the same pictures. With 2,048 features, the covariance of 2,000 pictures does not even have
# full rank. So on MNIST and its kin, no FID: a strange judge, far too many features, and a number that
# cannot be compared with anybody's. Say which judge, which $n$, what real pictures get, and give an interval.
#
# **What do these eyes not see?** Take fresh real pictures, damage them in a way that anybody would notice, and ask each judge. The unit is the distance of the VAE: 1 means as bad as the VAE.
# %%
guess = predict(
    "Which damage to real pictures does the shipped classifier mind least, compared with what it thinks of the VAE's samples?",
    [
        "a blur over 3×3 pixels",
        "gray noise of 0.1",
        "upside down",
        "only four gray levels",
        "a chessboard of ±0.1 laid over",
    ],
    default=1,
)
# %%
from vae_course.widgets import retouch

side = torch.arange(train.shape[-1])
board = 0.1 * (1 - 2 * ((side[:, None] + side) % 2)).float()
damaged = {
    "nothing": fresh,
    "blur, 3×3 mean": retouch(fresh, -1.0),
    "noise, σ = 0.1": retouch(fresh, 0.0, 0.1),
    "upside down": fresh.flip(-2),
    "four gray levels": (3 * fresh).round() / 3,
    "chessboard of ±0.1": (fresh + board).clamp(0, 1),
}
shown_judges = [
    "shipped classifier",
    "same, other seed",
    "untrained network",
    f"classifier of {foreign_name}",
]
yardstick = {label: verdicts[label]["VAE"].mean for label in shown_judges}
blind = {
    what: {
        label: frechet_distance(judges[label](pictures), judges[label](real)) / yardstick[label]
        for label in shown_judges
    }
    for what, pictures in damaged.items()
}
show(
    image_grid(
        torch.cat([pictures[:10] for pictures in damaged.values()]),
        len(damaged),
        10,
        row_titles=list(damaged),
    ),
    alt="Ten real pictures in six versions: untouched, blurred, with gray noise, upside down, with four gray levels, and with a fine chessboard over them, whose squares are visible in dark areas.",
)
results_table(
    [
        {"damage": what, **{label: f"{value:.2f}" for label, value in row.items()}, "sharpness": f"{sample_quality(damaged[what], real, judge).sharpness:.2f}",
         "fine power": f"{relative_power(damaged[what], real):.2f}"}
        for what, row in blind.items()
    ],
    caption="Fréchet distance of damaged real pictures as a share of the VAE's, by four judges; sharpness and fine power relative to data",
)  # fmt: skip
damages = list(damaged)[1:]
least = min(damages, key=lambda what: blind[what]["shipped classifier"])
worst_damage = max(damages, key=lambda what: blind[what]["shipped classifier"])
guess.compare(
    damages.index(least),
    f"{least}: {blind[least]['shipped classifier']:.2f} of the VAE's distance; most: {worst_damage}, {blind[worst_damage]['shipped classifier']:.2f}.",
)
opinions = {what: max(row.values()) / min(row.values()) for what, row in blind.items() if what != "nothing"}
torn_apart = max(opinions, key=opinions.get)
print(f"the judges differ most about: {torn_apart}, by a factor of {opinions[torn_apart]:.0f}")
lenient = blind[least]["shipped classifier"]
claims.add("opinions", opinions[torn_apart], above=2, unit="times", text="Opinions of one damage, at most")
claims.add("lenient", lenient, below=0.5, unit="%", text="Shipped judge's mildest damage, of the VAE's")
# %% [markdown]
# Every judge has blind spots, and they are not the same. A classifier is trained to tell classes apart, and nothing makes it look at what does not matter for that. Sharpness and the spectrum have no such training and see what it
# ignores; but they would praise grain, and "upside down" is the same to them. One number is never enough.
#
# ## 7 Memory or quality?
#
# There is a model that beats every other in this chapter: it answers with training pictures. Precision, recall, sharpness and Fréchet distance cannot tell it from a perfect one. Plant it on purpose, so that you know what a detector must find.
# %%
guess = predict(
    "A thief hands out training pictures as samples. Its Fréchet distance will be",
    [
        "near that of fresh real pictures",
        "between those and the models",
        "worse than the models': a judge notices copies",
    ],
    default=1,
)
# %%
picked = torch.randperm(len(train), generator=seeded(3))[:n_judged]
thief = x_train[picked]
score["thief"] = scored([thief])
score_table(["fresh pictures", "thief", "VAE", "GAN"], "A thief beside fresh pictures and the two models")
stolen, floor = score["thief"]["Fréchet"].mean, score["fresh pictures"]["Fréchet"].mean
best_model = min(score[name]["Fréchet"].mean for name in contestants)
guess.compare(
    0 if stolen < (floor + best_model) / 2 else 1 if stolen < best_model else 2,
    f"thief {stolen:.1f}, fresh pictures {floor:.1f}, best model {best_model:.1f}.",
)
claims.add("thief", stolen / best_model, below=0.6, unit="%", text="Thief's Fréchet, of the best model's")


# %% [markdown]
# So look for the nearest training picture of each sample. But a distance alone says nothing: real pictures have near neighbors too, and a *blurred* picture is close to everything. What gives a copy away is that it is close to
# **one** picture and not to the next ones. So divide the distance to the nearest by the mean distance to the next nineteen, and do the same for held-out pictures, which nobody can have copied:
# %%
def single_out(pictures, k=20):
    """Distance to the nearest training picture over the mean distance to the next k − 1: low for copies."""
    distance = torch.cdist(pictures.flatten(1), x_train.flatten(1)).topk(k, largest=False).values
    return distance[:, 0] / distance[:, 1:].mean(1)


n_copies = min(1000, n_judged)
baseline = single_out(real[:n_copies])
threshold = baseline.quantile(0.01)  # 1 % of the held-out pictures fall below: the false alarms we accept
copied = {
    name: (single_out(pictures[:n_copies]) < threshold).float().mean().item()
    for name, pictures in {"thief": thief, "fresh pictures": fresh}.items()
}
package = memorization(thief[:n_copies], x_train, real[:n_copies])
print(
    f"share that singles out one training picture: thief {copied['thief']:.1%}, fresh pictures {copied['fresh pictures']:.1%}; the package says {package}"
)
off = copied["thief"] - package.copies
claims.add("same_copies", off, near=(0, 0.005), exact=True, text="Thief's copies: by hand − by the package")
# %% tags=["hide-input"]
half = n_copies // 2
grainy = retouch(thief, 0.0, 0.05)
suspects = {
    "fresh pictures": [fresh],
    "fresh pictures, blurred": [retouch(fresh, -1.0)],
    "VAE": drawn["VAE"],
    "GAN": drawn["GAN"],
    "thief": [thief],
    "thief, with grain of 0.05": [grainy],
    "GAN, every tenth picture stolen": [
        torch.where((torch.arange(n_judged) % 10 == 0)[:, None, None, None], grainy, drawn["GAN"][0])
    ],
    "thief, moved by one pixel": [thief.roll(1, -1)],
}


def searched(seeds, see):
    """What the search for copies says of pictures of every seed, in the space that ``see`` maps them to."""
    found = [memorization(see(pictures[:n_copies]), see(x_train), see(real[:n_copies])) for pictures in seeds]
    closer = Runs((one.closer for one in found), least=0, most=1)
    return closer, Runs((one.copies for one in found), least=0, most=1)


closer, copies = {}, {}
for name, seeds in suspects.items():
    closer[name], copies[name] = searched(seeds, lambda images: images)
in_features = {name: searched(seeds, judge.features)[1] for name, seeds in suspects.items()}
results_table(
    [
        {
            "pictures": name,
            "closer than held-out, pixels": closer[name],
            "copies, pixels": f"{copies[name]:.1%}",
            "copies, features": f"{in_features[name]:.1%}",
        }
        for name in suspects
    ],
    caption=f"Closer: chance that a picture is closer to the training set than a held-out picture, 0.5 for fresh ones. Copies: share that singles out one training picture, 1 % for fresh ones by construction. {n_copies:,} pictures each",
)
rows_shown = []
for name in ("VAE", "GAN", "thief, with grain of 0.05"):
    pictures = suspects[name][0][:10]
    rows_shown += [pictures, x_train[nearest_neighbors(pictures, x_train).index[:, 0]]]
show(
    image_grid(
        torch.cat(rows_shown),
        6,
        10,
        row_titles=["VAE", "its nearest", "GAN", "its nearest", "thief", "its nearest"],
    ),
    alt="Three pairs of rows. Samples of the VAE and of the GAN above their nearest training pictures: similar in kind, but different pictures. The thief's grainy pictures above their nearest: the same pictures without grain.",
)
for name in ("VAE", "GAN"):
    claims.add(
        f"{name.lower()}_copies",
        copies[name],
        below=0.05,
        unit="%",
        whole_interval=True,
        text=f"{name}: samples that single out one training picture, pixels",
    )
grain_found = copies["thief, with grain of 0.05"].mean
tenth_found = copies["GAN, every tenth picture stolen"].mean
accused, cleared = closer["fresh pictures, blurred"].mean, copies["fresh pictures, blurred"].mean
claims.add("thief_grain", grain_found, above=0.9, unit="%", text="Thief with grain: copies found, pixels")
claims.add("tenth_stolen", tenth_found, between=(0.08, 0.15), unit="%", text="A tenth stolen: copies found")
if DATASET == "fashion_mnist":
    claims.add("blurred_closer", accused, above=0.55, text="Fresh, blurred: chance to be closer")
claims.add("blurred_copies", cleared, below=0.05, unit="%", text="Fresh, blurred: copies found, pixels")
# %% [markdown]
# In pixels, the detector finds the thief, also under grain, and also when only every tenth sample is stolen; it leaves fresh pictures alone, blurred or not. The plain distance ("closer") is no proof: on garments it accuses blurred
# real pictures, which nobody copied. And the search has a blind spot of its own: move the loot by one pixel, and in the last row pixels miss it, and features hardly do better. A search for copies is as good as the space it searches in.
#
# Neither model of this chapter hands out training pictures. That is a result about these small models and this much data, not about VAEs and GANs in general.
#
# ## 8 With more training
#
# Is all of this a matter of small models and short training? The course ships larger contestants that were trained longer, those of its **arena**: 20,000 pictures, twice the channels, the same decoder for all, three seeds each
# (`python -m recipes.arena`; chapter 11 has the whole table). The same judge, the same measures, on Fashion-MNIST.
# %%
from vae_course import load_arena


def shipped(name):
    """The three seeds of a contestant; none where they were not shipped, or trained on other pictures."""
    try:
        return [load_arena(name, seed) for seed in range(3)] if DATASET == "fashion_mnist" else []
    except ValueError:  # a seed is missing: show what is there, as long as it gives an interval
        return []


SHORT = {"vae_bernoulli": "VAE, Bernoulli", "vae_gaussian": "VAE, Gaussian", "vae_logistic": "VAE, logistic", "gan": "GAN"}  # fmt: skip
for name, short in SHORT.items():
    if models := shipped(name):
        label = f"arena {short}"
        drawn[label] = [model.sample(n_judged, seeded(i)) for i, model in enumerate(models)]  # fmt: skip
        score[label] = scored(drawn[label])
trained_longer = [name for name in drawn if name.startswith("arena")]
if len(trained_longer) == len(SHORT):
    show(
        image_grid(
            torch.cat([fresh[:12], *(drawn[name][0][:12] for name in trained_longer)]),
            len(trained_longer) + 1,
            12,
            row_titles=["real", *(name.removeprefix("arena ") for name in trained_longer)],
        ),
        alt="Twelve real pictures and twelve samples of each model that was trained longer: VAEs with different likelihoods, all smooth, and a GAN with texture and edges.",
    )
    score_table(trained_longer, "Contestants of the arena; mean of 3 seeds and its 95 % interval")
    longer_vae, longer_gan = trained_longer[0], trained_longer[-1]
    for key in ("sharpness", "precision", "Fréchet"):
        print(f"arena, GAN minus VAE (Bernoulli), {key}: {difference(longer_gan, longer_vae, key):+.2f}")
    softest_high = max(score[name]["fine power"].high for name in trained_longer[:-1])
    crisper = difference(longer_gan, longer_vae, "sharpness")
    surer_vae = difference(longer_vae, longer_gan, "precision")
    nearer_gan = difference(longer_vae, longer_gan, "Fréchet")
    claims.add(
        "arena_fine_power",
        softest_high,
        below=0.7,
        unit="%",
        text="Arena: fine power of three VAEs' samples, upper end of the largest interval, of data",
    )
    claims.add("arena_sharpness", crisper, above=0, whole_interval=True, text="Arena: sharpness, GAN − VAE")
    claims.add("arena_precision", surer_vae, above=0, whole_interval=True, text="Arena: precision, VAE − GAN")
    claims.add("arena_frechet", nearer_gan, above=0, whole_interval=True, text="Arena: Fréchet, VAE − GAN")
else:
    print(
        "The shipped contestants were trained on Fashion-MNIST. They are not here, or this run is about other pictures."
    )
# %% [markdown]
# On garments, more training does not change the verdict: the three VAEs are soft, whatever their likelihood; the GAN is sharper and, by this judge, nearer to real pictures, and it has less precision than the VAE with the Bernoulli likelihood.
#
# ## Play
#
# You are the forger: make the VAE's samples look better to the measures, by hand, without any model. Sharpen them until their sharpness is that of data: what does the Fréchet distance say? Add grain until the spectrum fits at high frequencies: does precision believe it? Then blur *real* pictures, and see which measures
# mind. The still figure shows the first answers.
# %%
from vae_course.widgets import explore_the_judge

n_play = min(500, n_judged)
sources = {"VAE samples": drawn["VAE"][0], "GAN samples": drawn["GAN"][0], "fresh real pictures": fresh}
explorer = explore_the_judge(
    {name: pictures[:n_play] for name, pictures in sources.items()}, real[:n_play], judge
)
# %% [markdown]
# How far does the forger get? All seeds, with the detail slider at 2:
# %%
drawn["VAE, sharpened by hand"] = [retouch(pictures, 2.0) for pictures in drawn["VAE"]]
score["VAE, sharpened by hand"] = scored(drawn["VAE, sharpened by hand"])
score_table(["VAE", "VAE, sharpened by hand", "GAN"], "The forger's work beside honest samples")
forged = difference("VAE", "VAE, sharpened by hand", "Fréchet")
against_gan = difference("VAE, sharpened by hand", "GAN", "Fréchet")
paid = difference("VAE, sharpened by hand", "VAE", "precision")
print(f"sharpened minus honest: Fréchet distance {-forged:+.1f}, precision {paid:+.2f}")
print(f"sharpened minus GAN: Fréchet distance {against_gan:+.1f}")
claims.add("forged", forged, above=0, whole_interval=True, text="Fréchet: VAE − the same sharpened by hand")
# %% [markdown]
# A filter that knows nothing of the data brings the samples nearer to real pictures, by {{forged}}, says the judge. No model has learned anything, and precision pays for it. Quote such a gain and somebody will try the filter on your baseline.
#
# ## What we measured
# %% tags=["hide-input"]
everything = ["fresh pictures", "thief", *contestants, "VAE, sharpened by hand", *trained_longer]
score_table(
    everything,
    f"All measures, one judge, {n_judged:,} pictures on each side; mean over seeds and its 95 % interval",
)
panels, frechet_axis = {}, "Fréchet distance,\ndebiased\n(squared features)"
for key, label in (
    ("debiased", frechet_axis),
    ("precision", "precision"),
    ("recall", "recall"),
    ("fine power", "fine power (data: 1)"),
):
    panels[label] = {name: score[name][key] for name in (*contestants, *trained_longer)}
show(
    interval_dots(
        panels,
        {frechet_axis: score["fresh pictures"]["debiased"].mean, "precision": score["fresh pictures"]["precision"].mean, "recall": score["fresh pictures"]["recall"].mean, "fine power (data: 1)": 1.0},
        log=("fine power (data: 1)",), reference_name="fresh",
    ),
    alt="Four panels with one row for each kind of samples: debiased Fréchet distance, precision, recall and fine power with intervals. No row is best in all panels; a dotted line in each stands for fresh pictures. "
    "Fine power of the rows that show a VAE's mean lies left of that line, that of its Bernoulli draws right of it.",
)  # fmt: skip
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `solution` is folded.
#
# ### Exercise 07.1: the best single answer (easy)
#
# A code leaves several pictures possible, with different probabilities. **Contract**: `best_picture(pictures, weights)`: `pictures` is `(n, C, H, W)`, float; `weights` is `(n,)`, ≥ 0, not all 0, and not normalized. Returns the picture `(C, H, W)` with the smallest expected squared error.
# %%
def best_picture(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """pictures: (n, C, H, W); weights: (n,), >= 0, not normalized. Returns (C, H, W)."""
    ...


check("07.1", best_picture)
# hint("07.1")  # remove the first # for a hint, again for the next one
# %%
solution("07.1")
# %% [markdown]
# ### Exercise 07.2: read the report (easy)
#
# Four generators of garments, judged with 2,000 pictures each. Fresh pictures get: Fréchet distance 3, precision 0.75, recall 0.75, sharpness 1, copies 1 %.
#
# | | Fréchet | precision | recall | sharpness | copies |
# |---|---|---|---|---|---|
# | **A** | 3 | 0.80 | 0.78 | 1.0 | 97 % |
# | **B** | 95 | 0.80 | 0.30 | 0.1 | 1 % |
# | **C** | 95 | 0.25 | 0.55 | 12 | 1 % |
# | **D** | 180 | 0.80 | 0.05 | 1.0 | 1 % |
#
# **Contract**: a dict with one code for each: `"mean"` (a VAE that shows the decoder's mean), `"draw"` (the same VAE with the decoder's pixel noise), `"thief"` (hands out training pictures), `"one class"` (a GAN that makes good pictures of one kind of garment only).
# %%
answer_07_2 = {"A": ..., "B": ..., "C": ..., "D": ...}

check("07.2", answer_07_2)
# hint("07.2")  # remove the first # for a hint, again for the next one
# %%
solution("07.2")


# %% [markdown]
# ### Exercise 07.3: what is missing above a frequency? (medium)
#
# **Contract**: `missing_power(samples, data, cutoff)`: both `(n, 1, side, side)`, float; `cutoff` in cycles per pixel. Of all waves whose frequency $\sqrt{f_x^2 + f_y^2}$ is at least `cutoff` (corners included), returns 1 minus the power of the samples over the power of the data: a number, 0 if nothing is missing, 1 if everything, negative if there is too much.
# Power is the squared size of the Fourier coefficient, averaged over pictures and summed over these waves.
# %%
def missing_power(samples: torch.Tensor, data: torch.Tensor, cutoff: float) -> torch.Tensor:
    """samples, data: (n, 1, side, side); cutoff: cycles per pixel. Returns a number, at most 1."""
    ...


check("07.3", missing_power)
# hint("07.3")  # remove the first # for a hint, again for the next one
# %%
solution("07.3")


# %% [markdown]
# ### Exercise 07.4: the distance for infinitely many pictures (medium)
#
# The bias of a Fréchet distance is close to $c/n$ with a constant $c$. **Contract**: `at_infinity(sizes, distances)`: two lists of numbers, at least two different sizes. Returns the value at $n = \infty$ of the straight line in
# $1/n$ that fits the distances best (least squares): a number.
# %%
def at_infinity(sizes: list[int], distances: list[float]) -> float:
    """sizes: pictures on each side; distances: measured with them. Returns the distance without bias."""
    ...


check("07.4", at_infinity)
# hint("07.4")  # remove the first # for a hint, again for the next one
# %%
solution("07.4")


# %% [markdown]
# ### Exercise 07.5: closer than chance? (hard)
#
# **Contract**: `closer_than_fresh(samples, train, held_out)`: float tensors `(n, d)`, `(m, d)`, `(k, d)`. The distance of a point to the training set is the Euclidean distance to its nearest row of `train`. Returns the chance that a random sample has a smaller distance to the training set than a random held-out point has; ties count one half: a number in
# [0, 1], 0.5 for samples that are like fresh data.
# %%
def closer_than_fresh(samples: torch.Tensor, train: torch.Tensor, held_out: torch.Tensor) -> torch.Tensor:
    """samples: (n, d), train: (m, d), held_out: (k, d). Returns a number in [0, 1]."""
    ...


check("07.5", closer_than_fresh)
# hint("07.5")  # remove the first # for a hint, again for the next one
# %%
solution("07.5")
# %% [markdown]
# ## Summary
#
# A decoder with a likelihood that treats pixels one by one draws the conditional mean: the average of everything that the code leaves open. In a world of sixteen pictures that average can be computed, and trained VAEs draw it at every β. On real pictures the code leaves texture open, so the fine waves are missing; draws of the decoder put grain in their place,
# because what is missing is correlated over pixels and the decoder's noise is not. More bits sharpen reconstructions but showed no gain in samples; neither a larger decoder nor longer
# training makes samples crisp. A GAN with the same decoder has the fine waves and less precision: which of the two is "more realistic" depends on the measure. A Fréchet distance is the opinion of one judge, biased by
# the number of pictures, and blind to whatever its judge ignores; a sharpening filter is enough to lower it. A thief gets the best mark of all, and only a comparison with training pictures, with held-out pictures as the baseline, catches it.
#
# ## References
#
# - C. M. Bishop: *Pattern Recognition and Machine Learning*, 2006. Section 1.5.5 (the conditional mean minimizes the squared error).
# - A. B. L. Larsen et al.: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016. Section 1 (element-wise errors).
# - A. A. Alemi et al.: *Fixing a Broken ELBO*, ICML 2018. B. Dai, D. Wipf: *Diagnosing and Enhancing VAE Models*, ICLR 2019 (holes of the aggregate posterior and samples).
# - R. Durall, M. Keuper, J. Keuper: *Watch your Up-Convolution: CNN Based Generative Deep Neural Networks are Failing to Reproduce Spectral Distributions*, CVPR 2020. Section 3 (azimuthal average).
# - M. Heusel et al.: *GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium*, NIPS 2017 (FID). M. J. Chong, D. Forsyth: *Effectively Unbiased FID and Inception Score and Where to Find Them*, CVPR 2020.
# - G. Parmar, R. Zhang, J.-Y. Zhu: *On Aliased Resizing and Surprising Subtleties in GAN Evaluation*, CVPR 2022. S. Barratt, R. Sharma: *A Note on the Inception Score*, 2018.
# - T. Kynkäänniemi et al.: *Improved Precision and Recall Metric for Assessing Generative Models*, NeurIPS 2019; *The Role of ImageNet Classes in Fréchet Inception Distance*, ICLR 2023.
# - M. H. Quenouille: *Notes on Bias in Estimation*, Biometrika 43, 1956. B. Efron, R. Tibshirani: *An Introduction to the Bootstrap*, 1993. Chapters 10 and 11.
# - C. Meehan, K. Chaudhuri, S. Dasgupta: *A Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS 2020. N. Carlini et al.: *Extracting Training Data from Diffusion Models*, USENIX Security 2023 (a relative distance).
# - L. Theis, A. van den Oord, M. Bethge: *A note on the evaluation of generative models*, ICLR 2016.
#
# Next: [08 · How large should the code be?](08_Optimizing_Latent_Space_Size.ipynb)

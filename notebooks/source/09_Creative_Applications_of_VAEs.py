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
# # 09 · Creative applications
#
# <!-- badge -->
#
# <!-- minutes -->
#
# What is a VAE good for, apart from numbers in tables? You cross garments, breed pictures by picking the ones you like, put glasses on faces, write
# all ten digits in one hand, and invent names. Each time a measurement asks what you really got, and what changed besides. Then a use with
# consequences, medical anomaly detection, and the trap in it. You leave with a poster and a morph of your own making.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **cross** pictures in the code, and **measure** whether a judge still sees the parents;
# 2. **compute** an attribute vector from training pictures, and **measure** its success and its collateral change;
# 3. **build** a conditional VAE, and **separate** what was told (the class) from what was not (the style);
# 4. **count** how many invented names are new, and how many of these are plausible;
# 5. **rank** cases by −ELBO, with an interval, beside simple baselines, and **predict** when the ranking fails.
#
# You need chapters 02 (the VAE) and 03 (paths through the code); section 6 borrows the importance-weighted bound from chapter 02, section 7 the gray pixels from chapter 05.
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
GARMENTS = "fashion_mnist"  # pictures to cross and breed: "fashion_mnist" (download) or "digits" (offline)
DIGITS = "mnist"  # digits of the conditional VAE: "mnist" (downloaded) or "digits" (1,797 digits, offline)
NAMES = "names"  # "names" (given names, downloaded) or "invented_names" (drawn from a small grammar, offline)
NORMAL = "fashion_mnist"  # section 7's model learns these: "fashion_mnist" or "faint_digits" (offline)
STRANGE = "mnist"  # ... and is shown these: "mnist" (downloaded) or "digits" (offline)
EXAMPLES = 20000  # training pictures of each model (fewer if there are fewer), 1,000 or more
EPOCHS = 4  # passes through them, 3 or more
BATCH_SIZE = 128  # pictures in one update, 32 to 500
LEARNING_RATE = 4e-3  # highest learning rate of Adam, falls linearly to 0
DIGIT_EXAMPLES = 10000  # training digits of section 4 (fewer if there are fewer), 1,000 or more
DIGIT_EPOCHS = 10  # passes through them, 6 or more
DIGIT_BATCH = 64  # digits in one update, 32 to 200
LOUDNESS = 4.0  # size of the number that tells the class, 1 to 8
LATENT_DIM = 16  # size of the code of garments and digits, 8 to 32
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
N_PAIRS = 400  # held-out pictures that are crossed, varied, rewritten, 100 or more
ROUNDS = 6  # rounds of breeding, 3 to 8
GAMES = 8  # games of breeding with each model, 4 or more
FACES = 4000  # labeled training faces, 2,000 to 8,000
N_FACES = 200  # held-out faces that are edited, 100 to 400
N_NAMES = 1000  # names to invent with each model, 300 or more
BIOPSY_EPOCHS = 150  # passes through the healthy training biopsies, 50 or more
BIOPSY_SEEDS = 5  # models of them, 3 or more
N_STRANGE = 500  # held-out pictures of each kind in section 7, 200 or more
CELEBA = False  # True repeats section 3 on photographs, for which you need CelebA (data/README.md)
FOLDER = "my_work"  # folder for your poster and your morph
# %%
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch.nn import functional as F

from vae_course import (
    FACTORS,
    VAE,
    Runs,
    draw_faces,
    elbo_terms,
    evaluate,
    fit,
    load,
    load_classifier,
    load_face_model,
    load_reader,
    load_text_model,
    seed_everything,
    seeded,
    with_classes,
)
from vae_course.evaluation import (
    NGram,
    adjusted_vectors,
    auroc,
    auroc_difference,
    auroc_interval,
    coin_entropy,
    elbo_scores,
    importance_weighted_scores,
    isolation_forest_scores,
    judge_edit,
    lerp,
    linear_probe,
    mean_difference,
    pca_scores,
    posterior_means,
    probe_direction,
    read,
    slant,
    text_quality,
    thickness,
)
from vae_course.models import ConditionalVAE, GaussianVAE
from vae_course.plots import (
    animation_html,
    image_grid,
    interpolation_strip,
    interval_dots,
    line_plot,
    pictures,
    write_morph,
    write_poster,
)
from vae_course.teaching import (
    Claims,
    check,
    check_parameters,
    hint,
    predict,
    results_table,
    show,
    show_html,
    solution,
)
from vae_course.widgets import breed, explore_attributes, explore_more_like_this, more_like

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    GARMENTS=("fashion_mnist", "digits"),
    DIGITS=("mnist", "digits"),
    NAMES=("names", "invented_names"),
    NORMAL=("fashion_mnist", "faint_digits"),
    STRANGE=("mnist", "digits"),
    EXAMPLES=1000,
    EPOCHS=3,
    BATCH_SIZE=1,
    LEARNING_RATE=0.0,
    DIGIT_EXAMPLES=1000,
    DIGIT_EPOCHS=6,
    DIGIT_BATCH=1,
    LOUDNESS=0.0,
    LATENT_DIM=8,
    N_SEEDS=3,
    N_PAIRS=100,
    ROUNDS=3,
    GAMES=4,
    FACES=1000,
    N_FACES=50,
    N_NAMES=300,
    BIOPSY_EPOCHS=50,
    BIOPSY_SEEDS=3,
    N_STRANGE=100,
    CELEBA=False,
    FOLDER="",
)
claims = Claims("09_Creative_Applications_of_VAEs", parameters)
if OFFLINE:
    GARMENTS = DIGITS = STRANGE = "digits"
    NAMES, NORMAL, CELEBA = "invented_names", "faint_digits", False
SEEDS = range(N_SEEDS)


def load_some(name, split, n):
    """At most n examples of a data set; its classes keep their shares."""
    data = load(name, split)
    return data.subset(min(n, len(data)), seed=0)


def verdict(interval, *borders):
    """The range between rising borders (0, 1, ...) that holds the whole interval; one more than the last if none does."""
    first, last = (sum(end > border for border in borders) for end in (interval.low, interval.high))
    return first if first == last else len(borders) + 1


CANNOT_TELL = "cannot tell: the interval reaches into several of these"


# %% [markdown]
# Everything below is measured on **held-out** pictures: validation parts for pictures and names, the test part once for the biopsies and the faces. Settings were
# tried out on validation parts. The judges of pictures are small networks that came with the package; they learned from training parts, and no VAE learned from them.
#
# ## 1 What lies between two garments?
#
# Chapter 03 walked between two pictures. A *chain* walks on, from each to the next and back to the first, and a *grid* mixes four at once.
# First the models: one small VAE for each seed, by the recipe of chapter 02.


# %%
def train(model_class, data, seed, **settings):
    """A small VAE (or a relative) after a short training run; settings take the place of those below."""
    seed_everything(seed)
    model = model_class.for_data(data, latent_dim=LATENT_DIM, hidden_dims=(256, 128))
    usual = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE, "kl_warmup": 0.5}
    usual |= {"schedule": "linear", "warmup": 0.05, "eval_examples": 100, "progress": False, "device": "cpu"}
    fit(model, data, seed=seed, **usual | settings)
    return model


garments, held_out = load_some(GARMENTS, "train", EXAMPLES), load_some(GARMENTS, "validation", 2000)
judge = load_classifier(GARMENTS)
makers = []
for seed in SEEDS:
    makers.append(train(VAE, garments, seed))
    print(f"seed {seed}: held-out −ELBO {evaluate(makers[-1], held_out).negative_elbo} nats", flush=True)
maker = makers[0]
# %%
CORNERS = [7, 9, 8, 5]  # classes; among garments: sneaker, ankle boot, bag, sandal


def typical(data, label):
    """The first picture of a class that the judge is sure of, with its code."""
    candidates = data.select(data.labels == label)
    sure = judge.probabilities(maker.reconstruct(candidates.floats()))[:, label]
    return candidates.floats()[int((sure > 0.9).float().argmax())]


corners = torch.stack([typical(held_out, label) for label in CORNERS])
corner_names = [held_out.class_names[label] for label in CORNERS]
with torch.no_grad():
    codes_of_corners = maker.encode(corners).mean
t = torch.linspace(0, 1, 9)
stations = [0, 1, 2, 0]
chain = torch.cat([lerp(codes_of_corners[a], codes_of_corners[b], t)[:-1] for a, b in pairwise(stations)])
film = pictures(maker, chain)
show(
    interpolation_strip(
        torch.stack([film[8 * leg : 8 * leg + 8] for leg in range(3)]),
        [f"{i}/8" for i in range(8)],
        row_labels=[f"{corner_names[a]} → {corner_names[b]}" for a, b in pairwise(stations)],
    ),
    alt="Three rows of eight decoded pictures: a closed chain through three classes. In each row the shape changes step by step from one "
    "class towards the next.",
)


# %%
def mix(corner_codes, n):
    """A grid of n × n mixtures of four codes (top left, top right, bottom left, bottom right): (n·n, latent)."""
    down, across = torch.meshgrid(torch.linspace(0, 1, n), torch.linspace(0, 1, n), indexing="ij")
    weights = torch.stack(
        [(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across], dim=-1
    )
    return weights.reshape(-1, 4) @ corner_codes


show(
    image_grid(pictures(maker, mix(codes_of_corners, 7)), 7, 7, cell=0.7),
    alt=f"Seven by seven decoded pictures. The corners are {', '.join(corner_names)}; between them each picture is a mixture of its corners, "
    "weighted by nearness.",
)
# %% [markdown]
# Is a mixture a *hybrid*, in which you still see both parents? Or does the decoder draw something else there? Ask the judge.
# %%
guess = predict(
    "Halfway between two held-out pictures of different classes: how often does the judge see neither parent, but a third class?",
    ["in less than 10 % of the pairs", "in 10 to 40 %", "in more than 40 %", CANNOT_TELL],
    default=0,
)
# %%
order = torch.randperm(len(held_out), generator=seeded(0))
first, second = order[: len(order) // 2], order[len(order) // 2 : 2 * (len(order) // 2)]
different = held_out.labels[first] != held_out.labels[second]
first, second = first[different][:N_PAIRS], second[different][:N_PAIRS]


def third_class(images):
    """Share of the pictures, one for each pair, in which the judge sees the class of neither parent."""
    seen = judge.probabilities(images).argmax(-1)
    return ((seen != held_out.labels[first]) & (seen != held_out.labels[second])).double().mean().item()


third = {"first parent, decoded": [], "halfway in the code": [], "halfway in pixels (cross-fade)": []}
for model in makers:
    a, b = (posterior_means(model, held_out.select(index)) for index in (first, second))
    ends = pictures(model, a), pictures(model, b)
    third["first parent, decoded"].append(third_class(ends[0]))
    third["halfway in the code"].append(third_class(pictures(model, (a + b) / 2)))
    third["halfway in pixels (cross-fade)"].append(third_class((ends[0] + ends[1]) / 2))
third = {name: Runs(values, least=0, most=1) for name, values in third.items()}
results_table(
    [{"picture": name, "a third class": f"{runs:.2f}"} for name, runs in third.items()],
    caption=f"Share of {len(first)} pairs in which the judge sees neither parent's class; 95 % intervals over {N_SEEDS} seeds",
)
hybrid, parent = third["halfway in the code"], third["first parent, decoded"]
guess.compare(
    verdict(hybrid, 0.1, 0.4),
    f"in {hybrid:.0%} of the pairs (95 % interval over seeds); of the decoded first parents, in {parent.mean:.0%}.",
)
text = "A third class halfway in the code, minus in the decoded first parents"
claims.add("third_class", hybrid - parent, above=0, unit="%", whole_interval=True, text=text)
# %% [markdown]
# So the middle between two codes is often not "half of each". The straight line leads through whatever region lies between, and that may belong to
# a third class: nothing is half a sandal and half a shirt. But do not blame the code alone: even a decoded *parent* is sometimes taken for a third class (the first row, for the first of the two), and a cross-fade nearly as often as the middle of the code (the last). The judge must name one of the classes it knows; it has no word
# for a hybrid. Whether you find a hybrid good is yours to say, and that is what the next section is built on.
#
# ## 2 More like this: how far can you go?
#
# Nobody can write down what makes a picture pleasing, but everybody can point. So: show twelve pictures, let someone pick, keep the picks and fill up
# with children *near the picked codes* (the picks take turns as the parent), and repeat. The question is what "near" should be. The obvious step $z + s\,\varepsilon$ adds noise to noise: after a few
# rounds the codes lie far outside the prior, where the decoder has seen nothing. This one does not drift:
#
# $$
# z' = \sqrt{1 - s^2}\; z + s\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I).
# $$
#
# In words: forget a little of $z$, then add noise with the variance that was forgotten. If $z$ follows the prior, so does $z'$, for each spread $s$: the variances
# $1 - s^2$ and $s^2$ add up to 1. At $s = 0$ you get copies, at $s = 1$ fresh draws.
# %%
generator = seeded(0)
kept, drifting = (torch.randn(4000, LATENT_DIM, generator=generator),) * 2
for _ in range(ROUNDS):
    kept = more_like(kept, len(kept), 0.5, generator)
    drifting = drifting + 0.5 * torch.randn(drifting.shape, generator=generator)
sizes = {name: z.square().mean().item() for name, z in {"kept": kept, "drifting": drifting}.items()}
print(
    f"mean z² after {ROUNDS} rounds with s = 0.5: {sizes['kept']:.3f} with the formula, {sizes['drifting']:.3f} with z + s ε; the prior has 1"
)
drifted = 1 + ROUNDS / 4
claims.add("square", sizes["kept"], near=(1, 0.03), text="Mean z² after all rounds with the formula")
claims.add("drift", sizes["drifting"], near=(drifted, 0.1), text="Mean z² after all rounds of z + s ε")
# %%
guess = predict(
    "Up to which spread s do at least half of the children keep the class that the judge sees in the parent?",
    ["not even s = 0.2", "s = 0.2 to 0.5", "s = 0.6 or more"],
    default=1,
)
# %%
SPREADS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0]
kept_class = {s: [] for s in SPREADS}
variety = {s: [] for s in SPREADS}
for seed, model in enumerate(makers):
    generator = seeded(seed)
    with torch.no_grad():
        parents = model.encode(held_out.floats()[:N_PAIRS]).sample(generator=generator)
    seen = judge.probabilities(pictures(model, parents)).argmax(-1)
    for s in SPREADS:
        twins = [pictures(model, more_like(parents, len(parents), s, generator)) for _ in range(2)]
        kept_class[s].append((judge.probabilities(twins[0]).argmax(-1) == seen).double().mean().item())
        variety[s].append((twins[0] - twins[1]).square().mean().sqrt().item())
kept_class = {s: Runs(values, least=0, most=1) for s, values in kept_class.items()}
variety = {s: Runs(values, least=0) for s, values in variety.items()}
relative = {s: variety[s] / variety[1.0] for s in SPREADS}
curves = {
    "children with the parent's class": kept_class,
    "difference between siblings (1: fresh draws)": relative,
}
show(
    line_plot(
        {name: (SPREADS, [runs[s] for s in SPREADS]) for name, runs in curves.items()},
        x_label="spread s",
        y_label="share",
    ),
    alt="Two curves against the spread. The share of children that keep the parent's class is 1 at spread 0 and falls; the difference between two "
    "siblings is 0 at spread 0 and rises to 1.",
)
reach = max(s for s in SPREADS if kept_class[s].mean >= 0.5)
guess.compare(
    0 if reach < 0.2 else 1 if reach < 0.6 else 2,
    f"the largest of these spreads with at least half of the classes kept is s = {reach:g}; there two siblings differ by "
    f"{relative[reach].mean:.0%} of what two fresh draws differ by.",
)
nearer = kept_class[0.3] - kept_class[1.0]
text = "Children with the parent's class, s = 0.3 minus s = 1"
claims.add("class_kept", nearer, above=0.2, unit="%", whole_interval=True, text=text)
# %% [markdown]
# There is the dial of controlled variation: more variety costs more of what you picked. At $s = 1$ the falling curve does not end at 0, because a fresh draw may hit the class by chance.
#
# Does picking work? A program plays in place of a reader. It wants one class, and picks in each round the three pictures that the judge finds most like it. Its
# opponent picks three at random. The score is the share of the wanted class among the new pictures of the last round, from which nobody has picked. The judge that helps one player
# to pick also keeps the score. So this measures whether picking *steers*, not whether you would see the same class.
# %%
WANTED = 8  # among garments: the bag


def like_wanted(images):
    return judge.probabilities(images)[:, WANTED].topk(3).indices.tolist()


def share_of_children(game):
    """Share of the last round's new pictures in which the judge sees the wanted class."""
    children = game.images[len(game.picked[-1]) :]
    return (judge.probabilities(children).argmax(-1) == WANTED).double().mean().item()


luck = seeded(0)


def at_random(images):
    return torch.randperm(len(images), generator=luck)[:3].tolist()


shares = {"picks the wanted": [], "picks at random": []}
for model in makers:
    for name, player in zip(shares, (like_wanted, at_random), strict=True):
        games = [breed(model, player, rounds=ROUNDS, spread=0.4, seed=number) for number in range(GAMES)]
        shares[name].append(sum(map(share_of_children, games)) / GAMES)
picked = {name: Runs(values, least=0, most=1) for name, values in shares.items()}
print(
    f"share of {held_out.class_names[WANTED]!r} among the last children: "
    + "; ".join(f"{name} {runs:.2f}" for name, runs in picked.items())
)
ahead = picked["picks the wanted"] - picked["picks at random"]
text = "Share of the wanted class after breeding, picked minus random"
claims.add("breeding", ahead, above=0.2, unit="%", whole_interval=True, text=text)
# %% [markdown]
# Picking works, three ticks a round, with a VAE that was never told a class. In *Play*, below, it is your turn, and what you breed becomes a poster.
#
# ## 3 Add glasses: what else changes?
#
# Add one vector to the code of *any* face, and it wears glasses: attribute arithmetic. On photographs nobody can say what else should have changed. So these
# faces are drawn by a program from nine independent factors, and the right answer is known: **the same face, drawn with glasses**.
# %%
faces, test_faces = load("faces_synthetic", "train", subset=FACES), load("faces_synthetic", "test")
GLASSES, SMILE, HAIR = (FACTORS.index(name) for name in ("glasses", "smile", "hair_color"))
face_models = [
    load_face_model(seed) for seed in range(3)
]  # three runs of the command in weights/README.md; seeds 0 and 1 stopped after 22 and 12 of 24 epochs
reader = load_reader("faces_synthetic")
some = test_faces.batch(slice(0, 8))
show(
    image_grid(
        torch.cat([some, pictures(face_models[0], posterior_means(face_models[0], test_faces)[:8])]),
        2, 8, row_titles=["drawn", "decoded"],
    ),
    alt="Eight drawn faces of many hair, skin and background colors, some with glasses, and under each its reconstruction, nearly the same but a little softer.",
)  # fmt: skip
error = (read(reader, test_faces.floats()) - test_faces.factors).abs().mean(0)
print(
    "mean error of the reader of factors, each from 0 to 1: "
    + ", ".join(f"{name} {e:.3f}" for name, e in zip(FACTORS, error.tolist(), strict=True))
)


# %% [markdown]
# The judge is a small network that reads the nine factors off a picture. It was trained on drawn faces, not on decoded ones. The three models are three runs of one command, but two of them were cut short, after 22 and 12 of the 24 epochs:
# the intervals over models, below, hold that difference as well as that of the seeds.
#
# Three ways to a vector for an attribute, all from **training** codes and labels:
#
# - **mean difference**: mean code with, minus mean code without;
# - **probe**: train a linear classifier of the codes, and step across its boundary at a right angle;
# - **adjusted**: regress the codes on *all* attributes at once; each attribute gets the change of the code that belongs to it while the others stay.
#
# Only directions are to be compared, so each vector is stretched until, on training faces, it raises the judge's reading of the attribute by nine tenths of what the true edit does (glasses on, or the smile raised by half its range). In the table below,
# *gain* is that rise on held-out faces, *success* the share of faces whose reading ends above ½, and *collateral* the mean absolute change of the other eight readings. The row *true edit* is the redrawn face sent through encoder and decoder.
#
# And two albums of labels. In the first the attributes are independent, as drawn. The second is how albums are: nine out of ten people with glasses happen to be
# blond, and nine of ten without are dark (and the same for the smile). The VAE itself was trained on all faces, without a label.
# %%
guess = predict(
    "Vectors from the biased album. Which adds glasses and changes the color of the hair least?",
    ["the mean difference", "the probe", "the adjusted one", "cannot tell: the best two are too close"],
    default=0,
)


# %%
def album(target, biased, seed=0):
    """Rows of labeled training faces: all, or a choice in which the target and blond hair come together."""
    if not biased:
        return torch.ones(len(faces), dtype=torch.bool)
    together = faces.attributes[:, target] == faces.attributes[:, HAIR]
    luck = torch.rand(len(faces), generator=seeded(seed))
    return torch.where(together, luck < 0.9, luck < 0.1)


def vectors_of(codes, has, target):
    """The vector for one attribute from training codes and all their labels, three ways."""
    return {
        "mean difference": mean_difference(codes, has[:, target]),
        "probe": probe_direction(codes, has[:, target]),
        "adjusted": adjusted_vectors(codes, has)[target],
    }


def true_edit(data, target):
    """The same faces drawn with the attribute: glasses on, or the other factor raised by one half."""
    asked = data.factors.clone()
    asked[:, target] = 1.0 if target == GLASSES else asked[:, target] + 0.5
    return draw_faces(asked).float() / 255


def dose(model, vector, codes, target, wanted, reader=reader):
    """How often to add the vector so that the target's mean reading rises as wanted; at most four times."""
    start = read(reader, pictures(model, codes))[:, target].mean()
    low, high = 0.0, 4.0
    for _ in range(7):  # halve the interval
        middle = (low + high) / 2
        rise = read(reader, pictures(model, codes + middle * vector))[:, target].mean() - start
        low, high = (low, middle) if rise >= wanted else (middle, high)
    return high


train_codes = [posterior_means(model, faces) for model in face_models]
labels_of_faces = faces.attributes.float()
with_glasses = faces.attribute("Eyeglasses").bool()
difference = train_codes[0][with_glasses].mean(0) - train_codes[0][~with_glasses].mean(0)  # no more than this
off = (difference - vectors_of(train_codes[0], labels_of_faces, GLASSES)["mean difference"]).abs().max()
claims.add("same_vector", off, below=1e-6, exact=True, text="Mean difference by hand against the package's")
# %%
outcome, gallery = {}, {}
for target in (GLASSES, SMILE):
    tuning = faces.select(faces.attributes[:, target] == 0)  # doses are set on training faces
    tuning = tuning.subset(min(100, N_FACES), seed=1)
    without = test_faces.select(test_faces.attributes[:, target] == 0)
    without = without.subset(min(N_FACES, len(without)))
    truth = true_edit(without, target)
    for seed, model in enumerate(face_models):
        codes, tuning_codes = posterior_means(model, without), posterior_means(model, tuning)
        before, tuning_before = (read(reader, pictures(model, z)) for z in (codes, tuning_codes))
        with torch.no_grad():  # the true edit, through encoder and decoder: what a perfect vector could reach
            best = {"true edit": pictures(model, model.encode(truth).mean)}
            ideal = read(reader, pictures(model, model.encode(true_edit(tuning, target)).mean))
        wanted = 0.9 * judge_edit(tuning_before, ideal, target).gain
        for kind in ("independent", "biased"):
            chosen = album(target, kind == "biased", seed)
            made = {
                name: pictures(model, codes + dose(model, vector, tuning_codes, target, wanted) * vector)
                for name, vector in vectors_of(
                    train_codes[seed][chosen], labels_of_faces[chosen], target
                ).items()
            }
            if seed == 0 and kind == "biased":
                gallery[target] = torch.cat(
                    [pictures(model, codes[:8]), *(x[:8] for x in made.values()), truth[:8]]
                )
            for name, images in (made if kind == "biased" else made | best).items():
                report = judge_edit(before, read(reader, images), target)
                row = {
                    "gain": report.gain,
                    "success": report.success,
                    "collateral": report.collateral,
                    "hair": report.changes[HAIR].item(),
                    "distance": (images - truth).square().mean().sqrt().item(),
                }
                outcome.setdefault((target, kind if name != "true edit" else "none", name), []).append(row)
VECTORS = ("mean difference", "probe", "adjusted")
BORDERS = {"success": {"least": 0, "most": 1}, "collateral": {"least": 0}, "distance": {"least": 0}}


# %% tags=["hide-input"]
def measured(what, target, kind, name):
    """A number of every model."""
    return Runs((row[what] for row in outcome[target, kind, name]), **BORDERS.get(what, {}))


results_table(
    [
        {
            "added": {GLASSES: "glasses", SMILE: "smile"}[target],
            "labels": kind,
            "vector": name,
            "gain": measured("gain", target, kind, name).mean,
            "success": f"{measured('success', target, kind, name).mean:.0%}",
            "collateral": f"{measured('collateral', target, kind, name):.3f}",
            "hair color": f"{measured('hair', target, kind, name):+.3f}",
            "distance to the true edit": f"{measured('distance', target, kind, name):.3f}",
        }
        for target, kind, name in outcome
    ],
    caption=f"Attributes added to {N_FACES} held-out faces, at equal gain in the target's reading. Collateral: mean absolute change of the other eight "
    "readings (0 to 1); hair color: mean change of its reading (0 dark, 1 blond); distance: root mean square over pixels (0 to 1). 95 % intervals over three models, two of them cut short (22 and 12 of 24 epochs)",
)
show(
    image_grid(gallery[GLASSES], 5, 8, row_titles=["decoded", *VECTORS, "true edit"]),
    alt="Five rows of the same eight faces: decoded without glasses; then with glasses by each of the three vectors from the biased album; last as drawn "
    "with glasses. In the row of the mean difference the hair is more yellow than in the others.",
)
hair = {name: measured("hair", GLASSES, "biased", name) for name in VECTORS}
change = {name: Runs(map(abs, runs.values), least=0) for name, runs in hair.items()}
least, runner_up = sorted(VECTORS, key=lambda name: change[name].mean)[:2]
lead = change[runner_up] - change[least]  # in pairs, one for each model
guess.compare(
    VECTORS.index(least) if lead.low > 0 else 3,
    "mean change of the hair's reading: "
    + ", ".join(f"{name} {runs:+.3f}" for name, runs in hair.items())
    + f". Size of the change, {runner_up} minus {least}: {lead:+.3f}.",
)
for target, what in ((GLASSES, "Glasses"), (SMILE, "Smile")):
    mean, adjusted = (measured("hair", target, "biased", name) for name in ("mean difference", "adjusted"))
    text = f"{what}, biased album: change of hair color, mean difference minus adjusted"
    claims.add(f"{what.lower()}_hair", mean - adjusted, above=0.1, whole_interval=True, text=text)
    success = measured("success", target, "biased", "adjusted")
    text = f"{what}, biased album, adjusted vector: success, share of faces"
    claims.add(f"{what.lower()}_success", success, above=0.8, unit="%", text=text)
collateral = {key[1:]: measured("collateral", *key) for key in outcome if key[0] == GLASSES}
dearer = collateral["biased", "probe"] - collateral["biased", "adjusted"]
text = "Glasses, biased album: collateral, probe minus adjusted"
claims.add("probe_biased", dearer, above=0, whole_interval=True, text=text)
dearer = collateral["independent", "probe"] - collateral["independent", "mean difference"]
text = "Glasses, independent album: collateral, probe minus mean difference"
claims.add("probe_independent", dearer, above=0, whole_interval=True, text=text)
dearer = collateral["independent", "mean difference"] - collateral["none", "true edit"]
text = "Glasses, independent album: collateral, mean difference minus true edit"
claims.add("mean_over_true", dearer, above=0, text=text)
# %% [markdown]
# Three lessons.
#
# - **A mean difference carries along what came along in the labels.** From the biased album it dyes the hair as well: there, hair tells the two groups apart nearly as well as the attribute itself. The adjusted vector does not (and the probe hardly does), but it needs the hair's *labels*. What nobody labeled, it cannot hold fixed.
# - **The boundary's normal is not the direction of change.** A probe is made to *tell*, not to *change*: it leans on every dimension that helps to tell, also on those that the attribute never moves (Haufe et al. 2014: filters are not patterns). "Train a classifier and walk along its normal" is a popular recipe. For the glasses its
#   collateral is larger than that of the plain difference when labels are independent, and than that of the adjusted vector in any case. For the smile it is no worse than these: compare the rows. So it is a matter of the attribute, and measuring is cheap.
# - **For the glasses, no vector comes close to the true edit** (last column). Perhaps because one direction serves every face, and a turned head wears its glasses elsewhere; that was not tested. For the smile the better vectors do come close.
#
# What was not tested: other likelihoods, larger codes, curved paths.
#
# Move the sliders: the vectors are adjusted ones from the unbiased album. Watch what changes that should not, above all at the ends: there you ask for more (or less) than any training face has. Do the last two rows of the still figure change only what their names say?
# %%
with_names = adjusted_vectors(train_codes[0], labels_of_faces)
chosen = ["Eyeglasses", "Smiling", "Blond_Hair", "Long_Hair", "Turned_Right"]
sliders = explore_attributes(
    face_models[0],
    {f"face {number + 1}": test_faces.batch(slice(0, 6))[number] for number in range(6)},
    {name.replace("_", " "): with_names[faces.attribute_names.index(name)] for name in chosen},
    alt="Five rows of one face, from an attribute taken away on the left to the attribute added on the right: glasses appear, the mouth bends up, the hair turns from dark to blond, the hair grows longer, the "
    "head turns. The ends show what no row's name says: where long hair is taken away, white noise takes its place beside the chin; where the turn is taken away, the face puts on glasses and loses its sad mouth; at its right end there are glasses again.",
)
# %% [markdown]
# ### And on photographs?
#
# The same functions take CelebA: 64×64 photographs of faces with forty attributes labeled by people. There is no true edit and no independent factor, so the judge is a
# classifier of the attributes, and its other readings say what else changed. The terms of CelebA forbid passing pictures on, so this page shows none. Set `CELEBA = True` if you have it.
# %%
if CELEBA:
    from vae_course import load_photograph_model
    from vae_course.evaluation import train_reader

    people, others = load("celeba", "train"), load("celeba", "validation")
    people, model = people.subset(min(6000, len(people))), load_photograph_model("celeba")
    attribute_reader = train_reader(people, people.attributes.float(), epochs=5)
    people_codes, rows = posterior_means(model, people), []
    for name in ("Smiling", "Eyeglasses", "Blond_Hair"):
        target = people.attribute_names.index(name)
        without = [
            data.select((data.attributes[:, target] == 0).nonzero()[:400, 0]) for data in (people, others)
        ]
        tuning_codes, codes = (posterior_means(model, data) for data in without)
        before = read(attribute_reader, pictures(model, codes))
        for kind, vector in vectors_of(people_codes, people.attributes.float(), target).items():
            amount = dose(model, vector, tuning_codes, target, 0.4, attribute_reader)
            report = judge_edit(
                before, read(attribute_reader, pictures(model, codes + amount * vector)), target
            )
            row = {"attribute": name, "vector": kind, "dose": amount, "gain": report.gain}
            rows.append(row | {"success": report.success, "collateral": report.collateral})
    results_table(
        rows,
        caption="CelebA: attributes added to held-out people, vectors from training people, at equal gain",
    )
else:
    print("CELEBA is False: nothing to do.")
# %% [markdown]
# ## 4 Which digit, in whose hand?
#
# So far the code had to hold everything. A **conditional VAE** (Sohn, Lee & Yan 2015) is told the class $c$, in the encoder and in the decoder:
#
# $$
# \log p(x|c) \;\ge\; \mathbb E_{z\sim q(z|x,c)}\bigl[\log p(x|z,c)\bigr] - \mathrm{KL}\bigl(q(z|x,c)\,\|\,p(z)\bigr).
# $$
#
# In words: the same bound, with $c$ known on both sides. Telling the class costs nothing, coding it costs nats, and the KL term is stingy. So the code should hold what $c$ does *not* tell: slant, thickness, the
# writer's hand. In a fully connected network "telling" is one line: append $c$, ten numbers of which all but one are 0, to the input.
#
# Two things help, found on validation digits. The class is told *loudly*: as a 4 instead of a 1, because a single 1 among 784 pixels is easily overheard. And there is no KL warm-up: while the KL term is cheap, the code takes the class as well, and gives it back only slowly. After a run as short as this one, a class told softly was still in
# the code, and rewriting failed for many digits: set `LOUDNESS = 1` and see.
# %%
digits, held_out_digits = load_some(DIGITS, "train", DIGIT_EXAMPLES), load_some(DIGITS, "validation", 2000)
told, told_held_out = with_classes(digits, LOUDNESS), with_classes(held_out_digits, LOUDNESS)
digit_judge = load_classifier(DIGITS)
plain, conditional = [], []
for seed in SEEDS:
    settings = {"epochs": DIGIT_EPOCHS, "batch_size": DIGIT_BATCH, "kl_warmup": 0.0}
    plain.append(train(VAE, digits, seed, **settings))
    conditional.append(train(ConditionalVAE, told, seed, **settings))
    print(f"seed {seed} done", flush=True)
model = conditional[0]
x, c = told_held_out.batch(slice(0, 5))
with torch.no_grad():
    seen = torch.cat([(x - model.input_mean).flatten(1), c], dim=1)  # the picture, and what is told
    mean, raw_log_var = model.encoder(seen).chunk(2, dim=1)
    log_var = 15 * torch.tanh(raw_log_var / 15)
    z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=seeded(0))
    logits = model.decoder(torch.cat([z, c], dim=1)) + model.output_offset
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    by_hand = reconstruction + 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1)
    package = elbo_terms(model, (x, c), seeded(0)).negative_elbo
off = (by_hand - package).abs().max()
text = "Conditional −ELBO by hand against the package's, largest difference of 5"
claims.add("same_elbo", off, below=1e-2, unit="nats", exact=True, text=text)
# %%
guess = predict(
    "How many nats does a digit cost less when its class is told?",
    [
        "hardly any: less than 0.5",
        f"0.5 to {math.log(10):.1f} (log 10): at most what the class is worth",
        f"more than {math.log(10):.1f}",
        CANNOT_TELL,
    ],
    default=1,
)
# %%
without_class = [evaluate(model, held_out_digits) for model in plain]
with_class = [evaluate(model, told_held_out) for model in conditional]
saved = {
    what: Runs(getattr(r, what) for r in without_class) - Runs(getattr(r, what) for r in with_class)
    for what in ("negative_elbo", "reconstruction", "kl")
}
guess.compare(
    verdict(saved["negative_elbo"], 0.5, math.log(10)),
    f"{saved['negative_elbo']:.1f} nats over {N_SEEDS} seeds; of these, reconstruction {saved['reconstruction']:.1f} and KL {saved['kl']:.1f}.",
)
told_saves = saved["negative_elbo"]
text = "Saved when the class is told"
claims.add("told", told_saves, above=0.5, unit="nats", whole_interval=True, text=text)


# %%
def class_in_code(model, train_data, held_out_data):
    """Accuracy of a linear probe that looks for the class in the code."""
    parts = []
    for data in (train_data, held_out_data):
        data = data.select(torch.arange(min(2000, len(data))))
        parts += [posterior_means(model, data), data.labels]
    return linear_probe(*parts)


readable = {
    "VAE": Runs((class_in_code(model, digits, held_out_digits) for model in plain), least=0, most=1),
    "conditional VAE": Runs(
        (class_in_code(model, told, told_held_out) for model in conditional), least=0, most=1
    ),
}
chance = (torch.bincount(held_out_digits.labels).max() / len(held_out_digits)).item()
print(
    "linear probe for the class in the code: "
    + ", ".join(f"{name} {runs:.2f}" for name, runs in readable.items())
    + f"; always saying the most frequent class would be right in {chance:.0%}"
)
left = readable["VAE"] - readable["conditional VAE"]
text = "Accuracy of a probe for the class, VAE minus conditional VAE"
claims.add("class_left", left, above=0.3, unit="%", whole_interval=True, text=text)
# %% [markdown]
# With *exact* log-likelihoods of one model, the saving could not exceed log 10 on average: $\log p(x|c) - \log p(x) \le -\log p(c)$. In words: being told something saves at most what it would have cost to say it. But these are bounds of two models after short training, and the gap of the
# bound may shrink as well: with the class told, the posterior has less to say. So take the measured number with its interval, and not as the worth of the class. As for the code: most of the class has left it (compare the probe with chance). What stays should be the hand.
#
# So keep the code and change the class. Each row below is one held-out digit, rewritten as all ten.
# %%
every_class = LOUDNESS * torch.eye(10)


def rewrite(model, x, c, new):
    """The pictures x of class c in the same style, as other classes: c and new (n, 10) as told in training."""
    return model.reconstruct((x, c), new)


writers = [int((held_out_digits.labels == label).nonzero()[1]) for label in (2, 4, 5, 7)]
x, c = told_held_out.batch(torch.tensor(writers))
with torch.no_grad():
    rewritten = torch.stack(
        [
            torch.cat(
                [
                    x[i : i + 1],
                    rewrite(conditional[0], x[i].expand(10, -1, -1, -1), c[i].expand(10, -1), every_class),
                ]
            )
            for i in range(4)
        ]
    )
show(
    image_grid(rewritten.flatten(0, 1), 4, 11, column_titles=["given", *(f"as {d}" for d in range(10))]),
    alt="Four rows. In each, a handwritten digit on the left and the ten digits rewritten in its style: rows differ in slant and thickness of the strokes.",
)
# %% [markdown]
# Is that style transfer, or do the rows only look alike? Measure. Slant and thickness (chapter 03) were not given to any model. For each pair of a held-out digit and a random other class: does the judge see the class that was asked for? And how well do slant and thickness of
# the new picture follow those of the given one? (A correlation within classes, because a 1 and a 7 differ in slant by themselves.) The rival does it with chapter 03's tools: a plain VAE, plus the difference of two class means.
# %%
guess = predict(
    "The rival adds (mean code of the new class − mean code of the old class) to a plain VAE's code. How often does it reach the class that was asked for, compared with the conditional VAE?",
    ["more often", "as often (within 3 percentage points)", "less often", CANNOT_TELL],
    default=1,
)
# %%
generator = seeded(0)
n = min(N_PAIRS, len(held_out_digits))
x, c = told_held_out.batch(slice(0, n))
old = held_out_digits.labels[:n]
new = (old + torch.randint(1, 10, (n,), generator=generator)) % 10


def follows(measure, given, made):
    """Correlation of a property over the pairs, within each new class: classes differ in slant by themselves."""
    a, b = measure(given).double(), measure(made).double()
    for label in range(10):
        a[new == label] -= a[new == label].mean()
        b[new == label] -= b[new == label].mean()
    for label in range(10):  # and the given digits by their own class
        a[old == label] -= a[old == label].mean()
    return F.cosine_similarity(a, b, dim=0).item()


style = {
    name: {"class reached": [], "slant follows": [], "thickness follows": []}
    for name in ("conditional VAE", "VAE + class means", "conditional VAE, code of another digit")
}
for seed in SEEDS:
    codes, train_codes = (
        posterior_means(plain[seed], held_out_digits)[:n],
        posterior_means(plain[seed], digits),
    )
    centers = torch.stack([train_codes[digits.labels == label].mean(0) for label in range(10)])
    shuffled = torch.randperm(n, generator=generator)
    made = {
        "conditional VAE": rewrite(conditional[seed], x, c, every_class[new]),
        "VAE + class means": pictures(plain[seed], codes + centers[new] - centers[old]),
        "conditional VAE, code of another digit": rewrite(
            conditional[seed], x[shuffled], c[shuffled], every_class[new]
        ),
    }
    for name, images in made.items():
        style[name]["class reached"].append(
            (digit_judge.probabilities(images).argmax(-1) == new).double().mean().item()
        )
        style[name]["slant follows"].append(follows(slant, x, images))
        style[name]["thickness follows"].append(follows(thickness, x, images))
summary = {
    name: {
        what: Runs(values, least=0 if what == "class reached" else -1, most=1) for what, values in row.items()
    }
    for name, row in style.items()
}
show(
    interval_dots(
        {
            f"{what}\n({unit})": {name: row[what] for name, row in summary.items()}
            for what, unit in zip(
                style["conditional VAE"], ("share", "correlation", "correlation"), strict=True
            )
        }
    ),
    alt="Three panels with a dot and an interval for each of three ways to rewrite a digit: share of pictures that reach the class asked for, correlation of the slant, correlation of the thickness. With the code of another digit both correlations are far lower.",
)
own, rival, other = summary.values()
ahead = own["class reached"] - rival["class reached"]
guess.compare(
    verdict(ahead, -0.03, 0.03),
    f"conditional {own['class reached']:.2f}, rival {rival['class reached']:.2f} of {n} digits; difference {ahead:+.2f}.",
)
text = "Class reached, conditional VAE minus VAE with class means"
claims.add("class_reached", ahead, above=0, unit="%", whole_interval=True, text=text)
for what in ("slant", "thickness"):
    gain = own[f"{what} follows"] - other[f"{what} follows"]
    text = f"{what.capitalize()} follows (correlation), own code minus the code of another digit"
    claims.add(f"{what}_follows", gain, above=0, whole_interval=True, text=text)
# %% [markdown]
# The class that was told is the class that is drawn, nearly always, and slant and thickness follow those of the given digit: the third row of the figure, with another digit's code, shows what "no style" looks like on the same scale. Look at the rival's dots, too: it keeps the hand about as well. What it misses more often is the class; perhaps one
# shift for all digits of a class is too simple (not tested).
#
# ## 5 How many of these names are new?
#
# The decoder of a VAE may write letters. The models here are recurrent ones (chapter 10 builds them), shipped with the package, three seeds. Draw codes from the prior, write a name for each, and count: **new** (not in the training list);
# **found again** (new, *and* in a held-out list of real names that no model was shown); **plausible** (no more surprising to a judge than 95 % of real held-out names are; the judge is an n-gram that counted a third list). Beside it the old opponent: an n-gram that counted the VAE's list, three letters
# of memory for the fourth. At *temperature* 0.7 the VAE's logits are divided by 0.7 before each draw, so likely letters become likelier.
# %%
guess = predict(
    "Which invents more names that are new and plausible at once?",
    ["the VAE", "the n-gram", "no difference that three seeds could show"],
    default=0,
)
# %%
name_lists = {}
for seed in SEEDS[:3]:
    writer, tokenizer = load_text_model(NAMES, seed=seed)
    known, unseen = (load(NAMES, part).with_tokenizer(tokenizer) for part in ("train", "validation"))
    if seed == 0:
        name_judge, ngram = (
            NGram(load(NAMES, "test").with_tokenizer(tokenizer), order=3),
            NGram(known, order=4),
        )
        first_writer = writer
    drawn = {
        "VAE": tokenizer.decode(writer.sample(N_NAMES, seeded(seed))),
        "VAE, temperature 0.7": tokenizer.decode(writer.sample(N_NAMES, seeded(seed), temperature=0.7)),
        "n-gram": tokenizer.decode(ngram.sample(N_NAMES, seeded(seed))),
    }
    for name, texts in drawn.items():
        name_lists.setdefault(name, []).append((texts, text_quality(texts, known, unseen, name_judge)))
MEASURES = {
    "new": "novel",
    "found again": "recovered",
    "plausible": "plausible",
    "new and plausible": "plausible_novel",
}
counts = {
    name: {
        what: Runs((getattr(quality, key) for _, quality in lists), least=0, most=1)
        for what, key in MEASURES.items()
    }
    for name, lists in name_lists.items()
}
results_table(
    [{"writer": name, **{what: f"{runs:.2f}" for what, runs in row.items()}} for name, row in counts.items()],
    caption=f"Shares of {N_NAMES:,} names from each of three models; 95 % intervals over the three",
)
print(
    f"{NAMES}: {len(known):,} different names to learn from, {len(unseen):,} held out, {len(load(NAMES, 'test')):,} for the judge"
)
list_of_known = set(known.texts)
invented = [text for text in dict.fromkeys(name_lists["VAE"][0][0]) if text not in list_of_known]
print("new, from the VAE: " + ", ".join(invented[:24]))
a, b = known.texts[0], known.texts[len(known.texts) // 2]
ends = first_writer.encode(tokenizer.encode([a, b])).mean.detach()
between = tokenizer.decode(first_writer.write(lerp(ends[0], ends[1], torch.linspace(0, 1, 9))))
print(f"from {a} to {b}: " + " → ".join(dict.fromkeys(between)))
gain = counts["VAE"]["new and plausible"] - counts["n-gram"]["new and plausible"]
guess.compare(
    2 if gain.low <= 0 <= gain.high else 0 if gain.mean > 0 else 1,
    f"VAE minus n-gram: {gain:+.3f}.",
)
usual, cooler = counts["VAE"], counts["VAE, temperature 0.7"]
text = "{} names at temperature 0.7 minus at temperature 1"
claims.add("new_names", usual["new"], above=0.3, unit="%", text="Share of the VAE's names that are new")
gained, lost = cooler["plausible"] - usual["plausible"], cooler["new"] - usual["new"]
claims.add("cooler_plausible", gained, above=0, unit="%", text=text.format("Plausible"))
claims.add("cooler_new", lost, below=0, unit="%", text=text.format("New"))
# %% [markdown]
# Read the columns together. New alone is cheap: random letters are always new. Plausible alone is cheap too: copy the list. A lower temperature trades one for the other. The judge is itself an n-gram, so it favors the n-gram's names; and "new" means new to *this* list: a new name may be somebody's
# name elsewhere. The "found again" column is the strictest: real names that the writer was never shown. Look whether the winner of the last column leads there, too.
#
# The path below the table need not start and end at the two names themselves: a code holds part of a spelling, and the decoder fills in the rest.
#
# ## 6 Which biopsies need a doctor?
#
# Now a use that matters. The Wisconsin table describes cell nuclei of breast biopsies by thirty numbers. Train a VAE on the **benign** training rows alone, never a malignant one, and let −ELBO say how strange a new row is. If you need a detector for what you have no examples of, that is the idea. The measure is AUROC: the probability that a malignant
# row is ranked stranger than a benign one; ½ is guessing. (Intervals: the test rows, drawn again and again with replacement.)
#
# The opponents are simple. An *isolation forest* cuts the rows apart at random; a row that stands alone after few cuts is strange. *PCA reconstruction* takes the distance from a plane through the benign rows. Then the distance from the mean benign row, and the one column of the
# table that does best on labeled training rows.
# %%
guess = predict(
    "Which score has the highest AUROC on the test part?",
    [
        "−ELBO of the VAE",
        "the isolation forest",
        "PCA reconstruction",
        "distance from the mean row",
        "one single column, chosen with labels",
        "cannot tell: the best two are too close",
    ],
    default=0,
)
# %%
tables = {part: load("biopsies", part) for part in ("train", "validation", "test")}
BENIGN = tables["train"].class_names.index("benign")
healthy = tables["train"].select(tables["train"].labels == BENIGN)
middle, width = healthy.values.mean(0), healthy.values.std(0)  # scaled with benign training rows alone
tables = {part: replace(data, values=(data.values - middle) / width) for part, data in tables.items()}
healthy = tables["train"].select(tables["train"].labels == BENIGN)
calm = tables["validation"].select(tables["validation"].labels == BENIGN)
detectors = []
for seed in range(BIOPSY_SEEDS):
    seed_everything(seed)
    detectors.append(GaussianVAE.for_data(healthy, latent_dim=4, hidden_dims=(64,)))
    history = fit(
        detectors[-1], healthy, calm, epochs=BIOPSY_EPOCHS, batch_size=32, learning_rate=3e-3, schedule="linear",
        warmup=0.0, kl_warmup=0.3, seed=seed, progress=False, device="cpu",
    )  # fmt: skip
print(
    f"{len(healthy)} benign training rows; −ELBO of benign validation rows, last seed: {history.last['validation']['negative_elbo']:.1f} nats"
)
# %%
test = tables["test"]


def both(scores):
    """Scores of the benign and of the malignant test rows."""
    return scores[test.labels == BENIGN], scores[test.labels != BENIGN]


score_sets = {
    "−ELBO": [elbo_scores(model, test, n_samples=64) for model in detectors],
    "importance-weighted bound": [importance_weighted_scores(model, test, k=300) for model in detectors],
}
flat = {part: data.values.flatten(1) for part, data in tables.items()}
rows = {
    "VAE: −ELBO": sum(score_sets["−ELBO"]) / BIOPSY_SEEDS,
    "VAE: importance-weighted bound": sum(score_sets["importance-weighted bound"]) / BIOPSY_SEEDS,
    "isolation forest": isolation_forest_scores(healthy.values, test.values),
    "PCA reconstruction (4 components)": pca_scores(healthy.values, test.values, 4),
    "distance from the mean row": flat["test"].double().square().sum(1),
}
known_rows = tables["train"]
on_train = [
    auroc(flat["train"][known_rows.labels == BENIGN, j], flat["train"][known_rows.labels != BENIGN, j])
    for j in range(flat["train"].shape[1])
]
best_column = max(range(len(on_train)), key=on_train.__getitem__)
rows[f"one column, chosen with labels: {test.columns[best_column]}"] = flat["test"][:, best_column].double()
result = {name: auroc_interval(*both(scores)) for name, scores in rows.items()}
single = Runs((auroc(*both(scores)) for scores in score_sets["−ELBO"]), least=0, most=1)
show(
    interval_dots({"AUROC on the test part (½: guessing)": result}),
    alt="Dots with bootstrap intervals for six scores: two of the VAE, isolation forest, PCA reconstruction, distance from the mean row, and one single column, which lies furthest to the right.",
)
print(f"−ELBO of single models: AUROC {single:.3f} over {BIOPSY_SEEDS} seeds; above: their mean score")
columns = list(result)
asked = [columns[0], *columns[2:]]  # in the order of the options
winner, runner_up = sorted(asked, key=lambda name: result[name].value)[:-3:-1]
lead = auroc_difference(both(rows[winner]), both(rows[runner_up]))  # the same rows are drawn for both
guess.compare(
    asked.index(winner) if lead.low > 0 else 5,
    "; ".join(f"{name} {interval:.3f}" for name, interval in result.items())
    + f". Highest minus second ({runner_up}): {lead:+.3f}, paired bootstrap.",
)
against = auroc_difference(both(rows["VAE: −ELBO"]), both(rows["isolation forest"]))
lost = auroc_difference(both(rows[columns[5]]), both(rows["VAE: −ELBO"]))
text = "AUROC of −ELBO on the test part, bootstrap interval"
claims.add("biopsies", result["VAE: −ELBO"], above=0.8, text=text)
text = "AUROC of −ELBO minus that of the isolation forest, paired bootstrap"
claims.add("over_forest", against, between=(-0.1, 0.1), text=text)
text = "AUROC of one column chosen with labels minus that of −ELBO, paired bootstrap"
claims.add("one_column", lost, above=0, text=text)
# %% [markdown]
# The VAE ranks most of the malignant rows above the benign ones without ever having seen one. But so does a forest of random cuts, and so does the plain distance from the mean benign row; and **one column**, chosen with labels, comes out highest. (The test rows are few: read the intervals before you believe an order.) Somebody with labels, or with medical knowledge,
# would measure the size of the nuclei. Strange is not the same as ill. If you have labels, use them; an anomaly detector is for what you have no examples of.
#
# There is a deeper trap in "ranking by likelihood". A density has a unit. Measure a length in other units, or take its logarithm, and the density changes, by a factor that differs from row to row. The table's skewed columns were put into logarithms before training. Here is the **same model**, the same rows,
# with the density told per raw unit instead: nothing but $\log|\mathrm d\,\text{scaled}/\mathrm d\,\text{raw}|$ was added.
# %%
in_raw_units = rows["VAE: importance-weighted bound"] - test.log_volume
change = auroc_difference(both(in_raw_units), both(rows["VAE: importance-weighted bound"]))
print(
    f"AUROC of −log p per scaled unit {auroc(*both(rows['VAE: importance-weighted bound'])):.3f}, per raw unit {auroc(*both(in_raw_units)):.3f}; difference {change:+.3f}"
)
text = "AUROC per raw unit minus per scaled unit, same model and rows, paired bootstrap"
claims.add("raw_unit", change, above=0, whole_interval=True, text=text)
# %% [markdown]
# Same model, same knowledge, another ranking. Here it got better, by luck: in a logarithmic column the factor is about one over the raw value, so rows with large nuclei lose density and move up in the ranking, and malignant nuclei tend to be large. It could as well have got worse (Le Lan & Dinh 2021 show that a change of variables can make *any* ranking come out). A likelihood is no absolute measure of strangeness.
#
# ## 7 When is the strange thing more likely than the normal one?
#
# Pictures have a trap of their own. Train on one kind of picture, score another kind that the model has never seen, and hope that it comes out as strange.
# %%
guess = predict(
    "A model of garments scores held-out garments and handwritten digits. AUROC of −ELBO for telling them apart?",
    [
        "below 0.4: digits look *more normal* than garments",
        "0.4 to 0.6",
        "0.6 to 0.9",
        "above 0.9: digits look strange",
        CANNOT_TELL,
    ],
    default=3,
)


# %%
def kind_of(name, split, n):
    """At most n pictures of a kind; "faint_digits" are digits in light gray on dark gray paper."""
    data = load_some("digits" if name == "faint_digits" else name, split, n)
    if name == "faint_digits":
        faint = 0.25 + 0.3 * data.floats()
        data = replace(data, name=name, images=(255 * faint).round().to(torch.uint8))
    return data


normal, strange = kind_of(NORMAL, "validation", N_STRANGE), kind_of(STRANGE, "validation", N_STRANGE)
if NORMAL == GARMENTS:
    watchers = makers
else:
    normal_train = kind_of(NORMAL, "train", EXAMPLES)
    watchers = [train(VAE, normal_train, seed) for seed in SEEDS]
unavoidable = [coin_entropy(data.floats()).double() for data in (normal, strange)]
ranked = {"−ELBO": [], "importance-weighted bound": [], "−ELBO minus the picture's own entropy": []}
means = []
for model in watchers:
    pair = [elbo_scores(model, data, n_samples=8) for data in (normal, strange)]
    ranked["−ELBO"].append(auroc(*pair))
    ranked["importance-weighted bound"].append(
        auroc(*(importance_weighted_scores(model, data, k=50) for data in (normal, strange)))
    )
    ranked["−ELBO minus the picture's own entropy"].append(
        auroc(*(score - own for score, own in zip(pair, unavoidable, strict=True)))
    )
    means.append([score.mean().item() for score in pair])
    last_pair = pair
wrong = {name: Runs(values, least=0, most=1) for name, values in ranked.items()}
order = [scores.argsort() for scores in last_pair]
show(
    image_grid(
        torch.cat([normal.floats()[order[0][-8:]], strange.floats()[order[1][:8]]]),
        2,
        8,
        row_titles=["normal kind, ranked strangest", "strange kind, ranked most normal"],
    ),
    alt="Two rows of eight pictures: above, pictures of the kind that the model was trained on which it finds strangest; below, pictures of the other kind which it finds most normal: simple and mostly black.",
)
results_table(
    [{"score": name, "AUROC": f"{runs:.3f}"} for name, runs in wrong.items()],
    caption=f"Telling {STRANGE} from {NORMAL} with a model of {NORMAL}; 95 % intervals over {N_SEEDS} seeds",
)
guess.compare(
    verdict(wrong["−ELBO"], 0.4, 0.6, 0.9),
    f"AUROC {wrong['−ELBO']:.3f}; mean −ELBO of the normal kind {means[0][0]:.0f} nats, of the strange kind {means[0][1]:.0f} (seed 0).",
)
claims.add("wrong_way", wrong["−ELBO"], below=0.5, text=f"AUROC of −ELBO, {STRANGE} against {NORMAL}")
corrected = wrong["−ELBO minus the picture's own entropy"]
text = "The same after the picture's own entropy is taken off"
claims.add("corrected", corrected, above=0.9, whole_interval=True, text=text)
# %% [markdown]
# The model has never seen the strange kind, and ranks it as more normal than its own. Nothing is broken. The −ELBO charges for *complexity*: a gray pixel costs up to log 2 = 0.69 nats whatever the model does, a black one nearly nothing (chapter 05). Strange but simple beats normal but complex. Nalisnick et al. (2019) found it with deep generative
# models of many kinds; the tighter bound does not help, because the fault is not in the bound.
#
# Take off what *no* model could save (the entropy of the picture's own pixels, read as coins), and the order is right again here. Serrà et al. (2020) do something similar: they take off what a general-purpose compressor needs, a coder that knows nothing about garments. It is a remedy for this trap, not for all: test your detector on anomalies of the kind you fear.
#
# ## Play
#
# Your turn. Tick the pictures you like, press *More like these*, and repeat; a smaller spread stays closer. No right answer here. The still figure shows a game that was played by the program of section 2, which likes what the judge is *surest* of; you will like other things.
# %%
twin = breed(maker, like_wanted, rounds=ROUNDS, spread=0.4, n=12, seed=1)
game = explore_more_like_this(
    maker,
    twin,
    alt="Rounds of breeding, one in each row of twelve pictures. The first row is a mixture of all classes; in each row the three picked ones are framed and ticked, and further down more and more pictures resemble them.",
)
# %% [markdown]
# Then keep it. The cell below prints your present picks (before you have played: the four corners of section 1) as a poster, with mixtures between them, and as a morph that visits each of them. Run it again after playing.
# %%
played = bool(game.game.picked)  # before you play: the corners of section 1
favorites, whose = (
    (game.codes, "your picks") if played else (codes_of_corners, "the four pictures of section 1")
)
loop = torch.cat([favorites, favorites[:1]])
frames = pictures(
    maker,
    torch.cat([lerp(loop[i], loop[i + 1], torch.linspace(0, 1, 9))[:-1] for i in range(len(favorites))]),
)
four = favorites[torch.arange(4) % len(favorites)]
poster = write_poster(Path(FOLDER) / "poster.png", pictures(maker, mix(four, 9)), 9, zoom=6, invert=True)
morph = write_morph(Path(FOLDER) / "morph.gif", frames, zoom=8, back_and_forth=False)
for path in (poster, morph):
    print(f"written: {path.name}, {path.stat().st_size / 1000:,.0f} kB")
show(
    image_grid(1 - pictures(maker, mix(four, 9)), 9, 9, cell=0.5),
    alt=f"The poster: nine by nine pictures, dark on white. In its corners are {whose}; between them each picture is a mixture of the four, weighted by nearness.",
)
show_html(
    animation_html(
        frames[::2],
        f"The morph through {whose}",
        alt="An animation in which one picture turns into the next.",
        seconds=0.12,
        zoom=5,
        back_and_forth=False,
    ),
    alt=f"An animation that morphs through {whose}, one after the other, and returns to the first.",
)

# %% [markdown]
# ## What we measured
# %%
results_table(
    [
        {"measure": "halfway in the code: a third class", "value": f"{hybrid:.2f}", "on": f"{len(first)} pairs, {N_SEEDS} seeds"},
        {"measure": "breeding: wanted class among the last children, picked", "value": f"{picked['picks the wanted']:.2f}", "on": f"{GAMES} games, {N_SEEDS} seeds"},
        {"measure": "breeding: the same, picked at random", "value": f"{picked['picks at random']:.2f}", "on": f"{GAMES} games, {N_SEEDS} seeds"},
        *(
            {
                "measure": f"{({GLASSES: 'glasses', SMILE: 'smile'})[target]}, {'no' if kind == 'none' else kind} labels, {name}: success; collateral",
                "value": f"{measured('success', target, kind, name).mean:.0%}; {measured('collateral', target, kind, name):.3f}",
                "on": f"{N_FACES} faces, 3 models",
            }
            for target, kind, name in outcome
        ),
        {"measure": "rewriting: class reached, conditional VAE", "value": f"{own['class reached']:.2f}", "on": f"{n} digits, {N_SEEDS} seeds"},
        {"measure": "rewriting: slant and thickness follow (correlation)", "value": f"{own['slant follows']:.2f}; {own['thickness follows']:.2f}", "on": f"{n} digits, {N_SEEDS} seeds"},
        {"measure": "names: new; new and plausible", "value": f"{usual['new']:.2f}; {usual['new and plausible']:.2f}", "on": f"{N_NAMES:,} names, 3 models"},
        *({"measure": f"biopsies, AUROC: {name}", "value": f"{interval:.3f}", "on": f"{len(test)} test rows"} for name, interval in result.items()),
        *({"measure": f"{STRANGE} against {NORMAL}, AUROC: {name}", "value": f"{runs:.3f}", "on": f"{N_SEEDS} seeds"} for name, runs in wrong.items()),
    ]
)  # fmt: skip
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `solution` is folded.
#
# ### Exercise 09.1: an attribute vector, from the right pictures (easy)
#
# **Contract**: `attribute_vector(codes, has, in_training)`: `codes` is a float tensor `(n, latent)`; `has` and `in_training` are bool tensors `(n,)`: which pictures show the attribute, and which belong to the training part. Returns the vector `(latent,)` that adds the attribute: mean difference, of the
# pictures that may be used for it.
# %%
def attribute_vector(codes: torch.Tensor, has: torch.Tensor, in_training: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); has, in_training: bool (n,). Returns (latent,)."""
    ...


check("09.1", attribute_vector)
# hint("09.1")  # remove the first # for a hint, again for the next one
# %%
solution("09.1")


# %% [markdown]
# ### Exercise 09.2: breeding that does not drift (easy)
#
# **Contract**: `child(parent, noise, spread)`: `parent` and `noise` are float tensors `(n, latent)`, both distributed as the prior N(0, I) and independent; `spread` is in [0, 1]. Returns `(n, latent)`: distributed as the prior again, a copy of the parent at spread 0, nothing but noise at spread 1.
# %%
def child(parent: torch.Tensor, noise: torch.Tensor, spread: float) -> torch.Tensor:
    """parent, noise: (n, latent); spread in [0, 1]. Returns (n, latent)."""
    ...


check("09.2", child)
# hint("09.2")  # remove the first # for a hint, again for the next one
# %%
solution("09.2")


# %% [markdown]
# ### Exercise 09.3: collateral change (medium)
#
# **Contract**: `collateral(before, after, target)`: readings `(n, A)` in [0, 1] of the *reconstructed* pictures and of the edited ones, and the column that was meant to change. Returns how much everything else changed: the mean absolute change, over pictures and the other columns, a scalar in [0, 1].
# %%
def collateral(before: torch.Tensor, after: torch.Tensor, target: int) -> torch.Tensor:
    """before, after: (n, A) in [0, 1]; target: a column. Returns a scalar."""
    ...


check("09.3", collateral)
# hint("09.3")  # remove the first # for a hint, again for the next one
# %%
solution("09.3")


# %% [markdown]
# ### Exercise 09.4: AUROC (medium)
#
# **Contract**: `area(normal, strange)`: scores `(n,)` and `(m,)`, higher for stranger. Returns the probability that a strange example scores higher than a normal one, ties counted half: a number in [0, 1].
# %%
def area(normal: torch.Tensor, strange: torch.Tensor) -> float:
    """normal: (n,), strange: (m,). Returns a number in [0, 1]."""
    ...


check("09.4", area)
# hint("09.4")  # remove the first # for a hint, again for the next one
# %%
solution("09.4")


# %% [markdown]
# ### Exercise 09.5: one vector, the others held fixed (hard)
#
# **Contract**: `held_fixed(codes, attributes)`: `codes` `(n, latent)` and `attributes` `(n, A)` of 0 and 1, both float. Returns `(A, latent)`: for each attribute the change of the mean code when it goes from 0 to 1 and all the others stay, by least squares over all attributes at once.
# %%
def held_fixed(codes: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); attributes: (n, A), 0 or 1. Returns (A, latent)."""
    ...


check("09.5", held_fixed)
# hint("09.5")  # remove the first # for a hint, again for the next one
# %%
solution("09.5")
# %% [markdown]
# ## Summary
#
# Halfway between two codes a judge often sees neither parent, and a cross-fade fares little better. Breeding by picking works without a label, if the children stay on the prior. An attribute vector does what its labels say, and all that came along with the labels; a probe's normal tells, but it is not the direction of change.
# A conditional VAE leaves the class out of its code and can rewrite a digit in the same hand. Invented names must be counted as new *and* plausible. −ELBO finds strange biopsies about as well as a forest of random cuts, and no better than one well-chosen column. And it may rank simple strange things as more normal than complex normal ones: a likelihood
# measures what a picture costs, not whether it belongs.
#
# ## References
#
# - A. B. L. Larsen et al.: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016. Section 4 (vectors for visual attributes).
# - S. Haufe et al.: *On the interpretation of weight vectors of linear models in multivariate neuroimaging*, NeuroImage 87, 2014 (filters and patterns).
# - Y. Shen et al.: *Interpreting the Latent Space of GANs for Semantic Face Editing*, CVPR 2020 (editing along a probe's normal).
# - K. Sohn, H. Lee, X. Yan: *Learning Structured Output Representation using Deep Conditional Generative Models*, NeurIPS 2015.
# - D. P. Kingma et al.: *Semi-supervised Learning with Deep Generative Models*, NeurIPS 2014. Section 4 (conditional generation: class and style).
# - S. L. Cotter et al.: *MCMC Methods for Functions*, Statistical Science 28, 2013 (the step that keeps the prior).
# - J. A. Hanley, B. J. McNeil: *The meaning and use of the area under a receiver operating characteristic (ROC) curve*, Radiology 143, 1982.
# - F. T. Liu, K. M. Ting, Z.-H. Zhou: *Isolation Forest*, ICDM 2008.
# - W. H. Wolberg, W. N. Street, O. L. Mangasarian: *Breast Cancer Wisconsin (Diagnostic)*, UCI 1995.
# - E. Nalisnick et al.: *Do Deep Generative Models Know What They Don't Know?*, ICLR 2019.
# - J. Serrà et al.: *Input Complexity and Out-of-distribution Detection with Likelihood-based Generative Models*, ICLR 2020.
# - C. Le Lan, L. Dinh: *Perfect Density Models Cannot Guarantee Anomaly Detection*, Entropy 23, 2021.
#
# Next: [10 · Performance on different datasets](10_VAEs_Performance_on_Different_Datasets.ipynb)

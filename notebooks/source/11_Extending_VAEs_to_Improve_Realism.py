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
# # 11 · Extending VAEs to improve realism
#
# <!-- badge -->
#
# <!-- minutes -->
#
# A VAE covers its data and blurs it; a GAN is sharp and has no encoder (chapters 06 and 07). Can one model have both, and what does it pay? Here you take a VAE apart and put it together again with a learned
# ruler, then with an opponent, and measure every step. Then you follow two other roads, letters and layers, up to the door of latent diffusion.
#
# ## Objectives
#
# After this chapter you can
#
# 1. **write down** the losses of a VAE-GAN and **test** which network each of them may touch;
# 2. **measure** an ablation, pixel loss → learned features → adversary: realism gained and reconstruction paid, with intervals;
# 3. **diagnose** the game between decoder and discriminator, and say what the equilibrium trick does to it;
# 4. **explain** a straight-through gradient and **compute** a codebook's perplexity;
# 5. **improve** a trained VAE's samples without touching it, by a density on its codes, and **defend** the choice of a model with the course's table.
#
# You need the ELBO (chapters 01 and 02), chapter 04's collapse report, chapter 05's feature loss, the game of chapter 06, and chapter 07's judge: Fréchet distance, precision, recall and sharpness.
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
DATASET = "fashion_mnist"  # "fashion_mnist" (downloaded) or "digits" (offline; then SHIPPED must be False)
SHIPPED = True  # sections 3, 4 and 8: True measures the models that come with the course (of fashion_mnist), False those of section 2
LIVE_EXAMPLES = 2000  # pictures that the models of sections 2 and 5 learn from; 1197 at most for "digits"
LIVE_EPOCHS = 4  # passes through them, 1 or more
LIVE_BATCH = 16  # pictures in one update
CHANNELS = [16, 32]  # channels of the two convolutions of every network trained here
LATENT_DIM = 16  # size of the code of the models trained here, 2 to 64
N_SEEDS = 3  # repetitions of every trained result, 3 or more for an interval
GAME_SEEDS = 5  # repetitions of the whole VAE-GAN, at least N_SEEDS: here failures are counted
JUDGED = 2000  # held-out pictures, and as many samples, in every measure of quality
VQ_EXAMPLES = 2500  # pictures for the models with letters, section 6
VQ_EPOCHS = 5  # passes through them
PRIOR_EPOCHS = 8  # passes of the prior over letters
FLOW_STEPS = 1000  # updates of the second stage in section 8, 100 or more
# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_course import (
    STAGES,
    Runs,
    TrainingDiverged,
    ablation_results,
    arena_results,
    arena_rows,
    elbo_terms,
    evaluate,
    fit,
    fit_prior,
    fit_vae_gan,
    letters_of,
    load,
    load_ablation,
    load_arena,
    load_classifier,
    seed_everything,
    seeded,
    vae_gan_losses,
)
from vae_course.evaluation import (
    collapse_report,
    evaluate_codes,
    precision_recall,
    probe_accuracy,
    relative_sharpness,
    sample_quality,
)
from vae_course.models import VAEGAN, VQVAE, CodePrior, perplexity, vq_terms
from vae_course.plots import image_grid, interval_dots
from vae_course.teaching import Claims, check, check_parameters, hint, predict, results_table, show, solution

parameters = check_parameters(
    globals(),
    OFFLINE=False,
    DATASET=("fashion_mnist", "digits"),
    SHIPPED=True,
    LIVE_EXAMPLES=100,
    LIVE_EPOCHS=1,
    LIVE_BATCH=1,
    CHANNELS=[1],
    LATENT_DIM=2,
    N_SEEDS=3,
    GAME_SEEDS=3,
    JUDGED=100,
    VQ_EXAMPLES=100,
    VQ_EPOCHS=1,
    PRIOR_EPOCHS=1,
    FLOW_STEPS=100,
)
claims = Claims("11_Extending_VAEs_to_Improve_Realism", parameters)
if OFFLINE:
    DATASET, SHIPPED = "digits", False

everything = load(DATASET, "train")
train = everything.subset(min(10_000, len(everything)), seed=0)
few = train.subset(min(LIVE_EXAMPLES, len(train)), seed=0)  # of the models trained here
held_out = load(DATASET, "test")
held_out = held_out.subset(min(JUDGED, len(held_out)), seed=0)
real = held_out.floats()
judge = load_classifier(DATASET)
results = arena_results()


SHARES = ("precision", "recall", "coverage", "probe", "middle", "ends", "right", "discriminator_skipped")
SIGNED = ("negative_elbo", "distortion")  # of a density they may be negative; other measures may not


def over_models(key, values):
    """One measure of several models, of which each has a seed of its own."""
    return Runs(values, least=-math.inf if key in SIGNED else 0, most=1 if key in SHARES else math.inf)


def each_measure(found):
    """A dict of measures for each model → a dict of Runs."""
    return {key: over_models(key, [measures[key] for measures in found]) for key in found[0]}


def described(what, on_fashion):
    """Alternative text: what the panels or rows are and, on the data it was written for, what they show."""
    return f"{what} {on_fashion}" if DATASET == "fashion_mnist" else what


def looks(samples):
    """How a judge likes as many samples as there are held-out pictures."""
    quality = sample_quality(samples, real, judge)
    return {key: getattr(quality, key) for key in ("frechet", "precision", "recall", "coverage", "sharpness")}


print(f"{len(few):,} training pictures for the models of this page, {len(held_out):,} held-out ones")
# %% [markdown]
# ## 1 Which loss may touch which network?
#
# The **VAE-GAN** (Larsen et al. 2016) has three networks: encoder, decoder, discriminator. Its reconstruction is compared not in pixels but in what the discriminator's last hidden layer $\varphi$ makes of them,
#
# $$
# \mathcal L_{\text{feature}} = \tfrac12 \sum_j \frac{\bigl(\varphi_j(\tilde x) - \varphi_j(x)\bigr)^2}{s_j}, \qquad \tilde x = \text{decoder}(z),\ z \sim q(z|x).
# $$
#
# In words: picture and reconstruction should look alike to somebody who has learned to tell real from made-up. ($s_j$ is the variance, over real pictures, of the channel that feature $j$ belongs to; it fixes the unit, so that the distance cannot be
# made small by making the features small.) The rest is known: $\mathcal L_{\text{KL}}$ of chapter 01, and the game of chapter 06, in which reconstructions and fresh samples both play the fakes:
#
# $$
# \mathcal L_{\text{catch}} = -\log D(x) - \log(1 - D(\text{fake})), \qquad \mathcal L_{\text{fool}} = -\log D(\text{fake}).
# $$
#
# In words: $D$ is the probability that the discriminator gives to "real". It is paid for telling the two apart, and the decoder for fakes that pass as real.
#
# The difficulty is not in the formulas. It is in who may learn from what:
#
# | loss | encoder | decoder | discriminator | because |
# |---|---|---|---|---|
# | KL | yes | | | the decoder is not in it |
# | feature | yes | yes | no | a ruler must not bend to make a distance look small |
# | fool | no | yes | no | codes should tell about x, and an opponent must not help |
# | catch | no | no | yes | the decoder must not learn to be caught |
#
# So the graph is cut in three places. Here they are written out.


# %%
def three_cuts(model, x, generator):
    """The four losses of the table for one batch, each attached to its own networks only."""
    posterior = model.encode(x)
    z = posterior.sample(generator=generator)
    rebuilt = model.picture(z)

    z_game = torch.cat(
        [z.detach(), torch.randn(z.shape, generator=generator)]
    )  # cut 1: the game ends at the code
    fakes = model.picture(z_game)
    real_hidden = model.discriminator.hidden(x)[-1]
    real_score = model.discriminator.head(real_hidden.flatten(1)).squeeze(-1)
    fake_score = model.discriminator(fakes.detach())  # cut 2: for the discriminator a picture is a fact
    catch = F.softplus(-real_score).mean() + F.softplus(fake_score).mean()

    model.discriminator.requires_grad_(False)  # cut 3: for the others the discriminator is a fact
    seen = model.discriminator.hidden(rebuilt)[-1]
    feature = model.feature_distance(seen, real_hidden.detach()).mean()
    fool = F.softplus(-model.discriminator(fakes)).mean()
    model.discriminator.requires_grad_(True)
    return {"KL": posterior.kl().mean(), "feature": feature, "fool": fool, "catch": catch}


# %%
guess = predict(
    "Somebody forgets cut 1, z.detach(). Which network then learns something it should not?",
    ["the decoder", "the encoder", "the discriminator", "none: the value of the loss is the same"],
    default=3,
)


# %%
def reached(model, losses):
    """For each loss: how many parameter tensors of each network have a gradient that is not zero, of how many."""
    rows = []
    for name, loss in losses.items():
        row = {"loss": name}
        for part, parameters in model.parts().items():
            gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            row[part] = f"{sum(g is not None and bool(g.any()) for g in gradients)} of {len(parameters)}"
        rows.append(row)
    return rows


seed_everything(0)
model = VAEGAN.for_data(few, latent_dim=LATENT_DIM, hidden_dims=CHANNELS).eval()
x = few.batch(slice(0, 32))
losses = three_cuts(model, x, seeded(0))
rows = reached(model, losses)
results_table(rows, caption="Parameter tensors that each loss reaches")
ours = vae_gan_losses(model, x, seeded(0))
package = [ours.kl, ours.feature, ours.fool, ours.catch_real + ours.catch_fake]
apart = max(abs(a - b).item() for a, b in zip(losses.values(), package, strict=True))
seen_z = model.encode(x).sample(generator=seeded(0))
model.discriminator.requires_grad_(False)
careless = F.softplus(-model.discriminator(model.picture(seen_z))).mean()
model.discriminator.requires_grad_(True)
leaks = reached(model, {"fool without cut 1": careless})[0]
print(f"without cut 1 the loss 'fool' reaches {leaks['encoder']} parameter tensors of the encoder")
guess.compare(
    1 if not leaks["encoder"].startswith("0") else 3,
    "the value does not change at all, and the encoder now learns to please the discriminator.",
)
wanted = {
    "KL": {"encoder"},
    "feature": {"encoder", "decoder"},
    "fool": {"decoder"},
    "catch": {"discriminator"},
}
as_wanted = sum(
    (row[part] == f"{len(parameters)} of {len(parameters)}") == (part in wanted[row["loss"]])
    and (part in wanted[row["loss"]] or row[part].startswith("0"))
    for row in rows
    for part, parameters in model.parts().items()
)
text = "Gradient routing: cells of the table that are as they should be, of 12"
claims.add("routing", as_wanted, near=(12, 0), exact=True, text=text)
text = "The four losses against the package's, largest difference"
claims.add("same_losses", apart, below=1e-2, unit="nats", exact=True, text=text)
# %% [markdown]
# Look at what such a bug does *not* do: no error, no different number in the log. Only the gradients differ, so only a test of the gradients finds it. (The package's test does this for each single parameter.)
#
# Three networks, four losses, and still one backward pass and one optimizer: with the cuts in place you can simply add up
#
# $$
# \beta\,\mathcal L_{\text{KL}} + \lambda_f\,\mathcal L_{\text{feature}} + \lambda_a\,\mathcal L_{\text{fool}} + \mathcal L_{\text{catch}} .
# $$
#
# The paper multiplies the decoder's reconstruction by $\gamma$ instead of the game by $\lambda_a$. Adam divides each parameter's gradient by its own size, so a common factor does not matter and, for the decoder, $\gamma = \lambda_f/\lambda_a$. All runs of sections 2 and 3 add chapter 06's gradient penalty to the discriminator's loss; section 5 takes it away. (In print, the paper's algorithm lets the
# discriminator *descend* its log-likelihood. It has to climb it; and like most people since Goodfellow et al. we give the decoder $-\log D$ in place of $\log(1 - D)$.)
#
# ## 2 What does each step buy?
#
# Now the **ablation**: the parts are switched on one at a time, first at a size that trains while you watch. Three stages, and only weights differ:
#
# | stage | pixel weight | feature weight $\lambda_f$ | game $\lambda_a$ | what it is |
# |---|---|---|---|---|
# | pixel | 1 | 0 | 0 | a VAE, as in chapter 02 |
# | feature | 0 | 0.1 | 0 | the discriminator learns to tell real from fake, but only serves as a ruler |
# | adversary | 0 | 0.1 | 300 | the VAE-GAN |
#
# Same data, same networks, same optimizer, same number of pictures seen. The weights were chosen on validation pictures, with one seed.
#
# One column of the tables is new. **Recall** draws a ball around every *sample*, out to its third-nearest neighbor among the samples, and counts the real pictures inside. Samples that are scattered far from each other have large balls, so a high recall can mean variety, and it can mean scatter. **Coverage** (Naeem et al. 2020) draws the balls
# around the *real* pictures, out to the fifth-nearest other real one, and counts those that have at least one sample inside. No scatter makes these balls larger. So read coverage where you want to know how much of the data the samples reach, and compare it with recall.
# %%
guess = predict(
    "The stage 'feature' replaces the pixel loss by a learned ruler. Its samples' Fréchet distance will be ...",
    [
        "much lower than the VAE's: the ruler is what counts",
        "about the same: the game is what counts",
        "much higher",
        "three seeds cannot tell",
    ],
    default=0,
)
# %%
STAGE_WEIGHTS = {
    "pixel": {"pixel_weight": 1.0, "feature_weight": 0.0, "adversary_weight": 0.0},
    "feature": {"feature_weight": 0.1, "adversary_weight": 0.0},
    "adversary": {"feature_weight": 0.1, "adversary_weight": 300.0},
}


def train_live(seed, **weights):
    """A small VAE-GAN and its history, or the reason why the training failed."""
    seed_everything(seed)
    model = VAEGAN.for_data(few, latent_dim=LATENT_DIM, hidden_dims=CHANNELS)
    settings = {"epochs": LIVE_EPOCHS, "batch_size": LIVE_BATCH, "seed": seed, "device": "cpu", **weights}
    try:
        return model, fit_vae_gan(model, few, progress=False, eval_examples=500, **settings)
    except TrainingDiverged as error:
        return None, str(error)


live = {"pixel": [train_live(seed, **STAGE_WEIGHTS["pixel"]) for seed in range(N_SEEDS)]}
print(f"{N_SEEDS} runs by pixels done")
# %%
live["feature"] = [train_live(seed, **STAGE_WEIGHTS["feature"]) for seed in range(N_SEEDS)]
print(f"{N_SEEDS} runs by learned features done")
# %%
live["adversary"] = [train_live(seed, **STAGE_WEIGHTS["adversary"]) for seed in range(GAME_SEEDS)]
diverged = [seed for seed, (model, _) in enumerate(live["adversary"]) if model is None]
print(f"{GAME_SEEDS} runs with an adversary done, {len(diverged)} of them diverged")
claims.add("diverged", len(diverged), below=1, text=f"Small VAE-GANs that diverged, of {GAME_SEEDS}")


# %%
def measure(model, seed=0):
    """What a stage is judged by: samples against held-out pictures, reconstructions, and the ELBO under the pixels."""
    samples = model.sample(len(real), seeded(seed))
    rebuilt = model.reconstruct(real)
    bound = evaluate(model, held_out)
    return {
        **looks(samples),
        "error": (rebuilt - real).square().flatten(1).sum(1).mean().item(),
        "feature error": (judge.features(rebuilt) - judge.features(real)).square().sum(1).mean().item(),
        "negative_elbo": bound.negative_elbo.value,
        "rate": bound.kl.value,
    }


def look_cells(runs):
    """The cells of a table for what `looks` measures."""
    shares = {key: f"{runs[key]:.2f}" for key in ("precision", "recall", "coverage", "sharpness")}
    return {"Fréchet": f"{runs['frechet']:.0f}", **shares}


def stage_table(measured, caption):
    """Mean and interval of each measure, a row for each stage."""
    results_table(
        [
            {
                "trained by": stage,
                **look_cells(runs),
                "squared error (pixels²)": f"{runs['error']:.1f}",
                "−ELBO (nats)": f"{runs['negative_elbo']:.0f}",
            }
            for stage, runs in zip(measured, map(each_measure, measured.values()), strict=True)
        ],
        caption=caption,
    )


live_measured = {
    stage: [measure(model, seed) for seed, (model, _) in enumerate(runs) if model is not None]
    for stage, runs in live.items()
}
stage_table(
    live_measured,
    f"Small models, {LIVE_EPOCHS} passes through {len(few):,} pictures; mean (95 % interval over seeds)",
)


by_seed = {stage: each_measure(found[:N_SEEDS]) for stage, found in live_measured.items()}
ruler_alone = by_seed["feature"]["frechet"] / by_seed["pixel"]["frechet"]
alike = 0.8 <= ruler_alone.low and ruler_alone.high <= 1.25
guess.compare(
    0 if ruler_alone.high < 0.8 else 2 if ruler_alone.low > 1.25 else 1 if alike else 3,
    f"with the ruler alone it is {ruler_alone:.2f} times the VAE's.",
)
gains = {stage: by_seed[stage]["frechet"] - by_seed["adversary"]["frechet"] for stage in ("pixel", "feature")}
for stage, gain in gains.items():
    print(f"Fréchet distance, {stage} stage minus adversary stage: {gain:.0f}")
if DATASET == "fashion_mnist":  # on a thousand digits so short a game comes out differently with every seed
    text = "Small models: Fréchet distance, pixel stage minus adversary stage"
    claims.add("small_gain", gains["pixel"], above=0, whole_interval=True, text=text)


# %%
def show_stages(models, count=12):
    """Samples and reconstructions of each stage, with the originals."""
    rows, names = [real[:count]], ["held-out pictures"]
    for stage, model in models.items():
        rows.append(model.reconstruct(real[:count]))
        names.append(f"{stage}: rebuilt")
    for stage, model in models.items():
        rows.append(model.sample(count, seeded(1)))
        names.append(f"{stage}: samples")
    return image_grid(torch.cat(rows), len(rows), count, row_titles=names)


show(
    show_stages({stage: runs[0][0] for stage, runs in live.items()}),
    alt=described(
        "Seven rows of twelve pictures from the small models: held-out pictures, their reconstructions by the three stages, and samples of the three stages.",
        "The pixel stage rebuilds soft gray garments, the feature stage the same with a grain of dots, the adversary ragged ones, and all three nearly lose the sandals. "
        "Samples: soft gray shapes; grainy shapes; hard white patches on black, of which hardly one is a garment.",
    ),
)
# %% [markdown]
# Small and short, so the pictures are far from good. Pixel and adversary can be told apart already; the feature stage differs so much from seed to seed that three of them cannot place it. Look at the whole row of the table and not at one number: with the adversary the Fréchet distance falls, and precision and coverage fall too. Which of
# them agree with your eye on the last row of pictures?
#
# ## 3 Realism gained, reconstruction paid
#
# The same three stages with the networks of the **arena**, the contest of models that chapter 07 met and section 9 shows in full (32 and 64 channels, 32 latent dimensions), on 20,000 pictures, several passes each: a few CPU-minutes a model, so they come with the course.
# `python -m recipes.ablation` makes them; here they are measured again, on this machine, in front of you.
# %%
guess = predict(
    "Against the pixel VAE, what does the VAE-GAN pay for its realism?",
    [
        "nothing: both samples and reconstructions get better",
        "−ELBO and squared error of reconstructions rise",
        "only −ELBO rises, reconstructions are as close as before",
    ],
    default=0,
)
# %%
if SHIPPED:
    models = {stage: [load_ablation(stage, seed) for seed in range(3)] for stage in STAGES}
    measured = {
        stage: [measure(model, seed) for seed, model in enumerate(found)] for stage, found in models.items()
    }
    table = ablation_results()
    failed = [run for run in table["runs"] if "failed" in run]
    print(
        f"{len(table['runs'])} runs of {table['pictures_seen']:,} pictures each, {len(failed)} of them diverged"
    )
else:
    models = {
        stage: [model for model, _ in runs if model is not None][:N_SEEDS] for stage, runs in live.items()
    }
    measured = live_measured
stage_table(measured, f"Measured on {len(held_out):,} held-out pictures; mean (95 % interval over seeds)")
with torch.no_grad():
    others = load(DATASET, "validation").subset(len(real), seed=1).floats()
    floor = {**looks(others), "sharpness": 1.0}
paired = {stage: each_measure(found[:N_SEEDS]) for stage, found in measured.items()}
panels = {
    "Fréchet distance": "frechet",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "sharpness": "sharpness",
}
show(
    interval_dots(
        {name: {stage: paired[stage][key] for stage in STAGES} for name, key in panels.items()},
        {name: floor[key] for name, key in panels.items()},
        reference_name="real",
    ),
    alt=described(
        "Five panels with one row for each stage: Fréchet distance, precision, recall, coverage and sharpness of the samples, with intervals over seeds, and a dotted line for real pictures.",
        "From pixel to feature to adversary the Fréchet distance falls, precision falls away from the line, recall rises nearly to the line, coverage stays far below the line in all three, and sharpness rises from near 0 past the line.",
    ),
)
bills = {
    "−ELBO (nats)": "negative_elbo",
    "squared error (pixels²)": "error",
    "squared error (judge's features²)": "feature error",
}
show(
    interval_dots({name: {stage: paired[stage][key] for stage in STAGES} for name, key in bills.items()}),
    alt=described(
        "Three panels with one row for each stage: negative ELBO under the pixels, squared error of the reconstructions in pixels and in the judge's features, with intervals over seeds.",
        "In the first two panels the values rise from pixel to feature to adversary, and the three intervals lie apart. In the third the adversary's interval is by far the widest and overlaps the other two.",
    ),
)
# %%
show(
    show_stages({stage: found[0] for stage, found in models.items()}),
    alt=described(
        "Seven rows of twelve pictures from the models of this section: held-out pictures, their reconstructions by the three stages, and samples of the three stages.",
        "The pixel stage rebuilds smooth, blurred garments, the other two grainy ones with clearer outlines. Samples: the pixel stage's have smeared outlines, the feature stage's are grainy and "
        "patchy, the adversary's are hard patches of black and white; a few of these look like a shirt or a shoe, many like no garment.",
    ),
)
pixel, feature, game = (paired[stage] for stage in ("pixel", "feature", "adversary"))
realism, game_alone = pixel["frechet"] - game["frechet"], feature["frechet"] - game["frechet"]
elbo_paid, error_paid = game["negative_elbo"] - pixel["negative_elbo"], game["error"] - pixel["error"]
precision_change, recall_change, coverage_change = (
    game[key] - pixel[key] for key in ("precision", "recall", "coverage")
)
seen = pixel["feature error"] - game["feature error"]
for text, found in {
    "Fréchet distance gained, pixel → adversary": realism,
    "Fréchet distance gained, feature → adversary": game_alone,
    "−ELBO paid (nats)": elbo_paid,
    "squared error paid (pixels²)": error_paid,
    "precision, change": precision_change,
    "recall, change": recall_change,
    "coverage, change": coverage_change,
    "squared error saved in the judge's features": seen,
}.items():
    print(f"{text:>58}: {found:.2f}")
guess.compare(
    1 if elbo_paid.low > 0 and error_paid.low > 0 else 2 if elbo_paid.low > 0 else 0,
    f"−ELBO rises by {elbo_paid:.0f} nats, the squared error by {error_paid:.1f}.",
)
text = "Ablation: −ELBO paid for the adversary against the pixel stage"
claims.add("elbo_paid", elbo_paid, above=0, unit="nats", whole_interval=True, text=text)
text = "Ablation: squared error of reconstructions paid"
claims.add("error_paid", error_paid, above=0, unit="pixels²", whole_interval=True, text=text)
if SHIPPED:
    text = "Ablation: Fréchet distance gained, {}"
    claims.add("realism", realism, above=0, whole_interval=True, text=text.format("pixel → adversary"))
    claims.add("game", game_alone, above=0, whole_interval=True, text=text.format("feature → adversary"))
    share = game_alone / realism
    text = "Ablation: share of the gain that comes with the game"
    claims.add("game_share", share, above=0.5, unit="%", text=text)
    rates = {stage: paired[stage]["rate"].mean for stage in STAGES}
    largest = max(rates.values()) / min(rates.values())
    text = "Ablation: largest rate of a stage over the smallest"
    claims.add("rates", largest, below=1.5, unit="times", text=text)
    print("rates: " + ", ".join(f"{stage} {rate:.1f} nats" for stage, rate in rates.items()))
    text = "Ablation: recall, which scatter raises too, adversary minus pixel stage"
    claims.add("recall", recall_change, above=0, unit="%", whole_interval=True, text=text)
    beyond, near = recall_change - coverage_change, (-0.15, 0.15)
    text = "Ablation: gain of recall minus gain of coverage, adversary minus pixel stage"
    claims.add("scatter", beyond, above=0, unit="%", whole_interval=True, text=text)
    text = "Ablation: coverage, adversary minus pixel stage"
    claims.add("coverage", coverage_change, between=near, unit="%", whole_interval=True, text=text)
    text = "Ablation: precision, adversary minus pixel stage"
    claims.add("precision", precision_change, below=0, unit="%", whole_interval=True, text=text)
# %% [markdown]

# On Fashion-MNIST the ruler alone goes a part of the way, and the game the larger one. It is hardly a matter of how much the code may say: the largest rate of the three stages is only {{rates}} the smallest, while the Fréchet distances differ several times over.
#
# The bill has several lines. The pixels pay: −ELBO and squared error rise, because a sharp edge in the wrong place costs more than a blurred one (chapter 05: moving a digit by a pixel or two costs half as much as erasing half of it, or just as much). Even in the judge's own features three seeds show no gain of the reconstructions. **And precision falls**: the Fréchet distance does not drop because each sample is more
# like data. A blurred shirt lies among shirts; a sharp garment with a wrong sleeve does not. Look at the samples and say which of the two you would call realistic, then choose the number that agrees with you, before the next experiment.
#
# Does the adversary reach more of the data, then? Recall rises steeply; in coverage three seeds show no difference between the pixel stage and the adversary. So what recall rewards here is that samples are scattered far from each other, and not that they reach garments which the pixel stage leaves out. Section 8 will show you the pictures behind the two numbers.
#
# (−ELBO is computed under the same Bernoulli pixels for all three, so it can be compared. The two stages without a pixel loss were not asked to keep it low.)
#
# ## 4 Is the code still a code?
#
# A GAN has no encoder. Does the VAE-GAN's still say something about the picture, and is the space between two codes still full of pictures? Three measures:
#
# - a **linear probe** (chapter 08): how often the class can be read off the mean code with straight cuts;
# - the **collapse report** (chapter 04): rate and active units (chapter 08 showed how generous that count is). Its mutual information cannot exceed the logarithm of the number of pictures, which is far below these rates, so it is left out of the table;
# - **halfway pictures**: take two held-out pictures of different classes, decode the middle of their codes, and ask what share of these lie where data lie (precision). The cross-fade of the same two pictures is the opponent, the
#   reconstructions of the ends are the ceiling.
# %%
guess = predict(
    "Pixel VAE against VAE-GAN: from which code does a linear probe read the class better?",
    [
        "the pixel VAE's",
        "the VAE-GAN's: features are closer to classes than pixels are",
        "no difference that the seeds can show",
    ],
    default=1,
)
# %%
probe_data = train.subset(min(4000, len(train)), seed=3)
order = seeded(0)
left = torch.randperm(len(real), generator=order)[: min(1000, len(real))]
right = torch.randperm(len(real), generator=order)[: min(1000, len(real))]
apart = held_out.labels[left] != held_out.labels[right]
left, right = left[apart], right[apart]


@torch.no_grad()
def half_way(model):
    """Share of halfway pictures, and of the reconstructed ends, that lie where data lie."""
    codes = model.encode(real).mean
    middle = model.likelihood.mean(model.decode((codes[left] + codes[right]) / 2))
    ends = model.likelihood.mean(model.decode(codes[left]))
    around = judge.features(real)
    return [precision_recall(around, judge.features(found)).precision for found in (middle, ends)]


def worth(model):
    """What the code of a model says, and what lies between two codes."""
    report = collapse_report(model, held_out)
    middle, ends = half_way(model)
    return {
        "probe": probe_accuracy(model, probe_data, held_out),
        "rate": report.rate,
        "active": report.active_units,
        "middle": middle,
        "ends": ends,
    }


structure = {stage: each_measure([worth(model) for model in models[stage]]) for stage in STAGES}
results_table(
    [
        {
            "trained by": stage,
            "probe accuracy": f"{runs['probe']:.3f}",
            "rate (nats)": f"{runs['rate']:.1f}",
            "active units": f"{runs['active']:.1f}",
            "halfway pictures among data": f"{runs['middle']:.2f}",
            "ends among data": f"{runs['ends']:.2f}",
        }
        for stage, runs in structure.items()
    ],
    caption="What the code is worth; mean (95 % interval over seeds)",
)
fade = (real[left] + real[right]) / 2
crossfade = precision_recall(judge.features(real), judge.features(fade)).precision
print(
    f"cross-fades among data: {crossfade:.2f}; mutual information of every stage is at most log {len(held_out):,} = {math.log(len(held_out)):.1f} nats"
)
of_game, of_pixels = structure["adversary"], structure["pixel"]
probe_change = of_game["probe"] - of_pixels["probe"]
guess.compare(
    0 if probe_change.high < 0 else 1 if probe_change.low > 0 else 2,
    f"the VAE-GAN's probe is {probe_change:+.3f} against the pixel VAE's.",
)
chance = 1 / len(held_out.class_names)
lowest, fewest, least = (min(of_game[key].values) for key in ("probe", "active", "middle"))
text = "Code kept: lowest probe accuracy of a VAE-GAN over chance"
claims.add("probe", lowest / chance, above=4, unit="times", text=text)
claims.add("active", fewest, above=3.5, text="Code kept: fewest active units of a VAE-GAN")
if SHIPPED:
    text = "Code kept: lowest share of the VAE-GAN's halfway pictures among data, minus cross-fades"
    claims.add("halfway", least - crossfade, above=0, unit="%", text=text)
    text = "Code kept: probe accuracy, VAE-GAN over pixel VAE"
    claims.add("probe_kept", of_game["probe"] / of_pixels["probe"], above=0.9, whole_interval=True, text=text)
# %% [markdown]
# The code survives the change of losses: it is the encoder of a VAE, trained by the KL term and a reconstruction, and no gradient of the game ever reached it (cut 1). On Fashion-MNIST the class can be read off it nearly as well as off the pixel VAE's code, and pictures halfway between two codes lie among data more often than cross-fades do. The reconstructions of the
# ends show how far from perfect halfway pictures still are.
#
# ## 5 Who is winning?
#
# A VAE-GAN lives only as long as its game does. If the discriminator wins outright, its score saturates and the decoder hears nothing useful; if it loses, its ruler measures nothing. When real and fake cannot be told apart, the best it can say is
# $D = \tfrac12$ everywhere, and both of its losses are $\log 2 \approx 0.69$.
#
# The authors' code (not their paper) has a rule for this, often copied without a word: the **equilibrium trick**. With an equilibrium of 0.68 and a margin of 0.35, in every update
#
# - if one of the discriminator's two losses is **below** 0.33, it is winning: it skips this update;
# - if one of them is **above** 1.03, it is losing: the decoder's side of the game skips this update;
# - if both would have to wait, nobody does.
#
# It is a thermostat: it does not make the game better, it keeps the players at the table. Another way to do that is chapter 06's gradient penalty, which is what all runs above used. Now take everything away, then put one of the two back.
# %%
guess = predict(
    "Without penalty and without the trick, how often does the discriminator sort real from fake correctly at the end, on average?",
    ["about 50 %: equilibrium", "60 to 90 %", "above 90 %: it has won"],
    default=2,
)
# %%
PLAYERS = {
    "neither": {"penalty": 0.0, "margin": None},
    "equilibrium trick": {"penalty": 0.0, "margin": 0.35},
}
games = {
    name: [train_live(seed, **STAGE_WEIGHTS["adversary"], **way) for seed in range(N_SEEDS)]
    for name, way in PLAYERS.items()
}
games["gradient penalty"] = live["adversary"][:N_SEEDS]
lost = {name: sum(model is None for model, _ in runs) for name, runs in games.items()}
games = {name: [run for run in runs if run[0] is not None] for name, runs in games.items()}
game_measured = {
    name: each_measure([measure(model, seed) for seed, (model, _) in enumerate(runs)])
    for name, runs in games.items()
}


def last(runs, key):
    """One number of the players' last epoch, over the runs."""
    return over_models(key, [history.last["players"][key] for _, history in runs])


results_table(
    [
        {
            "held by": name,
            "diverged": lost[name],
            "discriminator right": f"{last(runs, 'right'):.2f}",
            "its losses, real and fake": f"{last(runs, 'catch_real').mean:.2f}, {last(runs, 'catch_fake').mean:.2f}",
            "its updates skipped": f"{last(runs, 'discriminator_skipped'):.0%}",
            "Fréchet": f"{game_measured[name]['frechet']:.0f}",
            "precision": f"{game_measured[name]['precision']:.2f}",
            "sharpness": f"{game_measured[name]['sharpness']:.2f}",
        }
        for name, runs in games.items()
    ],
    caption=f"Last of {LIVE_EPOCHS} epochs; mean (95 % interval over {N_SEEDS} seeds)",
)
right_alone = last(games["neither"], "right")
guess.compare(
    0 if right_alone.mean < 0.6 else 1 if right_alone.mean < 0.9 else 2,
    f"it is right in {right_alone:.0%} of the cases.",
)
text = "Equilibrium: runs that diverged, of all in this section"
claims.add("games_lost", sum(lost.values()), below=1, text=text)
smoother = game_measured["neither"]["sharpness"] - game_measured["gradient penalty"]["sharpness"]
print(f"sharpness, neither minus penalty: {smoother:+.2f}; real pictures have 1")
# %% [markdown]
# Look at the intervals before you choose a side. No run of this section broke down, with or without help, so in games as short as these *stability* is not what the trick buys; read off whether it buys anything else. And look at how wide the interval of the skipped updates is: a thermostat may hold the discriminator back often with one seed and hardly ever with another. A copied constant that never
# fires is no explanation for a stable run, and one that fires half of the time is a hidden learning rate: so print that share whenever you use such a rule. (The authors' setting is another one, with a larger discriminator and batch normalization; nothing here says that they did not need it.)
# %% [markdown]
# ## 6 What if the code is written in letters?
#
# So far every code was a list of real numbers with a Gaussian prior that was fixed before training, and the samples suffered where the codes did not fill that
# prior. The **VQ-VAE** (van den Oord et al. 2017) turns this around: first learn a good code, without any prior; then learn the prior that fits it.
#
# The code is a small map of *letters*. The encoder puts out a vector $v_i$ at every place $i$ of its last feature map, and each is replaced by the nearest of $K$ vectors, the **codebook** $e_1 \dots e_K$:
#
# $$
# c_i = \arg\min_k \lVert v_i - e_k\rVert^2, \qquad \text{the decoder sees } e_{c_i} .
# $$
#
# In words: the encoder says something, the codebook writes down the letter that comes closest, and the decoder reads letters only.
#
# An argmin is a staircase: its slope is 0 wherever it exists, so no gradient passes. The **straight-through** trick lets the decoder's gradient jump over the step, as if the letter had been the vector itself:
# the forward pass uses $e_{c_i}$, the backward pass pretends it was $v_i$. The gradient is wrong, and it works as long as vector and letter are close. A third term, the **commitment**
# $\lVert v_i - \text{stop}(e_{c_i})\rVert^2$, keeps them close. The letters themselves take no gradient: each follows the moving average of the vectors that chose it.
# %%
guess = predict(
    "The vectors and the codebook start at random. After training without any further help, how much of a codebook of 64 letters is in use?",
    ["nearly all of it", "about half", "a few letters"],
    default=0,
)


# %%
def quantize(vectors, letters):
    """The nearest letter at every place, with the straight-through gradient: (batch, places, dim) twice, and the codes."""
    codes = torch.cdist(vectors, letters).argmin(-1)
    chosen = letters[codes]
    return vectors + (chosen - vectors).detach(), codes


seed_everything(0)
vq = VQVAE.for_data(train, n_codes=64, code_dim=8)
x = train.batch(slice(0, 64))
vectors = vq.vectors(x)
passed, codes = quantize(vectors, vq.codebook.letters)
bound = vq_terms(vq.eval(), x)
own = -vq.log_likelihood(x, vq.code_of(passed))
print(
    f"{vq.side} × {vq.side} letters a picture; {(codes == vq.codes(x).flatten(1)).float().mean():.0%} of them are the package's"
)
off = (own - bound.reconstruction).abs().max()
text = "Quantizing written out against the package's, reconstruction term, largest difference"
claims.add("same_letters", off, below=1e-2, unit="nats", exact=True, text=text)
seen, direct = torch.autograd.grad(own.sum(), [vectors, passed])
text = "Straight-through: gradient at the vectors against the one at the letters"
claims.add("straight_through", (seen - direct).abs().max(), below=1e-6, exact=True, text=text)
# %% [markdown]
# Now train it, twice: once as above, and once with **revival**. A letter that nobody chooses never moves, so it will not be chosen later either: it is dead. Revival puts a dead letter
# onto a vector of the present batch, where it has customers. Before the first update all letters count as dead, so with revival the codebook also *starts* on vectors of the first batch; the comparison is of both together. (The package's codebook revives by default; the cell turns it off by hand for one of the two.)
#
# How many letters are in use is a matter of degree. The **perplexity** $\exp\bigl(-\sum_k p_k \log p_k\bigr)$ of the letters' frequencies counts them: it is $K$ if all are used alike, and 1 if one letter does everything.
# %%
K = 64
lettered = train.subset(min(VQ_EXAMPLES, len(train)), seed=0)  # of the models with letters


def train_vq(seed, revival):
    """A VQ-VAE on a few pictures."""
    seed_everything(seed)
    model = VQVAE.for_data(lettered, n_codes=K, code_dim=8, decay=0.97)
    if not revival:  # every letter starts in use, at random, and none is ever called dead
        model.codebook.revive_below = 0.0
        model.codebook.usage.fill_(1 / K)
        model.codebook.total.copy_(model.codebook.letters / K)
    fit(
        model,
        lettered,
        epochs=VQ_EPOCHS,
        batch_size=64,
        learning_rate=3e-3,
        schedule="linear",
        warmup=0.05,
        kl_warmup=0.0,
        objective=vq_terms,
        seed=seed,
        progress=False,
        device="cpu",
        eval_examples=1,
    )
    return model


with_revival, without = ([train_vq(seed, revival) for seed in range(N_SEEDS)] for revival in (True, False))
in_use = {
    name: Runs((perplexity(letters_of(model, held_out).codes, K) for model in models), least=0)
    for name, models in {"revival": with_revival, "no revival": without}.items()
}
distortion = {
    name: Runs((vq_terms(model, held_out.floats()).reconstruction.mean() for model in models), least=0)
    for name, models in {"revival": with_revival, "no revival": without}.items()
}
results_table(
    [
        {
            "codebook": name,
            "perplexity, of 64": f"{in_use[name]:.1f}",
            "distortion, nats": f"{distortion[name]:.1f}",
        }
        for name in in_use
    ],
    caption=f"Letters in use and reconstruction on held-out pictures, with 95 % intervals over {N_SEEDS} seeds",
)
alone = in_use["no revival"].mean
guess.compare(
    0 if alone > 48 else 1 if alone > 16 else 2, f"the perplexity is {alone:.1f} of {K} without help."
)
gained = in_use["revival"] - in_use["no revival"]
saved = distortion["no revival"] - distortion["revival"]
text = "VQ-VAE: {} by reviving dead letters"
claims.add("revived", gained, above=5, whole_interval=True, text=text.format("perplexity, of 64, gained"))
claims.add("revival_saves", saved, above=0, unit="nats", text=text.format("distortion saved"))
# %% [markdown]
# This is the discrete relative of posterior collapse: the code has room and does not use it, and the loss alone does not say so. Always report the perplexity.
#
# ### The prior comes afterwards
#
# The letters of the training pictures are a data set of their own: maps of $7\times7$ symbols. A small recurrent network learns them one letter after the other, $P(c) = \prod_i P(c_i\,|\,c_1 \dots c_{i-1})$. Besides its memory of all letters so far it is shown the
# letter before and the three above. Sampling is then: write 49 letters, decode once.
#
# And there is a likelihood after all. The posterior puts everything on the picture's own letters $c(x)$, so its entropy is 0 and the ELBO reads
#
# $$
# \log p(x) \;\ge\; \log p(x|c(x)) + \log P(c(x)) .
# $$
#
# In words: what the pixels cost, given the letters, plus what the letters cost, given the prior. With all letters equally likely the second cost is $49 \log K$.
# %%
guess = predict(
    "Draw all 49 letters at random, each with the same probability, and decode. You will see ...",
    ["a blurred garment", "pieces of texture without a shape", "gray noise"],
    default=0,
)
# %%
priors = []
for seed, model in enumerate(with_revival):
    seed_everything(seed)
    prior = CodePrior(K, model.side, hidden=96, embedding=16)
    fit_prior(
        prior,
        model,
        lettered,
        epochs=PRIOR_EPOCHS,
        batch_size=64,
        learning_rate=5e-3,
        seed=seed,
        progress=False,
        device="cpu",
        eval_examples=1,
    )
    priors.append(prior)
price = [evaluate_codes(model, prior, held_out) for model, prior in zip(with_revival, priors, strict=True)]
uniform = priors[0].uniform_nats()
learned = Runs((p.kl for p in price), least=0)
print(f"letters: {uniform:.1f} nats a picture if all are alike, {learned.mean:.1f} with the learned prior")
draws = {"learned prior": [], "letters at random": []}
for seed, (model, prior) in enumerate(zip(with_revival, priors, strict=True)):
    source = seeded(seed)
    draws["learned prior"].append(model.sample(len(held_out), prior, source))
    noise = torch.randint(0, K, (len(held_out), model.side, model.side), generator=source)
    with torch.no_grad():
        draws["letters at random"].append(model.likelihood.mean(model.decode_codes(noise)))
quality = {name: each_measure([looks(samples) for samples in some]) for name, some in draws.items()}
show(
    image_grid(torch.cat([some[0][:10] for some in draws.values()]), 2, 10, row_titles=list(draws)),
    alt="Two rows of ten decoded maps of letters. Upper row, letters from the learned prior: most form one object. Lower "
    "row, letters at random: patches of light and dark without a common shape.",
)
at_random, by_prior = quality["letters at random"], quality["learned prior"]
farther, edges = at_random["frechet"] - by_prior["frechet"], at_random["sharpness"]
gray = relative_sharpness(torch.rand(real.shape, generator=seeded(0)), real)
guess.compare(
    2 if edges.high > gray / 2 else 1 if farther.low > 0 else 0,
    f"the Fréchet distance is {farther:.0f} larger than with the learned prior. The sharpness is {edges:.1f}; gray noise has {gray:.0f}, real pictures 1.",
)
results_table(
    [
        {
            "letters from": name,
            "Fréchet distance": f"{runs['frechet']:.0f}",
            **{key: f"{runs[key]:.2f}" for key in ("precision", "recall", "coverage")},
        }
        for name, runs in quality.items()
    ],
    caption=f"Samples against {len(held_out):,} held-out pictures; one decoder, two priors; intervals over {N_SEEDS} seeds",
)
saving, ratio = uniform - learned, at_random["frechet"] / by_prior["frechet"]
text = "VQ-VAE: price of a picture's letters, uniform minus learned prior"
claims.add("prior_saves", saving, above=10, unit="nats", whole_interval=True, text=text)
text = "VQ-VAE: Fréchet distance with random letters over that with the learned prior"
claims.add("random_letters", ratio, above=1.5, unit="times", whole_interval=True, text=text)
# %% [markdown]
# The division of labor is the point. The VQ-VAE alone is an autoencoder; which patches go together is what the prior knows. Make that prior a Transformer or a diffusion model, and the code a map of $32\times32$ places, and you are on the way to today's large picture models; section 8 goes there.
#
# ## 7 What does a second layer of latent variables buy?
#
# The other road keeps the ELBO as it is and makes the prior of the code learnable: $z_2 \sim \mathcal N(0, I)$, $z_1|z_2 \sim \mathcal N(\mu_1(z_2), \sigma_1(z_2)^2)$, $x|z_1$ as before. The marginal $p(z_1)$ is now an infinite mixture of
# Gaussians and can take the shape that the codes want. The posterior runs **top-down** like the prior (Sønderby et al. 2016): first $q(z_2|x)$, then $q(z_1|x, z_2)$, where two Gaussians are multiplied, the picture's message about $z_1$ and the prior given $z_2$: their precisions $1/\sigma^2$ add up, and their means are averaged with the precisions as weights.
#
# Write $z_1 = \mu_1(z_2) + \sigma_1(z_2)\,\varepsilon$. Then $(z_2, \varepsilon)$ has the prior $\mathcal N(0, I)$ again: **a two-layer VAE is a VAE** with a decoder of a special form. So `elbo_terms`, `evaluate` and the importance-weighted bound work unchanged, and you can
# check this: hold the two-layer ELBO of the definition against `elbo_terms`.
# %%
from torch.distributions import Normal, kl_divergence

two = load_arena("hierarchical", 0).model
pictures = load_arena("vae_bernoulli", 0).sample(32, seeded(0))  # any pictures will do here
with torch.no_grad():
    q = two.encode(pictures)
    z = q.sample(generator=seeded(1))
    top = z[:, : two.top_dim]
    p1, q1 = two.prior_of_lower(top), q.lower(top)
    z1 = p1.mean + p1.std * z[:, two.top_dim :]
    lower = kl_divergence(Normal(p1.mean + p1.std * q1.mean, p1.std * q1.std), Normal(p1.mean, p1.std)).sum(
        -1
    )
    upper = kl_divergence(Normal(q.top.mean, q.top.std), Normal(0.0, 1.0)).sum(-1)
    pixels = -two.likelihood.log_prob(pictures, two.decoder(z1).view_as(pictures) + two.output_offset)
    package = elbo_terms(two, pictures, seeded(1)).negative_elbo
off = (pixels + lower + upper - package).abs().max()
text = "Two layers: −ELBO written out against elbo_terms, largest difference"
claims.add("same_layers", off, below=0.01, unit="nats", exact=True, text=text)
print(
    f"rate of these pictures: {upper.mean():.1f} nats in z₂, {lower.mean():.1f} nats in z₁ beyond what z₂ says"
)
# %%
guess = predict(
    "Both have the same decoder and the same likelihood. Compared with one layer, two layers give ...",
    [
        "a lower −ELBO and better samples",
        "about the same −ELBO and better samples",
        "no difference that three seeds can show",
    ],
    default=0,
)
# %%
HEADINGS = {
    "frechet": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "sharpness": "sharpness",
    "negative_elbo": "−ELBO (nats)",
    "rate": "rate (nats)",
    "distortion": "distortion (nats)",
    "mse": "squared error per pixel",
    "probe": "probe accuracy",
    "cpu_seconds": "CPU seconds",
}
columns = "negative_elbo rate distortion frechet precision recall coverage sharpness cpu_seconds".split()
results_table(
    arena_rows(results, {key: HEADINGS[key] for key in columns}, ("vae_bernoulli", "hierarchical", "vq_vae")),
    caption="From the arena: three Bernoulli models, so their −ELBO (nats) may be compared; 95 % intervals over 3 seeds",
)
arena = {
    row["name"]: {key: over_models(key, m["values"]) for key, m in row["measures"].items() if m}
    for row in results["rows"]
}
one_layer, two_layers, letters = (arena[name] for name in ("vae_bernoulli", "hierarchical", "vq_vae"))
elbo_gain = one_layer["negative_elbo"] - two_layers["negative_elbo"]
frechet_gain = one_layer["frechet"] - two_layers["frechet"]
better = elbo_gain.low > 0, frechet_gain.low > 0
guess.compare(
    0 if all(better) else 1 if better[1] else 2,
    f"−ELBO falls by {elbo_gain:.1f} nats, the Fréchet distance by {frechet_gain:.1f}.",
)
letters_worse = letters["negative_elbo"] - one_layer["negative_elbo"]
letters_better = one_layer["frechet"] - letters["frechet"]
text = "Arena: −ELBO, VAE minus two-layer VAE, same likelihood and decoder"
claims.add("layers_elbo", elbo_gain, above=0, unit="nats", whole_interval=True, text=text)
text = "Arena: Fréchet distance, VAE minus two-layer VAE"
claims.add("layers_frechet", frechet_gain, above=0, whole_interval=True, text=text)
text = "Arena: −ELBO, VQ-VAE with prior minus VAE"
claims.add("letters_elbo", letters_worse, above=0, unit="nats", whole_interval=True, text=text)
text = "Arena: Fréchet distance, VAE minus VQ-VAE with prior"
claims.add("letters_frechet", letters_better, above=0, whole_interval=True, text=text)
# %% [markdown]
# (Not quite everything else is equal: the second layer comes with two small networks of its own and was trained with a longer KL warm-up.)
#
# Look at the third line of the table as well. The VQ-VAE with its prior has by far the lowest Fréchet distance of the three, and by far the worst bound. Both are true, because they ask different questions. Its posterior is sure of every letter, so
# the bound charges the full price of all of them, also for details that a Gaussian posterior would leave open (and get refunded as its entropy). And only *one* code word of the picture is counted, while many others may decode to nearly the same picture. A sample, on the other hand, is
# only asked whether its letters fit together, and here a learned prior knows more than a fixed $\mathcal N(0, I)$. Never rank models by one number.
#
# What does the upper layer hold? Draw $z_2$ four times and $\varepsilon$ eight times and decode all pairs.
# %%
generator = seeded(3)
z2 = torch.randn(4, 1, two.top_dim, generator=generator).expand(4, 8, -1)
noise = torch.randn(1, 8, two.lower_dim, generator=generator).expand(4, 8, -1)
with torch.no_grad():
    crossed = two.likelihood.mean(two.decode(torch.cat([z2, noise], -1).flatten(0, 1)))
    spread = (
        two.likelihood.mean(two.decode(torch.randn(2000, two.latent_dim, generator=generator))).var(0).mean()
    )
    fixed_top = two.likelihood.mean(
        two.decode(
            torch.cat(
                [z2[:, :1].expand(4, 500, -1), torch.randn(4, 500, two.lower_dim, generator=generator)], -1
            ).flatten(0, 1)
        )
    )
    within = fixed_top.unflatten(0, (4, 500)).var(1).mean()
show(
    image_grid(crossed, columns=8),
    alt="Four rows of eight generated garments: the pictures of a row share the upper code, those of a column the lower noise. "
    "First row: blurred shapes between shoe and top. Second row: shoes. Third and fourth row: dresses and tops, which differ in width, neckline and sleeves.",
)
print(
    f"share of the samples' pixel variance that is fixed once z₂ is drawn: {1 - (within / spread).item():.0%}"
)
# %% [markdown]
# Most of a picture is settled by $z_2$: look along a row. (Four draws from one model; a look, not a measurement with an interval.)
#
# ## 8 Where does latent diffusion start?
#
# Sections 2 to 4 changed the decoder. Sections 6 and 7 changed the prior and had to train everything anew. But why not keep a trained VAE as it is, and learn a better density for its codes **afterwards**? $\mathcal N(0, I)$ is what the KL term asks for; the aggregate posterior
# $q(z) = \frac1n\sum_i q(z|x_i)$ is what the decoder has seen in training, and the two differ (chapter 04's holes).
#
# Three densities for the second stage, from nothing to a small relative of diffusion:
#
# - $\mathcal N(0, I)$, as before;
# - a Gaussian with the codes' own mean and covariance;
# - a **rectified flow** (Liu et al. 2023; Lipman et al. 2023): a network $v(z_t, t)$ learns to walk from noise $z_0$ to a code $z_1$ along straight lines, $z_t = (1 - t) z_0 + t z_1$ (here the index is a time, not a layer), by the regression
#
# $$
# \min_v\ \mathbb E\,\bigl\lVert v(z_t, t) - (z_1 - z_0)\bigr\rVert^2 ,
# $$
#
# in words: at every place and time, guess the mean direction in which the codes lie. To sample, start at noise and follow $v$ in small steps. A diffusion model is the same with another schedule and another parametrization.
#
# And a reference: decode draws of $q(z)$ itself, that is, codes of real training pictures. A second stage that had learned $q(z)$ perfectly would score like these.
# %%
guess = predict(
    "Only the density on the codes changes, not one weight of the VAE. By how much does the pixel VAE's Fréchet distance fall with the flow?",
    [
        "hardly: the decoder is what blurs",
        "by a third or more",
        "to that of real pictures",
        "three seeds cannot tell",
    ],
    default=0,
)


# %%
class Velocity(nn.Module):
    """v(z, t): (n, latent) and (n, 1) → (n, latent)."""

    def __init__(self, latent_dim, width=192):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(latent_dim + 3, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, latent_dim),
        )

    def forward(self, z, t):
        time = torch.cat([t, torch.sin(math.pi * t), torch.cos(math.pi * t)], 1)
        return self.layers(torch.cat([z, time], 1))


def train_flow(posterior, seed):
    """A flow from N(0, I) to draws of q(z), with the codes brought to mean 0 and standard deviation 1."""
    seed_everything(seed)
    draw = seeded(seed)
    codes = posterior.sample(generator=draw)
    center, scale = codes.mean(0), codes.std(0)
    velocity = Velocity(codes.shape[1])
    optimizer = torch.optim.Adam(velocity.parameters(), lr=2e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FLOW_STEPS)
    for _ in range(FLOW_STEPS):
        rows = torch.randint(len(codes), (256,), generator=draw)
        noise = torch.randn(2, 256, codes.shape[1], generator=draw)
        code = (posterior.mean[rows] + posterior.std[rows] * noise[0] - center) / scale
        t = torch.rand(256, 1, generator=draw)
        guess_v = velocity((1 - t) * noise[1] + t * code, t)
        loss = (guess_v - (code - noise[1])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()

    @torch.no_grad()
    def sample(n, generator, steps=40):
        z = torch.randn(n, codes.shape[1], generator=generator)
        for step in range(steps):
            z = z + velocity(z, torch.full((n, 1), (step + 0.5) / steps)) / steps
        return z * scale + center

    return sample


@torch.no_grad()
def posteriors(model):
    """q(z|x) of all training pictures, as one object."""
    return model.encode(torch.cat([train.batch(part) for part in torch.arange(len(train)).split(2000)]))


second = {
    (stage, name): []
    for stage in ("pixel", "adversary")
    for name in ("N(0, I)", "Gaussian of the codes", "flow", "codes of training pictures")
}
drawn = {}
for stage in ("pixel", "adversary"):
    for seed, model in enumerate(models[stage]):
        q, source = posteriors(model), seeded(seed)
        codes = q.sample(generator=source)
        factor = torch.linalg.cholesky(torch.cov(codes.T))
        flow = train_flow(q, seed)
        n, latent = len(real), codes.shape[1]
        z = {
            "N(0, I)": torch.randn(n, latent, generator=source),
            "Gaussian of the codes": codes.mean(0) + torch.randn(n, latent, generator=source) @ factor.T,
            "flow": flow(n, source),
            "codes of training pictures": codes[torch.randint(len(codes), (n,), generator=source)],
        }
        for name, found in z.items():
            with torch.no_grad():
                pictures = model.likelihood.mean(model.decode(found))
            second[stage, name].append(looks(pictures))
            if seed == 0:
                drawn[stage, name] = pictures[:10]
second = {which: each_measure(found) for which, found in second.items()}
# %%
results_table(
    [{"decoder": stage, "codes from": name, **look_cells(runs)} for (stage, name), runs in second.items()],
    caption=f"One decoder, four sources of codes; {len(real):,} samples; mean (95 % interval over seeds)",
)
show(
    image_grid(
        torch.cat(list(drawn.values())),
        len(drawn),
        10,
        row_titles=[f"{stage}: {name}" for stage, name in drawn],
    ),
    alt=described(
        "Eight rows of ten pictures: two decoders, each with codes from N(0, I), from a Gaussian fitted to the codes, from the flow, and from real training pictures.",
        "Pixel decoder, from N(0, I): soft shapes, few of them a garment; further down more and more are blurred shirts, trousers and shoes. "
        "Adversary, from N(0, I): hard black and white patches; in the three rows below most are grainy garments that can be named.",
    ),
)
left_pixel, left_game = (
    second[stage, "flow"]["frechet"] / second[stage, "N(0, I)"]["frechet"] for stage in ("pixel", "adversary")
)
best = second["pixel", "flow"]["frechet"]
guess.compare(
    2
    if best.high < 2 * floor["frechet"]
    else 1
    if left_pixel.high < 2 / 3
    else 0
    if left_pixel.low > 2 / 3
    else 3,
    f"{left_pixel:.2f} of it is left; for the VAE-GAN's decoder {left_game:.2f}.",
)
text = "Second stage: Fréchet distance with the flow over that with N(0, I), pixel VAE"
claims.add("flow", left_pixel, below=1, unit="%", whole_interval=True, text=text)
if SHIPPED:
    text = "Second stage: share left, VAE-GAN minus pixel VAE"
    claims.add("flow_game", left_game - left_pixel, above=0, unit="%", text=text)
    flow_game, plain_game = second["adversary", "flow"], second["adversary", "N(0, I)"]
    precise, recalled, covered = (
        flow_game[key] - plain_game[key] for key in ("precision", "recall", "coverage")
    )
    text = "Second stage: precision gained by the VAE-GAN"
    claims.add("flow_precision", precise, above=0, unit="%", whole_interval=True, text=text)
    text = "Second stage: recall, which scatter raises too, lost by the VAE-GAN"
    claims.add("flow_recall", -recalled, above=0, unit="%", whole_interval=True, text=text)
    text = "Second stage: coverage gained by the VAE-GAN"
    claims.add("flow_coverage", covered, above=0, unit="%", whole_interval=True, text=text)
# %% [markdown]
# The pixel VAE: same decoder, same weights, better samples. So a good part of what is called the failure of a VAE's *decoder* is a mismatch of its *codes*. The blur stays the decoder's: with codes of real pictures the sharpness is still far below 1. On Fashion-MNIST the VAE-GAN's precision and coverage rise, its recall falls, and the Fréchet distance cannot tell the two apart. Half of the fakes in its game were samples from $\mathcal N(0, I)$, so its decoder has learned to make *something* of those codes, with hard edges and far apart from each other; the flow brings it back to codes of real pictures. One number of realism would have told you that nothing happened.
#
# Compare recall and coverage in the last row and in the row of the VAE-GAN's $\mathcal N(0, I)$. Codes of real training pictures give pictures of every kind that is in the data. By recall they are far behind the pictures from $\mathcal N(0, I)$, many of which show no garment; by coverage they are far ahead. So a good part of the VAE-GAN's high recall is scatter.
#
# In Fréchet distance, what lies between the flow and the reference is what a better second stage could still gain; what lies between the reference and real pictures is the decoder's.
#
# **Latent diffusion** (Rombach et al. 2022) is this plan at scale: a first stage with a feature loss and an adversary (section 3) and a tiny KL weight or letters (section 6), so that reconstructions are nearly perfect; then a diffusion model on a map of codes, which is where nearly all the computing goes. Nobody samples its first stage
# from $\mathcal N(0, I)$. The price: the bound on $\log p(x)$ now needs the second stage's density as well, and the code is no longer pushed toward a distribution that you know.
#
# ## 9 The whole table, and the capstone
#
# Eight models of this course, the same 20,000 pictures, the same number of pictures seen, the same decoder network (the VQ-VAE's differs in its first layer, which takes a map of letters), the same judge. Made by `python -m recipes.arena`; the VAE-GAN's row is the third stage of section 3,
# here on 5,000 test pictures. The Bernoulli VAE is *not* section 3's first stage: that one had the VAE-GAN's optimizer settings, this one has a VAE's, and does better. The squared error is section 3's, divided by the number of pixels.
# %%
columns = "frechet precision recall coverage sharpness negative_elbo mse probe cpu_seconds".split()
rows = arena_rows(results, {key: HEADINGS[key] for key in columns})
for line, entry in zip(rows, results["rows"], strict=True):
    if entry["likelihood"] not in (None, "bernoulli"):
        line[HEADINGS["negative_elbo"]] += " (not comparable: another likelihood)"
results_table(
    rows,
    caption=f"Fashion-MNIST, {results['pictures_seen']:,} pictures seen, judged on {results['n']:,} test pictures; mean ± half a 95 % interval over {len(results['seeds'])} seeds",
)
print(
    f"real pictures at this n: Fréchet {results['reference']['frechet']:.1f}, precision {results['reference']['precision']:.2f}, recall {results['reference']['recall']:.2f}, coverage {results['reference']['coverage']:.2f}"
)
order = sorted(
    (row for row in results["rows"] if row["measures"].get("frechet")),
    key=lambda row: row["measures"]["frechet"]["mean"],
)
compared = {HEADINGS[key]: key for key in ("frechet", "precision", "recall", "coverage")}
show(
    interval_dots(
        {
            name: {
                row["label"].split(",")[0] if row["name"] == "ae" else row["label"]: arena[row["name"]][key]
                for row in order
            }
            for name, key in compared.items()
        },
        {name: results["reference"][key] for name, key in compared.items()},
        reference_name="real",
    ),
    alt="Four panels with one row for each of eight models, sorted by Fréchet distance: Fréchet distance, precision, recall and coverage with intervals over three seeds, and dotted lines for real pictures. "
    "By Fréchet distance the VQ-VAE comes first, then the VAE-GAN, and the Gaussian VAE last. By precision the two-layer VAE leads, by recall the VAE-GAN; by coverage the two-layer VAE leads again, the VQ-VAE follows, and the VAE-GAN reaches about half of the first.",
)
# %% [markdown]
# Three things to take from this table. The first two go against what is usually said.
#
# - **A plain autoencoder with a Gaussian fitted to its codes** has a lower Fréchet distance than the Bernoulli VAE (Ghosh et al. 2020 saw the same): section 8's second stage in its simplest form, on codes that no KL term has blurred.
# - **The VAE-GAN beats the GAN** in Fréchet distance, with the same decoder and as many pictures seen (at about twice the CPU time). One reason may be that it has to rebuild every picture, so that no part of the data can be left out; its coverage, higher than the GAN's though still low, fits that.
# - **No model wins every column.** The VAE-GAN has hard edges and the highest recall, but its samples are scattered: the share of them that lies where data lie is one of the lowest, and it covers far less of the data than the two-layer VAE, whose Fréchet distance is higher. That one is first in precision and in coverage, and blurred. The VQ-VAE has the lowest Fréchet distance and, of the three Bernoulli models that have one, the worst bound.
# %% tags=["hide-input"]
gan, vae_gan = arena["gan"], arena["vae_gan"]
auto_gain, gan_gain = one_layer["frechet"] - arena["ae"]["frechet"], gan["frechet"] - vae_gan["frechet"]
gan_recall, gan_coverage = (vae_gan[key] - gan[key] for key in ("recall", "coverage"))
more_covered = two_layers["coverage"] - vae_gan["coverage"]
text = "Arena: Fréchet distance, Bernoulli VAE minus autoencoder with a fitted Gaussian"
claims.add("autoencoder", auto_gain, above=0, whole_interval=True, text=text)
text = "Arena: Fréchet distance, GAN minus VAE-GAN"
claims.add("gan", gan_gain, above=0, whole_interval=True, text=text)
text = "Arena: recall, which scatter raises too, VAE-GAN minus GAN"
claims.add("gan_recall", gan_recall, above=0, unit="%", whole_interval=True, text=text)
text = "Arena: coverage, VAE-GAN minus GAN"
claims.add("gan_coverage", gan_coverage, above=0, unit="%", whole_interval=True, text=text)
text = "Arena: coverage, two-layer VAE minus VAE-GAN"
claims.add("layers_coverage", more_covered, above=0, unit="%", whole_interval=True, text=text)
for text, found in {"autoencoder gains on the VAE": auto_gain, "VAE-GAN gains on the GAN": gan_gain}.items():
    print(f"{text}, Fréchet distance: {found:.1f}")
for text, found in {"recall": gan_recall, "coverage": gan_coverage}.items():
    print(f"VAE-GAN minus GAN, {text}: {found:+.2f}")
# %% [markdown]
# Read it with care: −ELBO can be compared within one likelihood only (chapter 05), the distances have a bias that depends on the number of pictures (chapter 07), and a budget of a few passes favors what learns fast. The table answers *which model for this budget*, not which model is best.
#
# ### Capstone: choose, and defend your choice
#
# **The brief.** Pick a data set (one of the course's, or your own folder of pictures), a use (*new pictures*, *a code for a classifier*, *anomaly scores* or *editing*), and a budget (CPU-minutes to train, kilobytes to ship). Hand in a notebook that runs in at most ten minutes, and one page of text that
# answers: **which model, which likelihood, which β, which latent size, and why not the runner-up?**
#
# **The steps.**
# 1. Write down the use and the *one* number that decides (before you train anything), and two more that must not get worse.
# 2. Baselines: the data's own floor (real against real), a Gaussian on pixels or PCA, and the plain VAE of chapter 02.
# 3. Latent size and β on validation data: `python -m vae_course sweep`, chapter 08's rule, chapter 04's collapse report.
# 4. At most three candidates from the table above; same pictures, same budget, three seeds each; every failed seed stays in.
# 5. One table with intervals, one figure of samples that were **not** chosen by hand, nearest training neighbors (chapter 07), one thing that does not work.
# 6. Only now the test set, once.
#
# **The rubric** (100 points).
#
# | part | full marks | half marks | none | points |
# |---|---|---|---|---|
# | question and decisive number | fixed in writing before training, fits the use | fits the use, chosen later | "the samples look good" | 15 |
# | opponents | floor, trivial baseline, plain VAE, equal budgets | one of them missing | only one's own model | 15 |
# | measurement | intervals over ≥ 3 seeds, validation for choices, test once | intervals over pictures only | single runs, or choices on test data | 20 |
# | choice of likelihood, β, latent size | each with a curve and the place on it | some by default values | none explained | 15 |
# | diagnosis | collapse report, rate and distortion apart, game or codebook watched | losses only | final loss only | 10 |
# | honesty | failed seeds shown, what was not tested is said, a claim that fell is reported | failures mentioned | only what worked | 15 |
# | reproducible | runs from top to bottom from one parameters cell, seeds fixed | runs with help | does not run | 10 |
#
# ## Play
#
# Choose how the model was trained, two pictures, and a place on the path between their codes. Look for the moment at which one garment stops and the other starts, and compare how the stages cross it: the strip below walks the first pair in seven steps.
# %%
from vae_course.widgets import explore_stages

firsts = [int((held_out.labels == c).nonzero()[0]) for c in range(len(held_out.class_names))]
names = [str(name) for name in held_out.class_names]
pairs = {
    f"{names[a]} to {names[b]}": real[[firsts[a], firsts[b]]] for a, b in ((8, 1), (7, 9), (0, 3), (2, 5))
}
walker = explore_stages(
    {stage: found[0] for stage, found in models.items()},
    pairs,
    seen="A bag grows narrower and becomes trousers; halfway both can be seen in one picture. The rows of feature and adversary have a grain."
    if DATASET == "fashion_mnist"
    else "",
)
# %% [markdown]
# ## What we measured
# %% tags=["hide-input"]
in_intervals = {
    "Fréchet distance gained, pixel → adversary": (realism, 1),
    "Fréchet distance gained, feature → adversary": (game_alone, 1),
    "precision, change pixel → adversary": (precision_change, 3),
    "recall, change pixel → adversary": (recall_change, 3),
    "coverage, change pixel → adversary": (coverage_change, 3),
    "−ELBO paid, nats": (elbo_paid, 1),
    "squared error of reconstructions paid, pixels²": (error_paid, 2),
    "probe accuracy, change pixel → adversary": (probe_change, 3),
    "perplexity gained by reviving letters, of 64": (gained, 1),
    "nats a picture saved by a prior over letters": (saving, 1),
    "Fréchet distance left by a second stage, share (pixel VAE)": (left_pixel, 2),
    "Fréchet distance left by a second stage, share (VAE-GAN)": (left_game, 2),
}
results_table(
    [
        {
            "measure": name,
            "value": f"{found:.{digits}f}",
            "over": f"{N_SEEDS} seeds",
        }
        for name, (found, digits) in in_intervals.items()
    ]
    + [
        {
            "measure": "small VAE-GANs that diverged",
            "value": f"{len(diverged)} of {GAME_SEEDS}",
            "over": "seeds",
        },
        {
            "measure": "cells of the routing table as they should be",
            "value": f"{as_wanted} of 12",
            "over": "exact",
        },
    ]
)
# %%
claims.report()


# %% [markdown]
# ## Exercises
#
# `check` answers at once and, where it can, names the mistake. `hint` gives one hint at a time, `solution` is folded.
#
# ### Exercise 11.1: who learns from what? (easy)
#
# **Contract**: a dict with five entries, `"kl"`, `"feature"`, `"fool"`, `"catch"` and `"pixel"` (the loss of a plain VAE), each with the networks that its gradient may reach: `"E"` (encoder), `"G"` (decoder, the generator), `"D"` (discriminator), or several of these letters, in this order: `"EG"`, `"GD"`, `"EGD"`.
# %%
answer_11_1 = {"kl": ..., "feature": ..., "fool": ..., "catch": ..., "pixel": ...}

check("11.1", answer_11_1)
# hint("11.1")  # remove the first # for a hint
# %%
solution("11.1")


# %% [markdown]
# ### Exercise 11.2: a ruler that must not bend (medium)
#
# **Contract**: `feature_nats(rebuilt, real, variance)`: `rebuilt` and `real` `(batch, channels, height, width)` float tensors, the hidden layer's answers to the reconstruction and to the picture; `variance` `(channels,)`, > 0. Returns ½ Σ (rebuilt − real)² / variance for each example,
# `(batch,)`. The gradient reaches `rebuilt` and does not reach `real`.
# %%
def feature_nats(rebuilt: torch.Tensor, real: torch.Tensor, variance: torch.Tensor):
    """rebuilt, real: (batch, channels, height, width); variance: (channels,). Returns nats, (batch,)."""
    ...


check("11.2", feature_nats)
# hint("11.2")  # remove the first # for a hint
# %%
solution("11.2")


# %% [markdown]
# ### Exercise 11.3: three networks, two losses, three cuts (hard)
#
# **Contract**: `game_losses(encoder, decoder, discriminator, x, z_prior)`: `encoder(x)` gives a code for each picture, `(batch, latent)`; `decoder(z)` a picture for each code; `discriminator(pictures)` scores `(n,)`, logits of "real"; `z_prior` `(batch, latent)` comes from N(0, I). The fakes are the
# decoded codes of `x` and of `z_prior`, together. Returns `catch` = mean of −log σ(score of x) + mean of −log(1 − σ(score of a fake)), whose gradient reaches the discriminator only; and `fool` = mean of −log σ(score of a fake), whose gradient reaches the decoder only. After the call every parameter
# requires a gradient, as before it.
# %%
def game_losses(encoder, decoder, discriminator, x: torch.Tensor, z_prior: torch.Tensor):
    """x: (batch, features); z_prior: (batch, latent). Returns catch and fool, a number each."""
    ...


check("11.3", game_losses)
# hint("11.3")  # remove the first # for a hint
# %%
solution("11.3")


# %% [markdown]
# ### Exercise 11.4: through a step without a slope (medium)
#
# **Contract**: `straight_through(vectors, codebook)`: float tensors `(batch, places, dim)` from the encoder and `(n_codes, dim)`. Returns `(batch, places, dim)`: at every place the nearest row of the codebook (squared distance). In the backward pass the gradient that arrives at the result goes to
# `vectors` unchanged, and none goes to `codebook`.
# %%
def straight_through(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """vectors: (batch, places, dim); codebook: (n_codes, dim). Returns (batch, places, dim)."""
    ...


check("11.4", straight_through)
# hint("11.4")  # remove the first # for a hint
# %%
solution("11.4")


# %% [markdown]
# ### Exercise 11.5: letters that follow their vectors (medium)
#
# **Contract**: `follow(usage, total, vectors, codes, decay)`: moving averages `(n_codes,)` of how many vectors chose each letter (all > 0) and `(n_codes, dim)` of their sum; a batch of `vectors` `(n, dim)` with the letter that each chose, int64 `(n,)`; 0 < `decay` < 1, the share of the past that is kept.
# Returns three tensors (letters, usage, total) after the update; a letter is its sum over its count.
# %%
def follow(usage, total, vectors, codes, decay):
    """usage: (n_codes,); total: (n_codes, dim); vectors: (n, dim); codes: int64 (n,); decay: in (0, 1).

    Returns (letters, usage, total) after one update.
    """
    ...


check("11.5", follow)
# hint("11.5")  # remove the first # for a hint
# %%
solution("11.5")


# %% [markdown]
# ### Exercise 11.6: what does a picture cost in letters? (hard)
#
# **Contract**: `bound_with_letters(log_likelihood, logits, codes)`: log p(x|letters) of every pixel, float `(batch, C, H, W)`; the prior's logits at every place given the letters before it, float `(batch, places, n_codes)`; the picture's own letters, int64 `(batch, places)`. Returns `(batch,)`: the −ELBO in nats
# of each picture, the upper bound of −log p(x) that belongs to the posterior with all its mass on these letters.
# %%
def bound_with_letters(log_likelihood, logits, codes):
    """log_likelihood: (batch, C, H, W); logits: (batch, places, n_codes); codes: int64 (batch, places).

    Returns (batch,), nats.
    """
    ...


check("11.6", bound_with_letters)
# hint("11.6")  # remove the first # for a hint
# %%
solution("11.6")
# %% [markdown]
# ## Summary
#
# A VAE-GAN is a VAE whose ruler is learned and whose decoder plays a game; it stands on three cuts in one graph, and only a test of the gradients shows whether they are there. The adversary lowers the Fréchet distance of the samples, and reconstructions pay for it in pixels and in nats. The encoder stays an encoder: classes can be read off its code, and halfway
# codes give pictures. Letters with a learned prior, a second layer of codes, and a second stage on a finished VAE change the prior instead of the decoder, and on the same judge that road goes far: without touching one weight, a small flow on the codes takes away a large part of the plain VAE's distance, and brings the VAE-GAN's samples back among the data. Which road to take depends on what you need a model for; the table and the capstone's rubric are there to make you say it before you train.
#
# ## References
#
# - A. B. L. Larsen, S. K. Sønderby, H. Larochelle, O. Winther: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016. Equations 5 to 10 and algorithm 1; the equilibrium trick is in the authors' code (`andersbll/autoencoding_beyond_pixels`) only.
# - I. Goodfellow et al.: *Generative Adversarial Nets*, NIPS 2014. Section 3 (the non-saturating loss). L. Mescheder, A. Geiger, S. Nowozin: *Which Training Methods for GANs do actually Converge?*, ICML 2018 (the gradient penalty R1).
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu: *Neural Discrete Representation Learning*, NIPS 2017. A. Razavi et al.: *Generating Diverse High-Fidelity Images with VQ-VAE-2*, NeurIPS 2019.
# - C. K. Sønderby et al.: *Ladder Variational Autoencoders*, NIPS 2016. A. Vahdat, J. Kautz: *NVAE*, NeurIPS 2020. R. Child: *Very Deep VAEs*, ICLR 2021.
# - P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020.
# - T. Kynkäänniemi et al.: *Improved Precision and Recall Metric for Assessing Generative Models*, NeurIPS 2019. M. F. Naeem et al.: *Reliable Fidelity and Diversity Metrics for Generative Models*, ICML 2020 (what scatter does to recall).
# - B. Dai, D. Wipf: *Diagnosing and Enhancing VAE Models*, ICLR 2019 (a second stage on the codes). R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022.
# - X. Liu, C. Gong, Q. Liu: *Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow*, ICLR 2023. Y. Lipman et al.: *Flow Matching for Generative Modeling*, ICLR 2023.
#
# This is the last chapter. Back to [the map of the course](01_Introduction_to_VAE_Fundamentals.ipynb).

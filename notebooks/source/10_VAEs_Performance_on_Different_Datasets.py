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
# # 10 · Performance on different datasets
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Nothing in the ELBO says that data are digits. Here one function computes it for garments, photographs, names, spoken digits and biopsies, and each VAE meets opponents that are not VAEs.
#
# Below: photographs. A VAE keeps light and large shapes, and calls the rest noise. A decoder that sees the neighbors of a pixel needs far fewer bits. But what it draws is rubble (the last two rows).
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
PICTURE_EPOCHS = 6  # epochs (passes through the data) of the VAE of small pictures, 1 or more
NEIGHBOR_EXAMPLES = 4000  # of them, for the decoder that sees neighbors, 200 or more
TEXT_EXAMPLES = 3000  # training names of the collapse, 500 or more
TEXT_EPOCHS = 8  # epochs of the collapse, 2 or more
TABLE_EPOCHS = 160  # epochs of the biopsies at most, 5 or more
HELD_OUT = 1000  # held-out examples of a kind at most, 50 or more
N_SEEDS = 3  # models of names and biopsies, 2 or more: intervals are 95 % t-intervals over them
# %% tags=["hide-input"]
import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from vae_course import VAE, Runs, elbo_terms, evaluate, evaluation, fit, importance_weighted_bound, load
from vae_course import load_neighbors, load_photograph_model, load_sound_model, load_text_model
from vae_course import neighbors_record, over_seeds, plots, seed_everything, seeded, teaching
from vae_course.elbo import without_code
from vae_course.models import GaussianVAE, NeighborDecoder, TextVAE
from vae_course.teaching import complete, hint, predict, results_table, show, solution

least = dict(PICTURE_EPOCHS=1, NEIGHBOR_EXAMPLES=200, TEXT_EXAMPLES=500, TEXT_EPOCHS=2)
least |= dict(TABLE_EPOCHS=5, HELD_OUT=50, N_SEEDS=2)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("10_VAEs_Performance_on_Different_Datasets", parameters)
SOURCES = ("fashion_mnist", "stanford_dogs", "names", "spoken_digits", "biopsies")
if OFFLINE:
    SOURCES = ("digits", "faces_synthetic", "invented_names", "spoken_digits_synthetic", "biopsies")
KINDS = dict(zip(("pictures", "photographs", "names", "sound", "biopsies"), SOURCES, strict=True))
train, held_out = {}, {}
for kind, name in KINDS.items():  # models of photographs are shipped: their training part is not needed here
    parts = ("validation", "test") if kind == "photographs" else ("train", "validation")
    train[kind], part = (load(name, split) for split in parts)
    held_out[kind] = part.subset(min(HELD_OUT, len(part)), seed=0)
DOGS = KINDS["photographs"]
photo_vae = load_photograph_model(DOGS)


def notes(unit="", **values):
    """Numbers that a sentence names."""
    for id, value in values.items():
        claims.note(id, value, unit=unit)


# %% tags=["hide-input"]
x = load(DOGS, "test").batch(slice(0, 6))
decoded = photo_vae.decode(photo_vae.encode(x).mean).detach()
rows = {
    "photographs": x,
    f"VAE, {photo_vae.latent_dim} numbers": photo_vae.likelihood.mean(decoded),
    "VAE, pixels drawn": photo_vae.likelihood.sample(decoded, seeded(0)),
    "neighbors, same code": neighbors_record(DOGS, "all", True)["samples"]["all before, drawn"][:6] / 255,
    "neighbors, no code": neighbors_record(DOGS, "all", False)["samples"]["all before, no code"][:6] / 255,
}
show(
    plots.image_grid(torch.cat(list(rows.values())), 5, 6, row_titles=list(rows), cell=1.0),
    alt="Five rows of six pictures of 64 by 64 pixels. Test pictures; smooth reconstructions that keep light and large shapes and little color; the same with every pixel drawn on its own, like a noisy screen; "
    "and two rows by a decoder that sees its neighbors, patches of strong color that hang together, in which one can name nothing; with the picture's code light and dark lie roughly where they should.",
    title="A VAE keeps light and large shapes; a decoder that sees neighbors draws rubble",
)


# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **build** a VAE for a new kind of data by choosing networks and likelihood;
# 2. **compute** bits from a density, with the change of variables and the step;
# 3. **measure** what a decoder with independent outputs cannot say;
# 4. **diagnose** a code that died although nothing failed, wake it, and name the price;
# 5. **judge** a VAE by its strongest opponent.
#
# You need the ELBO (chapter 02), collapse (04) and likelihoods (05). All is measured on validation parts ("held out"), on which settings were also chosen; photographs on test pictures. Numbers in the text are those of the full run. A bracket is a 95 % t-interval over seeds; a number without one is of one model.
#
# ## 1 What has to change for a new kind of data?
#
# Two things only: the networks, which fit the shape of an example, and the likelihood, which says how probable a value is. The loss stays as it is.
# %%
def negative_elbo(model, x, generator):
    """−ELBO of each example of a batch, nats: (batch,)."""
    q = model.encode(x)  # a Gaussian over codes
    return q.kl() - model.log_likelihood(x, q.sample(generator=generator))


PIXELS = {"likelihood": "discretized_logistic"}  # a probability for each of the 256 stored values
CONV = {"architecture": "conv", "hidden_dims": (16, 32, 64, 64)}
CHOICES = {  # all that a kind of data decides: networks and likelihood
    "pictures": (VAE, {"latent_dim": 16, "hidden_dims": (256, 128)} | PIXELS),
    "photographs": (VAE, {"latent_dim": 64} | CONV | PIXELS),
    "names": (TextVAE, {"latent_dim": 16, "hidden_dim": 64, "embedding_dim": 32}),
    "sound": (GaussianVAE, {"latent_dim": 32} | CONV),
    "biopsies": (GaussianVAE, {"latent_dim": 8, "hidden_dims": (64,)}),
}


def new(kind, **more):
    """An untrained VAE for a kind of data."""
    maker, sizes = CHOICES[kind]
    return maker.for_data(train[kind], **sizes | more)


# %%
off = []
for kind, name in KINDS.items():
    seed_everything(0)
    model, x = new(kind), held_out[kind].batch(slice(0, 8))
    with torch.no_grad():
        nats, package = negative_elbo(model, x, seeded(1)), elbo_terms(model, x, seeded(1)).negative_elbo
    off.append(((nats - package).abs() / package.abs()).max())
    print(f"{name}: eight examples {tuple(x.shape)}, −ELBO of each {tuple(nats.shape)}")
claims.add("same_elbo", max(off), below=1e-4, exact=True, text="−ELBO here and the package's, relative")
# %% [markdown]
# ## 2 How many bits is a density?
#
# For stored pixels and letters $p(x)$ is a probability, and $-\log_2 p(x)$ is the length of the file that an ideal coder writes. For a measurement $p(x)$ is a *density*, and depends on the unit.
#
# Let raw values be written in steps of $\delta$. The model sees $D$ columns $y = (x - m)/s$, scaled by mean $m$ and standard deviation $s$. Then
#
# $$
# -\log p_x(x) = -\log p_y(y) + \sum_d \log s_d, \qquad
# \text{bits a number} \approx \frac{-\log p_x(x) - \sum_d \log \delta_d}{D \log 2} .
# $$
#
# In words: first undo the scaling, because stretching an axis thins the density. Then multiply the density by the size of a step. That is a probability, and has bits.
#
# Below, your formula is tried on measurements from $\mathcal N(5, 3^2)$. Their exact cost is known: the entropy of the rounded values.
#
# **Your turn (10.1).** A VAE was trained on rows scaled as `(raw - mean) / std`; `nats` is its −ELBO for a row, `std` a tensor `(columns,)`, and the raw numbers are written in steps of `step`. Return the bits that one number costs, on average over the columns.


# %%
def bits_per_number(nats: float, std: torch.Tensor, step: float) -> float:
    """nats: -ELBO of a scaled row; std: (columns,); step: of the raw numbers. Returns bits per number."""
    ...


# hint("10.1")  # remove the first # for a hint, again for the next one
bits_per_number = complete("10.1", bits_per_number)
solution("10.1")
# %% tags=["hide-input"]
ruler, off = torch.distributions.Normal(torch.tensor(5.0, dtype=torch.float64), 3.0), []
for step in (0.01, 0.1, 1.0):
    # The edges of all steps from −40 to 50; a value falls between two with probability cdf − cdf.
    edges = (torch.arange(math.floor(-40 / step), math.ceil(50 / step) + 2) - 0.5).double() * step
    exact = torch.special.entr(ruler.cdf(edges).diff()).sum().item() / math.log(2)
    scaled = 0.5 * math.log(2 * math.pi * math.e)  # −log p of (x − 5) / 3, on average
    off.append(abs(float(bits_per_number(scaled, torch.tensor([3.0]), step)) - exact))
    print(f"written in steps of {step}: {exact:.3f} bits exactly, by your formula off by {off[-1]:.3f}")
claims.add("density", max(off), below=0.01, unit="bits", exact=True, text="Density × cell, steps up to σ/3")


def bits_of(nats, kind):
    """Mean nats of held-out examples as bits a number (or character)."""
    data = held_out[kind]
    numbers = data.lengths.double().mean().item() if kind == "names" else math.prod(data.shape)
    # Densities: Σ log δ − Σ log s of a row. Stored values and letters have probabilities already.
    cells = (data.log_volume.mean() + data.log_cell).item() if hasattr(data, "log_volume") else 0.0
    return (float(nats) - cells) / numbers / math.log(2)


# %% [markdown]
# Bits of a density need a step: here 1 dB for sound, and the last recorded decimal for biopsies.
#
# ## 3 Photographs: where are the missing bits?
#
# A photograph of 64 × 64 pixels in color is 12,288 numbers of 8 bits each. PNG and WebP store all test pictures as one large picture, without loss. The VAE was trained on 1,469 photographs of dogs.
# %%
options = ["fewer bits than WebP", "more than WebP, fewer than PNG", "more than PNG, fewer than raw"]
guess = predict("Raw, a number costs 8 bits. The VAE needs ...", options)

contest = {kind: {} for kind in KINDS}  # bits a number: the VAE, and its opponents without a code
for kind in ("pictures", "photographs"):
    images, best = held_out[kind].images, {"lossless": True, "quality": 100, "method": 6}
    contest[kind]["PNG"] = evaluation.file_bits(images, "PNG", optimize=True)
    contest[kind]["WebP"] = evaluation.file_bits(images, "WEBP", **best)
x, photo = held_out["photographs"].floats(), contest["photographs"]
with torch.no_grad():
    q = photo_vae.encode(x)
    blurred = photo_vae.likelihood.mean(photo_vae.decode(q.sample(generator=seeded("codes"))))
rate = bits_of(q.kl().mean(), "photographs")
nats = evaluate(photo_vae, held_out["photographs"], batch_size=100).negative_elbo
photo["VAE"] = bits_of(nats, "photographs")
png, webp = photo["PNG"], photo["WebP"]
place = (photo["VAE"] > webp) + (photo["VAE"] > png)
guess.compare(place, f"VAE {photo['VAE']:.2f} bits, PNG {png:.2f}, WebP {webp:.2f}.")
# %% [markdown]
# The VAE needs {{vae_photo}} a number, WebP only {{webp}}. A file format knows that a pixel is nearly as bright as the one before it. This decoder **cannot say that**: given the code, it draws every number on its own (third row of the first figure).
#
# So let the decoder read what is already written: $\log p(x|z) = \sum_t \log p(x_t \mid x_1, \dots, x_{t-1}, z)$. In words: pixel by pixel, each given those before it. A convolution does that for all pixels at once, if its kernel is **masked**: what comes later is multiplied by 0 (PixelCNN, van den Oord et al. 2016).


# %%
class Causal(nn.Conv2d):
    """A 3×3 convolution that sees only what was read before; ``itself``: and its own place."""

    def __init__(self, inputs, outputs, itself):
        super().__init__(inputs, outputs, 3, padding=1)
        self.register_buffer("mask", torch.tensor([[1.0, 1, 1], [1, float(itself), 0], [0, 0, 0]]))

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)


neighbors = load_neighbors(DOGS, "all", code=True)
layer, few, changed = neighbors.first, x[:4], x[:4].clone()
mine = Causal(layer.in_channels, layer.out_channels, itself=False)
changed[:, :, 33:] = 0.5  # gray below row 32: what stands above must not notice
with torch.no_grad():
    mine.weight[:, :, :2] = layer.weight  # the package stores only the rows that the mask lets through
    mine.bias[:] = layer.bias
    off = (mine(few) - layer(few)).abs().max()
    before, after = (neighbors.log_prob_map(each, blurred[:4])[:, :33] for each in (few, changed))
claims.add("same_layer", off, below=1e-4, exact=True, text="Your masked layer and the package's")
leak, text = (before - after).abs().max(), "log p above row 33, changed by what stands below"
claims.add("causal", leak, below=1e-4, exact=True, unit="nats", text=text)
# %% [markdown]
# The package's `NeighborDecoder` stacks six such layers, and gives each number a mixture of chapter 05's logistics. Which of its advantages brings the bits? Decoders of the same make were trained, each with less to see. (In the last fifth of training they changed by at most 0.5 %: [models](../docs/models.md).)
#
# The largest sees all that six layers of 3×3 reach: 69 pixels, in 7 rows. All but one are given a code as well, as the VAE's blurred picture; for that they pay the VAE's KL, the **rate**.
# %%
LADDER = {
    "own scale for each number": ("nothing", True),
    "+ colors of its pixel": ("colors", True),
    "+ left and upper neighbor": ("two", True),
    "+ 69 pixels before": ("all", True),
    "69 pixels before, no code": ("all", False),
}


def photo_bits(sees, code, contexts=blurred):
    """Bits a number by a shipped decoder; a code has to be paid for."""
    decoder, nats = load_neighbors(DOGS, sees, code), []
    for part, context in zip(x.split(20), contexts.split(20), strict=True):
        with torch.no_grad():
            nats.append(-decoder.log_prob(part, context) if code else -decoder.log_prob(part))
    return bits_of(torch.cat(nats).mean(), "photographs") + (rate if code else 0.0)


ladder = {name: photo_bits(*which) for name, which in LADDER.items()}
scales, colors, two, coded, alone = ladder.values()
wrong = photo_bits("all", True, blurred.roll(1, 0)) - coded  # each with another picture's code
# %% tags=["hide-input"]
shown = {"raw": 8.0, "PNG": png, "WebP": webp, "VAE": photo["VAE"]} | ladder
photo["neighbors, no code"] = alone
show(
    plots.bars(shown, "bits a number (blue: with a code, its rate included)", ["VAE", *list(ladder)[:4]]),
    alt="Bars of bits a number. Raw is 8, PNG and WebP shorter; the VAE and the decoder with a scale for each number have longer bars than those that see colors, two neighbors or 69 pixels before. Last the decoder that sees 69 pixels without a code, with a bar as long as with one.",
    title=f"Photographs: to read two neighbors saves {colors - two:.1f} bits of 8, more than any other step",
)
text = "69 pixels: bits with a code minus without, a tie (shipped)"
claims.add("beside", coded - alone, between=(-0.05, 0.05), unit="bits", text=text)  # section 7's rule
notes("bits", seen=photo["VAE"] - alone, wrong=wrong)
notes("bits", vae_photo=photo["VAE"], webp=webp, scale=photo["VAE"] - scales, colors=scales - colors)
notes("bits", two=colors - two, others=two - coded, rate_photo=rate)
# %% [markdown]
# Step by step, in this order, these save
#
# - a scale for each number, where the VAE has one for all: {{scale}};
# - the colors of its pixel: {{colors}};
# - the left and the upper neighbor: {{two}};
# - 69 pixels before: {{others}} (trained for 14 epochs, the others for 5).
#
# And the code? Beside 69 pixels it costs {{beside}} more than it saves, its rate of {{rate_photo}} included: a tie (one model each, and training still moved by as much). The decoder does use the code: another picture's costs {{wrong}} more.
#
# The decoder of fewest bits draws rubble. It sees 69 pixels, none more than six away.
#
# One opponent beats them all: these dogs came as JPEG files of 2.38 bits a number ([models](../docs/models.md)).
#
# Is that special to photographs? Train such a decoder on garments, without a code, beside a VAE.
# %%
seed_everything(0)
known, asked, small = train["pictures"], held_out["pictures"], contest["pictures"]
picture_vae, plain = new("pictures"), NeighborDecoder(channels=1, width=24, depth=4, components=3)
few, logs, curves = known.subset(min(NEIGHBOR_EXAMPLES, len(known)), seed=0), {}, {}
common = {"schedule": "cosine", "progress": False, "device": "cpu"}
logs["VAE"] = fit(picture_vae, known, asked, epochs=PICTURE_EPOCHS, batch_size=128, kl_warmup=0.1, **common)
common |= {"epochs": 4, "batch_size": 16, "learning_rate": 4e-3, "gradient_clip": 100.0}
logs["neighbors, no code"] = fit(plain, few, asked, objective=without_code, **common)
for name, log in logs.items():
    epochs, nats = log.curve("validation")
    curves[name] = {epoch: bits_of(cost, "pictures") for epoch, cost in zip(epochs, nats, strict=True)}
    del curves[name][0]  # before the first update
small["VAE"] = bits_of(-importance_weighted_bound(picture_vae, asked, k=16).value, "pictures")
small["neighbors, no code"] = curves["neighbors, no code"][4]
ahead = small["VAE"] - small["neighbors, no code"]
show(
    plots.side_by_side({"": curves}, "epoch", "bits a held-out pixel", levels={"WebP": small["WebP"]}),
    alt="Bits a held-out pixel after each epoch: the curve of the VAE falls, ever more slowly, from above the dotted line of WebP to a little below it; that of the decoder that sees neighbors lies far below, and is nearly flat at its end.",
    title=f"Garments: a decoder that sees neighbors saves {ahead:.1f} bits a pixel, with fewer pictures",
)
claims.add("garments", ahead, above=0, unit="bits", text="Garments: VAE minus neighbors, no code")
tighter = curves["VAE"][PICTURE_EPOCHS] - small["VAE"]
notes("bits", under_webp=small["WebP"] - small["VAE"], tighter=tighter)
# %% [markdown]
# On garments the VAE beats WebP by {{under_webp}}, but loses {{garments}} to the decoder without a code, which saw 4,000 of the 54,000 pictures. (This VAE is fully connected, and its curve still falls. Chapter 02's tighter bound, used here, is {{tighter}} below the curve's end.)
#
# ## 4 Text: does a decoder that reads still use its code?
#
# A text is a row of **tokens**, here characters, closed by END. Rows of a batch are filled up with **padding**, which is no part of the data. $\log p(x|z)$ is again a sum, each token given those before it. END counts, padding does not.
#
# **Your turn (10.2).** `log_probs` holds log p of every token at every place, `tokens` the text, END (2), padding (0). Return −log p of each text, so that gradients reach `log_probs`.


# %%
def nats_per_text(log_probs: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """log_probs: (batch, length, vocabulary); tokens: (batch, length), END 2, padding 0. Returns (batch,)."""
    ...


# hint("10.2")  # remove the first # for a hint, again for the next one
nats_per_text = complete("10.2", nats_per_text)
solution("10.2")
# %% [markdown]
# **Your turn (10.3).** In training the decoder reads the *true* tokens, shifted by one place: to predict a token it reads the one before it, and START (1) for the first. Where `hide` is True it reads UNKNOWN (3) instead; START is never hidden.


# %%
def decoder_input(tokens: torch.Tensor, hide: torch.Tensor) -> torch.Tensor:
    """tokens: int64 (batch, length); hide: bool (batch, length), places of the result. Returns it, int64."""
    ...


# hint("10.3")  # remove the first # for a hint, again for the next one
decoder_input = complete("10.3", decoder_input)
solution("10.3")
# %%
names = train["names"].subset(min(TEXT_EXAMPLES, len(train["names"])), seed=0)
judged = held_out["names"].subset(min(500, len(held_out["names"])), seed=0)
seed_everything(0)
model, tokens = new("names").eval(), names.batch(slice(0, 5))
print(names.texts[:2], tokens[:2].tolist())
with torch.no_grad():
    z = model.encode(tokens).mean
    nothing = torch.zeros_like(tokens, dtype=torch.bool)  # is hidden
    # The code is added to all that the decoder reads, and sets its first state.
    read = model.embedding(decoder_input(tokens, nothing)) + model.code_input(z)[:, None]
    output, cell = torch.tanh(model.first_state(z))[None].chunk(2, dim=-1)
    states, _ = model.decoder(read, (output.contiguous(), cell.contiguous()))
    logits = model.to_logits(states)
    logits[:, :, [0, 1]] = -1e9  # padding and START are never written
    nats = nats_per_text(logits.log_softmax(-1), tokens)
    off = (nats + model.log_likelihood(tokens, z)).abs().max()
claims.add("same_text", off, below=1e-3, unit="nats", exact=True, text="Your text loss and the package's")
question = "A text VAE with 16 latent dimensions, trained as you would train any VAE: how many nats will its code hold?"
guess = predict(question, ["hardly any", "1 to 5", "more than 5"])
# %% [markdown]
# "Trained as any VAE" is *full weight* below: the KL counts in full from the start. Beside it stand the same decoder without a code, and three textbook cures:
#
# - **annealing**: the weight of the KL rises from 0 to 1 in the first half of training (Bowman et al. 2016);
# - **free bits**: each of the code's 16 numbers may spend 0.1 nats before the loss charges it (Kingma et al. 2016);
# - **word dropout**: your `hide` is True at random, for half of what the decoder reads in training.
# %%
RECIPES = {  # what differs from "full weight": the model's arguments, and those of fit
    "full weight": ({}, {}),
    "no code": ({"uses_code": False}, {}),
    "annealing": ({}, {"kl_warmup": 0.5}),
    "free bits": ({}, {"free_bits": 0.1}),
    "word dropout": ({"word_dropout": 0.5}, {}),
}
COMMON = {"batch_size": 64, "learning_rate": 1e-2, "schedule": "linear", "gradient_clip": 5.0}
COMMON |= {"kl_warmup": 0.0, "epochs": TEXT_EPOCHS, "eval_examples": 500, "device": "cpu", "progress": False}
logs = {}


def trained(recipe, seed):
    """Train a model of names: its −ELBO, its rate, and what its code tells about x, nats a held-out name."""
    sizes, settings = RECIPES[recipe]
    model = new("names", **sizes)
    logs[recipe, seed] = fit(model, names, judged, seed=seed, **COMMON | settings)
    cost = evaluate(model, judged, n_samples=5).negative_elbo
    report = evaluation.collapse_report(model, judged)
    tells = max(0.0, float(report.mutual_information))  # an estimate, which may fall below 0
    return {"−ELBO": cost, "rate": report.rate, "tells": tells}


found = {}
for recipe in RECIPES:
    measured = over_seeds(N_SEEDS, partial(trained, recipe))
    found[recipe] = {name: runs.within(0) for name, runs in measured.items()}
dead = found["full weight"]["rate"]
guess.compare(int(dead.mean >= 1) + int(dead.mean > 5), f"{dead} nats.")
# %% tags=["hide-input"]
panels, price = {"−ELBO": {}, "rate": {}}, {}
for recipe, measured in found.items():
    for title, term in {"−ELBO": "negative_elbo", "rate": "kl"}.items():
        epochs, nats = logs[recipe, 0].curve("validation", term)
        panels[title][recipe] = dict(zip(epochs[1:], nats[1:], strict=True))
    price[recipe] = measured["−ELBO"] - found["no code"]["−ELBO"]
del panels["rate"]["no code"]  # it has none
figure = plots.side_by_side(panels, "epoch", "nats a held-out name (first seed)")
figure.axes[1].annotate("full weight and word dropout: near 0", (1.1, 0.1))
show(
    figure,
    alt="Two panels against epochs. The held-out negative ELBO of all five recipes falls and flattens; word dropout and free bits end highest. The rate: at full weight and with word dropout it lies near 0, one line upon the other; with annealing it starts high and is pressed down; with free bits it stays above one nat. Without a code there is no rate.",
    title="At full weight the −ELBO looks healthy; the rate says that the code is dead",
)
claims.add("dead", dead, below=0.3, unit="nats", text="Rate of the text VAE at full weight")
woken = found["annealing"]["tells"] - found["full weight"]["tells"]
claims.add("woken", woken, above=0.2, unit="nats", text="Told by annealing, over full weight")
claims.add("price", price["free bits"], above=0, unit="nats", text="−ELBO, free bits minus no code")
notes("nats", price_annealing=price["annealing"], price_dropout=price["word dropout"])
notes("nats", told_free=found["free bits"]["tells"], told_dropout=found["word dropout"]["tells"])
# %% [markdown]
# At full weight the code is **dead**: its rate is {{dead}}, and the decoder is a language model with an unused input. Chen et al. (2017) blame the price (not tested here): the letters before say much of what a code could say, and are free.
#
# The cures, by what the code tells about its name (mutual information, chapter 04) and by what it costs over no code ("at most": the −ELBO is a bound):
#
# - annealing: {{woken}} more than at full weight, for at most {{price_annealing}};
# - free bits: {{told_free}}, for at most {{price}}; its rate is about what was free, 16 × 0.1 nats;
# - word dropout: {{told_dropout}}, for at most {{price_dropout}}; alone it wakes nothing here.
#
# By −ELBO no cure predicts names better than no code.
#
# Next, larger models of all names (shipped), and an old opponent: **count** which character follows the last four (Shannon 1948).
# %%
shipped, tokenizer = load_text_model(KINDS["names"])
twin, _ = load_text_model(KINDS["names"], code=False)
all_names, judged = (part["names"].with_tokenizer(tokenizer) for part in (train, held_out))
counted, chars = evaluation.NGram(all_names, order=5), contest["names"]
chars["counting, 5-gram"] = bits_of(-counted.log_prob(judged.tokens).mean(), "names")
chars["the same net, no code"] = bits_of(evaluate(twin, judged).negative_elbo, "names")
chars["VAE"] = bits_of(-importance_weighted_bound(shipped, judged, k=16).value, "names")  # chapter 02
for who, model in {"the VAE": shipped, "the same net, no code": twin, "counting": counted}.items():
    print(f"{who}: {', '.join(tokenizer.decode(model.sample(12, seeded(who))))}")
notes("bits", counting=chars["counting, 5-gram"], text_vae=chars["VAE"], twin=chars["the same net, no code"])
# %% [markdown]
# Counting which character follows the last four needs {{counting}} a character. The VAE (annealing *and* free bits) needs {{text_vae}}, the same network without a code {{twin}}: a tie (one model each: [models](../docs/models.md)).
#
# What the code brings instead is a space in which one can walk. Go straight from the code of one held-out sentence to that of another, and write at seven places:
# %%
SENTENCES = "invented_sentences" if OFFLINE else "sentences"
writer, words = load_text_model(SENTENCES)
phrases = load(SENTENCES, "validation").with_tokenizer(words)
# Sentences of six tokens or more, without an unknown word (3).
long = phrases.select(((phrases.lengths >= 6) & ~(phrases.tokens == 3).any(1)).nonzero()[:, 0])
with torch.no_grad():
    z = writer.encode(long.tokens).mean
path = words.decode(writer.write(evaluation.lerp(z[0], z[2], torch.linspace(0, 1, 7))))
# dict.fromkeys leaves out repetitions and keeps the order.
print(long.texts[0], *dict.fromkeys(path), long.texts[2], sep="\n    ")


def in_common(written):
    """The share of each sentence's words that what was written has as well, its mean and interval."""
    shares = []
    for row, other in zip(long.tokens.tolist(), written.tolist(), strict=True):
        own = set(row) - {0, 2}  # without padding and END
        shares.append(len(own & set(other)) / len(own))
    return Runs(shares)


again, halfway = writer.write(z), writer.write((z + z.roll(1, 0)) / 2)
kept, between, chance = in_common(again), in_common(halfway), in_common(again.roll(1, 0))
claims.add("kept", kept - chance, above=0, whole_interval=True, unit="%", text="Words kept, over chance")
notes("%", kept_own=kept.mean, kept_halfway=between.mean, kept_chance=chance.mean)
# %% [markdown]
# The first and last line are the sentences themselves, the others are written from codes (repetitions left out). How typical is that? Over all held-out sentences of six tokens or more, {{kept_own}} of a sentence's words come back from its own code, {{kept_halfway}} from halfway to another's, {{kept_chance}} from another's. Halfway keeps more than chance does, but no more than writing from one of the two codes at random would (the mean of the first and the last share). And even its own code loses half of a sentence's words.
#
# ## 5 Sound: a picture that you can hear
#
# A **spectrogram** makes a picture of a sound: cut the wave into short windows, measure how strong each frequency is in each, and take logarithms. Ours are of ten digits, spoken by the same few people in every part.
#
# The way back needs the **phases** of the wave, which are lost. Griffin & Lim (1984) guess them: begin with random phases, make a wave, take the phases of *its* spectrogram, put the known levels back in, and repeat.
# %%
sound, settings = held_out["sound"], train["sound"].settings


def spectrogram(waves, n_fft=256, hop=80, floor=-60.0):
    """Level of each frequency at each time: (n, samples) in [-1, 1] → (n, 128, 64), dB below a full sine."""
    window = torch.hann_window(n_fft)
    complex_ = torch.stft(waves, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
    # A full sine has a magnitude of n_fft / 4: that is 0 dB. The last frequency is left out.
    return 20 * torch.log10(complex_.abs()[:, :-1] / (n_fft / 4) + 10 ** (floor / 20))


few = sound.subset(40, seed=0)
waves = few.waves.float() / 32_768
levels = spectrogram(waves)
off = (levels - settings.decibels(waves)).abs().max()
claims.add("same_levels", off, below=1e-3, exact=True, unit="dB", text="Your spectrogram and the package's")
lost = [few.off_by(spectrogram(settings.griffin_lim(levels, n))) for n in (0, 60)]
notes("dB", floor_0=lost[0], floor=lost[1])
question = "32 numbers for a recording: whose levels are nearer, PCA's or a convolutional VAE's?"
guess = predict(question, ["PCA's", "the VAE's", "equal within 5 %"])
# %% [markdown]
# With random phases, the levels of the new wave are off by {{floor_0}} where there is sound; after 60 rounds by {{floor}}. All that you hear below has this loss in it.
#
# The VAE has two opponents. One is **PCA** with as many numbers, the best plane in squared error; with a Gaussian in the plane and around it, it has exact bits as well. The other has no code. It writes levels one after the other, as section 3 did with pixels: each is predicted by least squares from **eight** that are written already (six of the two moments before, two of lower frequencies), with a Gaussian around the prediction.
# %%
heard, known, sounds = load_sound_model(KINDS["sound"]), train["sound"], contest["sound"]
seed_everything(0)
by_pca, plane = evaluation.gaussian_plane(known, heard.latent_dim)
values = sound.values
sounds["PCA with a Gaussian"] = bits_of(-plane.log_prob(values.flatten(1)).mean(), "sound")
sounds["VAE"] = bits_of(-importance_weighted_bound(heard, sound, k=16).value, "sound")
nats = evaluation.linear_neighbors(known, sound).value  # in steps of 1 dB already
sounds["8 neighbors, linear"] = nats / math.prod(sound.shape) / math.log(2)
pca, vae = (sound.off_by(sound.decibels(back)) for back in (by_pca(values), heard.reconstruct(values)))
guess.compare(2 if abs(vae / pca - 1) < 0.05 else int(vae < pca), f"VAE {vae:.2f}, PCA {pca:.2f} dB.")
notes("dB", error_vae=vae, error_pca=pca)
in_plane, in_vae, linear = sounds.values()
notes("bits", under_pca=in_plane - in_vae, over_linear=in_vae - linear)
# %% tags=["hide-input"]
three, six = (int(torch.nonzero(sound.labels == digit)[0]) for digit in (3, 6))
ends = values[[three, six]]
with torch.no_grad():
    halfway = heard.likelihood.mean(heard.decode(heard.encode(ends).mean.mean(0, keepdim=True)))
clips = torch.cat([ends, by_pca(ends), heard.reconstruct(ends), halfway, heard.sample(1, seeded("sound"))])
titles = ["a three", "a six", "three, PCA", "six, PCA", "three, VAE", "six, VAE", "halfway", "drawn"]
show(
    plots.spectrograms(sound.decibels(clips), settings, titles, columns=4),
    alt="Eight spectrograms: two recordings with bright bands and fine stripes, the same two by PCA and by the VAE, smoother, with the bands and few of the stripes; the one halfway between the two, and one drawn from the prior.",
    title="Here PCA and the VAE keep the broad bands of a voice and lose most of its fine stripes",
)
players = {"the three as recorded": sound.waves[three]}
players |= zip(titles, sound.hear(clips), strict=True)
label = "Nine players: a recorded three, then the clips of the eight spectrograms, all with guessed phases."
teaching.play(players, settings.rate, alt=label)
# %% [markdown]
# With 32 numbers each, the VAE (one training) beats PCA: its levels are off by {{error_vae}} instead of {{error_pca}}, and its bound is {{under_pca}} below PCA's exact bits. A PCA of 128 numbers wins ([models](../docs/models.md)); a larger VAE was not trained. And without any code, the eight neighbors need {{over_linear}} less than the VAE.
#
# ## 6 A table: is a VAE the right tool at all?
#
# Biopsies are rows of 30 measurements of cell nuclei, 341 to train on. Radius, perimeter and area nearly determine each other. One Gaussian with full covariance can say that, as far as it is linear.
# %%
known, asked, table = train["biopsies"], held_out["biopsies"], contest["biopsies"]
settings = {"batch_size": 32, "schedule": "linear", "kl_warmup": 0.1, "patience": 15, "learning_rate": 3e-3}
settings |= {"epochs": TABLE_EPOCHS, "device": "cpu", "progress": False}
table_logs = []


def biopsy_bits(seed, size=8):
    """Bits a number of a VAE that stops when held-out rows get no cheaper: a bound from 100 draws."""
    model = new("biopsies", latent_dim=size)
    table_logs.append(fit(model, known, asked, seed=seed, **settings))
    return bits_of(-importance_weighted_bound(model, asked, k=100).value, "biopsies")


table["one Gaussian"] = bits_of(evaluation.gaussian_with_covariance(known, asked), "biopsies")
runs = over_seeds(N_SEEDS, biopsy_bits)
larger = over_seeds(N_SEEDS, lambda seed: biopsy_bits(seed, size=20))
table["VAE"], gaussian = runs.mean, table["one Gaussian"]
claims.add("table", runs - gaussian, above=0, unit="bits", text="Biopsies: VAE minus Gaussian")
claims.add("larger", larger - gaussian, above=0, unit="bits", text="The same with 20 numbers")
show(
    plots.training_curves(table_logs[0]),
    alt="−ELBO, reconstruction and KL of the first VAE of biopsies against epochs, training and held out: all three level off as the learning rate falls to 0; −ELBO and reconstruction end lower in training than held out.",
    title="A VAE of biopsies: the held-out −ELBO flattens as the learning rate falls to 0",
)
# %% [markdown]
# The VAE needs {{table}} more than one Gaussian, although the rows that judge it could also stop its training. Is a code of eight numbers too small? No: with 20 it needs {{larger}} more, too.
#
# ## 7 The honest table
# %% tags=["hide-input"]
strongest = {kind: min(bits.keys() - {"VAE"}, key=bits.get) for kind, bits in contest.items()}
wins = sum(bits["VAE"] < bits[strongest[kind]] - 0.05 for kind, bits in contest.items())  # less is a tie
claims.add("wins", wins, below=1, text="Kinds in which the VAE wins by 0.05 bits or more")
rows = []
for kind, name in KINDS.items():
    vae, best = (f"{contest[kind][who]:.2f}" for who in ("VAE", strongest[kind]))
    rows.append({"data": f"{kind} ({name})", "VAE": vae, "strongest opponent": strongest[kind], "its": best})
results_table(rows, caption="Bits a number, held out (photographs: JPEG aside); the VAE's are bounds")
# %% [markdown]
# By 0.05 bits or more, the VAE wins {{wins}} of the five rows. On names it ties: there its decoder reads what it has written. On photographs a decoder with a code ties, too, once it reads.
#
# ## Play
#
# One slider between two examples. Does something *move*, or does one thing fade while another appears?
# %% tags=["hide-input"]
from vae_course.widgets import Domain, draw_picture, draw_sound, draw_text, explore_domains

explorer = explore_domains(
    {
        "sound": Domain(heard, ends, draw_sound(sound)),
        "sentence": Domain(writer, words.encode([long.texts[0], long.texts[2]]), draw_text(words)),
        "photograph": Domain(photo_vae, x[:2], draw_picture),
    },
    alt="A row for each kind of data, five places from one example to another: the bands of the spectrogram change, the sentence changes by whole words or not at all, one blurred photograph fades into another.",
    title="Along the line sound and photograph fade over; the sentence jumps",
)
# %% [markdown]
# ## Break it
#
# A loss that averages the reconstruction over the pixels, but sums the KL, counts the KL too often: once for each pixel. Train `new("pictures")` so (`fit` has a `beta`). **Before** you run it, write down the rate, the bits a pixel, and what a reconstruction will look like.
#
# A good answer
#
# - predicts all three with a reason, and names the β;
# - shows the rate against epochs, beside that of the healthy run.
#
# ## What you can say now
#
# - One ELBO serves pictures, names, sound and tables; only networks and likelihood change. Bits of real numbers need a step.
# - A decoder with independent outputs cannot say that neighbors are alike. One that sees pixels before needs {{seen}} a number less on photographs, {{garments}} on garments. Beside it a photograph's code saves nothing measurable; a decoder that reads letters let its code die.
# - Name the strongest opponent, JPEG among them. In bits the VAE won {{wins}} of five rows. But few bits do not promise pictures.
#
# ## References
#
# - A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu: *Pixel Recurrent Neural Networks*, ICML 2016 (masks).
# - X. Chen et al.: *Variational Lossy Autoencoder*, ICLR 2017.
# - A. Khosla et al.: *Novel Dataset for Fine-Grained Image Categorization*, CVPR workshop 2011 (Stanford Dogs).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016.
# - D. P. Kingma et al.: *Improved Variational Inference with Inverse Autoregressive Flow*, NeurIPS 2016 (free bits).
# - C. E. Shannon: *A Mathematical Theory of Communication*, 1948.
# - D. Griffin, J. Lim: *Signal Estimation from Modified Short-Time Fourier Transform*, IEEE Trans. ASSP 1984.
# - Z. Jackson and others: *Free Spoken Digit Dataset*, v1.0.9 (CC BY-SA 4.0). W. N. Street, W. H. Wolberg, O. L. Mangasarian: *Nuclear Feature Extraction for Breast Tumor Diagnosis*, 1993. Sentences: Tatoeba, CC BY 2.0 FR.
#
# Next: [11 · Extending VAEs to improve realism](11_Extending_VAEs_to_Improve_Realism.ipynb)
# %% tags=["hide-input"]
claims.report()

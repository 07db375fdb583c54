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
# Nothing in the ELBO says that data are digits. In this chapter one function trains on garments, photographs, names, spoken digits (you will hear them) and biopsies, and each VAE
# meets the strongest opponent that we could find. Below, photographs: a VAE keeps light and pose, and claims that the rest is noise. A decoder that sees neighboring pixels needs far fewer bits, and draws rubble. You will measure both.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
PICTURE_EPOCHS = 6  # passes of the VAE through the small pictures, 1 or more
NEIGHBOR_EXAMPLES = 4000  # of them, for the decoder that sees neighbors, 200 or more
TEXT_EXAMPLES = 3000  # training names of the collapse, 500 or more
TEXT_EPOCHS = 8  # passes through them, 2 or more
TABLE_EPOCHS = 160  # passes through the 341 training biopsies at most, 5 or more
HELD_OUT = 1000  # held-out examples of a kind at most, 50 or more
N_SEEDS = 3  # models of names and biopsies, 2 or more: intervals are 95 % t-intervals over them
# %% tags=["hide-input"]
import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_course import (
    VAE,
    Runs,
    elbo_terms,
    evaluate,
    evaluation,
    fit,
    importance_weighted_bound,
    load,
    load_neighbors,
    load_photograph_model,
    load_sound_model,
    load_text_model,
    neighbors_record,
    over_seeds,
    plots,
    seed_everything,
    seeded,
    teaching,
)
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
    alt="Five rows of six pictures of 64 by 64 pixels. Test pictures; smooth reconstructions that keep light, color and large shapes; the same with every pixel drawn on its own, like a noisy screen; "
    "and two rows by a decoder that sees its neighbors, whose pixels hang together; the last of them, without a code, show nothing that one could name.",
    title="The decoder with the fewest bits (last rows) draws rubble; the VAE keeps light and pose",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **build** a VAE for a new kind of data by choosing two things, networks and likelihood;
# 2. **compute** bits from a density, with the change of variables and the step;
# 3. **measure** what a decoder with independent outputs cannot say;
# 4. **diagnose** a code that died although nothing failed, wake it, and name the price;
# 5. **judge** a VAE by its strongest opponent.
#
# You need the ELBO (chapter 02), collapse (04) and likelihoods (05). Everything is measured on validation parts ("held out"), where settings were chosen, too; photographs on test pictures. Numbers in the text
# are those of the full run; an interval in brackets is a 95 % t-interval over seeds, a number without one is of one model.
#
# ## 1 What has to change for a new kind of data?
# %%
question = "The ELBO was written for pictures. How much of it must change for names, sound and a table?"
guess = predict(question, ["nothing", "the reconstruction term", "both terms"])


def negative_elbo(model, x, generator):
    """−ELBO of each example of a batch, nats: (batch,)."""
    q = model.encode(x)  # a Gaussian over codes
    return q.kl() - model.log_likelihood(x, q.sample(generator=generator))


PIXELS = {"likelihood": "discretized_logistic"}  # probabilities of the 256 stored values
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
rows, off = [], []
for kind, name in KINDS.items():
    seed_everything(0)
    model, x = new(kind), held_out[kind].batch(slice(0, 8))
    with torch.no_grad():
        nats, package = negative_elbo(model, x, seeded(1)), elbo_terms(model, x, seeded(1)).negative_elbo
    off.append(((nats - package).abs() / package.abs()).max())
    rows.append({"data": name, "a batch": tuple(x.shape), "−ELBO, untrained": nats.mean().item()})
results_table(rows, caption="One function, five kinds of data; nats for each example")
guess.compare(0, "the same two lines gave every row.")
claims.add("same_elbo", max(off), below=1e-4, exact=True, text="−ELBO here and the package's, relative")
# %% [markdown]
# The function asks for two things: a Gaussian over codes, and one log-probability for each example. Sum or average, padding or none: that is the likelihood's business. So is what the nats
# *mean*: the last column cannot be compared between rows yet.
#
# ## 2 How many bits is a density?
#
# For stored pixels and letters $p(x)$ is a probability, and $-\log_2 p(x)$ the length of a file. For a biopsy $p(x)$ is a *density*, and depends on the unit. If the model sees $y = (x - m)/s$, then
#
# $$
# -\log p_x(x) = -\log p_y(y) + \sum_d \log s_d, \qquad
# \text{bits a number} \approx \frac{-\log p_x(x) - \sum_d \log \delta_d}{D \log 2} .
# $$
#
# In words: stretching an axis thins the density (left). And values are written in steps of $\delta$, and what costs bits is the *cell*, density times volume (right).
#
# A toy with a truth: measurements from $\mathcal N(5, 3^2)$, whose exact cost is the entropy of the cells.
#
# **Your turn (10.1).** A VAE was trained on rows scaled as `(raw - mean) / std`; `nats` is its −ELBO for a row, `std` a tensor `(columns,)`, and the raw numbers are written in steps of `step`. Return the bits that one number costs.


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
    cells = (data.log_volume.mean() + data.log_cell).item() if hasattr(data, "log_volume") else 0.0
    return (float(nats) - cells) / numbers / math.log(2)


# %% [markdown]
# So bits of real numbers are a statement about a precision: name the step, or say nothing. Here: stored values for pixels (exact probabilities), letters for names, steps of 1 dB for sound, the recorded decimals for biopsies.
#
# ## 3 Photographs: where are the missing bits?
#
# A photograph of 64 × 64 in color is 12,288 numbers of 8 bits. PNG and WebP store them without loss, and know nothing about dogs.
# %%
options = ["fewer bits than WebP", "more than WebP, fewer than PNG", "more than PNG, fewer than raw"]
guess = predict("Raw, a number costs 8 bits. The VAE, trained on over a thousand dogs, needs ...", options)

contest = {kind: {} for kind in KINDS}  # bits a number: the VAE, and its opponents without a code
for kind in ("pictures", "photographs"):
    images, best = held_out[kind].images, {"lossless": True, "quality": 100, "method": 6}
    contest[kind]["PNG"] = evaluation.file_bits(images, "PNG", optimize=True)
    contest[kind]["WebP"] = evaluation.file_bits(images, "WEBP", **best)
x, photo = held_out["photographs"].floats(), contest["photographs"]
with torch.no_grad():
    q = photo_vae.encode(x)
    told = photo_vae.likelihood.mean(photo_vae.decode(q.sample(generator=seeded("codes"))))
rate = bits_of(q.kl().mean(), "photographs")
nats = evaluate(photo_vae, held_out["photographs"], batch_size=100).negative_elbo
photo["VAE"] = bits_of(nats, "photographs")
png, webp = photo["PNG"], photo["WebP"]
place = (photo["VAE"] > webp) + (photo["VAE"] > png)
guess.compare(place, f"VAE {photo['VAE']:.2f} bits, PNG {png:.2f}, WebP {webp:.2f}.")
# %% [markdown]
# The VAE needs {{vae_photo}} a number, WebP {{webp}}. What does a file format know? That a pixel is nearly as bright as the one before it. This decoder **cannot say that**: given the code, every number is drawn on its own, from a logistic around its center.
# The first picture's third row is what it claims.
#
# A decoder may read what is already written: $\log p(x|z) = \sum_t \log p(x_t \mid x_1, \dots, x_{t-1}, z)$. In words: pixel by pixel in reading order, each given those before it. A convolution does that for all pixels at once, if its kernel is **masked** (PixelCNN, van den Oord et al. 2016).


# %%
class Causal(nn.Conv2d):
    """A 3×3 convolution that sees only what was read before; ``itself``: and its own place."""

    def __init__(self, inputs, outputs, itself):
        super().__init__(inputs, outputs, 3, padding=1)
        self.register_buffer("mask", torch.tensor([[1.0, 1, 1], [1, float(itself), 0], [0, 0, 0]]))

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=1)


neighbors = load_neighbors(DOGS, "all", code=True)
layer, few, later = neighbors.first, x[:4], x[:4].clone()
mine = Causal(layer.in_channels, layer.out_channels, itself=False)
later[:, :, 33:] = 0.5  # what is read after row 32
with torch.no_grad():
    mine.weight[:, :, :2], mine.bias[:] = layer.weight, layer.bias
    off = (mine(few) - layer(few)).abs().max()
    change = neighbors.log_prob_map(later, told[:4]) - neighbors.log_prob_map(few, told[:4])
claims.add("same_layer", off, below=1e-4, exact=True, text="Your masked layer and the package's")
early = change[:, :33].abs().max()
claims.add("causal", early, below=1e-4, exact=True, unit="nats", text="Rows 0 to 32 when later ones change")
# %% [markdown]
# The package's `NeighborDecoder` stacks such layers and ends in a mixture of logistics. *Which* of its freedoms brings the bits? Decoders of the same make were trained with less to see ([models](../docs/models.md)). Those with a code are told the VAE's decoded mean and pay its rate.
# %%
LADDER = {
    "own scale for each number": ("nothing", True),
    "+ colors of its pixel": ("colors", True),
    "+ left and upper neighbor": ("two", True),
    "+ all before": ("all", True),
    "all before, no code": ("all", False),
}
ladder = {}
for name, (sees, code) in LADDER.items():
    decoder, parts = load_neighbors(DOGS, sees, code), zip(x.split(20), told.split(20), strict=True)
    with torch.no_grad():
        nats = torch.cat([-decoder.log_prob(part, *[context] * code) for part, context in parts])
    ladder[name] = bits_of(nats.mean(), "photographs") + rate * code  # a code has to be paid for
# %% tags=["hide-input"]
shown = {"raw": 8.0, "VAE": photo["VAE"]} | ladder | {"PNG": png, "WebP": webp}
scales, colors, two, both, alone = ladder.values()
photo["neighbors, no code"] = alone
show(
    plots.bars(shown, "bits a number (blue: with a code, its rate included)", ["VAE", *list(ladder)[:4]]),
    alt="Bars of bits a number. Raw is 8; the VAE and the decoder with a scale for each number have longer bars than those that see colors, two neighbors or all before. The bars with and without a code of the decoder that sees all before are nearly equally long.",
    title=f"Colors and two neighbors bring most of the {photo['VAE'] - alone:.1f} bits that the VAE lacks",
)
with torch.no_grad():
    costs = [-load_neighbors(DOGS, sees).log_prob_map(x[:6], told[:6]) for sees in ("nothing", "all")]
shades = [(nats[:, None] / 30 / math.log(2)).clamp(0, 1).expand(-1, 3, -1, -1) for nats in costs]
titles = ["photograph", "independent", "with neighbors"]
show(
    plots.image_grid(torch.cat([x[:6], *shades]), 3, 6, row_titles=titles, cell=1.0),
    alt="Three rows of six: test pictures; the bits that each pixel costs, white for 10 a number or more, when pixels are independent, mostly bright; and the same for a decoder that sees neighbors, darker nearly everywhere.",
    title="With neighbors nearly every place gets cheap (dark); the grid is that of JPEG's blocks",
)
claims.add("vae_webp", photo["VAE"] - webp, above=0, unit="bits", text="Photographs: VAE minus WebP")
claims.add("seen", photo["VAE"] - alone, above=0.5, unit="bits", text="VAE minus neighbors, no code")
claims.add("beside", alone - both, between=(-0.2, 0.2), unit="bits", text="Saved by a code beside neighbors")
notes("bits", vae_photo=photo["VAE"], webp=webp, scale=photo["VAE"] - scales, colors=scales - colors)
notes("bits", two=colors - two, others=two - both, rate_photo=rate, alone=alone)
# %% [markdown]
# Is it only that the VAE has one scale for all pixels? No: a scale of its own for each number brings {{scale}}, the colors of its pixel {{colors}}, two neighbors {{two}}, all before {{others}}. And the code? Told the VAE's frozen code, whose rate of {{rate_photo}} it pays,
# the last decoder saves {{beside}}: no better than without. What code and neighbors know overlaps. (A code trained *beside* such a decoder can die: Chen et al. 2017, section 4.)
#
# Now look at the first picture again. The fewest bits draw rubble: bits are spent on texture, of which there is much, not on dogs.
#
# (The dogs of the committed run had been JPEG files, of 2.4 bits a number: whoever undoes JPEG beats everybody here, and part of what neighbors agree on is its doing.)
#
# Is that special to photographs? Train such a decoder on garments, without a code, beside a VAE.
# %%
seed_everything(0)
known, asked, small = train["pictures"], held_out["pictures"], contest["pictures"]
picture_vae, plain = new("pictures"), NeighborDecoder(channels=1, width=24, depth=4, components=3)
common = {"schedule": "cosine", "progress": False, "device": "cpu"}
log = fit(picture_vae, known, asked, epochs=PICTURE_EPOCHS, batch_size=128, kl_warmup=0.1, **common)
few = known.subset(min(NEIGHBOR_EXAMPLES, len(known)), seed=0)
common |= {"epochs": 4, "batch_size": 16, "learning_rate": 4e-3, "gradient_clip": 100.0}
logs = {"VAE": log, "neighbors, no code": fit(plain, few, asked, objective=without_code, **common)}
curves = {
    name: {epoch: bits_of(nats, "pictures") for epoch, nats in zip(*log.curve("validation"), strict=True)}
    for name, log in logs.items()
}
small["VAE"] = bits_of(-importance_weighted_bound(picture_vae, asked, k=16).value, "pictures")
small["neighbors, no code"] = curves["neighbors, no code"][4]
show(
    plots.side_by_side({"": curves}, "pass", "held-out bits a pixel", levels={"WebP": small["WebP"]}),
    alt="Held-out bits a pixel against passes, from before the first update: the curve of the VAE falls and ends flat near the dotted line of WebP; that of the decoder that sees neighbors ends lower.",
    title=f"VAE {small['VAE']:.2f}, WebP {small['WebP']:.2f}, neighbors {small['neighbors, no code']:.2f} bits a pixel",
)
notes("bits", vae_small=small["VAE"], webp_small=small["WebP"], neighbors_small=small["neighbors, no code"])
# %% [markdown]
# On garments the VAE beats WebP ({{vae_small}} against {{webp_small}}) and loses to the decoder without a code ({{neighbors_small}}), although that saw 4,000 of the 54,000 pictures.
#
# ## 4 Text: does a decoder that reads still use its code?
#
# Sequence models have always seen their neighbors. A text is a row of **tokens**, here characters, closed by END; rows of a batch are filled up with **padding**, which is no part of the data. $\log p(x|z)$ is the sum above over the tokens, END included, padding not.
#
# **Your turn (10.5).** `log_probs` holds log p of every token at every place, `tokens` the text, END (2), padding (0). Return −log p of each text.


# %%
def nats_per_text(log_probs: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """log_probs: (batch, length, vocabulary); tokens: (batch, length), END 2, padding 0. Returns (batch,)."""
    ...


# hint("10.5")  # remove the first # for a hint, again for the next one
nats_per_text = complete("10.5", nats_per_text)
solution("10.5")
# %% [markdown]
# **Your turn (10.6).** In training the decoder reads the *true* tokens, shifted by one: at each place the token before the one to be predicted, START (1) at the first. Where `hide` is True it reads UNKNOWN (3) instead (**word dropout**, one of the cures below); START is never hidden.


# %%
def decoder_input(tokens: torch.Tensor, hide: torch.Tensor) -> torch.Tensor:
    """tokens: int64 (batch, length); hide: bool (batch, length), places of the result. Returns it, int64."""
    ...


# hint("10.6")  # remove the first # for a hint, again for the next one
decoder_input = complete("10.6", decoder_input)
solution("10.6")
# %%
names = train["names"].subset(min(TEXT_EXAMPLES, len(train["names"])), seed=0)
judged = held_out["names"].subset(min(500, len(held_out["names"])), seed=0)
seed_everything(0)
model, tokens = new("names").eval(), names.batch(slice(0, 5))
print(*zip(names.texts[:2], tokens[:2].tolist(), strict=True), sep="\n")
with torch.no_grad():
    z = model.encode(tokens).mean
    read = decoder_input(tokens, torch.zeros_like(tokens, dtype=torch.bool))
    state = [part.contiguous() for part in torch.tanh(model.first_state(z))[None].chunk(2, dim=-1)]
    states, _ = model.decoder(model.embedding(read) + model.code_input(z)[:, None], state)
    logits = model.to_logits(states) + model.impossible  # padding and START are never written
    nats = nats_per_text(logits.log_softmax(-1).nan_to_num(neginf=0.0), tokens)
    off = (nats + model.log_likelihood(tokens, z)).abs().max()
claims.add("same_text", off, below=1e-3, unit="nats", exact=True, text="Your text loss and the package's")
question = "A text VAE with 16 latent dimensions, trained as you would train any VAE: how many nats will its code hold?"
guess = predict(question, ["hardly any", "1 to 5", "more than 5"])
# %%
RECIPES = {  # what differs from "full weight": the model's arguments, and those of fit
    "no code": ({"uses_code": False}, {}),
    "full weight": ({}, {}),
    "annealing": ({}, {"kl_warmup": 0.5}),
    "free bits": ({}, {"free_bits": 0.1}),
    "word dropout": ({"word_dropout": 0.5}, {}),
}
COMMON = {"batch_size": 64, "learning_rate": 1e-2, "schedule": "linear", "gradient_clip": 5.0}
COMMON |= {"kl_warmup": 0.0, "epochs": TEXT_EPOCHS, "eval_examples": 500, "device": "cpu", "progress": False}
logs, found = {}, {}
for recipe, (sizes, settings) in RECIPES.items():
    results, reports = [], []
    for seed in range(N_SEEDS):
        seed_everything(seed)
        model = new("names", **sizes)
        logs[recipe, seed] = fit(model, names, judged, seed=seed, **COMMON | settings)
        results.append(evaluate(model, judged, n_samples=5).negative_elbo)
        reports.append(evaluation.collapse_report(model, judged))
    tells = Runs(report.mutual_information for report in reports)
    found[recipe] = {"rate": Runs(r.rate for r in reports), "tells about x": tells, "−ELBO": Runs(results)}
    found[recipe]["over no code"] = Runs(results) - found["no code"]["−ELBO"]
dead = found["full weight"]["rate"].within(0)
guess.compare(0 if dead.mean < 1 else 1, f"{dead} nats.")
# %% tags=["hide-input"]
panels = {"−ELBO (nats a name)": {}, "rate (nats)": {}}
for recipe in RECIPES:
    for title, term in zip(panels, ("negative_elbo", "kl"), strict=True):
        passes, nats = logs[recipe, 0].curve("validation", term)
        panels[title][recipe] = dict(zip(passes[1:], nats[1:], strict=True))
show(
    plots.side_by_side(panels, "pass", "held out, first seed"),
    alt="Two panels against passes. The held-out negative ELBO of all five recipes falls and flattens; word dropout and free bits end highest. The rate: at full weight and with word dropout it lies near 0; with annealing it starts high and is pressed down; with free bits it stays above one nat.",
    title="Nothing fails and no curve of −ELBO looks odd: only the rate tells that a code is dead",
)
rows = [{"recipe": r} | {name: f"{runs:.2f}" for name, runs in found[r].items()} for r in RECIPES]
results_table(rows, caption=f"Nats a name, {len(judged)} held-out names; 95 % intervals over {N_SEEDS} seeds")
claims.add("dead", dead, below=0.3, unit="nats", text="Rate of the text VAE at full weight")
woken, free, dropout = (found[recipe] for recipe in list(RECIPES)[2:])
told = woken["tells about x"] - found["full weight"]["tells about x"]
claims.add("woken", told, above=0.2, unit="nats", text="Told by annealing, over full weight")
claims.add("price", free["over no code"], above=0, unit="nats", text="−ELBO, free bits minus no code")
notes("nats", price_annealing=woken["over no code"], price_dropout=dropout["over no code"])
notes("nats", told_free=free["tells about x"], told_dropout=dropout["tells about x"])
# %% [markdown]
# The code that was trained at full weight is **dead** (rate {{dead}}): its decoder is a language model with an unused input. As beside neighbors: the first letters say much of what a code could say, and a code must be paid.
#
# The textbook cures, one at a time. **Annealing** (Bowman et al. 2016) lets the price come later: the code tells {{woken}} more and costs {{price_annealing}} over no code. **Free bits** (Kingma et al. 2016) gives every unit an allowance: it tells {{told_free}}, for {{price}}.
# **Word dropout** hides half of what the decoder reads; alone it wakes nothing here ({{told_dropout}}) and costs {{price_dropout}}. It was proposed *with* annealing, for longer texts. No cure predicts names better than having no code.
#
# Now the opponents, for larger models of the whole training part (shipped). The oldest (Shannon 1948): **count** which character follows the last few. A VAE gives only a bound of $-\log p$; 16 draws (chapter 02) tighten it.
# %%
text, (shipped, tokenizer) = contest["names"], load_text_model(KINDS["names"])
twin, _ = load_text_model(KINDS["names"], code=False)
all_names, judged = (part["names"].with_tokenizer(tokenizer) for part in (train, held_out))
counted = {f"counting, {order}-gram": evaluation.NGram(all_names, order) for order in (3, 4, 5)}
for name, counts in counted.items():
    text[name] = bits_of(-counts.log_prob(judged.tokens).mean(), "names")
best = min(text, key=text.get)
text["the same net, no code"] = bits_of(evaluate(twin, judged).negative_elbo, "names")
text["VAE"] = bits_of(-importance_weighted_bound(shipped, judged, k=16).value, "names")
rows = [{"model": name, "bits a character": bits} for name, bits in text.items()]
results_table(rows, caption="Held-out names")
SENTENCES = "invented_sentences" if OFFLINE else "sentences"
writer, words = load_text_model(SENTENCES)
for who, model in {"the VAE": shipped, "the same net, no code": twin, best: counted[best]}.items():
    print(f"{who}: {', '.join(tokenizer.decode(model.sample(12, seeded(who))))}")
print("the VAE of sentences:", *words.decode(writer.sample(5, seeded("sentences"))), sep="\n    ")
ahead = text["the same net, no code"] - text[best]
claims.add("over_counting", ahead, below=0, unit="bits", text="Net without a code minus the best n-gram")
notes("bits", text_vae=text["VAE"], text_twin=text["the same net, no code"], counting=text[best])
# %% [markdown]
# All are as they came. Counting needs {{counting}} a character. The VAE (annealing *and* free bits) and the same net without a code, each trained until flat, tie ({{text_vae}}, {{text_twin}}): this code costs nothing and buys no bits.
#
# What you get for the price is a place for every text. Walk in a straight line between the codes of two held-out sentences, and write at each step:
# %%
phrases = load(SENTENCES, "validation").with_tokenizer(words)
long = phrases.select(((phrases.lengths >= 6) & ~(phrases.tokens == 3).any(1)).nonzero()[:, 0])
with torch.no_grad():
    ends = writer.encode(long.batch(slice(0, 4))).mean
for first, last in ((0, 2), (1, 3)):
    path = words.decode(writer.write(evaluation.lerp(ends[first], ends[last], torch.linspace(0, 1, 7))))
    print(long.texts[first], *dict.fromkeys(path), long.texts[last], sep="\n    ", end="\n\n")
again = words.decode(writer.reconstruct(long.tokens))
restored = sum(a == b for a, b in zip(again, words.decode(long.tokens), strict=True)) / len(again)
claims.note("restored", restored, unit="%")
# %% [markdown]
# Each first and last line is the sentence itself; the others come from the code, repetitions left out. Only {{restored}} of the sentences come back word for word: a code of a few nats keeps little more than the kind of a sentence; the decoder fills in what is usual.
#
# ## 5 Sound: a picture that you can hear?
#
# A **spectrogram**: cut the wave into short windows, see how strong each frequency is in each, take logarithms as ears do. The recordings are the Free Spoken Digit Dataset (CC BY-SA 4.0): ten digits, five people.
#
# The spectrogram has lost the **phases**. Griffin & Lim (1984) find some that fit: start at random, make a wave, transform it again, keep its phases, put the wanted magnitudes back, and repeat.
# %%
sound, settings = held_out["sound"], train["sound"].settings


def spectrogram(waves, n_fft=256, hop=80, floor=-60.0):
    """Level of each frequency at each time: (n, samples) in [-1, 1] → (n, 128, 64), dB below a full sine."""
    window = torch.hann_window(n_fft)
    complex_ = torch.stft(waves, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
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
# Random phases are off by {{floor_0}} in frames that hold sound, after 60 rounds by {{floor}}: what you hear from here on has this loss in it, before any model.
#
# The opponent of the VAE is **PCA** with as many numbers, the best that a plane can do in squared error on training clips. With a Gaussian along each direction and a σ for each frequency around it, the plane has exact bits as well. And after the photographs you want a third: each level predicted from eight before it (in time, or below it) by least squares. No code, no network.
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
ahead = sounds["VAE"] - sounds["8 neighbors, linear"]
claims.add("sound", ahead, above=0, unit="bits", text="Sound: VAE minus eight linear neighbors")
notes("dB", error_vae=vae, error_pca=pca)
in_plane, in_vae, linear = sounds.values()
notes("bits", sound_vae=in_vae, sound_pca=in_plane, sound_linear=linear)
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
    title="Both keep the broad bands of a voice and lose most of its fine stripes",
)
players = dict(zip(titles, sound.hear(clips), strict=True))
players |= {"a three": sound.waves[three], "a three, phases guessed": players["a three"]}
label = "Nine players: a recorded three, a six from its magnitudes, both through PCA and through the VAE, the code halfway between them, a clip drawn from the prior, and the three from its magnitudes alone."
teaching.play(players, settings.rate, alt=label)
# %% [markdown]
# At equal size the VAE beats PCA: in levels it is off by {{error_vae}} against {{error_pca}}, in bits {{sound_vae}} against {{sound_pca}}. Eight neighbors by least squares need {{sound_linear}}. Overlapping windows make neighboring frames alike; a decoder with independent levels cannot say that either. Listen before you trust a decibel.
#
# ## 6 A table: is a VAE the right tool at all?
#
# Biopsies: 30 measurements of cell nuclei, 341 rows to train on. Radius, perimeter and area of a nucleus nearly determine each other. One Gaussian with full covariance says so directly, with an exact likelihood.
# %%
known, asked, table = train["biopsies"], held_out["biopsies"], contest["biopsies"]
settings = {"batch_size": 32, "schedule": "linear", "kl_warmup": 0.1, "patience": 15, "epochs": TABLE_EPOCHS}


def biopsy_bits(seed):
    """Bits a number of a VAE that stops when held-out rows get no cheaper: a bound from 100 draws."""
    model = new("biopsies")
    fit(model, known, asked, learning_rate=3e-3, seed=seed, device="cpu", progress=False, **settings)
    return bits_of(-importance_weighted_bound(model, asked, k=100).value, "biopsies")


table["each column alone"] = bits_of(evaluation.gaussian_without_code(known, asked), "biopsies")
table["one Gaussian"] = bits_of(evaluation.gaussian_with_covariance(known, asked), "biopsies")
runs = over_seeds(N_SEEDS, biopsy_bits)
table["VAE"] = runs.mean
claims.add("table", runs - table["one Gaussian"], above=0, unit="bits", text="Biopsies: VAE minus Gaussian")
claims.note("saved_table", table["each column alone"] - runs, unit="bits")
guess = predict(
    "In how many of the five kinds does the VAE need the fewest bits?", ["none", "1 or 2", "3 or more"]
)
# %% [markdown]
# The VAE saves {{saved_table}} a number against columns by themselves, and still needs {{table}} more than the Gaussian, although its early stopping looked at the very rows that judge it. Every relation between columns passes through the code, and is paid there.
#
# ## 7 The honest table
# %% tags=["hide-input"]
strongest = {kind: min(bits.keys() - {"VAE"}, key=bits.get) for kind, bits in contest.items()}
wins = sum(bits["VAE"] < bits[strongest[kind]] - 0.01 for kind, bits in contest.items())  # less is a tie
guess.compare(0 if wins == 0 else 1 if wins < 3 else 2, f"{wins} of 5.")
claims.note("wins", wins)
rows = []
for kind, name in KINDS.items():
    vae, best = (f"{contest[kind][who]:.2f}" for who in ("VAE", strongest[kind]))
    rows.append({"data": f"{kind} ({name})", "VAE": vae, "strongest opponent": strongest[kind], "its": best})
results_table(rows, caption="Held-out bits a number; the VAE's are upper bounds; sound in steps of 1 dB")
# %% [markdown]
# By more than a hundredth of a bit the VAE wins in {{wins}} of five. Names are a tie: there the VAE's decoder reads, too. The winners are of one sort: they say directly how one number depends on others, where independent outputs have to send everything through the code, and pay. So bits are not what one takes such a VAE for. What the winners lack is the code: a place for every example, from which one
# can walk, mix and draw in one step. (Very deep hierarchies of codes do beat decoders like ours in bits: Child 2021. Larger nets were not tried.)
#
# ## Play
#
# One slider between two examples. Look in each: does something *move*, or does one thing fade while another appears?
# %% tags=["hide-input"]
from vae_course.widgets import Domain, draw_picture, draw_sound, draw_text, explore_domains

domains = {
    "sound": Domain(heard, ends, draw_sound(sound)),
    "sentence": Domain(writer, words.encode([long.texts[0], long.texts[2]]), draw_text(words)),
    "photograph": Domain(photo_vae, x[:2], draw_picture),
}
explorer = explore_domains(
    domains,
    alt="A row for each kind of data, five places from one example to another: the bands of the spectrogram change, the sentence changes by whole words or not at all, the photograph turns from one light and shape into another.",
)
# %% [markdown]
# ## Break it
#
# Average instead of sum: multiply the KL in `negative_elbo` by the number of pixels of a picture (that is what `mean` in the place of `sum` does to a loss), and train `new("pictures")` with it. **Before** you run it, write down the rate, the bits a pixel, and what a reconstruction will look like. Then do the same to the biopsies.
#
# A good answer predicts all three with a reason; names the β that the slip amounts to for both kinds; shows rate against passes beside the healthy run; and says which number of section 7 the broken biopsies should come to (no code, each column alone), and whether they do.
#
# ## What you can say now
#
# - One ELBO serves pictures, names, sound and tables; only networks and likelihood change. Bits of real numbers need a step.
# - A decoder with independent outputs cannot say that neighbors are alike: on photographs that costs {{seen}} a number, and WebP beats it. A decoder that sees neighbors does as well without the code; one that reads letters let it die.
# - Name the strongest opponent. In bits the VAE won {{wins}} of five; but the fewest bits draw rubble, and only a code gives every example a place.
#
# ## References
#
# - L. Theis, A. van den Oord, M. Bethge: *A note on the evaluation of generative models*, ICLR 2016. Section 3 (densities, quantization, bits).
# - A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu: *Pixel Recurrent Neural Networks*, ICML 2016 (masks).
# - T. Salimans, A. Karpathy, X. Chen, D. P. Kingma: *PixelCNN++*, ICLR 2017 (mixtures of discretized logistics).
# - X. Chen et al.: *Variational Lossy Autoencoder*, ICLR 2017 (why a code beside an autoregressive decoder is ignored).
# - R. Child: *Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on Images*, ICLR 2021.
# - A. Khosla et al.: *Novel Dataset for Fine-Grained Image Categorization*, CVPR workshop 2011 (Stanford Dogs).
# - S. R. Bowman et al.: *Generating Sentences from a Continuous Space*, CoNLL 2016. Section 3.1.
# - D. P. Kingma et al.: *Improved Variational Inference with Inverse Autoregressive Flow*, NeurIPS 2016 (free bits).
# - C. E. Shannon: *A Mathematical Theory of Communication*, Bell System Technical Journal 27, 1948. Section 3.
# - D. Griffin, J. Lim: *Signal Estimation from Modified Short-Time Fourier Transform*, IEEE Transactions on Acoustics, Speech, and Signal Processing 32(2), 1984.
# - Z. Jackson and others: *Free Spoken Digit Dataset*, v1.0.9. W. N. Street, W. H. Wolberg, O. L. Mangasarian: *Nuclear Feature Extraction for Breast Tumor Diagnosis*, 1993. Sentences: Tatoeba, CC BY 2.0 FR.
#
# Next: [11 · Extending VAEs to improve realism](11_Extending_VAEs_to_Improve_Realism.ipynb)
# %% tags=["hide-input"]
claims.report()

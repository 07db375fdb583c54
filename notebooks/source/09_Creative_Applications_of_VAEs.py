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
# # 09 · Create: alphabets, posters, faces
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Show a VAE one letter of a typeface that it has never seen, and it writes the other 25. You write the function that does it, invent typefaces, walk from one to the next, breed your own and print them as a poster. Then you put smiles and glasses on faces, and find out what else you put on.
#
# (Figures show letters cut to black and white.)
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network; drawn faces take the place of photographs
GIVEN = "A"  # the letter of an unseen typeface that the model is shown
WORD = "HAMBURGEFONS"  # what is written in the figures: 12 capitals, a word that type designers use
N_INVENTED = 100  # typefaces to invent, 50 or more
PEOPLE = 4000  # labeled photographs (or drawn faces) for attribute vectors, 500 or more
N_FACES = 200  # held-out faces that are edited, 30 or more
PICKS = ((2, 4, 5, 6), (4, 5, 2, 7), (0, 1, 2, 3))  # designs (0 to 7) that you like, round by round
FOLDER = "my_work"  # where your poster goes
# %% tags=["hide-input"]
from pathlib import Path

import torch
from scipy import ndimage

from vae_course import FACTORS, Runs, draw_faces, load, models, seeded, teaching, weights, widgets
from vae_course import evaluation as ev
from vae_course.plots import animation_html, image_grid, ink_preserving_cut, letter_poster, pictures
from vae_course.plots import set_letters, write_figure
from vae_course.teaching import complete, hint, predict, show, solution

# %% tags=["hide-input"]
parameters = teaching.check_parameters(globals(), OFFLINE=False, N_INVENTED=50, PEOPLE=500, N_FACES=30)
claims = teaching.Claims("09_Creative_Applications_of_VAEs", parameters)
model, unseen = weights.load_letters(), load("letters", "test")
known, truth, given = load("letters").alphabets(), unseen.alphabets(), ord(GIVEN) - ord("A")
names = [unseen.families[face] for face in unseen.faces[::26].tolist()]


# The pictures of a word, from those of an alphabet (..., 26, 1, 32, 32).
def word(alphabet, text=WORD):
    return alphabet[..., [ord(letter) - ord("A") for letter in text], :, :, :]


# Keep numbers for the text.
def note(unit="", **numbers):
    for name, number in numbers.items():
        claims.note(name, number, unit=unit)


GRAY, BLACK, BLUE = "#6E6E6E", "black", "#0072B2"
blank, rows = torch.zeros(1, 1, 32, 32), []
for name in ("Rubik One", "Barlow Condensed", "Suez One"):
    true = truth[names.index(name)]
    written = model.write_alphabet(true[given], given)
    rows.append((name, torch.cat([true[given][None], written[:13]])))
    rows.append(("", torch.cat([blank, written[13:]])))
    rows.append(("true N to Z", torch.cat([blank, true[13:]])))
show(
    set_letters(rows, framed=(0, 3, 6), ink=(BLACK, BLACK, GRAY)),
    alt="Three blocks of letters. In each, a framed letter of a typeface on the left and the alphabet from A to Z in its style; below, in gray, the true letters from N to Z: much the same weight and width, with crisper serifs and smooth edges.",
    title=f"Three typefaces that we chose: from the framed {GIVEN} the VAE wrote the black letters",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** an alphabet from one letter, and **judge** it against opponents that are no VAE;
# 2. **invent**, **mix** and **breed** designs that follow the prior;
# 3. **compute** an attribute vector, and **measure** what it changes besides;
# 4. **repair** a vector that comes from a biased album.
#
# You need chapter 02's VAE and chapter 03's paths. Numbers in the text are those of the full run with the parameters above. A bracket is a 95 % t-interval over typefaces, alphabets or faces (in section 6, over three VAEs). Typefaces of one family count as independent.
#
# ## 1 What does one letter tell?
#
# The model (`LetterVAE`) was trained on 361 typefaces of 26 capitals each. Its encoder sees a letter $x$ and is told which letter that is. Its decoder gets a code $z$ and is told which letter to write. So $z$ need not say *which* letter. It can say *how*: the style.
#
# **Your turn (09.1).** `model.encode((pictures, letters))` gives a posterior with `.mean` `(n, 32)`; `model.decode(z, letters)` gives logits `(n, 1, 32, 32)`; `letters` are int64 `(n,)`.


# %%
def write_alphabet(model, letter: torch.Tensor, label: int) -> torch.Tensor:
    """letter: (1, 32, 32), label: 0 to 25. Returns the 26 letters in its style, (26, 1, 32, 32)."""
    ...


# hint("09.1")  # remove the first # for a hint, again for the next one
write_alphabet = complete("09.1", write_alphabet)
solution("09.1")
# %% [markdown]
# Why should $z$ hold the style? In training the encoder sees one letter, $x$, and the decoder has to write a letter $y$ that is drawn at random from the same typeface: mostly another one. What the letters of a typeface share helps most. The ELBO of a whole typeface is
#
# $$
# \log p(y_1, \dots, y_{26}) \;\ge\; \sum_{c=1}^{26} \mathbb E_{q(z|x)}\bigl[\log p(y_c | z, c)\bigr] - \mathrm{KL}\bigl(q(z|x)\,\|\,p(z)\bigr).
# $$
#
# In words: 26 letters share one code, so its KL is paid once. The loss of a single letter is the usual −ELBO, but with a 26th of the KL. (The bound holds for every $q$, also for one that sees a single letter.)
# %%
x, letter = unseen.floats(), unseen.labels
target = torch.randint(26, letter.shape, generator=seeded("targets"))
its_a = torch.arange(len(x)) - letter  # typefaces stand one after the other, each from A to Z
y = x[its_a + target]  # a random letter of the same typeface
with torch.no_grad():
    q = model.encode((x, letter))
    z = q.mean + (0.5 * q.log_var).exp() * torch.randn(q.mean.shape, generator=seeded("z"))
    cost = torch.nn.functional.binary_cross_entropy_with_logits(model.decode(z, target), y, reduction="none")
    by_hand = cost.sum((1, 2, 3)) + 0.5 * (q.mean**2 + q.log_var.exp() - 1 - q.log_var).sum(1) / 26
    package = models.alphabet_terms(model, (x, letter, y, target), seeded("z")).negative_elbo
off = ((by_hand - package).abs() / package).max()
claims.add("same_loss", off, below=1e-4, exact=True, text="Your −ELBO off the package's, relative")
note("nats", letter_cost=by_hand.mean(), face_cost=q.kl().mean(), share_cost=q.kl().mean() / 26)


# %% [markdown]
# On 56 unseen typefaces a letter costs {{letter_cost.value}}. Of these, {{share_cost.value}} are its 26th of the style's KL ({{face_cost.value}}). The learning curve, flat at the end, and a sheet of alphabets that nobody chose stand in [models](../docs/models.md).
#
# Does that need a VAE? Four opponents are none:
#
# - the **mean** of all training typefaces;
# - the training typeface whose own letter is **nearest** to the given one;
# - the mean of the **ten nearest**;
# - a linear **regression** from the 1,024 pixels of the given letter to the 26,624 of the alphabet, with a ridge penalty, which keeps the weights small (chosen by squared error on validation typefaces).
# %%
# Alphabets (n, 26, 1, 32, 32) of the unseen typefaces, by ridge regression on the training typefaces.
def regression(given, penalty=30.0):  # from an A the best of nine on validation typefaces
    inputs, outputs = known[:, given].flatten(1), known.flatten(1)
    x, mean = inputs - inputs.mean(0), outputs.mean(0)
    weight = torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x)), outputs - mean)
    seen = truth[:, given].flatten(1) - inputs.mean(0)
    return (seen @ x.T @ weight + mean).view_as(truth).clamp(0, 1)


# The same, written by the VAE.
def by_vae(given):
    with torch.no_grad():
        return torch.stack([write_alphabet(model, typeface[given], given) for typeface in truth])


near = torch.cdist(truth[:, given].flatten(1), known[:, given].flatten(1)).topk(10, largest=False).indices
answers = {
    "mean": known.mean(0).expand_as(truth),
    "nearest": known[near[:, 0]],
    "ten nearest": known[near].mean(1),
    "regression": regression(given),
    "VAE": by_vae(given),
}


# Alphabets and truth without the given letter, (n, 25 · 1024).
def without(alphabets, given=given):
    left = [letter for letter in range(26) if letter != given]
    return alphabets[:, left].flatten(1), truth[:, left].flatten(1)


# Whether the right one of the unseen typefaces is the nearest.
def recognized(alphabets):
    return (torch.cdist(*without(alphabets)).argmin(1) == torch.arange(len(truth))).float()


question = f"Squared error per pixel, over the other 25 letters, from one {GIVEN}. The VAE beats ..."
guess = predict(question, ["all of them", "all but the regression", "the mean only"])


# %%
# Squared error per pixel, typeface by typeface.
def errors(alphabets, given=given):
    written, true = without(alphabets, given)
    return Runs((written - true).square().mean(1), least=0)


error = {name: errors(written) for name, written in answers.items()}
right = {name: Runs(recognized(written), least=0, most=1) for name, written in answers.items()}
rows = [{"written by": name, "error": error[name], "recognized": right[name]} for name in answers]
teaching.results_table(rows, caption=f"From one {GIVEN}: squared error, share of typefaces recognized")
gain, tie = error["ten nearest"] - error["VAE"], error["regression"] - error["VAE"]
guess.compare(0 if tie.low > 0 else 1 if gain.low > 0 else 2, f"regression minus VAE: {tie}.")
claims.add("over_ten", gain, above=0, whole_interval=True, text="Error, mean of ten nearest faces minus VAE")
claims.add("tie", tie, between=(-0.003, 0.003), text="Error, regression minus VAE")
finder = regression(given, penalty=0.3)  # of the same nine the best at recognizing validation typefaces
note("%", recognized=right["VAE"], by_line=right["regression"])
note("%", by_finding=Runs(recognized(finder), least=0, most=1))
note("%", finding_costs=errors(finder).mean / error["regression"].mean - 1)
note("%", ten_more=gain / error["VAE"].mean)
for name in (GIVEN, "R", "I"):  # the same from other letters, as a share of the VAE's error
    key, other = name.lower(), ord(name) - ord("A")
    by_code, by_line = errors(by_vae(other), other), errors(regression(other), other)
    note("%", **{f"lead_{key}": (by_line - by_code) / by_code.mean})
    note("%", **{f"told_{key}": 1 - by_code.mean / errors(answers["mean"], other).mean})
# %% tags=["hide-input"]
rows = []
for name in ("Suez One", "Krona One", "Indie Flower"):
    place = names.index(name)
    rows.append((name, word(truth[place])))
    rows += [(writer, word(answers[writer][place])) for writer in ("regression", "VAE")]
show(
    set_letters(rows, ink=(GRAY, BLACK, BLUE)),
    alt="Three typefaces, each as a word of twelve letters in three rows: true, by regression, by the VAE. Of two typefaces both writers keep the weight; serifs come back as stubs, and a wide S and N narrower. Of the third, a handwriting, both leave broken strokes.",
    title=f"From one {GIVEN}: weight carries over, width and serifs in part, handwriting does not",
)


# %% [markdown]
# **A linear model does as well.** The mean of the ten nearest typefaces has an error {{ten_more}} larger than the VAE's. But the regression minus the VAE, as a share of the VAE's error, is {{lead_a}} from an A and {{lead_i}} from an I: zero lies inside both intervals. From an R it is {{lead_r}}: there the regression is better.
#
# How much does one letter tell? From an A the VAE's error is {{told_a.value}} below that of the mean typeface, from an I only {{told_i.value}}.
#
# Is the style recognized? {{recognized.value}} of the VAE's alphabets lie nearest to the right one of the 56 typefaces, and {{by_line.value}} of the regression's. With a smaller penalty (0.3), chosen for that on validation typefaces, it reaches {{by_finding.value}}; its error grows by {{finding_costs}}.
#
# (We chose the figure's typefaces. One VAE was trained, on letters that were also stretched, slanted and shifted; the regression saw them as they are.)
#
# ## 2 Can it invent?
#
# Draw one style, from the prior $\mathcal N(0, I)$ or from a Gaussian *fitted* to the training codes (chapter 06), and write 26 letters with it.
#
# The opponent is linear again: draw coordinates of the principal components of the training alphabets from a Gaussian. With eight components its alphabets vary about as much as the VAE's.
#
# How do you judge letters that nobody has drawn? By counting. A capital is made of pieces and holes: an A has one of each, a B one piece and two holes. The commonest counts among training typefaces are *usual*.
# %%
# Pieces and holes of every letter, (n, 26, 2), after the cut.
def topology(alphabets):
    counts, diagonals = [], [[1, 1, 1]] * 3  # paper that touches at a corner hangs together
    for ink in ink_preserving_cut(alphabets.flatten(0, 1), 2)[:, 0].numpy() > 0.5:
        pieces, paper = ndimage.label(ink)[1], ndimage.label(~ink, diagonals)[1]
        counts.append((pieces, paper - 1))  # the paper around the letter is no hole
    return torch.tensor(counts).view(-1, 26, 2)


usual = topology(known[::4]).mode(0).values  # of every fourth training typeface


# Share of the 26 letters with the usual pieces and holes, alphabet by alphabet.
def usual_share(alphabets):
    return Runs((topology(alphabets) == usual).all(2).float().mean(1), least=0, most=1)


# Mean squared difference of a pixel between two alphabets, as a share of that of unseen typefaces.
def variety(alphabets):
    own, real = (torch.pdist(a.flatten(1)).square().mean() for a in (alphabets, truth))
    return (own / real).item()


# %%
noise = torch.randn(N_INVENTED, model.latent_dim, generator=seeded("styles"))
with torch.no_grad():  # the style of a training typeface: the mean over its 26 letters
    codes = torch.stack([model.encode((known[:, c], torch.full((len(known),), c))).mean for c in range(26)])
codes = codes.mean(0)
center, factor = codes.mean(0), torch.linalg.cholesky(codes.T.cov() + 1e-4 * torch.eye(model.latent_dim))
mean_alphabet = known.flatten(1).mean(0)
around = known.flatten(1) - mean_alphabet
vectors = torch.linalg.eigh(around @ around.T).eigenvectors  # 361 × 361 instead of 26,624 × 26,624


# Alphabets from the n largest principal components.
def linear_model(n):
    drawn = noise[:, :n] @ (vectors[:, -n:].T @ around) / (len(known) - 1) ** 0.5
    return (drawn + mean_alphabet).view(-1, 26, 1, 32, 32).clamp(0, 1)


invented = {
    "linear model": linear_model(8),
    "VAE, N(0, I)": model.alphabet(noise),
    "VAE, fitted": model.alphabet(center + noise @ factor.T),
}
question = "Share of letters with the usual pieces and holes. It is larger when they are invented by ..."
guess = predict(question, ["the linear model", "the VAE", "neither: within 3 percentage points"])


# %%
shape = {name: usual_share(alphabets) for name, alphabets in invented.items()}
linear, prior, fitted = (variety(alphabets) for alphabets in invented.values())
gap = 100 * (Runs(shape["VAE, fitted"].values) - Runs(shape["linear model"].values))
guess.compare(1 if gap.low > 3 else 0 if gap.high < -3 else 2, f"VAE minus linear model: {gap:.0f} points.")
text = "Usual pieces and holes, VAE (fitted) minus linear model"
claims.add("sound", gap, above=3, unit="points", text=text)
claims.add("wider", fitted / prior, above=1.2, unit="times", text="Variety, fitted prior over N(0, I)")
note("%", sound_two=usual_share(linear_model(2)), variety_two=variety(linear_model(2)))
note(first=torch.linalg.eigvalsh(codes.T.cov())[-1].sqrt())
note("%", variety_linear=linear, variety_prior=prior, variety_fitted=fitted)
note("%", sound_linear=shape["linear model"], sound_prior=shape["VAE, N(0, I)"])
note("%", sound_vae=shape["VAE, fitted"], sound_true=usual_share(truth))
# %% tags=["hide-input"]
rows = []
for name, alphabets in invented.items():
    value, order = torch.tensor(shape[name].values).sort()
    for at in (N_INVENTED // 10, 9 * N_INVENTED // 10):
        rows.append((f"{name}:\n{26 * value[at]:.0f} of 26 usual", word(alphabets[order[at]])))
show(
    set_letters(rows, ink=[BLACK] * 2 + [BLUE] * 4),
    alt="Rows of a word of twelve letters, each with its count of usual letters. Two by the linear model, of which the first has split or doubled strokes; two by the VAE from N(0, I), much alike; two by the VAE from the fitted prior, more different from each other.",
    title="The linear model breaks more letters; N(0, I) is dull, the fitted prior less so",
)
# %% [markdown]
# With the fitted Gaussian {{sound_vae.value}} of the VAE's letters have the usual pieces and holes, and {{sound_linear.value}} of the linear model's: a difference of {{sound}}. Both vary about as much: two alphabets of the VAE differ by {{variety_fitted.value}} of what two real ones differ by, two of the linear model by {{variety_linear.value}}. (The figure shows the alphabets a tenth and nine tenths up each model's ranks.)
#
# Never read the count without the variety: this judge likes what is plain. True letters reach only {{sound_true.value}}. A linear model of two components reaches {{sound_two.value}}, but its variety is {{variety_two.value}}; codes from $\mathcal N(0, I)$ reach {{sound_prior.value}}, but theirs is {{variety_prior.value}}.
#
# Why are typefaces from $\mathcal N(0, I)$ so plain? The codes of real ones spread wider: in their widest direction the standard deviation is {{first.value}}, where the prior says 1. With the fitted Gaussian the variety is {{wider.value}} as large, still less than half of the real one. From here on a design is plain noise $u \sim \mathcal N(0, I)$, and `center + u @ factor.T` moves it to where training codes lie.
#
# ## 3 What lies between two typefaces?
#
# Encode the A's of two unseen typefaces (we chose them), and walk straight between the codes.
# %%
pair = "Rubik One", "EB Garamond"
ends = truth[[names.index(name) for name in pair]]
with torch.no_grad():
    z = model.encode((ends[:, given], torch.full((2,), given))).mean
way = model.alphabet(ev.lerp(*z, torch.linspace(0, 1, 25)))
rows = [(f"{i / 24:.2g}", word(way[i])) for i in range(0, 25, 6)]
rows = [(pair[0], word(ends[0])), *rows, (pair[1], word(ends[1]))]
show(
    set_letters(rows, ink=[GRAY] + [BLUE] * 5 + [GRAY]),
    alt="A word in seven rows. On top as a heavy sans-serif typeface draws it, at the bottom as a light one with serifs does; between them five rows get lighter step by step, serifs grow, and in the last one strokes break.",
    title="Between two typefaces serifs grow, strokes thin out, and at the end they break",
)
alt = "The word WALK, black on white, gets lighter and grows serifs, then goes the same way back."
film = 1 - ink_preserving_cut(word(way[::2], "WALK"), 2)[..., 6:58, 5:59]
teaching.show_html(animation_html(film, "There and back", alt, zoom=2, seconds=0.12), alt)
for key, alphabet in dict(halfway=way[12:13], last=way[24:], true_end=ends[1:]).items():
    claims.note(key, round(usual_share(alphabet).mean * 26))
# %% [markdown]
# Halfway, {{halfway.value}} of 26 letters have the usual pieces and holes. At the end, written from EB Garamond's own A, only {{last.value}} have them; {{true_end.value}} of its true letters do. The VAE writes such thin lines too pale, and the cut breaks them.
#
# ## 4 Breed your own
#
# Each round has eight designs. You pick some (the parameter `PICKS`). They stay, *children* near them take the other places, and you pick again. What is near? If you only add noise, $u + s\varepsilon$, the variance grows by $s^2$ each round, and designs drift away from the prior.
#
# **Your turn (09.2).** A child of `parent` that does not drift. `parent` and `noise` are independent draws of $\mathcal N(0, I)$, `spread` is in [0, 1]. The result must follow $\mathcal N(0, I)$, be a copy of the parent at spread 0, and nothing but noise at spread 1.


# %%
def child(parent: torch.Tensor, noise: torch.Tensor, spread: float) -> torch.Tensor:
    """parent, noise: (n, latent); spread in [0, 1]. Returns (n, latent)."""
    ...


# hint("09.2")  # remove the first # for a hint, again for the next one
child = complete("09.2", child)
solution("09.2")
# %%
generator, u = seeded("breeding"), torch.randn(8, model.latent_dim, generator=seeded("designs"))
rounds = []
for picked in PICKS:
    rounds.append(model.alphabet(center + u @ factor.T))
    parents = [picked[i % len(picked)] for i in range(8 - len(picked))]  # the picks take turns
    fresh = torch.randn(len(parents), model.latent_dim, generator=generator)
    u = torch.cat([u[list(picked)], child(u[parents], fresh, 0.5)])
favorites = u[:4]  # the first four picks of the last round: the corners of the poster
rows = []
for i in range(8):
    places = [torch.cat([word(designs[i], "TYPE"), blank]) for designs in rounds]
    rows.append((f"design {i}", torch.cat(places)))
show(
    set_letters(rows),
    alt="Eight numbered rows with the word TYPE three times, for three rounds from left to right: the eight designs of the first round, thin and heavy, wide and narrow, with and without serifs; then, in each round, the four picks of the round before as designs 0 to 3, and their children as designs 4 to 7.",
    title="Three rounds of eight designs, left to right: our picks move to the top, their children stand below",
)
# %% [markdown]
# Choose your own `PICKS` by these numbers, round by round.
#
# Now the poster: four favorites in its corners, and between them mixtures. If the *squares* of the weights add up to 1, as in your `child`, a mixture of independent designs follows the prior. (Yours only nearly: a pick is no random draw, a child depends on its parent.)
# %%
TEXT = "ONE LETTER A HELPS A NETWORK GUESS THE REST NOBODY DREW THESE SHAPES A SMALL NETWORK LOOKED AT TYPEFACES AND KEPT THIRTY TWO NUMBERS OF EACH BETWEEN ANY TWO OF THEM LIES A FACE THAT NO ONE HAS SEEN BEFORE WALK THERE AND READ WHAT NO HAND HAS WRITTEN YET"
COLUMNS, INKS = 12, ("#F4F1DE", "#E9A23B")  # words take turns
letters = TEXT.replace(" ", "")
colors = [INKS[i % 2] for i, name in enumerate(TEXT.split()) for _ in name]
place = torch.arange(len(letters))
down, across = place // COLUMNS / (place[-1] // COLUMNS), place % COLUMNS / (COLUMNS - 1)  # 0 to 1
corners = torch.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across], 1)
mix = torch.nn.functional.normalize(corners, dim=1) @ favorites
with torch.no_grad():
    logits = model.decode(center + mix @ factor.T, torch.tensor([ord(one) - ord("A") for one in letters]))
line = "VAE course, chapter 09. Every letter is a point between four designs."
poster = letter_poster(torch.sigmoid(logits), COLUMNS, colors, line=line)
path = write_figure(poster, Path(FOLDER) / "poster.svg")
print(f"written: {path.name}, {path.stat().st_size / 1000:,.0f} kB")
alt = "A dark blue poster of large capitals, seventeen rows of twelve, words in turn cream and amber. Weight, width and serifs change smoothly over the sheet."
show(poster, alt, dpi=90)
# %% [markdown]
# The SVG holds outlines: print it wall-size.
#
# ## 5 What else comes with the glasses?
#
# This VAE was trained on 7,594 photographs of CelebA (64×64 pixels), without labels; its curve ends flat (`weights.celeba_record("vae")["curve"]`). You only see what it decodes.
#
# An **attribute vector** is the difference of two mean codes: of pictures with the attribute, minus without (Larsen et al. 2016).
#
# **Your turn (09.3).** `codes` are float `(n, latent)`; `has` and `in_training` bool `(n,)`. Return the vector `(latent,)` that adds the attribute, from training pictures only.


# %%
def attribute_vector(codes: torch.Tensor, has: torch.Tensor, in_training: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); has, in_training: bool (n,). Returns (latent,)."""
    ...


# hint("09.3")  # remove the first # for a hint, again for the next one
attribute_vector = complete("09.3", attribute_vector)
solution("09.3")
# %%
PHOTOS = "faces_synthetic" if OFFLINE else "celeba"
people, others = load(PHOTOS, "train"), load(PHOTOS, "validation")
people = people.subset(min(PEOPLE, len(people)))
TUNING = 40 if OFFLINE else 80  # training faces on which the dose of a vector is set
painter = weights.load_face_model() if OFFLINE else weights.load_celeba("vae")
reader = weights.load_reader(PHOTOS)
people_codes, other_codes = (ev.posterior_means(painter, data) for data in (people, others))
both = torch.cat([people_codes, other_codes])
labels = torch.cat([people.attributes, others.attributes]).bool()
training = torch.arange(len(both)) < len(people)
column = people.attribute_names.index
WANTED = ("Smiling", "Eyeglasses", "Blond_Hair")
ways = {name: attribute_vector(both, labels[:, column(name)], training) for name in WANTED}
off = (ways["Smiling"] - ev.mean_difference(people_codes, people.attribute("Smiling"))).abs().max()
claims.add("same_vector", off, below=1e-5, exact=True, text="Your vector off the package's")
# %% tags=["hide-input"]
plain = (others.attributes[:, [column(name) for name in WANTED]].sum(1) == 0).nonzero()[:, 0]
some = other_codes[plain[:7]]
edited = torch.cat([some, *(some + 1.5 * way for way in ways.values())])
show(
    image_grid(
        pictures(painter, edited), 4, 7, row_titles=["decoded", "smile", "glasses", "light hair"], cell=1.0
    ),
    alt="Seven decoded faces, and below them the same faces after each of three vectors was added to their codes: the mouths smile; something dark surrounds the eyes, without frames in photographs; the hair turns light, in photographs the skin and the background too.",
    title="The smile shows, the glasses become shadows, light hair bleaches more than hair",
)


# %% [markdown]
# Every face got the same vectors, times 1.5.
#
# Did the glasses change anything else? Ask a **reader**, a network that learned all 40 labels from training photographs; a reading is a probability. Its AUC for glasses (½ for a guess, 1 without a mistake) is {{auc_photo.value}} on held-out photographs, {{auc.value}} on what the VAE makes of them. Each vector is now multiplied by a **dose**: the number that lets the reading of glasses rise by 0.4, on average over 80 training faces.
# %%
# Pictures of codes before and after; the dose lets the mean reading of tuning codes rise as wanted.
def edit(painter, reader, vector, tuning, codes, target, wanted):
    dose = ev.dose_for(painter, reader, vector, tuning, target, wanted)
    return pictures(painter, codes), pictures(painter, codes + dose * vector)


# By how much each reading of each face changes, (n, A).
def changes(reader, before, after):
    return ev.read(reader, after) - ev.read(reader, before)


TARGET = column("Eyeglasses")
wears, others_wear = (data.attributes[:, TARGET] == 1 for data in (people, others))
for key, shown in dict(auc=pictures(painter, other_codes), auc_photo=others.floats()).items():
    reading = ev.read(reader, shown)[:, TARGET]
    claims.note(key, ev.auroc(reading[~others_wear], reading[others_wear]))
dose_codes, judged_codes = people_codes[~wears][:TUNING], other_codes[~others_wear][:N_FACES]


# Changes of the readings of judged faces when a vector puts on glasses.
def by_vector(vector):
    return changes(reader, *edit(painter, reader, vector, dose_codes, judged_codes, TARGET, 0.4))


moved = by_vector(ways["Eyeglasses"])
rest = torch.arange(moved.shape[1]) != TARGET  # all attributes but the glasses
besides = moved.mean(0) * rest
top = besides.abs().topk(5).indices.tolist()
question = "Besides the glasses, which reading changes most?"
guess = predict(question, ["smile or mouth", "gender, age or looks", "none moves by 0.05"])


# %%
with_it, without_it = (people.attributes[part].float().mean(0) for part in (wears, ~wears))
named = people.attribute_names
rows = []
for a in top:
    labeled = f"{with_it[a]:.0%} with glasses, {without_it[a]:.0%} without"
    rows.append({"reading": named[a], "changes by": Runs(moved[:, a]), "labeled so in the album": labeled})
teaching.results_table(rows, caption="The five readings that change most besides the glasses")
first, most = named[top[0]], besides.abs().max()
looks = ("Male", "Young", "Gray_Hair", "Attractive", "Heavy_Makeup", "Wearing_Lipstick", "No_Beard")
guess.compare(2 if most < 0.05 else 1 if first in looks else 0, f"{first}, by {besides[top[0]]:+.2f}.")
# Forty directions without a label, as long as the step that puts on glasses.
dose = ev.dose_for(painter, reader, ways["Eyeglasses"], dose_codes, TARGET, 0.4)
steps = torch.randn(40, len(people), generator=seeded("no label")) @ (people_codes - people_codes.mean(0))
steps *= dose * ways["Eyeglasses"].norm() / steps.norm(dim=1, keepdim=True)
before = pictures(painter, judged_codes)
ends = [changes(reader, before, pictures(painter, judged_codes + step)).mean(0) for step in steps]
largest = torch.stack(ends)[:, rest].abs().amax(1)
note(chance=largest.mean())
note("%", as_large=(largest >= most).float().mean())
note("%", with_label=with_it[top[0]], without_label=without_it[top[0]])
# %% [markdown]
# The reading of "attractive" moves by {{photo_before.value}}. Is that much? We also took forty directions of the same length, but without a label: random mixtures of the codes. The largest side effect of each is {{chance}} on average; in {{as_large}} of them it is as large as that of the glasses. So it is more than a step of this length usually brings.
#
# Where does it come from? The table names one suspect, the **album**. {{with_label.value}} of the people with glasses carry the label "attractive" (somebody's opinion), and {{without_label.value}} of the others; a difference of means takes that along. Other suspects are the *decoder*, which may be unable to change one thing alone, and the *reader*, which learned from the same album. Photographs alone cannot tell which it is.
#
# ## 6 Can a biased album be repaired?
#
# So take faces that a program draws from nine independent factors. There the true edit is known: draw **the same face with glasses**, encode it and decode it. And we choose the bias: in our album nine of ten people with glasses are blond, and nine of ten without are dark. Three VAEs were trained on all faces, without labels. (Two of them for a shorter time.) The dose is set so that a vector brings nine tenths of the rise that the true edit brings.
#
# The repair: explain the code by *all* attributes at once, $z \approx b + \sum_a y_a v_a$, by least squares. In words: $v_a$ is what attribute $a$ changes while the others stay.
#
# **Your turn (09.4).** `codes` `(n, latent)`, `attributes` `(n, A)` of 0 and 1, both float. Return the vectors, `(A, latent)`.


# %%
def held_fixed(codes: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
    """codes: (n, latent); attributes: (n, A), 0 or 1. Returns (A, latent)."""
    ...


# hint("09.4")  # remove the first # for a hint, again for the next one
held_fixed = complete("09.4", held_fixed)
solution("09.4")
# %%
faces = people if OFFLINE else load("faces_synthetic", "train", subset=PEOPLE)
test_faces = load("faces_synthetic", "test")
GLASSES, HAIR = FACTORS.index("glasses"), FACTORS.index("hair_color")
drawn_reader, has = weights.load_reader(), faces.attributes
together, luck = has[:, GLASSES] == has[:, HAIR], torch.rand(len(faces), generator=seeded("album"))
album, fair = torch.where(together, luck < 0.9, luck < 0.1), luck < 0.5  # a biased half, a fair half


# The same faces, drawn with glasses.
def with_glasses(data):
    factors = data.factors.clone()
    factors[:, GLASSES] = 1.0
    return draw_faces(factors).float() / 255


# The first n without glasses.
def bare_faces(data, n):
    return data.select((data.attributes[:, GLASSES] == 0).nonzero()[:n, 0])


tuning, asked = bare_faces(faces, TUNING), bare_faces(test_faces, N_FACES)
drawn = with_glasses(asked)


# %%
# The judged faces as one VAE paints them: without glasses, with them by each vector, by the true edit.
def by_all_edits(painter):
    codes, tune, at = (ev.posterior_means(painter, data) for data in (faces, tuning, asked))
    with torch.no_grad():
        ideal, best = (pictures(painter, painter.encode(x).mean) for x in (with_glasses(tuning), drawn))
    wanted = 0.9 * changes(drawn_reader, pictures(painter, tune), ideal)[:, GLASSES].mean()
    wearing = has[:, GLASSES].bool()
    vectors = {
        "mean difference": attribute_vector(codes, wearing, album),
        "mean, fair album": attribute_vector(codes, wearing, fair),
        "least squares": held_fixed(codes[album], has[album].float())[GLASSES],
    }
    made = {"true edit": best}
    for name, vector in vectors.items():
        made["decoded"], made[name] = edit(painter, drawn_reader, vector, tune, at, GLASSES, wanted)
    return made


painted = [by_all_edits(weights.load_face_model(seed)) for seed in range(3)]
question = "Vectors from the biased album. Which adds glasses and leaves the color of the hair alone?"
guess = predict(question, ["the mean difference", "least squares", "both", "neither"])


# %%
# What an edit changed in the readings, and how far the picture is from the face drawn with glasses.
def measured(name):
    moved = [changes(drawn_reader, made["decoded"], made[name]) for made in painted]
    glasses, hair = (Runs(m[:, factor].mean() for m in moved) for factor in (GLASSES, HAIR))
    far = Runs(((made[name] - drawn).square().mean().sqrt() for made in painted), least=0)
    return {"glasses": glasses, "hair color": hair, "distance": far}


edits = ("mean difference", "mean, fair album", "least squares", "true edit")
found = {name: measured(name) for name in (*edits, "decoded")}
rows = [{"edit": name} | {key: f"{value:.3f}" for key, value in found[name].items()} for name in edits]
teaching.results_table(rows, caption="Change of readings (0 to 1), distance to the drawn face; three VAEs")
dyed, as_fair, repaired = (found[name]["hair color"] for name in edits[:3])
alone = tuple(abs(change.mean) < 0.05 for change in (dyed, repaired))
outcomes = [(True, False), (False, True), (True, True), (False, False)]  # in the order of the question
guess.compare(outcomes.index(alone), f"hair: {dyed} and {repaired}.")
claims.add("dyed", dyed - repaired, above=0.1, whole_interval=True, text="Hair: mean difference − repaired")
text = "Hair: least squares, biased − mean difference, fair album"  # at most a tenth of the dye
claims.add("as_fair", repaired - as_fair, between=(-0.03, 0.03), whole_interval=True, text=text)
note(hair_mean=dyed, hair_repaired=repaired, hair_fair=as_fair)
far = {name: result["distance"].mean for name, result in found.items()}
note(distance_repaired=far["least squares"], distance_best=far["true edit"], distance_none=far["decoded"])
# %% tags=["hide-input"]
order = ("decoded", "mean difference", "least squares", "true edit")
shown = [painted[0][name][:7] for name in order] + [drawn[:7]]
show(
    image_grid(torch.cat(shown), 5, 7, row_titles=[*order, "drawn with glasses"], cell=1.0),
    alt="Five rows of the same seven drawn faces: decoded; with glasses by the mean difference, the hair yellower than before; with glasses by least squares, the hair nearly as before; the true edit decoded; and as drawn, with crisp glasses.",
    title="The album's bias dyes the hair; least squares over all labels does not",
)
# %%
after = by_vector(held_fixed(people_codes, people.attributes.float())[TARGET])  # the photographs again
other = (after.mean(0) * rest).abs().argmax()
note(photo_before=Runs(moved[:, top[0]]), photo_after=Runs(after[:, top[0]]))
note(rest_before=Runs(moved[:, other]), photo_rest=Runs(after[:, other]))
print(f"The reading that moves most now: {named[other]}")
# %% [markdown]
# With the biased album, the mean difference dyes the hair: the reading of its color moves by {{hair_mean}}. With a fair album of the same size it moves by {{hair_fair}}. So the bias did it. Least squares on the biased album repairs it: {{hair_repaired}}. This is the kindest world for a repair: the factors were drawn independently, and all of them are labeled.
#
# Least squares does not reach the true edit. It ends {{distance_repaired}} (root mean square) from the face drawn with glasses, the true edit only {{distance_best}}, and a face without glasses {{distance_none}}.
#
# And the photographs? There, least squares over the 40 labels moves the reading of "attractive" by {{photo_after}} instead of {{photo_before}}, at the same rise of the glasses. But now the reading of "Male" moves most, by {{photo_rest}} ({{rest_before.value}} before), though its label was held fixed, too.
#
# ## Play
#
# **Four sliders, one alphabet.** They are the largest principal directions of the training styles, in standard deviations. Which is width, which weight? Say so by the still figure; then make a wide, heavy alphabet, go along direction 2 until strokes break, and save what you like.
# %%
_, size, axes = torch.linalg.svd(codes - center, full_matrices=False)
directions = {f"direction {i + 1}": axes[i] * size[i] / (len(codes) - 1) ** 0.5 for i in range(4)}

designer = widgets.explore_alphabet(
    model,
    center,
    directions,
    FOLDER,
    alt="A row for each of four directions, with the letters A, R and T three times: two steps back, in the middle, two steps on. Width, weight, serifs and proportions change; two steps on in the second direction strokes break.",
)
# %% [markdown]
# ## Break it
#
# Lie to the encoder: show it an H and say that it is an A (`write_alphabet(model, truth[k, 7], 0)`). **Before** you run it, write down which properties of the style will survive, and which letters of the alphabet suffer first.
#
# A good answer
#
# - predicts weight, width and serifs apart, and says why;
# - measures the error for a true and a false label, on five typefaces or more;
# - finds out whether the code of a lie is farther from `center` than an honest one.
#
# ## What you can say now
#
# - A VAE that learned to write *other* letters than it sees copies a style, in part: from an A its error is {{told_a.value}} below that of the mean typeface. A linear regression does about as well.
# - Codes from $\mathcal N(0, I)$ give plain designs, a fitted prior more varied ones. Mix independent designs with squares that add up to 1.
# - An attribute vector takes along what came along in its album: in a biased one, glasses dyed the hair of drawn faces. Least squares repairs that where everything is labeled; on photographs the largest side effect became another, half as large.
#
# **Dig deeper**: [Strange pictures](deeper/Strange_Pictures.ipynb): biopsies ranked by −ELBO, and why a VAE can find digits more normal than the garments it knows (exercises 09.6, 09.5).
#
# ## References
#
# - A. B. L. Larsen et al.: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016. Section 4 (vectors for visual attributes).
# - K. Sohn, H. Lee, X. Yan: *Learning Structured Output Representation using Deep Conditional Generative Models*, NeurIPS 2015.
# - N. D. F. Campbell, J. Kautz: *Learning a Manifold of Fonts*, SIGGRAPH 2014.
# - R. G. Lopes et al.: *A Learned Representation for Scalable Vector Graphics*, ICCV 2019 (a VAE of letters with the label as condition).
# - S. L. Cotter et al.: *MCMC Methods for Functions*, Statistical Science 28, 2013 (the step that keeps the prior).
# - Z. Liu et al.: *Deep Learning Face Attributes in the Wild*, ICCV 2015 (CelebA).
#
# Next: [10 · Performance on different datasets](10_VAEs_Performance_on_Different_Datasets.ipynb)
# %% tags=["hide-input"]
claims.report()

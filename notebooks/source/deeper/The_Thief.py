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
# # Deeper · The thief, and how many pictures a distance needs
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Chapter 07 warns of a thief whom none of its marks sees: it hands out training pictures. Here you catch it. Before that, you find out how much of a Fréchet distance is nothing but the number of pictures.
#
# ## Objectives
#
# After this notebook you can
#
# 1. **correct** a Fréchet distance for the number of pictures;
# 2. **detect** copies of training pictures, with held-out pictures as the baseline;
# 3. **read** a report of five marks.
#
# ## Setup
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no network, only data that comes with the course
JUDGED = 2000  # pictures on each side of every comparison, 200 or more
# %%
import torch

from vae_course import load, load_classifier, load_trio, seeded
from vae_course.evaluation import extrapolate, frechet_bias_curve, frechet_debiased, memorization
from vae_course.plots import image_grid, line_plot
from vae_course.teaching import Claims, check, check_parameters, complete, hint, predict, results_table, show
from vae_course.teaching import solution
from vae_course.widgets import retouch

parameters = check_parameters(globals(), OFFLINE=False, JUDGED=200)
claims = Claims("The_Thief", parameters)
DIGITS = "digits" if OFFLINE else "mnist"
train, held_out, test = (load(DIGITS, part) for part in ("train", "validation", "test"))
n = min(JUDGED, len(held_out), len(test))
real, fresh = (data.subset(n, seed=0).floats() for data in (held_out, test))
known = train.floats()[:10_000]  # training digits
judge, trio = load_classifier(DIGITS), load_trio()
made = {name: trio[name].sample(n, seeded(3)).clamp(0, 1) for name in ("vae", "gan")}
# %% [markdown]
# ## 1 From how many pictures?
#
# Fewer pictures, larger distance: the bias of a Fréchet distance is close to $c/n$ (Chong & Forsyth 2020). Then a straight line in $1/n$ through some measured distances says what infinitely many pictures would give.
#
# **Your turn (07.4).** Return the value at $n = \infty$ of the line in $1/n$ that fits best.


# %%
def at_infinity(sizes: list[int], distances: list[float]) -> float:
    """sizes: pictures on each side; distances: measured with them. Returns the distance without bias."""
    ...


# hint("07.4")  # remove the first # for a hint, again for the next one
at_infinity = complete("07.4", at_infinity)
solution("07.4")
# %%
guess = predict(
    f"Somebody measures the GAN with {n // 16} digits, and the VAE with {n:,}. Who wins?",
    ["the GAN, clearly", "nobody: equal within a fifth", "the VAE, clearly"],
)
features = {"written by people": fresh, "VAE": made["vae"], "GAN": made["gan"]}
features = {name: judge.features(pictures) for name, pictures in features.items()}
theirs, sizes = judge.features(real), [n // part for part in (16, 8, 4, 2, 1)]
curves = {name: frechet_bias_curve(f, theirs, sizes) for name, f in features.items()}
show(
    line_plot(
        {
            name: (sizes, [p.mean for p in c], [p.low for p in c], [p.high for p in c])
            for name, c in curves.items()
        },
        "digits on each side, n",
        "Fréchet distance (squared features)",
        log_x=True,
        x_ticks=sizes,
    ),
    alt="Fréchet distance to held-out digits against the number of digits, for written digits, a VAE and a GAN, with the range over five draws. All three fall as n grows; the written digits are lowest, the VAE highest everywhere.",
    title="The fewer the digits, the larger the distance, for written digits, too",
)
few, fair, many = curves["GAN"][0].mean, curves["GAN"][-1].mean, curves["VAE"][-1].mean
guess.compare(
    0 if few < 0.8 * many else 1 if few < 1.2 * many else 2,
    f"GAN {few:.0f}, VAE {many:.0f}; with {n:,} digits the GAN gets {fair:.0f}.",
)
rows, off = [], []
for name, curve in curves.items():
    line = at_infinity(sizes, [point.mean for point in curve])
    off.append(abs(line - extrapolate(curve)))
    jackknife = frechet_debiased(features[name], theirs)
    rows.append(
        {
            "digits": name,
            f"n = {n:,}": curve[-1].mean,
            "line in 1/n": line,
            "jackknife": f"{jackknife.value:.1f} ({jackknife.low:.1f} to {jackknife.high:.1f})",
        }
    )
results_table(rows, caption="Fréchet distance to held-out digits, measured and without its bias")
claims.add("same_line", max(off), below=1e-2, exact=True, text="Your line off the package's")
share = 1 - rows[0]["line in 1/n"] / rows[0][f"n = {n:,}"]
claims.add(
    "mostly_bias", share, above=0.3, unit="%", text="Written digits: share of the distance that is bias"
)
claims.note("few", few)
claims.note("fair", fair)
claims.note("many", many)
# %% [markdown]
# From a sixteenth of the digits the GAN gets {{few}}, from all of them {{fair}}; the VAE from all {{many}}. Compare at equal $n$, or without the bias. Of the distance between two sets of *written* digits, {{mostly_bias}} is bias by the line. By the **jackknife** (Quenouille 1956) even more is. It leaves out a twentieth of the pictures in turn: how much the distance grows tells the bias, how it scatters gives an interval.
#
# ## 2 Who copies?
#
# Look for the nearest training picture of each sample. But real pictures have near neighbors too, and a *blurred* picture is close to everything. So compare with held-out pictures, which nobody can have copied.
#
# **Your turn (07.5).** The chance that a random sample is closer to the training set than a random held-out point. Ties count one half.


# %%
def closer_than_fresh(samples: torch.Tensor, train: torch.Tensor, held_out: torch.Tensor) -> torch.Tensor:
    """samples: (n, d), train: (m, d), held_out: (k, d). Returns a number in [0, 1]."""
    ...


# hint("07.5")  # remove the first # for a hint, again for the next one
closer_than_fresh = complete("07.5", closer_than_fresh)
solution("07.5")
# %%
guess = predict(
    "Fresh written digits, blurred: the chance that one is closer to the training set than a held-out digit is ...",
    ["0.45 to 0.55: nobody copied them", "more", "less"],
)
loot = known[torch.randperm(len(known), generator=seeded(3))[:n]]
some = min(n, 1000)  # that are searched
suspects = {
    "written by people": fresh,
    "the same, blurred": retouch(fresh, -1.0),
    "VAE": made["vae"],
    "GAN": made["gan"],
    "thief, with grain": retouch(loot, 0.0, 0.05),
    "GAN, a tenth stolen": torch.cat([loot[: some // 10], made["gan"][some // 10 :]]),
    "thief, moved by a pixel": loot.roll(1, -1),
}
search = {name: memorization(x[:some], known, real[:some]) for name, x in suspects.items()}
results_table(
    [
        {"digits": name, "closer than held-out": found.closer, "copies": f"{found.copies:.1%}"}
        for name, found in search.items()
    ],
    caption="Chance to be closer to the training set than a held-out digit; and share that singles out one training digit (by construction, of held-out digits 1 %)",
)
mine = closer_than_fresh(*(x.flatten(1) for x in (made["vae"][:some], known, real[:some])))
off = abs(mine.item() - search["VAE"].closer)
blurred = search["the same, blurred"].closer
guess.compare(0 if 0.45 < blurred < 0.55 else int(blurred < 0.5) + 1, f"{blurred:.2f}.")
claims.add("same_chance", off, below=2e-3, exact=True, text="Your chance off the package's")
claims.add(
    "caught", search["thief, with grain"].copies, above=0.9, unit="%", text="Thief with grain: copies found"
)
claims.add(
    "tenth",
    search["GAN, a tenth stolen"].copies,
    between=(0.08, 0.15),
    unit="%",
    text="A tenth stolen: copies found",
)
claims.add("innocent", search["VAE"].copies, below=0.05, unit="%", text="VAE: copies found")
claims.note("blurred", blurred)
claims.note("overlooked", search["GAN, a tenth stolen"].closer)
claims.note("moved", search["thief, moved by a pixel"].copies, unit="%")
# %% [markdown]
# The plain distance suspects blurred pictures that nobody copied ({{blurred}}), and overlooks a GAN whose tenth is stolen ({{overlooked}}). What gives a copy away is that it is near **one** training picture and not to the next ones: the package divides the distance to the nearest by the mean distance to the next nineteen, and sets its threshold on held-out pictures. That finds {{caught}} of the
# grainy loot, {{tenth}} where a tenth is stolen, and {{innocent}} in the VAE's digits. It has a blind spot: moved by one pixel, {{moved}} of the loot is found. A search for copies is as good as the space it searches in.
#
# ## 3 Read a report
#
# **Your turn (07.2).** Four generators of garments, judged with 2,000 pictures each. Fresh pictures get: Fréchet distance 3, precision 0.75, recall 0.75, sharpness 1, copies 1 %.
#
# | | Fréchet | precision | recall | sharpness | copies |
# |---|---|---|---|---|---|
# | **A** | 3 | 0.80 | 0.78 | 1.0 | 97 % |
# | **B** | 95 | 0.80 | 0.30 | 0.1 | 1 % |
# | **C** | 95 | 0.25 | 0.55 | 12 | 1 % |
# | **D** | 180 | 0.80 | 0.05 | 1.0 | 1 % |
#
# Which is `"mean"` (a VAE that shows the decoder's mean), `"draw"` (the same with the decoder's pixel noise), `"thief"`, `"one class"` (a GAN that makes good pictures of one kind only)?
# %%
answer_07_2 = {"A": ..., "B": ..., "C": ..., "D": ...}

check("07.2", answer_07_2)
# hint("07.2")  # remove the first # for a hint, again for the next one
solution("07.2")
# %% [markdown]
# ## What you can say now
#
# - A Fréchet distance without its $n$ says little: a large part of a small one is bias.
# - A thief gets the best mark of all. Only a comparison with training pictures catches it, and only with held-out pictures beside it.
#
# ## References
#
# - M. H. Quenouille: *Notes on Bias in Estimation*, Biometrika 43, 1956. B. Efron, R. Tibshirani: *An Introduction to the Bootstrap*, 1993. Chapter 11.
# - M. J. Chong, D. Forsyth: *Effectively Unbiased FID and Inception Score and Where to Find Them*, CVPR 2020.
# - C. Meehan, K. Chaudhuri, S. Dasgupta: *A Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS 2020.
# - N. Carlini et al.: *Extracting Training Data from Diffusion Models*, USENIX Security 2023 (a relative distance).
#
# Back to [07 · Limitations of VAEs in realism](../07_Limitations_of_VAEs_in_Realism.ipynb)
# %%
claims.report()

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
# A VAE blurs; a GAN has no encoder. Below, the same noise is drawn three times. You take apart the step to the second row, and price that to the third.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no photographs; faces that the VAE-GAN invents take their place (for measures only)
N_FACES = 7594  # training photographs whose codes are read, 300 or more
STEPS = 400  # updates of the small VAE of section 2, 20 or more
GAME_STEPS = 250  # updates that follow, by each loss
FLOW_STEPS = 1500  # updates of each flow on codes
N_SEEDS = 2  # flows on each decoder's codes, 2 or more
# %% tags=["hide-input"]
import copy
import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

import vae_course as vc
from vae_course import GaussianPosterior, Runs, evaluation, models, plots, seeded, teaching, widgets
from vae_course.teaching import complete, hint, predict, show, solution
from vae_course.training import adversarial, vae_gan

least = dict(N_FACES=300, STEPS=20, GAME_STEPS=20, FLOW_STEPS=20, N_SEEDS=2)
parameters = teaching.check_parameters(globals(), OFFLINE=False, **least)
claims = teaching.Claims("11_Extending_VAEs_to_Improve_Realism", parameters)
# %% tags=["hide-input"]
face_models = {"VAE": vc.load_celeba("vae"), "VAE-GAN": vc.load_celeba("vae_gan")}
records = {"VAE": vc.celeba_record("vae"), "VAE-GAN": vc.celeba_record("vae_gan")}
K = face_models["VAE"].latent_dim


# Keep numbers for the text.
def note(unit="", **numbers):
    for name, number in numbers.items():
        claims.note(name, number, unit=unit)


# The pictures that one of the two decoders makes of codes (n, K).
@torch.no_grad()
def drawn(name, z):
    model = face_models[name]
    return torch.cat([model.likelihood.mean(model.decode(part)) for part in z.split(250)]).clamp(0, 1)


# Noise (n, K) → codes from the Gaussian that was fitted to the codes of the training faces.
def fitted(name, noise):
    return records[name]["mean"] + noise @ records[name]["factor"].T


noise = torch.randn(6, K, generator=seeded("first picture"))
rows = {"VAE, z from N(0, I)": drawn("VAE", noise)}
rows |= {f"{name}, fitted prior": drawn(name, fitted(name, noise)) for name in face_models}
show(
    plots.image_grid(torch.cat(list(rows.values())), 3, 6, row_titles=list(rows), cell=1.1),
    alt="Three rows of six invented faces in color, one column for each draw of noise. Top: harsh patches of color, through most of which a face can be guessed. Middle: blurred faces. Bottom: faces with hair, eyes and teeth, sharper, with a fine grain.",
    title="One noise: codes from a better place make it a face; the VAE-GAN adds detail and grain",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** the losses of a VAE-GAN and **test** which network each of them may touch;
# 2. **measure** what learned features and an adversary buy, and what a VAE-GAN costs in nats;
# 3. **repair** a trained VAE's samples without touching its weights, by a density on its codes;
# 4. **pass** a gradient through a choice of tokens, and **split** the nats of a two-layer VAE;
# 5. **say** which two steps latent diffusion takes over.
#
# You need the ELBO (02), chapter 06's game and chapter 05's feature loss. Numbers are those of the full run.
#
# ## 1 Which loss may touch which network?
#
# The **VAE-GAN** (Larsen et al. 2016) has three networks: encoder, decoder, and a discriminator, here called critic. Two things are new. First, picture and reconstruction are compared in what the critic's last hidden layer $\varphi$ makes of them:
#
# $$
# \mathcal L_{\text{feature}} = \tfrac12 \sum_j \frac{(\varphi_j(\tilde x) - \varphi_j(x))^2}{s_j}, \qquad \tilde x = \text{decoder}(z),\ z \sim q(z|x).
# $$
#
# In words: they should look alike to a trained judge of real and made-up. ($s_j$, the variance of $j$'s channel over real pictures: a feature counts in units of its own spread.) Second, reconstructions *and* samples play the fakes in chapter 06's game:
#
# $$
# \mathcal L_{\text{catch}} = -\log D(x) - \log(1 - D(\text{fake})), \qquad \mathcal L_{\text{fool}} = -\log D(\text{fake}).
# $$
#
# In words: the critic is paid for telling the two apart, the decoder for fakes that pass. **R1** (Mescheder et al. 2018) keeps the critic from growing too steep: it pays $\tfrac\gamma2$ times the squared slope of its score (the logit of $D$) at real pictures.
#
# Who may learn from what? The answer below is the paper's; section 3 departs from it.
#
# **Your turn (11.1).** For each loss write the networks that its gradient may reach: `"E"` encoder, `"G"` decoder, `"D"` critic, or several of them, such as `"EG"`. `pixel` is the loss of a plain VAE.
# %%
answer_11_1 = {"kl": ..., "feature": ..., "fool": ..., "catch": ..., "pixel": ...}

teaching.check("11.1", answer_11_1)
# hint("11.1")  # remove the first # for a hint, again for the next one
solution("11.1")
# %% [markdown]
# **Your turn (11.2).** The feature loss. `rebuilt` and `real` are $\varphi$ of the reconstruction and of the picture, `variance` is $s$. The gradient must not reach `real`: if the goal could move, it would come closer by itself.


# %%
def feature_nats(rebuilt: torch.Tensor, real: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """rebuilt, real: (batch, channels, height, width); variance: (channels,). Returns nats, (batch,)."""
    ...


# hint("11.2")  # remove the first # for a hint, again for the next one
feature_nats = complete("11.2", feature_nats)
solution("11.2")


# %% [markdown]
# Now all of it: the critic, its slope, and one batch of a VAE-GAN. Three cuts send each gradient where it belongs.
# %%
# Pictures (n, C, H, W) → scores (n,), the logit of "real"; `hidden` is what the last layer sees.
class Critic(nn.Module):
    def __init__(self, channels, side):
        super().__init__()
        layers = [[nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)] for a, b in pairwise(channels)]
        self.hidden = nn.Sequential(*[module for layer in layers for module in layer])
        self.head = nn.Linear(channels[-1] * (side >> len(layers)) ** 2, 1)

    def score(self, hidden):
        return self.head(hidden.flatten(1)).squeeze(-1)

    def forward(self, x):
        return self.score(self.hidden(x))


# R1: the mean over the batch of ‖∇ₓ D(x)‖², itself with a gradient.
def squared_slope(critic, x):
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


# %%
# The losses of a VAE-GAN for one batch, each attached to its own networks only.
def three_cuts(vae, critic, x, generator):
    q = vae.encode(x)
    z = q.sample(generator=generator)
    rebuilt = vae.likelihood.mean(vae.decode(z))
    z_game = torch.cat([z.detach(), torch.randn(z.shape, generator=generator)])  # cut 1: no game for codes
    fakes = vae.likelihood.mean(vae.decode(z_game))

    hidden = critic.hidden(x)
    score = critic(fakes.detach())  # cut 2: for the critic a picture is a fact
    catch = F.softplus(-critic.score(hidden)).mean() + F.softplus(score).mean()

    critic.requires_grad_(False)  # cut 3: for the others the critic is a fact
    unit = hidden.detach().var((0, 2, 3), correction=0)
    feature = feature_nats(critic.hidden(rebuilt), hidden.detach(), unit).mean()
    fool = F.softplus(-critic(fakes)).mean()
    critic.requires_grad_(True)
    return {"kl": q.kl().mean(), "feature": feature, "fool": fool, "catch": catch}


# %%
question = "Somebody forgets cut 1, z.detach(). Which network then learns something that it should not?"
guess = predict(question, ["the decoder", "the encoder", "the critic", "none: no loss changes its value"])
capitals, held_out = vc.load("letters", "train"), vc.load("letters", "validation")
x, WIDTHS = held_out.floats()[::4], (12, 24, 48)  # every fourth one, 260


# An untrained VAE of capitals and its critic.
def new_pair(seed):
    vc.seed_everything(seed)
    shape = dict(latent_dim=32, hidden_dims=WIDTHS, architecture="conv")
    return vc.VAE.for_data(capitals, **shape), Critic((1, *WIDTHS), 32)


# The share of a network's weights for which a loss has a gradient that is not 0 throughout.
def reached(loss, network):
    found = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True, allow_unused=True)
    return sum(g is not None and bool(g.any()) for g in found) / len(found)


vae, critic = new_pair(0)
losses, networks = three_cuts(vae, critic, x[:32], seeded(0)), dict(E=vae.encoder, G=vae.decoder, D=critic)
wanted = {"kl": "E", "feature": "EG", "fool": "G", "catch": "D"}
right = sum(reached(losses[a], networks[b]) == (b in wanted[a]) for a in wanted for b in networks)
careless = F.softplus(-critic(vae(x[:32], seeded(0))[0])).mean()  # a fool loss without cut 1
leak = reached(careless, vae.encoder)
guess.compare(1 if leak else 3, f"it reaches {leak:.0%} of the encoder's weights; no loss changes.")
claims.add("routing", right, near=(12, 0), exact=True, text="Routing: right cells of 4 losses × 3 networks")
# %%
package = models.VAEGAN.for_data(capitals, latent_dim=32, hidden_dims=WIDTHS)
package.load_state_dict(vae.state_dict(), strict=False)
pairs = zip(package.discriminator.state_dict(), critic.state_dict().values(), strict=True)
package.discriminator.load_state_dict(dict(pairs))
theirs = vae_gan.vae_gan_losses(package, x[:32], seeded(0), with_slope=True)
theirs = theirs.kl, theirs.feature, theirs.fool, theirs.catch_real + theirs.catch_fake, theirs.slope
ours = [*losses.values(), squared_slope(critic, x[:32])]
off = max(abs(a / b - 1).item() for a, b in zip(ours, theirs, strict=True))
claims.add("same_losses", off, below=1e-4, exact=True, text="Losses and R1 off the package's, relative")
# %% [markdown]
# All twelve cells (4 losses × 3 networks) are right, and the losses are the package's. Forget cut 1, and no value changes, only gradients: no error tells you. A test of the gradients does.
#
# With the cuts in place you add up $\mathcal L_{\text{KL}} + \lambda_f \mathcal L_{\text{feature}} + \lambda_a \mathcal L_{\text{fool}} + \mathcal L_{\text{catch}} + \tfrac\gamma2 \mathrm{R1}$ and let one optimizer loose. The weights $\lambda_f$, $\lambda_a$ and $\gamma$ below are choices.
#
# ## 2 What does each step buy?
#
# Watch it on capitals, nearly black or white, so that gray pixels are doubt. A VAE learns them by pixels. Then four copies go on, for 250 updates each: by **pixels**; by **features** (the critic learns, but only measures); with the **adversary** as well; and, as a control, by features of a **random** critic that never learns.


# %%
# Adam on loss(rows, draws, step), its rate rising, then falling to 0; what `watch` saw on the way.
def minimize(loss, parameters, steps, n, rate=1e-3, size=32, seed=0, watch=None):
    draws, curve = seeded(seed), []
    optimizer = torch.optim.Adam(parameters, rate, betas=(0.5, 0.99), fused=True)
    for step in range(steps + 1):
        if step % max(1, steps // 8) == 0:
            with torch.no_grad():
                curve.append((step, *watch()))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 30) * (1 - step / (steps + 1))
        value = loss(torch.randint(n, (size,), generator=draws), draws, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return curve


# %%
# What a stage is trained by; without `feature` it is a plain VAE. Gives the model and its curve.
def train_stage(vae, critic, feature=0, fool=0, learns=True, steps=GAME_STEPS, rate=1e-3):
    def loss(rows, draws, step):
        batch = capitals.batch(rows)
        if not feature:
            return vc.elbo_terms(vae, batch, draws).loss()
        found = three_cuts(vae, critic, batch, draws)
        total = found["kl"] + feature * found["feature"] + fool * found["fool"] + found["catch"]
        return total + (0.4 * squared_slope(critic, batch) if step % 4 == 0 else 0)  # γ = 0.2, every 4th step

    # Squared error of held-out reconstructions, and the share of gray pixels in them.
    def watch():
        rebuilt = vae.reconstruct(x)
        error = (rebuilt - x).square().sum((1, 2, 3)).mean().item()
        return error, ((rebuilt > 0.1) & (rebuilt < 0.9)).float().mean().item()

    both = [*vae.parameters(), *(critic.parameters() if learns else ())]
    return vae, minimize(loss, both, steps, len(capitals), rate, watch=watch)


question = (
    "Which reconstructions of held-out capitals end with fewer gray pixels than the capitals themselves?"
)
guess = predict(question, ["none", "those by features", "those with the adversary", "both"])
stages = {"start": train_stage(vae, critic, steps=STEPS, rate=2e-3)}
weights = dict(pixel={}, feature=dict(feature=0.5), adversary=dict(feature=0.5, fool=100))
weights["random"] = dict(feature=0.5, learns=False)
for name, weight in weights.items():
    stages[name] = train_stage(copy.deepcopy(vae), new_pair(1)[1], **weight)
# %% tags=["hide-input"]
real_gray = ((x > 0.1) & (x < 0.9)).float().mean().item()
lines = {
    name: ([step + STEPS * (name != "start") for step, *_ in curve], [100 * row[2] for row in curve])
    for name, (_, curve) in stages.items()
}
error, gray = ({name: curve[-1][which] for name, (_, curve) in stages.items()} for which in (1, 2))
figure = plots.line_plot(lines, "update", "gray pixels, %", legend_outside=True)
figure.axes[0].axhline(100 * real_gray, color="black")
figure.axes[0].text(0, 100 * real_gray - 2.5, "the capitals themselves")
figure.axes[0].set_ylim(0)
show(
    figure,
    alt="Share of gray pixels in held-out reconstructions against the update. It falls along the first line, by pixels; then four lines part: by pixels it falls on slowly; by features and with the adversary it drops, the two lines close together, to a black line, the capitals themselves; by a random critic's features it stays as high as it was.",
    title="Features of a critic that learns end the gray, those of a random one do not",
)
fewer = (gray["feature"] < real_gray) + 2 * (gray["adversary"] < real_gray)
guess.compare(fewer, f"the capitals have {real_gray:.1%}, features {gray['feature']:.1%}.")
each = lambda name: Runs(((stages[name][0].reconstruct(x) - 0.5).abs() < 0.4).float().mean((1, 2, 3)))  # noqa: E731
excess, text = gray["pixel"] - real_gray, "Share of the excess gray that features end"
gone = (each("pixel") - each("feature")) / excess
claims.add("gray_gone", gone, above=0.5, whole_interval=True, unit="%", text=text)
learned, text = each("random") - each("feature"), "Gray pixels, by a random critic's features minus learned"
claims.add("learned", learned, above=0, whole_interval=True, unit="%", text=text)
# %% tags=["hide-input"]
note("times", **{f"paid_{name}": error[name] / error["pixel"] for name in ("feature", "adversary")})
note("%", gray_real=real_gray, **{f"gray_{name}": share for name, share in gray.items()})
z, three = torch.randn(10, 32, generator=seeded("capitals")), list(stages)[1:4]
rows = {"held out": x[2:250:25]}
rows |= {f"{name}: rebuilt": stages[name][0].reconstruct(x[2:250:25]) for name in three}
with torch.no_grad():
    rows |= {f"{name}: sample": torch.sigmoid(stages[name][0].decode(z)) for name in three}
show(
    plots.image_grid(torch.cat(list(rows.values())), 7, 10, row_titles=list(rows)),
    alt="Seven rows of ten capitals: held-out ones, their reconstructions by three stages, and samples of the three from the same codes. By pixels they are gray and soft; by features, and with the adversary much the same, black and white, some strokes frayed, a C drawn as an O with a tail, a G as a C. In all three rows of samples few are a letter.",
    title="The critic turns doubt into decisions, some of them wrong: a C becomes an O",
)
# %% [markdown]
# By pixels {{gray_pixel}} of a reconstruction are gray, by features {{gray_feature}}, with the adversary {{gray_adversary}}; in the capitals {{gray_real}}. Features end all of the excess (one run). A critic that never learned ends none of it ({{gray_random}} gray): the judge must be trained. Below the capitals is too few: what the adversary adds, this number cannot value; and a wrong letter counts as well as a right one. The squared error is {{paid_feature}} that by pixels, with the adversary {{paid_adversary}}: a black pixel in a white place costs 1, a gray one a quarter.
#
# After so few updates the samples are hardly letters.
#
# ## 3 Faces: what does fine detail cost?
#
# The course ships both steps at 64 × 64 in color (`recipes/faces.py`): 40 passes of a VAE of CelebA whose Gaussian learns its σ, then 16 of the game. Much differs from section 2: the feature loss reads three layers of the critic; a little of the pixel loss stays; cut 1 is left out, so the encoder plays, too; the critic sees shifted and brightened pictures and their spread; checkerboards cost extra; the decoder is averaged over updates. One pair, one seed.
# %% tags=["hide-input"]
first, second = records["VAE"]["curve"][1:], records["VAE-GAN"]["curve"]
passes = [row["epoch"] for row in first], [first[-1]["epoch"] + row["epoch"] for row in second]
lines = {"VAE": (passes[0], [row["validation"] for row in first])}
lines["VAE-GAN"] = passes[1], [row["negative_elbo"] for row in second]
show(
    plots.line_plot(lines, "pass through the training faces", "−ELBO of a held-out face (nats; cheaper ↓)"),
    alt="−ELBO of held-out faces against the pass: the VAE's line falls steeply and is flat at the end; from there the VAE-GAN's line climbs for eight passes and stays.",
    title="The VAE earns nats, the game spends them",
)


# %% [markdown]
# To price both in the same coin, give each a Gaussian around its decoder's mean, with one σ of its own: the best on 900 training pictures. (The curve above has the VAE's σ for both.) With $D = 12{,}288$ numbers in a picture a reconstruction then costs
#
# $$
# -\log p(x|z) = \tfrac D2 \log(2\pi\sigma^2) + \frac{\lVert x - \tilde x\rVert^2}{2\sigma^2}.
# $$
#
# In words: at the best σ twice the squared error costs $\tfrac D2 \log 2$, 4,259 nats. To this comes the code: KL to a prior. Both are measured with $\mathcal N(0, I)$, then with a Gaussian fitted to their codes.
# %%
# Photographs as bytes (n, 3, 64, 64); without them, faces that the VAE-GAN invents.
def photographs(part, n):
    if not OFFLINE:
        return vc.load("celeba", part).images[:n]
    noise = torch.randn(min(n, 300), K, generator=seeded(f"invented {part}"))
    return (255 * drawn("VAE-GAN", fitted("VAE-GAN", noise))).byte()


# q(z|x) of all pictures.
@torch.no_grad()
def clouds(name, images):
    parts = [face_models[name].encode(part.float() / 255) for part in images.split(250)]
    return GaussianPosterior(torch.cat([q.mean for q in parts]), torch.cat([q.log_var for q in parts]))


# Squared error of each picture at a drawn code, (n,).
def squared(name, q, images):
    return (drawn(name, q.sample(generator=seeded(1))) - images / 255).square().sum((1, 2, 3))


# KL(q(z|x) ‖ N(mean, C)) in nats, (n,), with C = factor · factorᵀ.
def kl_to_gaussian(q, mean, factor):
    inverse, away = torch.cholesky_inverse(factor), q.mean - mean
    squares = ((away @ inverse) * away).sum(1) + (inverse.diagonal() * q.log_var.exp()).sum(1)
    return 0.5 * (squares - K - q.log_var.sum(1)) + factor.diagonal().log().sum()


# %%
question = "Pixels and code together: by how many nats a face is the VAE-GAN dearer than the VAE?"
guess = predict(question, ["it is cheaper", "below 100", "100 to 1,000", "above 1,000"])
faces, unseen, D = photographs("train", N_FACES), photographs("test", 900), 3 * 64 * 64
codes, test_codes, price = {}, {}, {}
for name in face_models:
    codes[name], test_codes[name] = clouds(name, faces), clouds(name, unseen)
    best = squared(name, clouds(name, faces[:900]), faces[:900]).mean().item() / D  # σ², of training faces
    error = squared(name, test_codes[name], unseen)
    pixels = D / 2 * math.log(2 * math.pi * best) + error / (2 * best)
    price[name] = {"pixels": pixels, "N(0, I)": test_codes[name].kl(), "error": error}
    mean, factor = records[name]["mean"], records[name]["factor"]
    price[name]["fitted"] = kl_to_gaussian(test_codes[name], mean, factor)
    price[name]["mean only"] = kl_to_gaussian(test_codes[name], mean, torch.eye(K))
    widths = factor.square().sum(1).sqrt().diag()  # the same Gaussian without its correlations
    price[name]["uncorrelated"] = kl_to_gaussian(test_codes[name], mean, widths)
price = {name: {key: Runs(nats) for key, nats in found.items()} for name, found in price.items()}
more = {key: price["VAE-GAN"][key] - price["VAE"][key] for key in price["VAE"]}
dearer = more["pixels"] + more["N(0, I)"]
fit, fit_gan = (found["N(0, I)"] - found["fitted"] for found in price.values())
# %% tags=["hide-input"]
guess.compare(sum(dearer.mean > nats for nats in (0, 100, 1000)), f"{dearer.mean:,.0f} nats.")
claims.add("dearer", dearer, above=0, whole_interval=True, unit="nats", text="A face: VAE-GAN minus VAE")
note("nats", fit_saves=fit, fit_saves_gan=fit_gan, dearer_pixels=more["pixels"])
note("times", error_ratio=price["VAE-GAN"]["error"].mean / price["VAE"]["error"].mean)
note("bits", dearer_bits=dearer.mean / D / math.log(2))
code_vae, code_gan = (found["N(0, I)"] for found in price.values())
by_mean = price["VAE"]["N(0, I)"] - price["VAE"]["mean only"]
correlated = price["VAE"]["uncorrelated"] - price["VAE"]["fitted"]
text = "VAE's nats: correlations minus mean"
claims.add("more_nats", correlated - by_mean, above=0, whole_interval=True, unit="nats", text=text)
note("nats", code_vae=code_vae, code_gan=code_gan, correlated=correlated, mean_saves=by_mean)


# %% [markdown]
# The VAE-GAN's code is cheaper ({{code_gan.value}} against {{code_vae.value}}), its pixels are dearer by {{dearer_pixels.value}}: {{error_ratio}} the squared error. Together it pays {{dearer}} more a face, {{dearer_bits}} a number. By this bound the model with more detail is the *worse* one. What it pays for, one pair cannot tell: loss, encoder and 16 passes changed together.
#
# ## 4 Where do the codes of real faces lie?
#
# The KL term asks codes to fill $\mathcal N(0, I)$. They don't (chapter 04). A **fitted prior** is a simple remedy: the Gaussian with the mean and covariance of the training codes. It saves {{fit_saves.value}} a face for the VAE and {{fit_saves_gan.value}} for the VAE-GAN, a small part of what a code costs.
#
# Which half turned patches into faces, the mean or the covariance? Of the VAE's saving {{mean_saves.value}} come from the mean (a shift by $m$ is worth $\tfrac12\lVert m\rVert^2$), {{correlated.value}} from the correlations ({{more_nats}} more), the rest from the widths. The next figure draws both.
#
# Codes need not be Gaussian. A **flow** (Liu et al. 2023; Lipman et al. 2023) can learn other densities: a network $v(u_t, t)$ learns to walk from noise $u_0$ to a code $u_1$ along straight lines $u_t = (1 - t)u_0 + t u_1$,
#
# $$
# \min_v\ \mathbb E\,\bigl\lVert v(u_t, t) - (u_1 - u_0)\bigr\rVert^2 .
# $$
#
# In words: at every place and time, guess the mean direction to the codes. To sample, start at noise and follow $v$ in small steps. The flow also says how dense codes are:
#
# $$
# \log p(u_1) = \log \mathcal N(u_0) - \int_0^1 \nabla \cdot v(u_t, t)\, dt .
# $$
#
# In words: a crowd that spreads gets thinner. Here $u = L^{-1}(z - m)$ is the code with the fitted Gaussian's mean $m$ and covariance $LL^\top$ taken out. A flow that does not move is the fitted Gaussian.
# %%
# v(u, t), (n, k), and its divergence ∑ ∂v_j/∂u_j, (n,), exact.
class Velocity(nn.Module):
    def __init__(self, k, w=192):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(k + 3, w), nn.Linear(w, w), nn.Linear(w, k)
        nn.init.zeros_(self.last.weight)

    def forward(self, u, t):
        time = torch.cat([t, torch.sin(math.pi * t), torch.cos(math.pi * t)], 1).expand(len(u), 3)
        one = torch.tanh(self.first(torch.cat([u, time], 1)))
        two = torch.tanh(self.second(one))
        # The trace of ∂v/∂u: the three weights in a circle, and between them the slopes 1 − tanh².
        chain = self.second.weight * (self.first.weight[:, : u.shape[1]] @ self.last.weight).T
        return self.last(two), ((1 - two**2) @ chain * (1 - one**2)).sum(1)


# Follow v from noise to codes, or back; where it ends, and the divergence summed on the way.
# A step goes halfway first, reads the velocity there, and takes that one for the whole step.
@torch.no_grad()
def walk(velocity, u, back=False, steps=24):
    total, step = torch.zeros(len(u)), (-1 if back else 1) / steps
    for i in range(steps):
        t = torch.full((1, 1), 1 - i / steps if back else i / steps)
        v, divergence = velocity(u + step / 2 * velocity(u, t)[0], t + step / 2)
        u, total = u + step * v, total + divergence / steps
    return u, total


# %%
# A flow on the codes of one model, and what the code of an unseen face cost while it learned.
def train_flow(name, seed):
    vc.seed_everything(seed)
    velocity, q, unseen_q = Velocity(K), codes[name], test_codes[name]
    mean, factor = records[name]["mean"], records[name]["factor"]
    in_gaussian = lambda z: torch.linalg.solve_triangular(factor, (z - mean).T, upper=False).T  # noqa: E731
    z = unseen_q.sample(generator=seeded(2))

    def loss(rows, draws, step):
        code = q.mean[rows] + q.std[rows] * torch.randn(len(rows), K, generator=draws)
        noise, t = torch.randn(code.shape, generator=draws), torch.rand(len(code), 1, generator=draws)
        goal = in_gaussian(code)
        return (velocity((1 - t) * noise + t * goal, t)[0] - (goal - noise)).square().sum(1).mean()

    def watch():
        u, total = walk(velocity, in_gaussian(z), back=True)
        log_p = vc.standard_normal_log_prob(u) - total - factor.diagonal().log().sum()
        return [(unseen_q.log_prob(z) - log_p).mean().item()]

    return velocity, minimize(loss, velocity.parameters(), FLOW_STEPS, len(q.mean), 2e-3, 256, seed, watch)


flows = {name: [train_flow(name, seed) for seed in range(N_SEEDS)] for name in face_models}
# %% tags=["hide-input"]
saved = {name: Runs(curve[0][1] - curve[-1][1] for _, curve in found) for name, found in flows.items()}
claims.add("flow_saves", saved["VAE"], above=0, unit="nats", text="VAE: fitted Gaussian minus flow")
late = {name: Runs(curve[-3][1] - curve[-1][1] for _, curve in found) for name, found in flows.items()}
note("nats", flow_saves_gan=saved["VAE-GAN"], flow_late=late["VAE"])
# %% tags=["hide-input"]
noise, frechet, fine = torch.randn(len(unseen), K, generator=seeded("four sources")), {}, {}
rows = {name: {} for name in face_models}
reader, some = vc.load_reader("celeba"), torch.randperm(len(faces), generator=seeded(4))[: len(unseen)]
judged = lambda made: evaluation.sample_quality(made, unseen / 255, reader).frechet  # noqa: E731
for name in face_models:
    mean, at = records[name]["mean"], fitted(name, noise)
    sources = {"N(0, I)": noise}
    if name == "VAE":  # half of the fitted Gaussian: its mean, or its covariance
        sources |= {"mean only": mean + noise, "covariance only": at - mean}
    sources |= {"fitted": at, "flow": fitted(name, walk(flows[name][0][0], noise)[0])}
    sources["faces' codes"] = codes[name].sample(generator=seeded(4))[some]
    for key, z in sources.items():
        made = drawn(name, z)
        frechet[name, key], fine[name, key] = judged(made), evaluation.relative_power(made, unseen / 255)
        if key != "flow":
            rows[name][f"{key}: {frechet[name, key]:.0f}"] = made[:6]
torn, whole = frechet["VAE-GAN", "N(0, I)"], frechet["VAE-GAN", "fitted"]
# %% tags=["hide-input"]
sheet = {
    n: plots.image_grid(torch.cat(list(r.values())), len(r), 6, row_titles=list(r), cell=1.0)
    for n, r in rows.items()
}
show(
    sheet["VAE"],
    alt="Five rows of six faces by the VAE, and beside each row a Fréchet distance. From N(0, I) harsh patches; with the fitted mean only, faces with spots; with the covariance only, harsh again; fitted and, last, with the codes of photographs, smooth blurred faces.",
    title="VAE: moved to the mean, patches fade; the covariance alone leaves them",
)
show(
    sheet["VAE-GAN"],
    alt="Three rows of six faces by the VAE-GAN, sharper, and beside each row a Fréchet distance: from N(0, I) torn, fitted and with the codes of photographs whole.",
    title=f"VAE-GAN: the Fréchet distance prefers torn faces ({torn:.0f}) to whole ones ({whole:.0f})",
)
falls = frechet["VAE", "covariance only"] / frechet["VAE", "mean only"]
claims.add("mean_frechet", falls, above=1, unit="times", text="VAE: Fréchet distance, covariance over mean")
note("%", fine_vae=fine["VAE", "fitted"], fine_gan=fine["VAE-GAN", "fitted"])
note("%", fine_torn=fine["VAE-GAN", "N(0, I)"])
note(photographs=judged(faces[some] / 255))
for row, distance in frechet.items():  # vae_ni, vae_meanonly, …, vaegan_facescodes
    claims.note("_".join("".join(filter(str.isalpha, part)) for part in row).lower(), distance)
# %% [markdown]
# No weight changes between a decoder's rows. In the VAE's the mean does more for your eye, though it saves fewer nats.
#
# The numbers are Fréchet distances to unseen photographs (chapter 07; training photographs: {{photographs}}) in features of a reader of 40 attributes. This judge prefers torn VAE-GAN faces ({{vaegan_ni}}) to whole ones ({{vaegan_fitted}}), against nats and eye. So read what it says of the VAE only beside your eye: {{vae_ni}} from $\mathcal N(0, I)$, {{vae_meanonly}} with the mean, {{vae_covarianceonly}} with the covariance, {{vae_fitted}} with both. Two suspects, untested: the critic judged draws from $\mathcal N(0, I)$, never fitted ones; and the torn faces have {{fine_torn}} of the photographs' power in fine detail, grain included, the whole ones {{fine_gan}} (the VAE's {{fine_vae}}).
#
# The flow saves {{flow_saves}} more on the VAE's codes (two trainings; {{flow_late.value}} in the last quarter of updates: not flat); the Fréchet distance cannot tell ({{vae_fitted}}, {{vae_flow}}). On the VAE-GAN's codes the nats cannot, either ({{flow_saves_gan}}).
#
# **Latent diffusion** (Rombach et al. 2022) takes over two steps: section 1's loss for its first stage, with features of classifiers (**LPIPS**, Zhang et al. 2018), and then a density on codes. In the place of our flow stands a far larger model, of a *map* of codes; Stable Diffusion 3 trains it by the regression above (Esser et al. 2024).
#
# ## 5 Or should the prior learn with the code?
#
# **Tokens.** A VQ-VAE (van den Oord et al. 2017) writes a picture as a small map of symbols. At every place the encoder's vector is replaced by the nearest of $k$ vectors, the tokens; the decoder sees tokens only. A choice has no slope, so the gradient jumps over it, as if nothing had been replaced. Each token moves toward the vectors that chose it, by a loss of its own. Their prior is learned afterwards, as in section 4.
#
# **Two layers** (Rezende et al. 2014; Sønderby et al. 2016) answer yes: a network of an upper code $z_2$ gives the prior of $z_1$, the decoder sees $z_1$, and all learn together by
#
# $$
# \mathrm{KL} = \mathrm{KL}\bigl(q(z_2|x)\,\|\,\mathcal N(0, I)\bigr) + \mathbb E_{q(z_2|x)}\,\mathrm{KL}\bigl(q(z_1|x)\,\|\,p(z_1|z_2)\bigr).
# $$
#
# In words: what the upper code costs, and what the lower one costs once you know it.
#
# **Your turn (11.4).** Replace each vector by its token, and let the gradient jump. (Here a token is called a letter, all tokens the codebook.)


# %%
def straight_through(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """vectors: (batch, places, dim); codebook: (n_codes, dim). Returns the nearest letters, (batch, places, dim);
    the gradient of the result goes to vectors unchanged, and none goes to codebook."""
    ...


# hint("11.4")  # remove the first # for a hint, again for the next one
straight_through = complete("11.4", straight_through)
solution("11.4")
# %%
vq, two = vc.load_arena("vq_vae"), vc.load_arena("hierarchical").model
book = vq.model.codebook
vectors = torch.randn(20, 49, book.letters.shape[1], generator=seeded("vectors")) * book.letters.std()
differs = straight_through(vectors, book.letters) - book.lookup(book.nearest(vectors))
claims.add("same_tokens", differs.abs().max(), below=1e-4, exact=True, text="Your tokens off the package's")
# Two layers, on test garments: the KL of z₂; the rest of all nats of code is KL of z₁ to its prior given z₂.
garments = vc.load_arena("vae_bernoulli").sample(200, seeded(0))  # offline any pictures will do
garments = garments if OFFLINE else vc.load("fashion_mnist", "test").floats()[:1000]
with torch.no_grad():
    upper = GaussianPosterior.from_network(two.top_encoder(two.run_encoder(garments))).kl()
    code = vc.elbo_terms(two, garments, seeded(1)).kl
note("nats", rate_top=Runs(upper), rate_lower=Runs(code - upper))
table = {row["name"]: row["measures"] for row in vc.arena_results()["rows"]}
for id, name in {"vq": "vq_vae", "vae": "vae_bernoulli", "two": "hierarchical"}.items():
    for measure in ("negative_elbo", "frechet", "precision", "cpu_seconds"):
        claims.note(f"{id}_{measure}", table[name][measure]["mean"])
# %% tags=["hide-input"]
draws = seeded("layers")
noise = torch.randint(book.n_codes, (10, vq.model.side, vq.model.side), generator=draws)
top = torch.randn(2, 1, two.top_dim, generator=draws).expand(2, 10, -1)
z = torch.cat([top, torch.randn(2, 10, two.lower_dim, generator=draws)], -1).flatten(0, 1)
with torch.no_grad():
    rows = [vq.model.likelihood.mean(vq.model.decode_codes(noise)), vq.sample(10, draws)]
    rows += two.likelihood.mean(two.decode(z)).split(10)
    several = torch.randn(30, 1, two.top_dim, generator=draws).expand(30, 30, -1)
    z = torch.cat([several, torch.randn(30, 30, two.lower_dim, generator=draws)], -1).flatten(0, 1)
    bright = two.likelihood.mean(two.decode(z)).view(30, 30, -1).mean(2)
share = (bright.mean(1).var() / bright.var()).item()  # of the variance of brightness, by z₂
note("%", set_by_top=share)
show(
    plots.image_grid(torch.cat(rows[:2]), 2, 10, row_titles=["tokens at random", "tokens, prior"]),
    alt="Two rows of ten gray garments by one decoder. Tokens drawn at random: patches of texture without a common shape. Tokens from the learned prior: most form one garment.",
    title="Tokens: the prior knows which go together",
)
show(
    plots.image_grid(torch.cat(rows[2:]), 2, 10, row_titles=["one z₂", "another z₂"]),
    alt="Two rows of ten gray garments that share an upper code each: the first dim, the second brighter, and in each several kinds of garment, some hardly one.",
    title="Two layers: z₂ sets how bright, not which garment",
)


# %% [markdown]
# The upper two rows have one decoder. The lower two share $z_2$ within a row: it sets {{set_by_top}} of the variance of brightness. On test garments {{rate_top.value}} of this model's code are in $z_2$ and {{rate_lower.value}} in $z_1$.
#
# Which road is better? [The arena](../docs/arena.md) compares eight models of garments under one small budget: 20,000 pictures, seen four times, far from flat, three seeds. There the VQ-VAE has the lowest Fréchet distance ({{vq_frechet}}; two layers {{two_frechet}}, a VAE {{vae_frechet}}), and of these three the *worst* bound: {{vq_negative_elbo}} nats, two layers {{two_negative_elbo}}, the VAE {{vae_negative_elbo}}. Precision prefers two layers ({{two_precision}} against {{vq_precision}}), but rewards their blur. No fair race: with its prior the VQ-VAE took {{vq_cpu_seconds}} s, two layers {{two_cpu_seconds}} s.
#
# ## Play
#
# Walk one draw of noise from $\mathcal N(0, I)$ (0) to the fitted prior (1), and beyond. What changes first? What lies beyond 1?
# %%
def walked(ways, number, cell=1.1):
    noise, titles = torch.randn(1, K, generator=seeded(number)), [f"{way:g}" for way in ways]
    rows = [drawn(n, (1 - w) * noise + w * fitted(n, noise)) for n in face_models for w in ways]
    names = dict(row_titles=list(face_models), column_titles=titles, cell=cell)
    return plots.image_grid(torch.cat(rows), 2, len(ways), **names)


place = widgets.slider("way from N(0, I) to the fitted prior", 0.0, 1.5, 0.5, step=0.05)
explorer = widgets.explorer(
    lambda way, number: walked([way], number, cell=2.2),
    {"way": place, "number": widgets.slider("draw", 0, 50, 1)},
    lambda: walked([0, 0.25, 0.5, 0.75, 1, 1.5], 1),
    alt="Two rows of six pictures, VAE above VAE-GAN: one draw of noise on the way from N(0, I), at 0, to the fitted prior, at 1, and beyond it. On the way the patches fade and the face grows smoother; at 1.5 it is still a face.",
)
# %% [markdown]
# ## Break it
#
# The face model was trained without cut 1. Does the cut matter? Let `z_game` begin with `z` instead of `z.detach()`, and train the adversary stage of section 2 again. **Before** you run it write down what happens to the encoder's KL, to the squared error, and to the gray pixels, and which of them you would have noticed in a log.
#
# A good answer predicts all three with a reason; runs both for two seeds in one figure; says whether cut and no cut differ more than seeds do; and if not, proposes weights under which they must. (For more: [choose and defend a model](assignments/README.md).)
#
# ## What you can say now
#
# - A VAE-GAN is a VAE whose pictures a critic compares and judges; cuts decide who learns from what. Ours has twice the fine detail, grain included, and is dearer by {{dearer.value}} a face.
# - Our VAE's bad faces come from codes in the wrong place: moving the noise to the codes' mean mends most of what you see, and saves only {{mean_saves.value}}. Latent diffusion puts a far larger model in that place.
# - Of three models of garments the one with the worst bound has the best Fréchet distance; and that distance preferred torn faces to whole ones. Say which you mean.
#
# **Dig deeper**: [Codes in tokens, and in layers](deeper/Codes_in_Tokens.ipynb): a VQ-VAE with its prior and a two-layer VAE as classes, trained on capitals (exercises 11.5, 11.6).
#
# ## References
#
# - A. B. L. Larsen, S. K. Sønderby, H. Larochelle, O. Winther: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016.
# - L. Mescheder, A. Geiger, S. Nowozin: *Which Training Methods for GANs do actually Converge?*, ICML 2018 (R1).
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu: *Neural Discrete Representation Learning*, NIPS 2017.
# - D. J. Rezende, S. Mohamed, D. Wierstra: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014. C. K. Sønderby et al.: *Ladder Variational Autoencoders*, NIPS 2016.
# - B. Dai, D. Wipf: *Diagnosing and Enhancing VAE Models*, ICLR 2019; P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020 (densities fitted to codes).
# - X. Liu, C. Gong, Q. Liu: *Flow Straight and Fast*, ICLR 2023. Y. Lipman et al.: *Flow Matching for Generative Modeling*, ICLR 2023.
# - R. Zhang et al.: *The Unreasonable Effectiveness of Deep Features as a Perceptual Metric*, CVPR 2018 (LPIPS). R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022. P. Esser et al.: *Scaling Rectified Flow Transformers for High-Resolution Image Synthesis*, ICML 2024.
#
# This is the last chapter. Back to [the map of the course](01_Introduction_to_VAE_Fundamentals.ipynb).
# %% tags=["hide-input"]
claims.report()

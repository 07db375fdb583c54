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
# A VAE blurs; a GAN has no encoder. Below, six draws of noise become faces in three ways. From the first row to the second only the codes change, not the decoder (section 4). For the third a GAN's game joined the training (sections 1 to 3).
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # True: no photographs; faces that the VAE-GAN invents take their place (for measures only)
N_FACES = 7594  # training photographs whose codes are read, 300 or more
STEPS = 400  # updates of the small VAE of section 2, 20 or more
GAME_STEPS = 250  # updates that follow, by each loss
N_SEEDS = 3  # critics, and trainings by each loss, 2 or more
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

least = dict(N_FACES=300, STEPS=20, GAME_STEPS=20, N_SEEDS=2)
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
    title="One noise: better codes make it a face; the VAE-GAN adds detail and grain",
)
# %% [markdown]
# ## Objectives
#
# After this chapter you can
#
# 1. **write** the losses of a VAE-GAN and **test** which network each of them reaches;
# 2. **measure** what learned features buy, and what a VAE-GAN costs in nats;
# 3. **repair** a trained VAE's samples, without touching its weights, by a density fitted to its codes;
# 4. **pass** a gradient through a choice of tokens, and **split** the nats of a two-layer VAE;
# 5. **say** which two steps latent diffusion takes over.
#
# You need the ELBO (chapter 02), a feature loss (05) and the game (06). Numbers are those of the full run.
#
# ## 1 Which loss may touch which network?
#
# The **VAE-GAN** (Larsen et al. 2016) has three networks: the encoder and decoder of a VAE, and the discriminator $D$ of a GAN, called the **critic** here. Two things are new.
#
# First, a reconstruction $\tilde x$ is not compared with $x$ pixel by pixel. The critic looks at both, and what its last hidden layer $\varphi$ makes of them is compared:
#
# $$
# \mathcal L_{\text{feature}} = \tfrac12 \sum_j \frac{(\varphi_j(\tilde x) - \varphi_j(x))^2}{s_j}, \qquad \tilde x = \text{decoder}(z),\ z \sim q(z|x).
# $$
#
# In words: to a trained judge the two should look alike. Here $s_j$ is the variance of feature $j$'s channel over real pictures, so that each feature counts in units of its own spread.
#
# Second, chapter 06's game is played. Its fakes are reconstructions *and* samples:
#
# $$
# \mathcal L_{\text{catch}} = -\log D(x) - \log(1 - D(\text{fake})), \qquad \mathcal L_{\text{fool}} = -\log D(\text{fake}).
# $$
#
# In words: the critic is paid for telling real from fake, the decoder for fakes that pass. **R1** (Mescheder et al. 2018) keeps the critic from growing too steep: it charges $\tfrac\gamma2$ times the squared slope of its score (the logit of $D$) at real pictures.
#
# **Your turn (11.1).** For each loss write the networks that its gradient may reach: `"E"` encoder, `"G"` decoder, `"D"` critic, or several of them, such as `"EG"`. `pixel` is the reconstruction loss of a plain VAE.
# %%
answer_11_1 = {"kl": ..., "feature": ..., "fool": ..., "catch": ..., "pixel": ...}

teaching.check("11.1", answer_11_1)
# hint("11.1")  # remove the first # for a hint, again for the next one
solution("11.1")
# %% [markdown]
# **Your turn (11.2).** Write the feature loss. `rebuilt` and `real` are $\varphi$ of the reconstruction and of the picture, `variance` is $s$. No gradient may reach `real`: a goal that can learn would come to meet the reconstruction.


# %%
def feature_nats(rebuilt: torch.Tensor, real: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """rebuilt, real: (batch, channels, height, width); variance: (channels,). Returns nats, (batch,)."""
    ...


# hint("11.2")  # remove the first # for a hint, again for the next one
feature_nats = complete("11.2", feature_nats)
solution("11.2")


# %% [markdown]
# **Your turn (11.3).** Write the game: `catch`, then `fool`. The fakes are the decoded codes of `x` and of `z_prior`, together. Three cuts send each gradient where it belongs: catch may reach $D$ only, fool $G$ only. ($-\log D$ of a score $s$ is `F.softplus(-s)`, $-\log(1 - D)$ is `F.softplus(s)`.)


# %%
def game_losses(encoder, decoder, discriminator, x: torch.Tensor, z_prior: torch.Tensor):
    """encoder(x): codes; decoder(z): pictures; discriminator(pictures): scores. Returns catch and fool."""
    ...


# hint("11.3")  # remove the first # for a hint, again for the next one
game_losses = complete("11.3", game_losses)
solution("11.3")


# %% [markdown]
# Now the whole: the critic, the slope that R1 needs, and the losses of one batch.
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
def all_losses(vae, critic, x, generator):
    def paint(codes):
        return vae.likelihood.mean(vae.decode(codes))

    q = vae.encode(x)
    z = q.sample(generator=generator)
    z_prior = torch.randn(z.shape, generator=generator)
    catch, fool = game_losses(lambda pictures: z, paint, critic, x, z_prior)  # the codes drawn above

    critic.requires_grad_(False)  # the critic is a measure here, and does not learn from it
    real = critic.hidden(x)
    feature = feature_nats(critic.hidden(paint(z)), real, real.var((0, 2, 3), correction=0)).mean()
    critic.requires_grad_(True)
    return {"kl": q.kl().mean(), "feature": feature, "fool": fool, "catch": catch}


# %%
question = "Somebody forgets the cut at the codes. Which network then learns something that it should not?"
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
losses, networks = all_losses(vae, critic, x[:32], seeded(0)), dict(E=vae.encoder, G=vae.decoder, D=critic)
wanted = {"kl": "E", "feature": "EG", "fool": "G", "catch": "D"}
# A loss should reach all weights of a network, share 1, or none, share 0.
right = sum(reached(losses[a], networks[b]) == (b in wanted[a]) for a in wanted for b in networks)
careless = F.softplus(-critic(vae(x[:32], seeded(0))[0])).mean()  # fool without that cut
leak = reached(careless, vae.encoder)
guess.compare(1 if leak else 3, f"it reaches {leak:.0%} of the encoder's weights; no loss changes.")
claims.add("routing", right, near=(12, 0), exact=True, text="Routing: right cells of 4 losses × 3 networks")
# %% tags=["hide-input"]
# The package has the same losses: give its networks our weights, and compare.
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
# All twelve pairs of loss and network are right, and the losses equal the package's. Forgetting a cut changed no loss's value, so no log would tell you. A test of gradients does.
#
# For training, add up $\mathcal L_{\text{KL}} + \lambda_f \mathcal L_{\text{feature}} + \lambda_a \mathcal L_{\text{fool}} + \mathcal L_{\text{catch}} + \tfrac\gamma2 \mathrm{R1}$ and give the sum to one optimizer: the cuts keep each loss to its networks. The weights $\lambda_f$, $\lambda_a$ and $\gamma$ are choices.
#
# ## 2 What does each step buy?
#
# Capitals are nearly black and white, so a gray pixel (0.1 to 0.9) in a reconstruction is doubt. A VAE first learns capitals by pixels. Then copies of it go on for 250 updates:
#
# - **VAE**: by pixels, as before;
# - **feature** (three copies, a new critic each): by the feature loss; the critic learns, but fooling it pays nothing;
# - **VAE-GAN**: the same, and fooling it pays;
# - **random** (three), the control: as *feature*, but the critic never learns. **Random, × 10**: once more, and the feature loss weighs ten times as much.
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
# The share of gray pixels in each picture, (n,).
def gray_share(pictures):
    return ((pictures > 0.1) & (pictures < 0.9)).float().mean((1, 2, 3))


# Train a VAE, without `feature` by pixels, and say how its held-out reconstructions changed.
def train_stage(vae, critic, feature=0, fool=0, learns=True, steps=GAME_STEPS, rate=1e-3, seed=0):
    def loss(rows, draws, step):
        batch = capitals.batch(rows)
        if not feature:
            return vc.elbo_terms(vae, batch, draws).loss()
        found = all_losses(vae, critic, batch, draws)
        total = found["kl"] + feature * found["feature"] + fool * found["fool"] + found["catch"]
        return total + (0.4 * squared_slope(critic, batch) if step % 4 == 0 else 0)  # γ = 0.2, every 4th step

    def watch():
        rebuilt = vae.reconstruct(x)
        return (rebuilt - x).square().sum((1, 2, 3)).mean().item(), gray_share(rebuilt).mean().item()

    both = [*vae.parameters(), *(critic.parameters() if learns else ())]
    return minimize(loss, both, steps, len(capitals), rate, seed=seed, watch=watch)


# %%
question = "Rebuilt by pixels, capitals are too gray. Which copies end at least half of that excess?"
guess = predict(question, ["none", "feature", "VAE-GAN", "both of these"])
start = train_stage(vae, critic, steps=STEPS, rate=2e-3)
KINDS = {"VAE": {}, "feature": dict(feature=0.5), "VAE-GAN": dict(feature=0.5, fool=100)}
KINDS |= {"random": dict(feature=0.5, learns=False), "random, × 10": dict(feature=5, learns=False)}
REPEATS = {"feature": N_SEEDS, "random": N_SEEDS}  # of the others one copy
stages, curves = {}, {}
for name, weights in KINDS.items():
    for seed in range(REPEATS.get(name, 1)):
        stages[name, seed] = copy.deepcopy(vae)
        curves[name, seed] = train_stage(stages[name, seed], new_pair(1 + seed)[1], **weights, seed=seed)
# %% tags=["hide-input"]
lines, gray, real_gray = {}, {}, gray_share(x).mean().item()
for name in KINDS:
    curve = (start if name == "VAE" else []) + [(STEPS + step, *seen) for step, *seen in curves[name, 0]]
    lines[name] = [step for step, *_ in curve], [100 * share for *_, share in curve]
    rebuilt = [stages[name, seed].reconstruct(x) for seed in range(REPEATS.get(name, 1))]
    gray[name] = Runs(gray_share(pictures).mean() for pictures in rebuilt)
del lines["random, × 10"]  # in the text only
figure = plots.line_plot(lines, "update", "gray pixels, %", legend_outside=True)
figure.axes[0].axhline(100 * real_gray, color="black")
figure.axes[0].text(0, 100 * real_gray - 2.5, "the capitals themselves")
figure.axes[0].set_ylim(0)
show(
    figure,
    alt="Share of gray pixels in held-out reconstructions against the update. It falls along the first line, the VAE's; from update 400 four lines part: the VAE's falls on slowly; by features and as a VAE-GAN it drops, the two lines close together, to a black line, the capitals themselves, and a little below; by a random critic's features it stays about as high as it was.",
    title="Features of a critic that learns end the excess of gray, those of a random one do not",
)
by_pixels = gray["VAE"].mean
ends = [gray[name].mean < (by_pixels + real_gray) / 2 for name in ("feature", "VAE-GAN")]
text = f"capitals {real_gray:.1%}, by pixels {by_pixels:.1%}, feature {gray['feature'].mean:.1%}"
guess.compare(ends[0] + 2 * ends[1], f"{text}, VAE-GAN {gray['VAE-GAN'].mean:.1%}.")
# %% tags=["hide-input"]
gone = (by_pixels - gray["feature"]) / (by_pixels - real_gray)
text = "Share of the gray in excess of the capitals' that features end"
claims.add("gray_gone", gone, above=0.5, whole_interval=True, unit="%", text=text)
learned, text = gray["random"] - gray["feature"], "Gray pixels, by a random critic's features minus learned"
claims.add("learned", learned, above=0, whole_interval=True, unit="%", text=text)
paid = Runs(curves["feature", seed][-1][1] / curves["VAE", 0][-1][1] for seed in range(N_SEEDS))
note("times", paid_feature=paid)  # squared error
note("%", gray_real=real_gray, gray_vae=by_pixels, gray_feature=gray["feature"])
strong = (by_pixels - gray["random, × 10"].mean) / (by_pixels - real_gray)
note("%", gray_gan=gray["VAE-GAN"].mean, gray_random=gray["random"], strong_ends=strong)
names, ten = ("VAE", "feature", "VAE-GAN"), x[2:250:25]
rebuilt = [stages[name, 0].reconstruct(ten) for name in names]
show(
    plots.image_grid(torch.cat([ten, *rebuilt]), 4, 10, row_titles=["held out", *names]),
    alt="Four rows of ten capitals: held-out ones, and their reconstructions by three copies. By the VAE they are gray and soft, and a gray veil closes the gap of a C; by features, and by the VAE-GAN much the same, black and white, some strokes frayed: the C is a closed ring, and it and an O have grown a tail.",
    title="The critic turns doubt into decisions: a C's gray gap closes, an O grows a tail",
)
# %% [markdown]
# Of the capitals' pixels {{gray_real}} are gray; rebuilt by the VAE {{gray_vae}}, by features {{gray_feature}}, by the VAE-GAN {{gray_gan}} (brackets: three critics). Features end {{gray_gone}} of the VAE's excess over the capitals: about all of it, so they and the capitals tie. A random critic's features end none: they leave {{gray_random}}, more than the VAE. At ten times the weight they end {{strong_ends}} (one run). So here most of it is bought by a judge that learns.
#
# But crisp is not right. By the VAE the gap of the C is gray; by features it is closed, and the count of gray pixels cannot tell. And by features the squared error is {{paid_feature.value}} the VAE's. In squared error doubt is cheap: a black pixel in a white place costs 1, a gray one a quarter.
#
# ## 3 Faces: what does fine detail cost?
#
# The course ships such a pair for faces, 64 × 64 in color (`recipes/faces.py`): a VAE of CelebA whose Gaussian learns its σ, and a VAE-GAN that goes on from it. The recipe adds to section 1 features of three layers, a little of the pixel loss and help against artifacts. It leaves out the cut at the codes, so the encoder plays, too. It trains for 16 passes more. So we compare two recipes, not one loss: one pair, one seed.
# %% tags=["hide-input"]
first, second = records["VAE"]["curve"][1:], records["VAE-GAN"]["curve"]
passes = [row["epoch"] for row in first], [first[-1]["epoch"] + row["epoch"] for row in second]
lines = {"VAE": (passes[0], [row["validation"] for row in first])}
lines["VAE-GAN"] = passes[1], [row["negative_elbo"] for row in second]
show(
    plots.line_plot(lines, "pass through the training faces", "−ELBO of a held-out face (nats; cheaper ↓)"),
    alt="−ELBO of held-out faces against the pass: the VAE's line falls steeply, then ever more slowly, and is nearly flat at the end; from there the VAE-GAN's line climbs for eight passes and then stays about there.",
    title="The VAE earns nats, the VAE-GAN's recipe spends some of them",
)


# %% [markdown]
# (Below 0: a density may exceed 1.)
#
# This figure is unfair to the VAE-GAN: both are judged with the VAE's σ. To compare them in nats, give each a Gaussian around its decoder's mean, with one σ of its own: the best on 900 training pictures. With $D = 12{,}288$ numbers in a picture a reconstruction then costs
#
# $$
# -\log p(x|z) = \tfrac D2 \log(2\pi\sigma^2) + \frac{\lVert x - \tilde x\rVert^2}{2\sigma^2}.
# $$
#
# In words: at the best σ, twice the squared error costs $\tfrac D2 \log 2$, that is 4,259 nats more. The code costs its KL to $\mathcal N(0, I)$ on top.
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


# %%
question = "Pixels and code together: by how many nats a face is the VAE-GAN dearer than the VAE?"
guess = predict(question, ["it is cheaper", "below 100", "100 to 1,000", "above 1,000"])
faces, unseen, D = photographs("train", N_FACES), photographs("test", 900), 3 * 64 * 64
codes, test_codes, pixels, code, error = {}, {}, {}, {}, {}
for name in face_models:
    codes[name], test_codes[name] = clouds(name, faces), clouds(name, unseen)
    best = squared(name, clouds(name, faces[:900]), faces[:900]).mean().item() / D  # σ², of training faces
    errors = squared(name, test_codes[name], unseen)
    pixels[name] = Runs(D / 2 * math.log(2 * math.pi * best) + errors / (2 * best))
    code[name], error[name] = Runs(test_codes[name].kl()), errors.mean().item()
dearer_pixels = pixels["VAE-GAN"] - pixels["VAE"]
dearer = dearer_pixels + (code["VAE-GAN"] - code["VAE"])
guess.compare(sum(dearer.mean > nats for nats in (0, 100, 1000)), f"{dearer.mean:,.0f} nats.")
# %% tags=["hide-input"]
claims.add("dearer", dearer, above=0, whole_interval=True, unit="nats", text="A face: VAE-GAN minus VAE")
note("nats", dearer_pixels=dearer_pixels, code_vae=code["VAE"], code_gan=code["VAE-GAN"])
note("times", error_ratio=error["VAE-GAN"] / error["VAE"])
note("bits", dearer_bits=dearer.mean / D / math.log(2))


# %% [markdown]
# The VAE-GAN's code is cheaper: {{code_gan.value}} against {{code_vae.value}}. Its pixels are dearer by {{dearer_pixels.value}}, for its squared error is {{error_ratio}} the VAE's. Together a face costs {{dearer}} more, {{dearer_bits}} a number. By the bound, the model with more detail is the *worse* one.
#
# ## 4 Where do the codes of real faces lie?
#
# The KL term asks codes to fill $\mathcal N(0, I)$. They don't (chapter 04): a draw from it can lie where no face's code lies, and there the decoder learned nothing. A **fitted prior** is a remedy: draw codes from the Gaussian with the mean $m$ and covariance of the training codes.
#
# Was it the mean or the covariance that turned patches into faces? Two judges speak: nats, and the Fréchet distance to unseen photographs (chapter 07), in features of a network that reads 40 attributes of a face.
# %%
question = "Fréchet distance: which half of the fitted Gaussian brings the VAE's faces nearer to photographs?"
guess = predict(question, ["its mean", "its covariance"])


# KL(q(z|x) ‖ N(mean, C)) in nats, (n,), with C = factor · factorᵀ.
def kl_to_gaussian(q, mean, factor):
    inverse, away = torch.cholesky_inverse(factor), q.mean - mean
    squares = ((away @ inverse) * away).sum(1) + (inverse.diagonal() * q.log_var.exp()).sum(1)
    return 0.5 * (squares - K - q.log_var.sum(1)) + factor.diagonal().log().sum()


saves = {}  # by other Gaussians than N(0, I), nats a face
for name in face_models:
    q, mean, factor = test_codes[name], records[name]["mean"], records[name]["factor"]
    widths = factor.square().sum(1).sqrt().diag()  # the fitted Gaussian without its correlations
    for key, scale in {"mean only": torch.eye(K), "uncorrelated": widths, "fitted": factor}.items():
        saves[name, key] = Runs(q.kl()) - Runs(kl_to_gaussian(q, mean, scale))
# %% tags=["hide-input"]
reader = vc.load_reader("celeba")


def judged(pictures):
    return evaluation.sample_quality(pictures, unseen / 255, reader)


noise = torch.randn(len(unseen), K, generator=seeded("four sources"))
some = torch.randperm(len(faces), generator=seeded(4))[: len(unseen)]
made = {}  # pictures, by decoder and by where their codes come from
for name in face_models:
    mean, at = records[name]["mean"], fitted(name, noise)
    sources = {"N(0, I)": noise}
    if name == "VAE":
        sources |= {"mean only": mean + noise, "covariance only": at - mean}
    sources |= {"fitted": at, "faces' codes": codes[name].sample(generator=seeded(4))[some]}
    made |= {(name, key): drawn(name, z) for key, z in sources.items()}
scores = {key: judged(pictures) for key, pictures in made.items()}
far = {key: score.frechet for key, score in scores.items()}
torn, whole = far["VAE-GAN", "N(0, I)"], far["VAE-GAN", "fitted"]


def sheet(name):
    keys = [key for key in made if key[0] == name]
    titles, first = [f"{key[1]}: {far[key]:.0f}" for key in keys], [made[key][:6] for key in keys]
    return plots.image_grid(torch.cat(first), len(keys), 6, row_titles=titles, cell=1.0)


# %% tags=["hide-input"]
show(
    sheet("VAE"),
    alt="Five rows of six faces by the VAE, and beside each row a Fréchet distance. From N(0, I) harsh patches; with the fitted mean only, faces with spots; with the covariance only, harsh again; fitted and, last, with the codes of photographs, smooth blurred faces.",
    title="VAE: moved to the mean, patches fade; the covariance alone leaves them",
)
show(
    sheet("VAE-GAN"),
    alt="Three rows of six faces by the VAE-GAN, sharper, and beside each row a Fréchet distance: from N(0, I) torn, fitted and with the codes of photographs whole.",
    title=f"VAE-GAN: the Fréchet distance prefers torn faces ({torn:.0f}) to whole ones ({whole:.0f})",
)
one, other = far["VAE", "mean only"], far["VAE", "covariance only"]
guess.compare(int(one > other), f"{one:.0f} with the mean, {other:.0f} with the covariance.")
text = "VAE: Fréchet distance, covariance over mean"
claims.add("mean_frechet", other / one, above=1, unit="times", text=text)
by_mean, correlated = saves["VAE", "mean only"], saves["VAE", "fitted"] - saves["VAE", "uncorrelated"]
text = "VAE's nats: correlations minus mean"
claims.add("more_nats", correlated - by_mean, above=0, whole_interval=True, unit="nats", text=text)
# %% tags=["hide-input"]
note("nats", fit_saves=saves["VAE", "fitted"], fit_saves_gan=saves["VAE-GAN", "fitted"])
note("nats", mean_saves=by_mean, correlated=correlated)
note(vae_ni=far["VAE", "N(0, I)"], vae_meanonly=one, vae_covarianceonly=other)
note(vae_fitted=far["VAE", "fitted"], vaegan_ni=torn, vaegan_fitted=whole)
note(photographs=judged(faces[some] / 255).frechet)
fine = [evaluation.relative_power(made[name, "fitted"], unseen / 255) for name in face_models]
note("%", fine_vae=fine[0], fine_gan=fine[1])


# The part of a Fréchet distance that comes from the mean of the features.
def off_center(pictures):
    away = reader.features(pictures).mean(0) - reader.features(unseen / 255).mean(0)
    return away.square().sum().item()


tears, faces_whole = made["VAE-GAN", "N(0, I)"], made["VAE-GAN", "fitted"]
blurred = widgets.retouch(tears, -0.5)
note(
    lead=whole - torn, lead_mean=off_center(faces_whole) - off_center(tears), blurred=judged(blurred).frechet
)
note("%", fine_blurred=evaluation.relative_power(blurred, unseen / 255))
note("%", precise_torn=scores["VAE-GAN", "N(0, I)"].precision)
note("%", precise_whole=scores["VAE-GAN", "fitted"].precision)


# %% [markdown]
# **By eye** it is the mean: it removes most of the patches, the covariance leaves them. The VAE's Fréchet distances (beside the rows) agree: {{vae_ni}} from $\mathcal N(0, I)$, {{vae_meanonly}} with the mean, {{vae_covarianceonly}} with the covariance, {{vae_fitted}} with both; training photographs get {{photographs}}.
#
# **Nats** say the opposite. The fitted prior saves {{fit_saves.value}} of a face's code (VAE-GAN: {{fit_saves_gan.value}}). Of the VAE's saving the mean brings {{mean_saves.value}} (a shift by $m$ is worth $\tfrac12\lVert m\rVert^2$), the correlations {{correlated.value}}: {{more_nats}} more.
#
# **The distance alone** misleads. It prefers torn VAE-GAN faces ({{vaegan_ni}}) to whole ones ({{vaegan_fitted}}), against eye and nats. Precision (chapter 07), which asks face by face, sides with the eye: {{precise_torn}} against {{precise_whole}}. Of the lead of {{lead}}, {{lead_mean}} lie in the *mean* of the features: on average, whole faces are off in one direction, farther than torn ones. What the direction is, we don't know.
#
# Fine detail explains at most part. It is what the VAE-GAN's recipe bought: of the photographs' power in it (chapter 07) the VAE-GAN's fitted faces have {{fine_gan}}, grain included, the VAE's {{fine_vae}}. But torn faces that are blurred until they have less, {{fine_blurred}}, still get a distance of {{blurred}}.
#
# Could a density of codes be better than a Gaussian? A little: a **flow**, a network that carries noise to codes, saves little more in a short training ([A flow on codes](deeper/Flow_on_Codes.ipynb) trains, shows and judges it).
#
# **Latent diffusion** (Rombach et al. 2022) takes over two steps of this chapter. First an autoencoder is trained as in section 1, with a classifier's features for the critic's (**LPIPS**, Zhang et al. 2018). Then a density of its codes is learned, by a far larger network.
#
# ## 5 What if codes are tokens, or come in layers?
#
# Two other roads, each with one shipped model of garments. Both saw each picture four times only, far from flat; [Codes in tokens, and in layers](deeper/Codes_in_Tokens.ipynb) trains both on capitals and draws their curves.
#
# **Tokens.** A VQ-VAE (van den Oord et al. 2017) writes a picture as a small map of symbols. At every place the encoder's vector is replaced by the nearest of $k$ learned vectors, the **tokens**; the decoder sees tokens only. A choice has no slope, so the gradient skips it, as if nothing had been replaced. Each token follows the running mean of the vectors that chose it, and the encoder pays for straying. Afterwards a prior learns which tokens go together.
#
# **Two layers** (Rezende et al. 2014; Sønderby et al. 2016). Here the prior learns *with* the code. A network turns an upper code $z_2$ into the prior of $z_1$; the decoder sees $z_1$. In the ELBO
#
# $$
# \mathrm{KL} = \mathrm{KL}\bigl(q(z_2|x)\,\|\,\mathcal N(0, I)\bigr) + \mathbb E_{q(z_2|x)}\,\mathrm{KL}\bigl(q(z_1|x, z_2)\,\|\,p(z_1|z_2)\bigr).
# $$
#
# In words: what the upper code costs, and what the lower one costs once you know it.
#
# **Your turn (11.4).** Replace each vector by its token, and let the gradient skip the choice. The rows of `codebook` are the tokens.


# %%
def straight_through(vectors: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """vectors: (batch, places, dim); codebook: (n_codes, dim). Returns the nearest tokens, (batch, places, dim);
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
# %% tags=["hide-input"]
draws = seeded("layers")
noise = torch.randint(book.n_codes, (10, vq.model.side, vq.model.side), generator=draws)
top = torch.randn(2, 1, two.top_dim, generator=draws).expand(2, 10, -1)
z = torch.cat([top, torch.randn(2, 10, two.lower_dim, generator=draws)], -1).flatten(0, 1)
with torch.no_grad():
    rows = [vq.model.likelihood.mean(vq.model.decode_codes(noise)), vq.sample(10, draws)]
    rows += two.likelihood.mean(two.decode(z)).split(10)
titles = ["tokens at random", "tokens, prior", "one z₂", "another z₂"]
show(
    plots.image_grid(torch.cat(rows), 4, 10, row_titles=titles),
    alt="Four rows of ten gray garments. Tokens drawn at random: patches of texture without a common shape. Tokens from the learned prior: most form one garment. Then two rows that share an upper code each: the first dim, the second brighter, and in each several kinds of garment, some hardly one.",
    title="The prior knows which tokens go together; z₂ sets how bright a garment is",
)
# %% tags=["hide-input"]
several = torch.randn(30, 1, two.top_dim, generator=draws).expand(30, 30, -1)  # 30 times one z₂, 30 of z₁
z = torch.cat([several, torch.randn(30, 30, two.lower_dim, generator=draws)], -1).flatten(0, 1)
garments = vc.load_arena("vae_bernoulli").sample(200, seeded(0))  # without Fashion-MNIST, invented ones
garments = garments if OFFLINE else vc.load("fashion_mnist", "test").floats()[:1000]
with torch.no_grad():
    pictures = two.likelihood.mean(two.decode(z))
    kinds = vc.load_classifier("fashion_mnist")(pictures).argmax(1).view(30, 30)
    upper = GaussianPosterior.from_network(two.top_encoder(two.run_encoder(garments))).kl()
    nats = vc.elbo_terms(two, garments, seeded(1)).kl  # of both codes
bright = pictures.view(30, 30, -1).mean(2)
note("%", set_by_top=(bright.mean(1).var() / bright.var()).item())  # of the variance of brightness
# The same kind twice: in neighbors of one z₂, and in neighbors that share no z₂.
note("%", kind_within=(kinds == kinds.roll(1, 1)).float().mean().item())
note("%", kind_between=(kinds == kinds.roll(1, 0)).float().mean().item())
note("nats", rate_top=Runs(upper), rate_lower=Runs(nats - upper))
table = {row["name"]: row["measures"] for row in vc.arena_results()["rows"]}
for id, name in {"vq": "vq_vae", "vae": "vae_bernoulli", "two": "hierarchical"}.items():
    for measure in ("negative_elbo", "frechet", "cpu_seconds"):
        claims.note(f"{id}_{measure}", table[name][measure]["mean"])


# %% [markdown]
# *Tokens* (upper two rows): one decoder draws both rows; only the prior tells patches from garments.
#
# *Two layers* (lower two): $z_2$ sets {{set_by_top}} of the variance of brightness (30 draws of it, 30 garments each), and part of the kind. A classifier reads two garments of one $z_2$ as the same kind in {{kind_within}} of cases, of two different $z_2$ in {{kind_between}}. On test garments $z_2$ costs {{rate_top.value}}, $z_1$ {{rate_lower.value}}.
#
# [The arena](../docs/arena.md) compares eight models of garments under one small budget (three seeds). The VQ-VAE has the best (lowest) Fréchet distance of all: {{vq_frechet}}; two layers {{two_frechet}}, a VAE {{vae_frechet}}. Its bound (tokens under their prior, plus pixels) is the *worst* of these three: {{vq_negative_elbo}} nats; two layers {{two_negative_elbo}}, the VAE {{vae_negative_elbo}}. (No fair race: the VQ-VAE took {{vq_cpu_seconds}} s, two layers {{two_cpu_seconds}} s.)
#
# ## Play
#
# Take one draw of noise and walk from $\mathcal N(0, I)$, at 0, to the fitted prior, at 1. What changes first? What lies beyond 1?
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
    alt="Two rows of six pictures, VAE above VAE-GAN: one draw of noise on the way from N(0, I), at 0, to the fitted prior, at 1, and beyond it. On the way the patches of the VAE fade and its face grows smoother, and the tears of the VAE-GAN's face mend; at 1.5 both are still faces.",
    title="On the way to the fitted prior the VAE's patches and the VAE-GAN's tears fade",
)
# %% [markdown]
# ## Break it
#
# The VAE-GAN of faces was trained without the cut at the codes. Does it matter? Leave that cut out of `game_losses` (the solution of 11.3 shows where), and train section 2's VAE-GAN again. **Before** you run it write down what happens to the encoder's KL, to the squared error and to the gray pixels, and which of them a log would have shown.
#
# A good answer predicts all three with a reason, runs both ways for two seeds, and says whether the cut makes more difference than the seed; if not, it proposes weights under which it must.
#
# ## What you can say now
#
# - In a VAE-GAN a critic compares and judges pictures; cuts decide who learns. Ours has more than twice the VAE's fine detail, grain included, and costs {{dearer.value}} more a face.
# - Our VAE's bad faces were drawn from codes in the wrong place. Moving the noise to the codes' mean mends most of what you see, and saves only {{mean_saves.value}}.
# - Bound, eye and Fréchet distance disagree: the garments' worst bound had the best distance, and among the VAE-GAN's faces the distance preferred torn ones. Say which judge you mean by "better".
#
# **Dig deeper**: [A flow on codes](deeper/Flow_on_Codes.ipynb); [Codes in tokens, and in layers](deeper/Codes_in_Tokens.ipynb) (exercises 11.5, 11.6).
#
# ## References
#
# - A. B. L. Larsen et al.: *Autoencoding beyond pixels using a learned similarity metric*, ICML 2016.
# - L. Mescheder et al.: *Which Training Methods for GANs do actually Converge?*, ICML 2018.
# - P. Ghosh et al.: *From Variational to Deterministic Autoencoders*, ICLR 2020.
# - R. Zhang et al.: *The Unreasonable Effectiveness of Deep Features as a Perceptual Metric*, CVPR 2018. R. Rombach et al.: *High-Resolution Image Synthesis with Latent Diffusion Models*, CVPR 2022.
# - A. van den Oord et al.: *Neural Discrete Representation Learning*, NIPS 2017.
# - D. J. Rezende et al.: *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014. C. K. Sønderby et al.: *Ladder Variational Autoencoders*, NIPS 2016.
#
# This is the last chapter. Back to [the map of the course](01_Introduction_to_VAE_Fundamentals.ipynb).
# %% tags=["hide-input"]
claims.report()

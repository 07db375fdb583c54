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
# # Deeper · Codes in tokens, and in layers
#
# <!-- badge -->
#
# <!-- minutes -->
#
# Chapter 11 fits a prior to a finished code. There are two other roads. One is a code of discrete **tokens** whose prior is learned afterwards (the way to VQ-GAN). The other is a **second layer** of latent variables, whose prior learns with the code (the way to NVAE). Here you build both for capitals of typefaces, and compare them with a plain VAE.
#
# ## Objectives
#
# After this notebook you can
#
# 1. **build** a VQ-VAE, revive its dead tokens, and count those in use;
# 2. **learn** a prior over tokens, and **write** the bound that belongs to it;
# 3. **build** a two-layer VAE, and say what each layer holds, in nats and in pixels;
# 4. **explain** why the best samples can come from the model with the worst bound.
#
# You need chapter 11's sections 4 and 5. Training is short, on one core; the curves say how far it came.
# %% tags=["setup"]
# (generated)
# %% tags=["parameters"]
OFFLINE = False  # changes nothing here: the capitals come with the course
TOKEN_STEPS = 400  # updates of each VQ-VAE, 20 or more
PRIOR_STEPS = 1200  # updates of the prior over tokens, 20 or more
STEPS = 500  # updates of the VAE and of the one with two layers, 20 or more
# %% tags=["hide-input"]
import math

import torch
from torch import nn
from torch.nn import functional as F

import vae_course as vc
from vae_course import GaussianPosterior, models, plots, seeded, teaching
from vae_course.teaching import complete, hint, predict, show, solution

parameters = teaching.check_parameters(globals(), OFFLINE=False, TOKEN_STEPS=20, PRIOR_STEPS=20, STEPS=20)
claims = teaching.Claims("Codes_in_Tokens", parameters)
capitals, held_out = vc.load("letters", "train"), vc.load("letters", "validation")
x, labels, n = held_out.floats()[::4], held_out.labels[::4], len(capitals)


def minimize(loss, parameters, steps, rate, watch, seed=0, size=32):
    """Adam on loss(rows, draws), its rate rising, then falling to 0; what ``watch`` saw on the way."""
    draws, curve = seeded(seed), []
    optimizer = torch.optim.Adam(parameters, rate, betas=(0.5, 0.99), fused=True)
    for step in range(steps + 1):
        if step % max(1, steps // 8) == 0:
            with torch.no_grad():
                curve.append((step, *watch()))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 30) * (1 - step / (steps + 1))
        value = loss(torch.randint(n, (size,), generator=draws), draws)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return curve


# %% [markdown]
# ## 1 Tokens
#
# At every place of an 8 × 8 map the encoder's vector is replaced by the nearest of 64 vectors, the **tokens**; the decoder sees tokens only. A choice has no slope, so the gradient jumps over it (exercise 11.4 in the chapter). The tokens take no gradient: each follows the vectors that chose it, by moving averages of their count and of their sum.
#
# **Your turn (11.5).** One update of the tokens.


# %%
def straight_through(vectors, tokens):
    """The nearest token at every place, (batch, places, dim), with the gradient of the vectors themselves."""
    chosen = tokens[torch.cdist(vectors, tokens).argmin(-1)]
    return vectors + (chosen - vectors).detach()


def follow(usage, total, vectors, codes, decay):
    """usage: (n_codes,) and total: (n_codes, dim): moving averages of how many vectors chose each token and of
    their sum; vectors: (n, dim); codes: int64 (n,); decay: share of the past. Returns (tokens, usage, total)."""
    ...


# hint("11.5")  # remove the first # for a hint, again for the next one
follow = complete("11.5", follow)
solution("11.5")


# %%
class VQVAE(nn.Module):
    """Capitals ↔ maps of 8 × 8 tokens."""

    def __init__(self, k=64, dim=16, width=24):
        super().__init__()
        down = [nn.Conv2d(1, width, 4, 2, 1), nn.GELU(), nn.Conv2d(width, 2 * width, 4, 2, 1), nn.GELU()]
        up = [nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.GELU()]
        up += [nn.ConvTranspose2d(width, 1, 4, 2, 1)]
        self.encoder = nn.Sequential(*down, nn.Conv2d(2 * width, dim, 1), nn.Flatten(2))
        read = nn.Unflatten(2, (8, 8)), nn.Conv2d(dim, 2 * width, 3, 1, 1), nn.GELU()
        self.decoder = nn.Sequential(*read, *up)
        self.tokens, self.usage, self.total = torch.randn(k, dim), torch.ones(k), torch.randn(k, dim)

    def vectors(self, x):
        return self.encoder(x - 0.5).mT  # (n, 64, dim)

    def codes(self, x):
        return torch.cdist(self.vectors(x), self.tokens).argmin(-1)

    def forward(self, x):
        """log p(x|tokens) of every pixel, and how far the vectors lie from their tokens."""
        vectors = self.vectors(x)
        passed = straight_through(vectors, self.tokens)
        pixels = -F.binary_cross_entropy_with_logits(self.decoder(passed.mT), x, reduction="none")
        return pixels, (vectors - passed.detach()).square().sum((1, 2))


# %% [markdown]
# The second number, the *commitment*, keeps vectors near their tokens. The tokens themselves follow the vectors that chose them. One that nobody chooses never moves, so it is dead for good, unless it is **revived**: put onto a vector of the batch. The **perplexity**, $\exp$ of the entropy of the tokens' frequencies, counts how many are in use.
# %%
guess = predict("Without revival, how many of 64 tokens are in use?", ["nearly all", "about half", "a few"])


def train_tokens(revive):
    """A VQ-VAE of capitals and its curve: nats of held-out pixels, and perplexity."""
    vc.seed_everything("tokens")
    model, fair = VQVAE(), 32  # vectors of a batch for each token
    model.usage = fair * torch.ones(64) * (not revive)  # with revival all start dead

    def loss(rows, draws):
        batch = capitals.batch(rows)
        flat = model.vectors(batch).detach().flatten(0, 1)
        if revive and (dead := model.usage < 0.05 * fair).any():
            put = flat[torch.randint(len(flat), (int(dead.sum()),), generator=draws)]
            model.usage[dead], model.total[dead] = 0.1 * fair, 0.1 * fair * put
        chosen = torch.cdist(flat, model.tokens).argmin(-1)
        model.tokens, model.usage, model.total = follow(model.usage, model.total, flat, chosen, 0.97)
        pixels, commitment = model(batch)
        return -pixels.flatten(1).sum(1).mean() + 0.25 * commitment.mean()

    def watch():
        return -model(x)[0].mean().item() * 1024, models.perplexity(model.codes(x), 64)

    return model, minimize(loss, model.parameters(), TOKEN_STEPS, 3e-3, watch)


runs = {name: train_tokens(name == "revival") for name in ("revival", "no revival")}
vq, vq_curve = runs["revival"]
with torch.no_grad():
    vectors, book = vq.vectors(x), models.Codebook(64, 16)
    book.letters.copy_(vq.tokens)
    differs = book.lookup(book.nearest(vectors)) - straight_through(vectors, vq.tokens)
share = (differs.abs().amax(-1) > 1e-4).float().mean()
claims.add("same_tokens", share, below=1e-3, exact=True, text="Places where your token is not the package's")
in_use = {name: curve[-1][2] for name, (_, curve) in runs.items()}
alone = in_use["no revival"]
guess.compare(sum(alone < border for border in (48, 16)), f"the perplexity is {alone:.0f} of 64.")
claims.add("revived", in_use["revival"] - alone, above=3, text="Perplexity, of 64, gained by revival")
claims.note("in_use", in_use["revival"])
claims.note("alone", alone)
# %% [markdown]
# With revival the perplexity is {{in_use}}, without it {{alone}}. Tokens that die resemble posterior collapse: a part of the code falls silent.
#
# ## 2 The prior comes afterwards
#
# The tokens of the training pictures are a data set of their own. A small recurrent network learns them one after the other, $P(c) = \prod_i P(c_i|c_1 \dots c_{i-1})$; it is also told which letter of the alphabet to write. There is a bound again: the posterior is sure of its tokens, so
#
# $$
# -\log p(x) \le -\log p(x|c(x)) - \log P(c(x)).
# $$
#
# In words: what the pixels cost, given the tokens, plus what the tokens cost.
#
# **Your turn (11.6).** The bound of each picture.


# %%
def bound_with_letters(log_likelihood, logits, codes):
    """log_likelihood of every pixel: (batch, C, H, W); logits: (batch, places, n_codes), of each token given
    those before it; codes: int64 (batch, places), the picture's own. Returns (batch,), nats."""
    ...


# hint("11.6")  # remove the first # for a hint, again for the next one
bound_with_letters = complete("11.6", bound_with_letters)
solution("11.6")


# %%
class TokenPrior(nn.Module):
    """Logits of every token given those before it and the letter of the alphabet: (n, 64, k)."""

    def __init__(self, k=64, width=96, e=24):
        super().__init__()
        self.token, self.letter, self.place = nn.Embedding(k, e), nn.Embedding(26, e), nn.Embedding(64, e)
        self.memory = nn.GRU(5 * e, width, batch_first=True)
        self.read = nn.Linear(width + 5 * e, k)

    def forward(self, codes, letters):
        seen, n = self.token(codes), len(codes)
        near = [F.pad(seen, (0, 0, back, 0))[:, :64] for back in (1, 7, 8)]  # before, above right, above
        told = self.letter(letters)[:, None].expand(n, 64, -1), self.place.weight.expand(n, -1, -1)
        inputs = torch.cat([*near, *told], -1)
        return self.read(torch.cat([self.memory(inputs)[0], inputs], -1))

    @torch.no_grad()
    def sample(self, letters, generator):
        codes = torch.zeros(len(letters), 64, dtype=torch.long)
        for i in range(64):
            chances = self(codes, letters)[:, i].softmax(-1)
            codes[:, i] = torch.multinomial(chances, 1, generator=generator)[:, 0]
        return codes


# %%
vc.seed_everything("prior")
prior = TokenPrior()
with torch.no_grad():
    written = torch.cat([vq.codes(capitals.batch(rows)) for rows in torch.arange(n).split(1000)])
    pixels, own = vq(x)[0], vq.codes(x)


def prior_loss(rows, draws):
    return 64 * F.cross_entropy(prior(written[rows], capitals.labels[rows]).mT, written[rows])


def whole_price():
    """The bound of held-out capitals; to say which letter of the alphabet costs log 26."""
    return [bound_with_letters(pixels, prior(own, labels), own).mean().item() + math.log(26)]


prior_curve = minimize(prior_loss, prior.parameters(), PRIOR_STEPS, 4e-3, whole_price)
saved = prior_curve[0][1] - prior_curve[-1][1]
claims.add("prior_saves", saved, above=50, unit="nats", text="A learned prior over tokens saves")
# %% [markdown]
# The prior saves {{prior_saves}} a capital against what it knew before training.
#
# ## 3 A second layer
#
# Keep the ELBO and Gaussian codes, and let the prior of the code learn *while* the code does: $z_2 \sim \mathcal N(0, I)$, then $z_1|z_2 \sim \mathcal N(\mu_1(z_2), \sigma_1^2(z_2))$, then $x|z_1$. The posterior runs top-down as well (Sønderby et al. 2016): first $q(z_2|x)$; then the picture's message about $z_1$ and the prior given $z_2$ are multiplied, that is, their precisions $1/\sigma^2$ add up.


# %%
class TwoLayerVAE(nn.Module):
    """A VAE whose code z₁ has a prior that depends on a second code z₂."""

    def __init__(self, vae, top=8, width=64):
        super().__init__()
        self.vae, lower = vae, vae.latent_dim
        self.up = nn.Sequential(nn.Linear(2 * lower, width), nn.GELU(), nn.Linear(width, 2 * top))
        self.down = nn.Sequential(nn.Linear(top, width), nn.GELU(), nn.Linear(width, 2 * lower))

    def forward(self, x, draws):
        """Nats of each picture: pixels, KL of z₂, and KL of z₁ to its prior given z₂."""
        output = self.vae.run_encoder(x)
        message, top = map(GaussianPosterior.from_network, (output, self.up(output)))
        z2 = top.sample(generator=draws)
        p = GaussianPosterior.from_network(self.down(z2))
        precision = torch.exp(-message.log_var) + torch.exp(-p.log_var)
        mean = (message.mean * torch.exp(-message.log_var) + p.mean * torch.exp(-p.log_var)) / precision
        q = GaussianPosterior(mean, -precision.log())
        ratio = q.log_var - p.log_var
        lower = 0.5 * ((q.mean - p.mean) ** 2 / p.std**2 + ratio.exp() - 1 - ratio).sum(1)
        return -self.vae.log_likelihood(x, q.sample(generator=draws)), top.kl(), lower

    def lower(self, z2, draws):
        return GaussianPosterior.from_network(self.down(z2)).sample(generator=draws)

    def sample(self, n, draws):
        z2 = torch.randn(n, self.down[0].in_features, generator=draws)
        return self.vae.likelihood.mean(self.vae.decode(self.lower(z2, draws)))


# %%
SHAPE = dict(hidden_dims=(16, 32, 64), architecture="conv")


def new_vae():
    vc.seed_everything("layers")
    return vc.VAE.for_data(capitals, latent_dim=32, **SHAPE)


one, two = new_vae(), TwoLayerVAE(new_vae())
package = models.HierarchicalVAE.for_data(capitals, top_dim=8, top_hidden=64, latent_dim=32, **SHAPE)
package.encoder.load_state_dict(two.vae.encoder.state_dict())
package.decoder.load_state_dict(two.vae.decoder.state_dict())
package.top_encoder.load_state_dict(two.up.state_dict())
package.lower_prior.load_state_dict(two.down.state_dict())
with torch.no_grad():
    off = sum(two(x, seeded(0))) - vc.elbo_terms(package, x, seeded(0)).negative_elbo
claims.add(
    "same_layers", off.abs().max(), below=0.01, unit="nats", exact=True, text="−ELBO off the package's"
)


# −ELBO of pictures, (n,), nats.
def price_of_one(pictures, draws):
    return vc.elbo_terms(one, pictures, draws).negative_elbo


def price_of_two(pictures, draws):
    return sum(two(pictures, draws))


def trained(model, price):
    """Train by ``price``: the curve of the held-out one."""

    def loss(rows, draws):
        return price(capitals.batch(rows), draws).mean()

    def watch():
        return [price(x, seeded(3)).mean().item()]

    return minimize(loss, model.parameters(), STEPS, 2e-3, watch)


curves = {
    "VAE": trained(one, price_of_one),
    "two layers": trained(two, price_of_two),
    "VQ-VAE: pixels, given tokens": vq_curve,
    "VQ-VAE: bound, while its prior learns": prior_curve,
}
# %% tags=["hide-input"]
ends = {name: curve[-1][1] for name, curve in curves.items()}
bound = ends["VQ-VAE: bound, while its prior learns"]
show(
    plots.line_plot(
        {
            name: ([row[0] for row in curve[1:]], [row[1] for row in curve[1:]])
            for name, curve in curves.items()
        },
        "update",
        "nats for a held-out capital",
        legend_outside=True,
    ),
    alt="Nats for a held-out capital against the update, four falling lines. Lowest the pixels of a VQ-VAE given its tokens; above them, meeting at their end, the −ELBO of a VAE and of one with two layers; highest at the end the VQ-VAE's bound, while the prior over its tokens learns.",
    title=f"After short training: VAE {ends['VAE']:.0f}, two layers {ends['two layers']:.0f}, tokens {bound:.0f} nats",
)
layers = ends["VAE"] - ends["two layers"]
claims.note("layers_save", layers, unit="nats")
arena = {row["name"]: row["measures"]["negative_elbo"] for row in vc.arena_results()["rows"]}
claims.note("arena_saves", arena["vae_bernoulli"]["mean"] - arena["hierarchical"]["mean"], unit="nats")
claims.add(
    "tokens_dearer",
    bound - ends["VAE"],
    above=0,
    unit="nats",
    text="Bound of tokens and prior minus the VAE's −ELBO",
)
with torch.no_grad():
    _, upper, lower = two(x, seeded(3))
    draws = seeded("held fixed")
    tops = torch.randn(8, 1, 8, generator=draws).expand(8, 100, -1).flatten(0, 1)
    free = two.vae.likelihood.mean(two.vae.decode(two.lower(tops, draws))).unflatten(0, (8, 100))
    everything = two.sample(800, draws).var(0).mean()
claims.note("rate_top", upper.mean().item(), unit="nats")
claims.note("rate_lower", lower.mean().item(), unit="nats")
claims.note("settled", 1 - (free.var(1).mean() / everything).item(), unit="%")
# %% tags=["hide-input"]
draws, asked = seeded("sheet"), torch.arange(26).repeat(6)
with torch.no_grad():
    z = torch.randn(10, 32, generator=draws)
    rows = {"VAE": one.likelihood.mean(one.decode(z)), "two layers": two.sample(10, draws)}
    codes = prior.sample(asked, draws)
    some = {"tokens at random": torch.randint(64, (10, 64), generator=draws)}
    some |= {"prior: A to J": codes[:10], "prior: K to T": codes[10:20]}
    rows |= {name: torch.sigmoid(vq.decoder(vq.tokens[c].mT)) for name, c in some.items()}
    read = vc.load_classifier("letters")(torch.sigmoid(vq.decoder(vq.tokens[codes].mT))).argmax(1)
claims.add(
    "named",
    (read == asked).float().mean(),
    above=0.2,
    unit="%",
    text="The prior's letters that are read as asked",
)
show(
    plots.image_grid(torch.cat(list(rows.values())), 5, 10, row_titles=list(rows)),
    alt="Five rows of ten samples. A VAE and one with two layers: soft, gray shapes, about half of them a letter. Tokens at random: scraps of strokes all over. Tokens from the learned prior, two rows: strokes in black and white, most of them a letter.",
    title="The crispest letters come from the model with the worst bound",
)
# %% [markdown]
# The classifier of capitals reads {{named}} of the prior's letters as the letter that was asked for (chance is 4 %; the upper rows were asked for none). Yet the bound is {{tokens_dearer}} *worse* than the VAE's. Two reasons are possible, not tested here: the bound charges for every token, also for those that hardly change the picture, and it counts one spelling of the picture where many would do. A sample is only asked whether its tokens fit together.
#
# The second layer saves {{layers_save}}: nothing, after so short a training (one run). It is little used. Of its code {{rate_top}} are in $z_2$ and {{rate_lower}} in $z_1$, and once $z_2$ is drawn only {{settled}} of the samples' pixel variance is settled. (At the end all curves still fall a little, so the order of the bounds is that of these budgets. In the arena, on garments and after more updates, two layers save {{arena_saves}}.)
#
# ## What you can say now
#
# - A VQ-VAE alone is an autoencoder; which tokens go together is what its prior knows. Report the perplexity: tokens die silently.
# - A two-layer VAE is a VAE whose prior learns. That it is there does not mean that it is used: look at the nats of each layer.
# - A bound and a look at samples ask different questions.
#
# ## References
#
# - A. van den Oord, O. Vinyals, K. Kavukcuoglu: *Neural Discrete Representation Learning*, NIPS 2017 (appendix A.1: tokens by moving averages).
# - P. Dhariwal et al.: *Jukebox: A Generative Model for Music*, 2020 (dead tokens are put onto vectors of the batch).
# - C. K. Sønderby et al.: *Ladder Variational Autoencoders*, NIPS 2016. A. Vahdat, J. Kautz: *NVAE: A Deep Hierarchical Variational Autoencoder*, NeurIPS 2020.
#
# Back to [chapter 11](../11_Extending_VAEs_to_Improve_Realism.ipynb)
# %% tags=["hide-input"]
claims.report()

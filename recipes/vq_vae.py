"""How the VQ-VAE of the arena is trained and measured, and the prior over its letters."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.images import Examples
from vae_course.elbo import ElboTerms
from vae_course.evaluation.bounds import Estimate, Evaluation, device_of, looking_at, over_data
from vae_course.models.vq_vae import VQVAE, Codebook, CodePrior
from vae_course.training.loop import History, fit

REVIVE_BELOW = 0.05  # a letter used less than this share of its fair share (1 / n_codes) counts as dead


@torch.no_grad()
def follow(book: Codebook, vectors: Tensor, codes: Tensor, generator: torch.Generator | None = None) -> None:
    """One update: each letter moves to the moving average of the ``vectors`` (..., dim) with its code
    (...).

    van den Oord et al. 2017, appendix A.1, with shares in place of counts. A dead letter is put onto a
    random vector of this batch (Dhariwal et al. 2020, "Jukebox": random restarts), with twice the least
    share: light enough to move at once to the middle of what chooses it, and soon dead again if nothing
    does.
    """
    untouched = book.usage.sum() == 0
    flat, chosen = vectors.reshape(-1, vectors.shape[-1]), codes.reshape(-1)
    counts = torch.zeros_like(book.usage).index_add_(0, chosen, torch.ones_like(flat[:, 0]))
    sums = torch.zeros_like(book.total).index_add_(0, chosen, flat)
    book.usage.lerp_(counts / len(flat), 1 - book.decay)
    book.total.lerp_(sums / len(flat), 1 - book.decay)
    dead = (book.usage < REVIVE_BELOW / book.n_codes) | untouched
    if dead.any():
        drawn = torch.randint(len(flat), (int(dead.sum()),), generator=generator, device=flat.device)
        share = 2 * REVIVE_BELOW / book.n_codes
        book.usage[dead] = share
        book.total[dead] = share * flat[drawn]
    book.letters.copy_(book.total / book.usage[:, None])


@dataclass(frozen=True)
class VQTerms(ElboTerms):
    """The terms of a VQ-VAE: a bound of −log p(x) if every letter is equally likely, and the commitment.

    ``kl`` is side² · log n_codes: what the letters cost under a uniform prior. A constant; a
    :class:`CodePrior` makes it smaller afterwards.
    """

    commitment: Tensor | None = None  # (batch,), weighted squared distance from the letters; not in the bound

    def loss(self, beta: float = 1.0, free_bits: float = 0.0) -> Tensor:
        """What training minimizes, a scalar: the ELBO's terms plus the commitment."""
        return super().loss(beta, free_bits) + self.commitment.mean()


def vq_terms(model: VQVAE, x: Tensor, generator: torch.Generator | None = None) -> VQTerms:
    """The objective of a VQ-VAE, for ``fit(..., objective=vq_terms)`` (van den Oord et al. 2017, eq. 3).

    The codebook has no gradient: in training mode it follows moving averages of x (batch, C, H, W), and dead
    letters are revived, with vectors that ``generator`` draws.
    """
    vectors = model.vectors(x)
    codes = model.codebook.nearest(vectors)
    if model.training:
        follow(model.codebook, vectors.detach(), codes, generator)
        codes = model.codebook.nearest(vectors)
    letters = model.codebook.lookup(codes)
    # Straight-through: the decoder sees the letters, and the encoder gets the gradient meant for them.
    passed = vectors + (letters - vectors).detach()
    distance = (vectors - letters.detach()).square().sum((1, 2))
    rate = torch.full_like(vectors[..., 0], math.log(model.n_codes))
    reconstruction = -model.log_likelihood(x, model.code_of(passed))
    return VQTerms(reconstruction, rate.sum(-1), rate, model.commitment * distance)


@dataclass(frozen=True, eq=False, repr=False)
class Letters(Examples):
    """Maps of letters, int64 (n, side, side), out of an alphabet of ``n_codes``, read like pictures."""

    main = "codes"
    codes: Tensor
    n_codes: int


@torch.no_grad()
def letters_of(model, data) -> Letters:
    """The letters that a trained VQ-VAE writes for every picture of a data set, on the model's device."""
    data = data.to(model.input_mean.device)
    parts = [data.batch(index) for index in torch.arange(len(data)).split(1000)]
    return Letters(torch.cat([model.codes(x) for x in parts]), model.n_codes)


def letter_terms(prior: CodePrior, codes: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
    """−log P(c) as the ``reconstruction`` of an objective for ``fit``, and no KL; nats per picture."""
    price = -prior.log_prob(codes)
    return ElboTerms(price, torch.zeros_like(price), torch.zeros_like(price)[:, None])


def fit_prior(prior: CodePrior, model, train, validation=None, **settings) -> History:
    """Train a CodePrior in place on the letters of ``train``; the history's numbers are nats per picture.

    ``model`` is a trained VQVAE with as many letters and places, which is not changed; settings are those of
    :func:`vae_course.training.loop.fit`, here with learning_rate 2e-3 and kl_warmup 0.
    """
    if (prior.n_codes, prior.side) != (model.n_codes, model.side):
        raise ValueError("prior and model do not fit together; build CodePrior(model.n_codes, model.side).")
    held_out = letters_of(model, validation) if validation is not None else None
    chosen = {"learning_rate": 2e-3, "kl_warmup": 0.0, **settings}
    return fit(prior, letters_of(model, train), held_out, objective=letter_terms, **chosen)


def evaluate_codes(model, prior, data) -> Evaluation:
    """−log p(x|c(x)) − log P(c(x)) ≥ −log p(x) on a data set, of a VQVAE and its CodePrior, nats per example.

    p(x) = Σ_c P(c) p(x|c) has n_codes^places terms, and the one with the picture's own letters c(x) is a
    lower bound of the sum. It is the ELBO of a q that puts everything on c(x): the reconstruction term is
    exact, and the KL to the prior is −log P(c(x)), the price of the letters.
    """

    def terms(x, _generator):
        codes = model.codes(x)
        price = -prior.log_prob(codes.to(device_of(prior))).to(codes.device)
        return -model.likelihood.log_prob(x, model.decode_codes(codes)), price

    with looking_at(prior):
        distortion, rate = over_data(model, data, terms, 1000, 0)
    return Evaluation(Estimate.of(distortion + rate), Estimate.of(distortion), Estimate.of(rate))

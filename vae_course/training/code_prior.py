"""Train the prior of a VQ-VAE: maximum likelihood on the letters of the training pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_course.data.images import Examples
from vae_course.elbo import ElboTerms
from vae_course.models.vq_vae import CodePrior
from vae_course.training.loop import History, fit


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

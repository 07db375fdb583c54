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
    """Maps of letters in memory, read like pictures.

    Attributes:
        codes: int64 (n, side, side).
        n_codes: size of the alphabet.
    """

    main = "codes"
    codes: Tensor
    n_codes: int


@torch.no_grad()
def letters_of(model, data, batch_size: int = 1000) -> Letters:
    """The letters that a trained VQ-VAE writes for every picture of a data set, on the model's device."""
    data = data.to(model.input_mean.device)
    parts = [data.batch(index) for index in torch.arange(len(data)).split(batch_size)]
    return Letters(torch.cat([model.codes(x) for x in parts]), model.n_codes)


def letter_terms(prior: CodePrior, codes: Tensor, generator: torch.Generator | None = None) -> ElboTerms:
    """−log P(c) as the ``reconstruction`` of an objective for ``fit``, and no KL; nats per picture."""
    price = -prior.log_prob(codes)
    return ElboTerms(price, torch.zeros_like(price), torch.zeros_like(price)[:, None])


def fit_prior(prior: CodePrior, model, train, validation=None, **settings) -> History:
    """Train a prior on the letters of ``train``; the history's numbers are nats per picture.

    Args:
        prior: a CodePrior with the model's ``n_codes`` and ``side``; trained in place.
        model: a trained VQVAE, which is not changed.
        train, validation: ImageData.
        settings: of :func:`vae_course.training.loop.fit`; the defaults here are learning_rate 2e-3 and
            kl_warmup 0.

    Raises:
        ValueError: prior and model do not fit together.
    """
    if (prior.n_codes, prior.side) != (model.n_codes, model.side):
        raise ValueError(
            f"the prior is for {prior.side}×{prior.side} letters out of {prior.n_codes}, the model writes "
            f"{model.side}×{model.side} out of {model.n_codes}; build CodePrior(model.n_codes, model.side)."
        )
    held_out = letters_of(model, validation) if validation is not None else None
    chosen = {"learning_rate": 2e-3, "kl_warmup": 0.0, **settings}
    return fit(prior, letters_of(model, train), held_out, objective=letter_terms, **chosen)

"""The bound that a VQ-VAE with a prior over its letters gives."""

import torch

from vae_course.evaluation.bounds import Estimate, Evaluation, batches, evaluating, noise_like


@torch.no_grad()
def evaluate_codes(model, prior, data, *, batch_size: int = 1000, seed: int = 0) -> Evaluation:
    """−log p(x|c(x)) − log P(c(x)) ≥ −log p(x) on a data set, nats per example.

    p(x) = Σ_c P(c) p(x|c) has n_codes^places terms, and the one with the picture's own letters c(x) is a
    lower bound of the sum. It is the ELBO of a q that puts everything on c(x): the reconstruction term is
    exact, and the KL to the prior is −log P(c(x)).

    Args:
        model: a trained VQVAE; prior: a trained CodePrior for it.
        data: ImageData.
        batch_size: examples at a time.
        seed: of dynamic binarization.

    Returns:
        ``kl`` is the price of the letters. Compare it only with models of the same likelihood.
    """
    distortion, rate = [], []
    with evaluating(model), evaluating(prior):
        for x in batches(model, data, batch_size, noise_like(model, seed)):
            codes = model.codes(x)
            distortion.append(-model.likelihood.log_prob(x, model.decode_codes(codes)))
            rate.append(-prior.log_prob(codes))
    distortion, rate = torch.cat(distortion), torch.cat(rate)
    return Evaluation(Estimate.of(distortion + rate), Estimate.of(distortion), Estimate.of(rate))

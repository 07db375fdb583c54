"""Training steps for exercise 02.5: broken ones by the name of their mistake, and unusual right ones."""

import torch
import torch.nn.functional as F
from torch.distributions import Normal

from vae_course.elbo import elbo_terms


def step_without_zero_grad(model, optimizer, x, beta=1.0):
    terms = elbo_terms(model, x)
    loss = terms.loss(beta)
    loss.backward()
    optimizer.step()
    return report(loss, terms)


def report(loss, terms):
    return {
        "loss": loss.item(),
        "reconstruction": terms.reconstruction.mean().item(),
        "kl": terms.kl.mean().item(),
    }


def step_with(loss_of, shown=None):
    """A training step whose loss is `loss_of(terms, beta)`; reports `shown(terms, beta)` if given."""

    def step(model, optimizer, x, beta=1.0):
        optimizer.zero_grad()
        terms = elbo_terms(model, x)
        loss = loss_of(terms, beta)
        loss.backward()
        optimizer.step()
        return report(shown(terms, beta) if shown else loss, terms)

    return step


def step_that_rewards_unlikely_pictures(model, optimizer, x, beta=1.0):
    posterior = model.encode(x)
    reconstruction = model.log_likelihood(x, posterior.sample()).mean()
    kl = posterior.kl().mean()
    optimizer.zero_grad()
    (reconstruction + beta * kl).backward()
    optimizer.step()
    return {
        "loss": (reconstruction + beta * kl).item(),
        "reconstruction": reconstruction.item(),
        "kl": kl.item(),
    }


def step_too_early(model, optimizer, x, beta=1.0):
    optimizer.zero_grad()
    terms = elbo_terms(model, x)
    loss = terms.loss(beta)
    optimizer.step()
    loss.backward()
    return report(loss, terms)


def step_one_behind(model, optimizer, x, beta=1.0):
    optimizer.step()
    optimizer.zero_grad()
    terms = elbo_terms(model, x)
    loss = terms.loss(beta)
    loss.backward()
    return report(loss, terms)


def cleared_too_late(model, optimizer, x, beta=1.0):
    terms = elbo_terms(model, x)
    loss = terms.loss(beta)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return report(loss, terms)


def never_steps(model, optimizer, x, beta=1.0):
    for parameter in model.parameters():
        parameter.grad = None
    terms = elbo_terms(model, x)
    terms.loss(beta).backward()
    return report(terms.loss(beta), terms)


def step_by_hand(code, *, forward=None):
    """A training step from the parts of the model; `code(posterior)` gives z."""

    def step(model, optimizer, x, beta=1.0):
        posterior = forward(model, x) if forward else model.encode(x)
        logits = model.decode(code(posterior))
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        kl = -0.5 * (1 + posterior.log_var - posterior.mean**2 - posterior.log_var.exp()).sum() / len(x)
        loss = reconstruction + beta * kl
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

    return step


def by_randn_like(posterior):
    return posterior.mean + posterior.std * torch.randn_like(posterior.std)


def frozen_encoder(model, x):
    with torch.no_grad():
        return model.encode(x)


def clears_last(model, optimizer, x, beta=1.0):
    terms = elbo_terms(model, x)
    loss = terms.loss(beta)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return report(loss, terms)


BROKEN = {
    "log-likelihood without its minus": [step_that_rewards_unlikely_pictures],
    "zero_grad forgotten": [step_without_zero_grad],
    "step before backward": [step_too_early, step_one_behind, cleared_too_late],
    "optimizer never steps": [never_steps],
    "sum over the batch": [
        step_with(lambda t, beta: t.reconstruction.sum() + beta * t.kl.sum()),
        step_with(lambda t, beta: (t.reconstruction + beta * t.kl).sum(), lambda t, beta: t.loss(beta)),
    ],
    "averaged over the pixels": [
        lambda model, optimizer, x, beta=1.0: {
            **(
                got := step_with(lambda t, b: t.reconstruction.mean() / x[0].numel() + b * t.kl.mean())(
                    model, optimizer, x, beta
                )
            ),
            "reconstruction": got["reconstruction"] / x[0].numel(),
        }
    ],
    "beta on the wrong term": [
        step_with(lambda t, beta: beta * t.reconstruction.mean() + t.kl.mean()),
        step_with(lambda t, beta: beta * t.negative_elbo.mean()),
    ],
    "beta ignored": [step_with(lambda t, beta: t.loss())],
    "KL with the wrong sign": [step_with(lambda t, beta: t.loss(-beta))],
    "ELBO minimized": [step_with(lambda t, beta: -t.loss(beta))],
    "KL left out of the loss": [step_with(lambda t, beta: t.reconstruction.mean())],
    "z detached": [step_by_hand(lambda q: by_randn_like(q).detach())],
    "encoder under no_grad": [step_by_hand(by_randn_like, forward=frozen_encoder)],
    "sampling switched off": [step_by_hand(lambda q: q.mean)],
}

UNUSUAL = {
    "elbo_terms": step_with(lambda t, beta: t.loss(beta)),
    "by hand, tensors returned": step_by_hand(by_randn_like),
    "rsample": step_by_hand(lambda q: Normal(q.mean, q.std).rsample()),
    "gradients cleared last": clears_last,
}

"""The loss doctor: broken losses in another hand are named, right ones pass, and the right one trains."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

from vae_course.exercises.loss_doctor import VAE_TERMS, diagnose_loss, vae_terms
from vae_course.teaching.grading import grade


def loss(
    x=lambda images: images / 255,
    limit=lambda raw: raw.clamp(-12, 12),
    noise=lambda mean, log_var, training: mean + torch.randn_like(mean) * log_var.mul(0.5).exp(),
    join=lambda bce, kl: bce + kl,
    pixels=lambda bce: bce.sum((1, 2, 3)),
    latent=lambda kl: kl.sum(-1),
    batch=torch.mean,
    logged=lambda kl: kl,
):
    """A loss in another hand: torch.distributions, and a clamp where the package has a tanh."""

    def answer(encode, decode, images, training=True):
        picture = x(images)
        mean, raw = encode(picture)
        log_var = limit(raw)
        logits = decode(noise(mean, log_var, training))
        bce = pixels(-Bernoulli(logits=logits, validate_args=False).log_prob(picture))
        kl = latent(-0.5 * (1 + log_var - mean.pow(2) - log_var.exp()))
        return {"reconstruction": batch(bce), "kl": batch(logged(kl)), "loss": batch(join(bce, kl))}

    return answer


BUGS = {
    "KL with the wrong sign": [loss(join=torch.sub), loss(join=torch.sub, logged=torch.neg)],
    "sign of the whole loss": [loss(join=lambda bce, kl: -bce - kl)],
    "reconstruction averaged over the pixels": [loss(pixels=lambda bce: bce.mean((1, 2, 3)))],
    "KL averaged over the latent dimensions": [loss(latent=lambda kl: kl.mean(-1))],
    "both averaged over everything": [
        loss(pixels=lambda bce: bce.mean((1, 2, 3)), latent=lambda kl: kl.mean(-1))
    ],
    "summed over the batch": [loss(batch=torch.sum)],
    "log σ² read as σ": [loss(noise=lambda m, s, t: m + s * torch.randn_like(m))],
    "variance used as standard deviation": [loss(noise=lambda m, lv, t: m + lv.exp() * torch.randn_like(m))],
    "no sampling": [loss(noise=lambda mean, log_var, training: mean)],
    "no sampling in training": [
        loss(noise=lambda m, lv, t: m + (0.0 if t else 1.0) * torch.randn_like(m) * (lv / 2).exp())
    ],
    "evaluation at the mean": [
        loss(noise=lambda m, lv, training: Normal(m, (lv / 2).exp()).rsample() if training else m)
    ],
    "pixels of 0 to 255": [loss(x=lambda images: images.to(torch.float32))],
    "log σ² not bounded": [loss(limit=lambda raw: raw * 1.0)],
    "a term without gradient in the loss": [loss(join=lambda bce, kl: bce + kl.data)],
    "one noise for several examples": [
        loss(noise=lambda m, lv, t: m + torch.randn(1, m.shape[1]) * (lv / 2).exp()),
        loss(noise=lambda m, lv, t: m + torch.randn(len(m), 1) * (lv / 2).exp()),
    ],
    "not divided by 255": [loss(x=lambda images: images.float().div(256))],
}


def with_distributions(encode, decode, images, training=True):
    x = images.double().float().div(255)
    mean, raw = encode(x)
    q = Independent(Normal(mean, (raw.clamp(-20, 10) / 2).exp()), 1)
    logits = decode(q.rsample())
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = kl_divergence(q, Independent(Normal(torch.zeros_like(mean), 1.0), 1)).mean()
    return {"loss": bce + kl, "reconstruction": bce, "kl": kl}


@pytest.mark.parametrize("name", BUGS)
def test_the_loss_doctor_names_every_bug(name, capsys):
    for broken in BUGS[name]:
        verdict = diagnose_loss(broken)
        assert verdict.mistake == name
        assert name in capsys.readouterr().out


def test_the_loss_doctor_knows_no_other_bugs_and_finds_none_in_right_losses(capsys):
    assert {mistake.name for mistake in VAE_TERMS.mistakes} == BUGS.keys()
    for mistake in VAE_TERMS.mistakes:
        assert all(grade(VAE_TERMS, broken).mistake == mistake.name for broken in mistake.variants)
    for right in (vae_terms, with_distributions, loss()):
        assert diagnose_loss(right).correct
    assert capsys.readouterr().out.count("Diagnosis. No bug found.") == 3


def test_a_loss_that_breaks_its_contract_hears_how():
    def said(answer):
        return grade(VAE_TERMS, answer).message

    assert "encode expects floats" in said(loss(x=lambda images: images))
    assert "decode expects z" in said(loss(noise=lambda m, s, t: m[:, :1]))
    assert "Expected a dict" in said(lambda *a: torch.zeros(3))
    assert "must be a tensor with one number" in said(loss(batch=lambda v: v))


def test_the_right_loss_trains_a_small_vae():
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
    images = torch.randint(0, 256, (64, 1, 2, 3)).to(torch.uint8)
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    values = []
    for _ in range(60):
        out = vae_terms(
            lambda x: encoder(x.flatten(1)).chunk(2, -1), lambda z: decoder(z).reshape(-1, 1, 2, 3), images
        )
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        values.append(out["loss"].item())
    assert values[-1] < values[0]

"""Exercise of chapter 11: the game of a VAE-GAN, with three networks and each gradient where it belongs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.exercises.exercise import Exercise, Mistake
from vae_course.exercises.grading import ContractBroken


def game_losses(
    encoder: nn.Module, decoder: nn.Module, discriminator: nn.Module, x: Tensor, z_prior: Tensor
) -> tuple[Tensor, Tensor]:
    z = encoder(x).detach()
    fakes = decoder(torch.cat([z, z_prior]))
    catch = F.softplus(-discriminator(x)).mean() + F.softplus(discriminator(fakes.detach())).mean()
    discriminator.requires_grad_(False)
    fool = F.softplus(-discriminator(fakes)).mean()
    discriminator.requires_grad_(True)
    return catch, fool


NETWORKS = ("encoder", "decoder", "discriminator")


def _networks(seed: int) -> dict[str, nn.Module]:
    generator = torch.Generator().manual_seed(seed)
    networks = {
        "encoder": nn.Sequential(nn.Linear(3, 2), nn.Tanh()),
        "decoder": nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)),
        "discriminator": nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0)),
    }
    with torch.no_grad():
        for network in networks.values():
            for weight in network.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator))
    return networks


def _observe(call: Callable, seed: int, x: Tensor, z_prior: Tensor) -> dict[str, Tensor]:
    """Both losses, and the gradient of each for the weights of every network."""
    networks = _networks(seed)
    answer = call(*networks.values(), x, z_prior)
    if not isinstance(answer, (tuple, list)) or len(answer) != 2 or not all(map(torch.is_tensor, answer)):
        raise ContractBroken("Return two tensors: catch, for the discriminator, then fool, for the decoder.")
    seen: dict[str, Tensor] = {}
    for name, loss in zip(("catch", "fool"), answer, strict=True):
        if loss.numel() != 1:
            raise ContractBroken(f"Each loss is one number; {name} has the shape {tuple(loss.shape)}.")
        seen[name] = loss.detach().reshape(())
        for place, network in networks.items():
            weights = list(network.parameters())
            found = [None] * len(weights)
            if loss.requires_grad:
                inputs = [w if w.requires_grad else w.detach().requires_grad_() for w in weights]
                found = torch.autograd.grad(loss.sum(), inputs, retain_graph=True, allow_unused=True)
            parts = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
            seen[f"{name} reaches the {place}"] = torch.cat([part.flatten() for part in parts])
    trainable = all(w.requires_grad for network in networks.values() for w in network.parameters())
    seen["all networks can still be trained"] = torch.tensor(float(trainable))
    return seen


def _cases(seed: int) -> list[tuple]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (seed + n, torch.randn(n, 3, generator=generator), torch.randn(n, 2, generator=generator))
        for n in (4, 7)
    ]


def _same(x: Tensor) -> Tensor:
    return x


def _wanted(score: Tensor) -> Tensor:
    return F.softplus(-score)


def _variant(
    *,
    catch_real: Callable = _wanted,
    catch_fake: Callable = F.softplus,
    fool: Callable = _wanted,
    codes: Callable = lambda z, z_prior: torch.cat([z, z_prior]),
    cut_code: Callable = torch.detach,
    cut_fakes: Callable = torch.detach,
    cut_fool: Callable = _same,
    freeze: bool = True,
    thaw: bool = True,
    reduce: Callable = torch.mean,
) -> Callable:
    """The reference with one thing changed."""

    def losses(encoder, decoder, discriminator, x, z_prior):
        fakes = decoder(codes(cut_code(encoder(x)), z_prior))
        catch = reduce(catch_real(discriminator(x))) + reduce(catch_fake(discriminator(cut_fakes(fakes))))
        discriminator.requires_grad_(not freeze)
        trick = reduce(fool(discriminator(cut_fool(fakes))))
        discriminator.requires_grad_(thaw)
        return catch, trick

    return losses


def _also_careless(**change) -> tuple[Callable, ...]:
    """A change alone, and together with cuts that were forgotten elsewhere."""
    return (
        _variant(**change),
        _variant(**({"freeze": False} | change)),
        _variant(**({"cut_code": _same} | change)),
        _variant(**({"cut_code": _same, "freeze": False} | change)),
    )


GAME_LOSSES = Exercise(
    id="11.3",
    title="Three networks, two losses, three cuts",
    contract="game_losses(encoder, decoder, discriminator, x, z_prior): encoder(x) gives a code for each "
    "picture, (batch, latent); decoder(z) a picture for each code; discriminator(pictures) scores (n,), "
    "logits of 'real'; z_prior (batch, latent) comes from N(0, I). The fakes are the decoded codes of x and "
    "of z_prior, together. Returns catch = mean of −log σ(score of x) + mean of −log(1 − σ(score of a "
    "fake)), whose gradient reaches the discriminator only; and fool = mean of −log σ(score of a fake), "
    "whose gradient reaches the decoder only. Afterwards all networks can be trained as before.",
    stub='''def game_losses(encoder, decoder, discriminator, x: torch.Tensor, z_prior: torch.Tensor):
    """x: (batch, features); z_prior: (batch, latent). Returns catch and fool, a number each."""
    ...''',
    hints=(
        "−log σ(s) = softplus(−s), and −log(1 − σ(s)) = softplus(s).",
        "There are three cuts: at the code, at the fakes for one loss, and at the discriminator's weights "
        "for the other.",
        "discriminator.requires_grad_(False) makes it a fact for what is computed next; True afterwards.",
    ),
    mistakes=(
        Mistake(
            "detach forgotten at the fakes",
            "The discriminator's loss reaches the decoder, which learns from it to be caught.",
            _also_careless(cut_fakes=_same),
        ),
        Mistake(
            "discriminator updated by the decoder's loss",
            "The gradient of fool reaches the discriminator's weights: it would learn to be fooled.",
            (_variant(freeze=False), _variant(freeze=False, cut_code=_same)),
        ),
        Mistake(
            "encoder plays along",
            "The gradient of fool reaches the encoder: its codes should tell about x, not please anybody.",
            _variant(cut_code=_same),
        ),
        Mistake(
            "decoder cut off",
            "The gradient of fool has to pass through the discriminator into the decoder: freeze the weights "
            "and do not detach the pictures.",
            _also_careless(cut_fool=torch.detach),
        ),
        Mistake(
            "samples forgotten",
            "The discriminator should see what new codes give as well: N(0, I) is what is sampled later.",
            _also_careless(codes=lambda z, z_prior: z),
        ),
        Mistake(
            "reconstructions forgotten",
            "In Larsen et al. the reconstructions play as well.",
            _also_careless(codes=lambda z, z_prior: z_prior),
        ),
        Mistake(
            "labels swapped",
            "A high score means real: the discriminator should raise it for real pictures.",
            (
                *_also_careless(catch_real=F.softplus, catch_fake=_wanted),
                *_also_careless(catch_real=F.softplus, catch_fake=_wanted, fool=F.softplus),
            ),
        ),
        Mistake(
            "decoder wants to be caught",
            "The decoder's label for its own picture is 'real'.",
            _also_careless(fool=F.softplus),
        ),
        Mistake(
            "saturating game",
            "log(1 − σ) is flat just when the decoder is losing; take −log σ.",
            _also_careless(fool=lambda score: -F.softplus(score)),
        ),
        Mistake(
            "summed over the batch",
            "Means are asked for: with sums, the learning rate would depend on the batch size.",
            _also_careless(reduce=torch.sum),
        ),
        Mistake(
            "discriminator left frozen",
            "The losses are right, but afterwards the discriminator's weights take no gradients any more.",
            _variant(thaw=False),
        ),
    ),
    reference=game_losses,
    observe=_observe,
    cases=_cases,
)

"""Exercise of chapter 02: new pictures from the prior."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vae_course.exercises.chapter_02_sampling import judge_generator
from vae_course.exercises.compare import contract_problem
from vae_course.exercises.exercise import CONTRACT, WRONG, Exercise, Mistake, Verdict
from vae_course.models import VAE

N = 8000


def generate(model: VAE, n: int, generator: torch.Generator | None = None) -> Tensor:
    z = torch.randn(n, model.latent_dim, generator=generator)
    return torch.sigmoid(model.decode(z))


class _WatchedVAE(VAE):
    """Remembers every code it is asked to decode."""

    def __init__(self) -> None:
        super().__init__(image_shape=(1, 4, 4), latent_dim=3, hidden_dims=(8,))
        for parameter in self.parameters():
            # Untrained logits are all close to 0, where many mistakes look alike.
            parameter.data.mul_(4)
        self.codes: list[Tensor] = []

    def decode(self, z: Tensor) -> Tensor:
        self.codes.append(z.detach().reshape(-1, self.latent_dim))
        return super().decode(z)


def _grade(answer: Callable) -> Verdict | None:
    named = GENERATE.named
    model = _WatchedVAE()
    images = answer(model, N, torch.Generator().manual_seed(0))
    if not model.codes:
        return Verdict(CONTRACT, "model.decode was never called: pictures come from decoding codes z.")
    z = torch.cat(model.codes)
    spread = z.std(0)
    if z.abs().max() < 1e-6:
        return named("only the prior's mean")
    if len(z) < N or spread.max() < 1e-6:
        return named("one code for all pictures")
    if z.abs().max() <= 1:
        return named("codes drawn uniformly")
    if (z.mean(0).abs() > 0.06).any() or ((spread - 1).abs() > 0.05).any():
        return named(
            "not the prior", f"Yours has standard deviations of {spread[0]:.2f} to {spread[-1]:.2f}."
        )
    logits = VAE.decode(model, z).detach()
    problem = contract_problem(images, logits, label="the pictures")
    if problem:
        return Verdict(CONTRACT, problem[0].upper() + problem[1:])
    images = torch.as_tensor(images).detach()
    for wrong, name in (
        (logits, "logits taken for probabilities"),
        (torch.sigmoid(torch.sigmoid(logits)), "sigmoid applied twice"),
        (logits.clamp(0, 1), "logits clamped"),
    ):
        if torch.allclose(images.float(), wrong, atol=1e-4):
            return named(name)
    if ((images == 0) | (images == 1)).all():
        return named("pixels drawn")
    if not torch.allclose(images.float(), torch.sigmoid(logits), atol=1e-4):
        return Verdict(WRONG, "Not yet: the codes are right, but the pictures are not p(x = 1 | z).")
    return judge_generator(lambda generator: answer(model, 4, generator), GENERATE)


def _broken(draw: Callable, picture: Callable[[Tensor], Tensor] = torch.sigmoid) -> Callable:
    def function(model: VAE, n: int, generator: torch.Generator | None = None) -> Any:
        return picture(model.decode(draw(n, model.latent_dim, generator=generator)))

    return function


GENERATE = Exercise(
    id="02.6",
    title="New pictures from the prior",
    contract="generate(model, n, generator=None): a VAE with a Bernoulli likelihood (model.latent_dim, "
    "model.decode(z) -> logits). Returns n new pictures as pixel probabilities p(x = 1 | z) in [0, 1], "
    "float, (n, channel, height, width), each from its own z ~ p(z). All randomness is the generator's.",
    stub='''def generate(model, n: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """n new pictures as pixel probabilities, each from its own z ~ p(z): (n, channel, height, width)."""
    ...''',
    hints=(
        "No picture goes in, so the encoder has nothing to do: where does z come from?",
        "The prior is N(0, I) in model.latent_dim dimensions; draw n codes from it at once.",
        "The decoder returns logits: which function turns a logit into a probability, and how often?",
    ),
    mistakes=(
        Mistake(
            "only the prior's mean",
            "Every picture is the decoder's answer to z = 0. Draw codes.",
            _broken(lambda n, k, generator: torch.zeros(n, k)),
        ),
        Mistake(
            "one code for all pictures",
            "Each picture needs a code of its own.",
            _broken(lambda n, k, generator: torch.randn(1, k, generator=generator).expand(n, k)),
        ),
        Mistake(
            "codes drawn uniformly",
            "The prior is Gaussian: look at the last letter of the function that draws it.",
            (
                _broken(torch.rand),
                _broken(lambda n, k, generator: 2 * torch.rand(n, k, generator=generator) - 1),
            ),
        ),
        Mistake(
            "not the prior",
            "New pictures start from p(z) = N(0, I), with no example's mean or σ.",
            _broken(lambda n, k, generator: 0.3 * torch.randn(n, k, generator=generator)),
        ),
        Mistake(
            "logits taken for probabilities",
            "A probability lies between 0 and 1; the decoder's output does not.",
            _broken(torch.randn, lambda logits: logits),
        ),
        Mistake(
            "sigmoid applied twice",
            "All your pixels lie between 0.5 and 0.73. Count the sigmoids.",
            _broken(torch.randn, lambda logits: torch.sigmoid(torch.sigmoid(logits))),
        ),
        Mistake(
            "logits clamped",
            "Cutting a logit off at 0 and 1 does not make it a probability.",
            _broken(torch.randn, lambda logits: logits.clamp(0, 1)),
        ),
        Mistake(
            "pixels drawn",
            "That is a draw from p(x|z). The probabilities themselves are asked for.",
            (
                _broken(torch.randn, lambda logits: torch.bernoulli(torch.sigmoid(logits))),
                _broken(torch.randn, lambda logits: (logits > 0).float()),
            ),
        ),
        Mistake(
            "generator ignored",
            "Two generators with the same seed should give the same pictures: pass yours on.",
            _broken(lambda n, k, generator: torch.randn(n, k)),
        ),
        Mistake(
            "always the same noise",
            "Two calls should give two sets of pictures: no seed belongs inside the function.",
            _broken(lambda n, k, generator: torch.randn(n, k, generator=torch.Generator().manual_seed(0))),
        ),
    ),
    reference=generate,
    grade=_grade,
)

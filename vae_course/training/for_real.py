"""Train one setting for real, with progress and a way to stop, and compare it with the shortcut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vae_course.elbo import elbo_terms
from vae_course.models import VAE
from vae_course.training.fit import fit
from vae_course.training.seeding import seed_everything

# Found on held-out digits; a VAE gains several nats from each of them when training is short.
GOOD_SETTINGS = {
    "batch_size": 256,
    "learning_rate": 6e-3,
    "schedule": "linear",
    "warmup": 0.05,
    "kl_warmup": 0.5,
}


class TrainingCanceled(Exception):
    """Somebody asked for the end of a training run before it was there."""


@dataclass(frozen=True)
class Comparison:
    """A model trained for one setting against the one-for-all model at that setting, on held-out pictures.

    Attributes:
        beta, k: the setting.
        trained, shortcut: distortion + β·rate of the two, nats per example.
        model: the model that was trained.
    """

    beta: float
    k: int
    trained: float
    shortcut: float
    model: VAE

    @property
    def gap(self) -> float:
        """shortcut − trained, nats; negative where the shortcut is better."""
        return self.shortcut - self.trained

    def __str__(self) -> str:
        word = "behind" if self.gap >= 0 else "ahead of"
        return (
            f"β = {self.beta:.3g}, k = {self.k}: trained for real {self.trained:.2f} nats, shortcut "
            f"{self.shortcut:.2f} nats; the shortcut is {abs(self.gap):.2f} nats {word} it."
        )


def train_for_real(
    one_model,
    train,
    held_out,
    beta: float,
    k: int,
    *,
    epochs: int = 4,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
    canceled: Callable[[], bool] | None = None,
) -> Comparison:
    """Train an ordinary VAE of the same size for one (β, k), and measure both on held-out pictures.

    Args:
        one_model: the :class:`vae_course.models.multirate.OneModel` to compare with.
        train, held_out: ImageData.
        beta, k: the setting.
        epochs: passes through ``train``.
        seed: of weights, order and noise.
        on_progress: called now and then with the share of the run that is done, 0 to 1.
        canceled: asked before every update; True ends the run.

    Raises:
        TrainingCanceled: ``canceled`` said so.
    """
    from vae_course.evaluation import evaluate

    shortcut = one_model.at(beta, k)
    seed_everything(seed)
    names = ("hidden_dims", "likelihood", "activation")
    model = VAE.for_data(train, latent_dim=int(k), **{name: one_model.config[name] for name in names})
    total = epochs * -(-len(train) // GOOD_SETTINGS["batch_size"])
    steps = 0

    def watched(model, x, generator):
        nonlocal steps
        if canceled is not None and canceled():
            raise TrainingCanceled(f"canceled after {min(steps, total)} of {total} updates.")
        if model.training:
            steps += 1
            if on_progress is not None and (steps % max(1, total // 50) == 0 or steps == total):
                on_progress(steps / total)
        return elbo_terms(model, x, generator)

    fit(
        model,
        train,
        epochs=epochs,
        beta=float(beta),
        seed=seed,
        device="cpu",
        objective=watched,
        progress=False,
        eval_examples=1,
        **GOOD_SETTINGS,
    )
    losses = []
    for candidate in (model, shortcut):
        measured = evaluate(candidate, held_out)
        losses.append(measured.reconstruction.value + beta * measured.kl.value)
    return Comparison(float(beta), int(k), *losses, model)

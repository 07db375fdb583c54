"""Small runs of fit that one process and several processes must end with the same result.

As a script: one of several processes; trains every run, and process 0 leaves the results in a file.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import torch
from cli_run import SMALL
from tiny_data import InterruptedAt, tiny_images

from vae_course.__main__ import main as command
from vae_course.elbo import elbo_terms
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.training import distributed as processes
from vae_course.training.loop import fit

EXAMPLES = {"uneven last batch": 53, "last batch of one": 51}  # with batches of 10 for two processes
RUNS = {
    "plain": {},
    "dynamic binarization": {"binarize": "dynamic"},
    "uneven last batch": {"binarize": "dynamic"},
    "last batch of one": {"binarize": "dynamic"},
    "augmented": {"augment": True},
    "free bits": {"free_bits": 0.02, "kl_warmup": 0.5},
    "clip, early stopping": {
        "gradient_clip": 0.5,
        "patience": 2,
    },
    "four draws of z": {"draws": 4},
}
COMMAND = ["train", *SMALL, "--epochs", "3", "--batch-size", "50", "--binarize", "dynamic"]


class InFloat64:
    """The same data in float64, so that sums in another order differ by next to nothing."""

    def __init__(self, data):
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def to(self, device) -> "InFloat64":
        return InFloat64(self.data.to(device))

    def batch(self, index, generator=None):
        x = self.data.batch(index, generator)
        return tuple(part.double() for part in x) if isinstance(x, tuple) else x.double()


def four_draws(model, x, generator=None):
    return elbo_terms(model, x, generator, n_samples=4)


def run(name: str, checkpoint=None, interrupt_at=None, **more):
    """One call of fit in float64; returns its weights and its history as a dict."""
    settings = {"epochs": 4, "batch_size": 10, "learning_rate": 0.01, "precision": "highest"}
    settings |= {**RUNS[name], **more}
    train = tiny_images(EXAMPLES.get(name, 50), binarize=settings.pop("binarize", None))
    held_out = tiny_images(31, seed=1)
    if settings.pop("augment", False):
        train = train.augmented()
    if settings.pop("draws", None):
        settings["objective"] = four_draws
    seed_everything(0)
    model = VAE.for_data(train, latent_dim=2, hidden_dims=[8]).double()
    train, held_out = InFloat64(train), InFloat64(held_out)
    if interrupt_at is not None:
        train = InterruptedAt(train, interrupt_at)
    history = fit(model, train, held_out, device="cpu", progress=False, checkpoint=checkpoint, **settings)
    return {"weights": model.state_dict(), "history": asdict(history)}


def main(folder: Path) -> None:
    with processes.process_group():
        found = {name: run(name) for name in RUNS}
        # Interrupted in the third epoch, and resumed.
        try:
            run("uneven last batch", folder / "run.pt", interrupt_at=20)
        except KeyboardInterrupt:
            found["resumed"] = run("uneven last batch", folder / "run.pt", resume=True)
        found["command"] = command([*COMMAND, "--quiet", "--output", str(folder / "straight")])
        found["refused"] = refusal(other_draws)
        if processes.rank() == 0:
            torch.save(found, folder / "found.pt")


def refusal(case) -> str:
    try:
        case()
    except ValueError as error:
        return str(error)
    return "nothing was refused"


def other_draws() -> None:
    def objective(model, x, generator=None):
        return elbo_terms(model, torch.bernoulli(x, generator=generator), generator)

    run("plain", objective=objective)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

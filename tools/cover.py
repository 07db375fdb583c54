"""The picture on the README: the whole of a two-dimensional code, decoded."""

import io
from pathlib import Path

from vae_course.files import write_atomically

FIGURE = "assets/figures/manifold.png"


def draw(root: Path) -> Path:
    """Train a VAE with two latent dimensions on MNIST (a minute on two cores) and decode a grid of codes.

    Returns:
        The file written.
    """
    from vae_course import VAE, fit, load, seed_everything
    from vae_course.plots.images import manifold

    seed_everything(0)
    train, validation = load("mnist", "train"), load("mnist", "validation")
    model = VAE.for_data(train, latent_dim=2, hidden_dims=(512, 256))
    fit(
        model,
        train,
        validation,
        epochs=15,
        batch_size=256,
        learning_rate=4e-3,
        schedule="linear",
        warmup=0.05,
        kl_warmup=0.3,
    )
    picture = io.BytesIO()
    manifold(model, n=22).savefig(picture, format="png", dpi=110, metadata={"Software": None})
    write_atomically(root / FIGURE, picture.getvalue())
    return root / FIGURE

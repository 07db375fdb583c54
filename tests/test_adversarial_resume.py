"""An interrupted fit_gan that is resumed equals one that was never interrupted."""

import pytest
import torch
from test_adversarial import QUIET, RING, players, run
from tiny_data import InterruptedAt, tiny_images

from vae_course.data.tables import PointData
from vae_course.models.gan import Generator
from vae_course.training.adversarial import fit_gan
from vae_course.weights import CheckpointError, load_model, save_checkpoint


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"penalty": 0.5, "penalty_every": 3, "loss": "hinge"},
        {"instance_noise": 0.3, "discriminator_learning_rate": 2e-3},
        {"spectral_norm": True},
    ],
)
@pytest.mark.parametrize("data", [RING, tiny_images(50, binarize="dynamic")], ids=["points", "pictures"])
def test_resumed_equals_uninterrupted(tmp_path, settings, data):
    settings = {"record_every": 5, **settings}
    straight = run(data, checkpoint=tmp_path / "straight.pt", **settings)
    path = tmp_path / "interrupted.pt"
    for call, build_seed in ((8, 0), (7, 7)):  # stop at steps 8 and 5 + 7
        with pytest.raises(KeyboardInterrupt):
            generator, discriminator = players(
                data, build_seed, spectral_norm=settings.get("spectral_norm", False)
            )
            rest = {k: v for k, v in settings.items() if k != "spectral_norm"}
            fit_gan(
                generator, discriminator, InterruptedAt(data, call), steps=20, batch_size=32, seed=0,
                checkpoint=path, resume=True, **rest, **QUIET,
            )  # fmt: skip
    resumed = run(data, build_seed=99, checkpoint=path, resume=True, **settings)
    for one, other in zip(straight[:2], resumed[:2], strict=True):
        assert all(torch.equal(one[k], other[k]) for k in one)
    strip = [[{**r, "seconds": 0} for r in h.records] for h in (straight[2], resumed[2])]
    assert strip[0] == strip[1] and [r["step"] for r in strip[0]] == [5, 10, 15, 20]
    assert isinstance(load_model(path), Generator)


def test_other_settings_and_other_files_are_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(checkpoint=path)
    with pytest.raises(CheckpointError, match=r"penalty 0.0 → 1.0; seed 0 → 3"):
        run(checkpoint=path, resume=True, penalty=1.0, seed=3)
    with pytest.raises(CheckpointError, match="examples 200 → 100"):
        run(PointData(RING.points[:100]), checkpoint=path, resume=True)
    with pytest.raises(CheckpointError, match="on other training data"):
        run(PointData(RING.points + 1e-3), checkpoint=path, resume=True)
    with pytest.raises(CheckpointError, match="discriminator .*'spectral_norm': False.* → .*True"):
        run(checkpoint=path, resume=True, spectral_norm=True)
    save_checkpoint(path, players()[0])
    with pytest.raises(CheckpointError, match="without the state of its training"):
        run(checkpoint=path, resume=True)

"""Training one model for all settings, its file, and the weights that come with the course."""

import math

import pytest
import torch
from tiny_data import tiny_images

from recipes.one_model import (
    KNOT_SHARES,
    AllSettings,
    draw_settings,
    fit_one_model,
    main,
    train_one_model,
)
from recipes.shipping import ship
from vae_course.evaluation.bounds import evaluate
from vae_course.models.one_model import OneModel
from vae_course.models.vae import VAE
from vae_course.randomness import seed_everything
from vae_course.weights import CheckpointError, load_one_model, save_checkpoint


def small(data, **arguments) -> OneModel:
    seed_everything(0)
    return OneModel.for_data(data, **{"latent_dim": 6, "hidden_dims": (32, 24), **arguments})


def test_settings_are_drawn_as_promised():
    model = OneModel(image_shape=(1, 4, 4), latent_dim=32, hidden_dims=(8,))
    n = 40_000
    beta, k = draw_settings(model, n, torch.Generator().manual_seed(0))
    low, high = model.beta_range
    place = (beta.log() - math.log(low)) / math.log(high / low)
    assert beta.min() >= low * 0.9999 and beta.max() <= high * 1.0001
    assert abs(place.mean() - 0.5) < 4 * math.sqrt(1 / 12 / n) and abs(place.std() - math.sqrt(1 / 12)) < 0.01
    assert set(k.tolist()) == set(map(float, range(2, 33)))
    first, between, last = KNOT_SHARES
    rest = 1 - first - 2 * between - last
    for size, share in ((2, first), (4, between), (8, between), (11, 0.0), (32, last)):
        expected = share + rest * math.log((size + 1) / size) / math.log(33 / 2)
        assert abs((k == size).float().mean() - expected) < 4 * math.sqrt(0.25 / n), size
    assert (
        draw_settings(model, n, torch.Generator().manual_seed(0), progress=0.0)[1] == 32
    ).float().mean() > 0.6


def test_the_objective_is_the_weighted_elbo_of_each_setting():
    data = tiny_images(64)
    model = small(data).eval()
    x = data.floats()
    terms = AllSettings(10)(model, x, torch.Generator().manual_seed(5))
    generator = torch.Generator().manual_seed(5)
    beta, k = draw_settings(model, 64, generator)
    noise = torch.randn(64, 6, generator=generator)
    for i in (0, 9, 63):
        plain, size = model.at(beta[i].item(), int(k[i])), int(k[i])
        posterior = plain.encode(x[i : i + 1])
        z = posterior.mean + posterior.std * noise[i : i + 1, :size]
        weight = (1 + beta[i].item()) ** -0.5
        expected = -weight * plain.log_likelihood(x[i : i + 1], z).item()
        assert terms.reconstruction[i].item() == pytest.approx(expected, rel=1e-4)
        assert terms.kl[i].item() == pytest.approx(weight * beta[i].item() * posterior.kl().item(), rel=1e-3)
    assert int(model.updates) == 0  # measuring is not training


def test_training_helps_at_every_corner_and_large_beta_means_a_small_rate():
    data = tiny_images(256)
    model = small(data)
    before = {setting: loss(model, data, *setting) for setting in [(0.25, 2), (0.25, 6), (8.0, 2), (8.0, 6)]}
    fit_one_model(model, data, epochs=30, batch_size=64, progress=False, device="cpu")
    assert int(model.updates) == 30 * 4
    for setting, old in before.items():
        assert loss(model, data, *setting) < old - 3, setting
    rates = [evaluate(model.at(beta, 6), data).kl.value for beta in (0.25, 1.0, 8.0)]
    assert rates[0] > rates[1] > rates[2]


def loss(model, data, beta, k) -> float:
    measured = evaluate(model.at(beta, k), data)
    return measured.reconstruction.value + beta * measured.kl.value


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path):
    data = tiny_images(64)
    settings = {"epochs": 4, "batch_size": 16, "progress": False, "device": "cpu"}
    whole = small(data)
    fit_one_model(whole, data, **settings)
    first, calls = small(data), 0

    class Stop(Exception):
        pass

    class Stopping(type(data)):
        def batch(self, index, generator=None):
            nonlocal calls
            calls += 1
            if calls > 14:
                raise Stop
            return super().batch(index, generator)

    stopping = Stopping(**{name: getattr(data, name) for name in data.__dataclass_fields__})
    with pytest.raises(Stop):
        fit_one_model(first, stopping, checkpoint=tmp_path / "run.pt", **settings)
    second = small(data)
    fit_one_model(second, data, checkpoint=tmp_path / "run.pt", resume=True, **settings)
    for name, part in whole.state_dict().items():
        assert torch.equal(part, second.state_dict()[name]), name


def test_a_file_gives_the_model_back_nearly(tmp_path):
    data = tiny_images(64)
    model = train_one_model(
        data,
        path=tmp_path / "one.pt",
        latent_dim=5,
        hidden_dims=(16,),
        epochs=2,
        progress=False,
        device="cpu",
    )
    again = load_one_model(tmp_path / "one.pt")
    assert again.config == model.config and not again.training
    assert {part.dtype for part in again.parameters()} == {torch.float32}
    x = data.floats()
    assert torch.allclose(again.at(1.0, 4).encode(x).mean, model.at(1.0, 4).encode(x).mean, atol=0.02)


def test_wrong_files_are_refused(tmp_path):
    save_checkpoint(tmp_path / "vae.pt", VAE(latent_dim=2, hidden_dims=(4,)))
    with pytest.raises(CheckpointError, match="OneModel"):
        load_one_model(tmp_path / "vae.pt")
    model = OneModel(image_shape=(1, 4, 4), latent_dim=4, hidden_dims=(8,))
    model.config["latent_dim"] = 5
    ship(tmp_path / "mixed.pt", model)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_one_model(tmp_path / "mixed.pt")


def test_the_command_writes_a_file_that_loads(tmp_path, capsys):
    words = "--dataset digits --subset 100 --hidden-dims 16 --latent-dim 4 --epochs 1 --device cpu --output"
    assert main([*words.split(), str(tmp_path / "one.pt")]) == 0
    assert "Wrote" in capsys.readouterr().out
    assert load_one_model(tmp_path / "one.pt").latent_dim == 4
    with pytest.raises(SystemExit):
        main(["--latent-dim", "2", "--output", str(tmp_path / "none.pt")])
    assert "--latent-dim: 2 is not a whole number of at least 3" in capsys.readouterr().err

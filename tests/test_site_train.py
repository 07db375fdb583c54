"""The VAE that learns in the page, term by term beside PyTorch's: the same weights, batches and noise."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector

from vae_course.elbo import ElboTerms
from vae_course.models.vae import VAE
from vae_course.randomness import seeded

PLAY = Path(__file__).parents[1] / "docs" / "site" / "static" / "play"
SIZE, ROWS, EPOCHS = 64, 210, 40  # of a batch; pictures, so that the last batch is smaller; passes
HIDDEN, RATE = (128, 64), 1e-2
MOST = 0.05  # nats; the bar is 1

RUN = """
import { readFileSync } from "node:fs";
import { SmallVAE } from "./small_vae.js";
const { mean, code, hidden, start, x, batches, noise, beta, rate } = JSON.parse(readFileSync(0));
const model = new SmallVAE(mean, code, hidden), pixels = mean.length, terms = [];
model.weights.set(start);
let gradient;
batches.forEach((rows, i) => {
  const batch = Float64Array.from(rows.flatMap((r) => x.slice(r * pixels, (r + 1) * pixels)));
  const found = model.update(batch, Float64Array.from(noise[i]), rows.length, beta, rate);
  terms.push({ ...found, units: Array.from(found.units) });
  gradient ??= Array.from(model.gradient);
});
console.log(JSON.stringify({ terms, gradient, weights: Array.from(model.weights) }));
"""


def small_digits() -> torch.Tensor:
    from sklearn.datasets import load_digits

    return torch.from_numpy(load_digits().images).float() / 16


def model_of(x: torch.Tensor, code: int, hidden=HIDDEN) -> VAE:
    """The course's VAE with the page's sizes, centered on 8×8 pictures x."""
    torch.manual_seed(0)
    model = VAE((1, 8, 8), code, hidden, activation="relu")
    mean = (x.sum(0) + 1) / (len(x) + 2)
    model.input_mean.copy_(mean)
    model.output_offset.copy_(torch.logit(mean))
    return model


def run_in_node(folder: Path, task: dict) -> dict:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node (Debian: apt-get install nodejs) to run the page's arithmetic")
    for name in ("small_vae.js", "layers.js"):
        shutil.copy(PLAY / name, folder / name)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(RUN)
    said = subprocess.run([node, "run.js"], cwd=folder, input=json.dumps(task), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.mark.parametrize(("code", "beta"), [(2, 1.0), (5, 0.25)])
def test_training_in_the_page_is_pytorchs(tmp_path, code, beta):
    x = small_digits()[:ROWS]
    model, noise = model_of(x, code), seeded("train in the page")
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    batches = [b for _ in range(EPOCHS) for b in torch.randperm(ROWS, generator=noise).split(SIZE)]
    draws = [torch.randn(len(rows), code, generator=noise) for rows in batches]
    task = {
        "mean": model.input_mean.flatten().tolist(),
        "code": code,
        "hidden": HIDDEN,
        "start": parameters_to_vector(model.parameters()).tolist(),
        "x": x.flatten().tolist(),
        "batches": [rows.tolist() for rows in batches],
        "noise": [draw.flatten().tolist() for draw in draws],
        "beta": beta,
        "rate": RATE,
    }
    page, gradient, terms = run_in_node(tmp_path, task), None, []
    for rows, draw in zip(batches, draws, strict=True):
        pictures = x[rows, None]
        posterior = model.encode(pictures)
        kl = posterior.kl_per_dimension()
        z = posterior.mean + posterior.std * draw
        found = ElboTerms(-model.log_likelihood(pictures, z), kl.sum(-1), kl)
        optimizer.zero_grad()
        found.loss(beta).backward()
        if gradient is None:
            gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
        optimizer.step()
        terms.append([found.reconstruction.mean().item(), found.kl.mean().item()])
    assert len(page["gradient"]) == len(gradient)
    difference = np.abs(np.array(page["gradient"]) - gradient.numpy())
    assert difference.max() < 1e-4 and gradient.abs().max() > 1e-2
    in_page = np.array([[term["distortion"], term["rate"]] for term in page["terms"]])
    assert np.abs(in_page - terms).max() < MOST
    negative_elbo = [term["negativeElbo"] for term in page["terms"]]
    assert np.abs(np.array(negative_elbo) - np.sum(terms, 1)).max() < MOST
    assert in_page[-1, 0] < in_page[0, 0] - 1  # it has learned something
    assert all(sum(term["units"]) == pytest.approx(term["rate"]) for term in page["terms"])
    print(difference.max(), np.abs(in_page - terms).max(), negative_elbo[0], negative_elbo[-1])

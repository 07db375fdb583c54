"""The explorers that train on digits and let draw one, in a real browser: term by term beside PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_explorers import EXPLORERS, alive, array
from torch.nn.utils import parameters_to_vector

from tools.drawing_numbers import LIMIT, SIZES, small_digits
from tools.explorer_files import numbers, write
from tools.explorers import FILES
from vae_course.data import load
from vae_course.elbo import ElboTerms
from vae_course.models.vae import VAE
from vae_course.randomness import seeded
from vae_course.weights import load_one_model

SIZE, ROWS, EPOCHS = 64, 210, 40  # of a batch; pictures, so that the last batch is smaller; passes
HIDDEN, RATE = (128, 64), 1e-2
MOST = {torch.float64: 1e-4, torch.float32: 1.0}  # nats; rounding grows in training

# What the page's arithmetic makes of weights, batches and noise that the test gives.
TRAIN = """(async ({ mean, code, hidden, start, x, batches, noise, beta, rate }) => {
  const { SmallVAE } = await import("./play/small_vae.js");
  const model = new SmallVAE(mean, code, hidden), pixels = mean.length, terms = [];
  let gradient;
  model.weights.set(start);
  batches.forEach((rows, i) => {
    const batch = Float64Array.from(rows.flatMap((r) => x.slice(r * pixels, (r + 1) * pixels)));
    const found = model.update(batch, Float64Array.from(noise[i]), rows.length, beta, rate);
    terms.push({ ...found, units: Array.from(found.units) });
    gradient ??= Array.from(model.gradient);
  });
  return { terms, gradient };
})"""


def _weights(folder: Path) -> None:
    for name in ("small_digits", "drawing", "one_model_mnist", "layers_mnist"):
        write(folder / f"{name}.bin", *FILES[name]())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The two explorers alive on one page."""
    both = [explorer for explorer in EXPLORERS if explorer.name in ("train_vae", "draw_digit")]
    with alive(tmp_path_factory.mktemp("digits"), both, _weights) as page:
        assert all(page.value(f"at('{one.name}').dataset.state === 'ready'") for one in both)
        yield page
        assert page.value("problems") == []


def press(page, name: str, text: str) -> None:
    """Press the button of an explorer by the keyboard."""
    page.value(
        f"[...at('{name}').querySelectorAll('button')].find((b) => b.textContent === '{text}').focus()"
    )
    page.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13, text="\r")
    page.call("Input.dispatchKeyEvent", type="keyUp", key="Enter", windowsVirtualKeyCode=13)


# Train a VAE in the page.


def pictures(n: int) -> torch.Tensor:
    """The first training digits of the page, (n, 8, 8) in [0, 1]."""
    return small_digits()[1]["counts"][:n].view(-1, 8, 8) / 16


def test_the_page_trains_on_the_course_s_training_part():
    config, arrays = small_digits()
    parts = [load("digits", part) for part in ("train", "validation")]
    assert config["train"] == len(parts[0]) == 1197 and len(arrays["counts"]) == 1497
    assert arrays["labels"].tolist() == torch.cat([part.labels for part in parts]).tolist()
    # The course's 28×28 digits were made from these counts: 20 of 28 pixels hold their 8 blocks.
    larger = torch.cat([part.images for part in parts])[:, :, 4:24, 4:24].float()
    blocks = torch.nn.functional.interpolate(larger, size=(8, 8), mode="area").flatten(1)
    both = torch.stack([blocks.flatten(), arrays["counts"].float().flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("code", "beta", "dtype"), [(2, 1.0, torch.float32), (2, 1.0, torch.float64), (5, 0.25, torch.float64)]
)
def test_training_in_the_page_is_pytorchs(page, code, beta, dtype):
    x, noise = pictures(ROWS).to(dtype), seeded("train in the page")
    torch.manual_seed(0)
    model = VAE((1, 8, 8), code, HIDDEN, activation="relu").to(dtype)
    mean = (x.sum(0) + 1) / (len(x) + 2)
    model.input_mean.copy_(mean)
    model.output_offset.copy_(torch.logit(mean))
    batches = [b for _ in range(EPOCHS) for b in torch.randperm(ROWS, generator=noise).split(SIZE)]
    draws = [torch.randn(len(rows), code, generator=noise) for rows in batches]
    task = {
        "mean": mean.flatten().tolist(),
        "code": code,
        "hidden": HIDDEN,
        "start": parameters_to_vector(model.parameters()).tolist(),
        "x": x.flatten().tolist(),
        "batches": [rows.tolist() for rows in batches],
        "noise": [draw.flatten().tolist() for draw in draws],
        "beta": beta,
        "rate": RATE,
    }
    found = page.value(f"{TRAIN}({json.dumps(task)})")
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    gradient, expected = None, []
    for rows, draw in zip(batches, draws, strict=True):
        batch = x[rows, None]
        posterior = model.encode(batch)
        kl = posterior.kl_per_dimension()
        z = posterior.mean + posterior.std * draw
        terms = ElboTerms(-model.log_likelihood(batch, z), kl.sum(-1), kl)
        optimizer.zero_grad()
        terms.loss(beta).backward()
        if gradient is None:
            gradient = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
        optimizer.step()
        expected.append([terms.reconstruction.mean().item(), terms.kl.mean().item()])
    assert len(found["gradient"]) == len(gradient) and gradient.abs().max() > 1e-2
    difference = np.abs(np.array(found["gradient"]) - gradient.numpy()).max()
    assert difference < 1e-4
    in_page = np.array([[term["distortion"], term["rate"]] for term in found["terms"]])
    apart = np.abs(in_page - expected).max()
    assert apart < MOST[dtype]
    assert [term["negativeElbo"] for term in found["terms"]] == pytest.approx(in_page.sum(1).tolist())
    assert in_page[-1, 0] < in_page[0, 0] - 1  # it has learned something
    print(f"code {code}, {dtype}: gradients within {difference:.1e}, terms within {apart:.1e} nats")


def test_the_page_learns_collapses_and_begins_anew(page):
    page.value("at('train_vae').scrollIntoView()")
    shown = "at('train_vae').shown"
    first = page.value(f"{shown}.held.negativeElbo")
    press(page, "train_vae", "One pass")
    page.until(f"{shown}.passes === 1 && !{shown}.going", 60, "one pass")
    assert page.value(f"{shown}.updates") == 19
    press(page, "train_vae", "Start")
    page.until(f"{shown}.passes >= 15", 120, "fifteen passes")
    learned = page.value(f"({{ now: {shown}.held.negativeElbo, active: {shown}.active }})")
    assert learned["now"] < first - 1.5 and learned["active"] == 2
    page.value("put('train_vae', { 'β, price of a nat': 5 })")
    page.until(f"{shown}.active === 0", 120, "the collapse")
    said = page.value("at('train_vae').querySelector('[role=status]').textContent")
    assert "0 of 2 numbers active" in said and "rate 0.0" in said
    press(page, "train_vae", "Pause")
    page.until(f"!{shown}.going", 60, "the pause")
    page.value("put('train_vae', { 'β, price of a nat': 0, 'numbers in the code': '3' })")
    press(page, "train_vae", "Reset")
    page.until(f"{shown}.passes === 0 && {shown}.held.rate > 0", 60, "a new beginning")
    page.value("put('train_vae', { 'numbers in the code': '2' })")
    page.until(f"Math.abs({shown}.held.negativeElbo - {first}) < 1e-9", 60, "the same beginning")


# Draw a digit.


def test_a_drawing_is_scaled_and_centered(page):
    page.value("import('./play/strokes.js').then((module) => { window.strokes = module; })")
    page.until("!!window.strokes", 30, "the module")
    small, moved = "[[[0.1, 0.2], [0.2, 0.5], [0.15, 0.3]]]", "[[[3, 4], [5, 10], [4, 6]]]"
    first, second = (array(page, f"strokes.picture({s})", 28, 28) for s in (small, moved))
    assert torch.allclose(first, second, atol=1e-4)
    places = torch.arange(28) + 0.5
    for image in (first, array(page, "strokes.picture(strokes.drawings()[7][1])", 28, 28)):
        assert 0 <= image.min() and image.max() == 1
        for axis in (0, 1):
            assert (image.sum(axis) * places).sum() / image.sum() == pytest.approx(14, abs=0.1)
            assert (image.amax(axis) > 0.5).sum() <= 21  # 20 where they fall on whole pixels
        assert max((image.amax(axis) > 0.5).sum() for axis in (0, 1)) >= 19
    assert array(page, "strokes.picture([])", 28, 28).sum() == 0
    assert array(page, "strokes.picture([[[0.4, 0.4]]])", 28, 28).sum() > 1
    sums = (
        "strokes.drawings().slice(0, 10).map(([, lines]) => strokes.picture(lines).reduce((a, b) => a + b))"
    )
    ink = page.value(sums)
    assert np.median(ink) == pytest.approx(numbers()["drawing"]["ink"], rel=0.15)  # as much as MNIST's


@torch.no_grad()
@pytest.mark.parametrize("name", ["8", "a house"])
def test_a_drawing_costs_what_pytorch_says(page, name):
    page.value(f"put('draw_digit', {{ 'begin with': '{name}', turn: 10 }})")
    image = array(page, "at('draw_digit').shown.image", 1, 1, 28, 28)
    parts = "[one.rate, one.distortion, one.total, one.share, one.odd]"
    found = page.value(f"at('draw_digit').shown.found.map((one) => {parts})")
    for i, k in enumerate(SIZES):
        model = load_one_model("mnist").at(1.0, k)
        posterior = model.encode(image)
        page.value("import('./play/weights.js').then(({ normals }) => { window.normals = normals; })")
        page.until("!!window.normals", 30, "the module")
        noise = array(page, f"normals(16 * {k}, {k})", 16, 1, k)
        distortion = -model.log_likelihood(image, posterior.mean + posterior.std * noise).mean()
        rate, total = posterior.kl().item(), (posterior.kl() + distortion).item()
        assert found[i][:3] == pytest.approx([rate, distortion.item(), total], abs=0.1)
        rebuilt = array(page, f"at('draw_digit').shown.found[{i}].rebuilt", 1, 1, 28, 28)
        assert (rebuilt - model.reconstruct(image)).abs().max() < 0.02
        kept = numbers()["drawing"]["sizes"][str(k)]
        share, odd = found[i][3:]
        assert kept["percentiles"][int(share)] <= total + 0.1 and odd == (total > kept["limit"])
        assert kept["percentiles"][round(100 * LIMIT)] == kept["limit"]


def test_a_hand_draws_and_keys_choose(page):
    page.value("put('draw_digit', { turn: 0 })")
    press(page, "draw_digit", "Clear")
    page.until("!at('draw_digit').shown.drawn", 30, "an empty pad")
    assert "Nothing is drawn" in page.value("at('draw_digit').querySelector('[role=status]').textContent")
    page.value("at('draw_digit').querySelector('canvas').scrollIntoView({ block: 'center' })")
    where = "at('draw_digit').querySelector('canvas').getBoundingClientRect()"
    x, y, width, height = page.value(f"(({{ x, y, width, height }}) => [x, y, width, height])({where})")
    path = [(0.5, 0.2), (0.5, 0.4), (0.5, 0.6), (0.5, 0.8)]  # a 1
    for kind, (across, down) in zip(("mousePressed", *["mouseMoved"] * 3), path, strict=True):
        at = {
            "x": x + across * width,
            "y": y + down * height,
            "button": "left",
            "buttons": 1,
            "clickCount": 1,
        }
        page.call("Input.dispatchMouseEvent", type=kind, **at)
    page.call("Input.dispatchMouseEvent", type="mouseReleased", **at)
    page.until("at('draw_digit').shown.drawn", 30, "a stroke")
    image = array(page, "at('draw_digit').shown.image", 28, 28)
    assert image.amax(0).gt(0.5).sum() <= 4 and image.amax(1).gt(0.5).sum() >= 19
    cost = page.value("at('draw_digit').shown.found[0].total")
    assert cost < numbers()["drawing"]["sizes"]["2"]["total"]  # a 1 is cheap
    press(page, "draw_digit", "Undo")
    page.until("!at('draw_digit').shown.drawn", 30, "the stroke undone")
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, (across, down) in zip(("touchStart", *["touchMove"] * 3), path, strict=True):
        point = {"x": x + across * width, "y": y + down * height}
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[point])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.until("at('draw_digit').shown.drawn", 30, "a stroke of a finger")
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    assert page.value("at('draw_digit').shown.found[0].total") == pytest.approx(cost, abs=1)
    page.value("control('draw_digit', 'begin with').focus()")
    page.press("ArrowDown", 40)
    page.until(
        "at('draw_digit').shown.found[0].mean[0] > 1", 30, "the 0 of the menu, which lies to the right"
    )


@pytest.mark.bench
def test_five_passes_a_second(page):
    page.value("put('train_vae', { 'β, price of a nat': 0, seed: 1 })")
    press(page, "train_vae", "Start")
    page.until("at('train_vae').shown.passes >= 30", 120, "thirty passes")
    press(page, "train_vae", "Pause")
    speed = page.value("at('train_vae').shown.speed")
    print(f"{speed:.1f} passes of 1,197 digits a second")
    assert speed > 5

"""The site's explorers in a real browser, without the site: numbers against PyTorch, keys, touch, names."""

import base64
import functools
import statistics
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Page, chromium, find_chromium

from tools.explore import served, write_page
from tools.explorer_files import numbers, unpacked
from tools.explorer_numbers import BETAS
from tools.explorers import FILES, write_all
from tools.project import Project
from tools.site_play import embedded, explorers
from vae_course.data import load
from vae_course.data.toys import CurveModel
from vae_course.evaluation.code_use import rate_distortion
from vae_course.evaluation.loss_translator import LossWeights, effective_beta
from vae_course.weights import load_celeba, load_face_model, load_letters, load_one_model

PROJECT = Project.here()
MODULES = PROJECT.root / "docs" / "site" / "static" / "play"
EXPLORERS = explorers(PROJECT)
NAMES = [explorer.name for explorer in EXPLORERS]
CLOSE = 0.02  # of a pixel, black to white being 1

# What goes wrong in the page is a test's business.
WATCH = """<script>window.problems = []; for (const kind of ["error", "unhandledrejection"])
addEventListener(kind, (event) => problems.push(String(event.message ?? event.reason ?? event.target)), true);
console.error = console.warn = (...said) => problems.push(said.join(" "));</script>"""
# Helpers of the tests in the page: an explorer by name, an array as text, and settings of its controls.
HELPERS = """
window.at = (name) => document.querySelector(`[data-explorer="${name}"]`);
window.told = (array) => btoa(Array.from(new Uint8Array(Float32Array.from(array).buffer),
  (byte) => String.fromCharCode(byte)).join(""));
window.control = (name, label) => [...at(name).querySelectorAll("label")]
  .find((one) => one.textContent === label).control;
window.settle = async (name, change) => {
  const before = at(name).frames;
  change();
  while (at(name).frames === before || at(name).shown?.settled === false) {
    await new Promise((done) => setTimeout(done, 10));
  }
};
window.put = (name, settings) => settle(name, () => {
  for (const [label, value] of Object.entries(settings)) {
    const input = control(name, label);
    const option = [...(input.options ?? [])].find((one) => one.textContent === value);
    input.value = option ? option.value : value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
"""


@contextmanager
def alive(folder: Path, explorers: Collection, write_weights: Callable[[Path], None]) -> Iterator[Page]:
    """These explorers on one page that is served from ``folder``, each scrolled to and started."""
    pytest.importorskip("websocket", reason="needs websocket-client, which comes with JupyterLab")
    program = find_chromium()
    if program is None:
        pytest.skip("needs a browser: install chromium (Debian: apt-get install chromium) or set CHROMIUM")
    write_page(PROJECT, folder, explorers, write_weights, WATCH)
    with served(folder) as address, chromium(program, folder / "profile", address) as page:
        count = f"document.querySelectorAll('[data-explorer]').length === {len(explorers)}"
        page.until(count, 60, "the page")
        page.value(HELPERS)
        for explorer in explorers:
            page.value(f"at('{explorer.name}').scrollIntoView()")
            page.until(f"!!at('{explorer.name}').dataset.state", 120, explorer.name)
        yield page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """All explorers alive on one page."""
    with alive(tmp_path_factory.mktemp("explorers"), EXPLORERS, write_all) as page:
        yield page


def array(page, expression: str, *shape: int) -> torch.Tensor:
    """An array of the page, float32."""
    content = base64.b64decode(page.value(f"told({expression})"))
    return torch.from_numpy(np.frombuffer(content, dtype=np.float32).copy()).view(*shape)


def colored(page, expression: str, n: int = 1) -> torch.Tensor:
    """Pictures (n, 3, 64, 64) of the page, which holds their channels side by side."""
    return array(page, expression, n, 64, 64, 3).permute(0, 3, 1, 2)


# What needs no browser.


@pytest.mark.parametrize("explorer", EXPLORERS, ids=NAMES)
def test_an_explorer_is_one_short_module_with_a_question(explorer):
    assert (MODULES / f"{explorer.name}.js").is_file()
    assert "?" in explorer.question or explorer.question.startswith("Find")
    assert len(f"{explorer.question} {explorer.caption}".split()) <= 60


def test_modules_are_short_and_ask_only_for_what_lies_beside_them():
    for path in MODULES.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text


def test_every_chapter_plays_somewhere():
    for number in range(1, 12):
        assert "explorer" in embedded(PROJECT, f"{number:02}"), number


def test_files_are_light_and_nothing_is_stored_twice(tmp_path):
    write_all(tmp_path)
    sizes = {path.stem: path.stat().st_size for path in tmp_path.glob("*.bin")}
    assert sizes.keys() == FILES.keys()
    assert max(sizes.values()) < 1_000_000 and sum(sizes.values()) < 8_000_000
    assert not list(MODULES.rglob("*.bin"))


def test_numbers_beside_the_models_are_those_of_the_models():
    seen, test = numbers()["digits"], load("digits", "test")
    few = test.subset(len(test), seed=0)  # in the order, and so with the noise, of the measurement
    _, shown = unpacked(seen["pictures"], 28, 28)
    assert all((picture == test.images[:, 0]).all((1, 2)).any() for picture in shown)
    rate, distortion = rate_distortion(load_one_model("digits"), few.floats(), BETAS[4:5], 8)
    assert seen["rate"][6][4] == pytest.approx(rate[0], abs=0.05)
    assert seen["distortion"][6][4] == pytest.approx(distortion[0], abs=0.05)


# What the reader sees, against PyTorch.


@pytest.mark.parametrize(
    "words, name", [("MNIST", "mnist"), ("garments", "fashion_mnist"), ("small digits", "digits")]
)
@pytest.mark.parametrize("power, k", [(1.0, 5), (-1.5, 32)])
def test_beta_and_size_decode_as_pytorch_does(page, words, name, power, k):
    page.value(f"put('beta_k', {{ pictures: '{words}' }})")
    page.value(f"put('beta_k', {{ 'β, price of a nat': {power}, 'latent size k': {k} }})")
    kind, pictures = unpacked(numbers()[name]["pictures"], 1, 28, 28)
    model = load_one_model(name).at(2**power, k)
    with torch.no_grad():
        posterior, rebuilt = model.encode(pictures / 255), model.reconstruct(pictures / 255)
    assert kind == "pixel"
    assert (array(page, "at('beta_k').shown.pictures", 24, 1, 28, 28)[:8] - rebuilt).abs().max() < CLOSE
    nats = array(page, "at('beta_k').shown.nats", k)
    assert torch.allclose(nats, posterior.kl_per_dimension().mean(0), atol=0.01)


def test_the_pad_decodes_as_pytorch_does(page):
    page.value("put('pad', { 'z₁': -1.2, 'z₂': 0.65 })")
    with torch.no_grad():
        model = load_one_model("mnist").at(1.0, 2)
        expected = model.likelihood.mean(model.decode(torch.tensor([[-1.2, 0.65]])))
    assert (array(page, "at('pad').shown.pictures", 1, 1, 28, 28) - expected).abs().max() < CLOSE


@pytest.mark.parametrize("x", ["crossing", "bottom", "stray"])
def test_the_toy_posterior_has_the_course_s_numbers(page, x):
    page.value(f"put('toy_posterior', {{ x: '{x}', 'mean of q': 0.6, 'width σ of q': -1.2 }})")
    shown = page.value("at('toy_posterior').shown")
    model = CurveModel()
    from_page = {"crossing": 1.1, "bottom": 0.0, "stray": None}[x]
    if x == "crossing":
        low, high = 0.5, 2.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if model.mean(torch.tensor(middle))[0] < 0 else (low, middle)
        point = torch.tensor([0.0, model.mean(torch.tensor(low).double())[1].item()])
    else:
        point = torch.tensor([3.0, 0.0]) if from_page is None else model.mean(torch.tensor(0.0).double())
    q = torch.tensor(0.6).double(), torch.tensor(2 * -1.2).double()
    found = (model.elbo(point, *q), model.kl_to_posterior(point, *q), model.log_marginal(point))
    assert [shown[key] for key in ("elbo", "kl", "logP")] == pytest.approx(
        [float(v) for v in found], abs=1e-3
    )


def test_the_loss_translator_has_the_course_s_beta(page):
    settings = "'… reduced by': 'sum', 'KL reduced by': 'mean', picture: '32 × 32 color'"
    page.value(f"put('loss_translator', {{ {settings}, pixels: '0 to 255', 'weight of the KL': 1.5 }})")
    loss = LossWeights("mse", 3072, 1, 10**1.5, "sum", "mean", 20, 128, 255)
    assert page.value("at('loss_translator').shown.beta") == pytest.approx(effective_beta(loss), rel=1e-6)
    said = page.value("at('loss_translator').querySelectorAll('canvas')[0].getAttribute('aria-label')")
    assert "PyTorch-VAE" in said


def test_the_typeface_is_the_model_s(page):
    page.value("put('typeface', { '2: bolder': 1.5, '4': -2 })")
    style = array(page, "at('typeface').shown.style", 1, 32)
    expected = load_letters().alphabet(style)[0]
    for place, letter in ((0, "A"), (6, "G"), (16, "Q")):
        found = array(page, f"at('typeface').shown.picture('{letter}')", 1, 32, 32)
        assert (found - expected[place]).abs().max() < CLOSE
    page.value("put('typeface', { 'your word': 'Vae!' })")
    assert page.value("at('typeface').querySelector('svg').getAttribute('aria-label')").startswith("VAE,")
    assert page.value("at('typeface').querySelectorAll('svg')[0].querySelectorAll('path').length") == 3


def test_a_saved_typeface_is_a_picture(page):
    page.value("window.saved = []; URL.createObjectURL = (blob) => (saved.push(blob), '#')")
    press = "[...at('typeface').querySelectorAll('button')].find((b) => b.textContent === 'Save {}').click()"
    page.value(press.format("SVG"))
    page.value(press.format("PNG"))
    page.until("saved.length === 2", 30, "two files")
    text = page.value("saved[0].text()")
    assert text.startswith("<svg") and text.count("<path") >= 26 and "NaN" not in text
    assert page.value("saved[1].type") == "image/png" and page.value("saved[1].size") > 5000


@pytest.mark.parametrize(
    "album, models",
    [
        (
            "photographs",
            [functools.partial(load_celeba, "vae"), functools.partial(load_celeba, "vae_gan")],
        ),
        ("drawn", [functools.partial(load_face_model, 2)]),
    ],
)
def test_faces_decode_as_pytorch_does(page, album, models):
    page.value(f"put('faces', {{ faces: '{album}' }})")
    for number, make in enumerate(models):
        model = make()
        code = array(page, f"at('faces').shown.codes[{number}]", 1, model.latent_dim)
        with torch.no_grad():
            expected = model.likelihood.mean(model.decode(code)).clamp(0, 1)
        found = colored(page, f"at('faces').shown.before[{number}]")
        assert (found - expected).abs().max() < CLOSE and found.std() > 0.05


def test_the_way_to_the_fitted_prior_decodes_as_pytorch_does(page):
    page.value("put('prior_walk', { 'way to the fitted prior': 1 })")
    for number, stage in enumerate(("vae", "vae_gan")):
        model = load_celeba(stage)
        code = array(page, f"at('prior_walk').shown.codes[{number}]", 1, model.latent_dim)
        expected = model.likelihood.mean(model.decode(code)).clamp(0, 1)
        found = colored(page, f"at('prior_walk').shown.pictures[{number}]")
        assert (found - expected).abs().max() < CLOSE


# For everybody: keys, touch, names, phones, and nothing that goes wrong or out.


@pytest.mark.parametrize("name", NAMES)
def test_keys_move_what_is_shown(page, name):
    slider = f"at('{name}').querySelector('input[type=range]:not(:disabled)')"
    if not page.value(f"!!{slider}"):
        pytest.skip("this explorer has no slider")
    page.value(f"{slider}.focus()")
    before, frames = page.value(f"{slider}.value"), page.value(f"at('{name}').frames")
    page.press(*(("ArrowLeft", 37) if page.value(f"{slider}.value === {slider}.max") else ("ArrowRight", 39)))
    page.until(f"{slider}.value !== '{before}' && at('{name}').frames > {frames}", 30, "a new picture")
    said = f"{slider}.parentElement.querySelector('output').textContent"
    assert page.value(f"{slider}.getAttribute('aria-valuetext') === {said}")


def test_a_finger_drags_on_the_pad(page):
    page.value("at('pad').querySelector('canvas').scrollIntoView({ block: 'center' })")
    where = "at('pad').querySelector('canvas').getBoundingClientRect()"
    box = page.value(f"(({{ x, y, width, height }}) => [x, y, width, height])({where})")
    before = page.value("at('pad').shown.z")
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, share in (("touchStart", 0.4), ("touchMove", 0.6), ("touchMove", 0.75), ("touchEnd", None)):
        points = [] if share is None else [{"x": box[0] + share * box[2], "y": box[1] + 0.3 * box[3]}]
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
    page.until(f"at('pad').shown.z[0] !== {before[0]}", 30, "the pad to follow")
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    z = page.value("at('pad').shown.z")
    assert z[0] > 0.5 and z[1] > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_everything_has_a_name(page, name):
    nameless = """[...at('NAME').querySelectorAll('input, select, button, canvas, svg[role]')].filter((one) =>
        !(one.labels?.[0]?.textContent || one.getAttribute('aria-label') || one.textContent).trim()).length"""
    assert page.value(nameless.replace("NAME", name)) == 0
    assert page.value(f"at('{name}').querySelectorAll('[role=status]').length") >= 1


@pytest.mark.parametrize("wide", [390, 1280])
def test_nothing_is_wider_than_the_screen(page, wide):
    metrics = {"width": wide, "height": 844, "deviceScaleFactor": 1, "mobile": wide < 500}
    page.call("Emulation.setDeviceMetricsOverride", **metrics)
    assert page.value("document.documentElement.scrollWidth") <= wide
    page.call("Emulation.clearDeviceMetricsOverride")


def test_nothing_went_wrong_and_nothing_went_out(page):  # after all the others
    states = {name: page.value(f"at('{name}').dataset.state") for name in NAMES}
    assert states == dict.fromkeys(NAMES, "ready")
    assert page.value("problems") == []
    asked = "performance.getEntriesByType('resource')"
    assert page.value(f"{asked}.filter((e) => !e.name.startsWith(location.origin)).map((e) => e.name)") == []
    assert page.value(f"{asked}.filter((e) => e.responseStatus >= 400).map((e) => e.name)") == []


@pytest.mark.bench
@pytest.mark.parametrize("name", NAMES)
def test_a_move_is_painted_within_50_milliseconds(page, name):
    took = page.value(
        """(async () => {
      const slider = at('NAME').querySelector('input[type=range]'), took = [];
      for (let i = 0; slider && i < 21; i++) {
        await settle('NAME', () => {
          slider.value = +slider.min + (slider.max - slider.min) * ((i * 8) % 21) / 20;
          slider.dispatchEvent(new Event('input', { bubbles: true }));
        });
        took.push(at('NAME').painted);
      }
      return took;
    })()""".replace("NAME", name)
    )
    if not took:
        pytest.skip("this explorer has no slider")
    low, middle, _ = statistics.quantiles(took, n=4)
    print(f"{name}: {middle:.0f} ms in the middle, a quarter below {low:.0f} ms, slowest {max(took):.0f} ms")
    assert low < 50  # a machine that does nothing else keeps it in the middle as well

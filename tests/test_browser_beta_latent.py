"""The β and latent-size explorer in real JupyterLab: training in the background, with the sliders alive."""

import nbformat
import pytest
from browser import chromium, find_chromium, jupyterlab

CODE = """
import torch
from vae_course.data import ImageData
from vae_course.models import OneModel
from vae_course.widgets.beta_latent import explore_beta_latent

torch.manual_seed(0)
torch.set_num_threads(1)
pictures = torch.randint(0, 255, (64, 1, 8, 8), dtype=torch.uint8)
data = ImageData("tiny", "train", pictures, torch.arange(64) % 4, tuple("abcd"))
model = OneModel.for_data(data, latent_dim=6, hidden_dims=(16,))
explorer = explore_beta_latent(model, data, data, epochs=100_000)
training = explorer.training
training.cancel.on_click(lambda _button: setattr(training, "epochs", 3))
"""
PICTURE = "document.querySelector('.jp-OutputArea .widget-html img')"
STATUS = "document.querySelector('.jp-OutputArea [role=status]')?.textContent"
HANDLE = "document.querySelector('.jp-OutputArea .noUi-handle')"
BUTTONS = "document.querySelectorAll('.jp-OutputArea button.widget-button')"
KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


@pytest.fixture
def program() -> str:
    pytest.importorskip("jupyterlab", reason="needs JupyterLab (pip install -e '.[dev]')")
    pytest.importorskip("websocket", reason="needs websocket-client, which comes with JupyterLab")
    found = find_chromium()
    if found is None:
        pytest.skip("needs a browser: install chromium (Debian: apt-get install chromium) or set CHROMIUM")
    return found


def test_training_runs_beside_live_sliders_is_canceled_and_finishes(program, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "sliders.ipynb")
    run = "void window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
    with (
        jupyterlab(folder) as lab,
        chromium(program, tmp_path / "profile", f"{lab}/lab/tree/sliders.ipynb") as page,
    ):
        page.until("!!window.jupyterapp && !!document.querySelector('.jp-CodeCell')", 60, "JupyterLab's page")
        page.until(KERNEL, 60, "a kernel")
        page.value("window.jupyterapp.commands.execute('notebook:enter-command-mode').then(() => true)")
        page.value(run)
        page.until(f"{PICTURE}?.complete && {PICTURE}.naturalWidth > 300", 90, "the explorer's first picture")

        page.value(f"{BUTTONS}[0].click()")
        page.until(f"{STATUS}?.startsWith('Training β = 1,')", 30, "the training to begin")
        page.until(f"!{BUTTONS}[1].disabled", 30, "the cancel button")
        first = page.value(f"{PICTURE}.src")
        page.value(f"{HANDLE}.focus()")
        page.press("ArrowRight", 39)
        page.until(f"{PICTURE}.src !== {first!r}", 30, "the picture to follow the slider during the training")
        assert page.value(STATUS).startswith("Training")

        page.value(f"{BUTTONS}[1].click()")
        page.until(f"{STATUS}?.includes('canceled after')", 30, "the training to end")
        page.until(f"!{BUTTONS}[0].disabled", 30, "the train button")
        page.value(f"{BUTTONS}[0].click()")
        page.until(f"{STATUS}?.includes('the shortcut is')", 60, "the gap")

"""The explorers in the hands of a reader: real JupyterLab, real browser, real key presses."""

import nbformat
import pytest
from browser import chromium, find_chromium, jupyterlab

CODE = """
import torch
from vae_course.models import VAE
from vae_course.data import ImageData
from vae_course.widgets import explore_latent_pad

torch.manual_seed(0)
model = VAE(image_shape=(1, 8, 8), latent_dim=2, hidden_dims=(16,))
pictures = torch.randint(0, 255, (20, 1, 8, 8), dtype=torch.uint8)
data = ImageData("tiny", "train", pictures, torch.arange(20) % 4, tuple("abcd"))
pad = explore_latent_pad(model, data)
figure = pad.draw

def fragile(z1, z2):
    if z1 > 0.2:
        raise ValueError("the reader must see this")
    return figure(z1=z1, z2=z2)

pad.draw = fragile
"""
PICTURE = "document.querySelector('.jp-OutputArea .widget-html img')"
READOUT = "document.querySelector('.jp-OutputArea .widget-readout')?.textContent"
HANDLE = "document.querySelector('.jp-OutputArea .noUi-handle')"


@pytest.fixture
def program() -> str:
    pytest.importorskip("jupyterlab", reason="needs JupyterLab (pip install -e '.[dev]')")
    pytest.importorskip("websocket", reason="needs websocket-client, which comes with JupyterLab")
    found = find_chromium()
    if found is None:
        pytest.skip("needs a browser: install chromium (Debian: apt-get install chromium) or set CHROMIUM")
    return found


def test_a_slider_moved_in_jupyterlab_redraws_the_picture_and_shows_errors(program, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "pad.ipynb")
    with (
        jupyterlab(folder) as lab,
        chromium(program, tmp_path / "profile", f"{lab}/lab/tree/pad.ipynb") as page,
    ):
        page.until("!!window.jupyterapp && !!document.querySelector('.jp-CodeCell')", 60, "JupyterLab's page")
        page.until(
            "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            60,
            "a kernel",
        )
        run = "void window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
        page.value("window.jupyterapp.commands.execute('notebook:enter-command-mode').then(() => true)")
        page.value(run)
        page.until(f"{PICTURE}?.complete && {PICTURE}.naturalWidth > 300", 60, "the explorer's first picture")
        first, start = page.value(f"{PICTURE}.src"), page.value(READOUT)
        assert float(start) == 0

        page.value(f"{HANDLE}.focus()")
        page.press("ArrowRight", 39)
        page.until(f"{READOUT} !== {start!r}", 20, "the slider to move")
        page.until(f"{PICTURE}.src !== {first!r}", 20, "the picture to follow")
        assert float(page.value(READOUT)) == 0.05
        assert "z₁ = 0.05" in page.value(f"{PICTURE}.alt")

        # An error in a callback is shown where the reader looks.
        alert = "document.querySelector('.jp-OutputArea .widget-html [role=alert]')"
        for _ in range(6):
            page.press("ArrowRight", 39)
        page.until(f"{alert}?.textContent.includes('the reader must see this')", 20, "the error")

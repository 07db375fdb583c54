"""The β and latent-size explorer of chapters 04 and 08, with a button that trains a setting for real."""

import html
import math
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import torch
from matplotlib.figure import Figure

from vae_course.elbo import elbo_terms
from vae_course.evaluation.bounds import evaluate
from vae_course.evaluation.code_use import SettingView, rate_distortion, view_setting
from vae_course.models.vae import VAE
from vae_course.plots.images import GAP, draw_grid, montage
from vae_course.plots.style import BLACK, BLUE, COLORS, LINE_STYLES, VERMILION, styled, subplots
from vae_course.randomness import seed_everything
from vae_course.training.loop import fit
from vae_course.widgets.controls import Explorer, Scene, error_html, one_thread, slider

CURVE_BETAS, CURVE_SIZES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0), (2, 4, 8, 16, 32)
STRIP_BETAS, STRIP_SIZES = (0.25, 1.0, 4.0), (2, 8, 32)
MEASURED = 200  # pictures for rate, distortion and KL; more are smoother and slower
ROWS = ("pictures", "decoded", "samples", "")
APART = (3 * GAP, GAP)


class BetaLatentView:
    """From (β, k) to the picture: ``scene(beta=1.0, k=8)``. Everything that can be prepared is prepared once.

    ``view`` maps (β, k) to a SettingView; ``image``, ``dot``, ``bars`` and ``title`` are what moves.
    """

    @styled
    def __init__(self, one_model, held_out, n: int = 8) -> None:
        self.n, self.x = min(n, len(held_out)), held_out.batch(slice(0, min(MEASURED, len(held_out))))
        self.view = partial(view_setting, one_model, self.x, n=self.n)
        low, high = one_model.beta_range
        self.betas = [beta for beta in CURVE_BETAS if low <= beta <= high]
        self.latent_dim = latent = one_model.latent_dim
        figure = Figure(figsize=(9.4, 3.6))
        blank = torch.ones(len(ROWS) * self.n, *self.x.shape[1:])
        pictures = figure.add_axes((0.08, 0.02, 0.5, 0.86))
        self.image = draw_grid(pictures, blank, len(ROWS), self.n, APART, names=ROWS)
        self.image.set_interpolation("nearest")
        sizes = [k for k in CURVE_SIZES if k <= latent]
        with one_thread():
            curves = {k: rate_distortion(one_model, self.x, self.betas, k) for k in sizes}
            most = max(self.view(self.betas[0], k).kl_per_dimension.max().item() for k in sizes)
        axes = figure.add_axes((0.675, 0.60, 0.315, 0.28))
        for i, (k, curve) in enumerate(curves.items()):
            look = {"color": COLORS[(i + 2) % 8], "linestyle": LINE_STYLES[i % 8], "linewidth": 1.3}
            axes.plot(*curve, label=f"k = {k}", **look)
        axes.legend(fontsize=8, ncols=2, loc="upper right", handlelength=2.4, columnspacing=1.0)
        axes.set(xlabel="rate: KL (nats)", ylabel="distortion\n(nats)")
        look = {"color": VERMILION, "markeredgecolor": BLACK, "markersize": 9, "clip_on": False}
        (self.dot,) = axes.plot([], [], "o", **look)
        bars = figure.add_axes((0.675, 0.14, 0.315, 0.26))
        # One collection of thick lines: as separate bars they would take longer than everything else.
        thick = 0.7 * 0.315 * 9.4 * 72 / latent
        self.bars = bars.vlines(np.arange(1, latent + 1), 0, 0, color=BLUE, linewidth=thick)
        bars.set(ylim=(0, 1.1 * most), ylabel="KL\n(nats)")
        bars.set(xlim=(0.2, latent + 0.8), xlabel="latent dimension")
        self.title = figure.text(0.08, 0.945, "", fontsize=12, va="center")
        self.scene = Scene(figure, [self.image, self.dot, self.bars, self.title], self.update)

    def update(self, beta: float, k: int) -> None:
        """Move everything to a setting."""
        view = self.view(beta, k)
        shown = montage(torch.cat([self.x[: self.n], view.reconstructions, view.samples]), 4, self.n, APART)
        self.image.set_data((255 * shown + 0.5).astype(np.uint8))  # drawn several times as fast as floats
        self.dot.set_data([view.rate], [view.distortion])
        heights = enumerate(view.kl_per_dimension.tolist(), start=1)
        self.bars.set_segments([[(j, 0.0), (j, height)] for j, height in heights])
        loss = f"distortion {view.distortion:.1f} + β · rate {view.rate:.1f} = {view.loss:.1f} nats"
        self.title.set_text(f"β = {beta:.3g},  k = {k}:   {loss}")

    def strip_views(self) -> list[list[SettingView]]:
        """What the still figure shows: a row for each of three sizes, in it three β."""
        betas = [beta for beta in STRIP_BETAS if beta in self.betas] or self.betas[:1]
        return [[self.view(beta, k) for beta in betas] for k in STRIP_SIZES if k <= self.latent_dim]


@styled
def draw_setting_strip(views: Sequence[Sequence[SettingView]]) -> Figure:
    """The still twin: a row for each k, in it a block of five pictures and five samples for each β."""
    rows, columns, n = len(views), len(views[0]), 5
    size = (8.5, 0.5 + rows * (2.6 / columns * 8.5 / 7.5 + 0.42))
    figure, grid = subplots(rows, columns, figsize=size, squeeze=False)
    for row, axes_row in zip(views, grid, strict=True):
        for view, axes in zip(row, axes_row, strict=True):
            image = draw_grid(axes, torch.cat([view.reconstructions[:n], view.samples[:n]]), 2, n)
            image.set_interpolation("nearest")
            axes.set_xlabel(f"{view.distortion:.0f} + {view.beta:g} · {view.rate:.0f} nats", fontsize=9)
        axes_row[0].set_ylabel(f"k = {row[0].k}")
    for view, axes in zip(views[0], grid[0], strict=True):
        axes.set_title(f"β = {view.beta:g}")
    figure.supxlabel("each block: decoded pictures, then samples; below it distortion + β · rate", fontsize=9)
    return figure


def explore_beta_latent(one_model, held_out, train=None, *, epochs: int = 4, n: int = 8) -> Explorer:
    """Sliders for β and latent size over one model, redrawn while they are dragged; below, a still figure.

    ``held_out`` is ImageData that it was not trained on, of which ``n`` are shown; ``train`` for the button
    "train this setting for real", ``epochs`` passes (None leaves it out): ``explorer.training``.
    """
    view = BetaLatentView(one_model, held_out, n)
    size = one_model.latent_dim
    controls = {
        # Eight steps to a doubling, so that the front end, which rounds to steps, can stand at 1 exactly.
        "beta": slider("β", view.betas[0], view.betas[-1], 1.0, log=True, step=math.log10(2) / 8),
        "k": slider("latent size k", 2, size, min(16, size)),
    }
    training = None if train is None else RealTraining(one_model, train, held_out, controls, epochs)
    shown = view.strip_views()
    corners = [row[place] for row in (shown[0], shown[-1]) for place in (0, -1)]
    said = "β = {0.beta:g}, k = {0.k}: distortion {0.distortion:.0f}, rate {0.rate:.0f} nats"
    alt = "Blocks of decoded pictures and samples, one for each latent size (rows) and β (columns). "
    alt += f"At the corners: {'; '.join(map(said.format, corners))}."
    cheap, dear = corners[-2:]
    title = f"With k = {dear.k}, a code spends {cheap.rate:.0f} nats at β = {cheap.beta:g} "
    title += f"and {dear.rate:.0f} at β = {dear.beta:g}"
    below = training.rows if training else ()
    strip = partial(draw_setting_strip, shown)
    shell = Explorer(view.scene, controls, strip, alt=alt, title=title, fast=True, below=below)
    shell.training = training
    return shell


# Train one setting for real, with progress and a way to stop, and compare it with the shortcut.

# Found on held-out digits; a VAE gains several nats from each of them when training is short.
GOOD_SETTINGS = {"batch_size": 256, "learning_rate": 6e-3}
GOOD_SETTINGS |= {"schedule": "linear", "warmup": 0.05, "kl_warmup": 0.5}


class TrainingCanceled(Exception):
    """Somebody asked for the end of a training run before it was there."""


class Comparison(NamedTuple):
    """Distortion + β·rate of a model trained for one setting, and of the shortcut, in nats, held out."""

    trained: float
    shortcut: float
    model: VAE

    def __str__(self) -> str:
        gap = self.shortcut - self.trained
        both = f"trained for real {self.trained:.2f} nats, shortcut {self.shortcut:.2f} nats"
        where = "behind" if gap >= 0 else "ahead of"
        return f"{both}; the shortcut is {abs(gap):.2f} nats {where} it."


def train_for_real(
    one_model, train, held_out, beta: float, k: int, epochs: int, watch: Callable[[int, int], None]
) -> Comparison:
    """Train an ordinary VAE of the same size for one (β, k), and measure both on held-out pictures.

    ``watch`` is told before every update how many there were, and of how many; what it raises ends the run.
    """
    seed_everything(0)
    names = ("hidden_dims", "likelihood", "activation")
    model = VAE.for_data(train, latent_dim=k, **{name: one_model.config[name] for name in names})
    total = epochs * -(-len(train) // GOOD_SETTINGS["batch_size"])
    steps = 0

    def watched(model, x, generator):
        nonlocal steps
        watch(min(steps, total), total)
        steps += model.training
        return elbo_terms(model, x, generator)

    own = {"objective": watched, "progress": False, "eval_examples": 1, "device": "cpu"}
    fit(model, train, epochs=epochs, beta=beta, seed=0, **own, **GOOD_SETTINGS)
    found = [evaluate(candidate, held_out) for candidate in (model, one_model.at(beta, k))]
    return Comparison(*(bound.reconstruction.value + beta * bound.kl.value for bound in found), model)


class RealTraining:
    """A button that trains the present setting in the background; ``comparison`` is the last one, or None."""

    def __init__(self, one_model, train, held_out, controls, epochs: int) -> None:
        self.parts, self.controls, self.epochs = (one_model, train, held_out), controls, epochs
        layout = {"width": "16em"}
        self.button = widgets.Button(description="Train this setting for real", layout=layout)
        self.cancel = widgets.Button(description="Cancel", disabled=True)
        self.progress = widgets.FloatProgress(min=0, max=1, layout={"visibility": "hidden"})
        self.status = widgets.HTML()
        self.rows = (widgets.HBox([self.button, self.cancel, self.progress]), self.status)
        self.comparison: Comparison | None = None
        self._asked, self._thread = threading.Event(), threading.Thread()
        self.button.on_click(self.start)
        self.cancel.on_click(lambda _button: self._asked.set())

    def start(self, _button=None) -> None:
        """Train the present setting; the sliders stay alive meanwhile."""
        if self._thread.is_alive():
            return
        self._asked.clear()
        self.button.disabled, self.cancel.disabled = True, False
        self.progress.value, self.progress.layout.visibility = 0.0, "visible"
        setting = float(self.controls["beta"].value), int(self.controls["k"].value)
        self._thread = threading.Thread(target=self._train, args=setting, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the training that runs."""
        self._thread.join(timeout)

    def _train(self, beta: float, k: int) -> None:
        named = f"β = {beta:.3g}, k = {k}"
        self._say(f"Training {named} on {len(self.parts[1]):,} pictures …")
        try:
            self.comparison = train_for_real(*self.parts, beta, k, self.epochs, self._watch)
            self._say(
                f"{named}: {self.comparison} ({len(self.parts[2]):,} held-out pictures. {self.epochs} passes "
                "are a short training, and the shortcut had many more: chapter 08 compares longer runs.)"
            )
        except TrainingCanceled as end:
            self._say(f"Training was {end}")
        except Exception:  # nobody sees a thread's traceback: put it where the reader looks
            self.status.value = error_html(traceback.format_exc(), f"training {named}")
        finally:
            self.button.disabled, self.cancel.disabled = False, True
            self.progress.layout.visibility = "hidden"

    def _watch(self, steps: int, total: int) -> None:
        if self._asked.is_set():
            raise TrainingCanceled(f"canceled after {steps} of {total} updates.")
        if steps % max(1, total // 50) == 0:
            self.progress.value = steps / total

    def _say(self, text: str) -> None:
        self.status.value = f'<p role="status">{html.escape(text)}</p>'

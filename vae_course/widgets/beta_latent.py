"""The β and latent-size explorer, and the button that trains a setting for real."""

from __future__ import annotations

import html
import math
import threading
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure

from vae_course.elbo import elbo_terms
from vae_course.evaluation.code_use import SettingView, rate_distortion, view_setting
from vae_course.models.vae import VAE
from vae_course.plots.chapter_08 import SettingPanel, setting_strip
from vae_course.randomness import seed_everything
from vae_course.teaching.display import check_alt, publish_widget, show
from vae_course.training.loop import fit
from vae_course.widgets.controls import _error_html, _picture_html, slider

# -------- Train one setting for real, with progress and a way to stop, and compare it with the shortcut.

# Found on held-out digits; a VAE gains several nats from each of them when training is short.
GOOD_SETTINGS = {
    "batch_size": 256,
    "learning_rate": 6e-3,
    "schedule": "linear",
    "warmup": 0.05,
    "kl_warmup": 0.5,
}


class TrainingCanceled(Exception):
    """Somebody asked for the end of a training run before it was there."""


@dataclass(frozen=True)
class Comparison:
    """A model trained for one setting against the one-for-all model at that setting, on held-out pictures.

    Attributes:
        beta, k: the setting.
        trained, shortcut: distortion + β·rate of the two, nats per example.
        model: the model that was trained.
    """

    beta: float
    k: int
    trained: float
    shortcut: float
    model: VAE

    @property
    def gap(self) -> float:
        """shortcut − trained, nats; negative where the shortcut is better."""
        return self.shortcut - self.trained

    def __str__(self) -> str:
        word = "behind" if self.gap >= 0 else "ahead of"
        return (
            f"β = {self.beta:.3g}, k = {self.k}: trained for real {self.trained:.2f} nats, shortcut "
            f"{self.shortcut:.2f} nats; the shortcut is {abs(self.gap):.2f} nats {word} it."
        )


def train_for_real(
    one_model,
    train,
    held_out,
    beta: float,
    k: int,
    *,
    epochs: int = 4,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
    canceled: Callable[[], bool] | None = None,
) -> Comparison:
    """Train an ordinary VAE of the same size for one (β, k), and measure both on held-out pictures.

    Args:
        one_model: the :class:`vae_course.models.one_model.OneModel` to compare with.
        train, held_out: ImageData.
        beta, k: the setting.
        epochs: passes through ``train``.
        seed: of weights, order and noise.
        on_progress: called now and then with the share of the run that is done, 0 to 1.
        canceled: asked before every update; True ends the run.

    Raises:
        TrainingCanceled: ``canceled`` said so.
    """
    from vae_course.evaluation.bounds import evaluate

    shortcut = one_model.at(beta, k)
    seed_everything(seed)
    names = ("hidden_dims", "likelihood", "activation")
    model = VAE.for_data(train, latent_dim=int(k), **{name: one_model.config[name] for name in names})
    total = epochs * -(-len(train) // GOOD_SETTINGS["batch_size"])
    steps = 0

    def watched(model, x, generator):
        nonlocal steps
        if canceled is not None and canceled():
            raise TrainingCanceled(f"canceled after {min(steps, total)} of {total} updates.")
        if model.training:
            steps += 1
            if on_progress is not None and (steps % max(1, total // 50) == 0 or steps == total):
                on_progress(steps / total)
        return elbo_terms(model, x, generator)

    fit(
        model,
        train,
        epochs=epochs,
        beta=float(beta),
        seed=seed,
        device="cpu",
        objective=watched,
        progress=False,
        eval_examples=1,
        **GOOD_SETTINGS,
    )
    losses = []
    for candidate in (model, shortcut):
        measured = evaluate(candidate, held_out)
        losses.append(measured.reconstruction.value + beta * measured.kl.value)
    return Comparison(float(beta), int(k), *losses, model)


# -------- β and latent size on sliders that answer at once, and a button that trains the setting for real.

CURVE_BETAS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
CURVE_SIZES = (2, 4, 8, 16, 32)
STRIP_BETAS, STRIP_SIZES = (0.25, 1.0, 4.0), (2, 8, 32)


@contextmanager
def one_thread():
    """Let torch compute on one core: this little work gains nothing from two, and on a busy machine waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class BetaLatentView:
    """The plain part: from (β, k) to the figure. Everything that can be prepared is prepared once.

    Args:
        one_model: :class:`vae_course.models.one_model.OneModel`, or anything with ``at(beta, k)`` and
            ``latent_dim``.
        held_out: ImageData that it was not trained on.
        n: pictures to show.
        measured: pictures to measure rate, distortion and KL on; more are smoother and slower.
    """

    def __init__(self, one_model, held_out, *, n: int = 8, measured: int = 200):
        self.one_model = one_model
        self.n = min(n, len(held_out))
        self.x = held_out.batch(slice(0, min(measured, len(held_out))))
        low, high = one_model.beta_range
        self.betas = tuple(beta for beta in CURVE_BETAS if low <= beta <= high)
        self.sizes = tuple(k for k in CURVE_SIZES if k <= one_model.latent_dim)
        with one_thread():
            curves = {k: rate_distortion(one_model, self.x, self.betas, k) for k in self.sizes}
        most = max(self.view(self.betas[0], k).kl_per_dimension.max().item() for k in self.sizes)
        self.panel = SettingPanel(self.x[: self.n], curves, one_model.latent_dim, kl_limit=1.1 * most)

    def view(self, beta: float, k: int):
        """The SettingView at (β, k)."""
        with one_thread():
            return view_setting(self.one_model, self.x, beta, k, n=self.n)

    def draw(self, beta: float, k: int) -> Figure:
        """The panel's figure at (β, k); the same figure object every time."""
        return self.panel.update(self.view(beta, k))

    def png(self, beta: float, k: int) -> bytes:
        """The same as PNG, the fast way."""
        self.draw(beta, k)
        return self.panel.png()

    def strip_views(self, betas=STRIP_BETAS, sizes=STRIP_SIZES) -> list[list[SettingView]]:
        """What the still figure shows: a row for each of ``sizes``, in it a SettingView for each β."""
        betas = [beta for beta in betas if beta in self.betas] or list(self.betas[:1])
        sizes = [k for k in sizes if k <= self.one_model.latent_dim]
        return [[self.view(beta, k) for beta in betas] for k in sizes]

    def strip(self, betas=STRIP_BETAS, sizes=STRIP_SIZES) -> Figure:
        """A still figure over the range of both sliders."""
        return setting_strip(self.strip_views(betas, sizes))


class BetaLatentExplorer:
    """The widget: two sliders, the live picture, and training for real with progress and cancel.

    Attributes:
        view: the plain part.
        beta, k: sliders; ``picture``: the live picture; ``box``: everything.
        train_button, cancel_button, progress, status: of training for real.
        comparison: the last finished :class:`vae_course.widgets.beta_latent.Comparison`, or None.
    """

    def __init__(self, view: BetaLatentView, train=None, held_out=None, *, epochs: int = 4):
        self.view, self.train, self.held_out, self.epochs = view, train, held_out, epochs
        low, high = view.betas[0], view.betas[-1]
        # Eight steps to a doubling, so that the front end, which rounds to steps, can stand at 1 exactly.
        self.beta = slider("β", low, high, 1.0, log=True, step=math.log10(2) / 8)
        self.k = slider("latent size k", 2, view.one_model.latent_dim, min(16, view.one_model.latent_dim))
        self.picture = widgets.HTML()
        self.train_button = widgets.Button(
            description="Train this setting for real", layout={"width": "16em"}
        )
        self.cancel_button = widgets.Button(description="Cancel", disabled=True)
        self.progress = widgets.FloatProgress(min=0, max=1, layout={"visibility": "hidden"})
        self.status = widgets.HTML()
        self.comparison: Comparison | None = None
        self._cancel, self._thread = threading.Event(), None
        for control in (self.beta, self.k):
            control.continuous_update = True
            control.observe(self.redraw, names="value")
        self.train_button.on_click(self.start_training)
        self.cancel_button.on_click(lambda _button: self._cancel.set())
        row = widgets.HBox([self.train_button, self.cancel_button, self.progress])
        self.box = widgets.VBox(
            [self.beta, self.k, self.picture, *([row, self.status] if train is not None else [])]
        )
        self.redraw()

    def redraw(self, _change=None) -> None:
        """Show the present setting. An error is shown in place of the picture, and raised."""
        described = f"β = {self.beta.value:.3g}, latent size {self.k.value}"
        try:
            picture = self.view.png(self.beta.value, self.k.value)
        except Exception:
            self.picture.value = _error_html(traceback.format_exc(), described)
            raise
        alt = f"Live picture at {described}: reconstructions, samples, rate and distortion, KL per dimension."
        self.picture.value = _picture_html(picture, alt)

    def start_training(self, _button=None) -> None:
        """Train the present setting in the background; the sliders stay alive meanwhile."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._cancel.clear()
        self.train_button.disabled, self.cancel_button.disabled = True, False
        self.progress.value, self.progress.layout.visibility = 0.0, "visible"
        setting = (float(self.beta.value), int(self.k.value))
        self._say(f"Training β = {setting[0]:.3g}, k = {setting[1]} on {len(self.train):,} pictures …")
        self._thread = threading.Thread(target=self._train, args=setting, daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the training that runs, if one does."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _train(self, beta: float, k: int) -> None:
        try:
            self.comparison = train_for_real(
                self.view.one_model,
                self.train,
                self.held_out,
                beta,
                k,
                epochs=self.epochs,
                on_progress=self._advance,
                canceled=self._cancel.is_set,
            )
            self._say(f"{self.comparison} ({len(self.held_out):,} held-out pictures, {self.epochs} epochs)")
        except TrainingCanceled as end:
            self._say(f"Training was {end}")
        except Exception:  # nobody sees a thread's traceback: put it where the reader looks
            self.status.value = _error_html(traceback.format_exc(), f"training β = {beta:.3g}, k = {k}")
        finally:
            self.train_button.disabled, self.cancel_button.disabled = False, True
            self.progress.layout.visibility = "hidden"

    def _advance(self, share: float) -> None:
        self.progress.value = share

    def _say(self, text: str) -> None:
        self.status.value = f'<p role="status">{html.escape(text)}</p>'

    def _ipython_display_(self) -> None:
        """Nothing: `explore_beta_latent` has already displayed the box."""


def explore_beta_latent(
    one_model, held_out, train=None, *, epochs: int = 4, n: int = 8
) -> BetaLatentExplorer:
    """Sliders for β and latent size over one model, redrawn while they are dragged; below, a still figure.

    Args:
        one_model: for example ``load_one_model("mnist")``.
        held_out: ImageData that it was not trained on.
        train: ImageData for the button "train this setting for real"; None leaves the button out.
        epochs: passes through ``train`` when the button is pressed.
        n: pictures to show.
    """
    view = BetaLatentView(one_model, held_out, n=n)
    shell = BetaLatentExplorer(view, train, held_out, epochs=epochs)
    publish_widget(
        shell.box,
        f"Interactive controls: β, {view.betas[0]:g} to {view.betas[-1]:g}; latent size, 2 to "
        f"{one_model.latent_dim}. Run the notebook to move them; the figure below stands still.",
    )
    shown = view.strip_views()
    show(setting_strip(shown), strip_alt(shown))
    return shell


def strip_alt(shown: list[list[SettingView]]) -> str:
    """Alternative text of the still figure with those rows of views, with the numbers at its corners."""
    corners = [row[place] for row in (shown[0], shown[-1]) for place in (0, -1)]
    numbers = "; ".join(
        f"β = {v.beta:g}, k = {v.k}: distortion {v.distortion:.0f}, rate {v.rate:.0f} nats" for v in corners
    )
    return check_alt(
        f"Blocks of decoded pictures and samples, one for each latent size (rows) and β (columns). "
        f"At the corners: {numbers}."
    )

"""Plots of the course. Every function returns a matplotlib Figure and shows nothing by itself.

Figures are made without pyplot, so that nothing has to be closed; in a notebook the last line of a cell
displays them, in a script ``figure.savefig("name.png")`` writes them. Pictures are floats in [0, 1] of shape
(n, channels, height, width); codes are (n, latent) in standard deviations of the prior; curves are in nats
per example.
"""

from vae_course.plotting import style
from vae_course.plotting.animation import animation_html, gif_bytes
from vae_course.plotting.collapse import collapse_panel
from vae_course.plotting.curves import training_curves
from vae_course.plotting.ellipses import posterior_ellipses
from vae_course.plotting.fingerprints import fingerprint
from vae_course.plotting.images import image_grid, sample_grid
from vae_course.plotting.interpolation import interpolation_strip
from vae_course.plotting.latent import latent_scatter
from vae_course.plotting.lines import line_plot
from vae_course.plotting.manifold import manifold
from vae_course.plotting.maps import point_map, prior_square
from vae_course.plotting.poster import write_morph, write_poster
from vae_course.plotting.reconstructions import reconstructions
from vae_course.plotting.samples import mean_and_sample, samples
from vae_course.plotting.spectrograms import spectrograms
from vae_course.plotting.traversal import traversal_grid, traverse

__all__ = [
    "animation_html",
    "collapse_panel",
    "fingerprint",
    "gif_bytes",
    "image_grid",
    "interpolation_strip",
    "latent_scatter",
    "line_plot",
    "manifold",
    "mean_and_sample",
    "point_map",
    "posterior_ellipses",
    "prior_square",
    "reconstructions",
    "sample_grid",
    "samples",
    "spectrograms",
    "style",
    "training_curves",
    "traversal_grid",
    "traverse",
    "write_morph",
    "write_poster",
]

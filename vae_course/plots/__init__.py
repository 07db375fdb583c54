"""Plots of the course. Every function returns a matplotlib Figure, made without pyplot, and shows nothing.

Pictures are floats in [0, 1] of shape (n, channels, height, width); codes are (n, latent) in standard
deviations of the prior; curves are in nats per example.
"""

from vae_course._lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "chapter_01": "bound_slice course_map gap_map toy_plane toy_posteriors trio_panel",
        "curves": "bars fingerprint interval_dots line_plot side_by_side training_curves",
        "images": "animation_html image_grid interpolation_strip manifold pictures reconstructions "
        "samples spectrograms traversal_grid",
        "latent": "draw_cloud latent_scatter maps_side_by_side paths_on_map point_clouds posterior_ellipses",
        "letters": "ink_preserving_cut letter_poster set_letters",
        "style": "write_figure",
    },
)

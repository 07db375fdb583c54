"""Interactive explorers: thin shells over plain, tested drawing functions. Import what you need from here."""

from vae_course.widgets.controls import dropdown, slider
from vae_course.widgets.explorer import Explorer, explorer

__all__ = ["Explorer", "dropdown", "explorer", "slider"]

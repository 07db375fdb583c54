"""A course of one's own in a temporary folder, with a chapter that is whole and small."""

from pathlib import Path

from tools.project import Project

PYPROJECT = """\
[tool.vae-course]
repository = "https://github.com/someone/toy-course"
branch = "main"
site = "https://someone.github.io/toy-course"
"""

WHOLE = """\
# %% [markdown]
# # A toy chapter
# <!-- badge -->
#
# <!-- minutes -->
#
# ## Objectives
# - Compute a mean.
# - Predict its sign.
# - Diagnose a wrong one.

# %% tags=["setup"]
# generated

# %% tags=["parameters"]
SEED = 0  # seed of every draw, any integer
POINTS = 500  # points to draw, 2 or more

# %%
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np

from vae_course.teaching import Claims, show

values = np.random.default_rng(SEED).normal(size=POINTS)
print("mean", values.mean())

# %% [markdown]
# ## Play

# %%
slider = widgets.IntSlider(3, 1, 9)
# no Output widget: nbclient sometimes waits forever for one (jupyter/nbclient#312)
frame = widgets.HTML("n = 3")
slider.observe(lambda change: setattr(frame, "value", f"n = {change['new']}"), "value")
twin = widgets.IntSlider(3, 1, 9)
link = widgets.jslink((slider, "value"), (twin, "value"))
widgets.VBox([slider, frame, twin])

# %%
fig, ax = plt.subplots()
ax.plot(values)
show(fig, 'A line that wiggles around "zero" & never leaves <-5, 5>.')

# %% [markdown]
# ## What we measured

# %%
claims = Claims("NAME", {"SEED": SEED, "POINTS": POINTS})
claims.add("mean", values.mean(), near=(0, 1), text="Mean of the draws")
claims.report()

# %% [markdown]
# ## Exercises


# %%
def check(name, answer):
    print(name, "not answered yet")


check("1", None)
check("2", None)
check("3", None)

# %% [markdown]
# ## Summary
# It was small.
#
# ## References
# None.
"""

SMALL = """\
# %% [markdown]
# # A small chapter
# <!-- badge -->
#
# <!-- minutes -->

# %% tags=["setup"]
# generated

# %% tags=["parameters"]
POINTS = 500  # points to draw, 2 or more

# %%
# what follows is what the chapter is about
import os

CODE
"""


def make_project(root: Path, sources: dict[str, str], quick: str = "{}\n") -> Project:
    """A project in folder ``root`` with the given chapter sources (name → text) and quick.yaml."""
    (root / "notebooks" / "source").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "notebooks" / "quick.yaml").write_text(quick, encoding="utf-8")
    for name, text in sources.items():
        path = root / "notebooks" / "source" / f"{name}.py"
        path.write_text(text.replace('"NAME"', f'"{name}"'), encoding="utf-8")
    return Project.at(root)

"""`import vae_course` and `load("digits")` load few modules: the first cell of a chapter must not wait."""

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
import torch
before = set(sys.modules)
import vae_course
first = set(sys.modules) - before
{more}
print(json.dumps([sorted(first), sorted(set(sys.modules) - before)]))
"""
# What nobody needs to load the digits, by the beginning of its name.
HEAVY = (
    "matplotlib", "ipywidgets", "torchvision", "sklearn", "scipy", "PIL", "tensorflow_datasets",
    "vae_course.models", "vae_course.training", "vae_course.evaluation", "vae_course.plots",
    "vae_course.widgets", "vae_course.teaching", "vae_course.exercises", "vae_course.weights",
    "vae_course.data.text", "vae_course.data.sound", "vae_course.data.photographs", "vae_course.data.tfds",
)  # fmt: skip


def loaded(more: str) -> tuple[list[str], list[str]]:
    """Modules that the import and all of the code bring, in a fresh process that knows torch already."""
    code = CODE.format(more=more)
    return tuple(
        json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    )


def ours(modules: list[str]) -> list[str]:
    return [name for name in modules if name.split(".")[0] == "vae_course"]


def test_digits_take_few_modules_and_no_heavy_ones():
    first, after = loaded('d = vae_course.load("digits")\nassert len(d) == 1197')
    assert ours(first) == ["vae_course", "vae_course._lazy"]
    assert len(ours(after)) <= 12, ours(after)
    assert not [name for name in after if name.startswith(HEAVY)]


@pytest.mark.parametrize("name", ["invented_names", "biopsies", "spoken_digits_synthetic", "faces_synthetic"])
def test_each_set_loads_its_own_module_alone(name):
    modules = ours(loaded(f'vae_course.load("{name}", "test")')[1])
    homes = {"text", "tables", "sound", "faces", "mnist", "photographs"}
    assert len({module.rpartition(".")[2] for module in modules} & homes) <= 2, modules

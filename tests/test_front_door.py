"""`import vae_course` and `load("digits")` load few modules: the first cell of a chapter must not wait."""

import json
import subprocess
import sys

import pytest

SETS = ("digits", "invented_names", "biopsies", "spoken_digits_synthetic", "faces_synthetic")
# In a process that knows torch already; of each set before, it forgets the package.
CODE = f"""
import json, sys
import torch
found = {{}}
for name in {SETS}:
    for module in [module for module in sys.modules if module.partition(".")[0] == "vae_course"]:
        del sys.modules[module]
    before = set(sys.modules)
    import vae_course
    first = set(sys.modules) - before
    assert len(vae_course.load(name, "test"))
    found[name] = sorted(first), sorted(set(sys.modules) - before)
print(json.dumps(found))
"""
# What nobody needs to load the digits, by the beginning of its name.
HEAVY = (
    "matplotlib", "ipywidgets", "torchvision", "sklearn", "scipy", "PIL", "tensorflow_datasets",
    "vae_course.models", "vae_course.training", "vae_course.evaluation", "vae_course.plots",
    "vae_course.widgets", "vae_course.teaching", "vae_course.exercises", "vae_course.weights",
    "vae_course.data.text", "vae_course.data.sound", "vae_course.data.photographs", "vae_course.data.tfds",
)  # fmt: skip


@pytest.fixture(scope="module")
def loaded() -> dict[str, tuple[list[str], list[str]]]:
    """For each set: the modules that `import vae_course` brings, and those that loading brings with it."""
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def ours(modules: list[str]) -> list[str]:
    return [name for name in modules if name.split(".")[0] == "vae_course"]


def test_digits_take_few_modules_and_no_heavy_ones(loaded):
    first, after = loaded["digits"]
    assert ours(first) == ["vae_course", "vae_course._lazy"]
    assert len(ours(after)) <= 12, ours(after)
    assert not [name for name in after if name.startswith(HEAVY)]


@pytest.mark.parametrize("name", SETS[1:])
def test_each_set_loads_its_own_module_alone(loaded, name):
    modules = ours(loaded[name][1])
    homes = {"text", "tables", "sound", "faces", "mnist", "photographs"}
    found = {module.rpartition(".")[2] for module in modules} & homes
    assert 1 <= len(found) <= 2, modules

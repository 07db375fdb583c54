"""The published package list of Colab's image, turned into constraints by a script of the weekly workflow."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".github" / "scripts" / "filter_freeze.py"


@pytest.fixture(scope="module")
def freeze():
    spec = importlib.util.spec_from_file_location("filter_freeze", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_freeze_of_colab_becomes_constraints(freeze):
    lines = """\
# Do not modify this file directly
absl-py==1.4.0
cuda-python==12.6.2
cupy-cuda12x==13.3.0
google-colab @ file:///colabtools/dist/google-colab-1.0.0.tar.gz
ipywidgets==7.7.1
jaxlib==0.4.16+cuda11.cudnn86
nvidia-cublas-cu12==12.5.3.2
-e git+https://host/a/b#egg=c
torch @ https://download.pytorch.org/whl/cpu/torch-2.11.0%2Bcpu-cp313-cp313-linux_x86_64.whl#sha256=8dba3f
torchvision @ https://download.pytorch.org/whl/cpu/torchvision-0.26.0%2Bcpu-cp313-cp313-linux_x86_64.whl
torchsummary==1.5.1
triton==3.1.0
"""
    assert freeze.filtered(lines.splitlines()) == [
        "absl-py==1.4.0",
        "ipywidgets==7.7.1",
        "jaxlib==0.4.16",
        "torch==2.11.0",
        "torchvision==0.26.0",
        "torchsummary==1.5.1",
    ]


def test_python_version_of_colab_is_read(freeze):
    assert freeze.python_version("Ubuntu 22.04.4 LTS\nPython 3.13.15\nR version 4.5.1") == "3.13"
    with pytest.raises(ValueError, match="names no Python version"):
        freeze.python_version("Ubuntu 22.04.4 LTS\n")

"""Sets of tensorflow-datasets, written by its own writer: read without TensorFlow, or a sentence."""

import io
import json
import sys
import types
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from failing_server import refused
from PIL import Image

from vae_course.data.images import DataError
from vae_course.data.loading import load


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a set into tmp_path; pictures of split s are filled with 0, 1, 2, ... (train) or 100, 101, ..."""
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("array_record.python.array_record_module")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "home"))

    def written(splits, name="tiny_letters", shape=(8, 6, 3), sizes=None, secret=False):
        features = {
            "image": tfds.features.Image(shape=(None, None, shape[2]) if sizes else shape),
            "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
            "note": tfds.features.Text(),
        }

        class Letters(tfds.core.GeneratorBasedBuilder, skip_registration=True):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split, n) for split, n in splits.items()}

            def _generate_examples(self, split, n):
                for i in range(n):
                    value = i if split == "train" else 100 + i
                    height = sizes[i % len(sizes)] if sizes else shape[0]
                    stream, pixels = io.BytesIO(), np.full((height, *shape[1:]), value, np.uint8)
                    Image.fromarray(pixels.squeeze()).save(stream, "PNG")
                    stream.seek(0)
                    label = -1 if secret and split == "test" else value % 3
                    yield f"{split}{i}", {"image": stream, "label": label, "note": split}

        Letters.name = name
        tfds.disable_progress_bar()
        builder = Letters(data_dir=str(tmp_path / "tensorflow_datasets"), file_format="array_record")
        builder.download_and_prepare(file_format="array_record")
        return tmp_path

    return written


def values(root, split, name="tfds:tiny_letters"):
    data = load(name, split, root=root, download=False)
    assert data.name == name and data.split == split
    assert (data.images == data.images[:, :1, :1, :1]).all()
    numbers = data.images[:, 0, 0, 0].tolist()
    if data.labels is not None:
        assert data.labels.tolist() == [n % 3 for n in numbers] and data.class_names == ("a", "b", "c")
    return numbers


def test_a_prepared_set_becomes_image_data_without_tensorflow(write):
    root = write({"train": 40, "test": 10})
    parts = [values(root, split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [36, 4, 10] and sorted(parts[2]) == list(range(100, 110))
    assert values(root, "train+validation") == parts[0] + parts[1]
    assert sorted(parts[0] + parts[1]) == list(range(40))
    assert load("tfds:tiny_letters:1.0.0", root=root).shape == (3, 8, 6)
    assert "tensorflow" not in sys.modules
    some = load("tfds:tiny_letters", root=root, subset=6, binarize="fixed")
    assert torch.bincount(some.labels).tolist() == [2, 2, 2] and set(some.images.unique().tolist()) <= {
        0,
        255,
    }


def test_a_set_s_own_validation_is_used_and_a_missing_test_part_is_a_tenth(write):
    root = write({"train": 30, "validation": 5, "test": 6}, "whole", shape=(8, 8, 1))
    own = [values(root, split, "tfds:whole") for split in ("train", "validation", "test", "train+validation")]
    assert [len(part) for part in own] == [30, 5, 6, 35] and own[3] == own[0] + own[1]
    root = write({"train": 30}, "alone")
    cut = [values(root, split, "tfds:alone") for split in ("train", "validation", "test", "train+validation")]
    assert [len(part) for part in cut] == [24, 3, 3, 27] and cut[3] == cut[0] + cut[1]
    assert sorted(cut[3] + cut[2]) == list(range(30))


def test_secret_labels_are_none(write):
    root = write({"train": 12, "test": 6}, "contest", secret=True)
    assert load("tfds:contest", "test", root=root).labels is None
    assert load("tfds:contest", "train", root=root).labels is not None


def test_what_cannot_become_image_data_is_a_sentence(write):
    root = write({"train": 12}, "photos", sizes=(8, 9))
    with pytest.raises(DataError) as caught:
        load("tfds:photos", root=root)
    assert str(caught.value) == (
        "tfds:photos has pictures of 2 sizes, such as (8, 6, 3) and (9, 6, 3): choose another, "
        "or save them for load_pictures(folder, size)."
    )
    root = write({"test": 12}, "judged")
    with pytest.raises(
        DataError, match=r"no set of pictures with a training part: it has .* in the parts test"
    ):
        load("tfds:judged", root=root)


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="TensorFlow is here")
def test_a_set_that_needs_tensorflow_says_so(write):
    root = write({"train": 12}, "old")
    text = refused("tfds:unheard_of", root)
    assert "tfds:unheard_of is not prepared in " in text and "home; copy it there after tfds.builder(" in text
    assert "needs tensorflow, which cannot be imported" in text and "pip install tensorflow" in text
    assert "download=False forbids" in refused("tfds:unheard_of", root, download=False)
    about = root / "tensorflow_datasets" / "old" / "1.0.0" / "dataset_info.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"fileFormat": "tfrecord"}))
    assert refused("tfds:old", root).startswith(
        "tfds:old is prepared in the format tfrecord, not array_record; reading it needs tensorflow, which "
    )


def test_without_tensorflow_datasets_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    text = refused("tfds:mnist", tmp_path)
    assert text.startswith("tfds:mnist needs tensorflow_datasets, which cannot be imported (")
    assert 'pip install "tensorflow-datasets>=4.9.9"' in text
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("tensorflow_datasets"))
    with pytest.raises(DataError, match="came up empty"):
        load("tfds:mnist", root=tmp_path)

"""Sets through tensorflow_datasets without TensorFlow, and the same without tensorflow_datasets."""

import hashlib
import io
import json
import subprocess
import sys
import types
import wave

import numpy as np
import pytest
import torch
from photographs import write_dogs

from vae_course.data import DataError, load
from vae_course.data.catalog import CATALOG, image_data, open_examples, open_prepared
from vae_course.data.catalog.plain import DSPRITES_FILE, plain_examples
from vae_course.data.catalog.reading import import_tfds, require_array_record
from vae_course.data.splits import PARTS

DOGS = "course_stanford_dogs"
ARRAY_RECORD = "array_record.python.array_record_module"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_CACHE", raising=False)


@pytest.fixture
def tfds():
    """tensorflow_datasets with array_record, or a skip."""
    try:
        require_array_record()
        return import_tfds()
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture
def root(tmp_path):
    """A data folder with a few examples of all four sets."""
    write_dogs(tmp_path, "tar", 45)
    rng = np.random.RandomState(0)
    (tmp_path / "audio" / "recordings").mkdir(parents=True)
    for take in range(12):
        with wave.open(str(tmp_path / "audio" / "recordings" / f"{take % 10}_theo_{take}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(rng.randint(-999, 999, 100 + take).astype("<i2").tobytes())
    (tmp_path / "text").mkdir()
    rows = [f'"{i % 4 + 1}","Headline {i}","What happened, the {i}th time"\n' for i in range(40)]
    (tmp_path / "text" / "ag_news.csv").write_text("".join(rows))
    (tmp_path / "dsprites").mkdir()
    (tmp_path / "dsprites" / DSPRITES_FILE).write_bytes(sprites(30))
    return tmp_path


def sprites(n: int) -> bytes:
    """A file like that of dSprites with n pictures."""
    rng = np.random.RandomState(n)
    classes = np.column_stack([np.zeros(n, int), *(rng.randint(0, size, n) for size in (3, 6, 40, 32, 32))])
    stream = io.BytesIO()
    metadata = np.array({"title": "objects, which must not be unpickled"}, dtype=object)
    pictures = rng.randint(0, 2, (n, 64, 64)).astype(np.uint8)
    np.savez_compressed(stream, imgs=pictures, latents_classes=classes, metadata=metadata)
    return stream.getvalue()


def comparable(examples) -> list[str]:
    """Examples without their order: arrays by their values."""

    def plain(value):
        return value if isinstance(value, str) else np.asarray(value).tolist()

    return sorted(json.dumps({k: plain(v) for k, v in sorted(e.items())}) for e in examples)


@pytest.mark.parametrize("name", CATALOG)
def test_prepared_examples_are_those_of_the_files_in_every_part(tfds, root, name):
    sizes = []
    for split in (*PARTS, "train+validation"):
        prepared = open_examples(name, split, root=root, download=False)
        assert not isinstance(prepared, list)  # it came through tensorflow_datasets
        plain = plain_examples(name, split, root, False)
        assert comparable(prepared) == comparable(plain) and len(prepared) == len(plain)
        sizes.append(len(plain))
    assert min(sizes) > 0 and sizes[3] == sizes[0] + sizes[1]
    assert (root / "cache" / "tensorflow_datasets" / name / "1.0.0" / "dataset_info.json").is_file()
    example = open_examples(name, root=root, download=False)[0]
    assert all(isinstance(value, (str, int, np.ndarray, np.integer)) for value in example.values())


def test_what_is_prepared_needs_its_files_no_more(tfds, root):
    before = comparable(open_examples(DOGS, "test", root=root))
    (root / "stanford_dogs" / "images.tar").unlink()
    assert comparable(open_examples(DOGS, "test", root=root, download=False)) == before


def test_a_failed_preparation_leaves_nothing_and_says_what_is_missing(tfds, tmp_path):
    with pytest.raises(DataError, match=r"Stanford Dogs is not in .* and download=False forbids fetching it"):
        open_examples(DOGS, root=tmp_path, download=False)
    assert not (tmp_path / "cache" / "tensorflow_datasets" / DOGS / "1.0.0").exists()
    write_dogs(tmp_path, "zip", 45)
    assert len(open_examples(DOGS, root=tmp_path, download=False)) > 30


@pytest.mark.parametrize("missing", ["tensorflow_datasets", "importlib_resources", ARRAY_RECORD])
def test_without_the_packages_the_plain_reader_gives_the_same(root, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    for name in CATALOG:
        examples = open_examples(name, "test", root=root, download=False)
        assert isinstance(examples, list)
        assert comparable(examples) == comparable(plain_examples(name, "test", root, False))


def test_the_empty_module_is_a_sentence(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("tensorflow_datasets"))
    with pytest.raises(DataError) as caught:
        open_prepared(root)
    assert str(caught.value) == (
        "tensorflow_datasets is installed but came up empty, because its tensorflow-metadata does not fit "
        'the protobuf beside it; restart Python after pip install "tensorflow-datasets>=4.9.9" '
        '"tensorflow-metadata>=1.17,<1.18" importlib_resources'
    )
    assert isinstance(open_examples(DOGS, root=root, download=False), list)


def test_a_missing_package_is_a_sentence(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "importlib_resources", None)
    with pytest.raises(DataError, match=r"cannot be imported .*importlib_resources.*pip install"):
        open_prepared(root)


def test_dsprites_comes_from_a_server(server, tmp_path, monkeypatch):
    server.files[DSPRITES_FILE] = content = sprites(30)
    monkeypatch.setattr("vae_course.data.catalog.plain.DSPRITES_URL", server.url + DSPRITES_FILE)
    monkeypatch.setattr("vae_course.data.catalog.plain.DSPRITES_MD5", hashlib.md5(content).hexdigest())
    server.mode = "busy"
    with pytest.raises(DataError) as caught:
        open_examples("course_dsprites", root=tmp_path)
    assert str(caught.value) == (
        f"cannot download dSprites from {server.url}{DSPRITES_FILE}: the server refused with 503 Service "
        f"Unavailable; try again later, or put {DSPRITES_FILE} (27 MB) into {tmp_path / 'dsprites'} "
        'yourself; load("faces_synthetic") needs no files and no network.'
    )
    server.mode = "work"
    parts = [open_examples("course_dsprites", part, root=tmp_path) for part in PARTS]
    assert sum(map(len, parts)) == 30


def test_pictures_become_training_data(root):
    data = image_data(open_examples(DOGS, "test", root=root, download=False), "dogs", "test", label="breed")
    ours = load("stanford_dogs", "test", root=root, download=False)
    assert data.shape == ours.shape == (3, 64, 64)

    def named(set_):
        pairs = zip(set_.images, set_.labels, strict=True)
        return sorted((image.numpy().tobytes(), set_.class_names[label]) for image, label in pairs)

    assert named(data) == named(ours)
    shapes = image_data(open_examples("course_dsprites", root=root), "dsprites", label="shape")
    assert shapes.shape == (1, 64, 64) and set(shapes.images.unique().tolist()) == {0, 255}
    assert image_data([{"image": np.zeros((2, 2, 1), np.uint8)}] * 3, "none").labels is None
    with pytest.raises(DataError, match="expected all of one shape"):
        image_data([{"image": np.zeros((n, 4, 1), np.uint8)} for n in (3, 4)], "odd")


def test_mocked_sets_of_the_catalog_of_tensorflow_datasets_become_training_data(tfds, tmp_path):
    with tfds.testing.mock_data(num_examples=7):
        digits = image_data(tfds.data_source("mnist", split="train"), "mnist")
        own = {name: open_examples(name, root=tmp_path) for name in CATALOG}
    assert digits.shape == (1, 28, 28) and len(digits) == 7 and digits.labels.dtype == torch.int64
    assert all(len(examples) == 7 for examples in own.values())
    assert own["course_spoken_digit"][0]["audio"].dtype == np.int16
    assert isinstance(own["course_ag_news"][0]["title"], str)
    assert own["course_dsprites"][0]["image"].shape == (64, 64, 1)


def test_a_folder_prepared_elsewhere_is_read(tfds, root, tmp_path):
    examples = open_examples(DOGS, "train", root=root)
    folder = root / "cache" / "tensorflow_datasets" / DOGS / "1.0.0"
    moved = folder.rename(tmp_path / "from_another_machine")
    again = open_prepared(moved, "train")
    assert comparable(again) == comparable(plain_examples(DOGS, "train", root, False))
    assert len(open_prepared(moved, "train[:5]")) == 5 and len(examples) == len(again)
    with pytest.raises(DataError, match=r"cannot be read without TensorFlow .*expected a folder"):
        open_prepared(moved, "nonsense")
    info = moved / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(DataError, match="cannot be read without TensorFlow"):
        open_prepared(moved, "train")
    with pytest.raises(DataError, match="cannot be read without TensorFlow"):
        open_prepared(tmp_path / "nothing")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match="unknown set 'dogs': expected one of course_spoken_digit"):
        open_examples("dogs")


def test_the_catalog_is_imported_late_and_without_tensorflow():
    code = (
        "import sys, vae_course.data.catalog; "
        "print([m for m in ('tensorflow_datasets', 'tensorflow', 'array_record') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_real_files(tfds, data_root, tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_COURSE_CACHE", str(tmp_path))
    expected = {
        "course_spoken_digit": (2000, 250, 250),
        "course_ag_news": (5697, 759, 744),
        DOGS: (1469, 158, 173),
    }
    for name, sizes in expected.items():
        assert tuple(len(open_examples(name, p, root=data_root, download=False)) for p in PARTS) == sizes
    clip = open_examples("course_spoken_digit", root=data_root, download=False)[3]
    assert clip["audio"].dtype == np.int16 and len(clip["audio"]) > 1000 and clip["label"] in range(10)
    assert not (data_root / "tensorflow_datasets").exists()

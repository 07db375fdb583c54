"""Pictures of one's own: read from files as one sees them, and taken from numpy and torchvision."""

import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_data import tiny_images
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from vae_course import VAE, fit, load_pictures
from vae_course.data.images import DataError, ImageData
from vae_course.data.own_images import as_image_data, check_data

GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def save(folder, **pictures):
    for name, picture in pictures.items():
        picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        path = folder / f"{name}.{'tif' if picture.mode == 'I' else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    return folder


def read(tmp_path, picture, **more):
    return load_pictures(save(tmp_path, one=picture), **more).images[0].numpy()


@pytest.mark.parametrize(
    ("picture", "shown"),
    [
        (GRAY, GRAY),
        (GRAY.astype(np.uint16) * 257, GRAY),  # 16 bits
        (Image.fromarray(GRAY.astype(np.int32) * 257), GRAY),  # 16 bits as older Pillows open them
        (Image.fromarray(GRAY > 100), np.where(GRAY > 100, 255, 0)),  # 1 bit
        (Image.fromarray(np.dstack([GRAY, np.full((8, 8), 255, np.uint8)]), "LA"), GRAY),
    ],
)
def test_gray_pictures_of_every_depth_stay_what_one_sees(tmp_path, picture, shown):
    assert np.array_equal(read(tmp_path, picture), shown[None])


def test_floats_of_a_tiff_are_shares_of_white_and_others_are_refused(tmp_path):
    Image.fromarray(GRAY / np.float32(255)).save(tmp_path / "a.tif")
    assert np.array_equal(load_pictures(tmp_path).images[0, 0].numpy(), GRAY)
    Image.fromarray(GRAY.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(DataError, match=r"b\.tif in .* holds numbers from 0 to 252, not from 0 to 1"):
        load_pictures(tmp_path)


@pytest.mark.parametrize("mode", ["RGB", "P", "CMYK", "RGBA"])
def test_colors_of_every_mode_stay_what_one_sees(tmp_path, mode):
    colors = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    picture = Image.fromarray(colors)
    if mode == "P":
        picture = picture.quantize(4)
    picture.convert(mode).save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    assert np.array_equal(load_pictures(tmp_path).images[0].numpy(), colors.transpose(2, 0, 1))


def test_black_letters_on_nothing_are_laid_on_white(tmp_path, capsys):
    letter = np.zeros((8, 8, 4), np.uint8)
    letter[2:6, 3:5, 3] = 255
    images = read(tmp_path, letter, gray=True)
    expected = np.full((1, 8, 8), 255)
    expected[:, 2:6, 3:5] = 0
    assert np.array_equal(images, expected)
    out = capsys.readouterr().out
    assert "1 with transparency laid on white" in out and "of one single color" not in out


def test_the_camera_s_orientation_is_followed(tmp_path, capsys):
    picture, exif = Image.fromarray(np.dstack([GRAY[:4]] * 3)), Image.Exif()
    exif[274] = 6  # turned a quarter
    picture.save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(load_pictures(tmp_path).images[0, 0].numpy(), np.rot90(GRAY[:4], -1))
    assert "1 turned as the camera was held" in capsys.readouterr().out


def test_sizes_are_cut_and_told(tmp_path, capsys):
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, :4], wide[:, 12:] = (255, 0, 0), (0, 255, 0)
    save(tmp_path, small=np.full((8, 8, 3), 7, np.uint8), wide=wide)
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"differ in size \(small\.png is 8x8, wide\.png 8x16\): give size="):
        load_pictures(tmp_path)
    cut = load_pictures(tmp_path, 8).images
    assert (cut[0] == 7).all() and (cut[1] == 0).all()
    assert capsys.readouterr().out.endswith(
        ": 2 pictures of 3x8x8; 1 cut to the shape asked for, 1 brought to 8x8, 2 of one single color, 1 "
        "left out: they are no pictures.\n"
    )
    assert load_pictures(tmp_path, (8, 16), tell=False).shape == (3, 8, 16) and capsys.readouterr().out == ""


def test_folders_are_classes_and_an_archive_gives_the_same(tmp_path, capsys):
    folder = save(tmp_path / "letters", **{f"{c}/{n}": GRAY + n for c in "ab" for n in range(3)})
    save(folder, **{".hidden/x": GRAY})
    data = load_pictures(folder)
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1] and data.class_names == ("a", "b")
    assert data.split == "all" and data.name.startswith("letters-")
    with zipfile.ZipFile(tmp_path / "letters.zip", "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
    packed = load_pictures(tmp_path / "letters.zip")
    assert packed.name == data.name and torch.equal(packed.images, data.images)
    save(folder, c=np.dstack([GRAY] * 3))
    mixed = load_pictures(folder)
    assert mixed.labels is None and mixed.shape == (3, 8, 8) and mixed.name != data.name
    assert (mixed.images[0] == mixed.images[0, :1]).all()  # gray among colored ones


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    for source, words in {"nowhere": "there is no file", "empty": "there are no pictures in"}.items():
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=words):
            load_pictures(tmp_path / source)
    save(tmp_path / "bad", a=GRAY)
    (tmp_path / "bad" / "b.png").write_bytes((tmp_path / "bad" / "a.png").read_bytes()[:50])
    with pytest.raises(DataError, match=r"b\.png in .*bad is not a whole picture .*: delete it"):
        load_pictures(tmp_path / "bad")
    (tmp_path / "x.npy").write_text("no numbers")
    with pytest.raises(DataError, match=r"x\.npy cannot be read as a \.npy file of pictures"):
        load_pictures(tmp_path / "x.npy")


@pytest.mark.parametrize("shape", [(60, 8, 8), (60, 1, 8, 8), (60, 3, 8, 8), (60, 8, 8, 3)])
def test_arrays_of_a_file_are_divided_once_and_for_all(tmp_path, shape):
    images = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    np.save(tmp_path / "x.npy", images)
    parts = {part.split: part for part in load_pictures(tmp_path / "x.npy").parts()}
    assert [len(part) for part in parts.values()] == [48, 6, 6] and list(parts) == [
        "train",
        "validation",
        "test",
    ]
    assert parts["train"].shape == (3 if 3 in shape else 1, 8, 8) and parts["train"].name.startswith("x-")
    again = {part.split: part for part in load_pictures(tmp_path / "x.npy").parts()}
    assert all(torch.equal(part.images, again[split].images) for split, part in parts.items())
    seen = [image.numpy().tobytes() for part in parts.values() for image in part.images]
    assert sorted(seen) == sorted(image.numpy().tobytes() for image in as_image_data(images).images)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((20, 8), np.uint8), "uint8 of shape"),
        (np.full((20, 8, 8), -0.5), r"pixels from -0\.5 to -0\.5; expected bytes, or numbers from 0 to 1"),
        (np.full((20, 8, 8), 7.0), "leave out Normalize, or divide by 255"),
        (np.full((20, 8, 8), np.nan), "pixels from nan to nan"),
        (np.full((20, 8, 8), 256), "pixels from 256 to 256"),
        *((np.zeros((60, c, 16, 16), np.uint8), "with 1 or 3 channels is expected") for c in (2, 4, 7)),
    ],
)
def test_unusable_arrays_are_told(array, words):
    with pytest.raises(DataError, match=words):
        as_image_data(array)


class Pictures(Dataset):
    """A data set as torchvision has them: pictures of Pillow, or what a transform makes of them."""

    classes = ("top", "bottom", "left", "right")

    def __init__(self, data, transform=None):
        self.data, self.transform = data, transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        picture = Image.fromarray(self.data.images[i].permute(1, 2, 0).squeeze(2).numpy())
        return self.transform(picture) if self.transform else picture, int(self.data.labels[i])


def test_all_that_holds_pictures_gives_the_same_data():
    from torchvision.transforms import ToTensor

    data = tiny_images(40)
    pictures, ready = Pictures(data), Pictures(data, ToTensor())
    pairs = [pictures[i] for i in range(40)]
    sources = (pictures, ready, DataLoader(ready, 16), Subset(ready, range(40)), pairs)
    for source in sources:
        taken = as_image_data(source)
        assert isinstance(taken, ImageData) and torch.equal(taken.images, data.images)
        assert torch.equal(taken.labels, data.labels)
        assert taken.class_names == (tuple("0123") if source is pairs else data.class_names)
    for source in (data.images, data.images.numpy(), data.floats(), data.images[:, 0].double() / 255):
        assert torch.equal(as_image_data(source).images, data.images)
    plain = as_image_data(TensorDataset(data.floats()))
    assert torch.equal(plain.images, data.images) and plain.labels is None
    attributes = as_image_data(TensorDataset(data.floats(), torch.zeros(40, 5)))
    assert torch.equal(attributes.images, data.images) and attributes.labels is None
    assert as_image_data(data) is data
    assert (
        len(as_image_data(DataLoader(Subset(ready, range(7)), 2, drop_last=True))) == 6
    )  # what a pass gives


def test_models_and_training_take_them():
    from torchvision.transforms import ToTensor

    data = tiny_images(40)
    model = VAE.for_data(data, latent_dim=2, hidden_dims=(8,))
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    expected = fit(model, data, data, epochs=1, progress=False).last
    for source in (DataLoader(Pictures(data, ToTensor()), 9), data.images.numpy()):
        model = VAE.for_data(source, latent_dim=2, hidden_dims=(8,))
        assert torch.equal(model.input_mean, start["input_mean"])
        model.load_state_dict(start)
        found = fit(model, source, source, epochs=1, progress=False).last
        assert found["train"] == expected["train"] and found["validation"] == expected["validation"]


def test_what_holds_no_pictures_is_refused_with_what_is_expected():
    for nothing in ("text", 7, None, {"a": 1}, [object()], b"bytes"):
        with pytest.raises(
            TypeError, match=r"the training set is of type \w+, .*expected an ImageData, from"
        ):
            check_data(nothing, "the training set")
    with pytest.raises(TypeError, match=r"the data set is of type int, .*expected an ImageData"):
        VAE.for_data(7)
    for empty in ([], np.zeros((0, 8, 8), np.uint8), DataLoader([])):
        with pytest.raises((ValueError, DataError), match=r"is empty|has none"):
            check_data(empty, "the training set")
    different = [np.zeros((8, 8), np.uint8), np.zeros((9, 8), np.uint8)]
    with pytest.raises(DataError, match=r"pictures of shapes \(8, 8\) and \(9, 8\)"):
        as_image_data(different)

"""Spectrograms and spoken digits: the transform and its inverse, reading, scaling, messages."""

import io
import math
import tarfile
import wave

import numpy as np
import pytest
import torch

from vae_course.data.images import DataError
from vae_course.data.loading import load
from vae_course.data.sound import TAKES, Spectrogram, fold_bins, normalize_clip, unfold_bins


def synthetic(split):
    return load("spoken_digits_synthetic", split)


def sine(frequency, amplitude=1.0, settings=None):
    settings = settings or Spectrogram()
    time = torch.arange(settings.samples) / settings.rate
    return (amplitude * torch.sin(2 * math.pi * frequency * time))[None]


def test_a_sine_of_full_scale_is_zero_decibels_in_its_own_bin():
    settings = Spectrogram()
    levels = settings.decibels(sine(1000.0))[0]  # 1000 Hz is bin 32
    assert levels.shape == (128, 64)
    assert levels[:, 30].argmax() == 32
    assert levels[32, 30].item() == pytest.approx(0, abs=0.05)
    assert settings.decibels(sine(1000.0, 0.1))[0][32, 30].item() == pytest.approx(-20, abs=0.1)


def test_silence_has_the_level_of_the_floor():
    assert torch.allclose(Spectrogram().decibels(torch.zeros(1, 5040)), torch.tensor(-60.0))


def test_griffin_lim_finds_a_wave_with_nearly_the_same_spectrogram():
    clip = synthetic("test")
    levels = clip.settings.decibels(clip.waves[:6].float() / 32_768)
    errors = {}
    for iterations in (1, 60):
        again = clip.settings.decibels(clip.settings.griffin_lim(levels, iterations))
        errors[iterations] = (again - levels).square().mean().sqrt().item()
    assert errors[60] < 1.5 < 2 * errors[60] + 1.5 < errors[1] + 3
    assert errors[60] < 0.5 * errors[1]


def test_griffin_lim_repeats_and_treats_each_clip_by_itself():
    clip = synthetic("test")
    levels = clip.decibels(clip.values[:3])
    together = clip.settings.griffin_lim(levels, 5)
    assert torch.allclose(together[1:2], clip.settings.griffin_lim(levels[1:2], 5), atol=1e-5)


def test_folding_puts_neighboring_frequencies_into_the_two_channels():
    x = torch.arange(2 * 128 * 64.0).reshape(2, 128, 64)
    folded = fold_bins(x)
    assert folded.shape == (2, 2, 64, 64)
    assert torch.equal(folded[:, 0, 5], x[:, 10]) and torch.equal(folded[:, 1, 5], x[:, 11])
    assert torch.equal(unfold_bins(folded), x)


def test_a_clip_is_brought_to_full_scale_and_padded_or_cut():
    clip, used = normalize_clip(np.array([0, 10, -20, 5]), 6)
    assert clip.tolist() == [0, 16384, -32767, 8192, 0, 0] and used == 4
    clip, used = normalize_clip(np.arange(10), 4)
    assert used == 4 and clip.tolist() == [0, 10922, 21845, 32767]
    assert normalize_clip(np.zeros(3), 4)[0].tolist() == [0, 0, 0, 0]


def test_scaling_undone_gives_the_spectrogram_of_the_waves():
    data = synthetic("validation")
    levels = data.settings.decibels(data.waves.float() / 32_768)
    assert torch.allclose(data.decibels(data.values), levels, atol=1e-3)


def test_scaling_comes_from_the_training_part():
    train, test = synthetic("train"), synthetic("test")
    assert torch.allclose(train.values.mean((0, 3)), torch.zeros(2, 64), atol=1e-4)
    assert torch.allclose(train.values.std((0, 3)), torch.ones(2, 64), atol=1e-3)
    assert torch.equal(train.mean, test.mean) and torch.equal(train.std, test.std)
    assert test.values.mean((0, 3)).abs().max() > 1e-3


def test_log_volume_is_that_of_the_change_from_decibels_to_values():
    data = synthetic("test")
    one = data.decibels(data.values[:1])
    step = 1e-2
    slope = (fold_bins((one + step - data.mean) / data.std) - fold_bins((one - data.mean) / data.std)) / step
    assert slope.double().log().sum().item() == pytest.approx(data.log_volume[0].item(), rel=1e-3)


def test_filled_frames_end_where_the_clip_ends():
    data = synthetic("test")
    filled = data.filled()
    assert filled.shape == (len(data), 64)
    row = int(data.used.argmin())
    assert filled[row].sum() == math.ceil(data.used[row].item() / 80)
    assert (data.waves[row, data.used[row] :] == 0).all()


def test_synthetic_digits_are_the_same_every_time_and_can_be_told_apart():
    train, test = synthetic("train"), synthetic("test")
    assert len(train) == 4 * 10 * (TAKES - 6) and len(test) == 4 * 10 * 3
    centers = torch.stack([train.values[train.labels == k].mean(0).flatten() for k in range(10)])
    found = torch.cdist(test.values.flatten(1), centers).argmin(1)
    assert (found == test.labels).float().mean() > 0.6
    from vae_course.data import sound as formant_digits

    formant_digits._all_clips.cache_clear()
    assert torch.equal(synthetic("test").waves, test.waves)


def test_rows_move_together():
    data = load("spoken_digits_synthetic", "test", subset=40, seed=3)
    assert len(data) == 40 and data.labels.bincount().tolist() == [4] * 10
    whole = load("spoken_digits_synthetic", "test")
    row = int(torch.nonzero((whole.values == data.values[7]).flatten(1).all(1))[0])
    assert whole.labels[row] == data.labels[7]
    assert torch.equal(whole.waves[row], data.waves[7]) and data.mean.shape == (128, 1)
    assert torch.equal(data.batch(torch.tensor([2, 0])), data.values[[2, 0]])


# --- files ---


def wav(samples, rate=8000, channels=1):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return buffer.getvalue()


def recordings():
    """Two digits, two speakers, twelve takes of noise whose length is told by the take."""
    rng = np.random.default_rng(0)
    return {
        f"{digit}_{speaker}_{take}.wav": wav(rng.integers(-500, 500, 1000 + 100 * take))
        for digit in (3, 7)
        for speaker in ("anna", "bert")
        for take in range(12)
    }


def tar_bytes(files, prefix="free-spoken-digit-dataset-1.0.9/recordings/"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {**files, "../README.md": b"text"}.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_folder_and_an_archive_give_the_same_clips_split_by_take(tmp_path):
    folder = tmp_path / "a" / "audio" / "recordings"
    folder.mkdir(parents=True)
    for name, content in recordings().items():
        (folder / name).write_bytes(content)
    packed = tmp_path / "b" / "audio" / "fsdd_recordings.tar.gz"
    packed.parent.mkdir(parents=True)
    packed.write_bytes(tar_bytes(recordings()))
    for split, count in {"train": 8, "validation": 20, "test": 20, "train+validation": 28}.items():
        one, other = (load("spoken_digits", split, root=tmp_path / part, download=False) for part in "ab")
        assert len(one) == len(other) == count
        assert torch.equal(one.waves, other.waves) and torch.equal(one.values, other.values)
    assert set(one.labels.tolist()) == {3, 7}
    test = load("spoken_digits", "test", root=tmp_path / "a")
    assert sorted(set(test.used.tolist())) == [1000, 1100, 1200, 1300, 1400]
    assert test.waves.abs().amax(1).eq(32767).all()


def test_without_files_and_without_permission_it_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match=r"put fsdd-v1\.0\.9\.tar\.gz into .*spoken_digits_synthetic"):
        load("spoken_digits", root=tmp_path, download=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "cannot be opened .* fetch it anew"),
        (tar_bytes(recordings())[:3000], "cannot be opened .* fetch it anew"),
        (tar_bytes({"notes.wav": b""}), "holds no recordings named like"),
        (tar_bytes({"3_anna_0.wav": b"RIFF"}), "is not a whole WAV file"),
        (tar_bytes({"3_anna_0.wav": wav([1, 2, 3], rate=16_000)}), r"expected some of \(1, 16, 8000\)"),
        (tar_bytes({"3_anna_0.wav": wav([])}), "has 0 samples"),
        (tar_bytes({"3_anna_0.wav": wav([1, 2])}), "no takes for the train part"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, message):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "fsdd_recordings.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load("spoken_digits", root=tmp_path, download=False)


def test_sounds_cannot_be_binarized():
    with pytest.raises(DataError, match="no pictures of ink"):
        load("spoken_digits_synthetic", binarize="dynamic")


def test_the_real_recordings(data_root):
    if not (data_root / "audio").is_dir():
        pytest.skip("no audio")
    test = load("spoken_digits", "test", root=data_root, download=False)
    assert len(test) % 50 == 0 and test.labels.bincount().unique().numel() == 1
    assert test.values.std().item() == pytest.approx(1, abs=0.1)

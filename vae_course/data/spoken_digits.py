"""Free Spoken Digit Dataset: ten digits, a few speakers, fifty takes each, 8 kHz mono.

Z. Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0. Read from the release's
.tar.gz or from a folder of its WAV files, with the standard library. Takes 0-4 are the official test part;
takes 5-9 serve as validation here.
"""

from __future__ import annotations

import io
import re
import tarfile
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from vae_course.data.errors import DataError
from vae_course.data.fetch import fetch
from vae_course.data.sound import SoundData, make_sound_data, normalize_clip
from vae_course.data.spectrogram import Spectrogram

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz"
SHA256 = "8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0"
TERMS = "Free Spoken Digit Dataset, Z. Jackson and others, CC BY-SA 4.0"
OFFLINE_SOUND = 'load("spoken_digits_synthetic") needs no files and no network'
ARCHIVES = ("fsdd_recordings.tar.gz", "fsdd-v1.0.9.tar.gz")
_NAME = re.compile(r"(?:^|.*/)(\d)_([a-z]+)_(\d+)\.wav$")


def load_spoken_digits(split: str, root: Path, download: bool) -> SoundData:
    """One split from `<root>/audio`: a folder `recordings` of WAV files or a .tar.gz, downloaded if missing.

    Raises:
        DataError: nothing is there and it may not or cannot be downloaded, or a recording is damaged.
    """
    settings = Spectrogram()
    recordings = sorted(
        read_recordings(find_recordings(root / "audio", download), settings.rate), key=lambda r: r[:3]
    )
    speaker_names = tuple(sorted({speaker for _, speaker, _, _ in recordings}))
    waves, used = zip(*(normalize_clip(r[3], settings.samples) for r in recordings), strict=True)
    take = torch.tensor([r[2] for r in recordings])
    clips = {
        "waves": torch.from_numpy(np.stack(waves)),
        "used": torch.tensor(used),
        "labels": torch.tensor([r[0] for r in recordings]),
        "speakers": torch.tensor([speaker_names.index(r[1]) for r in recordings]),
    }
    parts = {"test": take < 5, "validation": (take >= 5) & (take < 10), "train": take >= 10}
    parts["train+validation"] = take >= 5
    if not parts["train"].any() or not parts[split].any():
        raise DataError(f"the spoken digits in {root / 'audio'} have no takes for the {split} part.")
    digits = tuple(str(digit) for digit in range(10))
    return make_sound_data(
        "spoken_digits", split, clips, parts["train"], parts[split], digits, speaker_names, settings
    )


def find_recordings(folder: Path, download: bool) -> Path:
    """The folder or archive of recordings below `folder`, fetched where none is there and it is allowed."""
    for found in (folder / "recordings", *(folder / name for name in ARCHIVES)):
        if found.exists():
            return found
    if not download:
        raise DataError(
            f"there are no spoken digits in {folder} and download=False forbids fetching them: put the "
            f"release's .tar.gz there as {ARCHIVES[-1]}, or allow the download; {OFFLINE_SOUND}."
        )
    remedy = f"save the release's .tar.gz as {folder / ARCHIVES[-1]} yourself; {OFFLINE_SOUND}"
    fetch(URL, folder / ARCHIVES[-1], SHA256, remedy=remedy)
    return folder / ARCHIVES[-1]


def read_recordings(source: Path, rate: int) -> Iterator[tuple[int, str, int, np.ndarray]]:
    """Every recording of a folder or .tar.gz: digit, speaker, take, int16 samples.

    Raises:
        DataError: the archive or a file in it is damaged, or a recording has another format.
    """
    found = False
    for name, content in _files(source):
        match = _NAME.match(name)
        if match:
            found = True
            digit, speaker, take = match.groups()
            yield int(digit), speaker, int(take), read_wave(content, name, rate)
    if not found:
        raise DataError(
            f"{source} holds no recordings named like 7_jackson_32.wav; delete it to download it anew, or "
            f"put the release's files there; {OFFLINE_SOUND}."
        )


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.glob("*.wav")):
            yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".wav"):
                    yield member.name, archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(
            f"{source} is damaged: it is not a whole .tar.gz ({error}); delete it and load again; "
            f"{OFFLINE_SOUND}."
        ) from None


def read_wave(content: bytes, name: str, rate: int) -> np.ndarray:
    """Samples of a mono 16-bit WAV file of that rate, int16 (n,).

    Raises:
        DataError: it is something else, empty, or damaged.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    except (wave.Error, EOFError, ValueError) as error:
        raise DataError(f"{name} is damaged: it is not a whole WAV file ({error}).") from None
    if form != (1, 2, rate) or len(samples) == 0:
        raise DataError(
            f"{name} has {form[0]} channel(s) of {8 * form[1]} bits at {form[2]} Hz and {len(samples)} "
            f"samples; expected some samples of 1 channel, 16 bits, {rate} Hz."
        )
    return samples

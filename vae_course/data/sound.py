"""Sound: spectrograms, spoken digits, and digits spoken by a formula."""

import io
import math
import re
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_course.data.download import files_in, obtain, way_out
from vae_course.data.images import DataError
from vae_course.data.tables import SHARED, FeatureData

DIGITS = tuple("0123456789")
STAND_IN = "spoken_digits_synthetic"


@dataclass(frozen=True)
class Spectrogram:
    """Settings of a short-time Fourier transform with a Hann window, and both directions of it."""

    rate: int = 8000  # samples a second
    n_fft: int = 256  # samples in a window: half as many frequencies, rate / n_fft Hz apart, without rate / 2
    hop: int = 80  # samples from one frame to the next
    frames: int = 64  # of every clip
    floor: float = -60.0  # added to every magnitude, dB below a full sine: silence has a finite logarithm

    bins = property(lambda self: self.n_fft // 2, doc="Number of frequencies.")
    samples = property(lambda self: (self.frames - 1) * self.hop, doc="Samples of a clip of `frames` frames.")

    def decibels(self, waves: Tensor) -> Tensor:
        """Level of each frequency at each time: waves float (n, samples) in [-1, 1] → (n, bins, frames), dB.

        0 dB is a sine of amplitude 1 in the middle of its bin; silence is `floor`.
        """
        magnitude = self._transform(waves).abs()[:, :-1] / self._full_scale
        return 20 * torch.log10(magnitude + 10 ** (self.floor / 20))

    @torch.no_grad()
    def griffin_lim(self, decibels: Tensor, iterations: int = 60) -> Tensor:
        """Waves, float32 (n, samples), whose spectrogram is close to the given one, (n, bins, frames) in dB.

        Griffin & Lim (1984): go to a wave and back, keep the new phases, put the wanted magnitudes in again;
        with the momentum of Perraudin, Balazs & Søndergaard (2013). The first phases are random but fixed.
        """
        magnitude = (10 ** (decibels / 20) - 10 ** (self.floor / 20)).clamp_min(0) * self._full_scale
        magnitude = torch.nn.functional.pad(magnitude, (0, 0, 0, 1))
        generator = torch.Generator().manual_seed(0)
        angle = 2 * math.pi * torch.rand(magnitude.shape[1:], generator=generator)
        phase = torch.polar(torch.ones_like(angle), angle).expand(magnitude.shape)
        before = None
        for _ in range(iterations):
            consistent = self._transform(self._inverse(magnitude * phase))
            pushed = consistent if before is None else consistent + 0.99 * (consistent - before)
            before, phase = consistent, pushed / pushed.abs().clamp_min(1e-12)
        return self._inverse(magnitude * phase)

    _full_scale = property(lambda self: self.n_fft / 4)  # half the sum of a Hann window: of a full sine

    def _transform(self, waves: Tensor) -> Tensor:
        how = {"window": torch.hann_window(self.n_fft), "pad_mode": "constant", "return_complex": True}
        return torch.stft(waves, self.n_fft, self.hop, **how)

    def _inverse(self, transform: Tensor) -> Tensor:
        window = torch.hann_window(self.n_fft)
        return torch.istft(transform, self.n_fft, self.hop, window=window, length=self.samples)


@dataclass(frozen=True, eq=False, repr=False)
class SoundData(FeatureData):
    """Spectrograms of clips of equal length, each frequency scaled to mean 0 and standard deviation 1 in
    training. Neighboring frequencies share a pixel as its two channels: 128 × 64 becomes (2, 64, 64).
    """

    waves: Tensor  # int16 (N, samples), the clips with their peak at full scale, zeros after their end
    used: Tensor  # int64 (N,), samples before the zeros: what is no padding
    mean: Tensor = field(metadata=SHARED)  # float32 (bins, 1), dB, of the training part
    std: Tensor = field(metadata=SHARED)
    settings: Spectrogram = Spectrogram()  # the transform between waves and spectrograms

    def decibels(self, values: Tensor) -> Tensor:
        """Undo folding and scaling: (n, 2, bins / 2, frames) → dB, (n, bins, frames)."""
        return unfold_bins(values) * self.std.to(values.device) + self.mean.to(values.device)

    def hear(self, values: Tensor) -> Tensor:
        """Waves (n, samples) of scaled spectrograms, e.g. of a decoder's means, by Griffin-Lim."""
        return self.settings.griffin_lim(self.decibels(values.detach().cpu()))

    def off_by(self, other: Tensor) -> float:
        """Root mean square difference of other levels (N, bins, frames) in dB, in frames that hold sound."""
        off = other - self.decibels(self.values)
        return off[self.filled()[:, None].expand_as(off)].square().mean().sqrt().item()

    def filled(self) -> Tensor:
        """Which frames hold sound and which only padding: bool (N, frames)."""
        starts = torch.arange(self.settings.frames, device=self.used.device) * self.settings.hop
        return starts < self.used[:, None]


def fold_bins(spectrograms: Tensor) -> Tensor:
    """(n, bins, frames) → (n, 2, bins / 2, frames): even frequencies in channel 0, odd ones in channel 1."""
    n, bins, frames = spectrograms.shape
    return spectrograms.reshape(n, bins // 2, 2, frames).transpose(1, 2).contiguous()


def unfold_bins(values: Tensor) -> Tensor:
    """The inverse of :func:`fold_bins`."""
    n, _, half, frames = values.shape
    return values.transpose(1, 2).reshape(n, 2 * half, frames)


def normalize_clip(samples: np.ndarray, length: int) -> tuple[np.ndarray, int]:
    """One recording (n,), peak at full scale, cut or padded with zeros: int16 (length,); its length."""
    clip = np.asarray(samples, np.float64)[:length]
    peak = np.abs(clip).max()
    out = np.zeros(length, np.int16)
    out[: len(clip)] = np.round(clip * (32_767 / peak)) if peak > 0 else 0
    return out, len(clip)


def make_sound_data(name: str, split: str, clips: dict[str, Tensor], parts: dict[str, Tensor]) -> SoundData:
    """A split's SoundData, scaled by the training rows, of ``clips`` of all splits; ``parts``: bool (N,)."""
    settings, rows = Spectrogram(), torch.stack([parts[part] for part in split.split("+")]).any(0)
    decibels = torch.zeros(len(clips["waves"]), settings.bins, settings.frames)
    for part in torch.nonzero(parts["train"] | rows)[:, 0].split(100):  # few at a time: transforms are large
        decibels[part] = settings.decibels(clips["waves"][part].float() / 32_768)
    known = decibels[parts["train"]].transpose(0, 1).flatten(1)
    mean, std = known.mean(1)[:, None], known.std(1)[:, None].clamp_min(1e-3)
    values = fold_bins(decibels[rows].sub_(mean).div_(std))
    return SoundData(
        name=name,
        split=split,
        values=values,
        class_names=DIGITS,
        log_volume=torch.full((len(values),), -settings.frames * std.double().log().sum().item()).double(),
        log_cell=0.0,  # 1 dB steps
        sigma_shape=(2, settings.bins // 2, 1),
        mean=mean,
        std=std,
        **{key: tensor[rows] for key, tensor in clips.items()},
    )


# Free Spoken Digit Dataset: ten digits, a few speakers, fifty takes each, 8 kHz mono; Z. Jackson and others,
# github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0. Takes 0-4 are the official test part; takes
# 5-9 serve as validation here.

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz"
SHA256 = "8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0"
ARCHIVES = ("fsdd_recordings.tar.gz", "fsdd-v1.0.9.tar.gz")


def load_spoken_digits(name: str, split: str, root: Path, download: bool) -> SoundData:
    """One split from `<root>/audio`: a folder `recordings` of WAV files or a .tar.gz, fetched if missing."""
    folder, settings = root / "audio", Spectrogram()
    source = next((path for path in (folder / "recordings", folder / ARCHIVES[0]) if path.exists()), None)
    if source is None:
        more = {"download": download, "stand_in": STAND_IN}
        source = obtain(folder / ARCHIVES[1], URL, SHA256, "the Free Spoken Digit Dataset", **more)
    recordings = sorted(read_recordings(source, settings.rate), key=lambda r: r[:3])
    waves, used = zip(*(normalize_clip(r[3], settings.samples) for r in recordings), strict=True)
    take = torch.tensor([r[2] for r in recordings])
    clips = {
        "waves": torch.from_numpy(np.stack(waves)),
        "used": torch.tensor(used),
        "labels": torch.tensor([r[0] for r in recordings]),
    }
    parts = {"test": take < 5, "validation": (take >= 5) & (take < 10), "train": take >= 10}
    for part in ("train", *split.split("+")):
        if not parts[part].any():
            raise DataError(f"the spoken digits in {folder} have no takes for the {part} part.")
    return make_sound_data(name, split, clips, parts)


def read_recordings(source: Path, rate: int) -> Iterator[tuple[int, str, int, np.ndarray]]:
    """Every recording of a folder or .tar.gz: digit, speaker, take, int16 samples."""
    names = re.compile(r"(?:.*/)?(\d)_([a-z]+)_(\d+)\.wav")
    found = {match: read for name, (_, read) in files_in(source).items() if (match := names.fullmatch(name))}
    if not found:
        found = f"{source} holds no recordings named like 7_jackson_32.wav: delete it to download it anew;"
        raise DataError(f"{found} {way_out(STAND_IN)}.")
    for match, read in found.items():
        try:
            with wave.open(io.BytesIO(read())) as file:
                form = (file.getnchannels(), 8 * file.getsampwidth(), file.getframerate())
                samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        except (wave.Error, EOFError, ValueError) as error:
            raise DataError(f"{match[0]} is damaged: it is not a whole WAV file ({error}).") from None
        if form != (1, 16, rate) or len(samples) == 0:
            found = f"{len(samples)} samples of {form} channels, bits and Hz"
            raise DataError(f"{match[0]} has {found}; expected some of {(1, 16, rate)}.")
        yield int(match[1]), match[2], int(match[3]), samples


# Synthetic spoken digits, to run the course offline: Klatt's (1980) formant synthesis, cut down. A buzz of
# harmonics is shaped by three resonances (formants) that glide from target to target; hiss makes the
# consonants. Four invented speakers differ in pitch, size of the throat, speed and breath.

TAKES = 25  # of each digit and speaker: 0-2 test, 3-5 validation, the rest training
SPEAKERS = {  # pitch in Hz, size factor on formants, length of a word in s, breath
    "low": (105.0, 0.94, 0.46, 0.02),
    "middle": (140.0, 1.00, 0.42, 0.05),
    "high": (195.0, 1.10, 0.38, 0.03),
    "bright": (235.0, 1.17, 0.34, 0.08),
}
# Targets of each digit: share of the word, F1, F2, F3 in Hz, voice 0-1, hiss 0-1, center of the hiss in Hz.
# Formants of American vowels after Peterson & Barney (1952), the rest by ear.
TARGETS = """
zero: 0.2 300 1800 2600 0.3 0.6 3300 | 0.25 300 2200 2800 1 0 3300 | 0.2 350 1200 1600 0.8 0 3300 |
      0.35 480 850 2400 1 0 3300
one: 0.3 300 700 2200 0.7 0 2000 | 0.4 640 1190 2390 1 0 2000 | 0.3 280 1300 2400 0.4 0 2000
two: 0.15 300 1600 2500 0 0.9 3000 | 0.85 300 870 2240 1 0 3000
three: 0.25 350 1300 2300 0 0.25 2600 | 0.25 350 1200 1600 0.8 0 2600 | 0.5 270 2290 3010 1 0 2600
four: 0.25 400 1000 2300 0 0.25 2200 | 0.45 570 840 2410 1 0 2200 | 0.3 400 1200 1650 0.7 0 2200
five: 0.22 500 1100 2300 0 0.25 2200 | 0.33 730 1090 2440 1 0 2200 | 0.28 320 2150 2800 0.9 0 2200 |
      0.17 300 1000 2300 0.4 0.15 2200
six: 0.32 390 1900 2550 0 0.8 3500 | 0.28 390 1990 2550 1 0 3500 | 0.12 390 1990 2550 0 0 3500 |
      0.28 390 1990 2550 0 0.8 3500
seven: 0.28 450 1800 2500 0 0.8 3500 | 0.24 530 1840 2480 1 0 3500 | 0.14 300 1000 2300 0.4 0.1 2500 |
      0.18 500 1500 2450 0.9 0 2500 | 0.16 280 1300 2400 0.4 0 2500
eight: 0.35 480 2000 2600 1 0 3000 | 0.35 300 2250 2900 0.9 0 3000 | 0.14 300 2000 2700 0 0 3000 |
      0.16 300 1800 2600 0 0.7 3000
nine: 0.22 280 1300 2400 0.4 0 2500 | 0.3 730 1090 2440 1 0 2500 | 0.26 320 2150 2800 1 0 2500 |
      0.22 280 1300 2400 0.4 0 2500
"""
WORDS = [
    [tuple(map(float, target.split())) for target in word.split("|")]
    for word in re.split(r"\w+:", TARGETS)[1:]
]
BANDWIDTHS = (70.0, 100.0, 150.0)  # of the formants, Hz
WEIGHTS = (1.0, 0.6, 0.3)


def load_formant_digits(name: str, split: str, *_) -> SoundData:
    """One split of 1,000 synthetic clips: 4 speakers, 10 digits, 25 takes; made in about a second, once."""
    clips, take = _all_clips(), torch.arange(TAKES).repeat(10 * len(SPEAKERS))
    parts = {"test": take < 3, "validation": (take >= 3) & (take < 6), "train": take >= 6}
    return make_sound_data(name, split, clips, parts)


@cache
def _all_clips() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    made = (synthesize(digit, name, TAKES, generator) for name in SPEAKERS for digit in range(10))
    waves, used = zip(*made, strict=True)
    return {
        "waves": torch.cat(waves),
        "used": torch.cat(used),
        "labels": torch.arange(10).repeat_interleave(TAKES).repeat(len(SPEAKERS)),
    }


def synthesize(digit: int, speaker: str, takes: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Takes of a digit, int16 (takes, samples) with their peak at full scale; samples of each, (takes,)."""
    settings = Spectrogram()
    pitch, size, seconds, breath = SPEAKERS[speaker]

    def jitter(spread: float, *shape: int) -> Tensor:
        return torch.exp(spread * torch.randn(takes, *shape, generator=generator))

    length = (seconds * jitter(0.08)).clamp(0.2, 0.6)
    time = torch.arange(settings.samples) / settings.rate
    place = time / length[:, None]  # 0 at the start of the word, 1 at its end
    track = _track(WORDS[digit], place, jitter(0.1, len(WORDS[digit])))
    formants = track[..., :3] * size * jitter(0.03, 1, 3)
    voice, hiss = track[..., 3:4].squeeze(-1), track[..., 4:5].squeeze(-1) + breath
    fundamental = pitch * jitter(0.05, 1) * (1.12 - 0.24 * place.clamp(0, 1))
    waves = voice * _buzz(fundamental, formants, settings.rate)
    waves = waves + 0.5 * hiss * _hiss(track[..., 5], generator, settings)
    edges = (place * 12).clamp(0, 1) * ((1 - place) * 12).clamp(0, 1)
    waves = waves * edges + 2e-4 * torch.randn(waves.shape, generator=generator)
    used = (length * settings.rate).long().clamp_max(settings.samples)
    waves = waves * (torch.arange(settings.samples) < used[:, None])
    waves = 32_767 * waves / waves.abs().amax(1, keepdim=True)
    return waves.round().to(torch.int16), used


def _track(word, place: Tensor, stretch: Tensor) -> Tensor:
    """Formants, voice, hiss and its center at each sample, (takes, samples, 6): glides between targets."""
    targets = torch.tensor([row[1:] for row in word])
    share = torch.tensor([row[0] for row in word]) * stretch
    share = share / share.sum(1, keepdim=True)
    middle = share.cumsum(1) - share / 2
    # a soft choice of the target: sharp in the middle of a segment, a glide at its borders
    away = (place[..., None] - middle[:, None]) / (0.5 * share[:, None])
    return torch.softmax(-(away**2) * 2, dim=-1) @ targets


def _buzz(fundamental: Tensor, formants: Tensor, rate: int) -> Tensor:
    """Harmonics of the pitch, each as strong as the three resonances let it be: (takes, samples)."""
    phase = 2 * math.pi * torch.cumsum(fundamental / rate, dim=1)
    total = torch.zeros_like(phase)
    highest = int(3900 / fundamental.min())
    for k in range(1, highest + 1):
        frequency = k * fundamental
        gain = sum(
            weight / (1 + ((frequency - formants[..., i]) / width) ** 2)
            for i, (weight, width) in enumerate(zip(WEIGHTS, BANDWIDTHS, strict=True))
        )
        total += gain * (frequency < 3900) * torch.sin(k * phase)
    return total


def _hiss(center: Tensor, generator: torch.Generator, settings: Spectrogram) -> Tensor:
    """White noise around a center frequency, (takes, samples)."""
    transform = settings._transform(torch.randn(center.shape, generator=generator))
    frequency = torch.arange(transform.shape[1])[:, None] * settings.rate / settings.n_fft
    middle = center[:, :: settings.hop][:, : transform.shape[2]]
    middle = torch.nn.functional.pad(middle, (0, transform.shape[2] - middle.shape[1]), value=3000.0)
    shaped = transform * torch.exp(-(((frequency - middle[:, None]) / 600) ** 2))
    return settings._inverse(shaped)

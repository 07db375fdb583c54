"""Short sounds in memory, as spectrograms for a model and as waves for the ear."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vae_course.data.features import FeatureData
from vae_course.data.spectrogram import Spectrogram


@dataclass(frozen=True, eq=False, repr=False)
class SoundData(FeatureData):
    """Spectrograms of clips of equal length, each frequency scaled to mean 0 and standard deviation 1.

    Mean and standard deviation of each frequency come from the training part and belong to the data set, not
    to a batch. Two neighboring frequencies share a pixel as its two channels, so that 128 × 64 becomes
    (2, 64, 64), which the course's convolutional networks take.

    Attributes:
        waves: int16 (N, samples), the clips with their peak at full scale, zeros after their end.
        used: int64 (N,), samples before the zeros: what is no padding.
        speakers: int64 (N,), an index into `speaker_names`.
        speaker_names: one name per value.
        mean, std: float32 (bins, 1), dB, of the training part.
        settings: the transform between waves and spectrograms.
    """

    waves: Tensor
    used: Tensor
    speakers: Tensor
    speaker_names: tuple[str, ...]
    mean: Tensor = field(metadata={"shared": True})
    std: Tensor = field(metadata={"shared": True})
    settings: Spectrogram = field(default_factory=Spectrogram)

    def decibels(self, values: Tensor) -> Tensor:
        """Undo folding and scaling: (n, 2, bins / 2, frames) → dB, (n, bins, frames)."""
        return unfold_bins(values) * self.std.to(values.device) + self.mean.to(values.device)

    def hear(self, values: Tensor, iterations: int = 60) -> Tensor:
        """Waves (n, samples) of scaled spectrograms, e.g. of a decoder's means, by Griffin-Lim."""
        return self.settings.griffin_lim(self.decibels(values.detach().cpu()), iterations)

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
    """One recording with its peak at full scale, cut or padded with zeros to `length` samples.

    Args:
        samples: (n,) numbers of any scale, n ≥ 1.

    Returns:
        int16 (length,), and how many of them come from the recording.
    """
    clip = np.asarray(samples, np.float64)[:length]
    peak = np.abs(clip).max()
    out = np.zeros(length, np.int16)
    out[: len(clip)] = np.round(clip * (32_767 / peak)) if peak > 0 else 0
    return out, len(clip)


def make_sound_data(
    name: str,
    split: str,
    clips: dict[str, Tensor],
    train_rows: Tensor,
    rows: Tensor,
    class_names: tuple[str, ...],
    speaker_names: tuple[str, ...],
    settings: Spectrogram,
) -> SoundData:
    """Turn clips into a split's SoundData, scaled by the training rows.

    Args:
        clips: `waves` int16 (N, samples), `used`, `labels`, `speakers` int64 (N,), of all splits.
        train_rows, rows: bool (N,): the training part, and the part asked for.
    """
    decibels = torch.zeros(len(clips["waves"]), settings.bins, settings.frames)
    for part in torch.nonzero(train_rows | rows)[:, 0].split(100):  # few at a time: transforms are large
        decibels[part] = settings.decibels(clips["waves"][part].float() / 32_768)
    known = decibels[train_rows].transpose(0, 1).flatten(1)
    mean, std = known.mean(1)[:, None], known.std(1)[:, None].clamp_min(1e-3)
    values = fold_bins(decibels[rows].sub_(mean).div_(std))
    return SoundData(
        name=name,
        split=split,
        values=values,
        labels=clips["labels"][rows],
        class_names=class_names,
        log_volume=torch.full((len(values),), -settings.frames * std.double().log().sum().item()).double(),
        log_cell=0.0,  # 1 dB steps
        sigma_shape=(2, settings.bins // 2, 1),
        waves=clips["waves"][rows],
        used=clips["used"][rows],
        speakers=clips["speakers"][rows],
        speaker_names=speaker_names,
        mean=mean,
        std=std,
        settings=settings,
    )

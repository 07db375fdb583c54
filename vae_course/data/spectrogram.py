"""From a waveform to a picture of it, and back: log-magnitude spectrograms and Griffin-Lim."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spectrogram:
    """Settings of a short-time Fourier transform with a Hann window, and both directions of it.

    Attributes:
        rate: samples a second.
        n_fft: samples in a window; there are n_fft / 2 frequencies, rate / n_fft Hz apart (the highest one,
            half the rate, is left out).
        hop: samples from one frame to the next.
        frames: frames of every clip.
        floor: level added to every magnitude, dB below a sine of full scale: silence has a finite logarithm.
    """

    rate: int = 8000
    n_fft: int = 256
    hop: int = 80
    frames: int = 64
    floor: float = -60.0

    @property
    def bins(self) -> int:
        """Number of frequencies."""
        return self.n_fft // 2

    @property
    def samples(self) -> int:
        """Samples of a clip, so that it has exactly `frames` frames."""
        return (self.frames - 1) * self.hop

    @property
    def frequencies(self) -> Tensor:
        """Frequency of each bin in Hz, (bins,)."""
        return torch.arange(self.bins) * self.rate / self.n_fft

    @property
    def times(self) -> Tensor:
        """Time of each frame in seconds, (frames,)."""
        return torch.arange(self.frames) * self.hop / self.rate

    def decibels(self, waves: Tensor) -> Tensor:
        """Level of each frequency at each time: waves float (n, samples) in [-1, 1] → (n, bins, frames), dB.

        0 dB is a sine of amplitude 1 in the middle of its bin; silence is `floor`.
        """
        if waves.shape[-1] != self.samples:
            raise ValueError(f"clips have {waves.shape[-1]} samples; expected {self.samples}.")
        magnitude = self._transform(waves).abs()[:, :-1] / self._full_scale
        return 20 * torch.log10(magnitude + 10 ** (self.floor / 20))

    @torch.no_grad()
    def griffin_lim(self, decibels: Tensor, iterations: int = 60, momentum: float = 0.99) -> Tensor:
        """Waves whose spectrogram is close to the given one; the phases, which it lacks, are searched for.

        Griffin & Lim (1984): go to a wave and back, keep the new phases, put the wanted magnitudes in again;
        with the momentum of Perraudin, Balazs & Søndergaard (2013). The first phases are random but fixed.

        Args:
            decibels: (n, bins, frames), dB.
            iterations: rounds, at least 1.
            momentum: in [0, 1); 0 is the original method.

        Returns:
            float32 (n, samples); louder than 1 if the spectrogram says so.
        """
        magnitude = (10 ** (decibels / 20) - 10 ** (self.floor / 20)).clamp_min(0) * self._full_scale
        magnitude = torch.nn.functional.pad(magnitude, (0, 0, 0, 1))
        generator = torch.Generator().manual_seed(0)
        angle = 2 * math.pi * torch.rand(magnitude.shape[1:], generator=generator)
        phase = torch.polar(torch.ones_like(angle), angle).expand(magnitude.shape)
        before = None
        for _ in range(iterations):
            consistent = self._transform(self._inverse(magnitude * phase))
            pushed = consistent if before is None else consistent + momentum * (consistent - before)
            before, phase = consistent, pushed / pushed.abs().clamp_min(1e-12)
        return self._inverse(magnitude * phase)

    @property
    def _window(self) -> Tensor:
        return torch.hann_window(self.n_fft)

    @property
    def _full_scale(self) -> float:
        return self.n_fft / 4  # half the sum of a Hann window: what a sine of amplitude 1 shows

    def _transform(self, waves: Tensor) -> Tensor:
        return torch.stft(
            waves, self.n_fft, self.hop, window=self._window, pad_mode="constant", return_complex=True
        )

    def _inverse(self, transform: Tensor) -> Tensor:
        return torch.istft(transform, self.n_fft, self.hop, window=self._window, length=self.samples)

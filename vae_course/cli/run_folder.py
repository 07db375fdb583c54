"""The folder of one training run: what lies in it, and whether a run may start or go on there."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from vae_course.cli.options import UsageError
from vae_course.cli.output import check_folder, save_json
from vae_course.cli.shared import PROGRAM

# In the order in which they are written; the last one says that the run is finished.
FILES = {
    "config.json": "the settings of the run",
    "model.pt": "weights and configuration, for load_model",
    "history.json": "losses by epoch, for History.from_json",
    "training_history.png": "the same as curves",
    "reconstructions.png": "test images and what the model makes of them",
    "latent_space.png": "codes of test images",
    "manifold.png": "the decoder over the latent plane",
    "samples.png": "pictures from the prior",
    "interpolation.png": "paths between test images",
    "metrics.json": "test losses with standard errors",
}


class RunFolder:
    """The folder ``path`` as the home of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / "checkpoint.pt"

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def finished(self) -> bool:
        """Whether everything has been written."""
        return (self / "metrics.json").is_file() and not self.checkpoint.exists()

    @property
    def resume_command(self) -> str:
        """What to type to go on with this run."""
        return f"{PROGRAM} train --resume --output {shlex.quote(str(self.path))}"

    def check_new(self, overwrite: bool) -> None:
        """Raise UsageError unless a new run may be written here."""
        check_folder(self.path)
        taken = [name for name in (*FILES, self.checkpoint.name) if (self / name).exists()]
        if taken and not overwrite:
            raise UsageError(
                f"--output: {self.path} holds a run already ({taken[0]}); give --resume to go on with it, "
                "--overwrite to replace it, or another folder."
            )

    def settings(self) -> dict:
        """The settings that the run in this folder was started with. Raises UsageError when there is none."""
        path = self / "config.json"
        if not path.is_file():
            raise UsageError(f"--resume: there is no run in {self.path} ({path.name} is missing).")
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"--resume: {path} is not readable as the settings of a run.") from error

    def start(self, config: dict) -> None:
        """Clear what an earlier run left under our names (other files stay) and write the configuration."""
        for name in (*FILES, self.checkpoint.name):
            (self / name).unlink(missing_ok=True)
        save_json(config, self / "config.json")

    def listing(self) -> str:
        """One line for each file of the run: name, size, what it is."""
        lines = []
        for name, text in FILES.items():
            if (self / name).is_file():
                size = (self / name).stat().st_size
                shown = f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"
                lines.append(f"  {name:<22}{shown:>8}   {text}")
        return "\n".join(lines)

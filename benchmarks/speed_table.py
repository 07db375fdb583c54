"""The README's table of levels and seconds, from the measured runs."""

import json
import statistics
from pathlib import Path

from benchmarks.speed_report import names, of

HEAD = [
    "| run | process, s | training, s | −ELBO, gray | −ELBO, dynamic | NLL, dynamic |",
    "|---|---|---|---|---|---|",
]


def speed_table(folder: Path) -> str:
    """Rows of the race, of the long runs and of the record; "" while assets/results holds none of them.

    Args:
        folder: with speed.json and record.json; each may be missing.
    """
    speed, record = (_read(folder / name) for name in ("speed.json", "record.json"))
    rows = [_race_row(speed["race"], name) for name in names(speed.get("race", {}))]
    for name, run in speed.get("long", {}).items():
        nll = f"{run['nll']:.2f} ± {run['standard_error']:.2f} (K = {run['k']:,})"
        rows.append(
            f"| ours, {name} | {run['process_seconds']:.0f} | {run['training_seconds']:.0f} | "
            f"{run['gray']:.2f} | {run['dynamic']:.2f} | {nll} |"
        )
    if record:
        test = record["test"]
        bound, nll = test["negative_elbo"], test["nll"]
        rows.append(
            f"| the record: a ladder of latent layers | – | {record['training_seconds']:,.0f} | – | "
            f"{bound['value']:.2f} | {nll['value']:.2f} ± {nll['standard_error']:.2f} (K = {test['k']:,}) |"
        )
    return "\n".join([*HEAD, *rows]) if rows else ""


def _race_row(race: dict, name: str) -> str:
    process, training, gray = (
        statistics.median(of(race, name, key)) for key in ("process_seconds", "training_seconds", "gray")
    )
    dynamic = of(race, name, "dynamic")
    level = f"{statistics.median(dynamic):.2f}" if dynamic else "–"
    return f"| {name} | {process:.1f} | {training:.1f} | {gray:.2f} | {level} | – |"


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

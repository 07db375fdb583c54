"""assets/results/speed.md: which change bought what, written from the measured numbers."""

import json
import statistics
from pathlib import Path

from benchmarks.runs import words
from tools.machine import sentence
from vae_course.files import write_atomically

HEAD = """# How fast, and which change bought what

Every number on this page was measured and written by `python -m benchmarks.speed` (part *speed*
of `make bench`) and its options; the runs are in [speed.json](speed.json). Nats per
example, lower is better. *Gray*: pixel values taken as probabilities. *Dynamic*: pixels drawn anew as 0 or 1
(Burda et al. 2016). Never compare one with the other.
"""
LESSONS = """
## How to read the ablation

- **Steps first.** The largest entries are about the learning rate: how high it goes, and that it falls to 0
  at the end of the run.
- **Depth pays.** One hidden layer of 512 units on each side costs more than any change of the KL term.
- **Do not let the network learn what you can count.** The mean picture is one pass over the data. Without it
  runs are not only worse, they also differ more from seed to seed.
- **The KL warm-up** costs nothing in time; chapter 04 shows what happens to dimensions without it.
- **Arithmetic is free only on some processors.** The rows on matrix products change the seconds and hardly
  the nats here; on another processor they may do the opposite, so `fit` goes by a table of processors
  (`vae_course.machine.choose`), and `precision="highest"` switches the choice off.
"""


def write_report(content: dict, path: Path) -> None:
    """Write the page from what speed.json holds; parts that were not run are left out."""
    parts = [HEAD]
    sections = {
        "race": race,
        "avx2": race_of_laptops,
        "fifty": fifty,
        "long": long_runs,
        "ablation": ablation,
    }
    for name, section in sections.items():
        if content.get(name):
            parts.append(section(content[name]))
            parts.append(f"Machine: {sentence(content['machines'][name])}.\n")
    bench = path.with_name("bench.json")
    if bench.is_file():
        measured = json.loads(bench.read_text(encoding="utf-8"))
        if {"throughput", "growth", "memory", "imports"} <= measured.keys():
            parts.append(costs(measured))
    write_atomically(path, "\n".join(parts).encode())


def costs(found: dict) -> str:
    """What else `make bench` measured: share of bare throughput, memory, imports, growth."""
    lines = ["\n## What the rest costs", "", f"Machine: {sentence(found['throughput']['machine'])}.", ""]
    for case in found["throughput"]["models"]:
        lines.append(
            f"- {case['name']} model: `fit` takes {case['fit']:,.0f} pictures a second, "
            f"{case['share']:.0%} of what a bare loop over ready batches takes ({case['bare']:,.0f})."
        )
    growth, memory, imports = found["growth"], found["memory"], found["imports"]["seconds"]
    slopes = ", ".join(f"{curve['name']} {curve['slope']:.2f}" for curve in growth["curves"])
    lines += [
        f"- Peak memory of a run on 60,000 digits: {memory['peak_mib']:.0f} MiB, "
        f"{memory['peak_per_sum']:.2f} times the sum of libraries, data, model, gradients, optimizer and "
        "activations.",
        f"- `import vae_course` and its names beyond torch: {imports['load, VAE, fit, evaluate']:.3f} s; the "
        f"first optimizer {imports['first optimizer of fit']:.3f} s (torch's own: "
        f"{imports['first optimizer of torch']:.2f} s).",
        f"- The time of an epoch against four sizes, slopes on log-log axes: {slopes}.",
    ]
    if bound := found.get("bound"):
        memory = " and ".join(f"{size:.1f} MiB for K = {int(k):,}" for k, size in bound["tensor_mib"].items())
        lines.append(
            f"- The importance-weighted bound (K = {bound['k']:,}, {bound['digits']:,} test digits) takes "
            f"{bound['bound_seconds']:.0f} s, {bound['codes_per_second']:,} codes a second. Its tensors take "
            f"at most {memory}."
        )
    lines += ["", f"![{growth['alt']}](../figures/growth.png)"]
    return "\n".join(lines) + "\n"


def of(found: dict, name: str, key: str) -> list[float]:
    """The numbers of one name over seeds."""
    return [run[key] for label, run in found.items() if label.rpartition(", seed ")[0] == name and key in run]


def names(found: dict) -> list[str]:
    return list(dict.fromkeys(label.rpartition(", seed ")[0] for label in found))


def spread(values: list[float], digits: int = 2) -> str:
    """The median, and the range."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def race(found: dict) -> str:
    """Whole processes and training alone, medians over seeds."""
    lines = [
        "\n## Time to a level",
        "",
        "MNIST, 60,000 digits to learn from, all 10,000 test digits. *Usual*: 784-400-20, ReLU, Adam 1e-3, "
        "batch 128, a `DataLoader` that converts each picture, 10 epochs. *Ours*: `fit` with its defaults. "
        f"Median (range) over {len(of(found, 'usual', 'gray'))} seeds in alternating rounds. Training begins "
        "before the files are read; the process begins with Python. The recipe was chosen on the last 10,000 "
        "training digits; epochs, and the batch of the last row, were adjusted after a first look at these "
        "levels.",
        "",
    ]
    return "\n".join([*lines, *_race_rows(found)]) + "\n"


def race_of_laptops(found: dict) -> str:
    """The same race without wider instructions than AVX2."""
    lines = [
        "\n## The same without AVX-512",
        "",
        "As above, with `ATEN_CPU_CAPABILITY=avx2` and `DNNL_MAX_CPU_ISA=AVX2` for both, as on a usual "
        "laptop: no wider instructions, and no products in bfloat16.",
        "",
    ]
    return "\n".join([*lines, *_race_rows(found)]) + "\n"


def _race_rows(found: dict) -> list[str]:
    usual_process, usual_training = (
        statistics.median(of(found, "usual", key)) for key in ("process_seconds", "training_seconds")
    )
    lines = [
        "| run | what | process, sooner | training, sooner | process, s | training, s | gray | dynamic |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names(found):
        process, training = of(found, name, "process_seconds"), of(found, name, "training_seconds")
        dynamic = of(found, name, "dynamic")
        lines.append(
            f"| {name} | {words(name)} | {usual_process / statistics.median(process):.1f}× | "
            f"{usual_training / statistics.median(training):.1f}× | {spread(process)} | {spread(training)} | "
            f"{spread(of(found, name, 'gray'))} | {spread(dynamic) if dynamic else '–'} |"
        )
    return lines


def fifty(found: dict) -> str:
    """Does fast stay right? The same number of epochs by both recipes."""
    usual, ours = found["usual"], found["ours"]
    return (
        "\n## Does fast stay right?\n\n"
        "After 50 epochs each, one seed, one thread: the usual recipe (in the course's loop) "
        "ends at "
        f"{usual['gray']:.2f} nats (gray) after {usual['training_seconds']:.0f} s of training, "
        f"ours at {ours['gray']:.2f} after {ours['training_seconds']:.0f} s.\n"
    )


def long_runs(found: dict) -> str:
    """The importance-weighted bound of larger models, trained on dynamically binarized digits."""
    lines = [
        "\n## Minutes instead of seconds",
        "",
        "`fit` on dynamically binarized digits, one seed. NLL: the importance-weighted bound's negative on "
        "dynamically binarized test digits, ± its standard error over digits. Burda et al. (2016, table 1; "
        "quoted from memory) give 86.76 for a VAE of one stochastic layer, 84.78 for an IWAE with 50 draws.",
        "",
        "| run | encoder / decoder | z | epochs | training, s | −ELBO | NLL | K | digits | bound, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, run in found.items():
        model = run["job"]["model"]
        lines.append(
            f"| {name} | {'-'.join(map(str, model['hidden_dims']))} / "
            f"{'-'.join(map(str, model['decoder_dims']))} | {model['latent_dim']} | "
            f"{run['job']['epochs']} | {run['training_seconds']:.0f} | {run['dynamic']:.2f} | "
            f"{run['nll']:.2f} ± {run['standard_error']:.2f} | {run['k']:,} | {run['digits']:,} | "
            f"{run['bound_seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def ablation(found: dict) -> str:
    """One change taken back at a time."""
    levels = {name: statistics.mean(of(found, name, "gray")) for name in names(found)}
    base = levels["the recipe"]
    seeds = len(of(found, "the recipe", "gray"))
    lines = [
        "\n## Which change bought what",
        "",
        f"784-256-128-16-256-768-784, 6 epochs on 50,000 digits, {seeds} seeds, one thread, judged on the "
        "last 10,000 training digits (harder than the test digits). Each row takes one change back.",
        "",
        "| taken back | gray | Δ | range over seeds | dynamic | training, s |",
        "|---|---|---|---|---|---|",
    ]
    for name in sorted(levels, key=levels.get):
        gray = of(found, name, "gray")
        lines.append(
            f"| {name} | {levels[name]:.2f} | {levels[name] - base:+.2f} | "
            f"{min(gray):.2f} to {max(gray):.2f} | {statistics.mean(of(found, name, 'dynamic')):.2f} | "
            f"{statistics.median(of(found, name, 'training_seconds')):.1f} |"
        )
    return "\n".join(lines) + "\n" + LESSONS


TABLE_HEAD = [
    "| run | training, sooner | the same with AVX2 | process, sooner | training, s | process, s "
    "| −ELBO, gray | −ELBO, dynamic | NLL, dynamic |",
    "|---|---|---|---|---|---|---|---|---|",
]


def speed_table(folder: Path) -> str:
    """Rows of the race, of the long runs and of the record; "" while assets/results holds none of them.

    Args:
        folder: with speed.json and record.json; each may be missing.
    """
    speed, record = (_read(folder / name) for name in ("speed.json", "record.json"))
    rows = [_race_row(speed["race"], speed.get("avx2", {}), name) for name in names(speed.get("race", {}))]
    for name, run in speed.get("long", {}).items():
        nll = f"{run['nll']:.2f} ± {run['standard_error']:.2f} (K = {run['k']:,})"
        rows.append(
            f"| ours, {name} | – | – | – | {run['training_seconds']:.0f} | {run['process_seconds']:.0f} | "
            f"{run['gray']:.2f} | {run['dynamic']:.2f} | {nll} |"
        )
    if record:
        test = record["test"]
        bound, nll = test["negative_elbo"], test["nll"]
        rows.append(
            f"| the record: a ladder of latent layers | – | – | – | {record['training_seconds']:,.0f} | – "
            f"| – | {bound['value']:.2f} | {nll['value']:.2f} ± {nll['standard_error']:.2f} "
            f"(K = {test['k']:,}) |"
        )
    return "\n".join([*TABLE_HEAD, *rows]) if rows else ""


def _race_row(race: dict, avx2: dict, name: str) -> str:
    process, training, gray = (
        statistics.median(of(race, name, key)) for key in ("process_seconds", "training_seconds", "gray")
    )
    dynamic = of(race, name, "dynamic")
    level = f"{statistics.median(dynamic):.2f}" if dynamic else "–"
    sooner = [_sooner(found, name, "training_seconds") for found in (race, avx2)]
    sooner.append(_sooner(race, name, "process_seconds"))
    return f"| {name} | {' | '.join(sooner)} | {training:.1f} | {process:.1f} | {gray:.2f} | {level} | – |"


def _sooner(found: dict, name: str, key: str) -> str:
    """How many times as fast as the usual recipe, by medians; – where either was not run."""
    times = [of(found, which, key) for which in ("usual", name)]
    return f"{statistics.median(times[0]) / statistics.median(times[1]):.1f}×" if all(times) else "–"


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

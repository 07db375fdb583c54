"""The speed comparison: the usual recipe computes what the course computes, and results are kept."""

import json
import shutil

import pytest
import torch

from benchmarks import speed as bench_speed
from benchmarks import speed as speed_runs
from benchmarks.__main__ import renew_page
from benchmarks.pages import speed_table, write_report
from benchmarks.speed import CHANGES, Results, job
from benchmarks.usual import UsualVAE, negative_elbo
from tools.project import CourseError, Project
from vae_course.models.vae import VAE
from vae_course.training.settings import FitSettings


def test_the_usual_recipe_is_the_same_model_and_the_same_bound():
    torch.manual_seed(0)
    usual, ours = UsualVAE(), VAE((1, 28, 28), 20, [400], activation="relu")
    state = {
        "encoder.layers.1": usual.hidden, "decoder.layers.0": usual.widen, "decoder.layers.2": usual.pixels
    }  # fmt: skip
    weights = ours.state_dict()
    for name, layer in state.items():
        weights[f"{name}.weight"], weights[f"{name}.bias"] = layer.weight, layer.bias
    weights["encoder.layers.3.weight"] = torch.cat([usual.mean.weight, usual.log_var.weight])
    weights["encoder.layers.3.bias"] = torch.cat([usual.mean.bias, usual.log_var.bias])
    ours.load_state_dict(weights)
    x = torch.rand(6, 1, 28, 28)
    with torch.no_grad():
        posterior = ours.encode(x)
        z = posterior.mean + posterior.std * torch.randn(6, 20, generator=torch.manual_seed(5))
        expected = (posterior.kl() - ours.log_likelihood(x, z)).sum().item()
        torch.manual_seed(5)
        assert negative_elbo(x, *usual(x)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_a_job_that_fit_and_the_model_accept(name):
    made = job(CHANGES[name], 0, "data")
    FitSettings.from_arguments({"epochs": made["epochs"], "seed": 0, **made["settings"]})
    VAE((1, 28, 28), **made["model"])
    assert made["part"] == "train" and made["held_out"] == "validation"  # never the test digits


def test_finished_runs_are_not_run_again_unless_renewed(tmp_path):
    path, made = tmp_path / "speed.json", []

    def make():
        made.append(1)
        return {"gray": 1.0}

    assert Results(path).get("race", "a", make) == {"gray": 1.0}
    assert Results(path).get("race", "a", make) == {"gray": 1.0} and len(made) == 1
    Results(path, renew=["ablation"]).get("race", "a", make)
    assert len(made) == 1
    Results(path, renew=["race"]).get("race", "a", make)
    assert len(made) == 2


def test_a_program_is_timed_to_its_first_line_and_its_failure_is_told(tmp_path, monkeypatch):
    (tmp_path / "talker.py").write_text(
        "import json, sys, time; job = json.loads(sys.argv[1]);"
        "print(json.dumps({'training_seconds': 1.5}), flush=True);"
        "time.sleep(2 * job['wait']); print(json.dumps({'gray': 7}))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    slow, quick = (speed_runs.run("talker", {"wait": wait}) for wait in (1, 0))
    assert slow["gray"] == quick["gray"] == 7 and slow["training_seconds"] == 1.5
    assert slow["process_seconds"] < 2  # the two seconds after the first line are not counted
    with pytest.raises(CourseError, match="no_such_program failed"):
        speed_runs.run("no_such_program", {})


def test_the_page_says_what_was_measured(tmp_path):
    def run(process, training, gray):
        return {"process_seconds": process, "training_seconds": training, "gray": gray, "dynamic": gray - 3}

    machine = {
        "processor": "P",
        "cores": 2,
        "threads": 2,
        "gpu": None,
        "python": "3",
        "torch": "2",
        "system": "S",
        "date": "D",
    }
    laptop = machine | {"family": "family 1, model 2", "instructions": "AVX2"}
    content = {
        "machines": {"race": machine, "avx2": laptop, "ablation": machine},
        "race": {"usual, seed 0": run(40, 36, 105.0), "ours, 100 gray, seed 0": run(8, 4, 99.5)},
        "avx2": {"usual, seed 0": run(45, 42, 105.0), "ours, 100 gray, seed 0": run(9, 6, 99.5)},
        "ablation": {"the recipe, seed 0": run(1, 1, 100.0), "no decay, seed 0": run(1, 1, 106.5)},
    }  # fmt: skip
    write_report(content, tmp_path / "speed.md")
    text = (tmp_path / "speed.md").read_text()
    assert (
        "| ours, 100 gray | 784-256-128-16-256-768-784, 4 epochs, batches of 256 | 5.0× | 9.0× "
        "| 8.00 (8.00 to 8.00) | 4.00 (4.00 to 4.00) |" in text
    )
    assert "batches of 256 | 5.0× | 7.0× |" in text.partition("without AVX-512")[2]
    assert "Machine: P, 2 cores" in text and "Machine: P (family 1, model 2; AVX2), 2 cores" in text
    assert "| no decay | 106.50 | +6.50 |" in text
    assert "50 epochs" not in text
    json.dumps(content)


def test_the_committed_page_is_what_the_committed_numbers_say(tmp_path):
    results = Project.here().results
    for name in ("speed.json", "bench.json"):
        shutil.copy(results / name, tmp_path)
    renew_page(tmp_path)
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert text == (results / "speed.md").read_text(encoding="utf-8")
    assert "K = 5,000, 10,000 test digits" in text


def test_the_readme_table_has_a_row_for_every_run(tmp_path):
    assert speed_table(tmp_path) == ""
    run = {"process_seconds": 9.0, "training_seconds": 7.0, "gray": 99.0, "dynamic": 96.0}
    long = run | {"nll": 86.5, "standard_error": 0.2, "k": 1000}
    (tmp_path / "speed.json").write_text(
        json.dumps({"race": {"ours, seed 0": run}, "long": {"75 seconds": long}})
    )
    estimate = {"value": 81.0, "standard_error": 0.2}
    record = {"training_seconds": 1190, "test": {"negative_elbo": estimate, "nll": estimate, "k": 1000}}
    (tmp_path / "record.json").write_text(json.dumps(record))
    lines = speed_table(tmp_path).splitlines()
    assert lines[2:] == [
        "| ours | – | – | – | 7.0 | 9.0 | 99.00 | 96.00 | – |",
        "| ours, 75 seconds | – | – | – | 7 | 9 | 99.00 | 96.00 | 86.50 ± 0.20 (K = 1,000) |",
        "| the record: a ladder of latent layers | – | – | – | 1,190 | – | – | 81.00 "
        "| 81.00 ± 0.20 (K = 1,000) |",
    ]
    assert {line.count("|") for line in lines} == {10}


def test_ratios_come_first_and_say_what_a_laptop_gets(tmp_path):
    def run(training):
        return {"process_seconds": training + 2.0, "training_seconds": training, "gray": 99.0}

    races = {"race": {"usual, seed 0": run(36.0), "ours, seed 0": run(4.0)}}
    races["avx2"] = {"usual, seed 0": run(42.0), "ours, seed 0": run(6.0)}
    (tmp_path / "speed.json").write_text(json.dumps(races))
    assert speed_table(tmp_path).splitlines()[-1] == (
        "| ours | 9.0× | 7.0× | 6.3× | 4.0 | 6.0 | 99.00 | – | – |"
    )


def test_what_is_recorded_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    finished = {"process_seconds": 1.0, "training_seconds": 1.0, "gray": 99.0, "dynamic": 96.0}
    monkeypatch.setattr(bench_speed, "run", lambda program, job: finished | {"curve": []})
    results = Results(tmp_path / "speed.json")
    bench_speed.long_runs(results, str(tmp_path / "somewhere"))
    assert results.content["long"] and "somewhere" not in (tmp_path / "speed.json").read_text()

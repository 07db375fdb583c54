"""The command line as a language: spellings, help, and one sentence for every mistake."""

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course import cli
from vae_course.__main__ import main
from vae_course.cli import COMMANDS, UsageError, parse
from vae_course.training.settings import SWEEP_RECIPE, FitSettings

ROOT = Path(__file__).parents[1]


def python_m(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "vae_course", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ("train --epochs -3", "--epochs: -3 is not a whole number of at least 0."),
            ("train --epochs 2.5", "--epochs: 2.5 is not a whole number of at least 0."),
            ("train --epochs many", "--epochs: many is not a whole number"),
            ("train --latent-dim 0", "--latent-dim: 0 is not a whole number of at least 1."),
            ("train --batch-size 0", "--batch-size: 0 is not"),
            ("train --hidden-dims 512 0", "--hidden-dims: 0 is not"),
            ("train --hidden-dims", "--hidden-dims: "),
            ("train --learning-rate 0", "--learning-rate: 0 is not a number above 0."),
            ("train --learning-rate nan", "--learning-rate: nan is not"),
            ("train --learning-rate inf", "--learning-rate: inf is not"),
            ("train --beta -1", "--beta: -1 is not a number of at least 0."),
            ("train --warmup 1", "--warmup: 1 is not a number of at least 0 and below 1."),
            ("train --kl-warmup 1.1", "--kl-warmup: 1.1 is not a number of at least 0 and at most 1."),
            ("train --gradient-clip 0", "--gradient-clip: 0 is not"),
            ("train --patience 0", "--patience: 0 is not"),
            ("train --subset 0", "--subset: 0 is not"),
            ("train --seed -1", "--seed: -1 is not"),
            ("train --dataset mnits", "did you mean mnist?"),
            ("train --dataset fashion", "did you mean fashion_mnist?"),
            ("train --dataset zebra", "zebra is not one of digits, letters, mnist, fashion_mnist,"),
            ("train --likelihood bernouli", "did you mean bernoulli?"),
            ("train --schedule cos", "did you mean cosine?"),
            ("train --latent-dims 3", "unrecognized arguments: --latent-dims 3"),
            ("train extra", "unrecognized arguments: extra"),
            ("trian", "invalid choice: 'trian' (choose from"),
            ("train --wrong", "unrecognized arguments: --wrong"),
            ("evaluate", "--model"),
            ("evaluate --model x --importance-samples -1", "--importance-samples: -1 is not"),
            ("sample --model x --n 0", "--n: 0 is not"),
            ("interpolate --model x --from 3", "--to"),
            ("sweep --latent-dims 0", "--latent-dims: 0 is not a whole number of at least 1."),
            ("sweep --seeds 0", "--seeds: 0 is not"),
            ("sweep --jobs 0", "--jobs: 0 is not a whole number of at least 1."),
            ("sweep --shard 1/2", "unrecognized arguments: --shard"),
            ("train --compile", "unrecognized arguments: --compile"),
        ],
    )  # fmt: skip
    def test_exits_2_with_one_sentence(self, words, sentence, capsys):
        assert main(words.split()) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert sentence in captured.err
        assert captured.err.count("\n") == 1 and captured.err.startswith("python -m vae_course")
        assert captured.err.rstrip()[-1] in ".?"

    def test_no_command_shows_the_help(self, capsys):
        assert main([]) == 0
        assert "interpolate" in capsys.readouterr().out


class TestSpellings:
    def test_underscores_and_hyphens_are_the_same(self):
        words = """train --latent_dim 7 --hidden_dims 64 32 --batch_size=16 --learning_rate=1e-2
        --kl_warmup .3 --gradient_clip 2 --output my_folder"""
        underscores = parse(words.split())
        hyphens = parse([word if word == "my_folder" else word.replace("_", "-") for word in words.split()])
        assert underscores == hyphens
        assert underscores.latent_dim == 7 and underscores.hidden_dims == [64, 32]
        assert underscores.output == "my_folder"

    @settings(deadline=None, max_examples=100)
    @given(
        words=st.lists(
            st.sampled_from(["--epochs", "--beta", "-1", "3", "x", "--latent_dim", "--", "-h=", "="])
        )
    )
    def test_no_line_of_words_escapes_as_a_traceback(self, words):
        try:
            parse(["train", *words])
        except UsageError as error:
            assert "\n" not in str(error)

    def test_names_in_capitals_or_with_hyphens(self):
        assert parse(["train", "--dataset", "Fashion-MNIST"]).dataset == "fashion_mnist"

    def test_the_command_of_the_course(self):
        words = """train --dataset mnist --epochs 50 --latent-dim 20 --beta 1.0 --hidden-dims 512 256
        --batch-size 128 --learning-rate 1e-3 --output results/"""
        arguments = parse(words.split())
        found = (
            arguments.dataset,
            arguments.epochs,
            arguments.latent_dim,
            arguments.beta,
            arguments.hidden_dims,
        )
        assert found == ("mnist", 50, 20, 1.0, [512, 256])
        assert (arguments.batch_size, arguments.learning_rate, arguments.output) == (128, 1e-3, "results/")


class TestLikelihoods:
    def test_likelihoods_that_are_densities(self):
        """A density of a narrow enough p(x|z) is above 1 somewhere; a probability never is."""
        from vae_course import likelihoods
        from vae_course.cli import DENSITIES

        x = torch.zeros(1, 1, 4, 4)
        for name in cli.LIKELIHOODS:
            likelihood = likelihoods.make(name)
            with torch.no_grad():
                for parameter in likelihood.parameters():
                    parameter.fill_(-4.0)
                if isinstance(likelihood, (likelihoods.Gaussian, likelihoods.Laplace)):
                    sharp = likelihood.log_prob(x, torch.zeros_like(x))
                else:
                    sharp = likelihood.log_prob(x, torch.full_like(x, -50.0))
            assert (sharp.item() > 1e-3) == (name in DENSITIES), name


class TestSettings:
    """Each field of FitSettings is an option of ``train``: same default, same bound, same words."""

    @pytest.mark.parametrize("own", fields(FitSettings), ids=lambda own: own.name)
    def test_each_field_is_an_option(self, own):
        option, about = f"--{own.name.replace('_', '-')}", own.metadata
        parser = cli.Parser()
        cli.add_train(parser)
        action = parser._option_string_actions[option]
        assert action.default == own.default and type(action.default) is type(own.default)
        assert action.help.startswith(about["text"])
        values = (*about["rule"].choices, "?") if about["rule"].choices else (-1, 0, 0.5, 1, 2, 1e9)
        for value in values:
            taken = about["rule"].accepts(value)
            assert accepted(FitSettings, **{own.name: value}) == taken
            if taken:
                read = getattr(parse(["train", f"{option}={value}"]), own.name)
                assert read == value and about["rule"].accepts(read)
            else:
                with pytest.raises(UsageError, match=re.escape(f"{value} is not {about['rule'].words}.")):
                    parse(["train", f"{option}={value}"])

    def test_what_a_sweep_trains_with_is_what_its_command_says(self):
        from vae_course.training.sweep import Cell

        cell, found = Cell("digits", 2, 1.0, 0, 10), vars(parse(["sweep"]))
        assert {name: found[name] for name in SWEEP_RECIPE} == SWEEP_RECIPE
        assert {name: getattr(cell, name) for name in SWEEP_RECIPE} == SWEEP_RECIPE


def accepted(kind, **settings) -> bool:
    try:
        kind(**settings)
    except ValueError as error:
        return "expected" not in str(error)  # two settings that do not go together are another matter
    return True


PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


class TestItsPage:
    @pytest.mark.parametrize("line", LINES)
    def test_every_line_is_understood(self, line):
        words = shlex.split(line, comments=True)
        words = words[words.index("vae_course") + 1 :]
        assert parse(words).command == words[0]

    def test_every_command_is_there(self):
        assert {name for name in COMMANDS if any(f"vae_course {name} " in line for line in LINES)} == set(
            COMMANDS
        )


class TestHelp:
    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_every_value_has_a_default_or_is_required(self, name):
        parser = cli.Parser()
        COMMANDS[name][1](parser)
        for action in parser._actions:
            if action.nargs != 0 and action.dest not in {"images"}:
                assert "(default: " in action.help or action.required, action.option_strings

    def test_of_a_command(self, capsys):
        assert main(["train", "--help"]) == 0
        text = capsys.readouterr().out
        assert "size of the code z (default: 20)" in text and text.isascii()

    def test_as_a_module(self):
        done = python_m("--help")
        assert done.returncode == 0
        for name in COMMANDS:
            assert f"\n    {name}" in done.stdout
        wrong = python_m("train", "--epochs", "-3")
        assert wrong.returncode == 2
        assert (
            wrong.stderr == "python -m vae_course train: --epochs: -3 is not a whole number of at least 0.\n"
        )

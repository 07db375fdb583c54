"""The command line as a language: spellings, help, and one sentence for every mistake."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_course.cli import shared
from vae_course.cli.entry import main
from vae_course.cli.options import UsageError
from vae_course.cli.parser import COMMANDS, build_parser, parse

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
            ("train --epochs", "--epochs: its value is missing."),
            ("train --latent-dim 0", "--latent-dim: 0 is not a whole number of at least 1."),
            ("train --batch-size 0", "--batch-size: 0 is not"),
            ("train --hidden-dims 512 0", "--hidden-dims: 0 is not"),
            ("train --hidden-dims", "--hidden-dims: "),
            ("train --learning-rate 0", "--learning-rate: 0 is not a number above 0."),
            ("train --learning-rate -1e-3", "--learning-rate: -1e-3 is not a number above 0."),
            ("train --learning-rate nan", "--learning-rate: nan is not"),
            ("train --learning-rate inf", "--learning-rate: inf is not"),
            ("train --beta -1", "--beta: -1 is not a number at least 0."),
            ("train --warmup 1", "--warmup: 1 is not a number at least 0 and below 1."),
            ("train --kl-warmup 1.1", "--kl-warmup: 1.1 is not a number at least 0 and at most 1."),
            ("train --gradient-clip 0", "--gradient-clip: 0 is not"),
            ("train --patience 0", "--patience: 0 is not"),
            ("train --subset 0", "--subset: 0 is not"),
            ("train --seed -1", "--seed: -1 is not"),
            ("train --dataset mnits", "did you mean mnist?"),
            ("train --dataset fashion", "did you mean fashion_mnist?"),
            ("train --dataset zebra", "zebra is not one of digits, mnist, fashion_mnist, binarized_mnist,"),
            ("train --likelihood bernouli", "did you mean bernoulli?"),
            ("train --schedule cos", "did you mean cosine?"),
            ("train --latent-dims 3", "--latent-dims is not understood; did you mean --latent-dim?"),
            ("train --epoch 3", "--epoch is not understood; did you mean --epochs?"),
            ("train extra", "extra is not understood"),
            ("trian", "there is no command trian; did you mean train?"),
            ("frobnicate", "there is no command frobnicate; the commands are train, evaluate, sample"),
            ("--wrong", "--wrong is not understood"),
            ("evaluate", "--model"),
            ("evaluate --model x --importance-samples -1", "--importance-samples: -1 is not"),
            ("sample --model x --n 0", "--n: 0 is not"),
            ("interpolate --model x --from 3", "--to"),
            ("sweep --latent-dims 0", "--latent-dims: 0 is not a whole number of at least 1."),
            ("sweep --seeds 0", "--seeds: 0 is not"),
            ("sweep --shard 3/2", "--shard: 3/2 is not a part such as 1/2."),
            ("sweep --merge nowhere", "--merge: there is no finished cell of a sweep in nowhere"),
        ],
    )  # fmt: skip
    def test_exits_2_with_one_sentence(self, words, sentence, capsys):
        assert main(words.split()) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert sentence in captured.err
        assert captured.err.count("\n") == 1 and captured.err.startswith("python -m vae_course")
        assert captured.err.rstrip()[-1] in ".?"

    def test_no_command_shows_the_help_and_exits_2(self, capsys):
        assert main([]) == 2
        assert "commands:" in capsys.readouterr().out


class TestSpellings:
    def test_underscores_and_hyphens_are_the_same(self):
        words = """train --latent_dim 7 --hidden_dims 64 32 --batch_size=16 --learning_rate=1e-2
        --kl_warmup .3 --gradient_clip 2 --weight_decay 0.1 --no_download --data_root my_data_set"""
        underscores = parse(words.split())
        hyphens = parse([word if word == "my_data_set" else word.replace("_", "-") for word in words.split()])
        assert underscores == hyphens
        assert underscores.latent_dim == 7 and underscores.hidden_dims == [64, 32]
        assert underscores.data_root == "my_data_set"

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_every_option_of_every_command_has_both(self, name):
        required = [] if name.startswith(("train", "sweep")) else ["--model", "x"]
        required += ["--from", "1", "--to", "2"] if name == "interpolate" else []
        required = ["--assignment", "A1"] if name == "collect" else required
        for action in build_parser()[1][name]._actions:
            option = action.option_strings[-1]
            if "-" not in option.strip("-"):
                continue
            value = [] if action.nargs == 0 else [{str: "x"}.get(action.type, "1")]
            if isinstance(action.default, str) and action.type is not str:
                value = [action.default]
            hyphens, underscores = (
                vars(parse([name, *required, word, *value]))
                for word in (option, "--" + option[2:].replace("-", "_"))
            )
            assert hyphens == underscores
            assert hyphens[action.dest] != parse([name, *required]).__dict__[action.dest] or value == [
                action.default
            ]

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

    def test_negative_values_are_values(self):
        with pytest.raises(UsageError, match="-1e-3 is not a number"):
            parse(["train", "--beta", "-1e-3"])

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


class TestNamesAreThoseOfThePackage:
    def test_data(self):
        from vae_course.data.loading import DATASETS, SPLITS

        assert set(shared.DATASETS) <= set(DATASETS)
        assert set(shared.SPLITS) <= set(SPLITS)

    def test_likelihoods(self):
        from vae_course import likelihoods

        assert set(shared.LIKELIHOODS) == set(likelihoods.LIKELIHOODS)

    def test_models(self):
        from vae_course import VAE

        for architecture in shared.ARCHITECTURES:
            for activation in shared.ACTIVATIONS:
                VAE(latent_dim=2, hidden_dims=(4,), architecture=architecture, activation=activation)

    def test_training(self):
        from vae_course.machine import CHOICES
        from vae_course.training.settings import KL_SCHEDULES, OPTIMIZERS, SCHEDULES, FitSettings

        assert shared.KL_SCHEDULES == KL_SCHEDULES
        assert shared.PRECISIONS == CHOICES
        assert (shared.SCHEDULES, shared.OPTIMIZERS) == (tuple(SCHEDULES), tuple(OPTIMIZERS))
        defaults = vars(parse(["train"]))
        for name in set(vars(FitSettings())) & set(defaults) - {"epochs"}:
            assert defaults[name] == getattr(FitSettings(), name), name


class TestHelp:
    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_every_command_has_an_example_that_parses(self, name, capsys):
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        examples = text.replace("\\\n", " ").split("\nexample")[1].split(f"python -m vae_course {name}")[1:]
        assert examples
        for example in examples:
            parse([name, *example.split("\n\n")[0].split("\n")[0].split()])

    @pytest.mark.parametrize("name", sorted(COMMANDS))
    def test_every_value_has_a_default_or_is_required(self, name):
        for action in build_parser()[1][name]._actions:
            if action.nargs != 0:
                assert "(default: " in action.help or action.required, action.option_strings
            assert "None" not in action.help

    def test_fits_a_terminal_and_is_plain_text(self, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert main(["train", "--help"]) == 0
        text = capsys.readouterr().out
        assert text.isascii()
        body = text.split("data:")[1]
        assert max(map(len, body.splitlines())) <= 90

    def test_needs_no_heavy_import(self):
        program = (
            "import sys; from vae_course.cli import main; main(['train', '--help']); "
            "heavy = {'torch', 'numpy', 'matplotlib', 'torchvision', 'sklearn'} & set(sys.modules); "
            "sys.exit(','.join(sorted(heavy)) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def test_as_a_module(self):
        done = python_m("--help")
        assert done.returncode == 0
        for name in COMMANDS:
            assert f"\n    {name} " in done.stdout
        wrong = python_m("train", "--epochs", "-3")
        assert wrong.returncode == 2
        assert (
            wrong.stderr == "python -m vae_course train: --epochs: -3 is not a whole number of at least 0.\n"
        )

"""Submissions that would rather not be graded: each trick earns nothing, and everybody else is graded.

At the end a class goes through nbgrader: in this file, since two graders that run at the same time may choose
the same unused account, and the one who ends its programs ends the other's.
"""

import re
import time
from pathlib import Path

import pytest
import torch

pytest.importorskip("nbgrader", reason="nbgrader, of the instructor extra, is not installed")
pytest.importorskip("resource", reason="limits need a Unix system")
pytest.importorskip("pwd", reason="nbgrader's exchange needs a Unix system")

from tools.classroom import apart, plain
from tools.classroom.autograde import judge, judge_all
from tools.classroom.handed import Handed, _error
from tools.classroom.made_up_class import CLASS
from tools.classroom.rehearsal import printed, rehearse, table
from tools.project import Project
from vae_course.teaching.exercise import Exercise
from vae_course.teaching.grading import ContractBroken, grade

BOXED = pytest.mark.skipif(apart.protection() != "bubblewrap", reason="bubblewrap is not installed")


def doubled(name: str) -> Exercise:
    """A question that asks for twice the argument, under a name."""
    return Exercise(
        id=f"T.{name}",
        title="Twice",
        contract="Returns twice x.",
        stub=f"def {name}(x):\n    ...",
        hints=("Add it to itself.",),
        reference=lambda x: 2 * x,
        cases=lambda seed: [(torch.randn(3, generator=torch.Generator().manual_seed(seed)),)],
    )


CHOICE = Exercise(
    id="T.choice", title="A or B", contract="A or B.", stub="choice = ...", hints=("Read.",), value="B",
    codes={"": {"A": "", "B": ""}},
)  # fmt: skip

# What stays alive, by the name of the answer: each must earn nothing.
QUIET = {
    "patches_the_checker": """
import torch, vae_course.teaching.grading as grading, vae_course.teaching.engine as engine
for module in (grading, engine):
    for name in dir(module):
        if callable(getattr(module, name)) and name[0] != "_":
            setattr(module, name, lambda *a, **k: True)
torch.equal = torch.allclose = lambda *a, **k: True
def patches_the_checker(x): return x
""",
    "reads_the_reference": f"""
def reads_the_reference(x):
    import importlib, pathlib
    for name in ("tools.classroom.graded.A1", "graded.A1", "tools.classroom.autograde"):
        try:
            return importlib.import_module(name).QUESTIONS["A1.1"].reference(x)
        except ImportError:
            pass
    here = pathlib.Path({str(Path(__file__))!r})
    return 2 * x if "reference=lambda x: 2 * x" in here.read_text() else x
""",
    "walks_the_stack": """
def walks_the_stack(x):
    import sys
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()) + list(frame.f_globals.values()):
            if hasattr(value, "reference"):
                return value.reference(x)
        frame = frame.f_back
    return x
""",
    "looks_through_memory": """
def looks_through_memory(x):
    import gc
    for thing in gc.get_objects():
        if type(thing).__name__ == "Exercise" and thing.id.startswith("T."):
            return thing.reference(x)
    return x
""",
    "equals_everything": """
class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.tensor(True)
    def __eq__(self, other): return True
def equals_everything(x): return x.as_subclass(Yes)
""",
    "exits": "def exits(x): raise SystemExit(0)",
    "interrupts": "def interrupts(x): raise KeyboardInterrupt",
    "hides_its_words": """
class Silent(Exception):
    def __str__(self): raise SystemExit
def hides_its_words(x): raise Silent
""",
    "shouts": "def shouts(x): raise ValueError('A' * 10**7)",
    "floods": """
def floods(x):
    import os
    for _ in range(200): print("A" * 10**6); os.write(2, b"A" * 10**6)
""",
    "fills_the_disk": """
def fills_the_disk(x):
    for number in range(10**4):
        with open(f"{number}.bin", "wb") as stream: stream.write(bytes(5 * 10**7))
""",
    "takes_all_memory": "def takes_all_memory(x): return torch.zeros(10**11)",
    "changes_the_state": """
def changes_the_state(x):
    import os, random
    import numpy as np
    torch.set_default_dtype(torch.float64); torch.manual_seed(1); np.random.seed(1); random.seed(1)
    torch.set_grad_enabled(False); os.environ.clear(); os.chdir("/")
    return x
""",
    "kills_the_grader": """
def kills_the_grader(x):
    import os, signal
    for process in (os.getppid(), *range(2, 300)):
        if process != os.getpid():
            try: os.kill(process, signal.SIGKILL)
            except OSError: pass
    return x
""",
    "hands_over_a_pickle": """
class Bomb:
    def __reduce__(self): return (print, ("boom",))
def hands_over_a_pickle(x): return Bomb()
""",
}


@pytest.fixture(autouse=True)
def boxed_or_not(monkeypatch, tmp_path):
    (tmp_path / "notes.txt").write_text("handed in beside the notebook")


def graded(folder: Path, cells: list[str], *names: str, **more) -> dict[str, tuple[float, str]]:
    asked = {name: doubled(name) for name in names}
    return judge_all(asked, Handed(["import torch", *cells], folder, **more), "key")


HONEST = "def honest(x): return x + x"


@BOXED
def test_tricks_that_stay_alive_earn_nothing_and_leave_the_honest_answer_its_points(tmp_path):
    torch.manual_seed(3)
    before, dtype = torch.get_rng_state(), torch.get_default_dtype()
    found = graded(tmp_path, [*QUIET.values(), HONEST], *QUIET, "honest")
    print("\n" + "\n".join(f"{name:24}{share:>4g}  {said[:90]}" for name, (share, said) in found.items()))
    assert found.pop("honest") == (1.0, "Correct.")
    assert {name for name, (share, _) in found.items() if share} == set()
    assert all(len(said) < 700 for _, said in found.values())
    assert torch.equal(torch.get_rng_state(), before) and torch.get_default_dtype() == dtype


@BOXED
def test_programs_that_end_hang_or_multiply_lose_only_the_question(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.classroom.handed.ONE_CALL", 5)
    cells = [
        "def leaves(x):\n    import os; os._exit(0)",
        "def multiplies(x):\n    import os\n    while True: os.fork()",
        "def loops(x):\n    while True: pass",
        HONEST,
    ]
    used, unused = [], apart._unused_account
    monkeypatch.setattr(apart, "_unused_account", lambda: used.append(unused()) or used[-1])
    found = graded(tmp_path, cells, "leaves", "multiplies", "loops", "honest")
    print(found)
    assert found["honest"] == (1.0, "Correct.")
    assert found["leaves"] == (0.0, "Your code ended the program.")
    assert found["loops"] == (0.0, "Your code did not end within its time.")
    assert found["multiplies"][0] == 0
    assert not any(apart._processes(user) for user in used), "something lives on"


@BOXED
@pytest.mark.parametrize(
    "cell, said",
    [
        ("import os\nos._exit(0)", "code cell 2 ('import os'): Your code ended the program."),
        (
            "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass",
            "code cell 2 ('import time'): Your code did not end within its time.",
        ),
        (
            "import os\nfor i in range(3, 20):\n    try: os.write(i, b'A' * 100)\n    except OSError: pass",
            "Your code handed over what it should not",
        ),
    ],
    ids=["exit", "loop", "writes into the pipe"],
)
def test_a_notebook_that_stops_the_program_gets_a_sentence_for_each_question(tmp_path, cell, said):
    start = time.monotonic()
    found = graded(tmp_path, [cell, HONEST], "honest", "more", seconds=6)
    assert {share for share, _ in found.values()} == {0.0}
    assert said in found["honest"][1]
    assert said in found["more"][1]
    assert time.monotonic() - start < apart.START + 30


@BOXED
def test_cells_of_a_students_own_that_train_cost_nothing(tmp_path):
    """They are interrupted, and what else an honest student may have overlooked is said."""
    cells = ["STUDENT = 3", "while True: pass", HONEST, "answer_T_1 = {'size': best}"]
    asked = {"honest": doubled("honest"), "T.1": lambda handed: (0.0, f"{handed.answer('answer_T_1')}.")}
    found = judge_all(asked, Handed(["import torch", *cells], tmp_path, 4, seconds=30), "key")
    assert found["honest"] == (1.0, "Correct.")
    assert found["T.1"][1] == (
        "None. (Your notebook says STUDENT = 3; your number is 4. Your code cell 5 stops with NameError: "
        "name 'best' is not defined. Cells that train are not run here: type numbers in.)"
    )


def test_a_forged_exception_is_told_in_a_line():
    error = _error(["A" * 10**6, "B" * 10**6, "C" * 10**6, False])
    verdict = grade(doubled("forges"), lambda x: (_ for _ in ()).throw(error))
    assert verdict.status == "error" and "AAAA" in verdict.message and len(verdict.message) < 700


def test_a_message_cannot_claim_more_numbers_than_it_brings():
    assert plain.from_raw(["float32", [0, 3], ""]).shape == (0, 3)
    with pytest.raises(plain.NotPlain):
        plain.from_raw(["float32", [10**10], ""])


@BOXED
def test_what_a_program_can_reach(tmp_path):
    """No network, no file of the lecturer's, no other process, only its own small folder to write to."""
    (tmp_path / "a link").symlink_to("/etc/passwd")
    cell = f"""
import os, socket
def tried(*work):
    try: return str(work[0](*work[1:]))[:80]
    except BaseException as error: return type(error).__name__
reached = {{
    "network": tried(socket.create_connection, ("192.0.2.1", 80), 2),
    "names": tried(socket.gethostbyname, "example.org"),
    "lecturer": tried(os.listdir, {str(Path(apart.__file__).parent)!r}),
    "passwords": tried(open, "/etc/shadow"),
    "link": tried(open, "a link"),
    "package": tried(open, "/course/vae_course/elbo.py", "a"),
    "root": tried(open, "/new", "w"),
    "shared memory": tried(open, "/dev/shm/new", "w"),
}}
processes = [name for name in os.listdir("/proc") if name.isdigit()]
own = open("notes.txt").read()
"""
    handed = Handed([cell], tmp_path)
    try:
        reached = handed.answer("reached")
        assert handed.answer("own") == "handed in beside the notebook"
        assert len(handed.answer("processes")) <= 3  # bubblewrap's own and Python
    finally:
        handed.close()
    print(reached)
    assert all(found.endswith("Error") or found == "gaierror" for found in reached.values()), reached


@BOXED
def test_stand_ins_behave_like_the_functions(tmp_path):
    torch.save({"decoder": {"0.weight": torch.ones(2, 3)}, "activation": "relu"}, tmp_path / "weights.pt")
    (tmp_path / "code.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    cell = """
import torch
seen = []
def draw(mean, log_var, generator=None):
    return mean + torch.exp(log_var / 2) * torch.randn(mean.shape, generator=generator)
def through(x, network): return {"out": network(x), "rest": (1, "two", None, [x.numpy(force=True)])}
def scaled(x, scale): return x * scale
def adds_in_place(x): x += 1
def build(): return lambda x: 3 * x
def encode(x): seen.append(x); return x.mean(-1, keepdim=True)
def decode(z): return seen[-1] if seen else z
"""
    handed = Handed([cell], tmp_path)
    try:
        assert torch.equal(handed.weights()["decoder"]["0.weight"], torch.ones(2, 3))
        with pytest.raises(ContractBroken, match=r"code\.pt is missing or holds no dict"):
            handed.weights("code.pt")
        mean, log_var = torch.randn(4, 2, requires_grad=True), torch.zeros(4, 2, requires_grad=True)
        generators = [torch.Generator().manual_seed(5) for _ in range(2)]
        z = handed.answer("draw")(mean, log_var, generator=generators[0])
        noise = torch.randn(4, 2, generator=generators[1])
        assert torch.equal(z, mean + noise)
        assert torch.equal(generators[0].get_state(), generators[1].get_state())
        z.pow(2).sum().backward()
        assert torch.allclose(mean.grad, 2 * z) and torch.allclose(log_var.grad, z * noise)
        network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())
        result = handed.answer("through")(torch.ones(1, 2), network)
        assert torch.allclose(result["out"], network(torch.ones(1, 2)))
        assert result["rest"][:3] == (1, "two", None)
        result["out"].sum().backward()
        assert network[0].weight.grad.abs().sum() > 0
        scale = torch.ones((), requires_grad=True)
        handed.answer("scaled")(torch.ones(1), scale).sum().backward()  # its cotangent has a stride of 0
        assert scale.grad == 1
        x = torch.zeros(3)
        assert handed.answer("adds_in_place")(x) is None and torch.equal(x, torch.ones(3))
        assert torch.equal(handed.answer("build")()(torch.ones(2)), torch.full((2,), 3.0))
        # A decoder of its own process has not seen what the encoder was given.
        code = handed.answer("encode")(torch.tensor([[1.0, 3.0]]))
        assert torch.equal(handed.answer("decode")(code), torch.tensor([[1.0, 3.0]]))
        assert torch.equal(handed.apart().answer("decode")(code), torch.tensor([[2.0]]))
        assert judge(CHOICE, handed)[0] == 0  # not answered
    finally:
        handed.close()


def test_nothing_is_graded_without_protection(monkeypatch):
    from nbformat.v4 import new_notebook

    from tools.classroom import autograde

    monkeypatch.setattr(autograde, "protection", lambda: "")
    with pytest.raises(RuntimeError, match="Install bubblewrap"):
        autograde.GradeApart().preprocess(new_notebook(), {"nbgrader": {}})


@BOXED
def test_a_class_from_release_to_marks(tmp_path):
    """Idle, mistaken, unlucky and hostile students, by the README's commands; `make rehearsal` takes all."""
    some = {name: CLASS[name] for name in ("ben", "cleo", "dan", "mallory")}
    rehearsal = rehearse(Project.here(), "A1", some, tmp_path)
    print("\n" + table(rehearsal))
    rows = {row.student: row for row in rehearsal.students}
    assert set(rows) == set(some)
    assert rows["dan"].total == rehearsal.most == 14 and not rows["dan"].said, "lost marks lose no points"
    assert rows["dan"].needs_reading, "the essay waits for a person"
    assert rows["ben"].total == 0
    assert set(rows["cleo"].said) == {"A1-1-test"} and "log C left out" in rows["cleo"].said["A1-1-test"]
    assert rows["cleo"].total == rehearsal.most - 2
    assert rows["mallory"].total == 0
    assert "Your code ended the program" in rows["mallory"].said["A1-1-test"]
    for name, row in rows.items():
        assert row.row[0] == name and float(row.row[2]) == row.total
        (page,) = (tmp_path / "students" / name / "A1" / "feedback").rglob("*.html")
        text = page.read_text(encoding="utf-8")
        assert "A1.1" in text and "Traceback (most recent" not in text
        assert all(re.sub(r"\W+", " ", said)[:40] in re.sub(r"\W+", " ", text) for said in row.said.values())


def test_the_readme_prints_every_command_of_the_rehearsal():
    assert set(printed(Project.here())) == {"exchange", "release", "student", "grade", "feedback"}

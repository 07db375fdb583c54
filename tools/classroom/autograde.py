"""`nbgrader autograde` and `nbgrader export` for these assignments; `release.settings` puts them in place.

Nothing of a submission runs in nbgrader's process: a question is graded by what the student's program, in a
process of its own, answers to questions in plain data.
"""

from __future__ import annotations

import csv
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import nbformat
import torch
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.plugins import ExportPlugin
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Integer, Unicode

from tools.classroom.apart import ALL_CELLS, Gone, NotStarted, protection
from tools.classroom.handed import Handed
from tools.classroom.release import draw, number
from tools.classroom.restore import RestoreError, restore
from vae_course.teaching.exercise import Exercise, Verdict
from vae_course.teaching.grading import ContractBroken, grade, own_randomness

Question = Exercise | Callable[[Handed], "Verdict | tuple[float, str]"]
SHOWN = {"image/png", "image/jpeg", "text/plain"}  # of a student's own outputs: nothing that a browser runs
PASSED_OVER = {"setup", "ungraded", "train"}  # tags of cells that grading does not run
UNPROTECTED = (
    "Students' programs would run with your rights here, network and files in reach. Install "
    "bubblewrap (Linux), or grade in a container (see the assignments' README), or set "
    "c.GradeApart.unprotected = True if you trust every submission."
)


def questions(assignment: str) -> dict[str, Question]:
    """The hidden side of an assignment, by question; no student's installation has it."""
    return import_module(f"tools.classroom.graded.{assignment}").QUESTIONS


def secret(course: Path) -> str:
    """The class's own secret, on which all hidden numbers depend; made where there is none."""
    path = course / "secret.txt"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16) + "\n")
    return path.read_text().strip()


def judge(question: Question, handed: Handed) -> tuple[float, str]:
    """Share of the points, from 0 to 1, and the sentence for the student."""
    dtype = torch.get_default_dtype()
    try:
        if not isinstance(question, Exercise):
            with own_randomness(handed.seed):
                verdict = question(handed)
        else:
            answer = handed.answer(question.answer_name)
            for one in (question, replace(question, seed=handed.seed)):
                verdict = grade(one, answer)
                if not verdict.correct:
                    break
        return (float(verdict.correct), verdict.message) if isinstance(verdict, Verdict) else verdict
    except (Gone, ContractBroken) as told:
        return 0.0, str(told)
    except NotStarted:
        raise  # no row rather than a wrong one: nbgrader says so and goes on with the next submission
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        return 0.0, f"This could not be graded ({type(error).__name__}: {text}); ask your lecturer."
    finally:
        torch.set_default_dtype(dtype)


def judge_all(asked: Mapping[str, Question], handed: Handed, key: str) -> dict[str, tuple[float, str]]:
    """Every question of one submission; ``key`` is secret and decides on the hidden cases."""
    found = {}
    try:
        for name, question in asked.items():
            handed.seed = draw(key, name)
            share, said = judge(question, handed)
            more = "" if share == 1 else overlooked(name, question, handed)
            found[name] = share, f"{said} {more}".strip()
    finally:
        handed.close()
    return found


def overlooked(name: str, question: Question, handed: Handed) -> str:
    """What an honest student may have overlooked where points are lost, or nothing."""
    answer = getattr(question, "answer_name", f"answer_{name.replace('.', '_')}")
    found = []
    if not handed.alive:
        return ""
    try:
        number = handed.answer("STUDENT")
        if number is not None and number != handed.number:
            found.append(f"Your notebook says STUDENT = {str(number)[:20]}; your number is {handed.number}.")
        for cell, told in handed.raised:
            if answer in cell and handed.answer(answer) is None:
                found.append(f"Your {told[:200]}. Cells that train are not run here: type numbers in.")
    except (Gone, Exception):  # it ended, or what it defines cannot be handed over
        pass
    return f"({' '.join(found)})" if found else ""


class CollectFiles(ExchangeCollect):
    """Collects what students handed in, and follows no link: where it leads would be read with the rights of
    the lecturer, and could come back to the student as feedback. What cannot be copied stops nobody else.
    """

    def do_copy(self, src: str, dest: str, log=None) -> None:
        try:
            if Path(src).is_symlink():
                raise OSError("it is a link")
            with tempfile.TemporaryDirectory() as place:
                copy = Path(place, "copy")
                shutil.copytree(src, copy, symlinks=True)
                for path in [path for path in copy.rglob("*") if path.is_symlink()]:
                    path.unlink()
                    self.log.warning("%s: %s is a link and was left out", src, path.relative_to(copy))
                super().do_copy(str(copy), dest, log)
        except (OSError, RuntimeError) as error:  # nbgrader's own word for too large a folder is the latter
            shutil.rmtree(dest, ignore_errors=True)
            self.log.error("%s was not collected: %s", src, error)


class RestoreMarks(NbGraderPreprocessor):
    """Gives cells back the marks that Colab and some editors drop; a notebook that cannot be matched is
    replaced by the released one, whose questions then say why."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names, released = resources["nbgrader"], _released(resources)
        try:
            nb, mended = restore(nb, released)
        except RestoreError as error:
            nb, mended = released, []
            nb.metadata["refused"] = f"The submission was refused: {error}"
            self.log.warning("%s refused: %s", names["student"], error)
        for sentence in mended:
            self.log.warning("%s mended: %s", names["student"], sentence)
        for cell in nb.cells:
            for output in cell.get("outputs", []):
                if "data" in output:
                    output.data = {kind: one for kind, one in output.data.items() if kind in SHOWN}
        return nb, resources


class Forgiving(NotebookExporter):
    """nbgrader's exporter, for which a file that is no notebook is one to be refused."""

    def from_filename(self, filename: str, resources: dict | None = None, **more) -> tuple[str, dict]:
        try:
            nbformat.read(filename, as_version=4)
        except Exception as error:
            # nbformat raises many kinds for a file that is no notebook; all mean the same to a lecturer.
            notebook = _released(resources)
            notebook.metadata["refused"] = f"This is no readable notebook ({type(error).__name__})."
            return self.from_notebook_node(notebook, resources, **more)
        return super().from_filename(filename, resources, **more)


class GradeApart(NbGraderPreprocessor):
    """Takes the place of nbgrader's Execute: writes what each question earned as its test cell's output."""

    unprotected = Bool(False, help="grade without a sandbox").tag(config=True)
    seconds = Integer(ALL_CELLS, help="for all cells of a notebook together").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names, refused = resources["nbgrader"], nb.metadata.pop("refused", None)
        if not protection() and not self.unprotected:
            raise RuntimeError(UNPROTECTED)
        tests = {name_of(cell): cell for cell in nb.cells if _is_test(cell)}
        asked = {name: question for name, question in questions(names["assignment"]).items() if name in tests}
        if refused:
            found = {name: (0.0, refused) for name in asked}
        else:
            cells = [cell.source for cell in nb.cells if _runs(cell)]
            own = number(Path(), names["student"])
            handed = Handed(cells, Path(resources["metadata"]["path"]), own, self.seconds)
            found = judge_all(asked, handed, f"{secret(Path())}/{names['student']}")
        for name, cell in tests.items():
            cell.outputs = _outputs(name, *found[name], cell.metadata["nbgrader"]["points"])
            if found[name][0] < 1:
                self.log.info("%s, %s: %s", names["student"], name, found[name][1])
        return nb, resources


def _released(resources: dict) -> NotebookNode:
    names = resources["nbgrader"]
    return nbformat.read(Path("release", names["assignment"], names["notebook"] + ".ipynb"), as_version=4)


def name_of(cell: NotebookNode) -> str:
    """ "A1.1" of the cell marked A1-1-test."""
    return cell.metadata["nbgrader"]["grade_id"].rpartition("-")[0].replace("-", ".")


def _is_test(cell: NotebookNode) -> bool:
    mark = cell.metadata.get("nbgrader", {})
    return bool(mark.get("grade")) and not mark.get("solution")


def _runs(cell: NotebookNode) -> bool:
    return (
        cell.cell_type == "code" and not _is_test(cell) and not PASSED_OVER & {*cell.metadata.get("tags", [])}
    )


def _outputs(name: str, share: float, sentence: str, points: float) -> list[NotebookNode]:
    """nbgrader reads an error as no points, a number as so many, and no result as all of them."""
    if share >= 1:
        return [new_output("stream", name="stdout", text=f"{sentence}\n")]
    if share <= 0:
        told = f"Question {name}: {sentence}"
        return [new_output("error", ename="NotYet", evalue=told, traceback=[told])]
    earned = new_output("execute_result", data={"text/plain": f"{share * points:.2f}"})
    return [new_output("stream", name="stdout", text=f"{sentence}\n"), earned]


class Marks(ExportPlugin):
    """Two files of marks, one as Canvas imports it and one as Moodle does."""

    to = Unicode("marks", help="beginning of both names").tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        chosen = [a for a in gradebook.assignments if not self.assignment or a.name in self.assignment]
        wanted = [s for s in gradebook.students if not self.student or s.id in self.student]
        titles = [a.name for a in chosen]
        canvas = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles]]
        canvas += [["    Points Possible", "", "", "", "", *(f"{a.max_score:g}" for a in chosen)]]
        moodle = [["username", "email", *titles]]
        for student in sorted(wanted, key=lambda one: one.id):
            scores = [self._score(gradebook, title, student.id) for title in titles]
            dashes = [
                score or "-" for score in scores
            ]  # Moodle reads nothing as 0 points, and a dash as no mark
            name = ", ".join(filter(None, (student.last_name, student.first_name))) or student.id
            canvas.append([name, "", "", student.id, "", *scores])
            moodle.append([student.id, student.email or "", *dashes])
        for system, rows in (("canvas", canvas), ("moodle", moodle)):
            path = Path(f"{self.to or 'marks'}_{system}.csv")
            with path.open("w", newline="", encoding="utf-8") as stream:
                csv.writer(stream).writerows(rows)
            print(f"{path}: {len(wanted)} students")

    def _score(self, gradebook: Gradebook, assignment: str, student: str) -> str:
        try:
            submission = gradebook.find_submission(assignment, student)
        except MissingEntry:
            return ""
        if submission.needs_manual_grade:
            self.log.warning("%s of %s: an answer waits to be read (Formgrader)", assignment, student)
        return f"{submission.score:g}"

"""Submissions that lost their marks get them back; those that cannot be matched are refused."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.classroom.restore import RestoreError, restore


def marked(cell, mark, grade, solution):
    cell.metadata.nbgrader = {"grade_id": mark, "grade": grade, "solution": solution, "schema_version": 3}
    return cell


@pytest.fixture
def released():
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# A small assignment"),
            marked(new_code_cell("def kl(mean):\n    # your answer here"), "kl-answer", False, True),
            marked(new_code_cell('check("kl", kl)'), "kl-test", True, False),
            marked(new_code_cell("answer_2 = ...\n# your answer here"), "two-answer", False, True),
            marked(new_code_cell('check("two", answer_2)'), "two-test", True, False),
            marked(new_markdown_cell("YOUR ANSWER HERE"), "essay", True, True),
        ]
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


@pytest.fixture
def submitted(released):
    notebook = copy.deepcopy(released)
    notebook.cells[1].source = "def kl(mean):\n    return mean"
    notebook.cells[3].source = "answer_2 = 4"
    notebook.cells[5].source = "Because the prior is wide."
    return notebook


def marks(notebook):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]


def test_an_untouched_submission_stays_as_it_is(released, submitted):
    restored, mended = restore(submitted, released)
    assert mended == []
    assert restored == submitted


def test_lost_metadata_is_restored_by_id(released, submitted):
    for cell in submitted.cells:
        cell.metadata = nbformat.NotebookNode()
    restored, mended = restore(submitted, released)
    assert marks(restored) == marks(released)
    assert [cell.source for cell in restored.cells] == [cell.source for cell in submitted.cells]
    assert len(mended) == 5
    assert "kl-answer: mark lost, restored by its id" in mended


def test_colab_keeps_the_id_in_the_metadata(released, submitted):
    for cell in submitted.cells:
        cell.metadata = nbformat.NotebookNode(id=cell.id)
        del cell["id"]
    submitted.nbformat_minor = 0
    restored, _ = restore(submitted, released)
    assert marks(restored) == marks(released)
    assert restored.nbformat_minor == 5
    assert len({cell.id for cell in restored.cells}) == len(restored.cells)


def test_without_ids_answers_are_known_by_what_they_define_and_tests_by_their_text(released, submitted):
    for number, cell in enumerate(submitted.cells):
        cell.metadata, cell.id = nbformat.NotebookNode(), f"new-{number}"
    restored, mended = restore(submitted, released)
    assert marks(restored) == marks(released)
    assert "kl-answer: mark lost, restored by the name kl" in mended
    assert "two-test: mark lost, restored by its text" in mended
    assert "essay: mark lost, restored by its place among the texts of the student's own" in mended
    submitted.cells.append(new_markdown_cell("A second text of the student's."))
    with pytest.raises(RestoreError, match="essay: 2 cells could be this answer"):
        restore(submitted, released)


def test_an_edited_test_gets_its_text_back(released, submitted):
    submitted.cells[2].source = "print('Correct.')"
    restored, mended = restore(submitted, released)
    assert restored.cells[2].source == released.cells[2].source
    assert mended == ["kl-test: the test was edited, its text restored"]


def test_a_deleted_test_is_put_back_after_its_answer(released, submitted):
    del submitted.cells[2]
    restored, mended = restore(submitted, released)
    assert marks(restored) == marks(released)
    assert mended == ["kl-test: the test was missing, put back"]


def test_a_copied_cell_loses_the_mark_that_is_not_its_own(released, submitted):
    twin = copy.deepcopy(submitted.cells[1])
    twin.id, twin.source = "a-copy", "def kl(mean):\n    return 2 * mean"
    submitted.cells.insert(1, twin)
    restored, mended = restore(submitted, released)
    assert marks(restored)[:3] == [None, None, "kl-answer"]
    assert restored.cells[2].source == "def kl(mean):\n    return mean"
    assert any("copied cell" in sentence for sentence in mended)


def test_a_cell_that_trains_is_known_as_one_again(released, submitted):
    released.cells[1].metadata.tags = ["train"]
    for cell in submitted.cells:
        cell.metadata = nbformat.NotebookNode()
    restored, _ = restore(submitted, released)
    assert [cell.metadata.get("tags") for cell in restored.cells[:3]] == [None, ["train"], None]


def test_altered_points_are_put_right(released, submitted):
    submitted.cells[4].metadata.nbgrader.points = 100
    restored, mended = restore(submitted, released)
    assert restored.cells[4].metadata.nbgrader == released.cells[4].metadata.nbgrader
    assert mended == ["two-test: mark was altered, restored"]


def test_a_deleted_answer_is_refused(released, submitted):
    del submitted.cells[3]
    with pytest.raises(RestoreError, match="two-answer: no cell of the submission could be matched"):
        restore(submitted, released)


def test_two_candidates_without_a_mark_are_refused(released, submitted):
    submitted.cells[1].metadata, submitted.cells[1].id = nbformat.NotebookNode(), "x"
    submitted.cells.insert(0, new_code_cell("def kl(mean):\n    return 0"))
    with pytest.raises(RestoreError, match="2 cells could be this answer"):
        restore(submitted, released)


def test_another_notebook_is_refused(released):
    with pytest.raises(RestoreError, match="kl-answer"):
        restore(new_notebook(cells=[new_code_cell("print('hello')")]), released)


def test_several_texts_without_marks_are_known_by_their_order(released, submitted):
    for notebook, text in ((released, "YOUR ANSWER HERE"), (submitted, "Because of the second reason.")):
        notebook.cells.append(marked(new_markdown_cell(text), "essay-2", True, True))
    for number, cell in enumerate(submitted.cells):
        cell.metadata, cell.id = nbformat.NotebookNode(), f"new-{number}"
    restored, mended = restore(submitted, released)
    assert marks(restored) == marks(released)
    assert restored.cells[6].source == "Because of the second reason."
    assert "essay-2: mark lost, restored by its place among the texts of the student's own" in mended

"""The course's own chapters: sources, committed notebooks, results and the README's tables are whole."""

import pytest

from tools import results, structure
from tools.chapters import CHAPTERS
from tools.parameters import quick_parameters
from tools.project import DEEPER, Project, is_chapter

PROJECT = Project.here()
WRITTEN = PROJECT.written()
EXECUTED = [name for name in WRITTEN if PROJECT.notebook(name).is_file()]


@pytest.mark.parametrize("name", WRITTEN)
def test_source_is_whole(name):
    assert structure.source_problems(PROJECT, name) == []


@pytest.mark.parametrize("name", EXECUTED)
def test_committed_notebook_is_whole(name):
    assert structure.notebook_problems(PROJECT, name) == []


@pytest.mark.parametrize("name", EXECUTED)
def test_every_claim_of_the_full_run_holds(name):
    assert structure.results_problems(PROJECT, name) == []


def test_every_source_is_executed_and_every_notebook_has_a_source():
    committed = [*PROJECT.notebooks.glob("*.ipynb"), *(PROJECT.notebooks / DEEPER).glob("*.ipynb")]
    assert sorted(path.stem for path in committed) == WRITTEN


def test_chapters_are_those_of_the_course():
    assert {name for name in WRITTEN if is_chapter(name)} <= {chapter.name for chapter in CHAPTERS}
    assert set(quick_parameters(PROJECT)) <= set(WRITTEN)


def test_readme_tables_are_up_to_date():
    assert results.problems(PROJECT) == []

"""A cell that runs for long says so below itself, in a reader's notebook only, and leaves nothing behind."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

BEGIN = """
import vae_course.teaching.display as display
display.FIRST, display.EVERY = 0.5, 0.25
from vae_course import VAE, fit, load
from vae_course.teaching import Claims
claims = Claims("any"); Claims("another")
"""
TRAIN = """
for _ in range(2):
    fit(VAE.for_data(data := load("digits"), latent_dim=8), data, epochs=12, progress=False)
"""
SLOW = "import time; time.sleep(1.2)"


class Listener(NotebookClient):
    """Executes a notebook and keeps every text that stood below a cell, by the cell's index."""

    def process_message(self, message, cell, cell_index):
        if message["msg_type"] in ("display_data", "update_display_data"):
            self.said.setdefault(cell_index, []).append(message["content"]["data"]["text/plain"])
        return super().process_message(message, cell, cell_index)


def said_below(*sources: str) -> dict[int, list[str]]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = Listener(notebook, kernel_name="python3", timeout=120)
    client.said = {}
    client.execute()
    return client.said


def test_a_reader_sees_how_long_and_how_far(monkeypatch):
    monkeypatch.delenv("VAE_COURSE_RUN", raising=False)
    said = said_below(BEGIN, SLOW, TRAIN, "1 + 1")
    assert set(said) == {1, 2}, "short cells and the one that begins say nothing"
    assert said[1][-1] == said[2][-1] == "", "the line is empty when the cell has ended"
    assert all(re.fullmatch(r"At work for \d+ s", text) for text in said[1][:-1]) and len(said[1]) >= 3
    told = [re.search(r"training (\d) of this cell, update ([\d,]+) of ([\d,]+)$", t) for t in said[2][:-1]]
    steps = [(int(found[1]), int(found[2].replace(",", ""))) for found in told if found]
    assert len(steps) >= 2 and steps == sorted(steps) and steps[-1][0] == 2


@pytest.mark.parametrize("run", ["quick", "full"])
def test_the_executed_chapters_hold_no_trace_of_the_clock(monkeypatch, run):
    monkeypatch.setenv("VAE_COURSE_RUN", run)
    assert said_below(BEGIN, SLOW) == {}

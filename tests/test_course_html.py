"""The HTML copy of a notebook keeps the alternative text of its images."""

import re
from html import unescape

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.html import to_html

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_alternative_text_is_in_the_page_as_written(kind):
    alt = 'Two curves: "rate" rises & <distortion> falls, it\'s a trade.'
    output = new_output("display_data", {kind: PIXEL}, metadata={kind: {"alt": alt}})
    page = to_html(new_notebook(cells=[new_code_cell("1", outputs=[output], execution_count=1)]), "A title")
    [image] = re.findall(r"<img [^>]*>", page)
    found = re.search(r"""alt=(?:"([^"]*)"|'([^']*)')""", image)
    assert unescape(found.group(1) or found.group(2)) == alt
    assert "<title>A title</title>" in page


def test_image_without_text_is_left_alone():
    output = new_output("display_data", {"image/png": PIXEL})
    page = to_html(new_notebook(cells=[new_code_cell("1", outputs=[output], execution_count=1)]), "A title")
    assert page.count("<img ") == 1


def test_a_cell_tagged_hide_input_is_folded_and_its_output_is_not():
    output = new_output("stream", text="a result")
    cells = [
        new_code_cell("shown = 1"),
        new_code_cell("folded = 2", metadata={"tags": ["hide-input"]}, outputs=[output]),
    ]
    page = to_html(new_notebook(cells=cells), "A title")
    assert page.count("<details>") == page.count("</details>") == 1
    fold = page[page.index("<details>") : page.index("</details>")]
    assert "folded" in fold and "shown" not in fold and "a result" not in fold

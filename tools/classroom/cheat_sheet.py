"""The two-page cheat sheet as one HTML file that needs nothing else: no fonts, no scripts, no network."""

from __future__ import annotations

from html import escape

from tools.classroom.formulas import CONVENTION, MISTAKES, PARTS, Part

STYLE = """\
@page { size: A4 landscape; margin: 9mm }
body { font: 8pt/1.2 Georgia, "DejaVu Serif", serif; margin: 0 auto; max-width: 280mm; color: #111 }
h1 { font-size: 14pt; margin: 0 0 1mm }
h2 { font-size: 10pt; margin: 2.5mm 0 .5mm; border-bottom: .4pt solid #555 }
p { margin: .5mm 0 1mm } table { border-collapse: collapse; width: 100%; table-layout: fixed }
td, th { padding: .6mm 1.5mm; vertical-align: top; text-align: left; border-bottom: .2pt solid #bbb }
th { font-weight: normal; font-style: italic } code { font: 7pt/1.15 "DejaVu Sans Mono", Menlo, monospace }
th:first-child { width: 16% } th:nth-child(2) { width: 27% }
th:nth-child(4) { width: 24% } th:last-child { width: 4% }
section { break-inside: avoid }
"""
HEADINGS = ("what", "formula", "in PyTorch", "in the package", "ch.")


def cheat_sheet() -> str:
    """The whole page."""
    parts = "\n".join(_part(part) for part in PARTS)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>VAE course: formulas and conventions</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>Variational autoencoders: formulas and conventions</h1>
<p><strong>One convention everywhere:</strong> {escape(CONVENTION)}.</p>
{parts}
<section>
<h2>Classic mistakes, and what they do</h2>
<table>
{_rows(MISTAKES)}
</table>
</section>
</body>
</html>
"""


def _part(part: Part) -> str:
    rows = (
        (
            escape(row.name),
            escape(row.formula),
            f"<code>{escape(row.code)}</code>",
            f"<code>{escape(row.package.removeprefix('vae_course.'))}</code>",
            row.chapter,
        )
        for row in part.rows
    )
    head = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"""\
<section>
<h2>{escape(part.title)}</h2>
<p>{escape(part.note)}</p>
<table>
<tr>{head}</tr>
{body}
</table>
</section>"""


def _rows(pairs: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"<tr><td>{escape(left)}</td><td>{escape(right)}</td></tr>" for left, right in pairs)

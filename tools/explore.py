"""``python -m tools explore``: the site's explorers alone, from this machine, without a kernel.

A page of explorers is a folder: their modules, the weights they read, and one HTML file. It needs a server,
since browsers refuse modules that come from a file.
"""

import functools
import shutil
import threading
import webbrowser
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools.explorers import write_all
from tools.project import CourseError, Project
from tools.site_play import LEAD, Explorer, explorers

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Play: variational autoencoders</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="play/play.css">
<style>
  * {{ box-sizing: border-box }}
  html {{ background: #fff; color: #1c2330; font: 16px/1.5 system-ui, sans-serif }}
  html {{ --pst-color-border: #9aa3af }}
  html[data-theme="dark"] {{ --pst-color-border: #66707d; background: #12151a; color: #e8ecf2 }}
  body {{ margin: 1.5rem auto; max-width: 60rem; padding: 0 1rem }}
</style>
<script>
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {{ document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; }};
  dark.addEventListener("change", follow);
  follow();
</script>
{head}
<body>
<main>
{body}
</main>
<script type="module" src="play/start.js"></script>
"""


def write_page(
    project: Project,
    folder: Path,
    shown: Collection[Explorer],
    write_weights: Callable[[Path], None] = write_all,
    head: str = "",
) -> Path:
    """Write the page of these explorers into ``folder``; and return the HTML file.

    ``head``: more of its head.
    """
    play = folder / "play"
    shutil.copytree(project.root / "docs" / "site" / "static" / "play", play, dirs_exist_ok=True)
    write_weights(play / "weights")
    body = [f"<h1>Play</h1><p>{LEAD}</p>"]
    body += [
        f'<h2 id="{explorer.place}">{escape(explorer.title)}</h2>{explorer.html("<p>One moment.</p>")}'
        for explorer in shown
    ]
    page = folder / "index.html"
    page.write_text(PAGE.format(head=head, body="\n".join(body)), encoding="utf-8")
    return page


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass

    def guess_type(self, path) -> str:  # a registry of types may say that .js is plain text
        return "text/javascript" if str(path).endswith(".js") else super().guess_type(path)


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve ``folder`` to this machine alone while the block runs; yields the address. Port 0: any free one.

    Raises CourseError where the port is taken.
    """
    handler = functools.partial(_Quiet, directory=folder)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError):
        raise CourseError(
            f"Port {port} cannot be had; give another one from 1024 to 65535, or leave it out."
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def explore(project: Project, name: str | None = None, port: int = 0, browse: bool = True) -> None:
    """Open the page of all explorers, at ``name`` (as beta_k or beta-k), and serve it until Ctrl-C."""
    known = explorers(project)
    places = [explorer.place for explorer in known]
    place = (name or places[0]).replace("_", "-")
    if place not in places:
        raise CourseError(f"There is no explorer {name}; there are {', '.join(places)}.")
    folder = project.build / "explore"
    write_page(project, folder, known)
    with served(folder, port) as address:
        address += f"#{place}" if name else ""
        print(f"{address}: explorers of {', '.join(places)}. Ctrl-C ends.", flush=True)
        if browse:
            webbrowser.open(address)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()

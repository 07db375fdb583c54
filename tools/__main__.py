"""``python -m tools``: build, execute and check the course's notebooks."""

import argparse
import sys
from pathlib import Path

from tools import commands, cover, replicate, results, structure
from tools.project import CourseError, Project
from vae_course.files import write_atomically


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m tools", description="Build, execute and check the course's notebooks."
    )
    top.add_argument("--root", type=Path, help="the checkout (default: the one this package lies in)")
    actions = top.add_subparsers(dest="action", required=True, metavar="command")
    for name, text in {
        "quick": "execute with quick parameters on bundled data; notebooks and HTML go to build/quick",
        "full": "execute with full parameters on real data and renew notebooks/ and assets/results/",
        "build": "write unexecuted notebooks from their sources",
        "text": "bring changed sentences into the committed notebooks, without executing them",
    }.items():
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--only", metavar="NN", help="one chapter, by its number")
        if name == "quick":
            action.add_argument(
                "--record", action="store_true", help="renew the committed quick times by this run"
            )
            action.add_argument(
                "--stand-in",
                action="store_true",
                help="give torch a stand-in for a CUDA device, which finds code that mixes devices; without "
                "--only the assignments run too, with their solutions; everything goes to build/stand-in",
            )
        if name == "build":
            action.add_argument("--output", type=Path, help="folder to write to (default: build/notebooks)")
            action.add_argument("--quick", action="store_true", help="set the quick run's parameters in them")
    again = actions.add_parser(
        "replicate", help="run chapters under fresh base seeds and count claims that hold"
    )
    again.add_argument("--only", metavar="NN", help="one chapter, by its number")
    again.add_argument("--quick", action="store_true", help="with the quick run's parameters and data")
    again.add_argument("--seeds", type=int, default=5, metavar="N", help="base seeds 1 to N (default: 5)")
    actions.add_parser("results", help="renew the tables of README.md and docs/")
    actions.add_parser("cover", help="train a small VAE on MNIST and redraw the README's picture")
    assignments = actions.add_parser("assignments", help="renew the student notebooks of the assignments")
    assignments.add_argument("--only", metavar="A1", help="one assignment, by its short name")
    assignments.add_argument("--course", type=Path, help="prepare nbgrader's course folder here instead")
    assignments.add_argument("--number", metavar="LOGIN", help="print this student's number instead")
    actions.add_parser("sheet", help="renew assets/cheat_sheet.html, two pages of formulas")
    rehearsal = actions.add_parser("rehearsal", help="take a made-up class of five through nbgrader")
    rehearsal.add_argument("--folder", type=Path, help="keep nbgrader's folders here (default: thrown away)")
    site = actions.add_parser("site", help="build the course's site from the committed notebooks")
    site.add_argument("--output", type=Path, help="folder of the site (default: build/site)")
    actions.add_parser("pdf", help="print the built site as a book, without and with code, into build/pdf")
    play = actions.add_parser("explore", help="open the explorers in the browser, without a kernel")
    play.add_argument("name", nargs="?", help="the one to begin with, as beta-k (default: the first)")
    play.add_argument("--port", type=int, default=0, help="of the page's address (default: a free one)")
    play.add_argument("--no-browser", action="store_true", help="only print the page's address")
    actions.add_parser("check", help="check sources, committed notebooks, results and tables")
    return top


def run(arguments: argparse.Namespace) -> int:
    project = Project.at(arguments.root) if arguments.root else Project.here()
    if arguments.action == "results":
        print("renewed:", ", ".join(results.update(project)) or "nothing; all tables are up to date")
        return 0
    if arguments.action == "cover":
        print(f"{cover.draw(project.root).relative_to(project.root)} redrawn")
        return 0
    if arguments.action == "assignments":
        return _assignments(project, arguments)
    if arguments.action == "sheet":
        from tools.classroom.cheat_sheet import cheat_sheet

        path = project.root / "assets" / "cheat_sheet.html"
        write_atomically(path, cheat_sheet().encode())
        print(f"{path.relative_to(project.root)} renewed")
        return 0
    if arguments.action == "site":
        from tools import site

        print(f"{site.build(project, arguments.output) / 'index.html'}: open it in a browser")
        return 0
    if arguments.action == "pdf":
        from tools import site_pdf

        print("\n".join(str(path) for path in site_pdf.build(project)))
        return 0
    if arguments.action == "explore":
        from tools.explore import explore

        explore(project, arguments.name, arguments.port, not arguments.no_browser)
        return 0
    if arguments.action == "rehearsal":
        return _rehearsal(project, arguments.folder)
    if arguments.action == "check":
        found = structure.problems(project) + results.problems(project)
        print("\n".join(found) or f"{len(project.written())} chapters checked, no problem found")
        return 1 if found else 0

    names = project.written(arguments.only)
    if not names:
        print("No chapter is written yet.")
        return 0
    if arguments.action == "build":
        folder = arguments.output or project.build / "notebooks"
        commands.build_notebooks(project, names, folder, arguments.quick)
        return 0
    if arguments.action == "text":
        commands.refresh_text(project, names)
        return 0
    if arguments.action == "replicate":
        if arguments.seeds < 1:
            raise CourseError(f"--seeds is {arguments.seeds}; give at least one base seed.")
        seeds = range(1, arguments.seeds + 1)
        report = replicate.replicate(project, names, seeds, quick=arguments.quick)
        print(f"\n{report}")
        return 1 if any(report.stopped.values()) else 0
    if arguments.action == "quick" and arguments.stand_in:
        from tools.classroom.source import names as assignments

        outcomes = commands.with_stand_in(project, names, [] if arguments.only else assignments(project))
    elif arguments.action == "quick":
        outcomes = commands.quick(project, names)
        if arguments.record:
            commands.record_quick_times(project, outcomes)
    else:
        outcomes = commands.full(project, names)
    print("\n" + commands.table(outcomes))
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _assignments(project: Project, arguments: argparse.Namespace) -> int:
    from tools.classroom.release import number, write_course, write_students

    if arguments.number:
        print(number(arguments.course or Path(), arguments.number))
    elif arguments.course:
        print(f"{write_course(project, arguments.course, arguments.only)}: ready for nbgrader")
    else:
        for path in write_students(project, arguments.only):
            print(f"{path.relative_to(project.root)} renewed")
    return 0


def _rehearsal(project: Project, folder: Path | None) -> int:
    from tempfile import TemporaryDirectory

    from tools.classroom.made_up_class import CLASS
    from tools.classroom.rehearsal import rehearse, table

    with TemporaryDirectory() as scratch:
        print(table(rehearse(project, "A1", CLASS, folder or Path(scratch))))
    return 0


def main(arguments: list[str] | None = None) -> int:
    try:
        return run(parser().parse_args(arguments))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; chapters that were not finished are as they were.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

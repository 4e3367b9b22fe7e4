"""Pages of the reference: each public name from its docstring, with the places where an example uses it."""

from __future__ import annotations

import posixpath
from pathlib import Path

from docsite.commands import COMMANDS
from docsite.links import place_on_site
from docsite.names import REFERENCE, ROOT, ReferencePage


def reference_page(page: ReferencePage, places: dict[str, list[str]]) -> str:
    """A page for mkdocstrings to fill in."""
    parts = [f"# {page.title}\n\n{page.about}\n"]
    for name in page.shown:
        dotted = f"{page.module}.{name}"
        parts.append(f"::: {dotted}\n")
        links = [_link(place, page.uri) for place in places[dotted] if place]
        if links:
            parts.append(f"Used in: {', '.join(links)}\n")
    return "\n".join(parts)


def _link(path: str, page: str) -> str:
    target = posixpath.relpath(place_on_site(path), posixpath.dirname(page))
    return f"[{title_of(ROOT / path)}]({target})"


def title_of(path: Path) -> str:
    """The first heading of a page; the path of a program."""
    if path.suffix != ".md":
        return f"`{path.relative_to(ROOT)}`"
    return next(line.removeprefix("# ") for line in path.read_text("utf-8").splitlines() if line.startswith("# "))


def reference_index() -> str:
    """Which module is where."""
    rows = [f"| [{page.title}]({page.file}.md) | `{page.module}` | {page.about} |" for page in REFERENCE]
    commands = [f"- [{name}](commands/{name}.md)" for name in COMMANDS]
    return "\n".join([
        "# Reference", "",
        "Public are the names on these pages; what else there is may change with any version. Each is made from its "
        "docstring, which says shapes, units, errors and the source of a method; beneath it stand the pages and "
        "programs that use it, all of which are run by the tests.", "",
        "| Page | Module | |", "| --- | --- | --- |", *rows, "",
        "## Commands", "", *commands, "",
        "Their pages are made from what `--help` prints.", "",
    ])  # fmt: skip

"""Links of pages: they are written for the repository, and lead to the same things on the site.

What lies outside docs/ becomes a page as well: CONTRIBUTING and the like under project/, source files under source/.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable

from docsite.names import ROOT

DOCS = ROOT / "docs"
PROJECT_PAGES = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "bench/README.md": "project/benchmarks.md",
    "README.md": "project/readme.md",
}
"""Pages of the repository that lie outside docs/ -> where they stand on the site."""
LANGUAGES = {".py": "python", ".pyi": "python", ".hpp": "cpp", ".cpp": "cpp", ".sh": "bash", ".json": "json"}
_LINK = re.compile(r"(?<=\]\()<?([^)>\s]+)>?(?=\))")
_PICTURE = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*'
    r'<img alt="([^"]*)" src="([^"]+)">\s*</picture>'
)


def slug(heading: str, separator: str = "-") -> str:
    """The anchor of a heading as GitHub makes it, so that one link serves both."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Markdown with everything changed that is neither a block of code nor code in a line."""
    parts = re.split(r"(^ *```.*?^ *```[^\n]*$|`[^`\n]+`)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if n % 2 else change(part) for n, part in enumerate(parts))


def place_on_site(path: str) -> str:
    """Where a file or folder of the repository stands on the site, by its path in the repository."""
    if path in PROJECT_PAGES:
        return PROJECT_PAGES[path]
    if path == "docs/results":
        return "results/index.md"
    if path == "docs" or path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md"


def target_of(link: str, folder: str) -> str | None:
    """Path in the repository to which a link of a page in `folder` leads; None for another host and for an anchor."""
    path = link.partition("#")[0]
    if not path or re.match(r"[a-z]+:", path):
        return None
    return posixpath.normpath(posixpath.join(folder, path))


def relinked(markdown: str, folder: str, page: str) -> str:
    """A page from `folder` of the repository as `page` of the site has it: links, and pictures for light and dark."""

    def link(match: re.Match[str]) -> str:
        target = target_of(match[1], folder)
        if target is None:
            return match[1]
        _, hash_sign, anchor = match[1].partition("#")
        return posixpath.relpath(place_on_site(target), posixpath.dirname(page)) + hash_sign + anchor

    pictures = _PICTURE.sub(r"![\2](\3#only-light)![\2](\1#only-dark)", markdown)
    # a link's text may hold code: links are found in the whole line, and code keeps what merely looks like one
    return outside_fences(pictures, lambda text: _LINK.sub(link, text))


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    parts = re.split(r"(^ *```.*?^ *```[^\n]*$)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if n % 2 else change(part) for n, part in enumerate(parts))


def linked_sources(pages: Iterable[tuple[str, str]]) -> set[str]:
    """Files and folders outside docs/ to which pages (folder, text) link, by their paths in the repository."""
    found = set()
    for folder, text in pages:
        outside_fences(text, lambda part, folder=folder: found.update(  # type: ignore[misc]
            target for link in _LINK.findall(part) if (target := target_of(link, folder))) or "")  # fmt: skip
    return {path for path in found if place_on_site(path).startswith("source/") and (ROOT / path).exists()}


def source_page(path: str) -> str:
    """A page that shows a source file, or what is in a folder."""
    where = ROOT / path
    head = f"---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n\n# {path}\n\n"
    if where.is_dir():
        return head + "\n".join(f"- `{name.name}{'/' * name.is_dir()}`" for name in sorted(where.iterdir())) + "\n"
    if where.suffix == ".ipynb":
        cells = json.loads(where.read_text(encoding="utf-8"))["cells"]
        return "\n\n".join(_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells) + "\n"
    return f"{head}`````{LANGUAGES.get(where.suffix, 'text')}\n{where.read_text(encoding='utf-8')}\n`````\n"


def _cell(kind: str, text: str) -> str:
    return text if kind == "markdown" else f"```python\n{text}\n```"

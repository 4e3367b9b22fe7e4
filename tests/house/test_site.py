"""The documentation site: it is built without a network, opens without one, and has no dead link."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docsite import commands, names
from headless_browser import Browser, find_browser

import ruvllm
from ruvllm import encoders, online, workloads

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = """
import runpy, socket, sys
def refuse(*arguments, **options):
    raise OSError("there is no network")
socket.socket.connect = socket.getaddrinfo = refuse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LOADED = {"script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"), "iframe": ("src",),
          "video": ("src",), "audio": ("src",), "object": ("data",), "embed": ("src",), "input": ("src",)}  # fmt: skip
"""What a browser fetches by itself; of <link> what is not merely a statement."""
STATEMENTS = {"canonical", "next", "prev", "alternate"}
SCREENSHOTS = os.environ.get("RUVLLM_SCREENSHOTS")
"""A folder: the pictures that the browser took are kept there, to be looked at."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as a reader would build it, in a process that cannot reach another one."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(ROOT / "scripts/build_site.py"), str(folder)],
        capture_output=True, text=True, cwd=folder, env=dict(os.environ),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder


class Links(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") not in STATEMENTS:
            self.loads.append(found["href"])
        for name in LOADED.get(tag, ()):
            self.loads += [part.split()[0] for part in found.get(name, "").split(",") if part.split()]
        self.loads += re.findall(r"url\(([^)]+)\)", found.get("style", ""))


@cache
def read(path: Path) -> Links:
    return Links(path)


def pages(site: Path) -> list[Path]:
    found = sorted(site.rglob("*.html"))
    assert len(found) > 80
    return found


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    for page in pages(site):
        foreign = [url for url in read(page).loads if urlsplit(url).netloc or urlsplit(url).scheme not in ("", "data")]
        assert foreign == [], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        loaded = re.findall(r"url\(([^)]*)\)", text) + re.findall(r"@import\s+[\"']([^\"']*)", text)
        assert [url for url in loaded if re.match(r"[\"']?(https?:)?//", url)] == [], sheet


def test_no_link_is_dead(site: Path) -> None:
    for page in pages(site):
        if page.name == "404.html":
            continue  # for servers, which show it at any address
        for link in [*read(page).links, *read(page).loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page.relative_to(site)}: {link}"
            if parts.fragment and target.suffix == ".html" and target.name != "report.html":
                assert unquote(parts.fragment) in read(target).anchors, f"{page.relative_to(site)}: {link}"


def test_a_missing_page_ends_the_build(tmp_path: Path) -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "tutorial.md" in settings and "omitted_files: warn" in settings
    assert "--strict" in (ROOT / "scripts/build_site.py").read_text(encoding="utf-8")


# the reference


def test_every_name_that_a_public_package_hands_out_is_in_the_reference() -> None:
    shown = {name.rpartition(".")[2] for name in names.public_names()}
    for package in (ruvllm, online, workloads, encoders):
        assert set(package.__all__) <= shown, package.__name__


@pytest.mark.parametrize("page", names.REFERENCE, ids=[page.file for page in names.REFERENCE])
def test_every_public_name_has_its_place_in_the_reference(page: names.ReferencePage, site: Path) -> None:
    path = site / page.uri.replace(".md", ".html")
    assert {f"{page.module}.{name}" for name in page.shown} <= read(path).anchors
    text = letters(re.sub(r"<[^>]*>", "", path.read_text(encoding="utf-8")))
    for name in page.shown:
        value = names.public_names()[f"{page.module}.{name}"]
        if not isinstance(value, str):  # the version has no docstring of its own
            assert value.__doc__, name
            assert letters(value.__doc__.strip().splitlines()[0])[:60] in text, name


def letters(text: str) -> str:
    """Without spaces, marks and escapes, which Markdown and HTML may change."""
    return re.sub(r"[\W_]+", "", unescape(text))


def test_every_public_name_has_an_example_that_is_run() -> None:
    places = names.places_of_examples()
    assert len(places) > 120
    assert {name for name, files in places.items() if not files} == set(), "show each in a docstring, or on a page"


def test_what_pages_and_programs_use_is_public() -> None:
    assert names.names_that_are_not_public() == {}, "give each a page in REFERENCE, or use a public name"


def test_an_example_that_is_not_run_does_not_count() -> None:
    def shown() -> None:
        """>>> shown()  # doctest: +SKIP"""

    assert list(names.shown_in_docstrings(shown)) == []
    shown.__doc__ = ">>> shown()"
    assert list(names.shown_in_docstrings(shown)) == ["shown()\n"]


def test_a_name_without_an_example_is_found() -> None:
    assert names.used_names("import ruvllm as r\nr.dot([1], [2])") == {"ruvllm", "ruvllm.dot"}
    assert "ruvllm.online.evaluate.headroom" in names.used_names("from ruvllm.online import evaluate as e\ne.headroom")
    assert names.used_names("dot = 1\nprint(dot)") == set()  # a name of its own, not ours
    assert list(names.shown_in_docstrings(ruvllm.LearnFrom)) == []


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    for name, command in commands.COMMANDS.items():
        text = (site / f"reference/commands/{name}.html").read_text(encoding="utf-8")
        for context, each in commands.walk(name, command):
            assert context.command_path in text
            for parameter in each.get_params(context):
                for option in parameter.opts if parameter.param_type_name == "option" else ():
                    assert option in text, f"{context.command_path} {option}"


def test_docstrings_keep_their_examples_and_formulas() -> None:
    from docsite.docstrings import as_markdown

    text = "z = a * b * c, 1 <= m.\n\n>>> 1 + 1\n2\n>>> [0]\n[0]\n\nAfter *all*, `x[0] * y`.\n"
    assert as_markdown(text) == (
        "z = a \\* b \\* c, 1 &lt;= m.\n\n```pycon\n>>> 1 + 1\n2\n>>> [0]\n[0]\n```\n\nAfter \\*all\\*, `x[0] * y`.\n"
    )


# in a real browser

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium: the site is not opened in a browser")
LOOKED_AT = ("index", "equations", "findings", "reference/engine", "reference/commands/ruvllm-bench")
FORMULAS = "[...document.querySelectorAll('math')].every(m => m.getBoundingClientRect().height > 8)"
PICTURES = """[...document.querySelectorAll('article img')].filter(i => i.offsetParent)
              .map(i => [i.naturalWidth > 0, i.src.includes('-dark')])"""
FOUND = "document.querySelectorAll('.md-search-result__link').length"


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_in_a_browser_from_a_file(width: int, dark: bool, site: Path, browser: Browser) -> None:
    browser.look(width, dark=dark)
    for name in (*LOOKED_AT, "architecture"):
        browser.problems.clear()
        browser.requests.clear()
        browser.open(site / f"{name}.html")
        assert browser.problems == []
        assert {url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))} == set()
        assert browser.run("document.documentElement.scrollWidth") == width, name  # wide tables scroll in themselves
        assert browser.run("document.body.dataset.mdColorScheme") == ("slate" if dark else "default")
        assert browser.run(FORMULAS)
        if name == "architecture":
            assert browser.run(PICTURES) == [[True, dark]]
        if SCREENSHOTS:
            browser.screenshot(Path(SCREENSHOTS) / f"site-{name.replace('/', '-')}-{width}{'-dark' * dark}.png")


@needs_browser
def test_search_works_in_a_file(site: Path, browser: Browser) -> None:
    browser.look(1280)
    browser.open(site / "index.html")
    browser.run("document.querySelector('[data-md-component=search-query]').focus()")
    browser.send("Input.insertText", text="MultiHeadLoRA")
    until = time.monotonic() + 60
    while not browser.run(FOUND):
        assert time.monotonic() < until, "the search finds nothing"
        time.sleep(0.05)
    links = browser.run("[...document.querySelectorAll('.md-search-result__link')].map(a => a.href)")
    assert any("reference/adapters.html" in link for link in links)

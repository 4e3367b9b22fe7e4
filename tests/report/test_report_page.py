"""The page: self-contained, accessible, and every number of the results file in its place. In a real browser, too."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from headless_browser import Browser, find_browser
from report_samples import benchmark_document, write_document, write_every_kind

from ruvllm.report.contents import make_report
from ruvllm.report.page import make_page
from ruvllm.report.parts import Report
from ruvllm.report.pictures import drawing, panel_svg
from ruvllm.report.style import DARK, LIGHT, STYLES, variables
from ruvllm.results.published import PUBLISHED
from ruvllm.results.reading import read_sources

KEPT = Path(__file__).resolve().parents[2] / "docs" / "results"
SCREENSHOTS = os.environ.get("RUVLLM_SCREENSHOTS")
"""A folder: the pictures that the browser took are kept there, to be looked at."""


class Outline(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.tables: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append("".join(self._cell))
            self._cell = None


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return make_report(read_sources([write_every_kind(tmp_path_factory.mktemp("results"))]))


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return make_page(report, 5)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_nothing_is_loaded_and_nothing_is_run(page: str, outline: Outline) -> None:
    addresses = [value for _, attributes in outline.tags for name, value in attributes.items()
                 if name in ("src", "href", "xlink:href", "srcset", "action") and value]  # fmt: skip
    assert addresses
    assert [value for value in addresses if not value.startswith("#") and value != "data:,"] == []
    assert not {tag for tag, _ in outline.tags} & {"script", "iframe", "object", "embed"}
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert "@import" not in page
    assert set(re.findall(r"url\(([^)#]*)", page)) <= {""}  # within the page only


def test_every_kind_has_its_section_and_links_lead_there(outline: Outline) -> None:
    links = [str(attributes["href"])[1:] for tag, attributes in outline.tags if tag == "a"]
    assert links[1:] == ["simulated-workload-profile-full",
                         "the-standard-library-tasks-hashed-n-grams-split-by-function",
                         "ablation-of-v3-simulated-workload", "forgetting-in-a-blocked-stream", "instruction-sets",
                         "provenance"]  # fmt: skip
    assert set(links) <= set(outline.ids)


def test_ids_differ(outline: Outline) -> None:
    assert len(set(outline.ids)) == len(outline.ids)


def test_headings_leave_out_no_level(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_picture_says_in_words_what_it_shows(report: Report, outline: Outline) -> None:
    labels = [attributes["aria-label"] for tag, attributes in outline.tags
              if tag == "svg" and attributes.get("role") == "img"]  # fmt: skip
    assert len(labels) == sum(len(figure.panels) for figure in report.figures)
    assert all(label and len(label) > 20 for label in labels)
    assert sum(bool(re.search(r"\d.*\d", str(label))) for label in labels) > 0.9 * len(labels)


def test_tables_have_headers_with_a_scope(outline: Outline) -> None:
    headers = [attributes for tag, attributes in outline.tags if tag == "th"]
    assert headers and all(attributes["scope"] in ("col", "row") for attributes in headers)


def test_tables_are_those_of_the_report(report: Report, outline: Outline) -> None:
    expected = [[list(table.columns), *map(list, table.rows)] for table in report.tables]
    assert outline.tables == expected


def test_the_headline_has_the_numbers_of_the_results_file_beside_the_reports(report: Report) -> None:
    document = benchmark_document()
    table = report.tables[0]
    assert table.title == "Final results of v3 beside the published ones, seeds 0 to 1"
    rows = {row[0]: row for row in table.rows}
    summaries = {s["model"]: s for s in document["summaries"] if s["protocol"] == "v3"}
    assert rows.keys() == summaries.keys()
    for model, s in summaries.items():
        low, high = (100 * end for end in s["resolveRateCI95"])
        sure = [100 * end for end in s["confidenceCI95"]]
        assert rows[model][3:7] == (
            f"{100 * s['resolveRate']:.1f}% [{low:.1f}, {high:.1f}]",
            f"{100 * PUBLISHED[model].v3_final:.0f}%",
            f"{100 * s['confidence']:.1f}% [{sure[0]:.1f}, {sure[1]:.1f}]",
            f"{100 * PUBLISHED[model].v3_confidence:.0f}%",
        )


def test_provenance_has_command_hashes_and_how_to_replay(report: Report) -> None:
    section = report.sections[-1]
    files, makers, hashes = (block for block in section.blocks if not isinstance(block, str))
    document = benchmark_document()
    rows = [row for each in (files, makers) for row in each.rows]  # type: ignore[union-attr]
    row = [cell for row in rows if row[0].endswith("benchmark.json") for cell in row]
    assert files.columns[1] == "Command"  # type: ignore[union-attr] # on the first screen
    host = document["host"]
    for value in (document["version"], document["created"][:10], host["isa"], "ruvllm-bench --protocol all"):
        assert any(value in cell for cell in row)
    assert len(hashes.rows) == 18 + 4  # type: ignore[union-attr]
    assert any(document["results"][0]["runHash"][:16] in row for row in hashes.rows)  # type: ignore[union-attr]
    assert isinstance(section.blocks[0], str) and "ruvllm-report compare" in section.blocks[0]


def test_what_a_file_says_cannot_become_markup(tmp_path: Path) -> None:
    document = benchmark_document(models=(3,), protocols=("v3",))
    evil = '<script>alert("x")</script>&\'"'
    for part in (*document["results"], *document["summaries"]):
        part["model"] = evil
    document["command"] = ["ruvllm-bench", evil]
    document["host"]["compiler"] = evil
    write_document(tmp_path / "x.json", document)
    text = make_page(make_report(read_sources([tmp_path])), 1)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert [row[0] for row in Outline(text).tables[0]][1:] == [evil]


def test_the_same_figure_is_the_same_picture(report: Report) -> None:
    panel = report.figures[0].panels[0]
    with drawing(text_as_text=True):
        assert panel_svg(panel, 2.5, "x") == panel_svg(panel, 2.5, "x")


# colours: WCAG 2.2, 1.4.3 and 1.4.11


def luminance(color: str) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    r, g, b = (linear(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_and_lines_stand_out_from_the_paper(theme: Any) -> None:
    assert contrast(theme.ink, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5
    assert all(contrast(color, theme.paper) >= 3 for color in theme.series)


def test_no_two_series_are_told_apart_by_colour_alone() -> None:
    for styles in ([s.marker for s in STYLES], [s.dash for s in STYLES], [s.hatch for s in STYLES]):
        assert len(set(styles)) == len(STYLES)
    assert len(set(variables(LIGHT).values())) == len(variables(LIGHT))  # each is replaced by its own variable


# in a real browser

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium: the page is not opened in a browser")
CONTRASTS = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below) => { const a = top.length > 3 ? top[3] : 1;
                                 return [0,1,2].map(i => a*top[i] + (1-a)*below[i]); };
  const lum = c => { const f = c.map(v => { v /= 255; return v <= 0.04045 ? v/12.92 : ((v+0.055)/1.055)**2.4; });
                     return 0.2126*f[0] + 0.7152*f[1] + 0.0722*f[2]; };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('style') || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), svg = e instanceof SVGElement;
    const color = parse(svg ? style.fill : style.color);
    const layers = [];
    for (let p = svg ? e.closest('svg').parentElement : e; p; p = p.parentElement)
      layers.unshift(parse(getComputedStyle(p).backgroundColor));
    const back = layers.reduce((below, top) => over(top, below), [255, 255, 255]);
    const [hi, lo] = [lum(over(color, back)), lum(back)].sort((a, b) => b - a);
    if ((hi + 0.05) / (lo + 0.05) < 4.5) bad.push(e.textContent.trim().slice(0, 40) + ' ' + (hi+0.05)/(lo+0.05));
  }
  return bad;
})()
"""
EMPTY_PICTURES = """
[...document.images].filter(i => !i.complete || !i.naturalWidth).length +
[...document.querySelectorAll('svg[role=img]')].filter(
  s => s.getBoundingClientRect().height < 50 || !s.querySelector('path')).length
"""
TABLES = """
[...document.querySelectorAll('table')].map(t => [...t.rows].map(r => [...r.cells].map(c => c.textContent)))
"""
TEXT_OUTSIDE = """
[...document.querySelectorAll('svg[role=img]')].flatMap(s => { const b = s.getBoundingClientRect();
  return [...s.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();
    return r.width && (r.left < b.left - 2 || r.right > b.right + 2 || r.top < b.top - 2 || r.bottom > b.bottom + 2); })
    .map(t => s.getAttribute('aria-label').slice(0, 40) + ': ' + t.textContent); })
"""


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser(width: int, dark: bool, page: str, report: Report, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    browser.look(width, dark=dark)
    browser.open(path)
    assert browser.problems == []
    assert {url for url in browser.requests if not url.startswith(("file:", "data:"))} == set()
    assert browser.run(EMPTY_PICTURES) == 0
    assert browser.run("document.querySelectorAll('svg[role=img]').length") > 20
    assert browser.run("document.documentElement.scrollWidth") == width  # wide tables scroll within themselves
    assert browser.run(TABLES) == [[list(t.columns), *map(list, t.rows)] for t in report.tables]
    background = browser.run("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int((DARK if dark else LIGHT).paper[i : i + 2], 16) for i in (1, 3, 5))
    assert background == f"rgb({red}, {green}, {blue})"
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run(CONTRASTS) == []
    assert browser.run(TEXT_OUTSIDE) == []
    shot = Path(SCREENSHOTS or tmp_path) / f"report-{width}-{'dark' if dark else 'light'}.png"
    browser.screenshot(shot)
    assert shot.stat().st_size > 50_000


@needs_browser
def test_the_kept_results_make_a_sound_page(browser: Browser, tmp_path: Path) -> None:
    kept = read_sources([KEPT / "protocols.json"])
    assert kept.broken == ()
    report = make_report(kept)
    path = tmp_path / "report.html"
    path.write_text(make_page(report, 1), encoding="utf-8")
    browser.look(1280)
    browser.open(path)
    assert browser.problems == []
    assert browser.run(EMPTY_PICTURES) == 0
    assert browser.run(TABLES) == [[list(t.columns), *map(list, t.rows)] for t in report.tables]
    assert browser.run(TEXT_OUTSIDE) == []
    # the headline fits a desk's screen without scrolling
    assert browser.run("(t => t.scrollWidth <= t.clientWidth)(document.querySelector('.scroll'))")
    browser.screenshot(Path(SCREENSHOTS or tmp_path) / "kept.png")

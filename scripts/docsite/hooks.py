"""What mkdocs calls while it builds the site: pages that are made, not written, and links as the site needs them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import ruvllm
from docsite import links, names, published, reference
from docsite.commands import COMMANDS, command_page
from docsite.formulas import with_formulas

ROOT = names.ROOT


@event_priority(100)  # before mkdocstrings reads its settings
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Anchors as on GitHub, docstrings of the package that is installed, for it has the C++ core, and every page."""
    assert config.nav is not None
    _section(config.nav, "How to").extend(_unplaced(config.nav))
    config.mdx_configs.setdefault("toc", {})["slugify"] = links.slug
    handlers = config.plugins["mkdocstrings"].config["handlers"]
    handlers["python"]["paths"] = [str(Path(ruvllm.__file__).parents[1])]
    return config


def _section(nav: list[Any], title: str) -> list[Any]:
    found: list[Any] = next(each[title] for each in nav if title in each)
    return found


def _unplaced(nav: list[Any]) -> list[str]:
    """Pages of docs/ that mkdocs.yml does not name: they come last, by their own titles."""
    placed = str(nav)
    pages = sorted([*links.DOCS.glob("*.md"), *links.DOCS.glob("how-to/*.md")])
    return [uri for page in pages if repr(uri := str(page.relative_to(links.DOCS))) not in placed]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    made = {place: (ROOT / path).read_text(encoding="utf-8") for path, place in links.PROJECT_PAGES.items()}
    places = names.places_of_examples()
    made |= {page.uri: reference.reference_page(page, places) for page in names.REFERENCE}
    made["reference/index.md"] = reference.reference_index()
    made |= {f"reference/commands/{name}.md": command_page(name) for name in COMMANDS}
    made["results/index.md"] = published.results_page()
    made |= {links.place_on_site(path): links.source_page(path) for path in _sources(places)}
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    files.append(File.generated(config, "results/report.html", content=published.report_html()))
    return files


def _sources(places: dict[str, list[str]]) -> set[str]:
    pages = [(os.path.relpath(page.parent, ROOT), page.read_text(encoding="utf-8")) for page in names.PAGES]
    shown = {path for paths in places.values() for path in paths if path and not path.endswith(".md")}
    return links.linked_sources(pages) | shown


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    uri = page.file.src_uri
    of_project = {place: path for path, place in links.PROJECT_PAGES.items()}
    if uri in of_project:
        return with_formulas(links.relinked(markdown, os.path.dirname(of_project[uri]), uri))
    if page.file.generated_by is not None:
        return markdown
    return with_formulas(links.relinked(markdown, os.path.dirname(f"docs/{uri}"), uri))

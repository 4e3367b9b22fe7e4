"""Figures as pictures: a panel as SVG for the page, a whole figure as PNG and SVG for everything else."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruvllm.files.atomic import write_atomically
from ruvllm.report.fonts import families, make_drawable
from ruvllm.report.parts import Figure, Panel, Series
from ruvllm.report.style import LIGHT, RC, STYLES, Theme, as_variables, colors

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["PANEL_WIDTH", "drawing", "panel_svg", "save_figure", "save_svg", "swatch_svg"]

PANEL_WIDTH = 3.4
MAX_COLUMNS = 3
LEGEND_HEIGHT = 0.3


@contextmanager
def drawing(theme: Theme = LIGHT, *, text_as_text: bool) -> Iterator[None]:
    """Sets matplotlib up for a theme. Entering it takes as long as drawing some lines: enter it once for a page."""
    import matplotlib

    settings: dict[Any, Any] = {**RC, **colors(theme), "svg.fonttype": "none" if text_as_text else "path"}
    settings["font.family"] = list(families())
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Text that stays text is drawn by whoever shows it, with fonts of its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def panel_svg(panel: Panel, height: float, prefix: str) -> str:
    """An `<svg>` element to stand in an HTML page: text is text, colours are the page's variables.

    `prefix` must differ between the pictures of one page. Call it within drawing(text_as_text=True).
    """
    canvas = _canvas(PANEL_WIDTH, height, LIGHT)
    axes = canvas.add_axes((0, 0, 1, 1))
    panel.draw(axes)
    _fit(canvas, axes, (0, 0, 1, 1))
    text = _svg(canvas, transparent=True)
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{prefix}-', body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}-", body)
    label = f"{panel.title}. {panel.alt}" if panel.title else panel.alt
    opening = re.match(r"<svg[^>]*>", body)
    assert opening is not None
    box = re.search(r'viewBox="[^"]*"', opening[0])
    assert box is not None
    start = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box[0]} role="img" aria-label="{_attribute(label)}">'
    return as_variables(start + body[opening.end() :].strip())


def swatch_svg(series: Series) -> str:
    """A sample of a series for the legend of a page."""
    style, color = STYLES[series.number % len(STYLES)], f"var(--series-{series.number})"
    if series.bar:
        return (
            '<svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">'
            f'<rect x="4" width="22" height="12" fill="{color}"/>{_stripes(style.hatch)}</svg>'
        )
    dash = f' stroke-dasharray="{" ".join(f"{part:g}" for part in style.dash)}"' if style.dash else ""
    return (
        '<svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">'
        f'<path d="M0 6 H30" stroke="{color}" stroke-width="2"{dash}/>{_mark(style.marker, color)}</svg>'
    )


def _stripes(hatch: str) -> str:
    shapes = {
        "": "",
        "////": '<path d="M4 12 L16 0 M12 12 L24 0 M20 12 L26 6 M4 4 L8 0" stroke="var(--paper)"/>',
        "....": '<path d="M8 3h1M14 3h1M20 3h1M11 8h1M17 8h1M23 8h1" stroke="var(--paper)" stroke-width="2"/>',
        "xxxx": '<path d="M4 12 L16 0 M16 12 L26 2 M4 0 L16 12 M16 0 L26 10" stroke="var(--paper)"/>',
    }
    return shapes.get(hatch, '<path d="M4 4 H26 M4 8 H26" stroke="var(--paper)"/>')


def _mark(marker: str, color: str) -> str:
    shapes = {
        "o": '<circle cx="15" cy="6" r="3.5"',
        "s": '<rect x="12" y="3" width="6" height="6"',
        "^": '<path d="M15 2 L19 9.5 H11 Z"',
        "D": '<path d="M15 1.5 L19.5 6 L15 10.5 L10.5 6 Z"',
        "v": '<path d="M15 10 L19 2.5 H11 Z"',
        "P": '<path d="M13.5 2h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5Z"',
    }
    return f'{shapes[marker]} fill="{color}"/>'


def save_figure(figure: Figure, folder: Path, theme: Theme = LIGHT) -> list[Path]:
    """Writes NAME.png and NAME.svg, with all panels, the title and the legend. Raises OSError."""
    with drawing(theme, text_as_text=False):
        canvas = _whole(figure, theme)
        raw = io.BytesIO()
        canvas.savefig(raw, format="png", metadata={"Software": None})
        paths = [folder / f"{figure.name}.png", folder / f"{figure.name}.svg"]
        write_atomically(paths[0], raw.getvalue())
        write_atomically(paths[1], _svg(canvas).encode())
    return paths


def save_svg(figure: Figure, path: Path, theme: Theme, description: str) -> None:
    """Writes the whole figure as SVG, with a description of where it comes from. Raises OSError."""
    with drawing(theme, text_as_text=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _svg(_whole(figure, theme), description=description).encode())


def _whole(figure: Figure, theme: Theme) -> Canvas:
    """All panels on one sheet."""
    columns = 2 if len(figure.panels) == 4 else min(MAX_COLUMNS, len(figure.panels))
    rows = math.ceil(len(figure.panels) / columns)
    legend = LEGEND_HEIGHT if figure.series else 0.0
    head = 0.42 + legend
    width, height = columns * PANEL_WIDTH, rows * figure.height + head
    canvas = _canvas(width, height, theme)
    fitted = []
    for number, panel in enumerate(figure.panels):
        row, column = divmod(number, columns)
        left, bottom = column / columns, (rows - row - 1) * figure.height / height
        axes = canvas.add_axes((left, bottom, 1 / columns, figure.height / height))
        panel.draw(axes)
        axes.set_title(panel.title)
        fitted.append((axes, (left, bottom, 1 / columns, figure.height / height)))
    make_drawable(canvas)
    for axes, box in fitted:
        _fit(canvas, axes, box)
    canvas.text(0.1 / width, 1 - 0.12 / height, figure.title, va="top", fontsize=12, fontweight="bold")
    if figure.series:
        canvas.legend(
            handles=[_handle(series, theme) for series in figure.series], loc="upper left", ncols=len(figure.series),
            bbox_to_anchor=(0.04 / width, 1 - 0.36 / height), fontsize=9, borderaxespad=0, handlelength=2.6,
        )  # fmt: skip
    make_drawable(canvas)
    return canvas


def _handle(series: Series, theme: Theme) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    style, color = STYLES[series.number % len(STYLES)], theme.color(series.number)
    if series.bar:
        return Patch(facecolor=color, hatch=style.hatch, label=series.label, edgecolor=theme.paper, linewidth=0)
    line = Line2D([], [], color=color, marker=style.marker, label=series.label)
    if style.dash:
        line.set_dashes(style.dash)
    return line


def _canvas(width: float, height: float, theme: Theme) -> Canvas:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width, height))
    FigureCanvasAgg(canvas)
    canvas.ruvllm_theme = theme  # type: ignore[attr-defined]
    return canvas


def _fit(canvas: Canvas, axes: Any, box: tuple[float, float, float, float]) -> None:
    """Makes room within their box for what stands around the axes, by measuring it once."""
    renderer = canvas.canvas.get_renderer()  # type: ignore[attr-defined]
    width, height = canvas.get_size_inches() * canvas.dpi
    axes.set_position(box)
    outside = axes.get_tightbbox(renderer, for_layout_only=True)
    inside = axes.get_window_extent(renderer)
    pad = 0.09 * canvas.dpi
    left, right = max(0.0, inside.x0 - outside.x0) + pad, max(0.0, outside.x1 - inside.x1) + pad
    below, above = max(0.0, inside.y0 - outside.y0) + pad, max(0.0, outside.y1 - inside.y1) + pad
    axes.set_position((
        box[0] + left / width,
        box[1] + below / height,
        box[2] - (left + right) / width,
        box[3] - (below + above) / height,
    ))  # fmt: skip


def _svg(canvas: Canvas, *, transparent: bool = False, description: str | None = None) -> str:
    raw = io.StringIO()
    metadata = {"Date": None, "Creator": None, **({} if description is None else {"Description": description})}
    canvas.savefig(raw, format="svg", transparent=transparent, metadata=metadata)
    return re.sub(r"[ \t]+$", "", raw.getvalue(), flags=re.MULTILINE)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")

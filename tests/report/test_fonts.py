"""Names in any script: on the page as they are, in pictures with a font that has them, or else in ASCII."""

from __future__ import annotations

import warnings
from pathlib import Path

from report_samples import benchmark_document, write_document

from ruvllm.commands.report import main
from ruvllm.report import fonts, pictures
from ruvllm.report.contents import make_report
from ruvllm.report.pictures import drawing
from ruvllm.report.style import LIGHT
from ruvllm.results.reading import read_sources

NAME = "模型-é"


def test_what_no_font_has_is_written_in_ascii() -> None:
    missing = chr(0xE123)  # for private use: no font has it
    assert fonts.drawable("Phi-3, d = 12") == "Phi-3, d = 12"
    assert fonts.drawable(f"café µ {missing}") == "café µ \\ue123"
    assert fonts.families()[0] == "DejaVu Sans"


def test_pictures_and_page_of_a_model_with_such_a_name_are_made_without_a_warning(tmp_path: Path) -> None:
    missing = f"{NAME}{chr(0xE123)}"
    document = benchmark_document(models=(3,), protocols=("v3",))
    for part in (*document["results"], *document["summaries"]):
        part["model"] = missing
    path = write_document(tmp_path / "r.json", document)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([str(path), "--plots", str(tmp_path / "p"), "--html", str(tmp_path / "r.html"), "-q"]) == 0
    assert missing in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert list((tmp_path / "p").glob("*.png"))
    from matplotlib.text import Text

    figures = make_report(read_sources([path])).figures
    assert any(missing in str(panel.draw) or panel.title == missing for figure in figures for panel in figure.panels)
    for figure in figures:  # titles, legends, and the labels of rows
        with drawing(text_as_text=False):
            canvas = pictures._whole(figure, LIGHT)
            canvas.draw_without_rendering()
        texts = [text.get_text() for text in canvas.findobj(Text) if isinstance(text, Text)]
        assert texts == [fonts.drawable(text) for text in texts]

"""The published JSON Schema of results files: it is what the records say, and the kept results keep it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report_samples import EVERY_KIND

ROOT = Path(__file__).resolve().parents[2]
KEPT = sorted((ROOT / "docs" / "results").glob("*.json"))


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_what_the_records_say() -> None:
    script = ROOT / "scripts" / "make_results_schema.py"
    assert subprocess.run([sys.executable, str(script), "--check"], timeout=60).returncode == 0


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_kept_results_keep_it(path: Path, validator: Any) -> None:
    validator.validate(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_what_is_written_keeps_it(kind: str, validator: Any) -> None:
    validator.validate(json.loads(json.dumps(EVERY_KIND[kind]())))


def test_it_refuses_what_the_reader_refuses(validator: Any) -> None:
    document = json.loads(KEPT[0].read_text(encoding="utf-8"))
    for change in ({"schema": 2}, {"kind": "poem"}, {"created": 3}, {"seeds": []}):
        assert not validator.is_valid({**document, **change}), change

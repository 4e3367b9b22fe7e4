#!/usr/bin/env python3
"""Writes docs/results.schema.json, the JSON Schema of results files, from the records of ruvllm/results.

    python scripts/make_results_schema.py          write it
    python scripts/make_results_schema.py --check  change nothing; exit code 1 where it is not what the records say
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from ruvllm.results.reading import Document

SCHEMA = Path(__file__).resolve().parents[1] / "docs" / "results.schema.json"


def with_clean_descriptions(node: Any) -> Any:
    """`node` of a JSON Schema without the indentation of docstrings, which msgspec keeps before 0.23."""
    if isinstance(node, dict):
        return {
            key: inspect.cleandoc(value)
            if key == "description" and isinstance(value, str)
            else with_clean_descriptions(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [with_clean_descriptions(value) for value in node]
    return node


def schema_text() -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Results file of ruvllm-bench",
        "description": "Further keys may be there: newer versions write more.",
        **with_clean_descriptions(msgspec.json.schema(Document)),
    }
    return json.dumps(schema, indent=1) + "\n"


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        return 0 if SCHEMA.read_text(encoding="utf-8") == schema_text() else 1
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

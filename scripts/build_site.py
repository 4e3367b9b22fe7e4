#!/usr/bin/env python3
"""Builds the documentation site into build/site, without a network. It opens from there, without one too.

    python scripts/build_site.py            into build/site
    python scripts/build_site.py FOLDER     somewhere else

Needs the extra `docs` and the installed package. Any warning, a dead link among them, is an error: exit code 1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # an advertisement for another program


def main() -> int:
    from mkdocs.__main__ import cli

    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    words = ["build", "--strict", "--quiet", "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(target)]
    try:
        cli(words, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 1
    print(target / "index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())

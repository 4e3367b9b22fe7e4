"""What ruvllm-online does with a store, and what it prints."""

from __future__ import annotations

import importlib.util
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from ruvllm.commands.common import FAILED, NOT_MEASURED, WORSE, Failure, failures
from ruvllm.files.json_reading import shown_path
from ruvllm.online.exports.files import write_audit, write_npz
from ruvllm.online.exports.models import write_onnx, write_peft, write_sentence_transformers
from ruvllm.online.ranker import AdaptiveRanker
from ruvllm.online.records import Decision, StoreError
from ruvllm.online.store.folder import LOG
from ruvllm.online.summary import StoreSummary, export_state, summarise
from ruvllm.online.verifying import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Exports", "export", "freeze", "report", "review", "rollback", "show_status", "verify_store"]

SHORT = 12
"""Hex digits of a state's name on the screen."""
CODES = {"promoted": 0, "rolled_back": WORSE, "rejected": WORSE, "held": NOT_MEASURED}
MOST_SHOWN = 10


def show_status(store: Path, as_json: bool) -> int:
    """Prints a summary. Returns 0."""
    summary = _summary(store)
    if as_json:
        _print_json(_plain(summary))
        return 0
    outlook = summary.outlook
    rows = [
        ("served", _state(summary.served) + (", frozen" if summary.frozen else "")),
        ("gain", str(summary.gain).removeprefix("gain over the frozen encoder ")),
        ("reward", f"{summary.gain.served:.3f} served, {summary.gain.frozen:.3f} frozen encoder"),
        ("review would say", f"{outlook.action.replace('_', ' ')}: {outlook.reason}"),
        ("feedback", _feedback_line(summary)),
        ("rankings kept", f"{summary.rankings}, {summary.bytes / 1e6:.1f} MB in all"),
        ("decisions", str(len(summary.decisions))),
    ]
    width = max(len(name) for name, _ in rows)
    click.echo("\n".join(f"{name.ljust(width)}  {text}" for name, text in rows))
    for decision in summary.decisions[-MOST_SHOWN:]:
        click.echo(f"  {_decision_line(decision)}")
    return 0


def _feedback_line(summary: StoreSummary) -> str:
    parts = [f"{summary.feedbacks}"]
    parts += [f"{summary.quarantined} in quarantine"] if summary.quarantined else []
    parts += [f"{summary.waiting} not learned from yet"] if summary.waiting else []
    return ", ".join(parts) + f"; to prove a gain of 0.05 takes about {summary.needed}"


def review(store: Path, dry_run: bool, as_json: bool) -> int:
    """Reviews, and returns the exit code that says what came of it."""
    if dry_run:
        decision = _summary(store).outlook
    else:
        with _owned(store) as ranker:
            before = len(ranker.history())
            decision = ranker.review()
            late = [each for each in ranker.history()[before - 1 :] if each.number > before]
            decision = late[-1] if decision.action == "held" and late else decision
    _print_decision(decision, as_json)
    return CODES[decision.action]


def rollback(store: Path, to: str | None, as_json: bool) -> int:
    """Serves another state. Returns 0."""
    with _owned(store) as ranker:
        _print_decision(ranker.rollback(to), as_json)
    return 0


def freeze(store: Path, frozen: bool, as_json: bool) -> int:
    """Freezes, or ends it. Returns 0."""
    with _owned(store) as ranker:
        _print_decision(ranker.freeze(frozen), as_json)
    return 0


def verify_store(store: Path, replay: bool, as_json: bool) -> int:
    """Verifies, and returns FAILED for a store that is not whole."""
    try:
        found = verify(_existing(store), replay=replay)
    except StoreError as error:
        if as_json:
            _print_json({"store": shown_path(store), "ok": False, "error": str(error)})
        click.echo(f"ruvllm-online: {shown_path(store)}: {error}", err=True)
        return FAILED
    if as_json:
        _print_json({"store": shown_path(store), "ok": True, **asdict(found)})
        return 0
    line = f"OK: {found.rankings} rankings, {found.feedbacks} feedbacks, {found.decisions} decisions"
    line += f", {found.states} states"
    if found.replayed is not None:
        line += f"; {found.replayed} learned from again, with the same states"
    if found.pruned:
        line += f"; {found.pruned} older feedbacks are no longer kept"
    click.echo(f"{shown_path(store)}: {line}")
    return 0


@dataclass(frozen=True, slots=True)
class Exports:
    """Where to; None: not asked for."""

    npz: Path | None = None
    onnx: Path | None = None
    router: Path | None = None
    base: Path | None = None
    peft: Path | None = None


def export(store: Path, state: str | None, audit: Path | None, targets: Exports) -> int:
    """Writes what was asked for. Returns 0."""
    if targets.onnx is not None and importlib.util.find_spec("onnx") is None:
        raise Failure("--onnx needs onnx: pip install 'ruvllm[onnx]'")
    with failures(StoreError, OSError, ValueError):
        chosen = export_state(_existing(store), state)
        for target, write in (
            (targets.npz, write_npz),
            (targets.onnx, write_onnx),
            (targets.router, partial(write_sentence_transformers, base=targets.base)),
            (targets.peft, write_peft),
        ):
            if target is not None:
                write(chosen, target)
                click.echo(f"State {_state(chosen.hash)}: {target}")
        if audit is not None:
            click.echo(f"Audit log: {audit}, {write_audit(_existing(store), audit)} decisions")
    return 0


def report(store: Path, html: Path | None) -> int:
    """Prints the report, or writes it as a page. Returns 0."""
    from ruvllm.files.atomic import write_in_folder
    from ruvllm.report.output import Targets, missing_packages
    from ruvllm.report.screen import print_details
    from ruvllm.report.sections.online import online_report

    missing = missing_packages(Targets(html=html))
    if missing:
        raise Failure(f"--html needs {' and '.join(missing)}: pip install 'ruvllm[report]'")
    made = online_report(replace(_summary(store), name=shown_path(store)))
    if html is None:
        print_details(Console(), made)
        return 0
    from ruvllm.report.page import make_page

    with failures(OSError):
        write_in_folder(html, make_page(made).encode())
    click.echo(f"Page: {html}")
    return 0


def _summary(store: Path) -> StoreSummary:
    with failures(StoreError, OSError):
        return summarise(_existing(store))


def _existing(store: Path) -> Path:
    if not (store / LOG).is_file():
        raise Failure(f"{shown_path(store)} is no store: it has no {LOG}")
    return store


@contextmanager
def _owned(store: Path) -> Iterator[AdaptiveRanker]:
    with failures(StoreError, OSError), AdaptiveRanker(store=_existing(store), learns=True) as ranker:
        yield ranker


def _print_decision(decision: Decision, as_json: bool) -> None:
    if as_json:
        _print_json(_plain(decision))
    else:
        click.echo(_decision_line(decision))


def _decision_line(decision: Decision) -> str:
    from datetime import UTC, datetime

    when = f"{datetime.fromtimestamp(decision.at, UTC):%Y-%m-%d %H:%M} UTC  " if decision.at else ""
    change = f"{_state(decision.state_before)} -> {_state(decision.state_after)}"
    change = _state(decision.state_after) if decision.state_before == decision.state_after else change
    reason = f": {decision.reason}" if decision.reason else ""
    return f"{when}{decision.action.replace('_', ' ')} after {decision.feedbacks} feedbacks, {change}{reason}"


def _state(name: str) -> str:
    return name[:SHORT]


def _plain(record: object) -> Mapping[str, object]:
    import msgspec

    plain: Mapping[str, object] = msgspec.to_builtins(record)
    return plain


def _print_json(record: Mapping[str, object]) -> None:
    click.echo(json.dumps(record, indent=1))

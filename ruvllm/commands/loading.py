"""Loading what takes long, in sight of the user: an encoder, whose code is not ours."""

from __future__ import annotations

from ruvllm.commands.progress import QuietReporter
from ruvllm.encoders.base import Encoder
from ruvllm.encoders.foreign import keep_output_clean, quieten
from ruvllm.encoders.registry import DEFAULT_ENCODER, named_encoder

__all__ = ["guard_output", "load_encoder"]


def guard_output(quiet: bool) -> None:
    """Keeps what an encoder's code prints away from standard output, at the end too; if `quiet`, out of sight."""
    if quiet:
        quieten()
    keep_output_clean()


def load_encoder(name: str, reporter: QuietReporter, quiet: bool, title: str | None = None) -> Encoder | None:
    """Returns what named_encoder() does, under another title if one is given. Raises as it does."""
    if name == DEFAULT_ENCODER:
        return None
    guard_output(quiet)
    label = f"loading encoder {name}"
    with reporter:
        reporter.work(label, 0, 1)
        encoder = named_encoder(name, reporter.note)
        reporter.work(label, 1, 1)
    if title is not None:
        setattr(encoder, "title", title)  # noqa: B010 -- Encoder does not demand it
    return encoder

"""A page for each command, made of what its --help is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

import click

from ruvllm.commands import bench, report, verify
from ruvllm.commands.online import command as online

COMMANDS: dict[str, click.Command] = {
    "ruvllm-bench": bench.command,
    "ruvllm-report": report.command,
    "ruvllm-verify": verify.command,
    "ruvllm-online": online.command,
}


def command_page(name: str) -> str:
    """The page of a command and its subcommands, as Markdown."""
    sections = [_section(context, command) for context, command in walk(name, COMMANDS[name])]
    return f"# {name}\n\n" + "\n".join(sections)


def walk(
    name: str, command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """A command and those below it, each with the context that knows its whole name."""
    context = click.Context(command, info_name=name, parent=parent)
    yield context, command
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from walk(each, found, context)


def _section(context: click.Context, command: click.Command) -> str:
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    heading = "" if context.parent is None else f"## {path}\n\n"
    rows = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    options = ["| Option | What it does |", "| --- | --- |", *(f"| {_code(a)} | {_cell(b)} |" for a, b in rows)]
    return f"{heading}```text\n{usage}\n```\n\n{_prose(command.help or '')}\n\n" + "\n".join(options) + "\n"


def _prose(text: str) -> str:
    """Paragraphs as they are; what click is told not to wrap becomes a block of its own."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if not paragraph.startswith("\b\n"):
            parts.append(_escape(paragraph))
            continue
        first, *lines = paragraph.removeprefix("\b\n").splitlines()
        if first.endswith(":") and lines:
            parts.append(_escape(first))
            lines = [line.removeprefix("  ") for line in lines]
        else:
            lines = [first, *lines]
        parts.append("\n".join(["```text", *lines, "```"]))
    return "\n\n".join(parts)


def _code(text: str) -> str:
    return "<br>".join(f"<code>{escape(part).replace('|', '<wbr>&#124;')}</code>" for part in text.split(", "))


def _cell(text: str) -> str:
    return _escape(" ".join(text.split())).replace("|", "&#124;")


def _escape(text: str) -> str:
    return re.sub(r"([*_\[\]`])", r"\\\1", escape(text, quote=False))

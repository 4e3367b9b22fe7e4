"""Comments as docstrings: what they say, without markers, tags, markup and examples.

Names of parameters stand behind tags and in examples, and again in the code: they would tell which function is meant.
"""

from __future__ import annotations

import html
import re

__all__ = ["docstring_of"]

_LICENSE = re.compile(r"copyright|licen[cs]ed? |spdx-|eslint-|istanbul |@generated", re.IGNORECASE)
_DIRECTIVE = re.compile(r"//[a-z]+:\S|//\s*(nolint|eslint|tslint|prettier|NOLINT|clang-format|export |line )|#")
"""Lines that are for tools: `//go:noinline`, `// clang-format off`."""
_MARKER = re.compile(r"^\s*(/{2,}[!<]*|/\*+[!<]*|\*+(?!\*)/?|)", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?(^[ \t]*\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLES = re.compile(
    r"^[ \t]*(#+[ \t]*(examples?|usage|panics|arguments|parameters)\b|examples?:[ \t]*$).*", re.I | re.M | re.S
)
_TAG = re.compile(r"^[ \t]*[@\\](?P<name>[A-Za-z]+)\b(\[[^\]]*\])?[ \t]*", re.MULTILINE)
_SAYS = frozenset({"brief", "short", "details", "detail", "summary", "description", "desc", "remarks", "remark", "note",
                   "classdesc", "internal", "since", "override", "inheritDoc", "li", "par"})  # fmt: skip
"""Tags behind which the description itself stands, or nothing."""
_SILENT = frozenset({"internal", "since", "override", "inheritDoc"})
_INLINE = re.compile(r"\{@(?:link(?:plain|code)?|code|literal|value|inheritDoc|see|snippet|tutorial)\s*([^{}]*)\}")
_COMMAND = re.compile(r"[@\\](?:[abcep]|em|ref|link|endlink|f\$|n)(?=\s|$)[ \t]*")
_LINK = re.compile(r"!\[[^\]]{0,500}\]\([^)]{0,500}\)|\[([^\]]{0,500})\]\([^)]{0,500}\)")
_HTML = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(\s[^<>]*)?/?>|<pre>.*?</pre>", re.DOTALL)
_PRE = re.compile(r"<pre\b.*?(</pre>|\Z)|(?<!\{)[@\\](code|verbatim)\b.*?([@\\]end\2|\Z)", re.DOTALL)
_RULER = re.compile(r"^[\W_]*$")
_INDENTED = re.compile(r"^(\t| {4,})\S")


def docstring_of(comments: list[str], name: str) -> str:
    """Returns what a group of comments says about the function `name`, which is called `f`; "" if it says nothing.

    Leaves out comment markers, the tags of JSDoc, Javadoc and Doxygen with all that follows them but descriptions, code
    in fences and examples, HTML, and lines for tools. A license documents nothing.
    """
    if any(_LICENSE.search(comment) for comment in comments):
        return ""
    lines = [line for comment in comments for line in comment.rstrip().splitlines()]
    text = "\n".join(_without_markers(line) for line in lines if not _DIRECTIVE.match(line.strip()))
    text = _EXAMPLES.sub("", _FENCE.sub("", _PRE.sub("", text)))
    text = _described(_INLINE.sub(lambda match: match[1].strip(), text))
    text = html.unescape(_HTML.sub("", _LINK.sub(lambda match: match[1] or "", _COMMAND.sub("", text))))
    kept = [line.strip() for line in text.splitlines() if not _RULER.match(line) and not _INDENTED.match(line)]
    return hidden(" ".join(" ".join(kept).split()), name)


def hidden(text: str, name: str) -> str:
    """Returns the text with the function's own name replaced by f, as in its code.

    Where the name is a word of the language that people speak, `length` for one, only the first word of the text is.
    """
    if not name:
        return text
    first = rf"{re.escape(name)}(?![\w$])"
    if name.isalpha() and name.islower():
        return re.sub(rf"\A{first}", "f", text)
    return re.sub(rf"(?<![\w$]){first}", "f", text)


def _without_markers(line: str) -> str:
    line = _MARKER.sub("", line, count=1)
    line = re.sub(r"\s*\*+/\s*$", "", line)
    return line[1:] if line.startswith(" ") else line


def _described(text: str) -> str:
    """Returns what stands before the first tag, and behind those tags that describe."""
    found, at, says = [], 0, True
    for match in _TAG.finditer(text):
        if says:
            found.append(text[at : match.start()])
        at, says = match.end(), match["name"] in _SAYS - _SILENT
    return "\n".join(found + ([text[at:]] if says else []))

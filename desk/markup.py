"""The little Markdown of a case's details as HTML: bold, code and links. Whatever else stands there is text."""

import re
from typing import Final

from markupsafe import Markup, escape

_MARKS: Final = re.compile(
    r"(?P<fence>`+)(?P<code>.+?)(?P=fence)(?!`)|\*\*(?P<bold>.+?)\*\*|\[(?P<text>[^\]]+)\]\((?P<to>[^)\s]+)\)"
)
# A browser reads a backslash as a slash: two of either name a host.
_LED_TO: Final = re.compile(r"https?://|/(?![/\\])")


def html_of(line: str) -> Markup:
    """One line as HTML; a link leads to the web or to a place here, and to nothing else."""
    parts, end = [], 0
    for found in _MARKS.finditer(line):
        parts.append(escape(line[end : found.start()]))
        parts.append(_marked(found))
        end = found.end()
    parts.append(escape(line[end:]))
    return Markup("").join(parts)


def _marked(found: "re.Match[str]") -> Markup:
    if (code := found["code"]) is not None:
        return Markup("<code>{}</code>").format(code.strip(" ") if len(found["fence"]) > 1 else code)
    if (bold := found["bold"]) is not None:
        return Markup("<strong>{}</strong>").format(bold)
    if not _LED_TO.match(found["to"]):
        return escape(found[0])
    return Markup('<a href="{}">{}</a>').format(found["to"], found["text"])

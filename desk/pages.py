"""Pages from templates: everything that is put into one is escaped, and what a template names has to be there."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from activities.registry.overview import OVERSEES
from cases.clocks import SHANGHAI
from cases.delivery import Tongue
from cases.models import Actor
from cases.words import word
from desk.markup import html_of
from desk.words import say

_HERE: Final = Path(__file__).parent
_CSS: Final = (_HERE / "desk.css").read_bytes()
STYLE: Final = f"/desk.{hashlib.sha256(_CSS).hexdigest()[:12]}.css"
"""Named after its content, so that browsers keep it."""


def _environment() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["markdown"] = html_of
    pages.filters["moment"] = moment
    return pages


def moment(at: datetime) -> str:
    """When something happened, in the civil time of Asia/Shanghai."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


_PAGES: Final = _environment()


def page(
    name: str, tongue: Tongue, actor: Actor | None, *, here: str = "/", status: int = 200, **values: Any
) -> web.Response:
    """A page in somebody's language. `here` is where it stands, for whoever changes the language."""
    text = _PAGES.get_template(name).render(
        actor=actor,
        chinese=tongue is Tongue.zh,
        here=here,
        oversees=actor is not None and actor.role in OVERSEES,
        style=STYLE,
        say=lambda each: say(each, tongue),
        word=lambda each: word(each, tongue),
        **values,
    )
    return web.Response(text=text, status=status, content_type="text/html")


async def style(_request: web.Request) -> web.Response:
    """The style of all pages."""
    return web.Response(
        body=_CSS, content_type="text/css", headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )

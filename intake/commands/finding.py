"""Commands that find cases: the saved views of the Web UI."""

from typing import Annotated, Final

import typer
from temporalio.envconfig import ClientConfig

from intake.client import today_in_shanghai
from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit, Language
from intake.views import LOCAL_UI, VIEWS, link_to, query_of
from runtime.settings import Settings, read_settings

_SHOWN: Final = ("view", "meaning", "link")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add_command(app, "views", views)


async def views(
    invocation: Invocation,
    *,
    region: Annotated[
        str | None,
        typer.Option(
            help="Only cases of this office: six digits; a municipality or a province stands for all below it."
        ),
    ] = None,
) -> Exit:
    """Links to what operators look for in the Web UI; keep them there as saved views.

    Dates are those of today: print them anew each week. Needs no connection.
    """
    settings = read_settings(Settings)
    namespace = ClientConfig.load_client_connect_config().get("namespace", "default")
    today, chinese = today_in_shanghai(), invocation.say.language is Language.zh
    lines = []
    for view in VIEWS:
        query = query_of(view, region, today)
        link = link_to(query, settings.ui_url or LOCAL_UI, namespace)
        lines.append({"view": view.name, "meaning": view.zh if chinese else view.en, "query": query, "link": link})
    invocation.say.many(lines, _SHOWN)
    return Exit.fine

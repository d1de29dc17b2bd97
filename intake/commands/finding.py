"""Commands that find cases: the saved views of the Web UI, and the search by number."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from temporalio.envconfig import ClientConfig

from activities.registry.searching import search as search_register
from cases.errors import CaseError, Code
from cases.numbers import normalise
from intake.client import today_in_shanghai
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation
from intake.commands.opening import read_input
from intake.commands.saying import Exit, Language
from intake.commands.upkeep import Needs, add_upkeep
from intake.views import LOCAL_UI, VIEWS, link_to, query_of
from runtime.keys import sealer_of
from runtime.settings import ClientSettings, Settings, read_settings

_SHOWN: Final = ("view", "meaning", "link")
_FOUND: Final = ("case_id", "generation", "kind", "status", "milestone", "region", "opened_at", "closed_at")
_LONGEST_NUMBER: Final = 64


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add_upkeep(app, "views", views)
    add_upkeep(app, "search", search, Needs.caller, Needs.register, Needs.keys)


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

    Dates are those of today: print them again each week. Needs no connection.
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


async def search(
    invocation: Invocation,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the journal. (required)")],
    number: Annotated[
        Path, typer.Option("--number-from", metavar="FILE", help="Where the number stands, - for standard input.")
    ] = Path("-"),
) -> Exit:
    """Cases that a resident ID number or a card number leads to, of the caller's own region; written down.

    The number is never an argument: it would stand in the list of processes. It leaves this program as a keyed token.
    """
    actor = await checked_actor()
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    token = sealer.number_token(_read_number(number))
    async with upkeep.register() as pool:
        found = await search_register(pool, actor, token, reason, datetime.now(UTC))
    invocation.say.many(found, _FOUND)
    return Exit.fine


def _read_number(file: Path) -> str:
    try:
        typed = read_input(file).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        typed = ""
    if not 0 < len(typed) <= _LONGEST_NUMBER:
        raise CaseError(Code.FIELD_INVALID, "number")
    return normalise(typed).text

"""Commands that find cases: the saved views of the Web UI, and the search by number."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from temporalio.envconfig import ClientConfig

from activities.registry.reading import LATE_ANSWER, SURPLUS_CARD, Filter, list_cases
from activities.registry.searching import search as search_register
from activities.sealing import KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.numbers import normalise
from intake.client import today_in_shanghai
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation, add_command
from intake.commands.opening import read_input
from intake.commands.saying import Exit, Language
from intake.views import LOCAL_UI, VIEWS, link_to, query_of
from runtime.settings import ClientSettings, Settings, read_settings

_SHOWN: Final = ("view", "meaning", "link")
_FOUND: Final = ("case_id", "generation", "kind", "status", "milestone", "region", "opened_at", "closed_at")
_LONGEST_NUMBER: Final = 64
_LEFT: Final = ("case_id", "generation", "kind", "region", "status", "attention", "closed_at")


class Leftover(StrEnum):
    """What is left when a question, or a case, is over."""

    late_answer = LATE_ANSWER
    surplus_card = SURPLUS_CARD


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add_command(app, "views", views)
    add_command(app, "search", search)
    add_command(app, "leftovers", leftovers)


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
    sealer = Sealer(KeyRing.load(read_settings(ClientSettings).key_file))
    token = sealer.number_token(_read_number(number))
    async with invocation.register() as pool:
        found = await search_register(pool, actor, token, reason, datetime.now(UTC))
    invocation.say.many(found, _FOUND)
    return Exit.fine


async def leftovers(
    invocation: Invocation,
    *,
    what: Annotated[Leftover, typer.Option(help="Of what kind.")] = Leftover.late_answer,
    region: Annotated[
        str | None, typer.Option(help="Only cases of this agency: six digits, or the first of them.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> Exit:
    """Cases, closed ones too, that were answered when what they asked was over, or whose surplus card still exists.

    Read in the register, for the office of whoever asks; Temporal forgets closed cases.
    """
    actor = await checked_actor()
    which = Filter(attention=what.value, region=region, office=actor.office)
    async with invocation.register() as pool:
        found = await list_cases(pool, which, limit=limit)
    invocation.say.many(found, _LEFT)
    return Exit.fine


def _read_number(file: Path) -> str:
    try:
        typed = read_input(file).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        typed = ""
    if not 0 < len(typed) <= _LONGEST_NUMBER:
        raise CaseError(Code.FIELD_INVALID, "number")
    return normalise(typed).text

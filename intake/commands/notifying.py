"""Commands about the channels by which people are told."""

import getpass
import re
import secrets
import sys
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from activities.notifications.addressees import address_of_staff, write_staff_contact
from activities.notifications.messages import compose
from activities.notifications.providers import Answer, Parcel, Provider, Verdict
from activities.notifications.providers.configured import providers_of
from activities.notifications.troubled import Renewal, Trouble, Which, list_troubled, overview, send_again
from cases.delivery import Channel, Tongue
from cases.errors import REMEDIES, CaseError, Code
from cases.kinds import read_case_id
from cases.offices import Recipient
from intake.client import Unavailable
from intake.commands import upkeep
from intake.commands.acting import checked_actor
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Format, Language, Usage, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep
from runtime.keys import sealer_of
from runtime.logs import configure_logging
from runtime.settings import ClientSettings, ConfigurationInvalid, Problem, Settings, read_settings

STANDARD_INPUT: Final = "-"
_ID: Final = re.compile(r"[1-9][0-9]{0,17}")
_STAFF: Final = re.compile(r"[a-z][a-z0-9_-]{1,31}")
_MENDED_BY_SETTINGS: Final = frozenset({Code.CHANNEL_NOT_CONFIGURED, Code.CHANNEL_NOT_AUTHORISED})

TEMPLATE: Final = "channel.test"
_LONGEST: Final = 500
"""Characters of an address; no channel has longer ones."""


_LISTED: Final = (
    "id",
    "trouble",
    "error",
    "subject",
    "recipient",
    "office",
    "template",
    "round",
    "written_at",
    "tried",
)
_RENEWED: Final = ("id", "sent_again", "code", "remedy")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("Channels by which people are told.")
    group.callback()(_channels)
    add_upkeep(group, "test", test, Needs.register, Needs.keys)
    add_upkeep(group, "contact", contact, Needs.register, Needs.keys)
    add_upkeep(group, "list", list_messages, Needs.register)
    add_upkeep(group, "again", again, Needs.caller, Needs.register)
    add_upkeep(group, "status", status, Needs.register)
    app.add_typer(group, name="notify")


def _channels() -> None:
    """Channels by which people are told."""


async def test(
    invocation: Invocation,
    channel: Annotated[Channel, typer.Option(help="The channel to be tried.", show_default=False)],
    to: Annotated[
        str,
        typer.Option(
            metavar="STAFF|-",
            help="Staff ID, told at the address on file; or - to read an address from standard input. "
            "An address never stands on a command line.",
            show_default=False,
        ),
    ],
) -> Exit:
    """Send one test message through a channel, and say what its provider answered.

    Exit codes: 0 the provider has it; 65 it refuses the message or the address; 69 it cannot be reached, asks for
    patience, or nobody knows what came of the call; 78 the channel is not configured, or its credentials are not taken.
    """
    if to != STANDARD_INPUT and _STAFF.fullmatch(to) is None:
        raise WrongUsage(Usage.value, "--to STAFF|-")
    settings = read_settings(Settings)
    configure_logging("console", "ERROR")
    async with providers_of(settings) as providers:
        provider = providers.get(channel)
        if provider is None:
            raise _misconfigured(channel, Code.CHANNEL_NOT_CONFIGURED)
        address = _typed() if to == STANDARD_INPUT else await _on_file(channel, to)
        answer = await _tried(provider, channel, address, invocation.say.language)
    if answer.verdict is Verdict.accepted:
        said = {"channel": channel.value, "provider": provider.name, "verdict": answer.verdict.value}
        invocation.say.one(said | {"reference": answer.reference or ""})
        return Exit.fine
    code = answer.code or Code.CHANNEL_REFUSED
    if code in _MENDED_BY_SETTINGS:
        raise _misconfigured(channel, code)
    raise CaseError(code, "channel") if answer.verdict is Verdict.refused else Unavailable(code)


async def contact(
    invocation: Invocation,
    staff: Annotated[str, typer.Argument(metavar="STAFF", help="Staff ID, as in the directory.", show_default=False)],
    channel: Annotated[Channel, typer.Option(help="The channel of the address.", show_default=False)],
    *,
    rank: Annotated[int, typer.Option(min=0, max=9, help="Order of preference, the lowest first.")] = 0,
    tongue: Annotated[Tongue, typer.Option(help="Language of messages.")] = Tongue.zh,
) -> Exit:
    """Say how one of the staff is reached: the address is read from standard input and kept sealed.

    A phone for sms, an address for mail, and Apprise's form for the others (dingtalk://…, wecombot://…, feishu://…,
    jsons://…). Repeating it replaces the address.
    """
    if _STAFF.fullmatch(staff) is None:
        raise WrongUsage(Usage.value, "STAFF")
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    address = _typed()
    if not address or len(address) > _LONGEST:
        raise CaseError(Code.ADDRESS_INVALID, "standard input")
    async with upkeep.register() as pool:
        await write_staff_contact(pool, sealer, staff, channel, address, rank=rank, tongue=tongue)
    invocation.say.one({"staff": staff, "channel": channel.value, "rank": str(rank)})
    return Exit.fine


async def list_messages(
    invocation: Invocation,
    *,
    trouble: Annotated[
        list[Trouble] | None, typer.Option(help="Only messages in this trouble; repeatable. All three otherwise.")
    ] = None,
    error: Annotated[Code | None, typer.Option(help="Only messages with this code.", metavar="CODE")] = None,
    of: Annotated[str | None, typer.Option("--case", metavar="CASE", help="Only messages of this case.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only messages with a higher ID: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
) -> Exit:
    """Messages that reached nobody, and those of which nobody has known for an hour whether they did.

    failed: every channel refused it, or told that it did not arrive. undeliverable: nobody at the post, or no address.
    unknown: it is sent again and again under the same key, and no provider has answered yet.
    """
    if of is not None:
        read_case_id(of)
    which = Which(frozenset(trouble or Trouble), error, of)
    async with upkeep.register() as pool:
        messages = await list_troubled(pool, datetime.now(UTC), which, after=after, limit=limit)
    invocation.say.many(messages, _LISTED)
    return Exit.fine


async def again(
    invocation: Invocation,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...|-",
            help="As `notify list` shows them; or - to read them from standard input.",
            show_default=False,
        ),
    ],
) -> Exit:
    """Have messages sent again that were given up, once the reason is mended: the next sweep sends them.

    Each goes under its old key in a further round, to the addresses that are known then; who had it sent is kept. Exit
    code 65 where one was not given up, or is none; the others go through.
    """
    words = sys.stdin.read().split() if ids == [STANDARD_INPUT] else ids
    if not words or any(_ID.fullmatch(word) is None for word in words):
        raise WrongUsage(Usage.value, "ID...|-")
    actor = await checked_actor()
    async with upkeep.register() as pool:
        renewals = await send_again(pool, [int(word) for word in words], by=actor.id, at=datetime.now(UTC))
    invocation.say.many([_renewal(invocation, each) for each in renewals], _RENEWED)
    return Exit.data if any(each.refused is not None for each in renewals) else Exit.fine


async def status(invocation: Invocation) -> Exit:
    """How messages stand: how many wait, are overdue, unknown for long, failed, or have nobody to go to."""
    async with upkeep.register() as pool:
        stand = await overview(pool, datetime.now(UTC))
    # A table leaves out what is zero; here that is the answer.
    said = stand.model_dump(mode="json")
    invocation.say.one(said if invocation.say.format is not Format.table else {k: str(v) for k, v in said.items()})
    return Exit.fine


def _renewal(invocation: Invocation, renewal: Renewal) -> dict[str, object]:
    code = renewal.refused
    remedy = "" if code is None else invocation.say.words(REMEDIES[code])
    return {"id": renewal.id, "sent_again": code is None, "code": code and code.value, "remedy": remedy}


async def _tried(provider: Provider, channel: Channel, address: str, language: Language) -> Answer:
    message = compose(
        TEMPLATE, Recipient.clerk, None, {}, at=datetime.now(UTC), channel=channel, tongue=Tongue(language.value)
    )
    # A test is a message of its own each time.
    return await provider.send(Parcel(secrets.token_hex(32), channel, address, message.subject, message.body))


def _typed() -> str:
    return (getpass.getpass("address: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()


async def _on_file(channel: Channel, staff: str) -> str:
    """The address of somebody of the staff. Raises `CaseError` CONTACT_MISSING."""
    settings = read_settings(ClientSettings)
    sealer = sealer_of(settings.key_file, settings.person_keys)
    async with upkeep.register() as pool:
        return await address_of_staff(pool, sealer, staff, channel)


def _misconfigured(channel: Channel, code: Code) -> ConfigurationInvalid:
    return ConfigurationInvalid([Problem(f"channel {channel.value}", code.value, REMEDIES[code].en)])

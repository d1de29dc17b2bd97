"""Commands about the channels by which people are told."""

import getpass
import re
import secrets
import sys
from typing import Annotated, Final

import typer

from activities.notifications.addressees import address_of_staff, write_staff_contact
from activities.notifications.messages import compose
from activities.notifications.providers import Answer, Parcel, Provider, Verdict
from activities.sealing import KeyRing, Sealer
from cases.delivery import Channel, Tongue
from cases.errors import REMEDIES, CaseError, Code
from cases.offices import Recipient
from intake.client import Unavailable
from intake.commands.invoking import Invocation, add_command
from intake.commands.saying import Exit, Language, WrongUsage
from runtime.logs import configure_logging
from runtime.providers import providers_of
from runtime.settings import ClientSettings, ConfigurationInvalid, Problem, Settings, read_settings

STANDARD_INPUT: Final = "-"
_STAFF: Final = re.compile(r"[a-z][a-z0-9_-]{1,31}")
_MENDED_BY_SETTINGS: Final = frozenset({Code.CHANNEL_NOT_CONFIGURED, Code.CHANNEL_NOT_AUTHORISED})

TEMPLATE: Final = "channel.test"
_LONGEST: Final = 500
"""Characters of an address; no channel has longer ones."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = typer.Typer(no_args_is_help=False, help="Channels by which people are told.")
    group.callback()(_channels)
    add_command(group, "test", test)
    add_command(group, "contact", contact)
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
        raise WrongUsage("--to STAFF|-")
    settings = read_settings(Settings)
    configure_logging("console", "ERROR")
    async with providers_of(settings) as providers:
        provider = providers.get(channel)
        if provider is None:
            raise _misconfigured(channel, Code.CHANNEL_NOT_CONFIGURED)
        address = _typed() if to == STANDARD_INPUT else await _on_file(invocation, channel, to)
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
        raise WrongUsage("STAFF")
    sealer = Sealer(KeyRing.load(read_settings(ClientSettings).key_file))
    address = _typed()
    if not address or len(address) > _LONGEST:
        raise CaseError(Code.ADDRESS_INVALID, "standard input")
    async with invocation.register() as pool:
        await write_staff_contact(pool, sealer, staff, channel, address, rank=rank, tongue=tongue)
    invocation.say.one({"staff": staff, "channel": channel.value, "rank": str(rank)})
    return Exit.fine


async def _tried(provider: Provider, channel: Channel, address: str, language: Language) -> Answer:
    message = compose(TEMPLATE, Recipient.clerk, None, {}, channel=channel, tongue=Tongue(language.value))
    # A test is a message of its own each time.
    return await provider.send(Parcel(secrets.token_hex(32), channel, address, message.subject, message.body))


def _typed() -> str:
    return (getpass.getpass("address: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()


async def _on_file(invocation: Invocation, channel: Channel, staff: str) -> str:
    """The address of somebody of the staff. Raises `CaseError` CONTACT_MISSING."""
    sealer = Sealer(KeyRing.load(read_settings(ClientSettings).key_file))
    async with invocation.register() as pool:
        return await address_of_staff(pool, sealer, staff, channel)


def _misconfigured(channel: Channel, code: Code) -> ConfigurationInvalid:
    return ConfigurationInvalid([Problem(f"channel {channel.value}", code.value, REMEDIES[code].en)])

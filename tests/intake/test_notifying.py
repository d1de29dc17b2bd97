import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from intake.commands.saying import Exit
from stack import LocalStack
from stack.issuer import Issuer
from stack.receivers import Receivers
from stack.tray import Fault
from tests.engine import migrated_database
from tests.intake.calling import Run, Said, sample_keys
from tests.scenes import OPERATOR

TOKEN = "synthetic"  # noqa: S105 - of receivers that run for one test
ADDRESS = "clerk@example.invalid"

Call = Callable[..., Awaitable[Said]]


@pytest_asyncio.fixture
async def receivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receivers:
    """Providers that the command line is configured for; the test runs them."""
    secret = tmp_path / "token"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN)
    monkeypatch.setenv("CARDCASE_SMS_TOKEN_FILE", str(secret))
    monkeypatch.setenv("CARDCASE_MAIL_SENDER", "cards@example.invalid")
    return Receivers(token=TOKEN)


@pytest.fixture
def call(run: Run, receivers: Receivers, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls the command line beside this loop, on which the providers run."""

    async def called(*arguments: str, stdin: bytes = b"") -> Said:
        monkeypatch.setenv("CARDCASE_SMS_URL", receivers.sms_url)
        monkeypatch.setenv("CARDCASE_MAIL_URL", receivers.mail_url)
        monkeypatch.setenv("CARDCASE_CHAT_RELAY_URL", receivers.relay_url)
        command = ("test",) if arguments[0].startswith("-") else ()
        return await asyncio.to_thread(run, "notify", *command, *arguments, stdin=stdin)

    return called


async def test_a_channel_is_tried_at_an_address_from_standard_input(call: Call, receivers: Receivers) -> None:
    async with receivers:
        for channel, address in (("sms", "19900000001"), ("mail", ADDRESS)):
            said = await call("--channel", channel, "--to", "-", "-o", "json", stdin=address.encode())
            assert (said.exit, said.json["verdict"]) == (Exit.fine, "accepted")
            (message,) = receivers.tray.of_channel(channel)
            assert message.to == address
            assert address not in said.out + said.err


async def test_somebody_of_the_staff_is_told_at_the_address_on_file(
    call: Call, receivers: Receivers, stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await migrated_database(stack, "notifying")
    monkeypatch.setenv("CARDCASE_DATABASE_URL", url)
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    async with receivers:
        for address in ("former@example.invalid", ADDRESS):
            kept = await call("contact", "clerk-1", "--channel", "mail", stdin=address.encode())
            assert (kept.exit, address in kept.out + kept.err) == (Exit.fine, False)
        assert (await call("--channel", "mail", "--to", "clerk-1")).exit == Exit.fine
        nothing = await call("contact", "clerk-1", "--channel", "mail", stdin=b"\n")
        assert (nothing.exit, "ADDRESS_INVALID" in nothing.err) == (Exit.data, True)
        unknown = await call("--channel", "mail", "--to", "clerk-2")
    assert [message.to for message in receivers.tray.of_channel("mail")] == [ADDRESS]
    assert unknown.exit == Exit.data
    assert "CONTACT_MISSING" in unknown.err


async def _given_up(url: str) -> int:
    """A message for a post that nobody holds, given up; its ID."""
    connection = await asyncpg.connect(url)
    try:
        return int(
            await connection.fetchval(
                "INSERT INTO notifications "
                "(subject, event, recipient, office, template, not_before, written_at, state, error) "
                "VALUES ('digest:110100', '2026-08-24', 'municipal', '110100', 'digest.municipal', now(), now(), "
                "'undeliverable', 'POST_VACANT') RETURNING id"
            )
        )
    finally:
        await connection.close()


async def test_messages_that_were_given_up_are_listed_and_sent_again_by_their_ids(
    call: Call, receivers: Receivers, stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await migrated_database(stack, "giving_up")
    monkeypatch.setenv("CARDCASE_DATABASE_URL", url)
    message = await _given_up(url)
    async with receivers:
        nobody = await call("again", str(message))
        assert (nobody.exit, "CARDCASE_IDENTITY_ISSUER" in nobody.err) == (Exit.configuration, True)
        issuer, token = Issuer(), tmp_path / "identity"
        token.touch(mode=0o600)
        token.write_text(issuer.token(OPERATOR), encoding="ascii")
        monkeypatch.setenv("CARDCASE_TOKEN_FILE", str(token))
        monkeypatch.setenv("CARDCASE_IDENTITY_ISSUER", issuer.url)
        monkeypatch.setenv("CARDCASE_IDENTITY_KEYS", str(issuer.write_keys(tmp_path / "jwks.json")))
        listed = await call("list", "--trouble", "undeliverable", "--error", "POST_VACANT", "-o", "json")
        assert [(row["id"], row["trouble"], row["round"]) for row in listed.json] == [(message, "undeliverable", 1)]
        assert (await call("list", "--trouble", "failed", "--trouble", "unknown", "-o", "json")).json == []
        assert (await call("status", "-o", "json")).json["undeliverable"] == 1
        typed = f"{message}\n999999\n".encode()
        renewed = await call("again", "-", "-o", "json", stdin=typed)
        assert renewed.exit == Exit.data
        assert [(row["id"], row["sent_again"], row["code"]) for row in renewed.json] == [
            (message, True, None),
            (999999, False, "MESSAGE_UNKNOWN"),
        ]
        assert (await call("again", str(message))).exit == Exit.data
        table = await call("status")
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT sent_again_by FROM notifications") == OPERATOR.id
    await connection.close()
    assert (table.exit, "pending        1" in table.out) == (Exit.fine, True), table.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("again",),
        ("again", "seven"),
        ("again", "-"),
        ("again", "7", "-"),
        ("list", "--trouble", "lost"),
    ],
)
async def test_what_is_no_message_or_nobody_is_wrong_usage(
    call: Call, receivers: Receivers, arguments: tuple[str, ...]
) -> None:
    async with receivers:
        assert (await call(*arguments)).exit == Exit.usage


@pytest.mark.parametrize(
    ("fault", "exit_code", "code"),
    [
        (Fault.refused, Exit.data, "ADDRESS_INVALID"),
        (Fault.busy, Exit.unavailable, "CHANNEL_BUSY"),
        (Fault.cut, Exit.unavailable, "CHANNEL_UNCERTAIN"),
        (Fault.error_body, Exit.unavailable, "CHANNEL_UNAVAILABLE"),
        (Fault.unauthorised, Exit.configuration, "CHANNEL_NOT_AUTHORISED"),
    ],
)
async def test_what_is_wrong_with_a_channel_has_an_exit_code_and_words(
    call: Call, receivers: Receivers, fault: Fault, exit_code: Exit, code: str
) -> None:
    async with receivers:
        receivers.tray.script.next.append(fault)
        said = await call("--channel", "sms", "--to", "-", stdin=b"19900000001")
    assert (said.exit, said.out) == (exit_code, "")
    assert code in said.err
    assert "19900000001" not in said.err


async def test_a_provider_that_is_not_there_is_unavailable(call: Call, receivers: Receivers) -> None:
    async with receivers:
        pass
    said = await call("--channel", "mail", "--to", "-", stdin=ADDRESS.encode())
    assert said.exit == Exit.unavailable
    assert "CHANNEL_UNAVAILABLE" in said.err


async def test_an_address_on_the_command_line_and_a_channel_without_provider_are_refused(
    call: Call, receivers: Receivers
) -> None:
    async with receivers:
        typed = await call("--channel", "mail", "--to", ADDRESS)
        absent = await call("--channel", "feishu", "--to", "-", stdin=b"feishu://token")
        none = await call("--channel", "pigeon", "--to", "-")
    assert (typed.exit, absent.exit, none.exit) == (Exit.usage, Exit.configuration, Exit.usage)
    assert ADDRESS not in typed.err
    assert "CHANNEL_NOT_CONFIGURED" in absent.err
    assert not receivers.tray.calls

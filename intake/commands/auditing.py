"""Commands about the audit and the journal: whether they hold, what the journal says, the heads that are published."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import aiohttp
import typer
from temporalio.envconfig import ClientConfig

from activities.addresses import is_web
from activities.heads.bucket import LockedBucket, Signer
from activities.heads.places import AppendedFile, Place
from activities.heads.publication import Published, digest_of
from activities.heads.publishing import publish as publish_once
from activities.registry.journal import entries
from activities.registry.pool import Pool
from activities.registry.verifying import Verified, verify_audit
from activities.stamps import Stamps, TrustedKeys
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from intake.commands import upkeep
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Usage, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep
from runtime.health import serve_health
from runtime.settings import AuditSettings, HeadsSettings, Settings, read_settings

_BROKEN: Final = ("case_id", "generation", "version", "what", "detail")
_ENTRIES: Final = (
    "at", "kind", "actor", "seen_as", "role", "office", "case_id", "plan", "reason", "key", "chain", "number",
)  # fmt: skip
_PASSES: Final = frozenset({Code.HEADS_UNREACHABLE, Code.DATABASE_UNAVAILABLE})
"""What may be otherwise in the next round."""
_MOST_FAILURES: Final = 3
"""Rounds in a row that may fail; then whoever supervises the program sees it end."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("The audit: append-only, hash chained per case.")
    add_upkeep(group, "verify", verify, Needs.register, Needs.trust)
    add_upkeep(group, "publish", publish, Needs.register, Needs.place)
    add_upkeep(group, "journal", journal, Needs.register)
    app.add_typer(group, name="audit")


async def verify(
    invocation: Invocation,
    only: Annotated[
        str | None, typer.Argument(metavar="CASE", help="Only this case's chain.", show_default=False)
    ] = None,
    *,
    published: Annotated[
        str | None,
        typer.Option(
            "--published", metavar="PLACE", help="Where heads were published, instead of CARDCASE_HEADS_PLACE."
        ),
    ] = None,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="SHA256", help="What somebody noted of the newest publication.")
    ] = None,
) -> Exit:
    """Look at every chain of the audit, and at every stamp; what does not hold is listed, and the exit code is 1.

    Decisions are compared with the keys that the gate has had, what stands there with the heads that were published.
    Without a place a chain that was cut off or rewritten as a whole, together with its case, goes unnoticed.
    """
    if only is not None:
        read_case_id(only)
    settings = read_settings(AuditSettings)
    where = published or settings.heads_place
    if digest is not None and where is None:
        raise WrongUsage(Usage.lacking, "--published")
    stamps = Stamps(TrustedKeys.load(settings.stamp_trust_file), namespace())
    log = None if where is None else await _published_at(settings, where)
    if log is not None and digest is not None and log.digest != digest.lower():
        raise CaseError(Code.HEADS_BROKEN, "published")
    async with upkeep.register() as pool:
        verified = await verify_audit(pool, only, log, stamps)
    if only is not None and not verified.cases:
        raise CaseError(Code.CASE_UNKNOWN)
    invocation.say.many([broken._asdict() for broken in verified.broken], _BROKEN)
    for zh, en in _notes(log, verified):
        invocation.say.note(zh, en)
    invocation.say.note(
        f"核对 {verified.cases} 个案件、{verified.transitions} 条记录，{len(verified.broken)} 处不符。",
        f"{verified.cases} cases and {verified.transitions} rows looked at, {len(verified.broken)} do not hold.",
    )
    return Exit.refused if verified.broken else Exit.fine


def _notes(log: Published | None, verified: Verified) -> Iterator[tuple[str, str]]:
    """What was not looked at."""
    if verified.forgotten:
        yield (
            f"{verified.forgotten} 条记录的内容已依法删除，其身份校验无法再核对。",
            f"The contents of {verified.forgotten} rows are forgotten; their stamps cannot be looked at any more.",
        )
    if not verified.bearers_named:
        yield (
            "机构目录未列明人员角色，角色未核对。",
            "The directory names no bearers of roles; roles were not looked at.",
        )
    if log is None:
        yield "未与已公布的链头比对。", "Nothing was compared with heads that were published."
    elif log.newest is not None:
        at = log.newest.at.isoformat(timespec="seconds")
        yield (
            f"已公布至第 {log.newest.number} 期（{at}）；此后写入的尚无链头保护。",
            (f"Published up to number {log.newest.number} ({at}); what was written since is not covered yet."),
        )


async def publish(
    invocation: Invocation,
    *,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Publish every CARDCASE_HEADS_EVERY seconds, until told to stop.")
    ] = False,
) -> Exit:
    """Publish the newest links of all chains that grew to CARDCASE_HEADS_PLACE, where nobody of the database can write.

    That is a file on a volume that only this program has (with chattr +a), or a bucket whose objects are locked. What
    is written between two rounds is not protected from its writers until the second.
    """
    settings = read_settings(HeadsSettings)
    async with _place(settings, settings.heads_place) as place, upkeep.register() as pool:
        if isinstance(place, AppendedFile) and not place.is_append_only():
            invocation.say.note(
                "链头文件可被改写，请执行 chattr +a。", "The file can be overwritten by whoever has it: run chattr +a."
            )
        if go_on:
            await _go_on(invocation, pool, place, settings)
        else:
            await _round(invocation, pool, place, settings)
    return Exit.fine


async def _go_on(invocation: Invocation, pool: Pool, place: Place, settings: HeadsSettings) -> None:
    failures = 0
    port = settings.health_port
    health = None if port is None else serve_health(settings.health_host, port, lambda: failures == 0)
    async with _nothing() if health is None else health:
        while True:
            try:
                await _round(invocation, pool, place, settings)
                failures = 0
            except CaseError as failed:
                failures += 1
                if failed.code not in _PASSES or failures > _MOST_FAILURES:
                    raise
                invocation.say.trouble(failed)
            await asyncio.sleep(settings.heads_every)


@asynccontextmanager
async def _nothing() -> AsyncIterator[int]:
    yield 0


async def _round(invocation: Invocation, pool: Pool, place: Place, settings: HeadsSettings) -> None:
    newest = await publish_once(pool, place, settings.heads_every)
    said = {"number": newest.number, "at": newest.at, "heads": len(newest.heads), "sha256": digest_of(newest.line)}
    invocation.say.one(said)


async def _published_at(settings: Settings, where: str) -> Published:
    """All that was published at a place. Raises `CaseError` HEADS_BROKEN, HEADS_UNREACHABLE."""
    log = Published()
    async with _place(settings, where) as place:
        async for line in place.lines():
            log.take(line)
    return log


@asynccontextmanager
async def _place(settings: Settings, where: str) -> AsyncIterator[Place]:
    """Where heads are published. Raises `CaseError` CONFIGURATION_INVALID."""
    if not is_web(where):
        yield AppendedFile(Path(where))
        return
    if settings.heads_key_file is None:
        raise CaseError(Code.CONFIGURATION_INVALID, "heads_key_file")
    signer = Signer.load(settings.heads_key_file, settings.heads_region)
    async with aiohttp.ClientSession() as session:
        yield LockedBucket(session, where, signer, timedelta(days=settings.heads_kept_days))


def namespace() -> str:
    """The namespace for which the gate stamps, by Temporal's own configuration."""
    return ClientConfig.load_client_connect_config().get("namespace", "default")


async def journal(
    invocation: Invocation,
    only: Annotated[
        str | None, typer.Argument(metavar="CASE", help="Only what is about this case.", show_default=False)
    ] = None,
) -> Exit:
    """What was done beside decisions: searches by number, cases seen in clear, resets, terminations, bulk decisions."""
    if only is not None:
        read_case_id(only)
    async with upkeep.register() as pool:
        invocation.say.many(await entries(pool, only), _ENTRIES)
    return Exit.fine

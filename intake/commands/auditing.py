"""Commands about the audit and the journal: whether they hold, what the journal says, the heads that are published."""

from pathlib import Path
from typing import Annotated, Final

import typer

from activities.registry.journal import entries
from activities.registry.verifying import digest_of_heads, heads, read_heads, verify_audit
from cases.errors import CaseError, Code
from cases.kinds import read_case_id
from intake.commands import upkeep
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep

_BROKEN: Final = ("case_id", "generation", "version", "what")
_ENTRIES: Final = ("number", "at", "kind", "actor", "seen_as", "role", "office", "case_id", "plan", "reason", "key")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = typer.Typer(no_args_is_help=False, help="The audit: append-only, hash chained per case.")
    add_upkeep(group, "verify", verify, Needs.register)
    add_upkeep(group, "heads", write_heads, Needs.register)
    add_upkeep(group, "journal", journal, Needs.register)
    app.add_typer(group, name="audit")


async def verify(
    invocation: Invocation,
    only: Annotated[
        str | None, typer.Argument(metavar="CASE", help="Only this case's chain.", show_default=False)
    ] = None,
    *,
    published: Annotated[
        Path | None, typer.Option("--published", metavar="FILE", help="Heads that were published before.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="SHA256", help="What was published of that file.")
    ] = None,
) -> Exit:
    """Look at every chain of the audit; what does not hold is listed, and the exit code is 1.

    Without published heads a chain that was cut off or rewritten as a whole, together with its case, goes unnoticed.
    """
    if only is not None:
        read_case_id(only)
    if digest is not None and published is None:
        raise WrongUsage("--published")
    lines = _read(published) if published is not None else ""
    if digest is not None and digest_of_heads(lines) != digest.lower():
        raise CaseError(Code.DOCUMENT_DIGEST_MISMATCH, "published")
    expected = [head for head in read_heads(lines) if only in (None, head.case_id)]
    async with upkeep.register() as pool:
        verified = await verify_audit(pool, only, expected)
    if only is not None and not verified.cases:
        raise CaseError(Code.CASE_UNKNOWN)
    invocation.say.many([broken._asdict() for broken in verified.broken], _BROKEN)
    invocation.say.note(
        f"核对 {verified.cases} 个案件、{verified.transitions} 条记录，{len(verified.broken)} 处不符。",
        f"{verified.cases} cases and {verified.transitions} rows looked at, {len(verified.broken)} do not hold.",
    )
    return Exit.refused if verified.broken else Exit.fine


async def write_heads(
    invocation: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; there must be no such file.")],
) -> Exit:
    """Write the newest link of every chain to a file, and say the file's SHA-256, which is to be published outside."""
    async with upkeep.register() as pool:
        newest = await heads(pool)
    lines = "".join(f"{head}\n" for head in newest)
    try:
        with file.open("x", encoding="ascii", newline="\n") as written:
            written.write(lines)
    except OSError:
        # Its text quotes the path.
        raise CaseError(Code.FILE_UNREADABLE, "file") from None
    invocation.say.one({"cases": len(newest), "sha256": digest_of_heads(lines)})
    return Exit.fine


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


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise CaseError(Code.FILE_UNREADABLE, "published") from None

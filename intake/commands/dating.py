"""Commands about the working calendar: a picture of a year, what is published, and dates recomputed."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Final

import typer
from temporalio.client import Client

from activities.calendar import official_calendar
from activities.campaign.recomputing import (
    IN_FLIGHT,
    Calendar,
    Dated,
    Fate,
    Selection,
    Standing,
    Told,
    choose_cases,
    count,
    standings,
    tell_each,
)
from activities.registry.errors import case_errors_only
from activities.registry.pool import Pool
from cases.clocks import WorkingCalendar
from cases.errors import REMEDIES, CaseError, Code
from cases.events import Event
from cases.facts import Recompute
from cases.policy import PACKS, Policies, Policy, load
from intake.applications import checked
from intake.client import today_in_shanghai
from intake.commands import upkeep
from intake.commands.drawing import drawn, year_of
from intake.commands.importing import SHOWN, Bar
from intake.commands.invoking import Invocation, group_of
from intake.commands.saying import Exit, Format, Speaker, Usage, WrongUsage
from intake.commands.upkeep import Needs, add_upkeep
from intake.stamping import Stamping

PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="NAME/VERSION", help="A policy pack; of a name alone the newest.")
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="DIGITS", help="Division code of an agency, or its first digits.")
]

_REGION: Final = re.compile(r"[1-9][0-9]{0,5}")
_STANDINGS: Final = ("policy", "regions", "published", "provisional", "datable", "amended")
_CASES: Final = ("case_id", "policy", "fate", "code", "remedy")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module, as one group."""
    group = group_of("The working calendar and the dates that rest on it.")
    add_upkeep(group, "show", show)
    add_upkeep(group, "check", check, Needs.register)
    add_upkeep(group, "recompute", recompute, Needs.gate, Needs.register, Needs.temporal)
    app.add_typer(group, name="calendar")


async def show(
    invocation: Invocation,
    *,
    policy: PolicyOption = None,
    year: Annotated[
        int | None, typer.Option(min=1986, max=2199, help="The present one unless given.", show_default=False)
    ] = None,
) -> Exit:
    """A year as it is worked: days off, weekends worked for them, and what the policy's own table changes.

    Without a policy the official calendar alone. Needs neither register nor engine.
    """
    pack = _pack(policy) if policy is not None else None
    shown = year_of(pack, year or today_in_shanghai().year)
    match invocation.say.format:
        case Format.table:
            invocation.say.drawing(drawn(shown, invocation.say.language))
        case Format.json:
            invocation.say.one(shown.as_json())
        case Format.jsonl:
            invocation.say.many(shown.as_json()["days"], ())
    return Exit.fine


async def check(invocation: Invocation) -> Exit:
    """Which years are published, and how many open cases rest on one that is not, or on days that were amended since.

    `datable` are provisional cases whose days were amended, `amended` the others: both wait for `recompute`.
    """
    packs = _packs()
    calendar = Calendar(Policies(packs), official_calendar)
    async with upkeep.register() as pool:
        found = {standing.policy: standing for standing in await case_errors_only(standings)(pool, calendar)}
    rows = [_standing(pack, found.pop(pack.pin, Standing(pack.pin, 0, 0, 0))) for pack in packs]
    # Cases may still follow a pack that this release does not have.
    rows += [{**standing._asdict(), "published": None, "regions": ()} for standing in found.values()]
    if invocation.say.format is Format.json:
        invocation.say.one({"official": _span(official_calendar()), "policies": rows})
    else:
        invocation.say.many(rows, _STANDINGS)
        if any(row["datable"] or row["amended"] for row in rows):
            invocation.say.note("可重算：starter.py calendar recompute", "To date them: starter.py calendar recompute")
    return Exit.fine


def _standing(pack: Policy, standing: Standing) -> dict[str, Any]:
    return {
        **standing._asdict(),
        "regions": pack.regions,
        "published": _span(official_calendar(pack.calendar)),
    }


def _span(calendar: WorkingCalendar) -> str:
    """The published years, stretch by stretch."""
    years = sorted(calendar.published)
    starts = [year for year in years if year - 1 not in calendar.published]
    ends = [year for year in years if year + 1 not in calendar.published]
    return ", ".join(str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True))


async def recompute(
    invocation: Invocation,
    *,
    region: RegionOption = None,
    policy: PolicyOption = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME/VERSION", help="Let the cases of --policy follow this one.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those whose dates rest on a year that is still not published.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show which cases would be told; tell none.")] = False,
) -> Exit:
    """Tell open cases to recompute their dates: those whose days were amended since, or all that follow --policy.

    What has fired stays fired. Repeating it is safe: whoever is dated is not told again, and where it was interrupted
    it goes on.
    """
    packs = _packs()
    selection = Selection(_checked_region(region), _pack(policy, packs).pin if policy is not None else None)
    if to is not None and selection.policy is None:
        raise WrongUsage(Usage.lacking, "--policy")
    calendar = Calendar(Policies(packs), official_calendar)
    chosen = Chosen.all if selection.policy is not None else Chosen.provisional if every else Chosen.amended
    report = Report(invocation.say, dry_run=dry_run)
    async with upkeep.register() as pool:
        cases = Cases(pool, selection, calendar, chosen=chosen, report=report)
        if dry_run:
            await case_errors_only(_list)(cases, report)
        else:
            content = {"actor": upkeep.actor()}
            fact = checked(Recompute, content | ({"policy": _pack(to, packs).pin} if to is not None else {}))
            async with upkeep.engine() as client, upkeep.gate() as stamping:
                await _tell(invocation, client, cases, Decided(fact, stamping))
    report.close()
    return report.exit


async def _list(cases: "Cases", report: "Report") -> None:
    async with aclosing(cases.each()) as every:
        async for case in every:
            report.would_tell(case)


@dataclass(frozen=True)
class Decided:
    """The caller's decision to recompute dates; each case gets it with a stamp of its own."""

    fact: Recompute
    stamping: Stamping | None

    async def __call__(self, case: Dated) -> Recompute:
        """Stamped for one case. Raises `CaseError` with the gate's code."""
        if self.stamping is None:
            raise CaseError(Code.IDENTITY_MISSING)
        stamped = await self.stamping.stamp(case.case_id, Event.recompute, self.fact)
        return self.fact.model_copy(update={"actor": stamped.actor, "stamp": stamped.stamp})


async def _tell(invocation: Invocation, client: Client, cases: "Cases", decided: Decided) -> None:
    try:
        with Bar() as progress:
            await case_errors_only(_tell_all)(client, cases, decided, progress)
    except asyncio.CancelledError:
        cases.report.close()
        invocation.say.note("已中断；重复同一命令即可继续。", "Interrupted; repeat the command to go on.")
        raise


async def _tell_all(client: Client, cases: "Cases", decided: Decided, progress: Bar) -> None:
    """Tell the cases. An engine that answers nobody any more is left in peace."""
    total, unanswered = await cases.count(), 0
    async with (
        aclosing(cases.each()) as every,
        aclosing(tell_each(client, every, decided, cases.calendar)) as all_told,
    ):
        async for told in all_told:
            cases.report.told(told)
            progress.at(min(cases.report.seen / max(total, 1), 1.0))
            unanswered = unanswered + 1 if told.fate is Fate.unanswered else 0
            if unanswered == IN_FLIGHT:
                break


@dataclass
class Report:
    """What became of the cases, in numbers, and of which ones it did not become what was hoped."""

    say: Speaker
    dry_run: bool
    left: int = 0
    """Cases whose dates still rest on a year that is not published."""
    fates: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(Fate, 0))
    would: int = 0
    _kept: list[dict[str, Any]] = field(default_factory=list)
    _hidden: int = 0

    @property
    def seen(self) -> int:
        """Cases that were answered for, and those that are left."""
        return self.left + sum(self.fates.values())

    def told(self, told: Told) -> None:
        """Take in what became of one case. Only those that failed are listed, unless a program reads line by line."""
        self.fates[told.fate] += 1
        failed = told.fate in {Fate.refused, Fate.unanswered}
        if failed or self.say.format is Format.jsonl:
            remedy = self.say.words(REMEDIES[told.code]) if told.code is not None else None
            self._keep(told.case, told.fate.value, told.code, remedy)

    def would_tell(self, case: Dated) -> None:
        """Take in a case that would be told."""
        self.would += 1
        self._keep(case, "would be told", None, None)

    def _keep(self, case: Dated, fate: str, code: Code | None, remedy: str | None) -> None:
        line = {"case_id": case.case_id, "policy": case.policy, "fate": fate, "code": code, "remedy": remedy}
        if self.say.format is Format.jsonl:
            self.say.line(line)
        elif self.say.format is Format.json or len(self._kept) < SHOWN:
            self._kept.append(line)
        else:
            self._hidden += 1

    @property
    def exit(self) -> Exit:
        """What a script learns."""
        if self.fates[Fate.unanswered]:
            return Exit.unavailable
        return Exit.refused if self.fates[Fate.refused] else Exit.fine

    def close(self) -> None:
        """Say how it ended."""
        if self.dry_run:
            numbers = {"would_tell": self.would, "left": self.left}
        else:
            numbers = {**{fate.value: number for fate, number in self.fates.items()}, "left": self.left}
        match self.say.format:
            case Format.json:
                self.say.one({**numbers, "cases": self._kept})
            case Format.jsonl:
                self.say.line(numbers)
            case Format.table:
                if self._kept:
                    self.say.many(self._kept, _CASES)
                if self._hidden:
                    self.say.note(f"……另有 {self._hidden} 条，见 -o jsonl", f"… {self._hidden} more; see -o jsonl")
                self.say.one({name: str(number) for name, number in numbers.items()})
        if self.fates[Fate.unanswered]:
            self.say.note(
                "引擎未答复部分案件；请重复同一命令。", "The engine did not answer for some cases; repeat the command."
            )


class Chosen(Enum):
    """Which cases of a selection are told."""

    amended = "amended"
    """Those whose days were amended."""
    provisional = "provisional"
    """Also those that are still provisional."""
    all = "all"


@dataclass
class Cases:
    """The cases of one call; those whose year is still to be published are left and counted."""

    pool: Pool
    selection: Selection
    calendar: Calendar
    chosen: "Chosen"
    report: Report

    async def count(self) -> int:
        """How many there are, the left ones included."""
        return await count(self.pool, self.selection)

    async def each(self) -> AsyncGenerator[Dated, None]:
        """Those that are to be told, in the order of their IDs."""
        async with aclosing(choose_cases(self.pool, self.selection)) as every:
            async for case in every:
                if self._is_chosen(case):
                    yield case
                else:
                    self.report.left += case.provisional

    def _is_chosen(self, case: Dated) -> bool:
        waits = case.provisional and self.chosen is Chosen.provisional
        return self.chosen is Chosen.all or waits or self.calendar.amends(case)


def _packs() -> list[Policy]:
    return [load(path) for path in sorted(PACKS.glob("*.toml"))]


def _pack(name: str, packs: list[Policy] | None = None) -> Policy:
    """The pack that is called so, the newest where no version is named. Raises `CaseError` POLICY_UNKNOWN."""
    found = max(_named(name, _packs() if packs is None else packs), key=lambda pack: pack.version, default=None)
    if found is None:
        raise CaseError(Code.POLICY_UNKNOWN, "--policy")
    return found


def _named(name: str, packs: list[Policy]) -> Iterator[Policy]:
    return (pack for pack in packs if name in {pack.pin, pack.name})


def _checked_region(region: str | None) -> str | None:
    if region is not None and not _REGION.fullmatch(region):
        raise CaseError(Code.REGION_INVALID, "--region")
    return region

"""One rehearsal: a season by one policy, from an empty register to figures."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from time import monotonic
from typing import Any, Final

from activities.calendar import official_calendar
from cases.clocks import SHANGHAI
from cases.errors import CaseError, Code
from cases.events import Event
from cases.policy import PACKS, Policy, load
from intake.client import today_in_shanghai
from rehearsal.amendments import Amendment, amendments
from rehearsal.check import Fault, Finding, check, check_merges
from rehearsal.figures import Figures, figures
from rehearsal.later import LAST_YEAR, later
from rehearsal.lives import PAID_IN, Act, Life, Part, told_as_well
from rehearsal.play import Players
from rehearsal.record import blocked_without_an_end, read_cases, read_merges
from rehearsal.rules import Rules
from rehearsal.season import Season
from rehearsal.stage import Stage, stage

_FILE: Final = ".toml"
_MORNING: Final = time(8)

OnProgress = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Pack:
    """A policy, and what its file says for whoever reads it a second time."""

    policy: Policy
    says: Mapping[str, Any]

    @classmethod
    def named(cls, name: str) -> "Pack":
        """A pack of this release by its name (its newest version) or by name and version, or the path of a file.

        Raises `CaseError` POLICY_UNKNOWN or POLICY_INVALID.
        """
        if name.endswith(_FILE):
            file = Path(name)
            if not file.is_file():
                raise CaseError(Code.POLICY_UNKNOWN, "policy")
            return cls._of(file)
        packs = [cls._of(file) for file in PACKS.glob(f"*{_FILE}")]
        found = [pack for pack in packs if name in {pack.policy.name, pack.policy.pin}]
        if not found:
            raise CaseError(Code.POLICY_UNKNOWN, "policy")
        return max(found, key=lambda pack: pack.policy.version)

    @classmethod
    def _of(cls, file: Path) -> "Pack":
        policy = load(file)
        return cls(policy, tomllib.loads(file.read_text(encoding="utf-8")))

    @property
    def next(self) -> "Pack":
        """A version with less time for a number and more for a card, which asks one system less where any is asked."""
        change, card = self.says["number_change"], self.says["replacement"]
        says = {
            **self.says,
            "version": self.policy.version + 1,
            "number_change": {
                **change,
                "confirmations": change["confirmations"][:-1],
                "processing": _longer(change["processing"], -2),
            },
            "replacement": {**card, "processing": _longer(card["processing"], 2)},
        }
        return Pack(Policy.model_validate(says), says)

    @property
    def rules(self) -> Rules:
        """What dates follow from."""
        return Rules.of(self.says)


@dataclass(frozen=True, slots=True)
class Change:
    """From a day on every case follows another version of its policy: a late notice, a closure, other limits."""

    day: date
    pack: Pack

    @classmethod
    def read(cls, text: str) -> "Change":
        """From `DAY=FILE`. Raises `CaseError` DATE_INVALID, and as `Pack.named`."""
        day, _, name = text.partition("=")
        try:
            first = date.fromisoformat(day)
        except ValueError:
            raise CaseError(Code.DATE_INVALID, "change") from None
        return cls(first, Pack.named(name))

    @classmethod
    def in_season(cls, pack: Pack, first: date, last: date) -> "Change":
        """The one that every season has: when half of it is over the next version is in force."""
        return cls(official_calendar().next_working(first + (last - first) // 2), pack.next)

    @property
    def act(self) -> Act:
        """What an operator tells every case in the morning."""
        at = datetime.combine(self.day, _MORNING, SHANGHAI)
        return Act(at, Event.recompute, Part.operator, {"policy": self.pack.policy.pin})


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A season of so many persons, from a seed."""

    first: date
    last: date
    persons: int
    seed: int
    change: Change | None = None
    """Of the policies of its name; the others have the one of every season."""

    def __post_init__(self) -> None:
        if self.first > self.last or self.last.year > LAST_YEAR:
            raise CaseError(Code.DATE_INVALID, "to")
        if later(self.first) <= today_in_shanghai():
            # The server's time goes forward only.
            raise CaseError(Code.DATE_INVALID, "from")

    @property
    def announcements(self) -> tuple[Amendment, ...]:
        """How the official calendar is amended meanwhile."""
        return amendments(self.first, self.last, official_calendar())

    def season(self, policy: Policy, peak: date) -> Season:
        """The season under a policy; people come by the day that everybody knows, whatever the policy."""
        return Season(self.first, self.last, peak, official_calendar(policy.calendar), self.seed)

    def lives(self, season: Season) -> list[Life]:
        """Everybody's part in it, in the order of arrival."""
        lives = map(season.life, range(1, self.persons + 1))
        return sorted(lives, key=lambda life: life.arrives_at)

    async def play(self, pack: Pack, peak: date, on_progress: OnProgress) -> Figures:
        """Play the season on servers of its own. `on_progress` is called whenever one person's part is over."""
        other = self._change_of(pack).pack.policy
        async with stage(pack.policy, other, announcements=self.announcements) as engine:
            return await self.play_on(engine, pack, peak, on_progress)

    async def play_on(self, engine: Stage, pack: Pack, peak: date, on_progress: OnProgress) -> Figures:
        """Play the season on an engine, whose register has to be empty; then check it."""
        began = monotonic()
        season = self.season(pack.policy, peak)
        lives, change = self.lives(season), self._change_of(pack)
        lives = [told_as_well(life, change.act) for life in lives]
        for announced in self.announcements:
            lives = [told_as_well(life, announced.act, whenever=False) for life in lives]
        players = Players(engine, pack.policy, season)
        await players.load(lives)
        played = await players.play(lives, on_progress)
        cases = await read_cases(engine.pool, played.died)
        rulebook = {change.pack.policy.pin: change.pack.rules}
        checked = check(cases, pack.rules, season.ends, rulebook, self.announcements)
        check_merges(await read_merges(engine.pool), PAID_IN, checked)
        blocked = await blocked_without_an_end(engine.pool)
        checked.findings += (Finding(case_id, Fault.blocked_without_an_end) for case_id in blocked)
        return figures(pack.policy.pin, season, cases, played, checked, monotonic() - began)

    def _change_of(self, pack: Pack) -> Change:
        if self.change is not None and self.change.pack.policy.name == pack.policy.name:
            return self.change
        return Change.in_season(pack, self.first, self.last)


def _longer(processing: Mapping[str, Any], days: int) -> dict[str, Any]:
    """A processing time of more days, or of fewer, within what it may come to."""
    most = processing["at_most"]
    return {**processing, "working_days": min(max(processing["working_days"] + days, 1), most)}

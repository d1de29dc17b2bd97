"""Region policies: one region's rules as data, versioned; a case is pinned to the version it started with.

What a region demands, limits or withholds carries its legal basis; a file that demands without one does not load
(Social Insurance Handling Regulations art. 31: no document beyond the ID document may be demanded without a basis).
"""

import tomllib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cases.answers import Left
from cases.clocks import (
    Budget,
    Due,
    OfficeHours,
    Standstill,
    WorkingCalendar,
    closes,
    day_of,
    days_between,
    due,
    next_day_of_month,
    provisional,
)
from cases.decide import Decision, settle, with_dates
from cases.documents import Demand, DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import CardFunction, HandOver, HoldReason
from cases.kinds import KINDS
from cases.ladder import Dates, Reckoned, Rung, RungRule, Situation, compute_dates, without_decision
from cases.machines.machine import Clock, Status
from cases.models import Category, StaffId, System
from cases.names import Kind
from cases.numbers import Road
from cases.offices import Recipient
from cases.openings import ApplicationChannel, CorrectionReason, Opening, ReplacementReason
from cases.recomputed import all_together, changed_by_recomputing
from cases.retention import Kept, Retained, check_table
from cases.rules.deadlines import NUMBER_NOT_UPDATED, TOO_LONG
from cases.screening import HoldTerm, Terms
from cases.state import CaseState, Timer
from cases.submitters import IdentityCheck

PACKS: Final = Path(__file__).parent / "policies"
"""Where the policy packs of this release lie."""

Basis = Annotated[str, StringConstraints(min_length=4, max_length=200, strip_whitespace=True)]
WorkingDays = Annotated[int, Field(ge=1, le=250)]
CalendarDays = Annotated[int, Field(ge=1, le=365)]


class Allowed(NamedTuple):
    """How long a clock runs, and how long at most with all its extensions."""

    budget: Budget
    at_most: Budget


def _days(days: int, at_most: int | None = None) -> Allowed:
    """Of calendar days; a limit that names no other end is not extended."""
    return Allowed(Budget(days, working=False), Budget(days if at_most is None else at_most, working=False))


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NumberChangeDemand(_Table):
    """A document that one road of an ID-number change needs."""

    road: Literal[Road.pure_upgrade, Road.reissued]
    document: DocumentKind
    legal_basis: Basis


class ReplacementDemand(_Table):
    """A document that one reason of a card replacement needs."""

    reason: ReplacementReason
    document: DocumentKind
    legal_basis: Basis


class Limit(_Table):
    """A time limit in working days and where it comes from."""

    working_days: WorkingDays
    at_most: WorkingDays
    """With all its extensions together."""
    legal_basis: Basis

    @model_validator(mode="after")
    def _lasts_that_long(self) -> Self:
        if self.at_most < self.working_days:
            raise ValueError("at_most must not be shorter than working_days")
        return self

    @property
    def allowed(self) -> Allowed:
        """Its budget, and the most of it with all extensions."""
        return Allowed(Budget(self.working_days), Budget(self.at_most))


class SupplementLimit(Limit):
    """The time to mend a filing, within which the agency has to say what is wrong with it, and how often it may."""

    notice_working_days: WorkingDays
    """From the day on which documents came in; a filing about which nothing is said by then counts as complete."""
    rounds: Annotated[int, Field(ge=1, le=5)]
    """Notices altogether; after the last one the case is decided as it is."""
    notice_basis: Basis

    @property
    def notice(self) -> Allowed:
        """The agency's own time."""
        return Allowed(Budget(self.notice_working_days), Budget(self.notice_working_days))


class DeliveryLimit(_Table):
    """Within which a question has to reach whoever is asked; their time to answer runs from then."""

    working_days: WorkingDays
    legal_basis: Basis

    @property
    def allowed(self) -> Allowed:
        """Nothing extends it: an extension gives more time to answer."""
        return Allowed(Budget(self.working_days), Budget(self.working_days))


class HoldLimit(_Table):
    """For how many calendar days a case may be on hold for one reason."""

    reason: HoldReason
    days: CalendarDays
    """For all holds of a case for this reason together."""
    at_most: CalendarDays
    """The same with all extensions."""
    moves_campaign: bool
    """Whether the campaign date of the case moves by the working days of the hold."""
    legal_basis: Basis

    @model_validator(mode="after")
    def _lasts_that_long(self) -> Self:
        if self.at_most < self.days:
            raise ValueError("at_most must not be shorter than days")
        return self


class Campaign(_Table):
    """The campaign date: its last day, and what it rests on."""

    ends: date
    on_rest_day: Literal["next", "previous", "same"]
    """What becomes of a last day that is not worked."""
    closes: Literal["midnight", "close_of_business"]
    """24:00 where applications come in online, the close of business where they are handed in at a counter."""
    moved_by_extension: bool
    """Whether an extension moves the campaign date of the case as well."""
    late_decision_after: WorkingDays | None = None
    """What the end of the campaign means for a case that is opened after it: so many working days after its acceptance
    the decision on benefits is asked for, and nothing else of the ladder counts from the campaign date. None for never.
    """
    legal_basis: Basis


class RungTerms(_Table):
    """When one rung of the ladder is due, and who is told."""

    rung: Literal["blue_0", "blue_1", "yellow", "orange", "red", "deadline", "after_deadline"]
    processing_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    processing_days_over: Annotated[int, Field(ge=0, le=60)] = 0
    step: bool = False
    campaign_days: CalendarDays | None = None
    campaign_working_days: Annotated[int, Field(ge=-60, le=60)] | None = None
    tells: tuple[Recipient, ...] = Field(min_length=1)
    second_channel: tuple[Recipient, ...] = ()
    """Who is told by a second channel as well."""
    acknowledge_within: WorkingDays | None = None
    silence: WorkingDays = 1

    @model_validator(mode="after")
    def _is_due_some_day(self) -> Self:
        if self.campaign_days is not None and self.campaign_working_days is not None:
            raise ValueError("campaign_days or campaign_working_days, not both")
        if self.processing_percent is None and self.campaign_days is None and self.campaign_working_days is None:
            raise ValueError("a rung needs a share of the processing time or a distance from the campaign date")
        if not set(self.second_channel) <= set(self.tells):
            raise ValueError("second_channel names somebody who is not told")
        return self

    @property
    def rule(self) -> RungRule:
        """When it is due."""
        return RungRule(
            rung=Rung[self.rung],
            processing_percent=self.processing_percent,
            processing_days_over=self.processing_days_over,
            step=self.step,
            campaign_days=self.campaign_days,
            campaign_working_days=self.campaign_working_days,
            acknowledge_within=self.acknowledge_within,
            silence=self.silence,
            tells=self.tells,
        )


class LadderTerms(_Table):
    """The escalation ladder of a region, and the office hours over which its reminders are spread."""

    opens: time = time(9)
    closes: time = time(17)
    rungs: tuple[RungTerms, ...]

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("opens must lie before closes")
        if [Rung[terms.rung] for terms in self.rungs] != [rung for rung in Rung if rung is not Rung.none]:
            raise ValueError("every rung stands once, in order")
        return self

    def of(self, rung: Rung) -> RungTerms:
        """The terms of one rung."""
        return self.rungs[rung - 1]

    @property
    def hours(self) -> OfficeHours:
        """Office hours of a working day."""
        return OfficeHours(self.opens, self.closes)


class IdentityTerms(_Table):
    """Whose electronic identity checks a region takes, and for how long after the check."""

    providers: tuple[StaffId, ...] = Field(min_length=1)
    valid_minutes: Annotated[int, Field(ge=1, le=1440)]
    legal_basis: Basis

    def check(self, identity: IdentityCheck | None, at: datetime) -> None:
        """Raises `CaseError` IDENTITY_CHECK_MISSING or IDENTITY_CHECK_REFUSED."""
        if identity is None:
            raise CaseError(Code.IDENTITY_CHECK_MISSING, "identity")
        age = at - identity.at
        known = identity.provider in self.providers
        if not known or not -_SKEW <= age <= timedelta(minutes=self.valid_minutes):
            raise CaseError(Code.IDENTITY_CHECK_REFUSED, "identity")


_SKEW: Final = timedelta(minutes=1)
"""By how much a provider's clock may be ahead."""


class ChannelTerms(_Table):
    """What an application that comes by some channels needs to prove who applies."""

    channels: tuple[ApplicationChannel, ...] = Field(min_length=1)
    proof: Literal["original", "electronic"]
    """What proves identity: the original, seen by whoever verifies, or an electronic check when it is handed in."""
    originals: tuple[DocumentKind, ...] = ()
    """Whose originals are brought to a counter, with a copy, all the same."""
    documents: tuple[DocumentKind, ...] = ()
    """What this channel needs beside what the road or the reason needs."""
    legal_basis: Basis

    @abstractmethod
    def is_for(self, opening: Opening, road: Road | None) -> bool:
        """Whether they are the terms of such an application."""

    def ways(self) -> tuple[HandOver, ...]:
        """How a new card may reach its holder, the usual way first."""
        return ()

    def demands_of(self, demands: Iterable[Demand]) -> tuple[Demand, ...]:
        """The documents of a road or a reason with those of the channel, and with the originals that are brought."""
        known = tuple(demands)
        further = set(self.documents) - {demand.document for demand in known}
        more = (Demand(document=each, legal_basis=self.legal_basis) for each in self.documents if each in further)
        return tuple(
            demand.model_copy(update={"original": True}) if demand.document in self.originals else demand
            for demand in (*known, *more)
        )

    @property
    def original_needed(self) -> bool:
        """Whether whoever verifies must have seen an original."""
        return self.proof == "original" or bool(self.originals)


class NumberChangeChannel(ChannelTerms):
    """How an ID-number change is applied for by some channels."""

    roads: tuple[Literal[Road.pure_upgrade, Road.reissued], ...] = Field(min_length=1)

    def is_for(self, opening: Opening, road: Road | None) -> bool:
        """By channel and road; one that is not known is judged as an upgrade, a conflict as a reissued number."""
        asked = Road.reissued if road in {Road.reissued, Road.conflict} else Road.pure_upgrade
        return opening.channel in self.channels and asked in self.roads


class ReplacementChannel(ChannelTerms):
    """How a card replacement is applied for by some channels, and how the card then reaches its holder."""

    reasons: tuple[ReplacementReason, ...] = Field(min_length=1)
    delivery: tuple[HandOver, ...] = Field(min_length=1)

    def is_for(self, opening: Opening, _road: Road | None) -> bool:
        """By channel and reason."""
        return opening.channel in self.channels and opening.replaced_because in self.reasons

    def ways(self) -> tuple[HandOver, ...]:
        """How the card may reach its holder."""
        return self.delivery


def _once_each(cells: Iterable[tuple[ApplicationChannel, StrEnum]], at_the_counter: Iterable[StrEnum]) -> None:
    """Raises ValueError where terms contradict each other, or where the counter is closed to somebody."""
    all_cells = list(cells)
    if len(set(all_cells)) < len(all_cells):
        raise ValueError("two entries say what one channel needs")
    if not {(ApplicationChannel.counter, each) for each in at_the_counter} <= set(all_cells):
        raise ValueError("everything can be applied for at a counter")


class StepShare(_Table):
    """How much of the processing time one step may take, in percent; more is an overrun of the step."""

    status: Status
    percent: Annotated[int, Field(ge=1, le=100)]


class Part(_Table):
    """What a region's policy says about one kind of case (`cases.kinds.KindRecord.policy_part`)."""

    processing: Limit
    steps: tuple[StepShare, ...]

    @property
    def ways_in(self) -> tuple[ChannelTerms, ...]:
        """What each channel needs; a kind without entries is applied for in person, whatever the channel."""
        return ()

    @abstractmethod
    def demands_of(self, opening: Opening, road: Road | None) -> tuple[Demand, ...]:
        """Documents that a case needs, by its opening and its road."""

    def terms(self) -> dict[str, Any]:
        """What it adds to the terms that all kinds have."""
        return {}

    @abstractmethod
    def budgets(self, state: CaseState) -> Mapping[Clock, Allowed]:
        """How long the clocks of the kind run, in the state after they were started."""

    def ends_by_itself(self, _clock: Clock, _state: CaseState, _at: datetime) -> Due | None:
        """When a clock that starts at the moment `at` runs out, where it has a date in place of a budget."""
        return None

    def act_by(self, state: CaseState, _calendar: WorkingCalendar) -> Due | None:
        """The date that people are told, where it is not the end of the running limit."""
        return state.due


class CorrectionDemand(_Table):
    """A document that the correction of a change needs, by why it is corrected."""

    reason: CorrectionReason
    document: DocumentKind
    legal_basis: Basis


class Merging(_Table):
    """What becomes of contribution months that both of two merged records have."""

    overlap: Literal["add", "refund"]
    """add: the month counts once, with both contributions. refund: with that of the record which is kept; the other
    contribution is paid back.
    """
    legal_basis: Basis


class OwedTerms(_Table):
    """To whom what was held for a person is released when they have ended, by which law."""

    after_death: Basis
    """Who takes the place of somebody who has died: their heirs, on evidence that the scheme asks for."""
    after_transfer: Basis
    """That it is still theirs where another agency keeps their record."""


class Suspension(_Table):
    """On what basis a claim waits that arrives for somebody whose number still has 15 digits."""

    legal_basis: Basis


class NumberChangeRules(Part):
    """How a region changes ID numbers."""

    supplement: SupplementLimit
    asking: DeliveryLimit
    confirmation: Limit
    confirmations: tuple[System, ...] = ()
    """Systems that must confirm a changed number before the case goes on; none where all share one database."""
    undo: bool
    """Whether a committed number may be taken back while no system has confirmed it."""
    replacement: Literal["offer", "open"] = "offer"
    merging: Merging
    suspension: Suspension
    demands: tuple[NumberChangeDemand, ...]
    corrections: tuple[CorrectionDemand, ...]
    channels: tuple[NumberChangeChannel, ...]

    @property
    def ways_in(self) -> tuple[ChannelTerms, ...]:
        """What each channel needs, by road."""
        return self.channels

    @model_validator(mode="after")
    def _every_channel_has_one_answer(self) -> Self:
        cells = ((way, road) for terms in self.channels for way in terms.channels for road in terms.roads)
        _once_each(cells, (Road.pure_upgrade, Road.reissued))
        return self

    @model_validator(mode="after")
    def _every_road_has_its_documents(self) -> Self:
        if {demand.road for demand in self.demands} != {Road.pure_upgrade, Road.reissued}:
            raise ValueError("both roads need their documents")
        if {demand.reason for demand in self.corrections} != set(CorrectionReason):
            raise ValueError("every reason of a correction needs its documents")
        return self

    def to_bring(self) -> tuple[DocumentKind, ...]:
        """What somebody brings to the counter to have the number changed that was derived from theirs."""
        upgrade, counter = Road.pure_upgrade, ApplicationChannel.counter
        known = [demand.document for demand in self.demands if demand.road is upgrade]
        further = (way.documents for way in self.channels if counter in way.channels and upgrade in way.roads)
        return tuple(dict.fromkeys([*known, *(document for documents in further for document in documents)]))

    def demands_of(self, opening: Opening, road: Road | None) -> tuple[Demand, ...]:
        """Documents that a road needs; a correction those of its reason, whichever road it takes.

        A number that somebody else has asks for the same evidence as a reissued one, once the dispute is settled.
        """
        if opening.corrects is not None:
            return tuple(
                Demand(document=demand.document, legal_basis=demand.legal_basis)
                for demand in self.corrections
                if demand.reason is opening.corrects
            )
        asked = Road.reissued if road is Road.conflict else road
        return tuple(
            Demand(document=demand.document, legal_basis=demand.legal_basis)
            for demand in self.demands
            if demand.road is asked
        )

    def terms(self) -> dict[str, Any]:
        """Who confirms, and whether a number is taken back."""
        return {
            "supplement_rounds": self.supplement.rounds,
            "confirmations": self.confirmations,
            "undo_number": self.undo,
        }

    def budgets(self, _state: CaseState) -> Mapping[Clock, Allowed]:
        """The limits of the applicant and of the systems that confirm."""
        return {
            Clock.supplement: self.supplement.allowed,
            Clock.notice: self.supplement.notice,
            Clock.delivery: self.asking.allowed,
            Clock.confirmation: self.confirmation.allowed,
        }


class LossReport(_Table):
    """What a temporary loss report is worth: after how many days it expires, and what happens then."""

    days: CalendarDays
    at_most: CalendarDays
    """With all its extensions together."""
    expires: Literal["release", "cancel"]
    legal_basis: Basis

    @model_validator(mode="after")
    def _lasts_that_long(self) -> Self:
        if self.at_most < self.days:
            raise ValueError("at_most must not be shorter than days")
        return self


class ReplacementRules(Part):
    """How a region replaces cards."""

    supplement: SupplementLimit
    asking: DeliveryLimit
    production: Limit
    production_attempts: Annotated[int, Field(ge=1, le=10)]
    loss_report: LossReport
    undo_formal_loss: bool
    cancel_order: bool
    lost_on_way: Annotated[int, Field(ge=0, le=9)] = 2
    """How often another card is made for one case where the one before was lost on the way."""
    functions: tuple[CardFunction, ...] = Field(min_length=1)
    claim_reminder_days: tuple[CalendarDays, ...] = (30, 60)
    destroy_after_days: CalendarDays = 90
    claim_at_most: CalendarDays = 120
    """Days from one reminder to the next, or to the destruction, with all extensions of that time together."""
    activation_days: CalendarDays = 30
    activation_reminders: Annotated[int, Field(ge=1, le=12)] = 2
    """How often whoever collected a card is reminded to activate it, each time after `activation_days`."""
    pension_run_day: Annotated[int, Field(ge=1, le=28)] | None = None
    """Day of the month of the pension run; payment authority moves to a new card only after it."""
    demands: tuple[ReplacementDemand, ...]
    channels: tuple[ReplacementChannel, ...]

    @property
    def ways_in(self) -> tuple[ChannelTerms, ...]:
        """What each channel needs, by reason, and how the card is handed over."""
        return self.channels

    @model_validator(mode="after")
    def _every_channel_has_one_answer(self) -> Self:
        cells = ((way, reason) for terms in self.channels for way in terms.channels for reason in terms.reasons)
        _once_each(cells, ReplacementReason)
        return self

    @model_validator(mode="after")
    def _every_reason_has_its_documents(self) -> Self:
        if {demand.reason for demand in self.demands} != set(ReplacementReason):
            raise ValueError("every replacement reason needs its documents")
        return self

    @model_validator(mode="after")
    def _reminders_come_before_destruction(self) -> Self:
        days = (*self.claim_reminder_days, self.destroy_after_days)
        if list(days) != sorted(set(days)):
            raise ValueError("claim_reminder_days must grow and end before destroy_after_days")
        if max(later - earlier for earlier, later in pairwise((0, *days))) > self.claim_at_most:
            raise ValueError("claim_at_most must not be shorter than any time between reminders")
        return self

    def demands_of(self, opening: Opening, _road: Road | None) -> tuple[Demand, ...]:
        """Documents that a replacement for its reason needs."""
        return tuple(
            Demand(document=demand.document, legal_basis=demand.legal_basis)
            for demand in self.demands
            if demand.reason is opening.replaced_because
        )

    def terms(self) -> dict[str, Any]:
        """What becomes of loss reports, orders and cards that nobody fetches."""
        return {
            "supplement_rounds": self.supplement.rounds,
            "cancel_order": self.cancel_order,
            "functions": self.functions,
            "production_attempts": self.production_attempts,
            "lost_on_way": self.lost_on_way,
            "claim_reminders": len(self.claim_reminder_days),
            "activation_reminders": self.activation_reminders,
        }

    def budgets(self, state: CaseState) -> Mapping[Clock, Allowed]:
        """The limits of the applicant and of the card bureau."""
        claim_days = (0, *self.claim_reminder_days, self.destroy_after_days)
        passed = min(state.claim_reminders, len(self.claim_reminder_days))
        return {
            Clock.supplement: self.supplement.allowed,
            Clock.notice: self.supplement.notice,
            Clock.delivery: self.asking.allowed,
            Clock.production: self.production.allowed,
            Clock.loss_report: _days(self.loss_report.days, self.loss_report.at_most),
            Clock.activation: _days(self.activation_days),
            Clock.claim: _days(claim_days[passed + 1] - claim_days[passed], self.claim_at_most),
        }

    def act_by(self, state: CaseState, calendar: WorkingCalendar) -> Due | None:
        """As for every kind; a card may be collected until it is destroyed, and not until the next reminder."""
        timer = state.timer
        if timer is None or timer.clock is not Clock.claim:
            return super().act_by(state, calendar)
        claim_days = (*self.claim_reminder_days, self.destroy_after_days)
        more = self.destroy_after_days - claim_days[min(state.claim_reminders, len(self.claim_reminder_days))]
        last = day_of(timer.due_at - timedelta(microseconds=1))
        end = calendar.next_working(last + timedelta(days=more))
        return Due(closes(end), timer.provisional or provisional(last, end, calendar))

    def ends_by_itself(self, clock: Clock, state: CaseState, at: datetime) -> Due | None:
        """The pension run is a day of the month, for those who draw a pension."""
        if clock is not Clock.pension_run:
            return None
        waits = self.pension_run_day is not None and state.screening is not None and state.screening.draws_pension
        return Due(next_day_of_month(at, self.pension_run_day or 1), provisional=False) if waits else None


class CalendarOverrides(_Table):
    """Closures and working days of the agency's own, over the official calendar."""

    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()

    @model_validator(mode="after")
    def _no_day_is_both(self) -> Self:
        if self.closed & self.open:
            raise ValueError("a day is closed and open")
        return self


class Policy(_Table):
    """One region's rules."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
    version: Annotated[int, Field(ge=1)]
    title: str
    regions: tuple[Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{1,5}$")], ...] = Field(min_length=1)
    """Division codes, or their first digits, of the agencies that this pack serves; the longest match wins."""
    campaign: Campaign
    max_extension: WorkingDays
    identity: IdentityTerms
    owed: OwedTerms
    number_change: NumberChangeRules
    replacement: ReplacementRules
    holds: tuple[HoldLimit, ...]
    ladder: LadderTerms
    retention: tuple[Retained, ...]
    calendar: CalendarOverrides = CalendarOverrides()

    @model_validator(mode="after")
    def _every_hold_has_its_limit(self) -> Self:
        if sorted(limit.reason for limit in self.holds) != sorted(HoldReason):
            raise ValueError("every hold reason needs exactly one limit")
        return self

    @model_validator(mode="after")
    def _says_how_long_everything_is_kept(self) -> Self:
        check_table(self.retention)
        return self

    def kept(self, what: Kept) -> Retained:
        """How long something is kept, and by which law."""
        return next(line for line in self.retention if line.what is what)

    def serves(self, region: str) -> bool:
        """Whether the pack is one for an agency's region."""
        return region.startswith(self.regions)

    @property
    def pin(self) -> str:
        """Name and version, by which a case names the policy it started with."""
        return f"{self.name}/{self.version}"

    def part(self, kind: Kind) -> Part:
        """What it says about one kind of case."""
        part: Part = getattr(self, KINDS[kind].policy_part)
        return part

    def terms(self, kind: Kind) -> Terms:
        """What a case of this kind needs of this policy to decide its transitions."""
        campaign: dict[str, Any] = (
            {"extension_moves_campaign": self.campaign.moved_by_extension, "campaign_ends": self.campaign.ends}
            if KINDS[kind].campaign
            else {}
        )
        return Terms(
            policy=self.pin,
            max_extension=self.max_extension,
            holds=self._hold_terms,
            # A card can be reported lost to a case of any kind.
            loss_report_expires=self.replacement.loss_report.expires,
            undo_formal_loss=self.replacement.undo_formal_loss,
            **campaign,
            **self.part(kind).terms(),
        )

    def demands(self, opening: Opening, road: Road | None) -> tuple[Demand, ...]:
        """Documents that a case needs, by its opening and its channel and, once that is known, its road."""
        demands, way = self.part(opening.kind).demands_of(opening, road), self.way_in(opening, road)
        return demands if way is None else way.demands_of(demands)

    def way_in(self, opening: Opening, road: Road | None) -> ChannelTerms | None:
        """What the channel of an application needs; None where the policy has no answer for it."""
        return next((way for way in self.part(opening.kind).ways_in if way.is_for(opening, road)), None)

    def check_way_in(self, opening: Opening, road: Road | None, at: datetime) -> None:
        """Whether an application may come as it does, when it comes.

        Raises `CaseError`: CHANNEL_NOT_OFFERED, DELIVERY_NOT_OFFERED, and as `IdentityTerms.check`.
        """
        if not self.part(opening.kind).ways_in:
            return
        way = self.way_in(opening, road)
        if way is None:
            raise CaseError(Code.CHANNEL_NOT_OFFERED, "channel")
        if way.proof == "electronic" or opening.identity is not None:
            self.identity.check(opening.identity, at)
        if opening.wishes_delivery is not None and opening.wishes_delivery not in way.ways():
            raise CaseError(Code.DELIVERY_NOT_OFFERED, "delivery")

    @property
    def owed_under(self) -> dict[str, str]:
        """The law by which what is owed is released, by the code of why the person has ended."""
        return {
            Code.PERSON_DECEASED.value: self.owed.after_death,
            Code.PERSON_TRANSFERRED.value: self.owed.after_transfer,
            Code.PERSON_MERGED.value: self.number_change.merging.legal_basis,
        }

    def handed_over(self, opening: Opening, road: Road | None) -> HandOver | None:
        """How a new card is to reach its holder: as they wish, or else in the usual way of the channel."""
        way = self.way_in(opening, road)
        return opening.wishes_delivery or (next(iter(way.ways()), None) if way is not None else None)

    @property
    def _hold_terms(self) -> tuple[HoldTerm, ...]:
        return tuple(
            HoldTerm(reason=limit.reason, days=limit.days, moves_campaign=limit.moves_campaign) for limit in self.holds
        )

    def settle(
        self, decision: Decision, at: datetime, calendar: WorkingCalendar, related: str | None = None
    ) -> CaseState:
        """The state after a transition at the moment `at`, with its dates by the calendar, pinned to this policy.

        Raises `CaseError` with the code of the limit that an extension would exceed (`cases.rules.deadlines.TOO_LONG`).
        """
        state = decision.after
        self.check(decision, calendar)
        terms = None if state.terms.policy == self.pin else self.terms(state.kind)
        road = state.screening.road if state.screening is not None else None
        demands = self.demands(state.opening, road) if terms is not None else ()
        after = settle(state, decision.clock, self.timer(decision, at, calendar), related, terms, demands)
        after = self._with_notice(after, calendar)
        if terms is not None:
            aside = tuple(self._set_aside(each, after, calendar) for each in after.set_aside)
            after = after.model_copy(update={"set_aside": aside})
        dates = self.dates(after, at, calendar)
        ladder = without_decision(after.ladder, dates, at)
        if ladder is not after.ladder:
            after = after.model_copy(update={"ladder": ladder})
            dates = self.dates(after, at, calendar)
        dated = with_dates(after, dates.model_copy(update={"rests_on": rests_on(after, dates, calendar)}))
        told = self.act_by(dated, calendar)
        update: dict[str, Any] = {
            "left": _left(dated.due, day_of(at), calendar),
            "act_by": told.at if told is not None and told != dated.due else None,
            "extendable": self._extendable(dated, calendar),
        }
        if decision.row.event is Event.recompute:
            update["recomputed"] = changed_by_recomputing(state, dated)
            update["recomputed_so_far"] = all_together(state.recomputed_so_far, update["recomputed"])
        return dated.model_copy(update=update)

    def _set_aside(self, timer: Timer, state: CaseState, calendar: WorkingCalendar) -> Timer:
        """A limit that stands still while a case comes to follow this policy: what is left of it does not get less."""
        allowed = self._allowed(timer.clock, state, timer.since)
        if allowed is None:
            return timer
        stood = [each.standstill for each in timer.stood if each.until is not None]
        kept = _kept(timer, allowed.budget, stood, timer.due_at, calendar)
        return timer.model_copy(update={"kept": kept})

    def _with_notice(self, state: CaseState, calendar: WorkingCalendar) -> CaseState:
        """The state with the end of the agency's time to name what is missing."""
        notice = state.notice
        if notice is None or notice.stands_still:
            return state
        allowed = self._allowed(Clock.notice, state, notice.since)
        if allowed is None:
            return state.model_copy(update={"notice": None})
        ends = due(notice.since, allowed.budget, calendar, [each.standstill for each in notice.stood])
        dated = notice.model_copy(update={"due_at": ends.at, "provisional": ends.provisional})
        return state.model_copy(update={"notice": dated})

    def check(self, decision: Decision, calendar: WorkingCalendar) -> None:
        """Whether the policy lets a transition stand.

        Raises `CaseError` with the code of the limit that an extension would exceed (`cases.rules.deadlines.TOO_LONG`).
        """
        if decision.row.event is not Event.extend:
            return
        state, timer = decision.after, decision.after.timer
        if timer is None:
            if self._processing_left(state) < 0:
                raise CaseError(Code.EXTENSION_OF_PROCESSING)
            return
        clock = state.machine.statuses[state.status].clock
        if clock is not None and self._too_long(state, timer, calendar):
            raise CaseError(TOO_LONG[clock])

    def _processing_left(self, state: CaseState) -> int:
        """Working days by which extensions may still lengthen the processing time; below none where it is too long."""
        limit = self.part(state.kind).processing
        return limit.at_most - limit.working_days - state.ladder.extended

    def _extendable(self, state: CaseState, calendar: WorkingCalendar) -> bool:
        """Whether the limit that runs may last a working day longer."""
        timer = state.timer
        if timer is None:
            return self._processing_left(state) > 0
        return not self._too_long(state, timer, calendar, more=1)

    def act_by(self, state: CaseState, calendar: WorkingCalendar) -> Due | None:
        """By when the applicant has to act, or else the agency: what a person is told as the last day."""
        return self.part(state.kind).act_by(state, calendar)

    def timer(self, decision: Decision, at: datetime, calendar: WorkingCalendar) -> Timer | None:
        """The time limit that a transition at the moment `at` starts or moves; None where it starts none."""
        clock, state = decision.clock, decision.after
        if clock is None:
            return None
        going_on = state.timer
        since = going_on.since if going_on is not None else at
        if (allowed := self._allowed(clock, state, since)) is None:
            ends = self.part(state.kind).ends_by_itself(clock, state, at)
            return Timer(clock=clock, since=at, due_at=ends.at, provisional=ends.provisional) if ends else None
        stood = [each.standstill for each in going_on.stood] if going_on is not None else []
        by = going_on.extended if going_on is not None else 0
        kept = going_on.kept if going_on is not None else 0
        if going_on is not None and decision.row.event is Event.recompute and going_on.due_at > at:
            # Another version of the policy takes nothing from what was told, an amended calendar nothing of this day.
            if state.terms.policy != self.pin:
                kept = _kept(going_on, allowed.budget, stood, going_on.due_at, calendar)
            else:
                kept = _kept(going_on, allowed.budget, stood, min(going_on.due_at, closes(day_of(at))), calendar, kept)
        # What an officer gives in addition is given for the answer, not for the way there.
        ends = due(since, allowed.budget, calendar, stood, 0 if clock is Clock.delivery else by + kept)
        when: dict[str, Any] = {"due_at": ends.at, "provisional": ends.provisional, "kept": kept}
        return going_on.model_copy(update=when) if going_on is not None else Timer(clock=clock, since=at, **when)

    def _too_long(self, state: CaseState, timer: Timer, calendar: WorkingCalendar, more: int = 0) -> bool:
        """Whether the limit of the status, `more` working days longer than it is, would be longer than there is."""
        clock = state.machine.statuses[state.status].clock
        allowed = self._allowed(clock, state, timer.since) if clock is not None else None
        if allowed is None:
            return False
        stood = [each.standstill for each in timer.stood]
        ends = due(timer.since, allowed.budget, calendar, stood, timer.extended + timer.kept + more)
        return ends.at > due(timer.since, allowed.at_most, calendar, stood).at

    def dates(self, state: CaseState, at: datetime, calendar: WorkingCalendar) -> Dates:
        """The dates of a case's ladder after a transition at the moment `at`."""
        rules = self.part(state.kind)
        depends = KINDS[state.kind].campaign and state.milestone in NUMBER_NOT_UPDATED
        situation = Situation(
            case_id=state.case_id,
            rules=[terms.rule for terms in self.ladder.rungs],
            hours=self.ladder.hours,
            budget=rules.processing.working_days,
            step_share=next((share.percent for share in rules.steps if share.status is state.status), None),
            campaign_ends=self.campaign_ends(calendar) if depends else None,
            late_decision=self.campaign.late_decision_after,
            urgent=state.opening.category is not Category.general,
            silent=not state.is_open or state.status is Status.on_hold,
            undecidable=state.status in _UNDECIDABLE,
        )
        return compute_dates(state.ladder, situation, calendar, at)

    def campaign_ends(self, calendar: WorkingCalendar) -> Due:
        """When the campaign ends: its date, rolled and closed as the policy says."""
        day = self.campaign.ends
        if not calendar.is_working(day) and self.campaign.on_rest_day != "same":
            forward = self.campaign.on_rest_day == "next"
            day = calendar.next_working(day) if forward else calendar.before(day, 1)
        unknown = provisional(min(day, self.campaign.ends), max(day, self.campaign.ends), calendar)
        midnight = closes(day)
        if self.campaign.closes == "midnight":
            return Due(midnight, unknown)
        until_close = timedelta(hours=self.ladder.closes.hour, minutes=self.ladder.closes.minute)
        return Due(midnight - timedelta(days=1) + until_close, unknown)

    def _allowed(self, clock: Clock, state: CaseState, since: datetime) -> Allowed | None:
        if clock is Clock.hold:
            return self._held_for(state, since)
        return self.part(state.kind).budgets(state).get(clock)

    def _held_for(self, state: CaseState, since: datetime) -> Allowed:
        """What the holds for the same reason that came before this one have left of its limit."""
        reason = state.hold_reason
        if reason is None:
            return _days(0)
        limit = next(limit for limit in self.holds if limit.reason is reason)
        used = state.ladder.held_days(reason, before=since)
        return _days(max(limit.days - used, 0), max(limit.at_most - used, 0))


def _kept(
    timer: Timer,
    budget: Budget,
    stood: Sequence[Standstill],
    told: datetime,
    calendar: WorkingCalendar,
    at_least: int = 0,
) -> int:
    """Working days by which a limit has to be longer than its budget to end no earlier than was told."""
    return next(
        more for more in count(at_least) if due(timer.since, budget, calendar, stood, timer.extended + more).at >= told
    )


def rests_on(state: CaseState, dates: Dates, calendar: WorkingCalendar) -> Reckoned | None:
    """The days from the first that a date of the case was counted from to the last; None for one without dates."""
    started = state.ladder.started
    upcoming = dates.next.at if dates.next is not None else None
    ends = (dates.processing_due_at, dates.campaign_due_at, dates.silenced_until, upcoming)
    last = [end for end in (*ends, *(limit.due_at for limit in state.limits)) if end is not None]
    if not state.is_open or started is None or not last:
        return None
    end = day_of(max(last))
    # A case that is opened after the campaign's end may have no date but that one.
    first = min(day_of(min([started, *(limit.since for limit in state.limits)])), end)
    return Reckoned(first=first, last=end, says=calendar.says(first, end))


# Cases in dispute, with a second record of one person or in a second officer's review are no matter for a decision on
# benefits (domain, section 4).
_UNDECIDABLE: Final = frozenset({Status.disputed, Status.merging, Status.awaiting_approval})


def _left(due: Due | None, day: date, calendar: WorkingCalendar) -> Left | None:
    return None if due is None else Left(after=day, working_days=days_between(day, due.at, calendar))


def load(path: Path) -> Policy:
    """Read one policy pack. Raises `CaseError` POLICY_INVALID naming the file's first wrong entry, never its value."""
    try:
        return Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise CaseError(Code.POLICY_INVALID, path.name) from None
    except ValidationError as wrong:
        where = ".".join(str(part) for part in wrong.errors(include_input=False, include_context=False)[0]["loc"])
        raise CaseError(Code.POLICY_INVALID, f"{path.name}: {where or 'as a whole'}") from None


class Policies:
    """All policy packs of a release: the newest version serves new cases, each version those pinned to it."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        packs = tuple(policies)
        self._by_pin: Mapping[str, Policy] = {policy.pin: policy for policy in packs}
        if len(self._by_pin) < len(packs):
            raise CaseError(Code.POLICY_INVALID, "version: two packs have the same name and version")
        newest: dict[str, Policy] = {}
        for policy in self._by_pin.values():
            if policy.name not in newest or newest[policy.name].version < policy.version:
                newest[policy.name] = policy
        self._by_region: dict[str, Policy] = {}
        for policy in newest.values():
            for region in policy.regions:
                if region in self._by_region:
                    raise CaseError(Code.POLICY_INVALID, f"regions: two packs serve {region}")
                self._by_region[region] = policy

    @classmethod
    def load(cls, folder: Path = PACKS) -> Self:
        """All packs of a folder."""
        return cls(load(path) for path in sorted(folder.glob("*.toml")))

    def find(self, pin: str) -> Policy | None:
        """The policy of a name and version, None where this release has none."""
        return self._by_pin.get(pin)

    def pinned(self, pin: str) -> Policy:
        """The policy a case is pinned to. Raises `CaseError` POLICY_UNKNOWN."""
        policy = self.find(pin)
        if policy is None:
            raise CaseError(Code.POLICY_UNKNOWN)
        return policy

    @property
    def newest(self) -> tuple[Policy, ...]:
        """The newest version of each pack that serves a region, in the order of their names."""
        return tuple(sorted(dict.fromkeys(self._by_region.values()), key=lambda policy: policy.name))

    def kept_everywhere(self, what: Kept) -> int:
        """For how many days something may be kept that all regions share: what each of their policies allows."""
        return min(policy.kept(what).days for policy in self.newest)

    def of_region(self, region: str) -> Policy:
        """The newest policy that serves an agency's region. Raises `CaseError` POLICY_UNKNOWN."""
        for length in range(len(region), 1, -1):
            found = self._by_region.get(region[:length])
            if found is not None:
                return found
        raise CaseError(Code.POLICY_UNKNOWN, "region")

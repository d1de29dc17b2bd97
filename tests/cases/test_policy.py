"""Policy packs: opposite where regions contradict each other, refused where they are wrong, pinned by version."""

import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cases.clocks import WorkingCalendar
from cases.decide import Decision, decide
from cases.documents import DocumentKind
from cases.errors import CaseError, Code
from cases.events import Event
from cases.facts import HoldReason
from cases.kinds import KINDS, MACHINES
from cases.machines.machine import Clock, Status
from cases.models import System
from cases.names import Kind
from cases.numbers import Road
from cases.openings import ApplicationChannel, ReplacementReason
from cases.policy import PACKS, Policies, Policy, load
from cases.screening import Finding
from tests.cases.moving import move
from tests.scenes import FACTS, NOW, OFFICE, SOUTH, in_status, number_change, policies, policy, received, replacement

FILES = sorted(PACKS.glob("*.toml"))
CALENDAR = WorkingCalendar(published=frozenset({2026, 2027}))
PLANTED = "PLANTED-VALUE-7"

Pack = dict[str, Any]


def pack(name: str = "northern") -> Pack:
    """A pack of this release as data, to be spoilt."""
    return tomllib.loads((PACKS / f"{name}-1.toml").read_text(encoding="utf-8"))


def named(name: str, version: int, *regions: str) -> Policy:
    return Policy.model_validate(pack() | {"name": name, "version": version, "regions": list(regions)})


# --- the packs of this release --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_pack_of_this_release_loads_and_its_file_is_named_after_its_pin(path: Path) -> None:
    assert path.name == f"{load(path).pin.replace('/', '-')}.toml"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_every_pack_says_how_long_each_limit_of_each_kind_runs(kind: Kind, region: str) -> None:
    part = policy(region).part(kind)
    for status, row in MACHINES[kind].statuses.items():
        # How long a hold lasts depends on its reason, and is the same for all kinds.
        if row.clock is None or row.clock is Clock.hold:
            continue
        allowed = part.budgets(in_status(kind, status)).get(row.clock)
        # Only a pension run has a date in place of a budget.
        assert (
            allowed is not None and 0 < allowed.budget.days <= allowed.at_most.days
        ) or row.clock is Clock.pension_run


def test_regions_contradict_each_other_where_they_do_in_life() -> None:
    north, south = policy(OFFICE), policy(SOUTH)
    assert (north.replacement.loss_report.expires, north.replacement.loss_report.days) == ("release", 10)
    assert (south.replacement.loss_report.expires, south.replacement.loss_report.days) == ("cancel", 15)
    assert north.replacement.undo_formal_loss is not south.replacement.undo_formal_loss
    assert north.replacement.cancel_order is not south.replacement.cancel_order
    assert north.number_change.undo is not south.number_change.undo
    assert set(north.number_change.confirmations) == set(System)
    assert south.number_change.confirmations == ()
    assert {north.number_change.replacement, south.number_change.replacement} == {"offer", "open"}
    assert (north.replacement.pension_run_day is None) is not (south.replacement.pension_run_day is None)


def test_whether_an_electronic_check_replaces_the_original_is_the_regions_own() -> None:
    applied = {"channel": ApplicationChannel.online}
    for region, original in ((OFFICE, False), (SOUTH, True)):
        opening, rules = number_change(region=region).model_copy(update=applied), policy(region)
        way = rules.way_in(opening, Road.pure_upgrade)
        assert way is not None
        assert (way.proof, way.original_needed) == ("electronic", original)
        assert [demand.original for demand in rules.demands(opening, Road.pure_upgrade)] == [original]
        # What was changed is shown in the original everywhere, and so is what somebody else has.
        for road in (Road.reissued, Road.conflict):
            assert [demand.original for demand in rules.demands(opening, road)] == [True, True]


def test_what_a_channel_needs_comes_to_what_the_road_needs() -> None:
    for region in (OFFICE, SOUTH):
        through_an_agent = number_change(region=region).model_copy(update={"channel": ApplicationChannel.agent})
        wanted = policy(region).demands(through_an_agent, Road.pure_upgrade)
        assert [demand.document for demand in wanted] == [
            DocumentKind.resident_id_card,
            DocumentKind.proxy_authorisation,
        ]
        assert not any(
            demand.original for demand in policy(region).demands(number_change(region=region), Road.reissued)
        )


def test_a_card_is_made_within_thirty_working_days_everywhere() -> None:
    for each in (policy(OFFICE), policy(SOUTH)):
        assert each.number_change.processing.working_days == 10
        assert 1 <= each.replacement.production.working_days <= each.replacement.processing.working_days <= 30


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_whatever_is_demanded_names_its_law(region: str) -> None:
    rules = policy(region)
    for road in (Road.pure_upgrade, Road.reissued):
        assert all(demand.legal_basis.strip() for demand in rules.demands(number_change(), road))
    for reason in ReplacementReason:
        demands = rules.demands(replacement(reason=reason), None)
        assert demands
        assert all(demand.legal_basis.strip() for demand in demands)


def test_a_pure_upgrade_needs_the_id_card_only_and_a_reissued_number_the_police_as_well() -> None:
    demanded = {
        road: [demand.document for demand in policy().demands(number_change(), road)]
        for road in (Road.pure_upgrade, Road.reissued, Road.not_needed)
    }
    assert demanded == {
        Road.pure_upgrade: [DocumentKind.resident_id_card],
        Road.reissued: [DocumentKind.resident_id_card, DocumentKind.police_certificate],
        Road.not_needed: [],
    }


def test_the_campaign_date_of_the_sample_packs_is_the_end_of_august() -> None:
    assert {policy(region).campaign.ends for region in (OFFICE, SOUTH)} == {date(2026, 8, 31)}


def test_the_terms_of_a_case_are_those_of_its_pack() -> None:
    for region in (OFFICE, SOUTH):
        rules = policy(region)
        change, card = rules.terms(Kind.id_number_change), rules.terms(Kind.card_replacement)
        assert change.policy == card.policy == rules.pin
        assert (change.confirmations, change.undo_number) == (
            rules.number_change.confirmations,
            rules.number_change.undo,
        )
        assert (change.campaign_ends, change.max_extension) == (rules.campaign.ends, rules.max_extension)
        assert card.loss_report_expires == rules.replacement.loss_report.expires
        assert (card.undo_formal_loss, card.cancel_order) == (
            rules.replacement.undo_formal_loss,
            rules.replacement.cancel_order,
        )
        assert (card.functions, card.production_attempts, card.claim_reminders) == (
            rules.replacement.functions,
            rules.replacement.production_attempts,
            2,
        )


# --- packs that are wrong -------------------------------------------------------------------------------------------


def put(*path: str | int, value: Any) -> Callable[[Pack], None]:
    def spoil(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return spoil


def drop(*path: str | int) -> Callable[[Pack], None]:
    def spoil(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return spoil


DEMANDS = ("number_change", "demands")
PROCESSING = ("number_change", "processing")
CHANNELS = ("number_change", "channels")
WRONG: dict[str, tuple[Callable[[Pack], None], str]] = {
    "a demand without a basis": (drop(*DEMANDS, 0, "legal_basis"), "number_change.demands.0.legal_basis"),
    "an end of a person without a basis": (drop("owed", "after_death"), "owed.after_death"),
    "a demand with an empty basis": (put(*DEMANDS, 0, "legal_basis", value=""), "number_change.demands.0.legal_basis"),
    "a demand with a blank basis": (
        put(*DEMANDS, 0, "legal_basis", value=" " * 8),
        "number_change.demands.0.legal_basis",
    ),
    "a card's demand without a basis": (
        drop("replacement", "demands", 2, "legal_basis"),
        "replacement.demands.2.legal_basis",
    ),
    "a limit without a basis": (
        drop(*PROCESSING, "legal_basis"),
        "number_change.processing.legal_basis",
    ),
    "a hold without a basis": (drop("holds", 0, "legal_basis"), "holds.0.legal_basis"),
    "a campaign without a basis": (drop("campaign", "legal_basis"), "campaign.legal_basis"),
    "a loss report without a basis": (
        drop("replacement", "loss_report", "legal_basis"),
        "replacement.loss_report.legal_basis",
    ),
    "an unknown field": (put("number_change", "undoo", value=PLANTED), "number_change.undoo"),
    "an unknown table": (put("extra", value={"value": PLANTED}), "extra"),
    "an unknown document": (put(*DEMANDS, 0, "document", value=PLANTED), "number_change.demands.0.document"),
    "an unknown road": (put(*DEMANDS, 0, "road", value=PLANTED), "number_change.demands.0.road"),
    "a road that needs no documents": (put(*DEMANDS, 0, "road", value="not_needed"), "number_change.demands.0.road"),
    "an unknown system": (put("number_change", "confirmations", value=[PLANTED]), "number_change.confirmations.0"),
    "no undo": (drop("number_change", "undo"), "number_change.undo"),
    "an undo that is a word": (put("number_change", "undo", value=PLANTED), "number_change.undo"),
    "no working days": (
        put(*PROCESSING, "working_days", value=0),
        "number_change.processing.working_days",
    ),
    "too many working days": (put("max_extension", value=251), "max_extension"),
    "a version of zero": (put("version", value=0), "version"),
    "a name with blanks": (put("name", value=PLANTED), "name"),
    "no region": (put("regions", value=[]), "regions"),
    "a region that is none": (put("regions", value=[PLANTED]), "regions.0"),
    "a region of one digit": (put("regions", value=["1"]), "regions.0"),
    "a date that is none": (put("campaign", "ends", value=PLANTED), "campaign.ends"),
    "a pension run on the 31st": (put("replacement", "pension_run_day", value=31), "replacement.pension_run_day"),
    "no function": (put("replacement", "functions", value=[]), "replacement.functions"),
    "an expiry that is neither": (
        put("replacement", "loss_report", "expires", value=PLANTED),
        "replacement.loss_report.expires",
    ),
    "no attempt at production": (put("replacement", "production_attempts", value=0), "replacement.production_attempts"),
    "destruction before the last reminder": (put("replacement", "destroy_after_days", value=60), "replacement"),
    "reminders that go back": (put("replacement", "claim_reminder_days", value=[60, 30]), "replacement"),
    "the same reminder twice": (put("replacement", "claim_reminder_days", value=[30, 30]), "replacement"),
    "a hold reason without a limit": (drop("holds", 4), "as a whole"),
    "a hold reason with two limits": (put("holds", value=[*pack()["holds"], pack()["holds"][0]]), "as a whole"),
    "a road without documents": (put(*DEMANDS, value=pack()["number_change"]["demands"][:1]), "number_change"),
    "a reason without documents": (
        put("replacement", "demands", value=pack()["replacement"]["demands"][:1]),
        "replacement",
    ),
    "a channel without a basis": (drop(*CHANNELS, 0, "legal_basis"), "number_change.channels.0.legal_basis"),
    "a channel that nobody knows": (
        put(*CHANNELS, 0, "channels", value=[PLANTED]),
        "number_change.channels.0.channels.0",
    ),
    "a channel with two answers": (
        put(*CHANNELS, value=[*pack()["number_change"]["channels"], pack()["number_change"]["channels"][1]]),
        "number_change",
    ),
    "a road that no counter takes": (put(*CHANNELS, value=pack()["number_change"]["channels"][1:]), "number_change"),
    "a reason that no counter takes": (
        put("replacement", "channels", value=pack()["replacement"]["channels"][1:]),
        "replacement",
    ),
    "a card that reaches nobody": (
        put("replacement", "channels", 0, "delivery", value=[]),
        "replacement.channels.0.delivery",
    ),
    "identity checks of nobody": (put("identity", "providers", value=[]), "identity.providers"),
    "identity checks without a basis": (drop("identity", "legal_basis"), "identity.legal_basis"),
    "no name": (drop("name"), "name"),
    "a closure that is no date": (put("calendar", "closed", value=[PLANTED]), "calendar.closed.0"),
}


@pytest.mark.parametrize(("spoil", "where"), WRONG.values(), ids=WRONG)
def test_a_wrong_pack_does_not_load_and_the_error_names_the_entry_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Pack], None], where: str
) -> None:
    data = pack()
    spoil(data)
    path = tmp_path / "spoilt-1.toml"
    path.write_text("", encoding="utf-8")
    monkeypatch.setattr(tomllib, "loads", lambda _text: data)
    with pytest.raises(CaseError) as refused:
        load(path)
    assert (refused.value.code, refused.value.field) == (Code.POLICY_INVALID, f"spoilt-1.toml: {where}")
    assert PLANTED not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "content", [b"name = ", b'name = "\xff\xfe"', b"name = 1\nname = 2\n", 'name = "示例"'.encode("gb18030")]
)
def test_a_file_that_is_no_toml_does_not_load(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken-1.toml"
    path.write_bytes(content)
    with pytest.raises(CaseError) as refused:
        load(path)
    assert (refused.value.code, refused.value.field) == (Code.POLICY_INVALID, "broken-1.toml")


def test_a_demand_without_a_basis_does_not_load_from_a_file_either(tmp_path: Path) -> None:
    text = FILES[0].read_text(encoding="utf-8")
    basis = next(line for line in text.splitlines() if "第十四条" in line and "legal_basis" in line)
    path = tmp_path / "northern-1.toml"
    path.write_text(text.replace(basis, "", 1), encoding="utf-8")
    with pytest.raises(CaseError) as refused:
        load(path)
    assert refused.value.code is Code.POLICY_INVALID


def test_a_policy_cannot_be_changed_once_it_is_loaded() -> None:
    for field in Policy.model_fields:
        with pytest.raises(ValidationError):
            setattr(policy(), field, None)


# --- which pack serves whom -----------------------------------------------------------------------------------------


def test_the_longest_match_of_a_region_wins() -> None:
    packs = Policies([named("country", 1, "44"), named("city", 1, "4401"), named("district", 1, "440103")])
    assert [packs.of_region(code).name for code in ("440103", "440104", "440203")] == ["district", "city", "country"]


def test_a_region_that_nobody_serves_has_no_policy() -> None:
    with pytest.raises(CaseError) as refused:
        policies().of_region("990101")
    assert (refused.value.code, refused.value.field) == (Code.POLICY_UNKNOWN, "region")


def test_two_packs_for_one_region_are_refused() -> None:
    with pytest.raises(CaseError) as refused:
        Policies([named("one", 1, "44"), named("other", 1, "11", "44")])
    assert refused.value.code is Code.POLICY_INVALID


def test_a_case_keeps_the_version_it_started_with_and_new_cases_take_the_newest() -> None:
    packs = Policies([named("north", version, "11") for version in (2, 10, 9)])
    assert packs.of_region("110105").pin == "north/10"
    assert [packs.pinned(f"north/{version}").version for version in (2, 9, 10)] == [2, 9, 10]
    for unknown in ("north/3", "south/2", "", "north"):
        with pytest.raises(CaseError) as refused:
            packs.pinned(unknown)
        assert str(refused.value) == "POLICY_UNKNOWN"


def test_a_newer_version_may_give_a_region_up_to_another_pack() -> None:
    packs = Policies([named("one", 1, "11", "44"), named("one", 2, "11"), named("other", 1, "44")])
    assert packs.of_region("440103").pin == "other/1"
    assert packs.pinned("one/1").regions == ("11", "44")


def test_two_packs_under_one_name_and_version_are_refused() -> None:
    with pytest.raises(CaseError) as refused:
        Policies([named("one", 1, "11"), named("one", 1, "44")])
    assert refused.value.code is Code.POLICY_INVALID


# --- time limits ----------------------------------------------------------------------------------------------------


def at_opening(region: str, event: Event = Event.screened) -> Decision:
    opening = number_change(region=region) if event is Event.screened else replacement(region=region)
    return decide(received(opening), event, None, NOW)


def test_a_transition_without_a_clock_starts_no_limit() -> None:
    state = at_opening(OFFICE).after
    assert policy().timer(decide(state, Event.withdraw, FACTS[Event.withdraw], NOW), NOW, CALENDAR) is None


@pytest.mark.parametrize(
    ("reason", "days"),
    [
        (HoldReason.waiting_for_id_card, 60),
        (HoldReason.waiting_for_police, 60),
        (HoldReason.waiting_for_other_agency, 30),
    ],
)
def test_a_hold_lasts_as_long_as_its_reason_allows(reason: HoldReason, days: int) -> None:
    state = at_opening(OFFICE).after.model_copy(update={"status": Status.on_hold, "hold_reason": reason})
    decision = at_opening(OFFICE)._replace(after=state, clock=Clock.hold)
    timer = policy().timer(decision, NOW, WorkingCalendar(published=frozenset({2026, 2027})))
    assert timer is not None
    # The limit ends at 24:00, and a rest day moves it by two days at most.
    assert 0 <= (timer.due_at - datetime(2026, 11, 2, 16, tzinfo=UTC)).days - days <= 2


def test_a_limit_that_rests_on_an_unpublished_calendar_says_so() -> None:
    timer = policy().timer(at_opening(OFFICE), NOW, WorkingCalendar(published=frozenset({2025})))
    assert timer is not None
    assert timer.provisional


CLOCKS = list(
    dict.fromkeys(
        (kind, row.clock)
        for kind, machine in MACHINES.items()
        for row in machine.statuses.values()
        if row.clock not in {None, Clock.pension_run}
    )
)


@pytest.mark.parametrize(("kind", "clock"), CLOCKS)
def test_every_clock_of_a_kind_has_a_budget_in_every_pack(kind: Kind, clock: Clock) -> None:
    for region in (OFFICE, SOUTH):
        waiting = at_opening(region, Event.screened if kind is Kind.id_number_change else Event.checked)
        state = waiting.after.model_copy(update={"hold_reason": HoldReason.waiting_for_police})
        timer = policy(region).timer(waiting._replace(after=state, clock=clock), NOW, CALENDAR)
        assert timer is not None
        assert (timer.clock, timer.due_at > NOW) == (clock, True)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
def test_a_case_whose_only_date_is_a_campaign_that_is_over_rests_on_days_in_their_order(region: str) -> None:
    state = received(number_change(region=region), Finding.conflict, Road.conflict)
    late = datetime(2026, 12, 1, 4, tzinfo=UTC)
    disputed = move(state, Event.screened, at=late)
    assert disputed.status is Status.disputed
    assert disputed.ladder.dates.campaign_due_at is not None
    assert disputed.ladder.dates.campaign_due_at < late
    rests = disputed.ladder.dates.rests_on
    assert rests is not None
    assert rests.first <= rests.last

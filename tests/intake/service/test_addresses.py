"""Whoever speaks for an applicant reports what happened to a card, and says where the new one is sent."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from cases.clocks import SHANGHAI
from cases.models import Actor
from cases.submitters import SubmitterKind
from tests.engine import new_number
from tests.intake.applying import SOUTH, fields_of, number_change, replacement
from tests.intake.service.door import BACK_OFFICE, BUREAU, ELSEWHERE, OFFICER, TAKES_IN, VERIFIER, Door
from tests.intake.service.test_cases import code_of
from tests.intake.service.test_feed import all_after, end_of, published, publishing
from tests.scenes import OFFICE

HOME = "示例市示例区示例路18号3单元"
ELSEWHERE_NOW = "示例市另一区示例街7号"
UNTIL = datetime.now(SHANGHAI).date()


def citizen(kind: SubmitterKind) -> dict[str, Any]:
    if kind is SubmitterKind.applicant:
        return {"kind": "applicant"}
    authority = {"document": "a" * 64, "until": UNTIL.isoformat()}
    return {"kind": kind.value, "number": new_number(), "authority": authority}


async def opened(door: Door, *, kind: str = "CardReplacement", region: str = OFFICE, **more: Any) -> str:
    """A case that a system opened for a clerk."""
    if kind == "CardReplacement":
        person = await door.engine.insured(region=region, number=new_number())
        fields = fields_of(replacement(person, reason="expired", region=region))
    else:
        person = await door.engine.insured(region=region)
        fields = fields_of(number_change(person, region=region))
    clerk = await door.engine.at_a_post(TAKES_IN.model_copy(update={"id": f"takes-in-{region}", "office": region}))
    fields["submitter"] = clerk.model_dump(mode="json")
    answer = await door.asked(
        "POST", "/v1/cases", by=BACK_OFFICE if region == OFFICE else ELSEWHERE, json=fields | more
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["case_id"])


async def told(
    door: Door, case: str, event: str, fact: dict[str, Any], *, by: Actor = BACK_OFFICE, key: str = ""
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await door.asked("POST", f"/v1/cases/{case}/events/{event}", by=by, json=fact, headers=headers)


async def confirms(door: Door, case: str, address: str, key: str, **more: Any) -> httpx.Response:
    return await told(door, case, "confirm_address", {"address": address, **more}, key=key)


async def in_production(door: Door, case: str) -> str:
    """It is verified and approved; the order that goes out then."""
    view = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()
    copies = {"original_seen": True, "copies": [each["sha256"] for each in view["documents"]]}
    verified = await told(door, case, "verify_documents", copies, by=VERIFIER)
    assert verified.json()["status"] == "awaiting_approval", verified.text
    content = (await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()["content"]
    answer = await told(door, case, "approve", {"content": content}, by=OFFICER)
    assert answer.status_code == 200, answer.text
    return str((await door.asked("GET", f"/v1/cases/{case}", by=VERIFIER)).json()["order"])


@pytest.mark.parametrize("kind", ["IdNumberChange", "CardReplacement"])
@pytest.mark.parametrize("speaker", [SubmitterKind.applicant, SubmitterKind.agent, SubmitterKind.guardian])
async def test_a_loss_and_a_find_are_told_for_the_applicant_while_a_case_is_open_and_afterwards(
    door: Door, kind: str, speaker: SubmitterKind
) -> None:
    case, by = await opened(door, kind=kind), citizen(speaker)
    codes = "SELECT array_agg(code) FROM cards JOIN persons ON persons.id = person_id WHERE token = $1"

    async def now() -> list[str]:
        return list(await door.engine.pool.fetchval(codes, case.partition("-")[2]))

    async def is_lost_and_found(key: str) -> None:
        for event, fact, code in (
            ("report_loss", {"evidence": "loss/2026-1"}, "B"),
            ("card_found", {}, "1"),
        ):
            if speaker is not SubmitterKind.applicant:
                gone = {"authority": by["authority"] | {"until": (UNTIL - timedelta(days=1)).isoformat()}}
                refused = await told(door, case, event, fact | {"on_behalf": by | gone})
                assert code_of(refused, 422) == "AUTHORITY_ENDED"
            before = await now()
            assert (await told(door, case, event, fact | {"on_behalf": by}, key=f"{event}-{key}")).status_code == 200
            assert (before, await now()) == (["B" if code == "1" else "1"], [code])

    await is_lost_and_found("open")
    assert (await told(door, case, "withdraw", {"on_behalf": by})).json()["status"] == "withdrawn"
    await is_lost_and_found("closed")


async def test_the_bureau_learns_with_the_order_how_the_card_goes_and_reads_where(door: Door) -> None:
    case = await opened(door, delivery="post")
    assert "confirm_address" in (await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)).json()["events"]
    early = await door.asked("GET", f"/v1/cases/{case}/delivery", by=BUREAU)
    assert code_of(early, 403) == "ROLE_NOT_ALLOWED"
    by = citizen(SubmitterKind.agent)
    ended = by | {"authority": by["authority"] | {"until": (UNTIL - timedelta(days=1)).isoformat()}}
    assert code_of(await confirms(door, case, HOME, "home-0", on_behalf=ended), 422) == "AUTHORITY_ENDED"
    first = await confirms(door, case, HOME, "home-1", on_behalf=by)
    assert (first.status_code, first.json()["status"]) == (200, "in_review"), first.text
    async with publishing(door.engine) as publisher:
        await published(publisher)
        place = await end_of(door)
        order = await in_production(door, case)
        await published(publisher)
        (ordered,) = await all_after(door, place, BUREAU, "&type=cardcase.card_ordered.v1")
        assert (ordered["data"]["request"], ordered["data"]["delivery"]) == (order, "post")
        read = await door.asked("GET", f"/v1/cases/{case}/delivery", by=BUREAU)
        assert read.json() == {"case_id": case, "order": order, "delivery": "post", "address": HOME}
        # Nobody else does, and no view shows it.
        assert code_of(await door.asked("GET", f"/v1/cases/{case}/delivery", by=BACK_OFFICE), 403) == "ROLE_NOT_ALLOWED"
        view = await door.asked("GET", f"/v1/cases/{case}", by=BACK_OFFICE)
        assert view.json()["address_confirmed"] is True
        assert HOME not in view.text
        # While it is made the applicant moves: the bureau is told that there is something to read.
        await published(publisher)
        place = await end_of(door)
        assert (await confirms(door, case, ELSEWHERE_NOW, "moved-1")).json()["status"] == "in_production"
        again = await confirms(door, case, ELSEWHERE_NOW, "moved-1")
        assert (again.status_code, again.json()["status"]) == (200, "in_production")
        assert code_of(await confirms(door, case, HOME, "moved-1"), 422) == "IDEMPOTENCY_CONFLICT"
        await published(publisher)
        (confirmed,) = await all_after(door, place, BUREAU, "&type=cardcase.card_address_confirmed.v1")
        assert (confirmed["data"]["request"], confirmed["data"]["delivery"]) == (order, "post")
    read = await door.asked("GET", f"/v1/cases/{case}/delivery", by=BUREAU)
    assert read.json()["address"] == ELSEWHERE_NOW
    rows = await door.engine.pool.fetch("SELECT kind, actor, facts ->> 'order' FROM journal WHERE case_id = $1", case)
    assert [tuple(row) for row in rows] == [("subject", BUREAU.id, order)] * 2
    kept = await door.engine.pool.fetch("SELECT state FROM cases WHERE case_id = $1", case)
    kept += await door.engine.pool.fetch("SELECT fact FROM transitions WHERE case_id = $1", case)
    assert not any("示例" in str(row[0]) for row in kept)


async def test_after_a_card_was_lost_on_its_way_the_address_is_confirmed_anew(door: Door) -> None:
    case = await opened(door, delivery="post")
    await confirms(door, case, HOME, "home-1")
    order = await in_production(door, case)
    made = {"produced": True, "batch": "batch-1", "order": order, "card_number": f"C{order[4:12].upper()}"}
    assert (await told(door, case, "card_produced", made, by=BUREAU)).json()["status"] == "ready"
    # It has left: where it goes changes nothing any more.
    assert code_of(await confirms(door, case, ELSEWHERE_NOW, "late-1"), 409) == "EVENT_NOT_ALLOWED"
    lost = {"order": order, "evidence": "post/2026-1", "on_behalf": citizen(SubmitterKind.applicant)}
    assert (await told(door, case, "card_lost_on_way", lost)).status_code == 200
    assert (await confirms(door, case, ELSEWHERE_NOW, "anew-1")).json()["status"] == "in_production"
    read = (await door.asked("GET", f"/v1/cases/{case}/delivery", by=BUREAU)).json()
    assert (read["address"], read["order"] != order) == (ELSEWHERE_NOW, True)


@pytest.mark.parametrize("region", [OFFICE, SOUTH])
async def test_a_card_that_is_collected_needs_no_address(door: Door, region: str) -> None:
    case, by = await opened(door, region=region, delivery="counter"), BACK_OFFICE if region == OFFICE else ELSEWHERE
    refused = await told(door, case, "confirm_address", {"address": HOME}, by=by)
    assert code_of(refused, 409) == "ADDRESS_NOT_NEEDED"
    assert "confirm_address" not in (await door.asked("GET", f"/v1/cases/{case}", by=by)).json()["events"]


@pytest.mark.parametrize("address", ["", "近处", "示例市示例区\n示例路1号", "路" * 201, 7])
async def test_what_is_no_address_is_refused_and_not_repeated(door: Door, address: Any) -> None:
    case = await opened(door, delivery="post")
    refused = await told(door, case, "confirm_address", {"address": address})
    assert code_of(refused, 422) in {"FIELD_INVALID", "PAYLOAD_INVALID"}
    assert "示例" not in refused.text

"""Applications at the edge: every hard rule has its code, and no value is ever said again. Everything is synthetic."""

import traceback
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.sealing import Field, KeyRing, Sealer
from cases.errors import Advice, CaseError, Code
from cases.kinds import KINDS
from cases.names import Kind
from cases.numbers import derive
from cases.openings import ApplicationChannel, NumberChangeOpening, ReplacementOpening
from cases.submitters import Authority, Citizen, CitizenKind, SubmitterKind
from intake.applications import (
    APPLICATIONS,
    ApplicationDocument,
    InputRefused,
    NumberChangeApplication,
    Problem,
    ReplacementApplication,
    check,
    checked,
    content_of,
    seal,
    seal_card_number,
)
from tests.intake.applying import CLERK, NEW, OLD, fields_of, number_change, paper, replacement

TODAY = date(2026, 11, 2)
SEALER = Sealer(KeyRing.sample())
_MISSING: Any = object()
AUTHORITY = {"document": "a" * 64, "until": "2026-12-31"}
GUARDIAN = derive("110105600101001")


def refused_with(model: type[NumberChangeApplication | ReplacementApplication], **changed: Any) -> tuple[Problem, ...]:
    application = number_change() if model is NumberChangeApplication else replacement()
    fields = {name: value for name, value in (fields_of(application) | changed).items() if value is not _MISSING}
    with pytest.raises(InputRefused) as refused:
        checked(model, fields)
    for value in changed.values():
        if isinstance(value, str) and len(value.strip()) > 1:
            assert value not in "".join(traceback.format_exception(refused.value))
    return refused.value.problems


def problem_of(call: Any) -> Problem:
    with pytest.raises(CaseError) as refused:
        call()
    return Problem(refused.value.field or "", refused.value.code)


NUMBERS = [
    ("", Code.NUMBER_EMPTY),
    ("   ", Code.NUMBER_EMPTY),
    (None, Code.NUMBER_EMPTY),
    (NEW[:17], Code.NUMBER_LENGTH),
    (NEW + "0", Code.NUMBER_LENGTH),
    ("1" * 100_000, Code.NUMBER_LENGTH),
    (NEW[:17] + ("1" if NEW[17] != "1" else "2"), Code.NUMBER_CHECK_DIGIT),
    ("X" + NEW[1:], Code.NUMBER_X_POSITION),
    (NEW[:6] + "٠" + NEW[7:], Code.NUMBER_CHARACTERS),
    (NEW[:6] + "²" + NEW[7:], Code.NUMBER_CHARACTERS),
    (NEW[:17] + "Х", Code.NUMBER_CHARACTERS),  # Cyrillic
    (NEW[:17] + "Χ", Code.NUMBER_CHARACTERS),  # Greek
    (NEW + "\n", Code.NUMBER_CHARACTERS),
    (NEW[:6] + " " + NEW[6:], Code.NUMBER_CHARACTERS),
    (NEW[:6] + "\u200b" + NEW[6:], Code.NUMBER_CHARACTERS),
    (NEW[:6] + "-" + NEW[6:], Code.NUMBER_CHARACTERS),
    ("110105190102290005", Code.NUMBER_BIRTH_DATE),  # 29 February of a common year
    ("110105190113010005", Code.NUMBER_BIRTH_DATE),  # month 13
    ("4.40524E+17", Code.NUMBER_SPREADSHEET_DAMAGED),
    ("440524188001009000", Code.NUMBER_SPREADSHEET_DAMAGED),
    (440524188001010014, Code.NUMBER_SPREADSHEET_DAMAGED),  # a JSON integer
    (4.40524e17, Code.NUMBER_SPREADSHEET_DAMAGED),
    (["1"], Code.NUMBER_CHARACTERS),
]


def with_check_digit(number: object) -> object:
    """The two birth dates that do not exist, with the check digit that belongs to them."""
    if not isinstance(number, str) or not number.endswith("0005"):
        return number
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return (
        number[:17]
        + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False)) % 11]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_applied_for_in_its_own_way(kind: Kind) -> None:
    assert APPLICATIONS[kind].model_fields["kind"].default is kind
    assert APPLICATIONS[kind].NUMBER in APPLICATIONS[kind].model_fields


class TestWhoApplies:
    def test_what_names_no_channel_came_over_the_counter_and_was_taken_in_by_staff(self) -> None:
        opening = seal(number_change(), SEALER, TODAY)
        assert (opening.channel, opening.submitter_kind) == (ApplicationChannel.counter, SubmitterKind.staff)
        assert (opening.submitter, opening.taken_in_by) == (CLERK, CLERK.id)
        said = number_change(submitter={"kind": "staff", **CLERK.model_dump(mode="json")})
        assert seal(said, SEALER, TODAY).fingerprint == opening.fingerprint

    def test_an_applicant_who_applies_is_known_by_the_person_ref_and_is_no_staff(self) -> None:
        opening = seal(number_change(channel="online", submitter={"kind": "applicant"}), SEALER, TODAY)
        assert opening.submitter == Citizen(kind=SubmitterKind.applicant, ref=opening.person)
        assert (opening.channel, opening.taken_in_by) == (ApplicationChannel.online, None)

    @pytest.mark.parametrize("kind", [SubmitterKind.agent, SubmitterKind.guardian])
    def test_who_acts_for_the_applicant_is_known_by_a_token_with_their_authority(self, kind: CitizenKind) -> None:
        submitter = {"kind": kind, "number": f" {GUARDIAN.lower()} ", "authority": AUTHORITY}
        application = number_change(channel=kind.value, submitter=submitter)
        opening = seal(application, SEALER, TODAY)
        authority = Authority(document="a" * 64, until=date(2026, 12, 31))
        assert opening.submitter == Citizen(kind=kind, ref=SEALER.number_token(GUARDIAN), authority=authority)
        assert GUARDIAN not in opening.model_dump_json()
        assert GUARDIAN not in repr(application)
        plainly = number_change(channel=kind.value, submitter=submitter | {"number": GUARDIAN})
        assert content_of(plainly) == content_of(application)

    def test_the_channel_and_who_applies_belong_to_the_content(self) -> None:
        contents = {
            content_of(number_change(**more))
            for more in (
                {},
                {"channel": "bank"},
                {"submitter": {"kind": "applicant"}},
                {"submitter": {"kind": "agent", "number": GUARDIAN}},
            )
        }
        assert len(contents) == 4
        # What was applied for before there were channels has the same fingerprint still.
        assert "channel" not in content_of(number_change())


class TestNumbers:
    @pytest.mark.parametrize(("number", "code"), NUMBERS)
    def test_a_new_number_that_breaks_a_hard_rule_is_refused_by_its_code(self, number: object, code: Code) -> None:
        number = with_check_digit(number)
        assert refused_with(NumberChangeApplication, new_number=number) == (Problem("new_number", code),)

    @pytest.mark.parametrize(("number", "code"), NUMBERS)
    def test_a_number_that_is_shown_obeys_the_same_rules(self, number: object, code: Code) -> None:
        number = with_check_digit(number)
        assert refused_with(ReplacementApplication, number=number) == (Problem("number", code),)

    def test_a_new_number_has_18_digits_and_a_shown_one_may_still_have_15(self) -> None:
        assert refused_with(NumberChangeApplication, new_number=OLD) == (Problem("new_number", Code.NUMBER_LENGTH),)
        assert replacement(number=OLD).number == OLD

    def test_a_birth_date_in_the_future_is_refused_by_the_day_it_is_applied(self) -> None:
        young = replacement(number=derive("110105290228123"))
        assert check(young, date(1929, 2, 28)) is not None
        assert problem_of(lambda: check(young, date(1929, 2, 27))).code is Code.NUMBER_BIRTH_IN_FUTURE

    def test_what_is_typed_otherwise_is_accepted_flagged_and_sealed_as_one(self) -> None:
        wide = NEW.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}).lower()
        application = number_change(new_number=f" {wide}\t")
        assert Advice.FULL_WIDTH_NORMALISED in check(application, TODAY)
        opening = seal(application, SEALER, TODAY)
        plain = seal(number_change(), SEALER, TODAY)
        assert (opening.number_token, opening.fingerprint, opening.key) == (
            plain.number_token,
            plain.fingerprint,
            plain.key,
        )
        assert SEALER.open(opening.number, field=Field.number, person=opening.person) == NEW

    @pytest.mark.parametrize(
        ("number", "advice"),
        [
            (derive("999999101231002"), Advice.FOREIGN_PERMANENT_RESIDENT),
            (derive("810000101231002"), Advice.RESIDENCE_PERMIT),
            (derive("110103101231002"), Advice.DIVISION_ABOLISHED),
            (derive("119999101231002"), Advice.DIVISION_UNKNOWN),
        ],
    )
    def test_what_is_advice_never_refuses(self, number: str, advice: Advice) -> None:
        assert advice in check(number_change(new_number=number), TODAY)


class TestNamesAndWords:
    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("", Code.NAME_EMPTY),
            (" \u3000", Code.NAME_EMPTY),
            ("测" * 101, Code.NAME_TOO_LONG),
            ("测\x00试", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\u202e试", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\u200b试", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\x1b[2J", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\n试", Code.TEXT_FORBIDDEN_CHARACTERS),
            ("测\ud842", Code.TEXT_FORBIDDEN_CHARACTERS),
            (7, Code.FIELD_INVALID),
        ],
    )
    def test_a_name_is_refused_by_its_code(self, name: object, code: Code) -> None:
        assert refused_with(NumberChangeApplication, name=name) == (Problem("name", code),)

    @pytest.mark.parametrize(
        "name", ["阿卜杜拉·测试", "阿卜杜拉‧测试", "\U00020bb7" * 100, "<b>测</b>", "=1+1", "@测", "\ue123"]
    )
    def test_a_name_is_sealed_code_point_for_code_point(self, name: str) -> None:
        opening = seal(number_change(name=name), SEALER, TODAY)
        assert SEALER.open(opening.name, field=Field.name, person=opening.person) == name

    def test_private_use_characters_are_flagged(self) -> None:
        assert Advice.PRIVATE_USE_CHARACTERS in check(number_change(name="测\ue123"), TODAY)

    @pytest.mark.parametrize("number", ["123", "A" * 21, "a123", "12 34", "１２３４", "", None, "12\n34"])
    def test_a_personal_number_of_no_such_form_is_refused(self, number: object) -> None:
        problems = refused_with(NumberChangeApplication, personal_number=number)
        assert problems == (Problem("personal_number", Code.PERSONAL_NUMBER_INVALID),)

    def test_a_personal_number_from_a_column_of_numbers_may_have_lost_its_zeros(self) -> None:
        problems = refused_with(NumberChangeApplication, personal_number=1234567)
        assert problems == (Problem("personal_number", Code.NUMBER_SPREADSHEET_DAMAGED),)

    @pytest.mark.parametrize("region", ["11010", "1101055", "010105", "１１０１０５", 110105, "", None, "110105\n"])
    def test_a_region_is_six_digits(self, region: object) -> None:
        assert refused_with(NumberChangeApplication, region=region) == (Problem("region", Code.REGION_INVALID),)

    @pytest.mark.parametrize("key", ["", "x" * 129, "键", "a b", "a\n", 7])
    def test_an_idempotency_key_is_short_ascii(self, key: object) -> None:
        assert refused_with(NumberChangeApplication, key=key) == (Problem("key", Code.IDEMPOTENCY_KEY_INVALID),)

    @pytest.mark.parametrize("key", [NEW, f"order-{NEW}", "13912345678", "order.139-1234-5678", "6212345678901232"])
    def test_an_idempotency_key_holds_no_number_of_a_person(self, key: str) -> None:
        assert refused_with(NumberChangeApplication, key=key) == (Problem("key", Code.PII_IN_TEXT),)

    @pytest.mark.parametrize("place", [NEW, f"scan-{NEW}.png", "%31%31" + NEW[2:], "139-1234-5678", "6212345678901232"])
    @pytest.mark.parametrize("at", ["doc://store/", "https://files.example.invalid/"])
    def test_the_address_of_a_document_holds_no_number_of_a_person(self, at: str, place: str) -> None:
        with pytest.raises(InputRefused) as refused:
            checked(ApplicationDocument, paper().model_dump(exclude_none=True) | {"uri": f"{at}{place}"})
        assert refused.value.problems == (Problem("uri", Code.PII_IN_TEXT),)

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"name": _MISSING}, Problem("name", Code.FIELD_MISSING)),
            ({"submitter": _MISSING}, Problem("submitter", Code.FIELD_MISSING)),
            ({"status": "done"}, Problem("status", Code.FIELD_UNKNOWN)),
            ({"fingerprint": "a" * 26}, Problem("fingerprint", Code.FIELD_UNKNOWN)),
            ({"姓名": "x"}, Problem("", Code.FIELD_UNKNOWN)),
            ({"n1": "x"}, Problem("", Code.FIELD_UNKNOWN)),
            ({"category": "vip"}, Problem("category", Code.FIELD_INVALID)),
            ({"kind": "CardReplacement"}, Problem("kind", Code.FIELD_INVALID)),
            (
                {"submitter": {"id": "王某", "role": "clerk", "office": "110105"}},
                Problem("submitter.id", Code.FIELD_INVALID),
            ),
            (
                {"submitter": {"id": "clerk-1", "role": "clerk", "office": "11"}},
                Problem("submitter.office", Code.REGION_INVALID),
            ),
            ({"documents": "none"}, Problem("documents", Code.FIELD_INVALID)),
            ({"channel": "telegraph"}, Problem("channel", Code.FIELD_INVALID)),
            ({"submitter": "clerk-1"}, Problem("submitter", Code.FIELD_INVALID)),
            ({"submitter": {"kind": "friend"}}, Problem("submitter.kind", Code.FIELD_INVALID)),
            ({"submitter": {"kind": "agent"}}, Problem("submitter.number", Code.FIELD_MISSING)),
            (
                {"submitter": {"kind": "agent", "number": NEW[:17]}},
                Problem("submitter.number", Code.NUMBER_LENGTH),
            ),
            ({"submitter": {"kind": "applicant", "number": NEW}}, Problem("submitter.number", Code.FIELD_INVALID)),
            (
                {"submitter": {"kind": "applicant", "authority": AUTHORITY}},
                Problem("submitter.authority", Code.FIELD_INVALID),
            ),
        ],
    )
    def test_a_wrong_field_is_named_and_an_unknown_one_where_its_name_is_nobodys(
        self, changed: dict[str, Any], problem: Problem
    ) -> None:
        assert refused_with(NumberChangeApplication, **changed) == (problem,)

    def test_everything_that_is_wrong_is_said_at_once(self) -> None:
        problems = refused_with(ReplacementApplication, name="", number=NEW[:17], region="x", reason="bored")
        assert set(problems) == {
            Problem("name", Code.NAME_EMPTY),
            Problem("number", Code.NUMBER_LENGTH),
            Problem("region", Code.REGION_INVALID),
            Problem("reason", Code.FIELD_INVALID),
        }


class TestDocuments:
    @pytest.mark.parametrize(
        ("changed", "field", "code"),
        [
            ({"uri": "file:///etc/passwd"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "http://documents.example/1"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "ftp://documents.example/1"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "https://user:secret@documents.example/1"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc://store/1?number=1"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc://store/1#part"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc:///1"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc://store/" + "x" * 300}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc://store/材料"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"uri": "doc://store/1\n"}, "uri", Code.DOCUMENT_URI_REFUSED),
            ({"media_type": "text/html"}, "media_type", Code.DOCUMENT_TYPE_REFUSED),
            ({"media_type": "image/svg+xml"}, "media_type", Code.DOCUMENT_TYPE_REFUSED),
            ({"size": 20 * 1024 * 1024 + 1}, "size", Code.DOCUMENT_TOO_LARGE),
            ({"size": 0}, "size", Code.DOCUMENT_TOO_LARGE),
            ({"size": "many"}, "size", Code.FIELD_INVALID),
            ({"sha256": "0" * 63}, "sha256", Code.DOCUMENT_DIGEST_INVALID),
            ({"sha256": "g" * 64}, "sha256", Code.DOCUMENT_DIGEST_INVALID),
            ({"kind": "passport"}, "kind", Code.FIELD_INVALID),
            ({"holder": "张三"}, "holder", Code.PERSONAL_NUMBER_INVALID),
            ({"issued_on": "2026-02-30"}, "issued_on", Code.DATE_INVALID),
            ({"issued_on": "2026/02/03"}, "issued_on", Code.DATE_INVALID),
            ({"issued_on": "20260203"}, "issued_on", Code.DATE_INVALID),
            ({"issued_on": "2026-02-03T24:00:00"}, "issued_on", Code.DATE_INVALID),
            ({"issued_on": "2026-02-03T23:59:60Z"}, "issued_on", Code.DATE_INVALID),
            ({"expires_on": 1_700_000_000}, "expires_on", Code.DATE_INVALID),
            ({"expires_on": "２０２６-02-03"}, "expires_on", Code.DATE_INVALID),
        ],
    )
    def test_a_document_is_refused_by_its_place_and_code(self, changed: dict[str, Any], field: str, code: Code) -> None:
        documents = [fields_of_paper("1"), fields_of_paper(copy="2") | changed]
        place = f"documents.1.{field}".rstrip(".")
        assert refused_with(NumberChangeApplication, documents=documents) == (Problem(place, code),)

    def test_the_same_copy_twice_is_one_document(self) -> None:
        twice = seal(number_change(documents=(paper(), paper(copy="2"), paper())), SEALER, TODAY)
        once = seal(number_change(documents=(paper(copy="2"), paper())), SEALER, TODAY)
        assert [document.sha256 for document in twice.documents] == [paper().sha256, paper(copy="2").sha256]
        assert twice.fingerprint == once.fingerprint

    def test_twenty_documents_are_taken_and_twenty_one_are_not(self) -> None:
        papers = [fields_of_paper(str(copy)) for copy in range(21)]
        assert (
            len(checked(NumberChangeApplication, fields_of(number_change()) | {"documents": papers[:20]}).documents)
            == 20
        )
        problems = refused_with(NumberChangeApplication, documents=papers)
        assert problems == (Problem("documents", Code.DOCUMENTS_TOO_MANY),)

    def test_a_document_of_another_person_is_refused(self) -> None:
        mine, other = paper(holder="T0000000"), paper(holder="T0000001", copy="2")
        opening = seal(number_change(documents=(mine,)), SEALER, TODAY)
        assert opening.documents[0].holder == opening.person
        problem = problem_of(lambda: seal(number_change(documents=(mine, other)), SEALER, TODAY))
        assert problem.code is Code.DOCUMENT_OF_ANOTHER_PERSON

    def test_a_document_is_valid_on_its_last_day_and_on_the_day_it_was_issued(self) -> None:
        today = TODAY.isoformat()
        check(number_change(documents=(paper(expires_on=today, issued_on=today),)), TODAY)

    def test_an_expired_and_a_future_dated_document_are_refused(self) -> None:
        expired = number_change(documents=(paper(expires_on="2026-11-01"),))
        dated = number_change(documents=(paper(issued_on="2026-11-03"),))
        assert problem_of(lambda: check(expired, TODAY)).code is Code.DOCUMENT_EXPIRED
        assert problem_of(lambda: check(dated, TODAY)).code is Code.DOCUMENT_FUTURE_DATED

    def test_https_is_for_hosts_on_the_list_only(self) -> None:
        application = number_change(documents=(paper(uri="https://Documents.example/1"),))
        assert problem_of(lambda: check(application, TODAY)).code is Code.DOCUMENT_URI_REFUSED
        with_port = number_change(documents=(paper(uri="https://documents.example:8443/1"),))
        hosts = frozenset({"documents.example"})
        check(application, TODAY, document_hosts=hosts)
        assert problem_of(lambda: check(with_port, TODAY, document_hosts=hosts)).code is Code.DOCUMENT_URI_REFUSED


def fields_of_paper(copy: str) -> dict[str, Any]:
    return paper(copy=copy).model_dump(mode="json", exclude_none=True)


class TestSealing:
    def test_nothing_of_a_person_stands_in_an_opening_in_clear(self) -> None:
        application = replacement(name="合成测试人", number=OLD)
        opening = seal(application, SEALER, TODAY)
        text = opening.model_dump_json()
        for value in ("合成测试人", OLD, "T0000000"):
            assert value not in text
        assert isinstance(opening, ReplacementOpening)

    def test_what_may_be_shown_of_an_application_holds_no_name_and_no_number(self) -> None:
        shown = repr(number_change(name="合成测试人", documents=(paper(holder="T0000000"),)))
        for value in ("合成测试人", NEW, "T0000000"):
            assert value not in shown

    def test_content_is_the_key_of_an_application_that_has_none(self) -> None:
        one, other = (seal(number_change(category=category), SEALER, TODAY) for category in ("general", "refund"))
        assert one.key == f"content:{one.fingerprint}"
        assert one.fingerprint != other.fingerprint
        assert seal(number_change(key="order-1"), SEALER, TODAY).fingerprint == one.fingerprint

    def test_a_reopening_has_another_key_than_the_opening(self) -> None:
        reopening = seal(number_change(), SEALER, TODAY, reopen=True)
        assert isinstance(reopening, NumberChangeOpening)
        assert (reopening.reopen, reopening.key) == (True, f"reopen:{reopening.fingerprint}")

    def test_the_order_of_documents_is_no_content(self) -> None:
        papers = paper(copy="1"), paper(copy="2")
        assert content_of(number_change(documents=papers)) == content_of(number_change(documents=papers[::-1]))

    def test_the_kinds_never_share_a_content(self) -> None:
        assert content_of(number_change()) != content_of(replacement())
        assert seal(replacement(), SEALER, TODAY).kind is Kind.card_replacement

    @given(name=st.text(min_size=1, max_size=20), category=st.sampled_from(["general", "refund"]))
    def test_equal_fingerprints_mean_equal_content(self, name: str, category: str) -> None:
        try:
            application = checked(
                NumberChangeApplication, fields_of(number_change()) | {"name": name, "category": category}
            )
        except InputRefused:
            return
        same = seal(application, SEALER, TODAY).fingerprint == seal(number_change(), SEALER, TODAY).fingerprint
        assert same is ((name, category) == ("合成人", "general"))

    def test_a_cards_number_is_sealed_for_the_person_of_its_case(self) -> None:
        card = seal_card_number(" C0000001\n", "crc-" + "a" * 26, SEALER)
        assert SEALER.open(card.number, field=Field.card_number, person="a" * 26) == "C0000001"
        assert card.token == SEALER.number_token("C0000001")

    def test_pydantics_own_error_shows_codes_and_no_values(self) -> None:
        with pytest.raises(ValidationError) as wrong:
            number_change(new_number=NEW[:17], name="")
        assert NEW[:17] not in str(wrong.value)
        assert Code.NUMBER_LENGTH in str(wrong.value)

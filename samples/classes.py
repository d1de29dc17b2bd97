"""Who stands in the registers: every class of person and every trouble that the domain knows, and how each must end.

`CATALOGUE` is the list. A maker draws the people of one class from an `Inventor`; the script it names drives their
cases (`demo/scripts.py`), and the ending it names is how they must end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, NamedTuple

from cases.documents import DocumentKind
from cases.errors import Code
from cases.facts import HandOver
from cases.machines.machine import Milestone, Status
from cases.models import Category
from cases.names import Kind
from cases.numbers import derive
from cases.openings import ApplicationChannel, ReplacementReason
from cases.submitters import SubmitterKind
from samples.people import SYNTHETIC, Inventor, Paper, Person

_C, _D, _M, _R, _S = ApplicationChannel, DocumentKind, Milestone, ReplacementReason, Status


class Ending(NamedTuple):
    """How a case must end: its last status, the milestone it reached, and why it ended where that has a code."""

    status: Status
    milestone: Milestone
    reason: Code | None = None


DONE: Final = Ending(_S.done, _M.benefits_unblocked)


@dataclass(slots=True)
class Application:
    """One row of a register."""

    personal_number: str
    name: str
    kind: Kind
    old_number: str
    number: str | float
    phone: str
    region: str
    category: Category
    reason: ReplacementReason | None
    papers: tuple[Paper, ...]
    clerk: str
    """Who took it in, or is named by a system; empty where somebody applied without one."""
    remark: str = SYNTHETIC
    channel: ApplicationChannel = ApplicationChannel.counter
    submitter: SubmitterKind = SubmitterKind.staff
    submitter_number: str = ""
    authority: str = ""
    """SHA-256 of what lets an agent or guardian act."""
    delivery: HandOver | None = None


@dataclass(slots=True)
class Sample:
    """One row of a register, what must become of it, and whom the base extract must know for that."""

    words: str
    application: Application
    script: str = ""
    ending: Ending | None = None
    refused: Code | None = None
    """The row is refused with this code and opens nothing."""
    insured: list[Person] = field(default_factory=list)
    after: Status | None = None
    """The row comes when the case of the row above it is in this status; None for the rows that come together."""


Maker = Callable[[Inventor], list[Sample]]


# --- parts -----------------------------------------------------------------------------------------------------------


def _changed(
    inventor: Inventor,
    words: str,
    script: str,
    ending: Ending,
    *,
    person: Person | None = None,
    to: str | None = None,
    papers: Iterable[DocumentKind] = (_D.resident_id_card,),
) -> Sample:
    """An application for an ID-number change; without `to` for the number derived from the old one."""
    insured = person or inventor.person()
    application = Application(
        personal_number=insured.personal_number,
        name=insured.name,
        kind=Kind.id_number_change,
        old_number=insured.number,
        number=to or derive(insured.number),
        phone=insured.phone,
        region=insured.region,
        category=insured.category,
        reason=None,
        papers=tuple(inventor.paper(kind) for kind in papers),
        clerk=inventor.clerk(),
    )
    return Sample(words, application, script, ending, insured=[insured])


_REPLACEMENT_PAPERS: Final = {
    _R.damaged: (_D.resident_id_card, _D.old_card),
    _R.lost: (_D.resident_id_card, _D.loss_declaration),
}


def _replaced(
    inventor: Inventor,
    words: str,
    script: str,
    ending: Ending,
    *,
    reason: ReplacementReason = _R.expired,
    person: Person | None = None,
    papers: Iterable[DocumentKind] | None = None,
) -> Sample:
    """An application for a card replacement by somebody whose record holds an 18-digit number."""
    insured = person or with_card(inventor, inventor.person(inventor.new_number()))
    kinds = papers if papers is not None else _REPLACEMENT_PAPERS.get(reason, (_D.resident_id_card,))
    application = Application(
        personal_number=insured.personal_number,
        name=insured.name,
        kind=Kind.card_replacement,
        old_number="",
        number=insured.number,
        phone=insured.phone,
        region=insured.region,
        category=insured.category,
        reason=reason,
        papers=tuple(inventor.paper(kind) for kind in kinds),
        clerk=inventor.clerk(),
    )
    return Sample(words, application, script, ending, insured=[insured])


def with_card(inventor: Inventor, person: Person, code: str = "1") -> Person:
    """The same person with a card of a status code of the live card systems, `1` being normal."""
    in_use = code == "1"
    person.cards.append(
        {
            "card_number": inventor.card_number(),
            "code": code,
            "functions": ["social", "bank"] if in_use else [],
            "payment_authority": in_use,
        }
    )
    return person


def with_suspended_claims(inventor: Inventor, person: Person, because: str) -> Person:
    """The same person with claims that wait until their number, or their card, is in order."""
    person.claims.extend(
        {
            "reference": f"claim-{number}",
            "scheme": scheme,
            "amount_fen": inventor.amount(),
            "state": "suspended",
            "suspended_for": because,
        }
        for number, scheme in enumerate(("medical", "medical", "pension"), start=len(person.claims) + 1)
    )
    return person


def with_held_benefits(inventor: Inventor, person: Person) -> Person:
    """The same person with a benefit withheld by a named officer's decision."""
    person.benefit_holds.append(
        {
            "reason": "id_number",
            "state": "held",
            "notice": inventor.notice(),
            "served_on": "2026-09-01",
            "legal_basis": "示例文件〔2026〕第1号 关于集中变更十五位号码的通知",
            "officer": "officer-1",
            "held_at": "2026-09-08T02:00:00Z",
        }
    )
    return person


def _elsewhere(inventor: Inventor, number: str) -> Person:
    """Somebody who is in the database and in no register."""
    return inventor.person(number)


# --- ID-number change: the roads -------------------------------------------------------------------------------------


def _confirmed(inventor: Inventor, script: str) -> str:
    """The script of a region whose other systems confirm one by one, or of one that has a single database."""
    return f"{script}-confirmed" if inventor.office.name == "north" else script


def pure_upgrade(inventor: Inventor) -> list[Sample]:
    """The derived number, the same name, the ID card: the ordinary case."""
    return [_changed(inventor, "pure upgrade", _confirmed(inventor, "verify"), DONE)]


def pure_upgrade_with_claims(inventor: Inventor) -> list[Sample]:
    """An ordinary case that sets suspended reimbursements free."""
    person = with_suspended_claims(inventor, inventor.person(), "id_number")
    return [_changed(inventor, "pure upgrade, claims suspended", _confirmed(inventor, "verify"), DONE, person=person)]


def pure_upgrade_with_held_benefits(inventor: Inventor) -> list[Sample]:
    """An ordinary case that lifts a benefit hold."""
    person = with_held_benefits(inventor, with_suspended_claims(inventor, inventor.person(), "id_number"))
    return [_changed(inventor, "pure upgrade, benefits held", _confirmed(inventor, "verify"), DONE, person=person)]


def benefits_released_by_decision(inventor: Inventor) -> list[Sample]:
    """An officer releases the benefits before the number is changed."""
    person = with_held_benefits(inventor, inventor.person())
    script = _confirmed(inventor, "release-benefits")
    return [_changed(inventor, "benefits released by decision", script, DONE, person=person)]


def with_old_card(inventor: Inventor) -> list[Sample]:
    """The card shows the old number, so a replacement is offered or opened at the end."""
    person = with_card(inventor, inventor.person())
    return [_changed(inventor, "pure upgrade, card outdated", _confirmed(inventor, "verify"), DONE, person=person)]


def abolished_division(inventor: Inventor) -> list[Sample]:
    """Born where the county's code was dropped long ago: advice to the clerk, nothing more."""
    person = inventor.person(inventor.old_number(abolished=True))
    return [_changed(inventor, "abolished division", _confirmed(inventor, "verify"), DONE, person=person)]


def temporary_id_card(inventor: Inventor) -> list[Sample]:
    """Resident ID Card Law art. 12: a temporary card serves while the ID card is being made."""
    papers = (_D.temporary_id_card, _D.proxy_authorisation)
    return [_changed(inventor, "temporary ID card", _confirmed(inventor, "verify"), DONE, papers=papers)]


def reissued(inventor: Inventor) -> list[Sample]:
    """The police assigned another sequence: a certificate and a second officer."""
    return [
        _changed(
            inventor,
            "reissued number",
            _confirmed(inventor, "verify-approve"),
            DONE,
            to=inventor.new_number(),
            papers=(_D.resident_id_card, _D.police_certificate),
        )
    ]


def reissued_by_court(inventor: Inventor) -> list[Sample]:
    """A court's certificate in place of the police's."""
    papers = (_D.resident_id_card, _D.court_certificate)
    script = _confirmed(inventor, "verify-approve")
    return [_changed(inventor, "reissued, court certificate", script, DONE, to=inventor.new_number(), papers=papers)]


def new_name(inventor: Inventor) -> list[Sample]:
    """The derived number, but another name: no pure upgrade."""
    sample = _changed(
        inventor,
        "derived number, new name",
        _confirmed(inventor, "verify-approve"),
        DONE,
        papers=(_D.resident_id_card, _D.police_certificate),
    )
    sample.application.name = inventor.name()
    return [sample]


def underivable(inventor: Inventor) -> list[Sample]:
    """Sequences 996 to 999 were kept for people born before 1900: nothing can be derived."""
    person = inventor.person(inventor.old_number(sequence="996"))
    return [
        _changed(
            inventor,
            "underivable 996",
            _confirmed(inventor, "verify-approve"),
            DONE,
            person=person,
            to=inventor.new_number(),
            papers=(_D.resident_id_card, _D.police_certificate),
        )
    ]


_PERMITS: Final = ("810000", "820000", "830000")


def residence_permits(inventor: Inventor) -> list[Sample]:
    """Residence permits of Hong Kong, Macao and Taiwan residents, each registered under a wrong number before."""
    return [
        _changed(
            inventor,
            f"residence permit {prefix[:2]}",
            _confirmed(inventor, "verify-approve"),
            DONE,
            person=inventor.person(inventor.number_beginning(prefix)),
            to=inventor.number_beginning(prefix),
            papers=(_D.residence_permit, _D.police_certificate),
        )
        for prefix in _PERMITS
    ]


def permanent_resident(inventor: Inventor) -> list[Sample]:
    """A foreigner's permanent residence card: 18 digits that begin with 9."""
    return [
        _changed(
            inventor,
            "permanent residence card",
            _confirmed(inventor, "verify-approve"),
            DONE,
            person=inventor.person(inventor.number_beginning("911999")),
            to=inventor.number_beginning("911999"),
            papers=(_D.resident_id_card, _D.police_certificate),
        )
    ]


def already_18(inventor: Inventor) -> list[Sample]:
    """The record holds the number already, and the old one among the past numbers."""
    old = inventor.old_number()
    person = inventor.person(derive(old))
    person.past_numbers.append({"number": old, "valid_to": "2013-01-01"})
    ending = Ending(_S.not_needed, _M.submitted, Code.ALREADY_18_DIGITS)
    return [_changed(inventor, "already 18 digits", "nothing", ending, person=person, to=person.number)]


# --- ID-number change: people ----------------------------------------------------------------------------------------


def unknown_person(inventor: Inventor) -> list[Sample]:
    """A personal number that the database does not know."""
    sample = _changed(inventor, "unknown person", "nothing", Ending(_S.ended, _M.submitted, Code.PERSON_UNKNOWN))
    sample.insured = []
    return [sample]


def deceased_person(inventor: Inventor) -> list[Sample]:
    """The database knows that the person has died."""
    person = inventor.person()
    person.died_on = date(2025, 3, 14)
    ending = Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)
    return [_changed(inventor, "deceased person", "nothing", ending, person=person)]


def _named(inventor: Inventor, words: str, registered: str, applied: str) -> Sample:
    person = inventor.person()
    person.name = registered
    sample = _changed(inventor, words, _confirmed(inventor, "verify"), DONE, person=person)
    sample.application.name = applied
    return sample


def rare_characters(inventor: Inventor) -> list[Sample]:
    """Characters outside the BMP, and the private-use ones of old systems."""
    rare = "\U00020bb7" + inventor.name()
    private = inventor.name() + "\ue000"
    return [
        _named(inventor, "rare character", rare, rare),
        _named(inventor, "private-use character", private, private),
    ]


def middle_dots(inventor: Inventor) -> list[Sample]:
    """The middle dot of minority names, typed one way in the register and another in the application."""
    first, last = inventor.name(), inventor.name()
    return [_named(inventor, "middle dot", f"{first}·{last}", f"{first}{dot}{last}") for dot in ("•", "・", "．", "‧")]


def typed_carelessly(inventor: Inventor) -> list[Sample]:
    """Full-width digits, and a lower-case x: accepted and flagged."""
    full_width = _changed(inventor, "full-width digits", _confirmed(inventor, "verify"), DONE)
    number = derive(full_width.application.old_number)
    full_width.application.number = number.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
    while True:
        person = inventor.person()
        if derive(person.number).endswith("X"):
            break
    lower_case = _changed(
        inventor,
        "lower-case x",
        _confirmed(inventor, "verify"),
        DONE,
        person=person,
        to=derive(person.number).lower(),
    )
    return [full_width, lower_case]


# --- ID-number change: two people, one number ------------------------------------------------------------------------


_LOST: Final = Ending(_S.rejected, _M.submitted, Code.DISPUTE_LOST)
_DISPUTED_PAPERS: Final = (_D.resident_id_card, _D.police_certificate)


def held_by_another(inventor: Inventor) -> list[Sample]:
    """Somebody else is registered with the number; the police say whose it is, or that both must change."""
    samples = []
    for words, script, ending in (
        ("number held by another: ours", _confirmed(inventor, "dispute-ours"), DONE),
        ("number held by another: decided twice", _confirmed(inventor, "dispute-ours-at-last"), DONE),
        ("number held by another: theirs", "dispute-theirs", _LOST),
        ("number held by another: both change", "dispute-both-change", _LOST),
        ("number held by another: withdrawn", "dispute-withdrawn", Ending(_S.withdrawn, _M.submitted)),
    ):
        sample = _changed(inventor, words, script, ending)
        sample.insured.append(_elsewhere(inventor, str(sample.application.number)))
        samples.append(sample)
    return samples


def applied_for_twice(inventor: Inventor) -> list[Sample]:
    """Two people apply for one number: given the same old one long ago, or one of them wrongly registered."""
    samples = []
    for words, decided_script, decided, other_script, other in (
        ("ours", _confirmed(inventor, "dispute-ours"), DONE, "dispute-lost", _LOST),
        ("theirs", "dispute-theirs", _LOST, _confirmed(inventor, "dispute-won"), DONE),
        ("both change", "dispute-both-change", _LOST, "dispute-lost", _LOST),
    ):
        first = _changed(inventor, f"two applications: {words}", decided_script, decided)
        second = _changed(
            inventor,
            f"two applications: {words}, the other",
            other_script,
            other,
            person=inventor.person() if words == "ours" else inventor.person(first.application.old_number),
            to=str(first.application.number),
            papers=_DISPUTED_PAPERS,
        )
        samples += [first, second]
    return samples


# --- ID-number change: what happens on the way -----------------------------------------------------------------------


def incomplete(inventor: Inventor) -> list[Sample]:
    """Papers are missing and are brought: none, the certificate, one after the other, one that nobody asked for."""
    return [
        _changed(inventor, "no papers", _confirmed(inventor, "add-id-card"), DONE, papers=()),
        _changed(
            inventor, "certificate missing", _confirmed(inventor, "add-certificate"), DONE, to=inventor.new_number()
        ),
        _changed(
            inventor,
            "papers one by one",
            _confirmed(inventor, "add-one-by-one"),
            DONE,
            to=inventor.new_number(),
            papers=(_D.photograph,),
        ),
        _changed(
            inventor,
            "paper added before approval",
            _confirmed(inventor, "add-late"),
            DONE,
            to=inventor.new_number(),
            papers=_DISPUTED_PAPERS,
        ),
    ]


def returned(inventor: Inventor) -> list[Sample]:
    """Papers are given back: by the clerk, and by the second officer."""
    return [
        _changed(inventor, "papers returned", _confirmed(inventor, "return-papers"), DONE),
        _changed(
            inventor,
            "papers returned by second officer",
            _confirmed(inventor, "return-by-second-officer"),
            DONE,
            to=inventor.new_number(),
            papers=_DISPUTED_PAPERS,
        ),
    ]


def rejected(inventor: Inventor) -> list[Sample]:
    """The application is refused: by the clerk, by the second officer."""
    ending = Ending(_S.rejected, _M.submitted)
    return [
        _changed(inventor, "rejected", "reject", ending),
        _changed(
            inventor,
            "rejected by second officer",
            "reject-by-second-officer",
            ending,
            to=inventor.new_number(),
            papers=_DISPUTED_PAPERS,
        ),
    ]


def withdrawn(inventor: Inventor) -> list[Sample]:
    """The applicant withdraws: during the review, before the papers are complete, on hold."""
    ending = Ending(_S.withdrawn, _M.submitted)
    return [
        _changed(inventor, "withdrawn", "withdraw", ending),
        _changed(inventor, "withdrawn, papers missing", "withdraw-incomplete", ending, papers=()),
        _changed(inventor, "withdrawn on hold", "withdraw-on-hold", ending),
    ]


def held(inventor: Inventor) -> list[Sample]:
    """The case waits for the police, from two statuses, and goes on."""
    return [
        _changed(inventor, "on hold for an ID card", _confirmed(inventor, "hold-resume"), DONE),
        _changed(
            inventor,
            "on hold before approval",
            _confirmed(inventor, "hold-before-approval"),
            DONE,
            to=inventor.new_number(),
            papers=_DISPUTED_PAPERS,
        ),
        _changed(inventor, "acknowledged", _confirmed(inventor, "acknowledge"), DONE),
    ]


def person_ended(inventor: Inventor) -> list[Sample]:
    """The person is transferred, or dies, while the case is reviewed."""
    return [
        _changed(inventor, "transferred", "transferred", Ending(_S.ended, _M.submitted, Code.PERSON_TRANSFERRED)),
        _changed(inventor, "died during the review", "died", Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)),
    ]


def confirmations_refused(inventor: Inventor) -> list[Sample]:
    """Other systems refuse: before anybody confirmed it is undone, afterwards it is repaired."""
    return [
        _changed(inventor, "refused and undone", "refused-undone", DONE),
        _changed(inventor, "refused, accepted on evidence", "refused-accepted", DONE),
        _changed(inventor, "refused, published again", "refused-retried", DONE),
        _changed(
            inventor, "withdrawn while applying", "withdraw-applying", Ending(_S.withdrawn, _M.documents_verified)
        ),
        _changed(
            inventor,
            "died while applying",
            "died-applying",
            Ending(_S.ended, _M.documents_verified, Code.PERSON_DECEASED),
        ),
    ]


# --- card replacement ------------------------------------------------------------------------------------------------


def _for_each_reason(inventor: Inventor) -> list[Sample]:
    return [
        _replaced(
            inventor,
            f"replacement: {reason.value.replace('_', ' ')}",
            "replace-lost" if reason is _R.lost else "replace",
            DONE,
            reason=reason,
        )
        for reason in ReplacementReason
    ]


def every_reason(inventor: Inventor) -> list[Sample]:
    """One ordinary replacement for every reason."""
    return _for_each_reason(inventor)


def replacement_with_claims(inventor: Inventor) -> list[Sample]:
    """Reimbursements that wait for a usable card."""
    person = with_suspended_claims(inventor, inventor.person(inventor.new_number()), "card")
    with_card(inventor, person)
    return [_replaced(inventor, "replacement, claims suspended", "replace", DONE, person=person)]


def replacement_of_pensioner(inventor: Inventor) -> list[Sample]:
    """Draws a pension where no pension run has to be waited for."""
    person = with_card(inventor, inventor.person(inventor.new_number()))
    person.draws_pension = True
    return [_replaced(inventor, "replacement, pensioner", "replace-by-post", DONE, person=person)]


def replacement_for_permit(inventor: Inventor) -> list[Sample]:
    """Holders of residence permits and of a permanent residence card."""
    samples = []
    for prefix in (*_PERMITS, "931999"):
        person = with_card(inventor, inventor.person(inventor.number_beginning(prefix)))
        paper = _D.resident_id_card if prefix.startswith("9") else _D.residence_permit
        words = f"replacement, holder of {prefix[:2]}…"
        samples.append(_replaced(inventor, words, "replace", DONE, person=person, papers=(paper,)))
    return samples


def loss_reported(inventor: Inventor) -> list[Sample]:
    """Lost cards that are found, or given up, before the loss is confirmed."""
    return [
        _replaced(inventor, "found at once", "found", Ending(_S.card_found, _M.submitted), reason=_R.lost),
        _replaced(inventor, "loss withdrawn", "withdraw-blocked", Ending(_S.withdrawn, _M.submitted), reason=_R.lost),
    ]


def loss_undone(inventor: Inventor) -> list[Sample]:
    """Found after a formal loss report, before and after the order: only where the region permits undoing."""
    return [
        _replaced(
            inventor, "found after loss report", "found-reported", Ending(_S.card_found, _M.submitted), reason=_R.lost
        ),
        _replaced(
            inventor,
            "found during production",
            "found-in-production",
            Ending(_S.card_found, _M.documents_verified),
            reason=_R.lost,
        ),
        _replaced(inventor, "order withdrawn", "withdraw-ordered", Ending(_S.withdrawn, _M.documents_verified)),
        _replaced(inventor, "order undone and renewed", "production-undone", DONE),
    ]


def prechecks(inventor: Inventor) -> list[Sample]:
    """The pre-check answers 1, 3 and 4 of live card systems, and a deceased person."""
    unknown = _replaced(
        inventor, "pre-check 1: unknown", "nothing", Ending(_S.rejected, _M.submitted, Code.PRECHECK_PERSON_UNKNOWN)
    )
    unknown.insured = []
    deceased = _replaced(
        inventor, "replacement, deceased", "nothing", Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)
    )
    deceased.insured[0].died_on = date(2025, 11, 2)
    duplicate = _replaced(
        inventor, "pre-check 3: duplicate", "nothing", Ending(_S.rejected, _M.submitted, Code.PRECHECK_DUPLICATE)
    )
    with_card(inventor, duplicate.insured[0], code="A")
    not_allowed = _replaced(
        inventor, "pre-check 4: not allowed", "nothing", Ending(_S.rejected, _M.submitted, Code.PRECHECK_NOT_ALLOWED)
    )
    not_allowed.insured[0].cards.clear()
    with_card(inventor, not_allowed.insured[0], code="4")
    return [unknown, deceased, duplicate, not_allowed]


def number_first(inventor: Inventor) -> list[Sample]:
    """Pre-check 2: the number shown is not the registered one, so the ID-number change comes first. Two cases."""
    person = with_card(inventor, inventor.person())
    change = _changed(inventor, "number change before card", _confirmed(inventor, "verify"), DONE, person=person)
    card = _replaced(inventor, "pre-check 2: number first", "replace", DONE, reason=_R.data_changed, person=person)
    card.application.number = change.application.number
    card.insured = []
    return [change, card]


def lost_and_number_first(inventor: Inventor) -> list[Sample]:
    """A lost card is blocked before the number is asked about."""
    change, card = number_first(inventor)
    card.words, card.script = "pre-check 2, card lost", "replace-lost"
    card.application.reason = _R.lost
    return [change, card]


def replacement_on_the_way(inventor: Inventor) -> list[Sample]:
    """Papers, holds and refusals of a replacement."""
    return [
        _replaced(
            inventor,
            "old card missing",
            "replace-add-old-card",
            DONE,
            reason=_R.damaged,
            papers=(_D.resident_id_card,),
        ),
        _replaced(inventor, "replacement, papers returned", "replace-return", DONE),
        _replaced(inventor, "replacement on hold", "replace-hold", DONE),
        _replaced(inventor, "replacement rejected", "reject", Ending(_S.rejected, _M.submitted)),
        _replaced(inventor, "replacement withdrawn", "withdraw", Ending(_S.withdrawn, _M.submitted)),
    ]


def production_troubles(inventor: Inventor) -> list[Sample]:
    """The bureau fails: once, and so often that an operator decides. The person dies, or moves away."""
    return [
        _replaced(inventor, "production failed once", "produce-again", DONE),
        _replaced(inventor, "production repaired", f"production-repaired-{inventor.office.name}", DONE),
        _replaced(
            inventor,
            "died during production",
            f"died-in-production-{inventor.office.name}",
            Ending(_S.ended, _M.documents_verified, Code.PERSON_DECEASED),
        ),
        _replaced(
            inventor,
            "transferred before hand-over",
            "transferred-before-hand-over",
            Ending(_S.ended, _M.documents_verified, Code.PERSON_TRANSFERRED),
        ),
    ]


# --- channels --------------------------------------------------------------------------------------------------------


def _came(sample: Sample, channel: ApplicationChannel, inventor: Inventor) -> Sample:
    """The same application as it came by a channel: who handed it in, and with what authority."""
    application = sample.application
    application.channel = channel
    match channel:
        case _C.online | _C.terminal:
            application.submitter, application.clerk = SubmitterKind.applicant, ""
        case _C.bank:
            # Its system says which clerk of the agency took it in.
            application.clerk = f"clerk-{application.region}-1"
        case _C.agent | _C.guardian:
            application.submitter, application.clerk = SubmitterKind(channel.value), ""
            application.submitter_number = inventor.new_number()
            application.authority = application.papers[-1].sha256
        case _C.counter:
            pass
    return sample


_SHOWN_BY: Final = {_C.agent: (_D.proxy_authorisation,), _C.guardian: (_D.guardianship_certificate,)}
"""What somebody who acts for another hands in besides."""


def every_channel(inventor: Inventor) -> list[Sample]:
    """A number change and a replacement by each channel that the region offers for it.

    The north takes an electronic identity check in place of the original; the south has original and copy brought.
    """
    north = inventor.office.name == "north"
    changes = {
        _C.online: "verify" if north else "bring-originals",
        _C.terminal: "verify" if north else None,
        _C.bank: "bring-originals-approve" if north else "verify-approve",
        _C.agent: "bring-originals",
        _C.guardian: "bring-originals" if north else "verify",
    }
    cards = {
        _C.online: "replace-to-address" if north else "replace-bring",
        _C.terminal: "replace",
        _C.bank: "replace-approve",
        _C.agent: "replace-bring",
        _C.guardian: "replace",
    }
    samples = []
    for channel, script in changes.items():
        if script is not None:
            papers = (_D.resident_id_card, *_SHOWN_BY.get(channel, ()))
            words = f"number change by {channel.value}"
            sample = _changed(inventor, words, _confirmed(inventor, script), DONE, papers=papers)
            samples.append(_came(sample, channel, inventor))
    for channel, script in cards.items():
        papers = (_D.resident_id_card, *_SHOWN_BY.get(channel, ()))
        sample = _replaced(inventor, f"replacement by {channel.value}", script, DONE, papers=papers)
        if channel is _C.online:
            sample.application.delivery = HandOver.post if north else HandOver.counter
        samples.append(_came(sample, channel, inventor))
    return samples


# --- lives that could go wrong ---------------------------------------------------------------------------------------


def answered_too_late(inventor: Inventor) -> list[Sample]:
    """A change is undone and made again, and the bank's answer to the first one arrives: it counts for nothing."""
    return [_changed(inventor, "life: answer to an undone change", "refused-undone-answered-late", DONE)]


def decided_by_supervisor(inventor: Inventor) -> list[Sample]:
    """Two officers decide differently on a dispute; neither replaces the other, and a supervisor decides."""
    script = _confirmed(inventor, "dispute-ours-by-supervisor")
    sample = _changed(inventor, "life: officers differ, a supervisor decides", script, DONE)
    sample.insured.append(_elsewhere(inventor, str(sample.application.number)))
    return [sample]


def held_and_disputed(inventor: Inventor) -> list[Sample]:
    """A case on hold gets into a dispute that lapses: it is on hold again, as before."""
    script = _confirmed(inventor, "held-and-disputed")
    held_one = _changed(inventor, "life: dispute during a hold", script, DONE)
    rival = _changed(
        inventor,
        "life: dispute during a hold, the other",
        "dispute-withdrawn",
        Ending(_S.withdrawn, _M.submitted),
        to=str(held_one.application.number),
        papers=_DISPUTED_PAPERS,
    )
    rival.after = _S.on_hold
    return [held_one, rival]


def death_learned(inventor: Inventor) -> list[Sample]:
    """The register learns of a death after the screening: nothing is changed, no card is ordered any more."""
    ending = Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)
    return [
        _changed(inventor, "life: the register learns of a death", "death-learned", ending),
        _replaced(inventor, "life: the register learns of a death, card", "death-learned", ending),
    ]


def death_told_once(inventor: Inventor) -> list[Sample]:
    """A death that one case is told ends the person's other case, whichever of the two is told."""
    ending = Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)
    ordered = Ending(_S.ended, _M.documents_verified, Code.PERSON_DECEASED)
    change, card = number_first(inventor)
    change.script, change.words, change.ending = "died", "life: death told to the number change", ending
    card.script, card.words, card.ending = "nothing", "life: death told to the number change, card", ending
    person = with_card(inventor, inventor.person(inventor.new_number()))
    script = f"died-in-production-{inventor.office.name}"
    told = _replaced(inventor, "life: death told to the card's case", script, ordered, person=person)
    waiting = _changed(
        inventor,
        "life: death told to the card's case, number",
        "nothing",
        ending,
        person=person,
        to=inventor.new_number(),
        papers=_DISPUTED_PAPERS,
    )
    waiting.insured = []
    return [change, card, told, waiting]


def _with_new_name(inventor: Inventor, change: Sample, card: Sample) -> list[Sample]:
    """Both applications show the new name, with the police's certificate; the card waits until the register has it."""
    change.application.name = card.application.name = inventor.name()
    change.application.papers = tuple(map(inventor.paper, _DISPUTED_PAPERS))
    change.script = _confirmed(inventor, "verify-approve")
    return [change, card]


def name_and_number(inventor: Inventor) -> list[Sample]:
    """Name and number change together, and a card shows both; the card waits until the register has them."""
    change, card = _with_new_name(inventor, *number_first(inventor))
    change.words, card.words = "life: name and number change together", "life: name and number change together, card"
    return [change, card]


def name_alone(inventor: Inventor) -> list[Sample]:
    """The number is in force already and the name alone changes: nobody is sent from one application to the other."""
    person = with_card(inventor, inventor.person(inventor.new_number()))
    words = "life: the name alone changes"
    change = _changed(inventor, words, "", DONE, person=person, to=person.number)
    card = _replaced(inventor, f"{words}, card", "replace", DONE, reason=_R.data_changed, person=person)
    card.insured = []
    return _with_new_name(inventor, change, card)


def notices_used_up(inventor: Inventor) -> list[Sample]:
    """Papers are returned as often as the region allows; a further notice is refused, and the case is decided."""
    script = f"notices-used-up-{inventor.office.name}"
    return [
        _changed(inventor, "life: notices used up", script, DONE),
        _replaced(inventor, "life: notices used up, card", f"{script}-card", DONE),
    ]


def lost_in_production(inventor: Inventor) -> list[Sample]:
    """The card in use is lost while another is made because it expires: blocked at once, and the case goes on."""
    return [_replaced(inventor, "life: card lost while another one is made", "lost-in-production", DONE)]


def lost_and_found(inventor: Inventor) -> list[Sample]:
    """A card is lost while the number is being changed, and found before it was reported formally."""
    person = with_card(inventor, inventor.person())
    script = _confirmed(inventor, "lost-and-found")
    return [_changed(inventor, "life: card lost while the number is changed", script, DONE, person=person)]


def lost_in_the_post(inventor: Inventor) -> list[Sample]:
    """The new card never arrives: it never works, another one is made, and the old one stays what it was."""
    return [_replaced(inventor, "life: new card lost in the post", "lost-in-the-post", DONE)]


def number_changes_beside_a_card(inventor: Inventor) -> list[Sample]:
    """A number changes while a card with the old one is being made: both end, and the card is outdated as it comes."""
    words = "life: number changes while a card is made"
    person = with_card(inventor, inventor.person(inventor.new_number()))
    card = _replaced(inventor, f"{words}, card", "replace-below", DONE, person=person)
    script = _confirmed(inventor, "verify-approve")
    change = _changed(inventor, words, script, DONE, person=person, to=inventor.new_number(), papers=_DISPUTED_PAPERS)
    change.after, change.insured = _S.in_production, []
    return [card, change]


def old_number_taken(inventor: Inventor) -> list[Sample]:
    """The old number has a rightful holder when the bank refuses the new one: nothing is undone, and a way is left."""
    words, old = "life: old number has a new holder", inventor.new_number()
    person = inventor.person(old)
    to, papers = inventor.new_number(), _DISPUTED_PAPERS
    change = _changed(inventor, words, "undo-impossible", DONE, person=person, to=to, papers=papers)
    script = _confirmed(inventor, "verify-approve")
    holder = _changed(inventor, f"{words}, the holder", script, DONE, to=old, papers=papers)
    holder.after = _S.applying
    return [change, holder]


def died_with_benefits_held(inventor: Inventor) -> list[Sample]:
    """Benefits are held and the person dies: the case ends, and what is owed is released to the heirs."""
    person = with_held_benefits(inventor, with_suspended_claims(inventor, inventor.person(), "id_number"))
    ending = Ending(_S.ended, _M.submitted, Code.PERSON_DECEASED)
    return [_changed(inventor, "life: death while benefits are held", "died", ending, person=person)]


def insured_twice(inventor: Inventor) -> list[Sample]:
    """Another record of the same name has the number: officers find that both are one person's, or not."""
    samples = []
    for words, script in (("one person's", "records-merged"), ("two people's", "records-of-two")):
        sample = _changed(inventor, f"life: two records, {words}", _confirmed(inventor, script), DONE)
        other = _elsewhere(inventor, str(sample.application.number))
        other.name = sample.application.name
        sample.insured.append(other)
        samples.append(sample)
    return samples


def two_cards_made(inventor: Inventor) -> list[Sample]:
    """A card that was asked for twice is made twice: the second one has nobody, and two people destroy it."""
    return [_replaced(inventor, "life: one card too many", "two-cards-made", DONE)]


def undone_card_made(inventor: Inventor) -> list[Sample]:
    """An order is cancelled and its card is made all the same: it is not the next one, and two people destroy it."""
    return [_replaced(inventor, "life: card of a cancelled order", "undone-card-made", DONE)]


# --- rows ------------------------------------------------------------------------------------------------------------


def _refused(inventor: Inventor, words: str, code: Code) -> Sample:
    sample = _changed(inventor, words, "", DONE)
    return replace(sample, ending=None, refused=code)


def damaged_by_spreadsheet(inventor: Inventor) -> list[Sample]:
    """The number column was a number once: a float in a workbook, scientific notation in a CSV."""
    sample = _refused(inventor, "number damaged by a spreadsheet", Code.NUMBER_SPREADSHEET_DAMAGED)
    as_float = float(derive(sample.application.old_number)[:17] + "0")
    sample.application.number = as_float if inventor.office.name == "north" else f"{as_float:.5E}"
    return [sample]


def wrong_numbers(inventor: Inventor) -> list[Sample]:
    """Slips of the pen: the check digit, the month, a digit too few."""
    check_digit = _refused(inventor, "wrong check digit", Code.NUMBER_CHECK_DIGIT)
    right = str(check_digit.application.number)
    check_digit.application.number = right[:17] + ("1" if right[17] != "1" else "2")
    short = _refused(inventor, "17 digits", Code.NUMBER_LENGTH)
    short.application.number = str(short.application.number)[:17]
    return [check_digit, short]


def repeated_rows(inventor: Inventor) -> list[Sample]:
    """The same row twice, and the same content typed in another way."""
    samples = []
    for words in ("row twice", "same content typed otherwise"):
        first = _changed(inventor, words, _confirmed(inventor, "verify"), DONE)
        again = Sample(f"{words}: the repetition", replace(first.application), refused=Code.ROW_REPEATED)
        if words != "row twice":
            number = str(again.application.number)
            again.application.number = number.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"})
        samples += [first, again]
    return samples


class Count(NamedTuple):
    """How often a class is drawn for each register."""

    make: Maker
    north: int
    south: int


CATALOGUE: Final = (
    Count(pure_upgrade_with_claims, 22, 12),
    Count(pure_upgrade_with_held_benefits, 8, 6),
    Count(benefits_released_by_decision, 2, 1),
    Count(with_old_card, 6, 3),
    Count(abolished_division, 6, 5),
    Count(temporary_id_card, 2, 1),
    Count(reissued, 7, 4),
    Count(reissued_by_court, 1, 1),
    Count(new_name, 1, 1),
    Count(underivable, 1, 1),
    Count(residence_permits, 1, 0),
    Count(permanent_resident, 1, 1),
    Count(already_18, 3, 2),
    Count(unknown_person, 2, 1),
    Count(deceased_person, 2, 1),
    Count(rare_characters, 1, 1),
    Count(middle_dots, 1, 1),
    Count(typed_carelessly, 1, 1),
    Count(held_by_another, 1, 1),
    Count(applied_for_twice, 1, 1),
    Count(incomplete, 1, 1),
    Count(returned, 1, 1),
    Count(rejected, 1, 1),
    Count(withdrawn, 1, 1),
    Count(held, 1, 1),
    Count(person_ended, 1, 1),
    Count(confirmations_refused, 1, 0),
    Count(every_reason, 2, 1),
    Count(replacement_with_claims, 2, 1),
    Count(replacement_of_pensioner, 2, 0),
    Count(replacement_for_permit, 1, 0),
    Count(loss_reported, 1, 1),
    Count(loss_undone, 1, 0),
    Count(prechecks, 1, 1),
    Count(number_first, 1, 1),
    Count(lost_and_number_first, 1, 0),
    Count(replacement_on_the_way, 1, 1),
    Count(production_troubles, 1, 1),
    Count(damaged_by_spreadsheet, 1, 1),
    Count(wrong_numbers, 1, 1),
    Count(repeated_rows, 1, 1),
    # Whoever is added comes after all others, so that these stay who they are.
    Count(every_channel, 1, 1),
    Count(answered_too_late, 2, 0),
    Count(decided_by_supervisor, 1, 1),
    Count(held_and_disputed, 1, 1),
    Count(death_learned, 1, 1),
    Count(death_told_once, 1, 1),
    Count(lost_in_production, 1, 1),
    Count(lost_and_found, 1, 1),
    Count(lost_in_the_post, 1, 1),
    Count(name_and_number, 1, 1),
    Count(name_alone, 1, 1),
    Count(notices_used_up, 1, 1),
    Count(number_changes_beside_a_card, 1, 1),
    Count(old_number_taken, 1, 0),
    Count(died_with_benefits_held, 1, 1),
    Count(insured_twice, 1, 1),
    Count(two_cards_made, 1, 1),
    Count(undone_card_made, 1, 0),
)
"""Every class of person. Ordinary pure upgrades fill each register up to its size."""

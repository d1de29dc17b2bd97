"""Documents by reference: which kinds there are, what is demanded, and what any document must be to count at all."""

from collections.abc import Container, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from cases.errors import CaseError, Code
from cases.models import Contract, IsoDate, Record, Sha256, Token, without_personal_data
from cases.personal_data import uri_holds_personal_data


class DocumentKind(StrEnum):
    """Kinds of document; which of them a case needs is the policy's."""

    resident_id_card = "resident_id_card"
    temporary_id_card = "temporary_id_card"
    police_certificate = "police_certificate"
    court_certificate = "court_certificate"
    administrative_decision = "administrative_decision"
    """Of a review, or of the police on their own certificate."""
    residence_permit = "residence_permit"
    loss_declaration = "loss_declaration"
    old_card = "old_card"
    proxy_authorisation = "proxy_authorisation"
    guardianship_certificate = "guardianship_certificate"
    photograph = "photograph"


MEDIA_TYPES = frozenset({"application/pdf", "application/ofd", "image/jpeg", "image/png"})
MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
MAX_DOCUMENTS = 20


def _check_uri(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        # Its message quotes the host.
        raise CaseError(Code.DOCUMENT_URI_REFUSED, "uri") from None
    plain = parts.hostname and "@" not in parts.netloc and not parts.query and not parts.fragment
    if parts.scheme not in {"https", "doc"} or not plain:
        raise CaseError(Code.DOCUMENT_URI_REFUSED, "uri")
    # Where a copy lies is shown to people who may not see whose it is.
    if uri_holds_personal_data(uri):
        raise CaseError(Code.PII_IN_TEXT, "uri")
    return uri


def _check_media_type(media_type: str) -> str:
    if media_type not in MEDIA_TYPES:
        raise CaseError(Code.DOCUMENT_TYPE_REFUSED, "media_type")
    return media_type


def _check_size(size: int) -> int:
    if not 0 < size <= MAX_DOCUMENT_BYTES:
        raise CaseError(Code.DOCUMENT_TOO_LARGE, "size")
    return size


class Document(Contract):
    """A document by reference: where the copy lies, what it is, its size in bytes and its SHA-256.

    `doc://store/id` names a document of the agency's own store; `https` is the only other scheme.
    """

    kind: DocumentKind
    uri: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,300}$"), AfterValidator(_check_uri)]
    media_type: Annotated[str, AfterValidator(_check_media_type)]
    size: Annotated[int, Field(strict=True), AfterValidator(_check_size)]
    sha256: Sha256
    holder: Token | None = None
    issued_on: IsoDate | None = None
    expires_on: IsoDate | None = None


Documents = Annotated[tuple[Document, ...], Field(max_length=MAX_DOCUMENTS)]


class Demand(Record):
    """A document that a case needs, and the law that allows to ask for it."""

    document: DocumentKind
    legal_basis: str
    original: bool = False
    """Its original is shown at a counter, and copied there: a copy that came another way is not enough."""


class Defect(Contract):
    """What is wrong with the documents; one notice names all of them."""

    document: DocumentKind
    problem: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(without_personal_data)
    ]


# A demand for the first is met by any of the others as well: Resident ID Card Law art. 11-12 (temporary card),
# residence permits of Hong Kong, Macao and Taiwan residents, and a court's certificate in place of the police's.
_MEETS: Final[Mapping[DocumentKind, frozenset[DocumentKind]]] = {
    DocumentKind.resident_id_card: frozenset({DocumentKind.temporary_id_card, DocumentKind.residence_permit}),
    DocumentKind.police_certificate: frozenset({DocumentKind.court_certificate}),
}


def unmet(
    demands: Iterable[Demand], documents: Iterable[Document], originals: Container[Sha256] = ()
) -> tuple[Demand, ...]:
    """The demands that none of `documents` meets; `originals` are the copies whose originals were shown."""
    documents = tuple(documents)
    present = {document.kind for document in documents}
    shown = {document.kind for document in documents if document.sha256 in originals}
    return tuple(demand for demand in demands if not _is_met(demand.document, shown if demand.original else present))


def _is_met(wanted: DocumentKind, present: AbstractSet[DocumentKind]) -> bool:
    return wanted in present or not _MEETS.get(wanted, frozenset()).isdisjoint(present)


def check_document(document: Document, person: str, today: date) -> None:
    """Raises `CaseError` for a document of another person, an expired one, or one that is dated in the future.

    Which of its fields says so is the error's.
    """
    if document.holder is not None and document.holder != person:
        raise CaseError(Code.DOCUMENT_OF_ANOTHER_PERSON, "holder")
    if document.expires_on is not None and document.expires_on < today:
        raise CaseError(Code.DOCUMENT_EXPIRED, "expires_on")
    if document.issued_on is not None and document.issued_on > today:
        raise CaseError(Code.DOCUMENT_FUTURE_DATED, "issued_on")

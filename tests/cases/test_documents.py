"""Documents: where a copy may lie, of which type and size."""

import pytest

from cases.documents import MAX_DOCUMENT_BYTES, MEDIA_TYPES, Document
from cases.errors import Code
from tests.cases.refusing import PLANTED, as_data, refusal
from tests.scenes import ID_CARD


@pytest.mark.parametrize(
    "uri",
    [
        f"file:///etc/{PLANTED}",
        f"http://store.example/{PLANTED}",
        f"ftp://store.example/{PLANTED}",
        f"//store.example/{PLANTED}",
        f"/{PLANTED}",
        f"{PLANTED}",
        f"https:///{PLANTED}",
        f"https://user@store.example/{PLANTED}",
        f"https://:{PLANTED}@store.example/",
        f"https://user:{PLANTED}@store.example/",
        f"https://@store.example/{PLANTED}",
        f"https://store.example/?token={PLANTED}",
        f"https://store.example/#{PLANTED}",
        f"https://[{PLANTED}]/",
        f"https://[::1/{PLANTED}",
        f"javascript:{PLANTED}",
        f"data:text/plain,{PLANTED}",
    ],
)
def test_a_document_lies_in_the_agencys_store_or_behind_https_without_credentials(uri: str) -> None:
    assert refusal(Document, as_data(ID_CARD, uri=uri)) == Code.DOCUMENT_URI_REFUSED


@pytest.mark.parametrize("uri", ["", "doc://store/a b", "doc://store/张", "doc://store/\n", "doc://store/" + "a" * 300])
def test_a_documents_address_is_plain_ascii_of_at_most_300_characters(uri: str) -> None:
    assert refusal(Document, as_data(ID_CARD, uri=uri)) == "string_pattern_mismatch"


def test_other_types_and_sizes_are_refused_and_the_largest_is_not() -> None:
    for media_type in ("text/html", "image/svg+xml", "", "IMAGE/PNG", PLANTED):
        assert refusal(Document, as_data(ID_CARD, media_type=media_type)) == Code.DOCUMENT_TYPE_REFUSED
    for size in (0, -1, MAX_DOCUMENT_BYTES + 1, 10**40):
        assert refusal(Document, as_data(ID_CARD, size=size)) in {Code.DOCUMENT_TOO_LARGE, "int_parsing_size"}
    for media_type in MEDIA_TYPES:
        largest = Document.model_validate(as_data(ID_CARD, media_type=media_type, size=MAX_DOCUMENT_BYTES))
        assert largest.size == MAX_DOCUMENT_BYTES

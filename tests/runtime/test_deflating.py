"""Contents of payloads, deflated and inflated. All content is synthetic."""

import json
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.events import Event
from cases.machines.machine import Status
from cases.names import person_token
from runtime.deflating import DICTIONARY, LARGEST, RATIO, SMALL, deflate, inflate
from tests.scenes import FACTS

LOOKS_BACK = (1 << 13) - 262
"""How far deflate looks back in a window of 8 KB."""


def short(content: bytes) -> bytes:
    """The short form of a content that has one."""
    deflated = deflate(content)
    assert deflated is not None
    return deflated


def packed_by_anybody(content: bytes) -> bytes:
    """The short form that whoever has the dictionary makes."""
    packing = zlib.compressobj(wbits=-13, zdict=DICTIONARY)
    return packing.compress(content) + packing.flush()


@given(st.binary(max_size=SMALL))
def test_whatever_was_deflated_is_inflated(content: bytes) -> None:
    assert inflate(short(content)) == content


def test_what_cases_are_told_takes_less_than_two_thirds() -> None:
    said = [fact.model_dump_json(exclude_unset=True).encode() for fact in FACTS.values()]
    assert sum(len(short(each)) for each in said) < sum(map(len, said)) * 2 / 3


def test_several_threads_deflate_at_once() -> None:
    contents = [b"%d" % number * 500 for number in range(50)] * 4
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(inflate, threads.map(short, contents))) == contents


def test_what_was_cut_changed_or_lengthened_is_refused_without_a_word() -> None:
    content = FACTS[Event.verify_documents].model_dump_json().encode()
    whole = short(content)
    for broken in (b"", whole[:-1], whole[:10], whole + b"\0", b"\xff" + whole):
        with pytest.raises(ValueError, match=r"^$") as refused:
            inflate(broken)
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_nothing_becomes_larger_than_temporal_takes() -> None:
    content = os.urandom(LARGEST)
    assert inflate(short(content)) == content
    assert deflate(content + b"1") is None
    with pytest.raises(ValueError, match=r"^$"):
        inflate(packed_by_anybody(content + b"1"))


@pytest.mark.parametrize("length", [SMALL + 1, 100_000, LARGEST])
def test_a_few_bytes_become_no_flood(length: int) -> None:
    assert deflate(bytes(length)) is None, "whoever seals it for us seals it as it is"
    with pytest.raises(ValueError, match=r"^$"):
        inflate(packed_by_anybody(bytes(length)))


def test_a_page_of_what_cases_are_told_is_well_within() -> None:
    tokens = [person_token(bytes(32), f"T{number:07}") for number in range(500)]
    page = json.dumps([{"case_id": f"idc-{token}", "event": "benefits_lifted"} for token in tokens]).encode()
    assert len(page) / len(short(page)) < RATIO / 3


def test_the_dictionary_stays_as_it_is_for_what_was_deflated_by_it() -> None:
    # Another dictionary is another file, another first byte inside the seal, and another line here.
    assert sha256(DICTIONARY).hexdigest() == "d64e96eb2e3b9a7d19a3db1ddbf26597e8f53a44f615485c992c7206b35bd2ff"
    stored = bytes.fromhex("ab26ec356c853100")
    assert inflate(stored) == b'{"status":"in_review","milestone":"documents_verified"}'


def test_the_dictionary_is_within_what_is_looked_back_at_and_knows_every_status() -> None:
    assert len(DICTIONARY) <= LOOKS_BACK
    assert [status for status in Status if f'"{status}"'.encode() not in DICTIONARY] == []

"""All persons and texts here are synthetic."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.person_keys import KEY_ID, DirectoryKeys, Erased, What
from activities.sealing import Field, KeyRing, Sealer
from cases.errors import CaseError, Code

RING = KeyRing(
    token_key=bytes(range(32)),
    seal_keys={"k1": bytes(range(1, 33)), "k2": bytes(range(2, 34))},
    current="k2",
    payload_keys={"p1": bytes(range(3, 35))},
    payload_current="p1",
)
PERSON, OTHER = "a" * 26, "b" * 26
TEXT = "110105190001010014"
AT = datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    DirectoryKeys.begin(tmp_path / "store")
    return tmp_path / "store"


def keys_in(folder: Path) -> DirectoryKeys:
    return DirectoryKeys(folder, RING.seal_keys, RING.current)


def sealer_in(folder: Path) -> Sealer:
    """A sealer as another process has it: nothing is at hand."""
    return Sealer(RING, keys_in(folder))


def code_of(call: Callable[[], object]) -> Code:
    with pytest.raises(CaseError) as refused:
        call()
    assert str(refused.value).count(PERSON) == 0
    return refused.value.code


def sealed_in(folder: Path, person: str = PERSON) -> str:
    return sealer_in(folder).seal(TEXT, field=Field.number, person=person)


def opened_in(folder: Path, sealed: str, person: str = PERSON) -> str:
    return sealer_in(folder).open(sealed, field=Field.number, person=person)


def destroy_in(folder: Path, *key_ids: str, person: str = PERSON) -> None:
    """As an erasure does it."""
    keys = keys_in(folder)
    keys.list_erased(Erased(What.person, person, key_id, AT, "era-1") for key_id in key_ids)
    keys.destroy(person, key_ids)


def test_a_text_of_a_person_is_sealed_under_a_key_of_theirs_and_opens_in_every_process(folder: Path) -> None:
    first, second, others = sealed_in(folder), sealed_in(folder), sealed_in(folder, OTHER)
    assert opened_in(folder, first) == opened_in(folder, second) == TEXT
    key_id, others_key = first.partition(".")[0], others.partition(".")[0]
    assert KEY_ID.fullmatch(key_id)
    assert second.partition(".")[0] == key_id != others_key


def test_what_is_of_staff_stays_under_the_ring(folder: Path) -> None:
    sealed = sealer_in(folder).seal("clerk@example.invalid", field=Field.address, person="clerk-1")
    assert sealed.startswith("k2.")
    assert list(folder.rglob("clerk*")) == []


def test_what_was_sealed_before_there_was_a_store_opens_and_without_the_store_nothing_of_it_does(folder: Path) -> None:
    before, after = Sealer(RING).seal(TEXT, field=Field.number, person=PERSON), sealed_in(folder)
    assert opened_in(folder, before) == TEXT
    assert code_of(lambda: Sealer(RING).open(after, field=Field.number, person=PERSON)) is Code.KEY_UNKNOWN


def test_a_destroyed_key_opens_nothing_and_a_person_who_comes_again_has_another(folder: Path) -> None:
    before = sealed_in(folder)
    key_id = before.partition(".")[0]
    destroy_in(folder, key_id)
    assert code_of(lambda: opened_in(folder, before)) is Code.PERSON_ERASED
    again = sealed_in(folder)
    assert again.partition(".")[0] != key_id
    assert opened_in(folder, again) == TEXT
    assert code_of(lambda: opened_in(folder, before)) is Code.PERSON_ERASED
    assert list(keys_in(folder).erased()) == [Erased(What.person, PERSON, key_id, AT, "era-1")]


def test_a_process_that_has_a_destroyed_key_at_hand_seals_with_another_and_opens_for_a_minute(folder: Path) -> None:
    keys = keys_in(folder)
    seconds = 0.0
    keys._now = lambda: seconds
    process = Sealer(RING, keys)
    before = process.seal(TEXT, field=Field.number, person=PERSON)
    destroy_in(folder, before.partition(".")[0])
    assert process.open(before, field=Field.number, person=PERSON) == TEXT
    seconds = 61.0
    assert code_of(lambda: process.open(before, field=Field.number, person=PERSON)) is Code.PERSON_ERASED
    assert opened_in(folder, process.seal(TEXT, field=Field.number, person=PERSON)) == TEXT


def test_what_an_older_store_brings_back_is_destroyed_again_and_listed_once(folder: Path) -> None:
    sealed = sealed_in(folder)
    file = next(file for file in folder.rglob(PERSON))
    copy = file.read_bytes()
    destroy_in(folder, sealed.partition(".")[0])
    file.write_bytes(copy)
    assert opened_in(folder, sealed) == TEXT
    destroy_in(folder, sealed.partition(".")[0])
    assert code_of(lambda: opened_in(folder, sealed)) is Code.PERSON_ERASED
    assert len(list(keys_in(folder).erased())) == 1


def test_nothing_of_a_destroyed_key_is_left_in_its_file(folder: Path) -> None:
    sealed = sealed_in(folder)
    file = next(file for file in folder.rglob(PERSON))
    with file.open("rb") as old:
        held = old.read()
        destroy_in(folder, sealed.partition(".")[0])
        old.seek(0)
        assert old.read() == b"\0" * len(held)
    assert not file.exists()
    assert [left.name for left in folder.rglob("*") if left.is_file() and left.name not in {"erased", "lock"}] == []


def test_a_key_that_lies_in_another_persons_file_opens_nothing(folder: Path) -> None:
    sealed_in(folder)
    theirs = sealed_in(folder, OTHER)
    mine, other = (next(folder.rglob(person)) for person in (PERSON, OTHER))
    other.write_bytes(mine.read_bytes())
    assert code_of(lambda: opened_in(folder, theirs, OTHER)) is Code.SEAL_BROKEN


def test_a_key_that_an_older_key_of_the_ring_seals_opens_and_without_that_nothing_does(folder: Path) -> None:
    old = DirectoryKeys(folder, RING.seal_keys, "k1")
    sealed = Sealer(RING, old).seal(TEXT, field=Field.number, person=PERSON)
    assert opened_in(folder, sealed) == TEXT
    newer = Sealer(RING, DirectoryKeys(folder, {"k2": RING.seal_keys["k2"]}, "k2"))
    assert code_of(lambda: newer.open(sealed, field=Field.number, person=PERSON)) is Code.KEY_UNKNOWN


def test_many_are_made_at_once_and_those_there_are_stay(folder: Path) -> None:
    sealed = sealed_in(folder)
    keys = keys_in(folder)
    sealer_in(folder).make_keys([PERSON, OTHER, OTHER, "clerk-1"])
    assert keys.key_ids(PERSON) == (sealed.partition(".")[0],)
    assert len(keys.key_ids(OTHER)) == 1
    assert sealed_in(folder, OTHER).partition(".")[0] == keys.key_ids(OTHER)[0]


def test_of_two_processes_that_make_a_key_at_once_one_is_first(folder: Path) -> None:
    first, second = keys_in(folder), keys_in(folder)
    beside = second._write_beside(PERSON)
    key_id, _ = first.sealing(PERSON)
    second._take_its_place(PERSON, beside)
    assert second.sealing(PERSON)[0] == key_id
    assert [file.name for file in beside.parent.iterdir()] == [PERSON]


def test_keys_rest_sealed_and_their_owner_alone_reads_them(folder: Path) -> None:
    keys = keys_in(folder)
    keys.sealing(PERSON)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    line = next(folder.rglob(PERSON)).read_text(encoding="ascii")
    assert line.split(" ")[1] == "k2"


def test_a_half_written_line_of_the_list_is_none_and_the_next_one_counts(folder: Path) -> None:
    sealed = sealed_in(folder)
    with (folder / "erased").open("a", encoding="ascii") as file:
        file.write(f"person {OTHER} p-{'a' * 14}")
    assert list(keys_in(folder).erased()) == []
    destroy_in(folder, sealed.partition(".")[0])
    assert [each.ref for each in keys_in(folder).erased()] == [PERSON]


def test_a_store_that_is_gone_is_unavailable_and_no_person_is_taken_for_new(folder: Path) -> None:
    sealed = sealed_in(folder)
    process, other = sealer_in(folder), folder.with_name("elsewhere")
    folder.rename(other)
    assert code_of(lambda: process.open(sealed, field=Field.number, person=PERSON)) is Code.KEYS_UNAVAILABLE
    assert code_of(lambda: process.seal(TEXT, field=Field.number, person=PERSON)) is Code.KEYS_UNAVAILABLE
    assert DirectoryKeys.fault_of(folder) == "names no readable folder"
    folder.mkdir(mode=0o700)
    assert code_of(lambda: process.seal(TEXT, field=Field.number, person=PERSON)) is Code.KEYS_UNAVAILABLE
    assert DirectoryKeys.fault_of(folder) == "holds no store of persons' keys"


def test_a_store_is_made_once_and_is_open_to_nobody_else(folder: Path) -> None:
    assert DirectoryKeys.fault_of(folder) is None
    folder.chmod(0o750)
    assert DirectoryKeys.fault_of(folder) == "is open to others; run chmod 700"
    with pytest.raises(FileExistsError):
        DirectoryKeys.begin(folder)


def test_a_ring_has_no_key_that_could_be_a_persons() -> None:
    with pytest.raises(CaseError):
        KeyRing(bytes(range(32)), {f"p-{'a' * 14}": bytes(range(1, 33))}, f"p-{'a' * 14}", {"p": bytes(range(32))}, "p")

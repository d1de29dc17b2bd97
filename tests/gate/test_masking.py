"""Names and numbers are shown by their ends, and only of whom they belong to. All content is synthetic."""

import json

import pytest

from activities.sealing import Field, KeyRing, Sealer
from gate.masking import in_clear, masked, shown
from tests.scenes import person

SEALER = Sealer(KeyRing.sample())
WHO, OTHER = person("shown"), person("other")
NUMBER, NAME, CARD = "110105190001010016", "合成人", "C00000042"


def sealed(text: str, field: Field, who: str = WHO) -> str:
    return SEALER.seal(text, field=field, person=who)


OPENING = {
    "opening": {"person": WHO, "name": sealed(NAME, Field.name), "number": sealed(NUMBER, Field.number)},
    "cards": [{"card_number": sealed(CARD, Field.card_number), "note": "受理"}],
}


def test_a_number_shows_its_last_two_and_a_name_its_first() -> None:
    value = json.loads(shown(json.dumps(OPENING).encode(), WHO, SEALER, masked))
    assert value["opening"] == {"person": WHO, "name": "合**", "number": "****************16"}
    assert value["cards"] == [{"card_number": "*******42", "note": "受理"}]


def test_revealed_it_shows_as_it_is() -> None:
    value = json.loads(shown(json.dumps(OPENING).encode(), WHO, SEALER, in_clear))
    assert (value["opening"]["name"], value["opening"]["number"]) == (NAME, NUMBER)
    assert value["cards"][0]["card_number"] == CARD


def test_what_belongs_to_another_person_stays_sealed() -> None:
    content = json.dumps({"name": sealed(NAME, Field.name, OTHER)}).encode()
    assert shown(content, WHO, SEALER, in_clear) == content


def test_what_was_sealed_as_another_field_stays_sealed() -> None:
    content = json.dumps({"name": sealed(NUMBER, Field.number)}).encode()
    assert shown(content, WHO, SEALER, in_clear) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"null",
        b"12",
        b'{"name": 3}',
        b'{"name":"not sealed"}',
        b'{"a":  [1, {"b": null}]}',
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 900 + b"]" * 900,
    ],
    ids=range(10),
)
def test_what_holds_nothing_sealed_comes_back_byte_for_byte(content: bytes) -> None:
    assert shown(content, WHO, SEALER, masked) == content


@pytest.mark.parametrize(
    ("field", "text", "shows"),
    [
        (Field.name, "合", "**"),
        (Field.name, "合成", "合**"),
        (Field.name, "合成·买买提·示例", "合**"),
        (Field.number, "110105900101001", "*************01"),
        (Field.number, "123456789", "*******89"),
        (Field.number, "12345678", "********"),
        (Field.number, "1234", "****"),
        (Field.phone, "13900000000", "*********00"),
        (Field.address, "示例路1号", "***"),
    ],
)
def test_of_each_field_so_much_shows(field: Field, text: str, shows: str) -> None:
    assert masked(field, text) == shows


@pytest.mark.parametrize("field", Field)
def test_never_more_shows_than_the_last_two(field: Field) -> None:
    text = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未"
    kept = masked(field, text).replace("*", "")
    assert kept in {"", text[:1], text[-2:]}

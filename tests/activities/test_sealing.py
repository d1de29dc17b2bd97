"""All numbers and names here are synthetic."""

import base64
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from activities.sealing import Field, KeyRing, Sealer
from cases.errors import CaseError, Code
from cases.models import Sealed, Token

RING = KeyRing(
    token_key=bytes(range(32)),
    seal_keys={"k1": bytes(range(1, 33)), "k2": bytes(range(2, 34))},
    current="k2",
    payload_keys={"p1": bytes(range(3, 35))},
    payload_current="p1",
)
SEALER = Sealer(RING)
PERSON, OTHER = "a" * 26, "b" * 26
NUMBER = "110105190001010014"


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="ascii")
    path.chmod(mode)
    return path


def encoded(length: int, byte: int = 7) -> str:
    return base64.b64encode(bytes([byte]) * length).decode()


def ring_text(
    for_tokens: str | None = None,
    seal: str | None = None,
    current: str = "k1",
    payload: str | None = None,
    payload_current: str = "p1",
) -> str:
    for_tokens, seal, payload = for_tokens or encoded(32), seal or encoded(32, 8), payload or encoded(32, 9)
    return (
        f'token_key = "{for_tokens}"\ncurrent = "{current}"\npayload_current = "{payload_current}"\n'
        f'[seal_keys]\nk1 = "{seal}"\n[payload_keys]\np1 = "{payload}"\n'
    )


class TestKeyRing:
    def test_that_was_made_can_be_loaded_by_its_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "ring.toml"
        made = KeyRing.generate(path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert KeyRing.load(path) == made
        assert not made.is_sample

    def test_is_never_replaced_by_a_new_one(self, tmp_path: Path) -> None:
        path = tmp_path / "ring.toml"
        made = KeyRing.generate(path)
        with pytest.raises(FileExistsError):
            KeyRing.generate(path)
        assert KeyRing.load(path) == made

    def test_of_the_documentation_is_recognised(self) -> None:
        assert KeyRing.sample().is_sample

    def test_with_one_published_key_among_its_own_is_a_sample(self) -> None:
        sample = KeyRing.sample()
        assert replace(RING, seal_keys={**RING.seal_keys, "old": sample.seal_keys["sample"]}).is_sample
        assert replace(RING, payload_keys={**RING.payload_keys, "old": sample.payload_keys["sample"]}).is_sample
        assert not RING.is_sample

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
    def test_that_others_can_read_or_write_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = key_file(tmp_path / "ring.toml", ring_text(), mode)
        with pytest.raises(CaseError, match="readable by others") as refused:
            KeyRing.load(path)
        assert refused.value.code is Code.CONFIGURATION_INVALID

    @pytest.mark.parametrize(
        "text",
        [
            ring_text(for_tokens=encoded(31)),
            ring_text(seal=encoded(33)),
            ring_text(for_tokens=encoded(32, 0)),
            ring_text(seal=encoded(32, 0)),
            ring_text(current="k9"),
            ring_text(payload=encoded(16)),
            ring_text(payload=encoded(32, 0)),
            ring_text(payload_current="p9"),
            ring_text(payload_current="k1"),
            ring_text().replace("payload_keys", "payloads"),
            ring_text(for_tokens="not base64!"),
            "token_key = 7\n",
            "current = 'k1'\n",
            "[[seal_keys]]\n",
            "no toml",
            "",
        ],
    )
    def test_that_cannot_be_used_is_refused_without_quoting_a_key(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(CaseError) as refused:
            KeyRing.load(key_file(tmp_path / "ring.toml", text))
        assert refused.value.code is Code.CONFIGURATION_INVALID
        told = "".join(traceback.format_exception(refused.value))
        assert encoded(32, 8) not in told
        assert encoded(31) not in told

    def test_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(CaseError) as refused:
            KeyRing.load(tmp_path / "none.toml")
        assert refused.value.code is Code.CONFIGURATION_INVALID

    def test_is_rotated_by_a_new_key_that_opens_then_seals_and_an_old_one_that_goes(self) -> None:
        wider = RING.with_payload_key("p2")
        assert (set(wider.payload_keys), wider.payload_current) == ({"p1", "p2"}, "p1")
        assert wider.payload_keys["p2"] not in {*RING.payload_keys.values(), *RING.seal_keys.values()}
        turned = wider.sealing_payloads_with("p2")
        assert (turned.payload_keys, turned.payload_current) == (wider.payload_keys, "p2")
        assert set(turned.without_payload_key("p1").payload_keys) == {"p2"}
        assert (turned.token_key, turned.seal_keys, turned.current) == (RING.token_key, RING.seal_keys, RING.current)

    @pytest.mark.parametrize(
        "change",
        [
            lambda: RING.with_payload_key("p1"),
            lambda: RING.with_payload_key('p"2'),
            lambda: RING.with_payload_key(""),
            lambda: RING.sealing_payloads_with("p2"),
            lambda: RING.without_payload_key("p1"),
            lambda: RING.without_payload_key("p2"),
        ],
        ids=["a key that is there", "no ID", "an empty ID", "unknown", "the one that seals", "not there"],
    )
    def test_refuses_a_change_that_would_leave_it_useless(self, change: Callable[[], KeyRing]) -> None:
        with pytest.raises(CaseError) as refused:
            change()
        assert refused.value.code is Code.CONFIGURATION_INVALID

    def test_is_replaced_all_at_once_and_stays_its_owners(self, tmp_path: Path) -> None:
        path = tmp_path / "ring.toml"
        wider = KeyRing.generate(path).with_payload_key("p2")
        wider.replace(path)
        assert KeyRing.load(path) == wider
        assert path.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in tmp_path.iterdir()] == ["ring.toml"]

    def test_does_not_show_its_keys(self) -> None:
        assert "\\x" not in repr(RING)
        assert repr(RING) == "KeyRing(current='k2', payload_current='p1')"


class TestSeals:
    @given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=100), field=st.sampled_from(Field))
    def test_open_to_what_was_sealed_and_have_the_form_of_the_contract(self, text: str, field: Field) -> None:
        sealed = SEALER.seal(text, field=field, person=PERSON)
        assert SEALER.open(sealed, field=field, person=PERSON) == text
        assert TypeAdapter(Sealed).validate_python(sealed) == sealed

    def test_of_one_text_differ_every_time(self) -> None:
        assert len({SEALER.seal(NUMBER, field=Field.number, person=PERSON) for _ in range(100)}) == 100

    def test_name_the_current_key_and_open_with_older_ones(self) -> None:
        older = Sealer(replace(RING, current="k1")).seal(NUMBER, field=Field.number, person=PERSON)
        assert older.startswith("k1.")
        assert SEALER.seal(NUMBER, field=Field.number, person=PERSON).startswith("k2.")
        assert SEALER.open(older, field=Field.number, person=PERSON) == NUMBER

    def test_whose_key_was_dropped_are_refused_as_such(self) -> None:
        sealed = SEALER.seal(NUMBER, field=Field.number, person=PERSON)
        dropped = Sealer(replace(RING, seal_keys={"k1": RING.seal_keys["k1"]}, current="k1"))
        with pytest.raises(CaseError) as refused:
            dropped.open(sealed, field=Field.number, person=PERSON)
        assert refused.value.code is Code.KEY_UNKNOWN

    @pytest.mark.parametrize(
        ("field", "person"),
        [(Field.number, OTHER), (Field.card_number, PERSON), (Field.name, PERSON), (Field.phone, PERSON)],
    )
    def test_open_nowhere_else(self, field: Field, person: str) -> None:
        sealed = SEALER.seal(NUMBER, field=Field.number, person=PERSON)
        with pytest.raises(CaseError) as refused:
            SEALER.open(sealed, field=field, person=person)
        assert refused.value.code is Code.SEAL_BROKEN

    def test_do_not_open_under_the_name_of_another_key(self) -> None:
        same_key = replace(RING, seal_keys=dict.fromkeys(("k1", "k2"), RING.seal_keys["k1"]), current="k1")
        sealed = Sealer(same_key).seal(NUMBER, field=Field.number, person=PERSON)
        with pytest.raises(CaseError) as refused:
            Sealer(same_key).open(sealed.replace("k1.", "k2.", 1), field=Field.number, person=PERSON)
        assert refused.value.code is Code.SEAL_BROKEN

    @given(st.data())
    def test_that_were_changed_or_cut_do_not_open_and_quote_nothing(self, data: st.DataObject) -> None:
        sealed = SEALER.seal(NUMBER, field=Field.number, person=PERSON)
        place = data.draw(st.integers(3, len(sealed) - 1))
        other = "A" if sealed[place] != "A" else "B"
        broken = data.draw(
            st.sampled_from(
                [sealed[:place], sealed[:place] + other + sealed[place + 1 :], sealed[:place] + "!" + sealed[place:]]
            )
        )
        # The last character of unpadded base64 carries bits that mean nothing.
        if place == len(sealed) - 1:
            return
        with pytest.raises(CaseError) as refused:
            SEALER.open(broken, field=Field.number, person=PERSON)
        assert refused.value.code is Code.SEAL_BROKEN
        assert str(refused.value) == "SEAL_BROKEN (number)"
        assert refused.value.__context__ is None


class TestTokens:
    def test_depend_on_key_and_purpose_and_have_the_form_of_the_contract(self) -> None:
        other = Sealer(replace(RING, token_key=bytes(range(5, 37))))
        tokens = {
            SEALER.number_token("1234"),
            SEALER.person_token("1234"),
            SEALER.content_token("1234"),
            other.number_token("1234"),
        }
        assert len(tokens) == 4
        for token in tokens:
            TypeAdapter(Token).validate_python(token)
        assert SEALER.number_token("1234") == SEALER.number_token("1234")

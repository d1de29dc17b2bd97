"""Stable codes: each says what to do next in both languages, and each is said by somebody."""

import re
from pathlib import Path

import pytest

from cases.errors import REMEDIES, Advice, CaseError, Code, Remedy

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("activities", "cases", "demo", "desk", "gate", "intake", "runtime", "stack", "workflows")
    for path in (ROOT / folder).rglob("*.py")
    if path != ROOT / "cases" / "errors.py"
] + [ROOT / "starter.py", ROOT / "worker.py"]
FUNCTIONS = sorted((ROOT / "deploy" / "migrations").glob("*/*.sql"))
REFUSES = re.compile(r"(?:RAISE EXCEPTION|MESSAGE =) '([A-Z][A-Z0-9_]+)'")
"""A function of the register says a code."""
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_to_do_in_both_languages(code: Code) -> None:
    remedy = REMEDIES[code]
    assert isinstance(remedy, Remedy)
    assert remedy.en.strip() == remedy.en
    assert remedy.en.endswith((".", "-"))
    assert not HAN.search(remedy.en)
    assert len(HAN.findall(remedy.zh)) >= 4
    assert remedy.zh.strip() == remedy.zh


def test_there_is_a_remedy_for_nothing_else() -> None:
    assert set(REMEDIES) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_code_is_plain_text_that_stays(code: Code) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{2,39}", code.value)
    # Pre-checks carry the numbers of live card systems; every other code is its own name.
    assert code.value == code.name or code.value in {f"PRECHECK_{answer}" for answer in (1, 2, 3, 4)}


def test_a_code_is_not_used_for_advice_as_well() -> None:
    assert not {code.value for code in Code} & {advice.value for advice in Advice}


@pytest.mark.parametrize(("field", "text"), [(None, "CASE_UNKNOWN"), ("case_id", "CASE_UNKNOWN (case_id)")])
def test_an_error_shows_its_code_and_field_and_nothing_else(field: str | None, text: str) -> None:
    error = CaseError(Code.CASE_UNKNOWN, field)
    assert (str(error), error.code, error.field) == (text, Code.CASE_UNKNOWN, field)


def test_every_code_and_every_advice_is_given_somewhere() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if path.exists())
    refused = {code for path in FUNCTIONS for code in REFUSES.findall(path.read_text(encoding="utf-8"))}
    names = [f"Code.{code.name}" for code in Code if code.value not in refused]
    names += [f"Advice.{advice.name}" for advice in Advice]
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", said)] == []
    assert refused <= {code.value for code in Code}

from cases.names import SearchAttribute
from workflows.search_attributes import SEARCH_ATTRIBUTES


def test_search_attributes_hold_no_more_than_the_contract_names() -> None:
    assert SEARCH_ATTRIBUTES == {
        "CaseKind": "Keyword",
        "CaseStatus": "Keyword",
        "CaseMilestone": "Keyword",
        "CaseRegion": "Keyword",
        "CaseCategory": "Keyword",
        "CaseAttention": "KeywordList",
        "CaseRung": "Int",
        "CaseDueAt": "Datetime",
    }


def test_each_name_has_its_type() -> None:
    assert set(SEARCH_ATTRIBUTES) == {name.value for name in SearchAttribute}

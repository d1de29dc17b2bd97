"""What a case knows about itself."""

from tests.cases.moving import in_review
from tests.scenes import (
    CERTIFICATE,
    ID_CARD,
)


def test_the_content_is_that_of_the_application_and_its_copies_in_any_order() -> None:
    one, other = in_review(ID_CARD, CERTIFICATE), in_review(CERTIFICATE, ID_CARD)
    assert one.content == other.content
    assert one.content != in_review(ID_CARD).content
    assert one.content != one.model_copy(update={"generation": 2}).content

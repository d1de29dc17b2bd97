"""Which addresses may be spoken with: over TLS, or on this machine, and only where all readers read the same host."""

import pytest

from activities.addresses import NO_REGISTER, NO_TLS, fault_of_register, is_web, read_url

PLANTED = "hunter2-planted"


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example.invalid/token", True),
        ("https://id.example.invalid:8443/token", True),
        ("HTTPS://id.example.invalid/token", True),
        ("http://127.0.0.1:9/token", True),
        ("http://localhost/token", True),
        ("http://[::1]:9/token", True),
        ("http://id.example.invalid/token", False),
        ("http://127.0.0.1.example.invalid/", False),
        ("http://127.0.0.1@id.example.invalid/", False),
        ("http://localhost.example.invalid/", False),
        ("http://localhost%2eexample.invalid/", False),
        ("http://id.example.invalid\\@127.0.0.1/", False),
        ("http://127.0.0.1\\.example.invalid/", False),
        ("http://127.0.0.1 .example.invalid/", False),
        ("http://127.0.0.1\t/", False),
        ("http://１２７.0.0.1/", False),
        ("http://0.0.0.0/", False),
        ("http://2130706433/", False),
        ("https://u:p@id.example.invalid/", False),
        ("https://id.example.invalid:99999/", False),
        ("https://id.example.invalid:-1/", False),
        ("https://id.example.invalid:0/", False),
        ("https://id.example.invalid:/", False),
        ("https://id.example.invalid:port/", False),
        ("https://id.example.invalid/#a", False),
        ("https://id.example.invalid/?a=1", False),
        ("ftp://127.0.0.1/", False),
        ("//127.0.0.1/", False),
        ("https://", False),
        ("https:///token", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_secrets_travel_over_tls_or_on_this_machine(url: str, *, safe: bool) -> None:
    assert is_web(url) is safe


def test_a_query_is_taken_where_it_may_be_and_a_fragment_never() -> None:
    assert is_web("https://id.example.invalid/?a=1", may_ask=True)
    assert not is_web("https://id.example.invalid/#a", may_ask=True)
    assert not is_web("http://id.example.invalid/?a=1", may_ask=True)


def test_what_cannot_be_read_has_no_parts() -> None:
    assert read_url("smtp://mail.example.invalid:587") is not None
    for url in ("smtp://mail.example.invalid:587587", "smtp://:587", "smtp:mail", "x" * 10):
        assert read_url(url) is None


HERE = f"postgresql://cardcase:{PLANTED}@127.0.0.1:5432/cardcase"
ELSEWHERE = f"postgresql://cardcase:{PLANTED}@db.example.invalid:5432/cardcase"


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (HERE, None),
        (f"{HERE}?sslmode=disable", None),
        (f"{ELSEWHERE}?sslmode=verify-full", None),
        (f"{ELSEWHERE}?sslmode=verify-full&sslrootcert=/etc/ca.pem&passfile=/run/secrets/pgpass", None),
        ("postgresql://u@a.example.invalid,b.example.invalid/d?sslmode=verify-full&target_session_attrs=primary", None),
        (ELSEWHERE, NO_TLS),
        (f"{ELSEWHERE}?sslmode=require", NO_TLS),
        (f"{ELSEWHERE}?sslmode=VERIFY-FULL", NO_TLS),
        (f"{ELSEWHERE}?xsslmode=verify-full", "says what may not stand there"),
        # The driver reads the last one.
        (f"{ELSEWHERE}?sslmode=verify-full&sslmode=disable", "says something twice"),
        (f"{ELSEWHERE}?sslmode=disable&sslmode=verify-full", "says something twice"),
        (f"{ELSEWHERE}?sslmode=verify-full&%73slmode=disable", "says something twice"),
        # The driver believes these and not the host before them.
        (f"{HERE}?host=db.example.invalid", "says what may not stand there"),
        (f"{HERE}?service=elsewhere", "says what may not stand there"),
        (f"{HERE}?port=1", "says what may not stand there"),
        ("postgresql://u@127.0.0.1,db.example.invalid/d", NO_TLS),
        # These are sent to the server as settings of the session.
        (f"{HERE}?search_path=evil", "says what may not stand there"),
        (f"{HERE}?session_replication_role=replica", "says what may not stand there"),
        (f"{HERE}?sslmode=verify-full&", NO_REGISTER),
        (f"{HERE}?sslmode", NO_REGISTER),
        (f"{HERE}#x", NO_REGISTER),
        (f"mysql://u:{PLANTED}@h/db", NO_REGISTER),
        (f"postgresql:///db?password={PLANTED}", NO_REGISTER),
    ],
)
def test_a_register_elsewhere_needs_tls_that_nothing_contradicts(url: str, fault: str | None) -> None:
    assert fault_of_register(url, needs_tls=True) == fault
    assert fault_of_register(url, needs_tls=False) == (None if fault == NO_TLS else fault)

"""Everything the register holds of one case and its person, in a form that is equal for equal lives of two persons.

Moments, row IDs, tokens and ciphertexts are left out, since they differ between any two cases; what was done, in which
step, how often and in which order is all there.
"""

from typing import Any, Final, TypeAlias

from activities.registry.pool import Pool, connection_of

Ledger: TypeAlias = dict[str, list[tuple[Any, ...]]]

_OF_CASE: Final = {
    "cases": "status, milestone, version, generation, attention, road, verifier, approver, closed_at IS NULL",
    "case_files": "generation, receipt IS NULL",
    "idempotency_keys": "generation",
    "transitions": "version, step, event, from_status, to_status, milestone, actor",
    "events": "step, kind, target",
    "notifications": "event, recipient, template",  # whether one has reached anybody is no effect of the step
    "entitlement_snapshots": "version, compared_at IS NOT NULL, digest_after = digest",
    "disputes": "state",
    "turns": "generation",
    "turn_waiters": "generation",
}
_OF_PERSON: Final = {
    "numbers": "digits, state, valid_from IS NULL, valid_to IS NULL, case_id IS NULL, ended_by_case IS NULL",
    "claims": "scheme, amount_fen, suspended_for, state, requeued_by IS NULL",
    "benefit_holds": "reason, state, released_by_case IS NULL",
    "cards": "code, in_production, functions::text, printed_data_outdated, payment_authority, replaces IS NULL, "
    "number IS NULL, batch, handed_over_by, case_id IS NULL",
}


async def ledger_of(pool: Pool, case_id: str) -> Ledger:
    """The register's rows of a case and of its person, as of one moment."""
    person = case_id.partition("-")[2]
    queries = {table: f"SELECT {columns} FROM {table} WHERE case_id = $1" for table, columns in _OF_CASE.items()}  # noqa: S608 - from the tables above
    queries |= {
        table: f"SELECT {columns} FROM {table} WHERE person_id = (SELECT id FROM persons WHERE token = $1)"  # noqa: S608 - from the tables above
        for table, columns in _OF_PERSON.items()
    }
    async with connection_of(pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return {
            table: sorted(
                (tuple(row) for row in await connection.fetch(query, case_id if table in _OF_CASE else person)),
                key=repr,
            )
            for table, query in queries.items()
        }

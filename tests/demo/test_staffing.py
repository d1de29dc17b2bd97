"""The offices of the demonstration: whoever is told about a sample case exists and can be reached."""

from datetime import date

from activities.registry.pool import create_pool
from activities.sealing import KeyRing, Sealer
from activities.supervision.directory import read_directory, told_about
from cases.offices import Recipient
from demo.staffing import staffed
from samples.people import OFFICES
from stack import LocalStack
from tests.engine import migrated_database


async def test_everybody_who_is_told_about_a_sample_case_exists_and_can_be_reached(stack: LocalStack) -> None:
    url = await migrated_database(stack, "demo_staffing")
    pool = await create_pool(url, size=2)
    try:
        sealer = Sealer(KeyRing.sample())
        assert (await staffed(pool, sealer)).unreachable == ()
        assert (await staffed(pool, sealer)).contacts.added == 0
        directory = await read_directory(pool)
    finally:
        await pool.close()
    for region in (region for office in OFFICES for region in office.regions):
        told = told_about(directory, region, date(2026, 8, 24))
        assert {each.recipient for each in told} == set(Recipient) - {Recipient.applicant}

"""A process that holds keys leaves no core behind and lets nobody look into it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = {
    "the worker": "runpy.run_path('worker.py', run_name='__main__')",
    "the gate": "runpy.run_module('gate', run_name='__main__')",
    "the intake service": "runpy.run_module('intake', run_name='__main__')",
    "the desk": "runpy.run_module('desk', run_name='__main__')",
    "the command line": "runpy.run_path('starter.py', run_name='__main__')",
}


def run(program: str) -> subprocess.CompletedProcess[str]:
    # S603: the program is the one that runs the tests.
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("starting", PROGRAMS.values(), ids=PROGRAMS)
def test_every_program_says_so_before_it_does_anything_else(starting: str) -> None:
    said = run(f"""
import os, runpy, sys
from runtime import dumps
def said():
    print("left", flush=True)
    os._exit(0)
dumps.leave_no_dump = said
sys.argv = ["program", "--help"]
{starting}
""")
    assert said.stdout == "left\n", said.stderr


def test_no_core_is_written_and_nobody_of_the_same_user_may_attach() -> None:
    said = run("""
import ctypes, os, resource
from runtime.dumps import leave_no_dump
leave_no_dump()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))
child = os.fork()
if not child:
    os.abort()
print(os.WCOREDUMP(os.waitpid(child, 0)[1]))
""")
    assert said.stdout.split("\n")[:2] == ["(0, 0) 0", "False"], said.stderr


def test_it_may_still_open_its_own_files_in_memory() -> None:
    # Root is let in everywhere; what is imported is read before.
    said = run("""
import os
from intake.files.memory import memory_file, path_of
from runtime.dumps import leave_no_dump
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
leave_no_dump()
with memory_file() as file:
    file.write(b"kept")
    file.flush()
    print(path_of(file).read_bytes())
""")
    assert said.stdout == "b'kept'\n", said.stderr

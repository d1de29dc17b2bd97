"""Runs the worker of a contestant, or its client, which `benchmarks.cases` tells what to do line by line."""

import asyncio
import sys
from importlib import import_module

from benchmarks.contestants.playing import answer_lines
from runtime.ending import end

name, part = sys.argv[1:]
# What runs next reads a command line of its own.
del sys.argv[1:]
contestant = import_module(f"benchmarks.contestants.{name}")
if part == "client":
    asyncio.run(answer_lines(contestant.client()))
else:
    contestant.worker()
end(0)

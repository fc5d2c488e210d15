"""The words of docs/performance.md. Figures come from the results; what is said here is true whatever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Figures:
    """What the words name: ``{f.at}`` and so on."""

    def __init__(self, about: Mapping[str, Any], measures: Mapping[str, Any]) -> None:
        self.at, self.processor, self.cores = about["at"], about["processor"], about["cores"]
        self.system, self.python = about["system"], about["python"]
        self.dlt, self.singer, self.airbyte = (about["versions"][name] for name in ("dlt", "singer", "airbyte"))
        self.before, self.after = about["load_before"], about["load_after"]
        quiet = self.before < 1
        self.conditions = (
            "The machine did nothing else when it began."
            if quiet
            else "**Other programs kept the machine busy**: seconds of wall clock, and what is made of them, say little here; CPU seconds "
            "are dearer than on a quiet machine, for all contestants alike."
        )
        one = measures["checkpoints"]
        self.parts, self.part_records = one["parts"], one["records"]
        self.part_cpu = one["cpu_ms_a_part"]


METHOD = """# Performance

<!-- Made by `python -m tests.benchmarks race --page` from performance/results.json. -->

Transload moves records without looking at more of them than their key and cursor. How much that saves is measured here against other
tools on the same records, the same API and the same S3 server, in one run on one machine. Only ratios mean anything elsewhere.

{targets}

![records per CPU second](performance/cpu.svg)
![records per second](performance/wall.svg)
![records per second with latency](performance/latency.svg)
![peak memory](performance/memory.svg)

Run it: `make race` (about an hour on a quiet machine, and 20 GB of memory for one of the rivals; writes this page anew). One case of your own:
`python -m tests.benchmarks race --records 200000 --size 1000 --latency 0 50 --rivals ours dlt`. `make bench` has a small one.

## Conditions

{f.at}, {f.processor}, {f.cores} cores, {f.system}, Python {f.python} for all. Load average before {f.before}, after {f.after}. {f.conditions}

**The API** is a small one of pages of 1,000 records (at most 1 MB), with the next page's address in each: something that every tool can
speak without custom code, which the two steps of PestRoutes are not. It can be read whole or office by office, eight of them, so that tools
that only fetch partitions side by side can do so. Pages are rendered into a file before anything is measured, and sent by the kernel from
there: the floor shows how little the server holds anybody up. Records have text (a little of it beyond ASCII), numbers, numbers as
text, nulls, a nested object and a list. The S3 server is SeaweedFS. Server, store and contestant share the cores.

**Measured** is the whole process from start to exit, imports included, with all its children: wall clock; CPU seconds of user and
system; memory resident in all processes at one moment, looked at 20 times a second, or the most that one of them ever held where that is more (pages
that processes share count in each). Requests are those that the API saw. After each run all stored lines are counted, and must be as many
as there are records. Whoever needs less than 10 seconds is run three times: the least time counts, and the most memory.

## Contestants

Each rival is installed by the benchmark in an environment of its own, from a lock with hashes (`requirements/rival-*.txt`), compiled in
advance, and configured for speed by what its documentation offers.

| contestant | what it does | configured |
|---|---|---|
| Transload | a source of 100 lines for this API (`tests/benchmarks/race/ours.py`) → gzipped JSON lines on S3, with checkpoints, checksums, commit record | nothing: its defaults, 4 requests at once |
| {f.dlt} | `rest_api` source → `filesystem` destination, gzipped JSON lines on S3 | a parallelized resource an office; nested values kept as JSON, no child tables; as many processes to normalize as cores; files of 50,000 items, so that these share them; buffers of 10,000 items; no compression between stages; telemetry off |
| {f.singer} | tap of the SDK → target, gzipped JSON lines on S3 | the SDK's msgspec writer; no type conformance; rows taken without JSONPath; one process each for tap and target. The target is the one of its kind that PyPI has; it is not of the SDK, and its last release is some years old |
| {f.airbyte} | low-code source (`airbyte_manifest.yaml`), run by its own command, to /dev/null: no destination at all | a partition an office, 4 read at once; no transformations |
| naive script | requests, `json.dumps`, gzip, boto3 in 20 lines (`naive.py`): one object, nothing resumed, checked or committed | nothing |
| floor | requests for the same pages, bodies thrown away: nothing parsed, compressed or stored | one by one, and 4 at once; targets take the faster |

Rivals also do what Transload leaves to dbt: dlt infers types and renames columns, the target validates. That is what a user of them pays for,
and the point of leaving it out. Their gzip is zlib's at level 6 or 9; ours is ISA-L's at level 2, whose objects are a tenth larger.

## All runs

{tables}

## Where ours spends its time

{stages}

The first five rows are steps done alone, in one thread, on the records of the race; the sum is what no arrangement of threads gets under. Receiving, compressing and hashing let go
of Python's lock, so they overlap on two cores; decoding and splitting hold it. That is what limits records per second: the floor
does none of it, and here its server is as fast as the kernel can copy. Behind a vendor's server, which renders what it sends, ours waits as the floor
does: of a bare loop over the PestRoutes sandbox it reached 0.61 to 0.76 (`make bench`), the more the slower that served.

What was made faster where the profile pointed: splitting a page takes 0.56 of the CPU seconds that it took, both ways in one process on the same pages:
lines are joined with one copy less, UTF-8 is checked in blocks and not record by record, newlines are looked for and not counted, the newest cursor
is found without a step of Python a record. `verify` opens the commit record of its window instead of all. What did not help: to have glibc keep
the memory of pages (no CPU seconds less, some megabytes more).

Of the peak, 58 MiB are there before the first record: Python, requests, botocore. The rest is pages under way and two pieces of an upload, and what lies between them
unused; from run to run it differs by some megabytes. To have glibc give large blocks back at once takes 4 MiB off and costs 5 % of the records per CPU second, so it is not done.

## Checkpoints, many loads, dbt

A part costs {f.part_cpu} ms of CPU beside its records (an upload, a checkpoint;
{f.part_records:,} records in {f.parts} parts against one). Parts hold 250,000 records unless told otherwise.

{many}

The next load and `verify` read the names of commit records, a thousand a request; `loads` reads every record. Times are of whole commands.

{staging}

dbt reads all loads of a stream whenever it stages it, on DuckDB here; the time grows with the records.
"""

"""Pages into parts: where parts end, what a resume fetches again, and what becomes of records that cannot be read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from transload.errors import ContractBroken, LakeUnavailable, QuotaExhausted, SourceUnavailable, WindowTaken
from transload.lake import Lake
from transload.layout import StreamKeys, open_checkpoints
from transload.load import Load
from transload.page import Page, Rejected
from transload.records import CommitRecord

KEYS = StreamKeys("source", "stream")
LATER = datetime.now(UTC) + timedelta(days=1)
SIZE_OF_A_RECORD = len('{"id":0,"pad":""}\n')

MakeLoad = Callable[..., Load]
MakePages = Callable[..., list[Page]]
Pour = Callable[..., None]
Read = Callable[[Lake], list[bytes]]


def load_all(lake: Lake, make_load: MakeLoad, pour: Pour, pages: Any, **limits: Any) -> CommitRecord:
    load = make_load(lake)
    load.begin()
    pour(load, pages, **limits)
    return load.commit()


def bodies(pages: list[Page]) -> list[bytes]:
    return [bytes(record) for page in pages for record in page.records]


@pytest.mark.parametrize(
    ("sizes", "batch_size", "parts"),
    [
        ((2, 2, 2), 4, [4, 2]),  # a page fills the part to the last record
        ((2, 2, 2), 5, [4, 2]),  # the page that would pass the limit opens the next part
        ((3, 3), 3, [3, 3]),
        ((1,) * 7, 3, [3, 3, 1]),
        ((0, 2, 0, 2, 0), 2, [2, 2]),  # empty pages open no part
        ((), 3, []),
        ((5,), 5, [5]),
        ((7,), 3, [3, 3, 1]),  # a page larger than a part is cut
        ((1, 7, 1), 3, [1, 3, 3, 1, 1]),  # and noted at once, so its last part ends with it
    ],
)
def test_a_part_closes_before_the_page_that_would_pass_its_records(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    committed: Read,
    sizes: tuple[int, ...],
    batch_size: int,
    parts: list[int],
) -> None:
    record = load_all(directory_lake, make_load, pour, make_pages(*sizes), batch_size=batch_size)
    assert [part.records for part in record.parts] == parts
    assert committed(directory_lake) == bodies(make_pages(*sizes))


@pytest.mark.parametrize(
    ("part_bytes", "parts"),
    [
        (4 * SIZE_OF_A_RECORD, [4, 2]),  # two pages are exactly as many bytes as a part may have
        (4 * SIZE_OF_A_RECORD - 1, [2, 2, 2]),
        (6 * SIZE_OF_A_RECORD, [6]),
    ],
)
def test_a_part_closes_before_the_page_that_would_pass_its_bytes(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    part_bytes: int,
    parts: list[int],
) -> None:
    record = load_all(directory_lake, make_load, pour, make_pages(2, 2, 2), part_bytes=part_bytes)
    assert [part.records for part in record.parts] == parts


def test_a_page_of_too_many_bytes_is_cut_and_no_part_passes_its_limit(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, read_part: Any
) -> None:
    pages = make_pages(1, 100, 1, pad=50)
    record = load_all(directory_lake, make_load, pour, pages, part_bytes=1000)
    assert committed(directory_lake) == bodies(pages)
    assert len(record.parts) > 5
    assert all(len(read_part(directory_lake, part.key)) <= 1000 for part in record.parts)


def test_a_record_larger_than_a_part_is_a_part_by_itself(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour, committed: Read
) -> None:
    records = [b'{"id":1}', b'{"id":2,"pad":"%s"}' % (b"x" * 5000), b'{"id":3}']
    record = load_all(directory_lake, make_load, pour, [Page(records, 3)], part_bytes=1000)
    assert committed(directory_lake) == records
    assert 5000 not in [part.records for part in record.parts]
    assert max(part.records for part in record.parts) == 1


@pytest.mark.parametrize("dies_after", range(8))
def test_a_resumed_load_equals_an_undisturbed_one_and_fetches_no_noted_part_again(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    committed: Read,
    dies_after: int,
) -> None:
    sizes = (2, 3, 1, 8, 2, 1, 4)  # with a page that is cut
    load = make_load(directory_lake)
    load.begin()
    pages = make_pages(*sizes)

    def dies() -> Iterator[Page]:
        yield from pages[:dies_after]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        pour(load, dies(), batch_size=5)
    checkpoint = next(open_checkpoints(directory_lake, KEYS))[1]
    noted = sum(part.records for part in checkpoint.parts)
    assert noted == (checkpoint.token or 0)  # the token stands exactly for what is in the parts
    assert directory_lake.unfinished(KEYS.root, LATER, remove=False) == 0

    again = make_load(directory_lake)
    again.begin()
    pour(again, make_pages(*sizes, after=again.checkpoint.token), batch_size=5)
    record = again.commit()
    assert committed(directory_lake) == bodies(pages)
    assert record.records == len(bodies(pages))
    assert record.raw_bytes == sum(len(body) + 1 for body in bodies(pages))
    assert record.cursor is not None
    assert record.cursor.max == pages[-1].cursor_max


def test_parts_are_noted_while_the_load_goes_on(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour
) -> None:
    load = make_load(directory_lake)
    load.begin()
    noted: list[int] = []

    def watching() -> Iterator[Page]:
        for page in make_pages(*[1] * 40):
            noted.append(len(next(open_checkpoints(directory_lake, KEYS))[1].parts))
            yield page

    pour(load, watching(), batch_size=1)
    # A few pages wait between fetching and writing, and one is being written.
    assert all(n - behind <= 8 for n, behind in enumerate(noted))


def test_behind_a_barrier_the_source_goes_on_only_when_its_token_is_in_the_checkpoint(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    load = make_load(directory_lake)
    load.begin()
    found: list[tuple[Any, int]] = []

    def exporting() -> Iterator[Page]:
        yield from make_pages(2)
        for job in ("job 1", "job 2"):
            yield Page([], job, barrier=True)
            checkpoint = next(open_checkpoints(directory_lake, KEYS))[1]
            found.append((checkpoint.token, sum(part.records for part in checkpoint.parts)))

    pour(load, exporting())
    load.commit()
    assert found == [("job 1", 2), ("job 2", 2)]
    assert committed(directory_lake) == bodies(make_pages(2))


def test_a_restart_forgets_what_came_before_in_this_and_in_earlier_attempts(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    bad = [Page([b'{"id":%d,"odd":1}' % n], n, "9", [Rejected("x", "bad")], {"seen": 1}) for n in range(3)]
    first = make_load(directory_lake)
    first.begin()
    pour(first, bad, max_quarantined=9, batch_size=1)
    second = make_load(directory_lake)
    second.begin()
    good = make_pages(2, 3)

    def pages() -> Iterator[Page]:
        yield bad[0]
        yield Page([], "again", restart=True, barrier=True)
        checkpoint = next(open_checkpoints(directory_lake, KEYS))[1]
        assert (checkpoint.token, checkpoint.parts) == ("again", [])
        yield from good

    pour(second, pages(), max_quarantined=9)
    record = second.commit()
    assert committed(directory_lake) == bodies(good)
    assert (record.records, record.quarantined, record.notes, record.unknown_fields.names) == (5, 0, {}, [])
    assert record.cursor is not None
    assert record.cursor.max == good[-1].cursor_max
    assert record.raw_bytes == sum(len(body) + 1 for body in bodies(good))


def test_an_attempt_that_lost_its_window_never_passes_a_barrier(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour
) -> None:
    load = make_load(directory_lake)
    load.begin()
    make_load(directory_lake).begin()  # takes it over

    def exporting() -> Iterator[Page]:
        yield Page([], "job", barrier=True)
        raise AssertionError("it would start the export a second time")

    with pytest.raises(WindowTaken):
        pour(load, exporting())


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_parts_are_compressed_as_asked(
    directory_lake: Lake,
    make_load: MakeLoad,
    make_pages: MakePages,
    pour: Pour,
    committed: Read,
    compression: str,
) -> None:
    load = make_load(directory_lake, compression=compression)
    load.begin()
    pour(load, make_pages(500, pad=100))
    part = load.commit().parts[0]
    assert part.key.endswith({"gzip": ".json.gz", "zstd": ".json.zst", "none": ".json"}[compression])
    assert committed(directory_lake) == bodies(make_pages(500, pad=100))
    assert (part.bytes < 20_000) == (compression != "none")


def test_a_sample_takes_exactly_so_many_records(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    for limit in (1, 4, 5, 6, 100):
        record = load_all(directory_lake, make_load, pour, make_pages(2, 3, 4), records=limit)
        assert record.records == min(limit, 9)
        assert committed(directory_lake) == bodies(make_pages(2, 3, 4))[:limit]


def test_a_sample_fetches_no_page_beyond_its_last_record(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour
) -> None:
    def never_asked_for() -> Iterator[Page]:
        yield from make_pages(2, 2)
        raise AssertionError("a page too many")

    assert load_all(directory_lake, make_load, pour, never_asked_for(), records=4).records == 4


def test_a_resumed_sample_takes_no_more_records_than_an_undisturbed_one(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read
) -> None:
    load = make_load(directory_lake)
    load.begin()
    pour(load, make_pages(2, 2, 2), batch_size=2, records=8)  # and dies before it has them all
    again = make_load(directory_lake)
    again.begin()
    assert again.checkpoint.token == 6
    pour(again, make_pages(2, 2, 2, 2, 2, after=again.checkpoint.token), batch_size=2, records=8)
    assert again.commit().records == 8
    assert committed(directory_lake) == bodies(make_pages(2, 2, 2, 2))


@pytest.mark.parametrize(
    "error",
    [QuotaExhausted("come back", LATER), SourceUnavailable("down"), ContractBroken("nonsense")],
    ids=lambda one: type(one).__name__,
)
def test_what_the_source_gave_before_it_failed_is_kept(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, committed: Read, error: Exception
) -> None:
    def gives_up() -> Iterator[Page]:
        yield from make_pages(*[2] * 9)
        raise error

    load = make_load(directory_lake)
    load.begin()
    with pytest.raises(type(error)):
        pour(load, gives_up())
    again = make_load(directory_lake)
    again.begin()
    assert again.checkpoint.token == 18
    pour(again, make_pages(*[2] * 10, after=18))
    again.commit()
    assert committed(directory_lake) == bodies(make_pages(*[2] * 10))


def broken_page(good: int, bad: int) -> Page:
    records = [b'{"id":%d}' % n for n in range(good)]
    rejected = [
        Rejected(f'{{"broken":{n}, "name":"käse\n"}}', "no primary key: id is missing or null") for n in range(bad)
    ]
    return Page(records, 1, None, rejected)


def quarantined(lake: Lake) -> list[Any]:
    found: list[Any] = []
    for one in lake.list(KEYS.quarantine):
        with lake.open(one.key) as pieces:
            found += [json.loads(line) for line in gzip.decompress(b"".join(pieces)).splitlines()]
    return found


def test_records_that_cannot_be_read_go_to_quarantine_with_the_reason(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour, committed: Read
) -> None:
    pages = [broken_page(2, 1), broken_page(0, 2)]
    record = load_all(directory_lake, make_load, pour, pages, max_quarantined=3)
    assert (record.records, record.quarantined) == (2, 3)
    assert len(committed(directory_lake)) == 2
    assert quarantined(directory_lake) == [
        {"reason": one.reason, "record": one.text} for page in pages for one in page.rejected
    ]


def test_more_rejected_records_than_allowed_end_the_run_but_can_be_looked_at(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour, committed: Read
) -> None:
    load = make_load(directory_lake)
    load.begin()
    with pytest.raises(ContractBroken, match=r"3 records .* --max-quarantined 2.*no primary key.*_quarantine/"):
        pour(load, [broken_page(2, 1), broken_page(0, 2)], max_quarantined=2)
    assert committed(directory_lake) == []
    assert len(quarantined(directory_lake)) == 3
    # Allowed now, the same load goes on, and counts each of them once.
    again = make_load(directory_lake)
    again.begin()
    pour(again, [broken_page(2, 1), broken_page(0, 2)], max_quarantined=3)
    assert again.commit().quarantined == 3


def test_the_count_of_rejected_records_goes_on_over_attempts(
    directory_lake: Lake, make_load: MakeLoad, pour: Pour
) -> None:
    first = make_load(directory_lake)
    first.begin()
    pour(first, [broken_page(2, 2)], max_quarantined=3)
    second = make_load(directory_lake)
    second.begin()
    with pytest.raises(ContractBroken, match=r"^4 records"):
        pour(second, [broken_page(1, 2)], max_quarantined=3)


def test_fields_that_the_schema_does_not_name_are_noted(directory_lake: Lake, make_load: MakeLoad, pour: Pour) -> None:
    pages = [Page([b'{"id":1,"new":2}'], 1), Page([b'{"id":2,"newer":null,"pad":1}', b'{"id":3,"not looked at":1}'], 3)]
    record = load_all(directory_lake, make_load, pour, pages)
    assert record.unknown_fields.names == ["new", "newer"]


def test_a_destination_that_fills_up_ends_the_fetching_too(
    directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages, pour: Pour, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = make_load(directory_lake)
    load.begin()

    def full(key: str) -> Any:
        raise LakeUnavailable("no space left")

    monkeypatch.setattr(directory_lake, "create", full)
    fetched: list[Page] = []

    def endless() -> Iterator[Page]:
        while True:
            fetched.extend(make_pages(1))
            yield fetched[-1]

    with pytest.raises(LakeUnavailable, match="no space left"):
        pour(load, endless(), batch_size=1)
    assert len(fetched) < 50


def test_progress_is_told_of_every_record(directory_lake: Lake, make_load: MakeLoad, make_pages: MakePages) -> None:
    from transload.flow import Limits, flow

    told: list[tuple[int, int]] = []
    load = make_load(directory_lake)
    load.begin()
    flow(make_pages(2, 3), load, Limits(2, 1 << 20, 0), frozenset(), lambda records, size: told.append((records, size)))
    assert sum(records for records, _ in told) == 5
    assert sum(size for _, size in told) == load.commit().raw_bytes

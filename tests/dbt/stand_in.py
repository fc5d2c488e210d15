"""A stand-in for Snowflake: fakesnow's server, and what that lacks and this project uses. Run as a process: ``PORT LAKE``.

Added, each as a model of what Snowflake documents:

- external tables: of the files under a stage's path only those are read that a refresh has registered; one that cannot be read
  to its end is passed over, one that is gone since is an error, the stricter of the two that Snowflake tells of;
- `copy into` out of a query with a list of files: all of them or none, no file twice, a missing one is an error;
- `list` of a stage's folder; the right to use a stage, which all have until it is revoked;
- blocks of asynchronous jobs, run one after another; integrations, grants, roles, warehouses, tags: taken, and without effect.

A stage, whatever its URL, is the folder LAKE (a directory, or `s3://` with the usual AWS variables). What is said here proves
nothing of Snowflake's own functions, privileges, limits or times.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import fakesnow.macros
import fakesnow.server
import fsspec
import uvicorn

# What has no effect here.
NOTHING = re.compile(
    r"(create|alter) (or replace )?(storage|notification) integration|grant |alter session |create role|create warehouse"
    r"|alter warehouse|use role|use warehouse|alter table \S+ (cluster by|resume recluster)|create (or replace )?stage"
    r"|create (or replace )?file format|alter user|create user",
    re.IGNORECASE,
)
CREATE = re.compile(
    r"create (?P<replace>or replace )?external table (?:if not exists )?(?P<name>\S+) \((?P<columns>.*?)\)\s*"
    r"(?:partition by \([^)]*\)\s*)?location = @(?P<stage>[^/\s]+)/(?P<path>\S*)\s+pattern = '(?P<pattern>[^']*)'\s+"
    r"file_format = \([^)]*\)\s+auto_refresh = \w+\s+refresh_on_create = (?P<refresh>\w+)\s+(?:copy grants\s+)?"
    r"comment = '(?P<comment>[^']*)'$",
    re.IGNORECASE | re.DOTALL,
)
REFRESH = re.compile(r"alter external table (?P<name>\S+) refresh(?: '(?P<folder>[^']*)')?$", re.IGNORECASE)
LIST = re.compile(r"list '@(?P<stage>[^/']+)/(?P<path>[^']*)'$", re.IGNORECASE)
RIGHT = re.compile(r"(?P<verb>grant|revoke) usage on stage (?P<stage>\S+)", re.IGNORECASE)
SHOW = re.compile(r"show external tables in schema (?P<schema>\S+)$", re.IGNORECASE)
BLOCK = re.compile(r"execute immediate \$\$\s*begin(?P<jobs>.*)await all;\s*end;\s*\$\$$", re.IGNORECASE | re.DOTALL)
COPY = re.compile(
    r"copy into (?P<table>\S+) \((?P<columns>[^)]*)\)\s*from \(\s*select(?P<select>.*?)from @(?P<stage>[^/\s]+)/(?P<path>\S*)\s*"
    r"\)\s*files = \((?P<files>[^)]*)\)\s*file_format = \([^)]*\)\s+on_error = abort_statement$",
    re.IGNORECASE | re.DOTALL,
)
# fakesnow joins both sides outwardly and then asks its rows for the condition: where that holds for NULL, as a null-safe one
# does, a row without a partner is taken for matched.
MERGE = re.compile(
    r"(merge into \S+ as existing\s+using \S+ as arrived\s+on )(.*?)(\s+when matched )", re.IGNORECASE | re.DOTALL
)
PARTNERS = r"\1existing._load_id is not null and arrived._load_id is not null and \2\3"
# The attributes of an activity, one object whichever way they came: of the functions that make it fakesnow has none, so here is
# the same in DuckDB's, and what Snowflake makes of its own is not seen.
ATTRIBUTES = re.compile(
    r"iff\((?P<text>[^\n]*?) in \('\[\]', '\{\}'\), null, coalesce\(\s*as_object\(try_parse_json\((?P=text)\)\),\s*reduce\("
    r".*?item:value, true\)\s*\)\s*\)\)",
    re.DOTALL,
)
ATTRIBUTES_MACRO = """
create or replace macro {catalog}._fs_attributes(content) as (
    case
        when content in ('[]', '{{}}') then null
        when starts_with(content, '[') then (
            select json_group_object(item->>'$.name', item->'$.value')
            from (select unnest(try_cast(try_cast(content as json) as json[])) as item)
        )
        when starts_with(content, '{{') then try_cast(content as json)
    end
);
"""
DONE = "select 'Statement executed successfully.' as status"
RECORDS = "read_ndjson_objects([{files}], filename=true, hive_partitioning=false)"


class RefusedError(Exception):
    """What Snowflake would answer with an error; the message is what is asserted on."""


@dataclass
class ExternalTable:
    """What is known of one."""

    columns: str
    stage: str
    path: str
    pattern: str
    comment: str
    files: set[str] = field(default_factory=set)
    passed_over: set[str] = field(default_factory=set)
    is_stale: bool = True  # the view that stands for it is not as it should be, or not there


@dataclass
class Snowflake:
    """The state that fakesnow does not have."""

    lake: str
    tables: dict[str, ExternalTable] = field(default_factory=dict)
    history: dict[str, set[str]] = field(default_factory=dict)
    copied: list[tuple[str, set[str]]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.files, self.root = fsspec.core.url_to_fs(self.lake)
        self.is_remote = self.lake.startswith("s3://")
        if self.is_remote:
            fakesnow.server.shared_fs.duck_conn.register_filesystem(self.files)

    def plan(self, sql: str) -> list[str]:
        """The statements that fakesnow is to run instead of one; the answer is the last one's."""
        text = re.sub(r"/\*.*?\*/", "", sql, flags=re.DOTALL).strip().rstrip(";")
        self.log.append(" ".join(text.split()))
        answers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[str]]], ...] = (
            (BLOCK, self._block),
            (CREATE, self._create),
            (REFRESH, lambda found: self._refresh(found["name"].lower(), found["folder"] or "")),
            (LIST, self._list),
            (RIGHT, self._right),
            (SHOW, lambda found: [self._show(found["schema"].lower())]),
            (COPY, self._copy),
        )
        for pattern, answered in answers:
            if found := pattern.match(text):
                return answered(found)
        if text.lower().startswith("select current_warehouse()"):
            return ["select 'TRANSLOAD' as warehouse"]
        if NOTHING.match(text):
            return [DONE]
        if text.lower() in ("commit", "rollback"):
            self._end(rolled_back=text.lower() == "rollback")
        # fakesnow takes no qualified name of a temporary table.
        sql = re.sub(r"(create or replace\s+)temporary\s+", r"\1", sql, flags=re.IGNORECASE)
        # It breaks at a zero date that is tried as a timestamp without zone, and not at one with.
        sql = re.sub(r"\bas timestamp_ntz\)", "as timestamp_tz)::timestamp_ntz", sql, flags=re.IGNORECASE)
        sql = ATTRIBUTES.sub(r"_fs_attributes(\g<text>)", sql)
        return [*self._views(text), MERGE.sub(PARTNERS, sql)]

    def _block(self, found: re.Match[str]) -> list[str]:
        jobs = re.findall(r"async \((.*?)\);\n", found["jobs"] + "\n", re.DOTALL)
        planned = [statement for job in jobs for statement in self.plan(job)]
        return [statement for statement in planned if statement != DONE] or [DONE]

    def _right(self, found: re.Match[str]) -> list[str]:
        (self.revoked.discard if found["verb"].lower() == "grant" else self.revoked.add)(stage_of(found))
        return [DONE]

    def _create(self, found: re.Match[str]) -> list[str]:
        name = found["name"].lower()
        if name in self.tables and not found["replace"]:
            return [DONE]
        self._authorize(stage_of(found))
        self.tables[name] = ExternalTable(
            found["columns"], stage_of(found), found["path"], found["pattern"], found["comment"]
        )
        return self._refresh(name, "") if found["refresh"].lower() == "true" else [DONE]

    def _refresh(self, name: str, folder: str) -> list[str]:
        if name not in self.tables:
            raise RefusedError(f"External table '{name.upper()}' does not exist or not authorized.")
        table = self.tables[name]
        self._authorize(table.stage)
        below = f"{self.root}/{table.path}{folder}".rstrip("/")
        there = {path for path in self.files.find(below) if re.fullmatch(table.pattern, path)}
        files = {path for path in table.files if not path.startswith(f"{below}/")} | there
        table.is_stale |= files != table.files or bool(table.passed_over)
        table.files = files
        return [DONE]

    def _views(self, sql: str) -> list[str]:
        """Makes the views of the external tables that a statement reads, where they are stale: each takes fakesnow long."""
        read = [name for name in self.tables if re.search(rf"{re.escape(name)}\b", sql, re.IGNORECASE)]
        for path in [] if self.is_remote else sorted(path for name in read for path in self.tables[name].files):
            self._demand(path)
        return [self._view(name) for name in read if self.tables[name].is_stale]

    def _view(self, name: str) -> str:
        table = self.tables[name]
        table.is_stale = False
        columns = ["value"]
        for column in split(table.columns):
            found = re.match(r"\s*(\S+)\s+(\S+)\s+as\s+\((.*)\)\s*$", column, re.IGNORECASE | re.DOTALL)
            assert found, column
            columns.append(f"({found[3].replace('metadata$filename', 'filename')})::{found[2]} as {found[1]}")
        records = "(select null::variant as value, '' as filename where false)"
        table.passed_over = {path for path in table.files if self._fault(path)}
        if files := sorted(table.files - table.passed_over):
            records = f"(select json as value, filename from {self._records(files)})"
        return f"create or replace view {name} as select {', '.join(columns)} from {records} as raw"

    def _records(self, files: Iterable[str]) -> str:
        protocol = "s3://" if self.is_remote else ""
        return RECORDS.format(files=", ".join(f"'{protocol}{path}'" for path in files))

    def _authorize(self, stage: str) -> None:
        if stage in self.revoked:
            raise RefusedError(f"Stage '{stage.upper()}' does not exist or not authorized.")

    def _demand(self, path: str) -> None:
        if not self.files.exists(path):
            raise RefusedError(f"Remote file '{path}' was not found.")

    def _fault(self, path: str) -> str | None:
        """What makes a file unreadable; those of a remote lake are not looked at."""
        if self.is_remote:
            return None
        try:
            content = self.files.cat_file(path)
            for line in (gzip.decompress(content) if path.endswith(".gz") else content).splitlines():
                json.loads(line)
        except (OSError, EOFError, ValueError) as error:
            return str(error)
        return None

    def _list(self, found: re.Match[str]) -> list[str]:
        self._authorize(stage_of(found))
        below = f"{self.root}/{found['path']}".rstrip("/")
        names = [path.removeprefix(self.root) for path in self.files.find(below)]
        rows = [f'select \'s3://bucket{name}\' as "name", 1 as "size"' for name in names]
        return [" union all ".join(rows) or 'select \'\' as "name", 1 as "size" where false']

    def _show(self, schema: str) -> str:
        rows = [
            f"select '{schema.split('.')[1].upper()}' as \"schema_name\", '{name.split('.')[2].upper()}' as \"name\","
            f" '{table.comment}' as \"comment\""
            for name, table in self.tables.items()
            if name.rpartition(".")[0] == schema
        ]
        return " union all ".join(rows) or "select '' as \"schema_name\", '' as \"name\", '' as \"comment\" where false"

    def _copy(self, found: re.Match[str]) -> list[str]:
        table = found["table"].lower()
        self._authorize(stage_of(found))
        named = {f"{self.root}/{found['path']}{file}" for file in re.findall(r"'([^']*)'", found["files"])}
        for path in sorted(named):
            self._demand(path)
            if fault := self._fault(path):
                raise RefusedError(f"Error parsing JSON: {fault}; file '{path}'")
        new = named - self.history.get(table, set())
        if not new:
            return ["select 'Copy executed with 0 files processed.' as status"]
        self.history.setdefault(table, set()).update(new)
        self.copied.append((table, new))
        select = found["select"].replace("$1", "value").replace("metadata$filename", "filename")
        records = f"(select json as value, filename from {self._records(sorted(new))}) as staged"
        return [f"insert into {table} ({found['columns']}) select {select} from {records}"]

    def _end(self, *, rolled_back: bool) -> None:
        """The history of loaded files is part of a transaction."""
        for table, files in self.copied if rolled_back else []:
            self.history[table] -= files
        self.copied.clear()


def stage_of(found: re.Match[str]) -> str:
    """The stage that a statement names, without its database."""
    return ".".join(found["stage"].lower().split(".")[-2:])


def split(columns: str) -> list[str]:
    """A list of columns by its commas, but for those in brackets and texts."""
    found, depth, quoted, current = [], 0, False, ""
    for character in columns:
        quoted ^= character == "'"
        depth += 0 if quoted else (character == "(") - (character == ")")
        if character == "," and depth == 0 and not quoted:
            found.append(current)
            current = ""
        else:
            current += character
    return [*found, current]


Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass
class StandIn:
    """Answers what a client of Snowflake asks; what went through is at /log."""

    snowflake: Snowflake

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/log":
            await answer(send, json.dumps(self.snowflake.log).encode())
        elif scope["type"] == "http" and scope["path"].startswith("/queries/v1/query-request"):
            await self.query(scope, await body_of(scope, receive), send)
        else:
            await fakesnow.server.app(scope, receive, send)

    async def query(self, scope: Message, request: dict[str, Any], send: Send) -> None:
        """Runs what is asked for, and stops at what is refused. What fakesnow breaks at would be tried again for minutes."""
        try:
            statements = self.snowflake.plan(request["sqlText"])
        except RefusedError as error:
            return await refuse(send, str(error))
        for number, statement in enumerate(statements):
            sent = await self.run(scope, {**request, "sqlText": statement})
            content = b"".join(message.get("body", b"") for message in sent)
            if sent[0]["status"] != 200:
                return await refuse(
                    send, f"the stand-in cannot do this: {statement}: {content.decode(errors='replace')}"
                )
            said = json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
            if not said["success"] or number == len(statements) - 1:
                for message in sent:
                    await send(message)
                return None
        return await refuse(send, "nothing to do")

    async def run(self, scope: Message, request: dict[str, Any]) -> list[Message]:
        """Fakesnow's answer to one statement."""
        headers = [(k, v) for k, v in scope["headers"] if k not in (b"content-encoding", b"content-length")]
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": json.dumps(request).encode()}

        async def keep(message: Message) -> None:
            sent.append(message)

        try:
            await fakesnow.server.app({**scope, "headers": headers}, receive, keep)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return [{"type": "http.response.start", "status": 500}, {"body": repr(error).encode()}]
        return sent


async def refuse(send: Send, message: str) -> None:
    """An error, as Snowflake's client reads one."""
    data = {"sqlState": "02000", "queryId": "1", "errorCode": "002003"}
    await answer(send, json.dumps({"success": False, "message": message, "code": "002003", "data": data}).encode())


async def body_of(scope: Message, receive: Receive) -> dict[str, Any]:
    """The JSON of a request."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if dict(scope["headers"]).get(b"content-encoding") == b"gzip":
        body = gzip.decompress(body)
    request: dict[str, Any] = json.loads(body)
    return request


async def answer(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def with_attributes(theirs: Callable[[str], str]) -> Callable[[str], str]:
    """What fakesnow makes in every database, and the macro."""
    return lambda catalog: theirs(catalog) + ATTRIBUTES_MACRO.format(catalog=catalog)


if __name__ == "__main__":
    fakesnow.macros.creation_sql = with_attributes(fakesnow.macros.creation_sql)
    stand_in = StandIn(Snowflake(sys.argv[2]))
    uvicorn.run(stand_in, host="127.0.0.1", port=int(sys.argv[1]), log_level=os.environ.get("LOG_LEVEL", "warning"))

-- Every committed load: what it should have brought, what the warehouse reads of it, and how late each came about.
with loads as (
    select * from {{ source('transload', 'loads') }} where mode <> 'sample'
),

visible as (
    select source, stream, load_id, sum(case when part <> '' then 1 else 0 end) as parts
    from ({{ visible_parts(source('transload', 'loads')) }}) as visible_parts
    group by source, stream, load_id
),

committed_parts as (
    select distinct source, stream, load_id, part from ({{ parts_of('loads') }}) as parts
),

staged as (
    select
        ledger.source, ledger.stream, ledger.load_id,
        sum(case when ledger.part <> '' then 1 else 0 end) as parts,
        sum(ledger.records) as records,
        max(ledger.staged_at) as staged_at
    from {{ source('transload', 'ledger') }} as ledger
    -- On Snowflake what a lost attempt left beside a load's parts is counted as well, and is not of the load.
    inner join committed_parts
        on ledger.source = committed_parts.source
        and ledger.stream = committed_parts.stream
        and ledger.load_id = committed_parts.load_id
        and ledger.part = committed_parts.part
    where ledger.load_path = '{{ load_path() }}'
    group by ledger.source, ledger.stream, ledger.load_id
)

select
    loads.source,
    loads.stream,
    loads.load_window,
    loads.mode,
    loads.load_id,
    loads.since,
    loads.until,
    loads.started_at,
    loads.committed_at,
    staged.staged_at,
    visible.load_id is not null as is_visible,
    loads.records,
    staged.records as records_read,
    visible.parts,
    staged.parts as parts_read,
    loads.quarantined,
    loads.bytes,
    loads.version,
    {{ dbt.datediff('loads.until', 'loads.committed_at', 'second') }} as commit_lag_seconds,
    {{ dbt.datediff('loads.committed_at', 'staged.staged_at', 'second') }} as staging_lag_seconds
from loads
left join visible
    on loads.source = visible.source and loads.stream = visible.stream and loads.load_id = visible.load_id
left join staged
    on loads.source = staged.source and loads.stream = staged.stream and loads.load_id = staged.load_id

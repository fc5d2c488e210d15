create external table if not exists ANALYTICS.transload.loads (
        record_format integer as (try_to_number(trim(value:"format"::varchar), 38, 0)),
        source varchar as (nullif(nullif(trim(replace(value:"source"::varchar, chr(0), '')), ''), 'N/A')),
        stream varchar as (nullif(nullif(trim(replace(value:"stream"::varchar, chr(0), '')), ''), 'N/A')),
        load_window varchar as (nullif(nullif(trim(replace(value:"window"::varchar, chr(0), '')), ''), 'N/A')),
        mode varchar as (nullif(nullif(trim(replace(value:"mode"::varchar, chr(0), '')), ''), 'N/A')),
        since timestamp_ntz as (iff(
            regexp_like(value:"since"::varchar, '.*([0-9]:[0-9.:]+ ?(Z|Z?[+-][0-9]{2}:?[0-9]{0,2})$)'),
            convert_timezone('UTC', try_cast(
                regexp_replace(trim(value:"since"::varchar), 'Z?([+-][0-9]{2}):?([0-9]{2})$', '\\1:\\2') as timestamp_tz
            ))::timestamp_ntz,
            convert_timezone('UTC', 'UTC', try_cast(trim(value:"since"::varchar) as timestamp_ntz))
        )),
        until timestamp_ntz as (iff(
            regexp_like(value:"until"::varchar, '.*([0-9]:[0-9.:]+ ?(Z|Z?[+-][0-9]{2}:?[0-9]{0,2})$)'),
            convert_timezone('UTC', try_cast(
                regexp_replace(trim(value:"until"::varchar), 'Z?([+-][0-9]{2}):?([0-9]{2})$', '\\1:\\2') as timestamp_tz
            ))::timestamp_ntz,
            convert_timezone('UTC', 'UTC', try_cast(trim(value:"until"::varchar) as timestamp_ntz))
        )),
        load_id varchar as (nullif(nullif(trim(replace(value:"load_id"::varchar, chr(0), '')), ''), 'N/A')),
        attempt integer as (try_to_number(trim(value:"attempt"::varchar), 38, 0)),
        started_at timestamp_ntz as (iff(
            regexp_like(value:"started_at"::varchar, '.*([0-9]:[0-9.:]+ ?(Z|Z?[+-][0-9]{2}:?[0-9]{0,2})$)'),
            convert_timezone('UTC', try_cast(
                regexp_replace(trim(value:"started_at"::varchar), 'Z?([+-][0-9]{2}):?([0-9]{2})$', '\\1:\\2') as timestamp_tz
            ))::timestamp_ntz,
            convert_timezone('UTC', 'UTC', try_cast(trim(value:"started_at"::varchar) as timestamp_ntz))
        )),
        committed_at timestamp_ntz as (iff(
            regexp_like(value:"committed_at"::varchar, '.*([0-9]:[0-9.:]+ ?(Z|Z?[+-][0-9]{2}:?[0-9]{0,2})$)'),
            convert_timezone('UTC', try_cast(
                regexp_replace(trim(value:"committed_at"::varchar), 'Z?([+-][0-9]{2}):?([0-9]{2})$', '\\1:\\2') as timestamp_tz
            ))::timestamp_ntz,
            convert_timezone('UTC', 'UTC', try_cast(trim(value:"committed_at"::varchar) as timestamp_ntz))
        )),
        records integer as (try_to_number(trim(value:"records"::varchar), 38, 0)),
        bytes integer as (try_to_number(trim(value:"bytes"::varchar), 38, 0)),
        raw_bytes integer as (try_to_number(trim(value:"raw_bytes"::varchar), 38, 0)),
        quarantined integer as (try_to_number(trim(value:"quarantined"::varchar), 38, 0)),
        parts variant as (iff(nullif(nullif(trim(replace(value:"parts"::varchar, chr(0), '')), ''), 'N/A') in ('[]', '{}'), null, coalesce(try_parse_json(nullif(nullif(trim(replace(value:"parts"::varchar, chr(0), '')), ''), 'N/A')), to_variant(nullif(nullif(trim(replace(value:"parts"::varchar, chr(0), '')), ''), 'N/A'))))),
        schema_fingerprint varchar as (nullif(nullif(trim(replace(value:"schema"::varchar, chr(0), '')), ''), 'N/A')),
        version varchar as (nullif(nullif(trim(replace(value:"version"::varchar, chr(0), '')), ''), 'N/A')),
        unknown_fields variant as (iff(nullif(nullif(trim(replace(value:"unknown_fields"::varchar, chr(0), '')), ''), 'N/A') in ('[]', '{}'), null, coalesce(try_parse_json(nullif(nullif(trim(replace(value:"unknown_fields"::varchar, chr(0), '')), ''), 'N/A')), to_variant(nullif(nullif(trim(replace(value:"unknown_fields"::varchar, chr(0), '')), ''), 'N/A'))))),
        dropped_fields variant as (iff(nullif(nullif(trim(replace(value:"dropped_fields"::varchar, chr(0), '')), ''), 'N/A') in ('[]', '{}'), null, coalesce(try_parse_json(nullif(nullif(trim(replace(value:"dropped_fields"::varchar, chr(0), '')), ''), 'N/A')), to_variant(nullif(nullif(trim(replace(value:"dropped_fields"::varchar, chr(0), '')), ''), 'N/A'))))),
        notes variant as (iff(nullif(nullif(trim(replace(value:"notes"::varchar, chr(0), '')), ''), 'N/A') in ('[]', '{}'), null, coalesce(try_parse_json(nullif(nullif(trim(replace(value:"notes"::varchar, chr(0), '')), ''), 'N/A')), to_variant(nullif(nullif(trim(replace(value:"notes"::varchar, chr(0), '')), ''), 'N/A')))))
    )
    location = @TRANSLOAD.TRANSLOAD_LAKE/
    pattern = '.*/_loads/[^/]+[.]json'
    file_format = (format_name = TRANSLOAD.TRANSLOAD_JSON)
    auto_refresh = false
    refresh_on_create = false
    comment = 'transload ecbb87be890f11a53ef8066260ae369c'; create or replace external table ANALYTICS.raw_pestroutes.customer (
        load_date date as (to_date(regexp_substr(metadata$filename, 'load_date=([0-9-]+)', 1, 1, 'e'))),
        part varchar as (regexp_substr(metadata$filename, '[^/]+/[^/]+/load_date=[^/]+/[^/]+/[^/]+$')),
        load_id varchar as (split_part(metadata$filename, '/', -2))
    )
    partition by (load_date)
    location = @TRANSLOAD.TRANSLOAD_LAKE/pestroutes/customer/
    pattern = '.*/load_date=.*[.]json([.](gz|zst))?'
    file_format = (format_name = TRANSLOAD.TRANSLOAD_JSON)
    auto_refresh = false
    refresh_on_create = true copy grants
    comment = 'transload 5ba06c6152ac8eeb77c16ef2b09b32cc'; create external table if not exists ANALYTICS.raw_pestroutes.pestroutes_group (
        load_date date as (to_date(regexp_substr(metadata$filename, 'load_date=([0-9-]+)', 1, 1, 'e'))),
        part varchar as (regexp_substr(metadata$filename, '[^/]+/[^/]+/load_date=[^/]+/[^/]+/[^/]+$')),
        load_id varchar as (split_part(metadata$filename, '/', -2))
    )
    partition by (load_date)
    location = @TRANSLOAD.TRANSLOAD_LAKE/pestroutes/group/
    pattern = '.*/load_date=.*[.]json([.](gz|zst))?'
    file_format = (format_name = TRANSLOAD.TRANSLOAD_JSON)
    auto_refresh = false
    refresh_on_create = false
    comment = 'transload 32f06c1f9acdc529e4377df323a4f2e4'; alter external table ANALYTICS.raw_pestroutes.customer refresh 'load_date=2026-01-31/20260131T010203456Z-7f3a9c/'; copy into ANALYTICS.raw_pestroutes.customer (value, part, load_id, load_date)
    from (
        select
            $1,
            regexp_substr(metadata$filename, '[^/]+/[^/]+/load_date=[^/]+/[^/]+/[^/]+$'),
            split_part(metadata$filename, '/', -2),
            to_date(regexp_substr(metadata$filename, 'load_date=([0-9-]+)', 1, 1, 'e'))
        from @TRANSLOAD.TRANSLOAD_LAKE/pestroutes/customer/
    )
    files = ('load_date=2026-01-31/20260131T010203456Z-7f3a9c/part-00000.json.gz')
    file_format = (format_name = TRANSLOAD.TRANSLOAD_JSON)
    on_error = abort_statement; delete from ANALYTICS.transload.ledger
    where load_path = 'external' and load_id in ('20260131T010203456Z-7f3a9c'); delete from ANALYTICS.transload.ledger
    where load_path = 'external' and source || '.' || stream in ('pestroutes.customer');
    select ledger.source || '.' || ledger.stream as stream, ledger.part
    from ANALYTICS.transload.ledger as ledger
    left join (
        select distinct item.value:"key"::varchar as part
        from ANALYTICS.transload.loads as loads, lateral flatten(input => loads.parts) as item
        where loads.source in ('pestroutes')
    ) as named
        on ledger.part = named.part
    where ledger.load_path = 'external'
        and ledger.source in ('pestroutes')
        and ledger.part <> ''
        and named.part is null
    order by ledger.part
; list '@TRANSLOAD.TRANSLOAD_LAKE/pestroutes/customer/load_date=2026-01-31/20260131T010203456Z-7f3a9c/'; delete from ANALYTICS.transload.ledger where load_path = 'external' and part in ('pestroutes/customer/load_date=2026-01-31/20260131T010203456Z-7f3a9c/part-00000.json.gz'); alter external table ANALYTICS.raw_pestroutes.customer refresh;
    select lower(table_schema), lower(table_name), iff(table_type = 'VIEW', 'view', 'table')
    from ANALYTICS.information_schema.tables
    where lower(table_schema) in ('raw_pestroutes_loaded', 'transload_staging')
    order by 1, 2
; insert into ANALYTICS.transload.ledger (load_path, source, stream, load_id, part, records, staged_at) select 'external', 'pestroutes', 'customer', 'empty', '', 0, sysdate();insert into ANALYTICS.transload.ledger (load_path, source, stream, load_id, part, records, staged_at) select 'external', 'pestroutes', 'customer', load_id, part, count(*), sysdate() from (
    select value, part, load_id, load_date
    from ANALYTICS.raw_pestroutes.customer
    where load_date in ('2026-01-31') and load_id in ('20260131T010203456Z-7f3a9c')
) as found group by load_id, part;
    select parts.source, parts.stream, parts.load_id, parts.part, parts.records
    from (
        select
            committed.*,
            max(case when ledger.records = committed.records then 0 else 1 end)
                over (partition by committed.source, committed.stream, committed.load_id) as is_pending
        from (
    select
        loads.source, loads.stream, loads.load_id, loads.started_at,
        coalesce(item.value:"key"::varchar, '') as part,
        iff(item.value is null, 0, item.value:"records"::integer) as records
    from (
    select source, stream, load_id, started_at, records, parts
    from (
        select
            *,
            max(case when mode = 'full' and started_at = base_started_at then until end)
                over (partition by source, stream) as base_until
        from (
            select
                *,
                max(case when mode = 'full' then started_at end) over (partition by source, stream) as base_started_at
            from ANALYTICS.transload.loads
            where mode <> 'sample'
            -- A window is committed once: what a compacted file still says of it gives way to its newer record.
            qualify row_number() over (
                partition by source, stream, load_window order by committed_at desc, load_id desc
            ) = 1
        ) as committed
    ) as based
    where base_started_at is null
        or started_at > base_started_at
        or (mode = 'full' and started_at = base_started_at)
        -- A full load may begin long behind the moment that it is of.
        or (mode = 'incremental' and until > base_until)
) as loads,
        lateral flatten(input => loads.parts, outer => true) as item
) as committed
        left join (
            select source, stream, load_id, part, sum(records) as records
            from ANALYTICS.transload.ledger
            where load_path = 'external'
            group by source, stream, load_id, part
        ) as ledger
            on committed.source = ledger.source
            and committed.stream = ledger.stream
            and committed.load_id = ledger.load_id
            and committed.part = ledger.part
        where committed.source in ('pestroutes')
    ) as parts
    where parts.is_pending = 1
    order by parts.started_at, parts.load_id, parts.part
;
    create table if not exists ANALYTICS.transload.ledger (
        load_path varchar,
        source varchar,
        stream varchar,
        load_id varchar,
        part varchar,
        records integer,
        staged_at timestamp_ntz
    )
;
    create table if not exists ANALYTICS.transload.applied_loads (model varchar, load_id varchar)
;
    merge into a.b.target as existing
    using a.b.temporary as arrived
    on existing.id is not distinct from arrived.id
    and coalesce(nullif(nullif(trim(replace(existing._record:"customerID"::varchar, chr(0), '')), ''), 'N/A') = nullif(nullif(trim(replace(arrived._record:"customerID"::varchar, chr(0), '')), ''), 'N/A'), nullif(nullif(trim(replace(existing._record:"customerID"::varchar, chr(0), '')), ''), 'N/A') is null and nullif(nullif(trim(replace(arrived._record:"customerID"::varchar, chr(0), '')), ''), 'N/A') is null)
    and existing.day is not distinct from arrived.day
    and coalesce(nullif(nullif(trim(replace(existing._record:"day"::varchar, chr(0), '')), ''), 'N/A') = nullif(nullif(trim(replace(arrived._record:"day"::varchar, chr(0), '')), ''), 'N/A'), nullif(nullif(trim(replace(existing._record:"day"::varchar, chr(0), '')), ''), 'N/A') is null and nullif(nullif(trim(replace(arrived._record:"day"::varchar, chr(0), '')), ''), 'N/A') is null)
    when matched then update set
        ID = arrived.ID,
        DAY = arrived.DAY,
        NAME = arrived.NAME
    when not matched then insert (ID, DAY, NAME)
    values (arrived.ID, arrived.DAY, arrived.NAME)
; begin;
    delete from a.b.target;
    insert into a.b.target (ID, DAY, NAME) select ID, DAY, NAME from a.b.temporary
;
    commit;

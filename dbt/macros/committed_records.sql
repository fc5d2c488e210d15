{#- "What the warehouse sees" (docs/design.md, section 3), of all streams: the loads whose records count.

    loads: a relation of commit records. -#}
{% macro visible_loads(loads) %}
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
            from {{ loads }}
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
{% endmacro %}


{#- Their parts, as `parts_of` has them. -#}
{% macro visible_parts(loads) -%}
    {{ return(parts_of("(" ~ visible_loads(loads) ~ ")")) }}
{%- endmacro %}


{#- The parts of loads, a row each: source, stream, load_id, started_at, part, records. A load without parts has one row, its
    part empty. Only these count: beside them in a load's folder may lie what a lost attempt has written.

    loads: a relation of commit records, or a query in brackets. -#}
{% macro parts_of(loads) -%}
    {{ return(adapter.dispatch('parts_of', 'transload')(loads)) }}
{%- endmacro %}

{% macro duckdb__parts_of(loads) %}
    select source, stream, load_id, started_at, part->>'$.key' as part, cast(part->>'$.records' as bigint) as records
    from (
        select
            source, stream, load_id, started_at,
            unnest(coalesce(nullif(json_extract(parts, '$[*]'), []), ['{"key": "", "records": 0}'::json])) as part
        from {{ loads }} as loads
    ) as parts
{% endmacro %}

{% macro snowflake__parts_of(loads) %}
    select
        loads.source, loads.stream, loads.load_id, loads.started_at,
        coalesce(item.value:"key"::varchar, '') as part,
        iff(item.value is null, 0, item.value:"records"::integer) as records
    from {{ loads }} as loads,
        lateral flatten(input => loads.parts, outer => true) as item
{% endmacro %}


{#- Snowflake passes over a file of an external table that it cannot read to its end, without an error. So the query that reads
    the parts counts them as well, and stops where one was not read whole. (DuckDB stops by itself.) -#}
{% macro only_whole_parts() %}
        qualify case
            when parts.part = '' then false
            when parts.records is null or parts.records = count(raw.part) over (partition by parts.part) then raw.part is not null
            else to_boolean('not read whole: ' || parts.part)
        end
{%- endmacro %}


{#- The newest committed state of every record of a stream: value, load_id, started_at (of the load).

    primary_key: fields that identify a record
    cursor: the field by which the newest of several states is known, if the stream has one
    cursor_type: as in `typed`; a zero date is older than any other
    loads: what to look at instead of the whole stream: loads as `pending_loads` has them -#}
{% macro committed_records(source_name, stream, primary_key, cursor=none, cursor_type='timestamp', loads=none) %}
    {%- set names = primary_key + ([cursor] if cursor else []) %}
    select value, load_id, started_at
    from (
        select
            raw.value,
            raw.part,
            raw.load_id,
            parts.started_at,
            {{ json_fields('raw.value', names) }} as keys
        from {{ source(source_name, stream) if loads is none else '(' ~ records_of(source_name, stream, loads) ~ ')' }} as raw
        {{ 'right' if target.type == 'snowflake' else 'inner' }} join (
            select * from ({{ visible_parts(source('transload', 'loads')) }}) as visible
            where source = {{ sql_text(source_name) }}
                and stream = {{ sql_text(stream) }}
                {%- if loads is not none %}
                and load_id in ({{ sql_list(loads | map(attribute='load_id')) or 'null' }})
                {%- endif %}
        ) as parts
            on raw.part = parts.part
        {%- if target.type == 'snowflake' %}
        {{ only_whole_parts() }}
        {%- endif %}
    ) as visible
    qualify row_number() over (
        partition by
            {%- for name in primary_key %}
            {{ clean(json_field('keys', names, name)) }}{{ ',' if not loop.last }}
            {%- endfor %}
        order by
            {%- if cursor %}
            {{ typed(json_field('keys', names, cursor), cursor_type) }} desc nulls last,
            {%- endif %}
            started_at desc,
            part desc
    ) = 1
{% endmacro %}


{#- A staging model: the committed records of a stream with their columns. Materialized as `incremental` it reads only the
    loads that are new to it (macros/incremental.sql).

    columns: [vendor's field, type as in `typed`, column's name] each
    zone: of timestamps that carry none -#}
{% macro staged_records(source_name, stream, primary_key, columns, cursor=none, cursor_type='timestamp', zone='UTC') %}
    {%- set names = columns | map('first') | list -%}
    {%- set key = [] -%}
    {%- for field, type, name in columns if field in primary_key -%}{%- do key.append([field, name]) -%}{%- endfor -%}
    {%- do config(
        unique_key=key | map('last') | list, meta={'key': key}, incremental_strategy='committed', on_schema_change='sync_all_columns',
        post_hook="{{ note_applied_loads('" ~ source_name ~ "', '" ~ stream ~ "') }}"
    ) -%}
    {%- if target.type == 'duckdb' -%}{%- do config(meta={'columns': columns}) -%}{%- endif -%}
    {%- set new_loads = loads_to_apply(source_name, stream, columns | map('last') | list) -%}
{{ all_loads() if new_loads is none }}
with records as (
    {{ committed_records(source_name, stream, primary_key, cursor, cursor_type, new_loads) }}
),

extracted as (
    select
        {{ json_fields('value', names) }} as fields,
        value,
        load_id,
        started_at
    from records
)
{%- if new_loads is not none %},

arrived as (
{%- endif %}

select
    {%- for field, type, name in columns %}
    {{ typed(json_field('fields', names, field), type, zone) }} as {{ name }},
    {%- endfor %}
    load_id as _load_id,
    started_at as _loaded_at,
    value as _record
from extracted
{%- if new_loads is not none %}
)

{{ newer_than_what_is_there('arrived', key, cursor, cursor_type) }}
{%- endif %}
{% endmacro %}

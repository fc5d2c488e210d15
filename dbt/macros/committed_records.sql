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


{#- The newest committed state of every record of a stream: value, load_id, started_at (of the load).

    primary_key: fields that identify a record
    cursor: the field by which the newest of several states is known, if the stream has one
    cursor_type: as in `typed`; a zero date is older than any other -#}
{% macro committed_records(source_name, stream, primary_key, cursor=none, cursor_type='timestamp') %}
    {%- set names = primary_key + ([cursor] if cursor else []) %}
    select value, load_id, started_at
    from (
        select
            raw.value,
            raw.part,
            raw.load_id,
            loads.started_at,
            {{ json_fields('raw.value', names) }} as keys
        from {{ source(source_name, stream) }} as raw
        inner join ({{ visible_loads(source('transload', 'loads')) }}) as loads
            on raw.load_id = loads.load_id
            and loads.source = '{{ source_name }}'
            and loads.stream = '{{ stream }}'
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


{#- A staging model: the committed records of a stream with their columns.

    columns: [vendor's field, type as in `typed`, column's name] each
    zone: of timestamps that carry none -#}
{% macro staged_records(source_name, stream, primary_key, columns, cursor=none, cursor_type='timestamp', zone='UTC') %}
    {%- set names = columns | map('first') | list -%}
with records as (
    {{ committed_records(source_name, stream, primary_key, cursor, cursor_type) }}
),

extracted as (
    select
        {{ json_fields('value', names) }} as fields,
        value,
        load_id,
        started_at
    from records
)

select
    {%- for field, type, name in columns %}
    {{ typed(json_field('fields', names, field), type, zone) }} as {{ name }},
    {%- endfor %}
    load_id as _load_id,
    started_at as _loaded_at,
    value as _record
from extracted
{% endmacro %}

{% macro duckdb__stage_external_sources(streams, dry_run, recreate) %}
    {%- set loads = graph.sources['source.transload.transload.loads'] -%}
    {%- set files = first_column(commit_record_files(declared_streams())) -%}
    {%- if not files -%}
        {%- do exceptions.warn("No load is committed under " ~ lake() ~ ": every table will be empty.") -%}
    {%- endif -%}

    {%- for schema in graph.sources.values() | map(attribute='schema') | unique -%}
        {%- do run_query('create schema if not exists ' ~ loads.database ~ '.' ~ schema) -%}
    {%- endfor -%}
    {%- do run_query(loads_table(loads, files)) -%}
    {%- do run_query(ledger_table()) -%}
    {%- do run_query(applied_loads_table()) -%}
    {%- set parts = {} -%}
    {%- for source_name, stream, key in run_query(visible_part_keys(loads)).rows -%}
        {%- do parts.setdefault(source_name ~ '.' ~ stream, []).append(key) -%}
    {%- endfor -%}

    {%- for node in streams -%}
        {%- do run_query(stream_view(node, parts.get(node.source_name ~ '.' ~ node.name, []))) -%}
    {%- endfor -%}
    {%- for node, loads in pending_loads(streams) -%}
        {%- for statement in [forget_loads(loads)] + note_counts(node, loads) -%}
            {%- do run_query(statement) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do log(
        "Staged " ~ streams | length ~ " streams: " ~ parts.values() | sum(start=[]) | length ~ " visible parts, out of "
        ~ files | length ~ " commit records' files in " ~ lake(), info=true) -%}
{% endmacro %}

{#- Each stream's folder is asked by itself: a pattern over all of them would list every part ever written. -#}
{% macro commit_record_files(streams) %}
    {% for node in streams %}
    select file from glob({{ sql_text(lake() ~ '/' ~ node.source_name ~ '/' ~ node.name ~ '/_loads/*.json') }})
    {{ 'union all' if not loop.last }}
    {% endfor %}
    order by file
{% endmacro %}

{#- Commit records as a table. A file has one line a load, a compacted one has many; read as text it costs half of what
    the JSON reader takes for a small object over S3. -#}
{% macro loads_table(loads, files) %}
    {%- set names = loads.columns.values() | map(attribute='config.meta.field') | list %}
    create or replace table {{ loads.relation_name }} as
    with lines as (
        {%- if files %}
        select filename, unnest(string_split(content, chr(10))) as line from read_text([{{ sql_list(files) }}])
        {%- else %}
        select '' as filename, '' as line
        {%- endif %}
    ),

    records as (
        select
            case
                when not json_valid(line) then error('Not a commit record, since not JSON: ' || filename)
                when json_extract_string(line, '$.format') <> '1' then error(
                    'Commit record of format ' || json_extract_string(line, '$.format') || ', newer than this project reads: ' || filename)
                else {{ json_fields('line', names) }}
            end as fields
        from lines
        where trim(line) <> ''
    )

    select
        {%- for column in loads.columns.values() %}
        {{ typed(json_field('fields', names, column.config.meta.field), column.config.meta.type) }} as {{ column.name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from records
{% endmacro %}

{% macro visible_part_keys(loads) %}
    select source, stream, part from ({{ visible_parts(loads.relation_name) }}) as parts where part <> '' order by part
{% endmacro %}

{#- The parts of a stream, a row a record. Where a part lies says which load it is of. -#}
{% macro stream_view(node, keys) %}
    create or replace view {{ node.relation_name }} as
    {%- if keys %}
    {{ records_in(keys) }}
    {%- else %}
    select null::json as value, null::varchar as part, null::varchar as load_id, null::date as load_date where false
    {%- endif %}
{% endmacro %}

{% macro records_in(keys) %}
    {%- set files = [] -%}
    {%- for key in keys -%}{%- do files.append(lake() ~ '/' ~ key) -%}{%- endfor %}
    select
        value,
        part,
        split_part(part, '/', 4) as load_id,
        try_cast(replace(split_part(part, '/', 3), 'load_date=', '') as date) as load_date
    from (
        select json as value, array_to_string(string_split(filename, '/')[-5:], '/') as part
        from read_ndjson_objects(
            [{{ sql_list(files) }}],
            filename = true, hive_partitioning = false, maximum_object_size = {{ var('largest_record_bytes') }}
        )
    ) as records
{% endmacro %}

{#- Makes what the models read, out of the source declarations. Runs before every build; alone it is
    `dbt run-operation stage_external_sources`.

    DuckDB: a snapshot of the commit records, and for each stream a view over exactly the parts of its visible loads.
    All that follows in the run reads the same loads, whatever is committed meanwhile.
    Snowflake: external tables, created where missing and refreshed, the commit records first: whatever is committed
    meanwhile, the streams' tables know every part of the loads that are seen. -#}
{% macro stage_external_sources() %}
    {#- dbt renders hooks on `compile` and `docs generate` too; those need no data, and no connection. -#}
    {%- if execute and flags.WHICH not in ['compile', 'generate'] -%}
        {%- do adapter.dispatch('stage_external_sources', 'transload')() -%}
    {%- endif -%}
{% endmacro %}


{% macro lake() -%}
    {{ return(env_var('TRANSLOAD_DESTINATION', './lake').rstrip('/')) }}
{%- endmacro %}

{#- The declared streams: every source but the commit records. -#}
{% macro declared_streams() %}
    {{ return(graph.sources.values() | selectattr('source_name', 'ne', 'transload') | list) }}
{% endmacro %}

{% macro sql_list(texts) -%}
    [{% for text in texts %}'{{ text | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %}]
{%- endmacro %}


{% macro duckdb__stage_external_sources() %}
    {%- set streams = declared_streams() -%}
    {%- set loads = graph.sources.values() | selectattr('source_name', 'eq', 'transload') | first -%}
    {%- set files = run_query(commit_record_files(streams)).columns[0].values() -%}
    {%- if not files -%}
        {%- do exceptions.warn("No load is committed under " ~ lake() ~ ": every table will be empty.") -%}
    {%- endif -%}

    {%- for schema in graph.sources.values() | map(attribute='schema') | unique -%}
        {%- do run_query('create schema if not exists ' ~ loads.database ~ '.' ~ schema) -%}
    {%- endfor -%}
    {%- do run_query(loads_table(loads, files)) -%}
    {%- set parts = {} -%}
    {%- for source_name, stream, keys in run_query(visible_parts(loads)).rows -%}
        {%- do parts.update({source_name ~ '.' ~ stream: fromjson(keys)}) -%}
    {%- endfor -%}

    {%- for node in streams -%}
        {%- do run_query(stream_view(node, parts.get(node.source_name ~ '.' ~ node.name, []))) -%}
    {%- endfor -%}
    {%- do log(
        "Staged " ~ streams | length ~ " streams: " ~ parts.values() | sum(start=[]) | length ~ " visible parts, out of "
        ~ files | length ~ " commit records' files in " ~ lake(), info=true) -%}
{% endmacro %}

{#- Each stream's folder is asked by itself: a pattern over all of them would list every part ever written. -#}
{% macro commit_record_files(streams) %}
    {% for node in streams %}
    select file from glob('{{ lake() | replace("'", "''") }}/{{ node.source_name }}/{{ node.name }}/_loads/*.json')
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
        select filename, unnest(string_split(content, chr(10))) as line from read_text({{ sql_list(files) }})
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

{#- Of each stream the keys of its visible parts, as a JSON list. -#}
{% macro visible_parts(loads) %}
    select source, stream, to_json(list(key order by key))::varchar as keys
    from (
        select source, stream, unnest(json_extract_string(parts, '$[*].key')) as key
        from ({{ visible_loads(loads.relation_name) }}) as visible
    ) as parts
    group by source, stream
{% endmacro %}

{#- The parts of a stream, a row a record. Where a part lies says which load it is of. -#}
{% macro stream_view(node, keys) %}
    create or replace view {{ node.relation_name }} as
    {%- if keys %}
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
            {{ sql_list(files) }},
            filename = true, hive_partitioning = false, maximum_object_size = {{ var('largest_record_bytes') }}
        )
    ) as records
    {%- else %}
    select null::json as value, null::varchar as part, null::varchar as load_id, null::date as load_date where false
    {%- endif %}
{% endmacro %}


{% macro snowflake__stage_external_sources() %}
    {%- set loads = graph.sources.values() | selectattr('source_name', 'eq', 'transload') | list -%}
    {%- for node in loads + declared_streams() if node.external -%}
        {%- for statement in external_plan(node) -%}
            {%- do run_query(statement) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}

{#- The statements that make one source's external table, or refresh it. -#}
{% macro external_plan(node) %}
    {%- set table = api.Relation.create(database=node.database, schema=node.schema, identifier=node.identifier) -%}
    {%- if adapter.get_relation(table.database, table.schema, table.identifier) is not none -%}
        {{ return(['alter external table ' ~ table ~ ' refresh']) }}
    {%- endif -%}
    {{ return(['create schema if not exists ' ~ table.without_identifier(), external_table(table, node)]) }}
{% endmacro %}

{% macro external_table(table, node) %}
    {%- set partitions = node.external.partitions or [] %}
    create external table {{ table }} (
        {%- for column in partitions %}
        {{ column.name }} {{ column.data_type }} as ({{ column.expression }}),
        {%- endfor %}
        {%- for column in node.columns.values() if column.config.meta.expression or column.config.meta.field %}
        {{ column.name }} {{ column.data_type }} as ({{ column.config.meta.expression or typed('value:"' ~ column.config.meta.field ~ '"::varchar', column.config.meta.type) }}){{ ',' if not loop.last }}
        {%- endfor %}
    )
    {%- if partitions %}
    partition by ({{ partitions | map(attribute='name') | join(', ') }})
    {%- endif %}
    location = {{ node.external.location }}
    auto_refresh = false
    pattern = '{{ node.external.pattern }}'
    file_format = {{ node.external.file_format }}
{% endmacro %}

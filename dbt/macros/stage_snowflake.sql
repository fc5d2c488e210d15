{% macro snowflake__stage_external_sources(streams, dry_run, recreate) %}
    {%- set loads = graph.sources['source.transload.transload.loads'] -%}
    {%- set raw = load_path() == 'raw' -%}

    {%- set statements = [] -%}
    {%- for schema in ['transload'] + streams | map(attribute='schema') | unique | list -%}
        {%- do statements.append('create schema if not exists ' ~ target.database ~ '.' ~ schema) -%}
    {%- endfor -%}
    {%- do perform(statements + [ledger_table(), applied_loads_table()], dry_run) -%}

    {%- set records = external_tables_to_make([loads], recreate) -%}
    {%- do perform(records.values() | list, dry_run) -%}
    {%- set refreshes = [] -%}
    {%- for node in streams -%}
        {%- do refreshes.append(refresh(loads, node.source_name ~ '/' ~ node.name ~ '/_loads/')) -%}
    {%- endfor -%}
    {%- do perform_together(refreshes, dry_run) -%}

    {%- if dry_run and records -%}
        {%- do log("-- What is done of each load can be said once the commit records' table is there.", info=true) -%}
        {%- do perform((raw_tables(streams) if raw else external_tables_to_make(streams, recreate).values()) | list, dry_run) -%}
    {%- else -%}
        {%- do refuse_newer_commit_records(streams) -%}
        {%- do report_leftovers(streams) -%}
        {%- do refresh_loads(streams, dry_run, recreate) if not raw -%}
        {%- do copy_loads(streams, dry_run) if raw -%}
    {%- endif -%}
{% endmacro %}

{#- External tables learn the folders of the loads that are new to them, and of those whose counts were not right. -#}
{% macro refresh_loads(streams, dry_run, recreate) %}
    {%- set made = external_tables_to_make(streams, recreate) -%}
    {%- do perform(made.values() | list, dry_run) -%}
    {%- if made -%}
        {%- do perform([forget_streams(streams | selectattr('unique_id', 'in', made))], dry_run) -%}
    {%- endif -%}
    {%- do forget_removed_parts(streams, dry_run) -%}

    {%- set pending = pending_loads(streams) -%}
    {%- set refreshes = [] -%}
    {%- set counts = [] -%}
    {%- for node, loads in pending -%}
        {%- do refreshes.extend(refreshes_of(node, loads)) -%}
        {%- do counts.extend(note_counts(node, loads)) -%}
    {%- endfor -%}
    {%- do perform_together(refreshes, dry_run) -%}
    {%- if pending -%}
        {%- do perform([forget_loads(pending | map('last') | sum(start=[]))], dry_run) -%}
    {%- endif -%}
    {%- do perform_together(counts, dry_run) -%}
    {%- do log("Staged " ~ streams | length ~ " streams: " ~ refreshes | length ~ " refreshes for "
        ~ pending | map('last') | sum(start=[]) | length ~ " loads, " ~ made | length ~ " tables made", info=not dry_run) -%}
{% endmacro %}

{#- A statement for each folder; beyond `refresh_whole_above` of them one for the stream. -#}
{% macro refreshes_of(node, loads) %}
    {%- set folders = [] -%}
    {%- for load in loads if load.parts -%}
        {%- do folders.append(load.parts[0].key.split('/')[2:4] | join('/') ~ '/') -%}
    {%- endfor -%}
    {%- if folders | length > var('refresh_whole_above') -%}
        {{ return([refresh(node)]) }}
    {%- endif -%}
    {%- set statements = [] -%}
    {%- for folder in folders -%}{%- do statements.append(refresh(node, folder)) -%}{%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{% macro refresh(node, folder=none) %}
    {{ return('alter external table ' ~ relation_of(node) ~ ' refresh' ~ (' ' ~ sql_text(folder) if folder else '')) }}
{% endmacro %}

{% macro relation_of(node) %}
    {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.identifier)) }}
{% endmacro %}


{#- The external tables that are missing, or (with `recreate`) are not as they are declared now: {node's id: statement}. Says
    which differ. A table's comment tells what it was made of. -#}
{% macro external_tables_to_make(nodes, recreate) %}
    {%- set there = external_tables_there(nodes | map(attribute='schema') | unique) -%}
    {%- set statements = {} -%}
    {%- for node in nodes -%}
        {%- set relation = relation_of(node) -%}
        {%- set comment = there.get(node.schema | lower ~ '.' ~ node.identifier | lower) -%}
        {%- if comment is none -%}
            {%- do statements.update({node.unique_id: external_table(node)}) -%}
        {%- elif comment != fingerprint(node) and recreate -%}
            {%- do statements.update({node.unique_id: external_table(node, replace=true)}) -%}
        {%- elif comment != fingerprint(node) -%}
            {%- do exceptions.warn("The external table " ~ relation ~ " is not as it is declared now. It is used as it is; to make "
                "it anew (its files are read again, nothing is lost): dbt run-operation stage_external_sources --args "
                "'{recreate: true}'") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{#- {schema.table: comment} of the external tables in these schemas. -#}
{% macro external_tables_there(schemas) %}
    {%- set there = {} -%}
    {%- for schema in schemas if adapter.check_schema_exists(target.database, schema) -%}
        {%- for row in run_query('show external tables in schema ' ~ target.database ~ '.' ~ schema).rows -%}
            {%- do there.update({row['schema_name'] | lower ~ '.' ~ row['name'] | lower: row['comment'] or ''}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(there) }}
{% endmacro %}

{#- Of what decides what a table is: another declaration, another comment. -#}
{% macro fingerprint(node) %}
    {{ return('transload ' ~ local_md5(external_table_body(node) | string)) }}
{% endmacro %}

{#- A table that is made anew is there in the same instant, with all files that lie in its folder. -#}
{% macro external_table(node, replace=false) %}
    {%- set statement -%}
    create {{ 'or replace external table' if replace else 'external table if not exists' }} {{ relation_of(node) }}
    {{- external_table_body(node) }}
    refresh_on_create = {{ replace | string | lower }}
    {{- ' copy grants' if replace }}
    comment = '{{ fingerprint(node) }}'
    {%- endset %}
    {{ return(statement) }}
{% endmacro %}

{% macro external_table_body(node) %}
    {%- set partitions = node.external.partitions or [] %} (
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
    pattern = '{{ node.external.pattern }}'
    file_format = {{ node.external.file_format }}
    auto_refresh = {{ var('auto_refresh') | string | lower }}
{%- endmacro %}


{#- A record of a format that this project does not know may mean anything: nothing is built on it. -#}
{% macro refuse_newer_commit_records(streams) %}
    {%- set newer -%}
    select source, stream, load_window, record_format
    from {{ transload_table('loads') }}
    where source in ({{ sql_list(streams | map(attribute='source_name') | unique) }}) and record_format <> 1
    {%- endset -%}
    {%- for source_name, stream, window, format in run_query(newer).rows -%}
        {%- do exceptions.raise_compiler_error(
            "Commit record of format " ~ format ~ ", newer than this project reads: " ~ source_name ~ "/" ~ stream ~ "/_loads/"
            ~ window ~ ".json. Update the image of dbt.") -%}
    {%- endfor -%}
{% endmacro %}

{% macro perform(statements, dry_run) %}
    {%- for statement in statements -%}
        {%- if dry_run -%}
            {%- do log(statement.strip() ~ ';', info=true) -%}
        {%- else -%}
            {%- do run_query(statement) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{#- Statements that need not wait for each other, as one block of asynchronous jobs, so that streams are staged side by side.
    `--vars 'side_by_side: false'` runs them one after another. -#}
{% macro perform_together(statements, dry_run) %}
    {%- if not var('side_by_side') or statements | length < 2 -%}
        {%- do perform(statements, dry_run) -%}
    {%- else -%}
        {%- for chunk in statements | batch(200) -%}
            {%- set block -%}
execute immediate $$
begin
    {%- for statement in chunk %}
    async ({{ statement.strip() }});
    {%- endfor %}
    await all;
end;
$$
            {%- endset -%}
            {%- do perform([block], dry_run) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

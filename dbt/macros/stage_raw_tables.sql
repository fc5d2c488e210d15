{#- The other way into Snowflake (`--vars 'load: raw'`): the parts of each load are copied into a table of their stream.

    A load is copied in one transaction with its lines in the ledger: both are there or neither. What COPY is given is the list
    of files that the commit record names, and what it has read is counted against that record before it counts. Snowflake's own
    history of loaded files makes a repeated COPY do nothing; where it skips files of which there are no rows, the counts say so. -#}
{% macro copy_loads(streams, dry_run) %}
    {%- do perform(raw_tables(streams), dry_run) -%}
    {%- set pending = pending_loads(streams) -%}
    {%- for node, loads in pending -%}
        {%- for load in loads -%}
            {%- do copy_load(node, load, dry_run) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do log("Staged " ~ streams | length ~ " streams: copied " ~ pending | map('last') | sum(start=[]) | length ~ " loads",
        info=not dry_run) -%}
{% endmacro %}

{% macro raw_tables(streams) %}
    {%- set statements = [] -%}
    {%- for node in streams -%}
        {%- do statements.append('create table if not exists ' ~ relation_of(node)
            ~ ' (value variant, part varchar, load_id varchar, load_date date)') -%}
    {%- endfor -%}
    {{ return(statements) }}
{% endmacro %}

{% macro copy_load(node, load, dry_run) %}
    {%- set name = node.source_name ~ "." ~ node.name ~ ", load " ~ load.load_id -%}
    {%- do log("Copying " ~ name ~ ": " ~ load.parts | length ~ " parts", info=not dry_run) -%}
    {%- do perform(['begin', forget_loads([load])], dry_run) -%}
    {#- COPY takes a thousand names at most. -#}
    {%- for parts in load.parts | batch(1000) -%}
        {%- do perform([copy_parts(node, parts)], dry_run) -%}
    {%- endfor -%}
    {%- if not dry_run and load.parts -%}
        {%- do check_copied(node, load, name) -%}
    {%- endif -%}
    {%- do perform(note_counts(node, [load]) + ['commit'], dry_run) -%}
{% endmacro %}

{% macro copy_parts(node, parts) %}
    {%- set folder = node.source_name ~ '/' ~ node.name ~ '/' -%}
    {%- set files = [] -%}
    {%- for part in parts -%}{%- do files.append(part.key[folder | length:]) -%}{%- endfor -%}
    {%- set statement -%}
    copy into {{ relation_of(node) }} (value, part, load_id, load_date)
    from (
        select
            $1,
            {{ node.columns.part.config.meta.expression }},
            {{ node.columns.load_id.config.meta.expression }},
            {{ node.external.partitions[0].expression }}
        from {{ node.external.location }}
    )
    files = ({{ sql_list(files) }})
    file_format = {{ node.external.file_format }}
    on_error = abort_statement
    {%- endset %}
    {{ return(statement) }}
{% endmacro %}

{#- Takes the load back and stops, unless each of its parts was copied as its commit record says. -#}
{% macro check_copied(node, load, name) %}
    {%- set copied = {} -%}
    {%- set counts -%}
    select part, count(*) as records from {{ relation_of(node) }}
    where load_id = {{ sql_text(load.load_id) }} group by part
    {%- endset -%}
    {%- for part, records in run_query(counts).rows -%}
        {%- do copied.update({part: records | int}) -%}
    {%- endfor -%}
    {%- for part in load.parts if copied.get(part.key, 0) != part.records -%}
        {%- do run_query('rollback') -%}
        {%- do exceptions.raise_compiler_error(
            "Not reconciled: " ~ name ~ ", part " ~ part.key ~ ": its commit record says " ~ part.records
            ~ " records, COPY loaded " ~ copied.get(part.key, 0) ~ ". Nothing of this load was kept.") -%}
    {%- endfor -%}
{% endmacro %}

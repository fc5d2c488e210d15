{#- What `prune` has removed from the lake an external table would go on looking for. Its files are those that no commit record names:
    of a window that was committed again, or of a lost attempt that has left something beside a load. The ledger knows of them, as
    they were counted once. While such a file is there, nothing is done but look; once it is gone, its folder is refreshed, and
    the ledger forgets it. -#}
{% macro forget_removed_parts(streams, dry_run) %}
    {%- set unnamed = {} -%}
    {%- for stream, part in run_query(unnamed_parts(streams)).rows -%}
        {%- do unnamed.setdefault(stream, {}).setdefault(part.split('/')[2:4] | join('/') ~ '/', []).append(part) -%}
    {%- endfor -%}
    {%- set refreshes, gone = [], [] -%}
    {%- for node in streams -%}
        {%- for folder, parts in unnamed.get(node.source_name ~ '.' ~ node.name, {}).items() -%}
            {%- set there = parts_there(node, folder) -%}
            {%- if parts | reject('in', there) | list -%}
                {%- do refreshes.append(refresh(node, folder)) -%}
                {%- do gone.extend(parts | reject('in', there)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do perform_together(refreshes, dry_run) -%}
    {%- if gone -%}
        {%- do log(gone | length ~ " parts that no commit record names are gone from the lake: the tables are told", info=not dry_run) -%}
        {%- do perform([forget_parts(gone)], dry_run) -%}
    {%- endif -%}
{% endmacro %}

{% macro unnamed_parts(streams) %}
    {%- set sources = sql_list(streams | map(attribute='source_name') | unique) %}
    select ledger.source || '.' || ledger.stream as stream, ledger.part
    from {{ transload_table('ledger') }} as ledger
    left join (
        select distinct item.value:"key"::varchar as part
        from {{ transload_table('loads') }} as loads, lateral flatten(input => loads.parts) as item
        where loads.source in ({{ sources }})
    ) as named
        on ledger.part = named.part
    where ledger.load_path = 'external'
        and ledger.source in ({{ sources }})
        and ledger.part <> ''
        and named.part is null
    order by ledger.part
{% endmacro %}

{#- The keys of the parts that lie in a folder of the stage. -#}
{% macro parts_there(node, folder) %}
    {%- set keys = [] -%}
    {%- for name in first_column(list_folder(node, folder)) -%}
        {%- do keys.append(name.split('/')[-5:] | join('/')) -%}
    {%- endfor -%}
    {{ return(keys) }}
{% endmacro %}

{% macro list_folder(node, folder) %}
    {{ return('list ' ~ sql_text(node.external.location ~ folder)) }}
{% endmacro %}

{% macro forget_parts(parts) %}
    {%- set statement -%}
    delete from {{ transload_table('ledger') }} where load_path = 'external' and part in ({{ sql_list(parts) }})
    {%- endset %}
    {{ return(statement) }}
{% endmacro %}


{#- Refreshes external tables whole: `dbt run-operation refresh_external_tables --args '{select: pestroutes}'`. For what staging
    cannot know of: parts that were registered without being counted (by `recreate`, or a refresh of more folders than
    `refresh_whole_above`), and that were removed since. -#}
{% macro refresh_external_tables(select=none, dry_run=false) %}
    {%- if target.type != 'snowflake' -%}
        {%- do exceptions.raise_compiler_error("There are external tables on Snowflake only; DuckDB reads the lake itself") -%}
    {%- endif -%}
    {%- set refreshes = [] -%}
    {%- for node in declared_streams() | selectattr('source_name', 'in', chosen_sources(select)) -%}
        {%- do refreshes.append(refresh(node)) -%}
    {%- endfor -%}
    {%- do perform_together(refreshes, dry_run) -%}
    {%- do log("Refreshed " ~ refreshes | length ~ " external tables", info=not dry_run) -%}
{% endmacro %}

{#- Snowflake's own words say what is missing, and not what to do. -#}
{% macro explain_removed_files(results) %}
    {%- for result in results if execute and 'Remote file' in (result.message or '') and 'not found' in result.message -%}
        {%- do log(
            result.node.name ~ " reads an external table that knows a file which is gone from the lake. To let the table know: "
            "dbt run-operation refresh_external_tables --args '{select: " ~ result.node.fqn[2] ~ "}'", info=true) -%}
    {%- endfor -%}
{% endmacro %}

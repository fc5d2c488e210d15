{#- Makes what the models read, out of the source declarations. Runs before every build, for the sources that it builds of;
    alone it is `dbt run-operation stage_external_sources`.

    DuckDB: a snapshot of the commit records, and for each stream a view over exactly the parts of its visible loads.
    All that follows in the run reads the same loads, whatever is committed meanwhile.
    Snowflake: the commit records are refreshed first, then what they name: external tables learn the folders of new loads,
    or (`--vars 'load: raw'`) tables get copies of their parts.

    select: sources, with blanks between; without it those of the run's selection, or all
    dry_run: Snowflake: print the statements instead of running them; what is only read is read
    recreate: Snowflake: make external tables anew whose declaration has changed -#}
{% macro stage_external_sources(select=none, dry_run=false, recreate=none) %}
    {#- dbt renders hooks on `compile` and `docs generate` too; those need no data, and no connection. And what the pod of
        dbt has just staged is not staged again. -#}
    {%- if execute and flags.WHICH not in ['compile', 'generate'] and not (select is none and env_var('TRANSLOAD_STAGED', '')) -%}
        {%- set chosen = chosen_sources(select) -%}
        {%- set streams = declared_streams() | selectattr('source_name', 'in', chosen) | list -%}
        {%- do adapter.dispatch('stage_external_sources', 'transload')(
            streams, dry_run, var('recreate') if recreate is none else recreate) -%}
    {%- endif -%}
{% endmacro %}


{% macro lake() -%}
    {{ return(env_var('TRANSLOAD_DESTINATION', './lake').rstrip('/')) }}
{%- endmacro %}

{#- The declared streams: every source but the commit records and what staging itself notes. -#}
{% macro declared_streams() %}
    {{ return(graph.sources.values() | selectattr('source_name', 'ne', 'transload') | list) }}
{% endmacro %}

{#- The names of the sources to stage. The folder of a model or a test says which source it is of; what is of none may be of
    several. -#}
{% macro chosen_sources(select) %}
    {%- set declared = declared_streams() | map(attribute='source_name') | unique | list -%}
    {%- if select is not none -%}
        {%- for name in select.split() if name not in declared -%}
            {%- do exceptions.raise_compiler_error("No source " ~ name ~ " is declared: there are " ~ declared | join(', ')) -%}
        {%- endfor -%}
        {{ return(select.split()) }}
    {%- endif -%}
    {%- set chosen = [] -%}
    {%- for id in selected_resources -%}
        {%- set folders = (graph.nodes.get(id) or graph.sources.get(id) or {}).get('fqn', [])[1:] -%}
        {%- if 'transload' not in folders -%}{#- what is said of all loads needs none to be staged -#}
            {%- do chosen.extend(declared | select('in', folders) | list or declared) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(chosen | unique | list or declared) }}
{% endmacro %}

{% macro transload_table(name) %}
    {{ return(api.Relation.create(database=target.database, schema='transload', identifier=name)) }}
{% endmacro %}

{% macro sql_text(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{#- Without a call of a macro for each: they may be the parts of thousands of loads. -#}
{% macro sql_list(texts) -%}
    {%- set escaped = texts | map('replace', "'", "''") | list -%}
    {{ return("'" ~ escaped | join("', '") ~ "'" if escaped else '') }}
{%- endmacro %}

{#- Rows of one text column out of a query, as a list. -#}
{% macro first_column(sql) %}
    {{ return(run_query(sql).columns[0].values() | list) }}
{% endmacro %}

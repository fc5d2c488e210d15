{#- What is there of streams and models that are declared no more: external tables that staging has made, raw tables, and tables of
    staging models. Each is named in a warning, with the statement that drops it; nothing is dropped. -#}
{% macro report_leftovers(streams) %}
    {%- set declared = [] -%}
    {%- for node in graph.nodes.values() | list + graph.sources.values() | list -%}
        {%- do declared.append(node.schema | lower ~ '.' ~ (node.identifier or node.alias or node.name) | lower) -%}
    {%- endfor -%}

    {%- for name, comment in external_tables_there(streams | map(attribute='schema') | unique).items() -%}
        {%- if name not in declared and comment.startswith('transload ') -%}
            {%- do warn_of_leftover('stream', 'external table', target.database ~ '.' ~ name) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- set staging = generate_schema_name('staging', none) | lower -%}
    {%- set raw = streams | map(attribute='schema') | map('lower') | unique | list if load_path() == 'raw' else [] -%}
    {%- for schema, name, type in run_query(tables_there(raw + [staging])).rows if schema ~ '.' ~ name not in declared -%}
        {%- set models = [] -%}
        {%- for source_name in streams | map(attribute='source_name') | unique if name.startswith('stg_' ~ source_name ~ '__') -%}
            {%- do models.append(name) -%}
        {%- endfor -%}
        {%- if schema in raw or models -%}
            {%- do warn_of_leftover('stream' if schema in raw else 'model', type, target.database ~ '.' ~ schema ~ '.' ~ name) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro tables_there(schemas) %}
    select lower(table_schema), lower(table_name), iff(table_type = 'VIEW', 'view', 'table')
    from {{ target.database }}.information_schema.tables
    where lower(table_schema) in ({{ sql_list(schemas) }})
    order by 1, 2
{% endmacro %}

{% macro warn_of_leftover(what, type, name) %}
    {%- do exceptions.warn("No " ~ what ~ " is declared any more for the " ~ type ~ " " ~ name ~ ". It stays as it is; to remove it: drop "
        ~ type ~ " " ~ name) -%}
{% endmacro %}

{#- How DuckDB keeps a staging model's table. `_record` is most of it. Of itself DuckDB compresses it by a dictionary, which takes
    twice the time of ZSTD and four times the room. A column's compression can only be said where its type is said too. -#}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
    {%- set columns = config.get('meta', {}).get('columns') -%}
    {%- if temporary or not columns -%}
        {{ return(dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by)) }}
    {%- endif %}
    create table {{ relation }} (
        {%- for field, type, name in columns %}
        {{ name }} {{ stored_type(type) }},
        {%- endfor %}
        _load_id varchar,
        _loaded_at timestamp,
        _record json using compression zstd
    );
    insert into {{ relation }}
    {{ compiled_code }}
{%- endmacro %}

{#- The type of a column that `typed` makes. -#}
{% macro stored_type(type) -%}
    {{ return({
        'string': 'varchar', 'integer': 'bigint', 'number': 'decimal(18, 6)', 'id_list': 'bigint[]', 'list': 'varchar[]', 'attributes': 'json',
    }.get(type, type)) }}
{%- endmacro %}

{#- Reading fields of a record. On DuckDB every extraction parses the whole record again, so all fields that a model
    needs are taken at once (`json_fields`) and read from there (`json_field`). Snowflake's VARIANT is parsed already:
    there the "fields" are the record itself. A name may hold any character: on DuckDB it is a JSON pointer's, which
    unlike a path's knows no wildcards, or a member's of a struct, which is read by its place. -#}

{% macro json_fields(record, names) -%}
    {{ return(adapter.dispatch('json_fields', 'transload')(record, names)) }}
{%- endmacro %}

{#- DuckDB looks a few pointers up faster than it makes a struct, and many slower, since it begins for each at the record's
    first field. A struct knows no empty name, nor two that differ in case only. -#}
{% macro taken_as_struct(names) -%}
    {{ return(names | length > 8 and '' not in names and names | map('lower') | unique | list | length == names | length) }}
{%- endmacro %}

{% macro duckdb__json_fields(record, names) -%}
    {%- if taken_as_struct(names) -%}
        {%- set members = {} -%}
        {%- for name in names -%}{%- do members.update({name: 'VARCHAR'}) -%}{%- endfor -%}
        json_transform({{ record }}, {{ sql_text(tojson(members)) }})
    {%- else -%}
    json_extract_string({{ record }}, [
        {%- for name in names %}'/{{ name | replace('~', '~0') | replace('/', '~1') | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor -%}
    ])
    {%- endif -%}
{%- endmacro %}

{% macro snowflake__json_fields(record, names) -%}
    {{ record }}
{%- endmacro %}


{#- The text of one field; `names` is what `json_fields` was given. -#}
{% macro json_field(fields, names, name) -%}
    {{ return(adapter.dispatch('json_field', 'transload')(fields, names, name)) }}
{%- endmacro %}

{% macro duckdb__json_field(fields, names, name) -%}
    {%- set place = names.index(name) + 1 -%}
    {{ 'struct_extract_at(' ~ fields ~ ', ' ~ place ~ ')' if taken_as_struct(names) else fields ~ '[' ~ place ~ ']' }}
{%- endmacro %}

{% macro snowflake__json_field(fields, names, name) -%}
    {{ fields }}:"{{ name | replace('"', '""') }}"::varchar
{%- endmacro %}


{#- The items of a list as rows, to stand in `from` behind the table that has the list: `{alias}.value`. -#}
{% macro items_of(list, alias) -%}
    {{ return(adapter.dispatch('items_of', 'transload')(list, alias)) }}
{%- endmacro %}

{% macro duckdb__items_of(list, alias) -%}
    unnest({{ list }}) as {{ alias }}(value)
{%- endmacro %}

{% macro snowflake__items_of(list, alias) -%}
    lateral flatten(input => {{ list }}) as {{ alias }}
{%- endmacro %}

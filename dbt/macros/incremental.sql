{#- Incremental staging: a model takes in the loads that it has not taken in before, by key, and the newest committed state
    wins. `transload.applied_loads` says what it has taken in. Where one of those is no longer visible (its window was
    committed again, or a newer full load is the base, which is how deletions are found) or the columns have changed, it is
    built anew from all visible loads, and what is in none of them is gone.

    Which record a row is of, `same_record` says; a model's `meta.key` has the fields of its key and their columns.
    One build of a source at a time: the pool `dbt` sees to that. -#}
{% macro applied_loads_table() %}
    create table if not exists {{ transload_table('applied_loads') }} (model varchar, load_id varchar)
{% endmacro %}

{#- The loads that this model has yet to take in, as `pending_loads` has them; none: all, from nothing. -#}
{% macro loads_to_apply(source_name, stream, columns) %}
    {#- A unit test has no table of its own. -#}
    {%- if flags.WHICH not in ['run', 'build', 'retry'] or this is none or not is_incremental() -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set there = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list -%}
    {#- In any order: a column that was added stands last. -#}
    {%- if (columns + ['_load_id', '_loaded_at', '_record']) | sort != there | sort -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set applied = first_column("select load_id from " ~ transload_table('applied_loads') ~ " where model = " ~ sql_text(this | string)) -%}
    {%- set visible = {} -%}
    {%- for load_id, part, records in run_query(visible_parts_of(source_name, stream)).rows -%}
        {%- set load = visible.setdefault(load_id, {'load_id': load_id, 'parts': []}) -%}
        {%- if part -%}{%- do load.parts.append({'key': part, 'records': records | int}) -%}{%- endif -%}
    {%- endfor -%}
    {%- if not applied or applied | reject('in', visible) | list -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(visible.values() | rejectattr('load_id', 'in', applied) | list) }}
{% endmacro %}

{#- Stands in the SQL of a model that is built of all loads, and tells the strategy so. -#}
{% macro all_loads() -%}
    {{ return('-- of all visible loads') }}
{%- endmacro %}

{% macro visible_parts_of(source_name, stream) %}
    select load_id, part, records
    from ({{ visible_parts(transload_table('loads')) }}) as parts
    where source = {{ sql_text(source_name) }} and stream = {{ sql_text(stream) }}
    order by part
{% endmacro %}

{#- A query for the records of these loads. -#}
{% macro records_of(source_name, stream, loads) %}
    {%- set node = declared_streams() | selectattr('source_name', 'eq', source_name) | selectattr('name', 'eq', stream) | first -%}
    {%- set full = loads | selectattr('parts') | list -%}
    {%- if full -%}
        {{ return(adapter.dispatch('records_of_loads', 'transload')(node, full)) }}
    {%- endif -%}
    {{ return("select value, part, load_id from " ~ source(source_name, stream) ~ " where false") }}
{% endmacro %}

{#- Whether two rows are of one record: the texts of its key are the same, as `committed_records` has it. What they are as a
    type is not enough: of a text that is no number it is NULL, and of "5" and "5.0" it is one. It stands there all the same,
    to be joined by: the texts, which need the record itself, are looked at where that is equal.
    `nulls`: whether a NULL equals a NULL. -#}
{% macro same_record(one, other, key, nulls) -%}
    {%- set fields = key | map('first') | list -%}
    {%- for field, name in key -%}
        {%- set texts = [] -%}
        {%- for row in (one, other) -%}
            {%- do texts.append(clean(json_field(json_fields(row ~ '._record', fields), fields, field))) -%}
        {%- endfor -%}
        {{ one }}.{{ name }} {{ 'is not distinct from' if nulls else '=' }} {{ other }}.{{ name }}
    and coalesce({{ texts[0] }} = {{ texts[1] }}, {{ texts[0] }} is null and {{ texts[1] }} is null)
    {{- '\n    and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Of the rows that arrived, those that are not older than the row of that record which is there. -#}
{% macro newer_than_what_is_there(arrived, key, cursor, cursor_type) %}
select {{ arrived }}.*
from {{ arrived }}
left join {{ adapter.dispatch('what_is_there', 'transload')(arrived, key) }} as existing
    on {{ same_record(arrived, 'existing', key, true) }}
{%- if cursor %}
    {%- set newer = cursor_of(arrived, cursor, cursor_type) -%}
    {%- set older = cursor_of('existing', cursor, cursor_type) %}
where existing._loaded_at is null
    or {{ newer }} > {{ older }}
    or ({{ newer }} is not null and {{ older }} is null)
    or ({{ newer }} is not distinct from {{ older }} and {{ arrived }}._loaded_at >= existing._loaded_at)
{%- else %}
where existing._loaded_at is null or {{ arrived }}._loaded_at >= existing._loaded_at
{%- endif %}
{% endmacro %}

{#- The model's rows, to be joined by their key with those that arrived. -#}
{% macro snowflake__what_is_there(arrived, key) %}
    {{ return(this) }}
{% endmacro %}

{#- Only those that may be one of them: DuckDB then skips what of the table lies beyond their keys. Those whose key is NULL are few. -#}
{% macro duckdb__what_is_there(arrived, key) %}
    {%- set names = key | map('last') | join(', ') -%}
    (
        select * from {{ this }} where ({{ names }}) in (select {{ '(' ~ names ~ ')' if key | length > 1 else names }} from {{ arrived }})
        union all
        select * from {{ this }} where {{ any_is_null('', key) }}
    )
{%- endmacro %}

{% macro any_is_null(relation, key) -%}
    {%- for field, name in key %}{{ relation }}{{ name }} is null{{ ' or ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#- As `committed_records` orders by it. -#}
{% macro cursor_of(relation, cursor, cursor_type) -%}
    {{ typed(json_field(json_fields(relation ~ '._record', [cursor]), [cursor], cursor), cursor_type) }}
{%- endmacro %}

{#- How an incremental model's rows get into its table: the strategy `committed`. -#}
{% macro get_incremental_committed_sql(arg_dict) %}
    {%- set columns = arg_dict.dest_columns | map(attribute='quoted') | join(', ') -%}
    {%- if all_loads() in compiled_code -%}
        {{ return(adapter.dispatch('replace_rows', 'transload')(arg_dict.target_relation, arg_dict.temp_relation, columns)) }}
    {%- endif -%}
    {%- set key = config.get('meta')['key'] -%}
    {{ return(adapter.dispatch('merge_rows', 'transload')(arg_dict.target_relation, arg_dict.temp_relation, key, arg_dict.dest_columns | map(attribute='quoted') | list)) }}
{% endmacro %}

{% macro duckdb__replace_rows(target_relation, temp_relation, columns) %}
    delete from {{ target_relation }};
    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ temp_relation }}
{% endmacro %}

{% macro snowflake__replace_rows(target_relation, temp_relation, columns) %}
    {{ return(snowflake_dml_explicit_transaction(duckdb__replace_rows(target_relation, temp_relation, columns))) }}
{% endmacro %}

{% macro duckdb__merge_rows(target_relation, temp_relation, key, columns) %}
    delete from {{ target_relation }} as existing using {{ temp_relation }} as arrived
    where {{ same_record('existing', 'arrived', key, false) }};
    delete from {{ target_relation }} as existing using {{ temp_relation }} as arrived
    where ({{ any_is_null('existing.', key) }}) and {{ same_record('existing', 'arrived', key, true) }};
    insert into {{ target_relation }} ({{ columns | join(', ') }}) select {{ columns | join(', ') }} from {{ temp_relation }}
{% endmacro %}

{% macro snowflake__merge_rows(target_relation, temp_relation, key, columns) %}
    merge into {{ target_relation }} as existing
    using {{ temp_relation }} as arrived
    on {{ same_record('existing', 'arrived', key, true) }}
    when matched then update set
        {%- for name in columns %}
        {{ name }} = arrived.{{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    when not matched then insert ({{ columns | join(', ') }})
    values ({% for name in columns %}arrived.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
{% endmacro %}

{#- Behind an incremental model: what it has now taken in. A build that dies before this takes those loads in once more, which
    changes nothing. -#}
{% macro note_applied_loads(source_name, stream) %}
    {%- if config.get('materialized') == 'incremental' %}
    {%- set name = sql_text(this | string) %}
    {{ return(adapter.dispatch('note_applied_loads', 'transload')(name, visible_parts_of(source_name, stream))) }}
    {%- endif -%}
{% endmacro %}

{% macro duckdb__note_applied_loads(name, visible) %}
    delete from {{ transload_table('applied_loads') }} where model = {{ name }};
    insert into {{ transload_table('applied_loads') }} (model, load_id)
    select distinct {{ name }}, load_id from ({{ visible }}) as visible
{% endmacro %}

{% macro snowflake__note_applied_loads(name, visible) %}
    {{ return(snowflake_dml_explicit_transaction(duckdb__note_applied_loads(name, visible))) }}
{% endmacro %}

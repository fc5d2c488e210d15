{#- Every query of a model says whose it is, for QUERY_HISTORY: the DAG and its run, which the pod of dbt is told, and the model. -#}
{% macro snowflake__set_query_tag() -%}
    {%- set tag = {
        'dag': env_var('TRANSLOAD_DAG', ''), 'run': env_var('TRANSLOAD_RUN', invocation_id), 'model': model.name
    } -%}
    {%- do run_query("alter session set query_tag = " ~ sql_text(tojson(tag))) -%}
    {{ return('') }}
{%- endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) -%}
    {%- do run_query("alter session unset query_tag") -%}
{%- endmacro %}

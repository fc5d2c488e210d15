{#- The date that a UTC timestamp has in a zone. -#}
{% macro local_date(timestamp, zone) -%}
    {{ return(adapter.dispatch('local_date', 'transload')(timestamp, zone)) }}
{%- endmacro %}

{% macro duckdb__local_date(timestamp, zone) -%}
    cast(timezone('{{ zone }}', timezone('UTC', {{ timestamp }})) as date)
{%- endmacro %}

{% macro snowflake__local_date(timestamp, zone) -%}
    convert_timezone('UTC', '{{ zone }}', {{ timestamp }})::date
{%- endmacro %}


{#- A PestRoutes timestamp's date as the account's people know it. -#}
{% macro pestroutes_date(timestamp) -%}
    {{ local_date(timestamp, account_zone('pestroutes', 'America/Los_Angeles')) }}
{%- endmacro %}

{#- The day for which the PestRoutes data stands: the newest end of a committed window. "Today" would make the same lake
    give another answer tomorrow. -#}
{% macro pestroutes_as_of() -%}
    (
        select {{ pestroutes_date('max(until)') }}
        from {{ source('transload', 'loads') }}
        where source = 'pestroutes' and mode <> 'sample'
    )
{%- endmacro %}

{% macro month_of(date) -%}
    cast({{ dbt.date_trunc('month', date) }} as date)
{%- endmacro %}

{#- The zone of a source's timestamps that carry none: what its extractor is told (SOURCE_TIME_ZONE), else what its schema
    says. -#}
{% macro account_zone(source_name, default) -%}
    {{ return(env_var(source_name | upper ~ '_TIME_ZONE', default)) }}
{%- endmacro %}

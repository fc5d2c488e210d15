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

{#- A Marketo timestamp's date as the account's people know it. -#}
{% macro marketo_date(timestamp) -%}
    {{ local_date(timestamp, account_zone('marketo', 'UTC')) }}
{%- endmacro %}

{% macro month_of(date) -%}
    cast({{ dbt.date_trunc('month', date) }} as date)
{%- endmacro %}

{#- The Monday of a date's ISO week. Snowflake's date_trunc would go by the account's WEEK_START. -#}
{% macro week_of(date) -%}
    {{ return(adapter.dispatch('week_of', 'transload')(date)) }}
{%- endmacro %}

{% macro duckdb__week_of(date) -%}
    cast(date_trunc('week', {{ date }}) as date)
{%- endmacro %}

{% macro snowflake__week_of(date) -%}
    dateadd('day', 1 - dayofweekiso({{ date }}), {{ date }})
{%- endmacro %}

{#- A date's ISO week as a text: 2026-W01. -#}
{% macro iso_week(date) -%}
    {{ return(adapter.dispatch('iso_week', 'transload')(date)) }}
{%- endmacro %}

{% macro duckdb__iso_week(date) -%}
    strftime({{ date }}, '%G-W%V')
{%- endmacro %}

{% macro snowflake__iso_week(date) -%}
    yearofweekiso({{ date }}) || '-W' || lpad(weekiso({{ date }})::varchar, 2, '0')
{%- endmacro %}

{#- The zone of a source's timestamps that carry none: what its extractor is told (SOURCE_TIME_ZONE), else what its schema
    says. -#}
{% macro account_zone(source_name, default) -%}
    {{ return(env_var(source_name | upper ~ '_TIME_ZONE', default)) }}
{%- endmacro %}

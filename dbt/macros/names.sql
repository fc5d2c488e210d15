{#- A person's or a company's name out of parts that may be missing. -#}
{% macro full_name(first, last) -%}
    nullif(trim(coalesce({{ first }}, '') || ' ' || coalesce({{ last }}, '')), '')
{%- endmacro %}

{#- A staging model of one type of Marketo's activities: what every activity has, and a column per attribute.

    model: the staging model that has the activities of this type
    columns: [attribute's name, type as in `typed`, column's name] each -#}
{% macro staged_activity(model, activity_type_id, columns) %}
    {%- set names = columns | map('first') | list -%}
with activities as (
    select
        *
        {%- if names %},
        {{ json_fields('attributes', names) }} as fields
        {%- endif %}
    from {{ ref(model) }}
    where activity_type_id = {{ activity_type_id }}
)

select
    marketo_guid,
    lead_id,
    activity_date,
    campaign_id,
    primary_attribute_value_id,
    primary_attribute_value,
    {%- for attribute, type, name in columns %}
    {{ typed(json_field('fields', names, attribute), type) }} as {{ name }},
    {%- endfor %}
    attributes,
    _load_id,
    _loaded_at
from activities
{% endmacro %}

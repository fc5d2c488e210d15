{#- What is counted of emails, for whatever sums it up. -#}
{% macro email_counts() -%}
    {{ return(['sends', 'delivered', 'bounces', 'opens', 'unique_opens', 'clicks', 'unique_clicks', 'unsubscribes']) }}
{%- endmacro %}

{#- The rates of emails out of these counts. NULL where there is nothing to be a part of. -#}
{% macro email_rates() -%}
    {{ rate('delivered', 'sends') }} as delivery_rate,
    {{ rate('bounces', 'sends') }} as bounce_rate,
    {{ rate('unique_opens', 'delivered') }} as open_rate,
    {{ rate('unique_clicks', 'delivered') }} as click_rate,
    {{ rate('unique_clicks', 'unique_opens') }} as click_to_open_rate,
    {{ rate('unsubscribes', 'delivered') }} as unsubscribe_rate
{%- endmacro %}

{% macro rate(part, whole) -%}
    cast({{ part }} as decimal(18, 4)) / nullif({{ whole }}, 0)
{%- endmacro %}

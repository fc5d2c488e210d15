{#- The statements that make Snowflake's external tables, to be read before they are run:
    dbt compile --target snowflake --no-populate-cache --no-introspect --select external_tables -#}
{% if execute and target.type == 'snowflake' %}
{% for node in graph.sources.values() if node.external %}
{{ external_table(node) }};
{% endfor %}
{% endif %}

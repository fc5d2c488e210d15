{#- Of every visible load, the warehouse reads as many records as its commit record says. A row is a load where not. -#}
{% test reconciled(model, source_name, stream) %}
    {#- Not by source(): a test that has the stream as its only parent runs whenever the stream is selected, and only then. -#}
    {%- set loads = api.Relation.create(database=model.database, schema='transload', identifier='loads') %}
    select
        loads.source as source_name,
        loads.stream,
        loads.load_id,
        loads.records as expected,
        coalesce(counted.records, 0) as got
    from ({{ visible_loads(loads) }}) as loads
    left join (
        select load_id, count(*) as records from {{ model }} group by load_id
    ) as counted
        on loads.load_id = counted.load_id
    where loads.source = '{{ source_name }}'
        and loads.stream = '{{ stream }}'
        and loads.records <> coalesce(counted.records, 0)
{% endtest %}

{#- Of every part of every visible load, the warehouse reads as many records as the commit record says. A row is a part where
    not. It was counted when the load was staged (macros/ledger.sql); with `--vars 'reconcile: all'` it is counted again. -#}
{% test reconciled(model, source_name, stream) %}
    {#- Not by source(): a test that has the stream as its only parent runs whenever the stream is selected, and only then. -#}
    select
        parts.source as source_name,
        parts.stream,
        parts.load_id,
        parts.part,
        parts.records as expected,
        coalesce(counted.records, 0) as got
    from ({{ visible_parts(transload_table('loads')) }}) as parts
    left join (
        {%- if var('reconcile') == 'all' %}
        select load_id, part, count(*) as records from {{ model }} group by load_id, part
        {%- else %}
        select load_id, part, sum(records) as records
        from {{ transload_table('ledger') }}
        where load_path = '{{ load_path() }}' and source = '{{ source_name }}' and stream = '{{ stream }}'
        group by load_id, part
        {%- endif %}
    ) as counted
        on parts.load_id = counted.load_id
        and parts.part = counted.part
    where parts.source = '{{ source_name }}'
        and parts.stream = '{{ stream }}'
        and parts.records <> coalesce(counted.records, 0)
{% endtest %}

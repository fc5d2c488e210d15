{#- The ledger: of every load that was staged, how many records the warehouse reads of each of its parts. A part is counted
    when it is staged, and again only until the count is what the commit record says; so staging and reconciling take as long
    as new parts do, not as all that were ever loaded. A load without parts has a line with an empty part. -#}
{% macro ledger_table() %}
    create table if not exists {{ transload_table('ledger') }} (
        load_path varchar,
        source varchar,
        stream varchar,
        load_id varchar,
        part varchar,
        records integer,
        staged_at {{ 'timestamp_ntz' if target.type == 'snowflake' else 'timestamp' }}
    )
{% endmacro %}

{#- How records come into the warehouse: `external` (DuckDB's views are that, too) or `raw`. -#}
{% macro load_path() %}
    {%- set path = var('load', 'external') -%}
    {%- if path not in ['external', 'raw'] or (path == 'raw' and target.type != 'snowflake') -%}
        {%- do exceptions.raise_compiler_error("The variable `load` is " ~ path ~ ": it must be external, or on Snowflake raw") -%}
    {%- endif -%}
    {{ return(path) }}
{% endmacro %}

{#- The visible loads of these streams that are not in the ledger as their commit records say, the oldest first:
    [[stream's node, [{load_id, records, parts: [{key, records}]}]]]. -#}
{% macro pending_loads(streams) %}
    {%- set pending = {} -%}
    {%- for source_name, stream, load_id, part, records in run_query(pending_parts(streams)).rows -%}
        {%- set loads = pending.setdefault(source_name ~ '.' ~ stream, {}) -%}
        {%- set load = loads.setdefault(load_id, {'load_id': load_id, 'parts': []}) -%}
        {%- if part -%}{%- do load.parts.append({'key': part, 'records': records | int}) -%}{%- endif -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for node in streams if node.source_name ~ '.' ~ node.name in pending -%}
        {%- do found.append([node, pending[node.source_name ~ '.' ~ node.name].values() | list]) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro pending_parts(streams) %}
    select parts.source, parts.stream, parts.load_id, parts.part, parts.records
    from (
        select
            committed.*,
            max(case when ledger.records = committed.records then 0 else 1 end)
                over (partition by committed.source, committed.stream, committed.load_id) as is_pending
        from ({{ visible_parts(transload_table('loads')) }}) as committed
        {#- Added up, as reconciling does: lines that two stagings at once wrote twice are forgotten, and counted anew. #}
        left join (
            select source, stream, load_id, part, sum(records) as records
            from {{ transload_table('ledger') }}
            where load_path = '{{ load_path() }}'
            group by source, stream, load_id, part
        ) as ledger
            on committed.source = ledger.source
            and committed.stream = ledger.stream
            and committed.load_id = ledger.load_id
            and committed.part = ledger.part
        where committed.source in ({{ sql_list(streams | map(attribute='source_name') | unique) }})
    ) as parts
    where parts.is_pending = 1
    order by parts.started_at, parts.load_id, parts.part
{% endmacro %}

{#- A statement that takes loads out of the ledger; one that takes out all loads of some streams. -#}
{% macro forget_loads(loads) %}
    {%- set statement -%}
    delete from {{ transload_table('ledger') }}
    where load_path = '{{ load_path() }}' and load_id in ({{ sql_list(loads | map(attribute='load_id')) }})
    {%- endset %}
    {{ return(statement) }}
{% endmacro %}

{% macro forget_streams(nodes) %}
    {%- set names = [] -%}
    {%- for node in nodes -%}{%- do names.append(node.source_name ~ '.' ~ node.name) -%}{%- endfor -%}
    {%- set statement -%}
    delete from {{ transload_table('ledger') }}
    where load_path = '{{ load_path() }}' and source || '.' || stream in ({{ sql_list(names) }})
    {%- endset %}
    {{ return(statement) }}
{% endmacro %}

{#- The statements that note in the ledger what the warehouse reads of loads. -#}
{% macro note_counts(node, loads) %}
    {%- set begin = "insert into " ~ transload_table('ledger') ~ " (load_path, source, stream, load_id, part, records, staged_at)" -%}
    {%- set of = sql_text(load_path()) ~ ", " ~ sql_text(node.source_name) ~ ", " ~ sql_text(node.name) -%}
    {%- set statements = [] -%}
    {#- What has no records has no group to be counted in. -#}
    {%- set rows = [] -%}
    {%- for load in loads -%}
        {%- for part in load.parts or [{'key': '', 'records': 0}] if not part.records -%}
            {%- do rows.append("select " ~ of ~ ", " ~ sql_text(load.load_id) ~ ", " ~ sql_text(part.key) ~ ", 0, " ~ utc_now()) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if rows -%}
        {%- do statements.append(begin ~ " " ~ rows | join(" union all ")) -%}
    {%- endif -%}
    {%- set full = loads | selectattr('parts') | list -%}
    {%- if full -%}
        {%- set counted = adapter.dispatch('records_of_loads', 'transload')(node, full) -%}
        {%- do statements.append(
            begin ~ " select " ~ of ~ ", load_id, part, count(*), " ~ utc_now() ~ " from (" ~ counted ~ ") as found group by load_id, part") -%}
    {%- endif -%}
    {{ return(statements) }}
{% endmacro %}

{% macro utc_now() %}
    {{ return("sysdate()" if target.type == 'snowflake' else "timezone('UTC', now())") }}
{% endmacro %}

{#- The records of some loads, read without a look at any other part. Partitions are pruned by constants. -#}
{% macro duckdb__records_of_loads(node, loads) %}
    {{ records_in(loads | map(attribute='parts') | sum(start=[]) | map(attribute='key')) }}
{% endmacro %}

{% macro snowflake__records_of_loads(node, loads) %}
    {%- set dates = [] -%}
    {%- for load in loads -%}{%- do dates.append(load.parts[0].key.split('/')[2] | replace('load_date=', '')) -%}{%- endfor %}
    select value, part, load_id, load_date
    from {{ relation_of(node) }}
    where load_date in ({{ sql_list(dates | unique) }}) and load_id in ({{ sql_list(loads | map(attribute='load_id')) }})
{% endmacro %}

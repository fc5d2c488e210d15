{#- A failed test says only how many rows it found. Of reconciliation a person needs the part and the two counts. -#}
{% macro explain_unreconciled(results) %}
    {%- if execute -%}
        {%- for result in results if result.status == 'fail' and (result.node.test_metadata or {}).name == 'reconciled' -%}
            {%- for source_name, stream, load_id, part, expected, got in run_query(result.node.compiled_code).rows -%}
                {%- do log(
                    "Not reconciled: " ~ source_name ~ "." ~ stream ~ ", load " ~ load_id ~ ", " ~ (part.split('/') | last or "no part")
                    ~ ": its commit record says " ~ expected ~ " records, the warehouse reads " ~ got, info=true) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

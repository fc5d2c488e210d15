{#- A vendor's text as the type that it means. Tolerant: what cannot be read is NULL, never an error, and blanks, ''
    and 'N/A' are NULL too. The record itself stays in `_record`, so nothing is lost by a cast.

    string     trimmed, without NUL          date, time  zero dates are NULL
    integer    5, "5.0"; rounds "7.5" to 8   timestamp   UTC without zone; `zone` is that of texts that carry none
    number     six decimals                  id_list     numbers out of "1,2", "[1,2]", '["1"]'; empty is NULL
    boolean    1/0, yes/no, true/false, ...  list        texts out of the same; empty is NULL
    attributes an object, also out of        json        also JSON kept in a text; empty [] and {} are NULL, since PHP
               [{"name": ..., "value": ...}]             sends either for "none" -#}
{% macro typed(text, type, zone='UTC') -%}
    {{ return(adapter.dispatch('typed', 'transload')(text, type, zone)) }}
{%- endmacro %}

{#- Most tools behind the warehouse end a text at a NUL, or refuse it. -#}
{% macro clean(text) -%}
    nullif(nullif(trim(replace({{ text }}, chr(0), '')), ''), 'N/A')
{%- endmacro %}

{% macro duckdb__typed(text, type, zone) -%}
    {%- if type == 'string' -%}
        {{ clean(text) }}
    {%- elif type == 'integer' -%}
        try_cast({{ text }} as bigint)
    {%- elif type == 'number' -%}
        try_cast({{ text }} as decimal(18, 6))
    {%- elif type == 'boolean' -%}
        {#- Not `in`: five constants would be joined as a table. -#}
        case lower(trim({{ text }}))
            {%- for truth, words in [(true, ['1', 'yes', 'true', 'y', 't']), (false, ['0', 'no', 'false', 'n', 'f'])] -%}
                {%- for word in words %} when '{{ word }}' then {{ truth | lower }}{% endfor -%}
            {%- endfor %} end
    {%- elif type in ('date', 'time') -%}
        try_cast({{ text }} as {{ type }})
    {%- elif type == 'timestamp' -%}
        case
            when length({{ text }}) > 19 and regexp_matches({{ text }}, '{{ zoned_timestamp() }}')
                then cast(try_cast(replace(replace({{ text }}, 'Z+', '+'), 'Z-', '-') as timestamptz) as timestamp)
            else {{ "try_cast(" ~ text ~ " as timestamp)" if zone == 'UTC'
                else "timezone('UTC', timezone('" ~ zone ~ "', try_cast(" ~ text ~ " as timestamp)))" }}
        end
    {%- elif type == 'id_list' -%}
        {#- Most are plain "1,2", and to take characters out that are not there is the dearest step of all. -#}
        nullif(list_filter(try_cast(string_split(
            case
                when {% for sign in '[]" ' %}contains({{ text }}, '{{ sign }}'){{ ' or ' if not loop.last }}{% endfor %}
                    then translate({{ text }}, '[]" ', '')
                else {{ text }}
            end, ','
        ) as bigint[]), lambda id: id is not null), [])
    {%- elif type == 'list' -%}
        case
            when {{ text }} like '[%' then nullif(try_cast(try_cast({{ text }} as json) as varchar[]), [])
            else list_transform(string_split({{ clean(text) }}, ','), lambda item: trim(item))
        end
    {%- elif type == 'json' -%}
        nullif(nullif(coalesce(try_cast({{ clean(text) }} as json), to_json({{ clean(text) }})), '[]'), '{}')
    {%- elif type == 'attributes' -%}
        nullif(case
            when starts_with({{ text }}, '[') then cast('{' || array_to_string(list_transform(
                try_cast(try_cast({{ text }} as json) as json[]),
                lambda item: (item->'name')::varchar || ':' || coalesce((item->'value')::varchar, 'null')
            ), ',') || '}' as json)
            when starts_with({{ text }}, '{') then try_cast({{ text }} as json)
        end, '{}')
    {%- else -%}
        {{ exceptions.raise_compiler_error("no such type: " ~ type) }}
    {%- endif -%}
{%- endmacro %}

{% macro snowflake__typed(text, type, zone) -%}
    {%- if type == 'string' -%}
        {{ clean(text) }}
    {%- elif type == 'integer' -%}
        try_to_number(trim({{ text }}), 38, 0)
    {%- elif type == 'number' -%}
        try_to_number(trim({{ text }}), 18, 6)
    {%- elif type == 'boolean' -%}
        try_to_boolean(trim({{ text }}))
    {%- elif type in ('date', 'time') -%}
        try_cast(trim({{ text }}) as {{ type }})
    {%- elif type == 'timestamp' -%}
        iff(
            regexp_like({{ text }}, '.*({{ zoned_timestamp() }})'),
            convert_timezone('UTC', try_cast(
                regexp_replace(trim({{ text }}), 'Z?([+-][0-9]{2}):?([0-9]{2})$', '\\1:\\2') as timestamp_tz
            ))::timestamp_ntz,
            convert_timezone('{{ zone }}', 'UTC', try_cast(trim({{ text }}) as timestamp_ntz))
        )
    {%- elif type == 'id_list' -%}
        nullif(try_parse_json('[' || translate({{ text }}, '[]" ', '') || ']')::array, array_construct())
    {%- elif type == 'list' -%}
        nullif(iff({{ text }} like '[%', try_parse_json({{ text }})::array, split({{ clean(text) }}, ',')), array_construct())
    {%- elif type == 'json' -%}
        iff({{ clean(text) }} in ('[]', '{}'), null, coalesce(try_parse_json({{ clean(text) }}), to_variant({{ clean(text) }})))
    {%- elif type == 'attributes' -%}
        iff({{ text }} in ('[]', '{}'), null, coalesce(
            as_object(try_parse_json({{ text }})),
            reduce(
                as_array(try_parse_json({{ text }})), object_construct(),
                (found, item) -> object_insert(found, item:name::varchar, item:value, true)
            )
        ))
    {%- else -%}
        {{ exceptions.raise_compiler_error("no such type: " ~ type) }}
    {%- endif -%}
{%- endmacro %}

{#- Behind the time of day stands a Z, an offset, or (Marketo's assets) both. -#}
{% macro zoned_timestamp() -%}
    [0-9]:[0-9.:]+ ?(Z|Z?[+-][0-9]{2}:?[0-9]{0,2})$
{%- endmacro %}

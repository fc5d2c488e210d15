{%- set names = ['Merge IDs'] -%}
with recursive deletions as (
    select lead_id, min(activity_date) as deleted_at
    from (
        select lead_id, activity_date
        from {{ ref('stg_marketo__deleted_leads') }}
        union all
        -- Bulk Extract leaves them out, REST does not.
        select lead_id, activity_date
        from {{ ref('stg_marketo__activities') }}
        where activity_type_id = 37
    ) as both_streams
    where lead_id is not null
    group by lead_id
),

winners as (
    select
        lead_id,
        activity_date as merged_at,
        {{ typed(json_field(json_fields('attributes', names), names, 'Merge IDs'), 'id_list') }} as merge_ids
    from {{ ref('stg_marketo__activities') }}
    where activity_type_id = 32
),

merges as (
    select cast(losers.value as bigint) as lead_id, winners.lead_id as merged_into, winners.merged_at
    from winners, {{ items_of('winners.merge_ids', 'losers') }}
    where cast(losers.value as bigint) <> winners.lead_id
    qualify row_number() over (partition by cast(losers.value as bigint) order by winners.merged_at desc) = 1
),

-- Who won may have lost later. The limit is for two that were merged into one another, which should not be.
chains as (
    select lead_id, merged_into, merged_at, 1 as steps
    from merges
    union all
    select chains.lead_id, merges.merged_into, chains.merged_at, chains.steps + 1 as steps
    from chains
    inner join merges on chains.merged_into = merges.lead_id
    where chains.steps < 20
),

survivors as (
    select lead_id, merged_into, merged_at
    from chains
    qualify row_number() over (partition by lead_id order by steps desc) = 1
)

select
    coalesce(survivors.lead_id, deletions.lead_id) as lead_id,
    case when survivors.lead_id is null then 'deleted' else 'merged' end as vanished_how,
    coalesce(survivors.merged_at, deletions.deleted_at) as vanished_at,
    survivors.merged_into
from survivors
full outer join deletions on survivors.lead_id = deletions.lead_id

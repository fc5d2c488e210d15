with activities as (
    select
        lead_id,
        count(*) as activities,
        min(activity_date) as first_activity_at,
        max(activity_date) as last_activity_at,
        max(case when is_engagement then activity_date end) as last_engaged_at,
        max(case when kind = 'unsubscribed' then activity_date end) as unsubscribed_at
    from {{ ref('int_lead_activities') }}
    group by lead_id
),

memberships as (
    select
        lead_id,
        count(*) as programs,
        min(membership_date) as became_member_at,
        count(case when reached_success then 1 end) as successes,
        min(case when reached_success then reached_success_date end) as reached_success_at
    from {{ ref('int_program_members') }}
    group by lead_id
),

leads as (
    select
        coalesce(leads.id, vanished.lead_id) as lead_id,
        leads.created_at,
        leads.lead_source,
        leads.lead_status,
        leads.lead_score,
        coalesce(leads.unsubscribed, false) as is_unsubscribed,
        vanished.vanished_at,
        vanished.vanished_how,
        vanished.merged_into
    from {{ ref('stg_marketo__leads') }} as leads
    full outer join {{ ref('int_vanished_leads') }} as vanished on leads.id = vanished.lead_id
)

select
    leads.lead_id,
    case
        when leads.vanished_how is not null then leads.vanished_how
        when leads.is_unsubscribed then 'unsubscribed'
        when memberships.successes > 0 then 'succeeded'
        when memberships.programs > 0 then 'member'
        when activities.last_engaged_at is not null then 'engaged'
        else 'new'
    end as stage,
    leads.created_at,
    activities.first_activity_at,
    activities.last_activity_at,
    activities.last_engaged_at,
    coalesce(activities.activities, 0) as activities,
    memberships.became_member_at,
    memberships.reached_success_at,
    coalesce(memberships.programs, 0) as programs,
    leads.lead_source,
    leads.lead_status,
    leads.lead_score,
    leads.is_unsubscribed,
    case when leads.is_unsubscribed then activities.unsubscribed_at end as unsubscribed_at,
    leads.vanished_at,
    leads.vanished_how,
    leads.merged_into
from leads
left join activities on leads.lead_id = activities.lead_id
left join memberships on leads.lead_id = memberships.lead_id

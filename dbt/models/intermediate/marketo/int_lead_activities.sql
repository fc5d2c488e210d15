with activities as (
    select
        activities.*,
        coalesce(merged.merged_into, activities.lead_id) as surviving_lead_id
    from {{ ref('stg_marketo__activities') }} as activities
    left join {{ ref('int_vanished_leads') }} as merged
        on activities.lead_id = merged.lead_id
        and merged.vanished_how = 'merged'
    -- Deletions come with the activities over REST, by Bulk Extract they don't: int_vanished_leads has both.
    where coalesce(activities.activity_type_id, 0) <> 37
)

select
    activities.marketo_guid,
    activities.surviving_lead_id as lead_id,
    deleted.lead_id is null as is_lead_there,
    activities.activity_date,
    {{ marketo_date('activities.activity_date') }} as activity_on,
    activities.campaign_id,
    activities.primary_attribute_value_id as asset_id,
    case
        when activities.activity_type_id = 1 then 'web_visit'
        when activities.activity_type_id = 2 then 'form_fill'
        when activities.activity_type_id = 3 then 'link_click'
        when activities.activity_type_id = 6 then 'email_sent'
        when activities.activity_type_id = 7 then 'email_delivered'
        when activities.activity_type_id in (8, 27) then 'email_bounced'
        when activities.activity_type_id = 9 then 'unsubscribed'
        when activities.activity_type_id = 10 then 'email_opened'
        when activities.activity_type_id = 11 then 'email_clicked'
        when activities.activity_type_id = 12 then 'lead_created'
        when activities.activity_type_id > 100000 then 'custom'
        else 'other'
    end as kind,
    coalesce(activities.activity_type_id in (1, 2, 3, 10, 11) or activities.activity_type_id > 100000, false) as is_engagement
from activities
left join {{ ref('int_vanished_leads') }} as deleted
    on activities.surviving_lead_id = deleted.lead_id
    and deleted.vanished_how = 'deleted'

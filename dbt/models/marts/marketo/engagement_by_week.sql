with activities as (
    select *, {{ week_of('activity_on') }} as week
    from {{ ref('int_lead_activities') }}
    where activity_on is not null
)

select
    week,
    {{ iso_week('week') }} as iso_week,
    count(distinct case when is_engagement and is_lead_there then lead_id end) as active_leads,
    count(*) as activities,
    count(case when kind = 'web_visit' then 1 end) as web_visits,
    count(case when kind = 'form_fill' then 1 end) as form_fills,
    count(case when kind = 'link_click' then 1 end) as link_clicks,
    count(case when kind = 'email_sent' then 1 end) as emails_sent,
    count(case when kind = 'email_delivered' then 1 end) as emails_delivered,
    count(case when kind = 'email_bounced' then 1 end) as emails_bounced,
    count(case when kind = 'email_opened' then 1 end) as emails_opened,
    count(case when kind = 'email_clicked' then 1 end) as emails_clicked,
    count(case when kind = 'unsubscribed' then 1 end) as unsubscribes,
    count(case when kind = 'lead_created' then 1 end) as leads_created,
    count(case when kind = 'custom' then 1 end) as custom_activities,
    count(case when kind = 'other' then 1 end) as other_activities
from activities
group by week

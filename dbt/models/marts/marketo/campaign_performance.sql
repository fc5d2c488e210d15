with activities as (
    select
        campaign_id,
        kind,
        -- Once per lead and email, however often it was opened.
        lead_id || '-' || coalesce(asset_id, 0) as lead_and_email
    from {{ ref('int_lead_activities') }}
    where campaign_id is not null
),

counted as (
    select
        campaign_id,
        count(case when kind = 'email_sent' then 1 end) as sends,
        count(case when kind = 'email_delivered' then 1 end) as delivered,
        count(case when kind = 'email_bounced' then 1 end) as bounces,
        count(case when kind = 'email_opened' then 1 end) as opens,
        count(distinct case when kind = 'email_opened' then lead_and_email end) as unique_opens,
        count(case when kind = 'email_clicked' then 1 end) as clicks,
        count(distinct case when kind = 'email_clicked' then lead_and_email end) as unique_clicks,
        count(case when kind = 'unsubscribed' then 1 end) as unsubscribes
    from activities
    group by campaign_id
)

select
    coalesce(campaigns.campaign_id, counted.campaign_id) as campaign_id,
    campaigns.campaign_name,
    campaigns.campaign_type,
    campaigns.is_active,
    campaigns.program_id,
    programs.name as program_name,
    {%- for name in email_counts() %}
    coalesce(counted.{{ name }}, 0) as {{ name }},
    {%- endfor %}
    {{ email_rates() }}
from {{ ref('int_campaigns') }} as campaigns
full outer join counted on campaigns.campaign_id = counted.campaign_id
left join {{ ref('stg_marketo__programs') }} as programs on campaigns.program_id = programs.id

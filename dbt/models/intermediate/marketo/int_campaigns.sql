select
    coalesce(campaigns.id, smart_campaigns.id) as campaign_id,
    coalesce(campaigns.name, smart_campaigns.name) as campaign_name,
    coalesce(campaigns.type, smart_campaigns.type) as campaign_type,
    coalesce(campaigns.active, smart_campaigns.is_active) as is_active,
    coalesce(campaigns.program_id, smart_campaigns.parent_program_id) as program_id
from {{ ref('stg_marketo__campaigns') }} as campaigns
full outer join {{ ref('stg_marketo__smart_campaigns') }} as smart_campaigns
    on campaigns.id = smart_campaigns.id

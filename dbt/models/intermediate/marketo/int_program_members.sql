select
    members.program_id,
    members.lead_id,
    members.program as program_name,
    members.status_name,
    members.membership_date,
    coalesce(members.reached_success, false) as reached_success,
    members.reached_success_date,
    coalesce(members.acquired_by, false) as acquired_by
from {{ ref('stg_marketo__program_members') }} as members
left join {{ ref('int_vanished_leads') }} as vanished on members.lead_id = vanished.lead_id
where vanished.lead_id is null
    and coalesce(members.status_name, '') <> 'Not in Program'

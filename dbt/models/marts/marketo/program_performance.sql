with members as (
    select
        program_id,
        max(program_name) as program_name,
        count(*) as members,
        count(case when reached_success then 1 end) as reached_success,
        count(case when acquired_by then 1 end) as acquired
    from {{ ref('int_program_members') }}
    group by program_id
),

emails as (
    select
        program_id,
        count(*) as campaigns
        {%- for name in email_counts() %},
        cast(sum({{ name }}) as bigint) as {{ name }}
        {%- endfor %}
    from {{ ref('campaign_performance') }}
    where program_id is not null
    group by program_id
),

programs as (
    select id as program_id from {{ ref('stg_marketo__programs') }}
    union
    select program_id from members
    union
    select program_id from emails
),

counted as (
    select
        programs.program_id,
        coalesce(described.name, members.program_name) as program_name,
        described.type as program_type,
        described.channel,
        coalesce(members.members, 0) as members,
        coalesce(members.reached_success, 0) as reached_success,
        coalesce(members.acquired, 0) as acquired,
        coalesce(emails.campaigns, 0) as campaigns
        {%- for name in email_counts() %},
        coalesce(emails.{{ name }}, 0) as {{ name }}
        {%- endfor %}
    from programs
    left join {{ ref('stg_marketo__programs') }} as described on programs.program_id = described.id
    left join members on programs.program_id = members.program_id
    left join emails on programs.program_id = emails.program_id
)

select
    *,
    {{ rate('reached_success', 'members') }} as success_rate,
    {{ email_rates() }}
from counted

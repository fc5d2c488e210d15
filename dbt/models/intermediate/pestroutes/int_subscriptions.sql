with subscriptions as (
    select
        *,
        {{ typed('frequency', 'integer') }} as frequency_days
    from {{ ref('stg_pestroutes__subscription') }}
    -- -3 are leads
    where active in (1, 0)
),

valued as (
    select
        subscription_id,
        customer_id,
        office_id,
        active = 1 as is_active,
        {{ pestroutes_date('date_added') }} as started_on,
        -- Who came back is active again and keeps an old cancellation date.
        case when active = 0 then {{ pestroutes_date('date_cancelled') }} end as cancelled_on,
        case
            when frequency_days in (-1, 0) then 0
            when frequency_days > 0 then recurring_charge * 30 / frequency_days
            else annual_recurring_value / 12
        end as monthly_value
    from subscriptions
)

select
    subscription_id,
    customer_id,
    office_id,
    is_active,
    started_on,
    case when cancelled_on < started_on then started_on else cancelled_on end as cancelled_on,
    cast(coalesce(monthly_value, 0) as decimal(18, 2)) as monthly_value
from valued

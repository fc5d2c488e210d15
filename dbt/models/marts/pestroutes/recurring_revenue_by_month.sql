with recursive subscriptions as (
    select *
    from {{ ref('int_subscriptions') }}
    -- Without a cancellation date nobody knows until when an inactive one ran.
    where started_on is not null and (is_active or cancelled_on is not null)
),

-- A subscription is a change upwards in one month and perhaps one downwards in a later month.
changes as (
    select office_id, {{ month_of('started_on') }} as month, 1 as started, 0 as cancelled, monthly_value
    from subscriptions
    union all
    select office_id, {{ month_of('cancelled_on') }} as month, 0 as started, 1 as cancelled, monthly_value
    from subscriptions
    where cancelled_on is not null
),

bounds as (
    select min(month) as first_month, {{ month_of(pestroutes_as_of()) }} as last_month
    from changes
),

months as (
    select first_month as month, last_month
    from bounds
    where first_month is not null
    union all
    select cast({{ dbt.dateadd('month', 1, 'month') }} as date) as month, last_month
    from months
    where month < last_month
),

by_month as (
    select
        months.month,
        offices.office_id,
        count(case when changes.started = 1 then 1 end) as started_subscriptions,
        coalesce(sum(changes.started * changes.monthly_value), 0) as started_revenue,
        count(case when changes.cancelled = 1 then 1 end) as cancelled_subscriptions,
        coalesce(sum(changes.cancelled * changes.monthly_value), 0) as cancelled_revenue
    from months
    cross join (select distinct office_id from subscriptions) as offices
    left join changes
        on months.month = changes.month
        and offices.office_id = changes.office_id
    group by months.month, offices.office_id
)

select
    month,
    office_id,
    cast(
        sum(started_subscriptions - cancelled_subscriptions) over (
            partition by office_id order by month rows unbounded preceding
        ) as integer
    ) as active_subscriptions,
    sum(started_revenue - cancelled_revenue) over (
        partition by office_id order by month rows unbounded preceding
    ) as recurring_revenue,
    started_subscriptions,
    started_revenue,
    cancelled_subscriptions,
    cancelled_revenue
from by_month

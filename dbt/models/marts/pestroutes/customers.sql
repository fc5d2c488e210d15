with subscriptions as (
    select
        customer_id,
        count(*) as subscriptions,
        count(case when is_active then 1 end) as active_subscriptions,
        sum(case when is_active then monthly_value else 0 end) as monthly_recurring_revenue
    from {{ ref('int_subscriptions') }}
    group by customer_id
),

appointments as (
    select
        customer_id,
        count(case when status = 1 then 1 end) as completed_appointments,
        max(case when status = 1 then date end) as last_appointment_on,
        min(case when status = 0 and date >= {{ pestroutes_as_of() }} then date end) as next_appointment_on
    from {{ ref('stg_pestroutes__appointment') }}
    group by customer_id
)

select
    customers.customer_id,
    customers.office_id,
    coalesce(customers.company_name, {{ full_name('customers.fname', 'customers.lname') }}) as customer_name,
    customers.status_text as status,
    customers.city,
    customers.state,
    customers.zip,
    {{ pestroutes_date('customers.date_added') }} as customer_since,
    {{ pestroutes_date('customers.date_cancelled') }} as cancelled_on,
    coalesce(subscriptions.subscriptions, 0) as subscriptions,
    coalesce(subscriptions.active_subscriptions, 0) as active_subscriptions,
    coalesce(subscriptions.monthly_recurring_revenue, 0) as monthly_recurring_revenue,
    cast(coalesce(customers.balance, 0) as decimal(18, 2)) as balance,
    coalesce(appointments.completed_appointments, 0) as completed_appointments,
    appointments.last_appointment_on,
    appointments.next_appointment_on
from {{ ref('stg_pestroutes__customer') }} as customers
left join subscriptions on customers.customer_id = subscriptions.customer_id
left join appointments on customers.customer_id = appointments.customer_id

with invoices as (
    select
        office_id,
        coalesce(nullif(bill_to_account_id, 0), customer_id) as customer_id,
        balance,
        {{ dbt.datediff('coalesce(invoice_date, ' ~ pestroutes_date('date_created') ~ ')', pestroutes_as_of(), 'day') }} as age_days
    from {{ ref('stg_pestroutes__ticket') }}
    -- 0 is void, -1 a template; a negative balance is a credit, not a receivable
    where active = 1 and balance > 0
)

select
    office_id,
    customer_id,
    count(*) as open_invoices,
    max(age_days) as oldest_days,
    cast(sum(balance) as decimal(18, 2)) as total_due,
    cast(sum(case when age_days <= 30 or age_days is null then balance else 0 end) as decimal(18, 2)) as due_0_30,
    cast(sum(case when age_days between 31 and 60 then balance else 0 end) as decimal(18, 2)) as due_31_60,
    cast(sum(case when age_days between 61 and 90 then balance else 0 end) as decimal(18, 2)) as due_61_90,
    cast(sum(case when age_days > 90 then balance else 0 end) as decimal(18, 2)) as due_over_90
from invoices
group by office_id, customer_id

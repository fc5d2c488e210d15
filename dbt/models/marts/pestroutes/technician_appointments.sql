with appointments as (
    select
        -- Who did it; of what is still to be done, who is to do it.
        coalesce(nullif(serviced_by, 0), nullif(assigned_tech, 0)) as technician_id,
        {{ month_of('date') }} as month,
        status
    from {{ ref('stg_pestroutes__appointment') }}
    -- A rescheduled one (-2) stands again under its new date.
    where date is not null and status in (0, 1, 2, -1)
),

counted as (
    select
        technician_id,
        month,
        count(*) as scheduled,
        count(case when status = 1 then 1 end) as completed,
        count(case when status = 2 then 1 end) as no_show,
        count(case when status = -1 then 1 end) as cancelled,
        count(case when status = 0 then 1 end) as pending
    from appointments
    where technician_id > 0
    group by technician_id, month
)

select
    counted.technician_id,
    {{ full_name('employees.fname', 'employees.lname') }} as technician_name,
    employees.office_id,
    counted.month,
    counted.scheduled,
    counted.completed,
    counted.no_show,
    counted.cancelled,
    counted.pending,
    cast(counted.completed as decimal(18, 4)) / nullif(counted.scheduled - counted.pending, 0) as completion_rate
from counted
left join {{ ref('stg_pestroutes__employee') }} as employees
    on counted.technician_id = employees.employee_id

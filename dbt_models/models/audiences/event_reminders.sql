select
    r.registration_id,
    c.customer_id,
    c.email,
    c.first_name,
    c.locale,
    r.event_name,
    r.event_city,
    r.starts_at
from {{ ref('stg_event_registrations') }} as r
inner join {{ ref('int_mailable_customers') }} as c on c.customer_key = r.customer_key
where r.reminder_wanted and r.starts_at > c.as_of and r.starts_at <= c.as_of + interval 14 days

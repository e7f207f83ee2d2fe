-- Events and registrations as the CRM has them; of copies of a key, as ExactTarget compares keys, none counts.
with registrations as (
    select _folded_key, registration_id, customer_id, event_id, registered_at, reminder_wanted
    from {{ source('crm', 'event_registrations') }}
    where _folded_key is not null
    qualify count(*) over (partition by _folded_key) = 1
),

events as (
    select _folded_key, event_id, name, city, starts_at
    from {{ source('crm', 'events') }}
    where _folded_key is not null
    qualify count(*) over (partition by _folded_key) = 1
)

select
    r.registration_id,
    nullif(lower(rtrim(r.customer_id, ' ')), '') as customer_key,
    e.event_id,
    e.name as event_name,
    e.city as event_city,
    timezone('UTC', e.starts_at) as starts_at,
    timezone('UTC', r.registered_at) as registered_at,
    r.reminder_wanted
from registrations as r
inner join events as e on e._folded_key = nullif(lower(rtrim(r.event_id, ' ')), '')

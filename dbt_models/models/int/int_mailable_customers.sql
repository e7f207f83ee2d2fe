-- Whoever is not here is in no audience. Not to know is not consent: an opt-out that cannot be read counts as one.
with unsubscribes as (
    select customer_key, max(event_at) as unsubscribed_at
    from {{ ref('stg_events') }}
    where event_type = 'unsubscribe'
    group by customer_key
),

moments as (
    {% if var('as_of') %}
    select cast('{{ var("as_of") }}' as timestamptz) as as_of
    {% else %}
    select max(created_at) as as_of from {{ ref('stg_customers') }} where created_at <= now() + interval 1 day
    {% endif %}
)

select
    c.customer_key,
    c.customer_id,
    c.email,
    c.first_name,
    c.locale,
    c.newsletter_opt_in,
    c.newsletter_opt_in_at,
    c.created_at,
    m.as_of
from {{ ref('stg_customers') }} as c
cross join moments as m
left join unsubscribes as u on u.customer_key = c.customer_key
where c.opted_out is false
    and nullif(trim(c.email), '') is not null
    -- An unsubscribe holds until the customer opted in after it.
    and (u.unsubscribed_at is null or (c.newsletter_opt_in and c.newsletter_opt_in_at > u.unsubscribed_at))

with as_of as (
    {% if var('as_of') %}
    select cast('{{ var("as_of") }}' as timestamptz) as as_of
    {% else %}
    -- A clock that is far ahead somewhere must not make everybody's figures old.
    select max(event_at) as as_of from {{ ref('stg_events') }} where event_at <= now() + interval 1 day
    {% endif %}
),

events as (
    select
        e.customer_key,
        e.event_type,
        e.event_at,
        e.event_at > a.as_of - interval 30 days as in_30_days,
        e.event_at > a.as_of - interval 90 days as in_90_days
    from {{ ref('stg_events') }} as e
    inner join as_of as a on e.event_at <= a.as_of
),

figures as (
    select
        customer_key,
        max(event_at) filter (event_type = 'sent') as last_sent_at,
        max(event_at) filter (event_type = 'open') as last_open_at,
        max(event_at) filter (event_type = 'click') as last_click_at,
        max(event_at) filter (event_type = 'unsubscribe') as unsubscribed_at,
        count(*) filter (event_type = 'sent') as sends,
        count(*) filter (event_type = 'bounce') as bounces,
        count(*) filter (event_type = 'open') as opens,
        count(*) filter (event_type = 'click') as clicks,
        count(*) filter (event_type = 'open' and in_30_days) as opens_30_days,
        count(*) filter (event_type = 'click' and in_30_days) as clicks_30_days,
        count(*) filter (event_type = 'open' and in_90_days) as opens_90_days,
        count(*) filter (event_type = 'click' and in_90_days) as clicks_90_days
    from events
    group by customer_key
)

select
    c.customer_key,
    c.customer_id,
    f.last_sent_at,
    f.last_open_at,
    f.last_click_at,
    f.unsubscribed_at,
    coalesce(f.sends, 0) as sends,
    coalesce(f.bounces, 0) as bounces,
    coalesce(f.opens, 0) as opens,
    coalesce(f.clicks, 0) as clicks,
    coalesce(f.opens_30_days, 0) as opens_30_days,
    coalesce(f.clicks_30_days, 0) as clicks_30_days,
    coalesce(f.opens_90_days, 0) as opens_90_days,
    coalesce(f.clicks_90_days, 0) as clicks_90_days,
    date_sub('day', greatest(f.last_open_at, f.last_click_at), a.as_of) as recency_days,
    a.as_of
from {{ ref('stg_customers') }} as c
cross join as_of as a
left join figures as f on f.customer_key = c.customer_key

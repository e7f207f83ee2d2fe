with sent as (
    select
        coalesce(email_domain, 'not told') as email_domain,
        count(event_id) as sent,
        max(event_at) as last_sent_at
    from {{ ref('stg_events') }}
    where event_type = 'sent'
    group by all
),

bounced as (
    select
        coalesce(email_domain, 'not told') as email_domain,
        count(*) filter (bounce_class = 'hard') as hard_bounces,
        count(*) filter (bounce_class = 'soft') as soft_bounces,
        count(*) filter (bounce_class = 'block') as block_bounces,
        count(*) filter (bounce_class in ('technical', 'other')) as other_bounces,
        max(event_at) as last_bounce_at
    from {{ ref('stg_bounces') }}
    group by all
)

select
    coalesce(s.email_domain, b.email_domain) as email_domain,
    coalesce(s.sent, 0) as sent,
    coalesce(b.hard_bounces, 0) as hard_bounces,
    coalesce(b.soft_bounces, 0) as soft_bounces,
    coalesce(b.block_bounces, 0) as block_bounces,
    coalesce(b.other_bounces, 0) as other_bounces,
    coalesce(b.hard_bounces + b.soft_bounces + b.block_bounces + b.other_bounces, 0) / nullif(s.sent, 0) as bounce_rate,
    s.last_sent_at,
    b.last_bounce_at
from sent as s
full outer join bounced as b on b.email_domain = s.email_domain

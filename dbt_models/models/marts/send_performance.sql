-- Events without a send (of a whole account, say) belong to no row here.
with sends as (
    select
        send_id,
        min(event_at) filter (event_type = 'sent') as first_sent_at,
        max(event_at) filter (event_type = 'sent') as last_sent_at,
        count(*) filter (event_type = 'sent') as sent,
        count(*) filter (event_type = 'bounce') as bounces,
        count(*) filter (event_type = 'open') as opens,
        count(distinct customer_key) filter (event_type = 'open') as opened_by,
        count(*) filter (event_type = 'click') as clicks,
        count(distinct customer_key) filter (event_type = 'click') as clicked_by,
        count(distinct customer_key) filter (event_type = 'unsubscribe') as unsubscribed_by
    from {{ ref('stg_events') }}
    where send_id is not null
    group by send_id
)

select
    send_id,
    first_sent_at,
    last_sent_at,
    sent,
    bounces,
    -- What was sent may be told later than what became of it.
    greatest(sent - bounces, 0) as delivered,
    opens,
    opened_by,
    clicks,
    clicked_by,
    unsubscribed_by,
    bounces / nullif(sent, 0) as bounce_rate,
    opened_by / nullif(greatest(sent - bounces, 0), 0) as open_rate,
    clicked_by / nullif(greatest(sent - bounces, 0), 0) as click_rate,
    unsubscribed_by / nullif(greatest(sent - bounces, 0), 0) as unsubscribe_rate
from sends

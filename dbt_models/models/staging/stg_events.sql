{% for event in ['sent', 'open', 'click', 'bounce', 'unsubscribe'] %}
select
    _sha256 || '/' || _member || ':' || _line as event_id,
    '{{ event }}' as event_type,
    "EventDate" as event_at,
    _folded_key as customer_key,
    "SubscriberKey" as subscriber_key,
    "SendID" as send_id,
    "BatchID" as batch_id,
    "ListID" as list_id,
    nullif(lower(trim(regexp_extract("EmailAddress", '@([^@]+)$', 1))), '') as email_domain
from {{ source('events', event) }}
{% if not loop.last %}union all{% endif %}
{% endfor %}

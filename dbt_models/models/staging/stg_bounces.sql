-- What ExactTarget calls a hard, soft, block or technical bounce; what it calls otherwise is other.
select
    _sha256 || '/' || _member || ':' || _line as event_id,
    "EventDate" as event_at,
    _folded_key as customer_key,
    "SendID" as send_id,
    nullif(lower(trim(regexp_extract("EmailAddress", '@([^@]+)$', 1))), '') as email_domain,
    case
        when lower("BounceCategory") like 'hard%' then 'hard'
        when lower("BounceCategory") like 'soft%' then 'soft'
        when lower("BounceCategory") like 'block%' then 'block'
        when lower("BounceCategory") like 'technical%' then 'technical'
        else 'other'
    end as bounce_class,
    "SMTPCode" as smtp_code
from {{ source('events', 'bounce') }}

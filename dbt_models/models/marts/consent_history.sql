-- Every dated word about consent that is known, whoever said it. What decides is not read from here: the platform holds
-- the rule (int_mailable_customers for audiences, the gate for imports); this shows why.
with facts as (
    select
        customer_key || '/opt-in' as fact_id,
        customer_key,
        case when newsletter_opt_in then 'opt-in in the CRM' end as fact,
        newsletter_opt_in_at as happened_at,
        cast(null as bigint) as list_id,
        false as is_out
    from {{ ref('stg_customers') }}
    where newsletter_opt_in and newsletter_opt_in_at is not null
    union all
    select
        customer_key || '/opt-out',
        customer_key,
        case when opted_out then 'opt-out in the CRM' end,
        opted_out_at,
        null,
        true
    from {{ ref('stg_customers') }}
    where opted_out and opted_out_at is not null
    union all
    select event_id, customer_key, event_type || ' in ExactTarget', event_at, list_id, true
    from {{ ref('stg_events') }}
    where event_type = 'unsubscribe' and event_at is not null and customer_key is not null
)

select
    fact_id,
    customer_key,
    fact,
    happened_at,
    list_id,
    -- Of two at the same moment the opt-out counts.
    row_number() over (partition by customer_key order by happened_at desc, is_out desc, fact_id) = 1 as is_latest
from facts

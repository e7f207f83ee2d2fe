-- Every word about consent that is known, whoever said it: the facts that the platform's rule goes by, and why.
-- depends_on: {{ ref('stg_events') }} (the facts are a view of the platform's, made of unsubscribes and customers too)
-- depends_on: {{ ref('stg_customers') }}
with facts as (
    select distinct
        md5(concat_ws('/', _folded_key, source, level, unit, list_id, says, happened_at, evidence)) as fact_id,
        _folded_key as customer_key,
        case
            when source = 'CRM' and says = 'in' then 'opt-in in the CRM'
            when source = 'CRM' then 'opt-out in the CRM'
            else source || ' in ExactTarget'
        end as fact,
        says,
        timezone('UTC', happened_at) as happened_at,
        unit as business_unit,
        list_id,
        binds,
        binds and says in ('in', 'out') as counts,
        stands,
        evidence
    from {{ source('consent', 'facts') }}
    where _folded_key is not null
)

select
    fact_id,
    customer_key,
    fact,
    says,
    happened_at,
    business_unit,
    list_id,
    binds as holds_everywhere,
    evidence,
    -- What the CRM states as it is now stands; of two at the same moment the opt-out counts.
    counts and row_number() over (
        partition by customer_key, counts
        order by stands desc, happened_at desc nulls last, says desc, fact_id
    ) = 1 as is_latest
from facts

-- Whoever is not here is in no audience. Not to know is not consent: an opt-out that cannot be read counts as one.
-- depends_on: {{ ref('stg_events') }} (the verdicts are views of the platform's, made of unsubscribes too)
with verdicts as (
    select _folded_key, verdict
    from {{ source('consent', 'verdicts') }}
    where level = 'everything'
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
left join verdicts as v on v._folded_key = c.customer_key
where c.opted_out is false
    and nullif(trim(c.email), '') is not null
    and coalesce(v.verdict, 'unsaid') in ('in', 'unsaid')

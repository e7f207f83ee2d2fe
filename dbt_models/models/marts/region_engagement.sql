select
    coalesce(nullif(upper(trim(c.country_code)), ''), 'not told') as country_code,
    count(c.customer_key) as customers,
    count(m.customer_key) as mailable,
    count(*) filter (e.opens_30_days > 0) as opened_in_30_days,
    count(*) filter (e.clicks_30_days > 0) as clicked_in_30_days,
    count(*) filter (e.opens_90_days > 0) as opened_in_90_days,
    max(e.last_open_at) as last_open_at
from {{ ref('stg_customers') }} as c
inner join {{ ref('customer_engagement') }} as e on e.customer_key = c.customer_key
left join {{ ref('int_mailable_customers') }} as m on m.customer_key = c.customer_key
group by 1

-- One row a person: a key that the CRM has twice, as ExactTarget compares keys, names nobody in particular.
select
    _folded_key as customer_key,
    _key as customer_id,
    email,
    first_name,
    country_code,
    locale,
    newsletter_opt_in,
    timezone('UTC', newsletter_opt_in_at) as newsletter_opt_in_at,
    opted_out,
    timezone('UTC', opted_out_at) as opted_out_at,
    timezone('UTC', created_at) as created_at
from {{ source('crm', 'customers') }}
where _folded_key is not null
qualify count(*) over (partition by _folded_key) = 1

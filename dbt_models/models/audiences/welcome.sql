select customer_id, email, first_name, locale, created_at
from {{ ref('int_mailable_customers') }}
where created_at > as_of - interval 30 days and created_at <= as_of

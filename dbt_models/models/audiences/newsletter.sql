select customer_id, email, first_name, locale, newsletter_opt_in_at
from {{ ref('int_mailable_customers') }}
where newsletter_opt_in

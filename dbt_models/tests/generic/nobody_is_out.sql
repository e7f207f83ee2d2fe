-- Rows of an audience whose customer the CRM says is out, in whatever copy of the key; none may be there.
{% test nobody_is_out(model) %}
select a.customer_id
from {{ model }} as a
inner join {{ source('crm', 'customers') }} as c on c._folded_key = nullif(lower(rtrim(a.customer_id, ' ')), '')
where c.opted_out
{% endtest %}

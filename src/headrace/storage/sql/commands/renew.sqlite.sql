-- Renew

-- step: held: [key …]
select l.key, l.token, l.is_cancel_requested, d.failure
from leases l left join deferred d on l.is_cancel_requested and d.key = l.key
where l.key in (select value from json_each(:keys));

-- step: extend: [key …]
update leases set expires_at = :expires_at where key in (select value from json_each(:keys));

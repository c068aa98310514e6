-- Renew

-- step: held: [key …]
select key, token, is_cancel_requested from leases where key in (select value from json_each(:keys));

-- step: extend: [key …]
update leases set expires_at = :expires_at where key in (select value from json_each(:keys));

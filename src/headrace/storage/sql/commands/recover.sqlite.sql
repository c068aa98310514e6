-- Recover

-- step: forget_requests
delete from requests where id in (select id from requests where at < :before limit :limit);

-- step: forget_series
delete from series where first in (select first from series where at < :before limit :limit);

-- step: ended: without an index, as there are never more leases than running jobs
select l.key, l.priority, l.made, l.started, l.stalls, j.id, j.options, e.key is not null
from leases l join jobs j on j.key = l.key left join deferred e on e.key = l.key
where l.expires_at <= :now
order by l.expires_at, l.key limit :limit;

-- step: unlease: [key …]
delete from leases where key in (select value from json_each(:keys));

-- Annotate

-- step: token
select token from leases where key = :key;

-- step: annotate: what is null stays as it is; notes are merged, and a null in them removes (RFC 7396)
insert into annotations (key, progress, notes, data)
values (:key, :progress, iif(:notes is null, null, json_patch('{}', :notes)), :data)
on conflict (key) do update set
  progress = coalesce(:progress, progress),
  notes = iif(:notes is null, notes, json_patch(coalesce(notes, '{}'), :notes)),
  data = coalesce(:data, data);

-- step: lines: [text …]
insert into lines (key, number, text)
select :key, coalesce((select max(number) + 1 from lines where key = :key), 0) + r.key, r.value
from jsonb_each(:rows) as r;

-- step: forget_lines
delete from lines where key = :key and number <= (select max(number) from lines where key = :key) - :most;

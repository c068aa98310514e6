-- Annotate

-- step: token
select token from leases where key = :key;

-- step: object: whether the data has members that can be patched
select 1 from (
  select coalesce(:data, a.data, j.data) as data from jobs j left join annotations a on a.key = j.key where j.key = :key
)
where iif(json_valid(data), json_type(data), '') = 'object';

-- step: too_large: what would have more bytes than it may when it is merged
select what from (
  select 'data' as what, json_patch(coalesce(:data, a.data, j.data), :patch) as merged
  from jobs j left join annotations a on a.key = j.key where j.key = :key and :patch is not null
  union all
  select 'notes', json_patch(coalesce((select notes from annotations where key = :key), '{}'), :notes)
  where :notes is not null
)
where length(cast(merged as blob)) > :most limit 1;

-- step: annotate: what is null stays as it is; notes and patches are merged, and a null in them removes (RFC 7396)
insert into annotations (key, progress, notes, data)
values (
  :key, :progress, iif(:notes is null, null, json_patch('{}', :notes)),
  iif(:patch is null, :data, json_patch(coalesce(:data, (select data from jobs where key = :key)), :patch))
)
on conflict (key) do update set
  progress = coalesce(:progress, progress),
  notes = iif(:notes is null, notes, json_patch(coalesce(notes, '{}'), :notes)),
  data = iif(
    :patch is null, coalesce(:data, data),
    json_patch(coalesce(:data, data, (select j.data from jobs j where j.key = :key)), :patch)
  );

-- step: lines: [text …]
insert into lines (key, number, text)
select :key, coalesce((select max(number) + 1 from lines where key = :key), 0) + r.key, r.value
from jsonb_each(:rows) as r;

-- step: forget_lines
delete from lines where key = :key and number <= (select max(number) from lines where key = :key) - :most;

-- Publish

-- step: advance
insert into channels (name, last) values (:name, :count)
on conflict (name) do update set last = last + :count
returning id, last;

-- step: append: [body …]
insert into log (channel, position, at, key, body)
select :channel, :first + r.key, :now, :key, r.value from jsonb_each(:rows) as r;

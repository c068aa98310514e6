-- Commit

-- step: advance
insert into cursors (channel, name, position) values (:channel, :name, :position)
on conflict (channel, name) do update set position = max(position, excluded.position);

-- step: cursor
select position from cursors where channel = :channel and name = :name;

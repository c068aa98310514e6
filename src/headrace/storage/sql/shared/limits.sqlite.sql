-- Limits: what the disk does at best, with nothing of ours in the way.

-- step: journal
pragma journal_mode = wal;

-- step: durable
pragma synchronous = full;

-- step: checkpoint
pragma wal_autocheckpoint = 2000;

-- step: table
create table if not exists jobs (key integer primary key, name text, data text);

-- step: row
insert into jobs (name, data) values (:name, :data);

-- step: rows: [name, data]
insert into jobs (name, data) select value ->> 0, value ->> 1 from json_each(:rows);

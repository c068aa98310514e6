-- A job may wait for others that are not its children. Such an edge has a bond of its own, and so stands in the index by
-- which the end of a job finds who follows it; edges to children, whose policy is in `jobs`, take no room there.

alter table edges add column bond text;
create index edges_followed on edges (child) where bond is not null;

-- Locks

-- step: page
select name, owner, fence, taken_at, expires_at from locks
where expires_at > :now and name = coalesce(:name, name) and (name, fence) > (:after_name, :after_fence)
order by name, fence limit :limit;

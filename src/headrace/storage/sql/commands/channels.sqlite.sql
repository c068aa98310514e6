-- Channels

-- step: page
select name, first, last from logs
where name > :after and substr(name, 1, length(:prefix)) = :prefix
order by name limit :limit;

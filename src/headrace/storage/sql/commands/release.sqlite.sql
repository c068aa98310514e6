-- Release

-- step: give
delete from locks where name = :name and owner = :owner and expires_at > :now returning fence;

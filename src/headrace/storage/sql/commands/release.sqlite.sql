-- Release

-- step: give
update locks set expires_at = 0 where name = :name and owner = :owner and expires_at > :now returning name;

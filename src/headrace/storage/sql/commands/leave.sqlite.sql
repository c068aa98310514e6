-- Leave

-- step: gone
delete from workers where id = :id returning expires_at;

-- DropSchedule

-- step: drop
delete from schedules where name = :name returning name;

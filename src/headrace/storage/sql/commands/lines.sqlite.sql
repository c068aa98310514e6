-- Lines

-- step: bounds
select coalesce(max(number) + 1, 0), coalesce(min(number), 0) from lines where key = :key;

-- step: page
select text from lines where key = :key and number >= :after order by number limit :limit;

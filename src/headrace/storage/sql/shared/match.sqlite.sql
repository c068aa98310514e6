-- Match: which jobs fit a query.

-- step: fitting: of [key …], those that fit each of [{field, is_negated, states, pattern, word, sign, number, path} …]
with page as materialized (
  select key, queue, id, name, state, priority, made, failure, :now - coalesce(finished_at, added_at) as age,
         iif(json_valid(data), data, 'null') as data
  from records where key in (select value from json_each(:keys))
)
select r.key from page r where not exists (
  select 1 from (
    select value ->> 'field' as field, value ->> 'is_negated' as is_negated, value -> 'states' as states,
           value ->> 'pattern' as pattern, value ->> 'word' as word, value ->> 'sign' as sign,
           value ->> 'number' as wanted, value ->> 'path' as path,
           json_type(r.data, value ->> 'path') as kind,
           case value ->> 'field'
             when 'priority' then r.priority
             when 'attempts' then r.made
             when 'age' then r.age
             when 'data' then r.data ->> (value ->> 'path')
           end as found
    from json_each(:terms)
  ) as t
  where t.is_negated = coalesce(
    case
      when t.field = 'state' then r.state in (select value from json_each(t.states))
      when t.field = 'queue' then r.queue glob t.pattern
      when t.field = 'name' then r.name glob t.pattern
      when t.field = 'id' then r.id glob t.pattern
      when t.field = 'error' then r.failure is not null and (
        lower(coalesce(r.failure ->> 'kind', '')) glob t.pattern
        or lower(coalesce(r.failure ->> 'cause', 'error')) glob t.pattern
        or lower(r.failure ->> 'reason') glob t.pattern
      )
      when t.kind = 'text' then t.sign = '=' and t.found glob t.pattern
      when t.kind in ('true', 'false', 'null') then t.sign = '=' and t.kind = t.word
      when t.kind in ('array', 'object') then 0
      -- How the numbers compare, as one of `<=>`, is looked for in the sign that was asked for, which may have two.
      else instr(t.sign, substr('<=>', 2 + (t.found > t.wanted) - (t.found < t.wanted), 1)) > 0
    end, 0)
);

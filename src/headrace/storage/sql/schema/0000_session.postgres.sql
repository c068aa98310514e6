-- What a connection says before it works. {} is the schema, quoted: a name cannot be a bound parameter.

-- step: settings
-- Plans decide. With these there is one plan for a text, whatever the tables held when it was made: see claim. A bitmap
-- scan would sort a whole queue for the first job of it. Hash joins stay: without them two sets of
-- rows of one statement meet row by row, which a Settle of 1,000 pays for many times over.
select set_config('search_path', quote_ident($1), false), set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
       set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false);

-- step: version
select current_setting('server_version_num')::integer;

-- step: lock
select pg_advisory_xact_lock(hashtext('headrace schema'), hashtext($1));

-- step: schema
select exists (select from pg_namespace n where n.nspname = $1);

-- step: create
create schema {};

-- step: ledger
select to_regclass('migrations') is not null;

-- step: found
select coalesce(max(m.version), 0) from migrations m;

-- step: applied
insert into migrations (version) values ($1);

-- step: listen
listen {};

-- step: notify
select pg_notify($1, $2);

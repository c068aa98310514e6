-- Identity: whose database a file is. One statement, as another process may be creating the schema.

-- step: identity
select a.application_id, v.user_version, exists (select 1 from sqlite_schema)
from pragma_application_id as a, pragma_user_version as v;

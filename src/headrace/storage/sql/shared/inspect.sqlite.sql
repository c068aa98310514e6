-- Inspect: what can be learned of a file without changing it.

-- step: journal
select journal_mode from pragma_journal_mode;

-- step: sound
pragma quick_check(5);

-- step: janitor
select max(expires_at) from locks where name = 'headrace-janitor';

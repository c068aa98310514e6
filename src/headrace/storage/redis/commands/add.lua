-- uses: adding
-- Add: new jobs and whole flows, all or none; ARGV and the answer are those of shared/adding.

return add()

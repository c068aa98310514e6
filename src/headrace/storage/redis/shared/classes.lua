-- Jobs of one priority are a class: BullMQ's score is the priority times 2^32, and a counter.

local CLASS = 4294967296
local fronted, fronts = {}, 0 -- hash keys of the jobs that this command put in front, in their order

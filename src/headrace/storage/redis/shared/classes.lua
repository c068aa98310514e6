-- Jobs of one priority are a class: BullMQ's score is the priority times 2^32, and a counter.

local CLASS = 4294967296
local fronted = {} -- hash keys of the jobs that this command put in front, in their order
local fronts = 0

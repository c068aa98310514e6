-- Whole numbers as text. Redis 7 prints a number that it is given as if it were a fraction, which costs more than a small
-- command; most of those that we write are small, or the same for many jobs.

local TEXTS = { [0] = '0', '1', '2', '3' }

local function text_of(number)
  return TEXTS[number] or string.format('%d', number)
end

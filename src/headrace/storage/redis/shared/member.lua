-- What tells jobs apart, as core.limits.key_of has it: '=' and a text up to its first NUL, or a whole number of 64 bits, that
-- a member of the data has; '' if there is none. cjson would make one number of 7 and 7.0, and round large ones.

local HIGHEST, LOWEST = '9223372036854775807', '9223372036854775808'

local function end_of_text(data, from)
  local at = string.find(data, '["\\]', from + 1)
  while at and string.sub(data, at, at) == '\\' do
    at = string.find(data, '["\\]', at + 2)
  end
  return at
end

local function unquoted(raw)
  if not string.find(raw, '\\', 1, true) then
    return string.sub(raw, 2, -2)
  end
  local is_read, texts = pcall(cjson.decode, '[' .. raw .. ']')
  return is_read and texts[1] or nil
end

-- The value of a member of an object as it is written; of several, the last.
local function raw_member(data, member)
  local _, at = string.find(data, '^%s*{')
  local depth, name, from, found = 1, nil, nil, nil
  while at and depth > 0 do
    at = string.find(data, '[%[%]{}",:]', at + 1)
    local sign = at and string.sub(data, at, at)
    if sign == '"' then
      local ends = end_of_text(data, at)
      if depth == 1 and not from and ends then
        name = unquoted(string.sub(data, at, ends))
      end
      at = ends
    elseif sign == '{' or sign == '[' then
      depth = depth + 1
    elseif sign == '}' or sign == ']' then
      depth = depth - 1
    end
    if depth == 1 and sign == ':' then
      from = at + 1
    elseif from and at and (depth == 0 or (depth == 1 and sign == ',')) then
      found = name == member and string.sub(data, from, at - 1) or found
      from = nil
    end
  end
  return found and string.match(found, '^%s*(.-)%s*$')
end

local function key_in(data, member)
  local raw = raw_member(data, member) or ''
  if string.sub(raw, 1, 1) == '"' then
    local text = unquoted(raw)
    return text and '=' .. string.match(text, '^[^%z]*') or ''
  end
  local sign, digits = string.match(raw, '^(-?)(%d+)$')
  if not digits or #digits > #HIGHEST or (#digits == #HIGHEST and digits > (sign == '' and HIGHEST or LOWEST)) then
    return ''
  end
  return digits == '0' and '=0' or '=' .. sign .. digits
end

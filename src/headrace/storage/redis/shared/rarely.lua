-- Functions that few calls of a script need. A script makes all its functions anew each time that it runs, which costs
-- more than a small command; those of the pieces that the second line of a text names are made here, together, when the
-- first of them is asked for.

local rare

function rarely(name)
  if not rare then
    --[[rare]]
  end
  return rare[name]
end

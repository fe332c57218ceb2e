-- KEYS: since when each node remembers: from now on. ARGV: 'again' where it begins anew even if this
-- run has begun.
for _, key in ipairs(KEYS) do
  if ARGV[1] == 'again' or not since(key) then
    begin(key)
  end
end
return 0

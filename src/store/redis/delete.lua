-- First what is gone: after that a server that is full also takes the versions, which stay for a while.
local gone = {}
for at = 1, n do
    if wins(at) then gone[#gone + 1] = KEYS[at] end
end
if #gone > 0 then redis.call('DEL', unpack(gone)) end
for at = 1, n do
    if wins(at) then redis.call('SET', KEYS[n + at], ARGV[at], 'EX', ARGV[n + 1]) end
end
return stand

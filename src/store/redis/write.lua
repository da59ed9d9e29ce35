-- One command writes all, so that a server that is full takes all of them or none.
local all = {}
for at = 1, n do
    if wins(at) then
        local last = #all
        all[last + 1], all[last + 2] = KEYS[at], ARGV[n + at]
        all[last + 3], all[last + 4] = KEYS[n + at], ARGV[at]
    end
end
if #all > 0 then redis.call('MSET', unpack(all)) end
return stand

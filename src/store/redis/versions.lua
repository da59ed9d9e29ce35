-- KEYS: documents, then the sibling of each. ARGV: the version of each, then what the other file says.
-- Lua's numbers hold whole ones up to 2^53 exactly, and no version is greater.
local n = #KEYS / 2

-- What another program wrote says in its `_timestamp` how old it is: seconds, with six digits behind the point.
local function stamp(text)
    local ok, value = pcall(cjson.decode, text)
    local seconds = ok and type(value) == 'table' and value._timestamp
    if type(seconds) == 'number' and seconds >= 0 and seconds < 9007199254 then
        return tonumber((string.gsub(string.format('%.6f', seconds), '%.', '')))
    end
    return false
end

-- By place: the version that stands there, `false` where there is none, or the name of another kind of
-- value than a text, which isn't ours to replace.
local stand = redis.call('MGET', unpack(KEYS, n + 1))
local unknown, places = {}, {}
for at = 1, n do
    stand[at] = stand[at] and tonumber(stand[at]) or false
    if not stand[at] then
        unknown[#unknown + 1] = KEYS[at]
        places[#places + 1] = at
    end
end
if #unknown > 0 then
    local found = redis.call('MGET', unpack(unknown))
    local others = redis.call('EXISTS', unpack(unknown))
    for at = 1, #unknown do
        if found[at] then
            stand[places[at]] = stamp(found[at])
            others = others - 1
        end
    end
    for at = 1, #unknown do
        if others > 0 and not found[at] then
            local kind = redis.call('TYPE', unknown[at]).ok
            if kind ~= 'none' then stand[places[at]] = kind end
        end
    end
end

local function wins(at)
    return type(stand[at]) ~= 'string' and tonumber(ARGV[at]) >= (stand[at] or 0)
end

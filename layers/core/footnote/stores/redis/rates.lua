-- Counts one call in every counter, or in none; see footnote/quota/rates/counting.py for the method and why it is exact.
-- KEYS: the caller's possible blocks, then the counters. ARGV: how many blocks, how many buckets a window has, then for
-- each counter its limit and the width of a bucket (microseconds).
-- A counter is a list of "bucket:total", oldest first, with the last one that has left the window in front.
-- Answers {2, until} for a blocked caller, else {0 or 1 for refused, then for each counter what is left before this call
-- and the microseconds until its oldest call leaves}.
local blocks, buckets = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

if blocks > 0 then
    local until_s = 0
    local ends = redis.call('MGET', unpack(KEYS, 1, blocks))
    for i = 1, blocks do
        if ends[i] and tonumber(ends[i]) > until_s then until_s = tonumber(ends[i]) end
    end
    if until_s * 1000000 > now then return {2, until_s} end
end

local function read(element)
    local bucket, total = string.match(element, '(%d+):(%d+)')
    return tonumber(bucket), tonumber(total)
end

-- Where the call would be counted, the newest element, and how much the window holds.
local function look(key, width)
    local bucket, newest, total = math.floor(now / width), -1, 0
    local tail = redis.call('LINDEX', key, -1)
    if not tail then return bucket, newest, total, 0, nil end
    newest, total = read(tail)
    if newest > bucket + buckets then
        redis.call('DEL', key)
        return bucket, -1, 0, 0, nil
    end
    if newest > bucket then bucket = newest end
    while true do
        local front = redis.call('LRANGE', key, 0, 1)
        local _, base = read(front[1])
        if not front[2] then return bucket, newest, total, 0, nil end
        local oldest, through = read(front[2])
        if oldest >= bucket - buckets then return bucket, newest, total, total - base, {oldest, through - base} end
        redis.call('LPOP', key)
    end
end

-- The bucket that has to leave until one more call is admitted.
local function leaving(key, count, limit, oldest)
    local needed = count - limit + 1
    if needed <= oldest[2] then return oldest[1] end
    local elements = redis.call('LRANGE', key, 0, -1)
    local _, base = read(elements[1])
    for i = 2, #elements do
        local bucket, total = read(elements[i])
        if total - base >= needed then return bucket end
    end
    return oldest[1]
end

local answer, found = {0}, {}
for i = blocks + 1, #KEYS do
    local at = 2 * (i - blocks) + 1
    local key, limit, width = KEYS[i], tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local bucket, newest, total, count, oldest = look(key, width)
    local wait = 0
    if limit == 0 then
        wait = buckets * width
    elseif oldest then
        wait = (leaving(key, count, limit, oldest) + buckets + 1) * width - now
    end
    if count >= limit then answer[1] = 1 end
    found[#found + 1] = {key, bucket, newest, total, width}
    answer[#answer + 1] = limit - count
    answer[#answer + 1] = wait
end
if answer[1] == 1 then return answer end

for i, one in ipairs(found) do
    local key, bucket, newest, total, width = unpack(one)
    local element = string.format('%.0f:%.0f', bucket, total + 1)
    if newest == bucket then
        redis.call('LSET', key, -1, element)
    else
        if newest < 0 then redis.call('RPUSH', key, '0:0') end
        redis.call('RPUSH', key, element)
        if answer[2 * i + 1] == 0 then answer[2 * i + 1] = (bucket + buckets + 1) * width - now end
    end
    redis.call('PEXPIRE', key, math.ceil((buckets + 1) * width / 1000) + 1)
end
return answer

-- Takes one of a key's allowance, in one step. The same as src/limits/gcra.rs, with times as milliseconds and nanoseconds,
-- because a number of Lua is exact to 2^53 only; differences are nanoseconds.
-- KEYS: 1 the count, "<ms> <ns>": the arrival time; 2 in the same slot, "<ms>": no key here has its whole allowance back before.
-- ARGV: now (ms), interval and whole allowance (ns), when the caller lost Redis and found it again (ms, 0: never),
-- a minute and how much of it may be had at once after a change of hands (ms).
-- Answers 0, or the nanoseconds to wait.
local now, interval, whole = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lost, back, minute, at_once = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

-- Whoever counted elsewhere, or forgot: what was given then is not known here.
local kept = redis.call('GETRANGE', KEYS[2], 0, 15)
local floor = string.match(kept, '^%d+$') and tonumber(kept)
local changed
if not floor or floor > now + 2 * minute then
  floor, changed = 0, now
elseif floor - minute < lost then
  changed = back
end
if changed then
  local next = changed + minute
  -- Not if something was given at once in the minute before: here, or by a caller who counted by itself.
  if floor <= changed and lost + minute <= changed then next = next - at_once end
  floor = math.max(floor, next)
  redis.call('SET', KEYS[2], string.format('%.0f', floor))
end

local ms, ns = string.match(redis.call('GETRANGE', KEYS[1], 0, 31), '^(%d+) (%d+)$')
local ahead = 0
if ms then ahead = math.max((tonumber(ms) - now) * 1000000 + tonumber(ns), 0) end
local is_set_back = ahead > 2 * whole
if is_set_back then ahead = whole end
-- Whoever comes first may always have one.
ahead = math.max(ahead, math.min((floor - now) * 1000000, whole - interval))

local over = ahead + interval - whole
local arrival = ahead
if over <= 0 then arrival = ahead + interval end
if over <= 0 or is_set_back then
  local rest = math.fmod(arrival, 1000000)
  local at = string.format('%.0f %.0f', now + (arrival - rest) / 1000000, rest)
  -- A second longer than is left of it, for callers whose clocks are behind.
  local ttl = math.min(math.ceil(arrival / 1000000) + 1000, minute)
  redis.call('SET', KEYS[1], at, 'PX', string.format('%.0f', ttl))
end
return math.max(over, 0)

-- For wrk: POST of a form by HTTP Basic, one token of a file after the other.
-- After `--`: basic=BASE64  file=TOKENS  before=FIELDS  from=NUMBER (where in the file to begin)
local requests, at

function init(words)
  local given = {}
  for _, word in ipairs(words) do
    local name, value = word:match("^(%w+)=(.*)$")
    if name then given[name] = value end
  end
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded", ["Authorization"] = "Basic " .. given.basic }
  requests = {}
  if given.file then
    for token in io.lines(given.file) do
      requests[#requests + 1] = wrk.format("POST", nil, headers, given.before .. token)
    end
  else
    requests[1] = wrk.format("POST", nil, headers, given.before)
  end
  at = tonumber(given.from or "0") % #requests
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT requests=%d us=%d p50=%.0f p99=%.0f failed=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end

-- What wrk sends: single events, or batches of them when the path is the batches' one; and what it tells at the end.
-- Arguments after "--": events a request, "json" or "ndjson".
local users, events, format = 5000, 1, "json"
local number = 0
local bodies = {}

local function event()
  number = number + 1
  return '{"event_type":"page.viewed","user_id":"user-' .. number * 7919 % users ..
    '","occurred_at":"2026-01-01T00:00:00.123Z","source":"web","properties":{"path":"/pricing","ms":12,"ok":true,' ..
    '"price":12.5,"n":' .. number .. '}}'
end

local function batch()
  local lines = {}
  for i = 1, events do lines[i] = event() end
  if format == "ndjson" then return table.concat(lines, "\n") end
  return "[" .. table.concat(lines, ",") .. "]"
end

function init(arguments)
  events, format = tonumber(arguments[1]) or 1, arguments[2] or "json"
  wrk.method = "POST"
  wrk.headers["Content-Type"] = format == "ndjson" and "application/x-ndjson" or "application/json"
  if events > 1 then  -- made beforehand: wrk must not be what is measured
    for i = 1, 20 do bodies[i] = batch() end
  end
end

function request()
  if events == 1 then return wrk.format(nil, wrk.path, nil, event()) end
  number = number + 1
  return wrk.format(nil, wrk.path, nil, bodies[number % #bodies + 1])
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"refused":%d,"broken":%d,"p50_ms":%f,"p99_ms":%f,"worst_ms":%f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end

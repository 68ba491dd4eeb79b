-- Posts one small chat completion again and again with the token given as first argument,
-- and prints one line that the harness reads. With "post" or "get" as second argument it asks for
-- a cached answer, to the same post or to a get of the models.

local body = [[{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You answer briefly."},]] ..
  [[{"role":"user","content":"Name three rivers of Europe and the seas that they reach."}],]] ..
  [["temperature":0.2,"max_tokens":64}]]

function init(args)
  wrk.method = "POST"
  wrk.body = body
  wrk.headers["Authorization"] = "Bearer " .. args[1]
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json"
  if args[2] == "post" then
    wrk.headers["Cache-Control"] = "max-age=3600"
  elseif args[2] == "get" then
    wrk.method, wrk.body, wrk.path = "GET", nil, "/v1/models"
    wrk.headers["Content-Type"] = nil
  end
  wrk.headers["User-Agent"] = "OpenAI/Python 1.99.0"
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("result %d %d %d %.0f %.0f\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.timeout + e.status, latency:percentile(50), latency:percentile(99)))
end

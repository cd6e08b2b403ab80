-- Posts the bodies named by BODIES (a file of paths, one a line) in turn, to every connection, with the
-- headers in HEADERS, a line each.
local list, headers = os.getenv("BODIES"), {}
local requests, at = {}, 0

for name, value in os.getenv("HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do
  headers[name] = value
end

function init()
  for path in io.lines(list) do
    local file = assert(io.open(path, "rb"))
    requests[#requests + 1] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

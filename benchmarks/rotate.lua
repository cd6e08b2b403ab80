-- Posts the bodies named by BODIES (a file of paths, one a line) in turn, to every connection.
local content_type, list = os.getenv("CONTENT_TYPE"), os.getenv("BODIES")
local requests, at = {}, 0

function init()
  for path in io.lines(list) do
    local file = assert(io.open(path, "rb"))
    local headers = { ["Content-Type"] = content_type }
    requests[#requests + 1] = wrk.format("POST", nil, headers, file:read("*a"))
    file:close()
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

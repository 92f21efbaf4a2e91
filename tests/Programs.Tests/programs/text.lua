-- Tables, closures, coroutines, patterns and strings; for Lua and LuaJIT alike.
local count, order = {}, {}
local reader = coroutine.wrap(function()
  for line in io.lines() do coroutine.yield(line) end
end)
local sum, seen = 0, 0
while true do
  local line = reader()
  if not line then break end
  local number = tonumber(line:match("^(%d+)"))
  for word in line:gmatch("%a+") do
    if not count[word] then count[word] = 0; order[#order + 1] = word end
    count[word] = count[word] + 1
  end
  for i = 1, 200 do sum = (sum * 31 + number + i) % 1000003 end
  if number % 100 == 0 then io.write(number, " ", sum, " ", line:gsub("%a+", string.upper), "\n"); io.flush() end
end
table.sort(order, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
for i = 1, 5 do print(order[i], count[order[i]]) end
print(pcall(error, { code = 7 }), string.format("%.10f %5s|%-5s|", math.pi, "x", "y"))
print(os.rename("/no/such/file", "/tmp/x"))
local child = io.popen("echo from a child; exit 3")
print(child:read("*a"))

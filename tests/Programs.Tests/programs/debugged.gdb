set width 0
directory /programs
break deepest if n == 0
commands
silent
backtrace 4
up 3
print places
set var places[0].sum = 0
info registers rip
continue
end
run

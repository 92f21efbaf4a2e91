# Lists, dictionaries, events and a child process.
set count [dict create]
set sum 0
while {[gets stdin line] >= 0} {
    set words [lassign [split $line] number]
    foreach word $words { dict incr count $word }
    set sum [expr {($sum * 31 + $number) % 1000003}]
    if {$number % 100 == 0} { puts "$number $sum [string toupper [lindex $words 0]] [lsort $words]"; flush stdout }
}
foreach word [lrange [lsort [dict keys $count]] 0 4] { puts "$word [dict get $count $word]" }
after 20 { set ::done later }
vwait ::done
puts $::done
puts [exec echo from a child | tr a-z A-Z]
puts [catch { open /no/such/file } why]/$why
puts [expr {2 ** 200}]

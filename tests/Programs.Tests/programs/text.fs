\ Words, a buffer, and numbers of two cells.
variable sum
create line 256 allot
: step ( u -- ) sum @ 31 * + 1000003 mod sum ! ;
: work begin line 250 stdin read-line throw while line swap 0. 2swap >number 2drop drop dup step
  dup 100 mod 0= if . sum @ . cr else drop then repeat drop ;
work
: factorial ( u -- d ) 1. rot 1+ 1 ?do i 1 m*/ loop ;
20 factorial d. cr
bye

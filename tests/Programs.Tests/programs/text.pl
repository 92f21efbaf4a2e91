# Hashes, regular expressions, formats, sockets and children.
use strict;
use warnings;
$| = 1;
my (%count, $total);
while (<STDIN>) {
    my ($number, @words) = split;
    $count{$_}++ for @words;
    $total += $number ** 0.5;
    printf "%s %.6f %s\n", $number, $total, join ',', map { ucfirst } reverse @words if $number % 100 == 0;
}
print "$_ $count{$_}\n" for (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
pipe(my $read, my $write) or die;
my $child = fork;
if (!$child) { print $write "from child\n"; exit 3 }
close $write;
print scalar <$read>;
waitpid $child, 0;
print "status ", $? >> 8, "\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 20 };
print "caught $@";
open my $missing, '<', '/no/such/file' or print "$!\n";

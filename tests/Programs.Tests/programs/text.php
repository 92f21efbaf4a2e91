<?php
// Arrays, generators, hashes, regular expressions, a child; in three parts, as the input comes.
function lines() { while (($line = fgets(STDIN)) !== false) yield rtrim($line); }
$count = [];
$sum = 0;
foreach (lines() as $line) {
    $number = (int) $line;
    preg_match_all('/[a-z]+/', $line, $words);
    foreach ($words[0] as $word) $count[$word] = ($count[$word] ?? 0) + 1;
    for ($i = 0; $i < 200; $i++) $sum = ($sum * 31 + $number + $i) % 1000003;
    if ($number % 100 == 0) echo "$number $sum\n";
}
ksort($count);
arsort($count);
echo json_encode(array_slice($count, 0, 5)), "\n", hash('sha256', serialize($count)), "\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $error) { echo $error->getMessage(), "\n"; }
$child = proc_open(['tr', 'a-z', 'A-Z'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
fwrite($pipes[0], "from a child\n");
fclose($pipes[0]);
echo stream_get_contents($pipes[1]), proc_close($child), "\n";

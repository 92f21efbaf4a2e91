define(`fibonacci', `ifelse(eval($1 < 2), 1, $1, `eval(fibonacci(eval($1 - 1)) + fibonacci(eval($1 - 2)))')')dnl
define(`upper', `translit($*, `a-z', `A-Z')')dnl
fibonacci(15) esyscmd(`echo from a child')dnl
upper(line by line) len(abcdefg) substr(abcdefg, 2, 3) regexp(`GNUs not Unix', `\w\(\w+\)$', `*** \1 ***')

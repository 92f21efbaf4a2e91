# What busybox's applets do with files, pipes and each other. Prints nothing that differs between two correct kernels.
# Argument: an empty directory. Run by busybox's sh, with a PATH on which every applet is found.
cd "$1" || exit 2
t() { echo "--- $*"; eval "$@"; echo "[$?]"; }
printf 'root:x:0:0:root:/root:/bin/sh\nguest:x:1:1::/:/bin/false\n' > passwd
t 'echo a b c | tr a-c A-C | rev'
t 'seq 1 2000 | wc'
t 'seq 1 20000 | md5sum'
t 'seq 1 3000 | sort -rn | sed -n 1,3p'
t 'yes x 2>/dev/null | head -c 200000 | wc -c'
t 'dd if=/dev/zero of=big bs=64k count=40 2>/dev/null; ls -l big | awk "{print \$1,\$5,\$9}"; md5sum big'
t 'dd if=big of=big2 bs=1000 skip=3 count=7 seek=2 conv=notrunc 2>&1 | head -n 2; wc -c big2'
t 'mkdir -p d/e/f; echo hi > d/e/f/x; find d | sort'
t 'cp -r d d2; diff -r d d2; echo same'
t 'ln d/e/f/x d/hard; ln -s e/f/x d/soft; ls -l d | grep x | awk "{print \$1,\$2,\$9,\$10,\$11}"'
t 'cat d/soft d/hard'
t 'mv d/hard d/e/moved; cat d/e/moved; mv d/e d/e2; cat d/e2/f/x; cat d/soft'
t 'rmdir d'
t 'rm -r d d2; ls'
t 'mkdir -p in/sub; cp passwd in/sub; echo one > in/one; ln -s one in/link; tar cf t.tar in; tar tf t.tar | sort; mkdir out; tar xf t.tar -C out; diff -r in out/in && echo equal'
t 'gzip -c big | gunzip | cmp - big && echo gz ok'
t 'gzip big; ls; gunzip big.gz; ls'
t 'bzip2 -c passwd | bunzip2'
t 'grep -rn root in'
t 'printf "one\ntwo\nthree\n" > l; sed -n 2p l; sed -i s/two/2/ l; cat l; awk "{s+=length(\$1)} END {print s}" l'
t 'cut -d: -f1,7 passwd; sort -u l; uniq -c l; nl l; tac l; od -c l | head -n 3; hexdump -C l; xxd l'
t 'expr 3 + 4; let a=5+6; echo $a; echo $((1<<20)); factor 1234567'
t 'test -f l && [ -d in ] && [ ! -e nix ] && echo tests'
t 'chmod 600 l; stat -c "%a %s %F %h" l; chmod u+x l; stat -c %A l'
t 'touch -d "2020-01-02 03:04:05" l; TZ=UTC stat -c %y l; date -u -r l'
t 'truncate -s 10 l; wc -c l; truncate -s 100 l; wc -c l; tail -c 5 l | od -c'
t 'cat nofile; ls nofile; cat /; mkdir in; rmdir nofile; rm nofile; (cd nofile) 2>/dev/null'
t 'mkfifo p; (echo through > p &) ; cat p; rm p'
t '(sleep 0.1; echo late) | cat'
t 'true | false | true; echo $?; ! false'
t 'echo $(echo sub $(echo nested))'
t 'x=$(seq 1 100 | while read n; do echo $((n*n)); done | tail -n 1); echo $x'
t 'for i in 1 2 3; do echo $i; done | paste -s -d+ - | tee f | cat; cat f'
t 'sh -c "kill -TERM \$\$"; echo $?; sh -c "exit 7"'
t 'sleep 5 & kill $!; wait $!; echo $?'
t '(trap "echo trapped" USR1; kill -USR1 $(sh -c "echo \$PPID"); sleep 0.1; echo after)'
t 'timeout 1 sleep 5; echo $?'
t 'cat /dev/null; head -c 5 /dev/zero | od -c; echo x > /dev/full; head -c 10 /dev/urandom | wc -c'
t 'cat < passwd | cat > c1; cat c1 >> c1x; cat c1 >> c1x; wc -l c1x'
t 'exec 5>five; echo five >&5; exec 5>&-; cat five; exec 6<five; read q <&6; echo got $q; exec 6<&-'
t 'ls nofile 2>&1 | cat'
t 'seq 1 10 | xargs -n 3 echo; find in -type f | sort | xargs ls -1'
t 'basename /a/b.c .c; dirname /a/b.c; cd in/sub; basename $(pwd); cd ../..; cat in/sub/../one'
t 'env -i A=1 $(which sh) -c "echo \$A"'
t 'printf "%05d %x %s\n" 42 255 str; echo -e "a\tb"; echo -n no; echo'
t 'sha1sum big; sha256sum big; sha512sum big; cksum big'
t 'base64 < passwd | base64 -d; uuencode -m l x < l'
t 'cal 1 2024 | head -n 3; date -u -d @0; date -u -d "2024-02-29 12:00" +%s'
t 'type cd; set -- a b c; echo $# $2; shift; echo $1'
t 'dd if=/dev/zero of=sp bs=1 count=1 seek=1000000 2>/dev/null; wc -c sp; md5sum sp; rm sp'
t 'echo f | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null'
t 'mktemp XXXXXX >/dev/null && echo made; rm ??????'
t 'fold -w 10 passwd; expand l | wc -c; strings -n 4 passwd; shuf -n 1 -e z'
t 'cmp big big2; diff f five'
t 'i=0; while [ $i -lt 300 ]; do echo $i > many.$i; i=$((i+1)); done; ls many.* | wc -l; rm many.*; ls many.* 2>&1'
t 'sh -c "f() { echo fn \$1; return 3; }; f x"; echo $?; case abc in a*) echo match;; esac'
t 'read a b <<X
first second third
X
echo "$b"'
t 'ed -s f <<X
a
line
.
w
q
X
cat f'
t 'cp -a in copy; touch copy/one; rm -rf copy/sub; ls -R copy'
t 'exec 7<>rw; echo abc >&7; cat rw; exec 7>&-'
t 'ls -lA in | awk "{print \$1,\$9}" | sort'
echo all applets done

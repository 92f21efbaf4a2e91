using System.Collections.Generic;
using System.IO;
using System.Linq;
using Testing;

namespace Programs.Tests;

/// <summary>The programs, and how each is run, in groups that share a guest; docs/programs.md is the same table for people.</summary>
internal static class Table
{
    private static readonly string[] s_python = [.. Directory.GetDirectories("/usr/lib", "python3.*").DefaultIfEmpty("/usr/lib/python3")];

    private static readonly string[] s_ruby =
        [.. new[] { "/usr/lib/ruby", "/usr/lib/x86_64-linux-gnu/ruby" }.SelectMany(place => Folders(place, "?.*.?").DefaultIfEmpty(place))];

    private static readonly string s_gcc = Folders("/usr/lib/gcc/x86_64-linux-gnu", "*").Append("/usr/lib/gcc/x86_64-linux-gnu").First();

    /// <summary>Made by <c>make broker</c>.</summary>
    private static readonly string s_broker = Path.Combine(Repository.Root, "out", "bin", "tokenbroker");

    /// <summary>PostgreSQL without the bitcode of its functions and without programs that nothing here calls.</summary>
    private static readonly string[] s_postgres = Folders("/usr/lib/postgresql", "*") is [.., var version]
        ? [version + "/bin/initdb", version + "/bin/postgres", version + "/bin/psql", .. new[] { "plpgsql.so", "dict_snowball.so" }.Select(name => $"{version}/lib/{name}"),
           $"/usr/share/postgresql/{Path.GetFileName(version)}", "/usr/share/zoneinfo/Etc/UTC", "/usr/share/zoneinfo/GMT"]
        : ["postgres"];

    /// <summary>Its kernel, and the memory that it begins with.</summary>
    private static readonly string[] s_clisp = Folders("/usr/lib", "clisp-*") is [.., var clisp] ? [clisp + "/base/lisp.run", clisp + "/base/lispinit.mem"] : [];

    private static readonly string[] s_openMpi = ["/etc/openmpi", "/usr/share/openmpi", "/usr/lib/x86_64-linux-gnu/openmpi/lib", "/usr/lib/x86_64-linux-gnu/pmix2"];

    private static string[] Folders(string place, string pattern) => Directory.Exists(place) ? Directory.GetDirectories(place, pattern) : [];

    public static readonly Entry[] Texts =
    [
        new("dash", "dash", "loops, pipes, here documents, signals", ["dash", "tr"], "dash /programs/shell.sh"),
        new("zsh", "zsh", "the same", ["zsh", "tr"], "zsh /programs/shell.sh"),
        new("ksh", "ksh93u+m", "the same", ["ksh93", "tr"], "ksh93 /programs/shell.sh"),
        new("busybox", "busybox-static", "the same in its shell", ["/bin/busybox"], "busybox sh /programs/shell.sh"),
        new("bash", "bash", "arrays, coprocesses, process substitution, jobs", ["bash", "rev", "paste", "sed", "sort"], "bash /programs/bash.sh"),
        new("gawk", "gawk", "arrays, regular expressions, a child by a pipe", ["gawk", "sort"], "gawk -f /programs/text.awk"),
        new("mawk", "mawk", "the same", ["mawk", "sort"], "mawk -W interactive -f /programs/text.awk"),
        new("sed", "sed", "substitution, a line at a time", ["sed"], "sed -nu -e '/apple/{s/[aeiou]/<&>/g;p}' -e '$='"),
        new("grep", "grep", "extended regular expressions", ["grep"], "grep --line-buffered -n -E '^[0-9]*5 .*(apple|zebra).*(stone|river)'"),
        new("sort", "coreutils", "several keys, with threads", ["sort"], "sort -k2,2 -k1,1nr --parallel=4 -S 1M | md5sum"),
        new("coreutils", "coreutils", "tr, tac, nl, fmt, fold, expand, pr, base64, sha256sum, split, join, wc, paste, od, factor, seq, stat, shuf, numfmt, date, tsort, timeout, env, comm, dd, ln, cp, mv, touch, chmod, ls, rm",
            ["tr", "tac", "nl", "fmt", "fold", "expand", "pr", "base64", "sha256sum", "split", "join", "wc", "paste", "od", "tail", "factor", "seq", "stat", "shuf", "numfmt", "date", "tsort",
             "timeout", "env", "comm", "dd", "ln", "cp", "mv", "touch", "chmod"], """
            part >a
            tr a-z A-Z <a | tac | nl | fmt -w 60 | fold -w 50 | expand | pr -t -2 | base64 | sha256sum
            seq 1000000007 1000000012 | factor
            part | tee b | split -l 50 - piece
            join -j1 pieceaa pieceaa | wc
            paste pieceaa pieceab | od -c | tail -n 2
            shuf --random-source=a -n 3 a
            comm -12 pieceaa pieceaa | wc -l
            cat >c
            numfmt --to=iec 123456789; date -u -d @1000000000; printf 'a b\nb c\n' | tsort
            timeout 0.2 sleep 5; echo $?
            env -i X=1 env
            dd if=c bs=100 count=3 2>/dev/null | md5sum
            ln -s a l; cp -a l m; stat -c '%N %F %a' m; mv a u; touch -d @5 u; chmod 640 u; stat -c '%n %s %Y %a' u; rm u piece*; ls -F
            """),
        new("findutils", "findutils", "find by type and time, xargs with several processes", ["find", "xargs", "touch", "sort", "tr", "echo"], """
            mkdir -p tree/a/b tree/c
            part | tr ' ' '\n' | sort -u | head -n 20 | xargs -P 3 -I NAME touch tree/a/NAME tree/c/NAME-2
            find tree -type f -newermt 2001-01-01 -name '*e*' | sort | xargs -n 3 echo
            part | xargs -n 90 echo | md5sum
            cat >tree/large; find tree -size +4k; find tree -depth -delete; ls
            """),
        new("diffutils", "diffutils, patch", "diff, patch, cmp", ["diff", "patch", "cmp", "sed"], """
            part >a; sed 's/apple/pear/' a >b; diff -u --label a --label b a b >c; md5sum <c
            part >>b; diff -u --label a --label b a b >c; patch -s a c; cmp a b && echo same
            cat >d; diff -q a d || true
            """),
        new("tar", "tar", "packed and unpacked through pipes", ["tar"], """
            mkdir in out; part >in/a; part >in/b; cat >in/c
            tar -C in --sort=name --mtime=@0 --owner=0 --group=0 --mode=644 -cf - a b c | tee x.tar | md5sum
            tar -C out -xf x.tar; md5sum out/*; tar -tf x.tar
            """),
        new("gzip", "gzip", "there and back", ["gzip"], "gzip -9nc | tee x | md5sum; gzip -dc x | md5sum"),
        new("bzip2", "bzip2", "there and back", ["bzip2"], "bzip2 -c | bzip2 -dc | md5sum"),
        new("xz", "xz-utils", "there and back, with threads", ["xz"], "xz -T2 -1 -c | xz -dc | md5sum"),
        new("zstd", "zstd", "there and back, with threads", ["zstd"], "zstd -T2 -5 -qc | zstd -dqc | md5sum"),
        new("lz4", "lz4", "there and back", ["lz4"], "lz4 -qc | lz4 -qdc | md5sum"),
        new("brotli", "brotli", "there and back", ["brotli"], "brotli -q 5 -c | brotli -dc | md5sum"),
        new("pigz", "pigz", "there and back, with threads", ["pigz"], "pigz -p 4 -nc | pigz -dc | md5sum"),
        new("7zr", "p7zip", "an archive with threads, tested and unpacked", ["/usr/lib/p7zip/7zr"], """
            cat >i
            /usr/lib/p7zip/7zr a -bd -mmt=2 x.7z i | grep Everything
            /usr/lib/p7zip/7zr t -bd x.7z | grep Everything
            /usr/lib/p7zip/7zr x -y -so x.7z | md5sum
            """),
        new("m4", "m4", "recursion, a child, text from a pipe", ["m4"], "m4 /programs/work.m4 -"),
        new("bc", "bc", "200 digits of pi, roots", ["bc"], "part >/dev/null; echo 'scale=200; 4*a(1); 2^500; for(i=0;i<5;i++) sqrt(i)' | bc -l; while read -r number rest; do echo \"$number * 7 + 3\"; done | bc | md5sum"),
        new("dc", "dc", "powers and roots", ["dc"], "while read -r number rest; do echo \"$number 20 ^ p\"; done | dc | md5sum; echo '100k 2 v p' | dc"),
        new("ed", "ed", "substitution and deletion in a file", ["ed"], "cat >e; printf '1,$s/apple/pear/g\\ng/zebra/d\\n$p\\n=\\nw\\nq\\n' | ed -s e; md5sum e"),
        new("make", "make", "rules, three jobs at once", ["make"], """
            printf 'all: a b c\n\t@cat a b c\n%%:\n\t@sleep 0.1; echo made $@ >$@\n' >Makefile
            part >d; make -j3 --no-print-directory; part >d; make -q; cat >d; rm a b; make -j3 --no-print-directory
            """),
        new("curl", "curl", "down and up, of a server beside it", ["curl", "/bin/busybox"], """
            mkdir www; part >www/first; busybox httpd -p 127.0.0.1:8020 -h www; until curl -sf http://127.0.0.1:8020/first | md5sum; do sleep 0.1; done
            curl -sS -D - -o second http://127.0.0.1:8020/first | head -n 1; part >>www/first; curl -sS -r 1000-5000 http://127.0.0.1:8020/first | md5sum
            curl -sS -C - -o second http://127.0.0.1:8020/first; cmp second www/first && echo same
            cat >www/third; curl -sS http://127.0.0.1:8020/third file://$PWD/www/first | md5sum; curl -sS -o none -w '%{http_code}\n' http://127.0.0.1:8020/none
            """),
        new("setpriv", "util-linux", "capabilities over a change of the user, and none to be had", ["setpriv", "grep", "wc", "chown", "chmod", "stat"], """
            # Not every host grants this one.
            few="setpriv --bounding-set=-sys_resource"; tell="grep -E '^(Cap|Uid|Gid|Groups|NoNew)' /proc/self/status"
            part | $few --inh-caps=-all sh -c "wc -l; $tell"
            $few --inh-caps=-all,+chown,+kill --ambient-caps=+chown,+kill --reuid nobody --regid nogroup --clear-groups sh -c "$tell; kill -0 1; chown 7:8 /tmp/setpriv && stat -c '%u %g' /tmp/setpriv"
            part | $few --inh-caps=-all --reuid 1000 --regid 1000 --groups 5,6 --no-new-privs sh -c "md5sum; $tell; chown 0:0 /tmp/setpriv; chmod 700 /tmp/setpriv; kill -0 1"
            $few --securebits=+noroot,+no_setuid_fixup sh -c "$tell; chown 9:9 /tmp/setpriv"
            setpriv --bounding-set=-all --reuid 1000 --clear-groups sh -c "$tell; cat >/dev/null; kill -0 1"; true
            """),
        new("chrt", "util-linux", "real-time priorities, by turns and not, and the lowest share", ["chrt", "sed"], """
            tell() { chrt -p $$ | sed "s/pid $$'s//"; }
            part | chrt --fifo 10 dash -c 'cat | md5sum; chrt -p $$ | sed "s/pid $$//"'; chrt -r -p 5 $$; tell; part | md5sum; chrt -i -p 0 $$; tell; cat | md5sum; chrt -m
            """),
    ];

    public static readonly Entry[] Languages =
    [
        new("python3", "python3", "text, decimal, files, compression, JSON", ["/usr/bin/python3", .. s_python], "/usr/bin/python3 /programs/text.py"),
        new("python3-threads", "python3", "threads with queues and barriers, subprocess", ["/usr/bin/python3", .. s_python], "/usr/bin/python3 /programs/threads.py"),
        new("python3-asyncio", "python3", "an event loop with TCP and a child", ["/usr/bin/python3", .. s_python], "/usr/bin/python3 /programs/async.py"),
        new("perl", "perl-base", "hashes, children, pipes, an alarm", ["perl", "/usr/lib/x86_64-linux-gnu/perl-base"], "perl /programs/text.pl"),
        new("lua", "lua5.4", "closures, coroutines, patterns, popen", ["lua5.4"], "lua5.4 /programs/text.lua"),
        new("luajit", "luajit", "the same, compiled while it runs", ["luajit"], "luajit /programs/text.lua"),
        new("ruby", "ruby", "blocks, JSON, a thread with a queue, a child", ["ruby", .. s_ruby], "ruby --disable-gems /programs/text.rb"),
        new("php", "php-cli", "generators, hashes, JSON, a child", ["php", "tr"], "php -n /programs/text.php"),
        new("tcl", "tcl8.6", "dictionaries, events, a child", ["tclsh8.6", "/usr/share/tcltk/tcl8.6", "tr", "echo"], "tclsh8.6 /programs/text.tcl"),
        new("gforth", "gforth", "words, doubles", ["gforth-0.7.3", "/usr/lib/x86_64-linux-gnu/gforth", "/usr/share/gforth"], "gforth-0.7.3 /programs/text.fs"),
        new("mujs", "mujs", "closures, JSON, regular expressions", ["mujs"], "mujs /programs/text.js"),
        new("sqlite3", "sqlite3", "an index, a transaction, joins, VACUUM, in a file", ["sqlite3", "gawk"], """
            {
                cat /programs/data.sql
                gawk '{ for (i = 2; i <= NF; i++) printf "insert into word values (%d, %d, %c%s%c);\n", $1, i, 39, $i, 39; fflush() }'
                echo 'commit; select text, count(*), sum(line) from word group by text order by 2 desc, 1 limit 5; pragma integrity_check;'
                echo 'delete from word where line % 2; vacuum; select count(*) from word w join word v on v.line = w.line + 2 and v.text = w.text;'
            } | sqlite3 data.db
            """),
        new("sqlite3-wal", "sqlite3", "a log in shared memory, two connections", ["sqlite3", "gawk"], """
            sqlite3 data.db 'pragma journal_mode = wal; create table word (line integer, text varchar);'
            { echo 'begin; '; gawk '{ printf "insert into word values (%d, %c%s%c);\n", $1, 39, $2, 39; if ($1 % 50 == 0) print "commit; begin;"; fflush() }'; echo 'commit;'; } | sqlite3 data.db
            sqlite3 data.db 'select text, count(*), sum(line) from word group by text limit 5; pragma wal_checkpoint(truncate); pragma integrity_check;'
            """),
        new("jq", "jq", "two filters behind each other", ["jq"], "jq --unbuffered -R -c 'split(\" \") | {n: (.[0] | tonumber), w: .[1:]}' | jq -c 'select(.n % 50 == 0) | .w | sort | join(\"+\")'"),
        new("git", "git", "commits, a merge, gc, fsck", ["git"], """
            export HOME=$PWD GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000' GIT_TEMPLATE_DIR=
            git -c init.defaultBranch=main init -q; git config user.name a; git config user.email a@b
            part >f; git add f; git commit -qm one
            part >>f; git add f; git commit -qm two; git checkout -qb other HEAD~1; echo x >g; git add g; git commit -qm other; git merge -q main -m merged
            cat >>f; git add f; git commit -qm three; git gc -q; git fsck --full; git log --graph --format='%h %s' --shortstat; git rev-parse HEAD
            """),
        new("openssl", "openssl", "AES, SHA-3, a signature, a certificate", ["openssl", "/usr/lib/ssl/openssl.cnf"], """
            openssl enc -aes-256-ctr -pbkdf2 -S 0102030405060708 -k secret | tee e | md5sum
            openssl dgst -sha3-256 e; openssl prime 1000000007
            openssl genpkey -algorithm ed25519 -out k; openssl pkeyutl -sign -inkey k -rawin -in e -out s
            openssl pkeyutl -verify -inkey k -rawin -in e -sigfile s
            openssl req -x509 -key k -subj /CN=a -days 2 -out c; openssl verify -CAfile c c
            """),
        new("nasm", "nasm, binutils", "assembled and linked in the guest, and run", ["nasm", "ld.bfd"], "part >/dev/null; nasm -f elf64 -o w.o /programs/work.asm; part >/dev/null; ld.bfd -o w w.o; cat >/dev/null; ./w"),
        new("tcc", "tcc", "C compiled in the guest, and run", ["tcc", "/usr/lib/x86_64-linux-gnu/tcc"], """
            part >/dev/null; printf 'int printf(const char *, ...); int main(int count, char **words) { printf("from tcc %%d\\n", count * 6); return 0; }' >c.c
            tcc -run c.c a b; part >/dev/null; tcc -run c.c; cat >/dev/null; tcc -c -o c.o c.c && ls
            """),
        new("gcc", "gcc", "C compiled, assembled and linked in the guest by three jobs of make, and run",
            ["gcc", "as", "ld", "make", "/usr/include/stdc-predef.h", .. new[] { "cc1", "collect2", "liblto_plugin.so", "crtbeginT.o", "crtend.o", "libgcc.a", "libgcc_eh.a" }.Select(name => $"{s_gcc}/{name}"),
             .. new[] { "crt1.o", "crti.o", "crtn.o", "libc.a" }.Select(name => $"/usr/lib/x86_64-linux-gnu/{name}")], """
            for i in 1 2 3; do part >/dev/null; echo "int f$i(int x) { return x * $i + 7; }" >f$i.c; gcc -O2 -S -o - f$i.c | md5sum; done
            echo 'int printf(const char *, ...); int f1(int), f2(int), f3(int); int main(void) { printf("from gcc %d, ", f1(f2(f3(5)))); return 0; }' >m.c
            printf 'all: m.o f1.o f2.o f3.o\n\tgcc -static -o all m.o f1.o f2.o f3.o\n%%.o: %%.c\n\tgcc -O2 -c -o $@ $<\n' >Makefile
            make -s -j3 && ./all; md5sum all; cat >/dev/null
            """),
        new("ipcmk", "util-linux", "queues, semaphores and shared memory of System V, listed and removed", ["ipcmk", "ipcrm", "sed", "wc"], """
            part >/dev/null
            queue=$(ipcmk -Q | sed 's/[^0-9]//g') set=$(ipcmk -S 3 | sed 's/[^0-9]//g') segment=$(ipcmk -M 5000 | sed 's/[^0-9]//g')
            part | wc -l
            ipcrm -q $queue -s $set && echo removed
            part | wc -l
            ipcrm -m $segment && echo removed
            ipcrm -m $segment 2>/dev/null || echo gone
            """),
        new("strace", "strace", "the calls and signals of a shell and its children", ["strace", "/bin/busybox", "sed", "sort", "uniq", "nice"], """
            part >/dev/null
            part | strace -f -e trace=write,exit_group,fork,vfork -o log busybox sh -c 'md5sum; (exit 3); kill -URG $$; echo $?; nice true'
            sed 's/^[0-9]* *//; /SIG/!s/[0-9]\{2,\}/N/g; s/si_pid=[0-9]*/si_pid=N/; s/si_.time=[0-9]*/time/g' log | grep -v resumed | sort | uniq -c
            cat | strace -e trace=write -o log busybox md5sum; cat log
            """),
        new("socat", "socat", "a child by a pair of sockets", ["socat", "tr"], "socat -t 10 - 'EXEC:tr a-z A-Z' | md5sum"),
        new("dig", "dnsmasq-base, bind9-dnsutils", "asks a server beside it for names, by UDP and by TCP", ["dnsmasq", "dig", "grep"], """
            dnsmasq -k -p 5353 -C /dev/null --pid-file=pid --no-resolv --no-hosts --user=root --group=root --listen-address=127.0.0.1 --bind-interfaces --address=/test/10.1.2.3 & server=$!
            ask="dig +short +time=30 -p 5353 @127.0.0.1"; until $ask +tries=1 +time=1 up.test 2>/dev/null | grep -q 10.1.2.3; do sleep 0.1; done
            names() { while read -r number word rest; do [ $((number % 100)) -ne 0 ] || $ask $1 $word.test; done; }
            part | names +notcp; part | names +tcp; cat | names +notcp; kill $server; wait
            """),
        new("rsync", "rsync", "folders to a daemon beside it: of what has changed the changes", ["rsync", "diff", "ln", "grep", "sed"], """
            mkdir from to; part >from/a; printf '%s\n' "port = 8730" "[m]" "path = $PWD/to" "use chroot = no" "read only = no" "uid = 0" "gid = 0" >conf
            rsync --daemon --no-detach --config=conf --address=127.0.0.1 --log-file=log & server=$!
            until rsync rsync://127.0.0.1:8730/ 2>/dev/null | grep -q m; do sleep 0.1; done
            send() { rsync -aOiH --delete --checksum from/ rsync://127.0.0.1:8730/m/ | sed 's/^<fcst/<fcs./'; }
            send; part >from/b; ln from/a from/c; send; cat >>from/b; rm from/a; send; diff -r from to && ls to; kill $server; wait
            """),
        new("ip", "iproute2", "interfaces, addresses, rules and the way to an address", ["ip", "sed"], """
            part >/dev/null; ip -o link show lo | sed 's/:.*//'; ip -4 -o addr show lo | sed 's/ scope.*//; 1!d'
            part >/dev/null; ip rule; cat >/dev/null; ip route get 127.0.0.1 | sed 's/ table local//'
            """),
        new("ss", "iproute2", "who listens, and connections, by netlink", ["ss", "sed", "wc", "/bin/busybox"], """
            busybox httpd -p 127.0.0.1:8016 -h .; part >/dev/null
            ss -Hltn 'sport = :8016' | sed 's/  */ /g'; part >/dev/null; ss -Huan 'sport = :8016'; cat >/dev/null; ss -Hltn 'sport = :8016' | wc -l
            """),
        new("inotifywait", "inotify-tools", "tells of files that are written", ["inotifywait", "sort", "grep", "mv"], """
            mkdir in; inotifywait -q -m -e close_write -e moved_to --format '%e %w%f' in >seen 2>&1 & waits=$!
            until [ -s seen ]; do echo x >in/first; sleep 0.1; done
            part >in/a; part >in/b; cat >in/c; mv in/c in/d
            until grep -q in/d seen; do sleep 0.1; done
            kill $waits; sort -u seen
            """),
        new("stress-ng", "stress-ng", "--verify of processors, memory, processes, pipes, futexes", ["stress-ng", "grep"], """
            check() { stress-ng --verify --temp-path . --oom-avoid-bytes 64M "$@" >log 2>&1; code=$?; echo "$1 $code"; grep -E 'fail:|error:' log; true; }
            part >/dev/null; check --matrix 1 --matrix-ops 20; check --qsort 1 --qsort-ops 2 --qsort-size 20000; check --fork 1 --fork-ops 30
            part >/dev/null; check --pipe 1 --pipe-ops 500; check --vm 1 --vm-bytes 4M --vm-ops 200; check --futex 1 --futex-ops 500; check --malloc 1 --malloc-ops 500
            cat >/dev/null; check --switch 1 --switch-ops 500; check --sigq 1 --sigq-ops 200; check --hdd 1 --hdd-bytes 1M --hdd-ops 20; check --zlib 1 --zlib-ops 2
            """),
    ];

    public static readonly Entry[] Large =
    [
        new("gdb", "gdb", "a program of C with breakpoints, stepped through its calls and changed",
            ["gdb", "sed", "/usr/share/gdb/python", "/lib/x86_64-linux-gnu/libthread_db.so.1", .. s_python],
            "gdb -q -nx -batch -x /programs/debugged.gdb /usr/bin/gdb-debugged 2>&1 | sed 's/process [0-9]*/process N/'")
        { Build = "gcc -g -O0 -w -no-pie -o $out-debugged debugged.c" },
        new("povray", "povray", "a picture with reflections, by two threads", ["povray", "/etc/povray/3.7/povray.conf", "wc"], """
            draw() { povray -D -GA +I/programs/scene.pov +Oscene.ppm +FP8 +W$1 +H$1 +WT2 Dither=off >log 2>&1 || cat log; tail -c $(($1 * $1 * 3)) scene.ppm | md5sum; }
            part | wc -l; draw 24; part | wc -l; draw 64; wc -l; draw 32
            """),
        new("postgres", "postgresql", "a table by one connection, an index, a transaction; started through setpriv", ["setpriv", "chown", "grep", .. s_postgres], """
            grep -q ^postgres /etc/passwd || echo 'postgres:x:1000:1000::/tmp/postgres:/bin/sh' >>/etc/passwd
            part >first; chown 1000:1000 .; export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
            as="setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all"
            $as initdb -D data -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || cat log
            $as postgres -D data -h '' -k /tmp/postgres -c shared_buffers=4MB -c max_connections=10 -c fsync=off >>log 2>&1 &
            ask="/usr/lib/postgresql/*/bin/psql -h /tmp/postgres -U postgres -d postgres -qtAX"; until $ask -c 'select 1' 2>/dev/null; do sleep 0.2; done
            {
                echo 'create table word(line int, text varchar, rest varchar); begin;'
                cat first - | while read -r number word rest; do echo "insert into word values ($number, '$word', '$rest');"; [ $((number % 50)) -ne 0 ] || echo 'commit; begin;'; done
                echo "commit; create index on word(text); select text, count(*), sum(line) from word group by text order by 2 desc, 1 limit 4; vacuum analyze word;"
                echo "select count(*) from word w join word v on v.line = w.line + 2 and v.text = w.text; select rolname, rolsuper from pg_roles where rolsuper;"
            } | $ask
            kill -INT $!; wait $!; grep -c -E 'PANIC|ERROR' log; true
            """),
    ];

    /// <summary>What is large to install: each is run when PROGRAMS names it.</summary>
    public static readonly Entry[] Bulky =
    [
        new("ffmpeg", "ffmpeg", "sound as FLAC, pictures as MPEG-4 with two threads", ["ffmpeg", "/usr/lib/x86_64-linux-gnu/pulseaudio"], """
            export LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/pulseaudio
            encode() { ffmpeg -nostdin -hide_banner -loglevel fatal -cpuflags 0 "$@" -flags bitexact -f md5 -; }
            part | encode -f u8 -ar 8000 -ac 1 -i pipe:0 -c:a flac
            encode -f rawvideo -pix_fmt gray -s 32x24 -r 25 -i pipe:0 -c:v mpeg4 -threads 2
            """)
        { IsOnlyByName = true },
        new("clisp", "clisp", "lists, hash tables, long numbers, and garbage collected at high addresses", ["clisp", .. s_clisp], "clisp -q -norc /programs/text.lisp 2>/dev/null")
        { IsOnlyByName = true },
        new("openmpi", "openmpi-bin", "three processes that send lines to each other by TCP", ["mpirun", "orted", .. s_openMpi], """
            export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent=/bin/sh
            mpirun -n 3 --oversubscribe --mca btl tcp,self --mca btl_tcp_if_include lo openmpi
            """)
        { Build = "mpicc -O1 -w -o $out messages.c", IsOnlyByName = true },
        new("zig", "Zig 0.11", "threads with a lock, a heap that is checked, errors, TCP", [], "zig")
        {
            Build = "zig build-exe -OReleaseSafe -fstrip -target x86_64-linux -mcpu=baseline --cache-dir $out-cache --global-cache-dir $out-cache -femit-bin=$out toolchain.zig; rm -rf $out-cache $out.o",
            IsOnlyByName = true,
        },
    ];

    public static readonly Entry[] Toolchains =
    [
        new("glibc-dynamic", "gcc", "threads, conditions, signals, jumps, allocation", ["tr"], "glibc-dynamic") { Build = "gcc -O1 -w -o $out toolchain.c -lm -pthread" },
        new("glibc-static", "gcc", "the same", [], "glibc-static") { Build = "gcc -O1 -w -static -o $out toolchain.c -lm -pthread" },
        new("musl-dynamic", "musl-tools", "the same", ["/lib/ld-musl-x86_64.so.1"], "musl-dynamic") { Build = "musl-gcc -O1 -w -o $out toolchain.c" },
        new("musl-static", "musl-tools", "the same", [], "musl-static") { Build = "musl-gcc -O1 -w -static -o $out toolchain.c" },
        new("c++-dynamic", "g++", "exceptions, threads, futures, regular expressions", [], "c++-dynamic") { Build = "g++ -w -o $out toolchain.cpp -pthread" },
        new("c++-static", "g++", "the same", [], "c++-static") { Build = "g++ -w -static -o $out toolchain.cpp -pthread" },
        new("asan", "gcc", "the same, with AddressSanitizer", ["tr"], "ASAN_OPTIONS=detect_leaks=0 asan") { Build = "gcc -O1 -w -no-pie -fsanitize=address -o $out toolchain.c -lm -pthread" },
        new("asan-faults", "gcc", "faults of memory of nine kinds, each reported by AddressSanitizer in a child", [], "ASAN_OPTIONS=detect_leaks=0:symbolize=0 asan-faults")
        { Build = "gcc -O1 -w -no-pie -fsanitize=address -fno-omit-frame-pointer -o $out faults.c -pthread" },
        new("tsan", "gcc", "the same, with ThreadSanitizer", ["tr"], "tsan")
        { Build = "gcc -O1 -w -fsanitize=thread -o $out toolchain.c -lm -pthread", IsOnlyByName = true },
        new("held", "gcc", "a child that ptrace holds at a breakpoint and between steps, and a thread that waits for a lock with priority inheritance, over both moves", [], "held")
        { Build = "gcc -O1 -w -static -o $out held.c -pthread" },
        new("go", "golang-go", "goroutines, collection of garbage, panics, HTTP", [], "go") { Build = "go build -ldflags '-s -w' -o $out toolchain.go" },
        new("rust-dynamic", "rustc", "threads, channels, panics, TCP, a child", [], "rust-dynamic") { Build = "rustc -O -C strip=symbols -o $out toolchain.rs" },
        new("rust-static", "rustc", "the same", [], "rust-static") { Build = "rustc -O -C strip=symbols -C target-feature=+crt-static -o $out toolchain.rs" },
        new("evilman", ".NET, compiled ahead of time", "its help, an error", [], "part | md5sum; evilman help | md5sum; cat >/dev/null; evilman node ls --json; evilman no-command 2>&1 | head -n 1") { Build = "cp ../../../out/bin/evilman $out" },
    ];

    public static readonly Entry[] Servers =
    [
        new("nginx", "nginx-light", "files over HTTP, one process, a slow download over both moves", ["nginx"], """
            mkdir logs; mkdir -p /var/lib/nginx; cat /programs/* >large; echo small >small
            printf '%s\n' 'daemon off; master_process off; user root; pid pid; error_log log; events {}' \
                "http { access_log off; server { listen 8001; root $PWD; } }" >conf
            until_end nginx -p $PWD -e log -c $PWD/conf
            """)
        { Port = 8001, ClientTools = ["curl"], Client = "curl -s --limit-rate 8k http://$host:8001/large | md5sum & " + Requests("http://$host:8001/small") + "; wait" },
        new("nginx-workers", "nginx-light", "files over HTTP, with a master process and two workers", ["nginx"], """
            mkdir logs; mkdir -p /var/lib/nginx; echo small >small
            printf '%s\n' 'daemon off; worker_processes 2; user root; pid pid; error_log log; events {}' "http { access_log off; server { listen 8010; root $PWD; } }" >conf
            until_end nginx -p $PWD -e log -c $PWD/conf
            """)
        { Port = 8010, ClientTools = ["curl"], Client = Requests("http://$host:8010/small") },
        new("lighttpd", "lighttpd", "files over HTTP", ["lighttpd", "/usr/lib/lighttpd"], """
            echo small >small; printf '%s\n' "server.document-root = \"$PWD\"" 'server.port = 8002' >conf
            until_end lighttpd -D -f conf 2>/dev/null
            """)
        { Port = 8002, ClientTools = ["curl"], Client = Requests("http://$host:8002/small") },
        new("haproxy", "haproxy", "requests to a server beside it, which it watches", ["haproxy", "/bin/busybox"], """
            echo small >small; busybox httpd -f -p 127.0.0.1:8015 >/dev/null 2>&1 & web=$!
            printf '%s\n' global 'maxconn 50' defaults 'mode http' 'timeout connect 30s' 'timeout client 30s' 'timeout server 30s' 'retries 3' \
                'frontend in' 'bind :8014' 'default_backend out' 'backend out' 'server one 127.0.0.1:8015 check inter 500 fall 20' >conf
            until_end haproxy -f conf -db >/dev/null 2>&1; kill $web
            """)
        { Port = 8014, ClientTools = ["curl"], Client = Requests("http://$host:8014/small") },
        new("busybox-httpd", "busybox-static", "files over HTTP", ["/bin/busybox"], "echo small >small; until_end busybox httpd -f -p 8003")
        { Port = 8003, ClientTools = ["curl"], Client = Requests("http://$host:8003/small") },
        new("python3-http", "python3", "http.server", ["/usr/bin/python3", .. s_python], "echo small >small; until_end /usr/bin/python3 -m http.server 8004 >/dev/null 2>&1")
        { Port = 8004, ClientTools = ["curl"], Client = Requests("http://$host:8004/small") },
        new("go-http", "golang-go", "net/http", [], "until_end go-http :8005") { Build = "go build -ldflags '-s -w' -o $out toolchain.go", Port = 8005, ClientTools = ["curl"], Client = Requests("http://$host:8005/$number") },
        new("kestrel", ".NET, compiled ahead of time", "ASP.NET Core's server: the broker's page and its API, with SQLite", [s_broker, "/usr/lib/x86_64-linux-gnu/libssl.so.3"], $"""
            {s_broker} init --database broker.db --master-key key --operator-key operator >/dev/null 2>&1
            until_end {s_broker} serve --listen http://0.0.0.0:8012 --quiet --database broker.db --master-key key >log 2>&1
            """)
        { Port = 8012, ClientTools = ["curl"], Client = Requests("http://$host:8012/page.css -w '%{http_code}' http://$host:8012/openapi.json http://$host:8012/health/ready") + " | md5sum" },
        new("distccd", "distcc, gcc", "C compiled in the guest for distcc outside", ["distccd", "x86_64-linux-gnu-gcc", "as", $"{s_gcc}/cc1"], """
            busybox chmod 1777 /tmp
            until_end distccd --no-detach --daemon --port 8013 --allow 0.0.0.0/0 --enable-tcp-insecure --user nobody -j 2 --log-stderr 2>log
            """)
        {
            Port = 8013, ClientTools = ["distcc", "gcc"],
            Client = """
                export DISTCC_HOSTS=$host:8013 DISTCC_FALLBACK=0 DISTCC_DIR=$(mktemp -d); cd $DISTCC_DIR
                while read -r number rest; do
                    [ $((number % 100)) -eq 0 ] || continue
                    echo "int f$number(int x) { return x * $number + 7; }" >f.c
                    distcc gcc -O2 -c f.c -o f.o </dev/null && md5sum <f.o
                done
                cd /; rm -r $DISTCC_DIR
                """,
        },
        new("redis", "redis-server", "a connection for the whole time, and redis-benchmark", ["redis-server"], "until_end redis-server --port 8006 --protected-mode no --save '' --logfile log --loglevel warning")
        {
            Port = 8006, ClientTools = ["redis-cli", "redis-benchmark"], Client = """
                while read -r number word rest; do echo "rpush $word $number"; echo "incrby total $number"; done | redis-cli -h $host -p 8006 | md5sum
                redis-cli -h $host -p 8006 lrange apple 0 -1 | md5sum; redis-cli -h $host -p 8006 save
                redis-benchmark -h $host -p 8006 -q -n 500 -c 10 -t set,get,lpush,lrange_100 2>&1 | tr '\r' '\n' | grep -c 'requests per second, p50'
                """,
        },
        new("memcached", "memcached", "set and get over one connection, with its threads", ["memcached"], "until_end memcached -u root -p 8007 -U 0 -t 4")
        {
            Port = 8007, ClientTools = ["/bin/busybox"],
            Client = "{ while read -r number word rest; do printf 'set %s 0 0 %d\\r\\n%s\\r\\nget %s\\r\\n' $word ${#number} $number $word; done; printf 'quit\\r\\n'; } | /bin/busybox nc $host 8007 | md5sum",
        },
        new("dropbear", "dropbear-bin", "a session of SSH for the whole time", ["dropbear", "dropbearkey", "tr"], "dropbearkey -t ed25519 -f key >/dev/null 2>&1; until_end dropbear -F -B -r key -p 8008 -P pid 2>log")
        { Port = 8008, ClientTools = ["dbclient"], Client = "export HOME=/tmp; dbclient -y -y -p 8008 root@$host 'tr a-z A-Z' 2>/dev/null | md5sum" },
        new("sshd", "openssh-server", "a session of SSH for the whole time", ["/usr/sbin/sshd", "ssh-keygen", "tr"], """
            mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f key
            printf '%s\n' 'Port 8011' "HostKey $PWD/key" 'PermitRootLogin yes' 'PermitEmptyPasswords yes' "PidFile $PWD/pid" >conf
            grep -q ^sshd /etc/passwd || echo 'sshd:x:65533:65534::/run/sshd:/bin/false' >>/etc/passwd
            until_end /usr/sbin/sshd -D -f $PWD/conf -E log
            """)
        {
            Port = 8011, ClientTools = ["ssh"],
            Client = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p 8011 root@$host 'tr a-z A-Z' | md5sum",
        },
        new("iperf3", "iperf3", "a stream of 20 Mbit/s", ["iperf3"], "until_end iperf3 -s -p 8009 >/dev/null 2>&1")
        {
            // It serves one client at a time, and listens anew after each, which resets who waits: nobody may try whether it listens.
            ClientTools = ["iperf3"],
            Client = """
                for again in $(seq 300); do
                    said=$(iperf3 -c $host -p 8009 -b 20M -t 3 2>&1)
                    case $said in *'Connection refused'*) sleep 0.1 ;; *) break ;; esac
                done
                printf '%s\n' "$said" | grep -e receiver -e error | sed 's/.* receiver/receiver/'; cat >/dev/null
                """,
        },
    ];

    public static readonly Entry[] Lacking =
    [
        new("unshare", "util-linux", "a name of its own", ["unshare"], "cat >/dev/null; unshare --uts sh -c 'echo apart'") { Lacks = "namespaces", Says = "unshare: unshare failed: Invalid argument" },
    ];

    /// <summary>All that run.</summary>
    public static IEnumerable<Entry> Running => Texts.Concat(Languages).Concat(Large).Concat(Bulky).Concat(Toolchains).Concat(Servers);

    /// <summary>A request for every fortieth line of the input.</summary>
    private static string Requests(string url) => $"while read -r number rest; do [ $((number % 40)) -ne 0 ] || curl -sS --max-time 30 {url}; done";
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Evilman.Run;

internal enum RestartPolicy
{
    Never,
    OnFailure,
    Always,
}

/// <summary>A program of the user's, as a guest runs it: its command line, its surroundings, and what restarts it.</summary>
/// <param name="Words">The program's path in the guest, then its arguments.</param>
internal sealed record Job(IReadOnlyList<string> Words)
{
    /// <summary>What the guest's first program says when the job has ended; the exit code follows.</summary>
    internal const string EndMark = "evilman: the job has ended: ";

    internal string HostName { get; init; } = "guest";

    internal string Folder { get; init; } = "/";

    /// <summary>NAME=VALUE.</summary>
    internal IReadOnlyList<string> Environment { get; init; } = [];

    internal RestartPolicy Restart { get; init; }

    /// <summary>Who the program runs as.</summary>
    internal (uint User, uint Group) Account { get; init; }

    /// <summary>How long the guest stays when the job has ended, so that its last words can be read; whole seconds.</summary>
    internal int LingerSeconds { get; init; }

    const string Tools = ".evilman";

    /// <summary>What shows what the program has written, to be run in the guest.</summary>
    internal static IReadOnlyList<string> Recall(bool follow) => follow
        ? [$"/{Tools}/migrate", "--recall", $"/{Tools}/output", "--follow"]
        : [$"/{Tools}/migrate", "--recall", $"/{Tools}/output"];

    /// <summary>What a guest tells of itself: <see cref="GuestState"/> reads it.</summary>
    internal static IReadOnlyList<string> Look { get; } =
    [
        $"/{Tools}/busybox", "sh", "-c",
        $"box=/{Tools}/busybox; echo code: $($box cat /{Tools}/code 2>/dev/null); "
            + "$box ifconfig -a; $box cat /proc/meminfo /proc/uptime; $box grep '^cpu ' /proc/stat",
    ];

    /// <summary>Ends the guest, and with it the machine that it is in.</summary>
    internal static IReadOnlyList<string> SwitchOff { get; } = [$"/{Tools}/busybox", "poweroff", "-f"];

    /// <summary>
    /// Asks the program to end, as «docker stop» does: SIGTERM to itself alone, and it is not started again. Tells its exit
    /// code when it has ended, however long that takes.
    /// </summary>
    internal static IReadOnlyList<string> Stop { get; } =
    [
        $"/{Tools}/busybox", "sh", "-c", $$"""
            box=/{{Tools}}/busybox told=
            # The shell that the job is, older than all that it has started, and its child.
            tell() {
                $box ps -o pid,ppid,args | {
                    job= child=
                    while read -r pid parent args; do
                        if [ -z "$job" ] && [ "$args" = "$box sh /{{Tools}}/job" ]; then job=$pid
                        elif [ -n "$job" ] && [ "$parent" = "$job" ]; then child=$pid; fi
                    done
                    [ -n "$child" ] && kill -TERM "$child"
                }
            }
            : >/{{Tools}}/stopping
            until [ -s /{{Tools}}/code ]; do
                [ -n "$told" ] || ! tell || told=1
                $box sleep 0.1
            done
            $box cat /{{Tools}}/code
            """,
    ];

    /// <summary>
    /// Puts the job's first program into the files, and what it needs itself: a shell of its own, which tells how the
    /// job ended, and the mover. They lie in a folder that no program looks into, so that nothing of the user's files
    /// is replaced but /init.
    /// </summary>
    /// <param name="guest">The files of the guest that this program belongs to.</param>
    internal void AddTo(GuestFiles files, GuestFiles guest)
    {
        foreach (var (path, name) in ((string, string)[])[("bin/busybox", "busybox"), ("bin/migrate", "migrate"),
            ("lib/checkpoint-loader", "checkpoint-loader")])
        {
            var tool = guest.Find(path) ?? throw Failure.Lacking($"/{path} is not in guest.cpio: run «make»");
            files.AddFile($"{Tools}/{name}", tool.Content, GuestFiles.ForAll);
        }
        foreach (var folder in (string[])["proc", "dev", "tmp", "etc"])
        {
            if (files.Find(folder) is null)
                files.AddDirectory(folder, folder == "tmp" ? 0x3FF : GuestFiles.ForAll);
        }
        files.AddFile("init", Encoding.UTF8.GetBytes(Script()), GuestFiles.ForAll);
        files.AddFile($"{Tools}/job", Encoding.UTF8.GetBytes(Program()), GuestFiles.ForAll);
    }

    /// <summary>The guest's first program.</summary>
    internal string Script()
    {
        var script = new StringBuilder($"""
            #!/{Tools}/busybox sh
            export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/app HOME=/ LANG=C.UTF-8
            box=/{Tools}/busybox
            $box mount -t proc proc /proc
            $box hostname {Quoted(HostName)}

            """);
        foreach (var variable in Environment)
            script.Append($"export {Quoted(variable)}\n");
        script.Append(CultureInfo.InvariantCulture, $"""
            cd {Quoted(Folder)} || exit 1
            /{Tools}/migrate --serve --loader /{Tools}/checkpoint-loader &
            /{Tools}/migrate --job /{Tools}/output {Account.User}:{Account.Group} $box sh /{Tools}/job </dev/null
            echo $? >/{Tools}/code
            $box sleep {LingerSeconds}
            $box poweroff -f

            """);
        return script.ToString();
    }

    /// <summary>What runs the program, as whoever it shall be; its output is kept, and its exit code is the job's.</summary>
    internal string Program()
    {
        var command = string.Join(' ', System.Linq.Enumerable.Select(Words, Quoted));
        // A pause between, so that a job that fails at once does not take a processor.
        const string IsStopped = $"[ -e /{Tools}/stopping ]";
        const string Again = $"""
            {IsStopped} && break
            echo "evilman: the job is started again: $code"
            /{Tools}/busybox sleep 1
            {IsStopped} && break
            """;
        var once = $"{command}\ncode=$?\n";
        return Restart switch
        {
            RestartPolicy.Always => $"while :; do\n{once}{Again}\ndone\n",
            RestartPolicy.OnFailure => $"while :; do\n{once}[ $code = 0 ] && break\n{Again}\ndone\n",
            _ => once,
        } + $"echo \"{EndMark}$code\"\nexit $code\n";
    }

    /// <summary>A word for a POSIX shell, whatever is in it.</summary>
    static string Quoted(string word) => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>The exit code that a line of the guest's console tells, or null.</summary>
    internal static int? EndIn(string line) =>
        line.StartsWith(EndMark, StringComparison.Ordinal)
        && int.TryParse(line.AsSpan(EndMark.Length), System.Globalization.NumberStyles.None,
            System.Globalization.CultureInfo.InvariantCulture, out var code) ? code : null;

    /// <summary>
    /// Why nothing serves. The exit code is the program's own; of one that ended as if all were well, that of a failure.
    /// </summary>
    internal static Failure EndedEarly(int code, int port) =>
        new($"{Ending(code)} before port {port} was listened on", code == 0 ? Evilman.ExitCode.Failed : code);

    /// <summary>How a job ended, for its user: shells tell a signal as 128 and its number.</summary>
    internal static string Ending(int code) => code switch
    {
        0 => "the program has ended",
        126 => "the program could not be run",
        127 => "the program was not found, or could not be run",
        128 + Native.SignalTerminate => "the program was ended by SIGTERM",
        > 128 and <= 128 + 64 => $"the program was killed by signal {code - 128}",
        _ => $"the program has ended with exit code {code}",
    };
}

using System.CommandLine;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary><c>evilman completion bash|zsh|fish</c>: a script for the shell that asks this program what may come next.</summary>
internal static class CompletionCommand
{
    internal static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "The shell to write the script for." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Prints a completion script for a shell.") { shell };
        command.WithExamples("""
            source <(evilman completion bash)                                   in this shell
            evilman completion zsh >"${fpath[1]}/_evilman"                      for good
            evilman completion fish >~/.config/fish/completions/evilman.fish    for good
            """);
        command.SetAction(result =>
        {
            Say.Plain(Script(result.GetValue(shell)!));
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>
    /// Each script hands the typed line to the suggest directive, <c>[suggest:POSITION] "LINE"</c>, and offers the lines of its
    /// answer. The command's own name is cut off, because the directive counts from the first argument.
    /// </summary>
    internal static string Script(string shell) => shell switch
    {
        "bash" => """
            _evilman()
            {
                local line=${COMP_LINE:0:COMP_POINT}
                line=${line#*[[:space:]]}
                local IFS=$'\n'
                COMPREPLY=($(compgen -W "$(evilman "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _evilman evilman
            """,
        "zsh" => """
            #compdef evilman
            _evilman()
            {
                local line="${(j: :)words[2,CURRENT]}"
                local -a found
                found=("${(@f)$(evilman "[suggest:${#line}]" "$line" 2>/dev/null)}")
                compadd -a found || _files
            }
            if [ "$funcstack[1]" = _evilman ]; then _evilman; else compdef _evilman evilman; fi
            """,
        _ => """
            function __evilman_complete
                set -l words (commandline -opc) (commandline -ct)
                set -l line (string join ' ' -- $words[2..-1])
                evilman "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
            end
            complete -c evilman -a '(__evilman_complete)'
            """,
    };
}

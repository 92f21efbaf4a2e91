using System.CommandLine;
using Evilman.Text;

namespace Evilman.Commands;

/// <summary>
/// <c>evilman completion bash|zsh|fish</c>: a script for the shell that asks this program what may come next.
/// </summary>
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
    /// Each script hands what was typed up to the cursor to the suggest directive, <c>[suggest:POSITION] "LINE"</c>,
    /// and offers the lines of its answer. The command's own name is cut off, because the directive counts from the
    /// first argument. Options are offered only after a dash, so that an empty word is a command or a file; files are
    /// the shell's own business, which knows how to quote them and goes on into folders.
    /// </summary>
    internal static string Script(string shell) => shell switch
    {
        "bash" => """
            _evilman()
            {
                local line=${COMP_LINE:0:COMP_POINT} word=${COMP_LINE:0:COMP_POINT} found
                line=${line#"${line%%[![:space:]]*}"}
                line=${line#"${line%%[[:space:]]*}"}
                line=${line# }
                word=${word##*[[:space:]]}
                COMPREPLY=()
                while IFS= read -r found; do
                    if [[ $found = "$word"* && ( $word = -* || $found != -* ) ]]; then COMPREPLY+=("$found"); fi
                done < <("$1" "[suggest:${#line}]" "$line" 2>/dev/null)
            }
            complete -o default -F _evilman evilman
            """,
        "zsh" => """
            #compdef evilman
            _evilman()
            {
                local line="${(j: :)words[2,CURRENT-1]}"
                local -a found
                (( CURRENT > 2 )) && line+=" "
                line+=$PREFIX
                found=("${(@f)$("${~words[1]}" "[suggest:${#line}]" "$line" 2>/dev/null)}")
                [[ $PREFIX = -* ]] || found=("${(@)found:#-*}")
                found=("${(@M)${(@)found:#}:#${PREFIX}*}")
                compadd -a found && return
                compset -P '--*='
                _files
            }
            if [ "$funcstack[1]" = _evilman ]; then _evilman; else compdef _evilman evilman; fi
            """,
        _ => """
            function __evilman_complete
                set -l word (commandline -ct)
                set -l words (commandline -opc) $word
                set -l line (string join ' ' -- $words[2..-1])
                set -l found (command $words[1] "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)
                string match -q -- '-*' "$word"; or set found (string match -v -- '-*' $found)
                string match -- "$word*" $found | string match -v -- ''
            end
            complete -c evilman -f -n '__evilman_complete >/dev/null' -a '(__evilman_complete)'
            """,
    };
}

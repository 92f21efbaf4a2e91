using System;
using Spectre.Console;

namespace Evilman.Text;

/// <summary>A progress bar on a terminal; on anything else one line at the end.</summary>
internal static class UploadBar
{
    internal static void Show(string what, Action<Action<long, long>> work)
    {
        long total = 0;
        if (!Say.Interactive)
        {
            work((_, all) => total = all);
            Say.Step($"{what}: {Quantity.Bytes(total)}");
            return;
        }
        AnsiConsole.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                new TransferSpeedColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(Markup.Escape(what));
                work((sent, all) =>
                {
                    task.MaxValue = total = all;
                    task.Value = sent;
                });
            });
        Say.Step($"{what}: {Quantity.Bytes(total)}");
    }
}

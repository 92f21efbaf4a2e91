using System;

namespace Domain;

internal static class Program
{
    private static int Main()
    {
        Console.Error.WriteLine("domain: this build cannot run a machine yet");
        return 1;
    }
}

using System;
using Microsoft.Extensions.Logging;

namespace Tokenbroker.Http;

/// <summary>Every line that the server logs. None holds a header or a body: those have secrets.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "serving {Address} from {Database}")]
    internal static partial void Started(ILogger log, string address, string database);

    [LoggerMessage(2, LogLevel.Information,
        "{Method} {Route} {Status} {Milliseconds:F1} ms key {Key} request {Request}")]
    internal static partial void Request(ILogger log, string method, string route, int status, double milliseconds,
        string key, string request);

    [LoggerMessage(3, LogLevel.Error, "the database failed: {Cause}")]
    internal static partial void Database(ILogger log, string cause);

    [LoggerMessage(4, LogLevel.Error, "a fault in {Route}")]
    internal static partial void Fault(ILogger log, string route, Exception fault);

    [LoggerMessage(5, LogLevel.Information, "{Count} machines have lapsed and are settled")]
    internal static partial void Settled(ILogger log, int count);

    [LoggerMessage(6, LogLevel.Information, "{Count} machines were never started and have given their places back")]
    internal static partial void Released(ILogger log, int count);

    [LoggerMessage(7, LogLevel.Error,
        "the clock was set on by {Seconds} s: nothing lapses for {Patience} s, set it back if it was right before")]
    internal static partial void ClockSet(ILogger log, long seconds, int patience);
}

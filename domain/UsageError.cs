using System;

namespace Domain;

/// <summary>
/// The command line asks for something that cannot be; the message is one sentence for the person who typed it.
/// </summary>
internal sealed class UsageError(string message) : Exception(message);

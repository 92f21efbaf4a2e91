using System;

namespace Domain.Boot;

/// <summary>An image that cannot be started; the message is one sentence for the person who named it.</summary>
public sealed class ImageError(string message) : Exception(message);

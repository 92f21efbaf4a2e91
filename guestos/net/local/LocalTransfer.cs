namespace Guestos;

/// <summary>How a message is sent (send(2)), and what goes with it.</summary>
internal unsafe struct LocalSending
{
    public bool Wait;

    /// <summary>A stream that is broken is a SIGPIPE, too.</summary>
    public bool Signals;

    /// <summary>SCM_CREDENTIALS; else the sender's own are told to who wants them.</summary>
    public bool NamesCredentials;
    public LocalCredentials Credentials;

    /// <summary>SCM_RIGHTS: the caller's until a message that has been sent takes them. Null for none.</summary>
    public PassedFiles* Files;
}

/// <summary>How something is received (recv(2)), and what came with it.</summary>
internal unsafe struct LocalReceipt
{
    public bool Wait;
    public bool Peek;

    /// <summary>MSG_WAITALL, of a stream.</summary>
    public bool All;

    /// <summary>MSG_TRUNC: the answer is the whole length of the message, of which less may be taken.</summary>
    public bool TellsLength;

    /// <summary>The message was longer.</summary>
    public bool Truncated;

    /// <summary>Who has sent it: referenced; null for nobody or a socket without a name.</summary>
    public LocalName* From;

    /// <summary>Something has been received, from who these are.</summary>
    public bool HasSender;
    public LocalCredentials Credentials;

    /// <summary>The caller's from now on. Null for none.</summary>
    public PassedFiles* Files;

    public void NameSender(LocalMessage* message)
    {
        if (HasSender)
            return;
        HasSender = true;
        From = LocalName.Hold(message->Sender->Name);
        Credentials = message->Credentials;
    }

    /// <summary>Gives up what nobody has taken.</summary>
    public void Drop()
    {
        LocalName.Release(From);
        PassedFiles.Discard(Files);
        From = null;
        Files = null;
    }
}

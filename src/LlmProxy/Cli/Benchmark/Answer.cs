namespace LlmProxy.Cli.Benchmark;

/// <summary>Why a request is not counted as answered well.</summary>
internal enum FailureKind
{
    /// <summary>No complete answer in time.</summary>
    Timeout,

    /// <summary>No connection: refused, no such host, TLS, or not in time.</summary>
    Connect,

    /// <summary>The connection ended before an answer began.</summary>
    Reset,

    /// <summary>An answer that is neither a success nor an error; redirects are not followed.</summary>
    Http3xx,

    Http4xx,

    Http5xx,

    /// <summary>The answer broke off, or a stream ended without the mark of its end.</summary>
    Truncated,

    /// <summary>An error in the middle of a stream.</summary>
    StreamError,

    /// <summary>No connection was free until the time was over: more was due than may be open at once.</summary>
    NotSent,

    /// <summary>What came was not HTTP, or had no bound.</summary>
    Other,
}

/// <summary>What became of one request. Instants are timestamps of the clock that measures.</summary>
internal sealed class Answer
{
    public required long SentAt { get; init; }

    /// <summary>The head of the answer was there; null when none came.</summary>
    public long? HeadAt { get; set; }

    /// <summary>The first event with a piece of the text was there; null when there was none.</summary>
    public long? TextAt { get; set; }

    public long EndedAt { get; set; }

    /// <summary>Null when it was answered well.</summary>
    public FailureKind? Failure { get; set; }

    /// <summary>Why it failed, for a person; without the token.</summary>
    public string? Complaint { get; set; }

    /// <summary>0 when no head came.</summary>
    public int Status { get; set; }

    /// <summary>Of the body.</summary>
    public long BytesReceived { get; set; }

    /// <summary>What the proxy says that it took itself, without the provider.</summary>
    public TimeSpan? ProxyTime { get; set; }

    /// <summary>The word of <c>X-PROXY-CACHE</c>.</summary>
    public string? CacheWord { get; set; }

    public ReportedUsage Usage { get; set; }
}

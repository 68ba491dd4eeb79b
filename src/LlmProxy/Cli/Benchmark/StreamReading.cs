namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// What the events of one stream say together: whether text has come, whether it came to its end, what it cost.
/// </summary>
/// <param name="path">The endpoint: each API has its own mark of the end.</param>
internal sealed class StreamReading(string path)
{
    private readonly string[] _ends = EndsOf(path);
    private bool _hasEnded;

    /// <summary>Events so far, without the mark of the end.</summary>
    public long Events { get; private set; }

    public bool HasText { get; private set; }

    /// <summary>The error that stands in it; null when there is none.</summary>
    public string? Complaint { get; private set; }

    public ReportedUsage Usage { get; private set; }

    /// <summary>The end was seen, or nobody knows how it looks.</summary>
    public bool IsWhole => _hasEnded || _ends.Length == 0;

    /// <summary>Reads one event; whether it is one of the answer, and not only the mark of its end.</summary>
    public bool Read(string type, ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            _hasEnded = true;
            return false;
        }

        Events++;
        _hasEnded |= _ends.Contains(type, StringComparer.Ordinal);
        Usage = AnswerText.UsageIn(data, Usage);
        HasText = HasText || AnswerText.HasText(data);
        if (type is "error" or "response.failed" || data.IndexOf("\"error\""u8) >= 0)
        {
            Complaint ??= ApiFailure.Describe(data) ?? (type is "error" or "response.failed" ? type : null);
        }

        return true;
    }

    private static string[] EndsOf(string path) => path switch
    {
        _ when path.EndsWith("/completions", StringComparison.Ordinal) => ["[DONE]"],
        _ when path.EndsWith("/messages", StringComparison.Ordinal) => ["message_stop"],
        _ when path.EndsWith("/responses", StringComparison.Ordinal) =>
            ["response.completed", "response.incomplete", "response.failed"],
        _ => [],
    };
}

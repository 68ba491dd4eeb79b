using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// A file of events, read while it is written: a JSON line an event. Every line that is read is held against the
/// schema.
/// </summary>
internal sealed class EventLog(string path)
{
    // Read by tests that do several things at once.
    private readonly Lock _reading = new();
    private readonly List<LoggedEvent> _events = [];
    private readonly List<byte> _rest = [];
    private long _read;

    public string Path => path;

    /// <summary>All that is there now, in the order of the file.</summary>
    public IReadOnlyList<LoggedEvent> Read()
    {
        lock (_reading)
        {
            ReadOn();
            return [.. _events];
        }
    }

    /// <summary>How many there are; cheap enough to be asked again and again.</summary>
    public int Count
    {
        get
        {
            lock (_reading)
            {
                ReadOn();
                return _events.Count;
            }
        }
    }

    /// <summary>Once there are so many.</summary>
    public async Task<IReadOnlyList<LoggedEvent>> WithAsync(int count, TimeSpan? within = null)
    {
        await Eventually.HoldsAsync(() => Count >= count, $"{count} events were written to {path}", within);
        return Read();
    }

    /// <summary>The event of a request, once it is there; another one of the same request fails.</summary>
    public async Task<LoggedEvent> OfAsync(string requestId)
    {
        await Eventually.HoldsAsync(
            () => Read().Any(logged => logged.RequestId == requestId), $"the event of {requestId} was written");
        return Assert.Single(Read(), logged => logged.RequestId == requestId);
    }

#pragma warning disable MA0045 // It is asked again and again; what a file has got lately is in memory.
    private void ReadOn()
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = _read;
        var bytes = new byte[file.Length - _read];
        file.ReadExactly(bytes);
        _read += bytes.Length;
        _rest.AddRange(bytes);
        TakeLines();
    }
#pragma warning restore MA0045

    private void TakeLines()
    {
        var bytes = _rest.ToArray().AsMemory();
        while (bytes.Span.IndexOf((byte)'\n') is >= 0 and var end)
        {
            _events.Add(LoggedEvent.Parse(bytes[..end]));
            bytes = bytes[(end + 1)..];
        }

        _rest.Clear();
        _rest.AddRange(bytes.Span);
    }
}

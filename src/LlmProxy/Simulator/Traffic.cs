using System.Text.Json;

namespace LlmProxy.Simulator;

/// <summary>A client that left before its answer was complete.</summary>
internal sealed record Departure(string Method, string Path, DateTimeOffset StartedAt, DateTimeOffset LeftAt);

/// <summary>
/// Counts what reached the simulator, so that a test can say "the upstream was called exactly twice" or "the call was
/// cancelled". Requests for the counts themselves are not counted.
/// </summary>
internal sealed class Traffic
{
    private const int DeparturesKeptMax = 100;

    // Written by all requests: Interlocked only.
    private long _received;
    private long _open;
    private long _completed;
    private long _cut;
    private long _aborted;

    // Guarded by itself.
    private readonly Queue<Departure> _departures = new();

    public long Received => Interlocked.Read(ref _received);

    public long Open => Interlocked.Read(ref _open);

    public long Completed => Interlocked.Read(ref _completed);

    /// <summary>Answers that the simulator broke off because the request asked for it.</summary>
    public long Cut => Interlocked.Read(ref _cut);

    /// <summary>Requests that the client left before they were answered.</summary>
    public long Aborted => Interlocked.Read(ref _aborted);

    public IReadOnlyList<Departure> Departures
    {
        get
        {
            lock (_departures)
            {
                return [.. _departures];
            }
        }
    }

    public void Begin()
    {
        Interlocked.Increment(ref _received);
        Interlocked.Increment(ref _open);
    }

    public void Complete()
    {
        Interlocked.Increment(ref _completed);
        Interlocked.Decrement(ref _open);
    }

    public void EndCut()
    {
        Interlocked.Increment(ref _cut);
        Interlocked.Decrement(ref _open);
    }

    public void EndAborted(Departure departure)
    {
        lock (_departures)
        {
            if (_departures.Count == DeparturesKeptMax)
            {
                _departures.Dequeue();
            }

            _departures.Enqueue(departure);
        }

        Interlocked.Increment(ref _aborted);
        Interlocked.Decrement(ref _open);
    }

    /// <summary>Starts counting anew. What is open stays open.</summary>
    public void Reset()
    {
        Interlocked.Exchange(ref _received, 0);
        Interlocked.Exchange(ref _completed, 0);
        Interlocked.Exchange(ref _cut, 0);
        Interlocked.Exchange(ref _aborted, 0);
        lock (_departures)
        {
            _departures.Clear();
        }
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("received"u8, Received);
        json.WriteNumber("open"u8, Open);
        json.WriteNumber("completed"u8, Completed);
        json.WriteNumber("cut"u8, Cut);
        json.WriteNumber("aborted_by_client"u8, Aborted);
        json.WriteStartArray("aborted"u8);
        foreach (var departure in Departures)
        {
            json.WriteStartObject();
            json.WriteString("method"u8, departure.Method);
            json.WriteString("path"u8, departure.Path);
            json.WriteString("started_at"u8, departure.StartedAt);
            json.WriteString("aborted_at"u8, departure.LeftAt);
            json.WriteNumber("after_ms"u8, (long)(departure.LeftAt - departure.StartedAt).TotalMilliseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}

using System.Globalization;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// Adds up what became of requests, in histograms and counters whose size does not depend on how many there are. Safe
/// for several threads.
/// </summary>
internal sealed class Tally(TimeProvider clock)
{
    private const int StatusMax = 999;

    private static readonly FailureKind[] Kinds = Enum.GetValues<FailureKind>();

    // Everything below is guarded by it.
    private readonly Lock _gate = new();
    private readonly Distribution _latency = new();
    private readonly Distribution _failedLatency = new();
    private readonly Distribution _sendDelay = new();
    private readonly Distribution _service = new();
    private readonly Distribution _firstByte = new();
    private readonly Distribution _firstToken = new();
    private readonly Distribution _chunkDelay = new();
    private readonly Distribution _proxy = new();
    private readonly Distribution _upstream = new();
    private readonly long[] _statuses = new long[StatusMax + 1];
    private readonly long[] _failures = new long[Kinds.Length];
    private readonly string?[] _complaints = new string?[Kinds.Length];
    private long _succeeded;
    private long _failed;
    private long _unfinished;
    private long _bytes;
    private long _hits;
    private long _misses;
    private long _bypasses;
    private long _reported;
    private long _promptTokens;
    private long _completionTokens;

    /// <summary>How many requests came to an end, well or not.</summary>
    public long Finished => Interlocked.Read(ref _succeeded) + Failed;

    public long Failed => Interlocked.Read(ref _failed);

    /// <param name="dueAt">When it should have been sent.</param>
    /// <param name="answer">What became of it; null when it was broken off from this side.</param>
    public void Add(long dueAt, Answer? answer)
    {
        lock (_gate)
        {
            if (answer is null)
            {
                _unfinished++;
                return;
            }

            _sendDelay.Add(clock.GetElapsedTime(dueAt, answer.SentAt));
            _bytes += answer.BytesReceived;
            if (answer.Status != 0)
            {
                _statuses[Math.Clamp(answer.Status, 0, StatusMax)]++;
            }

            var latency = clock.GetElapsedTime(dueAt, answer.EndedAt);
            if (answer.Failure is { } kind)
            {
                Count(kind, answer.Complaint);
                _failedLatency.Add(latency);
                return;
            }

            _succeeded++;
            _latency.Add(latency);
            AddTimes(dueAt, answer);
            AddMarks(answer);
        }
    }

    /// <summary>One that was given up before it could be sent.</summary>
    public void AddUnsent()
    {
        lock (_gate)
        {
            Count(FailureKind.NotSent, "all connections were waiting for answers; allow more with --concurrency");
        }
    }

    /// <summary>The time between an event of a stream and the one before.</summary>
    public void AddChunkDelay(TimeSpan delay)
    {
        lock (_gate)
        {
            _chunkDelay.Add(delay);
        }
    }

    /// <summary>What there is so far.</summary>
    public BenchmarkReport Report(
        BenchmarkRequest request, LoadShape shape, TimeSpan elapsed, bool isInterrupted)
    {
        lock (_gate)
        {
            var requests = _succeeded + _failed;
            return new BenchmarkReport
            {
                Method = request.Method.Method,
                Target = request.Target.AbsoluteUri,
                Loop = shape.Rate is null ? "closed" : "open",
                Concurrency = shape.Concurrency,
                RequestsPerSecondAsked = shape.Rate,
                RequestsPerSecond = PerSecond(requests, elapsed),
                DurationSeconds = Math.Round(elapsed.TotalSeconds, 3),
                Interrupted = isInterrupted,
                Requests = requests,
                Succeeded = _succeeded,
                Failed = _failed,
                Unfinished = _unfinished,
                FailurePercent = requests == 0 ? 0 : Math.Round(100.0 * _failed / requests, 3),
                BytesReceived = _bytes,
                Statuses = StatusCounts(),
                Failures = Kinds.ToDictionary(NameOf, kind => _failures[(int)kind], StringComparer.Ordinal),
                FirstFailures = Kinds.Where(kind => _complaints[(int)kind] is not null)
                    .ToDictionary(NameOf, kind => _complaints[(int)kind]!, StringComparer.Ordinal),
                LatencyMs = _latency.Summarise(),
                FailedLatencyMs = _failedLatency.Summarise(),
                SendDelayMs = _sendDelay.Summarise(),
                ServiceMs = _service.Summarise(),
                FirstByteMs = _firstByte.Summarise(),
                FirstTokenMs = _firstToken.Summarise(),
                ChunkDelayMs = _chunkDelay.Summarise(),
                ProxyMs = _proxy.Summarise(),
                UpstreamMs = _upstream.Summarise(),
                Cache = new CacheWords(_hits, _misses, _bypasses),
                Tokens = new TokenSums(
                    _reported, _promptTokens, _completionTokens, PerSecond(_completionTokens, elapsed)),
            };
        }
    }

    /// <summary>How a class of failures is called in the result.</summary>
    public static string NameOf(FailureKind kind) => kind switch
    {
        FailureKind.Timeout => "timeout",
        FailureKind.Connect => "connect",
        FailureKind.Reset => "reset",
        FailureKind.Http3xx => "http_3xx",
        FailureKind.Http4xx => "http_4xx",
        FailureKind.Http5xx => "http_5xx",
        FailureKind.Truncated => "truncated",
        FailureKind.StreamError => "stream_error",
        FailureKind.NotSent => "not_sent",
        _ => "other",
    };

    private void Count(FailureKind kind, string? complaint)
    {
        _failed++;
        _failures[(int)kind]++;
        _complaints[(int)kind] ??= complaint;
    }

    private void AddTimes(long dueAt, Answer answer)
    {
        var service = clock.GetElapsedTime(answer.SentAt, answer.EndedAt);
        _service.Add(service);
        if (answer.HeadAt is { } headAt)
        {
            _firstByte.Add(clock.GetElapsedTime(dueAt, headAt));
        }

        if (answer.TextAt is { } textAt)
        {
            _firstToken.Add(clock.GetElapsedTime(dueAt, textAt));
        }

        if (answer.ProxyTime is { } own)
        {
            _proxy.Add(own);

            // No provider was asked for what the cache had.
            if (answer.CacheWord != "hit")
            {
                _upstream.Add(service - own);
            }
        }
    }

    private void AddMarks(Answer answer)
    {
        _hits += answer.CacheWord == "hit" ? 1 : 0;
        _misses += answer.CacheWord == "miss" ? 1 : 0;
        _bypasses += answer.CacheWord == "bypass" ? 1 : 0;
        if (answer.Usage is { PromptTokens: null, CompletionTokens: null })
        {
            return;
        }

        _reported++;
        _promptTokens += answer.Usage.PromptTokens ?? 0;
        _completionTokens += answer.Usage.CompletionTokens ?? 0;
    }

    private Dictionary<string, long> StatusCounts() => Enumerable.Range(0, _statuses.Length)
        .Where(status => _statuses[status] > 0)
        .ToDictionary(
            static status => status.ToString(CultureInfo.InvariantCulture),
            status => _statuses[status],
            StringComparer.Ordinal);

    private static double PerSecond(long count, TimeSpan elapsed) =>
        elapsed > TimeSpan.Zero ? Math.Round(count / elapsed.TotalSeconds, 2) : 0;
}

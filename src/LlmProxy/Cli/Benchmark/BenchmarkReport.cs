using System.Text.Json.Serialization;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// The result, as <c>--json</c> prints it: part of the interface, described in <c>docs/guide/performance.md</c>. Times
/// are milliseconds.
/// </summary>
internal sealed record BenchmarkReport
{
    public required string Method { get; init; }

    public required string Target { get; init; }

    /// <summary><c>open</c> or <c>closed</c>.</summary>
    public required string Loop { get; init; }

    public required int Concurrency { get; init; }

    /// <summary>Null in a closed loop.</summary>
    public required double? RequestsPerSecondAsked { get; init; }

    /// <summary>Of everything that was begun: up to the last answer.</summary>
    public required double RequestsPerSecond { get; init; }

    public required double DurationSeconds { get; init; }

    /// <summary>It was broken off: there would have been more.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>What came to an end, well or not.</summary>
    public required long Requests { get; init; }

    public required long Succeeded { get; init; }

    public required long Failed { get; init; }

    /// <summary>Open when it was broken off; in none of the other numbers.</summary>
    public required long Unfinished { get; init; }

    public required double FailurePercent { get; init; }

    public required long BytesReceived { get; init; }

    /// <summary>How many answers had which HTTP status.</summary>
    public required IReadOnlyDictionary<string, long> Statuses { get; init; }

    /// <summary>How many failures were of which class; all classes are there.</summary>
    public required IReadOnlyDictionary<string, long> Failures { get; init; }

    /// <summary>What the first failure of a class said.</summary>
    public required IReadOnlyDictionary<string, string> FirstFailures { get; init; }

    /// <summary>From when it was due to the end of the answer, of those that succeeded.</summary>
    public required Spread? LatencyMs { get; init; }

    /// <summary>The same of those that failed after they were sent.</summary>
    public required Spread? FailedLatencyMs { get; init; }

    /// <summary>From when it was due to when it was sent: what the benchmark itself was late.</summary>
    public required Spread? SendDelayMs { get; init; }

    /// <summary>From when it was sent to the end of the answer.</summary>
    public required Spread? ServiceMs { get; init; }

    /// <summary>From when it was due to the head of the answer.</summary>
    public required Spread? FirstByteMs { get; init; }

    /// <summary>From when it was due to the first piece of text in a stream.</summary>
    public required Spread? FirstTokenMs { get; init; }

    /// <summary>Between an event of a stream and the next.</summary>
    public required Spread? ChunkDelayMs { get; init; }

    /// <summary>What the proxy says that it took itself.</summary>
    public required Spread? ProxyMs { get; init; }

    /// <summary>The rest: provider, network, and this process.</summary>
    public required Spread? UpstreamMs { get; init; }

    public required CacheWords Cache { get; init; }

    public required TokenSums Tokens { get; init; }
}

/// <summary>How values are spread, in milliseconds.</summary>
internal sealed record Spread
{
    public required long Count { get; init; }

    public required double Min { get; init; }

    public required double Mean { get; init; }

    public required double P50 { get; init; }

    public required double P75 { get; init; }

    public required double P90 { get; init; }

    public required double P95 { get; init; }

    public required double P99 { get; init; }

    [JsonPropertyName("p99_9")]
    public required double P999 { get; init; }

    public required double Max { get; init; }
}

/// <summary>What <c>X-PROXY-CACHE</c> said, and how often.</summary>
internal sealed record CacheWords(long Hit, long Miss, long Bypass);

/// <summary>What answers said that they used.</summary>
/// <param name="Reported">How many said something.</param>
/// <param name="Prompt">Tokens of prompts.</param>
/// <param name="Completion">Tokens of answers.</param>
/// <param name="CompletionPerSecond">Tokens of answers, of all of them together.</param>
internal sealed record TokenSums(long Reported, long Prompt, long Completion, double CompletionPerSecond);

/// <summary>The report's JSON, without reflection. What there is nothing to say about is null, not away.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true)]
[JsonSerializable(typeof(BenchmarkReport))]
internal sealed partial class BenchmarkJson : JsonSerializerContext;

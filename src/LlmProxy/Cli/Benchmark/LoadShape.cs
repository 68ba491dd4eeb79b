namespace LlmProxy.Cli.Benchmark;

/// <summary>How much is asked how fast. At least one of <c>RequestsMax</c> and <c>Duration</c> is set.</summary>
/// <param name="Concurrency">Most requests that are open at the same time.</param>
/// <param name="Rate">
/// Requests a second of an open loop; null for a closed one, in which each answer makes room for the next request.
/// </param>
/// <param name="RequestsMax">How many there are; null when only time ends it.</param>
/// <param name="Duration">After how long no more are begun; null when only the number ends it.</param>
/// <param name="Patience">How long after it was due a request is given up.</param>
internal sealed record LoadShape(
    int Concurrency, double? Rate, long? RequestsMax, TimeSpan? Duration, TimeSpan Patience);

using LlmProxy.Secrets;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>Where events are to be delivered, as it was configured.</summary>
/// <param name="Service">One of <see cref="SinkTable.Names"/>: <c>--service</c>.</param>
/// <param name="Endpoint">A URL, or the path of a file; null for the service's own: <c>--endpoint</c>.</param>
/// <param name="ApiKey">What the service knows us by: <c>--api-key</c>.</param>
internal sealed record SinkTarget(string Service, string? Endpoint, Secret? ApiKey)
{
    /// <summary>When a file is put aside for a new one. The other services have no use for it.</summary>
    public FileRotation Rotation { get; init; } = FileRotation.Default;
}

/// <summary>When a file of events is put aside, and how many such files stay.</summary>
/// <param name="BytesMax">Before a line would make the file longer than this, a new one is begun.</param>
/// <param name="Kept">Old files that stay, at least one: <c>events.jsonl.1</c> is the youngest.</param>
internal sealed record FileRotation(long BytesMax, int Kept)
{
    public static readonly FileRotation Default = new(100L * 1024 * 1024, 5);
}

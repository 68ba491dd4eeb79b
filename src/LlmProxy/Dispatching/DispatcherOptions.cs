using LlmProxy.Dispatching.Sinks;
using LlmProxy.Secrets;
using LlmProxy.Settings;

namespace LlmProxy.Dispatching;

/// <summary>How <c>llm-proxy dispatcher</c> works.</summary>
/// <param name="Service">Which sink.</param>
/// <param name="Endpoint">Where it is; null for the service's own.</param>
/// <param name="Key">What it knows us by; may be empty.</param>
/// <param name="Buffer">Events in hand at most.</param>
/// <param name="BatchSize">Events given to the sink at once, at most.</param>
/// <param name="Retention">For how long an event is tried.</param>
/// <param name="Address">Where <c>/health</c> and <c>/metrics</c> are answered; null for nowhere.</param>
/// <param name="Rotation">When a file of events is put aside.</param>
internal sealed record DispatcherOptions(
    string Service, string? Endpoint, Secret Key, int Buffer, int BatchSize, TimeSpan Retention, ListenAddress? Address,
    FileRotation Rotation)
{
    private const int MiB = 1024 * 1024;
    private const string None = "none";

    /// <summary>The file of events, in the server or in a dispatcher of its own.</summary>
    public static readonly TimeSpan RetentionDefault = TimeSpan.FromDays(7);

    public SinkTarget Target => new(Service, Endpoint, Key) { Rotation = Rotation };

    public static DispatcherOptions Read(SettingsReader settings) => new(
        settings.Choice("DISPATCHER_SERVICE", "file", SinkTable.Names,
            $"Where `llm-proxy dispatcher` delivers events: {string.Join(", ", SinkTable.Names)}."),
        settings.TextOrNull("DISPATCHER_ENDPOINT",
            "The URL of that service, or the path of the file; the service's own when not set."),
        new Secret(settings.Text("LLM_PROXY_API_KEY", string.Empty,
            "The key with which a dispatcher posts to its service; the signing key of a webhook.")),
        (int)settings.Number("DISPATCHER_BUFFER", 1_000, 1, 100_000,
            "Events that a dispatcher has in hand at most."),
        (int)settings.Number("DISPATCHER_BATCH_SIZE", 100, 1, 10_000,
            "Events that a dispatcher delivers at once."),
        settings.Duration("DISPATCHER_RETENTION", RetentionDefault, TimeSpan.FromMinutes(1), TimeSpan.FromDays(365),
            "For how long a dispatcher tries to deliver an event, before it sets it aside."),
        settings.Parsed<ParsedAddress>("DISPATCHER_ADDR", None,
            static text => text == None ? new ParsedAddress(null)
                : ListenAddress.Parse(text) is { } address ? new ParsedAddress(address) : null,
            $"{ListenAddress.Expected}, or {None}",
            "Address on which a dispatcher answers `/health` and `/metrics`; none for nowhere.").Address,
        ReadRotation(settings));

    /// <summary>Of the file of events, whoever writes it.</summary>
    public static FileRotation ReadRotation(SettingsReader settings) => new(
        settings.Number("FILE_EVENT_LOG_MAX_BYTES", 100 * MiB, 64 * 1024, 1L << 40,
            "A file of events that would become longer is put aside, and a new one begun."),
        (int)settings.Number("FILE_EVENT_LOG_KEEP", 5, 1, 1_000,
            "How many files of events that were put aside stay."));

    private sealed record ParsedAddress(ListenAddress? Address);
}

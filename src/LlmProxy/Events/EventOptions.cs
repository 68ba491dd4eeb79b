using LlmProxy.Http;
using LlmProxy.Settings;

namespace LlmProxy.Events;

/// <summary>What of the messages goes into events.</summary>
internal enum BodyPolicy : byte
{
    /// <summary>Nothing but their sizes.</summary>
    None,

    /// <summary>Sizes, content types and the header fields of the allowlist.</summary>
    Metadata,

    /// <summary>The bodies too, as far as their bounds allow.</summary>
    All,
}

/// <summary>How exactly an event says who the client was.</summary>
internal enum AddressPolicy : byte
{
    None,

    /// <summary>Its network: the first 24 bits of an IPv4 address, 48 of an IPv6 one.</summary>
    Network,

    Full,
}

/// <summary>What is recorded of exchanges.</summary>
/// <param name="IsOn">Off: no event is made at all.</param>
/// <param name="BufferSize">Events that may wait, on the bus and for each subscriber.</param>
/// <param name="BufferBytes">How long the events may be together that wait for one subscriber.</param>
/// <param name="Bodies">What goes into them, where a project does not say otherwise.</param>
/// <param name="RequestBytesMax">Bytes kept of a request's body.</param>
/// <param name="ResponseBytesMax">Bytes kept of an answer's body; of a stream, of what it amounts to.</param>
/// <param name="ClientAddress">How the client is named.</param>
/// <param name="Headers">Which header fields go into them.</param>
/// <param name="UsesRedis">Events go to a Redis stream, where dispatchers find them.</param>
/// <param name="FileLog">A file that events are written to by this process; null for none.</param>
internal sealed record EventOptions(
    bool IsOn,
    int BufferSize,
    long BufferBytes,
    BodyPolicy Bodies,
    int RequestBytesMax,
    int ResponseBytesMax,
    AddressPolicy ClientAddress,
    HeaderAllowlist Headers,
    bool UsesRedis,
    string? FileLog)
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    /// <summary>The words of <see cref="BodyPolicy"/>, in its order.</summary>
    public static readonly string[] BodyWords = ["none", "metadata", "all"];

    private static readonly string[] AddressWords = ["none", "network", "full"];

    public static EventOptions Read(SettingsReader settings) => new(
        settings.Switch("OBSERVABILITY_ENABLED", true,
            "Whether exchanges are recorded as events; they go nowhere unless a bus or a file is set too."),
        (int)settings.Number("OBSERVABILITY_BUFFER_SIZE", 16_384, 16, 1_048_576,
            "Events that may wait to be written; beyond it they are dropped and counted."),
        settings.Number("OBSERVABILITY_BUFFER_BYTES", 64 * MiB, MiB, 16L * 1024 * MiB,
            "How long the events that wait may be together."),
        (BodyPolicy)Array.IndexOf(BodyWords, settings.Choice("OBSERVABILITY_CAPTURE_BODIES", "metadata", BodyWords,
            "What of the messages goes into events: none (sizes), metadata (content types and some header fields) or "
            + "all (bodies too); a project may say otherwise.")),
        (int)settings.Number("OBSERVABILITY_MAX_REQUEST_BODY_BYTES", 64 * KiB, 0, 16 * MiB,
            "Bytes of a request's body that an event holds; what is beyond is cut, and marked so."),
        (int)settings.Number("OBSERVABILITY_MAX_RESPONSE_BODY_BYTES", 256 * KiB, 0, 16 * MiB,
            "Bytes of an answer's body, or of the text of a stream, that an event holds."),
        (AddressPolicy)Array.IndexOf(AddressWords, settings.Choice(
            "OBSERVABILITY_CLIENT_IP", "network", AddressWords,
            "How events name the client: none, network (/24 or /48) or full.")),
        settings.Parsed<HeaderAllowlist>("OBSERVABILITY_HEADERS", string.Empty, ReadHeaders,
            "a list of header names that carry no credential",
            "More header fields of requests and answers that go into events."),
        settings.Choice("LLM_PROXY_EVENT_BUS", "in-memory", ["in-memory", "memory", "redis", "redis-streams"],
            "Where events go: in-memory, which is for this process only, or redis, where dispatchers find them.")
            .StartsWith("redis", StringComparison.Ordinal),
        settings.TextOrNull("FILE_EVENT_LOG",
            "File that this process appends events to, a line each (mode 0600); also `--file-event-log`."));

    private static HeaderAllowlist? ReadHeaders(string text)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return names.All(static name => HeaderName.IsValid(name) && !HeaderAllowlist.IsCredential(name))
            ? new HeaderAllowlist(names)
            : null;
    }
}

using LlmProxy.Settings;

namespace LlmProxy.Events.Redis;

/// <summary>How this process hands events to Redis.</summary>
/// <param name="Stream">Where they go.</param>
/// <param name="LengthMax">About how many the stream keeps; 0: all.</param>
/// <param name="SpoolFile">Where they wait while Redis is away.</param>
/// <param name="SpoolBytesMax">How long that file may be.</param>
internal sealed record RedisBusOptions(EventStream Stream, long LengthMax, string SpoolFile, long SpoolBytesMax)
{
    private const long MiB = 1024 * 1024;

    /// <param name="settings">What the operator says.</param>
    /// <param name="spoolDefault">A path beside the database.</param>
    public static RedisBusOptions Read(SettingsReader settings, string spoolDefault) => new(
        EventStream.Read(settings),
        settings.Number("REDIS_STREAM_MAX_LEN", 100_000, 0, 1_000_000_000,
            "About how many events the stream keeps, delivered or not; the oldest go first. 0 keeps all."),
        settings.Text("EVENT_SPOOL_FILE", spoolDefault,
            "File that events wait in while Redis is away (mode 0600); one process each."),
        settings.Number("EVENT_SPOOL_MAX_BYTES", 256 * MiB, MiB, 1024 * 1024 * MiB,
            "How long that file may be; events beyond it are dropped and counted."));
}

using System.Globalization;
using LlmProxy.Events.Redis;
using LlmProxy.Settings;

namespace LlmProxy.Dispatching.Redis;

/// <summary>How a dispatcher reads the stream.</summary>
/// <param name="Stream">Where it is.</param>
/// <param name="Group">Whoever has the same group shares the events; each group gets them all.</param>
/// <param name="Consumer">This dispatcher among those of its group.</param>
/// <param name="BlockTime">For how long a look for events may last.</param>
/// <param name="ClaimAfter">When what another dispatcher has taken and not finished is taken from it.</param>
/// <param name="DeadLettersMax">About how many dead letters are kept; the oldest go first.</param>
internal sealed record StreamSourceOptions(
    EventStream Stream, string Group, string Consumer, TimeSpan BlockTime, TimeSpan ClaimAfter, long DeadLettersMax)
{
    /// <param name="settings">What the operator says.</param>
    /// <param name="service">The name of the sink's service.</param>
    public static StreamSourceOptions Read(SettingsReader settings, string service) => new(
        EventStream.Read(settings),
        settings.TextOrNull("REDIS_CONSUMER_GROUP",
            "The consumer group of a dispatcher; llm-proxy-SERVICE when not set, so that each service gets all events.")
        ?? $"llm-proxy-{service}",
        settings.TextOrNull("REDIS_CONSUMER_NAME",
            "The name of a dispatcher in its group, its own alone; HOST-PID when not set.")
        ?? string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}-{Environment.ProcessId}"),
        settings.Duration("REDIS_STREAM_BLOCK_TIME", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromMinutes(1),
            "For how long a dispatcher waits for events at most before it looks at everything else."),
        settings.Duration("REDIS_STREAM_CLAIM_TIME", TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(1),
            TimeSpan.FromHours(1),
            "When a dispatcher takes over what another one of its group has taken and not finished."),
        settings.Number("REDIS_DEAD_LETTER_MAX_LEN", 100_000, 1, 1_000_000_000,
            "About how many dead letters are kept for each group; the oldest go first."));
}

using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;

namespace LlmProxy.Events.Redis;

/// <summary>The stream that events go through, and the keys beside it. All of them begin like the stream's.</summary>
/// <param name="Address">Where Redis is.</param>
/// <param name="Name">The stream: one entry an event, with the fields <c>id</c> and <c>data</c>.</param>
internal sealed record EventStream(RedisAddress Address, string Name)
{
    public const string IdField = "id";
    public const string DataField = "data";

    /// <summary>Names the one consumer group that an entry is for, where it is not for all.</summary>
    public const string ForField = "for";

    private const string PlaceDefault = "localhost:6379";
    private const int DatabaseMax = 1_023;

    /// <summary>A hash: what each consumer group has acknowledged since it was made.</summary>
    public string Counts => $"{Name}:counts";

    /// <summary>A hash: what each dispatcher says of itself.</summary>
    public string Dispatchers => $"{Name}:dispatchers";

    /// <summary>How far a sender has come.</summary>
    public string Progress(Guid sender) => $"{Name}:sent:{sender:N}";

    /// <summary>A stream: the dead letters of a consumer group.</summary>
    public string DeadLetters(string group) => $"{Name}:dead:{group}";

    public static EventStream Read(SettingsReader settings)
    {
        var url = settings.TextOrNull("REDIS_URL",
            "Redis of the event bus: redis://user:password@host:port/db, rediss:// with TLS; takes the place of "
            + "REDIS_ADDR and its companions.");
        var place = settings.TextOrNull("REDIS_ADDR",
            $"Redis of the event bus as host:port; {PlaceDefault} when neither this nor REDIS_URL is set.");
        var user = settings.TextOrNull("REDIS_USER", "User name at the Redis of the event bus.");
        var password = settings.TextOrNull("REDIS_PASSWORD", "Password at the Redis of the event bus.");
        var database = (int)settings.Number("REDIS_DB", 0, 0, DatabaseMax, "Database at the Redis of the event bus.");
        var hasTls = settings.Switch("REDIS_TLS", false, "Whether the Redis of the event bus is spoken to with TLS.");
        var key = settings.Text("REDIS_STREAM_KEY", "llm-proxy-events",
            "The Redis stream that events go through; other keys of the bus begin with it.");

        if (url is not null && ((place ?? user ?? password) is not null || database > 0 || hasTls))
        {
            settings.Complain("REDIS_URL says all that REDIS_ADDR, REDIS_USER, REDIS_PASSWORD, REDIS_DB and REDIS_TLS "
                + "would say: set it or them, not both.");
        }

        var address = url is not null
            ? RedisAddress.TryRead(new Secret(url))
            : RedisAddress.FromParts(place ?? PlaceDefault, user, SecretOf(password), database, hasTls);
        if (address is null)
        {
            settings.Complain(url is not null
                ? $"REDIS_URL must be {RedisAddress.Expected}."
                : "REDIS_ADDR must be host:port.");
        }

        return new EventStream(
            address ?? RedisAddress.FromParts(PlaceDefault, null, null, 0, hasTls: false)!, key);
    }

    private static Secret? SecretOf(string? text) => text is null ? null : new Secret(text);
}

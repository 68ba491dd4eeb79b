using System.Globalization;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using StackExchange.Redis;

namespace LlmProxy.Storage;

/// <summary>Where Redis is, as <c>redis://user:password@host:port/db</c> says, or <c>rediss://</c> for TLS.</summary>
internal sealed class RedisAddress
{
    /// <summary>What completes the sentence "NAME must be …".</summary>
    public const string Expected =
        "redis://user:password@host:port/db, or rediss:// for TLS; user, password, port and db "
        + "may be left out, and what is not a letter or digit in a password is written as %40 and the like";

    private const int PortDefault = 6379;

    private RedisAddress(ConfigurationOptions options, string place) => (Options, Place) = (options, place);

    /// <summary>With the password: never print it.</summary>
    public ConfigurationOptions Options { get; }

    /// <summary>Host and port, for the log.</summary>
    public string Place { get; }

    /// <summary>Throws <see cref="StartFailure"/> that names the setting and does not show the password.</summary>
    public static RedisAddress Read(Secret url, string setting) =>
        TryRead(url) ?? throw new StartFailure($"{setting} must be {Expected}.");

    /// <summary>Null for what is no such address.</summary>
    public static RedisAddress? TryRead(Secret url) => Parse(url.Reveal());

    /// <summary>From <c>host:port</c> and what goes with it; null when it is not that.</summary>
    public static RedisAddress? FromParts(string place, string? user, Secret? password, int database, bool hasTls)
    {
        if (place.AsSpan().ContainsAny("/@?#") || Parse($"redis://{place}") is not { } address)
        {
            return null;
        }

        address.Options.User = user;
        address.Options.Password = password?.Reveal();
        address.Options.DefaultDatabase = database;
        address.Options.Ssl = hasTls;
        return address;
    }

    private static RedisAddress? Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)
            || url.Scheme is not ("redis" or "rediss")
            || url.Host.Length == 0
            || url.Query.Length > 0
            || url.Fragment.Length > 0
            || DatabaseOf(url.AbsolutePath) is not { } database
            || (url.UserInfo.Length > 0 && !url.UserInfo.Contains(':', StringComparison.Ordinal)))
        {
            return null;
        }

        var address = Defaults();
        var port = url.Port > 0 ? url.Port : PortDefault;
        address.EndPoints.Add(url.IdnHost, port);
        address.DefaultDatabase = database;
        address.Ssl = url.Scheme == "rediss";
        if (url.UserInfo.Split(':', 2) is [var user, var password])
        {
            address.User = user.Length == 0 ? null : Uri.UnescapeDataString(user);
            address.Password = Uri.UnescapeDataString(password);
        }

        return new RedisAddress(address, string.Create(CultureInfo.InvariantCulture, $"{url.Host}:{port}"));
    }

    // Commands never queue up for a connection that is not there: whoever waits would rather ask the provider.
    private static ConfigurationOptions Defaults() => new()
    {
        AbortOnConnectFail = false,
        BacklogPolicy = BacklogPolicy.FailFast,
        ClientName = "llm-proxy",
        ConnectTimeout = 2_000,
        AsyncTimeout = 1_000,
        SyncTimeout = 1_000,
        KeepAlive = 10,
        ReconnectRetryPolicy = new LinearRetry(1_000),
        IncludeDetailInExceptions = false,
        IncludePerformanceCountersInExceptions = false,

        // Nothing is looked for in keys and channels that are not ours.
        TieBreaker = string.Empty,
        ConfigurationChannel = string.Empty,
    };

    private static int? DatabaseOf(string path) => path is "" or "/" ? 0
        : int.TryParse(path.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : null;
}

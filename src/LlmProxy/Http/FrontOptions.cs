using LlmProxy.Settings;

namespace LlmProxy.Http;

/// <summary>What the listener accepts, in numbers.</summary>
internal sealed record FrontOptions(
    ListenAddress Address,
    long RequestBytesMax,
    int ConcurrentRequestsMax,
    int ConnectionsMax,
    bool InlineScheduling,
    TrustedProxies TrustedProxies,
    TimeSpan DrainDelay,
    TimeSpan DrainTimeout)
{
    public static FrontOptions Read(SettingsReader settings) => new(
        settings.Parsed("LISTEN_ADDR", ":8080", ListenAddress.Parse, ListenAddress.Expected,
            "Address to listen on; `:8080` means every interface."),
        settings.Number("MAX_REQUEST_SIZE", 536_870_912, 1_024, 1L << 40,
            "Largest request body in bytes; more is answered with 413."),
        (int)settings.Number("MAX_CONCURRENT_REQUESTS", 10_000, 1, 1_000_000,
            "Proxied requests served at the same time; more are answered with 503."),
        (int)settings.Number("MAX_CONNECTIONS", 12_000, 1, 1_000_000,
            "Client connections open at the same time; more are closed at once."),
        settings.Switch("INLINE_SCHEDULING", true,
            "Run requests on the event loop itself; off costs about 10 µs CPU a request and shields the loop."),
        settings.Parsed("TRUSTED_PROXIES", "", TrustedProxies.Parse, TrustedProxies.Expected,
            "Addresses and CIDR blocks, with commas between, of proxies whose `X-Forwarded-For` names the client."),
        settings.Duration("DRAIN_DELAY", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromMinutes(10),
            "After SIGTERM `/ready` says no for so long before the listener closes; Ctrl-C does not wait."),
        settings.Duration("DRAIN_TIMEOUT", TimeSpan.FromSeconds(60), TimeSpan.Zero, TimeSpan.FromHours(1),
            "How long requests that run may take to end when the server stops; then they are cut."));
}

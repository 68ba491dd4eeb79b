using LlmProxy.Secrets;

namespace LlmProxy.Providers;

/// <summary>An upstream API as it was configured. Nothing of it changes while the program runs.</summary>
internal sealed class Provider(
    string name,
    BaseUrl baseUrl,
    ProviderAuth auth,
    EndpointList endpoints,
    RequestRules rules,
    ProviderTimeouts timeouts,
    ProviderConnection connection,
    bool injectsStreamUsage = false,
    ProviderCache? cache = null,
    ProviderResilience? resilience = null)
{
    /// <summary>The first segment of the paths that lead here.</summary>
    public string Name => name;

    public Uri BaseUrl => baseUrl.Address;

    /// <summary>Scheme, host, and port unless it is the scheme's own: <c>https://api.openai.com</c>.</summary>
    public string Origin => baseUrl.Origin;

    /// <summary>The path of the base URL without a closing slash; empty when it has none.</summary>
    public string BasePath => baseUrl.Path;

    public ProviderAuth Auth => auth;

    public EndpointList Endpoints => endpoints;

    public RequestRules Rules => rules;

    public ProviderTimeouts Timeouts => timeouts;

    public ProviderConnection Connection => connection;

    /// <summary>
    /// Whether streams are made to report what they used: <c>stream_options.include_usage</c> is put into requests that
    /// do not have it, and the chunk that it causes is taken out of the answer.
    /// </summary>
    public bool InjectsStreamUsage => injectsStreamUsage;

    /// <summary>What of it is cached that does not say so itself.</summary>
    public ProviderCache Cache { get; } = cache ?? ProviderCache.None;

    /// <summary>What is done when it fails.</summary>
    public ProviderResilience Resilience { get; } = resilience ?? ProviderResilience.Default;
}

/// <summary>How long to wait for what.</summary>
/// <param name="Connect">Until a connection is there.</param>
/// <param name="Request">From the start until an answer that is no stream is complete.</param>
/// <param name="ResponseHeader">From the request's end until the answer's headers.</param>
/// <param name="IdleConnection">How long an unused connection is kept.</param>
/// <param name="StreamIdle">Between two reads of a stream.</param>
internal sealed record ProviderTimeouts(
    TimeSpan Connect, TimeSpan Request, TimeSpan ResponseHeader, TimeSpan IdleConnection, TimeSpan StreamIdle);

/// <summary>Connections to the provider.</summary>
/// <param name="IdleConnectionsMax">How many are kept for later; <see cref="int.MaxValue"/> for any number.</param>
internal sealed record ProviderConnection(int IdleConnectionsMax);

/// <summary>Where the provider wants its key: as a bearer token or in a header of its own, never in the URL.</summary>
internal sealed class ProviderAuth
{
    /// <summary><c>Authorization: Bearer …</c></summary>
    public static readonly ProviderAuth Bearer = new("Authorization", isBearer: true);

    private ProviderAuth(string headerName, bool isBearer) => (HeaderName, IsBearer) = (headerName, isBearer);

    public bool IsBearer { get; }

    public string HeaderName { get; }

    public static ProviderAuth Header(string name) => new(name, isBearer: false);

    /// <summary>The header's value. It holds the key in clear and goes into the upstream request only.</summary>
    public string ValueFor(Secret key) => IsBearer ? "Bearer " + key.Reveal() : key.Reveal();
}

using System.Net;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;

namespace LlmProxy.Proxying;

/// <summary>How an exchange ended, in one word for logs and, later, events and metrics.</summary>
internal enum Outcome
{
    /// <summary>The provider's answer reached the client whole.</summary>
    Served,

    /// <summary>The proxy answered itself.</summary>
    Refused,

    /// <summary>The client left before the end.</summary>
    ClientGone,

    /// <summary>The provider's answer broke off; the client saw its connection abort.</summary>
    Truncated,

    /// <summary>A time limit ended the answer after it had begun.</summary>
    TimedOut,

    /// <summary>The token was revoked while the answer ran.</summary>
    Revoked,
}

/// <summary>
/// One proxied request and its answer, with everything measured about it. Filled by the pipeline's steps in their
/// order, then handed to the log. Times are <see cref="TimeProvider.GetTimestamp"/> ticks.
/// </summary>
internal sealed class Exchange(HttpContext http, RequestTarget target, long started)
{
    public HttpContext Http { get; } = http;

    public RequestTarget Target { get; } = target;

    public long Started { get; } = started;

    public string RequestId { get; } = http.TraceIdentifier;

    public string Method { get; } = http.Request.Method;

    /// <summary>The client behind proxies that are trusted (<see cref="ClientAddress"/>).</summary>
    public IPAddress? Client { get; } = http.Connection.RemoteIpAddress;

    public ProviderRoute? Route { get; set; }

    public Grant? Grant { get; set; }

    /// <summary>What it holds of its token's and its project's limits; null when it holds nothing.</summary>
    public Reservation? Reservation { get; set; }

    /// <summary>When the request began to leave for the provider; 0 if it never did.</summary>
    public long SentUpstream { get; set; }

    /// <summary>When the provider's headers were there; 0 if they never were.</summary>
    public long AnsweredUpstream { get; set; }

    public long Ended { get; set; }

    public long RequestBytes { get; set; }

    public long ResponseBytes { get; set; }

    /// <summary>Bytes of the body that are held in memory for a rule to see them.</summary>
    public long HeldBytes { get; set; }

    public int Status { get; set; }

    public Outcome Outcome { get; set; }

    public Refusal? Refusal { get; set; }

    /// <summary>
    /// For the log only, where the refusal must not tell: <c>unknown</c>, <c>revoked</c>, <c>expired</c>…
    /// </summary>
    public string? Reason { get; set; }

    /// <summary>Response headers of the upstream that were not fit to be passed on.</summary>
    public int DroppedHeaders { get; set; }
}

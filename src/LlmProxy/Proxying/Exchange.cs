using System.Net;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Providers;
using LlmProxy.Tokens;
using LlmProxy.Usage;
using LlmProxy.Usage.Counting;
using LlmProxy.Usage.Prices;
using LlmProxy.Usage.Reading;

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
internal sealed class Exchange(HttpContext http, RequestTarget target, TimeProvider clock)
{
    public HttpContext Http { get; } = http;

    public RequestTarget Target { get; } = target;

    public long Started { get; } = clock.GetTimestamp();

    public string RequestId { get; } = http.TraceIdentifier;

    public string Method { get; } = http.Request.Method;

    /// <summary>The client behind proxies that are trusted (<see cref="ClientAddress"/>).</summary>
    public IPAddress? Client { get; } = http.Connection.RemoteIpAddress;

    public ProviderRoute? Route { get; set; }

    public Grant? Grant { get; set; }

    /// <summary>What it holds of its token's and its project's limits; null when it holds nothing.</summary>
    public Reservation? Reservation { get; set; }

    /// <summary>What it does, as far as its head says.</summary>
    public ApiOperation Operation { get; set; }

    /// <summary>What the limits of its token make necessary to know.</summary>
    public LimitKinds Limits { get; set; }

    /// <summary>Set when the body must be read for <see cref="Facts"/> before it is forwarded.</summary>
    public bool MustReadFacts { get; set; }

    /// <summary>What the body says, where somebody had to know.</summary>
    public RequestFacts? Facts { get; set; }

    /// <summary>The model that the request names, and later the one that the answer names.</summary>
    public string? Model { get; set; }

    /// <summary>The model that the request named, when the answer named another one.</summary>
    public string? RequestModel { get; set; }

    /// <summary>The tier of service as the answer names it; prices depend on it.</summary>
    public string? ServiceTier { get; set; }

    /// <summary>What the model costs, where somebody had to know.</summary>
    public ModelPrice? Price { get; set; }

    /// <summary>The worst case that was reserved; null when nothing had to be.</summary>
    public Demand? Demand { get; set; }

    /// <summary>The request's body, for counting its prompt.</summary>
    public BodyCapture? Capture { get; set; }

    /// <summary>Reads usage out of the answer while it passes.</summary>
    public AnswerReader? Answer { get; set; }

    /// <summary>What is inserted into the request so that a stream ends with its usage.</summary>
    public UsageSplice? Splice { get; set; }

    /// <summary>What was used, once that is known.</summary>
    public UsageReport Usage { get; set; }

    public UsageFaults UsageFaults { get; set; }

    /// <summary>Micro-dollars; null when unknown.</summary>
    public long? Cost { get; set; }

    /// <summary>A realtime session ended while the model was still answering.</summary>
    public bool EndedInAnswer { get; set; }

    /// <summary>How long until its token expires, when it was admitted.</summary>
    public TimeSpan ExpiresIn { get; set; }

    /// <summary>When the request began to leave for the provider; 0 if it never did.</summary>
    public long SentUpstream { get; set; }

    /// <summary>The client has something of the provider's already, though not yet its final answer.</summary>
    public bool HasInterimAnswer { get; set; }

    /// <summary>How often the provider was asked again.</summary>
    public int Retries { get; set; }

    /// <summary>The whole body left for the provider, so that it may have begun to work.</summary>
    public bool WasSentWhole { get; set; }

    /// <summary>When the provider's headers were there; 0 if they never were.</summary>
    public long AnsweredUpstream { get; set; }

    /// <summary>When the first byte of an answer's body was there; 0 if none ever was.</summary>
    public long FirstByte { get; private set; }

    public long Ended { get; set; }

    public long RequestBytes { get; set; }

    public long ResponseBytes { get; private set; }

    /// <summary>What the event about it needs; null when there will be none.</summary>
    public Recording? Recording { get; set; }

    /// <summary>Bytes of the body that are held in memory for a rule to see them.</summary>
    public long HeldBytes { get; set; }

    public int Status { get; set; }

    public Outcome Outcome { get; set; }

    public Refusal? Refusal { get; set; }

    /// <summary>
    /// For the log only, where the refusal must not tell: <c>unknown</c>, <c>revoked</c>, <c>expired</c>…
    /// </summary>
    public string? Reason { get; set; }

    /// <summary>
    /// Whether this request header would let the answer come in a form in which we could not do what we must: cut out
    /// what we have asked for ourselves, or read what a limited session uses.
    /// </summary>
    public bool MustComeAsItIs(string header) =>
        (Splice is not null && header.Equals("Accept-Encoding", StringComparison.OrdinalIgnoreCase))
        || (Limits.CountTokens && header.Equals("Sec-WebSocket-Extensions", StringComparison.OrdinalIgnoreCase));

    /// <summary>A piece of the answer's body is on its way to the client.</summary>
    public void Deliver(ReadOnlySpan<byte> piece)
    {
        if (FirstByte == 0)
        {
            FirstByte = clock.GetTimestamp();
        }

        ResponseBytes += piece.Length;
        Recording?.AddResponse(piece, Http.Response.Headers);
    }

    /// <summary>Bytes of an upgraded connection came from the provider.</summary>
    public void CountResponse(int bytes)
    {
        if (FirstByte == 0)
        {
            FirstByte = clock.GetTimestamp();
        }

        ResponseBytes += bytes;
    }

    /// <summary>What the cache knows of it; null when the cache is off.</summary>
    public CacheCase? Cache { get; set; }

    /// <summary>
    /// The provider was asked, but what the client got was stored before: the provider has used nothing for it.
    /// </summary>
    public bool IsFromStore { get; set; }

    /// <summary>What the client was told of the cache, in one word; null when nothing.</summary>
    public string? CacheWord { get; set; }

    /// <summary>Response headers of the upstream that were not fit to be passed on.</summary>
    public int DroppedHeaders { get; set; }
}

using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LlmProxy.Dispatching.Sinks;

/// <summary>
/// Posts JSON to a service and says in the words of <see cref="DeliveryOutcome"/> what became of it. Connections are
/// its own: no cookie, no redirect, no proxy variable. Nothing it says holds a body, a URL or a credential.
/// </summary>
/// <param name="clock">Counts the patience, and dates of <c>Retry-After</c>.</param>
/// <param name="patience">
/// From the first byte sent to the last byte read. A service that answers a byte now and then holds nobody longer.
/// </param>
internal sealed class SinkPost(TimeProvider clock, TimeSpan patience) : IDisposable
{
    public static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan RetryAfterMax = TimeSpan.FromHours(1);
    private const int AnswerBytesMax = 64 * 1024;
    private const int CompressedFrom = 1024;

    private readonly HttpMessageInvoker _invoker = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        MaxResponseHeadersLength = 64,
        MaxResponseDrainSize = AnswerBytesMax,
        ResponseDrainTimeout = TimeSpan.FromSeconds(1),
    });

    public SinkPost(TimeProvider clock)
        : this(clock, DefaultPatience)
    {
    }

    /// <summary>Throws only when <paramref name="stop"/> says so.</summary>
    public async Task<PostAnswer> SendAsync(PostRequest post, CancellationToken stop)
    {
        using var deadline = new CancellationTokenSource(patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, deadline.Token);
        try
        {
            using var request = await ComposeAsync(post, either.Token);
            using var response = await _invoker.SendAsync(request, either.Token);
            var outcome = OutcomeOf(response, post.IsTransient);
            return new PostAnswer(
                (int)response.StatusCode,
                outcome,
                post.WantsAnswer && outcome.Verdict == Verdict.Accepted ? await ReadAsync(response, either.Token) : []);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return PostAnswer.None("timeout");
        }
        catch (HttpRequestException failure)
        {
            return PostAnswer.None(WordFor(failure));
        }
        catch (IOException)
        {
            return PostAnswer.None("connection closed");
        }
    }

    public void Dispose() => _invoker.Dispose();

    /// <summary>408, 425, 429 and 5xx pass; whoever gets them tries again.</summary>
    public static bool IsTransient(int status) => status is 408 or 425 or 429 or (>= 500 and <= 599);

    private static async Task<HttpRequestMessage> ComposeAsync(PostRequest post, CancellationToken stop)
    {
        var compressed = post.Compress && post.Body.Length >= CompressedFrom;
        var content = new ReadOnlyMemoryContent(compressed ? await CompressAsync(post.Body, stop) : post.Body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (compressed)
        {
            content.Headers.ContentEncoding.Add("gzip");
        }

        var request = new HttpRequestMessage(HttpMethod.Post, post.Address) { Content = content };
        request.Headers.TryAddWithoutValidation("User-Agent", "llm-proxy");
        if (post.Credential is { } credential)
        {
            request.Headers.TryAddWithoutValidation(credential.Name, credential.Value.Reveal());
        }

        foreach (var (name, value) in post.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return request;
    }

    private static async Task<byte[]> CompressAsync(ReadOnlyMemory<byte> body, CancellationToken stop)
    {
        var compressed = new MemoryStream();
        await using (var gzip = new GZipStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(body, stop);
        }

        return compressed.ToArray();
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken stop)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(stop);
        var answer = new byte[AnswerBytesMax];
        var length = await stream.ReadAtLeastAsync(answer, AnswerBytesMax, throwOnEndOfStream: false, stop);
        return answer[..length];
    }

    private DeliveryOutcome OutcomeOf(HttpResponseMessage response, Func<int, bool> isTransient) =>
        (int)response.StatusCode switch
        {
            >= 200 and <= 299 => DeliveryOutcome.Accepted,
            var status when isTransient(status) => DeliveryOutcome.TryLater($"HTTP {status}", RetryAfterOf(response)),
            var status => DeliveryOutcome.Refused($"HTTP {status}"),
        };

    private TimeSpan? RetryAfterOf(HttpResponseMessage response)
    {
        var asked = response.Headers.RetryAfter switch
        {
            { Delta: { } wait } => wait,
            { Date: { } date } => date - clock.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return asked is { } time ? TimeSpan.FromTicks(Math.Clamp(time.Ticks, 0, RetryAfterMax.Ticks)) : null;
    }

    private static string WordFor(HttpRequestException failure) => failure switch
    {
        { InnerException: SocketException { SocketErrorCode: SocketError.ConnectionRefused } } => "connection refused",
        { HttpRequestError: HttpRequestError.NameResolutionError } => "name not found",
        { HttpRequestError: HttpRequestError.SecureConnectionError } => "TLS",
        { HttpRequestError: HttpRequestError.ConnectionError } => "cannot connect",
        { HttpRequestError: HttpRequestError.ResponseEnded } => "connection closed",
        { HttpRequestError: HttpRequestError.InvalidResponse } => "not an HTTP answer",
        { InnerException: IOException or SocketException } => "connection closed",
        _ => "network error",
    };
}

/// <summary>One request.</summary>
/// <param name="Address">Where it goes.</param>
/// <param name="Body">JSON.</param>
internal sealed record PostRequest(Uri Address, ReadOnlyMemory<byte> Body)
{
    public SinkHeader? Credential { get; init; }

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Only for services that say they take gzip.</summary>
    public bool Compress { get; init; }

    /// <summary>The body of a success is read too: it says more than the status. Up to 64 KiB of it.</summary>
    public bool WantsAnswer { get; init; }

    /// <summary>The statuses after which it is sent again.</summary>
    public Func<int, bool> IsTransient { get; init; } = SinkPost.IsTransient;
}

/// <summary>What came back.</summary>
/// <param name="Status">Zero when there was no answer.</param>
/// <param name="Outcome">Of the request as a whole: accepted, later or refused.</param>
/// <param name="Body">Of a success, when it was wanted; may be cut.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PostAnswer(int Status, DeliveryOutcome Outcome, ReadOnlyMemory<byte> Body)
{
    public static PostAnswer None(string reason) => new(0, DeliveryOutcome.TryLater(reason), default);

    /// <summary>Who is this slow, away or overwhelmed will be so for the next event too.</summary>
    public bool ConcernsAll => Outcome.Verdict == Verdict.TryLater && Status is 0 or 429 or 503;
}

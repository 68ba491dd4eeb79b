using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.ServerSentEvents;

namespace LlmProxy.Cli.Benchmark;

/// <summary>
/// Sends one request again and again over a bounded number of connections, and takes the times of its answers. It is
/// beside <see cref="ApiClient"/> because there everything but a success is a failure of the command; here it is a
/// result.
/// </summary>
internal sealed class BenchmarkClient : IDisposable
{
    private const int ReadBytes = 16 * 1024;

    // What is longer is counted and not read for its usage.
    private const int KeptBytesMax = 256 * 1024;
    private const int ComplaintCharactersMax = 200;

    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    private readonly BenchmarkRequest _request;
    private readonly TimeSpan _patience;
    private readonly TimeProvider _clock;
    private readonly HttpMessageInvoker _http;

    public BenchmarkClient(BenchmarkRequest request, LoadShape shape, TimeProvider clock)
    {
        (_request, _patience, _clock) = (request, shape.Patience, clock);
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            // A credential goes where the person said, and nowhere else.
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = shape.Patience < ConnectPatience ? shape.Patience : ConnectPatience,
            MaxConnectionsPerServer = shape.Concurrency,
        });
    }

    /// <summary>
    /// Asks once. The patience counts from <paramref name="dueAt"/>, a timestamp of the clock. Null when
    /// <paramref name="stop"/> broke it off.
    /// </summary>
    public async Task<Answer?> AskAsync(long dueAt, Tally tally, CancellationToken stop)
    {
        var answer = new Answer { SentAt = _clock.GetTimestamp() };
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var rest = _patience - _clock.GetElapsedTime(dueAt, answer.SentAt);
        deadline.CancelAfter(rest > TimeSpan.Zero ? rest : TimeSpan.Zero);
        try
        {
            using var message = _request.ToMessage();
            using var response = await _http.SendAsync(message, deadline.Token);
            ReadHead(response, answer);
            await ReadBodyAsync(response, answer, tally, deadline.Token);
        }
        catch (Exception failure) when (IsOfTheNetwork(failure))
        {
            if (stop.IsCancellationRequested)
            {
                return null;
            }

            answer.Failure = KindOf(failure, answer.HeadAt is not null);
            answer.Complaint = ShortOf(answer.Failure is FailureKind.Timeout
                ? string.Create(CultureInfo.InvariantCulture, $"not done within {_patience.TotalSeconds:0.###} s")
                : failure.GetBaseException().Message);
        }

        answer.EndedAt = _clock.GetTimestamp();
        return answer;
    }

    public void Dispose() => _http.Dispose();

    private void ReadHead(HttpResponseMessage response, Answer answer)
    {
        answer.HeadAt = _clock.GetTimestamp();
        answer.Status = (int)response.StatusCode;
        answer.Failure = answer.Status switch
        {
            < 300 => null,
            < 400 => FailureKind.Http3xx,
            < 500 => FailureKind.Http4xx,
            _ => FailureKind.Http5xx,
        };
        if (response.Headers.NonValidated.TryGetValues("Server-Timing", out var timings))
        {
            answer.ProxyTime = ServerTiming.OwnTimeOf(timings.ToString());
        }

        if (response.Headers.NonValidated.TryGetValues("X-PROXY-CACHE", out var words))
        {
            answer.CacheWord = words.ToString();
        }
    }

    private async Task ReadBodyAsync(
        HttpResponseMessage response, Answer answer, Tally tally, CancellationToken deadline)
    {
        var body = new MeasuredBody(await response.Content.ReadAsStreamAsync(deadline));
        var mediaType = response.Content.Headers.ContentType?.MediaType;
        try
        {
            await (mediaType == "text/event-stream" && answer.Failure is null
                ? ReadStreamAsync(body, answer, tally, deadline)
                : ReadWholeAsync(body, answer, deadline));
        }
        finally
        {
            answer.BytesReceived = body.BytesRead;
        }
    }

    private async Task ReadStreamAsync(MeasuredBody body, Answer answer, Tally tally, CancellationToken deadline)
    {
        var reading = new StreamReading(_request.Target.AbsolutePath);
        var previousAt = 0L;
        var events = SseParser.Create(body, reading.Read).EnumerateAsync(deadline);
        await foreach (var item in events)
        {
            body.BeginEvent();
            if (!item.Data)
            {
                continue;
            }

            var now = _clock.GetTimestamp();
            if (previousAt != 0)
            {
                tally.AddChunkDelay(_clock.GetElapsedTime(previousAt, now));
            }

            previousAt = now;
            answer.TextAt ??= reading.HasText ? now : null;
        }

        answer.Usage = reading.Usage;
        if (reading.Complaint is { } complaint)
        {
            (answer.Failure, answer.Complaint) = (FailureKind.StreamError, ShortOf(complaint));
        }
        else if (!reading.IsWhole)
        {
            (answer.Failure, answer.Complaint) = (FailureKind.Truncated, "the stream ended without its last event");
        }
    }

    private async Task ReadWholeAsync(MeasuredBody body, Answer answer, CancellationToken deadline)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            var kept = 0;
            var isKept = true;
            while (await body.ReadAsync(buffer.AsMemory(kept), deadline) is var read and > 0)
            {
                body.BeginEvent();
                kept += read;
                if (kept < buffer.Length)
                {
                    continue;
                }

                if (buffer.Length >= KeptBytesMax)
                {
                    (kept, isKept) = (0, false);
                    continue;
                }

                var larger = ArrayPool<byte>.Shared.Rent(2 * buffer.Length);
                buffer.AsSpan().CopyTo(larger);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }

            if (isKept)
            {
                ReadText(buffer.AsSpan(0, kept), answer);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void ReadText(ReadOnlySpan<byte> text, Answer answer)
    {
        if (answer.Failure is null)
        {
            answer.Usage = AnswerText.UsageIn(text, default);
        }
        else
        {
            answer.Complaint = ShortOf(
                ApiFailure.Describe(text) ?? string.Create(CultureInfo.InvariantCulture, $"HTTP {answer.Status}"));
        }
    }

    /// <summary>A server may say again what it was sent; the token is not printed even then.</summary>
    private string ShortOf(string complaint)
    {
        var clean = _request.Secret is { } secret
            ? complaint.Replace(secret, "***", StringComparison.Ordinal)
            : complaint;
        return clean.Length > ComplaintCharactersMax ? $"{clean[..ComplaintCharactersMax]}…" : clean;
    }

    private static bool IsOfTheNetwork(Exception failure) =>
        failure is OperationCanceledException or HttpRequestException or IOException or InvalidDataException;

    private static FailureKind KindOf(Exception failure, bool hasHead) => failure switch
    {
        OperationCanceledException { InnerException: TimeoutException } when !hasHead => FailureKind.Connect,
        OperationCanceledException => FailureKind.Timeout,
        InvalidDataException => FailureKind.Other,
        HttpIOException { HttpRequestError: not HttpRequestError.ResponseEnded } => FailureKind.Other,
        IOException => FailureKind.Truncated,
        HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
                or HttpRequestError.SecureConnectionError,
        } => FailureKind.Connect,
        HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } => FailureKind.Reset,
        HttpRequestException { InnerException: IOException and not HttpIOException } => FailureKind.Reset,
        _ => FailureKind.Other,
    };
}

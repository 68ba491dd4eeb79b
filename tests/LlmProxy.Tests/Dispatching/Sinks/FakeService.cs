using System.Collections.Concurrent;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

/// <summary>
/// A service on loopback that keeps what is posted to it and answers as it is told; on request as badly as a service
/// can.
/// </summary>
internal sealed class FakeService : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedPost> _received = new();
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private FakeService(X509Certificate2? certificate)
    {
        // The empty builder watches no file: hundreds of these at once would use up what the system has for that.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (certificate is not null)
                {
                    listen.UseHttps(certificate);
                }
            });
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>Ends with a slash.</summary>
    public Uri Address { get; private set; } = null!;

    public IReadOnlyList<ReceivedPost> Received => [.. _received];

    /// <summary>Ends when the first request has come in whole.</summary>
    public Task FirstRequest => _first.Task;

    /// <summary>What is answered: 200 and an empty object, until something else is said.</summary>
    public Func<ReceivedPost, FakeAnswer> Answer { get; set; } = static _ => new FakeAnswer(200, "{}");

    /// <summary>How many requests were being answered at the same time, at most.</summary>
    public int AtOnce { get; private set; }

    private int _running;

    public static async Task<FakeService> StartAsync(bool withTls = false)
    {
        var service = new FakeService(withTls ? SelfSigned() : null);
        await service._app.StartAsync(TestContext.Current.CancellationToken);
        service.Address = new Uri(service._app.Urls.First() + "/");
        return service;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        lock (_app)
        {
            AtOnce = Math.Max(AtOnce, ++_running);
        }

        try
        {
            var post = await ReceivedPost.ReadAsync(http.Request);
            _received.Enqueue(post);
            _first.TrySetResult();
            await WriteAsync(http, Answer(post));
        }
        finally
        {
            lock (_app)
            {
                _running--;
            }
        }
    }

    private static async Task WriteAsync(HttpContext http, FakeAnswer answer)
    {
        if (answer.Wait is { } wait)
        {
            await wait.WaitAsync(http.RequestAborted);
        }

        if (answer.IsBroken)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
        {
            http.Response.Headers[name] = value;
        }

        if (!answer.IsSlow)
        {
            await http.Response.WriteAsync(answer.Body, http.RequestAborted);
            return;
        }

        // Ten bytes every tenth of a second, to the end of the body: a minute and more.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        for (var round = 0; round < 1000; round++)
        {
            await http.Response.WriteAsync("          ", http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            await timer.WaitForNextTickAsync(http.RequestAborted);
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}

/// <summary>What a fake service answers.</summary>
internal sealed record FakeAnswer(int Status, string Body = "")
{
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Before it answers.</summary>
    public Task? Wait { get; init; }

    /// <summary>100 bytes a second.</summary>
    public bool IsSlow { get; init; }

    /// <summary>The connection is torn down instead.</summary>
    public bool IsBroken { get; init; }
}

/// <summary>What a fake service was sent; decompressed.</summary>
internal sealed record ReceivedPost(
    string Method, string Target, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public static async Task<ReceivedPost> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var bytes = body.ToArray();
        if (request.Headers.ContentEncoding == "gzip")
        {
            using var plain = new MemoryStream();
            await using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            await gzip.CopyToAsync(plain);
            bytes = plain.ToArray();
        }

        return new ReceivedPost(
            request.Method,
            $"{request.Path}{request.QueryString}",
            request.Headers.ToDictionary(
                static header => header.Key,
                static header => header.Value.ToString(),
                StringComparer.OrdinalIgnoreCase),
            bytes);
    }
}

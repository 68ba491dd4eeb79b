using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>One request of a dispatcher.</summary>
/// <param name="Events">What it brought.</param>
internal sealed record WebhookDelivery(IReadOnlyList<LoggedEvent> Events)
{
    public bool Has(string requestId) => Events.Any(logged => logged.RequestId == requestId);
}

/// <summary>
/// Takes webhooks, well or badly. What it has accepted is what it has answered with 2xx, or was about to: a receiver
/// cannot know whether its answer arrives. Each request is held against the specification of its signature, and each
/// event against the schema.
/// </summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly RawUpstream _server = new();
    private readonly Lock _lock = new();
    private readonly List<LoggedEvent> _accepted = [];
    private readonly UpstreamRoute _route;
    private Exception? _fault;
    private int _requests;

    public WebhookReceiver()
    {
        Behaviour = static (_, answer) => answer.AcceptAsync();
        _route = _server.Does(ServeAsync);
    }

    public string Endpoint => $"{_server.Address.GetLeftPart(UriPartial.Authority)}{_route.Path}";

    /// <summary>What it does with a delivery; accepts it when nothing is said.</summary>
    public Func<WebhookDelivery, WebhookAnswer, Task> Behaviour { get; set; }

    /// <summary>How many requests came, however they were answered.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Every event that was accepted, as often as it was.</summary>
    public IReadOnlyList<LoggedEvent> Accepted
    {
        get
        {
            lock (_lock)
            {
                return _fault is null ? [.. _accepted] : throw new InvalidDataException("A bad delivery.", _fault);
            }
        }
    }

    /// <summary>How many events were accepted, repeated ones too.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _fault is null ? _accepted.Count : throw new InvalidDataException("A bad delivery.", _fault);
            }
        }
    }

    /// <summary>Waits until each of these requests' events was accepted.</summary>
    public Task HasAsync(IEnumerable<string> requestIds, TimeSpan? within = null)
    {
        var wanted = requestIds.ToList();
        return Eventually.HoldsAsync(
            () => !wanted.Except(Accepted.Select(static logged => logged.RequestId), StringComparer.Ordinal).Any(),
            "every event was accepted", within);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task ServeAsync(UpstreamExchange exchange)
    {
        var body = await exchange.ReadBodyAsync();
        Interlocked.Increment(ref _requests);
        try
        {
            DemandSignature(exchange.Head, body.Content, DispatcherSetup.Key);
            var delivery = Read(body.Content);
            await Behaviour(delivery, new WebhookAnswer(exchange, () => Take(delivery)));
        }
        catch (Exception failure) when (failure is not (IOException or OperationCanceledException))
        {
            lock (_lock)
            {
                _fault ??= failure;
            }

            exchange.Reset();
        }
    }

    private void Take(WebhookDelivery delivery)
    {
        lock (_lock)
        {
            _accepted.AddRange(delivery.Events);
        }
    }

    private static WebhookDelivery Read(byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        return new WebhookDelivery(
        [
            .. document.RootElement.GetProperty("events").EnumerateArray().Select(
                static one => LoggedEvent.Parse(Encoding.UTF8.GetBytes(one.GetRawText()))),
        ]);
    }

    /// <summary>
    /// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (version 1.0.0)
    /// </summary>
    public static void DemandSignature(WireHead head, byte[] body, string key)
    {
        byte[] signed =
        [
            .. Encoding.UTF8.GetBytes($"{head.Value("webhook-id")}.{head.Value("webhook-timestamp")}."), .. body,
        ];
        var expected = HMACSHA256.HashData(Encoding.UTF8.GetBytes(key).AsSpan(), signed);
        Assert.Equal($"v1,{Convert.ToBase64String(expected)}", head.Value("webhook-signature"));
    }
}

/// <summary>The means to answer a delivery.</summary>
internal sealed class WebhookAnswer(UpstreamExchange exchange, Action take)
{
    public Task AcceptAsync()
    {
        take();
        return exchange.WriteAsync("HTTP/1.1 204 No Content\r\n\r\n");
    }

    public Task RefuseAsync(int status, params IEnumerable<string> lines) =>
        exchange.AnswerAsync(status, "refused"u8.ToArray(), lines);

    /// <summary>Ends the connection instead.</summary>
    public Task CloseAsync()
    {
        exchange.Close();
        return Task.CompletedTask;
    }

    /// <summary>Never answers.</summary>
    public Task HangAsync() => exchange.WaitUntilGoneAsync();

    /// <summary>Accepts it in an answer of which so many bytes pass in a second.</summary>
    public async Task AcceptSlowlyAsync(int bytesPerSecond)
    {
        take();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / bytesPerSecond));
        foreach (var character in $"HTTP/1.1 200 OK\r\nX-Slow: {new string('a', 100)}\r\nContent-Length: 20\r\n\r\n")
        {
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            await exchange.WriteAsync(character.ToString());
        }

        for (var i = 0; i < 20; i++)
        {
            await timer.WaitForNextTickAsync(TestContext.Current.CancellationToken);
            await exchange.WriteAsync("b");
        }
    }
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>What one path of the upstream does, and what came in for it.</summary>
internal sealed class UpstreamRoute(string path, Func<UpstreamExchange, Task> behaviour)
{
    private readonly ConcurrentQueue<UpstreamExchange> _requests = new();

    /// <summary>The path that a client asks for; allowed by the provider file of the suite.</summary>
    public string Path { get; } = path;

    /// <summary>Every request that reached the upstream, in order of arrival.</summary>
    public IReadOnlyCollection<UpstreamExchange> Requests => _requests;

    /// <summary>The one request that reached the upstream.</summary>
    public UpstreamExchange Request => Assert.Single(_requests);

    internal Task ServeAsync(UpstreamExchange exchange)
    {
        _requests.Enqueue(exchange);
        return behaviour(exchange);
    }
}

/// <summary>
/// A provider on raw sockets: one behaviour a path, and every request kept as it came over the wire. It can do all
/// that a broken or hostile upstream does, which no HTTP library would let it do.
/// </summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly ConcurrentDictionary<string, UpstreamRoute> _routes = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<UpstreamExchange> _strangers = new();
    private readonly Task _accepting;
    private int _paths;
    private int _connections;

    public RawUpstream()
    {
        _listener.Start(backlog: 1024);
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>How many connections were opened so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>
    /// The first lines of requests for a path that no test asked for, which got past the proxy by a trick. They are
    /// forgotten then, so that one test's failure is not the next one's.
    /// </summary>
    public IReadOnlyList<string> TakeStrangers()
    {
        var lines = new List<string>();
        while (_strangers.TryDequeue(out var stranger))
        {
            lines.Add(stranger.Head.FirstLine);
        }

        return lines;
    }

    /// <summary>An address at which nobody listens.</summary>
    public static Uri Nowhere()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new($"http://{listener.LocalEndpoint}");
    }

    /// <summary>A new path that behaves so.</summary>
    public UpstreamRoute Does(Func<UpstreamExchange, Task> behaviour)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"/v1/case-{Interlocked.Increment(ref _paths)}");
        var route = new UpstreamRoute(path, behaviour);
        _routes[path] = route;
        return route;
    }

    /// <summary>A path of the test's choice that behaves so.</summary>
    public UpstreamRoute DoesAt(string path, Func<UpstreamExchange, Task> behaviour) =>
        _routes[path] = new UpstreamRoute(path, behaviour);

    /// <summary>
    /// A new path that reads the request to its end and sends these bytes (Latin-1), then keeps the connection.
    /// </summary>
    public UpstreamRoute Answers(string response) => Does(async exchange =>
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(response);
    });

    /// <summary>A new path that reads the request to its end, sends these bytes and closes the connection.</summary>
    public UpstreamRoute AnswersAndCloses(string response) => Does(async exchange =>
    {
        await exchange.ReadBodyAsync();
        await exchange.WriteAsync(response);
        exchange.Close();
    });

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var tcp = await _listener.AcceptTcpClientAsync(_stopped.Token);
                Interlocked.Increment(ref _connections);
                _ = ServeAsync(tcp);
            }
            catch (Exception ending) when (ending is OperationCanceledException or SocketException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient tcp)
    {
        using var owned = tcp;
        tcp.NoDelay = true;
        var stream = tcp.GetStream();
        var reader = new WireReader(stream);
        try
        {
            while (await reader.ReadHeadAsync(_stopped.Token) is { } head)
            {
                var exchange = new UpstreamExchange(tcp, stream, reader, head, _stopped.Token);
                if (!_routes.TryGetValue(exchange.Path, out var route))
                {
                    _strangers.Enqueue(exchange);
                    await exchange.AnswerAsync(200, "stranger"u8.ToArray(), "Connection: close");
                    return;
                }

                await route.ServeAsync(exchange);
                if (exchange.IsOver)
                {
                    return;
                }

                await exchange.ReadBodyAsync();
            }
        }
        catch (Exception ending) when (ending is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The proxy has left: what the test wanted to know of it is in the exchange.
        }
    }
}

using System.Globalization;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;
using LlmProxy.EndToEnd.Meter;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// A proxy that writes its events to a file: before the simulator at <c>/v1</c>, raw sockets at <c>/raw/v1</c>, and
/// nobody at <c>/away/v1</c>. As a fixture of a class it has no setting of its own.
/// </summary>
public sealed class EventRig : IAsyncLifetime
{
    /// <summary>The content type of what the tests send.</summary>
    internal const string JsonType = "Content-Type: application/json";

    private static int _requests;

    private readonly TempFolder _folder = new();
    private int _paths;

    /// <summary>Environment variables over those of the rig.</summary>
    internal IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];

    internal ProxyProcess Proxy { get; private set; } = null!;

    internal Simulator Simulator { get; private set; } = null!;

    internal RawUpstream Upstream { get; } = new();

    internal EventLog Log { get; private set; } = null!;

    internal string Folder => _folder.Path;

    internal static async Task<EventRig> StartAsync(params (string Name, string Value)[] settings)
    {
        var rig = new EventRig { Settings = settings };
        try
        {
            await rig.InitializeAsync();
            return rig;
        }
        catch
        {
            await rig.DisposeAsync();
            throw;
        }
    }

    public async ValueTask InitializeAsync()
    {
        Log = new EventLog(_folder.File("events.jsonl"));
        Simulator = await Simulator.StartAsync(_folder);
        var prices = await _folder.WriteAsync("prices.yaml", ListedPrices.Yaml);
        Proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml = string.Concat(
                "default_api: openai\napis:\n",
                Provider("openai", Simulator.Address),
                Provider("raw", Upstream.Address),
                Provider("away", RawUpstream.Nowhere())),
            Settings = [("PRICES_PATH", prices), .. Settings],
            Flags = ["--file-event-log", Log.Path],
        });
    }

    /// <summary>A token of a project of its own.</summary>
    internal Task<IssuedToken> TokenAsync(TokenLimits? limits = null) =>
        Proxy.Management.CreateTokenAsync(limits ?? new TokenLimits());

    /// <summary>A new path of the raw upstream that ends like an operation's, and behaves so.</summary>
    internal UpstreamRoute DoesAt(string operation, Func<UpstreamExchange, Task> behaviour)
    {
        var number = Interlocked.Increment(ref _paths).ToString(CultureInfo.InvariantCulture);
        return Upstream.DoesAt($"/v1/case-{number}/{operation}", behaviour);
    }

    /// <summary>An id for a request, by which its event is found whatever becomes of it.</summary>
    internal static string NewId() => string.Create(
        CultureInfo.InvariantCulture, $"request-{Interlocked.Increment(ref _requests)}-of-the-suite");

    /// <summary>Sends it under the id; null when the answer never came.</summary>
    internal async Task<RawAnswer?> SendAsync(
        string id, string method, string target, string secret, string body, params IEnumerable<string> lines)
    {
        await using var client = await RawClient.ConnectAsync(Proxy.Address);
        await client.SendAsync(Head(id, method, target, secret, body, lines));
        await client.SendAsync(Encoding.UTF8.GetBytes(body));
        return await client.ReadAnswerAsync(method);
    }

    /// <summary>Sends it, and answers what came back with the event about it, of which there is one.</summary>
    internal async Task<(RawAnswer Answer, LoggedEvent Event)> ExchangeAsync(
        string method, string target, string secret, string body, params IEnumerable<string> lines)
    {
        var id = NewId();
        var answer = await SendAsync(id, method, target, secret, body, lines);
        Assert.NotNull(answer);
        Assert.Equal(id, answer.Head.Value("X-LLM-Proxy-Request-ID"));
        return (answer, await EventOfAsync(id));
    }

    /// <summary>The head of a request with everything that it needs.</summary>
    internal string Head(
        string id, string method, string target, string secret, string body, params IEnumerable<string> lines) =>
        Proxy.Head(
            method, target, secret, [$"X-Request-ID: {id}", .. method == "GET" ? [] : Of(body, lines), .. lines]);

    /// <summary>The one event of the request: no second one comes before that of a later request.</summary>
    internal async Task<LoggedEvent> EventOfAsync(string id)
    {
        await Log.OfAsync(id);
        var later = NewId();
        await SendAsync(later, "GET", "/v1/later", "nobodys-token", string.Empty);
        await Log.OfAsync(later);
        return await Log.OfAsync(id);
    }

    /// <summary>Also after a start that failed, whose message nothing must cover.</summary>
    public async ValueTask DisposeAsync()
    {
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Simulator?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Upstream.DisposeAsync();
        _folder.Dispose();
    }

    private static IEnumerable<string> Of(string body, IEnumerable<string> lines) =>
    [
        .. lines.Any(static line => line.StartsWith("Content-Type:", StringComparison.Ordinal))
            ? []
            : (string[])[JsonType],
        string.Create(CultureInfo.InvariantCulture, $"Content-Length: {Encoding.UTF8.GetByteCount(body)}"),
    ];

    private static string Provider(string name, Uri upstream) =>
        $"""
          {name}:
            base_url: {upstream.GetLeftPart(UriPartial.Authority)}
            allowed_endpoints: [/v1/*]
            allowed_methods: [GET, POST]
            cache:
              default_ttl_endpoints: [/v1/models]

        """;
}

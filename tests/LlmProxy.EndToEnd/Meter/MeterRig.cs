using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// A proxy with every upstream that the meter's tests need, prices of their own, and small ceilings: the simulator at
/// <c>/v1</c> and <c>/inject/v1</c>, raw sockets at <c>/raw/v1</c> and <c>/raw-inject/v1</c>.
/// </summary>
public sealed class MeterRig : IAsyncLifetime
{
    /// <summary>What is reserved for a realtime answer of a model without a price.</summary>
    internal const int WorstCaseOfUnknown = 1_000 + 500;

    /// <summary>What is reserved for a realtime answer of <c>gpt-realtime</c>.</summary>
    internal const int WorstCaseOfRealtime = 2_000 + 500;

    private readonly TempFolder _folder = new();
    private int _paths;

    internal ProxyProcess Proxy { get; private set; } = null!;

    internal Simulator Simulator { get; private set; } = null!;

    internal RawUpstream Upstream { get; } = new();

    internal ManagementClient Management => Proxy.Management;

    public async ValueTask InitializeAsync()
    {
        Simulator = await Simulator.StartAsync(_folder);
        var prices = await _folder.WriteAsync("prices.yaml", ListedPrices.Yaml);
        Proxy = await ProxyProcess.StartAsync(_folder, new ProxySetup
        {
            ProviderYaml = string.Concat(
                "default_api: openai\napis:\n",
                Provider("openai", Simulator.Address, inject: false),
                Provider("inject", Simulator.Address, inject: true),
                Provider("raw", Upstream.Address, inject: false),
                Provider("raw-inject", Upstream.Address, inject: true)),
            Settings =
            [
                ("PRICES_PATH", prices), ("PROMPT_TOKENS_CEILING", "1000"), ("OUTPUT_TOKENS_CEILING", "500"),
            ],
        });
    }

    /// <summary>A token of a project of its own, so that what is told of it is told of one test.</summary>
    internal Task<IssuedToken> TokenAsync(TokenLimits? limits = null) =>
        Management.CreateTokenAsync(limits ?? new TokenLimits());

    /// <summary>A path of the raw upstream that ends like an operation's, and behaves so.</summary>
    internal UpstreamRoute DoesAt(string operation, Func<UpstreamExchange, Task> behaviour)
    {
        var number = Interlocked.Increment(ref _paths).ToString(CultureInfo.InvariantCulture);
        return Upstream.DoesAt($"/v1/case-{number}/{operation}", behaviour);
    }

    /// <summary>No mistake of a client or of a provider is one of ours.</summary>
    internal void AssertNothingFailed()
    {
        Assert.DoesNotContain("\"level\":\"error\"", Proxy.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", Proxy.Log, StringComparison.Ordinal);
        Assert.False(Proxy.Process.HasExited);
    }

    /// <summary>Also after a start that failed, whose message nothing must cover.</summary>
    public async ValueTask DisposeAsync()
    {
        await (Proxy?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Simulator?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Upstream.DisposeAsync();
        _folder.Dispose();
    }

    private static string Provider(string name, Uri upstream, bool inject) =>
        $"""
          {name}:
            base_url: {upstream.GetLeftPart(UriPartial.Authority)}
            allowed_endpoints: [/v1/*]
            allowed_methods: [GET, POST]
            inject_stream_usage: {(inject ? "true" : "false")}

        """;
}

/// <summary>The prices of the tests: each kind of token has one of its own, so that none can be mistaken.</summary>
internal static class ListedPrices
{
    public const string Yaml =
        """
        version: 1
        date: 2026-01-01
        currency: USD
        models:
          gpt-4o:
            also: [gpt-4, claude-opus-4-5, text-embedding-3-small]
            input: 2.5
            cached_input: 1.25
            output: 10
            reasoning: 20
            audio_input: 40
            audio_output: 80
            context_window: 128000
            max_output_tokens: 16384
          gpt-realtime:
            input: 2.5
            cached_input: 1.25
            output: 10
            audio_input: 40
            audio_output: 80
            context_window: 2000
            max_output_tokens: 500

        """;

    /// <summary>What an exchange costs, in decimal arithmetic, rounded to micro-dollars, in dollars.</summary>
    public static string CostOf(Metered used)
    {
        var micros = (used.AudioPrompt * 40m) + (used.Cached * 1.25m)
            + ((used.Prompt - used.AudioPrompt - used.Cached) * 2.5m)
            + (used.AudioCompletion * 80m) + (used.Reasoning * 20m)
            + ((used.Completion - used.AudioCompletion - used.Reasoning) * 10m);
        return (decimal.Round(micros, MidpointRounding.AwayFromZero) / 1_000_000m).ToString(
            "0.000000", CultureInfo.InvariantCulture);
    }
}

using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using LlmProxy.Http;
using LlmProxy.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>What is decided about a request itself: the front gate, the route, the provider's rules.</summary>
public class JudgingBenchmarks
{
    private const string Target = "/v1/chat/completions";

    private readonly ReadOnlySequence<byte> _small = new(BodyOf(400));
    private readonly ReadOnlySequence<byte> _large = new(BodyOf(100_000));

    private Parts _parts = null!;
    private ProviderRoute _route;
    private DefaultHttpContext _http = null!;

    [GlobalSetup]
    public async Task AssembleAsync()
    {
        _parts = await Parts.AssembleAsync();
        _http = Parts.ChatRequest(_parts.Token);
        _http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = Target;
        _route = Route(Target) ?? throw new InvalidOperationException("The target leads nowhere.");
    }

    [GlobalCleanup]
    public async Task CleanUpAsync() => await _parts.DisposeAsync();

    [Benchmark]
    public bool Pass_the_front_gate() => FrontGate.Judge(_http, out _) is null;

    [Benchmark]
    public bool Find_the_route() => Route(Target) is not null;

    [Benchmark]
    public bool Find_the_route_of_an_encoded_path() => Route("/other/v1/chat%2Dcompletions?a=b") is not null;

    [Benchmark]
    public bool Judge_the_head() => _route.Provider.Rules.JudgeHead(_http.Request, _route) is null;

    [Benchmark]
    public bool Judge_a_body_of_400_bytes() => _route.Provider.Rules.JudgeBody(_http.Request, _small) is null;

    [Benchmark]
    public bool Judge_a_body_of_100_000_bytes() => _route.Provider.Rules.JudgeBody(_http.Request, _large) is null;

    private static byte[] BodyOf(int length)
    {
        var frame = "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}],\"model\":\"gpt-4o-mini\",\"stream\":true}";
        var content = new StringBuilder().Insert(0, "river ", (length - frame.Length) / 6);
        return Encoding.ASCII.GetBytes(
            frame.Replace("\"content\":\"", "\"content\":\"" + content, StringComparison.Ordinal));
    }

    private ProviderRoute? Route(string target) =>
        RequestTarget.TryParse(target, out var parsed) ? _parts.Table.Find(parsed) : null;
}

using System.Net;
using BenchmarkDotNet.Attributes;
using LlmProxy.Http;
using LlmProxy.Providers;
using LlmProxy.Proxying;
using LlmProxy.Secrets;

namespace LlmProxy.Benchmarks.Micro;

/// <summary>Step 6 without the network: the request that leaves for the provider and the head of its answer.</summary>
public class HeaderCopyBenchmarks
{
    private static readonly Secret ProviderKey = new("sk-benchmark-0123456789abcdefghij");

    private Parts _parts = null!;
    private ProviderRoute _route;
    private Exchange _exchange = null!;
    private HttpResponseMessage _answer = null!;

    [GlobalSetup]
    public async Task AssembleAsync()
    {
        _parts = await Parts.AssembleAsync();
        if (!RequestTarget.TryParse("/v1/chat/completions", out var target))
        {
            throw new InvalidOperationException("The target is none.");
        }

        _route = _parts.Table.Find(target)!.Value;
        _exchange = new Exchange(Parts.ChatRequest(_parts.Token), target, TimeProvider.System);
        _answer = AnswerOf();
    }

    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        _answer.Dispose();
        await _parts.DisposeAsync();
    }

    [Benchmark]
    public bool Make_the_upstream_request()
    {
        using var request = UpstreamRequest.Create(
            _exchange, _route, ProviderKey, content: null, stored: null);
        return request.RequestUri is not null;
    }

    [Benchmark]
    public int Copy_the_head_of_the_answer()
    {
        _exchange.Http.Response.Headers.Clear();
        AnswerRelay.CopyHead(_answer, _exchange);
        return _exchange.Http.Response.Headers.Count;
    }

    /// <summary>The headers that api.openai.com sends with a completion.</summary>
    private static HttpResponseMessage AnswerOf()
    {
        var answer = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent(new byte[700]) };
        answer.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        (string Name, string Value)[] headers =
        [
            ("Date", "Tue, 25 Nov 2025 10:00:00 GMT"),
            ("Connection", "keep-alive"),
            ("access-control-expose-headers", "X-Request-ID"),
            ("openai-organization", "benchmark"),
            ("openai-processing-ms", "412"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-remaining-tokens", "1999950"),
            ("x-request-id", "req_0123456789abcdef"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
            ("Server", "cloudflare"),
            ("CF-RAY", "0123456789abcdef-FRA"),
        ];
        foreach (var (name, value) in headers)
        {
            answer.Headers.TryAddWithoutValidation(name, value);
        }

        return answer;
    }
}

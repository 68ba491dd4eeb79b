using System.Text.Json;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Meter;

/// <summary>
/// Every published operation of the APIs against every kind of limit: the way that an operation is sent, and what it
/// does, change nothing in whether a limit holds. What is refused never arrives at the provider.
/// </summary>
public sealed class SurfaceTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    private const string Bodiless = "(not said to HEAD)";

    [Theory]
    [InlineData("expires_at")]
    [InlineData("max_requests")]
    [InlineData("requests_per_minute")]
    [InlineData("max_concurrent")]
    [InlineData("max_tokens")]
    [InlineData("tokens_per_minute")]
    [InlineData("max_cost_usd")]
    [InlineData("allowed_models")]
    [InlineData("allowed_endpoints")]
    [InlineData("allowed_origins")]
    public async Task Every_operation_is_limited_and_what_is_refused_never_arrives(string kind)
    {
        var operations = await PublishedOperation.AllAsync();
        Assert.InRange(operations.Count, 480, int.MaxValue);
        var secret = await rig.TokenWithoutAsync(kind);

        var outcomes = await SendAllAsync(operations, secret);

        Assert.DoesNotContain(outcomes, outcome => outcome.Refused != Expected(kind, outcome.Operation));
        Assert.Equal(ArrivingOf(operations, kind), rig.Upstream.TakeStrangers(), StringComparer.Ordinal);
    }

    /// <summary>The other half of the proof: it is the limit that refused, and nothing else.</summary>
    [Fact]
    public async Task Every_operation_passes_where_no_limit_is_reached()
    {
        var operations = await PublishedOperation.AllAsync();
        var token = await rig.Proxy.Management.CreateTokenAsync(new TokenLimits
        {
            MaxRequests = 1_000_000,
            RequestsPerMinute = 1_000_000,
            MaxConcurrent = 10,
            AllowedEndpoints = ["/v1/*"],
        });

        var outcomes = await SendAllAsync(operations, token.Secret);

        Assert.DoesNotContain(outcomes, static outcome => outcome.Refused is not null);
        Assert.Equal(operations.Count, rig.Upstream.TakeStrangers().Count);
    }

    [Fact]
    public async Task Every_operation_whose_use_can_be_known_passes_where_enough_is_left()
    {
        var operations = await PublishedOperation.AllAsync();
        var token = await rig.Proxy.Management.CreateTokenAsync(new TokenLimits
        {
            MaxTokens = 1_000_000_000,
            TokensPerMinute = 1_000_000_000,
            MaxCostUsd = 1_000_000,
            AllowedModels = ["gpt-4o-*"],
        });

        var outcomes = await SendAllAsync(operations, token.Secret);

        var refused = outcomes.Where(static outcome => outcome.Refused is not null);
        Assert.Equal(
            operations.Where(static operation => operation.Metering == "opaque"),
            refused.Select(static outcome => outcome.Operation));
        Assert.Equal(
            operations.Count(static operation => operation.Metering != "opaque"),
            rig.Upstream.TakeStrangers().Count);
    }

    private async Task<IReadOnlyList<Outcome>> SendAllAsync(
        IReadOnlyList<PublishedOperation> operations, string secret)
    {
        rig.Upstream.TakeStrangers();
        var outcomes = new List<Outcome>();
        await using var client = await rig.ConnectAsync();
        foreach (var operation in operations)
        {
            var request = operation.Request(rig.Proxy, secret);
            var answer = operation.IsUpgrade
                ? await rig.SendAsync(request)
                : await AskAsync(client, operation, request);
            Assert.True(answer is not null, $"{operation} was not answered.");
            outcomes.Add(new Outcome(operation, RefusalIn(operation, answer)));
        }

        return outcomes;
    }

    private static async Task<RawAnswer?> AskAsync(RawClient client, PublishedOperation operation, string request)
    {
        await client.SendAsync(request);
        return await client.ReadAnswerAsync(operation.Method);
    }

    /// <summary>Null for the upstream's answer. An answer to HEAD says only its status.</summary>
    private static Refused? RefusalIn(PublishedOperation operation, RawAnswer answer)
    {
        if (answer.Status == 200)
        {
            return null;
        }

        if (operation.Method == "HEAD")
        {
            return new Refused(answer.Status, Bodiless, null);
        }

        using var document = JsonDocument.Parse(answer.Body.Text);
        var error = document.RootElement.GetProperty("error");
        return new Refused(
            answer.Status, error.GetProperty("code").GetString()!, error.GetProperty("param").GetString());
    }

    private static Refused? Expected(string kind, PublishedOperation operation) =>
        LimitKind.RefusalOf(kind, operation) is { } refused
            ? operation.Method == "HEAD" ? new Refused(refused.Status, Bodiless, null) : refused
            : null;

    private static IEnumerable<string> ArrivingOf(IReadOnlyList<PublishedOperation> all, string kind) => all
        .Where(operation => LimitKind.RefusalOf(kind, operation) is null)
        .Select(static operation => $"{operation.Method} {operation.PathAtProvider} HTTP/1.1");

    private sealed record Outcome(PublishedOperation Operation, Refused? Refused);
}

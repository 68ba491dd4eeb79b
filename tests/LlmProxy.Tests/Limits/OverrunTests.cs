using LlmProxy.Limits;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Limits;

/// <summary>A provider may report more than the worst case that was reserved.</summary>
public sealed class OverrunTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(300)]
    [InlineData(101)]
    [InlineData(100)]
    public async Task Uses_the_limit_up_at_once_and_counts_no_further(long used)
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await GivenAHundredTokensAsync(instance);
        var (first, _) = await instance.EnterAsync(token);
        Assert.Null(await LimitGate.ReserveAsync(first, new Demand(50, 0), Aborted));

        first.Leave();
        first.Settle(used, 0);
        var (second, _) = await instance.EnterAsync(token);
        var refusal = await LimitGate.ReserveAsync(second, new Demand(1, 0), Aborted);
        second.Release();

        Assert.Equal("token.max_tokens", refusal?.Param);
        Assert.Equal(100, (await instance.RowOfAsync(token)).TokenCount);
    }

    [Fact]
    public async Task Is_paid_from_what_is_left()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await GivenAHundredTokensAsync(instance);
        var (first, _) = await instance.EnterAsync(token);
        Assert.Null(await LimitGate.ReserveAsync(first, new Demand(50, 0), Aborted));

        first.Leave();
        first.Settle(70, 0);
        var (second, _) = await instance.EnterAsync(token);
        var tooMuch = await LimitGate.ReserveAsync(second, new Demand(31, 0), Aborted);
        var all = await LimitGate.ReserveAsync(second, new Demand(30, 0), Aborted);
        second.Release();

        Assert.Equal("token.max_tokens", tooMuch?.Param);
        Assert.Null(all);
        Assert.Equal(70, (await instance.RowOfAsync(token)).TokenCount);
    }

    private static async Task<TestToken> GivenAHundredTokensAsync(Instance instance)
    {
        var token = await instance.GivenATokenAsync();
        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxTokens = 100 }, null));
        return token;
    }
}

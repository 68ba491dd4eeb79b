using LlmProxy.Cli.Benchmark;
using Xunit;

namespace LlmProxy.Tests.Cli.Benchmark;

public sealed class ServerTimingTests
{
    [Theory]
    [InlineData("llm-proxy;dur=1.234", 1.234)]
    [InlineData("cache;desc=\"x\", llm-proxy;dur=0.050", 0.05)]
    [InlineData("db;dur=53,llm-proxy ; desc=own ; DUR=2", 2)]
    [InlineData("llm-proxy;dur=0", 0)]
    public void The_proxys_own_entry_is_read_beside_others(string header, double milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), ServerTiming.OwnTimeOf(header));

    [Theory]
    [InlineData("")]
    [InlineData("db;dur=53")]
    [InlineData("llm-proxy")]
    [InlineData("llm-proxy;dur=")]
    [InlineData("llm-proxy;dur=-1")]
    [InlineData("llm-proxy;dur=1e9")]
    [InlineData("llm-proxy;dur=99999999999999999999")]
    [InlineData("not-llm-proxy;dur=1")]
    public void Anything_else_is_no_time(string header) => Assert.Null(ServerTiming.OwnTimeOf(header));
}

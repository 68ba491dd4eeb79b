using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;
using StackExchange.Redis;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class RedisAddressTests
{
    [Theory]
    [InlineData("redis://localhost:6379/0", "localhost:6379", 0, null, null, false)]
    [InlineData("redis://localhost", "localhost:6379", 0, null, null, false)]
    [InlineData("redis://10.0.0.1:7000/3", "10.0.0.1:7000", 3, null, null, false)]
    [InlineData("redis://[::1]:7000", "[::1]:7000", 0, null, null, false)]
    [InlineData("redis://:s%40cret@cache/1", "cache:6379", 1, null, "s@cret", false)]
    [InlineData("rediss://proxy:a:b@cache:6380", "cache:6380", 0, "proxy", "a:b", true)]
    public void Is_read(string url, string place, int database, string? user, string? password, bool hasTls)
    {
        var address = Read(url);

        Assert.Equal(place, address.Place);
        Assert.Equal(
            (database, user, password, hasTls),
            (address.Options.DefaultDatabase, address.Options.User, address.Options.Password, address.Options.Ssl));
    }

    [Theory]
    [InlineData("hunter2-is-secret")]
    [InlineData("http://:hunter2@cache")]
    [InlineData("redis://")]
    [InlineData("redis://hunter2@cache")]
    [InlineData("redis://:hunter2@cache/x")]
    [InlineData("redis://:hunter2@cache/-1")]
    [InlineData("redis://:hunter2@cache:99999")]
    [InlineData("redis://:hunter2@cache?db=1")]
    [InlineData("redis://:hunter2#@cache")]
    public void Names_the_setting_and_not_the_password_when_it_is_wrong(string url)
    {
        var failure = Assert.Throws<StartFailure>(() => Read(url));

        Assert.StartsWith("REDIS_CACHE_URL must be ", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_waits_for_a_connection_that_is_not_there()
    {
        var options = Read("redis://cache").Options;

        Assert.False(options.AbortOnConnectFail);
        Assert.Equal(BacklogPolicy.FailFast, options.BacklogPolicy);
    }

    private static RedisAddress Read(string url) => RedisAddress.Read(new Secret(url), "REDIS_CACHE_URL");
}

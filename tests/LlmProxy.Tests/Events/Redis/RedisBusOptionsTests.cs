using LlmProxy.Dispatching.Redis;
using LlmProxy.Events.Redis;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

public sealed class RedisBusOptionsTests
{
    [Fact]
    public void By_default_Redis_is_here_and_the_spool_where_the_caller_says()
    {
        var options = Read([]);

        Assert.Equal("localhost:6379", options.Stream.Address.Place);
        Assert.Equal(
            ("llm-proxy-events", 100_000, "./data/events.spool", 268_435_456),
            (options.Stream.Name, options.LengthMax, options.SpoolFile, options.SpoolBytesMax));
    }

    [Fact]
    public void Redis_is_given_as_one_address()
    {
        var address = Read([("REDIS_URL", "rediss://proxy:s%40cret@bus:7000/3")]).Stream.Address;

        Assert.Equal("bus:7000", address.Place);
        Assert.Equal(
            ("proxy", "s@cret", 3, true),
            (address.Options.User, address.Options.Password, address.Options.DefaultDatabase, address.Options.Ssl));
    }

    [Fact]
    public void Redis_is_given_in_parts_as_one_types_them()
    {
        var address = Read(
        [
            ("REDIS_ADDR", "bus:7000"), ("REDIS_USER", "proxy"), ("REDIS_PASSWORD", "s@c:r%e/t"), ("REDIS_DB", "3"),
            ("REDIS_TLS", "true"),
        ]).Stream.Address;

        Assert.Equal("bus:7000", address.Place);
        Assert.Equal(
            ("proxy", "s@c:r%e/t", 3, true),
            (address.Options.User, address.Options.Password, address.Options.DefaultDatabase, address.Options.Ssl));
    }

    [Theory]
    [InlineData("REDIS_ADDR", "bus:7000")]
    [InlineData("REDIS_USER", "proxy")]
    [InlineData("REDIS_PASSWORD", "hunter2")]
    [InlineData("REDIS_DB", "1")]
    [InlineData("REDIS_TLS", "true")]
    public void An_address_and_parts_together_are_refused(string part, string value)
    {
        var complaint = Assert.Single(Complaints([("REDIS_URL", "redis://bus"), (part, value)]));

        Assert.StartsWith("REDIS_URL says all that ", complaint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("REDIS_URL", "bus-with-hunter2")]
    [InlineData("REDIS_URL", "http://:hunter2@bus")]
    [InlineData("REDIS_ADDR", "redis://bus")]
    [InlineData("REDIS_ADDR", "user:hunter2@bus")]
    [InlineData("REDIS_ADDR", "bus:port")]
    [InlineData("REDIS_ADDR", "bus:6379/1")]
    public void What_is_no_address_is_named_and_not_shown(string setting, string value)
    {
        var complaint = Assert.Single(Complaints([(setting, value)]));

        Assert.StartsWith($"{setting} must be ", complaint, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", complaint, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_that_holds_options_prints_a_password()
    {
        var options = Read([("REDIS_URL", "redis://:hunter2@bus")]);

        Assert.DoesNotContain("hunter2", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_service_has_a_group_of_its_own_and_each_process_a_name()
    {
        var options = StreamSourceOptions.Read(Settings([]), "file");

        Assert.Equal("llm-proxy-file", options.Group);
        Assert.EndsWith($"-{Environment.ProcessId}", options.Consumer, StringComparison.Ordinal);
        Assert.Equal(
            (TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(10), 100_000),
            (options.BlockTime, options.ClaimAfter, options.DeadLettersMax));
    }

    [Fact]
    public void A_dispatcher_is_told_its_group_name_and_times()
    {
        var options = StreamSourceOptions.Read(
            Settings(
            [
                ("REDIS_CONSUMER_GROUP", "mine"), ("REDIS_CONSUMER_NAME", "me"), ("REDIS_STREAM_BLOCK_TIME", "1s"),
                ("REDIS_STREAM_CLAIM_TIME", "1m"), ("REDIS_DEAD_LETTER_MAX_LEN", "7"), ("REDIS_STREAM_KEY", "s"),
            ]),
            "file");

        Assert.Equal(("mine", "me", "s"), (options.Group, options.Consumer, options.Stream.Name));
        Assert.Equal(
            (TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), 7),
            (options.BlockTime, options.ClaimAfter, options.DeadLettersMax));
    }

    private static RedisBusOptions Read((string Name, string Value)[] environment)
    {
        var settings = Settings(environment);
        var options = RedisBusOptions.Read(settings, "./data/events.spool");
        Assert.Empty(settings.Complaints);
        return options;
    }

    private static IReadOnlyList<string> Complaints((string Name, string Value)[] environment)
    {
        var settings = Settings(environment);
        _ = RedisBusOptions.Read(settings, "./data/events.spool");
        return settings.Complaints;
    }

    private static SettingsReader Settings((string Name, string Value)[] environment) => new(
        new Dictionary<string, string?>(StringComparer.Ordinal),
        environment.ToDictionary(static one => one.Name, static one => one.Value, StringComparer.Ordinal),
        []);
}

using CsCheck;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Settings;

public sealed class GoDurationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("90s", 90_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("500ms", 500)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("7d", 604_800_000)]
    public void Reads_durations_as_Go_writes_them_and_days(string text, long milliseconds)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("90")]
    [InlineData("-1s")]
    [InlineData("1x")]
    [InlineData("s")]
    [InlineData("1s ")]
    [InlineData("1..5s")]
    [InlineData("99999999999999d")]
    public void Refuses_what_is_no_duration(string text) => Assert.False(GoDuration.TryParse(text, out _));

    [Fact]
    public void Writes_what_it_can_read_again() =>
        Gen.Long[0, TimeSpan.TicksPerDay * 400].Select(static ticks => ticks / 10 * 10).Sample(static ticks =>
        {
            var duration = TimeSpan.FromTicks(ticks);
            return GoDuration.TryParse(GoDuration.Format(duration), out var read) && read == duration;
        });
}

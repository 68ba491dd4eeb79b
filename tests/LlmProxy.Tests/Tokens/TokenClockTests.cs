using LlmProxy.Tokens;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Tokens;

public sealed class TokenClockTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private readonly JumpingClock _clock = new(Noon);

    [Fact]
    public void Goes_with_the_wall_clock()
    {
        var time = new TokenClock(_clock);

        _clock.Pass(TimeSpan.FromHours(3));

        Assert.Equal(Noon.AddHours(3).ToUnixTimeMilliseconds(), time.Now);
    }

    [Fact]
    public void Follows_the_wall_clock_forward_at_once()
    {
        var time = new TokenClock(_clock);

        _clock.Jump(TimeSpan.FromHours(2));

        Assert.Equal(Noon.AddHours(2).ToUnixTimeMilliseconds(), time.Now);
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(-24)]
    [InlineData(-24 * 365 * 50)]
    public void Never_goes_back_with_the_wall_clock_but_on(int hours)
    {
        var time = new TokenClock(_clock);
        _clock.Pass(TimeSpan.FromHours(1));
        _ = time.Now;

        _clock.Jump(TimeSpan.FromHours(hours));
        _clock.Pass(TimeSpan.FromHours(1));

        Assert.Equal(Noon.AddHours(2).ToUnixTimeMilliseconds(), time.Now);
    }

    [Fact]
    public void Remembers_the_latest_time_it_has_seen()
    {
        var time = new TokenClock(_clock);
        _clock.Jump(TimeSpan.FromHours(2));
        _ = time.Now;

        _clock.Jump(TimeSpan.FromHours(-2));

        Assert.Equal(Noon.AddHours(2).ToUnixTimeMilliseconds(), time.Now);
    }

    /// <summary>A wall clock that somebody sets, and a monotonic one that nobody can.</summary>
    private sealed class JumpingClock(DateTimeOffset start) : TimeProvider
    {
        private readonly FakeTimeProvider _monotonic = new(start);
        private TimeSpan _set;

        public override long TimestampFrequency => _monotonic.TimestampFrequency;

        public void Pass(TimeSpan time) => _monotonic.Advance(time);

        public void Jump(TimeSpan by) => _set += by;

        public override DateTimeOffset GetUtcNow() => _monotonic.GetUtcNow() + _set;

        public override long GetTimestamp() => _monotonic.GetTimestamp();
    }
}

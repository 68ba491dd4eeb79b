using LlmProxy.Caching.Redis;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class BreakerTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Breaker _breaker;

    public BreakerTests()
    {
        _breaker = new Breaker(_clock);
        _breaker.Close();
    }

    [Fact]
    public void Is_open_until_there_is_a_connection() => Assert.True(new Breaker(_clock).IsOpen);

    [Fact]
    public void Opens_once_after_five_failures_in_a_row()
    {
        var opened = Enumerable.Range(0, 7).Count(_ => Fails(TimeSpan.FromMilliseconds(25)));

        Assert.Equal(1, opened);
        Assert.True(_breaker.IsOpen);
    }

    [Fact]
    public void Does_not_take_one_hiccup_of_many_requests_for_an_end()
    {
        for (var i = 0; i < 1_000; i++)
        {
            Fails(TimeSpan.Zero);
        }

        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void Forgets_failures_at_a_success()
    {
        for (var i = 0; i < 100; i++)
        {
            Fails(TimeSpan.FromMilliseconds(25));
            _breaker.Succeeded();
        }

        Assert.False(_breaker.IsOpen);
    }

    [Fact]
    public void Says_once_that_it_opens_and_once_that_it_closes() =>
        Assert.Equal(
            (true, false, true, false), (_breaker.Open(), _breaker.Open(), _breaker.Close(), _breaker.Close()));

    private bool Fails(TimeSpan after)
    {
        _clock.Advance(after);
        return _breaker.Failed();
    }
}

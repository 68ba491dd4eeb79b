using LlmProxy.Caching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>Equal requests share one call to the provider.</summary>
public sealed class FlightsTests
{
    private static readonly CacheKey Key = CacheKey.Of(Guid.Empty, "openai", "GET", "/v1/models", "", null);

    private readonly FakeTimeProvider _time = new();
    private readonly Flights _flights;

    public FlightsTests() => _flights = new Flights(new CacheClock(_time));

    [Fact]
    public void Of_many_who_come_at_once_exactly_one_leads()
    {
        var leaders = 0;
        Parallel.For(0, 500, _ =>
        {
            if (_flights.Enter(Key).IsLeader)
            {
                Interlocked.Increment(ref leaders);
            }
        });

        Assert.Equal(1, leaders);
    }

    [Fact]
    public void A_call_goes_on_when_who_asked_first_leaves_and_ends_when_the_last_one_does()
    {
        var leader = _flights.Enter(Key).Flight!;
        var follower = _flights.Enter(Key);
        Assert.False(follower.IsLeader);

        leader.Leave();
        Assert.False(leader.Abandoned.IsCancellationRequested);

        follower.Flight!.Leave();
        Assert.True(SpinWait.SpinUntil(() => leader.Abandoned.IsCancellationRequested, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Nobody_joins_a_call_that_was_given_up()
    {
        var first = _flights.Enter(Key).Flight!;
        first.Leave();

        var second = _flights.Enter(Key);

        Assert.True(second.IsLeader);
        Assert.NotSame(first, second.Flight);
    }

    [Fact]
    public async Task After_a_failed_call_one_of_those_who_waited_leads_and_the_others_wait_for_it()
    {
        var leader = _flights.Enter(Key).Flight!;
        var followers = Enumerable.Range(0, 5).Select(_ => _flights.Enter(Key)).ToList();
        _flights.Close(leader);

        foreach (var follower in followers)
        {
            Assert.Equal(FlightEnd.Failed, (await follower.Flight!.Head).End);
        }

        Assert.Single(followers, _ => _flights.Enter(Key).IsLeader);
    }

    [Fact]
    public void After_an_answer_that_cannot_be_shared_nobody_waits_for_some_seconds()
    {
        _flights.GoAlone(_flights.Enter(Key).Flight!);
        Assert.True(_flights.Enter(Key).IsLeader);
        Assert.True(_flights.Enter(Key).IsLeader);

        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.True(_flights.Enter(Key).IsLeader);
        Assert.False(_flights.Enter(Key).IsLeader);
    }

    [Fact]
    public void What_began_before_an_invalidation_is_neither_joined_nor_current()
    {
        var before = _flights.Enter(Key).Flight!;
        Assert.True(_flights.IsCurrent(before));

        _flights.Invalidate(Key);

        Assert.False(_flights.IsCurrent(before));
        Assert.True(_flights.Enter(Key).IsLeader);
    }

    [Fact]
    public void A_purge_makes_everything_on_its_way_out_of_date()
    {
        var before = _flights.Enter(Key).Flight!;

        _flights.InvalidateAll();

        Assert.False(_flights.IsCurrent(before));
    }

    [Fact]
    public void Who_looked_before_something_was_stored_is_told_to_look_again()
    {
        var looked = _flights.LandingsOf(Key);
        _flights.Land(Key);

        Assert.NotEqual(looked, _flights.LandingsOf(Key));
    }
}

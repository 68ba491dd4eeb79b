using LlmProxy.Caching;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching;

/// <summary>When the collector is asked, and what is then believed to be gone.</summary>
public sealed class GarbageTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Garbage _garbage;
    private FullCollections _collections = new(5, 3);

    public GarbageTests()
    {
        _clock.Advance(TimeSpan.FromHours(1));
        _garbage = new Garbage(1_000, () => _collections, static () => { }, _clock);
    }

    [Fact]
    public void The_collector_is_asked_when_there_is_too_much_and_only_once()
    {
        _garbage.Add(999);
        Assert.False(_garbage.MustBeCollected());
        _garbage.Add(1);
        Assert.True(_garbage.MustBeCollected());
        _garbage.Add(5_000);
        Assert.False(_garbage.MustBeCollected());
    }

    [Fact]
    public void What_was_there_is_gone_after_a_full_collection_that_began_later()
    {
        _garbage.Add(2_000);
        Assert.True(_garbage.MustBeCollected());
        _garbage.Add(300);
        Assert.False(_garbage.IsBelow(301));
        _collections = new FullCollections(6, 5);
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        Assert.False(_garbage.IsBelow(301));
        _collections = new FullCollections(6, 6);
        _clock.Advance(TimeSpan.FromMilliseconds(2));
        Assert.True(_garbage.IsBelow(301));
        Assert.False(_garbage.IsBelow(300));
    }

    [Fact]
    public void A_request_that_the_collector_drops_is_made_again()
    {
        _garbage.Add(2_000);
        Assert.True(_garbage.MustBeCollected());
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_garbage.MustBeCollected());
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_garbage.MustBeCollected());
    }

    [Fact]
    public void Between_two_collections_there_is_a_tenth_of_a_second()
    {
        _garbage.Add(2_000);
        Assert.True(_garbage.MustBeCollected());
        _collections = new FullCollections(6, 6);
        _clock.Advance(TimeSpan.FromMilliseconds(50));
        _garbage.Add(2_000);
        Assert.False(_garbage.MustBeCollected());
        _clock.Advance(TimeSpan.FromMilliseconds(50));
        Assert.True(_garbage.MustBeCollected());
    }

    [Fact]
    public void The_runtimes_collector_is_seen_to_have_collected()
    {
        var garbage = Garbage.OfThisProcess(1_000, _clock);
        garbage.Add(2_000);
        Assert.True(garbage.MustBeCollected());

        GC.Collect();
        _clock.Advance(TimeSpan.FromMilliseconds(2));

        Assert.True(garbage.IsBelow(1));
    }
}

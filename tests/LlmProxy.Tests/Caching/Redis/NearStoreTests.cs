using LlmProxy.Caching.Redis;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

public sealed class NearStoreTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly PlainStore _memory = new();
    private readonly NearStore _near;

    public NearStoreTests() => _near = new NearStore(_memory, _clock);

    [Fact]
    public async Task Answers_nothing_before_it_has_heard_itself()
    {
        await _memory.PutAsync(Given.Key(), Given.Response());

        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Answers_for_three_seconds_after_the_beat_that_it_heard_was_sent()
    {
        var beat = _near.NextBeat();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await _near.HearAsync(beat);
        await _near.PutAsync(Given.Key(), Given.Response());

        _clock.Advance(TimeSpan.FromMilliseconds(1_999));
        Assert.Single(await _near.FindAsync(Given.Key()));

        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Keeps_what_it_has_as_long_as_no_beat_is_lost()
    {
        await GivenTrustAsync();

        for (var i = 0; i < 10; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await _near.HearAsync(_near.NextBeat());
        }

        Assert.Single(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Is_emptied_when_a_beat_is_lost()
    {
        await GivenTrustAsync();

        _near.NextBeat();
        await _near.HearAsync(_near.NextBeat());

        Assert.True(_near.IsTrusted);
        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Believes_no_beat_that_was_sent_before_the_connection_was_lost()
    {
        await GivenTrustAsync();
        var before = _near.NextBeat();
        _near.Distrust();

        await _near.HearAsync(before);
        Assert.False(_near.IsTrusted);

        await _near.HearAsync(_near.NextBeat());
        Assert.True(_near.IsTrusted);
        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Does_not_keep_what_was_read_before_the_news_that_it_has_changed()
    {
        await GivenTrustAsync();
        var stamp = _near.StampOf(Given.Key());
        await _near.ForgetAsync(Given.Key());

        await _near.KeepAsync(Given.Key(), [Given.Response()], stamp);

        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    [Fact]
    public async Task Does_not_keep_what_was_read_before_everything_was_forgotten()
    {
        await GivenTrustAsync();
        var stamp = _near.StampOf(Given.Key());
        await _near.ForgetAllAsync();

        await _near.KeepAsync(Given.Key(), [Given.Response()], stamp);

        Assert.Empty(await _near.FindAsync(Given.Key()));
    }

    /// <summary>It is trusted, and keeps one answer.</summary>
    private async Task GivenTrustAsync()
    {
        await _near.HearAsync(_near.NextBeat());
        await _near.PutAsync(Given.Key(), Given.Response());
    }
}

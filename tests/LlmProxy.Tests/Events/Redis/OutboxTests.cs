using LlmProxy.Events.Redis;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

public sealed class OutboxTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly Outbox _outbox;

    public OutboxTests() => _outbox = new Outbox(_clock);

    [Fact]
    public void A_batch_holds_what_follows_each_other_of_one_sender()
    {
        var other = Guid.CreateVersion7();
        _outbox.Add([Given.Outgoing(1), Given.Outgoing(2), Given.Outgoing(4), Given.Outgoing(5, sender: other)]);

        Assert.Equal([1, 2], Next());
        _outbox.Arrived(2);
        Assert.Equal([4], Next());
        _outbox.Arrived(1);
        Assert.Equal([5], Next());
        _outbox.Arrived(1);
        Assert.True(_outbox.IsEmpty);
        Assert.Empty(Next());
    }

    [Fact]
    public void A_batch_is_bounded_in_events_and_bytes_and_holds_at_least_one()
    {
        _outbox.Add(Given.Batch(1, 5, bytes: 1_000));

        Assert.Equal([1, 2, 3], SpoolFile.NumbersOf(_outbox.NextBatch(3, long.MaxValue)));
        Assert.Equal([1, 2], SpoolFile.NumbersOf(_outbox.NextBatch(100, 2_000)));
        Assert.Equal([1], SpoolFile.NumbersOf(_outbox.NextBatch(100, 1)));
    }

    [Fact]
    public void What_has_arrived_is_sent_again_when_Redis_has_lost_it()
    {
        _outbox.Add(Given.Batch(1, 10));
        _outbox.Arrived(8);
        _outbox.Forget();

        var first = _outbox.Rewind(Given.Sender, 5);

        Assert.Equal(6, first);
        Assert.Equal([6, 7, 8, 9, 10], Next());
    }

    [Fact]
    public void What_arrived_long_ago_is_known_no_more()
    {
        _outbox.Add(Given.Batch(1, 10));
        _outbox.Arrived(6);
        _clock.Advance(TimeSpan.FromSeconds(2.4));
        _outbox.Forget();
        Assert.Equal(3, _outbox.Rewind(Given.Sender, 2));
        _outbox.Arrived(4);
        _clock.Advance(TimeSpan.FromSeconds(2.6));
        _outbox.Forget();

        Assert.Equal(7, _outbox.Rewind(Given.Sender, 2));
        Assert.Equal([7, 8, 9, 10], Next());
    }

    [Fact]
    public void What_has_arrived_takes_no_more_than_sixteen_mebibytes()
    {
        _outbox.Add(Given.Batch(1, 30, bytes: 1_000_000));
        _outbox.Arrived(29);
        _outbox.Forget();

        Assert.Equal(14, _outbox.Rewind(Given.Sender, 0));
    }

    [Fact]
    public void Long_use_keeps_its_order()
    {
        for (var number = 1; number <= 5_000; number += 10)
        {
            _outbox.Add(Given.Batch(number, 10));
            Assert.Equal(Enumerable.Range(number, 10).Select(static n => (long)n), Next());
            _outbox.Arrived(10);
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            _outbox.Forget();
        }

        _outbox.Add([Given.Outgoing(5_001)]);
        Assert.Equal(4_751, _outbox.Rewind(Given.Sender, 0));
    }

    private List<long> Next() => SpoolFile.NumbersOf(_outbox.NextBatch(100, long.MaxValue));
}

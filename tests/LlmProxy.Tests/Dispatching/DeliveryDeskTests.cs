using CsCheck;
using LlmProxy.Dispatching;
using LlmProxy.Events;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace LlmProxy.Tests.Dispatching;

public sealed class DeliveryDeskTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void Gives_out_batches_in_the_order_of_taking()
    {
        var desk = Desk(batchMax: 2);
        desk.Take(Deliveries("a", "b", "c"));

        Assert.Equal(["a", "b"], Ids(desk.Next()));
        Assert.Equal(["c"], Ids(desk.Next()));
        Assert.Empty(desk.Next());
    }

    [Fact]
    public void Holds_what_is_given_out_until_its_fate_is_known()
    {
        var desk = Desk();
        desk.Take(Deliveries("a", "b"));
        var batch = desk.Next();

        Assert.Equal(2, desk.Held.Count);
        desk.Settle(batch, [DeliveryOutcome.Accepted, DeliveryOutcome.Accepted]);

        Assert.Empty(desk.Held);
    }

    [Fact]
    public void An_event_that_its_source_gives_out_twice_is_held_once()
    {
        var desk = Desk();
        desk.Take(Deliveries("a"));
        desk.Take(Deliveries("a", "b"));

        Assert.Equal(["a", "b"], Ids(desk.Next()));
    }

    [Fact]
    public void What_a_sink_does_not_take_now_is_tried_again_and_again_with_longer_waits()
    {
        var desk = Desk();
        desk.Take(Deliveries("a"));
        var waits = new List<double>();
        for (var i = 0; i < 10; i++)
        {
            var batch = desk.Next();
            desk.Settle(batch, [DeliveryOutcome.TryLater("HTTP 503")]);
            var wait = desk.UntilNext()!.Value;
            waits.Add(wait.TotalSeconds);
            _clock.Advance(wait);
        }

        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60, 60, 60], waits.Select(static wait => Math.Round(wait, 3)));
        Assert.Equal(1, desk.Count);
    }

    [Fact]
    public void A_sink_that_names_a_time_is_left_alone_until_then()
    {
        var desk = Desk();
        desk.Take(Deliveries("a"));
        desk.Settle(desk.Next(), [DeliveryOutcome.TryLater("HTTP 429", TimeSpan.FromSeconds(90))]);

        _clock.Advance(TimeSpan.FromSeconds(89));
        Assert.Empty(desk.Next());

        _clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(["a"], Ids(desk.Next()));
    }

    [Fact]
    public void What_is_refused_is_dead_and_does_not_hold_up_the_others()
    {
        var desk = Desk();
        desk.Take(Deliveries("a", "poison", "c"));
        var (accepted, dead) = desk.Settle(desk.Next(), [
            DeliveryOutcome.Accepted, DeliveryOutcome.Refused("HTTP 400"), DeliveryOutcome.Accepted]);

        Assert.Equal(["a", "c"], Ids(accepted));
        Assert.Equal(("poison", "HTTP 400"), (dead[0].Parcel.Record.Id, dead[0].Reason));
        Assert.Equal(0, desk.Count);
    }

    [Fact]
    public void A_batch_that_is_refused_as_a_whole_is_tried_event_by_event()
    {
        var desk = Desk();
        desk.Take(Deliveries("a", "poison", "c"));
        var together = DeliveryOutcome.RefusedTogether("HTTP 400");
        desk.Settle(desk.Next(), [together, together, together]);

        var (accepted, dead) = Drive(desk, static id => id == "poison"
            ? DeliveryOutcome.RefusedTogether("HTTP 400")
            : DeliveryOutcome.Accepted);

        Assert.Equal(["a", "c"], accepted);
        Assert.Equal(["poison"], dead);
    }

    [Fact]
    public void One_that_always_fails_is_set_aside_while_all_others_get_through()
    {
        var desk = Desk(batchMax: 10);
        desk.Take(Deliveries([.. Enumerable.Range(0, 100).Select(static i => i == 37 ? "poison" : $"e{i}")]));

        // A sink that fails the whole batch because of one event in it.
        var (accepted, dead) = DriveBatches(desk, static ids => ids.Contains("poison", StringComparer.Ordinal));

        Assert.Equal(99, accepted.Count);
        Assert.Equal(["poison"], dead);
    }

    [Fact]
    public void A_sink_that_is_down_for_long_costs_no_event()
    {
        var desk = Desk(batchMax: 10);
        desk.Take(Deliveries([.. Enumerable.Range(0, 100).Select(static i => $"e{i}")]));
        for (var i = 0; i < 50; i++)
        {
            var batch = desk.Next();
            desk.Settle(batch, [.. batch.Select(static _ => DeliveryOutcome.TryLater("connection refused"))]);
            _clock.Advance(desk.UntilNext()!.Value);
        }

        var (accepted, dead) = Drive(desk, static _ => DeliveryOutcome.Accepted);

        Assert.Equal(100, accepted.Count);
        Assert.Empty(dead);
    }

    [Fact]
    public void When_a_sink_is_back_all_that_waited_follows_without_further_waiting()
    {
        var desk = Desk(batchMax: 10);
        desk.Take(Deliveries([.. Enumerable.Range(0, 100).Select(static i => $"e{i}")]));
        for (var i = 0; i < 20; i++)
        {
            var batch = desk.Next();
            desk.Settle(batch, [.. batch.Select(static _ => DeliveryOutcome.TryLater("connection refused"))]);
            _clock.Advance(desk.UntilNext()!.Value);
        }

        var before = _clock.GetUtcNow();
        Drive(desk, static _ => DeliveryOutcome.Accepted);

        Assert.Equal(before, _clock.GetUtcNow());
    }

    [Fact]
    public void Nothing_is_tried_beyond_the_retention()
    {
        var desk = new DeliveryDesk(10, TimeSpan.FromHours(1), _clock, static () => 1);
        desk.Take(Deliveries("a"));
        var dead = Array.Empty<DeadParcel>() as IReadOnlyList<DeadParcel>;
        while (dead.Count == 0)
        {
            (_, dead) = desk.Settle(desk.Next(), [DeliveryOutcome.TryLater("HTTP 503")]);
            _clock.Advance(desk.UntilNext() ?? TimeSpan.Zero);
        }

        Assert.Equal("not delivered within the retention: HTTP 503", dead[0].Reason);
        Assert.InRange(_clock.GetUtcNow() - _clock.Start, TimeSpan.FromMinutes(60), TimeSpan.FromMinutes(62));
    }

    [Fact]
    public void Whatever_a_sink_says_each_event_ends_once_accepted_or_dead() => Check.Sample(
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 60], Gen.Int[0, 3].Array[400]),
        (batchMax, count, verdicts) =>
        {
            var desk = Desk(batchMax);
            var ids = Enumerable.Range(0, count).Select(static i => $"e{i}").ToArray();
            desk.Take(Deliveries(ids));
            var said = 0;
            var (accepted, dead) = Drive(desk, _ => (said < verdicts.Length ? verdicts[said++] : 0) switch
            {
                0 => DeliveryOutcome.Accepted,
                1 => DeliveryOutcome.TryLater("HTTP 503"),
                2 => DeliveryOutcome.RefusedTogether("HTTP 400"),
                _ => DeliveryOutcome.Refused("HTTP 422"),
            });

            Assert.Equal(ids.Order(StringComparer.Ordinal), accepted.Concat(dead).Order(StringComparer.Ordinal));
        });

    private (List<string> Accepted, List<string> Dead) Drive(DeliveryDesk desk, Func<string, DeliveryOutcome> sink) =>
        DriveWith(desk, batch => [.. batch.Select(parcel => sink(parcel.Record.Id))]);

    private (List<string> Accepted, List<string> Dead) DriveBatches(
        DeliveryDesk desk, Func<IEnumerable<string>, bool> fails) =>
        DriveWith(desk, batch =>
        {
            var failed = fails(Ids(batch));
            return [.. batch.Select(_ => failed ? DeliveryOutcome.TryLater("HTTP 500") : DeliveryOutcome.Accepted)];
        });

    private (List<string> Accepted, List<string> Dead) DriveWith(
        DeliveryDesk desk, Func<IReadOnlyList<Parcel>, IReadOnlyList<DeliveryOutcome>> sink)
    {
        var (allAccepted, allDead) = (new List<string>(), new List<string>());
        while (desk.UntilNext() is { } wait)
        {
            _clock.Advance(wait);
            var batch = desk.Next();
            var (accepted, dead) = desk.Settle(batch, sink(batch));
            allAccepted.AddRange(Ids(accepted));
            allDead.AddRange(dead.Select(static gone => gone.Parcel.Record.Id));
        }

        return (allAccepted, allDead);
    }

    private DeliveryDesk Desk(int batchMax = 100) =>
        new(batchMax, TimeSpan.FromDays(7), _clock, static () => 1);

    private static IEnumerable<Delivery> Deliveries(params string[] ids) =>
        ids.Select(static id => new Delivery(new EventRecord(id, "{}"u8.ToArray()), id));

    private static List<string> Ids(IEnumerable<Parcel> parcels) =>
        [.. parcels.Select(static parcel => parcel.Record.Id)];
}

using CsCheck;
using LlmProxy.Storage;
using LlmProxy.Tests.Storage;
using LlmProxy.Usage;
using LlmProxy.Usage.Statistics;
using Xunit;

namespace LlmProxy.Tests.Usage.Statistics;

public sealed class UsageStatisticsTests : IAsyncLifetime
{
    private static readonly UsageInterval[] Tables = [UsageInterval.Minute, UsageInterval.Hour, UsageInterval.Day];

    private static readonly Gen<ExchangeUsage> AnyExchange =
        Gen.Select(
                Gen.Long[0, 1_000].Array[7], Gen.Int[0, 200_000_000], Gen.Int[0, 3], Gen.Int[0, 2], Gen.Int[200, 599])
            .Select(static (tokens, ago, model, source, status) => new ExchangeUsage(
                Meter.Noon.ToUnixTimeMilliseconds() - ago, Guid.Empty, Meter.Token,
                model % 2 == 0 ? "openai" : "anthropic", model == 0 ? null : $"model {model}",
                new UsageReport((UsageSource)source, tokens[0], tokens[1], tokens[2], tokens[3], tokens[4], tokens[5],
                    tokens[6]),
                model == 1 ? null : tokens[0] * 3, IsRefused: status % 7 == 0, status));

    private readonly DatabaseFolder _folder = new();
    private Meter _meter = null!;

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _meter = await Meter.StartAsync(_folder);

    public async ValueTask DisposeAsync()
    {
        await _meter.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task All_three_tables_hold_the_sums_of_what_was_recorded()
    {
        var exchanges = GivenExchanges(2_000);

        foreach (var exchange in exchanges)
        {
            _meter.Statistics.Record(exchange);
        }

        await _meter.Statistics.FlushAsync(Aborted);

        await AssertHoldsAsync(exchanges);
        Assert.True(await _meter.CountAsync(UsageInterval.Minute) > await _meter.CountAsync(UsageInterval.Hour));
        Assert.True(await _meter.CountAsync(UsageInterval.Hour) > await _meter.CountAsync(UsageInterval.Day));
    }

    [Fact]
    public async Task Nothing_is_lost_however_many_record_while_it_is_written()
    {
        var exchanges = GivenExchanges(40_000);

        var recorders = exchanges.Chunk(5_000).Select(some => Task.Run(
            () =>
            {
                foreach (var exchange in some)
                {
                    _meter.Statistics.Record(exchange);
                }
            },
            Aborted)).ToList();
        while (!recorders.TrueForAll(static one => one.IsCompleted))
        {
            await _meter.Statistics.FlushAsync(Aborted);
        }

        await Task.WhenAll(recorders);
        await _meter.Statistics.FlushAsync(Aborted);

        await AssertHoldsAsync(exchanges);
    }

    [Fact]
    public async Task Nothing_is_lost_when_the_queue_is_full()
    {
        var exchanges = Enumerable.Repeat(_meter.Exchange(), 20_000).ToArray();

        foreach (var exchange in exchanges)
        {
            _meter.Statistics.Record(exchange);
        }

        await _meter.Statistics.FlushAsync(Aborted);

        await AssertHoldsAsync(exchanges);
    }

    [Fact]
    public async Task Nothing_is_lost_or_written_twice_while_the_store_fails_now_and_then()
    {
        var exchanges = GivenExchanges(3_000);

        foreach (var some in exchanges.Chunk(1_000))
        {
            Array.ForEach(some, one => _meter.Statistics.Record(one));
            await _meter.BreakAsync();
            await Assert.ThrowsAsync<StoreUnavailable>(() => _meter.Statistics.FlushAsync(Aborted));
            await Assert.ThrowsAsync<StoreUnavailable>(() => _meter.Statistics.FlushAsync(Aborted));
            await _meter.MendAsync();
            Array.ForEach(some, one => _meter.Statistics.Record(one));
            await _meter.Statistics.FlushAsync(Aborted);
        }

        await AssertHoldsAsync([.. exchanges, .. exchanges]);
    }

    [Fact]
    public async Task The_same_batch_is_added_once_even_when_its_answer_was_lost()
    {
        UsageRow[] batch = [new() { ProjectId = _meter.Project.ToString(), Requests = 1 }];

        var first = await _meter.Store.AddAsync("writer", 7, 0, batch);
        var again = await _meter.Store.AddAsync("writer", 7, 0, batch);
        var next = await _meter.Store.AddAsync("writer", 8, 0, batch);
        var others = await _meter.Store.AddAsync("another", 7, 0, batch);

        Assert.Equal((true, false, true, true), (first, again, next, others));
        Assert.Equal(3, (await _meter.SumAsync(UsageInterval.Minute)).Requests);
    }

    [Fact]
    public async Task It_is_written_about_once_a_second_and_at_the_end()
    {
        await _meter.Statistics.StartAsync(Aborted);
        _meter.Statistics.Record(_meter.Exchange());
        while ((await _meter.SumAsync(UsageInterval.Minute)).Requests == 0)
        {
            // Again and again: the background may not have begun to wait for the clock yet.
            _meter.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        _meter.Statistics.Record(_meter.Exchange());
        await _meter.Statistics.StopAsync(Aborted);

        Assert.Equal(2, (await _meter.SumAsync(UsageInterval.Minute)).Requests);
    }

    [Fact]
    public async Task A_restart_goes_on_with_the_sums_that_are_there()
    {
        _meter.Statistics.Record(_meter.Exchange());
        await _meter.Statistics.StopAsync(Aborted);
        await using var restarted = await Meter.StartAsync(_folder);

        restarted.Statistics.Record(_meter.Exchange());
        await restarted.Statistics.FlushAsync(Aborted);

        Assert.Equal(2, (await restarted.SumAsync(UsageInterval.Day)).Requests);
        Assert.Equal(1, await restarted.CountAsync(UsageInterval.Minute));
    }

    [Fact]
    public async Task The_statistics_of_a_project_go_with_it_and_hold_up_nobody()
    {
        var other = await _meter.GivenAProjectAsync("other");
        _meter.Statistics.Record(_meter.Exchange());
        _meter.Statistics.Record(_meter.Exchange() with { ProjectId = other });
        await _meter.Statistics.FlushAsync(Aborted);

        await _meter.Projects.DeleteAsync(_meter.Project);
        _meter.Statistics.Record(_meter.Exchange());
        _meter.Statistics.Record(_meter.Exchange() with { ProjectId = other });
        await _meter.Statistics.FlushAsync(Aborted);

        foreach (var table in Tables)
        {
            var rows = await _meter.RowsAsync(table, new UsageQuery { ByProject = true });
            Assert.Equal([(other.ToString(), 2L)], rows.Select(static row => (row.ProjectId, row.Requests)));
        }
    }

    [Fact]
    public async Task What_belongs_to_nobody_is_not_recorded()
    {
        _meter.Statistics.Record(_meter.Exchange() with { ProjectId = Guid.Empty });
        await _meter.Statistics.FlushAsync(Aborted);

        Assert.Equal(0, await _meter.CountAsync(UsageInterval.Day));
    }

    [Theory]
    [InlineData("Minute", 400, 7)]
    [InlineData("Hour", 400, 90)]
    [InlineData("Day", 400, 400)]
    [InlineData("Minute", 2, 2)]
    [InlineData("Hour", 2, 2)]
    [InlineData("Day", 2, 2)]
    public async Task Each_table_is_kept_for_its_time(string name, int retention, int days)
    {
        var table = Enum.Parse<UsageInterval>(name);
        await using var meter = await Meter.StartAsync(_folder, TimeSpan.FromDays(retention));
        var begin = table.Floor((Meter.Noon - TimeSpan.FromDays(days)).ToUnixTimeMilliseconds());
        meter.Statistics.Record(meter.Exchange() with { Time = begin - 1, Model = "gone" });
        meter.Statistics.Record(meter.Exchange() with { Time = begin, Model = "kept" });
        await meter.Statistics.FlushAsync(Aborted);

        await meter.Statistics.SweepAsync();

        var rows = await meter.RowsAsync(table, new UsageQuery { ByModel = true });
        Assert.Equal("kept", Assert.Single(rows).Model);
    }

    [Fact]
    public async Task Deleting_goes_in_steps_until_nothing_is_left_to_delete()
    {
        for (var minute = 0; minute < 2_500; minute++)
        {
            _meter.Statistics.Record(_meter.Exchange(Meter.Noon - TimeSpan.FromDays(8) - TimeSpan.FromMinutes(minute)));
        }

        await _meter.Statistics.FlushAsync(Aborted);

        bool[] more = [await SweepAsync(), await SweepAsync(), await SweepAsync()];

        Assert.Equal([true, true, false], more);
        Assert.Equal(0, await _meter.CountAsync(UsageInterval.Minute));
        Assert.Equal(2_500, (await _meter.SumAsync(UsageInterval.Hour)).Requests);

        Task<bool> SweepAsync() => _meter.Statistics.SweepAsync();
    }

    [Fact]
    public async Task Recording_allocates_nothing_and_does_not_wait()
    {
        var exchange = _meter.Exchange();
        for (var i = 0; i < 8_192; i++)
        {
            _meter.Statistics.Record(exchange);
        }

        await _meter.Statistics.FlushAsync(Aborted);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            _meter.Statistics.Record(exchange);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private ExchangeUsage[] GivenExchanges(int count) =>
        [.. AnyExchange.Array[count].Single().Select(one => one with { ProjectId = _meter.Project })];

    private async Task AssertHoldsAsync(IReadOnlyCollection<ExchangeUsage> exchanges)
    {
        var expected = new UsageRow();
        foreach (var exchange in exchanges)
        {
            expected.Add(exchange);
        }

        foreach (var table in Tables)
        {
            Assert.Equivalent(expected, await _meter.SumAsync(table), strict: true);
        }
    }
}

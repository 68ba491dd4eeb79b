using LlmProxy.Limits;
using LlmProxy.Tests.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class CacheHitsTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Shows_what_a_token_and_its_project_were_answered_from_the_cache()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var project = await instance.GivenAProjectAsync();
        var (one, other) = (await instance.GivenATokenAsync(project), await instance.GivenATokenAsync(project));
        Record(instance, one, 3);
        Record(instance, other, 4);

        var rows = (await instance.RowOfAsync(one), await instance.RowOfAsync(other));
        var tenant = await instance.Projects.FindAsync(project, Aborted);

        Assert.Equal((3, 4), (rows.Item1.CacheHitCount, rows.Item2.CacheHitCount));
        Assert.Equal((7, 0), (tenant!.CacheHitCount, tenant.RequestCount));
        Assert.Equal(instance.Clock.GetUtcNow(), rows.Item1.LastUsedAt);
        Assert.Equal(instance.Clock.GetUtcNow(), tenant.LastUsedAt);
    }

    [Fact]
    public async Task Counts_each_hit_once_whatever_is_written_meanwhile()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var hits = instance.Get<CacheHits>();
        var recorders = Enumerable.Range(0, 4)
            .Select(_ => Task.Run(() => Record(instance, token, 20_000), Aborted)).ToList();

        while (!recorders.TrueForAll(static recorder => recorder.IsCompleted))
        {
            // Twice, so that counters are found idle and closed under the recorders' hands.
            await hits.FlushAsync();
            await hits.FlushAsync();
        }

        await Task.WhenAll(recorders);
        Assert.Equal(80_000, (await instance.RowOfAsync(token)).CacheHitCount);
    }

    [Fact]
    public async Task Has_written_everything_when_it_has_stopped()
    {
        TestToken token;
        await using (var instance = await Instance.StartAsync(_folder))
        {
            token = await instance.GivenATokenAsync();
            Record(instance, token, 5);
            await instance.Get<CacheHits>().StopAsync(Aborted);
        }

        await using var next = await Instance.StartAsync(_folder);
        Assert.Equal(5, (await next.RowOfAsync(token)).CacheHitCount);
    }

    [Fact]
    public async Task Writes_by_itself_about_once_a_second()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var hits = instance.Get<CacheHits>();
        await hits.StartAsync(Aborted);
        Record(instance, token, 2);

        instance.Clock.Advance(TimeSpan.FromSeconds(1));

        // Stopping waits for the tick that is under way, and then there is nothing left to write.
        await hits.StopAsync(Aborted);
        Assert.Equal(2, (await instance.RowOfAsync(token)).CacheHitCount);
    }

    [Fact]
    public async Task Loses_and_repeats_nothing_while_the_store_is_away()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var hits = instance.Get<CacheHits>();

        await RunAsync(instance, "ALTER TABLE projects RENAME TO projects_away");
        Record(instance, token, 2);
        await hits.FlushAsync();
        await hits.FlushAsync();
        Record(instance, token, 3);
        await RunAsync(instance, "ALTER TABLE projects_away RENAME TO projects");

        Assert.Equal(5, (await instance.RowOfAsync(token)).CacheHitCount);
    }

    [Fact]
    public async Task Forgets_who_was_not_answered_for_a_while()
    {
        await using var instance = await Instance.StartAsync(_folder);
        using var hits = new CacheHits(instance.Get<CacheHitStore>(), instance.Clock, NullLogger<CacheHits>.Instance)
        {
            TokensMax = 1,
        };
        var (one, other) = (await instance.GivenATokenAsync(), await instance.GivenATokenAsync());

        hits.Record(one.Id, one.Project);
        hits.Record(other.Id, other.Project);
        await hits.FlushAsync();
        await hits.FlushAsync();
        hits.Record(other.Id, other.Project);
        await hits.FlushAsync();

        Assert.Equal(1, (await instance.RowOfAsync(one)).CacheHitCount);
        Assert.Equal(1, (await instance.RowOfAsync(other)).CacheHitCount);
    }

    [Fact]
    public async Task A_grant_follows_what_its_token_says_of_the_cache()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        var grant = await instance.GrantOfAsync(token);
        var before = grant.MayUseCache;

        await instance.Issuer.ChangeAsync(
            token.Id, new LlmProxy.Tokens.TokenChange(null, null, null) { UseCache = false });

        Assert.Equal((true, false), (before, grant.MayUseCache));
        Assert.False((await instance.RowOfAsync(token)).UseCache);
    }

    private static void Record(Instance instance, TestToken token, int times)
    {
        var hits = instance.Get<CacheHits>();
        for (var i = 0; i < times; i++)
        {
            hits.Record(token.Id, token.Project);
        }
    }

    private static Task<int> RunAsync(Instance instance, string statement) =>
        instance.Database.WriteAsync((connection, _) => Sql.Run(connection, statement));
}

using System.Data.Common;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Storage;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class LeaseTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(33)]
    [InlineData(1_000)]
    public async Task Serves_as_many_requests_as_the_limit_says(int maxRequests)
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests);

        var spent = await instance.SpendAllAsync(token);

        Assert.Equal(maxRequests, spent);
        Assert.Equal(maxRequests, (await instance.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Counts_once_what_was_in_a_transaction_that_could_not_be_committed()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        for (var i = 0; i < 10; i++)
        {
            Assert.True(await instance.TrySpendAsync(token));
        }

        // While the writer is held up, what comes gathers in one transaction, which then fails at its commit.
        using var gate = new ManualResetEventSlim();
        var begun = new TaskCompletionSource();
        var holding = instance.Database.WriteAsync((_, _) =>
        {
            begun.SetResult();
            return gate.Wait(TimeSpan.FromSeconds(10));
        });
        await begun.Task;
        var poison = instance.Database.WriteAsync(BreakTheCommit);
        var settling = instance.Leases.SettleAsync();
        gate.Set();

        Assert.True(await holding);
        await Assert.ThrowsAsync<StoreUnavailable>(() => poison);
        await settling;
        Assert.Equal(10, (await instance.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Gives_the_last_request_to_exactly_one_of_a_hundred_callers()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var grant = await instance.GrantOfAsync(await instance.GivenATokenAsync(maxRequests: 1));

        var refusals = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ =>
            Task.Run(async () => (await Instance.EnterAsync(grant, Aborted)).Refusal)));

        Assert.Single(refusals, static refusal => refusal is null);
        Assert.Equal(99, refusals.Count(IsSpent));
    }

    [Fact]
    public async Task Is_exact_under_500_callers_of_whom_some_leave_and_some_give_back()
    {
        const int MaxRequests = 2_000;
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(MaxRequests);
        var grant = await instance.GrantOfAsync(token);
        var served = 0;

        await Task.WhenAll(Enumerable.Range(0, 500).Select(caller => Task.Run(async () =>
        {
            for (var round = 0; round < 10; round++)
            {
                using var leaving = new CancellationTokenSource();
                var reserving = Instance.EnterAsync(grant, leaving.Token);
                if ((caller + round) % 7 == 0)
                {
                    await leaving.CancelAsync();
                }

                await ((Task)reserving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!reserving.IsCompletedSuccessfully
                    || await reserving is not { Refusal: null, Reservation: var own })
                {
                    continue;
                }

                if ((caller + round) % 5 == 0)
                {
                    own.Release();
                }
                else
                {
                    own.Settle(0, 0);
                    Interlocked.Increment(ref served);
                }
            }
        })));
        served += await instance.SpendAllAsync(token);

        Assert.Equal(MaxRequests, served);
        await instance.StopAsync();
        Assert.Equal(MaxRequests, (await instance.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Is_exact_across_two_instances()
    {
        const int MaxRequests = 1_500;
        await using var first = await Instance.StartAsync(_folder);
        await using var second = await Instance.StartAsync(_folder);
        var token = await first.GivenATokenAsync(MaxRequests);

        var spent = await Task.WhenAll(
            Enumerable.Range(0, 20)
                .Select(number => Task.Run(() => (number % 2 == 0 ? first : second).SpendAllAsync(token))));
        await first.StopAsync();
        await second.StopAsync();
        first.Clock.Advance(TimeSpan.FromSeconds(1));

        // What one had leased while the other found nothing is there for both again.
        Assert.Equal(MaxRequests, spent.Sum() + await first.SpendAllAsync(token));
        Assert.Equal(MaxRequests, (await first.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Never_spends_more_than_the_limit_when_it_is_killed_again_and_again()
    {
        const int MaxRequests = 300;
        await using var issuing = await Instance.StartAsync(_folder);
        var token = await issuing.GivenATokenAsync(MaxRequests);
        var (spent, killed) = (0, 0);
        while (killed < 20)
        {
            await using var instance = await Instance.StartAsync(_folder);
            for (var i = 0; i < 10 && await instance.TrySpendAsync(token); i++)
            {
                spent++;
            }

            killed++;
        }

        spent += await issuing.SpendAllAsync(token);

        Assert.InRange(spent, 20, MaxRequests);
    }

    [Fact]
    public async Task Serves_a_request_again_that_was_given_back()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var grant = await instance.GrantOfAsync(await instance.GivenATokenAsync(maxRequests: 1));
        var (reservation, _) = await Instance.EnterAsync(grant, Aborted);
        Assert.True(IsSpent((await Instance.EnterAsync(grant, Aborted)).Refusal));

        reservation.Release();

        Assert.Null((await Instance.EnterAsync(grant, Aborted)).Refusal);
        Assert.True(IsSpent((await Instance.EnterAsync(grant, Aborted)).Refusal));
    }

    [Fact]
    public async Task Follows_a_limit_that_is_raised()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 2);
        await instance.SpendAllAsync(token);

        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 5 }, null));

        Assert.Equal(3, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task Has_nothing_left_when_the_limit_is_lowered_below_what_was_spent()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 10_000);
        for (var i = 0; i < 10; i++)
        {
            Assert.True(await instance.TrySpendAsync(token));
        }

        var row = await instance.Issuer.ChangeAsync(
            token.Id, new TokenChange(null, new LimitChange { MaxRequests = 5 }, null));

        Assert.Equal(10, row!.RequestCount);
        Assert.Equal(0, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task Does_not_serve_again_what_was_given_back_when_the_limit_was_lowered_meanwhile()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 100);
        var grant = await instance.GrantOfAsync(token);
        var running = new List<Reservation>();
        for (var i = 0; i < 10; i++)
        {
            var (reservation, refusal) = await Instance.EnterAsync(grant, Aborted);
            Assert.Null(refusal);
            running.Add(reservation);
        }

        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 9 }, null));
        running[0].Release();

        Assert.True(IsSpent((await Instance.EnterAsync(grant, Aborted)).Refusal));
        running[1].Release();
        Assert.Null((await Instance.EnterAsync(grant, Aborted)).Refusal);
    }

    [Fact]
    public async Task Counts_on_when_a_limit_is_taken_away_and_put_back()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 2);
        await instance.SpendAllAsync(token);

        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 0 }, null));
        for (var i = 0; i < 10; i++)
        {
            Assert.True(await instance.TrySpendAsync(token));
        }

        await instance.Issuer.ChangeAsync(token.Id, new TokenChange(null, new LimitChange { MaxRequests = 15 }, null));

        Assert.Equal(3, await instance.SpendAllAsync(token));
        Assert.Equal(15, (await instance.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Shows_what_was_spent_and_not_what_is_leased()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 100_000);
        for (var i = 0; i < 7; i++)
        {
            Assert.True(await instance.TrySpendAsync(token));
        }

        var (released, _) = await instance.EnterAsync(token);
        released.Release();

        Assert.Equal(7, (await instance.RowOfAsync(token)).RequestCount);
    }

    [Fact]
    public async Task Counts_the_requests_of_a_token_without_a_limit_and_when_it_was_used()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync();
        instance.Clock.Advance(TimeSpan.FromMinutes(3));
        var grant = await instance.GrantOfAsync(token);

        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(_ =>
            Task.Run(async () => Assert.Null((await Instance.EnterAsync(grant, Aborted)).Refusal))));
        var (released, _) = await instance.EnterAsync(token);
        released.Release();

        var row = await instance.RowOfAsync(token);
        Assert.Equal(1_000, row.RequestCount);
        Assert.Equal(instance.Clock.GetUtcNow(), row.LastUsedAt);
    }

    [Fact]
    public async Task Refuses_from_memory_what_was_spent_and_asks_again_after_a_second()
    {
        await using var here = await Instance.StartAsync(_folder);
        await using var there = await Instance.StartAsync(_folder);
        var token = await here.GivenATokenAsync(maxRequests: 64);
        var grantThere = await there.GrantOfAsync(token);
        Assert.Null((await Instance.EnterAsync(grantThere, Aborted)).Refusal);
        var spent = await here.SpendAllAsync(token);
        Assert.Equal(62, spent);

        // Two are leased there, one of them is spent; the other one comes back.
        await there.StopAsync();
        var atOnce = await here.SpendAllAsync(token);
        here.Clock.Advance(TimeSpan.FromSeconds(1));
        var later = await here.SpendAllAsync(token);

        Assert.Equal(0, atOnce);
        Assert.Equal(1, later);
    }

    [Fact]
    public async Task Costs_no_store_when_it_is_known_to_be_spent()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 3);
        await instance.SpendAllAsync(token);
        await instance.Database.DisposeAsync();

        Assert.True(IsSpent((await instance.EnterAsync(token)).Refusal));
    }

    [Fact]
    public async Task Refuses_and_does_not_guess_when_the_store_is_not_there()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var grant = await instance.GrantOfAsync(await instance.GivenATokenAsync(maxRequests: 3));
        await instance.Database.DisposeAsync();

        Assert.Same(Refusal.StoreUnavailable, (await Instance.EnterAsync(grant, Aborted)).Refusal);
    }

    [Fact]
    public async Task Returns_its_lease_when_the_token_rests()
    {
        await using var here = await Instance.StartAsync(_folder);
        await using var there = await Instance.StartAsync(_folder);
        var token = await here.GivenATokenAsync(maxRequests: 10_000);
        Assert.True(await here.TrySpendAsync(token));
        Assert.True((await there.RowOfAsync(token)).RequestCount > 1);
        await here.Leases.StartAsync(Aborted);

        var deadline = TimeProvider.System.GetTimestamp();
        while ((await there.RowOfAsync(token)).RequestCount != 1)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(20), "It kept its lease.");
            here.Clock.Advance(TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(9_999, await here.SpendAllAsync(token));
    }

    [Fact]
    public async Task Writes_down_by_itself_what_an_unlimited_token_spent()
    {
        await using var here = await Instance.StartAsync(_folder);
        await using var there = await Instance.StartAsync(_folder);
        var token = await here.GivenATokenAsync();
        Assert.True(await here.TrySpendAsync(token));
        await here.Leases.StartAsync(Aborted);

        var deadline = TimeProvider.System.GetTimestamp();
        while ((await there.RowOfAsync(token)).RequestCount != 1)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < TimeSpan.FromSeconds(20), "It was not written.");
            here.Clock.Advance(TimeSpan.FromMilliseconds(500));
        }
    }

    private static bool IsSpent(Refusal? refusal) => refusal?.Code == Refusal.AllowanceSpent.Code;

    /// <summary>Leaves a token without a project, which SQLite sees only when the transaction is to end.</summary>
#pragma warning disable MA0045 // The writer's work is synchronous: it has a thread of the pool to itself.
    private static int BreakTheCommit(DbConnection connection, DbTransaction transaction)
    {
        using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = """
            PRAGMA defer_foreign_keys = ON;
            INSERT INTO tokens
                (id, hash, project_id, is_active, expires_at, request_count, created_at, updated_at, version)
            VALUES ('t', 'h', 'nobody', 1, 0, 0, 0, 0, 1)
            """;
        return command.ExecuteNonQuery();
    }
#pragma warning restore MA0045
}

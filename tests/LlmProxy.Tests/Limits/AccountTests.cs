using LlmProxy.Limits;
using LlmProxy.Tests.Storage;
using LlmProxy.Tokens;
using Xunit;

namespace LlmProxy.Tests.Limits;

public sealed class AccountTests : IDisposable
{
    private readonly DatabaseFolder _folder = new();

    private static CancellationToken Aborted => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task At_rest_it_tells_what_remains_and_spends_on_from_there()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 10);
        var account = (await instance.GrantOfAsync(token)).Account;
        Assert.True(await instance.TrySpendAsync(token));
        Assert.True(await instance.TrySpendAsync(token));
        Assert.True(await instance.TrySpendAsync(token));
        var awake = account.Terms;

        await instance.StopAsync();

        Assert.NotSame(awake, account.Terms);
        Assert.Equal((7, 7), (awake.Requests!.Remaining, account.Terms.Requests!.Remaining));
        Assert.Equal(3, (await instance.RowOfAsync(token)).RequestCount);
        Assert.Equal(7, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task At_rest_it_follows_a_change_of_its_limits()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var token = await instance.GivenATokenAsync(maxRequests: 10);
        Assert.True(await instance.TrySpendAsync(token));
        await instance.StopAsync();

        await instance.Issuer.ChangeAsync(
            token.Id, new TokenChange(null, new LimitChange { MaxRequests = 3 }, null));

        Assert.Equal(2, (await instance.GrantOfAsync(token)).Account.Terms.Requests!.Remaining);
        Assert.Equal(2, await instance.SpendAllAsync(token));
    }

    [Fact]
    public async Task Does_not_rest_while_a_window_remembers_something()
    {
        await using var instance = await Instance.StartAsync(_folder);
        var row = new StoredToken { RequestsPerMinute = 60 };
        var account = new Account(AccountId.OfToken(Guid.Empty), row, row.Spent, instance.Leases);
        var hold = new Hold(account, isTrial: false);
        Assert.Null(hold.TryEnter());
        hold.Leave();
        hold.Settle(0, 0);

        await instance.StopAsync();
        var soon = account.Terms.RequestsPerMinute!.Remaining;
        instance.Clock.Advance(TimeSpan.FromSeconds(1));
        await instance.StopAsync();

        Assert.Equal((59, 60), (soon, account.Terms.RequestsPerMinute!.Remaining));
        Assert.NotSame(account.Terms, account.Terms);
    }

    [Fact]
    public async Task Nothing_is_lost_between_who_uses_it_and_who_lays_it_to_rest()
    {
        const int each = 50_000;
        await using var instance = await Instance.StartAsync(_folder);
        var row = new StoredToken { MaxConcurrent = 3 };
        var account = new Account(AccountId.OfToken(Guid.Empty), row, row.Spent, instance.Leases);
        using var done = new CancellationTokenSource();
        var (debts, rests) = (0L, 0);
        var settling = Task.Run(SettleAllTheTime, Aborted);

        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(Use, Aborted)));

        await done.CancelAsync();
        await settling;
        Assert.Equal(2 * each, debts + account.TakeDebt(Unit.Tokens));
        Assert.True(rests > 0);

        void Use()
        {
            for (var i = 0; i < each; i++)
            {
                account.Hold(isTrial: true);
                account.Owe(Unit.Tokens, 1);
                account.LetGo();

                // Held most of the time, it would never rest.
                Thread.SpinWait(200);
            }
        }

        void SettleAllTheTime()
        {
            while (!done.IsCancellationRequested)
            {
                var debt = account.TakeDebts(0, isTick: false, now: 0).Tokens;
                var terms = account.Terms;
                account.RestIfSettled(0);
                debts += debt;

                // At rest they are made anew for each who looks.
                rests += debt > 0 && !ReferenceEquals(terms, account.Terms) ? 1 : 0;
            }
        }
    }
}

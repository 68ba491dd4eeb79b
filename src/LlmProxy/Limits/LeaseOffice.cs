using System.Collections.Concurrent;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// Between allowances and the store: fetches leases, writes counts behind twice a second, and brings everything unspent
/// back when a token rests or the server stops.
/// </summary>
internal sealed class LeaseOffice(LeaseStore store, TimeProvider clock, ILogger<LeaseOffice> logger) : BackgroundService
{
    private const long LeaseMax = 256;

    // A lease is this part of what remains: a crash forfeits 3 % of a token at most, and the last ones come one by one.
    private const long LeaseShare = 32;

    // So many at a time, so that they leave other writers their turn.
    private const int DebtsMax = 1_000;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    /// <summary>After so many ticks without a request, a lease goes back.</summary>
    private const int IdleTicks = 4;

    // Allowances of which the store does not know everything.
    private readonly ConcurrentDictionary<Guid, Allowance> _watched = new();

    // Who settles holds it, so that who comes after finds everything settled.
    private readonly SemaphoreSlim _settling = new(1, 1);

    public long Now => clock.GetTimestamp();

    public TimeSpan Since(long timestamp) => clock.GetElapsedTime(timestamp);

    /// <summary>
    /// The allowance of a token that comes into use. One that still has something unsettled is used on.
    /// </summary>
    public Allowance For(Guid tokenId, bool isLimited) =>
        _watched.TryGetValue(tokenId, out var known) ? known : new Allowance(tokenId, isLimited, this);

    /// <summary>By how much the store's count of a token is ahead of what was really spent.</summary>
    public long UnspentOf(Guid tokenId) => _watched.TryGetValue(tokenId, out var known) ? known.Unspent : 0;

    public void Watch(Allowance allowance) => _watched.TryAdd(allowance.TokenId, allowance);

    public void Unwatch(Allowance allowance) => _watched.TryRemove(KeyValuePair.Create(allowance.TokenId, allowance));

    /// <summary>Settles the debt and fetches a lease; 0 when nothing is left.</summary>
    /// <param name="tokenId">Whose lease.</param>
    /// <param name="debt">What the store must add to the count first.</param>
    /// <param name="waiting">How many requests wait for it; they get one each, if so many are left.</param>
    public async Task<long> LeaseAsync(Guid tokenId, long debt, int waiting)
    {
        try
        {
            return await store.LeaseAsync(
                new Debt(tokenId.ToString(), debt, clock.GetUtcNow().ToUnixTimeMilliseconds()),
                remaining => Math.Clamp(Math.Max(remaining / LeaseShare, waiting), 1, Math.Min(remaining, LeaseMax)));
        }
        catch (StoreUnavailable failure)
        {
            logger.LeaseFailed(failure, tokenId);
            throw;
        }
    }

    /// <summary>Writes down what was spent, so that the store's count, less what is unspent, is the truth.</summary>
    public Task SettleAsync() => SettleAsync(idleTicks: IdleTicks, isTick: false);

    /// <summary>Called when no request runs any more: nothing that was counted in advance is kept.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await SettleAsync(idleTicks: 0, isTick: false);
    }

    public override void Dispose()
    {
        _settling.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await SettleAsync(IdleTicks, isTick: true);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: StopAsync settles the rest.
        }
    }

    private async Task SettleAsync(int idleTicks, bool isTick)
    {
        if (_watched.IsEmpty)
        {
            return;
        }

        await _settling.WaitAsync();
        try
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            foreach (var allowances in _watched.Values.Chunk(DebtsMax))
            {
                await SettleAsync(allowances, [.. allowances.Select(one => one.TakeDebt(idleTicks, isTick, now))]);
            }
        }
        finally
        {
            _settling.Release();
        }
    }

    private async Task SettleAsync(Allowance[] allowances, Debt[] debts)
    {
        try
        {
            await store.SettleAsync([.. debts.Where(static debt => debt is not { Requests: 0, UsedAt: null })]);
        }
        catch (StoreUnavailable failure)
        {
            logger.SettlingFailed(failure, debts.Length);
            if (!failure.MayHaveHappened)
            {
                foreach (var (allowance, debt) in allowances.Zip(debts))
                {
                    allowance.PutBack(debt);
                }
            }
        }

        foreach (var allowance in allowances)
        {
            allowance.RestIfSettled();
        }
    }
}

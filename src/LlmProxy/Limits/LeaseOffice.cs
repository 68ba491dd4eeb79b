using System.Collections.Concurrent;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// Between allowances and the store: fetches leases, writes counts behind, and brings everything that is unspent back
/// when a token rests or the server stops.
/// </summary>
internal sealed class LeaseOffice(Database database, TimeProvider clock, ILogger<LeaseOffice> logger) : BackgroundService
{
    private const long LeaseMax = 256;

    // A lease is this part of what remains: a crash forfeits 3 % of a token at most, and the last requests come one by one.
    private const long LeaseShare = 32;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(10);

    // Allowances of which the store does not know everything.
    private readonly ConcurrentDictionary<Guid, Allowance> _watched = new();

    public long Now => clock.GetTimestamp();

    public TimeSpan Since(long timestamp) => clock.GetElapsedTime(timestamp);

    /// <summary>The allowance of a token that comes into use. One that still has something unspent is used on.</summary>
    public Allowance For(Guid tokenId, bool isLimited) =>
        _watched.TryGetValue(tokenId, out var known) ? known : new Allowance(tokenId, isLimited, this);

    /// <summary>By how much the store's count of a token is ahead of the truth.</summary>
    public long UnspentOf(Guid tokenId) => _watched.TryGetValue(tokenId, out var known) ? known.Unspent : 0;

    public void Watch(Allowance allowance) => _watched.TryAdd(allowance.TokenId, allowance);

    /// <summary>Gives one request back to the store itself, because the lease that it came from is void.</summary>
    public void GiveBack(Guid tokenId) => _ = TryCountAsync(tokenId, -1);

    /// <summary>Null when the store is not there, 0 when nothing is left.</summary>
    public async Task<long?> TryLeaseAsync(Guid tokenId)
    {
        var (id, now) = (tokenId.ToString(), clock.GetUtcNow().ToUnixTimeMilliseconds());
        try
        {
            return await database.WriteAsync((connection, transaction) =>
            {
                var remaining = LeaseStore.Remaining(connection, transaction, id) ?? 0;
                var lease = Math.Clamp(remaining / LeaseShare, 1, LeaseMax);
                return remaining > 0 && LeaseStore.TryAdvance(connection, transaction, id, lease, now) ? lease : 0;
            });
        }
        catch (StoreUnavailable failure)
        {
            logger.LeaseFailed(failure, tokenId);
            return null;
        }
    }

    public async Task<bool> TryCountAsync(Guid tokenId, long requests)
    {
        var id = tokenId.ToString();
        long? now = requests > 0 ? clock.GetUtcNow().ToUnixTimeMilliseconds() : null;
        try
        {
            return await database.WriteAsync((connection, transaction) =>
            {
                LeaseStore.Add(connection, transaction, id, requests, now);
                return true;
            });
        }
        catch (StoreUnavailable failure)
        {
            logger.CountFailed(failure, tokenId, requests);
            return false;
        }
    }

    /// <summary>Called when no request runs any more: nothing that was counted in advance is kept.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await SettleAsync(TimeSpan.Zero);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Tick, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await SettleAsync(Idle);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: StopAsync settles the rest.
        }
    }

    /// <summary>All at once, so that the writer can put them into one transaction.</summary>
    private Task SettleAsync(TimeSpan idle) =>
        Task.WhenAll(_watched.Values.Select(async allowance =>
        {
            if (!await allowance.SettleAsync(idle))
            {
                _watched.TryRemove(allowance.TokenId, out _);
                if (allowance.Unspent != 0)
                {
                    Watch(allowance);
                }
            }
        }));
}

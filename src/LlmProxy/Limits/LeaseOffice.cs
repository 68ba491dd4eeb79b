using System.Collections.Concurrent;
using LlmProxy.Storage;

namespace LlmProxy.Limits;

/// <summary>
/// Between accounts and the store: fetches leases, writes counts behind twice a second, and brings everything unspent
/// back when a token rests or the server stops.
/// </summary>
internal sealed class LeaseOffice(LeaseStore store, TimeProvider clock, ILogger<LeaseOffice> logger) : BackgroundService
{
    // A lease is this part of what remains: a crash forfeits 3 % of a limit at most, and the last ones come one by one.
    private const long LeaseShare = 32;

    // So many at a time, so that they leave other writers their turn.
    private const int DebtsMax = 1_000;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    /// <summary>After so many ticks without a request, a lease goes back.</summary>
    private const int IdleTicks = 4;

    // At most so much at a time beyond what is asked for: requests, tokens, micro-dollars. Each fetch wakes the thread
    // pool and writes: with 256 requests that was 6 µs CPU a request at 20,000 a second.
    private static readonly long[] LeaseMax = [8_192, 1 << 20, 1_000_000];

    // Accounts that are awake: the store does not know everything of them, or their windows remember something.
    private readonly ConcurrentDictionary<AccountId, Account> _watched = new();

    // Who settles holds it, so that who comes after finds everything settled.
    private readonly SemaphoreSlim _settling = new(1, 1);

    /// <summary>Held while a lease decides whether to fetch: rare, short, and never across a wait.</summary>
    public Lock Fetching { get; } = new();

    /// <summary>
    /// Held while an account wakes up, comes to rest or gets other limits: short, never across a wait.
    /// </summary>
    public Lock Resting { get; } = new();

    public long Now => clock.GetTimestamp();

    public TimeSpan Since(long timestamp) => clock.GetElapsedTime(timestamp);

    /// <summary>
    /// The account of an owner that comes into use. One that still has something unsettled is used on.
    /// </summary>
    /// <param name="id">The owner.</param>
    /// <param name="row">Its limits, as they were just read.</param>
    /// <param name="spent">What the store says was spent.</param>
    public Account For(AccountId id, IStoredLimits row, in Amounts spent)
    {
        if (!_watched.TryGetValue(id, out var known))
        {
            return new Account(id, row, spent, this);
        }

        known.Follow(row, spent);
        return known;
    }

    public Lease? LeaseFor(Account account, Unit unit, long? max, in Amounts spent) =>
        max is { } limit ? new Lease(account, unit, limit, limit - spent[(int)unit], this) : null;

    /// <summary>
    /// A window for a limit. One with the same limit goes on; another one passes on what it remembers.
    /// </summary>
    public RateWindow? WindowFor(long? perMinute, RateWindow? old) =>
        perMinute is not { } limit ? null
        : old is null ? new RateWindow(limit, clock)
        : old.PerMinute == limit ? old
        : new RateWindow(limit, clock, taken: old.PerMinute - old.Remaining);

    /// <summary>What an owner has really used: what the store counts, less what was leased and not spent.</summary>
    public (long Requests, long Tokens, long Cost) UsedOf(AccountId id, in Amounts counted)
    {
        var unspent = _watched.TryGetValue(id, out var known) ? known.Unspent() : default;
        return (Used(counted, Unit.Requests), Used(counted, Unit.Tokens), Used(counted, Unit.Cost));

        long Used(in Amounts counts, Unit unit) => Math.Max(0, counts[(int)unit] - unspent[(int)unit]);
    }

    public void Watch(Account account) => _watched.TryAdd(account.Id, account);

    public void Unwatch(Account account) => _watched.TryRemove(KeyValuePair.Create(account.Id, account));

    /// <summary>Settles the debt and fetches a lease.</summary>
    /// <param name="account">Whose lease.</param>
    /// <param name="unit">Of what.</param>
    /// <param name="debt">What the store must add to the count first.</param>
    /// <param name="over">What it must add as far as the limit allows.</param>
    /// <param name="wanted">What the requests that wait for it want together.</param>
    public async Task<Leased> LeaseAsync(AccountId account, Unit unit, long debt, long over, long wanted)
    {
        try
        {
            return await store.LeaseAsync(account, unit, debt, over, SizeOf);
        }
        catch (StoreUnavailable failure)
        {
            logger.LeaseFailed(failure, account.Kind, account.Id);
            throw;
        }

        long SizeOf(long remaining)
        {
            var share = Math.Min(remaining / LeaseShare, LeaseMax[(int)unit]);
            return Math.Clamp(Math.Max(share, wanted), 1, remaining);
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
            foreach (var accounts in _watched.Select(static one => one.Value).Chunk(DebtsMax))
            {
                await SettleAsync(accounts, [.. accounts.Select(one => one.TakeDebts(idleTicks, isTick, now))]);
                Array.ForEach(accounts, one => one.RestIfSettled(idleTicks));
            }
        }
        finally
        {
            _settling.Release();
        }
    }

    private async Task SettleAsync(Account[] accounts, Debt[] debts)
    {
        var owed = accounts.Zip(debts).Where(static one => !one.Second.IsNothing).ToList();
        try
        {
            if (owed.Count > 0)
            {
                await store.SettleAsync(Of(AccountKind.Token), Of(AccountKind.Project));
            }
        }
        catch (StoreUnavailable failure)
        {
            logger.SettlingFailed(failure, owed.Count);
            if (!failure.MayHaveHappened)
            {
                owed.ForEach(static one => one.First.PutBack(one.Second));
            }
        }

        List<Debt> Of(AccountKind kind) =>
            [.. owed.Where(one => one.First.Id.Kind == kind).Select(static one => one.Second)];
    }
}

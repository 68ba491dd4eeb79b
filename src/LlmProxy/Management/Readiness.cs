namespace LlmProxy.Management;

/// <summary>
/// Knows whether this instance should be sent requests: its store answers in time, and it is not shutting down.
/// An answer serves every probe of the next second, so that probing, which anybody may do, is no load on the store.
/// </summary>
internal sealed class Readiness(Func<CancellationToken, Task> askStore, TimeProvider clock, ILogger<Readiness> logger)
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private volatile bool _isDraining;
    private Task<bool>? _check;
    private DateTimeOffset _askedAt;

    /// <summary>Set when shutdown begins: load balancers turn away while running requests are finished.</summary>
    public bool IsDraining
    {
        get => _isDraining;
        set => _isDraining = value;
    }

    public async ValueTask<bool> IsReadyAsync(CancellationToken aborted) =>
        !IsDraining && await SharedCheck().WaitAsync(aborted);

    private Task<bool> SharedCheck()
    {
        lock (_lock)
        {
            var now = clock.GetUtcNow();
            if (_check is null || (_check.IsCompleted && now - _askedAt >= Freshness))
            {
                _askedAt = now;
                _check = CheckAsync();
            }

            return _check;
        }
    }

    private async Task<bool> CheckAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline, clock);
        try
        {
            // On the pool, because a database driver may block where its interface says it waits.
            await Task.Run(() => askStore(deadline.Token), deadline.Token).WaitAsync(deadline.Token);
            return true;
        }
#pragma warning disable CA1031 // Whatever the reason, the answer is "not ready", and the log says why.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            logger.StoreIsNotReady(failure);
            return false;
        }
    }
}

using LlmProxy.Projects;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>
/// Hears of what other instances on the same database change, twice a second: a token that is revoked there ends here
/// within a second.
/// </summary>
internal sealed partial class ChangeWatch(
    Database database, TokenGate gate, TokenIssuer tokens, ProjectDirectory projects, TimeProvider clock, ILogger<ChangeWatch> logger)
    : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        try
        {
            var seen = await FollowAsync(null, stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                seen = await FollowAsync(seen, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task<long?> FollowAsync(long? seen, CancellationToken stop)
    {
        try
        {
            var from = seen ?? 0;
            var changes = await database.ReadAsync(connection => ChangeStore.Since(connection, from), stop);
            foreach (var change in changes.Where(_ => seen is not null))
            {
                await ApplyAsync(change, stop);
            }

            return changes.Count > 0 ? changes[^1].Number : from;
        }
        catch (StoreUnavailable failure)
        {
            LogBlind(logger, failure);
            return seen;
        }
    }

    private async Task ApplyAsync(Change change, CancellationToken stop)
    {
        var id = Guid.Parse(change.Id);
        if (change.Kind == ChangeStore.Token)
        {
            await tokens.ReloadAsync(id, stop);
            return;
        }

        // Each by what the store says of it now: a token that was issued after the others were revoked lives.
        await projects.ReloadAsync(id, stop);
        foreach (var grant in gate.GrantsOf(id))
        {
            await tokens.ReloadAsync(grant.TokenId, stop);
        }
    }

    [LoggerMessage(1001, LogLevel.Warning, "Changes of other instances could not be read")]
    private static partial void LogBlind(ILogger logger, Exception failure);
}

using LlmProxy.Projects;
using LlmProxy.Storage;

namespace LlmProxy.Tokens;

/// <summary>
/// Hears twice a second of what was changed by other instances on the same database: a token that is revoked there ends
/// here within a second. It also ends what runs under the tokens of a project that was deleted here.
/// </summary>
internal sealed class ChangeWatch(
    ChangeStore changes, TokenIssuer tokens, ProjectDirectory projects, LiveProjects live, TimeProvider clock,
    ILogger<ChangeWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    // Touched by the loop alone, once it runs.
    private long _seen;

    /// <summary>Before the first request: whatever is read from the store later is at least as new as this.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        _seen = await changes.LastAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>Follows everything that was changed since the last time.</summary>
    public async Task CatchUpAsync(CancellationToken stop)
    {
        try
        {
            while (await changes.SinceAsync(_seen, stop) is [var first, ..] page)
            {
                if (first.Number > _seen + 1)
                {
                    // Some are gone already: this process was held up for longer than they are kept.
                    await FollowEverythingAsync(stop);
                }

                foreach (var change in page)
                {
                    await FollowAsync(change, stop);
                    _seen = change.Number;
                }
            }
        }
        catch (StoreUnavailable failure)
        {
            logger.ChangesAreUnread(failure);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await CatchUpAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task FollowAsync(StoredChange change, CancellationToken stop)
    {
        var id = Guid.Parse(change.Id);
        switch (change.Kind)
        {
            case ChangeStore.Token:
                await tokens.ReloadAsync(id, stop);
                break;
            case ChangeStore.TokensOfProject:
                await tokens.ReloadProjectAsync(id, stop);
                break;
            default:
                await projects.ReloadAsync(id, stop);
                await tokens.ReloadProjectAsync(id, stop);
                break;
        }
    }

    private async Task FollowEverythingAsync(CancellationToken stop)
    {
        foreach (var project in live.All)
        {
            await projects.ReloadAsync(project.Id, stop);
        }

        await tokens.ReloadAllAsync(stop);
    }
}

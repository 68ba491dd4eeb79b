using StackExchange.Redis;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// What happens once a second: Redis is tried if it is away, what is owed to it is made up for, and a beat is sent to
/// prove that invalidations would be heard. And what happens when they are.
/// </summary>
internal sealed class RedisPulse(
    RedisLink link, NearStore near, FarStore far, RedisStore store, RedisMetrics metrics,
    TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan SubscribingMax = TimeSpan.FromSeconds(5);

    private bool _isSubscribed;

    /// <summary>Between two beats.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        link.Interrupted = near.Distrust;
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            do
            {
                await link.ProbeAsync(stoppingToken);
                await store.PayAsync(stoppingToken);
                await SubscribeAsync(stoppingToken);
                if (_isSubscribed)
                {
                    await far.PublishBeatAsync(near.Self, near.NextBeat());
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task SubscribeAsync(CancellationToken stop)
    {
        if (_isSubscribed || !link.IsUp || link.Connection is not { } connection)
        {
            return;
        }

        try
        {
            // One message after the other: a beat must not overtake the news before it. From here on the client
            // subscribes again by itself after each interruption.
            var messages = await connection.GetSubscriber().SubscribeAsync(far.Channel)
                .WaitAsync(SubscribingMax, time, stop);
            messages.OnMessage(message => HearAsync((byte[]?)message.Message ?? []));
            _isSubscribed = true;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            // The memory is not used until it succeeds.
            metrics.Failed(RedisFault.Connection);
        }
    }

    private async Task HearAsync(byte[] message)
    {
        switch (far.Open(message))
        {
            case { Chosen: { Project: { } project, Provider: { } provider, Key: { } digest } chosen }:
                await near.ForgetAsync(new CacheKey(project, provider, digest));
                await ForgetUnderOurNamesAsync(message, chosen);
                break;
            case { Chosen: { } chosen }:
                await near.ForgetAsync(chosen, CancellationToken.None);
                await ForgetUnderOurNamesAsync(message, chosen);
                break;
            case { } beat when beat.Sender == near.Self:
                await near.HearAsync(beat.Beat);
                break;
            case null:
                // An instance with a newer key or version may have said it: anything may have changed.
                metrics.Failed(RedisFault.Unreadable);
                await near.ForgetAllAsync();
                break;
        }
    }

    // While the master key is being changed, an instance that still has the old one forgets under the old names only.
    // If Redis does not answer now, it is owed.
    private async Task ForgetUnderOurNamesAsync(byte[] message, CacheSelector chosen)
    {
        if (far.IsFromPreviousKey(message))
        {
            await store.PurgeAsync(chosen, CancellationToken.None);
        }
    }
}

using StackExchange.Redis;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// Forgets what is chosen in Redis. Names tell of which project, provider and request they are; for endpoint and model
/// every entry is opened.
/// </summary>
internal sealed class FarPurge(RedisLink link, EntrySeal seal, FarStore store, RedisMetrics metrics)
{
    private const int BatchKeys = 100;

    // Nobody's request waits for it, and a batch is more than a look-up.
    private static readonly TimeSpan BatchBound = TimeSpan.FromSeconds(2);

    /// <summary>How many answers were forgotten; nothing when Redis did not answer all the way.</summary>
    public async Task<Answer<long>> PurgeAsync(CacheSelector selector, CancellationToken aborted)
    {
        if (selector is { Project: { } project, Provider: { } provider, Key: { } digest })
        {
            var names = store.NamesOf(new CacheKey(project, provider, digest));
            return await PurgeAsync(Array.ConvertAll(names, static name => (RedisKey)name), selector);
        }

        return link.IsUp && link.Connection is { } connection
            ? await SearchAsync(connection, selector, aborted)
            : default;
    }

    private async Task<Answer<long>> SearchAsync(
        ConnectionMultiplexer connection, CacheSelector selector, CancellationToken aborted)
    {
        var purged = 0L;
#pragma warning disable CA1031 // Whatever it is, it is counted, and the caller hears that it is not done.
        try
        {
            foreach (var server in connection.GetServers().Where(static server => !server.IsReplica))
            {
                foreach (var pattern in seal.Keys.Select(keys => keys.PatternOf(selector)))
                {
                    if (await PurgeAsync(server, pattern, selector, aborted) is not { Came: true } some)
                    {
                        return default;
                    }

                    purged += some.Value;
                }
            }

            return new Answer<long>(true, purged);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !aborted.IsCancellationRequested)
        {
            metrics.Failed(RedisFault.Connection);
            return default;
        }
        catch (OperationCanceledException)
        {
            return default;
        }
#pragma warning restore CA1031
    }

    private async Task<Answer<long>> PurgeAsync(
        IServer server, string pattern, CacheSelector selector, CancellationToken aborted)
    {
        var purged = 0L;
        var batch = new List<RedisKey>(BatchKeys);
        var keys = server.KeysAsync(link.DatabaseNumber, pattern, pageSize: BatchKeys).WithCancellation(aborted);
        await foreach (var key in keys)
        {
            batch.Add(key);
            if (batch.Count == BatchKeys)
            {
                var some = await PurgeAsync(batch.ToArray(), selector);
                if (!some.Came)
                {
                    return default;
                }

                purged += some.Value;
                batch.Clear();
            }
        }

        var last = await PurgeAsync(batch.ToArray(), selector);
        return new Answer<long>(last.Came, purged + last.Value);
    }

    private ValueTask<Answer<long>> PurgeAsync(RedisKey[] names, CacheSelector selector) =>
        selector.Endpoint is null && selector.Model is null
            ? link.AskAsync(names, RemoveAllAsync, BatchBound)
            : link.AskAsync(names, (database, chosen) => RemoveChosenAsync(database, chosen, selector), BatchBound);

    private static async Task<long> RemoveAllAsync(IDatabase database, RedisKey[] names)
    {
        var counts = Array.ConvertAll(names, name => database.HashLengthAsync(name));
        var removed = names.Length == 0 ? Task.FromResult(0L) : database.KeyDeleteAsync(names);
        await Task.WhenAll([removed, .. counts]);
        return (await Task.WhenAll(counts)).Sum();
    }

    private async Task<long> RemoveChosenAsync(IDatabase database, RedisKey[] names, CacheSelector selector)
    {
        // What the pattern has chosen already is not asked again.
        var rest = selector with { Project = null, Provider = null, Key = null };
        var purged = 0L;
        foreach (var name in names)
        {
            var bytes = (byte[])name!;
            var entries = await database.HashGetAllAsync(name);
            var fields = entries
                .Where(entry => store.Open(bytes, entry) is { } response && rest.Chooses(default, response))
                .Select(static entry => entry.Name)
                .ToArray();
            purged += fields.Length == 0 ? 0 : await database.HashDeleteAsync(name, fields);
        }

        return purged;
    }
}

using System.Text;
using StackExchange.Redis;

namespace LlmProxy.Caching.Redis;

/// <summary>
/// What is kept in Redis: a hash for each key, with a field for each variant, so that a look-up is one round trip. All
/// of it expires.
/// </summary>
internal sealed class FarStore(
    RedisLink link, EntrySeal seal, RedisMetrics metrics, string prefix, int bodyBytesMax)
{
    public const int VariantsMax = 16;

    /// <summary>What the variants under a key may take together: a look-up fetches all of them.</summary>
    private const int VariantBytesMax = 4 * 1024 * 1024;

    /// <summary>Sealing, opening and compressing more than this would hold up the thread that reads sockets.</summary>
    private const int InlineBytesMax = 8 * 1024;

    // Nobody waits for an answer to be kept.
    private static readonly TimeSpan PutBound = TimeSpan.FromMilliseconds(500);

    // One step, so that nothing is ever there without an expiry, or replaced without the others hearing of it.
    private const string PutScript = """
        local isNew = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        local fields = redis.call('HKEYS', KEYS[1])
        local count, bytes = 1, string.len(ARGV[2])
        for _, field in ipairs(fields) do
          if field ~= ARGV[1] then
            local more = redis.call('HSTRLEN', KEYS[1], field)
            if count < tonumber(ARGV[4]) and bytes + more <= tonumber(ARGV[5]) then
              count, bytes = count + 1, bytes + more
            else
              redis.call('HDEL', KEYS[1], field)
            end
          end
        end
        if isNew == 0 or #fields > 1 then redis.call('PUBLISH', ARGV[6], ARGV[7]) end
        return count
        """;

    private static readonly byte[] MessagePurpose = "invalidation"u8.ToArray();

    /// <summary>Where instances tell each other what is no longer so.</summary>
    public RedisChannel Channel { get; } = RedisChannel.Literal(prefix + "invalidate");

    /// <summary>The variants under a key, the newest first.</summary>
    public async ValueTask<Answer<IReadOnlyList<StoredResponse>>> FindAsync(CacheKey key)
    {
        var names = NamesOf(key);
        var answer = await link.AskAsync(names, static (database, names) => Task.WhenAll(
            Array.ConvertAll(names, name => database.HashGetAllAsync(name))));
        if (!answer.Came || answer.Value.All(static entries => entries.Length == 0))
        {
            return new Answer<IReadOnlyList<StoredResponse>>(answer.Came, []);
        }

        var isLarge = answer.Value.Sum(static entries => entries.Sum(static entry => entry.Value.GetByteCount()))
            > InlineBytesMax;
        var variants = isLarge ? await Task.Run(() => Open(names, answer.Value)) : Open(names, answer.Value);
        return new Answer<IReadOnlyList<StoredResponse>>(true, variants);
    }

    /// <summary>Keeps an answer for a time, unless it is no longer to be when it is ready to go.</summary>
    public async Task<bool> PutAsync(CacheKey key, StoredResponse response, TimeSpan time, Func<bool> isWanted)
    {
        var order = response.Body.Length > InlineBytesMax
            ? await Task.Run(() => OrderOf(key, response, time))
            : OrderOf(key, response, time);
        return isWanted() && (await link.AskAsync(order, static (database, order) => database.ScriptEvaluateAsync(
            PutScript, [order.Name], order.Arguments, CommandFlags.NoScriptCache), PutBound)).Came;
    }

    /// <summary>Forgets a key and tells the others; answers whether it was there.</summary>
    public ValueTask<Answer<bool>> RemoveAsync(CacheKey key)
    {
        var chosen = new CacheSelector(key.Project, key.Provider, null, null, key.Digest);
        var (names, message) = (Array.ConvertAll(NamesOf(key), static name => (RedisKey)name), MessageOf(chosen));
        return link.AskAsync((names, Channel, message), static async (database, order) =>
        {
            // Both are on their way before the first is answered.
            var removed = database.KeyDeleteAsync(order.names);
            await Task.WhenAll(removed, database.PublishAsync(order.Channel, order.message));
            return await removed > 0;
        });
    }

    public ValueTask<Answer<long>> PublishAsync(CacheSelector chosen) => PublishAsync(MessageOf(chosen));

    public ValueTask<Answer<long>> PublishBeatAsync(Guid sender, long beat) =>
        PublishAsync(seal.Seal(new Invalidation(sender, beat, null).Write(), MessagePurpose));

    /// <summary>Null when the message is not one of ours.</summary>
    public Invalidation? Open(byte[] message) =>
        seal.Open(message, MessagePurpose) is { } plain ? Invalidation.Read(plain) : null;

    /// <summary>Whoever sent it knows other names than ours.</summary>
    public bool IsFromPreviousKey(byte[] message) => seal.IsOfPrevious(message);

    /// <summary>Null when it cannot be read: whoever looks it up has missed.</summary>
    public StoredResponse? Open(byte[] name, HashEntry entry)
    {
        // Both are ours alone: nobody else holds what a reply was read into.
        var (field, value) = ((byte[]?)entry.Name ?? [], (byte[]?)entry.Value ?? []);
        var response = seal.Open(value, [.. name, .. field]) is { } plain
            ? EntryFormat.Read(plain, bodyBytesMax)
            : null;
        if (response is null)
        {
            metrics.Failed(RedisFault.Unreadable);
        }

        return response;
    }

    /// <summary>Where a key may be: under the present names, and under those of the previous master key.</summary>
    public byte[][] NamesOf(in CacheKey key)
    {
        var names = new byte[seal.Keys.Count][];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = seal.Keys[i].NameOf(key);
        }

        return names;
    }

    private List<StoredResponse> Open(byte[][] names, HashEntry[][] found)
    {
        var variants = new List<StoredResponse>();
        for (var i = 0; i < names.Length; i++)
        {
            foreach (var entry in found[i])
            {
                if (Open(names[i], entry) is { } variant)
                {
                    variants.Add(variant);
                }
            }
        }

        variants.Sort(static (left, right) => right.ReceivedAt.CompareTo(left.ReceivedAt));
        return variants;
    }

    private PutOrder OrderOf(in CacheKey key, StoredResponse response, TimeSpan time)
    {
        var keys = seal.Keys[0];
        var (name, field) = (keys.NameOf(key), keys.FieldOf(response));
        var value = seal.Seal(EntryFormat.Write(response), [.. name, .. field]);
        var replaced = new CacheSelector(key.Project, key.Provider, null, null, key.Digest);
        return new PutOrder(name,
        [
            field, value, (long)time.TotalMilliseconds, VariantsMax, VariantBytesMax,
            Encoding.UTF8.GetBytes(prefix + "invalidate"), MessageOf(replaced),
        ]);
    }

    private byte[] MessageOf(CacheSelector chosen) =>
        seal.Seal(new Invalidation(Guid.Empty, 0, chosen).Write(), MessagePurpose);

    private ValueTask<Answer<long>> PublishAsync(byte[] message) => link.AskAsync(
        (Channel, message), static (database, order) => database.PublishAsync(order.Channel, order.message));

    private sealed record PutOrder(RedisKey Name, RedisValue[] Arguments);
}

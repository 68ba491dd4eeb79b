using LlmProxy.Events;
using LlmProxy.Events.Redis;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>One consumer of a consumer group, in Redis' words.</summary>
internal sealed class StreamGroup(StreamLink link, StreamSourceOptions options, TimeProvider time)
{
    /// <summary>Redis' word for a group, or a stream, that is not there.</summary>
    public const string NotThere = "NOGROUP";

    private const int IdsMax = 500;

    private readonly RedisKey _stream = options.Stream.Name;
    private readonly RedisKey _counts = options.Stream.Counts;
    private readonly RedisKey _deadLetters = options.Stream.DeadLetters(options.Group);
    private long _uncounted;

    public StreamLink Link => link;

    public string Name => options.Group;

    /// <summary>Makes the group, at the beginning of the stream. True when it was not there.</summary>
    public async Task<StreamAnswer<bool>> MakeAsync()
    {
        var answer = await RunAsync(GroupScripts.Create, [_stream, _counts], [options.Group]);
        return new StreamAnswer<bool>(answer.Came, answer.Came && (int)answer.Value! == 1, answer.Refusal);
    }

    public Task<StreamAnswer<StreamEntry[]>> ReadAsync(int max) => link.AskAsync(
        (_stream, options, max),
        static (database, read) => database.StreamReadGroupAsync(
            read._stream, read.options.Group, read.options.Consumer, StreamPosition.NewMessages, read.max),
        CancellationToken.None);

    /// <summary>
    /// Takes over what nobody has worked at for long enough, looking at the pending ones from an id on.
    /// </summary>
    public Task<StreamAnswer<StreamAutoClaimResult>> ClaimAsync(RedisValue from, int max) => link.AskAsync(
        (_stream, options, from, max),
        static (database, claim) => database.StreamAutoClaimAsync(
            claim._stream, claim.options.Group, claim.options.Consumer,
            (long)claim.options.ClaimAfter.TotalMilliseconds, claim.from, claim.max),
        CancellationToken.None);

    public async Task<bool> AcknowledgeAsync(IReadOnlyList<RedisValue> ids, CancellationToken stop)
    {
        var asked = ids.Chunk(IdsMax).Select(chunk => AcknowledgeAsync(chunk, stop)).ToList();
        return (await Task.WhenAll(asked)).All(static came => came);
    }

    public async Task<bool> BuryAsync(
        RedisValue position, EventRecord dead, string reason, int attempts, CancellationToken stop)
    {
        RedisValue[] arguments =
        [
            options.Group, position, options.DeadLettersMax, dead.Id, dead.Json, reason, attempts,
            time.GetUtcNow().ToString("O", System.Globalization.CultureInfo.InvariantCulture),
        ];
        var answer = await link.RunAsync(GroupScripts.Bury, [_stream, _counts, _deadLetters], arguments, stop);
        link.Note("a dead letter", answer.Refusal);
        return answer.Came;
    }

    /// <summary>Says of those that are still ours for how long nobody has worked at them.</summary>
    public async Task SetIdleAsync(IReadOnlyList<RedisValue> ids, TimeSpan idle, CancellationToken stop)
    {
        foreach (var chunk in ids.Chunk(IdsMax))
        {
            RedisValue[] head = [options.Group, options.Consumer, (long)idle.TotalMilliseconds];
            var answer = await link.RunAsync(GroupScripts.SetIdle, [_stream], [.. head, .. chunk], stop);
            link.Note("a claim", answer.Refusal);
        }
    }

    /// <summary>Removes consumers of which nothing was heard for this long, and that hold nothing.</summary>
    public Task RemoveIdleAsync(TimeSpan idle) => RunAsync(
        GroupScripts.RemoveConsumers, [_stream], [options.Group, string.Empty, (long)idle.TotalMilliseconds]);

    /// <summary>Removes this consumer, if it holds nothing.</summary>
    public Task LeaveAsync() =>
        RunAsync(GroupScripts.RemoveConsumers, [_stream], [options.Group, options.Consumer, 0]);

    private async Task<bool> AcknowledgeAsync(RedisValue[] ids, CancellationToken stop)
    {
        var uncounted = Interlocked.Exchange(ref _uncounted, 0);
        RedisValue[] head = [options.Group, uncounted];
        var answer = await link.RunAsync(GroupScripts.Acknowledge, [_stream, _counts], [.. head, .. ids], stop);
        link.Note("an acknowledgement", answer.Refusal);
        Interlocked.Add(ref _uncounted, answer.Came ? (long)answer.Value! : uncounted);
        return answer.Came;
    }

    private Task<StreamAnswer<RedisResult>> RunAsync(string script, RedisKey[] keys, RedisValue[] arguments) =>
        link.RunAsync(script, keys, arguments, CancellationToken.None);
}

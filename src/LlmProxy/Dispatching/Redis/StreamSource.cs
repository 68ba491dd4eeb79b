using LlmProxy.Events;
using LlmProxy.Events.Redis;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>
/// The events of the stream for one consumer group. What was read is pending in Redis until it is acknowledged or
/// buried; what another consumer has left lying is taken over; and while Redis is away nothing comes.
/// </summary>
/// <remarks>The client has no reads that block: it looks again and again, the less often the less there is.</remarks>
internal sealed class StreamSource(
    StreamGroup group, StreamMeasure measure, StreamSourceOptions options, TimeProvider time,
    ILogger<StreamSource> logger) : IDeliverySource
{
    private static readonly RedisValue Beginning = "0-0";
    // Also between two looks that both bring something, unless there is more than was asked for: an event alone costs
    // ten times what it costs among others.
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan TidyPause = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan DeadAfter = TimeSpan.FromHours(1);

    // Longer than anybody waits before taking over.
    private static readonly TimeSpan HandedBack = TimeSpan.FromDays(1);

    // How much is asked for at once, by how long events have been lately: a batch of whole bodies may be very long.
    private const int BytesAtOnce = 4 * 1_024 * 1_024;
    private const int FirstAtOnce = 32;

    // What was given out and not heard of: it is not given out again, however long that takes.
    private readonly HashSet<string> _held = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private RedisValue _claimFrom = Beginning;
    private long _claimedAt;
    private long _lookedAt;
    private int _atOnce = FirstAtOnce;
    private bool _mayBeMore;
    private long _tidiedAt;
    private bool _isMade;
    private bool _wasMade;

    /// <summary>Between two looks at what others have left lying.</summary>
    public TimeSpan ClaimPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>There may always come another event.</summary>
    public bool HasEnded => false;

    public async Task<IReadOnlyList<Delivery>> TakeAsync(int max, TimeSpan wait, CancellationToken stop)
    {
        var (start, pause) = (time.GetTimestamp(), PauseMin);
        var bound = wait < options.BlockTime ? wait : options.BlockTime;
        if (bound > TimeSpan.Zero && !_mayBeMore && time.GetElapsedTime(_lookedAt) < PauseMin)
        {
            await Task.Delay(PauseMin, time, stop);
        }

        while (true)
        {
            // A look is not cut short: what it brings would be pending, and nobody would know.
            stop.ThrowIfCancellationRequested();
            var count = Math.Min(max, _atOnce);
            var taken = await LookAsync(count);
            (_lookedAt, _mayBeMore) = (time.GetTimestamp(), taken.Count == count);
            if (taken.Count > 0)
            {
                var bytes = taken.Sum(static delivery => (long)delivery.Record.Json.Length);
                _atOnce = (int)Math.Max(1, BytesAtOnce / Math.Max(1, bytes / taken.Count));
                return taken;
            }

            var left = bound - time.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
            {
                return [];
            }

            await Task.Delay(pause < left ? pause : left, time, stop);
            pause = pause * 2 < PauseMax ? pause * 2 : PauseMax;
        }
    }

    public async Task<bool> AcknowledgeAsync(IReadOnlyList<Delivery> delivered, CancellationToken stop) =>
        delivered.Count == 0
        || (await group.AcknowledgeAsync(IdsOf(delivered), stop) && LetGo(delivered));

    public async Task<bool> BuryAsync(Delivery dead, string reason, int attempts, CancellationToken stop) =>
        await group.BuryAsync(dead.Position, dead.Record, reason, attempts, stop) && LetGo([dead]);

    public Task KeepAsync(IReadOnlyList<Delivery> held, CancellationToken stop) =>
        group.SetIdleAsync(IdsOf(held), TimeSpan.Zero, stop);

    public Task HandBackAsync(IReadOnlyList<Delivery> held, CancellationToken stop)
    {
        LetGo(held);
        return group.SetIdleAsync(IdsOf(held), HandedBack, stop);
    }

    public async Task<Backlog?> MeasureAsync(CancellationToken stop)
    {
        if (await measure.TakeAsync(group.Name, stop) is not { } measured)
        {
            return null;
        }

        if (measured.NewlyTrimmed > 0)
        {
            logger.EventsWereTrimmed(options.Stream.Name, measured.NewlyTrimmed, group.Name);
        }

        return measured.Backlog;
    }

    /// <summary>Leaves the group, if nothing is pending here. The link is the caller's.</summary>
    public async ValueTask DisposeAsync()
    {
        if (group.Link.IsUp && _isMade)
        {
            await group.LeaveAsync();
        }
    }

    private async Task<IReadOnlyList<Delivery>> LookAsync(int max)
    {
        if (!group.Link.MayAsk || !await IsMadeAsync())
        {
            return [];
        }

        await TidyAsync();
        var claimed = await ClaimAsync(max);
        if (claimed.Count > 0)
        {
            return claimed;
        }

        var answer = await group.ReadAsync(max);
        return IsRefused(answer.Refusal) || !answer.Came ? [] : await SortAsync(answer.Value!);
    }

    private async Task<bool> IsMadeAsync()
    {
        if (_isMade)
        {
            return true;
        }

        var made = await group.MakeAsync();
        if (made is { Came: true, Value: true } && _wasMade)
        {
            logger.GroupWasMadeAgain(group.Name, options.Stream.Name);
        }

        IsRefused(made.Refusal);
        _wasMade |= made.Came;
        return _isMade = made.Came;
    }

    private async Task<IReadOnlyList<Delivery>> ClaimAsync(int max)
    {
        if (_claimFrom == Beginning && _claimedAt != 0 && time.GetElapsedTime(_claimedAt) < ClaimPause)
        {
            return [];
        }

        _claimedAt = time.GetTimestamp();
        var answer = await group.ClaimAsync(_claimFrom, max);
        if (IsRefused(answer.Refusal) || !answer.Came)
        {
            _claimFrom = Beginning;
            return [];
        }

        _claimFrom = answer.Value.NextStartId;
        return await SortAsync(answer.Value.ClaimedEntries);
    }

    private async Task TidyAsync()
    {
        if (_tidiedAt == 0 || time.GetElapsedTime(_tidiedAt) >= TidyPause)
        {
            _tidiedAt = time.GetTimestamp();
            await group.RemoveIdleAsync(DeadAfter);
        }
    }

    /// <summary>Gives out what is for us and not out yet; the rest is dealt with here.</summary>
    private async Task<IReadOnlyList<Delivery>> SortAsync(StreamEntry[] entries)
    {
        List<Delivery> given = [];
        List<RedisValue> others = [];
        foreach (var entry in entries)
        {
            if (entry.IsNull)
            {
                continue;
            }

            var (id, json, addressee) = FieldsOf(entry);
            if (addressee is not null && addressee != group.Name)
            {
                others.Add(entry.Id);
            }
            else if (id is null || json is null)
            {
                await BuryUnreadableAsync(entry.Id, id, json);
            }
            else if (Hold(entry.Id!))
            {
                given.Add(new Delivery(new EventRecord(id, json.Value), entry.Id!));
            }
        }

        if (others.Count > 0)
        {
            await group.AcknowledgeAsync(others, CancellationToken.None);
        }

        return given;
    }

    private static (string? Id, ReadOnlyMemory<byte>? Json, string? For) FieldsOf(StreamEntry entry)
    {
        string? id = null;
        string? addressee = null;
        ReadOnlyMemory<byte>? json = null;
        foreach (var field in entry.Values)
        {
            if (field.Name == EventStream.IdField)
            {
                id = field.Value;
            }
            else if (field.Name == EventStream.DataField)
            {
                json = (ReadOnlyMemory<byte>)field.Value;
            }
            else if (field.Name == EventStream.ForField)
            {
                addressee = field.Value;
            }
        }

        return (id, json, addressee);
    }

    private async Task BuryUnreadableAsync(RedisValue position, string? id, ReadOnlyMemory<byte>? json)
    {
        logger.EntryIsUnreadable(options.Stream.Name, position.ToString());
        await group.BuryAsync(
            position, new EventRecord(id ?? string.Empty, json ?? ReadOnlyMemory<byte>.Empty),
            "unreadable: the entry has no id or no data", 0, CancellationToken.None);
    }

    private bool IsRefused(string? word)
    {
        if (word is null)
        {
            return false;
        }

        if (word == StreamGroup.NotThere)
        {
            _isMade = false;
        }
        else
        {
            group.Link.SayItIsAway(word);
        }

        return true;
    }

    private bool Hold(string position)
    {
        lock (_lock)
        {
            return _held.Add(position);
        }
    }

    private bool LetGo(IReadOnlyList<Delivery> deliveries)
    {
        lock (_lock)
        {
            foreach (var delivery in deliveries)
            {
                _held.Remove(delivery.Position);
            }
        }

        return true;
    }

    private static List<RedisValue> IdsOf(IReadOnlyList<Delivery> deliveries) =>
        [.. deliveries.Select(static delivery => (RedisValue)delivery.Position)];
}

namespace LlmProxy.Events.Redis;

/// <summary>
/// Sends the events of the bus to Redis: in their order, in batches, each event once. While Redis is away, or slower
/// than events come, they go to the spool, and from there to Redis before anything newer does.
/// </summary>
/// <remarks>
/// One loop does it all, and it never waits for Redis: a batch is on its way while the next events are put where they
/// are safe. A batch that nobody answered needs no finding out; it is sent again (see <see cref="StreamTail"/>).
/// </remarks>
internal sealed class RedisPublisher(
    EventSubscription queue, StreamTail tail, Spool spool, EventMetrics metrics, TimeProvider time,
    ILogger<RedisPublisher> logger) : BackgroundService
{
    /// <summary>What its subscription to the bus is called.</summary>
    public const string Name = "redis";

    private const int BatchEventsMax = 512;
    private const long BatchBytesMax = 4 * 1_024 * 1_024;
    private const int SpoolEventsMax = 4_096;

    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan IdlePause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FailurePause = TimeSpan.FromSeconds(1);

    private readonly Outbox _outbox = new(time);
    private readonly Guid _sender = Guid.CreateVersion7(time.GetUtcNow());
    private readonly List<EventRecord> _taken = new(SpoolEventsMax);

    // By sender: the number of the last event that Redis has said to have.
    private readonly Dictionary<Guid, long> _confirmed = [];
    private IReadOnlyList<OutgoingEvent> _batch = [];
    private Task<AppendAnswer>? _flight;
    private long _number;
    private bool _isAway;
    private bool _wasChecked;

    /// <summary>For how long events are still sent when the program stops; what is left goes to the spool.</summary>
    public TimeSpan StopBound { get; init; } = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var stopping = 0L;
        while (true)
        {
            var isBusy = await TryStepAsync();
            if (stoppingToken.IsCancellationRequested)
            {
                stopping = stopping == 0 ? time.GetTimestamp() : stopping;
                if (IsDone() || time.GetElapsedTime(stopping) >= StopBound)
                {
                    break;
                }
            }

            await PauseAsync(isBusy);
        }

        PutAway();
        queue.Dispose();
        spool.Dispose();
    }

    private async Task<bool> TryStepAsync()
    {
#pragma warning disable CA1031 // Whatever it is, such as a disk that cannot be read: events go on being taken.
        try
        {
            return await StepAsync();
        }
        catch (Exception failure)
        {
            logger.SenderFailed(failure);
            await Task.Delay(FailurePause, time, CancellationToken.None);
            return false;
        }
#pragma warning restore CA1031
    }

    /// <summary>Tells whether there was anything to do.</summary>
    private async Task<bool> StepAsync()
    {
        var isBusy = await LandAsync();
        isBusy |= Absorb();
        TakeOff();
        _outbox.Forget();
        spool.FlushIfDue();
        metrics.Observe(tail.Link.IsUp, spool.Bytes);
        return isBusy;
    }

    private async Task PauseAsync(bool isBusy)
    {
        if (_flight is null)
        {
            await Task.Delay(isBusy ? BusyPause : IdlePause, time, CancellationToken.None);
            return;
        }

        await Task.WhenAny(_flight, Task.Delay(BusyPause, time, CancellationToken.None));

        // Away from the thread that reads what Redis says, which may be everybody's: a step may wait for the disk.
        await Task.Yield();
    }

    /// <summary>Deals with the answer to the batch that is on its way, if there is one now.</summary>
    private async Task<bool> LandAsync()
    {
        if (_flight is not { IsCompleted: true } landed)
        {
            return false;
        }

        (_flight, _isAway) = (null, true);
        var answer = await landed;
        if (answer.Outcome == Appended.Yes)
        {
            Arrived();
        }
        else if (answer.Outcome == Appended.Gap)
        {
            GoBack(answer.Last);
        }

        _isAway = !tail.Link.IsUp;
        if (_isAway)
        {
            Cover();
        }

        return true;
    }

    private void Arrived()
    {
        _outbox.Arrived(_batch.Count);
        _confirmed[_batch[0].Sender] = _batch[^1].Number;
        metrics.Sent(_batch.Count);

        var spooled = _batch.Count(static outgoing => outgoing.SpoolEnd > 0);
        if (spooled > 0)
        {
            metrics.Replayed(spooled);
            spool.Confirm(_batch.Max(static outgoing => outgoing.SpoolEnd), spooled);
        }
    }

    // Redis has started anew from what its disk had, which was not all that it had said to have.
    private void GoBack(long last)
    {
        var sender = _batch[0].Sender;
        var first = _outbox.Rewind(sender, last);
        if (last == StreamTail.Unknown)
        {
            logger.StreamHasForgotten(tail.Link.Place);
        }
        else if (Math.Min(first - 1, _confirmed[sender]) - last is > 0 and var lost)
        {
            metrics.Dropped("redis_lost", lost);
            logger.StreamHasLost(tail.Link.Place, lost);
        }

        _confirmed[sender] = last;
    }

    /// <summary>Takes what the bus has for us, and puts it where it is safe or on its way.</summary>
    private bool Absorb()
    {
        if (queue.Count == 0)
        {
            return false;
        }

        if (_isAway || spool.HasUnread || queue.IsHalfFull)
        {
            Cover();
            ToSpool(Take(SpoolEventsMax));
            return true;
        }

        if (_flight is null && _outbox.IsEmpty)
        {
            _outbox.Add(Take(BatchEventsMax));
            return true;
        }

        return false;
    }

    /// <summary>What comes to the spool comes behind what is on its way: that has to be there first.</summary>
    private void Cover()
    {
        if (spool.IsEmpty && !_outbox.IsEmpty)
        {
            metrics.Spooled(spool.Append(_outbox.Waiting, areOut: true));
        }
    }

    private void ToSpool(List<OutgoingEvent> events)
    {
        var fitting = spool.Append(events);
        metrics.Spooled(fitting);
        if (fitting < events.Count)
        {
            metrics.Dropped("spool", events.Count - fitting);
        }
    }

    private List<OutgoingEvent> Take(int max)
    {
        queue.Take(_taken, max);
        var numbered = _taken.ConvertAll(record => new OutgoingEvent(_sender, ++_number, record));
        _taken.Clear();
        return numbered;
    }

    /// <summary>Sends what is next, when nothing is on its way and Redis is there or to be tried.</summary>
    private void TakeOff()
    {
        if (_flight is not null || !tail.Link.MayAsk)
        {
            return;
        }

        if (tail.Link.IsUp && !_wasChecked)
        {
            _flight = CheckAsync();
            return;
        }

        if (_outbox.IsEmpty && spool.HasUnread)
        {
            List<OutgoingEvent> read = [];
            spool.Read(read, BatchEventsMax, BatchBytesMax);
            _outbox.Add(read);
        }

        _batch = _outbox.NextBatch(BatchEventsMax, BatchBytesMax);
        if (_batch.Count > 0)
        {
            var confirmed = _confirmed.GetValueOrDefault(_batch[0].Sender, StreamTail.Unknown);
            _flight = tail.AppendAsync(_batch, confirmed, CancellationToken.None);
        }
        else if (!tail.Link.IsUp)
        {
            _flight = tail.TouchAsync(CancellationToken.None);
        }
    }

    // On its way like a batch: an answer to it must not be taken for one to a batch that was refused meanwhile.
    private async Task<AppendAnswer> CheckAsync()
    {
        _wasChecked = true;
        await KeepingCheck.RunAsync(tail.Link, logger, CancellationToken.None);
        return new AppendAnswer(Appended.No);
    }

    // When Redis is away there is nothing to wait for: what the bus had is in the spool already.
    private bool IsDone() =>
        queue is { IsComplete: true, Count: 0 } && (_isAway || (_flight is null && _outbox.IsEmpty && spool.IsEmpty));

    /// <summary>Whatever Redis may not have stays in the spool, in its order.</summary>
    private void PutAway()
    {
        Cover();
        while (queue.Count > 0)
        {
            ToSpool(Take(SpoolEventsMax));
        }

        var lost = _outbox.Waiting.Count(static outgoing => outgoing.SpoolEnd == 0);
        if (lost > 0)
        {
            metrics.Dropped("spool", lost);
        }

        if (!spool.IsEmpty)
        {
            logger.SpoolKeepsTheLast(spool.Count, spool.Path);
        }
    }
}

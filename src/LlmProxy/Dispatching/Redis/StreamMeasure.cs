using LlmProxy.Events.Redis;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>Finds out how far behind a consumer group is.</summary>
internal sealed class StreamMeasure(StreamLink link, EventStream stream, TimeProvider time)
{
    /// <summary>Null when Redis is away.</summary>
    public async Task<GroupBacklog?> TakeAsync(string group, CancellationToken stop)
    {
        RedisKey[] keys = [stream.Name, stream.Counts, stream.DeadLetters(group)];
        var answer = await link.RunAsync(GroupScripts.Measure, keys, [group], stop);
        link.Note("a measurement", answer.Refusal);
        if (!answer.Came)
        {
            return null;
        }

        var dead = (long)answer.Value![0];
        if (GroupReading.Of(answer.Value) is not { } reading)
        {
            return new GroupBacklog(new Backlog(0, 0, TimeSpan.Zero, dead, 0), 0);
        }

        var trimmed = reading.CountTrimmed();
        if (reading.FindBase() is { } gone && (reading.Base is null || trimmed > reading.Trimmed))
        {
            await link.RunAsync(GroupScripts.Remember, keys, [group, gone, trimmed], stop);
        }

        var backlog = new Backlog(
            reading.CountWaiting(), reading.Pending, reading.AgeOfOldest(time.GetUtcNow()), dead, trimmed);
        return new GroupBacklog(backlog, trimmed - reading.Trimmed);
    }
}

/// <summary>How far behind a consumer group is.</summary>
/// <param name="Backlog">As the dispatcher says it.</param>
/// <param name="NewlyTrimmed">Of the events that were dropped, those that nobody knew of yet.</param>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
internal readonly record struct GroupBacklog(Backlog Backlog, long NewlyTrimmed);

using LlmProxy.Events.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>One consumer group, as <c>dispatcher status</c> shows it.</summary>
/// <param name="Group">Its name.</param>
/// <param name="Backlog">How far behind it is.</param>
internal sealed record GroupStatus(string Group, Backlog Backlog);

/// <summary>What is known of the dispatchers.</summary>
/// <param name="Groups">The consumer groups of the stream.</param>
/// <param name="Dispatchers">Those that run, by <c>service/consumer</c>.</param>
internal sealed record StatusReport(
    IReadOnlyList<GroupStatus> Groups, IReadOnlyDictionary<string, HeartbeatReport> Dispatchers);

/// <summary>Looks at the stream from outside: takes nothing, changes nothing that counts.</summary>
internal sealed class DispatcherStatus(StreamLink link, EventStream stream, StreamMeasure measure, Heartbeat heartbeat)
{
    /// <summary>Null when Redis is away.</summary>
    public async Task<StatusReport?> ReadAsync(CancellationToken stop)
    {
        var groups = await link.AskAsync(
            stream.Name, static (database, name) => database.StreamGroupInfoAsync(name), stop);
        if ((!groups.Came && groups.Refusal is null) || await heartbeat.ReadAsync(stop) is not { } dispatchers)
        {
            return null;
        }

        // A refusal says that there is no stream yet.
        List<GroupStatus> read = [];
        foreach (var group in groups.Value ?? [])
        {
            if (await measure.TakeAsync(group.Name, stop) is { } measured)
            {
                read.Add(new GroupStatus(group.Name, measured.Backlog));
            }
        }

        return new StatusReport(read, dispatchers);
    }
}

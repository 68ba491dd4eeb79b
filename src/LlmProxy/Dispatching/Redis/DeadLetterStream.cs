using System.Globalization;
using System.Runtime.InteropServices;
using LlmProxy.Events.Redis;
using StackExchange.Redis;

namespace LlmProxy.Dispatching.Redis;

/// <summary>An event that was set aside.</summary>
/// <param name="Position">Where among the dead letters.</param>
/// <param name="EventId">The event's id; empty when it had none.</param>
/// <param name="Reason">Why.</param>
/// <param name="Attempts">How often it was tried.</param>
/// <param name="At">When it was set aside.</param>
/// <param name="Bytes">How long it is.</param>
internal sealed record DeadLetter(
    string Position, string EventId, string Reason, int Attempts, DateTimeOffset? At, long Bytes);

/// <summary>How far a replay has come.</summary>
/// <param name="Replayed">Events that are in the stream again.</param>
/// <param name="IsWhole">False: Redis did not answer, or refused, and there is more to do.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ReplayResult(long Replayed, bool IsWhole);

/// <summary>The events that a consumer group could not deliver.</summary>
internal sealed class DeadLetterStream(StreamLink link, EventStream stream, string group)
{
    // Few at a time: while a script runs, Redis does nothing else.
    private const int ReplayedAtOnce = 20;

    private readonly RedisKey _letters = stream.DeadLetters(group);

    /// <summary>Null when Redis is away.</summary>
    public async Task<long?> CountAsync(CancellationToken stop)
    {
        var answer = await link.AskAsync(
            _letters, static (database, letters) => database.StreamLengthAsync(letters), stop);
        return answer.Came ? answer.Value : null;
    }

    /// <summary>The oldest ones, or those behind a position; null when Redis is away.</summary>
    public async Task<IReadOnlyList<DeadLetter>?> ListAsync(int max, string? behind, CancellationToken stop)
    {
        var answer = await link.AskAsync(
            (_letters, From: behind is null ? "-" : $"({behind}", max),
            static (database, list) => database.StreamRangeAsync(list._letters, list.From, "+", list.max),
            stop);
        return answer.Came ? [.. answer.Value!.Select(Read)] : null;
    }

    /// <summary>
    /// Puts them back into the stream, for their group alone, each one in one step. Those that are set aside again
    /// meanwhile stay, and so do those that never were events.
    /// </summary>
    public async Task<ReplayResult> ReplayAsync(CancellationToken stop)
    {
        var newest = await link.AskAsync(
            _letters,
            static (database, letters) => database.StreamRangeAsync(letters, "-", "+", 1, Order.Descending),
            stop);
        if (!newest.Came || newest.Value is not [var last, ..])
        {
            return new ReplayResult(0, newest.Came);
        }

        var (from, replayed) = ("-", 0L);
        while (true)
        {
            var answer = await link.RunAsync(
                GroupScripts.Replay, [stream.Name, _letters], [group, last.Id, from, ReplayedAtOnce], stop);
            link.Note("a replay", answer.Refusal);
            if (!answer.Came)
            {
                return new ReplayResult(replayed, IsWhole: false);
            }

            replayed += (long)answer.Value![0];
            if ((string?)answer.Value[1] is not { Length: > 0 } seen)
            {
                return new ReplayResult(replayed, IsWhole: true);
            }

            from = $"({seen}";
        }
    }

    private static DeadLetter Read(StreamEntry entry) => new(
        entry.Id.ToString(),
        entry[EventStream.IdField].ToString(),
        entry["reason"].ToString(),
        entry["attempts"].TryParse(out int attempts) ? attempts : 0,
        DateTimeOffset.TryParse(entry["at"], CultureInfo.InvariantCulture, out var at) ? at : null,
        entry[EventStream.DataField].Length());
}

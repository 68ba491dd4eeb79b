using System.Runtime.InteropServices;
using StackExchange.Redis;

namespace LlmProxy.Events.Redis;

/// <summary>What became of a batch.</summary>
internal enum Appended : byte
{
    /// <summary>Nobody knows, or it was refused; it is to be sent again.</summary>
    No,

    /// <summary>All of it is in the stream, once.</summary>
    Yes,

    /// <summary>Nothing was added: Redis has not even what it had said to have.</summary>
    Gap,
}

/// <summary>What Redis said to a batch.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Last">
/// The number of the sender's last event that was in the stream before; -1 when Redis does not know the sender.
/// </param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct AppendAnswer(Appended Outcome, long Last = 0);

/// <summary>
/// The end of the stream, where events are added. A batch may be sent any number of times, and over any number of
/// connections: beside the stream Redis keeps, for each sender, the number of the last event that it has added, and
/// adds only what is behind it, in one step with that number. So it does not matter whether the answer to a batch, or
/// Redis itself, was lost on the way.
/// </summary>
internal sealed class StreamTail(StreamLink link, EventStream stream, long lengthMax)
{
    /// <summary>Redis has said nothing of a sender, or does not know it.</summary>
    public const long Unknown = -1;

    // After it a sender that comes back with an old spool may send its first batch twice.
    private const long RememberedSeconds = 7 * 24 * 3_600;

    private const string Append =
        """
        local last = tonumber(redis.call('GET', KEYS[2]) or '-1')
        local first, confirmed = tonumber(ARGV[1]), tonumber(ARGV[2])
        if last < confirmed then return {0, last} end
        local number = first
        for i = 5, #ARGV, 2 do
          if number > last then
            redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'data', ARGV[i + 1])
          end
          number = number + 1
        end
        if number - 1 > last then
          redis.call('SET', KEYS[2], string.format('%.0f', number - 1), 'EX', ARGV[4])
          if ARGV[3] ~= '0' then redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3]) end
        end
        return {1, last}
        """;

    private const int FixedArguments = 4;

    public StreamLink Link => link;

    /// <param name="batch">Events of one sender whose numbers follow each other.</param>
    /// <param name="confirmed">
    /// The number of this sender's last event that Redis has said to have; -1 when it has said nothing yet.
    /// </param>
    /// <param name="stop">Ends the wait.</param>
    public async Task<AppendAnswer> AppendAsync(
        IReadOnlyList<OutgoingEvent> batch, long confirmed, CancellationToken stop)
    {
        var arguments = new RedisValue[FixedArguments + (2 * batch.Count)];
        (arguments[0], arguments[1]) = (batch[0].Number, confirmed);
        (arguments[2], arguments[3]) = (lengthMax, RememberedSeconds);
        for (var i = 0; i < batch.Count; i++)
        {
            arguments[FixedArguments + (2 * i)] = batch[i].Record.Id;
            arguments[FixedArguments + (2 * i) + 1] = batch[i].Record.Json;
        }

        var answer = await link.RunAsync(
            Append, [stream.Name, stream.Progress(batch[0].Sender)], arguments, stop);
        if (answer.Came)
        {
            return new AppendAnswer(
                (int)answer.Value![0] == 1 ? Appended.Yes : Appended.Gap, (long)answer.Value[1]);
        }

        if (answer.Refusal is { } word)
        {
            link.SayItIsAway(word);
        }

        return new AppendAnswer(Appended.No);
    }

    /// <summary>Whether Redis is there, when there is nothing to send.</summary>
    /// <returns>Always <see cref="Appended.No"/>: nothing was.</returns>
    public async Task<AppendAnswer> TouchAsync(CancellationToken stop)
    {
        var answer = await link.AskAsync(0, static (database, _) => database.PingAsync(), stop);
        if (answer.Refusal is { } word)
        {
            link.SayItIsAway(word);
        }

        return new AppendAnswer(Appended.No);
    }
}

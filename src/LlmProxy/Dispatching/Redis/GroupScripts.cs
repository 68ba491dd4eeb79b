namespace LlmProxy.Dispatching.Redis;

/// <summary>
/// What is done to a consumer group in one step. Everywhere the first key is the stream, the second the hash of counts,
/// and the first argument the group. Of each group the hash has <c>:acknowledged</c>, how many it has acknowledged
/// since it was made, <c>:base</c>, how many had left the stream before, and <c>:trimmed</c> (see
/// <see cref="GroupReading"/>).
/// </summary>
internal static class GroupScripts
{
    /// <summary>1: made; 0: was there.</summary>
    public const string Create = Of +
        """
        local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
        if made.err then
          if string.find(made.err, 'BUSYGROUP') then return 0 end
          return made
        end
        local info = redis.call('XINFO', 'STREAM', KEYS[1])
        local gone = (of(info, 'entries-added') or of(info, 'length')) - of(info, 'length')
        redis.call('HSET', KEYS[2], ARGV[1] .. ':acknowledged', 0, ARGV[1] .. ':base', gone, ARGV[1] .. ':trimmed', 0)
        return 1
        """;

    /// <summary>
    /// Acknowledges the entries from the third argument on. When memory is full the count cannot be kept, while
    /// acknowledging goes on; how many are then to be counted later is the answer, and the second argument next time.
    /// </summary>
    public const string Acknowledge =
        """
        local count = redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 3)) + ARGV[2]
        local counted = redis.pcall('HINCRBY', KEYS[2], ARGV[1] .. ':acknowledged', count)
        if type(counted) == 'table' then return count end
        return 0
        """;

    /// <summary>
    /// Moves an entry to the third key. What is not pending any more has been dealt with by another consumer. Adding
    /// comes first: when memory is full that is what fails, and then nothing has happened.
    /// </summary>
    public const string Bury =
        """
        if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return 0 end
        redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*',
          'id', ARGV[4], 'data', ARGV[5], 'reason', ARGV[6], 'attempts', ARGV[7], 'at', ARGV[8])
        local count = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
        redis.call('HINCRBY', KEYS[2], ARGV[1] .. ':acknowledged', count)
        return 1
        """;

    /// <summary>
    /// Says of the entries from the fourth argument on, as far as they are the consumer's (second argument), for how
    /// long nobody has worked at them (third, milliseconds).
    /// </summary>
    public const string SetIdle =
        """
        local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0}
        for i = 4, #ARGV do
          if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
            claim[#claim + 1] = ARGV[i]
          end
        end
        if #claim == 5 then return 0 end
        local count = #claim - 5
        claim[#claim + 1] = 'IDLE'
        claim[#claim + 1] = ARGV[3]
        claim[#claim + 1] = 'JUSTID'
        redis.call(unpack(claim))
        return count
        """;

    /// <summary>
    /// Removes consumers that hold nothing: the one that is named by the second argument, or, when that is empty, those
    /// of which nothing was heard for as long as the third says (milliseconds).
    /// </summary>
    public const string RemoveConsumers = Of +
        """
        local removed = 0
        for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
          local name = of(consumer, 'name')
          local leaves = name == ARGV[2] or (ARGV[2] == '' and of(consumer, 'idle') >= tonumber(ARGV[3]))
          if leaves and of(consumer, 'pending') == 0 then
            redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
            removed = removed + 1
          end
        end
        return removed
        """;

    /// <summary>
    /// All that <see cref="GroupReading"/> is made of, at one moment. The third key: the dead letters.
    /// </summary>
    public const string Measure = Of +
        """
        local dead = redis.call('XLEN', KEYS[3])
        local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
        if info.err then return {dead} end
        local mine
        for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
          if of(group, 'name') == ARGV[1] then mine = group end
        end
        if not mine then return {dead} end
        local first = of(info, 'first-entry')
        local delivered = of(mine, 'last-delivered-id')
        local unread = redis.call('XRANGE', KEYS[1], '(' .. delivered, '+', 'COUNT', 1)
        local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
        local counts = redis.call('HMGET', KEYS[2],
          ARGV[1] .. ':acknowledged', ARGV[1] .. ':base', ARGV[1] .. ':trimmed')
        return {dead, of(info, 'entries-added') or -1, of(info, 'length'), first and first[1] or '', delivered,
          unread[1] and unread[1][1] or '', pending[1], pending[2] or '', of(mine, 'lag') or -1,
          counts[1] or '', counts[2] or '', counts[3] or ''}
        """;

    /// <summary>Remembers what was found out of a group: its base, if it has none, and how many were trimmed.</summary>
    public const string Remember =
        """
        redis.call('HSETNX', KEYS[2], ARGV[1] .. ':base', ARGV[2])
        local known = tonumber(redis.call('HGET', KEYS[2], ARGV[1] .. ':trimmed') or '0')
        if tonumber(ARGV[3]) > known then redis.call('HSET', KEYS[2], ARGV[1] .. ':trimmed', ARGV[3]) end
        return 1
        """;

    /// <summary>
    /// Moves dead letters (second key) back to the stream, for their group alone: those from the third argument on,
    /// up to the second, at most as many as the fourth says. Answers how many, and the last one that was looked at.
    /// </summary>
    public const string Replay = Of +
        """
        local replayed, last = 0, ''
        for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[2], 'COUNT', ARGV[4])) do
          last = entry[1]
          local id, data = of(entry[2], 'id'), of(entry[2], 'data')
          if id and id ~= '' and data then
            redis.call('XADD', KEYS[1], '*', 'id', id, 'data', data, 'for', ARGV[1])
            redis.call('XDEL', KEYS[2], last)
            replayed = replayed + 1
          end
        end
        return {replayed, last}
        """;

    private const string Of =
        """
        local function of(list, name)
          for i = 1, #list, 2 do
            if list[i] == name then return list[i + 1] end
          end
        end

        """;
}

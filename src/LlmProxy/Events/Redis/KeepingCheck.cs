namespace LlmProxy.Events.Redis;

/// <summary>
/// Says once what an operator should know of a Redis that events are entrusted to. It asks INFO, which managed services
/// allow where they forbid CONFIG.
/// </summary>
internal static class KeepingCheck
{
    public static async Task RunAsync(StreamLink link, ILogger logger, CancellationToken stop)
    {
        var persistence = await AskAsync(link, "persistence", stop);
        var memory = await AskAsync(link, "memory", stop);
        if ((persistence.Refusal ?? memory.Refusal) is { } word)
        {
            logger.StreamCannotBeChecked(link.Place, word);
        }

        if (Find(persistence.Value, "aof_enabled") == "0")
        {
            logger.StreamIsNotKept(link.Place);
        }

        if (Find(memory.Value, "maxmemory_policy") is { } policy && policy != "noeviction"
            && Find(memory.Value, "maxmemory") is not (null or "0"))
        {
            logger.StreamMayBeEvicted(link.Place, policy);
        }
    }

    private static async Task<StreamAnswer<string>> AskAsync(StreamLink link, string section, CancellationToken stop)
    {
        var answer = await link.AskAsync(
            section, static (database, section) => database.ExecuteAsync("INFO", section), stop);
        return new StreamAnswer<string>(answer.Came, (string?)answer.Value, answer.Refusal);
    }

    private static string? Find(string? lines, string name) => lines?
        .Split('\n', StringSplitOptions.TrimEntries)
        .FirstOrDefault(line => line.StartsWith($"{name}:", StringComparison.Ordinal))?[(name.Length + 1)..];
}

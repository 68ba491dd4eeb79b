using LlmProxy.Events.Redis;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>A place for a spool that is gone afterwards, and the spool in it.</summary>
internal sealed class SpoolFile : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-spool-");

    public SpoolFile() => Path = System.IO.Path.Combine(_folder.FullName, "events.spool");

    public string Path { get; }

    public LogLines<Spool> Log { get; } = new();

    public Spool Open(long bytesMax = 1_024 * 1_024) => Spool.Open(Path, bytesMax, TimeProvider.System, Log);

    /// <summary>All that it gives out.</summary>
    public static List<OutgoingEvent> ReadAll(Spool spool)
    {
        List<OutgoingEvent> read = [];
        while (spool.Read(read, 7, long.MaxValue) > 0)
        {
        }

        return read;
    }

    public static List<long> NumbersOf(IEnumerable<OutgoingEvent> events) =>
        [.. events.Select(static outgoing => outgoing.Number)];

    public void Dispose() => _folder.Delete(recursive: true);
}

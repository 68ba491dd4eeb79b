using System.Text.Json;
using LlmProxy.Telemetry;
using Microsoft.Extensions.Logging;
using Xunit;

namespace LlmProxy.Tests.Telemetry;

public sealed class LogWriterTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    [Fact]
    public void Writes_every_queued_line_as_JSON_before_it_is_disposed()
    {
        var queue = new LogQueue();
        using (New(queue))
        {
            for (var i = 0; i < 1000; i++)
            {
                var number = i;
                queue.Write(json => json.WriteNumber("n", number));
            }
        }

        var numbers = File.ReadLines(_path)
            .Select(static line => JsonDocument.Parse(line).RootElement.GetProperty("n").GetInt32());
        Assert.Equal(Enumerable.Range(0, 1000), numbers);
    }

    [Fact]
    public void Keeps_a_message_with_line_breaks_and_escapes_on_one_line()
    {
        var queue = new LogQueue();
        using (New(queue))
        {
            using var provider = new LogProvider(queue, TimeProvider.System);
#pragma warning disable CA1848, CA2254 // The line is made of what a hostile caller might send.
            provider.CreateLogger("Tests").LogWarning("a\r\n\u001b[31mb\u2028c");
#pragma warning restore CA1848, CA2254
        }

        var line = Assert.Single(File.ReadAllLines(_path));
        Assert.DoesNotContain('\u001b', line);
        Assert.Equal("a\r\n\u001b[31mb\u2028c", JsonDocument.Parse(line).RootElement.GetProperty("msg").GetString());
    }

    [Fact]
    public void Drops_lines_beyond_its_bound_at_once_and_counts_them()
    {
        var queue = new LogQueue();

        for (var i = 0; i < 70_000; i++)
        {
            queue.Write(static json => json.WriteNull("n"));
        }

        Assert.Equal(70_000 - 65_536, queue.TakeDropped());
        Assert.Equal(0, queue.TakeDropped());
    }

    [Fact]
    public void Makes_its_file_readable_for_its_owner_only()
    {
        New(new LogQueue()).Dispose();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_path));
    }

    public void Dispose() => File.Delete(_path);

    private LogWriter New(LogQueue queue) =>
        new(queue, new TelemetryOptions(LogLevel.Information, _path), TimeProvider.System);
}

using System.Text;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Dispatching.Sinks;

public sealed class FileSinkTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("sink-").FullName;

    private string Path => System.IO.Path.Combine(_folder, "logs", "events.jsonl");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Each_event_is_a_line_as_it_came()
    {
        var batch = Given.Records(3);
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        var outcomes = await sink.DeliverAsync([.. batch]);

        Assert.Equal(["Accepted", "Accepted", "Accepted"], outcomes);
        Assert.Equal(Lines(batch), await ReadAsync(Path));
    }

    [Fact]
    public async Task Missing_folders_are_made_and_only_the_owner_may_read_the_file()
    {
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Path));
    }

    [Fact]
    public async Task A_batch_that_is_delivered_again_is_not_written_again()
    {
        var batch = Given.Records(3);
        await using var sink = FileSink.Open(Path, FileRotation.Default);
        await sink.DeliverAsync([.. batch]);

        var outcomes = await sink.DeliverAsync([.. batch, .. batch]);

        Assert.All(outcomes, static outcome => Assert.Equal("Accepted", outcome));
        Assert.Equal(Lines(batch), await ReadAsync(Path));
    }

    [Fact]
    public async Task An_event_that_is_twice_in_a_batch_is_written_once()
    {
        var batch = Given.Records(1);
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        await sink.DeliverAsync([batch[0], batch[0]]);

        Assert.Equal(Lines(batch), await ReadAsync(Path));
    }

    // As after kill -9 between the write and the acknowledgement: the next process gets the batch once more.
    [Fact]
    public async Task Another_process_does_not_write_again_what_is_in_the_file()
    {
        var (before, after) = (Given.Records(3), Given.Records(2));
        await using (var killed = FileSink.Open(Path, FileRotation.Default))
        {
            await killed.DeliverAsync([.. before]);
        }

        await using var sink = FileSink.Open(Path, FileRotation.Default);
        await sink.DeliverAsync([before[1], before[2], .. after]);

        Assert.Equal(Lines([.. before, .. after]), await ReadAsync(Path));
    }

    [Fact]
    public async Task Nor_what_is_in_the_file_that_was_put_aside_last()
    {
        var batch = Given.Records(4);
        await using (var killed = FileSink.Open(Path, Rotation(batch, lines: 3)))
        {
            await killed.DeliverAsync([.. batch]);
        }

        await using var sink = FileSink.Open(Path, Rotation(batch, lines: 3));
        await sink.DeliverAsync([.. batch]);

        Assert.Equal(Lines(batch.Take(3)), await ReadAsync(Path + ".1"));
        Assert.Equal(Lines(batch.Skip(3)), await ReadAsync(Path));
    }

    [Fact]
    public async Task The_last_4096_events_are_known_after_a_start()
    {
        var batch = Given.Records(4100);
        await using (var killed = FileSink.Open(Path, FileRotation.Default))
        {
            await killed.DeliverAsync([.. batch]);
        }

        await using var sink = FileSink.Open(Path, FileRotation.Default);
        await sink.DeliverAsync([batch[4], batch[^1]]);
        await sink.DeliverAsync(batch[3]);

        Assert.Equal(Lines([.. batch, batch[3]]), await ReadAsync(Path));
    }

    [Theory]
    [InlineData("{\"event_id\":\"cut in the mid")]
    [InlineData("{\"event_id\":\"whole, but without its line feed\"}")]
    public async Task A_line_that_a_crash_left_unfinished_is_cut_off(string rest)
    {
        var (before, after) = (Given.Records(2), Given.Records(1));
        await using (var killed = FileSink.Open(Path, FileRotation.Default))
        {
            await killed.DeliverAsync([.. before]);
        }

        await File.AppendAllTextAsync(Path, rest, TestContext.Current.CancellationToken);
        await using var sink = FileSink.Open(Path, FileRotation.Default);
        await sink.DeliverAsync([.. after]);

        Assert.Equal(Lines([.. before, .. after]), await ReadAsync(Path));
    }

    [Fact]
    public async Task An_unfinished_line_longer_than_a_block_is_cut_off_too()
    {
        var before = Given.Records(1);
        await using (var killed = FileSink.Open(Path, FileRotation.Default))
        {
            await killed.DeliverAsync([.. before]);
        }

        await File.AppendAllTextAsync(
            Path, "{" + new string('x', 1_000_000), TestContext.Current.CancellationToken);
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        Assert.Equal(Lines(before), await ReadAsync(Path));
    }

    [Fact]
    public async Task Long_events_are_known_after_a_start_too()
    {
        var text = new string('x', 400_000);
        var batch = Enumerable.Range(0, 5)
            .Select(_ => Given.Record(Given.Chat($$"""{"text":"{{text}}"}""")))
            .ToList();
        await using (var killed = FileSink.Open(Path, FileRotation.Default))
        {
            await killed.DeliverAsync([.. batch]);
        }

        await using var sink = FileSink.Open(Path, FileRotation.Default);
        await sink.DeliverAsync([.. batch]);

        Assert.Equal(Lines(batch), await ReadAsync(Path));
    }

    [Fact]
    public async Task A_full_file_is_put_aside_and_the_oldest_goes()
    {
        var batch = Given.Records(9);
        await using var sink = FileSink.Open(Path, Rotation(batch, lines: 2, kept: 3));

        await sink.DeliverAsync([.. batch]);

        Assert.Equal(Lines(batch.Skip(8)), await ReadAsync(Path));
        Assert.Equal(Lines(batch.Skip(6).Take(2)), await ReadAsync(Path + ".1"));
        Assert.Equal(Lines(batch.Skip(4).Take(2)), await ReadAsync(Path + ".2"));
        Assert.Equal(Lines(batch.Skip(2).Take(2)), await ReadAsync(Path + ".3"));
        Assert.False(File.Exists(Path + ".4"));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Path));
    }

    [Fact]
    public async Task A_line_longer_than_the_bound_has_a_file_of_its_own()
    {
        var batch = Given.Records(2);
        await using var sink = FileSink.Open(Path, new FileRotation(10, 5));

        await sink.DeliverAsync([.. batch]);

        Assert.Equal(Lines(batch.Take(1)), await ReadAsync(Path + ".1"));
        Assert.Equal(Lines(batch.Skip(1)), await ReadAsync(Path));
    }

    [Fact]
    public async Task Two_writers_cannot_share_a_file()
    {
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        var failure = Assert.Throws<StartFailure>(() => FileSink.Open(Path, FileRotation.Default));

        Assert.StartsWith($"--endpoint: '{Path}' cannot be written to: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains("being used by another process", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_the_first_has_left_the_second_may_write()
    {
        await FileSink.Open(Path, FileRotation.Default).DisposeAsync();

        await using var sink = FileSink.Open(Path, FileRotation.Default);

        Assert.Equal(["Accepted"], await sink.DeliverAsync(Given.Record(Given.Chat())));
    }

    [Fact]
    public async Task A_file_of_something_else_is_left_alone()
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        await File.WriteAllTextAsync(Path, "root:x:0:0", TestContext.Current.CancellationToken);

        var failure = Assert.Throws<StartFailure>(() => FileSink.Open(Path, FileRotation.Default));

        Assert.Contains("is no file of events", failure.Message, StringComparison.Ordinal);
        Assert.Equal("root:x:0:0", await File.ReadAllTextAsync(Path, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("/proc/no/such/file")]
    [InlineData("/dev/null/events.jsonl")]
    [InlineData("/")]
    [InlineData("a\0b")]
    public void A_path_that_cannot_be_written_to_stops_the_start(string path)
    {
        var failure = Assert.Throws<StartFailure>(() => FileSink.Open(path, FileRotation.Default));

        Assert.StartsWith("--endpoint: ", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_disk_does_not_take_is_tried_later_and_what_it_has_is_accepted()
    {
        var batch = Given.Records(5);
        await using var sink = FileSink.Open(Path, Rotation(batch, lines: 2, kept: 1));
        Directory.CreateDirectory(Path + ".1/in-the-way");

        var failed = await sink.DeliverAsync([.. batch]);
        Directory.Delete(Path + ".1", recursive: true);
        var again = await sink.DeliverAsync([.. batch.Skip(2).Take(1)]);

        Assert.Equal(2, failed.Count(static outcome => outcome == "Accepted"));
        Assert.Equal(3, failed.Count(static outcome => outcome == "TryLater cannot write the file"));
        Assert.Equal(["Accepted"], again);
        Assert.Equal(Lines(batch.Take(2)), await ReadAsync(Path + ".1"));
        Assert.Equal(Lines(batch.Skip(2).Take(1)), await ReadAsync(Path));
    }

    [Fact]
    public async Task A_file_that_somebody_puts_aside_or_empties_is_begun_anew()
    {
        var batch = Given.Records(3);
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        await sink.DeliverAsync(batch[0]);
        File.Move(Path, Path + ".aside");
        await sink.DeliverAsync(batch[1]);
        await File.WriteAllTextAsync(Path, string.Empty, TestContext.Current.CancellationToken);
        await sink.DeliverAsync(batch[2]);

        Assert.Equal(Lines(batch.Take(1)), await ReadAsync(Path + ".aside"));
        Assert.Equal(Lines(batch.Skip(2)), await ReadAsync(Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("no JSON")]
    [InlineData("{\n}")]
    public async Task What_is_no_line_is_refused_and_the_others_are_written(string json)
    {
        var batch = Given.Records(2);
        var poison = new EventRecord("poison", Encoding.UTF8.GetBytes(json));
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        var outcomes = await sink.DeliverAsync(batch[0], poison, batch[1]);

        Assert.Equal(["Accepted", "Refused unreadable event", "Accepted"], outcomes);
        Assert.Equal(Lines(batch), await ReadAsync(Path));
    }

    [Fact]
    public async Task Events_of_a_newer_version_are_written_too()
    {
        await using var sink = FileSink.Open(Path, FileRotation.Default);

        Assert.Equal(["Accepted"], await sink.DeliverAsync(Given.Unreadable()));
    }

    /// <summary>A file that holds so many of these, which are equally long.</summary>
    private static FileRotation Rotation(IReadOnlyList<EventRecord> batch, int lines, int kept = 5) =>
        new((batch[0].Json.Length + 1) * lines, kept);

    private static string Lines(IEnumerable<EventRecord> batch) =>
        string.Concat(batch.Select(static record => $"{Encoding.UTF8.GetString(record.Json.Span)}\n"));

    private static Task<string> ReadAsync(string path) =>
        File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
}

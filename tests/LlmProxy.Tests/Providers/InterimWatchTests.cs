using System.IO.Pipelines;
using System.Text;
using CsCheck;
using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

/// <summary>A connection that is watched: whose answer is read, and that the bytes stay as they are.</summary>
public sealed class InterimWatchTests
{
    private const string Hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public Task All_bytes_pass_as_they_are() =>
        Gen.Select(
                Gen.OneOf(Hints, "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 1", "body", "\r\n\r\n").Array[1, 20],
                Gen.Int[1, 40].Array[1, 20])
            .SampleAsync(
                static async (parts, sizes) =>
                {
                    var sent = Encoding.Latin1.GetBytes(string.Concat(parts));
                    await using var watch = new InterimWatch(new MemoryStream(sent));
                    InterimWatch.Current.Value = new InterimReader(static _ => ValueTask.CompletedTask);
                    var received = new List<byte>();
                    var buffer = new byte[64];
                    for (var i = 0; received.Count < sent.Length; i++)
                    {
                        var read = await watch.ReadAsync(buffer.AsMemory(0, sizes[i % sizes.Length]), Cancelled);
                        received.AddRange(buffer.AsSpan(0, read));
                    }

                    Assert.Equal(sent, received);
                },
                iter: 5000, threads: 2);

    [Fact]
    public async Task What_was_read_arrives_only_when_its_report_is_done()
    {
        var reported = new TaskCompletionSource();
        var watch = new InterimWatch(new MemoryStream(Encoding.Latin1.GetBytes(Hints)));
        InterimWatch.Current.Value = new InterimReader(_ => new ValueTask(reported.Task));

        var reading = watch.ReadAsync(new byte[100], Cancelled).AsTask();
        var arrivedBefore = reading.IsCompleted;
        reported.SetResult();

        Assert.False(arrivedBefore);
        Assert.Equal(Hints.Length, await reading);
    }

    [Fact]
    public async Task A_read_that_began_before_the_request_was_written_belongs_to_who_began_it()
    {
        var pipe = new Pipe();
        var watch = new InterimWatch(pipe.Reader.AsStream());
        var found = new List<string>();

        var reading = BeginAsync(watch, found);
        await pipe.Writer.WriteAsync(Encoding.Latin1.GetBytes(Hints), Cancelled);
        await reading;

        Assert.Equal([Hints], found);
    }

    [Fact]
    public async Task Who_only_writes_gets_what_somebody_else_reads()
    {
        var stream = new MemoryStream();
        var watch = new InterimWatch(stream);
        var found = new List<string>();

        await WriteAsync(watch, found);
        stream.SetLength(0);
        stream.Write(Encoding.Latin1.GetBytes(Hints));
        stream.Position = 0;
        await watch.ReadExactlyAsync(new byte[Hints.Length], Cancelled);

        Assert.Equal([Hints], found);
    }

    [Fact]
    public async Task Without_a_reader_nothing_is_looked_at()
    {
        await using var watch = new InterimWatch(new MemoryStream(Encoding.Latin1.GetBytes(Hints)));

        Assert.Equal(Hints.Length, await watch.ReadAsync(new byte[100], Cancelled));
    }

    private static async Task<int> BeginAsync(InterimWatch watch, List<string> found)
    {
        InterimWatch.Current.Value = ReaderInto(found);
        return await watch.ReadAsync(new byte[100], Cancelled);
    }

    private static async Task WriteAsync(InterimWatch watch, List<string> found)
    {
        InterimWatch.Current.Value = ReaderInto(found);
        await watch.WriteAsync("a request"u8.ToArray(), Cancelled);
    }

    private static InterimReader ReaderInto(List<string> found) => new(head =>
    {
        found.Add(Encoding.Latin1.GetString(head.Span));
        return ValueTask.CompletedTask;
    });
}

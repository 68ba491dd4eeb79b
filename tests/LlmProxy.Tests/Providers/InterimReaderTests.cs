using System.Text;
using CsCheck;
using LlmProxy.Providers;
using Xunit;

namespace LlmProxy.Tests.Providers;

/// <summary>Which heads are found in what a provider sends, however it comes.</summary>
public sealed class InterimReaderTests
{
    private const string Hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

    private const string Processing = "HTTP/1.1 102 Processing\r\n\r\n";

    private const string GoOn = "HTTP/1.1 100 Continue\r\n\r\n";

    private const string Final = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Theory]
    [InlineData(Final, "")]
    [InlineData(Hints + Final, Hints)]
    [InlineData(Hints, Hints)]
    [InlineData(GoOn + Processing + GoOn + Hints + Final, Processing + Hints)]
    [InlineData("HTTP/1.1 103\r\n\r\n" + Final, "HTTP/1.1 103\r\n\r\n")]
    [InlineData(Hints + "HTTP/1.1 101 Switching Protocols\r\n\r\n" + Hints, Hints)]
    [InlineData(Hints + Final + Hints, Hints)]
    [InlineData("HTTP/1.1 1x3 Early Hints\r\n\r\n" + Hints + Final, "")]
    [InlineData("HTTP/1.1 1033 Early Hints\r\n\r\n" + Hints + Final, "")]
    [InlineData("HTTP/1.1 103 Early Hints\n\r\n\r\n" + Hints + Final, "")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nA: \r1\r\n\r\n" + Hints + Final, "")]
    [InlineData("HTTP/1.0 103 Early Hints\r\n\r\n" + Hints + Final, "")]
    [InlineData("\r\n" + Hints + Final, "")]
    [InlineData("", "")]
    public async Task Finds_each_interim_head_before_the_final_one(string sent, string found) =>
        Assert.Equal(found, await ReadAsync(sent, [sent.Length]));

    [Fact]
    public Task The_pieces_in_which_they_come_make_no_difference() =>
        Gen.Select(
                Gen.OneOf(Hints, Processing, GoOn, "HTTP/1.1 1", "HTTP/1.1 101 X\r\n\r\n", "\r\n", "\r", "\n", "1")
                    .Array[0, 20],
                Gen.Int[1, 30].Array[1, 20])
            .SampleAsync(
                static async (parts, sizes) =>
                {
                    var sent = string.Concat(parts) + Final;
                    Assert.Equal(await ReadAsync(sent, [sent.Length]), await ReadAsync(sent, sizes));
                },
                iter: 20_000, threads: 2);

    [Fact]
    public async Task Sixteen_are_reported_and_no_more()
    {
        var sent = string.Concat(Enumerable.Repeat(GoOn + Hints, InterimReader.HeadsMax + 1));

        var found = await ReadAsync(sent, [100]);

        Assert.Equal(string.Concat(Enumerable.Repeat(Hints, InterimReader.HeadsMax)), found);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task A_head_beyond_the_bound_is_not_reported(int tooMany, bool isReported)
    {
        const string Start = "HTTP/1.1 103 Early Hints\r\nA: ";
        const string End = "\r\n\r\n";
        var head = Start + new string('a', InterimReader.HeadBytesMax - Start.Length - End.Length + tooMany) + End;

        Assert.Equal(isReported ? head : "", await ReadAsync(head + Final, [head.Length + 10]));
        Assert.Equal(isReported ? head : "", await ReadAsync(head + Final, [1000]));
    }

    [Fact]
    public async Task A_head_without_an_end_is_given_up()
    {
        var reader = new InterimReader(static _ => throw new InvalidOperationException("Nothing is to be reported."));
        var piece = new byte[1024];
        Array.Fill(piece, (byte)'a');

        await reader.ReadAsync("HTTP/1.1 103 "u8.ToArray());
        for (var i = 0; i < InterimReader.HeadBytesMax / piece.Length; i++)
        {
            Assert.False(reader.IsOver);
            await reader.ReadAsync(piece);
        }

        Assert.True(reader.IsOver);
    }

    [Fact]
    public async Task It_is_over_as_soon_as_the_final_answer_begins()
    {
        var reader = new InterimReader(static _ => ValueTask.CompletedTask);

        await reader.ReadAsync(Encoding.Latin1.GetBytes(Hints));
        var wasOver = reader.IsOver;
        await reader.ReadAsync("HTTP/1.1 2"u8.ToArray());

        Assert.False(wasOver);
        Assert.True(reader.IsOver);
    }

    [Fact]
    public async Task After_the_end_nothing_is_reported()
    {
        var reader = new InterimReader(static _ => throw new InvalidOperationException("It has ended."));

        await reader.EndAsync();
        await reader.ReadAsync(Encoding.Latin1.GetBytes(Hints));

        Assert.True(reader.IsOver);
    }

    [Fact]
    public async Task The_end_waits_for_a_report_that_runs_and_lets_no_other_one_begin()
    {
        var running = new TaskCompletionSource();
        var reports = 0;
        var reader = new InterimReader(_ =>
        {
            reports++;
            return new ValueTask(running.Task);
        });

        var reading = reader.ReadAsync(Encoding.Latin1.GetBytes(Hints + Hints)).AsTask();
        var ending = reader.EndAsync().AsTask();
        var endedBefore = ending.IsCompleted;
        running.SetResult();
        await ending;
        await reading;

        Assert.False(endedBefore);
        Assert.Equal(1, reports);
    }

    /// <summary>What is reported of what is sent in pieces of these sizes, again and again.</summary>
    private static async Task<string> ReadAsync(string sent, int[] sizes)
    {
        var found = new StringBuilder();
        var reader = new InterimReader(head =>
        {
            found.Append(Encoding.Latin1.GetString(head.Span));
            return ValueTask.CompletedTask;
        });
        var bytes = Encoding.Latin1.GetBytes(sent).AsMemory();
        for (var i = 0; !bytes.IsEmpty && !reader.IsOver; i++)
        {
            var size = Math.Min(sizes[i % sizes.Length], bytes.Length);
            await reader.ReadAsync(bytes[..size]);
            bytes = bytes[size..];
        }

        return found.ToString();
    }
}

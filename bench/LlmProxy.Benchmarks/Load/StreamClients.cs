using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Benchmarks.Load;

/// <summary>What many concurrent streams looked like from the client's side.</summary>
internal sealed record StreamLoad(long Streams, TimeSpan FirstByteP50, TimeSpan DelayP50, TimeSpan DelayP99);

/// <summary>
/// Keeps many streams open for a while and notes how long each event took from the upstream's send to its arrival here.
/// </summary>
internal sealed class StreamClients(IPEndPoint target, string path, string token)
{
    public const int Connections = 32;

    private static readonly byte[] Mark = Encoding.ASCII.GetBytes(StreamUpstream.Mark);

    private readonly byte[] _request = HttpBytes.ChatRequest(target, path, token, stream: true);

    public async Task<StreamLoad> RunAsync(TimeSpan duration, CancellationToken aborted)
    {
        var started = Stopwatch.GetTimestamp();
        var seen = await Task.WhenAll(
            Enumerable.Range(0, Connections).Select(_ => KeepStreamingAsync(started, duration, aborted)));
        var delays = seen.SelectMany(one => one.Delays).ToList();
        return new StreamLoad(
            seen.Sum(one => one.Streams),
            Microseconds(Samples.Median(seen.SelectMany(one => one.FirstBytes))),
            Microseconds(Samples.Median(delays)),
            Microseconds(Samples.Quantile(delays, 0.99)));
    }

    private static TimeSpan Microseconds(double count) =>
        double.IsFinite(count) ? TimeSpan.FromMicroseconds(count) : TimeSpan.Zero;

    private async Task<Seen> KeepStreamingAsync(long started, TimeSpan duration, CancellationToken aborted)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.NoDelay = true;
        await socket.ConnectAsync(target, aborted);
        var seen = new Seen();
        var answer = new byte[64 * 1024];
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            await ReadOneAsync(socket, answer, seen, aborted);
        }

        return seen;
    }

    private async Task ReadOneAsync(Socket socket, byte[] answer, Seen seen, CancellationToken aborted)
    {
        var asked = Stopwatch.GetTimestamp();
        await socket.SendAsync(_request, aborted);
        var (received, scanned, events) = (0, 0, 0);
        do
        {
            var read = await socket.ReceiveAsync(answer.AsMemory(received), aborted);
            var now = Stopwatch.GetTimestamp();
            if (read == 0)
            {
                throw new IOException("A stream ended before its last chunk.");
            }

            if (received == 0)
            {
                seen.FirstBytes.Add(Stopwatch.GetElapsedTime(asked, now).TotalMicroseconds);
            }

            received += read;
            events += NoteEvents(answer.AsSpan(0, received), ref scanned, now, seen.Delays);
        }
        while (!HttpBytes.EndsStream(answer.AsSpan(0, received)));

        if (!HttpBytes.IsOk(answer) || events != StreamUpstream.Events)
        {
            throw new IOException($"A stream brought {events} events of {StreamUpstream.Events}.");
        }

        seen.Streams++;
    }

    private static int NoteEvents(ReadOnlySpan<byte> answer, ref int scanned, long now, List<double> delays)
    {
        var events = 0;
        while (answer[scanned..].IndexOf(Mark) is >= 0 and var found)
        {
            var digits = answer[(scanned + found + Mark.Length)..];
            if (digits.Length < StreamUpstream.DigitCount)
            {
                break;
            }

            if (Utf8Parser.TryParse(digits[..StreamUpstream.DigitCount], out long sent, out _))
            {
                delays.Add(Stopwatch.GetElapsedTime(sent, now).TotalMicroseconds);
            }

            scanned += found + Mark.Length + StreamUpstream.DigitCount;
            events++;
        }

        return events;
    }

    /// <summary>One connection's notes: owned by its loop until that has ended.</summary>
    private sealed class Seen
    {
        public long Streams { get; set; }

        public List<double> FirstBytes { get; } = [];

        public List<double> Delays { get; } = [];
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Benchmarks.Load;

/// <summary>
/// The upstream of the stream workload, run as a process of its own: answers each request with paced server-sent events
/// over raw sockets. Each event carries the moment of its sending, which the client's clock can be compared with.
/// </summary>
internal static class StreamUpstream
{
    public const int Events = 50;

    /// <summary>How the moment of sending is written: sixteen digits after this mark.</summary>
    public const string Mark = "\"system_fingerprint\":\"";

    public const int DigitCount = 16;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private static readonly byte[] Head = Encoding.ASCII.GetBytes(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n" +
        "x-request-id: req_0123456789abcdef\r\nopenai-processing-ms: 12\r\nTransfer-Encoding: chunked\r\n\r\n");

    private static readonly byte[] Last = Encoding.ASCII.GetBytes("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");

    public static async Task RunAsync(int port, CancellationToken aborted)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start(1024);
        while (!aborted.IsCancellationRequested)
        {
            var socket = await listener.AcceptSocketAsync(aborted);
            _ = ServeAsync(socket, aborted);
        }
    }

    private static async Task ServeAsync(Socket socket, CancellationToken aborted)
    {
        using var connection = socket;
        connection.NoDelay = true;
        var request = new byte[16 * 1024];
        var (frame, digits) = PrepareFrame();
        try
        {
            while (await ReadRequestAsync(connection, request, aborted))
            {
                await connection.SendAsync(Head, aborted);
                for (var i = 0; i < Events; i++)
                {
                    await Task.Delay(Pause, TimeProvider.System, aborted);
                    Stopwatch.GetTimestamp().TryFormat(
                        frame.AsSpan(digits, DigitCount), out _, "D16", CultureInfo.InvariantCulture);
                    await connection.SendAsync(frame, aborted);
                }

                await connection.SendAsync(Last, aborted);
            }
        }
        catch (SocketException)
        {
            // A client that left in the middle is of no interest here.
        }
    }

    private static async Task<bool> ReadRequestAsync(Socket socket, byte[] buffer, CancellationToken aborted)
    {
        var received = 0;
        do
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(received), aborted);
            if (read == 0)
            {
                return false;
            }

            received += read;
        }
        while (!HttpBytes.IsComplete(buffer.AsSpan(0, received)));

        return true;
    }

    /// <summary>One chunk with one event of the size that chat models send, and where its digits begin.</summary>
    private static (byte[] Frame, int Digits) PrepareFrame()
    {
        var data =
            "data: {\"id\":\"chatcmpl-9f3c2b7a\",\"object\":\"chat.completion.chunk\",\"created\":1760000000," +
            "\"model\":\"gpt-4o-mini\"," + Mark + new string('0', DigitCount) + "\"," +
            "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" river\"},\"finish_reason\":null}]}\n\n";
        var frame = Encoding.ASCII.GetBytes($"{data.Length:x}\r\n{data}\r\n");
        return (frame, frame.AsSpan().IndexOf(Encoding.ASCII.GetBytes(Mark)) + Mark.Length);
    }
}

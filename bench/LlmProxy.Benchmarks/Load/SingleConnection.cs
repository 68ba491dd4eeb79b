using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.Benchmarks.Load;

/// <summary>
/// One connection, one request after the other, with blocking sockets. Blocks of requests to the proxy take turns with
/// blocks straight to its upstream: the difference is what the proxy adds, under the same state of the machine.
/// </summary>
internal sealed class SingleConnection : IDisposable
{
    private const int BlockLength = 100;

    private readonly Socket _socket;
    private readonly IPEndPoint _target;
    private byte[] _request;
    private readonly byte[] _answer = new byte[64 * 1024];

    public SingleConnection(IPEndPoint target, string token)
    {
        _target = target;
        Use(token);
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            _socket.Connect(target);
        }
        catch (SocketException)
        {
            _socket.Dispose();
            throw;
        }
    }

    /// <summary>The median time of a proxied request minus the median time of a direct one.</summary>
    public static TimeSpan MeasureAdded(SingleConnection proxied, SingleConnection direct, TimeSpan duration)
    {
        var (proxiedTimes, directTimes) = (new List<double>(), new List<double>());
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            direct.Measure(directTimes);
            proxied.Measure(proxiedTimes);
        }

        return TimeSpan.FromMicroseconds(Samples.Median(proxiedTimes) - Samples.Median(directTimes));
    }

    /// <summary>The last answer, for the person who must find out why it was no 200.</summary>
    public string LastAnswer => Encoding.ASCII.GetString(_answer).TrimEnd('\0');

    /// <summary>From now on it asks with this token.</summary>
    [MemberNotNull(nameof(_request))]
    public void Use(string token) =>
        _request = HttpBytes.ChatRequest(_target, "/v1/chat/completions", token, stream: false);

    /// <summary>False when the answer was not a 200.</summary>
    public bool Ask()
    {
        _socket.Send(_request);
        var received = 0;
        while (received == 0 || !HttpBytes.IsComplete(_answer.AsSpan(0, received)))
        {
            var read = _socket.Receive(_answer.AsSpan(received));
            if (read == 0)
            {
                throw new IOException("The connection ended in the middle of an answer.");
            }

            received += read;
        }

        return HttpBytes.IsOk(_answer);
    }

    public void Dispose() => _socket.Dispose();

    private void Measure(List<double> times)
    {
        // The first of a block wakes what slept during the other one's block.
        Require(Ask());
        for (var i = 0; i < BlockLength; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            var isOk = Ask();
            times.Add(Stopwatch.GetElapsedTime(asked).TotalMicroseconds);
            Require(isOk);
        }
    }

    private static void Require(bool isOk)
    {
        if (!isOk)
        {
            throw new IOException("An answer was not a 200.");
        }
    }
}

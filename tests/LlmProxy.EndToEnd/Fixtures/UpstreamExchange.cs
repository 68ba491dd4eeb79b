using System.Diagnostics;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>One request as it reached the upstream, and the means to answer it well or badly.</summary>
internal sealed class UpstreamExchange(
    TcpClient tcp, NetworkStream stream, WireReader reader, WireHead head, CancellationToken stopped)
{
    private readonly TaskCompletionSource<long> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<WireBody> _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task<WireBody>? _body;

    public WireHead Head { get; } = head;

    public string Method => Head.FirstLine.Split(' ')[0];

    public string Target => Head.FirstLine.Split(' ')[1];

    public string Path => Target.Split('?')[0];

    /// <summary>The body, once the behaviour has read it.</summary>
    public Task<WireBody> Body => _read.Task.WaitAsync(Eventually.Patience);

    /// <summary>The behaviour has closed the connection, or made something else of it than HTTP.</summary>
    public bool IsOver { get; private set; }

    /// <summary>The instant (in <see cref="Stopwatch"/> ticks) at which the proxy was seen to leave.</summary>
    public Task<long> Gone => _gone.Task.WaitAsync(Eventually.Patience);

    /// <summary>Reads the body to its end; every call answers the same.</summary>
    public async Task<WireBody> ReadBodyAsync()
    {
        _body ??= reader.ReadBodyAsync(Head, untilClose: false, stopped).AsTask();
        var body = await _body;
        _read.TrySetResult(body);
        return body;
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.Latin1.GetBytes(text));

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes) => await stream.WriteAsync(bytes, stopped);

    /// <summary>A plain answer: status, length and the body as it is, with further header lines.</summary>
    public async Task AnswerAsync(int status, ReadOnlyMemory<byte> body, params IEnumerable<string> lines)
    {
        await ReadBodyAsync();
        var headers = string.Concat(lines.Select(static line => line + "\r\n"));
        await WriteAsync($"HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {body.Length}\r\n\r\n");
        await WriteAsync(body);
    }

    /// <summary>Raw bytes after the head, for an upgraded connection; none when the proxy has closed.</summary>
    public async Task<byte[]> ReadSomeAsync() => await reader.ReadSomeAsync(stopped);

    /// <summary>Waits until the proxy leaves and notes when.</summary>
    public async Task WaitUntilGoneAsync()
    {
        try
        {
            while ((await reader.ReadSomeAsync(stopped)).Length > 0)
            {
                // Whatever still arrives does not matter: the end does.
            }
        }
        catch (IOException)
        {
            // Gone with a reset.
        }

        _gone.TrySetResult(Stopwatch.GetTimestamp());
        IsOver = true;
    }

    /// <summary>The connection as a server's WebSocket, once the upgrade was answered.</summary>
    public WebSocket BecomeWebSocket()
    {
        IsOver = true;
        return WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
    }

    /// <summary>Ends the connection in good order (FIN).</summary>
    public void Close()
    {
        IsOver = true;
        tcp.Close();
    }

    /// <summary>Breaks the connection (RST).</summary>
    public void Reset()
    {
        // Closing the stream would send a FIN first; only the bare socket resets.
        IsOver = true;
        tcp.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        tcp.Client.Close();
    }
}

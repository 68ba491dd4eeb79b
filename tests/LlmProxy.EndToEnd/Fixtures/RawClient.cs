using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace LlmProxy.EndToEnd.Fixtures;

/// <summary>An answer as it came over the wire, with the 1xx heads that came before it.</summary>
internal sealed record RawAnswer(int Status, WireHead Head, WireBody Body, IReadOnlyList<WireHead> Interim);

/// <summary>A client without manners: sends the bytes it is told to, and reports literally what comes back.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;
    private readonly WireReader _reader;
    private readonly CancellationTokenSource _deadline = new(Eventually.Patience * 3);

    private RawClient(TcpClient tcp)
    {
        _tcp = tcp;
        _tcp.NoDelay = true;
        _stream = tcp.GetStream();
        _reader = new WireReader(_stream);
    }

    public static async Task<RawClient> ConnectAsync(Uri address)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
        return new RawClient(tcp);
    }

    /// <summary>Sends the text as Latin-1, that is, character for byte.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _stream.WriteAsync(bytes, _deadline.Token);

    /// <summary>Sends what a server that has already refused may no longer want to read.</summary>
    public async Task TrySendAsync(string text)
    {
        try
        {
            await SendAsync(text);
        }
        catch (IOException)
        {
            // The answer, or its absence, is what the test looks at.
        }
    }

    /// <summary>
    /// The next answer with its body; null when the connection ends (or breaks) before a whole head came.
    /// </summary>
    public async Task<RawAnswer?> ReadAnswerAsync(string method = "GET")
    {
        var (head, interim) = await ReadHeadAsync();
        if (head is null)
        {
            return null;
        }

        var status = StatusOf(head);
        var body = method == "HEAD" || status is 101 or 204 or 304
            ? WireBody.None
            : await _reader.ReadBodyAsync(head, untilClose: true, _deadline.Token);
        return new RawAnswer(status, head, body, interim);
    }

    /// <summary>
    /// The head of the next final answer, and the interim ones before it; the body is left to be read.
    /// </summary>
    public async Task<(WireHead? Head, IReadOnlyList<WireHead> Interim)> ReadHeadAsync()
    {
        var interim = new List<WireHead>();
        try
        {
            while (await _reader.ReadHeadAsync(_deadline.Token) is { } head)
            {
                if (StatusOf(head) is 101 or >= 200)
                {
                    return (head, interim);
                }

                interim.Add(head);
            }
        }
        catch (IOException)
        {
            // A reset instead of an answer: the same as an end to whoever waits for one.
        }

        return (null, interim);
    }

    public async Task<WireBody> ReadBodyAsync(WireHead head) =>
        await _reader.ReadBodyAsync(head, untilClose: true, _deadline.Token);

    /// <summary>One interim head, which arrives while the final answer is still to come.</summary>
    public async Task<WireHead?> ReadInterimAsync() => await _reader.ReadHeadAsync(_deadline.Token);

    public async Task<byte[]> ReadSomeAsync() => await _reader.ReadSomeAsync(_deadline.Token);

    /// <summary>Reads at least so many bytes, or fails at the end of the connection.</summary>
    public async Task<byte[]> ReadAtLeastAsync(int count)
    {
        var bytes = new List<byte>();
        while (bytes.Count < count)
        {
            var some = await ReadSomeAsync();
            Assert.NotEmpty(some);
            bytes.AddRange(some);
        }

        return [.. bytes];
    }

    /// <summary>Everything the other side still says until it closes.</summary>
    public async Task<string> ReadToEndAsync() =>
        Encoding.Latin1.GetString((await _reader.ReadUntilCloseAsync(_deadline.Token)).Content);

    /// <summary>
    /// Everything the other side says until it closes or has nothing more to say for a while. A server that waits for
    /// the rest of a request says nothing, which is right, and must not hold the test up.
    /// </summary>
    public async Task<string> ReadUntilQuietAsync(TimeSpan quiet)
    {
        var said = new StringBuilder();
        try
        {
            while (true)
            {
                using var silence = CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token);
                silence.CancelAfter(quiet);
                var some = await _reader.ReadSomeAsync(silence.Token);
                if (some.Length == 0)
                {
                    return said.ToString();
                }

                said.Append(Encoding.Latin1.GetString(some));
            }
        }
        catch (Exception ending) when (ending is IOException or OperationCanceledException)
        {
            return said.ToString();
        }
    }

    /// <summary>Tells the other side that no more will be sent.</summary>
    public void EndSending() => _tcp.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Leaves without a word (RST).</summary>
    public void Reset()
    {
        // Closing the stream would send a FIN first; only the bare socket resets.
        _tcp.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        _tcp.Client.Close();
    }

    public ValueTask DisposeAsync()
    {
        _deadline.Dispose();
        _tcp.Dispose();
        return ValueTask.CompletedTask;
    }

    private static int StatusOf(WireHead head) => int.Parse(head.FirstLine.Split(' ')[1], CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Net.Sockets;
using System.Text;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Events;

/// <summary>
/// A Redis of a test's own that keeps an append-only file unless it is told otherwise. It can be killed and comes back
/// at the same port with what its disk has.
/// </summary>
internal sealed class RedisProcess : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly int _port = RawUpstream.Nowhere().Port;
    private readonly string[] _arguments;
    private ChildProcess? _process;

    private RedisProcess(string[] arguments) => _arguments = arguments;

    public string Url => string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{_port}/0");

    /// <summary>Not yet running.</summary>
    public static RedisProcess Prepare(params string[] arguments) => new(arguments);

    public static async Task<RedisProcess> StartAsync(params string[] arguments)
    {
        var redis = Prepare(arguments);
        await redis.StartAsync();
        return redis;
    }

    /// <summary>Starts it, also again, and returns when it answers.</summary>
    public async Task StartAsync()
    {
        _process = ChildProcess.Start(
            "redis-server", _folder.Path, [],
            [
                "--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "yes", .. _arguments,
            ]);
        await Eventually.AnswersAsync(
            () => AskAsync("PING"), static answer => answer.StartsWith("+PONG", StringComparison.Ordinal),
            "Redis answered");
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        await _process!.KillAsync();
        await _process.DisposeAsync();
        _process = null;
    }

    /// <summary>What it says to a command; empty when it is not there.</summary>
    public async Task<string> AskAsync(string command)
    {
        try
        {
            await using var client = await RawClient.ConnectAsync(new Uri($"http://127.0.0.1:{_port}"));
            await client.SendAsync(command + "\r\n");
            return Encoding.Latin1.GetString(await client.ReadSomeAsync());
        }
        catch (Exception failure) when (failure is SocketException or IOException)
        {
            return string.Empty;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await (_process?.DisposeAsync() ?? ValueTask.CompletedTask);
        _folder.Dispose();
    }
}

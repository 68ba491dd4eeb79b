using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;
using Xunit;

namespace LlmProxy.Tests.Caching.Redis;

/// <summary>
/// A real Redis on loopback, empty, that keeps nothing on disk. It can be killed, frozen and started again.
/// </summary>
public sealed class RedisServer : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-redis-");
    private Process? _process;
    private ConnectionMultiplexer? _connection;

    public int Port { get; } = FreePort();

    public string Url => string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{Port}/0");

    /// <summary>What an attacker, or a test, may do to it.</summary>
    internal IDatabase Database => _connection!.GetDatabase();

    internal IServer Server => _connection!.GetServers().Single();

    public async ValueTask InitializeAsync() => await StartAsync();

    public async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo("redis-server",
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", _folder.FullName, "--loglevel", "warning",
        ])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        _connection ??= await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { "127.0.0.1", Port } },
            AbortOnConnectFail = false,
            AllowAdmin = true,
            ReconnectRetryPolicy = new LinearRetry(100),
        });
        await Eventually.HoldsAsync(() => _connection.IsConnected);
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public Task FreezeAsync() => SignalAsync("-STOP");

    public Task ThawAsync() => SignalAsync("-CONT");

    internal async Task<IReadOnlyList<RedisKey>> KeysAsync() =>
        await Server.KeysAsync(pattern: "*").ToListAsync(TestContext.Current.CancellationToken);

    /// <summary>Every key, field and value there is, as text of a byte a character.</summary>
    internal async Task<string> DumpAsync()
    {
        var text = new System.Text.StringBuilder();
        foreach (var key in await KeysAsync())
        {
            text.AppendLine(Latin(key));
            foreach (var entry in await Database.HashGetAllAsync(key))
            {
                text.AppendLine(Latin(entry.Name)).AppendLine(Latin(entry.Value));
            }
        }

        return text.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }

        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process?.Dispose();
        _folder.Delete(recursive: true);
    }

    private static string Latin(RedisValue value) => System.Text.Encoding.Latin1.GetString((byte[])value!);

    private static string Latin(RedisKey key) => System.Text.Encoding.Latin1.GetString((byte[])key!);

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [signal, _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

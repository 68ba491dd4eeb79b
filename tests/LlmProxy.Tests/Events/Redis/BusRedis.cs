using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using LlmProxy.Events.Redis;
using LlmProxy.Secrets;
using LlmProxy.Storage;
using LlmProxy.Tests.Caching.Redis;
using StackExchange.Redis;
using Xunit;

namespace LlmProxy.Tests.Events.Redis;

/// <summary>
/// A real Redis on loopback that keeps what it has in an append-only file. It can be killed, frozen and started again.
/// </summary>
public sealed class BusRedis : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("llm-proxy-bus-");
    private readonly string[] _arguments;
    private Process? _process;
    private ConnectionMultiplexer? _connection;

    public BusRedis()
        : this("--appendonly", "yes")
    {
    }

    internal BusRedis(params string[] arguments) => _arguments = arguments;

    public int Port { get; } = FreePort();

    internal IDatabase Database => _connection!.GetDatabase();

    internal IServer Server => _connection!.GetServers().Single();

    /// <summary>The stream of the tests. A client of it connects again sooner than one would in earnest.</summary>
    internal EventStream Stream(string? user = null, string? password = null)
    {
        var place = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");
        var address = RedisAddress.FromParts(
            place, user, password is null ? null : new Secret(password), 0, hasTls: false)!;
        address.Options.HeartbeatInterval = TimeSpan.FromMilliseconds(50);
        address.Options.ReconnectRetryPolicy = new LinearRetry(20);
        return new EventStream(address, "test-events");
    }

    public async ValueTask InitializeAsync() => await StartAsync();

    public async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo("redis-server",
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "",
            "--dir", _folder.FullName, "--loglevel", "warning", .. _arguments,
        ])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        _connection ??= await ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
        {
            EndPoints = { { "127.0.0.1", Port } },
            Password = _arguments is ["--requirepass", var password, ..] ? password : null,
            AbortOnConnectFail = false,
            AllowAdmin = true,
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            ReconnectRetryPolicy = new LinearRetry(20),
        });
        await Eventually.HoldsAsync(() => _connection.IsConnected);
        await Eventually.HoldsAsync(IsLoadedAsync);
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public Task FreezeAsync() => SignalAsync("-STOP");

    public Task ThawAsync() => SignalAsync("-CONT");

    /// <summary>The ids of all events in the stream, in its order.</summary>
    internal async Task<List<string>> IdsAsync() =>
        [.. (await Database.StreamRangeAsync(Stream().Name)).Select(static entry => entry["id"].ToString())];

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

    private async Task<bool> IsLoadedAsync()
    {
        try
        {
            await Database.PingAsync();
            return true;
        }
        catch (RedisException)
        {
            return false;
        }
    }

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

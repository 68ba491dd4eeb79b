using System.Net;
using System.Text;
using LlmProxy.Simulator.Wire;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace LlmProxy.Simulator;

/// <summary>
/// The embedded provider: an upstream that speaks OpenAI's and Anthropic's API, answers deterministically, costs
/// nothing, and misbehaves on request. For demos, tests and benchmarks.
/// </summary>
internal sealed class SimulatorServer : IAsyncDisposable
{
    private const long RequestHeadBytesMax = 60 * 1024;
    private const long ConnectionsMax = 20_000;

    // Requests that hang on purpose would otherwise hold up the end of the process.
    private static readonly TimeSpan StopPatience = TimeSpan.FromMilliseconds(500);

    private readonly WebApplication _app;

    private SimulatorServer(WebApplication app, Traffic traffic, Bill bill)
    {
        _app = app;
        (Traffic, Bill) = (traffic, bill);
        Address = new(app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
        Completion = app.WaitForShutdownAsync();
    }

    /// <summary>Where it listens, with the port that the system chose when 0 was asked for.</summary>
    public Uri Address { get; }

    /// <summary>Ends when the server has stopped.</summary>
    public Task Completion { get; }

    public Traffic Traffic { get; }

    public Bill Bill { get; }

    /// <summary>Starts the simulator; <paramref name="stop"/> ends it again, as disposing it does.</summary>
    /// <exception cref="IOException">The address is not free.</exception>
    public static Task<SimulatorServer> StartAsync(IPEndPoint endPoint, CancellationToken stop) =>
        StartAsync(endPoint, TimeProvider.System, stop);

    public static async Task<SimulatorServer> StartAsync(
        IPEndPoint endPoint,
        TimeProvider clock,
        CancellationToken stop)
    {
        var traffic = new Traffic();
        var app = Build(endPoint);
        var bill = new Bill();
        var front = new SimulatorFront(new(traffic, bill), traffic, bill, clock);
        app.UseWhen(
            static http => http.Request.Path == SimulatorRoutes.Realtime,
            static branch => branch.UseWebSockets());
        app.Run(front.ServeAsync);
        try
        {
            await app.StartAsync(stop);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var server = new SimulatorServer(app, traffic, bill);
        var registration = stop.UnsafeRegister(
            static app => ((WebApplication)app!).Lifetime.StopApplication(),
            app);
        app.Lifetime.ApplicationStopping.UnsafeRegister(
            static registration => ((CancellationTokenRegistration)registration!).Unregister(),
            registration);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _app.Lifetime.StopApplication();
        await Completion;
        await _app.DisposeAsync();
    }

    private static WebApplication Build(IPEndPoint endPoint)
    {
        // Empty, not slim: no configuration, no logging, no console lifetime. The process belongs to the caller.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = StopPatience);
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        builder.Services.Configure<SocketTransportOptions>(
            static sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestHeadersTotalSize = (int)RequestHeadBytesMax;
            kestrel.Limits.MaxConcurrentConnections = ConnectionsMax;
            // Latin-1 gives every byte a character, so that header values pass as they are in both directions.
            kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
            kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
            kestrel.Listen(endPoint, static listener =>
            {
                listener.Protocols = HttpProtocols.Http1;
                listener.Use(static next => connection => ObservedConnection.ServeAsync(next, connection));
            });
        });
        return builder.Build();
    }

    /// <summary>Leaves signals to whoever started the simulator.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

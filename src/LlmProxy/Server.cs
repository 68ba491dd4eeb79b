using System.Net;
using System.Text;
using LlmProxy.Caching;
using LlmProxy.Cli;
using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Redis;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events;
using LlmProxy.Events.Redis;
using LlmProxy.Http;
using LlmProxy.Limits;
using LlmProxy.Management;
using LlmProxy.Projects;
using LlmProxy.Providers;
using LlmProxy.Proxying;
using LlmProxy.Secrets;
using LlmProxy.Settings;
using LlmProxy.Storage;
using LlmProxy.Telemetry;
using LlmProxy.Tokens;
using LlmProxy.Usage.Statistics;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

namespace LlmProxy;

/// <summary>Puts the server together. The order of its lines is the order in which a request meets them.</summary>
internal static partial class Server
{
    /// <summary>Runs until <paramref name="stop"/>; answers the exit code.</summary>
    public static async Task<int> RunAsync(IReadOnlyDictionary<string, string?> flags, CancellationToken stop)
    {
        await using var running = await StartAsync(flags, stop);
        await running.Completion;
        return 0;
    }

    /// <summary>
    /// Starts and returns once requests are answered. Throws <see cref="StartFailure"/> with what is wrong.
    /// </summary>
    public static async Task<RunningProgram> StartAsync(
        IReadOnlyDictionary<string, string?> flags, CancellationToken stop)
    {
        var options = ReadSettings(ProcessSettings.Open(flags));
        EventLoop.Choose(options.Front.InlineScheduling);

        var app = Build(options);
        try
        {
            // First, so that it is disposed last and the log's last lines are written.
            _ = app.Services.GetRequiredService<LogWriter>();
            await app.Services.GetRequiredService<Database>().OpenAsync(stop);
            await app.Services.GetRequiredService<KeyRing>().OpenAsync(stop);
            await app.Services.GetRequiredService<ProjectDirectory>().ResealAsync();
            Map(app, options.Management.Token);
            await app.StartAsync(stop);
        }
        catch (IOException failure) when (failure is not FileNotFoundException)
        {
            await app.DisposeAsync();
            throw new StartFailure($"LISTEN_ADDR: {failure.Message}");
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var address = AddressOf(app);
        LogListening(app.Logger, address);
        return new RunningProgram(address, Draining.RunAsync(app, options.Front, stop), app);
    }

    /// <summary>Every setting of the server, in the order of the documentation.</summary>
    public static ServerOptions ReadSettings(SettingsReader settings)
    {
        var options = ReadFeatures(settings);
        settings.RefuseUnknown();
        return settings.Complaints.Count == 0
            ? options
            : throw new StartFailure(string.Join('\n', settings.Complaints));
    }

    /// <summary>
    /// Settings of every feature, and of the commands that are no server. What is wrong is collected.
    /// </summary>
    public static ServerOptions ReadFeatures(SettingsReader settings)
    {
        var storage = StorageOptions.Read(settings);
        var options = new ServerOptions(
            FrontOptions.Read(settings),
            ManagementOptions.Read(settings),
            storage,
            SecretsOptions.Read(settings),
            ProviderOptions.Read(settings),
            LimitsOptions.Read(settings),
            CacheOptions.Read(settings),
            UsageOptions.Read(settings),
            EventOptions.Read(settings),
            RedisBusOptions.Read(settings, $"{storage.Path}.events"),
            DispatcherOptions.ReadRotation(settings),
            TelemetryOptions.Read(settings));
        StreamSourceOptions.Read(settings, DispatcherOptions.Read(settings).Service);
        CommandSettings.AddTo(settings);
        return options;
    }

    private static WebApplication Build(ServerOptions options)
    {
        // The empty builder reads no variable of ASP.NET's own, so none can open what we have closed.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "llm-proxy" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, options.Front));
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = options.Front.InlineScheduling);
        builder.Services.AddSingleton<IHostLifetime, SignalsAreNotTheHosts>();
        builder.Services.AddRouting();
        builder.Services.AddTelemetry(options.Telemetry);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(options.Front);
        builder.Services.AddStorage(options.Storage);
        builder.Services.AddSecrets(options.Secrets);
        builder.Services.AddProviders(options.Providers);
        builder.Services.AddLimits(options.Limits);
        builder.Services.AddCaching(options.Caching);
        builder.Services.AddUsage(options.Usage);
        builder.Services.AddFileEventLog(options.Events, options.EventFile);
        if (options.Events is { IsOn: true, UsesRedis: true })
        {
            builder.Services.AddRedisBus(options.Events, options.RedisBus);
        }

        builder.Services.AddEvents(options.Events);
        builder.Services.AddProjects();
        builder.Services.AddTokens();
        builder.Services.AddManagement(options.Management, static (services, aborted) =>
            services.GetRequiredService<Database>().CheckAsync(aborted));
        builder.Services.AddProjectsApi();
        builder.Services.AddTokensApi();
        builder.Services.AddUsageApi();
        builder.Services.AddCacheApi();
        builder.Services.AddProxying();
        builder.Services.AddExplainApi();

        return builder.Build();
    }

    /// <summary>The way of a request, outermost first.</summary>
    private static void Map(WebApplication app, Secret managementToken)
    {
        app.UseFailureBoundary();   // outermost: whatever escapes becomes one answer and one log line
        app.UseFrontDoor(managementToken);  // id, front gate, and what is for a provider → ProxyPipeline
        app.UseRouting();
        MapOwn(app);
    }

    /// <summary>Everything that the proxy answers itself.</summary>
    public static void MapOwn(WebApplication app)
    {
        app.MapHealth();            // /health, /ready, /live
        app.MapApiDescription();    // /openapi.json
        app.MapApiPage();           // /docs
        var manage = app.MapManagement();
        manage.MapProjects();       // /manage/projects
        manage.MapTokens();         // /manage/tokens
        manage.MapExplain();        // /manage/tokens/{token}/explain
        manage.MapUsage();          // /manage/usage
        manage.MapCache();          // /manage/cache
    }

    private static void Configure(KestrelServerOptions kestrel, FrontOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector =
            static name => name == HeaderNames.Connection ? ConnectionOptions.Encoding : Encoding.Latin1;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;

        var limits = kestrel.Limits;
        limits.MaxConcurrentConnections = options.ConnectionsMax;
        limits.MaxConcurrentUpgradedConnections = options.ConnectionsMax;
        limits.MaxRequestBodySize = options.RequestBytesMax;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(75);

        // It does not see a reader that stands still; AnswerRelay has a deadline of its own.
        limits.MinResponseDataRate = null;

        foreach (var endPoint in options.Address.EndPoints)
        {
            kestrel.Listen(endPoint, static listen => listen.Protocols = HttpProtocols.Http1);
        }
    }

    private static Uri AddressOf(WebApplication app)
    {
        var bound = new Uri(app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First());
        return IPAddress.TryParse(bound.Host.Trim('[', ']'), out var host) && host.Equals(IPAddress.IPv6Any)
            ? new UriBuilder(bound) { Host = "127.0.0.1" }.Uri
            : bound;
    }

    [LoggerMessage(1, LogLevel.Information, "listening on {Address}")]
    private static partial void LogListening(ILogger log, Uri address);
}

/// <summary>What the server is started with, a part for each feature.</summary>
internal sealed record ServerOptions(
    FrontOptions Front,
    ManagementOptions Management,
    StorageOptions Storage,
    SecretsOptions Secrets,
    ProviderOptions Providers,
    LimitsOptions Limits,
    CacheOptions Caching,
    UsageOptions Usage,
    EventOptions Events,
    RedisBusOptions RedisBus,
    FileRotation EventFile,
    TelemetryOptions Telemetry);

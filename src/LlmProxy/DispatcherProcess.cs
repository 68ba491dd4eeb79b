using LlmProxy.Cli;
using LlmProxy.Dispatching;
using LlmProxy.Dispatching.Redis;
using LlmProxy.Dispatching.Sinks;
using LlmProxy.Events.Redis;
using LlmProxy.Settings;
using LlmProxy.Telemetry;

namespace LlmProxy;

/// <summary>
/// The program as a dispatcher: takes events from the Redis stream and delivers them to one service. Puts together what
/// <c>llm-proxy dispatcher</c> and its verbs need.
/// </summary>
internal static class DispatcherProcess
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan HeartbeatPause = TimeSpan.FromSeconds(5);

    /// <summary>For how long the batch in hand may take after the signal to stop.</summary>
    private static readonly TimeSpan LastBatch = TimeSpan.FromSeconds(10);

    /// <summary>Runs until <paramref name="stop"/>; answers the exit code.</summary>
    /// <param name="flags">Setting to value.</param>
    /// <param name="started">Called once events are delivered, with the address of health and metrics.</param>
    /// <param name="stop">Finish the batch in hand, hand back the rest.</param>
    public static async Task<int> RunAsync(
        IReadOnlyDictionary<string, string?> flags, Action<Uri?> started, CancellationToken stop)
    {
        var (options, source, telemetry) = Read(flags);
        await using var services = Services(telemetry);
        var clock = services.GetRequiredService<TimeProvider>();
        var logger = services.GetRequiredService<ILogger<Dispatcher>>();
        await using var sink = SinkTable.Open(options.Target, clock);
        await using var stream = OpenStream(source, services, clock);
        var tally = new DispatcherTally(clock);
        await using var health = await ListenAsync(options, tally, stream.Source, stop);
        var dispatcher = new Dispatcher(
            options.Service, stream.Source, sink,
            new DispatcherPace(
                options.Buffer, options.BatchSize, options.Retention, Wait, source.ClaimAfter / 3, LastBatch),
            tally, clock, logger);

        started(health?.Address);
        logger.Dispatching(options.Service);
        using var beating = new CancellationTokenSource();
        var heartbeat = BeatAsync(
            $"{options.Service}/{source.Consumer}", stream.Heartbeat, tally, clock, beating.Token);
        await dispatcher.RunAsync(stop);
        await beating.CancelAsync();
        await heartbeat;
        return ExitCode.Ok;
    }

    /// <summary>Puts dead letters back on the stream, for their service alone.</summary>
    public static async Task<ReplayReport> ReplayAsync(
        IReadOnlyDictionary<string, string?> flags, CancellationToken stop)
    {
        var (_, source, telemetry) = Read(flags);
        await using var services = Services(telemetry);
        var clock = services.GetRequiredService<TimeProvider>();
        await using var stream = OpenStream(source, services, clock);
        var letters = new DeadLetterStream(stream.Link, source.Stream, source.Group);
        var result = await letters.ReplayAsync(stop);
        return new ReplayReport(source.Group, result.Replayed, result.IsWhole);
    }

    /// <summary>How far behind each service is, and which dispatchers run; null when Redis is away.</summary>
    public static async Task<DispatchReport?> LookAsync(
        IReadOnlyDictionary<string, string?> flags, CancellationToken stop)
    {
        var (_, source, telemetry) = Read(flags);
        await using var services = Services(telemetry);
        var clock = services.GetRequiredService<TimeProvider>();
        await using var stream = OpenStream(source, services, clock);
        var report = await new DispatcherStatus(stream.Link, source.Stream, stream.Measure, stream.Heartbeat)
            .ReadAsync(stop);
        return report is null
            ? null
            : new DispatchReport(
                [.. report.Groups.Select(static group => new GroupReport(
                    group.Group, group.Backlog.Waiting, group.Backlog.Pending, group.Backlog.OldestAge,
                    group.Backlog.Dead, group.Backlog.TrimmedUnread))],
                [.. report.Dispatchers.Select(static one => new DispatcherReport(
                    one.Key, one.Value.Delivered, one.Value.PerSecond, one.Value.LastError, one.Value.At))]);
    }

    private static (DispatcherOptions Options, StreamSourceOptions Source, TelemetryOptions Telemetry) Read(
        IReadOnlyDictionary<string, string?> flags)
    {
        var settings = ProcessSettings.Open(flags);
        var options = DispatcherOptions.Read(settings);
        var source = StreamSourceOptions.Read(settings, options.Service);
        var telemetry = TelemetryOptions.Read(settings);
        KnowServerSettings(flags, settings);
        settings.RefuseUnknown();
        return settings.Complaints.Count == 0
            ? (options, source, telemetry)
            : throw new StartFailure(string.Join('\n', settings.Complaints));
    }

    /// <summary>The server's settings may stand in the same file; a name that nobody reads is a mistake.</summary>
    private static void KnowServerSettings(IReadOnlyDictionary<string, string?> flags, SettingsReader settings)
    {
        var all = ProcessSettings.Open(flags);
        Server.ReadFeatures(all);
        foreach (var setting in all.Known)
        {
            settings.AlsoKnown(setting.Name, setting.Meaning);
        }
    }

    private static ServiceProvider Services(TelemetryOptions telemetry)
    {
        var services = new ServiceCollection();
        services.AddTelemetry(telemetry);
        services.AddSingleton(TimeProvider.System);
        var provider = services.BuildServiceProvider();
        _ = provider.GetRequiredService<LogWriter>();
        return provider;
    }

    private static EventsInRedis OpenStream(StreamSourceOptions options, ServiceProvider services, TimeProvider clock)
    {
        var link = new StreamLink(
            options.Stream.Address, "nothing is delivered until it is back", clock,
            services.GetRequiredService<ILogger<StreamLink>>());
        var measure = new StreamMeasure(link, options.Stream, clock);
        return new EventsInRedis(
            link, measure, new Heartbeat(link, options.Stream, clock),
            new StreamSource(
                new StreamGroup(link, options, clock), measure, options, clock,
                services.GetRequiredService<ILogger<StreamSource>>()));
    }

    private static async Task<DispatcherHealth?> ListenAsync(
        DispatcherOptions options, DispatcherTally tally, IDeliverySource source, CancellationToken stop)
    {
        if (options.Address is not { } address)
        {
            return null;
        }

        try
        {
            return await DispatcherHealth.StartAsync(address.EndPoints, options.Service, tally, source, stop);
        }
        catch (IOException failure)
        {
            throw new StartFailure($"DISPATCHER_ADDR: {failure.Message}");
        }
    }

    private static async Task BeatAsync(
        string name, Heartbeat heartbeat, DispatcherTally tally, TimeProvider clock, CancellationToken end)
    {
        try
        {
            while (true)
            {
                var state = tally.Look();
                await heartbeat.WriteAsync(
                    name, state.Accepted, state.PerSecond, state.IsFailing ? state.LastFault : null, end);
                await Task.Delay(HeartbeatPause, clock, end);
            }
        }
        catch (OperationCanceledException)
        {
            using var bound = new CancellationTokenSource(Wait, clock);
            await heartbeat.RemoveAsync(name, bound.Token);
        }
    }

    /// <summary>The stream as a dispatcher uses it.</summary>
    private sealed record EventsInRedis(
        StreamLink Link, StreamMeasure Measure, Heartbeat Heartbeat, StreamSource Source) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Source.DisposeAsync();
            await Link.DisposeAsync();
        }
    }
}

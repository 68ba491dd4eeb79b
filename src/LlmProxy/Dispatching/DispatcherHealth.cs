using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Dispatching;

/// <summary>
/// Answers <c>/health</c> (JSON; 503 while the sink takes nothing or the bus is away) and <c>/metrics</c> (Prometheus
/// text) of a dispatcher.
/// </summary>
internal sealed class DispatcherHealth : IAsyncDisposable
{
    private static readonly TimeSpan MeasureBound = TimeSpan.FromSeconds(2);

    private readonly WebApplication _app;

    private DispatcherHealth(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features
            .GetRequiredFeature<IServerAddressesFeature>().Addresses.First());
    }

    /// <summary>With the port that the system chose when 0 was asked for.</summary>
    public Uri Address { get; }

    /// <exception cref="IOException">The address is not free.</exception>
    public static async Task<DispatcherHealth> StartAsync(
        IReadOnlyList<IPEndPoint> endPoints, string service, DispatcherTally tally, IDeliverySource source,
        CancellationToken stop)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 100;
            kestrel.Limits.MaxRequestBodySize = 0;
            foreach (var endPoint in endPoints)
            {
                kestrel.Listen(endPoint, static listen => listen.Protocols = HttpProtocols.Http1);
            }
        });
        var app = builder.Build();
        app.Run(http => AnswerAsync(http, service, tally, source));
        await app.StartAsync(stop);
        return new DispatcherHealth(app);
    }

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
    }

    private static async Task AnswerAsync(
        HttpContext http, string service, DispatcherTally tally, IDeliverySource source)
    {
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.XContentTypeOptions = "nosniff";
        var path = http.Request.Path;
        if (path != "/health" && path != "/metrics")
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
        {
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            http.Response.Headers.Allow = "GET, HEAD";
            return;
        }

        using var bound = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        bound.CancelAfter(MeasureBound);
        var backlog = await MeasureAsync(source, bound.Token);
        var state = tally.Look();
        if (path == "/metrics")
        {
            http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
            await http.Response.WriteAsync(Exposition(service, state, backlog), http.RequestAborted);
            return;
        }

        var isWell = backlog is not null && !state.IsFailing;
        http.Response.StatusCode = isWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "application/json";
        await http.Response.Body.WriteAsync(Report(service, state, backlog, isWell), http.RequestAborted);
    }

    private static async Task<Backlog?> MeasureAsync(IDeliverySource source, CancellationToken bound)
    {
        try
        {
            return await source.MeasureAsync(bound);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private static byte[] Report(string service, DispatcherState state, Backlog? backlog, bool isWell)
    {
        var written = new ArrayBufferWriter<byte>();
#pragma warning disable MA0045 // It writes to memory.
        using (var json = new Utf8JsonWriter(written))
#pragma warning restore MA0045
        {
            json.WriteStartObject();
            json.WriteString("status"u8, isWell ? "ok" : backlog is null ? "bus_away" : "sink_failing");
            json.WriteString("service"u8, service);
            json.WriteNumber("delivered"u8, state.Accepted);
            json.WriteNumber("per_second"u8, Math.Round(state.PerSecond, 1));
            json.WriteNumber("in_hand"u8, state.Held);
            json.WriteNumber("dead"u8, state.Dead);
            if (backlog is { } behind)
            {
                json.WriteNumber("lag"u8, behind.Waiting + behind.Pending);
                json.WriteNumber("oldest_seconds"u8, Math.Round(behind.OldestAge.TotalSeconds, 1));
                json.WriteNumber("dead_letters"u8, behind.Dead);
                json.WriteNumber("trimmed_unread"u8, behind.TrimmedUnread);
            }

            if (state.IsFailing && state.LastFault is { } fault)
            {
                json.WriteString("last_fault"u8, fault);
            }

            json.WriteEndObject();
        }

        return written.WrittenSpan.ToArray();
    }

    private static string Exposition(string service, DispatcherState state, Backlog? backlog)
    {
        var text = new StringBuilder();
        Add("delivered_total", "counter", "Events that the sink has accepted.", state.Accepted);
        Add("failed_deliveries_total", "counter", "Deliveries of an event that were not accepted.", state.Failed);
        Add("dead_total", "counter", "Events that were set aside.", state.Dead);
        Add("in_hand", "gauge", "Events taken from the bus and not settled.", state.Held);
        Add("sink_up", "gauge", "Whether the sink took something the last time.", state.IsFailing ? 0 : 1);
        Add("bus_up", "gauge", "Whether the bus can be asked.", backlog is null ? 0 : 1);
        if (backlog is { } behind)
        {
            Add("lag", "gauge", "Events that the sink does not have yet.", behind.Waiting + behind.Pending);
            Add("oldest_seconds", "gauge", "Age of the oldest of them.", behind.OldestAge.TotalSeconds);
            Add("dead_letters", "gauge", "Events among the dead letters.", behind.Dead);
            Add("trimmed_unread_total", "counter", "Events that the bus dropped before they were read.",
                behind.TrimmedUnread);
        }

        return text.ToString();

        void Add(string name, string kind, string help, double value) => text.Append(
            CultureInfo.InvariantCulture,
            $"""
            # HELP llm_proxy_dispatcher_{name} {help}
            # TYPE llm_proxy_dispatcher_{name} {kind}
            llm_proxy_dispatcher_{name}{'{'}service="{service}"{'}'} {value}

            """);
    }
}

using System.Diagnostics;
using System.Net;
using LlmProxy.Benchmarks.Load;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>
/// One row of the comparison: where it listens and how it is started, which is null when there is no proxy and the
/// client talks to the upstream itself. <c>ServesAll</c> is false when only the chat workload is of interest;
/// <c>Hits</c> is the method of requests that are answered from the cache in its place.
/// </summary>
internal sealed record Contestant(
    string Name,
    string Token,
    IPEndPoint Chat,
    IPEndPoint Streams,
    Func<ChildProcess>? Start,
    bool ServesAll = true,
    string? Hits = null)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <summary>For what was queued in the background, such as log lines, to be written and so to be counted.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(200);

    /// <summary>One round: started, warmed, loaded in each way, and stopped.</summary>
    public async Task<Figures> MeasureAsync(Plan plan, Upstreams upstreams, CancellationToken aborted)
    {
        var spawned = Stopwatch.GetTimestamp();
        await using var process = Start?.Invoke();
        var figures = new Figures();
        if (process is not null)
        {
            await Loopback.WaitForAnswerAsync(Chat, Token, process, aborted);
            figures.StartMilliseconds = Stopwatch.GetElapsedTime(spawned).TotalMilliseconds;
        }

        await MeasureChatAsync(figures, process, plan, aborted);
        if (ServesAll)
        {
            MeasureSingle(figures, process, plan, upstreams);
            await MeasureStreamsAsync(figures, process, plan, aborted);
        }

        figures.PeakMebibytes = process?.PeakMebibytes ?? double.NaN;
        return figures;
    }

    private async Task MeasureChatAsync(
        Figures figures, ChildProcess? process, Plan plan, CancellationToken aborted)
    {
        await Wrk.RunAsync(Chat, Token, Hits, WarmUp, plan.WrkScript, aborted);
        await SettleAsync(aborted);
        var before = process?.CpuTime;
        figures.Chat = await Wrk.RunAsync(Chat, Token, Hits, plan.ChatTime, plan.WrkScript, aborted);
        await SettleAsync(aborted);
        figures.ChatCpuMicroseconds = MicrosecondsEach(process?.CpuTime - before, figures.Chat.Requests);
    }

    private void MeasureSingle(Figures figures, ChildProcess? process, Plan plan, Upstreams upstreams)
    {
        if (process is null)
        {
            return;
        }

        using var proxied = new SingleConnection(Chat, Token);
        using var direct = new SingleConnection(upstreams.Chat, Token);
        figures.AddedMicroseconds =
            SingleConnection.MeasureAdded(proxied, direct, plan.SingleTime).TotalMicroseconds;
    }

    private async Task MeasureStreamsAsync(
        Figures figures, ChildProcess? process, Plan plan, CancellationToken aborted)
    {
        var clients = new StreamClients(Streams, "/streams/v1/chat/completions", Token);
        await clients.RunAsync(WarmUp / 2, aborted);
        await SettleAsync(aborted);
        var before = process?.CpuTime;
        figures.Streams = await clients.RunAsync(plan.StreamTime, aborted);
        await SettleAsync(aborted);
        figures.StreamCpuMicroseconds = MicrosecondsEach(process?.CpuTime - before, figures.Streams.Streams);
    }

    private static double MicrosecondsEach(TimeSpan? spent, long count) =>
        spent is { } time ? time.TotalMicroseconds / count : double.NaN;

    private static Task SettleAsync(CancellationToken aborted) =>
        Task.Delay(Settling, TimeProvider.System, aborted);
}

/// <summary>What one contestant showed in one round. NaN or null where it does not apply.</summary>
internal sealed class Figures
{
    public double StartMilliseconds { get; set; } = double.NaN;

    public double ChatCpuMicroseconds { get; set; } = double.NaN;

    public ChatLoad? Chat { get; set; }

    public double AddedMicroseconds { get; set; } = double.NaN;

    public double StreamCpuMicroseconds { get; set; } = double.NaN;

    public StreamLoad? Streams { get; set; }

    public double PeakMebibytes { get; set; } = double.NaN;
}

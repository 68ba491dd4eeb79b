using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using LlmProxy.Benchmarks.Load;

namespace LlmProxy.Benchmarks.SideBySide;

/// <summary>Collects the figures of all rounds and says in Markdown what they come to.</summary>
internal sealed class Report(IReadOnlyList<string> names)
{
    private readonly Dictionary<(int Round, string Name), Figures> _figures = [];

    public void Add(int round, string name, Figures figures) => _figures.Add((round, name), figures);

    public string ToMarkdown(Plan plan, Allocated allocated)
    {
        var text = new StringBuilder();
        AppendConditions(text, plan);
        AppendRequests(text);
        AppendStreams(text);
        AppendGoals(text, plan, allocated);
        return text.ToString();
    }

    private static void AppendConditions(StringBuilder text, Plan plan)
    {
        var model = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[^1];
        text.AppendLine(Invariant(
            $"""
            Measured by `make bench` on {TimeProvider.System.GetUtcNow():yyyy-MM-dd}: {Environment.ProcessorCount} cores
            ({model ?? "model unknown"}), {RuntimeInformation.OSDescription}; upstream, load and proxy share them.
            Medians of {plan.Rounds} rounds of {plan.Seconds} s per workload, ratios within a round (least–greatest).

            """));
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    /// <summary>A figure with its digits, or a dash where it does not apply.</summary>
    private static string Show(double figure, int digits) => double.IsFinite(figure)
        ? figure.ToString(digits == 0 ? "N0" : "F" + digits.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture)
        : "–";

    private void AppendRequests(StringBuilder text)
    {
        text.AppendLine(Invariant(
            $"""
            **Chat requests, {Wrk.Connections} connections** (and one connection: what the median request takes longer
            than without a proxy)

            | | CPU µs/request | ÷ nginx | requests/s | p50 ms | p99 ms | one connection: +µs | start ms | peak MiB |
            |---|---:|---:|---:|---:|---:|---:|---:|---:|
            """));
        foreach (var name in names)
        {
            text.Append("| ").AppendJoin(
                " | ",
                name,
                Show(Median(name, static one => one.ChatCpuMicroseconds), 1),
                ShowRatios(ChatRatios(name, Comparison.Reference)),
                Show(Median(name, static one => one.Chat?.PerSecond ?? double.NaN), 0),
                Show(Median(name, static one => one.Chat?.P50.TotalMilliseconds ?? double.NaN), 2),
                Show(Median(name, static one => one.Chat?.P99.TotalMilliseconds ?? double.NaN), 2),
                Show(Median(name, static one => one.AddedMicroseconds), 0),
                Show(Median(name, static one => one.StartMilliseconds), 0),
                Show(Median(name, static one => one.PeakMebibytes), 0)).AppendLine(" |");
        }

        text.AppendLine();
        var errors = _figures.Where(static one => one.Value.Chat?.Errors > 0)
            .Select(static one => Invariant($"{one.Key.Name} {one.Value.Chat?.Errors}")).ToList();
        if (errors.Count > 0)
        {
            text.AppendLine(Invariant($"Failed requests: {string.Join(", ", errors)}.")).AppendLine();
        }
    }

    private void AppendStreams(StringBuilder text)
    {
        text.AppendLine(Invariant(
            $"""
            **Streams of {StreamUpstream.Events} events, one every 5 ms, {StreamClients.Connections} at once**

            | | CPU µs/stream | ÷ nginx | first byte p50 ms | event delay p50 ms | event delay p99 ms |
            |---|---:|---:|---:|---:|---:|
            """));
        foreach (var name in names.Where(name => _figures[(0, name)].Streams is not null))
        {
            text.Append("| ").AppendJoin(
                " | ",
                name,
                Show(Median(name, static one => one.StreamCpuMicroseconds), 0),
                ShowRatios(StreamRatios(name)),
                Show(Median(name, static one => one.Streams?.FirstByteP50.TotalMilliseconds ?? double.NaN), 2),
                Show(Median(name, static one => one.Streams?.DelayP50.TotalMilliseconds ?? double.NaN), 2),
                Show(Median(name, static one => one.Streams?.DelayP99.TotalMilliseconds ?? double.NaN), 2))
                .AppendLine(" |");
        }

        text.AppendLine();
    }

    private void AppendGoals(StringBuilder text, Plan plan, Allocated allocated)
    {
        text.AppendLine(
            """
            **What llm-proxy is held to**

            | | goal | measured | |
            |---|---:|---:|---|
            """);
        Goal("CPU per request ÷ nginx", Samples.Median(ChatRatios(Comparison.Ours, Comparison.Reference)), 2.5, 2);
        Goal("CPU per stream ÷ nginx", Samples.Median(StreamRatios(Comparison.Ours)), 2.5, 2);
        Goal("peak memory, MiB", Median(Comparison.Ours, static one => one.PeakMebibytes), 50, 0);
        Goal("start to first answer, ms", Median(Comparison.Ours, static one => one.StartMilliseconds), 100, 0);
        Goal("added at one connection, ms",
            Median(Comparison.Ours, static one => one.AddedMicroseconds) / 1000, 0.1, 3);
        foreach (var filled in names.Where(static name =>
            name.EndsWith(Comparison.Filled, StringComparison.Ordinal)))
        {
            // Ten per cent is what this way of measuring can tell apart.
            Goal(
                Invariant($"CPU per request with {plan.Tokens:N0} tokens ÷ with one"),
                Samples.Median(ChatRatios(filled, Comparison.Ours)), 1.1, 2);
        }

        Goal("CPU per post from the cache ÷ nginx passing one on",
            Samples.Median(ChatRatios(Comparison.PostHit, Comparison.Reference)), 1.5, 2);
        Goal("CPU per list of models from the cache ÷ nginx passing a request on",
            Samples.Median(ChatRatios(Comparison.GetHit, Comparison.Reference)), 1.5, 2);
        AppendLimits();
        text.AppendLine(Invariant($"| allocated per request, bytes | | {Show(allocated.Unlimited, 0)} | |"));
        text.AppendLine(Invariant($"| the same, all limits on | | {Show(allocated.Limited, 0)} | |"));

        void AppendLimits()
        {
            foreach (var other in names.Where(static name => name is Comparison.Before or Comparison.Ours))
            {
                Goal(Invariant($"CPU per request, µs more with all limits on than {other}"),
                    Samples.Median(ChatDifferences(Comparison.Limited, other)), 6, 1);
                Goal(Invariant($"CPU per event of a stream, µs more with all limits on than {other}"),
                    Samples.Median(StreamDifferences(Comparison.Limited, other)) / StreamUpstream.Events, 6, 1);
            }
        }

        void Goal(string what, double measured, double most, int digits) => text.AppendLine(Invariant(
            $"| {what} | ≤ {most} | {Show(measured, digits)} | {(measured <= most ? "reached" : "**missed**")} |"));
    }

    private IEnumerable<Figures> Of(string name) =>
        _figures.Where(one => one.Key.Name == name).OrderBy(static one => one.Key.Round)
            .Select(static one => one.Value);

    private double Median(string name, Func<Figures, double> figure) => Samples.Median(Of(name).Select(figure));

    private List<double> ChatRatios(string name, string to) =>
        Ratios(name, to, static one => one.ChatCpuMicroseconds);

    private List<double> StreamRatios(string name) =>
        Ratios(name, Comparison.Reference, static one => one.StreamCpuMicroseconds);

    private List<double> ChatDifferences(string name, string to) => Of(name)
        .Zip(Of(to), static (one, other) => one.ChatCpuMicroseconds - other.ChatCpuMicroseconds).ToList();

    private List<double> StreamDifferences(string name, string to) => Of(name)
        .Zip(Of(to), static (one, other) => one.StreamCpuMicroseconds - other.StreamCpuMicroseconds).ToList();

    private List<double> Ratios(string name, string to, Func<Figures, double> figure) =>
        Of(name).Zip(Of(to), (one, other) => figure(one) / figure(other)).Where(double.IsFinite).ToList();

    private static string ShowRatios(List<double> ratios) => ratios.Count == 0
        ? "–"
        : $"{Show(Samples.Median(ratios), 2)} ({Show(ratios.Min(), 2)}–{Show(ratios.Max(), 2)})";
}

using System.Globalization;

namespace LlmProxy.Cli.Benchmark;

/// <summary>The result as a person reads it.</summary>
internal static class BenchmarkView
{
    public static void Show(Terminal terminal, BenchmarkReport report)
    {
        terminal.Print($"{report.Method} {report.Target}");
        List<(string Label, string Value)> fields =
        [
            ("Load", LoadOf(report)),
            ("Requests", RequestsOf(report)),
            ("Rate", RateOf(report)),
            ("Received", Text($"{report.BytesReceived:#,0} bytes")),
            ("Statuses", Counts(report.Statuses)),
        ];
        fields.AddRange(report.Failures.Where(static failure => failure.Value > 0).Select(failure =>
            ("Failed", FailureOf(failure.Key, failure.Value, report.FirstFailures))));
        if (report.Cache is not { Hit: 0, Miss: 0, Bypass: 0 })
        {
            fields.Add(("Cache", Text(
                $"{report.Cache.Hit} hits, {report.Cache.Miss} misses, {report.Cache.Bypass} bypassed")));
        }

        if (report.Tokens.Reported > 0)
        {
            fields.Add(("Tokens", Text($"{report.Tokens.Prompt} of prompts, {report.Tokens.Completion} of answers: ")
                + Text($"{report.Tokens.CompletionPerSecond} a second")));
        }

        Report.Fields(terminal, [.. fields]);
        ShowTimes(terminal, report);
    }

    private static void ShowTimes(Terminal terminal, BenchmarkReport report)
    {
        // In a closed loop a request is due when it is sent, so these would say the same again.
        var isOpen = report.Loop == "open";
        (string Label, Spread? Spread)[] rows =
        [
            ("latency", report.LatencyMs),
            ("failed", report.FailedLatencyMs),
            ("send delay", isOpen ? report.SendDelayMs : null),
            ("service", isOpen ? report.ServiceMs : null),
            ("first byte", report.FirstByteMs),
            ("first token", report.FirstTokenMs),
            ("chunk delay", report.ChunkDelayMs),
            ("proxy", report.ProxyMs),
            ("upstream", report.UpstreamMs),
        ];
        if (!Array.Exists(rows, static row => row.Spread is not null))
        {
            return;
        }

        terminal.Print(string.Empty);
        Report.Table(
            terminal,
            ["MILLISECONDS", "MEAN", "P50", "P75", "P90", "P95", "P99", "P99.9", "MAX"],
            rows.Where(static row => row.Spread is not null).Select(static row => CellsOf(row.Label, row.Spread!)));
    }

    private static IReadOnlyList<string> CellsOf(string label, Spread spread) =>
    [
        label, Ms(spread.Mean), Ms(spread.P50), Ms(spread.P75), Ms(spread.P90), Ms(spread.P95), Ms(spread.P99),
        Ms(spread.P999), Ms(spread.Max),
    ];

    private static string LoadOf(BenchmarkReport report) => report.RequestsPerSecondAsked is { } rate
        ? Text($"open loop, {rate} requests a second, at most {report.Concurrency} at once")
        : Text($"closed loop, {report.Concurrency} at once");

    private static string RequestsOf(BenchmarkReport report)
    {
        var text = Text($"{report.Requests} in {report.DurationSeconds} s: {report.Succeeded} succeeded, ")
            + Text($"{report.Failed} failed ({report.FailurePercent} %)");
        return report.Interrupted ? text + Text($", {report.Unfinished} broken off") : text;
    }

    private static string RateOf(BenchmarkReport report)
    {
        var text = Text($"{report.RequestsPerSecond} requests a second");
        return report.RequestsPerSecondAsked is { } asked ? text + Text($" of {asked} asked for") : text;
    }

    private static string FailureOf(string kind, long count, IReadOnlyDictionary<string, string> complaints)
    {
        var text = Text($"{count} {kind}");
        return complaints.TryGetValue(kind, out var complaint) ? $"{text}, first: {complaint}" : text;
    }

    private static string Counts(IReadOnlyDictionary<string, long> counts) => counts.Count == 0
        ? "none"
        : string.Join(", ", counts.Select(static pair => Text($"{pair.Value} with {pair.Key}")));

    private static string Ms(double milliseconds) => Text($"{milliseconds:0.00}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

namespace LlmProxy.Cli.Benchmark;

/// <summary>What a result means to a script, in the words of <see cref="ExitCode"/>.</summary>
internal static class BenchmarkVerdict
{
    // Nobody answered, or the server failed.
    private static readonly FailureKind[] OfTheNetwork =
        [FailureKind.Timeout, FailureKind.Connect, FailureKind.Reset, FailureKind.Http5xx, FailureKind.NotSent];

    /// <param name="report">The result.</param>
    /// <param name="failurePercentMax">So many failures are fine.</param>
    public static int ExitCodeOf(BenchmarkReport report, double failurePercentMax)
    {
        if (report.Interrupted)
        {
            return ExitCode.Interrupted;
        }

        // Not the percentage of the report, which is rounded.
        if (report.Failed * 100.0 <= failurePercentMax * report.Requests)
        {
            return ExitCode.Ok;
        }

        if (report.Succeeded > 0)
        {
            return ExitCode.Refused;
        }

        return report switch
        {
            _ when OfTheNetwork.Sum(kind => report.Failures[Tally.NameOf(kind)]) == report.Failed => ExitCode.Network,
            _ when report.Statuses.GetValueOrDefault("401") == report.Failed => ExitCode.Authentication,
            _ => ExitCode.Refused,
        };
    }
}

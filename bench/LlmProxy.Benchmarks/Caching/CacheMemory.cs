using System.Collections.ObjectModel;
using System.Diagnostics;
using System.Globalization;

namespace LlmProxy.Benchmarks.Caching;

/// <summary>
/// Whether the memory store stays below its limit under any number of distinct answers: a process of its own for each
/// limit, with the collector's settings of the product.
/// </summary>
internal static class CacheMemory
{
    private const int SmallBytesMax = 4_096;

    private static readonly ReadOnlyCollection<int> LimitsMebibytes = [16, 64, 256];

    public static async Task<int> RunAsync(int answers, CancellationToken aborted)
    {
        foreach (var limit in LimitsMebibytes)
        {
            await FillAsync(limit, answers, SmallBytesMax, double.PositiveInfinity, aborted);
            await FillAsync(limit, answers / 20, SmallBytesMax, 2_000, aborted);
        }

        return 0;
    }

    private static async Task FillAsync(
        int limit, int answers, int bodyBytesMax, double perSecond, CancellationToken aborted)
    {
        string[] arguments =
        [
            "cache-fill", "--limit", Text(limit), "--answers", Text(answers), "--body-bytes", Text(bodyBytesMax),
            "--per-second", perSecond.ToString(CultureInfo.InvariantCulture),
        ];
        var start = new ProcessStartInfo(Environment.ProcessPath!, arguments);

        // As in LlmProxy.csproj; hexadecimal.
        start.Environment["DOTNET_GCgen0size"] = "400000";
        start.Environment["DOTNET_gcServer"] = "0";
        using var process = Process.Start(start) ?? throw new InvalidOperationException("It did not start.");
        await process.WaitForExitAsync(aborted);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
